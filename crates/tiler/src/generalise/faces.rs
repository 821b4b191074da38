//! The outline of polygons that lie side by side.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use crate::generalise::grid::{Node, turn, twice_area};

/// An exterior, which turns to the left, and its holes, which turn to the right. No ring
/// repeats its first place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Face {
    pub(crate) exterior: Vec<Node>,
    pub(crate) holes: Vec<Vec<Node>>,
}

/// Returns the union of polygons that share borders vertex by vertex and overlap nowhere.
///
/// `rings` run with the inside on their left and do not repeat their first place. Rings of
/// the union touch themselves nowhere, and its faces each other in places at most.
pub(crate) fn outline<'a>(rings: impl IntoIterator<Item = &'a [Node]>) -> Vec<Face> {
    let mut edges = uncancelled(rings);
    let mut exteriors: Vec<(Vec<Node>, Vec<Vec<Node>>)> = Vec::new();
    let mut homeless: Vec<Vec<Node>> = Vec::new();
    while let Some(start) = first_edge(&edges) {
        let walk = walk_round(start, &mut edges);
        let (mut outer, mut holes) = (Vec::new(), Vec::new());
        for ring in taken_apart(&walk) {
            match twice_area(&ring).cmp(&0) {
                Ordering::Greater => outer.push(ring),
                Ordering::Less => holes.push(ring),
                Ordering::Equal => {}
            }
        }
        // A hole that touches its exterior is met on the same walk.
        match <[_; 1]>::try_from(outer) {
            Ok([exterior]) => exteriors.push((exterior, holes)),
            Err(outer) => {
                exteriors.extend(outer.into_iter().map(|exterior| (exterior, Vec::new())));
                homeless.append(&mut holes);
            }
        }
    }
    for hole in homeless {
        let home = exteriors
            .iter_mut()
            .filter(|(exterior, _)| hole.iter().any(|&node| is_inside(node, exterior)))
            .min_by_key(|(exterior, _)| twice_area(exterior));
        if let Some((_, holes)) = home {
            holes.push(hole);
        }
    }
    exteriors
        .into_iter()
        .map(|(exterior, holes)| Face { exterior, holes })
        .collect()
}

/// Places that one can go on to, from each place.
type Edges = BTreeMap<Node, Vec<Node>>;

/// The edges that have the inside on one side only.
fn uncancelled<'a>(rings: impl IntoIterator<Item = &'a [Node]>) -> Edges {
    let mut counts: HashMap<(Node, Node), usize> = HashMap::new();
    for ring in rings {
        for (a, b) in steps(ring) {
            match counts.get_mut(&(b, a)) {
                Some(count) if *count > 0 => *count -= 1,
                _ => *counts.entry((a, b)).or_default() += 1,
            }
        }
    }
    let mut edges = Edges::new();
    for ((a, b), count) in counts {
        if count > 0 {
            edges
                .entry(a)
                .or_default()
                .extend(std::iter::repeat_n(b, count));
        }
    }
    for ahead in edges.values_mut() {
        ahead.sort_unstable();
    }
    edges
}

/// The steps of a ring, back to its start.
pub(crate) fn steps(ring: &[Node]) -> impl Iterator<Item = (Node, Node)> {
    let ahead = ring.iter().cycle().skip(1);
    ring.iter().zip(ahead).map(|(a, b)| (*a, *b))
}

fn first_edge(edges: &Edges) -> Option<(Node, Node)> {
    let (&from, ahead) = edges.first_key_value()?;
    Some((from, *ahead.first()?))
}

/// Takes edges out until the walk is back at its first, always as far to the left as one can
/// go: so it stays along one face.
fn walk_round(start: (Node, Node), edges: &mut Edges) -> Vec<Node> {
    let mut walk = Vec::new();
    let (mut from, mut at) = start;
    loop {
        walk.push(at);
        let Some(ahead) = edges.get_mut(&at) else {
            // As many edges lead away from a place as to it, so that this cannot be.
            break;
        };
        let leftmost =
            (0..ahead.len()).min_by(|&i, &j| leftmost_first(from, at, ahead[i], ahead[j]));
        let Some(leftmost) = leftmost else { break };
        let next = ahead.remove(leftmost);
        if ahead.is_empty() {
            edges.remove(&at);
        }
        (from, at) = (at, next);
        if (from, at) == start {
            break;
        }
    }
    walk
}

