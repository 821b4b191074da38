//! GeoParquet 1.0 and 1.1, and geometry columns of Parquet itself (2.11): tables by
//! column, whose geometries are WKB; read row group by row group.
//!
//! The `parquet` crate decodes pages. It allocates what a page's header claims, so the
//! headers are looked at before it gets them ([`Checked`]), and a panic of it refuses the
//! file ([`guarded`]).

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp, civil};
use model::{ColumnKind, Value};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::errors::ParquetError;
use parquet::file::metadata::FileMetaData;
use parquet::file::reader::{ChunkReader, FileReader, Length};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::record::{Field, Row};
use parquet::schema::types::{Type, TypePtr};
use serde::de::IgnoredAny;
use serde_json::{Map, Value as Json};

use crate::guard::guarded;
use crate::report::Outcome;

use super::raw::{
    FileCrs, MAX_COLUMNS, RawColumn, RawFeature, RawGeometry, RawLayer, Refusal, Texts,
};
use super::wkb;

/// Bytes of one page, unpacked: writers make them of one megabyte, or as large as one value.
const MAX_PAGE_BYTES: u64 = 256 << 20;

/// Bytes of one row group, unpacked: writers make them of some hundred megabytes.
const MAX_ROW_GROUP_BYTES: u64 = 4 << 30;

/// The CRS of GeoParquet that names no other (1.1, "crs").
const DEFAULT_CRS: &str = "OGC:CRS84";

/// Reads a Parquet file with or without geometries.
pub(crate) fn read_parquet(path: &Path) -> Result<RawLayer, Refusal> {
    guarded(|| read(path)).unwrap_or_else(|| {
        Err(Refusal::new(
            "is damaged Parquet, in a way that nobody foresaw: write it again",
        ))
    })
}

fn damaged(error: &ParquetError) -> Refusal {
    let text = error.to_string();
    let reason = text.split('\n').next().unwrap_or_default();
    Refusal::new(if reason.contains("isabled feature at compile time") {
        format!("is packed in a way that is not read ({reason}): write it with snappy or zstd")
    } else {
        format!("is Parquet that cannot be read ({reason}): fetch or write it again")
    })
}

fn read(path: &Path) -> Result<RawLayer, Refusal> {
    let pages = Arc::new(Mutex::new(Pages::default()));
    let file = Checked::open(path, Arc::clone(&pages))
        .map_err(|error| Refusal::new(format!("cannot be read: {error}")))?;
    let reader = SerializedFileReader::new(file).map_err(|error| damaged(&error))?;
    let metadata = reader.metadata().file_metadata();
    let fields = metadata.schema().get_fields();
    if fields.len() > MAX_COLUMNS {
        return Err(Refusal::new(format!(
            "has {} columns: at most {MAX_COLUMNS} are read; leave some out",
            fields.len()
        )));
    }
    let Geometries {
        read: geometry,
        crs,
        passed_over,
    } = geometries(metadata, fields)?;
    let mut layer = RawLayer {
        crs,
        ..RawLayer::default()
    };
    let mut columns = Vec::new();
    let mut wanted = Vec::new();
    for field in fields {
        let name = field.name();
        let column = if Some(name) == geometry.as_deref() {
            Column::Geometry
        } else if passed_over.iter().any(|other| other == name) {
            continue;
        } else if is_binary(field) {
            layer.report.count("binary_column", Outcome::LeftOut, || {
                format!("column {name:?}: binary values are not read")
            });
            continue;
        } else {
            layer.push_column(RawColumn {
                name: name.to_owned(),
                declared: kind_of(field),
                texts: Texts::Only,
            })?;
            match is_json(field) {
                true => Column::Json,
                false => Column::Attribute(unit_of(field)),
            }
        };
        columns.push(column);
        wanted.push(Arc::clone(field));
    }
    let projection = Type::group_type_builder(metadata.schema().name())
        .with_fields(wanted)
        .build()
        .map_err(|error| damaged(&error))?;
    let mut number = 0_u64;
    for group in 0..reader.num_row_groups() {
        *pages.lock().unwrap_or_else(PoisonError::into_inner) = Pages::default();
        let group = reader
            .get_row_group(group)
            .map_err(|error| damaged(&error))?;
        let rows = group
            .get_row_iter(Some(projection.clone()))
            .map_err(|error| damaged(&error))?;
        for row in rows {
            number += 1;
            let row = row.map_err(|error| {
                let Refusal(what) = damaged(&error);
                Refusal(format!("row {number}: {what}"))
            })?;
            layer.push(feature(number, row, &columns))?;
        }
    }
    let claimed = metadata.num_rows();
    if u64::try_from(claimed) != Ok(number) {
        return Err(Refusal::new(format!(
            "says that it has {claimed} rows and has {number}: it is damaged, fetch or write it again"
        )));
    }
    Ok(layer)
}

