//! Reads arbitrary text as a code and as a definition of a CRS.
#![no_main]
libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = geodesy::Crs::from_code(text);
    let _ = geodesy::Crs::from_definition(text);
});
