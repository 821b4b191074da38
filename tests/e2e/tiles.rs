//! Every tile of the demo town's pyramids, in two grids, judged by programs that are not ours.

use serde_json::Value;

use crate::demo;
use crate::harness::{Server, configure, judged_by, new_twin, python_with, succeed_json, text};
use crate::pyramids::{archives, ingest};

#[test]
fn every_tile_of_the_demo_town_is_what_the_specification_and_its_metadata_say() {
    let Some(python) = python_with("mapbox_vector_tile, shapely, pmtiles.reader") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sets = ["WebMercatorQuad", "SWEREF99TM"];
    let archives = sets.map(|tms| folder.path().join(tms).with_extension("pmtiles"));
    let built = [0, 1].map(|i| {
        succeed_json(&[
            "tile",
            text(demo::twin()),
            "--tms",
            sets[i],
            "--min-zoom",
            "0",
            "--max-zoom",
            "16",
            "--out",
            text(&archives[i]),
        ])
    });
    let said = judged_by(&python, "tiles.py", &archives.each_ref().map(|a| text(a)));
    let judged: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect();
    assert_eq!(judged.len(), sets.len());
    for ((judged, built), set) in judged.iter().zip(&built).zip(sets) {
        assert_eq!(judged["faults"], serde_json::json!([]), "{set}");
        assert_eq!(judged["set"], set);
        assert_eq!(judged["tiles"], built["tiles"], "{set}");
        let levels: Vec<u64> = (0..=16).collect();
        assert_eq!(judged["levels"], serde_json::json!(levels), "{set}");
        let layers = judged["layers"].as_object().expect("layers");
        let collections = built["collections"].as_array().expect("collections");
        for collection in collections {
            let id = collection.as_str().expect("an id");
            assert!(layers.contains_key(id), "{set}: nothing of {id} is shown");
        }
        assert!(judged["polygons"].as_u64() > Some(10_000), "{judged}");
        eprintln!(
            "{set}: {} tiles, {} features, {} polygons and {} points hold",
            judged["tiles"], judged["features"], judged["polygons"], judged["points"]
        );
    }
}

#[test]
fn metadata_says_what_each_level_carries_of_each_collection() {
    let Some(python) = python_with("mapbox_vector_tile, shapely, pmtiles.reader") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    new_twin(&dir, "EPSG:3006");
    let tree = |i: i32| {
        let (x, y) = (
            17.26 + f64::from(i % 40) * 0.0002,
            62.37 + f64::from(i / 40) * 0.0001,
        );
        format!(
            r#"{{"type":"Feature","id":{i},"properties":{{"hojd":{i},"art":"ek {i}"}},"geometry":{{"type":"Point","coordinates":[{x},{y}]}}}}"#
        )
    };
    let trees: Vec<String> = (1..=1600).map(tree).collect();
    ingest(&dir, "trees", &trees.join(","));
    ingest(&dir, "all_trees", &trees.join(","));
    configure(
        &dir,
        r#"
        [collections.trees]
        public = true
        [collections.trees.tiles]
        min_zoom = 9
        cluster = true
        attributes = [{ zooms = [0, 11], columns = ["art"] }, { zooms = [12, 12], columns = [] }]
        [collections.all_trees.tiles]
        as_delivered = true
        byte_limits = [{ zooms = [0, 10], bytes = 20_000 }]
        "#,
    );
    let both = folder.path().join("both.pmtiles");
    let tile = ["tile", text(&dir), "--min-zoom", "7", "--max-zoom", "14"];
    succeed_json(&[&tile[..], &["--out", text(&both)]].concat());
    succeed_json(&tile);
    let trees = archives(&dir)
        .into_iter()
        .find(|path| text(path).contains("/trees/"));
    let alone = trees.expect("a pyramid");
    let said = judged_by(&python, "tiles.py", &[text(&both), text(&alone)]);
    for line in said.lines() {
        let judged: Value = serde_json::from_str(line).expect("an object");
        assert_eq!(judged["faults"], serde_json::json!([]));
        for (level, keys) in [
            ("9 trees", &["art", "point_count"][..]),
            ("11 trees", &["art", "point_count"]),
            ("12 trees", &["point_count"]),
            ("13 trees", &["art", "hojd", "point_count"]),
            ("14 trees", &["art", "hojd"]),
        ] {
            assert_eq!(judged["carried"][level], serde_json::json!(keys), "{level}");
        }
    }
    let read = judged_by(&python, "pyramid.py", &[text(&both)]);
    let read: Value = serde_json::from_str(&read).expect("JSON");
    let layers = read["metadata"]["vector_layers"]
        .as_array()
        .expect("layers");
    let of = |id: &str| {
        layers
            .iter()
            .find(|layer| layer["id"] == id)
            .expect("a layer")
    };
    assert_eq!(
        (&of("trees")["minzoom"], &of("trees")["maxzoom"]),
        (&9.into(), &14.into())
    );
    assert_eq!(of("trees")["fields"]["point_count"], "Number");
    assert_eq!(of("all_trees")["minzoom"], 7);
    assert_eq!(of("all_trees")["fields"].get("point_count"), None);
    let shown = &read["metadata"]["tvilling"]["shown"];
    let first = serde_json::json!({
        "levels": [7, 8],
        "byte_limit": 20_000,
        "fields": { "all_trees": ["hojd", "art"] },
    });
    assert_eq!(shown[0], first);
    // Where one of them has no limit of its own, the usual one counts.
    assert_eq!(shown[1]["byte_limit"], 500_000);

    // The server says the same of the tiles that it hands out.
    let server = Server::start(&dir);
    let tilejson: Value =
        serde_json::from_slice(&server.get("/tiles/trees.json").body).expect("TileJSON");
    let layer = &tilejson["vector_layers"][0];
    assert_eq!(
        (&layer["minzoom"], &layer["fields"]["point_count"]),
        (&9.into(), &"Number".into())
    );
    let told = succeed_json(&[&tile[..], &["--explain", "9/280/141"]].concat());
    assert_eq!(told["collections"][0]["byte_limit"], 20_000, "{told}");
}