/// Orders what lies ahead by how far to the left it turns; back comes last.
fn leftmost_first(from: Node, at: Node, a: Node, b: Node) -> Ordering {
    let back = from;
    // Clockwise from the way back: its left half, straight on, its right half, back.
    let half = |to: Node| {
        let side = turn(at, back, to);
        let along = [0, 1].map(|i| i128::from(back[i] - at[i]) * i128::from(to[i] - at[i]));
        match side.cmp(&0) {
            Ordering::Less => 0,
            Ordering::Equal if along[0] + along[1] < 0 => 1,
            Ordering::Greater => 2,
            Ordering::Equal => 3,
        }
    };
    half(a).cmp(&half(b)).then_with(|| turn(at, a, b).cmp(&0))
}

/// The rings that a walk is made of when it comes to a place again.
fn taken_apart(walk: &[Node]) -> Vec<Vec<Node>> {
    let mut rings = Vec::new();
    let mut path: Vec<Node> = Vec::new();
    let mut places: HashMap<Node, usize> = HashMap::new();
    for &node in walk {
        if let Some(&start) = places.get(&node) {
            let ring: Vec<Node> = path.drain(start..).collect();
            for other in &ring {
                places.remove(other);
            }
            rings.push(ring);
        }
        places.insert(node, path.len());
        path.push(node);
    }
    rings.push(path);
    rings.retain(|ring| ring.len() >= 3);
    rings
}

/// Whether a place lies within a ring and not on it.
pub(crate) fn is_inside(node: Node, ring: &[Node]) -> bool {
    let mut winding = 0;
    for (a, b) in steps(ring) {
        let side = turn(a, b, node);
        let is_between = (0..2).all(|i| a[i].min(b[i]) <= node[i] && node[i] <= a[i].max(b[i]));
        if side == 0 && is_between {
            return false;
        }
        if a[1] <= node[1] && b[1] > node[1] && side > 0 {
            winding += 1;
        } else if b[1] <= node[1] && a[1] > node[1] && side < 0 {
            winding -= 1;
        }
    }
    winding != 0
}

#[cfg(test)]
mod tests {
    use geo::Validation;
    use proptest::prelude::*;

    use super::*;
    use crate::generalise::polygons::to_geo;

    fn square(x: i64, y: i64) -> Vec<Node> {
        vec![[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]]
    }

    fn check(squares: &[(i64, i64)], expected: &[(usize, usize)]) {
        let rings: Vec<Vec<Node>> = squares.iter().map(|&(x, y)| square(x, y)).collect();
        let faces = outline(rings.iter().map(|ring| &ring[..]));
        let counts: Vec<_> = faces
            .iter()
            .map(|face| (face.exterior.len(), face.holes.len()))
            .collect();
        assert_eq!(counts, expected);
    }

    #[test]
    fn squares_side_by_side_become_one_and_at_a_corner_stay_two() {
        check(&[(0, 0), (1, 0)], &[(6, 0)]);
        check(&[(0, 0), (1, 1)], &[(4, 0), (4, 0)]);
    }

    #[test]
    fn a_ring_of_squares_has_a_hole_even_where_it_touches_the_outside() {
        let ring = [
            (0, 0),
            (1, 0),
            (2, 0),
            (0, 1),
            (2, 1),
            (0, 2),
            (1, 2),
            (2, 2),
        ];
        check(&ring, &[(12, 1)]);
        // Without a corner, the hole touches the exterior there.
        check(&ring[..7], &[(12, 1)]);
    }

    proptest! {
        #[test]
        fn an_outline_is_valid_and_keeps_the_area(
            squares in prop::collection::btree_set((0..8_i64, 0..8_i64), 1..64),
        ) {
            let rings: Vec<Vec<Node>> = squares.iter().map(|&(x, y)| square(x, y)).collect();
            let faces = outline(rings.iter().map(|ring| &ring[..]));
            let outline = to_geo(&faces);
            prop_assert!(outline.is_valid(), "{outline:?}");
            let twice: i128 = faces.iter()
                .flat_map(|face| face.holes.iter().chain([&face.exterior]))
                .map(|ring| twice_area(ring)).sum();
            prop_assert_eq!(twice, 2 * squares.len() as i128);
        }
    }
}