/// What a column becomes.
#[derive(Clone, Copy)]
enum Column {
    Geometry,
    /// Texts that are JSON.
    Json,
    /// With the unit of whole numbers that stand for times.
    Attribute(Option<Unit>),
}

/// What a whole number counts, where the crate does not say it.
#[derive(Clone, Copy)]
enum Unit {
    /// Moments since 1970, in parts of a second.
    Instant(i64),
    /// Time of day since midnight, in parts of a second.
    TimeOfDay(i64),
}

fn feature(number: u64, row: Row, columns: &[Column]) -> RawFeature {
    let mut geometry = RawGeometry::None;
    let mut values = Vec::with_capacity(columns.len());
    for ((_, field), column) in row.into_columns().into_iter().zip(columns) {
        match (column, field) {
            (Column::Geometry, Field::Bytes(bytes)) => geometry = wkb::read_wkb(bytes.data()),
            (Column::Geometry, Field::Null) => {}
            (Column::Geometry, _) => {
                geometry = RawGeometry::unusable("bad_geometry", "no WKB");
            }
            (Column::Json, field) => values.push(match value(field, None) {
                Value::Text(text) if serde_json::from_str::<IgnoredAny>(&text).is_ok() => {
                    Value::Json(text)
                }
                other => other,
            }),
            (Column::Attribute(unit), field) => values.push(value(field, *unit)),
        }
    }
    RawFeature {
        number,
        key: None,
        geometry,
        values,
    }
}

/// The geometry column that is read, if there is one, and what it says.
struct Geometries {
    read: Option<String>,
    crs: FileCrs,
    /// Other geometry columns, and the boxes that speed up the search for geometries.
    passed_over: Vec<String>,
}

fn geometries(metadata: &FileMetaData, fields: &[TypePtr]) -> Result<Geometries, Refusal> {
    let entry = |key: &str| -> Option<&str> {
        let pairs = metadata.key_value_metadata()?;
        pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
    };
    let native: Vec<&TypePtr> = fields
        .iter()
        .filter(|field| native_crs(field).is_some())
        .collect();
    let Some(geo) = entry("geo") else {
        let crs = native.first().and_then(|field| native_crs(field));
        return Ok(Geometries {
            read: native.first().map(|field| field.name().to_owned()),
            crs: crs.map_or(FileCrs::Unstated, |text| named_crs(text.as_deref(), &entry)),
            passed_over: native
                .iter()
                .skip(1)
                .map(|field| field.name().to_owned())
                .collect(),
        });
    };
    let wrong = |what: &str| {
        Refusal::new(format!(
            "has metadata of GeoParquet that cannot be used ({what}): write it again"
        ))
    };
    let geo: Json = serde_json::from_str(geo).map_err(|error| wrong(&error.to_string()))?;
    let primary = geo["primary_column"]
        .as_str()
        .ok_or_else(|| wrong("no primary_column"))?;
    let column = &geo["columns"][primary];
    if !fields.iter().any(|field| field.name() == primary) || !column.is_object() {
        return Err(wrong(&format!("there is no column {primary:?}")));
    }
    let encoding = column["encoding"].as_str().unwrap_or_default();
    if !encoding.eq_ignore_ascii_case("WKB") {
        return Err(Refusal::new(format!(
            "has geometries encoded as {encoding:?}, only WKB is read: write it again with WKB"
        )));
    }
    let mut passed_over: Vec<String> = geo["columns"]
        .as_object()
        .map(|columns| {
            columns
                .keys()
                .filter(|name| *name != primary)
                .cloned()
                .collect()
        })
        .unwrap_or_default();
    let covering = column["covering"]["bbox"]["xmin"][0].as_str();
    passed_over.extend(covering.map(str::to_owned));
    Ok(Geometries {
        read: Some(primary.to_owned()),
        crs: match column.get("crs") {
            None => FileCrs::Code(DEFAULT_CRS.to_owned()),
            Some(Json::Null) => FileCrs::Unstated,
            Some(crs) => projjson(crs),
        },
        passed_over,
    })
}

