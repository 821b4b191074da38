//! The points of a block sorted into cells of the global lattice.
//!
//! Points within a cell are in an order of their own, so that sums over cells are the same
//! to the bit in every block that holds them.

use model::{PointBatch, PointFlags};

use super::grid::{Grid, Window, index_of};

/// A point as classification sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// From the middle of its cell, in metres.
    pub(super) east_m: f32,
    pub(super) north_m: f32,
    pub(super) z: f32,
    /// Its place in the batch.
    pub(super) index: u32,
    pub(super) intensity: u16,
    pub(super) return_number: u8,
    pub(super) returns: u8,
    /// The class that it has been given so far.
    pub(super) class: u8,
}

impl Member {
    /// Whether nothing of the pulse came from below.
    pub(super) fn is_last(&self) -> bool {
        self.return_number >= self.returns
    }

    /// Whether the pulse met one thing only.
    pub(super) fn is_only(&self) -> bool {
        self.returns <= 1
    }
}

/// The cell of a point that cannot be used. No grid has so many.
const NOWHERE: u32 = u32::MAX;

/// Returns a number that is the larger the higher an elevation is, and another for each.
fn rank(z: f32) -> u32 {
    let bits = z.to_bits();
    // Of negative numbers, those with larger bits are lower.
    if bits >> 31 == 0 {
        bits | 1 << 31
    } else {
        !bits
    }
}

/// Points by cell.
#[derive(Debug)]
pub(super) struct Cells {
    pub(super) grid: Grid,
    /// Where each cell's points start; one more at the end.
    first: Vec<u32>,
    /// Sorted by cell, and within it from the lowest up.
    pub(super) members: Vec<Member>,
}

impl Cells {
    /// Sorts the points that can be used: not withheld, and finite. None if there are none,
    /// or if the box around them has too many cells.
    pub(super) fn new(points: &PointBatch, cell_m: f64) -> Option<Cells> {
        let place_of = |i: usize| {
            let is_usable = points.flags[i] & PointFlags::WITHHELD == 0 && points.z[i].is_finite();
            let column = index_of(points.x[i], cell_m)?;
            let row = index_of(points.y[i], cell_m)?;
            is_usable.then_some([column, row])
        };
        let grid = Grid::around_all(cell_m, (0..points.len()).filter_map(place_of))?;
        let mut first = vec![0_u32; grid.len() + 1];
        let cell_of: Vec<u32> = (0..points.len())
            .map(|i| {
                let Some(place) = place_of(i) else {
                    return NOWHERE;
                };
                let cell = grid.at_lattice(place);
                first[cell + 1] += 1;
                cell as u32
            })
            .collect();
        for i in 1..first.len() {
            first[i] += first[i - 1];
        }
        // By elevation and number: whole numbers are sorted several times as fast as points,
        // and few points of a cell are as high as one another.
        let mut next = first.clone();
        let mut keys = vec![0_u64; first[first.len() - 1] as usize];
        for (i, &cell) in cell_of.iter().enumerate() {
            if cell != NOWHERE {
                let next = &mut next[cell as usize];
                keys[*next as usize] = u64::from(rank(points.z[i] as f32)) << 32 | i as u64;
                *next += 1;
            }
        }
        let mut members = Vec::with_capacity(keys.len());
        for (cell, bounds) in first.windows(2).enumerate() {
            let keys = &mut keys[bounds[0] as usize..bounds[1] as usize];
            keys.sort_unstable();
            let middle = grid.lattice_of(cell).map(|at| (at as f64 + 0.5) * cell_m);
            members.extend(keys.iter().map(|&key| {
                let i = key as u32 as usize;
                Member {
                    east_m: (points.x[i] - middle[0]) as f32,
                    north_m: (points.y[i] - middle[1]) as f32,
                    z: points.z[i] as f32,
                    index: i as u32,
                    intensity: points.intensity[i],
                    return_number: points.return_number[i],
                    returns: points.number_of_returns[i],
                    class: super::class::UNCLASSIFIED,
                }
            }));
            let as_high = |a: &Member, b: &Member| a.z.to_bits() == b.z.to_bits();
            for level in members[bounds[0] as usize..].chunk_by_mut(as_high) {
                // Whatever is equal in all of these is treated alike.
                level.sort_unstable_by(|a, b| {
                    (a.east_m.total_cmp(&b.east_m))
                        .then(a.north_m.total_cmp(&b.north_m))
                        .then(a.return_number.cmp(&b.return_number))
                        .then(a.returns.cmp(&b.returns))
                        .then(a.intensity.cmp(&b.intensity))
                });
            }
        }
        Some(Cells {
            grid,
            first,
            members,
        })
    }

    /// Returns which of the members lie in a cell.
    pub(super) fn range(&self, cell: usize) -> std::ops::Range<usize> {
        self.first[cell] as usize..self.first[cell + 1] as usize
    }

    /// Returns the points of a cell, from the lowest up.
    pub(super) fn of(&self, cell: usize) -> &[Member] {
        &self.members[self.range(cell)]
    }

    /// Returns the cells that hold the first `core` points of the batch.
    pub(super) fn window_of_core(&self, core: usize) -> Option<Window> {
        let all = Window {
            columns: (0, self.grid.columns),
            rows: (0, self.grid.rows),
        };
        Window::around_all(all.cells().filter(|&(column, row)| {
            let own = self.of(self.grid.at(column, row));
            own.iter().any(|member| (member.index as usize) < core)
        }))
    }
}
