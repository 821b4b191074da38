//! Tilesets read as their specifications say, by readers written here for the purpose, and
//! held to the points of the survey.

use std::collections::{BTreeMap, BTreeSet};

use fixtures::{ORIGIN, Town};
use geodesy::{Crs, Transform, ecef_from_lonlat};
use model::{Bounds, Cube, PointBatch, PointFlags, VoxelKey};
use serde_json::Value as Json;
use store::SurveyView;

use super::{Addresses, CloudOptions, HeightNote, PointColour, SUBTREE_LEVELS};

/// Levels of the made surveys: three subtrees stand on each other.
const LEVELS: u8 = 12;

/// A geoid that leans by 10 cm a kilometre, about as the steepest of Sweden do.
fn leaning([lon, lat]: [f64; 2]) -> Option<f64> {
    Some(24.0 + (lon - 17.0) * 5.0 + (lat - 62.0) * 11.0)
}

const OPTIONS: CloudOptions = CloudOptions {
    colour: PointColour::Rgb,
    noise: false,
    undulation: Some(&leaning),
};

fn addresses() -> Addresses {
    Addresses {
        content: "{level}/{x}/{y}/{z}.points".to_owned(),
        subtree: "{level}/{x}/{y}/{z}.below".to_owned(),
    }
}

fn note() -> HeightNote {
    HeightNote {
        datum: "RH 2000".to_owned(),
        geoid: Some("leaning".to_owned()),
        note: "Heights are above the ellipsoid.".to_owned(),
    }
}

/// A survey in a square of this side, with points on every level, and all of them by node.
fn survey(town: &Town, side_m: f64) -> (SurveyView, Vec<(VoxelKey, PointBatch)>) {
    let cube = Cube {
        min: [ORIGIN[0], ORIGIN[1], -20.0],
        side_m,
    };
    // Any numbers do that come the same every time: Knuth's MMIX generator.
    let mut state = 1_u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut nodes: BTreeMap<VoxelKey, Vec<[f64; 3]>> = BTreeMap::new();
    for i in 0..150 {
        let (east, north) = (random() * side_m, random() * side_m);
        let z = (random() * 60.0 - 20.0).clamp(-20.0, side_m - 20.0);
        let place = [ORIGIN[0] + east, ORIGIN[1] + north, z];
        let place = place.map(|value| (value * 1000.0).round() / 1000.0);
        let key = cube.key_of((i % i32::from(LEVELS)) as u8, place);
        nodes.entry(key).or_default().push(place);
    }
    // The outermost corners, where a box fails first.
    for corner in 0..4 {
        let at = |axis: usize| ORIGIN[axis] + f64::from(corner >> axis & 1) * side_m;
        let place = [at(0), at(1), -20.0];
        nodes
            .entry(cube.key_of(LEVELS - 1, place))
            .or_default()
            .push(place);
    }
    let nodes: Vec<_> = nodes
        .into_iter()
        .map(|(key, places)| (key, fixtures::cloud(&places)))
        .collect();
    let bounds = Bounds::new(ORIGIN[0], ORIGIN[1], ORIGIN[0] + side_m, ORIGIN[1] + side_m).unwrap();
    let meta = model::Survey {
        bounds,
        elevation_range_m: [-20.0, 40.0],
        point_count: nodes.iter().map(|(_, batch)| batch.len() as u64).sum(),
        ..fixtures::survey("drone", &fixtures::hectare(0.0, 0.0))
    };
    (town.put_cloud(meta, cube, &nodes), nodes)
}

fn numbers<const N: usize>(value: &Json) -> [f64; N] {
    let numbers = value.as_array().unwrap().iter();
    let numbers: Vec<f64> = numbers.map(|number| number.as_f64().unwrap()).collect();
    numbers.try_into().unwrap()
}

fn parsed(bytes: &[u8]) -> Json {
    serde_json::from_slice(bytes).unwrap()
}

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

fn float(bytes: &[u8], at: usize) -> f64 {
    f64::from(f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()))
}

/// Places of a glTF's points, z up again, and its document.
fn read_glb(bytes: &[u8]) -> (Vec<[f64; 3]>, Json) {
    assert_eq!(&bytes[..4], b"glTF");
    assert_eq!((word(bytes, 4), word(bytes, 8)), (2, bytes.len()));
    let text_len = word(bytes, 12);
    let document = parsed(&bytes[20..20 + text_len]);
    let Some(node) = document["nodes"].get(0) else {
        return (Vec::new(), document);
    };
    let binary = &bytes[28 + text_len..];
    assert_eq!(word(bytes, 20 + text_len), binary.len());
    let middle: [f64; 3] = numbers(&node["translation"]);
    let count = document["accessors"][0]["count"].as_u64().unwrap() as usize;
    let places = (0..count).map(|i| {
        let at = |axis: usize| float(binary, i * 12 + axis * 4) + middle[axis];
        [at(0), -at(2), at(1)]
    });
    (places.collect(), document.clone())
}

