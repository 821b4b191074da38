//! Chunks to a file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::PathBuf;

use las::raw;
use laz::LazVlr;
use laz::laszip::{ChunkTable, ChunkTableEntry, LazVlrBuilder};
use model::VoxelKey;

use super::encode::Tally;
use super::hierarchy::{self, ChunkPlace};
use super::{
    COMPRESSED, EVLR_HEADER_LEN, EncodedNode, HEADER_LEN, INFO_LEN, NodeEncoder, PointLayout,
    VLR_HEADER_LEN,
};
use crate::Error;

/// Length of a descriptor of extra bytes (ASPRS LAS 1.4 R15, table 24).
const DESCRIPTOR_LEN: usize = 192;

/// Bits of the header's global encoding (ASPRS LAS 1.4 R15, table 3): GPS time is adjusted
/// standard time; the CRS is WKT.
const GPS_TIME_IS_ADJUSTED_STANDARD: u16 = 1;
const CRS_IS_WKT: u16 = 1 << 4;

/// Points on their way to disk, node by node.
///
/// Whatever is not given to [`crate::Transaction::put_survey`] goes when its
/// transaction does.
pub struct SurveyWriter {
    path: PathBuf,
    layout: PointLayout,
    encoder: NodeEncoder,
    laszip: LazVlr,
    file: BufWriter<File>,
    /// Where the next chunk begins.
    at: u64,
    /// Where the first record of points would be: at the place of the chunk table.
    points_at: u32,
    nodes: BTreeMap<VoxelKey, ChunkPlace>,
    chunks: ChunkTable,
    tally: Tally,
}

impl std::fmt::Debug for SurveyWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SurveyWriter")
            .field("path", &self.path)
            .field("layout", &self.layout)
            .field("point_count", &self.tally.points)
            .finish_non_exhaustive()
    }
}

impl SurveyWriter {
    pub(crate) fn new(path: PathBuf, layout: PointLayout) -> Result<SurveyWriter, Error> {
        let encoder = NodeEncoder::new(&layout)?;
        if !layout
            .extra
            .descriptors
            .len()
            .is_multiple_of(DESCRIPTOR_LEN)
        {
            return Err(Error::Refused(format!(
                "descriptors of extra bytes have {DESCRIPTOR_LEN} bytes each, not {} together",
                layout.extra.descriptors.len()
            )));
        }
        let laszip = LazVlrBuilder::new(encoder.plan().items.clone())
            .with_variable_chunk_size()
            .build();
        // The records have the same length with any content: it is known at the end.
        let vlrs = vlrs(&layout, &laszip, &[0; INFO_LEN])?;
        let vlrs_len: usize = vlrs.iter().map(|vlr| VLR_HEADER_LEN + vlr.data.len()).sum();
        let points_at = u32::from(HEADER_LEN) + vlrs_len as u32;
        let start = points_at as usize + ChunkTable::OFFSET_SIZE;
        let mut file = File::create_new(&path).map_err(Error::io(&path))?;
        file.write_all(&vec![0; start]).map_err(Error::io(&path))?;
        Ok(SurveyWriter {
            file: BufWriter::with_capacity(1 << 20, file),
            path,
            layout,
            encoder,
            laszip,
            at: start as u64,
            points_at,
            nodes: BTreeMap::new(),
            chunks: ChunkTable::with_capacity(0),
            tally: Tally::new(),
        })
    }

    /// Returns what turns the points of a node into what [`SurveyWriter::write`] takes.
    pub fn encoder(&self) -> NodeEncoder {
        self.encoder.clone()
    }

    /// Appends a node. Nodes may come in any order; nodes above it that never come are
    /// taken to be empty.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the node has come before; [`Error::Io`].
    pub fn write(&mut self, node: EncodedNode) -> Result<(), Error> {
        let too_large = |_| Error::Refused(format!("{:?} is larger than 2 GiB", node.key));
        let place = ChunkPlace {
            offset: if node.tally.points == 0 { 0 } else { self.at },
            len: i32::try_from(node.chunk.len()).map_err(too_large)?,
            points: i32::try_from(node.tally.points).map_err(too_large)?,
        };
        if self.nodes.contains_key(&node.key) {
            return Err(Error::Refused(format!(
                "{:?} is written a second time",
                node.key
            )));
        }
        self.file
            .write_all(&node.chunk)
            .map_err(Error::io(&self.path))?;
        self.nodes.insert(node.key, place);
        if place.points > 0 {
            self.at += node.chunk.len() as u64;
            self.tally.add(&node.tally);
            self.chunks.push(ChunkTableEntry {
                point_count: node.tally.points,
                byte_count: node.chunk.len() as u64,
            });
        }
        Ok(())
    }

