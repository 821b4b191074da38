//! Writing a grid with its overviews.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use model::{Grid, GridFrame};

use super::pile::{Pile, Size};
use super::{TILE, TILE_BYTES, kind, tag};
use crate::Error;
use crate::view::HeightKind;

/// The grids of a survey on their way to disk, patch by patch; they need not fit in memory.
///
/// Whatever is not given to [`crate::Transaction::put_survey`] goes with this.
#[derive(Debug)]
pub struct HeightsWriter {
    writers: [(HeightKind, HeightWriter); 3],
}

impl HeightsWriter {
    /// Starts grids without any value. `scratch` gives the names of temporary files.
    pub(crate) fn new(
        frame: GridFrame,
        scratch: impl Fn(HeightKind) -> PathBuf,
    ) -> Result<HeightsWriter, Error> {
        let start = |kind| Ok::<_, Error>((kind, HeightWriter::new(frame, scratch(kind))?));
        let [terrain, surface, distance] = HeightKind::ALL;
        Ok(HeightsWriter {
            writers: [start(terrain)?, start(surface)?, start(distance)?],
        })
    }

    /// Puts the values of a patch in their place. Cells without a value are passed over.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the patch does not lie on the cells of the frame; [`Error::Io`].
    pub fn put(&mut self, kind: HeightKind, patch: &Grid) -> Result<(), Error> {
        for (of, writer) in &mut self.writers {
            if *of == kind {
                writer.put(patch)?;
            }
        }
        Ok(())
    }

    pub(crate) fn into_writers(self) -> [(HeightKind, HeightWriter); 3] {
        self.writers
    }
}

/// A grid on its way to disk.
#[derive(Debug)]
pub(crate) struct HeightWriter {
    frame: GridFrame,
    pile: Pile,
}

impl HeightWriter {
    /// Starts a grid without any value. `scratch` is where its tiles lie until it is finished.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the frame has no cells or its numbers make no sense; [`Error::Io`].
    pub(crate) fn new(frame: GridFrame, scratch: PathBuf) -> Result<HeightWriter, Error> {
        let placed = [frame.west, frame.north, frame.cell_size_m]
            .iter()
            .all(|n| n.is_finite());
        // GDAL counts columns and rows with 31 bits.
        let countable = [frame.columns, frame.rows]
            .iter()
            .all(|&n| n > 0 && i32::try_from(n).is_ok());
        if !placed || frame.cell_size_m <= 0.0 || !countable {
            return Err(Error::Refused(format!(
                "a grid of {} × {} cells of {} m cannot be kept",
                frame.columns, frame.rows, frame.cell_size_m
            )));
        }
        let size = Size {
            columns: frame.columns,
            rows: frame.rows,
        };
        let pile = Pile::new(scratch.clone(), size).map_err(Error::io(&scratch))?;
        Ok(HeightWriter { frame, pile })
    }

    /// Puts the values of a patch in their place. Cells without a value are passed over.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the patch does not lie on the frame's cells; [`Error::Io`].
    pub(crate) fn put(&mut self, patch: &Grid) -> Result<(), Error> {
        let size = self.frame.cell_size_m;
        let cells = [
            (patch.west - self.frame.west) / size,
            (self.frame.north - patch.north) / size,
        ];
        // Coordinates in the millions have a billionth of a metre to spare.
        let fits = patch.cell_size_m == size
            && patch.columns.checked_mul(patch.rows) == Some(patch.values.len())
            && cells
                .iter()
                .all(|c| (c - c.round()).abs() < 1e-6 && c.abs() < 1e15);
        if !fits {
            return Err(Error::Refused(format!(
                "a patch of {} × {} cells of {} m at {}, {} does not lie on the grid of {} m at {}, {}",
                patch.columns,
                patch.rows,
                patch.cell_size_m,
                patch.west,
                patch.north,
                size,
                self.frame.west,
                self.frame.north
            )));
        }
        let [left, top] = cells.map(|c| c.round() as i64);
        self.pile
            .put(patch, left, top)
            .map_err(Error::io(self.pile.path()))
    }

    /// Writes everything to a new file and makes it durable.
    ///
    /// `crs_code` and `vertical_code` are put into the GeoTIFF keys if their authority is EPSG.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(crate) fn finish(
        mut self,
        path: &Path,
        kind: HeightKind,
        crs_code: &str,
        vertical_code: Option<&str>,
    ) -> Result<(), Error> {
        let geo = Geo {
            crs: epsg(crs_code),
            vertical: vertical_code.and_then(epsg),
        };
        self.pile
            .coarsen(kind)
            .map_err(Error::io(self.pile.path()))?;
        let big = len_max(&self.pile) > u64::from(u32::MAX);
        write_levels(path, &self.frame, &self.pile, &geo, big).map_err(Error::io(path))
    }
}

