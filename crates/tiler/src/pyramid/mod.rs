//! All tiles of some levels at once.
//!
//! What levels show of many small things is made first (`sources`). Then each feature is read
//! and projected once and cut into the tiles of its levels (`cut`).
//! Its pieces are sorted by tile, on disk where they do not fit into memory (`runs`), and
//! each tile is written of its own (`pieces`, `assemble`). What comes out is, to the byte, what
//! [`vector_tile`](crate::vector_tile) gives for the same address, on any number of threads.
//!
//! Of each feature it tells what it left (`imprints`). With that a later build finds which
//! tiles may have changed (`changes`), makes those, and takes the others as they were.
//!
//! It leaves it to others in which file the tiles and the imprints are kept.

mod assemble;
mod changes;
mod cut;
mod explain;
mod imprints;
mod order;
mod pieces;
mod recipe;
mod runs;
mod sources;
mod threads;

use std::ops::RangeInclusive;
use std::path::Path;

use geodesy::TileMatrixSet;
use model::TileCoord;
use store::{CollectionView, ShownLevel};

use crate::{Error, TileRules, VectorOptions};
use assemble::Assembler;
pub use changes::Earlier;
use changes::{Changes, ToCut};
use cut::Cutter;
pub use explain::{Explained, Explanation, LevelMade, explain};
use imprints::Imprint;
pub use imprints::Imprints;
use order::Order;
use runs::Runs;
pub use sources::POINT_COUNT;
use sources::Source;

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
    /// Those of them that were taken as they were.
    pub unchanged_tiles: u64,
    /// Features in all that were made, before any was given up; one that lies in several is
    /// counted in each.
    pub features: u64,
    /// Features that have no place in the set's CRS.
    pub out_of_domain: u64,
}

/// A pyramid whose tiles have been given away.
#[derive(Debug, Clone, PartialEq)]
pub struct BuiltPyramid {
    /// What it came to.
    pub summary: PyramidSummary,
    /// What its tiles show, level by level.
    pub shown: Vec<ShownLevel>,
    /// What is to be kept for the next time.
    pub imprints: Imprints,
}

/// Makes all tiles of some levels that show something, and gives them to `sink` level by
/// level, and within a level along PMTiles' Hilbert curve.
///
/// The last level shows features as they were delivered, the others as their rules say.
///
/// If `earlier` was made by the same recipe, tiles that cannot have changed are taken from
/// there: what comes out is the same, to the byte.
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
    earlier: Option<&Earlier>,
    progress: &mut dyn FnMut(u64),
    sink: &mut dyn FnMut(BuiltTile) -> Result<(), E>,
) -> Result<BuiltPyramid, E> {
    let order = Order::of(tms);
    let sources = sources::all(layers, tms, options, order, scratch)?;
    let recipe = recipe::of(&sources, tms, options);
    let recipes = [recipe::asked(layers, tms, options), recipe];
    let earlier = earlier.filter(|earlier| {
        let imprints = &earlier.imprints;
        imprints.recipe == recipe && imprints.sources.len() == sources.len()
    });
    let mut cutter = Cutter {
        polygons: options.tile.polygons,
        order,
        changes: None,
    };
    let changes = match earlier {
        Some(earlier) => Changes::find(&sources, earlier, order, |source, place| {
            cutter.around(source, place)
        })?,
        None => None,
    };
    cutter.changes = changes.as_ref();
    let mut runs = Runs::new(scratch, options.memory_bytes);
    let mut imprints: Vec<Vec<Imprint>> = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        let number = u16::try_from(number).map_err(|_| too_many())?;
        imprints.push(cut_source(&cutter, number, source, &mut runs, progress)?);
    }
    let mut summary = PyramidSummary::default();
    let assembler = Assembler {
        sources: &sources,
        tms,
        options,
        order,
    };
    match earlier.zip(changes.as_ref()) {
        None => assembler.all(runs, &mut summary, sink)?,
        Some((earlier, changes)) => {
            let mut unchanged = changes::Unchanged::new(earlier, changes, order)?;
            assembler.all(runs, &mut summary, &mut |made: BuiltTile| {
                let [x, y] = [made.tile.x(), made.tile.y()];
                unchanged.before(order.id(made.tile.z(), [x, y]), sink)?;
                sink(made)
            })?;
            unchanged.before(None, sink)?;
            summary.unchanged_tiles = unchanged.count;
            summary.tiles += unchanged.count;
        }
    }
    let imprints = match changes {
        Some(changes) => changes.imprints(recipes, imprints),
        None => Imprints::new(recipes, imprints),
    };
    summary.out_of_domain = imprints.nowhere();
    Ok(BuiltPyramid {
        summary,
        shown: sources::shown(&sources, options),
        imprints,
    })
}

/// Cuts what is to be cut of a source; returns what the new features leave.
fn cut_source(
    cutter: &Cutter,
    number: u16,
    source: &Source,
    runs: &mut Runs,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Imprint>, Error> {
    let is_delivered = source.levels.iter().any(|of| !of.layer.is_level);
    let mut features: Box<dyn Iterator<Item = Result<ToCut, store::Error>>> = match cutter.changes {
        Some(changes) => Box::new(changes.cut[usize::from(number)].iter().map(|of| Ok(*of))),
        None => Box::new(source.collection.places()?.map(|place| {
            let is_new = true;
            place.map(|place| ToCut { place, is_new })
        })),
    };
    let mut imprints = Vec::new();
    loop {
        let mut tasks = Vec::new();
        while tasks.len() < threads::count() * TASKS_PER_THREAD {
            let task = features.by_ref().take(FEATURES_PER_TASK);
            let task = task.collect::<Result<Vec<_>, _>>()?;
            if task.is_empty() {
                break;
            }
            tasks.push(task);
        }
        if tasks.is_empty() {
            return Ok(imprints);
        }
        let count: usize = tasks.iter().map(Vec::len).sum();
        for cut in threads::map(tasks, |features| cutter.cut(number, source, &features)) {
            let (pieces, new) = cut?;
            imprints.extend(new);
            runs.add(pieces)?;
        }
        if is_delivered {
            progress(count as u64);
        }
    }
}

fn too_many() -> Error {
    Error::Refused("a pyramid has room for some thousand collections: choose some".to_owned())
}
