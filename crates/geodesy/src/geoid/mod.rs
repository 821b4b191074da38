//! The geoid: how far the zero of a national height system lies above the ellipsoid.
//!
//! Satellite positioning gives heights above the ellipsoid; maps, pipes and floor levels
//! have heights above the geoid. The difference is read from a grid of a geodetic
//! authority, in the GeoTIFF form that PROJ distributes
//! (<https://proj.org/specifications/geodetictiffgrids.html>).
//!
//! PROJ itself reads such a grid only with a C library that the binary does not carry, and
//! shifts nothing at all, without a word, when it finds no grid. So the grid is read here,
//! interpolated as PROJ's `vgridshift` does it, and tests hold the result to PROJ.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fmt};

use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;

use crate::{Crs, Error};

/// The grid of Lantmäteriet for RH 2000 (EPSG:5613), as PROJ names it.
const RH2000_GRID: &str = "se_lantmateriet_SWEN17_RH2000.tif";

/// Most bytes that the values of a grid may take: a grid of the whole Earth in steps of a
/// minute and a half fits.
const MAX_GRID_BYTES: u64 = 512 << 20;

/// Deflate packs at best a thousand bytes into one, so a file cannot hold more values than
/// this many times its length, whatever its header says.
const MAX_PACKING: u64 = 1100;

/// What PROJ calls a grid of separations between the ellipsoid and a height system.
const GRID_TYPE: &str = "VERTICAL_OFFSET_GEOGRAPHIC_TO_VERTICAL";

/// GDAL's metadata, as XML.
const GDAL_METADATA: Tag = Tag::Unknown(42112);

/// GeoTIFF key (OGC 19-008r4) that says whether a value belongs to a point or to an area.
const RASTER_TYPE_KEY: u16 = 1025;
/// Its value for points.
const RASTER_IS_POINT: u16 = 2;

/// How far outside the outermost values a place may lie and still be on them, in cells:
/// what arithmetic in degrees rounds away.
const EDGE_CELLS: f64 = 1e-6;

/// A grid of geoid heights: the separation N of the ellipsoid and a height system.
///
/// Ellipsoidal height = elevation + N. Cheap to clone, `Send` and `Sync`.
#[derive(Clone)]
pub struct Geoid(Arc<Grid>);

struct Grid {
    path: PathBuf,
    name: String,
    vertical_code: String,
    vertical_name: String,
    /// Place of the north-western value.
    west_deg: f64,
    north_deg: f64,
    step_deg: [f64; 2],
    columns: usize,
    rows: usize,
    /// Metres, row by row from the north; NaN where the model says nothing.
    values: Vec<f32>,
}

impl Geoid {
    /// Reads a grid.
    ///
    /// # Errors
    ///
    /// [`Error::Geoid`] names the file, and says what is wrong with it and what to do.
    pub fn open(path: &Path) -> Result<Geoid, Error> {
        let refused = |reason: String| Error::Geoid {
            path: path.to_owned(),
            reason,
        };
        // What tiff is known to refuse it refuses with an error; a file that finds another
        // way must cost this file and not the server.
        let read = catch_unwind(AssertUnwindSafe(|| read(path)));
        let grid = read
            .unwrap_or_else(|_| Err(damaged("it cannot be decoded")))
            .map_err(refused)?;
        Ok(Geoid(Arc::new(grid)))
    }

    /// Reads the grid for RH 2000 from the folders where PROJ looks: those that
    /// `PROJ_DATA` names, the user's, and the machine's.
    ///
    /// # Errors
    ///
    /// [`Error::Geoid`] if there is none, or it cannot be read.
    pub fn find() -> Result<Geoid, Error> {
        Geoid::find_in(&proj_folders())
    }

