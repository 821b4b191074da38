//! Water: level, low, and where most of the light does not come back.
//!
//! Water mirrors laser light away but for steep rays, so that it shows as ground with few
//! returns. Where it answers as land does, or not at all, it cannot be told.

use crate::morphology::lowest;

use super::cells::{Cells, Member};
use super::class;
use super::grid::Window;
use super::ground::Ground;
use super::planes::{Moments, Plane};

/// Returns that land would give in the squares in which they are counted: enough that
/// chance seldom halves them.
const COUNT: f64 = 40.0;

/// Narrowest and widest side of these squares, in metres.
const SIDE_M: (f64, f64) = (3.0, 9.0);

/// Water gives less than this share of the returns that land gives.
const SHARE: f64 = 0.45;

/// Steepest water: a rapid stream.
const MAX_SLOPE: f32 = 0.04;

/// Largest spread of water about its plane, in metres.
const SPREAD_M: f32 = 0.1;

/// No ground lies lower than water within this distance, in metres, by this much.
const LOWER_WITHIN_M: f32 = 12.0;
const LOWER_M: f32 = 0.3;

/// How far away points may be that decide whether one is water, in metres: beyond the
/// shore, in a square there.
pub(super) const REACH_M: f32 = 20.0;

/// Gives the points of water their class.
pub(super) fn mark(cells: &mut Cells, window: Window, ground: &Ground, points_per_m2: f64) {
    let cell_m = f64::from(cells.grid.cell_m);
    let side_m = (COUNT / points_per_m2).sqrt().clamp(SIDE_M.0, SIDE_M.1);
    let side = cells.grid.cells_in(side_m as f32);
    let expected = points_per_m2 * (side as f64 * cell_m).powi(2);
    let counts = Counts::new(cells);
    let wide = window.widened(side, &cells.grid);
    let lowest_ground = lowest_ground(cells, ground);
    let mut water: Vec<Option<Plane>> = vec![None; cells.grid.len()];
    for (column, row) in wide.cells() {
        let is_sparse = [(0, 0), (side - 1, 0), (0, side - 1), (side - 1, side - 1)]
            .into_iter()
            .all(|(west, south)| {
                let (returns, on_ground) = counts.within(cells, column, row, [west, south], side);
                f64::from(returns) < SHARE * expected && 10 * on_ground >= 8 * returns
            });
        if is_sparse {
            water[cells.grid.at(column, row)] =
                level(cells, &lowest_ground, column, row, side / 2 + 1);
        }
    }
    // Squares at the shore hold too much land; at this distance from it they do not.
    let shore = (2 * side).div_ceil(3);
    for (column, row) in window.cells() {
        let cell = cells.grid.at(column, row);
        if !cells.of(cell).iter().any(|m| m.class == class::GROUND) {
            continue;
        }
        // The nearest water, the first of those that are equally near.
        let nearest = cells
            .grid
            .around(column, row, shore)
            .cells()
            .filter(|&(c, r)| water[cells.grid.at(c, r)].is_some())
            .min_by_key(|&(c, r)| c.abs_diff(column).pow(2) + r.abs_diff(row).pow(2));
        let Some((c, r)) = nearest else { continue };
        let Some(plane) = water[cells.grid.at(c, r)] else {
            continue;
        };
        let plane = plane.moved(
            (column as f32 - c as f32) * cells.grid.cell_m,
            (row as f32 - r as f32) * cells.grid.cell_m,
        );
        let most = (2.5 * plane.spread_m).clamp(0.05, 0.2);
        for i in cells.range(cell) {
            let m = &mut cells.members[i];
            if m.class == class::GROUND && plane.above(m).abs() <= most {
                m.class = class::WATER;
            }
        }
    }
}

/// Returns the lowest ground around each cell, within [`LOWER_WITHIN_M`].
fn lowest_ground(cells: &Cells, ground: &Ground) -> Vec<f32> {
    let own = ground.lowest.iter().zip(&ground.is_ground);
    let own: Vec<f32> = own
        .map(|(z, is_ground)| if *is_ground { *z } else { f32::INFINITY })
        .collect();
    lowest(
        &own,
        cells.grid.columns,
        cells.grid.cells_in(LOWER_WITHIN_M),
    )
}

/// Returns the plane through the ground around a cell if it is as level and low as water.
fn level(
    cells: &Cells,
    lowest_ground: &[f32],
    column: usize,
    row: usize,
    radius: usize,
) -> Option<Plane> {
    let mut sum = Moments::default();
    for (c, r) in cells.grid.around(column, row, radius).cells() {
        let (east, north) = (
            (c as f32 - column as f32) * cells.grid.cell_m,
            (r as f32 - row as f32) * cells.grid.cell_m,
        );
        for m in cells
            .of(cells.grid.at(c, r))
            .iter()
            .filter(|m| m.class == class::GROUND)
        {
            sum.add(&Member {
                east_m: m.east_m + east,
                north_m: m.north_m + north,
                ..*m
            });
        }
    }
    let plane = sum.plane(5.0)?;
    if plane.slope() > MAX_SLOPE || plane.spread_m > SPREAD_M {
        return None;
    }
    let is_lower = lowest_ground[cells.grid.at(column, row)] < plane.z - LOWER_M;
    (!is_lower).then_some(plane)
}

/// Last returns, and those of them that are ground, summed from the south-west corner.
struct Counts {
    sums: Vec<[u32; 2]>,
}

impl Counts {
    fn new(cells: &Cells) -> Counts {
        let stride = cells.grid.columns + 1;
        let mut sums = vec![[0; 2]; stride * (cells.grid.rows + 1)];
        for row in 0..cells.grid.rows {
            let mut of_row = [0; 2];
            for column in 0..cells.grid.columns {
                for m in cells
                    .of(cells.grid.at(column, row))
                    .iter()
                    .filter(|m| m.is_last())
                {
                    of_row[0] += 1;
                    of_row[1] += u32::from(m.class == class::GROUND);
                }
                let below = sums[row * stride + column + 1];
                sums[(row + 1) * stride + column + 1] =
                    [below[0] + of_row[0], below[1] + of_row[1]];
            }
        }
        Counts { sums }
    }

    /// Returns the counts of a square that reaches so many cells to the west and south.
    fn within(
        &self,
        cells: &Cells,
        column: usize,
        row: usize,
        [west, south]: [usize; 2],
        side: usize,
    ) -> (u32, u32) {
        let stride = cells.grid.columns + 1;
        let (c0, r0) = (column.saturating_sub(west), row.saturating_sub(south));
        let c1 = (column + side - west).min(cells.grid.columns);
        let r1 = (row + side - south).min(cells.grid.rows);
        let at = |c: usize, r: usize| self.sums[r * stride + c];
        let part = |i: usize| at(c1, r1)[i] + at(c0, r0)[i] - at(c0, r1)[i] - at(c1, r0)[i];
        (part(0), part(1))
    }
}
