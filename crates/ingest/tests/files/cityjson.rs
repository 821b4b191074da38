//! CityJSON: footprints against the maps that the cities were made of, and what is hostile.

use geo::Area;
use ingest::{Layer, LayerOptions, Outcome, read_layer};
use model::{ColumnKind, Value};

use crate::common::{crs, shared};
use crate::layers::{column, count, mutations, options, read, read_as, refusal, text};

/// A house of 10 by 8 m with a gable roof of 3 to 5 m on ground at 100 m; its lean-to is a
/// part; a chimney, a tree and some terrain.
fn city() -> String {
    let solid = |first: usize| {
        let at = |i: usize| first + i;
        let face =
            |corners: [usize; 4]| format!("[[{}]]", corners.map(|i| at(i).to_string()).join(","));
        [
            [0, 3, 2, 1],
            [4, 5, 6, 7],
            [0, 1, 5, 4],
            [1, 2, 6, 5],
            [2, 3, 7, 6],
            [3, 0, 4, 7],
        ]
        .map(face)
        .join(",")
    };
    let box_at = |x: i32, w: i32, low: i32, high: i32| {
        let mut corners = Vec::new();
        for z in [low, high] {
            for (dx, dy) in [(0, 0), (w, 0), (w, 8000), (0, 8000)] {
                corners.push(format!("[{},{dy},{z}]", x + dx));
            }
        }
        corners.join(",")
    };
    format!(
        r#"{{"type":"CityJSON","version":"2.0","transform":{{"scale":[0.001,0.001,0.001],"translate":[600000,6900000,100]}},
"metadata":{{"referenceSystem":"https://www.opengis.net/def/crs/EPSG/0/3006"}},
"CityObjects":{{
"hus":{{"type":"Building","attributes":{{"byggår":1928,"namn":"Rådhuset"}},"children":["skjul","skorsten"],"geometry":[{{"type":"Solid","lod":"1.2","boundaries":[[{house}]]}}]}},
"skola":{{"type":"Building","geometry":[{{"type":"Solid","lod":"1.2","boundaries":[[{house}]]}},{{"type":"MultiSurface","lod":"0","boundaries":[[[0,1,2]]]}}]}},
"skjul":{{"type":"BuildingPart","parents":["hus"],"geometry":[{{"type":"Solid","lod":"1.2","boundaries":[[{shed}]]}}]}},
"skorsten":{{"type":"BuildingInstallation","parents":["hus"],"geometry":[{{"type":"Solid","lod":"1.2","boundaries":[[{house}]]}}]}},
"kontor":{{"type":"Building","geometry":[{{"type":"MultiSurface","lod":"2","boundaries":[[[16,17,18,19]],[[20,21,22,23]]],"semantics":{{"surfaces":[{{"type":"RoofSurface"}},{{"type":"GroundSurface"}}],"values":[1,0]}}}}]}},
"torg":{{"type":"LandUse","geometry":[{{"type":"CompositeSurface","lod":"1","boundaries":[[[0,1,2]],[[0,2,3]]]}}]}},
"träd":{{"type":"SolitaryVegetationObject","geometry":[{{"type":"GeometryInstance","template":0,"boundaries":[6],"transformationMatrix":[]}}]}},
"mark":{{"type":"TINRelief","geometry":[{{"type":"CompositeSurface","lod":"1","boundaries":[[[0,1,2]]]}}]}},
"trasig":{{"type":"Building","geometry":[{{"type":"Solid","lod":"1","boundaries":[[[[0,1,999]]]]}}]}},
"tom":{{"type":"Building"}}
}},
"vertices":[{a},{b},{c}],"geometry-templates":{{}}}}"#,
        house = solid(0),
        shed = solid(8),
        a = box_at(0, 10_000, 0, 5_000),
        b = box_at(10_000, 2_000, -1_000, 2_000),
        c = box_at(20_000, 4_000, 0, 9_000),
    )
}

fn area_m2(layer: &Layer, id: &str) -> f64 {
    let place = column(layer, "id")
        .1
        .iter()
        .position(|v| **v == text(id))
        .unwrap();
    layer.features[place]
        .geometry
        .as_ref()
        .unwrap()
        .unsigned_area()
}

