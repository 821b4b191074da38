//! Where the points of a survey lie in space, and boxes that hold them.
//!
//! A survey has a frame of its own: its origin is in the middle of the survey, z is up
//! there, and y runs as the map's northing does. A tileset says where the frame lies in
//! the world; all else is said in the frame, so that numbers stay small.

use geodesy::{Crs, Transform, ecef_from_lonlat};
use model::{Bounds, Cube, VoxelKey};
use store::SurveyView;

use super::Undulation;
use crate::Error;

/// Twice the mean radius of the Earth, in metres: on a length of s, the ground falls
/// s²/2R below a level plane.
const EARTH_DIAMETER_M: f64 = 12_742_000.0;

/// Slope that a geoid's grid may have between its own posts, in metres a metre: where two
/// cells meet, undulation bends by some hundred-thousandths.
const GEOID_BEND: f64 = 2e-5;

/// What rounding and the steps of coordinates may put a point out of its box, in metres.
const ROUNDING_M: f64 = 0.02;

/// How far apart samples of a box lie at most, in the CRS's units …
const SEGMENT: f64 = 500.0;

/// … unless there were more than so many to a side, which only the boxes of whole counties
/// have.
const SEGMENTS_MAX: u32 = 64;

/// Half of the length over which the axes are measured, in the CRS's units.
const AXIS_REACH: f64 = 50.0;

/// The frame of a survey.
pub(super) struct Frame<'a> {
    lonlat_from_twin: Transform,
    undulation: Option<&'a Undulation<'a>>,
    /// The origin in the twin's CRS: in the middle of the octree's plan and between the
    /// lowest and the highest point.
    middle: [f64; 3],
    /// The same in geocentric coordinates.
    origin: [f64; 3],
    /// Unit vectors along x, y and z of the frame, in geocentric coordinates.
    axes: [[f64; 3]; 3],
    /// The octree, in the twin's CRS.
    cube: Cube,
    /// How far apart the points of the root are, in metres.
    pub(super) spacing_m: f64,
    /// Where the octree has points at all.
    bounds: Bounds,
    elevations_m: [f64; 2],
}

/// A box along the axes of the frame, by its corners.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FrameBox {
    pub(super) min: [f64; 3],
    pub(super) max: [f64; 3],
}

