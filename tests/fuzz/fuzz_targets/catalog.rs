//! Reads arbitrary bytes as the catalog of a twin.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::catalog(bytes));
