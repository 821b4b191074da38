//! Real and broken layers of the shared data: what each becomes, or why it is refused.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use geodesy::Crs;
use ingest::{Layer, LayerOptions, read_layer};

fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(path);
    if path.exists() {
        Some(path)
    } else {
        eprintln!("SKIPPED: {} is not there", path.display());
        None
    }
}

fn options(target: &str) -> LayerOptions {
    LayerOptions {
        target: Crs::from_code(target).unwrap(),
        crs: None,
        layer: None,
        id_property: None,
    }
}

fn summary(layer: &Layer) -> String {
    format!(
        "{:?} {:?} kept {} {:?}\n {:?}",
        layer.schema.geometry,
        layer
            .schema
            .columns
            .iter()
            .map(|c| format!("{}:{:?}", c.name, c.kind))
            .collect::<Vec<_>>(),
        layer.report.kept,
        layer.report.findings,
        layer.features.first()
    )
}

#[test]
fn look() {
    let Some(dir) = shared("") else { return };
    let mut files = Vec::new();
    for d in [
        "vector-bad",
        "municipal",
        "municipal/kongsvinger-nvdb",
        "municipal/boston-pavement",
        "municipal/sandiego",
        "swedish",
        "conformance/flatgeobuf",
        "conformance/gpkg",
        "demo-delft/bgt",
        "demo-delft/derived",
        "perf",
    ] {
        for e in std::fs::read_dir(dir.join(d)).unwrap() {
            let p = e.unwrap().path();
            if p.is_file() {
                files.push(p);
            }
        }
    }
    files.sort();
    for f in files {
        let t = std::time::Instant::now();
        let r = read_layer(&f, &options("EPSG:3006"));
        println!(
            "=== {} {:?}",
            f.strip_prefix(&dir).unwrap().display(),
            t.elapsed()
        );
        match r {
            Ok(l) => println!("{}", summary(&l)),
            Err(e) => println!("ERR {e}"),
        }
    }
}
