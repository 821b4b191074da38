//! GML: what GDAL and the Norwegian road data bank write, every geometry of straight
//! segments, and what is hostile.

use std::process::Command;

use geo_types::{Coord, Geometry};
use ingest::{Layer, LayerOptions, Outcome, read_layer};
use model::{ColumnKind, Value};

use crate::common::{crs, shared, write};
use crate::layers::{column, count, mutations, options, read, read_as, refusal, text};

/// A collection of GML 3.2 with this inside its members.
fn members(srs: &str, members: &[&str]) -> String {
    let members: String = members
        .iter()
        .map(|member| format!("<wfs:member>{member}</wfs:member>\n"))
        .collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs/2.0" xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:k="https://kommun.example/schema" numberMatched="{count}" numberReturned="{count}">
<wfs:boundedBy><gml:Envelope srsName="{srs}"><gml:lowerCorner>0 0</gml:lowerCorner><gml:upperCorner>1 1</gml:upperCorner></gml:Envelope></wfs:boundedBy>
{members}</wfs:FeatureCollection>"#,
        count = members.matches("<wfs:member>").count()
    )
}

/// One feature with this geometry, in SWEREF 99 TM with northing first.
fn with_geometry(geometry: &str) -> Layer {
    let feature = format!(r#"<k:Yta gml:id="y1"><k:geometri>{geometry}</k:geometri></k:Yta>"#);
    let document = members("urn:ogc:def:crs:EPSG::3006", &[&feature]);
    read("a.gml", document.as_bytes())
}

fn wkt_of(geometry: &str) -> String {
    use geozero::ToWkt;
    let layer = with_geometry(geometry);
    assert_eq!(layer.features.len(), 1, "{geometry}: {:?}", layer.report);
    let geometry = layer.features[0].geometry.clone().unwrap();
    geometry.to_wkt().unwrap()
}

#[test]
fn every_geometry_of_straight_segments_is_read_with_the_axes_that_its_name_says() {
    let ring = "<gml:LinearRing><gml:posList>6900000 600000 6900000 600010 6900010 600010 6900000 600000</gml:posList></gml:LinearRing>";
    let polygon = format!("<gml:Polygon><gml:exterior>{ring}</gml:exterior></gml:Polygon>");
    let line =
        "<gml:LineString><gml:posList>6900000 600000 6900010 600020</gml:posList></gml:LineString>";
    let triangle = "600000 6900000,600010 6900000,600010 6900010,600000 6900000";
    let cases = [
        (
            "<gml:Point><gml:pos>6900000.5 600000.25</gml:pos></gml:Point>".to_owned(),
            "POINT(600000.25 6900000.5)".to_owned(),
        ),
        (line.to_owned(), "LINESTRING(600000 6900000,600020 6900010)".to_owned()),
        (
            "<gml:LineString><gml:pos>6900000 600000</gml:pos><gml:pos>6900010 600020</gml:pos></gml:LineString>".to_owned(),
            "LINESTRING(600000 6900000,600020 6900010)".to_owned(),
        ),
        (
            "<gml:Curve><gml:segments><gml:LineStringSegment><gml:posList>6900000 600000 6900010 600020</gml:posList></gml:LineStringSegment><gml:LineStringSegment><gml:posList>6900010 600020 6900010 600030</gml:posList></gml:LineStringSegment></gml:segments></gml:Curve>".to_owned(),
            "LINESTRING(600000 6900000,600020 6900010,600030 6900010)".to_owned(),
        ),
        (
            format!(r#"<gml:OrientableCurve orientation="-"><gml:baseCurve>{line}</gml:baseCurve></gml:OrientableCurve>"#),
            "LINESTRING(600020 6900010,600000 6900000)".to_owned(),
        ),
        (polygon.clone(), format!("POLYGON(({triangle}))")),
        (
            "<gml:Polygon><gml:exterior><gml:Ring><gml:curveMember><gml:LineString><gml:posList>6900000 600000 6900000 600010 6900010 600010</gml:posList></gml:LineString></gml:curveMember><gml:curveMember><gml:LineString><gml:posList>6900010 600010 6900000 600000</gml:posList></gml:LineString></gml:curveMember></gml:Ring></gml:exterior></gml:Polygon>".to_owned(),
            format!("POLYGON(({triangle}))"),
        ),
        (
            format!("<gml:Surface><gml:patches><gml:PolygonPatch><gml:exterior>{ring}</gml:exterior></gml:PolygonPatch></gml:patches></gml:Surface>"),
            format!("POLYGON(({triangle}))"),
        ),
        (
            format!("<gml:MultiSurface><gml:surfaceMember>{polygon}</gml:surfaceMember></gml:MultiSurface>"),
            format!("MULTIPOLYGON((({triangle})))"),
        ),
        (
            format!("<gml:MultiCurve><gml:curveMembers>{line}{line}</gml:curveMembers></gml:MultiCurve>"),
            "MULTILINESTRING((600000 6900000,600020 6900010),(600000 6900000,600020 6900010))".to_owned(),
        ),
        (
            "<gml:MultiPoint><gml:pointMember><gml:Point><gml:pos>1 2</gml:pos></gml:Point></gml:pointMember><gml:pointMembers><gml:Point><gml:pos>3 4</gml:pos></gml:Point></gml:pointMembers></gml:MultiPoint>".to_owned(),
            "MULTIPOINT(2 1,4 3)".to_owned(),
        ),
        // Easting first, since that is how this spelling was always meant; and heights.
        (
            r#"<gml:Point srsName="EPSG:3006"><gml:coordinates decimal="," cs=" " ts=";">600000,25 6900000,5</gml:coordinates></gml:Point>"#.to_owned(),
            "POINT(600000.25 6900000.5)".to_owned(),
        ),
        (
            r#"<gml:LineString srsName="urn:ogc:def:crs,crs:EPSG::3006,crs:EPSG::5613"><gml:posList>6900000 600000 12 6900010 600020 13</gml:posList></gml:LineString>"#.to_owned(),
            "LINESTRING(600000 6900000,600020 6900010)".to_owned(),
        ),
        (
            r#"<gml:LineString srsDimension="3"><gml:posList>6900000 600000 12 6900010 600020 13</gml:posList></gml:LineString>"#.to_owned(),
            "LINESTRING(600000 6900000,600020 6900010)".to_owned(),
        ),
    ];
    for (gml, wkt) in cases {
        assert_eq!(wkt_of(&gml), wkt, "{gml}");
    }
}

#[test]
fn a_bad_geometry_costs_its_feature_only_and_is_said_with_its_line() {
    for (geometry, code) in [
        (
            "<gml:Point><gml:pos>1</gml:pos></gml:Point>",
            "bad_geometry",
        ),
        (
            "<gml:Point><gml:pos>1 x</gml:pos></gml:Point>",
            "bad_geometry",
        ),
        (
            "<gml:Curve><gml:segments><gml:Arc><gml:posList>1 2 3 4 5 6</gml:posList></gml:Arc></gml:segments></gml:Curve>",
            "curved_geometry",
        ),
        (
            "<gml:Solid><gml:exterior/></gml:Solid>",
            "unsupported_geometry",
        ),
        (
            r##"<gml:MultiCurve><gml:curveMember xlink:href="#c1" xmlns:xlink="http://www.w3.org/1999/xlink"/></gml:MultiCurve>"##,
            "unresolved_reference",
        ),
        (
            r#"<gml:Point srsName="EPSG:3857"><gml:pos>1 2</gml:pos></gml:Point>"#,
            "other_crs",
        ),
    ] {
        let bad = format!("<k:Yta><k:geometri>{geometry}</k:geometri><k:namn>x</k:namn></k:Yta>");
        let good = "<k:Yta><k:geometri><gml:Point><gml:pos>6900000 600000</gml:pos></gml:Point></k:geometri></k:Yta>";
        let document = members("urn:ogc:def:crs:EPSG::3006", &[good, &bad, good]);
        let layer = read("a.gml", document.as_bytes());
        assert_eq!(layer.report.kept, 2, "{geometry}: {:?}", layer.report);
        assert_eq!(
            count(&layer, code, Outcome::LeftOut),
            1,
            "{geometry}: {:?}",
            layer.report
        );
        let examples = &layer.report.findings[0].examples;
        assert!(examples[0].contains("line 5"), "{examples:?}");
    }
}

#[test]
fn attributes_are_called_by_the_way_to_them_and_typed_over_all() {
    let features = [
        r#"<k:Gata gml:id="g1"><gml:name>Åkers &amp; Ön</gml:name><k:bredd uom="m">6.5</k:bredd><k:kod>0123</k:kod><k:byggd>2026-05-03</k:byggd><k:adress><k:Adress><k:ort>Sundsvall</k:ort><k:nummer>7</k:nummer></k:Adress></k:adress><k:skylt>A</k:skylt><k:skylt>B</k:skylt></k:Gata>"#,
        r##"<k:Gata gml:id="g2"><k:bredd uom="m">7</k:bredd><k:skylt>C</k:skylt><k:agare xlink:href="#k1" xmlns:xlink="http://www.w3.org/1999/xlink"/></k:Gata>"##,
    ];
    let layer = read("a.gml", members("EPSG:3006", &features).as_bytes());
    assert_eq!(column(&layer, "name").1[0], &text("Åkers & Ön"));
    assert_eq!(column(&layer, "bredd").0, ColumnKind::Number);
    assert_eq!(column(&layer, "bredd_uom").1[1], &text("m"));
    assert_eq!(column(&layer, "kod").1[0], &text("0123"));
    assert_eq!(column(&layer, "byggd").0, ColumnKind::Date);
    assert_eq!(column(&layer, "adress_ort").1[0], &text("Sundsvall"));
    assert_eq!(column(&layer, "adress_nummer").1[0], &Value::Integer(7));
    let (kind, signs) = column(&layer, "skylt");
    assert_eq!(kind, ColumnKind::Json);
    assert_eq!(
        signs,
        [
            &Value::Json(r#"["A","B"]"#.to_owned()),
            &Value::Json(r#"["C"]"#.to_owned())
        ]
    );
    assert_eq!(column(&layer, "agare").1[1], &text("#k1"));
    assert_eq!(column(&layer, "id").1, [&text("g1"), &text("g2")]);
}

#[test]
fn a_type_of_feature_is_chosen_by_name() {
    let both = members(
        "EPSG:3006",
        &[
            "<k:Gata><k:a>1</k:a></k:Gata>",
            "<k:Bro><k:b>2</k:b></k:Bro>",
        ],
    );
    let said = refusal("a.gml", both.as_bytes());
    assert!(said.contains("Bro, Gata"), "{said}");
    let chosen = |name: &str| LayerOptions {
        layer: Some(name.to_owned()),
        ..options()
    };
    let layer = read_as("a.gml", both.as_bytes(), &chosen("Bro")).unwrap();
    assert_eq!((layer.report.kept, layer.schema.columns.len()), (1, 1));
    let said = read_as("a.gml", both.as_bytes(), &chosen("Tunnel")).unwrap_err();
    assert!(said.what.contains("Bro, Gata"), "{said}");
}

#[test]
fn an_answer_of_a_server_that_is_not_whole_is_said_or_refused() {
    let one = members("EPSG:3006", &["<k:Gata><k:a>1</k:a></k:Gata>"]);
    let of_nine = one.replace("numberMatched=\"1\"", "numberMatched=\"9\"");
    assert_eq!(
        count(
            &read("a.gml", of_nine.as_bytes()),
            "more_matched",
            Outcome::Noticed
        ),
        1
    );
    let cut = one.replace(
        "</wfs:FeatureCollection>",
        "<wfs:truncatedResponse/></wfs:FeatureCollection>",
    );
    assert!(refusal("a.gml", cut.as_bytes()).contains("cut short"));
    let report = "<ows:ExceptionReport xmlns:ows='x'><ows:ExceptionText>Unknown type</ows:ExceptionText></ows:ExceptionReport>";
    assert!(refusal("a.gml", report.as_bytes()).contains("Unknown type"));
}

#[test]
fn mutilated_gml_is_read_or_refused() {
    let polygon = "<k:Yta gml:id='y1'><k:namn>Å &amp; Ö</k:namn><k:g><gml:Polygon srsDimension='2'><gml:exterior><gml:LinearRing><gml:posList>6900000 600000 6900000 600010 6900010 600010 6900000 600000</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></k:g></k:Yta>";
    let good = members("urn:ogc:def:crs:EPSG::3006", &[polygon, polygon]);
    assert_eq!(read("a.gml", good.as_bytes()).report.read, 2);
    let tried = mutations(good.as_bytes());
    let refused = tried
        .iter()
        .filter(|bytes| read_as("a.gml", bytes, &options()).is_err())
        .count();
    assert!(refused > tried.len() / 4, "only {refused}");
    let deep = format!(
        "{}{}",
        "<gml:MultiGeometry><gml:geometryMember>".repeat(50_000),
        "x"
    );
    let document = members("EPSG:3006", &[&format!("<k:Yta><k:g>{deep}")]);
    assert!(refusal("a.gml", document.as_bytes()).contains("deeper"));
}

/// Whether GDAL is there; says so loudly when it is not.
pub(crate) fn has_gdal() -> bool {
    let found = Command::new("ogr2ogr").arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED: ogr2ogr is not installed");
    }
    found
}

fn positions(layer: &Layer) -> Vec<Vec<Coord<f64>>> {
    use geo::CoordsIter;
    let of = |geometry: &Geometry<f64>| geometry.coords_iter().collect();
    layer
        .features
        .iter()
        .map(|f| f.geometry.as_ref().map(of).unwrap_or_default())
        .collect()
}

pub(crate) fn assert_same_places(a: &Layer, b: &Layer, what: &str) {
    let (a, b) = (positions(a), positions(b));
    assert_eq!(a.len(), b.len(), "{what}");
    for (a, b) in a.iter().zip(&b) {
        assert_eq!(a.len(), b.len(), "{what}");
        for (a, b) in a.iter().zip(b) {
            let apart = (a.x - b.x).abs().max((a.y - b.y).abs());
            assert!(apart < 2e-3, "{what}: {a:?} and {b:?}");
        }
    }
}

#[test]
fn what_gdal_writes_in_every_version_and_axis_order_is_where_it_was() {
    if !has_gdal() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let source = r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3006"}},"features":[
{"type":"Feature","properties":{"namn":"Åkersvägen","djup":1.5,"dag":"2026-05-03"},"geometry":{"type":"Point","coordinates":[617303.1,6919012.2]}},
{"type":"Feature","properties":{"namn":"Torget & ön","djup":2.5},"geometry":{"type":"Polygon","coordinates":[[[617300,6919000],[617400,6919000],[617400,6919100],[617300,6919000]],[[617350,6919010],[617390,6919050],[617390,6919010],[617350,6919010]]]}},
{"type":"Feature","properties":{"namn":"Led"},"geometry":{"type":"MultiLineString","coordinates":[[[617300,6919000],[617400,6919000]],[[617300,6919100],[617400,6919200]]]}},
{"type":"Feature","properties":{"namn":"Öar"},"geometry":{"type":"MultiPolygon","coordinates":[[[[617300,6919000],[617400,6919000],[617400,6919100],[617300,6919000]]],[[[617500,6919000],[617600,6919000],[617600,6919100],[617500,6919000]]]]}}
]}"#;
    let geojson = write(folder.path(), "a.geojson", source.as_bytes());
    let original = read("a.geojson", source.as_bytes());
    let mut tried = 0;
    for format in ["GML2", "GML3", "GML3Deegree", "GML3.2"] {
        for names in ["SHORT", "OGC_URN", "OGC_URL"] {
            for target in ["EPSG:3006", "EPSG:4326", "EPSG:25833"] {
                let what = format!("{format} {names} {target}");
                let gml = folder.path().join(format!("{tried}.gml"));
                let output = Command::new("ogr2ogr")
                    .args(["-f", "GML", "-t_srs", target])
                    .args(["-dsco", &format!("FORMAT={format}")])
                    .args(["-dsco", &format!("SRSNAME_FORMAT={names}")])
                    .args([&gml, &geojson])
                    .output()
                    .unwrap();
                assert!(output.status.success(), "{what}");
                let layer = read_layer(&gml, &options()).unwrap();
                assert_same_places(&layer, &original, &what);
                assert_eq!(column(&layer, "namn"), column(&original, "namn"), "{what}");
                assert_eq!(column(&layer, "djup"), column(&original, "djup"), "{what}");
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 36);
}

/// A value as text, a list with semicolons between.
fn joined(value: &Value) -> String {
    match value {
        Value::Json(list) => {
            let list: Vec<String> = serde_json::from_str(list).unwrap();
            list.join(";")
        }
        Value::Null => String::new(),
        Value::Integer(n) => n.to_string(),
        Value::Number(n) => n.to_string(),
        Value::Text(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

#[test]
fn the_norwegian_road_data_bank_is_read_as_gdal_reads_it() {
    let Some(folder) = shared("municipal/kongsvinger-nvdb") else {
        return;
    };
    let options = |layer: Option<&str>| LayerOptions {
        target: crs("EPSG:25833"),
        layer: layer.map(str::to_owned),
        ..options()
    };
    // Of what is in both, counted and placed by GDAL.
    for (name, kept, attribute) in [
        ("Vegdekke", 271, "dekketykkelse"),
        ("NVDB_Skiltpunkt", 2325, "vegreferanse_vegnummer"),
        ("Rørledning", 370, "vegreferanse_hovedParsell"),
        ("Lysmast", 864, "vegreferanse_vegnummer"),
    ] {
        let ours = read_layer(&folder.join(format!("{name}.gml")), &options(None)).unwrap();
        assert_eq!(ours.report.kept, kept, "{name}: {:?}", ours.report);
        let gdal = read_layer(
            &folder.join("kongsvinger_assets.gpkg"),
            &options(Some(name)),
        )
        .unwrap();
        assert_same_places(&ours, &gdal, name);
        let theirs = attribute.rsplit('_').next().unwrap();
        let texts = |layer: &Layer, name| -> Vec<String> {
            column(layer, name).1.into_iter().map(joined).collect()
        };
        assert!(texts(&ours, attribute) == texts(&gdal, theirs), "{name}");
    }
    let table = read_layer(&folder.join("NVDB_Gangfelt.gml"), &options(None)).unwrap();
    assert_eq!(table.report.kept, 75);
}
