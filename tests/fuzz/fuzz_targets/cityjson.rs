//! Reads arbitrary bytes as a layer called `a.city.json`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::layer("a.city.json", bytes));
