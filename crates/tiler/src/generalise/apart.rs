//! Arcs simplified so that they stay apart: none crosses, touches or passes over another.

use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree, RTreeObject};

use crate::generalise::arcs::simplified;
use crate::generalise::faces::is_inside;
use crate::generalise::grid::{Node, turn};
use crate::simplify::Simplifier;

/// What an arc may move by, in parts of the tolerance: the next where it comes too near to
/// another. In the end it stays as it is.
const SHARES: [f64; 4] = [1.0, 0.25, 0.0625, 0.0];

/// A segment of an arc, by the places of both in their lists.
type Segment = GeomWithData<Rectangle<[f64; 2]>, (usize, usize)>;

/// Returns the arcs, each simplified by `tolerance` (in steps of the grid) or less.
///
/// 1. Two arcs share a place only if they did before and it is an end of both.
/// 2. No corner that is left lies between an arc before and after.
///
/// So regions keep their neighbours, their holes and their islands. Arcs that crossed or
/// touched before may stay as they are.
pub(crate) fn simplified_apart(arcs: &[Vec<Node>], tolerance: f64) -> Vec<Vec<Node>> {
    let mut simplifier = Simplifier::default();
    let mut shares = vec![0_usize; arcs.len()];
    let mut simple: Vec<Vec<Node>> = arcs
        .iter()
        .map(|arc| simplified(arc, tolerance, &mut simplifier))
        .collect();
    let boxes = RTree::bulk_load((0..arcs.len()).map(|i| box_of(arcs, i)).collect());
    let mut is_doubtful = vec![true; arcs.len()];
    loop {
        // Decided for all before any changes, so that no order matters.
        let is_too_near = too_near(arcs, &simple, &is_doubtful);
        is_doubtful = vec![false; arcs.len()];
        for i in 0..arcs.len() {
            if is_too_near[i] && simple[i].len() < arcs[i].len() {
                shares[i] += 1;
                simple[i] = simplified(&arcs[i], tolerance * SHARES[shares[i]], &mut simplifier);
                // An arc never leaves its box, so that only these can meet it.
                let around = box_of(arcs, i).envelope();
                for near in boxes.locate_in_envelope_intersecting(around) {
                    is_doubtful[near.data] = true;
                }
            }
        }
        if !is_doubtful.contains(&true) {
            return simple;
        }
    }
}

fn box_of(arcs: &[Vec<Node>], i: usize) -> GeomWithData<Rectangle<[f64; 2]>, usize> {
    let points: Vec<[f64; 2]> = arcs[i].iter().map(|&node| float(node)).collect();
    GeomWithData::new(Rectangle::from_aabb(AABB::from_points(points.iter())), i)
}

/// Which arcs meet another or have passed over a corner, as seen from the doubtful ones.
fn too_near(arcs: &[Vec<Node>], simple: &[Vec<Node>], is_doubtful: &[bool]) -> Vec<bool> {
    let is_changed = |i: usize| simple[i].len() < arcs[i].len();
    let mut segments: Vec<Segment> = Vec::new();
    for (i, arc) in simple.iter().enumerate() {
        for (k, pair) in arc.windows(2).enumerate() {
            let around = Rectangle::from_corners(float(pair[0]), float(pair[1]));
            segments.push(GeomWithData::new(around, (i, k)));
        }
    }
    let segments = RTree::bulk_load(segments);
    let mut found = vec![false; arcs.len()];
    for (i, arc) in simple.iter().enumerate() {
        if !is_changed(i) || !is_doubtful[i] {
            continue;
        }
        for (k, pair) in arc.windows(2).enumerate() {
            let around = AABB::from_corners(float(pair[0]), float(pair[1]));
            for other in segments.locate_in_envelope_intersecting(around) {
                let (j, l) = other.data;
                if (i, k) != (j, l) && meet([pair[0], pair[1]], [simple[j][l], simple[j][l + 1]]) {
                    found[i] = true;
                    found[j] = true;
                }
            }
        }
        found[i] = found[i] || passes_over_a_corner(&arcs[i], arc, simple, &segments);
    }
    found
}

