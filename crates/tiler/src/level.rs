//! Where the tiles of a level lie, and the way from the twin's coordinates to tile units.

use std::ops::Range;

use geodesy::TileMatrixSet;
use model::Bounds;

use crate::clip::ClipBox;

/// Tile units along a side of a tile, as every map client expects (MVT 2.1, "extent").
pub(crate) const EXTENT: u32 = 4096;

/// How far geometry reaches over the edge of its tile, in tile units: 8 pixels of
/// a tile shown at 512. Strokes up to 16 pixels wide then join without a seam, at
/// a cost of 3 % more area.
pub(crate) const BUFFER: f64 = 64.0;

/// Side of a pixel in tile units when the tile is shown at 512 pixels, as MapLibre does.
pub(crate) const PIXEL: f64 = EXTENT as f64 / 512.0;

/// A level of a tile matrix set, and how to get there from the twin.
///
/// *World units* are tile units counted from the north-west corner of the whole
/// level. All that must be the same in neighbouring tiles (simplification, sizes)
/// is done in them. A tile's own units differ by whole numbers, so that moving
/// from one to the other is exact.
#[derive(Debug, Clone)]
pub(crate) struct Level {
    /// North-west corner, in the set's CRS.
    origin: [f64; 2],
    /// Side of a tile unit, in units of the set's CRS.
    pub(crate) unit: f64,
    columns: u32,
    rows: u32,
}

/// A tile of a level: column from the west and row from the north.
pub(crate) type Tile = [u32; 2];

/// A rectangle of tiles of a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tiles {
    pub(crate) columns: Range<u32>,
    pub(crate) rows: Range<u32>,
}

impl Tiles {
    /// Returns the rectangle of one tile.
    pub(crate) fn one([column, row]: Tile) -> Tiles {
        Tiles {
            columns: column..column + 1,
            rows: row..row + 1,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty() || self.rows.is_empty()
    }

    pub(crate) fn is_one(&self) -> bool {
        self.columns.len() == 1 && self.rows.len() == 1
    }
}

impl Level {
    /// Returns the level `z`; none if the set does not go so deep.
    pub(crate) fn of(tms: &TileMatrixSet, z: u8) -> Option<Level> {
        let matrix = tms.matrix(z)?;
        Some(Level {
            origin: matrix.origin,
            unit: matrix.cell_size * f64::from(matrix.tile_size_px) / f64::from(EXTENT),
            columns: matrix.columns,
            rows: matrix.rows,
        })
    }

    /// All tiles.
    pub(crate) fn tiles(&self) -> Tiles {
        Tiles {
            columns: 0..self.columns,
            rows: 0..self.rows,
        }
    }

    pub(crate) fn has(&self, [column, row]: Tile) -> bool {
        column < self.columns && row < self.rows
    }

    /// Turns coordinates of the set's CRS into world units.
    pub(crate) fn world(&self, point: [f64; 2]) -> [f64; 2] {
        [
            (point[0] - self.origin[0]) / self.unit,
            (self.origin[1] - point[1]) / self.unit,
        ]
    }

    /// Turns a box of the set's CRS into one of world units.
    pub(crate) fn world_box(&self, around: &ClipBox) -> ClipBox {
        let [west, south] = self.world(around.min);
        let [east, north] = self.world(around.max);
        ClipBox {
            min: [west, north],
            max: [east, south],
        }
    }

    /// Returns those of `tiles` whose boxes, with their buffers, touch a box of world units.
    pub(crate) fn touching(&self, around: &ClipBox, tiles: &Tiles) -> Tiles {
        let extent = f64::from(EXTENT);
        let along = |axis: usize, range: &Range<u32>| {
            // The conversions saturate: what lies beyond the level touches its last tile or none.
            let first = ((around.min[axis] - BUFFER) / extent).ceil() as i64;
            let last = ((around.max[axis] + BUFFER) / extent).floor() as i64;
            let from = (first.saturating_sub(1)).clamp(range.start.into(), range.end.into()) as u32;
            let end = (last.saturating_add(1)).clamp(range.start.into(), range.end.into()) as u32;
            from..end
        };
        Tiles {
            columns: along(0, &tiles.columns),
            rows: along(1, &tiles.rows),
        }
    }

    /// The box that geometry in a tile is cut to, in world units.
    pub(crate) fn clip_box(&self, tile: Tile) -> ClipBox {
        let corner = corner_of(tile);
        let extent = f64::from(EXTENT);
        ClipBox {
            min: corner.map(|c| c - BUFFER),
            max: corner.map(|c| c + extent + BUFFER),
        }
    }

    /// How far simplification may move a line, in tile units.
    ///
    /// Three eighths of a pixel, which nobody sees. Where a tile unit is under
    /// 0.7 m of the set's CRS (from level 14 of WebMercatorQuad), clients enlarge
    /// tiles beyond their level, and it is one unit.
    pub(crate) fn tolerance(&self) -> f64 {
        const ENLARGED_BELOW: f64 = 0.7;
        if self.unit < ENLARGED_BELOW { 1.0 } else { 3.0 }
    }

    /// The box of a tile with its buffer in the set's CRS.
    pub(crate) fn bounds(&self, tile: Tile) -> Option<Bounds> {
        let ClipBox { min, max } = self.clip_box(tile);
        Bounds::new(
            self.origin[0] + min[0] * self.unit,
            self.origin[1] - max[1] * self.unit,
            self.origin[0] + max[0] * self.unit,
            self.origin[1] - min[1] * self.unit,
        )
        .ok()
    }
}

/// North-west corner of a tile, in world units.
fn corner_of(tile: Tile) -> [f64; 2] {
    tile.map(|n| f64::from(n) * f64::from(EXTENT))
}

/// World units to a tile's grid: the nearest whole number, halves to the south-east, so that
/// neighbours round the same point alike.
pub(crate) fn snap(point: [f64; 2], tile: Tile) -> [i32; 2] {
    let corner = corner_of(tile);
    [0, 1].map(|axis| (point[axis] - corner[axis] + 0.5).floor() as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_touches_the_tiles_whose_clip_boxes_it_touches() {
        let tms = TileMatrixSet::by_id("WebMercatorQuad").expect("a set");
        let level = Level::of(tms, 3).expect("a level");
        let boxes = [
            [0.0, 0.0, 10.0, 10.0],
            [4032.0, 4160.0, 4032.0, 4160.0],
            [4031.9, 4160.1, 4032.0, 4170.0],
            [-900.0, 5.0, -64.1, 9.0],
            [-900.0, 5.0, -64.0, 9.0],
            [32_767.0, 0.0, 40_000.0, 40_000.0],
            [9000.0, 9000.0, 30_000.0, 12_287.9],
        ];
        for [west, north, east, south] in boxes {
            let around = ClipBox {
                min: [west, north],
                max: [east, south],
            };
            let found = level.touching(&around, &level.tiles());
            for row in 0..8 {
                for column in 0..8 {
                    let clip = level.clip_box([column, row]);
                    let touches = (0..2).all(|axis| {
                        clip.min[axis] <= around.max[axis] && around.min[axis] <= clip.max[axis]
                    });
                    let is_found = found.columns.contains(&column) && found.rows.contains(&row);
                    assert_eq!(is_found, touches, "{column} {row} of {around:?}");
                }
            }
        }
    }
}
