//! A `kill -9` at any instant of an ingest leaves a twin that is whole and serves what it
//! served before, or what it was being given: never something between.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Server, command, configure, new_twin, succeed, succeed_json, text};

/// Instants at which an ingest is killed.
const KILLS: u32 = 50;

/// A layer of `count` points whose attribute `delivery` is `delivery`.
fn write_layer(path: &Path, count: usize, delivery: usize) {
    let features: Vec<String> = (0..count)
        .map(|i| {
            let (lon, lat) = (17.0 + (i % 300) as f64 * 1e-4, 62.3 + (i / 300) as f64 * 1e-4);
            format!(
                r#"{{"type":"Feature","properties":{{"key":{i},"delivery":{delivery}}},"geometry":{{"type":"Point","coordinates":[{lon:.6},{lat:.6}]}}}}"#
            )
        })
        .collect();
    let text = format!(
        r#"{{"type":"FeatureCollection","features":[{}]}}"#,
        features.join(",")
    );
    std::fs::write(path, text).expect("a temporary file");
}

/// The one value that `delivery` has in all features that the twin holds.
fn served_delivery(dir: &Path, expected_features: u64) -> i64 {
    let status = succeed_json(&["status", text(dir)]);
    assert_eq!(status["collections"][0]["features"], expected_features);
    let answer: Value = serde_json::from_str(&succeed(&[
        "query",
        text(dir),
        "--at",
        "17.0,62.3",
        "--radius",
        "50",
        "--json",
    ]))
    .expect("JSON");
    let hits = answer["collections"][0]["features"]
        .as_array()
        .expect("features");
    assert!(!hits.is_empty());
    let first = hits[0]["properties"]["delivery"]
        .as_i64()
        .expect("a number");
    assert!(
        hits.iter()
            .all(|hit| hit["properties"]["delivery"] == first),
        "mixed deliveries"
    );
    first
}

#[test]
fn a_kill_at_fifty_instants_of_an_ingest_tears_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    let (old, new) = (
        folder.path().join("old.geojson"),
        folder.path().join("new.geojson"),
    );
    write_layer(&old, 5000, 1);
    write_layer(&new, 5000, 2);
    new_twin(&dir, "EPSG:3006");
    configure(&dir, "[collections.points]\npublic = true\n");
    let ingest = |source: &Path| {
        [
            "ingest",
            text(&dir),
            text(source),
            "--collection",
            "points",
            "--id-property",
            "key",
            "--replace",
        ]
        .map(str::to_owned)
    };
    let arguments = ingest(&old);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // How long an ingest takes here and now tells where its instants lie.
    let started = Instant::now();
    succeed(&arguments);
    let whole = started.elapsed();
    assert_eq!(served_delivery(&dir, 5000), 1);

    let mut live = 1;
    let mut killed = 0;
    for kill in 0..KILLS {
        // In turn the other delivery, so that each ingest would change every feature.
        let next = if live == 1 { &new } else { &old };
        let arguments = ingest(next);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut child = command(&arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tvilling runs");
        let instant = whole.mul_f64(1.1 * f64::from(kill) / f64::from(KILLS));
        std::thread::sleep(instant.max(Duration::from_millis(1)));
        child.kill().expect("SIGKILL");
        let finished = child.wait().expect("it ends").success();
        killed += u32::from(!finished);

        let check = succeed_json(&["check", text(&dir)]);
        assert_eq!(check["whole"], true, "kill {kill}: {check}");
        let now = served_delivery(&dir, 5000);
        if finished {
            assert_ne!(now, live, "kill {kill}: an acknowledged ingest is lost");
        }
        live = now;
    }
    assert!(
        killed >= KILLS / 2,
        "only {killed} of {KILLS} ingests were killed in time"
    );
    let server = Server::start(&dir);
    let items = server.get("/collections/points/items?limit=1").json();
    assert_eq!(items["numberMatched"], 5000);
    assert_eq!(items["features"][0]["properties"]["delivery"], live);
    assert!(server.stop(), "the server stops cleanly");
}
