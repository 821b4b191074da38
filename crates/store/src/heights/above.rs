//! Heights above ground: what the surface has over the terrain, computed where it is asked
//! for, as a grid and as the bytes of a file that is never written.

use std::ops::Range;

use model::{Bounds, Grid, GridFrame};

use super::directory::{AROUND_TILE, Description, Places, directories, wrapped};
use super::pile::Size;
use super::read::Span;
use super::write::epsg;
use super::{HeightMap, LEVELS_MAX, Samples, TILE, TILE_BYTES};
use crate::Error;

/// Levels between an overview of heights and the grids that it is computed of. Highest and
/// mean elevation of a wide cell differ by its slope too, not by what stands on it alone;
/// at an eighth of its width little of that is left.
const LEVELS_FINER: usize = 3;

/// Bytes of a tile with what belongs around it.
const TILE_STRIDE: usize = TILE_BYTES + 2 * AROUND_TILE;

/// Terrain and surface of one survey, on the same cells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AboveGround<'a> {
    terrain: &'a HeightMap,
    surface: &'a HeightMap,
}

impl<'a> AboveGround<'a> {
    /// # Errors
    ///
    /// [`Error::Corrupt`] if they do not lie on the same cells.
    pub(crate) fn new(
        terrain: &'a HeightMap,
        surface: &'a HeightMap,
    ) -> Result<AboveGround<'a>, Error> {
        if (0..LEVELS_MAX).all(|level| terrain.frame(level) == surface.frame(level)) {
            Ok(AboveGround { terrain, surface })
        } else {
            let what = "does not lie on the cells of its terrain";
            Err(Error::corrupt(surface.path(), what))
        }
    }

    /// As [`HeightMap::window`].
    pub(crate) fn window(&self, bounds: &Bounds, cell_size_m: f64) -> Result<Grid, Error> {
        self.cells(&self.terrain.span(bounds, cell_size_m)?)
    }

    /// The largest height in each cell; NaN where nothing was measured.
    fn cells(&self, span: &Span) -> Result<Grid, Error> {
        let finer = span.level.min(LEVELS_FINER);
        let times = 1_isize << finer;
        let frame = self.frame(span.level);
        let mut grid = Grid::empty(
            frame.west + span.left as f64 * frame.cell_size_m,
            frame.north - span.top as f64 * frame.cell_size_m,
            frame.cell_size_m,
            span.columns,
            span.rows,
        );
        // Row by row, so that the finer cells take little memory.
        for (row, values) in grid.values.chunks_exact_mut(span.columns).enumerate() {
            let strip = Span {
                level: span.level - finer,
                left: span.left * times,
                top: (span.top + row as isize) * times,
                columns: span.columns << finer,
                rows: 1 << finer,
            };
            let terrain = self.terrain.cells_of(&strip)?;
            let surface = self.surface.cells_of(&strip)?;
            let lines = terrain.values.chunks_exact(strip.columns);
            for (ground, top) in lines.zip(surface.values.chunks_exact(strip.columns)) {
                for (i, (ground, top)) in ground.iter().zip(top).enumerate() {
                    let value = &mut values[i >> finer];
                    // The maximum of two floats passes over NaN.
                    *value = value.max(top - ground);
                }
            }
        }
        Ok(grid)
    }

    fn frame(&self, level: usize) -> GridFrame {
        self.terrain
            .frame(level)
            .expect("whoever asks has the number of a level")
    }

    /// The sizes of the levels, the finest first.
    fn sizes(&self) -> impl Iterator<Item = Size> {
        (0..LEVELS_MAX)
            .map_while(|level| self.terrain.frame(level))
            .map(|frame| Size {
                columns: frame.columns,
                rows: frame.rows,
            })
    }
}

/// The file that heights above ground would be: what comes before its tiles, and which
/// tiles there are.
#[derive(Debug)]
pub(crate) struct VirtualFile {
    before: Vec<u8>,
    /// Level and index, in the order of the file.
    tiles: Vec<(usize, usize)>,
}

impl VirtualFile {
    /// Lays the file out.
    pub(crate) fn new(heights: &AboveGround<'_>, crs_code: &str) -> Result<VirtualFile, Error> {
        let description = Description {
            crs: epsg(crs_code),
            vertical: None,
            samples: Samples::Float32,
            compressed: false,
            unit: "metre",
            text: "Height above ground".to_owned(),
        };
        let mut levels: Vec<Places> = heights.sizes().map(Places::unknown).collect();
        let mut kept: Vec<Vec<bool>> = Vec::with_capacity(levels.len());
        for (number, level) in levels.iter().enumerate() {
            let size = level.size;
            let mut tiles = vec![false; size.tiles()];
            match kept.last() {
                None => {
                    for (index, tile) in tiles.iter_mut().enumerate() {
                        *tile = heights.terrain.has_tile(number, index)?
                            && heights.surface.has_tile(number, index)?;
                    }
                }
                // A coarser tile is there if one of the four that it covers is.
                Some(finer) => {
                    let across = levels[number - 1].size.tiles_across();
                    for index in (0..finer.len()).filter(|&index| finer[index]) {
                        let (column, row) = (index % across / 2, index / across / 2);
                        tiles[row * size.tiles_across() + column] = true;
                    }
                }
            }
            kept.push(tiles);
        }
        let count = kept.iter().flatten().filter(|kept| **kept).count();
        // As the writer has it: arrays and directories take no more than this.
        let len_max = levels.iter().map(|level| level.size.tiles()).sum::<usize>() * 16
            + count * TILE_STRIDE
            + (levels.len() + 1) * 4096;
        let big = len_max > u32::MAX as usize;
        let frame = heights.frame(0);
        let mut next = directories(&frame, &levels, &description, None, big).len();
        let mut tiles = Vec::with_capacity(count);
        for (number, kept) in kept.iter().enumerate().rev() {
            for (index, _) in kept.iter().enumerate().filter(|(_, kept)| **kept) {
                levels[number].offsets[index] = (next + AROUND_TILE) as u64;
                levels[number].lengths[index] = TILE_BYTES as u64;
                next += TILE_STRIDE;
                tiles.push((number, index));
            }
        }
        let before = directories(&frame, &levels, &description, None, big);
        Ok(VirtualFile { before, tiles })
    }

    pub(crate) fn len(&self) -> usize {
        self.before.len() + self.tiles.len() * TILE_STRIDE
    }

    /// The bytes of a part of the file, which must lie in it.
    pub(crate) fn read(
        &self,
        heights: &AboveGround<'_>,
        part: Range<usize>,
    ) -> Result<Vec<u8>, Error> {
        let start = self.before.len();
        let mut bytes = Vec::with_capacity(part.len());
        if part.start < start {
            bytes.extend(&self.before[part.start..part.end.min(start)]);
        }
        let first = part.start.saturating_sub(start) / TILE_STRIDE;
        let last = part.end.saturating_sub(start).div_ceil(TILE_STRIDE);
        for (number, &(level, index)) in self.tiles.iter().enumerate().take(last).skip(first) {
            let at = start + number * TILE_STRIDE;
            let across = heights.frame(level).columns.div_ceil(TILE);
            let grid = heights.cells(&Span {
                level,
                left: (index % across * TILE) as isize,
                top: (index / across * TILE) as isize,
                columns: TILE,
                rows: TILE,
            })?;
            let tile: Vec<u8> = grid.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            let tile = wrapped(&tile);
            let from = part.start.saturating_sub(at);
            let to = (part.end - at).min(tile.len());
            bytes.extend(&tile[from..to]);
        }
        Ok(bytes)
    }
}
