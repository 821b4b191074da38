//! What the levels of a pyramid show of many small things.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use fixtures::{Town, collection, feature, line, point, polygon, rectangle, texts};
use geo::{Area, BooleanOps, Euclidean, Length, unary_union};
use geo_types::{LineString, MultiLineString, Rect};
use geodesy::TileMatrixSet;
use model::{ColumnKind, TileCoord, Value};
use store::CollectionView;
use tiler::generalise::Shaping;
use tiler::{
    DEFAULT_BYTE_LIMIT, Error, PyramidLayer, PyramidOptions, TileRules, VectorOptions,
    ZoomAttributes, ZoomBytes, ZoomRank, build_pyramid, explain,
};

use crate::decode::{self, Attribute, Feature, Layer, Shape};
use crate::pyramid::unpacked;

fn set(id: &str) -> &'static TileMatrixSet {
    TileMatrixSet::by_id(id).unwrap()
}

fn layer(collection: &CollectionView, rules: TileRules) -> PyramidLayer {
    PyramidLayer {
        collection: collection.clone(),
        rules,
    }
}

fn build(
    layers: &[PyramidLayer],
    tms: &TileMatrixSet,
    levels: RangeInclusive<u8>,
) -> Result<BTreeMap<TileCoord, Vec<u8>>, Error> {
    let folder = tempfile::tempdir().unwrap();
    let options = PyramidOptions {
        levels,
        tile: VectorOptions::default(),
        memory_bytes: 1 << 24,
    };
    let mut tiles = BTreeMap::new();
    build_pyramid::<Error>(
        layers,
        tms,
        &options,
        folder.path(),
        None,
        &mut |_| {},
        &mut |tile| {
            tiles.insert(tile.tile, unpacked(&tile.gzip));
            Ok(())
        },
    )?;
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    Ok(tiles)
}

/// The features of a level by id, and of those that lie in several tiles one piece each.
fn level(tiles: &BTreeMap<TileCoord, Vec<u8>>, z: u8) -> BTreeMap<u64, Feature> {
    let of_level = tiles.iter().filter(|(tile, _)| tile.z() == z);
    let layers = of_level.flat_map(|(_, bytes)| decode::tile(bytes));
    let features = layers.flat_map(|layer: Layer| layer.features);
    features.map(|feature| (feature.id, feature)).collect()
}

/// Trees 7 m apart, with heights of which every 16th is great.
fn trees(town: &Town) -> CollectionView {
    let columns = [("hojd", ColumnKind::Integer), ("art", ColumnKind::Text)];
    let trees = (0..2400_u64).map(|i| {
        let (x, y) = ((i % 60) as f64 * 7.0, (i / 60) as f64 * 7.0);
        let height = if i % 16 == 0 { 30 } else { 5 + (i % 7) as i64 };
        let kind = ["ek", "björk"][(i % 2) as usize];
        let values = vec![Value::Integer(height), Value::Text(kind.to_owned())];
        feature(i, point(x, y), values)
    });
    town.put(collection("trees", &columns), trees)
}

/// Parcels of some 40 m × 30 m that share their borders, of three uses in turn.
fn parcels(town: &Town) -> CollectionView {
    let node = |c: u64, r: u64| {
        let shift = |n: u64| (n * 7919 % 13) as f64 - 6.0;
        [
            c as f64 * 40.0 + shift(c * 31 + r),
            r as f64 * 30.0 + shift(c + r * 17),
        ]
    };
    let parcels = (0..400_u64).map(|i| {
        let (c, r) = (i % 20, i / 20);
        let ring = [
            node(c, r),
            node(c + 1, r),
            node(c + 1, r + 1),
            node(c, r + 1),
        ];
        let kind = ["boende", "handel", "kontor"][((c / 3 + r / 2) % 3) as usize];
        feature(i, polygon(&ring), texts(&[kind, &format!("STADEN 1:{i}")]))
    });
    let columns = [("bruk", ColumnKind::Text), ("namn", ColumnKind::Text)];
    town.put(collection("parcels", &columns), parcels)
}

