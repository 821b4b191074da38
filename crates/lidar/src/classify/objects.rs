//! What stands on the ground: buildings by their planes, vegetation by its height.

use super::cells::{Cells, Member, Window};
use super::planes::{self, Plane};
use super::class;

/// Lowest eaves of a building, in metres above the ground.
const MIN_ROOF_M: f32 = 1.8;
/// Points of a roof lie this near to a plane.
const PLANAR_M: f32 = 0.12;

/// Marks all that is not ground yet.
pub(super) fn mark(cells: &mut Cells, window: Window, base: &[f32], ground: &[Option<Plane>]) {
    let height = |cell: usize, m: &Member| match ground[cell] {
        Some(plane) => plane.above(m),
        None => m.z - base[cell],
    };
    let wide = window.widened(cells.cells_in(5.0), cells);
    let upper = |cell: usize, m: &Member| {
        m.class == class::UNCLASSIFIED && m.is_last() && height(cell, m) > MIN_ROOF_M
    };
    let radius = cells.cells_in(1.5);
    let sums = planes::sums(cells, wide, radius, upper);
    let fits: Vec<Option<Plane>> = sums.iter().map(|s| s.plane(5.0)).collect();
    // The best of the planes around, seen from each cell.
    let mut best: Vec<Option<Plane>> = vec![None; cells.len()];
    let mut solid = vec![false; cells.len()];
    for (column, row) in wide.cells() {
        let cell = cells.at(column, row);
        if !cells.of(cell).iter().any(|m| upper(cell, m)) {
            continue;
        }
        for (c, r) in cells.around(column, row, radius).cells() {
            if let Some(plane) = fits[cells.at(c, r)]
                && best[cell].is_none_or(|b| plane.spread_m < b.spread_m)
            {
                let moved = plane.moved(
                    (column as f32 - c as f32) * cells.cell_m,
                    (row as f32 - r as f32) * cells.cell_m,
                );
                let near = cells.of(cell).iter().any(|m| upper(cell, m) && moved.above(m).abs() < 3.0 * PLANAR_M);
                if near {
                    best[cell] = Some(moved);
                }
            }
        }
        solid[cell] = best[cell].is_some_and(|plane| plane.spread_m <= PLANAR_M && plane.slope() < 2.0);
    }
    // Only what is as wide as a shed.
    let extent = super::super::morphology::open(
        &solid.iter().map(|&s| f32::from(u8::from(s))).collect::<Vec<_>>(),
        cells.columns,
        cells.cells_in(1.0),
    );
    for (column, row) in window.cells() {
        let cell = cells.at(column, row);
        let near_building = cells
            .around(column, row, 1)
            .cells()
            .any(|(c, r)| extent[cells.at(c, r)] > 0.5);
        let range = cells.range(cell);
        for i in range {
            let m = cells.members[i];
            if m.class != class::UNCLASSIFIED {
                continue;
            }
            let h = height(cell, &m);
            let on_roof = best[cell].is_some_and(|plane| plane.above(&m) < 0.4);
            let class = if near_building && h > 0.4 && m.is_last() && (on_roof || best[cell].is_none()) {
                class::BUILDING
            } else if h < 0.5 {
                class::LOW_VEGETATION
            } else if h < 2.0 {
                class::MEDIUM_VEGETATION
            } else {
                class::HIGH_VEGETATION
            };
            cells.members[i].class = class;
        }
    }
}
