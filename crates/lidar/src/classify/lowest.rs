//! The lowest last return of each cell, which is all that finding the ground far away needs.
//!
//! Points are many and reach no further than a tree's crown; the ground under a large
//! building is told by what lies two hundred metres off. So a survey is looked at twice:
//! first for these, and then, with those of a wide surrounding, for classes.

use model::PointBatch;

use super::cells::{Cells, Member};
use super::{class, noise};

/// How far around a block [`lowest_returns`] needs points, in metres, whatever the options.
pub const LOWEST_HALO_M: f64 = 12.0;

/// What rounding to cells adds, in metres.
const ROUNDING_M: f64 = 6.0;

const _: () = assert!(
    noise::REACH_M + ROUNDING_M <= LOWEST_HALO_M,
    "the halo is as wide as noise can reach"
);

/// The lowest last return of a cell that is no noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lowest {
    /// Column and row of the cell: it covers [i, i + 1) · `cell_m` of the CRS.
    pub cell: [i64; 2],
    /// Where the return lies, from the middle of the cell to the east and north, in metres.
    pub place_m: [f32; 2],
    /// Its elevation, in metres.
    pub z: f32,
}

impl Lowest {
    /// Whether this return goes before another of the same cell.
    pub(super) fn is_before(&self, other: &Lowest) -> bool {
        (self.z.total_cmp(&other.z))
            .then(self.place_m[0].total_cmp(&other.place_m[0]))
            .then(self.place_m[1].total_cmp(&other.place_m[1]))
            .is_lt()
    }
}

/// Returns the lowest last return, if it has one, of each cell of `cell_m` metres in which
/// any of the first `core` points lie; the rest is the halo around them, of
/// [`LOWEST_HALO_M`], and only helps to tell noise.
///
/// Cells are in the order of rows from the south-west. Where the core ends within a cell, it
/// may have another lowest return from its other side; [`classify`](super::classify())
/// takes the lower. Which points are looked at is told there.
pub fn lowest_returns(points: &PointBatch, core: usize, cell_m: f64) -> Vec<Lowest> {
    let Some(mut cells) = Cells::new(points, cell_m) else {
        return Vec::new();
    };
    noise::find(&mut cells);
    of_cells(&cells, core)
}

/// The lowest returns among the first `core` points, of which noise has its class by now.
pub(super) fn of_cells(cells: &Cells, core: usize) -> Vec<Lowest> {
    let is_own =
        |m: &&Member| (m.index as usize) < core && m.class == class::UNCLASSIFIED && m.is_last();
    let grid = cells.grid;
    (0..grid.len())
        .filter_map(|at| {
            let lowest = cells.of(at).iter().find(is_own)?;
            Some(Lowest {
                cell: grid.lattice_of(at),
                place_m: [lowest.east_m, lowest.north_m],
                z: lowest.z,
            })
        })
        .collect()
}
