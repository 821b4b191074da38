//! Sets held to the registry of OGC and to what Swedish clients use.

use serde_json::{Value, json};

use super::built_in::{HALF_WORLD_M, known_crs};
use super::*;
use crate::testdata::shared;

#[track_caller]
fn set(id: &str) -> &'static TileMatrixSet {
    TileMatrixSet::by_id(id).unwrap()
}

fn tile(z: u8, x: u32, y: u32) -> TileCoord {
    TileCoord::new(z, x, y).unwrap()
}

#[test]
fn sets_go_by_their_names_and_codes() {
    assert_eq!(set("SWEREF99TM"), set("3006"));
    assert_eq!(set("SWEREF99TM"), set("EPSG:3006"));
    assert_eq!(set("SWEREF991715"), set("EPSG:3014"));
    assert_eq!(set("SWEREF991715"), set("3014"));
    assert_eq!(set("SWEREF991200").crs.code(), "EPSG:3007");
    assert_eq!(set("SWEREF992315").crs.code(), "EPSG:3018");
    assert_eq!(set("WebMercatorQuad"), set("3857"));
    assert_eq!(TileMatrixSet::all().len(), 14);
    for id in ["", "sweref99tm", "EPSG:", "EPSG:4326", "WebMercatorQuad "] {
        assert_eq!(TileMatrixSet::by_id(id), None, "{id}");
    }
    assert_eq!(set("3006").level_by_id("EPSG:3006:7"), Some(7));
    assert_eq!(set("3006").level_by_id("16"), Some(16));
    assert_eq!(set("3006").level_by_id("17"), None);
    assert_eq!(set("3006").level_by_id("x"), None);
}

#[test]
fn a_set_that_begins_with_one_tile_fits_squares_and_the_swedish_ones_need_two_levels_more() {
    assert_eq!(set("WebMercatorQuad").quad_shift(), 0);
    assert_eq!(set("SWEREF99TM").quad_shift(), 2);
    assert_eq!(set("SWEREF991715").quad_shift(), 2);
    let mut wide = set("WebMercatorQuad").clone();
    wide.matrices[3].columns = 9;
    assert_eq!(wide.quad_shift(), 1);
    wide.first_z = 4;
    assert_eq!(wide.quad_shift(), 0);
}

#[test]
fn a_set_whose_levels_do_not_double_is_no_quad_tree() {
    for set in TileMatrixSet::all() {
        assert!(set.is_quad_tree(), "{}", set.id);
    }
    let mut finer = set("SWEREF99TM").clone();
    finer.matrices[5].cell_size = 100.0;
    assert!(!finer.is_quad_tree());
    let mut moved = set("SWEREF99TM").clone();
    moved.matrices[5].origin[0] += 1000.0;
    assert!(!moved.is_quad_tree());
}

#[test]
fn the_name_of_a_zone_is_its_central_meridian() {
    for set in &TileMatrixSet::all()[2..] {
        let digits = set.id.strip_prefix("SWEREF99").unwrap();
        let (degrees, minutes) = digits.split_at(2);
        let meridian = degrees.parse::<f64>().unwrap() + minutes.parse::<f64>().unwrap() / 60.0;
        let to = crate::Transform::new(&known_crs("EPSG:4326"), &set.crs).unwrap();
        let [easting, _] = to.xy([meridian, 60.0]).unwrap();
        assert!((easting - 150_000.0).abs() < 1e-6, "{}", set.id);
    }
}

#[test]
fn the_swedish_grid_is_the_one_that_clients_know() {
    let set = set("SWEREF99TM");
    let first = &set.matrices[0];
    assert_eq!((first.cell_size, first.columns, first.rows), (4096.0, 4, 4));
    assert_eq!(
        set.extent(0).unwrap().to_array(),
        [-1_200_000.0, 4_305_696.0, 2_994_304.0, 8_500_000.0]
    );
    assert_eq!(set.matrices[12].cell_size, 1.0);
    assert_eq!(set.matrices[13].cell_size, 0.5);
    assert_eq!(set.matrices[16].cell_size, 0.0625);
    assert_eq!(set.levels(), 0..=16);
    let json: Value = serde_json::from_str(&set.to_json()).unwrap();
    assert_eq!(json["orderedAxes"], json!(["N", "E"]));
    assert_eq!(json["crs"], "http://www.opengis.net/def/crs/EPSG/0/3006");
    let level = &json["tileMatrices"][12];
    assert_eq!(level["pointOfOrigin"], json!([8_500_000.0, -1_200_000.0]));
    assert!((level["scaleDenominator"].as_f64().unwrap() - 1.0 / 0.00028).abs() < 1e-9);
}

#[test]
fn all_of_sweden_lies_in_every_swedish_set() {
    let sweden = Bounds::new(10.5, 55.0, 24.3, 69.2).unwrap();
    for set in &TileMatrixSet::all()[1..] {
        let to = crate::Transform::new(&known_crs("EPSG:4326"), &set.crs).unwrap();
        let sweden = to.bounds(&sweden).unwrap();
        let extent = set.extent(0).unwrap();
        assert!(
            extent.contains([sweden.min_x(), sweden.min_y()]),
            "{}",
            set.id
        );
        assert!(
            extent.contains([sweden.max_x(), sweden.max_y()]),
            "{}",
            set.id
        );
    }
}

