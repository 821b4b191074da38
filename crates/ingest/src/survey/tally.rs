//! What is found in points on the way, and the report made of it.

use std::path::Path;

use model::{PointBatch, PointFlags};

use super::header::FileHeader;
use super::name;
use crate::report::{Finding, Outcome, Report};

/// Findings keep this many examples.
const MAX_EXAMPLES: usize = 5;

/// What was found in points.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    pub(super) read: u64,
    pub(super) kept: u64,
    pub(super) withheld: u64,
    pub(super) noise: u64,
    pub(super) outside_header_bounds: u64,
    pub(super) out_of_domain: u64,
    pub(super) outside_geoid: u64,
    pub(super) out_of_reach: u64,
    pub(super) gps_time_not_finite: u64,
    pub(super) first_gps_time_s: Option<f64>,
    pub(super) min: [f64; 3],
    pub(super) max: [f64; 3],
    /// Points kept of each class.
    pub(super) classes: [u64; 256],
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
            outside_geoid: 0,
            out_of_reach: 0,
            gps_time_not_finite: 0,
            first_gps_time_s: None,
            min: [f64::INFINITY; 3],
            max: [f64::NEG_INFINITY; 3],
            classes: [0; 256],
        }
    }
}

impl Tally {
    /// Counts what is odd in points as the file has them, and mends GPS times that are no numbers.
    pub(super) fn look_at(&mut self, batch: &mut PointBatch, header: &FileHeader) {
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

    pub(super) fn add(&mut self, other: &Tally) {
        self.read += other.read;
        self.kept += other.kept;
        self.withheld += other.withheld;
        self.noise += other.noise;
        self.outside_header_bounds += other.outside_header_bounds;
        self.out_of_domain += other.out_of_domain;
        self.outside_geoid += other.outside_geoid;
        self.out_of_reach += other.out_of_reach;
        self.gps_time_not_finite += other.gps_time_not_finite;
        self.first_gps_time_s = match (self.first_gps_time_s, other.first_gps_time_s) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        for axis in 0..3 {
            self.min[axis] = self.min[axis].min(other.min[axis]);
            self.max[axis] = self.max[axis].max(other.max[axis]);
        }
        for (count, other) in self.classes.iter_mut().zip(&other.classes) {
            *count += other;
        }
    }

    /// Counts the points that are kept, where they are and their classes.
    pub(super) fn count_kept(&mut self, batch: &PointBatch) {
        self.kept = batch.len() as u64;
        for i in 0..batch.len() {
            for (axis, value) in [batch.x[i], batch.y[i], batch.z[i]].into_iter().enumerate() {
                self.min[axis] = self.min[axis].min(value);
                self.max[axis] = self.max[axis].max(value);
            }
            self.classes[usize::from(batch.classification[i])] += 1;
        }
    }

    /// Adds what was found in `file` to the report.
    pub(super) fn report(&self, report: &mut Report, path: &Path) {
        report.read += self.read;
        report.kept += self.kept;
        let name = name(path);
        let mut finding = |code, outcome, count: u64, what: &str| {
            note(report, code, outcome, count, || {
                format!("{name}: {count} points {what}")
            });
        };
        finding(
            "withheld",
            Outcome::Noticed,
            self.withheld,
            "are withheld: they are kept, but neither classified nor counted for terrain and surface",
        );
        finding(
            "noise",
            Outcome::Noticed,
            self.noise,
            "were delivered as noise",
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
            "outside_geoid",
            Outcome::LeftOut,
            self.outside_geoid,
            "lie outside the geoid grid, so that their heights above the ellipsoid cannot be made elevations",
        );
        finding(
            "out_of_reach",
            Outcome::LeftOut,
            self.out_of_reach,
            "lie further from the middle of the survey than its steps reach: if they are no strays, ingest the survey in parts",
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
pub(super) fn note(
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
