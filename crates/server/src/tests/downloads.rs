//! Files by range of bytes.

use axum::http::Method;

use super::town;

const POINTS: &str = "/surveys/drone/points.copc.laz";

#[tokio::test]
async fn points_come_whole_or_by_range_of_bytes() {
    let town = town();
    let whole = town.get(POINTS).await;
    assert_eq!(whole.status, 200);
    assert!(whole.body.starts_with(b"LASF"));
    assert_eq!(whole.header("content-type"), "application/vnd.laszip+copc");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let len = whole.body.len();
    assert_eq!(whole.header("content-length"), len.to_string());

    for (range, first, last) in [
        ("bytes=0-374", 0, 374),
        ("bytes=375-588", 375, 588),
        ("bytes=600-", 600, len - 1),
        ("bytes=-60", len - 60, len - 1),
        ("bytes=0-99999999", 0, len - 1),
    ] {
        let part = town.send(Method::GET, POINTS, &[("range", range)]).await;
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(part.body, &whole.body[first..=last], "{range}");
        assert_eq!(
            part.header("content-range"),
            format!("bytes {first}-{last}/{len}")
        );
        assert_eq!(
            part.header("content-length"),
            (last + 1 - first).to_string()
        );
        assert_eq!(part.header("etag"), whole.header("etag"));
    }
    let beyond = format!("bytes={len}-");
    let got = town.send(Method::GET, POINTS, &[("range", &beyond)]).await;
    assert_eq!(got.status, 416);
    assert_eq!(got.header("content-range"), format!("bytes */{len}"));
    assert_eq!(got.header("content-type"), "application/problem+json");
    let several = [("range", "bytes=0-1,5-6")];
    let got = town.send(Method::GET, POINTS, &several).await;
    assert_eq!((got.status.as_u16(), got.body.len()), (200, len));
}

#[tokio::test]
async fn a_range_of_another_state_of_the_file_gives_it_whole() {
    let town = town();
    let whole = town.get(POINTS).await;
    let etag = whole.header("etag").to_owned();
    assert!(etag.starts_with('"'), "{etag}");
    for (state, expected) in [
        (etag.as_str(), 206),
        ("\"another\"", 200),
        ("Sat, 21 Nov 2026 12:00:00 GMT", 200),
    ] {
        let headers = [("range", "bytes=0-9"), ("if-range", state)];
        let got = town.send(Method::GET, POINTS, &headers).await;
        assert_eq!(got.status, expected, "{state}");
    }
    let headers = [("if-none-match", etag.as_str()), ("range", "bytes=0-9")];
    let known = town.send(Method::GET, POINTS, &headers).await;
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    assert_eq!(known.header("etag"), etag);
}

#[tokio::test]
async fn head_tells_length_and_state_without_a_body() {
    let town = town();
    let whole = town.get(POINTS).await;
    let range = [("range", "bytes=0-9")];
    let head = town.send(Method::HEAD, POINTS, &range).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    for name in ["content-length", "etag", "accept-ranges", "content-type"] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
    }
}

#[tokio::test]
async fn a_survey_links_to_its_points() {
    let town = town();
    let survey = town.get("/collections/drone").await.json();
    let links = survey["links"].as_array().unwrap();
    let points = links
        .iter()
        .find(|link| link["rel"] == "enclosure")
        .unwrap();
    assert!(points["href"].as_str().unwrap().ends_with(POINTS));
}
