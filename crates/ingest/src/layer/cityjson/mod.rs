//! CityJSON 1.0 to 2.0, and CityJSON text sequences: each object of a city as its
//! footprint, with its attributes and how low and high it is.
//!
//! A building part is drawn and measured with the building that it is part of. Other
//! children (installations, rooms, furniture), terrain, textures and materials are left
//! out; children and terrain are counted. [`footprint`] says how a footprint is found.

mod footprint;

use std::collections::HashMap;
use std::fmt;
use std::io::Read;

use model::{ColumnKind, Value};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::report::Outcome;

use super::geojson::{self, WithoutMarks};
use super::raw::{FileCrs, Notes, RawColumn, RawFeature, RawGeometry, RawLayer, Refusal, Texts};

use footprint::{Shape, Vertices};

/// Columns that every layer has, before those of its objects' attributes.
const COLUMNS: [(&str, ColumnKind); 4] = [
    ("type", ColumnKind::Text),
    ("lod", ColumnKind::Text),
    ("z_min", ColumnKind::Number),
    ("z_max", ColumnKind::Number),
];

/// Children inside children that are looked at: the standard has two levels of parts.
const MAX_GENERATIONS: usize = 4;

/// A document, or a line of a text sequence.
#[derive(Deserialize)]
pub(super) struct Document {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    transform: Option<Transform>,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(rename = "CityObjects", default)]
    objects: Objects,
    #[serde(default)]
    vertices: Vec<[f64; 3]>,
    #[serde(rename = "geometry-templates", default)]
    templates: Option<de::IgnoredAny>,
}

#[derive(Deserialize, Clone, Copy)]
struct Transform {
    scale: [f64; 3],
    translate: [f64; 3],
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "referenceSystem", default)]
    reference_system: Option<String>,
}

/// Objects in the order of the document.
#[derive(Default)]
struct Objects(Vec<(String, CityObject)>);

#[derive(Deserialize)]
struct CityObject {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    attributes: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    geometry: Vec<CityGeometry>,
    #[serde(default)]
    parents: Vec<String>,
    #[serde(default)]
    children: Vec<String>,
}

/// A geometry of an object.
#[derive(Deserialize)]
struct CityGeometry {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    lod: Option<Lod>,
    #[serde(default)]
    boundaries: Nested,
    #[serde(default)]
    semantics: Option<Semantics>,
}

#[derive(Deserialize)]
struct Semantics {
    #[serde(default)]
    surfaces: Vec<Surface>,
    #[serde(default)]
    values: Nested,
}

#[derive(Deserialize)]
struct Surface {
    #[serde(rename = "type", default)]
    kind: String,
}

/// A level of detail: `"2.2"`, or a number in CityJSON 1.0.
struct Lod(String);

/// Lists in lists of whole numbers, as deep as the kind of geometry has them.
#[derive(Default)]
enum Nested {
    /// `null`, and whatever else is no number or list.
    #[default]
    None,
    Index(usize),
    List(Vec<Nested>),
}

impl<'de> Deserialize<'de> for Objects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Objects, D::Error> {
        struct Ordered;
        impl<'de> Visitor<'de> for Ordered {
            type Value = Objects;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of city objects")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Objects, A::Error> {
                let mut objects = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    objects.push(entry);
                }
                Ok(Objects(objects))
            }
        }
        deserializer.deserialize_map(Ordered)
    }
}

impl<'de> Deserialize<'de> for Lod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Lod, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Lod(match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        }))
    }
}

