//! Reads arbitrary text as TileMatrixSet 2.0 JSON; what is accepted must survive its own writing.
#![no_main]
libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(set) = geodesy::TileMatrixSet::from_json(text) {
        geodesy::TileMatrixSet::from_json(&set.to_json()).expect("what we write, we read");
    }
});
