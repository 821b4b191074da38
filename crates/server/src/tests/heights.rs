//! Heights at a place, along a line and in a polygon, and what changed between surveys.

use axum::http::Method;
use fixtures::{ORIGIN, hectare, points};
use model::{Survey, VerticalDatum};
use serde_json::{Value as Json, json};

use super::{lonlat, middle, tile_at, town};

/// The corner of a square metre, in metres from the origin, as the twin has it.
fn at(east: f64, north: f64) -> String {
    format!("{} {}", ORIGIN[0] + east, ORIGIN[1] + north)
}

/// A square as WKT in an address.
fn square(east: f64, north: f64, side: f64) -> String {
    let corners = [(0., 0.), (side, 0.), (side, side), (0., side), (0., 0.)];
    let corners: Vec<String> = corners
        .iter()
        .map(|(e, n)| at(east + e, north + n))
        .collect();
    format!("crs=EPSG:3014&polygon=POLYGON(({}))", corners.join(",")).replace(' ', "%20")
}

#[tokio::test]
async fn a_height_tells_survey_datum_and_support_and_agrees_with_the_click() {
    let town = town();
    let ([lon, lat], ..) = middle();
    let place = format!("lon={lon}&lat={lat}");
    let json = town
        .get(&format!("/terrain/drone/height?{place}"))
        .await
        .json();
    assert_eq!(json["survey"], "drone");
    assert_eq!(json["datum"], "RH2000 height (EPSG:5613)");
    assert_eq!(json["radius_m"], 2.0);
    assert_eq!(json["ground"]["elevation_m"], 12.5);
    assert_eq!(json["surface"]["elevation_m"], 20.0);
    assert_eq!(json["height_above_ground_m"], 7.5);
    // The fixture's two points lie in the corners: here, all is filled.
    assert_eq!(json["ground"]["points"], 0);
    assert_eq!(json["ground"]["filled"], true);
    assert_eq!(json["ground"]["spread_m"], Json::Null);
    let click = town.get(&format!("/identify?{place}")).await.json();
    assert_eq!(click["elevation"]["ground"], json["ground"]["elevation_m"]);
    assert_eq!(
        click["elevation"]["surface"],
        json["surface"]["elevation_m"]
    );
    assert_eq!(
        click["elevation"]["height_above_ground"],
        json["height_above_ground_m"]
    );
    assert_eq!(click["elevation"]["datum"], json["datum"]);
    // The same place in other words.
    let other = town
        .get("/terrain/drone/height?coords=153050,6919010&crs=EPSG:3014")
        .await
        .json();
    assert_eq!(other["ground"], json["ground"]);
    let outside = town.get("/terrain/drone/height?lon=10&lat=60").await.json();
    assert_eq!(outside["ground"], Json::Null);
    for bad in [
        "",
        "lon=1",
        "lon=1&lat=2&radius=0",
        "lon=1&lat=2&radius=1000",
        "coords=1,2",
        "lon=x&lat=1",
        "radius=NaN&lon=1&lat=1",
    ] {
        let got = town.get(&format!("/terrain/drone/height?{bad}")).await;
        assert_eq!(got.status, 400, "{bad}: {}", got.text());
    }
    let layer = town.get(&format!("/terrain/streets/height?{place}")).await;
    assert_eq!(layer.status, 404);
}

