//! What rose and what fell between two surveys, as an image.

use geodesy::TileMatrixSet;
use image::ExtendedColorType;
use model::TileCoord;
use store::{HeightKind, SurveyView};

use crate::Error;
use crate::format::ImageFormat;
use crate::scene::{Scene, Values, elevations};

/// Differences nearer to zero than this are clear, in metres: twice the standard uncertainty
/// of the difference of two good surveys, each of 5 cm, rounded up. Less is mostly noise.
pub const CLEAR_BELOW_M: f64 = 0.15;

/// A class of differences, and how it is painted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DifferenceClass {
    /// From this many metres on, to those of the next class.
    pub from_m: f64,
    /// Red, green and blue where the later survey is higher.
    pub rose: [u8; 3],
    /// The same where it is lower.
    pub fell: [u8; 3],
}

/// The classes, the smallest first. Blue rose and red fell, as sediment and erosion are
/// drawn; both ramps grow darker, and are told apart by those who do not see red or green
/// (ColorBrewer's RdBu).
pub const DIFFERENCE_CLASSES: [DifferenceClass; 5] = [
    class(CLEAR_BELOW_M, [209, 229, 240], [253, 219, 199]),
    class(0.5, [146, 197, 222], [244, 165, 130]),
    class(1.0, [67, 147, 195], [214, 96, 77]),
    class(2.0, [33, 102, 172], [178, 24, 43]),
    class(5.0, [5, 48, 97], [103, 0, 31]),
];

const fn class(from_m: f64, rose: [u8; 3], fell: [u8; 3]) -> DifferenceClass {
    DifferenceClass { from_m, rose, fell }
}

/// Makes a tile of the difference of two surveys: `later` less `earlier`, in the classes of
/// [`DIFFERENCE_CLASSES`]; clear below [`CLEAR_BELOW_M`] and where either has no data.
///
/// Whether both count elevations from the same zero is for the caller to check.
///
/// # Errors
///
/// As [`crate::hillshade_tile`].
pub fn difference_tile(
    later: &SurveyView,
    earlier: &SurveyView,
    kind: HeightKind,
    tms: &TileMatrixSet,
    tile: TileCoord,
    size_px: u32,
    format: ImageFormat,
) -> Result<Vec<u8>, Error> {
    let values = Values::Elevations(kind);
    let scene = Scene::of_tile(later, values, tms, tile, size_px)?;
    let before = Scene::of_tile(earlier, values, tms, tile, size_px)?;
    let mut differences = vec![f32::NAN; scene.len()];
    before.paint(elevations, |place, [elevation_m]| {
        differences[place] = elevation_m;
    });
    let mut pixels = vec![0; scene.len() * 4];
    scene.paint(elevations, |place, [elevation_m]| {
        let difference_m = elevation_m - differences[place];
        if let Some([r, g, b]) = colour(difference_m) {
            pixels[place * 4..place * 4 + 4].copy_from_slice(&[r, g, b, u8::MAX]);
        }
    });
    scene.encode(&pixels, ExtendedColorType::Rgba8, format)
}

/// The colour of a difference; none if it is too small, or unknown.
fn colour(difference_m: f32) -> Option<[u8; 3]> {
    let size_m = f64::from(difference_m.abs());
    let class = DIFFERENCE_CLASSES
        .iter()
        .rev()
        .find(|class| size_m >= class.from_m)?;
    Some(if difference_m > 0.0 {
        class.rose
    } else {
        class.fell
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_differences_are_clear_and_large_ones_dark() {
        for (difference_m, expected) in [
            (0.0, None),
            (0.14, None),
            (-0.14, None),
            (f32::NAN, None),
            (0.16, Some(DIFFERENCE_CLASSES[0].rose)),
            (-0.16, Some(DIFFERENCE_CLASSES[0].fell)),
            (1.0, Some(DIFFERENCE_CLASSES[2].rose)),
            (-4.9, Some(DIFFERENCE_CLASSES[3].fell)),
            (80.0, Some(DIFFERENCE_CLASSES[4].rose)),
        ] {
            assert_eq!(colour(difference_m), expected, "{difference_m}");
        }
        assert!(DIFFERENCE_CLASSES.is_sorted_by(|a, b| a.from_m < b.from_m));
    }
}
