//! How values lie in a tile of a file: as floats or bytes, compressed or not.

use libdeflater::{CompressionLvl, Compressor};

use super::directory::Description;
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

    /// Returns the bytes of a tile, of which `tile` holds the floats.
    pub(super) fn encode<'a>(&'a mut self, tile: &'a [u8]) -> &'a [u8] {
        self.plain.clear();
        match (self.samples, &self.compressor) {
            (Samples::Float32, None) => return tile,
            (Samples::Float32, Some(_)) => {
                for row in tile.chunks_exact(TILE_BYTES / TILE) {
                    self.plain.extend(float_differences(row));
                }
            }
            (Samples::Byte, compressor) => {
                let (cells, _) = tile.as_chunks::<4>();
                self.plain.extend(cells.iter().map(|&cell| byte(cell)));
                if compressor.is_some() {
                    self.plain.chunks_exact_mut(TILE).for_each(differences);
                }
            }
        }
        let Some(compressor) = &mut self.compressor else {
            return &self.plain;
        };
        self.out
            .resize(compressor.zlib_compress_bound(self.plain.len()), 0);
        let len = compressor
            .zlib_compress(&self.plain, &mut self.out)
            .expect("the buffer is as large as the bound says");
        &self.out[..len]
    }
}

/// A value as a byte.
pub(super) fn byte(cell: [u8; 4]) -> u8 {
    let value = f32::from_le_bytes(cell);
    if value.is_nan() {
        0
    } else {
        value.round().clamp(1.0, 255.0) as u8
    }
}

/// Turns a row into the differences from its left neighbours (TIFF 6.0, predictor 2).
fn differences(row: &mut [u8]) {
    for at in (1..row.len()).rev() {
        row[at] = row[at].wrapping_sub(row[at - 1]);
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
