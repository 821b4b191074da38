//! Tiles on their way to a file: the finest as they come, the coarser ones made of them.
//!
//! They lie in a temporary file, so that memory is that of a few tiles however large the
//! grid is.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use model::Grid;

use super::{LEVELS_MAX, Overviews, TILE, TILE_BYTES};

/// Columns and rows of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl Size {
    pub(super) fn tiles_across(self) -> usize {
        self.columns.div_ceil(TILE)
    }

    pub(super) fn tiles(self) -> usize {
        self.tiles_across() * self.rows.div_ceil(TILE)
    }

    fn halved(self) -> Size {
        Size {
            columns: self.columns.div_ceil(2),
            rows: self.rows.div_ceil(2),
        }
    }
}

/// The tiles of one level, row by row from the north-west.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) size: Size,
    /// Which tile of the temporary file it is; none for a tile without any value.
    slots: Vec<Option<u64>>,
}

impl Level {
    fn new(size: Size) -> Level {
        Level {
            size,
            slots: vec![None; size.tiles()],
        }
    }

    /// For each tile whether it has a value.
    pub(super) fn kept(&self) -> impl Iterator<Item = bool> {
        self.slots.iter().map(Option::is_some)
    }
}

/// All tiles of a grid.
#[derive(Debug)]
pub(super) struct Pile {
    path: PathBuf,
    file: File,
    slots: u64,
    /// The finest first; one until [`Pile::coarsen`].
    pub(super) levels: Vec<Level>,
}

impl Drop for Pile {
    fn drop(&mut self) {
        // What stays because it could not be removed goes with the next change of the twin.
        let _ = fs::remove_file(&self.path);
    }
}

impl Pile {
    /// Starts without any value, in a new temporary file at `path`.
    pub(super) fn new(path: PathBuf, size: Size) -> io::Result<Pile> {
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        Ok(Pile {
            path,
            file,
            slots: 0,
            levels: vec![Level::new(size)],
        })
    }

    /// Puts the values of a patch in their place, of which `left` and `top` are the first
    /// column and row. Cells without a value, and those outside the grid, are passed over.
    pub(super) fn put(&mut self, patch: &Grid, left: i64, top: i64) -> io::Result<()> {
        let size = self.levels[0].size;
        let clamp = |at: i64, cells: usize| at.clamp(0, cells as i64) as usize;
        let columns = clamp(left, size.columns)..clamp(left + patch.columns as i64, size.columns);
        let rows = clamp(top, size.rows)..clamp(top + patch.rows as i64, size.rows);
        if columns.is_empty() || rows.is_empty() {
            return Ok(());
        }
        let mut tile = vec![0; TILE_BYTES];
        for tile_row in rows.start / TILE..=(rows.end - 1) / TILE {
            for tile_column in columns.start / TILE..=(columns.end - 1) / TILE {
                let (west, north) = (tile_column * TILE, tile_row * TILE);
                let index = tile_row * size.tiles_across() + tile_column;
                self.read(0, index, &mut tile)?;
                let mut changed = false;
                let (cells, _) = tile.as_chunks_mut::<4>();
                let first = columns.start.max(west);
                let end = columns.end.min(west + TILE);
                for row in rows.start.max(north)..rows.end.min(north + TILE) {
                    let line = (row as i64 - top) as usize * patch.columns;
                    let from = line + (first as i64 - left) as usize;
                    let to = (row - north) * TILE + first - west;
                    let values = &patch.values[from..from + (end - first)];
                    for (cell, value) in cells[to..].iter_mut().zip(values) {
                        let own = if value.is_nan() {
                            *cell
                        } else {
                            value.to_le_bytes()
                        };
                        changed |= !value.is_nan();
                        *cell = own;
                    }
                }
                if changed {
                    self.write(0, index, &tile)?;
                }
            }
        }
        Ok(())
    }

