//! The cells of a block and of its halo.

use model::{Bounds, Grid, PointBatch, PointFlags};

use super::{HEIGHTS_HALO_M, HIGH_NOISE, LOW_NOISE};

/// A rectangle of the lattice, row by row from the north-west, with the block in its middle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) cell_m: f64,
    /// Lattice column of the first column, and lattice row of the first row, which is the
    /// northmost; rows of the lattice grow to the north.
    west: i64,
    north: i64,
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// Cells of the halo on each side.
    pub(super) margin: usize,
}

impl Window {
    /// Returns the window of a block; none if no cell has its middle in the square.
    pub(super) fn around(square: &Bounds, cell_m: f64) -> Option<Window> {
        // The first cell whose middle is not before an edge.
        let first = |edge: f64| (edge / cell_m - 0.5).ceil() as i64;
        let (west, east) = (first(square.min_x()), first(square.max_x()));
        let (south, north) = (first(square.min_y()), first(square.max_y()));
        if east <= west || north <= south {
            return None;
        }
        let margin = (HEIGHTS_HALO_M / cell_m).ceil() as usize;
        Some(Window {
            cell_m,
            west: west - margin as i64,
            north: north - 1 + margin as i64,
            columns: (east - west) as usize + 2 * margin,
            rows: (north - south) as usize + 2 * margin,
            margin,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.columns * self.rows
    }

    /// The middle of a cell.
    pub(super) fn middle(&self, column: usize, row: usize) -> [f64; 2] {
        [
            (self.west as f64 + column as f64 + 0.5) * self.cell_m,
            (self.north as f64 - row as f64 + 0.5) * self.cell_m,
        ]
    }

    /// The column and row of a place; none outside the window.
    pub(super) fn cell_at(&self, x: f64, y: f64) -> Option<(usize, usize)> {
        let column = (x / self.cell_m).floor() - self.west as f64;
        let row = self.north as f64 - (y / self.cell_m).floor();
        let inside =
            column >= 0.0 && row >= 0.0 && column < self.columns as f64 && row < self.rows as f64;
        inside.then_some((column as usize, row as usize))
    }

    /// Calls `see` with the cell and the number of each point that can be used.
    pub(super) fn for_each_point(&self, points: &PointBatch, mut see: impl FnMut(usize, usize)) {
        for i in 0..points.len() {
            let usable = points.flags[i] & PointFlags::WITHHELD == 0
                && !matches!(points.classification[i], LOW_NOISE | HIGH_NOISE)
                && points.z[i].is_finite();
            if usable && let Some((column, row)) = self.cell_at(points.x[i], points.y[i]) {
                see(row * self.columns + column, i);
            }
        }
    }

    /// Columns of the block itself.
    pub(super) fn core_columns(&self) -> std::ops::Range<usize> {
        self.margin..self.columns - self.margin
    }

    /// Rows of the block itself.
    pub(super) fn core_rows(&self) -> std::ops::Range<usize> {
        self.margin..self.rows - self.margin
    }

    /// What the cells of the block have of what all have.
    pub(super) fn core_of(&self, values: &[f32]) -> Vec<f32> {
        self.core_rows()
            .flat_map(|row| {
                let line = &values[row * self.columns..(row + 1) * self.columns];
                &line[self.core_columns()]
            })
            .copied()
            .collect()
    }

    /// A grid of the block's own cells.
    pub(super) fn core_grid(&self, values: Vec<f32>) -> Grid {
        let west = self.west + self.margin as i64;
        let north = self.north - self.margin as i64 + 1;
        Grid {
            west: west as f64 * self.cell_m,
            north: north as f64 * self.cell_m,
            cell_size_m: self.cell_m,
            columns: self.columns - 2 * self.margin,
            rows: self.rows - 2 * self.margin,
            values,
        }
    }
}
