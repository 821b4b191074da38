//! Point records to columns (ASPRS LAS 1.4 R15, tables 7 to 17).

use model::{PointBatch, PointFlags};

use super::header::{FileHeader, RECORD_LEN};

/// Class of overlap points in point formats 0 to 5; a flag since.
const OVERLAP_CLASS: u8 = 12;
/// Class that such points have now: unclassified.
const UNCLASSIFIED: u8 = 1;
/// Degrees in a step of the scan angle of point formats 6 to 10.
pub(super) const SCAN_ANGLE_STEP_DEG: f32 = 0.006;

/// Which optional columns a batch is to have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) gps_time: bool,
    pub(super) rgb: bool,
    pub(super) nir: bool,
    /// Extra bytes of each point.
    pub(super) extra: u16,
}

impl Columns {
    /// Those that a point format has, without extra bytes.
    pub(super) fn of_format(format: u8) -> Columns {
        Columns {
            gps_time: gps_time_at(format).is_some(),
            rgb: rgb_at(format).is_some(),
            nir: nir_at(format).is_some(),
            extra: 0,
        }
    }

    /// Those that either has.
    pub(super) fn or(self, other: Columns) -> Columns {
        Columns {
            gps_time: self.gps_time || other.gps_time,
            rgb: self.rgb || other.rgb,
            nir: self.nir || other.nir,
            extra: self.extra.max(other.extra),
        }
    }
}

/// Appends records to `batch`, coordinates scaled and otherwise as they are.
///
/// Columns that the format lacks are filled with zeros, where `columns` asks for them.
pub(super) fn append(
    batch: &mut PointBatch,
    records: &[u8],
    header: &FileHeader,
    columns: Columns,
) {
    let format = header.format;
    let [sx, sy, sz] = header.scale;
    let [ox, oy, oz] = header.offset;
    let gps_time = gps_time_at(format);
    let rgb = rgb_at(format);
    let nir = nir_at(format);
    let extra_at = usize::from(RECORD_LEN[usize::from(format)]);
    let extra_end = extra_at + usize::from(columns.extra);
    for record in records.chunks_exact(usize::from(header.record_len)) {
        batch.x.push(f64::from(i32_at(record, 0)) * sx + ox);
        batch.y.push(f64::from(i32_at(record, 4)) * sy + oy);
        batch.z.push(f64::from(i32_at(record, 8)) * sz + oz);
        batch.intensity.push(u16_at(record, 12));
        if format < 6 {
            let (returns, class) = (record[14], record[15]);
            batch.return_number.push(returns & 7);
            batch.number_of_returns.push(returns >> 3 & 7);
            // Synthetic, key point and withheld are the same bits, moved; scan direction and
            // edge of flight line are, in the byte before.
            let mut flags = class >> 5 | returns & 0xC0;
            let mut class = class & 31;
            if class == OVERLAP_CLASS {
                flags |= PointFlags::OVERLAP;
                class = UNCLASSIFIED;
            }
            batch.classification.push(class);
            batch.flags.push(flags);
            batch.scan_angle_deg.push(f32::from(record[16] as i8));
            batch.user_data.push(record[17]);
            batch.point_source_id.push(u16_at(record, 18));
        } else {
            batch.return_number.push(record[14] & 15);
            batch.number_of_returns.push(record[14] >> 4);
            batch.flags.push(record[15]);
            batch.classification.push(record[16]);
            batch.user_data.push(record[17]);
            let angle = u16_at(record, 18) as i16;
            batch
                .scan_angle_deg
                .push(f32::from(angle) * SCAN_ANGLE_STEP_DEG);
            batch.point_source_id.push(u16_at(record, 20));
        }
        if columns.gps_time {
            batch
                .gps_time_s
                .push(gps_time.map_or(0.0, |at| f64_at(record, at)));
        }
        if columns.rgb {
            batch
                .rgb
                .push(rgb.map_or([0; 3], |at| [0, 2, 4].map(|step| u16_at(record, at + step))));
        }
        if columns.nir {
            batch.nir.push(nir.map_or(0, |at| u16_at(record, at)));
        }
        batch.extra.extend(&record[extra_at..extra_end]);
    }
}