/// The CRS of a column whose type is a geometry, as its text; none within if it is the usual.
fn native_crs(field: &TypePtr) -> Option<Option<String>> {
    match field.get_basic_info().logical_type_ref() {
        Some(LogicalType::Geometry(geometry)) => Some(geometry.crs.clone()),
        Some(LogicalType::Geography(geography)) => Some(geography.crs.clone()),
        _ => None,
    }
}

/// `OGC:CRS84`, `srid:3006`, `projjson:KEY` of a property of the file, or PROJJSON itself.
fn named_crs<'a>(text: Option<&str>, entry: &impl Fn(&str) -> Option<&'a str>) -> FileCrs {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return FileCrs::Code(DEFAULT_CRS.to_owned());
    };
    if let Some(srid) = text.strip_prefix("srid:") {
        return FileCrs::Code(format!("EPSG:{srid}"));
    }
    let text = match text.strip_prefix("projjson:") {
        Some(key) => entry(key).unwrap_or_default(),
        None => text,
    };
    match serde_json::from_str(text) {
        Ok(definition @ Json::Object(_)) => projjson(&definition),
        _ => FileCrs::Code(text.to_owned()),
    }
}

/// The code that PROJJSON states, or else all of it.
fn projjson(definition: &Json) -> FileCrs {
    let id = &definition["id"];
    let code = match &id["code"] {
        Json::String(code) => Some(code.clone()),
        Json::Number(code) => Some(code.to_string()),
        _ => None,
    };
    match (id["authority"].as_str(), code) {
        (Some(authority), Some(code)) => FileCrs::Code(format!("{authority}:{code}")),
        _ => FileCrs::Definition(definition.to_string()),
    }
}

/// Whether a column says that its texts are JSON.
fn is_json(field: &TypePtr) -> bool {
    let info = field.get_basic_info();
    info.converted_type() == ConvertedType::JSON
        || info.logical_type_ref() == Some(&LogicalType::Json)
}

/// Whether a column holds bytes that are no text.
fn is_binary(field: &TypePtr) -> bool {
    use parquet::basic::Type as Physical;
    let info = field.get_basic_info();
    field.is_primitive()
        && matches!(
            field.get_physical_type(),
            Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY
        )
        && matches!(
            info.converted_type(),
            ConvertedType::NONE | ConvertedType::BSON
        )
        && !matches!(
            info.logical_type_ref(),
            Some(
                LogicalType::String
                    | LogicalType::Enum
                    | LogicalType::Json
                    | LogicalType::Float16
                    | LogicalType::Uuid
            )
        )
}

fn kind_of(field: &TypePtr) -> Option<ColumnKind> {
    use parquet::basic::Type as Physical;
    if !field.is_primitive() || is_json(field) {
        return Some(ColumnKind::Json);
    }
    if let Some(Unit::Instant(_)) = unit_of(field) {
        return Some(ColumnKind::Instant);
    }
    let info = field.get_basic_info();
    match (info.converted_type(), field.get_physical_type()) {
        (ConvertedType::DATE, _) => Some(ColumnKind::Date),
        (ConvertedType::DECIMAL, _) => Some(ColumnKind::Number),
        (_, Physical::BOOLEAN) => Some(ColumnKind::Boolean),
        (_, Physical::FLOAT | Physical::DOUBLE) => Some(ColumnKind::Number),
        (_, Physical::INT32 | Physical::INT64) if unit_of(field).is_none() => {
            Some(ColumnKind::Integer)
        }
        _ => None,
    }
}

/// What whole numbers of a column count, by its logical type, which says more than the
/// older one that the crate goes by.
fn unit_of(field: &TypePtr) -> Option<Unit> {
    let parts = |unit: &TimeUnit| match unit {
        TimeUnit::MILLIS => 1_000,
        TimeUnit::MICROS => 1_000_000,
        TimeUnit::NANOS => 1_000_000_000,
    };
    match field.get_basic_info().logical_type_ref()? {
        LogicalType::Timestamp(stamp) => Some(Unit::Instant(parts(&stamp.unit))),
        LogicalType::Time(time) => Some(Unit::TimeOfDay(parts(&time.unit))),
        _ => None,
    }
}

