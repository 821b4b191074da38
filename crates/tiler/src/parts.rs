//! A geometry taken apart and brought into the CRS of a tile matrix set.

use std::ops::Range;

use geo_types::{Coord, Geometry, LineString, Polygon};
use geodesy::Transform;

/// The points, lines and rings of one feature, in arenas that are used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    coordinates: Vec<[f64; 2]>,
    points: Vec<Range<usize>>,
    lines: Vec<Range<usize>>,
    rings: Vec<RingPart>,
}

/// A ring, which does not repeat its first coordinate. An exterior is followed by its holes.
#[derive(Debug, Clone)]
struct RingPart {
    range: Range<usize>,
    is_exterior: bool,
}

impl Parts {
    /// Replaces what there was by a geometry, brought to the CRS that `forward` leads to, or
    /// left in its own.
    ///
    /// # Errors
    ///
    /// [`geodesy::Error`] if any of it has no place there.
    pub(crate) fn set(
        &mut self,
        geometry: &Geometry<f64>,
        forward: Option<&Transform>,
    ) -> Result<(), geodesy::Error> {
        self.coordinates.clear();
        self.points.clear();
        self.lines.clear();
        self.rings.clear();
        self.add(geometry);
        match forward {
            Some(forward) => forward.xy_in_place(&mut self.coordinates),
            None => Ok(()),
        }
    }

    /// All points.
    pub(crate) fn points(&self) -> impl ExactSizeIterator<Item = [f64; 2]> {
        self.points
            .iter()
            .map(|range| self.coordinates[range.start])
    }

    /// All lines.
    pub(crate) fn lines(&self) -> impl ExactSizeIterator<Item = &[[f64; 2]]> {
        self.lines
            .iter()
            .map(|range| &self.coordinates[range.clone()])
    }

    /// All rings, and whether they are exteriors.
    pub(crate) fn rings(&self) -> impl ExactSizeIterator<Item = (&[[f64; 2]], bool)> {
        self.rings
            .iter()
            .map(|ring| (&self.coordinates[ring.range.clone()], ring.is_exterior))
    }

    fn add(&mut self, geometry: &Geometry<f64>) {
        match geometry {
            Geometry::Point(p) => self.add_point(p.0),
            Geometry::MultiPoint(m) => m.0.iter().for_each(|p| self.add_point(p.0)),
            Geometry::Line(l) => self.add_line(&(*l).into()),
            Geometry::LineString(l) => self.add_line(l),
            Geometry::MultiLineString(m) => m.0.iter().for_each(|l| self.add_line(l)),
            Geometry::Polygon(p) => self.add_polygon(p),
            Geometry::MultiPolygon(m) => m.0.iter().for_each(|p| self.add_polygon(p)),
            Geometry::Rect(r) => self.add_polygon(&r.to_polygon()),
            Geometry::Triangle(t) => self.add_polygon(&t.to_polygon()),
            Geometry::GeometryCollection(c) => c.0.iter().for_each(|g| self.add(g)),
        }
    }

    fn add_point(&mut self, point: Coord<f64>) {
        let range = self.take(&[point]);
        self.points.push(range);
    }

    fn add_line(&mut self, line: &LineString<f64>) {
        let range = self.take(&line.0);
        self.lines.push(range);
    }

    fn add_polygon(&mut self, polygon: &Polygon<f64>) {
        let range = self.take(open(polygon.exterior()));
        self.rings.push(RingPart {
            range,
            is_exterior: true,
        });
        for hole in polygon.interiors() {
            let range = self.take(open(hole));
            self.rings.push(RingPart {
                range,
                is_exterior: false,
            });
        }
    }

    fn take(&mut self, coordinates: &[Coord<f64>]) -> Range<usize> {
        let start = self.coordinates.len();
        self.coordinates
            .extend(coordinates.iter().map(|c| [c.x, c.y]));
        start..self.coordinates.len()
    }
}

/// The ring without its first point repeated at the end.
fn open(ring: &LineString<f64>) -> &[Coord<f64>] {
    match &ring.0[..] {
        [first, middle @ .., last] if first == last && !middle.is_empty() => {
            &ring.0[..ring.0.len() - 1]
        }
        all => all,
    }
}
