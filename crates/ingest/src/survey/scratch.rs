//! The temporary file of a survey on its way into the twin.
//!
//! It has no name where the system allows that, and goes when it is closed, however the
//! process ends.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use crate::error::Error;

/// A file to which bytes are appended, and from which they are read from anywhere.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: PathBuf,
    /// The file and its length. Reading moves the one position of the file, so one thread
    /// reads at a time; that is copying from memory or waiting for one disk.
    file: Mutex<(File, u64)>,
}

impl Scratch {
    /// Makes an empty file in `folder`.
    pub(super) fn new(folder: &Path) -> Result<Scratch, Error> {
        let file = tempfile::tempfile_in(folder)
            .map_err(|e| failed(folder, &format!("no temporary file can be made here ({e})")))?;
        Ok(Scratch {
            folder: folder.to_owned(),
            file: Mutex::new((file, 0)),
        })
    }

    /// Appends bytes and returns where they are.
    pub(super) fn append(&self, bytes: &[u8]) -> Result<u64, Error> {
        let mut guard = self.lock();
        let (file, len) = &mut *guard;
        let at = *len;
        file.seek(SeekFrom::Start(at))
            .and_then(|_| file.write_all(bytes))
            .map_err(|e| {
                failed(
                    &self.folder,
                    &format!("temporary points cannot be written after {at} bytes ({e})"),
                )
            })?;
        *len += bytes.len() as u64;
        Ok(at)
    }

    /// Reads `len` bytes from `at`, which were appended before.
    pub(super) fn read(&self, at: u64, len: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; len];
        let mut guard = self.lock();
        let (file, _) = &mut *guard;
        file.seek(SeekFrom::Start(at))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|e| {
                failed(
                    &self.folder,
                    &format!("temporary points cannot be read at byte {at} ({e})"),
                )
            })?;
        Ok(bytes)
    }

    /// Puts bytes in the place of others, from `at`, which were appended before.
    pub(super) fn overwrite(&self, at: u64, bytes: &[u8]) -> Result<(), Error> {
        let mut guard = self.lock();
        let (file, _) = &mut *guard;
        file.seek(SeekFrom::Start(at))
            .and_then(|_| file.write_all(bytes))
            .map_err(|e| {
                failed(
                    &self.folder,
                    &format!("temporary points cannot be written at byte {at} ({e})"),
                )
            })
    }

    /// Bytes that the file takes.
    pub(super) fn len(&self) -> u64 {
        self.lock().1
    }

    fn lock(&self) -> MutexGuard<'_, (File, u64)> {
        // Whoever panicked with the lock left a length that is at most too small, and what
        // was not counted is not read.
        self.file
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn failed(folder: &Path, what: &str) -> Error {
    Error {
        path: folder.to_owned(),
        what: format!(
            "{what}: check that the disk has room for one and a half times the survey uncompressed, and try again"
        ),
    }
}
