//! Sampelstad: a synthetic coastal town whose truth is known.
//!
//! [`generate`] writes what a municipality's departments would deliver (layers in mixed
//! formats, CRSs and qualities, and three laser surveys), the `twin.toml` that takes
//! them in, and in `truth/` what only the maker of a world can know: the true class
//! of every point, the true ground, and the planes of the roofs.
//!
//! The same options give the same bytes on every machine: no clock, no hash order, no
//! mathematics of the operating system (`libm` is compiled in), and threads only where
//! each has its own stream of random numbers.
//!
//! Coordinates come from formulas of its own and not from `geodesy`, which is among what
//! the samples are there to judge. This package knows nothing of the twin.

mod delivery;
mod formats;
mod ground;
mod layers;
mod manifest;
mod plan;
mod plane;
mod projection;
mod random;
mod roof;
mod scene;
mod survey;
mod terrain;
mod town;
pub mod truth;

use std::path::{Path, PathBuf};

pub use manifest::{FileEntry, Manifest};

/// What every feature's `data_origin` says.
pub const DATA_ORIGIN: &str = "synthetic";
/// What every feature's `generator` says.
pub const GENERATOR: &str = "sampelstad 1.0 seed 2026";

/// Seed of the town.
pub(crate) const SEED: u64 = 2026;
/// South-west corner of the town in EPSG:3014. There is open sea in the real world.
pub(crate) const ORIGIN: [f64; 2] = [190_000.0, 6_920_000.0];

/// How much to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// The town: some thousand features and two million points.
    #[default]
    Town,
    /// That many districts, each as large as the town. They are made one after the
    /// other, and no more than one is held at a time.
    Districts(u32),
    /// A city of a good billion points and more than a million features.
    City,
}

impl Scale {
    /// Number of districts.
    pub fn districts(self) -> u32 {
        match self {
            Scale::Town => 1,
            Scale::Districts(n) => n.max(1),
            // 500 times 2.1 million points.
            Scale::City => 500,
        }
    }
}

/// What to generate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// How much.
    pub scale: Scale,
}

/// Why the samples could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A format's library refused.
    #[error("cannot write {}: {reason}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// What the library says.
        reason: String,
    },
}

impl Error {
    fn io(path: &Path, source: std::io::Error) -> Error {
        Error::Io {
            path: path.to_owned(),
            source,
        }
    }

    fn las(path: &Path, error: las::Error) -> Error {
        Error::other(path, error)
    }

    fn other(path: &Path, error: impl std::error::Error) -> Error {
        Error::Unwritable {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }
}

/// Writes the samples into `dir`, which is made if it is not there; files of the same
/// names are replaced. Returns what was written, which is also in `manifest.json`.
///
/// # Errors
///
/// [`Error`] if a file cannot be written.
pub fn generate(dir: &Path, options: &Options) -> Result<Manifest, Error> {
    delivery::deliver(dir, options.scale.districts())
}
