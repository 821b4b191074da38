//! The command and the server from end to end: source files in, answers out.
//!
//! Judged from outside wherever there is a judge: GDAL reads what Tvilling writes, the
//! demo town knows its own truth, and real surveys lie beside the checkout.

#![expect(clippy::panic, reason = "a test that cannot go on says why")]

mod classes;
mod contours;
mod copc;
mod crash;
mod demo;
mod edits;
mod gdal;
mod grids;
mod harness;
mod heights;
mod hostile;
mod mutations;
mod pyramids;
mod rasters;
mod real;
mod retiling;
mod sources;
mod spatial;
mod surveys;
mod tiles;
