//! Writing a grid with its overviews.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use model::Grid;

use super::{LEVELS_MAX, TILE, TILE_BYTES, kind, tag};
use crate::Error;
use crate::view::HeightKind;

/// Writes a grid to a new file and makes it durable.
///
/// `crs_code` and `vertical_code` are put into the GeoTIFF keys if their authority is EPSG.
///
/// # Errors
///
/// [`Error::Refused`] if the grid has no cells or its numbers make no sense; [`Error::Io`].
pub(crate) fn write(
    path: &Path,
    grid: &Grid,
    height_kind: HeightKind,
    crs_code: &str,
    vertical_code: Option<&str>,
) -> Result<(), Error> {
    let cells = grid.columns.checked_mul(grid.rows);
    let placed = [grid.west, grid.north, grid.cell_size_m]
        .iter()
        .all(|n| n.is_finite());
    // GDAL counts columns and rows with 31 bits.
    let countable = [grid.columns, grid.rows]
        .iter()
        .all(|&n| n > 0 && i32::try_from(n).is_ok());
    if cells != Some(grid.values.len()) || !placed || grid.cell_size_m <= 0.0 || !countable {
        return Err(Error::Refused(format!(
            "a grid of {} × {} cells of {} m with {} values cannot be kept",
            grid.columns,
            grid.rows,
            grid.cell_size_m,
            grid.values.len()
        )));
    }
    let levels = levels(grid, height_kind);
    let geo = Geo {
        crs: epsg(crs_code),
        vertical: vertical_code.and_then(epsg),
    };
    let big = len_max(&levels) > u64::from(u32::MAX);
    write_levels(path, &levels, &geo, big).map_err(Error::io(path))
}

fn epsg(code: &str) -> Option<u16> {
    code.strip_prefix("EPSG:")?.parse().ok()
}

/// The grid, then each coarser one until one tile holds it.
fn levels(grid: &Grid, height_kind: HeightKind) -> Vec<Cow<'_, Grid>> {
    let mut levels = vec![Cow::Borrowed(grid)];
    while let Some(last) = levels.last()
        && last.columns.max(last.rows) > TILE
        && levels.len() < LEVELS_MAX
    {
        let coarser = coarser(last, height_kind);
        levels.push(Cow::Owned(coarser));
    }
    levels
}

fn coarser(grid: &Grid, height_kind: HeightKind) -> Grid {
    let (columns, rows) = (grid.columns.div_ceil(2), grid.rows.div_ceil(2));
    let mut values = Vec::with_capacity(columns * rows);
    for row in 0..rows {
        let upper = &grid.values[2 * row * grid.columns..][..grid.columns];
        let lower = grid.values[(2 * row + 1).min(grid.rows) * grid.columns..].chunks(grid.columns);
        let lower = lower.take(1).next().unwrap_or_default();
        for column in 0..columns {
            let of = |row: &[f32], i: usize| row.get(2 * column + i).copied().unwrap_or(f32::NAN);
            let four = [of(upper, 0), of(upper, 1), of(lower, 0), of(lower, 1)];
            values.push(match height_kind {
                HeightKind::Terrain => mean(four),
                // The maximum of two floats passes over NaN.
                HeightKind::Surface => four.into_iter().fold(f32::NAN, f32::max),
            });
        }
    }
    Grid {
        west: grid.west,
        north: grid.north,
        cell_size_m: grid.cell_size_m * 2.0,
        columns,
        rows,
        values,
    }
}

/// The mean of those that have a value; NaN if none has.
fn mean(values: [f32; 4]) -> f32 {
    let known = values.into_iter().filter(|value| !value.is_nan());
    let (sum, count) = known.fold((0.0, 0.0), |(sum, count), value| {
        (sum + f64::from(value), count + 1.0)
    });
    (sum / count) as f32
}

struct Geo {
    crs: Option<u16>,
    vertical: Option<u16>,
}

/// One field of a directory.
struct Field {
    tag: u16,
    kind: u16,
    count: u64,
    bytes: Vec<u8>,
}

impl Field {
    fn shorts(tag: u16, values: &[u16]) -> Field {
        Field {
            tag,
            kind: kind::SHORT,
            count: values.len() as u64,
            bytes: values.iter().flat_map(|n| n.to_le_bytes()).collect(),
        }
    }

