//! The twin on disk: immutable segments, surveys, a catalog, snapshots and views.
//!
//! Writers stage files in a [`Transaction`] and commit them by replacing the catalog.
//! Readers hold a [`Snapshot`], and read it only through a [`View`], which shows what
//! the caller may see. It knows nothing of formats that it did not choose itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Access, Bounds, Collection, Feature, FeatureId, Grid, PointBatch, Survey};

/// What is wrong with a twin, and in which file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading or writing a file failed.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    /// A file of the twin is not what it should be.
    #[error("{path}: {what}", path = .path.display())]
    Corrupt { path: PathBuf, what: String },
    /// The folder holds no twin, or already holds one.
    #[error("{path}: {what}", path = .path.display())]
    Twin { path: PathBuf, what: String },
    /// The request makes no sense for this twin.
    #[error("{0}")]
    Refused(String),
}

/// A twin's folder.
#[derive(Debug)]
pub struct Twin {}

impl Twin {
    /// Makes an empty twin whose coordinates are in the CRS called `crs_code`.
    pub fn create(_dir: &Path, _name: &str, _crs_code: &str) -> Result<Twin, Error> {
        todo!()
    }

    /// Opens a twin.
    pub fn open(_dir: &Path) -> Result<Twin, Error> {
        todo!()
    }

    /// The code of the CRS that all coordinates are in.
    pub fn crs_code(&self) -> &str {
        todo!()
    }

    /// Returns what is live now; the same snapshot while the catalog has not changed.
    pub fn snapshot(&self) -> Result<Arc<Snapshot>, Error> {
        todo!()
    }

    /// Begins a change. There is one writer at a time; a second is refused.
    pub fn begin(&self) -> Result<Transaction, Error> {
        todo!()
    }
}

/// Files staged but not live. Dropped without [`Transaction::commit`], it leaves nothing.
#[derive(Debug)]
pub struct Transaction {}

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
    /// Stages features. `report` is kept beside them, as JSON text.
    ///
    /// `feature_count`, `bounds` and `data_origin` of `collection` are computed here.
    pub fn put_features(
        &mut self,
        _collection: Collection,
        _features: Vec<Feature>,
        _mode: PutMode,
        _report: &str,
    ) -> Result<(), Error> {
        todo!()
    }

    /// Starts staging a survey's points.
    pub fn begin_survey(&mut self, _layout: PointLayout) -> Result<SurveyWriter, Error> {
        todo!()
    }

    /// Stages a survey whose points have been written.
    pub fn put_survey(
        &mut self,
        _survey: Survey,
        _points: SurveyWriter,
        _terrain: &Grid,
        _surface: &Grid,
        _mode: PutMode,
        _report: &str,
    ) -> Result<(), Error> {
        todo!()
    }

    /// Makes everything staged live at once, durably.
    pub fn commit(self) -> Result<(), Error> {
        todo!()
    }
}

/// Which columns the points of a survey have, and how finely they are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct PointLayout {
    /// WKT of the CRS.
    pub crs_wkt: String,
    /// Steps in which coordinates are kept, in metres.
    pub scale_m: [f64; 3],
    /// Whether there is colour.
    pub has_rgb: bool,
    /// Whether there is near infrared.
    pub has_nir: bool,
}

/// Points on their way to disk.
#[derive(Debug)]
pub struct SurveyWriter {}

impl SurveyWriter {
    /// Writes a batch.
    pub fn write(&mut self, _batch: &PointBatch) -> Result<(), Error> {
        todo!()
    }
}

/// What was live at one moment. Only a [`View`] of it can be read.
#[derive(Debug)]
pub struct Snapshot {}

impl Snapshot {
    /// Which state of the twin this is; grows with every commit.
    pub fn version(&self) -> u64 {
        todo!()
    }

    /// Returns what a caller with this access sees.
    pub fn view(self: &Arc<Self>, _access: Access) -> View {
        todo!()
    }
}

