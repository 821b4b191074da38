//! Contours of ground whose shape is known, and of ground that is as rough as can be.

use std::collections::BTreeMap;

use lidar::{Contour, ContourOptions, Contours};
use model::Grid;

const PLAIN: ContourOptions = ContourOptions {
    interval_m: 1.0,
    smooth_m: 0.0,
    tolerance_m: 0.0,
    min_length_m: 0.0,
};

fn ground(columns: usize, rows: usize, cell_m: f64, height: impl Fn(f64, f64) -> f64) -> Grid {
    let north = rows as f64 * cell_m;
    let mut grid = Grid::empty(0.0, north, cell_m, columns, rows);
    for row in 0..rows {
        for column in 0..columns {
            let [x, y] = grid.centre_of(column, row);
            grid.values[row * columns + column] = height(x, y) as f32;
        }
    }
    grid
}

/// Steps between −0.5 and 0.5 that look like chance and are always the same.
fn noise(x: f64, y: f64) -> f64 {
    let mut n = (x * 8.0) as u64 ^ ((y * 8.0) as u64) << 32;
    for _ in 0..3 {
        n ^= n >> 33;
        n = n.wrapping_mul(0xff51_afd7_ed55_8ccd);
    }
    (n >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}

fn draw(grid: &Grid, options: ContourOptions, strip_rows: usize) -> (Vec<Contour>, u64) {
    let mut contours = Contours::new(grid.frame(), options);
    let mut all = Vec::new();
    while let Some([first, last]) = contours.rows_wanted(strip_rows) {
        let rows = (last - first + 1) as usize;
        let north = grid.north - first as f64 * grid.cell_size_m;
        let mut strip = Grid::empty(grid.west, north, grid.cell_size_m, grid.columns, rows);
        for row in 0..rows {
            for column in 0..grid.columns {
                let value = grid.get(column as isize, first + row as isize);
                strip.values[row * grid.columns + column] = value;
            }
        }
        all.extend(contours.add(strip_rows, &strip));
    }
    let (rest, left_out) = contours.finish();
    all.extend(rest);
    (all, left_out)
}

fn length(line: &[[f64; 2]]) -> f64 {
    let pairs = line.windows(2);
    pairs
        .map(|ends| (ends[1][0] - ends[0][0]).hypot(ends[1][1] - ends[0][1]))
        .sum()
}

fn is_ring(contour: &Contour) -> bool {
    contour.line.first() == contour.line.last()
}

#[test]
fn a_cone_has_a_ring_at_each_level_and_every_fifth_is_an_index() {
    let cone = ground(200, 200, 0.5, |x, y| {
        20.25 - (x - 50.0).hypot(y - 50.0) / 2.0
    });
    for strip_rows in [1, 7, 64, 1000] {
        let (contours, _) = draw(&cone, PLAIN, strip_rows);
        // Level 20 is near the top, −4 just within the edge; the corners lie lower.
        let rings: Vec<_> = contours.iter().filter(|c| is_ring(c)).collect();
        let mut steps: Vec<i64> = rings.iter().map(|c| c.step).collect();
        steps.sort_unstable();
        assert_eq!(steps, (-4..=20).collect::<Vec<_>>());
        for ring in rings {
            let radius = 2.0 * (20.25 - ring.step as f64);
            let around = std::f64::consts::TAU * radius;
            // The innermost are as wide as a few cells.
            let slack = if radius > 3.0 { 0.01 } else { 0.5 };
            assert!(
                (length(&ring.line) / around - 1.0).abs() < slack,
                "{radius}"
            );
            assert_eq!(ring.is_index(), ring.step % 5 == 0);
            // Higher ground lies to the left: the ring turns counter-clockwise.
            let twice_area: f64 = ring
                .line
                .windows(2)
                .map(|e| (e[0][0] - 50.0) * (e[1][1] - 50.0) - (e[1][0] - 50.0) * (e[0][1] - 50.0))
                .sum();
            assert!(twice_area > 0.0);
        }
    }
}

/// Total length of each level, to the micrometre.
fn lengths(contours: &[Contour]) -> BTreeMap<i64, i64> {
    let mut sums: BTreeMap<i64, f64> = BTreeMap::new();
    for contour in contours {
        *sums.entry(contour.step).or_default() += length(&contour.line);
    }
    let to_micrometres = |(step, sum): (i64, f64)| (step, (sum * 1e6).round() as i64);
    sums.into_iter().map(to_micrometres).collect()
}

fn rough() -> Grid {
    let mut grid = ground(150, 130, 0.5, |x, y| {
        40.0 + 6.0 * (x / 9.0).sin() * (y / 7.0).cos() + 5.0 * noise(x, y)
    });
    // Walls, a plateau that equals a level, and holes.
    for row in 0..130 {
        for column in 0..150 {
            let value = &mut grid.values[row * 150 + column];
            if (40..44).contains(&column) && row % 20 < 10 {
                *value += 30.0;
            }
            if (90..110).contains(&column) && (60..80).contains(&row) {
                *value = 41.0;
            }
            if (column + 3 * row) % 97 == 0 {
                *value = f32::NAN;
            }
        }
    }
    grid
}

#[test]
fn strips_leave_no_trace() {
    let grid = rough();
    for smooth_m in [0.0, 1.5] {
        let options = ContourOptions { smooth_m, ..PLAIN };
        let (whole, _) = draw(&grid, options, 1000);
        for strip_rows in [1, 10, 33] {
            let (parts, _) = draw(&grid, options, strip_rows);
            assert_eq!(lengths(&parts), lengths(&whole), "{strip_rows}");
            assert_eq!(parts.len(), whole.len());
            let rings = |all: &[Contour]| all.iter().filter(|c| is_ring(c)).count();
            assert_eq!(rings(&parts), rings(&whole));
        }
    }
}

/// Whether two segments have a place in common.
fn touch(a: &[[f64; 2]], b: &[[f64; 2]]) -> bool {
    let side = |p: [f64; 2], q: [f64; 2], r: [f64; 2]| {
        (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
    };
    let within = |p: [f64; 2], q: [f64; 2], r: [f64; 2]| {
        (0..2).all(|i| r[i] >= p[i].min(q[i]) && r[i] <= p[i].max(q[i]))
    };
    let [a0, a1, b0, b1] = [a[0], a[1], b[0], b[1]];
    let (c, d) = (side(a0, a1, b0), side(a0, a1, b1));
    let (e, f) = (side(b0, b1, a0), side(b0, b1, a1));
    (c > 0.0) != (d > 0.0) && (e > 0.0) != (f > 0.0) && c != 0.0 && d != 0.0 && e != 0.0 && f != 0.0
        || c == 0.0 && within(a0, a1, b0)
        || d == 0.0 && within(a0, a1, b1)
        || e == 0.0 && within(b0, b1, a0)
        || f == 0.0 && within(b0, b1, a1)
}

/// How many segments have a place in common that do not follow on one another.
fn crossings(contours: &[Contour]) -> usize {
    // By squares of two metres, so that each is compared with its neighbours only.
    let mut squares: BTreeMap<[i64; 2], Vec<(usize, usize)>> = BTreeMap::new();
    for (number, contour) in contours.iter().enumerate() {
        for (at, ends) in contour.line.windows(2).enumerate() {
            let cell = |m: f64| (m / 2.0).floor() as i64;
            for x in cell(ends[0][0].min(ends[1][0]))..=cell(ends[0][0].max(ends[1][0])) {
                for y in cell(ends[0][1].min(ends[1][1]))..=cell(ends[0][1].max(ends[1][1])) {
                    squares.entry([x, y]).or_default().push((number, at));
                }
            }
        }
    }
    let mut found = 0;
    for segments in squares.values() {
        for (i, a) in segments.iter().enumerate() {
            for b in &segments[i + 1..] {
                let last = contours[a.0].line.len() - 2;
                let follow = a.0 == b.0
                    && (a.1.abs_diff(b.1) <= 1
                        || a.1.abs_diff(b.1) == last && is_ring(&contours[a.0]));
                let ends = |s: &(usize, usize)| &contours[s.0].line[s.1..s.1 + 2];
                found += usize::from(!follow && touch(ends(a), ends(b)));
            }
        }
    }
    found
}

#[test]
fn no_contour_crosses_or_touches_another_or_itself_on_the_roughest_ground() {
    let grid = rough();
    for (interval_m, smooth_m, tolerance_m, strip_rows) in [
        (0.25, 0.0, 0.0, 1000),
        (0.25, 0.0, 0.25, 1000),
        (0.25, 1.0, 0.25, 17),
        (1.0, 0.0, 0.5, 40),
        (5.0, 2.0, 0.5, 1000),
    ] {
        let options = ContourOptions {
            interval_m,
            smooth_m,
            tolerance_m,
            min_length_m: 0.0,
        };
        let (contours, _) = draw(&grid, options, strip_rows);
        let vertices: usize = contours.iter().map(|c| c.line.len()).sum();
        assert!(vertices > 50);
        assert_eq!(crossings(&contours), 0, "{options:?}");
    }
    // And the judge finds what crosses.
    let line = |line: Vec<[f64; 2]>| Contour { step: 0, line };
    let crossed = [
        line(vec![[0.0, 0.0], [1.0, 1.0]]),
        line(vec![[0.0, 1.0], [1.0, 0.0]]),
    ];
    assert_eq!(crossings(&crossed), 1);
}

#[test]
fn thinning_saves_most_vertices_of_smooth_ground_and_hardly_any_length() {
    let hills = ground(400, 300, 0.5, |x, y| {
        30.0 * (x / 60.0).sin() * (y / 45.0).cos()
    });
    let (all, _) = draw(&hills, PLAIN, 128);
    let thin = ContourOptions {
        tolerance_m: 0.125,
        ..PLAIN
    };
    let (thinned, _) = draw(&hills, thin, 128);
    let vertices = |all: &[Contour]| all.iter().map(|c| c.line.len()).sum::<usize>();
    assert!(
        vertices(&thinned) * 3 < vertices(&all),
        "{} of {}",
        vertices(&thinned),
        vertices(&all)
    );
    let total = |all: &[Contour]| all.iter().map(|c| length(&c.line)).sum::<f64>();
    assert!((total(&thinned) / total(&all) - 1.0).abs() < 0.002);
    assert_eq!(all.len(), thinned.len());
}

#[test]
fn short_lines_are_left_out_and_counted() {
    let mut plain = ground(100, 100, 1.0, |_, _| 10.4);
    for (column, height, reach) in [(20, 11.4, 0), (70, 11.4, 10)] {
        for row in 50 - reach..=50 + reach {
            for c in column - reach..=column + reach {
                plain.values[row * 100 + c] = height;
            }
        }
    }
    let options = ContourOptions {
        min_length_m: 10.0,
        ..PLAIN
    };
    let (contours, left_out) = draw(&plain, options, 30);
    assert_eq!((contours.len(), left_out), (1, 1));
    let [only] = contours.as_slice() else {
        panic!("one is left")
    };
    assert!(is_ring(only) && only.step == 11 && length(&only.line) > 70.0);
}

#[test]
fn one_thread_and_many_draw_the_same_contours() {
    let grid = rough();
    let options = ContourOptions {
        smooth_m: 1.0,
        tolerance_m: 0.2,
        ..PLAIN
    };
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let many = rayon::ThreadPoolBuilder::new()
        .num_threads(4)
        .build()
        .unwrap();
    let alone = one.install(|| draw(&grid, options, 50));
    assert_eq!(many.install(|| draw(&grid, options, 50)), alone);
}

#[test]
fn ground_that_is_no_ground_has_no_contours() {
    for height in [f64::NAN, 1e30, f64::INFINITY] {
        let (contours, _) = draw(&ground(20, 20, 1.0, |x, _| height + x), PLAIN, 8);
        assert_eq!(contours, []);
    }
    let (contours, _) = draw(&ground(1, 1, 1.0, |_, _| 3.0), PLAIN, 8);
    assert_eq!(contours, []);
}
