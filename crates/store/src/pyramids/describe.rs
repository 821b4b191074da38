//! What an archive says of itself.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use model::{ColumnKind, DataOrigin, TileCoord};
use serde_json::{Map, Value, json};

use super::{STORED_Z_MAX, TOLD_SACRIFICES_MAX};
use crate::{CollectionView, Error};

/// What an archive says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct PyramidDescription {
    /// Its name for people.
    pub name: String,
    /// A sentence for people.
    pub description: String,
    /// Whom a map must name.
    pub attribution: Option<String>,
    /// Tile matrix set.
    pub tms: String,
    /// By how many levels its tiles are stored deeper, so that each level fits a square.
    pub zoom_shift: u8,
    /// Levels of the set.
    pub levels: RangeInclusive<u8>,
    /// West, south, east and north edge of everything, in degrees.
    pub bounds_lonlat_deg: [f64; 4],
    /// Most bytes that a tile was allowed before compression.
    pub byte_limit: usize,
    layers: Vec<Layer>,
}

/// What is said of one collection.
#[derive(Debug, Clone, PartialEq)]
struct Layer {
    id: String,
    title: String,
    version: u64,
    fields: Map<String, Value>,
}

impl PyramidDescription {
    /// Describes a pyramid of these collections.
    pub fn new(
        collections: &[CollectionView],
        tms: &str,
        zoom_shift: u8,
        levels: RangeInclusive<u8>,
        bounds_lonlat_deg: [f64; 4],
    ) -> PyramidDescription {
        let titles = collections.iter().map(|c| c.meta().title.as_str());
        let titles = titles.collect::<Vec<_>>().join(", ");
        PyramidDescription {
            name: titles.clone(),
            description: titles,
            attribution: None,
            tms: tms.to_owned(),
            zoom_shift,
            levels,
            bounds_lonlat_deg,
            byte_limit: 0,
            layers: collections.iter().map(Layer::of).collect(),
        }
    }

    /// Levels as they are stored.
    pub(super) fn stored_levels(&self) -> [u8; 2] {
        [self.levels.start(), self.levels.end()].map(|z| z.saturating_add(self.zoom_shift))
    }

    /// Refuses levels that no archive can have.
    pub(super) fn check(&self) -> Result<(), Error> {
        let (first, last) = (self.levels.start(), self.levels.end());
        let [_, deepest] = self.stored_levels();
        if first > last {
            Err(Error::Refused(format!(
                "a pyramid from level {first} to {last} has none"
            )))
        } else if deepest > STORED_Z_MAX {
            Err(Error::Refused(format!(
                "level {last} of {} would be stored as level {deepest}, and readers of PMTiles end at {STORED_Z_MAX}: \
                 choose a lower one",
                self.tms
            )))
        } else {
            Ok(())
        }
    }

    /// Where a tile of the set is stored, and its number there.
    pub(super) fn stored(&self, tile: TileCoord) -> Result<(TileCoord, u64), Error> {
        let stored = TileCoord::new(tile.z().saturating_add(self.zoom_shift), tile.x(), tile.y());
        stored
            .ok()
            .filter(|_| self.levels.contains(&tile.z()))
            .and_then(|stored| Some((stored, stored.pmtiles_id()?)))
            .ok_or_else(|| {
                let (first, last) = (self.levels.start(), self.levels.end());
                Error::Refused(format!(
                    "tile {tile} has no place in an archive of levels {first} to {last} stored {} deeper",
                    self.zoom_shift
                ))
            })
    }

    /// The middle of everything, and the stored level at which a map shows it.
    pub(super) fn center(&self) -> ([f64; 2], u8) {
        let [west, south, east, north] = self.bounds_lonlat_deg;
        let middle = [f64::midpoint(west, east), f64::midpoint(south, north)];
        let widest_deg = (east - west).max(1e-6);
        // The whole in some four tiles of a level.
        let zoom = (4.0 * 360.0 / widest_deg).log2().floor() as u8;
        let [first, last] = self.stored_levels();
        (middle, zoom.saturating_sub(1).max(first).min(last))
    }

    /// Layers as TileJSON 3 has them.
    pub(super) fn vector_layers(&self) -> Value {
        let [min, max] = self.stored_levels();
        let layers = self.layers.iter().map(|layer| {
            json!({
                "id": layer.id,
                "description": layer.title,
                "minzoom": min,
                "maxzoom": max,
                "fields": layer.fields,
            })
        });
        layers.collect()
    }

    /// What only we understand.
    pub(super) fn own(&self, sacrifices: &Sacrifices) -> Value {
        let versions = self.layers.iter();
        let versions = versions.map(|layer| json!({"id": layer.id, "version": layer.version}));
        json!({
            "tile_matrix_set": self.tms,
            "zoom_shift": self.zoom_shift,
            "levels": [self.levels.start(), self.levels.end()],
            "collections": versions.collect::<Value>(),
            "byte_limit": self.byte_limit,
            "tiles_with_sacrifices": sacrifices.count,
            "sacrifices": sacrifices.told,
        })
    }

    /// The metadata of PMTiles.
    pub(super) fn metadata(&self, sacrifices: &Sacrifices) -> String {
        let mut object = json!({
            "name": self.name,
            "description": self.description,
            "type": "overlay",
            "generator": concat!("tvilling ", env!("CARGO_PKG_VERSION")),
            "vector_layers": self.vector_layers(),
            "tvilling": self.own(sacrifices),
        });
        if let Some(attribution) = &self.attribution {
            object["attribution"] = json!(attribution);
        }
        object.to_string()
    }
}

impl Layer {
    fn of(collection: &CollectionView) -> Layer {
        let meta = collection.meta();
        let mut fields = Map::new();
        for column in &meta.schema.columns {
            let kind = match column.kind {
                ColumnKind::Boolean => "Boolean",
                ColumnKind::Integer | ColumnKind::Number => "Number",
                _ => "String",
            };
            fields.insert(column.name.clone(), json!(kind));
        }
        // Tiles tell it of every feature, whether or not a column does.
        if meta.data_origin.is_some() {
            fields.insert(DataOrigin::ATTRIBUTE.to_owned(), json!("String"));
        }
        Layer {
            id: meta.id.to_string(),
            title: meta.title.clone(),
            version: collection.version(),
            fields,
        }
    }
}

/// What tiles gave up to keep their byte limit, by address in the set.
#[derive(Debug, Default)]
pub(super) struct Sacrifices {
    count: u64,
    told: BTreeMap<String, Vec<String>>,
}

impl Sacrifices {
    pub(super) fn add(&mut self, tile: TileCoord, sentences: &[String]) {
        if sentences.is_empty() {
            return;
        }
        self.count += 1;
        if self.told.len() < TOLD_SACRIFICES_MAX {
            self.told.insert(tile.to_string(), sentences.to_vec());
        }
    }
}
