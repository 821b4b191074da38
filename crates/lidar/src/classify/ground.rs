//! Which cells show the ground, and how high it is in every cell.
//!
//! A progressive morphological filter (Zhang et al. 2003) over the lowest last returns
//! finds the cells whose lowest return may be ground; they then grow over what continues
//! them smoothly, which gives back the slopes, banks and ridges that the filter took.

use crate::morphology::open;

use super::grid::{Grid, Window};
use super::lowest::Lowest;
use super::planes::{Moments, Plane};

/// Half-widths of the squares, in metres. The last is half the width of the largest building.
const RADII_M: [f32; 12] = [
    1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 11.0, 14.0, 18.0, 23.0, 29.0, 36.0,
];

/// How far opening by the largest square sees.
pub(super) const OPENING_REACH_M: f64 = 2.0 * 36.0;

/// Steepest ground that an opening leaves alone, as rise over run. What is steeper is
/// taken, and grows back.
const MAX_SLOPE: f32 = 0.3;

/// What the ground may stick out of its opening beside its slope, in metres: kerbs, furrows,
/// and the noise of measurement.
const ROUGHNESS_M: f32 = 0.25;

/// What an opening may take from the ground at most, in metres, however large the step.
const MAX_STEP_M: f32 = 1.2;

/// What is twice as wide as this is a building only if it is at least so high, in metres:
/// quays and platforms are as wide, and lower.
const HALL_M: f32 = 18.0;
/// See [`HALL_M`].
const MIN_HALL_M: f32 = 2.8;

/// Side of the squares, in metres, whose lowest return stands in for voids as wide as them.
/// Otherwise a building beside water without returns would have nothing below it.
const VOID_M: f64 = 8.0;

/// How far the filling of voids sees: to the far side of the next square, in metres.
pub(super) const VOIDS_REACH_M: f64 = 2.0 * VOID_M;

/// How far the ground is carried by growth, in metres.
pub(super) const GROWTH_REACH_M: f64 = 20.0;

/// How far growth looks in each of its rounds, in cells.
const GROWTH_CELLS: usize = 2;

/// What growth accepts: so far from the continued plane, in metres, and so much more for
/// each metre of distance.
const GROWTH_M: f32 = 0.12;
const GROWTH_SLOPE: f32 = 0.15;

/// Where the ground has an edge, a good part of it lies level with a return: to so many
/// metres, and so much more for each metre of distance.
const ALIKE_M: f32 = 0.1;
const ALIKE_SLOPE: f32 = 0.05;

/// A return so far below the plane continues nothing, in metres.
const MAX_DROP_M: f32 = 1.0;

/// Steepest plane that growth continues.
const STEEPEST: f32 = 1.2;

/// The ground, cell by cell.
pub(super) struct Ground {
    /// The elevation of the lowest last return of each cell that is no noise; infinite
    /// where there is none.
    pub(super) lowest: Vec<f32>,
    /// Where in its cell that return lies, from the middle to the east and north.
    place_m: Vec<[f32; 2]>,
    /// `lowest` after all openings: under every object, and not above the ground.
    pub(super) opened: Vec<f32>,
    /// Whether the lowest return of a cell is ground.
    pub(super) is_ground: Vec<bool>,
}

impl Ground {
    /// Returns the ground of a smaller grid, which `grid` must hold.
    pub(super) fn cut(&self, grid: &Grid, smaller: &Grid) -> Ground {
        Ground {
            lowest: grid.cut(&self.lowest, smaller),
            place_m: grid.cut(&self.place_m, smaller),
            opened: grid.cut(&self.opened, smaller),
            is_ground: grid.cut(&self.is_ground, smaller),
        }
    }

    /// Returns how far the lowest return of a cell lies above a plane.
    pub(super) fn above(&self, plane: &Plane, cell: usize) -> f32 {
        let [east, north] = self.place_m[cell];
        self.lowest[cell] - plane.z - plane.east * east - plane.north * north
    }
}

/// Finds the cells whose lowest return may be ground, before growth.
pub(super) fn find(grid: &Grid, returns: &[Lowest]) -> Ground {
    let mut lowest = vec![f32::INFINITY; grid.len()];
    let mut place_m = vec![[0.0; 2]; grid.len()];
    for own in returns {
        let at = grid.at_lattice(own.cell);
        let known = Lowest {
            cell: own.cell,
            place_m: place_m[at],
            z: lowest[at],
        };
        if own.is_before(&known) {
            lowest[at] = own.z;
            place_m[at] = own.place_m;
        }
    }
    let mut opened = lowest.clone();
    fill_voids(grid, &mut opened);
    let mut is_ground: Vec<bool> = lowest.iter().map(|z| z.is_finite()).collect();
    let mut last = 0;
    for radius_m in RADII_M {
        let radius = grid.cells_in(radius_m);
        if radius <= last {
            continue;
        }
        let next = open(&opened, grid.columns, radius);
        let step_m = (radius - last) as f32 * grid.cell_m;
        let mut allowed = (MAX_SLOPE * step_m + ROUGHNESS_M).min(MAX_STEP_M);
        if radius_m >= HALL_M {
            allowed = MIN_HALL_M;
        }
        let steps = opened.iter().zip(&next);
        for (is_ground, (before, after)) in is_ground.iter_mut().zip(steps) {
            // Where nothing was found, this is not a number.
            let is_taken = before - after > allowed;
            *is_ground &= !is_taken;
        }
        opened = next;
        last = radius;
    }
    Ground {
        lowest,
        place_m,
        opened,
        is_ground,
    }
}

