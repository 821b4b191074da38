//! Pyramids: all tiles of one or several collections in one tile matrix set, in one
//! immutable archive.
//!
//! The format is PMTiles 3 (`docs/adr/0010-pyramid-archives.md`), whose tiles are found by
//! ranges of bytes, by us and by any client; MBTiles 1.3 is written for programs that read
//! nothing else. The crate `pmtiles` writes; `read` is ours, since the server must find a
//! tile in mapped memory without waiting and without trusting a byte.
//!
//! Both formats know only levels of 2^z × 2^z tiles. Levels of a set that begins with more
//! than one tile are stored deeper by a number that the metadata tells: the tile z/x/y of
//! `SWEREF99TM`, which begins with 4 × 4, is stored as (z + 2)/x/y.

mod describe;
mod mbtiles;
mod open;
mod read;
mod write;

pub use describe::{PyramidDescription, ShownLevel};
pub(crate) use open::OpenPyramid;
pub use open::{PyramidTile, PyramidView};
pub(crate) use read::Archive;
pub use write::{ArchiveFormat, PyramidSummary, PyramidWriter};

/// Deepest level that an archive may have, after it was deepened. Readers in JavaScript
/// count tiles in numbers of 53 bits, which end here.
pub(crate) const STORED_Z_MAX: u8 = 26;

/// The media type of an archive.
pub const PMTILES: &str = "application/vnd.pmtiles";

/// Most tiles that the metadata names for having given something up. The tiles of low
/// levels that do are few; with all beyond that the metadata of a whole country would be
/// longer than a directory.
const TOLD_SACRIFICES_MAX: usize = 4096;

#[cfg(test)]
mod tests;
