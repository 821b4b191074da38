//! Cells of the global lattice.
//!
//! Cell (i, j) covers [i, i + 1) · `cell_m` by [j, j + 1) · `cell_m` of the CRS, whatever
//! block it is seen from.

/// Most cells of a block with its halo: 67 million, 8 km square at 1 m. A block is far
/// smaller; this keeps a stray point from costing gigabytes.
const MAX_CELLS: u64 = 1 << 26;

/// Columns and rows further than this from the origin are beyond any CRS; keeping to them
/// keeps the arithmetic exact.
const MAX_INDEX: f64 = 1e12;

/// Returns the column or row of the lattice in which a coordinate lies, if it is one of a CRS.
pub(super) fn index_of(coordinate: f64, cell_m: f64) -> Option<i64> {
    let exact = coordinate / cell_m;
    if exact.is_nan() || exact.abs() >= MAX_INDEX {
        return None;
    }
    // Rounds down, as `floor` does, which is a call where the processor may be an old one.
    let towards_zero = exact as i64;
    Some(towards_zero - i64::from(towards_zero as f64 > exact))
}

/// A rectangle of the lattice, row by row from the south-west.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grid {
    pub(super) cell_m: f32,
    /// Lattice column and row of the south-west cell.
    pub(super) west: i64,
    pub(super) south: i64,
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl Grid {
    /// Returns the smallest grid with all of these cells, given as column and row of the
    /// lattice; none if there are none, or if it would have over [`MAX_CELLS`].
    pub(super) fn around_all(cell_m: f64, places: impl Iterator<Item = [i64; 2]>) -> Option<Grid> {
        let (mut low, mut high) = ([i64::MAX; 2], [i64::MIN; 2]);
        for place in places {
            for axis in 0..2 {
                low[axis] = low[axis].min(place[axis]);
                high[axis] = high[axis].max(place[axis]);
            }
        }
        if low > high {
            return None;
        }
        let columns = (high[0] - low[0] + 1).unsigned_abs();
        let rows = (high[1] - low[1] + 1).unsigned_abs();
        (columns.saturating_mul(rows) <= MAX_CELLS).then_some(Grid {
            cell_m: cell_m as f32,
            west: low[0],
            south: low[1],
            columns: columns as usize,
            rows: rows as usize,
        })
    }

    /// The lattice columns and rows of two opposite corners.
    pub(super) fn corners(&self) -> [[i64; 2]; 2] {
        let east = self.west + self.columns as i64 - 1;
        let north = self.south + self.rows as i64 - 1;
        [[self.west, self.south], [east, north]]
    }

    pub(super) fn len(&self) -> usize {
        self.columns * self.rows
    }

    pub(super) fn at(&self, column: usize, row: usize) -> usize {
        row * self.columns + column
    }

    /// Returns the cell at a column and row of the lattice, which must lie within the grid.
    pub(super) fn at_lattice(&self, [column, row]: [i64; 2]) -> usize {
        self.at((column - self.west) as usize, (row - self.south) as usize)
    }

    /// Returns the column and row of the lattice of a cell.
    pub(super) fn lattice_of(&self, at: usize) -> [i64; 2] {
        let (column, row) = (at % self.columns, at / self.columns);
        [self.west + column as i64, self.south + row as i64]
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

    /// Returns where a window of another grid of the same lattice lies in this one, which
    /// must hold it.
    pub(super) fn window_from(&self, window: Window, other: &Grid) -> Window {
        let moved = |(from, to): (usize, usize), by: i64| {
            ((from as i64 + by) as usize, (to as i64 + by) as usize)
        };
        Window {
            columns: moved(window.columns, other.west - self.west),
            rows: moved(window.rows, other.south - self.south),
        }
    }

    /// Returns the part of this grid's values that lies in a smaller one, which it must hold.
    pub(super) fn cut<T: Copy>(&self, values: &[T], smaller: &Grid) -> Vec<T> {
        let all = Window {
            columns: (0, smaller.columns),
            rows: (0, smaller.rows),
        };
        let window = self.window_from(all, smaller);
        (window.rows.0..window.rows.1)
            .flat_map(|row| &values[self.at(window.columns.0, row)..self.at(window.columns.1, row)])
            .copied()
            .collect()
    }
}

/// A rectangle of cells: columns from and up to, rows from and up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) columns: (usize, usize),
    pub(super) rows: (usize, usize),
}

impl Window {
    /// Returns the smallest window with all of these cells, if there are any.
    pub(super) fn around_all(cells: impl Iterator<Item = (usize, usize)>) -> Option<Window> {
        cells.fold(None, |window: Option<Window>, (column, row)| {
            let w = window.unwrap_or(Window {
                columns: (column, column + 1),
                rows: (row, row + 1),
            });
            Some(Window {
                columns: (w.columns.0.min(column), w.columns.1.max(column + 1)),
                rows: (w.rows.0.min(row), w.rows.1.max(row + 1)),
            })
        })
    }

    /// Returns the window with `margin` more cells on every side, within the grid.
    pub(super) fn widened(self, margin: usize, grid: &Grid) -> Window {
        Window {
            columns: (
                self.columns.0.saturating_sub(margin),
                (self.columns.1 + margin).min(grid.columns),
            ),
            rows: (
                self.rows.0.saturating_sub(margin),
                (self.rows.1 + margin).min(grid.rows),
            ),
        }
    }

    /// The cells of the window, as column and row.
    pub(super) fn cells(self) -> impl Iterator<Item = (usize, usize)> {
        (self.rows.0..self.rows.1)
            .flat_map(move |row| (self.columns.0..self.columns.1).map(move |column| (column, row)))
    }
}
