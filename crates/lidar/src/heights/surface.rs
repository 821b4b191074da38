//! The surface: the highest return of each cell, mended a little.

use std::ops::Range;

use model::PointBatch;

use super::window::Window;
use crate::threads::for_each_row;

/// A return that is higher than all others within two cells by this much is noise: a bird,
/// a cloud, an echo. Masts and wires have more than one return.
const ISOLATED_M: f32 = 5.0;

/// With fewer other cells than this around it, a return cannot be called isolated.
const MIN_OTHERS: usize = 6;

/// A cell lower than its neighbours by this much, save one of them, is a pit: a pulse that
/// went through a crown or a skylight.
const PIT_M: f32 = 1.5;

/// The surface of a block.
pub(super) struct Surface {
    /// The highest return, of the block's own cells; NaN where there is none.
    pub(super) values: Vec<f32>,
    /// One where there is a return, else zero, in all cells.
    pub(super) has_return: Vec<f32>,
}

/// The highest and the second highest return of a cell; NaN where there were too few.
#[derive(Debug, Clone, Copy)]
struct Top {
    highest: f32,
    second: f32,
}

/// Gathers the highest return of every cell.
///
/// Isolated high returns give way to the next one below, pits are filled with the middle of
/// their neighbours, and gaps of a cell or two are interpolated.
pub(super) fn surface(window: &Window, points: &PointBatch) -> Surface {
    let columns = window.columns;
    let tops = gather(window, points);
    let has_return = tops
        .iter()
        .map(|top| if top.highest.is_nan() { 0.0 } else { 1.0 })
        .collect();
    let highest: Vec<f32> = tops.iter().map(|top| top.highest).collect();
    let kept = map(window, 3, &highest, |values, column, row| {
        let top = tops[row * columns + column];
        let limit = top.highest - ISOLATED_M;
        let mut has_company = top.second > limit;
        let mut present = 0;
        for_window(values, columns, column, row, 2, |other, _| {
            present += 1;
            has_company |= other > limit;
        });
        if has_company || present < MIN_OTHERS {
            top.highest
        } else {
            top.second
        }
    });
    let filled = map(window, 2, &kept, |values, column, row| {
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
    let values = map(window, 0, &filled, |values, column, row| {
        let value = values[row * columns + column];
        if value.is_nan() && is_gap(values, columns, column, row) {
            let (mut sum, mut weights) = (0.0, 0.0);
            for_window(values, columns, column, row, 2, |neighbour, squared| {
                sum += neighbour / squared;
                weights += 1.0 / squared;
            });
            sum / weights
        } else {
            value
        }
    });
    Surface { values, has_return }
}

#[expect(
    clippy::neg_cmp_op_on_partial_ord,
    reason = "comparisons with the NaN of an empty cell are false, and must count as true"
)]
fn gather(window: &Window, points: &PointBatch) -> Vec<Top> {
    let empty = Top {
        highest: f32::NAN,
        second: f32::NAN,
    };
    let mut tops = vec![empty; window.len()];
    window.for_each_point(points, |cell, i| {
        let (top, z) = (&mut tops[cell], points.z[i] as f32);
        if !(z <= top.highest) {
            top.second = top.highest;
            top.highest = z;
        } else if !(z <= top.second) {
            top.second = z;
        }
    });
    tops
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

/// Returns what `of` makes of the block's own cells, and of those so many cells `beyond`
/// them; NaN elsewhere.
fn map(
    window: &Window,
    beyond: usize,
    values: &[f32],
    of: impl Fn(&[f32], usize, usize) -> f32 + Sync + Send,
) -> Vec<f32> {
    let widened = |range: Range<usize>, end: usize| {
        range.start.saturating_sub(beyond)..(range.end + beyond).min(end)
    };
    let rows = widened(window.core_rows(), window.rows);
    let columns = widened(window.core_columns(), window.columns);
    let mut out = vec![f32::NAN; values.len()];
    for_each_row(&mut out, window.columns, |row, cells| {
        if rows.contains(&row) {
            for column in columns.clone() {
                cells[column] = of(values, column, row);
            }
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
                let away = c.abs_diff(column).pow(2) + r.abs_diff(row).pow(2);
                see(value, away as f32);
            }
        }
    }
}
