//! A geometry taken apart and brought into the CRS of a tile matrix set.

use std::ops::Range;

use geo_types::{
    Coord, Geometry, GeometryCollection, LineString, MultiLineString, MultiPoint, MultiPolygon,
    Point, Polygon,
};
use geodesy::Transform;

use crate::clip::ClipBox;

/// Longest edge that is brought to another CRS by its ends alone, in units of its own. What is
/// straight in one is curved in another: by 4 cm over a kilometre between Sweden's grids and
/// Web Mercator, which no map shows, but by 4 m over ten. Longer edges are divided evenly.
const EDGE_MAX: f64 = 1000.0;

/// Most pieces that an edge is divided into: enough for one around the world, so that no
/// feature grows beyond reason.
const EDGE_PIECES_MAX: f64 = 40_000.0;

/// The points, lines and rings of one feature, in arenas that are used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    coordinates: Vec<[f64; 2]>,
    points: Vec<Range<usize>>,
    lines: Vec<LinePart>,
    rings: Vec<RingPart>,
    /// Edges longer than this are divided.
    edge_max: f64,
}

/// A line, with what all levels ask of it.
#[derive(Debug, Clone)]
struct LinePart {
    range: Range<usize>,
    around: ClipBox,
    length: f64,
}

/// A ring, which does not repeat its first coordinate, with what all levels ask of it. An
/// exterior is followed by its holes.
#[derive(Debug, Clone)]
struct RingPart {
    range: Range<usize>,
    is_exterior: bool,
    around: ClipBox,
    /// Without a sign.
    area: f64,
}

/// A line of a feature, in the CRS of the tiles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) points: &'a [[f64; 2]],
    pub(crate) around: ClipBox,
    pub(crate) length: f64,
}

/// A ring of a feature, in the CRS of the tiles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ring<'a> {
    pub(crate) points: &'a [[f64; 2]],
    pub(crate) is_exterior: bool,
    pub(crate) around: ClipBox,
    /// Without a sign.
    pub(crate) area: f64,
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
        self.edge_max = forward.map_or(f64::INFINITY, |_| EDGE_MAX);
        self.add(geometry);
        if let Some(forward) = forward {
            forward.xy_in_place(&mut self.coordinates)?;
        }
        for line in &mut self.lines {
            let points = &self.coordinates[line.range.clone()];
            line.around = ClipBox::around(points);
            let steps = points.windows(2);
            line.length = steps
                .map(|w| (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1]))
                .sum();
        }
        for ring in &mut self.rings {
            let points = &self.coordinates[ring.range.clone()];
            ring.around = ClipBox::around(points);
            ring.area = area_of(points).abs();
        }
        Ok(())
    }

    /// The coordinates of all of it.
    pub(crate) fn coordinates(&self) -> &[[f64; 2]] {
        &self.coordinates
    }

    /// All points.
    pub(crate) fn points(&self) -> impl ExactSizeIterator<Item = [f64; 2]> {
        self.points
            .iter()
            .map(|range| self.coordinates[range.start])
    }

    /// All lines.
    pub(crate) fn lines(&self) -> impl ExactSizeIterator<Item = Line<'_>> {
        self.lines.iter().map(|line| Line {
            points: &self.coordinates[line.range.clone()],
            around: line.around,
            length: line.length,
        })
    }

    /// All rings.
    pub(crate) fn rings(&self) -> impl ExactSizeIterator<Item = Ring<'_>> {
        self.rings.iter().map(|ring| Ring {
            points: &self.coordinates[ring.range.clone()],
            is_exterior: ring.is_exterior,
            around: ring.around,
            area: ring.area,
        })
    }

    /// All of it as one geometry; none if it is empty.
    pub(crate) fn to_geometry(&self) -> Option<Geometry<f64>> {
        let line = |line: &[[f64; 2]]| line.iter().map(|&[x, y]| Coord { x, y }).collect();
        let closed = |ring: &[[f64; 2]]| -> LineString<f64> {
            let mut ring: LineString<f64> = line(ring);
            ring.close();
            ring
        };
        let mut points: Vec<Point<f64>> = self.points().map(Point::from).collect();
        let mut lines: Vec<LineString<f64>> = self.lines().map(|of| line(of.points)).collect();
        let mut polygons: Vec<Polygon<f64>> = Vec::new();
        for ring in self.rings() {
            match polygons.last_mut() {
                Some(polygon) if !ring.is_exterior => {
                    polygon.interiors_push(closed(ring.points));
                }
                _ => polygons.push(Polygon::new(closed(ring.points), Vec::new())),
            }
        }
        let mut kinds: Vec<Geometry<f64>> = Vec::new();
        match points.len() {
            0 => {}
            1 => kinds.extend(points.pop().map(Geometry::from)),
            _ => kinds.push(MultiPoint(points).into()),
        }
        match lines.len() {
            0 => {}
            1 => kinds.extend(lines.pop().map(Geometry::from)),
            _ => kinds.push(MultiLineString(lines).into()),
        }
        match polygons.len() {
            0 => {}
            1 => kinds.extend(polygons.pop().map(Geometry::from)),
            _ => kinds.push(MultiPolygon(polygons).into()),
        }
        match kinds.len() {
            0 | 1 => kinds.pop(),
            _ => Some(Geometry::GeometryCollection(GeometryCollection(kinds))),
        }
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
        let range = self.take([point].iter());
        self.points.push(range);
    }

    fn add_line(&mut self, line: &LineString<f64>) {
        let range = self.take(line.0.iter());
        self.lines.push(LinePart {
            range,
            around: ClipBox::around(&[]),
            length: 0.0,
        });
    }

    fn add_polygon(&mut self, polygon: &Polygon<f64>) {
        self.take_ring(polygon.exterior(), true);
        for hole in polygon.interiors() {
            self.take_ring(hole, false);
        }
    }

    /// Takes a ring without its first coordinate repeated at the end.
    fn take_ring(&mut self, ring: &LineString<f64>, is_exterior: bool) {
        let open = open(ring);
        let mut range = self.take(open.iter().chain(open.first()));
        if open.len() > 1 {
            self.coordinates.pop();
            range.end -= 1;
        }
        self.rings.push(RingPart {
            range,
            is_exterior,
            around: ClipBox::around(&[]),
            area: 0.0,
        });
    }

    fn take<'c>(&mut self, coordinates: impl Iterator<Item = &'c Coord<f64>>) -> Range<usize> {
        let start = self.coordinates.len();
        let mut before: Option<Coord<f64>> = None;
        for &coordinate in coordinates {
            if let Some(before) = before {
                self.divide(before, coordinate);
            }
            self.coordinates.push([coordinate.x, coordinate.y]);
            before = Some(coordinate);
        }
        start..self.coordinates.len()
    }

    /// Adds the places at which an edge that is too long is divided: the same from either end,
    /// so that neighbours stay neighbours.
    fn divide(&mut self, from: Coord<f64>, to: Coord<f64>) {
        let [dx, dy] = [to.x - from.x, to.y - from.y];
        if dx.abs() <= self.edge_max && dy.abs() <= self.edge_max {
            return;
        }
        let pieces = (dx.hypot(dy) / self.edge_max).ceil();
        let pieces = pieces.min(EDGE_PIECES_MAX) as u32;
        let is_forward = (from.x, from.y) <= (to.x, to.y);
        let (low, high) = if is_forward { (from, to) } else { (to, from) };
        self.coordinates.extend((1..pieces).map(|i| {
            let i = if is_forward { i } else { pieces - i };
            let share = f64::from(i) / f64::from(pieces);
            [
                low.x + (high.x - low.x) * share,
                low.y + (high.y - low.y) * share,
            ]
        }));
    }
}