#[test]
fn a_level_shows_an_even_share_of_crowded_points_and_the_last_shows_all() {
    let town = Town::new("EPSG:3014");
    let trees = trees(&town);
    let tiles = build(
        &[layer(&trees, TileRules::default())],
        set("WebMercatorQuad"),
        10..=15,
    );
    let tiles = tiles.unwrap();
    let ids = |z| level(&tiles, z).into_keys().collect::<BTreeSet<u64>>();
    assert_eq!(ids(15).len(), 2400);
    for z in 10..15 {
        let (here, deeper) = (ids(z), ids(z + 1));
        assert!(!here.is_empty() && here.len() < deeper.len(), "{z}");
        assert!(here.is_subset(&deeper), "{z}");
    }
    // A pixel is 4.4 m wide at level 13, a cell 8 to 16 of them, and the wood 413 m × 273 m.
    let cells = |side_m: f64| (413.0 / side_m) * (273.0 / side_m);
    let shown = ids(13).len() as f64;
    assert!(
        shown > cells(16.0 * 4.4) && shown < 1.7 * cells(8.0 * 4.4),
        "{shown}"
    );
}

#[test]
fn clusters_say_how_many_points_they_stand_for() {
    let town = Town::new("EPSG:3014");
    let trees = trees(&town);
    let rules = TileRules {
        shaping: Shaping {
            cluster: true,
            ..Shaping::default()
        },
        attributes: vec![ZoomAttributes {
            zooms: 0..=12,
            columns: vec!["art".to_owned()],
        }],
        ..TileRules::default()
    };
    let tiles = build(&[layer(&trees, rules)], set("WebMercatorQuad"), 12..=14).unwrap();
    for z in [12, 13] {
        let count = |feature: &Feature| match feature.attributes.get("point_count") {
            Some(Attribute::Int(n)) => *n,
            Some(Attribute::Uint(n)) => *n as i64,
            other => panic!("{other:?}"),
        };
        let level = level(&tiles, z);
        assert_eq!(level.values().map(count).sum::<i64>(), 2400, "{z}");
        let has_height = level.values().any(|f| f.attributes.contains_key("hojd"));
        assert_eq!(has_height, z == 13);
    }
    let deepest = level(&tiles, 14);
    assert!(
        deepest
            .values()
            .all(|f| !f.attributes.contains_key("point_count"))
    );
}

#[test]
fn parcels_cover_the_same_ground_at_every_level_without_holes_or_overlaps() {
    let town = Town::new("EPSG:3014");
    let parcels = parcels(&town);
    for (id, levels) in [("WebMercatorQuad", 9..=15), ("SWEREF99TM", 5..=11)] {
        let tms = set(id);
        let tiles = build(
            &[layer(&parcels, TileRules::default())],
            tms,
            levels.clone(),
        )
        .unwrap();
        let mut before = 0;
        for z in levels {
            let mut sum = 0.0;
            for (_, bytes) in tiles.iter().filter(|(tile, _)| tile.z() == z) {
                let features: Vec<Feature> = decode::tile(bytes)
                    .into_iter()
                    .flat_map(|l| l.features)
                    .collect();
                let shapes: Vec<_> = features.iter().map(Feature::polygons).collect();
                assert!(features.iter().all(Feature::is_valid), "{id} {z}");
                let all = unary_union(&shapes);
                let apart: f64 = shapes.iter().map(Area::unsigned_area).sum();
                // Borders are rounded alike on both sides: nothing lies under two parcels.
                assert!(
                    (all.unsigned_area() - apart).abs() < 1e-6 * apart,
                    "{id} {z}"
                );
                assert!(
                    all.0.iter().all(|face| face.interiors().is_empty()),
                    "{id} {z}: a hole"
                );
                let inside = Rect::new((0.0, 0.0), (4096.0, 4096.0)).to_polygon();
                sum += all.intersection(&inside).unsigned_area();
            }
            let unit = tms.matrix(z).unwrap().tile_size() / 4096.0;
            let hectares = sum * unit * unit / 1e4;
            let scale: f64 = if id == "SWEREF99TM" {
                1.0
            } else {
                62.4_f64.to_radians().cos()
            };
            let on_the_ground = hectares * scale * scale;
            assert!(
                (on_the_ground / 48.0 - 1.0).abs() < 0.05,
                "{id} {z}: {on_the_ground}"
            );
            let count = level(&tiles, z).len();
            assert!(count >= before, "{id} {z}: {count} after {before}");
            before = count;
        }
    }
}

