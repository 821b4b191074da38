//! FlatGeobuf (version 3): a header, an index that is not needed here, and
//! features, each a FlatBuffer after its length.
//!
//! The FlatBuffers are verified by the `flatgeobuf` crate before use. Lengths and
//! the ends of rings and parts are claims, checked here: the crate would allocate
//! by the former and panic on the latter.

use std::io::Read;

use flatgeobuf::{
    Column, ColumnType, GeometryType, Header, size_prefixed_root_as_feature,
    size_prefixed_root_as_header,
};
use geo_types::{
    Coord, Geometry, GeometryCollection, LineString, MultiLineString, MultiPoint, MultiPolygon,
    Point, Polygon,
};
use model::{ColumnKind, Value};

use crate::report::Outcome;

use super::dates;
use super::raw::{FileCrs, Notes, RawColumn, RawFeature, RawGeometry, RawLayer, Refusal, Texts};

/// Largest header: two thousand columns with long descriptions, and the limit of
/// the `flatgeobuf` crate.
const MAX_HEADER_BYTES: u32 = 10 << 20;

/// Largest feature: a coastline of ten million points.
const MAX_FEATURE_BYTES: u32 = 256 << 20;

/// Collections inside collections; simple features have no use for more.
const MAX_DEPTH: usize = 16;

/// Bytes of one node of the index: a box and an offset.
const NODE_BYTES: u64 = 40;

/// Reads FlatGeobuf.
pub(crate) fn read_flatgeobuf(mut bytes: impl Read) -> Result<RawLayer, Refusal> {
    let mut magic = [0; 8];
    read_all(&mut bytes, &mut magic, "its first eight bytes")?;
    if !magic.starts_with(b"fgb") || magic[4..7] != *b"fgb" {
        return Err(Refusal::new("starts like FlatGeobuf but is none"));
    }
    if magic[3] != flatgeobuf::VERSION {
        return Err(Refusal::new(format!(
            "is FlatGeobuf of version {}, only version {} is read: write it again with a newer program",
            magic[3],
            flatgeobuf::VERSION
        )));
    }
    let mut buffer = Vec::new();
    if !read_prefixed(&mut bytes, &mut buffer, MAX_HEADER_BYTES, "its header")? {
        return Err(Refusal::new(
            "has no header: it is truncated, fetch it again",
        ));
    }
    let header_bytes = std::mem::take(&mut buffer);
    let header = size_prefixed_root_as_header(&header_bytes)
        .map_err(|error| damaged("its header", &error.to_string()))?;
    let mut layer = RawLayer {
        crs: crs(&header),
        ..RawLayer::default()
    };
    let columns: Vec<Column<'_>> = header.columns().iter().flatten().collect();
    for column in &columns {
        layer.push_column(RawColumn {
            name: column.name().to_owned(),
            declared: kind_of(column.type_()),
            texts: Texts::Only,
        })?;
    }
    skip_index(&mut bytes, &header)?;

    let claimed = header.features_count();
    let mut number = 0_u64;
    loop {
        let what = format!("feature {}", number + 1);
        if !read_prefixed(&mut bytes, &mut buffer, MAX_FEATURE_BYTES, &what)? {
            break;
        }
        number += 1;
        let feature = size_prefixed_root_as_feature(&buffer)
            .map_err(|error| damaged(&what, &error.to_string()))?;
        let own: Option<Vec<Column<'_>>> = feature.columns().map(|c| c.iter().collect());
        if own.is_some() {
            return Err(Refusal::new(format!(
                "{what} has columns of its own, which is not read: write it again with one schema"
            )));
        }
        let properties = feature.properties().map(|p| p.bytes()).unwrap_or_default();
        let values = match values(properties, &columns) {
            Ok(values) => values,
            Err(reason) => return Err(damaged(&what, &reason)),
        };
        let geometry = match feature.geometry() {
            None => RawGeometry::None,
            Some(geometry) => {
                let mut notes = Notes::default();
                match to_geometry(&geometry, header.geometry_type(), &mut notes, 0) {
                    Ok(geometry) => RawGeometry::Some { geometry, notes },
                    Err((code, reason)) => RawGeometry::unusable(code, reason),
                }
            }
        };
        layer.push(RawFeature {
            number,
            key: None,
            geometry,
            values,
        })?;
    }
    if claimed > number {
        return Err(Refusal::new(format!(
            "breaks off after {number} of {claimed} features: it is truncated, fetch it again"
        )));
    }
    for column in columns.iter().filter(|c| c.type_() == ColumnType::Binary) {
        layer.report.count("binary_column", Outcome::LeftOut, || {
            format!("column {:?}: binary values are not read", column.name())
        });
    }
    Ok(layer)
}