fn area_of(ring: &[[f64; 2]]) -> f64 {
    let Some(&[x, y]) = ring.first() else {
        return 0.0;
    };
    let twice: f64 = ring
        .windows(2)
        .map(|w| (w[0][0] - x) * (w[1][1] - y) - (w[1][0] - x) * (w[0][1] - y))
        .sum();
    twice / 2.0
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

#[cfg(test)]
mod tests {
    use geo_types::polygon;
    use geodesy::Crs;

    use super::*;

    #[test]
    fn a_long_border_that_two_share_is_divided_alike_and_follows_its_curve() {
        let [from, to] = ["EPSG:3006", "EPSG:3857"].map(|code| Crs::from_code(code).unwrap());
        let forward = Transform::new(&from, &to).unwrap();
        let (west, middle, east) = (600_000.0, 612_345.0, 630_000.0);
        let (south, north) = (6_900_000.0, 6_931_000.0);
        let area = |west: f64, east: f64| -> Geometry<f64> {
            let ring = polygon![(x: west, y: south), (x: east, y: south), (x: east, y: north), (x: west, y: north)];
            ring.into()
        };
        let border = |geometry: &Geometry<f64>| {
            let mut parts = Parts::default();
            parts.set(geometry, Some(&forward)).unwrap();
            let ring = parts.rings().next().unwrap().points;
            let mut all: Vec<[u64; 2]> = ring.iter().map(|p| p.map(f64::to_bits)).collect();
            all.sort_unstable();
            (ring.to_vec(), all)
        };
        let (ring, left) = border(&area(west, middle));
        let (_, right) = border(&area(middle, east));
        let shared = left
            .iter()
            .filter(|p| right.binary_search(p).is_ok())
            .count();
        assert_eq!(shared, 32, "31 km in as many pieces");
        // Halfway along each edge, the curve is near.
        for pair in ring.windows(2) {
            let halfway = [0, 1].map(|i| (pair[0][i] + pair[1][i]) / 2.0);
            let back = Transform::new(&to, &from).unwrap();
            let ends = [pair[0], pair[1]].map(|end| back.xy(end).unwrap());
            let straight = [0, 1].map(|i| (ends[0][i] + ends[1][i]) / 2.0);
            let curve = forward.xy(straight).unwrap();
            let apart = (halfway[0] - curve[0]).hypot(halfway[1] - curve[1]);
            assert!(apart < 0.1, "{apart} m");
        }
    }

    #[test]
    fn a_geometry_comes_back_as_it_was() {
        let mut parts = Parts::default();
        let hole = polygon!(
            exterior: [(x: 0.0, y: 0.0), (x: 9.0, y: 0.0), (x: 9.0, y: 9.0)],
            interiors: [[(x: 3.0, y: 1.0), (x: 6.0, y: 1.0), (x: 6.0, y: 4.0)]],
        );
        let line: LineString<f64> = vec![(0.0, 0.0), (5000.0, 1.0)].into();
        for geometry in [
            Geometry::from(Point::new(1.0, 2.0)),
            MultiPolygon(vec![hole.clone(), hole.clone()]).into(),
            hole.into(),
            line.clone().into(),
            MultiLineString(vec![line.clone(), line]).into(),
        ] {
            parts.set(&geometry, None).unwrap();
            assert_eq!(parts.to_geometry(), Some(geometry));
        }
        parts.set(&MultiPoint(Vec::new()).into(), None).unwrap();
        assert_eq!(parts.to_geometry(), None);
    }
}
