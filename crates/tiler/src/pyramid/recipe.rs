//! What tiles depend on but the features, as numbers. Two pyramids with one number were made
//! alike.
//!
//! Every field that counts is written by itself, in an order that does not change: how Rust
//! happens to print a value has no say in whether a pyramid is made anew.

use std::ops::RangeInclusive;

use geodesy::TileMatrixSet;
use model::{ColumnKind, GeometryKind, Schema};
use store::CollectionView;
use xxhash_rust::xxh3::Xxh3;

use super::sources::Source;
use super::{PyramidLayer, PyramidOptions};
use crate::generalise::Shaping;
use crate::{Polygons, TileRules, VectorOptions};

/// Which way tiles are made. It grows with each change of this crate, or of what it uses to
/// make and compress tiles, after which equal features give other bytes.
const WAY: u32 = 2;

/// Returns the number of what is asked for, which is known before anything is made: the same
/// features, by the same rules, in the same tiles.
pub(super) fn asked(
    layers: &[PyramidLayer],
    tms: &TileMatrixSet,
    options: &PyramidOptions,
) -> u128 {
    let mut fields = Fields::new("asked");
    fields.options(tms, options);
    fields.list(layers, |fields, PyramidLayer { collection, rules }| {
        fields.number(collection.version());
        fields.collection(collection);
        fields.rules(rules);
    });
    fields.0.digest128()
}

/// Returns the number of how sources, which may hold other features each time, become tiles.
pub(super) fn of(sources: &[Source], tms: &TileMatrixSet, options: &PyramidOptions) -> u128 {
    let mut fields = Fields::new("made");
    fields.options(tms, options);
    fields.list(sources, |fields, source| {
        fields.collection(&source.collection);
        fields.list(&source.levels, |fields, of| {
            fields.number(of.z);
            fields.flag(of.layer.is_level);
            fields.some(of.layer.byte_limit, |fields, bytes| {
                fields.number(bytes as u64)
            });
            fields.some(of.layer.columns.as_deref(), |fields, columns| {
                fields.list(columns, |fields, place| fields.number(*place as u64));
            });
        });
    });
    fields.0.digest128()
}

/// Fields on their way into a hash, each with its length where that varies, so that none reads
/// like part of another.
struct Fields(Xxh3);

impl Fields {
    fn new(what: &str) -> Fields {
        let mut fields = Fields(Xxh3::new());
        fields.text(what);
        fields.number(WAY);
        fields
    }

    fn number(&mut self, number: impl Into<u64>) {
        self.0.update(&number.into().to_le_bytes());
    }

    fn measure(&mut self, measure: f64) {
        self.number(measure.to_bits());
    }

    fn flag(&mut self, flag: bool) {
        self.number(flag);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn some<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Fields, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Fields, &T)) {
        self.number(items.len() as u64);
        for item in items {
            write(self, item);
        }
    }

    fn texts(&mut self, texts: &[String]) {
        self.list(texts, |fields, text| fields.text(text));
    }

    fn options(&mut self, tms: &TileMatrixSet, options: &PyramidOptions) {
        let PyramidOptions {
            levels,
            tile:
                VectorOptions {
                    byte_limit,
                    polygons,
                },
            // It changes no byte.
            memory_bytes: _,
        } = options;
        self.zooms(levels);
        self.number(*byte_limit as u64);
        self.number(match polygons {
            Polygons::Areas => 0_u64,
            Polygons::LabelPoints => 1,
        });
        self.text(&tms.id);
        self.text(tms.crs.code());
        self.number(tms.first_z);
        self.list(&tms.matrices, |fields, matrix| {
            fields.measure(matrix.cell_size);
            fields.measure(matrix.origin[0]);
            fields.measure(matrix.origin[1]);
            fields.number(matrix.tile_size_px);
            fields.number(matrix.columns);
            fields.number(matrix.rows);
        });
    }

    fn collection(&mut self, collection: &CollectionView) {
        let meta = collection.meta();
        self.text(meta.id.as_str());
        self.text(collection.crs_code());
        self.some(meta.data_origin, |fields, origin| {
            fields.text(origin.as_str())
        });
        let Schema { columns, geometry } = &meta.schema;
        self.number(match geometry {
            GeometryKind::None => 0_u64,
            GeometryKind::Point => 1,
            GeometryKind::Line => 2,
            GeometryKind::Polygon => 3,
            GeometryKind::Mixed => 4,
        });
        self.list(columns, |fields, column| {
            fields.text(&column.name);
            fields.number(match column.kind {
                ColumnKind::Boolean => 0_u64,
                ColumnKind::Integer => 1,
                ColumnKind::Number => 2,
                ColumnKind::Text => 3,
                ColumnKind::Date => 4,
                ColumnKind::Instant => 5,
                ColumnKind::Json => 6,
            });
        });
    }

    fn rules(&mut self, rules: &TileRules) {
        // Without "..", so that a new rule is not forgotten here.
        let TileRules {
            as_delivered,
            min_zoom,
            byte_limits,
            attributes,
            rank,
            rank_floors,
            class,
            drawn_by,
            label,
            coverage,
            shaping:
                Shaping {
                    tolerance_px,
                    spacing_px,
                    cluster,
                    undirected,
                    min_length_px,
                    min_area_px,
                },
        } = rules;
        self.flag(*as_delivered);
        self.some(*min_zoom, Fields::number);
        self.list(byte_limits, |fields, of| {
            fields.zooms(&of.zooms);
            fields.number(of.bytes as u64);
        });
        self.list(attributes, |fields, of| {
            fields.zooms(&of.zooms);
            fields.texts(&of.columns);
        });
        self.some(rank.as_deref(), Fields::text);
        self.list(rank_floors, |fields, floor| {
            fields.number(floor.below_zoom);
            fields.measure(floor.rank);
        });
        self.some(class.as_deref(), Fields::texts);
        self.texts(drawn_by);
        self.some(label.as_deref(), Fields::text);
        self.some(*coverage, Fields::flag);
        for size in [tolerance_px, spacing_px, min_length_px, min_area_px] {
            self.measure(*size);
        }
        self.flag(*cluster);
        self.flag(*undirected);
    }

    fn zooms(&mut self, zooms: &RangeInclusive<u8>) {
        self.number(*zooms.start());
        self.number(*zooms.end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_reads_like_part_of_another() {
        let number = |write: fn(&mut Fields)| {
            let mut fields = Fields::new("test");
            write(&mut fields);
            fields.0.digest128()
        };
        let texts = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        let numbers = [
            number(|fields| fields.text("ab")),
            number(|fields| {
                fields.text("a");
                fields.text("b");
            }),
            number(|fields| fields.some(None::<u64>, Fields::number)),
            number(|fields| fields.some(Some(0_u64), Fields::number)),
        ];
        let lists = [&["ab"][..], &["a", "b"], &["", "ab"]].map(|list| {
            let mut fields = Fields::new("test");
            fields.texts(&texts(list));
            fields.0.digest128()
        });
        let mut all = [&numbers[..], &lists[..]].concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), numbers.len() + lists.len());
    }
}
