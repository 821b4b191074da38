//! Segments: immutable FlatGeobuf files with an index by place and one by id.
//!
//! A segment is up to three files with one stem:
//!
//! - `STEM.fgb` holds the features that have a geometry, along a Hilbert curve,
//!   under FlatGeobuf's packed R-tree with 16 children to a node;
//! - `STEM-rows.fgb` holds those without, by id, without an index, since
//!   FlatGeobuf's index has no room for a feature without a box;
//! - `STEM.ids` says where each feature lies, by id (see [`ids`]).
//!
//! Column 0 of both is the feature's id, a `Long` called `_id`. The others
//! are the collection's, by name. A null is left out, as FlatGeobuf has it. A date
//! and an instant are both `DateTime`; the catalog's schema tells them apart. The
//! header names the CRS by authority and code.
//!
//! Every buffer starts at a multiple of 4 bytes, and of 8 where it holds
//! coordinates: mapped bytes are read where they lie.

mod encode;
mod geometry;
mod ids;
mod read;
mod tree;
mod write;

pub(crate) use ids::Position;
pub(crate) use read::{Projection, Segment};
pub(crate) use write::{Layer, write};

/// The first bytes of a FlatGeobuf file of version 3, patch level 0.
const MAGIC: [u8; 8] = *b"fgb\x03fgb\0";
