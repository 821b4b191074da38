//! Which cells show the ground, and how high it is in every cell.
//!
//! A progressive morphological filter (Zhang et al. 2003) over the lowest last returns
//! finds the cells whose lowest return may be ground; they then grow over what continues
//! them smoothly, which gives back the slopes, banks and ridges that the filter took.

use crate::morphology::open;

use super::cells::{Cells, Member, Window};
use super::class;
use super::planes::Moments;

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

/// Sides of the squares, in metres, whose lowest return stands in for voids as wide as them:
/// the finest that has one near. Otherwise a building beside water without returns would
/// have nothing below it.
const VOIDS_M: [f64; 2] = [8.0, 16.0];

/// How far the filling of voids sees: from a corner of a square to the far side of the next.
pub(super) const VOIDS_REACH_M: f64 = 2.0 * 16.0;

/// Rounds of growth, and how far each reaches, in cells.
const ROUNDS: usize = 12;
const GROWTH_REACH: usize = 2;

/// How far the ground is carried by growth.
pub(super) fn growth_reach_m(cell_m: f64) -> f64 {
    (ROUNDS * GROWTH_REACH) as f64 * cell_m
}

/// What growth accepts: so far from the continued plane, in metres, and so much more for
/// each metre of distance.
const GROWTH_M: f32 = 0.12;
const GROWTH_SLOPE: f32 = 0.15;

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

/// Finds the cells whose lowest return may be ground, before growth.
pub(super) fn find(cells: &Cells) -> Ground {
    let mut lowest = vec![f32::INFINITY; cells.len()];
    let mut place_m = vec![[0.0; 2]; cells.len()];
    for cell in 0..cells.len() {
        let usable = |m: &&Member| m.class == class::UNCLASSIFIED && m.is_last();
        if let Some(member) = cells.of(cell).iter().find(usable) {
            lowest[cell] = member.z;
            place_m[cell] = [member.east_m, member.north_m];
        }
    }
    let mut opened = lowest.clone();
    fill_voids(cells, &mut opened);
    let mut is_ground: Vec<bool> = lowest.iter().map(|z| z.is_finite()).collect();
    let mut last = 0;
    for radius_m in RADII_M {
        let radius = cells.cells_in(radius_m);
        if radius <= last {
            continue;
        }
        let next = open(&opened, cells.columns, radius);
        let step_m = (radius - last) as f32 * cells.cell_m;
        let mut allowed = (MAX_SLOPE * step_m + ROUGHNESS_M).min(MAX_STEP_M);
        if radius_m >= HALL_M {
            allowed = MIN_HALL_M;
        }
        for cell in 0..cells.len() {
            if opened[cell] - next[cell] > allowed {
                is_ground[cell] = false;
            }
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
fn fill_voids(cells: &Cells, values: &mut [f32]) {
    let present: Vec<f32> = values.to_vec();
    let mut coarser = Vec::new();
    for side_m in VOIDS_M {
        let side = (side_m / f64::from(cells.cell_m)).round() as i64;
        let (west, south) = (cells.west.div_euclid(side), cells.south.div_euclid(side));
        let columns = ((cells.west + cells.columns as i64 - 1).div_euclid(side) - west + 1) as usize;
        let rows = ((cells.south + cells.rows as i64 - 1).div_euclid(side) - south + 1) as usize;
        let square_of = |column: usize, row: usize| {
            let c = (cells.west + column as i64).div_euclid(side) - west;
            let r = (cells.south + row as i64).div_euclid(side) - south;
            (c as usize, r as usize)
        };
        let mut squares = vec![f32::INFINITY; columns * rows];
        for row in 0..cells.rows {
            for column in 0..cells.columns {
                let (c, r) = square_of(column, row);
                let square = &mut squares[r * columns + c];
                *square = square.min(present[cells.at(column, row)]);
            }
        }
        let around: Vec<f32> = (0..squares.len())
            .map(|at| {
                let (c, r) = (at % columns, at / columns);
                let mut least = f32::INFINITY;
                for r in r.saturating_sub(1)..=(r + 1).min(rows - 1) {
                    for c in c.saturating_sub(1)..=(c + 1).min(columns - 1) {
                        least = least.min(squares[r * columns + c]);
                    }
                }
                least
            })
            .collect();
        for row in 0..cells.rows {
            for column in 0..cells.columns {
                let at = cells.at(column, row);
                let (c, r) = square_of(column, row);
                let square = r * columns + c;
                // The first squares only tell which voids are wide.
                let is_wide = coarser.is_empty() && squares[square].is_finite();
                if !values[at].is_finite() && !is_wide && squares[square].is_infinite() {
                    values[at] = around[square];
                }
            }
        }
        coarser = squares;
    }
}

/// Adds cells of `window` to the ground that continue a plane through ground around them,
/// but none that are `barred`.
pub(super) fn grow(cells: &Cells, window: Window, ground: &mut Ground, barred: &[bool]) {
    let mut open_cells: Vec<(usize, usize)> = window
        .cells()
        .filter(|&(column, row)| {
            let at = cells.at(column, row);
            ground.lowest[at].is_finite() && !ground.is_ground[at] && !barred[at]
        })
        .collect();
    for _ in 0..ROUNDS {
        let grown: Vec<bool> = open_cells
            .iter()
            .map(|&(column, row)| continues(cells, ground, column, row))
            .collect();
        if !grown.contains(&true) {
            break;
        }
        let mut kept = Vec::with_capacity(open_cells.len());
        for (&(column, row), grown) in open_cells.iter().zip(grown) {
            if grown {
                ground.is_ground[cells.at(column, row)] = true;
            } else {
                kept.push((column, row));
            }
        }
        open_cells = kept;
    }
}

/// Whether the lowest return of a cell continues the ground around it: a plane through
/// that, or at least a good part of it where the ground has an edge.
fn continues(cells: &Cells, ground: &Ground, column: usize, row: usize) -> bool {
    let at = cells.at(column, row);
    let own = (ground.lowest[at], ground.place_m[at]);
    let mut nearest = f32::INFINITY;
    let mut alike = 0.0;
    let mut sum = Moments::default();
    for (c, r) in cells.around(column, row, GROWTH_REACH).cells() {
        let at = cells.at(c, r);
        if !ground.is_ground[at] {
            continue;
        }
        let place = ground.place_m[at];
        let east = (c as f32 - column as f32) * cells.cell_m + place[0] - own.1[0];
        let north = (r as f32 - row as f32) * cells.cell_m + place[1] - own.1[1];
        let z = ground.lowest[at] - own.0;
        let distance = (east * east + north * north).sqrt();
        nearest = nearest.min(distance);
        alike += f64::from(u8::from(z.abs() <= GROWTH_M + GROWTH_SLOPE * distance));
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
