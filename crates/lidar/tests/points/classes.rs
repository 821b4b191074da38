//! Classes of a made-up place whose truth is known.

use std::sync::OnceLock;

use lidar::{
    ClassifyOptions, GROUND_HALO_M, HALO_M, LOWEST_HALO_M, Lowest, classify, classify_whole,
    lowest_returns,
};
use model::{PointBatch, PointFlags};

use crate::dice::Dice;

/// What a pulse can meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thing {
    Open,
    Cut,
    Bank,
    House,
    Hall,
    Crown,
    UnderCrown,
    Car,
    Deck,
    Water,
    LowNoise,
    HighNoise,
}

impl Thing {
    fn is_ground(self) -> bool {
        matches!(
            self,
            Thing::Open | Thing::Cut | Thing::Bank | Thing::UnderCrown
        )
    }
}

/// Corner of the place: not a multiple of anything, and far from the origin.
const CORNER: [f64; 2] = [153_012.7, 6_919_003.4];
/// Size of the place: long enough for blocks whose halos do not cover it.
const SIZE_M: [f64; 2] = [660.0, 90.0];
const PULSES_PER_M2: f64 = 4.0;

/// A hillside with a road cut into it and a dam across it, with slopes of 1:1.5, and a
/// stream in a bed of its own.
fn ground(x: f64, y: f64) -> f64 {
    let hill = 30.0 + 0.06 * x + 0.01 * y + 0.8 * (x / 40.0).sin() * (y / 30.0).cos();
    let trapezium = |middle: f64, half_top: f64, depth: f64| {
        (depth - ((x - middle).abs() - half_top).max(0.0) / 1.5).max(0.0)
    };
    let stream = (2.5 - ((x - 100.0).abs() - 6.0).max(0.0) / 1.5).max(0.0);
    hill - trapezium(240.0, 5.0, 4.0) + trapezium(320.0, 4.0, 3.0) - stream
}

/// Level of the stream, below its bed's edges.
fn water(y: f64) -> f64 {
    ground(100.0, y) - 0.4
}

/// What a pulse meets, from above: elevations and what they are.
fn meet(x: f64, y: f64, dice: &mut Dice) -> Vec<(f64, Thing)> {
    let within = |west: f64, south: f64, east: f64, north: f64| {
        (west..east).contains(&x) && (south..north).contains(&y)
    };
    if (x - 100.0).abs() < 20.0 && (41.0..49.0).contains(&y) {
        let ends = [ground(80.0, 45.0), ground(120.0, 45.0)];
        let deck = ends[0] + (ends[1] - ends[0]) * (x - 80.0) / 40.0;
        // Between the deck and the ground of the road there are banks.
        let is_deck = deck - ground(x, y) > 1.2;
        let thing = if is_deck { Thing::Deck } else { Thing::Open };
        return vec![(deck, thing)];
    }
    if (x - 100.0).abs() < 6.0 {
        // Most of the light is mirrored away.
        let level = water(y);
        return if dice.roll() < 0.2 {
            vec![(level, Thing::Water)]
        } else {
            Vec::new()
        };
    }
    let ridge = |west: f64, south: f64, half: f64, eaves: f64| {
        ground(west + half, south + half) + eaves + 0.6 * (half - (y - south - half).abs())
    };
    for [west, south] in [
        [30.0, 20.0],
        [45.0, 60.0],
        [150.0, 15.0],
        [180.0, 55.0],
        [400.0, 30.0],
        [620.0, 50.0],
    ] {
        if within(west, south, west + 12.0, south + 10.0) {
            return vec![(ridge(west, south, 5.0, 3.5), Thing::House)];
        }
    }
    if within(520.0, 20.0, 570.0, 65.0) {
        return vec![(ground(545.0, 40.0) + 9.0, Thing::Hall)];
    }
    if within(470.0, 40.0, 474.2, 41.8) || within(476.0, 40.0, 480.2, 41.8) {
        return vec![(ground(472.0, 41.0) + 1.5, Thing::Car)];
    }
    for i in 0..12 {
        let middle = [360.0 + 7.0 * f64::from(i % 4), 8.0 + 8.0 * f64::from(i / 4)];
        if (x - middle[0]).hypot(y - middle[1]) < 3.0 && dice.roll() < 0.8 {
            let crown = ground(x, y) + 3.0 + 9.0 * dice.roll();
            let mut met = vec![(crown, Thing::Crown)];
            if dice.roll() < 0.5 {
                met.push((ground(x, y), Thing::UnderCrown));
            }
            return met;
        }
    }
    let thing = if (x - 240.0).abs() < 11.0 {
        Thing::Cut
    } else if (x - 320.0).abs() < 8.5 {
        Thing::Bank
    } else {
        Thing::Open
    };
    vec![(ground(x, y), thing)]
}

