//! Real surveys and layers beside the checkout, through the same commands.

use std::path::Path;

use crate::gdal::gdal;
use crate::harness::{
    Server, configure, contents, installed, new_twin, shared, succeed, succeed_json, text,
};

/// Delft: a classified survey and the layers of the same place, neither of which says its CRS
/// in the survey's case. The twin is in the Dutch grid.
fn delft(dir: &Path) -> Option<()> {
    let first = shared("demo-delft/lidar/ahn3_cropped_1.laz")?;
    let second = shared("demo-delft/lidar/ahn3_cropped_2.laz")?;
    let layers = shared("demo-delft/derived/delft_bgt.gpkg")?;
    new_twin(dir, "EPSG:28992");
    configure(
        dir,
        "[collections.ahn3]\npublic = true\n[collections.pand]\npublic = true\n[collections.wegdeel]\npublic = true\n",
    );
    succeed(&[
        "ingest",
        text(dir),
        text(&first),
        text(&second),
        "--collection",
        "ahn3",
        "--crs",
        "EPSG:28992",
        "--vertical",
        "EPSG:5709",
        "--title",
        "AHN3",
    ]);
    for layer in ["pand", "wegdeel"] {
        succeed(&[
            "ingest",
            text(dir),
            text(&layers),
            "--collection",
            layer,
            "--layer",
            layer,
        ]);
    }
    Some(())
}

#[test]
fn delft_is_a_clickable_map() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    let Some(()) = delft(&dir) else { return };
    let status = succeed_json(&["status", text(&dir)]);
    assert_eq!(status["surveys"][0]["points"], 640_510 + 208_432);
    assert_eq!(succeed_json(&["check", text(&dir)])["whole"], true);

    let server = Server::start(&dir);
    let pand = server.get("/collections/pand/items?limit=200").json();
    assert_eq!(pand["numberMatched"], 160);
    // The middle of the survey lies in the old town, at about sea level.
    let answer = server
        .get("/identify?coords=84940,447527&crs=EPSG:28992&radius=30")
        .json();
    let ground = answer["elevation"]["ground"].as_f64().expect("ground");
    let surface = answer["elevation"]["surface"].as_f64().expect("surface");
    assert!((-1.0..4.0).contains(&ground), "{ground}");
    assert!(surface >= ground - 0.3, "{surface} under {ground}");
    let lon = answer["at"]["lon"].as_f64().expect("lon");
    assert!((4.35..4.37).contains(&lon), "{lon}");
    assert!(
        !answer["collections"]
            .as_array()
            .expect("collections")
            .is_empty(),
        "{answer}"
    );

    if installed("gdalinfo") {
        let terrain = contents(&dir)
            .into_iter()
            .map(|(path, _)| path)
            .find(|path| text(path).contains("terrain") && text(path).ends_with(".tif"))
            .expect("a terrain");
        let said = gdal("gdalinfo", &["-stats", text(&terrain)]);
        assert!(said.contains("Amersfoort / RD New"), "{said}");
        assert!(
            said.contains("Type=Float32") && said.contains("NoData Value"),
            "{said}"
        );
        assert!(said.contains("Overviews"), "{said}");
        // Its own mean of the points classified as ground, made by another tool.
        let theirs = shared("demo-delft/derived/delft_dtm_0.5m.tif").expect("beside the survey");
        let at = |file: &Path, x: &str, y: &str| -> Option<f64> {
            let said = gdal(
                "gdallocationinfo",
                &["-valonly", "-geoloc", text(file), x, y],
            );
            said.trim().parse().ok().filter(|v: &f64| *v > -100.0)
        };
        let mut errors = Vec::new();
        for i in 0..12 {
            for j in 0..10 {
                let (x, y) = (
                    84_820.0 + f64::from(i) * 20.0,
                    447_420.0 + f64::from(j) * 21.0,
                );
                let (x, y) = (x.to_string(), y.to_string());
                if let (Some(ours), Some(theirs)) = (at(&terrain, &x, &y), at(&theirs, &x, &y)) {
                    errors.push((ours - theirs).abs());
                }
            }
        }
        errors.sort_by(f64::total_cmp);
        assert!(
            errors.len() >= 20,
            "only {} places have ground",
            errors.len()
        );
        let median = errors[errors.len() / 2];
        eprintln!(
            "Delft: terrain against classified ground: median {median:.3} m of {}",
            errors.len()
        );
        assert!(median < 0.15, "median difference {median} m");
    }
    assert!(server.stop());
}

#[test]
fn road_assets_of_a_norwegian_municipality_land_in_sweref_99_tm() {
    let Some(assets) = shared("municipal/kongsvinger-nvdb/kongsvinger_assets.gpkg") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    new_twin(&dir, "EPSG:3006");
    for (layer, id, count) in [
        ("Vegdekke", "pavement", 271),
        ("NVDB_Skiltpunkt", "signs", 2325),
    ] {
        succeed(&[
            "ingest",
            text(&dir),
            text(&assets),
            "--collection",
            id,
            "--layer",
            layer,
        ]);
        let status = succeed_json(&["status", text(&dir)]);
        let collection = status["collections"]
            .as_array()
            .expect("collections")
            .iter()
            .find(|collection| collection["id"] == id)
            .expect("it is there")
            .clone();
        assert_eq!(collection["features"], count, "{}", collection["report"]);
    }
    assert_eq!(succeed_json(&["check", text(&dir)])["whole"], true);
    // Kongsvinger, 60.19° N 12.00° E.
    let answer = succeed_json(&[
        "query",
        text(&dir),
        "--at",
        "12.0,60.19",
        "--radius",
        "5000",
    ]);
    let pavement = answer["collections"].as_array().expect("collections");
    assert!(
        pavement
            .iter()
            .any(|collection| collection["id"] == "pavement"),
        "{answer}"
    );
}

#[test]
fn real_roadworks_of_sundsvall_are_dated_and_found() {
    let Some(works) = shared("swedish/sundsvall_trafikstorningar.geojson") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    new_twin(&dir, "EPSG:3014");
    succeed(&["ingest", text(&dir), text(&works), "--collection", "works"]);
    let answer = succeed_json(&[
        "query",
        text(&dir),
        "--at",
        "610688,6918052",
        "--crs",
        "EPSG:3006",
        "--radius",
        "500",
    ]);
    assert_eq!(
        answer["collections"][0]["features"]
            .as_array()
            .expect("works")
            .len(),
        1,
        "{answer}"
    );
}
