//! Reads arbitrary bytes as a survey called `a.laz`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::survey("a.laz", bytes));
