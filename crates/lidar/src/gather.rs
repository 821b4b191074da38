//! Gathering of points in cells, and what is made of them.

use std::collections::HashMap;

use model::{Grid, PointBatch, PointFlags};

use crate::scene::{Cell, GroundSource, Scene};
use crate::{surface, terrain};

/// Most cells of the box around a survey: 67 million, 8 km square at 1 m.
///
/// Terrain and surface are computed over the whole box at once, with some 60 bytes a cell at
/// the worst moment; this keeps that under 4 GB.
pub const MAX_CELLS: u64 = 1 << 26;

/// Cells along a side of the blocks that are allocated where there are points.
const BLOCK: i64 = 64;

/// Side of the finest cells of a grid that fits itself to the points: half a metre shows
/// kerbs and ditches.
pub const FINEST_CELL_M: f64 = 0.5;

/// The widest that such cells grow.
pub const COARSEST_CELL_M: f64 = 64.0;

/// Cells for each point in a grid that fits itself. More would be mostly interpolation, and
/// a small file of points far apart must not cost as much memory as a city.
pub const CELLS_PER_POINT: u64 = 2;

/// Cells that such a grid may have however few points there are: half a kilometre square.
pub const CELLS_ALWAYS: u64 = 1 << 18;

/// Columns and rows further than this from the origin are beyond any CRS; keeping to them
/// keeps the arithmetic exact.
const MAX_INDEX: f64 = 1e12;

/// Smallest share of ground points among all for a survey's own classification to be used.
const MIN_GROUND_SHARE: f64 = 0.05;

/// Smallest share of blocks with points that must have ground points for the survey's own
/// classification to be used: one classified file among many must not pass for all.
const MIN_GROUND_BLOCKS: f64 = 0.9;

/// ASPRS class of ground.
const GROUND: u8 = 2;
/// ASPRS class of low noise.
const LOW_NOISE: u8 = 7;
/// ASPRS class of high noise.
const HIGH_NOISE: u8 = 18;

/// Lowest and highest returns of each cell, gathered batch by batch.
///
/// Memory grows with the area that has points, not with their number. Cells lie on the
/// lattice of whole multiples of the cell size, so that surveys of one area share it.
#[derive(Debug)]
pub struct HeightGrid {
    cell_size_m: f64,
    /// Whether cells grow to suit the points.
    fits: bool,
    blocks: Vec<Block>,
    block_at: HashMap<(i64, i64), usize>,
    /// West, south, east and north block.
    extent: Option<[i64; 4]>,
    points: u64,
    ground_points: u64,
}

/// The survey covers more cells than the limit allows.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "the box around the points measures {columns} × {rows} cells of {cell_size_m} m, and at most {MAX_CELLS} can be worked on at once: use a larger cell size, ingest the survey in parts, or remove stray points (the last was at {x}, {y})"
)]
pub struct TooManyCells {
    /// Cells from west to east.
    pub columns: u64,
    /// Cells from north to south.
    pub rows: u64,
    /// Side of a cell, in metres.
    pub cell_size_m: f64,
    /// Easting of the point that was too much.
    pub x: f64,
    /// Northing of the point that was too much.
    pub y: f64,
}

/// Why there is no terrain.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoHeights {
    /// There is nothing to make it of.
    #[error(
        "all its points are withheld or noise, so there is no terrain to make: check that it is the right file"
    )]
    NoPoints,
    /// The points lie too far apart for any terrain between them to be true, and cells for
    /// all of it would cost far more than the file.
    #[error(
        "its {points} points lie scattered over {width_m} × {height_m} m, which is no survey: check that it is whole and in the right CRS"
    )]
    TooScattered {
        /// Points that could be used.
        points: u64,
        /// From west to east, in metres.
        width_m: f64,
        /// From south to north, in metres.
        height_m: f64,
    },
}

/// Terrain and surface of a survey on one lattice.
#[derive(Debug, Clone, PartialEq)]
pub struct Heights {
    /// Bare ground; voids under buildings and trees filled, NaN beyond the survey.
    pub terrain: Grid,
    /// Highest returns, without isolated noise; NaN where there is no return.
    pub surface: Grid,
    /// How the ground of `terrain` was found.
    pub ground: GroundSource,
}

