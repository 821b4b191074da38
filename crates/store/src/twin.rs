//! A twin's folder, and snapshots of it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use model::{Access, CollectionId};

use crate::catalog::Catalog;
use crate::database::{Database, Reading, Stamps, State};
use crate::edits::Queue;
use crate::open::{BaseCollection, OpenCollection, OpenError, OpenSurvey};
use crate::{Error, Transaction, View, files, log};

/// How often a snapshot is tried anew because a writer has unlinked a file between
/// the reading of the catalog and the opening of the file. Each try needs a commit to
/// fail, so that this many in a row mean that a file is missing.
const OPEN_TRIES_MAX: usize = 8;

/// A twin's folder.
#[derive(Debug)]
pub struct Twin {
    dir: PathBuf,
    name: String,
    crs_code: String,
    latest: Mutex<Latest>,
    /// Edits that wait to be committed.
    pub(crate) queue: Queue,
}

/// What is known of the state that is live.
#[derive(Debug)]
struct Latest {
    database: Database,
    known: Option<(Stamps, Arc<Snapshot>)>,
    /// States of before, as they were asked for, the last at the end.
    earlier: Vec<Arc<Snapshot>>,
}

/// States of before that are kept, for those who page through one or ask for its tiles.
const EARLIER_KEPT: usize = 4;

impl Twin {
    /// Makes an empty twin whose coordinates are in the CRS called `crs_code`.
    ///
    /// The folder is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`Error::Twin`] if it holds a twin; [`Error::Io`].
    pub fn create(dir: &Path, name: &str, crs_code: &str) -> Result<Twin, Error> {
        if Database::path(dir).exists() {
            return Err(Error::Twin {
                path: dir.to_owned(),
                what: "already holds a twin: choose another folder".to_owned(),
            });
        }
        fs::create_dir_all(dir).map_err(Error::io(dir))?;
        let catalog = Catalog {
            generation: 0,
            name: name.to_owned(),
            crs_code: crs_code.to_owned(),
            collections: BTreeMap::new(),
            surveys: BTreeMap::new(),
        };
        // Made now, so that a change that is refused leaves the folder as it was.
        let lock = dir.join("lock");
        fs::File::create(&lock).map_err(Error::io(&lock))?;
        drop(Database::create(dir, &catalog)?);
        files::sync_folder(dir)?;
        Twin::open(dir)
    }

    /// Opens a twin.
    ///
    /// # Errors
    ///
    /// [`Error::Twin`] if the folder holds none; [`Error::Corrupt`] if its catalog is
    /// damaged; [`Error::Io`].
    pub fn open(dir: &Path) -> Result<Twin, Error> {
        if !Database::path(dir).exists() {
            return Err(Error::Twin {
                path: dir.to_owned(),
                what: "holds no twin: make one with `tvilling init`".to_owned(),
            });
        }
        let database = Database::open(dir)?;
        let catalog = database.catalog()?;
        Ok(Twin {
            dir: dir.to_owned(),
            name: catalog.name,
            crs_code: catalog.crs_code,
            latest: Mutex::new(Latest {
                database,
                known: None,
                earlier: Vec::new(),
            }),
            queue: Queue::default(),
        })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its name for people, as given when it was made.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The code of the CRS that all coordinates are in.
    pub fn crs_code(&self) -> &str {
        &self.crs_code
    }

    /// Returns what is live now; the same snapshot while nothing has changed.
    ///
    /// Costs a look at the status of two files if nothing has changed. A damaged file
    /// of one collection does not keep the others from being read: it gives its error
    /// when it is asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the catalog is damaged; [`Error::Io`].
    pub fn snapshot(&self) -> Result<Arc<Snapshot>, Error> {
        let mut latest = self.latest();
        // Taken before the catalog is read: if it changes in between, the next call sees it.
        let stamps = Stamps::of(&self.dir)?;
        let before = latest.known.clone();
        if let Some((known, snapshot)) = &before {
            if stamps.are_surely(known) {
                return Ok(Arc::clone(snapshot));
            }
            if stamps.are_of_another_file(known) {
                latest.database = Database::open(&self.dir)?;
            }
        }
        let before = before.map(|(_, snapshot)| snapshot);
        let snapshot = Snapshot::read(&self.dir, &mut latest.database, before.as_ref())?;
        latest.known = Some((stamps, Arc::clone(&snapshot)));
        Ok(snapshot)
    }

    /// Returns what the twin knew at a moment, of collections of features; surveys are
    /// those of now.
    ///
    /// Costs memory for each feature that has changed since.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the catalog is damaged; [`Error::Io`].
    pub fn snapshot_as_of(&self, at: Timestamp) -> Result<Arc<Snapshot>, Error> {
        let now = self.snapshot()?;
        let mut latest = self.latest();
        let reading = latest.database.read()?;
        let number = log::last_change_at(&reading, at)?;
        if number >= now.version() {
            return Ok(now);
        }
        drop(reading);
        let wanted =
            |known: &Arc<Snapshot>| known.as_of == Some(number) && known.version() == now.version();
        if let Some(place) = latest.earlier.iter().position(wanted) {
            let known = latest.earlier.remove(place);
            latest.earlier.push(Arc::clone(&known));
            return Ok(known);
        }
        let earlier = Arc::new(now.at_change(number, &latest.database.read()?)?);
        if latest.earlier.len() >= EARLIER_KEPT {
            latest.earlier.remove(0);
        }
        latest.earlier.push(Arc::clone(&earlier));
        Ok(earlier)
    }

    /// Lets readers see a state that has just been committed.
    pub(crate) fn publish(&self, snapshot: Arc<Snapshot>) {
        let mut latest = self.latest();
        // The stamps are of before: the next reader looks whether others committed, too.
        if let Some((_, known)) = &mut latest.known
            && known.version() < snapshot.version()
        {
            *known = snapshot;
        }
    }

    /// Nothing is left half done when a thread panics with the lock held.
    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a change. There is one writer at a time; a second is refused.
    ///
    /// What a killed writer left behind is removed.
    ///
    /// # Errors
    ///
    /// [`Error::Twin`] if another process or thread is writing; [`Error::Io`].
    pub fn begin(&self) -> Result<Transaction, Error> {
        Transaction::begin(self)
    }
}

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
    fn at_change(&self, number: u64, reading: &Reading<'_>) -> Result<Snapshot, Error> {
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
