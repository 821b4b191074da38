//! Kinds of sources, each by command: what a department delivers is found where it lies.

use std::io::{Read, Write};
use std::path::Path;

use serde_json::Value;

use crate::harness::{Server, configure, new_twin, refuse, run, shared, succeed_json, text};

/// An empty twin and a place for files.
fn twin(crs: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    new_twin(&folder.path().join("twin"), crs);
    folder
}

fn put(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("a temporary file");
    text(&path).to_owned()
}

/// Ingests as `collection`; returns the report.
fn ingest(folder: &Path, source: &str, collection: &str, more: &[&str]) -> Value {
    let dir = folder.join("twin");
    let mut arguments = vec!["ingest", text(&dir), source, "--collection", collection];
    arguments.extend(more);
    succeed_json(&arguments)["report"].clone()
}

/// The only feature of the collection within 5 m of a place of the twin.
fn found(folder: &Path, at: &str, collection: &str) -> Value {
    let dir = folder.join("twin");
    let answer = succeed_json(&["query", text(&dir), "--at", at, "--collections", collection]);
    let features = &answer["collections"][0]["features"];
    assert_eq!(features.as_array().map(Vec::len), Some(1), "{answer}");
    features[0].clone()
}

#[test]
fn gml_of_a_wfs_is_found_where_it_lies() {
    let folder = twin("EPSG:3006");
    let folder = folder.path();
    let gml = r#"<wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs/2.0" xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:k="https://kommun.example">
<wfs:member><k:Brunn gml:id="brunn.7"><k:djup uom="m">2.5</k:djup><k:plats><gml:Point srsName="urn:ogc:def:crs:EPSG::3006"><gml:pos>6919012 617303</gml:pos></gml:Point></k:plats></k:Brunn></wfs:member>
<wfs:member><k:Brunn gml:id="brunn.8"><k:djup uom="m">3</k:djup><k:plats><gml:Point srsName="http://www.opengis.net/def/crs/EPSG/0/4326"><gml:pos>62.4 17.3</gml:pos></gml:Point></k:plats></k:Brunn></wfs:member>
</wfs:FeatureCollection>"#;
    let source = put(folder, "brunnar.gml", gml);
    let report = ingest(folder, &source, "brunnar", &[]);
    assert_eq!(
        (&report["read"], &report["kept"]),
        (&2.into(), &1.into()),
        "{report}"
    );
    let well = found(folder, "617303,6919012", "brunnar");
    assert_eq!(well["properties"]["djup"], 2.5, "{well}");
    assert_eq!(well["properties"]["id"], "brunn.7", "{well}");
    let bomb = put(
        folder,
        "bomb.gml",
        r#"<!DOCTYPE a [<!ENTITY x "ha">]><gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml"/>"#,
    );
    let dir = folder.join("twin");
    let said = refuse(&["ingest", text(&dir), &bomb, "--collection", "bomb"]);
    assert!(
        said.contains("bomb.gml") && said.contains("DOCTYPE"),
        "{said}"
    );
}

/// The counts of a report under a code.
fn count(report: &Value, code: &str) -> u64 {
    let findings = report["findings"].as_array().expect("findings");
    let of_code = findings.iter().filter(|found| found["code"] == code);
    of_code.filter_map(|found| found["count"].as_u64()).sum()
}

#[test]
fn geoparquet_is_found_where_it_lies() {
    let Some(source) = shared("swedish/kommun.parquet") else {
        return;
    };
    let folder = twin("EPSG:3006");
    let report = ingest(folder.path(), text(&source), "kommuner", &[]);
    assert_eq!(report["kept"], 290, "{report}");
    // The town hall of Sundsvall.
    let here = found(folder.path(), "618385,6921260", "kommuner");
    assert!(
        here["properties"].to_string().contains("Sundsvall"),
        "{here}"
    );
}

