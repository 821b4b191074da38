//! Edits, what they need, and who hears of them.

use axum::body::Body;
use axum::http::{Method, Request};
use model::Role;
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use super::{Got, ServedTown, lonlat, middle, town};

impl ServedTown {
    fn key_of(&self, name: &str, role: Role) -> String {
        let keys = store::keys::Keys::open(self.twin.path()).unwrap();
        keys.add(name, role).unwrap()
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        headers: &[(&str, &str)],
        body: &Json,
    ) -> Got {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            Body::from(body.to_string())
        };
        self.answer_to(request.body(body).unwrap()).await
    }
}

fn sign(x: f64, kind: &str) -> Json {
    json!({
        "type": "Feature",
        "geometry": { "type": "Point", "coordinates": lonlat([x, 11.0]) },
        "properties": { "link_id": "L1", "typ": kind },
    })
}

const SIGNS: &str = "/collections/signs/items";

#[tokio::test]
async fn a_feature_is_created_read_changed_and_deleted() {
    let town = town();
    let key = town.key_of("anna", Role::Editor);
    let key = Some(key.as_str());
    let made = town
        .ask(Method::POST, SIGNS, key, &[], &sign(50.0, "C31"))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let location = made.header("location").to_owned();
    let path = location.strip_prefix("http://localhost").unwrap();
    let id = made.json()["id"].as_u64().unwrap();
    assert!(path.ends_with(&format!("/items/{id}")), "{path}");
    assert!(!made.header("tvilling-change").is_empty());

    let read = town.get(path).await;
    assert_eq!(read.header("etag"), made.header("etag"));
    assert_eq!(read.json()["properties"]["typ"], "C31");
    // It is in the tile, in the page and under the click.
    let (_, tile, _) = middle();
    let tile = town.get(&format!("/tiles/signs/{tile}.mvt")).await;
    assert!(
        String::from_utf8_lossy(&tile.body).contains("C31"),
        "the tile shows it"
    );
    let count = super::SIGNS + 1;
    assert_eq!(
        town.get(&format!("{SIGNS}?limit=1")).await.json()["numberMatched"],
        count
    );
    let [lon, lat] = lonlat([50.0, 11.0]);
    let click = town.get(&format!("/identify?lon={lon}&lat={lat}")).await;
    assert!(click.text().contains("C31"), "{}", click.text());

    let patch = json!({ "properties": { "typ": "C33" } });
    let patched = town.ask(Method::PATCH, path, key, &[], &patch).await;
    assert_eq!(patched.status, 200, "{}", patched.text());
    let json = patched.json();
    assert_eq!(json["properties"]["typ"], "C33");
    assert_eq!(
        json["properties"]["link_id"], "L1",
        "what is not said stays"
    );
    assert_eq!(json["geometry"], read.json()["geometry"]);

    let put = town
        .ask(
            Method::PUT,
            path,
            key,
            &[],
            &json!({ "properties": { "typ": "A1" } }),
        )
        .await;
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(put.json()["properties"]["link_id"], Json::Null);
    assert_eq!(put.json()["geometry"], Json::Null);

    let gone = town.ask(Method::DELETE, path, key, &[], &Json::Null).await;
    assert_eq!(gone.status, 204);
    assert_eq!(town.get(path).await.status, 404);
    let again = town.ask(Method::DELETE, path, key, &[], &Json::Null).await;
    assert_eq!(again.status, 404);
}

#[tokio::test]
async fn only_an_editor_may_edit_and_nobody_learns_of_what_is_hidden() {
    let town = town();
    let reader = town.key_of("rut", Role::Reader);
    let body = sign(1.0, "x");
    let tries = [
        (Method::POST, SIGNS.to_owned(), body.clone()),
        (Method::PUT, format!("{SIGNS}/S7"), body.clone()),
        (Method::PATCH, format!("{SIGNS}/S7"), body.clone()),
        (Method::DELETE, format!("{SIGNS}/S7"), Json::Null),
        (Method::POST, "/changes/1/undo".to_owned(), Json::Null),
        (
            Method::POST,
            "/transactions".to_owned(),
            json!({ "edits": [] }),
        ),
    ];
    for (method, path, body) in tries {
        let public = town.ask(method.clone(), &path, None, &[], &body).await;
        assert_eq!(public.status, 401, "{method} {path}: {}", public.text());
        assert!(public.header("www-authenticate").starts_with("Bearer"));
        let read = town
            .ask(method.clone(), &path, Some(&reader), &[], &body)
            .await;
        assert_eq!(read.status, 403, "{method} {path}: {}", read.text());
        let hidden = path.replace("signs", "secret_pipes");
        if hidden != path {
            let hidden = town.ask(method, &hidden, None, &[], &body).await;
            assert_eq!(hidden.status, 404, "{}", hidden.text());
        }
    }
    for path in ["/changes", "/admin/sources"] {
        assert_eq!(town.get(path).await.status, 401);
        assert_eq!(town.get_as_staff(path).await.status, 200);
    }
    let changes = town.get_as_staff("/changes").await.json();
    assert!(
        changes["changes"].as_array().unwrap().len() >= 5,
        "{changes}"
    );
    assert_eq!(town.get(SIGNS).await.json()["numberMatched"], super::SIGNS);
}