#[tokio::test]
async fn a_profile_is_json_or_a_picture_in_the_language_of_the_caller() {
    let town = town();
    let [a, b] = [lonlat([10.0, 50.0]), lonlat([90.0, 50.0])];
    let path = format!(
        "/terrain/drone/profile?coords={},{};{},{}",
        a[0], a[1], b[0], b[1]
    );
    let json = town.get(&format!("{path}&step=1")).await.json();
    assert!((json["length_m"].as_f64().unwrap() - 80.0).abs() < 0.01);
    let samples = &json["samples"];
    let ground = samples["ground_m"].as_array().unwrap();
    assert!((81..=82).contains(&ground.len()), "{}", ground.len());
    assert!(ground.iter().all(|metres| *metres == 12.5));
    assert_eq!(
        samples["distance_m"].as_array().unwrap().len(),
        ground.len()
    );
    assert_eq!(samples["lonlat"].as_array().unwrap().len(), ground.len());
    assert_eq!(json["points"]["most"], 20_000);
    for (query, header, words) in [
        ("&f=svg", ("accept-language", "sv"), "Höjd (m)"),
        ("&f=svg", ("accept-language", "en"), "Elevation (m)"),
        ("&f=svg&lang=en", ("accept-language", "sv"), "Elevation (m)"),
        ("", ("accept", "image/svg+xml,*/*;q=0.5"), "Höjd (m)"),
    ] {
        let got = town
            .send(Method::GET, &format!("{path}{query}"), &[header])
            .await;
        assert_eq!(got.status, 200);
        assert_eq!(got.header("content-type"), "image/svg+xml");
        let svg = got.text();
        for word in [words, "RH2000 height", "drone"] {
            assert!(svg.contains(word), "{word}: {svg}");
        }
    }
    let wkt = format!("LINESTRING({},{})", at(10., 50.), at(90., 50.)).replace(' ', "%20");
    let same = town
        .get(&format!(
            "/terrain/drone/profile?crs=EPSG:3014&step=1&coords={wkt}"
        ))
        .await
        .json();
    assert!((same["length_m"].as_f64().unwrap() - 80.0).abs() < 1e-9);
    let far = town
        .get("/terrain/drone/profile?coords=10,60;10.001,60&f=svg")
        .await;
    assert!(far.text().contains("utanför"), "{}", far.text());
    for bad in [
        "",
        "coords=1",
        "coords=17,62;17,62",
        "coords=17,62;18,62",
        &format!("coords={},{};{},{}&step=0", a[0], a[1], b[0], b[1]),
        &format!("coords={},{};{},{}&corridor=1000", a[0], a[1], b[0], b[1]),
        &format!("coords={},{};{},{}&lang=de", a[0], a[1], b[0], b[1]),
    ] {
        let got = town.get(&format!("/terrain/drone/profile?{bad}")).await;
        assert_eq!(got.status, 400, "{bad}: {}", got.text());
    }
}

#[tokio::test]
async fn a_volume_is_asked_by_text_or_body_against_a_plane_or_a_survey() {
    let town = town();
    let area = square(10.0, 10.0, 20.0);
    let json = town
        .get(&format!("/terrain/drone/volume?base=10.5&{area}"))
        .await
        .json();
    assert_eq!(json["fill_m3"], 800.0);
    assert_eq!(json["cut_m3"], 0.0);
    assert_eq!(json["net_m3"], 800.0);
    assert_eq!(json["area_m2"], 400.0);
    assert_eq!(json["mean_difference_m"], 2.0);
    assert_eq!(json["cells_without_data"], 0);
    assert_eq!(json["datum"], "RH2000 height (EPSG:5613)");
    assert!(json["uncertainty"]["net_m3"].as_f64().unwrap() >= 20.0);
    assert!(
        json["uncertainty"]["statement"]
            .as_str()
            .unwrap()
            .contains("Assumed")
    );
    let surface = format!("/terrain/drone/volume?base=10.5&heights=surface&{area}");
    assert_eq!(town.get(&surface).await.json()["fill_m3"], 3800.0);

    let ring: Vec<[f64; 2]> = [[10., 10.], [30., 10.], [30., 30.], [10., 30.], [10., 10.]]
        .map(lonlat)
        .into();
    let body = json!({ "type": "Polygon", "coordinates": [ring] }).to_string();
    let posted = town
        .post("/terrain/drone/volume?base=10.5", body.as_bytes())
        .await;
    assert_eq!(posted.status, 200, "{}", posted.text());
    let fill = posted.json()["fill_m3"].as_f64().unwrap();
    assert!((fill - 800.0).abs() < 1.0, "{fill}");

    // What rose by two metres since the survey before.
    let before = hectare(0.0, 10.5);
    let known = VerticalDatum::Known {
        code: "EPSG:5613".to_owned(),
        name: "RH2000 height".to_owned(),
    };
    for (name, vertical) in [
        ("secret_before", known),
        ("secret_unknown", VerticalDatum::Unknown),
    ] {
        let survey = Survey {
            vertical,
            ..fixtures::survey(name, &before)
        };
        let batch = points([([ORIGIN[0] + 1.0, ORIGIN[1] + 1.0, 10.5], 2)]);
        town.twin.put_survey_of(survey, &batch, &before, &before);
    }
    let path = format!("/terrain/drone/volume?against=secret_before&{area}");
    let json = town.get_as_staff(&path).await.json();
    assert_eq!(json["fill_m3"], 800.0);
    assert_eq!(json["against"]["survey"], "secret_before");
    assert_eq!(town.get(&path).await.status, 404);
    let mixed = town
        .get_as_staff(&path.replace("secret_before", "secret_unknown"))
        .await;
    assert_eq!(mixed.status, 400);
    assert!(mixed.text().contains("unknown datum"), "{}", mixed.text());

    for bad in [
        area.clone(),
        format!("base=1&against=drone&{area}"),
        format!("base=x&{area}"),
        "base=1".to_owned(),
        "base=1&polygon=POINT(1%202)".to_owned(),
        format!("base=1&heights=roofs&{area}"),
        format!("base=1&{}", square(5_000.0, 0.0, 20.0)),
        "base=1&polygon=POLYGON((17%2062,17%2062,17%2062))".to_owned(),
    ] {
        let got = town.get(&format!("/terrain/drone/volume?{bad}")).await;
        assert_eq!(got.status, 400, "{bad}: {}", got.text());
    }
    let huge = vec![b' '; 100 << 10];
    let got = town.post("/terrain/drone/volume?base=1", &huge).await;
    assert_eq!(got.status, 413);
    let got = town.post("/terrain/drone/volume?base=1", b"{}").await;
    assert_eq!(got.status, 400);
}

