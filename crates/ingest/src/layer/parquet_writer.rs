//! Writes features as GeoParquet 1.1, which QGIS, DuckDB and GeoPandas open: the way out
//! beside [`super::parquet`], the way in, since they are one format.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use geo_types::Geometry;
use geodesy::Crs;
use geozero::{CoordDimensions, ToWkb};
use jiff::civil::Date;
use model::{Bounds, Column, ColumnKind, Feature, Schema, Value};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use serde_json::json;

use crate::error::Error;

/// Features of one row group: what readers hold at a time.
const ROW_GROUP_FEATURES: usize = 65_536;

/// Writes features, in the order in which they come.
///
/// A column `fid` has their ids, and `geometry` what they look like; either is called
/// otherwise where an attribute has its name.
pub struct GeoParquetWriter {
    path: PathBuf,
    writer: SerializedFileWriter<File>,
    columns: Vec<Column>,
    geometry: String,
    crs: serde_json::Value,
    waiting: Vec<Feature>,
    written: u64,
    kinds: BTreeSet<&'static str>,
    bounds: Option<Bounds>,
}

impl GeoParquetWriter {
    /// Begins a file of features with this schema, whose coordinates are in this CRS.
    ///
    /// # Errors
    ///
    /// [`Error`] if it cannot be written, or if PROJ cannot describe the CRS.
    pub fn create(path: &Path, schema: &Schema, crs: &Crs) -> Result<GeoParquetWriter, Error> {
        let refuse = |what: String| Error {
            path: path.to_owned(),
            what,
        };
        let crs = crs
            .projjson()
            .map_err(|error| error.to_string())
            .and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()))
            .map_err(|what| refuse(format!("cannot name its CRS: {what}")))?;
        let [fid, geometry] = ["fid", "geometry"].map(|name| free_name(name, schema));
        let parquet = message(&fid, &geometry, &schema.columns)
            .map_err(|error| refuse(cannot_write(&error)))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let file =
            File::create(path).map_err(|error| refuse(format!("cannot be written: {error}")))?;
        let writer = SerializedFileWriter::new(file, parquet, Arc::new(properties))
            .map_err(|error| refuse(cannot_write(&error)))?;
        Ok(GeoParquetWriter {
            path: path.to_owned(),
            writer,
            columns: schema.columns.clone(),
            geometry,
            crs,
            waiting: Vec::new(),
            written: 0,
            kinds: BTreeSet::new(),
            bounds: None,
        })
    }

    /// Appends a feature, whose values are those of the schema.
    ///
    /// # Errors
    ///
    /// [`Error`] if it cannot be written.
    pub fn add(&mut self, feature: Feature) -> Result<(), Error> {
        if let Some(geometry) = &feature.geometry {
            self.kinds.insert(name_of(geometry));
            let bounds = Bounds::of_geometry(geometry);
            self.bounds = match (self.bounds, bounds) {
                (Some(all), Some(more)) => Some(all.union(&more)),
                (all, more) => all.or(more),
            };
        }
        self.waiting.push(feature);
        if self.waiting.len() == ROW_GROUP_FEATURES {
            self.write_group()?;
        }
        Ok(())
    }

    /// Ends the file, and sees it on disk; returns how many features it has.
    ///
    /// # Errors
    ///
    /// [`Error`] if it cannot be written.
    pub fn finish(mut self) -> Result<u64, Error> {
        if !self.waiting.is_empty() {
            self.write_group()?;
        }
        let mut column = json!({
            "encoding": "WKB",
            "geometry_types": self.kinds,
            "crs": self.crs,
        });
        if let Some(bounds) = self.bounds {
            column["bbox"] = json!(bounds.to_array());
        }
        let geo = json!({
            "version": "1.1.0",
            "primary_column": self.geometry,
            "columns": { self.geometry.as_str(): column },
        });
        let (path, written) = (self.path.clone(), self.written);
        self.writer
            .append_key_value_metadata(KeyValue::new("geo".to_owned(), geo.to_string()));
        let refuse = |what: String| Error { path, what };
        match self.writer.into_inner().map(|file| file.sync_all()) {
            Ok(Ok(())) => Ok(written),
            Ok(Err(error)) => Err(refuse(format!("cannot be written: {error}"))),
            Err(error) => Err(refuse(cannot_write(&error))),
        }
    }

    fn write_group(&mut self) -> Result<(), Error> {
        let features = std::mem::take(&mut self.waiting);
        self.written += features.len() as u64;
        let path = &self.path;
        let refuse = |what: String| Error {
            path: path.clone(),
            what,
        };
        let geometries = features
            .iter()
            .map(|feature| match &feature.geometry {
                Some(geometry) => geometry
                    .to_wkb(CoordDimensions::xy())
                    .map(|wkb| Some(ByteArray::from(wkb))),
                None => Ok(None),
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| refuse(format!("cannot hold a geometry: {error}")))?;
        let columns = &self.columns;
        let write = |writer: &mut SerializedFileWriter<File>| -> Result<(), ParquetError> {
            let mut group = writer.next_row_group()?;
            let ids: Vec<Option<i64>> = features.iter().map(|f| Some(id_of(f))).collect();
            put::<Int64Type>(&mut group, ids, false)?;
            put::<ByteArrayType>(&mut group, geometries, true)?;
            for (place, column) in columns.iter().enumerate() {
                put_column(&mut group, &features, place, column.kind)?;
            }
            group.close()?;
            Ok(())
        };
        write(&mut self.writer).map_err(|error| refuse(cannot_write(&error)))
    }
}

