//! Closed boxes in one CRS.

use geo_types::{Coord, Geometry, Rect};

/// A closed box in one CRS: x to the east, y to the north.
///
/// Always finite, and never inverted: a point has a box without width. The box
/// does not know which CRS it is in, and never crosses the antimeridian.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    min_x: f64,
    min_y: f64,
    max_x: f64,
    max_y: f64,
}

/// The four numbers make no box: one is not finite, or a minimum is over its maximum.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "{min_x}, {min_y}, {max_x}, {max_y} is no box: each number must be finite and each minimum at most its maximum"
)]
pub struct InvalidBounds {
    min_x: f64,
    min_y: f64,
    max_x: f64,
    max_y: f64,
}

impl Bounds {
    /// Returns the box with these corners.
    ///
    /// # Errors
    ///
    /// [`InvalidBounds`] if a number is not finite or a minimum is over its maximum.
    pub fn new(min_x: f64, min_y: f64, max_x: f64, max_y: f64) -> Result<Bounds, InvalidBounds> {
        let finite = [min_x, min_y, max_x, max_y].iter().all(|v| v.is_finite());
        if finite && min_x <= max_x && min_y <= max_y {
            Ok(Bounds {
                min_x,
                min_y,
                max_x,
                max_y,
            })
        } else {
            Err(InvalidBounds {
                min_x,
                min_y,
                max_x,
                max_y,
            })
        }
    }

    /// Returns the smallest box that holds all `points`, or nothing if there are
    /// none or one of them is not finite.
    pub fn of_points(points: impl IntoIterator<Item = [f64; 2]>) -> Option<Bounds> {
        let mut points = points.into_iter();
        let [x, y] = points.next()?;
        let first = Bounds::new(x, y, x, y).ok()?;
        points.try_fold(first, |bounds, [x, y]| {
            Some(bounds.union(&Bounds::new(x, y, x, y).ok()?))
        })
    }

    /// Returns the smallest box that holds `geometry`, or nothing if it is empty
    /// or not finite.
    pub fn of_geometry(geometry: &Geometry<f64>) -> Option<Bounds> {
        use geo_types::Geometry as G;
        let of = |coords: &mut dyn Iterator<Item = Coord<f64>>| {
            Bounds::of_points(coords.map(|c| [c.x, c.y]))
        };
        match geometry {
            G::Point(p) => of(&mut std::iter::once(p.0)),
            G::Line(l) => of(&mut [l.start, l.end].into_iter()),
            G::LineString(l) => of(&mut l.0.iter().copied()),
            G::Polygon(p) => of(&mut p.exterior().0.iter().copied()),
            G::MultiPoint(m) => of(&mut m.0.iter().map(|p| p.0)),
            G::MultiLineString(m) => of(&mut m.0.iter().flat_map(|l| l.0.iter().copied())),
            G::MultiPolygon(m) => of(&mut m.0.iter().flat_map(|p| p.exterior().0.iter().copied())),
            G::GeometryCollection(c) => {
                c.0.iter()
                    .filter_map(Bounds::of_geometry)
                    .reduce(|a, b| a.union(&b))
            }
            G::Rect(r) => of(&mut [r.min(), r.max()].into_iter()),
            G::Triangle(t) => of(&mut t.to_array().into_iter()),
        }
    }

    /// West edge.
    pub fn min_x(&self) -> f64 {
        self.min_x
    }

    /// South edge.
    pub fn min_y(&self) -> f64 {
        self.min_y
    }

    /// East edge.
    pub fn max_x(&self) -> f64 {
        self.max_x
    }

    /// North edge.
    pub fn max_y(&self) -> f64 {
        self.max_y
    }

    /// East–west size.
    pub fn width(&self) -> f64 {
        self.max_x - self.min_x
    }

    /// North–south size.
    pub fn height(&self) -> f64 {
        self.max_y - self.min_y
    }

    /// The middle.
    pub fn centre(&self) -> [f64; 2] {
        [
            self.min_x + self.width() / 2.0,
            self.min_y + self.height() / 2.0,
        ]
    }

    /// `[min_x, min_y, max_x, max_y]`, as the `bbox` parameter writes it.
    pub fn to_array(&self) -> [f64; 4] {
        [self.min_x, self.min_y, self.max_x, self.max_y]
    }

    /// The same box as a rectangle of the `geo` crate.
    pub fn to_rect(&self) -> Rect<f64> {
        Rect::new((self.min_x, self.min_y), (self.max_x, self.max_y))
    }

    /// Returns the smallest box that holds both.
    #[must_use]
    pub fn union(&self, other: &Bounds) -> Bounds {
        Bounds {
            min_x: self.min_x.min(other.min_x),
            min_y: self.min_y.min(other.min_y),
            max_x: self.max_x.max(other.max_x),
            max_y: self.max_y.max(other.max_y),
        }
    }

    /// Returns whether the boxes share a point; a shared edge or corner counts.
    pub fn intersects(&self, other: &Bounds) -> bool {
        self.min_x <= other.max_x
            && other.min_x <= self.max_x
            && self.min_y <= other.max_y
            && other.min_y <= self.max_y
    }

    /// Returns whether the point lies inside or on the edge.
    pub fn contains(&self, [x, y]: [f64; 2]) -> bool {
        self.min_x <= x && x <= self.max_x && self.min_y <= y && y <= self.max_y
    }

    /// Returns the box grown by `by` ≥ 0 on every side.
    #[must_use]
    pub fn expanded(&self, by: f64) -> Bounds {
        debug_assert!(by >= 0.0);
        Bounds {
            min_x: self.min_x - by,
            min_y: self.min_y - by,
            max_x: self.max_x + by,
            max_y: self.max_y + by,
        }
    }

    /// Returns the distance from the point to the box, 0 inside it.
    pub fn distance_to(&self, [x, y]: [f64; 2]) -> f64 {
        let dx = (self.min_x - x).max(x - self.max_x).max(0.0);
        let dy = (self.min_y - y).max(y - self.max_y).max(0.0);
        dx.hypot(dy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_finite_and_not_inverted() {
        assert!(Bounds::new(0.0, 0.0, 0.0, 0.0).is_ok());
        assert!(Bounds::new(1.0, 0.0, 0.0, 1.0).is_err());
        assert!(Bounds::new(0.0, f64::NAN, 0.0, 1.0).is_err());
        assert!(Bounds::new(0.0, 0.0, f64::INFINITY, 1.0).is_err());
        assert_eq!(Bounds::of_points([[1.0, 2.0], [f64::NAN, 0.0]]), None);
    }

    #[test]
    fn boxes_that_share_a_corner_intersect() {
        let a = Bounds::new(0.0, 0.0, 1.0, 1.0).expect("a box");
        let b = Bounds::new(1.0, 1.0, 2.0, 2.0).expect("a box");
        assert!(a.intersects(&b));
        assert!(!a.intersects(&Bounds::new(1.1, 1.1, 2.0, 2.0).expect("a box")));
    }

    #[test]
    fn distance_is_zero_inside_and_euclidean_outside() {
        let a = Bounds::new(0.0, 0.0, 1.0, 1.0).expect("a box");
        assert_eq!(a.distance_to([0.5, 0.5]), 0.0);
        assert_eq!(a.distance_to([4.0, 5.0]), 5.0);
    }
}
