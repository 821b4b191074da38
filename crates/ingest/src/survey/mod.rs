//! Surveys: LAS and LAZ files to points by place in the twin's CRS, out of core.
//!
//! [`SurveyReader`] opens files and puts their points into squares on disk; [`SurveyBlocks`]
//! gives them back block by block, or as the nodes of an octree.
//!
//! | module | does |
//! | --- | --- |
//! | `file`, `header`, `crs` | open a file, hold its claims against it, tell what its coordinates mean |
//! | `vertical` | heights above the ellipsoid to elevations |
//! | `chunks`, `codec`, `records` | cut its points into parts, unpack them, turn them into columns |
//! | `decode`, `tally` | put them in the twin's CRS, and count what is odd |
//! | `agree`, `extra` | what points are kept as where files differ; extra bytes |
//! | `partition` | drives all of that, and fills squares |
//! | `squares`, `packed`, `scratch` | points by place in a temporary file |
//! | `plan`, `blocks` | cut the plan into blocks, and read them back |
//! | `octree` | drives blocks to the nodes of an octree |
//! | `threads` | who works on what at once |
//!
//! Points that cannot be used are counted in the report; a file that cannot be trusted is
//! refused as a whole.

mod agree;
mod blocks;
mod chunks;
mod classes;
mod codec;
mod crs;
mod decode;
mod extra;
mod file;
mod header;
mod octree;
mod packed;
mod partition;
mod plan;
mod records;
mod scratch;
mod squares;
mod tally;
mod threads;
mod vertical;

use std::path::{Path, PathBuf};

use geodesy::Crs;
use model::{DataOrigin, ExtraBytes, VerticalDatum};

use crate::error::Error;
use crate::report::{Outcome, Report};

use file::SurveyFile;
use records::Columns;
use tally::note;
use vertical::GeoidOnDemand;

pub use blocks::{Block, SurveyBlocks};
pub use octree::OctreeSummary;
pub use partition::DEFAULT_MEMORY_BYTES;
pub use vertical::VerticalSource;

/// How to read a survey.
#[derive(Debug, Clone)]
pub struct SurveyOptions {
    /// The CRS to put it in: the twin's.
    pub target: Crs,
    /// The CRS of the files; over what they say.
    pub crs: Option<Crs>,
    /// What elevations are counted from; over what the files say.
    pub vertical: Option<VerticalSource>,
    /// The geoid grid for heights above the ellipsoid; without one, what PROJ's folders have.
    /// It is read only if a file has such heights.
    pub geoid: Option<PathBuf>,
}

/// What is known of a survey before its points are read.
#[derive(Debug, Clone, PartialEq)]
pub struct SurveyHeader {
    /// Points that the headers claim; a claim, not a fact.
    pub claimed_points: u64,
    /// What elevations are counted from, once they are in the twin.
    pub vertical: VerticalDatum,
    /// Name of the geoid grid, if the files have heights above the ellipsoid.
    pub geoid: Option<String>,
    /// Whether points carry GPS time, RGB and near infrared.
    pub has_gps_time: bool,
    /// Whether their GPS time is adjusted standard time, which knows the day, and not seconds
    /// of some week.
    pub gps_time_is_adjusted_standard: bool,
    /// Whether points carry colour.
    pub has_rgb: bool,
    /// Whether points carry near infrared.
    pub has_nir: bool,
    /// Steps of x, y and z in which points are kept, in metres: those of the files if all have
    /// the same and are in the twin's CRS; else their smallest, but a tenth of a millimetre at
    /// least.
    pub scale_m: [f64; 3],
    /// What is added to whole steps of x, y and z: the files' own, with their scale; else whole
    /// kilometres near the middle of the survey, and 0 for z.
    pub offset_m: [f64; 3],
    /// What follows the standard attributes of each point: that of the files if all have the
    /// same, else nothing.
    pub extra: ExtraBytes,
    /// Made up, if any of the files says so of itself; else not known.
    pub data_origin: Option<DataOrigin>,
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
    /// What was left out.
    pub report: Report,
}

/// An opened survey of one or more files.
#[derive(Debug)]
pub struct SurveyReader {
    files: Vec<SurveyFile>,
    header: SurveyHeader,
    columns: Columns,
    report: Report,
}

impl SurveyReader {
    /// Opens the files and checks that they belong together.
    ///
    /// # Errors
    ///
    /// [`Error`] names the file that is damaged, has no CRS, or differs from the others in
    /// CRS, vertical datum or the kind of its GPS time.
    pub fn open(paths: &[PathBuf], options: &SurveyOptions) -> Result<SurveyReader, Error> {
        let mut report = Report::default();
        let mut files: Vec<SurveyFile> = Vec::new();
        let mut geoid = GeoidOnDemand::new(options.geoid.as_deref());
        for (i, path) in paths.iter().enumerate() {
            if paths[..i].contains(path) {
                let what = "is named twice: name each file of a survey once".to_owned();
                return Err(refused(path, what));
            }
            let file =
                SurveyFile::open(path, options, &mut geoid).map_err(|what| refused(path, what))?;
            if let Some(first) = files.first() {
                file.check_belongs_with(first)
                    .map_err(|what| refused(path, what))?;
            }
            for (code, what) in file.header.oddities.iter().chain(&file.meaning.notes) {
                note(&mut report, code, Outcome::Noticed, 1, || {
                    format!("{}: {what}", name(path))
                });
            }
            files.push(file);
        }
        let Some(first) = files.first() else {
            return Err(refused(Path::new(""), "no files were named".to_owned()));
        };
        let extra = agree::extra(&files, &mut report);
        let columns = Columns {
            extra: extra.len,
            ..agree::columns(&files, &mut report)
        };
        agree::report_waveforms(&files, &mut report);
        let gps_time_is_adjusted_standard = agree::gps_time(&files)?;
        let [scale_m, offset_m] = agree::steps(&files);
        let header = SurveyHeader {
            claimed_points: files
                .iter()
                .fold(0, |sum, file| sum.saturating_add(file.header.points)),
            vertical: first.datum(),
            geoid: first.shift.as_ref().map(|shift| shift.grid().to_owned()),
            has_gps_time: columns.gps_time,
            gps_time_is_adjusted_standard,
            has_rgb: columns.rgb,
            has_nir: columns.nir,
            scale_m,
            offset_m,
            extra,
            data_origin: files
                .iter()
                .any(|file| file.header.says_synthetic)
                .then_some(DataOrigin::Synthetic),
        };
        Ok(SurveyReader {
            header,
            columns,
            report,
            files,
        })
    }

    /// What the headers say.
    pub fn header(&self) -> &SurveyHeader {
        &self.header
    }
}

fn refused(path: &Path, what: String) -> Error {
    Error {
        path: path.to_owned(),
        what,
    }
}

fn name(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
