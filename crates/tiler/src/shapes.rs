//! A feature's geometry on its way into a tile: projected, simplified, cut,
//! rounded, and written.

use geo_types::{Coord, Geometry, LineString, Polygon};

use crate::clip::{ClipBox, clip_line, clip_ring};
use crate::frame::{Frame, PIXEL};
use crate::mvt::{GeometryType, GeometryWriter, Point};
use crate::rings::{Rings, is_plain, repaired};
use crate::simplify::Simplifier;

/// What a tile shows of one feature's points, lines or polygons.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shown {
    pub(crate) kind: GeometryType,
    /// Roughly how many pixels the whole feature paints, in this tile and others.
    pub(crate) pixels: f64,
}

/// Turns geometries into tile geometry, one after the other, in the same memory.
pub(crate) struct Shaper<'a> {
    frame: &'a Frame,
    tolerance: f64,
    clip: ClipBox,
    simplifier: Simplifier,
    world: Vec<[f64; 2]>,
    line: Vec<[f64; 2]>,
    part: Vec<[f64; 2]>,
    snapped: Vec<Point>,
    rings: Rings,
    /// Features that have no place in the set's CRS.
    pub(crate) out_of_domain: usize,
    /// Polygons that could not be made valid.
    pub(crate) unrepaired: usize,
    /// Features whose polygons had to be taken apart and rebuilt.
    pub(crate) repaired: usize,
}

/// The points, lines and polygons that a geometry is made of.
#[derive(Debug, Default)]
struct Parts<'g> {
    points: Vec<Coord<f64>>,
    lines: Vec<&'g LineString<f64>>,
    polygons: Vec<&'g Polygon<f64>>,
    made_lines: Vec<LineString<f64>>,
    made_polygons: Vec<Polygon<f64>>,
}

impl<'g> Parts<'g> {
    fn add(&mut self, geometry: &'g Geometry<f64>) {
        match geometry {
            Geometry::Point(p) => self.points.push(p.0),
            Geometry::MultiPoint(m) => self.points.extend(m.0.iter().map(|p| p.0)),
            Geometry::Line(l) => self.made_lines.push((*l).into()),
            Geometry::LineString(l) => self.lines.push(l),
            Geometry::MultiLineString(m) => self.lines.extend(&m.0),
            Geometry::Polygon(p) => self.polygons.push(p),
            Geometry::MultiPolygon(m) => self.polygons.extend(&m.0),
            Geometry::Rect(r) => self.made_polygons.push(r.to_polygon()),
            Geometry::Triangle(t) => self.made_polygons.push(t.to_polygon()),
            Geometry::GeometryCollection(c) => c.0.iter().for_each(|g| self.add(g)),
        }
    }
}

/// Polygons that are this narrow in both directions, in tile units, and cover less
/// than a pixel, are dust: see [`Shaper::polygons`].
const DUST_WIDTH: f64 = 2.0 * PIXEL;

/// Pixels that a point's symbol paints, to weigh points against lines and polygons.
const POINT_PIXELS: f64 = 16.0;

