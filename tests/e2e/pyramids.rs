//! Pyramids: built by the command, kept in the twin or written to a file, checked, served,
//! and read by other people's programs.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Instant;

use serde_json::Value;

use crate::demo;
use crate::gdal::gdal;
use crate::harness::{
    Server, command, configure, contents, installed, judged_by, new_twin, python_with, refuse,
    succeed, succeed_json, text,
};

/// A twin with 40 lines, an area, a table and an empty collection, in SWEREF 99 TM.
pub(crate) fn twin() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    new_twin(&dir, "EPSG:3006");
    configure(
        &dir,
        "[collections.lines]\npublic = true\ntiles = { as_delivered = true }\n[collections.area]\npublic = true\n",
    );
    let line = |i: i32| {
        let (x, y) = (17.30 + f64::from(i) * 0.001, 62.39);
        format!(
            r#"{{"type":"Feature","id":{i},"properties":{{"namn":"Väg {i}","bredd":{i}.5}},"geometry":{{"type":"LineString","coordinates":[[{x},{y}],[{},{}]]}}}}"#,
            x + 0.002,
            y + 0.004
        )
    };
    let lines: Vec<String> = (0..40).map(line).collect();
    ingest(&dir, "lines", &lines.join(","));
    let area = r#"{"type":"Feature","id":1,"properties":{},"geometry":{"type":"Polygon","coordinates":[[[17.2,62.3],[17.5,62.3],[17.5,62.5],[17.2,62.5],[17.2,62.3]]]}}"#;
    ingest(&dir, "area", area);
    let row = r#"{"type":"Feature","id":1,"properties":{"a":1},"geometry":null}"#;
    ingest(&dir, "rows", row);
    (folder, dir)
}

