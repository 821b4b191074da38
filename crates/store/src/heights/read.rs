//! Reading elevations where they are mapped. No byte is trusted.

use std::path::Path;

use model::{Bounds, Grid, GridFrame};

use super::{LEVELS_MAX, TILE, TILE_BYTES, kind, tag};
use crate::Error;
use crate::files::Mapped;

/// Most cells of a window: 256 MiB, the elevations of 16 km² at half a metre.
const WINDOW_CELLS_MAX: f64 = (1 << 26) as f64;

/// An opened terrain or surface.
#[derive(Debug)]
pub(crate) struct HeightMap {
    map: Mapped,
    west: f64,
    north: f64,
    /// The finest first.
    levels: Vec<Level>,
}

#[derive(Debug)]
struct Level {
    cell_size_m: f64,
    columns: usize,
    rows: usize,
    /// Where the offsets of the tiles lie in the file.
    offsets_start: usize,
    /// Bytes of one offset.
    offset_len: usize,
}

/// Some cells of a level, or beyond its edges.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// 0 is the finest.
    pub(super) level: usize,
    pub(super) left: isize,
    pub(super) top: isize,
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl HeightMap {
    /// Opens a file and verifies its directories.
    pub(crate) fn open(map: Mapped) -> Result<HeightMap, Error> {
        let parsed = Directories::read(map.bytes())
            .and_then(|(directories, big)| levels(&directories, big, map.bytes().len()));
        match parsed {
            Ok((west, north, levels)) => Ok(HeightMap {
                map,
                west,
                north,
                levels,
            }),
            Err(what) => Err(Error::corrupt(map.path(), what)),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.map.bytes()
    }

    /// Elevation at a point, as [`Grid::sample`] has it; none where there is none.
    pub(crate) fn sample(&self, [x, y]: [f64; 2]) -> Result<Option<f32>, Error> {
        let level = &self.levels[0];
        let column = ((x - self.west) / level.cell_size_m).floor();
        let row = ((self.north - y) / level.cell_size_m).floor();
        let inside = |cell: f64, cells: usize| cell >= 0.0 && cell < cells as f64;
        if !inside(column, level.columns) || !inside(row, level.rows) {
            return Ok(None);
        }
        // The cell and those around it: bilinear weights reach no further.
        let (left, top) = (column as isize - 1, row as isize - 1);
        let around = self.cells(level, left, top, 3, 3)?;
        let value = around.sample([x, y]);
        Ok((!value.is_nan()).then_some(value))
    }

    /// The cells that cover `bounds`, from the coarsest level whose cells are not
    /// larger than `cell_size_m`, or the finest.
    pub(crate) fn window(&self, bounds: &Bounds, cell_size_m: f64) -> Result<Grid, Error> {
        self.cells_of(&self.span(bounds, cell_size_m)?)
    }

    /// Which cells those are.
    pub(super) fn span(&self, bounds: &Bounds, cell_size_m: f64) -> Result<Span, Error> {
        let fine_enough = |level: &Level| level.cell_size_m <= cell_size_m;
        let number = self.levels.iter().rposition(fine_enough).unwrap_or(0);
        let level = &self.levels[number];
        let cell = |metres: f64| (metres / level.cell_size_m).floor();
        let left = cell(bounds.min_x() - self.west);
        let top = cell(self.north - bounds.max_y());
        let columns = cell(bounds.max_x() - self.west) - left + 1.0;
        let rows = cell(self.north - bounds.min_y()) - top + 1.0;
        // Far from the survey, cells cannot be counted exactly any more.
        let countable = left.abs().max(top.abs()) < 1e15;
        if !countable || columns * rows > WINDOW_CELLS_MAX {
            return Err(Error::Refused(format!(
                "a window of {columns} × {rows} cells of {} m is over the limit of {WINDOW_CELLS_MAX}",
                level.cell_size_m
            )));
        }
        Ok(Span {
            level: number,
            left: left as isize,
            top: top as isize,
            columns: columns as usize,
            rows: rows as usize,
        })
    }

    /// Where the cells of a level lie, the finest being 0; none beyond the coarsest.
    pub(crate) fn frame(&self, level: usize) -> Option<GridFrame> {
        self.levels.get(level).map(|level| GridFrame {
            west: self.west,
            north: self.north,
            cell_size_m: level.cell_size_m,
            columns: level.columns,
            rows: level.rows,
        })
    }

    /// The cells of a span.
    pub(super) fn cells_of(&self, span: &Span) -> Result<Grid, Error> {
        let level = &self.levels[span.level];
        self.cells(level, span.left, span.top, span.columns, span.rows)
    }

    /// Whether a tile of a level has any value.
    pub(super) fn has_tile(&self, level: usize, index: usize) -> Result<bool, Error> {
        Ok(self.tile(&self.levels[level], index)?.is_some())
    }

    pub(super) fn path(&self) -> &Path {
        self.map.path()
    }

    /// Reads every cell of every level and returns how many have a value in the finest.
    pub(crate) fn check(&self) -> Result<u64, Error> {
        let mut known = 0;
        for (i, level) in self.levels.iter().enumerate() {
            for tile in 0..level.columns.div_ceil(TILE) * level.rows.div_ceil(TILE) {
                let bytes = self.tile(level, tile)?.unwrap_or_default();
                let (cells, _) = bytes.as_chunks::<4>();
                let values = cells.iter().map(|&cell| f32::from_le_bytes(cell));
                let count = values.filter(|value| !value.is_nan()).count();
                known += if i == 0 { count as u64 } else { 0 };
            }
        }
        Ok(known)
    }

    fn cells(
        &self,
        level: &Level,
        left: isize,
        top: isize,
        columns: usize,
        rows: usize,
    ) -> Result<Grid, Error> {
        let mut grid = Grid::empty(
            self.west + left as f64 * level.cell_size_m,
            self.north - top as f64 * level.cell_size_m,
            level.cell_size_m,
            columns,
            rows,
        );
        // What lies inside the level, counted in its own columns and rows.
        let inside = |start: isize, len: usize, cells: usize| {
            let end = start.saturating_add_unsigned(len).clamp(0, cells as isize);
            (start.clamp(0, cells as isize) as usize, end as usize)
        };
        let (west, east) = inside(left, columns, level.columns);
        let (north, south) = inside(top, rows, level.rows);
        if west == east || north == south {
            return Ok(grid);
        }
        let across = level.columns.div_ceil(TILE);
        for tile_row in north / TILE..south.div_ceil(TILE) {
            for tile_column in west / TILE..east.div_ceil(TILE) {
                let Some(tile) = self.tile(level, tile_row * across + tile_column)? else {
                    continue;
                };
                let (cells, _) = tile.as_chunks::<4>();
                let (first, last) = (
                    west.max(tile_column * TILE),
                    east.min((tile_column + 1) * TILE),
                );
                for row in north.max(tile_row * TILE)..south.min((tile_row + 1) * TILE) {
                    let from = (row % TILE) * TILE + first % TILE;
                    // Both differences are those of cells inside the window.
                    let to =
                        (row as isize - top) as usize * columns + (first as isize - left) as usize;
                    let target = &mut grid.values[to..to + (last - first)];
                    for (value, cell) in target.iter_mut().zip(&cells[from..]) {
                        *value = f32::from_le_bytes(*cell);
                    }
                }
            }
        }
        Ok(grid)
    }

    /// The bytes of a tile; none if it was left out.
    fn tile(&self, level: &Level, index: usize) -> Result<Option<&[u8]>, Error> {
        let bytes = self.map.bytes();
        let at = level.offsets_start + index * level.offset_len;
        let place = number(bytes, at, level.offset_len);
        let corrupt = || {
            let what = format!(
                "tile {index} of cells of {} m is not there",
                level.cell_size_m
            );
            Error::corrupt(self.map.path(), what)
        };
        match place.ok_or_else(corrupt)? {
            0 => Ok(None),
            offset => usize::try_from(offset)
                .ok()
                .and_then(|start| bytes.get(start..start.checked_add(TILE_BYTES)?))
                .map(Some)
                .ok_or_else(corrupt),
        }
    }
}

/// A little-endian number of `len` ≤ 8 bytes.
fn number(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    let mut eight = [0; 8];
    eight[..len].copy_from_slice(bytes.get(at..at.checked_add(len)?)?);
    Some(u64::from_le_bytes(eight))
}

/// A field of a directory, with where its values lie.
#[derive(Debug, Clone, Copy)]
struct Field {
    kind: u16,
    count: u64,
    start: usize,
}

/// The fields of one directory, by tag.
#[derive(Debug)]
struct Directories<'a> {
    bytes: &'a [u8],
    fields: Vec<(u16, Field)>,
}

