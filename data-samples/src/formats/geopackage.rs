//! GeoPackages (OGC 12-128r19, version 1.3), written with SQLite itself.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use geo_types::{Coord, Geometry, LineString};
use serde_json::Value;

use super::{Attribute, Kind, Record, Sink, map_coordinates};
use crate::Error;

/// A GeoPackage of several tables.
#[derive(Clone)]
pub(crate) struct GeoPackage {
    path: PathBuf,
    connection: Rc<RefCell<rusqlite::Connection>>,
}

impl GeoPackage {
    pub(crate) fn create(path: PathBuf) -> Result<GeoPackage, Error> {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io(&path, error));
            }
            _ => {}
        }
        let connection = rusqlite::Connection::open(&path).map_err(|e| Error::other(&path, e))?;
        connection
            .execute_batch(include_str!("geopackage.sql"))
            .map_err(|e| Error::other(&path, e))?;
        Ok(GeoPackage {
            path,
            connection: Rc::new(RefCell::new(connection)),
        })
    }

    /// Adds a table; `geometry_type` is none for a table without geometry.
    pub(crate) fn table(
        &self,
        name: &'static str,
        title: &str,
        geometry_type: Option<&'static str>,
        attributes: &'static [Attribute],
    ) -> Result<GeoPackageSink, Error> {
        let other = |e| Error::other(&self.path, e);
        let connection = self.connection.borrow();
        let columns: Vec<String> = attributes
            .iter()
            .map(|(name, kind)| {
                let sql_type = match kind {
                    Kind::Text => "TEXT",
                    Kind::Integer => "INTEGER",
                    Kind::Real => "REAL",
                    Kind::Date => "DATE",
                };
                format!(", \"{name}\" {sql_type}")
            })
            .collect();
        let geometry = geometry_type.map_or(String::new(), |t| format!(", geom {t}"));
        connection
            .execute_batch(&format!(
                "CREATE TABLE \"{name}\" (fid INTEGER PRIMARY KEY NOT NULL{geometry}{})",
                columns.concat()
            ))
            .map_err(other)?;
        let data_type = if geometry_type.is_some() {
            "features"
        } else {
            "attributes"
        };
        connection
            .execute(
                "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) VALUES (?1, ?2, ?1, ?3, '2026-05-12T08:00:00.000Z', ?4)",
                rusqlite::params![name, data_type, title, geometry_type.map_or(0, |_| 3014)],
            )
            .map_err(other)?;
        if let Some(geometry_type) = geometry_type {
            connection
                .execute(
                    "INSERT INTO gpkg_geometry_columns VALUES (?1, 'geom', ?2, 3014, 0, 0)",
                    rusqlite::params![name, geometry_type],
                )
                .map_err(other)?;
        }
        let slots: Vec<&str> = attributes.iter().map(|_| ", ?").collect();
        let insert = format!(
            "INSERT INTO \"{name}\" VALUES (NULL{}{})",
            if geometry_type.is_some() { ", ?" } else { "" },
            slots.concat()
        );
        Ok(GeoPackageSink {
            package: self.clone(),
            name,
            has_geometry: geometry_type.is_some(),
            insert,
            bounds: None,
        })
    }
}

/// One table of a GeoPackage.
pub(crate) struct GeoPackageSink {
    package: GeoPackage,
    name: &'static str,
    has_geometry: bool,
    insert: String,
    bounds: Option<[f64; 4]>,
}

