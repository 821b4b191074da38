//! A section through a survey along a line: ground, surface, and the points beside it.

use std::collections::BTreeMap;

use model::Bounds;
use store::{Error, HeightKind, SurveyView};

use crate::heights::{counts, elevation_at};

/// The longest line. Beyond it, a picture shows nothing that a map does not show better.
pub const MAX_LENGTH_M: f64 = 10_000.0;

/// Most places at which heights are taken: more than a screen has pixels.
pub const MAX_SAMPLES: usize = 5_000;

/// Most vertices of the line: a road's reference line of ten kilometres has fewer.
pub const MAX_VERTICES: usize = 500;

/// The furthest that a point may lie beside the line.
pub const MAX_CORRIDOR_M: f64 = 50.0;

/// Most points in an answer, so that a browser can draw them.
pub const MAX_POINTS: usize = 20_000;

/// Places along a line, if the caller does not say how far apart they are.
const DEFAULT_SAMPLES: f64 = 500.0;

/// The finest step that is chosen for the caller: that of the finest terrain.
const FINEST_DEFAULT_STEP_M: f64 = 0.5;

/// How often points are read again, twice as far apart, because there were too many.
const MAX_TRIES: usize = 6;

/// Parts in which points are looked for. A box around a long slanting line is mostly not
/// about it.
const PARTS: f64 = 12.0;

/// Parts are this long at least: nodes of the octree are about as wide, and are decoded
/// whole for each part that touches them.
const LEAST_PART_M: f64 = 200.0;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileQuestion {
    /// Two or more vertices in the twin's CRS.
    pub line: Vec<[f64; 2]>,
    /// Metres between the places at which heights are taken.
    pub step_m: Option<f64>,
    /// How far beside the line points may lie, to either side; 0 for none.
    pub corridor_m: f64,
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Length of the line in metres, in the plane.
    pub length_m: f64,
    /// Metres between samples; the last comes where the line ends.
    pub step_m: f64,
    /// From the start of the line to its end.
    pub samples: Vec<ProfileSample>,
    /// Points in the corridor by ASPRS class, each class in the order of distance.
    pub points: BTreeMap<u8, Vec<ProfilePoint>>,
    /// If there were too many points: how far apart, at most, the ones are that stand for
    /// all, in metres.
    pub thinned_to_m: Option<f64>,
}

/// Heights at one place of the line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProfileSample {
    /// From the start of the line.
    pub distance_m: f64,
    /// In the twin's CRS.
    pub at: [f64; 2],
    /// Elevation of the ground.
    pub ground_m: Option<f32>,
    /// Elevation of the highest thing.
    pub surface_m: Option<f32>,
}

/// A point beside the line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProfilePoint {
    /// Where it stands along the line.
    pub distance_m: f64,
    /// How far to the right of the line, negative to the left.
    pub offset_m: f64,
    /// Its elevation.
    pub elevation_m: f64,
}

/// Why there is no section.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The question is over a limit.
    #[error("the {part} must be {limit}")]
    Limit {
        /// Which part of the question: "line", "step" or "corridor".
        part: &'static str,
        /// What it may be.
        limit: String,
    },
    /// Reading failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Returns the section along a line.
///
/// # Errors
///
/// See [`ProfileError`].
pub fn profile(survey: &SurveyView, question: &ProfileQuestion) -> Result<Profile, ProfileError> {
    let refused = |part, limit| Err(ProfileError::Limit { part, limit });
    let path = Path::new(&question.line);
    let length_m = path.length_m();
    if question.line.len() > MAX_VERTICES {
        return refused("line", format!("one of at most {MAX_VERTICES} vertices"));
    }
    if !(length_m > 0.0 && length_m <= MAX_LENGTH_M) {
        return refused(
            "line",
            format!("one of two places at least, and of at most {MAX_LENGTH_M} m"),
        );
    }
    if !(0.0..=MAX_CORRIDOR_M).contains(&question.corridor_m) {
        return refused("corridor", format!("metres from 0 to {MAX_CORRIDOR_M}"));
    }
    let step_m = question
        .step_m
        .unwrap_or((length_m / DEFAULT_SAMPLES).max(FINEST_DEFAULT_STEP_M));
    if !(step_m > 0.0 && length_m / step_m < (MAX_SAMPLES - 1) as f64) {
        return refused(
            "step",
            format!(
                "metres over 0 that lead to at most {MAX_SAMPLES} places along {length_m:.1} m"
            ),
        );
    }
    let mut samples = Vec::new();
    let steps = (length_m / step_m).ceil() as usize;
    for i in 0..=steps {
        let distance_m = (i as f64 * step_m).min(length_m);
        let at = path.at(distance_m);
        samples.push(ProfileSample {
            distance_m,
            at,
            ground_m: elevation_at(survey, HeightKind::Terrain, at)?,
            surface_m: elevation_at(survey, HeightKind::Surface, at)?,
        });
    }
    let (points, thinned_to_m) = points(survey, &path, question.corridor_m)?;
    Ok(Profile {
        length_m,
        step_m,
        samples,
        points,
        thinned_to_m,
    })
}