fn epsg(code: &str) -> Option<u16> {
    code.strip_prefix("EPSG:")?.parse().ok()
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
fn len_max(pile: &Pile) -> u64 {
    let tiles = pile.levels.iter().map(|level| level.size.tiles() as u64);
    // Arrays take 16 bytes for each tile, directories less than 4 KiB for each level.
    tiles.sum::<u64>() * (TILE_BYTES as u64 + 16) + (pile.levels.len() as u64 + 1) * 4096
}

fn write_levels(
    path: &Path,
    frame: &GridFrame,
    pile: &Pile,
    geo: &Geo,
    big: bool,
) -> io::Result<()> {
    let mut offsets: Vec<Vec<u64>> = pile
        .levels
        .iter()
        .map(|level| vec![0; level.size.tiles()])
        .collect();
    let mut next = directories(frame, pile, &offsets, geo, big).len() as u64;
    for (offsets, level) in offsets.iter_mut().zip(&pile.levels).rev() {
        for (offset, _) in offsets
            .iter_mut()
            .zip(level.kept())
            .filter(|(_, kept)| *kept)
        {
            *offset = next;
            next += TILE_BYTES as u64;
        }
    }

    let mut file = BufWriter::new(File::create_new(path)?);
    file.write_all(&directories(frame, pile, &offsets, geo, big))?;
    let mut tile = vec![0; TILE_BYTES];
    for (number, level) in pile.levels.iter().enumerate().rev() {
        for (index, _) in level.kept().enumerate().filter(|(_, kept)| *kept) {
            pile.read(number, index, &mut tile)?;
            file.write_all(&tile)?;
        }
    }
    file.into_inner()?.sync_all()
}

/// Everything before the tiles. Its length depends on the sizes of the levels and on `big` alone.
fn directories(
    frame: &GridFrame,
    pile: &Pile,
    offsets: &[Vec<u64>],
    geo: &Geo,
    big: bool,
) -> Vec<u8> {
    let fields: Vec<_> = pile
        .levels
        .iter()
        .zip(offsets)
        .enumerate()
        .map(|(number, (level, offsets))| {
            let mut fields = fields(number, level.size, offsets, big);
            if number == 0 {
                fields.extend(place(frame, geo));
            }
            fields.push(Field {
                tag: tag::GDAL_NODATA,
                kind: kind::ASCII,
                count: 4,
                bytes: b"nan\0".to_vec(),
            });
            fields
        })
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
        let is_last = i + 1 == offsets.len();
        push(&mut bytes, if is_last { 0 } else { end as u64 });
    }
    bytes.extend(&[0; 8][..padding]);
    bytes.extend(arrays);
    bytes
}

fn fields(level: usize, size: Size, offsets: &[u64], big: bool) -> Vec<Field> {
    let counts: Vec<_> = offsets
        .iter()
        .map(|&offset| if offset == 0 { 0 } else { TILE_BYTES as u64 })
        .collect();
    vec![
        Field::long(tag::NEW_SUBFILE_TYPE, usize::from(level > 0)),
        Field::long(tag::IMAGE_WIDTH, size.columns),
        Field::long(tag::IMAGE_LENGTH, size.rows),
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
    ]
}

/// Where the finest level lies.
fn place(frame: &GridFrame, geo: &Geo) -> [Field; 3] {
    let size = frame.cell_size_m;
    let tie = [0.0, 0.0, 0.0, frame.west, frame.north, 0.0];
    [
        Field::doubles(tag::MODEL_PIXEL_SCALE, &[size, size, 0.0]),
        Field::doubles(tag::MODEL_TIEPOINT, &tie),
        Field::shorts(tag::GEO_KEY_DIRECTORY, &geo_keys(geo)),
    ]
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
        let mut writer = HeightWriter::new(grid.frame(), path.with_extension("pile")).unwrap();
        writer.put(&grid).unwrap();
        writer.pile.coarsen(HeightKind::Terrain).unwrap();
        let geo = Geo {
            crs: Some(3006),
            vertical: Some(5613),
        };
        write_levels(path, &writer.frame, &writer.pile, &geo, big).unwrap();
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
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("never written");
        for grid in [
            Grid::empty(0.0, 0.0, 1.0, 0, 5),
            Grid::empty(0.0, 0.0, 0.0, 1, 1),
            Grid::empty(f64::NAN, 0.0, 1.0, 1, 1),
        ] {
            let result = HeightWriter::new(grid.frame(), path.clone());
            assert!(matches!(result, Err(Error::Refused(_))));
        }
        let mut short = Grid::empty(0.0, 0.0, 1.0, 2, 2);
        let mut writer = HeightWriter::new(short.frame(), path).unwrap();
        short.values.pop();
        assert!(matches!(writer.put(&short), Err(Error::Refused(_))));
    }
}
