//! The list of what was written.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::Error;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Path from the folder of the samples, with `/`.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// Checksum, in lower-case hexadecimal.
    pub sha256: String,
    /// CRS of its coordinates; empty where there are none.
    pub crs: String,
    /// Collections or surveys in it, each with its number of features or points.
    pub contents: Vec<(String, u64)>,
}

impl FileEntry {
    pub(crate) fn new(path: String, crs: &str, count: Option<u64>, names: &[&str]) -> FileEntry {
        FileEntry {
            path,
            bytes: 0,
            sha256: String::new(),
            crs: crs.to_owned(),
            contents: names
                .iter()
                .map(|name| ((*name).to_owned(), count.unwrap_or_default()))
                .collect(),
        }
    }

    pub(crate) fn add(&mut self, name: &str, count: u64) {
        self.contents.push((name.to_owned(), count));
    }
}

/// What [`generate`](crate::generate) wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Every file but `manifest.json` and `SHA256SUMS`, by path.
    pub files: Vec<FileEntry>,
}

impl Manifest {
    /// Licence of all the data.
    pub const LICENCE: &str = "CC0-1.0";

    /// Checksums in the format of `sha256sum --check`.
    pub fn sha256sums(&self) -> String {
        self.files
            .iter()
            .map(|file| format!("{}  {}\n", file.sha256, file.path))
            .collect()
    }

    pub(crate) fn write(&self, dir: &Path) -> Result<(), Error> {
        let files: Vec<_> = self
            .files
            .iter()
            .map(|file| {
                let contents: serde_json::Map<_, _> = file.contents.iter().map(|(name, count)| (name.clone(), json!(count))).collect();
                json!({"path": file.path, "bytes": file.bytes, "sha256": file.sha256, "crs": file.crs, "contents": contents})
            })
            .collect();
        let json = json!({
            "title": "Sampelstad, a synthetic town",
            "data_origin": crate::DATA_ORIGIN,
            "generator": crate::GENERATOR,
            "licence": Manifest::LICENCE,
            "files": files,
        });
        let path = dir.join("manifest.json");
        std::fs::write(&path, format!("{json:#}\n")).map_err(|e| Error::io(&path, e))?;
        let path = dir.join("SHA256SUMS");
        std::fs::write(&path, self.sha256sums()).map_err(|e| Error::io(&path, e))
    }
}

/// Returns the checksum of a file, read piece by piece.
pub(crate) fn sha256_of(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(|e| Error::io(path, e))?;
    let mut digest = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        let length = file.read(&mut piece).map_err(|e| Error::io(path, e))?;
        if length == 0 {
            break;
        }
        digest.update(&piece[..length]);
    }
    Ok(digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
