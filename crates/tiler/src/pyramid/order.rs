//! The order of tiles: that of their numbers in PMTiles, level by level, along a Hilbert curve.

use geodesy::TileMatrixSet;
use model::TileCoord;

use crate::level::Tile;

/// How many levels deeper a tile is numbered, for sets that begin with more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    shift: u8,
}

impl Order {
    pub(super) fn of(tms: &TileMatrixSet) -> Order {
        Order {
            shift: tms.quad_shift(),
        }
    }

    /// Returns the number of a tile of the set; none if it lies too deep to have one.
    pub(super) fn id(self, z: u8, [x, y]: Tile) -> Option<u64> {
        let stored = TileCoord::new(z.checked_add(self.shift)?, x, y).ok()?;
        stored.pmtiles_id()
    }

    /// Returns the tile with a number.
    pub(super) fn tile(self, id: u64) -> Option<TileCoord> {
        let stored = TileCoord::from_pmtiles_id(id)?;
        TileCoord::new(stored.z().checked_sub(self.shift)?, stored.x(), stored.y()).ok()
    }
}
