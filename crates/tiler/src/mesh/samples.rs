//! Heights of the ground at the nodes of a tile, and one node around it.

use geodesy::{Crs, Transform};
use model::Bounds;
use store::{HeightKind, SurveyView};

use super::{CELLS, GeodeticTile, HEIGHT_STEP_M, side_deg, spacing_m};
use crate::Error;
use crate::cloud::Undulation;

/// Nodes along a side, with one around the tile: slopes at its edge need them.
const SIDE: usize = CELLS + 3;

/// Heights at the nodes of a tile. Nodes are counted from the south-west.
pub(super) struct Samples {
    tile: GeodeticTile,
    heights_m: Vec<f64>,
}

/// The survey's box in longitude and latitude.
pub(super) fn bounds_deg(survey: &SurveyView) -> Result<Bounds, Error> {
    Ok(to_lonlat(survey)?.bounds(&survey.meta().bounds)?)
}

fn to_lonlat(survey: &SurveyView) -> Result<Transform, Error> {
    let twin = Crs::from_code(survey.crs_code())?;
    Ok(Transform::new(&twin, &Crs::from_code("CRS84")?)?)
}

impl Samples {
    pub(super) fn of_tile(
        survey: &SurveyView,
        tile: GeodeticTile,
        undulation: Option<&Undulation<'_>>,
    ) -> Result<Samples, Error> {
        let raised = |lonlat: [f64; 2]| undulation.and_then(|at| at(lonlat));
        let covered_deg = bounds_deg(survey)?;
        // Beyond the survey all is flat, whatever tile asks.
        let zero_m = on_lattice(raised(covered_deg.centre()).unwrap_or(0.0));
        let mut samples = Samples {
            tile,
            heights_m: vec![zero_m; SIDE * SIDE],
        };
        let inside: Vec<usize> = (0..SIDE * SIDE)
            .filter(|&i| covered_deg.contains(samples.lonlat_of(i)))
            .collect();
        let twin = Crs::from_code(survey.crs_code())?;
        let from_lonlat = Transform::new(&Crs::from_code("CRS84")?, &twin)?;
        let mut places: Vec<[f64; 2]> = inside.iter().map(|&i| samples.lonlat_of(i)).collect();
        let undulations: Vec<f64> = places
            .iter()
            .map(|&lonlat| raised(lonlat).unwrap_or(0.0))
            .collect();
        from_lonlat.xy_in_place(&mut places)?;
        let Some(around) = Bounds::of_points(places.iter().copied()) else {
            return Ok(samples);
        };
        // The same for all tiles of a level, so that neighbours read the same overview:
        // degrees of longitude shrink to the north, and samples with them.
        let spacing_m = spacing_m(tile.z) * covered_deg.centre()[1].to_radians().cos();
        let [x, y] = survey.meta().bounds.centre();
        let probe = Bounds::new(x, y, x, y).map_err(|_| Error::EmptySurvey)?;
        let kind = HeightKind::Terrain;
        let cell_m = survey.window(kind, &probe, spacing_m)?.cell_size_m;
        let grid = survey.window(kind, &around.expanded(2.0 * cell_m), spacing_m)?;
        for ((i, place), undulation_m) in inside.into_iter().zip(places).zip(undulations) {
            let elevation = f64::from(grid.sample(place));
            if !elevation.is_nan() {
                samples.heights_m[i] = on_lattice(elevation + undulation_m);
            }
        }
        Ok(samples)
    }

    /// Height of a node of the tile, in metres.
    pub(super) fn height_m(&self, [column, row]: [usize; 2]) -> f64 {
        self.heights_m[(row + 1) * SIDE + column + 1]
    }

    /// Longitude and latitude of a node of the tile, in degrees.
    pub(super) fn lonlat(&self, [column, row]: [usize; 2]) -> [f64; 2] {
        self.lonlat_of((row + 1) * SIDE + column + 1)
    }

    /// The way up from the ground at a node of the tile, in geocentric axes.
    pub(super) fn normal(&self, [column, row]: [usize; 2]) -> [f32; 3] {
        let [lon, lat] = self.lonlat([column, row]).map(f64::to_radians);
        let at = |dx: usize, dy: usize| self.heights_m[(row + dy) * SIDE + column + dx];
        let step_m = spacing_m(self.tile.z);
        let east = (at(2, 1) - at(0, 1)) / (2.0 * step_m * lat.cos().max(1e-6));
        let north = (at(1, 2) - at(1, 0)) / (2.0 * step_m);
        let length = (east * east + north * north + 1.0).sqrt();
        let [e, n, u] = [-east / length, -north / length, 1.0 / length];
        let ((sin_lon, cos_lon), (sin_lat, cos_lat)) = (lon.sin_cos(), lat.sin_cos());
        [
            -sin_lon * e - sin_lat * cos_lon * n + cos_lat * cos_lon * u,
            cos_lon * e - sin_lat * sin_lon * n + cos_lat * sin_lon * u,
            cos_lat * n + sin_lat * u,
        ]
        .map(|part| part as f32)
    }

    /// Nodes have numbers that go on from tile to tile, so that both sides of an edge
    /// compute the same place from the same number.
    fn lonlat_of(&self, i: usize) -> [f64; 2] {
        let step = side_deg(self.tile.z) / CELLS as f64;
        let number =
            |tile: u32, node: usize| (i64::from(tile) * CELLS as i64 + node as i64 - 1) as f64;
        [
            -180.0 + number(self.tile.x, i % SIDE) * step,
            -90.0 + number(self.tile.y, i / SIDE) * step,
        ]
    }
}

fn on_lattice(height_m: f64) -> f64 {
    (height_m / HEIGHT_STEP_M).round() * HEIGHT_STEP_M
}
