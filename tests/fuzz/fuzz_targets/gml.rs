//! Reads arbitrary bytes as a layer called `a.gml`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::layer("a.gml", bytes));
