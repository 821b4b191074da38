//! The documents that tell a client or a page what there is: landing page, API, collections,
//! styles, and the links between them.

use axum::http::{Method, StatusCode, header};

use super::{settings, town, town_with};
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
