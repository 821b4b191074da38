//! An operator's own tile matrix sets, beside those built in.

use geodesy::TileMatrixSet;
use model::TileCoord;

use super::{Limits, ServedTown, settings, town_with};

/// A grid of the town's CRS with tiles of 512 pixels, from level 1, whose second level is four
/// times as fine as its first.
const OWN: &str = r#"{
    "id": "kommun",
    "title": "Kommunens rutnät",
    "crs": "http://www.opengis.net/def/crs/EPSG/0/3014",
    "orderedAxes": ["N", "E"],
    "tileMatrices": [
        {"id": "1", "cellSize": 2.0, "pointOfOrigin": [6930000, 140000], "tileWidth": 512, "tileHeight": 512, "matrixWidth": 40, "matrixHeight": 40},
        {"id": "2", "cellSize": 0.5, "pointOfOrigin": [6930000, 140000], "tileWidth": 512, "tileHeight": 512, "matrixWidth": 160, "matrixHeight": 160}
    ]
}"#;

fn own() -> TileMatrixSet {
    TileMatrixSet::from_json(OWN).unwrap()
}

fn town() -> ServedTown {
    let mut settings = settings();
    settings.tile_matrix_sets.add(own()).unwrap();
    town_with(Limits::default(), settings)
}

/// The tile of a level over the middle of the town.
fn tile(z: u8) -> TileCoord {
    let [x, y] = fixtures::ORIGIN;
    own().tile_at(z, [x + 50.0, y + 10.0]).unwrap()
}

#[tokio::test]
async fn an_own_set_is_listed_and_told_as_those_built_in() {
    let town = town();
    let sets = town.get("/tileMatrixSets").await.json();
    let sets = sets["tileMatrixSets"].as_array().unwrap();
    assert_eq!(sets.last().unwrap()["id"], "kommun");
    assert_eq!(sets.last().unwrap()["title"], "Kommunens rutnät");
    let told = town.get("/tileMatrixSets/kommun").await;
    assert_eq!(TileMatrixSet::from_json(&told.text()), Ok(own()));
    for path in ["/collections/streets/tiles", "/collections/drone/map/tiles"] {
        let tilesets = town.get(path).await.json();
        let tilesets = tilesets["tilesets"].as_array().unwrap();
        assert_eq!(tilesets.len(), sets.len(), "{path}");
        let text = tilesets.last().unwrap().to_string();
        assert!(text.contains("/tileMatrixSets/kommun"), "{text}");
        let one = town.get(&format!("{path}/kommun")).await;
        assert_eq!(one.status, 200, "{path}");
    }
    let without = super::town().get("/tileMatrixSets/kommun").await;
    assert_eq!(without.status, 404);
}

#[tokio::test]
async fn tiles_of_all_kinds_come_in_an_own_set_and_as_large_as_it_says() {
    let town = town();
    for z in [1, 2] {
        let at = tile(z);
        let (x, y) = (at.x(), at.y());
        let vector = town.get(&format!("/tiles/streets/kommun/{at}.mvt")).await;
        assert_eq!(vector.status, 200, "{at}");
        assert!(vector.text().contains("Storgatan"));
        let ogc = format!("/collections/streets/tiles/kommun/{z}/{y}/{x}");
        assert_eq!(town.get(&ogc).await.body, vector.body);
        let mlt = town.get(&format!("/tiles/streets/kommun/{at}.mlt")).await;
        assert_eq!(mlt.status, 200, "{at}");
        for family in ["terrain", "hillshade", "slope", "difference/drone"] {
            let path = format!("/{family}/drone/kommun/{at}.png");
            let got = town.get(&path).await;
            assert_eq!(got.status, 200, "{path}: {}", got.text());
            // PNG's header: width and height.
            assert_eq!(got.body[16..24], [0, 0, 2, 0, 0, 0, 2, 0], "{path}");
        }
    }
    // Levels that it has, and no others.
    for path in [
        "/tiles/streets/kommun/0/0/0.mvt",
        "/tiles/streets/kommun/3/0/0.mvt",
        "/tiles/streets/kommun/1/40/0.mvt",
    ] {
        assert_eq!(town.get(path).await.status, 404, "{path}");
    }
    // One beyond the survey is flat, and as large.
    let beyond = town.get("/terrain/drone/kommun/1/0/0.png").await;
    assert_eq!(beyond.status, 200);
    assert_eq!(beyond.body[16..24], [0, 0, 2, 0, 0, 0, 2, 0]);
}