impl<'de> Deserialize<'de> for Nested {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Nested, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Nested;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("lists of whole numbers")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Nested, E> {
                Ok(Nested::None)
            }

            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Nested, E> {
                Ok(usize::try_from(n).map_or(Nested::None, Nested::Index))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Nested, E> {
                Ok(Nested::None)
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Nested, E> {
                Ok(Nested::None)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Nested, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = list.next_element()? {
                    members.push(member);
                }
                Ok(Nested::List(members))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Reads CityJSON, one document or a sequence of them.
pub(crate) fn read_cityjson(text: impl Read) -> Result<RawLayer, Refusal> {
    let documents =
        serde_json::Deserializer::from_reader(WithoutMarks::new(text)).into_iter::<Document>();
    let mut reading = Reading {
        layer: RawLayer::default(),
        columns: HashMap::new(),
        number: 0,
        transform: None,
    };
    for (name, kind) in COLUMNS {
        reading.layer.push_column(RawColumn {
            name: name.to_owned(),
            declared: Some(kind),
            texts: Texts::Only,
        })?;
    }
    for (nth, document) in documents.enumerate() {
        let document = document.map_err(|error| geojson::refusal(&error))?;
        match document.kind.as_str() {
            "CityJSON" if nth == 0 => reading.head(&document),
            "CityJSONFeature" if nth > 0 => {}
            other => {
                return Err(Refusal::new(format!(
                    "has an object of type {other:?} as number {}: CityJSON is one object, or one followed by CityJSONFeatures",
                    nth + 1
                )));
            }
        }
        reading.document(document)?;
    }
    Ok(reading.layer)
}

struct Reading {
    layer: RawLayer,
    columns: HashMap<String, usize>,
    /// Objects met.
    number: u64,
    transform: Option<Transform>,
}

impl Reading {
    fn head(&mut self, document: &Document) {
        self.transform = document.transform;
        let metadata = document.metadata.as_ref();
        if let Some(name) = metadata.and_then(|m| m.reference_system.as_ref()) {
            self.layer.crs = FileCrs::Code(name.clone());
        }
    }

    fn document(&mut self, document: Document) -> Result<(), Refusal> {
        let Document {
            objects: Objects(objects),
            vertices,
            templates,
            ..
        } = document;
        let vertices = Vertices::new(vertices, self.transform.map(|t| (t.scale, t.translate)));
        if templates.is_some() {
            self.layer
                .report
                .count("geometry_template", Outcome::Noticed, || {
                    "objects that are copies of a template are points where they stand".to_owned()
                });
        }
        let by_id: HashMap<&str, &CityObject> = objects
            .iter()
            .map(|(id, object)| (id.as_str(), object))
            .collect();
        for (id, object) in &objects {
            if object.kind == "TINRelief" {
                self.left_out("terrain", id, "terrain comes from surveys");
            } else if object
                .parents
                .iter()
                .any(|parent| by_id.contains_key(parent.as_str()))
            {
                if !is_part(object) {
                    self.left_out("part_of_other", id, &format!("a {}", object.kind));
                }
            } else {
                self.object(id, object, &by_id, &vertices)?;
            }
        }
        Ok(())
    }

    fn left_out(&mut self, code: &'static str, id: &str, why: &str) {
        self.layer
            .report
            .count(code, Outcome::LeftOut, || format!("{id}: {why}"));
    }

    fn object(
        &mut self,
        id: &str,
        object: &CityObject,
        by_id: &HashMap<&str, &CityObject>,
        vertices: &Vertices,
    ) -> Result<(), Refusal> {
        self.number += 1;
        let mut geometries = Vec::new();
        collect(object, by_id, 0, &mut geometries);
        let mut values = vec![Value::Null; COLUMNS.len()];
        values[0] = Value::Text(object.kind.clone());
        let geometry = match footprint::of(&geometries, vertices) {
            Ok(None) => RawGeometry::None,
            Ok(Some(Shape {
                geometry,
                lod,
                z_range,
            })) => {
                values[1] = lod.map_or(Value::Null, Value::Text);
                if let Some([low, high]) = z_range {
                    values[2] = Value::Number(low);
                    values[3] = Value::Number(high);
                }
                let notes = Notes::default();
                RawGeometry::Some { geometry, notes }
            }
            Err(reason) => RawGeometry::unusable("bad_geometry", reason),
        };
        for (name, json) in object.attributes.iter().flatten() {
            let place = match self.columns.get(name) {
                Some(place) => *place,
                None => {
                    let place = self.layer.push_column(RawColumn {
                        name: name.clone(),
                        declared: None,
                        texts: Texts::Dates,
                    })?;
                    self.columns.insert(name.clone(), place);
                    place
                }
            };
            if values.len() <= place {
                values.resize(place + 1, Value::Null);
            }
            values[place] = geojson::value_of(json.clone());
        }
        self.layer.push(RawFeature {
            number: self.number,
            key: Some(id.to_owned()),
            geometry,
            values,
        })
    }
}

/// Whether an object is a part of its parent, as a wing is of a building.
fn is_part(object: &CityObject) -> bool {
    object.kind.ends_with("Part")
}

/// Gathers the geometries of an object and of its parts.
fn collect<'a>(
    object: &'a CityObject,
    by_id: &HashMap<&str, &'a CityObject>,
    generation: usize,
    into: &mut Vec<&'a CityGeometry>,
) {
    into.extend(&object.geometry);
    if generation == MAX_GENERATIONS {
        return;
    }
    for child in &object.children {
        if let Some(child) = by_id.get(child.as_str())
            && is_part(child)
        {
            collect(child, by_id, generation + 1, into);
        }
    }
}
