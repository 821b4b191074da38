//! What was live at one moment, and what the twin knew at one.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Access, CollectionId};

use crate::database::{Database, Reading, State};
use crate::open::{BaseCollection, OpenCollection, OpenError, OpenSurvey};
use crate::{Error, View, log};

/// How often a snapshot is tried anew because a writer has unlinked a file between
/// the reading of the catalog and the opening of the file. Each try needs a commit to
/// fail, so that this many in a row mean that a file is missing.
const OPEN_TRIES_MAX: usize = 8;

/// What was live at one moment. Only a [`View`] of it can be read.
///
/// It holds its files open: they stay readable after a later commit unlinks them.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) dir: PathBuf,
    pub(crate) state: State,
    /// The change that it was asked as of, if it is not what is live.
    pub(crate) as_of: Option<u64>,
    pub(crate) crs_code: String,
    pub(crate) collections: BTreeMap<CollectionId, Arc<OpenCollection>>,
    pub(crate) surveys: BTreeMap<CollectionId, Arc<OpenSurvey>>,
}

impl Snapshot {
    /// Which state of the twin this is; grows with every commit.
    pub fn version(&self) -> u64 {
        self.state.version()
    }

    /// Returns what a caller with this access sees.
    pub fn view(self: &Arc<Self>, access: Access) -> View {
        View::new(Arc::clone(self), access)
    }

    /// Reads what is live; `before`, if nothing has changed since.
    pub(crate) fn read(
        dir: &Path,
        database: &mut Database,
        before: Option<&Arc<Snapshot>>,
    ) -> Result<Arc<Snapshot>, Error> {
        let mut tries = 0;
        loop {
            let reading = database.read()?;
            let state = reading.state()?;
            if let Some(before) = before
                && before.state == state
                && before.errors().next().is_none()
            {
                return Ok(Arc::clone(before));
            }
            let snapshot = Snapshot::open(dir, &reading, before.map(Arc::as_ref))?;
            drop(reading);
            tries += 1;
            if snapshot.lacks_a_file() && tries < OPEN_TRIES_MAX && database.state()? != state {
                continue;
            }
            return Ok(Arc::new(snapshot));
        }
    }

    /// Opens every file of the catalog, but for those that `before` has open, and reads what
    /// has changed since.
    fn open(
        dir: &Path,
        reading: &Reading<'_>,
        before: Option<&Snapshot>,
    ) -> Result<Snapshot, Error> {
        let state = reading.state()?;
        let same = before.filter(|before| before.state.generation == state.generation);
        if let Some(same) = same.filter(|same| same.errors().next().is_none()) {
            return same.with_later_changes(state, reading);
        }
        let catalog = reading.catalog()?;
        let crs_code: Arc<str> = catalog.crs_code.as_str().into();
        let mut collections = BTreeMap::new();
        for (id, entry) in catalog.collections {
            let before = before.and_then(|before| before.collections.get(&id));
            let base = before.map(|before| &before.base);
            let base = match base {
                Some(base) if base.entry == entry && base.errors().is_empty() => Arc::clone(base),
                _ => {
                    let base = base.map(Arc::as_ref);
                    Arc::new(BaseCollection::open(dir, &crs_code, entry, base))
                }
            };
            let open = Arc::new(OpenCollection::unchanged(base));
            collections.insert(id.clone(), with_later_changes(&id, open, reading)?);
        }
        let surveys = catalog.surveys.into_iter().map(|(id, entry)| {
            let before = before.and_then(|before| before.surveys.get(&id));
            let open = match before {
                Some(before) if before.entry == entry && before.errors().is_empty() => {
                    Arc::clone(before)
                }
                _ => Arc::new(OpenSurvey::open(dir, &crs_code, entry)),
            };
            (id, open)
        });
        Ok(Snapshot {
            dir: dir.to_owned(),
            state,
            as_of: None,
            crs_code: catalog.crs_code,
            surveys: surveys.collect(),
            collections,
        })
    }

    /// The same files with what has changed since.
    fn with_later_changes(&self, state: State, reading: &Reading<'_>) -> Result<Snapshot, Error> {
        let mut collections = BTreeMap::new();
        for (id, open) in &self.collections {
            let open = with_later_changes(id, Arc::clone(open), reading)?;
            collections.insert(id.clone(), open);
        }
        Ok(self.with(state, collections))
    }

    /// The same with other collections.
    pub(crate) fn with(
        &self,
        state: State,
        collections: BTreeMap<CollectionId, Arc<OpenCollection>>,
    ) -> Snapshot {
        Snapshot {
            dir: self.dir.clone(),
            state,
            as_of: self.as_of,
            crs_code: self.crs_code.clone(),
            collections,
            surveys: self.surveys.clone(),
        }
    }

    /// What the twin knew after a change that is not the last.
    pub(crate) fn at_change(&self, number: u64, reading: &Reading<'_>) -> Result<Snapshot, Error> {
        let mut collections = BTreeMap::new();
        for (id, open) in &self.collections {
            // What came later was not there.
            if open.base.entry.since > number {
                continue;
            }
            let open = open.at_change(id, number, reading)?;
            collections.insert(id.clone(), open);
        }
        Ok(Snapshot {
            as_of: Some(number),
            ..self.with(self.state, collections)
        })
    }

    /// Whether a file that the catalog names was not there.
    fn lacks_a_file(&self) -> bool {
        self.errors().any(
            |error| matches!(error, OpenError::Io { kind, .. } if *kind == io::ErrorKind::NotFound),
        )
    }

    fn errors(&self) -> impl Iterator<Item = &OpenError> {
        let collections = self.collections.values().flat_map(|c| c.errors());
        collections.chain(self.surveys.values().flat_map(|s| s.errors()))
    }
}

/// A collection with what has changed since it was read.
fn with_later_changes(
    id: &CollectionId,
    open: Arc<OpenCollection>,
    reading: &Reading<'_>,
) -> Result<Arc<OpenCollection>, Error> {
    let known = open.base.entry.folded.max(open.overlay.last_change);
    if reading.state()?.last_change <= known {
        return Ok(open);
    }
    let Some(number) = log::number_of(reading, id)? else {
        return Ok(open);
    };
    let versions = log::versions_since(reading, number, known, &open.meta.schema)?;
    let edited = open.edited(versions);
    Ok(if edited.is_empty() {
        open
    } else {
        Arc::new(open.with(edited))
    })
}
