use fixtures::{
    ORIGIN, Town, collection, feature, line, line_string, point, polygon, rectangle, texts,
};
use geo::Area;
use geo_types::{Geometry, GeometryCollection, LineString, Polygon};
use geodesy::{Crs, TileMatrixSet, Transform};
use model::{ColumnKind, TileCoord, Value};
use proptest::prelude::*;
use store::CollectionView;
use tiler::{Error, Polygons, TileLayer, VectorOptions, VectorTile};

use crate::decode::{self, Attribute, Feature, Layer, Shape};

fn mercator() -> &'static TileMatrixSet {
    TileMatrixSet::by_id("WebMercatorQuad").unwrap()
}

/// The tile of a set around a place given by its offset from the origin.
fn tile_at(tms: &TileMatrixSet, z: u8, offset: [f64; 2]) -> TileCoord {
    let twin = Crs::from_code("EPSG:3014").unwrap();
    let forward = Transform::new(&twin, &tms.crs).unwrap();
    let point = forward
        .xy([ORIGIN[0] + offset[0], ORIGIN[1] + offset[1]])
        .unwrap();
    tms.tile_at(z, point).unwrap()
}

/// A tile of collections as they were delivered.
pub(crate) fn vector_tile(
    collections: &[CollectionView],
    tms: &TileMatrixSet,
    tile: TileCoord,
    options: &VectorOptions,
) -> Result<VectorTile, Error> {
    let layers: Vec<TileLayer> = collections.iter().cloned().map(TileLayer::from).collect();
    tiler::vector_tile(&layers, tms, tile, options)
}

fn make(collections: &[CollectionView], tms: &TileMatrixSet, tile: TileCoord) -> VectorTile {
    vector_tile(collections, tms, tile, &VectorOptions::default()).unwrap()
}

/// Makes a tile of one collection, holds it to the specification, and returns its
/// features, whose polygons are valid.
fn features(collection: &CollectionView, tms: &TileMatrixSet, tile: TileCoord) -> Vec<Feature> {
    let made = make(std::slice::from_ref(collection), tms, tile);
    let layers = decode::tile(&made.bytes);
    assert!(layers.len() <= 1);
    let features: Vec<Feature> = layers.into_iter().flat_map(|l| l.features).collect();
    for feature in &features {
        assert!(feature.is_valid(), "{feature:?}");
        for point in feature.points() {
            assert!(point.iter().all(|c| (-64..=4160).contains(c)), "{point:?}");
        }
    }
    features
}

