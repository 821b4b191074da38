//! Well-known binary geometries: ISO and extended WKB, the GeoPackage blob
//! around them (GeoPackage 1.3, clause 2.1.3) and the SpatiaLite blob.
//!
//! Counts in these bytes are claims: nothing is allocated before the bytes that
//! it stands for are known to be there.

use geo_types::{
    Coord, Geometry, GeometryCollection, LineString, MultiLineString, MultiPoint, MultiPolygon,
    Point, Polygon,
};

use super::raw::{Notes, RawGeometry};

/// Collections inside collections; simple features have no use for more.
const MAX_DEPTH: usize = 32;

/// Reads WKB, ISO or extended.
pub(crate) fn read_wkb(bytes: &[u8]) -> RawGeometry {
    to_raw(Reader::new(bytes, Flavour::Plain).read())
}

/// Reads the geometry blob of a GeoPackage.
pub(crate) fn read_gpkg_geometry(blob: &[u8]) -> RawGeometry {
    to_raw(gpkg(blob))
}

/// Reads the geometry blob of a SpatiaLite database.
pub(crate) fn read_spatialite_geometry(blob: &[u8]) -> RawGeometry {
    to_raw(spatialite(blob))
}

fn to_raw(read: Result<(Geometry<f64>, Notes), String>) -> RawGeometry {
    match read {
        Ok((geometry, notes)) => RawGeometry::Some { geometry, notes },
        Err(reason) if reason.starts_with("curve") => {
            RawGeometry::unusable("curved_geometry", reason)
        }
        Err(reason) => RawGeometry::unusable("bad_geometry", reason),
    }
}

fn gpkg(blob: &[u8]) -> Result<(Geometry<f64>, Notes), String> {
    let [b'G', b'P', _version, flags, _, _, _, _, rest @ ..] = blob else {
        return Err("no GeoPackage geometry: it does not start with GP".to_owned());
    };
    if flags & 0b0010_0000 != 0 {
        return Err("an extended GeoPackage geometry of unknown type".to_owned());
    }
    let envelope_doubles = match (flags >> 1) & 0b111 {
        0 => 0,
        1 => 4,
        2 | 3 => 6,
        4 => 8,
        other => return Err(format!("envelope code {other}, which is not defined")),
    };
    let wkb = rest
        .get(envelope_doubles * 8..)
        .ok_or("ends within its envelope")?;
    Reader::new(wkb, Flavour::Plain).read()
}

fn spatialite(blob: &[u8]) -> Result<(Geometry<f64>, Notes), String> {
    let (little, body) = match blob {
        [0x00, order @ (0x00 | 0x01), rest @ ..] if rest.len() > 37 && rest[36] == 0x7c => {
            (*order == 0x01, &rest[37..])
        }
        // A "tiny point" has no box (SpatiaLite 4.4).
        [0x00, order @ (0x80 | 0x81), rest @ ..] if rest.len() >= 21 => {
            return tiny_point(*order == 0x81, rest);
        }
        _ => return Err("no SpatiaLite geometry: its frame is broken".to_owned()),
    };
    let [body @ .., 0xfe] = body else {
        return Err("no SpatiaLite geometry: its end mark is missing".to_owned());
    };
    let mut reader = Reader::new(body, Flavour::SpatiaLite);
    reader.little = little;
    let code = reader.u32()?;
    let geometry = reader.body(code, 0)?;
    Ok((geometry, reader.notes))
}

