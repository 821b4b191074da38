//! Addresses of tiles.

/// The deepest zoom level that any tile matrix set may have.
///
/// At level 30 of WebMercatorQuad a tile is 4 cm wide, and columns still fit 32 bits.
pub const MAX_Z: u8 = 30;

/// The address of a tile in some tile matrix set: level, column from the west,
/// row from the *north*.
///
/// Whether the tile matrix set has such a tile is for the set to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileCoord {
    z: u8,
    x: u32,
    y: u32,
}

/// No tile matrix set can have such a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no zoom level {z}: levels end at {MAX_Z}")]
pub struct InvalidTile {
    z: u8,
}

impl TileCoord {
    /// Returns the address.
    ///
    /// # Errors
    ///
    /// [`InvalidTile`] if `z` is over [`MAX_Z`].
    pub fn new(z: u8, x: u32, y: u32) -> Result<TileCoord, InvalidTile> {
        if z > MAX_Z {
            Err(InvalidTile { z })
        } else {
            Ok(TileCoord { z, x, y })
        }
    }

    /// Zoom level.
    pub fn z(self) -> u8 {
        self.z
    }

    /// Column, counted from the west.
    pub fn x(self) -> u32 {
        self.x
    }

    /// Row, counted from the north.
    pub fn y(self) -> u32 {
        self.y
    }
}

impl std::fmt::Display for TileCoord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.z, self.x, self.y)
    }
}
