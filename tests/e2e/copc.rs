//! A survey taken in, exported and served is COPC to readers that we did not write.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{
    Server, configure, judged_by, new_twin, python_with, refuse, succeed, succeed_json, text,
};

fn python() -> Option<PathBuf> {
    python_with("laspy, lazrs")
}

fn judge(python: &Path, arguments: &[&str]) -> String {
    judged_by(python, "copc.py", arguments)
}

#[test]
fn laspy_reads_every_level_of_an_exported_and_of_a_served_survey() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = folder.path().join("flight.laz");
    judge(&python, &["make", text(&source)]);
    let dir = folder.path().join("twin");
    new_twin(&dir, "EPSG:3006");
    configure(&dir, "[collections.flight]\npublic = true\n");
    succeed(&[
        "ingest",
        text(&dir),
        text(&source),
        "--collection",
        "flight",
        "--crs",
        "EPSG:3006",
        "--vertical",
        "unknown",
        "--trust-classification",
    ]);
    succeed(&["check", text(&dir)]);

    let out = folder.path().join("out.copc.laz");
    let export = ["export", text(&dir), "--collection", "flight", text(&out)];
    let said = succeed_json(&export);
    assert_eq!(said["points"], 250_000);
    let judged = judge(&python, &["judge", text(&out), text(&source)]);
    let judged: Value = serde_json::from_str(&judged).expect("JSON");
    assert_eq!(judged["points"], 250_000);
    assert!(
        judged["levels"].as_array().expect("levels").len() > 1,
        "{judged}"
    );

    let server = Server::start(&dir);
    let exported = std::fs::read(&out).expect("the export");
    let served = server.get("/surveys/flight/points.copc.laz");
    assert!(served.body == exported, "the server has another file");
    let part = server.get_with(
        "/surveys/flight/points.copc.laz",
        &[("Range", "bytes=375-588")],
    );
    assert_eq!(part.status, 206);
    assert!(part.body == exported[375..=588]);
    assert!(server.stop());
}

#[test]
fn export_overwrites_only_when_told_to_and_leaves_nothing_after_a_failure() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = folder.path().join("flight.las");
    std::fs::write(&source, las_of_one_point()).expect("a temporary file");
    let dir = folder.path().join("twin");
    new_twin(&dir, "EPSG:3006");
    let ingest = [
        "ingest",
        text(&dir),
        text(&source),
        "--collection",
        "flight",
    ];
    succeed(
        &[
            &ingest[..],
            &["--crs", "EPSG:3006", "--vertical", "unknown"],
        ]
        .concat(),
    );
    let out = folder.path().join("out.copc.laz");
    let export = ["export", text(&dir), "--collection", "flight", text(&out)];
    succeed(&export);
    let first = std::fs::read(&out).expect("the export");
    assert!(first.starts_with(b"LASF"));

    std::fs::write(&out, "mine").expect("a temporary file");
    let said = refuse(&export);
    assert!(said.contains("--force"), "{said}");
    assert_eq!(std::fs::read(&out).expect("mine"), b"mine");
    succeed(&[&export[..], &["--force"]].concat());
    assert!(std::fs::read(&out).expect("the export") == first);

    let elsewhere = folder.path().join("out.gpkg");
    let said = refuse(&[
        "export",
        text(&dir),
        "--collection",
        "flight",
        text(&elsewhere),
    ]);
    assert!(
        said.contains(".copc.laz") && said.contains(".tif"),
        "{said}"
    );
    let said = refuse(&["export", text(&dir), "--collection", "flown", text(&out)]);
    assert!(said.contains("no survey flown"), "{said}");
    let nowhere = folder.path().join("no/such/out.copc.laz");
    refuse(&[
        "export",
        text(&dir),
        "--collection",
        "flight",
        text(&nowhere),
    ]);
    let entries = std::fs::read_dir(folder.path()).expect("the folder");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["flight.las", "out.copc.laz", "twin"]);
}

/// LAS 1.2, point format 0.
fn las_of_one_point() -> Vec<u8> {
    let mut file = vec![0; 227 + 20];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"LASF");
    put(24, &[1, 2]);
    put(94, &227_u16.to_le_bytes());
    put(96, &227_u32.to_le_bytes());
    put(105, &20_u16.to_le_bytes());
    put(107, &1_u32.to_le_bytes());
    put(111, &1_u32.to_le_bytes());
    for axis in 0..3 {
        put(131 + axis * 8, &0.01_f64.to_le_bytes());
    }
    for (axis, centre) in [617_000.0_f64, 6_918_000.0, 10.0].into_iter().enumerate() {
        put(155 + axis * 8, &centre.to_le_bytes());
        put(179 + axis * 16, &centre.to_le_bytes());
        put(187 + axis * 16, &centre.to_le_bytes());
    }
    // The first of one return, of ground.
    put(227 + 14, &[0b1001, 2]);
    file
}
