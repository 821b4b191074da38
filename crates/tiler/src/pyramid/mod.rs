//! All tiles of some levels at once.
//!
//! What levels show of many small things is made first (`sources`). Then each feature is read
//! and projected once and cut into the tiles of its levels (`cut`).
//! Its pieces are sorted by tile, on disk where they do not fit into memory (`runs`), and
//! each tile is written of its own (`assemble`). What comes out is, to the byte, what
//! [`vector_tile`](crate::vector_tile) gives for the same address, on any number of threads.
//!
//! It leaves it to others in which file the tiles are kept.

mod assemble;
mod cut;
mod explain;
mod order;
mod runs;
mod sources;
mod threads;

use std::ops::RangeInclusive;
use std::path::Path;

use geodesy::TileMatrixSet;
use model::TileCoord;
use store::CollectionView;

use crate::{Error, TileRules, VectorOptions};
use cut::Cutter;
pub use explain::{Explanation, LevelMade, explain};
use order::Order;
use runs::Runs;

/// Features that one task cuts: enough that starting it costs nothing, and few enough that
/// their pieces take little memory.
const FEATURES_PER_TASK: usize = 1024;

/// Tasks that are begun before their pieces are put away, for each thread.
const TASKS_PER_THREAD: usize = 4;

/// A collection of a pyramid, which gets a layer of its name in each tile.
#[derive(Debug, Clone)]
pub struct PyramidLayer {
    /// The collection.
    pub collection: CollectionView,
    /// How its levels are made.
    pub rules: TileRules,
}

/// How a pyramid is made.
#[derive(Debug, Clone, PartialEq)]
pub struct PyramidOptions {
    /// Levels of the tile matrix set.
    pub levels: RangeInclusive<u8>,
    /// How each tile is made.
    pub tile: VectorOptions,
    /// Memory for pieces of features that wait for their tiles, in bytes.
    pub memory_bytes: u64,
}

/// A tile of a pyramid.
#[derive(Debug, Clone, PartialEq)]
pub struct BuiltTile {
    /// Its address.
    pub tile: TileCoord,
    /// The tile, compressed with gzip.
    pub gzip: Vec<u8>,
    /// As in [`VectorTile`](crate::VectorTile).
    pub sacrifices: Vec<String>,
}

/// What a pyramid came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PyramidSummary {
    /// Tiles that show something.
    pub tiles: u64,
    /// Features in all of them, before any was given up; one that lies in several is counted
    /// in each.
    pub features: u64,
    /// Features that have no place in the set's CRS.
    pub out_of_domain: u64,
}

/// Makes all tiles of some levels that show something, and gives them to `sink` level by
/// level, and within a level along PMTiles' Hilbert curve.
///
/// The last level shows features as they were delivered, the others as their rules say.
///
/// What waits for its tile lies in a temporary file in `scratch` when it takes more than
/// `options.memory_bytes`, and what was made for levels always does. `progress` is told how
/// many features more of those delivered were cut.
///
/// # Errors
///
/// The first that `sink` returns; [`Error::NoSuchLevel`]; [`Error::Refused`] if rules name a
/// column that a collection does not have; else those of reading, of transforming and of
/// temporary files.
pub fn build_pyramid<E: From<Error> + Send>(
    layers: &[PyramidLayer],
    tms: &TileMatrixSet,
    options: &PyramidOptions,
    scratch: &Path,
    progress: &mut dyn FnMut(u64),
    sink: &mut dyn FnMut(BuiltTile) -> Result<(), E>,
) -> Result<PyramidSummary, E> {
    let order = Order::of(tms);
    let sources = sources::all(layers, tms, options, order, scratch)?;
    let cutter = Cutter {
        polygons: options.tile.polygons,
        order,
    };
    let mut runs = Runs::new(scratch, options.memory_bytes);
    let mut summary = PyramidSummary::default();
    for (number, source) in sources.iter().enumerate() {
        let number = u16::try_from(number).map_err(|_| too_many())?;
        let is_delivered = source.levels.iter().any(|of| !of.layer.is_level);
        let mut places = source.collection.places().map_err(Error::from)?;
        loop {
            let mut tasks = Vec::new();
            while tasks.len() < threads::count() * TASKS_PER_THREAD {
                let task = places.by_ref().take(FEATURES_PER_TASK);
                let task = task.collect::<Result<Vec<_>, _>>().map_err(Error::from)?;
                if task.is_empty() {
                    break;
                }
                tasks.push(task);
            }
            if tasks.is_empty() {
                break;
            }
            let count: usize = tasks.iter().map(Vec::len).sum();
            let cut = threads::map(tasks, |places| cutter.cut(number, source, &places));
            for pieces in cut {
                let pieces = pieces?;
                summary.out_of_domain += pieces.out_of_domain;
                runs.add(pieces)?;
            }
            if is_delivered {
                progress(count as u64);
            }
        }
    }
    assemble::all(&sources, tms, options, order, runs, &mut summary, sink)?;
    Ok(summary)
}

fn too_many() -> Error {
    Error::Refused("a pyramid has room for some thousand collections: choose some".to_owned())
}
