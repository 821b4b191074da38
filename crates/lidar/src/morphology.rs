//! Opening and closing of grids by squares, at a cost that does not depend on their size.
//!
//! Sliding minima and maxima after van Herk (1992) and Gil and Werman (1993): the line is
//! cut into segments of the window's length, running extremes are taken from both ends of
//! each, and every window is then the extreme of two numbers.

use crate::threads::for_each_row;

/// Columns that are transposed together: they share cache lines.
const STRIP: usize = 16;

/// Which extreme of a window is taken.
#[derive(Debug, Clone, Copy)]
enum Extreme {
    Lowest,
    Highest,
}

impl Extreme {
    fn of(self, a: f32, b: f32) -> f32 {
        match self {
            Extreme::Lowest => a.min(b),
            Extreme::Highest => a.max(b),
        }
    }
}

/// Returns `values` opened by a square of 2 · `radius` + 1 cells: what is higher than its
/// surroundings and narrower than the square is cut off.
///
/// Windows are cut at the edges of the grid. There must be no NaN.
pub(crate) fn open(values: &[f32], columns: usize, radius: usize) -> Vec<f32> {
    filter(values, columns, radius, Extreme::Lowest, Extreme::Highest)
}

/// Returns `values` closed by a square: what is lower than its surroundings and narrower
/// than the square is filled.
pub(crate) fn close(values: &[f32], columns: usize, radius: usize) -> Vec<f32> {
    filter(values, columns, radius, Extreme::Highest, Extreme::Lowest)
}

fn filter(
    values: &[f32],
    columns: usize,
    radius: usize,
    first: Extreme,
    second: Extreme,
) -> Vec<f32> {
    if values.is_empty() {
        return Vec::new();
    }
    let rows = values.len() / columns;
    let along_rows = slide(values, columns, radius, first);
    let turned = transpose(&along_rows, columns);
    let turned = slide(&turned, rows, radius, first);
    let turned = slide(&turned, rows, radius, second);
    let along_rows = transpose(&turned, rows);
    slide(&along_rows, columns, radius, second)
}

/// Returns the extreme of the `radius` cells to both sides of each cell, along rows.
fn slide(values: &[f32], columns: usize, radius: usize, extreme: Extreme) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    for_each_row(&mut out, columns, |row, cells| {
        let line = &values[row * columns..(row + 1) * columns];
        slide_line(line, radius, extreme, cells);
    });
    out
}

fn slide_line(line: &[f32], radius: usize, extreme: Extreme, out: &mut [f32]) {
    let length = line.len();
    let window = 2 * radius + 1;
    // Extremes from the start, and from the end, of the segment that a cell lies in.
    let mut from_start = line.to_vec();
    let mut from_end = line.to_vec();
    for i in 1..length {
        if i % window != 0 {
            from_start[i] = extreme.of(from_start[i - 1], from_start[i]);
        }
    }
    for i in (0..length.saturating_sub(1)).rev() {
        if (i + 1) % window != 0 {
            from_end[i] = extreme.of(from_end[i + 1], from_end[i]);
        }
    }
    for (i, cell) in out.iter_mut().enumerate() {
        let first = i.saturating_sub(radius);
        let last = (i + radius).min(length - 1);
        *cell = if first / window == last / window {
            // A window cut at an edge lies in one segment, and reaches its start or end.
            if first % window == 0 {
                from_start[last]
            } else {
                from_end[first]
            }
        } else {
            extreme.of(from_end[first], from_start[last])
        };
    }
}

/// Returns the grid with rows and columns exchanged.
fn transpose(values: &[f32], columns: usize) -> Vec<f32> {
    let rows = values.len() / columns;
    let mut out = vec![0.0; values.len()];
    for_each_row(&mut out, rows * STRIP, |strip, cells| {
        for row in 0..rows {
            for (i, turned) in cells.chunks_exact_mut(rows).enumerate() {
                turned[row] = values[row * columns + strip * STRIP + i];
            }
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, cell by cell.
    fn slow(values: &[f32], columns: usize, radius: usize, extreme: Extreme) -> Vec<f32> {
        let rows = values.len() / columns;
        let mut out = values.to_vec();
        for row in 0..rows {
            for column in 0..columns {
                for r in row.saturating_sub(radius)..=(row + radius).min(rows - 1) {
                    for c in column.saturating_sub(radius)..=(column + radius).min(columns - 1) {
                        let cell = &mut out[row * columns + column];
                        *cell = extreme.of(*cell, values[r * columns + c]);
                    }
                }
            }
        }
        out
    }

    #[test]
    fn opening_and_closing_agree_with_their_definition_at_every_size() {
        let mut state = 1_u32;
        for (columns, rows) in [(1, 1), (1, 9), (9, 1), (5, 4), (33, 20), (40, 61)] {
            let values: Vec<f32> = (0..columns * rows)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 20) as f32
                })
                .collect();
            for radius in [0, 1, 2, 3, 7, 50] {
                let eroded = slow(&values, columns, radius, Extreme::Lowest);
                let opened = slow(&eroded, columns, radius, Extreme::Highest);
                assert_eq!(
                    open(&values, columns, radius),
                    opened,
                    "{columns} {rows} {radius}"
                );
                let dilated = slow(&values, columns, radius, Extreme::Highest);
                let closed = slow(&dilated, columns, radius, Extreme::Lowest);
                assert_eq!(
                    close(&values, columns, radius),
                    closed,
                    "{columns} {rows} {radius}"
                );
            }
        }
    }
}
