//! Tiles of a small twin, as the other crates see them, read with a decoder that
//! shares no code with the encoder.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod decode;
mod density;
mod difference;
mod levels;
mod pyramid;
mod raster;
mod retiling;
mod vector;