pub(crate) fn ingest(dir: &Path, collection: &str, features: &str) {
    let source = dir.with_file_name(format!("{collection}.geojson"));
    let text_of = format!(r#"{{"type":"FeatureCollection","features":[{features}]}}"#);
    std::fs::write(&source, text_of).expect("a temporary file");
    let arguments = [
        "ingest",
        text(dir),
        text(&source),
        "--collection",
        collection,
        "--replace",
    ];
    succeed(&arguments);
}

/// Archives below a folder.
pub(crate) fn archives(dir: &Path) -> Vec<PathBuf> {
    let paths = contents(dir).into_iter().map(|(path, _)| path);
    paths
        .filter(|path| text(path).ends_with(".pmtiles"))
        .collect()
}

/// Addresses and gzip of the tiles of a level around the lines, from a server.
fn tiles_of(server: &Server, tms: &str, z: u32, [x, y]: [u32; 2]) -> Vec<(u16, Vec<u8>)> {
    let mut tiles = Vec::new();
    for (x, y) in (x - 1..=x + 1).flat_map(|x| (y - 1..=y + 1).map(move |y| (x, y))) {
        let path = format!("/tiles/lines/{tms}/{z}/{x}/{y}.mvt");
        let answer = server.get_with(&path, &[("Accept-Encoding", "gzip")]);
        tiles.push((answer.status, answer.body));
    }
    tiles
}

#[test]
fn pyramids_are_built_checked_told_of_and_served_as_the_store_would() {
    let (_folder, dir) = twin();
    let asked = [
        ("WebMercatorQuad", 14, [8979, 4532]),
        ("WebMercatorQuad", 12, [2244, 1133]),
        ("SWEREF99TM", 9, [884, 772]),
    ];
    let server = Server::start(&dir);
    let before: Vec<_> = asked
        .iter()
        .map(|(tms, z, at)| tiles_of(&server, tms, *z, *at))
        .collect();
    assert!(
        before
            .iter()
            .flatten()
            .filter(|(status, _)| *status == 200)
            .count()
            >= 6
    );

    let built = succeed_json(&["tile", text(&dir), "--max-zoom", "14"]);
    assert_eq!(
        built["pyramids"].as_array().map(Vec::len),
        Some(2),
        "{built}"
    );
    let said = succeed(&[
        "tile",
        text(&dir),
        "--collection",
        "lines",
        "--tms",
        "SWEREF99TM",
        "--min-zoom",
        "3",
        "--max-zoom",
        "9",
    ]);
    assert!(
        said.starts_with("lines: ") && said.contains("SWEREF99TM levels 3 to 9"),
        "{said}"
    );
    let again: Vec<_> = asked
        .iter()
        .map(|(tms, z, at)| tiles_of(&server, tms, *z, *at))
        .collect();
    // Not only equal features: equal bytes.
    assert!(before == again);
    let part = server.get_with("/tiles/lines.pmtiles", &[("Range", "bytes=0-7")]);
    assert_eq!(
        (part.status, part.body.as_slice()),
        (206, b"PMTiles\x03".as_slice())
    );

    let status = succeed_json(&["status", text(&dir)]);
    let lines = status["collections"].as_array().expect("collections");
    let lines = lines.iter().find(|c| c["id"] == "lines").expect("lines");
    assert_eq!(lines["pyramids"][0]["tms"], "SWEREF99TM", "{lines}");
    assert_eq!(lines["pyramids"][1]["levels"], serde_json::json!([0, 14]));
    let checked = succeed_json(&["check", text(&dir)]);
    assert_eq!(checked["whole"], true);
    assert_eq!(checked["unreferenced"], serde_json::json!([]));
    let all = &built["pyramids"];
    let built: u64 = [&all[0], &all[1], &lines["pyramids"][0]]
        .iter()
        .map(|pyramid| pyramid["tiles"].as_u64().expect("tiles"))
        .sum();
    assert_eq!(checked["tiles"], built);
    assert_eq!(archives(&dir).len(), 3);

    // The same delivery keeps them, another hides those of its collection.
    let source = dir.with_file_name("lines.geojson");
    let replace = [
        "ingest",
        text(&dir),
        text(&source),
        "--collection",
        "lines",
        "--replace",
    ];
    succeed(&replace);
    assert_eq!(archives(&dir).len(), 3);
    ingest(
        &dir,
        "lines",
        r#"{"type":"Feature","id":1,"properties":{"namn":"ny"},"geometry":{"type":"Point","coordinates":[17.3,62.39]}}"#,
    );
    assert_eq!(server.get("/tiles/lines.pmtiles").status, 404);
    let status = succeed_json(&["status", text(&dir)]);
    assert!(!status.to_string().contains("SWEREF99TM"), "{status}");
    succeed(&["check", text(&dir)]);
}

#[test]
fn a_damaged_pyramid_is_found_by_check_and_its_tiles_are_made_anew() {
    let (_folder, dir) = twin();
    succeed(&[
        "tile",
        text(&dir),
        "--collection",
        "lines",
        "--max-zoom",
        "14",
    ]);
    let archive = archives(&dir).remove(0);
    let mut bytes = std::fs::read(&archive).expect("an archive");
    let healthy = Server::start(&dir)
        .get("/tiles/lines/14/8979/4532.mvt")
        .body;
    // The magic number, then a byte of the data, then the length.
    for change in 0..3 {
        let whole = bytes.clone();
        match change {
            0 => bytes[0] ^= 0xff,
            1 => bytes[17_000] ^= 0xff,
            _ => bytes.truncate(5_000),
        }
        std::fs::write(&archive, &bytes).expect("ours to damage");
        let error = refuse(&["check", text(&dir)]);
        assert!(error.contains(".pmtiles"), "{error}");
        if change != 1 {
            let server = Server::start(&dir);
            let tile = server.get("/tiles/lines/14/8979/4532.mvt");
            assert_eq!((tile.status, tile.body), (200, healthy.clone()));
        }
        bytes = whole;
    }
}

#[test]
fn one_thread_and_two_write_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["a.pmtiles", "a.mbtiles"] {
        let mut written = Vec::new();
        for threads in ["1", "2"] {
            let out = folder
                .path()
                .join(threads)
                .with_file_name(format!("{threads}-{name}"));
            let made = command(&[
                "tile",
                text(demo::twin()),
                "--collection",
                "road_links",
                "--collection",
                "buildings",
                "--max-zoom",
                "13",
                "--out",
                text(&out),
            ])
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .expect("tvilling runs");
            assert!(
                made.status.success(),
                "{}",
                String::from_utf8_lossy(&made.stderr)
            );
            written.push(std::fs::read(&out).expect("an archive"));
        }
        assert!(written[0] == written[1], "{name}");
    }
}

