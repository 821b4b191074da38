//! Reads arbitrary bytes as a pyramid of a twin.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::pyramid(bytes));
