//! The points of a file, batch by batch, in the twin's CRS.

use std::fs::File;

use model::PointBatch;

use super::chunks::{Chunks, Part};
use super::codec::Codec;
use super::file::SurveyFile;
use super::packed::Layout;
use super::records;
use super::tally::Tally;
use super::threads;

/// The points of one file, batch by batch.
pub(super) struct Batches<'a> {
    file: &'a SurveyFile,
    layout: &'a Layout,
    chunks: Chunks,
}

/// The points of a part of a file.
#[derive(Debug)]
pub(super) struct Decoded {
    /// Packed, in the steps of the layout.
    pub(super) rows: Vec<u8>,
    pub(super) tally: Tally,
}

impl<'a> Batches<'a> {
    pub(super) fn open(file: &'a SurveyFile, layout: &'a Layout) -> Result<Batches<'a>, String> {
        let source = File::open(&file.path).map_err(|e| format!("cannot be opened: {e}"))?;
        Ok(Batches {
            file,
            layout,
            chunks: Chunks::open(source, &file.header)?,
        })
    }

    /// Returns the next points, part by part in the order of the file; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<Decoded>>, String> {
        let Some(parts) = self.chunks.next_batch()? else {
            return Ok(None);
        };
        let codec = self.chunks.codec();
        let (file, layout) = (self.file, self.layout);
        threads::map_in_order(parts, |part| decode(&part, codec, file, layout))
            .into_iter()
            .collect::<Result<Vec<Decoded>, String>>()
            .map(Some)
    }
}

/// Returns the points of a part in the target CRS, and what was found in them.
fn decode(
    part: &Part,
    codec: Option<&Codec>,
    file: &SurveyFile,
    layout: &Layout,
) -> Result<Decoded, String> {
    let header = &file.header;
    let columns = layout.columns;
    let mut points = records::with_room(part.points as usize, columns);
    part.for_records(codec, usize::from(header.record_len), |records| {
        records::append(&mut points, records, header, columns);
    })?;
    let mut tally = Tally {
        read: part.points,
        ..Tally::default()
    };
    tally.look_at(&mut points, header);
    in_metres(&mut points, file);
    if let Some(shift) = &file.shift
        && let Some(keep) = shift.apply(&mut points)
    {
        tally.outside_geoid = left_out(&keep);
        records::retain(&mut points, &keep);
    }
    if let Some(keep) = transform(&mut points, file) {
        tally.out_of_domain = left_out(&keep);
        records::retain(&mut points, &keep);
    }
    if let Some(keep) = layout.round(&mut points) {
        tally.out_of_reach = left_out(&keep);
        records::retain(&mut points, &keep);
    }
    let mut rows = Vec::with_capacity(points.len() * layout.row_len());
    for i in 0..points.len() {
        layout.pack(&points, i, &mut rows);
    }
    tally.count_kept(&points);
    Ok(Decoded { rows, tally })
}

fn left_out(keep: &[bool]) -> u64 {
    keep.iter().filter(|kept| !**kept).count() as u64
}

/// Puts elevations in metres; where they are, nothing changes, to the bit.
fn in_metres(batch: &mut PointBatch, file: &SurveyFile) {
    if file.meaning.z_unit_m != 1.0 {
        for z in &mut batch.z {
            *z *= file.meaning.z_unit_m;
        }
    }
}

/// Puts a batch in the target CRS. Returns which points have a place there, unless all have.
///
/// Where nothing is to be changed, nothing is, to the bit.
fn transform(batch: &mut PointBatch, file: &SurveyFile) -> Option<Vec<bool>> {
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