fn damaged(what: &str, reason: &str) -> Refusal {
    let reason = reason.split('\n').next().unwrap_or_default();
    Refusal::new(format!(
        "is damaged in {what} ({reason}): fetch or write it again"
    ))
}

fn read_all(bytes: &mut impl Read, into: &mut [u8], what: &str) -> Result<(), Refusal> {
    bytes.read_exact(into).map_err(|error| {
        Refusal::new(format!(
            "breaks off in {what} ({error}): it is truncated, fetch it again"
        ))
    })
}

/// Reads a FlatBuffer with its length before it; false at the end of the file.
///
/// Memory grows with the bytes that come, not with the length that is claimed.
fn read_prefixed(
    bytes: &mut impl Read,
    buffer: &mut Vec<u8>,
    most: u32,
    what: &str,
) -> Result<bool, Refusal> {
    let cannot = |error: std::io::Error| Refusal::new(format!("cannot be read: {error}"));
    buffer.clear();
    bytes.by_ref().take(4).read_to_end(buffer).map_err(cannot)?;
    if buffer.is_empty() {
        return Ok(false);
    }
    let prefix: [u8; 4] = buffer.as_slice().try_into().map_err(|_| {
        Refusal::new(format!(
            "breaks off at the start of {what}: it is truncated, fetch it again"
        ))
    })?;
    let len = u32::from_le_bytes(prefix);
    // Eight bytes are the least that a FlatBuffer of a table can have.
    if !(8..=most).contains(&len) {
        return Err(damaged(
            what,
            &format!("it claims a length of {len} bytes, 8 to {most} are possible"),
        ));
    }
    let read = bytes
        .by_ref()
        .take(u64::from(len))
        .read_to_end(buffer)
        .map_err(cannot)?;
    if read < len as usize {
        return Err(Refusal::new(format!(
            "breaks off in {what}: it is truncated, fetch it again"
        )));
    }
    Ok(true)
}

fn crs(header: &Header<'_>) -> FileCrs {
    let Some(crs) = header.crs() else {
        return FileCrs::Unstated;
    };
    let organization = crs.org().filter(|o| !o.is_empty()).unwrap_or("EPSG");
    if let Some(code) = crs.code_string().filter(|c| !c.is_empty()) {
        return FileCrs::Code(if code.contains(':') {
            code.to_owned()
        } else {
            format!("{organization}:{code}")
        });
    }
    if crs.code() > 0 {
        return FileCrs::Code(format!("{organization}:{}", crs.code()));
    }
    match crs.wkt().filter(|w| !w.is_empty()) {
        Some(wkt) => FileCrs::Definition(wkt.to_owned()),
        None => FileCrs::Unstated,
    }
}

/// Reads over the index, whose size follows from the number of features.
fn skip_index(bytes: &mut impl Read, header: &Header<'_>) -> Result<(), Refusal> {
    let node_size = u64::from(header.index_node_size());
    let count = header.features_count();
    if node_size == 0 || count == 0 {
        return Ok(());
    }
    if node_size == 1 {
        return Err(damaged("its header", "an index with one child per node"));
    }
    let too_many = || damaged("its header", "a count of features that no file can hold");
    let mut level = count;
    let mut nodes = count;
    while level > 1 {
        level = level.div_ceil(node_size);
        nodes = nodes.checked_add(level).ok_or_else(too_many)?;
    }
    if count == 1 {
        nodes += 1;
    }
    let size = nodes.checked_mul(NODE_BYTES).ok_or_else(too_many)?;
    let skipped = std::io::copy(&mut bytes.by_ref().take(size), &mut std::io::sink())
        .map_err(|error| Refusal::new(format!("cannot be read: {error}")))?;
    if skipped < size {
        return Err(Refusal::new(
            "breaks off in its index: it is truncated, fetch it again",
        ));
    }
    Ok(())
}

