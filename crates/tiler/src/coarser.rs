//! Geometry of a tile made simpler where it is, on the tile's own grid, when the tile has
//! grown too large. What lies near the edge moves by up to a pixel as well: neighbours that
//! are not too large differ by so much.

use crate::level::PIXEL;
use crate::mvt::{GeometryType, GeometryWriter, Point, read_paths};
use crate::rings::{Rings, is_plain, repaired, twice_area};
use crate::shapes::push_onto_line;
use crate::simplify::Simplifier;

/// Simplifies geometries, one after the other, in the same memory.
#[derive(Debug, Default)]
pub(crate) struct Coarsener {
    simplifier: Simplifier,
    path: Vec<Point>,
    before: Vec<[f64; 2]>,
    after: Vec<[f64; 2]>,
    line: Vec<Point>,
    rings: Rings,
}

impl Coarsener {
    /// Appends a geometry to `out` whose lines and borders have moved by up to a pixel;
    /// appends nothing, and returns false, if that makes it no shorter.
    pub(crate) fn coarser(
        &mut self,
        kind: GeometryType,
        geometry: &[u8],
        out: &mut Vec<u8>,
    ) -> bool {
        let start = out.len();
        let is_made = match kind {
            GeometryType::Point => false,
            GeometryType::Line => self.lines(geometry, out),
            GeometryType::Polygon => self.polygons(geometry, out),
        };
        let is_shorter = is_made && out.len() - start < geometry.len();
        if !is_shorter {
            out.truncate(start);
        }
        is_shorter
    }

    fn lines(&mut self, geometry: &[u8], out: &mut Vec<u8>) -> bool {
        /// A line of three points.
        const LEN_MIN: usize = 1 + 2 + 1 + 2 * 2;
        if geometry.len() < LEN_MIN {
            return false;
        }
        let mut writer = GeometryWriter::new(out);
        let mut is_any = false;
        read_paths(geometry, &mut self.path, |path| {
            self.before.clear();
            self.before.extend(path.iter().map(|p| p.map(f64::from)));
            self.after.clear();
            self.simplifier.line(&self.before, PIXEL, &mut self.after);
            self.line.clear();
            for point in &self.after {
                push_onto_line(&mut self.line, point.map(|along| along as i32));
            }
            if self.line.len() >= 2 {
                writer.line(&self.line);
                is_any = true;
            }
        });
        is_any
    }

    fn polygons(&mut self, geometry: &[u8], out: &mut Vec<u8>) -> bool {
        /// A ring of five points: one of four keeps them.
        const LEN_MIN: usize = 1 + 2 + 1 + 4 * 2 + 1;
        if geometry.len() < LEN_MIN {
            return false;
        }
        self.rings.clear();
        let mut exterior_shows = false;
        read_paths(geometry, &mut self.path, |path| {
            let is_exterior = twice_area(path) > 0;
            if !is_exterior && !exterior_shows {
                return;
            }
            self.before.clear();
            self.before.extend(path.iter().map(|p| p.map(f64::from)));
            self.after.clear();
            self.simplifier.ring(&self.before, PIXEL, &mut self.after);
            let points = self.after.iter().map(|p| p.map(|along| along as i32));
            let shows = self.rings.push(points, is_exterior);
            if is_exterior {
                exterior_shows = shows;
            }
        });
        let fixed;
        let rings = if is_plain(&self.rings) {
            &self.rings
        } else {
            let left_out;
            (fixed, left_out) = repaired(&self.rings);
            if left_out > 0 {
                return false;
            }
            &fixed
        };
        let mut writer = GeometryWriter::new(out);
        for (ring, _) in rings.iter() {
            writer.ring(ring);
        }
        !rings.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(geometry: &[u8]) -> Vec<Vec<Point>> {
        let mut all = Vec::new();
        read_paths(geometry, &mut Vec::new(), |path| all.push(path.clone()));
        all
    }

    #[test]
    fn lines_and_borders_lose_what_lies_within_a_pixel_and_no_more() {
        let mut line = Vec::new();
        let mut writer = GeometryWriter::new(&mut line);
        writer.line(&[[0, 0], [50, 7], [100, 0], [150, 9], [200, 0]]);
        writer.line(&[[5, 5], [6, 6]]);
        let mut out = vec![1, 2, 3];
        let mut coarsener = Coarsener::default();
        assert!(coarsener.coarser(GeometryType::Line, &line, &mut out));
        let expected = [vec![[0, 0], [150, 9], [200, 0]], vec![[5, 5], [6, 6]]];
        assert_eq!(paths(&out[3..]), expected);

        let mut house = Vec::new();
        GeometryWriter::new(&mut house).ring(&[[0, 0], [20, 0], [40, 3], [40, 40], [0, 40]]);
        out.clear();
        assert!(coarsener.coarser(GeometryType::Polygon, &house, &mut out));
        assert_eq!(paths(&out)[0].len(), 4);
        // It cannot get any shorter, and a point never does.
        let small = out.clone();
        assert!(!coarsener.coarser(GeometryType::Polygon, &small, &mut out));
        assert!(!coarsener.coarser(GeometryType::Point, &small, &mut out));
        assert_eq!(out, small);
    }

    #[test]
    fn what_would_cross_itself_is_repaired() {
        // A bay whose floor comes to lie beyond the coast.
        let coast = [
            [0, 0],
            [400, 0],
            [400, 400],
            [210, 400],
            [205, 393],
            [203, 10],
            [197, 10],
            [195, 393],
            [190, 400],
            [100, 407],
            [0, 400],
        ];
        let mut geometry = Vec::new();
        GeometryWriter::new(&mut geometry).ring(&coast);
        let mut out = Vec::new();
        let mut coarsener = Coarsener::default();
        if coarsener.coarser(GeometryType::Polygon, &geometry, &mut out) {
            let mut rings = Rings::default();
            for path in paths(&out) {
                let is_exterior = twice_area(&path) > 0;
                rings.push(path.into_iter(), is_exterior);
            }
            assert!(is_plain(&rings));
        }
    }
}
