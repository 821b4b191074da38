//! Coordinate reference systems, transformations, the geoid and tile matrix sets.
//!
//! Everything that this crate takes and gives is in *map order*: x to the east
//! or longitude first, y to the north or latitude second, whatever the axis order
//! of the CRS. [`Crs::axis_order`] tells those who must write the official order.
//!
//! PROJ is the reference. It is linked into the binary together with its database,
//! so that nothing needs to be installed or set where the binary runs. The Swedish
//! grids and Web Mercator have formulas of our own, which tests hold to PROJ.
//!
//! It knows nothing of features.

mod crs;
mod database;
mod fast;
mod geocentric;
mod geoid;
mod pj;
#[cfg(test)]
mod testdata;
mod tms;
mod transform;

pub use crs::{AxisOrder, Crs, Error};
pub use geocentric::ecef_from_lonlat;
pub use geoid::Geoid;
pub use tms::{TileMatrix, TileMatrixSet, TileMatrixSets};
pub use transform::Transform;
