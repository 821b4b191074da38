//! ETag, 304, gzip, and what becomes of them when the twin changes.

use axum::http::Method;

use super::{middle, put_streets, town};

#[tokio::test]
async fn who_has_it_already_gets_304_and_head_gets_no_body() {
    let town = town();
    let (_, xyz, _) = middle();
    for path in [
        "/collections".to_owned(),
        "/collections/streets/items".to_owned(),
        "/tileMatrixSets/SWEREF99TM".to_owned(),
        format!("/tiles/streets/{xyz}.mvt"),
        format!("/hillshade/drone/{xyz}.png"),
    ] {
        for encoding in ["gzip", "identity"] {
            let accept = ("accept-encoding", encoding);
            let first = town.send(Method::GET, &path, &[accept]).await;
            let etag = first.header("etag").to_owned();
            assert!(etag.starts_with('"') && etag.len() > 10, "{path} {etag}");
            assert_eq!(
                first.header("vary"),
                "Accept, Accept-Encoding, Authorization, Origin"
            );
            let again = town
                .send(Method::GET, &path, &[accept, ("if-none-match", &etag)])
                .await;
            assert_eq!(again.status, 304, "{path}");
            assert!(again.body.is_empty());
            assert_eq!(again.header("etag"), etag);
            let other = town
                .send(Method::GET, &path, &[accept, ("if-none-match", "\"x\"")])
                .await;
            assert_eq!(other.status, 200, "{path}");
            let head = town.send(Method::HEAD, &path, &[accept]).await;
            assert_eq!(head.status, 200, "{path}");
            assert!(head.body.is_empty(), "{path}");
            assert_eq!(head.header("etag"), etag);
            assert_eq!(head.header("content-length"), first.body.len().to_string());
        }
    }
}

#[tokio::test]
async fn a_tile_is_gzipped_once_and_the_same_without() {
    use std::io::Read;
    let town = town();
    let (_, xyz, _) = middle();
    let path = format!("/tiles/streets,signs/{xyz}.mvt");
    let gzip = town
        .send(Method::GET, &path, &[("accept-encoding", "gzip, br")])
        .await;
    let plain = town.get(&path).await;
    assert_eq!(gzip.header("content-encoding"), "gzip");
    assert_eq!(plain.header("content-encoding"), "");
    assert_ne!(gzip.header("etag"), plain.header("etag"));
    let mut inflated = Vec::new();
    flate2::read::GzDecoder::new(gzip.body.as_slice())
        .read_to_end(&mut inflated)
        .unwrap();
    assert_eq!(inflated, plain.body);
    for layer in ["streets", "signs", "Storgatan", "synthetic"] {
        assert!(plain.text().contains(layer), "{layer} is in the tile");
    }
}

#[tokio::test]
async fn a_new_state_of_the_twin_is_served_at_once() {
    let town = town();
    let (_, xyz, _) = middle();
    let path = format!("/tiles/streets/{xyz}.mvt");
    let before = town.get(&path).await;
    assert!(before.text().contains("Storgatan"));
    put_streets(&town.twin, "Nygatan");
    let after = town.get(&path).await;
    assert!(after.text().contains("Nygatan") && !after.text().contains("Storgatan"));
    assert_ne!(before.header("etag"), after.header("etag"));
}