#[test]
fn what_cannot_be_tiled_is_refused_with_a_reason() {
    let (folder, dir) = twin();
    let there = folder.path().join("there.pmtiles");
    std::fs::write(&there, b"something").expect("a temporary file");
    let zipped = folder.path().join("tiles.zip");
    let mbtiles = folder.path().join("a.mbtiles");
    let nowhere = folder.path().join("nowhere/a.pmtiles");
    for (more, expected) in [
        (
            &["--tms", "Nowhere"][..],
            "there is no such tile matrix set; there are WebMercatorQuad, SWEREF99TM",
        ),
        (
            &["--min-zoom", "8", "--max-zoom", "7"],
            "--min-zoom 8 is deeper than --max-zoom 7",
        ),
        (
            &["--max-zoom", "25"],
            "--max-zoom 25: WebMercatorQuad has levels 0 to 24",
        ),
        (
            &["--collection", "nothing"],
            "there is no collection nothing",
        ),
        (&["--collection", "rows"], "is a table without geometry"),
        (&["--out", text(&there)], "overwrite it with --force"),
        (&["--out", text(&zipped)], "ends in .pmtiles or .mbtiles"),
        (&["--out", text(&nowhere)], "there is no such folder"),
        (
            &[
                "--out",
                text(&mbtiles),
                "--tms",
                "SWEREF99TM",
                "--max-zoom",
                "4",
            ],
            "MBTiles holds tiles of WebMercatorQuad only",
        ),
    ] {
        let start = ["tile", text(&dir)];
        let error = refuse(&[&start[..], more].concat());
        eprintln!("{}", error.trim_end());
        assert!(error.contains(expected), "{more:?}: {error}");
    }
    let usage = command(&["tile", text(&dir), "--force"])
        .output()
        .expect("tvilling runs");
    assert_eq!(usage.status.code(), Some(2));
    assert_eq!(std::fs::read(&there).expect("still there"), b"something");
    let left = contents(folder.path());
    assert!(
        left.iter().all(|(path, _)| !text(path).contains(".next")),
        "nothing is left behind"
    );
    succeed(&[
        "tile",
        text(&dir),
        "--out",
        text(&there),
        "--force",
        "--max-zoom",
        "5",
    ]);
    assert!(
        std::fs::read(&there)
            .expect("there")
            .starts_with(b"PMTiles")
    );
}

/// The demo town's roads, buildings and land cover in one archive.
fn town() -> &'static Path {
    static TOWN: OnceLock<PathBuf> = OnceLock::new();
    TOWN.get_or_init(|| {
        let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("town.pmtiles");
        succeed(&[
            "tile",
            text(demo::twin()),
            "--collection",
            "land_cover",
            "--collection",
            "buildings",
            "--collection",
            "road_links",
            "--min-zoom",
            "4",
            "--max-zoom",
            "15",
            "--out",
            text(&out),
            "--force",
        ]);
        out
    })
}

fn python() -> Option<PathBuf> {
    python_with("pmtiles.reader")
}

fn read_by_reference(python: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&judged_by(python, "pyramid.py", arguments)).expect("JSON")
}

