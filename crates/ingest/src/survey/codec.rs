//! How the points of a LAZ file are compressed (LASzip).

use std::io::{Read, Seek, SeekFrom};

use laz::laszip::{LazItem, LazItemType, LazVlr};
use laz::record::{
    LayeredPointRecordDecompressor, RecordDecompressor, SequentialPointRecordDecompressor,
};

use super::header::FileHeader;

/// How points are compressed.
#[derive(Debug, Clone)]
pub(super) struct Codec {
    pub(super) items: Vec<LazItem>,
    pub(super) layered: bool,
    /// Layers of a chunk, each with its length in front (layered chunks only).
    pub(super) layers: usize,
    pub(super) record_len: u64,
}

/// How compressed points are laid out (LASzip).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One run of points (before LASzip 2).
    PointWise,
    /// Runs that can be unpacked each on its own.
    Chunked,
    /// Such runs, in which each attribute lies by itself (LAS 1.4 formats).
    Layered,
}

/// Reads the record that says how points are compressed.
pub(super) fn parse_laszip(data: &[u8]) -> Result<(Kind, LazVlr), String> {
    let bad = |why: &str| {
        format!("its LASzip record {why}: the file is damaged or newer than this program")
    };
    let short = || bad("is cut off");
    let kind = match data.get(..2).ok_or_else(short)? {
        [1, 0] => Kind::PointWise,
        [2, 0] => Kind::Chunked,
        [3, 0] => Kind::Layered,
        _ => return Err(bad("names a compressor that is not known")),
    };
    let count = data.get(32..34).ok_or_else(short)?;
    let count = usize::from(u16::from_le_bytes([count[0], count[1]]));
    if count == 0 || data.len() < 34 + 6 * count {
        return Err(bad(&format!(
            "counts {count} items, which do not fit its {} bytes",
            data.len()
        )));
    }
    let vlr = LazVlr::from_buffer(data).map_err(|e| bad(&format!("is not understood ({e})")))?;
    Ok((kind, vlr))
}

impl Codec {
    /// Checks that the compressed items are those of the point format, nothing else.
    pub(super) fn new(kind: Kind, vlr: &LazVlr, header: &FileHeader) -> Result<Codec, String> {
        use LazItemType as T;
        let items = vlr.items().clone();
        let fixed: &[T] = match header.format {
            0 => &[T::Point10],
            1 => &[T::Point10, T::GpsTime],
            2 => &[T::Point10, T::RGB12],
            3 => &[T::Point10, T::GpsTime, T::RGB12],
            4 => &[T::Point10, T::GpsTime, T::WavePacket13],
            5 => &[T::Point10, T::GpsTime, T::RGB12, T::WavePacket13],
            6 => &[T::Point14],
            7 => &[T::Point14, T::RGB14],
            8 => &[T::Point14, T::RGBNIR14],
            9 => &[T::Point14, T::WavePacket14],
            _ => &[T::Point14, T::RGBNIR14, T::WavePacket14],
        };
        let natural_len = |item: T| match item {
            T::Byte(len) | T::Byte14(len) => len,
            T::Point10 => 20,
            T::GpsTime | T::RGBNIR14 => 8,
            T::RGB12 | T::RGB14 => 6,
            T::WavePacket13 | T::WavePacket14 => 29,
            T::Point14 => 30,
        };
        let rest = items.get(fixed.len()..).unwrap_or_default();
        let extra_is_bytes = match rest {
            [] => true,
            [extra] => matches!(extra.item_type(), T::Byte(_) | T::Byte14(_)),
            _ => false,
        };
        let known = items
            .iter()
            .map(LazItem::item_type)
            .take(fixed.len())
            .eq(fixed.iter().copied())
            && extra_is_bytes
            && items
                .iter()
                .all(|item| item.size() == natural_len(item.item_type()));
        let len: u64 = items.iter().map(|item| u64::from(item.size())).sum();
        let layered = kind == Kind::Layered;
        let versions = items.iter().all(|item| (item.version() >= 3) == layered);
        if !known || !versions || len != u64::from(header.record_len) {
            return Err(format!(
                "its LASzip record does not describe points of format {} with {} bytes: the file is damaged, ask for it again",
                header.format, header.record_len
            ));
        }
        let layers = items
            .iter()
            .map(|item| match item.item_type() {
                T::Point14 => 9,
                T::RGBNIR14 => 2,
                T::Byte14(count) => usize::from(count),
                _ => 1,
            })
            .sum();
        Ok(Codec {
            items,
            layered,
            layers,
            record_len: len,
        })
    }

    /// Returns a decompressor of the points of one chunk.
    pub(super) fn decompressor<'a, R: Read + Seek + Send + Sync + 'a>(
        &self,
        input: R,
    ) -> Result<Box<dyn RecordDecompressor<R> + Send + 'a>, String> {
        let mut unpack: Box<dyn RecordDecompressor<R> + Send + 'a> = if self.layered {
            Box::new(LayeredPointRecordDecompressor::new(input))
        } else {
            Box::new(SequentialPointRecordDecompressor::new(input))
        };
        unpack.set_fields_from(&self.items).map_err(|e| {
            format!("its compression is not known ({e}): write it again with a current LASzip")
        })?;
        Ok(unpack)
    }

    /// Returns the points and bytes of the layered chunk at byte `at`, and checks that its
    /// layers end by byte `limit`: the codec allocates by these lengths.
    pub(super) fn layered_len<R: Read + Seek>(
        &self,
        input: &mut R,
        at: u64,
        limit: u64,
    ) -> Result<(u64, u64), String> {
        let cut = || {
            format!("the chunk at byte {at} is cut off or damaged: copy or ask for the file again")
        };
        input
            .seek(SeekFrom::Start(at + self.record_len))
            .map_err(|_| cut())?;
        let mut word = [0; 4];
        let mut next = || {
            input.read_exact(&mut word).map_err(|_| cut())?;
            Ok::<u64, String>(u64::from(u32::from_le_bytes(word)))
        };
        let points = next()?;
        let mut len = self.record_len + 4 + 4 * self.layers as u64;
        for _ in 0..self.layers {
            len += next()?;
        }
        if at + len > limit {
            return Err(cut());
        }
        Ok((points, len))
    }
}
