//! GeoJSON (RFC 7946, and the `crs` member of its predecessor), one object a
//! line or in one text, and GeoJSON text sequences (RFC 8142).
//!
//! The text is read as a stream: only features are held, never the text.
//! serde_json refuses what nests deeper than 128 levels, so that no text can
//! exhaust the stack.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};

use geo_types::{
    Coord, Geometry, GeometryCollection, LineString, MultiLineString, MultiPoint, MultiPolygon,
    Point, Polygon,
};
use model::Value;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::report::Outcome;

use super::raw::{FileCrs, Notes, RawColumn, RawFeature, RawGeometry, RawLayer, Refusal, Texts};

/// The CRS of GeoJSON that names no other (RFC 7946, section 4), in map order.
const DEFAULT_CRS: &str = "EPSG:4326";

/// Reads GeoJSON: feature collections, features and geometries, one or many.
pub(crate) fn read_geojson(text: impl Read) -> Result<RawLayer, Refusal> {
    let mut reading = Reading::default();
    let mut json = serde_json::Deserializer::from_reader(WithoutMarks::new(text));
    loop {
        reading.in_object = false;
        let seed = ObjectSeed {
            reading: &mut reading,
            top: true,
        };
        match seed.deserialize(&mut json) {
            Ok(()) => reading.objects += 1,
            Err(error) if error.is_eof() && !reading.in_object => break,
            Err(error) => return Err(reading.refused.unwrap_or_else(|| refusal(&error))),
        }
    }
    if reading.objects == 0 {
        return Err(Refusal::new(
            "holds no GeoJSON object: expected a FeatureCollection, a Feature or a geometry",
        ));
    }
    if reading.layer.crs == FileCrs::Unstated {
        reading.layer.crs = FileCrs::Code(DEFAULT_CRS.to_owned());
    }
    Ok(reading.layer)
}

/// Puts the parser's error in words, with its place.
pub(super) fn refusal(error: &serde_json::Error) -> Refusal {
    let place = format!("line {} column {}", error.line(), error.column());
    let text = error.to_string();
    let what = if error.is_io() {
        format!("cannot be read: {text}")
    } else if error.is_eof() {
        format!("ends in the middle of the JSON at {place}: the file is truncated, fetch it again")
    } else if text.starts_with("recursion limit") {
        format!("nests deeper than 128 levels at {place}, which no GeoJSON does")
    } else if text.contains("unicode code point") {
        format!("is not UTF-8 at {place}: convert it to UTF-8, as GeoJSON must be")
    } else {
        let reason = text.split(" at line ").next().unwrap_or_default();
        format!("is not valid JSON at {place}: {reason}")
    };
    Refusal(what)
}

/// Drops a byte order mark and turns record separators (RFC 8142) into spaces.
pub(super) struct WithoutMarks<R> {
    inner: R,
    at_start: bool,
}

impl<R: Read> WithoutMarks<R> {
    pub(super) fn new(inner: R) -> io::BufReader<WithoutMarks<R>> {
        io::BufReader::with_capacity(
            1 << 16,
            WithoutMarks {
                inner,
                at_start: true,
            },
        )
    }
}

impl<R: Read> Read for WithoutMarks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut len = 0;
        if self.at_start && buffer.len() >= 3 {
            self.at_start = false;
            while len < 3 {
                match self.inner.read(&mut buffer[len..3])? {
                    0 => break,
                    n => len += n,
                }
            }
            if buffer[..len] == *b"\xef\xbb\xbf" {
                len = self.inner.read(buffer)?;
            }
        } else {
            len = self.inner.read(buffer)?;
        }
        for byte in &mut buffer[..len] {
            if *byte == 0x1e {
                *byte = b' ';
            }
        }
        Ok(len)
    }
}

#[derive(Default)]
struct Reading {
    layer: RawLayer,
    columns: HashMap<String, usize>,
    /// Features met, kept or not.
    number: u64,
    /// Whole objects read at the top.
    objects: u64,
    /// Whether the parser is inside an object, so that an end is a truncation.
    in_object: bool,
    /// Why we, rather than the parser, stopped.
    refused: Option<Refusal>,
}

impl Reading {
    fn stop<E: de::Error>(&mut self, refusal: Refusal) -> E {
        self.refused = Some(refusal);
        E::custom("refused")
    }

