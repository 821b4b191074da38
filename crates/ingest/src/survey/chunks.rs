//! The points of one file as parts that can be decoded each on its own.
//!
//! Uncompressed points are cut into slices. Compressed points are cut into the chunks of
//! their chunk table (LASzip), whose counts are held against the file before use. Points
//! without a usable table, or in chunks too large to hold, are unpacked one after another
//! and handed on as uncompressed slices.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};

use laz::laszip::{ChunkTable, LazVlr};
use laz::record::RecordDecompressor;

use super::codec::{Codec, Kind, parse_laszip};
use super::header::FileHeader;
use crate::guard;

/// Most points in a batch.
pub(super) const BATCH_POINTS: u64 = 1_000_000;
/// Most points in a slice of uncompressed points: small enough to keep all threads busy.
const SLICE_POINTS: u64 = 50_000;
/// Most bytes of raw points held at once for a batch, whatever their number: records may
/// be long.
const BATCH_BYTES: u64 = 256 << 20;
/// A chunk with more bytes than this is not held as a whole if that can be helped, and a
/// layered one, where it cannot, is refused. Chunks are some hundred kilobytes in practice.
const MAX_CHUNK_BYTES: u64 = 128 << 20;

/// Consecutive points of a file, as bytes.
#[derive(Debug)]
pub(super) struct Part {
    /// Where in the file the bytes begin.
    pub(super) at: u64,
    /// Number of the first point in the file.
    pub(super) first_point: u64,
    /// Number of points.
    pub(super) points: u64,
    /// Whether the bytes are still compressed.
    compressed: bool,
    bytes: Vec<u8>,
}

/// Where consecutive points lie in the file.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: u64,
    len: u64,
    points: u64,
}

/// How the points of a file are to be read.
pub(super) struct Chunks {
    file: BufReader<File>,
    codec: Option<Codec>,
    places: std::vec::IntoIter<Place>,
    record_len: u64,
    next_point: u64,
    /// Points being unpacked one after another.
    stream: Option<Stream>,
}

struct Stream {
    unpack: Box<dyn RecordDecompressor<BufReader<File>> + Send>,
    left: u64,
    /// Points after which the codec starts anew, and how many of them are left.
    chunk: Option<(u64, u64)>,
}

impl Chunks {
    /// Finds the chunks of a file.
    ///
    /// # Errors
    ///
    /// One sentence that says what is wrong, at which byte, and what to do.
    pub(super) fn open(mut file: File, header: &FileHeader) -> Result<Chunks, String> {
        let record_len = u64::from(header.record_len);
        let mut one_after_another = None;
        let (codec, places) = match &header.laszip {
            None => (None, slices(header)),
            Some(data) => {
                let (kind, vlr) = parse_laszip(data)?;
                let codec = Codec::new(kind, &vlr, header)?;
                let places = find_places(&mut file, header, kind, &vlr, &codec)?;
                let places = places.unwrap_or_else(|| {
                    let skip = if kind == Kind::PointWise { 0 } else { 8 };
                    let chunk = (kind != Kind::PointWise).then(|| u64::from(vlr.chunk_size()));
                    one_after_another = Some(chunk);
                    vec![Place {
                        at: header.points_at + skip,
                        len: (header.file_len - header.points_at).saturating_sub(skip),
                        points: header.points,
                    }]
                });
                (Some(codec), places)
            }
        };
        let mut chunks = Chunks {
            file: BufReader::with_capacity(1 << 16, file),
            codec,
            places: places.into_iter(),
            record_len,
            next_point: 0,
            stream: None,
        };
        if let Some(chunk) = one_after_another
            && header.points > 0
        {
            let whole = chunks.places.next().expect("there is one place");
            chunks.start_stream(whole, chunk)?;
        }
        Ok(chunks)
    }

    /// How the parts are compressed.
    pub(super) fn codec(&self) -> Option<&Codec> {
        self.codec.as_ref()
    }

