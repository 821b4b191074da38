//! Terrain and surface of made-up places whose truth is known.

use lidar::{HEIGHTS_HALO_M, Heights};
use model::{Bounds, Grid, PointBatch, PointFlags};

use crate::dice::Dice;

/// The ground of the scene: a hillside with a knoll and an embankment.
fn ground(x: f64, y: f64) -> f64 {
    let knoll = 6.0 * (-((x - 140.0).powi(2) + (y - 60.0).powi(2)) / 900.0).exp();
    let embankment = 2.0 * (1.0 - ((y - 150.0).abs() - 4.0).max(0.0) / 4.0).max(0.0);
    20.0 + 0.08 * x + 0.04 * y + knoll + embankment
}

/// Roofs as west, south, east, north and height over the ground in the middle.
const HOUSES: [[f64; 5]; 5] = [
    [20.0, 20.0, 30.0, 34.0, 6.0],
    [50.0, 20.0, 58.0, 28.0, 4.0],
    [30.0, 60.0, 70.0, 100.0, 12.0],
    [150.0, 100.0, 165.0, 130.0, 8.0],
    [10.0, 110.0, 16.0, 116.0, 3.0],
];

fn house_at(x: f64, y: f64) -> Option<f64> {
    HOUSES
        .iter()
        .find(|h| h[0] <= x && x <= h[2] && h[1] <= y && y <= h[3])
        .map(|h| ground((h[0] + h[2]) / 2.0, (h[1] + h[3]) / 2.0) + h[4])
}

/// A survey of 200 × 200 m at 8 points/m²: houses, a wood whose ground is seen by one pulse
/// in five, low noise, a bird.
fn scene() -> PointBatch {
    let mut dice = Dice(7);
    let mut batch = PointBatch::default();
    for _ in 0..320_000 {
        let (x, y) = (200.0 * dice.roll(), 200.0 * dice.roll());
        let noise = 0.06 * (dice.roll() - 0.5);
        let in_wood = x > 90.0 && x < 130.0 && y > 10.0 && y < 90.0;
        let (z, is_ground) = match house_at(x, y) {
            Some(roof) => (roof, false),
            None if in_wood && dice.roll() > 0.2 => {
                (ground(x, y) + 2.0 + 12.0 * dice.roll(), false)
            }
            None => (ground(x, y), true),
        };
        let class = if is_ground { 2 } else { 1 };
        push(&mut batch, x, y, z + noise, class);
    }
    for _ in 0..40 {
        let (x, y) = (200.0 * dice.roll(), 200.0 * dice.roll());
        push(&mut batch, x, y, ground(x, y) - 3.0 - 10.0 * dice.roll(), 1);
    }
    push(&mut batch, 100.5, 180.5, 140.0, 1);
    batch
}

fn push(batch: &mut PointBatch, x: f64, y: f64, z: f64, class: u8) {
    batch.x.push(x);
    batch.y.push(y);
    batch.z.push(z);
    batch.classification.push(class);
    batch.flags.push(0);
}

/// The heights of all points as one block.
fn heights(batch: &PointBatch, cell_size_m: f64) -> Heights {
    let square = Bounds::new(0.0, 0.0, 200.0, 200.0).unwrap();
    lidar::heights(batch, &square, cell_size_m).unwrap()
}

/// Root mean square and largest difference from the true ground, and how many cells have none.
fn errors(terrain: &Grid, mut in_area: impl FnMut(f64, f64) -> bool) -> (f64, f64, usize) {
    let (mut sum, mut worst, mut count, mut missing) = (0.0, 0.0_f64, 0, 0);
    for row in 0..terrain.rows {
        for column in 0..terrain.columns {
            let [x, y] = terrain.centre_of(column, row);
            if in_area(x, y) {
                let value = f64::from(terrain.values[row * terrain.columns + column]);
                if value.is_nan() {
                    missing += 1;
                } else {
                    let error = value - ground(x, y);
                    sum += error * error;
                    worst = worst.max(error.abs());
                    count += 1;
                }
            }
        }
    }
    ((sum / f64::from(count)).sqrt(), worst, missing)
}

