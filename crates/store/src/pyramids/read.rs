//! Reads PMTiles 3 where it lies in memory. No byte of it is trusted.
//!
//! ```text
//! header, 127 bytes       where the sections are, levels, counts
//! root directory          tiles, or leaf directories, by number along the Hilbert curve
//! metadata                JSON
//! leaf directories        tiles, by number
//! tiles                   gzip
//! ```
//!
//! Opening reads the header alone. A directory is decoded when a tile in it is first asked
//! for, and kept: a server that shows one town of a country never decodes the rest, and one
//! that shows everything finds each tile with two binary searches of some 20 ns. A
//! directory whose entries are not in order, or lead outside the file, is refused whole.

use std::ops::Range;
use std::sync::OnceLock;

use libdeflater::{DecompressionError, Decompressor};
use serde_json::Value;

use crate::Error;
use crate::files::Mapped;

const HEADER_LEN: usize = 127;

/// The first bytes of an archive: name and version.
const MAGIC: &[u8; 8] = b"PMTiles\x03";

/// The number of gzip as a compression.
const GZIP: u8 = 2;

/// The number of MVT as a type of tile.
const MVT: u8 = 1;

/// Most bytes of a directory, or of the metadata, when inflated. Directories that readers
/// on the web can use have some thousand entries of some 20 bytes.
const INFLATED_MAX: usize = 64 << 20;

/// Fewest bytes of an entry, one for each of its four numbers.
const ENTRY_LEN_MIN: usize = 4;

/// An archive of tiles.
#[derive(Debug)]
pub(crate) struct Archive {
    map: Mapped,
    header: Header,
    root: OnceLock<Result<Root, String>>,
}

/// What the header says, with every section within the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    root: Range<usize>,
    metadata: Range<usize>,
    leaves: Range<usize>,
    tiles: Range<usize>,
    /// Tiles that can be asked for.
    pub(crate) addressed: u64,
    /// Entries of all directories that lead to tiles.
    pub(crate) entries: u64,
    /// Different contents.
    pub(crate) contents: u64,
    /// First and last level.
    pub(crate) levels: [u8; 2],
}

/// The first directory, and room for those below it.
#[derive(Debug)]
struct Root {
    directory: Directory,
    /// One for each entry of the directory; used by those that lead to a leaf.
    leaves: Vec<OnceLock<Result<Directory, String>>>,
}

/// Entries by the number of their first tile.
#[derive(Debug)]
struct Directory {
    /// Numbers of first tiles, by themselves, since a search looks at nothing else.
    ids: Vec<u64>,
    places: Vec<Place>,
}

/// Where an entry leads.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Bytes from the start of the section.
    offset: u64,
    len: u32,
    /// Number of tiles that it stands for; 0 for a leaf directory.
    run: u32,
}

