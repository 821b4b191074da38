//! What elevations are counted from: kept, converted or refused, and never mixed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use geodesy::Crs;
use ingest::{Error, SurveyOptions, SurveyReader, VerticalSource};
use model::{PointBatch, VerticalDatum};

use crate::common::{all_points, crs, made, says_wkt, shared, write};

fn options(vertical: Option<VerticalSource>, geoid: Option<PathBuf>) -> SurveyOptions {
    SurveyOptions {
        target: crs("EPSG:3006"),
        crs: Some(crs("EPSG:3006")),
        vertical,
        geoid,
    }
}

fn grid() -> Option<PathBuf> {
    shared("swedish/geoid/se_lantmateriet_SWEN17_RH2000.tif")
}

/// A file of a hundred points near Uppsala, which says in WKT what its coordinates are.
fn file(folder: &Path, name: &str, wkt: &str) -> PathBuf {
    let bytes = made(6, false, 100, &says_wkt(wkt));
    write(folder, name, &bytes)
}

fn read(paths: &[PathBuf], options: &SurveyOptions) -> Result<PointBatch, Error> {
    Ok(all_points(SurveyReader::open(paths, options)?)?.0)
}

fn wkt_of(code: &str) -> String {
    crs(code).wkt1().unwrap()
}

/// EPSG:3006 with heights above the ellipsoid, as programs write it in WKT 1: a vertical
/// datum of type 2002.
fn ellipsoidal_wkt() -> String {
    let flat = wkt_of("EPSG:3006");
    format!(
        "COMPD_CS[\"SWEREF99 TM + ellipsoid\",{flat},VERT_CS[\"Ellipsoid (metre)\",VERT_DATUM[\"Ellipsoid\",2002],UNIT[\"metre\",1]]]"
    )
}

#[test]
fn heights_above_the_ellipsoid_become_what_proj_makes_of_them() {
    let Some(grid) = grid() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "drone.las", &made(6, false, 100, &|_| ()));
    let as_elevations = read(
        std::slice::from_ref(&path),
        &options(Some(VerticalSource::Datum(VerticalDatum::Unknown)), None),
    )
    .unwrap();
    let given = options(Some(VerticalSource::Ellipsoid), Some(grid.clone()));
    let reader = SurveyReader::open(std::slice::from_ref(&path), &given).unwrap();
    assert_eq!(
        reader.header().vertical,
        VerticalDatum::Known {
            code: "EPSG:5613".to_owned(),
            name: "RH2000 height".to_owned()
        }
    );
    assert_eq!(
        reader.header().geoid.as_deref(),
        Some("se_lantmateriet_SWEN17_RH2000")
    );
    assert!(reader.header().scale_m[2] <= 0.001);
    let converted = read(std::slice::from_ref(&path), &given).unwrap();
    for (converted, x) in converted.x.iter().zip(&as_elevations.x) {
        assert!((converted - x).abs() < 1e-6);
    }

    let program = Command::new("cct")
        .args(["-d", "6", "+proj=pipeline"])
        .args(["+step", "+inv", "+proj=utm", "+zone=33", "+ellps=GRS80"])
        .args(["+step", "+proj=vgridshift"])
        .arg(format!("+grids={}", grid.canonicalize().unwrap().display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut program) = program else {
        eprintln!("SKIPPED: cct is not installed");
        return;
    };
    let input: String = (0..as_elevations.len())
        .map(|i| {
            let [x, y, z] = [&as_elevations.x, &as_elevations.y, &as_elevations.z].map(|c| c[i]);
            format!("{x} {y} {z} 0\n")
        })
        .collect();
    let mut pipe = program.stdin.take().unwrap();
    pipe.write_all(input.as_bytes()).unwrap();
    drop(pipe);
    let output = String::from_utf8(program.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(output.lines().count(), 100);
    for (line, z) in output.lines().zip(&converted.z) {
        let theirs: f64 = line.split_whitespace().nth(2).unwrap().parse().unwrap();
        // Kept in whole millimetres.
        assert!((theirs - z).abs() < 5.1e-4, "{theirs} and {z}");
        // In Uppland, the geoid lies some 23 m above the ellipsoid.
        assert!((-7.0..4.0).contains(z), "{z}");
    }
}

#[test]
fn a_file_that_says_that_its_heights_are_ellipsoidal_is_believed() {
    let Some(grid) = grid() else { return };
    let folder = tempfile::tempdir().unwrap();
    let wkt = ellipsoidal_wkt();
    assert!(
        Crs::from_definition(&wkt)
            .unwrap()
            .ellipsoidal_unit_m()
            .is_some(),
        "{wkt}"
    );
    let path = file(folder.path(), "drone.las", &wkt);
    let mut options = options(None, Some(grid));
    options.crs = None;
    let reader = SurveyReader::open(std::slice::from_ref(&path), &options).unwrap();
    assert!(reader.header().geoid.is_some());
    // Without a grid it is refused, with the remedy.
    options.geoid = Some(PathBuf::from("no/such/grid.tif"));
    let error = SurveyReader::open(&[path], &options)
        .unwrap_err()
        .to_string();
    assert!(error.contains("drone.las"), "{error}");
    assert!(error.contains("no/such/grid.tif"), "{error}");
    assert!(error.contains("--geoid"), "{error}");
}

#[test]
fn files_whose_vertical_datums_differ_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let rh2000 = file(folder.path(), "a.las", &wkt_of("EPSG:5845"));
    let unknown = file(folder.path(), "b.las", &wkt_of("EPSG:3006"));
    let mut pairs = vec![([rh2000.clone(), unknown], "an unknown datum")];
    let mut options = options(None, grid());
    options.crs = None;
    if options.geoid.is_some() {
        let ellipsoidal = file(folder.path(), "c.las", &ellipsoidal_wkt());
        pairs.push(([rh2000, ellipsoidal], "heights above the ellipsoid"));
    }
    for (files, datum) in pairs {
        let error = SurveyReader::open(&files, &options)
            .unwrap_err()
            .to_string();
        for file in &files {
            let name = file.file_name().unwrap().to_string_lossy();
            assert!(error.contains(&*name), "{error}");
        }
        assert!(error.contains(datum), "{error}");
        assert!(error.contains("RH2000 height"), "{error}");
        assert!(error.contains("--vertical"), "{error}");
    }
}

