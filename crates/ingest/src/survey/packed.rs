//! Points as they lie in the temporary file.
//!
//! 1. A packed point, or row, is x, y and z as 4-byte whole steps; intensity (2), returns
//!    (1: number in the lower half, of how many in the upper), flags (1), class (1), user
//!    data (1), scan angle in steps of 0.006° (2), source (2); then, where the survey has
//!    them, GPS time (8), red, green and blue (6), near infrared (2) and extra bytes. That
//!    is 30 bytes for a bare point of formats 6 to 10, as they have. Numbers are
//!    little-endian.
//! 2. A run is a number of points, column after column in that order. Columns of nothing
//!    but zeros are left out, but for the class, so that points of a file without colour
//!    take no more room beside points of one with it.

use model::PointBatch;

use super::records::{Columns, SCAN_ANGLE_STEP_DEG};

/// Columns of a row, at most.
const FIELDS: usize = 14;

/// Which of them is the class. It is never left out, since classes change.
const CLASS: usize = 6;

/// No CRS reaches further than this from its origin, and lattices of squares keep exact
/// within it.
const MAX_COORDINATE: f64 = 1e9;

/// Which columns points have, and in which steps their coordinates are kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub(super) columns: Columns,
    pub(super) scale: [f64; 3],
    pub(super) offset: [f64; 3],
}

/// Points in the temporary file.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) at: u64,
    pub(super) points: u32,
    /// Which columns are there, as bits.
    present: u16,
    /// Lowest and highest steps of x and y.
    min: [i32; 2],
    max: [i32; 2],
}

impl Layout {
    /// Bytes of a packed point.
    pub(super) fn row_len(&self) -> usize {
        self.widths().iter().sum()
    }

    fn widths(&self) -> [usize; FIELDS] {
        let optional = |there: bool, width| if there { width } else { 0 };
        [
            4,
            4,
            4,
            2,
            1,
            1,
            1,
            1,
            2,
            2,
            optional(self.columns.gps_time, 8),
            optional(self.columns.rgb, 6),
            optional(self.columns.nir, 2),
            usize::from(self.columns.extra),
        ]
    }

    /// Puts coordinates on whole steps. Returns which points can be, unless all can.
    pub(super) fn round(&self, batch: &mut PointBatch) -> Option<Vec<bool>> {
        let mut keep = None;
        let columns = [&mut batch.x, &mut batch.y, &mut batch.z];
        for (axis, column) in columns.into_iter().enumerate() {
            let points = column.len();
            for (i, value) in column.iter_mut().enumerate() {
                let steps = self.steps(axis, *value);
                let fits = steps >= f64::from(i32::MIN) && steps <= f64::from(i32::MAX);
                let rounded = steps * self.scale[axis] + self.offset[axis];
                if fits && rounded.abs() <= MAX_COORDINATE {
                    *value = rounded;
                } else {
                    keep.get_or_insert_with(|| vec![true; points])[i] = false;
                }
            }
        }
        keep
    }

    fn steps(&self, axis: usize, value: f64) -> f64 {
        ((value - self.offset[axis]) / self.scale[axis]).round()
    }

    fn coordinate(&self, axis: usize, steps: i32) -> f64 {
        f64::from(steps) * self.scale[axis] + self.offset[axis]
    }

