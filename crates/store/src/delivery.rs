//! A delivery of features: compared with what is there, written, and recorded.
//!
//! What a delivery leaves as it was keeps its files. A few differences go into the log
//! alone and lie over the segments; many are written as new segments. Either way the log
//! says what each feature was before, so that the twin can still be asked as of then.
//! Edits made while a delivery is staged are not lost: they stay, but for features that the
//! delivery itself changes.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use model::{
    Bounds, Collection, CollectionId, ColumnKind, DataOrigin, Feature, FeatureId, GeometryKind,
    Schema, Value,
};
use serde_json::json;

use crate::catalog::{CollectionEntry, SegmentFiles, schema_text};
use crate::collection_view::CollectionView;
use crate::database::Writing;
use crate::files::FileRef;
use crate::log::{Change, ChangeKind, Writer, last_at};
use crate::open::origin;
use crate::segment::{self, Layer};
use crate::{Error, PutMode, Transaction};

/// Most segments of a collection. Each costs a search of its own, so that the next
/// delivery after this many is written together with all before it.
const SEGMENTS_MAX: usize = 8;

/// Most differences that go into the log alone: they are held in memory by whoever reads the
/// twin, at about a kilobyte each.
const LOGGED_MAX: usize = 20_000;

/// One in how many features may differ for the differences to go into the log alone.
const LOGGED_SHARE: usize = 4;

/// What a delivery changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Differences {
    /// Features that were not there.
    pub added: u64,
    /// Features that are another than before.
    pub changed: u64,
    /// Features that are no longer there.
    pub removed: u64,
    /// Features that are as they were.
    pub unchanged: u64,
}

/// What a staged delivery changes, to be recorded when it is committed.
#[derive(Debug)]
pub(crate) struct Delivered {
    id: CollectionId,
    /// None if the collection is new, or was too damaged to be compared.
    before: Option<CollectionView>,
    changes: Changes,
    /// The schema of the collection from now on.
    schema: Schema,
    note: serde_json::Value,
}

/// Which features differ.
#[derive(Debug, Default)]
struct Changes {
    /// New and changed features, in segments.
    in_segments: Vec<FeatureId>,
    /// New and changed features that go into the log alone.
    logged: Vec<Feature>,
    removed: Vec<FeatureId>,
}

/// Records what deliveries change, and what it was before, as one change.
pub(crate) fn record(
    mut deliveries: Vec<Delivered>,
    writing: &Writing<'_>,
    number: u64,
    who: &str,
) -> Result<(), Error> {
    let mut notes: Vec<_> = deliveries.iter_mut().map(|d| d.note.take()).collect();
    let note = match notes.len() {
        1 => notes.remove(0),
        _ => json!({ "deliveries": notes }),
    };
    let change = Change {
        number,
        at: last_at(writing)?.max(Timestamp::now()),
        kind: ChangeKind::Delivery,
        who: who.to_owned(),
        note: note.to_string(),
    };
    let writer = Writer::begin(writing, &change)?;
    for delivery in deliveries {
        delivery.record(&writer)?;
    }
    Ok(())
}

impl Delivered {
    fn record(self, writer: &Writer<'_, '_>) -> Result<(), Error> {
        let Some(before) = &self.before else {
            return Ok(());
        };
        let collection = writer.collection(&self.id)?;
        let old_schema = &before.meta().schema;
        if *old_schema != self.schema {
            writer.had_schema(collection, &schema_text(old_schema))?;
        }
        let was = |id: FeatureId| {
            let since = before.entry().since;
            writer.was(collection, id, since, || before.get(id), old_schema)
        };
        for id in self.changes.in_segments {
            was(id)?;
            writer.is_in_segments(collection, id)?;
        }
        for feature in &self.changes.logged {
            was(feature.id)?;
            writer.is(collection, feature, &self.schema)?;
        }
        for id in self.changes.removed {
            was(id)?;
            writer.is_gone(collection, id)?;
        }
        Ok(())
    }
}

/// A delivery held against what is there.
struct Compared {
    added: Vec<FeatureId>,
    changed: Vec<FeatureId>,
    removed: Vec<FeatureId>,
    unchanged: u64,
}

