//! Rasters to give away: the same files as the twin's own, but compressed, and of bytes
//! where bytes are enough.

use std::path::{Path, PathBuf};

use libdeflater::{CompressionLvl, Compressor};
use model::{Grid, GridFrame};

use super::directory::Description;
use super::write::{HeightWriter, epsg};
use super::{TILE, TILE_BYTES};
use crate::Error;

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

/// What a raster shows, and how it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct RasterFormat {
    /// How its values are kept.
    pub samples: Samples,
    /// How its overviews are made.
    pub overviews: Overviews,
    /// The code of its CRS, such as `EPSG:3006`; kept if the authority is EPSG.
    pub crs_code: String,
    /// The code of the vertical CRS that its values are elevations in, if they are.
    pub vertical_code: Option<String>,
    /// The unit of its values, such as `metre`; empty if they have none.
    pub unit: &'static str,
    /// What it shows, for people.
    pub description: String,
}

/// A raster on its way to a Cloud-Optimised GeoTIFF, patch by patch.
///
/// Memory is that of a few tiles however large the raster is; the rest lies in a temporary
/// file.
#[derive(Debug)]
pub struct RasterWriter(HeightWriter);

impl RasterWriter {
    /// Starts a raster without any value. `scratch` is where its cells lie until it is
    /// finished; it must not exist, and is gone afterwards.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the frame has no cells or its numbers make no sense; [`Error::Io`].
    pub fn new(frame: GridFrame, scratch: PathBuf) -> Result<RasterWriter, Error> {
        HeightWriter::new(frame, scratch).map(RasterWriter)
    }

    /// Puts the values of a patch in their place. Cells without a value are passed over.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the patch does not lie on the frame's cells; [`Error::Io`].
    pub fn put(&mut self, patch: &Grid) -> Result<(), Error> {
        self.0.put(patch)
    }

    /// Writes everything to a new file, with overviews and statistics, and makes it durable.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], also if `path` exists.
    pub fn finish(self, path: &Path, format: &RasterFormat) -> Result<(), Error> {
        let description = Description {
            crs: epsg(&format.crs_code),
            vertical: format.vertical_code.as_deref().and_then(epsg),
            samples: format.samples,
            compressed: true,
            unit: format.unit,
            // TIFF has these texts in ASCII; readers have come to take them for UTF-8.
            text: format.description.replace(char::is_control, " "),
        };
        self.0.finish_as(path, format.overviews, &description)
    }
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
