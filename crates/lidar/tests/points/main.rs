//! Points of made-up places whose truth is known.

#![expect(clippy::unwrap_used, reason = "tests")]

mod classes;
mod dice;
mod heights;
