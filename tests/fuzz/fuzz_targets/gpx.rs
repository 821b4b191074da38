//! Reads arbitrary bytes as a layer called `a.gpx`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::layer("a.gpx", bytes));
