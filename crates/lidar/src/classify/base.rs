//! The ground carried under what stands on it.
//!
//! Push–pull over squares of the global lattice that double in size: an empty cell takes
//! what the finest square that knows something says, weighted between its neighbours.

use super::grid::Grid;

/// Side of the largest squares, in metres.
const COARSEST_M: f64 = 8.0;

/// How far ground is carried: a square of the largest, and its neighbours' neighbours.
pub(super) const REACH_M: f64 = 3.0 * COARSEST_M;

/// A grid whose cell (0, 0) is a given one of its level's lattice.
struct Level {
    west: i64,
    south: i64,
    columns: usize,
    rows: usize,
    values: Vec<f32>,
}

impl Level {
    fn get(&self, column: i64, row: i64) -> f32 {
        let (c, r) = (column - self.west, row - self.south);
        if c < 0 || r < 0 || c >= self.columns as i64 || r >= self.rows as i64 {
            return f32::NAN;
        }
        self.values[r as usize * self.columns + c as usize]
    }

    /// Returns the mean of what the four cells within each cell of the next level know.
    fn coarser(&self) -> Level {
        let (west, south) = (self.west.div_euclid(2), self.south.div_euclid(2));
        let columns = ((self.west + self.columns as i64 - 1).div_euclid(2) - west + 1) as usize;
        let rows = ((self.south + self.rows as i64 - 1).div_euclid(2) - south + 1) as usize;
        let values = (0..columns * rows)
            .map(|at| {
                let (c, r) = (
                    2 * (west + (at % columns) as i64),
                    2 * (south + (at / columns) as i64),
                );
                mean(
                    [(c, r), (c + 1, r), (c, r + 1), (c + 1, r + 1)]
                        .map(|(c, r)| (self.get(c, r), 1.0)),
                )
            })
            .collect();
        Level {
            west,
            south,
            columns,
            rows,
            values,
        }
    }
}

/// Returns the weighted mean of the values that are known; NaN if none is.
fn mean<const N: usize>(values: [(f32, f32); N]) -> f32 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for (value, weight) in values {
        if !value.is_nan() {
            sum += value * weight;
            weights += weight;
        }
    }
    sum / weights
}

/// Fills the NaN of a grid as far as something is known within [`REACH_M`].
pub(super) fn carry(grid: &Grid, values: Vec<f32>) -> Vec<f32> {
    let mut levels = vec![Level {
        west: grid.west,
        south: grid.south,
        columns: grid.columns,
        rows: grid.rows,
        values,
    }];
    let doublings = (COARSEST_M as f32 / grid.cell_m).log2().max(0.0) as usize;
    for level in 0..doublings {
        let coarser = levels[level].coarser();
        levels.push(coarser);
    }
    // On the coarsest level, neighbours and then theirs are asked.
    if let Some(coarsest) = levels.last_mut() {
        for _ in 0..2 {
            let spread: Vec<f32> = (0..coarsest.values.len())
                .map(|at| {
                    let known = coarsest.values[at];
                    if !known.is_nan() {
                        return known;
                    }
                    let c = coarsest.west + (at % coarsest.columns) as i64;
                    let r = coarsest.south + (at / coarsest.columns) as i64;
                    let near = [-1, 1].map(|by| (coarsest.get(c + by, r), 2.0));
                    let far = [-1, 1].map(|by| (coarsest.get(c, r + by), 2.0));
                    let [a, b] = [-1, 1].map(|by| (coarsest.get(c + by, r + by), 1.0));
                    let [d, e] = [-1, 1].map(|by| (coarsest.get(c + by, r - by), 1.0));
                    mean([near[0], near[1], far[0], far[1], a, b, d, e])
                })
                .collect();
            coarsest.values = spread;
        }
    }
    while levels.len() > 1 {
        let Some(coarse) = levels.pop() else { break };
        let Some(fine) = levels.last_mut() else { break };
        let (west, south, columns) = (fine.west, fine.south, fine.columns);
        for (at, value) in fine.values.iter_mut().enumerate() {
            if value.is_nan() {
                let c = west + (at % columns) as i64;
                let r = south + (at / columns) as i64;
                let (nc, nr) = (c.div_euclid(2), r.div_euclid(2));
                // The second nearest coarse cell lies on the side of the fine one.
                let (fc, fr) = (nc + 2 * c.rem_euclid(2) - 1, nr + 2 * r.rem_euclid(2) - 1);
                *value = mean([
                    (coarse.get(nc, nr), 9.0),
                    (coarse.get(fc, nr), 3.0),
                    (coarse.get(nc, fr), 3.0),
                    (coarse.get(fc, fr), 1.0),
                ]);
            }
        }
    }
    levels.pop().map(|level| level.values).unwrap_or_default()
}
