//! What each level of a pyramid is cut from: the features that were delivered, or those that
//! were made of them for the level.

use std::path::Path;
use std::sync::Arc;

use geodesy::{TileMatrixSet, Transform};
use model::{Column, ColumnKind, Feature, Schema, Value};
use store::{CollectionView, ShownLevel};

use super::order::Order;
use super::{PyramidLayer, PyramidOptions, threads};
use crate::boxes::ways;
use crate::generalise::{LevelFeature, Report, Rules, Topology};
use crate::level::{Level, PIXEL};
use crate::parts::Parts;
use crate::tile_rules::zoom_of;
use crate::{Error, TileLayer};

/// Most features of which levels are made. They are held in memory for it, a gigabyte for a
/// million; levels of more are cut from what was delivered.
pub(crate) const GENERALISED_MAX: u64 = 2_000_000;

/// The column of a cluster that says how many points it stands for, as map clients know it.
pub const POINT_COUNT: &str = "point_count";

/// Features of one collection, and the levels that are cut from them.
pub(super) struct Source {
    pub(super) collection: CollectionView,
    pub(super) forward: Option<Transform>,
    pub(super) levels: Vec<SourceLevel>,
}

/// A level as it is cut from a source.
pub(super) struct SourceLevel {
    pub(super) z: u8,
    pub(super) level: Level,
    pub(super) layer: TileLayer,
}

impl Source {
    /// The layer of a level that is cut from here.
    pub(super) fn layer_at(&self, z: u8) -> Option<&TileLayer> {
        let of = self.levels.iter().find(|of| of.z == z);
        of.map(|of| &of.layer)
    }
}

/// Returns all sources, layer after layer, after making the features of levels.
///
/// # Errors
///
/// [`Error::NoSuchLevel`]; else those of reading, transforming and writing to `scratch`.
pub(super) fn all(
    layers: &[PyramidLayer],
    tms: &TileMatrixSet,
    options: &PyramidOptions,
    order: Order,
    scratch: &Path,
) -> Result<Vec<Source>, Error> {
    let mut levels = Vec::new();
    for z in options.levels.clone() {
        // Levels too deep for a number could be made, but found by nobody.
        let level = Level::of(tms, z).filter(|_| order.id(z, [0, 0]).is_some());
        let level = level.ok_or_else(|| Error::NoSuchLevel {
            tms: tms.id.clone(),
            z,
        })?;
        levels.push((z, level));
    }
    let mut sources = Vec::new();
    for layer in layers {
        let plan = Plan::new(layer, tms, &levels)?;
        let made = plan.made(scratch)?;
        let mut delivered = Vec::new();
        for (at, made) in plan.levels.iter().zip(made) {
            let (collection, is_level) = match made {
                Some(Made::Features(collection)) => (collection, true),
                Some(Made::Nothing) => continue,
                None => (layer.collection.clone(), false),
            };
            let source_level = SourceLevel {
                z: at.z,
                level: at.level.clone(),
                layer: plan.layer(collection.clone(), is_level, at.zoom),
            };
            if is_level {
                sources.push(Source {
                    collection,
                    forward: None,
                    levels: vec![source_level],
                });
            } else {
                delivered.push(source_level);
            }
        }
        if !delivered.is_empty() {
            sources.push(Source {
                collection: layer.collection.clone(),
                forward: ways(layer.collection.crs_code(), tms)?.map(|(forward, _)| forward),
                levels: delivered,
            });
        }
    }
    Ok(sources)
}

/// What the tiles of each level show, as far as there is any.
pub(super) fn shown(sources: &[Source], options: &PyramidOptions) -> Vec<ShownLevel> {
    let of_level = |z: u8| {
        let layers = || sources.iter().filter_map(move |source| source.layer_at(z));
        let carried = layers().map(|of| (of.collection.meta().id.clone(), of.carried()));
        ShownLevel {
            z,
            byte_limit: options.tile.limit_of(layers()),
            layers: carried.collect(),
        }
    };
    let levels = options.levels.clone().map(of_level);
    levels.filter(|level| !level.layers.is_empty()).collect()
}

/// A level of a collection to be made.
pub(super) struct PlannedLevel {
    pub(super) z: u8,
    level: Level,
    pub(super) zoom: i32,
}

/// What was made for a level.
pub(super) enum Made {
    Features(CollectionView),
    /// No feature is left.
    Nothing,
}