impl Archive {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it is none, or a section lies outside the file.
    pub(crate) fn open(map: Mapped) -> Result<Archive, Error> {
        match Header::read(map.bytes()) {
            Ok(header) => Ok(Archive {
                map,
                header,
                root: OnceLock::new(),
            }),
            Err(what) => Err(Error::corrupt(map.path(), what)),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.map.bytes()
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Where the bytes of the tile with this number lie in the file.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if a directory on the way is damaged.
    pub(crate) fn find(&self, id: u64) -> Result<Option<Range<usize>>, Error> {
        let root = self.root()?;
        let Some((at, place)) = root.directory.find(id) else {
            return Ok(None);
        };
        let place = if place.run == 0 {
            let leaf = self.leaf(root, at, place)?;
            match leaf.find(id) {
                Some((_, place)) => place,
                None => return Ok(None),
            }
        } else {
            place
        };
        Ok(Some(self.tile(place)))
    }

    /// All tiles by their numbers, in ascending order, and where their bytes lie. After a
    /// damaged directory the rest is left out.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], here and for each.
    pub(crate) fn tiles(
        &self,
    ) -> Result<impl Iterator<Item = Result<(u64, Range<usize>), Error>> + '_, Error> {
        let root = self.root()?;
        let of_entry = |(id, place): (u64, Place)| {
            let range = self.tile(place);
            let ids = id..id.saturating_add(place.run.into());
            ids.map(move |id| Ok((id, range.clone())))
        };
        let of_root = move |(at, (id, place)): (usize, (u64, Place))| {
            let leaf = match place.run {
                0 => Some(self.leaf(root, at, place)),
                _ => None,
            };
            let (leaf, error) = match leaf {
                Some(Ok(leaf)) => (Some(leaf), None),
                Some(Err(error)) => (None, Some(Err(error))),
                None => (None, None),
            };
            let own = (place.run > 0).then_some((id, place));
            let entries = leaf.into_iter().flat_map(Directory::entries).chain(own);
            entries.flat_map(of_entry).chain(error)
        };
        let mut is_whole = true;
        let all = root.directory.entries().enumerate().flat_map(of_root);
        Ok(all.take_while(move |tile| std::mem::replace(&mut is_whole, tile.is_ok())))
    }

    /// The metadata.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`].
    pub(crate) fn metadata(&self) -> Result<Value, Error> {
        let bytes = inflate(&self.bytes()[self.header.metadata.clone()], INFLATED_MAX);
        let value = bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string()));
        value.map_err(|what| self.corrupt(format!("metadata: {what}")))
    }

    /// Reads every directory and inflates every tile; returns how many can be asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for the first that is damaged.
    pub(crate) fn check(&self) -> Result<u64, Error> {
        self.metadata()?;
        let root = self.root()?;
        let mut counts = Counts::default();
        for (at, place) in root.directory.places.iter().enumerate() {
            if place.run > 0 {
                self.check_tile(root.directory.ids[at], *place, &mut counts)?;
                continue;
            }
            let leaf = self.leaf(root, at, *place)?;
            // A tile that the root would send elsewhere cannot be found.
            let next = root.directory.ids.get(at + 1);
            let last = leaf.last();
            if leaf.ids.first() != Some(&root.directory.ids[at])
                || next.is_some_and(|next| last.is_some_and(|last| last >= *next))
            {
                let what = format!("leaf directory {at} does not begin or end where the root says");
                return Err(self.corrupt(what));
            }
            for (id, place) in leaf.ids.iter().zip(&leaf.places) {
                self.check_tile(*id, *place, &mut counts)?;
            }
        }
        let said = [
            ("tiles", self.header.addressed, counts.addressed),
            ("entries", self.header.entries, counts.entries),
            ("contents", self.header.contents, counts.contents),
        ];
        for (what, said, found) in said {
            if said != found {
                return Err(
                    self.corrupt(format!("has {found} {what} where its header says {said}"))
                );
            }
        }
        Ok(counts.addressed)
    }

    /// What is wrong if a directory names a tile that no set has.
    pub(crate) fn no_such_tile(&self, id: u64) -> Error {
        self.corrupt(format!("tile {id} lies on no level"))
    }

    fn check_tile(&self, id: u64, place: Place, counts: &mut Counts) -> Result<(), Error> {
        /// Most bytes of an inflated tile. A tile has a limit of some hundred kB.
        const TILE_MAX: usize = 256 << 20;
        counts.addressed += u64::from(place.run);
        counts.entries += 1;
        let z = model::TileCoord::from_pmtiles_id(id).map(model::TileCoord::z);
        let [first, last] = self.header.levels;
        if !z.is_some_and(|z| (first..=last).contains(&z)) {
            return Err(self.corrupt(format!("tile {id} lies on no level from {first} to {last}")));
        }
        // Clustered: what is not a repetition comes right after all before.
        if place.offset >= counts.end {
            if place.offset != counts.end {
                return Err(self.corrupt(format!("tile {id} leaves a gap before it")));
            }
            counts.end += u64::from(place.len);
            counts.contents += 1;
            inflate(&self.bytes()[self.tile(place)], TILE_MAX)
                .map_err(|what| self.corrupt(format!("tile {id}: {what}")))?;
        }
        Ok(())
    }

    fn root(&self) -> Result<&Root, Error> {
        let decoded = self.root.get_or_init(|| {
            let bytes = &self.bytes()[self.header.root.clone()];
            let directory = self.directory(bytes, true)?;
            let leaves = directory.places.iter().map(|_| OnceLock::new()).collect();
            Ok(Root { directory, leaves })
        });
        decoded
            .as_ref()
            .map_err(|what| self.corrupt(format!("root directory: {what}")))
    }

    /// The leaf directory that the entry `at` of the root leads to.
    fn leaf<'a>(&self, root: &'a Root, at: usize, place: Place) -> Result<&'a Directory, Error> {
        let decoded = root.leaves[at].get_or_init(|| {
            let from = self.header.leaves.start + place.offset as usize;
            self.directory(&self.bytes()[from..from + place.len as usize], false)
        });
        decoded
            .as_ref()
            .map_err(|what| self.corrupt(format!("leaf directory {at}: {what}")))
    }

    fn tile(&self, place: Place) -> Range<usize> {
        let from = self.header.tiles.start + place.offset as usize;
        from..from + place.len as usize
    }

    fn directory(&self, gzip: &[u8], may_have_leaves: bool) -> Result<Directory, String> {
        let bytes = inflate(gzip, INFLATED_MAX)?;
        let leaves = may_have_leaves.then(|| self.header.leaves.len() as u64);
        Directory::read(&bytes, self.header.tiles.len() as u64, leaves)
    }

    fn corrupt(&self, what: String) -> Error {
        Error::corrupt(self.map.path(), what)
    }
}