impl<'a> Directories<'a> {
    /// Reads all directories; tells whether the file is a BigTIFF.
    fn read(bytes: &'a [u8]) -> Result<(Vec<Directories<'a>>, bool), String> {
        let short = || "ends inside its directories".to_owned();
        let big = match bytes.first_chunk::<4>() {
            Some(b"II\x2a\0") => false,
            Some(b"II\x2b\0") => true,
            _ => return Err("is no little-endian TIFF".to_owned()),
        };
        let (word, count_len, entry_len) = if big { (8, 8, 20) } else { (4, 2, 12) };
        let read = |at: usize, len: usize| number(bytes, at, len).ok_or_else(short);
        let place = |at: usize| usize::try_from(read(at, word)?).map_err(|_| short());

        let mut directories = Vec::new();
        let mut start = place(if big { 8 } else { 4 })?;
        while start != 0 {
            if directories.len() == LEVELS_MAX {
                return Err(format!("has over {LEVELS_MAX} directories"));
            }
            let count = read(start, count_len)?;
            let mut at = start.checked_add(count_len).ok_or_else(short)?;
            let mut fields = Vec::new();
            for _ in 0..count {
                let tag = read(at, 2)? as u16;
                let kind = read(at + 2, 2)? as u16;
                let count = read(at + 4, word)?;
                let size = match kind {
                    kind::SHORT => 2,
                    kind::LONG => 4,
                    kind::DOUBLE | kind::LONG8 => 8,
                    _ => 1,
                };
                let inline = count
                    .checked_mul(size)
                    .is_some_and(|len| len <= word as u64);
                let start = if inline {
                    at + 4 + word
                } else {
                    place(at + 4 + word)?
                };
                fields.push((tag, Field { kind, count, start }));
                at += entry_len;
            }
            directories.push(Directories { bytes, fields });
            start = place(at)?;
        }
        Ok((directories, big))
    }

