//! The terrain: bare ground, found by opening, with voids filled.
//!
//! A simple filter after the progressive morphological filter of Zhang et al. (2003) and
//! the simple morphological filter of Pingel et al. (2013): the lowest returns are opened
//! with growing squares; what falls by more than the ground could is an object; the ground
//! is what is left, and what lies close to a surface through it. It takes no account of
//! bridges, which stay or go by their width, and cuts off the tops of sharp ridges.

use crate::fill::fill;
use crate::morphology::{close, open};
use crate::scene::{GroundSource, Scene, low_noise, map};
use crate::threads::for_each_row;

/// Half-widths of the squares, in metres. The last is half the width of the largest building.
const RADII_M: [f64; 14] = [
    1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 22.0, 26.0, 30.0, 35.0,
];

/// Steepest ground that is told from objects, as rise over run.
const MAX_SLOPE: f32 = 0.3;

/// What the ground may stick out of its opening beside its slope, in metres: kerbs, furrows,
/// and the noise of measurement.
const ROUGHNESS_M: f32 = 0.3;

/// What an opening may take from the ground at most, in metres, however large the step.
const MAX_STEP_M: f32 = 1.5;

/// How far above the surface through the ground a return may lie and still be ground,
/// in metres, on level ground.
const TOLERANCE_M: f32 = 0.25;

/// Gaps in the survey that terrain is carried over: up to twice this many metres.
const CLOSING_M: f64 = 5.0;

/// Cells that are needed around the points so that closing sees past them.
pub(crate) fn margin_cells(cell_size_m: f64) -> usize {
    ((CLOSING_M / cell_size_m).ceil() as usize).clamp(2, 16)
}

/// Returns bare ground; NaN outside the survey.
pub(crate) fn terrain(scene: &Scene, ground: GroundSource) -> Vec<f32> {
    let mut values = match ground {
        GroundSource::Classified => map(scene, |scene, c, r| scene.at(c, r).lowest_ground),
        GroundSource::Filtered => filtered_ground(scene),
    };
    fill(&mut values, scene.columns);
    let footprint: Vec<f32> = scene
        .cells
        .iter()
        .map(|cell| if cell.lowest.is_nan() { 0.0 } else { 1.0 })
        .collect();
    let footprint = close(&footprint, scene.columns, margin_cells(scene.cell_size_m));
    for (value, inside) in values.iter_mut().zip(footprint) {
        if inside == 0.0 {
            *value = f32::NAN;
        }
    }
    values
}

/// Returns the lowest return of each cell whose lowest return is ground; NaN elsewhere.
fn filtered_ground(scene: &Scene) -> Vec<f32> {
    let columns = scene.columns;
    let noise = low_noise(scene);
    let lowest = map(scene, |scene, column, row| {
        let cell = scene.at(column, row);
        if noise[row * columns + column] {
            f32::NAN
        } else {
            cell.lowest
        }
    });
    let mut opened = lowest.clone();
    fill(&mut opened, columns);
    let mut ground = lowest.clone();
    let mut last_radius = 0;
    for radius_m in RADII_M {
        let radius = (radius_m / scene.cell_size_m).round() as usize;
        if radius <= last_radius {
            continue;
        }
        let next = open(&opened, columns, radius);
        let step_m = (radius - last_radius) as f32 * scene.cell_size_m as f32;
        let allowed = (MAX_SLOPE * step_m + ROUGHNESS_M).min(MAX_STEP_M);
        for_each_row(&mut ground, columns, |row, cells| {
            for (column, cell) in cells.iter_mut().enumerate() {
                let at = row * columns + column;
                if opened[at] - next[at] > allowed {
                    *cell = f32::NAN;
                }
            }
        });
        opened = next;
        last_radius = radius;
    }
    // What the squares took from slopes and edges comes back if it lies close to a surface
    // through what they left, with more play where that is steep.
    let mut through = ground;
    fill(&mut through, columns);
    map(scene, |scene, column, row| {
        let at = row * columns + column;
        let value = lowest[at];
        let rows = scene.rows();
        let across = through[row * columns + (column + 1).min(columns - 1)]
            - through[row * columns + column.saturating_sub(1)];
        let along = through[(row + 1).min(rows - 1) * columns + column]
            - through[row.saturating_sub(1) * columns + column];
        let rise_in_a_cell = across.abs().max(along.abs()) / 2.0;
        if (value - through[at]).abs() <= TOLERANCE_M + rise_in_a_cell {
            value
        } else {
            f32::NAN
        }
    })
}
