//! What features were: versions of one, differences of two moments, and taking back.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::{CollectionId, Feature, FeatureId};

use crate::database::{Database, Reading};
use crate::log::{self, Change, ChangeKind, VersionState, content_hash};
use crate::{
    CollectionView, EDITS_MAX, EditError, EditOutcome, EditRequest, Error, Expected, FeatureEdit,
    Twin,
};

/// Most features whose differences are told at once: each is held in memory twice.
const DIFFERENCES_MAX: usize = 100_000;

/// What a feature was from one change to the next.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureVersion {
    /// Number of the change that made it so.
    pub since: u64,
    /// That change; none if it has been forgotten.
    pub change: Option<Change>,
    /// When the next change came; none of what still is.
    pub until: Option<Timestamp>,
    /// None while it was gone.
    pub feature: Option<Feature>,
}

/// A feature that is not the same at two moments.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureDifference {
    /// Which feature.
    pub id: FeatureId,
    /// What it was at the first; none if it was not.
    pub before: Option<Feature>,
    /// What it was at the second.
    pub after: Option<Feature>,
}

impl CollectionView {
    /// All versions of a feature, oldest first; none if there never was such a feature, or
    /// it has been forgotten.
    ///
    /// Of a state of before, what came later is not told.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn history(&self, id: FeatureId) -> Result<Vec<FeatureVersion>, Error> {
        let mut database = Database::open(&self.snapshot.dir)?;
        let reading = database.read()?;
        let schema = &self.meta().schema;
        let number = log::number_of(&reading, &self.meta().id)?;
        let mut versions: Vec<FeatureVersion> = Vec::new();
        let known = match number {
            Some(number) => log::versions_of(&reading, number, id, schema)?,
            None => Vec::new(),
        };
        let last = self.snapshot.as_of.unwrap_or(self.snapshot.version());
        for version in known.into_iter().filter(|version| version.since <= last) {
            let feature = match version.state {
                VersionState::Gone => None,
                VersionState::Here(feature) => Some(feature),
                VersionState::InSegments => self.get(id)?,
            };
            versions.push(FeatureVersion {
                since: version.since,
                change: log::change(&reading, version.since)?,
                until: None,
                feature,
            });
        }
        if versions.is_empty() {
            let since = self.entry().since;
            if let Some(feature) = self.get(id)? {
                versions.push(FeatureVersion {
                    since,
                    change: log::change(&reading, since)?,
                    until: None,
                    feature: Some(feature),
                });
            }
        }
        let ends: Vec<_> = versions
            .iter()
            .skip(1)
            .map(|next| next.change.as_ref().map(|change| change.at))
            .collect();
        for (version, end) in versions.iter_mut().zip(ends) {
            version.until = end;
        }
        Ok(versions)
    }

    /// Features that are not the same at two moments, by id.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if they are too many to be told at once; [`Error::Corrupt`],
    /// [`Error::Io`].
    pub fn differences(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<FeatureDifference>, Error> {
        let mut database = Database::open(&self.snapshot.dir)?;
        let reading = database.read()?;
        let last = self.snapshot.as_of.unwrap_or(self.snapshot.version());
        let from = log::last_change_at(&reading, from)?.min(last);
        let to = log::last_change_at(&reading, to)?.min(last);
        let Some(number) = log::number_of(&reading, &self.meta().id)? else {
            return Ok(Vec::new());
        };
        let (first, later) = (from.min(to), from.max(to));
        let ids: BTreeSet<_> = log::changed_between(&reading, number, first, later)?
            .into_iter()
            .collect();
        if ids.len() > DIFFERENCES_MAX {
            return Err(Error::Refused(format!(
                "{} features differ, over the limit of {DIFFERENCES_MAX}: ask for a shorter time",
                ids.len()
            )));
        }
        let mut differences = Vec::new();
        for id in ids {
            let difference = FeatureDifference {
                id,
                before: self.feature_after(&reading, number, id, from)?,
                after: self.feature_after(&reading, number, id, to)?,
            };
            if difference.before != difference.after {
                differences.push(difference);
            }
        }
        Ok(differences)
    }

    /// What a feature was after a change that it has a version of.
    fn feature_after(
        &self,
        reading: &Reading<'_>,
        collection: i64,
        id: FeatureId,
        number: u64,
    ) -> Result<Option<Feature>, Error> {
        let schema = &self.meta().schema;
        let version = log::version_at(reading, collection, id, number, schema)?;
        match version.map(|version| version.state) {
            None | Some(VersionState::Gone) => Ok(None),
            Some(VersionState::Here(feature)) => Ok(Some(feature)),
            Some(VersionState::InSegments) => self.get(id),
        }
    }
}

impl Twin {
    /// Changes after a number, oldest first, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, Error> {
        let mut database = Database::open(self.dir())?;
        let reading = database.read()?;
        log::changes_after(&reading, after, limit)
    }

    /// Takes a change back: makes each feature what it was before, as a change of its own.
    ///
    /// # Errors
    ///
    /// [`EditError::Refused`] if there is no such change, or it is too large, or what it made
    /// has been forgotten; [`EditError::Changed`] if a feature has changed since: take that
    /// back first.
    pub fn undo(&self, number: u64, who: &str) -> Result<EditOutcome, EditError> {
        let snapshot = self.snapshot()?;
        let view = snapshot.view(model::Access::Everything);
        let mut database = Database::open(self.dir())?;
        let reading = database.read()?;
        let refused = |what: &str| EditError::Refused(format!("change {number} {what}"));
        let change = log::change(&reading, number)?.ok_or_else(|| refused("is not known"))?;
        if change.kind == ChangeKind::Purge {
            return Err(refused("forgot versions, which nobody has any more"));
        }
        let mut edits = Vec::new();
        for collection in view.collections() {
            let id = &collection.meta().id;
            if let Some(of_log) = log::number_of(&reading, id)? {
                collect(&collection, id, &reading, of_log, number, &mut edits)?;
            }
            if edits.len() > EDITS_MAX {
                return Err(refused(&format!(
                    "is of more than {EDITS_MAX} features: deliver what was before instead"
                )));
            }
        }
        drop(reading);
        if edits.is_empty() {
            return Err(refused("changed no feature that is still known"));
        }
        self.edit(EditRequest {
            edits,
            who: who.to_owned(),
            kind: ChangeKind::Undo,
            note: serde_json::json!({ "undoes": number }).to_string(),
        })
    }
}

/// Adds what makes features of a collection what they were before a change.
fn collect(
    view: &CollectionView,
    id: &CollectionId,
    reading: &Reading<'_>,
    of_log: i64,
    number: u64,
    edits: &mut Vec<FeatureEdit>,
) -> Result<(), EditError> {
    let schema = &view.meta().schema;
    for feature in log::changed_between(reading, of_log, number - 1, number)? {
        let latest = log::version_at(reading, of_log, feature, u64::MAX >> 1, schema)?;
        if latest.is_some_and(|latest| latest.since != number) {
            return Err(EditError::Changed {
                collection: id.clone(),
                id: feature,
            });
        }
        let now = view.get(feature)?;
        let before = view.feature_after(reading, of_log, feature, number - 1)?;
        edits.push(FeatureEdit {
            collection: id.clone(),
            id: feature,
            feature: before,
            expected: match &now {
                Some(now) => Expected::Content(content_hash(now, schema)),
                None => Expected::Absent,
            },
        });
        if edits.len() > EDITS_MAX {
            break;
        }
    }
    Ok(())
}
