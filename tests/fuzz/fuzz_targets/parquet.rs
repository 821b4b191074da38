//! Reads arbitrary bytes as a layer called `a.parquet`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::layer("a.parquet", bytes));
