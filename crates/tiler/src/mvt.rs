//! Mapbox Vector Tile 2.1, written straight to protobuf bytes.
//!
//! A [`Layer`] collects features whose geometry is already in tile units, and
//! writes those that are asked for. It leaves it to others that the geometry is
//! valid, and which features deserve their place.
//!
//! # Format
//!
//! A tile is a list of layers (field 3). A layer has a version (15), a name (1),
//! features (2), keys (3), values (4) and an extent (5). A feature has an id (1),
//! tags (2: pairs of places in keys and values), a type (3) and a geometry (4):
//! commands with relative coordinates, zigzag-coded, that each start where the
//! last one ended.
//!
//! Source: <https://github.com/mapbox/vector-tile-spec/tree/master/2.1>.

use std::fmt::Write as _;

use model::Value;
use xxhash_rust::xxh3::xxh3_64;

/// A place in tile units: x to the east, y to the *south*, from the tile's north-west corner.
pub(crate) type Point = [i32; 2];

/// What a feature of a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum GeometryType {
    Point = 1,
    Line = 2,
    Polygon = 3,
}

/// Writes the geometry of one feature.
pub(crate) struct GeometryWriter<'a> {
    out: &'a mut Vec<u8>,
    cursor: Point,
}

const MOVE_TO: u64 = 1;
const LINE_TO: u64 = 2;
const CLOSE_PATH: u64 = 7;

