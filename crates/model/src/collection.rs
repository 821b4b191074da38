//! Collections of features, and surveys, which are collections of points.

use std::fmt;

use jiff::{Timestamp, civil::Date};

use crate::{Bounds, Schema};

/// The name of a collection or survey in commands, URLs and file names.
///
/// One to 64 of `a–z`, `0–9`, `_` and `-`, starting with a letter or digit, so
/// that it is safe in a path, a URL and an MVT layer name without escaping.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectionId(String);

/// The text cannot name a collection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot name a collection: use 1 to 64 of a-z, 0-9, _ and -, starting with a letter or digit"
)]
pub struct InvalidCollectionId(pub String);

impl CollectionId {
    /// Longest name.
    pub const MAX_LEN: usize = 64;

    /// Returns the name.
    ///
    /// # Errors
    ///
    /// [`InvalidCollectionId`] if it is empty, too long, or has another character.
    pub fn new(id: &str) -> Result<CollectionId, InvalidCollectionId> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let ok = id.len() <= CollectionId::MAX_LEN
            && id.bytes().next().is_some_and(plain)
            && id.bytes().all(|b| plain(b) || b == b'_' || b == b'-');
        if ok {
            Ok(CollectionId(id.to_owned()))
        } else {
            Err(InvalidCollectionId(id.to_owned()))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CollectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for CollectionId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Whether data was observed, computed from observations, or made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataOrigin {
    /// Observed in the world.
    Real,
    /// Computed from observations.
    Derived,
    /// Made up.
    Synthetic,
}

impl DataOrigin {
    /// The attribute that carries it on every feature of made-up data.
    pub const ATTRIBUTE: &'static str = "data_origin";

    /// The word for it in attributes and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            DataOrigin::Real => "real",
            DataOrigin::Derived => "derived",
            DataOrigin::Synthetic => "synthetic",
        }
    }

    /// Returns what the word means, if it is one.
    pub fn from_word(word: &str) -> Option<DataOrigin> {
        [DataOrigin::Real, DataOrigin::Derived, DataOrigin::Synthetic]
            .into_iter()
            .find(|origin| origin.as_str() == word)
    }
}

/// Where the data of a collection came from, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// File names as given, without their folders.
    pub files: Vec<String>,
    /// When they were ingested.
    pub delivered: Timestamp,
}

/// A named set of features with one schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection {
    /// Its name in commands and URLs.
    pub id: CollectionId,
    /// Its name for people.
    pub title: String,
    /// Who answers for it.
    pub department: Option<String>,
    /// What its features share.
    pub schema: Schema,
    /// Number of features.
    pub feature_count: u64,
    /// Box around all geometries, in the twin's CRS; none if there are none.
    pub bounds: Option<Bounds>,
    /// Where it came from.
    pub source: Source,
    /// What every feature says of its origin; none if they do not say, or differ.
    pub data_origin: Option<DataOrigin>,
}

/// What elevations are counted from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerticalDatum {
    /// Known, by authority code, such as `EPSG:5613` for RH 2000.
    Known {
        /// Authority and code.
        code: String,
        /// Name for people, such as `RH2000 height`.
        name: String,
    },
    /// Neither the file nor the operator said. Never mixed with a known one.
    Unknown,
}

/// A collection of points from one flight or campaign, with the terrain and
/// surface made from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// Its name in commands and URLs.
    pub id: CollectionId,
    /// Its name for people.
    pub title: String,
    /// Who answers for it.
    pub department: Option<String>,
    /// Number of points.
    pub point_count: u64,
    /// Box around all points, in the twin's CRS.
    pub bounds: Bounds,
    /// Lowest and highest elevation, in metres.
    pub elevation_range_m: [f64; 2],
    /// What elevations are counted from.
    pub vertical: VerticalDatum,
    /// Name of the geoid grid by which elevations were made of heights above the ellipsoid;
    /// none if they were delivered as elevations.
    pub geoid: Option<String>,
    /// First day of the flight, where the points or the header tell it.
    pub flown: Option<Date>,
    /// Where it came from.
    pub source: Source,
    /// Whether the points were observed or made up, where that is known.
    pub data_origin: Option<DataOrigin>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_name_is_safe_in_paths_and_urls() {
        for id in ["streets", "s-1", "0_a"] {
            assert!(CollectionId::new(id).is_ok(), "{id}");
        }
        let long = "a".repeat(65);
        for id in ["", "..", "a/b", "A", "vägar", "-a", "a b", "a\0", &long] {
            assert!(CollectionId::new(id).is_err(), "{id}");
        }
    }
}
