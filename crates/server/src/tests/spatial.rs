//! Surveys in 3D clients: 3D Tiles and quantized mesh over HTTP.

use std::path::Path;

use axum::http::Method;
use geodesy::Geoid;
use serde_json::Value as Json;

use super::{ServedTown, lonlat, settings, town, town_with};
use crate::Limits;

const GRID: &str = "../../../shared/data/swedish/geoid/se_lantmateriet_SWEN17_RH2000.tif";

/// The town with the geoid of Lantmäteriet; none, said loudly, where its grid is not.
fn town_on_the_geoid() -> Option<(ServedTown, Geoid)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(GRID);
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there", path.display());
        return None;
    }
    let geoid = Geoid::open(&path).unwrap();
    let mut settings = settings();
    settings.geoid = Some(geoid.clone());
    Some((town_with(Limits::default(), settings), geoid))
}

async fn tileset(town: &ServedTown) -> Json {
    town.get("/3dtiles/drone/tileset.json").await.json()
}

/// Lowest and highest height of a tile of the ground, as its header says.
async fn heights(town: &ServedTown) -> [f32; 2] {
    let [lon, lat] = lonlat([50.0, 50.0]);
    let side = 180.0 / f64::from(1 << 18);
    let (x, y) = ((lon + 180.0) / side, (lat + 90.0) / side);
    let tile = format!("/terrain/drone/18/{}/{}.terrain", x as u32, y as u32);
    let got = town.get(&tile).await;
    assert_eq!(got.header("content-type"), "application/vnd.quantized-mesh");
    let at = |from: usize| f32::from_le_bytes(got.body[from..from + 4].try_into().unwrap());
    [at(24), at(28)]
}

#[tokio::test]
async fn heights_are_above_the_ellipsoid_where_there_is_a_geoid_grid() {
    let Some((raised, geoid)) = town_on_the_geoid() else {
        return;
    };
    let plain = town();
    let separation_m = geoid.separation_m(lonlat([50.0, 50.0])).unwrap();
    let (with, without) = (tileset(&raised).await, tileset(&plain).await);
    assert_eq!(with["asset"]["extras"]["heights"]["kind"], "ellipsoidal");
    assert_eq!(
        without["asset"]["extras"]["heights"]["kind"],
        "as delivered"
    );
    let note = without["asset"]["extras"]["heights"]["note"].as_str();
    assert!(note.unwrap().contains("not above the ellipsoid"));
    // The whole frame moves up.
    let moved: f64 = (12..15)
        .map(|i| {
            let of = |document: &Json| document["root"]["transform"][i].as_f64().unwrap();
            (of(&with) - of(&without)).powi(2)
        })
        .sum();
    assert!((moved.sqrt() - separation_m).abs() < 0.05, "{moved}");
    let (with, without) = (heights(&raised).await, heights(&plain).await);
    assert!((f64::from(with[0] - without[0]) - separation_m).abs() < 0.05);
    // The hectare lies at 12.5 m.
    assert!(without[0] <= 12.5 && without[1] >= 12.5, "{without:?}");
    let layer = raised.get("/terrain/drone/layer.json").await.json();
    assert!(layer["description"].as_str().unwrap().contains("SWEN17"));
}

#[tokio::test]
async fn parts_come_compressed_and_are_not_sent_twice() {
    let town = town();
    for (path, media_type) in [
        ("/3dtiles/drone/tileset.json", "application/json"),
        (
            "/3dtiles/drone/subtrees/0/0/0/0.subtree",
            "application/octet-stream",
        ),
        ("/3dtiles/drone/points/0/0/0/0.glb", "model/gltf-binary"),
        (
            "/3dtiles/drone/1.0/0/0/0/0.pnts",
            "application/octet-stream",
        ),
        (
            "/terrain/drone/0/1/0.terrain",
            "application/vnd.quantized-mesh",
        ),
    ] {
        let gzip = ("accept-encoding", "gzip");
        let got = town.send(Method::GET, path, &[gzip]).await;
        assert_eq!(got.status, 200, "{path}");
        assert_eq!(got.header("content-type"), media_type);
        assert_eq!(got.header("content-encoding"), "gzip", "{path}");
        let tag = ("if-none-match", got.header("etag"));
        let again = town.send(Method::GET, path, &[gzip, tag]).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    }
}

#[tokio::test]
async fn colours_go_on_into_the_addresses_of_a_tileset() {
    let town = town();
    for (query, expected) in [
        ("", "glb"),
        ("?color=height", "glb?color=height"),
        (
            "?noise=true&color=intensity",
            "glb?color=intensity&noise=true",
        ),
    ] {
        let path = format!("/3dtiles/drone/tileset.json{query}");
        let document = town.get(&path).await.json();
        let uri = document["root"]["content"]["uri"].as_str().unwrap();
        assert_eq!(
            uri,
            format!("points/{{level}}/{{x}}/{{y}}/{{z}}.{expected}")
        );
        let content = uri.replace("{level}", "0").replace("{x}", "0");
        let content = content.replace("{y}", "0").replace("{z}", "0");
        let got = town.get(&format!("/3dtiles/drone/{content}")).await;
        assert!(got.body.starts_with(b"glTF"));
    }
    let got = town.get("/3dtiles/drone/tileset.json?color=blue").await;
    assert_eq!(got.status, 400);
    assert!(got.text().contains("rgb, class, height or intensity"));
}

#[tokio::test]
async fn parts_that_cannot_be_are_not_found() {
    let town = town();
    for path in [
        "/3dtiles/streets/tileset.json",
        "/3dtiles/drone/points/0/0/0/1.glb",
        "/3dtiles/drone/points/31/0/0/0.glb",
        "/3dtiles/drone/points/5/3/3/3.glb",
        "/3dtiles/drone/points/0/0/0/0.pnts",
        "/3dtiles/drone/points/-1/0/0/0.glb",
        "/3dtiles/drone/subtrees/1/0/0/0.subtree",
        "/3dtiles/drone/1.0/1/0/0/0.json",
        "/3dtiles/drone/1.0/0/0/0/0.glb",
        "/terrain/streets/layer.json",
        "/terrain/drone/0/2/0.terrain",
        "/terrain/drone/40/0/0.terrain",
        "/terrain/drone/0/0/x.terrain",
    ] {
        let got = town.get(path).await;
        assert_eq!(got.status, 404, "{path}: {}", got.text());
        assert_eq!(got.header("content-type"), "application/problem+json");
    }
}
