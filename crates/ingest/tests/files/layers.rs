//! Layers of every format: what each becomes, and what broken ones do.
//!
//! Good files are made by other hands than the readers' where there are any (SQLite,
//! `flatgeobuf`'s writer, `shapefile`'s writer).

use std::io::Cursor;
use std::path::Path;

use flatgeobuf::{ColumnType, FgbCrs, FgbWriter, FgbWriterOptions, GeometryType};
use geozero::{ColumnValue, PropertyProcessor};
use ingest::{Error, Layer, LayerOptions, Outcome, Partners, SourceKind, read_layer, source_kind};
use model::{ColumnKind, GeometryKind, Value};

use crate::common::{crs, shared, write};

pub(crate) fn options() -> LayerOptions {
    LayerOptions {
        target: crs("EPSG:3006"),
        crs: None,
        layer: None,
        id_property: None,
    }
}

pub(crate) fn read_as(name: &str, bytes: &[u8], options: &LayerOptions) -> Result<Layer, Error> {
    let folder = tempfile::tempdir().unwrap();
    read_layer(&write(folder.path(), name, bytes), options)
}

pub(crate) fn read(name: &str, bytes: &[u8]) -> Layer {
    read_as(name, bytes, &options()).unwrap()
}

pub(crate) fn refusal(name: &str, bytes: &[u8]) -> String {
    read_as(name, bytes, &options()).unwrap_err().what
}

pub(crate) fn count(layer: &Layer, code: &str, outcome: Outcome) -> u64 {
    let matching = |f: &&ingest::Finding| f.code == code && f.outcome == outcome;
    layer
        .report
        .findings
        .iter()
        .filter(matching)
        .map(|f| f.count)
        .sum()
}

pub(crate) fn column<'a>(layer: &'a Layer, name: &str) -> (ColumnKind, Vec<&'a Value>) {
    let place = layer.schema.position(name).unwrap();
    let values = layer.features.iter().map(|f| &f.values[place]).collect();
    (layer.schema.columns[place].kind, values)
}

pub(crate) fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

// Good files, all of them the same two features in EPSG:3006: a place and a block.

const GEOJSON: &str = r#"{"type":"FeatureCollection",
"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3006"}},
"features":[
{"type":"Feature","id":7,"properties":{"namn":"Åkersvägen","djup":1.5},"geometry":{"type":"Point","coordinates":[617303.1,6919012.2]}},
{"type":"Feature","id":8,"properties":{"namn":"Torget","djup":2},"geometry":{"type":"Polygon","coordinates":[[[617300,6919000],[617400,6919000],[617400,6919100],[617300,6919000]]]}}
]}"#;

const CSV: &str = "namn;djup;wkt\r\nÅkersvägen;1,5;SRID=3006;POINT(617303.1 6919012.2)\r\n";

fn block() -> geo_types::Polygon<f64> {
    let ring = vec![
        (617_300.0, 6_919_000.0),
        (617_400.0, 6_919_000.0),
        (617_400.0, 6_919_100.0),
    ];
    geo_types::Polygon::new(ring.into(), Vec::new())
}

fn flatgeobuf() -> Vec<u8> {
    let mut writer = FgbWriter::create_with_options(
        "torg",
        GeometryType::Polygon,
        FgbWriterOptions {
            crs: FgbCrs {
                code: 3006,
                ..FgbCrs::default()
            },
            ..FgbWriterOptions::default()
        },
    )
    .unwrap();
    writer.add_column("namn", ColumnType::String, |_, _| {});
    for name in ["Torget", "Ön"] {
        writer
            .add_feature_geom(geo_types::Geometry::Polygon(block()), |feature| {
                feature
                    .property(0, "namn", &ColumnValue::String(name))
                    .unwrap();
            })
            .unwrap();
    }
    let mut bytes = Vec::new();
    writer.write(&mut bytes).unwrap();
    bytes
}

