//! Nodes by box and level, and their points.
//!
//! Nothing in the file is believed: places and lengths are held against its length, counts
//! against a limit and against the chunk, and pages are read once.

use std::collections::HashSet;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use las::raw;
use laz::laszip::LazItem;
use laz::record::{LayeredPointRecordDecompressor, RecordDecompressor};
use model::{Bounds, Cube, MAX_LEVEL, PointBatch, VoxelKey};

use super::hierarchy::{ENTRY_LEN, Entry, LeadsTo};
use super::{COMPRESSED, HEADER_LEN, INFO_LEN, NODE_POINTS_MAX, Shape, VLR_HEADER_LEN};
use crate::Error;
use crate::files::Mapped;

/// Degrees in a step of the scan angle (ASPRS LAS 1.4 R15, table 14).
pub(super) const SCAN_ANGLE_STEP_DEG: f32 = 0.006;

/// Points that are decoded at a time: they stay in the cache of the processor.
const STEP_POINTS: u32 = 1000;

/// A file of points, opened.
#[derive(Debug)]
pub(crate) struct Points<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    pub(super) shape: Shape,
    items: Vec<LazItem>,
    pub(super) point_count: u64,
    pub(crate) cube: Cube,
    pub(crate) spacing_m: f64,
    /// Where chunks may lie.
    chunks_from: u64,
    root_page: (u64, u64),
}

/// A node as the hierarchy has it: its place lies in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) key: VoxelKey,
    pub(super) offset: u64,
    pub(super) len: u32,
    pub(super) points: u32,
}

impl<'a> Points<'a> {
    pub(crate) fn open(map: &'a Mapped) -> Result<Points<'a>, Error> {
        let (path, bytes) = (map.path(), map.bytes());
        let corrupt = |what: &str| Error::corrupt(path, what);
        let header = raw::Header::read_from(bytes)
            .map_err(|error| corrupt(&format!("has no header of LAS: {error}")))?;
        let format = header.point_data_record_format ^ COMPRESSED;
        if header.header_size != HEADER_LEN || !(6..=8).contains(&format) {
            return Err(corrupt("is no COPC file: its header is another"));
        }
        let info = header_of_info(bytes).ok_or_else(|| {
            corrupt("is no COPC file, which points are kept in now: ingest the survey again and replace it")
        })?;
        let mut shape = Shape {
            format,
            extra_len: 0,
            scale: [
                header.x_scale_factor,
                header.y_scale_factor,
                header.z_scale_factor,
            ],
            offset: [header.x_offset, header.y_offset, header.z_offset],
        };
        let positive = |value: &f64| value.is_finite() && *value > 0.0;
        let extra = usize::from(header.point_data_record_length).checked_sub(shape.standard_len());
        shape.extra_len = match extra {
            Some(extra) if shape.scale.iter().all(positive) => extra as u16,
            _ => return Err(corrupt("its header does not describe points")),
        };
        let word = |at: usize| u64_at(info, at * 8);
        let number = |at: usize| f64::from_bits(word(at));
        let half = number(3);
        let cube = Cube {
            min: [number(0) - half, number(1) - half, number(2) - half],
            side_m: half * 2.0,
        };
        let spacing_m = number(4);
        if !cube.min.iter().all(|edge| edge.is_finite())
            || !positive(&cube.side_m)
            || !positive(&spacing_m)
        {
            return Err(corrupt("its COPC record describes no octree"));
        }
        Ok(Points {
            path,
            bytes,
            items: shape.items()?,
            shape,
            point_count: header
                .large_file
                .unwrap_or_default()
                .number_of_point_records,
            cube,
            spacing_m,
            chunks_from: u64::from(header.offset_to_point_data) + 8,
            root_page: (word(5), word(6)),
        })
    }

    /// Returns points in the order of the file, node by node, of levels down to the one whose
    /// points lie no farther apart than `deepest_spacing_m`, if given, and of those what lies
    /// in `bounds`, if given.
    pub(crate) fn batches(
        self,
        bounds: Option<Bounds>,
        deepest_spacing_m: Option<f64>,
    ) -> Result<impl Iterator<Item = Result<PointBatch, Error>> + use<'a>, Error> {
        let deepest = match deepest_spacing_m {
            None => MAX_LEVEL,
            Some(metres) if metres.is_finite() && metres > 0.0 => {
                let halvings = (self.spacing_m / metres).log2().ceil();
                // A cast of what is negative or too large saturates.
                (halvings as u8).min(MAX_LEVEL)
            }
            Some(metres) => {
                return Err(Error::Refused(format!(
                    "points cannot lie {metres} m apart"
                )));
            }
        };
        let tolerance = self.shape.scale[0].max(self.shape.scale[1]);
        let mut nodes = self.nodes(|key| {
            let part = self.cube.of(key);
            let [west, south, _] = part.min;
            key.level <= deepest
                && bounds.is_none_or(|bounds| {
                    west - tolerance <= bounds.max_x()
                        && west + part.side_m + tolerance >= bounds.min_x()
                        && south - tolerance <= bounds.max_y()
                        && south + part.side_m + tolerance >= bounds.min_y()
                })
        })?;
        nodes.retain(|node| node.points > 0);
        nodes.sort_unstable_by_key(|node| node.offset);
        Ok(nodes.into_iter().filter_map(move |node| {
            let mut batch = PointBatch::default();
            let read = self.decode(&node, |records| {
                append(&mut batch, records, &self.shape, bounds.as_ref());
            });
            match read {
                Err(error) => Some(Err(error)),
                Ok(()) if batch.is_empty() => None,
                Ok(()) => Some(Ok(batch)),
            }
        }))
    }