/// Puts the lowest return near into cells of wide voids; small ones stay infinite, which
/// openings pass over.
fn fill_voids(grid: &Grid, values: &mut [f32]) {
    let side = ((VOID_M / f64::from(grid.cell_m)).round() as i64).max(1);
    let (west, south) = (grid.west.div_euclid(side), grid.south.div_euclid(side));
    let columns = ((grid.west + grid.columns as i64 - 1).div_euclid(side) - west + 1) as usize;
    let rows = ((grid.south + grid.rows as i64 - 1).div_euclid(side) - south + 1) as usize;
    let square_column: Vec<usize> = (0..grid.columns as i64)
        .map(|column| ((grid.west + column).div_euclid(side) - west) as usize)
        .collect();
    let square_row = |row: usize| ((grid.south + row as i64).div_euclid(side) - south) as usize;
    let mut squares = vec![f32::INFINITY; columns * rows];
    for (row, line) in values.chunks_exact(grid.columns).enumerate() {
        let squares = &mut squares[square_row(row) * columns..][..columns];
        for (value, column) in line.iter().zip(&square_column) {
            squares[*column] = squares[*column].min(*value);
        }
    }
    for (row, line) in values.chunks_exact_mut(grid.columns).enumerate() {
        let r = square_row(row);
        for (value, &c) in line.iter_mut().zip(&square_column) {
            if value.is_infinite() && squares[r * columns + c].is_infinite() {
                for r in r.saturating_sub(1)..=(r + 1).min(rows - 1) {
                    for c in c.saturating_sub(1)..=(c + 1).min(columns - 1) {
                        *value = value.min(squares[r * columns + c]);
                    }
                }
            }
        }
    }
}

/// Adds cells of `window` to the ground that continue a plane through ground around them,
/// but none that are `barred`.
pub(super) fn grow(grid: &Grid, window: Window, ground: &mut Ground, barred: &[bool]) {
    let mut open_cells: Vec<(usize, usize)> = window
        .cells()
        .filter(|&(column, row)| {
            let at = grid.at(column, row);
            ground.lowest[at].is_finite() && !ground.is_ground[at] && !barred[at]
        })
        .collect();
    let rounds = GROWTH_REACH_M as f32 / (GROWTH_CELLS as f32 * grid.cell_m);
    // Where something has changed since a cell was last looked at.
    let mut is_new = vec![true; grid.len()];
    for _ in 0..rounds as usize {
        let grown: Vec<bool> = open_cells
            .iter()
            .map(|&(column, row)| {
                is_new[grid.at(column, row)] && continues(grid, ground, column, row)
            })
            .collect();
        if !grown.contains(&true) {
            break;
        }
        is_new.fill(false);
        let mut kept = Vec::with_capacity(open_cells.len());
        for (&(column, row), grown) in open_cells.iter().zip(grown) {
            if grown {
                ground.is_ground[grid.at(column, row)] = true;
                for (c, r) in grid.around(column, row, GROWTH_CELLS).cells() {
                    is_new[grid.at(c, r)] = true;
                }
            } else {
                kept.push((column, row));
            }
        }
        open_cells = kept;
    }
}

/// Whether the lowest return of a cell continues the ground around it: a plane through
/// that, or at least a good part of it where the ground has an edge.
fn continues(grid: &Grid, ground: &Ground, column: usize, row: usize) -> bool {
    let at = grid.at(column, row);
    let own = (ground.lowest[at], ground.place_m[at]);
    let mut nearest = f32::INFINITY;
    let mut alike = 0.0;
    let mut sum = Moments::default();
    for (c, r) in grid.around(column, row, GROWTH_CELLS).cells() {
        let at = grid.at(c, r);
        if !ground.is_ground[at] {
            continue;
        }
        let place = ground.place_m[at];
        let east = (c as f32 - column as f32) * grid.cell_m + place[0] - own.1[0];
        let north = (r as f32 - row as f32) * grid.cell_m + place[1] - own.1[1];
        let z = ground.lowest[at] - own.0;
        let distance = (east * east + north * north).sqrt();
        nearest = nearest.min(distance);
        alike += f64::from(u8::from(z.abs() <= ALIKE_M + ALIKE_SLOPE * distance));
        sum.add_at(east, north, z);
    }
    if sum.count < 3.0 {
        return false;
    }
    if alike >= (sum.count / 3.0).max(4.0) {
        return true;
    }
    // The plane's elevation less the cell's own.
    let plane = sum.plane(3.0).filter(|plane| plane.slope() <= STEEPEST);
    let continued = plane.map_or(sum.mean(), |plane| plane.z);
    -continued <= GROWTH_M + GROWTH_SLOPE * nearest && continued <= MAX_DROP_M
}
