//! Tiles read as the format's description says, by a reader written here for the purpose.

use fixtures::{ORIGIN, Town};
use geodesy::{Crs, Transform, ecef_from_lonlat};
use model::Grid;
use store::SurveyView;

use super::{GeodeticTile, QUANTIZED_MAX, levels, side_deg, tile, tolerance_m};

/// What a tile says.
struct Read {
    centre: [f64; 3],
    /// Longitude and latitude in degrees, and height in metres.
    vertices: Vec<[f64; 3]>,
    /// In the tile's own numbers.
    places: Vec<[u16; 2]>,
    triangles: Vec<[usize; 3]>,
    /// West, south, east and north.
    edges: [Vec<usize>; 4],
    normals: Vec<[f64; 3]>,
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (first, rest) = self.0.split_first_chunk::<N>().unwrap();
        self.0 = rest;
        *first
    }

    fn word(&mut self) -> usize {
        u32::from_le_bytes(self.take()) as usize
    }

    fn shorts(&mut self, count: usize) -> Vec<u16> {
        (0..count)
            .map(|_| u16::from_le_bytes(self.take()))
            .collect()
    }

    fn doubles(&mut self) -> [f64; 3] {
        std::array::from_fn(|_| f64::from_le_bytes(self.take()))
    }

    /// Differences, with the sign in the lowest bit.
    fn zigzag(&mut self, count: usize) -> Vec<u16> {
        let mut value = 0_i32;
        let shorts = self.shorts(count).into_iter();
        shorts
            .map(|short| {
                let short = i32::from(short);
                value += (short >> 1) ^ -(short & 1);
                u16::try_from(value).unwrap()
            })
            .collect()
    }
}

fn read(bytes: &[u8], [z, x, y]: [u32; 3]) -> Read {
    let mut reader = Reader(bytes);
    let centre = reader.doubles();
    let low = f64::from(f32::from_le_bytes(reader.take()));
    let high = f64::from(f32::from_le_bytes(reader.take()));
    let sphere = reader.doubles();
    let radius = f64::from_le_bytes(reader.take());
    let horizon = reader.doubles();
    assert!(horizon.iter().all(|part| part.is_finite()));
    let count = reader.word();
    let [u, v, h] = [0; 3].map(|_| reader.zigzag(count));
    let triangle_count = reader.word();
    let mut highest = 0;
    let indices = reader.shorts(triangle_count * 3).into_iter();
    let indices: Vec<usize> = indices
        .map(|code| {
            let index = highest - usize::from(code);
            highest += usize::from(code == 0);
            index
        })
        .collect();
    let edges = [0; 4].map(|_| {
        let count = reader.word();
        reader.shorts(count).into_iter().map(usize::from).collect()
    });
    assert_eq!((reader.take::<1>(), reader.word()), ([1], count * 2));
    let normals = (0..count).map(|_| {
        let [x, y] = reader.take::<2>().map(|byte| f64::from(byte) / 127.5 - 1.0);
        let z = 1.0 - x.abs() - y.abs();
        let (x, y) = match z < 0.0 {
            true => ((1.0 - y.abs()).copysign(x), (1.0 - x.abs()).copysign(y)),
            false => (x, y),
        };
        let length = (x * x + y * y + z * z).sqrt();
        [x / length, y / length, z / length]
    });
    let normals = normals.collect();
    assert!(reader.0.is_empty());
    let side = side_deg(z as u8);
    let share = |value: u16| f64::from(value) / f64::from(QUANTIZED_MAX);
    let vertices: Vec<[f64; 3]> = (0..count)
        .map(|i| {
            [
                -180.0 + (f64::from(x) + share(u[i])) * side,
                -90.0 + (f64::from(y) + share(v[i])) * side,
                low + share(h[i]) * (high - low),
            ]
        })
        .collect();
    for &[lon, lat, height] in &vertices {
        let place = ecef_from_lonlat([lon, lat], height);
        let off: f64 = (0..3).map(|i| (place[i] - sphere[i]).powi(2)).sum();
        assert!(off.sqrt() <= radius * (1.0 + 1e-9) + 1e-3, "{radius}");
    }
    Read {
        centre,
        vertices,
        places: (0..count).map(|i| [u[i], v[i]]).collect(),
        triangles: indices
            .chunks_exact(3)
            .map(|three| [three[0], three[1], three[2]])
            .collect(),
        edges,
        normals,
    }
}

/// Hills of 12 m, the nearest 60 m apart.
fn truth_m([x, y]: [f64; 2]) -> f64 {
    40.0 + 6.0 * ((x - ORIGIN[0]) / 17.0).sin() + 6.0 * ((y - ORIGIN[1]) / 23.0).cos()
}

fn hills(town: &Town) -> SurveyView {
    town.put_terrain("hills", &ground(truth_m))
}

