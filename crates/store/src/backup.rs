//! A copy of a twin, made while it is served, and a twin made of such a copy.
//!
//! A copy is a twin: it may be opened, checked and served. Its files are those of one state.
//! Since a file's name is never given to other content, a copy that is made again writes only
//! what is new, and takes away what is no longer live.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use xxhash_rust::xxh3::Xxh3Default;

use crate::catalog::is_name_of_ours;
use crate::database::Database;
use crate::files::{self, FileRef, Mapped};
use crate::transaction::files_below;
use crate::{CheckReport, Error, Twin, check};

/// Bytes that are copied at a time.
const PIECE_LEN: usize = 1 << 20;

/// What an operator wrote, beside what the catalog names.
const OPERATORS: [&str; 2] = ["twin.toml", "keys"];

/// What a copy took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackupSummary {
    /// Files that were copied now.
    pub copied: u64,
    /// Files that an earlier copy had.
    pub kept: u64,
    /// Bytes that were copied now.
    pub bytes: u64,
    /// Files that were taken away, since the twin no longer has them.
    pub removed: u64,
}

/// Copies a twin to a folder, which is made if it is not there, or brings the copy in it up
/// to date.
///
/// Edits may be made meanwhile, deliveries wait. What is committed later is not in the copy.
/// Interrupted, it leaves the copy of before, which the next one completes.
///
/// # Errors
///
/// [`Error::Twin`] if the folder holds something else, or another process is writing;
/// [`Error::Corrupt`] if a file of the twin is not what its catalog says; [`Error::Io`].
pub fn backup(twin: &Twin, out: &Path) -> Result<BackupSummary, Error> {
    let is_empty = || Ok(fs::read_dir(out)?.next().is_none());
    let may_write = !out.exists() || Database::path(out).exists() || {
        let looked: io::Result<bool> = is_empty();
        looked.map_err(Error::io(out))?
    };
    if !may_write {
        return Err(Error::Twin {
            path: out.to_owned(),
            what: "holds something that is no copy of a twin: choose another folder".to_owned(),
        });
    }
    // Held, so that no file goes while it is copied.
    let change = twin.begin()?;
    fs::create_dir_all(out).map_err(Error::io(out))?;
    let next = out.join("catalog.next");
    files::remove_if_there(&next)?;
    Database::open(twin.dir())?.copy_to(&next)?;
    let catalog = Database::open_copy(&next)?.catalog()?;
    let mut summary = BackupSummary::default();
    let mut folders = BTreeSet::new();
    for file in catalog.files() {
        let target = file.path(out);
        if fs::metadata(&target).is_ok_and(|found| found.len() == file.len) {
            summary.kept += 1;
            continue;
        }
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(Error::io(folder))?;
            folders.insert(folder.to_owned());
        }
        copy(file, twin.dir(), &target)?;
        summary.copied += 1;
        summary.bytes += file.len;
    }
    drop(change);
    for folder in &folders {
        files::sync_folder(folder)?;
        if let Some(above) = folder.parent() {
            files::sync_folder(above)?;
        }
    }
    for name in OPERATORS {
        let path = twin.dir().join(name);
        if path.exists() {
            let bytes = fs::read(&path).map_err(Error::io(&path))?;
            files::replace(&out.join(name), &bytes, 0o600)?;
        }
    }
    let lock = out.join("lock");
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock)
        .map_err(Error::io(&lock))?;
    // What a reader of the old copy wrote beside it is not of the new.
    for name in ["catalog-wal", "catalog-shm"] {
        files::remove_if_there(&out.join(name))?;
    }
    let path = Database::path(out);
    fs::rename(&next, &path).map_err(Error::io(&path))?;
    files::sync_folder(out)?;
    let live: BTreeSet<_> = catalog.files().map(|file| file.name.as_str()).collect();
    for name in files_below(out)? {
        let file = name.rsplit('/').next().unwrap_or_default();
        if is_name_of_ours(file) && !live.contains(name.as_str()) {
            files::remove_if_there(&out.join(&name))?;
            summary.removed += 1;
        }
    }
    Ok(summary)
}

/// Makes a twin of a copy in a new folder, and proves that every file of it is whole.
///
/// # Errors
///
/// [`Error::Twin`] if the copy is none, or the folder holds a twin; [`Error::Io`]. What is
/// wrong with the copy is in the report; the folder is then left, to save what can be.
pub fn restore(copy: &Path, dir: &Path) -> Result<CheckReport, Error> {
    if Database::path(dir).exists() {
        return Err(Error::Twin {
            path: dir.to_owned(),
            what: "already holds a twin: choose another folder".to_owned(),
        });
    }
    backup(&Twin::open(copy)?, dir)?;
    check(dir)
}

/// Copies a file durably, holding it against its checksum on the way.
fn copy(file: &FileRef, twin: &Path, target: &Path) -> Result<(), Error> {
    let map: Mapped = file.map(twin)?;
    // An interrupted copy may have left a part.
    files::remove_if_there(target)?;
    let mut hasher = Xxh3Default::new();
    let mut write = || {
        let mut out = File::create_new(target)?;
        for piece in map.bytes().chunks(PIECE_LEN) {
            hasher.update(piece);
            out.write_all(piece)?;
        }
        out.sync_all()
    };
    write().map_err(Error::io(target))?;
    if hasher.digest128() != file.checksum {
        files::remove_if_there(target)?;
        let what = "its checksum does not match the catalog's: the copy is left as it was";
        return Err(Error::corrupt(map.path(), what));
    }
    Ok(())
}
