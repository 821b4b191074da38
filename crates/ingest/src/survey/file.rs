//! One file of a survey: opened, checked, and understood, but not read.

use std::fs::File;
use std::path::{Path, PathBuf};

use geodesy::Transform;
use jiff::civil::Date;
use model::VerticalDatum;

use super::SurveyOptions;
use super::crs::{self, Meaning};
use super::header::FileHeader;
use super::tally::Tally;
use super::vertical::{GeoidOnDemand, GeoidShift, VerticalSource};

/// Metres in a degree of latitude, near enough to tell how fine coordinates in degrees are.
const DEGREE_M: f64 = 111_320.0;

/// Elevations that come through the geoid are kept in steps of a millimetre at the coarsest:
/// rounding to coarser ones a second time would cost what the geoid model is good for.
const GEOID_STEP_M: f64 = 0.001;

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

/// A file of a survey, checked but not read.
#[derive(Debug)]
pub(super) struct SurveyFile {
    pub(super) path: PathBuf,
    pub(super) header: FileHeader,
    pub(super) meaning: Meaning,
    pub(super) to_target: Transform,
    /// Where z is a height above the ellipsoid.
    pub(super) shift: Option<GeoidShift>,
}

impl SurveyFile {
    pub(super) fn open(
        path: &Path,
        options: &SurveyOptions,
        geoid: &mut GeoidOnDemand,
    ) -> Result<SurveyFile, String> {
        let mut file = File::open(path).map_err(|e| format!("cannot be opened: {e}"))?;
        let header = FileHeader::read(&mut file, path)?;
        let mut meaning = crs::meaning(&header, options)?;
        let shift = match meaning.vertical {
            VerticalSource::Ellipsoid => Some(GeoidShift::new(&meaning.crs, geoid)?),
            VerticalSource::Datum(_) => None,
        };
        if let Some(shift) = &shift {
            meaning.notes.push((
                "ellipsoidal_heights",
                format!(
                    "heights above the ellipsoid were made elevations in {} by the geoid grid {}",
                    VerticalSource::Datum(shift.datum()).name(),
                    shift.grid()
                ),
            ));
        }
        let to_target = Transform::new(&meaning.crs, &options.target).map_err(|e| e.to_string())?;
        Ok(SurveyFile {
            path: path.to_owned(),
            header,
            meaning,
            to_target,
            shift,
        })
    }

    pub(super) fn check_belongs_with(&self, first: &SurveyFile) -> Result<(), String> {
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
                self.meaning.vertical.name(),
                first.path.display(),
                first.meaning.vertical.name()
            ));
        }
        Ok(())
    }

    /// What elevations are counted from, once they are in the twin.
    pub(super) fn datum(&self) -> VerticalDatum {
        match (&self.shift, &self.meaning.vertical) {
            (Some(shift), _) => shift.datum(),
            (None, VerticalSource::Datum(datum)) => datum.clone(),
            (None, VerticalSource::Ellipsoid) => VerticalDatum::Unknown,
        }
    }

    /// Steps of x, y and z in metres.
    pub(super) fn scale_m(&self) -> [f64; 3] {
        let unit_m = self.meaning.crs.unit_m().unwrap_or(DEGREE_M);
        let [x, y, z] = self.header.scale.map(f64::abs);
        let z_m = z * self.meaning.z_unit_m;
        let coarsest = self.shift.as_ref().map_or(f64::INFINITY, |_| GEOID_STEP_M);
        [x * unit_m, y * unit_m, z_m.min(coarsest)]
    }

    /// First day of the flight, by the points; else the day on which the file was made.
    pub(super) fn flown(&self, tally: &Tally) -> Option<Date> {
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
