//! A twin's folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::catalog::Catalog;
use crate::database::{Database, Stamps};
use crate::edits::Queue;
use crate::snapshot::Snapshot;
use crate::{Error, Transaction, files, log};

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
        // On a connection of its own: who reads what is live does not wait for it.
        let mut database = Database::open(&self.dir)?;
        let reading = database.read()?;
        let number = log::last_change_at(&reading, at)?;
        if number >= now.version() {
            return Ok(now);
        }
        let wanted =
            |known: &Arc<Snapshot>| known.as_of == Some(number) && known.version() == now.version();
        let mut latest = self.latest();
        if let Some(place) = latest.earlier.iter().position(wanted) {
            let known = latest.earlier.remove(place);
            latest.earlier.push(Arc::clone(&known));
            return Ok(known);
        }
        drop(latest);
        let earlier = Arc::new(now.at_change(number, &reading)?);
        let mut latest = self.latest();
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
