//! The points of a block sorted into cells of the global lattice.
//!
//! Cell (i, j) covers [i, i + 1) · `cell_m` by [j, j + 1) · `cell_m` of the CRS, whatever
//! block it is seen from, and points within it are in an order of their own. So sums over
//! cells are the same to the bit in every block that holds them.

use model::{PointBatch, PointFlags};

/// Most cells of a block with its halo: 67 million, 8 km square at 1 m. A block is far
/// smaller; this keeps a stray point from costing gigabytes.
const MAX_CELLS: u64 = 1 << 26;

/// Columns and rows further than this from the origin are beyond any CRS; keeping to them
/// keeps the arithmetic exact.
const MAX_INDEX: f64 = 1e12;

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

/// A rectangle of cells: columns from and up to, rows from and up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) columns: (usize, usize),
    pub(super) rows: (usize, usize),
}

impl Window {
    /// Returns the window with `margin` more cells on every side, within the grid.
    pub(super) fn widened(self, margin: usize, cells: &Cells) -> Window {
        Window {
            columns: (
                self.columns.0.saturating_sub(margin),
                (self.columns.1 + margin).min(cells.columns),
            ),
            rows: (
                self.rows.0.saturating_sub(margin),
                (self.rows.1 + margin).min(cells.rows),
            ),
        }
    }

    /// The cells of the window, as column and row.
    pub(super) fn cells(self) -> impl Iterator<Item = (usize, usize)> {
        (self.rows.0..self.rows.1)
            .flat_map(move |row| (self.columns.0..self.columns.1).map(move |column| (column, row)))
    }
}

/// Points by cell, row by row from the south-west.
#[derive(Debug)]
pub(super) struct Cells {
    pub(super) cell_m: f32,
    /// Lattice column and row of the south-west cell.
    pub(super) west: i64,
    pub(super) south: i64,
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// Where each cell's points start; one more at the end.
    first: Vec<u32>,
    /// Sorted by cell, and within it from the lowest up.
    pub(super) members: Vec<Member>,
}

impl Cells {
    /// Sorts the points that can be used: not withheld, and finite. None if there are none,
    /// or if the box around them is beyond [`MAX_CELLS`].
    pub(super) fn new(points: &PointBatch, cell_m: f64) -> Option<Cells> {
        let place = |i: usize| -> Option<(f64, f64)> {
            let usable = points.flags[i] & PointFlags::WITHHELD == 0
                && points.z[i].is_finite()
                && (points.x[i] / cell_m).abs() < MAX_INDEX
                && (points.y[i] / cell_m).abs() < MAX_INDEX;
            usable.then(|| {
                (
                    (points.x[i] / cell_m).floor(),
                    (points.y[i] / cell_m).floor(),
                )
            })
        };
        let mut low = [f64::INFINITY; 2];
        let mut high = [f64::NEG_INFINITY; 2];
        for i in 0..points.len() {
            if let Some((column, row)) = place(i) {
                low = [low[0].min(column), low[1].min(row)];
                high = [high[0].max(column), high[1].max(row)];
            }
        }
        let columns = (high[0] - low[0] + 1.0).max(0.0) as u64;
        let rows = (high[1] - low[1] + 1.0).max(0.0) as u64;
        if columns == 0 || rows == 0 || columns.saturating_mul(rows) > MAX_CELLS {
            return None;
        }
        let (columns, rows) = (columns as usize, rows as usize);
        let mut first = vec![0_u32; columns * rows + 1];
        let at = |(column, row): (f64, f64)| {
            (row - low[1]) as usize * columns + (column - low[0]) as usize
        };
        for place in (0..points.len()).filter_map(place) {
            first[at(place) + 1] += 1;
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
        for i in 0..points.len() {
            if let Some(place) = place(i) {
                let next = &mut next[at(place)];
                members[*next as usize] = Member {
                    east_m: (points.x[i] - (place.0 + 0.5) * cell_m) as f32,
                    north_m: (points.y[i] - (place.1 + 0.5) * cell_m) as f32,
                    z: points.z[i] as f32,
                    index: i as u32,
                    intensity: points.intensity[i],
                    return_number: points.return_number[i],
                    returns: points.number_of_returns[i],
                    class: super::class::UNCLASSIFIED,
                };
                *next += 1;
            }
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
            cell_m: cell_m as f32,
            west: low[0] as i64,
            south: low[1] as i64,
            columns,
            rows,
            first,
            members,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.columns * self.rows
    }

    /// Returns which of the members lie in a cell.
    pub(super) fn range(&self, cell: usize) -> std::ops::Range<usize> {
        self.first[cell] as usize..self.first[cell + 1] as usize
    }

    /// Returns the points of a cell, from the lowest up.
    pub(super) fn of(&self, cell: usize) -> &[Member] {
        &self.members[self.range(cell)]
    }

    pub(super) fn at(&self, column: usize, row: usize) -> usize {
        row * self.columns + column
    }

    /// Returns the cells that hold the first `core` points of the batch.
    pub(super) fn window_of_core(&self, core: usize) -> Option<Window> {
        let mut window: Option<Window> = None;
        for row in 0..self.rows {
            for column in 0..self.columns {
                let own = self.of(self.at(column, row));
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

    /// Returns the cells within `radius` columns and rows of one.
    pub(super) fn around(&self, column: usize, row: usize, radius: usize) -> Window {
        Window {
            columns: (column, column + 1),
            rows: (row, row + 1),
        }
        .widened(radius, self)
    }

    /// Returns how many cells reach at least this far.
    pub(super) fn cells_in(&self, metres: f32) -> usize {
        (metres / self.cell_m).round().max(1.0) as usize
    }
}
