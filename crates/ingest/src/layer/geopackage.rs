//! GeoPackage (OGC 12-128), and its older cousin SpatiaLite: layers are tables
//! of an SQLite database.
//!
//! The file is opened read-only and as immutable, so that nothing is ever made
//! beside it.

use std::path::Path;

use model::{ColumnKind, Value};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};

use crate::report::Outcome;

use super::dates;
use super::raw::{FileCrs, RawColumn, RawFeature, RawGeometry, RawLayer, Refusal, Texts};
use super::wkb;

/// Layers named in an error, at most.
const MAX_NAMED_LAYERS: usize = 20;

/// Longest text or blob of one value: SQLite itself would take a gigabyte, and
/// no geometry of a municipality comes near this.
const MAX_VALUE_BYTES: usize = 256 << 20;

/// Reads the layer called `layer`, or the only one.
pub(crate) fn read_geopackage(path: &Path, layer: Option<&str>) -> Result<RawLayer, Refusal> {
    refuse_unfinished(path)?;
    let database = open(path)?;
    let flavour = if has_table(&database, "gpkg_contents")? {
        Flavour::GeoPackage
    } else if has_table(&database, "geometry_columns")? {
        Flavour::SpatiaLite
    } else {
        return Err(Refusal::new(
            "is an SQLite database, but neither a GeoPackage nor SpatiaLite: it has no table gpkg_contents or geometry_columns",
        ));
    };
    let table = choose(flavour.layers(&database)?, layer)?;
    let shape = flavour.shape(&database, &table)?;
    read_table(&database, &table, shape)
}

/// Refuses a database whose last changes still lie in a journal beside it, which
/// reading it as immutable would silently miss.
fn refuse_unfinished(path: &Path) -> Result<(), Refusal> {
    for ending in ["-wal", "-journal"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(ending);
        if std::fs::metadata(&beside).is_ok_and(|m| m.len() > 0) {
            return Err(Refusal::new(format!(
                "has unfinished changes in {}: close the program that writes it, or open and save it once",
                Path::new(&beside).display()
            )));
        }
    }
    Ok(())
}

fn open(path: &Path) -> Result<Connection, Refusal> {
    let absolute = std::path::absolute(path)
        .map_err(|error| Refusal::new(format!("cannot be opened: {error}")))?;
    let name = absolute
        .to_str()
        .ok_or_else(|| Refusal::new("has a name that is not UTF-8: rename it"))?;
    let mut uri = "file:".to_owned();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(uri, flags).map_err(damaged)?;
    // The file may be hostile: its schema may not call functions that do more
    // than compute, and its b-trees are checked as they are read.
    database
        .execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")
        .map_err(damaged)?;
    Ok(database)
}

fn damaged(error: rusqlite::Error) -> Refusal {
    Refusal::new(format!(
        "cannot be read as an SQLite database ({error}): it may be truncated or damaged, fetch it again"
    ))
}

fn has_table(database: &Connection, name: &str) -> Result<bool, Refusal> {
    database
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'view') AND lower(name) = ?1",
            [name],
            |_| Ok(()),
        )
        .optional()
        .map(|found| found.is_some())
        .map_err(damaged)
}