#[test]
fn ground_is_measured_in_the_open_and_carried_on_under_houses() {
    let heights = heights(&scene(), 1.0);
    assert_eq!((heights.terrain.columns, heights.terrain.rows), (200, 200));
    let (rmse, worst, missing) = errors(&heights.terrain, |x, y| house_at(x, y).is_none());
    println!("open ground and wood: RMSE {rmse:.3} m, worst {worst:.2} m");
    assert_eq!(missing, 0);
    assert!(rmse < 0.03, "{rmse}");
    assert!(worst < 0.5, "{worst}");
    let (rmse, worst, missing) = errors(&heights.terrain, |x, y| house_at(x, y).is_some());
    println!("under houses: RMSE {rmse:.3} m, worst {worst:.2} m");
    assert_eq!(missing, 0);
    assert!(rmse < 0.3, "{rmse}");
    assert!(worst < 1.0, "{worst}");
}

#[test]
fn the_distance_tells_what_was_measured_from_what_was_filled_in() {
    let heights = heights(&scene(), 1.0);
    assert_eq!(heights.distance.sample([140.5, 60.5]), 0.0);
    // In the middle of a house of 40 m square, whose walls are 20 m away.
    let middle = heights.distance.sample([50.5, 80.5]);
    assert!((19.0..=21.5).contains(&middle), "{middle}");
    for (distance, terrain) in heights.distance.values.iter().zip(&heights.terrain.values) {
        assert_eq!(distance.is_nan(), terrain.is_nan());
    }
}