#[test]
fn attributes_keep_their_types_and_nulls_are_left_out() {
    let town = Town::new("EPSG:3014");
    let columns = [
        ("öppen", ColumnKind::Boolean),
        ("antal", ColumnKind::Integer),
        ("djup", ColumnKind::Integer),
        ("bredd", ColumnKind::Number),
        ("längd", ColumnKind::Number),
        ("namn", ColumnKind::Text),
        ("dag", ColumnKind::Date),
        ("stund", ColumnKind::Instant),
        ("mer", ColumnKind::Json),
        ("tom", ColumnKind::Text),
    ];
    let values = vec![
        Value::Boolean(true),
        Value::Integer(7),
        Value::Integer(-7),
        Value::Number(3.25),
        Value::Number(0.1),
        Value::Text("Åsgatan".to_owned()),
        Value::Date("2026-02-28".parse().unwrap()),
        Value::Instant("2026-02-28T23:59:59Z".parse().unwrap()),
        Value::Json(r#"{"a":[1,2]}"#.to_owned()),
        Value::Null,
    ];
    let signs = town.put(
        collection("signs", &columns),
        [feature((1 << 53) - 1, point(0.0, 0.0), values)],
    );
    let shown = features(&signs, mercator(), tile_at(mercator(), 14, [0.0; 2]));
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].id, (1 << 53) - 1);
    let text = |t: &str| Attribute::Text(t.to_owned());
    let expected = [
        ("öppen", Attribute::Bool(true)),
        ("antal", Attribute::Uint(7)),
        ("djup", Attribute::Sint(-7)),
        ("bredd", Attribute::Float(3.25)),
        ("längd", Attribute::Double(0.1)),
        ("namn", text("Åsgatan")),
        ("dag", text("2026-02-28")),
        ("stund", text("2026-02-28T23:59:59Z")),
        ("mer", text(r#"{"a":[1,2]}"#)),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value));
    assert_eq!(shown[0].attributes, expected.into());
}

#[test]
fn several_collections_are_layers_in_the_order_asked_for() {
    let town = Town::new("EPSG:3014");
    let houses = town.put_shapes("houses", [rectangle(0.0, 0.0, 20.0, 10.0)]);
    let trees = town.put_shapes("trees", [point(5.0, 50.0)]);
    let afar = town.put_shapes("afar", [point(90_000.0, 0.0)]);
    let tile = tile_at(mercator(), 15, [0.0; 2]);
    let made = make(&[trees, afar, houses], mercator(), tile);
    let layers = decode::tile(&made.bytes);
    let names: Vec<&str> = layers.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names, ["trees", "houses"]);
    assert!(layers.iter().all(|l| l.extent == 4096));
    assert_eq!(made.sacrifices, [] as [String; 0]);
}

#[test]
fn an_area_over_many_tiles_has_one_point_for_its_label_with_all_its_attributes() {
    let town = Town::new("EPSG:3014");
    let plans = town.put(
        collection("plans", &[("namn", ColumnKind::Text)]),
        [feature(
            7,
            rectangle(-900.0, -700.0, 2000.0, 1500.0),
            texts(&["Kajen"]),
        )],
    );
    let options = VectorOptions {
        polygons: Polygons::LabelPoints,
        ..VectorOptions::default()
    };
    let middle = tile_at(mercator(), 16, [0.0; 2]);
    let (mut cut_by, mut labels) = (0, Vec::new());
    for (dx, dy) in (0..13).flat_map(|dx| (0..13).map(move |dy| (dx, dy))) {
        let tile = TileCoord::new(16, middle.x() + dx - 6, middle.y() + dy - 6).unwrap();
        cut_by += features(&plans, mercator(), tile).len();
        let made = vector_tile(std::slice::from_ref(&plans), mercator(), tile, &options).unwrap();
        labels.extend(
            decode::tile(&made.bytes)
                .into_iter()
                .flat_map(|l| l.features),
        );
    }
    assert!(cut_by > 20);
    // Clients pass over what lies in the buffer, as the tile next to it has it too.
    let inside = |p: &[i64; 2]| p.iter().all(|c| (0..4096).contains(c));
    labels.retain(|label| label.points().iter().any(inside));
    assert_eq!(labels.len(), 1);
    assert_eq!((labels[0].id, labels[0].points().len()), (7, 1));
    assert_eq!(
        labels[0].attributes["namn"],
        Attribute::Text("Kajen".to_owned())
    );
}

#[test]
fn a_tile_without_features_is_empty_and_one_outside_the_set_an_error() {
    let town = Town::new("EPSG:3014");
    let houses = town.put_shapes("houses", [rectangle(0.0, 0.0, 20.0, 10.0)]);
    let tile = tile_at(mercator(), 14, [50_000.0, 0.0]);
    let empty = VectorTile {
        bytes: Vec::new(),
        sacrifices: Vec::new(),
    };
    assert_eq!(make(std::slice::from_ref(&houses), mercator(), tile), empty);
    assert_eq!(make(&[], mercator(), tile), empty);
    let beyond = TileCoord::new(3, 8, 0).unwrap();
    let options = VectorOptions::default();
    let error =
        vector_tile(std::slice::from_ref(&houses), mercator(), beyond, &options).unwrap_err();
    assert!(matches!(error, Error::NoSuchTile { .. }));
    // The whole world is far beyond where the twin's CRS is meant to be used.
    let world = TileCoord::new(0, 0, 0).unwrap();
    make(&[houses], mercator(), world);
}

#[test]
fn a_square_lies_where_it_should_in_the_swedish_grid() {
    let town = Town::new("EPSG:3006");
    let tms = TileMatrixSet::by_id("SWEREF99TM").unwrap();
    // Level 13 has 0.5 m pixels, 256 to a tile: 128 m, 32 tile units to the metre.
    let tile = tms.tile_at(13, [620_000.0, 6_919_000.0]).unwrap();
    let bounds = tms.bounds(tile).unwrap();
    let square = geo_types::Rect::new(
        (bounds.min_x() + 10.0, bounds.max_y() - 30.0),
        (bounds.min_x() + 20.0, bounds.max_y() - 10.0),
    );
    let squares = town.put_shapes("squares", [Geometry::Polygon(square.to_polygon())]);
    let shown = features(&squares, tms, tile);
    let mut points = shown[0].points();
    points.sort_unstable();
    assert_eq!(points, [[320, 320], [320, 960], [640, 320], [640, 960]]);
}

#[test]
fn projected_places_are_within_half_a_tile_unit_of_proj() {
    let town = Town::new("EPSG:3014");
    let spots = [[0.0, 0.0], [37.123, -91.7], [-55.5, 20.25]];
    let spots_in = town.put_shapes("spots", spots.map(|[x, y]| point(x, y)));
    let forward = Transform::new(&Crs::from_code("EPSG:3014").unwrap(), &mercator().crs).unwrap();
    let mut seen = 0;
    for (id, [x, y]) in (1..).zip(spots) {
        let tile = tile_at(mercator(), 16, [x, y]);
        let bounds = mercator().bounds(tile).unwrap();
        let [px, py] = forward.xy([ORIGIN[0] + x, ORIGIN[1] + y]).unwrap();
        let unit = bounds.width() / 4096.0;
        let expected = [(px - bounds.min_x()) / unit, (bounds.max_y() - py) / unit];
        let shown = features(&spots_in, mercator(), tile);
        let spot = shown.iter().find(|f| f.id == id).unwrap().points()[0];
        assert!((0..2).all(|axis| (spot[axis] as f64 - expected[axis]).abs() <= 0.5 + 1e-6));
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn kinds_of_geometry_in_one_feature_come_apart_with_one_id() {
    let town = Town::new("EPSG:3014");
    let all = Geometry::GeometryCollection(GeometryCollection(vec![
        point(0.0, 0.0),
        rectangle(10.0, 0.0, 20.0, 10.0),
        line(&[[0.0, 0.0], [50.0, 20.0]]),
        rectangle(40.0, 0.0, 20.0, 10.0),
        point(3.0, 0.0),
    ]));
    let mixed = town.put(
        collection("mixed", &[("n", ColumnKind::Integer)]),
        [feature(4, all, vec![Value::Integer(1)])],
    );
    let shown = features(&mixed, mercator(), tile_at(mercator(), 15, [5.0, 5.0]));
    assert_eq!(shown.len(), 3);
    assert!(shown.iter().all(|f| f.id == 4 && f.attributes.len() == 1));
    assert!(matches!(&shown[0].shape, Shape::Points(p) if p.len() == 2));
    assert!(matches!(&shown[1].shape, Shape::Lines(l) if l.len() == 1));
    assert!(matches!(&shown[2].shape, Shape::Polygons(p) if p.len() == 2));
}

#[test]
fn a_polygon_around_the_tile_fills_it_with_its_buffer_and_keeps_its_hole() {
    let town = Town::new("EPSG:3014");
    let tile = tile_at(mercator(), 16, [0.0; 2]);
    let big = Polygon::new(
        line_string(&[[-9e3, -9e3], [9e3, -9e3], [9e3, 9e3], [-9e3, 9e3]]),
        vec![line_string(&[
            [-1.0, -1.0],
            [1.0, -1.0],
            [1.0, 1.0],
            [-1.0, 1.0],
        ])],
    );
    let lakes = town.put_shapes("lakes", [big.into()]);
    let shown = features(&lakes, mercator(), tile);
    let polygons = shown[0].polygons();
    assert_eq!(polygons.0.len(), 1);
    assert_eq!(polygons.0[0].interiors().len(), 1);
    assert_eq!(
        polygons.0[0].exterior().unsigned_area_of_ring(),
        4224.0 * 4224.0
    );
}

trait RingArea {
    fn unsigned_area_of_ring(&self) -> f64;
}

impl RingArea for LineString<f64> {
    fn unsigned_area_of_ring(&self) -> f64 {
        Polygon::new(self.clone(), Vec::new()).unsigned_area()
    }
}

#[test]
fn parts_that_only_the_tile_edge_would_join_come_apart() {
    let town = Town::new("EPSG:3006");
    let tms = TileMatrixSet::by_id("SWEREF99TM").unwrap();
    let tile = tms.tile_at(13, [620_000.0, 6_919_000.0]).unwrap();
    let bounds = tms.bounds(tile).unwrap();
    // A comb whose back lies 10 m west of the tile, with three teeth into it.
    let (x, y) = (bounds.min_x(), bounds.min_y());
    let mut comb = vec![(x - 20.0, y + 10.0)];
    for tooth in 0..3 {
        let low = y + 10.0 + 30.0 * f64::from(tooth);
        comb.extend([
            (x + 50.0, low),
            (x + 50.0, low + 10.0),
            (x - 10.0, low + 10.0),
        ]);
        comb.push((x - 10.0, low + 30.0));
    }
    comb.push((x - 20.0, y + 100.0));
    let comb = Polygon::new(comb.into_iter().collect(), Vec::new());
    let combs = town.put_shapes("combs", [comb.into()]);
    let shown = features(&combs, tms, tile);
    let polygons = shown[0].polygons();
    assert_eq!(polygons.0.len(), 3);
    // Each tooth is 52 m by 10 m with its buffer, at 32 units to the metre.
    for polygon in &polygons {
        assert_eq!(polygon.unsigned_area(), 52.0 * 32.0 * 320.0);
    }
}

#[test]
fn neighbouring_tiles_show_the_same_in_the_strip_that_they_share() {
    let town = Town::new("EPSG:3014");
    let wavy: Vec<[f64; 2]> = (0..4000)
        .map(|i| {
            let t = f64::from(i);
            [t - 2000.0, 40.0 * (t / 13.0).sin() + 3.0 * (t * 7.0).sin()]
        })
        .collect();
    let around: Vec<[f64; 2]> = (0..3000)
        .map(|i| {
            let turn = f64::from(i) / 3000.0 * std::f64::consts::TAU;
            let radius = 1500.0 + 30.0 * (turn * 90.0).sin() + 5.0 * (turn * 900.0).cos();
            [radius * turn.cos(), radius * turn.sin()]
        })
        .collect();
    let shapes = town.put_shapes("shapes", [line(&wavy), polygon(&around)]);
    let mut compared = 0;
    for z in [12, 14, 15] {
        for offset in [[0.0, 0.0], [1480.0, 0.0], [0.0, -1500.0]] {
            let west = tile_at(mercator(), z, offset);
            let east = TileCoord::new(z, west.x() + 1, west.y()).unwrap();
            // Vertices away from the strip's own edges, where each tile cuts.
            let strip = |tile, left: i64| {
                let mut points: Vec<(u64, [i64; 2])> = features(&shapes, mercator(), tile)
                    .iter()
                    .flat_map(|f| f.points().into_iter().map(|p| (f.id, p)))
                    .filter(|(_, p)| (left - 60..=left + 60).contains(&p[0]))
                    .filter(|(_, p)| (-60..=4150).contains(&p[1]))
                    .map(|(id, p)| (id, [p[0] - left, p[1]]))
                    .collect();
                points.sort_unstable();
                points
            };
            let (a, b) = (strip(west, 4096), strip(east, 0));
            compared += a.len();
            assert_eq!(a, b, "{west} and {east}");
        }
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn simplification_moves_a_line_by_under_half_a_pixel() {
    let town = Town::new("EPSG:3014");
    let wavy: Vec<[f64; 2]> = (0..2000)
        .map(|i| {
            let t = f64::from(i) / 4.0;
            [t - 250.0, 20.0 * (t / 9.0).sin() + 1.5 * (t * 5.0).sin()]
        })
        .collect();
    let lines = town.put_shapes("lines", [line(&wavy)]);
    let forward = Transform::new(&Crs::from_code("EPSG:3014").unwrap(), &mercator().crs).unwrap();
    for z in [12, 13, 14] {
        let tile = tile_at(mercator(), z, [0.0; 2]);
        let bounds = mercator().bounds(tile).unwrap();
        let unit = bounds.width() / 4096.0;
        let shown = features(&lines, mercator(), tile);
        let Shape::Lines(parts) = &shown[0].shape else {
            panic!("a line stays a line");
        };
        let drawn: Vec<[f64; 2]> = parts.concat().iter().map(|p| p.map(|c| c as f64)).collect();
        assert!(drawn.len() < 1000, "level {z}: {}", drawn.len());
        for &[x, y] in &wavy {
            let [x, y] = forward.xy([ORIGIN[0] + x, ORIGIN[1] + y]).unwrap();
            let at = [(x - bounds.min_x()) / unit, (bounds.max_y() - y) / unit];
            if !at.iter().all(|c| (0.0..4096.0).contains(c)) {
                continue;
            }
            let off = drawn
                .windows(2)
                .map(|w| distance_to_segment(at, w[0], w[1]))
                .fold(f64::INFINITY, f64::min);
            // Half a pixel is 4 tile units; rounding adds up to 0.71 of them.
            assert!(off < 4.0, "level {z}: {off}");
        }
    }
}

fn distance_to_segment(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let t = ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / (dx * dx + dy * dy);
    let t = t.clamp(0.0, 1.0);
    (p[0] - a[0] - t * dx).hypot(p[1] - a[1] - t * dy)
}

/// A suburb: rows of houses of 12 by 10 metres, 1.6 km wide.
fn suburb(town: &Town, count: u64) -> CollectionView {
    let columns = [
        ("data_origin", ColumnKind::Text),
        ("namn", ColumnKind::Text),
        ("note", ColumnKind::Text),
    ];
    let houses = (0..count).map(|i| {
        let (x, y) = (
            (i % 80) as f64 * 20.0 - 800.0,
            (i / 80) as f64 * 16.0 - 800.0,
        );
        let values = texts(&["synthetic", &format!("Hus {i}"), &format!("{i:030}")]);
        feature(i, rectangle(x, y, 12.0, 10.0), values)
    });
    town.put(collection("houses", &columns), houses)
}

#[test]
fn of_houses_under_a_pixel_a_fair_share_is_shown_and_more_at_deeper_levels() {
    let town = Town::new("EPSG:3014");
    let houses = suburb(&town, 6000);
    let mut before: Option<Vec<u64>> = None;
    for z in [9, 10, 11, 12] {
        let mut ids = Vec::new();
        let mut area = 0.0;
        let middle = tile_at(mercator(), z, [0.0; 2]);
        for (x, y) in [
            (0, 0),
            (1, 0),
            (0, 1),
            (1, 1),
            (2, 0),
            (2, 1),
            (0, 2),
            (1, 2),
            (2, 2),
        ] {
            let tile = TileCoord::new(z, middle.x() + x - 1, middle.y() + y - 1).unwrap();
            for feature in features(&houses, mercator(), tile) {
                // A house in a buffer is shown twice.
                if !ids.contains(&feature.id) {
                    ids.push(feature.id);
                    area += feature.polygons().unsigned_area();
                }
            }
        }
        ids.sort_unstable();
        let unit = mercator().bounds(middle).unwrap().width() / 4096.0;
        // Web Mercator stretches lengths by 2.157 at 62.4 degrees north.
        let true_area = 6000.0 * 120.0 * (2.157 / unit).powi(2);
        let ratio = area / true_area;
        assert!(
            (0.8..1.25).contains(&ratio),
            "level {z}: {ratio}, {}",
            ids.len()
        );
        if let Some(before) = before {
            assert!(before.len() < ids.len());
            assert!(before.iter().all(|id| ids.binary_search(id).is_ok()));
        }
        before = Some(ids);
    }
}

#[test]
fn a_tile_over_the_limit_gives_up_what_it_says_and_keeps_the_origin() {
    let town = Town::new("EPSG:3014");
    let houses = suburb(&town, 6000);
    let tile = tile_at(mercator(), 13, [0.0; 2]);
    let mut whole = 0;
    let mut names_lost = false;
    for (byte_limit, steps) in [
        (usize::MAX, 0),
        (200_000, 1),
        (20_000, 2),
        (900, 2),
        (10, 2),
    ] {
        let options = VectorOptions {
            byte_limit,
            ..VectorOptions::default()
        };
        let made = vector_tile(std::slice::from_ref(&houses), mercator(), tile, &options).unwrap();
        assert!(made.bytes.len() <= byte_limit);
        assert!(made.sacrifices.len() >= steps, "{:?}", made.sacrifices);
        assert!(
            made.sacrifices
                .iter()
                .all(|s| s.is_ascii() && !s.contains('\n'))
        );
        let shown: Vec<Feature> = decode::tile(&made.bytes)
            .into_iter()
            .flat_map(|l: Layer| l.features)
            .collect();
        let origin = Attribute::Text("synthetic".to_owned());
        assert!(
            shown
                .iter()
                .all(|f| f.attributes.get("data_origin") == Some(&origin))
        );
        if steps == 0 {
            assert_eq!(made.sacrifices, [] as [String; 0]);
            whole = shown.len();
        } else {
            names_lost |= shown.iter().all(|f| !f.attributes.contains_key("note"));
            assert!(shown.iter().all(|f| f.attributes.contains_key("namn")));
        }
        if byte_limit == 20_000 {
            assert!(
                made.bytes.len() > 10_000,
                "no more is given up than must be"
            );
            let told = format!(
                "{} of {whole} features left out, smallest first",
                whole - shown.len()
            );
            assert!(made.sacrifices.contains(&told), "{:?}", made.sacrifices);
        }
    }
    assert!(names_lost);
}

#[test]
fn what_is_given_up_does_not_depend_on_the_order_of_features() {
    let town = Town::new("EPSG:3014");
    let spots = |ids: &mut dyn Iterator<Item = u64>| -> Vec<_> {
        ids.map(|i| {
            let at = point((i % 97) as f64 * 9.0 - 400.0, (i / 97) as f64 * 9.0 - 400.0);
            feature(i, at, vec![])
        })
        .collect()
    };
    let tile = tile_at(mercator(), 12, [0.0; 2]);
    let options = VectorOptions {
        byte_limit: 9_000,
        ..VectorOptions::default()
    };
    let ids = |features: Vec<_>| {
        let spots = town.put(collection("spots", &[]), features);
        let made = vector_tile(&[spots], mercator(), tile, &options).unwrap();
        let mut ids: Vec<u64> = decode::tile(&made.bytes)[0]
            .features
            .iter()
            .map(|f| f.id)
            .collect();
        ids.sort_unstable();
        ids
    };
    let forwards = ids(spots(&mut (0..5000)));
    assert!((300..900).contains(&forwards.len()), "{}", forwards.len());
    assert_eq!(ids(spots(&mut (0..5000).rev())), forwards);
    // They lie all over the town, not at its beginning.
    assert!(forwards.iter().any(|id| *id > 4500));
    assert!(forwards.iter().any(|id| *id < 500));
}

#[test]
fn many_threads_make_the_same_bytes_as_one() {
    let town = Town::new("EPSG:3014");
    let houses = [suburb(&town, 3000)];
    let middle = tile_at(mercator(), 14, [0.0; 2]);
    let tiles: Vec<TileCoord> = (0..9)
        .map(|i| TileCoord::new(14, middle.x() + i % 3 - 1, middle.y() + i / 3 - 1).unwrap())
        .collect();
    let alone: Vec<_> = tiles
        .iter()
        .map(|tile| make(&houses, mercator(), *tile))
        .collect();
    let together = std::thread::scope(|scope| {
        let threads: Vec<_> = tiles
            .iter()
            .map(|tile| scope.spawn(|| make(&houses, mercator(), *tile)))
            .collect();
        threads
            .into_iter()
            .map(|t| t.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(alone, together);
    assert!(alone.iter().any(|t| !t.bytes.is_empty()));
}

#[test]
fn gzip_gives_the_same_bytes_every_time_and_they_unpack() {
    let bytes = b"tile".repeat(1000);
    let packed = tiler::gzip(&bytes);
    assert_eq!(packed, tiler::gzip(&bytes));
    let mut unpacked = vec![0; bytes.len()];
    let mut decompressor = libdeflater::Decompressor::new();
    decompressor
        .gzip_decompress(&packed, &mut unpacked)
        .unwrap();
    assert_eq!(unpacked, bytes);
}

/// Rings as careless hands draw them: spikes, repeats, bows, slivers, tiny and huge.
fn careless_ring() -> impl Strategy<Value = Vec<[f64; 2]>> {
    let coordinate = prop_oneof![
        -60.0..60.0_f64,
        (-6..6_i32).prop_map(|n| f64::from(n) * 10.0),
        -3000.0..3000.0_f64,
    ];
    prop::collection::vec([coordinate.clone(), coordinate], 3..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn whatever_polygons_come_in_valid_ones_go_out(
        list in prop::collection::vec((careless_ring(), prop::collection::vec(careless_ring(), 0..3)), 1..12),
    ) {
        let town = Town::new("EPSG:3014");
        let polygons = list.iter().map(|(exterior, holes)| {
            let holes = holes.iter().map(|hole| line_string(hole)).collect();
            Polygon::new(line_string(exterior), holes).into()
        });
        let shapes = town.put_shapes("shapes", polygons);
        for z in [10, 15, 19] {
            let tile = tile_at(mercator(), z, [0.0; 2]);
            features(&shapes, mercator(), tile);
            features(&shapes, mercator(), TileCoord::new(z, tile.x() + 1, tile.y()).unwrap());
        }
    }
}