    fn long(tag: u16, value: usize) -> Field {
        Field {
            tag,
            kind: kind::LONG,
            count: 1,
            bytes: (value as u32).to_le_bytes().to_vec(),
        }
    }

    fn doubles(tag: u16, values: &[f64]) -> Field {
        Field {
            tag,
            kind: kind::DOUBLE,
            count: values.len() as u64,
            bytes: values.iter().flat_map(|n| n.to_le_bytes()).collect(),
        }
    }

    fn places(tag: u16, values: &[u64], big: bool) -> Field {
        let bytes = values.iter().flat_map(|n| {
            let bytes = n.to_le_bytes();
            bytes.into_iter().take(if big { 8 } else { 4 })
        });
        Field {
            tag,
            kind: if big { kind::LONG8 } else { kind::LONG },
            count: values.len() as u64,
            bytes: bytes.collect(),
        }
    }
}

/// The most that a file of these levels can take.
fn len_max(levels: &[Cow<'_, Grid>]) -> u64 {
    let tiles = levels
        .iter()
        .map(|grid| grid.columns.div_ceil(TILE) as u64 * grid.rows.div_ceil(TILE) as u64);
    // Arrays take 16 bytes for each tile, directories less than 4 KiB for each level.
    tiles.sum::<u64>() * (TILE_BYTES as u64 + 16) + (levels.len() as u64 + 1) * 4096
}

fn write_levels(path: &Path, levels: &[Cow<'_, Grid>], geo: &Geo, big: bool) -> io::Result<()> {
    let tiles: Vec<Vec<bool>> = levels.iter().map(|grid| tiles_with_value(grid)).collect();
    let nowhere: Vec<_> = tiles.iter().map(|tiles| vec![0; tiles.len()]).collect();
    let start = directories(levels, &nowhere, geo, big).len() as u64;
    let mut next = start;
    let mut offsets = nowhere;
    for (offsets, tiles) in offsets.iter_mut().zip(&tiles).rev() {
        for (offset, _) in offsets.iter_mut().zip(tiles).filter(|(_, kept)| **kept) {
            *offset = next;
            next += TILE_BYTES as u64;
        }
    }

    let mut file = BufWriter::new(File::create_new(path)?);
    file.write_all(&directories(levels, &offsets, geo, big))?;
    let mut tile = Vec::with_capacity(TILE_BYTES);
    for (grid, tiles) in levels.iter().zip(&tiles).rev() {
        for (index, _) in tiles.iter().enumerate().filter(|(_, kept)| **kept) {
            fill_tile(grid, index, &mut tile);
            file.write_all(&tile)?;
        }
    }
    file.into_inner()?.sync_all()
}

/// For each tile, row by row, whether any of its cells has a value.
fn tiles_with_value(grid: &Grid) -> Vec<bool> {
    let across = grid.columns.div_ceil(TILE);
    let mut tiles = vec![false; across * grid.rows.div_ceil(TILE)];
    for (row, values) in grid.values.chunks(grid.columns).enumerate() {
        for (column, values) in values.chunks(TILE).enumerate() {
            let tile = &mut tiles[row / TILE * across + column];
            *tile = *tile || values.iter().any(|value| !value.is_nan());
        }
    }
    tiles
}

fn fill_tile(grid: &Grid, index: usize, bytes: &mut Vec<u8>) {
    let across = grid.columns.div_ceil(TILE);
    let (left, top) = (index % across * TILE, index / across * TILE);
    let width = TILE.min(grid.columns - left);
    bytes.clear();
    for row in top..top + TILE {
        let values: &[f32] = if row < grid.rows {
            &grid.values[row * grid.columns + left..][..width]
        } else {
            &[]
        };
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let padding = std::iter::repeat_n(f32::NAN, TILE - values.len());
        bytes.extend(padding.flat_map(f32::to_le_bytes));
    }
}

/// Everything before the tiles. Its length depends on `levels` and `big` alone.
fn directories(levels: &[Cow<'_, Grid>], offsets: &[Vec<u64>], geo: &Geo, big: bool) -> Vec<u8> {
    let fields: Vec<_> = levels
        .iter()
        .zip(offsets)
        .enumerate()
        .map(|(level, (grid, offsets))| fields(level, grid, offsets, geo, big))
        .collect();
    let (header_len, inline) = if big { (16, 8) } else { (8, 4) };
    let directory_len = |fields: &Vec<Field>| {
        if big {
            8 + 20 * fields.len() + 8
        } else {
            2 + 12 * fields.len() + 4
        }
    };

    let mut bytes = if big {
        [&b"II\x2b\0\x08\0\0\0"[..], &16_u64.to_le_bytes()].concat()
    } else {
        [&b"II\x2a\0"[..], &8_u32.to_le_bytes()].concat()
    };
    let mut arrays = Vec::new();
    let arrays_start = header_len + fields.iter().map(directory_len).sum::<usize>();
    // Eight-byte numbers are read where they lie.
    let padding = arrays_start.next_multiple_of(8) - arrays_start;
    let arrays_start = arrays_start + padding;
    let push = |bytes: &mut Vec<u8>, place: u64| {
        bytes.extend(&place.to_le_bytes()[..inline]);
    };
    for (i, fields) in fields.iter().enumerate() {
        let end = bytes.len() + directory_len(fields);
        if big {
            bytes.extend((fields.len() as u64).to_le_bytes());
        } else {
            bytes.extend((fields.len() as u16).to_le_bytes());
        }
        for field in fields {
            bytes.extend(field.tag.to_le_bytes());
            bytes.extend(field.kind.to_le_bytes());
            push(&mut bytes, field.count);
            if field.bytes.len() <= inline {
                bytes.extend(&field.bytes);
                bytes.extend(&[0; 8][..inline - field.bytes.len()]);
            } else {
                push(&mut bytes, (arrays_start + arrays.len()) as u64);
                arrays.extend(&field.bytes);
                arrays.resize(arrays.len().next_multiple_of(8), 0);
            }
        }
        let is_last = i + 1 == levels.len();
        push(&mut bytes, if is_last { 0 } else { end as u64 });
    }
    bytes.extend(&[0; 8][..padding]);
    bytes.extend(arrays);
    bytes
}

fn fields(level: usize, grid: &Grid, offsets: &[u64], geo: &Geo, big: bool) -> Vec<Field> {
    let counts: Vec<_> = offsets
        .iter()
        .map(|&offset| if offset == 0 { 0 } else { TILE_BYTES as u64 })
        .collect();
    let mut fields = vec![
        Field::long(tag::NEW_SUBFILE_TYPE, usize::from(level > 0)),
        Field::long(tag::IMAGE_WIDTH, grid.columns),
        Field::long(tag::IMAGE_LENGTH, grid.rows),
        Field::shorts(tag::BITS_PER_SAMPLE, &[32]),
        Field::shorts(tag::COMPRESSION, &[1]),
        Field::shorts(tag::PHOTOMETRIC_INTERPRETATION, &[1]),
        Field::shorts(tag::SAMPLES_PER_PIXEL, &[1]),
        Field::shorts(tag::PLANAR_CONFIGURATION, &[1]),
        Field::shorts(tag::TILE_WIDTH, &[TILE as u16]),
        Field::shorts(tag::TILE_LENGTH, &[TILE as u16]),
        Field::places(tag::TILE_OFFSETS, offsets, big),
        Field::places(tag::TILE_BYTE_COUNTS, &counts, big),
        // 3 is IEEE floating point.
        Field::shorts(tag::SAMPLE_FORMAT, &[3]),
    ];
    if level == 0 {
        let size = grid.cell_size_m;
        let tie = [0.0, 0.0, 0.0, grid.west, grid.north, 0.0];
        fields.push(Field::doubles(tag::MODEL_PIXEL_SCALE, &[size, size, 0.0]));
        fields.push(Field::doubles(tag::MODEL_TIEPOINT, &tie));
        fields.push(Field::shorts(tag::GEO_KEY_DIRECTORY, &geo_keys(geo)));
    }
    fields.push(Field {
        tag: tag::GDAL_NODATA,
        kind: kind::ASCII,
        count: 4,
        bytes: b"nan\0".to_vec(),
    });
    fields
}

fn geo_keys(geo: &Geo) -> Vec<u16> {
    // GTModelType: projected. GTRasterType: a value stands for its cell's area.
    let mut keys = vec![(1024, 1), (1025, 1)];
    keys.extend(geo.crs.map(|code| (3072, code)));
    keys.extend(geo.vertical.map(|code| (4096, code)));
    let header = [1, 1, 0, keys.len() as u16];
    let entries = keys.into_iter().flat_map(|(key, value)| [key, 0, 1, value]);
    header.into_iter().chain(entries).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Mapped;
    use crate::heights::HeightMap;
    use model::Bounds;

    /// A slope with a hole, five tiles by three; the tile in the south-east has no value.
    fn slope() -> Grid {
        let mut grid = Grid::empty(500.0, 9000.0, 0.5, 1100, 700);
        for row in 0..700 {
            for column in 0..1100 {
                let in_hole = (300..310).contains(&row) && (300..310).contains(&column);
                let in_corner = row >= 512 && column >= 1024;
                if !in_hole && !in_corner {
                    grid.values[row * 1100 + column] = (row * 3 + column) as f32 / 8.0;
                }
            }
        }
        grid
    }

    fn write_to(path: &Path, big: bool) {
        let grid = slope();
        let levels = levels(&grid, HeightKind::Terrain);
        let geo = Geo {
            crs: Some(3006),
            vertical: Some(5613),
        };
        write_levels(path, &levels, &geo, big).unwrap();
    }

    #[test]
    fn classic_and_big_files_hold_the_same_cells() {
        let dir = tempfile::tempdir().unwrap();
        let grid = slope();
        let all = Bounds::new(500.25, 8650.25, 1049.75, 8999.75).unwrap();
        for big in [false, true] {
            let path = dir.path().join(format!("{big}.tif"));
            write_to(&path, big);
            let heights = HeightMap::open(Mapped::open(&path).unwrap()).unwrap();
            let window = heights.window(&all, 0.5).unwrap();
            assert_eq!((window.west, window.north), (grid.west, grid.north));
            let bits = |grid: &Grid| grid.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert!(bits(&window) == bits(&grid));
            let known = grid.values.iter().filter(|value| !value.is_nan()).count();
            assert_eq!(heights.check().unwrap(), known as u64);
            // 15, 6, 2 and 1 tiles, of which one of the first and one of the second is empty.
            let len = std::fs::metadata(&path).unwrap().len();
            assert_eq!(len / TILE_BYTES as u64, 22);
        }
    }

    #[test]
    fn overviews_pass_over_cells_without_value() {
        let mut grid = Grid::empty(0.0, 4.0, 1.0, 3, 3);
        grid.values[0] = 1.0;
        grid.values[4] = 4.0;
        grid.values[8] = 7.0;
        let mean = coarser(&grid, HeightKind::Terrain);
        assert_eq!((mean.columns, mean.rows, mean.cell_size_m), (2, 2, 2.0));
        assert_eq!((mean.values[0], mean.values[3]), (2.5, 7.0));
        assert!(mean.values[1].is_nan() && mean.values[2].is_nan());
        let highest = coarser(&grid, HeightKind::Surface);
        assert_eq!((highest.values[0], highest.values[3]), (4.0, 7.0));
        assert!(highest.values[1].is_nan());
    }

    #[test]
    fn a_file_that_is_cut_short_is_damaged_wherever_the_cut_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("whole.tif");
        write_to(&path, true);
        let whole = std::fs::read(&path).unwrap();
        let cuts = (0..1500)
            .step_by(37)
            .chain([2000, whole.len() / 2, whole.len() - 1]);
        for cut in cuts {
            let path = dir.path().join(format!("{cut}.tif"));
            std::fs::write(&path, &whole[..cut]).unwrap();
            let opened = HeightMap::open(Mapped::open(&path).unwrap());
            let result = opened.and_then(|heights| heights.check());
            assert!(matches!(result, Err(Error::Corrupt { .. })), "cut at {cut}");
        }
    }

    #[test]
    fn a_grid_that_makes_no_sense_is_refused() {
        let path = Path::new("never written");
        let mut short = Grid::empty(0.0, 0.0, 1.0, 2, 2);
        short.values.pop();
        for grid in [
            short,
            Grid::empty(0.0, 0.0, 1.0, 0, 5),
            Grid::empty(0.0, 0.0, 0.0, 1, 1),
            Grid::empty(f64::NAN, 0.0, 1.0, 1, 1),
        ] {
            let result = write(path, &grid, HeightKind::Terrain, "EPSG:3006", None);
            assert!(matches!(result, Err(Error::Refused(_))));
        }
    }
}
