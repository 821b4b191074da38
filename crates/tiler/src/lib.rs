//! A view and an address to the bytes of a tile. Synchronous and pure: equal
//! views, addresses and options give equal bytes.

use geodesy::TileMatrixSet;
use model::TileCoord;
use store::{CollectionView, HeightKind, SurveyView};

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading the twin failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Coordinates could not be transformed.
    #[error(transparent)]
    Geodesy(#[from] geodesy::Error),
    /// The tile matrix set has no such tile.
    #[error("{tms} has no tile {tile}")]
    NoSuchTile { tms: String, tile: TileCoord },
    /// An image could not be encoded.
    #[error("encoding an image: {0}")]
    Image(String),
}

/// A vector tile and what it cost to keep it small.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorTile {
    /// MVT 2.1, not compressed; empty if no feature shows.
    pub bytes: Vec<u8>,
    /// What was given up to keep the byte limit, one sentence for each step taken.
    pub sacrifices: Vec<String>,
}

/// How vector tiles are made.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorOptions {
    /// Most bytes before compression.
    pub byte_limit: usize,
}

/// Makes a vector tile with one layer for each collection that shows something.
pub fn vector_tile(
    _collections: &[CollectionView],
    _tms: &TileMatrixSet,
    _tile: TileCoord,
    _options: &VectorOptions,
) -> Result<VectorTile, Error> {
    todo!()
}

/// File format of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageFormat {
    /// PNG.
    Png,
    /// Lossless WebP.
    WebP,
}

/// Makes a shaded relief tile: grey with alpha, transparent without data.
pub fn hillshade_tile(
    _survey: &SurveyView,
    _kind: HeightKind,
    _tms: &TileMatrixSet,
    _tile: TileCoord,
    _size_px: u32,
    _format: ImageFormat,
) -> Result<Vec<u8>, Error> {
    todo!()
}

/// Makes a terrain-RGB tile (Mapbox encoding); 0 m where there is no data.
pub fn terrain_rgb_tile(
    _survey: &SurveyView,
    _kind: HeightKind,
    _tms: &TileMatrixSet,
    _tile: TileCoord,
    _size_px: u32,
    _format: ImageFormat,
) -> Result<Vec<u8>, Error> {
    todo!()
}

/// Compresses with gzip, the same bytes every time.
pub fn gzip(_bytes: &[u8]) -> Vec<u8> {
    todo!()
}