    /// Makes the file durable and returns where it is and how many points it has.
    pub(crate) fn finish(mut self) -> Result<(PathBuf, u64), Error> {
        if self.tally.points == 0 {
            return Err(Error::Refused("the survey has no points".to_owned()));
        }
        let evlr_at = self.finish_chunks().map_err(Error::io(&self.path))?;
        let pages = hierarchy::pages(&self.nodes, evlr_at + EVLR_HEADER_LEN as u64);
        let evlr = raw::Vlr {
            record_length_after_header: raw::vlr::RecordLength::Evlr(pages.bytes.len() as u64),
            data: pages.bytes,
            ..vlr("copc", 1000, "EPT Hierarchy")
        };
        let info = self.info(evlr_at + EVLR_HEADER_LEN as u64, pages.root_len);
        let vlrs = vlrs(&self.layout, &self.laszip, &info)?;
        let header = self.header(evlr_at, vlrs.len() as u32);
        let write = |file: &mut BufWriter<File>| -> Result<(), las::Error> {
            evlr.write_to(&mut *file)?;
            file.seek(SeekFrom::Start(0))?;
            header.write_to(&mut *file)?;
            for vlr in &vlrs {
                vlr.write_to(&mut *file)?;
            }
            file.write_all(&self.at.to_le_bytes())?;
            file.flush()?;
            Ok(file.get_ref().sync_all()?)
        };
        write(&mut self.file).map_err(|error| match error {
            las::Error::Io(source) => Error::io(&self.path)(source),
            other => Error::Refused(format!("writing points: {other}")),
        })?;
        Ok((self.path, self.tally.points))
    }

    /// Writes the chunk table and returns where it ends.
    fn finish_chunks(&mut self) -> io::Result<u64> {
        self.chunks.write_to(&mut self.file, &self.laszip)?;
        self.file.stream_position()
    }

    /// The COPC info record.
    fn info(&self, root_at: u64, root_len: u64) -> [u8; INFO_LEN] {
        let cube = self.layout.cube;
        let half = cube.side_m / 2.0;
        let known = self.tally.gps_time_s[0] <= self.tally.gps_time_s[1];
        let [first, last] = if known {
            self.tally.gps_time_s
        } else {
            [0.0; 2]
        };
        let words = [
            (cube.min[0] + half).to_bits(),
            (cube.min[1] + half).to_bits(),
            (cube.min[2] + half).to_bits(),
            half.to_bits(),
            self.layout.spacing_m.to_bits(),
            root_at,
            root_len,
            first.to_bits(),
            last.to_bits(),
        ];
        let mut bytes = [0; INFO_LEN];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    fn header(&self, evlr_at: u64, vlr_count: u32) -> raw::Header {
        let shape = &self.encoder.plan().shape;
        let min = |axis| shape.coordinate(axis, self.tally.min[axis]);
        let max = |axis| shape.coordinate(axis, self.tally.max[axis]);
        let gps_time = if self.layout.gps_time_is_adjusted_standard {
            GPS_TIME_IS_ADJUSTED_STANDARD
        } else {
            0
        };
        raw::Header {
            global_encoding: CRS_IS_WKT | gps_time,
            version: las::Version::new(1, 4),
            generating_software: text("tvilling"),
            // The same points give the same bytes on every day.
            file_creation_day_of_year: 0,
            file_creation_year: 0,
            header_size: HEADER_LEN,
            offset_to_point_data: self.points_at,
            number_of_variable_length_records: vlr_count,
            point_data_record_format: shape.format | COMPRESSED,
            point_data_record_length: shape.record_len() as u16,
            number_of_point_records: 0,
            number_of_points_by_return: [0; 5],
            x_scale_factor: shape.scale[0],
            y_scale_factor: shape.scale[1],
            z_scale_factor: shape.scale[2],
            x_offset: shape.offset[0],
            y_offset: shape.offset[1],
            z_offset: shape.offset[2],
            min_x: min(0),
            max_x: max(0),
            min_y: min(1),
            max_y: max(1),
            min_z: min(2),
            max_z: max(2),
            evlr: Some(raw::header::Evlr {
                start_of_first_evlr: evlr_at,
                number_of_evlrs: 1,
            }),
            large_file: Some(raw::header::LargeFile {
                number_of_point_records: self.tally.points,
                number_of_points_by_return: self.tally.by_return,
            }),
            ..raw::Header::default()
        }
    }
}

/// The records between header and points.
fn vlrs(
    layout: &PointLayout,
    laszip: &LazVlr,
    info: &[u8; INFO_LEN],
) -> Result<Vec<raw::Vlr>, Error> {
    let mut packing = Vec::new();
    laszip
        .write_to(&mut packing)
        .map_err(|error| Error::Refused(format!("writing points: {error}")))?;
    let mut all = vec![
        (vlr("copc", 1, "COPC info VLR"), info.to_vec()),
        (vlr("laszip encoded", 22204, "LASzip"), packing),
    ];
    if !layout.crs_wkt.is_empty() {
        let mut wkt = layout.crs_wkt.clone().into_bytes();
        wkt.push(0);
        all.push((vlr("LASF_Projection", 2112, "CRS as WKT"), wkt));
    }
    if !layout.extra.descriptors.is_empty() {
        let descriptors = layout.extra.descriptors.clone();
        all.push((vlr("LASF_Spec", 4, "Extra bytes"), descriptors));
    }
    let finished = all.into_iter().map(|(vlr, data)| {
        let len = u16::try_from(data.len()).map_err(|_| {
            Error::Refused(format!(
                "the WKT of the CRS or the descriptors of extra bytes take {} bytes, and a record has 65,535 at most",
                data.len()
            ))
        })?;
        Ok(raw::Vlr {
            record_length_after_header: raw::vlr::RecordLength::Vlr(len),
            data,
            ..vlr
        })
    });
    finished.collect()
}

fn vlr(user_id: &str, record_id: u16, description: &str) -> raw::Vlr {
    raw::Vlr {
        user_id: text(user_id),
        record_id,
        description: text(description),
        ..raw::Vlr::default()
    }
}

/// Text in a field of zeros.
fn text<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [0; N];
    for (place, byte) in field.iter_mut().zip(text.bytes()) {
        *place = byte;
    }
    field
}
