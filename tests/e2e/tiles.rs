//! Every tile of the demo town's pyramids, in two grids, judged by programs that are not ours.

use serde_json::Value;

use crate::demo;
use crate::harness::{judged_by, python_with, succeed_json, text};

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
