//! Attribute values to and from FlatGeobuf's bytes.
//!
//! A feature's attributes are, one after the other, the number of the column (16 bits)
//! and its value: a byte for a truth value, 8 bytes for a number, a 32-bit length and
//! UTF-8 for everything else.

use flatgeobuf::ColumnType;
use jiff::{Timestamp, civil::Date};
use model::{ColumnKind, FeatureId, Value};

/// The column that holds the id, if no column of the collection has that name.
pub(super) const ID_COLUMN: &str = "_id";

/// How FlatGeobuf calls a kind of column.
pub(super) fn column_type(kind: ColumnKind) -> ColumnType {
    match kind {
        ColumnKind::Boolean => ColumnType::Bool,
        ColumnKind::Integer => ColumnType::Long,
        ColumnKind::Number => ColumnType::Double,
        ColumnKind::Text => ColumnType::String,
        ColumnKind::Date | ColumnKind::Instant => ColumnType::DateTime,
        ColumnKind::Json => ColumnType::Json,
    }
}

/// Returns whether a value may stand in a column.
pub(super) fn fits(value: &Value, kind: ColumnKind) -> bool {
    match value {
        Value::Null => true,
        Value::Boolean(_) => kind == ColumnKind::Boolean,
        Value::Integer(_) => kind == ColumnKind::Integer,
        Value::Number(n) => kind == ColumnKind::Number && n.is_finite(),
        Value::Text(_) => kind == ColumnKind::Text,
        Value::Date(_) => kind == ColumnKind::Date,
        Value::Instant(_) => kind == ColumnKind::Instant,
        Value::Json(_) => kind == ColumnKind::Json,
    }
}

/// Puts the id and all values that are not null into `bytes`.
pub(super) fn encode(id: FeatureId, values: &[Value], bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.extend(0_u16.to_le_bytes());
    bytes.extend(id.get().to_le_bytes());
    for (column, value) in (1_u16..).zip(values) {
        if !value.is_null() {
            bytes.extend(column.to_le_bytes());
        }
        match value {
            Value::Null => {}
            Value::Boolean(truth) => bytes.push(u8::from(*truth)),
            Value::Integer(n) => bytes.extend(n.to_le_bytes()),
            Value::Number(n) => bytes.extend(n.to_le_bytes()),
            Value::Text(text) | Value::Json(text) => encode_text(text, bytes),
            Value::Date(date) => encode_text(&date.to_string(), bytes),
            Value::Instant(instant) => encode_text(&instant.to_string(), bytes),
        }
    }
}

fn encode_text(text: &str, bytes: &mut Vec<u8>) {
    // write::check_feature holds a feature's text far below 4 GiB.
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(text.as_bytes());
}

/// Reads the id, which every feature's attributes start with.
pub(super) fn decode_id(bytes: &[u8]) -> Result<FeatureId, String> {
    let mut rest = bytes;
    if u16::from_le_bytes(take(&mut rest)?) != 0 {
        return Err("a feature's attributes do not start with its id".to_owned());
    }
    let id = u64::from_le_bytes(take(&mut rest)?);
    FeatureId::new(id).ok_or_else(|| format!("{id} is no feature id"))
}

/// Where a column's values go, and what they are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    /// Place in the features' values.
    pub(super) place: usize,
    /// What the collection's schema says of it.
    pub(super) kind: ColumnKind,
}

/// Reads all values into `values`, which starts as all null. `types` are those of the
/// file's columns, with where they go; the first is the id.
pub(super) fn decode(
    bytes: &[u8],
    types: &[(ColumnType, Option<Target>)],
    values: &mut [Value],
) -> Result<(), String> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let column = u16::from_le_bytes(take(&mut rest)?);
        let Some((kind, target)) = types.get(usize::from(column)) else {
            return Err(format!("there is no column {column}"));
        };
        let value = match *kind {
            ColumnType::Bool => {
                let [byte] = take(&mut rest)?;
                Value::Boolean(byte != 0)
            }
            ColumnType::Long => {
                let n = i64::from_le_bytes(take(&mut rest)?);
                match target {
                    // A later delivery made the column one of numbers.
                    Some(target) if target.kind == ColumnKind::Number => Value::Number(n as f64),
                    _ => Value::Integer(n),
                }
            }
            ColumnType::Double => {
                let n = f64::from_le_bytes(take(&mut rest)?);
                if !n.is_finite() {
                    return Err(format!("column {column} holds {n}"));
                }
                Value::Number(n)
            }
            _ => {
                let text = take_text(&mut rest)?;
                match target.map(|target| target.kind) {
                    Some(ColumnKind::Date) => Value::Date(date(text)?),
                    Some(ColumnKind::Instant) => Value::Instant(instant(text)?),
                    Some(ColumnKind::Json) => Value::Json(text.to_owned()),
                    _ => Value::Text(text.to_owned()),
                }
            }
        };
        if let Some(target) = target {
            values[target.place] = value;
        }
    }
    Ok(())
}

fn date(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| format!("{text:?} is no date"))
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("{text:?} is no instant"))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let (first, others) = rest
        .split_first_chunk::<N>()
        .ok_or("a feature's attributes are cut short")?;
    *rest = others;
    Ok(*first)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Result<&'a str, String> {
    let len = u32::from_le_bytes(take(rest)?) as usize;
    let (text, others) = rest
        .split_at_checked(len)
        .ok_or("a feature's text is cut short")?;
    *rest = others;
    std::str::from_utf8(text).map_err(|_| "a feature's text is not UTF-8".to_owned())
}
