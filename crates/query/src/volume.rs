//! How much lies between a survey and a plane or another survey, in a polygon.

use geo_types::{MultiPolygon, Polygon};
use model::{Bounds, Grid, VerticalDatum};
use store::{Error, HeightKind, SurveyView};

/// Most cells that one answer is computed over: 4 km square at 2 m, some tens of
/// milliseconds. A larger area is computed in coarser cells.
pub const MAX_CELLS: f64 = 4_000_000.0;

/// Most vertices of the polygon.
pub const MAX_VERTICES: usize = 10_000;

/// Standard uncertainty of a whole survey's level, in metres, which all its points share and
/// which no number of points makes smaller. It is assumed, not measured: three to six
/// centimetres are usual for airborne laser and for drones with ground control.
pub const LEVEL_UNCERTAINTY_M: f64 = 0.05;

/// Standard uncertainty of the terrain in one cell, in metres, independent of other cells:
/// noise of the scanner and interpolation on open ground. Assumed, not measured.
pub const CELL_UNCERTAINTY_M: f64 = 0.10;

/// Lines on which the edge of the polygon is followed through a row of cells.
const SCANS_PER_ROW: usize = 8;

/// What a survey is measured against.
#[derive(Debug, Clone)]
pub enum Reference<'a> {
    /// A level plane at an elevation in the survey's own datum.
    Plane(f64),
    /// Another survey, as the state before.
    Survey(&'a SurveyView),
}

/// What lies between.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// Where the survey lies above the reference: what was filled, or stands above the plane.
    pub fill_m3: f64,
    /// Where it lies below: what was cut, or is missing up to the plane. Not negative.
    pub cut_m3: f64,
    /// The part of the polygon where both are known.
    pub area_m2: f64,
    /// The whole polygon.
    pub polygon_area_m2: f64,
    /// Mean of survey less reference; none without any area.
    pub mean_difference_m: Option<f64>,
    /// Side of the cells.
    pub cell_size_m: f64,
    /// Cells that the polygon touches.
    pub cells: u64,
    /// Those of them where the survey or the reference has no elevation. Their volume is not
    /// known, and not counted.
    pub cells_without_data: u64,
    /// One standard deviation of the net volume, by [`LEVEL_UNCERTAINTY_M`] and
    /// [`CELL_UNCERTAINTY_M`] for each survey.
    pub net_uncertainty_m3: f64,
}

impl Volume {
    /// Fill less cut.
    pub fn net_m3(&self) -> f64 {
        self.fill_m3 - self.cut_m3
    }
}

/// Why there is no volume.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// Elevations that are not counted from the same zero cannot be subtracted.
    #[error(
        "the elevations of {survey} are in {datum} and those of {other} in {other_datum}: volumes need one datum, so ingest both with the same --vertical"
    )]
    DatumsDiffer {
        /// The one survey.
        survey: String,
        /// Its datum.
        datum: String,
        /// The other survey.
        other: String,
        /// Its datum.
        other_datum: String,
    },
    /// The polygon cannot be used.
    #[error("{0}")]
    BadPolygon(String),
    /// Reading failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Returns whether elevations of both are counted from the same known zero.
///
/// # Errors
///
/// [`VolumeError::DatumsDiffer`] if they are not, or if either is unknown.
pub fn check_datums(survey: &SurveyView, other: &SurveyView) -> Result<(), VolumeError> {
    let datums = [survey, other].map(|survey| &survey.meta().vertical);
    if let [
        VerticalDatum::Known { code: one, .. },
        VerticalDatum::Known { code: two, .. },
    ] = datums
        && one == two
    {
        return Ok(());
    }
    let name = |datum: &VerticalDatum| match datum {
        VerticalDatum::Known { name, .. } => name.clone(),
        VerticalDatum::Unknown => "an unknown datum".to_owned(),
    };
    Err(VolumeError::DatumsDiffer {
        survey: survey.meta().id.to_string(),
        datum: name(datums[0]),
        other: other.meta().id.to_string(),
        other_datum: name(datums[1]),
    })
}

