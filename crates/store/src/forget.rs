//! Forgetting what features were: retention, and the purge of personal data.
//!
//! What is forgotten is gone from the log, from the segments, which are written anew without
//! what was taken from the map since, and from pyramids of earlier states. Free room in the
//! database is overwritten. Copies that were made before are the operator's to delete.

use jiff::Timestamp;
use model::{CollectionId, FeatureId};
use serde_json::json;

use crate::database::{Reading, Writing};
use crate::log::{self, Change, ChangeKind, Writer};
use crate::{Error, Transaction};

/// What shall be forgotten, when it is committed.
#[derive(Debug)]
pub(crate) struct Purge {
    id: CollectionId,
    feature: Option<FeatureId>,
    /// The last change whose outcome need not be remembered.
    with: u64,
}

impl Transaction {
    /// Stages the forgetting of versions that were over at a moment: of one feature, or of
    /// all of a collection. What features are now stays.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if there is no such collection; [`Error::Corrupt`], [`Error::Io`].
    pub fn forget(
        &mut self,
        id: &CollectionId,
        feature: Option<FeatureId>,
        before: Timestamp,
    ) -> Result<(), Error> {
        self.compact(id)?;
        if let Some(entry) = self.catalog.collections.get_mut(id) {
            let version = entry.version;
            entry
                .pyramids
                .retain(|_, pyramid| pyramid.of_version == version);
        }
        let mut database = crate::database::Database::open(&self.dir)?;
        let reading: Reading<'_> = database.read()?;
        self.purges.push(Purge {
            id: id.clone(),
            feature,
            with: log::last_change_at(&reading, before)?,
        });
        Ok(())
    }
}

impl Purge {
    /// Forgets, and records that it was done, when and by whom, but not what.
    pub(crate) fn record(self, writing: &Writing<'_>, number: u64, who: &str) -> Result<(), Error> {
        let mut change = Change {
            number,
            at: log::last_at(writing)?.max(Timestamp::now()),
            kind: ChangeKind::Purge,
            who: who.to_owned(),
            note: String::new(),
        };
        let collection = log::number_in(writing, &self.id)?;
        let forgotten = match collection {
            Some(collection) => log::purge(writing, collection, self.feature, self.with)?,
            None => 0,
        };
        let note = json!({
            "collection": self.id.as_str(),
            "feature": self.feature.map(FeatureId::get),
            "versions": forgotten,
        });
        change.note = note.to_string();
        Writer::begin(writing, &change).map(drop)
    }
}
