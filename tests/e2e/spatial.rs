//! The ground of the demo town as CesiumJS gets it, held to the truth of its generator.

use geodesy::{Crs, Geoid, Transform};

use crate::demo::twin;
use crate::harness::Server;

/// Vertices of a quantized mesh: shares of the tile to the east and north, and height.
fn vertices(bytes: &[u8]) -> Vec<[f64; 3]> {
    let float = |at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let (low, high) = (f64::from(float(24)), f64::from(float(28)));
    let count = u32::from_le_bytes(bytes[88..92].try_into().expect("four bytes")) as usize;
    let column = |number: usize| -> Vec<f64> {
        let mut value = 0_i32;
        let from = 92 + number * count * 2;
        let differences = bytes[from..from + count * 2].chunks_exact(2);
        differences
            .map(|two| {
                let two = i32::from(u16::from_le_bytes([two[0], two[1]]));
                value += (two >> 1) ^ -(two & 1);
                f64::from(value) / 32_767.0
            })
            .collect()
    };
    let [east, north, up] = [column(0), column(1), column(2)];
    (0..count)
        .map(|i| [east[i], north[i], low + up[i] * (high - low)])
        .collect()
}

#[test]
fn the_mesh_that_cesium_draws_is_the_ground_that_the_generator_knows() {
    let server = Server::start(twin());
    let layer = server.get("/terrain/drone_2026/layer.json").json();
    let raised = layer["description"]
        .as_str()
        .expect("a text")
        .starts_with("Heights are above the ellipsoid");
    let geoid = raised.then(|| Geoid::find().expect("the grid that the server has found too"));
    let crs = |code: &str| Crs::from_code(code).expect("a CRS");
    let to_twin = Transform::new(&crs("CRS84"), &crs("EPSG:3014")).expect("a transformation");
    let bounds: Vec<f64> = layer["bounds"]
        .as_array()
        .expect("a box")
        .iter()
        .map(|number| number.as_f64().expect("a number"))
        .collect();
    let level = 16;
    let side = 180.0 / f64::from(1 << level);
    let available = &layer["available"][level][0];
    let tiles = |from: &str, to: &str| {
        let at = |name: &str| available[name].as_u64().expect("a number") as u32;
        at(from)..=at(to)
    };
    let mut errors = Vec::new();
    for x in tiles("startX", "endX") {
        for y in tiles("startY", "endY") {
            let got = server.get(&format!("/terrain/drone_2026/{level}/{x}/{y}.terrain"));
            assert_eq!(got.status, 200);
            for [east, north, height] in vertices(&got.body) {
                let lon = -180.0 + (f64::from(x) + east) * side;
                let lat = -90.0 + (f64::from(y) + north) * side;
                // Well inside: at the edge of the survey the ground ends.
                let margin = 2e-4;
                let inside = (bounds[0] + margin..bounds[2] - margin).contains(&lon)
                    && (bounds[1] + margin..bounds[3] - margin).contains(&lat);
                if !inside {
                    continue;
                }
                let [e, n] = to_twin.xy([lon, lat]).expect("a place");
                let truth = data_samples::truth::ground_elevation_m(e, n);
                let separation = geoid
                    .as_ref()
                    .and_then(|geoid| geoid.separation_m([lon, lat]));
                // Under water nobody has seen the ground.
                if truth > 0.5 {
                    errors.push((height - separation.unwrap_or(0.0) - truth).abs());
                }
            }
        }
    }
    assert!(errors.len() > 300, "only {} vertices on land", errors.len());
    errors.sort_by(f64::total_cmp);
    let (median, p90) = (errors[errors.len() / 2], errors[errors.len() * 9 / 10]);
    eprintln!(
        "mesh against truth: {} vertices, median {median:.3} m, 90 % under {p90:.3} m",
        errors.len()
    );
    // Vertices gather where the ground bends, which is where the filter errs.
    assert!(median < 0.2, "median error {median} m");
    assert!(p90 < 1.0, "a tenth of the errors are over {p90} m");
    assert!(server.stop());
}
