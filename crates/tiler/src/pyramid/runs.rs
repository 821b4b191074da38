//! Pieces of features sorted by tile, in memory as far as they fit, else in temporary files.
//!
//! What is in memory when it is full becomes a run: a file of sorted pieces. At the end all
//! runs are read side by side, always at the piece that comes first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use store::FeaturePlace;

use super::pieces::TilePieces;
use super::threads;
use crate::Error;
use crate::mvt::GeometryType;

/// Bytes that are read of a run at a time.
const READ_BYTES: usize = 1 << 18;

/// Bytes of what is known of a piece in memory, and in a run before its own.
const KEY_BYTES: usize = size_of::<Sorted>();
const HEAD_BYTES: usize = 8 + 8 + 2 + 1 + 4;

/// Which piece of which feature in which tile: no two are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Number of the tile.
    pub(super) tile: u64,
    /// Number of what it was cut from.
    pub(super) source: u16,
    pub(super) place: FeaturePlace,
    pub(super) kind: GeometryType,
}

/// Pieces: of each, its importance (f32, little-endian) and its geometry, as commands of MVT.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    keys: Vec<(Key, u32)>,
    bytes: Vec<u8>,
}

/// Bytes of a piece before its geometry.
const IMPORTANCE_BYTES: usize = size_of::<f32>();

impl Pieces {
    pub(super) fn push(&mut self, key: Key, importance: f32, geometry: &[u8]) {
        self.bytes.extend(importance.to_le_bytes());
        self.bytes.extend_from_slice(geometry);
        // A task of some thousand features would need four gigabytes of geometry; a longer
        // piece is caught when it is put away.
        let len = IMPORTANCE_BYTES + geometry.len();
        self.keys.push((key, len as u32));
    }
}

/// A piece in memory: its key, which of the pieces that were added it is among, and where its
/// bytes lie in theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Sorted {
    key: Key,
    among: u32,
    start: u32,
    len: u32,
}

/// Pieces on their way to their tiles.
#[derive(Debug)]
pub(super) struct Runs {
    scratch: PathBuf,
    memory_bytes: u64,
    index: Vec<Sorted>,
    pieces: Vec<Vec<u8>>,
    bytes: u64,
    files: Vec<File>,
}

impl Runs {
    pub(super) fn new(scratch: &Path, memory_bytes: u64) -> Runs {
        Runs {
            scratch: scratch.to_owned(),
            memory_bytes,
            index: Vec::new(),
            pieces: Vec::new(),
            bytes: 0,
            files: Vec::new(),
        }
    }

    /// Adds pieces, and writes a run if there are too many in memory.
    pub(super) fn add(&mut self, pieces: Pieces) -> Result<(), Error> {
        if u32::try_from(pieces.bytes.len()).is_err() {
            return Err(Error::Refused(
                "features of the twin are so large that a thousand of them take four gigabytes in tiles: split them, or leave deep levels out".to_owned(),
            ));
        }
        let among = self.pieces.len() as u32;
        let mut start = 0;
        self.index.extend(pieces.keys.iter().map(|&(key, len)| {
            let sorted = Sorted {
                key,
                among,
                start,
                len,
            };
            start += len;
            sorted
        }));
        self.bytes += (pieces.bytes.len() + pieces.keys.len() * KEY_BYTES) as u64;
        self.pieces.push(pieces.bytes);
        if self.bytes > self.memory_bytes {
            self.write_run()?;
        }
        Ok(())
    }

    fn write_run(&mut self) -> Result<(), Error> {
        threads::sort(&mut self.index);
        let file = self.write_file().map_err(|e| self.failed("written", &e))?;
        self.files.push(file);
        self.index.clear();
        self.pieces.clear();
        self.bytes = 0;
        Ok(())
    }

    fn write_file(&self) -> std::io::Result<File> {
        let mut out = BufWriter::with_capacity(READ_BYTES, tempfile::tempfile_in(&self.scratch)?);
        for sorted in &self.index {
            let Key {
                tile,
                source,
                place,
                kind,
            } = sorted.key;
            out.write_all(&tile.to_le_bytes())?;
            out.write_all(&place.to_bits().to_le_bytes())?;
            out.write_all(&source.to_le_bytes())?;
            out.write_all(&[kind as u8])?;
            out.write_all(&sorted.len.to_le_bytes())?;
            out.write_all(self.bytes_of(sorted))?;
        }
        let mut file = out.into_inner().map_err(|e| e.into_error())?;
        file.rewind()?;
        Ok(file)
    }