    /// Reads the bytes of the next batch of points; none at the end.
    pub(super) fn next_batch(&mut self) -> Result<Option<Vec<Part>>, String> {
        let mut parts = Vec::new();
        let (mut points, mut bytes) = (0, 0);
        loop {
            if self.stream.is_some() {
                if points == 0 {
                    return self.unpack_some().map(Some);
                }
                break;
            }
            let Some(&place) = self.places.as_slice().first() else {
                break;
            };
            if points > 0
                && (points + place.points > BATCH_POINTS || bytes + place.len > BATCH_BYTES)
            {
                break;
            }
            if !self.fits(&place) {
                if points > 0 {
                    break;
                }
                self.places.next();
                self.start_stream(place, None)?;
                continue;
            }
            self.places.next();
            parts.push(self.read(place)?);
            points += place.points;
            bytes += place.len;
        }
        Ok((!parts.is_empty()).then_some(parts))
    }

    /// Whether a chunk can be held as a whole, packed and unpacked.
    fn fits(&self, place: &Place) -> bool {
        place.points <= BATCH_POINTS && place.len <= MAX_CHUNK_BYTES
    }

    fn read(&mut self, place: Place) -> Result<Part, String> {
        let mut bytes = Vec::new();
        self.file
            .seek(SeekFrom::Start(place.at))
            .and_then(|_| (&mut self.file).take(place.len).read_to_end(&mut bytes))
            .map_err(|e| format!("cannot be read at byte {}: {e}", place.at))?;
        if (bytes.len() as u64) < place.len {
            return Err(format!(
                "ended at byte {} while it was read: something else is writing to it",
                place.at + bytes.len() as u64
            ));
        }
        let first_point = self.next_point;
        self.next_point += place.points;
        Ok(Part {
            at: place.at,
            first_point,
            points: place.points,
            compressed: self.codec.is_some(),
            bytes,
        })
    }

    /// Starts to unpack a place point by point; anew after each `chunk` points if given.
    fn start_stream(&mut self, place: Place, chunk: Option<u64>) -> Result<(), String> {
        let codec = self
            .codec
            .as_ref()
            .expect("only compressed places are streamed");
        let io = |e: std::io::Error| format!("cannot be read at byte {}: {e}", place.at);
        self.file.seek(SeekFrom::Start(place.at)).map_err(io)?;
        if codec.layered {
            if place.len > MAX_CHUNK_BYTES {
                return Err(format!(
                    "the chunk of {} points at byte {} takes {} bytes, and chunks over {MAX_CHUNK_BYTES} are not read: write the file again with the usual chunks of 50,000 points",
                    place.points, place.at, place.len
                ));
            }
            let end = place.at + place.len;
            let (points, _) = codec.layered_len(&mut self.file, place.at, end)?;
            check_count(place.at, points, place.points)?;
            self.file.seek(SeekFrom::Start(place.at)).map_err(io)?;
        }
        let mut file = self.file.get_ref().try_clone().map_err(io)?;
        file.seek(SeekFrom::Start(place.at)).map_err(io)?;
        let input = BufReader::with_capacity(1 << 16, file);
        self.stream = Some(Stream {
            unpack: codec.decompressor(input)?,
            left: place.points,
            chunk: chunk.map(|length| (length, length)),
        });
        Ok(())
    }