fn ground(height_m: impl Fn([f64; 2]) -> f64) -> Grid {
    let mut ground = Grid::empty(ORIGIN[0], ORIGIN[1] + 600.0, 1.0, 600, 600);
    for row in 0..600 {
        for column in 0..600 {
            ground.values[row * 600 + column] = height_m(ground.centre_of(column, row)) as f32;
        }
    }
    ground
}

fn made(survey: &SurveyView, [z, x, y]: [u32; 3]) -> Read {
    let address = GeodeticTile::new(z as u8, x, y).unwrap();
    let bytes = tile(survey, address, Some(&|_| Some(24.0))).unwrap();
    read(&bytes, [z, x, y])
}

fn from_lonlat() -> Transform {
    let crs = |code: &str| Crs::from_code(code).unwrap();
    Transform::new(&crs("CRS84"), &crs("EPSG:3014")).unwrap()
}

/// The tile of a level over the middle of the survey.
fn middle(survey: &SurveyView, z: u32) -> [u32; 3] {
    let [lon, lat] = levels(survey).unwrap().bounds_deg.centre();
    let side = side_deg(z as u8);
    [
        z,
        ((lon + 180.0) / side) as u32,
        ((lat + 90.0) / side) as u32,
    ]
}

#[test]
fn neighbours_have_the_same_vertices_on_the_edge_they_share() {
    let town = Town::new("EPSG:3014");
    let survey = hills(&town);
    let there = levels(&survey).unwrap().available;
    let middles = [14, 16, 17].map(|z| middle(&survey, z));
    // And where the survey ends: at its corner, and beside the tiles that know anything.
    let corners = [9, 12, 16, 18].map(|z| {
        let [_, x, _, y] = there[z as usize];
        [[z, x, y], [z, x + 1, y + 1]]
    });
    for [z, x, y] in middles.into_iter().chain(corners.into_iter().flatten()) {
        let here = made(&survey, [z, x, y]);
        let in_the_middle = middles.contains(&[z, x, y]);
        for (beside, ours, theirs) in [([z, x + 1, y], 2, 0), ([z, x, y + 1], 3, 1)] {
            let beside = made(&survey, beside);
            let of = |read: &Read, edge: usize| -> Vec<(u16, f64)> {
                let along = |i: &usize| read.places[*i][(edge + 1) % 2];
                let vertices = read.edges[edge].iter();
                vertices.map(|i| (along(i), read.vertices[*i][2])).collect()
            };
            let (ours, theirs) = (of(&here, ours), of(&beside, theirs));
            assert_eq!(ours, theirs, "level {z} {x} {y}");
            assert_eq!((ours[0].0, ours[ours.len() - 1].0), (0, QUANTIZED_MAX));
            assert!(
                !in_the_middle || z < 16 || ours.len() > 5,
                "the edge goes over hills"
            );
        }
    }
}

#[test]
fn triangles_cover_the_tile_once_and_keep_the_tolerance() {
    let town = Town::new("EPSG:3014");
    let survey = hills(&town);
    let to_twin = from_lonlat();
    for z in [15, 17] {
        let address = middle(&survey, z);
        let read = made(&survey, address);
        let mut doubled_area = 0;
        let mut worst = 0.0_f64;
        let mut judged = 0;
        for corners in &read.triangles {
            let [a, b, c] = corners.map(|i| read.places[i].map(i64::from));
            let area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
            assert!(area > 0, "against the clock");
            doubled_area += area;
            // The middle of the triangle, against the truth and not against the samples;
            // not at the edge of the survey, where the ground ends.
            let mean = |axis: usize| {
                let sum: f64 = corners.iter().map(|&i| read.vertices[i][axis]).sum();
                sum / 3.0
            };
            let on_hills = corners.iter().all(|&i| {
                let [lon, lat, _] = read.vertices[i];
                let [x, y] = to_twin.xy([lon, lat]).unwrap();
                let inside = |at: f64, from: f64| (10.0..590.0).contains(&(at - from));
                inside(x, ORIGIN[0]) && inside(y, ORIGIN[1])
            });
            if on_hills {
                let place = to_twin.xy([mean(0), mean(1)]).unwrap();
                worst = worst.max((mean(2) - 24.0 - truth_m(place)).abs());
                judged += 1;
            }
        }
        assert_eq!(doubled_area, 2 * i64::from(QUANTIZED_MAX).pow(2));
        let nodes = (super::CELLS + 1).pow(2);
        eprintln!(
            "level {z}: {} of {nodes} nodes kept, {worst:.3} m off at most in the middle of triangles",
            read.vertices.len()
        );
        assert!(judged > 100, "{judged}");
        // Between samples the ground may bend a little more than at them.
        assert!(worst < tolerance_m(z as u8) + 0.1, "{worst}");
        assert!(read.vertices.len() < nodes / 2);
    }
}

