//! A `kill -9` at any instant of an ingest leaves a twin that is whole and serves what it
//! served before, or what it was being given: never something between.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Server, command, configure, contents, new_twin, succeed, succeed_json, text};

/// Instants at which the ingest of a layer is killed.
const KILLS: u32 = 50;

/// Instants at which that of a survey is, which takes longer.
const SURVEY_KILLS: u32 = 20;

/// A layer of `count` points whose attribute `delivery` is `delivery`.
fn write_layer(path: &Path, count: usize, delivery: i64) {
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

/// Ingests deliveries 1 and 2 in turn over one another and kills each at another instant;
/// after each kill, `served` must be whole and tells which is live. Returns that.
fn kill_at_instants(
    dir: &Path,
    kills: u32,
    deliveries: [&Path; 2],
    more: &[&str],
    served: impl Fn() -> i64,
) -> i64 {
    let ingest = |delivery: i64| {
        let source = deliveries[delivery as usize - 1];
        let mut arguments = vec!["ingest", text(dir), text(source), "--replace"];
        arguments.extend(more);
        command(&arguments)
    };
    // How long an ingest takes here and now tells where its instants lie.
    let started = Instant::now();
    let first = ingest(1).output().expect("tvilling runs");
    assert!(first.status.success(), "{first:?}");
    let whole = started.elapsed();
    assert_eq!(served(), 1);

    let mut live = 1;
    let mut killed = 0;
    for kill in 0..kills {
        // In turn the other delivery, so that each ingest would change everything.
        let mut child = ingest(3 - live)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tvilling runs");
        let instant = whole.mul_f64(1.1 * f64::from(kill) / f64::from(kills));
        std::thread::sleep(instant.max(Duration::from_millis(1)));
        child.kill().expect("SIGKILL");
        let finished = child.wait().expect("it ends").success();
        killed += u32::from(!finished);

        let check = succeed_json(&["check", text(dir)]);
        assert_eq!(check["whole"], true, "kill {kill}: {check}");
        let now = served();
        if finished {
            assert_ne!(now, live, "kill {kill}: an acknowledged ingest is lost");
        }
        live = now;
    }
    assert!(
        killed >= kills / 2,
        "only {killed} of {kills} ingests were killed in time"
    );
    live
}

#[test]
fn a_kill_at_fifty_instants_of_an_ingest_tears_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    let files = ["one.geojson", "two.geojson"].map(|name| folder.path().join(name));
    for (file, delivery) in files.iter().zip([1, 2]) {
        write_layer(file, 5000, delivery);
    }
    new_twin(&dir, "EPSG:3006");
    configure(&dir, "[collections.points]\npublic = true\n");
    let more = ["--collection", "points", "--id-property", "key"];
    let live = kill_at_instants(&dir, KILLS, [&files[0], &files[1]], &more, || {
        served_delivery(&dir, 5000)
    });
    let server = Server::start(&dir);
    let items = server.get("/collections/points/items?limit=1").json();
    assert_eq!(items["numberMatched"], 5000);
    assert_eq!(items["features"][0]["properties"]["delivery"], live);
    assert!(server.stop(), "the server stops cleanly");
}

/// A survey of a level square whose elevation is the number of the delivery.
fn write_survey(path: &Path, delivery: i64) {
    const SIDE: i32 = 300;
    let mut builder = las::Builder::from((1, 4));
    builder.point_format = las::point::Format::new(6).expect("a format");
    let transform = |offset| las::Transform {
        scale: 0.01,
        offset,
    };
    builder.transforms = las::Vector {
        x: transform(600_000.0),
        y: transform(6_600_000.0),
        z: transform(0.0),
    };
    let header = builder.into_header().expect("a header");
    let mut writer = las::Writer::from_path(path, header).expect("a temporary file");
    for i in 0..SIDE * SIDE {
        let point = las::Point {
            x: 600_000.0 + f64::from(i % SIDE) / 2.0,
            y: 6_600_000.0 + f64::from(i / SIDE) / 2.0,
            z: delivery as f64,
            return_number: 1,
            number_of_returns: 1,
            gps_time: Some(f64::from(i)),
            ..Default::default()
        };
        writer.write_point(point).expect("a point");
    }
    writer.close().expect("a whole file");
}

#[test]
fn a_kill_at_twenty_instants_of_a_survey_tears_nothing_and_its_room_comes_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    let files = ["one.laz", "two.laz"].map(|name| folder.path().join(name));
    for (file, delivery) in files.iter().zip([1, 2]) {
        write_survey(file, delivery);
    }
    new_twin(&dir, "EPSG:3006");
    let more = ["--collection", "flight", "--crs", "EPSG:3006"];
    let at = [
        "query",
        text(&dir),
        "--at",
        "600075,6600075",
        "--crs",
        "EPSG:3006",
    ];
    let served = || {
        let status = succeed_json(&["status", text(&dir)]);
        assert_eq!(status["surveys"][0]["points"], 90_000);
        let elevation = &succeed_json(&at)["elevation"];
        assert_eq!(elevation["ground"], elevation["surface"], "{elevation}");
        elevation["ground"].as_f64().expect("a number") as i64
    };
    let live = kill_at_instants(&dir, SURVEY_KILLS, [&files[0], &files[1]], &more, served);
    // The next ingest takes away what the killed ones left.
    let next = text(&files[2 - live as usize]);
    let mut arguments = vec!["ingest", text(&dir), next, "--replace"];
    arguments.extend(more);
    succeed(&arguments);
    let left: Vec<PathBuf> = contents(&dir.join("surveys"))
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert_eq!(left.len(), 5, "points, three grids and a report: {left:?}");
    assert_eq!(served(), 3 - live);
}
