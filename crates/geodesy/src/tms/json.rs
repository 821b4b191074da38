//! TileMatrixSet 2.0 JSON (OGC 17-083r4).

use model::MAX_Z;
use serde_json::{Map, Value, json};

use super::{DEGREE_M, PIXEL_SIZE_M, TileMatrix, TileMatrixSet};
use crate::{AxisOrder, Crs, Error};

/// The longest JSON that is read: a set with 31 levels has some 10 kB.
const MAX_JSON_BYTES: usize = 1024 * 1024;

/// The largest tile: 4096 pixels of four bytes are 64 MiB of raster.
const MAX_TILE_SIZE_PX: u64 = 4096;

impl TileMatrixSet {
    /// The set as TileMatrixSet 2.0 JSON.
    ///
    /// Coordinates are in the official axis order of the CRS, and `orderedAxes` says
    /// which one that is.
    pub fn to_json(&self) -> String {
        let mut set = Map::new();
        set.insert("id".into(), json!(self.id));
        set.insert("title".into(), json!(self.title));
        if let Some(uri) = &self.uri {
            set.insert("uri".into(), json!(uri));
        }
        let crs = match self.crs.uri() {
            Some(uri) => json!(uri),
            None => json!({ "wkt": self.crs.code() }),
        };
        set.insert("crs".into(), crs);
        set.insert("orderedAxes".into(), json!(self.crs.axis_abbreviations()));
        let matrices: Vec<Value> = self
            .levels()
            .zip(&self.matrices)
            .map(|(z, matrix)| {
                let [x, y] = matrix.origin;
                let origin = match self.crs.axis_order() {
                    AxisOrder::EastNorth => [x, y],
                    AxisOrder::NorthEast => [y, x],
                };
                json!({
                    "id": z.to_string(),
                    "scaleDenominator": self.scale_denominator(matrix),
                    "cellSize": matrix.cell_size,
                    "cornerOfOrigin": "topLeft",
                    "pointOfOrigin": origin,
                    "tileWidth": matrix.tile_size_px,
                    "tileHeight": matrix.tile_size_px,
                    "matrixWidth": matrix.columns,
                    "matrixHeight": matrix.rows,
                })
            })
            .collect();
        set.insert("tileMatrices".into(), Value::Array(matrices));
        Value::Object(set).to_string()
    }

    /// Reads TileMatrixSet 2.0 JSON; levels without variable widths only.
    ///
    /// Takes `pointOfOrigin` in the official axis order, or in the one that
    /// `orderedAxes` states. In the Swedish grids, whose eastings are always smaller
    /// than their northings, a swapped one is recognised and put right.
    ///
    /// # Errors
    ///
    /// [`Error::BadTileMatrixSet`] for what is missing or cannot be tiled: variable
    /// widths, rows that count from the south, tiles that are not square, levels that
    /// are not numbered one after another, more levels than [`MAX_Z`] allows.
    pub fn from_json(json: &str) -> Result<TileMatrixSet, Error> {
        let bad = |id: &str, reason: String| Error::BadTileMatrixSet {
            id: id.to_owned(),
            reason,
        };
        if json.len() > MAX_JSON_BYTES {
            let reason = format!("it is longer than {MAX_JSON_BYTES} bytes");
            return Err(bad("(unread)", reason));
        }
        let set: Value = serde_json::from_str(json)
            .map_err(|error| bad("(unread)", format!("it is not JSON: {error}")))?;
        let id = set["id"].as_str().unwrap_or_default().to_owned();
        let bad = |reason: String| bad(if id.is_empty() { "(no id)" } else { &id }, reason);
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        let is_name = (1..=64).contains(&id.len()) && id.bytes().all(is_plain);
        if !is_name || id.starts_with('.') {
            let reason = "its id must be 1 to 64 letters, digits, '_', '-' or '.', the first \
                          no dot, since it stands in URLs and names of files";
            return Err(bad(reason.to_owned()));
        }
        let crs = crs_of(&set["crs"]).map_err(&bad)?;
        let stated = stated_order(&set["orderedAxes"], &crs);
        let levels = set["tileMatrices"]
            .as_array()
            .filter(|levels| !levels.is_empty())
            .ok_or_else(|| bad("it has no tileMatrices".to_owned()))?;
        if levels.len() > usize::from(MAX_Z) + 1 {
            let reason = format!("it has {} levels; {} is most", levels.len(), MAX_Z + 1);
            return Err(bad(reason));
        }
        let first_z = level_number(&levels[0]).map_err(&bad)?;
        let mut matrices: Vec<TileMatrix> = Vec::with_capacity(levels.len());
        for (expected, level) in (first_z..).zip(levels) {
            let found = level_number(level).map_err(&bad)?;
            if found != expected {
                let reason = format!(
                    "level {found} stands where {expected} should: number levels one after \
                     another, coarsest first"
                );
                return Err(bad(reason));
            }
            let matrix = matrix_of(level, &crs, stated)
                .map_err(|reason| bad(format!("level {found}: {reason}")))?;
            if matrices
                .last()
                .is_some_and(|coarser| coarser.cell_size <= matrix.cell_size)
            {
                return Err(bad(format!(
                    "level {found} is not finer than the one before"
                )));
            }
            matrices.push(matrix);
        }
        Ok(TileMatrixSet {
            title: set["title"].as_str().unwrap_or(&id).to_owned(),
            uri: set["uri"].as_str().map(str::to_owned),
            id,
            crs,
            first_z,
            matrices,
        })
    }
}