    /// Appends one point, whose coordinates are on whole steps, to `rows`.
    pub(super) fn pack(&self, batch: &PointBatch, i: usize, rows: &mut Vec<u8>) {
        for (axis, value) in [batch.x[i], batch.y[i], batch.z[i]].into_iter().enumerate() {
            rows.extend((self.steps(axis, value) as i32).to_le_bytes());
        }
        rows.extend(batch.intensity[i].to_le_bytes());
        let angle = (batch.scan_angle_deg[i] / SCAN_ANGLE_STEP_DEG).round() as i16;
        let [angle_low, angle_high] = angle.to_le_bytes();
        rows.extend([
            batch.return_number[i] & 15 | batch.number_of_returns[i] << 4,
            batch.flags[i],
            batch.classification[i],
            batch.user_data[i],
            angle_low,
            angle_high,
        ]);
        rows.extend(batch.point_source_id[i].to_le_bytes());
        if self.columns.gps_time {
            rows.extend(batch.gps_time_s[i].to_le_bytes());
        }
        if self.columns.rgb {
            for colour in batch.rgb[i] {
                rows.extend(colour.to_le_bytes());
            }
        }
        if self.columns.nir {
            rows.extend(batch.nir[i].to_le_bytes());
        }
        let extra = usize::from(self.columns.extra);
        rows.extend(&batch.extra[i * extra..(i + 1) * extra]);
    }

    /// Returns x and y of a packed point.
    pub(super) fn place(&self, row: &[u8]) -> [f64; 2] {
        [0, 1].map(|axis| self.coordinate(axis, i32::from_le_bytes(four(&row[axis * 4..]))))
    }

    /// Returns packed points as a run, which is still to be put somewhere, and its bytes.
    pub(super) fn run(&self, rows: &[u8]) -> (Run, Vec<u8>) {
        let row_len = self.row_len();
        let points = rows.len() / row_len;
        let mut bytes = Vec::with_capacity(rows.len());
        let mut present = 0;
        let mut from = 0;
        for (field, width) in self.widths().into_iter().enumerate() {
            let start = bytes.len();
            match width {
                0 => continue,
                1 => gather::<1>(rows, row_len, from, &mut bytes),
                2 => gather::<2>(rows, row_len, from, &mut bytes),
                4 => gather::<4>(rows, row_len, from, &mut bytes),
                6 => gather::<6>(rows, row_len, from, &mut bytes),
                8 => gather::<8>(rows, row_len, from, &mut bytes),
                _ => rows
                    .chunks_exact(row_len)
                    .for_each(|row| bytes.extend(&row[from..from + width])),
            }
            from += width;
            if field != CLASS && bytes[start..].iter().all(|&byte| byte == 0) {
                bytes.truncate(start);
            } else {
                present |= 1 << field;
            }
        }
        let mut run = Run {
            at: 0,
            points: points as u32,
            present,
            min: [i32::MAX; 2],
            max: [i32::MIN; 2],
        };
        for row in rows.chunks_exact(row_len) {
            for axis in 0..2 {
                let steps = i32::from_le_bytes(four(&row[axis * 4..]));
                run.min[axis] = run.min[axis].min(steps);
                run.max[axis] = run.max[axis].max(steps);
            }
        }
        (run, bytes)
    }

    /// Bytes of a run.
    pub(super) fn run_len(&self, run: &Run) -> usize {
        let widths = self.widths().into_iter().enumerate();
        let present = widths.filter(|(field, _)| run.present >> field & 1 == 1);
        run.points as usize * present.map(|(_, width)| width).sum::<usize>()
    }

    /// Where the classes of a run lie in the file: one byte for each point.
    pub(super) fn classes_at(&self, run: &Run) -> u64 {
        let before = self.widths().into_iter().enumerate().take(CLASS);
        let present = before.filter(|(field, _)| run.present >> field & 1 == 1);
        let width: usize = present.map(|(_, width)| width).sum();
        run.at + u64::from(run.points) * width as u64
    }

    /// Returns west, south, east and north end of the points of a run.
    pub(super) fn ends(&self, run: &Run) -> [f64; 4] {
        [
            self.coordinate(0, run.min[0]),
            self.coordinate(1, run.min[1]),
            self.coordinate(0, run.max[0]),
            self.coordinate(1, run.max[1]),
        ]
    }

