//! The store as the other crates see it.

#![expect(clippy::unwrap_used, reason = "tests")]

mod changes;
mod common;
mod crashes;
mod damage;
mod edits;
mod points;
mod pyramids;
mod rasters;
mod reading;
mod round_trip;
