//! What the points of several files are kept as, where the files differ.

use model::ExtraBytes;

use super::file::SurveyFile;
use super::records::Columns;
use super::tally::note;
use super::{name, refused};
use crate::error::Error;
use crate::report::{Outcome, Report};

/// No scanner is finer than a tenth of a millimetre, and with finer steps 32 bits would
/// not reach across a municipality.
const FINEST_STEP_M: f64 = 1e-4;

/// Offsets of more steps than this leave too few of the 53 bits of a coordinate for it to find
/// its way back to its step.
const MAX_OFFSET_STEPS: f64 = (1_u64 << 50) as f64;

/// Offsets that are ours are whole multiples of this, in metres.
const OFFSET_STEP_M: f64 = 1000.0;

/// Returns which columns any of the files has, and reports who lacks some of them.
pub(super) fn columns(files: &[SurveyFile], report: &mut Report) -> Columns {
    let of = |file: &SurveyFile| Columns::of_format(file.header.format);
    let mut columns = Columns::default();
    for file in files {
        columns = columns.or(of(file));
    }
    for file in files.iter().filter(|file| of(file) != columns) {
        note(
            report,
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
    columns
}

/// Returns whether GPS time is adjusted standard time. Files whose points have none do not
/// count.
///
/// # Errors
///
/// [`Error`] names a file that has the one and a file that has the other: seconds of a week
/// cannot be told from adjusted seconds afterwards, and a header speaks for all points.
pub(super) fn gps_time(files: &[SurveyFile]) -> Result<bool, Error> {
    let timed = |file: &&SurveyFile| Columns::of_format(file.header.format).gps_time;
    let mut timed = files.iter().filter(timed);
    let Some(first) = timed.next() else {
        return Ok(false);
    };
    let adjusted = first.header.gps_time_is_adjusted_standard;
    match timed.find(|file| file.header.gps_time_is_adjusted_standard != adjusted) {
        None => Ok(adjusted),
        Some(other) => {
            let said = |adjusted| {
                if adjusted {
                    "adjusted standard GPS time"
                } else {
                    "seconds of the GPS week"
                }
            };
            let what = format!(
                "says at byte 6 that its times are {}, but those of {} are {}; one survey has one: ingest them as two, or put right the bit of the file that is wrong",
                said(!adjusted),
                first.path.display(),
                said(adjusted),
            );
            Err(refused(&other.path, what))
        }
    }
}

/// Reports what of the points is not kept.
pub(super) fn report_waveforms(files: &[SurveyFile], report: &mut Report) {
    for file in files {
        if matches!(file.header.format, 4 | 5 | 9 | 10) {
            note(
                report,
                "waveforms_left_out",
                Outcome::Noticed,
                file.header.points,
                || {
                    format!(
                        "{}: its points (format {}) have waveforms, which are not kept",
                        name(&file.path),
                        file.header.format
                    )
                },
            );
        }
    }
}

/// Returns the extra bytes that all files have. Where they differ there is no telling whose
/// bytes mean what, so none are kept, which is reported.
pub(super) fn extra(files: &[SurveyFile], report: &mut Report) -> ExtraBytes {
    let Some(first) = files.first() else {
        return ExtraBytes::default();
    };
    if files
        .iter()
        .all(|file| file.header.extra == first.header.extra)
    {
        return first.header.extra.clone();
    }
    for file in files.iter().filter(|file| file.header.extra.len > 0) {
        note(
            report,
            "extra_bytes_left_out",
            Outcome::Noticed,
            file.header.points,
            || {
                format!(
                    "{}: the {} extra bytes of its points are not kept, since the files of the survey do not all have the same: ingest files that differ as surveys of their own",
                    name(&file.path),
                    file.header.extra.len
                )
            },
        );
    }
    ExtraBytes::default()
}

/// Returns scale and offset of the whole steps in which points are kept, in metres.
pub(super) fn steps(files: &[SurveyFile]) -> [[f64; 3]; 2] {
    own_steps(files).unwrap_or_else(|| {
        let smallest = |axis: usize| {
            files
                .iter()
                .map(|file| file.scale_m()[axis])
                .fold(f64::INFINITY, f64::min)
                .max(FINEST_STEP_M)
        };
        let [x, y] = middle(files).unwrap_or_default();
        let round = |v: f64| (v / OFFSET_STEP_M).round() * OFFSET_STEP_M;
        [
            [smallest(0), smallest(1), smallest(2)],
            [round(x), round(y), 0.0],
        ]
    })
}

/// The files' own scale and offset, if all have the same and coordinates stay as they are, so
/// that they come back bit for bit.
fn own_steps(files: &[SurveyFile]) -> Option<[[f64; 3]; 2]> {
    let first = files.first()?;
    let [scale, offset] = [first.header.scale, first.header.offset];
    let same = files.iter().all(|file| {
        file.to_target.is_identity()
            && file.meaning.z_unit_m == 1.0
            && file.shift.is_none()
            && file.header.scale == scale
            && file.header.offset == offset
    });
    let exact = (0..3)
        .all(|axis| scale[axis] > 0.0 && offset[axis].abs() / scale[axis] <= MAX_OFFSET_STEPS);
    (same && exact).then_some([scale, offset])
}

/// The middle of the survey in the twin's CRS by what the headers say, as far as that makes
/// sense. It only has to be within two billion steps of every point.
fn middle(files: &[SurveyFile]) -> Option<[f64; 2]> {
    let middles = files.iter().filter_map(|file| {
        let [x, y] = [0, 1].map(|axis| f64::midpoint(file.header.min[axis], file.header.max[axis]));
        let middle = if file.to_target.is_identity() {
            [x, y]
        } else {
            file.to_target.xy([x, y]).ok()?
        };
        middle.iter().all(|v| v.abs() < 1e9).then_some(middle)
    });
    let middles: Vec<[f64; 2]> = middles.collect();
    let axis = |axis: usize| {
        let values = || middles.iter().map(|middle| middle[axis]);
        f64::midpoint(
            values().fold(f64::INFINITY, f64::min),
            values().fold(f64::NEG_INFINITY, f64::max),
        )
    };
    (!middles.is_empty()).then(|| [axis(0), axis(1)])
}
