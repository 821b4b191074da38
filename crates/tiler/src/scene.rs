//! What a survey knows around the pixels of a tile.

use geodesy::TileMatrixSet;
use image::ExtendedColorType;
use model::{Bounds, Grid, TileCoord};
use store::{HeightKind, SurveyView};

use crate::Error;
use crate::boxes::ways;
use crate::format::ImageFormat;
use crate::positions::{PixelGrid, PixelRect};
use crate::relief::slopes;

/// Largest side of an image, in pixels: four times the tiles of usual clients at
/// twice their resolution. A request cannot make us hold more than some 100 MB.
const SIZE_PX_MAX: u32 = 2048;

/// Which of a survey's values.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Values {
    Elevations(HeightKind),
    AboveGround,
}

impl Values {
    fn window(
        self,
        survey: &SurveyView,
        bounds: &Bounds,
        cell_size_m: f64,
    ) -> Result<Grid, store::Error> {
        match self {
            Values::Elevations(kind) => survey.window(kind, bounds, cell_size_m),
            Values::AboveGround => survey.above_ground(bounds, cell_size_m),
        }
    }
}

/// What a survey knows around the pixels of a tile.
pub(crate) struct Scene {
    pixels: PixelGrid,
    /// The tile's pixels.
    whole: PixelRect,
    /// Those of them that can have data, and the cells around these.
    data: Option<(PixelRect, Grid)>,
}

impl Scene {
    pub(crate) fn of_tile(
        survey: &SurveyView,
        of: Values,
        tms: &TileMatrixSet,
        tile: TileCoord,
        size_px: u32,
    ) -> Result<Scene, Error> {
        if size_px == 0 || size_px > SIZE_PX_MAX {
            return Err(Error::Image(format!(
                "a side of {size_px} pixels is not between 1 and {SIZE_PX_MAX}"
            )));
        }
        let ways = ways(survey.crs_code(), tms)?;
        let back = ways.as_ref().map(|(_, back)| back.clone());
        let (pixels, whole) = PixelGrid::of_tile(back, tms, tile, size_px)?;
        let mut scene = Scene {
            pixels,
            whole,
            data: None,
        };
        let to_tms = |bounds: &Bounds| match &ways {
            None => Ok(*bounds),
            Some((forward, _)) => forward.bounds(bounds),
        };
        let points = survey.meta().bounds;
        // The same in all tiles of the level, so that neighbours use the same overview.
        let middle = to_tms(&points)?.centre();
        let Some(pixel_m) = scene.pixels.pixel_on_ground(middle) else {
            return Ok(scene);
        };
        // Cells can be far larger than pixels: one cell tells how large they are.
        let [x, y] = points.centre();
        let Ok(probe) = Bounds::new(x, y, x, y) else {
            return Ok(scene);
        };
        let cell_m = of.window(survey, &probe, pixel_m)?.cell_size_m;
        let covered = points.expanded(cell_m);
        let Some(rect) = scene.pixels.part_over(&whole, &to_tms(&covered)?) else {
            return Ok(scene);
        };
        let mut positions: Vec<[f64; 2]> = Vec::new();
        scene.pixels.for_each(&rect, |_, _, row| {
            positions.extend(row.first());
            positions.extend(row.last());
        });
        let Some(around) = Bounds::of_points(positions) else {
            return Ok(scene);
        };
        // Two more cells on each side are all that interpolated slopes need.
        let around = around.expanded(2.0 * cell_m);
        let reach = covered.expanded(2.0 * cell_m);
        let wanted = Bounds::new(
            around.min_x().max(reach.min_x()),
            around.min_y().max(reach.min_y()),
            around.max_x().min(reach.max_x()),
            around.max_y().min(reach.max_y()),
        );
        if let Ok(wanted) = wanted {
            let grid = of.window(survey, &wanted, pixel_m)?;
            scene.data = Some((rect, grid));
        }
        Ok(scene)
    }

