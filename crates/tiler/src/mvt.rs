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
use std::ops::Range;

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

/// Reads geometry that [`GeometryWriter`] wrote, path after path: each line or ring is put
/// into `path`, a ring without its first point repeated, and `see` is told of it.
pub(crate) fn read_paths(
    geometry: &[u8],
    path: &mut Vec<Point>,
    mut see: impl FnMut(&mut Vec<Point>),
) {
    let mut rest = geometry;
    let mut cursor = [0_i32; 2];
    path.clear();
    while !rest.is_empty() {
        let command = take_varint(&mut rest);
        if command & 7 == CLOSE_PATH {
            continue;
        }
        if command & 7 == MOVE_TO && !path.is_empty() {
            see(path);
            path.clear();
        }
        for _ in 0..command >> 3 {
            for along in &mut cursor {
                *along += unzigzag(take_varint(&mut rest)) as i32;
            }
            path.push(cursor);
        }
    }
    if !path.is_empty() {
        see(path);
    }
}

/// A feature in a [`Layer`]; ranges are into the layer's arenas.
#[derive(Debug, Clone)]
struct Record {
    id: u64,
    kind: GeometryType,
    importance: f32,
    geometry: Range<usize>,
    tags: Range<usize>,
}

impl Record {
    /// Fewest bytes that it takes in a tile, whatever attributes are left out.
    fn least_len(&self) -> usize {
        let len = 1 + varint_len(self.id) + 2 + len_of_bytes(self.geometry.len());
        len_of_bytes(len)
    }
}

/// Fewest bytes that a feature takes in a tile, beside its geometry: its own tag and length,
/// an id, a type, and the tag and length of its geometry.
pub(crate) const LEAST_BESIDE_GEOMETRY: usize = 8;

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

    /// Of each feature its importance, and the fewest bytes that it can take.
    pub(crate) fn weights(&self) -> impl Iterator<Item = (f32, usize)> + Clone + '_ {
        let records = self.records.iter();
        records.map(|record| (record.importance, record.least_len()))
    }

    /// Adds a feature with its geometry, as commands.
    ///
    /// `values` pairs a place in the layer's keys with a value. A null has no
    /// place in a tile and is left out.
    pub(crate) fn push<'v>(
        &mut self,
        id: u64,
        kind: GeometryType,
        importance: f32,
        geometry: &[u8],
        values: impl Iterator<Item = (u32, &'v Value)>,
    ) {
        let (geometry_start, tags_start) = (self.geometry.len(), self.tags.len());
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
            geometry: geometry_start..self.geometry.len(),
            tags: tags_start..self.tags.len(),
        });
    }

    /// Removes the features whose importance is not kept.
    pub(crate) fn retain(&mut self, keeps: impl Fn(f32) -> bool) {
        let (mut geometry, mut tags) = (Vec::new(), Vec::new());
        self.records.retain_mut(|record| {
            if !keeps(record.importance) {
                return false;
            }
            let start = geometry.len();
            geometry.extend_from_slice(&self.geometry[record.geometry.clone()]);
            record.geometry = start..geometry.len();
            let start = tags.len();
            tags.extend_from_slice(&self.tags[record.tags.clone()]);
            record.tags = start..tags.len();
            true
        });
        (self.geometry, self.tags) = (geometry, tags);
    }

    /// Puts another geometry in the place of each that `reshape` writes one for. Returns
    /// whether it did for any.
    pub(crate) fn reshape(
        &mut self,
        mut reshape: impl FnMut(GeometryType, &[u8], &mut Vec<u8>) -> bool,
    ) -> bool {
        let mut geometry = Vec::with_capacity(self.geometry.len());
        let mut is_reshaped = false;
        for record in &mut self.records {
            let start = geometry.len();
            let before = &self.geometry[record.geometry.clone()];
            if reshape(record.kind, before, &mut geometry) {
                is_reshaped = true;
            } else {
                geometry.extend_from_slice(before);
            }
            record.geometry = start..geometry.len();
        }
        self.geometry = geometry;
        is_reshaped
    }

    /// Brings features into the order of their ids, so that where they lie in the store, which
    /// hangs on all others, does not change a tile.
    pub(crate) fn sort(&mut self) {
        self.records.sort_by_key(|record| (record.id, record.kind));
    }

    /// Appends the layer to a tile, with the features of at least this importance
    /// and, of their attributes, those whose key is kept; nothing if no feature is left.
    pub(crate) fn write(&self, floor: f32, keep_key: &dyn Fn(&str) -> bool, tile: &mut Vec<u8>) {
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
        let kept_records = self.records.iter();
        for record in kept_records.filter(|record| record.importance >= floor) {
            let geometry = &self.geometry[record.geometry.clone()];
            tag_bytes.clear();
            for &[key, value] in &self.tags[record.tags.clone()] {
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
            let mut len = 1 + varint_len(record.id) + 2 + len_of_bytes(geometry.len());
            if !tag_bytes.is_empty() {
                len += len_of_bytes(tag_bytes.len());
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

/// Bytes of a field that is bytes itself, so many.
fn len_of_bytes(len: usize) -> usize {
    1 + varint_len(len as u64) + len
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

fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

/// Reads a number that [`put_varint`] wrote.
fn take_varint(rest: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    while let Some((&byte, after)) = rest.split_first() {
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            break;
        }
    }
    number
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
    fn geometry_is_read_as_it_was_written() {
        let paths: [&[Point]; 3] = [
            &[[0, 0], [4096, -64], [-70, 4160]],
            &[[7, 7], [8, 9]],
            &[[-1, -1], [-2, -5], [3, 3], [1, 0]],
        ];
        for is_ring in [false, true] {
            let mut out = Vec::new();
            let mut writer = GeometryWriter::new(&mut out);
            for path in paths {
                if is_ring && path.len() > 2 {
                    writer.ring(path);
                } else {
                    writer.line(path);
                }
            }
            let mut read = Vec::new();
            read_paths(&out, &mut Vec::new(), |path| read.push(path.clone()));
            assert_eq!(read, paths);
        }
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