type ByClass = BTreeMap<u8, Vec<ProfilePoint>>;

fn points(
    survey: &SurveyView,
    path: &Path,
    corridor_m: f64,
) -> Result<(ByClass, Option<f64>), ProfileError> {
    if corridor_m == 0.0 {
        return Ok((ByClass::new(), None));
    }
    let meta = survey.meta();
    let area_m2 = 2.0 * corridor_m * path.length_m();
    let per_m2 = meta.point_count as f64 / (meta.bounds.width() * meta.bounds.height()).max(1.0);
    let mut spacing_m =
        (area_m2 * per_m2 > MAX_POINTS as f64).then(|| (area_m2 / MAX_POINTS as f64).sqrt());
    for _ in 0..MAX_TRIES {
        if let Some(mut found) = points_as_far_apart(survey, path, corridor_m, spacing_m)? {
            for points in found.values_mut() {
                points.sort_by(|a, b| a.distance_m.total_cmp(&b.distance_m));
            }
            return Ok((found, spacing_m));
        }
        spacing_m = Some(spacing_m.unwrap_or((area_m2 / MAX_POINTS as f64).sqrt()) * 2.0);
    }
    Err(ProfileError::Limit {
        part: "corridor",
        limit: "narrower: too many points lie in this one, however thinned".to_owned(),
    })
}

/// The points of the corridor down to the level whose points lie so far apart; none if they
/// are too many.
fn points_as_far_apart(
    survey: &SurveyView,
    path: &Path,
    corridor_m: f64,
    spacing_m: Option<f64>,
) -> Result<Option<ByClass>, Error> {
    let mut found = ByClass::new();
    let mut count = 0;
    let part_m = (path.length_m() / PARTS).max(LEAST_PART_M);
    let parts = (path.length_m() / part_m).ceil().max(1.0) as usize;
    for part in 0..parts {
        let from_m = part as f64 * part_m;
        let is_last = part + 1 == parts;
        let to_m = if is_last {
            path.length_m()
        } else {
            from_m + part_m
        };
        let section = path.between(from_m, to_m);
        let Some(around) = Bounds::of_points(section.iter().copied()) else {
            continue;
        };
        let around = around.expanded(corridor_m);
        let is_near = |place: [f64; 2]| {
            let mut segments = section.windows(2);
            segments.any(|ends| nearest(ends[0], ends[1], place).1 <= corridor_m)
        };
        for batch in survey.points(Some(&around), spacing_m)? {
            let batch = batch?;
            for i in 0..batch.len() {
                let place = [batch.x[i], batch.y[i]];
                // Most points of a box lie off the line: a few segments tell them.
                if !counts(&batch, i) || !is_near(place) {
                    continue;
                }
                let Some((distance_m, offset_m)) = path.locate(place) else {
                    continue;
                };
                // Boxes of neighbouring parts overlap: a point belongs to the part at which
                // the line comes nearest to it.
                let ours = distance_m >= from_m && (distance_m < to_m || is_last);
                if offset_m.abs() > corridor_m || !ours {
                    continue;
                }
                count += 1;
                if count > MAX_POINTS {
                    return Ok(None);
                }
                let points: &mut Vec<ProfilePoint> =
                    found.entry(batch.classification[i]).or_default();
                points.push(ProfilePoint {
                    distance_m,
                    offset_m,
                    elevation_m: batch.z[i],
                });
            }
        }
    }
    Ok(Some(found))
}

/// A line with the distance of each vertex from its start.
struct Path {
    places: Vec<[f64; 2]>,
    distances_m: Vec<f64>,
}

impl Path {
    fn new(line: &[[f64; 2]]) -> Path {
        let mut path = Path {
            places: Vec::with_capacity(line.len()),
            distances_m: Vec::with_capacity(line.len()),
        };
        let mut distance_m = 0.0;
        for &place in line {
            if let Some(last) = path.places.last() {
                let step_m = f64::hypot(place[0] - last[0], place[1] - last[1]);
                if step_m == 0.0 {
                    continue;
                }
                distance_m += step_m;
            }
            path.places.push(place);
            path.distances_m.push(distance_m);
        }
        path
    }

