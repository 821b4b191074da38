//! Why a tile of a pyramid shows what it shows.

use std::ops::RangeInclusive;
use std::path::Path;

use geodesy::TileMatrixSet;
use model::{CollectionId, FeatureId, TileCoord};

use super::PyramidLayer;
use super::sources::{Made, Plan};
use crate::generalise::{Counts, Fate, Report};
use crate::level::Level;
use crate::{Error, VectorOptions, VectorTile, boxes, vector_tile};

/// A tile, and why it shows what it shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// What became of each collection that the level shows.
    pub collections: Vec<Explanation>,
    /// The tile.
    pub tile: VectorTile,
    /// Most bytes that it was allowed before compression.
    pub byte_limit: usize,
}

/// What became of a collection in one tile.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The collection.
    pub collection: CollectionId,
    /// The zoom that rules know the level by.
    pub zoom: i32,
    /// How its level was made; none if it is not: features are drawn by themselves.
    pub level: Option<LevelMade>,
    /// Features, as delivered, whose boxes touch the tile, with what became of each. Empty
    /// if no level was made.
    pub fates: Vec<(FeatureId, Fate)>,
    /// Sums of `fates`.
    pub counts: Counts,
    /// Features, as delivered, whose boxes touch the tile.
    pub touching: usize,
}

/// By which rules a level was made.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelMade {
    /// Columns whose values must agree for features to be merged.
    pub class: Vec<String>,
    /// The column that says how important features are.
    pub rank: Option<String>,
    /// Whether polygons are treated as a coverage.
    pub coverage: bool,
    /// Side of a pixel, in units of the set's CRS.
    pub pixel: f64,
}

/// Explains what a tile shows of each layer in a pyramid of `levels`, and makes it.
///
/// Layers that show nothing at this level are left out. `scratch` is a folder for temporary
/// files.
///
/// # Errors
///
/// As [`build_pyramid`](crate::build_pyramid) and [`crate::vector_tile`].
pub fn explain(
    layers: &[PyramidLayer],
    tms: &TileMatrixSet,
    levels: &RangeInclusive<u8>,
    tile: TileCoord,
    options: &VectorOptions,
    scratch: &Path,
) -> Result<Explained, Error> {
    let z = tile.z();
    let level = Level::of(tms, z).ok_or_else(|| Error::NoSuchTile {
        tms: tms.id.clone(),
        tile,
    })?;
    // It is made of what the finer levels keep; those that are coarser do not matter.
    let mut planned = vec![(z, level.clone())];
    let finer = (z..=*levels.end()).skip(1);
    planned.extend(finer.filter_map(|z| Some((z, Level::of(tms, z)?))));
    let mut explanations = Vec::new();
    let mut shown = Vec::new();
    for layer in layers {
        let plan = Plan::new(layer, tms, &planned)?;
        let Some(at) = plan.levels.iter().find(|at| at.z == z) else {
            continue;
        };
        let touching = touching(layer, tms, tile)?;
        let mut explanation = Explanation {
            collection: layer.collection.meta().id.clone(),
            zoom: at.zoom,
            level: None,
            fates: Vec::new(),
            counts: Counts::default(),
            touching: touching.len(),
        };
        let (collection, is_level) = match plan.explained(at, scratch)? {
            Some((made, rules, report)) => {
                let schema = &layer.collection.meta().schema;
                let name = |place: &usize| schema.columns[*place].name.clone();
                explanation.level = Some(LevelMade {
                    class: rules.class.iter().map(name).collect(),
                    rank: rules.rank.as_ref().map(name),
                    coverage: rules.coverage.unwrap_or(false),
                    pixel: report.pixel_m,
                });
                let mut fates = report.fates;
                fates.retain(|(id, _)| touching.binary_search(id).is_ok());
                let report = Report { fates, ..report };
                explanation.counts = report.counts();
                explanation.fates = report.fates;
                match made {
                    Made::Features(collection) => (Some(collection), true),
                    Made::Nothing => (None, true),
                }
            }
            None => (Some(layer.collection.clone()), false),
        };
        if let Some(collection) = collection {
            shown.push(plan.layer(collection, is_level, at.zoom));
        }
        explanations.push(explanation);
    }
    let byte_limit = options.limit_of(&shown);
    let made = vector_tile(&shown, tms, tile, options)?;
    Ok(Explained {
        collections: explanations,
        tile: made,
        byte_limit,
    })
}

/// Ids of the features whose boxes touch a tile, ascending.
fn touching(
    layer: &PyramidLayer,
    tms: &TileMatrixSet,
    tile: TileCoord,
) -> Result<Vec<FeatureId>, Error> {
    let collection = &layer.collection;
    let Some(query) = boxes::in_collection(collection, tms, tile)? else {
        return Ok(Vec::new());
    };
    let ids = collection.within(&query)?.map(|feature| Ok(feature?.id));
    let mut ids = ids.collect::<Result<Vec<_>, Error>>()?;
    ids.sort_unstable();
    Ok(ids)
}