impl Sink for GeoPackageSink {
    fn write(&mut self, records: &[Record]) -> Result<(), Error> {
        let path = &self.package.path;
        let other = |e| Error::other(path, e);
        let mut connection = self.package.connection.borrow_mut();
        let transaction = connection.transaction().map_err(other)?;
        {
            let mut insert = transaction.prepare_cached(&self.insert).map_err(other)?;
            for record in records {
                let mut row: Vec<rusqlite::types::Value> = Vec::new();
                if self.has_geometry {
                    row.push(match &record.geometry {
                        Some(geometry) => rusqlite::types::Value::Blob(geopackage_blob(
                            geometry,
                            &mut self.bounds,
                        )),
                        None => rusqlite::types::Value::Null,
                    });
                }
                row.extend(record.values.iter().map(|value| match value {
                    Value::String(text) => rusqlite::types::Value::Text(text.clone()),
                    Value::Number(number) => match number.as_i64() {
                        Some(integer) => rusqlite::types::Value::Integer(integer),
                        None => rusqlite::types::Value::Real(number.as_f64().unwrap_or_default()),
                    },
                    _ => rusqlite::types::Value::Null,
                }));
                insert
                    .execute(rusqlite::params_from_iter(row))
                    .map_err(other)?;
            }
        }
        transaction.commit().map_err(other)
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        if let Some([west, south, east, north]) = self.bounds {
            self.package
                .connection
                .borrow()
                .execute(
                    "UPDATE gpkg_contents SET min_x = ?2, min_y = ?3, max_x = ?4, max_y = ?5 WHERE table_name = ?1",
                    rusqlite::params![self.name, west, south, east, north],
                )
                .map_err(|e| Error::other(&self.package.path, e))?;
        }
        Ok(())
    }
}

/// A geometry as GeoPackage stores it: header with an envelope, then WKB, both
/// little-endian.
fn geopackage_blob(geometry: &Geometry<f64>, all_bounds: &mut Option<[f64; 4]>) -> Vec<u8> {
    let mut bounds: Option<[f64; 4]> = None;
    map_coordinates(geometry, |world| {
        bounds = Some(widened(bounds, [world[0], world[1], world[0], world[1]]));
        world
    });
    let mut blob = b"GP\0".to_vec();
    // Bit 0: little-endian; bits 1-3: envelope of x and y; bit 4: empty.
    blob.push(if bounds.is_some() {
        0b0000_0011
    } else {
        0b0001_0001
    });
    blob.extend(3014_i32.to_le_bytes());
    if let Some(bounds) = bounds {
        *all_bounds = Some(widened(*all_bounds, bounds));
        for value in [bounds[0], bounds[2], bounds[1], bounds[3]] {
            blob.extend(value.to_le_bytes());
        }
    }
    let put = |blob: &mut Vec<u8>, coords: &mut dyn Iterator<Item = Coord<f64>>| {
        for coord in coords {
            blob.extend(coord.x.to_le_bytes());
            blob.extend(coord.y.to_le_bytes());
        }
    };
    let put_count = |blob: &mut Vec<u8>, count: usize| blob.extend((count as u32).to_le_bytes());
    blob.push(1);
    match geometry {
        Geometry::Point(point) => {
            put_count(&mut blob, 1);
            put(&mut blob, &mut std::iter::once(point.0));
        }
        Geometry::LineString(line) => {
            put_count(&mut blob, 2);
            put_count(&mut blob, line.0.len());
            put(&mut blob, &mut line.0.iter().copied());
        }
        Geometry::Polygon(polygon) => {
            put_count(&mut blob, 3);
            let rings: Vec<&LineString<f64>> = std::iter::once(polygon.exterior())
                .chain(polygon.interiors())
                .filter(|ring| !ring.0.is_empty())
                .collect();
            put_count(&mut blob, rings.len());
            for ring in rings {
                put_count(&mut blob, ring.0.len());
                put(&mut blob, &mut ring.0.iter().copied());
            }
        }
        _ => unreachable!("the town has points, lines and polygons only"),
    }
    blob
}

fn widened(bounds: Option<[f64; 4]>, other: [f64; 4]) -> [f64; 4] {
    bounds.map_or(other, |b| {
        [
            b[0].min(other[0]),
            b[1].min(other[1]),
            b[2].max(other[2]),
            b[3].max(other[3]),
        ]
    })
}