fn kind_of(column: ColumnType) -> Option<ColumnKind> {
    Some(match column {
        ColumnType::Bool => ColumnKind::Boolean,
        ColumnType::Byte
        | ColumnType::UByte
        | ColumnType::Short
        | ColumnType::UShort
        | ColumnType::Int
        | ColumnType::UInt
        | ColumnType::Long
        | ColumnType::ULong => ColumnKind::Integer,
        ColumnType::Float | ColumnType::Double => ColumnKind::Number,
        ColumnType::Json => ColumnKind::Json,
        ColumnType::DateTime => ColumnKind::Instant,
        _ => ColumnKind::Text,
    })
}

/// Reads the properties of a feature: pairs of a column number and a value.
fn values(mut bytes: &[u8], columns: &[Column<'_>]) -> Result<Vec<Value>, String> {
    let mut values = vec![Value::Null; columns.len()];
    // Some writers leave a byte at the end.
    while bytes.len() > 1 {
        let place = usize::from(u16::from_le_bytes(take(&mut bytes)?));
        let column = columns
            .get(place)
            .ok_or_else(|| format!("column {place} of {}", columns.len()))?;
        values[place] = value(&mut bytes, column.type_())?;
    }
    Ok(values)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], String> {
    let (head, rest) = bytes
        .split_first_chunk::<N>()
        .ok_or("properties that break off")?;
    *bytes = rest;
    Ok(*head)
}

fn value(bytes: &mut &[u8], column: ColumnType) -> Result<Value, String> {
    Ok(match column {
        ColumnType::Bool => Value::Boolean(take::<1>(bytes)?[0] != 0),
        ColumnType::Byte => Value::Integer(i8::from_le_bytes(take(bytes)?).into()),
        ColumnType::UByte => Value::Integer(u8::from_le_bytes(take(bytes)?).into()),
        ColumnType::Short => Value::Integer(i16::from_le_bytes(take(bytes)?).into()),
        ColumnType::UShort => Value::Integer(u16::from_le_bytes(take(bytes)?).into()),
        ColumnType::Int => Value::Integer(i32::from_le_bytes(take(bytes)?).into()),
        ColumnType::UInt => Value::Integer(u32::from_le_bytes(take(bytes)?).into()),
        ColumnType::Long => Value::Integer(i64::from_le_bytes(take(bytes)?)),
        ColumnType::ULong => {
            let n = u64::from_le_bytes(take(bytes)?);
            i64::try_from(n).map_or(Value::Number(n as f64), Value::Integer)
        }
        ColumnType::Float => Value::Number(f32::from_le_bytes(take(bytes)?).into()),
        ColumnType::Double => Value::Number(f64::from_le_bytes(take(bytes)?)),
        ColumnType::String | ColumnType::Json | ColumnType::DateTime | ColumnType::Binary => {
            let len = u32::from_le_bytes(take(bytes)?) as usize;
            let text = bytes.get(..len).ok_or("properties that break off")?;
            *bytes = &bytes[len..];
            if column == ColumnType::Binary {
                return Ok(Value::Null);
            }
            let text = std::str::from_utf8(text).map_err(|_| "a text that is not UTF-8")?;
            match column {
                ColumnType::Json => Value::Json(text.to_owned()),
                ColumnType::DateTime => moment(text),
                _ => Value::Text(text.to_owned()),
            }
        }
        other => {
            return Err(format!(
                "a column of type {}, which is not defined",
                other.0
            ));
        }
    })
}

/// FlatGeobuf has one type for dates and moments.
fn moment(text: &str) -> Value {
    if let Some(date) = dates::date(text) {
        return Value::Date(date);
    }
    match dates::instant(text) {
        Some(instant) => Value::Instant(instant),
        None => Value::Text(text.to_owned()),
    }
}

type Fault = (&'static str, String);

fn bad(reason: &str) -> Fault {
    ("bad_geometry", reason.to_owned())
}

fn to_geometry(
    geometry: &flatgeobuf::Geometry<'_>,
    declared: GeometryType,
    notes: &mut Notes,
    depth: usize,
) -> Result<Geometry<f64>, Fault> {
    if depth > MAX_DEPTH {
        return Err(bad("collections that nest too deep"));
    }
    let kind = if declared == GeometryType::Unknown {
        geometry.type_()
    } else {
        declared
    };
    let extra = |v: Option<usize>| v.is_some_and(|len| len > 0);
    notes.flattened |= extra(geometry.z().map(|v| v.len())) || extra(geometry.m().map(|v| v.len()));
    let members = |notes: &mut Notes, kind: GeometryType| -> Result<Vec<Geometry<f64>>, Fault> {
        geometry
            .parts()
            .iter()
            .flatten()
            .map(|part| to_geometry(&part, kind, notes, depth + 1))
            .collect()
    };
    Ok(match kind {
        GeometryType::Point => match coords(geometry)?.as_slice() {
            [] => Geometry::MultiPoint(MultiPoint(Vec::new())),
            [xy] if xy.x.is_nan() && xy.y.is_nan() => Geometry::MultiPoint(MultiPoint(Vec::new())),
            [xy, ..] => Geometry::Point(Point(*xy)),
        },
        GeometryType::MultiPoint => Geometry::MultiPoint(MultiPoint(
            coords(geometry)?.into_iter().map(Point).collect(),
        )),
        GeometryType::LineString => Geometry::LineString(LineString(coords(geometry)?)),
        GeometryType::MultiLineString => Geometry::MultiLineString(MultiLineString(
            pieces(geometry)?.into_iter().map(LineString).collect(),
        )),
        GeometryType::Polygon | GeometryType::Triangle => {
            Geometry::Polygon(polygon(geometry, notes)?)
        }
        GeometryType::MultiPolygon => {
            let polygons: Result<Vec<_>, Fault> = members(notes, GeometryType::Polygon)?
                .into_iter()
                .map(|member| match member {
                    Geometry::Polygon(polygon) => Ok(polygon),
                    _ => Err(bad("a member that is no polygon")),
                })
                .collect();
            Geometry::MultiPolygon(MultiPolygon(polygons?))
        }
        GeometryType::GeometryCollection => {
            Geometry::GeometryCollection(GeometryCollection(members(notes, GeometryType::Unknown)?))
        }
        other => {
            let name = other.variant_name().unwrap_or("an undefined type");
            return Err((
                "unsupported_geometry",
                format!("{name} is not read: export it as straight segments"),
            ));
        }
    })
}

fn coords(geometry: &flatgeobuf::Geometry<'_>) -> Result<Vec<Coord<f64>>, Fault> {
    let Some(xy) = geometry.xy() else {
        return Ok(Vec::new());
    };
    if xy.len() % 2 != 0 {
        return Err(bad("an odd number of coordinates"));
    }
    Ok((0..xy.len() / 2)
        .map(|i| Coord {
            x: xy.get(2 * i),
            y: xy.get(2 * i + 1),
        })
        .collect())
}

/// Cuts the coordinates at the ends of rings or parts.
fn pieces(geometry: &flatgeobuf::Geometry<'_>) -> Result<Vec<Vec<Coord<f64>>>, Fault> {
    let coords = coords(geometry)?;
    let Some(ends) = geometry.ends().filter(|ends| !ends.is_empty()) else {
        return Ok(vec![coords]);
    };
    let mut start = 0;
    ends.iter()
        .map(|end| {
            let end = end as usize;
            let piece = coords
                .get(start..end)
                .ok_or_else(|| bad("ends of parts that do not fit its coordinates"))?;
            start = end;
            Ok(piece.to_vec())
        })
        .collect()
}

fn polygon(geometry: &flatgeobuf::Geometry<'_>, notes: &mut Notes) -> Result<Polygon<f64>, Fault> {
    let mut rings = pieces(geometry)?.into_iter().map(|path| notes.ring(path));
    let exterior = rings.next().unwrap_or_else(|| LineString(Vec::new()));
    Ok(Polygon::new(exterior, rings.collect()))
}
