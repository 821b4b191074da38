//! Measures our formulas beside PROJ: the same million points, in turn, five times.
//!
//! What would mislead: PROJ is asked point by point through the same crate that we use
//! for every other CRS, as the tiler and ingest would ask it, and its object is made
//! before the clock starts. Both run on one thread. Run it with optimisation:
//!
//! `cargo run --release -p geodesy --example ratio`

#![expect(clippy::unwrap_used, reason = "a measurement stops at the first error")]

use std::time::Instant;

use geodesy::{Crs, Transform};

const POINTS: u32 = 1_000_000;

fn main() {
    for (from, to) in [
        ("EPSG:3006", "EPSG:3857"),
        ("EPSG:3014", "EPSG:3857"),
        ("EPSG:3014", "EPSG:3006"),
        ("EPSG:3857", "EPSG:3014"),
        ("EPSG:4326", "EPSG:3014"),
    ] {
        compare(from, to);
    }
}

fn compare(from: &str, to: &str) {
    let crs = |code| Crs::from_code(code).unwrap();
    let ours = Transform::new(&crs(from), &crs(to)).unwrap();
    let proj = proj::Proj::new_known_crs(from, to, None).unwrap();
    let from_lon_lat = Transform::new(&crs("EPSG:4326"), &crs(from)).unwrap();
    // All of Sweden, in a fixed order without randomness.
    let points: Vec<[f64; 2]> = (0..POINTS)
        .map(|n| {
            let lon_deg = 11.0 + f64::from(n % 997) / 997.0 * 13.0;
            let lat_deg = 55.3 + f64::from(n) / f64::from(POINTS) * 13.7;
            from_lon_lat.xy([lon_deg, lat_deg]).unwrap()
        })
        .collect();

    let (mut ours_s, mut proj_s) = (Vec::new(), Vec::new());
    let mut worst_m: f64 = 0.0;
    for _ in 0..5 {
        let start = Instant::now();
        let by_us: Vec<[f64; 2]> = points.iter().map(|p| ours.xy(*p).unwrap()).collect();
        ours_s.push(start.elapsed().as_secs_f64());

        let start = Instant::now();
        let by_proj: Vec<(f64, f64)> = points
            .iter()
            .map(|p| proj.convert((p[0], p[1])).unwrap())
            .collect();
        proj_s.push(start.elapsed().as_secs_f64());

        for (a, b) in by_us.iter().zip(&by_proj) {
            worst_m = worst_m.max((a[0] - b.0).hypot(a[1] - b.1));
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let (ours_s, proj_s) = (median(&mut ours_s), median(&mut proj_s));
    println!(
        "{from} to {to}: {ours_s:.3} s, PROJ {proj_s:.3} s, ratio {:.2}, apart by {worst_m:.1e} m",
        proj_s / ours_s
    );
}
