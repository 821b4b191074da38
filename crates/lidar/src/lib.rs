//! Points to classes, terrain and surface: pure algorithms over columns and grids.
//!
//! [`lowest_returns`] and then [`classify()`] tell what each point of a block has met.
//! [`heights()`] makes terrain and surface of the points of a block whose classes are known.
//!
//! [`Contours`] draws lines of equal elevation of a grid, strip by strip.
//!
//! [`subtrees`] and [`thin`] choose which points each cube of an octree keeps.
//!
//! It knows nothing of files or of the store. Threads live in `threads` alone, and the
//! result is the same to the byte on one and on many.

mod classify;
mod contour;
mod heights;
mod morphology;
mod octree;
mod threads;

pub use classify::{
    ClassifyOptions, GROUND_HALO_M, HALO_M, LOWEST_HALO_M, Lowest, classify, classify_whole,
    lowest_returns,
};
pub use contour::{Contour, ContourOptions, Contours};
pub use heights::{
    CELLS_ALWAYS, CELLS_PER_POINT, COARSEST_CELL_M, Coverage, FINEST_CELL_M, GAP_M, HEIGHTS_HALO_M,
    Heights, MAX_CELLS, MAX_RADIUS_M, NoHeights, cell_size, frame, heights,
};
pub use octree::{LEAF_POINTS, OctreeNode, Positions, VOXELS, subtrees, thin};
