//! Surveys: LAS and LAZ files to batches of points in the twin's CRS.
//!
//! | module | does |
//! | --- | --- |
//! | `header` | reads a file's header, and holds its claims against the file |
//! | `crs` | tells what the coordinates mean |
//! | `chunks` | cuts the points into parts, and unpacks them |
//! | `records` | turns point records into columns |
//! | `threads` | decodes parts on all cores, while the last batch is consumed |
//!
//! Points that cannot be used are counted in the report; a file that cannot be trusted is
//! refused as a whole.

mod chunks;
mod crs;
mod header;
mod records;
mod threads;

use std::fs::File;
use std::path::{Path, PathBuf};

use geodesy::{Crs, Transform};
use jiff::civil::Date;
use lidar::HeightGrid;
use model::{Bounds, DataOrigin, PointBatch, PointFlags, VerticalDatum};

use crate::error::Error;
use crate::report::{Finding, Outcome, Report};

use chunks::{Chunks, Codec, Part};
use crs::Meaning;
use header::FileHeader;
use records::Columns;

/// Metres in a degree of latitude, near enough to tell how fine coordinates in degrees are.
const DEGREE_M: f64 = 111_320.0;

/// Findings keep this many examples.
const MAX_EXAMPLES: usize = 5;

/// Seconds from the Unix epoch to that of GPS, 1980-01-06.
const GPS_EPOCH_UNIX_S: i64 = 315_964_800;
/// What adjusted standard GPS time leaves out (ASPRS LAS 1.4 R15, global encoding).
const ADJUSTED_GPS_S: f64 = 1e9;
/// GPS time runs ahead of UTC by this many seconds since 2017.
const LEAP_SECONDS: i64 = 18;
/// No LiDAR flew before this year.
const FIRST_YEAR: i16 = 1990;
/// GPS times after this year are damage.
const LAST_YEAR: i16 = 2100;

/// How to read a survey.
#[derive(Debug, Clone)]
pub struct SurveyOptions {
    /// The CRS to put it in: the twin's.
    pub target: Crs,
    /// The CRS of the files; over what they say.
    pub crs: Option<Crs>,
    /// What elevations are counted from; over what the files say.
    pub vertical: Option<VerticalDatum>,
    /// Side of a terrain cell, in metres, finite and over zero; without one, as
    /// fine as the points allow ([`HeightGrid::fitting`]).
    pub cell_size_m: Option<f64>,
}

/// No scanner is finer than a tenth of a millimetre, and with finer steps 32 bits would
/// not reach across a municipality.
const FINEST_STEP_M: f64 = 1e-4;

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
    /// Smallest x, y and z scale of the files, in metres, but a tenth of a millimetre at least.
    pub scale_m: [f64; 3],
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
    /// Terrain and surface.
    pub heights: lidar::Heights,
    /// What was left out.
    pub report: Report,
}

/// An opened survey of one or more files.
#[derive(Debug)]
pub struct SurveyReader {
    files: Vec<SurveyFile>,
    header: SurveyHeader,
    columns: Columns,
    cell_size_m: Option<f64>,
    report: Report,
}

/// A file of a survey, checked but not read.
#[derive(Debug)]
struct SurveyFile {
    path: PathBuf,
    header: FileHeader,
    meaning: Meaning,
    to_target: Transform,
}

