//! Gathering of points in cells, and what is made of them.

use std::collections::HashMap;

use model::{Grid, PointBatch, PointFlags};

use crate::{surface, terrain};

/// Most cells of the box around a survey: 67 million, 8 km square at 1 m.
///
/// Terrain and surface are computed over the whole box at once, with some 60 bytes a cell at
/// the worst moment; this keeps that under 4 GB.
pub const MAX_CELLS: u64 = 1 << 26;

/// Cells along a side of the blocks that are allocated where there are points.
const BLOCK: i64 = 64;

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

/// How the ground was told from what stands on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroundSource {
    /// By the survey's own classification: its points of class 2.
    Classified,
    /// By a morphological filter over the lowest returns.
    Filtered,
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

/// What is kept of the points of one cell. NaN where there were too few.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) lowest: f32,
    pub(crate) second_lowest: f32,
    pub(crate) highest: f32,
    pub(crate) second_highest: f32,
    pub(crate) lowest_ground: f32,
}

impl Cell {
    pub(crate) const EMPTY: Cell = Cell {
        lowest: f32::NAN,
        second_lowest: f32::NAN,
        highest: f32::NAN,
        second_highest: f32::NAN,
        lowest_ground: f32::NAN,
    };

    #[expect(
        clippy::neg_cmp_op_on_partial_ord,
        reason = "comparisons with the NaN of an empty cell are false, and must count as true"
    )]
    fn add(&mut self, z: f32, ground: bool) {
        if !(z >= self.lowest) {
            self.second_lowest = self.lowest;
            self.lowest = z;
        } else if !(z >= self.second_lowest) {
            self.second_lowest = z;
        }
        if !(z <= self.highest) {
            self.second_highest = self.highest;
            self.highest = z;
        } else if !(z <= self.second_highest) {
            self.second_highest = z;
        }
        if ground && !(z >= self.lowest_ground) {
            self.lowest_ground = z;
        }
    }
}

/// The cells of a square of [`BLOCK`] cells, row by row from the south-west.
#[derive(Debug)]
struct Block {
    cells: Box<[Cell]>,
    has_ground: bool,
}

/// The cells of a survey in one array, row by row from the north-west, with a margin.
pub(crate) struct Scene {
    pub(crate) cells: Vec<Cell>,
    pub(crate) columns: usize,
    pub(crate) cell_size_m: f64,
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
            blocks: Vec::new(),
            block_at: HashMap::new(),
            extent: None,
            points: 0,
            ground_points: 0,
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
        for i in 0..batch.len() {
            let (x, y, z) = (batch.x[i], batch.y[i], batch.z[i] as f32);
            let class = batch.classification[i];
            let usable = batch.flags[i] & PointFlags::WITHHELD == 0
                && class != LOW_NOISE
                && class != HIGH_NOISE
                && z.is_finite()
                && x.is_finite()
                && y.is_finite();
            if !usable {
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
                last = (key, self.block(key, x, y)?);
            }
            let ground = class == GROUND;
            let block = &mut self.blocks[last.1];
            let at = row.rem_euclid(BLOCK) * BLOCK + column.rem_euclid(BLOCK);
            block.cells[at as usize].add(z, ground);
            block.has_ground |= ground;
            self.points += 1;
            self.ground_points += u64::from(ground);
        }
        Ok(())
    }

    /// Computes terrain and surface; none if there were no points.
    ///
    /// The result is the same to the byte whatever the order of points and the number of threads.
    pub fn finish(self) -> Option<Heights> {
        let [west, _, _, north] = self.extent_of_points()?;
        let ground = self.ground_source();
        let margin = terrain::margin_cells(self.cell_size_m);
        let scene = self.into_scene(margin)?;
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
        Some(Heights {
            terrain: grid(terrain),
            surface: grid(surface),
            ground,
        })
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

    fn into_scene(mut self, margin: usize) -> Option<Scene> {
        let [west, south, east, north] = self.extent_of_points()?;
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
        Some(Scene {
            cells,
            columns,
            cell_size_m: self.cell_size_m,
        })
    }
}
