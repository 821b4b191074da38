//! A view and an address to the bytes of a tile. Synchronous and pure: equal
//! views, addresses and options give equal bytes.
//!
//! Vector tiles go through these modules, in this order: `tile_rules` and `layers` (what an
//! operator asks for, and what a level shows of a collection), `level` and `boxes` (where tiles
//! lie, and what to read for them), `parts` and `shapes` (a geometry's way into them) with `simplify`, `clip` and `rings`,
//! `mvt` (bytes), `vector` (the layers of a tile), and `limit` with `coarser` (what is given up when a tile grows too large).
//!
//! Raster tiles take what a survey knows around their pixels from `scene`, and are painted in
//! `raster` and, of two surveys, in `difference`; `coverage` writes whole grids to files.
//!
//! `pyramid` makes all tiles of many levels at once, of the same parts, after `generalise` has
//! decided what each level shows.
//!
//! `mlt` makes MapLibre tiles of finished MVT tiles.
//!
//! `cloud` makes 3D Tiles of a survey's points, and `mesh` terrain of its ground.
//!
//! It knows nothing of HTTP, and keeps no caches.

mod boxes;
mod clip;
pub mod cloud;
mod coarser;
mod coverage;
mod density;
mod difference;
mod format;
pub mod generalise;
mod label;
mod layers;
mod level;
mod limit;
pub mod mesh;
mod mlt;
mod mvt;
mod parts;
mod positions;
mod pyramid;
mod raster;
mod relief;
mod rings;
mod scene;
mod shapes;
mod simplify;
mod theme;
mod tile_rules;
mod vector;

use geodesy::TileMatrixSet;
use model::TileCoord;

use crate::boxes::ways;
use crate::level::Level;
use crate::limit::GivenUp;
use crate::vector::{LayerBuilder, Place};

pub use crate::coverage::{Product, write_raster};
pub use crate::density::deepest_level;
pub use crate::difference::{CLEAR_BELOW_M, DIFFERENCE_CLASSES, DifferenceClass, difference_tile};
pub use crate::format::ImageFormat;
pub use crate::layers::TileLayer;
pub use crate::limit::DEFAULT_BYTE_LIMIT;
pub use crate::mlt::mlt_of_mvt;
pub use crate::pyramid::{
    BuiltPyramid, BuiltTile, Earlier, Explained, Explanation, Imprints, LevelMade, POINT_COUNT,
    PyramidLayer, PyramidOptions, PyramidSummary, build_pyramid, explain,
};
pub use crate::raster::{
    BEYOND_M, ElevationEncoding, Relief, Shading, hillshade_tile, terrain_rgb_tile, themed_tile,
};
pub use crate::relief::Lights;
pub use crate::theme::{Stop, Theme};
pub use crate::tile_rules::{TileRules, ZoomAttributes, ZoomBytes, ZoomRank};

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
    NoSuchTile {
        /// Its name.
        tms: String,
        /// The tile.
        tile: TileCoord,
    },
    /// The tile matrix set has no such level.
    #[error("{tms} has no level {z}")]
    NoSuchLevel {
        /// Its name.
        tms: String,
        /// The level.
        z: u8,
    },
    /// A node of a survey has more points than a tile may have.
    #[error("a node of {count} points is too large for a tile, which has {limit} at most")]
    TooManyPoints {
        /// Points of the node.
        count: usize,
        /// Most points of a tile.
        limit: usize,
    },
    /// A survey covers no place.
    #[error("the survey covers no place")]
    EmptySurvey,
    /// An image could not be encoded.
    #[error("encoding an image: {0}")]
    Image(String),
    /// A vector tile could not be made a MapLibre tile.
    #[error("making a MapLibre tile: {0}")]
    Mlt(String),
    /// What was asked for cannot be made.
    #[error("{0}")]
    Refused(String),
}

/// A vector tile and what it cost to keep it small.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorTile {
    /// MVT 2.1, not compressed; empty if no feature shows.
    pub bytes: Vec<u8>,
    /// What was given up to keep the byte limit, one sentence for each step taken.
    /// Plain ASCII without line breaks, fit for an HTTP header.
    pub sacrifices: Vec<String>,
}

/// How vector tiles are made.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorOptions {
    /// Most bytes before compression, unless the layers say otherwise.
    pub byte_limit: usize,
    /// What stands for a polygon.
    pub polygons: Polygons,
}

impl VectorOptions {
    /// Most bytes of a tile of these layers: as many as the most generous of them allows.
    pub(crate) fn limit_of<'a>(&self, layers: impl IntoIterator<Item = &'a TileLayer>) -> usize {
        let limits = layers.into_iter().map(|layer| layer.byte_limit);
        let limits = limits.map(|limit| limit.unwrap_or(self.byte_limit));
        limits.max().unwrap_or(self.byte_limit)
    }
}

/// What stands for a polygon in a vector tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Polygons {
    /// Its area.
    Areas,
    /// One point inside it, where its label goes. An area that several tiles cut would be
    /// labelled in each of them; its point is in one of them, or in the buffers of others.
    LabelPoints,
}

impl Default for VectorOptions {
    fn default() -> VectorOptions {
        VectorOptions {
            byte_limit: DEFAULT_BYTE_LIMIT,
            polygons: Polygons::Areas,
        }
    }
}

/// Makes a vector tile of the layers that show something, in the order given.
///
/// Layers are named by the ids of their collections.
/// Coordinates are 4096 to a side, and geometry reaches 64 of them over the edge.
/// Every polygon is valid and turns as MVT 2.1 wants it.
///
/// # Errors
///
/// [`Error::NoSuchTile`] if the set has no such tile; else those of reading and
/// transforming.
pub fn vector_tile(
    layers: &[TileLayer],
    tms: &TileMatrixSet,
    tile: TileCoord,
    options: &VectorOptions,
) -> Result<VectorTile, Error> {
    let no_such_tile = || Error::NoSuchTile {
        tms: tms.id.clone(),
        tile,
    };
    let level = Level::of(tms, tile.z()).ok_or_else(no_such_tile)?;
    let address = [tile.x(), tile.y()];
    let tile_bounds = level
        .has(address)
        .then(|| level.bounds(address))
        .flatten()
        .ok_or_else(no_such_tile)?;
    let ways = layers
        .iter()
        .map(|layer| ways(layer.collection.crs_code(), tms));
    let ways = ways.collect::<Result<Vec<_>, _>>()?;
    let mut built = Vec::new();
    for (layer, ways) in layers.iter().zip(&ways) {
        let Some(all) = &layer.collection.meta().bounds else {
            continue;
        };
        // The box to ask the collection for, in its CRS.
        let query = boxes::touched(all, &tile_bounds, level.unit, ways.as_ref());
        let Some(query) = query else { continue };
        let place = Place {
            forward: ways.as_ref().map(|(forward, _)| forward),
            level: &level,
            tile: address,
        };
        let mut builder = LayerBuilder::new(layer, place);
        for feature in layer.collection.within(&query)? {
            let mut feature = feature?;
            if options.polygons == Polygons::LabelPoints {
                label::stand_in(&mut feature);
            }
            builder.add(&feature);
        }
        built.push(builder);
    }
    let byte_limit = options.limit_of(layers);
    Ok(limit::within_limit(built, GivenUp::default(), byte_limit))
}

/// Compresses with gzip, the same bytes every time.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    // Level 6 is where more time stops buying much; the header has no time stamp.
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
    let mut out = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let len = compressor
        .gzip_compress(bytes, &mut out)
        .expect("the buffer is as large as the bound says");
    out.truncate(len);
    out
}