/// A GeoPackage of as many layers as names, each with one point.
fn geopackage(layers: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gpkg");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(
        "PRAGMA page_size = 512;
         CREATE TABLE gpkg_contents (table_name TEXT, data_type TEXT, srs_id INTEGER);
         CREATE TABLE gpkg_geometry_columns (table_name TEXT, column_name TEXT, srs_id INTEGER);
         CREATE TABLE gpkg_spatial_ref_sys (srs_id INTEGER, organization TEXT, organization_coordsys_id INTEGER, definition TEXT);
         INSERT INTO gpkg_spatial_ref_sys VALUES (3006, 'EPSG', 3006, '');",
    )
    .unwrap();
    let mut blob = b"GP\0\x01\xbe\x0b\0\0\x01\x01\0\0\0".to_vec();
    blob.extend(617_303.1_f64.to_le_bytes());
    blob.extend(6_919_012.2_f64.to_le_bytes());
    for layer in layers {
        db.execute_batch(&format!(
            "INSERT INTO gpkg_contents VALUES ('{layer}', 'features', 3006);
             INSERT INTO gpkg_geometry_columns VALUES ('{layer}', 'geom', 3006);
             CREATE TABLE \"{layer}\" (fid INTEGER PRIMARY KEY, geom POINT, namn TEXT, besikt DATE, lagad BOOLEAN, antal MEDIUMINT);"
        ))
        .unwrap();
        db.execute(
            &format!("INSERT INTO \"{layer}\" VALUES (42, ?1, 'Åkersvägen', '2026-05-03', 1, 3)"),
            [&blob],
        )
        .unwrap();
    }
    drop(db);
    std::fs::read(&path).unwrap()
}

/// A Shapefile of one polygon with a hole, zipped or as its parts.
struct Shapefile {
    shp: Vec<u8>,
    dbf: Vec<u8>,
    prj: String,
}

fn shapefile() -> Shapefile {
    use shapefile::{Point, PolygonRing, ShapeWriter};
    let ring = |min: f64, max: f64| {
        vec![
            Point::new(617_000.0 + min, 6_919_000.0 + min),
            Point::new(617_000.0 + min, 6_919_000.0 + max),
            Point::new(617_000.0 + max, 6_919_000.0 + max),
            Point::new(617_000.0 + max, 6_919_000.0 + min),
        ]
    };
    let polygon = shapefile::Polygon::with_rings(vec![
        PolygonRing::Outer(ring(0.0, 100.0)),
        PolygonRing::Inner(ring(40.0, 60.0)),
    ]);
    let mut shp = Cursor::new(Vec::new());
    let mut writer = ShapeWriter::new(&mut shp);
    writer.write_shape(&polygon).unwrap();
    writer.finalize().unwrap();
    drop(writer);
    // One row of a text of 12 bytes in Windows-1252 and a day.
    let mut dbf = vec![3, 126, 5, 3, 1, 0, 0, 0, 97, 0, 21, 0];
    dbf.resize(32, 0);
    dbf[29] = 0x57;
    for (name, kind, width) in [(b"NAMN", b'C', 12), (b"BYGG", b'D', 8)] {
        let mut field = name.to_vec();
        field.resize(32, 0);
        field[11] = kind;
        field[16] = width;
        dbf.extend(field);
    }
    dbf.push(0x0d);
    dbf.extend(b" \xc5kersv\xe4gen  20260503\x1a");
    Shapefile {
        shp: shp.into_inner(),
        dbf,
        prj: crs("EPSG:3006").wkt1().unwrap(),
    }
}

fn read_shapefile(parts: &Shapefile) -> Result<Layer, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "a.shp", &parts.shp);
    write(folder.path(), "a.dbf", &parts.dbf);
    write(folder.path(), "a.prj", parts.prj.as_bytes());
    read_layer(&path, &options())
}

#[test]
fn a_source_is_told_by_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "a.geojson", b"LASF");
    assert_eq!(source_kind(&path).unwrap(), SourceKind::Survey);
    std::fs::write(&path, GEOJSON).unwrap();
    assert_eq!(source_kind(&path).unwrap(), SourceKind::Layer);
    for (bytes, says) in [
        (&b"<!DOCTYPE html><html>"[..], "HTML"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"%PDF-1.7", "PDF"),
        (b"", "empty"),
        (b"a;b\n1;2\n", "called .geojson"),
    ] {
        assert!(refusal("a.geojson", bytes).contains(says), "{says}");
    }
}

