//! Pyramids of a snapshot, as a caller reads them.

use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use model::{CollectionId, TileCoord};

use super::{Archive, PyramidDescription, PyramidSummary};
use crate::Error;
use crate::catalog::PyramidEntry;
use crate::files::{Mapped, checksum};
use crate::open::OpenError;

/// A pyramid with its file.
#[derive(Debug)]
pub(crate) struct OpenPyramid {
    pub(crate) entry: PyramidEntry,
    pub(crate) archive: Result<Archive, OpenError>,
    imprints: Option<Result<Mapped, OpenError>>,
    /// What tiles gave up, by number; read when a tile is first asked for.
    sacrifices: OnceLock<HashMap<u64, Vec<String>>>,
}

impl OpenPyramid {
    pub(crate) fn open(dir: &Path, entry: PyramidEntry) -> OpenPyramid {
        let archive = entry.file.map(dir).and_then(Archive::open);
        let imprints = entry.imprints.as_ref().map(|file| file.map(dir));
        OpenPyramid {
            imprints: imprints.map(|map| map.map_err(OpenError::from)),
            entry,
            archive: archive.map_err(OpenError::from),
            sacrifices: OnceLock::new(),
        }
    }

    fn archive(&self) -> Result<&Archive, Error> {
        self.archive.as_ref().map_err(OpenError::to_error)
    }

    fn sacrifices(&self, archive: &Archive) -> Result<&HashMap<u64, Vec<String>>, Error> {
        if let Some(known) = self.sacrifices.get() {
            return Ok(known);
        }
        let metadata = archive.metadata()?;
        let told = metadata["tvilling"]["sacrifices"].as_object();
        let told = told.into_iter().flatten().filter_map(|(tile, sentences)| {
            let mut parts = tile.split('/').map(str::parse::<u32>);
            let mut part = || parts.next()?.ok();
            let z = u8::try_from(part()?)
                .ok()?
                .checked_add(self.entry.zoom_shift)?;
            let stored = TileCoord::new(z, part()?, part()?).ok()?;
            let sentences = sentences.as_array()?.iter();
            let sentences = sentences.filter_map(|s| Some(s.as_str()?.to_owned()));
            Some((stored.pmtiles_id()?, sentences.collect()))
        });
        Ok(self.sacrifices.get_or_init(|| told.collect()))
    }
}

/// A pyramid of a visible collection, made of the version that is live.
#[derive(Debug, Clone)]
pub struct PyramidView(pub(crate) Arc<OpenPyramid>);

impl PyramidView {
    /// Name of its tile matrix set.
    pub fn tms(&self) -> &str {
        &self.0.entry.tms
    }

    /// Levels of the set that it has.
    pub fn levels(&self) -> RangeInclusive<u8> {
        let [first, last] = self.0.entry.levels;
        first..=last
    }

    /// Tiles that are not empty.
    pub fn tiles(&self) -> u64 {
        self.0.entry.tiles
    }

    /// What it came to when it was written.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`] if the file could not be opened.
    pub fn summary(&self) -> Result<PyramidSummary, Error> {
        Ok(PyramidSummary {
            tiles: self.tiles(),
            contents: self.0.archive()?.header().contents,
            bytes: self.byte_len(),
        })
    }