/// A snapshot as a caller may see it: the only way to read a twin.
#[derive(Debug, Clone)]
pub struct View {}

impl View {
    /// Which state of the twin this is.
    pub fn version(&self) -> u64 {
        todo!()
    }

    /// The access that it was made for; caches are keyed by it.
    pub fn access(&self) -> &Access {
        todo!()
    }

    /// The code of the CRS that all coordinates are in.
    pub fn crs_code(&self) -> &str {
        todo!()
    }

    /// Visible collections, by id.
    pub fn collections(&self) -> Vec<CollectionView> {
        todo!()
    }

    /// A visible collection.
    pub fn collection(&self, _id: &str) -> Option<CollectionView> {
        todo!()
    }

    /// Visible surveys, by id.
    pub fn surveys(&self) -> Vec<SurveyView> {
        todo!()
    }

    /// A visible survey.
    pub fn survey(&self, _id: &str) -> Option<SurveyView> {
        todo!()
    }
}

/// A visible collection of features.
#[derive(Debug, Clone)]
pub struct CollectionView {}

impl CollectionView {
    /// What it is.
    pub fn meta(&self) -> &Collection {
        todo!()
    }

    /// Changes when, and only when, the collection's content does.
    pub fn version(&self) -> u64 {
        todo!()
    }

    /// Features whose boxes touch `bounds`, in the order of the file.
    pub fn within(
        &self,
        _bounds: &Bounds,
    ) -> Result<impl Iterator<Item = Result<Feature, Error>> + '_, Error> {
        Ok(std::iter::empty())
    }

    /// All features in the order of the file, those without geometry last.
    pub fn all(&self) -> Result<impl Iterator<Item = Result<Feature, Error>> + '_, Error> {
        Ok(std::iter::empty())
    }

    /// The feature with this id.
    pub fn get(&self, _id: FeatureId) -> Result<Option<Feature>, Error> {
        todo!()
    }

    /// Up to `limit` features with ids over `after`, by id, that touch `bounds` if given.
    pub fn page(
        &self,
        _bounds: Option<&Bounds>,
        _after: Option<FeatureId>,
        _limit: usize,
    ) -> Result<Page, Error> {
        todo!()
    }
}

/// Part of a collection, by id.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Up to the limit.
    pub features: Vec<Feature>,
    /// Features that match in all, on every page.
    pub matched: u64,
    /// Whether more follow.
    pub more: bool,
}

/// A visible survey.
#[derive(Debug, Clone)]
pub struct SurveyView {}

/// Which heights of a survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeightKind {
    /// Bare ground.
    Terrain,
    /// Highest returns.
    Surface,
}

impl SurveyView {
    /// What it is.
    pub fn meta(&self) -> &Survey {
        todo!()
    }

    /// Changes when, and only when, the survey's content does.
    pub fn version(&self) -> u64 {
        todo!()
    }

    /// Elevation at a point, bilinear; none beyond the survey.
    pub fn elevation(&self, _kind: HeightKind, _point: [f64; 2]) -> Result<Option<f32>, Error> {
        todo!()
    }

    /// The cells that cover `bounds`, from the coarsest overview whose cells are not
    /// larger than `cell_size_m`, or the finest there is. Cells beyond the survey are NaN.
    pub fn window(
        &self,
        _kind: HeightKind,
        _bounds: &Bounds,
        _cell_size_m: f64,
    ) -> Result<Grid, Error> {
        todo!()
    }
}

/// What [`check`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Files whose length and checksum were verified.
    pub files: u64,
    /// Features and points that were read and whose references resolve.
    pub features: u64,
    /// What is wrong, one sentence each, with its file.
    pub problems: Vec<String>,
    /// Files that nothing refers to; harmless.
    pub unreferenced: Vec<PathBuf>,
}

/// Verifies every file by checksum and every reference.
pub fn check(_dir: &Path) -> Result<CheckReport, Error> {
    todo!()
}