/// How the levels of a collection are made.
pub(super) struct Plan<'a> {
    of: &'a PyramidLayer,
    tms: &'a TileMatrixSet,
    /// Those that show something.
    pub(super) levels: Vec<PlannedLevel>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(
        of: &'a PyramidLayer,
        tms: &'a TileMatrixSet,
        levels: &[(u8, Level)],
    ) -> Result<Plan<'a>, Error> {
        let mut planned = Vec::new();
        for (z, level) in levels {
            let zoom = zoom_of(&of.collection, tms, *z)?;
            if !of.rules.hides(zoom) {
                planned.push(PlannedLevel {
                    z: *z,
                    level: level.clone(),
                    zoom,
                });
            }
        }
        Ok(Plan {
            of,
            tms,
            levels: planned,
        })
    }

    fn is_as_delivered(&self) -> bool {
        let count = self.of.collection.meta().feature_count;
        self.of.rules.as_delivered || count > GENERALISED_MAX
    }

    /// Makes the features of all levels but the last, which is cut from what was delivered, as
    /// all are if the rules say so. One for each level; none where nothing is made.
    fn made(&self, scratch: &Path) -> Result<Vec<Option<Made>>, Error> {
        let coarser = self.levels.len().saturating_sub(1);
        if self.is_as_delivered() || coarser == 0 {
            return Ok(self.levels.iter().map(|_| None).collect());
        }
        let features = features_in_set(&self.of.collection, self.tms)?;
        let rules = self.of.rules.of_features(&self.of.collection, &features)?;
        let mut all = Vec::new();
        // Levels beside each other that show features of the same ranks have one topology.
        let floor = |at: &PlannedLevel| self.rank_floor(&rules, at);
        for alike in self.levels[..coarser].chunk_by(|a, b| floor(a) == floor(b)) {
            let topology = Topology::new(&features, rules.clone(), floor(&alike[0]));
            let drafts = topology.drafts(&pixels(alike));
            let made = threads::map(drafts, |draft| {
                self.kept(draft.level(false).features, scratch).map(Some)
            });
            all.extend(made.into_iter().rev());
        }
        all.push(Ok(None));
        all.into_iter().collect()
    }

    /// The lowest rank that a level shows.
    fn rank_floor(&self, rules: &Rules, at: &PlannedLevel) -> f64 {
        match rules.rank {
            Some(_) => self.of.rules.rank_floor_at(at.zoom),
            None => f64::NEG_INFINITY,
        }
    }

    /// Makes one level, and tells by which rules and what became of each feature; none if it
    /// is cut from what was delivered.
    pub(super) fn explained(
        &self,
        at: &PlannedLevel,
        scratch: &Path,
    ) -> Result<Option<(Made, Rules, Report)>, Error> {
        if self.is_as_delivered() || self.levels.last().is_some_and(|last| last.z == at.z) {
            return Ok(None);
        }
        let features = features_in_set(&self.of.collection, self.tms)?;
        let rules = self.of.rules.of_features(&self.of.collection, &features)?;
        // It is made of what finer levels keep that show features of the same ranks.
        let floor = self.rank_floor(&rules, at);
        let topology = Topology::new(&features, rules.clone(), floor);
        let coarser = self.levels.len() - 1;
        let from = self.levels[..coarser].iter().position(|of| of.z == at.z);
        let alike = &self.levels[from.unwrap_or(coarser)..coarser];
        let alike = alike.chunk_by(|a, b| self.rank_floor(&rules, a) == self.rank_floor(&rules, b));
        let drafts = topology.drafts(&pixels(alike.into_iter().next().unwrap_or_default()));
        let Some(draft) = drafts.last() else {
            return Ok(None);
        };
        let level = draft.level(true);
        let made = self.kept(level.features, scratch)?;
        Ok(Some((made, rules, level.report)))
    }

    /// Writes down the features of a level.
    fn kept(&self, features: Vec<LevelFeature>, scratch: &Path) -> Result<Made, Error> {
        let mut schema = self.of.collection.meta().schema.clone();
        let counts = self.of.rules.shaping.cluster && schema.position(POINT_COUNT).is_none();
        if counts {
            schema.columns.push(Column {
                name: POINT_COUNT.to_owned(),
                kind: ColumnKind::Integer,
            });
        }
        let of_level = features.into_iter().map(|shown| {
            let mut feature = shown.feature;
            if counts {
                feature
                    .values
                    .push(Value::Integer(shown.members.len() as i64));
            }
            feature
        });
        let crs_code = self.tms.crs.code();
        let collection = &self.of.collection;
        let made = collection.with_features(of_level.collect(), &schema, crs_code, scratch)?;
        Ok(made.map_or(Made::Nothing, Made::Features))
    }

    /// What tiles of a zoom show: a level that was made, or what was delivered.
    pub(super) fn layer(&self, collection: CollectionView, is_level: bool, zoom: i32) -> TileLayer {
        TileLayer {
            columns: self.columns_of(&collection, zoom),
            byte_limit: self.of.rules.byte_limit_at(zoom),
            collection,
            is_level,
        }
    }

    /// Which columns tiles of a zoom carry. Clusters always say how many they stand for.
    fn columns_of(&self, shown: &CollectionView, zoom: i32) -> Option<Arc<[usize]>> {
        let schema: &Schema = &shown.meta().schema;
        let columns = self.of.rules.columns_at(schema, zoom)?;
        let count = schema.position(POINT_COUNT);
        let count = count.filter(|place| !columns.contains(place));
        Some(columns.iter().copied().chain(count).collect())
    }
}

/// How wide the pixels of levels are, in units of the set's CRS, from the finest on.
fn pixels(levels: &[PlannedLevel]) -> Vec<f64> {
    let finest_first = levels.iter().rev();
    finest_first.map(|at| at.level.unit * PIXEL).collect()
}

/// All features with a place in the set's CRS, brought to it.
fn features_in_set(
    collection: &CollectionView,
    tms: &TileMatrixSet,
) -> Result<Vec<Feature>, Error> {
    let forward = ways(collection.crs_code(), tms)?.map(|(forward, _)| forward);
    let mut parts = Parts::default();
    let mut features = Vec::new();
    for feature in collection.all()? {
        let mut feature = feature?;
        let Some(geometry) = &feature.geometry else {
            continue;
        };
        if forward.is_some() {
            if parts.set(geometry, forward.as_ref()).is_err() {
                continue;
            }
            feature.geometry = parts.to_geometry();
        }
        features.push(feature);
    }
    Ok(features)
}