impl SurveyReader {
    /// Opens the files and checks that they belong together.
    ///
    /// # Errors
    ///
    /// [`Error`] names the file that is damaged, has no CRS, or differs from the others in
    /// CRS or vertical datum.
    pub fn open(paths: &[PathBuf], options: &SurveyOptions) -> Result<SurveyReader, Error> {
        let mut report = Report::default();
        let mut files: Vec<SurveyFile> = Vec::new();
        for (i, path) in paths.iter().enumerate() {
            if paths[..i].contains(path) {
                let what = "is named twice: name each file of a survey once".to_owned();
                return Err(refused(path, what));
            }
            let file = SurveyFile::open(path, options).map_err(|what| refused(path, what))?;
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
        let mut columns = Columns::of_format(first.header.format);
        for file in &files {
            columns = columns.or(Columns::of_format(file.header.format));
        }
        for file in &files {
            if Columns::of_format(file.header.format) != columns {
                note(
                    &mut report,
                    "attribute_missing",
                    Outcome::Noticed,
                    file.header.points,
                    || {
                        format!(
                            "{}: its points lack GPS time or colours that those of other files have; zeros stand for them",
                            name(&file.path)
                        )
                    },
                );
            }
        }
        let smallest = |axis: usize| {
            files
                .iter()
                .map(|file| file.scale_m()[axis])
                .fold(f64::INFINITY, f64::min)
                .max(FINEST_STEP_M)
        };
        let header = SurveyHeader {
            claimed_points: files
                .iter()
                .fold(0, |sum, file| sum.saturating_add(file.header.points)),
            vertical: first.meaning.vertical.clone(),
            has_gps_time: columns.gps_time,
            has_rgb: columns.rgb,
            has_nir: columns.nir,
            scale_m: [smallest(0), smallest(1), smallest(2)],
            data_origin: files
                .iter()
                .any(|file| file.header.says_synthetic)
                .then_some(DataOrigin::Synthetic),
        };
        Ok(SurveyReader {
            header,
            columns,
            cell_size_m: options.cell_size_m,
            report,
            files,
        })
    }

    /// What the headers say.
    pub fn header(&self) -> &SurveyHeader {
        &self.header
    }

    /// Reads all points, in file order, and gives them to `sink` in batches of at
    /// most a million, in the twin's CRS.
    ///
    /// While `sink` has a batch, the next is decoded. Batches do not depend on the number
    /// of threads, and none spans two files. Withheld points and noise are among them.
    ///
    /// # Errors
    ///
    /// [`Error`] if a file turns out to be damaged, if no point is left, or if the area is
    /// too large for its cells ([`lidar::TooManyCells`]); and whatever `sink` returns.
    pub fn read<E: From<Error>>(
        self,
        sink: &mut dyn FnMut(&PointBatch) -> Result<(), E>,
    ) -> Result<SurveySummary, E> {
        let mut tally = Tally::default();
        let mut report = self.report;
        let mut grid = self
            .cell_size_m
            .map_or_else(HeightGrid::fitting, HeightGrid::new);
        let mut flown: Option<Date> = None;
        for file in &self.files {
            let refused = |what: String| refused(&file.path, what);
            let mut of_file = Tally::default();
            let mut batches = Batches::open(file, self.columns).map_err(refused)?;
            let mut batch = batches.next().map_err(refused)?;
            while let Some((points, counts)) = batch {
                of_file.add(&counts);
                let (next, taken) = threads::overlap(
                    || batches.next(),
                    || {
                        grid.add(&points)
                            .map_err(|e| E::from(refused(e.to_string())))?;
                        if points.is_empty() {
                            Ok(())
                        } else {
                            sink(&points)
                        }
                    },
                );
                taken?;
                batch = next.map_err(refused)?;
            }
            of_file.report(&mut report, file);
            let day = file.flown(&of_file);
            flown = flown.into_iter().chain(day).min();
            tally.add(&of_file);
        }
        let path = self.files.first().map_or(Path::new(""), |file| &file.path);
        let nothing = || {
            refused(
                path,
                "there is not one point to read: check that it is the right file".to_owned(),
            )
        };
        let [west, south, low] = tally.min;
        let [east, north, high] = tally.max;
        let bounds = Bounds::new(west, south, east, north).map_err(|_| nothing())?;
        let heights = grid
            .finish()
            .map_err(|why| refused(path, why.to_string()))?;
        Ok(SurveySummary {
            bounds,
            elevation_range_m: [low, high],
            flown,
            heights,
            report,
        })
    }
}

impl SurveyFile {
    fn open(path: &Path, options: &SurveyOptions) -> Result<SurveyFile, String> {
        let mut file = File::open(path).map_err(|e| format!("cannot be opened: {e}"))?;
        let header = FileHeader::read(&mut file, path)?;
        let meaning = crs::meaning(&header, options)?;
        let to_target = Transform::new(&meaning.crs, &options.target).map_err(|e| e.to_string())?;
        Ok(SurveyFile {
            path: path.to_owned(),
            header,
            meaning,
            to_target,
        })
    }

    fn check_belongs_with(&self, first: &SurveyFile) -> Result<(), String> {
        let together = "one survey has one: ingest them as two, or say with";
        if self.meaning.crs.code() != first.meaning.crs.code() {
            return Err(format!(
                "is in {}, but {} is in {}; {together} --crs what both are",
                self.meaning.crs.name(),
                first.path.display(),
                first.meaning.crs.name()
            ));
        }
        if self.meaning.vertical != first.meaning.vertical {
            return Err(format!(
                "has elevations in {}, but {} in {}; {together} --vertical what both are",
                datum_name(&self.meaning.vertical),
                first.path.display(),
                datum_name(&first.meaning.vertical)
            ));
        }
        Ok(())
    }

    /// Steps of x, y and z in metres.
    fn scale_m(&self) -> [f64; 3] {
        let unit_m = self.meaning.crs.unit_m().unwrap_or(DEGREE_M);
        let [x, y, z] = self.header.scale.map(f64::abs);
        [x * unit_m, y * unit_m, z * self.meaning.z_unit_m]
    }