    /// Calls `paint` with the place in the image and the sample of each pixel that has data.
    pub(crate) fn paint<const N: usize>(
        &self,
        field: impl Fn(&Grid) -> Field<N>,
        mut paint: impl FnMut(usize, [f32; N]),
    ) {
        let Some((rect, grid)) = &self.data else {
            return;
        };
        let field = field(grid);
        let (dx, dy) = (
            (rect.left - self.whole.left) as usize,
            (rect.top - self.whole.top) as usize,
        );
        self.pixels.for_each(rect, |column, row, positions| {
            let start = (row + dy) * self.whole.width + column + dx;
            for (i, &position) in positions.iter().enumerate() {
                if let Some(sample) = field.sample(position) {
                    paint(start + i, sample);
                }
            }
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.whole.width * self.whole.height
    }

    pub(crate) fn encode(
        &self,
        pixels: &[u8],
        colour: ExtendedColorType,
        format: ImageFormat,
    ) -> Result<Vec<u8>, Error> {
        let size = [self.whole.width as u32, self.whole.height as u32];
        format.encode(pixels, size, colour)
    }
}

/// Values in the middles of cells, interpolated between them.
///
/// Cells are counted from a corner that all windows of a survey's overview share, so
/// that a sample is the same to the bit whichever window it is taken from.
pub(crate) struct Field<const N: usize> {
    phase: [f64; 2],
    cell_m: f64,
    first: [i64; 2],
    columns: usize,
    rows: usize,
    /// NaN in its first number marks a cell without data.
    values: Vec<[f32; N]>,
}

impl<const N: usize> Field<N> {
    fn new(grid: &Grid, values: Vec<[f32; N]>) -> Field<N> {
        // To the micrometre, which is finer than any cell lies and coarser than what
        // different ways to compute it differ by.
        let phase = [grid.west, -grid.north].map(|edge| {
            let phase = (edge.rem_euclid(grid.cell_size_m) * 1e6).round() / 1e6;
            if phase < grid.cell_size_m { phase } else { 0.0 }
        });
        let first = |edge: f64, phase: f64| ((edge - phase) / grid.cell_size_m).round() as i64;
        Field {
            phase,
            cell_m: grid.cell_size_m,
            first: [first(grid.west, phase[0]), first(-grid.north, phase[1])],
            columns: grid.columns,
            rows: grid.rows,
            values,
        }
    }

    /// Bilinear; where some of the four cells around have no value, the others are
    /// weighted among themselves; nothing if the cell that holds the point has none.
    fn sample(&self, [x, y]: [f64; 2]) -> Option<[f32; N]> {
        let u = (x - self.phase[0]) / self.cell_m;
        let v = (-y - self.phase[1]) / self.cell_m;
        self.get(u.floor() as i64, v.floor() as i64)?;
        let (u, v) = (u - 0.5, v - 0.5);
        let (left, top) = (u.floor(), v.floor());
        let (fu, fv) = ((u - left) as f32, (v - top) as f32);
        let (left, top) = (left as i64, top as i64);
        let mut sum = [0.0; N];
        let mut weights = 0.0;
        for (dc, dr, weight) in [
            (0, 0, (1.0 - fu) * (1.0 - fv)),
            (1, 0, fu * (1.0 - fv)),
            (0, 1, (1.0 - fu) * fv),
            (1, 1, fu * fv),
        ] {
            if let Some(value) = self.get(left + dc, top + dr) {
                weights += weight;
                for (sum, value) in sum.iter_mut().zip(value) {
                    *sum += weight * value;
                }
            }
        }
        Some(sum.map(|s| s / weights))
    }

    fn get(&self, column: i64, row: i64) -> Option<[f32; N]> {
        let column = usize::try_from(column - self.first[0]).ok()?;
        let row = usize::try_from(row - self.first[1]).ok()?;
        if column >= self.columns || row >= self.rows {
            return None;
        }
        let value = self.values[row * self.columns + column];
        (!value[0].is_nan()).then_some(value)
    }
}

/// Elevations in metres.
pub(crate) fn elevations(grid: &Grid) -> Field<1> {
    Field::new(grid, grid.values.iter().map(|&v| [v]).collect())
}

/// Rise to the east and to the north of each cell.
pub(crate) fn slopes_of(grid: &Grid) -> Field<2> {
    Field::new(grid, slopes(grid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::{ORIGIN, Town};
    use geodesy::{Crs, Transform};

    #[test]
    fn a_tile_of_any_level_reads_no_more_cells_than_it_takes() {
        let town = Town::new("EPSG:3014");
        let (cells, cell_m) = (3000, 1.0);
        let half = cells as f64 * cell_m / 2.0;
        let mut grid = Grid::empty(ORIGIN[0] - half, ORIGIN[1] + half, cell_m, cells, cells);
        grid.values.fill(7.0);
        let survey = town.put_terrain("wide", &grid);
        for id in ["WebMercatorQuad", "SWEREF99TM"] {
            let tms = TileMatrixSet::by_id(id).unwrap();
            let way = Transform::new(&Crs::from_code("EPSG:3014").unwrap(), &tms.crs).unwrap();
            let at = way.xy(ORIGIN).unwrap();
            for z in tms.levels() {
                let tile = tms.tile_at(z, at).unwrap();
                for of in [Values::Elevations(HeightKind::Terrain), Values::AboveGround] {
                    let scene = Scene::of_tile(&survey, of, tms, tile, 256).unwrap();
                    let (_, read) = scene.data.unwrap();
                    // Cells are at most half as wide as pixels, and tiles may lie askew.
                    let most = (3 * 256_usize).pow(2);
                    assert!(read.values.len() < most, "{id} {z}: {}", read.values.len());
                    assert!(z > 14 || read.values.len() < cells * cells / 4);
                }
            }
        }
    }
}
