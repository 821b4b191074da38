//! What each point of a survey has met: ground, vegetation, buildings, water, noise.
//!
//! [`lowest_returns`] and [`classify()`] are pure functions over the points of a block and of
//! a halo around it; the second also gets what the first found in a far wider one. All grids
//! lie on the global lattice, and sums are taken in an order of their own, so that a point
//! gets the same class in whatever block it is seen.
//!
//! In this order: `noise`; `ground`, by openings of the lowest returns and growth, with the
//! decks of `bridges` kept out of it; `planes` through the ground, which decide point by
//! point; `water` among the ground; and `objects`, what stands on it.
//!
//! # What can be relied on
//!
//! Ground (2), noise (7, 18) and high vegetation (5) can. Buildings (6) can where there are
//! two points on a square metre and more; large crowns that are as smooth as roofs pass for
//! them, and chimneys and dormers for vegetation. Low and medium vegetation (3, 4) are
//! heights above the ground and no more: what lies under a decimetre is ground, and masts
//! and wires are high vegetation. Water (9) and decks (17) are hints: water is
//! told only where it gives few returns, and a deck only where both its sides can be seen to
//! drop. Cars, boats and what else is smooth but no building stay unclassified (1). No use is
//! made of classes that points were delivered with, of colour, or of intensity.

mod base;
mod bridges;
mod cells;
mod grid;
mod ground;
mod lowest;
mod noise;
mod objects;
mod planes;
mod water;

use model::PointBatch;

use cells::{Cells, Member};
use grid::{Grid, Window};
use ground::Ground;
pub use lowest::{LOWEST_HALO_M, Lowest, lowest_returns};
use planes::Plane;

/// How far around a block [`classify()`] needs points, in metres, whatever the options.
pub const HALO_M: f64 = 44.0;

/// How far around a block [`classify()`] needs the lowest returns, in metres, whatever the
/// options.
///
/// It is long because one thing hangs on another: a crown's height on the ground beside it,
/// that on growth, growth on decks, and these on openings by squares as wide as the largest
/// building. Returns further away change nothing.
pub const GROUND_HALO_M: f64 = 204.0;

/// How far around the core points are marked as ground, in metres: water looks at them, and
/// the planes of the outermost are not final.
const MARGIN_M: f64 = 26.0;

/// What rounding to cells adds among points, and in all, in metres.
const ROUNDING_M: [f64; 2] = [10.0, 14.0];

const _: () = assert!(
    noise::REACH_M + MARGIN_M + ROUNDING_M[0] <= HALO_M,
    "the halo holds the margin and what tells noise there"
);

const _: () = assert!(
    ground::VOIDS_REACH_M
        + ground::OPENING_REACH_M
        + bridges::REACH_M
        + ground::GROWTH_REACH_M
        + base::REACH_M
        + MARGIN_M
        + ROUNDING_M[1]
        <= GROUND_HALO_M,
    "the lowest returns reach as far as the longest chain of what depends on what"
);

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
    /// Side of the cells in which the ground is looked for, in metres, finite and over zero.
    /// A few points should fall in each.
    pub cell_m: f64,
    /// Points on a square metre of land, as [`ClassifyOptions::for_counts`] finds it. The
    /// same for all blocks of a survey, or their borders show.
    pub points_per_m2: f64,
}

impl ClassifyOptions {
    /// Returns what suits a survey with so many points in each of some squares, all of this
    /// area and between a few metres and some tens of metres wide.
    ///
    /// The density is that of the square of the middle point, not of the middle square: where
    /// most of a survey is water, which returns little, most points are still on land.
    pub fn for_counts(mut counts: Vec<u32>, square_m2: f64) -> ClassifyOptions {
        counts.sort_unstable();
        let all: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        let mut before = 0;
        let of_middle = counts.into_iter().find(|count| {
            before += u64::from(*count);
            2 * before >= all
        });
        ClassifyOptions::for_density(of_middle.map_or(0.0, f64::from) / square_m2)
    }

    /// Returns what suits a survey with so many points on a square metre.
    pub fn for_density(points_per_m2: f64) -> ClassifyOptions {
        ClassifyOptions {
            cell_m: if points_per_m2 >= 2.0 { 1.0 } else { 2.0 },
            points_per_m2,
        }
    }
}