    fn field(&self, tag: u16) -> Result<Field, String> {
        let found = self.fields.iter().find(|(other, _)| *other == tag);
        found
            .map(|(_, field)| *field)
            .ok_or_else(|| format!("has no field {tag}"))
    }

    /// The only value of a field of whole numbers.
    fn one(&self, tag: u16) -> Result<u64, String> {
        let field = self.field(tag)?;
        let len = if field.kind == kind::SHORT { 2 } else { 4 };
        if field.count != 1 || !matches!(field.kind, kind::SHORT | kind::LONG) {
            return Err(format!("its field {tag} is not one number"));
        }
        number(self.bytes, field.start, len).ok_or_else(|| format!("ends before its field {tag}"))
    }

    /// One of the values of a field of floating-point numbers.
    fn double(&self, tag: u16, index: usize) -> Result<f64, String> {
        let field = self.field(tag)?;
        if field.kind != kind::DOUBLE || field.count <= index as u64 {
            return Err(format!("its field {tag} is not as we write it"));
        }
        field
            .start
            .checked_add(8 * index)
            .and_then(|at| number(self.bytes, at, 8))
            .map(f64::from_bits)
            .ok_or_else(|| format!("ends before its field {tag}"))
    }
}

/// West and north edge, and the levels.
fn levels(
    directories: &[Directories<'_>],
    big: bool,
    len: usize,
) -> Result<(f64, f64, Vec<Level>), String> {
    let finest = directories.first().ok_or("has no directory")?;
    let west = finest.double(tag::MODEL_TIEPOINT, 3)?;
    let north = finest.double(tag::MODEL_TIEPOINT, 4)?;
    let mut cell_size_m = finest.double(tag::MODEL_PIXEL_SCALE, 0)?;
    if !(west.is_finite() && north.is_finite() && cell_size_m > 0.0 && cell_size_m.is_finite()) {
        return Err("its place on the map makes no sense".to_owned());
    }
    let mut levels: Vec<Level> = Vec::new();
    for directory in directories {
        for (tag, ours) in [
            (tag::BITS_PER_SAMPLE, 32),
            (tag::COMPRESSION, 1),
            (tag::SAMPLES_PER_PIXEL, 1),
            (tag::TILE_WIDTH, TILE as u64),
            (tag::TILE_LENGTH, TILE as u64),
            (tag::SAMPLE_FORMAT, 3),
        ] {
            if directory.one(tag)? != ours {
                return Err(format!("its field {tag} is not as we write it"));
            }
        }
        let cells = |tag: u16| match usize::try_from(directory.one(tag)?) {
            Ok(cells) if cells > 0 && i32::try_from(cells).is_ok() => Ok(cells),
            _ => Err(format!("its field {tag} makes no sense")),
        };
        let (columns, rows) = (cells(tag::IMAGE_WIDTH)?, cells(tag::IMAGE_LENGTH)?);
        let is_half =
            |finer: &Level| (columns, rows) == (finer.columns.div_ceil(2), finer.rows.div_ceil(2));
        if levels.last().is_some_and(|finer| !is_half(finer)) {
            return Err(format!("{columns} × {rows} is not half of the finer level"));
        }
        let field = directory.field(tag::TILE_OFFSETS)?;
        let offset_len = if big { 8 } else { 4 };
        let tiles = columns.div_ceil(TILE) * rows.div_ceil(TILE);
        let fits = tiles
            .checked_mul(offset_len)
            .and_then(|bytes| bytes.checked_add(field.start))
            .is_some_and(|end| end <= len);
        let kind = if big { kind::LONG8 } else { kind::LONG };
        if !fits || field.count != tiles as u64 || field.kind != kind {
            return Err("its list of tiles is not as we write it".to_owned());
        }
        levels.push(Level {
            cell_size_m,
            columns,
            rows,
            offsets_start: field.start,
            offset_len,
        });
        cell_size_m *= 2.0;
    }
    Ok((west, north, levels))
}
