//! Rasters of a survey, exported and served, as other people's tools read them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::demo;
use crate::gdal::gdal;
use crate::harness::{
    Server, contents, installed, judged_by, python_with, refuse, succeed, succeed_json, text,
};

/// The demo town's survey by drone: half a metre, in SWEREF 99 17 15 and RH 2000.
const SURVEY: &str = "drone_2026";

/// The middle of a cell in the middle of it.
const MIDDLE: (f64, f64) = (190_440.25, 6_920_340.25);

fn python() -> Option<PathBuf> {
    python_with("rasterio, rio_cogeo")
}

fn judge(python: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&judged_by(python, "rasters.py", arguments)).expect("JSON")
}

/// Exports a raster of the demo town's survey.
fn export(out: &Path, more: &[&str]) -> Value {
    let start = [
        "export",
        text(demo::twin()),
        text(out),
        "--collection",
        SURVEY,
    ];
    succeed_json(&[&start[..], more].concat())
}

fn number(judged: &Value, name: &str) -> f64 {
    judged[name].as_f64().expect("a number")
}

#[test]
fn exported_and_stored_rasters_are_cloud_optimised_geotiffs_to_rio_cogeo() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut files = Vec::new();
    for (name, more) in [
        ("ground", &["--product", "ground"][..]),
        ("coarse", &["--cell-size", "2"]),
        ("fine", &["--cell-size", "0.25"]),
        ("odd", &["--product", "surface", "--cell-size", "0.7"]),
        ("height", &["--product", "height"]),
        ("slope", &["--product", "slope"]),
        ("aspect", &["--product", "aspect"]),
        ("hillshade", &["--product", "hillshade"]),
    ] {
        let out = folder.path().join(format!("{name}.tif"));
        let said = export(&out, more);
        assert!(said["columns"].as_u64() > Some(100), "{said}");
        files.push(out);
    }
    let stored = contents(&demo::twin().join("surveys"));
    let stored = stored.into_iter().map(|(path, _)| path);
    files.extend(stored.filter(|path| text(path).ends_with(".tif")));
    assert!(files.len() >= 8 + 4, "{files:?}");
    let names: Vec<&str> = files.iter().map(|file| text(file)).collect();
    let judged = judge(&python, &[&["cog"][..], &names].concat());
    for (file, complaints) in judged.as_object().expect("an object") {
        assert_eq!(complaints, &serde_json::json!([]), "{file}");
    }

    // A coarser file is the overview, a finer one lies between the cells.
    let at = |file: &str, x: f64, y: f64| {
        let file = folder.path().join(format!("{file}.tif"));
        let judged = judge(
            &python,
            &["at", text(&file), &x.to_string(), &y.to_string()],
        );
        number(&judged, "value")
    };
    let (x, y) = MIDDLE;
    let clicked = succeed_json(&[
        "query",
        text(demo::twin()),
        "--at",
        &format!("{x},{y}"),
        "--crs",
        "EPSG:3014",
        "--collections",
        SURVEY,
    ]);
    let ground = number(&clicked["elevation"], "ground");
    assert!((at("ground", x, y) - ground).abs() < 0.006, "{clicked}");
    let surface = number(&clicked["elevation"], "surface");
    assert!((at("height", x, y) - (surface - ground)).abs() < 0.011);
    assert!((at("coarse", x, y) - ground).abs() < 0.5);
    assert!((at("fine", x, y) - ground).abs() < 0.1);
}