#[test]
fn streets_are_merged_between_their_junctions_and_lose_no_length() {
    let town = Town::new("EPSG:3014");
    // One street of forty pieces, crossed by another in its middle.
    let piece =
        |i: u64, from: [f64; 2], to: [f64; 2]| feature(i, line(&[from, to]), texts(&["gata"]));
    let along = (0..40_u64).map(|i| {
        let x = i as f64 * 25.0;
        piece(i, [x, 0.0], [x + 25.0, 0.0])
    });
    let across = (0..20_u64).map(|i| {
        let y = i as f64 * 25.0 - 250.0;
        piece(40 + i, [500.0, y], [500.0, y + 25.0])
    });
    let streets = town.put(
        collection("streets", &[("klass", ColumnKind::Text)]),
        along.chain(across),
    );
    let tiles = build(
        &[layer(&streets, TileRules::default())],
        set("WebMercatorQuad"),
        12..=14,
    );
    let tiles = tiles.unwrap();
    let inside = Rect::new((0.0, 0.0), (4096.0, 4096.0)).to_polygon();
    let length = |z: u8| {
        let of_level = tiles.iter().filter(|(tile, _)| tile.z() == z);
        let features = of_level.flat_map(|(_, bytes)| decode::tile(bytes).remove(0).features);
        let lines = features.flat_map(|feature| match feature.shape {
            Shape::Lines(lines) => lines,
            other => panic!("{other:?}"),
        });
        let line = |line: Vec<[i64; 2]>| -> LineString<f64> {
            line.iter().map(|p| (p[0] as f64, p[1] as f64)).collect()
        };
        let shown = inside.clip(&MultiLineString(lines.map(line).collect()), false);
        Euclidean.length(&shown) / f64::from(1 << z)
    };
    assert!((length(13) / length(14) - 1.0).abs() < 0.01);
    assert_eq!(level(&tiles, 14).len(), 60);
    assert_eq!(level(&tiles, 13).len(), 4);
}

#[test]
fn streets_of_different_names_or_colours_are_not_merged() {
    let town = Town::new("EPSG:3014");
    let columns = [("namn", ColumnKind::Text), ("skick", ColumnKind::Integer)];
    let pieces = (0..40_u64).map(|i| {
        let x = i as f64 * 25.0;
        let name = format!("{} gatan", i / 10);
        let values = vec![Value::Text(name), Value::Integer((i / 5) as i64)];
        feature(i, line(&[[x, 0.0], [x + 25.0, 0.0]]), values)
    });
    let streets = town.put(collection("streets", &columns), pieces);
    let rules = |drawn_by: &[&str], class: Option<&[&str]>| {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        TileRules {
            drawn_by: owned(drawn_by),
            class: class.map(owned),
            ..TileRules::default()
        }
    };
    for (rules, merged) in [
        (rules(&[], None), 4),
        (rules(&["skick"], None), 8),
        (rules(&["skick"], Some(&[])), 1),
    ] {
        let tiles = build(&[layer(&streets, rules)], set("WebMercatorQuad"), 13..=14).unwrap();
        assert_eq!(level(&tiles, 13).len(), merged);
    }
}

#[test]
fn what_rules_hide_is_hidden_and_what_they_carry_is_carried_in_any_set() {
    let town = Town::new("EPSG:3014");
    let trees = trees(&town);
    let rules = TileRules {
        min_zoom: Some(12),
        rank: Some("hojd".to_owned()),
        rank_floors: vec![ZoomRank {
            below_zoom: 14,
            rank: 30.0,
        }],
        shaping: Shaping {
            spacing_px: 0.0,
            ..Shaping::default()
        },
        attributes: vec![ZoomAttributes {
            zooms: 12..=13,
            columns: vec!["art".to_owned()],
        }],
        ..TileRules::default()
    };
    // A pixel of level 8 of SWEREF99TM is 8 m wide, nearly as wide on the ground as at zoom 12.
    for (id, levels, first) in [("WebMercatorQuad", 11..=15, 12), ("SWEREF99TM", 7..=11, 8)] {
        let tiles = build(&[layer(&trees, rules.clone())], set(id), levels).unwrap();
        assert!(level(&tiles, first - 1).is_empty(), "{id}");
        for z in [first, first + 1] {
            let of_level = level(&tiles, z);
            assert_eq!(of_level.len(), 150, "{id} {z}: only great trees");
            let keys: BTreeSet<&str> = of_level
                .values()
                .flat_map(|f| f.attributes.keys().map(String::as_str))
                .collect();
            assert_eq!(keys, BTreeSet::from(["art"]), "{id} {z}");
        }
        let deeper = level(&tiles, first + 2);
        assert_eq!(deeper.len(), 2400, "{id}");
        assert!(
            deeper.values().all(|f| f.attributes.contains_key("hojd")),
            "{id}"
        );
    }
}

