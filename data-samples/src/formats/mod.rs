//! The file formats in which departments deliver.
//!
//! Every writer takes records batch by batch and keeps none, so that a city can
//! stream through it. GeoPackages, which have several tables, are in `geopackage`.

mod geopackage;

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flatgeobuf::{
    ColumnType, FgbCrs, FgbWriter, FgbWriterOptions, GeometryType as FgbGeometryType,
};
use geo_types::{Coord, Geometry, Point, Polygon};
use geozero::{ColumnValue, PropertyProcessor};
use serde_json::Value;
use shapefile::dbase;

use crate::Error;
use crate::projection::{EPSG_3006, EPSG_3014};

pub(crate) use geopackage::GeoPackage;

/// What an attribute holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Real,
    Date,
}

/// An attribute of a delivery.
pub(crate) type Attribute = (&'static str, Kind);

/// A feature on its way into a file; its geometry is in EPSG:3014.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) geometry: Option<Geometry<f64>>,
    /// One value for each attribute of the delivery, in its order.
    pub(crate) values: Vec<Value>,
}

/// Writes the features of one collection.
pub(crate) trait Sink {
    /// Writes some more features.
    fn write(&mut self, records: &[Record]) -> Result<(), Error>;
    /// Completes the file.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// GeoJSON (RFC 7946): WGS 84, nine decimals of a degree at most.
pub(crate) struct GeoJsonSink {
    path: PathBuf,
    out: BufWriter<File>,
    attributes: &'static [Attribute],
    is_first: bool,
}

impl GeoJsonSink {
    pub(crate) fn create(
        path: PathBuf,
        name: &str,
        attributes: &'static [Attribute],
    ) -> Result<GeoJsonSink, Error> {
        let mut out = create(&path)?;
        write!(
            out,
            "{{\"type\":\"FeatureCollection\",\"name\":\"{name}\",\"features\":["
        )
        .map_err(|e| Error::io(&path, e))?;
        Ok(GeoJsonSink {
            path,
            out,
            attributes,
            is_first: true,
        })
    }
}

impl Sink for GeoJsonSink {
    fn write(&mut self, records: &[Record]) -> Result<(), Error> {
        for record in records {
            let geometry = record.geometry.as_ref().map(|geometry| {
                let geometry = map_coordinates(geometry, |world| {
                    EPSG_3014
                        .lonlat_from_world(world)
                        .map(|degrees| (degrees * 1e8).round() / 1e8)
                });
                geojson::Geometry::new(geojson::GeometryValue::from(&geometry))
            });
            let properties = self
                .attributes
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .zip(record.values.iter().cloned())
                .collect();
            let feature = geojson::Feature {
                bbox: None,
                geometry,
                id: None,
                properties: Some(properties),
                foreign_members: None,
            };
            let comma = if self.is_first { "" } else { "," };
            self.is_first = false;
            write!(self.out, "{comma}\n{feature}").map_err(|e| Error::io(&self.path, e))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.out
            .write_all(b"\n]}\n")
            .and_then(|()| self.out.flush())
            .map_err(|e| Error::io(&self.path, e))
    }
}

/// CSV with `;` and decimal commas, as spreadsheets in Swedish write it. Points
/// become the columns E and N.
pub(crate) struct CsvSink {
    path: PathBuf,
    out: csv::Writer<File>,
    has_point: bool,
}

impl CsvSink {
    pub(crate) fn create(
        path: PathBuf,
        attributes: &'static [Attribute],
        has_point: bool,
    ) -> Result<CsvSink, Error> {
        let file = File::create(&path).map_err(|e| Error::io(&path, e))?;
        let mut out = csv::WriterBuilder::new()
            .delimiter(b';')
            .terminator(csv::Terminator::CRLF)
            .from_writer(file);
        let mut header: Vec<&str> = attributes.iter().map(|(name, _)| *name).collect();
        if has_point {
            header.extend(["E", "N"]);
        }
        out.write_record(header)
            .map_err(|e| Error::other(&path, e))?;
        Ok(CsvSink {
            path,
            out,
            has_point,
        })
    }
}

impl Sink for CsvSink {
    fn write(&mut self, records: &[Record]) -> Result<(), Error> {
        for record in records {
            let mut fields: Vec<String> = record
                .values
                .iter()
                .map(|value| match value {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string().replace('.', ","),
                })
                .collect();
            if self.has_point {
                match &record.geometry {
                    Some(Geometry::Point(point)) => {
                        fields.extend(
                            [point.x(), point.y()]
                                .map(|value| format!("{value:.2}").replace('.', ",")),
                        );
                    }
                    _ => fields.extend([String::new(), String::new()]),
                }
            }
            self.out
                .write_record(fields)
                .map_err(|e| Error::other(&self.path, e))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.out.flush().map_err(|e| Error::io(&self.path, e))
    }
}

/// FlatGeobuf in EPSG:3014, with its index.
pub(crate) struct FlatGeobufSink {
    path: PathBuf,
    writer: FgbWriter<'static>,
    attributes: &'static [Attribute],
}

impl FlatGeobufSink {
    pub(crate) fn create(
        path: PathBuf,
        name: &str,
        attributes: &'static [Attribute],
    ) -> Result<FlatGeobufSink, Error> {
        let options = FgbWriterOptions {
            detect_type: false,
            promote_to_multi: false,
            crs: FgbCrs {
                org: Some("EPSG"),
                code: 3014,
                name: Some("SWEREF99 17 15"),
                ..FgbCrs::default()
            },
            ..FgbWriterOptions::default()
        };
        let mut writer = FgbWriter::create_with_options(name, FgbGeometryType::Polygon, options)
            .map_err(|e| Error::other(&path, e))?;
        for (name, kind) in attributes {
            let column = match kind {
                Kind::Text => ColumnType::String,
                Kind::Integer => ColumnType::Long,
                Kind::Real => ColumnType::Double,
                Kind::Date => ColumnType::DateTime,
            };
            writer.add_column(name, column, |_, _| {});
        }
        Ok(FlatGeobufSink {
            path,
            writer,
            attributes,
        })
    }
}

impl Sink for FlatGeobufSink {
    fn write(&mut self, records: &[Record]) -> Result<(), Error> {
        for record in records {
            let Some(geometry) = &record.geometry else {
                continue;
            };
            let attributes = self.attributes;
            let mut failure = None;
            self.writer
                .add_feature_geom(geometry.clone(), |feature| {
                    for (i, ((name, kind), value)) in
                        attributes.iter().zip(&record.values).enumerate()
                    {
                        let value = match (kind, value) {
                            (Kind::Text, Value::String(text)) => ColumnValue::String(text),
                            (Kind::Date, Value::String(text)) => ColumnValue::DateTime(text),
                            (Kind::Integer, Value::Number(number)) => {
                                ColumnValue::Long(number.as_i64().unwrap_or_default())
                            }
                            (Kind::Real, Value::Number(number)) => {
                                ColumnValue::Double(number.as_f64().unwrap_or_default())
                            }
                            _ => continue,
                        };
                        if let Err(error) = feature.property(i, name, &value) {
                            failure = Some(error);
                        }
                    }
                })
                .map_err(|e| Error::other(&self.path, e))?;
            if let Some(error) = failure {
                return Err(Error::other(&self.path, error));
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        let mut out = create(&self.path)?;
        self.writer
            .write(&mut out)
            .map_err(|e| Error::other(&self.path, e))?;
        out.flush().map_err(|e| Error::io(&self.path, e))
    }
}

/// WKT of SWEREF 99 TM as ESRI writes it beside a shapefile.
const PRJ_3006: &str = concat!(
    r#"PROJCS["SWEREF99_TM",GEOGCS["GCS_SWEREF99",DATUM["D_SWEREF99",SPHEROID["GRS_1980",6378137.0,298.257222101]],"#,
    r#"PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],"#,
    r#"PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",15.0],"#,
    r#"PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]"#
);

/// Shapefile of lines in EPSG:3006, with texts in Windows-1252 and a `.cpg` that says so.
pub(crate) struct ShapefileSink {
    path: PathBuf,
    writer: shapefile::Writer<BufWriter<File>>,
    attributes: &'static [Attribute],
}

impl ShapefileSink {
    pub(crate) fn create(
        path: PathBuf,
        attributes: &'static [Attribute],
    ) -> Result<ShapefileSink, Error> {
        let encoding = dbase::encoding::EncodingRs::from(encoding_rs::WINDOWS_1252);
        let mut table = dbase::TableWriterBuilder::with_encoding(encoding);
        for (name, kind) in attributes {
            let field = dbase::FieldName::try_from(*name).map_err(|e| Error::Unwritable {
                path: path.clone(),
                reason: e.to_string(),
            })?;
            table = match kind {
                Kind::Text => table.add_character_field(field, 40),
                Kind::Integer => table.add_numeric_field(field, 10, 0),
                Kind::Real => table.add_numeric_field(field, 12, 2),
                Kind::Date => table.add_date_field(field),
            };
        }
        let writer =
            shapefile::Writer::from_path(&path, table).map_err(|e| Error::other(&path, e))?;
        Ok(ShapefileSink {
            path,
            writer,
            attributes,
        })
    }
}

impl Sink for ShapefileSink {
    fn write(&mut self, records: &[Record]) -> Result<(), Error> {
        for record in records {
            let Some(Geometry::LineString(line)) = &record.geometry else {
                continue;
            };
            let points = line
                .coords()
                .map(|c| {
                    let [x, y] =
                        EPSG_3006.world_from_lonlat(EPSG_3014.lonlat_from_world([c.x, c.y]));
                    shapefile::Point::new(
                        (x * 1000.0).round() / 1000.0,
                        (y * 1000.0).round() / 1000.0,
                    )
                })
                .collect();
            let mut row = dbase::Record::default();
            for ((name, kind), value) in self.attributes.iter().zip(&record.values) {
                let field = match kind {
                    Kind::Text => dbase::FieldValue::Character(value.as_str().map(str::to_owned)),
                    Kind::Integer | Kind::Real => dbase::FieldValue::Numeric(value.as_f64()),
                    Kind::Date => dbase::FieldValue::Date(value.as_str().and_then(date_of)),
                };
                row.insert((*name).to_owned(), field);
            }
            self.writer
                .write_shape_and_record(&shapefile::Polyline::new(points), &row)
                .map_err(|e| Error::other(&self.path, e))?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        let path = self.path.clone();
        drop(self);
        std::fs::write(path.with_extension("prj"), PRJ_3006).map_err(|e| Error::io(&path, e))?;
        std::fs::write(path.with_extension("cpg"), "1252").map_err(|e| Error::io(&path, e))?;
        // The table says when it was last changed: bytes 1 to 3. The library writes
        // today; the samples are from 12 May 2026.
        let table = path.with_extension("dbf");
        let mut file = File::options()
            .write(true)
            .open(&table)
            .map_err(|e| Error::io(&table, e))?;
        file.seek(SeekFrom::Start(1))
            .and_then(|_| file.write_all(&[126, 5, 12]))
            .map_err(|e| Error::io(&table, e))
    }
}

fn date_of(text: &str) -> Option<dbase::Date> {
    let mut parts = text.splitn(3, '-').map(str::parse::<u32>);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) => dbase::Date::new(day, month, year).ok(),
        _ => None,
    }
}

fn create(path: &Path) -> Result<BufWriter<File>, Error> {
    File::create(path)
        .map(BufWriter::new)
        .map_err(|e| Error::io(path, e))
}

/// Returns the geometry with every coordinate changed.
fn map_coordinates(
    geometry: &Geometry<f64>,
    mut change: impl FnMut([f64; 2]) -> [f64; 2],
) -> Geometry<f64> {
    let mut change = |coord: &Coord<f64>| {
        let [x, y] = change([coord.x, coord.y]);
        Coord { x, y }
    };
    match geometry {
        Geometry::Point(point) => Geometry::Point(Point(change(&point.0))),
        Geometry::LineString(line) => Geometry::LineString(line.0.iter().map(change).collect()),
        Geometry::Polygon(polygon) => {
            let exterior = polygon.exterior().0.iter().map(&mut change).collect();
            let interiors = polygon
                .interiors()
                .iter()
                .map(|ring| ring.0.iter().map(&mut change).collect())
                .collect();
            Geometry::Polygon(Polygon::new(exterior, interiors))
        }
        _ => unreachable!("the town has points, lines and polygons only"),
    }
}
