//! A reader of MVT 2.1 written from the specification alone. It refuses whatever the
//! specification forbids.

use std::collections::BTreeMap;

use geo::Validation;
use geo_types::{Coord, LineString, MultiPolygon, Polygon};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Attribute {
    Text(String),
    Float(f32),
    Double(f64),
    Int(i64),
    Uint(u64),
    Sint(i64),
    Bool(bool),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Points(Vec<[i64; 2]>),
    Lines(Vec<Vec<[i64; 2]>>),
    /// Each polygon's exterior, then its holes; first points not repeated.
    Polygons(Vec<Vec<Vec<[i64; 2]>>>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Feature {
    pub(crate) id: u64,
    pub(crate) attributes: BTreeMap<String, Attribute>,
    pub(crate) shape: Shape,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    pub(crate) name: String,
    pub(crate) extent: u64,
    pub(crate) features: Vec<Feature>,
}

struct Message<'a>(&'a [u8]);

enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Field<'a> {
    fn bytes(self) -> &'a [u8] {
        match self {
            Field::Bytes(bytes) => bytes,
            _ => panic!("wire type"),
        }
    }

    fn varint(self) -> u64 {
        match self {
            Field::Varint(n) => n,
            _ => panic!("wire type"),
        }
    }
}

impl<'a> Message<'a> {
    fn varint(&mut self) -> u64 {
        let mut n = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().expect("a varint ends");
            self.0 = rest;
            n |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return n;
            }
        }
        panic!("a varint over 64 bits")
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }
}