    fn length_m(&self) -> f64 {
        self.distances_m.last().copied().unwrap_or(0.0)
    }

    /// The place at a distance from the start, on the line.
    fn at(&self, distance_m: f64) -> [f64; 2] {
        let last = self.places.len() - 1;
        let after = self.distances_m.partition_point(|&d| d <= distance_m);
        let from = after.saturating_sub(1).min(last.saturating_sub(1));
        let (a, b) = (self.places[from], self.places[(from + 1).min(last)]);
        let step_m = self.distances_m[(from + 1).min(last)] - self.distances_m[from];
        let share = if step_m > 0.0 {
            ((distance_m - self.distances_m[from]) / step_m).clamp(0.0, 1.0)
        } else {
            0.0
        };
        [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share]
    }

    /// The places of a part of the line, ends and vertices.
    fn between(&self, from_m: f64, to_m: f64) -> Vec<[f64; 2]> {
        let inside = |d: &f64| from_m < *d && *d < to_m;
        let vertices = self.distances_m.iter().zip(&self.places);
        let mut places = vec![self.at(from_m)];
        places.extend(vertices.filter(|(d, _)| inside(d)).map(|(_, place)| *place));
        places.push(self.at(to_m));
        places
    }

    /// Distance along the line of its place nearest to a point, and how far to the right the
    /// point lies of it; none beyond the ends of the line.
    fn locate(&self, [x, y]: [f64; 2]) -> Option<(f64, f64)> {
        let mut best: Option<(f64, f64, f64, bool)> = None;
        let last = self.places.len().saturating_sub(2);
        for (i, ends) in self.places.windows(2).enumerate() {
            let [a, b] = [ends[0], ends[1]];
            let (share, away_m) = nearest(a, b, [x, y]);
            if best.is_some_and(|(best_m, ..)| away_m >= best_m) {
                continue;
            }
            let beyond = (i == 0 && share < 0.0) || (i == last && share > 1.0);
            let length_m = self.distances_m[i + 1] - self.distances_m[i];
            let distance_m = self.distances_m[i] + share.clamp(0.0, 1.0) * length_m;
            let turn = (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]);
            let offset_m = if turn > 0.0 { -away_m } else { away_m };
            best = Some((away_m, distance_m, offset_m, beyond));
        }
        best.filter(|(.., beyond)| !beyond)
            .map(|(_, distance_m, offset_m, _)| (distance_m, offset_m))
    }
}

/// Where a point stands along a segment, from 0 at its start to 1 at its end and beyond, and
/// how far it lies from the segment.
fn nearest(a: [f64; 2], b: [f64; 2], [x, y]: [f64; 2]) -> (f64, f64) {
    let along = [b[0] - a[0], b[1] - a[1]];
    let to = [x - a[0], y - a[1]];
    let length_squared = along[0] * along[0] + along[1] * along[1];
    let share = if length_squared > 0.0 {
        (to[0] * along[0] + to[1] * along[1]) / length_squared
    } else {
        0.0
    };
    let on = share.clamp(0.0, 1.0);
    let away_m = f64::hypot(to[0] - along[0] * on, to[1] - along[1] * on);
    (share, away_m)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_distances_along_a_bent_line_belong_together() {
        // East for 10 m, then north for 5 m; a vertex twice.
        let path = Path::new(&[[0., 0.], [10., 0.], [10., 0.], [10., 5.]]);
        assert_eq!(path.length_m(), 15.0);
        for (distance_m, place) in [
            (0.0, [0., 0.]),
            (4.0, [4., 0.]),
            (10.0, [10., 0.]),
            (12.0, [10., 2.]),
            (15.0, [10., 5.]),
        ] {
            assert_eq!(path.at(distance_m), place);
            assert_eq!(path.locate(place), Some((distance_m, 0.0)));
        }
        assert_eq!(path.between(4.0, 12.0), [[4., 0.], [10., 0.], [10., 2.]]);
        // North of an eastward line is to its left.
        assert_eq!(path.locate([3., 1.]), Some((3.0, -1.0)));
        assert_eq!(path.locate([3., -1.]), Some((3.0, 1.0)));
        // Before the start and after the end there is no section.
        assert_eq!(path.locate([-1., 0.]), None);
        assert_eq!(path.locate([10., 6.]), None);
    }
}