#[test]
fn a_file_of_another_type_than_its_name_is_read_and_said() {
    let layer = read("a.gpkg", GEOJSON.as_bytes());
    assert_eq!(layer.features.len(), 2);
    assert_eq!(count(&layer, "other_type", Outcome::Noticed), 1);
}

#[test]
fn geojson_keeps_its_crs_ids_and_types() {
    let layer = read("a.geojson", GEOJSON.as_bytes());
    assert_eq!(layer.schema.geometry, GeometryKind::Mixed);
    assert_eq!(layer.features[0].id.get(), 7);
    let (kind, depths) = column(&layer, "djup");
    assert_eq!(kind, ColumnKind::Number);
    assert_eq!(depths, [&Value::Number(1.5), &Value::Number(2.0)]);
    let point = geo_types::Point::new(617_303.1, 6_919_012.2);
    assert_eq!(layer.features[0].geometry, Some(point.into()));
}

#[test]
fn geojson_may_come_line_by_line_or_as_a_text_sequence() {
    let line = r#"{"type":"Feature","properties":{"a":1},"geometry":{"type":"Point","coordinates":[17.3,62.39]}}"#;
    let lines = format!("{line}\n{}\n", line.replace(":1}", ":2}"));
    let sequence = format!("\u{1e}{line}\n\u{1e}{}\n", line.replace(":1}", ":2}"));
    assert_eq!(
        read("a.ndjson", lines.as_bytes()).features,
        read("a.geojsons", sequence.as_bytes()).features
    );
    assert_eq!(read("a.ndjson", lines.as_bytes()).features.len(), 2);
}

#[test]
fn nesting_is_refused_before_the_stack_ends() {
    let deep = format!(
        r#"{{"type":"Point","coordinates":{}"#,
        "[".repeat(1_000_000)
    );
    assert!(refusal("a.geojson", deep.as_bytes()).contains("deeper than 128"));
}

#[test]
fn columns_are_of_the_narrowest_type_that_holds_everything() {
    let csv = "kod;tal;dag;tid;ja;blandat\n\
               0123;1,5;2026-05-03;2026-05-03T07:00:00Z;true;1\n\
               0456;2;2026-05-04 00:00:00;2026-05-03T09:00:00+02:00;false;ett\n";
    let layer = read("a.csv", csv.as_bytes());
    let kinds: Vec<_> = layer.schema.columns.iter().map(|c| c.kind).collect();
    use ColumnKind as K;
    assert_eq!(
        kinds,
        [K::Text, K::Number, K::Date, K::Instant, K::Boolean, K::Text]
    );
    assert_eq!(column(&layer, "tal").1[0], &Value::Number(1.5));
    assert_eq!(column(&layer, "kod").1[0], &text("0123"));
    let (_, moments) = column(&layer, "tid");
    assert_eq!(moments[0], moments[1]);
    assert_eq!(layer.schema.geometry, GeometryKind::None);
}

#[test]
fn mixed_types_become_text_and_are_said() {
    let json = r#"{"type":"FeatureCollection","features":[
        {"type":"Feature","properties":{"a":1},"geometry":null},
        {"type":"Feature","properties":{"a":"ett"},"geometry":null}]}"#;
    let layer = read("a.geojson", json.as_bytes());
    let (kind, values) = column(&layer, "a");
    assert_eq!(
        (kind, values),
        (ColumnKind::Text, vec![&text("1"), &text("ett")])
    );
    assert_eq!(count(&layer, "mixed_types", Outcome::Noticed), 1);
}

#[test]
fn csv_positions_are_known_by_name_in_any_order_and_decimal_mark() {
    for csv in [
        "n;e\n6919012,2;617303,1\n",
        "Easting,Northing\n617303.1,6919012.2\n",
        "x\ty\n617303.1\t6919012.2\n",
        // Swedish surveyors write x for northing.
        "x;y\n6919012,2;617303,1\n",
    ] {
        let options = LayerOptions {
            crs: Some(crs("EPSG:3006")),
            ..options()
        };
        let layer = read_as("a.csv", csv.as_bytes(), &options).unwrap();
        let point = geo_types::Point::new(617_303.1, 6_919_012.2);
        assert_eq!(layer.features[0].geometry, Some(point.into()), "{csv}");
    }
    let layer = read("a.csv", "namn;lon;lat\nÅ;17,3;62,39\n".as_bytes());
    assert_eq!(layer.schema.geometry, GeometryKind::Point);
    assert!(refusal("a.csv", b"e;n\n617303;6919012\n").contains("--crs"));
}