/// The cells of a square of [`BLOCK`] cells, row by row from the south-west.
#[derive(Debug)]
struct Block {
    cells: Box<[Cell]>,
    has_ground: bool,
}

impl HeightGrid {
    /// Starts an empty grid of square cells.
    ///
    /// # Panics
    ///
    /// If `cell_size_m` is not finite and over zero; whoever reads options checks it.
    pub fn new(cell_size_m: f64) -> HeightGrid {
        assert!(
            cell_size_m.is_finite() && cell_size_m > 0.0,
            "a cell of {cell_size_m} m has no area"
        );
        HeightGrid {
            cell_size_m,
            fits: false,
            blocks: Vec::new(),
            block_at: HashMap::new(),
            extent: None,
            points: 0,
            ground_points: 0,
        }
    }

    /// Starts an empty grid whose cells are [`FINEST_CELL_M`] wide, and double as often as it
    /// takes for the points to be as many as suit them.
    ///
    /// That is when the box around the points has at most [`CELLS_PER_POINT`] cells for each
    /// point, or [`CELLS_ALWAYS`] cells; and whenever it would exceed [`MAX_CELLS`], up to
    /// [`COARSEST_CELL_M`]. The result does not depend on the order of points.
    pub fn fitting() -> HeightGrid {
        HeightGrid {
            fits: true,
            ..HeightGrid::new(FINEST_CELL_M)
        }
    }