/// Whether a corner of any simplified arc lies where `before` ran on the other side of it.
fn passes_over_a_corner(
    before: &[Node],
    after: &[Node],
    simple: &[Vec<Node>],
    segments: &RTree<Segment>,
) -> bool {
    let mut start = 0;
    for pair in after.windows(2) {
        let run = before[start + 1..].iter().position(|node| *node == pair[1]);
        let Some(run) = run else { return true };
        let between = &before[start..=start + 1 + run];
        start += 1 + run;
        if between.len() <= 2 {
            continue;
        }
        // A ring that is one run encloses what it did.
        let ring = if between.first() == between.last() {
            &between[1..]
        } else {
            between
        };
        let points: Vec<[f64; 2]> = between.iter().map(|&node| float(node)).collect();
        let around = AABB::from_points(points.iter());
        for other in segments.locate_in_envelope_intersecting(around) {
            let (j, l) = other.data;
            if [simple[j][l], simple[j][l + 1]]
                .into_iter()
                .any(|corner| !between.contains(&corner) && is_inside(corner, ring))
            {
                return true;
            }
        }
    }
    false
}

fn float(node: Node) -> [f64; 2] {
    // Exact: the grid ends long before 2⁵³.
    node.map(|along| along as f64)
}

/// Whether segments have more in common than one end of both.
pub(crate) fn meet([a, b]: [Node; 2], [c, d]: [Node; 2]) -> bool {
    let shared = [(a, b, c, d), (a, b, d, c), (b, a, c, d), (b, a, d, c)]
        .into_iter()
        .find(|(end, _, other_end, _)| end == other_end);
    if let Some((corner, one, _, other)) = shared {
        let along =
            [0, 1].map(|i| i128::from(one[i] - corner[i]) * i128::from(other[i] - corner[i]));
        return one == other || (turn(corner, one, other) == 0 && along[0] + along[1] > 0);
    }
    let on = |a: Node, b: Node, p: Node| {
        (0..2).all(|i| a[i].min(b[i]) <= p[i] && p[i] <= a[i].max(b[i]))
    };
    let [abc, abd] = [turn(a, b, c).signum(), turn(a, b, d).signum()];
    let [cda, cdb] = [turn(c, d, a).signum(), turn(c, d, b).signum()];
    (abc * abd < 0 && cda * cdb < 0)
        || (abc == 0 && on(a, b, c))
        || (abd == 0 && on(a, b, d))
        || (cda == 0 && on(c, d, a))
        || (cdb == 0 && on(c, d, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arcs: &[&[Node]], tolerance: f64, lengths: &[usize]) {
        let arcs: Vec<Vec<Node>> = arcs.iter().map(|arc| arc.to_vec()).collect();
        let simple = simplified_apart(&arcs, tolerance);
        assert_eq!(simple.iter().map(Vec::len).collect::<Vec<_>>(), lengths);
    }

    #[test]
    fn an_arc_alone_becomes_straight() {
        check(&[&[[0, 0], [50, 9], [100, 0]]], 10.0, &[2]);
    }

    #[test]
    fn two_ways_between_the_same_ends_stay_two() {
        // Both would become the same segment.
        let (there, back): (&[Node], &[Node]) =
            (&[[0, 0], [50, 9], [100, 0]], &[[0, 0], [50, -9], [100, 0]]);
        check(&[there, back], 10.0, &[3, 3]);
    }

    #[test]
    fn an_island_stays_on_its_side() {
        let island: &[Node] = &[[48, 2], [52, 2], [50, 4], [48, 2]];
        check(&[&[[0, 0], [50, 9], [100, 0]], island], 10.0, &[3, 4]);
        let beyond: &[Node] = &[[48, 22], [52, 22], [50, 24], [48, 22]];
        check(&[&[[0, 0], [50, 9], [100, 0]], beyond], 10.0, &[2, 4]);
    }

    #[test]
    fn an_arc_does_not_cross_a_spike_that_reaches_into_its_bow() {
        let spike: &[Node] = &[[40, -50], [50, 6], [60, -50]];
        check(&[&[[0, 0], [50, 9], [100, 0]], spike], 10.0, &[3, 3]);
    }
}
