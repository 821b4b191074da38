//! The header and variable length records of a LAS or LAZ file, checked.
//!
//! What a header says is a claim. Each claim is held against the size of the file before
//! anything is allocated or skipped by it. After [`FileHeader::read`] the points of an
//! uncompressed file are known to be all there.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use las::raw;
use model::ExtraBytes;

use super::extra;

/// Bytes of the public header block of LAS 1.0 to 1.2; of later versions, the part that matters here.
const HEADER_LEN: u64 = 227;
/// Bytes of the public header block of LAS 1.4.
const HEADER_LEN_1_4: u64 = 375;
/// Bytes before the data of a variable length record.
const VLR_HEADER_LEN: u64 = 54;
/// Bytes before the data of an extended variable length record.
const EVLR_HEADER_LEN: u64 = 60;

/// Most variable length records that are looked at. Files with hundreds exist; more than
/// this is damage, and would cost time for nothing.
const MAX_VLRS: u32 = 10_000;
/// Longest extended record whose data is read: a coordinate system is a few kilobytes.
const MAX_EVLR_LEN: u64 = 1 << 20;

/// Bytes of a point record by format, without extra bytes (ASPRS LAS 1.4 R15, tables 7 to 17).
pub(super) const RECORD_LEN: [u16; 11] = [20, 28, 26, 34, 57, 63, 30, 36, 38, 59, 67];

