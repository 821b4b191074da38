//! KML 2.2 and 2.3 (OGC 12-007r2): every placemark of every folder, in longitude and
//! latitude on WGS 84.
//!
//! A placemark's attributes are its name, description and address, its times, the names
//! of its folders, and its extended data. Styles, views, overlays and what is linked on
//! the network are passed over; the last two are counted.

use std::io::Read;

use geo_types::{
    Coord, Geometry, GeometryCollection, LineString, MultiLineString, MultiPoint, MultiPolygon,
    Point, Polygon,
};
use model::Value;

use crate::report::Outcome;

use super::raw::{ColumnsByName, FileCrs, Notes, RawFeature, RawGeometry, RawLayer, Refusal};
use super::xml::{Step, Xml};

/// Elements of a placemark that become attributes as they stand.
const TEXTS: &[&str] = &[
    "name",
    "description",
    "address",
    "phoneNumber",
    "snippet",
    "Snippet",
];

/// Elements of a placemark that are geometries.
const GEOMETRIES: &[&str] = &[
    "Point",
    "LineString",
    "LinearRing",
    "Polygon",
    "MultiGeometry",
    "Model",
    "Track",
    "MultiTrack",
];

/// Reads one KML document.
pub(crate) fn read_kml(document: impl Read) -> Result<RawLayer, Refusal> {
    let mut reading = Reading::default();
    reading.document(document, &[])?;
    Ok(reading.layer)
}

/// Reads the KML documents of an archive, by name, as one layer.
pub(crate) fn read_kmz(documents: &[(String, Vec<u8>)]) -> Result<RawLayer, Refusal> {
    let names: Vec<&str> = documents.iter().map(|(name, _)| name.as_str()).collect();
    let mut reading = Reading::default();
    for (name, document) in documents {
        reading
            .document(document.as_slice(), &names)
            .map_err(|Refusal(what)| Refusal(format!("has {name:?}, which {what}")))?;
    }
    Ok(reading.layer)
}

/// All that was read so far.
struct Reading {
    layer: RawLayer,
    columns: ColumnsByName,
    /// Placemarks met.
    number: u64,
}

impl Default for Reading {
    fn default() -> Reading {
        Reading {
            layer: RawLayer {
                crs: FileCrs::Code("EPSG:4326".to_owned()),
                ..RawLayer::default()
            },
            columns: ColumnsByName::default(),
            number: 0,
        }
    }
}

impl Reading {
    /// Reads a document; `beside` are the documents that are read as well.
    fn document(&mut self, document: impl Read, beside: &[&str]) -> Result<(), Refusal> {
        let mut document = Document {
            xml: Xml::new(document)?,
            reading: self,
            folders: Vec::new(),
            beside,
            is_empty: true,
        };
        if document.xml.step()? != Step::Start {
            return Err(Refusal::new("holds no element: fetch or export it again"));
        }
        document.container()?;
        if document.is_empty {
            return Err(Refusal::new(
                "is KML without a document or placemark: fetch or export it again",
            ));
        }
        document.xml.step()?;
        Ok(())
    }
}

/// A document that is being read.
struct Document<'a, R: Read> {
    xml: Xml<R>,
    reading: &'a mut Reading,
    /// Names of the folders around.
    folders: Vec<String>,
    beside: &'a [&'a str],
    /// Whether nothing has come that KML is made of.
    is_empty: bool,
}

/// Why reading a geometry stopped: of the file, or of the geometry under a code.
enum Stop {
    File(Refusal),
    Geometry(&'static str, String),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::File(refusal)
    }
}

fn bad(reason: impl Into<String>) -> Stop {
    Stop::Geometry("bad_geometry", reason.into())
}

