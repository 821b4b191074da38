//! Heights at a place, and the measured points that stand behind them.

use model::{Bounds, PointBatch, PointFlags};
use store::{Error, HeightKind, SurveyView};

/// How far around a place its points are looked for, unless the caller says: where a
/// country is flown with a point or two for each square metre, a dozen lie so near.
pub const DEFAULT_RADIUS_M: f64 = 2.0;

/// The furthest. Beyond it, a plane says nothing of the ground.
pub const MAX_RADIUS_M: f64 = 25.0;

/// ASPRS class of ground, of which terrain is made.
const GROUND: u8 = 2;
/// ASPRS classes of noise, low and high.
const NOISE: [u8; 2] = [7, 18];

/// Points before a plane through them says how far they lie from one.
const FEWEST_FOR_SPREAD: u64 = 4;

/// Ground and surface at a place, by one survey.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceHeights {
    /// How far around the place points were counted, in metres.
    pub radius_m: f64,
    /// Bare ground; none beyond the survey.
    pub ground: Option<PlaceHeight>,
    /// The highest thing; none where nothing was hit.
    pub surface: Option<PlaceHeight>,
}

/// One elevation at a place.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceHeight {
    /// In metres, in the survey's vertical datum; what a click tells.
    pub elevation_m: f32,
    /// Measured points within the radius: for the ground, those classified as ground; for
    /// the surface, first returns.
    pub points: u64,
    /// Standard deviation of these points from a plane fitted to them, in metres: the noise
    /// of the measurement and the roughness of the place together. None for fewer than four
    /// points, or points on one line.
    pub spread_m: Option<f64>,
}

impl PlaceHeight {
    /// Whether no measured point is near, so that the elevation comes from further away:
    /// under a roof or a tree, in water, or in a gap.
    pub fn is_filled(&self) -> bool {
        self.points == 0
    }
}

impl PlaceHeights {
    /// The height of the surface above the ground, in metres.
    pub fn above_ground_m(&self) -> Option<f32> {
        let ground = self.ground.as_ref()?.elevation_m;
        Some(self.surface.as_ref()?.elevation_m - ground)
    }
}

/// Returns ground and surface at a place in the twin's CRS, and how well points support them.
///
/// `radius_m` is over 0, and at most [`MAX_RADIUS_M`].
///
/// # Errors
///
/// Those of reading the survey.
pub fn heights_at(survey: &SurveyView, at: [f64; 2], radius_m: f64) -> Result<PlaceHeights, Error> {
    let ground = elevation_at(survey, HeightKind::Terrain, at)?;
    let surface = elevation_at(survey, HeightKind::Surface, at)?;
    let [x, y] = at;
    let around = Bounds::new(x - radius_m, y - radius_m, x + radius_m, y + radius_m)
        .map_err(|_| Error::Refused("the place or the radius is not finite".to_owned()))?;
    // Counted from the elevations, so that squares of differences keep their digits.
    let level = f64::from(ground.or(surface).unwrap_or(0.0));
    let mut of_ground = Cloud::default();
    let mut of_surface = Cloud::default();
    for batch in survey.points(Some(&around), None)? {
        let batch = batch?;
        for i in 0..batch.len() {
            let from_here = [batch.x[i] - x, batch.y[i] - y, batch.z[i] - level];
            if from_here[0].hypot(from_here[1]) > radius_m || !counts(&batch, i) {
                continue;
            }
            if batch.classification[i] == GROUND {
                of_ground.add(from_here);
            }
            if batch.return_number[i] <= 1 {
                of_surface.add(from_here);
            }
        }
    }
    let height = |elevation_m: Option<f32>, cloud: &Cloud| {
        elevation_m.map(|elevation_m| PlaceHeight {
            elevation_m,
            points: cloud.points,
            spread_m: cloud.spread(),
        })
    };
    Ok(PlaceHeights {
        radius_m,
        ground: height(ground, &of_ground),
        surface: height(surface, &of_surface),
    })
}

/// The elevation that every answer gives for a place; none beyond the survey.
pub(crate) fn elevation_at(
    survey: &SurveyView,
    kind: HeightKind,
    at: [f64; 2],
) -> Result<Option<f32>, Error> {
    let elevation = survey.elevation(kind, at)?;
    Ok(elevation.filter(|metres| metres.is_finite()))
}

/// Whether a point is one of the scene: neither withheld nor noise.
pub(crate) fn counts(batch: &PointBatch, i: usize) -> bool {
    batch.flags[i] & PointFlags::WITHHELD == 0 && !NOISE.contains(&batch.classification[i])
}

/// Sums over points, of which a plane can be made without keeping the points.
#[derive(Debug, Clone, Copy, Default)]
struct Cloud {
    points: u64,
    sum: [f64; 3],
    /// Of xx, xy, yy, xz, yz and zz.
    products: [f64; 6],
}

impl Cloud {
    fn add(&mut self, [x, y, z]: [f64; 3]) {
        self.points += 1;
        for (sum, value) in self.sum.iter_mut().zip([x, y, z]) {
            *sum += value;
        }
        let products = [x * x, x * y, y * y, x * z, y * z, z * z];
        for (sum, value) in self.products.iter_mut().zip(products) {
            *sum += value;
        }
    }

    /// Standard deviation from the plane with the least squares of vertical distances.
    fn spread(&self) -> Option<f64> {
        if self.points < FEWEST_FOR_SPREAD {
            return None;
        }
        let n = self.points as f64;
        let [x, y, z] = self.sum;
        let [xx, xy, yy, xz, yz, zz] = self.products;
        let [xx, xy, yy] = [xx - x * x / n, xy - x * y / n, yy - y * y / n];
        let [xz, yz, zz] = [xz - x * z / n, yz - y * z / n, zz - z * z / n];
        let determinant = xx * yy - xy * xy;
        // Points on a line have no plane of their own.
        if determinant <= 1e-9 * (xx * yy).max(f64::MIN_POSITIVE) {
            return None;
        }
        let to_east = (xz * yy - yz * xy) / determinant;
        let to_north = (yz * xx - xz * xy) / determinant;
        let squares = zz - to_east * xz - to_north * yz;
        Some((squares.max(0.0) / (n - 3.0)).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(points: &[[f64; 3]]) -> Option<f64> {
        let mut cloud = Cloud::default();
        for point in points {
            cloud.add(*point);
        }
        cloud.spread()
    }

    #[test]
    fn a_tilted_plane_has_no_spread_and_a_step_has_its_own() {
        let plane = [[0., 0., 1.], [1., 0., 2.], [0., 1., 3.], [1., 1., 4.]];
        assert!(spread(&plane).unwrap() < 1e-7);
        // Corners of a square, two opposite ones 1 m up: each lies half a metre from the
        // plane, and of four points a plane takes three.
        let saddle = [[0., 0., 1.], [1., 0., 0.], [0., 1., 0.], [1., 1., 1.]];
        assert!((spread(&saddle).unwrap() - 1.0).abs() < 1e-9);
        assert_eq!(spread(&plane[..3]), None);
        let line = [[0., 0., 1.], [1., 1., 0.], [2., 2., 5.], [3., 3., 1.]];
        assert_eq!(spread(&line), None);
    }
}