    /// Counts a member of "features" that is no feature.
    fn not_a_feature(&mut self, what: &str) {
        self.number += 1;
        let number = self.number;
        self.layer
            .report
            .count("not_a_feature", Outcome::LeftOut, || {
                format!("feature {number}: {what} where a Feature should be")
            });
    }

    fn set_crs(&mut self, member: &serde_json::Value) {
        if member.is_null() || self.layer.crs != FileCrs::Unstated {
            return;
        }
        self.layer.crs = match member["properties"]["name"].as_str() {
            Some(name) => FileCrs::Code(name.to_owned()),
            None => FileCrs::Unusable("a \"crs\" member that names no CRS".to_owned()),
        };
    }
}

/// What an object may hold, whichever kind it turns out to be: members may come
/// in any order.
#[derive(Default)]
struct Object {
    kind: Option<String>,
    key: Option<String>,
    has_features: bool,
    values: Vec<Value>,
    geometry: Option<JsonGeometry>,
    bare: JsonGeometry,
    crs: Option<serde_json::Value>,
}

/// Reads one object at the top or among "features" into the layer.
struct ObjectSeed<'a> {
    reading: &'a mut Reading,
    top: bool,
}

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl ObjectSeed<'_> {
    fn other<E: de::Error>(self, what: &str) -> Result<(), E> {
        if self.top {
            Err(self.reading.stop(Refusal::new(format!(
                "is JSON but not GeoJSON: it holds {what} where an object should be"
            ))))
        } else {
            self.reading.not_a_feature(what);
            Ok(())
        }
    }
}

impl<'de> Visitor<'de> for ObjectSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a GeoJSON object")
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        self.other("a boolean")
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        self.other("a number")
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        self.other("a number")
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        self.other("a number")
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        self.other("a text")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.other("null")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.reading.in_object = true;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        self.other("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let ObjectSeed { reading, top } = self;
        reading.in_object = true;
        let mut object = Object::default();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "type" => {
                    let kind: serde_json::Value = map.next_value()?;
                    object.kind = kind.as_str().map(str::to_owned);
                }
                "id" => {
                    object.key = match map.next_value()? {
                        serde_json::Value::String(text) => Some(text),
                        serde_json::Value::Number(number) => Some(number.to_string()),
                        _ => None,
                    };
                }
                "features" if top => {
                    object.has_features = true;
                    map.next_value_seed(FeaturesSeed(reading))?;
                }
                "properties" => object.values = map.next_value_seed(PropertiesSeed(reading))?,
                "geometry" => object.geometry = map.next_value()?,
                "coordinates" => object.bare.coordinates = Some(map.next_value()?),
                "geometries" => object.bare.geometries = Some(map.next_value::<Members>()?.0),
                "crs" if top => object.crs = Some(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        finish_object(reading, object, top)
    }
}

/// Turns a whole object into a feature, or says why not.
fn finish_object<E: de::Error>(reading: &mut Reading, object: Object, top: bool) -> Result<(), E> {
    if let Some(member) = &object.crs {
        reading.set_crs(member);
    }
    let geometry = match object.kind.as_deref() {
        Some("FeatureCollection") if top && object.has_features => return Ok(()),
        Some("Feature") => object.geometry.unwrap_or_default(),
        Some(
            kind @ ("Point" | "LineString" | "Polygon" | "MultiPoint" | "MultiLineString"
            | "MultiPolygon" | "GeometryCollection"),
        ) => JsonGeometry {
            kind: Some(kind.to_owned()),
            ..object.bare
        },
        kind => {
            let what = match kind {
                Some("Topology") => "a TopoJSON Topology: convert it to GeoJSON".to_owned(),
                Some("FeatureCollection") => "a FeatureCollection without features".to_owned(),
                Some(kind) => format!("an object of type {kind:?}"),
                None => "an object without a type".to_owned(),
            };
            if top {
                return Err(reading.stop(Refusal::new(format!(
                    "is JSON but not GeoJSON: it holds {what}"
                ))));
            }
            reading.not_a_feature(&what);
            return Ok(());
        }
    };
    reading.number += 1;
    let feature = RawFeature {
        number: reading.number,
        key: object.key,
        geometry: geometry.to_raw(),
        values: object.values,
    };
    reading.layer.push(feature).map_err(|r| reading.stop(r))
}

/// Reads the list of a feature collection.
struct FeaturesSeed<'a>(&'a mut Reading);

impl<'de> DeserializeSeed<'de> for FeaturesSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for FeaturesSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of features")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        loop {
            let seed = ObjectSeed {
                reading: self.0,
                top: false,
            };
            if list.next_element_seed(seed)?.is_none() {
                return Ok(());
            }
        }
    }
}