#[test]
fn every_tile_to_level_nine_holds_its_middle_and_shares_its_edges() {
    for id in ["WebMercatorQuad", "SWEREF99TM"] {
        let set = set(id);
        for z in 0..=if id == "SWEREF99TM" { 7 } else { 9 } {
            let matrix = set.matrix(z).unwrap();
            for y in 0..matrix.rows {
                for x in 0..matrix.columns {
                    let here = set.bounds(tile(z, x, y)).unwrap();
                    assert_eq!(set.tile_at(z, here.centre()), Some(tile(z, x, y)));
                    let corner = [here.min_x(), here.max_y()];
                    assert_eq!(set.tile_at(z, corner), Some(tile(z, x, y)));
                    if let Some(next) = set.bounds(tile(z, x + 1, y)) {
                        assert_eq!(here.max_x(), next.min_x());
                    }
                    if let Some(next) = set.bounds(tile(z, x, y + 1)) {
                        assert_eq!(here.min_y(), next.max_y());
                    }
                }
            }
        }
    }
}

#[test]
fn the_corners_of_every_level_are_its_corner_tiles() {
    for set in TileMatrixSet::all() {
        for z in set.levels() {
            let matrix = set.matrix(z).unwrap();
            let (last_x, last_y) = (matrix.columns - 1, matrix.rows - 1);
            for (x, y) in [(0, 0), (last_x, 0), (0, last_y), (last_x, last_y)] {
                let bounds = set.bounds(tile(z, x, y)).unwrap();
                assert_eq!(set.tile_at(z, bounds.centre()), Some(tile(z, x, y)));
            }
            let extent = set.extent(z).unwrap();
            let at = |x, y| set.tile_at(z, [x, y]);
            assert_eq!(at(extent.min_x(), extent.max_y()), Some(tile(z, 0, 0)));
            assert_eq!(
                at(extent.max_x(), extent.min_y()),
                Some(tile(z, last_x, last_y))
            );
            assert_eq!(at(extent.max_x() + 0.01, extent.min_y()), None);
            assert_eq!(at(extent.min_x(), extent.max_y() + 0.01), None);
            assert_eq!(at(f64::NAN, extent.max_y()), None);
            assert_eq!(set.bounds(tile(z, matrix.columns, 0)), None);
            assert_eq!(set.bounds(tile(z, 0, matrix.rows)), None);
        }
        assert_eq!(set.bounds(tile(*set.levels().end() + 1, 0, 0)), None);
    }
}

#[test]
fn web_mercator_ends_where_the_world_does() {
    let world = set("WebMercatorQuad").extent(24).unwrap();
    assert_eq!(
        world.to_array(),
        [-HALF_WORLD_M, -HALF_WORLD_M, HALF_WORLD_M, HALF_WORLD_M]
    );
    // Stockholm's tile, as any slippy map numbers it.
    let merc = crate::Transform::new(&known_crs("EPSG:4326"), &known_crs("EPSG:3857")).unwrap();
    let stockholm = merc.xy([18.0686, 59.3293]).unwrap();
    assert_eq!(set("3857").tile_at(10, stockholm), Some(tile(10, 563, 301)));
}

#[test]
fn tiles_over_a_box_are_those_that_touch_it() {
    let set = set("SWEREF99TM");
    let whole = set.bounds(tile(5, 20, 30)).unwrap();
    assert_eq!(set.tiles_over(5, &whole), Some((19..=21, 29..=31)));
    let inner = Bounds::new(
        whole.min_x() + 1.0,
        whole.min_y() + 1.0,
        whole.max_x() - 1.0,
        whole.max_y() - 1.0,
    )
    .unwrap();
    assert_eq!(set.tiles_over(5, &inner), Some((20..=20, 30..=30)));
    let far = Bounds::new(-1e9, -1e9, 1e9, 1e9).unwrap();
    assert_eq!(set.tiles_over(0, &far), Some((0..=3, 0..=3)));
    let outside = Bounds::new(1e8, 1e8, 1e9, 1e9).unwrap();
    assert_eq!(set.tiles_over(0, &outside), None);
    assert_eq!(set.tiles_over(40, &far), None);
}

#[test]
fn what_it_writes_it_reads_back() {
    for set in TileMatrixSet::all() {
        let read = TileMatrixSet::from_json(&set.to_json()).unwrap();
        assert_eq!(&read, set);
    }
}

#[test]
fn a_swapped_corner_of_a_swedish_grid_is_put_right() {
    let set = set("SWEREF99TM");
    let mut json: Value = serde_json::from_str(&set.to_json()).unwrap();
    for level in json["tileMatrices"].as_array_mut().unwrap() {
        level["pointOfOrigin"] = json!([-1_200_000.0, 8_500_000.0]);
    }
    assert_eq!(&TileMatrixSet::from_json(&json.to_string()).unwrap(), set);
    json["orderedAxes"] = json!(["E", "N"]);
    assert_eq!(&TileMatrixSet::from_json(&json.to_string()).unwrap(), set);
}