#[test]
fn the_reference_reader_finds_every_tile_in_clustered_order() {
    let Some(python) = python() else { return };
    let read = read_by_reference(&python, &[text(town())]);
    let header = &read["header"];
    assert_eq!(header["version"], 3, "{header}");
    assert_eq!(header["clustered"], true);
    assert_eq!(header["tile_type"], "MVT");
    assert_eq!(header["tile_compression"], "GZIP");
    assert_eq!(header["internal_compression"], "GZIP");
    assert_eq!(
        (&header["min_zoom"], &header["max_zoom"]),
        (&4.into(), &15.into())
    );
    assert_eq!(header["addressed_tiles_count"], read["tiles"]);
    assert_eq!(header["tile_entries_count"], read["entries"]);
    assert_eq!(header["tile_contents_count"], read["contents"]);
    assert_eq!(header["tile_data_length"], read["data_end"]);
    assert_eq!(
        (&read["rising"], &read["clustered"]),
        (&true.into(), &true.into())
    );
    assert!(read["levels"]["15"].as_u64() > Some(8), "{read}");
    let metadata = &read["metadata"];
    let layers: Vec<&str> = metadata["vector_layers"]
        .as_array()
        .expect("layers")
        .iter()
        .map(|layer| layer["id"].as_str().expect("an id"))
        .collect();
    assert_eq!(layers, ["land_cover", "buildings", "road_links"]);
    assert_eq!(metadata["vector_layers"][2]["maxzoom"], 15);
    assert_eq!(metadata["vector_layers"][2]["fields"]["link_id"], "String");
    assert_eq!(metadata["tvilling"]["tile_matrix_set"], "WebMercatorQuad");
    // The box of the town in degrees, by ten million.
    assert!(
        (170_000_000..190_000_000).contains(&header["min_lon_e7"].as_i64().expect("a number")),
        "{header}"
    );
    assert!(
        (610_000_000..640_000_000).contains(&header["center_lat_e7"].as_i64().expect("a number")),
        "{header}"
    );
}

/// A twin with 150 × 150 points, each in a tile of level 18 of its own.
fn points() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    new_twin(&dir, "EPSG:3006");
    let feature = |i: u32| {
        let (x, y) = (
            17.2 + f64::from(i % 150) * 0.0014,
            62.3 + f64::from(i / 150) * 0.0007,
        );
        format!(
            r#"{{"type":"Feature","id":{i},"properties":{{"n":{i}}},"geometry":{{"type":"Point","coordinates":[{x:.6},{y:.6}]}}}}"#
        )
    };
    let features: Vec<String> = (1..=22_500).map(feature).collect();
    ingest(&dir, "points", &features.join(","));
    (folder, dir)
}

#[test]
fn the_reference_reader_follows_leaf_directories() {
    let Some(python) = python() else { return };
    let (folder, dir) = points();
    let out = folder.path().join("points.pmtiles");
    let built = succeed_json(&[
        "tile",
        text(&dir),
        "--min-zoom",
        "18",
        "--max-zoom",
        "18",
        "--out",
        text(&out),
    ]);
    let read = read_by_reference(&python, &[text(&out)]);
    let header = &read["header"];
    assert!(read["tiles"].as_u64() > Some(20_000), "{header}");
    assert_eq!(read["tiles"], built["tiles"]);
    assert_eq!(read["contents"], built["distinct"]);
    // Nothing repeats unknown to us.
    assert_eq!(read["distinct"], read["contents"]);
    assert_eq!(
        (&read["rising"], &read["clustered"]),
        (&true.into(), &true.into())
    );
    assert!(
        header["leaf_directory_length"].as_u64() > Some(0),
        "{header}"
    );
    assert!(
        header["root_length"].as_u64() <= Some(16_384 - 127),
        "{header}"
    );
}

#[test]
fn an_area_that_fills_tiles_is_stored_once() {
    let Some(python) = python() else { return };
    let (folder, dir) = twin();
    let out = folder.path().join("area.pmtiles");
    let built = succeed_json(&[
        "tile",
        text(&dir),
        "--collection",
        "area",
        "--max-zoom",
        "15",
        "--out",
        text(&out),
    ]);
    let read = read_by_reference(&python, &[text(&out)]);
    assert_eq!(read["tiles"], built["tiles"]);
    assert_eq!(read["distinct"], built["distinct"]);
    let number = |name: &str| read[name].as_u64().expect("a number");
    assert!(number("tiles") > 1000, "{}", number("tiles"));
    assert!(
        number("distinct") * 2 < number("tiles"),
        "{} of {}",
        number("distinct"),
        number("tiles")
    );
    assert!(
        number("entries") < number("tiles"),
        "runs are told by one entry"
    );
}