    /// Returns the nodes that `keep` wants, and that lie below such only.
    pub(super) fn nodes(&self, keep: impl Fn(VoxelKey) -> bool) -> Result<Vec<Node>, Error> {
        let corrupt = |what: String| Error::corrupt(self.path, what);
        let mut nodes = Vec::new();
        let mut keys = HashSet::new();
        let mut pages = HashSet::new();
        // Pages that lie over each other could give more entries than there is room for.
        let mut entries_left = self.bytes.len() / ENTRY_LEN;
        let mut open = vec![self.root_page];
        while let Some((offset, len)) = open.pop() {
            if !pages.insert(offset) {
                return Err(corrupt(format!(
                    "its hierarchy comes back to the page at byte {offset}"
                )));
            }
            let page = self
                .slice(offset, len)
                .filter(|page| page.len().is_multiple_of(ENTRY_LEN))
                .ok_or_else(|| {
                    corrupt(format!(
                        "its hierarchy has a page at byte {offset} with {len} bytes, which cannot be"
                    ))
                })?;
            for (i, bytes) in page.chunks_exact(ENTRY_LEN).enumerate() {
                let wrong = |what: &str| {
                    let at = offset + (i * ENTRY_LEN) as u64;
                    corrupt(format!("its hierarchy at byte {at} {what}"))
                };
                entries_left = entries_left
                    .checked_sub(1)
                    .ok_or_else(|| wrong("has too many entries"))?;
                let mut entry = [0; ENTRY_LEN];
                entry.copy_from_slice(bytes);
                let entry =
                    Entry::parse(&entry).ok_or_else(|| wrong("has an entry that cannot be"))?;
                if !keep(entry.key) {
                    continue;
                }
                let points = match entry.leads_to {
                    LeadsTo::Page => {
                        open.push((entry.offset, u64::from(entry.len)));
                        continue;
                    }
                    LeadsTo::Points(points) => points,
                };
                if !keys.insert(entry.key) {
                    return Err(wrong("has a node for the second time"));
                }
                let end = entry.offset.checked_add(u64::from(entry.len));
                let lies_in = entry.offset >= self.chunks_from
                    && end.is_some_and(|end| end <= self.bytes.len() as u64);
                if points > 0 && (!lies_in || points > NODE_POINTS_MAX) {
                    return Err(wrong(&format!(
                        "says that {points} points lie at byte {} in {} bytes, which cannot be",
                        entry.offset, entry.len
                    )));
                }
                nodes.push(Node {
                    key: entry.key,
                    offset: entry.offset,
                    len: entry.len,
                    points,
                });
            }
        }
        Ok(nodes)
    }