    /// Unpacks the next points of the stream.
    fn unpack_some(&mut self) -> Result<Vec<Part>, String> {
        let stream = self.stream.as_mut().expect("there is a stream");
        let codec = self.codec.as_ref().expect("a stream is compressed");
        let most = (BATCH_BYTES / self.record_len)
            .clamp(1, BATCH_POINTS)
            .min(stream.left);
        let mut parts = Vec::new();
        let mut done = 0;
        while done < most {
            let points = SLICE_POINTS.min(most - done);
            let mut bytes = vec![0; (points * self.record_len) as usize];
            let record_len = self.record_len as usize;
            for (i, record) in bytes.chunks_exact_mut(record_len).enumerate() {
                if let Some((length, left)) = &mut stream.chunk {
                    if *left == 0 {
                        stream.unpack.reset();
                        stream
                            .unpack
                            .set_fields_from(&codec.items)
                            .map_err(|e| e.to_string())?;
                        *left = *length;
                    }
                    *left -= 1;
                }
                let unpack = &mut stream.unpack;
                guarded(|| unpack.decompress_next(record))
                    .map_err(|e| damaged(self.next_point + i as u64, e))?;
            }
            parts.push(Part {
                at: 0,
                first_point: self.next_point,
                points,
                compressed: false,
                bytes,
            });
            self.next_point += points;
            done += points;
        }
        stream.left -= done;
        if stream.left == 0 {
            self.stream = None;
        }
        Ok(parts)
    }
}

impl Part {
    /// Calls `take` with the bytes of point records, some at a time, in order.
    pub(super) fn for_records(
        &self,
        codec: Option<&Codec>,
        record_len: usize,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), String> {
        let Some(codec) = codec.filter(|_| self.compressed) else {
            take(&self.bytes);
            return Ok(());
        };
        let whole = |e| {
            format!(
                "{} (its chunk begins at byte {})",
                damaged(self.first_point, e),
                self.at
            )
        };
        let mut input = Cursor::new(self.bytes.as_slice());
        if codec.layered {
            let (points, _) = codec
                .layered_len(&mut input, 0, self.bytes.len() as u64)
                .map_err(|e| format!("{e}, counted from byte {}", self.at))?;
            check_count(self.at, points, self.points)?;
            input.set_position(0);
        }
        let mut unpack = codec.decompressor(input)?;
        // A few pages of records at a time stay in the cache of the processor.
        let step = (65_536 / record_len).max(1) as u64;
        let mut records = vec![0; step.min(self.points) as usize * record_len];
        let mut done = 0;
        while done < self.points {
            let count = step.min(self.points - done);
            let records = &mut records[..count as usize * record_len];
            guarded(|| unpack.decompress_many(records)).map_err(whole)?;
            take(records);
            done += count;
        }
        Ok(())
    }
}

/// Cuts uncompressed points into slices.
fn slices(header: &FileHeader) -> Vec<Place> {
    let record_len = u64::from(header.record_len);
    let most = (MAX_CHUNK_BYTES / record_len).clamp(1, SLICE_POINTS);
    (0..header.points)
        .step_by(most as usize)
        .map(|first| {
            let points = most.min(header.points - first);
            Place {
                at: header.points_at + first * record_len,
                len: points * record_len,
                points,
            }
        })
        .collect()
}

