//! Colours that stand for slope, aspect and height above ground, and what they mean.

use crate::relief::{aspect_deg, slope_deg};

/// What a coloured tile shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Theme {
    /// How steep the ground is.
    Slope,
    /// Where it faces.
    Aspect,
    /// How high the highest returns are above it.
    Height,
}

/// A value and its colour: red, green, blue, opacity. Between two, colours are mixed.
pub type Stop = (f32, [u8; 4]);

/// In degrees.
const SLOPE: [Stop; 8] = [
    (0.0, [247, 247, 247, 255]),
    (3.0, [255, 255, 178, 255]),
    (8.0, [254, 217, 118, 255]),
    (15.0, [254, 178, 76, 255]),
    (22.0, [253, 141, 60, 255]),
    (30.0, [240, 59, 32, 255]),
    (45.0, [189, 0, 38, 255]),
    (90.0, [60, 0, 20, 255]),
];

/// In degrees clockwise from the twin's north: cold colours face north, warm ones south,
/// and opposite ones differ in lightness too, for those who do not tell colours apart.
const ASPECT: [Stop; 9] = [
    (0.0, [69, 117, 180, 255]),
    (45.0, [116, 173, 209, 255]),
    (90.0, [171, 221, 164, 255]),
    (135.0, [254, 224, 144, 255]),
    (180.0, [253, 174, 97, 255]),
    (225.0, [215, 72, 39, 255]),
    (270.0, [158, 65, 110, 255]),
    (315.0, [94, 79, 162, 255]),
    (360.0, [69, 117, 180, 255]),
];

/// Ground that is less steep faces nowhere: on half-metre cells it is what measuring adds.
const LEVEL_DEG: f32 = 0.5;

/// The colour of ground that faces nowhere.
const LEVEL: [u8; 4] = [217, 217, 217, 255];

/// In metres. What is lower than a kerb is clear.
const HEIGHT: [Stop; 8] = [
    (0.2, [255, 255, 204, 0]),
    (0.5, [255, 255, 204, 255]),
    (2.0, [199, 233, 180, 255]),
    (5.0, [127, 205, 187, 255]),
    (10.0, [65, 182, 196, 255]),
    (20.0, [34, 94, 168, 255]),
    (40.0, [8, 29, 88, 255]),
    (100.0, [40, 0, 60, 255]),
];

impl Theme {
    /// Its values and their colours, for a legend, and the unit of the values.
    pub fn legend(self) -> (&'static [Stop], &'static str) {
        match self {
            Theme::Slope => (&SLOPE, "degree"),
            Theme::Aspect => (&ASPECT, "degree"),
            Theme::Height => (&HEIGHT, "metre"),
        }
    }
}

/// The colour of a slope.
pub(crate) fn slope_colour(slope: [f32; 2]) -> [u8; 4] {
    mixed(&SLOPE, slope_deg(slope))
}

/// The colour of where a slope faces.
pub(crate) fn aspect_colour(slope: [f32; 2]) -> [u8; 4] {
    if slope_deg(slope) < LEVEL_DEG {
        LEVEL
    } else {
        mixed(&ASPECT, aspect_deg(slope))
    }
}

/// The colour of a height above ground.
pub(crate) fn height_colour(height_m: f32) -> [u8; 4] {
    mixed(&HEIGHT, height_m)
}

/// Mixes the colours of the stops around a value; those at the ends reach on.
fn mixed(stops: &[Stop], value: f32) -> [u8; 4] {
    let above = stops.partition_point(|(stop, _)| *stop <= value);
    let (Some((low, from)), Some((high, to))) =
        (stops.get(above.wrapping_sub(1)), stops.get(above))
    else {
        let end = if above == 0 {
            stops.first()
        } else {
            stops.last()
        };
        return end.map_or([0; 4], |(_, colour)| *colour);
    };
    let share = (value - low) / (high - low);
    std::array::from_fn(|i| {
        let (from, to) = (f32::from(from[i]), f32::from(to[i]));
        (from + (to - from) * share).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_the_legend_at_its_values_and_mixed_between_them() {
        for theme in [Theme::Slope, Theme::Aspect, Theme::Height] {
            let (stops, _) = theme.legend();
            assert!(stops.is_sorted_by(|a, b| a.0 < b.0), "{theme:?}");
            for (value, colour) in stops {
                assert_eq!(mixed(stops, *value), *colour, "{theme:?} {value}");
            }
        }
        assert_eq!(mixed(&SLOPE, 1.5), [251, 251, 213, 255]);
        assert_eq!(mixed(&SLOPE, 1000.0), SLOPE[7].1);
        assert_eq!(height_colour(-3.0)[3], 0);
    }

    #[test]
    fn a_slope_that_falls_to_the_south_has_the_colour_of_180_degrees() {
        assert_eq!(aspect_colour([0.0, 0.5]), ASPECT[4].1);
        assert_eq!(aspect_colour([0.0, 0.001]), LEVEL);
        assert_eq!(slope_colour([0.0, 1.0]), SLOPE[6].1);
    }
}