#[test]
fn kml_gpx_and_cityjson_are_found_where_they_lie() {
    let folder = twin("EPSG:3006");
    let folder = folder.path();
    let kml = put(
        folder,
        "led.kml",
        "<kml><Document><Placemark><name>Led</name><LineString><coordinates>17.3,62.4 17.31,62.4</coordinates></LineString></Placemark></Document></kml>",
    );
    ingest(folder, &kml, "leder", &[]);
    let here = |collection: &str| {
        let dir = folder.join("twin");
        let lonlat = [
            "query",
            text(&dir),
            "--at",
            "17.3,62.4",
            "--crs",
            "EPSG:4326",
        ];
        let answer = succeed_json(&[&lonlat[..], &["--collections", collection]].concat());
        answer["collections"][0]["features"][0]["properties"].clone()
    };
    assert_eq!(here("leder")["name"], "Led");
    let gpx = put(
        folder,
        "spar.gpx",
        r#"<gpx><trk><name>Spår</name><trkseg><trkpt lat="62.4" lon="17.3"><ele>7</ele></trkpt><trkpt lat="62.41" lon="17.3"><ele>9.5</ele></trkpt></trkseg></trk></gpx>"#,
    );
    ingest(folder, &gpx, "spar", &[]);
    assert_eq!(here("spar")["ele_max"], 9.5);
    let city = put(
        folder,
        "hus.city.json",
        r#"{"type":"CityJSON","version":"2.0","metadata":{"referenceSystem":"https://www.opengis.net/def/crs/EPSG/0/5845"},"transform":{"scale":[0.001,0.001,0.001],"translate":[617000,6919000,0]},
        "CityObjects":{"hus1":{"type":"Building","attributes":{"namn":"Hus"},"geometry":[{"type":"MultiSurface","lod":"0","boundaries":[[[0,1,2]]]}]}},"vertices":[[0,0,5000],[40000,0,5000],[40000,40000,6500]]}"#,
    );
    ingest(folder, &city, "hus", &[]);
    let house = found(folder, "617035,6919010", "hus");
    assert_eq!(
        (&house["properties"]["z_max"], &house["properties"]["id"]),
        (&6.5.into(), &"hus1".into())
    );
}

#[test]
fn counts_lie_on_the_links_that_they_name() {
    let folder = twin("EPSG:3006");
    let folder = folder.path();
    let dir = folder.join("twin");
    let links = put(
        folder,
        "lankar.geojson",
        r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"EPSG:3006"}},"features":[
        {"type":"Feature","properties":{"lank":"A7"},"geometry":{"type":"LineString","coordinates":[[617000,6919000],[617100,6919000]]}},
        {"type":"Feature","properties":{"lank":"A8"},"geometry":{"type":"LineString","coordinates":[[617100,6919000],[617200,6919000]]}}]}"#,
    );
    let counts = put(folder, "rakning.csv", "länk;fordon\nA7;1200\nB1;5\n");
    let join = ["--join", "links.lank=länk"];
    let before = ["ingest", text(&dir), &counts, "--collection", "counts"];
    let said = refuse(&[&before[..], &join].concat());
    assert!(said.contains("no collection \"links\""), "{said}");
    ingest(folder, &links, "links", &[]);
    let report = ingest(folder, &counts, "counts", &join);
    assert_eq!(
        (&report["kept"], count(&report, "no_partner")),
        (&2.into(), 1),
        "{report}"
    );
    let here = found(folder, "617050,6919001", "counts");
    assert_eq!(here["properties"]["fordon"], 1200, "{here}");
    let said = refuse(&[&before[..], &["--replace", "--join", "links.nr=länk"]].concat());
    assert!(said.contains("no attribute \"nr\""), "{said}");
    let twisted = run(&[&before[..], &["--join", "links"]].concat());
    assert_eq!(twisted.status.code(), Some(2));
}

