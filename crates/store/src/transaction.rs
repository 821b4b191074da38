//! Changes of files: they are staged, then made live together by a new catalog.
//!
//! A commit goes through these steps; a loss of power after any of them leaves either
//! the old twin or the new, whole:
//!
//! 1. the lock is taken, and what a killed writer left is unlinked;
//! 2. files are written under names that no catalog has had, and made durable;
//! 3. their folders are made durable;
//! 4. the database commits the new catalog, and what features were before, at once;
//! 5. files that only the old catalog named are unlinked. Who has them mapped keeps them.
//!
//! Edits do not wait for the lock: those made while files are staged lie over what is made
//! live. [`crate::delivery`] says what a delivery of features does.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{CollectionId, GridFrame, Survey, VerticalDatum};

use crate::catalog::{Catalog, PyramidEntry, SurveyEntry, is_name_of_ours};
use crate::database::Database;
use crate::delivery::{self, Delivered};
use crate::files::{self, FileRef};
use crate::forget::Purge;
use crate::heights::HeightKind;
use crate::snapshot::Snapshot;
use crate::{
    ArchiveFormat, Error, HeightsWriter, PointLayout, PyramidDescription, PyramidSummary,
    PyramidWriter, SurveyWriter, Twin,
};

/// The folder of a twin in which its one writer works.
const SCRATCH: &str = "scratch";

/// Files staged but not live. Dropped without [`Transaction::commit`], it leaves nothing.
#[derive(Debug)]
pub struct Transaction {
    pub(crate) dir: PathBuf,
    database: Database,
    /// What was live when it began.
    pub(crate) before: Arc<Snapshot>,
    /// What will be live after the commit. Its generation stands for the number that the
    /// commit will get, also where an entry has it as its version.
    pub(crate) catalog: Catalog,
    /// What deliveries change.
    pub(crate) deliveries: Vec<Delivered>,
    /// What shall be forgotten.
    pub(crate) purges: Vec<Purge>,
    /// Who makes the change.
    who: String,
    /// Files of the catalog that is live.
    live: BTreeSet<String>,
    pub(crate) staged: Vec<PathBuf>,
    /// Folders that may have been made for them, innermost first.
    folders: Vec<PathBuf>,
    /// Number of things staged so far, which keeps names apart.
    count: u32,
    /// Unlocked by the operating system when it is closed, even by a `kill -9`.
    _lock: File,
}

/// What to do with the features that a collection already has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutMode {
    /// Refuse if the collection exists.
    Create,
    /// Put the new in place of the old.
    Replace,
    /// Keep the old; a new feature with an old id takes its place.
    Append,
    /// Make the old what the new is, and write the differences only.
    Sync {
        /// Most features that may go, in percent of those that there are: a delivery that was
        /// cut short must not empty a collection.
        removed_max_percent: u8,
    },
}

/// Who makes a change, if nobody says.
const WHO: &str = "tvilling";

