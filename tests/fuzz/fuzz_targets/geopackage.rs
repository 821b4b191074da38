//! Reads arbitrary bytes as a layer called `a.gpkg`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::layer("a.gpkg", bytes));
