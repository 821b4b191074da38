//! The points of a node to the bytes of a chunk: a pure function that any thread may call.

use std::sync::Arc;

use laz::laszip::LazItem;
use laz::record::{LayeredPointRecordCompressor, RecordCompressor};
use model::{Cube, MAX_LEVEL, PointBatch, VoxelKey};

use super::{NODE_POINTS_MAX, PointLayout, Shape};
use crate::Error;

/// Turns the points of nodes into chunks of a survey's file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NodeEncoder(Arc<Plan>);

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) shape: Shape,
    pub(super) items: Vec<LazItem>,
    pub(super) cube: Cube,
}

/// A node, ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedNode {
    pub(super) key: VoxelKey,
    pub(super) chunk: Vec<u8>,
    pub(super) tally: Tally,
}

impl EncodedNode {
    /// Which node it is.
    pub fn key(&self) -> VoxelKey {
        self.key
    }

    /// Number of its points.
    pub fn point_count(&self) -> u64 {
        self.tally.points
    }

    /// Bytes that it takes in memory and will take in the file.
    pub fn byte_count(&self) -> usize {
        self.chunk.len()
    }
}

/// What a file's header says of points. Coordinates are in steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tally {
    pub(super) points: u64,
    pub(super) min: [i32; 3],
    pub(super) max: [i32; 3],
    pub(super) gps_time_s: [f64; 2],
    /// Points by return number, from the first return on.
    pub(super) by_return: [u64; 15],
}

impl Tally {
    pub(super) fn new() -> Tally {
        Tally {
            points: 0,
            min: [i32::MAX; 3],
            max: [i32::MIN; 3],
            gps_time_s: [f64::INFINITY, f64::NEG_INFINITY],
            by_return: [0; 15],
        }
    }

    pub(super) fn add(&mut self, other: &Tally) {
        self.points += other.points;
        for axis in 0..3 {
            self.min[axis] = self.min[axis].min(other.min[axis]);
            self.max[axis] = self.max[axis].max(other.max[axis]);
        }
        self.gps_time_s[0] = self.gps_time_s[0].min(other.gps_time_s[0]);
        self.gps_time_s[1] = self.gps_time_s[1].max(other.gps_time_s[1]);
        for (sum, count) in self.by_return.iter_mut().zip(other.by_return) {
            *sum += count;
        }
    }

    fn add_point(&mut self, steps: [i32; 3], gps_time_s: f64, return_number: u8) {
        self.points += 1;
        for (axis, &step) in steps.iter().enumerate() {
            self.min[axis] = self.min[axis].min(step);
            self.max[axis] = self.max[axis].max(step);
        }
        // Neither takes a time that is no number.
        self.gps_time_s[0] = self.gps_time_s[0].min(gps_time_s);
        self.gps_time_s[1] = self.gps_time_s[1].max(gps_time_s);
        // Return 0 is not valid, but kept and not counted.
        let count = usize::from(return_number & 15).checked_sub(1);
        if let Some(count) = count.and_then(|i| self.by_return.get_mut(i)) {
            *count += 1;
        }
    }
}

impl NodeEncoder {
    pub(super) fn new(layout: &PointLayout) -> Result<NodeEncoder, Error> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        if !layout.scale_m.iter().all(|&s| positive(s)) || !finite(&layout.offset_m) {
            return Err(Error::Refused(format!(
                "coordinates cannot be kept in steps of {:?} m from {:?}",
                layout.scale_m, layout.offset_m
            )));
        }
        let cube = layout.cube;
        if !finite(&cube.min) || !positive(cube.side_m) || !positive(layout.spacing_m) {
            return Err(Error::Refused(format!(
                "an octree cannot be made in {cube:?} with points {} m apart",
                layout.spacing_m
            )));
        }
        let shape = Shape {
            format: match (layout.has_rgb, layout.has_nir) {
                (false, false) => 6,
                (true, false) => 7,
                (_, true) => 8,
            },
            extra_len: layout.extra.len,
            scale: layout.scale_m,
            offset: layout.offset_m,
        };
        if u16::try_from(shape.record_len()).is_err() {
            return Err(Error::Refused(format!(
                "{} extra bytes leave no room for the rest of a point",
                layout.extra.len
            )));
        }
        Ok(NodeEncoder(Arc::new(Plan {
            items: shape.items()?,
            shape,
            cube,
        })))
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.0
    }

    /// Compresses the points of a node, in their order.
    ///
    /// The bytes depend on nothing but the points and the layout. Columns of colour, near
    /// infrared, GPS time and extra bytes that are empty are kept as zeros.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the columns differ in length, a coordinate is not finite or
    /// lies too far from the offset of the layout for its steps, a point lies outside the
    /// node's cube, the key is none of the octree, or there are over four million points.
    pub fn encode(&self, key: VoxelKey, points: &PointBatch) -> Result<EncodedNode, Error> {
        let Plan { shape, items, cube } = self.plan();
        let side = 1_u64 << key.level.min(MAX_LEVEL);
        if key.level > MAX_LEVEL
            || [key.x, key.y, key.z]
                .iter()
                .any(|&at| u64::from(at) >= side)
        {
            return Err(Error::Refused(format!("{key:?} is no node of an octree")));
        }
        check_columns(points, shape)?;
        if points.len() > NODE_POINTS_MAX as usize {
            return Err(Error::Refused(format!(
                "{key:?} has {} points, and a node has {NODE_POINTS_MAX} at most",
                points.len()
            )));
        }
        let mut tally = Tally::new();
        if points.is_empty() {
            let chunk = Vec::new();
            return Ok(EncodedNode { key, chunk, tally });
        }
        // LAZ halves points, at least.
        let out = Vec::with_capacity(points.len() * shape.record_len() / 2);
        let mut compressor = LayeredPointRecordCompressor::new(out);
        compressor
            .set_fields_from(items)
            .map_err(|error| Error::Refused(format!("points of this kind: {error}")))?;
        // Writing to memory fails as seldom as any allocation does.
        let packing = |error| Error::Refused(format!("{key:?} cannot be packed: {error}"));
        let mut record = Vec::with_capacity(shape.record_len());
        for i in 0..points.len() {
            record.clear();
            append_record(&mut record, points, i, shape, &mut tally)?;
            compressor.compress_next(&record).map_err(packing)?;
        }
        compressor.done().map_err(packing)?;
        if !shape.lies_in(&cube.of(key), tally.min, tally.max) {
            return Err(Error::Refused(format!(
                "a point of {key:?} lies outside its cube"
            )));
        }
        Ok(EncodedNode {
            key,
            chunk: compressor.into_inner(),
            tally,
        })
    }
}

