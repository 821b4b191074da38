//! What the fuzz targets share: bytes become a file of a given name, and a reader gets it.
//!
//! A reader may refuse; it must not panic, hang, or take memory by a claim. Files lie in
//! memory where the system has such a folder, so that writing them costs little.

use std::path::{Path, PathBuf};

use geodesy::Crs;
use ingest::{LayerOptions, SurveyOptions, SurveyReader};

fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in(parent).expect("a temporary folder")
}

fn sweref99_tm() -> Crs {
    Crs::from_code("EPSG:3006").expect("a built-in CRS")
}

/// Reads the bytes as a layer in a file of that name.
pub fn layer(name: &str, bytes: &[u8]) {
    layer_with(name, bytes, &[]);
}

/// Reads the bytes as a layer in a file of that name, with other files beside it.
pub fn layer_with(name: &str, bytes: &[u8], beside: &[(&str, &[u8])]) {
    let folder = folder();
    for (other, content) in beside {
        std::fs::write(folder.path().join(other), content).expect("a temporary file");
    }
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a temporary file");
    let options = LayerOptions {
        target: sweref99_tm(),
        crs: Some(sweref99_tm()),
        layer: None,
        id_property: None,
    };
    let _ = ingest::source_kind(&path);
    let _ = ingest::read_layer(&path, &options);
}

/// Reads the bytes as a survey in a file of that name.
pub fn survey(name: &str, bytes: &[u8]) {
    let folder = folder();
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a temporary file");
    let options = SurveyOptions {
        target: sweref99_tm(),
        crs: Some(sweref99_tm()),
        vertical: None,
        cell_size_m: None,
    };
    if let Ok(reader) = SurveyReader::open(&[path], &options) {
        let _ = reader.read::<ingest::Error>(&mut |_| Ok(()));
    }
}
