//! A feature's geometry on its way into the tiles of a level: simplified, cut, rounded and
//! written.
//!
//! A feature is cut into all tiles of a rectangle at once, by columns and then by rows. One
//! tile alone is a rectangle, too, so that a tile of a pyramid is what it is by itself.

use crate::clip::{ClipBox, clip_line, clip_ring};
use crate::level::{Level, PIXEL, Tile, Tiles, snap};
use crate::mvt::{GeometryType, GeometryWriter, Point};
use crate::parts::Parts;
use crate::rings::{Rings, is_plain, repaired};
use crate::simplify::Simplifier;

/// What a tile shows of one feature's points, lines or polygons.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shown {
    pub(crate) kind: GeometryType,
    /// Roughly how many pixels the whole feature paints, in this tile and others.
    pub(crate) pixels: f64,
}

/// How finely features are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Detail {
    /// How far lines and borders may move, in tile units.
    pub(crate) tolerance: f64,
    /// Whether dust is thinned, see [`Shaper::polygons`].
    pub(crate) thins_dust: bool,
}

impl Detail {
    /// For features that were made for their level: they are drawn as they are.
    pub(crate) const OF_LEVEL: Detail = Detail {
        tolerance: 0.0,
        thins_dust: false,
    };

    /// For features as they were delivered.
    pub(crate) fn of_delivered(tolerance: f64) -> Detail {
        Detail {
            tolerance,
            thins_dust: true,
        }
    }
}

/// Gets what a tile shows of a feature, as commands of MVT.
pub(crate) type Emit<'e> = &'e mut dyn FnMut(Tile, Shown, &[u8]);

/// Polygons that are this narrow in both directions, in tile units, and cover less
/// than a pixel, are dust: see [`Shaper::polygons`].
const DUST_WIDTH: f64 = 2.0 * PIXEL;

/// Pixels that a point's symbol paints, to weigh points against lines and polygons.
const POINT_PIXELS: f64 = 16.0;

/// Turns geometries into tile geometry, one after the other, in the same memory.
#[derive(Debug, Default)]
pub(crate) struct Shaper {
    simplifier: Simplifier,
    world: Vec<[f64; 2]>,
    line: Vec<[f64; 2]>,
    column: Cut,
    row: Cut,
    part: Vec<[f64; 2]>,
    pieces: Pieces,
    snapped: Vec<Point>,
    rings: Rings,
    out: Vec<u8>,
    /// Polygons that could not be made valid.
    pub(crate) unrepaired: usize,
    /// Polygons of features in tiles that had to be taken apart and rebuilt.
    pub(crate) repaired: usize,
}

/// Parts of a line that was cut.
#[derive(Debug, Default)]
struct Cut {
    points: Vec<[f64; 2]>,
    ends: Vec<usize>,
}

impl Cut {
    fn clear(&mut self) {
        self.points.clear();
        self.ends.clear();
    }

    fn push(&mut self, part: &[[f64; 2]]) {
        self.points.extend_from_slice(part);
        self.ends.push(self.points.len());
    }

    fn parts(&self) -> impl Iterator<Item = &[[f64; 2]]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let part = &self.points[start..end];
            start = end;
            part
        })
    }
}

/// What lies in which tile, in world units.
#[derive(Debug, Default)]
struct Pieces {
    points: Vec<[f64; 2]>,
    list: Vec<Piece>,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    tile: Tile,
    start: usize,
    end: usize,
    /// Of a polygon.
    is_exterior: bool,
}

impl Pieces {
    fn clear(&mut self) {
        self.points.clear();
        self.list.clear();
    }

    fn push(&mut self, tile: Tile, points: &[[f64; 2]], is_exterior: bool) {
        let start = self.points.len();
        self.points.extend_from_slice(points);
        self.list.push(Piece {
            tile,
            start,
            end: self.points.len(),
            is_exterior,
        });
    }

    /// The pieces of each tile, in the order in which they were pushed.
    fn by_tile(&mut self) -> impl Iterator<Item = &[Piece]> {
        // Most features lie in one tile.
        if self.list.windows(2).any(|w| w[0].tile != w[1].tile) {
            self.list.sort_by_key(|piece| piece.tile);
        }
        self.list.chunk_by(|a, b| a.tile == b.tile)
    }
}

impl Shaper {
    /// Calls `emit` for each of `tiles` that shows something of a feature, and for each kind:
    /// points, lines, polygons.
    ///
    /// `chance` is the feature's own number over 0 and up to 1, the same in all tiles.
    pub(crate) fn shape(
        &mut self,
        parts: &Parts,
        chance: f64,
        level: &Level,
        tiles: &Tiles,
        detail: Detail,
        emit: Emit<'_>,
    ) {
        self.points(parts, level, tiles, emit);
        self.lines(parts, level, tiles, detail.tolerance, emit);
        self.polygons(parts, chance, level, tiles, detail, emit);
    }

