//! Reads arbitrary bytes as a layer called `a.kml`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::layer("a.kml", bytes));
