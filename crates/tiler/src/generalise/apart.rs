//! Arcs simplified so that they stay apart: none crosses, touches or passes over another.

use crate::generalise::arcs::ArcSimplifier;
use crate::generalise::faces::is_inside;
use crate::generalise::grid::{self, Node, turn};
use crate::generalise::places::{Place, Places};
use crate::generalise::strips::{Extent, Strips};

/// What an arc may move by, in parts of the tolerance: the next where it comes too near to
/// another. In the end it stays as it is.
const SHARES: [f64; 4] = [1.0, 0.25, 0.0625, 0.0];

/// Returns the arcs, each simplified by `tolerance` (in steps of the grid) or less.
///
/// 1. Two arcs share a place only if they did before and it is an end of both.
/// 2. No corner that is left lies between an arc before and after.
///
/// So regions keep their neighbours, their holes and their islands. Arcs that crossed or
/// touched before may stay as they are.
pub(crate) fn simplified_apart(
    arcs: &[Vec<Place>],
    places: &Places,
    tolerance: f64,
) -> Vec<Vec<Place>> {
    let mut simplifier = ArcSimplifier::default();
    let mut shares = vec![0_usize; arcs.len()];
    let mut simple: Vec<Vec<Place>> = arcs
        .iter()
        .map(|arc| simplifier.simplified(arc, places, tolerance))
        .collect();
    let mut looked_at: Vec<usize> = (0..arcs.len()).collect();
    let mut around = looked_at.clone();
    // Made when the first arc has to give way.
    let mut boxes: Option<Boxes> = None;
    loop {
        let neighbourhood = Neighbourhood::of(&simple, &around, places);
        // Decided for all before any changes, so that no order matters.
        let mut too_near = neighbourhood.too_near(arcs, &simple, &looked_at);
        too_near.retain(|&i| simple[i].len() < arcs[i].len());
        if too_near.is_empty() {
            return simple;
        }
        for &i in &too_near {
            shares[i] += 1;
            let tolerance = tolerance * SHARES[shares[i]];
            simple[i] = simplifier.simplified(&arcs[i], places, tolerance);
        }
        // An arc never leaves its box, so that only these can meet it.
        let boxes = boxes.get_or_insert_with(|| Boxes::of(arcs, places));
        looked_at = boxes.around(&too_near);
        around = boxes.around(&looked_at);
    }
}

/// The boxes of arcs, with all that each may become.
struct Boxes {
    boxes: Vec<Extent>,
    strips: Strips,
}

impl Boxes {
    fn of(arcs: &[Vec<Place>], places: &Places) -> Boxes {
        let hull = |arc: &Vec<Place>| {
            let [low, high] = grid::bounds(places.nodes(arc));
            Extent::Box(low, high)
        };
        let boxes: Vec<Extent> = arcs.iter().map(hull).collect();
        Boxes {
            strips: Strips::new(boxes.iter().copied()),
            boxes,
        }
    }

    /// Those whose boxes meet any of some arcs', in ascending order.
    fn around(&self, arcs: &[usize]) -> Vec<usize> {
        let mut around = Vec::new();
        for &arc in arcs {
            let of_arc = self.boxes[arc];
            self.strips.each_near(of_arc, 0, |other| around.push(other));
        }
        around.sort_unstable();
        around.dedup();
        around
    }
}

/// The segments of some arcs.
struct Neighbourhood<'a> {
    places: &'a Places,
    segments: Vec<ArcSegment>,
    strips: Strips,
}

struct ArcSegment {
    arc: usize,
    /// Which of the arc.
    number: usize,
    ends: [Place; 2],
    nodes: [Node; 2],
}

impl<'a> Neighbourhood<'a> {
    fn of(simple: &[Vec<Place>], arcs: &[usize], places: &'a Places) -> Neighbourhood<'a> {
        let mut segments = Vec::new();
        for &arc in arcs {
            for (number, pair) in simple[arc].windows(2).enumerate() {
                segments.push(ArcSegment {
                    arc,
                    number,
                    ends: [pair[0], pair[1]],
                    nodes: [places.at(pair[0]), places.at(pair[1])],
                });
            }
        }
        let shapes = segments
            .iter()
            .map(|segment| Extent::Segment(segment.nodes[0], segment.nodes[1]));
        Neighbourhood {
            places,
            strips: Strips::new(shapes),
            segments,
        }
    }

    /// Which arcs meet another or have passed over a corner, as seen from those of
    /// `looked_at` that are simpler than before.
    fn too_near(
        &self,
        arcs: &[Vec<Place>],
        simple: &[Vec<Place>],
        looked_at: &[usize],
    ) -> Vec<usize> {
        let mut found = Vec::new();
        for &i in looked_at {
            if simple[i].len() == arcs[i].len() {
                continue;
            }
            for (k, pair) in simple[i].windows(2).enumerate() {
                let nodes = [self.places.at(pair[0]), self.places.at(pair[1])];
                let segment = Extent::Segment(nodes[0], nodes[1]);
                self.strips.each_near(segment, 0, |other| {
                    let other = &self.segments[other];
                    if (i, k) != (other.arc, other.number) && meet(nodes, other.nodes) {
                        found.extend([i, other.arc]);
                    }
                });
            }
            if self.passes_over_a_corner(&arcs[i], &simple[i]) {
                found.push(i);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether a corner of any arc lies where `before` ran on the other side of it.
    fn passes_over_a_corner(&self, before: &[Place], after: &[Place]) -> bool {
        let mut start = 0;
        let mut nodes: Vec<Node> = Vec::new();
        for pair in after.windows(2) {
            let run = before[start + 1..].iter().position(|at| *at == pair[1]);
            let Some(run) = run else { return true };
            let between = &before[start..=start + 1 + run];
            start += 1 + run;
            if between.len() <= 2 {
                continue;
            }
            // A ring that is one run encloses what it did.
            let is_ring = between.first() == between.last();
            let ring = &between[usize::from(is_ring)..];
            nodes.clear();
            nodes.extend(self.places.nodes(ring));
            let [low, high] = grid::bounds(nodes.iter().copied());
            let is_passed = |corner: Place, at: Node| {
                (0..2).all(|i| low[i] <= at[i] && at[i] <= high[i])
                    && !between.contains(&corner)
                    && is_inside(at, &nodes)
            };
            if self.strips.any_near(Extent::Box(low, high), 0, |other| {
                let other = &self.segments[other];
                (0..2).any(|end| is_passed(other.ends[end], other.nodes[end]))
            }) {
                return true;
            }
        }
        false
    }
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
        let (places, arcs) = Places::number(&arcs);
        let simple = simplified_apart(&arcs, &places, tolerance);
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
