//! Whether every file is whole and every reference good.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use model::Bounds;

use crate::catalog::{Catalog, CollectionEntry, PyramidEntry, SegmentFiles, SurveyEntry};
use crate::database::{Database, State};
use crate::files::{FileRef, checksum};
use crate::heights::HeightMap;
use crate::open::open_segment;
use crate::pyramids::Archive;
use crate::transaction::files_below;
use crate::{Error, log, points};

/// What [`check`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Files whose length and checksum were verified.
    pub files: u64,
    /// Features and points that were read and whose references resolve.
    pub features: u64,
    /// Versions of features that were read.
    pub versions: u64,
    /// Tiles of pyramids that were inflated.
    pub tiles: u64,
    /// What is wrong, one sentence each, with its file.
    pub problems: Vec<String>,
    /// Files that nothing refers to; harmless.
    pub unreferenced: Vec<PathBuf>,
}

/// Most problems that are told of: a damaged file can have one for each feature.
const PROBLEMS_MAX: usize = 1000;

/// How often a twin is checked anew because it was changed meanwhile.
const TRIES_MAX: usize = 3;

/// Verifies every file by checksum and every reference.
///
/// Reads everything: the time grows with the size of the twin. It may be written
/// meanwhile; the files that the writer has staged are then unreferenced.
///
/// # Errors
///
/// [`Error::Twin`] if the folder holds no twin; [`Error::Io`] if it cannot be listed. What
/// is wrong with its files is in the report.
pub fn check(dir: &Path) -> Result<CheckReport, Error> {
    if !Database::path(dir).exists() {
        return Err(Error::Twin {
            path: dir.to_owned(),
            what: "holds no twin: make one with `tvilling init`".to_owned(),
        });
    }
    let mut tries = 0;
    loop {
        let before = state(dir);
        let report = check_once(dir)?;
        tries += 1;
        // Files that a commit has unlinked meanwhile are no problem of the twin.
        let replaced = state(dir) != before;
        if report.problems.is_empty() || !replaced || tries == TRIES_MAX {
            return Ok(report);
        }
    }
}

/// Which state is live; none if it cannot be told.
fn state(dir: &Path) -> Option<State> {
    Database::open(dir)
        .and_then(|database| database.state())
        .ok()
}

fn check_once(dir: &Path) -> Result<CheckReport, Error> {
    let mut checker = Checker {
        dir,
        report: CheckReport::default(),
        last_change: 0,
    };
    let catalog = match checker.database() {
        Ok(catalog) => catalog,
        Err(error) => {
            checker.problem(error.to_string());
            return Ok(checker.report);
        }
    };
    checker.report.files += 1;
    for entry in catalog.collections.values() {
        if let Err(error) = checker.collection(entry) {
            checker.problem(error.to_string());
        }
    }
    for entry in catalog.surveys.values() {
        checker.survey(entry);
    }
    checker.unreferenced(&catalog)?;
    Ok(checker.report)
}

struct Checker<'a> {
    dir: &'a Path,
    report: CheckReport,
    /// Number of the last change of features.
    last_change: u64,
}

