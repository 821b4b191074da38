//! The union of polygons whose borders do not quite agree.

use std::borrow::Cow;

use i_overlay::core::fill_rule::FillRule;
use i_overlay::core::overlay::{ContourDirection, IntOverlayOptions, Overlay, ShapeType};
use i_overlay::core::overlay_rule::OverlayRule;
use i_overlay::core::solver::Solver;
use i_overlay::i_float::int::point::IntPoint;

use crate::generalise::faces::{Face, outline};
use crate::generalise::grid::Node;
use crate::generalise::places::{Place, Places};
use crate::rings::{Rings, is_plain, repaired};

/// Farthest from its first place that a polygon may reach for the union to be exact: 1073 km.
const REACH: i64 = 1 << 30;

/// Returns the union of polygons, given by rings that have the inside on their left.
///
/// Where polygons meet vertex by vertex, as after [`crate::generalise::polygons`] has brought
/// them together, it is their [`outline`], and no vertex is lost. Where they overlap, or one
/// crosses itself, it is made anew: with a vertex where borders crossed.
pub(crate) fn united<'a>(
    rings: impl Iterator<Item = &'a [Place]> + Clone,
    places: &mut Cow<'_, Places>,
) -> Vec<Face> {
    let faces = outline(rings.clone(), places);
    let Some(first) = faces.first().and_then(|face| face.exterior.first()) else {
        return faces;
    };
    let origin = places.at(*first);
    let on_grid = |ring: &[Place]| around(origin, places.nodes(ring));
    let Some(plain) = as_rings(&faces, on_grid) else {
        return faces;
    };
    if is_plain(&plain) {
        return faces;
    }
    let options = IntOverlayOptions {
        ogc: true,
        preserve_input_collinear: true,
        preserve_output_collinear: true,
        output_direction: ContourDirection::CounterClockwise,
        ..IntOverlayOptions::default()
    };
    let mut overlay = Overlay::new_custom(0, options, Solver::default());
    for ring in rings {
        let Some(points) = on_grid(ring) else {
            return faces;
        };
        let path = points.iter().map(|p| IntPoint::new(p[0], p[1]));
        overlay.add_path_iter(path, ShapeType::Subject);
    }
    // Rings wind once round what lies to their left, and holes once back.
    let shapes = overlay.overlay(OverlayRule::Subject, FillRule::Positive);
    let places = places.to_mut();
    let mut back = |ring: &Vec<IntPoint>| -> Vec<Place> {
        let nodes = ring
            .iter()
            .map(|p| [origin[0] + i64::from(p.x), origin[1] + i64::from(p.y)]);
        nodes.map(|node| places.add(node)).collect()
    };
    shapes
        .iter()
        .filter_map(|shape| {
            let (exterior, holes) = shape.split_first()?;
            Some(Face {
                exterior: back(exterior),
                holes: holes.iter().map(&mut back).collect(),
            })
        })
        .collect()
}

/// Faces as rings of a tile have them; none if a ring cannot be.
fn as_rings(faces: &[Face], on_grid: impl Fn(&[Place]) -> Option<Vec<[i32; 2]>>) -> Option<Rings> {
    let mut rings = Rings::default();
    for face in faces {
        for (i, ring) in face.rings().enumerate() {
            rings.push(on_grid(ring)?.into_iter(), i == 0);
        }
    }
    Some(rings)
}

/// Returns polygons that cross themselves made valid, by the same means as those of a tile:
/// each part that they enclose is inside. None if nothing is wrong with them.
///
/// Each is given as its exterior and its holes, whichever way they turn. What is returned
/// has lost vertices on straight sides.
pub(crate) fn mended(polygons: &[Vec<Vec<Node>>]) -> Option<Vec<Vec<Vec<Node>>>> {
    let origin = *polygons.first()?.first()?.first()?;
    let mut plain = Rings::default();
    for rings in polygons {
        for (i, ring) in rings.iter().enumerate() {
            let is_closed = ring.len() > 1 && ring.first() == ring.last();
            let open = &ring[..ring.len() - usize::from(is_closed)];
            let has_area = plain.push(around(origin, open.iter().copied())?.into_iter(), i == 0);
            if i == 0 && !has_area {
                break;
            }
        }
    }
    if is_plain(&plain) {
        return None;
    }
    let mut mended: Vec<Vec<Vec<Node>>> = Vec::new();
    for (ring, is_exterior) in repaired(&plain).0.iter() {
        let ring = ring
            .iter()
            .map(|&[x, y]| [origin[0] + i64::from(x), origin[1] + i64::from(y)])
            .collect();
        match mended.last_mut() {
            Some(polygon) if !is_exterior => polygon.push(ring),
            _ => mended.push(vec![ring]),
        }
    }
    Some(mended)
}

/// Places counted from an origin; none if any is too far away.
fn around(origin: Node, ring: impl Iterator<Item = Node>) -> Option<Vec<[i32; 2]>> {
    ring.map(|node| {
        let away = [node[0] - origin[0], node[1] - origin[1]];
        let is_near = away.iter().all(|along| along.abs() < REACH);
        is_near.then(|| away.map(|along| along as i32))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generalise::grid::twice_area;

    fn check(rings: &[&[Node]], expected_twice: i128, faces: usize) {
        let rings: Vec<Vec<Node>> = rings.iter().map(|ring| ring.to_vec()).collect();
        let (places, rings) = Places::number(&rings);
        let mut places = Cow::Owned(places);
        let united = united(rings.iter().map(|ring| &ring[..]), &mut places);
        let twice: i128 = united
            .iter()
            .flat_map(Face::rings)
            .map(|ring| twice_area(&places.nodes(ring).collect::<Vec<_>>()))
            .sum();
        assert_eq!((twice, united.len()), (expected_twice, faces), "{united:?}");
    }

    #[test]
    fn overlaps_are_counted_once() {
        let one: &[Node] = &[[0, 0], [10, 0], [10, 10], [0, 10]];
        let other: &[Node] = &[[8, 0], [20, 0], [20, 10], [8, 10]];
        check(&[one, other], 2 * 200, 1);
    }

    #[test]
    fn a_hole_stays_and_a_loop_that_crosses_itself_comes_apart() {
        let outside: &[Node] = &[[0, 0], [10, 0], [10, 10], [0, 10]];
        let hole: &[Node] = &[[2, 2], [2, 8], [8, 8], [8, 2]];
        let over_the_corner: &[Node] = &[[9, 9], [12, 9], [12, 12], [9, 12]];
        check(&[outside, hole, over_the_corner], 2 * (100 - 36 + 8), 1);
        // The lower part winds to the left, the upper one to the right: that one goes.
        check(&[&[[0, 0], [10, 0], [3, 14], [7, 14]]], 2 * 50, 1);
    }

    #[test]
    fn both_halves_of_a_bow_tie_are_inside() {
        let bow_tie: Vec<Node> = vec![[0, 0], [10, 0], [0, 20], [10, 20], [0, 0]];
        let halves = mended(&[vec![bow_tie]]).unwrap();
        assert_eq!(halves.len(), 2);
        let twice: i128 = halves.iter().map(|half| twice_area(&half[0]).abs()).sum();
        assert_eq!(twice, 2 * 100);
        let square = vec![[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]];
        assert_eq!(mended(&[vec![square]]), None);
    }
}
