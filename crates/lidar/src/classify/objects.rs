//! What stands on the ground: buildings by their planes and their extent, vegetation by
//! its height.
//!
//! Only last returns are asked for planes: light that went on met leaves. A roof has walls
//! and other roofs beside it, so each cell looks for the best plane among windows that
//! hold it, and of each cell only the uppermost points count.

use crate::morphology::close;

use super::cells::{Cells, Member};
use super::class;
use super::grid::Window;
use super::planes::{self, Plane};

/// Lowest eaves of a building, in metres above the ground.
const MIN_ROOF_M: f32 = 1.8;

/// Lower things are not looked at for planes, in metres above the ground.
const MIN_SOLID_M: f32 = 0.4;

/// Largest spread of points about the plane of a roof, in metres.
const PLANAR_M: f32 = 0.12;

/// Steepest roof, as rise over run.
const STEEPEST: f32 = 2.0;

/// Points further above a roof are not of it, in metres.
const ABOVE_ROOF_M: f32 = 0.4;

/// So many of nine cells in a square are roof where there is a building.
const MIN_ROOF_CELLS: usize = 6;

/// Heights above the ground, in metres, under which vegetation is low and medium.
const LOW_M: f32 = 0.5;
const MEDIUM_M: f32 = 2.0;

/// How far a cell's class depends on the planes of others, in cells: a roof beside it, in a
/// square, of closed cells.
const REACH_CELLS: usize = 6;

/// Gives all that is neither noise nor ground its class. `height` says how far above the
/// ground a point of a cell lies.
pub(super) fn mark(cells: &mut Cells, window: Window, height: impl Fn(usize, &Member) -> f32) {
    let wide = window.widened(REACH_CELLS, &cells.grid);
    let best = best_planes(cells, wide, &height);
    let mut roof = vec![0.0; cells.grid.len()];
    for (column, row) in wide.cells() {
        let cell = cells.grid.at(column, row);
        if let Some(plane) = best[cell] {
            let middle = Member {
                z: plane.z,
                east_m: 0.0,
                north_m: 0.0,
                ..cells.members[0]
            };
            roof[cell] = f32::from(u8::from(height(cell, &middle) > MIN_ROOF_M));
        }
    }
    let building = as_wide_as_a_building(cells, wide, &close(&roof, cells.grid.columns, 1));
    for (column, row) in window.cells() {
        let cell = cells.grid.at(column, row);
        let near = cells.grid.around(column, row, 1).cells();
        let is_near_building = near
            .map(|(c, r)| cells.grid.at(c, r))
            .any(|near| building[near]);
        let roof_top = if is_near_building {
            roof_top(cells, &best, &building, column, row)
        } else {
            f32::NEG_INFINITY
        };
        for i in cells.range(cell) {
            let m = cells.members[i];
            if m.class != class::UNCLASSIFIED {
                continue;
            }
            let h = height(cell, &m);
            let is_under_roof = is_near_building && m.is_last() && m.z < roof_top + ABOVE_ROOF_M;
            cells.members[i].class = if is_under_roof && h > MIN_SOLID_M {
                class::BUILDING
            } else if m.is_only()
                && h > MIN_SOLID_M
                && best[cell].is_some_and(|plane| plane.above(&m).abs() < 2.0 * PLANAR_M)
            {
                class::UNCLASSIFIED
            } else if h < LOW_M {
                class::LOW_VEGETATION
            } else if h < MEDIUM_M {
                class::MEDIUM_VEGETATION
            } else {
                class::HIGH_VEGETATION
            };
        }
    }
}

/// Returns which cells of roof lie in a square that is roof for the most part.
fn as_wide_as_a_building(cells: &Cells, wide: Window, roof: &[f32]) -> Vec<bool> {
    let mut building = vec![false; cells.grid.len()];
    for (column, row) in wide.cells() {
        let square = || {
            cells
                .grid
                .around(column, row, 1)
                .cells()
                .map(|(c, r)| cells.grid.at(c, r))
        };
        if square().filter(|&cell| roof[cell] > 0.5).count() >= MIN_ROOF_CELLS {
            for cell in square().filter(|&cell| roof[cell] > 0.5) {
                building[cell] = true;
            }
        }
    }
    building
}

