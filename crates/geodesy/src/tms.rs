//! Tile matrix sets (OGC 17-083r4).

use std::ops::RangeInclusive;

use model::{Bounds, TileCoord};

use crate::{Crs, Error};

/// One level of a tile matrix set. Its number is its place in the set.
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
    /// Levels, coarsest first.
    pub matrices: Vec<TileMatrix>,
}

impl TileMatrixSet {
    /// Returns the built-in set called `id`: `WebMercatorQuad`, `SWEREF99TM`
    /// (aliases `3006` and `EPSG:3006`), or one derived for a zone (`SWEREF991715`,
    /// `3014`, `EPSG:3014`).
    pub fn by_id(_id: &str) -> Option<&'static TileMatrixSet> {
        todo!()
    }

    /// All built-in sets.
    pub fn all() -> &'static [TileMatrixSet] {
        todo!()
    }

    /// Returns the box of a tile in the set's CRS; none if there is no such tile.
    pub fn bounds(&self, _tile: TileCoord) -> Option<Bounds> {
        todo!()
    }

    /// Returns the tile of level `z` that holds the point; none outside the set.
    pub fn tile_at(&self, _z: u8, _point: [f64; 2]) -> Option<TileCoord> {
        todo!()
    }

    /// Returns the columns and rows of level `z` whose tiles touch the box; none if
    /// it lies outside.
    pub fn tiles_over(
        &self,
        _z: u8,
        _bounds: &Bounds,
    ) -> Option<(RangeInclusive<u32>, RangeInclusive<u32>)> {
        todo!()
    }

    /// The set as TileMatrixSet 2.0 JSON.
    pub fn to_json(&self) -> String {
        todo!()
    }

    /// Reads TileMatrixSet 2.0 JSON; levels without variable widths only.
    pub fn from_json(_json: &str) -> Result<TileMatrixSet, Error> {
        todo!()
    }
}
