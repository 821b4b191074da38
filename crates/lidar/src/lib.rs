//! Points to ground, terrain and surface: pure algorithms over columns and grids.
//!
//! It knows nothing of files or of the store.

use model::{Grid, PointBatch};

/// Lowest and highest return of each cell, gathered batch by batch.
///
/// Memory grows with the area that has points, not with their number.
#[derive(Debug)]
pub struct HeightGrid {}

/// The survey covers more cells than the limit allows.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("too many cells")]
pub struct TooManyCells {}

/// Terrain and surface of a survey on one lattice.
#[derive(Debug, Clone, PartialEq)]
pub struct Heights {
    /// Bare ground; voids under buildings and trees filled, NaN beyond the survey.
    pub terrain: Grid,
    /// Highest returns, without isolated noise; NaN where there is no return.
    pub surface: Grid,
}

impl HeightGrid {
    /// Starts an empty grid.
    pub fn new(_cell_size_m: f64) -> HeightGrid {
        todo!()
    }

    /// Takes the points of a batch that are not withheld.
    pub fn add(&mut self, _batch: &PointBatch) -> Result<(), TooManyCells> {
        todo!()
    }

    /// Computes terrain and surface; none if there were no points.
    pub fn finish(self) -> Option<Heights> {
        todo!()
    }
}
