//! Smooth filling of voids.
//!
//! Push–pull: averages are handed down to coarser grids until nothing is missing, and
//! missing cells take bilinear values on the way back. A few relaxation sweeps on each level
//! bring these near the surface of least bending between what surrounds a void.

use crate::threads::for_each_row;

/// Relaxation sweeps on each level. More change a filled void by millimetres.
const SWEEPS: usize = 12;

/// Fills every NaN of the grid from what surrounds it. A grid of NaN alone stays as it is.
pub(crate) fn fill(values: &mut [f32], columns: usize) {
    if columns == 0 || !values.iter().any(|v| v.is_nan()) || values.iter().all(|v| v.is_nan()) {
        return;
    }
    let rows = values.len() / columns;
    let (mut coarse, coarse_columns) = halve(values, columns, rows);
    fill(&mut coarse, coarse_columns);
    let missing: Vec<bool> = values.iter().map(|v| v.is_nan()).collect();
    let coarse_rows = coarse.len() / coarse_columns;
    for_each_row(values, columns, |row, cells| {
        for (column, cell) in cells.iter_mut().enumerate() {
            if cell.is_nan() {
                *cell = bilinear(&coarse, coarse_columns, coarse_rows, column, row);
            }
        }
    });
    for _ in 0..SWEEPS {
        let before = values.to_vec();
        for_each_row(values, columns, |row, cells| {
            let missing = &missing[row * columns..(row + 1) * columns];
            for column in 0..columns {
                if missing[column] {
                    let at = row * columns + column;
                    let mut sum = 0.0;
                    let mut count = 0.0;
                    for (there, neighbour) in [
                        (column > 0, at.wrapping_sub(1)),
                        (column + 1 < columns, at + 1),
                        (row > 0, at.wrapping_sub(columns)),
                        (row + 1 < rows, at + columns),
                    ] {
                        if there {
                            sum += before[neighbour];
                            count += 1.0;
                        }
                    }
                    if count > 0.0 {
                        cells[column] = sum / count;
                    }
                }
            }
        });
    }
}

/// Returns the grid at half the resolution, each cell the mean of those there are.
fn halve(values: &[f32], columns: usize, rows: usize) -> (Vec<f32>, usize) {
    let coarse_columns = columns.div_ceil(2);
    let mut coarse = vec![f32::NAN; coarse_columns * rows.div_ceil(2)];
    for_each_row(&mut coarse, coarse_columns, |row, cells| {
        for (column, cell) in cells.iter_mut().enumerate() {
            let mut sum = 0.0;
            let mut count = 0.0;
            for r in 2 * row..(2 * row + 2).min(rows) {
                for c in 2 * column..(2 * column + 2).min(columns) {
                    let value = values[r * columns + c];
                    if !value.is_nan() {
                        sum += value;
                        count += 1.0;
                    }
                }
            }
            *cell = sum / count;
        }
    });
    (coarse, coarse_columns)
}

/// The value of a coarse grid at the middle of a cell of the grid twice as fine.
fn bilinear(coarse: &[f32], columns: usize, rows: usize, column: usize, row: usize) -> f32 {
    // The middle of a fine cell lies a quarter of a coarse cell from the coarse middle.
    let near = [column / 2, row / 2];
    let far = [other(column, columns), other(row, rows)];
    let at = |c: usize, r: usize| coarse[r * columns + c];
    0.5625 * at(near[0], near[1])
        + 0.1875 * (at(far[0], near[1]) + at(near[0], far[1]))
        + 0.0625 * at(far[0], far[1])
}

/// The second nearest coarse cell to a fine one.
fn other(fine: usize, count: usize) -> usize {
    let near = fine / 2;
    if fine.is_multiple_of(2) {
        near.saturating_sub(1)
    } else {
        (near + 1).min(count - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_in_a_slope_is_filled_with_the_slope() {
        let columns = 64;
        let slope = |i: usize| (i % columns) as f32 * 0.2 + (i / columns) as f32 * 0.1;
        let mut values: Vec<f32> = (0..columns * columns).map(slope).collect();
        for row in 20..44 {
            for column in 20..40 {
                values[row * columns + column] = f32::NAN;
            }
        }
        fill(&mut values, columns);
        let worst = (0..values.len())
            .map(|i| (values[i] - slope(i)).abs())
            .fold(0.0, f32::max);
        assert!(
            worst < 0.25,
            "{worst} m on a hole of 24 × 20 cells that falls 6 m"
        );
    }

    #[test]
    fn what_is_there_stays_and_nothing_stays_nothing() {
        let mut values = vec![1.0, f32::NAN, 3.0];
        fill(&mut values, 3);
        assert_eq!((values[0], values[2]), (1.0, 3.0));
        assert!((values[1] - 2.0).abs() < 0.1);
        let mut nothing = vec![f32::NAN; 6];
        fill(&mut nothing, 3);
        assert!(nothing.iter().all(|v| v.is_nan()));
    }
}
