//! Features of a collection: page by page, by box, and one by one.

use super::{SIGNS, lonlat, town};

#[tokio::test]
async fn pages_follow_each_other_to_the_end_without_gaps() {
    let town = town();
    let mut path = "/collections/signs/items?limit=10&f=json".to_owned();
    let mut ids = Vec::new();
    for page in 0.. {
        assert!(page < 10, "there is an end");
        let got = town.get(&path).await;
        assert_eq!(got.status, 200, "{path}: {}", got.text());
        assert_eq!(got.header("content-type"), "application/geo+json");
        got.text().parse::<geojson::FeatureCollection>().unwrap();
        let json = got.json();
        assert_eq!(json["numberMatched"], SIGNS);
        let features = json["features"].as_array().unwrap();
        assert_eq!(json["numberReturned"], features.len());
        ids.extend(features.iter().map(|f| f["id"].as_u64().unwrap()));
        let links = json["links"].as_array().unwrap();
        match links.iter().find(|link| link["rel"] == "next") {
            Some(next) => {
                let href = next["href"].as_str().unwrap();
                path = href.strip_prefix("http://localhost").unwrap().to_owned();
            }
            None => break,
        }
    }
    let mut distinct = ids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(ids, distinct, "by id, each once");
    assert_eq!(ids.len() as u64, SIGNS);
}

#[tokio::test]
async fn a_box_chooses_features_in_any_crs_and_either_order_of_swedish_axes() {
    let town = town();
    let [west, south] = lonlat([0.0, 50.0]);
    let [east, north] = lonlat([100.0, 70.0]);
    let uri = "http://www.opengis.net/def/crs/EPSG/0/3014";
    for query in [
        format!("bbox={west},{south},{east},{north}"),
        format!("bbox={west},{south},0,{east},{north},100"),
        format!("bbox=153000,6919050,153100,6919070&bbox-crs={uri}"),
        format!("bbox=6919050,153000,6919070,153100&bbox-crs={uri}"),
        "bbox=6919050,153000,6919070,153100&bbox-crs=EPSG:3014".to_owned(),
        format!("bbox={south},{west},{north},{east}&bbox-crs=EPSG:4326"),
    ] {
        let got = town
            .get(&format!("/collections/streets/items?{query}"))
            .await;
        let json = got.json();
        assert_eq!(json["numberMatched"], 1, "{query}: {json}");
        assert_eq!(json["features"][0]["properties"]["gatunamn"], "Åsgatan");
    }
    let far = town.get("/collections/streets/items?bbox=0,0,1,1").await;
    assert_eq!(far.json()["numberMatched"], 0);
}

#[tokio::test]
async fn a_feature_goes_by_its_number_or_the_departments_key() {
    let town = town();
    let by_key = town.get("/collections/signs/items/S7").await.json();
    let number = by_key["id"].as_u64().unwrap();
    let by_number = town
        .get(&format!("/collections/signs/items/{number}"))
        .await;
    assert_eq!(by_number.json(), by_key);
    assert_eq!(by_key["properties"]["typ"], "B2");
    let missing = town.get("/collections/signs/items/nothing").await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn rings_wind_as_geojson_wants() {
    let town = town();
    let json = town.get("/collections/plans/items/1").await.json();
    let ring = json["geometry"]["coordinates"][0]
        .as_array()
        .unwrap()
        .clone();
    let at = |i: usize| [0, 1].map(|k| ring[i][k].as_f64().unwrap());
    let area: f64 = (0..ring.len() - 1)
        .map(|i| at(i)[0] * at(i + 1)[1] - at(i + 1)[0] * at(i)[1])
        .sum();
    assert!(area > 0.0, "against the clock: {ring:?}");
}
