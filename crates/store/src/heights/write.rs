//! Writing a grid with its overviews.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use model::{Grid, GridFrame};

use super::directory::{AROUND_TILE, Description, Places, Statistics, directories, wrapped};
use super::pile::{Pile, Size};
use super::samples::Encoder;
use super::{HeightKind, Overviews, Samples, TILE_BYTES};
use crate::Error;

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
        self,
        path: &Path,
        kind: HeightKind,
        crs_code: &str,
        vertical_code: Option<&str>,
    ) -> Result<(), Error> {
        let overviews = match kind {
            HeightKind::Terrain | HeightKind::Distance => Overviews::Mean,
            HeightKind::Surface => Overviews::Maximum,
        };
        let (vertical, text) = match kind {
            HeightKind::Terrain | HeightKind::Surface => (vertical_code, ""),
            HeightKind::Distance => (None, "Distance from the nearest measured ground"),
        };
        let description = Description {
            crs: epsg(crs_code),
            vertical: vertical.and_then(epsg),
            samples: Samples::Float32,
            compressed: false,
            unit: "metre",
            text: text.to_owned(),
        };
        self.finish_as(path, overviews, &description)
    }

    /// As [`HeightWriter::finish`], of any values.
    pub(super) fn finish_as(
        mut self,
        path: &Path,
        overviews: Overviews,
        description: &Description,
    ) -> Result<(), Error> {
        self.pile
            .coarsen(overviews)
            .map_err(Error::io(self.pile.path()))?;
        let big = len_max(&self.pile) > u64::from(u32::MAX);
        write_levels(path, &self.frame, &self.pile, description, big).map_err(Error::io(path))
    }
}

pub(super) fn epsg(code: &str) -> Option<u16> {
    code.strip_prefix("EPSG:")?.parse().ok()
}

/// The most that a file of these levels can take.
fn len_max(pile: &Pile) -> u64 {
    let tiles = pile.levels.iter().map(|level| level.size.tiles() as u64);
    // Arrays take 16 bytes for each tile, directories less than 4 KiB for each level. What
    // cannot be compressed grows by less than a thousandth.
    tiles.sum::<u64>() * (TILE_BYTES as u64 + 272) + (pile.levels.len() as u64 + 1) * 4096
}

fn write_levels(
    path: &Path,
    frame: &GridFrame,
    pile: &Pile,
    description: &Description,
    big: bool,
) -> io::Result<()> {
    let levels = pile.levels.iter();
    let mut levels: Vec<_> = levels.map(|level| Places::unknown(level.size)).collect();
    let mut statistics = Statistics::of_none((frame.columns * frame.rows) as u64);
    let mut file = BufWriter::new(File::create_new(path)?);
    // In the place of those that are written when all is known.
    let before = directories(frame, &levels, description, Some(&statistics), big);
    file.write_all(&before)?;
    let mut next = before.len() as u64;
    let mut encoder = Encoder::new(description);
    let mut tile = vec![0; TILE_BYTES];
    for (number, level) in pile.levels.iter().enumerate().rev() {
        for (index, _) in level.kept().enumerate().filter(|(_, kept)| *kept) {
            pile.read(number, index, &mut tile)?;
            let counted = (number == 0).then_some(&mut statistics);
            let bytes = encoder.encode(&tile, counted);
            levels[number].offsets[index] = next + AROUND_TILE as u64;
            levels[number].lengths[index] = bytes.len() as u64;
            let bytes = wrapped(bytes);
            file.write_all(&bytes)?;
            next += bytes.len() as u64;
        }
    }
    let after = directories(frame, &levels, description, Some(&statistics), big);
    file.rewind()?;
    file.write_all(&after)?;
    file.into_inner()?.sync_all()
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
        writer.pile.coarsen(Overviews::Mean).unwrap();
        let description = Description {
            crs: Some(3006),
            vertical: Some(5613),
            samples: Samples::Float32,
            compressed: false,
            unit: "metre",
            text: String::new(),
        };
        write_levels(path, &writer.frame, &writer.pile, &description, big).unwrap();
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
            .chain([2000, whole.len() / 2, whole.len() - 5]);
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
