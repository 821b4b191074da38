//! Reads arbitrary bytes as a Shapefile whose first half is the geometry and second half the table.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (shp, dbf) = bytes.split_at(bytes.len() / 2);
    fuzz::layer_with("a.shp", shp, &[("a.dbf", dbf)]);
});