fn value(field: Field, unit: Option<Unit>) -> Value {
    let instant = |count: i64, parts: i64| {
        let since = SignedDuration::new(
            count.div_euclid(parts),
            (count.rem_euclid(parts) * (1_000_000_000 / parts)) as i32,
        );
        Timestamp::UNIX_EPOCH
            .checked_add(since)
            .map_or(Value::Null, Value::Instant)
    };
    let time_of_day = |count: i64, parts: i64| {
        let since = SignedDuration::new(
            count.div_euclid(parts),
            (count.rem_euclid(parts) * (1_000_000_000 / parts)) as i32,
        );
        let time = civil::Time::midnight().checked_add(since);
        time.map_or(Value::Null, |time| Value::Text(time.to_string()))
    };
    match (field, unit) {
        (Field::Null, _) => Value::Null,
        (Field::Long(n), Some(Unit::Instant(parts))) => instant(n, parts),
        (Field::TimestampMillis(n), _) => instant(n, 1_000),
        (Field::TimestampMicros(n), _) => instant(n, 1_000_000),
        (Field::Long(n), Some(Unit::TimeOfDay(parts))) => time_of_day(n, parts),
        (Field::Int(n), Some(Unit::TimeOfDay(parts))) => time_of_day(n.into(), parts),
        (Field::TimeMillis(n), _) => time_of_day(n.into(), 1_000),
        (Field::TimeMicros(n), _) => time_of_day(n, 1_000_000),
        (Field::Bool(b), _) => Value::Boolean(b),
        (Field::Byte(n), _) => Value::Integer(n.into()),
        (Field::Short(n), _) => Value::Integer(n.into()),
        (Field::Int(n), _) => Value::Integer(n.into()),
        (Field::Long(n), _) => Value::Integer(n),
        (Field::UByte(n), _) => Value::Integer(n.into()),
        (Field::UShort(n), _) => Value::Integer(n.into()),
        (Field::UInt(n), _) => Value::Integer(n.into()),
        (Field::ULong(n), _) => i64::try_from(n).map_or(Value::Number(n as f64), Value::Integer),
        (Field::Float16(n), _) => Value::Number(n.into()),
        (Field::Float(n), _) => Value::Number(n.into()),
        (Field::Double(n), _) => Value::Number(n),
        (decimal @ Field::Decimal(_), _) => decimal
            .to_string()
            .parse()
            .map_or(Value::Null, Value::Number),
        (Field::Str(text), _) => Value::Text(text),
        (Field::Bytes(bytes), _) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => Value::Text(bytes.data().iter().map(|b| format!("{b:02x}")).collect()),
        },
        (Field::Date(days), _) => civil::Date::constant(1970, 1, 1)
            .checked_add(SignedDuration::from_hours(i64::from(days) * 24))
            .map_or(Value::Null, Value::Date),
        (nested @ (Field::Group(_) | Field::ListInternal(_) | Field::MapInternal(_)), _) => {
            Value::Json(json(nested).to_string())
        }
    }
}

/// A nested value as JSON; its depth is that of the schema, which the crate limits.
fn json(field: Field) -> Json {
    match field {
        Field::Group(row) => Json::Object(
            row.into_columns()
                .into_iter()
                .map(|(name, field)| (name, json(field)))
                .collect(),
        ),
        Field::ListInternal(list) => {
            Json::Array(list.elements().iter().cloned().map(json).collect())
        }
        Field::MapInternal(map) => {
            let mut object = Map::new();
            for (key, field) in map.entries() {
                let key = match json(key.clone()) {
                    Json::String(text) => text,
                    other => other.to_string(),
                };
                object.insert(key, json(field.clone()));
            }
            Json::Object(object)
        }
        field => match value(field, None) {
            Value::Null => Json::Null,
            Value::Boolean(b) => b.into(),
            Value::Integer(n) => n.into(),
            Value::Number(n) => n.into(),
            Value::Text(text) | Value::Json(text) => text.into(),
            Value::Date(date) => date.to_string().into(),
            Value::Instant(instant) => instant.to_string().into(),
        },
    }
}

/// Pages of a row group that have been begun.
#[derive(Default)]
struct Pages {
    starts: HashSet<u64>,
    unpacked_bytes: u64,
}

/// A file whose pages are looked at before they are unpacked.
///
/// A page starts with its header, a structure of Thrift's compact protocol whose first
/// three fields are its type and its lengths, unpacked and packed; each is a byte 0x15
/// (the next field, a number of 32 bits) and a number of variable length.
struct Checked {
    file: File,
    len: u64,
    pages: Arc<Mutex<Pages>>,
}

/// Bytes at the end of the file: the length of its metadata, and its mark.
const FOOTER_BYTES: u64 = 8;