    /// How many tiles gave something up to keep their byte limit.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn tiles_with_sacrifices(&self) -> Result<u64, Error> {
        let metadata = self.0.archive()?.metadata()?;
        let count = metadata["tvilling"]["tiles_with_sacrifices"].as_u64();
        Ok(count.unwrap_or(0))
    }

    /// Names of the columns that features of a collection carry on any of its levels.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn fields_of(&self, collection: &CollectionId) -> Result<Vec<String>, Error> {
        let metadata = self.0.archive()?.metadata()?;
        let layers = metadata["vector_layers"].as_array().into_iter().flatten();
        let of_collection =
            layers.filter(|layer| layer["id"].as_str() == Some(collection.as_str()));
        let fields = of_collection.filter_map(|layer| layer["fields"].as_object());
        Ok(fields.flat_map(|fields| fields.keys().cloned()).collect())
    }

    /// Whether the archive says for people what such a description would.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn is_called(&self, description: &PyramidDescription) -> Result<bool, Error> {
        let metadata = self.0.archive()?.metadata()?;
        let says = |key: &str| metadata[key].as_str();
        Ok(says("name") == Some(&description.name)
            && says("description") == Some(&description.description)
            && says("attribution") == description.attribution.as_deref())
    }

    /// The bytes of the archive, as PMTiles.
    ///
    /// They are mapped, not read: reading them may wait for the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`] if the file could not be opened.
    pub fn pmtiles(&self) -> Result<&[u8], Error> {
        Ok(self.0.archive()?.bytes())
    }

    /// XXH3 of the bytes of the archive, 128 bits, as the catalog has it.
    pub fn checksum(&self) -> u128 {
        self.0.entry.file.checksum
    }

    /// Length of the archive in bytes.
    pub fn byte_len(&self) -> u64 {
        self.0.entry.file.len
    }

    /// Whether the archive, and what lies beside it, are to the byte what was written. Reads
    /// all of it.
    pub fn is_undamaged(&self) -> bool {
        let entry = &self.0.entry;
        let archive = self.0.archive.as_ref();
        let is_whole = archive.is_ok_and(|open| checksum(open.bytes()) == entry.file.checksum);
        let beside = match (&self.0.imprints, &entry.imprints) {
            (Some(open), Some(file)) => open
                .as_ref()
                .is_ok_and(|map| checksum(map.bytes()) == file.checksum),
            _ => true,
        };
        is_whole && beside
    }

    /// What was put beside the archive by whoever made it; none if nothing was.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`] if the file could not be opened.
    pub fn imprints(&self) -> Result<Option<&[u8]>, Error> {
        match &self.0.imprints {
            Some(Ok(map)) => Ok(Some(map.bytes())),
            Some(Err(error)) => Err(error.to_error()),
            None => Ok(None),
        }
    }

    /// All tiles, in the order of their numbers in PMTiles. After a damaged directory the
    /// rest is left out.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`], here and for each.
    pub fn all_tiles(
        &self,
    ) -> Result<impl Iterator<Item = Result<(TileCoord, PyramidTile), Error>> + '_, Error> {
        let archive = self.0.archive()?;
        let sacrifices = self.0.sacrifices(archive)?;
        let shift = self.0.entry.zoom_shift;
        Ok(archive.tiles()?.map(move |tile| {
            let (id, range) = tile?;
            let address = TileCoord::from_pmtiles_id(id).and_then(|stored| {
                let z = stored.z().checked_sub(shift)?;
                TileCoord::new(z, stored.x(), stored.y()).ok()
            });
            let address = address.ok_or_else(|| archive.no_such_tile(id))?;
            let tile = PyramidTile {
                sacrifices: sacrifices.get(&id).cloned().unwrap_or_default(),
                pyramid: Arc::clone(&self.0),
                range,
            };
            Ok((address, tile))
        }))
    }

    /// Returns a tile; none if it is empty, or on a level that the pyramid lacks.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn tile(&self, tile: TileCoord) -> Result<Option<PyramidTile>, Error> {
        let archive = self.0.archive()?;
        if !self.levels().contains(&tile.z()) {
            return Ok(None);
        }
        let z = tile.z().saturating_add(self.0.entry.zoom_shift);
        let stored = TileCoord::new(z, tile.x(), tile.y()).ok();
        let Some(id) = stored.and_then(TileCoord::pmtiles_id) else {
            return Ok(None);
        };
        let Some(range) = archive.find(id)? else {
            return Ok(None);
        };
        let sacrifices = self.0.sacrifices(archive)?.get(&id);
        Ok(Some(PyramidTile {
            sacrifices: sacrifices.cloned().unwrap_or_default(),
            pyramid: Arc::clone(&self.0),
            range,
        }))
    }
}

/// A tile where it lies in memory: its bytes, compressed with gzip.
#[derive(Debug, Clone)]
pub struct PyramidTile {
    pyramid: Arc<OpenPyramid>,
    range: Range<usize>,
    /// What was given up to keep its byte limit.
    pub sacrifices: Vec<String>,
}

impl AsRef<[u8]> for PyramidTile {
    fn as_ref(&self) -> &[u8] {
        match &self.pyramid.archive {
            Ok(archive) => &archive.bytes()[self.range.clone()],
            // A tile is only ever made of an archive that was opened.
            Err(_) => &[],
        }
    }
}