/// Points so near to the grown ground are looked at for the local plane.
const NEAR_M: f32 = 0.5;
/// How many times their spread points of the ground may lie above the plane through them,
const SPREADS: f32 = 2.75;
/// but so far at least and at most, in metres.
const TOLERANCE_M: (f32, f32) = (0.08, 0.25);

/// How much further above the lowest return of their cell points of the ground may lie for
/// each metre that the plane rises in a metre.
const EDGE_SLOPE: f32 = 0.25;

/// Returns the class of each of the first `core` points; the rest is the halo around them, of
/// [`HALO_M`].
///
/// `lowest` are all [`lowest_returns`] of cells of `options.cell_m` within [`GROUND_HALO_M`],
/// those of the core and its halo among them, in any order. Others may be there.
///
/// Classes are those of ASPRS LAS 1.4 R15, table 17: 1 for what is none of the others, 2
/// ground, 3, 4 and 5 vegetation up to 0.5 m, up to 2 m and above, 6 buildings, 7 low
/// noise, 9 water, 17 bridge decks, 18 high noise. See the module for how far they can be
/// relied on. Withheld points, and points without finite coordinates, are left at 1 and
/// change nothing. All columns of `points` that are read (coordinates, intensity, return
/// numbers and flags) must be of one length; elevations are in metres.
///
/// Neither the order of points nor the number of threads changes a class. Memory grows with
/// the points and with the area of the box around them; a box of over 67 million cells is
/// left at 1.
///
/// # Source
///
/// Openings with growing squares: Zhang et al. (2003), as in Pingel et al. (2013).
///
/// # Examples
///
/// ```
/// use lidar::{ClassifyOptions, classify, lowest_returns};
/// use model::PointBatch;
///
/// // Level ground, with a post in its middle.
/// let mut points = PointBatch::default();
/// for i in 0..900 {
///     points.x.push(f64::from(i % 30));
///     points.y.push(f64::from(i / 30));
///     points.z.push(if i == 465 { 9.0 } else { 5.0 });
/// }
/// points.intensity = vec![0; 900];
/// points.return_number = vec![1; 900];
/// points.number_of_returns = vec![1; 900];
/// points.flags = vec![0; 900];
/// let options = ClassifyOptions::for_density(1.0);
/// let lowest = lowest_returns(&points, 900, options.cell_m);
/// let classes = classify(&points, 900, &lowest, &options);
/// assert_eq!((classes[0], classes[465]), (2, 5));
/// ```
pub fn classify(
    points: &PointBatch,
    core: usize,
    lowest: &[Lowest],
    options: &ClassifyOptions,
) -> Vec<u8> {
    classes(points, core, Some(lowest), options)
}

/// Returns the class of each point of a survey that is seen at once: what [`classify()`]
/// gives with all points as its core and all their [`lowest_returns`], with one look at them
/// instead of two.
pub fn classify_whole(points: &PointBatch, options: &ClassifyOptions) -> Vec<u8> {
    classes(points, points.len(), None, options)
}

/// The classes of the core, of lowest returns that are given or those of the points.
fn classes(
    points: &PointBatch,
    core: usize,
    lowest: Option<&[Lowest]>,
    options: &ClassifyOptions,
) -> Vec<u8> {
    let core = core.min(points.len());
    let mut classes = vec![class::UNCLASSIFIED; core];
    let Some(mut cells) = Cells::new(points, options.cell_m) else {
        return classes;
    };
    let Some(window) = cells.window_of_core(core) else {
        return classes;
    };
    let grid = cells.grid;
    noise::find(&mut cells);
    let floor = match lowest {
        Some(lowest) => Floor::new(&grid, window, lowest, options.cell_m),
        None => Floor::new(
            &grid,
            window,
            &lowest::of_cells(&cells, core),
            options.cell_m,
        ),
    };
    let Some(floor) = floor else {
        return classes;
    };
    let wide = window.widened(grid.cells_in(MARGIN_M as f32), &grid);
    let planes = planes_of_ground(&cells, wide, &floor);
    mark_ground(&mut cells, wide, &floor, &planes);
    let seen = window.widened(grid.cells_in(water::REACH_M), &grid);
    bridges::mark(&mut cells, seen, &floor.ground, &floor.deck);
    water::mark(&mut cells, window, &floor.ground, options.points_per_m2);
    objects::mark(&mut cells, window, |cell, m| match planes[cell] {
        Some(plane) => plane.above(m),
        None => m.z - floor.base[cell],
    });
    for member in &cells.members {
        if let Some(class) = classes.get_mut(member.index as usize) {
            *class = member.class;
        }
    }
    classes
}