fn choose(layers: Vec<String>, wanted: Option<&str>) -> Result<String, Refusal> {
    let list = || {
        let mut names: Vec<_> = layers.iter().take(MAX_NAMED_LAYERS).cloned().collect();
        if layers.len() > MAX_NAMED_LAYERS {
            names.push(format!("and {} more", layers.len() - MAX_NAMED_LAYERS));
        }
        names.join(", ")
    };
    match (wanted, layers.as_slice()) {
        (_, []) => Err(Refusal::new("has no layer: its table of contents is empty")),
        (Some(wanted), _) => layers
            .iter()
            .find(|name| *name == wanted)
            .cloned()
            .ok_or_else(|| Refusal::new(format!("has no layer {wanted:?}; it has: {}", list()))),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(Refusal::new(format!(
            "has {} layers, choose one with --layer: {}",
            layers.len(),
            list()
        ))),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flavour {
    GeoPackage,
    SpatiaLite,
}

/// What the database's own tables say of a layer.
struct Shape {
    flavour: Flavour,
    geometry_column: Option<String>,
    crs: FileCrs,
}

impl Flavour {
    fn layers(self, database: &Connection) -> Result<Vec<String>, Refusal> {
        let sql = match self {
            Flavour::GeoPackage => {
                "SELECT table_name FROM gpkg_contents \
                 WHERE data_type IN ('features', 'attributes', 'aspatial') ORDER BY table_name"
            }
            Flavour::SpatiaLite => {
                "SELECT DISTINCT f_table_name FROM geometry_columns ORDER BY f_table_name"
            }
        };
        let mut query = database.prepare(sql).map_err(damaged)?;
        let names = query.query_map([], |row| row.get(0)).map_err(damaged)?;
        names.collect::<Result<_, _>>().map_err(damaged)
    }

    fn shape(self, database: &Connection, table: &str) -> Result<Shape, Refusal> {
        let sql = match self {
            Flavour::GeoPackage => {
                "SELECT column_name, srs_id FROM gpkg_geometry_columns WHERE table_name = ?1"
            }
            Flavour::SpatiaLite => {
                "SELECT f_geometry_column, CAST(srid AS INTEGER) FROM geometry_columns WHERE f_table_name = ?1"
            }
        };
        // A GeoPackage of attribute tables only need not have the table at all.
        let geometry: Option<(String, i64)> =
            if self == Flavour::GeoPackage && !has_table(database, "gpkg_geometry_columns")? {
                None
            } else {
                database
                    .query_row(sql, [table], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
                    .map_err(damaged)?
            };
        Ok(match geometry {
            None => Shape {
                flavour: self,
                geometry_column: None,
                crs: FileCrs::Unstated,
            },
            Some((column, srs)) => Shape {
                flavour: self,
                geometry_column: Some(column),
                crs: self.crs(database, srs)?,
            },
        })
    }

    fn crs(self, database: &Connection, srs: i64) -> Result<FileCrs, Refusal> {
        let (name, sql) = match self {
            Flavour::GeoPackage => (
                "gpkg_spatial_ref_sys",
                "SELECT organization, CAST(organization_coordsys_id AS INTEGER), definition \
                 FROM gpkg_spatial_ref_sys WHERE srs_id = ?1",
            ),
            Flavour::SpatiaLite => (
                "spatial_ref_sys",
                "SELECT auth_name, CAST(auth_srid AS INTEGER), NULL FROM spatial_ref_sys WHERE srid = ?1",
            ),
        };
        // The types that tables declare bind nobody in SQLite, hence the casts; the
        // name of SpatiaLite's definition differs between its versions.
        //
        // −1 and 0 stand for an undefined Cartesian and geographic system.
        if srs <= 0 {
            return Ok(FileCrs::Unstated);
        }
        let row: Option<(Option<String>, Option<i64>, Option<String>)> = database
            .query_row(sql, [srs], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2).unwrap_or_default()))
            })
            .optional()
            .map_err(damaged)?;
        Ok(match row {
            None => FileCrs::Unusable(format!("srs_id {srs}, which {name} does not define")),
            Some((Some(organization), Some(code), _))
                if !organization.eq_ignore_ascii_case("none") =>
            {
                FileCrs::Code(format!("{}:{code}", organization.to_ascii_uppercase()))
            }
            Some((_, _, Some(definition)))
                if !definition.is_empty() && !definition.eq_ignore_ascii_case("undefined") =>
            {
                FileCrs::Definition(definition)
            }
            Some(_) => FileCrs::Unusable(format!("srs_id {srs}, which has no definition")),
        })
    }
}

/// A column of the table that becomes an attribute.
struct Attribute {
    /// Place in the row.
    place: usize,
    kind: Option<ColumnKind>,
}

fn read_table(database: &Connection, table: &str, shape: Shape) -> Result<RawLayer, Refusal> {
    let mut layer = RawLayer {
        crs: shape.crs,
        ..RawLayer::default()
    };
    let quoted = table.replace('"', "\"\"");
    let mut query = database
        .prepare(&format!("SELECT * FROM \"{quoted}\""))
        .map_err(|error| {
            Refusal::new(format!(
                "layer {table:?} cannot be read ({error}): the file may be damaged"
            ))
        })?;
    let declared = declared_columns(database, table)?;
    let mut keys = declared.iter().filter(|c| c.is_key);
    // A key of several columns identifies a row only together.
    let key_name = keys.next().filter(|_| keys.next().is_none());
    let key_name = key_name.map(|c| c.name.clone());
    let mut key_place = None;
    let mut geometry_place = None;
    let mut attributes = Vec::new();
    let mut binary = Vec::new();
    for (place, name) in query.column_names().into_iter().enumerate() {
        let is = |other: &Option<String>| {
            other
                .as_deref()
                .is_some_and(|o| o.eq_ignore_ascii_case(name))
        };
        let declared = declared
            .iter()
            .find(|c| c.name == name)
            .map_or("", |c| c.kind.as_str());
        if is(&shape.geometry_column) {
            geometry_place = Some(place);
        } else if is(&key_name) {
            key_place = Some(place);
        } else if declared.starts_with("BLOB") {
            binary.push(name.to_owned());
        } else {
            let kind = kind_of(declared);
            layer.push_column(RawColumn {
                name: name.to_owned(),
                declared: kind,
                texts: Texts::Only,
            })?;
            attributes.push(Attribute { place, kind });
        }
    }
    if shape.geometry_column.is_some() && geometry_place.is_none() {
        return Err(Refusal::new(format!(
            "layer {table:?} lacks the geometry column {:?} that its own tables name",
            shape.geometry_column.unwrap_or_default()
        )));
    }
    for name in binary {
        layer.report.count("binary_column", Outcome::LeftOut, || {
            format!("column {name:?}: binary values are not read")
        });
    }

    let mut rows = query.query([]).map_err(damaged)?;
    let mut number = 0;
    loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(layer),
            Err(error) => {
                return Err(Refusal::new(format!(
                    "layer {table:?} breaks off after {number} rows ({error}): the file may be truncated or damaged, fetch it again"
                )));
            }
        };
        number += 1;
        let feature = read_row(
            row,
            number,
            &shape.flavour,
            key_place,
            geometry_place,
            &attributes,
        )?;
        layer.push(feature)?;
    }
}

