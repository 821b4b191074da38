//! Polygons on the integer grid of a tile, and that they are valid.
//!
//! Rounding a valid polygon to a grid can make it touch or cross itself, and
//! cutting it along a box leaves edges that run back over each other. Nearly all
//! polygons come out whole: [`is_plain`] proves that quickly. The few others go
//! through [`repaired`], which is some hundred times slower.

use geo::Validation;
use i_overlay::core::fill_rule::FillRule;
use i_overlay::core::overlay::{IntOverlayOptions, Overlay, ShapeType};
use i_overlay::core::overlay_rule::OverlayRule;
use i_overlay::core::solver::Solver;
use i_overlay::i_float::int::point::IntPoint;

use crate::mvt::Point;

/// The rings of one feature, in arenas that are used again for the next.
///
/// Rings do not repeat their first point. An exterior is followed by its holes.
#[derive(Debug, Default)]
pub(crate) struct Rings {
    points: Vec<Point>,
    rings: Vec<Ring>,
}

#[derive(Debug, Clone, Copy)]
struct Ring {
    start: usize,
    end: usize,
    is_exterior: bool,
}

impl Rings {
    /// Empties the arenas.
    pub(crate) fn clear(&mut self) {
        self.points.clear();
        self.rings.clear();
    }

    /// Returns whether there are no rings.
    pub(crate) fn is_empty(&self) -> bool {
        self.rings.is_empty()
    }

    /// Adds a ring without repeated points, spikes and needless vertices, turned
    /// as the specification wants it: exteriors have positive area by the
    /// surveyor's formula in a frame whose y points down, holes negative.
    /// Returns whether anything with an area was left.
    pub(crate) fn push(&mut self, points: impl Iterator<Item = Point>, is_exterior: bool) -> bool {
        let start = self.points.len();
        self.points.extend(points);
        let clean = clean(&mut self.points, start);
        if !clean {
            self.points.truncate(start);
            return false;
        }
        // No area on balance means a bow tie here, which is still to be mended.
        let ring = &mut self.points[start..];
        if (twice_area(ring) > 0) != is_exterior {
            ring.reverse();
        }
        self.rings.push(Ring {
            start,
            end: self.points.len(),
            is_exterior,
        });
        true
    }

    /// The rings in order, each with whether it is an exterior.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[Point], bool)> {
        self.rings
            .iter()
            .map(|ring| (&self.points[ring.start..ring.end], ring.is_exterior))
    }

    fn points_of(&self, ring: &Ring) -> &[Point] {
        &self.points[ring.start..ring.end]
    }
}

/// Removes from the ring at the end of `points` what adds nothing to its area:
/// repeated points, spikes, and vertices on a straight edge. Returns whether at
/// least three points are left.
fn clean(points: &mut Vec<Point>, start: usize) -> bool {
    let mut end = start;
    for i in start..points.len() {
        let point = points[i];
        while (end > start && points[end - 1] == point)
            || (end > start + 1 && turn(points[end - 2], points[end - 1], point) == 0)
        {
            end -= 1;
        }
        points[end] = point;
        end += 1;
    }
    // The same where the end meets the beginning.
    let mut begin = start;
    while end - begin >= 3 {
        let last = points[end - 1];
        if last == points[begin] || turn(points[end - 2], last, points[begin]) == 0 {
            end -= 1;
        } else if turn(last, points[begin], points[begin + 1]) == 0 {
            begin += 1;
        } else {
            break;
        }
    }
    points.truncate(end);
    points.drain(start..begin);
    points.len() - start >= 3
}