fn classify_all(points: &PointBatch) -> Vec<u8> {
    let lowest = lowest_returns(points, points.len(), options().cell_m);
    classify(points, points.len(), &lowest, &options())
}

/// The survey of the place, and what each point is of.
fn scene() -> &'static (PointBatch, Vec<Thing>) {
    static SCENE: OnceLock<(PointBatch, Vec<Thing>)> = OnceLock::new();
    SCENE.get_or_init(|| {
        let mut dice = Dice(11);
        let mut points = PointBatch::default();
        let mut things = Vec::new();
        let pulses = (SIZE_M[0] * SIZE_M[1] * PULSES_PER_M2) as usize;
        for i in 0..pulses {
            let (x, y) = (SIZE_M[0] * dice.roll(), SIZE_M[1] * dice.roll());
            let met = if i % 6000 == 17 {
                vec![(ground(x, y) - 4.0 - 8.0 * dice.roll(), Thing::LowNoise)]
            } else if i % 6000 == 4017 {
                vec![(ground(x, y) + 45.0 + 30.0 * dice.roll(), Thing::HighNoise)]
            } else {
                meet(x, y, &mut dice)
            };
            for (k, (z, thing)) in met.iter().enumerate() {
                let z = z + 0.06 * (dice.roll() + dice.roll() - 1.0);
                push(
                    &mut points,
                    [CORNER[0] + x, CORNER[1] + y, z],
                    [k + 1, met.len()],
                );
                things.push(*thing);
            }
        }
        (points, things)
    })
}

fn push(points: &mut PointBatch, [x, y, z]: [f64; 3], [number, returns]: [usize; 2]) {
    points.x.push(x);
    points.y.push(y);
    points.z.push(z);
    points.intensity.push(100);
    points.return_number.push(number as u8);
    points.number_of_returns.push(returns as u8);
    points.classification.push(0);
    points.flags.push(0);
}

fn pick(points: &PointBatch, indices: &[usize]) -> PointBatch {
    let mut picked = PointBatch::default();
    for &i in indices {
        let returns = [points.return_number[i], points.number_of_returns[i]].map(usize::from);
        push(
            &mut picked,
            [points.x[i], points.y[i], points.z[i]],
            returns,
        );
    }
    picked
}

fn options() -> ClassifyOptions {
    ClassifyOptions::for_density(PULSES_PER_M2)
}

fn classes() -> &'static [u8] {
    static CLASSES: OnceLock<Vec<u8>> = OnceLock::new();
    CLASSES.get_or_init(|| {
        let (points, _) = scene();
        classify_all(points)
    })
}

/// Returns the share of the points of a thing that got one of the classes.
fn share(thing: Thing, wanted: &[u8]) -> f64 {
    let (_, things) = scene();
    let of_thing = || {
        things
            .iter()
            .zip(classes())
            .filter(|(other, _)| **other == thing)
    };
    let right = of_thing()
        .filter(|(_, class)| wanted.contains(class))
        .count();
    assert!(of_thing().count() > 30, "{thing:?} is hardly in the scene");
    right as f64 / of_thing().count() as f64
}

#[test]
fn ground_is_told_from_all_else_with_an_error_of_under_two_percent() {
    let (_, things) = scene();
    let wrong = things
        .iter()
        .zip(classes())
        .filter(|(thing, class)| thing.is_ground() != (**class == 2))
        .count();
    let error = wrong as f64 / things.len() as f64;
    assert!(error < 0.02, "total error {error}");
}

#[test]
fn cuts_and_dams_are_ground_and_cars_and_halls_are_not() {
    for thing in [Thing::Open, Thing::Cut, Thing::Bank, Thing::UnderCrown] {
        assert!(
            share(thing, &[2]) > 0.95,
            "{thing:?} {}",
            share(thing, &[2])
        );
    }
    for thing in [
        Thing::House,
        Thing::Hall,
        Thing::Crown,
        Thing::Car,
        Thing::Deck,
    ] {
        assert!(
            share(thing, &[2]) < 0.05,
            "{thing:?} {}",
            share(thing, &[2])
        );
    }
}

#[test]
fn roofs_are_buildings_and_crowns_vegetation() {
    for thing in [Thing::House, Thing::Hall] {
        assert!(
            share(thing, &[6]) > 0.93,
            "{thing:?} {}",
            share(thing, &[6])
        );
    }
    assert!(
        share(Thing::Crown, &[3, 4, 5]) > 0.93,
        "{}",
        share(Thing::Crown, &[3, 4, 5])
    );
    assert!(
        share(Thing::Car, &[6]) < 0.05,
        "{}",
        share(Thing::Car, &[6])
    );
}