    /// Takes the points of a batch, but for those that are withheld, classified as noise (7
    /// and 18), or not finite.
    ///
    /// # Errors
    ///
    /// [`TooManyCells`] if the box around all points would hold more than [`MAX_CELLS`].
    pub fn add(&mut self, batch: &PointBatch) -> Result<(), TooManyCells> {
        let mut last = ((i64::MAX, i64::MAX), 0);
        let mut i = 0;
        while i < batch.len() {
            let (x, y, z) = (batch.x[i], batch.y[i], batch.z[i] as f32);
            let class = batch.classification[i];
            let usable = batch.flags[i] & PointFlags::WITHHELD == 0
                && class != LOW_NOISE
                && class != HIGH_NOISE
                && z.is_finite()
                && x.is_finite()
                && y.is_finite();
            if !usable {
                i += 1;
                continue;
            }
            let column = (x / self.cell_size_m).floor();
            let row = (y / self.cell_size_m).floor();
            if column.abs() > MAX_INDEX || row.abs() > MAX_INDEX {
                return Err(TooManyCells {
                    columns: column.abs() as u64,
                    rows: row.abs() as u64,
                    cell_size_m: self.cell_size_m,
                    x,
                    y,
                });
            }
            let (column, row) = (column as i64, row as i64);
            let key = (column.div_euclid(BLOCK), row.div_euclid(BLOCK));
            if last.0 != key {
                match self.block(key, x, y) {
                    Ok(at) => last = (key, at),
                    Err(_) if self.fits && self.cell_size_m < COARSEST_CELL_M => {
                        self.coarsen();
                        last = ((i64::MAX, i64::MAX), 0);
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            let ground = class == GROUND;
            let block = &mut self.blocks[last.1];
            let at = row.rem_euclid(BLOCK) * BLOCK + column.rem_euclid(BLOCK);
            block.cells[at as usize].add(z, ground);
            block.has_ground |= ground;
            self.points += 1;
            self.ground_points += u64::from(ground);
            i += 1;
        }
        Ok(())
    }

    /// Computes terrain and surface.
    ///
    /// The result is the same to the byte whatever the order of points and the number of threads.
    ///
    /// # Errors
    ///
    /// [`NoHeights`] if there were no points, or if a grid that fits itself to them still has
    /// too few with the widest cells.
    pub fn finish(mut self) -> Result<Heights, NoHeights> {
        while self.fits && self.cell_size_m < COARSEST_CELL_M && self.is_too_fine() {
            self.coarsen();
        }
        let extent = self.extent_of_points().ok_or(NoHeights::NoPoints)?;
        let [west, south, east, north] = extent;
        if self.fits && self.is_too_fine() {
            return Err(NoHeights::TooScattered {
                points: self.points,
                width_m: (east - west + 1) as f64 * self.cell_size_m,
                height_m: (north - south + 1) as f64 * self.cell_size_m,
            });
        }
        let ground = self.ground_source();
        let margin = terrain::margin_cells(self.cell_size_m);
        let scene = self.into_scene(extent, margin);
        let surface = surface::surface(&scene);
        let terrain = terrain::terrain(&scene, ground);
        let size = scene.cell_size_m;
        let grid = |values: Vec<f32>| {
            let rows = values.len() / scene.columns;
            let columns = scene.columns - 2 * margin;
            let inner = values
                .chunks_exact(scene.columns)
                .skip(margin)
                .take(rows - 2 * margin)
                .flat_map(|row| &row[margin..margin + columns])
                .copied()
                .collect();
            Grid {
                west: west as f64 * size,
                north: (north + 1) as f64 * size,
                cell_size_m: size,
                columns,
                rows: rows - 2 * margin,
                values: inner,
            }
        };
        Ok(Heights {
            terrain: grid(terrain),
            surface: grid(surface),
            ground,
        })
    }

    /// Returns whether there are too few points for so many cells.
    fn is_too_fine(&self) -> bool {
        let Some([west, south, east, north]) = self.extent_of_points() else {
            return false;
        };
        // The margin is worked on, too: a strip of points is mostly margin.
        let margin = 2 * terrain::margin_cells(self.cell_size_m) as i64;
        let cells = ((east - west + 1 + margin) * (north - south + 1 + margin)) as u64;
        cells > CELLS_ALWAYS.max(CELLS_PER_POINT * self.points)
    }

    /// Doubles the side of the cells: four become one.
    fn coarsen(&mut self) {
        let blocks = std::mem::take(&mut self.blocks);
        let mut coarse = HeightGrid {
            points: self.points,
            ground_points: self.ground_points,
            fits: self.fits,
            ..HeightGrid::new(self.cell_size_m * 2.0)
        };
        // In the order in which the blocks were made, so that runs are alike.
        let mut keys: Vec<_> = self.block_at.drain().collect();
        keys.sort_unstable_by_key(|&(_, at)| at);
        for ((block_column, block_row), at) in keys {
            let key = (block_column.div_euclid(2), block_row.div_euclid(2));
            let target = coarse
                .block(key, 0.0, 0.0)
                .expect("a coarser grid has fewer cells than the one within the limit");
            let target = &mut coarse.blocks[target];
            target.has_ground |= blocks[at].has_ground;
            let west = block_column.rem_euclid(2) * BLOCK;
            let south = block_row.rem_euclid(2) * BLOCK;
            for (i, cell) in blocks[at].cells.iter().enumerate() {
                let column = (west + i as i64 % BLOCK) / 2;
                let row = (south + i as i64 / BLOCK) / 2;
                target.cells[(row * BLOCK + column) as usize].merge(cell);
            }
        }
        *self = coarse;
    }

    /// Returns which block holds the key, making it if there is none.
    fn block(&mut self, key: (i64, i64), x: f64, y: f64) -> Result<usize, TooManyCells> {
        if let Some(&at) = self.block_at.get(&key) {
            return Ok(at);
        }
        let [west, south, east, north] = self.extent.unwrap_or([key.0, key.1, key.0, key.1]);
        let extent = [
            west.min(key.0),
            south.min(key.1),
            east.max(key.0),
            north.max(key.1),
        ];
        let columns = ((extent[2] - extent[0] + 1) * BLOCK) as u64;
        let rows = ((extent[3] - extent[1] + 1) * BLOCK) as u64;
        if u128::from(columns) * u128::from(rows) > u128::from(MAX_CELLS) {
            return Err(TooManyCells {
                columns,
                rows,
                cell_size_m: self.cell_size_m,
                x,
                y,
            });
        }
        self.extent = Some(extent);
        self.blocks.push(Block {
            cells: vec![Cell::EMPTY; (BLOCK * BLOCK) as usize].into_boxed_slice(),
            has_ground: false,
        });
        self.block_at.insert(key, self.blocks.len() - 1);
        Ok(self.blocks.len() - 1)
    }

    fn ground_source(&self) -> GroundSource {
        let with_ground = self.blocks.iter().filter(|block| block.has_ground).count();
        let enough = self.ground_points as f64 >= MIN_GROUND_SHARE * self.points as f64;
        let everywhere = with_ground as f64 >= MIN_GROUND_BLOCKS * self.blocks.len() as f64;
        if enough && everywhere {
            GroundSource::Classified
        } else {
            GroundSource::Filtered
        }
    }

    /// West, south, east and north cell that has points.
    fn extent_of_points(&self) -> Option<[i64; 4]> {
        let mut extent: Option<[i64; 4]> = None;
        for (&(block_column, block_row), &at) in &self.block_at {
            for (i, cell) in self.blocks[at].cells.iter().enumerate() {
                if !cell.lowest.is_nan() {
                    let column = block_column * BLOCK + i as i64 % BLOCK;
                    let row = block_row * BLOCK + i as i64 / BLOCK;
                    let [west, south, east, north] = extent.unwrap_or([column, row, column, row]);
                    extent = Some([
                        west.min(column),
                        south.min(row),
                        east.max(column),
                        north.max(row),
                    ]);
                }
            }
        }
        extent
    }

    fn into_scene(mut self, [west, south, east, north]: [i64; 4], margin: usize) -> Scene {
        let columns = (east - west + 1) as usize + 2 * margin;
        let rows = (north - south + 1) as usize + 2 * margin;
        let mut cells = vec![Cell::EMPTY; columns * rows];
        for (&(block_column, block_row), &at) in &self.block_at {
            // Blocks are given back as they are copied.
            let block = std::mem::take(&mut self.blocks[at].cells);
            for (i, cell) in block.iter().enumerate() {
                if !cell.lowest.is_nan() {
                    let column = block_column * BLOCK + i as i64 % BLOCK - west;
                    let row = north - (block_row * BLOCK + i as i64 / BLOCK);
                    cells[(row as usize + margin) * columns + column as usize + margin] = *cell;
                }
            }
        }
        Scene {
            cells,
            columns,
            cell_size_m: self.cell_size_m,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points scattered over a square by a fixed rule.
    fn scattered(count: usize, side_m: f64) -> PointBatch {
        let mut batch = PointBatch::default();
        for i in 0..count {
            let (u, v) = ((i as f64 * 0.618_034) % 1.0, (i as f64 * 0.754_878) % 1.0);
            batch.x.push(1000.0 + u * side_m);
            batch.y.push(-500.0 + v * side_m);
            batch.z.push((i * 7919 % 101) as f64 / 10.0);
            batch
                .classification
                .push(if i % 3 == 0 { GROUND } else { 1 });
            batch.flags.push(0);
        }
        batch
    }

    #[test]
    fn doubled_cells_hold_what_they_would_have_gathered_themselves() {
        let batch = scattered(5000, 60.0);
        let mut fine = HeightGrid::new(0.5);
        fine.add(&batch).expect("a small square");
        fine.coarsen();
        let mut coarse = HeightGrid::new(1.0);
        coarse.add(&batch).expect("a small square");
        let (fine, coarse) = (
            fine.finish().expect("points"),
            coarse.finish().expect("points"),
        );
        assert_eq!(format!("{fine:?}"), format!("{coarse:?}"));
    }

    #[test]
    fn cells_grow_until_they_suit_points_that_lie_far_apart() {
        let finish = |side_m: f64| {
            let mut grid = HeightGrid::fitting();
            grid.add(&scattered(1000, side_m)).expect("it fits itself");
            grid.finish().expect("points").terrain
        };
        assert_eq!(finish(60.0).cell_size_m, FINEST_CELL_M);
        let sparse = finish(4000.0);
        assert_eq!(sparse.cell_size_m, 8.0);
        assert!(sparse.values.len() as u64 <= CELLS_ALWAYS);
        // Half a metre would be over the limit on cells.
        assert_eq!(finish(20_000.0).cell_size_m, 64.0);
    }

    #[test]
    fn a_few_points_scattered_over_a_country_are_no_survey() {
        let mut grid = HeightGrid::fitting();
        grid.add(&scattered(1000, 400_000.0))
            .expect("it fits itself");
        let refused = grid.finish().expect_err("no terrain");
        assert!(matches!(
            refused,
            NoHeights::TooScattered { points: 1000, .. }
        ));
        assert!(refused.to_string().contains("is no survey"), "{refused}");
    }
}