    /// First day of the flight, by the points; else the day on which the file was made.
    fn flown(&self, tally: &Tally) -> Option<Date> {
        let known = |date: &Date| (FIRST_YEAR..=LAST_YEAR).contains(&date.year());
        let by_points = || {
            let gps_s = tally
                .first_gps_time_s
                .filter(|_| self.header.gps_time_is_adjusted_standard)?;
            let unix_s = (gps_s + ADJUSTED_GPS_S) as i64;
            let unix_s = unix_s.checked_add(GPS_EPOCH_UNIX_S - LEAP_SECONDS)?;
            let moment = jiff::Timestamp::from_second(unix_s).ok()?;
            Some(moment.to_zoned(jiff::tz::TimeZone::UTC).date()).filter(known)
        };
        let by_header = || {
            let (year, day) = self.header.created;
            let new_year = Date::new(i16::try_from(year).ok()?, 1, 1).ok()?;
            let days = i64::from(day.checked_sub(1)?);
            let date = new_year.checked_add(jiff::Span::new().days(days)).ok()?;
            Some(date).filter(|date| known(date) && date.year() == new_year.year())
        };
        by_points().or_else(by_header)
    }
}

/// The points of one file, batch by batch.
struct Batches<'a> {
    file: &'a SurveyFile,
    columns: Columns,
    chunks: Chunks,
}

impl<'a> Batches<'a> {
    fn open(file: &'a SurveyFile, columns: Columns) -> Result<Batches<'a>, String> {
        let source = File::open(&file.path).map_err(|e| format!("cannot be opened: {e}"))?;
        Ok(Batches {
            file,
            columns,
            chunks: Chunks::open(source, &file.header)?,
        })
    }

    /// Returns the next points in the target CRS, and what was found in them; none at the end.
    fn next(&mut self) -> Result<Option<(PointBatch, Tally)>, String> {
        let Some(parts) = self.chunks.next_batch()? else {
            return Ok(None);
        };
        let codec = self.chunks.codec();
        let (file, columns) = (self.file, self.columns);
        let decoded = threads::map_in_order(parts, |part| decode(&part, codec, file, columns));
        let mut decoded = decoded.into_iter();
        let Some(first) = decoded.next() else {
            return Ok(None);
        };
        let (mut batch, mut tally) = first?;
        for part in decoded {
            let (mut points, counts) = part?;
            records::join(&mut batch, &mut points);
            tally.add(&counts);
        }
        Ok(Some((batch, tally)))
    }
}

/// Returns the points of a part in the target CRS, and what was found in them.
fn decode(
    part: &Part,
    codec: Option<&Codec>,
    file: &SurveyFile,
    columns: Columns,
) -> Result<(PointBatch, Tally), String> {
    let header = &file.header;
    let mut batch = records::with_room(part.points as usize, columns);
    part.for_records(codec, usize::from(header.record_len), |records| {
        records::append(&mut batch, records, header, columns);
    })?;
    let mut tally = Tally {
        read: part.points,
        ..Tally::default()
    };
    tally.look_at(&mut batch, header);
    let keep = transform(&mut batch, file);
    if let Some(keep) = keep {
        tally.out_of_domain = keep.iter().filter(|kept| !**kept).count() as u64;
        records::retain(&mut batch, &keep);
    }
    tally.kept = batch.len() as u64;
    for i in 0..batch.len() {
        for (axis, value) in [batch.x[i], batch.y[i], batch.z[i]].into_iter().enumerate() {
            tally.min[axis] = tally.min[axis].min(value);
            tally.max[axis] = tally.max[axis].max(value);
        }
    }
    Ok((batch, tally))
}

/// Puts a batch in the target CRS, and elevations in metres. Returns which points have a
/// place there, unless all have.
///
/// Where nothing is to be changed, nothing is, to the bit.
fn transform(batch: &mut PointBatch, file: &SurveyFile) -> Option<Vec<bool>> {
    if file.meaning.z_unit_m != 1.0 {
        for z in &mut batch.z {
            *z *= file.meaning.z_unit_m;
        }
    }
    if file.to_target.is_identity() {
        return None;
    }
    let mut points: Vec<[f64; 2]> = std::iter::zip(&batch.x, &batch.y)
        .map(|(&x, &y)| [x, y])
        .collect();
    let mut keep = None;
    if file.to_target.xy_in_place(&mut points).is_err() {
        // Some have no place there: find out which.
        let mut kept = vec![true; batch.len()];
        for i in 0..batch.len() {
            match file.to_target.xy([batch.x[i], batch.y[i]]) {
                Ok(point) => points[i] = point,
                Err(_) => kept[i] = false,
            }
        }
        keep = Some(kept);
    }
    for (i, [x, y]) in points.into_iter().enumerate() {
        batch.x[i] = x;
        batch.y[i] = y;
    }
    keep
}

/// What was found in points.
#[derive(Debug, Clone)]
struct Tally {
    read: u64,
    kept: u64,
    withheld: u64,
    noise: u64,
    outside_header_bounds: u64,
    out_of_domain: u64,
    gps_time_not_finite: u64,
    first_gps_time_s: Option<f64>,
    min: [f64; 3],
    max: [f64; 3],
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            read: 0,
            kept: 0,
            withheld: 0,
            noise: 0,
            outside_header_bounds: 0,
            out_of_domain: 0,
            gps_time_not_finite: 0,
            first_gps_time_s: None,
            min: [f64::INFINITY; 3],
            max: [f64::NEG_INFINITY; 3],
        }
    }
}