impl Compared {
    fn differences(&self) -> Differences {
        Differences {
            added: self.added.len() as u64,
            changed: self.changed.len() as u64,
            removed: self.removed.len() as u64,
            unchanged: self.unchanged,
        }
    }

    fn len(&self) -> usize {
        self.added.len() + self.changed.len() + self.removed.len()
    }
}

impl Transaction {
    /// Stages features. `report` is kept beside them, as JSON text.
    ///
    /// `feature_count`, `bounds` and `data_origin` of `collection` are computed here.
    /// Appended features may bring new columns, and turn whole numbers into numbers;
    /// where a feature lacks a column it is null. If nothing but the report, the title
    /// and the like differ from what is there, the version stays. One collection may be put
    /// once in a transaction.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the mode or the schema does not fit what is there, two features
    /// have one id, a feature exceeds a limit or does not fit the schema, or more would go
    /// than the mode allows; [`Error::Corrupt`] if what is there is damaged; [`Error::Io`].
    pub fn put_features(
        &mut self,
        mut collection: Collection,
        features: Vec<Feature>,
        mode: PutMode,
        report: &str,
    ) -> Result<Differences, Error> {
        let id = collection.id.clone();
        if self.catalog.surveys.contains_key(&id) {
            return Err(Error::Refused(format!(
                "{id} is a survey: choose another name for the collection"
            )));
        }
        if self.deliveries.iter().any(|delivery| delivery.id == id) {
            return Err(Error::Refused(format!(
                "{id} is put twice in one change: put all its features at once"
            )));
        }
        check_schema(&collection.schema)?;
        let open = self.before.collections.get(&id).cloned();
        let before = open.map(|open| CollectionView::new(Arc::clone(&self.before), open));
        if before.is_some() && mode == PutMode::Create {
            return Err(Error::Refused(format!(
                "collection {id} exists: replace it, append to it, or choose another name"
            )));
        }
        let own_schema = collection.schema.clone();
        if let (Some(before), PutMode::Append) = (&before, mode) {
            collection.schema = merge_schemas(&before.meta().schema, &own_schema)
                .map_err(|what| Error::Refused(format!("appending to {id}: {what}")))?;
        }
        let schema = collection.schema.clone();
        let features = prepare(features, &own_schema, &schema)?;

        let compared = match &before {
            None => None,
            Some(before) => match compare(before, &features, &schema, mode) {
                Ok(compared) => Some(compared),
                // What is damaged can be put right by putting something else in its place.
                Err(Error::Corrupt { .. } | Error::Io { .. }) if mode == PutMode::Replace => None,
                Err(error) => return Err(error),
            },
        };
        let (Some(before), Some(compared)) = (before, compared) else {
            let differences = Differences {
                added: features.len() as u64,
                ..Differences::default()
            };
            let note = note(&collection, mode, differences);
            let entry = self.write_all(collection, features, report)?;
            self.catalog.collections.insert(id.clone(), entry);
            self.deliveries.push(Delivered {
                id,
                before: None,
                changes: Changes::default(),
                schema,
                note,
            });
            return Ok(differences);
        };
        let differences = compared.differences();
        if let PutMode::Sync {
            removed_max_percent,
        } = mode
        {
            check_removed(&id, differences, removed_max_percent)?;
        }
        let note = note(&collection, mode, differences);
        let (entry, changes) =
            self.put_over(&before, collection, features, mode, compared, report)?;
        self.catalog.collections.insert(id.clone(), entry);
        self.deliveries.push(Delivered {
            id,
            before: Some(before),
            changes,
            schema,
            note,
        });
        Ok(differences)
    }