    /// Cuts the bytes of a run into its columns.
    pub(super) fn columns<'a>(&self, run: &Run, mut bytes: &'a [u8]) -> RunColumns<'a> {
        let widths = self.widths();
        let mut columns = [None; FIELDS];
        for field in 0..FIELDS {
            if run.present >> field & 1 == 1 {
                let (column, rest) = bytes.split_at(run.points as usize * widths[field]);
                columns[field] = Some(column);
                bytes = rest;
            }
        }
        RunColumns { columns }
    }

    /// Appends those of the points of a run whose numbers are in `which` to `batch`.
    pub(super) fn unpack(&self, run: &RunColumns, which: &[u32], batch: &mut PointBatch) {
        let coordinate = |axis: usize| {
            move |bytes: &[u8]| self.coordinate(axis, i32::from_le_bytes(four(bytes)))
        };
        run.append(0, 4, which, &mut batch.x, coordinate(0));
        run.append(1, 4, which, &mut batch.y, coordinate(1));
        run.append(2, 4, which, &mut batch.z, coordinate(2));
        run.append(3, 2, which, &mut batch.intensity, two);
        run.append(4, 1, which, &mut batch.return_number, |b| b[0] & 15);
        run.append(4, 1, which, &mut batch.number_of_returns, |b| b[0] >> 4);
        run.append(5, 1, which, &mut batch.flags, |b| b[0]);
        run.append(CLASS, 1, which, &mut batch.classification, |b| b[0]);
        run.append(7, 1, which, &mut batch.user_data, |b| b[0]);
        run.append(8, 2, which, &mut batch.scan_angle_deg, |b| {
            f32::from(two(b) as i16) * SCAN_ANGLE_STEP_DEG
        });
        run.append(9, 2, which, &mut batch.point_source_id, two);
        if self.columns.gps_time {
            run.append(10, 8, which, &mut batch.gps_time_s, |b| {
                f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]])
            });
        }
        if self.columns.rgb {
            run.append(11, 6, which, &mut batch.rgb, |b| {
                [two(b), two(&b[2..]), two(&b[4..])]
            });
        }
        if self.columns.nir {
            run.append(12, 2, which, &mut batch.nir, two);
        }
        let extra = usize::from(self.columns.extra);
        match run.columns[13] {
            Some(column) => {
                for &i in which {
                    batch.extra.extend(&column[i as usize * extra..][..extra]);
                }
            }
            None => batch
                .extra
                .resize(batch.extra.len() + which.len() * extra, 0),
        }
    }
}

/// The columns of a run, but for those of nothing but zeros.
pub(super) struct RunColumns<'a> {
    columns: [Option<&'a [u8]>; FIELDS],
}

impl RunColumns<'_> {
    /// Returns x and y of a point of the run.
    pub(super) fn place(&self, layout: &Layout, i: usize) -> [f64; 2] {
        [0, 1].map(|axis| {
            let steps =
                self.columns[axis].map_or(0, |column| i32::from_le_bytes(four(&column[i * 4..])));
            layout.coordinate(axis, steps)
        })
    }

    fn append<T>(
        &self,
        field: usize,
        width: usize,
        which: &[u32],
        values: &mut Vec<T>,
        read: impl Fn(&[u8]) -> T,
    ) {
        match self.columns[field] {
            Some(column) => values.extend(
                which
                    .iter()
                    .map(|&i| read(&column[i as usize * width..][..width])),
            ),
            None => values.extend(which.iter().map(|_| read(&[0; 8]))),
        }
    }
}

/// Appends the same bytes of every row.
fn gather<const WIDTH: usize>(rows: &[u8], row_len: usize, from: usize, bytes: &mut Vec<u8>) {
    for row in rows.chunks_exact(row_len) {
        let mut value = [0; WIDTH];
        value.copy_from_slice(&row[from..from + WIDTH]);
        bytes.extend_from_slice(&value);
    }
}

fn four(bytes: &[u8]) -> [u8; 4] {
    [bytes[0], bytes[1], bytes[2], bytes[3]]
}

fn two(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[0], bytes[1]])
}
