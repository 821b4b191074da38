//! Changes: files are staged, then made live together by a new catalog.
//!
//! A commit goes through these steps; a loss of power after any of them leaves either
//! the old twin or the new, whole:
//!
//! 1. the lock is taken, and what a killed writer left is unlinked;
//! 2. files are written under names that no catalog has had, and made durable;
//! 3. their folders are made durable;
//! 4. the new catalog is written beside the old, made durable, and renamed over it;
//! 5. the twin's folder is made durable: the change is acknowledged;
//! 6. files that only the old catalog named are unlinked. Who has them mapped keeps them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use model::{
    Bounds, Collection, CollectionId, Column, ColumnKind, DataOrigin, Feature, GeometryKind,
    GridFrame, Schema, Survey, Value, VerticalDatum,
};

use crate::catalog::{
    Catalog, CollectionEntry, PyramidEntry, SegmentFiles, SurveyEntry, is_name_of_ours,
};
use crate::files::{self, FileRef};
use crate::heights::HeightKind;
use crate::segment::{self, Layer, Segment};
use crate::twin::open_segment;
use crate::{
    ArchiveFormat, Error, HeightsWriter, PointLayout, PyramidDescription, PyramidSummary,
    PyramidWriter, SurveyWriter,
};

/// Most segments of a collection. Each costs a search of its own, so that the next
/// delivery after this many is written together with all before it.
const SEGMENTS_MAX: usize = 8;

/// The folder of a twin in which its one writer works.
const SCRATCH: &str = "scratch";

/// Files staged but not live. Dropped without [`Transaction::commit`], it leaves nothing.
#[derive(Debug)]
pub struct Transaction {
    dir: PathBuf,
    /// What will be live after the commit.
    catalog: Catalog,
    /// Files of the catalog that is live.
    live: BTreeSet<String>,
    staged: Vec<PathBuf>,
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
}

impl Transaction {
    pub(crate) fn begin(dir: &Path) -> Result<Transaction, Error> {
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
        let mut catalog = Catalog::read(dir)?;
        let live: BTreeSet<_> = catalog.files().map(|file| file.name.clone()).collect();
        sweep(dir, &live)?;
        catalog.generation += 1;
        Ok(Transaction {
            dir: dir.to_owned(),
            catalog,
            live,
            staged: Vec::new(),
            folders: Vec::new(),
            count: 0,
            _lock: lock,
        })
    }

