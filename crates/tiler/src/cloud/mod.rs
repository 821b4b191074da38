//! The points of a survey as 3D Tiles, made on demand: each node of the stored octree is
//! a tile, and the points of a tile come on top of those above it (refinement by adding).
//!
//! | module | does |
//! | --- | --- |
//! | `frame` | where points lie in space, and boxes that hold them |
//! | `points` | picks the points of a tile and paints them |
//! | `glb` | writes them as glTF 2.0 |
//! | `pnts` | writes them as 3D Tiles 1.0 has points |
//! | `subtree` | tells which tiles there are, for implicit tiling (3D Tiles 1.1) |
//! | `tileset` | the documents that clients begin with |
//!
//! The octree lies in the twin's own CRS and is not quite a box in space: the Earth is
//! round, and a map projection bends. Implicit tiling halves the root's box, so every tile
//! says its own box, in which its points lie, beside it (`TILE_BOUNDING_BOX`).
//!
//! # Source
//!
//! OGC 22-025r4 (3D Tiles 1.1), OGC 18-053r2 (3D Tiles 1.0), glTF 2.0.

mod frame;
mod glb;
mod pnts;
mod points;
mod subtree;
mod tileset;

#[cfg(test)]
mod tests;

use model::VoxelKey;
use store::SurveyView;

use crate::Error;
use crate::cloud::frame::Frame;
use crate::cloud::points::TilePoints;

pub use crate::cloud::subtree::SUBTREE_LEVELS;
pub use crate::cloud::tileset::{Addresses, HeightNote};

/// Most points of a tile. Our own nodes have some 100,000; a file of others' may have more,
/// and this many take some 40 MB to draw.
const TILE_POINTS_MAX: usize = 1 << 20;

/// Returns how far the geoid lies over the ellipsoid at a longitude and latitude, in metres.
pub type Undulation<'a> = dyn Fn([f64; 2]) -> Option<f64> + Send + Sync + 'a;

/// What points are painted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PointColour {
    /// Their own colour; by class where the survey has none.
    Rgb,
    /// Their class (ASPRS LAS 1.4).
    Class,
    /// Their elevation, from the survey's lowest to its highest.
    Height,
    /// The strength of the return.
    Intensity,
}

/// How points are shown.
#[derive(Clone, Copy)]
pub struct CloudOptions<'a> {
    /// What they are painted by.
    pub colour: PointColour,
    /// Whether noise (classes 7 and 18) and withheld points are shown too.
    pub noise: bool,
    /// Makes heights ellipsoidal, as clients of 3D Tiles take them to be. Without it, or
    /// where it knows none, elevations are served as they are.
    pub undulation: Option<&'a Undulation<'a>>,
}

/// Makes the document of a survey in 3D Tiles 1.1: one implicit tile, with an octree below.
///
/// # Errors
///
/// Those of reading and transforming.
pub fn tileset(
    survey: &SurveyView,
    options: &CloudOptions,
    addresses: &Addresses,
    heights: &HeightNote,
) -> Result<Vec<u8>, Error> {
    let frame = Frame::of_survey(survey, options.undulation)?;
    tileset::implicit(survey, &frame, addresses, heights)
}

/// Makes a document of 3D Tiles 1.0: the tiles of [`SUBTREE_LEVELS`] levels at and below
/// `top`, and the documents of those below them. None if there is no such node.
///
/// # Errors
///
/// Those of reading and transforming.
pub fn tileset_1_0(
    survey: &SurveyView,
    options: &CloudOptions,
    top: VoxelKey,
    addresses: &Addresses,
    heights: &HeightNote,
) -> Result<Option<Vec<u8>>, Error> {
    let frame = Frame::of_survey(survey, options.undulation)?;
    tileset::explicit(survey, &frame, top, addresses, heights)
}

/// Makes a subtree file: which tiles there are in [`SUBTREE_LEVELS`] levels at and below
/// `top`, and their boxes. None if no subtree begins there.
///
/// # Errors
///
/// Those of reading and transforming.
pub fn subtree(
    survey: &SurveyView,
    options: &CloudOptions,
    top: VoxelKey,
) -> Result<Option<Vec<u8>>, Error> {
    if !top.level.is_multiple_of(SUBTREE_LEVELS) {
        return Ok(None);
    }
    let frame = Frame::of_survey(survey, options.undulation)?;
    subtree::write(survey, &frame, top)
}

/// Makes the points of a node as binary glTF 2.0; none if there is no such node, or if it
/// has no points.
///
/// Positions are 32-bit floats counted from the middle of the tile, so that they lie within
/// 0.5 mm of their place in tiles of up to 16 km. A node that holds noise only is a file
/// that shows nothing.
///
/// # Errors
///
/// [`Error::TooManyPoints`]; else those of reading and transforming.
pub fn glb(
    survey: &SurveyView,
    options: &CloudOptions,
    key: VoxelKey,
) -> Result<Option<Vec<u8>>, Error> {
    Ok(tile_points(survey, options, key)?.map(|points| glb::write(&points)))
}

/// Makes the points of a node as 3D Tiles 1.0 has them (`pnts`); none as [`glb()`].
///
/// # Errors
///
/// As [`glb()`].
pub fn pnts(
    survey: &SurveyView,
    options: &CloudOptions,
    key: VoxelKey,
) -> Result<Option<Vec<u8>>, Error> {
    Ok(tile_points(survey, options, key)?.map(|points| pnts::write(&points)))
}

fn tile_points(
    survey: &SurveyView,
    options: &CloudOptions,
    key: VoxelKey,
) -> Result<Option<TilePoints>, Error> {
    let frame = Frame::of_survey(survey, options.undulation)?;
    TilePoints::of_node(survey, &frame, options, key)
}
