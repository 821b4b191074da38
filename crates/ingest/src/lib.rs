//! Survey files and department layers to batches of the model, with a report of
//! what was repaired or left out, and why.
//!
//! It knows nothing of the store.

use std::path::{Path, PathBuf};

use geodesy::Crs;
use model::{Feature, PointBatch, Schema, VerticalDatum};

/// What was read, repaired and left out. Bad data is counted, not an error.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Features or points read.
    pub read: u64,
    /// Features or points kept.
    pub kept: u64,
    /// One entry for each kind of thing that was repaired, left out or noticed.
    pub findings: Vec<Finding>,
}

/// What happened to a number of features or points, under a short code.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Short code, such as `self_intersection`.
    pub code: &'static str,
    /// What was done.
    pub outcome: Outcome,
    /// How many.
    pub count: u64,
    /// The first few, each as "id: reason".
    pub examples: Vec<String>,
}

/// What was done with what a [`Finding`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Kept after repair.
    Repaired,
    /// Left out.
    LeftOut,
    /// Kept as it is.
    Noticed,
}

/// How to read a layer.
#[derive(Debug, Clone)]
pub struct LayerOptions {
    /// The CRS to put it in: the twin's.
    pub target: Crs,
    /// The CRS of the file; over what the file says.
    pub crs: Option<Crs>,
    /// Which layer of a file that has several.
    pub layer: Option<String>,
    /// The attribute that identifies a feature.
    pub id_property: Option<String>,
}

/// A department layer, read and put in the twin's CRS.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Inferred over the whole file.
    pub schema: Schema,
    /// With ids unique in the layer.
    pub features: Vec<Feature>,
    /// What was repaired or left out.
    pub report: Report,
}

/// Why a source was refused: what, which file, where in it, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {what}", path = .path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, where in the file, and the remedy, as one sentence.
    pub what: String,
}

/// Reads a layer: GeoJSON, line-delimited GeoJSON, GeoPackage, Shapefile,
/// FlatGeobuf or CSV, told apart by content.
pub fn read_layer(_path: &Path, _options: &LayerOptions) -> Result<Layer, Error> {
    todo!()
}

/// What kind of source a file is, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// LAS, LAZ or COPC.
    Survey,
    /// Anything that [`read_layer`] reads.
    Layer,
}

/// Tells surveys from layers by the first bytes.
pub fn source_kind(_path: &Path) -> Result<SourceKind, Error> {
    todo!()
}

/// How to read a survey.
#[derive(Debug, Clone)]
pub struct SurveyOptions {
    /// The CRS to put it in: the twin's.
    pub target: Crs,
    /// The CRS of the files; over what they say.
    pub crs: Option<Crs>,
    /// What elevations are counted from; over what the files say.
    pub vertical: Option<VerticalDatum>,
    /// Side of a terrain cell, in metres.
    pub cell_size_m: f64,
}

/// What is known of a survey before its points are read.
#[derive(Debug, Clone, PartialEq)]
pub struct SurveyHeader {
    /// Points that the headers claim; a claim, not a fact.
    pub claimed_points: u64,
    /// What elevations are counted from.
    pub vertical: VerticalDatum,
    /// Whether points carry GPS time, RGB and near infrared.
    pub has_gps_time: bool,
    /// Whether points carry colour.
    pub has_rgb: bool,
    /// Whether points carry near infrared.
    pub has_nir: bool,
    /// Smallest x, y and z scale of the files, in metres.
    pub scale_m: [f64; 3],
}

/// What is known of a survey after its points are read.
#[derive(Debug, Clone, PartialEq)]
pub struct SurveySummary {
    /// Box around the points, in the twin's CRS.
    pub bounds: model::Bounds,
    /// Lowest and highest elevation.
    pub elevation_range_m: [f64; 2],
    /// First day of flight, where known.
    pub flown: Option<jiff::civil::Date>,
    /// Terrain and surface.
    pub heights: lidar::Heights,
    /// What was left out.
    pub report: Report,
}

/// An opened survey of one or more files.
#[derive(Debug)]
pub struct SurveyReader {}

impl SurveyReader {
    /// Opens the files and checks that they belong together.
    pub fn open(_paths: &[PathBuf], _options: &SurveyOptions) -> Result<SurveyReader, Error> {
        todo!()
    }

    /// What the headers say.
    pub fn header(&self) -> &SurveyHeader {
        todo!()
    }

    /// Reads all points, in file order, and gives them to `sink` in batches of at
    /// most a million, in the twin's CRS.
    pub fn read<E: From<Error>>(
        self,
        _sink: &mut dyn FnMut(&PointBatch) -> Result<(), E>,
    ) -> Result<SurveySummary, E> {
        todo!()
    }
}
