//! Where a tile lies, and the way from the twin's coordinates to tile units.

use geodesy::{TileMatrixSet, Transform};
use model::{Bounds, TileCoord};

use crate::Error;
use crate::clip::ClipBox;

/// Tile units along a side of a tile, as every map client expects (MVT 2.1, "extent").
pub(crate) const EXTENT: u32 = 4096;

/// How far geometry reaches over the edge of its tile, in tile units: 8 pixels of
/// a tile shown at 512. Strokes up to 16 pixels wide then join without a seam, at
/// a cost of 3 % more area.
pub(crate) const BUFFER: f64 = 64.0;

/// Side of a pixel in tile units when the tile is shown at 512 pixels, as MapLibre does.
pub(crate) const PIXEL: f64 = EXTENT as f64 / 512.0;

/// A tile's place in its level, and how to get there from the twin.
///
/// *World units* are tile units counted from the north-west corner of the whole
/// level. All that must be the same in neighbouring tiles (simplification, sizes)
/// is done in them. A tile's own units differ by whole numbers, so that moving
/// from one to the other is exact.
#[derive(Debug)]
pub(crate) struct Frame {
    /// From the twin to the tile matrix set; none if they share a CRS.
    forward: Option<Transform>,
    /// North-west corner of the level, in the set's CRS.
    origin: [f64; 2],
    /// Side of a tile unit, in units of the set's CRS.
    pub(crate) unit: f64,
    /// North-west corner of the tile, in world units.
    pub(crate) corner: [f64; 2],
}

impl Frame {
    /// Returns the frame of a tile; `forward` leads from the twin's CRS to the set's.
    pub(crate) fn new(
        forward: Option<Transform>,
        tms: &TileMatrixSet,
        tile: TileCoord,
    ) -> Result<Frame, Error> {
        let no_such_tile = || Error::NoSuchTile {
            tms: tms.id.clone(),
            tile,
        };
        let matrix = tms
            .matrices
            .get(usize::from(tile.z()))
            .ok_or_else(no_such_tile)?;
        if tile.x() >= matrix.columns || tile.y() >= matrix.rows {
            return Err(no_such_tile());
        }
        let unit = matrix.cell_size * f64::from(matrix.tile_size_px) / f64::from(EXTENT);
        Ok(Frame {
            forward,
            origin: matrix.origin,
            unit,
            corner: [tile.x(), tile.y()].map(|n| f64::from(n) * f64::from(EXTENT)),
        })
    }

    /// Turns twin coordinates into world units, in place.
    pub(crate) fn to_world(&self, points: &mut [[f64; 2]]) -> Result<(), geodesy::Error> {
        if let Some(forward) = &self.forward {
            forward.xy_in_place(points)?;
        }
        for point in points {
            point[0] = (point[0] - self.origin[0]) / self.unit;
            point[1] = (self.origin[1] - point[1]) / self.unit;
        }
        Ok(())
    }

    /// The box that geometry is cut to, in world units.
    pub(crate) fn clip_box(&self) -> ClipBox {
        let extent = f64::from(EXTENT);
        ClipBox {
            min: self.corner.map(|c| c - BUFFER),
            max: self.corner.map(|c| c + extent + BUFFER),
        }
    }

    /// World units to the tile's grid: the nearest whole number, halves to the
    /// south-east, so that neighbours round the same point alike.
    pub(crate) fn snap(&self, point: [f64; 2]) -> [i32; 2] {
        [0, 1].map(|axis| (point[axis] - self.corner[axis] + 0.5).floor() as i32)
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

    /// The box of the tile with its buffer in the set's CRS.
    pub(crate) fn bounds(&self) -> Option<Bounds> {
        let ClipBox { min, max } = self.clip_box();
        Bounds::new(
            self.origin[0] + min[0] * self.unit,
            self.origin[1] - max[1] * self.unit,
            self.origin[0] + max[0] * self.unit,
            self.origin[1] - min[1] * self.unit,
        )
        .ok()
    }
}
