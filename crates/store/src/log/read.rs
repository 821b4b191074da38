//! Reading changes back.

use std::collections::HashSet;
use std::path::Path;

use jiff::Timestamp;
use model::{CollectionId, Feature, FeatureId, Schema};
use rusqlite::{Connection, OptionalExtension, Row};

use super::content::Content;
use super::write::sum;
use super::{Change, ChangeKind};
use crate::Error;
use crate::database::{Reading, Writing, sqlite};

/// What a feature is since a change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Versioned {
    pub(crate) id: FeatureId,
    pub(crate) since: u64,
    pub(crate) state: VersionState,
}

/// What a version says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum VersionState {
    Gone,
    Here(Feature),
    InSegments,
}

/// The number that stands for a collection; none if nothing of it ever changed.
pub(crate) fn number_of(reading: &Reading<'_>, id: &CollectionId) -> Result<Option<i64>, Error> {
    let ask = "SELECT number FROM collections WHERE id = ?1";
    one(reading, ask, [id.as_str()], |row| row.get(0))
}

/// What features are that changed after `after` and not after `until`, one for each.
pub(crate) fn versions_since(
    reading: &Reading<'_>,
    collection: i64,
    after: u64,
    schema: &Schema,
) -> Result<Vec<Versioned>, Error> {
    // Those with later versions are passed over in SQL: a busy feature has many.
    let ask = "SELECT feature, since, state, geometry, properties, xxh3 FROM versions AS v
        WHERE collection = ?1 AND since > ?2 AND NOT EXISTS (
            SELECT 1 FROM versions AS w WHERE w.collection = v.collection
            AND w.feature = v.feature AND w.since > v.since)";
    many(reading, ask, (collection, after as i64), |row| {
        versioned(row, schema)
    })
}

/// What features were after change `at`, of all that changed after `after`, one for each.
pub(crate) fn as_of(
    reading: &Reading<'_>,
    collection: i64,
    at: u64,
    after: u64,
    schema: &Schema,
) -> Result<Vec<Versioned>, Error> {
    let ask = "SELECT DISTINCT feature FROM versions WHERE collection = ?1 AND since > ?2";
    let changed = many(reading, ask, (collection, after as i64), |row| {
        row.get(0).map(feature_id)
    })?;
    let each = changed.into_iter().map(|id| {
        let then = version_at(reading, collection, id, at, schema)?;
        // What has no version from then came later.
        Ok(then.unwrap_or(Versioned {
            id,
            since: at,
            state: VersionState::Gone,
        }))
    });
    each.collect()
}

/// All versions of a feature, oldest first.
pub(crate) fn versions_of(
    reading: &Reading<'_>,
    collection: i64,
    id: FeatureId,
    schema: &Schema,
) -> Result<Vec<Versioned>, Error> {
    let ask = "SELECT feature, since, state, geometry, properties, xxh3 FROM versions
        WHERE collection = ?1 AND feature = ?2 ORDER BY since";
    many(reading, ask, (collection, id.get() as i64), |row| {
        versioned(row, schema)
    })
}

/// What a feature was after a change; none if it has no version from then or before.
pub(crate) fn version_at(
    reading: &Reading<'_>,
    collection: i64,
    id: FeatureId,
    at: u64,
    schema: &Schema,
) -> Result<Option<Versioned>, Error> {
    let ask = "SELECT feature, since, state, geometry, properties, xxh3 FROM versions
        WHERE collection = ?1 AND feature = ?2 AND since <= ?3 ORDER BY since DESC LIMIT 1";
    let parameters = (collection, id.get() as i64, at as i64);
    let found = many(reading, ask, parameters, |row| versioned(row, schema))?;
    Ok(found.into_iter().next())
}

/// Features that changed after a change and not after another.
pub(crate) fn changed_between(
    reading: &Reading<'_>,
    collection: i64,
    after: u64,
    until: u64,
) -> Result<Vec<FeatureId>, Error> {
    let ask = "SELECT DISTINCT feature FROM versions
        WHERE collection = ?1 AND since > ?2 AND since <= ?3 ORDER BY feature";
    let parameters = (collection, after as i64, until as i64);
    many(reading, ask, parameters, |row| row.get(0).map(feature_id))
}

