//! Regular grids of elevations.

use crate::Bounds;

/// Elevations in square cells, row by row from the north-west.
///
/// A value belongs to the middle of its cell. A cell without a value is NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// West edge of the first column.
    pub west: f64,
    /// North edge of the first row.
    pub north: f64,
    /// Side of a cell, in metres; over zero.
    pub cell_size_m: f64,
    /// Number of cells from west to east.
    pub columns: usize,
    /// Number of cells from north to south.
    pub rows: usize,
    /// `columns` × `rows` elevations in metres.
    pub values: Vec<f32>,
}

/// Where the cells of a grid lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GridFrame {
    /// West edge of the first column.
    pub west: f64,
    /// North edge of the first row.
    pub north: f64,
    /// Side of a cell, in metres; over zero.
    pub cell_size_m: f64,
    /// Number of cells from west to east.
    pub columns: usize,
    /// Number of cells from north to south.
    pub rows: usize,
}

impl Grid {
    /// Where its cells lie.
    pub fn frame(&self) -> GridFrame {
        GridFrame {
            west: self.west,
            north: self.north,
            cell_size_m: self.cell_size_m,
            columns: self.columns,
            rows: self.rows,
        }
    }

    /// Returns a grid without any value.
    pub fn empty(west: f64, north: f64, cell_size_m: f64, columns: usize, rows: usize) -> Grid {
        Grid {
            west,
            north,
            cell_size_m,
            columns,
            rows,
            values: vec![f32::NAN; columns * rows],
        }
    }

    /// The value of a cell; NaN outside the grid.
    pub fn get(&self, column: isize, row: isize) -> f32 {
        match (usize::try_from(column), usize::try_from(row)) {
            (Ok(column), Ok(row)) if column < self.columns && row < self.rows => {
                self.values[row * self.columns + column]
            }
            _ => f32::NAN,
        }
    }

    /// The cell that holds the point, whether or not it lies inside the grid.
    pub fn cell_at(&self, [x, y]: [f64; 2]) -> (isize, isize) {
        let column = ((x - self.west) / self.cell_size_m).floor();
        let row = ((self.north - y) / self.cell_size_m).floor();
        (column as isize, row as isize)
    }

    /// The middle of a cell.
    pub fn centre_of(&self, column: usize, row: usize) -> [f64; 2] {
        [
            self.west + (column as f64 + 0.5) * self.cell_size_m,
            self.north - (row as f64 + 0.5) * self.cell_size_m,
        ]
    }

    /// The box that the cells cover, or nothing for a grid without cells.
    pub fn bounds(&self) -> Option<Bounds> {
        if self.columns == 0 || self.rows == 0 {
            return None;
        }
        let east = self.west + self.columns as f64 * self.cell_size_m;
        let south = self.north - self.rows as f64 * self.cell_size_m;
        Bounds::new(self.west, south, east, self.north).ok()
    }

    /// Returns the elevation at a point, bilinear between cell middles.
    ///
    /// Where some of the four cells around the point have no value, the others
    /// are weighted among themselves; NaN if the cell that holds the point has none.
    pub fn sample(&self, point: [f64; 2]) -> f32 {
        let (column, row) = self.cell_at(point);
        if self.get(column, row).is_nan() {
            return f32::NAN;
        }
        let u = (point[0] - self.west) / self.cell_size_m - 0.5;
        let v = (self.north - point[1]) / self.cell_size_m - 0.5;
        let (left, top) = (u.floor(), v.floor());
        let (fu, fv) = (u - left, v - top);
        let (left, top) = (left as isize, top as isize);
        let mut sum = 0.0;
        let mut weights = 0.0;
        for (dc, dr, weight) in [
            (0, 0, (1.0 - fu) * (1.0 - fv)),
            (1, 0, fu * (1.0 - fv)),
            (0, 1, (1.0 - fu) * fv),
            (1, 1, fu * fv),
        ] {
            let value = self.get(left + dc, top + dr);
            if !value.is_nan() {
                sum += weight * f64::from(value);
                weights += weight;
            }
        }
        (sum / weights) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_zero_is_the_northmost_and_sampling_is_bilinear() {
        let mut grid = Grid::empty(100.0, 200.0, 2.0, 2, 2);
        grid.values = vec![0.0, 2.0, 4.0, 6.0];
        assert_eq!(grid.centre_of(0, 0), [101.0, 199.0]);
        assert_eq!(grid.sample([101.0, 199.0]), 0.0);
        assert_eq!(grid.sample([102.0, 198.0]), 3.0);
        assert!(grid.sample([99.0, 199.0]).is_nan());
    }

    #[test]
    fn a_cell_without_value_is_left_out_of_the_weights() {
        let mut grid = Grid::empty(0.0, 2.0, 1.0, 2, 1);
        grid.values[0] = 5.0;
        assert_eq!(grid.sample([0.9, 1.5]), 5.0);
        assert!(grid.sample([1.1, 1.5]).is_nan());
    }
}