impl<R: Read> Document<'_, R> {
    /// Reads a document or folder that has just started, to its end.
    fn container(&mut self) -> Result<(), Refusal> {
        let is_folder = self.xml.name() == "Folder";
        let around = self.folders.len();
        while self.xml.step()? == Step::Start {
            self.is_empty = false;
            match self.xml.name() {
                "name" if is_folder => {
                    let name = self.xml.text_of_element()?;
                    self.folders.truncate(around);
                    self.folders.push(name.trim().to_owned());
                }
                "Document" | "Folder" => self.container()?,
                "Placemark" => self.placemark()?,
                "NetworkLink" => self.network_link()?,
                other @ ("GroundOverlay" | "ScreenOverlay" | "PhotoOverlay" | "Tour") => {
                    let what = format!("line {}: {other} is no feature", self.xml.line());
                    let report = &mut self.reading.layer.report;
                    report.count("overlay", Outcome::LeftOut, || what);
                    self.xml.skip()?;
                }
                _ => self.xml.skip()?,
            }
        }
        self.folders.truncate(around);
        Ok(())
    }

    /// Counts a link to what is not read.
    fn network_link(&mut self) -> Result<(), Refusal> {
        let line = self.xml.line();
        let depth = self.xml.depth();
        let mut target = String::new();
        while self.xml.depth() >= depth {
            if self.xml.step()? == Step::Start && self.xml.name() == "href" {
                target = self.xml.text_of_element()?.trim().to_owned();
            }
        }
        if !self.beside.contains(&target.as_str()) {
            let report = &mut self.reading.layer.report;
            report.count("network_link", Outcome::LeftOut, || {
                let target: String = target.chars().take(100).collect();
                format!("line {line}: {target:?} is not followed")
            });
        }
        Ok(())
    }

    fn placemark(&mut self) -> Result<(), Refusal> {
        self.reading.number += 1;
        let key = self.xml.attribute("id").map(str::to_owned);
        let mut values = Vec::new();
        let mut geometry = RawGeometry::None;
        if !self.folders.is_empty() {
            let folder = self.folders.join("/");
            self.set("folder", &folder, &mut values)?;
        }
        while self.xml.step()? == Step::Start {
            let name = self.xml.name().to_owned();
            match name.as_str() {
                name if TEXTS.contains(&name) => {
                    let text = self.xml.text_of_element()?;
                    self.set(name, &text, &mut values)?;
                }
                "ExtendedData" => self.extended_data(&mut values)?,
                "TimeStamp" | "TimeSpan" => {
                    while self.xml.step()? == Step::Start {
                        let name = self.xml.name().to_owned();
                        let text = self.xml.text_of_element()?;
                        self.set(&name, &text, &mut values)?;
                    }
                }
                name if GEOMETRIES.contains(&name) => geometry = self.raw_geometry()?,
                _ => self.xml.skip()?,
            }
        }
        let number = self.reading.number;
        self.reading.layer.push(RawFeature {
            number,
            key,
            geometry,
            values,
        })
    }

    fn set(&mut self, name: &str, text: &str, values: &mut Vec<Value>) -> Result<(), Refusal> {
        let Reading { layer, columns, .. } = &mut *self.reading;
        columns.set(name, text, values, layer)
    }

    /// Reads `<Data name="…"><value>` and `<SchemaData><SimpleData name="…">`.
    fn extended_data(&mut self, values: &mut Vec<Value>) -> Result<(), Refusal> {
        while self.xml.step()? == Step::Start {
            let is_schema = self.xml.name() == "SchemaData";
            let name = self.xml.attribute("name").map(str::to_owned);
            while self.xml.step()? == Step::Start {
                let inner = self.xml.attribute("name").map(str::to_owned);
                let name = match (is_schema, self.xml.name()) {
                    (true, "SimpleData") => inner,
                    (false, "value") => name.clone(),
                    _ => None,
                };
                let text = self.xml.text_of_element()?;
                if let Some(name) = name {
                    self.set(&name, &text, values)?;
                }
            }
        }
        Ok(())
    }

    /// Reads a geometry that has just started, to its end, good or bad.
    fn raw_geometry(&mut self) -> Result<RawGeometry, Refusal> {
        let depth = self.xml.depth();
        let mut notes = Notes::default();
        match self.geometry(&mut notes) {
            Ok(geometry) => Ok(RawGeometry::Some { geometry, notes }),
            Err(Stop::File(refusal)) => Err(refusal),
            Err(Stop::Geometry(code, reason)) => {
                let line = self.xml.line();
                self.xml.leave(depth)?;
                Ok(RawGeometry::unusable(
                    code,
                    format!("{reason} (line {line})"),
                ))
            }
        }
    }

    fn geometry(&mut self, notes: &mut Notes) -> Result<Geometry<f64>, Stop> {
        Ok(match self.xml.name() {
            "Point" => match self.coordinates(notes)?.as_slice() {
                [] => Geometry::MultiPoint(MultiPoint(Vec::new())),
                [at] => Geometry::Point(Point(*at)),
                _ => return Err(bad("a Point of several positions")),
            },
            "LineString" | "LinearRing" => {
                Geometry::LineString(LineString(self.coordinates(notes)?))
            }
            "Polygon" => Geometry::Polygon(self.polygon(notes)?),
            "MultiGeometry" => {
                let mut members = Vec::new();
                while self.xml.step()? == Step::Start {
                    if GEOMETRIES.contains(&self.xml.name()) {
                        members.push(self.geometry(notes)?);
                    } else {
                        self.xml.skip()?;
                    }
                }
                of_one_kind(members)
            }
            "Track" => Geometry::LineString(LineString(self.track(notes)?)),
            "MultiTrack" => {
                let mut lines = Vec::new();
                while self.xml.step()? == Step::Start {
                    if self.xml.name() == "Track" {
                        lines.push(LineString(self.track(notes)?));
                    } else {
                        self.xml.skip()?;
                    }
                }
                Geometry::MultiLineString(MultiLineString(lines))
            }
            other => {
                let reason = format!("{other} is not read: export its footprint");
                return Err(Stop::Geometry("unsupported_geometry", reason));
            }
        })
    }

    /// Reads the `<coordinates>` of a geometry that has just started.
    fn coordinates(&mut self, notes: &mut Notes) -> Result<Vec<Coord<f64>>, Stop> {
        let mut path = Vec::new();
        while self.xml.step()? == Step::Start {
            if self.xml.name() == "coordinates" {
                let text = self.xml.text_of_element()?;
                read_coordinates(&text, &mut path, notes)?;
            } else {
                self.xml.skip()?;
            }
        }
        Ok(path)
    }

    fn polygon(&mut self, notes: &mut Notes) -> Result<Polygon<f64>, Stop> {
        let mut exterior = LineString(Vec::new());
        let mut interiors = Vec::new();
        while self.xml.step()? == Step::Start {
            let is_exterior = match self.xml.name() {
                "outerBoundaryIs" => true,
                "innerBoundaryIs" => false,
                _ => {
                    self.xml.skip()?;
                    continue;
                }
            };
            // Some programs put all inner rings into one boundary.
            while self.xml.step()? == Step::Start {
                let path = self.coordinates(notes)?;
                let ring = notes.ring(path);
                if is_exterior {
                    exterior = ring;
                } else {
                    interiors.push(ring);
                }
            }
        }
        Ok(Polygon::new(exterior, interiors))
    }

    /// Reads the positions of a track of Google's extension: `<gx:coord>lon lat alt`.
    fn track(&mut self, notes: &mut Notes) -> Result<Vec<Coord<f64>>, Stop> {
        let mut path = Vec::new();
        while self.xml.step()? == Step::Start {
            if self.xml.name() != "coord" {
                self.xml.skip()?;
                continue;
            }
            let text = self.xml.text_of_element()?;
            let numbers: Vec<&str> = text.split_ascii_whitespace().collect();
            // A moment without a position.
            if !numbers.is_empty() {
                path.push(position(&numbers, notes)?);
            }
        }
        Ok(path)
    }
}

