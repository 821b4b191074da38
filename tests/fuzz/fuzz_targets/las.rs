//! Reads arbitrary bytes as a survey called `a.las`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::survey("a.las", bytes));
