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

    /// Returns its number in a PMTiles archive: tiles of all levels above, then its place
    /// on the Hilbert curve of its level. None if its level has more than 2^z columns or
    /// rows, as levels of a set can that does not begin with one tile.
    ///
    /// # Source
    ///
    /// PMTiles 3, "Entries".
    pub fn pmtiles_id(self) -> Option<u64> {
        let side = 1_u32 << self.z;
        (self.x < side && self.y < side)
            .then(|| tiles_above(self.z) + hilbert_from_place(self.z, self.x, self.y))
    }

    /// Returns the tile with this number in a PMTiles archive; none below level [`MAX_Z`].
    pub fn from_pmtiles_id(id: u64) -> Option<TileCoord> {
        let z = (0..=MAX_Z).rev().find(|z| tiles_above(*z) <= id)?;
        let along = id - tiles_above(z);
        (along < (1 << (2 * z))).then(|| {
            let (x, y) = place_from_hilbert(z, along);
            TileCoord { z, x, y }
        })
    }
}

/// Number of tiles on all levels above `z`, where each level has four times as many as the
/// one before.
fn tiles_above(z: u8) -> u64 {
    ((1 << (2 * z)) - 1) / 3
}

/// How far along the Hilbert curve that fills 2^z × 2^z places this one lies.
fn hilbert_from_place(z: u8, mut x: u32, mut y: u32) -> u64 {
    let mut along = 0;
    for bit in (0..z).rev() {
        let (east, south) = ((x >> bit) & 1, (y >> bit) & 1);
        along = (along << 2) | u64::from((3 * east) ^ south);
        // The curve in a quarter is turned so that it ends where the next begins. Only
        // lower bits are looked at from here, so that all may be flipped.
        if south == 0 {
            if east == 1 {
                (x, y) = (!x, !y);
            }
            (x, y) = (y, x);
        }
    }
    along
}

/// The place that lies so far along the Hilbert curve that fills 2^z × 2^z places.
fn place_from_hilbert(z: u8, mut along: u64) -> (u32, u32) {
    let (mut x, mut y) = (0_u32, 0_u32);
    for bit in 0..z {
        let quarter = (along & 3) as u32;
        let east = quarter >> 1;
        let south = (quarter & 1) ^ east;
        if south == 0 {
            if east == 1 {
                let last = (1 << bit) - 1;
                (x, y) = (last - x, last - y);
            }
            (x, y) = (y, x);
        }
        x |= east << bit;
        y |= south << bit;
        along >>= 2;
    }
    (x, y)
}

impl std::fmt::Display for TileCoord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.z, self.x, self.y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(z: u8, x: u32, y: u32) -> TileCoord {
        TileCoord::new(z, x, y).expect("a level that there is")
    }

    #[test]
    fn pmtiles_ids_are_those_that_its_specification_and_readers_publish() {
        for (z, x, y, id) in [
            // The specification's own.
            (0, 0, 0, 0),
            (1, 0, 0, 1),
            (1, 0, 1, 2),
            (1, 1, 1, 3),
            (1, 1, 0, 4),
            (2, 0, 0, 5),
            (12, 3423, 1763, 19_078_479),
            // Of the tests of its readers in Rust and JavaScript.
            (2, 1, 3, 11),
            (3, 3, 0, 26),
            (20, 0, 0, 366_503_875_925),
            (26, 0, 0, 1_501_199_875_790_165),
            (28, 0, 0, 24_019_198_012_642_645),
        ] {
            assert_eq!(tile(z, x, y).pmtiles_id(), Some(id), "{z}/{x}/{y}");
            assert_eq!(TileCoord::from_pmtiles_id(id), Some(tile(z, x, y)), "{id}");
        }
    }

    #[test]
    fn every_tile_to_level_9_and_corners_beyond_come_back_from_their_ids() {
        let mut expected = 0;
        let mut before = tile(0, 0, 0);
        while expected < tiles_above(10) {
            let place = TileCoord::from_pmtiles_id(expected).expect("a tile");
            assert_eq!(place.pmtiles_id(), Some(expected), "{place}");
            if place.z() == before.z() && expected > 0 {
                let step = place.x().abs_diff(before.x()) + place.y().abs_diff(before.y());
                assert_eq!(step, 1, "the curve jumps from {before} to {place}");
            }
            before = place;
            expected += 1;
        }
        assert_eq!(before.z(), 9);
        for z in 10..=MAX_Z {
            let last = (1 << z) - 1;
            for (x, y) in [
                (0, 0),
                (last, 0),
                (0, last),
                (last, last),
                (last / 3, last / 7),
            ] {
                let id = tile(z, x, y).pmtiles_id().expect("within the level");
                assert!((tiles_above(z)..tiles_above(z) + (1 << (2 * z))).contains(&id));
                assert_eq!(TileCoord::from_pmtiles_id(id), Some(tile(z, x, y)));
            }
            // The curve begins in one corner and ends in its neighbour to the east.
            assert_eq!(tile(z, 0, 0).pmtiles_id(), Some(tiles_above(z)));
            let end = tile(z, last, 0).pmtiles_id();
            assert_eq!(end, Some(tiles_above(z) + (1 << (2 * z)) - 1));
        }
    }

    #[test]
    fn tiles_beyond_a_square_level_and_ids_beyond_the_last_level_have_no_counterpart() {
        assert_eq!(tile(0, 1, 0).pmtiles_id(), None);
        assert_eq!(tile(3, 0, 8).pmtiles_id(), None);
        let end = tiles_above(MAX_Z) + (1 << (2 * MAX_Z));
        assert!(TileCoord::from_pmtiles_id(end - 1).is_some());
        assert_eq!(TileCoord::from_pmtiles_id(end), None);
        assert_eq!(TileCoord::from_pmtiles_id(u64::MAX), None);
    }
}
