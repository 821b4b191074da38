//! Elevations as images: shaded relief, terrain-RGB, and the colours of themes.

use geodesy::TileMatrixSet;
use image::ExtendedColorType;
use model::TileCoord;
use store::{HeightKind, SurveyView};

use crate::Error;
use crate::format::ImageFormat;
use crate::relief::{Lights, Shader};
use crate::scene::{Scene, Values, elevations, slopes_of};
use crate::theme::{Theme, aspect_colour, height_colour, slope_colour};

/// How shaded relief is painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shading {
    /// Grey, opaque wherever there is data.
    Grey,
    /// To be laid over a map: black in the shade and white in the light, the more opaque
    /// the further from level ground, which is clear.
    Overlay,
}

/// How shaded relief is lit and painted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Relief {
    /// Where the light comes from.
    pub lights: Lights,
    /// How it is painted.
    pub shading: Shading,
}

/// Makes a shaded relief tile: grey with alpha, transparent without data.
///
/// Slopes are true to the ground in every set, and lights stand around the twin's grid.
/// Neighbouring tiles join without a seam.
///
/// # Errors
///
/// [`Error::NoSuchTile`] if the set has no such tile; [`Error::Image`] if `size_px` is
/// 0 or over 2048; else those of reading and transforming.
pub fn hillshade_tile(
    survey: &SurveyView,
    kind: HeightKind,
    tms: &TileMatrixSet,
    tile: TileCoord,
    size_px: u32,
    format: ImageFormat,
    relief: Relief,
) -> Result<Vec<u8>, Error> {
    let scene = Scene::of_tile(survey, Values::Elevations(kind), tms, tile, size_px)?;
    let pixels = hillshade_pixels(&scene, relief);
    scene.encode(&pixels, ExtendedColorType::La8, format)
}

fn hillshade_pixels(scene: &Scene, relief: Relief) -> Vec<u8> {
    let shader = Shader::new(relief.lights);
    let mut pixels = vec![0; scene.len() * 2];
    scene.paint(slopes_of, |place, slope| {
        let brightness = shader.brightness(slope);
        let grey_and_alpha = match relief.shading {
            Shading::Grey => [brightness, 1.0],
            Shading::Overlay => overlay(brightness, shader.level()),
        };
        pixels[place * 2..place * 2 + 2]
            .copy_from_slice(&grey_and_alpha.map(|share| (share * 255.0).round() as u8));
    });
    pixels
}

/// Black or white, and how much of it: nothing where the ground is level, all where no
/// light falls or the light falls straight.
fn overlay(brightness: f32, level: f32) -> [f32; 2] {
    if brightness <= level {
        [0.0, 1.0 - brightness / level]
    } else {
        [1.0, (brightness - level) / (1.0 - level)]
    }
}

/// Makes a tile in the colours of a theme's legend, transparent without data.
///
/// # Errors
///
/// As [`hillshade_tile`].
pub fn themed_tile(
    survey: &SurveyView,
    theme: Theme,
    tms: &TileMatrixSet,
    tile: TileCoord,
    size_px: u32,
    format: ImageFormat,
) -> Result<Vec<u8>, Error> {
    let of = match theme {
        Theme::Slope | Theme::Aspect => Values::Elevations(HeightKind::Terrain),
        Theme::Height => Values::AboveGround,
    };
    let scene = Scene::of_tile(survey, of, tms, tile, size_px)?;
    let mut pixels = vec![0; scene.len() * 4];
    let mut put = |place: usize, colour: [u8; 4]| {
        pixels[place * 4..place * 4 + 4].copy_from_slice(&colour);
    };
    match theme {
        Theme::Slope => scene.paint(slopes_of, |place, slope| put(place, slope_colour(slope))),
        Theme::Aspect => scene.paint(slopes_of, |place, slope| put(place, aspect_colour(slope))),
        Theme::Height => scene.paint(elevations, |place, [height]| {
            put(place, height_colour(height));
        }),
    }
    scene.encode(&pixels, ExtendedColorType::Rgba8, format)
}

/// How an elevation is told in red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElevationEncoding {
    /// Mapbox's: −10 000 m + (R · 65 536 + G · 256 + B) · 0.1 m.
    Mapbox,
    /// Terrarium's: R · 256 + G + B / 256 − 32 768 m.
    Terrarium,
}

/// The elevation that terrain-RGB tiles tell where there is no data.
pub const BEYOND_M: f32 = 0.0;

/// Makes a terrain-RGB tile; [`BEYOND_M`] where there is no data.
///
/// Elevations are in the survey's own vertical datum, in the steps of the encoding, each for
/// the middle of its pixel.
///
/// # Errors
///
/// As [`hillshade_tile`].
pub fn terrain_rgb_tile(
    survey: &SurveyView,
    kind: HeightKind,
    tms: &TileMatrixSet,
    tile: TileCoord,
    size_px: u32,
    format: ImageFormat,
    encoding: ElevationEncoding,
) -> Result<Vec<u8>, Error> {
    let scene = Scene::of_tile(survey, Values::Elevations(kind), tms, tile, size_px)?;
    let mut pixels = encoding.colour(BEYOND_M).repeat(scene.len());
    scene.paint(elevations, |place, [elevation_m]| {
        pixels[place * 3..place * 3 + 3].copy_from_slice(&encoding.colour(elevation_m));
    });
    scene.encode(&pixels, ExtendedColorType::Rgb8, format)
}

impl ElevationEncoding {
    /// Red, green and blue of an elevation.
    fn colour(self, elevation_m: f32) -> [u8; 3] {
        let steps = match self {
            ElevationEncoding::Mapbox => (f64::from(elevation_m) + 10_000.0) * 10.0,
            ElevationEncoding::Terrarium => (f64::from(elevation_m) + 32_768.0) * 256.0,
        };
        let steps = steps.round().clamp(0.0, f64::from(0xFF_FFFF)) as u32;
        let [_, r, g, b] = steps.to_be_bytes();
        [r, g, b]
    }
}
