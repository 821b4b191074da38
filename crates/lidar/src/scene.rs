//! What is known of a survey cell by cell, before it is said what is ground and what is not.

use crate::threads::for_each_row;

/// A lowest return below nearly all around it by this much is noise, in metres.
const LOW_NOISE_M: f32 = 1.0;

/// How the ground was told from what stands on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroundSource {
    /// By the survey's own classification: its points of class 2.
    Classified,
    /// By a morphological filter over the lowest returns.
    Filtered,
}

/// What is kept of the points of one cell. NaN where there were too few.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) lowest: f32,
    pub(crate) second_lowest: f32,
    pub(crate) highest: f32,
    pub(crate) second_highest: f32,
    pub(crate) lowest_ground: f32,
}

impl Cell {
    pub(crate) const EMPTY: Cell = Cell {
        lowest: f32::NAN,
        second_lowest: f32::NAN,
        highest: f32::NAN,
        second_highest: f32::NAN,
        lowest_ground: f32::NAN,
    };

    #[expect(
        clippy::neg_cmp_op_on_partial_ord,
        reason = "comparisons with the NaN of an empty cell are false, and must count as true"
    )]
    pub(crate) fn add(&mut self, z: f32, ground: bool) {
        if !(z >= self.lowest) {
            self.second_lowest = self.lowest;
            self.lowest = z;
        } else if !(z >= self.second_lowest) {
            self.second_lowest = z;
        }
        if !(z <= self.highest) {
            self.second_highest = self.highest;
            self.highest = z;
        } else if !(z <= self.second_highest) {
            self.second_highest = z;
        }
        if ground && !(z >= self.lowest_ground) {
            self.lowest_ground = z;
        }
    }

    /// Takes what another cell holds, as if its points had been added here.
    pub(crate) fn merge(&mut self, other: &Cell) {
        if other.lowest.is_nan() {
            return;
        }
        if self.lowest.is_nan() {
            *self = *other;
            return;
        }
        // The second of a pair is NaN where there was one point, and `min` passes over NaN.
        let second =
            |a: [f32; 2], b: [f32; 2], less: fn(f32, f32) -> f32, more: fn(f32, f32) -> f32| {
                less(more(a[0], b[0]), less(a[1], b[1]))
            };
        let (low, high) = (
            [self.lowest, self.second_lowest],
            [self.highest, self.second_highest],
        );
        let other_low = [other.lowest, other.second_lowest];
        let other_high = [other.highest, other.second_highest];
        self.second_lowest = second(low, other_low, f32::min, f32::max);
        self.lowest = low[0].min(other_low[0]);
        self.second_highest = second(high, other_high, f32::max, f32::min);
        self.highest = high[0].max(other_high[0]);
        self.lowest_ground = self.lowest_ground.min(other.lowest_ground);
    }
}

/// The cells of a survey in one array, row by row from the north-west, with a margin.
pub(crate) struct Scene {
    pub(crate) cells: Vec<Cell>,
    pub(crate) columns: usize,
    pub(crate) cell_size_m: f64,
}

impl Scene {
    pub(crate) fn at(&self, column: usize, row: usize) -> &Cell {
        &self.cells[row * self.columns + column]
    }

    pub(crate) fn rows(&self) -> usize {
        self.cells.len() / self.columns
    }
}

/// Returns what `of` makes of every cell.
pub(crate) fn map(
    scene: &Scene,
    of: impl Fn(&Scene, usize, usize) -> f32 + Sync + Send,
) -> Vec<f32> {
    let mut out = vec![f32::NAN; scene.cells.len()];
    for_each_row(&mut out, scene.columns, |row, values| {
        for (column, value) in values.iter_mut().enumerate() {
            if !scene.at(column, row).lowest.is_nan() {
                *value = of(scene, column, row);
            }
        }
    });
    out
}

/// Calls `see` with each other cell that has points within `radius` cells, and the square of its distance.
pub(crate) fn around(
    scene: &Scene,
    column: usize,
    row: usize,
    radius: usize,
    mut see: impl FnMut(&Cell, f32),
) {
    for r in row.saturating_sub(radius)..=(row + radius).min(scene.rows() - 1) {
        for c in column.saturating_sub(radius)..=(column + radius).min(scene.columns - 1) {
            let other = scene.at(c, r);
            if (c, r) != (column, row) && !other.lowest.is_nan() {
                see(other, square(c.abs_diff(column), r.abs_diff(row)));
            }
        }
    }
}

pub(crate) fn square(a: usize, b: usize) -> f32 {
    (a * a + b * b) as f32
}

/// Returns for each cell whether its lowest return is noise.
///
/// It is if at most one other cell within three has a return as low, to a metre, in an
/// area that otherwise has points.
pub(crate) fn low_noise(scene: &Scene) -> Vec<bool> {
    let mut noise = vec![false; scene.cells.len()];
    for_each_row(&mut noise, scene.columns, |row, cells| {
        for (column, cell) in cells.iter_mut().enumerate() {
            let limit = scene.at(column, row).lowest + LOW_NOISE_M;
            if !limit.is_nan() {
                let (mut present, mut as_low) = (0, 0);
                around(scene, column, row, 3, |other, _| {
                    present += 1;
                    as_low += i32::from(other.lowest < limit);
                });
                *cell = present >= 6 && as_low <= 1;
            }
        }
    });
    noise
}