/// Reads the properties of a feature as one value for each column known so far.
struct PropertiesSeed<'a>(&'a mut Reading);

impl<'de> DeserializeSeed<'de> for PropertiesSeed<'_> {
    type Value = Vec<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Value>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for PropertiesSeed<'_> {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of properties, or null")
    }

    fn visit_none<E: de::Error>(self) -> Result<Vec<Value>, E> {
        Ok(Vec::new())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Vec<Value>, E> {
        Ok(Vec::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Value>, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Value>, A::Error> {
        let mut values = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let place = match self.0.columns.get(&name) {
                Some(place) => *place,
                None => {
                    let column = RawColumn {
                        name: name.clone(),
                        declared: None,
                        texts: Texts::Dates,
                    };
                    let place = self
                        .0
                        .layer
                        .push_column(column)
                        .map_err(|r| self.0.stop(r))?;
                    self.0.columns.insert(name, place);
                    place
                }
            };
            if values.len() <= place {
                values.resize(place + 1, Value::Null);
            }
            values[place] = value_of(map.next_value()?);
        }
        Ok(values)
    }
}

pub(super) fn value_of(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(b) => Value::Boolean(b),
        serde_json::Value::Number(n) => match n.as_i64() {
            Some(whole) => Value::Integer(whole),
            None => n.as_f64().map_or(Value::Null, Value::Number),
        },
        serde_json::Value::String(text) => Value::Text(text),
        other => Value::Json(other.to_string()),
    }
}

/// A geometry object as its members have it, right or wrong.
#[derive(Default)]
struct JsonGeometry {
    kind: Option<String>,
    coordinates: Option<Node>,
    geometries: Option<Vec<JsonGeometry>>,
    /// What it is instead of an object.
    instead: Option<&'static str>,
}

/// The members of a geometry collection.
struct Members(Vec<JsonGeometry>);

impl<'de> de::Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        Vec::deserialize(deserializer).map(Members)
    }
}

impl<'de> de::Deserialize<'de> for JsonGeometry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<JsonGeometry, D::Error> {
        deserializer.deserialize_any(GeometryVisitor)
    }
}

struct GeometryVisitor;

impl GeometryVisitor {
    fn instead<E>(what: &'static str) -> Result<JsonGeometry, E> {
        Ok(JsonGeometry {
            instead: Some(what),
            ..JsonGeometry::default()
        })
    }
}

