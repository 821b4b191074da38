//! The ground of a survey as quantized-mesh 1.0, the terrain that CesiumJS draws.
//!
//! Tiles are those of two squares of 180 degrees at level 0, halved at each level, with y
//! growing to the north (TMS, EPSG:4326). `samples` takes heights at the nodes of a lattice
//! that all tiles of a level share, and `simplify` keeps as few of them as the level's
//! tolerance allows. Vertices along an edge are chosen by the heights along it alone, and
//! heights lie on a lattice too, so that neighbours join without a crack.
//!
//! Where the survey knows no ground, it goes on as at the edge and eases to elevation 0
//! (`beyond`).
//!
//! # Source
//!
//! <https://github.com/CesiumGS/quantized-mesh>. The bytes are written by the crate
//! `quantized-mesh`, the triangulation is that of `spade`.

mod beyond;
mod samples;
mod simplify;

#[cfg(test)]
mod tests;

use model::Bounds;
use quantized_mesh::{
    EdgeIndices, EncodeOptions, QuantizedMeshEncoder, QuantizedMeshHeader, QuantizedVertices,
    TileBounds,
};
use store::{HeightKind, SurveyView};

use crate::Error;
use crate::cloud::Undulation;
use crate::mesh::samples::Samples;

/// Cells between samples along a side of a tile. A power of two, so that the lattice of a
/// level holds that of the level above.
const CELLS: usize = 128;

/// Degrees that a tile spans at level 0.
const TILE_0_DEG: f64 = 180.0;

/// Metres in a degree of latitude, near enough to choose levels by.
const DEGREE_M: f64 = 111_200.0;

/// Deepest level that is served at all: samples then lie 4 cm apart.
const LEVEL_MAX: u8 = 22;

/// Heights of vertices are whole multiples of this, in metres, where a tile's relief is
/// under 256 m; else of as small a multiple of it by a power of two as 15 bits allow.
const HEIGHT_STEP_M: f64 = 1.0 / 128.0;

/// Largest number in a vertex: all coordinates have 15 bits.
const QUANTIZED_MAX: u16 = 32_767;

/// How far, in metres, CesiumJS takes a tile of level 0 to be from the truth; it halves at
/// each level (its quarter of the equator, over 65 samples, doubled).
const ERROR_0_M: f64 = 77_067.0;

/// We stay within this part of it …
const ERROR_PART: f64 = 1.0 / 16.0;

/// … but need not be better than the surveys are.
const TOLERANCE_MIN_M: f64 = 0.03;

/// A tile: its level, and its column from the west and row from the *south*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GeodeticTile {
    z: u8,
    x: u32,
    y: u32,
}

impl GeodeticTile {
    /// Returns the tile; none if the level has no such, or lies too deep.
    pub fn new(z: u8, x: u32, y: u32) -> Option<GeodeticTile> {
        let rows = 1_u32.checked_shl(u32::from(z))?;
        (z <= LEVEL_MAX && y < rows && x / 2 < rows).then_some(GeodeticTile { z, x, y })
    }

    /// Its box in degrees.
    fn bounds_deg(self) -> TileBounds {
        let side = side_deg(self.z);
        let (west, south) = (
            -180.0 + f64::from(self.x) * side,
            -90.0 + f64::from(self.y) * side,
        );
        TileBounds::new(west, south, west + side, south + side)
    }
}

/// What there is of a survey's ground.
#[derive(Debug, Clone, PartialEq)]
pub struct MeshLevels {
    /// The survey's box in degrees of longitude and latitude.
    pub bounds_deg: Bounds,
    /// For each level from 0 the first and last column and the first and last row of
    /// tiles that show the survey; of level 0 both tiles, since clients begin there.
    pub available: Vec<[u32; 4]>,
}

/// Returns which tiles show a survey. The deepest level is the first whose samples lie no
/// farther apart than the cells of its finest grid.
///
/// # Errors
///
/// Those of reading and transforming.
pub fn levels(survey: &SurveyView) -> Result<MeshLevels, Error> {
    let bounds_deg = samples::bounds_deg(survey)?;
    let [x, y] = survey.meta().bounds.centre();
    let probe = Bounds::new(x, y, x, y).map_err(|_| Error::EmptySurvey)?;
    // Asked for cells of no width, the grid gives its finest.
    let cell_m = survey
        .window(HeightKind::Terrain, &probe, f64::MIN_POSITIVE)?
        .cell_size_m;
    let deepest = (0..LEVEL_MAX)
        .find(|&z| spacing_m(z) <= cell_m)
        .unwrap_or(LEVEL_MAX);
    let available = (0..=deepest).map(|z| {
        if z == 0 {
            return [0, 1, 0, 0];
        }
        let place = |deg: f64, first: f64| ((deg - first) / side_deg(z)).floor().max(0.0) as u32;
        [
            place(bounds_deg.min_x(), -180.0),
            place(bounds_deg.max_x(), -180.0).min((2 << z) - 1),
            place(bounds_deg.min_y(), -90.0),
            place(bounds_deg.max_y(), -90.0).min((1 << z) - 1),
        ]
    });
    Ok(MeshLevels {
        available: available.collect(),
        bounds_deg,
    })
}

