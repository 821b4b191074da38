//! Where the label of an area goes.

use geo::{Area, Centroid, Contains, InteriorPoint};
use geo_types::{Geometry, Point, Polygon};
use model::Feature;

/// Puts the point of its label in the place of an area; other geometries stay.
pub(crate) fn stand_in(feature: &mut Feature) {
    let point = match &feature.geometry {
        Some(Geometry::Polygon(polygon)) => label_point(polygon),
        Some(Geometry::MultiPolygon(parts)) => parts
            .iter()
            .max_by(|a, b| a.unsigned_area().total_cmp(&b.unsigned_area()))
            .and_then(label_point),
        _ => return,
    };
    feature.geometry = point.map(Geometry::Point);
}

/// The middle of the area if that lies inside it, or else a point that does.
fn label_point(polygon: &Polygon<f64>) -> Option<Point<f64>> {
    polygon
        .centroid()
        .filter(|middle| polygon.contains(middle))
        .or_else(|| polygon.interior_point())
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo_types::polygon;

    #[test]
    fn a_label_goes_to_the_middle_or_else_somewhere_inside() {
        let square =
            polygon![(x: 0.0, y: 0.0), (x: 4.0, y: 0.0), (x: 4.0, y: 4.0), (x: 0.0, y: 4.0)];
        assert_eq!(label_point(&square), Some(Point::new(2.0, 2.0)));
        // Its centroid lies in the open.
        let hook = polygon![
            (x: 0.0, y: 0.0), (x: 10.0, y: 0.0), (x: 10.0, y: 1.0), (x: 1.0, y: 1.0),
            (x: 1.0, y: 9.0), (x: 10.0, y: 9.0), (x: 10.0, y: 10.0), (x: 0.0, y: 10.0),
        ];
        let inside = label_point(&hook).expect("a point");
        assert!(hook.contains(&inside), "{inside:?}");
    }
}