#[test]
fn flatgeobuf_is_read_as_its_writer_wrote_it() {
    let layer = read("a.fgb", &flatgeobuf());
    let mut names = column(&layer, "namn").1;
    names.sort_by_key(|name| format!("{name:?}"));
    assert_eq!(names, [&text("Torget"), &text("Ön")]);
    assert_eq!(layer.features[0].geometry, Some(block().into()));
}

#[test]
fn a_geopackage_layer_is_chosen_by_name_and_keeps_its_types() {
    let bytes = geopackage(&["gator", "skyltar"]);
    assert!(refusal("a.gpkg", &bytes).contains("gator, skyltar"));
    let options = LayerOptions {
        layer: Some("gator".to_owned()),
        ..options()
    };
    let layer = read_as("a.gpkg", &bytes, &options).unwrap();
    assert_eq!(layer.features[0].id.get(), 42);
    assert_eq!(column(&layer, "lagad").1, [&Value::Boolean(true)]);
    assert_eq!(column(&layer, "antal").1, [&Value::Integer(3)]);
    let day = jiff::civil::date(2026, 5, 3);
    assert_eq!(column(&layer, "besikt").1, [&Value::Date(day)]);
}

#[test]
fn reading_a_geopackage_leaves_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "å ä?%23.gpkg", &geopackage(&["gator"]));
    read_layer(&path, &options()).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_shapefile_keeps_its_hole_its_letters_and_its_day() {
    let layer = read_shapefile(&shapefile()).unwrap();
    let Some(geo_types::Geometry::Polygon(polygon)) = &layer.features[0].geometry else {
        unreachable!("{:?}", layer.features[0].geometry)
    };
    assert_eq!(polygon.interiors().len(), 1);
    assert_eq!(column(&layer, "NAMN").1, [&text("Åkersvägen")]);
    let day = jiff::civil::date(2026, 5, 3);
    assert_eq!(column(&layer, "BYGG").1, [&Value::Date(day)]);
}

fn polygons(rings: &[&str]) -> String {
    let features: Vec<_> = rings
        .iter()
        .map(|ring| format!(r#"{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}"#))
        .collect();
    format!(
        r#"{{"type":"FeatureCollection","crs":{{"type":"name","properties":{{"name":"EPSG:3006"}}}},"features":[{}]}}"#,
        features.join(",")
    )
}

#[test]
fn polygons_are_repaired_where_that_is_safe_and_left_out_where_not() {
    use geo::Area;
    let area = |ring: &str| {
        let layer = read("a.geojson", polygons(&[ring]).as_bytes());
        let geometry = layer.features.first()?.geometry.clone()?;
        Some((geometry.unsigned_area() * 1000.0).round() / 1000.0)
    };
    let sound = "[[0,0],[10,0],[10,10],[0,10],[0,0]]";
    assert_eq!(area(sound), Some(100.0));
    let open = "[[0,0],[10,0],[10,10],[0,10]]";
    assert_eq!(area(open), Some(100.0));
    let bow_tie = "[[0,0],[10,10],[10,0],[0,10],[0,0]]";
    assert_eq!(area(bow_tie), Some(50.0));
    let spike = "[[0,0],[10,0],[10,10],[10,30],[10,10],[0,10],[0,0]]";
    assert_eq!(area(spike), Some(100.0));
    let hole_outside = "[[0,0],[10,0],[10,10],[0,10],[0,0]],[[5,5],[25,5],[25,8],[5,8],[5,5]]";
    assert_eq!(area(hole_outside), None);
    let line = "[[0,0],[10,0],[20,0],[0,0]]";
    assert_eq!(area(line), None);
    let two_points = "[[0,0],[10,0],[0,0]]";
    assert_eq!(area(two_points), None);
}

const ROWS: &str = "namn;djup\nA;1\nB;2\nB;2\nC;3\n";

#[test]
fn ids_without_a_key_survive_rows_that_come_and_go() {
    let before = read("a.csv", ROWS.as_bytes());
    let after = read("a.csv", "namn;djup\nNY;9\nA;1\nB;2\nB;2\n".as_bytes());
    let ids = |layer: &Layer| layer.features.iter().map(|f| f.id).collect::<Vec<_>>();
    assert_eq!(ids(&before)[..3], ids(&after)[1..]);
    let distinct: std::collections::BTreeSet<_> = ids(&before).into_iter().collect();
    assert_eq!(distinct.len(), 4);
}

#[test]
fn of_features_with_one_id_the_last_wins_and_the_rest_is_counted() {
    let options = LayerOptions {
        id_property: Some("namn".to_owned()),
        ..options()
    };
    let layer = read_as("a.csv", ROWS.as_bytes(), &options).unwrap();
    assert_eq!(layer.report.kept, 3);
    assert_eq!(count(&layer, "duplicate_id", Outcome::LeftOut), 1);
    let missing = LayerOptions {
        id_property: Some("nyckel".to_owned()),
        ..options
    };
    let error = read_as("a.csv", ROWS.as_bytes(), &missing).unwrap_err();
    assert!(error.what.contains("namn, djup"), "{error}");
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let rings: Vec<String> = (0..3000)
        .map(|i| format!("[[{i},0],[{0},10],[{0},0],[{i},10],[{i},0]]", i + 10))
        .collect();
    let rings: Vec<&str> = rings.iter().map(String::as_str).collect();
    let bytes = polygons(&rings).into_bytes();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| read("a.geojson", &bytes))
    };
    assert_eq!(with(1), with(4));
}

