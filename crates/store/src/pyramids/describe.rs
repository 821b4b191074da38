//! What an archive says of itself.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use model::{CollectionId, Column, ColumnKind, DataOrigin, TileCoord};
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
    /// What tiles of each level show, coarsest first; all columns on all levels if nothing is
    /// said.
    pub shown: Vec<ShownLevel>,
    layers: Vec<Layer>,
}

/// What the tiles of one level show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownLevel {
    /// The level of the set.
    pub z: u8,
    /// Most bytes that a tile was allowed before compression.
    pub byte_limit: usize,
    /// Collections of which the level shows something, with the columns that their features
    /// carry.
    pub layers: Vec<(CollectionId, Vec<Column>)>,
}

/// What is said of one collection.
#[derive(Debug, Clone, PartialEq)]
struct Layer {
    id: CollectionId,
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
            shown: Vec::new(),
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

    /// Layers as TileJSON 3 has them: those that any level shows, from the first to the last
    /// that does, with the columns of all of these.
    pub(super) fn vector_layers(&self) -> Value {
        let layers = self.layers.iter().filter_map(|layer| {
            let (levels, fields) = match &self.shown[..] {
                [] => (
                    [*self.levels.start(), *self.levels.end()],
                    layer.fields.clone(),
                ),
                shown => layer.in_levels(shown)?,
            };
            let [min, max] = levels.map(|z| z.saturating_add(self.zoom_shift));
            Some(json!({
                "id": layer.id.as_str(),
                "description": layer.title,
                "minzoom": min,
                "maxzoom": max,
                "fields": fields,
            }))
        });
        layers.collect()
    }

    /// What levels show, those beside each other that show the same as one.
    fn shown_levels(&self) -> Value {
        let is_alike = |a: &ShownLevel, b: &ShownLevel| {
            (a.byte_limit, &a.layers) == (b.byte_limit, &b.layers) && a.z + 1 == b.z
        };
        let runs = self.shown.chunk_by(is_alike).map(|run| {
            let first = &run[0];
            let fields = first.layers.iter().map(|(id, columns)| {
                let names = columns.iter().map(|column| json!(column.name));
                (id.to_string(), names.collect())
            });
            json!({
                "levels": [first.z, run[run.len() - 1].z],
                "byte_limit": first.byte_limit,
                "fields": fields.collect::<Map<String, Value>>(),
            })
        });
        runs.collect()
    }

    /// What only we understand.
    pub(super) fn own(&self, sacrifices: &Sacrifices) -> Value {
        let versions = self.layers.iter();
        let versions =
            versions.map(|layer| json!({"id": layer.id.as_str(), "version": layer.version}));
        json!({
            "tile_matrix_set": self.tms,
            "zoom_shift": self.zoom_shift,
            "levels": [self.levels.start(), self.levels.end()],
            "collections": versions.collect::<Value>(),
            "shown": self.shown_levels(),
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
            fields.insert(column.name.clone(), kind_of(column));
        }
        // Tiles tell it of every feature, whether or not a column does.
        if meta.data_origin.is_some() {
            fields.insert(DataOrigin::ATTRIBUTE.to_owned(), json!("String"));
        }
        Layer {
            id: meta.id.clone(),
            title: meta.title.clone(),
            version: collection.version(),
            fields,
        }
    }

    /// The first and the last level that show it, and what its features carry in any.
    fn in_levels(&self, shown: &[ShownLevel]) -> Option<([u8; 2], Map<String, Value>)> {
        let mut fields = Map::new();
        let mut levels: Option<[u8; 2]> = None;
        for level in shown {
            let of_level = level.layers.iter().find(|(id, _)| *id == self.id);
            let Some((_, columns)) = of_level else {
                continue;
            };
            levels = Some([levels.map_or(level.z, |[first, _]| first), level.z]);
            fields.extend(columns.iter().map(|of| (of.name.clone(), kind_of(of))));
        }
        Some((levels?, fields))
    }
}

/// The kind of a column in the words of PMTiles.
fn kind_of(column: &Column) -> Value {
    json!(match column.kind {
        ColumnKind::Boolean => "Boolean",
        ColumnKind::Integer | ColumnKind::Number => "Number",
        _ => "String",
    })
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
