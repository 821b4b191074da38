//! Elevations smoothed with a bell (Gauss), passing over cells without a value.

use model::Grid;

use crate::threads::for_each_row;

/// How many standard deviations of the bell are used.
const REACH: f64 = 3.0;

/// The widest bell, in cells to one side: wider ones are for coarser cells.
const REACH_CELLS_MAX: f64 = 64.0;

/// Half of the bell, from its middle outwards.
pub(super) fn kernel(deviation_cells: f64) -> Vec<f64> {
    let reach = (REACH * deviation_cells).ceil().min(REACH_CELLS_MAX);
    let weight = |at: f64| (-0.5 * (at / deviation_cells).powi(2)).exp();
    if deviation_cells > 0.0 {
        (0..=reach as usize).map(|at| weight(at as f64)).collect()
    } else {
        vec![1.0]
    }
}

/// The rows of `cells` that have as many rows around them as the kernel reaches. A cell
/// without a value stays so.
pub(super) fn smoothed(cells: &Grid, kernel: &[f64]) -> Vec<f32> {
    let around = kernel.len() - 1;
    if around == 0 {
        return cells.values.clone();
    }
    let columns = cells.columns;
    // Sums of weighted values and of weights, along rows and then across them.
    let mut along = vec![[0.0_f64; 2]; cells.values.len()];
    for_each_row(&mut along, columns, |row, sums| {
        let line = &cells.values[row * columns..(row + 1) * columns];
        for (column, sums) in sums.iter_mut().enumerate() {
            let first = column.saturating_sub(around);
            let last = (column + around).min(columns - 1);
            for (at, value) in line.iter().enumerate().take(last + 1).skip(first) {
                if !value.is_nan() {
                    let weight = kernel[at.abs_diff(column)];
                    sums[0] += weight * f64::from(*value);
                    sums[1] += weight;
                }
            }
        }
    });
    let rows = cells.rows - 2 * around;
    let mut values = vec![f32::NAN; rows * columns];
    for_each_row(&mut values, columns, |row, values| {
        for (column, value) in values.iter_mut().enumerate() {
            if cells.values[(row + around) * columns + column].is_nan() {
                continue;
            }
            let mut sums = [0.0; 2];
            for at in 0..=2 * around {
                let weight = kernel[at.abs_diff(around)];
                let [value, share] = along[(row + at) * columns + column];
                sums[0] += weight * value;
                sums[1] += weight * share;
            }
            *value = (sums[0] / sums[1]) as f32;
        }
    });
    values
}
