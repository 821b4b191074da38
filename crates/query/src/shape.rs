//! A geometry that somebody drew, on its way into a twin.

use geo::orient::Direction;
use geo::{MapCoords, Orient, Validation};
use geo_types::{Coord, Geometry};
use geodesy::Transform;

/// Returns the geometry in the twin's CRS, outer rings against the clock, if it is one that a
/// twin keeps. `map_order` puts the axes of a coordinate in map order, x to the east first.
///
/// # Errors
///
/// A clause that says what is wrong with it: a coordinate has no place in the twin's CRS, or a
/// ring crosses itself.
pub fn shape_in_twin(
    geometry: &Geometry<f64>,
    map_order: impl Fn([f64; 2]) -> [f64; 2],
    twin_from_crs: &Transform,
) -> Result<Geometry<f64>, String> {
    let moved = geometry.try_map_coords(|Coord { x, y }| {
        if !(x.is_finite() && y.is_finite()) {
            return Err(format!("the coordinate {x} {y} is not finite"));
        }
        let [x, y] = twin_from_crs
            .xy(map_order([x, y]))
            .map_err(|_| format!("the coordinate {x} {y} has no place in the twin's CRS"))?;
        Ok(Coord { x, y })
    })?;
    let oriented = match moved {
        Geometry::Polygon(polygon) => polygon.orient(Direction::Default).into(),
        Geometry::MultiPolygon(polygons) => polygons.orient(Direction::Default).into(),
        other => other,
    };
    oriented
        .check_validation()
        .map_err(|error| format!("the geometry is not valid: {error}"))?;
    Ok(oriented)
}

#[cfg(test)]
mod tests {
    use geo_types::{LineString, Polygon};
    use geodesy::Crs;

    use super::*;

    fn transform() -> Transform {
        let crs = Crs::from_code("EPSG:3006").unwrap();
        Transform::new(&Crs::from_code("CRS84").unwrap(), &crs).unwrap()
    }

    fn ring(corners: &[(f64, f64)]) -> Geometry<f64> {
        Polygon::new(LineString::from(corners.to_vec()), Vec::new()).into()
    }

    #[test]
    fn a_ring_drawn_with_the_clock_is_turned() {
        let with_the_clock = ring(&[(17.0, 62.0), (17.0, 62.1), (17.1, 62.1), (17.0, 62.0)]);
        let shape = shape_in_twin(&with_the_clock, |at| at, &transform()).unwrap();
        let Geometry::Polygon(polygon) = shape else {
            panic!("it is a polygon")
        };
        use geo::Winding;
        assert!(polygon.exterior().is_ccw());
    }

    #[test]
    fn a_ring_that_crosses_itself_is_refused_in_words() {
        let eight = ring(&[
            (17.0, 62.0),
            (17.1, 62.1),
            (17.1, 62.0),
            (17.0, 62.1),
            (17.0, 62.0),
        ]);
        let what = shape_in_twin(&eight, |at| at, &transform()).unwrap_err();
        assert!(what.contains("not valid"), "{what}");
        let nowhere = Geometry::Point((f64::INFINITY, 0.0).into());
        assert!(shape_in_twin(&nowhere, |at| at, &transform()).is_err());
    }
}
