//! Geometries of GML, of straight segments; whatever nests, nests no deeper than
//! the reader of XML allows.

use std::io::Read;

use geo_types::{
    Coord, Geometry, GeometryCollection, LineString, MultiLineString, MultiPoint, MultiPolygon,
    Point, Polygon,
};

use super::super::raw::{Notes, RawGeometry, Refusal};
use super::super::xml::Step;
use super::Reading;
use super::frame::Context;

/// Elements that are geometries, or stand where one should.
const GEOMETRIES: &[&str] = &[
    "Point",
    "LineString",
    "LinearRing",
    "Curve",
    "OrientableCurve",
    "CompositeCurve",
    "Ring",
    "Polygon",
    "Surface",
    "OrientableSurface",
    "CompositeSurface",
    "PolyhedralSurface",
    "TriangulatedSurface",
    "Tin",
    "MultiPoint",
    "MultiCurve",
    "MultiLineString",
    "MultiSurface",
    "MultiPolygon",
    "MultiGeometry",
    "GeometricComplex",
    "Solid",
    "CompositeSolid",
    "MultiSolid",
];

pub(super) fn is_geometry(name: &str) -> bool {
    GEOMETRIES.contains(&name)
}

/// Why reading a geometry stopped.
enum Stop {
    /// The file is of no use.
    File(Refusal),
    /// The geometry is of no use, under a code and for a reason.
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

fn curved(name: &str) -> Stop {
    let reason = format!("{name} is not read: export it as straight segments");
    Stop::Geometry("curved_geometry", reason)
}

impl<R: Read> Reading<'_, R> {
    /// Reads a geometry that has just started, to its end, good or bad.
    pub(super) fn read_geometry(&mut self, context: &Context) -> Result<RawGeometry, Refusal> {
        let depth = self.xml.depth();
        let mut notes = Notes::default();
        match self.geometry_of(context, &mut notes) {
            Ok(geometry) => Ok(RawGeometry::Some { geometry, notes }),
            Err(Stop::File(refusal)) => Err(refusal),
            Err(Stop::Geometry(code, reason)) => {
                let line = self.xml.line();
                self.xml.leave(depth)?;
                let reason = format!("{reason} (line {line})");
                Ok(RawGeometry::unusable(code, reason))
            }
        }
    }

    fn geometry_of(&mut self, context: &Context, notes: &mut Notes) -> Result<Geometry<f64>, Stop> {
        let context = &self.context(context);
        let name = self.xml.name().to_owned();
        let backwards = self.xml.attribute("orientation") == Some("-");
        Ok(match name.as_str() {
            "Point" => match self.positions(context, notes)?.as_slice() {
                [] => Geometry::MultiPoint(MultiPoint(Vec::new())),
                [xy] => Geometry::Point(Point(*xy)),
                _ => return Err(bad("a Point of several positions")),
            },
            "LineString" | "LinearRing" => {
                Geometry::LineString(LineString(self.positions(context, notes)?))
            }
            "Curve" => Geometry::LineString(LineString(self.segments(context, notes)?)),
            "OrientableCurve" | "CompositeCurve" | "Ring" => {
                let mut path = self.joined(context, notes)?;
                if backwards {
                    path.reverse();
                }
                Geometry::LineString(LineString(path))
            }
            "Polygon" => Geometry::Polygon(self.polygon(context, notes)?),
            "Surface" | "PolyhedralSurface" | "TriangulatedSurface" | "Tin" => {
                let mut patches = self.patches(context, notes)?;
                match patches.len() {
                    1 => Geometry::Polygon(patches.remove(0)),
                    _ => Geometry::MultiPolygon(MultiPolygon(patches)),
                }
            }
            "MultiPoint" => {
                let mut points = Vec::new();
                for member in self.members(context, notes)? {
                    match member {
                        Geometry::Point(point) => points.push(point),
                        Geometry::MultiPoint(empty) if empty.0.is_empty() => {}
                        _ => return Err(bad("a member of MultiPoint that is no point")),
                    }
                }
                Geometry::MultiPoint(MultiPoint(points))
            }
            "MultiCurve" | "MultiLineString" => {
                let mut lines = Vec::new();
                for member in self.members(context, notes)? {
                    match member {
                        Geometry::LineString(line) => lines.push(line),
                        _ => return Err(bad(format!("a member of {name} that is no line"))),
                    }
                }
                Geometry::MultiLineString(MultiLineString(lines))
            }
            "MultiSurface" | "MultiPolygon" | "CompositeSurface" | "OrientableSurface" => {
                let mut polygons = Vec::new();
                for member in self.members(context, notes)? {
                    match member {
                        Geometry::Polygon(polygon) => polygons.push(polygon),
                        Geometry::MultiPolygon(many) => polygons.extend(many.0),
                        _ => return Err(bad(format!("a member of {name} that is no surface"))),
                    }
                }
                Geometry::MultiPolygon(MultiPolygon(polygons))
            }
            "MultiGeometry" | "GeometricComplex" => {
                Geometry::GeometryCollection(GeometryCollection(self.members(context, notes)?))
            }
            "Solid" | "CompositeSolid" | "MultiSolid" => {
                let reason = format!("{name} is not read: export its footprint");
                return Err(Stop::Geometry("unsupported_geometry", reason));
            }
            other => return Err(curved(other)),
        })
    }