fn read_pnts(bytes: &[u8]) -> Vec<[f64; 3]> {
    assert_eq!(&bytes[..4], b"pnts");
    assert_eq!((word(bytes, 4), word(bytes, 8)), (1, bytes.len()));
    let text_len = word(bytes, 12);
    let document = parsed(&bytes[28..28 + text_len]);
    let binary = &bytes[28 + text_len..];
    let middle: [f64; 3] = numbers(&document["RTC_CENTER"]);
    let count = document["POINTS_LENGTH"].as_u64().unwrap() as usize;
    (0..count)
        .map(|i| std::array::from_fn(|axis| float(binary, i * 12 + axis * 4) + middle[axis]))
        .collect()
}

/// A tile, its box, and whether it has points.
type SubtreeTile = (VoxelKey, [f64; 12], bool);

/// A subtree, read as OGC 22-025r4 has it: its tiles, and the subtrees below.
fn read_subtree(bytes: &[u8], top: VoxelKey) -> (Vec<SubtreeTile>, Vec<VoxelKey>) {
    assert_eq!((&bytes[..4], word(bytes, 4)), (b"subt".as_slice(), 1));
    let (text_len, binary_len) = (word(bytes, 8), word(bytes, 16));
    assert_eq!(24 + text_len + binary_len, bytes.len());
    assert!(text_len.is_multiple_of(8) && binary_len.is_multiple_of(8));
    let document = parsed(&bytes[24..24 + text_len]);
    let binary = &bytes[24 + text_len..];
    let view = |number: &Json| {
        let view = &document["bufferViews"][number.as_u64().unwrap() as usize];
        let from = view["byteOffset"].as_u64().unwrap() as usize;
        assert!(from.is_multiple_of(8));
        &binary[from..from + view["byteLength"].as_u64().unwrap() as usize]
    };
    let bit = |available: &Json, bit: usize| match available["constant"].as_u64() {
        Some(constant) => constant == 1,
        None => view(&available["bitstream"])[bit / 8] >> (bit % 8) & 1 == 1,
    };
    let boxes = view(&document["propertyTables"][0]["properties"]["boundingBox"]["values"]);
    let mut boxes = boxes.chunks_exact(96).map(|bytes| {
        let number = |i: usize| f64::from_le_bytes(bytes[i * 8..i * 8 + 8].try_into().unwrap());
        std::array::from_fn(number)
    });
    let mut tiles = Vec::new();
    let mut below = Vec::new();
    let mut level_keys = vec![top];
    let mut first = 0;
    for level in 0..=SUBTREE_LEVELS {
        for (place, key) in level_keys.iter().enumerate() {
            if level == SUBTREE_LEVELS {
                if bit(&document["childSubtreeAvailability"], place) {
                    below.push(*key);
                }
            } else if bit(&document["tileAvailability"], first + place) {
                let has_points = bit(&document["contentAvailability"][0], first + place);
                tiles.push((*key, boxes.next().unwrap(), has_points));
            }
        }
        first += level_keys.len();
        // Children follow one another in Morton order, x the fastest.
        level_keys = level_keys.iter().flat_map(|key| key.children()).collect();
    }
    assert!(boxes.next().is_none());
    (tiles, below)
}

/// How far outside of a box a point lies.
fn outside_m(numbers: [f64; 12], point: [f64; 3]) -> f64 {
    let [cx, cy, cz, hx, .., hz] = numbers;
    let (middle, half) = ([cx, cy, cz], [hx, numbers[7], hz]);
    (0..3)
        .map(|axis| (point[axis] - middle[axis]).abs() - half[axis])
        .fold(0.0, f64::max)
}

/// What walking a tileset told.
struct Walk {
    points: usize,
    nodes: BTreeSet<VoxelKey>,
    /// Farthest that a point lies from its true place.
    error_m: f64,
    /// Farthest that a point lies outside the box that halving the root's gives its tile.
    beside_halved_m: f64,
}