fn read_row(
    row: &Row<'_>,
    number: u64,
    flavour: &Flavour,
    key_place: Option<usize>,
    geometry_place: Option<usize>,
    attributes: &[Attribute],
) -> Result<RawFeature, Refusal> {
    let cell = |place: usize| -> Result<ValueRef<'_>, Refusal> {
        let value = row.get_ref(place).map_err(damaged)?;
        match value {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) if bytes.len() > MAX_VALUE_BYTES => {
                Err(Refusal::new(format!(
                    "row {number} has a value of {} bytes, at most {MAX_VALUE_BYTES} are read",
                    bytes.len()
                )))
            }
            value => Ok(value),
        }
    };
    let key = match key_place.map(cell).transpose()? {
        Some(ValueRef::Integer(key)) => Some(key.to_string()),
        Some(ValueRef::Text(key)) => Some(String::from_utf8_lossy(key).into_owned()),
        _ => None,
    };
    let geometry = match geometry_place.map(cell).transpose()? {
        None | Some(ValueRef::Null) => RawGeometry::None,
        Some(ValueRef::Blob(blob)) => match flavour {
            Flavour::GeoPackage => wkb::read_gpkg_geometry(blob),
            Flavour::SpatiaLite if blob.first() == Some(&0) && blob.last() == Some(&0xfe) => {
                wkb::read_spatialite_geometry(blob)
            }
            // OGR writes plain WKB unless SpatiaLite is asked for.
            Flavour::SpatiaLite => wkb::read_wkb(blob),
        },
        Some(_) => RawGeometry::unusable("bad_geometry", "a value that is no blob"),
    };
    let values: Result<Vec<Value>, Refusal> = attributes
        .iter()
        .map(|attribute| Ok(value_of(cell(attribute.place)?, attribute.kind)))
        .collect();
    Ok(RawFeature {
        number,
        key,
        geometry,
        values: values?,
    })
}

/// What SQLite knows of a column.
struct Declared {
    name: String,
    /// In capitals; empty where there is none.
    kind: String,
    is_key: bool,
}

/// Returns the declared columns, generated ones too.
fn declared_columns(database: &Connection, table: &str) -> Result<Vec<Declared>, Refusal> {
    let mut query = database
        .prepare("SELECT name, type, pk FROM pragma_table_xinfo(?1)")
        .map_err(damaged)?;
    let columns = query
        .query_map([table], |row| {
            Ok(Declared {
                name: row.get(0)?,
                kind: row.get::<_, String>(1)?.to_ascii_uppercase(),
                is_key: row.get::<_, i64>(2)? > 0,
            })
        })
        .map_err(damaged)?;
    columns.collect::<Result<_, _>>().map_err(damaged)
}

fn kind_of(declared: &str) -> Option<ColumnKind> {
    let word = declared.split('(').next().unwrap_or_default().trim();
    Some(match word {
        "BOOLEAN" => ColumnKind::Boolean,
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "INTEGER" | "BIGINT" => ColumnKind::Integer,
        "FLOAT" | "DOUBLE" | "REAL" => ColumnKind::Number,
        "DATE" => ColumnKind::Date,
        "DATETIME" | "TIMESTAMP" => ColumnKind::Instant,
        "JSON" => ColumnKind::Json,
        "TEXT" | "VARCHAR" | "CHAR" => ColumnKind::Text,
        _ => return None,
    })
}

fn value_of(value: ValueRef<'_>, kind: Option<ColumnKind>) -> Value {
    match (value, kind) {
        (ValueRef::Integer(0), Some(ColumnKind::Boolean)) => Value::Boolean(false),
        (ValueRef::Integer(1), Some(ColumnKind::Boolean)) => Value::Boolean(true),
        (ValueRef::Integer(n), _) => Value::Integer(n),
        (ValueRef::Real(n), _) => Value::Number(n),
        (ValueRef::Text(bytes), kind) => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let typed = match kind {
                Some(ColumnKind::Date) => dates::date(&text).map(Value::Date),
                // A GeoPackage DATETIME is in UTC (Requirement 5).
                Some(ColumnKind::Instant) => dates::instant_in_utc(&text).map(Value::Instant),
                Some(ColumnKind::Json) => return Value::Json(text),
                _ => None,
            };
            typed.unwrap_or(Value::Text(text))
        }
        (ValueRef::Null | ValueRef::Blob(_), _) => Value::Null,
    }
}
