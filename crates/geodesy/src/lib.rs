//! Coordinate reference systems, transformations and tile matrix sets.
//!
//! Everything that this crate takes and gives is in *map order*: x to the east
//! or longitude first, y to the north or latitude second, whatever the axis order
//! of the CRS. [`Crs::axis_order`] tells those who must write the official order.
//!
//! It knows nothing of features.

mod crs;
mod tms;
mod transform;

pub use crs::{AxisOrder, Crs, Error};
pub use tms::{TileMatrix, TileMatrixSet};
pub use transform::Transform;
