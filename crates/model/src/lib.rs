//! The vocabulary of Tvilling: collections, features, schemas, bounds, tiles,
//! points, grids and access, as plain data and pure functions.
//!
//! This crate knows nothing of files, threads, coordinate systems or HTTP. All
//! coordinates are plain numbers here: which CRS they are in is said by whoever
//! holds them, and inside a twin it is always the twin's own projected CRS,
//! x to the east and y to the north, in metres.

mod access;
mod bounds;
mod collection;
mod feature;
mod grid;
mod octree;
mod point;
mod tile;
mod value;

pub use access::{Access, Role};
pub use bounds::{Bounds, InvalidBounds};
pub use collection::{
    Collection, CollectionId, DataOrigin, InvalidCollectionId, Source, Survey, VerticalDatum,
};
pub use feature::{Feature, FeatureId};
pub use grid::{Grid, GridFrame};
pub use octree::{Cube, MAX_LEVEL, VoxelKey};
pub use point::{ExtraBytes, PointBatch, PointFlags};
pub use tile::{InvalidTile, MAX_Z, TileCoord};
pub use value::{Column, ColumnKind, GeometryKind, Schema, Value};