    /// Stages a delivery of a collection that there is, which differs like this.
    fn put_over(
        &mut self,
        before: &CollectionView,
        collection: Collection,
        mut features: Vec<Feature>,
        mode: PutMode,
        compared: Compared,
        report: &str,
    ) -> Result<(CollectionEntry, Changes), Error> {
        let old = before.entry();
        let same_schema = old.meta.schema == collection.schema;
        let all_new = compared.changed.is_empty() && compared.removed.is_empty();
        let mut entry = if compared.len() == 0 && same_schema {
            let entry = self.keep(old, collection, report)?;
            return Ok((entry, Changes::default()));
        } else if let PutMode::Append = mode
            && all_new
            && old.segments.len() < SEGMENTS_MAX
        {
            let added: HashSet<_> = compared.added.iter().copied().collect();
            features.retain(|feature| added.contains(&feature.id));
            self.write_beside(old, collection, features, report)?
        } else if let PutMode::Sync { .. } = mode
            && compared.len() <= LOGGED_MAX
            && compared.len() * LOGGED_SHARE <= old.meta.feature_count as usize
            && is_wider(&old.meta.schema, &collection.schema)
        {
            let changed: HashSet<_> = compared.added.iter().chain(&compared.changed).collect();
            features.retain(|feature| changed.contains(&feature.id));
            let mut entry = self.keep(old, collection, report)?;
            entry.version = self.catalog.generation;
            let changes = Changes {
                logged: features,
                removed: compared.removed,
                in_segments: Vec::new(),
            };
            return Ok((keep_pyramids(old, entry), changes));
        } else {
            if mode == PutMode::Append {
                let new: HashSet<_> = features.iter().map(|feature| feature.id).collect();
                for feature in before.all()? {
                    let feature = feature?;
                    if !new.contains(&feature.id) {
                        let values =
                            reshape(&before.meta().schema, &collection.schema, feature.values);
                        features.push(Feature { values, ..feature });
                    }
                }
            }
            self.write_all(collection, features, report)?
        };
        entry.since = old.since;
        let changes = Changes {
            in_segments: [compared.added, compared.changed].concat(),
            logged: Vec::new(),
            removed: compared.removed,
        };
        Ok((keep_pyramids(old, entry), changes))
    }

    /// Writes what a collection is now as its only segment, with all that has changed since.
    /// Its content and its version stay as they are.
    ///
    /// Returns how many changed features were folded into the segment.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if there is no such collection; [`Error::Corrupt`], [`Error::Io`].
    pub fn compact(&mut self, id: &CollectionId) -> Result<u64, Error> {
        let open = self.before.collections.get(id).cloned();
        let open = open.ok_or_else(|| Error::Refused(format!("there is no collection {id}")))?;
        let view = CollectionView::new(Arc::clone(&self.before), open);
        let folded = view.open.overlay.len() as u64;
        if folded == 0 && view.entry().segments.len() <= 1 {
            return Ok(0);
        }
        let features: Vec<Feature> = view.all()?.collect::<Result<_, _>>()?;
        let report = view.report()?.to_owned();
        let mut entry = self.write_all(view.meta().clone(), features, &report)?;
        entry.version = view.version();
        entry.since = view.entry().since;
        entry.written = view.entry().written;
        entry.pyramids = view.entry().pyramids.clone();
        self.catalog.collections.insert(id.clone(), entry);
        Ok(folded)
    }

    /// An entry with the files of another, and another title, source and report.
    fn keep(
        &mut self,
        old: &CollectionEntry,
        collection: Collection,
        report: &str,
    ) -> Result<CollectionEntry, Error> {
        let stem = self.next_stem();
        self.make_folder("collections", &collection.id)?;
        let name = format!("collections/{}/{stem}-report.json", collection.id);
        Ok(CollectionEntry {
            report: self.write_small(name, report.as_bytes())?,
            meta: Collection {
                feature_count: old.meta.feature_count,
                bounds: old.meta.bounds,
                data_origin: old.meta.data_origin,
                ..collection
            },
            ..old.clone()
        })
    }

    /// Writes features as the only segment of a collection.
    fn write_all(
        &mut self,
        mut collection: Collection,
        features: Vec<Feature>,
        report: &str,
    ) -> Result<CollectionEntry, Error> {
        collection.feature_count = features.len() as u64;
        collection.data_origin = common_origin(&collection.schema, &features);
        let stem = self.next_stem();
        self.make_folder("collections", &collection.id)?;
        let written = self.write_segment(&collection.id, &stem, &collection.schema, features)?;
        let (segments, bounds) = match written {
            Some((files, bounds)) => (vec![files], bounds),
            None => (Vec::new(), None),
        };
        collection.bounds = bounds;
        let name = format!("collections/{}/{stem}-report.json", collection.id);
        Ok(CollectionEntry {
            report: self.write_small(name, report.as_bytes())?,
            version: self.catalog.generation,
            since: self.catalog.generation,
            folded: self.before.state.last_change,
            written: self.catalog.generation,
            meta: collection,
            segments,
            pyramids: BTreeMap::new(),
        })
    }

