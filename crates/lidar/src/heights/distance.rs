//! The nearest cell with ground, exactly.
//!
//! Two passes after Felzenszwalb and Huttenlocher (2012): along columns, the nearest cell
//! above or below; along rows, the lowest of the parabolas that these raise.

use super::window::Window;
use crate::threads::for_each_row;

/// Rows further away than any window is high.
const NOWHERE: u32 = u32::MAX;

/// The nearest cell with ground, as column and row, of each cell of the block's own rows and
/// columns; none where there is none in the window.
///
/// Of cells equally near, the northmost is taken in a column, and then the westmost.
pub(super) fn nearest(window: &Window, ground: &[f32]) -> Vec<Option<(u32, u32)>> {
    let columns = window.columns;
    let up_down = along_columns(window, ground);
    let first_row = window.core_rows().start;
    let core_columns = window.core_columns();
    let mut found = vec![None; core_columns.len() * window.core_rows().len()];
    for_each_row(&mut found, core_columns.len(), |number, line| {
        let row = first_row + number;
        let rows_of = &up_down[row * columns..(row + 1) * columns];
        let height = |column: usize| {
            let away = i64::from(rows_of[column]) - row as i64;
            (away * away) as f64
        };
        // Columns whose parabola is lowest somewhere, and from where on.
        let mut hull: Vec<(usize, f64)> = Vec::new();
        for column in (0..columns).filter(|&column| rows_of[column] != NOWHERE) {
            let start = loop {
                let Some(&(last, from)) = hull.last() else {
                    break f64::NEG_INFINITY;
                };
                let (a, b) = (last as f64, column as f64);
                let meet = (height(column) + b * b - height(last) - a * a) / (2.0 * (b - a));
                if meet > from {
                    break meet;
                }
                hull.pop();
            };
            hull.push((column, start));
        }
        let mut at = 0;
        for (column, nearest) in core_columns.clone().zip(line) {
            while at + 1 < hull.len() && hull[at + 1].1 < column as f64 {
                at += 1;
            }
            *nearest = hull.get(at).map(|&(c, _)| (c as u32, rows_of[c]));
        }
    });
    found
}

/// For each cell the row of the nearest cell of its column with ground, or [`NOWHERE`].
fn along_columns(window: &Window, ground: &[f32]) -> Vec<u32> {
    let (columns, rows) = (window.columns, window.rows);
    let mut nearest = vec![NOWHERE; ground.len()];
    let mut last = vec![NOWHERE; columns];
    for row in 0..rows {
        for (column, last) in last.iter_mut().enumerate() {
            let at = row * columns + column;
            if !ground[at].is_nan() {
                *last = row as u32;
            }
            nearest[at] = *last;
        }
    }
    last.fill(NOWHERE);
    for row in (0..rows).rev() {
        for (column, last) in last.iter_mut().enumerate() {
            let at = row * columns + column;
            if !ground[at].is_nan() {
                *last = row as u32;
            }
            let (above, below) = (nearest[at], *last);
            let is_nearer = above == NOWHERE || below.wrapping_sub(row as u32) < row as u32 - above;
            if below != NOWHERE && is_nearer {
                nearest[at] = below;
            }
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use model::Bounds;

    use super::*;

    #[test]
    fn it_is_as_near_as_the_nearest_of_all() {
        let square = Bounds::new(0.0, 0.0, 30.0, 20.0).expect("a box");
        let window = Window::around(&square, 1.0).expect("cells");
        let mut ground = vec![f32::NAN; window.len()];
        let mut there = Vec::new();
        for i in 0..40_usize {
            let (column, row) = (i * 7919 % window.columns, i * 104_729 % window.rows);
            ground[row * window.columns + column] = 1.0;
            there.push((column, row));
        }
        let found = nearest(&window, &ground);
        let own = window
            .core_rows()
            .flat_map(|row| window.core_columns().map(move |column| (column, row)));
        for ((column, row), found) in own.zip(found) {
            let squared =
                |(c, r): (usize, usize)| c.abs_diff(column).pow(2) + r.abs_diff(row).pow(2);
            let least = there.iter().map(|&cell| squared(cell)).min();
            let found = found.map(|(c, r)| squared((c as usize, r as usize)));
            assert_eq!(found, least, "column {column}, row {row}");
        }
        ground.fill(f32::NAN);
        assert!(nearest(&window, &ground).iter().all(Option::is_none));
    }
}