/// Finds the chunks of compressed points; none if they can only be read one after another.
fn find_places(
    file: &mut File,
    header: &FileHeader,
    kind: Kind,
    vlr: &LazVlr,
    codec: &Codec,
) -> Result<Option<Vec<Place>>, String> {
    if kind == Kind::PointWise {
        return Ok(None);
    }
    let cut = || {
        format!(
            "the compressed points from byte {} are cut off at byte {}: copy or ask for the file again",
            header.points_at, header.file_len
        )
    };
    let first_at = header.points_at + 8;
    if first_at > header.file_len {
        return Err(cut());
    }
    // The chunk table's place stands before the points or, if the file was written in one
    // go, in its last eight bytes.
    let mut table_at = read_u64(file, header.points_at)?;
    if (table_at as i64) < first_at as i64 {
        table_at = read_u64(file, header.file_len - 8)?;
        let plausible = table_at >= first_at && table_at <= header.file_len - 16;
        if !plausible && kind == Kind::Layered {
            return walk_layered(file, header, codec, first_at).map(Some);
        }
        if !plausible && vlr.uses_variable_size_chunks() {
            return Err(format!(
                "its chunks vary in size and byte {} names no table of them: it was not written to its end, write it again",
                header.points_at
            ));
        }
        if !plausible {
            return Ok(None);
        }
    }
    if table_at
        .checked_add(8)
        .is_none_or(|end| end > header.file_len)
    {
        return Err(format!(
            "its chunk table should lie at byte {table_at}, but the file ends at byte {}: it is cut off or damaged, copy or ask for it again",
            header.file_len
        ));
    }
    let count = read_u64(file, table_at)? >> 32;
    let most = (table_at - first_at) / codec.record_len;
    if count > most {
        return Err(format!(
            "the chunk table at byte {table_at} counts {count} chunks, but there is room for {most} at most: the file is damaged, ask for it again"
        ));
    }
    let varying = vlr.uses_variable_size_chunks();
    file.seek(SeekFrom::Start(table_at))
        .map_err(|e| format!("cannot be read at byte {table_at}: {e}"))?;
    let table = guarded(|| ChunkTable::read(&mut BufReader::new(&mut *file), varying)).map_err(|e| {
        format!("the chunk table at byte {table_at} cannot be unpacked ({e}): the file is damaged, ask for it again")
    })?;
    let mut places = Vec::new();
    let (mut at, mut left) = (first_at, header.points);
    for entry in &table {
        if left == 0 {
            break;
        }
        let points = if varying {
            entry.point_count
        } else {
            u64::from(vlr.chunk_size()).min(left)
        };
        let end = at
            .checked_add(entry.byte_count)
            .filter(|&end| end <= table_at);
        let (Some(end), true) = (end, points <= left) else {
            return Err(format!(
                "the chunk table at byte {table_at} says that chunk {} at byte {at} has {points} points in {} bytes, which cannot be: the file is damaged, ask for it again",
                places.len(),
                entry.byte_count
            ));
        };
        if points > 0 {
            places.push(Place {
                at,
                len: entry.byte_count,
                points,
            });
        }
        at = end;
        left -= points;
    }
    if left > 0 {
        return Err(format!(
            "the header counts {} points, but the chunks hold only {}: the file is cut off or damaged, copy or ask for it again",
            header.points,
            header.points - left
        ));
    }
    Ok(Some(places))
}

/// Finds layered chunks by the lengths that each begins with.
fn walk_layered(
    file: &mut File,
    header: &FileHeader,
    codec: &Codec,
    first_at: u64,
) -> Result<Vec<Place>, String> {
    let mut input = BufReader::new(file);
    let mut places = Vec::new();
    let (mut at, mut left) = (first_at, header.points);
    while left > 0 {
        let (points, len) = codec.layered_len(&mut input, at, header.file_len)?;
        if points == 0 || points > left {
            return Err(format!(
                "the chunk at byte {at} says that it has {points} points, where {left} are left: the file is damaged, ask for it again"
            ));
        }
        places.push(Place { at, len, points });
        at += len;
        left -= points;
    }
    Ok(places)
}

fn read_u64(file: &mut File, at: u64) -> Result<u64, String> {
    let mut bytes = [0; 8];
    file.seek(SeekFrom::Start(at))
        .and_then(|_| file.read_exact(&mut bytes))
        .map_err(|e| format!("cannot be read at byte {at}: {e}"))?;
    Ok(u64::from_le_bytes(bytes))
}

/// Checks that a layered chunk says of itself that it has the points that are asked of it.
fn check_count(at: u64, there: u64, asked: u64) -> Result<(), String> {
    if there < asked {
        return Err(format!(
            "the chunk at byte {at} has {there} points, where the header and the chunk table count {asked}: the file is damaged, ask for it again"
        ));
    }
    Ok(())
}

fn damaged(first_point: u64, why: String) -> String {
    format!(
        "the compressed points from number {first_point} cannot be unpacked ({why}): the file is cut off or damaged, copy or ask for it again"
    )
}

/// Calls the codec, and turns a panic of it into an error.
///
/// The checks above are meant to keep every panic away; this is for those nobody knows of.
fn guarded<T, E: std::fmt::Display>(call: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match guard::guarded(call) {
        Some(result) => result.map_err(|e| e.to_string()),
        None => Err("the codec failed".to_owned()),
    }
}
