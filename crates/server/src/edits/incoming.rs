//! Features that callers send, as GeoJSON (RFC 7946), into features of a collection.

use model::{Column, ColumnKind, Feature, FeatureId, Schema, Value};
use serde_json::{Map, Value as Json};

use super::Frame;

/// Most reasons that are told at once.
const REASONS_MAX: usize = 20;

/// A feature as it was sent: what is not there was not said.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Its own id, if it has one.
    pub(crate) id: Option<FeatureId>,
    /// None inside if it was said to be null.
    geometry: Option<Option<geo_types::Geometry<f64>>>,
    properties: Map<String, Json>,
}

impl Sent {
    /// Reads a feature whose coordinates are in this frame.
    ///
    /// # Errors
    ///
    /// Sentences that say what is wrong.
    pub(crate) fn read(json: Json, frame: &Frame) -> Result<Sent, Vec<String>> {
        let Json::Object(mut object) = json else {
            return Err(vec!["The body is no JSON object.".to_owned()]);
        };
        let mut wrong = Vec::new();
        match object.get("type") {
            Some(Json::String(kind)) if kind == "Feature" => {}
            None => {}
            Some(other) => wrong.push(format!("Its type is {other} and not \"Feature\".")),
        }
        let id = match object.get("id") {
            None | Some(Json::Null) => None,
            Some(Json::String(key)) => Some(FeatureId::from_key(key)),
            Some(Json::Number(number)) => match number.as_u64().and_then(FeatureId::new) {
                Some(id) => Some(id),
                None => {
                    wrong.push(format!("Its id {number} is no whole number below 2^53."));
                    None
                }
            },
            Some(other) => {
                wrong.push(format!("Its id {other} is neither text nor a number."));
                None
            }
        };
        let geometry = match object.remove("geometry") {
            None => None,
            Some(Json::Null) => Some(None),
            Some(json) => match shape(json, frame) {
                Ok(shape) => Some(Some(shape)),
                Err(what) => {
                    wrong.push(format!("Its geometry: {what}."));
                    None
                }
            },
        };
        let properties = match object.remove("properties") {
            None | Some(Json::Null) => Map::new(),
            Some(Json::Object(properties)) => properties,
            Some(_) => {
                wrong.push("Its properties are no JSON object.".to_owned());
                Map::new()
            }
        };
        if wrong.is_empty() {
            Ok(Sent {
                id,
                geometry,
                properties,
            })
        } else {
            Err(wrong)
        }
    }

    /// The feature that it is by itself: what was not said is null.
    ///
    /// # Errors
    ///
    /// Sentences that say what does not fit the schema.
    pub(crate) fn whole(self, id: FeatureId, schema: &Schema) -> Result<Feature, Vec<String>> {
        let nothing = Feature {
            id,
            geometry: None,
            values: vec![Value::Null; schema.columns.len()],
        };
        self.over(nothing, schema)
    }

    /// What becomes of a feature by it (RFC 7396): what was not said stays.
    ///
    /// # Errors
    ///
    /// Sentences that say what does not fit the schema.
    pub(crate) fn over(
        self,
        mut feature: Feature,
        schema: &Schema,
    ) -> Result<Feature, Vec<String>> {
        let mut wrong = Vec::new();
        if let Some(geometry) = self.geometry {
            feature.geometry = geometry;
        }
        for (name, json) in self.properties {
            let Some(place) = schema.position(&name) else {
                wrong.push(format!(
                    "The collection has no attribute {name:?}: it has {}.",
                    names(schema)
                ));
                continue;
            };
            match value_of(json, &schema.columns[place]) {
                Ok(value) => feature.values[place] = value,
                Err(what) => wrong.push(what),
            }
        }
        wrong.truncate(REASONS_MAX);
        if wrong.is_empty() {
            Ok(feature)
        } else {
            Err(wrong)
        }
    }
}

fn names(schema: &Schema) -> String {
    let names: Vec<_> = schema.columns.iter().map(|c| c.name.as_str()).collect();
    names.join(", ")
}

fn shape(json: Json, frame: &Frame) -> Result<geo_types::Geometry<f64>, String> {
    let read: geojson::Geometry = serde_json::from_value(json).map_err(|e| e.to_string())?;
    let shape: geo_types::Geometry<f64> =
        read.try_into().map_err(|e: geojson::Error| e.to_string())?;
    frame.shape(&shape)
}

/// A value of JSON as one of a column.
fn value_of(json: Json, column: &Column) -> Result<Value, String> {
    let (name, kind) = (&column.name, column.kind);
    let wants = |what: &str, json: &Json| format!("{name:?} is {json}, but must be {what}.");
    Ok(match (json, kind) {
        (Json::Null, _) => Value::Null,
        (Json::Bool(truth), ColumnKind::Boolean) => Value::Boolean(truth),
        (Json::Number(number), ColumnKind::Integer) => {
            let whole = number.as_i64().or_else(|| {
                // 3.0 is a whole number to JSON.
                let float = number.as_f64()?;
                let exact = float.fract() == 0.0 && float.abs() < 9.0e15;
                exact.then_some(float as i64)
            });
            let whole = whole.ok_or_else(|| wants("a whole number", &Json::Number(number)))?;
            Value::Integer(whole)
        }
        (Json::Number(number), ColumnKind::Number) => {
            let float = number.as_f64().filter(|n| n.is_finite());
            Value::Number(float.ok_or_else(|| wants("a number", &Json::Number(number)))?)
        }
        (Json::String(text), ColumnKind::Text) => Value::Text(text),
        (Json::String(text), ColumnKind::Date) => {
            let date = text.parse();
            Value::Date(date.map_err(|_| wants("a date such as 2026-11-22", &Json::String(text)))?)
        }
        (Json::String(text), ColumnKind::Instant) => {
            let instant = text.parse();
            let allowed = "an instant such as 2026-11-22T08:00:00Z";
            Value::Instant(instant.map_err(|_| wants(allowed, &Json::String(text)))?)
        }
        (json, ColumnKind::Json) => Value::Json(json.to_string()),
        (json, ColumnKind::Boolean) => return Err(wants("true or false", &json)),
        (json, ColumnKind::Integer) => return Err(wants("a whole number", &json)),
        (json, ColumnKind::Number) => return Err(wants("a number", &json)),
        (json, ColumnKind::Text) => return Err(wants("text", &json)),
        (json, ColumnKind::Date) => return Err(wants("a date such as 2026-11-22", &json)),
        (json, ColumnKind::Instant) => {
            return Err(wants("an instant such as 2026-11-22T08:00:00Z", &json));
        }
    })
}
