//! All that tiles depend on but the features, as one number.

use geodesy::TileMatrixSet;
use xxhash_rust::xxh3::Xxh3;

use super::PyramidOptions;
use super::sources::Source;

/// Which way tiles are made. It grows with each change of this crate, or of what it uses to
/// make and compress tiles, after which equal features give other bytes.
const WAY: u32 = 1;

/// Returns the number; a pyramid of another was made differently.
pub(super) fn of(sources: &[Source], tms: &TileMatrixSet, options: &PyramidOptions) -> u128 {
    let mut hash = Xxh3::new();
    let mut add = |text: String| {
        // With its length, so that nothing reads like something else.
        hash.update(&text.len().to_le_bytes());
        hash.update(text.as_bytes());
    };
    add(format!("{WAY} {:?} {:?}", options.levels, options.tile));
    add(format!("{tms:?}"));
    for source in sources {
        let meta = source.collection.meta();
        add(format!(
            "{} {} {:?}",
            meta.id,
            source.collection.crs_code(),
            meta.schema
        ));
        for of in &source.levels {
            add(format!(
                "{} {} {:?}",
                of.z, of.layer.is_level, of.layer.columns
            ));
        }
    }
    hash.digest128()
}