/// Reads the number of a level, which may stand after the code of a CRS.
fn level_number(level: &Value) -> Result<u8, String> {
    let id = level["id"].as_str().ok_or("a level has no id")?;
    id.rsplit(':')
        .next()
        .and_then(|number| number.parse().ok())
        .filter(|z| *z <= MAX_Z)
        .ok_or_else(|| format!("level {id:?} is not a number from 0 to {MAX_Z}"))
}

/// Reads `crs`: a URI, or an object that holds one, WKT or PROJJSON (OGC 17-083r4,
/// table 3).
fn crs_of(crs: &Value) -> Result<Crs, String> {
    let text = match crs {
        Value::String(text) => text.clone(),
        Value::Object(object) => match (object.get("uri"), object.get("wkt")) {
            (Some(Value::String(uri)), _) => uri.clone(),
            (_, Some(Value::String(wkt))) => wkt.clone(),
            (_, Some(projjson @ Value::Object(_))) => projjson.to_string(),
            _ => return Err("its crs has neither uri nor wkt".to_owned()),
        },
        _ => return Err("it has no crs".to_owned()),
    };
    Crs::from_code(&text).map_err(|error| error.to_string())
}

/// The axis order that `orderedAxes` states, where it is recognised.
fn stated_order(axes: &Value, crs: &Crs) -> Option<AxisOrder> {
    let [first, second] = axes.as_array()?.as_slice() else {
        return None;
    };
    let (first, second) = (first.as_str()?, second.as_str()?);
    let [a, b] = crs.axis_abbreviations();
    let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    if same(first, a) && same(second, b) {
        return Some(crs.axis_order());
    }
    // X and Y are left out on purpose: X points north in some CRSs.
    let east = |axis: &str| ["e", "lon", "long"].contains(&axis.to_ascii_lowercase().as_str());
    let north = |axis: &str| ["n", "lat"].contains(&axis.to_ascii_lowercase().as_str());
    if east(first) && north(second) {
        Some(AxisOrder::EastNorth)
    } else if north(first) && east(second) {
        Some(AxisOrder::NorthEast)
    } else {
        None
    }
}

fn matrix_of(level: &Value, crs: &Crs, stated: Option<AxisOrder>) -> Result<TileMatrix, String> {
    if level["variableMatrixWidths"]
        .as_array()
        .is_some_and(|widths| !widths.is_empty())
    {
        return Err("variableMatrixWidths are not supported".to_owned());
    }
    if level["cornerOfOrigin"].as_str().unwrap_or("topLeft") != "topLeft" {
        return Err("its rows must count from the north: cornerOfOrigin topLeft".to_owned());
    }
    let whole = |key: &str, max: u64| {
        level[key]
            .as_u64()
            .filter(|number| (1..=max).contains(number))
            .and_then(|number| u32::try_from(number).ok())
            .ok_or_else(|| format!("{key} must be a whole number from 1 to {max}"))
    };
    // The last column of level 30 of a quad.
    let max_count = 1 << MAX_Z;
    let (width, height) = (
        whole("tileWidth", MAX_TILE_SIZE_PX)?,
        whole("tileHeight", MAX_TILE_SIZE_PX)?,
    );
    if width != height {
        return Err("tileWidth and tileHeight differ; tiles must be square".to_owned());
    }
    let cell_size = match level["cellSize"].as_f64() {
        Some(size) => size,
        None => {
            let scale = level["scaleDenominator"]
                .as_f64()
                .ok_or("it has neither cellSize nor scaleDenominator")?;
            scale * PIXEL_SIZE_M / crs.unit_m().unwrap_or(DEGREE_M)
        }
    };
    if !(cell_size.is_finite() && cell_size > 0.0) {
        return Err("cellSize must be over 0".to_owned());
    }
    let origin = match level["pointOfOrigin"].as_array().map(Vec::as_slice) {
        Some([a, b]) => a.as_f64().zip(b.as_f64()),
        _ => None,
    };
    let (first, second) = origin.ok_or("pointOfOrigin must be two numbers")?;
    let order = if is_swedish_grid(crs) {
        // The eastings of corners lie below 3 000 000 and the northings above 4 000 000.
        if first > second {
            AxisOrder::NorthEast
        } else {
            AxisOrder::EastNorth
        }
    } else {
        stated.unwrap_or_else(|| crs.axis_order())
    };
    let matrix = TileMatrix {
        cell_size,
        origin: match order {
            AxisOrder::EastNorth => [first, second],
            AxisOrder::NorthEast => [second, first],
        },
        tile_size_px: width,
        columns: whole("matrixWidth", max_count)?,
        rows: whole("matrixHeight", max_count)?,
    };
    match matrix.bounds() {
        Some(_) => Ok(matrix),
        None => Err("its tiles reach beyond all numbers".to_owned()),
    }
}

fn is_swedish_grid(crs: &Crs) -> bool {
    crs.code()
        .strip_prefix("EPSG:")
        .and_then(|code| code.parse::<u32>().ok())
        .is_some_and(|code| (3006..=3018).contains(&code))
}