#[test]
fn a_kill_at_any_instant_leaves_the_pyramid_that_was_or_the_one_that_shall_be() {
    const KILLS: u32 = 4;
    let (_folder, dir) = points();
    let shallow = ["tile", text(&dir), "--max-zoom", "8"];
    let deep = ["tile", text(&dir), "--max-zoom", "13"];
    let started = Instant::now();
    succeed(&deep);
    let whole = started.elapsed();
    for kill in 1..=KILLS {
        succeed(&shallow);
        let started = Instant::now();
        let mut killed = command(&deep)
            .stdout(Stdio::null())
            .spawn()
            .expect("tvilling runs");
        while started.elapsed() < whole * kill / (KILLS + 1) {
            std::thread::yield_now();
        }
        let _ = killed.kill();
        killed.wait().expect("it ends");
        let status = succeed_json(&["status", text(&dir)]);
        let levels = &status["collections"][0]["pyramids"][0]["levels"];
        assert!(
            *levels == serde_json::json!([0, 8]) || *levels == serde_json::json!([0, 13]),
            "{levels}"
        );
        assert_eq!(succeed_json(&["check", text(&dir)])["whole"], true);
    }
    // What was left half done goes with the next change.
    succeed(&deep);
    assert_eq!(archives(&dir).len(), 1);
    assert!(!dir.join("scratch").exists());
}

#[test]
fn gdal_counts_in_mbtiles_the_features_of_the_last_level() {
    if !installed("ogrinfo") {
        return;
    }
    let (folder, dir) = twin();
    let out = folder.path().join("lines.mbtiles");
    succeed(&[
        "tile",
        text(&dir),
        "--collection",
        "lines",
        "--max-zoom",
        "10",
        "--out",
        text(&out),
    ]);
    let said = gdal("ogrinfo", &["-al", "-so", text(&out)]);
    assert!(said.contains("Layer name: lines"), "{said}");
    assert!(
        said.contains("namn: String") && said.contains("bredd: Real"),
        "{said}"
    );
    // Each in the tile of level 10 that all lie in, or in two where one crosses an edge.
    let count = said
        .lines()
        .find_map(|line| line.strip_prefix("Feature Count: "));
    let count: u32 = count.and_then(|count| count.parse().ok()).expect("a count");
    assert!((40..=80).contains(&count), "{said}");
}

#[test]
fn a_tile_is_explained_feature_by_feature_and_rules_decide_what_it_shows() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    new_twin(&dir, "EPSG:3006");
    let spot = |i: i32| {
        let (x, y) = (
            17.26 + f64::from(i % 20) * 0.0002,
            62.37 + f64::from(i / 20) * 0.0001,
        );
        format!(
            r#"{{"type":"Feature","id":{i},"properties":{{"hojd":{i}}},"geometry":{{"type":"Point","coordinates":[{x},{y}]}}}}"#
        )
    };
    let spots: Vec<String> = (0..400).map(spot).collect();
    ingest(&dir, "spots", &spots.join(","));
    let asked = [
        "tile",
        text(&dir),
        "--max-zoom",
        "15",
        "--explain",
        "12/2244/1133",
    ];
    let told = succeed_json(&asked);
    let spots = &told["collections"][0];
    assert_eq!(spots["touching"], 400, "{told}");
    let (kept, dropped) = (spots["kept"].as_u64(), spots["dropped"].as_u64());
    assert!(kept > Some(4) && kept < Some(40), "{kept:?}");
    assert_eq!(
        kept.zip(dropped).map(|(kept, dropped)| kept + dropped),
        Some(400)
    );
    let said = succeed(&asked);
    assert!(
        said.contains("gave way to a more important point nearby"),
        "{said}"
    );
    assert!(
        said.contains("ranked by chance") && said.contains("and 380 more"),
        "{said}"
    );

    // The tallest of all is the last one to go.
    configure(&dir, "[collections.spots.tiles]\nrank = \"hojd\"\n");
    let told = succeed_json(&asked);
    let features = told["collections"][0]["features"]
        .as_array()
        .expect("features");
    let tallest = features.iter().find(|feature| feature["id"] == 399);
    assert_eq!(
        tallest.map(|feature| &feature["fate"]),
        Some(&"kept".into())
    );

    // Explaining built nothing, and an address that no tile has is refused.
    assert!(archives(&dir).is_empty());
    let refused = refuse(&["tile", text(&dir), "--explain", "12/4096/0"]);
    assert!(refused.contains("12/4096/0"), "{refused}");
}
