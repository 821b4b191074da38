//! A feature's geometry and values to and from what a row holds of them.

use geozero::wkb::Wkb;
use geozero::{CoordDimensions, ToGeo, ToWkb};
use model::{ColumnKind, Feature, FeatureId, Schema, Value};
use serde_json::Map;
use xxhash_rust::xxh3::Xxh3Default;

/// What a feature is since a change, as its row has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// It is not.
    Gone,
    /// It is this.
    Here {
        /// WKB; none of a feature without geometry.
        geometry: Option<Vec<u8>>,
        /// A JSON object.
        properties: String,
    },
    /// It is what the segments have.
    InSegments,
}

impl Content {
    pub(super) fn of(feature: &Feature, schema: &Schema) -> Result<Content, String> {
        let geometry = feature.geometry.as_ref().map(|geometry| {
            let wkb = geometry.to_wkb(CoordDimensions::xy());
            wkb.map_err(|error| format!("feature {}: {error}", feature.id))
        });
        Ok(Content::Here {
            geometry: geometry.transpose()?,
            properties: properties(&feature.values, schema),
        })
    }

    /// The number that stands for its kind.
    pub(super) fn state(&self) -> i64 {
        match self {
            Content::Gone => 0,
            Content::Here { .. } => 1,
            Content::InSegments => 2,
        }
    }

    pub(super) fn of_parts(
        state: i64,
        geometry: Option<Vec<u8>>,
        properties: Option<String>,
    ) -> Option<Content> {
        match (state, properties) {
            (0, None) => Some(Content::Gone),
            (1, Some(properties)) => Some(Content::Here {
                geometry,
                properties,
            }),
            (2, None) => Some(Content::InSegments),
            _ => None,
        }
    }

    pub(super) fn parts(&self) -> (Option<&[u8]>, Option<&str>) {
        match self {
            Content::Here {
                geometry,
                properties,
            } => (geometry.as_deref(), Some(properties)),
            _ => (None, None),
        }
    }

    pub(super) fn sum(&self) -> u64 {
        let (geometry, properties) = self.parts();
        let mut hash = Xxh3Default::new();
        hash.update(&self.state().to_le_bytes());
        for part in [geometry, properties.map(str::as_bytes)] {
            let len = part.map_or(u64::MAX, |bytes| bytes.len() as u64);
            hash.update(&len.to_le_bytes());
            hash.update(part.unwrap_or_default());
        }
        hash.digest()
    }

    /// The feature, by a schema that may have other columns by now: a column that it does
    /// not know is left out, and one that the row does not have is null.
    pub(super) fn feature(&self, id: FeatureId, schema: &Schema) -> Result<Feature, String> {
        let (geometry, properties) = self.parts();
        let geometry = geometry.map(|bytes| {
            let read = Wkb(bytes).to_geo();
            read.map_err(|error| format!("its geometry: {error}"))
        });
        let object: Map<String, serde_json::Value> =
            serde_json::from_str(properties.unwrap_or_default())
                .map_err(|error| format!("its properties: {error}"))?;
        let mut values = vec![Value::Null; schema.columns.len()];
        for (name, value) in object {
            if let Some(place) = schema.position(&name) {
                values[place] = value_of(value, schema.columns[place].kind)
                    .map_err(|what| format!("its {name:?}: {what}"))?;
            }
        }
        Ok(Feature {
            id,
            geometry: geometry.transpose()?,
            values,
        })
    }
}

/// A hash of a feature's geometry and values: equal for equal features of one schema,
/// wherever they lie.
pub fn content_hash(feature: &Feature, schema: &Schema) -> u64 {
    // What cannot be written as WKB is in no twin.
    Content::of(feature, schema).map_or(0, |content| content.sum())
}

fn properties(values: &[Value], schema: &Schema) -> String {
    let named = schema.columns.iter().zip(values);
    let given = named.filter(|(_, value)| !value.is_null());
    let object: Map<_, _> = given
        .map(|(column, value)| (column.name.clone(), json(value)))
        .collect();
    serde_json::Value::Object(object).to_string()
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(truth) => (*truth).into(),
        Value::Integer(n) => (*n).into(),
        Value::Number(n) => (*n).into(),
        Value::Text(text) | Value::Json(text) => text.as_str().into(),
        Value::Date(date) => date.to_string().into(),
        Value::Instant(instant) => instant.to_string().into(),
    }
}

fn value_of(value: serde_json::Value, kind: ColumnKind) -> Result<Value, String> {
    use serde_json::Value as J;
    let value = match (value, kind) {
        (J::Null, _) => Value::Null,
        (J::Bool(truth), ColumnKind::Boolean) => Value::Boolean(truth),
        (J::Number(n), ColumnKind::Integer) if n.is_i64() => {
            Value::Integer(n.as_i64().unwrap_or_default())
        }
        (J::Number(n), ColumnKind::Number) => {
            Value::Number(n.as_f64().ok_or("is no number of 64 bits")?)
        }
        (J::String(text), ColumnKind::Text) => Value::Text(text),
        (J::String(text), ColumnKind::Json) => Value::Json(text),
        (J::String(text), ColumnKind::Date) => {
            Value::Date(text.parse().map_err(|_| format!("{text:?} is no date"))?)
        }
        (J::String(text), ColumnKind::Instant) => {
            let instant = text.parse();
            Value::Instant(instant.map_err(|_| format!("{text:?} is no instant"))?)
        }
        // The column was of another kind when this was written.
        (J::String(text), _) => {
            return Err(format!("{text:?} is of another kind than its column"));
        }
        (other, ColumnKind::Text) => Value::Text(other.to_string()),
        (other, _) => return Err(format!("{other} is of another kind than its column")),
    };
    Ok(value)
}