    fn find_in(folders: &[PathBuf]) -> Result<Geoid, Error> {
        let found = folders.iter().map(|folder| folder.join(RH2000_GRID));
        match found.into_iter().find(|path| path.is_file()) {
            Some(path) => Geoid::open(&path),
            None => Err(Error::Geoid {
                path: PathBuf::from(RH2000_GRID),
                reason: "the geoid grid is in none of the folders where PROJ looks: fetch it from \
                         https://cdn.proj.org and name it with --geoid FILE, as geoid under [heights] \
                         in twin.toml, or put it into a folder that PROJ_DATA names"
                    .to_owned(),
            }),
        }
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Its name for people: that of the file, without folder and ending.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Code of the height system that it leads to, such as `EPSG:5613`.
    pub fn vertical_code(&self) -> &str {
        &self.0.vertical_code
    }

    /// Name of the height system that it leads to, such as `RH2000 height`.
    pub fn vertical_name(&self) -> &str {
        &self.0.vertical_name
    }

    /// The separation N in metres at a longitude and latitude: what to add to an elevation
    /// for the height above the ellipsoid. None outside the grid.
    ///
    /// Bilinear between the four values around the place, as PROJ has it; none where any
    /// of them that counts is missing. The place is taken as one in the geodetic datum of
    /// the grid: SWEREF 99, ETRS 89 and WGS 84 lie within a metre, which the geoid does not
    /// notice.
    pub fn separation_m(&self, [lon_deg, lat_deg]: [f64; 2]) -> Option<f64> {
        let grid = &*self.0;
        let east_deg = (lon_deg - grid.west_deg).rem_euclid(360.0);
        // A hair to the west of the grid is not a whole turn to the east of it.
        let east_deg = if east_deg > 360.0 - EDGE_CELLS * grid.step_deg[0] {
            0.0
        } else {
            east_deg
        };
        let (left, right, u) = between(east_deg / grid.step_deg[0], grid.columns)?;
        let (top, bottom, v) = between((grid.north_deg - lat_deg) / grid.step_deg[1], grid.rows)?;
        let mut sum = 0.0;
        for (column, row, weight) in [
            (left, top, (1.0 - u) * (1.0 - v)),
            (right, top, u * (1.0 - v)),
            (left, bottom, (1.0 - u) * v),
            (right, bottom, u * v),
        ] {
            if weight > 0.0 {
                sum += weight * f64::from(grid.values[row * grid.columns + column]);
            }
        }
        sum.is_finite().then_some(sum)
    }

    /// The separations of many places, in their order; see [`Geoid::separation_m`].
    pub fn separations_m(&self, lonlat_deg: &[[f64; 2]]) -> Vec<Option<f64>> {
        lonlat_deg
            .iter()
            .map(|&place| self.separation_m(place))
            .collect()
    }
}

impl fmt::Debug for Geoid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Geoid")
            .field("path", &self.0.path)
            .field("vertical_code", &self.0.vertical_code)
            .finish_non_exhaustive()
    }
}

/// The two values around a place along one axis, and how far between them it lies.
fn between(cells: f64, count: usize) -> Option<(usize, usize, f64)> {
    let last = (count - 1) as f64;
    if !(-EDGE_CELLS..=last + EDGE_CELLS).contains(&cells) {
        return None;
    }
    let cells = cells.clamp(0.0, last);
    let first = cells.floor() as usize;
    Some((first, (first + 1).min(count - 1), cells - cells.floor()))
}

/// The folders where PROJ looks for grids (its `proj_context_get_search_paths`), in its
/// order.
fn proj_folders() -> Vec<PathBuf> {
    let listed = ["PROJ_DATA", "PROJ_LIB"]
        .into_iter()
        .filter_map(env::var_os);
    let listed = listed.flat_map(|folders| env::split_paths(&folders).collect::<Vec<_>>());
    let absolute = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let user = absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|folder| folder.join("proj"));
    let machine = ["/usr/local/share/proj", "/usr/share/proj"].map(PathBuf::from);
    listed.chain(user).chain(machine).collect()
}

fn damaged(what: &str) -> String {
    format!("{what}: the file is damaged or no TIFF, fetch the grid again")
}

fn not_a_geoid(what: &str) -> String {
    format!(
        "is no geoid grid in PROJ's GeoTIFF form, since {what}: take one whose TYPE is {GRID_TYPE}, such as {RH2000_GRID}"
    )
}