#[test]
fn what_cannot_be_tiled_is_refused_with_its_reason() {
    let good: Value = serde_json::from_str(&set("SWEREF99TM").to_json()).unwrap();
    let check = |path: &str, value: Value, word: &str| {
        let mut json = good.clone();
        *json.pointer_mut(path).unwrap() = value;
        let error = TileMatrixSet::from_json(&json.to_string()).unwrap_err();
        assert!(error.to_string().contains(word), "{path}: {error}");
    };
    check("/id", json!("../x"), "URLs");
    check("/crs", json!("EPSG:4978"), "geocentric");
    check("/crs", json!(7), "no crs");
    check("/tileMatrices", json!([]), "no tileMatrices");
    check("/tileMatrices/3/id", json!("5"), "one after");
    check("/tileMatrices/3/id", json!("x"), "not a number");
    check("/tileMatrices/3/cellSize", json!(0), "over 0");
    check("/tileMatrices/3/cellSize", json!(1e300), "not finer");
    check("/tileMatrices/3/tileWidth", json!(512), "square");
    check("/tileMatrices/3/tileWidth", json!(1_000_000), "1 to 4096");
    check("/tileMatrices/3/matrixWidth", json!(-1), "whole number");
    check("/tileMatrices/3/matrixWidth", json!(1e30), "whole number");
    check(
        "/tileMatrices/3/cornerOfOrigin",
        json!("bottomLeft"),
        "north",
    );
    check(
        "/tileMatrices/3/pointOfOrigin",
        json!(["a", 1]),
        "two numbers",
    );
    let many: Vec<Value> = (0..40).map(|_| good["tileMatrices"][0].clone()).collect();
    check("/tileMatrices", Value::Array(many), "40 levels");
    for text in ["", "[]", "{}", "null", "{\"id\":"] {
        assert!(TileMatrixSet::from_json(text).is_err(), "{text}");
    }
    let deep = "[".repeat(100_000);
    assert!(TileMatrixSet::from_json(&deep).is_err());
}

#[test]
fn the_sets_of_the_ogc_registry_survive_a_round_trip() {
    let Some(folder) = shared("conformance/tile-matrix-sets/registry/json") else {
        return;
    };
    let (mut kept, mut refused) = (0, Vec::new());
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let given: Value = serde_json::from_str(&text).unwrap();
        let id = given["id"].as_str().unwrap().to_owned();
        let set = match TileMatrixSet::from_json(&text) {
            Ok(set) => set,
            Err(error) => {
                refused.push((id, error.to_string()));
                continue;
            }
        };
        let written: Value = serde_json::from_str(&set.to_json()).unwrap();
        let levels = given["tileMatrices"].as_array().unwrap();
        assert_eq!(
            written["tileMatrices"].as_array().unwrap().len(),
            levels.len()
        );
        assert_eq!(written["crs"], given["crs"], "{id}");
        for (given, written) in levels
            .iter()
            .zip(written["tileMatrices"].as_array().unwrap())
        {
            assert_eq!(given["id"], written["id"], "{id}");
            for key in ["matrixWidth", "matrixHeight", "tileWidth", "tileHeight"] {
                assert_eq!(given[key], written[key], "{id} {key}");
            }
            let near = |a: &Value, b: &Value, what: &str| {
                let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
                assert!(
                    (a - b).abs() <= 1e-7 * a.abs().max(1e-9),
                    "{id} {what}: {a} {b}"
                );
            };
            near(&given["cellSize"], &written["cellSize"], "cellSize");
            // The Canadian set counts its scales with another pixel than OGC's.
            if id != "CanadianNAD83_LCC" {
                near(
                    &given["scaleDenominator"],
                    &written["scaleDenominator"],
                    "scaleDenominator",
                );
            }
            for axis in 0..2 {
                near(
                    &given["pointOfOrigin"][axis],
                    &written["pointOfOrigin"][axis],
                    "pointOfOrigin",
                );
            }
        }
        if id == "WebMercatorQuad" {
            let ours = self::set("WebMercatorQuad");
            assert_eq!(set.matrices.len(), ours.matrices.len());
            for (registry, ours) in set.matrices.iter().zip(&ours.matrices) {
                assert!((registry.cell_size / ours.cell_size - 1.0).abs() < 1e-13);
                assert_eq!((registry.columns, registry.rows), (ours.columns, ours.rows));
                assert!((registry.origin[0] - ours.origin[0]).abs() < 1e-6);
            }
        }
        kept += 1;
    }
    refused.sort();
    let names: Vec<&str> = refused.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(names, ["CDB1GlobalGrid", "GNOSISGlobalGrid"], "{refused:?}");
    assert!(kept > 60, "{kept}");
}
