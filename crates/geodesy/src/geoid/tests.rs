//! Grids made here, and the Swedish one held to PROJ.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;
use crate::testdata::shared;

const GRID: &str = "swedish/geoid/se_lantmateriet_SWEN17_RH2000.tif";

fn swedish() -> Option<Geoid> {
    shared(GRID).map(|path| Geoid::open(&path).unwrap())
}

/// A grid of 3 × 3 values one degree apart, whose north-western one is at 10° E, 60° N,
/// not compressed. Written by hand, so that a pencil can follow it.
fn small(metadata: &str, values: [f32; 9]) -> Vec<u8> {
    let doubles = |values: &[f64]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let shorts = |values: &[u16]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let pixels: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let short = |value: u16| (3_u16, 1_u32, shorts(&[value]));
    // Tag, and type, count and bytes of its value.
    type Entry = (u16, (u16, u32, Vec<u8>));
    let entries: Vec<Entry> = vec![
        (256, short(3)),
        (257, short(3)),
        (258, short(32)),
        (259, short(1)),
        (262, short(1)),
        (273, (4, 1, 8_u32.to_le_bytes().to_vec())),
        (277, short(1)),
        (278, short(3)),
        (279, (4, 1, 36_u32.to_le_bytes().to_vec())),
        (339, short(3)),
        (33550, (12, 3, doubles(&[1.0, 1.0, 0.0]))),
        (33922, (12, 6, doubles(&[0.0, 0.0, 0.0, 10.0, 60.0, 0.0]))),
        (34735, (3, 8, shorts(&[1, 1, 0, 1, 1025, 0, 1, 2]))),
        (
            42112,
            (
                2,
                metadata.len() as u32 + 1,
                [metadata.as_bytes(), b"\0"].concat(),
            ),
        ),
        (42113, (2, 6, b"-9999\0".to_vec())),
    ];
    let directory_at = 8 + pixels.len();
    let mut long_at = directory_at + 2 + 12 * entries.len() + 4;
    let mut bytes = b"II*\0".to_vec();
    bytes.extend((directory_at as u32).to_le_bytes());
    bytes.extend(pixels);
    bytes.extend((entries.len() as u16).to_le_bytes());
    let mut long = Vec::new();
    for (tag, (kind, count, mut value)) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        if value.len() <= 4 {
            value.resize(4, 0);
            bytes.extend(value);
        } else {
            bytes.extend((long_at as u32).to_le_bytes());
            long_at += value.len();
            long.extend(value);
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(long);
    bytes
}

const METADATA: &str = "<GDALMetadata>\
    <Item name=\"TYPE\">VERTICAL_OFFSET_GEOGRAPHIC_TO_VERTICAL</Item>\
    <Item name=\"target_crs_epsg_code\">5613</Item>\
    <Item name=\"UNITTYPE\" sample=\"0\" role=\"unittype\">metre</Item></GDALMetadata>";

const VALUES: [f32; 9] = [30.0, 32.0, 34.0, 40.0, 42.0, 44.0, 50.0, 52.0, -9999.0];

fn opened(bytes: &[u8]) -> Result<Geoid, Error> {
    let mut file = tempfile::Builder::new().suffix(".tif").tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Geoid::open(file.path())
}

#[test]
fn a_separation_is_bilinear_between_the_points_of_the_grid() {
    let geoid = opened(&small(METADATA, VALUES)).unwrap();
    for (place, expected) in [
        ([10.0, 60.0], Some(30.0)),
        ([11.0, 59.0], Some(42.0)),
        ([10.5, 60.0], Some(31.0)),
        ([10.25, 59.5], Some(35.5)),
        ([370.25, 59.5], Some(35.5)),
        ([11.0, 58.0], Some(52.0)),
        // The south-eastern value is missing.
        ([11.5, 58.5], None),
        ([12.0, 58.0], None),
        ([9.99, 59.5], None),
        ([12.01, 59.5], None),
        ([11.0, 60.01], None),
        ([11.0, 57.99], None),
        ([f64::NAN, 59.0], None),
        ([f64::INFINITY, 59.0], None),
    ] {
        assert_eq!(geoid.separation_m(place), expected, "{place:?}");
    }
    assert_eq!(geoid.vertical_code(), "EPSG:5613");
    assert_eq!(geoid.vertical_name(), "RH2000 height");
    assert_eq!(
        geoid.separations_m(&[[11.0, 59.0], [0.0, 0.0]]),
        [Some(42.0), None]
    );
}

#[test]
fn what_is_no_geoid_grid_is_refused_with_the_reason() {
    let reason = |bytes: &[u8]| match opened(bytes) {
        Err(Error::Geoid { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    for (metadata, expected) in [
        ("<GDALMetadata/>", "does not say what it is"),
        (
            &METADATA.replace(
                "VERTICAL_OFFSET_GEOGRAPHIC_TO_VERTICAL",
                "HORIZONTAL_OFFSET",
            ),
            "TYPE is HORIZONTAL_OFFSET",
        ),
        (&METADATA.replace("metre", "foot"), "values are in foot"),
        (&METADATA.replace("5613", "3006"), "EPSG:3006"),
        (
            &METADATA.replace("target_crs", "other"),
            "does not say which height system",
        ),
    ] {
        let reason = reason(&small(metadata, VALUES));
        assert!(reason.contains(expected), "{reason}");
    }
    assert!(reason(b"").contains("fetch the grid again"));
    assert!(reason(b"<html>404</html>").contains("fetch the grid again"));
    let missing = Geoid::open(Path::new("no/such/grid.tif")).unwrap_err();
    assert!(
        missing.to_string().contains("no/such/grid.tif"),
        "{missing}"
    );
    assert!(missing.to_string().contains("--geoid"), "{missing}");
    let nowhere = Geoid::find_in(&[PathBuf::from("no/such")]).unwrap_err();
    assert!(nowhere.to_string().contains("PROJ_DATA"), "{nowhere}");
}

#[test]
fn a_damaged_grid_is_an_error_or_a_grid_and_never_a_panic() {
    let whole = small(METADATA, VALUES);
    for len in 0..whole.len() {
        let _ = opened(&whole[..len]);
    }
    for at in 0..whole.len() {
        for value in [0, 0x7F, 0xFF] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            if let Ok(geoid) = opened(&bytes) {
                let _ = geoid.separation_m([10.7, 59.3]);
            }
        }
    }
    // A header that claims a grid of 65535 × 65535 values in a file of a kilobyte.
    let mut bytes = whole;
    for entry in [46, 58] {
        bytes[entry + 8..entry + 10].copy_from_slice(&u16::MAX.to_le_bytes());
    }
    assert!(opened(&bytes).is_err());
}

#[test]
fn the_swedish_grid_gives_the_separations_that_proj_computed() {
    let Some(geoid) = swedish() else { return };
    assert_eq!(geoid.vertical_code(), "EPSG:5613");
    let text = fs::read_to_string(shared("swedish/sweref_vectors.csv").unwrap()).unwrap();
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| head.iter().position(|column| *column == name).unwrap();
    let [lon, lat, h, elevation] =
        ["lon_deg", "lat_deg", "h_ellipsoidal_m", "H_RH2000_m"].map(column);
    let mut compared = 0;
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |at: usize| cells[at].parse::<f64>();
        let (Ok(lon), Ok(lat)) = (number(lon), number(lat)) else {
            continue;
        };
        let (Ok(h), Ok(elevation)) = (number(h), number(elevation)) else {
            continue;
        };
        let n = geoid.separation_m([lon, lat]).unwrap();
        // The file has tenths of a millimetre.
        assert!((n - (h - elevation)).abs() < 2e-4, "{line}: {n}");
        compared += 1;
    }
    assert!(compared > 100, "only {compared} points");
}

#[test]
fn the_swedish_grid_gives_what_the_program_of_proj_gives() {
    let Some(geoid) = swedish() else { return };
    let grid = geoid.path().canonicalize().unwrap();
    let mut places: Vec<[f64; 2]> = (0..400)
        .map(|i| {
            let turn = |step: f64| (f64::from(i) * step).fract();
            [10.0 + 15.0 * turn(0.754_877), 54.0 + 16.0 * turn(0.569_840)]
        })
        .collect();
    places.extend([[10.0, 54.0], [25.0, 70.0], [17.3, 62.39], [17.31, 62.395]]);
    let program = Command::new("cct")
        .args(["-d", "6", "+proj=vgridshift"])
        .arg(format!("+grids={}", grid.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut program) = program else {
        eprintln!("SKIPPED: cct is not installed");
        return;
    };
    let input: String = places
        .iter()
        .map(|[lon, lat]| format!("{lon:.9} {lat:.9} 0 0\n"))
        .collect();
    program
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = program.wait_with_output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.lines().count(), places.len());
    for (line, place) in output.lines().zip(places) {
        let z: f64 = line.split_whitespace().nth(2).unwrap().parse().unwrap();
        let ours = geoid.separation_m(place).unwrap();
        assert!((ours + z).abs() < 1e-5, "{place:?}: {ours} and {z}");
    }
}

#[test]
fn the_grid_is_found_where_proj_would_find_it() {
    let Some(path) = shared(GRID) else { return };
    let folder = path.parent().unwrap().to_owned();
    let found = Geoid::find_in(&[PathBuf::from("no/such"), folder]).unwrap();
    assert_eq!(found.name(), "se_lantmateriet_SWEN17_RH2000");
}

#[test]
fn a_mutated_swedish_grid_never_panics() {
    let Some(path) = shared(GRID) else { return };
    let whole = fs::read(path).unwrap();
    // The directory of the file and its arrays lie in its first kilobytes.
    for round in 0..120_usize {
        let mut bytes = whole.clone();
        let at = (round * 7919) % if round % 2 == 0 { 4096 } else { bytes.len() };
        bytes[at] ^= 1 << (round % 8);
        if round % 10 == 0 {
            bytes.truncate(at.max(100));
        }
        let _ = opened(&bytes);
    }
}
