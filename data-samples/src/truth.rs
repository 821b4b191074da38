//! What is true of Sampelstad, for scoring what others make of the samples.
//!
//! - `ground.asc`: ESRI ASCII grid of [`ground_elevation_m`] at the cell centres, in
//!   EPSG:3014 with elevations in RH 2000; of the town only, at every scale.
//! - `roof_planes.json`: GeoJSON-like, but in EPSG:3014 with elevations in RH 2000:
//!   one feature for each plane of each roof.
//! - `*.classes`: one byte for each point of the survey of the same name, in its
//!   order: the ASPRS class (LAS 1.4 R15, table 17).

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::json;

pub use crate::ground::{DEPTH_M, Ground, Material, WIDTH_M};
use crate::plane::round2;
pub use crate::roof::{Building, RoofShape};
use crate::town::Town;
use crate::{Error, ORIGIN, SEED};

/// Side of a cell of `ground.asc`.
pub const GROUND_CELL_M: f64 = 2.0;

static TOWN: LazyLock<Town> = LazyLock::new(|| Town::new(SEED, String::new(), ORIGIN));

/// Returns the ground at a place of EPSG:3014, in metres.
///
/// Under buildings and bridges it is the ground there; on water, the water. Outside
/// the town, which covers [`WIDTH_M`] by [`DEPTH_M`] north-east of (190 000,
/// 6 920 000), it is a continuation without meaning.
pub fn ground(x: f64, y: f64) -> Ground {
    TOWN.terrain.ground([x, y])
}

/// Returns the elevation of [`ground`] in RH 2000.
pub fn ground_elevation_m(x: f64, y: f64) -> f64 {
    ground(x, y).elevation_m
}

/// Returns all buildings of the town, also those younger than the survey of 2011.
pub fn buildings() -> &'static [Building] {
    &TOWN.buildings
}

/// The files in `truth/`, while they are written.
pub(crate) struct Files {
    folder: PathBuf,
    planes_path: PathBuf,
    planes: BufWriter<File>,
    is_first: bool,
}

impl Files {
    pub(crate) fn create(folder: &Path) -> Result<Files, Error> {
        let planes_path = folder.join("roof_planes.json");
        let mut planes =
            BufWriter::new(File::create(&planes_path).map_err(|e| Error::io(&planes_path, e))?);
        planes
            .write_all(b"{\"crs\":\"EPSG:5853\",\"data_origin\":\"synthetic\",\"planes\":[")
            .map_err(|e| Error::io(&planes_path, e))?;
        Ok(Files {
            folder: folder.to_owned(),
            planes_path,
            planes,
            is_first: true,
        })
    }

    /// Writes the truth of one district; of the first, the ground too.
    pub(crate) fn write(&mut self, town: &Town) -> Result<(), Error> {
        for building in &town.buildings {
            for (k, ring) in building.roof_planes().into_iter().enumerate() {
                let ring: Vec<[f64; 3]> =
                    ring.into_iter().map(|corner| corner.map(round2)).collect();
                let plane = json!({"building": building.id, "plane": k + 1, "roof": building.shape.word(), "ring": ring});
                let comma = if self.is_first { "" } else { "," };
                self.is_first = false;
                write!(self.planes, "{comma}\n{plane}")
                    .map_err(|e| Error::io(&self.planes_path, e))?;
            }
        }
        if town.prefix.is_empty() {
            self.write_ground(town)?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<(), Error> {
        self.planes
            .write_all(b"\n]}\n")
            .and_then(|()| self.planes.flush())
            .map_err(|e| Error::io(&self.planes_path, e))
    }

    fn write_ground(&self, town: &Town) -> Result<(), Error> {
        let path = self.folder.join("ground.asc");
        let io = |e| Error::io(&path, e);
        let mut out = BufWriter::new(File::create(&path).map_err(io)?);
        let (columns, rows) = (
            (WIDTH_M / GROUND_CELL_M) as usize,
            (DEPTH_M / GROUND_CELL_M) as usize,
        );
        let [west, south] = town.terrain.origin;
        write!(out, "ncols {columns}\nnrows {rows}\nxllcorner {west}\nyllcorner {south}\ncellsize {GROUND_CELL_M}\nNODATA_value -9999\n").map_err(io)?;
        for row in 0..rows {
            let y = south + DEPTH_M - (row as f64 + 0.5) * GROUND_CELL_M;
            for column in 0..columns {
                let x = west + (column as f64 + 0.5) * GROUND_CELL_M;
                let space = if column == 0 { "" } else { " " };
                write!(out, "{space}{:.2}", town.terrain.ground([x, y]).elevation_m).map_err(io)?;
            }
            out.write_all(b"\n").map_err(io)?;
        }
        out.flush().map_err(io)?;
        let path = self.folder.join("ground.prj");
        std::fs::write(&path, crate::survey::WKT_5853).map_err(|e| Error::io(&path, e))
    }
}
