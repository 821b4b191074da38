//! Vector tiles as MapLibre tiles: how they are asked for, kept and told of. What is in them
//! is judged by other people's decoders (`tests/cesium/mlt.mjs`).

use axum::http::Method;

use super::{middle, pyramids, tile_at, town};

const MVT: &str = "application/vnd.mapbox-vector-tile";
const MLT: &str = "application/vnd.maplibre-tile";

#[tokio::test]
async fn a_maplibre_tile_is_asked_for_by_its_ending_by_f_or_by_accept() {
    let town = town();
    let (_, xyz, rows) = middle();
    let mlt = town.get(&format!("/tiles/streets/{xyz}.mlt")).await;
    assert_eq!(mlt.status, 200, "{}", mlt.text());
    assert_eq!(mlt.header("content-type"), MLT);
    let mvt = town.get(&format!("/tiles/streets/{xyz}.mvt")).await;
    assert_eq!(mvt.header("content-type"), MVT);
    assert_ne!(mlt.body, mvt.body);
    let ogc = format!("/collections/streets/tiles/WebMercatorQuad/{rows}");
    for (path, accept, expected) in [
        (format!("/tiles/streets/{xyz}"), MLT, &mlt),
        (format!("/tiles/streets/{xyz}"), MVT, &mvt),
        (format!("/tiles/streets/{xyz}"), "*/*", &mvt),
        (format!("/tiles/streets/WebMercatorQuad/{xyz}"), MLT, &mlt),
        (ogc.clone(), MLT, &mlt),
        (ogc.clone(), "*/*", &mvt),
        (format!("{ogc}?f=mlt"), "*/*", &mlt),
        // What the address says comes before what the header does.
        (format!("{ogc}?f=mvt"), MLT, &mvt),
        (format!("/tiles/streets/{xyz}.mvt"), MLT, &mvt),
        (format!("/tiles/streets/{xyz}.mlt"), MVT, &mlt),
    ] {
        let got = town.send(Method::GET, &path, &[("accept", accept)]).await;
        assert_eq!(got.status, 200, "{path} {accept}: {}", got.text());
        assert_eq!(got.body, expected.body, "{path} {accept}");
        let media_type = expected.header("content-type");
        assert_eq!(got.header("content-type"), media_type, "{path} {accept}");
        assert!(got.header("vary").contains("Accept"), "{path}");
    }
    let wrong = town.get(&format!("{ogc}?f=pbf")).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("mvt or mlt"), "{}", wrong.text());
}

#[tokio::test]
async fn a_maplibre_tile_is_empty_missing_and_known_where_the_mvt_tile_is() {
    let town = town();
    let at = |z, place| tile_at("WebMercatorQuad", z, place);
    for (z, place, status) in [
        (15, [50., 10.], 200),
        (21, [50., 35.], 204),
        (15, [9000., 35.], 404),
    ] {
        for end in ["mvt", "mlt"] {
            let path = format!("/tiles/streets/{}.{end}", at(z, place));
            assert_eq!(town.get(&path).await.status, status, "{path}");
        }
    }
    let path = format!("/tiles/streets,plans/{}.mlt", at(15, [50., 10.]));
    let plain = town.get(&path).await;
    for encoding in ["gzip", "identity"] {
        let accept = ("accept-encoding", encoding);
        let first = town.send(Method::GET, &path, &[accept]).await;
        let zipped = encoding == "gzip";
        assert_eq!(first.header("content-encoding") == "gzip", zipped);
        assert_eq!(first.body == plain.body, !zipped);
        let etag = first.header("etag").to_owned();
        let known = [accept, ("if-none-match", etag.as_str())];
        let again = town.send(Method::GET, &path, &known).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
        let head = town.send(Method::HEAD, &path, &[accept]).await;
        assert_eq!(head.header("content-length"), first.body.len().to_string());
    }
    // Points to label, instead of areas.
    let labels = town.get(&format!("{path}?labels=true")).await;
    assert_eq!(labels.status, 200);
    assert_ne!(labels.body, plain.body);
}

#[tokio::test]
async fn a_maplibre_tile_is_the_same_with_a_pyramid_and_without() {
    let town = town();
    let path = format!(
        "/tiles/streets/{}.mlt",
        tile_at("WebMercatorQuad", 14, [50., 10.])
    );
    let before = town.get(&path).await;
    pyramids::build(&town.twin, "streets", "WebMercatorQuad", 13..=14);
    for _ in 0..2 {
        let now = town.get(&path).await;
        assert_eq!(now.status, 200);
        assert_eq!(now.body, before.body);
        assert_eq!(now.header("etag"), before.header("etag"));
    }
    super::put_streets(&town.twin, "Nygatan");
    let changed = town.get(&path).await;
    assert!(changed.status == 200 && changed.body != before.body);
}

#[tokio::test]
async fn tilejson_and_tilesets_tell_of_maplibre_tiles() {
    let town = town();
    for (path, encoding) in [
        ("/tiles/streets.json?", "mvt"),
        ("/tiles/streets.json?encoding=mlt", "mlt"),
        ("/tiles/streets,plans.json?labels=true&encoding=mlt", "mlt"),
        ("/tiles.json?encoding=mlt", "mlt"),
    ] {
        let json = town.get(path).await.json();
        assert_eq!(json["encoding"], encoding, "{path}");
        let tiles = json["tiles"][0].as_str().unwrap();
        assert!(tiles.contains(&format!("/{{y}}.{encoding}")), "{tiles}");
        assert_eq!(tiles.contains("labels=true"), path.contains("labels"));
    }
    let wrong = town.get("/tiles/streets.json?encoding=pbf").await;
    assert_eq!(wrong.status, 400);
    let tileset = town
        .get("/collections/streets/tiles/SWEREF99TM")
        .await
        .json();
    let links = tileset["links"].as_array().unwrap();
    let items: Vec<_> = links.iter().filter(|link| link["rel"] == "item").collect();
    assert_eq!(items[0]["type"], MVT);
    assert_eq!(items[1]["type"], MLT);
    assert!(items[1]["href"].as_str().unwrap().ends_with("?f=mlt"));
    let api = town.get("/api").await.json();
    let tile = &api["paths"]["/tiles/{ids}/{z}/{x}/{file}"]["get"];
    let content = &tile["responses"]["200"]["content"];
    assert!(content[MVT].is_object() && content[MLT].is_object());
}
