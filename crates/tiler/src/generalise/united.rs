//! The union of polygons whose borders do not quite agree.

use i_overlay::core::fill_rule::FillRule;
use i_overlay::core::overlay::{ContourDirection, IntOverlayOptions, Overlay, ShapeType};
use i_overlay::core::overlay_rule::OverlayRule;
use i_overlay::core::solver::Solver;
use i_overlay::i_float::int::point::IntPoint;

use crate::generalise::faces::{Face, outline};
use crate::generalise::grid::Node;
use crate::rings::{Rings, is_plain};

/// Farthest from its first place that a polygon may reach for the union to be exact: 1073 km.
const REACH: i64 = 1 << 30;

/// Returns the union of polygons, given by rings that have the inside on their left.
///
/// Where polygons meet vertex by vertex, as after [`crate::generalise::polygons`] has brought
/// them together, it is their [`outline`], and no vertex is lost. Where they overlap, or one
/// crosses itself, it is made anew: with a vertex where borders crossed.
pub(crate) fn united<'a>(rings: impl Iterator<Item = &'a [Node]> + Clone) -> Vec<Face> {
    let faces = outline(rings.clone());
    let Some(&origin) = faces.first().and_then(|face| face.exterior.first()) else {
        return faces;
    };
    let local = |node: &Node| -> Option<[i32; 2]> {
        let away = [node[0] - origin[0], node[1] - origin[1]];
        let is_near = away.iter().all(|along| along.abs() < REACH);
        is_near.then(|| away.map(|along| along as i32))
    };
    let on_grid = |ring: &[Node]| -> Option<Vec<[i32; 2]>> { ring.iter().map(local).collect() };
    let mut plain = Rings::default();
    for face in &faces {
        for (i, ring) in std::iter::once(&face.exterior)
            .chain(&face.holes)
            .enumerate()
        {
            let Some(points) = on_grid(ring) else {
                return faces;
            };
            plain.push(points.into_iter(), i == 0);
        }
    }
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
    let back = |ring: &Vec<IntPoint>| -> Vec<Node> {
        ring.iter()
            .map(|p| [origin[0] + i64::from(p.x), origin[1] + i64::from(p.y)])
            .collect()
    };
    shapes
        .iter()
        .filter_map(|shape| {
            let (exterior, holes) = shape.split_first()?;
            Some(Face {
                exterior: back(exterior),
                holes: holes.iter().map(back).collect(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generalise::grid::twice_area;

    fn check(rings: &[&[Node]], expected_twice: i128, faces: usize) {
        let united = united(rings.iter().copied());
        let twice: i128 = united
            .iter()
            .flat_map(|face| face.holes.iter().chain([&face.exterior]))
            .map(|ring| twice_area(ring))
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
}