impl<'a> GeometryWriter<'a> {
    /// Starts a geometry at the end of `out`.
    pub(crate) fn new(out: &'a mut Vec<u8>) -> GeometryWriter<'a> {
        GeometryWriter {
            out,
            cursor: [0, 0],
        }
    }

    /// Writes all points of a feature; there can be no second call.
    pub(crate) fn points(&mut self, points: &[Point]) {
        self.command(MOVE_TO, points.len());
        for &point in points {
            self.step(point);
        }
    }

    /// Writes a line of at least two points, each unlike the one before it.
    pub(crate) fn line(&mut self, line: &[Point]) {
        debug_assert!(line.len() >= 2);
        self.command(MOVE_TO, 1);
        self.step(line[0]);
        self.command(LINE_TO, line.len() - 1);
        for &point in &line[1..] {
            self.step(point);
        }
    }

    /// Writes a ring of at least three points, the first not repeated at the end.
    pub(crate) fn ring(&mut self, ring: &[Point]) {
        debug_assert!(ring.len() >= 3);
        self.line(ring);
        // ClosePath does not move the cursor.
        self.command(CLOSE_PATH, 1);
    }

    fn command(&mut self, id: u64, count: usize) {
        put_varint(self.out, id | (count as u64) << 3);
    }

    fn step(&mut self, to: Point) {
        for (to, from) in to.iter().zip(self.cursor) {
            put_varint(self.out, zigzag(i64::from(to - from)));
        }
        self.cursor = to;
    }
}

/// A feature in a [`Layer`]; ranges are into the layer's arenas.
#[derive(Debug, Clone)]
struct Record {
    id: u64,
    kind: GeometryType,
    importance: f64,
    geometry_end: usize,
    tags_end: usize,
}

/// The features of one layer, ready to be written in part or as a whole.
#[derive(Debug)]
pub(crate) struct Layer {
    name: String,
    extent: u32,
    keys: Vec<String>,
    values: Dictionary,
    records: Vec<Record>,
    geometry: Vec<u8>,
    tags: Vec<[u32; 2]>,
}

impl Layer {
    /// Returns a layer without features. `keys` are all keys that features may have.
    pub(crate) fn new(name: &str, extent: u32, keys: Vec<String>) -> Layer {
        Layer {
            name: name.to_owned(),
            extent,
            keys,
            values: Dictionary::default(),
            records: Vec::new(),
            geometry: Vec::new(),
            tags: Vec::new(),
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Number of features.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Number of features of at least this importance.
    pub(crate) fn count_over(&self, floor: f64) -> usize {
        self.records
            .iter()
            .filter(|r| r.importance >= floor)
            .count()
    }

    /// The largest importance of a feature; 0 without features.
    pub(crate) fn max_importance(&self) -> f64 {
        self.records
            .iter()
            .map(|r| r.importance)
            .fold(0.0, f64::max)
    }

    /// Adds a feature with its geometry, as commands.
    ///
    /// `values` pairs a place in the layer's keys with a value. A null has no
    /// place in a tile and is left out.
    pub(crate) fn push<'v>(
        &mut self,
        id: u64,
        kind: GeometryType,
        importance: f64,
        geometry: &[u8],
        values: impl Iterator<Item = (u32, &'v Value)>,
    ) {
        self.geometry.extend_from_slice(geometry);
        for (key, value) in values {
            if let Some(place) = self.values.place_of(value) {
                self.tags.push([key, place]);
            }
        }
        self.records.push(Record {
            id,
            kind,
            importance,
            geometry_end: self.geometry.len(),
            tags_end: self.tags.len(),
        });
    }

    /// Removes features below this importance.
    pub(crate) fn shed(&mut self, floor: f64) {
        let (mut geometry, mut tags, mut records) = (Vec::new(), Vec::new(), Vec::new());
        for (record, geometry_part, tags_part) in self.features() {
            if record.importance >= floor {
                geometry.extend_from_slice(geometry_part);
                tags.extend_from_slice(tags_part);
                records.push(Record {
                    geometry_end: geometry.len(),
                    tags_end: tags.len(),
                    ..record.clone()
                });
            }
        }
        (self.geometry, self.tags, self.records) = (geometry, tags, records);
    }

    /// Appends the layer to a tile, with the features of at least this importance
    /// and, of their attributes, those whose key is kept; nothing if no feature is left.
    ///
    /// Features come in the order of their ids, so that where they lie in the store, which
    /// hangs on all others, does not change a tile.
    pub(crate) fn write(&self, floor: f64, keep_key: &dyn Fn(&str) -> bool, tile: &mut Vec<u8>) {
        const UNUSED: u32 = u32::MAX;
        let kept: Vec<bool> = self.keys.iter().map(|key| keep_key(key)).collect();
        // Places in the written dictionaries, given in the order of first use.
        let mut key_places = vec![UNUSED; self.keys.len()];
        let mut value_places = vec![UNUSED; self.values.len()];
        let (mut used_keys, mut used_values) = (Vec::new(), Vec::new());

        let mut body = Vec::with_capacity(self.geometry.len() + self.tags.len() * 2 + 1024);
        put_uint_field(&mut body, 15, 2);
        put_bytes_field(&mut body, 1, self.name.as_bytes());
        let empty_len = body.len();
        let mut tag_bytes = Vec::new();
        let mut features: Vec<_> = self.features().collect();
        features.retain(|(record, ..)| record.importance >= floor);
        features.sort_by_key(|(record, ..)| (record.id, record.kind));
        for (record, geometry, tags) in features {
            tag_bytes.clear();
            for &[key, value] in tags {
                let (key, value) = (key as usize, value as usize);
                if !kept[key] {
                    continue;
                }
                if key_places[key] == UNUSED {
                    key_places[key] = used_keys.len() as u32;
                    used_keys.push(key);
                }
                if value_places[value] == UNUSED {
                    value_places[value] = used_values.len() as u32;
                    used_values.push(value);
                }
                put_varint(&mut tag_bytes, u64::from(key_places[key]));
                put_varint(&mut tag_bytes, u64::from(value_places[value]));
            }
            let len_of = |bytes: &[u8]| 1 + varint_len(bytes.len() as u64) + bytes.len();
            let mut len = 1 + varint_len(record.id) + 2 + len_of(geometry);
            if !tag_bytes.is_empty() {
                len += len_of(&tag_bytes);
            }
            put_varint(&mut body, 2 << 3 | 2);
            put_varint(&mut body, len as u64);
            put_uint_field(&mut body, 1, record.id);
            if !tag_bytes.is_empty() {
                put_bytes_field(&mut body, 2, &tag_bytes);
            }
            put_uint_field(&mut body, 3, record.kind as u64);
            put_bytes_field(&mut body, 4, geometry);
        }
        if body.len() == empty_len {
            return;
        }
        for key in used_keys {
            put_bytes_field(&mut body, 3, self.keys[key].as_bytes());
        }
        for value in used_values {
            put_bytes_field(&mut body, 4, self.values.get(value));
        }
        put_uint_field(&mut body, 5, u64::from(self.extent));
        put_bytes_field(tile, 3, &body);
    }

    fn features(&self) -> impl Iterator<Item = (&Record, &[u8], &[[u32; 2]])> {
        let (mut geometry_start, mut tags_start) = (0, 0);
        self.records.iter().map(move |record| {
            let geometry = &self.geometry[geometry_start..record.geometry_end];
            let tags = &self.tags[tags_start..record.tags_end];
            (geometry_start, tags_start) = (record.geometry_end, record.tags_end);
            (record, geometry, tags)
        })
    }
}

/// Values as they are written in a tile, each once, in the order of first use.
#[derive(Debug, Default)]
struct Dictionary {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    hashes: Vec<u64>,
    /// Places plus one, by hash with linear probing; zero is free. Its length is a power of two.
    slots: Vec<u32>,
    text: String,
}

impl Dictionary {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, place: usize) -> &[u8] {
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        &self.bytes[start..self.ends[place]]
    }

    /// Returns the place of a value, which is added if it is new; none for null.
    fn place_of(&mut self, value: &Value) -> Option<u32> {
        let start = self.bytes.len();
        match value {
            Value::Null => return None,
            Value::Boolean(b) => put_uint_field(&mut self.bytes, 7, u64::from(*b)),
            Value::Integer(n) => match u64::try_from(*n) {
                Ok(n) => put_uint_field(&mut self.bytes, 5, n),
                Err(_) => put_uint_field(&mut self.bytes, 6, zigzag(*n)),
            },
            Value::Number(n) if !n.is_finite() => return None,
            Value::Number(n) => {
                // A number that a float holds exactly takes half the room as one.
                let float = *n as f32;
                if f64::from(float) == *n {
                    put_varint(&mut self.bytes, 2 << 3 | 5);
                    self.bytes.extend_from_slice(&float.to_le_bytes());
                } else {
                    put_varint(&mut self.bytes, 3 << 3 | 1);
                    self.bytes.extend_from_slice(&n.to_le_bytes());
                }
            }
            Value::Text(text) | Value::Json(text) => {
                put_bytes_field(&mut self.bytes, 1, text.as_bytes());
            }
            Value::Date(date) => self.put_display(date),
            Value::Instant(instant) => self.put_display(instant),
        }
        let hash = xxh3_64(&self.bytes[start..]);
        if (self.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != 0 {
            let place = self.slots[slot] - 1;
            if self.hashes[place as usize] == hash
                && self.get(place as usize) == &self.bytes[start..]
            {
                self.bytes.truncate(start);
                return Some(place);
            }
            slot = (slot + 1) & mask;
        }
        let place = self.len() as u32;
        self.slots[slot] = place + 1;
        self.hashes.push(hash);
        self.ends.push(self.bytes.len());
        Some(place)
    }

    fn put_display(&mut self, what: &dyn std::fmt::Display) {
        self.text.clear();
        write!(self.text, "{what}").expect("writing to a string cannot fail");
        put_bytes_field(&mut self.bytes, 1, self.text.as_bytes());
    }

    fn grow(&mut self) {
        let len = (self.slots.len() * 2).max(64);
        self.slots = vec![0; len];
        for (place, hash) in self.hashes.iter().enumerate() {
            let mut slot = *hash as usize & (len - 1);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (len - 1);
            }
            self.slots[slot] = place as u32 + 1;
        }
    }
}

fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn varint_len(n: u64) -> usize {
    (64 - (n | 1).leading_zeros() as usize).div_ceil(7)
}

fn put_uint_field(out: &mut Vec<u8>, field: u64, n: u64) {
    put_varint(out, field << 3);
    put_varint(out, n);
}

fn put_bytes_field(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_varint(out, field << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The polygon of the specification's example (section 4.3.5.5).
    #[test]
    fn commands_are_those_of_the_specification() {
        let mut out = Vec::new();
        GeometryWriter::new(&mut out).ring(&[[3, 6], [8, 12], [20, 34]]);
        assert_eq!(out, [9, 6, 12, 18, 10, 12, 24, 44, 15]);

        // Section 4.3.5.6: two polygons, the second with a hole. The cursor stays
        // where the last LineTo left it.
        let mut out = Vec::new();
        let mut writer = GeometryWriter::new(&mut out);
        writer.ring(&[[0, 0], [10, 0], [10, 10], [0, 10]]);
        writer.ring(&[[11, 11], [20, 11], [20, 20], [11, 20]]);
        writer.ring(&[[13, 13], [13, 17], [17, 17], [17, 13]]);
        let expected = [
            9, 0, 0, 26, 20, 0, 0, 20, 19, 0, 15, 9, 22, 2, 26, 18, 0, 0, 18, 17, 0, 15, 9, 4, 13,
            26, 0, 8, 8, 0, 0, 7, 15,
        ];
        assert_eq!(out, expected);

        let mut out = Vec::new();
        GeometryWriter::new(&mut out).points(&[[5, 7], [3, 2]]);
        assert_eq!(out, [17, 10, 14, 3, 9]);
    }

    #[test]
    fn equal_values_share_a_place_and_unequal_ones_do_not() {
        let mut values = Dictionary::default();
        let places: Vec<_> = [
            Value::Integer(1),
            Value::Number(1.0),
            Value::Boolean(true),
            Value::Text("1".into()),
            Value::Null,
            Value::Integer(1),
            Value::Text("1".into()),
            Value::Integer(-1),
        ]
        .iter()
        .map(|v| values.place_of(v))
        .collect();
        assert_eq!(
            places,
            [
                Some(0),
                Some(1),
                Some(2),
                Some(3),
                None,
                Some(0),
                Some(3),
                Some(4)
            ]
        );
        for n in 0..1000 {
            values.place_of(&Value::Integer(n));
        }
        assert_eq!(values.place_of(&Value::Text("1".into())), Some(3));
        assert_eq!(values.len(), 1004);
    }

    #[test]
    fn a_varint_is_as_long_as_announced() {
        for shift in 0..64 {
            for n in [1_u64 << shift, (1 << shift) - 1] {
                let mut out = Vec::new();
                put_varint(&mut out, n);
                assert_eq!(out.len(), varint_len(n), "{n}");
            }
        }
    }
}
