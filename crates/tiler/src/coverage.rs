//! What a survey's grids show, as files to give away.

use std::path::{Path, PathBuf};

use model::{Bounds, DataOrigin, Grid, GridFrame, Survey, VerticalDatum};
use store::{HeightKind, Overviews, RasterFormat, RasterWriter, Samples, SurveyView};

use crate::Error;
use crate::relief::{Lights, Shader, aspect_deg, for_each_row_of_slopes, slope_deg};

/// Cells along the sides of a block that is worked on at a time, rows and columns: whole
/// tiles of the file, and some tens of megabytes.
const BLOCK_ROWS: usize = 256;
const BLOCK_COLUMNS: usize = 4096;

/// Most cells of a file: 32 GiB before compression, Gotland at half a metre.
const CELLS_MAX: f64 = (1_u64 << 33) as f64;

/// What of a survey is written to a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Product {
    /// Elevation of the bare ground, in metres.
    Ground,
    /// Elevation of the highest returns, in metres.
    Surface,
    /// Height of the highest returns above ground, in metres.
    Height,
    /// How far the nearest measured ground is, in metres: what is over zero was filled in.
    Distance,
    /// Slope of the ground, in degrees, after Horn (1981).
    Slope,
    /// Where the ground faces, downhill, in degrees clockwise from the grid's north; without
    /// a value where it is level.
    Aspect,
    /// Shaded relief of the ground: 1, where no light falls, to 255, where it falls straight.
    Hillshade(Lights),
}

/// Writes what a survey's grids show to a new Cloud-Optimised GeoTIFF, and returns where its
/// cells lie. `done` is told of cells as they are finished.
///
/// Cells are those of the survey, or of `cell_size_m` from the same north-west corner: the
/// survey's overview where there is one of that size, and else bilinear between the cells of
/// the coarsest that is fine enough. Slopes are those between cells of the file. Memory is
/// that of some tiles; cells lie in a temporary file beside `out` until they are written.
///
/// # Errors
///
/// [`Error::Refused`] if there were over 2³³ cells; [`Error::Store`] if reading the survey
/// failed, or writing, also if `out` exists.
pub fn write_raster(
    survey: &SurveyView,
    product: Product,
    cell_size_m: Option<f64>,
    out: &Path,
    done: &mut dyn FnMut(u64),
) -> Result<GridFrame, Error> {
    let frame = frame(survey, product, cell_size_m)?;
    let shader = match product {
        Product::Hillshade(lights) => Some(Shader::new(lights)),
        _ => None,
    };
    let mut writer = RasterWriter::new(frame, scratch_beside(out))?;
    for top in (0..frame.rows).step_by(BLOCK_ROWS) {
        for left in (0..frame.columns).step_by(BLOCK_COLUMNS) {
            let block = Block {
                left,
                top,
                columns: BLOCK_COLUMNS.min(frame.columns - left),
                rows: BLOCK_ROWS.min(frame.rows - top),
            };
            let patch = match product {
                Product::Ground => elevations(survey, HeightKind::Terrain, &frame, &block, 0)?,
                Product::Surface => elevations(survey, HeightKind::Surface, &frame, &block, 0)?,
                Product::Distance => elevations(survey, HeightKind::Distance, &frame, &block, 0)?,
                Product::Height => {
                    let window = |around: &Bounds| survey.above_ground(around, frame.cell_size_m);
                    resampled(window, &frame, &block, 0)?
                }
                Product::Slope => of_slopes(survey, &frame, &block, each(slope_deg))?,
                Product::Aspect => of_slopes(survey, &frame, &block, each(aspect_deg))?,
                Product::Hillshade(_) => {
                    let shader = shader.as_ref().expect("it was made for this product");
                    // 0 is kept for cells without a value, as gdaldem does.
                    of_slopes(survey, &frame, &block, |to_east, to_north, values| {
                        shader.shade(to_east, to_north, values);
                        values
                            .iter_mut()
                            .for_each(|value| *value = 1.0 + 254.0 * *value);
                    })?
                }
            };
            writer.put(&patch)?;
            done((block.columns * block.rows) as u64);
        }
    }
    writer.finish(out, &format(survey, product))?;
    Ok(frame)
}

/// A rectangle of cells of the file.
struct Block {
    left: usize,
    top: usize,
    columns: usize,
    rows: usize,
}

/// Where the cells of the file lie: those of the survey, or others from the same corner.
fn frame(
    survey: &SurveyView,
    product: Product,
    cell_size_m: Option<f64>,
) -> Result<GridFrame, Error> {
    let kind = match product {
        Product::Surface => HeightKind::Surface,
        _ => HeightKind::Terrain,
    };
    let own = survey.heights_frame(kind)?;
    let Some(cell_size_m) = cell_size_m.filter(|size| *size != own.cell_size_m) else {
        return Ok(own);
    };
    let cells = |own_cells: usize| (own_cells as f64 * own.cell_size_m / cell_size_m).ceil();
    let (columns, rows) = (cells(own.columns), cells(own.rows));
    // What is not a number is not below the limit.
    let fits = columns * rows <= CELLS_MAX;
    if cell_size_m <= 0.0 || !fits {
        return Err(Error::Refused(format!(
            "{columns} × {rows} cells of {cell_size_m} m are over the limit of {CELLS_MAX}: choose a larger cell size"
        )));
    }
    Ok(GridFrame {
        cell_size_m,
        columns: columns as usize,
        rows: rows as usize,
        ..own
    })
}

