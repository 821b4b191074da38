//! Kinds of sources, each by command: what a department delivers is found where it lies.

use std::path::Path;

use serde_json::Value;

use crate::harness::{new_twin, refuse, succeed_json, text};

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
