//! A twin's folder, and snapshots of it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use model::{Access, CollectionId, Schema};

use crate::catalog::{Catalog, CollectionEntry, SegmentFiles, SurveyEntry};
use crate::files::{FileRef, Mapped, Stamp};
use crate::heights::HeightMap;
use crate::pyramids::OpenPyramid;
use crate::segment::{Projection, Segment};
use crate::{Error, Transaction, View};

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
    latest: Mutex<Option<(Stamp, Arc<Snapshot>)>>,
}

impl Twin {
    /// Makes an empty twin whose coordinates are in the CRS called `crs_code`.
    ///
    /// The folder is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`Error::Twin`] if it holds a twin; [`Error::Io`].
    pub fn create(dir: &Path, name: &str, crs_code: &str) -> Result<Twin, Error> {
        if Catalog::path(dir).exists() {
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
        catalog.replace(dir)?;
        Twin::open(dir)
    }

    /// Opens a twin.
    ///
    /// # Errors
    ///
    /// [`Error::Twin`] if the folder holds none; [`Error::Corrupt`] if its catalog is
    /// damaged; [`Error::Io`].
    pub fn open(dir: &Path) -> Result<Twin, Error> {
        if !Catalog::path(dir).exists() {
            return Err(Error::Twin {
                path: dir.to_owned(),
                what: "holds no twin: make one with `tvilling init`".to_owned(),
            });
        }
        let catalog = Catalog::read(dir)?;
        Ok(Twin {
            dir: dir.to_owned(),
            name: catalog.name,
            crs_code: catalog.crs_code,
            latest: Mutex::new(None),
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

    /// Returns what is live now; the same snapshot while the catalog has not changed.
    ///
    /// Costs a look at the catalog's file status if nothing has changed. A damaged file
    /// of one collection does not keep the others from being read: it gives its error
    /// when it is asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the catalog is damaged; [`Error::Io`].
    pub fn snapshot(&self) -> Result<Arc<Snapshot>, Error> {
        let path = Catalog::path(&self.dir);
        // Nothing is left half done when a thread panics with the lock held.
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tries = 0;
        loop {
            // Taken before the catalog is read: if it changes in between, the next call sees it.
            let stamp = Stamp::of(&path)?;
            let before = match &*latest {
                Some((known, snapshot)) if stamp.is_surely(known) => {
                    return Ok(Arc::clone(snapshot));
                }
                Some((_, snapshot)) => Some(Arc::clone(snapshot)),
                None => None,
            };
            let catalog = Catalog::read(&self.dir)?;
            tries += 1;
            let snapshot = match before {
                Some(before) if before.is_of(&catalog) => before,
                before => Arc::new(Snapshot::open(&self.dir, catalog, before.as_deref())),
            };
            let replaced = || Ok::<_, Error>(!Stamp::of(&path)?.looks_like(&stamp));
            if snapshot.lacks_a_file() && tries < OPEN_TRIES_MAX && replaced()? {
                continue;
            }
            *latest = Some((stamp, Arc::clone(&snapshot)));
            return Ok(snapshot);
        }
    }

    /// Begins a change. There is one writer at a time; a second is refused.
    ///
    /// What a killed writer left behind is removed.
    ///
    /// # Errors
    ///
    /// [`Error::Twin`] if another process or thread is writing; [`Error::Io`].
    pub fn begin(&self) -> Result<Transaction, Error> {
        Transaction::begin(&self.dir)
    }
}

/// What was live at one moment. Only a [`View`] of it can be read.
///
/// It holds its files open: they stay readable after a later commit unlinks them.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) generation: u64,
    pub(crate) crs_code: String,
    pub(crate) collections: BTreeMap<CollectionId, Arc<OpenCollection>>,
    pub(crate) surveys: BTreeMap<CollectionId, Arc<OpenSurvey>>,
}

impl Snapshot {
    /// Which state of the twin this is; grows with every commit.
    pub fn version(&self) -> u64 {
        self.generation
    }

    /// Returns what a caller with this access sees.
    pub fn view(self: &Arc<Self>, access: Access) -> View {
        View::new(Arc::clone(self), access)
    }

    /// Whether it is what this catalog says, with every file open.
    fn is_of(&self, catalog: &Catalog) -> bool {
        let collections = self.collections.values().map(|open| &open.entry);
        let surveys = self.surveys.values().map(|open| &open.entry);
        self.generation == catalog.generation
            && self.errors().next().is_none()
            && collections.eq(catalog.collections.values())
            && surveys.eq(catalog.surveys.values())
    }

    /// Opens every file of a catalog, but for those that `before` has open.
    fn open(dir: &Path, catalog: Catalog, before: Option<&Snapshot>) -> Snapshot {
        let crs_code: Arc<str> = catalog.crs_code.as_str().into();
        let collections = catalog.collections.into_iter().map(|(id, entry)| {
            let before = before.and_then(|before| before.collections.get(&id));
            let open = match before {
                Some(before) if before.entry == entry && before.errors().is_empty() => {
                    Arc::clone(before)
                }
                _ => {
                    let before = before.map(Arc::as_ref);
                    Arc::new(OpenCollection::open(dir, &crs_code, entry, before))
                }
            };
            (id, open)
        });
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
        Snapshot {
            generation: catalog.generation,
            crs_code: catalog.crs_code,
            collections: collections.collect(),
            surveys: surveys.collect(),
        }
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

/// A collection with its files.
#[derive(Debug)]
pub(crate) struct OpenCollection {
    pub(crate) crs_code: Arc<str>,
    pub(crate) entry: CollectionEntry,
    pub(crate) segments: Result<Vec<OpenSegment>, OpenError>,
    /// By name of tile matrix set.
    pub(crate) pyramids: BTreeMap<String, Arc<OpenPyramid>>,
    pub(crate) report: Result<Mapped, OpenError>,
}

#[derive(Debug)]
pub(crate) struct OpenSegment {
    /// As the catalog names them; none of one that it does not know.
    files: Option<SegmentFiles>,
    pub(crate) segment: Arc<Segment>,
    pub(crate) projection: Projection,
}

impl OpenSegment {
    /// A segment that the catalog does not know.
    pub(crate) fn of(segment: Segment, schema: &Schema) -> Result<OpenSegment, Error> {
        Ok(OpenSegment {
            files: None,
            projection: segment.project(schema)?,
            segment: Arc::new(segment),
        })
    }
}

impl OpenCollection {
    fn open(
        dir: &Path,
        crs_code: &Arc<str>,
        entry: CollectionEntry,
        before: Option<&OpenCollection>,
    ) -> OpenCollection {
        let known = before.and_then(|before| before.segments.as_ref().ok());
        let segments = entry.segments.iter().map(|files| {
            let known = known
                .and_then(|known| known.iter().find(|open| open.files.as_ref() == Some(files)));
            let segment = match known {
                Some(open) => Arc::clone(&open.segment),
                None => Arc::new(open_segment(dir, files)?),
            };
            Ok(OpenSegment {
                files: Some(files.clone()),
                projection: segment.project(&entry.meta.schema)?,
                segment,
            })
        });
        let segments: Result<_, Error> = segments.collect();
        let pyramids = entry.pyramids.iter().map(|(tms, pyramid)| {
            let known = before.and_then(|before| before.pyramids.get(tms));
            let known = known.filter(|open| open.entry == *pyramid && open.archive.is_ok());
            let open = || Arc::new(OpenPyramid::open(dir, pyramid.clone()));
            (tms.clone(), known.map_or_else(open, Arc::clone))
        });
        OpenCollection {
            pyramids: pyramids.collect(),
            crs_code: Arc::clone(crs_code),
            segments: segments.map_err(OpenError::from),
            report: entry.report.map(dir).map_err(OpenError::from),
            entry,
        }
    }

    /// Its segments, or why they could not be opened.
    pub(crate) fn segments(&self) -> Result<&[OpenSegment], Error> {
        match &self.segments {
            Ok(segments) => Ok(segments),
            Err(error) => Err(error.to_error()),
        }
    }

    fn errors(&self) -> Vec<&OpenError> {
        let both = [self.segments.as_ref().err(), self.report.as_ref().err()];
        let pyramids = self.pyramids.values();
        let pyramids = pyramids.filter_map(|pyramid| pyramid.archive.as_ref().err());
        both.into_iter().flatten().chain(pyramids).collect()
    }
}

pub(crate) fn open_segment(dir: &Path, files: &SegmentFiles) -> Result<Segment, Error> {
    let map = |file: &Option<FileRef>| file.as_ref().map(|file| file.map(dir)).transpose();
    Segment::open(map(&files.places)?, map(&files.rows)?, files.ids.map(dir)?)
}

/// A survey with its files.
#[derive(Debug)]
pub(crate) struct OpenSurvey {
    pub(crate) crs_code: Arc<str>,
    pub(crate) entry: SurveyEntry,
    pub(crate) points: Result<Mapped, OpenError>,
    pub(crate) terrain: Result<HeightMap, OpenError>,
    pub(crate) surface: Result<HeightMap, OpenError>,
    pub(crate) distance: Result<HeightMap, OpenError>,
    pub(crate) report: Result<Mapped, OpenError>,
}

impl OpenSurvey {
    fn open(dir: &Path, crs_code: &Arc<str>, entry: SurveyEntry) -> OpenSurvey {
        let heights = |file: &FileRef| {
            let opened = file.map(dir).and_then(HeightMap::open);
            opened.map_err(OpenError::from)
        };
        OpenSurvey {
            crs_code: Arc::clone(crs_code),
            points: entry.points.map(dir).map_err(OpenError::from),
            terrain: heights(&entry.terrain),
            surface: heights(&entry.surface),
            distance: heights(&entry.distance),
            report: entry.report.map(dir).map_err(OpenError::from),
            entry,
        }
    }

    fn errors(&self) -> Vec<&OpenError> {
        let heights = [&self.terrain, &self.surface, &self.distance];
        let heights = heights
            .into_iter()
            .filter_map(|opened| opened.as_ref().err());
        let others = [&self.points, &self.report];
        let others = others
            .into_iter()
            .filter_map(|opened| opened.as_ref().err());
        heights.chain(others).collect()
    }
}

/// Why a file could not be opened, to be told as often as it is asked for.
#[derive(Debug, Clone)]
pub(crate) enum OpenError {
    Io {
        path: PathBuf,
        kind: io::ErrorKind,
        what: String,
    },
    Other {
        path: PathBuf,
        what: String,
    },
}

impl OpenError {
    pub(crate) fn to_error(&self) -> Error {
        match self.clone() {
            OpenError::Io { path, kind, what } => Error::Io {
                path,
                source: io::Error::new(kind, what),
            },
            OpenError::Other { path, what } => Error::Corrupt { path, what },
        }
    }
}

impl From<Error> for OpenError {
    fn from(error: Error) -> OpenError {
        match error {
            Error::Io { path, source } => OpenError::Io {
                path,
                kind: source.kind(),
                what: source.to_string(),
            },
            Error::Corrupt { path, what } | Error::Twin { path, what } => {
                OpenError::Other { path, what }
            }
            Error::Refused(what) => OpenError::Other {
                path: PathBuf::new(),
                what,
            },
        }
    }
}