/// Returns what lies between a survey and a reference, in polygons in the twin's CRS.
///
/// The difference is taken in the middle of each cell of the survey, and counted with the
/// part of the cell that lies in the polygon. Holes are left out; where polygons overlap
/// each other an even number of times, so is the overlap.
///
/// # Errors
///
/// See [`VolumeError`].
pub fn volume(
    survey: &SurveyView,
    kind: HeightKind,
    reference: &Reference,
    polygon: &MultiPolygon<f64>,
) -> Result<Volume, VolumeError> {
    if let Reference::Survey(other) = reference {
        check_datums(survey, other)?;
    }
    let bad = |what: &str| VolumeError::BadPolygon(what.to_owned());
    let edges = edges(polygon);
    if edges.len() > MAX_VERTICES {
        return Err(VolumeError::BadPolygon(format!(
            "a polygon of at most {MAX_VERTICES} vertices"
        )));
    }
    let corners = edges.iter().flatten().copied();
    let bounds = Bounds::of_points(corners).ok_or_else(|| bad("a polygon with an area"))?;
    if !(bounds.width() > 0.0 && bounds.height() > 0.0) {
        return Err(bad("a polygon with an area"));
    }
    let common = overlap(&bounds, &survey.meta().bounds);
    let Some(common) = common else {
        return Err(bad("a polygon that touches the survey"));
    };
    let cell_m = cell_size(survey, kind, &common)?;
    let grid = survey.window(kind, &common, cell_m)?;
    let other = match reference {
        Reference::Plane(_) => None,
        Reference::Survey(other) => {
            // Room for the neighbours that interpolation asks for.
            let reach = common.expanded(2.0 * grid.cell_size_m);
            overlap(
                &reach,
                &other.meta().bounds.expanded(2.0 * grid.cell_size_m),
            )
            .map(|around| other.window(kind, &around, grid.cell_size_m))
            .transpose()?
        }
    };
    let at = |place: [f64; 2]| match (reference, &other) {
        (Reference::Plane(elevation_m), _) => *elevation_m,
        (Reference::Survey(_), Some(grid)) => f64::from(grid.sample(place)),
        (Reference::Survey(_), None) => f64::NAN,
    };
    let surveys = match reference {
        Reference::Plane(_) => 1.0,
        Reference::Survey(_) => 2.0,
    };
    Ok(integrate(&grid, &edges, &at, surveys))
}

fn integrate(
    grid: &Grid,
    edges: &[[[f64; 2]; 2]],
    reference: &dyn Fn([f64; 2]) -> f64,
    surveys: f64,
) -> Volume {
    let cell_area_m2 = grid.cell_size_m * grid.cell_size_m;
    let mut volume = Volume {
        fill_m3: 0.0,
        cut_m3: 0.0,
        area_m2: 0.0,
        polygon_area_m2: area(edges),
        mean_difference_m: None,
        cell_size_m: grid.cell_size_m,
        cells: 0,
        cells_without_data: 0,
        net_uncertainty_m3: 0.0,
    };
    let mut covered = vec![0.0_f64; grid.columns];
    let mut squares_m4 = 0.0;
    for row in 0..grid.rows {
        cover(grid, row, edges, &mut covered);
        for (column, &share) in covered.iter().enumerate() {
            if share <= 0.0 {
                continue;
            }
            volume.cells += 1;
            let elevation_m = f64::from(grid.values[row * grid.columns + column]);
            let difference_m = elevation_m - reference(grid.centre_of(column, row));
            if !difference_m.is_finite() {
                volume.cells_without_data += 1;
                continue;
            }
            let area_m2 = share * cell_area_m2;
            volume.area_m2 += area_m2;
            squares_m4 += area_m2 * area_m2;
            if difference_m > 0.0 {
                volume.fill_m3 += area_m2 * difference_m;
            } else {
                volume.cut_m3 -= area_m2 * difference_m;
            }
        }
    }
    if volume.area_m2 > 0.0 {
        volume.mean_difference_m = Some(volume.net_m3() / volume.area_m2);
    }
    let level_m3 = LEVEL_UNCERTAINTY_M * volume.area_m2;
    let variance = level_m3 * level_m3 + CELL_UNCERTAINTY_M * CELL_UNCERTAINTY_M * squares_m4;
    volume.net_uncertainty_m3 = (surveys * variance).sqrt();
    volume
}

