//! Opening and closing of grids by squares, at a cost that does not depend on their size.
//!
//! Sliding minima and maxima by doubling: the extremes of two neighbours give those of four,
//! these of eight, and two overlapping windows of a power of two give any other. All cells of
//! a line are done alike and many at once, which is quicker than the fewer comparisons of
//! van Herk (1992) and Gil and Werman (1993), where each waits for the one before.

use crate::threads::for_each_row_with;

/// Columns that are worked on together: they share cache lines.
const STRIP: usize = 16;

/// Which extreme of a window is taken.
#[derive(Debug, Clone, Copy)]
enum Extreme {
    Lowest,
    Highest,
}

/// Returns the lowest of the values in a square of 2 · `radius` + 1 cells around each.
///
/// Windows are cut at the edges of the grid. There must be no NaN.
pub(crate) fn lowest(values: &[f32], columns: usize, radius: usize) -> Vec<f32> {
    filter(values, columns, radius, Extreme::Lowest, None)
}

/// Returns `values` opened by a square of 2 · `radius` + 1 cells: what is higher than its
/// surroundings and narrower than the square is cut off.
///
/// Windows are cut at the edges of the grid. There must be no NaN.
pub(crate) fn open(values: &[f32], columns: usize, radius: usize) -> Vec<f32> {
    filter(
        values,
        columns,
        radius,
        Extreme::Lowest,
        Some(Extreme::Highest),
    )
}

/// Returns `values` closed by a square: what is lower than its surroundings and narrower
/// than the square is filled.
pub(crate) fn close(values: &[f32], columns: usize, radius: usize) -> Vec<f32> {
    filter(
        values,
        columns,
        radius,
        Extreme::Highest,
        Some(Extreme::Lowest),
    )
}

fn filter(
    values: &[f32],
    columns: usize,
    radius: usize,
    first: Extreme,
    second: Option<Extreme>,
) -> Vec<f32> {
    if values.is_empty() {
        return Vec::new();
    }
    let rows = values.len() / columns;
    let mut along_rows = values.to_vec();
    for_each_row_with(
        &mut along_rows,
        columns,
        Slider::default,
        |slider, _, line| {
            slider.slide(line, 1, radius, first);
        },
    );
    // Strip by strip, in each row by row; the last may reach beyond the grid.
    let mut strips = vec![0.0; columns.div_ceil(STRIP) * STRIP * rows];
    for_each_row_with(
        &mut strips,
        rows * STRIP,
        Slider::default,
        |slider, strip, cells| {
            let of_strip = strip * STRIP..columns.min((strip + 1) * STRIP);
            for (to, line) in cells
                .chunks_exact_mut(STRIP)
                .zip(along_rows.chunks_exact(columns))
            {
                to[..of_strip.len()].copy_from_slice(&line[of_strip.clone()]);
            }
            slider.slide(cells, STRIP, radius, first);
            if let Some(second) = second {
                slider.slide(cells, STRIP, radius, second);
            }
        },
    );
    for_each_row_with(
        &mut along_rows,
        columns,
        Slider::default,
        |slider, row, line| {
            for (strip, to) in line.chunks_mut(STRIP).enumerate() {
                let from = (strip * rows + row) * STRIP;
                to.copy_from_slice(&strips[from..from + to.len()]);
            }
            if let Some(second) = second {
                slider.slide(line, 1, radius, second);
            }
        },
    );
    along_rows
}

/// Takes extremes of sliding windows, and keeps its memory from line to line.
#[derive(Debug, Default)]
struct Slider {
    now: Vec<f32>,
    next: Vec<f32>,
}

impl Slider {
    /// Puts in the place of each cell the extreme of those within `radius` of it, where a
    /// cell and the next lie `stride` apart: so many lines lie side by side.
    fn slide(&mut self, cells: &mut [f32], stride: usize, radius: usize, extreme: Extreme) {
        // Written so that the processor's instruction for it serves; there is no NaN.
        match extreme {
            Extreme::Lowest => self.slide_by(cells, stride, radius, f32::INFINITY, |a, b| {
                if a < b { a } else { b }
            }),
            Extreme::Highest => self.slide_by(cells, stride, radius, f32::NEG_INFINITY, |a, b| {
                if a > b { a } else { b }
            }),
        }
    }

    /// `of` gives the extreme of two, and `nothing` is never that.
    fn slide_by(
        &mut self,
        cells: &mut [f32],
        stride: usize,
        radius: usize,
        nothing: f32,
        of: impl Fn(f32, f32) -> f32,
    ) {
        // A window that reaches both ends cannot see more.
        let radius = radius.min(cells.len() / stride);
        let window = 2 * radius + 1;
        let margin = radius * stride;
        self.now.clear();
        self.now.resize(margin, nothing);
        self.now.extend_from_slice(cells);
        self.now.resize(cells.len() + 2 * margin, nothing);
        // Each is the extreme of so many cells from its own on.
        let mut width = 1;
        while 2 * width <= window {
            let pairs = self.now.iter().zip(&self.now[width * stride..]);
            self.next.clear();
            self.next.extend(pairs.map(|(a, b)| of(*a, *b)));
            std::mem::swap(&mut self.now, &mut self.next);
            width *= 2;
        }
        let pairs = self.now.iter().zip(&self.now[(window - width) * stride..]);
        for (cell, (a, b)) in cells.iter_mut().zip(pairs) {
            *cell = of(*a, *b);
        }
    }
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
                        let other = values[r * columns + c];
                        *cell = match extreme {
                            Extreme::Lowest => cell.min(other),
                            Extreme::Highest => cell.max(other),
                        };
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
