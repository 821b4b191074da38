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

    /// Returns the window of the least rectangle of the block's own cells beyond which no
    /// cell has a height: gaps are closed between points, never beyond the box around them.
    /// None if no cell has one.
    pub(super) fn around_points(&self, points: &PointBatch) -> Option<Window> {
        let (mut first, mut last) = ([usize::MAX; 2], [0; 2]);
        self.for_each_point(points, |cell, _| {
            for (axis, at) in [cell % self.columns, cell / self.columns]
                .into_iter()
                .enumerate()
            {
                first[axis] = first[axis].min(at);
                last[axis] = last[axis].max(at);
            }
        });
        let own = [self.core_columns(), self.core_rows()];
        let [columns, rows] = [0, 1].map(|axis| {
            first[axis].max(own[axis].start)..own[axis].end.min(last[axis].saturating_add(1))
        });
        if columns.is_empty() || rows.is_empty() {
            return None;
        }
        Some(Window {
            west: self.west + (columns.start - self.margin) as i64,
            north: self.north - (rows.start - self.margin) as i64,
            columns: columns.len() + 2 * self.margin,
            rows: rows.len() + 2 * self.margin,
            ..*self
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

    /// A grid of the block's own cells, of which those of a part have values.
    pub(super) fn core_grid_with(&self, part: &Window, values: Vec<f32>) -> Grid {
        if (part.columns, part.rows) == (self.columns, self.rows) {
            return self.core_grid(values);
        }
        let [columns, rows] = [self.core_columns().len(), self.core_rows().len()];
        let column = (part.west - self.west) as usize;
        let row = (self.north - part.north) as usize;
        let mut all = vec![f32::NAN; columns * rows];
        let lines = values.chunks_exact(part.core_columns().len());
        for (line, target) in lines.zip(all.chunks_exact_mut(columns).skip(row)) {
            target[column..column + line.len()].copy_from_slice(line);
        }
        self.core_grid(all)
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
