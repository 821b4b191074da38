//! Tiles: their addresses, which are empty, and the documents that describe them.

use super::{middle, tile_at, town};

#[tokio::test]
async fn rows_come_before_columns_in_ogc_paths_only() {
    let town = town();
    let (_, xyz, rows) = middle();
    let ogc = town
        .get(&format!(
            "/collections/streets/tiles/WebMercatorQuad/{rows}"
        ))
        .await;
    let xyz_tile = town.get(&format!("/tiles/streets/{xyz}.mvt")).await;
    let named = town
        .get(&format!("/tiles/streets/WebMercatorQuad/{xyz}.mvt"))
        .await;
    assert_eq!(ogc.status, 200);
    assert_eq!(ogc.body, xyz_tile.body);
    assert_eq!(ogc.body, named.body);
    let turned = town.get(&format!("/tiles/streets/{rows}.mvt")).await;
    assert_eq!(turned.status, 404);
}

#[tokio::test]
async fn an_empty_tile_is_204_inside_and_404_outside_and_terrain_is_never_204() {
    let town = town();
    // Between the two streets, in the box around both.
    let tile_at = |z, at| tile_at("WebMercatorQuad", z, at);
    let between = town
        .get(&format!("/tiles/streets/{}.mvt", tile_at(21, [50., 35.])))
        .await;
    assert_eq!(between.status, 204);
    assert!(between.body.is_empty());
    for path in [
        format!("/tiles/streets/{}.mvt", tile_at(15, [9000., 35.])),
        format!("/terrain/drone/{}.png", tile_at(15, [9000., 35.])),
        "/tiles/streets/0/1/0.mvt".to_owned(),
        "/tiles/streets/31/0/0.mvt".to_owned(),
        "/tiles/streets/-1/0/0.mvt".to_owned(),
        "/tiles/streets/Nowhere/0/0/0.mvt".to_owned(),
        "/tiles/streets/0/0/0.jpg".to_owned(),
        "/tiles/counts/0/0/0.mvt".to_owned(),
        "/tiles/drone/0/0/0.mvt".to_owned(),
    ] {
        let got = town.get(&path).await;
        assert_eq!(got.status, 404, "{path}");
        assert_eq!(got.json()["status"], 404);
    }
    // The whole world is one tile, most of it without data.
    for family in ["terrain", "hillshade"] {
        let got = town.get(&format!("/{family}/drone/0/0/0.png")).await;
        assert_eq!(got.status, 200, "{family}");
        assert!(got.body.starts_with(b"\x89PNG"));
    }
}

#[tokio::test]
async fn tilejson_tells_fields_bounds_and_levels() {
    let town = town();
    let ([lon, lat], ..) = middle();
    let json = town.get("/tiles/streets,signs.json").await.json();
    assert_eq!(json["tilejson"], "3.0.0");
    assert_eq!(json["vector_layers"][0]["id"], "streets");
    assert_eq!(
        json["vector_layers"][0]["fields"]["gatunamn"],
        "String: Gata"
    );
    assert_eq!(json["vector_layers"][1]["id"], "signs");
    let bounds: Vec<f64> = serde_json::from_value(json["bounds"].clone()).unwrap();
    assert!(bounds[0] < lon && lon < bounds[2], "{bounds:?}");
    assert!(bounds[1] < lat + 1e-6 && lat < bounds[3], "{bounds:?}");
    assert!(
        json["center"][2].as_f64().unwrap() >= 12.0,
        "{}",
        json["center"]
    );
    assert_eq!(json["minzoom"], 0);
    let whole = town.get("/tiles.json").await.json();
    let ids: Vec<&str> = whole["vector_layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        ["plans", "signs", "streets"],
        "departments in order, tables left out"
    );
    let terrain = town.get("/terrain/drone.json").await.json();
    assert_eq!(terrain["encoding"], "mapbox");
}
