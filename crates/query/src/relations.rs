//! Declared ties between collections, and the indexes that follow them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use model::{Bounds, CollectionId, Feature, FeatureId, Value};
use store::{CollectionView, View};

use crate::{LeftOut, RelatedAnswer, Relation, RelationBy, distance};

/// Room for all indexes together, in entries of 16 bytes: half a GiB. The least
/// recently used go first.
const MAX_ENTRIES: usize = 32 * 1024 * 1024;

/// Features that a relation by place looks at for one hit. More are within reach only
/// where a distance was declared that makes no sense.
const MAX_CANDIDATES: usize = 100_000;

/// Relations as declared, with the indexes by key that they need.
///
/// An index belongs to the segments of a collection: it is made when a click first asks
/// for it, or by [`Relations::warm`], and dropped once the collection has others. What has
/// been edited since is looked at one by one. It holds hashes of keys and ids, never values: what is read through it
/// is read through the view, and compared again. Shared by all threads.
#[derive(Debug, Default)]
pub struct Relations {
    declared: Vec<Relation>,
    indexes: Mutex<Indexes>,
}

#[derive(Debug, Default)]
struct Indexes {
    by_column: HashMap<(CollectionId, String), Held>,
    /// Grows by one with each use.
    clock: u64,
}

#[derive(Debug)]
struct Held {
    version: u64,
    used: u64,
    index: Arc<OnceLock<Result<KeyIndex, String>>>,
}

impl Relations {
    /// Returns the relations, without indexes yet.
    pub fn new(declared: Vec<Relation>) -> Relations {
        Relations {
            declared,
            indexes: Mutex::default(),
        }
    }

    /// As declared.
    pub fn declared(&self) -> &[Relation] {
        &self.declared
    }

    /// Makes the indexes that clicks on this view will need, so that no click waits for
    /// them. Takes as long as reading the collections that relations by key lead to.
    pub fn warm(&self, view: &View) {
        for relation in &self.declared {
            if let RelationBy::Key { to: column, .. } = &relation.by
                && let Some(target) = view.collection(relation.to.as_str())
                && let Some(position) = target.meta().schema.position(column)
            {
                self.index(&target, column, position);
            }
        }
    }

    /// Follows all relations of a feature.
    ///
    /// A relation to a collection that the view does not show does not exist.
    pub(crate) fn follow(
        &self,
        view: &View,
        from: &CollectionView,
        feature: &Feature,
        unit_m: f64,
        left_out: &mut Vec<LeftOut>,
    ) -> Vec<RelatedAnswer> {
        let mut answers = Vec::new();
        for relation in &self.declared {
            if relation.from != from.meta().id {
                continue;
            }
            let Some(target) = view.collection(relation.to.as_str()) else {
                continue;
            };
            let found = match &relation.by {
                RelationBy::Key { from: column, to } => {
                    self.by_key(relation, from, feature, &target, column, to)
                }
                RelationBy::Within { distance_m } => {
                    by_place(relation, feature, &target, distance_m / unit_m)
                }
            };
            match found {
                Ok(Some((features, matched))) => answers.push(RelatedAnswer {
                    relation: relation.name.clone(),
                    collection: relation.to.clone(),
                    columns: names(&target),
                    features,
                    matched,
                }),
                Ok(None) => {}
                Err(Failure { reason, detail }) => {
                    let part = LeftOut {
                        part: relation.name.clone(),
                        reason,
                        detail,
                    };
                    if !left_out.contains(&part) {
                        left_out.push(part);
                    }
                }
            }
        }
        answers
    }

