//! The ground where a survey knows none: beyond its edge, and in holes.
//!
//! A survey on a hill must not end in a cliff. So known heights are carried outward, first
//! over few nodes, then over few of every second node, of every fourth and so on, with less
//! detail the farther away ([`filled`]). Where even that reaches nothing, the ground is a
//! mean of the survey's heights that eases to elevation 0 ([`Far`]).
//!
//! Heights depend on the place and the level, and never on the tile that asks, so that
//! neighbours join.

use model::{Bounds, Grid};
use store::HeightKind;

use super::samples::{Ground, Lattice};
use super::{CELLS, DEGREE_M, spacing_m};
use crate::Error;

/// How far from the survey's box the ground comes to elevation 0. Over so many metres the
/// highest ground in Sweden, of 2 100 m, falls by 16 per cent at the steepest.
const FADE_M: f64 = 20_000.0;

/// How many nodes far a known height is carried outward.
const REACH: usize = 8;

/// Nodes that lie so far apart get their heights from [`Far`] where they reach none: a small
/// part of [`FADE_M`], so that it bends gently between them.
const FAR_SPACING_M: f64 = 1000.0;

/// Most squares along a side of the survey, each with its mean elevation, that say how high
/// the ground far from it is.
const SQUARES: usize = 32;

/// Heights at the nodes of a tile and one around it: those that are known, and others made
/// up.
pub(super) fn filled(ground: &Ground<'_>) -> Result<Lattice, Error> {
    let spacing_m = spacing_m(ground.tile.z);
    let mut stride = 1;
    while stride < CELLS && stride as f64 * spacing_m < FAR_SPACING_M {
        stride *= 2;
    }
    let mut coarser = Far::new(ground)?.lattice(ground, stride);
    loop {
        coarser = carried(&ground.known(stride, 1 + REACH)?, &coarser);
        if stride == 1 {
            return Ok(coarser);
        }
        stride /= 2;
    }
}

/// What is known; beside it, the known heights nearby, mixed into `coarser` the less the
/// farther they are; and else `coarser`.
fn carried(known: &Lattice, coarser: &Lattice) -> Lattice {
    let nearby = Nearby::new();
    let any_known = known.heights_m.iter().any(|height| !height.is_nan());
    let mut filled = Lattice::empty(known.stride, 1);
    for i in 0..filled.heights_m.len() {
        let node = [i % filled.side, i / filled.side];
        let at = known.heights_m[(node[1] + REACH) * known.side + node[0] + REACH];
        filled.heights_m[i] = if at.is_nan() {
            let far_m = between(coarser, known.stride, node);
            match any_known.then(|| nearby.height_m(known, node)).flatten() {
                Some((near_m, share)) => far_m + share * (near_m - far_m),
                None => far_m,
            }
        } else {
            at
        };
    }
    filled
}

/// The height of a lattice at a node of one that is as fine or twice as fine, both with one
/// node around the tile.
fn between(coarser: &Lattice, stride: usize, node: [usize; 2]) -> f64 {
    let [(left, fx), (low, fy)] = node.map(|place| {
        // From the coarser one's first node, which lies one of its strides before the tile.
        let along = coarser.stride + place * stride - stride;
        let share = (along % coarser.stride) as f64 / coarser.stride as f64;
        (along / coarser.stride, share)
    });
    let last = coarser.side - 1;
    let at = |dx: usize, dy: usize| {
        coarser.heights_m[(low + dy).min(last) * coarser.side + (left + dx).min(last)]
    };
    let along = |dy: usize| at(0, dy) + fx * (at(1, dy) - at(0, dy));
    along(0) + fy * (along(1) - along(0))
}

/// Nodes around one, the nearest first, each with its distance in nodes and its weight.
struct Nearby(Vec<([usize; 2], f64, f64)>);

impl Nearby {
    fn new() -> Nearby {
        let (side, reach) = (2 * REACH + 1, REACH as f64);
        let distance = |place: usize| place as f64 - reach;
        let mut around: Vec<_> = (0..side * side)
            .map(|i| [i % side, i / side])
            .map(|[x, y]| ([x, y], distance(x).hypot(distance(y))))
            .filter(|(_, away)| *away > 0.0 && *away < reach)
            .map(|(place, away)| (place, away, (1.0 / away - 1.0 / reach).powi(2)))
            .collect();
        around.sort_by(|a, b| a.1.total_cmp(&b.1));
        Nearby(around)
    }

    /// The mean of the known heights nearby, in which near ones count most, those at the end
    /// of the reach nothing (Franke and Nielson, 1980), and how much it counts itself, the
    /// less the farther the nearest is. The nearest alone would make steps in the middle
    /// between two.
    ///
    /// `known` has [`REACH`] nodes more on each side than the lattice that `node` is of.
    fn height_m(&self, known: &Lattice, [column, row]: [usize; 2]) -> Option<(f64, f64)> {
        let mut nearest = None;
        let (mut sum, mut weights) = (0.0, 0.0);
        for ([x, y], away, weight) in &self.0 {
            let height_m = known.heights_m[(row + y) * known.side + column + x];
            if !height_m.is_nan() {
                nearest.get_or_insert(*away);
                sum += weight * height_m;
                weights += weight;
            }
        }
        Some((sum / weights, 1.0 - nearest? / REACH as f64))
    }
}

