//! Reads arbitrary bytes as the terrain of a twin.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::points(bytes));