fn read(path: &Path) -> Result<Grid, String> {
    let file = File::open(path).map_err(|error| {
        format!(
            "cannot be opened ({error}): name a geoid grid with --geoid FILE or geoid under [heights] in twin.toml"
        )
    })?;
    let len = file
        .metadata()
        .map_err(|error| format!("cannot be read: {error}"))?
        .len();
    let mut limits = Limits::default();
    let most = len.saturating_mul(MAX_PACKING).min(MAX_GRID_BYTES);
    limits.decoding_buffer_size = usize::try_from(most).unwrap_or(usize::MAX);
    limits.intermediate_buffer_size = limits.decoding_buffer_size;
    let wrong = |error: tiff::TiffError| damaged(&format!("cannot be decoded ({error})"));
    let mut tiff = Decoder::new(BufReader::new(file))
        .map_err(wrong)?
        .with_limits(limits);

    let metadata = tiff.get_tag_ascii_string(GDAL_METADATA).unwrap_or_default();
    let kind = item(&metadata, "TYPE").ok_or_else(|| not_a_geoid("it does not say what it is"))?;
    if kind != GRID_TYPE {
        return Err(not_a_geoid(&format!("its TYPE is {kind}")));
    }
    if let Some(unit) = item(&metadata, "UNITTYPE")
        && !matches!(unit, "metre" | "meter" | "m")
    {
        return Err(not_a_geoid(&format!("its values are in {unit}")));
    }
    let vertical_code = item(&metadata, "target_crs_epsg_code")
        .map(|code| format!("EPSG:{code}"))
        .ok_or_else(|| not_a_geoid("it does not say which height system it leads to"))?;
    let vertical = Crs::from_code("CRS84").and_then(|crs| crs.with_vertical(&vertical_code));
    let vertical = vertical.map_err(|error| not_a_geoid(&error.to_string()))?;

    let (columns, rows) = tiff.dimensions().map_err(wrong)?;
    let scale = tiff
        .get_tag_f64_vec(Tag::ModelPixelScaleTag)
        .unwrap_or_default();
    let tie = tiff
        .get_tag_f64_vec(Tag::ModelTiepointTag)
        .unwrap_or_default();
    let ([dx, dy, ..], [column, row, _, lon_deg, lat_deg, _]) = (scale.as_slice(), tie.as_slice())
    else {
        return Err(not_a_geoid("it does not say where its values lie"));
    };
    let keys = tiff
        .get_tag_u16_vec(Tag::GeoKeyDirectoryTag)
        .unwrap_or_default();
    let is_point = keys
        .chunks_exact(4)
        .any(|key| key[0] == RASTER_TYPE_KEY && key[3] == RASTER_IS_POINT);
    // The middle of a cell is where the value of an area belongs.
    let middle = if is_point { 0.0 } else { 0.5 };
    let west_deg = lon_deg + (middle - column) * dx;
    let north_deg = lat_deg - (middle - row) * dy;
    let south_deg = north_deg - f64::from(rows.saturating_sub(1)) * dy;
    let step = |step: &f64| step.is_finite() && *step > 1e-6 && *step < 90.0;
    let on_earth = |lat_deg: f64| (-90.0 - dy..=90.0 + dy).contains(&lat_deg);
    let fits = columns >= 2
        && rows >= 2
        && step(dx)
        && step(dy)
        && west_deg.abs() <= 360.0
        && f64::from(columns - 1) * dx <= 360.0
        && on_earth(north_deg)
        && on_earth(south_deg);
    if !fits {
        return Err(not_a_geoid(&format!(
            "{columns} × {rows} values in steps of {dx}° and {dy}° from {lon_deg}°, {lat_deg}° do not lie on the Earth"
        )));
    }

    let no_data: Option<f32> = tiff
        .get_tag_ascii_string(Tag::GdalNodata)
        .ok()
        .and_then(|text| text.trim_end_matches('\0').trim().parse().ok());
    let mut values = match tiff.read_image().map_err(wrong)? {
        DecodingResult::F32(values) => values,
        DecodingResult::F64(values) => values.into_iter().map(|v| v as f32).collect(),
        _ => return Err(not_a_geoid("its values are whole numbers")),
    };
    let (columns, rows) = (columns as usize, rows as usize);
    if columns.checked_mul(rows) != Some(values.len()) {
        return Err(not_a_geoid("it has more than one value for each place"));
    }
    for value in &mut values {
        if no_data == Some(*value) || !value.is_finite() {
            *value = f32::NAN;
        }
    }
    if tiff.more_images() {
        return Err(not_a_geoid("it holds several grids in one file"));
    }
    Ok(Grid {
        path: path.to_owned(),
        name: path
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()),
        vertical_name: vertical
            .vertical_name()
            .unwrap_or(&vertical_code)
            .to_owned(),
        vertical_code,
        west_deg,
        north_deg,
        step_deg: [*dx, *dy],
        columns,
        rows,
        values,
    })
}

/// The text of an item of GDAL's metadata.
fn item<'a>(metadata: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = metadata.split_once(&format!("name=\"{name}\""))?;
    let (_, rest) = rest.split_once('>')?;
    let (text, _) = rest.split_once('<')?;
    Some(text.trim())
}