/// Changes after one, oldest first.
pub(crate) fn changes_after(
    reading: &Reading<'_>,
    after: u64,
    limit: usize,
) -> Result<Vec<Change>, Error> {
    let ask = "SELECT number, at_us, kind, who, note, xxh3 FROM changes
        WHERE number > ?1 ORDER BY number LIMIT ?2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    many(reading, ask, (after as i64, limit), read_change)
}

/// The columns that a collection had at a change, if it has others now, as JSON text.
pub(crate) fn schema_at(
    reading: &Reading<'_>,
    collection: i64,
    at: u64,
) -> Result<Option<String>, Error> {
    let ask = "SELECT content FROM schemas WHERE collection = ?1 AND until > ?2
        ORDER BY until LIMIT 1";
    one(reading, ask, (collection, at as i64), |row| row.get(0))
}

/// A change by its number.
pub(crate) fn change(reading: &Reading<'_>, number: u64) -> Result<Option<Change>, Error> {
    let ask = "SELECT number, at_us, kind, who, note, xxh3 FROM changes WHERE number = ?1";
    let found = many(reading, ask, [number as i64], read_change)?;
    Ok(found.into_iter().next())
}

/// The number of the last change that was made by a moment; 0 if there was none.
pub(crate) fn last_change_at(reading: &Reading<'_>, at: Timestamp) -> Result<u64, Error> {
    let ask = "SELECT coalesce(max(number), 0) FROM changes WHERE at_us <= ?1";
    let number: Option<i64> = one(reading, ask, [at.as_microsecond()], |row| row.get(0))?;
    Ok(number.unwrap_or_default().max(0) as u64)
}

/// The number that stands for a collection, for who writes.
pub(crate) fn number_in(writing: &Writing<'_>, id: &CollectionId) -> Result<Option<i64>, Error> {
    let ask = "SELECT number FROM collections WHERE id = ?1";
    let found = writing
        .connection()
        .query_row(ask, [id.as_str()], |row| row.get(0))
        .optional();
    found.map_err(|error| sqlite(writing.path(), error))
}

/// When the last change was made; the beginning of time if there was none.
pub(crate) fn last_at(writing: &Writing<'_>) -> Result<Timestamp, Error> {
    let ask = "SELECT at_us FROM changes ORDER BY number DESC LIMIT 1";
    let found = writing
        .connection()
        .query_row(ask, (), |row| row.get(0))
        .optional();
    let at = found.map_err(|error| sqlite(writing.path(), error))?;
    Ok(at
        .and_then(|us| Timestamp::from_microsecond(us).ok())
        .unwrap_or(Timestamp::MIN))
}

/// Reads every change and version, and returns how many there are and what is wrong.
pub(crate) fn check(reading: &Reading<'_>) -> Result<(u64, Vec<String>), Error> {
    let mut problems = Vec::new();
    let mut numbers = HashSet::new();
    let ask = "SELECT number, at_us, kind, who, note, xxh3 FROM changes ORDER BY number";
    let mut last = Timestamp::MIN;
    each(reading, ask, (), |row| {
        match read_change(row)? {
            Ok(change) if change.at < last => {
                problems.push(format!(
                    "change {} is before the one before it",
                    change.number
                ));
            }
            Ok(change) => {
                last = change.at;
                numbers.insert(change.number);
            }
            Err(what) => problems.push(what),
        }
        Ok(())
    })?;
    let mut count = 0;
    let ask = "SELECT feature, since, state, geometry, properties, xxh3, c.id FROM versions
        LEFT JOIN collections AS c ON c.number = collection";
    each(reading, ask, (), |row| {
        count += 1;
        if row.get::<_, Option<String>>(6)?.is_none() {
            problems.push("a version is of a collection that has no name".to_owned());
        }
        if let Err(what) = content(row)? {
            problems.push(what);
        }
        Ok(())
    })?;
    let path = reading.path();
    let problems = problems
        .into_iter()
        .map(|what| Error::corrupt(path, what).to_string());
    Ok((count, problems.collect()))
}

