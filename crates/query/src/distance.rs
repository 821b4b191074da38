//! Distances in the plane, which empty parts of a geometry do not spoil.

use geo::{Distance as _, Euclidean};
use geo_types::{Geometry, Point};
use model::Bounds;

/// Returns the distance from the point to the geometry, 0 inside a polygon; none if
/// the geometry is empty or not finite.
pub(crate) fn to_point(geometry: &Geometry<f64>, at: [f64; 2]) -> Option<f64> {
    let point = Point::new(at[0], at[1]);
    nearest_part(geometry, &mut |part| match part {
        // Most features are one of these three, which need no general machinery.
        Geometry::Point(other) => Euclidean.distance(&point, other),
        Geometry::LineString(line) => Euclidean.distance(&point, line),
        Geometry::Polygon(polygon) => Euclidean.distance(&point, polygon),
        other => Euclidean.distance(&point, other),
    })
}

/// Returns the distance between two geometries, 0 where they touch; none if one of
/// them is empty or not finite.
pub(crate) fn between(a: &Geometry<f64>, b: &Geometry<f64>) -> Option<f64> {
    nearest_part(a, &mut |a| {
        nearest_part(b, &mut |b| Euclidean.distance(a, b)).unwrap_or(f64::NAN)
    })
}

/// Returns the smallest distance of the parts that are not empty.
///
/// `geo` takes an empty line for one that touches everything.
fn nearest_part(
    geometry: &Geometry<f64>,
    distance: &mut dyn FnMut(&Geometry<f64>) -> f64,
) -> Option<f64> {
    let mut nearest: Option<f64> = None;
    let mut visit = |part: &Geometry<f64>| {
        let found = match part {
            Geometry::GeometryCollection(_) => nearest_part(part, distance),
            part => Bounds::of_geometry(part)
                .map(|_| distance(part))
                .filter(|found| found.is_finite()),
        };
        nearest = match (nearest, found) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    };
    match geometry {
        Geometry::GeometryCollection(many) => many.iter().for_each(visit),
        // Copies of the parts are made only where one of them is empty.
        Geometry::MultiLineString(many) if many.iter().any(|line| line.0.is_empty()) => {
            many.iter().for_each(|part| visit(&part.clone().into()));
        }
        Geometry::MultiPolygon(many) if many.iter().any(|part| part.exterior().0.is_empty()) => {
            many.iter().for_each(|part| visit(&part.clone().into()));
        }
        whole => visit(whole),
    }
    nearest
}

#[cfg(test)]
mod tests {
    use geo_types::{LineString, MultiLineString, MultiPolygon, Polygon, line_string, polygon};

    use super::*;

    fn ring() -> Polygon<f64> {
        polygon![
            exterior: [(x: 0., y: 0.), (x: 10., y: 0.), (x: 10., y: 10.), (x: 0., y: 10.)],
            interiors: [[(x: 4., y: 4.), (x: 4., y: 6.), (x: 6., y: 6.), (x: 6., y: 4.)]],
        ]
    }

    #[test]
    fn inside_a_polygon_is_no_distance_and_inside_its_hole_is_some() {
        assert_eq!(to_point(&ring().into(), [1.0, 1.0]), Some(0.0));
        assert_eq!(to_point(&ring().into(), [5.0, 5.0]), Some(1.0));
        assert_eq!(to_point(&ring().into(), [13.0, 14.0]), Some(5.0));
        for many in [vec![ring()], vec![ring(), polygon![]]] {
            let many = MultiPolygon(many);
            assert_eq!(to_point(&many.clone().into(), [13.0, 14.0]), Some(5.0));
            assert_eq!(between(&many.clone().into(), &many.into()), Some(0.0));
        }
    }

    #[test]
    fn empty_geometries_are_nowhere() {
        let empty = LineString::<f64>(vec![]);
        assert_eq!(to_point(&empty.clone().into(), [0.0, 0.0]), None);
        let line = line_string![(x: 3., y: 4.), (x: 3., y: 9.)];
        let partly = MultiLineString(vec![empty.clone(), line]);
        assert_eq!(to_point(&partly.into(), [0.0, 0.0]), Some(5.0));
        assert_eq!(between(&empty.into(), &ring().into()), None);
    }

    #[test]
    fn geometries_that_touch_have_no_distance() {
        let line = line_string![(x: 10., y: 2.), (x: 20., y: 2.)];
        assert_eq!(between(&line.clone().into(), &ring().into()), Some(0.0));
        let far = line_string![(x: 12., y: 2.), (x: 20., y: 2.)];
        assert_eq!(between(&ring().into(), &far.into()), Some(2.0));
    }
}