    /// Writes features as one more segment of a collection.
    fn write_beside(
        &mut self,
        before: &CollectionEntry,
        collection: Collection,
        features: Vec<Feature>,
        report: &str,
    ) -> Result<CollectionEntry, Error> {
        let old = &before.meta;
        let entry = self.write_all(collection, features, report)?;
        let had_none = old.feature_count == 0;
        let gets_none = entry.meta.feature_count == 0;
        let same = old.data_origin == entry.meta.data_origin;
        let bounds = [old.bounds, entry.meta.bounds];
        Ok(CollectionEntry {
            meta: Collection {
                feature_count: old.feature_count + entry.meta.feature_count,
                bounds: bounds.into_iter().flatten().reduce(|a, b| a.union(&b)),
                data_origin: match (had_none, gets_none) {
                    (true, _) => entry.meta.data_origin,
                    (_, true) => old.data_origin,
                    _ => old.data_origin.filter(|_| same),
                },
                ..entry.meta
            },
            segments: [&before.segments[..], &entry.segments[..]].concat(),
            folded: before.folded,
            ..entry
        })
    }

    /// Writes a segment; none if there are no features.
    fn write_segment(
        &mut self,
        id: &CollectionId,
        stem: &str,
        schema: &Schema,
        features: Vec<Feature>,
    ) -> Result<Option<(SegmentFiles, Option<Bounds>)>, Error> {
        if features.is_empty() {
            return Ok(None);
        }
        let stem = self.dir.join(format!("collections/{id}/{stem}"));
        let layer = Layer {
            name: id.as_str(),
            schema,
            crs_code: &self.catalog.crs_code,
            is_durable: true,
        };
        let written = segment::write(&stem, &layer, features, &mut self.staged)?;
        let describe = |path: &Path| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            FileRef::of(&self.dir, format!("collections/{id}/{file}"))
        };
        let files = SegmentFiles {
            places: written.places.as_deref().map(describe).transpose()?,
            rows: written.rows.as_deref().map(describe).transpose()?,
            ids: describe(&written.ids)?,
        };
        Ok(Some((files, written.bounds)))
    }
}

/// Pyramids of before are not shown, but the next are made with their help, if they have
/// the same columns.
fn keep_pyramids(old: &CollectionEntry, mut entry: CollectionEntry) -> CollectionEntry {
    entry.pyramids = if old.meta.schema == entry.meta.schema {
        old.pyramids.clone()
    } else {
        BTreeMap::new()
    };
    entry
}

/// Brings features to the schema that they are written by, and checks them.
fn prepare(features: Vec<Feature>, own: &Schema, schema: &Schema) -> Result<Vec<Feature>, Error> {
    let mut ids = HashSet::with_capacity(features.len());
    let each = features.into_iter().map(|feature| {
        if !ids.insert(feature.id) {
            return Err(Error::Refused(format!(
                "two features have the id {}: name the attribute that tells them apart",
                feature.id
            )));
        }
        let feature = segment::checked(own, feature)?;
        Ok(if own == schema {
            feature
        } else {
            let values = reshape(own, schema, feature.values);
            Feature { values, ..feature }
        })
    });
    each.collect()
}

/// Holds checked features against those that there are.
fn compare(
    before: &CollectionView,
    features: &[Feature],
    schema: &Schema,
    mode: PutMode,
) -> Result<Compared, Error> {
    let old_schema = &before.meta().schema;
    let mut compared = Compared {
        added: Vec::new(),
        changed: Vec::new(),
        removed: Vec::new(),
        unchanged: 0,
    };
    for feature in features {
        match before.get(feature.id)? {
            None => compared.added.push(feature.id),
            Some(old) => {
                let is_same = old.geometry == feature.geometry
                    && if old_schema == schema {
                        old.values == feature.values
                    } else {
                        reshape(old_schema, schema, old.values) == feature.values
                    };
                if is_same {
                    compared.unchanged += 1;
                } else {
                    compared.changed.push(feature.id);
                }
            }
        }
    }
    if mode != PutMode::Append {
        let delivered: HashSet<_> = features.iter().map(|feature| feature.id).collect();
        let all = before.ids()?;
        compared.removed = all.filter(|id| !delivered.contains(id)).collect();
    }
    Ok(compared)
}