#[test]
fn points_outside_the_grid_are_left_out_and_a_survey_outside_is_refused() {
    let Some(grid) = grid() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "far.las", &made(6, false, 100, &|_| ()));
    let mut options = options(Some(VerticalSource::Ellipsoid), Some(grid));
    // The same numbers in the middle of France.
    options.crs = Some(crs("EPSG:2154"));
    let error = read(&[path], &options).unwrap_err().to_string();
    assert!(error.contains("far.las"), "{error}");
    assert!(error.contains("se_lantmateriet_SWEN17_RH2000"), "{error}");
}

#[test]
fn elevations_in_feet_are_put_in_metres_and_the_datum_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "feet.las", &made(6, false, 100, &|_| ()));
    // NAVD 88 in survey feet.
    let feet = VerticalSource::Datum(VerticalDatum::Known {
        code: "EPSG:6360".to_owned(),
        name: "NAVD88 height (ftUS)".to_owned(),
    });
    let options = options(Some(feet), None);
    let reader = SurveyReader::open(std::slice::from_ref(&path), &options).unwrap();
    let metric = VerticalDatum::Known {
        code: "EPSG:5703".to_owned(),
        name: "NAVD88 height".to_owned(),
    };
    assert_eq!(reader.header().vertical, metric);
    let points = read(&[path], &options).unwrap();
    // In whole steps of a hundredth of a foot.
    assert!((points.z[0] - 20.0 * 1200.0 / 3937.0).abs() < 0.0016);
}

/// A file that says in GeoTIFF keys what its coordinates are.
fn keyed(folder: &Path, name: &str, keys: &[[u16; 2]]) -> PathBuf {
    let bytes = made(1, false, 100, &|builder| {
        let mut words = vec![1, 1, 0, keys.len() as u16];
        words.extend(keys.iter().flat_map(|[key, value]| [*key, 0, 1, *value]));
        builder.vlrs.push(las::Vlr {
            user_id: "LASF_Projection".to_owned(),
            record_id: 34735,
            description: String::new(),
            data: words
                .iter()
                .flat_map(|word: &u16| word.to_le_bytes())
                .collect(),
        });
    });
    write(folder, name, &bytes)
}

#[test]
fn keys_tell_heights_above_the_ellipsoid_and_units_that_nobody_knows() {
    let folder = tempfile::tempdir().unwrap();
    // An odd unit: the Gold Coast foot.
    let odd = keyed(folder.path(), "odd.las", &[[3072, 3006], [4099, 9094]]);
    let mut options = options(None, grid());
    options.crs = None;
    let error = SurveyReader::open(&[odd], &options)
        .unwrap_err()
        .to_string();
    assert!(error.contains("EPSG:9094"), "{error}");
    assert!(error.contains("odd.las"), "{error}");
    if options.geoid.is_some() {
        // What old GeoTIFF writes for heights above the ellipsoid of WGS 84.
        let path = keyed(folder.path(), "old.las", &[[3072, 3006], [4096, 5030]]);
        let reader = SurveyReader::open(&[path], &options).unwrap();
        assert!(reader.header().geoid.is_some());
    }
}

#[test]
fn depths_are_refused_since_they_count_downwards() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "sea.las", &made(6, false, 100, &|_| ()));
    let depth = VerticalSource::Datum(VerticalDatum::Known {
        code: "EPSG:5715".to_owned(),
        name: "MSL depth".to_owned(),
    });
    let error = SurveyReader::open(&[path], &options(Some(depth), None)).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("sea.las"), "{error}");
    assert!(error.contains("MSL depth"), "{error}");
}
