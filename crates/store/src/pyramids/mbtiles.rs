//! Writes MBTiles 1.3: a SQLite file, for programs that read nothing else.
//!
//! Its tiles are those of `WebMercatorQuad`, and its rows count from the south.

use std::fs::File;
use std::path::{Path, PathBuf};

use model::TileCoord;
use rusqlite::Connection;
use serde_json::json;

use super::describe::{PyramidDescription, Sacrifices};
use crate::Error;

/// The only tile matrix set that MBTiles may hold ("Tiles", 1.3).
const ONLY_TMS: &str = "WebMercatorQuad";

/// `MPBX`, by which SQLite files that are MBTiles are known.
const APPLICATION_ID: i32 = 0x4d50_4258;

const TABLES: &str = "
    CREATE TABLE metadata (name text, value text);
    CREATE TABLE tiles (zoom_level integer, tile_column integer, tile_row integer, tile_data blob);
";

/// Made at the end: inserting along the Hilbert curve into an index costs twice the time.
const INDEXES: &str = "
    CREATE UNIQUE INDEX metadata_name ON metadata (name);
    CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row);
    COMMIT;
";

pub(super) struct MbTiles {
    path: PathBuf,
    connection: Connection,
}

impl MbTiles {
    pub(super) fn create(path: &Path, description: &PyramidDescription) -> Result<MbTiles, Error> {
        if description.tms != ONLY_TMS {
            return Err(Error::Refused(format!(
                "MBTiles holds tiles of {ONLY_TMS} only, not of {}: write *.pmtiles instead",
                description.tms
            )));
        }
        // SQLite would open one that is there.
        File::create_new(path).map_err(Error::io(path))?;
        let connection = Connection::open(path).map_err(|error| sqlite(path, error))?;
        // Nobody reads the file before it is finished and made durable as a whole.
        let set_up = || {
            connection.pragma_update(None, "journal_mode", "OFF")?;
            connection.pragma_update(None, "synchronous", "OFF")?;
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
            connection.execute_batch(TABLES)?;
            connection.execute_batch("BEGIN")
        };
        set_up().map_err(|error| sqlite(path, error))?;
        Ok(MbTiles {
            path: path.to_owned(),
            connection,
        })
    }

    pub(super) fn add(&mut self, tile: TileCoord, gzip: &[u8]) -> Result<(), Error> {
        let row_from_south = (1_u64 << tile.z()) - 1 - u64::from(tile.y());
        let mut insert = self
            .connection
            .prepare_cached("INSERT INTO tiles VALUES (?1, ?2, ?3, ?4)")
            .map_err(|error| sqlite(&self.path, error))?;
        insert
            .execute((tile.z(), tile.x(), row_from_south as i64, gzip))
            .map_err(|error| sqlite(&self.path, error))?;
        Ok(())
    }

    pub(super) fn finish(
        self,
        description: &PyramidDescription,
        sacrifices: &Sacrifices,
    ) -> Result<(), Error> {
        let [first, last] = description.stored_levels();
        let ([lon, lat], zoom) = description.center();
        let bounds = description.bounds_lonlat_deg.map(|edge| edge.to_string());
        let json = json!({
            "vector_layers": description.vector_layers(),
            "tvilling": description.own(sacrifices),
        });
        let mut rows = vec![
            ("name", description.name.clone()),
            ("format", "pbf".to_owned()),
            ("bounds", bounds.join(",")),
            ("center", format!("{lon},{lat},{zoom}")),
            ("minzoom", first.to_string()),
            ("maxzoom", last.to_string()),
            ("type", "overlay".to_owned()),
            ("description", description.description.clone()),
            ("json", json.to_string()),
        ];
        if let Some(attribution) = &description.attribution {
            rows.push(("attribution", attribution.clone()));
        }
        let write = || {
            for row in &rows {
                let insert = "INSERT INTO metadata VALUES (?1, ?2)";
                self.connection.execute(insert, (row.0, &row.1))?;
            }
            self.connection.execute_batch(INDEXES)
        };
        write().map_err(|error| sqlite(&self.path, error))?;
        self.connection
            .close()
            .map_err(|(_, error)| sqlite(&self.path, error))
    }
}

fn sqlite(path: &Path, error: rusqlite::Error) -> Error {
    Error::Io {
        path: path.to_owned(),
        source: std::io::Error::other(error),
    }
}
