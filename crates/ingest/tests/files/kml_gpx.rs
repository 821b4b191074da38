//! KML and GPX: every geometry and attribute, what GDAL writes, and what is hostile.

use std::io::Write;
use std::process::Command;

use ingest::{LayerOptions, Outcome, read_layer};
use model::{ColumnKind, Value};

use crate::common::{crs, write};
use crate::gml::{assert_same_places, has_gdal};
use crate::layers::{column, count, mutations, options, read, read_as, refusal, text};

/// A place in metres so small that longitude and latitude can be told.
fn in_degrees() -> LayerOptions {
    LayerOptions {
        target: crs("EPSG:4326"),
        ..options()
    }
}

fn wkt_of(geometry: &str) -> String {
    use geozero::ToWkt;
    let document = format!(
        r#"<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2"><Placemark>{geometry}</Placemark></kml>"#
    );
    let layer = read_as("a.kml", document.as_bytes(), &in_degrees()).unwrap();
    assert_eq!(layer.report.kept, 1, "{geometry}: {:?}", layer.report);
    layer.features[0]
        .geometry
        .clone()
        .unwrap()
        .to_wkt()
        .unwrap()
}

#[test]
fn every_geometry_of_kml_is_read_in_longitude_and_latitude() {
    let ring = "<LinearRing><coordinates>17,62 17.5,62 17.5,62.5 17,62</coordinates></LinearRing>";
    let hole = "<LinearRing><coordinates>17.3,62.1,0 17.4,62.1,0 17.4,62.2,0 17.3,62.1,0</coordinates></LinearRing>";
    for (kml, wkt) in [
        ("<Point><coordinates>17.5,62.25,9</coordinates></Point>".to_owned(), "POINT(17.5 62.25)"),
        (
            "<LineString><tessellate>1</tessellate><coordinates>\n17,62,0\t17.5, 62.5, 0\n</coordinates></LineString>".to_owned(),
            "LINESTRING(17 62,17.5 62.5)",
        ),
        (
            format!("<Polygon><outerBoundaryIs>{ring}</outerBoundaryIs><innerBoundaryIs>{hole}</innerBoundaryIs></Polygon>"),
            "POLYGON((17 62,17.5 62,17.5 62.5,17 62),(17.3 62.1,17.4 62.1,17.4 62.2,17.3 62.1))",
        ),
        (
            "<MultiGeometry><Point><coordinates>1,2</coordinates></Point><Point><coordinates>3,4</coordinates></Point></MultiGeometry>".to_owned(),
            "MULTIPOINT(1 2,3 4)",
        ),
        (
            "<MultiGeometry><Point><coordinates>1,2</coordinates></Point><LineString><coordinates>1,2 3,4</coordinates></LineString></MultiGeometry>".to_owned(),
            "GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(1 2,3 4))",
        ),
        (
            "<gx:Track><when>2026-05-03T07:00:00Z</when><gx:coord>17 62 5</gx:coord><gx:coord>17.5 62.5 6</gx:coord><gx:coord/></gx:Track>".to_owned(),
            "LINESTRING(17 62,17.5 62.5)",
        ),
    ] {
        assert_eq!(wkt_of(&kml), wkt, "{kml}");
    }
}

const KML: &str = r##"<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>Delivery</name>
<Schema name="s" id="s"><SimpleField name="bredd" type="float"/></Schema>
<Folder><name>Norr</name><Folder><name>Leder</name>
<Placemark id="led1"><name>Åsleden</name><description><![CDATA[<b>Röd</b>]]></description><styleUrl>#a</styleUrl>
<TimeSpan><begin>2026-05-03</begin><end>2026-06-01</end></TimeSpan>
<ExtendedData><Data name="klass"><displayName>Klass</displayName><value>3</value></Data><SchemaData schemaUrl="#s"><SimpleData name="bredd">1.5</SimpleData></SchemaData></ExtendedData>
<LineString><coordinates>17.3,62.4 17.4,62.4</coordinates></LineString></Placemark>
</Folder>
<Placemark><name>Utan plats</name></Placemark></Folder>
<Placemark><Model/></Placemark>
<Placemark><Point><coordinates>17.3;62.4</coordinates></Point></Placemark>
<NetworkLink><Link><href>http://example.com/more.kml</href></Link></NetworkLink>
<GroundOverlay><name>Flygfoto</name></GroundOverlay>
</Document></kml>"##;