/// Returns an empty batch with room for `points`.
pub(super) fn with_room(points: usize, columns: Columns) -> PointBatch {
    let optional = |there: bool| if there { points } else { 0 };
    PointBatch {
        x: Vec::with_capacity(points),
        y: Vec::with_capacity(points),
        z: Vec::with_capacity(points),
        intensity: Vec::with_capacity(points),
        return_number: Vec::with_capacity(points),
        number_of_returns: Vec::with_capacity(points),
        classification: Vec::with_capacity(points),
        flags: Vec::with_capacity(points),
        scan_angle_deg: Vec::with_capacity(points),
        user_data: Vec::with_capacity(points),
        point_source_id: Vec::with_capacity(points),
        gps_time_s: Vec::with_capacity(optional(columns.gps_time)),
        rgb: Vec::with_capacity(optional(columns.rgb)),
        nir: Vec::with_capacity(optional(columns.nir)),
        extra: Vec::with_capacity(points * usize::from(columns.extra)),
    }
}

/// Moves the points of `other` to the end of `batch`.
pub(super) fn join(batch: &mut PointBatch, other: &mut PointBatch) {
    batch.x.append(&mut other.x);
    batch.y.append(&mut other.y);
    batch.z.append(&mut other.z);
    batch.intensity.append(&mut other.intensity);
    batch.return_number.append(&mut other.return_number);
    batch.number_of_returns.append(&mut other.number_of_returns);
    batch.classification.append(&mut other.classification);
    batch.flags.append(&mut other.flags);
    batch.scan_angle_deg.append(&mut other.scan_angle_deg);
    batch.user_data.append(&mut other.user_data);
    batch.point_source_id.append(&mut other.point_source_id);
    batch.gps_time_s.append(&mut other.gps_time_s);
    batch.rgb.append(&mut other.rgb);
    batch.nir.append(&mut other.nir);
    batch.extra.append(&mut other.extra);
}

/// Returns the points with these numbers.
pub(super) fn pick(batch: &PointBatch, which: &[u32]) -> PointBatch {
    fn column<T: Copy>(values: &[T], which: &[u32]) -> Vec<T> {
        if values.is_empty() {
            return Vec::new();
        }
        which.iter().map(|&i| values[i as usize]).collect()
    }
    let extra = extra_len(batch);
    PointBatch {
        x: column(&batch.x, which),
        y: column(&batch.y, which),
        z: column(&batch.z, which),
        intensity: column(&batch.intensity, which),
        return_number: column(&batch.return_number, which),
        number_of_returns: column(&batch.number_of_returns, which),
        classification: column(&batch.classification, which),
        flags: column(&batch.flags, which),
        scan_angle_deg: column(&batch.scan_angle_deg, which),
        user_data: column(&batch.user_data, which),
        point_source_id: column(&batch.point_source_id, which),
        gps_time_s: column(&batch.gps_time_s, which),
        rgb: column(&batch.rgb, which),
        nir: column(&batch.nir, which),
        extra: which
            .iter()
            .flat_map(|&i| &batch.extra[i as usize * extra..(i as usize + 1) * extra])
            .copied()
            .collect(),
    }
}

/// Keeps the first `count` points.
pub(super) fn truncate(batch: &mut PointBatch, count: usize) {
    let extra = extra_len(batch);
    batch.x.truncate(count);
    batch.y.truncate(count);
    batch.z.truncate(count);
    batch.intensity.truncate(count);
    batch.return_number.truncate(count);
    batch.number_of_returns.truncate(count);
    batch.classification.truncate(count);
    batch.flags.truncate(count);
    batch.scan_angle_deg.truncate(count);
    batch.user_data.truncate(count);
    batch.point_source_id.truncate(count);
    batch.gps_time_s.truncate(count);
    batch.rgb.truncate(count);
    batch.nir.truncate(count);
    batch.extra.truncate(count * extra);
}

/// Puts one more byte behind the extra bytes of each point.
pub(super) fn append_extra_byte(batch: &mut PointBatch, byte: impl Fn(usize, &PointBatch) -> u8) {
    let before = extra_len(batch);
    let mut extra = Vec::with_capacity(batch.len() * (before + 1));
    for i in 0..batch.len() {
        extra.extend(&batch.extra[i * before..(i + 1) * before]);
        extra.push(byte(i, batch));
    }
    batch.extra = extra;
}

fn extra_len(batch: &PointBatch) -> usize {
    batch.extra.len().checked_div(batch.len()).unwrap_or(0)
}