/// The ground far from what a survey knows.
struct Far {
    covered_deg: Bounds,
    /// Places in metres from the middle of the survey, and the mean elevation around them.
    known: Vec<([f64; 2], f64)>,
    /// Squared distance in metres within which a square counts as if it were so far away.
    least_m2: f64,
    /// How far the geoid lies over the ellipsoid in the middle of the survey.
    zero_m: f64,
}

impl Far {
    /// Reads a survey coarsely.
    fn new(ground: &Ground<'_>) -> Result<Far, Error> {
        let bounds = &ground.survey.meta().bounds;
        let coarse_m = bounds.width().max(bounds.height()) / SQUARES as f64;
        let grid = ground
            .survey
            .window(HeightKind::Terrain, bounds, coarse_m)?;
        let (mut places, elevations_m): (Vec<_>, Vec<_>) = means(&grid).into_iter().unzip();
        ground.to_lonlat.xy_in_place(&mut places)?;
        let covered_deg = ground.covered_deg;
        let places = places.into_iter().map(|at| metres(&covered_deg, at));
        Ok(Far {
            covered_deg,
            known: places.zip(elevations_m).collect(),
            least_m2: coarse_m * coarse_m / 4.0,
            zero_m: ground.undulation_m(covered_deg.centre()),
        })
    }

    fn lattice(&self, ground: &Ground<'_>, stride: usize) -> Lattice {
        let mut lattice = Lattice::empty(stride, 1);
        for i in 0..lattice.heights_m.len() {
            lattice.heights_m[i] = self.height_m(ground, lattice.lonlat_of(ground.tile, i));
        }
        lattice
    }

    fn height_m(&self, ground: &Ground<'_>, lonlat: [f64; 2]) -> f64 {
        let share = self.share(lonlat);
        if share == 0.0 {
            return self.zero_m;
        }
        let covered = &self.covered_deg;
        let nearest = [
            lonlat[0].clamp(covered.min_x(), covered.max_x()),
            lonlat[1].clamp(covered.min_y(), covered.max_y()),
        ];
        let edge_m = self.elevation_m(lonlat) + ground.undulation_m(nearest);
        self.zero_m + share * (edge_m - self.zero_m)
    }

    /// 1 at the survey's box, 0 from [`FADE_M`] on, and without a bend in between.
    fn share(&self, lonlat: [f64; 2]) -> f64 {
        let covered = &self.covered_deg;
        let [x, y] = metres(covered, lonlat).map(f64::abs);
        let [half_x, half_y] = metres(covered, [covered.max_x(), covered.max_y()]);
        let away_m = (x - half_x).max(0.0).hypot((y - half_y).max(0.0));
        let near = (1.0 - away_m / FADE_M).max(0.0);
        near * near * (3.0 - 2.0 * near)
    }

    /// The mean of all squares, each by the inverse fourth power of its distance (Shepard,
    /// 1968): near the edge it is what lies there, far away it is that of the whole survey.
    fn elevation_m(&self, lonlat: [f64; 2]) -> f64 {
        let [x, y] = metres(&self.covered_deg, lonlat);
        let (mut sum, mut weights) = (0.0, 0.0);
        for ([east, north], elevation_m) in &self.known {
            let off_m2 = (x - east).powi(2) + (y - north).powi(2) + self.least_m2;
            let weight = 1.0 / (off_m2 * off_m2);
            sum += weight * elevation_m;
            weights += weight;
        }
        if weights > 0.0 { sum / weights } else { 0.0 }
    }
}

/// Metres to the east and north of the middle of a box in degrees, near enough to tell what
/// is near.
fn metres(covered_deg: &Bounds, [lon, lat]: [f64; 2]) -> [f64; 2] {
    let [middle_lon, middle_lat] = covered_deg.centre();
    [
        (lon - middle_lon) * DEGREE_M * middle_lat.to_radians().cos(),
        (lat - middle_lat) * DEGREE_M,
    ]
}

/// The middles of squares of cells, and the means of those that have any value.
fn means(grid: &Grid) -> Vec<([f64; 2], f64)> {
    let side = grid.columns.max(grid.rows).div_ceil(SQUARES).max(1);
    let mut found = Vec::new();
    for top in (0..grid.rows).step_by(side) {
        for left in (0..grid.columns).step_by(side) {
            let (mut sum, mut place, mut count) = (0.0, [0.0; 2], 0.0);
            for row in top..(top + side).min(grid.rows) {
                for column in left..(left + side).min(grid.columns) {
                    let value = f64::from(grid.values[row * grid.columns + column]);
                    if !value.is_nan() {
                        let [x, y] = grid.centre_of(column, row);
                        sum += value;
                        place = [place[0] + x, place[1] + y];
                        count += 1.0;
                    }
                }
            }
            if count > 0.0 {
                found.push((place.map(|total| total / count), sum / count));
            }
        }
    }
    found
}