/// What a file says of itself, as far as it holds.
#[derive(Debug, Clone)]
pub(super) struct FileHeader {
    /// Point format, 0 to 10.
    pub(super) format: u8,
    /// Bytes of a point record.
    pub(super) record_len: u16,
    /// Points that the file claims.
    pub(super) points: u64,
    /// First byte of the points.
    pub(super) points_at: u64,
    /// Bytes of the file.
    pub(super) file_len: u64,
    /// Metres or degrees, or whatever the CRS has, in one step of x, y and z.
    pub(super) scale: [f64; 3],
    /// What is added to scaled x, y and z.
    pub(super) offset: [f64; 3],
    /// Claimed lowest x, y, z.
    pub(super) min: [f64; 3],
    /// Claimed highest x, y, z.
    pub(super) max: [f64; 3],
    /// Whether GPS time counts from 1980, less 10⁹ seconds, and not from Sunday.
    pub(super) gps_time_is_adjusted_standard: bool,
    /// Whether the system identifier or the generating software says that the points are
    /// made up, by a first word `SYNTHETIC` in any case, as survey generators write.
    pub(super) says_synthetic: bool,
    /// Whether the coordinate system is to be read from WKT.
    pub(super) says_wkt: bool,
    /// Year and day of the year in which the file was made, as written.
    pub(super) created: (u16, u16),
    /// Data of the LASzip record, if the points are compressed.
    pub(super) laszip: Option<Vec<u8>>,
    /// Coordinate system as WKT.
    pub(super) wkt: Option<String>,
    /// Coordinate system as GeoTIFF keys, doubles and text.
    pub(super) geo_keys: [Vec<u8>; 3],
    /// What follows the standard attributes of each point.
    pub(super) extra: ExtraBytes,
    /// What is odd, but harmless: short codes and explanations.
    pub(super) oddities: Vec<(&'static str, String)>,
}

/// A record of the file's own or of an application.
struct Record {
    user: String,
    id: u16,
    data: Vec<u8>,
}

impl FileHeader {
    /// Reads and checks the header of an open file.
    ///
    /// # Errors
    ///
    /// One sentence that says what is wrong, at which byte, and what to do.
    pub(super) fn read(file: &mut File, path: &Path) -> Result<FileHeader, String> {
        let io = |e: std::io::Error| format!("cannot be read: {e}");
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err("is not a file: name the LAS or LAZ files themselves".to_owned());
        }
        let file_len = metadata.len();
        let mut start = Vec::new();
        file.take(u64::from(u16::MAX))
            .read_to_end(&mut start)
            .map_err(io)?;
        check_signature(&start)?;
        let raw = parse_raw(&start)?;
        let mut header = FileHeader::check(&raw, file_len)?;
        let compressed = raw.point_data_record_format & 0xC0 != 0;
        let records = header.read_records(file, &raw)?;
        header.take_records(records, compressed)?;
        if !compressed {
            header.check_length()?;
        }
        let is_laz = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("laz"));
        if is_laz && !compressed {
            header.oddities.push((
                "not_compressed",
                "the points of this .laz file are not compressed".to_owned(),
            ));
        }
        Ok(header)
    }

    fn check(raw: &raw::Header, file_len: u64) -> Result<FileHeader, String> {
        let mut oddities = Vec::new();
        let points_at = u64::from(raw.offset_to_point_data);
        let header_len = u64::from(raw.header_size);
        let least = if raw.version.minor >= 4 {
            HEADER_LEN_1_4
        } else {
            HEADER_LEN
        };
        if header_len < least {
            return Err(format!(
                "the header says at byte 94 that it is {header_len} bytes long, but LAS {} needs {least}: the file is damaged, ask for it again",
                raw.version
            ));
        }
        if points_at < header_len {
            return Err(format!(
                "the header says at byte 96 that points start at byte {points_at}, inside the header of {header_len} bytes: the file is damaged, ask for it again"
            ));
        }
        if points_at > file_len {
            return Err(format!(
                "points should start at byte {points_at}, but the file ends at byte {file_len}: it is cut off or damaged, copy or ask for it again"
            ));
        }
        let format = raw.point_data_record_format & 0x3F;
        let Some(&record_least) = RECORD_LEN.get(usize::from(format)) else {
            return Err(format!(
                "byte 104 names point format {format}, but LAS has only 0 to 10: the file is damaged or newer than LAS 1.4"
            ));
        };
        let record_len = raw.point_data_record_length;
        if record_len < record_least {
            return Err(format!(
                "byte 105 says that a point takes {record_len} bytes, but point format {format} needs {record_least}: the file is damaged, ask for it again"
            ));
        }
        let scale = [raw.x_scale_factor, raw.y_scale_factor, raw.z_scale_factor];
        let offset = [raw.x_offset, raw.y_offset, raw.z_offset];
        for (i, axis) in ["x", "y", "z"].into_iter().enumerate() {
            if !scale[i].is_finite() || scale[i] == 0.0 {
                return Err(format!(
                    "the scale of {axis} at byte {} is {}: no coordinates can be made of that, so the file is damaged, ask for it again",
                    131 + 8 * i,
                    scale[i]
                ));
            }
            if !offset[i].is_finite() {
                return Err(format!(
                    "the offset of {axis} at byte {} is {}: no coordinates can be made of that, so the file is damaged, ask for it again",
                    155 + 8 * i,
                    offset[i]
                ));
            }
        }
        let legacy = u64::from(raw.number_of_point_records);
        let points = match raw.large_file {
            Some(large) if format >= 6 || legacy == 0 => large.number_of_point_records,
            _ => legacy,
        };
        if let Some(large) = raw.large_file
            && legacy != 0
            && large.number_of_point_records != legacy
        {
            oddities.push((
                "point_counts_differ",
                format!(
                    "the header counts {legacy} points at byte 107 and {} at byte 247; {points} was taken",
                    large.number_of_point_records
                ),
            ));
        }
        Ok(FileHeader {
            format,
            record_len,
            points,
            points_at,
            file_len,
            scale,
            offset,
            min: [raw.min_x, raw.min_y, raw.min_z],
            max: [raw.max_x, raw.max_y, raw.max_z],
            gps_time_is_adjusted_standard: raw.global_encoding & 1 != 0,
            says_synthetic: says_synthetic(&raw.system_identifier)
                || says_synthetic(&raw.generating_software),
            says_wkt: raw.global_encoding & 16 != 0,
            created: (raw.file_creation_year, raw.file_creation_day_of_year),
            laszip: None,
            wkt: None,
            geo_keys: Default::default(),
            extra: extra::described(record_len - record_least, &[]),
            oddities,
        })
    }

    /// Reads the variable length records, and of the extended ones those that may hold a
    /// coordinate system. Records that do not fit are left out and noted.
    fn read_records(&mut self, file: &mut File, raw: &raw::Header) -> Result<Vec<Record>, String> {
        let io = |e: std::io::Error| format!("cannot be read: {e}");
        let mut records = Vec::new();
        let mut at = u64::from(raw.header_size);
        let claimed = raw.number_of_variable_length_records;
        for number in 0..claimed {
            let record = if number < MAX_VLRS {
                read_record(file, at, self.points_at, false).map_err(io)?
            } else {
                None
            };
            let Some((record, end)) = record else {
                self.oddities.push((
                    "records_cut_off",
                    format!(
                        "the header counts {claimed} variable length records, but only {number} fit before the points at byte {}",
                        self.points_at
                    ),
                ));
                break;
            };
            records.push(record);
            at = end;
        }
        if let Some(evlr) = raw.evlr {
            let mut at = evlr.start_of_first_evlr;
            for number in 0..evlr.number_of_evlrs.min(MAX_VLRS) {
                match read_record(file, at, self.file_len, true).map_err(io)? {
                    Some((record, end)) => {
                        records.push(record);
                        at = end;
                    }
                    None => {
                        self.oddities.push((
                            "records_cut_off",
                            format!("extended variable length record {number} at byte {at} does not fit into the file"),
                        ));
                        break;
                    }
                }
            }
        }
        Ok(records)
    }

    /// Keeps what matters of the records.
    fn take_records(&mut self, records: Vec<Record>, compressed: bool) -> Result<(), String> {
        let mut laszip = None;
        for record in records {
            match (record.user.to_ascii_lowercase().as_str(), record.id) {
                ("laszip encoded", 22204) => laszip = Some(record.data),
                ("lasf_projection", 2112) if self.wkt.is_none() => {
                    let text = String::from_utf8_lossy(&record.data);
                    let text = text.trim_end_matches('\0').trim();
                    if !text.is_empty() {
                        self.wkt = Some(text.to_owned());
                    }
                }
                ("lasf_projection", id @ 34735..=34737) => {
                    self.geo_keys[usize::from(id - 34735)] = record.data;
                }
                ("lasf_spec", 4) => self.extra = extra::described(self.extra.len, &record.data),
                ("copc", 1) => check_copc(&record.data, self.file_len)?,
                _ => {}
            }
        }
        match (compressed, &laszip) {
            (true, None) => Err(
                "byte 104 says that the points are compressed, but there is no LASzip record that says how: the file is damaged, ask for it again".to_owned(),
            ),
            (false, Some(_)) => Err(
                "there is a LASzip record, but byte 104 says that the points are not compressed: the file is damaged, ask for it again".to_owned(),
            ),
            _ => {
                self.laszip = laszip;
                Ok(())
            }
        }
    }

    /// Checks that uncompressed points are all there.
    fn check_length(&mut self) -> Result<(), String> {
        let there = (self.file_len - self.points_at) / u64::from(self.record_len);
        if there < self.points {
            return Err(format!(
                "the header counts {} points of {} bytes from byte {}, but the file ends at byte {} after {there}: it is cut off or damaged, copy or ask for it again",
                self.points, self.record_len, self.points_at, self.file_len
            ));
        }
        Ok(())
    }
}