fn cannot_write(error: &ParquetError) -> String {
    format!("cannot be written as Parquet: {error}")
}

fn id_of(feature: &Feature) -> i64 {
    // At most 2^53 - 1.
    feature.id.get() as i64
}

/// A name that no attribute has.
fn free_name(name: &str, schema: &Schema) -> String {
    let mut free = name.to_owned();
    while schema.position(&free).is_some() {
        free.push('_');
    }
    free
}

/// The schema of the file.
fn message(fid: &str, geometry: &str, columns: &[Column]) -> Result<TypePtr, ParquetError> {
    let field = |name: &str, physical, logical, repetition| {
        Type::primitive_type_builder(name, physical)
            .with_logical_type(logical)
            .with_repetition(repetition)
            .build()
            .map(Arc::new)
    };
    let optional = Repetition::OPTIONAL;
    let mut fields = vec![
        field(fid, Physical::INT64, None, Repetition::REQUIRED)?,
        field(geometry, Physical::BYTE_ARRAY, None, optional)?,
    ];
    for column in columns {
        let (physical, logical) = match column.kind {
            ColumnKind::Boolean => (Physical::BOOLEAN, None),
            ColumnKind::Integer => (Physical::INT64, None),
            ColumnKind::Number => (Physical::DOUBLE, None),
            ColumnKind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            ColumnKind::Date => (Physical::INT32, Some(LogicalType::Date)),
            ColumnKind::Instant => (
                Physical::INT64,
                Some(LogicalType::timestamp(true, TimeUnit::MICROS)),
            ),
            ColumnKind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
        };
        fields.push(field(&column.name, physical, logical, optional)?);
    }
    Type::group_type_builder("features")
        .with_fields(fields)
        .build()
        .map(Arc::new)
}

/// Writes the next column of a row group, with what it has and where it has nothing.
fn put<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: Vec<Option<T::T>>,
    is_optional: bool,
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = values
        .iter()
        .map(|value| i16::from(value.is_some()))
        .collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    let mut column = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("one column too many".to_owned()))?;
    let levels = is_optional.then_some(levels.as_slice());
    column.typed::<T>().write_batch(&values, levels, None)?;
    column.close()
}

fn put_column(
    group: &mut SerializedRowGroupWriter<'_, File>,
    features: &[Feature],
    place: usize,
    kind: ColumnKind,
) -> Result<(), ParquetError> {
    fn of<T>(features: &[Feature], place: usize, get: fn(&Value) -> Option<T>) -> Vec<Option<T>> {
        features
            .iter()
            .map(|feature| feature.values.get(place).and_then(get))
            .collect()
    }
    match kind {
        ColumnKind::Boolean => put::<BoolType>(
            group,
            of(features, place, |value| match value {
                Value::Boolean(b) => Some(*b),
                _ => None,
            }),
            true,
        ),
        ColumnKind::Integer => put::<Int64Type>(
            group,
            of(features, place, |value| match value {
                Value::Integer(n) => Some(*n),
                _ => None,
            }),
            true,
        ),
        ColumnKind::Number => put::<DoubleType>(group, of(features, place, Value::as_number), true),
        ColumnKind::Text | ColumnKind::Json => put::<ByteArrayType>(
            group,
            of(features, place, |value| match value {
                Value::Text(text) | Value::Json(text) => Some(ByteArray::from(text.as_str())),
                _ => None,
            }),
            true,
        ),
        ColumnKind::Date => put::<Int32Type>(
            group,
            of(features, place, |value| match value {
                Value::Date(date) => days_since_1970(*date),
                _ => None,
            }),
            true,
        ),
        ColumnKind::Instant => put::<Int64Type>(
            group,
            of(features, place, |value| match value {
                Value::Instant(instant) => Some(instant.as_microsecond()),
                _ => None,
            }),
            true,
        ),
    }
}

fn days_since_1970(date: Date) -> Option<i32> {
    let since = date.duration_since(Date::constant(1970, 1, 1));
    i32::try_from(since.as_hours() / 24).ok()
}

/// What GeoParquet calls the kind of a geometry.
fn name_of(geometry: &Geometry<f64>) -> &'static str {
    match geometry {
        Geometry::Point(_) => "Point",
        Geometry::MultiPoint(_) => "MultiPoint",
        Geometry::Line(_) | Geometry::LineString(_) => "LineString",
        Geometry::MultiLineString(_) => "MultiLineString",
        Geometry::Polygon(_) | Geometry::Rect(_) | Geometry::Triangle(_) => "Polygon",
        Geometry::MultiPolygon(_) => "MultiPolygon",
        Geometry::GeometryCollection(_) => "GeometryCollection",
    }
}
