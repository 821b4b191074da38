//! The outline of polygons that lie side by side.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::generalise::grid::{Node, turn, twice_area};
use crate::generalise::places::{Place, Places};

/// An exterior, which turns to the left, and its holes, which turn to the right. No ring
/// repeats its first place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Face {
    pub(crate) exterior: Vec<Place>,
    pub(crate) holes: Vec<Vec<Place>>,
}

impl Face {
    /// The exterior and the holes.
    pub(crate) fn rings(&self) -> impl Iterator<Item = &Vec<Place>> {
        std::iter::once(&self.exterior).chain(&self.holes)
    }
}

/// Returns the union of polygons that share borders vertex by vertex and overlap nowhere.
///
/// `rings` run with the inside on their left and do not repeat their first place. Rings of
/// the union touch themselves nowhere, and its faces each other in places at most.
pub(crate) fn outline<'a>(
    rings: impl IntoIterator<Item = &'a [Place]>,
    places: &Places,
) -> Vec<Face> {
    outline_of(uncancelled(rings), places)
}

/// As [`outline`], given the edges that have the inside on their left and nothing on their
/// right.
pub(crate) fn outline_of(edges: Vec<(Place, Place)>, places: &Places) -> Vec<Face> {
    let mut edges = Edges::new(edges);
    let mut faces: Vec<Face> = Vec::new();
    let mut homeless: Vec<Vec<Place>> = Vec::new();
    while let Some(start) = edges.first() {
        let walk = walk_round(start, &mut edges, places);
        let (mut outer, mut holes) = (Vec::new(), Vec::new());
        for ring in taken_apart(walk) {
            let nodes: Vec<Node> = places.nodes(&ring).collect();
            match twice_area(&nodes).cmp(&0) {
                Ordering::Greater => outer.push(ring),
                Ordering::Less => holes.push(ring),
                Ordering::Equal => {}
            }
        }
        // A hole that touches its exterior is met on the same walk.
        match <[_; 1]>::try_from(outer) {
            Ok([exterior]) => faces.push(Face { exterior, holes }),
            Err(outer) => {
                faces.extend(outer.into_iter().map(|exterior| Face {
                    exterior,
                    holes: Vec::new(),
                }));
                homeless.append(&mut holes);
            }
        }
    }
    if homeless.is_empty() {
        return faces;
    }
    let exteriors: Vec<Vec<Node>> = faces
        .iter()
        .map(|face| places.nodes(&face.exterior).collect())
        .collect();
    for hole in homeless {
        let home = (0..faces.len())
            .filter(|&i| {
                places
                    .nodes(&hole)
                    .any(|node| is_inside(node, &exteriors[i]))
            })
            .min_by_key(|&i| twice_area(&exteriors[i]));
        if let Some(home) = home {
            faces[home].holes.push(hole);
        }
    }
    faces
}

/// The edges of rings that have the inside on one side only.
fn uncancelled<'a>(rings: impl IntoIterator<Item = &'a [Place]>) -> Vec<(Place, Place)> {
    // Both directions of an edge side by side.
    let mut all: Vec<(Place, Place, bool)> = Vec::new();
    for ring in rings {
        let ways = steps(ring).map(|(a, b)| (a.min(b), a.max(b), a < b));
        all.extend(ways);
    }
    all.sort_unstable();
    let mut edges: Vec<(Place, Place)> = Vec::new();
    for alike in all.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let (low, high, _) = alike[0];
        let up = alike.iter().filter(|(.., is_up)| *is_up).count();
        let down = alike.len() - up;
        edges.extend(std::iter::repeat_n((low, high), up.saturating_sub(down)));
        edges.extend(std::iter::repeat_n((high, low), down.saturating_sub(up)));
    }
    edges
}

/// Edges in ascending order, as far as no walk has taken them yet.
struct Edges {
    edges: Vec<(Place, Place)>,
    is_taken: Vec<bool>,
    /// All before this one are taken.
    first: usize,
}

impl Edges {
    fn new(mut edges: Vec<(Place, Place)>) -> Edges {
        edges.sort_unstable();
        Edges {
            is_taken: vec![false; edges.len()],
            edges,
            first: 0,
        }
    }