/// Tells what a file is that does not begin like LAS.
fn check_signature(start: &[u8]) -> Result<(), String> {
    if start.starts_with(b"LASF") {
        return Ok(());
    }
    let text = start.trim_ascii_start();
    let looks_like = if start.is_empty() {
        "is empty: copy or ask for it again"
    } else if start.starts_with(&[0x1F, 0x8B]) {
        "is compressed by gzip: unpack it first (gunzip)"
    } else if start.starts_with(b"PK") {
        "is a zip archive: unpack it first"
    } else if text.starts_with(b"<") {
        "is a web page or XML, not a survey: the download probably failed, fetch it again"
    } else {
        "does not begin with LASF, so it is neither LAS nor LAZ: check that it is the right file"
    };
    Err(looks_like.to_owned())
}

fn parse_raw(start: &[u8]) -> Result<raw::Header, String> {
    let needed = match start.get(24..26) {
        Some([1, 0..=3]) => HEADER_LEN as usize,
        Some([1, 4]) => HEADER_LEN_1_4 as usize,
        Some([major, minor]) => {
            return Err(format!(
                "byte 24 says LAS {major}.{minor}, and only 1.0 to 1.4 are known: convert it to LAS 1.4, or ask for it again if it is damaged"
            ));
        }
        _ => HEADER_LEN as usize,
    };
    if start.len() < needed {
        return Err(format!(
            "ends at byte {} inside its header of {needed} bytes: it is cut off, copy or ask for it again",
            start.len()
        ));
    }
    // The reader of the header takes fields of LAS 1.3 that some short files lack, and its
    // declared size: zeros stand in for what is missing, since neither is used here.
    let mut bytes = start.to_vec();
    bytes.resize(2 * usize::from(u16::MAX), 0);
    raw::Header::read_from(bytes.as_slice()).map_err(|e| {
        format!("its header cannot be understood ({e}): the file is damaged, ask for it again")
    })
}

