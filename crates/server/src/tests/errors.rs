//! Problem documents: for a bad parameter, and for what is not there.

use axum::http::Method;

use super::town;

#[tokio::test]
async fn a_bad_parameter_is_named_with_its_value_and_what_is_allowed() {
    let town = town();
    for (path, parameter) in [
        ("/collections/streets/items?limit=0", "limit"),
        ("/collections/streets/items?limit=ten", "limit"),
        ("/collections/streets/items?limit=1&limit=2", "limit"),
        ("/collections/streets/items?bbox=1,2,3", "bbox"),
        ("/collections/streets/items?bbox=3,0,1,1", "bbox"),
        ("/collections/streets/items?bbox=1,2,3,NaN", "bbox"),
        (
            "/collections/streets/items?bbox=1,2,3,4&bbox-crs=EPSG:0",
            "bbox-crs",
        ),
        ("/collections/streets/items?colour=red", "colour"),
        (
            "/collections/streets/items?datetime=2026-01-01/2025-01-01",
            "datetime",
        ),
        ("/collections/streets/items?f=xml", "f"),
        ("/collections/streets/items?after=x", "after"),
        ("/collections?f=html", "f"),
        ("/tiles.json?x=1", "x"),
        ("/?f=pdf", "f"),
        ("/identify?lon=17.25", "lat"),
        ("/identify?lon=abc&lat=1", "lon"),
        ("/identify?lon=200&lat=1", "lon"),
        ("/identify?coords=1,2", "crs"),
        ("/identify?coords=1&crs=EPSG:3006", "coords"),
        ("/identify?coords=1,2&crs=nonsense", "crs"),
        ("/identify?lon=1&lat=1&coords=1,2", "coords"),
        ("/identify?lon=1&lat=1&radius=-1", "radius"),
        ("/identify?lon=1&lat=1&radius=99999", "radius"),
        ("/identify?lon=1&lat=1&radius=1&zoom=1", "radius"),
        ("/identify?lon=1&lat=1&asof=lately", "asof"),
        ("/identify?lon=1&lat=1&datetime=..", "datetime"),
        ("/identify", "lon"),
    ] {
        let got = town.get(path).await;
        assert_eq!(got.status, 400, "{path}: {}", got.text());
        assert_eq!(got.header("content-type"), "application/problem+json");
        let json = got.json();
        assert_eq!(json["parameter"], parameter, "{path}: {json}");
        assert_ne!(json["allowed"], "", "{path}: {json}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_document_with_the_headers_of_all_answers() {
    let town = town();
    for (method, path, status) in [
        (Method::GET, "/nothing", 404),
        (Method::GET, "/collections/streets/nothing", 404),
        (Method::GET, "/collections/%ff", 404),
        (Method::GET, "/assets/../../secret", 404),
        (Method::GET, "/fonts/No%20Such/0-255.pbf", 404),
        (Method::POST, "/collections", 405),
        (Method::DELETE, "/collections/streets", 405),
    ] {
        let got = town.send(method, path, &[]).await;
        assert_eq!(got.status.as_u16(), status, "{path}");
        assert_eq!(
            got.header("content-type"),
            "application/problem+json",
            "{path}"
        );
        assert_eq!(got.json()["status"], status, "{path}");
        assert_eq!(got.header("x-content-type-options"), "nosniff");
        assert_eq!(got.header("access-control-allow-origin"), "*");
        assert_eq!(got.header("cache-control"), "no-store");
        assert_ne!(got.header("x-request-id"), "");
        assert!(
            got.header("content-security-policy")
                .contains("default-src 'self'")
        );
    }
    let long = format!("/collections?f={}", "x".repeat(9000));
    assert_eq!(town.get(&long).await.status, 414);
}