/// Reads `lon,lat[,alt] lon,lat[,alt] …`; some programs write spaces after commas.
fn read_coordinates(text: &str, path: &mut Vec<Coord<f64>>, notes: &mut Notes) -> Result<(), Stop> {
    let mut numbers: Vec<&str> = Vec::new();
    let mut goes_on = false;
    for word in text.split_whitespace() {
        if !goes_on && !word.starts_with(',') && !numbers.is_empty() {
            path.push(position(&numbers, notes)?);
            numbers.clear();
        }
        numbers.extend(word.split(',').filter(|number| !number.is_empty()));
        goes_on = word.ends_with(',');
    }
    if !numbers.is_empty() {
        path.push(position(&numbers, notes)?);
    }
    Ok(())
}

fn position(numbers: &[&str], notes: &mut Notes) -> Result<Coord<f64>, Stop> {
    let number = |text: &str| {
        text.parse::<f64>().map_err(|_| {
            let start: String = text.chars().take(20).collect();
            bad(format!("{start:?} where a coordinate should be"))
        })
    };
    match numbers {
        [lon, lat, more @ ..] if more.len() <= 1 => {
            // Nought is what is written where no altitude is known.
            notes.flattened |= more
                .iter()
                .any(|alt| number(alt).is_ok_and(|alt| alt != 0.0));
            Ok(Coord {
                x: number(lon)?,
                y: number(lat)?,
            })
        }
        _ => Err(bad(format!(
            "{} numbers where a position should be",
            numbers.len()
        ))),
    }
}

/// A collection as a multi-geometry, if its members are all alike.
fn of_one_kind(members: Vec<Geometry<f64>>) -> Geometry<f64> {
    let all = |is: fn(&Geometry<f64>) -> bool| !members.is_empty() && members.iter().all(is);
    if all(|g| matches!(g, Geometry::Point(_))) {
        let points = members.into_iter().filter_map(|g| Point::try_from(g).ok());
        Geometry::MultiPoint(MultiPoint(points.collect()))
    } else if all(|g| matches!(g, Geometry::LineString(_))) {
        let lines = members
            .into_iter()
            .filter_map(|g| LineString::try_from(g).ok());
        Geometry::MultiLineString(MultiLineString(lines.collect()))
    } else if all(|g| matches!(g, Geometry::Polygon(_))) {
        let polygons = members
            .into_iter()
            .filter_map(|g| Polygon::try_from(g).ok());
        Geometry::MultiPolygon(MultiPolygon(polygons.collect()))
    } else {
        Geometry::GeometryCollection(GeometryCollection(members))
    }
}
