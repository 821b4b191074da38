//! Coordinate reference systems.

/// Which axis a CRS officially writes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AxisOrder {
    /// Easting or longitude first.
    EastNorth,
    /// Northing or latitude first, as EPSG:3006 and EPSG:4326 have it.
    NorthEast,
}

/// What is wrong with a CRS, a transformation or a tile matrix set.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// No CRS goes by that code or definition.
    #[error("unknown CRS {0:?}: give an authority and code such as EPSG:3006")]
    UnknownCrs(String),
    /// PROJ has no way from one CRS to the other.
    #[error("no transformation from {from} to {to}: {reason}")]
    NoTransformation {
        from: String,
        to: String,
        reason: String,
    },
    /// The point has no coordinates in the target CRS.
    #[error("{x}, {y} in {from} has no place in {to}")]
    OutOfDomain {
        x: f64,
        y: f64,
        from: String,
        to: String,
    },
    /// The tile matrix set is not one that tiles can be made in.
    #[error("tile matrix set {id}: {reason}")]
    BadTileMatrixSet { id: String, reason: String },
}

/// A coordinate reference system that PROJ knows by authority and code.
#[derive(Debug, Clone, PartialEq)]
pub struct Crs {}

impl Crs {
    /// Returns the CRS with this code: `EPSG:3006`, a bare `3006`, `CRS84`, or the
    /// URL or URN forms of OGC.
    pub fn from_code(_code: &str) -> Result<Crs, Error> {
        todo!()
    }

    /// Returns the horizontal CRS that a WKT, PROJJSON or PROJ text describes,
    /// identified by its authority and code where PROJ can.
    pub fn from_definition(_text: &str) -> Result<Crs, Error> {
        todo!()
    }

    /// Authority and code, such as `EPSG:3006`.
    pub fn code(&self) -> &str {
        todo!()
    }

    /// Name for people, such as `SWEREF99 TM`.
    pub fn name(&self) -> &str {
        todo!()
    }

    /// Which axis it officially writes first.
    pub fn axis_order(&self) -> AxisOrder {
        todo!()
    }

    /// Returns whether its coordinates are degrees.
    pub fn is_geographic(&self) -> bool {
        todo!()
    }

    /// Metres in one unit of its coordinates; none if they are degrees.
    pub fn unit_m(&self) -> Option<f64> {
        todo!()
    }

    /// The code of the vertical part, if it is a compound CRS (`EPSG:5845` has `EPSG:5613`).
    pub fn vertical_code(&self) -> Option<&str> {
        todo!()
    }

    /// WKT 2 text, or the older WKT 1 (GDAL flavour) that LAS and GeoTIFF readers know.
    pub fn wkt1(&self) -> Result<String, Error> {
        todo!()
    }
}
