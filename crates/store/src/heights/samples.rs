//! How values lie in a tile of a file: as floats or bytes, compressed or not.

use libdeflater::{CompressionLvl, Compressor};

use super::directory::{Description, Statistics};
use super::{TILE, TILE_BYTES};

/// How the values of a raster are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Samples {
    /// 32-bit floats; NaN where there is no value.
    Float32,
    /// Bytes, of values that are rounded and brought between 1 and 255; 0 where there is
    /// no value.
    Byte,
}

/// What a coarser cell has of the four cells that it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overviews {
    /// The mean of those that have a value.
    Mean,
    /// The largest.
    Maximum,
    /// The first that has a value: for what has no mean, such as directions.
    First,
}

/// Percent of its bytes that a tile of differences takes where one table of codes for small
/// numbers suits it.
///
/// Differences of shaded ground are small numbers without any pattern: there such a table,
/// which `fdeflate` has, does as well as a search for repetitions, and is ten times as fast.
/// Where differences are large the search does better, and where there are hardly any it is
/// fast as well.
const SMALL_WITHOUT_PATTERN: std::ops::Range<usize> = 12..75;

/// Brings tiles of the pile to the form that they have in a file.
pub(super) struct Encoder {
    samples: Samples,
    compressor: Option<Compressor>,
    plain: Vec<u8>,
    out: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(description: &Description) -> Encoder {
        let compressor = description
            .compressed
            .then(|| Compressor::new(CompressionLvl::default()));
        Encoder {
            samples: description.samples,
            compressor,
            plain: Vec::new(),
            out: Vec::new(),
        }
    }

    /// Returns the bytes of a tile, of which `tile` holds the floats, and counts its values
    /// as they are kept.
    pub(super) fn encode<'a>(
        &'a mut self,
        tile: &'a [u8],
        statistics: Option<&mut Statistics>,
    ) -> &'a [u8] {
        let (cells, _) = tile.as_chunks::<4>();
        self.plain.clear();
        match self.samples {
            Samples::Float32 => {
                if let Some(statistics) = statistics {
                    statistics.add(
                        cells
                            .iter()
                            .map(|&cell| f64::from(f32::from_le_bytes(cell))),
                    );
                }
                if self.compressor.is_none() {
                    return tile;
                }
                for row in tile.chunks_exact(TILE_BYTES / TILE) {
                    self.plain.extend(float_differences(row));
                }
            }
            Samples::Byte => {
                self.plain.extend(cells.iter().map(|&cell| byte(cell)));
                if let Some(statistics) = statistics {
                    statistics.add_bytes(&counts(&self.plain));
                }
                if self.compressor.is_some() {
                    self.plain.chunks_exact_mut(TILE).for_each(differences);
                }
            }
        }
        let Some(compressor) = &mut self.compressor else {
            return &self.plain;
        };
        if self.samples == Samples::Byte {
            self.out = fdeflate::compress_to_vec(&self.plain);
            if SMALL_WITHOUT_PATTERN.contains(&(100 * self.out.len() / self.plain.len())) {
                return &self.out;
            }
        }
        self.out
            .resize(compressor.zlib_compress_bound(self.plain.len()), 0);
        let len = compressor
            .zlib_compress(&self.plain, &mut self.out)
            .expect("the buffer is as large as the bound says");
        &self.out[..len]
    }
}

/// A value as a byte.
fn byte(cell: [u8; 4]) -> u8 {
    // Up by a half and cut off, which is rounding for what is over zero, and many at once;
    // what is not a number becomes 0.
    (f32::from_le_bytes(cell) + 0.5).clamp(1.0, 255.0) as i32 as u8
}

/// How often each byte is there.
fn counts(bytes: &[u8]) -> [u64; 256] {
    // Neighbours are often alike, and one count cannot grow twice at once: so each of four
    // has counts of its own.
    let mut counts = [[0_u32; 256]; 4];
    for four in bytes.chunks(4) {
        for (counts, byte) in counts.iter_mut().zip(four) {
            counts[usize::from(*byte)] += 1;
        }
    }
    std::array::from_fn(|byte| counts.iter().map(|counts| u64::from(counts[byte])).sum())
}

/// Turns a row of at most four tiles' bytes into the differences from its left neighbours
/// (TIFF 6.0, predictor 2).
fn differences(row: &mut [u8]) {
    // From a copy, so that many are done at once.
    let mut before = [0; 4 * TILE];
    let before = &mut before[..row.len()];
    before.copy_from_slice(row);
    for (value, left) in row[1..].iter_mut().zip(before) {
        *value = value.wrapping_sub(*left);
    }
}

/// The bytes of a row of floats, all first bytes first, as differences (TIFF Technical
/// Note 3, predictor 3).
fn float_differences(row: &[u8]) -> Vec<u8> {
    let (cells, _) = row.as_chunks::<4>();
    let mut planes: Vec<u8> = (0..4)
        .rev()
        .flat_map(|byte| cells.iter().map(move |cell| cell[byte]))
        .collect();
    differences(&mut planes);
    planes
}
