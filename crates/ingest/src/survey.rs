//! Surveys: LAS and LAZ files to batches of points in the twin's CRS.

use std::path::PathBuf;

use geodesy::Crs;
use model::{PointBatch, VerticalDatum};

use crate::error::Error;
use crate::report::Report;

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
