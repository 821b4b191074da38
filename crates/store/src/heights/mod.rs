//! Elevations as Cloud-Optimised GeoTIFF: written once, read where it is mapped.
//!
//! The layout, all little-endian, classic TIFF below 4 GiB and BigTIFF above:
//!
//! 1. the TIFF header, and a note that says what follows (GDAL's structural metadata);
//! 2. one directory for each level, the finest first and each next with cells twice as
//!    wide (`NewSubfileType` 1), until one tile holds the level;
//! 3. the arrays that those directories point to;
//! 4. the tiles: 256 × 256 32-bit floats, not compressed, row by row from the north-west,
//!    each between its length and its last four bytes again,
//!    the coarsest level first. A tile without any value is left out (its offset and length
//!    are 0, as GDAL has it). A cell without value is NaN (`GDAL_NODATA`).
//!
//! The finest directory has the keys of GeoTIFF 1.1, with the vertical CRS where it is
//! known, and GDAL's unit and statistics. Rasters to give away (`raster`) have tiles that are
//! compressed, and of bytes where bytes are enough.
//!
//! A coarser cell is the mean (terrain, distance) or maximum (surface) of those of its four
//! cells that have a value. Tiles are not compressed, so that one elevation costs one read of
//! four mapped bytes.

mod above;
mod directory;
mod pile;
mod raster;
mod read;
mod samples;
mod write;

pub(crate) use above::{AboveGround, VirtualFile};
pub use raster::{RasterFormat, RasterWriter};
pub(crate) use read::HeightMap;
pub use samples::{Overviews, Samples};
pub use write::HeightsWriter;

/// Which heights of a survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeightKind {
    /// Bare ground.
    Terrain,
    /// Highest returns.
    Surface,
    /// Not heights, but metres in the plane from the nearest measured ground, where there is
    /// terrain: what was filled in is over zero.
    Distance,
}

impl HeightKind {
    /// All there are.
    pub const ALL: [HeightKind; 3] = [
        HeightKind::Terrain,
        HeightKind::Surface,
        HeightKind::Distance,
    ];

    /// What it is called in files, addresses and answers.
    pub fn name(self) -> &'static str {
        match self {
            HeightKind::Terrain => "terrain",
            HeightKind::Surface => "surface",
            HeightKind::Distance => "distance",
        }
    }
}

/// Side of a tile, in cells.
const TILE: usize = 256;

/// Bytes of a tile.
const TILE_BYTES: usize = TILE * TILE * 4;

/// Most levels: enough to bring 2³¹ cells down to one tile.
const LEVELS_MAX: usize = 32;

/// Tags of a directory (TIFF 6.0; GeoTIFF 1.1, OGC 19-008r4; GDAL).
mod tag {
    pub(super) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(super) const IMAGE_WIDTH: u16 = 256;
    pub(super) const IMAGE_LENGTH: u16 = 257;
    pub(super) const BITS_PER_SAMPLE: u16 = 258;
    pub(super) const COMPRESSION: u16 = 259;
    pub(super) const PHOTOMETRIC_INTERPRETATION: u16 = 262;
    pub(super) const IMAGE_DESCRIPTION: u16 = 270;
    pub(super) const SAMPLES_PER_PIXEL: u16 = 277;
    pub(super) const PLANAR_CONFIGURATION: u16 = 284;
    pub(super) const PREDICTOR: u16 = 317;
    pub(super) const TILE_WIDTH: u16 = 322;
    pub(super) const TILE_LENGTH: u16 = 323;
    pub(super) const TILE_OFFSETS: u16 = 324;
    pub(super) const TILE_BYTE_COUNTS: u16 = 325;
    pub(super) const SAMPLE_FORMAT: u16 = 339;
    pub(super) const MODEL_PIXEL_SCALE: u16 = 33550;
    pub(super) const MODEL_TIEPOINT: u16 = 33922;
    pub(super) const GEO_KEY_DIRECTORY: u16 = 34735;
    pub(super) const GDAL_METADATA: u16 = 42112;
    pub(super) const GDAL_NODATA: u16 = 42113;
}

/// Types of a field (TIFF 6.0; BigTIFF).
mod kind {
    pub(super) const ASCII: u16 = 2;
    pub(super) const SHORT: u16 = 3;
    pub(super) const LONG: u16 = 4;
    pub(super) const DOUBLE: u16 = 12;
    pub(super) const LONG8: u16 = 16;
}
