//! The documents that tell a client or a page what there is: landing page, API, collections,
//! styles, and the links between them.

use axum::http::{Method, StatusCode, header};

use super::{lonlat, middle, settings, town, town_with};
use crate::Limits;

/// Whether the page was built or not, a browser gets one that loads nothing from elsewhere.
#[tokio::test]
async fn a_browser_gets_a_page() {
    let town = town();
    let accept = [("accept", "text/html,*/*;q=0.8")];
    let page = town.send(Method::GET, "/?lon=1", &accept).await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.text().contains("<html"));
    assert!(
        !page.text().contains("<script>"),
        "the policy forbids scripts in the page"
    );
    let json = town.get("/").await.json();
    let rels: Vec<&str> = json["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["rel"].as_str().unwrap())
        .collect();
    for rel in ["self", "service-desc", "conformance", "data"] {
        assert!(rels.contains(&rel), "{rel}");
    }
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.headers.get(header::CONTENT_ENCODING), None);
}

#[tokio::test]
async fn the_api_document_lists_every_route_and_no_other() {
    let town = town();
    let json = town.get("/api").await.json();
    let mut told: Vec<&str> = json["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut there: Vec<String> = crate::router::routes()
        .iter()
        .map(|(path, _)| path.replace("{*", "{"))
        .collect();
    told.sort_unstable();
    there.sort_unstable();
    assert_eq!(told, there);
}

#[tokio::test]
async fn links_lead_to_where_the_caller_reaches_us() {
    let town = town();
    let headers = [
        ("host", "10.0.0.1:8080"),
        ("forwarded", "proto=https;host=karta.example.se"),
        ("x-forwarded-prefix", "/twin"),
    ];
    let outside = "https://karta.example.se/twin/";
    for path in [
        "/",
        "/api",
        "/collections",
        "/collections/streets",
        "/collections/streets/items",
        "/collections/streets/tiles",
        "/tileMatrixSets",
        "/tiles/streets.json",
        "/hillshade/drone.json",
        "/styles",
        "/styles/tvilling/style.json",
    ] {
        let got = town.send(Method::GET, path, &headers).await;
        let text = got.text();
        assert!(
            text.contains("https://karta.example.se/twin"),
            "{path}: {text}"
        );
        assert!(!text.contains("10.0.0.1"), "{path}");
        for link in text
            .split('"')
            .filter(|t| t.starts_with("http") && t.contains("karta"))
        {
            assert!(
                (link.to_owned() + "/").starts_with(outside),
                "{path}: {link}"
            );
        }
    }
    let mut own = settings();
    own.public_url = Some("https://twin.example.se".to_owned());
    let town = town_with(Limits::default(), own);
    let got = town
        .send(Method::GET, "/tiles/streets.json", &headers)
        .await;
    let tiles = got.json()["tiles"][0].as_str().unwrap().to_owned();
    assert_eq!(
        tiles,
        "https://twin.example.se/tiles/streets/{z}/{x}/{y}.mvt"
    );
}

#[tokio::test]
async fn collections_tell_the_page_what_it_needs() {
    let town = town();
    let json = town.get("/collections").await.json();
    let streets = json["collections"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["id"] == "streets")
        .unwrap();
    assert_eq!(streets["tvilling:title"]["en"], "Road network");
    assert_eq!(streets["tvilling:department"]["title"]["sv"], "Gata");
    assert!(
        streets["tvilling:department"]["colour"]
            .as_str()
            .unwrap()
            .starts_with('#')
    );
    assert_eq!(streets["tvilling:synthetic"], true);
    assert_eq!(streets["tvilling:kind"], "features");
    assert_eq!(
        streets["storageCrs"],
        "http://www.opengis.net/def/crs/EPSG/0/3014"
    );
    assert_eq!(
        streets["extent"]["spatial"]["bbox"][0]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    let schema = town.get("/collections/streets/schema").await.json();
    let names: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["gatunamn", "link_id", "data_origin", "geometry"]);
    assert_eq!(
        schema["properties"]["gatunamn"]["tvilling:title"]["en"],
        "Street"
    );
    assert_eq!(schema["tvilling:label"], "gatunamn");
}

/// Fills in a template (RFC 6570, `{name}` and `{?name,name}`) with what is known by name.
fn filled(template: &str, values: &[(&str, String)]) -> String {
    let value = |name: &str| values.iter().find(|(known, _)| *known == name);
    let mut out = String::new();
    for part in template.split('}') {
        let (text, names) = part.split_once('{').unwrap_or((part, ""));
        out.push_str(text);
        if let Some(names) = names.strip_prefix('?') {
            let pairs = names.split(',').filter_map(value);
            let pairs: Vec<_> = pairs
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            out.push('?');
            out.push_str(&pairs.join("&"));
        } else if !names.is_empty() {
            out.push_str(&value(names).unwrap().1);
        }
    }
    out
}

#[tokio::test]
async fn the_page_of_a_survey_links_to_all_that_it_offers() {
    let town = town();
    let ([lon, lat], ..) = middle();
    let [east, north] = lonlat([90.0, 90.0]);
    let values = [
        ("lon", lon.to_string()),
        ("lat", lat.to_string()),
        ("earlier", "drone".to_owned()),
    ];
    let line = [("coords", format!("{lon},{lat};{east},{north}"))];
    let ring = format!("{lon}%20{lat},{east}%20{lat},{east}%20{north},{lon}%20{lat}");
    let area = [
        ("polygon", format!("POLYGON(({ring}))")),
        ("base", "10".to_owned()),
    ];
    let json = town.get("/collections/drone").await.json();
    let mut told = Vec::new();
    for link in json["links"].as_array().unwrap() {
        let href = link["href"].as_str().unwrap();
        let path = href.strip_prefix("http://localhost").unwrap();
        assert_eq!(link["templated"] == true, path.contains('{'), "{link}");
        let path = match path {
            _ if path.contains("/profile") => filled(path, &line),
            _ if path.contains("/volume") => filled(path, &area),
            _ => filled(path, &values),
        };
        let got = town.get(&path).await;
        assert_eq!(got.status, 200, "{path}: {}", got.text());
        assert_eq!(link["type"], got.header("content-type"), "{path}");
        told.push(path.split('?').next().unwrap().to_owned());
    }
    // All documents, answers and files of surveys that there are; tiles are reached through
    // documents.
    let there = crate::router::routes();
    for (route, _) in there {
        let of_survey = ["{survey}", "/surveys/{id}", "/map/tiles", "/difference"];
        let path = match route {
            "/terrain/{file}" | "/hillshade/{file}" | "/slope/{file}" | "/aspect/{file}"
            | "/height/{file}" => route.replace("{file}", "drone.json"),
            _ if of_survey.iter().any(|part| route.contains(part)) => route
                .replace("{survey}", "drone")
                .replace("{id}", "drone")
                .replace("{later}/{file}", "drone/drone.json"),
            _ => continue,
        };
        if !path.contains('{') {
            assert!(told.contains(&path), "{path} is not in {told:?}");
        }
    }
}

#[tokio::test]
async fn the_style_draws_what_is_seen_from_sources_that_are_there() {
    let town = town();
    let style = town.get("/styles/tvilling/style.json").await.json();
    assert_eq!(style["version"], 8);
    let sources = style["sources"].as_object().unwrap();
    for source in sources.values() {
        let url = source["url"]
            .as_str()
            .unwrap()
            .replace("http://localhost", "");
        assert_eq!(town.get(&url).await.status, 200, "{url}");
    }
    let layers = style["layers"].as_array().unwrap();
    let mut ids: Vec<&str> = layers.iter().map(|l| l["id"].as_str().unwrap()).collect();
    for layer in layers.iter().skip(1) {
        assert!(
            sources.contains_key(layer["source"].as_str().unwrap()),
            "{layer}"
        );
        assert!(
            layer["metadata"]["tvilling:collection"].is_string(),
            "{layer}"
        );
    }
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "each layer has its own id");
    for id in [
        "streets-casing",
        "streets-ramp",
        "signs-dot",
        "plans-fill",
        "drone-hillshade",
    ] {
        assert!(ids.contains(&id), "{id} in {ids:?}");
    }
    assert_eq!(town.get("/styles/other/style.json").await.status, 404);
}