#[tokio::test]
async fn of_two_who_read_the_same_state_one_must_read_again() {
    let town = town();
    let key = town.key_of("anna", Role::Editor);
    let key = Some(key.as_str());
    let path = format!("{SIGNS}/S7");
    let etag = town.get(&path).await.header("etag").to_owned();
    let patch = |text: &str| json!({ "properties": { "typ": text } });
    let first = town
        .ask(
            Method::PATCH,
            &path,
            key,
            &[("if-match", &etag)],
            &patch("one"),
        )
        .await;
    assert_eq!(first.status, 200, "{}", first.text());
    for method in [Method::PATCH, Method::PUT, Method::DELETE] {
        let second = town
            .ask(method, &path, key, &[("if-match", &etag)], &patch("two"))
            .await;
        assert_eq!(second.status, 412, "{}", second.text());
    }
    let new = first.header("etag").to_owned();
    assert_ne!(new, etag);
    let list = format!("\"0\", {}", new.replace("\" ", "-gz\""));
    let third = town
        .ask(
            Method::PATCH,
            &path,
            key,
            &[("if-match", &list)],
            &patch("three"),
        )
        .await;
    assert_eq!(third.status, 200, "{}", third.text());
    let weak = format!("W/{}", third.header("etag"));
    let fourth = town
        .ask(
            Method::PATCH,
            &path,
            key,
            &[("if-match", &weak)],
            &patch("four"),
        )
        .await;
    assert_eq!(fourth.status, 412, "a weak tag names no state");
    let star = town
        .ask(
            Method::PATCH,
            &path,
            key,
            &[("if-match", "*")],
            &patch("five"),
        )
        .await;
    assert_eq!(star.status, 200);
    assert_eq!(town.get(&path).await.json()["properties"]["typ"], "five");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_every_reason() {
    let town = town();
    let key = town.key_of("anna", Role::Editor);
    let key = Some(key.as_str());
    let refused = async |path: &str, body: Json, words: &[&str]| {
        let got = town.ask(Method::POST, path, key, &[], &body).await;
        assert_eq!(got.status, 422, "{}", got.text());
        assert_eq!(got.header("content-type"), "application/problem+json");
        let detail = got.json()["detail"].as_str().unwrap().to_owned();
        for word in words {
            assert!(detail.contains(word), "{detail}");
        }
    };
    let mut wrong = sign(1.0, "x");
    wrong["properties"] = json!({ "typ": 5, "colour": "red" });
    refused(
        SIGNS,
        wrong,
        &[
            "\"typ\" is 5",
            "no attribute \"colour\": it has link_id, typ",
        ],
    )
    .await;
    let mut line = sign(1.0, "x");
    line["geometry"] =
        json!({ "type": "LineString", "coordinates": [lonlat([0.0, 0.0]), lonlat([9.0, 9.0])] });
    refused(
        SIGNS,
        line,
        &["Line is no geometry of collection signs, which has Point"],
    )
    .await;
    let eight = [[0., 0.], [50., 50.], [50., 0.], [0., 50.], [0., 0.]].map(lonlat);
    let plan =
        json!({ "type": "Feature", "geometry": { "type": "Polygon", "coordinates": [eight] } });
    refused("/collections/plans/items", plan, &["not valid"]).await;
    refused(
        SIGNS,
        json!({ "type": "FeatureCollection" }),
        &["not \"Feature\""],
    )
    .await;
    refused(
        SIGNS,
        json!({ "geometry": { "type": "Point" } }),
        &["Its geometry"],
    )
    .await;
    let taken = {
        let mut taken = sign(1.0, "x");
        taken["id"] = json!("S7");
        town.ask(Method::POST, SIGNS, key, &[], &taken).await
    };
    assert_eq!(taken.status, 409, "{}", taken.text());
    let other = [("content-type", "text/plain")];
    let got = town
        .ask(Method::POST, SIGNS, key, &other, &sign(1.0, "x"))
        .await;
    assert_eq!(got.status, 415, "{}", got.text());
    assert_eq!(town.get(SIGNS).await.json()["numberMatched"], super::SIGNS);
}

#[tokio::test]
async fn coordinates_may_come_in_the_twins_crs_in_either_order() {
    let town = town();
    let key = town.key_of("anna", Role::Editor);
    let header = [(
        "content-crs",
        "<http://www.opengis.net/def/crs/EPSG/0/3014>",
    )];
    for coordinates in [[153_010.5, 6_919_020.25], [6_919_020.25, 153_010.5]] {
        let body = json!({
            "type": "Feature",
            "geometry": { "type": "Point", "coordinates": coordinates },
            "properties": {},
        });
        let got = town
            .ask(Method::POST, SIGNS, Some(&key), &header, &body)
            .await;
        assert_eq!(got.status, 201, "{}", got.text());
        let at = got.json()["geometry"]["coordinates"].clone();
        let expected = lonlat([10.5, 20.25]);
        for axis in 0..2 {
            let differs = at[axis].as_f64().unwrap() - expected[axis];
            assert!(differs.abs() < 1e-7, "{at}");
        }
    }
    let unknown = [("content-crs", "<http://example.org/crs>")];
    let got = town
        .ask(Method::POST, SIGNS, Some(&key), &unknown, &sign(1.0, "x"))
        .await;
    assert_eq!(got.status, 400, "{}", got.text());
}

#[tokio::test]
async fn a_transaction_happens_wholly_or_not_at_all() {
    let town = town();
    let key = town.key_of("anna", Role::Editor);
    let key = Some(key.as_str());
    let etag = town
        .get(&format!("{SIGNS}/S7"))
        .await
        .header("etag")
        .to_owned();
    let sheet = |last: Json| {
        json!({
            "note": "flyttad till bygglov",
            "edits": [
                { "action": "create", "collection": "signs", "feature": sign(5.0, "ny") },
                { "action": "update", "collection": "signs", "id": "S7", "if_match": etag,
                  "feature": { "properties": { "typ": "B4" } } },
                { "action": "update", "collection": "signs", "id": "S7",
                  "feature": { "properties": { "link_id": "L2" } } },
                { "action": "delete", "collection": "signs", "id": "S8" },
                last,
            ],
        })
    };
    let bad = sheet(json!({ "action": "delete", "collection": "streets", "id": 99 }));
    let got = town
        .ask(Method::POST, "/transactions", key, &[], &bad)
        .await;
    assert_eq!(got.status, 404, "{}", got.text());
    assert_eq!(town.get(SIGNS).await.json()["numberMatched"], super::SIGNS);
    let corners = [[0., 0.], [9., 0.], [9., 9.], [0., 0.]].map(lonlat);
    let good = sheet(json!({
        "action": "replace", "collection": "plans", "id": 1,
        "feature": { "geometry": { "type": "Polygon",
            "coordinates": [corners] } },
    }));
    let got = town
        .ask(Method::POST, "/transactions", key, &[], &good)
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    let told = got.json();
    assert_eq!(told["features"].as_array().unwrap().len(), 5);
    let sign = town.get(&format!("{SIGNS}/S7")).await.json();
    assert_eq!(sign["properties"], json!({ "link_id": "L2", "typ": "B4" }));
    assert_eq!(town.get(&format!("{SIGNS}/S8")).await.status, 404);

    // Taken back, all is as it was, and the history says so.
    let undo = format!("/changes/{}/undo", told["change"]);
    let got = town.ask(Method::POST, &undo, key, &[], &Json::Null).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(town.get(&format!("{SIGNS}/S8")).await.status, 200);
    let history = format!("{SIGNS}/S7/history");
    let staff = town.get_as_staff(&history).await.json();
    let versions = staff["versions"].as_array().unwrap();
    let kinds: Vec<_> = versions
        .iter()
        .map(|v| v["change"]["kind"].clone())
        .collect();
    assert_eq!(kinds, ["delivery", "edit", "undo"]);
    assert_eq!(versions[1]["change"]["who"], "anna");
    assert_eq!(
        versions[1]["change"]["note"]["note"],
        "flyttad till bygglov"
    );
    assert_eq!(versions[1]["feature"]["properties"]["typ"], "B4");
    assert_eq!(versions[1]["until"], versions[2]["since"]);
    assert_eq!(versions[2]["until"], Json::Null);
    assert!(
        !town.get(&history).await.text().contains("anna"),
        "names are for staff"
    );
    let again = town.ask(Method::POST, &undo, key, &[], &Json::Null).await;
    assert_eq!(again.status, 412, "{}", again.text());
}

#[tokio::test]
async fn what_the_twin_knew_then_is_told_everywhere() {
    let town = town();
    let key = town.key_of("anna", Role::Editor);
    let then = jiff::Timestamp::now();
    let path = format!("{SIGNS}/S7");
    let patch = json!({ "properties": { "typ": "ZZ9" } });
    let got = town
        .ask(Method::PATCH, &path, Some(&key), &[], &patch)
        .await;
    assert_eq!(got.status, 200);
    town.ask(
        Method::DELETE,
        &format!("{SIGNS}/S8"),
        Some(&key),
        &[],
        &Json::Null,
    )
    .await;
    let (_, tile, rows) = middle();
    let [lon, lat] = lonlat([28.0, 11.0]);
    for path in [
        path,
        format!("{SIGNS}?limit=100"),
        format!("/tiles/signs/{tile}.mvt"),
        format!("/collections/signs/tiles/WebMercatorQuad/{rows}"),
        format!("/identify?lon={lon}&lat={lat}&collections=signs"),
    ] {
        let now = town.get(&path).await;
        assert_eq!(now.status, 200, "{path}: {}", now.text());
        assert!(now.text().contains("ZZ9"), "{path} shows the edit");
        let separator = if path.contains('?') { '&' } else { '?' };
        let past = town.get(&format!("{path}{separator}asof={then}")).await;
        assert_eq!(past.status, 200, "{path}: {}", past.text());
        assert!(
            !past.text().contains("ZZ9"),
            "{path} shows what was not known"
        );
    }
    let count = |json: Json| json["numberMatched"].as_u64().unwrap();
    assert_eq!(count(town.get(SIGNS).await.json()), super::SIGNS - 1);
    let past = town.get(&format!("{SIGNS}?asof={then}")).await.json();
    assert_eq!(count(past.clone()), super::SIGNS);
    assert!(past["links"][0]["href"].as_str().unwrap().contains("asof="));
    let changes = town
        .get(&format!("/collections/signs/changes?from={then}"))
        .await
        .json();
    let told: Vec<_> = changes["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["change"].clone())
        .collect();
    assert_eq!(told.len(), 2);
    assert!(told.contains(&json!("changed")) && told.contains(&json!("removed")));
    let before = town.get(&format!("{SIGNS}?asof=2020-01-01")).await;
    assert_eq!(before.status, 404, "there was no such collection");
    let bad = town.get(&format!("{SIGNS}?asof=yesterday")).await;
    assert_eq!(bad.status, 400);
    assert!(bad.text().contains("asof"), "{}", bad.text());
}

#[tokio::test]
async fn what_is_true_in_a_stretch_of_time_is_told_everywhere() {
    use model::{ColumnKind, GeometryKind, Value};
    let town = town();
    let columns = [
        ("namn", ColumnKind::Text),
        ("fran", ColumnKind::Date),
        ("till", ColumnKind::Date),
    ];
    let mut digs = fixtures::collection("signs", &columns);
    digs.schema.geometry = GeometryKind::Point;
    let day = |text: &str| text.parse().map_or(Value::Null, Value::Date);
    let dig = |number, name: &str, from, to| {
        let values = vec![Value::Text(name.to_owned()), day(from), day(to)];
        fixtures::feature(number, fixtures::point(50.0, 11.0), values)
    };
    town.twin.put(
        digs,
        [
            dig(1, "FIBER", "2026-03-01", "2026-03-31"),
            dig(2, "VATTEN", "2026-05-01", "2026-06-30"),
            dig(3, "ALLTID", "", ""),
        ],
    );
    // And one that somebody adds.
    let key = town.key_of("anna", Role::Editor);
    let mut added = sign(50.0, "");
    added["properties"] = json!({ "namn": "NYTT", "fran": "2026-03-15" });
    let got = town.ask(Method::POST, SIGNS, Some(&key), &[], &added).await;
    assert_eq!(got.status, 201, "{}", got.text());
    let (_, tile, _) = middle();
    let [lon, lat] = lonlat([50.0, 11.0]);
    for (datetime, expected) in [
        ("2026-03-10", "FIBER ALLTID"),
        ("2026-03-31T23:00:00Z", "FIBER ALLTID NYTT"),
        ("2026-04-01/2026-04-30", "ALLTID NYTT"),
        ("../2026-02-01", "ALLTID"),
        ("2026-06-01/..", "VATTEN ALLTID NYTT"),
        ("2026-03-20/2026-05-01", "FIBER VATTEN ALLTID NYTT"),
    ] {
        for path in [
            format!("{SIGNS}?limit=1000&"),
            format!("{SIGNS}?bbox=10,50,20,70&"),
            format!("/tiles/signs/{tile}.mvt?"),
            format!("/identify?lon={lon}&lat={lat}&"),
        ] {
            let got = town.get(&format!("{path}datetime={datetime}")).await;
            assert_eq!(got.status, 200, "{}", got.text());
            for name in ["FIBER", "VATTEN", "ALLTID", "NYTT"] {
                assert_eq!(
                    got.text().contains(name),
                    expected.contains(name),
                    "{name} of {path} in {datetime}"
                );
            }
        }
        let page = town
            .get(&format!("{SIGNS}?datetime={datetime}&limit=1"))
            .await;
        let count = expected.split(' ').count();
        assert_eq!(page.json()["numberMatched"], count, "{datetime}");
    }
    let gone = town.get(&format!("{SIGNS}/1?datetime=2027-01-01")).await;
    assert_eq!(gone.status, 404);
}

/// Reads events until one has this id.
async fn heard(body: Body, until: u64) -> String {
    use futures_util::StreamExt;
    let mut stream = body.into_data_stream();
    let mut text = String::new();
    while !text.contains(&format!("id: {until}\n")) {
        let next = tokio::time::timeout(std::time::Duration::from_secs(10), stream.next());
        let bytes = next.await.expect("an event in time").unwrap().unwrap();
        text.push_str(&String::from_utf8_lossy(&bytes));
    }
    text
}

#[tokio::test]
async fn who_listens_hears_of_what_they_may_see_and_of_the_tiles_it_dirties() {
    let town = town();
    let key = town.key_of("anna", Role::Editor);
    let listen = async |key: Option<&str>, path: &str| {
        let mut request = Request::builder().uri(path);
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let request = request.body(Body::empty()).unwrap();
        let response = town.routes.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let media_type = response.headers()["content-type"].to_str().unwrap();
        assert!(media_type.starts_with("text/event-stream"), "{media_type}");
        response.into_body()
    };
    let public = listen(None, "/events").await;
    let staff = listen(Some(&town.key), "/events").await;
    let pipe = json!({ "properties": { "link_id": "SECRET" } });
    town.ask(
        Method::PATCH,
        "/collections/secret_pipes/items/1",
        Some(&key),
        &[],
        &pipe,
    )
    .await;
    let patch = json!({ "properties": { "typ": "B4" } });
    let edited = town
        .ask(
            Method::PATCH,
            &format!("{SIGNS}/S7"),
            Some(&key),
            &[],
            &patch,
        )
        .await;
    let number: u64 = edited.header("tvilling-change").parse().unwrap();
    let public = heard(public, number).await;
    assert!(
        !public.contains("secret") && !public.contains("anna"),
        "{public}"
    );
    let data = public
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap();
    let event: Json = serde_json::from_str(data).unwrap();
    let of_signs = &event["collections"][0];
    assert_eq!(of_signs["id"], "signs");
    assert_eq!(of_signs["features"].as_array().unwrap().len(), 1);
    let levels = of_signs["tiles"]["WebMercatorQuad"].as_array().unwrap();
    let tile = super::tile_at("WebMercatorQuad", 15, [28.0, 11.0]);
    let level = &levels[15];
    assert_eq!(level["z"], 15);
    let within = |range: &Json, n: u32| {
        (range[0].as_u64().unwrap()..=range[1].as_u64().unwrap()).contains(&u64::from(n))
    };
    assert!(
        within(&level["x"], tile.x()) && within(&level["y"], tile.y()),
        "{level}"
    );
    let staff = heard(staff, number).await;
    assert!(
        staff.contains("secret_pipes") && staff.contains("anna"),
        "{staff}"
    );
    // Who comes back is told what was missed.
    let missed = listen(Some(&town.key), &format!("/events?after={}", number - 2)).await;
    let missed = heard(missed, number).await;
    assert_eq!(missed.matches("event: edit").count(), 2, "{missed}");
}
