//! Tile matrix sets (OGC 17-083r4).
//!
//! Built in are `WebMercatorQuad`, the Swedish `SWEREF99TM`, and one for each of the
//! twelve SWEREF 99 zones. An operator's own come as TileMatrixSet 2.0 JSON.

mod built_in;
mod json;
mod sets;

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::sync::OnceLock;

use model::{Bounds, TileCoord};

use crate::Crs;
use built_in::built_in;

pub use sets::TileMatrixSets;

/// Side of a standardised rendering pixel in metres (OGC 17-083r4, 6.1.1.1): what a
/// scale denominator is counted with.
const PIXEL_SIZE_M: f64 = 0.00028;

/// Metres in one degree, as OGC counts scales of geographic CRSs: along the equator
/// of WGS 84.
const DEGREE_M: f64 = std::f64::consts::PI * 6_378_137.0 / 180.0;

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

    /// Returns by how many levels an archive that knows only levels of 2^z × 2^z tiles must
    /// deepen the set's: the least number with which every level fits. 0 for sets that begin
    /// with one tile, 2 for `SWEREF99TM`, which begins with 4 × 4.
    pub fn quad_shift(&self) -> u8 {
        let fits = |shift: u8| {
            self.levels().zip(&self.matrices).all(|(z, matrix)| {
                let side = 1_u64 << (z + shift);
                u64::from(matrix.columns.max(matrix.rows)) <= side
            })
        };
        // Columns fit 32 bits, so that 32 levels more are always enough.
        (0..=32).find(|shift| fits(*shift)).unwrap_or(32)
    }

    /// Whether each level cuts every tile of the one before it into four, as programs that
    /// read archives of tiles take for granted.
    pub fn is_quad_tree(&self) -> bool {
        self.matrices.windows(2).all(|pair| {
            let (coarse, fine) = (&pair[0], &pair[1]);
            // A thousandth of a pixel: what is written in decimals is not exact.
            let near = |a: f64, b: f64| (a - b).abs() <= fine.cell_size * 1e-3;
            near(coarse.tile_size(), 2.0 * fine.tile_size())
                && near(coarse.origin[0], fine.origin[0])
                && near(coarse.origin[1], fine.origin[1])
        })
    }

    /// Scale denominator of a level, as OGC counts it: for pixels of 0.28 mm.
    pub fn scale_denominator(&self, matrix: &TileMatrix) -> f64 {
        matrix.cell_size * self.crs.unit_m().unwrap_or(DEGREE_M) / PIXEL_SIZE_M
    }
}