impl Transaction {
    pub(crate) fn begin(twin: &Twin) -> Result<Transaction, Error> {
        let dir = twin.dir();
        let path = dir.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(Error::io(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Twin {
                    path: dir.to_owned(),
                    what: "is being written by another process: try again when it has finished"
                        .to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(Error::Io { path, source }),
        }
        let database = Database::open(dir)?;
        let mut catalog = database.catalog()?;
        let live: BTreeSet<_> = catalog.files().map(|file| file.name.clone()).collect();
        sweep(dir, &live)?;
        let before = twin.snapshot()?;
        // No commit has had it, and none that names files gets it before this is over.
        catalog.generation = before.state.version() + 1;
        Ok(Transaction {
            dir: dir.to_owned(),
            database,
            before,
            catalog,
            deliveries: Vec::new(),
            purges: Vec::new(),
            who: WHO.to_owned(),
            live,
            staged: Vec::new(),
            folders: Vec::new(),
            count: 0,
            _lock: lock,
        })
    }

    /// Says who makes the change: the name of a key, or of a program.
    #[must_use]
    pub fn by(mut self, who: &str) -> Transaction {
        who.clone_into(&mut self.who);
        self
    }

    /// Starts staging a survey's points.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the steps of coordinates or the octree make no sense, or what
    /// describes the points is too long for its record; [`Error::Io`].
    pub fn begin_survey(&mut self, layout: PointLayout) -> Result<SurveyWriter, Error> {
        let path = self
            .surveys()?
            .join(format!("{}-staged.copc.laz", self.next_stem()));
        self.staged.push(path.clone());
        SurveyWriter::new(path, layout)
    }

    /// Starts staging terrain, surface and distance of a survey, in cells of this frame.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the frame has no cells or its numbers make no sense;
    /// [`Error::Io`].
    pub fn begin_heights(&mut self, frame: GridFrame) -> Result<HeightsWriter, Error> {
        let folder = self.surveys()?;
        let stem = self.next_stem();
        HeightsWriter::new(frame, |kind| {
            folder.join(format!("{stem}-{}.pile", kind.name()))
        })
    }

    /// Stages a survey whose points and heights have been written.
    ///
    /// `point_count` of `survey` is computed here. Points cannot be appended, since
    /// terrain and surface come from all of them.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the mode does not fit what is there, or there are no points;
    /// [`Error::Io`].
    pub fn put_survey(
        &mut self,
        survey: Survey,
        points: SurveyWriter,
        heights: HeightsWriter,
        mode: PutMode,
        report: &str,
    ) -> Result<(), Error> {
        let id = survey.id.clone();
        if self.catalog.collections.contains_key(&id) {
            return Err(Error::Refused(format!(
                "{id} is a collection of features: choose another name for the survey"
            )));
        }
        let exists = self.catalog.surveys.contains_key(&id);
        match mode {
            PutMode::Create if exists => {
                return Err(Error::Refused(format!(
                    "survey {id} exists: replace it or choose another name"
                )));
            }
            PutMode::Append if exists => {
                return Err(Error::Refused(format!(
                    "survey {id} exists, and points cannot be appended: \
                     give all its files together and replace it"
                )));
            }
            _ => {}
        }
        let (staged, point_count) = points.finish()?;
        let stem = self.next_stem();
        let name = |what: &str| format!("surveys/{id}/{stem}-{what}");
        self.make_folder("surveys", &id)?;

        let points = name("points.copc.laz");
        let path = self.dir.join(&points);
        self.staged.push(path.clone());
        fs::rename(&staged, &path).map_err(Error::io(&path))?;

        let vertical = match &survey.vertical {
            VerticalDatum::Known { code, .. } => Some(code.as_str()),
            VerticalDatum::Unknown => None,
        };
        let tiff = |kind: HeightKind| name(&format!("{}.tif", kind.name()));
        for (kind, writer) in heights.into_writers() {
            let path = self.dir.join(tiff(kind));
            self.staged.push(path.clone());
            writer.finish(&path, kind, &self.catalog.crs_code, vertical)?;
        }
        let entry = SurveyEntry {
            meta: Survey {
                point_count,
                ..survey
            },
            version: self.catalog.generation,
            points: FileRef::of(&self.dir, points)?,
            terrain: FileRef::of(&self.dir, tiff(HeightKind::Terrain))?,
            surface: FileRef::of(&self.dir, tiff(HeightKind::Surface))?,
            distance: FileRef::of(&self.dir, tiff(HeightKind::Distance))?,
            report: self.write_small(name("report.json"), report.as_bytes())?,
        };
        self.catalog.surveys.insert(id, entry);
        Ok(())
    }

    /// A folder on the twin's disk for what is in work, removed with the transaction, or
    /// when the next begins if this one is killed.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be made.
    pub fn scratch(&self) -> Result<PathBuf, Error> {
        let folder = self.dir.join(SCRATCH);
        fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        Ok(folder)
    }

    /// Starts staging the pyramid of a collection.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if there is no such collection, or the levels do not fit;
    /// [`Error::Io`].
    pub fn begin_pyramid(
        &mut self,
        id: &CollectionId,
        description: PyramidDescription,
    ) -> Result<PyramidWriter, Error> {
        if !self.catalog.collections.contains_key(id) {
            return Err(Error::Refused(format!("there is no collection {id}")));
        }
        let name = format!("{}-{}.pmtiles", self.next_stem(), description.tms);
        self.make_folder("collections", id)?;
        let path = self.dir.join("collections").join(id.as_str()).join(name);
        self.staged.push(path.clone());
        PyramidWriter::create(&path, ArchiveFormat::PmTiles, description)
    }

    /// Stages a pyramid whose tiles have been written, made of the given version of the
    /// collection. It takes the place of what there is in its tile matrix set. `imprints`
    /// are kept beside it for whoever makes the next.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the collection has changed since, or the pyramid has no tile;
    /// [`Error::Io`].
    pub fn put_pyramid(
        &mut self,
        id: &CollectionId,
        of_version: u64,
        writer: PyramidWriter,
        imprints: Option<&[u8]>,
    ) -> Result<PyramidSummary, Error> {
        let description = writer.description().clone();
        let path = writer.path().to_owned();
        let summary = writer.finish()?;
        // Edits made meanwhile are seen as those made later are.
        let open = self.before.collections.get(id);
        if open.map(|open| open.version) != Some(of_version) {
            return Err(Error::Refused(format!(
                "collection {id} has changed while its tiles were made: make them again"
            )));
        }
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("collections/{id}/{file}");
        let imprints = imprints
            .map(|bytes| self.write_small(format!("{name}.imprints"), bytes))
            .transpose()?;
        let Some(entry) = self.catalog.collections.get_mut(id) else {
            return Err(Error::Refused(format!("there is no collection {id}")));
        };
        let pyramid = PyramidEntry {
            tms: description.tms.clone(),
            levels: [*description.levels.start(), *description.levels.end()],
            zoom_shift: description.zoom_shift,
            tiles: summary.tiles,
            of_version,
            file: FileRef::of(&self.dir, name)?,
            imprints,
        };
        entry.pyramids.insert(description.tms, pyramid);
        Ok(summary)
    }

    /// Makes everything staged live at once, durably.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]. If the database could not commit, nothing has changed.
    pub fn commit(mut self) -> Result<(), Error> {
        let new: BTreeSet<_> = self.catalog.files().map(|file| file.name.clone()).collect();
        let folders: BTreeSet<_> = new
            .difference(&self.live)
            .filter_map(|name| self.dir.join(name).parent().map(Path::to_owned))
            .collect();
        for folder in &folders {
            files::sync_folder(folder)?;
            if let Some(above) = folder.parent() {
                files::sync_folder(above)?;
            }
        }
        let deliveries = std::mem::take(&mut self.deliveries);
        let writing = self.database.write()?;
        let number = writing.state()?.version() + 1;
        self.catalog.number(number);
        let mut next = number;
        if !deliveries.is_empty() {
            delivery::record(deliveries, &writing, number, &self.who)?;
            next += 1;
        }
        let purges = std::mem::take(&mut self.purges);
        let forgets = !purges.is_empty();
        for purge in purges {
            purge.record(&writing, next, &self.who)?;
            next += 1;
        }
        writing.put_catalog(&self.catalog)?;
        writing.commit()?;
        if forgets {
            // What was overwritten must not stay behind in what is written ahead.
            self.database.settle()?;
        }
        // From here on the new catalog is live, whatever else fails.
        let staged = std::mem::take(&mut self.staged);
        for name in self.live.difference(&new) {
            // One that stays is unreferenced and goes with the next change.
            let _ = fs::remove_file(self.dir.join(name));
        }
        let new: HashSet<_> = new.iter().map(|name| self.dir.join(name)).collect();
        for path in staged.iter().filter(|path| !new.contains(*path)) {
            let _ = fs::remove_file(path);
        }
        Ok(())
    }

    pub(crate) fn write_small(&mut self, name: String, bytes: &[u8]) -> Result<FileRef, Error> {
        let path = self.dir.join(&name);
        self.staged.push(path.clone());
        let write = || {
            let mut file = File::create_new(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(Error::io(&path))?;
        FileRef::of(&self.dir, name)
    }

    pub(crate) fn make_folder(&mut self, kind: &str, id: &CollectionId) -> Result<(), Error> {
        let folder = self.dir.join(kind).join(id.as_str());
        self.folders.push(folder.clone());
        fs::create_dir_all(&folder).map_err(Error::io(&folder))
    }

    /// The folder of surveys, made if it is not there.
    fn surveys(&mut self) -> Result<PathBuf, Error> {
        let folder = self.dir.join("surveys");
        self.folders.push(folder.clone());
        fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        Ok(folder)
    }

    /// The first part of names that no file has had: a generation is committed once, and
    /// what an abandoned one left is gone before the next begins.
    pub(crate) fn next_stem(&mut self) -> String {
        self.count += 1;
        format!("g{:08}-{}", self.catalog.generation, self.count)
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        for path in &self.staged {
            // One that stays is unreferenced and goes with the next change.
            let _ = fs::remove_file(path);
        }
        let _ = fs::remove_dir_all(self.dir.join(SCRATCH));
        for folder in &self.folders {
            // One with files in it stays.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Unlinks what a killed writer left: files with names that the store gives but that
/// the catalog does not have. Whatever else lies there stays.
fn sweep(dir: &Path, live: &BTreeSet<String>) -> Result<(), Error> {
    let scratch = dir.join(SCRATCH);
    if scratch.exists() {
        fs::remove_dir_all(&scratch).map_err(Error::io(&scratch))?;
    }
    for name in files_below(dir)? {
        let file = name.rsplit('/').next().unwrap_or_default();
        if is_name_of_ours(file) && !live.contains(&name) {
            files::remove_if_there(&dir.join(&name))?;
        }
    }
    Ok(())
}

/// Names of all files under `collections` and `surveys`, with `/` between their parts.
pub(crate) fn files_below(dir: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    let mut folders = vec!["collections".to_owned(), "surveys".to_owned()];
    while let Some(folder) = folders.pop() {
        let path = dir.join(&folder);
        if !path.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&path).map_err(Error::io(&path))? {
            let entry = entry.map_err(Error::io(&path))?;
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().map_err(Error::io(&path))?.is_dir() {
                folders.push(name);
            } else {
                names.push(name);
            }
        }
    }
    names.sort_unstable();
    Ok(names)
}
