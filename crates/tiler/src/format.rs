//! File formats of images.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::Error;

/// File format of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageFormat {
    /// PNG.
    Png,
    /// Lossless WebP.
    WebP,
}

impl ImageFormat {
    /// The bytes of an image file.
    pub(crate) fn encode(
        self,
        pixels: &[u8],
        [width, height]: [u32; 2],
        colour: ExtendedColorType,
    ) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        match self {
            // Made while somebody waits: the fast way costs a third more bytes.
            ImageFormat::Png => {
                PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Adaptive)
                    .write_image(pixels, width, height, colour)
            }
            ImageFormat::WebP => {
                WebPEncoder::new_lossless(&mut out).write_image(pixels, width, height, colour)
            }
        }
        .map_err(|error| Error::Image(error.to_string()))?;
        Ok(out)
    }
}