impl<'a> Shaper<'a> {
    /// Returns a shaper that moves lines by at most `tolerance` tile units.
    pub(crate) fn new(frame: &'a Frame, tolerance: f64) -> Shaper<'a> {
        Shaper {
            frame,
            tolerance,
            clip: frame.clip_box(),
            simplifier: Simplifier::default(),
            world: Vec::new(),
            line: Vec::new(),
            part: Vec::new(),
            snapped: Vec::new(),
            rings: Rings::default(),
            out_of_domain: 0,
            unrepaired: 0,
            repaired: 0,
        }
    }

    /// Appends what the tile shows of a geometry to the buffer that `out` lends,
    /// and calls `shown` after each kind: points, lines, polygons.
    ///
    /// `chance` is the feature's own number over 0 and up to 1, the same in all tiles.
    pub(crate) fn shape<S>(
        &mut self,
        geometry: &Geometry<f64>,
        chance: f64,
        sink: &mut S,
        out: impl Fn(&mut S) -> &mut Vec<u8>,
        mut shown: impl FnMut(&mut S, Shown),
    ) {
        // Nearly all features are one line or one polygon; the others take the long way.
        let mut parts = Parts::default();
        let single_line;
        let single_polygon;
        type Slices<'s> = (
            &'s [Coord<f64>],
            &'s [&'s LineString<f64>],
            &'s [&'s Polygon<f64>],
        );
        let (points, lines, polygons): Slices<'_> = match geometry {
            Geometry::LineString(l) => {
                single_line = [l];
                (&[], &single_line, &[])
            }
            Geometry::Polygon(p) => {
                single_polygon = [p];
                (&[], &[], &single_polygon)
            }
            other => {
                parts.add(other);
                parts.lines.extend(parts.made_lines.iter());
                parts.polygons.extend(parts.made_polygons.iter());
                (&parts.points, &parts.lines, &parts.polygons)
            }
        };
        type Kind<'x, 'y> = &'x mut dyn FnMut(
            &mut Shaper<'y>,
            &mut Vec<u8>,
        ) -> Result<Option<Shown>, geodesy::Error>;
        let kinds: [Kind<'_, 'a>; 3] = [
            &mut |s, out| s.points(points, out),
            &mut |s, out| s.lines(lines, out),
            &mut |s, out| s.polygons(polygons, chance, out),
        ];
        for kind in kinds {
            match kind(self, out(sink)) {
                Ok(Some(what)) => shown(sink, what),
                Ok(None) => {}
                Err(_) => {
                    self.out_of_domain += 1;
                    return;
                }
            }
        }
    }

    /// Points outside the buffer are left out, and so are repeated ones.
    fn points(
        &mut self,
        points: &[Coord<f64>],
        out: &mut Vec<u8>,
    ) -> Result<Option<Shown>, geodesy::Error> {
        if points.is_empty() {
            return Ok(None);
        }
        self.world.clear();
        self.world.extend(points.iter().map(|c| [c.x, c.y]));
        self.frame.to_world(&mut self.world)?;
        self.snapped.clear();
        for &point in &self.world {
            if self.clip.contains(point) {
                self.snapped.push(self.frame.snap(point));
            }
        }
        if self.snapped.len() > 1 {
            self.snapped.sort_unstable();
            self.snapped.dedup();
        }
        if self.snapped.is_empty() {
            return Ok(None);
        }
        GeometryWriter::new(out).points(&self.snapped);
        Ok(Some(Shown {
            kind: GeometryType::Point,
            pixels: POINT_PIXELS * points.len() as f64,
        }))
    }

    /// Lines are left out when all of their part in the tile rounds to one point.
    fn lines(
        &mut self,
        lines: &[&LineString<f64>],
        out: &mut Vec<u8>,
    ) -> Result<Option<Shown>, geodesy::Error> {
        let empty_len = out.len();
        let mut writer = GeometryWriter::new(out);
        let mut length = 0.0;
        for line in lines {
            self.world.clear();
            self.world.extend(line.0.iter().map(|c| [c.x, c.y]));
            self.frame.to_world(&mut self.world)?;
            length += self
                .world
                .windows(2)
                .map(|w| (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1]))
                .sum::<f64>();
            let around = ClipBox::around(&self.world);
            if !self.clip.touches(&around) {
                continue;
            }
            self.line.clear();
            self.simplifier
                .line(&self.world, self.tolerance, &mut self.line);
            let (frame, snapped) = (self.frame, &mut self.snapped);
            let mut write = |part: &[[f64; 2]]| {
                snapped.clear();
                for &point in part {
                    push_onto_line(snapped, frame.snap(point));
                }
                if snapped.len() >= 2 {
                    writer.line(snapped);
                }
            };
            if self.clip.covers(&around) {
                write(&self.line);
            } else {
                clip_line(&self.line, &self.clip, &mut self.part, write);
            }
        }
        Ok((out.len() > empty_len).then_some(Shown {
            kind: GeometryType::Line,
            pixels: length / PIXEL,
        }))
    }

    /// Polygons whose area vanishes on the grid are left out, but for *dust*:
    /// features under one pixel of area, narrower than two pixels either way. Of
    /// them the tile shows as large a share as they cover of a pixel, each as a
    /// square of one pixel: a town of small houses then keeps its look when it
    /// is seen from afar. Which ones is decided by `chance`, the same in all
    /// tiles; who is shown at one level is shown at all deeper ones.
    fn polygons(
        &mut self,
        polygons: &[&Polygon<f64>],
        chance: f64,
        out: &mut Vec<u8>,
    ) -> Result<Option<Shown>, geodesy::Error> {
        if polygons.is_empty() {
            return Ok(None);
        }
        self.world.clear();
        for polygon in polygons {
            for ring in std::iter::once(polygon.exterior()).chain(polygon.interiors()) {
                self.world.extend(open(ring).iter().map(|c| [c.x, c.y]));
            }
        }
        self.frame.to_world(&mut self.world)?;

        let mut area = 0.0;
        let mut start = 0;
        for polygon in polygons {
            for (i, ring) in std::iter::once(polygon.exterior())
                .chain(polygon.interiors())
                .enumerate()
            {
                let end = start + open(ring).len();
                let of_ring = area_of(&self.world[start..end]).abs();
                area += if i == 0 { of_ring } else { -of_ring };
                start = end;
            }
        }
        let around = ClipBox::around(&self.world);
        let pixels = area.max(0.0) / (PIXEL * PIXEL);
        let narrow = (0..2).all(|axis| around.max[axis] - around.min[axis] < DUST_WIDTH);
        let shown = Some(Shown {
            kind: GeometryType::Polygon,
            pixels,
        });
        if !self.clip.touches(&around) {
            return Ok(None);
        }
        self.rings.clear();
        if pixels < 1.0 && narrow {
            if pixels < chance {
                return Ok(None);
            }
            self.dust(&around);
        } else {
            self.rings_of(polygons);
        }
        if self.rings.is_empty() {
            return Ok(None);
        }
        let fixed;
        let rings = if is_plain(&self.rings) {
            &self.rings
        } else {
            let left_out;
            (fixed, left_out) = repaired(&self.rings);
            self.repaired += 1;
            self.unrepaired += left_out;
            &fixed
        };
        if rings.is_empty() {
            return Ok(None);
        }
        let mut writer = GeometryWriter::new(out);
        for (ring, _) in rings.iter() {
            writer.ring(ring);
        }
        Ok(shown)
    }

    /// A square of one pixel in the middle of the box, if it lies in the tile.
    fn dust(&mut self, around: &ClipBox) {
        let middle = [0, 1].map(|axis| (around.min[axis] + around.max[axis]) / 2.0);
        if !self.clip.contains(middle) {
            return;
        }
        let [x, y] = self.frame.snap(middle.map(|m| m - PIXEL / 2.0));
        let side = PIXEL as i32;
        let corners = [[x, y], [x + side, y], [x + side, y + side], [x, y + side]];
        self.rings.push(corners.into_iter(), true);
    }

    /// Fills `self.rings` from `self.world`, which holds the rings of the polygons.
    fn rings_of(&mut self, polygons: &[&Polygon<f64>]) {
        let mut start = 0;
        for polygon in polygons {
            let mut exterior_shows = false;
            for (i, ring) in std::iter::once(polygon.exterior())
                .chain(polygon.interiors())
                .enumerate()
            {
                let is_exterior = i == 0;
                let end = start + open(ring).len();
                let world = &self.world[start..end];
                start = end;
                if !is_exterior && !exterior_shows {
                    continue;
                }
                let around = ClipBox::around(world);
                if !self.clip.touches(&around) {
                    continue;
                }
                self.line.clear();
                self.simplifier.ring(world, self.tolerance, &mut self.line);
                if !self.clip.covers(&around) {
                    clip_ring(&mut self.line, &self.clip, &mut self.part);
                }
                let frame = self.frame;
                let snapped = self.line.iter().map(|&point| frame.snap(point));
                let shows = self.rings.push(snapped, is_exterior);
                exterior_shows |= is_exterior && shows;
            }
        }
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

/// Adds a point to a line unless it repeats the last one. A vertex that lies
/// straight between its neighbours is replaced; one where the line turns back stays.
fn push_onto_line(line: &mut Vec<Point>, point: Point) {
    if line.last() == Some(&point) {
        return;
    }
    if let [.., a, b] = line[..] {
        let [ux, uy] = [i64::from(b[0] - a[0]), i64::from(b[1] - a[1])];
        let [vx, vy] = [i64::from(point[0] - b[0]), i64::from(point[1] - b[1])];
        if ux * vy == uy * vx && ux * vx + uy * vy > 0 {
            line.pop();
        }
    }
    line.push(point);
}
