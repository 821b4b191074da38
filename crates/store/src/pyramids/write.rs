//! Writes archives, tile by tile.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use model::TileCoord;
use pmtiles::{CallerKey, Compression, PmTilesStreamWriter, PmTilesWriter, PmtError, TileType};
use xxhash_rust::xxh3::{Xxh3DefaultBuilder, xxh3_128};

use super::describe::{PyramidDescription, Sacrifices, ShownLevel};
use super::mbtiles::MbTiles;
use crate::Error;

/// Longest tile that is compared with those before. What repeats is a tile that one polygon
/// fills, of some hundred bytes; a longer one holds a place of its own.
const REPEATED_LEN_MAX: usize = 1024;

/// Most different tiles that are remembered to be compared with, some 60 MB. Levels come
/// coarsest first, and a polygon fills tiles of each level below alike, so that what repeats
/// most is met early.
const REMEMBERED_MAX: usize = 1 << 20;

/// The format of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveFormat {
    /// PMTiles 3.
    PmTiles,
    /// MBTiles 1.3.
    MbTiles,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PyramidSummary {
    /// Tiles that can be asked for.
    pub tiles: u64,
    /// Contents that are stored, without those that repeat.
    pub contents: u64,
    /// Bytes of the archive.
    pub bytes: u64,
}

/// Writes an archive, tile by tile.
///
/// Equal tiles in equal order give equal bytes. What was written is of no use before
/// [`PyramidWriter::finish`]; whoever drops a writer must remove its file.
pub struct PyramidWriter {
    path: PathBuf,
    description: PyramidDescription,
    sink: Sink,
    sacrifices: Sacrifices,
    /// Number of the tile before.
    last: Option<u64>,
    tiles: u64,
    contents: u64,
}

/// Where tiles go.
enum Sink {
    PmTiles {
        writer: Box<PmTilesStreamWriter<File, CallerKey<u128>>>,
        /// Hashes of tiles that later ones are compared with.
        remembered: HashSet<u128, Xxh3DefaultBuilder>,
    },
    MbTiles(MbTiles),
}

impl std::fmt::Debug for PyramidWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PyramidWriter")
            .field("path", &self.path)
            .field("tiles", &self.tiles)
            .finish_non_exhaustive()
    }
}

impl PyramidWriter {
    /// Starts an archive in a new file.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the levels do not fit the format, or the tile matrix set does
    /// not; [`Error::Io`], also if the file exists.
    pub fn create(
        path: &Path,
        format: ArchiveFormat,
        description: PyramidDescription,
    ) -> Result<PyramidWriter, Error> {
        description.check()?;
        let [first, last] = description.stored_levels();
        let sink = match format {
            ArchiveFormat::MbTiles => Sink::MbTiles(MbTiles::create(path, &description)?),
            ArchiveFormat::PmTiles => {
                let file = File::create_new(path).map_err(Error::io(path))?;
                let [west, south, east, north] = description.bounds_lonlat_deg;
                let ([lon, lat], zoom) = description.center();
                let writer = PmTilesWriter::new(TileType::Mvt)
                    .precompressed(Compression::Gzip)
                    .dedup_by_key::<u128>()
                    .min_zoom(first)
                    .max_zoom(last)
                    .bounds(west, south, east, north)
                    .center(lon, lat)
                    .center_zoom(zoom)
                    .create(file)
                    .map_err(|error| pmt(path, error))?;
                Sink::PmTiles {
                    writer: Box::new(writer),
                    remembered: HashSet::default(),
                }
            }
        };
        Ok(PyramidWriter {
            path: path.to_owned(),
            description,
            sink,
            sacrifices: Sacrifices::default(),
            last: None,
            tiles: 0,
            contents: 0,
        })
    }

    /// Adds a tile of the set: its bytes, compressed with gzip, and what it gave up.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the tile has no place in the archive, does not come after all
    /// before by its number in PMTiles, or is empty; [`Error::Io`].
    pub fn add(
        &mut self,
        tile: TileCoord,
        gzip: &[u8],
        sacrifices: &[String],
    ) -> Result<(), Error> {
        let (stored, id) = self.description.stored(tile)?;
        if self.last.is_some_and(|last| last >= id) {
            return Err(Error::Refused(format!(
                "tile {tile} comes after one that follows it in PMTiles"
            )));
        }
        if gzip.is_empty() {
            return Err(Error::Refused(format!(
                "tile {tile} is empty: an archive leaves such out"
            )));
        }
        self.last = Some(id);
        self.tiles += 1;
        self.sacrifices.add(tile, sacrifices);
        match &mut self.sink {
            Sink::MbTiles(writer) => {
                self.contents += 1;
                writer.add(stored, gzip)
            }
            Sink::PmTiles { writer, remembered } => {
                let mut key = (gzip.len() <= REPEATED_LEN_MAX).then(|| xxh3_128(gzip));
                let is_new = match key {
                    Some(hash) if remembered.contains(&hash) => false,
                    Some(hash) if remembered.len() < REMEMBERED_MAX => remembered.insert(hash),
                    _ => {
                        key = None;
                        true
                    }
                };
                self.contents += u64::from(is_new);
                let place = pmtiles::TileCoord::new(stored.z(), stored.x(), stored.y());
                place
                    .and_then(|place| writer.add_tile(place, gzip, key))
                    .map_err(|error| pmt(&self.path, error))
            }
        }
    }

    /// Says what tiles of each level show, coarsest first, which is known when they are made.
    pub fn describe_levels(&mut self, shown: Vec<ShownLevel>) {
        self.description.shown = shown;
    }

    /// Ends the archive, and makes it durable.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if there is no tile; [`Error::Io`].
    pub fn finish(self) -> Result<PyramidSummary, Error> {
        if self.tiles == 0 {
            return Err(Error::Refused(
                "there is nothing to see on any of these levels: no tile to write".to_owned(),
            ));
        }
        let path = &self.path;
        match self.sink {
            Sink::MbTiles(writer) => writer.finish(&self.description, &self.sacrifices)?,
            Sink::PmTiles { mut writer, .. } => {
                writer.set_metadata(self.description.metadata(&self.sacrifices));
                writer.finalize().map_err(|error| pmt(path, error))?;
            }
        }
        let file = File::options()
            .write(true)
            .open(path)
            .map_err(Error::io(path))?;
        file.sync_all().map_err(Error::io(path))?;
        Ok(PyramidSummary {
            tiles: self.tiles,
            contents: self.contents,
            bytes: file.metadata().map_err(Error::io(path))?.len(),
        })
    }

    /// Where it is written.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn description(&self) -> &PyramidDescription {
        &self.description
    }
}

/// What the library says, with the path.
fn pmt(path: &Path, error: PmtError) -> Error {
    let source = match error {
        PmtError::Reading(source) => source,
        other => std::io::Error::other(other),
    };
    Error::Io {
        path: path.to_owned(),
        source,
    }
}
