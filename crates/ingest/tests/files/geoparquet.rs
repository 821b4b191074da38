//! GeoParquet: what other programs wrote, each type and packing, and what is hostile.

use std::path::Path;
use std::sync::Arc;

use ingest::{GeoParquetWriter, LayerOptions, Outcome, read_layer};
use model::{ColumnKind, Value};
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::common::{crs, shared};
use crate::layers::{column, count, mutations, options, read, read_as, refusal, text};

const SCHEMA: &str = "message schema {
    optional binary geometry;
    required binary namn (UTF8);
    optional int64 tid (TIMESTAMP(NANOS,false));
    required int32 dag (DATE);
    required int32 pris (DECIMAL(9,2));
    required boolean klar;
    required double djup;
    required binary bild;
    optional group taggar (LIST) { repeated group list { optional binary element (UTF8); } }
    required group bbox { required double xmin; }
}";

const SWEREF: &str = r#"{"version":"1.1.0","primary_column":"geometry","columns":{"geometry":{"encoding":"WKB","geometry_types":["Point"],"crs":{"type":"ProjectedCRS","id":{"authority":"EPSG","code":3006}},"covering":{"bbox":{"xmin":["bbox","xmin"]}}}}}"#;

fn point(x: f64, y: f64) -> ByteArray {
    let mut wkb = vec![1, 1, 0, 0, 0];
    wkb.extend(x.to_le_bytes());
    wkb.extend(y.to_le_bytes());
    wkb.into()
}