impl<'de> Visitor<'de> for GeometryVisitor {
    type Value = JsonGeometry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a geometry object or null")
    }

    fn visit_unit<E: de::Error>(self) -> Result<JsonGeometry, E> {
        Ok(JsonGeometry::default())
    }

    fn visit_none<E: de::Error>(self) -> Result<JsonGeometry, E> {
        Ok(JsonGeometry::default())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<JsonGeometry, E> {
        GeometryVisitor::instead("a boolean")
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<JsonGeometry, E> {
        GeometryVisitor::instead("a number")
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<JsonGeometry, E> {
        GeometryVisitor::instead("a number")
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<JsonGeometry, E> {
        GeometryVisitor::instead("a number")
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<JsonGeometry, E> {
        GeometryVisitor::instead("a text")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<JsonGeometry, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        GeometryVisitor::instead("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonGeometry, A::Error> {
        let mut geometry = JsonGeometry {
            instead: Some("an object without a type"),
            ..JsonGeometry::default()
        };
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "type" => {
                    let kind: serde_json::Value = map.next_value()?;
                    geometry.kind = kind.as_str().map(str::to_owned);
                }
                "coordinates" => geometry.coordinates = Some(map.next_value()?),
                "geometries" => geometry.geometries = Some(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(geometry)
    }
}

/// One level of "coordinates", right or wrong.
enum Node {
    Number(f64),
    Position { xy: Coord<f64>, more: bool },
    List(Vec<Node>),
    Other(&'static str),
}

impl<'de> de::Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("coordinates")
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Node, E> {
        Ok(Node::Number(n as f64))
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Node, E> {
        Ok(Node::Number(n as f64))
    }

    fn visit_f64<E: de::Error>(self, n: f64) -> Result<Node, E> {
        Ok(Node::Number(n))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Other("a boolean"))
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Other("a text"))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Other("null"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Node::Other("an object"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let first = match list.next_element()? {
            None => return Ok(Node::List(Vec::new())),
            Some(Node::Number(x)) => return position(x, list),
            Some(first) => first,
        };
        let mut nodes = vec![first];
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }
}

/// Reads the rest of a position that starts with `x`, without allocating.
fn position<'de, A: SeqAccess<'de>>(x: f64, mut list: A) -> Result<Node, A::Error> {
    let second = list.next_element::<Node>()?;
    let mut more = false;
    while list.next_element::<IgnoredAny>()?.is_some() {
        more = true;
    }
    Ok(match second {
        Some(Node::Number(y)) => Node::Position {
            xy: Coord { x, y },
            more,
        },
        Some(_) => Node::Other("a position whose second member is no number"),
        None => Node::Other("a position of one number"),
    })
}

impl JsonGeometry {
    fn to_raw(&self) -> RawGeometry {
        if self.kind.is_none() {
            return match self.instead {
                None => RawGeometry::None,
                Some(what) => RawGeometry::unusable(
                    "bad_geometry",
                    format!("{what} where a geometry should be"),
                ),
            };
        }
        let mut notes = Notes::default();
        match self.to_geometry(&mut notes) {
            Ok(geometry) => RawGeometry::Some { geometry, notes },
            Err(reason) => RawGeometry::unusable("bad_geometry", reason),
        }
    }

    fn to_geometry(&self, notes: &mut Notes) -> Result<Geometry<f64>, String> {
        let kind = self.kind.as_deref().unwrap_or_default();
        if kind == "GeometryCollection" {
            let members = self
                .geometries
                .as_ref()
                .ok_or("a GeometryCollection without geometries")?;
            let members: Result<Vec<_>, String> =
                members.iter().map(|m| m.to_geometry(notes)).collect();
            return Ok(Geometry::GeometryCollection(GeometryCollection(members?)));
        }
        let node = self
            .coordinates
            .as_ref()
            .ok_or_else(|| format!("a geometry of type {kind:?} without coordinates"))?;
        let geometry = match kind {
            // An empty list is how GeoJSON writers put an empty point.
            "Point" if matches!(node, Node::List(list) if list.is_empty()) => {
                Ok(Geometry::MultiPoint(MultiPoint(Vec::new())))
            }
            "Point" => node.xy(notes).map(|xy| Geometry::Point(Point(xy))),
            "MultiPoint" => node
                .path(notes)
                .map(|path| Geometry::MultiPoint(path.into_iter().map(Point).collect())),
            "LineString" => node
                .path(notes)
                .map(|path| Geometry::LineString(LineString(path))),
            "MultiLineString" => node
                .each(|n| n.path(notes).map(LineString))
                .map(|lines| Geometry::MultiLineString(MultiLineString(lines))),
            "Polygon" => node.polygon(notes).map(Geometry::Polygon),
            "MultiPolygon" => node
                .each(|n| n.polygon(notes))
                .map(|polygons| Geometry::MultiPolygon(MultiPolygon(polygons))),
            other => return Err(format!("an unknown geometry type {other:?}")),
        };
        geometry.map_err(|reason| format!("{kind}: {reason}"))
    }
}

impl Node {
    fn name(&self) -> &'static str {
        match self {
            Node::Number(_) => "a number",
            Node::Position { .. } => "a position",
            Node::List(_) => "a list",
            Node::Other(what) => what,
        }
    }

    fn xy(&self, notes: &mut Notes) -> Result<Coord<f64>, String> {
        match self {
            Node::Position { xy, more } => {
                notes.flattened |= more;
                Ok(*xy)
            }
            other => Err(format!("{} where a position should be", other.name())),
        }
    }

    fn each<T>(&self, mut make: impl FnMut(&Node) -> Result<T, String>) -> Result<Vec<T>, String> {
        match self {
            Node::List(nodes) => nodes.iter().map(&mut make).collect(),
            other => Err(format!(
                "{} where a list of positions should be",
                other.name()
            )),
        }
    }

    fn path(&self, notes: &mut Notes) -> Result<Vec<Coord<f64>>, String> {
        self.each(|node| node.xy(notes))
    }

    fn polygon(&self, notes: &mut Notes) -> Result<Polygon<f64>, String> {
        let rings = self.each(|node| {
            let path = node.path(notes)?;
            Ok(notes.ring(path))
        })?;
        let mut rings = rings.into_iter();
        let exterior = rings.next().unwrap_or_else(|| LineString(Vec::new()));
        Ok(Polygon::new(exterior, rings.collect()))
    }
}