/// Which share of each cell of a row lies inside the edges, by the even-odd rule: exact from
/// west to east, on some lines from north to south.
fn cover(grid: &Grid, row: usize, edges: &[[[f64; 2]; 2]], covered: &mut [f64]) {
    covered.fill(0.0);
    let cell = grid.cell_size_m;
    let top = grid.north - row as f64 * cell;
    let bottom = top - cell;
    let near: Vec<&[[f64; 2]; 2]> = edges
        .iter()
        .filter(|[a, b]| a[1].min(b[1]) < top && a[1].max(b[1]) > bottom)
        .collect();
    let mut crossings = Vec::new();
    for scan in 0..SCANS_PER_ROW {
        let y = top - (scan as f64 + 0.5) / SCANS_PER_ROW as f64 * cell;
        crossings.clear();
        for [a, b] in &near {
            if (a[1] > y) != (b[1] > y) {
                let x = a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]);
                crossings.push((x - grid.west) / cell);
            }
        }
        crossings.sort_unstable_by(f64::total_cmp);
        for inside in crossings.chunks_exact(2) {
            let from = inside[0].clamp(0.0, grid.columns as f64);
            let to = inside[1].clamp(0.0, grid.columns as f64);
            let mut column = from.floor();
            while column < to {
                let share = (column + 1.0).min(to) - column.max(from);
                covered[column as usize] += share / SCANS_PER_ROW as f64;
                column += 1.0;
            }
        }
    }
}

/// All edges of a polygon, holes among them, as pairs of ends.
fn edges(polygon: &MultiPolygon<f64>) -> Vec<[[f64; 2]; 2]> {
    let rings = |polygon: &Polygon<f64>| {
        let mut rings = vec![polygon.exterior().clone()];
        rings.extend(polygon.interiors().iter().cloned());
        rings
    };
    let mut edges = Vec::new();
    for ring in polygon.iter().flat_map(rings) {
        edges.extend(
            ring.lines()
                .map(|l| [[l.start.x, l.start.y], [l.end.x, l.end.y]]),
        );
    }
    edges
}

/// Area within edges, holes less, whichever way rings turn: by the same rule as [`cover`],
/// on as many lines as a survey of this size would have.
fn area(edges: &[[[f64; 2]; 2]]) -> f64 {
    let Some(bounds) = Bounds::of_points(edges.iter().flatten().copied()) else {
        return 0.0;
    };
    const LINES: usize = 4096;
    let step = bounds.height() / LINES as f64;
    let mut sum = 0.0;
    let mut crossings = Vec::new();
    for line in 0..LINES {
        let y = bounds.min_y() + (line as f64 + 0.5) * step;
        crossings.clear();
        for [a, b] in edges {
            if (a[1] > y) != (b[1] > y) {
                crossings.push(a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]));
            }
        }
        crossings.sort_unstable_by(f64::total_cmp);
        sum += crossings.chunks_exact(2).map(|x| x[1] - x[0]).sum::<f64>();
    }
    sum * step
}

/// The finest cells of the survey that are not too many for the box.
fn cell_size(survey: &SurveyView, kind: HeightKind, bounds: &Bounds) -> Result<f64, Error> {
    let [x, y] = bounds.centre();
    let probe = Bounds::new(x, y, x, y)
        .map_err(|_| Error::Refused("the polygon is not finite".to_owned()))?;
    let mut cell_m = survey.window(kind, &probe, 0.0)?.cell_size_m;
    while bounds.width() / cell_m * bounds.height() / cell_m > MAX_CELLS {
        cell_m *= 2.0;
    }
    Ok(cell_m)
}