/// Two row groups of two rows each; the second row of each has nothing that it need not.
fn made(geo: Option<&str>, packing: Compression) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_compression(packing)
        .set_key_value_metadata(
            geo.map(|geo| vec![KeyValue::new("geo".to_owned(), geo.to_owned())]),
        )
        .build();
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for group in 0..2 {
        let at = f64::from(group);
        let mut rows = writer.next_row_group().unwrap();
        let texts = |a: &str, b: &str| [ByteArray::from(a), ByteArray::from(b)];
        macro_rules! put {
            ($kind:ty, $values:expr, $levels:expr, $repeated:expr) => {
                let mut next = rows.next_column().unwrap().unwrap();
                let levels: Option<&[i16]> = $levels;
                let repeated: Option<&[i16]> = $repeated;
                next.typed::<$kind>()
                    .write_batch(&$values, levels, repeated)
                    .unwrap();
                next.close().unwrap();
            };
        }
        let geometry = [point(617_303.5 + at, 6_919_012.25)];
        put!(ByteArrayType, geometry, Some(&[1, 0]), None);
        put!(ByteArrayType, texts("Åkersvägen", "Torget"), None, None);
        put!(Int64Type, [1_777_777_777_500_000_000], Some(&[1, 0]), None);
        put!(Int32Type, [20_576, 20_577], None, None);
        put!(Int32Type, [1_250, -5], None, None);
        put!(BoolType, [true, false], None, None);
        put!(DoubleType, [1.5 + at, 2.0], None, None);
        put!(ByteArrayType, texts("\0", "\u{1}"), None, None);
        put!(
            ByteArrayType,
            texts("a", "b"),
            Some(&[3, 3, 0]),
            Some(&[0, 1, 0])
        );
        put!(DoubleType, [1.0, 2.0], None, None);
        rows.close().unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn columns_keep_their_types_and_geometries_their_place() {
    let layer = read("a.parquet", &made(Some(SWEREF), Compression::SNAPPY));
    assert_eq!((layer.report.read, layer.report.kept), (4, 4));
    assert_eq!(
        layer.features[2].geometry,
        Some(geo_types::Point::new(617_304.5, 6_919_012.25).into())
    );
    assert_eq!(count(&layer, "no_geometry", Outcome::Noticed), 2);
    assert_eq!(count(&layer, "binary_column", Outcome::LeftOut), 1);
    let names: Vec<_> = layer
        .schema
        .columns
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["namn", "tid", "dag", "pris", "klar", "djup", "taggar"]
    );
    assert_eq!(column(&layer, "namn").1[0], &text("Åkersvägen"));
    assert_eq!(
        column(&layer, "tid").1[..2],
        [
            &Value::Instant("2026-05-03T03:09:37.5Z".parse().unwrap()),
            &Value::Null
        ]
    );
    assert_eq!(
        column(&layer, "dag").1[0],
        &Value::Date("2026-05-03".parse().unwrap())
    );
    assert_eq!(
        column(&layer, "pris").1[..2],
        [&Value::Number(12.5), &Value::Number(-0.05)]
    );
    assert_eq!(column(&layer, "klar").1[1], &Value::Boolean(false));
    assert_eq!(column(&layer, "djup").0, ColumnKind::Number);
    let (kind, tags) = column(&layer, "taggar");
    assert_eq!(kind, ColumnKind::Json);
    assert_eq!(
        tags[..2],
        [&Value::Json(r#"["a","b"]"#.to_owned()), &Value::Null]
    );
}

#[test]
fn every_usual_packing_is_read_and_others_are_named() {
    let plain = read("a.parquet", &made(Some(SWEREF), Compression::UNCOMPRESSED));
    for packing in [
        Compression::SNAPPY,
        Compression::ZSTD(ZstdLevel::default()),
        Compression::GZIP(parquet::basic::GzipLevel::default()),
        Compression::LZ4_RAW,
    ] {
        let layer = read("a.parquet", &made(Some(SWEREF), packing));
        assert_eq!(layer, plain, "{packing:?}");
    }
}

#[test]
fn the_crs_is_what_the_metadata_say() {
    let of = |crs: &str| {
        SWEREF.replace(
            r#"{"type":"ProjectedCRS","id":{"authority":"EPSG","code":3006}}"#,
            crs,
        )
    };
    let unknown = made(Some(&of("null")), Compression::SNAPPY);
    let said = refusal("a.parquet", &unknown);
    assert!(said.contains("--crs"), "{said}");
    let given = LayerOptions {
        crs: Some(crs("EPSG:3006")),
        ..options()
    };
    assert_eq!(
        read_as("a.parquet", &unknown, &given).unwrap().report.kept,
        4
    );
    // Longitude and latitude if it is not said, which these are not.
    let unsaid = SWEREF.replace(r#""crs":"#, r#""krs":"#);
    let said = refusal("a.parquet", &made(Some(&unsaid), Compression::SNAPPY));
    assert!(said.contains("CRS84"), "{said}");
    for (geo, what) in [
        (SWEREF.replace("WKB", "point"), "point"),
        (SWEREF.replace("primary_column", "first"), "primary_column"),
        (
            SWEREF.replace(
                r#""primary_column":"geometry""#,
                r#""primary_column":"geom""#,
            ),
            "geom",
        ),
        ("{".to_owned(), "metadata"),
    ] {
        let said = refusal("a.parquet", &made(Some(&geo), Compression::SNAPPY));
        assert!(said.contains(what), "{said}");
    }
    // Without any word of a geometry it is a table.
    let table = read("a.parquet", &made(None, Compression::SNAPPY));
    assert_eq!(count(&table, "binary_column", Outcome::LeftOut), 2);
    assert!(table.features.iter().all(|f| f.geometry.is_none()));
}

#[test]
fn mutilated_parquet_is_read_or_refused() {
    for packing in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
        let good = made(Some(SWEREF), packing);
        let tried = mutations(&good);
        let refused = tried
            .iter()
            .filter(|bytes| read_as("a.parquet", bytes, &options()).is_err())
            .count();
        assert!(refused > tried.len() / 4, "only {refused}");
    }
}

#[test]
fn the_test_data_of_the_specification_are_as_their_text_says() {
    let Some(folder) = shared("conformance/geoparquet/test_data") else {
        return;
    };
    let mut tried = 0;
    for kind in [
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
    ] {
        let options = LayerOptions {
            target: crs("EPSG:3857"),
            crs: Some(crs("OGC:CRS84")),
            ..options()
        };
        let read = |name: &str| read_layer(&folder.join(name), &options).unwrap();
        let table = read(&format!("data-{kind}-encoding_wkb.parquet"));
        let wkt = read(&format!("data-{kind}-wkt.csv"));
        assert!(table.report.kept > 0, "{kind}");
        assert_eq!(table.report.kept, wkt.report.kept, "{kind}");
        let geometries = |layer: &ingest::Layer| -> Vec<_> {
            layer.features.iter().map(|f| f.geometry.clone()).collect()
        };
        assert_eq!(geometries(&table), geometries(&wkt), "{kind}");
        assert_eq!(column(&table, "col"), column(&wkt, "col"), "{kind}");
        tried += 1;
    }
    assert_eq!(tried, 6);
}

#[test]
fn the_municipalities_of_sweden_cover_its_counties() {
    let (Some(municipalities), Some(counties)) = (
        shared("swedish/kommun.parquet"),
        shared("swedish/lan.parquet"),
    ) else {
        return;
    };
    let area_km2 = |path: &Path, kept: u64| {
        use geo::Area;
        let layer = read_layer(path, &options()).unwrap();
        assert_eq!(layer.report.kept, kept, "{:?}", layer.report);
        let areas = layer.features.iter().filter_map(|f| f.geometry.as_ref());
        areas.map(geo::Geometry::unsigned_area).sum::<f64>() / 1e6
    };
    let (small, large) = (area_km2(&municipalities, 290), area_km2(&counties, 21));
    assert!(
        (small / large - 1.0).abs() < 0.01,
        "{small} and {large} km²"
    );
    // 447 thousand square kilometres of land and lakes (Statistics Sweden), simplified.
    assert!((small / 447e3 - 1.0).abs() < 0.03, "{small} km²");
}

#[test]
fn what_is_written_is_read_again_as_it_was() {
    let source = r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"EPSG:3006"}},"features":[
{"type":"Feature","id":7,"properties":{"fid":"F1","geometry":"rund","antal":3,"djup":1.5,"ok":true,"dag":"2026-05-03","tid":"1969-12-31T23:59:59.5Z","lista":[1,2]},"geometry":{"type":"Point","coordinates":[617303.1,6919012.2]}},
{"type":"Feature","id":8,"properties":{"fid":"F2","antal":null,"dag":"1899-12-31"},"geometry":{"type":"MultiPolygon","coordinates":[[[[617300,6919000],[617400,6919000],[617400,6919100],[617300,6919000]]]]}},
{"type":"Feature","id":9,"properties":{"fid":"F3"},"geometry":null}]}"#;
    let original = read("a.geojson", source.as_bytes());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let mut writer = GeoParquetWriter::create(&path, &original.schema, &crs("EPSG:3006")).unwrap();
    for feature in &original.features {
        writer.add(feature.clone()).unwrap();
    }
    assert_eq!(writer.finish().unwrap(), 3);
    let by_id = LayerOptions {
        id_property: Some("fid_".to_owned()),
        ..options()
    };
    let again = read_layer(&path, &by_id).unwrap();
    assert_eq!(again.schema.columns[1..], original.schema.columns[..]);
    for (again, original) in again.features.iter().zip(&original.features) {
        assert_eq!(again.id, original.id);
        assert_eq!(again.geometry, original.geometry);
        assert_eq!(again.values[1..], original.values[..]);
    }
    // What other programs see first.
    let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
    assert!(text.contains(r#""primary_column":"geometry_""#));
    assert!(text.contains(r#""geometry_types":["MultiPolygon","Point"]"#));
    assert!(text.contains(r#""bbox":[617300.0,6919000.0,617400.0,6919100.0]"#));
    assert!(text.contains("SWEREF99 TM"));
}