    fn bytes_of(&self, sorted: &Sorted) -> &[u8] {
        let start = sorted.start as usize;
        &self.pieces[sorted.among as usize][start..start + sorted.len as usize]
    }

    fn failed(&self, what: &str, error: &std::io::Error) -> Error {
        Error::Refused(format!(
            "{}: temporary tiles cannot be {what} ({error}): check that the disk has room",
            self.scratch.display()
        ))
    }

    /// Returns all pieces, tile by tile.
    pub(super) fn finish(mut self) -> Result<Merge, Error> {
        threads::sort(&mut self.index);
        let mut sources = Vec::new();
        for file in std::mem::take(&mut self.files) {
            sources.push(Source::File(BufReader::with_capacity(READ_BYTES, file)));
        }
        sources.push(Source::Memory(0));
        let mut merge = Merge {
            heads: Vec::with_capacity(sources.len()),
            next: BinaryHeap::with_capacity(sources.len()),
            sources,
            memory: self,
        };
        for number in 0..merge.sources.len() {
            merge.heads.push(Head::default());
            merge.advance(number)?;
        }
        Ok(merge)
    }
}

/// Where sorted pieces come from.
#[derive(Debug)]
enum Source {
    File(BufReader<File>),
    /// Those still in memory, from this one on.
    Memory(usize),
}

/// The bytes of the piece that a source gives next.
#[derive(Debug, Default)]
struct Head {
    bytes: Vec<u8>,
}

/// Pieces of all runs in order.
#[derive(Debug)]
pub(super) struct Merge {
    memory: Runs,
    sources: Vec<Source>,
    heads: Vec<Head>,
    next: BinaryHeap<Reverse<(Key, usize)>>,
}

impl Merge {
    /// Returns the pieces of the next tile that has any.
    pub(super) fn next_tile(&mut self) -> Result<Option<TilePieces>, Error> {
        let Some(&Reverse((first, _))) = self.next.peek() else {
            return Ok(None);
        };
        let mut pieces = TilePieces::of(first.tile);
        while let Some(&Reverse((key, number))) = self.next.peek() {
            if key.tile != first.tile {
                break;
            }
            let (importance, geometry) = split::<IMPORTANCE_BYTES>(&self.heads[number].bytes);
            pieces.push(key, f32::from_le_bytes(importance), geometry);
            self.next.pop();
            self.advance(number)?;
        }
        Ok(Some(pieces))
    }

    /// Moves a source to its next piece.
    fn advance(&mut self, number: usize) -> Result<(), Error> {
        let bytes = &mut self.heads[number].bytes;
        bytes.clear();
        match &mut self.sources[number] {
            Source::Memory(at) => {
                if let Some(sorted) = self.memory.index.get(*at) {
                    *at += 1;
                    bytes.extend_from_slice(self.memory.bytes_of(sorted));
                    self.next.push(Reverse((sorted.key, number)));
                }
                Ok(())
            }
            Source::File(file) => match read_piece(file, bytes) {
                Ok(Some(key)) => {
                    self.next.push(Reverse((key, number)));
                    Ok(())
                }
                Ok(None) => Ok(()),
                Err(e) => Err(self.memory.failed("read", &e)),
            },
        }
    }
}

/// Reads a piece that [`Runs::write_file`] wrote; none at the end.
fn read_piece(file: &mut impl Read, bytes: &mut Vec<u8>) -> std::io::Result<Option<Key>> {
    let mut head = [0; HEAD_BYTES];
    let mut filled = 0;
    while filled < HEAD_BYTES {
        match file.read(&mut head[filled..])? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    let (tile, rest) = split::<8>(&head);
    let (place, rest) = split::<8>(rest);
    let (source, rest) = split::<2>(rest);
    let (kind, rest) = split::<1>(rest);
    let (len, _) = split::<4>(rest);
    let kind = match kind[0] {
        1 => GeometryType::Point,
        2 => GeometryType::Line,
        _ => GeometryType::Polygon,
    };
    bytes.resize(u32::from_le_bytes(len) as usize, 0);
    file.read_exact(bytes)?;
    Ok(Some(Key {
        tile: u64::from_le_bytes(tile),
        source: u16::from_le_bytes(source),
        place: FeaturePlace::from_bits(u64::from_le_bytes(place)),
        kind,
    }))
}

fn split<const N: usize>(bytes: &[u8]) -> ([u8; N], &[u8]) {
    let (first, rest) = bytes
        .split_first_chunk::<N>()
        .expect("a head is as long as its parts");
    (*first, rest)
}
