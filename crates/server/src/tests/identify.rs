//! What a click is told.

use serde_json::Value as Json;

use super::{middle, town};

#[tokio::test]
async fn a_click_answers_nearest_first_with_heights_and_related_features() {
    let town = town();
    let ([lon, lat], ..) = middle();
    let path = format!("/identify?lon={lon}&lat={lat}&radius=3");
    let json = town.get(&path).await.json();
    assert_eq!(json["at"]["crs"], "EPSG:3014");
    assert!((json["at"]["lon"].as_f64().unwrap() - lon).abs() < 1e-6);
    assert_eq!(json["elevation"]["ground"], 12.5);
    assert_eq!(json["elevation"]["surface"], 20.0);
    assert_eq!(json["elevation"]["datum"], "RH2000 height (EPSG:5613)");
    assert_eq!(json["elevation"]["survey"], "drone");
    assert!(json["took_ms"].is_number());
    assert_eq!(json["left_out"], serde_json::json!([]), "{json}");
    let collections = json["collections"].as_array().unwrap();
    let ids: Vec<&str> = collections
        .iter()
        .map(|c| c["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["plans", "streets", "signs"]);
    let street = &collections[1]["features"][0];
    assert_eq!(collections[1]["title"], "Vägnät");
    assert_eq!(collections[1]["department"], "gata");
    assert_eq!(street["type"], "Feature");
    assert_eq!(street["properties"]["gatunamn"], "Storgatan");
    assert_eq!(street["geometry"]["type"], "LineString");
    assert!(street["distance_m"].as_f64().unwrap() < 0.01);
    assert_eq!(street["source"], "leverans.gpkg");
    assert_eq!(street["as_of"], "2026-11-21T12:00:00Z");
    let related = street["related"]["signs"].as_array().unwrap();
    assert_eq!(related.len(), 5);
    assert_eq!(related[0]["collection"], "signs");
    assert_eq!(related[0]["properties"]["typ"], "B2");
    assert!(street["related"].get("pipes").is_none());

    let staff = town.get_as_staff(&path).await.json();
    let street = staff["collections"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["id"] == "streets");
    assert_eq!(
        street.unwrap()["features"][0]["related"]["pipes"][0]["id"],
        1
    );

    // The same place in other words.
    for query in [
        "coords=153050,6919010&crs=EPSG:3014",
        "coords=6919010,153050&crs=EPSG:3014",
        &format!("coords={lon},{lat}&crs=CRS84"),
    ] {
        let path = format!("/identify?{query}&radius=3&collections=streets&geometry=false");
        let json = town.get(&path).await.json();
        assert_eq!(
            json["collections"].as_array().unwrap().len(),
            1,
            "{query}: {json}"
        );
        assert_eq!(json["collections"][0]["features"][0]["id"], 1, "{query}");
        assert_eq!(
            json["collections"][0]["features"][0]["geometry"],
            Json::Null
        );
    }
    // Far out, a pixel is wide.
    let path = format!("/identify?lon={lon}&lat={lat}&collections=streets&zoom=");
    let near = town.get(&(path.clone() + "20")).await.json();
    let far = town.get(&(path + "12")).await.json();
    assert_eq!(
        near["collections"][0]["features"].as_array().unwrap().len(),
        1
    );
    assert_eq!(
        far["collections"][0]["features"].as_array().unwrap().len(),
        2
    );
}