    fn by_key(
        &self,
        relation: &Relation,
        from: &CollectionView,
        feature: &Feature,
        target: &CollectionView,
        from_column: &str,
        to_column: &str,
    ) -> Result<Option<Found>, Failure> {
        let position = |collection: &CollectionView, column: &str| {
            let schema = &collection.meta().schema;
            schema.position(column).ok_or_else(|| Failure {
                reason: format!("{} has no attribute {column:?}", collection.meta().id),
                detail: None,
            })
        };
        let from_position = position(from, from_column)?;
        let to_position = position(target, to_column)?;
        let Some(key) = feature.values.get(from_position).and_then(key_of) else {
            return Ok(None);
        };
        let held = self.index(target, to_column, to_position);
        let index = match held.get() {
            Some(Ok(index)) => index,
            Some(Err(detail)) => return Err(unreadable(target, detail)),
            None => return Err(unreadable(target, "its index was not made")),
        };
        let of_segments = index.ids(&key).iter().map(|(_, id)| *id);
        let has_key = |feature: &&Feature| {
            let value = feature.values.get(to_position);
            value.and_then(key_of).as_ref() == Some(&key)
        };
        let edited = target.edited().filter(has_key).map(|feature| feature.id);
        let mut ids: Vec<FeatureId> = of_segments.chain(edited).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut matched = ids.len() as u64;
        let mut features = Vec::new();
        for id in &ids {
            // What has changed since is counted by what it is now.
            if features.len() >= relation.limit && !target.differs_from_segments() {
                break;
            }
            let found = target
                .get(*id)
                .map_err(|error| unreadable(target, &error.to_string()))?;
            match found {
                Some(found)
                    if found.values.get(to_position).and_then(key_of).as_ref() == Some(&key) =>
                {
                    if features.len() < relation.limit {
                        features.push(found);
                    }
                }
                // Another key with the same hash.
                _ => matched -= 1,
            }
        }
        Ok(Some((features, matched)))
    }

    /// The index of the collection's present segments, made now if there is none.
    fn index(
        &self,
        target: &CollectionView,
        column: &str,
        position: usize,
    ) -> Arc<OnceLock<Result<KeyIndex, String>>> {
        let key = (target.meta().id.clone(), column.to_owned());
        let version = target.segments_version();
        let index = {
            let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
            indexes.clock += 1;
            let used = indexes.clock;
            let held = indexes.by_column.entry(key).or_insert_with(|| Held {
                version,
                used,
                index: Arc::default(),
            });
            held.used = used;
            if held.version < version {
                held.version = version;
                held.index = Arc::default();
            }
            if held.version == version {
                Arc::clone(&held.index)
            } else {
                // Someone still reads an older snapshot; the newer index stays.
                Arc::default()
            }
        };
        // Whoever comes first makes it, without holding up clicks that need others; who
        // needs this one waits.
        let made_now = index.get().is_none();
        index.get_or_init(|| KeyIndex::of(target, position));
        if made_now {
            let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
            indexes.shrink_to(MAX_ENTRIES);
        }
        index
    }
}

impl Indexes {
    fn shrink_to(&mut self, max_entries: usize) {
        loop {
            let entries: usize = self.by_column.values().map(Held::entries).sum();
            let oldest = self
                .by_column
                .iter()
                .filter(|(_, held)| held.entries() > 0)
                .min_by_key(|(_, held)| held.used)
                .map(|(key, _)| key.clone());
            match oldest {
                // The last one stays, however large: the click that made it needs it.
                Some(oldest) if entries > max_entries && self.by_column.len() > 1 => {
                    self.by_column.remove(&oldest);
                }
                _ => return,
            }
        }
    }
}

impl Held {
    fn entries(&self) -> usize {
        match self.index.get() {
            Some(Ok(index)) => index.entries.len(),
            _ => 0,
        }
    }
}

/// Hashes of the keys of a column, with the ids of their features, sorted.
#[derive(Debug)]
struct KeyIndex {
    entries: Vec<(u64, FeatureId)>,
}

impl KeyIndex {
    fn of(collection: &CollectionView, position: usize) -> Result<KeyIndex, String> {
        let mut entries = Vec::new();
        for feature in collection
            .in_segments()
            .map_err(|error| error.to_string())?
        {
            let feature = feature.map_err(|error| error.to_string())?;
            if let Some(key) = feature.values.get(position).and_then(key_of) {
                entries.push((hash_of(&key), feature.id));
            }
        }
        entries.sort_unstable();
        entries.shrink_to_fit();
        Ok(KeyIndex { entries })
    }

    /// Features that have the key, by id, and perhaps one that has another.
    fn ids(&self, key: &str) -> &[(u64, FeatureId)] {
        let hash = hash_of(key);
        let start = self.entries.partition_point(|(other, _)| *other < hash);
        let rest = &self.entries[start..];
        let end = rest.partition_point(|(other, _)| *other == hash);
        &rest[..end]
    }
}