    /// Points outside the buffer are left out, and so are repeated ones.
    fn points(&mut self, parts: &Parts, level: &Level, tiles: &Tiles, emit: Emit<'_>) {
        let count = parts.points().len();
        if count == 0 {
            return;
        }
        self.pieces.clear();
        for point in parts.points() {
            let point = level.world(point);
            let around = ClipBox::around(&[point]);
            for_each(&level.touching(&around, tiles), |tile| {
                self.pieces.push(tile, &[point], false);
            });
        }
        let points = std::mem::take(&mut self.pieces.points);
        for pieces in self.pieces.by_tile() {
            let tile = pieces[0].tile;
            self.snapped.clear();
            self.snapped
                .extend(pieces.iter().map(|piece| snap(points[piece.start], tile)));
            if self.snapped.len() > 1 {
                self.snapped.sort_unstable();
                self.snapped.dedup();
            }
            self.out.clear();
            GeometryWriter::new(&mut self.out).points(&self.snapped);
            let shown = Shown {
                kind: GeometryType::Point,
                pixels: POINT_PIXELS * count as f64,
            };
            emit(tile, shown, &self.out);
        }
        self.pieces.points = points;
    }

    /// Lines are left out when all of their part in the tile rounds to one point.
    fn lines(
        &mut self,
        parts: &Parts,
        level: &Level,
        tiles: &Tiles,
        tolerance: f64,
        emit: Emit<'_>,
    ) {
        if parts.lines().len() == 0 {
            return;
        }
        self.pieces.clear();
        let mut length = 0.0;
        for line in parts.lines() {
            length += line.length / level.unit;
            let around = level.world_box(&line.around);
            let touched = level.touching(&around, tiles);
            if touched.is_empty() || (0..2).all(|axis| is_of_one_unit(&around, axis)) {
                continue;
            }
            self.world.clear();
            self.world
                .extend(line.points.iter().map(|&point| level.world(point)));
            self.line.clear();
            self.simplifier.line(&self.world, tolerance, &mut self.line);
            self.cut_line(level, &around, &touched);
        }
        let pixels = length / PIXEL;
        let points = std::mem::take(&mut self.pieces.points);
        for pieces in self.pieces.by_tile() {
            let tile = pieces[0].tile;
            self.out.clear();
            let mut writer = GeometryWriter::new(&mut self.out);
            for piece in pieces {
                self.snapped.clear();
                for &point in &points[piece.start..piece.end] {
                    push_onto_line(&mut self.snapped, snap(point, tile));
                }
                if self.snapped.len() >= 2 {
                    writer.line(&self.snapped);
                }
            }
            if !self.out.is_empty() {
                let kind = GeometryType::Line;
                emit(tile, Shown { kind, pixels }, &self.out);
            }
        }
        self.pieces.points = points;
    }

    /// Puts the parts of `self.line`, which lies in the box `around`, among the pieces.
    fn cut_line(&mut self, level: &Level, around: &ClipBox, tiles: &Tiles) {
        let first = [tiles.columns.start, tiles.rows.start];
        if tiles.is_one() && level.clip_box(first).covers(around) {
            self.pieces.push(first, &self.line, false);
            return;
        }
        for column in tiles.columns.clone() {
            self.column.clear();
            let strip = level.clip_box([column, 0]).along(0);
            clip_line(&self.line, &strip, &mut self.part, |part| {
                self.column.push(part);
            });
            for part in self.column.parts() {
                let around = ClipBox::around(part);
                let within = Tiles {
                    columns: column..column + 1,
                    rows: tiles.rows.clone(),
                };
                for row in level.touching(&around, &within).rows {
                    let strip = level.clip_box([column, row]).along(1);
                    self.row.clear();
                    clip_line(part, &strip, &mut self.part, |part| self.row.push(part));
                    for part in self.row.parts() {
                        self.pieces.push([column, row], part, false);
                    }
                }
            }
        }
    }

