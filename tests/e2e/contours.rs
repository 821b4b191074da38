//! Contours of the demo town's survey, judged by GDAL.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::demo;
use crate::gdal::gdal;
use crate::harness::{
    Server, configure, contents, installed, new_twin, refuse, succeed, succeed_json, text,
};

/// A twin with the demo town's survey from the air, of a metre.
fn town() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    new_twin(&dir, "EPSG:3014");
    configure(&dir, "[collections.contours]\npublic = true\n");
    let source = demo::twin().join("deliveries/lidar/flyg_2011.laz");
    succeed(&[
        "ingest",
        text(&dir),
        text(&source),
        "--collection",
        "flight",
    ]);
    (folder, dir)
}

fn draw(dir: &Path, more: &[&str]) -> serde_json::Value {
    let start = [
        "contour",
        text(dir),
        "--survey",
        "flight",
        "--collection",
        "contours",
    ];
    succeed_json(&[&start[..], more].concat())
}

/// The segment of the contours.
fn segment(dir: &Path) -> PathBuf {
    let files = contents(&dir.join("collections/contours"));
    let mut paths = files.into_iter().map(|(path, _)| path);
    let is_segment = |path: &PathBuf| text(path).ends_with(".fgb");
    paths.find(is_segment).expect("a segment")
}

/// What an SQL statement says of a file's table `c`, value by value.
fn ask(file: &Path, sql: &str) -> Vec<f64> {
    let said = gdal(
        "ogrinfo",
        &["-q", "-dialect", "sqlite", "-sql", sql, text(file)],
    );
    said.lines()
        .filter_map(|line| line.split_once(" = ")?.1.trim().parse().ok())
        .collect()
}

/// Length of the contours of each elevation within a box.
fn lengths(from: &Path, within: &[String; 4], out: &Path) -> BTreeMap<i64, f64> {
    let clip: Vec<&str> = within.iter().map(String::as_str).collect();
    let start = ["-f", "GPKG", "-nln", "c", "-nlt", "PROMOTE_TO_MULTI"];
    let files = [text(out), text(from), "-clipsrc"];
    gdal("ogr2ogr", &[&start[..], &files, &clip].concat());
    let sql = "SELECT elevation, sum(ST_Length(geom)) AS l FROM c GROUP BY elevation";
    let pairs = ask(out, sql);
    let pairs = pairs.chunks_exact(2);
    pairs.map(|pair| (pair[0] as i64, pair[1])).collect()
}

#[test]
fn contours_are_as_long_as_those_of_gdal_on_the_same_grid() {
    if !installed("gdal_contour") {
        return;
    }
    let (folder, dir) = town();
    let plain = ["--cell-size", "4", "--smooth", "0", "--tolerance", "0"];
    draw(&dir, &[&plain[..], &["--min-length", "0"]].concat());
    let grid = folder.path().join("ground.tif");
    let start = ["export", text(&dir), text(&grid), "--collection", "flight"];
    succeed(&[&start[..], &["--cell-size", "4"]].concat());
    let theirs = folder.path().join("gdal.gpkg");
    let how = ["-q", "-i", "1", "-a", "elevation", "-f", "GPKG"];
    gdal(
        "gdal_contour",
        &[&how[..], &[text(&grid), text(&theirs)]].concat(),
    );
    // Without the edge of the survey, where GDAL goes on for half a cell.
    let within = [190_200, 6_920_400, 190_900, 6_920_900].map(|metres| metres.to_string());
    let ours = lengths(&segment(&dir), &within, &folder.path().join("a.gpkg"));
    let theirs = lengths(&theirs, &within, &folder.path().join("b.gpkg"));
    assert!(theirs.len() > 30, "{theirs:?}");
    for (elevation, length) in &theirs {
        let ratio = ours.get(elevation).copied().unwrap_or_default() / length;
        assert!(
            (ratio - 1.0).abs() < 0.01,
            "{elevation} m: {ratio} of {length} m"
        );
    }
    let sum = |lengths: &BTreeMap<i64, f64>| lengths.values().sum::<f64>();
    let ratio = sum(&ours) / sum(&theirs);
    assert!((ratio - 1.0).abs() < 0.01, "{ratio} of all");
}

#[test]
fn contours_of_the_demo_town_do_not_cross_and_are_a_collection_like_any_other() {
    if !installed("ogrinfo") {
        return;
    }
    let (folder, dir) = town();
    let said = draw(&dir, &["--interval", "0.25"]);
    assert!(said["report"]["kept"].as_u64() > Some(300), "{said}");
    assert_eq!(said["report"]["findings"][0]["code"], "too_short", "{said}");
    let c = folder.path().join("c.gpkg");
    gdal(
        "ogr2ogr",
        &["-f", "GPKG", "-nln", "c", text(&c), text(&segment(&dir))],
    );
    let crossing = "SELECT count(*) AS n FROM c a, c b \
        WHERE a.elevation < b.elevation AND ST_Intersects(a.geom, b.geom)";
    assert_eq!(ask(&c, crossing), [0.0]);
    let bent = "SELECT count(*) AS n FROM c WHERE NOT ST_IsSimple(geom)";
    assert_eq!(ask(&c, bent), [0.0]);
    let wrong = "SELECT count(*) AS n FROM c WHERE ST_Length(geom) < 10 \
        OR \"index\" <> (abs(elevation / 1.25 - round(elevation / 1.25)) < 1e-6)";
    assert_eq!(ask(&c, wrong), [0.0]);

    let server = Server::start(&dir);
    let items = server.get("/collections/contours/items?limit=3").json();
    let feature = &items["features"][0];
    assert_eq!(feature["geometry"]["type"], "LineString");
    assert_eq!(feature["properties"]["survey"], "flight");
    assert_eq!(feature["properties"]["datum"], "RH2000 height");
    assert_eq!(feature["properties"]["data_origin"], "synthetic");
    assert!(server.stop());
    assert_eq!(succeed_json(&["check", text(&dir)])["whole"], true);

    let again = ["contour", text(&dir), "--survey", "flight"];
    let said = refuse(&[&again[..], &["--collection", "contours"]].concat());
    assert!(said.contains("--replace"), "{said}");
    let said = refuse(&[&again[..], &["--collection", "c", "--interval", "0"]].concat());
    assert!(said.contains("--interval 0"), "{said}");
    draw(&dir, &["--replace", "--interval", "5"]);
}