    /// Makes the coarser levels, until one tile holds the last.
    pub(super) fn coarsen(&mut self, overviews: Overviews) -> io::Result<()> {
        let mut fine = vec![0; TILE_BYTES];
        let mut coarse = vec![0; TILE_BYTES];
        while let Some(last) = self.levels.last()
            && last.size.columns.max(last.size.rows) > TILE
            && self.levels.len() < LEVELS_MAX
        {
            let (above, below) = (last.size, last.size.halved());
            let level = self.levels.len();
            self.levels.push(Level::new(below));
            for index in 0..below.tiles() {
                let (column, row) = (
                    index % below.tiles_across() * 2,
                    index / below.tiles_across() * 2,
                );
                fill_nan(&mut coarse);
                let mut any = false;
                for (dc, dr) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    let (column, row) = (column + dc, row + dr);
                    let from = row * above.tiles_across() + column;
                    let there = column < above.tiles_across() && from < above.tiles();
                    if there && self.read(level - 1, from, &mut fine)? {
                        halve_into(&fine, &mut coarse, [dc, dr], overviews);
                        any = true;
                    }
                }
                if any {
                    self.write(level, index, &coarse)?;
                }
            }
        }
        Ok(())
    }

    /// Reads a tile, and returns whether it has any value.
    pub(super) fn read(&self, level: usize, index: usize, tile: &mut [u8]) -> io::Result<bool> {
        match self.levels[level].slots[index] {
            Some(slot) => {
                self.file.read_exact_at(tile, slot * TILE_BYTES as u64)?;
                Ok(true)
            }
            None => {
                fill_nan(tile);
                Ok(false)
            }
        }
    }

    fn write(&mut self, level: usize, index: usize, tile: &[u8]) -> io::Result<()> {
        let slots = &mut self.slots;
        let slot = *self.levels[level].slots[index].get_or_insert_with(|| {
            *slots += 1;
            *slots - 1
        });
        self.file.write_all_at(tile, slot * TILE_BYTES as u64)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn fill_nan(tile: &mut [u8]) {
    for cell in tile.as_chunks_mut::<4>().0 {
        *cell = f32::NAN.to_le_bytes();
    }
}

/// Puts a tile at half its resolution in one quarter of a coarser tile.
fn halve_into(fine: &[u8], coarse: &mut [u8], quarter: [usize; 2], overviews: Overviews) {
    match overviews {
        Overviews::Mean => halve(fine, coarse, quarter, mean),
        // The maximum of two floats passes over NaN.
        Overviews::Maximum => halve(fine, coarse, quarter, |four| {
            four.into_iter().fold(f32::NAN, f32::max)
        }),
        Overviews::First => halve(fine, coarse, quarter, |four| {
            let mut known = four.into_iter().filter(|value| !value.is_nan());
            known.next().unwrap_or(f32::NAN)
        }),
    }
}

/// As [`halve_into`]; `of` gives the value of a coarser cell, NaN if none of the four has one.
fn halve(fine: &[u8], coarse: &mut [u8], [right, down]: [usize; 2], of: impl Fn([f32; 4]) -> f32) {
    const HALF: usize = TILE / 2;
    let (fine, _) = fine.as_chunks::<4>();
    let (coarse, _) = coarse.as_chunks_mut::<4>();
    let rows = coarse.chunks_exact_mut(TILE).skip(down * HALF);
    for (to, two) in rows.zip(fine.chunks_exact(2 * TILE)) {
        let (upper, lower) = two.split_at(TILE);
        let pairs = upper
            .as_chunks::<2>()
            .0
            .iter()
            .zip(lower.as_chunks::<2>().0);
        for (cell, (above, below)) in to[right * HALF..].iter_mut().zip(pairs) {
            let four = [above[0], above[1], below[0], below[1]];
            *cell = of(four.map(f32::from_le_bytes)).to_le_bytes();
        }
    }
}

/// The mean of those that have a value; NaN if none has.
fn mean(values: [f32; 4]) -> f32 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        let known = !value.is_nan();
        sum += if known { f64::from(value) } else { 0.0 };
        count += if known { 1.0 } else { 0.0 };
    }
    (sum / count) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(pile: &Pile, level: usize, column: usize, row: usize) -> f32 {
        let size = pile.levels[level].size;
        let mut tile = vec![0; TILE_BYTES];
        let index = row / TILE * size.tiles_across() + column / TILE;
        pile.read(level, index, &mut tile).unwrap();
        let at = (row % TILE * TILE + column % TILE) * 4;
        f32::from_le_bytes(tile[at..at + 4].try_into().unwrap())
    }

    #[test]
    fn overviews_pass_over_cells_without_value() {
        for (overviews, expected) in [
            (Overviews::Mean, 2.5),
            (Overviews::Maximum, 4.0),
            (Overviews::First, 1.0),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let size = Size {
                columns: 300,
                rows: 300,
            };
            let mut pile = Pile::new(dir.path().join("pile"), size).unwrap();
            let mut patch = Grid::empty(0.0, 4.0, 1.0, 3, 3);
            (patch.values[0], patch.values[4], patch.values[8]) = (1.0, 4.0, 7.0);
            // Across the corner of four tiles, and partly outside the grid.
            for at in [0, 254, 298] {
                pile.put(&patch, at, at).unwrap();
            }
            pile.coarsen(overviews).unwrap();
            assert_eq!(pile.levels.len(), 2);
            assert_eq!(pile.levels[1].size, size.halved());
            for (at, value_there) in [
                (0, expected),
                (1, 7.0),
                (127, expected),
                (128, 7.0),
                (149, expected),
            ] {
                assert_eq!(value(&pile, 1, at, at), value_there, "{at}");
            }
            assert!(value(&pile, 1, 128, 127).is_nan());
        }
    }

    #[test]
    fn patches_in_any_order_make_one_grid_and_nothing_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let size = Size {
            columns: 700,
            rows: 400,
        };
        let path = dir.path().join("pile");
        let mut pile = Pile::new(path.clone(), size).unwrap();
        let mut patches = Vec::new();
        for top in (0..400).step_by(90) {
            for left in (0..700).step_by(130) {
                let mut patch = Grid::empty(0.0, 0.0, 1.0, 130, 90);
                for (i, value) in patch.values.iter_mut().enumerate() {
                    *value = (left + i % 130 + 1000 * (top + i / 130)) as f32;
                }
                patches.push((patch, left as i64, top as i64));
            }
        }
        patches.reverse();
        for (patch, left, top) in &patches {
            pile.put(patch, *left, *top).unwrap();
        }
        for (column, row) in [(0, 0), (699, 399), (255, 256), (512, 90), (129, 89)] {
            assert_eq!(value(&pile, 0, column, row), (column + 1000 * row) as f32);
        }
        assert!(path.exists());
        drop(pile);
        assert!(!path.exists());
    }
}
