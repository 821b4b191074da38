//! The one way in which a source is refused.

use std::path::PathBuf;

/// Why a source was refused: what, which file, where in it, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {what}", path = .path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, where in the file, and the remedy, as one sentence.
    pub what: String,
}