/// Twice the signed area of the triangle.
fn turn(a: Point, b: Point, c: Point) -> i64 {
    let [a, b, c] = [a, b, c].map(|p| p.map(i64::from));
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

/// Twice the signed area of a ring, by the surveyor's formula.
pub(crate) fn twice_area(ring: &[Point]) -> i64 {
    let Some(&origin) = ring.first() else {
        return 0;
    };
    ring.windows(2).map(|w| turn(origin, w[0], w[1])).sum()
}

/// A box of a ring or an edge, for a first test.
#[derive(Debug, Clone, Copy)]
struct Extent {
    min: Point,
    max: Point,
}

impl Extent {
    fn of(points: &[Point]) -> Extent {
        let first = points[0];
        let mut extent = Extent {
            min: first,
            max: first,
        };
        for &[x, y] in points {
            extent.min = [extent.min[0].min(x), extent.min[1].min(y)];
            extent.max = [extent.max[0].max(x), extent.max[1].max(y)];
        }
        extent
    }

    fn touches(&self, other: &Extent) -> bool {
        (0..2).all(|axis| self.min[axis] <= other.max[axis] && other.min[axis] <= self.max[axis])
    }
}

#[derive(Debug, Clone, Copy)]
struct Edge {
    a: Point,
    b: Point,
    ring: u32,
    /// Place in its ring, and the number of edges of that ring.
    place: u32,
    of: u32,
}

impl Edge {
    fn follows_or_precedes(&self, other: &Edge) -> bool {
        let apart = self.place.abs_diff(other.place);
        self.ring == other.ring && (apart == 1 || apart == self.of - 1)
    }

    /// Returns whether the two closed edges share a point.
    fn meets(&self, other: &Edge) -> bool {
        let (a, b, c, d) = (self.a, self.b, other.a, other.b);
        if !Extent::of(&[a, b]).touches(&Extent::of(&[c, d])) {
            return false;
        }
        let on_one_side = |u: i64, v: i64| (u > 0 && v > 0) || (u < 0 && v < 0);
        // Edges on one line whose boxes touch share a point too.
        !on_one_side(turn(a, b, c), turn(a, b, d)) && !on_one_side(turn(c, d, a), turn(c, d, b))
    }
}

/// Up to this many edges, comparing each with each is faster than sorting them first.
const EDGES_COMPARED_EACH_WITH_EACH: usize = 48;

/// Returns whether the rings bound valid polygons that nowhere touch, but for exteriors that
/// share a corner. Some valid ones touch otherwise, in single points: those are refused too.
///
/// The rings must have come through [`Rings::push`]: without repeats and spikes.
pub(crate) fn is_plain(rings: &Rings) -> bool {
    let mut touches = Vec::new();
    edges_meet_in_corners(rings, &mut touches) && are_nested_rightly(rings, &mut touches)
}

/// A corner that a ring shares with another: the ring's number and the place in it.
type Touch = (u32, u32);

/// Returns whether no edges meet, but for those of two exteriors in a corner of both, where
/// they do not cross. Such corners are added to `touches`.
fn edges_meet_in_corners(rings: &Rings, touches: &mut Vec<Touch>) -> bool {
    if let [ring] = rings.rings[..] {
        // Most polygons: a few corners, no holes. Neighbouring edges of a cleaned
        // ring share only their corner.
        let points = rings.points_of(&ring);
        if points.len() == 3 {
            return true;
        }
    }
    let mut edges = Vec::with_capacity(rings.points.len());
    for (number, ring) in rings.rings.iter().enumerate() {
        let points = rings.points_of(ring);
        for (place, &a) in points.iter().enumerate() {
            edges.push(Edge {
                a,
                b: points[(place + 1) % points.len()],
                ring: number as u32,
                place: place as u32,
                of: points.len() as u32,
            });
        }
    }
    let mut collide = |e: &Edge, f: &Edge| {
        if e.follows_or_precedes(f) || !e.meets(f) {
            return false;
        }
        let is_exterior = |edge: &Edge| rings.rings[edge.ring as usize].is_exterior;
        if e.ring == f.ring || !is_exterior(e) || !is_exterior(f) {
            return true;
        }
        let ends = |edge: &Edge| {
            let next = (edge.place + 1) % edge.of;
            [(edge.a, edge.place), (edge.b, next)]
        };
        for (corner, place) in ends(e) {
            for (other, other_place) in ends(f) {
                if corner == other {
                    touches.extend([(e.ring, place), (f.ring, other_place)]);
                    return !pass_by(rings, (e.ring, place), (f.ring, other_place));
                }
            }
        }
        true
    };
    if edges.len() <= EDGES_COMPARED_EACH_WITH_EACH {
        return edges
            .iter()
            .enumerate()
            .all(|(i, e)| !edges[i + 1..].iter().any(|f| collide(e, f)));
    }
    // A sweep from west to east: only edges that overlap in x are compared.
    edges.sort_unstable_by_key(|e| (e.a[0].min(e.b[0]), e.ring, e.place));
    let mut open: Vec<Edge> = Vec::new();
    for e in edges {
        let west = e.a[0].min(e.b[0]);
        open.retain(|f| f.a[0].max(f.b[0]) >= west);
        if open.iter().any(|f| collide(&e, f)) {
            return false;
        }
        open.push(e);
    }
    true
}

/// Whether two rings that share a corner touch there without crossing or running along each
/// other: the edges of one lie between those of the other.
fn pass_by(rings: &Rings, one: Touch, other: Touch) -> bool {
    let ways = |(ring, place): Touch| {
        let points = rings.points_of(&rings.rings[ring as usize]);
        let (n, i) = (points.len(), place as usize);
        [points[(i + n - 1) % n], points[(i + 1) % n]]
    };
    let points = rings.points_of(&rings.rings[one.0 as usize]);
    let corner = points[one.1 as usize];
    let [from, to] = ways(one);
    // Strictly within the angle from one way to the other, counted to the left.
    let is_within = |from: Point, to: Point, way: Point| {
        if turn(corner, from, to) > 0 {
            turn(corner, from, way) > 0 && turn(corner, way, to) > 0
        } else {
            turn(corner, to, way) < 0 || turn(corner, way, from) < 0
        }
    };
    let others = ways(other);
    others.iter().all(|&way| is_within(from, to, way))
        || others.iter().all(|&way| is_within(to, from, way))
}

/// Given that edges meet in those corners alone: each hole lies in its exterior and not in
/// another hole, and each exterior outside all others or in a hole of theirs. A ring without
/// a corner of its own is refused.
fn are_nested_rightly(rings: &Rings, touches: &mut [Touch]) -> bool {
    if rings.rings.len() <= 1 {
        return rings.rings.first().is_none_or(|ring| ring.is_exterior);
    }
    let extents: Vec<Extent> = rings
        .rings
        .iter()
        .map(|ring| Extent::of(rings.points_of(ring)))
        .collect();
    touches.sort_unstable();
    let mut corners: Vec<Point> = Vec::with_capacity(rings.rings.len());
    for (number, ring) in (0..).zip(&rings.rings) {
        let points = (0..).zip(rings.points_of(ring));
        let is_its_own =
            |(place, _): &(u32, &Point)| touches.binary_search(&(number, *place)).is_err();
        let Some((_, corner)) = points.into_iter().find(is_its_own) else {
            return false;
        };
        corners.push(*corner);
    }
    // A ring lies in another if a corner that is no other's does.
    let lies_in = |inner: usize, outer: usize| {
        extents[inner].touches(&extents[outer])
            && holds(rings.points_of(&rings.rings[outer]), corners[inner])
    };
    let mut polygons: Vec<std::ops::Range<usize>> = Vec::new();
    for (i, ring) in rings.rings.iter().enumerate() {
        match polygons.last_mut() {
            _ if ring.is_exterior => polygons.push(i..i + 1),
            Some(polygon) => polygon.end = i + 1,
            None => return false,
        }
    }
    for polygon in &polygons {
        let holes = polygon.start + 1..polygon.end;
        for hole in holes.clone() {
            let in_another = |other| other != hole && lies_in(hole, other);
            if !lies_in(hole, polygon.start) || holes.clone().any(in_another) {
                return false;
            }
        }
    }
    // Polygons that start west of a polygon's east edge are those that can hold it.
    polygons.sort_unstable_by_key(|polygon| extents[polygon.start].min[0]);
    for (i, inner) in polygons.iter().enumerate() {
        let east = extents[inner.start].max[0];
        for (j, outer) in polygons.iter().enumerate() {
            if extents[outer.start].min[0] > east {
                break;
            }
            if i != j
                && lies_in(inner.start, outer.start)
                && !(outer.start + 1..outer.end).any(|hole| lies_in(inner.start, hole))
            {
                return false;
            }
        }
    }
    true
}

/// Returns whether the point lies inside the ring; it must not lie on it.
fn holds(ring: &[Point], point: Point) -> bool {
    let mut inside = false;
    let mut a = ring[ring.len() - 1];
    for &b in ring {
        if (a[1] > point[1]) != (b[1] > point[1]) {
            let (low, high) = if a[1] < b[1] { (a, b) } else { (b, a) };
            inside ^= turn(low, high, point) > 0;
        }
        a = b;
    }
    inside
}

/// Rebuilding polygons on the grid can in turn make new ones touch; it has
/// always settled in the first or second round.
const REPAIR_ROUNDS: usize = 4;

/// Returns valid polygons that cover what the rings cover, on the same grid.
///
/// Exteriors are united, and holes taken from them, whichever way their parts
/// turn. Also returns the number of polygons that stayed invalid and were left
/// out; none are known.
pub(crate) fn repaired(rings: &Rings) -> (Rings, usize) {
    let mut current = rebuilt(rings);
    for _ in 1..REPAIR_ROUNDS {
        if is_plain(&current) || to_geo(&current).is_valid() {
            return (current, 0);
        }
        current = rebuilt(&current);
    }
    let all = to_geo(&current);
    if all.is_valid() {
        return (current, 0);
    }
    let mut kept = Rings::default();
    let mut whole = geo::MultiPolygon::new(Vec::new());
    let mut left_out = 0;
    for polygon in all {
        whole.0.push(polygon);
        if !whole.is_valid() {
            whole.0.pop();
            left_out += 1;
        }
    }
    let points = |ring: &geo::LineString<f64>| -> Vec<Point> {
        let open = ring.0.len().saturating_sub(1);
        ring.0[..open]
            .iter()
            .map(|c| [c.x as i32, c.y as i32])
            .collect()
    };
    for polygon in &whole {
        kept.push(points(polygon.exterior()).into_iter(), true);
        for hole in polygon.interiors() {
            kept.push(points(hole).into_iter(), false);
        }
    }
    (kept, left_out)
}

fn rebuilt(rings: &Rings) -> Rings {
    let options = IntOverlayOptions {
        ogc: true,
        ..IntOverlayOptions::default()
    };
    let mut overlay = Overlay::new_custom(rings.points.len(), options, Solver::default());
    for (points, is_exterior) in rings.iter() {
        let shape_type = if is_exterior {
            ShapeType::Subject
        } else {
            ShapeType::Clip
        };
        let path = points.iter().map(|p| IntPoint::new(p[0], p[1]));
        overlay.add_path_iter(path, shape_type);
    }
    let mut result = Rings::default();
    for shape in overlay.overlay(OverlayRule::Difference, FillRule::NonZero) {
        for (i, contour) in shape.iter().enumerate() {
            let points = contour.iter().map(|p| [p.x, p.y]);
            if !result.push(points, i == 0) && i == 0 {
                break;
            }
        }
    }
    result
}

fn to_geo(rings: &Rings) -> geo::MultiPolygon<f64> {
    let line = |points: &[Point]| -> geo::LineString<f64> {
        let coords = points.iter().chain(points.first());
        coords.map(|p| (f64::from(p[0]), f64::from(p[1]))).collect()
    };
    let mut polygons: Vec<geo::Polygon<f64>> = Vec::new();
    for (points, is_exterior) in rings.iter() {
        match polygons.last_mut() {
            Some(polygon) if !is_exterior => polygon.interiors_push(line(points)),
            _ => polygons.push(geo::Polygon::new(line(points), Vec::new())),
        }
    }
    geo::MultiPolygon::new(polygons)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rings(list: &[(&[Point], bool)]) -> Rings {
        let mut rings = Rings::default();
        for (points, is_exterior) in list {
            rings.push(points.iter().copied(), *is_exterior);
        }
        rings
    }

    const SQUARE: &[Point] = &[[0, 0], [10, 0], [10, 10], [0, 10]];

    #[test]
    fn spikes_repeats_and_straight_vertices_go() {
        let ring: &[Point] = &[
            [5, 0],
            [10, 0],
            [10, 0],
            [10, 5],
            [20, 5],
            [10, 5],
            [10, 10],
            [0, 10],
            [0, 0],
        ];
        let rings = rings(&[(ring, true)]);
        let (points, _) = rings.iter().next().expect("one ring");
        assert_eq!(points, [[10, 0], [10, 10], [0, 10], [0, 0]]);
    }

    #[test]
    fn a_ring_without_area_is_not_added() {
        assert!(rings(&[(&[[0, 0], [5, 5], [9, 9]], true)]).is_empty());
        assert!(rings(&[(&[[0, 0], [5, 5]], true)]).is_empty());
        assert!(rings(&[(&[[0, 0], [5, 5], [9, 9], [5, 5]], true)]).is_empty());
    }

    #[test]
    fn exteriors_turn_one_way_and_holes_the_other() {
        let mut backwards = SQUARE.to_vec();
        backwards.reverse();
        for ring in [SQUARE, &backwards] {
            let rings = rings(&[(ring, true), (ring, false)]);
            let areas: Vec<_> = rings.iter().map(|(r, _)| twice_area(r)).collect();
            assert_eq!(areas, [200, -200]);
        }
    }

    #[test]
    fn what_crosses_touches_or_lies_outside_is_not_plain() {
        let check = |list: &[(&[Point], bool)]| is_plain(&rings(list));
        assert!(check(&[(SQUARE, true)]));
        assert!(check(&[(SQUARE, true), (&[[2, 2], [4, 2], [4, 4]], false)]));
        // A bow tie, a ring that touches itself in a corner, and along an edge.
        assert!(!check(&[(&[[0, 0], [10, 9], [10, 0], [0, 10]], true)]));
        assert!(!check(&[(
            &[[0, 0], [9, 0], [5, 5], [9, 9], [0, 9], [5, 5]],
            true
        )]));
        assert!(!check(&[(
            &[
                [0, 0],
                [10, 0],
                [10, 3],
                [0, 3],
                [0, 6],
                [10, 6],
                [10, 10],
                [0, 10]
            ],
            true
        )]));
        // Holes that touch the exterior, lie outside it, or in each other.
        assert!(!check(&[
            (SQUARE, true),
            (&[[0, 2], [4, 2], [4, 4]], false)
        ]));
        assert!(!check(&[
            (SQUARE, true),
            (&[[12, 2], [14, 2], [14, 4]], false)
        ]));
        let small: &[Point] = &[[4, 3], [6, 3], [6, 5]];
        let large: &[Point] = &[[1, 1], [9, 1], [9, 9], [1, 9]];
        assert!(!check(&[(SQUARE, true), (large, false), (small, false)]));
        // A polygon in another, and one in another's hole.
        assert!(!check(&[(SQUARE, true), (small, true)]));
        assert!(check(&[(SQUARE, true), (large, false), (small, true)]));
    }

    #[test]
    fn exteriors_may_share_a_corner_but_not_cross_there() {
        let at =
            |x: i32, y: i32| -> Vec<Point> { SQUARE.iter().map(|[a, b]| [a + x, b + y]).collect() };
        let plain = |list: &[&[Point]]| {
            let list: Vec<_> = list.iter().map(|ring| (*ring, true)).collect();
            is_plain(&rings(&list))
        };
        assert!(plain(&[SQUARE, &at(10, 10)]));
        assert!(plain(&[SQUARE, &at(10, 10), &at(10, -10), &at(20, 0)]));
        // Side by side, one in the other from a corner on, and across a corner.
        assert!(!plain(&[SQUARE, &at(10, 0)]));
        assert!(!plain(&[SQUARE, &[[0, 0], [6, 4], [4, 6]]]));
        assert!(!plain(&[SQUARE, &[[0, 0], [5, 5], [-5, 5]]]));
        assert!(!plain(&[
            &[[0, 0], [4, 8], [8, 0], [4, 2]],
            &[[0, 9], [4, 8], [8, 9], [4, 2]]
        ]));
    }

    #[test]
    fn a_bow_tie_becomes_two_triangles() {
        let (fixed, left_out) = repaired(&rings(&[(&[[0, 0], [10, 10], [10, 0], [0, 10]], true)]));
        assert_eq!(left_out, 0);
        assert_eq!(fixed.iter().count(), 2);
        assert!(
            fixed
                .iter()
                .all(|(r, exterior)| exterior && twice_area(r) == 50)
        );
        assert!(is_plain(&fixed) || to_geo(&fixed).is_valid());
    }

    #[test]
    fn a_bridge_along_the_edge_is_taken_away() {
        // A U that lay on its side across the western edge, after cutting.
        let bridged: &[Point] = &[
            [0, 0],
            [10, 0],
            [10, 3],
            [0, 3],
            [0, 6],
            [10, 6],
            [10, 10],
            [0, 10],
        ];
        let (fixed, _) = repaired(&rings(&[(bridged, true)]));
        let mut areas: Vec<_> = fixed.iter().map(|(r, _)| twice_area(r)).collect();
        areas.sort_unstable();
        assert_eq!(areas, [60, 80]);
    }

    /// The library that rebuilds it has an assertion that this breaks.
    #[test]
    fn a_tangle_under_a_triangle_becomes_valid() {
        let tangle = [
            [6, 10],
            [1, 7],
            [1, 0],
            [0, 10],
            [10, 8],
            [6, 0],
            [5, 9],
            [4, 6],
            [7, 9],
        ];
        let mut rings = Rings::default();
        rings.push(tangle.into_iter(), true);
        rings.push([[1, 7], [3, 0], [7, 8]].into_iter(), true);
        let (fixed, left_out) = repaired(&rings);
        assert!(to_geo(&fixed).is_valid() && !fixed.is_empty());
        assert_eq!(left_out, 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn a_plain_polygon_is_valid_and_a_repaired_one_too(
            list in prop::collection::vec(
                (prop::collection::vec(prop::array::uniform2(0_i32..12), 3..14), prop::bool::weighted(0.6)),
                1..4,
            )
        ) {
            let mut rings = Rings::default();
            for (i, (points, is_exterior)) in list.iter().enumerate() {
                rings.push(points.iter().copied(), i == 0 || *is_exterior);
            }
            prop_assume!(rings.iter().next().is_some_and(|(_, is_exterior)| is_exterior));
            if is_plain(&rings) {
                prop_assert!(to_geo(&rings).is_valid());
            }
            let (fixed, left_out) = repaired(&rings);
            prop_assert!(to_geo(&fixed).is_valid());
            prop_assert_eq!(left_out, 0);
        }
    }
}