#[test]
fn a_folder_a_pattern_and_an_address_are_one_delivery() {
    let folder = twin("EPSG:3006");
    let folder = folder.path();
    let delivery = folder.join("leverans");
    std::fs::create_dir(&delivery).expect("a folder");
    let table = |nr: u32, x: u32| format!("nr;E;N\n{nr};{x};6919000\n");
    put(&delivery, "a_1.csv", table(1, 617_000));
    put(&delivery, "a_2.csv", table(2, 617_100));
    put(
        &delivery,
        "b.csv",
        "nr;E;N;anm\n3;617200;6919000;ny\n1;617300;6919000;flyttad\n",
    );
    put(&delivery, "LÄSMIG.txt", "Hej");
    let more = ["--crs", "EPSG:3006", "--id-property", "nr"];
    let report = ingest(folder, text(&delivery), "brunnar", &more);
    // The later of two with one number counts.
    assert_eq!(
        (&report["read"], &report["kept"]),
        (&4.into(), &3.into()),
        "{report}"
    );
    let moved = found(folder, "617300,6919000", "brunnar");
    assert_eq!(moved["properties"]["anm"], "flyttad", "{moved}");
    let pattern = format!("{}/a_*.csv", text(&delivery));
    let report = ingest(
        folder,
        &pattern,
        "brunnar",
        &[&more[..], &["--replace"]].concat(),
    );
    assert_eq!(report["kept"], 2, "{report}");

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        let mut asked = [0; 16];
        stream.read_exact(&mut asked).expect("a request");
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 24\r\nConnection: close\r\n\r\nnr;E;N\n9;617400;6919000\n\n";
        stream.write_all(answer.as_bytes()).expect("an answer");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let url = format!("http://{address}/export/brunnar.csv");
    let report = ingest(
        folder,
        &url,
        "brunnar",
        &[&more[..], &["--append"]].concat(),
    );
    assert_eq!(report["kept"], 1, "{report}");
    server.join().expect("the server");
    found(folder, "617400,6919000", "brunnar");
    let dir = folder.join("twin");
    let said = refuse(&[
        "ingest",
        text(&dir),
        &url,
        "--collection",
        "brunnar",
        "--append",
    ]);
    assert!(said.contains("cannot be fetched"), "{said}");
}

#[test]
fn another_twin_is_read_page_by_page() {
    let theirs = twin("EPSG:3014");
    let dir = theirs.path().join("twin");
    configure(&dir, "[collections.brunnar]\npublic = true\n");
    let rows: Vec<String> = (0..7).map(|nr| format!("{nr},17.3{nr},62.4")).collect();
    let table = format!("nr,lon,lat\n{}\n", rows.join("\n"));
    let source = put(theirs.path(), "brunnar.csv", table);
    ingest(theirs.path(), &source, "brunnar", &["--id-property", "nr"]);
    let server = Server::start(&dir);

    let ours = twin("EPSG:3006");
    let url = format!("{}/collections/brunnar/items?limit=3", server.base);
    let report = ingest(ours.path(), &url, "grannens", &["--id-property", "nr"]);
    assert_eq!(
        (&report["read"], &report["kept"]),
        (&7.into(), &7.into()),
        "{report}"
    );
    let dir = ours.path().join("twin");
    let answer = succeed_json(&["query", text(&dir), "--at", "17.36,62.4", "--radius", "1"]);
    let well = &answer["collections"][0]["features"][0];
    assert_eq!(well["properties"]["nr"], 6, "{answer}");
    let url = format!("{}/collections/hemliga/items", server.base);
    let said = refuse(&["ingest", text(&dir), &url, "--collection", "hemliga"]);
    assert!(said.contains("404") && said.contains("hemliga"), "{said}");
}

#[test]
fn a_collection_goes_out_as_geoparquet_and_comes_in_again() {
    let folder = twin("EPSG:3006");
    let folder = folder.path();
    let dir = folder.join("twin");
    let wells = put(
        folder,
        "brunnar.csv",
        "namn;djup;E;N\nÅs;1,5;617000;6919000\nÖ;2;617100;6919000\n",
    );
    ingest(folder, &wells, "brunnar", &["--crs", "EPSG:3006"]);
    let out = folder.join("ut.parquet");
    let export = ["export", text(&dir), text(&out), "--collection", "brunnar"];
    assert_eq!(succeed_json(&export)["features"], 2);
    assert!(refuse(&export).contains("--force"));
    let report = ingest(folder, text(&out), "igen", &["--id-property", "fid"]);
    assert_eq!(report["kept"], 2, "{report}");
    let well = found(folder, "617000,6919000", "igen");
    assert_eq!(
        (&well["properties"]["namn"], &well["properties"]["djup"]),
        (&"Ås".into(), &1.5.into())
    );
    let laz = folder.join("ut.copc.laz");
    let said = refuse(&["export", text(&dir), text(&laz), "--collection", "brunnar"]);
    assert!(said.contains(".parquet"), "{said}");
    let said = refuse(&[
        "export",
        text(&dir),
        text(&out),
        "--collection",
        "nej",
        "--force",
    ]);
    assert!(said.contains("no collection nej"), "{said}");
    assert_eq!(std::fs::read_dir(folder).expect("a folder").count(), 3);
}
