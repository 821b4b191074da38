//! GDAL reads what Tvilling writes and serves.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Server, configure, contents, installed, new_twin, succeed, text};

/// Runs one of GDAL's commands, which must succeed; returns what it says.
pub(crate) fn gdal(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command)
        .args(arguments)
        .output()
        .expect("GDAL runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{command} {arguments:?}: {said}{error}"
    );
    assert!(!error.contains("ERROR"), "{command} {arguments:?}: {error}");
    said
}

/// The first file of the twin whose name ends so.
fn file_ending(dir: &Path, end: &str) -> PathBuf {
    contents(dir)
        .into_iter()
        .map(|(path, _)| path)
        .find(|path| text(path).ends_with(end))
        .unwrap_or_else(|| panic!("no {end} in {}", dir.display()))
}

/// A twin with three squares and their names.
fn squares() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    new_twin(&dir, "EPSG:3006");
    configure(&dir, "[collections.squares]\npublic = true\n");
    let features: Vec<String> = (0..3)
        .map(|i| {
            let (w, s) = (17.3 + f64::from(i) * 0.001, 62.39);
            let (e, n) = (w + 0.0005, s + 0.0005);
            format!(
                r#"{{"type":"Feature","id":{i},"properties":{{"namn":"Kvarter Ö{i}","byggd":"200{i}-05-03","yta":{i}.5}},"geometry":{{"type":"Polygon","coordinates":[[[{w},{s}],[{e},{s}],[{e},{n}],[{w},{n}],[{w},{s}]]]}}}}"#
            )
        })
        .collect();
    let source = folder.path().join("squares.geojson");
    let collection = format!(
        r#"{{"type":"FeatureCollection","features":[{}]}}"#,
        features.join(",")
    );
    std::fs::write(&source, collection).expect("a temporary file");
    succeed(&[
        "ingest",
        text(&dir),
        text(&source),
        "--collection",
        "squares",
    ]);
    (folder, dir)
}

#[test]
fn ogrinfo_reads_a_segment_with_its_crs_and_types() {
    if !installed("ogrinfo") {
        return;
    }
    let (_folder, dir) = squares();
    let said = gdal("ogrinfo", &["-al", text(&file_ending(&dir, ".fgb"))]);
    assert!(said.contains("Feature Count: 3"), "{said}");
    assert!(said.contains("SWEREF99 TM"), "{said}");
    assert!(said.contains("Kvarter Ö2"), "{said}");
    assert!(said.contains("2002/05/03"), "{said}");
    assert!(said.contains("POLYGON"), "{said}");
}

#[test]
fn ogrinfo_reads_tiles_and_items_over_http() {
    if !installed("ogrinfo") {
        return;
    }
    let (_folder, dir) = squares();
    let server = Server::start(&dir);
    // Level 14 at 17.3005 E, 62.3903 N.
    let said = gdal(
        "ogrinfo",
        &[
            "-al",
            &format!("MVT:{}/tiles/squares/14/8979/4532.mvt", server.base),
        ],
    );
    assert!(said.contains("Kvarter Ö1"), "{said}");
    let items = format!("{}/collections/squares/items?limit=10", server.base);
    let said = gdal("ogrinfo", &["-al", &items]);
    assert!(
        said.contains("Feature Count: 3") && said.contains("Kvarter Ö0"),
        "{said}"
    );
    let said = gdal("ogrinfo", &["-al", &format!("OAPIF:{}", server.base)]);
    assert!(
        said.contains("Feature Count: 3") && said.contains("Kvarter Ö0"),
        "{said}"
    );
    assert!(server.stop());
}
