//! What is measured of the ground in each cell.

use model::PointBatch;

use super::window::Window;
use super::{GROUND, WATER};
use crate::threads::for_each_row;

/// Sums are of whole steps of this many metres: a tenth of a millimetre is below what any
/// scanner measures, and the sum of whole numbers does not depend on their order.
const STEP_M: f64 = 1e-4;

/// The plane through neighbouring cells is followed up to this rise over run: beyond it there
/// is a wall, not a slope.
const STEEPEST: f64 = 1.0;

/// Ground points of a cell in sum, in [`STEP_M`]; places from its middle.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    count: i64,
    east: i64,
    north: i64,
    z: i64,
}

/// Where the ground points of a cell lie on average, from its middle. NaN without any.
#[derive(Debug, Clone, Copy)]
pub(super) struct Centre {
    pub(super) east_m: f32,
    pub(super) north_m: f32,
    pub(super) z: f64,
}

/// The ground as far as it was measured.
pub(super) struct Ground {
    /// Of each cell.
    pub(super) centres: Vec<Centre>,
    /// Elevation in the middle of each cell that has ground points; NaN in the others.
    pub(super) values: Vec<f32>,
}

/// Gathers the ground points of each cell.
pub(super) fn ground(window: &Window, points: &PointBatch) -> Ground {
    let mut sums = vec![Sum::default(); window.len()];
    window.for_each_point(points, |cell, i| {
        if matches!(points.classification[i], GROUND | WATER) {
            let [x, y] = window.middle(cell % window.columns, cell / window.columns);
            let steps = |metres: f64| (metres / STEP_M).round() as i64;
            let sum = &mut sums[cell];
            sum.count += 1;
            sum.east += steps(points.x[i] - x);
            sum.north += steps(points.y[i] - y);
            sum.z = sum.z.saturating_add(steps(points.z[i]));
        }
    });
    let centres: Vec<Centre> = sums
        .into_iter()
        .map(|sum| {
            let mean = |total: i64| total as f64 / sum.count as f64 * STEP_M;
            Centre {
                east_m: mean(sum.east) as f32,
                north_m: mean(sum.north) as f32,
                z: mean(sum.z),
            }
        })
        .collect();
    let mut values = vec![f32::NAN; window.len()];
    for_each_row(&mut values, window.columns, |row, line| {
        for (column, value) in line.iter_mut().enumerate() {
            let own = centres[row * window.columns + column];
            if !own.z.is_nan() {
                let [east, north] = slope(window, &centres, column, row);
                let moved = east * f64::from(own.east_m) + north * f64::from(own.north_m);
                *value = (own.z - moved) as f32;
            }
        }
    });
    Ground { centres, values }
}

/// How the plane through a cell and its neighbours rises to the east and to the north;
/// level where they do not tell.
fn slope(window: &Window, centres: &[Centre], column: usize, row: usize) -> [f64; 2] {
    let own = centres[row * window.columns + column];
    let (mut n, mut e, mut k, mut z) = (0.0, 0.0, 0.0, 0.0);
    let (mut ee, mut ek, mut kk, mut ez, mut kz) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for r in row.saturating_sub(1)..=(row + 1).min(window.rows - 1) {
        for c in column.saturating_sub(1)..=(column + 1).min(window.columns - 1) {
            let other = centres[r * window.columns + c];
            if other.z.is_nan() {
                continue;
            }
            let east = (c as f64 - column as f64) * window.cell_m + f64::from(other.east_m);
            let north = (row as f64 - r as f64) * window.cell_m + f64::from(other.north_m);
            let up = other.z - own.z;
            n += 1.0;
            e += east;
            k += north;
            z += up;
            ee += east * east;
            ek += east * north;
            kk += north * north;
            ez += east * up;
            kz += north * up;
        }
    }
    let (ee, ek, kk) = (ee - e * e / n, ek - e * k / n, kk - k * k / n);
    let (ez, kz) = (ez - e * z / n, kz - k * z / n);
    let determinant = ee * kk - ek * ek;
    // Less than this, and the centres lie nearly on one line.
    if n < 4.0 || determinant < 1e-3 * ee * kk {
        return [0.0; 2];
    }
    let east = (ez * kk - kz * ek) / determinant;
    let north = (kz * ee - ez * ek) / determinant;
    if (east * east + north * north).sqrt() > STEEPEST {
        return [0.0; 2];
    }
    [east, north]
}
