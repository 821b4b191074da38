//! Outside truth that several tests share.

use std::path::{Path, PathBuf};

/// A file of the shared test data; none, loudly, where that is absent.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(path);
    if file.exists() {
        return Some(file);
    }
    eprintln!("SKIPPED: {path} of the shared test data is absent");
    None
}

/// A place whose coordinates in many CRSs are known.
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) lon_lat: [f64; 2],
    /// By EPSG code, in metres, in map order.
    pub(crate) projected: Vec<(String, [f64; 2])>,
}

/// Coordinates that PROJ 9.5.1 computed: SWEREF 99 to all Swedish grids and EPSG:3857.
pub(crate) fn sweref_vectors() -> Option<Vec<Vector>> {
    let text = std::fs::read_to_string(shared("swedish/sweref_vectors.csv")?).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().unwrap();
    let vectors = lines.map(|row| {
        let number = |name: &str| -> f64 {
            let column = head.iter().position(|column| *column == name).unwrap();
            row[column].parse().unwrap()
        };
        let grids = (3006..=3018).map(|code| {
            let at = |axis| number(&format!("epsg{code}_{axis}"));
            (format!("EPSG:{code}"), [at("E"), at("N")])
        });
        let mercator = (
            "EPSG:3857".to_owned(),
            [number("epsg3857_x"), number("epsg3857_y")],
        );
        Vector {
            name: row[0].to_owned(),
            lon_lat: [number("lon_deg"), number("lat_deg")],
            projected: grids.chain([mercator]).collect(),
        }
    });
    Some(vectors.collect())
}
