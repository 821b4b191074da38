//! What an operator can ask of the tiles of a collection, by zoom, and what that comes to at
//! a level of a tile matrix set.
//!
//! Zooms are the levels of WebMercatorQuad, since those are what map makers know. A level of
//! another set has the zoom whose pixels are nearest in size to its own where the collection
//! lies.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use geodesy::TileMatrixSet;
use model::{Feature, GeometryKind, Schema};
use store::CollectionView;

use crate::density::units_in_a_metre;
use crate::generalise::{Rules, Shaping};
use crate::level::{Level, PIXEL};
use crate::vector::label_column;
use crate::{Error, TileLayer};

/// How tiles show a collection. What is not given is found out from the data.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TileRules {
    /// Whether every level shows what was delivered, each feature by itself, thinned only as
    /// far as tiles would grow too large.
    pub as_delivered: bool,
    /// Nothing is shown at lower zooms.
    pub min_zoom: Option<u8>,
    /// Most bytes of a tile before compression. Zooms that none names have the usual limit.
    pub byte_limits: Vec<ZoomBytes>,
    /// Which columns tiles carry. Zooms that none names carry all.
    pub attributes: Vec<ZoomAttributes>,
    /// The column whose number says how important a feature is.
    pub rank: Option<String>,
    /// Which ranks are shown from which zoom on.
    pub rank_floors: Vec<ZoomRank>,
    /// Columns whose values must agree for features to be merged.
    pub class: Option<Vec<String>>,
    /// Columns that maps colour features by. Features that differ in one are not merged,
    /// unless `class` says what is.
    pub drawn_by: Vec<String>,
    /// The column that names features on maps. Lines of different names are not merged,
    /// unless `class` says what is.
    pub label: Option<String>,
    /// Whether polygons lie side by side, as parcels do.
    pub coverage: Option<bool>,
    /// How far geometry may depart from what was delivered.
    pub shaping: Shaping,
}

/// Most bytes of a tile of some zooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoomBytes {
    /// First and last zoom.
    pub zooms: RangeInclusive<u8>,
    /// Before compression.
    pub bytes: usize,
}

/// Below `below_zoom`, features of a lower rank are not shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ZoomRank {
    /// The first zoom that shows them.
    pub below_zoom: u8,
    /// The lowest rank that is shown before.
    pub rank: f64,
}

/// The columns that tiles of some zooms carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoomAttributes {
    /// First and last zoom.
    pub zooms: RangeInclusive<u8>,
    /// Names of columns.
    pub columns: Vec<String>,
}

impl TileRules {
    /// Returns the collection as a level shows it when each feature is drawn by itself; none
    /// if the level shows nothing of it. A column that the collection has lost since the rules
    /// were written is left out.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchLevel`]; those of transforming.
    pub fn layer_at(
        &self,
        collection: &CollectionView,
        tms: &TileMatrixSet,
        z: u8,
    ) -> Result<Option<TileLayer>, Error> {
        let names_no_zoom =
            self.min_zoom.is_none() && self.attributes.is_empty() && self.byte_limits.is_empty();
        if names_no_zoom {
            return Ok(Some(collection.clone().into()));
        }
        let zoom = zoom_of(collection, tms, z)?;
        if self.hides(zoom) {
            return Ok(None);
        }
        Ok(Some(TileLayer {
            collection: collection.clone(),
            is_level: false,
            columns: self.columns_at(&collection.meta().schema, zoom),
            byte_limit: self.byte_limit_at(zoom),
        }))
    }