#[test]
fn exchanged_axes_and_degrees_for_metres_are_noticed() {
    let at = |x: f64, y: f64| {
        let json = format!(r#"{{"type":"Point","coordinates":[{x},{y}]}}"#);
        let layer = read("a.geojson", json.as_bytes());
        count(&layer, "far_away", Outcome::Noticed)
    };
    assert_eq!(at(17.3, 62.39), 0);
    assert_eq!(at(62.39, 17.3), 1);
    let degrees = LayerOptions {
        crs: Some(crs("EPSG:3006")),
        ..options()
    };
    let json = r#"{"type":"Point","coordinates":[17.3,62.39]}"#;
    let layer = read_as("a.geojson", json.as_bytes(), &degrees).unwrap();
    assert_eq!(count(&layer, "looks_like_degrees", Outcome::Noticed), 1);
}

/// Cuts short, flips bits and writes absurd counts, without randomness.
pub(crate) fn mutations(good: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for step in 0..40 {
        all.push(good[..good.len() * step / 40].to_vec());
        let mut flipped = good.to_vec();
        let at = good.len() * step / 40;
        flipped[at] ^= 1 << (step % 8);
        all.push(flipped);
        let mut absurd = good.to_vec();
        let at = (step * 4).min(good.len() - 4);
        absurd[at..at + 4].fill(0xff);
        all.push(absurd);
        let mut tail = good.to_vec();
        let at = (good.len() - 4).saturating_sub(step * 4);
        tail[at..at + 4].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f]);
        all.push(tail);
    }
    all
}

#[test]
fn mutilated_files_neither_panic_nor_hang() {
    let shapefile = shapefile();
    let good: [(&str, Vec<u8>); 4] = [
        ("a.geojson", GEOJSON.as_bytes().to_vec()),
        ("a.csv", CSV.as_bytes().to_vec()),
        ("a.fgb", flatgeobuf()),
        ("a.gpkg", geopackage(&["gator"])),
    ];
    for (name, good) in good {
        let mut refused = 0;
        for bytes in mutations(&good) {
            refused += usize::from(read_as(name, &bytes, &options()).is_err());
        }
        assert!(refused > 0, "{name}: no mutation was noticed");
    }
    for shp in mutations(&shapefile.shp) {
        let _ = read_shapefile(&Shapefile {
            shp,
            dbf: shapefile.dbf.clone(),
            prj: shapefile.prj.clone(),
        });
    }
    for dbf in mutations(&shapefile.dbf) {
        let _ = read_shapefile(&Shapefile {
            shp: shapefile.shp.clone(),
            dbf,
            prj: shapefile.prj.clone(),
        });
    }
}