fn hash_of(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// The text by which keys are compared; none for a null, which equals nothing.
///
/// Departments write one key as a number here and as text there, so that 17, 17.0 and
/// "17" are one key.
fn key_of(value: &Value) -> Option<String> {
    /// Beyond this a floating-point number no longer tells whole numbers apart.
    const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;
    Some(match value {
        Value::Null => return None,
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Number(value) if value.fract() == 0.0 && value.abs() <= MAX_WHOLE => {
            (*value as i64).to_string()
        }
        Value::Number(value) => value.to_string(),
        Value::Text(text) | Value::Json(text) => text.clone(),
        Value::Date(date) => date.to_string(),
        Value::Instant(instant) => instant.to_string(),
    })
}

/// Features up to the relation's limit, and how many there are.
type Found = (Vec<Feature>, u64);

/// Features within a distance of the feature's geometry, nearest first.
fn by_place(
    relation: &Relation,
    feature: &Feature,
    target: &CollectionView,
    reach: f64,
) -> Result<Option<Found>, Failure> {
    let Some(geometry) = &feature.geometry else {
        return Ok(None);
    };
    let Some(bounds) = Bounds::of_geometry(geometry) else {
        return Ok(None);
    };
    if !(reach.is_finite() && reach >= 0.0) {
        return Err(Failure {
            reason: "its distance is not a length".to_owned(),
            detail: None,
        });
    }
    let is_itself = |other: &Feature| relation.from == relation.to && other.id == feature.id;
    let mut near = Vec::new();
    let candidates = target
        .within(&bounds.expanded(reach))
        .map_err(|error| unreadable(target, &error.to_string()))?;
    for (seen, candidate) in candidates.enumerate() {
        if seen >= MAX_CANDIDATES {
            return Err(Failure {
                reason: format!("more than {MAX_CANDIDATES} features lie within its distance"),
                detail: None,
            });
        }
        let candidate = candidate.map_err(|error| unreadable(target, &error.to_string()))?;
        let found = candidate
            .geometry
            .as_ref()
            .and_then(|other| distance::between(geometry, other));
        if let Some(found) = found.filter(|found| *found <= reach && !is_itself(&candidate)) {
            near.push((found, candidate));
        }
    }
    near.sort_by(|(a, one), (b, other)| a.total_cmp(b).then(one.id.cmp(&other.id)));
    let matched = near.len() as u64;
    near.truncate(relation.limit);
    let features = near.into_iter().map(|(_, feature)| feature).collect();
    Ok(Some((features, matched)))
}

/// Why a relation could not be followed.
struct Failure {
    reason: String,
    detail: Option<String>,
}

fn unreadable(collection: &CollectionView, detail: &str) -> Failure {
    Failure {
        reason: format!("{} could not be read", collection.meta().id),
        detail: Some(detail.to_owned()),
    }
}

/// Names of the values of a collection's features.
pub(crate) fn names(collection: &CollectionView) -> Vec<String> {
    let columns = &collection.meta().schema.columns;
    columns.iter().map(|column| column.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_in_three_spellings_is_one_key() {
        let seventeen = key_of(&Value::Integer(17));
        assert_eq!(seventeen, key_of(&Value::Number(17.0)));
        assert_eq!(seventeen, key_of(&Value::Text("17".to_owned())));
        assert_ne!(seventeen, key_of(&Value::Number(17.5)));
        assert_ne!(seventeen, key_of(&Value::Text("017".to_owned())));
        assert_eq!(key_of(&Value::Null), None);
    }

    #[test]
    fn the_least_recently_used_indexes_make_room() {
        let held = |used, entries| {
            let index = KeyIndex {
                entries: vec![(0, FeatureId::from_key("a")); entries],
            };
            Held {
                version: 1,
                used,
                index: Arc::new(OnceLock::from(Ok(index))),
            }
        };
        let key = |column: &str| {
            let id = CollectionId::new("signs").expect("a name");
            (id, column.to_owned())
        };
        let mut indexes = Indexes::default();
        indexes.by_column.insert(key("a"), held(3, 10));
        indexes.by_column.insert(key("b"), held(1, 10));
        indexes.by_column.insert(key("c"), held(2, 10));
        indexes.shrink_to(20);
        assert!(!indexes.by_column.contains_key(&key("b")));
        assert_eq!(indexes.by_column.len(), 2);
        indexes.shrink_to(5);
        assert!(indexes.by_column.contains_key(&key("a")));
        assert_eq!(indexes.by_column.len(), 1);
    }
}