    /// Polygons whose area vanishes on the grid are left out, but for *dust*:
    /// features under one pixel of area, narrower than two pixels either way. Of
    /// them a level shows as large a share as they cover of a pixel, each as a
    /// square of one pixel: a town of small houses then keeps its look when it
    /// is seen from afar. Which ones is decided by `chance`, the same in all
    /// tiles; who is shown at one level is shown at all deeper ones.
    fn polygons(
        &mut self,
        parts: &Parts,
        chance: f64,
        level: &Level,
        tiles: &Tiles,
        detail: Detail,
        emit: Emit<'_>,
    ) {
        if parts.rings().len() == 0 {
            return;
        }
        let mut area = 0.0;
        let mut around = ClipBox::around(&[]);
        for ring in parts.rings() {
            area += if ring.is_exterior {
                ring.area
            } else {
                -ring.area
            };
            around = around.with(&ring.around);
        }
        let around = level.world_box(&around);
        let touched = level.touching(&around, tiles);
        if touched.is_empty() {
            return;
        }
        let pixels = area.max(0.0) / (level.unit * level.unit) / (PIXEL * PIXEL);
        let narrow = (0..2).all(|axis| around.max[axis] - around.min[axis] < DUST_WIDTH);
        self.pieces.clear();
        if detail.thins_dust && pixels < 1.0 && narrow {
            if pixels < chance {
                return;
            }
            self.dust(&around, level, tiles);
        } else {
            self.cut_rings(parts, level, &touched, detail.tolerance);
        }
        let points = std::mem::take(&mut self.pieces.points);
        for pieces in self.pieces.by_tile() {
            let tile = pieces[0].tile;
            self.rings.clear();
            let mut exterior_shows = false;
            for piece in pieces {
                if piece.is_exterior || exterior_shows {
                    let ring = &points[piece.start..piece.end];
                    let snapped = ring.iter().map(|&point| snap(point, tile));
                    let shows = self.rings.push(snapped, piece.is_exterior);
                    exterior_shows = if piece.is_exterior {
                        shows
                    } else {
                        exterior_shows
                    };
                }
            }
            if self.rings.is_empty() {
                continue;
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
                continue;
            }
            self.out.clear();
            let mut writer = GeometryWriter::new(&mut self.out);
            for (ring, _) in rings.iter() {
                writer.ring(ring);
            }
            let kind = GeometryType::Polygon;
            emit(tile, Shown { kind, pixels }, &self.out);
        }
        self.pieces.points = points;
    }

    /// A square of one pixel in the middle of the box, in the tiles in which that lies.
    fn dust(&mut self, around: &ClipBox, level: &Level, tiles: &Tiles) {
        let middle = [0, 1].map(|axis| (around.min[axis] + around.max[axis]) / 2.0);
        // The square is laid on the grid before it is cut, lest its sides differ.
        let [x, y] = middle.map(|m| (m - PIXEL / 2.0 + 0.5).floor());
        let [east, south] = [x + PIXEL, y + PIXEL];
        let corners = [[x, y], [east, y], [east, south], [x, south]];
        for_each(
            &level.touching(&ClipBox::around(&[middle]), tiles),
            |tile| {
                self.pieces.push(tile, &corners, true);
            },
        );
    }

    /// Puts what `tiles` show of the rings among the pieces.
    fn cut_rings(&mut self, parts: &Parts, level: &Level, tiles: &Tiles, tolerance: f64) {
        let mut exterior_vanishes = false;
        for ring in parts.rings() {
            let is_exterior = ring.is_exterior;
            if exterior_vanishes && !is_exterior {
                continue;
            }
            let around = level.world_box(&ring.around);
            // Then it has no area on the grid.
            let vanishes = (0..2).any(|axis| is_of_one_unit(&around, axis));
            if is_exterior {
                exterior_vanishes = vanishes;
            }
            let touched = level.touching(&around, tiles);
            if vanishes || touched.is_empty() {
                continue;
            }
            self.world.clear();
            self.world
                .extend(ring.points.iter().map(|&point| level.world(point)));
            self.line.clear();
            self.simplifier.ring(&self.world, tolerance, &mut self.line);
            let first = [touched.columns.start, touched.rows.start];
            if touched.is_one() && level.clip_box(first).covers(&around) {
                self.pieces.push(first, &self.line, is_exterior);
                continue;
            }
            for column in touched.columns.clone() {
                let of_column = &mut self.column.points;
                of_column.clone_from(&self.line);
                clip_ring(
                    of_column,
                    &level.clip_box([column, 0]).along(0),
                    &mut self.part,
                );
                let within = Tiles {
                    columns: column..column + 1,
                    rows: touched.rows.clone(),
                };
                let around = ClipBox::around(of_column);
                for row in level.touching(&around, &within).rows {
                    let of_row = &mut self.row.points;
                    of_row.clone_from(of_column);
                    clip_ring(
                        of_row,
                        &level.clip_box([column, row]).along(1),
                        &mut self.part,
                    );
                    self.pieces.push([column, row], of_row, is_exterior);
                }
            }
        }
    }
}

fn for_each(tiles: &Tiles, mut see: impl FnMut(Tile)) {
    for row in tiles.rows.clone() {
        for column in tiles.columns.clone() {
            see([column, row]);
        }
    }
}

/// Whether all in a box rounds to one unit of the grid along an axis.
fn is_of_one_unit(around: &ClipBox, axis: usize) -> bool {
    let unit = |along: f64| (along + 0.5).floor();
    unit(around.min[axis]) == unit(around.max[axis])
}

/// Adds a point to a line unless it repeats the last one. A vertex that lies
/// straight between its neighbours is replaced; one where the line turns back stays.
pub(crate) fn push_onto_line(line: &mut Vec<Point>, point: Point) {
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