impl<'a> Frame<'a> {
    pub(super) fn of_survey(
        survey: &SurveyView,
        undulation: Option<&'a Undulation<'a>>,
    ) -> Result<Frame<'a>, Error> {
        let (cube, spacing_m) = survey.octree()?;
        let lonlat = Crs::from_code("CRS84")?;
        let [low, high] = survey.meta().elevation_range_m;
        let half = cube.side_m / 2.0;
        let middle = [cube.min[0] + half, cube.min[1] + half, (low + high) / 2.0];
        let mut frame = Frame {
            middle,
            lonlat_from_twin: Transform::new(&Crs::from_code(survey.crs_code())?, &lonlat)?,
            undulation,
            origin: [0.0; 3],
            axes: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            cube,
            spacing_m,
            bounds: survey.meta().bounds,
            elevations_m: survey.meta().elevation_range_m,
        };
        let at = |dx: f64, dy: f64, dz: f64| {
            frame.in_space([middle[0] + dx, middle[1] + dy, middle[2] + dz])
        };
        let along = |from: [f64; 3], to: [f64; 3]| unit(difference(to, from));
        let origin = at(0.0, 0.0, 0.0)?;
        let up = along(origin, at(0.0, 0.0, AXIS_REACH)?);
        let north = along(at(0.0, -AXIS_REACH, 0.0)?, at(0.0, AXIS_REACH, 0.0)?);
        let lean = dot(north, up);
        let north = unit(std::array::from_fn(|i| north[i] - lean * up[i]));
        frame.axes = [cross(north, up), north, up];
        frame.origin = origin;
        Ok(frame)
    }

    /// The column-major matrix that takes a place in the frame to one in the world.
    pub(super) fn world_from_frame(&self) -> [f64; 16] {
        let [x, y, z] = self.axes;
        let o = self.origin;
        [
            x[0], x[1], x[2], 0.0, y[0], y[1], y[2], 0.0, z[0], z[1], z[2], 0.0, o[0], o[1], o[2],
            1.0,
        ]
    }

    /// Returns where a point of the survey lies in the frame.
    pub(super) fn place(&self, point: [f64; 3]) -> Result<[f64; 3], Error> {
        let from_origin = difference(self.in_space(point)?, self.origin);
        Ok(self.axes.map(|axis| dot(axis, from_origin)))
    }

    /// Returns a box that holds every point of a node and of those below it.
    pub(super) fn box_of(&self, key: VoxelKey) -> Result<FrameBox, Error> {
        let part = self.cube.of(key);
        let clip = |axis: usize, low: f64, high: f64| {
            let from = part.min[axis].max(low);
            [from, (part.min[axis] + part.side_m).min(high).max(from)]
        };
        let x = clip(0, self.bounds.min_x(), self.bounds.max_x());
        let y = clip(1, self.bounds.min_y(), self.bounds.max_y());
        let z = clip(2, self.elevations_m[0], self.elevations_m[1]);
        let mut found = FrameBox {
            min: [f64::INFINITY; 3],
            max: [f64::NEG_INFINITY; 3],
        };
        let side = (x[1] - x[0]).max(y[1] - y[0]);
        let segments = ((side / SEGMENT).ceil() as u32).clamp(2, SEGMENTS_MAX);
        let along = |[from, to]: [f64; 2], step: u32| {
            from + (to - from) * f64::from(step) / f64::from(segments)
        };
        for column in 0..=segments {
            for row in 0..=segments {
                for z in z {
                    let place = self.place([along(x, column), along(y, row), z])?;
                    for (axis, at) in place.into_iter().enumerate() {
                        found.min[axis] = found.min[axis].min(at);
                        found.max[axis] = found.max[axis].max(at);
                    }
                }
            }
        }
        // Between samples s apart the image bulges by s²/8R each way, and less along than
        // down. Some times that, and a part that grows with the box, leave it inside that
        // of its parent.
        let side = (found.max[0] - found.min[0]).max(found.max[1] - found.min[1]);
        let apart = 2.0 * side / f64::from(segments);
        let margin = apart * apart / EARTH_DIAMETER_M + GEOID_BEND * side + ROUNDING_M;
        for axis in 0..3 {
            found.min[axis] -= margin;
            found.max[axis] += margin;
        }
        Ok(found)
    }

    /// Returns the box that implicit tiling halves: that of the octree as if the frame were
    /// flat, lowered by half of what the ground falls to the corners, and widened around
    /// its middle to hold every point.
    pub(super) fn implicit_root(&self) -> Result<FrameBox, Error> {
        let half = self.cube.side_m / 2.0;
        let middle = self.middle;
        let mut halves = [half; 3];
        for axis in 0..2 {
            let mut ends = [middle; 2];
            ends[0][axis] -= half;
            ends[1][axis] += half;
            let [from, to] = [self.place(ends[0])?, self.place(ends[1])?];
            halves[axis] = (to[axis] - from[axis]) / 2.0;
        }
        let mut lowest = 0.0_f64;
        for x in [self.bounds.min_x(), self.bounds.max_x()] {
            for y in [self.bounds.min_y(), self.bounds.max_y()] {
                lowest = lowest.min(self.place([x, y, middle[2]])?[2]);
            }
        }
        let above_middle = self.cube.min[2] + half - middle[2];
        let centre = [0.0, 0.0, above_middle + lowest / 2.0];
        let held = self.box_of(VoxelKey::ROOT)?;
        for axis in 0..3 {
            let (below, above) = (centre[axis] - held.min[axis], held.max[axis] - centre[axis]);
            halves[axis] = halves[axis].max(below).max(above);
        }
        Ok(FrameBox {
            min: std::array::from_fn(|axis| centre[axis] - halves[axis]),
            max: std::array::from_fn(|axis| centre[axis] + halves[axis]),
        })
    }

    /// Geocentric coordinates of a point of the survey.
    fn in_space(&self, [x, y, z]: [f64; 3]) -> Result<[f64; 3], Error> {
        let lonlat = self.lonlat_from_twin.xy([x, y])?;
        let undulation_m = self.undulation.and_then(|at| at(lonlat)).unwrap_or(0.0);
        Ok(ecef_from_lonlat(lonlat, z + undulation_m))
    }
}

impl FrameBox {
    pub(super) fn middle(&self) -> [f64; 3] {
        std::array::from_fn(|axis| (self.min[axis] + self.max[axis]) / 2.0)
    }

    /// Middle and half axes, as a bounding volume has them.
    pub(super) fn numbers(&self) -> [f64; 12] {
        let [cx, cy, cz] = self.middle();
        let [hx, hy, hz] = std::array::from_fn(|axis| (self.max[axis] - self.min[axis]) / 2.0);
        [cx, cy, cz, hx, 0.0, 0.0, 0.0, hy, 0.0, 0.0, 0.0, hz]
    }

    /// Length of its diagonal, in metres.
    pub(super) fn diagonal_m(&self) -> f64 {
        let size = difference(self.max, self.min);
        dot(size, size).sqrt()
    }
}

fn difference(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|i| a[i] - b[i])
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

fn unit(a: [f64; 3]) -> [f64; 3] {
    let len = dot(a, a).sqrt();
    a.map(|part| part / len)
}