#[test]
fn every_known_bad_file_is_taken_as_expected() {
    let Some(folder) = shared("vector-bad") else {
        return;
    };
    let table = std::fs::read_to_string(folder.join("EXPECT.tsv")).unwrap();
    for line in table.lines().skip(1) {
        let (file, expected) = line.split_once('\t').unwrap();
        let mut options = options();
        if expected.ends_with("decimal comma, EPSG:3006") {
            options.crs = Some(crs("EPSG:3006"));
        }
        let result = read_layer(&folder.join(file), &options);
        let fine = match &result {
            Ok(layer) if expected.starts_with("report per feature") => {
                !layer.report.findings.is_empty()
            }
            Ok(_) => {
                expected.starts_with("accept")
                    || expected.contains("or accept")
                    || expected.contains("last wins")
            }
            Err(_) => expected.contains("reject"),
        };
        assert!(fine, "{file}: expected {expected}, got {result:?}");
    }
    assert!(!Path::new("/tmp/zip_slip_was_here.geojson").exists());
}

#[test]
fn real_layers_are_read_whole() {
    for (file, layer, target, kept) in [
        ("demo-delft/bgt/bgt_pand.sqlite", None, "EPSG:28992", 160),
        (
            "demo-delft/derived/delft_bgt.gpkg",
            Some("wegdeel"),
            "EPSG:28992",
            151,
        ),
        ("municipal/bubenec.gpkg", Some("streets"), "EPSG:5514", 35),
        ("municipal/tiger_roads.geojson", None, "EPSG:32618", 8333),
        ("municipal/boulder_buildings.zip", None, "EPSG:32613", 13491),
        (
            "swedish/swedish_municipalities.geojson",
            None,
            "EPSG:3006",
            290,
        ),
        ("swedish/sweref_vectors.csv", None, "EPSG:3006", 160),
        ("conformance/flatgeobuf/poly00.fgb", None, "EPSG:27700", 10),
        ("conformance/gpkg/geopackage.gpkg", None, "EPSG:32618", 86),
    ] {
        let Some(path) = shared(file) else { continue };
        let options = LayerOptions {
            target: crs(target),
            layer: layer.map(str::to_owned),
            ..options()
        };
        let layer = read_layer(&path, &options).unwrap();
        assert_eq!(layer.report.kept, kept, "{file}: {:?}", layer.report);
    }
}

#[test]
fn rows_take_the_geometry_of_the_feature_with_their_key() {
    let mut links = Partners::new("links.nr");
    let line = |x: f64| geo_types::Geometry::from(geo_types::Line::new((x, 0.0), (x, 1.0)));
    links.add(&Value::Integer(7), Some(line(7.0)));
    links.add(&Value::Integer(8), Some(line(8.0)));
    links.add(&text("8"), Some(line(9.0)));
    links.add(&Value::Null, Some(line(10.0)));
    links.add(&text("Å"), None);
    let counts = "länk;fordon\n7;1200\n8;300\nÅ;5\n9;1\n;2\n";
    let layer = read("a.csv", counts.as_bytes())
        .join("länk", &links)
        .unwrap();
    assert_eq!(layer.schema.geometry, GeometryKind::Line);
    let geometries: Vec<_> = layer.features.iter().map(|f| f.geometry.clone()).collect();
    assert_eq!(
        geometries,
        [Some(line(7.0)), Some(line(8.0)), None, None, None]
    );
    for (code, times) in [
        ("no_partner", 2),
        ("several_partners", 1),
        ("partner_without_geometry", 1),
    ] {
        assert_eq!(
            count(&layer, code, Outcome::Noticed),
            times,
            "{:?}",
            layer.report
        );
    }
    let refused = |table: &str, column: &str| {
        let layer = read("a.csv", table.as_bytes());
        layer.join(column, &links).unwrap_err()
    };
    assert!(refused(counts, "link").contains("länk, fordon"));
    assert!(refused("länk\n1\n2\n", "länk").contains("right column"));
    assert!(refused("länk;lon;lat\n7;17.3;62.4\n", "länk").contains("of its own"));
}