/// Returns whether a text of the header begins with the word `SYNTHETIC`.
fn says_synthetic(text: &[u8]) -> bool {
    const WORD: &[u8] = b"SYNTHETIC";
    let starts = text.len() >= WORD.len() && text[..WORD.len()].eq_ignore_ascii_case(WORD);
    starts && !text.get(WORD.len()).is_some_and(u8::is_ascii_alphanumeric)
}

/// Reads the record at byte `at`, and returns it with the byte after it; none if it does
/// not fit before `limit`. Long records of no interest come without data.
fn read_record(
    file: &mut File,
    at: u64,
    limit: u64,
    extended: bool,
) -> std::io::Result<Option<(Record, u64)>> {
    let header_len = if extended {
        EVLR_HEADER_LEN
    } else {
        VLR_HEADER_LEN
    };
    let Some(data_at) = at.checked_add(header_len).filter(|&end| end <= limit) else {
        return Ok(None);
    };
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = [0; EVLR_HEADER_LEN as usize];
    file.read_exact(&mut bytes[..header_len as usize])?;
    let user = bytes[2..18].split(|&b| b == 0).next().unwrap_or_default();
    let user = String::from_utf8_lossy(user).trim().to_owned();
    let id = u16::from_le_bytes([bytes[18], bytes[19]]);
    let data_len = if extended {
        u64::from_le_bytes(bytes[20..28].try_into().expect("eight bytes"))
    } else {
        u64::from(u16::from_le_bytes([bytes[20], bytes[21]]))
    };
    let Some(end) = data_at.checked_add(data_len).filter(|&end| end <= limit) else {
        return Ok(None);
    };
    let mut data = Vec::new();
    if data_len <= MAX_EVLR_LEN {
        file.take(data_len).read_to_end(&mut data)?;
    }
    Ok(Some((Record { user, id, data }, end)))
}

/// Checks the record that makes a LAZ file a COPC file (COPC 1.0).
///
/// The points are read without its index; but a file whose index leads nowhere is damaged.
fn check_copc(data: &[u8], file_len: u64) -> Result<(), String> {
    let word = |at: usize| {
        data.get(at..at + 8)
            .map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
    };
    let (Some(half_size), Some(index_at), Some(index_len)) = (word(24), word(40), word(48)) else {
        return Err(
            "its COPC record is too short: the file is damaged, ask for it again".to_owned(),
        );
    };
    let half_size = f64::from_bits(half_size);
    if !(half_size.is_finite() && half_size > 0.0) {
        return Err(format!(
            "its COPC record gives the octree a half size of {half_size}: the file is damaged, ask for it again"
        ));
    }
    if index_at
        .checked_add(index_len)
        .is_none_or(|end| end > file_len)
    {
        return Err(format!(
            "its COPC record places the index at byte {index_at} with {index_len} bytes, but the file ends at byte {file_len}: it is cut off or damaged, copy or ask for it again"
        ));
    }
    Ok(())
}