impl<'a> Iterator for Message<'a> {
    type Item = (u64, Field<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let tag = self.varint();
        let field = match tag & 7 {
            0 => Field::Varint(self.varint()),
            1 => Field::Fixed64(u64::from_le_bytes(self.take(8).try_into().unwrap())),
            2 => {
                let len = self.varint() as usize;
                Field::Bytes(self.take(len))
            }
            5 => Field::Fixed32(u32::from_le_bytes(self.take(4).try_into().unwrap())),
            other => panic!("wire type {other}"),
        };
        Some((tag >> 3, field))
    }
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Reads a tile and holds it to the specification.
pub(crate) fn tile(bytes: &[u8]) -> Vec<Layer> {
    let layers: Vec<Layer> = Message(bytes)
        .map(|(number, field)| {
            assert_eq!(number, 3);
            layer(field.bytes())
        })
        .collect();
    for (i, layer) in layers.iter().enumerate() {
        assert!(layers[..i].iter().all(|other| other.name != layer.name));
    }
    layers
}

fn layer(bytes: &[u8]) -> Layer {
    let (mut version, mut name, mut extent) = (None, None, 4096);
    let (mut keys, mut values, mut features) = (Vec::new(), Vec::new(), Vec::new());
    for (number, field) in Message(bytes) {
        match number {
            15 => version = Some(field.varint()),
            1 => name = Some(text(field.bytes())),
            2 => features.push(field.bytes()),
            3 => keys.push(text(field.bytes())),
            4 => values.push(attribute(field.bytes())),
            5 => extent = field.varint(),
            other => panic!("field {other} in a layer"),
        }
    }
    assert_eq!(version, Some(2));
    assert!(!features.is_empty(), "a layer without features");
    for (i, key) in keys.iter().enumerate() {
        assert!(!keys[..i].contains(key), "key {key} twice");
    }
    let features = features.into_iter().map(|f| feature(f, &keys, &values));
    Layer {
        name: name.unwrap(),
        extent,
        features: features.collect(),
    }
}

fn attribute(bytes: &[u8]) -> Attribute {
    let mut fields = Message(bytes);
    let attribute = match fields.next().unwrap() {
        (1, Field::Bytes(bytes)) => Attribute::Text(text(bytes)),
        (2, Field::Fixed32(bits)) => Attribute::Float(f32::from_bits(bits)),
        (3, Field::Fixed64(bits)) => Attribute::Double(f64::from_bits(bits)),
        (4, Field::Varint(n)) => Attribute::Int(n as i64),
        (5, Field::Varint(n)) => Attribute::Uint(n),
        (6, Field::Varint(n)) => Attribute::Sint(unzigzag(n)),
        (7, Field::Varint(n)) => Attribute::Bool(n == 1),
        (other, _) => panic!("value of kind {other}"),
    };
    assert!(fields.next().is_none(), "a value of two kinds");
    attribute
}

fn feature(bytes: &[u8], keys: &[String], values: &[Attribute]) -> Feature {
    let (mut id, mut kind, mut tags, mut geometry) = (None, 0, Vec::new(), Vec::new());
    let packed = |bytes| {
        let mut message = Message(bytes);
        let mut numbers = Vec::new();
        while !message.0.is_empty() {
            numbers.push(message.varint());
        }
        numbers
    };
    for (number, field) in Message(bytes) {
        match number {
            1 => id = Some(field.varint()),
            2 => tags = packed(field.bytes()),
            3 => kind = field.varint(),
            4 => geometry = packed(field.bytes()),
            other => panic!("field {other} in a feature"),
        }
    }
    assert!(tags.len().is_multiple_of(2));
    let mut attributes = BTreeMap::new();
    for pair in tags.chunks(2) {
        let key = keys[pair[0] as usize].clone();
        let before = attributes.insert(key, values[pair[1] as usize].clone());
        assert!(before.is_none());
    }
    Feature {
        id: id.unwrap(),
        attributes,
        shape: shape(kind, &geometry),
    }
}

fn shape(kind: u64, commands: &[u64]) -> Shape {
    let mut commands = commands.iter().copied();
    let mut cursor = [0, 0];
    let mut step = |commands: &mut dyn Iterator<Item = u64>| {
        let (dx, dy) = (commands.next().unwrap(), commands.next().unwrap());
        let by = [unzigzag(dx), unzigzag(dy)];
        cursor = [cursor[0] + by[0], cursor[1] + by[1]];
        (cursor, by)
    };
    if kind == 1 {
        let head = commands.next().unwrap();
        assert_eq!(head & 7, 1);
        assert!(head >> 3 > 0);
        let points = (0..head >> 3).map(|_| step(&mut commands).0).collect();
        assert!(commands.next().is_none());
        return Shape::Points(points);
    }
    let mut paths: Vec<Vec<[i64; 2]>> = Vec::new();
    while let Some(head) = commands.next() {
        assert_eq!(head, 1 | 1 << 3, "a path starts with one MoveTo");
        let mut path = vec![step(&mut commands).0];
        let head = commands.next().unwrap();
        assert_eq!(head & 7, 2, "then LineTo");
        for _ in 0..head >> 3 {
            let (at, by) = step(&mut commands);
            assert_ne!(by, [0, 0], "a LineTo that goes nowhere");
            path.push(at);
        }
        if kind == 3 {
            assert_eq!(commands.next(), Some(7 | 1 << 3), "then ClosePath");
            assert!(path.len() >= 3);
            assert_ne!(path.first(), path.last());
        } else {
            assert!(path.len() >= 2);
        }
        paths.push(path);
    }
    assert!(!paths.is_empty());
    if kind == 2 {
        return Shape::Lines(paths);
    }
    assert_eq!(kind, 3);
    let mut polygons: Vec<Vec<Vec<[i64; 2]>>> = Vec::new();
    for ring in paths {
        let area = twice_area(&ring);
        assert_ne!(area, 0, "a ring without area");
        if area > 0 {
            polygons.push(vec![ring]);
        } else {
            polygons
                .last_mut()
                .expect("an exterior comes first")
                .push(ring);
        }
    }
    Shape::Polygons(polygons)
}

/// Twice the area by the surveyor's formula, positive for exteriors since y points down.
pub(crate) fn twice_area(ring: &[[i64; 2]]) -> i64 {
    let next = ring.iter().cycle().skip(1);
    ring.iter()
        .zip(next)
        .map(|(a, b)| a[0] * b[1] - b[0] * a[1])
        .sum()
}

impl Feature {
    /// Its polygons, for `geo` to judge.
    pub(crate) fn polygons(&self) -> MultiPolygon<f64> {
        let Shape::Polygons(polygons) = &self.shape else {
            return MultiPolygon::new(Vec::new());
        };
        let line = |ring: &Vec<[i64; 2]>| -> LineString<f64> {
            let closed = ring.iter().chain(ring.first());
            closed
                .map(|p| Coord {
                    x: p[0] as f64,
                    y: p[1] as f64,
                })
                .collect()
        };
        let polygons = polygons
            .iter()
            .map(|rings| Polygon::new(line(&rings[0]), rings[1..].iter().map(line).collect()));
        polygons.collect()
    }

    /// Whether its polygons are valid, by `geo`.
    pub(crate) fn is_valid(&self) -> bool {
        self.polygons().is_valid()
    }

    /// All its points.
    pub(crate) fn points(&self) -> Vec<[i64; 2]> {
        match &self.shape {
            Shape::Points(points) => points.clone(),
            Shape::Lines(lines) => lines.concat(),
            Shape::Polygons(polygons) => polygons.concat().concat(),
        }
    }
}