#[test]
fn a_placemark_keeps_its_data_its_times_and_its_folders() {
    let layer = read("a.kml", KML.as_bytes());
    assert_eq!(
        (layer.report.read, layer.report.kept),
        (4, 2),
        "{:?}",
        layer.report
    );
    assert_eq!(
        column(&layer, "folder").1,
        [&text("Norr/Leder"), &text("Norr")]
    );
    assert_eq!(column(&layer, "name").1[0], &text("Åsleden"));
    assert_eq!(column(&layer, "description").1[0], &text("<b>Röd</b>"));
    assert_eq!(column(&layer, "begin").0, ColumnKind::Date);
    assert_eq!(column(&layer, "klass").1[0], &Value::Integer(3));
    assert_eq!(column(&layer, "bredd").1[0], &Value::Number(1.5));
    assert_eq!(column(&layer, "id").1[0], &text("led1"));
    for (code, outcome) in [
        ("network_link", Outcome::LeftOut),
        ("overlay", Outcome::LeftOut),
        ("unsupported_geometry", Outcome::LeftOut),
        ("bad_geometry", Outcome::LeftOut),
        ("no_geometry", Outcome::Noticed),
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
fn kml_in_an_archive_is_read() {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let plain = zip::write::SimpleFileOptions::default();
    archive.start_file("files/picture.png", plain).unwrap();
    archive.start_file("doc.kml", plain).unwrap();
    archive.write_all(KML.as_bytes()).unwrap();
    let bytes = archive.finish().unwrap().into_inner();
    assert_eq!(read("a.kmz", &bytes), read("a.kml", KML.as_bytes()));
}

const GPX: &str = r#"<?xml version="1.0"?>
<gpx version="1.1" creator="test" xmlns="http://www.topografix.com/GPX/1/1">
<metadata><name>Slinga</name></metadata>
<wpt lat="62.4" lon="17.3"><ele>12.5</ele><time>2026-05-03T07:00:00Z</time><name>Start</name><link href="https://example.com/"><text>x</text></link></wpt>
<rte><name>Väg</name><rtept lat="62.4" lon="17.3"/><rtept lat="62.5" lon="17.4"/></rte>
<trk><name>Tur</name><trkseg><trkpt lat="62.4" lon="17.3"><ele>10</ele><time>2026-05-03T07:00:00Z</time></trkpt><trkpt lat="62.41" lon="17.3"><ele>14</ele></trkpt></trkseg>
<trkseg><trkpt lat="62.42" lon="17.3"><ele>8</ele></trkpt><trkpt lat="62.43" lon="17.3"><time>2026-05-03T08:00:00Z</time></trkpt></trkseg></trk>
<wpt lat="north" lon="17.3"/>
</gpx>"#;

#[test]
fn gpx_keeps_its_places_times_and_elevations() {
    use geozero::ToWkt;
    let layer = read_as("a.gpx", GPX.as_bytes(), &in_degrees()).unwrap();
    assert_eq!(
        (layer.report.read, layer.report.kept),
        (4, 3),
        "{:?}",
        layer.report
    );
    assert_eq!(count(&layer, "bad_geometry", Outcome::LeftOut), 1);
    let wkt: Vec<_> = layer
        .features
        .iter()
        .map(|f| f.geometry.as_ref().unwrap().to_wkt().unwrap())
        .collect();
    assert_eq!(
        wkt,
        [
            "POINT(17.3 62.4)",
            "LINESTRING(17.3 62.4,17.4 62.5)",
            "MULTILINESTRING((17.3 62.4,17.3 62.41),(17.3 62.42,17.3 62.43))"
        ]
    );
    assert_eq!(
        column(&layer, "kind").1,
        [&text("waypoint"), &text("route"), &text("track")]
    );
    assert_eq!(column(&layer, "ele").1[0], &Value::Number(12.5));
    assert_eq!(column(&layer, "time").0, ColumnKind::Instant);
    assert_eq!(column(&layer, "link").1[0], &text("https://example.com/"));
    assert_eq!(column(&layer, "ele_min").1[2], &Value::Integer(8));
    assert_eq!(column(&layer, "ele_max").1[2], &Value::Integer(14));
    let end = Value::Instant("2026-05-03T08:00:00Z".parse().unwrap());
    assert_eq!(column(&layer, "end").1[2], &end);
    let tracks = LayerOptions {
        layer: Some("tracks".to_owned()),
        ..in_degrees()
    };
    assert_eq!(
        read_as("a.gpx", GPX.as_bytes(), &tracks)
            .unwrap()
            .report
            .kept,
        1
    );
    let other = LayerOptions {
        layer: Some("turer".to_owned()),
        ..in_degrees()
    };
    let said = read_as("a.gpx", GPX.as_bytes(), &other).unwrap_err();
    assert!(said.what.contains("waypoints, routes, tracks"), "{said}");
}

#[test]
fn mutilated_kml_and_gpx_are_read_or_refused() {
    for (name, good) in [("a.kml", KML), ("a.gpx", GPX)] {
        let tried = mutations(good.as_bytes());
        let refused = tried
            .iter()
            .filter(|bytes| read_as(name, bytes, &options()).is_err())
            .count();
        assert!(refused > tried.len() / 4, "{name}: only {refused}");
    }
    let deep = format!("<kml>{}", "<Folder>".repeat(50_000));
    assert!(refusal("a.kml", deep.as_bytes()).contains("deeper"));
}

#[test]
fn what_gdal_writes_as_kml_and_gpx_is_where_it_was() {
    if !has_gdal() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let points = r#"{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"name":"Ås"},"geometry":{"type":"Point","coordinates":[17.3,62.4]}},
{"type":"Feature","properties":{"name":"Ö"},"geometry":{"type":"Point","coordinates":[17.4,62.5]}}]}"#;
    let areas = r#"{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"name":"Ås"},"geometry":{"type":"MultiPolygon","coordinates":[[[[17.3,62.4],[17.4,62.4],[17.4,62.5],[17.3,62.4]]],[[[17.5,62.4],[17.6,62.4],[17.6,62.5],[17.5,62.4]]]]}},
{"type":"Feature","properties":{"name":"Ö"},"geometry":{"type":"LineString","coordinates":[[17.3,62.4],[17.4,62.5]]}}]}"#;
    for (driver, ending, source) in [
        ("KML", "kml", points),
        ("KML", "kml", areas),
        ("LIBKML", "kml", areas),
        ("LIBKML", "kmz", areas),
        ("GPX", "gpx", points),
    ] {
        let from = write(folder.path(), "from.geojson", source.as_bytes());
        let to = folder.path().join(format!("{driver}.{ending}"));
        let output = Command::new("ogr2ogr")
            .args(["-f", driver])
            .args([&to, &from])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{driver} {ending}: {said}");
        let layer = read_layer(&to, &options()).unwrap();
        let original = read_layer(&from, &options()).unwrap();
        assert_same_places(&layer, &original, &format!("{driver} {ending}"));
        assert_eq!(
            column(&layer, "name"),
            column(&original, "name"),
            "{driver} {ending}"
        );
        std::fs::remove_file(&to).unwrap();
    }
}
