//! Files through the public interface: made here, damaged here, and real.
//!
//! Real and known-bad files come from the shared data; where that is not there, their
//! tests say that they were skipped.

#![expect(clippy::unwrap_used, reason = "tests")]

mod blocks;
mod cityjson;
mod common;
mod geoparquet;
mod gml;
mod kept;
mod kml_gpx;
mod layers;
mod octrees;
mod surveys;
mod vertical;
