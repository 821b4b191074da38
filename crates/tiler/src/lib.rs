//! A view and an address to the bytes of a tile. Synchronous and pure: equal
//! views, addresses and options give equal bytes.
//!
//! Vector tiles go through these modules, in this order: `level` (where tiles lie),
//! `parts` and `shapes` (a geometry's way into them) with `simplify`, `clip` and `rings`,
//! `mvt` (bytes), and `vector` (what is given up when a tile grows too large).
//!
//! Raster tiles take what a survey knows around their pixels from `scene`, and are painted in
//! `raster` and, of two surveys, in `difference`; `coverage` writes whole grids to files.
//!
//! `pyramid` makes all tiles of many levels at once, of the same parts.
//!
//! `cloud` makes 3D Tiles of a survey's points, and `mesh` terrain of its ground.
//!
//! It knows nothing of HTTP, and keeps no caches.

mod clip;
pub mod cloud;
mod coverage;
mod density;
mod difference;
mod format;
pub mod generalise;
mod label;
mod level;
pub mod mesh;
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
mod vector;

use geodesy::{Crs, TileMatrixSet, Transform};
use model::{Bounds, TileCoord};
use store::CollectionView;

use crate::level::Level;
use crate::vector::{LayerBuilder, Place};

pub use crate::coverage::{Product, write_raster};
pub use crate::density::deepest_level;
pub use crate::difference::{CLEAR_BELOW_M, DIFFERENCE_CLASSES, DifferenceClass, difference_tile};
pub use crate::format::ImageFormat;
pub use crate::pyramid::{BuiltTile, PyramidOptions, PyramidSummary, build_pyramid};
pub use crate::raster::{
    BEYOND_M, ElevationEncoding, Relief, Shading, hillshade_tile, terrain_rgb_tile, themed_tile,
};
pub use crate::relief::Lights;
pub use crate::theme::{Stop, Theme};
pub use crate::vector::DEFAULT_BYTE_LIMIT;

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
    /// Most bytes before compression.
    pub byte_limit: usize,
    /// What stands for a polygon.
    pub polygons: Polygons,
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

/// Makes a vector tile with one layer for each collection that shows something.
///
/// Layers are named by the ids of their collections and come in the order given.
/// Coordinates are 4096 to a side, and geometry reaches 64 of them over the edge.
/// Every polygon is valid and turns as MVT 2.1 wants it.
///
/// # Errors
///
/// [`Error::NoSuchTile`] if the set has no such tile; else those of reading and
/// transforming.
pub fn vector_tile(
    collections: &[CollectionView],
    tms: &TileMatrixSet,
    tile: TileCoord,
    options: &VectorOptions,
) -> Result<VectorTile, Error> {
    tile_within_limit(collections, tms, tile, options, None)
}

/// As [`vector_tile`], when it is known that the tile is `first` before anything is given up.
fn tile_within_limit(
    collections: &[CollectionView],
    tms: &TileMatrixSet,
    tile: TileCoord,
    options: &VectorOptions,
    first: Option<Vec<u8>>,
) -> Result<VectorTile, Error> {
    let no_such_tile = || Error::NoSuchTile {
        tms: tms.id.clone(),
        tile,
    };
    let ways = match collections.first() {
        Some(first) => ways(first.crs_code(), tms)?,
        None => None,
    };
    let level = Level::of(tms, tile.z()).ok_or_else(no_such_tile)?;
    let place = Place {
        forward: ways.as_ref().map(|(forward, _)| forward),
        level: &level,
        tile: [tile.x(), tile.y()],
    };
    let tile_bounds = level
        .has(place.tile)
        .then(|| level.bounds(place.tile))
        .flatten()
        .ok_or_else(no_such_tile)?;
    // The box to ask each collection for, in the twin's CRS.
    let mut queries = Vec::new();
    for collection in collections {
        let Some(all) = &collection.meta().bounds else {
            continue;
        };
        let query = match &ways {
            None => Some(tile_bounds),
            Some((forward, back)) => query_box(all, &tile_bounds, level.unit, forward, back),
        };
        queries.extend(query.filter(|q| q.intersects(all)).map(|q| (collection, q)));
    }
    vector::within_limit(level.tolerance(), options.byte_limit, first, |tolerance| {
        let mut layers = Vec::new();
        for (collection, query) in &queries {
            let mut layer = LayerBuilder::new(collection.meta(), place, tolerance);
            for feature in collection.within(query)? {
                let mut feature = feature?;
                if options.polygons == Polygons::LabelPoints {
                    label::stand_in(&mut feature);
                }
                layer.add(&feature);
            }
            layers.push(layer);
        }
        Ok(layers)
    })
}

/// Returns the twin's box of what a tile shows of a collection; none if they lie
/// apart.
///
/// A tile can be larger than the area for which the twin's CRS is meant, up to
/// the whole world. So the tile's box is cut to the collection's before it is
/// transformed; and where even that fails, all of the collection is asked for.
///
/// There and back, coordinates change in their last digits: `slack`, in the set's
/// units, keeps what lies on the very edge.
fn query_box(
    all: &Bounds,
    tile: &Bounds,
    slack: f64,
    forward: &Transform,
    back: &Transform,
) -> Option<Bounds> {
    let Ok(all_in_tms) = forward.bounds(all) else {
        return Some(*all);
    };
    let all_in_tms = all_in_tms.expanded(slack);
    if !all_in_tms.intersects(tile) {
        return None;
    }
    let common = Bounds::new(
        tile.min_x().max(all_in_tms.min_x()),
        tile.min_y().max(all_in_tms.min_y()),
        tile.max_x().min(all_in_tms.max_x()),
        tile.max_y().min(all_in_tms.max_y()),
    );
    common
        .ok()
        .and_then(|common| back.bounds(&common).ok())
        .or(Some(*all))
}

/// The ways from the twin's CRS to the set's, and back; none if they are the same.
fn ways(twin_crs: &str, tms: &TileMatrixSet) -> Result<Option<(Transform, Transform)>, Error> {
    let twin_crs = Crs::from_code(twin_crs)?;
    let forward = Transform::new(&twin_crs, &tms.crs)?;
    if forward.is_identity() {
        return Ok(None);
    }
    let back = Transform::new(&tms.crs, &twin_crs)?;
    Ok(Some((forward, back)))
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
