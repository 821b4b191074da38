//! The points of a tile: which are shown, where they lie and how they are painted.

use model::{PointBatch, PointFlags, VoxelKey};
use store::SurveyView;

use super::frame::{Frame, FrameBox};
use super::{CloudOptions, PointColour, TILE_POINTS_MAX};
use crate::Error;

/// Classes that are noise (ASPRS LAS 1.4 R15, table 17): low and high.
const NOISE: [u8; 2] = [7, 18];

/// The share of points at either end that a ramp leaves out of account, so that a bird or a
/// wet roof does not take the colours from all else.
const RAMP_TAIL: f64 = 0.02;

/// Points ready to be written.
pub(super) struct TilePoints {
    /// The middle of the tile, in the frame of the survey.
    pub(super) middle: [f64; 3],
    /// Places counted from the middle, along the axes of the frame.
    pub(super) places: Vec<[f32; 3]>,
    /// Red, green and blue as a screen takes them (sRGB).
    pub(super) colours: Vec<[u8; 3]>,
    pub(super) classes: Vec<u8>,
    pub(super) intensities: Vec<u16>,
}

impl TilePoints {
    pub(super) fn of_node(
        survey: &SurveyView,
        frame: &Frame,
        options: &CloudOptions,
        key: VoxelKey,
    ) -> Result<Option<TilePoints>, Error> {
        let Some(batch) = survey.node(key)?.filter(|batch| !batch.is_empty()) else {
            return Ok(None);
        };
        if batch.len() > TILE_POINTS_MAX {
            return Err(Error::TooManyPoints {
                count: batch.len(),
                limit: TILE_POINTS_MAX,
            });
        }
        // Every tile is painted by what the root knows of all of the survey.
        let paint = if key == VoxelKey::ROOT {
            Paint::by(options.colour, &batch)
        } else {
            let root = survey.node(VoxelKey::ROOT)?.unwrap_or_default();
            Paint::by(options.colour, &root)
        };
        let held: FrameBox = frame.box_of(key)?;
        // Whole decimetres, so that the text of the number is short and exact.
        let middle = held.middle().map(|at| (at * 10.0).round() / 10.0);
        let mut points = TilePoints {
            middle,
            places: Vec::new(),
            colours: Vec::new(),
            classes: Vec::new(),
            intensities: Vec::new(),
        };
        for i in (0..batch.len()).filter(|&i| options.noise || !is_noise(&batch, i)) {
            let place = frame.place([batch.x[i], batch.y[i], batch.z[i]])?;
            points.places.push(std::array::from_fn(|axis| {
                (place[axis] - middle[axis]) as f32
            }));
            points.colours.push(paint.of(&batch, i));
            points.classes.push(batch.classification[i]);
            points.intensities.push(batch.intensity[i]);
        }
        Ok(Some(points))
    }
}

fn is_noise(batch: &PointBatch, i: usize) -> bool {
    NOISE.contains(&batch.classification[i]) || batch.flags[i] & PointFlags::WITHHELD != 0
}

/// How a point gets its colour.
enum Paint {
    /// Its own, which so many bits to the right is 8 bits.
    Own {
        shift: u32,
    },
    Class,
    Height(Ramp),
    Intensity(Ramp),
}

impl Paint {
    fn by(colour: PointColour, root: &PointBatch) -> Paint {
        let shown = || (0..root.len()).filter(|&i| !is_noise(root, i));
        match colour {
            PointColour::Rgb if !root.rgb.is_empty() => {
                // LAS wants 16 bits, yet many files hold 8 of them in the lower half.
                let brightest = root.rgb.iter().flatten().max().copied().unwrap_or(0);
                Paint::Own {
                    shift: if brightest > 255 { 8 } else { 0 },
                }
            }
            PointColour::Rgb | PointColour::Class => Paint::Class,
            PointColour::Height => Paint::Height(Ramp::over(shown().map(|i| root.z[i]))),
            PointColour::Intensity => {
                Paint::Intensity(Ramp::over(shown().map(|i| f64::from(root.intensity[i]))))
            }
        }
    }

    fn of(&self, batch: &PointBatch, i: usize) -> [u8; 3] {
        match self {
            Paint::Own { shift } => batch.rgb.get(i).map_or(UNKNOWN, |colour| {
                // A brighter point than any of the root's may be over 8 bits.
                colour.map(|part| (part >> shift).min(255) as u8)
            }),
            Paint::Class => colour_of_class(batch.classification[i]),
            Paint::Height(ramp) => ramp.colour(batch.z[i]),
            Paint::Intensity(ramp) => {
                let grey = 30.0 + 225.0 * ramp.share(f64::from(batch.intensity[i]));
                [grey.round() as u8; 3]
            }
        }
    }
}

/// Where a value lies between the low and the high ones.
struct Ramp {
    low: f64,
    high: f64,
}

impl Ramp {
    fn over(values: impl Iterator<Item = f64>) -> Ramp {
        let mut values: Vec<f64> = values.collect();
        values.sort_unstable_by(f64::total_cmp);
        let tail = (values.len() as f64 * RAMP_TAIL) as usize;
        let at = |i: Option<usize>| i.and_then(|i| values.get(i)).copied().unwrap_or(0.0);
        Ramp {
            low: at(Some(tail)),
            high: at(values.len().checked_sub(1 + tail)),
        }
    }

    fn share(&self, value: f64) -> f64 {
        if self.high > self.low {
            ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
        } else {
            0.5
        }
    }

    /// From dark blue over green to yellow, evenly brighter, told apart by the colour-blind.
    fn colour(&self, value: f64) -> [u8; 3] {
        let at = self.share(value) * (HEIGHT_STOPS.len() - 1) as f64;
        let stop = (at as usize).min(HEIGHT_STOPS.len() - 2);
        let part = at - stop as f64;
        let [from, to] = [HEIGHT_STOPS[stop], HEIGHT_STOPS[stop + 1]];
        std::array::from_fn(|i| {
            let [from, to] = [f64::from(from[i]), f64::from(to[i])];
            (from + (to - from) * part).round() as u8
        })
    }
}

/// Stops of the map "viridis" of Matplotlib (CC0).
const HEIGHT_STOPS: [[u8; 3]; 7] = [
    [68, 1, 84],
    [68, 57, 131],
    [49, 104, 142],
    [33, 145, 140],
    [53, 183, 121],
    [144, 215, 67],
    [253, 231, 37],
];

/// What nobody knows the colour of.
const UNKNOWN: [u8; 3] = [150, 150, 150];

/// Colours of the classes of ASPRS LAS 1.4 R15, table 17: as things look, and as far apart
/// as that allows.
fn colour_of_class(class: u8) -> [u8; 3] {
    match class {
        2 => [166, 124, 82],
        3 => [166, 217, 106],
        4 => [90, 174, 97],
        5 => [27, 120, 55],
        6 => [214, 80, 60],
        7 | 18 => [255, 0, 255],
        9 => [44, 123, 182],
        10 => [110, 80, 130],
        11 => [110, 110, 120],
        13..=16 => [230, 190, 40],
        17 => [150, 90, 200],
        19..=21 => [200, 200, 220],
        22 => [90, 90, 90],
        _ => UNKNOWN,
    }
}