/// What the lowest returns tell of each cell.
struct Floor {
    ground: Ground,
    /// Whether the lowest return is the deck of a bridge.
    deck: Vec<bool>,
    /// The elevation of the ground, also under what stands on it.
    base: Vec<f32>,
}

impl Floor {
    /// Finds the floor of `grid`, final within [`MARGIN_M`] of `window`. None if there are too
    /// many cells between it and all `lowest`.
    fn new(grid: &Grid, window: Window, lowest: &[Lowest], cell_m: f64) -> Option<Floor> {
        let places = lowest.iter().map(|lowest| lowest.cell);
        let wide = Grid::around_all(cell_m, places.chain(grid.corners()))?;
        let reach_m = MARGIN_M + base::REACH_M + ground::GROWTH_REACH_M;
        let grown = wide
            .window_from(window, grid)
            .widened(wide.cells_in(reach_m as f32), &wide);
        let mut ground = ground::find(&wide, lowest);
        let deck = bridges::find(&wide, grown, &ground);
        ground::grow(&wide, grown, &mut ground, &deck);
        Some(Floor {
            base: wide.cut(&base_of(&wide, &ground), grid),
            deck: wide.cut(&deck, grid),
            ground: ground.cut(&wide, grid),
        })
    }
}

/// Returns the elevation of the ground in every cell.
fn base_of(grid: &Grid, ground: &Ground) -> Vec<f32> {
    let known = ground.lowest.iter().zip(&ground.is_ground);
    let known = known.map(|(z, is_ground)| if *is_ground { *z } else { f32::NAN });
    let mut base = base::carry(grid, known.collect());
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
    Floor { ground, base, .. }: &Floor,
) -> Vec<Option<Plane>> {
    let grid = &cells.grid;
    let radius = grid.cells_in(2.0);
    let usable = |m: &&Member| m.class == class::UNCLASSIFIED && m.is_last();
    let mut planes: Vec<Option<Plane>> = vec![None; grid.len()];
    for round in 0..3 {
        planes = planes::fits(grid, wide, radius, 6.0, |cell, sum| {
            // Members come from the lowest up: those over the ground need no look.
            let own = cells.of(cell).iter();
            if let Some(plane) = planes[cell].filter(|_| round > 0) {
                let most = (2.0 * plane.spread_m).clamp(TOLERANCE_M.0, TOLERANCE_M.1);
                let highest = plane.highest(grid.cell_m) + most;
                let low = own.take_while(|m| m.z <= highest);
                let near = low.filter(usable).filter(|m| {
                    let above = plane.above(m);
                    above <= most && above >= -1.5 * most
                });
                near.for_each(|m| sum.add(m));
            } else if ground.is_ground[cell] {
                let low = own.take_while(|m| m.z - base[cell] <= NEAR_M);
                let near = low.filter(usable).filter(|m| m.z - base[cell] >= -NEAR_M);
                near.for_each(|m| sum.add(m));
            }
        });
    }
    planes
}

fn mark_ground(
    cells: &mut Cells,
    wide: Window,
    Floor { ground, base, .. }: &Floor,
    planes: &[Option<Plane>],
) {
    for (column, row) in wide.cells() {
        let cell = cells.grid.at(column, row);
        let range = cells.range(cell);
        for m in &mut cells.members[range] {
            if m.class != class::UNCLASSIFIED || !m.is_last() {
                continue;
            }
            let is_ground = match planes[cell] {
                Some(plane) => {
                    let above = plane.above(m);
                    let most = (SPREADS * plane.spread_m).clamp(TOLERANCE_M.0, TOLERANCE_M.1);
                    // At the edge of a bank the plane cuts the corner, but what lies at the
                    // lowest return of its cell goes with it.
                    let over_lowest = above - ground.above(&plane, cell);
                    (above <= most && above >= -NEAR_M)
                        || (ground.is_ground[cell]
                            && over_lowest <= TOLERANCE_M.0 + EDGE_SLOPE * plane.slope())
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
