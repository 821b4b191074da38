//! Tile matrix sets (OGC 17-083r4).
//!
//! Built in are `WebMercatorQuad`, the Swedish `SWEREF99TM`, and one for each of the
//! twelve SWEREF 99 zones. An operator's own come as TileMatrixSet 2.0 JSON.

use std::ops::RangeInclusive;
use std::sync::OnceLock;

use model::{Bounds, MAX_Z, TileCoord};
use serde_json::{Map, Value, json};

use crate::{AxisOrder, Crs, Error};

/// Side of a standardised rendering pixel in metres (OGC 17-083r4, 6.1.1.1): what a
/// scale denominator is counted with.
const PIXEL_SIZE_M: f64 = 0.00028;

/// Metres in one degree, as OGC counts scales of geographic CRSs: along the equator
/// of WGS 84.
const DEGREE_M: f64 = std::f64::consts::PI * 6_378_137.0 / 180.0;

/// Half the world in Web Mercator, in metres: π times the radius.
const HALF_WORLD_M: f64 = 20_037_508.342_789_244;

/// The longest JSON that is read: a set with 31 levels has some 10 kB.
const MAX_JSON_BYTES: usize = 1024 * 1024;

/// The largest tile: 4096 pixels of four bytes are 64 MiB of raster.
const MAX_TILE_SIZE_PX: u64 = 4096;

/// One level of a tile matrix set.
///
/// Its number is [`TileMatrixSet::first_z`] plus its place in the set; the first is 0
/// in all built-in sets.
#[derive(Debug, Clone, PartialEq)]
pub struct TileMatrix {
    /// Side of a pixel, in units of the CRS.
    pub cell_size: f64,
    /// North-west corner of the first tile, in map order.
    pub origin: [f64; 2],
    /// Pixels along a side of a tile.
    pub tile_size_px: u32,
    /// Number of columns.
    pub columns: u32,
    /// Number of rows.
    pub rows: u32,
}

impl TileMatrix {
    /// Side of a tile, in units of the CRS.
    pub fn tile_size(&self) -> f64 {
        self.cell_size * f64::from(self.tile_size_px)
    }

    /// West edge of a column; that of the column after the last is the east edge of all.
    fn west_of(&self, column: u32) -> f64 {
        self.origin[0] + f64::from(column) * self.tile_size()
    }

    /// North edge of a row; that of the row after the last is the south edge of all.
    fn north_of(&self, row: u32) -> f64 {
        self.origin[1] - f64::from(row) * self.tile_size()
    }

    fn bounds(&self) -> Option<Bounds> {
        Bounds::new(
            self.west_of(0),
            self.north_of(self.rows),
            self.west_of(self.columns),
            self.north_of(0),
        )
        .ok()
    }

    /// The column whose west edge is the last at or west of `x`, within the matrix.
    fn column_at(&self, x: f64) -> u32 {
        let guess = ((x - self.origin[0]) / self.tile_size()).floor();
        place_in(guess, self.columns, |column| self.west_of(column) <= x)
    }

    /// The row whose north edge is the last at or north of `y`, within the matrix.
    fn row_at(&self, y: f64) -> u32 {
        let guess = ((self.origin[1] - y) / self.tile_size()).floor();
        place_in(guess, self.rows, |row| self.north_of(row) >= y)
    }
}

/// Returns the last place of `count` at which `begun` holds, from a guess that a
/// rounding error may have put one off.
fn place_in(guess: f64, count: u32, begun: impl Fn(u32) -> bool) -> u32 {
    // The conversion saturates, and NaN becomes 0.
    let mut place = (guess as u32).min(count - 1);
    while place > 0 && !begun(place) {
        place -= 1;
    }
    while place + 1 < count && begun(place + 1) {
        place += 1;
    }
    place
}

/// A pyramid of tile grids in one CRS.
#[derive(Debug, Clone, PartialEq)]
pub struct TileMatrixSet {
    /// Its name in URLs, such as `WebMercatorQuad`.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// The URI under which the OGC registry knows it, if it does.
    pub uri: Option<String>,
    /// The CRS of its coordinates.
    pub crs: Crs,
    /// The number of the first level: 0 but in some sets of the OGC registry, whose
    /// UTM sets begin at 1.
    pub first_z: u8,
    /// Levels, coarsest first.
    pub matrices: Vec<TileMatrix>,
}

