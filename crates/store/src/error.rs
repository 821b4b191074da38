//! What can be wrong with a twin.

use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with a twin, and in which file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading or writing a file failed.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file of the twin is not what it should be.
    #[error("{path}: {what}", path = .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where in the file.
        what: String,
    },
    /// The folder holds no twin, or already holds one.
    #[error("{path}: {what}", path = .path.display())]
    Twin {
        /// The folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The request makes no sense for this twin.
    #[error("{0}")]
    Refused(String),
}

impl Error {
    /// Returns a function that adds the path to what the operating system said.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |source| Error::Io {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn corrupt(path: &Path, what: impl Into<String>) -> Error {
        Error::Corrupt {
            path: path.to_owned(),
            what: what.into(),
        }
    }
}