impl Checked {
    fn open(path: &Path, pages: Arc<Mutex<Pages>>) -> std::io::Result<Checked> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(Checked { file, len, pages })
    }

    /// Refuses a page whose header claims too much.
    fn check_page(&self, start: u64) -> parquet::errors::Result<()> {
        let mut head = Vec::new();
        self.at(start)?.take(32).read_to_end(&mut head)?;
        let [unpacked, packed] = lengths_of_page(&head)
            .ok_or_else(|| ParquetError::General(format!("no page begins at byte {start}")))?;
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        // One header may be read twice.
        if pages.starts.insert(start) {
            pages.unpacked_bytes += unpacked;
        }
        if unpacked > MAX_PAGE_BYTES || pages.unpacked_bytes > MAX_ROW_GROUP_BYTES {
            return Err(ParquetError::General(format!(
                "the page at byte {start} claims {unpacked} bytes; at most {MAX_PAGE_BYTES} of a page and {MAX_ROW_GROUP_BYTES} of a row group are unpacked"
            )));
        }
        if packed > self.len {
            return Err(ParquetError::EOF(format!(
                "the page at byte {start} claims {packed} bytes of a file of {}",
                self.len
            )));
        }
        Ok(())
    }

    fn at(&self, start: u64) -> parquet::errors::Result<File> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(file)
    }
}

impl Length for Checked {
    fn len(&self) -> u64 {
        self.len
    }
}

impl ChunkReader for Checked {
    type T = BufReader<File>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<BufReader<File>> {
        if start.checked_add(FOOTER_BYTES) != Some(self.len) {
            self.check_page(start)?;
        }
        Ok(BufReader::new(self.at(start)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<bytes::Bytes> {
        // Memory grows with what is there, not with what is asked for.
        let mut bytes = Vec::new();
        self.at(start)?
            .take(length as u64)
            .read_to_end(&mut bytes)?;
        if bytes.len() < length {
            return Err(ParquetError::EOF(format!(
                "{length} bytes are claimed at byte {start} of {}",
                self.len
            )));
        }
        Ok(bytes.into())
    }
}

/// The lengths that a page's header claims, unpacked and packed.
fn lengths_of_page(head: &[u8]) -> Option<[u64; 2]> {
    /// Byte before the next field, if that is a number of 32 bits.
    const NEXT_I32: u8 = 0x15;
    let mut rest = head;
    let mut fields = [0_u64; 3];
    for field in &mut fields {
        let (mark, after) = rest.split_first()?;
        if *mark != NEXT_I32 {
            return None;
        }
        rest = after;
        // Seven bits a byte, the lowest first; five bytes make 32 bits.
        for shift in [0, 7, 14, 21, 28, 35] {
            let (byte, after) = rest.split_first()?;
            rest = after;
            *field |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
            if shift == 35 {
                return None;
            }
        }
    }
    // Zigzag: even numbers are the positive ones.
    let [_, unpacked, packed] = fields;
    (unpacked % 2 == 0 && packed % 2 == 0).then_some([unpacked / 2, packed / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_claims_too_much_is_refused_before_it_is_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page");
        // 2 147 483 647 bytes unpacked of 4 packed; then 300 of 4; then 300 of 2 147 483 647.
        let huge = [0xfe, 0xff, 0xff, 0xff, 0x0f];
        let page = |unpacked: &[u8], packed: &[u8]| {
            let head = [&[0x15, 0, 0x15], unpacked, &[0x15], packed].concat();
            std::fs::write(&path, [head, vec![0; 64]].concat()).unwrap();
            let file = Checked::open(&path, Arc::default()).unwrap();
            file.check_page(0).map_err(|error| error.to_string())
        };
        assert!(page(&huge, &[8]).unwrap_err().contains("2147483647"));
        assert_eq!(page(&[0xd8, 0x04], &[8]), Ok(()));
        assert!(
            page(&[0xd8, 0x04], &huge)
                .unwrap_err()
                .contains("of a file of")
        );
        assert!(page(&[0xff; 9], &[8]).unwrap_err().contains("no page"));
    }

    #[test]
    fn pages_of_a_row_group_may_not_unpack_to_more_than_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages");
        // 200 MiB each, of no bytes.
        let one = [0x15, 0, 0x15, 0x80, 0x80, 0x80, 0xc8, 0x01, 0x15, 0];
        std::fs::write(&path, one.repeat(30)).unwrap();
        let file = Checked::open(&path, Arc::default()).unwrap();
        let bad = (0..30).find(|i| file.check_page(i * 10).is_err());
        assert_eq!(bad, Some(20));
    }
}