fn walk_implicit(survey: &SurveyView, nodes: &[(VoxelKey, PointBatch)]) -> Walk {
    let document = super::tileset(survey, &OPTIONS, &addresses(), &note()).unwrap();
    let root = &parsed(&document)["root"];
    assert_eq!(root["implicitTiling"]["availableLevels"], LEVELS);
    let halved: [f64; 12] = numbers(&root["boundingVolume"]["box"]);
    let world: [f64; 16] = numbers(&root["transform"]);
    let to_lonlat = Transform::new(
        &Crs::from_code(survey.crs_code()).unwrap(),
        &Crs::from_code("CRS84").unwrap(),
    )
    .unwrap();
    let mut walk = Walk {
        points: 0,
        nodes: BTreeSet::new(),
        error_m: 0.0,
        beside_halved_m: 0.0,
    };
    let mut open = vec![VoxelKey::ROOT];
    let mut parents: BTreeMap<VoxelKey, [f64; 12]> = BTreeMap::new();
    while let Some(top) = open.pop() {
        let bytes = super::subtree(survey, &OPTIONS, top).unwrap().unwrap();
        let (tiles, below) = read_subtree(&bytes, top);
        open.extend(below);
        for (key, own_box, has_points) in tiles {
            parents.insert(key, own_box);
            let parent = key.parent().map_or(halved, |parent| parents[&parent]);
            for corner in 0..8 {
                let at = |axis: usize| {
                    let side = f64::from((corner >> axis & 1) * 2 - 1);
                    own_box[axis] + side * own_box[3 + axis * 4]
                };
                let corner = [at(0), at(1), at(2)];
                assert!(outside_m(parent, corner) < 1e-9, "{key:?} in its parent");
            }
            let made = super::glb(survey, &OPTIONS, key).unwrap();
            assert_eq!(made.is_some(), has_points);
            let Some(made) = made else { continue };
            assert!(walk.nodes.insert(key), "{key:?} comes twice");
            let (places, _) = read_glb(&made);
            let old = super::pnts(survey, &OPTIONS, key).unwrap().unwrap();
            assert_eq!(read_pnts(&old), places, "1.0 and 1.1 have the same points");
            let (_, truth) = nodes.iter().find(|(node, _)| *node == key).unwrap();
            assert_eq!(places.len(), truth.len());
            let cells = f64::from(1 << key.level);
            let index = [key.x, key.y, key.z].map(f64::from);
            let halved_here: [f64; 12] = std::array::from_fn(|i| match i {
                0..3 => halved[i] + halved[3 + i * 4] * ((2.0 * index[i] + 1.0) / cells - 1.0),
                _ => halved[i] / cells,
            });
            for (i, place) in places.into_iter().enumerate() {
                walk.points += 1;
                assert_eq!(outside_m(own_box, place), 0.0, "{key:?} holds {place:?}");
                walk.beside_halved_m = walk.beside_halved_m.max(outside_m(halved_here, place));
                let lonlat = to_lonlat.xy([truth.x[i], truth.y[i]]).unwrap();
                let there = ecef_from_lonlat(lonlat, truth.z[i] + leaning(lonlat).unwrap());
                let here = |row: usize| {
                    let sum = (0..3).map(|axis| world[axis * 4 + row] * place[axis]);
                    sum.sum::<f64>() + world[12 + row]
                };
                let off: f64 = (0..3).map(|row| (here(row) - there[row]).powi(2)).sum();
                walk.error_m = walk.error_m.max(off.sqrt());
            }
        }
    }
    walk
}

#[test]
fn every_point_comes_out_once_at_its_true_place_and_inside_its_tile() {
    for (side_m, error_limit_m, beside_limit_m) in [(1024.0, 1e-4, 0.2), (20_480.0, 1e-3, 20.0)] {
        let town = Town::new("EPSG:3014");
        let (survey, nodes) = survey(&town, side_m);
        let walk = walk_implicit(&survey, &nodes);
        eprintln!(
            "{side_m} m: {} points within {:.6} m of their place, at most {:.3} m beside the halved root box",
            walk.points, walk.error_m, walk.beside_halved_m
        );
        assert_eq!(walk.points as u64, survey.meta().point_count);
        assert_eq!(walk.nodes, nodes.iter().map(|(key, _)| *key).collect());
        assert!(walk.error_m < error_limit_m);
        assert!(walk.beside_halved_m < beside_limit_m);
    }
}

#[test]
fn documents_of_1_0_lead_to_the_same_nodes_level_by_level() {
    let town = Town::new("EPSG:3014");
    let (survey, nodes) = survey(&town, 1024.0);
    let mut found = BTreeSet::new();
    let mut open = vec![VoxelKey::ROOT];
    let mut documents = 0;
    while let Some(top) = open.pop() {
        documents += 1;
        let made = super::tileset_1_0(&survey, &OPTIONS, top, &addresses(), &note());
        let document = parsed(&made.unwrap().unwrap());
        assert_eq!(document["asset"]["version"], "1.0");
        let has_transform = document["root"]["transform"].is_array();
        assert_eq!(has_transform, top == VoxelKey::ROOT);
        let mut tiles = vec![&document["root"]];
        while let Some(tile) = tiles.pop() {
            let error = tile["geometricError"].as_f64().unwrap();
            for child in tile["children"].as_array().into_iter().flatten() {
                assert!(child["geometricError"].as_f64().unwrap() <= error / 2.0);
                tiles.push(child);
            }
            let Some(uri) = tile["content"]["uri"].as_str() else {
                continue;
            };
            let (place, ending) = uri.split_once('.').unwrap();
            let place: Vec<u32> = place.split('/').map(|n| n.parse().unwrap()).collect();
            let key = VoxelKey {
                level: place[0] as u8,
                x: place[1],
                y: place[2],
                z: place[3],
            };
            match ending {
                "below" => open.push(key),
                _ => assert!(found.insert(key)),
            }
        }
    }
    assert!(documents > 10, "{documents}");
    assert_eq!(found, nodes.iter().map(|(key, _)| *key).collect());
}