/// Makes a tile of a survey's ground, with normals of its vertices (`octvertexnormals`).
///
/// No sample of the ground lies farther from the mesh than the level's tolerance: a
/// sixteenth of what CesiumJS reckons with, 3 cm at least; rounding of heights adds 4 mm
/// where the tile's relief is under 256 m.
///
/// `undulation` makes heights ellipsoidal; without it they are elevations.
///
/// # Errors
///
/// Those of reading and transforming.
pub fn tile(
    survey: &SurveyView,
    tile: GeodeticTile,
    undulation: Option<&Undulation<'_>>,
) -> Result<Vec<u8>, Error> {
    let samples = Samples::of_tile(survey, tile, undulation)?;
    let mesh = simplify::simplify(&samples, tolerance_m(tile.z), base_segments(tile.z));
    Ok(encode(&samples, &mesh, tile))
}

/// The nodes of the lattice that are kept, and triangles of them, each against the clock.
struct Mesh {
    vertices: Vec<[usize; 2]>,
    triangles: Vec<[u32; 3]>,
}

fn encode(samples: &Samples, mesh: &Mesh, tile: GeodeticTile) -> Vec<u8> {
    let heights: Vec<f64> = mesh
        .vertices
        .iter()
        .map(|&node| samples.height_m(node))
        .collect();
    let low = heights.iter().copied().fold(f64::INFINITY, f64::min);
    let high = heights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // A step by a power of two: what lies on the lattice of heights stays on it, to the bit.
    let mut step_m = HEIGHT_STEP_M / 256.0;
    while step_m * f64::from(QUANTIZED_MAX) < high - low {
        step_m *= 2.0;
    }
    let bounds = tile.bounds_deg();
    let quantized = |cells: usize| {
        let steps = cells as f64 * f64::from(QUANTIZED_MAX) / CELLS as f64;
        steps.round() as u16
    };
    let mut vertices = QuantizedVertices::with_capacity(mesh.vertices.len());
    for (&[column, row], height) in mesh.vertices.iter().zip(&heights) {
        let steps = ((height - low) / step_m).round() as u16;
        vertices.push(quantized(column), quantized(row), steps);
    }
    let places = mesh.vertices.iter().zip(&heights).map(|(&node, &height)| {
        let [lon, lat] = samples.lonlat(node);
        [lon, lat, height]
    });
    let high_m = low + step_m * f64::from(QUANTIZED_MAX);
    let mut header = QuantizedMeshHeader::from_bounds_with_vertices_iter(
        &bounds,
        low as f32,
        high as f32,
        places,
    );
    header.max_height = high_m as f32;
    let edges = EdgeIndices::from_vertices(&vertices);
    let normals = mesh.vertices.iter().map(|&node| samples.normal(node));
    let options = EncodeOptions {
        include_normals: true,
        normals: Some(normals.collect()),
        ..EncodeOptions::default()
    };
    let triangles = mesh.triangles.iter().flatten().copied().collect();
    QuantizedMeshEncoder::new(header, vertices, triangles, edges).encode_with_options(&options)
}

fn side_deg(z: u8) -> f64 {
    TILE_0_DEG / 2_f64.powi(i32::from(z))
}

/// How far apart samples of a level lie from south to north, in metres.
fn spacing_m(z: u8) -> f64 {
    side_deg(z) / CELLS as f64 * DEGREE_M
}

fn tolerance_m(z: u8) -> f64 {
    (ERROR_0_M * ERROR_PART / 2_f64.powi(i32::from(z))).max(TOLERANCE_MIN_M)
}

/// Parts into which a side is cut at least, so that triangles follow the round Earth: an
/// arc of a radians lies Ra²/8 above its chord, and half of the tolerance goes to it.
fn base_segments(z: u8) -> usize {
    const EARTH_RADIUS_M: f64 = 6_371_000.0;
    let arc = (4.0 * tolerance_m(z) / EARTH_RADIUS_M).sqrt();
    let segments = (side_deg(z).to_radians() / arc).ceil().max(1.0) as usize;
    segments.next_power_of_two().min(CELLS)
}