impl TileMatrixSet {
    /// Returns the built-in set called `id`: `WebMercatorQuad`, `SWEREF99TM`
    /// (aliases `3006` and `EPSG:3006`), or one derived for a zone (`SWEREF991715`,
    /// `3014`, `EPSG:3014`).
    pub fn by_id(id: &str) -> Option<&'static TileMatrixSet> {
        let code = id
            .strip_prefix("EPSG:")
            .unwrap_or(id)
            .parse::<u32>()
            .ok()
            .map(|code| format!("EPSG:{code}"));
        TileMatrixSet::all()
            .iter()
            .find(|set| set.id == id || code.as_deref() == Some(set.crs.code()))
    }

    /// All built-in sets.
    pub fn all() -> &'static [TileMatrixSet] {
        static ALL: OnceLock<Vec<TileMatrixSet>> = OnceLock::new();
        ALL.get_or_init(built_in)
    }

    /// The number that a matrix id in a URL stands for: `7`, or `EPSG:3006:7` as some
    /// clients of WMTS write it; none if there is no such level.
    pub fn level_by_id(&self, matrix_id: &str) -> Option<u8> {
        let number = matrix_id.rsplit(':').next()?;
        let z = number.parse().ok()?;
        self.matrix(z).map(|_| z)
    }

    /// Numbers of its levels.
    pub fn levels(&self) -> RangeInclusive<u8> {
        let count = u8::try_from(self.matrices.len()).unwrap_or(u8::MAX);
        self.first_z..=self.first_z.saturating_add(count).saturating_sub(1)
    }

    /// The level with this number.
    pub fn matrix(&self, z: u8) -> Option<&TileMatrix> {
        self.matrices.get(usize::from(z.checked_sub(self.first_z)?))
    }

    /// Returns the box of a tile in the set's CRS; none if there is no such tile.
    ///
    /// Neighbours share their edge to the last bit.
    pub fn bounds(&self, tile: TileCoord) -> Option<Bounds> {
        let matrix = self.matrix(tile.z())?;
        if tile.x() >= matrix.columns || tile.y() >= matrix.rows {
            return None;
        }
        Bounds::new(
            matrix.west_of(tile.x()),
            matrix.north_of(tile.y() + 1),
            matrix.west_of(tile.x() + 1),
            matrix.north_of(tile.y()),
        )
        .ok()
    }

    /// Returns the box of all tiles of level `z`, in the set's CRS.
    pub fn extent(&self, z: u8) -> Option<Bounds> {
        self.matrix(z)?.bounds()
    }

    /// Returns the tile of level `z` that holds the point; none outside the set.
    ///
    /// A point on an edge belongs to the tile east or south of it, but on the east and
    /// south edge of the set to the last tile.
    pub fn tile_at(&self, z: u8, point: [f64; 2]) -> Option<TileCoord> {
        let matrix = self.matrix(z)?;
        if !matrix.bounds()?.contains(point) {
            return None;
        }
        let [x, y] = point;
        TileCoord::new(z, matrix.column_at(x), matrix.row_at(y)).ok()
    }

    /// Returns the columns and rows of level `z` whose tiles touch the box; none if
    /// it lies outside.
    ///
    /// A tile that shares only an edge or a corner with the box touches it.
    pub fn tiles_over(
        &self,
        z: u8,
        bounds: &Bounds,
    ) -> Option<(RangeInclusive<u32>, RangeInclusive<u32>)> {
        let matrix = self.matrix(z)?;
        if !matrix.bounds()?.intersects(bounds) {
            return None;
        }
        let mut west = matrix.column_at(bounds.min_x());
        let mut north = matrix.row_at(bounds.max_y());
        // The tile before touches a box that begins exactly where it ends.
        if west > 0 && matrix.west_of(west) == bounds.min_x() {
            west -= 1;
        }
        if north > 0 && matrix.north_of(north) == bounds.max_y() {
            north -= 1;
        }
        let east = matrix.column_at(bounds.max_x());
        let south = matrix.row_at(bounds.min_y());
        Some((west..=east, north..=south))
    }

    /// Scale denominator of a level, as OGC counts it: for pixels of 0.28 mm.
    pub fn scale_denominator(&self, matrix: &TileMatrix) -> f64 {
        matrix.cell_size * self.crs.unit_m().unwrap_or(DEGREE_M) / PIXEL_SIZE_M
    }

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
        if !(1..=64).contains(&id.len()) || !id.bytes().all(is_plain) {
            let reason = "its id must be 1 to 64 letters, digits, '_', '-' or '.', \
                          since it stands in URLs";
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

fn built_in() -> Vec<TileMatrixSet> {
    let mut sets = vec![
        web_mercator_quad(),
        swedish("SWEREF99TM", "SWEREF 99 TM", 3006, -1_200_000.0),
    ];
    // EPSG's order of the zones.
    const ZONES: [&str; 12] = [
        "12 00", "13 30", "15 00", "16 30", "18 00", "14 15", "15 45", "17 15", "18 45", "20 15",
        "21 45", "23 15",
    ];
    for (zone, code) in ZONES.into_iter().zip(3007..) {
        let id = format!("SWEREF99{}", zone.replace(' ', ""));
        // No set for the zones is agreed upon anywhere. Ours has the levels and the rows
        // of SWEREF99TM, and is centred on the zone's meridian (E 150 000) to a round
        // number: 2 100 km to either side, so that all of Sweden lies in each zone's
        // set, however far a municipality's data stray from its zone, and every
        // corner of a tile down to level 12 is a whole number of metres.
        sets.push(swedish(
            &id,
            &format!("SWEREF 99 {zone}"),
            code,
            -1_950_000.0,
        ));
    }
    sets
}

/// `WebMercatorQuad` of the OGC registry, levels 0 to 24.
fn web_mercator_quad() -> TileMatrixSet {
    let matrices = (0..=24)
        .map(|z| {
            let count = 1_u32 << z;
            TileMatrix {
                cell_size: 2.0 * HALF_WORLD_M / 256.0 / f64::from(count),
                origin: [-HALF_WORLD_M, HALF_WORLD_M],
                tile_size_px: 256,
                columns: count,
                rows: count,
            }
        })
        .collect();
    TileMatrixSet {
        id: "WebMercatorQuad".to_owned(),
        title: "Google Maps Compatible for the World".to_owned(),
        uri: Some("http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad".to_owned()),
        crs: known_crs("EPSG:3857"),
        first_z: 0,
        matrices,
    }
}

/// A set with the resolutions of `SWEREF99TM`: 4096 m at level 0, 1 m at level 12,
/// and on to 6.25 cm at level 16 for what drones see.
fn swedish(id: &str, title: &str, code: u32, west_m: f64) -> TileMatrixSet {
    const NORTH_M: f64 = 8_500_000.0;
    let matrices = (0..=16)
        .map(|z: i32| TileMatrix {
            cell_size: 4096.0 / 2_f64.powi(z),
            origin: [west_m, NORTH_M],
            tile_size_px: 256,
            columns: 4 << z,
            rows: 4 << z,
        })
        .collect();
    TileMatrixSet {
        id: id.to_owned(),
        title: title.to_owned(),
        uri: None,
        crs: known_crs(&format!("EPSG:{code}")),
        first_z: 0,
        matrices,
    }
}

fn known_crs(code: &str) -> Crs {
    Crs::from_code(code).expect("the database that the binary carries knows the CRS")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::shared;

    #[track_caller]
    fn set(id: &str) -> &'static TileMatrixSet {
        TileMatrixSet::by_id(id).unwrap()
    }

    fn tile(z: u8, x: u32, y: u32) -> TileCoord {
        TileCoord::new(z, x, y).unwrap()
    }

    #[test]
    fn sets_go_by_their_names_and_codes() {
        assert_eq!(set("SWEREF99TM"), set("3006"));
        assert_eq!(set("SWEREF99TM"), set("EPSG:3006"));
        assert_eq!(set("SWEREF991715"), set("EPSG:3014"));
        assert_eq!(set("SWEREF991715"), set("3014"));
        assert_eq!(set("SWEREF991200").crs.code(), "EPSG:3007");
        assert_eq!(set("SWEREF992315").crs.code(), "EPSG:3018");
        assert_eq!(set("WebMercatorQuad"), set("3857"));
        assert_eq!(TileMatrixSet::all().len(), 14);
        for id in ["", "sweref99tm", "EPSG:", "EPSG:4326", "WebMercatorQuad "] {
            assert_eq!(TileMatrixSet::by_id(id), None, "{id}");
        }
        assert_eq!(set("3006").level_by_id("EPSG:3006:7"), Some(7));
        assert_eq!(set("3006").level_by_id("16"), Some(16));
        assert_eq!(set("3006").level_by_id("17"), None);
        assert_eq!(set("3006").level_by_id("x"), None);
    }

    #[test]
    fn the_name_of_a_zone_is_its_central_meridian() {
        for set in &TileMatrixSet::all()[2..] {
            let digits = set.id.strip_prefix("SWEREF99").unwrap();
            let (degrees, minutes) = digits.split_at(2);
            let meridian = degrees.parse::<f64>().unwrap() + minutes.parse::<f64>().unwrap() / 60.0;
            let to = crate::Transform::new(&known_crs("EPSG:4326"), &set.crs).unwrap();
            let [easting, _] = to.xy([meridian, 60.0]).unwrap();
            assert!((easting - 150_000.0).abs() < 1e-6, "{}", set.id);
        }
    }

    #[test]
    fn the_swedish_grid_is_the_one_that_clients_know() {
        let set = set("SWEREF99TM");
        let first = &set.matrices[0];
        assert_eq!((first.cell_size, first.columns, first.rows), (4096.0, 4, 4));
        assert_eq!(
            set.extent(0).unwrap().to_array(),
            [-1_200_000.0, 4_305_696.0, 2_994_304.0, 8_500_000.0]
        );
        assert_eq!(set.matrices[12].cell_size, 1.0);
        assert_eq!(set.matrices[13].cell_size, 0.5);
        assert_eq!(set.matrices[16].cell_size, 0.0625);
        assert_eq!(set.levels(), 0..=16);
        let json: Value = serde_json::from_str(&set.to_json()).unwrap();
        assert_eq!(json["orderedAxes"], json!(["N", "E"]));
        assert_eq!(json["crs"], "http://www.opengis.net/def/crs/EPSG/0/3006");
        let level = &json["tileMatrices"][12];
        assert_eq!(level["pointOfOrigin"], json!([8_500_000.0, -1_200_000.0]));
        assert!((level["scaleDenominator"].as_f64().unwrap() - 1.0 / 0.00028).abs() < 1e-9);
    }

    #[test]
    fn all_of_sweden_lies_in_every_swedish_set() {
        let sweden = Bounds::new(10.5, 55.0, 24.3, 69.2).unwrap();
        for set in &TileMatrixSet::all()[1..] {
            let to = crate::Transform::new(&known_crs("EPSG:4326"), &set.crs).unwrap();
            let sweden = to.bounds(&sweden).unwrap();
            let extent = set.extent(0).unwrap();
            assert!(
                extent.contains([sweden.min_x(), sweden.min_y()]),
                "{}",
                set.id
            );
            assert!(
                extent.contains([sweden.max_x(), sweden.max_y()]),
                "{}",
                set.id
            );
        }
    }

    #[test]
    fn every_tile_to_level_nine_holds_its_middle_and_shares_its_edges() {
        for id in ["WebMercatorQuad", "SWEREF99TM"] {
            let set = set(id);
            for z in 0..=if id == "SWEREF99TM" { 7 } else { 9 } {
                let matrix = set.matrix(z).unwrap();
                for y in 0..matrix.rows {
                    for x in 0..matrix.columns {
                        let here = set.bounds(tile(z, x, y)).unwrap();
                        assert_eq!(set.tile_at(z, here.centre()), Some(tile(z, x, y)));
                        let corner = [here.min_x(), here.max_y()];
                        assert_eq!(set.tile_at(z, corner), Some(tile(z, x, y)));
                        if let Some(next) = set.bounds(tile(z, x + 1, y)) {
                            assert_eq!(here.max_x(), next.min_x());
                        }
                        if let Some(next) = set.bounds(tile(z, x, y + 1)) {
                            assert_eq!(here.min_y(), next.max_y());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_corners_of_every_level_are_its_corner_tiles() {
        for set in TileMatrixSet::all() {
            for z in set.levels() {
                let matrix = set.matrix(z).unwrap();
                let (last_x, last_y) = (matrix.columns - 1, matrix.rows - 1);
                for (x, y) in [(0, 0), (last_x, 0), (0, last_y), (last_x, last_y)] {
                    let bounds = set.bounds(tile(z, x, y)).unwrap();
                    assert_eq!(set.tile_at(z, bounds.centre()), Some(tile(z, x, y)));
                }
                let extent = set.extent(z).unwrap();
                let at = |x, y| set.tile_at(z, [x, y]);
                assert_eq!(at(extent.min_x(), extent.max_y()), Some(tile(z, 0, 0)));
                assert_eq!(
                    at(extent.max_x(), extent.min_y()),
                    Some(tile(z, last_x, last_y))
                );
                assert_eq!(at(extent.max_x() + 0.01, extent.min_y()), None);
                assert_eq!(at(extent.min_x(), extent.max_y() + 0.01), None);
                assert_eq!(at(f64::NAN, extent.max_y()), None);
                assert_eq!(set.bounds(tile(z, matrix.columns, 0)), None);
                assert_eq!(set.bounds(tile(z, 0, matrix.rows)), None);
            }
            assert_eq!(set.bounds(tile(*set.levels().end() + 1, 0, 0)), None);
        }
    }

    #[test]
    fn web_mercator_ends_where_the_world_does() {
        let world = set("WebMercatorQuad").extent(24).unwrap();
        assert_eq!(
            world.to_array(),
            [-HALF_WORLD_M, -HALF_WORLD_M, HALF_WORLD_M, HALF_WORLD_M]
        );
        // Stockholm's tile, as any slippy map numbers it.
        let merc = crate::Transform::new(&known_crs("EPSG:4326"), &known_crs("EPSG:3857")).unwrap();
        let stockholm = merc.xy([18.0686, 59.3293]).unwrap();
        assert_eq!(set("3857").tile_at(10, stockholm), Some(tile(10, 563, 301)));
    }

    #[test]
    fn tiles_over_a_box_are_those_that_touch_it() {
        let set = set("SWEREF99TM");
        let whole = set.bounds(tile(5, 20, 30)).unwrap();
        assert_eq!(set.tiles_over(5, &whole), Some((19..=21, 29..=31)));
        let inner = Bounds::new(
            whole.min_x() + 1.0,
            whole.min_y() + 1.0,
            whole.max_x() - 1.0,
            whole.max_y() - 1.0,
        )
        .unwrap();
        assert_eq!(set.tiles_over(5, &inner), Some((20..=20, 30..=30)));
        let far = Bounds::new(-1e9, -1e9, 1e9, 1e9).unwrap();
        assert_eq!(set.tiles_over(0, &far), Some((0..=3, 0..=3)));
        let outside = Bounds::new(1e8, 1e8, 1e9, 1e9).unwrap();
        assert_eq!(set.tiles_over(0, &outside), None);
        assert_eq!(set.tiles_over(40, &far), None);
    }

    #[test]
    fn what_it_writes_it_reads_back() {
        for set in TileMatrixSet::all() {
            let read = TileMatrixSet::from_json(&set.to_json()).unwrap();
            assert_eq!(&read, set);
        }
    }

    #[test]
    fn a_swapped_corner_of_a_swedish_grid_is_put_right() {
        let set = set("SWEREF99TM");
        let mut json: Value = serde_json::from_str(&set.to_json()).unwrap();
        for level in json["tileMatrices"].as_array_mut().unwrap() {
            level["pointOfOrigin"] = json!([-1_200_000.0, 8_500_000.0]);
        }
        assert_eq!(&TileMatrixSet::from_json(&json.to_string()).unwrap(), set);
        json["orderedAxes"] = json!(["E", "N"]);
        assert_eq!(&TileMatrixSet::from_json(&json.to_string()).unwrap(), set);
    }

    #[test]
    fn what_cannot_be_tiled_is_refused_with_its_reason() {
        let good: Value = serde_json::from_str(&set("SWEREF99TM").to_json()).unwrap();
        let check = |path: &str, value: Value, word: &str| {
            let mut json = good.clone();
            *json.pointer_mut(path).unwrap() = value;
            let error = TileMatrixSet::from_json(&json.to_string()).unwrap_err();
            assert!(error.to_string().contains(word), "{path}: {error}");
        };
        check("/id", json!("../x"), "URLs");
        check("/crs", json!("EPSG:4978"), "geocentric");
        check("/crs", json!(7), "no crs");
        check("/tileMatrices", json!([]), "no tileMatrices");
        check("/tileMatrices/3/id", json!("5"), "one after");
        check("/tileMatrices/3/id", json!("x"), "not a number");
        check("/tileMatrices/3/cellSize", json!(0), "over 0");
        check("/tileMatrices/3/cellSize", json!(1e300), "not finer");
        check("/tileMatrices/3/tileWidth", json!(512), "square");
        check("/tileMatrices/3/tileWidth", json!(1_000_000), "1 to 4096");
        check("/tileMatrices/3/matrixWidth", json!(-1), "whole number");
        check("/tileMatrices/3/matrixWidth", json!(1e30), "whole number");
        check(
            "/tileMatrices/3/cornerOfOrigin",
            json!("bottomLeft"),
            "north",
        );
        check(
            "/tileMatrices/3/pointOfOrigin",
            json!(["a", 1]),
            "two numbers",
        );
        let many: Vec<Value> = (0..40).map(|_| good["tileMatrices"][0].clone()).collect();
        check("/tileMatrices", Value::Array(many), "40 levels");
        for text in ["", "[]", "{}", "null", "{\"id\":"] {
            assert!(TileMatrixSet::from_json(text).is_err(), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(TileMatrixSet::from_json(&deep).is_err());
    }

    #[test]
    fn the_sets_of_the_ogc_registry_survive_a_round_trip() {
        let Some(folder) = shared("conformance/tile-matrix-sets/registry/json") else {
            return;
        };
        let (mut kept, mut refused) = (0, Vec::new());
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let given: Value = serde_json::from_str(&text).unwrap();
            let id = given["id"].as_str().unwrap().to_owned();
            let set = match TileMatrixSet::from_json(&text) {
                Ok(set) => set,
                Err(error) => {
                    refused.push((id, error.to_string()));
                    continue;
                }
            };
            let written: Value = serde_json::from_str(&set.to_json()).unwrap();
            let levels = given["tileMatrices"].as_array().unwrap();
            assert_eq!(
                written["tileMatrices"].as_array().unwrap().len(),
                levels.len()
            );
            assert_eq!(written["crs"], given["crs"], "{id}");
            for (given, written) in levels
                .iter()
                .zip(written["tileMatrices"].as_array().unwrap())
            {
                assert_eq!(given["id"], written["id"], "{id}");
                for key in ["matrixWidth", "matrixHeight", "tileWidth", "tileHeight"] {
                    assert_eq!(given[key], written[key], "{id} {key}");
                }
                let near = |a: &Value, b: &Value, what: &str| {
                    let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
                    assert!(
                        (a - b).abs() <= 1e-7 * a.abs().max(1e-9),
                        "{id} {what}: {a} {b}"
                    );
                };
                near(&given["cellSize"], &written["cellSize"], "cellSize");
                // The Canadian set counts its scales with another pixel than OGC's.
                if id != "CanadianNAD83_LCC" {
                    near(
                        &given["scaleDenominator"],
                        &written["scaleDenominator"],
                        "scaleDenominator",
                    );
                }
                for axis in 0..2 {
                    near(
                        &given["pointOfOrigin"][axis],
                        &written["pointOfOrigin"][axis],
                        "pointOfOrigin",
                    );
                }
            }
            if id == "WebMercatorQuad" {
                let ours = self::set("WebMercatorQuad");
                assert_eq!(set.matrices.len(), ours.matrices.len());
                for (registry, ours) in set.matrices.iter().zip(&ours.matrices) {
                    assert!((registry.cell_size / ours.cell_size - 1.0).abs() < 1e-13);
                    assert_eq!((registry.columns, registry.rows), (ours.columns, ours.rows));
                    assert!((registry.origin[0] - ours.origin[0]).abs() < 1e-6);
                }
            }
            kept += 1;
        }
        refused.sort();
        let names: Vec<&str> = refused.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(names, ["CDB1GlobalGrid", "GNOSISGlobalGrid"], "{refused:?}");
        assert!(kept > 60, "{kept}");
    }
}