fn overlap(a: &Bounds, b: &Bounds) -> Option<Bounds> {
    Bounds::new(
        a.min_x().max(b.min_x()),
        a.min_y().max(b.min_y()),
        a.max_x().min(b.max_x()),
        a.max_y().min(b.max_y()),
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(west: f64, south: f64, side: f64) -> Vec<[[f64; 2]; 2]> {
        let [a, b, c, d] = [
            [west, south],
            [west + side, south],
            [west + side, south + side],
            [west, south + side],
        ];
        vec![[a, b], [b, c], [c, d], [d, a]]
    }

    fn level(elevation_m: f32) -> Grid {
        let mut grid = Grid::empty(0.0, 20.0, 1.0, 20, 20);
        grid.values.fill(elevation_m);
        grid
    }

    #[test]
    fn a_box_is_its_height_times_its_area_wherever_its_edges_cut_cells() {
        for (place, side) in [(2.0, 10.0), (2.25, 10.5), (2.3, 7.7)] {
            let volume = integrate(&level(3.0), &square(place, place, side), &|_| 1.0, 1.0);
            let area_m2 = side * side;
            // Edges along rows are followed on eight lines in each.
            let slack = 2.0 * side / SCANS_PER_ROW as f64;
            assert!((volume.area_m2 - area_m2).abs() <= slack, "{volume:?}");
            assert!((volume.polygon_area_m2 - area_m2).abs() < 1e-3 * area_m2);
            assert!((volume.fill_m3 - 2.0 * volume.area_m2).abs() < 1e-9);
            assert_eq!(volume.cut_m3, 0.0);
            assert!((volume.mean_difference_m.unwrap() - 2.0).abs() < 1e-12);
            assert_eq!(volume.cells_without_data, 0);
        }
    }

    #[test]
    fn a_tilted_plane_cuts_as_much_as_it_fills() {
        let mut grid = level(0.0);
        for row in 0..20 {
            for column in 0..20 {
                let [x, _] = grid.centre_of(column, row);
                grid.values[row * 20 + column] = (0.1 * (x - 10.0)) as f32;
            }
        }
        let volume = integrate(&grid, &square(0.0, 0.0, 20.0), &|_| 0.0, 1.0);
        // Each half is a wedge: 10 m long, 20 m wide, 1 m high at its end.
        assert!((volume.fill_m3 - 100.0).abs() < 1e-3, "{volume:?}");
        assert!((volume.cut_m3 - 100.0).abs() < 1e-3);
        assert!(volume.net_m3().abs() < 1e-3);
        assert_eq!(volume.area_m2, 400.0);
        // 5 cm of level over 400 m² are 20 m³; the cells' own noise adds a tenth of that.
        assert!((volume.net_uncertainty_m3 - (400.0_f64 + 4.0).sqrt()).abs() < 1e-9);
    }

    #[test]
    fn a_cone_is_a_third_of_its_cylinder() {
        let mut grid = Grid::empty(-30.0, 30.0, 0.5, 120, 120);
        for row in 0..120 {
            for column in 0..120 {
                let [x, y] = grid.centre_of(column, row);
                grid.values[row * 120 + column] = (10.0 - 0.5 * x.hypot(y)).max(0.0) as f32;
            }
        }
        let volume = integrate(&grid, &square(-25.0, -25.0, 50.0), &|_| 0.0, 1.0);
        let truth = std::f64::consts::PI * 20.0 * 20.0 * 10.0 / 3.0;
        assert!((volume.fill_m3 / truth - 1.0).abs() < 1e-3, "{volume:?}");
    }

    #[test]
    fn cells_without_data_are_counted_and_not_guessed() {
        let mut grid = level(2.0);
        grid.values[..5 * 20].fill(f32::NAN);
        let mut edges = square(0.0, 0.0, 20.0);
        // A hole in the part that is known.
        edges.extend(square(2.0, 2.0, 4.0));
        let volume = integrate(&grid, &edges, &|_| 0.0, 2.0);
        assert_eq!(volume.cells_without_data, 100);
        assert_eq!(volume.area_m2, 300.0 - 16.0);
        assert_eq!(volume.fill_m3, 2.0 * 284.0);
        assert!((volume.polygon_area_m2 - 384.0).abs() < 0.1);
        let nowhere = integrate(&grid, &square(0.0, 16.0, 3.0), &|_| 0.0, 1.0);
        assert_eq!(nowhere.mean_difference_m, None);
    }
}
