//! Heights of the ground at the nodes of a tile, and one node around it.

use geodesy::{Crs, Transform};
use model::Bounds;
use store::{HeightKind, SurveyView};

use super::{CELLS, GeodeticTile, HEIGHT_STEP_M, beyond, side_deg, spacing_m};
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
        let ground = Ground::new(survey, tile, undulation)?;
        let known = ground.known(1, 1)?;
        let heights_m = if known.heights_m.iter().any(|height| height.is_nan()) {
            beyond::filled(&ground)?.heights_m
        } else {
            known.heights_m
        };
        Ok(Samples {
            tile,
            heights_m: heights_m.into_iter().map(on_lattice).collect(),
        })
    }

    /// Height of a node of the tile, in metres.
    pub(super) fn height_m(&self, [column, row]: [usize; 2]) -> f64 {
        self.heights_m[(row + 1) * SIDE + column + 1]
    }

    /// Longitude and latitude of a node of the tile, in degrees.
    pub(super) fn lonlat(&self, [column, row]: [usize; 2]) -> [f64; 2] {
        lonlat_of(self.tile, [column as i64, row as i64])
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
}

/// The ground of a survey around a tile, as far as it is known.
pub(super) struct Ground<'a> {
    pub(super) survey: &'a SurveyView,
    pub(super) tile: GeodeticTile,
    pub(super) undulation: Option<&'a Undulation<'a>>,
    pub(super) covered_deg: Bounds,
    pub(super) to_lonlat: Transform,
    from_lonlat: Transform,
}

/// Heights at every few nodes of a tile and around it.
pub(super) struct Lattice {
    /// How many of the tile's nodes lie between two of them. A power of two, so that the
    /// tile beside has the same.
    pub(super) stride: usize,
    /// Of them around the tile, on each side.
    pub(super) around: usize,
    /// Along a side.
    pub(super) side: usize,
    /// NaN where the height is not known.
    pub(super) heights_m: Vec<f64>,
}

impl Lattice {
    /// Returns one without any height.
    pub(super) fn empty(stride: usize, around: usize) -> Lattice {
        let side = CELLS / stride + 1 + 2 * around;
        Lattice {
            stride,
            around,
            side,
            heights_m: vec![f64::NAN; side * side],
        }
    }

    pub(super) fn lonlat_of(&self, tile: GeodeticTile, i: usize) -> [f64; 2] {
        let node = [i % self.side, i / self.side]
            .map(|place| (place as i64 - self.around as i64) * self.stride as i64);
        lonlat_of(tile, node)
    }
}

impl<'a> Ground<'a> {
    fn new(
        survey: &'a SurveyView,
        tile: GeodeticTile,
        undulation: Option<&'a Undulation<'a>>,
    ) -> Result<Ground<'a>, Error> {
        let twin = Crs::from_code(survey.crs_code())?;
        Ok(Ground {
            survey,
            tile,
            undulation,
            covered_deg: bounds_deg(survey)?,
            to_lonlat: to_lonlat(survey)?,
            from_lonlat: Transform::new(&Crs::from_code("CRS84")?, &twin)?,
        })
    }

    /// How far the geoid lies over the ellipsoid; 0 where heights are to stay elevations.
    pub(super) fn undulation_m(&self, lonlat: [f64; 2]) -> f64 {
        self.undulation.and_then(|at| at(lonlat)).unwrap_or(0.0)
    }

    /// Known heights at every `stride`th node.
    pub(super) fn known(&self, stride: usize, around: usize) -> Result<Lattice, Error> {
        let mut known = Lattice::empty(stride, around);
        let lonlats: Vec<(usize, [f64; 2])> = (0..known.heights_m.len())
            .map(|i| (i, known.lonlat_of(self.tile, i)))
            .filter(|(_, lonlat)| self.covered_deg.contains(*lonlat))
            .collect();
        let mut places: Vec<[f64; 2]> = lonlats.iter().map(|(_, lonlat)| *lonlat).collect();
        self.from_lonlat.xy_in_place(&mut places)?;
        let Some(reached) = Bounds::of_points(places.iter().copied()) else {
            return Ok(known);
        };
        // The same for all tiles of a level, so that neighbours read the same overview:
        // degrees of longitude shrink to the north, and samples with them.
        let shrunk = self.covered_deg.centre()[1].to_radians().cos();
        let spacing_m = spacing_m(self.tile.z) * stride as f64 * shrunk;
        let [x, y] = self.survey.meta().bounds.centre();
        let probe = Bounds::new(x, y, x, y).map_err(|_| Error::EmptySurvey)?;
        let window = |bounds: &Bounds| {
            let kind = HeightKind::Terrain;
            self.survey.window(kind, bounds, spacing_m)
        };
        let cell_m = window(&probe)?.cell_size_m;
        let grid = window(&reached.expanded(2.0 * cell_m))?;
        for ((i, lonlat), place) in lonlats.into_iter().zip(places) {
            let elevation_m = f64::from(grid.sample(place));
            if !elevation_m.is_nan() {
                known.heights_m[i] = elevation_m + self.undulation_m(lonlat);
            }
        }
        Ok(known)
    }
}

/// Longitude and latitude of a node counted from the south-west of a tile. Nodes have
/// numbers that go on from tile to tile, so that both sides of an edge compute the same
/// place from the same number.
fn lonlat_of(tile: GeodeticTile, [column, row]: [i64; 2]) -> [f64; 2] {
    let step = side_deg(tile.z) / CELLS as f64;
    let number = |tile: u32, node: i64| (i64::from(tile) * CELLS as i64 + node) as f64;
    [
        -180.0 + number(tile.x, column) * step,
        -90.0 + number(tile.y, row) * step,
    ]
}

fn on_lattice(height_m: f64) -> f64 {
    (height_m / HEIGHT_STEP_M).round() * HEIGHT_STEP_M
}