impl Checker<'_> {
    fn problem(&mut self, sentence: String) {
        if self.report.problems.len() < PROBLEMS_MAX {
            self.report.problems.push(sentence);
        }
    }

    fn corrupt(&mut self, file: &FileRef, what: String) {
        let error = Error::corrupt(&file.path(self.dir), what);
        self.problem(error.to_string());
    }

    /// Verifies the database with every change and version in it.
    fn database(&mut self) -> Result<Catalog, Error> {
        let mut database = Database::open(self.dir)?;
        let path = Database::path(self.dir);
        for problem in database.integrity()? {
            self.problem(Error::corrupt(&path, problem).to_string());
        }
        let reading = database.read()?;
        let catalog = reading.catalog()?;
        let state = reading.state()?;
        if catalog.generation != state.generation {
            let what = "its catalog has another number than its row".to_owned();
            self.problem(Error::corrupt(&path, what).to_string());
        }
        let (versions, problems) = log::check(&reading)?;
        self.report.versions = versions;
        problems.into_iter().for_each(|what| self.problem(what));
        self.last_change = state.last_change;
        Ok(catalog)
    }

    /// Verifies length and checksum, and returns whether they are right.
    fn file(&mut self, file: &FileRef) -> bool {
        match file.map(self.dir) {
            Err(error) => {
                self.problem(error.to_string());
                false
            }
            Ok(map) if checksum(map.bytes()) != file.checksum => {
                self.corrupt(file, "its checksum does not match the catalog's".to_owned());
                false
            }
            Ok(_) => {
                self.report.files += 1;
                true
            }
        }
    }

    fn collection(&mut self, entry: &CollectionEntry) -> Result<(), Error> {
        self.file(&entry.report);
        for pyramid in entry.pyramids.values() {
            self.pyramid(pyramid, entry.version.max(self.last_change));
        }
        let mut ids = HashSet::new();
        let mut bounds: Option<Bounds> = None;
        for files in &entry.segments {
            // A damaged file is told of once: what it says is not worth more sentences.
            let mut whole = true;
            for file in files.files() {
                whole &= self.file(file);
            }
            if whole {
                let own = self.segment(files, entry, &mut ids)?;
                bounds = [bounds, own]
                    .into_iter()
                    .flatten()
                    .reduce(|a, b| a.union(&b));
            } else {
                return Ok(());
            }
        }
        let path = Database::path(self.dir);
        let count = ids.len() as u64;
        if count != entry.meta.feature_count {
            let what = format!(
                "collection {} has {count} features where the catalog says {}",
                entry.meta.id, entry.meta.feature_count
            );
            self.problem(Error::corrupt(&path, what).to_string());
        }
        if bounds != entry.meta.bounds {
            let what = format!(
                "collection {} has another box than the catalog says",
                entry.meta.id
            );
            self.problem(Error::corrupt(&path, what).to_string());
        }
        Ok(())
    }

    /// Reads every feature and compares both indexes with the features.
    fn segment(
        &mut self,
        files: &SegmentFiles,
        entry: &CollectionEntry,
        ids: &mut HashSet<u64>,
    ) -> Result<Option<Bounds>, Error> {
        let segment = open_segment(self.dir, files)?;
        let projection = segment.project(&entry.meta.schema)?;
        let mut count = 0;
        for in_rows in [false, true] {
            for position in segment.all(in_rows) {
                let position = position?;
                let feature = segment.feature_at(position, &projection)?;
                if segment.find(feature.id) != Some(position) {
                    self.corrupt(
                        &files.ids,
                        format!("does not lead to feature {}", feature.id),
                    );
                }
                if !ids.insert(feature.id.get()) {
                    let what = format!("feature {} is in the collection twice", feature.id);
                    self.corrupt(&files.ids, what);
                }
                count += 1;
            }
        }
        if count != segment.len() {
            let what = format!("knows {} features of {count}", segment.len());
            self.corrupt(&files.ids, what);
        }
        let mut problems = Vec::new();
        segment.check_boxes(&projection, &mut |problem| problems.push(problem))?;
        problems
            .into_iter()
            .for_each(|problem| self.problem(problem));
        self.report.features += count;
        Ok(segment.bounds())
    }

    fn pyramid(&mut self, entry: &PyramidEntry, version: u64) {
        if entry.of_version > version {
            let what = format!(
                "shows version {} of a collection that is of version {version}",
                entry.of_version
            );
            self.corrupt(&entry.file, what);
        }
        if let Some(imprints) = &entry.imprints {
            self.file(imprints);
        }
        if !self.file(&entry.file) {
            return;
        }
        let archive = entry.file.map(self.dir).and_then(Archive::open);
        let counted = archive.and_then(|archive| Ok((archive.check()?, archive.header().levels)));
        let levels = entry.levels.map(|z| z.saturating_add(entry.zoom_shift));
        match counted {
            Ok(found) if found == (entry.tiles, levels) => self.report.tiles += entry.tiles,
            Ok((tiles, [first, last])) => {
                let what = format!(
                    "has {tiles} tiles on levels {first} to {last} where the catalog says {} on {} to {}",
                    entry.tiles, levels[0], levels[1]
                );
                self.corrupt(&entry.file, what);
            }
            Err(error) => self.problem(error.to_string()),
        }
    }

    fn survey(&mut self, entry: &SurveyEntry) {
        self.file(&entry.report);
        if self.file(&entry.points) {
            match entry
                .points
                .map(self.dir)
                .and_then(|map| points::check(&map))
            {
                Ok(count) if count == entry.meta.point_count => self.report.features += count,
                Ok(count) => {
                    let said = entry.meta.point_count;
                    let what = format!("has {count} points where the catalog says {said}");
                    self.corrupt(&entry.points, what);
                }
                Err(error) => self.problem(error.to_string()),
            }
        }
        for (_, file) in entry.heights() {
            if self.file(file) {
                let opened = file.map(self.dir).and_then(HeightMap::open);
                if let Err(error) = opened.and_then(|heights| heights.check()) {
                    self.problem(error.to_string());
                }
            }
        }
    }

    fn unreferenced(&mut self, catalog: &Catalog) -> Result<(), Error> {
        let live: BTreeSet<_> = catalog.files().map(|file| file.name.as_str()).collect();
        let unknown = files_below(self.dir)?;
        let unknown = unknown.iter().filter(|name| !live.contains(name.as_str()));
        self.report.unreferenced = unknown.map(|name| self.dir.join(name)).collect();
        Ok(())
    }
}
