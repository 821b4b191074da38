//! Rasters to give away: the same files as the twin's own, but compressed, and of bytes
//! where bytes are enough.

use std::path::{Path, PathBuf};

use model::{Grid, GridFrame};

use super::directory::Description;
use super::write::{HeightWriter, epsg};
use super::{Overviews, Samples};
use crate::Error;

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
