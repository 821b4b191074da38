//! Terrain and surface of made-up places whose truth is known.

use lidar::{GroundSource, HeightGrid, Heights, MAX_CELLS, NoHeights};
use model::{Grid, PointBatch, PointFlags};

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
fn scene(classified: bool) -> PointBatch {
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
        let class = if classified && is_ground { 2 } else { 1 };
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

fn heights(batch: &PointBatch, cell_size_m: f64) -> Heights {
    let mut grid = HeightGrid::new(cell_size_m);
    grid.add(batch).unwrap();
    grid.finish().unwrap()
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
fn the_filter_finds_the_ground_of_a_town_on_a_hillside() {
    let heights = heights(&scene(false), 1.0);
    assert_eq!(heights.ground, GroundSource::Filtered);
    assert_eq!((heights.terrain.columns, heights.terrain.rows), (200, 200));
    let (rmse, worst, missing) = errors(&heights.terrain, |x, y| house_at(x, y).is_none());
    println!("filtered, open ground and wood: RMSE {rmse:.3} m, worst {worst:.2} m");
    assert_eq!(missing, 0);
    assert!(rmse < 0.15, "{rmse}");
    assert!(worst < 1.5, "{worst}");
    let (rmse, worst, missing) = errors(&heights.terrain, |x, y| house_at(x, y).is_some());
    println!("filtered, under houses: RMSE {rmse:.3} m, worst {worst:.2} m");
    assert_eq!(missing, 0);
    assert!(rmse < 0.5, "{rmse}");
    assert!(worst < 2.0, "{worst}");
}

#[test]
fn the_survey_is_believed_where_it_says_what_is_ground() {
    let heights = heights(&scene(true), 1.0);
    assert_eq!(heights.ground, GroundSource::Classified);
    let (rmse, worst, missing) = errors(&heights.terrain, |_, _| true);
    println!("classified: RMSE {rmse:.3} m, worst {worst:.2} m");
    assert_eq!(missing, 0);
    assert!(rmse < 0.25, "{rmse}");
}

#[test]
fn the_surface_has_roofs_and_neither_birds_nor_gaps() {
    let heights = heights(&scene(false), 1.0);
    let roof = heights.surface.sample([50.0, 80.0]);
    assert!((f64::from(roof) - house_at(50.0, 80.0).unwrap()).abs() < 0.1);
    let under_the_bird = heights.surface.sample([100.5, 180.5]);
    assert!((f64::from(under_the_bird) - ground(100.5, 180.5)).abs() < 0.3);
    assert!(heights.surface.values.iter().all(|v| !v.is_nan()));
}

#[test]
fn beyond_the_survey_there_is_nothing() {
    let mut batch = PointBatch::default();
    for i in 0..10_000 {
        let (x, y) = ((i % 100) as f64 + 0.5, (i / 100) as f64 + 0.5);
        // A triangle.
        if x + y < 100.0 {
            push(&mut batch, x, y, 5.0, 2);
        }
    }
    let heights = heights(&batch, 1.0);
    assert!(heights.terrain.sample([90.0, 90.0]).is_nan());
    assert!(heights.surface.sample([90.0, 90.0]).is_nan());
    assert_eq!(heights.terrain.sample([20.0, 20.0]), 5.0);
    assert_eq!((heights.terrain.west, heights.terrain.north), (0.0, 99.0));
}

#[test]
fn one_thread_and_many_give_the_same_bytes_and_order_does_not_matter() {
    let batch = scene(false);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| heights(&batch, 0.5))
    };
    let bits = |heights: &Heights| -> Vec<u32> {
        let both = [&heights.terrain, &heights.surface];
        both.iter()
            .flat_map(|g| g.values.iter().map(|v| v.to_bits()))
            .collect()
    };
    let one = on(1);
    assert!(bits(&one) == bits(&on(4)));
    let mut backwards = batch.clone();
    backwards.x.reverse();
    backwards.y.reverse();
    backwards.z.reverse();
    backwards.classification.reverse();
    assert!(bits(&one) == bits(&heights(&backwards, 0.5)));
}

#[test]
fn withheld_points_noise_and_nonsense_do_not_count() {
    let mut batch = PointBatch::default();
    push(&mut batch, 0.5, 0.5, 10.0, 2);
    push(&mut batch, 0.5, 0.5, -50.0, 7);
    push(&mut batch, 0.5, 0.5, 500.0, 18);
    push(&mut batch, 0.5, 0.5, 400.0, 1);
    push(&mut batch, f64::NAN, 0.5, 10.0, 1);
    batch.flags[3] = PointFlags::WITHHELD;
    let heights = heights(&batch, 1.0);
    assert_eq!(heights.surface.values, [10.0]);
    assert_eq!(heights.terrain.values, [10.0]);
    assert_eq!(HeightGrid::new(1.0).finish(), Err(NoHeights::NoPoints));
}

#[test]
fn a_stray_point_far_away_is_named_instead_of_filling_the_memory() {
    let mut batch = PointBatch::default();
    push(&mut batch, 600_000.0, 6_600_000.0, 10.0, 1);
    push(&mut batch, 0.0, 0.0, 10.0, 1);
    let refused = HeightGrid::new(1.0).add(&batch).unwrap_err();
    assert!(refused.columns * refused.rows > MAX_CELLS);
    assert!(refused.to_string().contains("0, 0"), "{refused}");
    let mut beyond = PointBatch::default();
    push(&mut beyond, 1e300, 0.0, 0.0, 1);
    assert!(HeightGrid::new(1.0).add(&beyond).is_err());
}