#[test]
fn a_deck_is_a_bridge_and_a_stream_is_water() {
    assert!(
        share(Thing::Deck, &[17]) > 0.8,
        "{}",
        share(Thing::Deck, &[17])
    );
    assert!(
        share(Thing::Open, &[17]) < 0.001,
        "{}",
        share(Thing::Open, &[17])
    );
    assert!(
        share(Thing::Water, &[9]) > 0.8,
        "{}",
        share(Thing::Water, &[9])
    );
    assert!(
        share(Thing::Open, &[9]) < 0.001,
        "{}",
        share(Thing::Open, &[9])
    );
}

#[test]
fn returns_of_nothing_are_noise() {
    assert!(
        share(Thing::LowNoise, &[7]) > 0.9,
        "{}",
        share(Thing::LowNoise, &[7])
    );
    assert!(
        share(Thing::HighNoise, &[18]) > 0.9,
        "{}",
        share(Thing::HighNoise, &[18])
    );
    for thing in [Thing::Open, Thing::House, Thing::Crown] {
        assert!(share(thing, &[7, 18]) < 0.001, "{thing:?}");
    }
}

/// The points of a block and of a halo around it, in another order than in the whole; and
/// how many are the block's own.
fn with_halo(west: f64, halo_m: f64) -> (Vec<usize>, usize) {
    let (points, _) = scene();
    let (mut own, mut halo) = (Vec::new(), Vec::new());
    for (i, x) in points.x.iter().enumerate() {
        if (west..west + BLOCK_M).contains(x) {
            own.push(i);
        } else if (west - halo_m..west + BLOCK_M + halo_m).contains(x) {
            halo.push(i);
        }
    }
    let core = own.len();
    own.reverse();
    own.extend(halo);
    (own, core)
}

/// No multiple of a cell, so that borders run through cells.
const BLOCK_M: f64 = 54.5;

#[test]
fn borders_of_blocks_leave_no_trace() {
    let (points, _) = scene();
    let blocks: Vec<f64> = (0..(SIZE_M[0] / BLOCK_M).ceil() as usize)
        .map(|block| CORNER[0] + block as f64 * BLOCK_M)
        .collect();
    let of_blocks: Vec<Vec<Lowest>> = blocks
        .iter()
        .map(|&west| {
            let (indices, core) = with_halo(west, LOWEST_HALO_M);
            lowest_returns(&pick(points, &indices), core, options().cell_m)
        })
        .collect();
    for west in &blocks {
        let (indices, core) = with_halo(*west, HALO_M);
        let near = blocks.iter().zip(&of_blocks).filter(|(other, _)| {
            (west - BLOCK_M - GROUND_HALO_M..=west + BLOCK_M + GROUND_HALO_M).contains(*other)
        });
        let lowest: Vec<Lowest> = near.flat_map(|(_, lowest)| lowest).copied().collect();
        let of_block = classify(&pick(points, &indices), core, &lowest, &options());
        assert_eq!(of_block.len(), core);
        for (&i, class) in indices.iter().zip(of_block) {
            assert_eq!(
                class,
                classes()[i],
                "point {i} at {} m from the west edge of its block",
                points.x[i] - west
            );
        }
    }
}

#[test]
fn a_survey_that_is_seen_at_once_gets_the_classes_of_two_looks() {
    assert_eq!(classify_whole(&scene().0, &options()), classes());
}

#[test]
fn the_density_of_a_survey_that_is_mostly_water_is_that_of_its_land() {
    let mut counts = vec![60; 30];
    counts.extend([1200; 10]);
    let options = ClassifyOptions::for_counts(counts, 256.0);
    assert_eq!(options, ClassifyOptions::for_density(1200.0 / 256.0));
    assert_eq!(
        ClassifyOptions::for_counts(Vec::new(), 256.0).points_per_m2,
        0.0
    );
}

#[test]
fn withheld_and_infinite_points_are_left_alone_and_change_nothing() {
    let (points, _) = scene();
    let indices: Vec<usize> = (0..points.len())
        .filter(|&i| points.x[i] < CORNER[0] + 60.0)
        .collect();
    let mut part = pick(points, &indices);
    let before = classify_all(&part);
    for k in 0..50 {
        let x = CORNER[0] + f64::from(k);
        push(&mut part, [x, CORNER[1] + 40.0, -500.0], [1, 1]);
        part.flags.pop();
        part.flags.push(PointFlags::WITHHELD);
    }
    push(&mut part, [CORNER[0], f64::NAN, 1.0], [1, 1]);
    push(&mut part, [CORNER[0], CORNER[1], f64::INFINITY], [1, 1]);
    let after = classify_all(&part);
    assert_eq!(after[..before.len()], before);
    assert!(after[before.len()..].iter().all(|class| *class == 1));
    assert!(classify_all(&PointBatch::default()).is_empty());
}
