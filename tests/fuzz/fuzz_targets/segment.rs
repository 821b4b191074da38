//! Reads arbitrary bytes as a segment of a twin.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::segment(bytes));
