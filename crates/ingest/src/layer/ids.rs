//! What identifies a feature, the same at every delivery.
//!
//! In order: the attribute that the operator names; the key of the file itself
//! (GeoJSON `id`, the primary key of a GeoPackage table); else the feature's own
//! content. Content rather than the place in the file, since a row that comes or
//! goes must not rename all rows after it: an unchanged feature keeps its id, a
//! changed one is a new one. Features that are equal in everything are told
//! apart by their order among each other.
//!
//! Of features with one key the last wins, as in a file of corrections; the
//! others are left out and counted.

use std::collections::HashMap;

use model::{FeatureId, Value};
use xxhash_rust::xxh3::Xxh3;

use super::raw::{RawColumn, RawFeature, RawGeometry};

/// Returns a hash of the geometry as the file has it and of all attributes that
/// have a value, by name.
pub(crate) fn content(feature: &RawFeature, columns: &[RawColumn]) -> u128 {
    let mut hash = Xxh3::new();
    if let RawGeometry::Some { geometry, .. } = &feature.geometry {
        use geo::CoordsIter;
        hash.update(&[kind_byte(geometry)]);
        for coord in geometry.coords_iter() {
            hash.update(&coord.x.to_bits().to_le_bytes());
            hash.update(&coord.y.to_bits().to_le_bytes());
        }
    }
    for (column, value) in columns.iter().zip(&feature.values) {
        if let Some(text) = key_of(value) {
            for part in [column.name.as_str(), &text] {
                hash.update(&(part.len() as u64).to_le_bytes());
                hash.update(part.as_bytes());
            }
        }
    }
    hash.digest128()
}

fn kind_byte(geometry: &geo_types::Geometry<f64>) -> u8 {
    use geo_types::Geometry as G;
    match geometry {
        G::Point(_) => 1,
        G::Line(_) | G::LineString(_) => 2,
        G::Polygon(_) | G::Rect(_) | G::Triangle(_) => 3,
        G::MultiPoint(_) => 4,
        G::MultiLineString(_) => 5,
        G::MultiPolygon(_) => 6,
        G::GeometryCollection(_) => 7,
    }
}

/// Returns the value as the text of a key, or nothing if it is null.
pub(crate) fn key_of(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Boolean(b) => b.to_string(),
        Value::Integer(n) => n.to_string(),
        Value::Number(n) => n.to_string(),
        Value::Text(text) | Value::Json(text) => text.clone(),
        Value::Date(date) => date.to_string(),
        Value::Instant(instant) => instant.to_string(),
    })
}

/// What identifies one feature.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A key that somebody gave it.
    Given(String),
    /// Its content, and its place among equals from 0.
    Content(u128, u32),
}

impl Key {
    fn text(&self) -> String {
        match self {
            Key::Given(key) => key.clone(),
            Key::Content(content, 0) => format!("content {content:032x}"),
            Key::Content(content, nth) => format!("content {content:032x} {nth}"),
        }
    }
}

/// Ids for the keys of a layer.
#[derive(Debug, PartialEq)]
pub(crate) struct Assigned {
    /// For each key; none if a later feature has the same key.
    pub(crate) ids: Vec<Option<FeatureId>>,
    /// Places of keys whose first choice of id another key had.
    pub(crate) collisions: Vec<usize>,
}

/// Gives every distinct key an id of its own.
///
/// Two keys may hash to one id. The later in the file then takes the id of its
/// key with a suffix, so that both are kept; this is rare (one in a hundred
/// thousand layers of a million features) and reported.
pub(crate) fn assign(keys: &[Key]) -> Assigned {
    let mut last: HashMap<&Key, usize> = HashMap::with_capacity(keys.len());
    for (place, key) in keys.iter().enumerate() {
        last.insert(key, place);
    }
    assign_with(keys, &last, FeatureId::from_key)
}

fn assign_with(
    keys: &[Key],
    last: &HashMap<&Key, usize>,
    id_of: impl Fn(&str) -> FeatureId,
) -> Assigned {
    let mut taken = std::collections::HashSet::with_capacity(last.len());
    let mut collisions = Vec::new();
    let ids = keys
        .iter()
        .enumerate()
        .map(|(place, key)| {
            if last.get(key) != Some(&place) {
                return None;
            }
            let text = key.text();
            let mut id = id_of(&text);
            let mut attempt = 0_u32;
            while !taken.insert(id) {
                if attempt == 0 {
                    collisions.push(place);
                }
                attempt += 1;
                id = FeatureId::from_key(&format!("{text} collision {attempt}"));
            }
            Some(id)
        })
        .collect();
    Assigned { ids, collisions }
}
