//! Decks of bridges: they continue the ground at both ends and drop off at both sides.
//!
//! Nothing can be seen of what is below a deck, so a road between two walls looks the same.

use super::cells::{Cells, Member};
use super::class;
use super::grid::{Grid, Window};
use super::ground::Ground;
use super::planes::{self, Plane};

/// A deck is as high as this above what was opened, in metres.
const MIN_HEIGHT_M: f32 = 0.8;

/// Half the width, and half the length, of the largest bridge, in metres.
const HALF_WIDTH_M: f32 = 15.0;
const HALF_LENGTH_M: f32 = REACH_M as f32;

/// How far the search for a deck sees, in metres.
pub(super) const REACH_M: f64 = 30.0;

/// A side drops by this much at least, in metres, and as steeply as this.
const DROP_M: f32 = 0.7;
const DROP_SLOPE: f32 = 0.8;

/// What a deck may rise or fall from cell to cell: so much in metres, and this slope.
const STEP_M: f32 = 0.15;
const STEP_SLOPE: f32 = 0.12;

/// Cells without returns are passed over up to this far, in metres.
const GAP_M: f32 = 4.0;

/// Directions in half a turn that are tried for the axis of a bridge.
const DIRECTIONS: u8 = 16;

/// What a walk from a cell comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Ground,
    Drop,
    Nothing,
}

/// Returns for each cell of `window` whether its lowest return is the deck of a bridge.
pub(super) fn find(grid: &Grid, window: Window, ground: &Ground) -> Vec<bool> {
    let mut deck = vec![false; grid.len()];
    let axes = axes(grid.cell_m);
    for (column, row) in window.cells() {
        let at = grid.at(column, row);
        let lowest = ground.lowest[at];
        if !lowest.is_finite() || ground.is_ground[at] || lowest - ground.opened[at] < MIN_HEIGHT_M
        {
            continue;
        }
        deck[at] = axes.iter().any(|axis| {
            let walk = |way: &Way| walk(grid, ground, (column, row), way);
            axis.across.iter().all(|way| walk(way) == End::Drop)
                && axis.along.iter().all(|way| walk(way) == End::Ground)
        });
    }
    // Beside a deck lie cells that it covers in part; growth must not take them for banks.
    let found: Vec<(usize, usize)> = window
        .cells()
        .filter(|&(column, row)| deck[grid.at(column, row)])
        .collect();
    for (column, row) in found {
        let z = ground.lowest[grid.at(column, row)];
        for (c, r) in grid.around(column, row, 1).cells() {
            let at = grid.at(c, r);
            if !ground.is_ground[at] && (ground.lowest[at] - z).abs() < 2.0 * STEP_M {
                deck[at] = true;
            }
        }
    }
    deck
}

/// The cells of a walk from one, as columns and rows from it.
type Way = Vec<[isize; 2]>;

/// A direction that a bridge may have.
struct Axis {
    /// To both sides.
    across: [Way; 2],
    /// To both ends.
    along: [Way; 2],
}

fn axes(cell_m: f32) -> Vec<Axis> {
    let way = |east: f32, north: f32, limit_m: f32| {
        let steps = (1..).map(|step| step as f32);
        steps
            .take_while(|step| step * cell_m <= limit_m)
            .map(|step| {
                [
                    (step * east).round() as isize,
                    (step * north).round() as isize,
                ]
            })
            .collect()
    };
    let axis = |i: u8| {
        let angle = f32::from(i) * std::f32::consts::PI / f32::from(DIRECTIONS);
        let (north, east) = (sine(angle), sine(angle + std::f32::consts::FRAC_PI_2));
        Axis {
            across: [(-north, east), (north, -east)].map(|(e, n)| way(e, n, HALF_WIDTH_M)),
            along: [(east, north), (-east, -north)].map(|(e, n)| way(e, n, HALF_LENGTH_M)),
        }
    };
    (0..DIRECTIONS).map(axis).collect()
}

/// Sine, to a millionth: the system's own differs from machine to machine.
fn sine(angle: f32) -> f32 {
    let x = f64::from(angle);
    let x = if x > std::f64::consts::FRAC_PI_2 {
        std::f64::consts::PI - x
    } else {
        x
    };
    let x2 = x * x;
    (x * (1.0
        - x2 / 6.0
            * (1.0 - x2 / 20.0 * (1.0 - x2 / 42.0 * (1.0 - x2 / 72.0 * (1.0 - x2 / 110.0))))))
        as f32
}

/// Walks over the lowest returns from a cell and says what comes first.
fn walk(grid: &Grid, ground: &Ground, from: (usize, usize), way: &Way) -> End {
    let mut last = (ground.lowest[grid.at(from.0, from.1)], 0.0);
    for (i, [east, north]) in way.iter().enumerate() {
        let column = from.0.wrapping_add_signed(*east);
        let row = from.1.wrapping_add_signed(*north);
        if column >= grid.columns || row >= grid.rows {
            return End::Nothing;
        }
        let at = grid.at(column, row);
        let z = ground.lowest[at];
        let distance_m = (i + 1) as f32 * grid.cell_m;
        let gap_m = distance_m - last.1;
        if z.is_finite() {
            let rise = z - last.0;
            if -rise >= DROP_M.max(DROP_SLOPE * gap_m) {
                return End::Drop;
            }
            if rise.abs() > STEP_M + STEP_SLOPE * gap_m {
                return End::Nothing;
            }
            if ground.is_ground[at] {
                return End::Ground;
            }
            last = (z, distance_m);
        } else if gap_m > GAP_M {
            return End::Nothing;
        }
    }
    End::Nothing
}

/// Gives the points of decks their class.
pub(super) fn mark(cells: &mut Cells, window: Window, ground: &Ground, deck: &[bool]) {
    if !deck.contains(&true) {
        return;
    }
    let grid = cells.grid;
    let is_deck = |(column, row): (usize, usize)| deck[grid.at(column, row)];
    let Some(decks) =
        Window::around_all(window.widened(2, &grid).cells().filter(|&at| is_deck(at)))
    else {
        return;
    };
    let fits = planes::fits(&grid, decks, 1, 3.0, |cell, sum| {
        let near = |m: &&Member| m.is_last() && (m.z - ground.lowest[cell]).abs() < 0.4;
        if deck[cell] {
            cells.of(cell).iter().filter(near).for_each(|m| sum.add(m));
        }
    });
    for (column, row) in window.cells() {
        let cell = cells.grid.at(column, row);
        if ground.is_ground[cell] && !deck[cell] {
            continue;
        }
        let near = || {
            grid.around(column, row, 1)
                .cells()
                .filter(|&at| is_deck(at))
        };
        if near().next().is_none() {
            continue;
        }
        let planes: Vec<Plane> = near()
            .filter_map(|(c, r)| {
                let plane = fits[cells.grid.at(c, r)]?;
                Some(plane.moved(
                    (column as f32 - c as f32) * cells.grid.cell_m,
                    (row as f32 - r as f32) * cells.grid.cell_m,
                ))
            })
            .collect();
        let on_deck = |m: &Member| planes.iter().any(|plane| plane.above(m).abs() < 0.2);
        for i in cells.range(cell) {
            let m = cells.members[i];
            if matches!(m.class, class::UNCLASSIFIED | class::GROUND) && m.is_last() && on_deck(&m)
            {
                cells.members[i].class = class::BRIDGE_DECK;
            }
        }
    }
}