    /// Names of the columns that features as they were delivered carry on any of these zooms.
    pub fn carried<'s>(
        &self,
        schema: &'s Schema,
        zooms: impl IntoIterator<Item = u8>,
    ) -> BTreeSet<&'s str> {
        let mut carried = BTreeSet::new();
        for zoom in zooms
            .into_iter()
            .map(i32::from)
            .filter(|zoom| !self.hides(*zoom))
        {
            let places = self.columns_at(schema, zoom);
            let all = 0..schema.columns.len();
            let places = places.map_or_else(|| all.collect(), |places| places.to_vec());
            carried.extend(
                places
                    .into_iter()
                    .map(|at| schema.columns[at].name.as_str()),
            );
        }
        carried
    }

    /// Whether a zoom shows nothing at all.
    pub(crate) fn hides(&self, zoom: i32) -> bool {
        self.min_zoom.is_some_and(|first| zoom < i32::from(first))
    }

    /// Places of the columns that tiles of a zoom carry; all if none.
    pub(crate) fn columns_at(&self, schema: &Schema, zoom: i32) -> Option<Arc<[usize]>> {
        let rule = self.attributes.iter().find(|of| holds(&of.zooms, zoom))?;
        let mut places: Vec<usize> = rule
            .columns
            .iter()
            .filter_map(|c| schema.position(c))
            .collect();
        places.sort_unstable();
        places.dedup();
        Some(places.into())
    }

    /// Most bytes of a tile of a zoom, if the rules say.
    pub(crate) fn byte_limit_at(&self, zoom: i32) -> Option<usize> {
        let rule = self.byte_limits.iter().find(|of| holds(&of.zooms, zoom))?;
        Some(rule.bytes)
    }

    /// What all levels of a collection have in common, found out from its features where the
    /// rules leave it open.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if a column is named that the collection does not have.
    pub(crate) fn of_features(
        &self,
        collection: &CollectionView,
        features: &[Feature],
    ) -> Result<Rules, Error> {
        let meta = collection.meta();
        let place = |name: &String| {
            meta.schema.position(name).ok_or_else(|| {
                let known: Vec<&str> = meta
                    .schema
                    .columns
                    .iter()
                    .map(|c| c.name.as_str())
                    .collect();
                Error::Refused(format!(
                    "collection {}: the rules of its tiles name a column {name:?}, and it has {}",
                    meta.id,
                    known.join(", ")
                ))
            })
        };
        for name in self.attributes.iter().flat_map(|rule| &rule.columns) {
            place(name)?;
        }
        let mut rules = Rules::automatic(&meta.schema, features);
        if let Some(rank) = &self.rank {
            rules.rank = Some(place(rank)?);
        }
        match &self.class {
            Some(class) => rules.class = class.iter().map(place).collect::<Result<_, _>>()?,
            None => {
                let mut shown: Vec<&str> = self.drawn_by.iter().map(String::as_str).collect();
                if meta.schema.geometry == GeometryKind::Line {
                    let found = label_column(&meta.schema).map(|column| column.name.as_str());
                    shown.extend(self.label.as_deref().or(found));
                }
                let places = shown
                    .into_iter()
                    .filter_map(|name| meta.schema.position(name));
                rules.class.extend(places);
                rules.class.sort_unstable();
                rules.class.dedup();
            }
        }
        rules.coverage = self.coverage.or(rules.coverage);
        rules.shaping = self.shaping;
        Ok(rules)
    }

    /// The lowest rank that a zoom shows.
    pub(crate) fn rank_floor_at(&self, zoom: i32) -> f64 {
        let floors = self.rank_floors.iter();
        let floors = floors.filter(|floor| zoom < i32::from(floor.below_zoom));
        floors
            .map(|floor| floor.rank)
            .fold(f64::NEG_INFINITY, f64::max)
    }
}

fn holds(zooms: &RangeInclusive<u8>, zoom: i32) -> bool {
    (i32::from(*zooms.start())..=i32::from(*zooms.end())).contains(&zoom)
}

/// The zoom of a level where a collection lies.
pub(crate) fn zoom_of(
    collection: &CollectionView,
    tms: &TileMatrixSet,
    z: u8,
) -> Result<i32, Error> {
    const MERCATOR: &str = "WebMercatorQuad";
    let no_such_level = |tms: &TileMatrixSet, z| Error::NoSuchLevel {
        tms: tms.id.clone(),
        z,
    };
    let level = Level::of(tms, z).ok_or_else(|| no_such_level(tms, z))?;
    if tms.id == MERCATOR {
        return Ok(z.into());
    }
    let mercator = TileMatrixSet::by_id(MERCATOR).and_then(|set| Some((set, Level::of(set, 0)?)));
    let bounds = collection.meta().bounds;
    let (Some((mercator, world)), Some(bounds)) = (mercator, bounds) else {
        return Ok(z.into());
    };
    let pixel_m = level.unit * PIXEL / units_in_a_metre(collection, tms, &bounds)?;
    let of_world_m = world.unit * PIXEL / units_in_a_metre(collection, mercator, &bounds)?;
    Ok((of_world_m / pixel_m).log2().round() as i32)
}