#[test]
fn normals_point_away_from_the_slope() {
    let town = Town::new("EPSG:3014");
    let survey = hills(&town);
    let read = made(&survey, middle(&survey, 17));
    let up = {
        let length = read
            .centre
            .iter()
            .map(|part| part * part)
            .sum::<f64>()
            .sqrt();
        read.centre.map(|part| part / length)
    };
    let steepness = |normal: &[f64; 3]| (0..3).map(|i| normal[i] * up[i]).sum::<f64>();
    let steepest = read.normals.iter().map(steepness).fold(1.0, f64::min);
    // Slopes of 6/17 and 6/23 together: 23.7 degrees, cosine 0.916.
    assert!((steepest - 0.916).abs() < 0.02, "{steepest}");
    assert!(read.normals.iter().map(steepness).fold(0.0, f64::max) > 0.99);
}

/// The steepest edge of a tile's triangles, as rise over run.
fn steepest(read: &Read) -> f64 {
    let to_twin = from_lonlat();
    let edges = read
        .triangles
        .iter()
        .flat_map(|&[a, b, c]| [[a, b], [b, c], [c, a]]);
    let slopes = edges.map(|ends| {
        let [a, b] = ends.map(|i| read.vertices[i]);
        let [from, to] = [a, b].map(|[lon, lat, _]| to_twin.xy([lon, lat]).unwrap());
        (a[2] - b[2]).abs() / (from[0] - to[0]).hypot(from[1] - to[1])
    });
    slopes.fold(0.0, f64::max)
}

#[test]
fn a_survey_on_a_mountain_does_not_end_in_a_cliff() {
    let town = Town::new("EPSG:3014");
    // A disc of hills with a hole in it, 800 m above the sea.
    let away = |[x, y]: [f64; 2]| (x - ORIGIN[0] - 300.0).hypot(y - ORIGIN[1] - 300.0);
    let survey = town.put_terrain(
        "mountain",
        &ground(|at| match away(at) {
            away if (30.0..250.0).contains(&away) => 800.0 + truth_m(at),
            _ => f64::NAN,
        }),
    );
    let there = levels(&survey).unwrap();
    for (z, [x0, x1, y0, y1]) in there.available.iter().enumerate().skip(14) {
        // The hole, a corner of the box, and beyond it.
        for [x, y] in [[(x0 + x1) / 2, (y0 + y1) / 2], [*x1, *y1], [x1 + 1, *y0]] {
            let read = made(&survey, [z as u32, x, y]);
            let heights = || read.vertices.iter().map(|place| place[2] - 24.0);
            let low = heights().fold(f64::INFINITY, f64::min);
            let high = heights().fold(f64::NEG_INFINITY, f64::max);
            // Hills are 828 to 852 m high, and beyond them the ground begins to fall.
            assert!(low > 700.0 && high < 853.0, "{z}/{x}/{y}: {low} to {high}");
            let slope = steepest(&read);
            assert!(slope < 1.5, "{z}/{x}/{y} is a cliff: {slope}");
        }
    }
    // Tiles of level 12 are 2.3 km wide here. 10 km away the ground is half as high, and
    // beyond 20 km it is the sea's.
    let [z, x, y] = middle(&survey, 12);
    for (columns, expected) in [(4, 300.0..600.0), (12, -0.01..0.01)] {
        let read = made(&survey, [z, x + columns, y]);
        let middle = &read.vertices[read.vertices.len() / 2];
        assert!(expected.contains(&(middle[2] - 24.0)), "{middle:?}");
        assert!(steepest(&read) < 0.1);
    }
}

#[test]
fn all_that_is_promised_is_there_down_to_level_0_and_flat_beyond() {
    let town = Town::new("EPSG:3014");
    let survey = hills(&town);
    let there = levels(&survey).unwrap();
    // Samples of level 18 are 0.6 m apart from south to north, of 17 1.2 m.
    assert_eq!(there.available.len(), 19);
    assert_eq!(there.available[0], [0, 1, 0, 0]);
    for (z, [x0, x1, y0, y1]) in there.available.iter().enumerate() {
        let z = z as u32;
        let [_, x, y] = middle(&survey, z);
        assert!((*x0..=*x1).contains(&x) && (*y0..=*y1).contains(&y));
        let read = made(&survey, [z, x, y]);
        let highest = read
            .vertices
            .iter()
            .map(|place| place[2])
            .fold(0.0, f64::max);
        assert!(z < 14 || highest > 40.0 + 24.0, "level {z}: {highest}");
    }
    let [z, x, y] = middle(&survey, 16);
    let far = made(&survey, [z, x + 300, y]);
    assert!(far.vertices.iter().all(|place| place[2] == 24.0));
    assert_eq!(far.triangles.len(), 2);
    // The whole world in two tiles is still round.
    assert!(made(&survey, [0, 1, 0]).triangles.len() > 1000);
    for (z, x, y) in [(0, 2, 0), (0, 0, 1), (3, 16, 0), (3, 0, 8), (23, 0, 0)] {
        assert_eq!(GeodeticTile::new(z, x, y), None);
    }
}