fn read_change(row: &Row<'_>) -> rusqlite::Result<Result<Change, String>> {
    let number: i64 = row.get(0)?;
    let (at, kind): (i64, String) = (row.get(1)?, row.get(2)?);
    let damaged = || format!("change {number} is damaged");
    let parsed = Timestamp::from_microsecond(at).ok();
    let (Some(at), Some(kind)) = (parsed, ChangeKind::from_word(&kind)) else {
        return Ok(Err(damaged()));
    };
    let change = Change {
        number: number as u64,
        at,
        kind,
        who: row.get(3)?,
        note: row.get(4)?,
    };
    let told: i64 = row.get(5)?;
    Ok(if sum(&change) as i64 == told {
        Ok(change)
    } else {
        Err(damaged())
    })
}

fn content(row: &Row<'_>) -> rusqlite::Result<Result<(FeatureId, u64, Content), String>> {
    let (feature, since): (i64, i64) = (row.get(0)?, row.get(1)?);
    let content = Content::of_parts(row.get(2)?, row.get(3)?, row.get(4)?);
    let told: i64 = row.get(5)?;
    let whole = content.filter(|content| content.sum() as i64 == told);
    let damaged = || format!("the version of feature {feature} since {since} is damaged");
    let read = whole.ok_or_else(damaged);
    Ok(read.and_then(|content| Ok((feature_id(feature)?, since as u64, content))))
}

fn versioned(row: &Row<'_>, schema: &Schema) -> rusqlite::Result<Result<Versioned, String>> {
    let read = content(row)?.and_then(|(id, since, content)| {
        let state = match &content {
            Content::Gone => VersionState::Gone,
            Content::InSegments => VersionState::InSegments,
            Content::Here { .. } => {
                let feature = content.feature(id, schema);
                let named = |what| format!("the version of feature {id} since {since}: {what}");
                VersionState::Here(feature.map_err(named)?)
            }
        };
        Ok(Versioned { id, since, state })
    });
    Ok(read)
}

fn feature_id(number: i64) -> Result<FeatureId, String> {
    let id = u64::try_from(number).ok().and_then(FeatureId::new);
    id.ok_or_else(|| format!("{number} is no feature id"))
}

fn one<T>(
    reading: &Reading<'_>,
    sql: &str,
    parameters: impl rusqlite::Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, Error> {
    let path = reading.path();
    let mut ask = prepare(reading.connection(), path, sql)?;
    let found = ask.query_row(parameters, read).optional();
    found.map_err(|error| sqlite(path, error))
}

fn many<T>(
    reading: &Reading<'_>,
    sql: &str,
    parameters: impl rusqlite::Params,
    mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<Result<T, String>>,
) -> Result<Vec<T>, Error> {
    let mut found = Vec::new();
    let mut damaged = None;
    each(reading, sql, parameters, |row| {
        match read(row)? {
            Ok(value) => found.push(value),
            Err(what) => damaged = Some(what),
        }
        Ok(())
    })?;
    match damaged {
        None => Ok(found),
        Some(what) => Err(Error::corrupt(reading.path(), what)),
    }
}

fn each(
    reading: &Reading<'_>,
    sql: &str,
    parameters: impl rusqlite::Params,
    mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> Result<(), Error> {
    let path = reading.path();
    let mut ask = prepare(reading.connection(), path, sql)?;
    let walk = || {
        let mut rows = ask.query(parameters)?;
        while let Some(row) = rows.next()? {
            read(row)?;
        }
        Ok(())
    };
    walk().map_err(|error| sqlite(path, error))
}

fn prepare<'a>(
    connection: &'a Connection,
    path: &Path,
    sql: &str,
) -> Result<rusqlite::CachedStatement<'a>, Error> {
    let prepared = connection.prepare_cached(sql);
    prepared.map_err(|error| sqlite(path, error))
}
