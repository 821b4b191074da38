//! Features.

use geo_types::Geometry;

use crate::Value;

/// What identifies a feature in its collection, in tiles, answers and URLs.
///
/// Below 2⁵³, since JavaScript clients lose larger numbers. Stable over
/// re-ingest when it comes from a key of the department's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureId(u64);

impl FeatureId {
    /// The largest id: 2⁵³ − 1.
    pub const MAX: u64 = (1 << 53) - 1;

    /// Returns the id, or nothing if it is over [`FeatureId::MAX`].
    pub fn new(id: u64) -> Option<FeatureId> {
        (id <= FeatureId::MAX).then_some(FeatureId(id))
    }

    /// Returns the id that stands for a key of text, the same on every machine and run.
    ///
    /// A key that is a whole number up to [`FeatureId::MAX`] written without
    /// sign or leading zeros stands for itself; any other is hashed (FNV-1a,
    /// then mixed, 53 bits). Two keys can collide: whoever makes ids must check.
    pub fn from_key(key: &str) -> FeatureId {
        let canonical = key == "0" || !key.starts_with('0');
        let whole = canonical && key.bytes().all(|b| b.is_ascii_digit());
        if let Some(id) = key.parse().ok().and_then(FeatureId::new).filter(|_| whole) {
            return id;
        }
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in key.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^= hash >> 33;
        FeatureId(hash & FeatureId::MAX)
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl std::fmt::Display for FeatureId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A geometry, its attributes, and what identifies it.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Unique in its collection.
    pub id: FeatureId,
    /// In the twin's CRS; none for a row of a table.
    pub geometry: Option<Geometry<f64>>,
    /// One value for each column of the collection's schema, in that order.
    pub values: Vec<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_stands_for_itself() {
        assert_eq!(FeatureId::from_key("0").get(), 0);
        assert_eq!(
            FeatureId::from_key("9007199254740991").get(),
            FeatureId::MAX
        );
    }

    #[test]
    fn any_other_key_is_hashed_below_2_to_the_53() {
        for key in ["", "007", "-1", "9007199254740992", "GAT-17", "åäö"] {
            assert!(FeatureId::from_key(key).get() <= FeatureId::MAX);
            assert_ne!(FeatureId::from_key(key).get().to_string(), key);
        }
        assert_ne!(FeatureId::from_key("GAT-17"), FeatureId::from_key("GAT-18"));
    }
}
