//! Points whose classes are known to terrain, surface and distance, block by block.
//!
//! [`heights()`] is a pure function over the points of a block and of what lies within
//! [`HEIGHTS_HALO_M`] around it. Cells lie on the lattice of whole multiples of their side,
//! sums are of whole numbers, and triangles are laid over coordinates of the CRS, so that a
//! cell gets the same value in whatever block it is seen.
//!
//! The terrain follows these rules, in this order:
//!
//! 1. A cell with ground (2) or water (9) has the mean of their elevations, moved to its
//!    middle along the plane through the cells around it.
//! 2. A cell without, within what the survey has seen, is interpolated linearly on a
//!    triangulation of the cells with ground around the void, if the circle through the three
//!    has a radius of [`MAX_RADIUS_M`] at most.
//! 3. What that leaves takes the elevation of the nearest cell with ground within the halo.
//! 4. All else has none. The survey has seen a cell if it has a return, or lies in a gap
//!    between returns that is at most twice [`GAP_M`] wide.
//!
//! Every cell of the terrain has its distance from the nearest ground beside it, which
//! tells what was measured from what was filled in.

mod distance;
mod frame;
mod ground;
mod surface;
mod voids;
mod window;

use model::{Bounds, Grid, PointBatch};

use window::Window;

pub use frame::{
    CELLS_ALWAYS, CELLS_PER_POINT, COARSEST_CELL_M, Coverage, FINEST_CELL_M, MAX_CELLS, NoHeights,
    cell_size, frame,
};

/// How far around a block points are needed, in metres.
pub const HEIGHTS_HALO_M: f64 = 96.0;

/// Largest circle through three cells with ground that the terrain is interpolated between,
/// as radius in metres: a building 120 m square is bridged.
pub const MAX_RADIUS_M: f64 = 88.0;

/// Half the width of gaps without any return that the terrain is carried over, in metres:
/// roofs that give none, pools, shadows.
pub const GAP_M: f64 = 24.0;

const _: () = assert!(
    MAX_RADIUS_M < HEIGHTS_HALO_M && 2.0 * GAP_M < HEIGHTS_HALO_M,
    "all that a cell depends on lies within the halo"
);

/// ASPRS class of ground.
const GROUND: u8 = 2;
/// ASPRS class of low noise.
const LOW_NOISE: u8 = 7;
/// ASPRS class of water.
const WATER: u8 = 9;
/// ASPRS class of high noise.
const HIGH_NOISE: u8 = 18;

/// The cells of a block, on one lattice.
#[derive(Debug, Clone, PartialEq)]
pub struct Heights {
    /// Bare ground and water, voids filled; NaN beyond what the survey has seen.
    pub terrain: Grid,
    /// Highest returns, without isolated ones and pits; NaN where there is no return.
    pub surface: Grid,
    /// Metres in the plane from the middle of a cell to that of the nearest with a return
    /// from ground or water; zero where the cell has one itself. NaN where the terrain is.
    pub distance: Grid,
}

/// Returns terrain, surface and distance of the cells whose middles lie in `square`; none
/// if there are no such cells.
///
/// A middle on the south or west edge lies in the square, on the others it does not.
/// `points` are those of the square and of [`HEIGHTS_HALO_M`] around it, in metres in one
/// projected CRS; withheld points, noise (7 and 18) and what is not finite are passed over.
/// Neither their order nor the number of threads changes a value.
///
/// # Panics
///
/// If `cell_size_m` is not finite and over zero; [`cell_size`] gives one that is.
pub fn heights(points: &PointBatch, square: &Bounds, cell_size_m: f64) -> Option<Heights> {
    assert!(
        cell_size_m.is_finite() && cell_size_m > 0.0,
        "a cell of {cell_size_m} m has no area"
    );
    let block = Window::around(square, cell_size_m)?;
    // Points may be few and far between: cells where none are cost nothing.
    let Some(window) = block.around_points(points) else {
        let none = block.core_grid(vec![
            f32::NAN;
            block.core_columns().len() * block.core_rows().len()
        ]);
        return Some(Heights {
            terrain: none.clone(),
            surface: none.clone(),
            distance: none,
        });
    };
    let ground = ground::ground(&window, points);
    let surface = surface::surface(&window, points);
    let (terrain, distance) = voids::fill(&window, &ground, &surface.has_return);
    Some(Heights {
        terrain: block.core_grid_with(&window, terrain),
        surface: block.core_grid_with(&window, window.core_of(&surface.values)),
        distance: block.core_grid_with(&window, distance),
    })
}
