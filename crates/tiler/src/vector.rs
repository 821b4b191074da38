//! Vector tiles: which features and attributes a tile shows of a collection.

use geodesy::Transform;
use model::{Column, ColumnKind, DataOrigin, Feature, FeatureId, Schema, Value};
use xxhash_rust::xxh3::xxh3_64;

use crate::layers::TileLayer;
use crate::level::{EXTENT, Level, Tile, Tiles};
use crate::mvt::{GeometryType, Layer};
use crate::parts::Parts;
use crate::shapes::{Detail, Shaper};

/// Most features that a layer of a tile holds at once, which bounds memory: some
/// 30 MB. A feature takes at least 10 bytes, so that twice as many as fit within
/// the usual byte limit are weighed against each other.
pub(crate) const FEATURE_LIMIT: usize = 100_000;

/// Columns that are kept for their text when most attributes must go: the first
/// of these that a collection has.
const LABEL_COLUMNS: [&str; 10] = [
    "label",
    "name",
    "namn",
    "title",
    "titel",
    "benamning",
    "beteckning",
    "adress",
    "address",
    "fastighet",
];

/// Below this importance features are not kept, where there are too many to hold.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Floor(f32);

impl Floor {
    /// Whether a feature is kept.
    pub(crate) fn keeps(self, importance: f32) -> bool {
        importance >= self.0
    }

    /// Rises by doubling until it keeps at most [`FEATURE_LIMIT`] of these. Where it ends up
    /// depends on all features that were met, not on their order.
    pub(crate) fn rise(&mut self, importances: impl Iterator<Item = f32> + Clone) {
        const LOWEST: f32 = 1.0 / 1024.0;
        let kept = |floor: Floor| importances.clone().filter(|of| floor.keeps(*of)).count();
        while kept(*self) > FEATURE_LIMIT {
            self.0 = (self.0 * 2.0).max(LOWEST);
        }
    }
}

/// How important a feature is that paints so many pixels and has drawn a number, over 0 and
/// up to 1.
pub(crate) fn importance(pixels: f64, chance: f64) -> f32 {
    (pixels / chance) as f32
}

/// Collects what a tile shows of one collection.
pub(crate) struct LayerBuilder<'a> {
    pub(crate) of: &'a TileLayer,
    pub(crate) layer: Layer,
    place: Place<'a>,
    detail: Detail,
    parts: Parts,
    pub(crate) shaper: Shaper,
    floor: Floor,
    /// Features that were too many to hold.
    pub(crate) left_out: usize,
    /// Features that have no place in the set's CRS.
    pub(crate) out_of_domain: usize,
    /// Where all features share an origin that none of the columns tells.
    origin: Option<Value>,
    /// Keys that stay when attributes must go, and whether there are others.
    pub(crate) essential: Vec<String>,
    pub(crate) has_more: bool,
}

/// Where a tile lies, and the way there from the twin; none if they share a CRS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) forward: Option<&'a Transform>,
    pub(crate) level: &'a Level,
    pub(crate) tile: Tile,
}

impl<'a> LayerBuilder<'a> {
    /// Starts a layer.
    pub(crate) fn new(of: &'a TileLayer, place: Place<'a>) -> LayerBuilder<'a> {
        let meta = of.collection.meta();
        let schema = &meta.schema;
        let mut keys: Vec<String> = schema.columns.iter().map(|c| c.name.clone()).collect();
        let mut essential = vec![DataOrigin::ATTRIBUTE.to_owned()];
        essential.extend(label_column(schema).map(|column| column.name.clone()));
        let mut origin = None;
        if schema.position(DataOrigin::ATTRIBUTE).is_none() {
            origin = meta.data_origin.map(|o| Value::Text(o.as_str().to_owned()));
            keys.push(DataOrigin::ATTRIBUTE.to_owned());
        }
        let carried = chosen(&schema.columns, of.columns.as_deref());
        let mut carried = carried.map(|(_, column)| &column.name);
        LayerBuilder {
            of,
            layer: Layer::new(meta.id.as_str(), EXTENT, keys),
            place,
            detail: of.detail(place.level),
            parts: Parts::default(),
            shaper: Shaper::default(),
            floor: Floor::default(),
            left_out: 0,
            out_of_domain: 0,
            origin,
            has_more: carried.any(|name| !essential.contains(name)),
            essential,
        }
    }

    /// Adds what the tile shows of a feature.
    pub(crate) fn add(&mut self, feature: &Feature) {
        let Some(geometry) = &feature.geometry else {
            return;
        };
        let Place {
            forward,
            level,
            tile,
        } = self.place;
        if self.parts.set(geometry, forward).is_err() {
            self.out_of_domain += 1;
            return;
        }
        let id = feature.id.get();
        let chance = chance(id);
        let origin_key = feature.values.len() as u32;
        let origin = self.origin.as_ref();
        let columns = self.of.columns.as_deref();
        let (layer, floor, left_out) = (&mut self.layer, self.floor, &mut self.left_out);
        self.shaper.shape(
            &self.parts,
            chance,
            level,
            &Tiles::one(tile),
            self.detail,
            &mut |_, shown, geometry| {
                let importance = importance(shown.pixels, chance);
                if !floor.keeps(importance) {
                    *left_out += 1;
                    return;
                }
                let values = chosen(&feature.values, columns);
                let values = values.chain(origin.map(|origin| (origin_key, origin)));
                layer.push(id, shown.kind, importance, geometry, values);
            },
        );
        if self.layer.len() > FEATURE_LIMIT {
            let before = self.layer.len();
            self.floor
                .rise(self.layer.weights().map(|(importance, _)| importance));
            let floor = self.floor;
            self.layer.retain(|importance| floor.keeps(importance));
            self.left_out += before - self.layer.len();
        }
    }

    /// Adds a feature that was shaped before, with its values.
    pub(crate) fn push(
        &mut self,
        id: FeatureId,
        (kind, importance): (GeometryType, f32),
        geometry: &[u8],
        values: &[Value],
    ) {
        let origin_key = values.len() as u32;
        let values = chosen(values, self.of.columns.as_deref());
        let values = values.chain(self.origin.iter().map(|origin| (origin_key, origin)));
        self.layer
            .push(id.get(), kind, importance, geometry, values);
    }
}

/// The values of the columns that a tile carries, or those columns, all if none are named, by
/// place.
fn chosen<'v, T>(
    values: &'v [T],
    columns: Option<&'v [usize]>,
) -> impl Iterator<Item = (u32, &'v T)> {
    let all = columns.is_none().then(|| (0..).zip(values));
    let some = columns.into_iter().flatten();
    let some = some.filter_map(|&place| Some((place as u32, values.get(place)?)));
    all.into_iter().flatten().chain(some)
}

/// A number over 0 and up to 1 that belongs to a feature: as if drawn, but the
/// same for ever.
pub(crate) fn chance(id: u64) -> f64 {
    const STEPS: f64 = (1_u64 << 53) as f64;
    ((xxh3_64(&id.to_le_bytes()) >> 11) as f64 + 1.0) / STEPS
}

/// The column that serves as a label where nobody named one.
pub(crate) fn label_column(schema: &Schema) -> Option<&Column> {
    LABEL_COLUMNS.iter().find_map(|label| {
        schema
            .columns
            .iter()
            .find(|c| c.kind == ColumnKind::Text && c.name.eq_ignore_ascii_case(label))
    })
}