fn check_removed(
    id: &CollectionId,
    differences: Differences,
    max_percent: u8,
) -> Result<(), Error> {
    let Differences {
        changed,
        removed,
        unchanged,
        ..
    } = differences;
    let there = changed + removed + unchanged;
    if removed * 100 > there * u64::from(max_percent) {
        return Err(Error::Refused(format!(
            "the delivery would remove {removed} of {there} features of {id}, over {max_percent} \
             percent: if it is whole, allow more with --max-removed"
        )));
    }
    Ok(())
}

fn note(collection: &Collection, mode: PutMode, differences: Differences) -> serde_json::Value {
    let mode = match mode {
        PutMode::Create => "create",
        PutMode::Replace => "replace",
        PutMode::Append => "append",
        PutMode::Sync { .. } => "sync",
    };
    json!({
        "collection": collection.id.as_str(),
        "mode": mode,
        "files": collection.source.files,
        "added": differences.added,
        "changed": differences.changed,
        "removed": differences.removed,
        "unchanged": differences.unchanged,
    })
}

/// Whether features of `old` can be read as of `new` where they lie.
fn is_wider(old: &Schema, new: &Schema) -> bool {
    old.columns.iter().all(|column| {
        let place = new.position(&column.name);
        place.is_some_and(|place| new.columns[place].kind == column.kind)
    })
}

/// Values of one schema as those of another.
fn reshape(from: &Schema, to: &Schema, given: Vec<Value>) -> Vec<Value> {
    let mut values = vec![Value::Null; to.columns.len()];
    for (column, value) in from.columns.iter().zip(given) {
        if let Some(place) = to.position(&column.name) {
            values[place] = match (value, to.columns[place].kind) {
                (Value::Integer(n), ColumnKind::Number) => Value::Number(n as f64),
                (value, _) => value,
            };
        }
    }
    values
}

fn check_schema(schema: &Schema) -> Result<(), Error> {
    let mut names = HashSet::new();
    match schema.columns.iter().find(|c| !names.insert(&c.name)) {
        Some(column) => Err(Error::Refused(format!(
            "two columns are called {:?}",
            column.name
        ))),
        None => Ok(()),
    }
}

/// What all features say of their origin.
fn common_origin(schema: &Schema, features: &[Feature]) -> Option<DataOrigin> {
    let first = origin(schema, features.first()?)?;
    let mut all = features.iter();
    all.all(|feature| origin(schema, feature) == Some(first))
        .then_some(first)
}

/// The old columns, then those that are new.
fn merge_schemas(old: &Schema, new: &Schema) -> Result<Schema, String> {
    let mut columns = old.columns.clone();
    for column in &new.columns {
        match columns.iter_mut().find(|other| other.name == column.name) {
            None => columns.push(column.clone()),
            Some(other) => {
                other.kind = merge_kinds(other.kind, column.kind).ok_or_else(|| {
                    format!(
                        "column {:?} is {:?} there and {:?} in what is appended; \
                         replace the collection or rename the column",
                        column.name, other.kind, column.kind
                    )
                })?;
            }
        }
    }
    let geometry = match (old.geometry, new.geometry) {
        (a, b) if a == b => a,
        (GeometryKind::None, other) | (other, GeometryKind::None) => other,
        _ => GeometryKind::Mixed,
    };
    Ok(Schema { columns, geometry })
}

fn merge_kinds(old: ColumnKind, new: ColumnKind) -> Option<ColumnKind> {
    use ColumnKind::{Integer, Number};
    match (old, new) {
        (a, b) if a == b => Some(a),
        (Integer, Number) | (Number, Integer) => Some(Number),
        _ => None,
    }
}
