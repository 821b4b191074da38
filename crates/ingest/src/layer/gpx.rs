//! GPX 1.1 and 1.0: waypoints, routes and tracks, in longitude and latitude on WGS 84.
//!
//! A waypoint is a point, a route a line, and a track one line for each of its segments.
//! `kind` tells them apart. The elevations and times of the points of routes and tracks
//! are kept as `ele_min`, `ele_max`, `begin` and `end`.

use std::io::Read;

use geo_types::{Coord, Geometry, LineString, MultiLineString, Point};
use model::Value;

use super::raw::{ColumnsByName, FileCrs, Notes, RawFeature, RawGeometry, RawLayer, Refusal};
use super::xml::{Step, Xml};

/// Kinds of features: their element, their name as a layer, and in the column `kind`.
const KINDS: [(&str, &str, &str); 3] = [
    ("wpt", "waypoints", "waypoint"),
    ("rte", "routes", "route"),
    ("trk", "tracks", "track"),
];

/// Reads GPX: everything, or what the layer called `wanted` holds.
pub(crate) fn read_gpx(document: impl Read, wanted: Option<&str>) -> Result<RawLayer, Refusal> {
    if let Some(wanted) = wanted
        && !KINDS.iter().any(|(_, layer, _)| *layer == wanted)
    {
        return Err(Refusal::new(format!(
            "has no layer {wanted:?}; GPX has: waypoints, routes, tracks"
        )));
    }
    let mut reading = Reading {
        xml: Xml::new(document)?,
        layer: RawLayer {
            crs: FileCrs::Code("EPSG:4326".to_owned()),
            ..RawLayer::default()
        },
        columns: ColumnsByName::default(),
        number: 0,
    };
    if reading.xml.step()? != Step::Start {
        return Err(Refusal::new("holds no element: fetch or export it again"));
    }
    while reading.xml.step()? == Step::Start {
        let name = reading.xml.name();
        match KINDS.iter().find(|(element, ..)| *element == name) {
            Some((_, layer, kind)) if wanted.is_none_or(|wanted| wanted == *layer) => {
                reading.feature(kind)?;
            }
            _ => reading.xml.skip()?,
        }
    }
    reading.xml.step()?;
    Ok(reading.layer)
}

struct Reading<R: Read> {
    xml: Xml<R>,
    layer: RawLayer,
    columns: ColumnsByName,
    /// Features met.
    number: u64,
}

/// Points of a route or of a segment, and what they say beside their place.
#[derive(Default)]
struct Points {
    path: Vec<Coord<f64>>,
    /// The first position that is none.
    bad: Option<String>,
    begin: Option<String>,
    end: Option<String>,
    ele: Option<[f64; 2]>,
}

impl<R: Read> Reading<R> {
    /// Reads a feature that has just started, to its end.
    fn feature(&mut self, kind: &str) -> Result<(), Refusal> {
        self.number += 1;
        let mut values = Vec::new();
        self.set("kind", kind, &mut values)?;
        let mut points = Points::default();
        let mut lines = Vec::new();
        if kind == "waypoint" {
            points.place(self.xml.attribute("lon"), self.xml.attribute("lat"));
        }
        while self.xml.step()? == Step::Start {
            match self.xml.name() {
                "rtept" => self.point(&mut points)?,
                "trkseg" => {
                    while self.xml.step()? == Step::Start {
                        if self.xml.name() == "trkpt" {
                            self.point(&mut points)?;
                        } else {
                            self.xml.skip()?;
                        }
                    }
                    lines.push(LineString(std::mem::take(&mut points.path)));
                }
                "link" => {
                    let href = self.xml.attribute("href").unwrap_or_default().to_owned();
                    self.xml.skip()?;
                    self.set("link", &href, &mut values)?;
                }
                "extensions" => self.xml.skip()?,
                name => {
                    let name = name.to_owned();
                    let text = self.xml.text_of_element()?;
                    self.set(&name, &text, &mut values)?;
                }
            }
        }
        let times = [("begin", points.begin), ("end", points.end)];
        for (name, time) in times {
            self.set(name, &time.unwrap_or_default(), &mut values)?;
        }
        if let Some([min, max]) = points.ele {
            self.set("ele_min", &min.to_string(), &mut values)?;
            self.set("ele_max", &max.to_string(), &mut values)?;
        }
        let notes = Notes::default();
        let geometry = match (points.bad, kind) {
            (Some(reason), _) => RawGeometry::unusable("bad_geometry", reason),
            (None, "waypoint") => points.path.first().map_or(RawGeometry::None, |at| {
                let geometry = Geometry::Point(Point(*at));
                RawGeometry::Some { geometry, notes }
            }),
            (None, "route") => RawGeometry::Some {
                geometry: Geometry::LineString(LineString(points.path)),
                notes,
            },
            (None, _) => RawGeometry::Some {
                geometry: Geometry::MultiLineString(MultiLineString(lines)),
                notes,
            },
        };
        self.layer.push(RawFeature {
            number: self.number,
            key: None,
            geometry,
            values,
        })
    }

    fn set(&mut self, name: &str, text: &str, values: &mut Vec<Value>) -> Result<(), Refusal> {
        self.columns.set(name, text, values, &mut self.layer)
    }

    /// Reads a point of a route or track that has just started.
    fn point(&mut self, points: &mut Points) -> Result<(), Refusal> {
        points.place(self.xml.attribute("lon"), self.xml.attribute("lat"));
        while self.xml.step()? == Step::Start {
            match self.xml.name() {
                "ele" => {
                    let text = self.xml.text_of_element()?;
                    points.elevation(text.trim());
                }
                "time" => {
                    let time = self.xml.text_of_element()?.trim().to_owned();
                    points.begin.get_or_insert_with(|| time.clone());
                    points.end = Some(time);
                }
                _ => self.xml.skip()?,
            }
        }
        Ok(())
    }
}

impl Points {
    fn place(&mut self, lon: Option<&str>, lat: Option<&str>) {
        let number = |text: Option<&str>| text.and_then(|text| text.trim().parse::<f64>().ok());
        match (number(lon), number(lat)) {
            (Some(x), Some(y)) => self.path.push(Coord { x, y }),
            _ => {
                self.bad
                    .get_or_insert_with(|| format!("{lon:?} and {lat:?} are no position"));
            }
        }
    }

    fn elevation(&mut self, text: &str) {
        if let Ok(ele) = text.parse::<f64>()
            && ele.is_finite()
        {
            let [min, max] = self.ele.unwrap_or([ele, ele]);
            self.ele = Some([min.min(ele), max.max(ele)]);
        }
    }
}
