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
        let places: Vec<Option<[i64; 2]>> = (0..points.len())
            .map(|i| {
                let is_usable =
                    points.flags[i] & PointFlags::WITHHELD == 0 && points.z[i].is_finite();
                let column = index_of(points.x[i], cell_m)?;
                let row = index_of(points.y[i], cell_m)?;
                is_usable.then_some([column, row])
            })
            .collect();
        let grid = Grid::around_all(cell_m, places.iter().copied().flatten())?;
        let mut first = vec![0_u32; grid.len() + 1];
        for place in places.iter().flatten() {
            first[grid.at_lattice(*place) + 1] += 1;
        }
        for i in 1..first.len() {
            first[i] += first[i - 1];
        }
        let nobody = Member {
            east_m: 0.0,
            north_m: 0.0,
            z: 0.0,
            index: 0,
            intensity: 0,
            return_number: 0,
            returns: 0,
            class: super::class::UNCLASSIFIED,
        };
        let mut next = first.clone();
        let mut members = vec![nobody; first[first.len() - 1] as usize];
        for (i, place) in places.iter().enumerate() {
            let Some(place) = place else { continue };
            let next = &mut next[grid.at_lattice(*place)];
            members[*next as usize] = Member {
                east_m: (points.x[i] - (place[0] as f64 + 0.5) * cell_m) as f32,
                north_m: (points.y[i] - (place[1] as f64 + 0.5) * cell_m) as f32,
                z: points.z[i] as f32,
                index: i as u32,
                intensity: points.intensity[i],
                return_number: points.return_number[i],
                returns: points.number_of_returns[i],
                class: super::class::UNCLASSIFIED,
            };
            *next += 1;
        }
        for bounds in first.windows(2) {
            // Whatever is equal in all of these is treated alike.
            members[bounds[0] as usize..bounds[1] as usize].sort_unstable_by(|a, b| {
                (a.z.total_cmp(&b.z))
                    .then(a.east_m.total_cmp(&b.east_m))
                    .then(a.north_m.total_cmp(&b.north_m))
                    .then(a.return_number.cmp(&b.return_number))
                    .then(a.returns.cmp(&b.returns))
                    .then(a.intensity.cmp(&b.intensity))
            });
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
        let mut window: Option<Window> = None;
        for row in 0..self.grid.rows {
            for column in 0..self.grid.columns {
                let own = self.of(self.grid.at(column, row));
                if own.iter().any(|member| (member.index as usize) < core) {
                    let w = window.get_or_insert(Window {
                        columns: (column, column + 1),
                        rows: (row, row + 1),
                    });
                    w.columns = (w.columns.0.min(column), w.columns.1.max(column + 1));
                    w.rows = (w.rows.0.min(row), w.rows.1.max(row + 1));
                }
            }
        }
        window
    }
}