impl Tally {
    /// Counts what is odd in points as the file has them, and mends GPS times that are no numbers.
    fn look_at(&mut self, batch: &mut PointBatch, header: &FileHeader) {
        // Writers round the bounds in their own ways: one step of the scale is no error.
        let inside = |value: f64, axis: usize| {
            let step = header.scale[axis].abs();
            value >= header.min[axis] - step && value <= header.max[axis] + step
        };
        for i in 0..batch.len() {
            self.withheld += u64::from(batch.flags[i] & PointFlags::WITHHELD != 0);
            self.noise += u64::from(matches!(batch.classification[i], 7 | 18));
            let inside = inside(batch.x[i], 0) && inside(batch.y[i], 1) && inside(batch.z[i], 2);
            self.outside_header_bounds += u64::from(!inside);
        }
        for time in &mut batch.gps_time_s {
            if !time.is_finite() {
                *time = 0.0;
                self.gps_time_not_finite += 1;
            } else if *time != 0.0 {
                let first = self
                    .first_gps_time_s
                    .map_or(*time, |first| first.min(*time));
                self.first_gps_time_s = Some(first);
            }
        }
    }

    fn add(&mut self, other: &Tally) {
        self.read += other.read;
        self.kept += other.kept;
        self.withheld += other.withheld;
        self.noise += other.noise;
        self.outside_header_bounds += other.outside_header_bounds;
        self.out_of_domain += other.out_of_domain;
        self.gps_time_not_finite += other.gps_time_not_finite;
        self.first_gps_time_s = match (self.first_gps_time_s, other.first_gps_time_s) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        for axis in 0..3 {
            self.min[axis] = self.min[axis].min(other.min[axis]);
            self.max[axis] = self.max[axis].max(other.max[axis]);
        }
    }

    /// Adds what was found in `file` to the report.
    fn report(&self, report: &mut Report, file: &SurveyFile) {
        report.read += self.read;
        report.kept += self.kept;
        let name = name(&file.path);
        let mut finding = |code, outcome, count: u64, what: &str| {
            note(report, code, outcome, count, || {
                format!("{name}: {count} points {what}")
            });
        };
        finding(
            "withheld",
            Outcome::Noticed,
            self.withheld,
            "are withheld, and do not count for terrain and surface",
        );
        finding(
            "noise",
            Outcome::Noticed,
            self.noise,
            "are classified as noise, and do not count for terrain and surface",
        );
        finding(
            "outside_header_bounds",
            Outcome::Noticed,
            self.outside_header_bounds,
            "lie outside the bounds that the header gives",
        );
        finding(
            "out_of_domain",
            Outcome::LeftOut,
            self.out_of_domain,
            "have no place in the twin's CRS",
        );
        finding(
            "gps_time_not_finite",
            Outcome::Repaired,
            self.gps_time_not_finite,
            "have a GPS time that is no number; zero stands for it",
        );
    }
}

/// Adds to the finding with this code, unless there is nothing to add.
fn note(
    report: &mut Report,
    code: &'static str,
    outcome: Outcome,
    count: u64,
    example: impl FnOnce() -> String,
) {
    if count == 0 {
        return;
    }
    let known = report
        .findings
        .iter()
        .position(|finding| finding.code == code);
    let at = known.unwrap_or_else(|| {
        report.findings.push(Finding {
            code,
            outcome,
            count: 0,
            examples: Vec::new(),
        });
        report.findings.len() - 1
    });
    let finding = &mut report.findings[at];
    finding.count += count;
    if finding.examples.len() < MAX_EXAMPLES {
        finding.examples.push(example());
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

fn datum_name(vertical: &VerticalDatum) -> &str {
    match vertical {
        VerticalDatum::Known { name, .. } => name,
        VerticalDatum::Unknown => "an unknown datum",
    }
}