#[tokio::test]
async fn a_difference_has_tiles_and_a_legend_for_those_who_see_both_surveys() {
    let town = town();
    let before = hectare(0.0, 10.5);
    let survey = Survey {
        vertical: VerticalDatum::Known {
            code: "EPSG:5613".to_owned(),
            name: "RH2000 height".to_owned(),
        },
        ..fixtures::survey("secret_before", &before)
    };
    town.twin.put_survey(survey, &before, &before);
    let json = town
        .get_as_staff("/difference/drone/secret_before.json")
        .await
        .json();
    assert_eq!(json["tvilling:later"]["survey"], "drone");
    let legend = &json["tvilling:legend"];
    assert_eq!(legend["rose"][0]["from_m"], json["tvilling:clear_below_m"]);
    assert_eq!(legend["fell"][4]["to_m"], -0.15);
    assert_eq!(legend["fell"][0]["from_m"], Json::Null);
    let tile = tile_at("WebMercatorQuad", 17, [50.0, 50.0]);
    let path = format!("/difference/drone/secret_before/{tile}.png");
    let rose = town.get_as_staff(&path).await;
    assert_eq!(rose.status, 200);
    let turned = format!("/difference/secret_before/drone/{tile}.png");
    let fell = town.get_as_staff(&turned).await;
    assert!(rose.body.starts_with(b"\x89PNG"));
    assert_ne!(rose.body, fell.body);
    let web_mercator = path.replace(&tile.to_string(), &format!("WebMercatorQuad/{tile}"));
    assert_eq!(town.get_as_staff(&web_mercator).await.body, rose.body);
    for path in [path, turned] {
        assert_eq!(town.get(&path).await.status, 404, "{path}");
    }
    for set in geodesy::TileMatrixSet::all() {
        let tile = tile_at(&set.id, 14, [50.0, 50.0]);
        let of = |earlier: &str| format!("/difference/drone/{earlier}/{}/{tile}.png", set.id);
        let rose = town.get_as_staff(&of("secret_before")).await;
        let same = town.get_as_staff(&of("drone")).await;
        assert_eq!((rose.status.as_u16(), same.status.as_u16()), (200, 200));
        assert_ne!(rose.body, same.body, "{}", set.id);
    }
    // Nothing lies between a survey and itself.
    let same = format!("/difference/drone/drone/{tile}.png");
    let same = town.get(&same).await;
    assert_eq!(same.status, 200);
    assert_ne!(same.body, rose.body);
    let far = tile_at("WebMercatorQuad", 17, [5000.0, 50.0]);
    let far = town
        .get(&format!("/difference/drone/drone/{far}.png"))
        .await;
    assert_eq!(far.status, 404);
}