#[test]
fn gdalinfo_tells_crs_datum_unit_and_statistics_of_exported_rasters() {
    if !installed("gdalinfo") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ground = folder.path().join("ground.tif");
    export(&ground, &[]);
    let said = gdal("gdalinfo", &[text(&ground)]);
    for expected in [
        "LAYOUT=COG",
        "COMPRESSION=DEFLATE",
        "ID[\"EPSG\",3014]",
        "RH2000 height",
        "ID[\"EPSG\",5613]",
        "Pixel Size = (0.500000000000000,-0.500000000000000)",
        "AREA_OR_POINT=Area",
        "Block=256x256 Type=Float32",
        "NoData Value=nan",
        "Unit Type: metre",
        "Overviews: ",
        "synthetic data",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    if let Some(python) = python() {
        let computed = judge(&python, &["statistics", text(&ground)]);
        for name in ["MINIMUM", "MAXIMUM", "MEAN", "STDDEV"] {
            let (told, computed) = (statistic(&said, name), number(&computed, name));
            assert!((told - computed).abs() < 1e-6, "{name}: {told} {computed}");
        }
    }
    let code = |file: &Path| gdal("gdalsrsinfo", &["-o", "epsg", text(file)]);
    assert!(code(&ground).contains("EPSG:5853"));

    let slope = folder.path().join("slope.tif");
    export(&slope, &["--product", "slope"]);
    let said = gdal("gdalinfo", &[text(&slope)]);
    assert!(said.contains("Unit Type: degree"), "{said}");
    assert!(!said.contains("\"EPSG\",5613"), "{said}");
    assert!(code(&slope).contains("EPSG:3014"));
}

/// A statistic that gdalinfo tells.
fn statistic(said: &str, name: &str) -> f64 {
    let (_, rest) = said
        .split_once(&format!("STATISTICS_{name}="))
        .unwrap_or_else(|| panic!("no {name} in {said}"));
    let number = rest
        .lines()
        .next()
        .and_then(|line| line.trim().parse().ok());
    number.expect("a number")
}

#[test]
fn slope_aspect_and_hillshade_are_those_of_gdaldem() {
    let Some(python) = python() else { return };
    if !installed("gdaldem") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str| folder.path().join(format!("{name}.tif"));
    let ground = file("ground");
    export(&ground, &[]);
    let one = ["--azimuth", "110", "--altitude", "30"];
    for (name, ours, theirs, field, most) in [
        (
            "slope",
            &["--product", "slope"][..],
            &["slope"][..],
            "max",
            0.01,
        ),
        // Where the ground is all but level, the last digit of an elevation turns it.
        (
            "aspect",
            &["--product", "aspect"],
            &["aspect"],
            "p999_around",
            0.1,
        ),
        (
            "usual",
            &["--product", "hillshade", "--azimuth", "315"],
            &["hillshade"],
            "max",
            1.0,
        ),
        (
            "low",
            &[&["--product", "hillshade"], &one[..]].concat(),
            &["hillshade", "-az", "110", "-alt", "30"],
            "max",
            1.0,
        ),
        (
            "multi",
            &["--product", "hillshade", "--multidirectional"],
            &["hillshade", "-multidirectional"],
            "max",
            1.0,
        ),
    ] {
        let (mine, gdals) = (file(name), file(&format!("{name}-gdal")));
        export(&mine, ours);
        let (mode, options) = theirs.split_first().expect("a mode");
        let arguments = [&[*mode, text(&ground), text(&gdals), "-q"], options].concat();
        gdal("gdaldem", &arguments);
        let judged = judge(&python, &["differ", text(&mine), text(&gdals)]);
        assert!(number(&judged, field) <= most, "{name}: {judged}");
        // It leaves the outermost cells empty, and sees slopes in rounding where it is level.
        assert!(number(&judged, "both") > 100_000.0, "{name}: {judged}");
        assert!(number(&judged, "only_b") < 1000.0, "{name}: {judged}");
    }
}

#[test]
fn served_rasters_are_read_by_range_and_heights_are_surface_less_ground() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(demo::twin());
    let mut files = Vec::new();
    for name in ["surface", "ground", "height"] {
        let path = format!("/surveys/{SURVEY}/{name}.tif");
        let whole = server.get(&path);
        assert_eq!(whole.status, 200);
        assert!(whole.header("content-type").starts_with("image/tiff"));
        for (first, last) in [(0, 15), (190, 100_000), (262_000, 900_001)] {
            let range = format!("bytes={first}-{last}");
            let part = server.get_with(&path, &[("Range", range.as_str())]);
            assert_eq!(part.status, 206, "{name} {range}");
            assert!(part.body == whole.body[first..=last], "{name} {range}");
        }
        let file = folder.path().join(format!("{name}.tif"));
        std::fs::write(&file, &whole.body).expect("a temporary file");
        files.push(file);
    }
    let names: Vec<&str> = files.iter().map(|file| text(file)).collect();
    let judged = judge(&python, &[&["cog"][..], &names].concat());
    for (file, complaints) in judged.as_object().expect("an object") {
        assert_eq!(complaints, &serde_json::json!([]), "{file}");
    }
    let judged = judge(&python, &[&["minus"][..], &names].concat());
    // What the judge subtracts in 64 bits was subtracted in 32.
    assert!(number(&judged, "max") < 1e-5, "{judged}");
    assert_eq!(number(&judged, "only_a") + number(&judged, "only_b"), 0.0);
    assert!(number(&judged, "both") > 100_000.0);
    if installed("gdalinfo") {
        // Over HTTP, without the whole file.
        let url = format!("/vsicurl/{}/surveys/{SURVEY}/height.tif", server.base);
        let said = gdal("gdalinfo", &[&url]);
        assert!(said.contains("LAYOUT=COG"), "{said}");
        assert!(said.contains("Unit Type: metre"), "{said}");
    }
    assert!(server.stop());
}

#[test]
fn an_export_that_makes_no_sense_is_refused_in_one_sentence() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, more, expected) in [
        ("a.tif", &["--cell-size", "0"][..], "--cell-size 0"),
        ("a.tif", &["--cell-size", "NaN"], "--cell-size NaN"),
        ("a.tif", &["--azimuth", "90"], "hillshade alone"),
        (
            "a.tif",
            &["--product", "hillshade", "--altitude", "91"],
            "altitude 91",
        ),
        ("a.copc.laz", &["--product", "slope"], ".tif"),
        ("a.png", &[], ".tif"),
    ] {
        let out = folder.path().join(name);
        let start = ["export", text(demo::twin()), text(&out), "--collection"];
        let said = refuse(&[&start[..], &[SURVEY], more].concat());
        assert!(said.contains(expected), "{said}");
    }
    let roads = folder.path().join("roads.tif");
    let start = ["export", text(demo::twin()), text(&roads), "--collection"];
    let said = refuse(&[&start[..], &["road_links"]].concat());
    assert!(said.contains("collection of features"), "{said}");
    assert_eq!(contents(folder.path()), Vec::new());
    // And one that makes sense overwrites only when told to.
    let out = folder.path().join("a.tif");
    export(&out, &["--cell-size", "8"]);
    let start = ["export", text(demo::twin()), text(&out), "--collection"];
    assert!(refuse(&[&start[..], &[SURVEY]].concat()).contains("--force"));
    succeed(&[&start[..], &[SURVEY, "--force"]].concat());
    assert_eq!(contents(folder.path()).len(), 1);
}
