//! What one can ask of a level.

use model::Feature;

use crate::vector::chance;

/// Side of the cell of which one point is shown, in pixels. A symbol of a map is some 16
/// pixels wide, and cells are at most twice as wide as asked.
const POINT_SPACING_PX: f64 = 8.0;

/// As far as tiles let lines move: 3 of the 8 units in a pixel.
const TOLERANCE_PX: f64 = 0.375;

/// A dead end shorter than this is a blot on the line that it leaves.
const LINE_LENGTH_PX: f64 = 4.0;

/// How the levels of a collection are made. [`Rules::default`] suits most.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// Place of the column whose number says how important a feature is, the larger the
    /// more. Without one, features are as important as a number drawn from their ids.
    pub rank: Option<usize>,
    /// Places of the columns whose values must agree for features to be merged.
    pub class: Vec<usize>,
    /// Whether polygons are a coverage: side by side, without overlaps, such as parcels. Found
    /// out from the features if not given; give it where a level is made in parts.
    pub coverage: Option<bool>,
    /// What does not hang on the columns and features of the collection.
    pub shaping: Shaping,
}

/// How far the geometry of a level may depart from what was delivered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shaping {
    /// How far lines and borders may move, in pixels. Under a half, nobody sees it.
    pub tolerance_px: f64,
    /// One point is shown of each cell of this many pixels, or up to twice as many, since
    /// sides of cells are powers of two of the unit. Zero shows all.
    pub spacing_px: f64,
    /// Whether a point stands for those of its cell and lies in their middle, rather than
    /// being one of them where it is.
    pub cluster: bool,
    /// Whether lines that run against each other are merged: their direction means nothing.
    pub undirected: bool,
    /// Merged lines shorter than this are left out, in pixels, if they have a free end. One
    /// that connects others stays if it is a pixel long, or part of a street this long.
    pub min_length_px: f64,
    /// Polygons smaller than this are dissolved, in square pixels.
    pub min_area_px: f64,
}

impl Default for Shaping {
    fn default() -> Shaping {
        Shaping {
            tolerance_px: TOLERANCE_PX,
            spacing_px: POINT_SPACING_PX,
            cluster: false,
            undirected: false,
            min_length_px: LINE_LENGTH_PX,
            min_area_px: 1.0,
        }
    }
}

impl Rules {
    /// How important a feature is: its number in the rank column, minus infinity if it has
    /// none there, or the number drawn from its id.
    pub(crate) fn rank_of(&self, feature: &Feature) -> f64 {
        match self.rank {
            Some(place) => feature
                .values
                .get(place)
                .and_then(|value| value.as_number())
                .unwrap_or(f64::NEG_INFINITY),
            None => chance(feature.id.get()),
        }
    }

    /// The values that must agree for features to be merged, as text: equal texts stand for
    /// equal values.
    pub(crate) fn class_of(&self, feature: &Feature) -> String {
        let values = self.class.iter().map(|&place| feature.values.get(place));
        format!("{:?}", values.collect::<Vec<_>>())
    }
}
