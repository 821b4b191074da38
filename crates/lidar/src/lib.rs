//! Points to classes, terrain and surface: pure algorithms over columns and grids.
//!
//! [`classify()`] tells what each point of a block has met.
//! [`HeightGrid`] gathers the returns of a survey cell by cell, and its
//! [`finish`](HeightGrid::finish) makes a terrain and a surface of them. Where the survey
//! says which of its points are ground, it is believed; otherwise a morphological filter
//! finds the ground.
//!
//! [`subtrees`] and [`thin`] choose which points each cube of an octree keeps.
//!
//! It knows nothing of files or of the store. Threads live in `threads` alone, and the
//! result is the same to the byte on one and on many.

mod classify;
mod fill;
mod gather;
mod morphology;
mod octree;
mod scene;
mod surface;
mod terrain;
mod threads;

pub use classify::{ClassifyOptions, HALO_M, classify};
pub use gather::{
    CELLS_ALWAYS, CELLS_PER_POINT, COARSEST_CELL_M, FINEST_CELL_M, HeightGrid, Heights, MAX_CELLS,
    NoHeights, TooManyCells,
};
pub use octree::{LEAF_POINTS, OctreeNode, Positions, VOXELS, subtrees, thin};
pub use scene::GroundSource;