/// What a check has counted so far.
#[derive(Debug, Default)]
struct Counts {
    addressed: u64,
    entries: u64,
    contents: u64,
    /// Where the tiles seen so far end.
    end: u64,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Header, String> {
        let header = bytes.get(..HEADER_LEN).ok_or("is too short for PMTiles")?;
        if &header[..8] != MAGIC {
            return Err("is not PMTiles of version 3".to_owned());
        }
        let number = |at: usize| {
            let (words, _) = header[at..].as_chunks::<8>();
            u64::from_le_bytes(words[0])
        };
        let section = |name: &str, at: usize| {
            let (from, len) = (number(at), number(at + 8));
            let to = from.checked_add(len).filter(|to| *to <= bytes.len() as u64);
            let to = to.ok_or_else(|| format!("its {name} end beyond the end of the file"))?;
            Ok::<_, String>(from as usize..to as usize)
        };
        for (what, at, expected) in [
            ("compression of directories", 97, GZIP),
            ("compression of tiles", 98, GZIP),
            ("type of tiles", 99, MVT),
        ] {
            if header[at] != expected {
                return Err(format!(
                    "its {what} is number {}, and pyramids have {expected}",
                    header[at]
                ));
            }
        }
        Ok(Header {
            root: section("root directory's bytes", 8)?,
            metadata: section("metadata", 24)?,
            leaves: section("leaf directories", 40)?,
            tiles: section("tiles", 56)?,
            addressed: number(72),
            entries: number(80),
            contents: number(88),
            levels: [header[100], header[101]],
        })
    }
}