    /// Stages features. `report` is kept beside them, as JSON text.
    ///
    /// `feature_count`, `bounds` and `data_origin` of `collection` are computed here.
    /// Appended features may bring new columns, and turn whole numbers into numbers;
    /// where a feature lacks a column it is null. If nothing but the report, the title
    /// and the like differ from what is there, the version stays.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the mode or the schema does not fit what is there, two features
    /// have one id, or a feature exceeds a limit or does not fit the schema;
    /// [`Error::Corrupt`] if what is there is damaged; [`Error::Io`].
    pub fn put_features(
        &mut self,
        collection: Collection,
        features: Vec<Feature>,
        mode: PutMode,
        report: &str,
    ) -> Result<(), Error> {
        let id = collection.id.clone();
        if self.catalog.surveys.contains_key(&id) {
            return Err(Error::Refused(format!(
                "{id} is a survey: choose another name for the collection"
            )));
        }
        check_schema(&collection.schema)?;
        let before = self.catalog.collections.get(&id).cloned();
        let pyramids = before.as_ref().map(|before| before.pyramids.clone());
        let old_schema = before.as_ref().map(|before| before.meta.schema.clone());
        let mut entry = match (before, mode) {
            (Some(_), PutMode::Create) => {
                return Err(Error::Refused(format!(
                    "collection {id} exists: replace it, append to it, or choose another name"
                )));
            }
            (Some(before), PutMode::Append) => self.append(before, collection, features, report)?,
            (before, _) => {
                let entry = self.write_all(collection, features, report)?;
                match before {
                    Some(before) => keep_if_equal(before, entry),
                    None => entry,
                }
            }
        };
        // Those of an earlier version are not shown, but the next are made with their help.
        if old_schema.as_ref() == Some(&entry.meta.schema) {
            entry.pyramids = pyramids.unwrap_or_default();
        }
        self.catalog.collections.insert(id, entry);
        Ok(())
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
        let version = self.catalog.collections.get(id).map(|entry| entry.version);
        if version != Some(of_version) {
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
    /// [`Error::Io`]. If the catalog could not be replaced, nothing has changed.
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
        files::replace(&Catalog::path(&self.dir), &self.catalog.encode(), 0o644)?;
        // From here on the new catalog is live, whatever else fails.
        let staged = std::mem::take(&mut self.staged);
        files::sync_folder(&self.dir)?;
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

    /// Writes features as the only segment of a collection.
    fn write_all(
        &mut self,
        mut collection: Collection,
        features: Vec<Feature>,
        report: &str,
    ) -> Result<CollectionEntry, Error> {
        collection.feature_count = features.len() as u64;
        collection.data_origin = common_origin(&collection.schema, &features);
        let stem = self.next_stem();
        self.make_folder("collections", &collection.id)?;
        let written = self.write_segment(&collection.id, &stem, &collection.schema, features)?;
        let (segments, bounds) = match written {
            Some((files, bounds)) => (vec![files], bounds),
            None => (Vec::new(), None),
        };
        collection.bounds = bounds;
        let name = format!("collections/{}/{stem}-report.json", collection.id);
        Ok(CollectionEntry {
            report: self.write_small(name, report.as_bytes())?,
            version: self.catalog.generation,
            meta: collection,
            segments,
            pyramids: BTreeMap::new(),
        })
    }

    fn append(
        &mut self,
        before: CollectionEntry,
        mut collection: Collection,
        mut features: Vec<Feature>,
        report: &str,
    ) -> Result<CollectionEntry, Error> {
        let merged = merge_schemas(&before.meta.schema, &collection.schema)
            .map_err(|what| Error::Refused(format!("appending to {}: {what}", collection.id)))?;
        for feature in &mut features {
            widen(feature, &collection.schema, &merged)?;
        }
        collection.schema = merged;

        let open = before.segments.iter();
        let open: Result<Vec<Segment>, _> = open.map(|f| open_segment(&self.dir, f)).collect();
        let open = open?;
        let replaces = |feature: &Feature| open.iter().any(|s| s.find(feature.id).is_some());
        if features.iter().any(replaces) || open.len() >= SEGMENTS_MAX {
            let new: HashSet<_> = features.iter().map(|feature| feature.id.get()).collect();
            for segment in &open {
                let projection = segment.project(&collection.schema)?;
                for (id, position) in segment.by_id(None) {
                    if !new.contains(&id) {
                        features.push(segment.feature_at(position, &projection)?);
                    }
                }
            }
            return self.write_all(collection, features, report);
        }

        let old = &before.meta;
        let entry = self.write_all(collection, features, report)?;
        let had_none = old.feature_count == 0;
        let gets_none = entry.meta.feature_count == 0;
        let same = old.data_origin == entry.meta.data_origin;
        let bounds = [old.bounds, entry.meta.bounds];
        let unchanged = gets_none && old.schema == entry.meta.schema;
        Ok(CollectionEntry {
            meta: Collection {
                feature_count: old.feature_count + entry.meta.feature_count,
                bounds: bounds.into_iter().flatten().reduce(|a, b| a.union(&b)),
                data_origin: match (had_none, gets_none) {
                    (true, _) => entry.meta.data_origin,
                    (_, true) => old.data_origin,
                    _ => old.data_origin.filter(|_| same),
                },
                ..entry.meta
            },
            segments: [before.segments, entry.segments].concat(),
            pyramids: entry.pyramids,
            version: if unchanged {
                before.version
            } else {
                entry.version
            },
            report: entry.report,
        })
    }

    /// Writes a segment; none if there are no features.
    fn write_segment(
        &mut self,
        id: &CollectionId,
        stem: &str,
        schema: &Schema,
        features: Vec<Feature>,
    ) -> Result<Option<(SegmentFiles, Option<Bounds>)>, Error> {
        if features.is_empty() {
            return Ok(None);
        }
        let stem = self.dir.join(format!("collections/{id}/{stem}"));
        let layer = Layer {
            name: id.as_str(),
            schema,
            crs_code: &self.catalog.crs_code,
            is_durable: true,
        };
        let written = segment::write(&stem, &layer, features, &mut self.staged)?;
        let describe = |path: &Path| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            FileRef::of(&self.dir, format!("collections/{id}/{file}"))
        };
        let files = SegmentFiles {
            places: written.places.as_deref().map(describe).transpose()?,
            rows: written.rows.as_deref().map(describe).transpose()?,
            ids: describe(&written.ids)?,
        };
        Ok(Some((files, written.bounds)))
    }

    fn write_small(&mut self, name: String, bytes: &[u8]) -> Result<FileRef, Error> {
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

    fn make_folder(&mut self, kind: &str, id: &CollectionId) -> Result<(), Error> {
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
    fn next_stem(&mut self) -> String {
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

/// Keeps the files and the version of `before` where the content is the same.
fn keep_if_equal(before: CollectionEntry, entry: CollectionEntry) -> CollectionEntry {
    let contents = |entry: &CollectionEntry| -> Vec<_> {
        let files = entry.segments.iter().flat_map(SegmentFiles::files);
        files.map(|file| (file.len, file.checksum)).collect()
    };
    let same_schema = before.meta.schema == entry.meta.schema;
    if same_schema && contents(&before) == contents(&entry) {
        CollectionEntry {
            segments: before.segments,
            version: before.version,
            ..entry
        }
    } else {
        entry
    }
}

/// Unlinks what a killed writer left: files with names that the store gives but that
/// the catalog does not have. Whatever else lies there stays.
fn sweep(dir: &Path, live: &BTreeSet<String>) -> Result<(), Error> {
    files::remove_if_there(&files::next_name(&Catalog::path(dir)))?;
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

fn check_schema(schema: &Schema) -> Result<(), Error> {
    let mut names = HashSet::new();
    match schema.columns.iter().find(|c| !names.insert(&c.name)) {
        Some(column) => Err(Error::Refused(format!(
            "two columns are called {:?}",
            column.name
        ))),
        None => Ok(()),
    }
}

/// What all features say of their origin.
fn common_origin(schema: &Schema, features: &[Feature]) -> Option<DataOrigin> {
    let place = schema.position(DataOrigin::ATTRIBUTE)?;
    let origin = |feature: &Feature| {
        let word = feature.values.get(place).and_then(Value::as_text);
        word.and_then(DataOrigin::from_word)
    };
    let first = origin(features.first()?)?;
    let all_agree = features
        .iter()
        .all(|feature| origin(feature) == Some(first));
    all_agree.then_some(first)
}

/// The old columns, then those that are new.
fn merge_schemas(old: &Schema, new: &Schema) -> Result<Schema, String> {
    let mut columns = old.columns.clone();
    for column in &new.columns {
        match columns.iter_mut().find(|other| other.name == column.name) {
            None => columns.push(column.clone()),
            Some(other) => {
                other.kind = merge_kinds(other.kind, column.kind).ok_or_else(|| {
                    format!(
                        "column {:?} is {:?} there and {:?} in what is appended; \
                         replace the collection or rename the column",
                        column.name, other.kind, column.kind
                    )
                })?;
            }
        }
    }
    let geometry = match (old.geometry, new.geometry) {
        (a, b) if a == b => a,
        (GeometryKind::None, other) | (other, GeometryKind::None) => other,
        _ => GeometryKind::Mixed,
    };
    Ok(Schema { columns, geometry })
}

fn merge_kinds(old: ColumnKind, new: ColumnKind) -> Option<ColumnKind> {
    use ColumnKind::{Integer, Number};
    match (old, new) {
        (a, b) if a == b => Some(a),
        (Integer, Number) | (Number, Integer) => Some(Number),
        _ => None,
    }
}

/// Puts a feature's values in the order and kinds of `merged`.
fn widen(feature: &mut Feature, own: &Schema, merged: &Schema) -> Result<(), Error> {
    if feature.values.len() != own.columns.len() {
        return Err(Error::Refused(format!(
            "feature {}: it has {} values for {} columns",
            feature.id,
            feature.values.len(),
            own.columns.len()
        )));
    }
    let mut values = vec![Value::Null; merged.columns.len()];
    let given = std::mem::take(&mut feature.values);
    for (Column { name, .. }, value) in own.columns.iter().zip(given) {
        if let Some(place) = merged.position(name) {
            values[place] = match (value, merged.columns[place].kind) {
                (Value::Integer(n), ColumnKind::Number) => Value::Number(n as f64),
                (value, _) => value,
            };
        }
    }
    feature.values = values;
    Ok(())
}