#[test]
fn blocks_leave_no_trace_at_their_borders() {
    let batch = scene();
    for cell_size_m in [0.5, 1.0, 0.7] {
        let whole = heights(&batch, cell_size_m);
        for (column, row) in (0..4).flat_map(|column| (0..4).map(move |row| (column, row))) {
            let (x, y) = (f64::from(column) * 50.0, f64::from(row) * 50.0);
            let square = Bounds::new(x, y, x + 50.0, y + 50.0).unwrap();
            let around = square.expanded(HEIGHTS_HALO_M);
            let mut points = PointBatch::default();
            // In another order than in the whole.
            for i in (0..batch.len()).rev() {
                if around.contains([batch.x[i], batch.y[i]]) {
                    push(
                        &mut points,
                        batch.x[i],
                        batch.y[i],
                        batch.z[i],
                        batch.classification[i],
                    );
                }
            }
            let block = lidar::heights(&points, &square, cell_size_m).unwrap();
            for (part, all) in [
                (&block.terrain, &whole.terrain),
                (&block.surface, &whole.surface),
                (&block.distance, &whole.distance),
            ] {
                for r in 0..part.rows {
                    for c in 0..part.columns {
                        let (ac, ar) = all.cell_at(part.centre_of(c, r));
                        let (own, other) = (part.get(c as isize, r as isize), all.get(ac, ar));
                        assert_eq!(own.to_bits(), other.to_bits(), "{own} is not {other}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_surface_has_roofs_and_neither_birds_nor_gaps() {
    let heights = heights(&scene(), 1.0);
    let roof = heights.surface.sample([50.0, 80.0]);
    assert!((f64::from(roof) - house_at(50.0, 80.0).unwrap()).abs() < 0.1);
    let under_the_bird = heights.surface.sample([100.5, 180.5]);
    assert!((f64::from(under_the_bird) - ground(100.5, 180.5)).abs() < 0.3);
    assert!(heights.surface.values.iter().all(|v| !v.is_nan()));
}

/// Points at 5 m in the middles of metre cells, where `there` says so.
fn level(class: u8, there: impl Fn(f64, f64) -> bool) -> PointBatch {
    let mut batch = PointBatch::default();
    for i in 0..40_000 {
        let (x, y) = ((i % 200) as f64 + 0.5, (i / 200) as f64 + 0.5);
        if there(x, y) {
            push(&mut batch, x, y, 5.0, class);
        }
    }
    batch
}

#[test]
fn beyond_the_survey_there_is_nothing() {
    let heights = heights(&level(2, |x, y| x + y < 100.0), 1.0);
    assert!(heights.terrain.sample([90.0, 90.0]).is_nan());
    assert!(heights.surface.sample([90.0, 90.0]).is_nan());
    assert_eq!(heights.terrain.sample([20.0, 20.0]), 5.0);
}

#[test]
fn a_pool_without_returns_is_carried_over_and_a_lake_is_not() {
    let hole =
        |side: f64| move |x: f64, y: f64| (x - 100.0).abs().max((y - 100.0).abs()) > side / 2.0;
    let pool = heights(&level(2, hole(40.0)), 1.0);
    assert_eq!(pool.terrain.sample([100.5, 100.5]), 5.0);
    assert!(pool.surface.sample([100.5, 100.5]).is_nan());
    let lake = heights(&level(2, hole(60.0)), 1.0);
    assert!(lake.terrain.sample([100.5, 100.5]).is_nan());
}

#[test]
fn water_is_terrain_and_survey_without_ground_has_none() {
    assert_eq!(
        heights(&level(9, |_, _| true), 1.0)
            .terrain
            .sample([9.5, 9.5]),
        5.0
    );
    let roofs = heights(&level(6, |_, _| true), 1.0);
    assert!(roofs.terrain.values.iter().all(|v| v.is_nan()));
    assert_eq!(roofs.surface.sample([9.5, 9.5]), 5.0);
}

#[test]
fn one_thread_and_many_give_the_same_bytes() {
    let batch = scene();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| heights(&batch, 0.5))
    };
    let bits = |heights: &Heights| -> Vec<u32> {
        let all = [&heights.terrain, &heights.surface, &heights.distance];
        all.iter()
            .flat_map(|g| g.values.iter().map(|v| v.to_bits()))
            .collect()
    };
    assert!(bits(&on(1)) == bits(&on(4)));
}

#[test]
fn withheld_points_noise_and_nonsense_do_not_count() {
    let mut batch = PointBatch::default();
    push(&mut batch, 0.5, 0.5, 10.0, 2);
    push(&mut batch, 0.5, 0.5, -50.0, 7);
    push(&mut batch, 0.5, 0.5, 500.0, 18);
    push(&mut batch, 0.5, 0.5, 400.0, 2);
    push(&mut batch, f64::NAN, 0.5, 10.0, 2);
    push(&mut batch, 1e300, 0.5, 10.0, 2);
    push(&mut batch, 0.5, 0.5, f64::INFINITY, 2);
    batch.flags[3] = PointFlags::WITHHELD;
    let square = Bounds::new(0.0, 0.0, 1.0, 1.0).unwrap();
    let heights = lidar::heights(&batch, &square, 1.0).unwrap();
    assert_eq!(heights.surface.values, [10.0]);
    assert_eq!(heights.terrain.values, [10.0]);
    assert_eq!(
        lidar::heights(&batch, &square, 4.0),
        None,
        "no middle of a cell"
    );
}

#[test]
fn a_few_points_in_a_wide_block_have_the_heights_that_they_have_in_a_narrow_one() {
    let mut batch = PointBatch::default();
    // Two within reach of each other, so that there is terrain between them, one alone, and
    // one in the halo, towards which the gap is too wide.
    push(&mut batch, 300.5, 400.5, 10.0, 2);
    push(&mut batch, 330.5, 400.5, 12.0, 2);
    push(&mut batch, 700.5, 420.5, 20.0, 2);
    push(&mut batch, 1030.5, 420.5, 30.0, 2);
    let wide = Bounds::new(0.0, 0.0, 1000.0, 1000.0).unwrap();
    let narrow = Bounds::new(290.0, 390.0, 710.0, 430.0).unwrap();
    let wide = lidar::heights(&batch, &wide, 1.0).unwrap();
    let narrow = lidar::heights(&batch, &narrow, 1.0).unwrap();
    assert_eq!((wide.terrain.columns, wide.terrain.rows), (1000, 1000));
    let pairs = [
        (&wide.terrain, &narrow.terrain),
        (&wide.surface, &narrow.surface),
        (&wide.distance, &narrow.distance),
    ];
    for (wide, narrow) in pairs {
        for row in 0..1000 {
            for column in 0..1000 {
                let value = wide.values[row * 1000 + column];
                // The narrow one lies 290 cells to the east and 570 to the south.
                let inside = (290..710).contains(&column) && (570..610).contains(&row);
                let expected = if inside {
                    narrow.values[(row - 570) * narrow.columns + column - 290]
                } else {
                    f32::NAN
                };
                assert!(
                    value == expected || (value.is_nan() && expected.is_nan()),
                    "{column}, {row}: {value} is not {expected}"
                );
            }
        }
    }
    let known = wide.terrain.values.iter().filter(|v| !v.is_nan()).count();
    assert!(known > 3, "{known}");
    let empty = Bounds::new(0.0, 0.0, 100.0, 100.0).unwrap();
    let nothing = lidar::heights(&batch, &empty, 1.0).unwrap();
    assert!(nothing.terrain.values.iter().all(|v| v.is_nan()));
}
