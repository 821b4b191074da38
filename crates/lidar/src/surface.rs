//! The surface: the highest return of each cell, mended a little.

use crate::scene::{Scene, around, low_noise, map, square};
use crate::threads::for_each_row;

/// A return that is higher than all others within two cells by this much is noise: a bird,
/// a cloud, an echo. Masts and wires have more than one return.
const ISOLATED_M: f32 = 5.0;

/// With fewer other cells than this around it, a return cannot be called isolated.
const MIN_OTHERS: usize = 6;

/// A cell lower than its neighbours by this much, save one of them, is a pit: a pulse that
/// went through a crown or a skylight.
const PIT_M: f32 = 1.5;

/// Returns the highest return of every cell; NaN where there is none.
///
/// Isolated high returns give way to the next one below, pits are filled with the middle of
/// their neighbours, and gaps of a cell or two are interpolated.
pub(crate) fn surface(scene: &Scene) -> Vec<f32> {
    let columns = scene.columns;
    let noise = low_noise(scene);
    let highest = map(scene, |scene, column, row| {
        let cell = scene.at(column, row);
        if noise[row * columns + column] && cell.highest <= cell.lowest {
            return f32::NAN;
        }
        let limit = cell.highest - ISOLATED_M;
        let mut company = cell.second_highest > limit;
        let mut present = 0;
        around(scene, column, row, 2, |other, _| {
            present += 1;
            company |= other.highest > limit;
        });
        if company || present < MIN_OTHERS {
            cell.highest
        } else {
            cell.second_highest
        }
    });
    let filled = map_values(&highest, columns, |values, column, row| {
        let value = values[row * columns + column];
        let mut neighbours = [f32::INFINITY; 8];
        let mut count = 0;
        for_window(values, columns, column, row, 1, |neighbour, _| {
            neighbours[count] = neighbour;
            count += 1;
        });
        if value.is_nan() || count < 8 {
            return value;
        }
        neighbours.sort_by(f32::total_cmp);
        if value < neighbours[1] - PIT_M {
            neighbours[4]
        } else {
            value
        }
    });
    map_values(&filled, columns, |values, column, row| {
        let value = values[row * columns + column];
        if value.is_nan() && is_gap(values, columns, column, row) {
            let (mut sum, mut weights) = (0.0, 0.0);
            for_window(
                values,
                columns,
                column,
                row,
                2,
                |neighbour, squared_distance| {
                    sum += neighbour / squared_distance;
                    weights += 1.0 / squared_distance;
                },
            );
            sum / weights
        } else {
            value
        }
    })
}

/// Whether an empty cell has values on two opposite sides, at most three cells apart.
fn is_gap(values: &[f32], columns: usize, column: usize, row: usize) -> bool {
    let rows = values.len() / columns;
    let there = |dc: isize, dr: isize| {
        let column = column.checked_add_signed(dc).filter(|&c| c < columns);
        let row = row.checked_add_signed(dr).filter(|&r| r < rows);
        match (column, row) {
            (Some(column), Some(row)) => !values[row * columns + column].is_nan(),
            _ => false,
        }
    };
    [(1, 0), (0, 1), (1, 1), (1, -1)]
        .into_iter()
        .any(|(dc, dr)| {
            let near = [there(dc, dr), there(-dc, -dr)];
            let far = [there(2 * dc, 2 * dr), there(-2 * dc, -2 * dr)];
            (near[0] && (near[1] || far[1])) || (near[1] && far[0])
        })
}

fn map_values(
    values: &[f32],
    columns: usize,
    of: impl Fn(&[f32], usize, usize) -> f32 + Sync + Send,
) -> Vec<f32> {
    let mut out = vec![f32::NAN; values.len()];
    for_each_row(&mut out, columns, |row, cells| {
        for (column, cell) in cells.iter_mut().enumerate() {
            *cell = of(values, column, row);
        }
    });
    out
}

fn for_window(
    values: &[f32],
    columns: usize,
    column: usize,
    row: usize,
    radius: usize,
    mut see: impl FnMut(f32, f32),
) {
    let rows = values.len() / columns;
    for r in row.saturating_sub(radius)..=(row + radius).min(rows - 1) {
        for c in column.saturating_sub(radius)..=(column + radius).min(columns - 1) {
            let value = values[r * columns + c];
            if (c, r) != (column, row) && !value.is_nan() {
                see(value, square(c.abs_diff(column), r.abs_diff(row)));
            }
        }
    }
}