#[test]
fn an_object_is_its_footprint_with_its_parts_and_heights() {
    let layer = read("a.city.json", city().as_bytes());
    let ids: Vec<_> = column(&layer, "id").1.into_iter().cloned().collect();
    assert_eq!(
        ids,
        ["hus", "skola", "kontor", "torg", "träd", "tom"].map(text)
    );
    // House and lean-to, what level 0 says, the ground surface alone, two triangles.
    for (id, area) in [
        ("hus", 96.0),
        ("skola", 40.0),
        ("kontor", 32.0),
        ("torg", 80.0),
    ] {
        assert!(
            (area_m2(&layer, id) - area).abs() < 1e-6,
            "{id}: {}",
            area_m2(&layer, id)
        );
    }
    assert_eq!(
        layer.features[4].geometry,
        Some(geo_types::Point::new(600_010.0, 6_900_008.0).into())
    );
    let numbers = |name: &str| {
        column(&layer, name)
            .1
            .into_iter()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        numbers("z_min")[..3],
        [99.0, 100.0, 100.0].map(Value::Number)
    );
    assert_eq!(
        numbers("z_max")[..3],
        [105.0, 105.0, 109.0].map(Value::Number)
    );
    assert_eq!(numbers("lod")[..3], ["1.2", "0", "2"].map(text));
    assert_eq!(numbers("type")[4], text("SolitaryVegetationObject"));
    assert_eq!(column(&layer, "byggår").0, ColumnKind::Integer);
    for (code, outcome) in [
        ("terrain", Outcome::LeftOut),
        ("part_of_other", Outcome::LeftOut),
        ("bad_geometry", Outcome::LeftOut),
        ("geometry_template", Outcome::Noticed),
    ] {
        assert_eq!(
            count(&layer, code, outcome),
            1,
            "{code}: {:?}",
            layer.report
        );
    }
}

#[test]
fn a_sequence_of_features_is_read_as_one_layer() {
    let head = r#"{"type":"CityJSON","version":"2.0","transform":{"scale":[1,1,1],"translate":[600000,6900000,0]},"metadata":{"referenceSystem":"https://www.opengis.net/def/crs/EPSG/0/3006"},"CityObjects":{},"vertices":[]}"#;
    let feature = |id: &str| {
        format!(
            r#"{{"type":"CityJSONFeature","id":"{id}","CityObjects":{{"{id}":{{"type":"Building","geometry":[{{"type":"MultiSurface","lod":"0","boundaries":[[[0,1,2]]]}}]}}}},"vertices":[[0,0,5],[4,0,5],[4,4,5]]}}"#
        )
    };
    let sequence = format!("{head}\n{}\n{}\n", feature("a"), feature("b"));
    let layer = read("a.city.jsonl", sequence.as_bytes());
    assert_eq!(layer.report.kept, 2, "{:?}", layer.report);
    assert!((area_m2(&layer, "b") - 8.0).abs() < 1e-9);
    let said = refusal("a.city.jsonl", format!("{head}\n{head}").as_bytes());
    assert!(said.contains("number 2"), "{said}");
}

#[test]
fn mutilated_cityjson_is_read_or_refused() {
    let good = city();
    let tried = mutations(good.as_bytes());
    let refused = tried
        .iter()
        .filter(|bytes| read_as("a.city.json", bytes, &options()).is_err())
        .count();
    assert!(refused > tried.len() / 4, "only {refused}");
    let deep = format!(
        r#"{{"CityObjects":{{"a":{{"geometry":[{{"boundaries":{}"#,
        "[".repeat(100_000)
    );
    assert!(refusal("a.city.json", deep.as_bytes()).contains("deep"));
}

#[test]
fn the_houses_of_delft_cover_the_ground_that_the_map_gives_them() {
    let (Some(city), Some(map)) = (
        shared("threed/cityjson/delft.json"),
        shared("demo-delft/bgt/bgt_pand.sqlite"),
    ) else {
        return;
    };
    let options = LayerOptions {
        target: crs("EPSG:28992"),
        ..options()
    };
    let city = read_layer(&city, &options).unwrap();
    let map = read_layer(&map, &options).unwrap();
    let kinds = column(&city, "type").1;
    let houses: Vec<f64> = kinds
        .iter()
        .zip(&city.features)
        .filter(|(kind, _)| ***kind == text("Building"))
        .filter_map(|(_, f)| f.geometry.as_ref())
        .map(Area::unsigned_area)
        .collect();
    let all: f64 = map
        .features
        .iter()
        .filter_map(|f| f.geometry.as_ref())
        .map(Area::unsigned_area)
        .sum();
    assert_eq!(
        houses.len(),
        160,
        "{:?} {:?}",
        &kinds[..3],
        city.schema.columns
    );
    let ours: f64 = houses.iter().sum();
    assert!((ours / all - 1.0).abs() < 0.001, "{ours} and {all} m²");
    for (file, kept) in [("rotterdam_subset", 16), ("multi_lod", 10)] {
        let Some(path) = shared(&format!("threed/cityjson/{file}.json")) else {
            return;
        };
        let options = LayerOptions {
            crs: Some(crs("EPSG:28992")),
            ..options.clone()
        };
        assert_eq!(
            read_layer(&path, &options).unwrap().report.kept,
            kept,
            "{file}"
        );
    }
}
