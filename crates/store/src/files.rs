//! Files that are written once, made durable, checksummed and mapped.
//!
//! Invariants of the twin's files, on which the rest of the crate stands:
//!
//! 1. A file that the catalog names is never written again, only unlinked.
//! 2. It is on stable storage, with its folder, before a catalog names it.
//! 3. Its name is never given to other content.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use memmap2::Mmap;
use xxhash_rust::xxh3::Xxh3Default;

use crate::Error;

/// A live file as the catalog knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileRef {
    /// Path below the twin's folder, with `/` between its parts.
    pub(crate) name: String,
    /// Length in bytes.
    pub(crate) len: u64,
    /// XXH3 of the content, 128 bits.
    pub(crate) checksum: u128,
}

impl FileRef {
    /// Describes a file that has just been written.
    pub(crate) fn of(twin: &Path, name: String) -> Result<FileRef, Error> {
        let map = Mapped::open(&twin.join(&name))?;
        Ok(FileRef {
            name,
            len: map.bytes().len() as u64,
            checksum: checksum(map.bytes()),
        })
    }

    pub(crate) fn path(&self, twin: &Path) -> PathBuf {
        twin.join(&self.name)
    }

    /// Maps the file, after comparing its length with the catalog's.
    pub(crate) fn map(&self, twin: &Path) -> Result<Mapped, Error> {
        let map = Mapped::open(&self.path(twin))?;
        let len = map.bytes().len() as u64;
        if len == self.len {
            Ok(map)
        } else {
            let what = format!("has {len} bytes where the catalog says {}", self.len);
            Err(Error::corrupt(map.path(), what))
        }
    }
}

/// A file's bytes in memory, without being read before they are needed.
#[derive(Debug)]
pub(crate) struct Mapped {
    path: PathBuf,
    /// None for an empty file, which cannot be mapped.
    map: Option<Mmap>,
}

impl Mapped {
    #[expect(
        unsafe_code,
        reason = "memory mapping has no safe interface; this is its only use"
    )]
    pub(crate) fn open(path: &Path) -> Result<Mapped, Error> {
        let file = File::open(path).map_err(Error::io(path))?;
        let len = file.metadata().map_err(Error::io(path))?.len();
        let map = if len == 0 {
            None
        } else {
            // SAFETY: files of a twin are written once, and afterwards only ever
            // unlinked, which leaves a mapping intact (invariant 1). Whoever
            // truncates or rewrites them from outside breaks that promise, as for
            // any program that maps its files; the bytes themselves are not
            // trusted: every reader checks what it reads from them.
            Some(unsafe { Mmap::map(&file) }.map_err(Error::io(path))?)
        };
        Ok(Mapped {
            path: path.to_owned(),
            map,
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// What tells one version of a replaced file from another without reading it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
    inode: u64,
    /// Whether the file was old enough for a later version to have a later time.
    settled: bool,
}

/// How old a file must be to be known by its time. File systems count time in steps of
/// up to 10 ms, and give the number of a file that has gone to the next: two versions
/// within one step can look the same.
const SETTLED_AFTER: Duration = Duration::from_millis(50);

impl Stamp {
    pub(crate) fn of(path: &Path) -> Result<Stamp, Error> {
        let metadata = fs::metadata(path).map_err(Error::io(path))?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let inode = 0;
        let modified = metadata.modified().ok();
        let age = modified.and_then(|modified| modified.elapsed().ok());
        Ok(Stamp {
            modified,
            len: metadata.len(),
            inode,
            settled: age.is_some_and(|age| age > SETTLED_AFTER),
        })
    }

    /// Returns whether the file is surely the one that `earlier` was taken of. If not, it
    /// may still be.
    pub(crate) fn is_surely(&self, earlier: &Stamp) -> bool {
        earlier.settled && self.looks_like(earlier)
    }

    /// Returns whether the file has the place on disk of the one that `earlier` was taken of.
    pub(crate) fn is_same_file(&self, earlier: &Stamp) -> bool {
        self.inode == earlier.inode
    }

    /// Returns whether nothing tells the file from the one that `earlier` was taken of.
    pub(crate) fn looks_like(&self, earlier: &Stamp) -> bool {
        let of = |stamp: &Stamp| (stamp.modified, stamp.len, stamp.inode);
        of(self) == of(earlier)
    }
}

/// XXH3 with 128 bits: reads at the speed of memory and finds any accident.
pub(crate) fn checksum(bytes: &[u8]) -> u128 {
    let mut hasher = Xxh3Default::new();
    hasher.update(bytes);
    hasher.digest128()
}

/// Puts `bytes` in place of the file in one step: whoever reads it sees the old or
/// the new, whole, and after this returns a loss of power leaves the new.
///
/// `mode` is the permission bits of the new file.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let next = next_name(path);
    // A file left by a killed writer may have other permissions.
    remove_if_there(&next)?;
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(&next).map_err(Error::io(&next))?;
    file.write_all(bytes).map_err(Error::io(&next))?;
    file.sync_all().map_err(Error::io(&next))?;
    fs::rename(&next, path).map_err(Error::io(path))
}

/// Where [`replace`] writes before it renames.
pub(crate) fn next_name(path: &Path) -> PathBuf {
    path.with_extension("next")
}

/// Makes a folder's entries durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::io(path))
}

pub(crate) fn remove_if_there(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(path)(error)),
        _ => Ok(()),
    }
}
