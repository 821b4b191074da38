//! Where the pixels of a tile lie in the twin.
//!
//! Transforming the middle of every pixel would take most of a raster tile's
//! time, so it is done for few of them, and the others are interpolated within
//! [`TOLERANCE_PX`]. Which few depends on a pixel's place in the whole level, not
//! in its tile, so that a pixel lies where it lies, whichever tile asks.

use geodesy::{TileMatrixSet, Transform};
use model::{Bounds, TileCoord};

use crate::Error;

/// How far an interpolated position may be off, in pixels. A tenth is a twentieth
/// of what bilinear resampling blurs.
pub(crate) const TOLERANCE_PX: f64 = 0.1;

/// Side of a block of pixels that is interpolated from its four corners where that
/// is exact enough. Divides every usual tile size. A power of two.
const BLOCK_PX: u32 = 32;

/// The pixels of a level, counted from its north-west corner.
#[derive(Debug, Clone)]
pub(crate) struct PixelGrid {
    /// From the tile matrix set to the twin; none if they share a CRS.
    back: Option<Transform>,
    origin: [f64; 2],
    /// Side of a pixel, in units of the set's CRS.
    pixel: f64,
}

/// A rectangle of pixels of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PixelRect {
    pub(crate) left: i64,
    pub(crate) top: i64,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl PixelGrid {
    /// Returns the pixels of the level of `tile`, at `size_px` to a tile, and which of
    /// them are the tile's.
    pub(crate) fn of_tile(
        back: Option<Transform>,
        tms: &TileMatrixSet,
        tile: TileCoord,
        size_px: u32,
    ) -> Result<(PixelGrid, PixelRect), Error> {
        let matrix = tms
            .matrix(tile.z())
            .filter(|matrix| tile.x() < matrix.columns && tile.y() < matrix.rows)
            .ok_or_else(|| Error::NoSuchTile {
                tms: tms.id.clone(),
                tile,
            })?;
        let grid = PixelGrid {
            back,
            origin: matrix.origin,
            pixel: matrix.cell_size * f64::from(matrix.tile_size_px) / f64::from(size_px),
        };
        let rect = PixelRect {
            left: i64::from(tile.x()) * i64::from(size_px),
            top: i64::from(tile.y()) * i64::from(size_px),
            width: size_px as usize,
            height: size_px as usize,
        };
        Ok((grid, rect))
    }

    /// Returns the part of `rect` that can touch `bounds`, a box in the set's CRS.
    pub(crate) fn part_over(&self, rect: &PixelRect, bounds: &Bounds) -> Option<PixelRect> {
        // One pixel more on each side than touches, which costs nothing.
        let column = |x: f64| ((x - self.origin[0]) / self.pixel).floor();
        let row = |y: f64| ((self.origin[1] - y) / self.pixel).floor();
        let clamp =
            |n: f64, start: i64, len: usize| (n.max(start as f64) as i64).min(start + len as i64);
        let left = clamp(column(bounds.min_x()) - 1.0, rect.left, rect.width);
        let right = clamp(column(bounds.max_x()) + 2.0, rect.left, rect.width);
        let top = clamp(row(bounds.max_y()) - 1.0, rect.top, rect.height);
        let bottom = clamp(row(bounds.min_y()) + 2.0, rect.top, rect.height);
        (left < right && top < bottom).then_some(PixelRect {
            left,
            top,
            width: (right - left) as usize,
            height: (bottom - top) as usize,
        })
    }

    /// Returns the side of a pixel on the ground around a point of the set's CRS, in
    /// the twin's units; none where the twin's CRS does not reach.
    pub(crate) fn pixel_on_ground(&self, point: [f64; 2]) -> Option<f64> {
        let half = self.pixel / 2.0;
        let at = |dx: f64, dy: f64| self.in_twin([point[0] + dx * half, point[1] + dy * half]);
        let (east, west, north, south) = (at(1.0, 0.0), at(-1.0, 0.0), at(0.0, 1.0), at(0.0, -1.0));
        let across = distance(east?, west?);
        let along = distance(north?, south?);
        Some(across.min(along))
    }

    /// Calls `emit` for rows of pixels, or parts of them, with the column and row of the
    /// first in `rect` and where the middles of these pixels lie in the twin. Pixels
    /// without a place in the twin's CRS are not among them.
    pub(crate) fn for_each(
        &self,
        rect: &PixelRect,
        mut emit: impl FnMut(usize, usize, &[[f64; 2]]),
    ) {
        let size = i64::from(BLOCK_PX);
        let (right, bottom) = (rect.left + rect.width as i64, rect.top + rect.height as i64);
        let mut row = Vec::with_capacity(BLOCK_PX as usize);
        for block_y in rect.top.div_euclid(size)..=(bottom - 1).div_euclid(size) {
            for block_x in rect.left.div_euclid(size)..=(right - 1).div_euclid(size) {
                self.block(
                    block_x * size,
                    block_y * size,
                    size,
                    rect,
                    &mut row,
                    &mut emit,
                );
            }
        }
    }

    /// Interpolates a block if that is exact enough, or else its four quarters.
    fn block(
        &self,
        left: i64,
        top: i64,
        size: i64,
        rect: &PixelRect,
        row: &mut Vec<[f64; 2]>,
        emit: &mut impl FnMut(usize, usize, &[[f64; 2]]),
    ) {
        let (from_x, to_x) = (
            left.max(rect.left),
            (left + size).min(rect.left + rect.width as i64),
        );
        let (from_y, to_y) = (
            top.max(rect.top),
            (top + size).min(rect.top + rect.height as i64),
        );
        if from_x >= to_x || from_y >= to_y {
            return;
        }
        if size == 1 {
            if let Some(position) = self.middle_of(left as f64, top as f64) {
                emit(
                    (left - rect.left) as usize,
                    (top - rect.top) as usize,
                    &[position],
                );
            }
            return;
        }
        let Some(corners) = self.corners_if_exact(left, top, size) else {
            let half = size / 2;
            for (x, y) in [(0, 0), (half, 0), (0, half), (half, half)] {
                self.block(left + x, top + y, half, rect, row, emit);
            }
            return;
        };
        for y in from_y..to_y {
            row.clear();
            let v = ((y - top) as f64) / size as f64;
            let west = between(corners[0], corners[2], v);
            let east = between(corners[1], corners[3], v);
            row.extend(
                (from_x..to_x).map(|x| between(west, east, (x - left) as f64 / size as f64)),
            );
            emit((from_x - rect.left) as usize, (y - rect.top) as usize, row);
        }
    }

    /// The positions of the first pixel's middle and of those one block further to
    /// the east, the south, and both, unless what lies between them cannot be
    /// interpolated.
    fn corners_if_exact(&self, left: i64, top: i64, size: i64) -> Option<[[f64; 2]; 4]> {
        let at = |u: f64, v: f64| {
            self.middle_of(left as f64 + u * size as f64, top as f64 + v * size as f64)
        };
        let corners = [at(0.0, 0.0)?, at(1.0, 0.0)?, at(0.0, 1.0)?, at(1.0, 1.0)?];
        if self.back.is_none() {
            return Some(corners);
        }
        let pixel = distance(corners[0], corners[3]) / (size as f64 * std::f64::consts::SQRT_2);
        // The error of interpolation is greatest in the middle of the block or of an
        // edge; a fifth is left for what the samples miss.
        let limit = 0.8 * TOLERANCE_PX * pixel;
        for (u, v) in [(0.5, 0.5), (0.5, 0.0), (0.0, 0.5), (1.0, 0.5), (0.5, 1.0)] {
            let west = between(corners[0], corners[2], v);
            let east = between(corners[1], corners[3], v);
            let off = distance(at(u, v)?, between(west, east, u));
            // What is not a number is not exact.
            if off.is_nan() || off > limit {
                return None;
            }
        }
        Some(corners)
    }

    /// Where the middle of a pixel lies in the twin.
    fn middle_of(&self, column: f64, row: f64) -> Option<[f64; 2]> {
        self.in_twin([
            self.origin[0] + (column + 0.5) * self.pixel,
            self.origin[1] - (row + 0.5) * self.pixel,
        ])
    }

    fn in_twin(&self, point: [f64; 2]) -> Option<[f64; 2]> {
        match &self.back {
            None => Some(point),
            Some(back) => back.xy(point).ok(),
        }
    }
}