#[test]
fn a_tile_explained_is_the_tile_that_was_built() {
    let town = Town::new("EPSG:3014");
    let houses = (0..600_u64).map(|i| {
        let (x, y) = ((i % 30) as f64 * 23.0, (i / 30) as f64 * 19.0);
        feature(i, rectangle(x, y, 12.0, 10.0), Vec::new())
    });
    let houses = town.put(collection("houses", &[]), houses);
    let (trees, parcels) = (trees(&town), parcels(&town));
    let rules = TileRules::default;
    let layers = [
        layer(&houses, rules()),
        layer(&trees, rules()),
        layer(&parcels, rules()),
    ];
    let tms = set("WebMercatorQuad");
    let levels = 8..=14;
    let tiles = build(&layers, tms, levels.clone()).unwrap();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .build()
        .unwrap();
    let again = pool
        .install(|| build(&layers, tms, levels.clone()))
        .unwrap();
    assert!(again == tiles);
    let scratch = tempfile::tempdir().unwrap();
    for (&tile, bytes) in &tiles {
        let options = VectorOptions::default();
        let made = explain(&layers, tms, &levels, tile, &options, scratch.path()).unwrap();
        let told = made.collections;
        assert!(made.tile.bytes == *bytes, "{tile}");
        assert_eq!(made.byte_limit, DEFAULT_BYTE_LIMIT);
        assert_eq!(told.len(), 3);
        for told in told {
            let counts = &told.counts;
            let dropped: usize = counts.dropped.values().sum();
            let sum = counts.kept + counts.merged + dropped;
            let expected = if tile.z() == 14 { 0 } else { told.touching };
            assert_eq!(sum, expected, "{tile} {:?}", told.collection);
            assert_eq!(told.fates.len(), expected);
            let coverage = told.level.map(|level| level.coverage);
            if tile.z() < 14 {
                assert_eq!(coverage, Some(told.collection.as_str() == "parcels"));
            }
        }
    }
}

#[test]
fn each_zoom_keeps_the_byte_limit_that_its_rules_give_it() {
    let town = Town::new("EPSG:3014");
    let trees = trees(&town);
    let rules = |bytes| TileRules {
        as_delivered: true,
        byte_limits: vec![ZoomBytes {
            zooms: 12..=13,
            bytes,
        }],
        ..TileRules::default()
    };
    let tms = set("WebMercatorQuad");
    let largest = |tiles: &BTreeMap<TileCoord, Vec<u8>>, z: u8| {
        let of_level = tiles.iter().filter(|(tile, _)| tile.z() == z);
        of_level.map(|(_, bytes)| bytes.len()).max().unwrap()
    };
    let free = build(
        &[layer(
            &trees,
            TileRules {
                byte_limits: vec![],
                ..rules(0)
            },
        )],
        tms,
        11..=14,
    )
    .unwrap();
    let tiles = build(&[layer(&trees, rules(9_000))], tms, 11..=14).unwrap();
    for z in [12, 13] {
        assert!(
            largest(&free, z) > 9_000 && largest(&tiles, z) <= 9_000,
            "{z}"
        );
    }
    for z in [11, 14] {
        assert_eq!(largest(&free, z), largest(&tiles, z), "{z}");
    }
    // One tile alone is the same, and of several collections the largest limit counts.
    let alone = |tile: TileCoord, all: &[TileRules]| {
        let layers: Vec<_> = all
            .iter()
            .filter_map(|rules| rules.layer_at(&trees, tms, tile.z()).unwrap())
            .collect();
        tiler::vector_tile(&layers, tms, tile, &VectorOptions::default())
            .unwrap()
            .bytes
    };
    let of_twelve = tiles.iter().filter(|(tile, _)| tile.z() == 12);
    for (&tile, bytes) in of_twelve {
        assert!(alone(tile, &[rules(9_000)]) == *bytes, "{tile}");
        let both = alone(tile, &[rules(9_000), rules(40_000)]).len();
        assert!(
            both <= 40_000 && (both > 9_000 || bytes.len() < 9_000),
            "{both}"
        );
    }
}

#[test]
fn rules_that_name_a_missing_column_are_refused_by_name() {
    let town = Town::new("EPSG:3014");
    let trees = trees(&town);
    let rules = TileRules {
        class: Some(vec!["sort".to_owned()]),
        ..TileRules::default()
    };
    let error = build(&[layer(&trees, rules)], set("WebMercatorQuad"), 10..=12).unwrap_err();
    assert_eq!(
        error.to_string(),
        "collection trees: the rules of its tiles name a column \"sort\", and it has hojd, art"
    );
}