fn check_columns(batch: &PointBatch, shape: &Shape) -> Result<(), Error> {
    let n = batch.len();
    let always = [
        batch.y.len(),
        batch.z.len(),
        batch.intensity.len(),
        batch.return_number.len(),
        batch.number_of_returns.len(),
        batch.classification.len(),
        batch.flags.len(),
        batch.scan_angle_deg.len(),
        batch.user_data.len(),
        batch.point_source_id.len(),
    ];
    let optional = [batch.gps_time_s.len(), batch.rgb.len(), batch.nir.len()];
    let extra = n * usize::from(shape.extra_len);
    let good = always.iter().all(|&len| len == n)
        && optional.iter().all(|&len| len == n || len == 0)
        && (batch.extra.len() == extra || batch.extra.is_empty());
    if good {
        Ok(())
    } else {
        Err(Error::Refused(
            "the columns of a batch of points differ in length".to_owned(),
        ))
    }
}

/// Appends the record of a point (ASPRS LAS 1.4 R15, tables 14 to 18).
fn append_record(
    record: &mut Vec<u8>,
    batch: &PointBatch,
    i: usize,
    shape: &Shape,
    tally: &mut Tally,
) -> Result<(), Error> {
    let steps = |axis: usize, value: f64| {
        let (scale, offset) = (shape.scale[axis], shape.offset[axis]);
        let steps = ((value - offset) / scale).round();
        // A cast would silently put what does not fit, or is no number, elsewhere.
        if steps >= f64::from(i32::MIN) && steps <= f64::from(i32::MAX) {
            Ok(steps as i32)
        } else {
            Err(Error::Refused(format!(
                "a coordinate of {value} m is too far from {offset} m to be kept in steps of {scale} m"
            )))
        }
    };
    let place = [
        steps(0, batch.x[i])?,
        steps(1, batch.y[i])?,
        steps(2, batch.z[i])?,
    ];
    let gps_time_s = batch.gps_time_s.get(i).copied().unwrap_or(0.0);
    tally.add_point(place, gps_time_s, batch.return_number[i]);
    record.extend(place.iter().flat_map(|step| step.to_le_bytes()));
    record.extend(batch.intensity[i].to_le_bytes());
    record.push((batch.return_number[i] & 15) | (batch.number_of_returns[i] << 4));
    // Scanner, direction and edge of the flight line are the upper bits of the same byte.
    record.push(batch.flags[i]);
    record.push(batch.classification[i]);
    record.push(batch.user_data[i]);
    // Steps of 0.006 degrees, which cover ±180; a cast of what is more saturates.
    let angle = (batch.scan_angle_deg[i] / super::read::SCAN_ANGLE_STEP_DEG).round() as i16;
    record.extend(angle.to_le_bytes());
    record.extend(batch.point_source_id[i].to_le_bytes());
    record.extend(gps_time_s.to_le_bytes());
    if shape.format >= 7 {
        let colour = batch.rgb.get(i).copied().unwrap_or_default();
        record.extend(colour.iter().flat_map(|band| band.to_le_bytes()));
    }
    if shape.format >= 8 {
        record.extend(batch.nir.get(i).unwrap_or(&0).to_le_bytes());
    }
    let extra_len = usize::from(shape.extra_len);
    match batch.extra.get(i * extra_len..(i + 1) * extra_len) {
        Some(extra) => record.extend(extra),
        None => record.resize(shape.record_len(), 0),
    }
    Ok(())
}
