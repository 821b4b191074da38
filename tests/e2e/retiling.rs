//! Pyramids after another delivery: what has changed is made anew, and nothing else.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Server, configure, succeed, succeed_json, text};
use crate::pyramids::{archives, ingest, twin};

/// Streets in two towns, some of the second moved by so many degrees.
fn streets(moved: f64) -> String {
    let street = |i: i32| {
        let x = match i {
            0..60 => 17.30 + f64::from(i) * 0.001,
            60..87 => 14.60 + f64::from(i) * 0.001,
            _ => 14.60 + f64::from(i) * 0.001 + moved,
        };
        format!(
            r#"{{"type":"Feature","id":{i},"properties":{{"namn":"Väg {}"}},"geometry":{{"type":"LineString","coordinates":[[{x},62.39],[{},62.394]]}}}}"#,
            i / 4,
            x + 0.002
        )
    };
    (0..90).map(street).collect::<Vec<_>>().join(",")
}

fn tile(dir: &Path, more: &[&str]) -> Value {
    let collection = [
        "tile",
        text(dir),
        "--collection",
        "lines",
        "--max-zoom",
        "14",
    ];
    let mut built = succeed_json(&[&collection, more].concat());
    built["pyramids"][0].take()
}

/// The archive of the lines that the catalog names.
fn archive(dir: &Path) -> (PathBuf, Vec<u8>) {
    let of_lines = |path: &PathBuf| text(path).contains("/lines/");
    let path = archives(dir).into_iter().find(of_lines).expect("one");
    let bytes = std::fs::read(&path).expect("an archive");
    (path, bytes)
}

#[test]
fn a_delivery_makes_only_the_tiles_anew_that_it_changed() {
    let (_folder, dir) = twin();
    ingest(&dir, "lines", &streets(0.0));
    let first = tile(&dir, &[]);
    assert_eq!(first["unchanged_tiles"], 0);
    ingest(&dir, "lines", &streets(0.0003));
    let second = tile(&dir, &[]);
    let unchanged = second["unchanged_tiles"].as_u64().expect("a number");
    assert!(unchanged >= 10, "{second}");
    let retiled = archive(&dir).1;
    assert_eq!(succeed_json(&["check", text(&dir)])["whole"], true);
    let whole = tile(&dir, &["--rebuild"]);
    assert_eq!(whole["unchanged_tiles"], 0);
    assert!(retiled == archive(&dir).1, "the archives differ");
    // The same features delivered again make a new version only if they differ.
    ingest(&dir, "lines", &streets(0.0));
    ingest(&dir, "lines", &streets(0.0003));
    let undone = tile(&dir, &[]);
    assert_eq!(undone["unchanged_tiles"], undone["tiles"]);
    assert_eq!(undone["up_to_date"], false);
}

#[test]
fn a_pyramid_that_would_be_made_again_as_it_is_is_left_alone() {
    let (_folder, dir) = twin();
    ingest(&dir, "lines", &streets(0.0));
    let first = tile(&dir, &[]);
    let (path, bytes) = archive(&dir);
    let catalog = std::fs::read(dir.join("catalog")).expect("a catalog");
    let mut same = tile(&dir, &[]);
    assert_eq!(same["up_to_date"], true, "{same}");
    assert_eq!(same["unchanged_tiles"], same["tiles"]);
    for key in [
        "tiles",
        "distinct",
        "bytes",
        "tiles_with_sacrifices",
        "levels",
    ] {
        assert_eq!(same[key], first[key], "{key}");
    }
    assert_eq!(archive(&dir).0, path);
    assert!(std::fs::read(dir.join("catalog")).expect("a catalog") == catalog);
    let ask = [
        "tile",
        text(&dir),
        "--collection",
        "lines",
        "--max-zoom",
        "14",
    ];
    let said = succeed(&ask);
    assert!(said.contains("up to date: nothing was made"), "{said}");

    // Whatever else is asked for is made.
    assert_eq!(tile(&dir, &["--rebuild"])["up_to_date"], false);
    assert!(archive(&dir).1 == bytes && archive(&dir).0 != path);
    assert_eq!(tile(&dir, &["--min-zoom", "5"])["up_to_date"], false);
    same = tile(&dir, &[]);
    assert_eq!(same["up_to_date"], false);
    configure(&dir, "[collections.signs.tiles]\nmin_zoom = 3\n");
    assert_eq!(tile(&dir, &[])["up_to_date"], true, "another's rules");
    let toml = dir.join("twin.toml");
    let rules = std::fs::read_to_string(&toml).expect("twin.toml");
    let other = rules.replace("as_delivered = true", "as_delivered = true, min_zoom = 2");
    std::fs::write(&toml, other.clone()).expect("twin.toml");
    let later = tile(&dir, &[]);
    assert_eq!(
        (&later["up_to_date"], &later["unchanged_tiles"]),
        (&false.into(), &0.into())
    );
    assert_eq!(tile(&dir, &[])["up_to_date"], true);
    // Maps name the twin that the tiles are from.
    let name = other
        .lines()
        .find(|line| line.starts_with("name = "))
        .expect("a name");
    std::fs::write(&toml, other.replace(name, "name = \"Another\"")).expect("twin.toml");
    assert_eq!(tile(&dir, &[])["up_to_date"], false);
    assert_eq!(succeed_json(&["check", text(&dir)])["whole"], true);
}

#[test]
fn nothing_is_copied_from_a_damaged_pyramid() {
    let (_folder, dir) = twin();
    ingest(&dir, "lines", &streets(0.0));
    tile(&dir, &[]);
    let (path, whole) = archive(&dir);
    let mut damaged = whole.clone();
    let middle = 17_000;
    damaged[middle] ^= 0xff;
    std::fs::write(&path, damaged).expect("an archive");
    assert_eq!(tile(&dir, &[])["unchanged_tiles"], 0);
    assert!(archive(&dir).1 == whole, "the archives differ");
    let imprints = path.with_file_name(format!(
        "{}.imprints",
        archive(&dir)
            .0
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name")
    ));
    let mut bytes = std::fs::read(&imprints).expect("imprints");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&imprints, bytes).expect("imprints");
    assert_eq!(tile(&dir, &[])["unchanged_tiles"], 0);
    let server = Server::start(&dir);
    assert_eq!(server.get("/tiles/lines.pmtiles").body, whole);
}
