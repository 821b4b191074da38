//! Reads arbitrary bytes as a layer called `a.zip`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::layer("a.zip", bytes));