impl Directory {
    fn entries(&self) -> impl Iterator<Item = (u64, Place)> + '_ {
        self.ids.iter().copied().zip(self.places.iter().copied())
    }

    /// Decodes entries. They may lead into the first `tiles_len` bytes of the tiles, and
    /// where `leaves_len` is given into so many of the leaf directories.
    fn read(bytes: &[u8], tiles_len: u64, leaves_len: Option<u64>) -> Result<Directory, String> {
        let mut bytes = bytes;
        let count = varint(&mut bytes)?;
        // What an entry takes at least keeps a claim from being believed.
        let count = usize::try_from(count)
            .ok()
            .filter(|count| (1..=bytes.len() / ENTRY_LEN_MIN).contains(count))
            .ok_or_else(|| format!("{count} entries do not fit its {} bytes", bytes.len()))?;
        let mut ids = Vec::with_capacity(count);
        let mut id = 0_u64;
        for at in 0..count {
            let step = varint(&mut bytes)?;
            id = id
                .checked_add(step)
                .filter(|_| at == 0 || step > 0)
                .ok_or_else(|| format!("entry {at} does not follow the one before"))?;
            ids.push(id);
        }
        let mut places = Vec::with_capacity(count);
        for at in 0..count {
            let run = varint_32(&mut bytes)?;
            let next = ids.get(at + 1).copied().unwrap_or(u64::MAX);
            if u64::from(run) > next - ids[at] {
                return Err(format!("entry {at} reaches over the next"));
            }
            if run == 0 && leaves_len.is_none() {
                return Err(format!("entry {at} leads to a third level of directories"));
            }
            places.push(Place {
                offset: 0,
                len: 0,
                run,
            });
        }
        for place in &mut places {
            place.len = varint_32(&mut bytes)?;
        }
        let mut end_before = None;
        for (at, place) in places.iter_mut().enumerate() {
            place.offset = match (varint(&mut bytes)?, end_before) {
                (0, Some(end)) => end,
                (0, None) => return Err("entry 0 has no offset".to_owned()),
                (offset, _) => offset - 1,
            };
            let section_len = match (place.run, leaves_len) {
                (0, Some(leaves_len)) => leaves_len,
                _ => tiles_len,
            };
            let end = place.offset.checked_add(u64::from(place.len));
            let end = end.filter(|end| place.len > 0 && *end <= section_len);
            end_before =
                Some(end.ok_or_else(|| format!("entry {at} is empty or leads beyond the end"))?);
        }
        if !bytes.is_empty() {
            return Err(format!("{} bytes follow its last entry", bytes.len()));
        }
        Ok(Directory { ids, places })
    }

    /// The entry that stands for this tile, and its place in the directory.
    fn find(&self, id: u64) -> Option<(usize, Place)> {
        let at = self
            .ids
            .partition_point(|first| *first <= id)
            .checked_sub(1)?;
        let place = self.places[at];
        let along = id - self.ids[at];
        (place.run == 0 || along < u64::from(place.run)).then_some((at, place))
    }

    /// The last tile.
    fn last(&self) -> Option<u64> {
        let (id, place) = (self.ids.last()?, self.places.last()?);
        Some(id + u64::from(place.run.max(1)) - 1)
    }
}

/// Reads a number of seven bits to a byte, the lowest first.
fn varint(bytes: &mut &[u8]) -> Result<u64, String> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or("ends within a number")?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            break;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err("has a number of over 64 bits".to_owned())
}

fn varint_32(bytes: &mut &[u8]) -> Result<u32, String> {
    let number = varint(bytes)?;
    u32::try_from(number).map_err(|_| format!("has the number {number} where 32 bits are most"))
}

/// Inflates gzip to at most so many bytes. What the data claim to become is not believed:
/// the buffer grows by doubling, from what data of such length usually become.
pub(super) fn inflate(gzip: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let mut inflater = Decompressor::new();
    let mut room = gzip.len().saturating_mul(4).max(1024).min(limit);
    loop {
        let mut out = vec![0; room];
        match inflater.gzip_decompress(gzip, &mut out) {
            Ok(len) => {
                out.truncate(len);
                return Ok(out);
            }
            Err(DecompressionError::InsufficientSpace) if room < limit => {
                room = (room * 2).min(limit);
            }
            Err(DecompressionError::InsufficientSpace) => {
                return Err(format!("inflates to over {limit} bytes"));
            }
            Err(DecompressionError::BadData) => return Err("is not gzip, or damaged".to_owned()),
        }
    }
}