    /// Decodes a node, and gives its records to `take`, some at a time.
    pub(super) fn decode(&self, node: &Node, mut take: impl FnMut(&[u8])) -> Result<(), Error> {
        let corrupt = |what: String| {
            Error::corrupt(
                self.path,
                format!("the chunk at byte {} {what}", node.offset),
            )
        };
        let record_len = self.shape.record_len();
        let chunk = self
            .slice(node.offset, u64::from(node.len))
            .ok_or_else(|| corrupt("lies beyond the end".to_owned()))?;
        let said = chunk_len(chunk, &self.shape);
        if said != Some((node.points, chunk.len() as u64)) {
            return Err(corrupt(format!(
                "is not one of {} points in {} bytes, as the hierarchy says",
                node.points,
                chunk.len()
            )));
        }
        let mut decompressor = LayeredPointRecordDecompressor::new(Cursor::new(chunk));
        decompressor
            .set_fields_from(&self.items)
            .map_err(|error| corrupt(error.to_string()))?;
        let mut records = vec![0; STEP_POINTS.min(node.points) as usize * record_len];
        let mut left = node.points;
        while left > 0 {
            let count = STEP_POINTS.min(left);
            let records = &mut records[..count as usize * record_len];
            // What is checked above is all that is known to make the codec panic; a chunk
            // that finds another way must cost this survey and not the server.
            let decoded = catch_unwind(AssertUnwindSafe(|| decompressor.decompress_many(records)));
            match decoded {
                Ok(Ok(())) => take(records),
                Ok(Err(error)) => return Err(corrupt(format!("cannot be decoded: {error}"))),
                Err(_) => return Err(corrupt("cannot be decoded".to_owned())),
            }
            left -= count;
        }
        Ok(())
    }

    fn slice(&self, offset: u64, len: u64) -> Option<&'a [u8]> {
        let from = usize::try_from(offset).ok()?;
        let to = from.checked_add(usize::try_from(len).ok()?)?;
        self.bytes.get(from..to)
    }
}

/// The content of the COPC info record, which is the first.
fn header_of_info(bytes: &[u8]) -> Option<&[u8]> {
    let at = usize::from(HEADER_LEN);
    let header = bytes.get(at..at + VLR_HEADER_LEN)?;
    let info = bytes.get(at + VLR_HEADER_LEN..at + VLR_HEADER_LEN + INFO_LEN)?;
    // User id, record id and length of a record (ASPRS LAS 1.4 R15, table 4).
    let good = &header[2..7] == b"copc\0"
        && header[18..20] == 1_u16.to_le_bytes()
        && header[20..22] == (INFO_LEN as u16).to_le_bytes();
    good.then_some(info)
}

/// Points and bytes of a layered chunk by its own words: the first point as it is, the number
/// of points, the length of each layer, the layers.
fn chunk_len(chunk: &[u8], shape: &Shape) -> Option<(u32, u64)> {
    let word = |at: usize| -> Option<u32> {
        let bytes = chunk.get(at..at + 4)?;
        Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    let at = shape.record_len();
    let points = word(at)?;
    let mut len = (at + 4 + 4 * shape.layers()) as u64;
    for layer in 0..shape.layers() {
        len += u64::from(word(at + 4 + 4 * layer)?);
    }
    Some((points, len))
}

/// The place of a record, in steps.
pub(super) fn steps_of(record: &[u8]) -> [i32; 3] {
    [0, 4, 8]
        .map(|at| i32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]]))
}

/// Appends records that lie in the bounds (ASPRS LAS 1.4 R15, tables 14 to 18).
pub(super) fn append(
    batch: &mut PointBatch,
    records: &[u8],
    shape: &Shape,
    bounds: Option<&Bounds>,
) {
    for record in records.chunks_exact(shape.record_len()) {
        let steps = steps_of(record);
        let [x, y, z] = [0, 1, 2].map(|axis| shape.coordinate(axis, steps[axis]));
        if bounds.is_some_and(|bounds| !bounds.contains([x, y])) {
            continue;
        }
        batch.x.push(x);
        batch.y.push(y);
        batch.z.push(z);
        batch.intensity.push(u16_at(record, 12));
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
        batch.gps_time_s.push(f64::from_bits(u64_at(record, 22)));
        if shape.format >= 7 {
            batch.rgb.push([30, 32, 34].map(|at| u16_at(record, at)));
        }
        if shape.format >= 8 {
            batch.nir.push(u16_at(record, 36));
        }
        batch.extra.extend(&record[shape.standard_len()..]);
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}
