//! What tests of layers and of surveys both need.

use std::path::{Path, PathBuf};

use geodesy::Crs;

/// A file or folder of the shared data; without it, a test says that it was skipped.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(path);
    if path.exists() {
        Some(path)
    } else {
        eprintln!("SKIPPED: {} is not there", path.display());
        None
    }
}

pub(crate) fn crs(code: &str) -> Crs {
    Crs::from_code(code).unwrap()
}

pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
