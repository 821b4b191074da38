//! The samples as files: the same bytes every time, and whole.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;
use std::sync::LazyLock;

use data_samples::{Manifest, Options, Scale, generate, truth};

/// The samples, generated once for all tests.
static SAMPLES: LazyLock<(PathBuf, Manifest)> = LazyLock::new(|| {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("samples");
    let manifest = generate(&dir, &Options::default()).unwrap();
    (dir, manifest)
});

#[test]
fn the_bytes_are_those_whose_checksums_are_committed() {
    // After a wanted change: cargo run -p data-samples -- OUT && cp OUT/SHA256SUMS data-samples/
    let committed = include_str!("../SHA256SUMS");
    assert_eq!(SAMPLES.1.sha256sums(), committed);
}

#[test]
fn two_runs_write_the_same_bytes() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("again");
    let again = generate(
        &dir,
        &Options {
            scale: Scale::Districts(1),
        },
    )
    .unwrap();
    assert_eq!(again, SAMPLES.1);
}

#[test]
fn everything_fits_in_twenty_megabytes() {
    let bytes: u64 = SAMPLES.1.files.iter().map(|file| file.bytes).sum();
    assert!(bytes <= 20_000_000, "{bytes}");
}

#[test]
fn points_carry_no_classes_but_the_truth_has_one_for_each() {
    for (name, format) in [("dron_2026", 6), ("dron_2026_tat", 7), ("flyg_2011", 1)] {
        let mut reader =
            las::Reader::from_path(SAMPLES.0.join(format!("lidar/{name}.laz"))).unwrap();
        assert_eq!(
            reader.header().point_format().to_u8().unwrap() & 0x3f,
            format
        );
        let classes = std::fs::read(SAMPLES.0.join(format!("truth/{name}.classes"))).unwrap();
        let points = reader.read_all().unwrap();
        let mut count = 0;
        let (mut ground, mut off) = (0, 0);
        for (point, class) in points.points().zip(&classes) {
            let point = point.unwrap();
            assert!(u8::from(point.classification) <= 1);
            if *class == 2 {
                ground += 1;
                let error = point.z - truth::ground_elevation_m(point.x, point.y);
                off += usize::from(error.abs() > 0.35);
            }
            count += 1;
        }
        assert_eq!(count, classes.len(), "{name}");
        // Edges of the quay and of abutments are steep.
        assert!(
            off * 200 < ground,
            "{name}: {off} of {ground} ground points are off the ground"
        );
    }
}

#[test]
fn a_geopackage_has_its_tables_and_marks_every_row() {
    let file = rusqlite::Connection::open(SAMPLES.0.join("fastighet/fastighet.gpkg")).unwrap();
    let id: i64 = file
        .query_row("PRAGMA application_id", [], |row| row.get(0))
        .unwrap();
    assert_eq!(id, 0x4750_4B47);
    for table in [
        "fastigheter",
        "byggnader",
        "adresser",
        "vatten",
        "mark",
        "trad",
    ] {
        let unmarked: i64 = file
            .query_row(
                &format!("SELECT count(*) FROM {table} WHERE data_origin IS NOT 'synthetic'"),
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(unmarked, 0, "{table}");
    }
}