/// Elevations of a block, and of so many cells around it.
fn elevations(
    survey: &SurveyView,
    kind: HeightKind,
    frame: &GridFrame,
    block: &Block,
    around: usize,
) -> Result<Grid, Error> {
    let window = |bounds: &Bounds| survey.window(kind, bounds, frame.cell_size_m);
    resampled(window, frame, block, around)
}

/// What is told of the slopes of a block: `tell` gets those of a row to the east and to the
/// north, and writes as many values.
fn of_slopes(
    survey: &SurveyView,
    frame: &GridFrame,
    block: &Block,
    tell: impl Fn(&[f32], &[f32], &mut [f32]),
) -> Result<Grid, Error> {
    let wide = elevations(survey, HeightKind::Terrain, frame, block, 1)?;
    let mut patch = empty(frame, block, 0);
    let inner = 1..=block.columns;
    for_each_row_of_slopes(&wide, |row, to_east, to_north| {
        let Some(row) = row.checked_sub(1).filter(|row| *row < block.rows) else {
            return;
        };
        let values = &mut patch.values[row * block.columns..(row + 1) * block.columns];
        tell(&to_east[inner.clone()], &to_north[inner.clone()], values);
    });
    Ok(patch)
}

/// What is told of one slope, for all of a row.
fn each(tell: fn([f32; 2]) -> f32) -> impl Fn(&[f32], &[f32], &mut [f32]) {
    move |to_east, to_north, values| {
        let slopes = to_east.iter().zip(to_north);
        for (value, (&to_east, &to_north)) in values.iter_mut().zip(slopes) {
            *value = tell([to_east, to_north]);
        }
    }
}

/// The cells of a block, and so many around it, from a window of the survey: just those
/// where the survey or one of its overviews has them, else bilinear between them.
fn resampled(
    window: impl Fn(&Bounds) -> Result<Grid, store::Error>,
    frame: &GridFrame,
    block: &Block,
    around: usize,
) -> Result<Grid, Error> {
    let mut patch = empty(frame, block, around);
    let [west, north] = patch.centre_of(0, 0);
    let [east, south] = patch.centre_of(patch.columns - 1, patch.rows - 1);
    let middles = Bounds::new(west, south, east, north)
        .map_err(|_| Error::Refused("the survey's cells have no place".to_owned()))?;
    let exact = window(&middles)?;
    let same = exact.cell_size_m == frame.cell_size_m
        && (exact.columns, exact.rows) == (patch.columns, patch.rows);
    if same {
        return Ok(exact);
    }
    // A cell more on each side is all that bilinear weights reach.
    let source = window(&middles.expanded(exact.cell_size_m))?;
    for row in 0..patch.rows {
        for column in 0..patch.columns {
            let value = source.sample(patch.centre_of(column, row));
            patch.values[row * patch.columns + column] = value;
        }
    }
    Ok(patch)
}

fn empty(frame: &GridFrame, block: &Block, around: usize) -> Grid {
    let cells = |n: usize| n as f64 - around as f64;
    Grid::empty(
        frame.west + cells(block.left) * frame.cell_size_m,
        frame.north - cells(block.top) * frame.cell_size_m,
        frame.cell_size_m,
        block.columns + 2 * around,
        block.rows + 2 * around,
    )
}

fn format(survey: &SurveyView, product: Product) -> RasterFormat {
    let meta = survey.meta();
    let vertical_code = match (&meta.vertical, product) {
        (VerticalDatum::Known { code, .. }, Product::Ground | Product::Surface) => {
            Some(code.clone())
        }
        _ => None,
    };
    let (samples, overviews, unit) = match product {
        Product::Ground | Product::Distance => (Samples::Float32, Overviews::Mean, "metre"),
        Product::Surface | Product::Height => (Samples::Float32, Overviews::Maximum, "metre"),
        Product::Slope => (Samples::Float32, Overviews::Mean, "degree"),
        Product::Aspect => (Samples::Float32, Overviews::First, "degree"),
        Product::Hillshade(_) => (Samples::Byte, Overviews::Mean, ""),
    };
    RasterFormat {
        samples,
        overviews,
        crs_code: survey.crs_code().to_owned(),
        vertical_code,
        unit,
        description: description(meta, product),
    }
}

fn description(meta: &Survey, product: Product) -> String {
    let what = match product {
        Product::Ground => "Ground elevation",
        Product::Surface => "Elevation of the highest returns",
        Product::Height => "Height above ground",
        Product::Distance => "Distance from the nearest measured ground",
        Product::Slope => "Slope of the ground",
        Product::Aspect => "Aspect of the ground, clockwise from grid north",
        Product::Hillshade(Lights::Soft) => "Hillshade of the ground, four soft lights",
        Product::Hillshade(Lights::One { .. }) => "Hillshade of the ground, one light",
        Product::Hillshade(Lights::Multi { .. }) => "Hillshade of the ground, multidirectional",
    };
    let datum = match &meta.vertical {
        VerticalDatum::Known { name, .. } => name.as_str(),
        VerticalDatum::Unknown => "unknown vertical datum",
    };
    let flown = meta.flown.map(|day| format!(", flown {day}"));
    let origin = match meta.data_origin {
        Some(DataOrigin::Synthetic) => ", synthetic data",
        _ => "",
    };
    format!(
        "{what}; survey {} ({}), {datum}{}{origin}",
        meta.id,
        meta.title,
        flown.unwrap_or_default()
    )
}

/// Where the file lies while it is made.
fn scratch_beside(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".cells");
    PathBuf::from(name)
}