    /// Reads geometries within properties of the element that has just started.
    fn members(
        &mut self,
        context: &Context,
        notes: &mut Notes,
    ) -> Result<Vec<Geometry<f64>>, Stop> {
        let mut members = Vec::new();
        while self.xml.step()? == Step::Start {
            let reference = self.xml.attribute("href").map(str::to_owned);
            let before = members.len();
            while self.xml.step()? == Step::Start {
                if is_geometry(self.xml.name()) {
                    members.push(self.geometry_of(context, notes)?);
                } else {
                    // A name or a description of GML.
                    self.xml.skip()?;
                }
            }
            if let Some(reference) = reference
                && members.len() == before
            {
                return Err(Stop::Geometry(
                    "unresolved_reference",
                    format!("a part is elsewhere ({reference}), which is not read"),
                ));
            }
        }
        Ok(members)
    }

    /// Reads curves, each of which goes on where the one before it ended.
    fn joined(&mut self, context: &Context, notes: &mut Notes) -> Result<Vec<Coord<f64>>, Stop> {
        let mut whole = Vec::new();
        for member in self.members(context, notes)? {
            match member {
                Geometry::LineString(line) => join(&mut whole, line.0),
                _ => return Err(bad("a part of a curve that is no line")),
            }
        }
        Ok(whole)
    }

    /// Reads the segments of a curve that has just started.
    fn segments(&mut self, context: &Context, notes: &mut Notes) -> Result<Vec<Coord<f64>>, Stop> {
        let mut whole = Vec::new();
        while self.xml.step()? == Step::Start {
            if self.xml.name() != "segments" {
                self.xml.skip()?;
                continue;
            }
            while self.xml.step()? == Step::Start {
                match self.xml.name() {
                    "LineStringSegment" => {
                        let context = self.context(context);
                        join(&mut whole, self.positions(&context, notes)?);
                    }
                    other => return Err(curved(other)),
                }
            }
        }
        Ok(whole)
    }

    /// Reads the patches of a surface that has just started.
    fn patches(&mut self, context: &Context, notes: &mut Notes) -> Result<Vec<Polygon<f64>>, Stop> {
        let mut patches = Vec::new();
        while self.xml.step()? == Step::Start {
            match self.xml.name() {
                "patches" | "polygonPatches" | "trianglePatches" => {
                    while self.xml.step()? == Step::Start {
                        match self.xml.name() {
                            "PolygonPatch" | "Triangle" | "Rectangle" => {
                                let context = self.context(context);
                                patches.push(self.polygon(&context, notes)?);
                            }
                            other => return Err(curved(other)),
                        }
                    }
                }
                _ => self.xml.skip()?,
            }
        }
        Ok(patches)
    }

    /// Reads the rings of a polygon or patch that has just started.
    fn polygon(&mut self, context: &Context, notes: &mut Notes) -> Result<Polygon<f64>, Stop> {
        let mut exterior = LineString(Vec::new());
        let mut interiors = Vec::new();
        while self.xml.step()? == Step::Start {
            let is_exterior = match self.xml.name() {
                "exterior" | "outerBoundaryIs" => true,
                "interior" | "innerBoundaryIs" => false,
                _ => {
                    self.xml.skip()?;
                    continue;
                }
            };
            while self.xml.step()? == Step::Start {
                let Geometry::LineString(ring) = self.geometry_of(context, notes)? else {
                    return Err(bad("a boundary that is no ring"));
                };
                let ring = notes.ring(ring.0);
                if is_exterior {
                    exterior = ring;
                } else {
                    interiors.push(ring);
                }
            }
        }
        Ok(Polygon::new(exterior, interiors))
    }

