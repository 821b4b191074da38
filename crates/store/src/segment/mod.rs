//! Segments: immutable FlatGeobuf files with an index by place and one by id.
//!
//! A segment is up to three files with one stem:
//!
//! - `STEM.fgb` holds the features that have a geometry, along a Hilbert curve,
//!   under FlatGeobuf's packed R-tree with 16 children to a node;
//! - `STEM-rows.fgb` holds those without, by id, without an index, since
//!   FlatGeobuf's index has no room for a feature without a box;
//! - `STEM.ids` says where each feature lies, by id (see [`ids`]).
//!
//! Column 0 of both is the feature's id, a `Long` called `_id`. The others
//! are the collection's, by name. A null is left out, as FlatGeobuf has it. A date
//! and an instant are both `DateTime`; the catalog's schema tells them apart. The
//! header names the CRS by authority and code.
//!
//! Every buffer starts at a multiple of 4 bytes, and of 8 where it holds
//! coordinates: mapped bytes are read where they lie.

mod encode;
mod geometry;
mod ids;
mod read;
mod tree;
mod write;

pub(crate) use ids::Position;
pub(crate) use read::{Projection, Segment};
pub(crate) use write::{Layer, checked, write};

/// The first bytes of a FlatGeobuf file of version 3, patch level 0.
const MAGIC: [u8; 8] = *b"fgb\x03fgb\0";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use geo_types::{LineString, MultiPolygon, Rect};
    use model::{Bounds, Column, ColumnKind, Feature, FeatureId, GeometryKind, Schema, Value};

    use super::*;
    use crate::Error;
    use crate::files::Mapped;

    fn schema() -> Schema {
        Schema {
            columns: vec![Column {
                name: "_ID".to_owned(),
                kind: ColumnKind::Text,
            }],
            geometry: GeometryKind::Mixed,
        }
    }

    fn write_to(dir: &Path) -> Vec<Feature> {
        let square = Rect::new((0.0, 0.0), (1.0, 1.0)).to_polygon();
        let features: Vec<_> = (0..40_u32)
            .map(|n| Feature {
                id: FeatureId::new(u64::from(n) * 3).unwrap(),
                geometry: match n % 4 {
                    0 => None,
                    1 => Some(MultiPolygon(vec![square.clone(), square.clone()]).into()),
                    2 => Some(square.clone().into()),
                    _ => Some(LineString::from(vec![(0.0, f64::from(n)), (9.0, 9.0)]).into()),
                },
                values: vec![Value::Text(format!("nummer {n} å"))],
            })
            .collect();
        let schema = schema();
        let layer = Layer {
            name: "things",
            schema: &schema,
            crs_code: "EPSG:3006",
            is_durable: true,
        };
        write(&dir.join("s"), &layer, features.clone(), &mut Vec::new()).unwrap();
        features
    }

    fn open(dir: &Path) -> Result<Segment, Error> {
        let map = |name: &str| Mapped::open(&dir.join(name));
        Segment::open(Some(map("s.fgb")?), Some(map("s-rows.fgb")?), map("s.ids")?)
    }

    /// Reads everything in every way; the first error, if there is one.
    fn read(dir: &Path) -> Result<usize, Error> {
        let segment = open(dir)?;
        let projection = segment.project(&schema())?;
        let world = Bounds::new(-1e9, -1e9, 1e9, 1e9).unwrap();
        for position in segment.within(&world)? {
            segment.feature_at(position, &projection)?;
        }
        for (id, position) in segment.by_id(None) {
            if segment.feature_at(position, &projection)?.id.get() != id {
                return Err(Error::corrupt(segment.ids_path(), "leads elsewhere"));
            }
        }
        let mut count = 0;
        for in_rows in [false, true] {
            for position in segment.all(in_rows) {
                segment.feature_at(position?, &projection)?;
                count += 1;
            }
        }
        Ok(count)
    }

    #[test]
    fn a_column_of_the_collection_may_be_called_as_ours_is() {
        let dir = tempfile::tempdir().unwrap();
        let features = write_to(dir.path());
        let segment = open(dir.path()).unwrap();
        let projection = segment.project(&schema()).unwrap();
        for feature in features {
            let position = segment.find(feature.id).unwrap();
            assert_eq!(segment.feature_at(position, &projection).unwrap(), feature);
        }
        assert_eq!(read(dir.path()).unwrap(), 40);
    }

    #[test]
    fn a_file_that_is_cut_short_is_damaged_wherever_the_cut_is() {
        let dir = tempfile::tempdir().unwrap();
        write_to(dir.path());
        for name in ["s.fgb", "s-rows.fgb", "s.ids"] {
            let path = dir.path().join(name);
            let whole = fs::read(&path).unwrap();
            for cut in (0..whole.len()).step_by(5) {
                fs::write(&path, &whole[..cut]).unwrap();
                let result = read(dir.path());
                assert!(
                    matches!(result, Err(Error::Corrupt { .. })),
                    "{name} cut at {cut}"
                );
            }
            fs::write(&path, &whole).unwrap();
        }
    }
}