fn tiny_point(little: bool, rest: &[u8]) -> Result<(Geometry<f64>, Notes), String> {
    let mut reader = Reader::new(&rest[4..], Flavour::SpatiaLite);
    reader.little = little;
    let [kind] = reader.take()?;
    reader.notes.flattened = kind != 1;
    let xy = Coord {
        x: reader.f64()?,
        y: reader.f64()?,
    };
    Ok((Geometry::Point(Point(xy)), reader.notes))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flavour {
    /// Every member starts with its byte order.
    Plain,
    /// Every member starts with 0x69, in the byte order of the whole.
    SpatiaLite,
}

/// Which numbers a position has beside x and y.
#[derive(Clone, Copy)]
struct Dimensions {
    z: bool,
    m: bool,
    /// Inner vertices as differences of four bytes; measures never are.
    compressed: bool,
}

impl Dimensions {
    fn extra(self) -> usize {
        usize::from(self.z) + usize::from(self.m)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    flavour: Flavour,
    little: bool,
    notes: Notes,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], flavour: Flavour) -> Reader<'a> {
        Reader {
            bytes,
            flavour,
            little: true,
            notes: Notes::default(),
        }
    }

    fn read(mut self) -> Result<(Geometry<f64>, Notes), String> {
        let geometry = self.geometry(0)?;
        Ok((geometry, self.notes))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (head, rest) = self
            .bytes
            .split_first_chunk::<N>()
            .ok_or("ends in the middle of the geometry")?;
        self.bytes = rest;
        Ok(*head)
    }

    fn u32(&mut self) -> Result<u32, String> {
        let bytes = self.take()?;
        Ok(if self.little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    }

    fn f32(&mut self) -> Result<f32, String> {
        Ok(f32::from_bits(self.u32()?))
    }

    fn f64(&mut self) -> Result<f64, String> {
        let bytes = self.take()?;
        Ok(if self.little {
            f64::from_le_bytes(bytes)
        } else {
            f64::from_be_bytes(bytes)
        })
    }

    /// Reads a count, and checks that so many things of `least_bytes` can follow.
    fn count(&mut self, least_bytes: usize) -> Result<usize, String> {
        let count = self.u32()? as usize;
        if count > self.bytes.len() / least_bytes {
            return Err(format!(
                "claims {count} members, for which {} bytes cannot be enough",
                self.bytes.len()
            ));
        }
        Ok(count)
    }

    fn geometry(&mut self, depth: usize) -> Result<Geometry<f64>, String> {
        let [mark] = self.take()?;
        match (self.flavour, mark) {
            (Flavour::Plain, 0 | 1) => self.little = mark == 1,
            (Flavour::SpatiaLite, 0x69) => {}
            _ => return Err(format!("byte {mark:#04x} where a geometry should start")),
        }
        let code = self.u32()?;
        self.body(code, depth)
    }

    fn body(&mut self, code: u32, depth: usize) -> Result<Geometry<f64>, String> {
        if depth > MAX_DEPTH {
            return Err(format!("collections nest deeper than {MAX_DEPTH}"));
        }
        let mut dimensions = Dimensions {
            z: code & 0x8000_0000 != 0,
            m: code & 0x4000_0000 != 0,
            compressed: false,
        };
        if code & 0x2000_0000 != 0 && self.flavour == Flavour::Plain {
            self.u32()?;
        }
        let mut code = code & 0x1fff_ffff;
        if self.flavour == Flavour::SpatiaLite && code > 1_000_000 {
            dimensions.compressed = true;
            code -= 1_000_000;
        }
        match code / 1000 {
            0 => {}
            1 => dimensions.z = true,
            2 => dimensions.m = true,
            3 => (dimensions.z, dimensions.m) = (true, true),
            _ => return Err(format!("geometry type {code}, which is not defined")),
        }
        self.notes.flattened |= dimensions.extra() > 0;
        match code % 1000 {
            1 => {
                let xy = self.position(dimensions)?;
                // WKB has no empty point: NaN stands for it.
                Ok(if xy.x.is_nan() && xy.y.is_nan() {
                    Geometry::MultiPoint(MultiPoint(Vec::new()))
                } else {
                    Geometry::Point(Point(xy))
                })
            }
            2 => Ok(Geometry::LineString(LineString(self.path(dimensions)?))),
            3 => Ok(Geometry::Polygon(self.polygon(dimensions)?)),
            4 => Ok(Geometry::MultiPoint(MultiPoint(self.members(
                depth,
                |g| match g {
                    Geometry::Point(point) => Some(Some(point)),
                    Geometry::MultiPoint(empty) if empty.0.is_empty() => Some(None),
                    _ => None,
                },
            )?))),
            5 => Ok(Geometry::MultiLineString(MultiLineString(self.members(
                depth,
                |g| match g {
                    Geometry::LineString(line) => Some(Some(line)),
                    _ => None,
                },
            )?))),
            6 => Ok(Geometry::MultiPolygon(MultiPolygon(self.members(
                depth,
                |g| match g {
                    Geometry::Polygon(polygon) => Some(Some(polygon)),
                    _ => None,
                },
            )?))),
            7 => Ok(Geometry::GeometryCollection(GeometryCollection(
                self.members(depth, |g| Some(Some(g)))?,
            ))),
            kind @ 8..=14 => Err(format!(
                "curve type {kind} is not read: export it as straight segments"
            )),
            kind => Err(format!("geometry type {kind}, which is not read")),
        }
    }

    fn members<T>(
        &mut self,
        depth: usize,
        accept: impl Fn(Geometry<f64>) -> Option<Option<T>>,
    ) -> Result<Vec<T>, String> {
        // A mark, a type and a count.
        let count = self.count(9)?;
        let mut members = Vec::new();
        for _ in 0..count {
            let member = self.geometry(depth + 1)?;
            members.extend(accept(member).ok_or("a member of another type than the whole")?);
        }
        Ok(members)
    }

    fn polygon(&mut self, dimensions: Dimensions) -> Result<Polygon<f64>, String> {
        let rings = self.count(4)?;
        let mut exterior = LineString(Vec::new());
        let mut interiors = Vec::new();
        for ring in 0..rings {
            let path = self.path(dimensions)?;
            let path = self.notes.ring(path);
            if ring == 0 {
                exterior = path;
            } else {
                interiors.push(path);
            }
        }
        Ok(Polygon::new(exterior, interiors))
    }

    fn path(&mut self, dimensions: Dimensions) -> Result<Vec<Coord<f64>>, String> {
        let least_bytes = if dimensions.compressed { 8 } else { 16 };
        let count = self.count(least_bytes)?;
        let mut path = Vec::with_capacity(count);
        for place in 0..count {
            let whole = !dimensions.compressed || place == 0 || place + 1 == count;
            let xy = match path.last() {
                Some(Coord { x, y }) if !whole => {
                    let (x, y) = (x + f64::from(self.f32()?), y + f64::from(self.f32()?));
                    if dimensions.z {
                        self.f32()?;
                    }
                    if dimensions.m {
                        self.f64()?;
                    }
                    Coord { x, y }
                }
                _ => self.position(dimensions)?,
            };
            path.push(xy);
        }
        Ok(path)
    }

    fn position(&mut self, dimensions: Dimensions) -> Result<Coord<f64>, String> {
        let xy = Coord {
            x: self.f64()?,
            y: self.f64()?,
        };
        for _ in 0..dimensions.extra() {
            self.f64()?;
        }
        Ok(xy)
    }
}