fn between(a: [f64; 2], b: [f64; 2], t: f64) -> [f64; 2] {
    [0, 1].map(|axis| a[axis] + t * (b[axis] - a[axis]))
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use geodesy::Crs;

    #[test]
    fn an_interpolated_position_is_within_a_tenth_of_a_pixel() {
        let tms = TileMatrixSet::by_id("WebMercatorQuad").unwrap();
        for twin in ["EPSG:3006", "EPSG:3014"] {
            let twin = Crs::from_code(twin).unwrap();
            let forward = Transform::new(&twin, &tms.crs).unwrap();
            let back = Transform::new(&tms.crs, &twin).unwrap();
            for (lon_lat_like, z) in [
                ([150_000.0, 6_900_000.0], 4),
                ([150_000.0, 6_900_000.0], 9),
                ([160_000.0, 6_900_000.0], 16),
            ] {
                let point = forward.xy(lon_lat_like).unwrap();
                let tile = tms.tile_at(z, point).unwrap();
                let (grid, rect) = PixelGrid::of_tile(Some(back.clone()), tms, tile, 256).unwrap();
                let mut seen = 0;
                let mut worst: f64 = 0.0;
                grid.for_each(&rect, |column, row, positions| {
                    for (i, position) in positions.iter().enumerate() {
                        seen += 1;
                        let column = (rect.left + (column + i) as i64) as f64;
                        let row = (rect.top + row as i64) as f64;
                        let exact = grid.middle_of(column, row).unwrap();
                        let next = grid.middle_of(column + 1.0, row).unwrap();
                        worst = worst.max(distance(exact, *position) / distance(exact, next));
                    }
                });
                assert_eq!(seen, 256 * 256, "every pixel of {tile} once");
                assert!(worst < TOLERANCE_PX, "{tile}: {worst}");
            }
        }
    }
}