    fn first(&mut self) -> Option<(Place, Place)> {
        while *self.is_taken.get(self.first)? {
            self.first += 1;
        }
        Some(self.edges[self.first])
    }

    /// Takes the edge that leads farthest to the left from a place to which one has come;
    /// returns where it leads.
    fn take_leftmost(&mut self, from: Place, at: Place, places: &Places) -> Option<Place> {
        let start = self.edges.partition_point(|edge| edge.0 < at);
        let ahead = self.edges[start..].iter().take_while(|edge| edge.0 == at);
        let open = ahead.enumerate().filter(|(i, _)| !self.is_taken[start + i]);
        let [from, at] = [from, at].map(|place| places.at(place));
        let (i, &(_, next)) = open.min_by(|(_, one), (_, other)| {
            leftmost_first(from, at, places.at(one.1), places.at(other.1))
        })?;
        self.is_taken[start + i] = true;
        Some(next)
    }
}

/// The steps of a ring, back to its start.
pub(crate) fn steps<T: Copy>(ring: &[T]) -> impl Iterator<Item = (T, T)> {
    let ahead = ring.iter().cycle().skip(1);
    ring.iter().zip(ahead).map(|(a, b)| (*a, *b))
}

/// Takes edges out until the walk is back at its first, always as far to the left as one can
/// go: so it stays along one face.
fn walk_round(start: (Place, Place), edges: &mut Edges, places: &Places) -> Vec<Place> {
    let mut walk = Vec::new();
    let (mut from, mut at) = start;
    loop {
        walk.push(at);
        // As many edges lead away from a place as to it, so that there always is one.
        let Some(next) = edges.take_leftmost(from, at, places) else {
            break;
        };
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
fn taken_apart(walk: Vec<Place>) -> Vec<Vec<Place>> {
    let mut once = walk.clone();
    once.sort_unstable();
    if once.windows(2).all(|pair| pair[0] != pair[1]) {
        return match walk.len() {
            0..3 => Vec::new(),
            _ => vec![walk],
        };
    }
    let mut rings = Vec::new();
    let mut path: Vec<Place> = Vec::new();
    let mut visits: HashMap<Place, usize> = HashMap::new();
    for place in walk {
        if let Some(&start) = visits.get(&place) {
            let ring: Vec<Place> = path.drain(start..).collect();
            for other in &ring {
                visits.remove(other);
            }
            rings.push(ring);
        }
        visits.insert(place, path.len());
        path.push(place);
    }
    rings.push(path);
    rings.retain(|ring| ring.len() >= 3);
    rings
}

/// Whether a place lies within a ring and not on it.
pub(crate) fn is_inside(node: Node, ring: &[Node]) -> bool {
    let mut winding = 0;
    for (a, b) in steps(ring) {
        let is_between = |i: usize| a[i].min(b[i]) <= node[i] && node[i] <= a[i].max(b[i]);
        if !is_between(1) {
            continue;
        }
        let side = turn(a, b, node);
        if side == 0 && is_between(0) {
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
    use crate::generalise::shape::to_geo;

    fn square(x: i64, y: i64) -> Vec<Node> {
        vec![[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]]
    }

    fn check(squares: &[(i64, i64)], expected: &[(usize, usize)]) {
        let rings: Vec<Vec<Node>> = squares.iter().map(|&(x, y)| square(x, y)).collect();
        let (places, rings) = Places::number(&rings);
        let faces = outline(rings.iter().map(|ring| &ring[..]), &places);
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
            let (places, rings) = Places::number(&rings);
            let faces = outline(rings.iter().map(|ring| &ring[..]), &places);
            let outline = to_geo(&faces, &places);
            prop_assert!(outline.is_valid(), "{outline:?}");
            let twice: i128 = faces.iter()
                .flat_map(Face::rings)
                .map(|ring| twice_area(&places.nodes(ring).collect::<Vec<_>>())).sum();
            prop_assert_eq!(twice, 2 * squares.len() as i128);
        }
    }
}
