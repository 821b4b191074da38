//! An operator's own tile matrix sets, in `config/` of a twin.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::{Server, configure, new_twin, refuse, succeed, succeed_json, text};

/// A twin of one public line near Sundsvall, in SWEREF 99 TM.
fn twin() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    new_twin(&dir, "EPSG:3006");
    configure(&dir, "[collections.line]\npublic = true\n");
    let source = folder.path().join("line.geojson");
    let line = r#"{"type":"FeatureCollection","features":[{"type":"Feature","id":1,"properties":{"namn":"Väg"},"geometry":{"type":"LineString","coordinates":[[17.30,62.39],[17.31,62.40]]}}]}"#;
    std::fs::write(&source, line).expect("a temporary file");
    let arguments = ["ingest", text(&dir), text(&source), "--collection", "line"];
    succeed(&arguments);
    (folder, dir)
}

/// A grid around Sundsvall with these sizes of pixels, each level over the same 65.536 km.
fn grid(id: &str, cell_sizes: &[f64]) -> Value {
    let levels: Vec<Value> = (0..)
        .zip(cell_sizes)
        .map(|(z, cell): (u32, &f64)| {
            let count = (65_536.0 / (cell * 256.0)).ceil();
            json!({
                "id": z.to_string(),
                "cellSize": cell,
                "pointOfOrigin": [6_950_000.0, 590_000.0],
                "tileWidth": 256,
                "tileHeight": 256,
                "matrixWidth": count as u32,
                "matrixHeight": count as u32,
            })
        })
        .collect();
    json!({
        "id": id,
        "title": "Kommunens rutnät",
        "crs": "http://www.opengis.net/def/crs/EPSG/0/3006",
        "orderedAxes": ["N", "E"],
        "tileMatrices": levels,
    })
}

fn put(dir: &Path, name: &str, content: &str) -> PathBuf {
    let folder = dir.join("config");
    std::fs::create_dir_all(&folder).expect("a folder of ours");
    let path = folder.join(name);
    std::fs::write(&path, content).expect("a file of ours");
    path
}

#[test]
fn an_own_grid_is_served_and_built_as_those_built_in() {
    let (_folder, dir) = twin();
    put(
        &dir,
        "kommun.json",
        &grid("kommun", &[256.0, 128.0, 64.0, 32.0, 16.0]).to_string(),
    );
    put(&dir, "README.txt", "what is here is no set");
    // The line's tile at level 4: 4 096 m to a side.
    let (column, row) = ((618_900 - 590_000) / 4096, (6_950_000 - 6_919_500) / 4096);
    let path = format!("/tiles/line/kommun/4/{column}/{row}.mvt");
    let server = Server::start(&dir);
    let told = server.get("/tileMatrixSets/kommun");
    assert_eq!(told.status, 200);
    assert_eq!(told.json()["title"], "Kommunens rutnät");
    let made = server.get(&path);
    assert_eq!(made.status, 200, "{path}");
    assert!(String::from_utf8_lossy(&made.body).contains("Väg"));

    let built = succeed_json(&["tile", text(&dir), "--tms", "kommun"]);
    assert_eq!(built["pyramids"][0]["tms"], "kommun", "{built}");
    assert_eq!(built["pyramids"][0]["levels"], json!([0, 4]));
    let passed = server.get(&path);
    assert_eq!((passed.status, &passed.body), (200, &made.body));
    let archive = server.get("/tiles/line/kommun.pmtiles");
    assert!(archive.body.starts_with(b"PMTiles\x03"));
    let collection = server.get("/collections/line").json();
    let links = collection["links"].as_array().expect("links");
    let link = links.iter().find(|link| link["rel"] == "enclosure");
    let href = link.expect("a link to the archive")["href"].to_string();
    assert!(href.contains("/tiles/line/kommun.pmtiles"), "{href}");
    assert_eq!(succeed_json(&["check", text(&dir)])["whole"], true);
}

#[test]
fn a_grid_whose_levels_do_not_double_is_served_and_not_built() {
    let (_folder, dir) = twin();
    let swiss = grid("uneven", &[250.0, 100.0, 50.0, 20.0]);
    put(&dir, "uneven.json", &swiss.to_string());
    let error = refuse(&["tile", text(&dir), "--tms", "uneven"]);
    assert!(
        error.contains("--tms uneven") && error.contains("do not cut each tile into four"),
        "{error}"
    );
    let server = Server::start(&dir);
    // 5 120 m to a side.
    let (column, row) = ((618_900 - 590_000) / 5120, (6_950_000 - 6_919_500) / 5120);
    let tile = server.get(&format!("/tiles/line/uneven/3/{column}/{row}.mvt"));
    assert_eq!(tile.status, 200);
}

#[test]
fn a_bad_grid_is_refused_with_its_file_and_member_when_tiles_are_served_or_built() {
    let good = grid("kommun", &[256.0, 128.0]);
    let changed = |pointer: &str, value: Value| {
        let mut set = good.clone();
        *set.pointer_mut(pointer).expect("a member") = value;
        set.to_string()
    };
    for (content, expected) in [
        (
            "{ not JSON".to_owned(),
            "it is not JSON: key must be a string at line 1",
        ),
        (
            changed("/tileMatrices/1/cellSize", json!(0)),
            "level 1: cellSize must be over 0",
        ),
        (
            changed("/tileMatrices/0/matrixWidth", json!("wide")),
            "level 0: matrixWidth must be a whole number",
        ),
        (
            changed("/tileMatrices/0/pointOfOrigin", json!([1])),
            "level 0: pointOfOrigin must be two numbers",
        ),
        (
            changed("/tileMatrices", json!([])),
            "it has no tileMatrices",
        ),
        (
            changed("/crs", json!("http://www.opengis.net/def/crs/EPSG/0/99999")),
            "unknown CRS",
        ),
        (
            changed("/id", json!("SWEREF99TM")),
            "there is one of that id",
        ),
        (changed("/id", json!("../x")), "its id must be"),
    ] {
        let (_folder, dir) = twin();
        let path = put(&dir, "kommun.json", &content);
        for verb in [
            &["tile", text(&dir)][..],
            &["serve", text(&dir), "--listen", "127.0.0.1:0"],
        ] {
            let error = refuse(verb);
            assert!(
                error.contains(text(&path)) && error.contains(expected),
                "{}: {error}",
                verb[0]
            );
        }
    }
}