/// Keeps the points for which `keep` is true, in order.
pub(super) fn retain(batch: &mut PointBatch, keep: &[bool]) {
    fn column<T>(values: &mut Vec<T>, keep: &[bool]) {
        let mut keep = keep.iter();
        values.retain(|_| *keep.next().unwrap_or(&false));
    }
    let extra = extra_len(batch);
    let mut number = 0;
    batch.extra.retain(|_| {
        number += 1;
        keep[(number - 1) / extra]
    });
    column(&mut batch.x, keep);
    column(&mut batch.y, keep);
    column(&mut batch.z, keep);
    column(&mut batch.intensity, keep);
    column(&mut batch.return_number, keep);
    column(&mut batch.number_of_returns, keep);
    column(&mut batch.classification, keep);
    column(&mut batch.flags, keep);
    column(&mut batch.scan_angle_deg, keep);
    column(&mut batch.user_data, keep);
    column(&mut batch.point_source_id, keep);
    column(&mut batch.gps_time_s, keep);
    column(&mut batch.rgb, keep);
    column(&mut batch.nir, keep);
}

fn gps_time_at(format: u8) -> Option<usize> {
    match format {
        1 | 3 | 4 | 5 => Some(20),
        6..=10 => Some(22),
        _ => None,
    }
}

fn rgb_at(format: u8) -> Option<usize> {
    match format {
        2 => Some(20),
        3 | 5 => Some(28),
        7 | 8 | 10 => Some(30),
        _ => None,
    }
}

fn nir_at(format: u8) -> Option<usize> {
    matches!(format, 8 | 10).then_some(36)
}

fn u16_at(record: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([record[at], record[at + 1]])
}

fn i32_at(record: &[u8], at: usize) -> i32 {
    i32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]])
}

fn f64_at(record: &[u8], at: usize) -> f64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&record[at..at + 8]);
    f64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first point of the attributes that old and new formats write differently.
    fn read(format: u8, change: impl FnOnce(&mut [u8])) -> PointBatch {
        let mut record = vec![0; if format < 6 { 20 } else { 30 }];
        change(&mut record);
        let header = FileHeader {
            format,
            record_len: record.len() as u16,
            points: 1,
            points_at: 0,
            file_len: 0,
            scale: [0.01; 3],
            offset: [100.0, 200.0, -5.0],
            min: [0.0; 3],
            max: [0.0; 3],
            gps_time_is_adjusted_standard: false,
            says_synthetic: false,
            says_wkt: false,
            created: (0, 0),
            laszip: None,
            wkt: None,
            geo_keys: Default::default(),
            extra: model::ExtraBytes::default(),
            oddities: Vec::new(),
        };
        let mut batch = PointBatch::default();
        append(&mut batch, &record, &header, Columns::of_format(format));
        batch
    }

    #[test]
    fn overlap_is_a_class_in_old_formats_and_a_flag_here() {
        let batch = read(0, |record| record[15] = 12 | 4 << 5);
        assert_eq!(batch.classification, [UNCLASSIFIED]);
        assert_eq!(batch.flags, [PointFlags::OVERLAP | PointFlags::WITHHELD]);
        let batch = read(6, |record| {
            record[15] = PointFlags::OVERLAP | 0x30;
            record[16] = 2;
        });
        assert_eq!(
            (batch.classification[0], batch.flags[0]),
            (2, PointFlags::OVERLAP | 0x30),
            "the scanner channel stays beside the flags"
        );
    }

    #[test]
    fn returns_angles_and_coordinates_are_read_from_their_bits() {
        let batch = read(0, |record| {
            record[..4].copy_from_slice(&(-150_i32).to_le_bytes());
            record[14] = 0b1101_1010;
            record[16] = (-12_i8) as u8;
        });
        assert_eq!((batch.x[0], batch.y[0], batch.z[0]), (98.5, 200.0, -5.0));
        assert_eq!((batch.return_number[0], batch.number_of_returns[0]), (2, 3));
        assert_eq!(batch.scan_angle_deg, [-12.0]);
        let batch = read(6, |record| {
            record[14] = 0xC9;
            record[18..20].copy_from_slice(&(-2000_i16).to_le_bytes());
        });
        assert_eq!(
            (batch.return_number[0], batch.number_of_returns[0]),
            (9, 12)
        );
        assert!((batch.scan_angle_deg[0] + 12.0).abs() < 1e-5);
    }
}
