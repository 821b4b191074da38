//! What each point of a survey has met: ground, vegetation, buildings, noise.
//!
//! [`classify`] is a pure function over the points of a block and of what lies within
//! [`HALO_M`] around it. All grids lie on the global lattice, so that a point gets the
//! same class from whatever block it is seen.

mod base;
mod bridges;
mod cells;
mod ground;
mod noise;
mod objects;
mod planes;
mod water;

use model::PointBatch;

use cells::{Cells, Member, Window};
use ground::Ground;
use planes::Plane;

/// How far around a block points are needed, in metres.
pub const HALO_M: f64 = 208.0;

/// ASPRS classes (LAS 1.4 R15, table 17).
mod class {
    pub(super) const UNCLASSIFIED: u8 = 1;
    pub(super) const GROUND: u8 = 2;
    pub(super) const LOW_VEGETATION: u8 = 3;
    pub(super) const MEDIUM_VEGETATION: u8 = 4;
    pub(super) const HIGH_VEGETATION: u8 = 5;
    pub(super) const BUILDING: u8 = 6;
    pub(super) const LOW_NOISE: u8 = 7;
    pub(super) const WATER: u8 = 9;
    pub(super) const BRIDGE_DECK: u8 = 17;
    pub(super) const HIGH_NOISE: u8 = 18;
}

/// How to classify.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassifyOptions {
    /// Side of the cells that the ground is looked for in.
    pub cell_m: f64,
    /// Points on a square metre of land, as far as it was flown over.
    pub points_per_m2: f64,
}

impl ClassifyOptions {
    /// Returns what suits a survey with so many points on a square metre.
    pub fn for_density(points_per_m2: f64) -> ClassifyOptions {
        ClassifyOptions {
            cell_m: if points_per_m2 >= 2.0 { 1.0 } else { 2.0 },
            points_per_m2,
        }
    }
}

/// Cells around the core in which everything is computed.
const MARGIN_M: f64 = 26.0;

/// Points so near to the grown ground are looked at for the local plane.
const NEAR_M: f32 = 0.5;
/// How many times their spread points of the ground may lie above the plane through them,
const SPREADS: f32 = 2.75;
/// but so far at least and at most, in metres.
const TOLERANCE_M: (f32, f32) = (0.08, 0.25);

/// Returns the class of each of the first `core` points.
pub fn classify(points: &PointBatch, core: usize, options: &ClassifyOptions) -> Vec<u8> {
    let core = core.min(points.len());
    let mut classes = vec![class::UNCLASSIFIED; core];
    let Some(mut cells) = Cells::new(points, options.cell_m) else {
        return classes;
    };
    let Some(window) = cells.window_of_core(core) else {
        return classes;
    };
    noise::find(&mut cells);
    let margin = cells.cells_in(MARGIN_M as f32);
    let growth = margin + cells.cells_in((base::REACH_M + ground::GROWTH_REACH_M) as f32);
    let grown = window.widened(growth, &cells);
    let mut ground = ground::find(&cells);
    let deck = bridges::find(&cells, grown, &ground);
    ground::grow(&cells, grown, &mut ground, &deck);
    let wide = window.widened(margin, &cells);
    let base = base_of(&cells, &ground);
    let planes = planes_of_ground(&cells, wide, &ground, &base);
    mark_ground(&mut cells, wide, &ground, &base, &planes);
    bridges::mark(&mut cells, window, &ground, &deck);
    water::mark(&mut cells, window, &ground, options.points_per_m2);
    objects::mark(&mut cells, window, |cell, m| match planes[cell] {
        Some(plane) => plane.above(m),
        None => m.z - base[cell],
    });
    for member in &cells.members {
        if let Some(class) = classes.get_mut(member.index as usize) {
            *class = member.class;
        }
    }
    classes
}

/// Returns the elevation of the ground in every cell.
fn base_of(cells: &Cells, ground: &Ground) -> Vec<f32> {
    let known = (0..cells.len())
        .map(|cell| {
            if ground.is_ground[cell] {
                ground.lowest[cell]
            } else {
                f32::NAN
            }
        })
        .collect();
    let mut base = base::carry(cells, known);
    for (value, opened) in base.iter_mut().zip(&ground.opened) {
        if value.is_nan() {
            *value = *opened;
        }
    }
    base
}

/// Returns planes through the ground around each cell.
fn planes_of_ground(
    cells: &Cells,
    wide: Window,
    ground: &Ground,
    base: &[f32],
) -> Vec<Option<Plane>> {
    let radius = cells.cells_in(2.0);
    let usable = |m: &Member| m.class == class::UNCLASSIFIED && m.is_last();
    let mut planes: Vec<Option<Plane>> = vec![None; cells.len()];
    for round in 0..3 {
        let sums = planes::sums(
            cells,
            wide.widened(cells.cells_in(4.0), cells),
            radius,
            |cell, m| {
                usable(m)
                    && match (round, planes[cell]) {
                        (1.., Some(plane)) => {
                            let above = plane.above(m);
                            let most = (2.0 * plane.spread_m).clamp(TOLERANCE_M.0, TOLERANCE_M.1);
                            above <= most && above >= -1.5 * most
                        }
                        _ => ground.is_ground[cell] && (m.z - base[cell]).abs() <= NEAR_M,
                    }
            },
        );
        for (column, row) in wide.cells() {
            let cell = cells.at(column, row);
            planes[cell] = sums[cell].plane(6.0);
        }
    }
    planes
}

fn mark_ground(
    cells: &mut Cells,
    wide: Window,
    ground: &Ground,
    base: &[f32],
    planes: &[Option<Plane>],
) {
    for (column, row) in wide.cells() {
        let cell = cells.at(column, row);
        let range = cells.range(cell);
        for m in &mut cells.members[range] {
            if m.class != class::UNCLASSIFIED || !m.is_last() {
                continue;
            }
            let is_ground = match planes[cell] {
                Some(plane) => {
                    let above = plane.above(m);
                    let most = (SPREADS * plane.spread_m).clamp(TOLERANCE_M.0, TOLERANCE_M.1);
                    (above <= most && above >= -NEAR_M)
                        || (ground.is_ground[cell] && m.z - ground.lowest[cell] <= TOLERANCE_M.0)
                }
                None => {
                    let most = if ground.is_ground[cell] { 0.15 } else { 0.1 };
                    m.z - base[cell] <= most
                }
            };
            if is_ground {
                m.class = class::GROUND;
            }
        }
    }
}
