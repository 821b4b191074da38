//! Recording changes.

use model::{CollectionId, Feature, FeatureId, Schema};
use rusqlite::OptionalExtension;

use super::content::Content;
use super::{Change, ChangeKind};
use crate::Error;
use crate::database::{Writing, sqlite};

/// Records one change in a commit.
#[derive(Debug)]
pub(crate) struct Writer<'a, 'b> {
    writing: &'a Writing<'b>,
    number: u64,
}

impl<'a, 'b> Writer<'a, 'b> {
    /// Records who makes the change.
    pub(crate) fn begin(writing: &'a Writing<'b>, change: &Change) -> Result<Self, Error> {
        let row = (
            change.number as i64,
            change.at.as_microsecond(),
            change.kind.as_str(),
            &change.who,
            &change.note,
            sum(change) as i64,
        );
        let insert = "INSERT INTO changes VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let writer = Writer {
            writing,
            number: change.number,
        };
        writer.execute(insert, row)?;
        Ok(writer)
    }

    /// The number that stands for a collection, which is given it now if it has none.
    pub(crate) fn collection(&self, id: &CollectionId) -> Result<i64, Error> {
        let insert = "INSERT OR IGNORE INTO collections (id) VALUES (?1)";
        self.execute(insert, [id.as_str()])?;
        self.ask(
            "SELECT number FROM collections WHERE id = ?1",
            [id.as_str()],
        )?
        .ok_or_else(|| Error::corrupt(self.writing.path(), "forgets a collection"))
    }

    /// Records that a feature was `before` until this change, with `since` when the
    /// collection was made. `before` is none of a feature that was not.
    pub(crate) fn was(
        &self,
        collection: i64,
        id: FeatureId,
        since: u64,
        before: impl FnOnce() -> Result<Option<Feature>, Error>,
        schema: &Schema,
    ) -> Result<(), Error> {
        let ask = "SELECT since, state FROM versions WHERE collection = ?1 AND feature = ?2
            ORDER BY since DESC LIMIT 1";
        let mut last = self.prepare(ask)?;
        let last: Option<(i64, i64)> = last
            .query_row((collection, id.get() as i64), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
            .map_err(|error| self.error(error))?;
        let since = match last {
            // Its row says what it was.
            Some((_, state)) if state != Content::InSegments.state() => return Ok(()),
            Some((since, _)) => since,
            None => since as i64,
        };
        let Some(before) = before()? else {
            return Ok(());
        };
        self.put(collection, id, since, &self.content(&before, schema)?)
    }

    /// Records that a feature is this from this change on.
    pub(crate) fn is(
        &self,
        collection: i64,
        feature: &Feature,
        schema: &Schema,
    ) -> Result<(), Error> {
        let content = self.content(feature, schema)?;
        self.put(collection, feature.id, self.number as i64, &content)
    }

    /// Records that a feature is what the segments have from this change on.
    pub(crate) fn is_in_segments(&self, collection: i64, id: FeatureId) -> Result<(), Error> {
        self.put(collection, id, self.number as i64, &Content::InSegments)
    }

    /// Records that a feature is gone from this change on.
    pub(crate) fn is_gone(&self, collection: i64, id: FeatureId) -> Result<(), Error> {
        self.put(collection, id, self.number as i64, &Content::Gone)
    }

    /// Records which columns a collection had until this change.
    pub(crate) fn had_schema(&self, collection: i64, content: &str) -> Result<(), Error> {
        let insert = "INSERT OR IGNORE INTO schemas VALUES (?1, ?2, ?3)";
        self.execute(insert, (collection, self.number as i64, content))
    }

    fn content(&self, feature: &Feature, schema: &Schema) -> Result<Content, Error> {
        Content::of(feature, schema).map_err(Error::Refused)
    }

    fn put(
        &self,
        collection: i64,
        id: FeatureId,
        since: i64,
        content: &Content,
    ) -> Result<(), Error> {
        let (geometry, properties) = content.parts();
        let insert = "INSERT OR REPLACE INTO versions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let row = (
            collection,
            id.get() as i64,
            since,
            content.state(),
            geometry,
            properties,
            content.sum() as i64,
        );
        self.execute(insert, row)
    }

    fn prepare(&self, sql: &str) -> Result<rusqlite::CachedStatement<'_>, Error> {
        let prepared = self.writing.connection().prepare_cached(sql);
        prepared.map_err(|error| self.error(error))
    }

    fn execute(&self, sql: &str, row: impl rusqlite::Params) -> Result<(), Error> {
        let done = self.prepare(sql)?.execute(row);
        done.map_err(|error| self.error(error)).map(drop)
    }

    fn ask(&self, sql: &str, row: impl rusqlite::Params) -> Result<Option<i64>, Error> {
        let asked = self.prepare(sql)?.query_row(row, |row| row.get(0));
        asked.optional().map_err(|error| self.error(error))
    }

    fn error(&self, error: rusqlite::Error) -> Error {
        sqlite(self.writing.path(), error)
    }
}

/// Forgets versions that were over with a change: all of a collection, or those of one
/// feature. Returns how many they were.
pub(crate) fn purge(
    writing: &Writing<'_>,
    collection: i64,
    feature: Option<FeatureId>,
    with: u64,
) -> Result<u64, Error> {
    // A version is over when the feature's next begins.
    let delete = "DELETE FROM versions AS old
        WHERE collection = ?1 AND (?2 IS NULL OR feature = ?2) AND since < ?3 AND (
            EXISTS (SELECT 1 FROM versions AS next WHERE next.collection = old.collection
                AND next.feature = old.feature AND next.since > old.since AND next.since <= ?3))";
    let feature = feature.map(|id| id.get() as i64);
    let done = writing
        .connection()
        .execute(delete, (collection, feature, with as i64));
    done.map(|count| count as u64)
        .map_err(|error| sqlite(writing.path(), error))
}

/// What sums up a change.
pub(super) fn sum(change: &Change) -> u64 {
    let text = format!(
        "{}\0{}\0{}\0{}\0{}",
        change.number,
        change.at.as_microsecond(),
        ChangeKind::as_str(change.kind),
        change.who,
        change.note
    );
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}
