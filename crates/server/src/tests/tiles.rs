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
async fn an_empty_tile_is_204_inside_and_404_outside_and_rasters_are_never_either() {
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
        "/terrain/drone/31/0/0.png".to_owned(),
        "/slope/drone/0/0/1.png".to_owned(),
        "/slope/streets/0/0/0.png".to_owned(),
        "/height/drone/Nowhere/0/0/0.png".to_owned(),
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
    for family in ["terrain", "hillshade", "slope", "aspect", "height"] {
        let got = town.get(&format!("/{family}/drone/0/0/0.png")).await;
        assert_eq!(got.status, 200, "{family}");
        assert!(got.body.starts_with(b"\x89PNG"));
        // Beyond the survey there is one flat tile, wherever it is asked for.
        let mut beyond = Vec::new();
        for at in [[9000., 35.], [-20_000., 500.]] {
            let path = format!("/{family}/drone/{}.webp", tile_at(15, at));
            let got = town.get(&path).await;
            assert_eq!(got.status, 200, "{path}");
            beyond.push(got.body);
        }
        assert_eq!(beyond[0], beyond[1], "{family}");
        assert!(beyond[0].len() < 1000, "{family}");
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

#[tokio::test]
async fn relief_is_lit_as_asked_and_elevations_told_as_asked() {
    let town = town();
    let (_, xyz, _) = middle();
    let mut seen = Vec::new();
    for query in [
        "",
        "?style=overlay",
        "?style=multi&altitude=30",
        "?style=multi-overlay&altitude=30",
        "?azimuth=90&altitude=30",
        "?altitude=60",
    ] {
        let got = town
            .get(&format!("/hillshade/drone/{xyz}.png{query}"))
            .await;
        assert_eq!(got.status, 200, "{query}: {}", got.text());
        let document = town.get(&format!("/hillshade/drone.json{query}")).await;
        let tiles = document.json()["tiles"][0].as_str().unwrap().to_owned();
        let asked = tiles.split_once('?').map_or("", |(_, query)| query);
        let mut parts: Vec<_> = asked.split('&').collect();
        parts.sort_unstable();
        let mut wanted: Vec<_> = query.trim_start_matches('?').split('&').collect();
        wanted.sort_unstable();
        assert_eq!(parts, wanted);
        seen.push(got.body);
    }
    seen.sort();
    seen.dedup();
    // Level ground is clear in both overlays, and as bright under lights of one height.
    assert_eq!(seen.len(), 4);
    for (query, parameter) in [
        ("azimuth=361", "azimuth"),
        ("azimuth=NaN", "azimuth"),
        ("azimuth=west", "azimuth"),
        ("style=multi&azimuth=90", "azimuth"),
        ("altitude=0", "altitude"),
        ("altitude=inf", "altitude"),
        ("style=dark", "style"),
        ("encoding=terrarium", "encoding"),
    ] {
        let got = town
            .get(&format!("/hillshade/drone/{xyz}.png?{query}"))
            .await;
        assert_eq!(got.status, 400, "{query}");
        assert!(got.text().contains(parameter), "{query}: {}", got.text());
    }
    let terrain = town
        .get("/terrain/drone.json?encoding=terrarium")
        .await
        .json();
    assert_eq!(terrain["encoding"], "terrarium");
    assert_eq!(terrain["tvilling:beyond_m"], 0.0);
    assert!(
        terrain["tiles"][0]
            .as_str()
            .unwrap()
            .ends_with(".png?encoding=terrarium")
    );
    let path = format!("/terrain/drone/{xyz}.png");
    let mapbox = town.get(&path).await.body;
    assert_ne!(
        town.get(&format!("{path}?encoding=terrarium")).await.body,
        mapbox
    );
    assert_eq!(
        town.get(&format!("{path}?encoding=mapbox")).await.body,
        mapbox
    );
    let slope = town.get("/slope/drone.json").await.json();
    assert_eq!(slope["tvilling:legend"]["unit"], "degree");
    assert_eq!(slope["tvilling:legend"]["stops"][0]["colour"], "#f7f7f7ff");
}

#[tokio::test]
async fn raster_tiles_come_in_every_tile_matrix_set() {
    let town = town();
    for set in geodesy::TileMatrixSet::all() {
        let at = tile_at(&set.id, 12, [50.0, 50.0]);
        for family in ["terrain", "hillshade", "slope"] {
            let path = format!("/{family}/drone/{}/{at}.png", set.id);
            let got = town.get(&path).await;
            assert_eq!(got.status, 200, "{path}");
        }
        // Where the ground is, it is not flat.
        let here = town
            .get(&format!("/terrain/drone/{}/{at}.png", set.id))
            .await;
        let beyond = town
            .get(&format!("/terrain/drone/{}/12/0/0.png", set.id))
            .await;
        assert_ne!(here.body, beyond.body, "{}", set.id);
    }
}

#[tokio::test]
async fn map_tiles_of_a_survey_are_its_relief_row_before_column() {
    let town = town();
    let (_, xyz, rows) = middle();
    let map = format!("/collections/drone/map/tiles/WebMercatorQuad/{rows}");
    let relief = format!("/hillshade/drone/{xyz}");
    for (f, end) in [("", ".png"), ("f=webp&", ".webp")] {
        let got = town.get(&format!("{map}?{f}style=multi")).await;
        let expected = town.get(&format!("{relief}{end}?style=multi")).await;
        assert_eq!((got.status.as_u16(), &got.body), (200, &expected.body));
    }
    let tilesets = town.get("/collections/drone/map/tiles").await.json();
    let first = &tilesets["tilesets"][0];
    assert_eq!(first["dataType"], "map");
    let streets = town.get("/collections/streets/map/tiles").await;
    assert_eq!(streets.status, 404);
}