#[test]
fn noise_and_withheld_points_are_left_out_unless_asked_for() {
    let town = Town::new("EPSG:3014");
    let mut batch = fixtures::cloud(&[[ORIGIN[0] + 1.0, ORIGIN[1] + 1.0, 5.0]; 5]);
    batch.classification = vec![2, 7, 18, 6, 2];
    batch.flags[4] = PointFlags::WITHHELD;
    let cube = Cube {
        min: [ORIGIN[0], ORIGIN[1], 0.0],
        side_m: 128.0,
    };
    let noise_only = VoxelKey {
        level: 1,
        ..VoxelKey::ROOT
    };
    let mut noise = fixtures::cloud(&[[ORIGIN[0] + 2.0, ORIGIN[1] + 2.0, 5.0]]);
    noise.classification = vec![18];
    let meta = model::Survey {
        point_count: 6,
        ..fixtures::survey("drone", &fixtures::hectare(0.0, 0.0))
    };
    let survey = town.put_cloud(meta, cube, &[(VoxelKey::ROOT, batch), (noise_only, noise)]);
    let count = |key: VoxelKey, noise: bool| {
        let options = CloudOptions { noise, ..OPTIONS };
        let made = super::glb(&survey, &options, key).unwrap().unwrap();
        read_glb(&made).0.len()
    };
    assert_eq!(count(VoxelKey::ROOT, false), 2);
    assert_eq!(count(VoxelKey::ROOT, true), 5);
    // The tile is there, and shows nothing.
    assert_eq!(count(noise_only, false), 0);
    assert_eq!(count(noise_only, true), 1);
    let nowhere = VoxelKey { x: 1, ..noise_only };
    assert_eq!(super::glb(&survey, &OPTIONS, nowhere).unwrap(), None);
    assert_eq!(super::subtree(&survey, &OPTIONS, noise_only).unwrap(), None);
}

#[test]
fn points_are_painted_by_colour_class_height_or_intensity() {
    let town = Town::new("EPSG:3014");
    let places: Vec<_> = (0..100)
        .map(|i| [ORIGIN[0] + f64::from(i), ORIGIN[1], f64::from(i)])
        .collect();
    let mut batch = fixtures::cloud(&places);
    batch.classification[99] = 9;
    batch.intensity = (0..100).map(|i| i * 10).collect();
    let mut coloured = batch.clone();
    coloured.rgb = vec![[0x8000, 0xff00, 0]; 100];
    let cube = Cube {
        min: [ORIGIN[0], ORIGIN[1], 0.0],
        side_m: 128.0,
    };
    let colours = |batch: &PointBatch, colour: PointColour| -> Vec<[u8; 3]> {
        let meta = fixtures::survey("drone", &fixtures::hectare(0.0, 0.0));
        let survey = town.put_cloud(meta, cube, &[(VoxelKey::ROOT, batch.clone())]);
        let options = CloudOptions { colour, ..OPTIONS };
        let made = super::pnts(&survey, &options, VoxelKey::ROOT).unwrap();
        let made = made.unwrap();
        let from = 28 + word(&made, 12) + 1200;
        let colours = made[from..from + 300].chunks_exact(3);
        colours.map(|colour| colour.try_into().unwrap()).collect()
    };
    assert_eq!(colours(&coloured, PointColour::Rgb)[7], [128, 255, 0]);
    let by_class = colours(&coloured, PointColour::Class);
    assert_ne!(by_class[0], by_class[99]);
    // Without a colour of their own they show their class.
    assert_eq!(colours(&batch, PointColour::Rgb), by_class);
    let by_height = colours(&batch, PointColour::Height);
    assert!(by_height[0][1] < by_height[50][1] && by_height[50][1] < by_height[99][1]);
    let by_intensity = colours(&batch, PointColour::Intensity);
    assert!(by_intensity[0][0] < by_intensity[50][0] && by_intensity[99] == [255; 3]);
}