    /// Reads the positions of the element that has just started, to its end.
    fn positions(&mut self, context: &Context, notes: &mut Notes) -> Result<Vec<Coord<f64>>, Stop> {
        let mut numbers: Vec<f64> = Vec::new();
        let mut path = Vec::new();
        while self.xml.step()? == Step::Start {
            let inner = self.context(context);
            let name = self.xml.name().to_owned();
            numbers.clear();
            let dimension = match name.as_str() {
                "posList" => {
                    let text = self.xml.text_of_element()?;
                    read_numbers(text.split_ascii_whitespace(), &mut numbers)?;
                    let told = inner
                        .dimension
                        .or(inner.frame.as_ref().map(|f| f.dimension));
                    match told {
                        // Heights that nobody announced.
                        Some(2) | None
                            if inner.dimension.is_none()
                                && !numbers.len().is_multiple_of(2)
                                && numbers.len().is_multiple_of(3) =>
                        {
                            3
                        }
                        // Heights that the CRS has, but not these positions.
                        Some(3)
                            if inner.dimension.is_none()
                                && !numbers.len().is_multiple_of(3)
                                && numbers.len().is_multiple_of(2) =>
                        {
                            2
                        }
                        told => told.unwrap_or(2),
                    }
                }
                "pos" => {
                    let text = self.xml.text_of_element()?;
                    read_numbers(text.split_ascii_whitespace(), &mut numbers)?;
                    numbers.len()
                }
                "coordinates" => {
                    let separators = Separators::of(|name| self.xml.attribute(name));
                    let text = self.xml.text_of_element()?;
                    separators.read(&text, &mut numbers)?
                }
                "coord" => {
                    while self.xml.step()? == Step::Start {
                        let text = self.xml.text_of_element()?;
                        read_numbers([text.trim()], &mut numbers)?;
                    }
                    numbers.len()
                }
                "pointProperty" | "pointRep" => {
                    while self.xml.step()? == Step::Start {
                        match self.geometry_of(&inner, notes)? {
                            Geometry::Point(point) => path.push(point.0),
                            _ => return Err(bad(format!("a {name} that is no point"))),
                        }
                    }
                    continue;
                }
                _ => {
                    self.xml.skip()?;
                    continue;
                }
            };
            if numbers.is_empty() {
                continue;
            }
            if !(2..=4).contains(&dimension) || !numbers.len().is_multiple_of(dimension) {
                return Err(bad(format!(
                    "{} numbers in <{name}>, which are no positions of {dimension}",
                    numbers.len()
                )));
            }
            let frame =
                self.frames
                    .of_coordinates(inner.frame.as_ref())
                    .map_err(|(used, other)| {
                        let reason = format!("is in {other}, the file began in {used}");
                        Stop::Geometry("other_crs", reason)
                    })?;
            let north_first = frame.is_some_and(|frame| frame.north_first);
            notes.flattened |= dimension > 2;
            path.extend(numbers.chunks_exact(dimension).map(|position| {
                let (x, y) = if north_first { (1, 0) } else { (0, 1) };
                Coord {
                    x: position[x],
                    y: position[y],
                }
            }));
        }
        Ok(path)
    }
}

/// Appends a curve, without the position that it shares with what is there.
fn join(whole: &mut Vec<Coord<f64>>, more: Vec<Coord<f64>>) {
    let shared = whole.last().is_some_and(|end| more.first() == Some(end));
    whole.extend(more.into_iter().skip(usize::from(shared)));
}

fn read_numbers<'a>(
    texts: impl IntoIterator<Item = &'a str>,
    into: &mut Vec<f64>,
) -> Result<(), Stop> {
    for text in texts {
        let number = text.parse().map_err(|_| {
            let start: String = text.chars().take(20).collect();
            bad(format!("{start:?} where a coordinate should be"))
        })?;
        into.push(number);
    }
    Ok(())
}

/// What stands between the numbers of `<coordinates>` (GML 3.1, 8.3.1).
struct Separators {
    decimal: char,
    between_numbers: char,
    between_positions: char,
}

impl Separators {
    fn of<'a>(attribute: impl Fn(&str) -> Option<&'a str>) -> Separators {
        let one = |name: &str, usual: char| {
            attribute(name)
                .and_then(|text| text.chars().next())
                .unwrap_or(usual)
        };
        Separators {
            decimal: one("decimal", '.'),
            between_numbers: one("cs", ','),
            between_positions: one("ts", ' '),
        }
    }

    /// Reads positions, all of one number of numbers, which is returned.
    fn read(&self, text: &str, into: &mut Vec<f64>) -> Result<usize, Stop> {
        let white_cuts = !self.between_numbers.is_whitespace();
        let cut = |c: char| c == self.between_positions || (white_cuts && c.is_whitespace());
        let mut dimension = None;
        for position in text.split(cut).map(str::trim).filter(|p| !p.is_empty()) {
            let before = into.len();
            let position = if self.decimal == '.' {
                position.to_owned()
            } else {
                position.replace(self.decimal, ".")
            };
            read_numbers(position.split(self.between_numbers), into)?;
            let numbers = into.len() - before;
            if *dimension.get_or_insert(numbers) != numbers {
                return Err(bad("positions of different numbers of coordinates"));
            }
        }
        Ok(dimension.unwrap_or(2))
    }
}