/// Returns the highest plane of a building that holds over a cell or comes from beside it.
fn roof_top(
    cells: &Cells,
    best: &[Option<Plane>],
    building: &[bool],
    column: usize,
    row: usize,
) -> f32 {
    let mut top = f32::NEG_INFINITY;
    for (c, r) in cells.grid.around(column, row, 1).cells() {
        let near = cells.grid.at(c, r);
        if building[near]
            && let Some(plane) = best[near]
        {
            let moved = plane.moved(
                (column as f32 - c as f32) * cells.grid.cell_m,
                (row as f32 - r as f32) * cells.grid.cell_m,
            );
            top = top.max(moved.z);
        }
    }
    top + cells.grid.cell_m / 2.0
}

/// Returns for each cell the plane that its uppermost points lie on, if they lie on one.
fn best_planes(
    cells: &Cells,
    wide: Window,
    height: &impl Fn(usize, &Member) -> f32,
) -> Vec<Option<Plane>> {
    let around = wide.widened(2, &cells.grid);
    // The elevation from which the points of a cell are its uppermost.
    let mut from = vec![f32::INFINITY; cells.grid.len()];
    for (column, row) in around.cells() {
        let cell = cells.grid.at(column, row);
        let solid = |m: &&Member| {
            m.class == class::UNCLASSIFIED && m.is_last() && height(cell, m) > MIN_SOLID_M
        };
        if let Some(top) = cells.of(cell).iter().rev().find(solid) {
            from[cell] = top.z - 1.2 * cells.grid.cell_m;
        }
    }
    // The uppermost points of each cell, which are asked many times.
    let mut uppers: Vec<Member> = Vec::new();
    let mut places = vec![(0, 0); cells.grid.len()];
    for (column, row) in around.cells() {
        let cell = cells.grid.at(column, row);
        let is_upper = |m: &&Member| {
            m.z >= from[cell]
                && m.class == class::UNCLASSIFIED
                && m.is_last()
                && height(cell, m) > MIN_SOLID_M
        };
        let start = uppers.len();
        if from[cell].is_finite() {
            uppers.extend(cells.of(cell).iter().filter(is_upper));
        }
        places[cell] = (start, uppers.len());
    }
    let uppers_of = |cell: usize| &uppers[places[cell].0..places[cell].1];
    let planes_of = |radius: usize, least: f64| {
        let window = wide.widened(1, &cells.grid);
        planes::fits(&cells.grid, window, radius, least, |cell, sum| {
            uppers_of(cell).iter().for_each(|m| sum.add(m));
        })
    };
    let fits = [planes_of(0, 8.0), planes_of(1, 5.0)];
    let mut best: Vec<Option<Plane>> = vec![None; cells.grid.len()];
    for (column, row) in wide.cells() {
        let cell = cells.grid.at(column, row);
        if from[cell].is_infinite() {
            continue;
        }
        let own = uppers_of(cell);
        for (fits, c, r) in cells
            .grid
            .around(column, row, 1)
            .cells()
            .map(|(c, r)| (&fits[1], c, r))
            .chain([(&fits[0], column, row)])
        {
            let Some(plane) = fits[cells.grid.at(c, r)] else {
                continue;
            };
            if plane.spread_m > PLANAR_M
                || plane.slope() > STEEPEST
                || best[cell].is_some_and(|best: Plane| best.spread_m <= plane.spread_m)
            {
                continue;
            }
            let moved = plane.moved(
                (column as f32 - c as f32) * cells.grid.cell_m,
                (row as f32 - r as f32) * cells.grid.cell_m,
            );
            let on_plane = own.iter().filter(|m| moved.above(m).abs() < 2.5 * PLANAR_M);
            if 2 * on_plane.count() > own.len() {
                best[cell] = Some(moved);
            }
        }
    }
    best
}
