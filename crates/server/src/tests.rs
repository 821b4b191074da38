//! The whole server without a port: every route as the public and as staff, on a small
//! twin made here.

use std::collections::BTreeMap;
use std::path::Path;

use axum::Router;
use axum::body::to_bytes;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use geo_types::{Geometry, LineString, Point, polygon};
use geodesy::{Crs, TileMatrixSet, Transform};
use model::{
    Collection, CollectionId, Column, ColumnKind, DataOrigin, Feature, FeatureId, GeometryKind,
    Grid, PointBatch, Role, Schema, Source, Survey, Value, VerticalDatum,
};
use serde_json::Value as Json;
use store::{PointLayout, PutMode, Twin};
use tower::ServiceExt;

use crate::{
    App, AttributeSettings, CollectionSettings, Department, Limits, Settings, Style, Text, router,
};

/// South-west corner of the small town, in EPSG:3014.
const EAST: f64 = 150_000.0;
const NORTH: f64 = 6_500_000.0;

const SIGNS: u64 = 25;

/// A twin with public streets, signs, counts and a survey, and a secret water network
/// and survey; and a key of its staff.
struct Town {
    _dir: tempfile::TempDir,
    app: App,
    key: String,
}

fn id(name: &str) -> CollectionId {
    CollectionId::new(name).unwrap()
}

fn text(sv: &str, en: &str) -> Text {
    Text {
        sv: sv.to_owned(),
        en: en.to_owned(),
    }
}

fn source() -> Source {
    Source {
        files: vec!["leverans.gpkg".to_owned()],
        delivered: "2026-11-21T12:00:00Z".parse().unwrap(),
    }
}

fn collection(
    name: &str,
    department: &str,
    geometry: GeometryKind,
    columns: &[&str],
) -> Collection {
    Collection {
        id: id(name),
        title: name.to_uppercase(),
        department: Some(department.to_owned()),
        schema: Schema {
            columns: columns
                .iter()
                .map(|name| Column {
                    name: (*name).to_owned(),
                    kind: ColumnKind::Text,
                })
                .collect(),
            geometry,
        },
        feature_count: 0,
        bounds: None,
        source: source(),
        data_origin: None,
    }
}

fn feature(number: u64, geometry: Option<Geometry<f64>>, values: &[&str]) -> Feature {
    Feature {
        id: FeatureId::new(number).unwrap(),
        geometry,
        values: values
            .iter()
            .map(|v| Value::Text((*v).to_owned()))
            .collect(),
    }
}

fn line(from: [f64; 2], to: [f64; 2]) -> Option<Geometry<f64>> {
    let at = |[x, y]: [f64; 2]| (EAST + x, NORTH + y);
    Some(LineString::from(vec![at(from), at(to)]).into())
}

fn point(x: f64, y: f64) -> Option<Geometry<f64>> {
    Some(Point::new(EAST + x, NORTH + y).into())
}

fn fill(twin: &Twin) {
    let mut change = twin.begin().unwrap();
    let mut put = |collection, features| {
        change
            .put_features(collection, features, PutMode::Create, "{}")
            .unwrap();
    };
    let columns = ["link_id", "gatunamn", "data_origin"];
    put(
        collection("streets", "gata", GeometryKind::Line, &columns),
        vec![
            feature(
                1,
                line([0., 10.], [100., 10.]),
                &["L1", "Storgatan", "synthetic"],
            ),
            feature(
                2,
                line([0., 60.], [100., 60.]),
                &["L2", "Åsgatan", "synthetic"],
            ),
        ],
    );
    let signs = (1..=SIGNS).map(|n| {
        let key = FeatureId::from_key(&format!("S{n}"));
        let mut sign = feature(1, point(n as f64 * 4.0, 11.0), &["L1", "B2"]);
        sign.id = key;
        sign
    });
    put(
        collection("signs", "gata", GeometryKind::Point, &["link_id", "typ"]),
        signs.collect(),
    );
    put(
        collection("counts", "gata", GeometryKind::None, &["link_id"]),
        vec![feature(1, None, &["L1"])],
    );
    // Wound with the clock on purpose.
    let (e, n) = (EAST, NORTH);
    let square = polygon![
        (x: e, y: n), (x: e, y: n + 100.), (x: e + 100., y: n + 100.), (x: e + 100., y: n)
    ];
    put(
        collection("plans", "plan", GeometryKind::Polygon, &[]),
        vec![feature(1, Some(square.into()), &[])],
    );
    put(
        collection("secret_pipes", "hemliga", GeometryKind::Line, &["link_id"]),
        vec![feature(1, line([0., 9.], [100., 9.]), &["L1"])],
    );
    for name in ["drone", "secret_drone"] {
        let mut terrain = Grid::empty(EAST, NORTH + 100.0, 1.0, 100, 100);
        terrain.values.fill(12.5);
        let mut surface = terrain.clone();
        surface.values.fill(20.0);
        let layout = PointLayout {
            crs_wkt: Crs::from_code("EPSG:3014").unwrap().wkt1().unwrap(),
            scale_m: [0.001; 3],
            has_rgb: false,
            has_nir: false,
        };
        let mut points = change.begin_survey(layout).unwrap();
        points
            .write(&PointBatch {
                x: vec![EAST, EAST + 100.0],
                y: vec![NORTH, NORTH + 100.0],
                z: vec![12.5, 20.0],
                intensity: vec![0; 2],
                return_number: vec![1; 2],
                number_of_returns: vec![1; 2],
                classification: vec![2; 2],
                flags: vec![0; 2],
                scan_angle_deg: vec![0.0; 2],
                user_data: vec![0; 2],
                point_source_id: vec![0; 2],
                gps_time_s: vec![0.0; 2],
                ..PointBatch::default()
            })
            .unwrap();
        let survey = Survey {
            id: id(name),
            title: name.to_uppercase(),
            department: Some("fastighet".to_owned()),
            point_count: 2,
            bounds: model::Bounds::new(EAST, NORTH, EAST + 100.0, NORTH + 100.0).unwrap(),
            elevation_range_m: [12.5, 20.0],
            vertical: VerticalDatum::Known {
                code: "EPSG:5613".to_owned(),
                name: "RH2000 height".to_owned(),
            },
            flown: None,
            source: source(),
            data_origin: Some(DataOrigin::Synthetic),
        };
        change
            .put_survey(survey, points, &terrain, &surface, PutMode::Create, "{}")
            .unwrap();
    }
    change.commit().unwrap();
}

fn settings() -> Settings {
    let public = |title: Option<Text>, role: Option<&str>| CollectionSettings {
        public: true,
        title,
        style: Style {
            role: role.map(str::to_owned),
            ..Style::default()
        },
        ..CollectionSettings::default()
    };
    let mut streets = public(Some(text("Vägnät", "Road network")), Some("road"));
    streets.label = Some("gatunamn".to_owned());
    streets.attributes = vec![AttributeSettings {
        name: "gatunamn".to_owned(),
        title: text("Gata", "Street"),
        unit: None,
    }];
    streets.style.ramp = Some(crate::Ramp {
        attribute: "tillstand".to_owned(),
        worst: 0.0,
        best: 100.0,
    });
    let relation = |name: &str, to: &str| query::Relation {
        name: name.to_owned(),
        from: id("streets"),
        to: id(to),
        by: query::RelationBy::Key {
            from: "link_id".to_owned(),
            to: "link_id".to_owned(),
        },
        limit: 5,
    };
    Settings {
        name: "Sampelstad".to_owned(),
        departments: [("plan", "Planer"), ("gata", "Gata"), ("hemliga", "Hemliga")]
            .map(|(id, title)| Department {
                id: id.to_owned(),
                title: text(title, title),
                colour: None,
            })
            .into(),
        collections: BTreeMap::from([
            (id("streets"), streets),
            (id("signs"), public(None, None)),
            (id("counts"), public(None, None)),
            (id("plans"), public(None, None)),
            (id("drone"), public(None, None)),
        ]),
        relations: vec![
            relation("signs", "signs"),
            relation("pipes", "secret_pipes"),
        ],
        public_url: None,
    }
}

fn town_with(limits: Limits, settings: Settings) -> Town {
    let dir = tempfile::tempdir().unwrap();
    let twin = Twin::create(dir.path(), "Sampelstad", "EPSG:3014").unwrap();
    fill(&twin);
    let keys = store::keys::Keys::open(dir.path()).unwrap();
    let key = keys.add("test", Role::Reader).unwrap();
    let app = App::with_limits(Path::new(dir.path()), settings, limits).unwrap();
    Town {
        _dir: dir,
        app,
        key,
    }
}

fn town() -> Town {
    town_with(Limits::default(), settings())
}

struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Got {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

async fn send(routes: &Router, method: Method, path: &str, headers: &[(&str, &str)]) -> Got {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(axum::body::Body::empty()).unwrap();
    let response = routes.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Got {
        status: parts.status,
        headers: parts.headers,
        body: to_bytes(body, 64 << 20).await.unwrap().to_vec(),
    }
}

async fn get(routes: &Router, path: &str) -> Got {
    send(routes, Method::GET, path, &[]).await
}

async fn get_as_staff(town: &Town, routes: &Router, path: &str) -> Got {
    let bearer = format!("Bearer {}", town.key);
    send(routes, Method::GET, path, &[("authorization", &bearer)]).await
}

/// The middle of the town, and its tile at level 15.
fn middle() -> ([f64; 2], String, String) {
    let crs = Crs::from_code("EPSG:3014").unwrap();
    let lonlat = Transform::new(&crs, &Crs::from_code("CRS84").unwrap()).unwrap();
    let set = TileMatrixSet::by_id("WebMercatorQuad").unwrap();
    let mercator = Transform::new(&crs, &set.crs).unwrap();
    let at = [EAST + 50.0, NORTH + 10.0];
    let tile = set.tile_at(15, mercator.xy(at).unwrap()).unwrap();
    (
        lonlat.xy(at).unwrap(),
        format!("{}/{}/{}", tile.z(), tile.x(), tile.y()),
        format!("{}/{}/{}", tile.z(), tile.y(), tile.x()),
    )
}

/// Every route, with what to ask of it: about what is public, and about what is hidden.
fn requests() -> Vec<(&'static str, Vec<String>, Vec<String>)> {
    let ([lon, lat], xyz, rows) = middle();
    let own = |paths: &[&str]| -> Vec<String> { paths.iter().map(|p| (*p).to_owned()).collect() };
    let sweref = {
        let crs = Crs::from_code("EPSG:3014").unwrap();
        let set = TileMatrixSet::by_id("SWEREF99TM").unwrap();
        let to = Transform::new(&crs, &set.crs).unwrap();
        let tile = set
            .tile_at(10, to.xy([EAST + 50.0, NORTH + 10.0]).unwrap())
            .unwrap();
        format!("SWEREF99TM/{}/{}/{}", tile.z(), tile.x(), tile.y())
    };
    let click = format!("/identify?lon={lon}&lat={lat}");
    vec![
        ("/", own(&["/", "/?f=html"]), vec![]),
        ("/api", own(&["/api"]), vec![]),
        ("/conformance", own(&["/conformance"]), vec![]),
        ("/collections", own(&["/collections"]), vec![]),
        (
            "/collections/{id}",
            own(&["/collections/streets", "/collections/drone"]),
            own(&["/collections/secret_pipes", "/collections/secret_drone"]),
        ),
        (
            "/collections/{id}/schema",
            own(&["/collections/streets/schema"]),
            own(&["/collections/secret_pipes/schema"]),
        ),
        (
            "/collections/{id}/items",
            own(&["/collections/streets/items", "/collections/counts/items"]),
            own(&["/collections/secret_pipes/items"]),
        ),
        (
            "/collections/{id}/items/{fid}",
            own(&["/collections/streets/items/1"]),
            own(&["/collections/secret_pipes/items/1"]),
        ),
        ("/tileMatrixSets", own(&["/tileMatrixSets"]), vec![]),
        (
            "/tileMatrixSets/{tms}",
            own(&["/tileMatrixSets/SWEREF99TM"]),
            vec![],
        ),
        (
            "/collections/{id}/tiles",
            own(&["/collections/streets/tiles"]),
            own(&["/collections/secret_pipes/tiles"]),
        ),
        (
            "/collections/{id}/tiles/{tms}",
            own(&["/collections/streets/tiles/WebMercatorQuad"]),
            own(&["/collections/secret_pipes/tiles/WebMercatorQuad"]),
        ),
        (
            "/collections/{id}/tiles/{tms}/{z}/{row}/{col}",
            vec![format!("/collections/streets/tiles/WebMercatorQuad/{rows}")],
            vec![format!(
                "/collections/secret_pipes/tiles/WebMercatorQuad/{rows}"
            )],
        ),
        ("/tiles.json", own(&["/tiles.json"]), vec![]),
        (
            "/tiles/{file}",
            own(&["/tiles/streets,signs.json"]),
            own(&[
                "/tiles/secret_pipes.json",
                "/tiles/streets,secret_pipes.json",
            ]),
        ),
        (
            "/tiles/{ids}/{z}/{x}/{file}",
            vec![format!("/tiles/streets,signs/{xyz}.mvt")],
            vec![
                format!("/tiles/secret_pipes/{xyz}.mvt"),
                format!("/tiles/streets,secret_pipes/{xyz}.mvt"),
            ],
        ),
        (
            "/tiles/{ids}/{tms}/{z}/{x}/{file}",
            vec![format!("/tiles/streets/{sweref}.mvt")],
            vec![format!("/tiles/secret_pipes/{sweref}.mvt")],
        ),
        (
            "/terrain/{file}",
            own(&["/terrain/drone.json"]),
            own(&["/terrain/secret_drone.json"]),
        ),
        (
            "/terrain/{survey}/{z}/{x}/{file}",
            vec![
                format!("/terrain/drone/{xyz}.png"),
                format!("/terrain/drone/{xyz}.webp"),
            ],
            vec![format!("/terrain/secret_drone/{xyz}.png")],
        ),
        (
            "/hillshade/{file}",
            own(&["/hillshade/drone.json"]),
            own(&["/hillshade/secret_drone.json"]),
        ),
        (
            "/hillshade/{survey}/{z}/{x}/{file}",
            vec![format!("/hillshade/drone/{xyz}.png")],
            vec![format!("/hillshade/secret_drone/{xyz}.webp")],
        ),
        (
            "/identify",
            vec![click.clone()],
            vec![
                format!("{click}&collections=secret_pipes"),
                format!("{click}&collections=streets,secret_drone"),
            ],
        ),
        ("/styles", own(&["/styles"]), vec![]),
        (
            "/styles/{name}/style.json",
            own(&["/styles/tvilling/style.json"]),
            vec![],
        ),
        // Files of the web page, which may not have been built; nothing of the twin.
        ("/sprites/{file}", vec![], vec![]),
        ("/fonts/{stack}/{file}", vec![], vec![]),
        ("/assets/{*path}", vec![], vec![]),
        ("/icon.svg", vec![], vec![]),
        ("/healthz", own(&["/healthz"]), vec![]),
        ("/readyz", own(&["/readyz"]), vec![]),
        ("/metrics", own(&["/metrics"]), vec![]),
    ]
}

#[tokio::test]
async fn every_route_hides_from_the_public_what_staff_see() {
    let town = town();
    let routes = router(town.app.clone());
    let table = requests();
    let asked: Vec<&str> = table.iter().map(|(route, ..)| *route).collect();
    let there: Vec<&str> = crate::router::routes()
        .iter()
        .map(|(path, _)| *path)
        .collect();
    assert_eq!(asked, there, "the table asks every route");
    for (route, public, hidden) in table {
        for path in public {
            for (who, got) in [
                ("public", get(&routes, &path).await),
                ("staff", get_as_staff(&town, &routes, &path).await),
            ] {
                assert_eq!(got.status, 200, "{path} as {who}: {}", got.text());
                if who == "public" && route != "/metrics" {
                    let all = format!("{:?} {}", got.headers, got.text());
                    for word in ["secret", "hemliga", "Hemliga", "pipes"] {
                        assert!(
                            !all.contains(word),
                            "{path} tells the public of {word}: {all}"
                        );
                    }
                }
            }
        }
        for path in hidden {
            let as_staff = get_as_staff(&town, &routes, &path).await;
            assert_eq!(as_staff.status, 200, "{path} as staff: {}", as_staff.text());
            // Asked for by a name that never was, the answer is the same.
            let got = get(&routes, &path).await;
            assert_eq!(got.status, 404, "{path}: {}", got.text());
            let missing = path.replace("secret_", "absent_");
            let never = get(&routes, &missing).await;
            assert_eq!(
                got.text().replace("secret_", "absent_"),
                never.text(),
                "{path}"
            );
            let quiet = |mut headers: HeaderMap| {
                headers.remove("x-request-id");
                headers
            };
            assert_eq!(quiet(got.headers), quiet(never.headers), "{path}");
        }
    }
    // Lists have what is hidden, for staff only.
    for path in ["/collections", "/tiles.json", "/styles/tvilling/style.json"] {
        let got = get_as_staff(&town, &routes, path).await;
        assert!(got.text().contains("secret_pipes"), "{path}");
    }
}

#[tokio::test]
async fn a_key_that_is_not_ours_is_refused() {
    let town = town();
    let routes = router(town.app.clone());
    let (_, xyz, _) = middle();
    let tile = format!("/tiles/streets/{xyz}.mvt");
    for path in ["/collections", &tile, "/identify?lon=1&lat=1"] {
        for bad in [
            "Bearer tvilling_0",
            "Bearer ",
            "Basic dXNlcjpwYXNz",
            "x",
            &town.key,
        ] {
            let got = send(&routes, Method::GET, path, &[("authorization", bad)]).await;
            assert_eq!(got.status, 401, "{path} {bad}");
            assert_eq!(got.header("content-type"), "application/problem+json");
            assert!(got.header("www-authenticate").starts_with("Bearer"));
            assert!(!got.text().contains("tvilling_0"));
        }
    }
}

#[tokio::test]
async fn who_has_it_already_gets_304_and_head_gets_no_body() {
    let town = town();
    let routes = router(town.app.clone());
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
            let first = send(&routes, Method::GET, &path, &[accept]).await;
            let etag = first.header("etag").to_owned();
            assert!(etag.starts_with('"') && etag.len() > 10, "{path} {etag}");
            assert_eq!(
                first.header("vary"),
                "Accept, Accept-Encoding, Authorization, Origin"
            );
            let again = send(
                &routes,
                Method::GET,
                &path,
                &[accept, ("if-none-match", &etag)],
            )
            .await;
            assert_eq!(again.status, 304, "{path}");
            assert!(again.body.is_empty());
            assert_eq!(again.header("etag"), etag);
            let other = send(
                &routes,
                Method::GET,
                &path,
                &[accept, ("if-none-match", "\"x\"")],
            )
            .await;
            assert_eq!(other.status, 200, "{path}");
            let head = send(&routes, Method::HEAD, &path, &[accept]).await;
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
    let routes = router(town.app.clone());
    let (_, xyz, _) = middle();
    let path = format!("/tiles/streets,signs/{xyz}.mvt");
    let gzip = send(
        &routes,
        Method::GET,
        &path,
        &[("accept-encoding", "gzip, br")],
    )
    .await;
    let plain = get(&routes, &path).await;
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
async fn rows_come_before_columns_in_ogc_paths_only() {
    let town = town();
    let routes = router(town.app.clone());
    let (_, xyz, rows) = middle();
    let ogc = get(
        &routes,
        &format!("/collections/streets/tiles/WebMercatorQuad/{rows}"),
    )
    .await;
    let xyz_tile = get(&routes, &format!("/tiles/streets/{xyz}.mvt")).await;
    let named = get(
        &routes,
        &format!("/tiles/streets/WebMercatorQuad/{xyz}.mvt"),
    )
    .await;
    assert_eq!(ogc.status, 200);
    assert_eq!(ogc.body, xyz_tile.body);
    assert_eq!(ogc.body, named.body);
    let turned = get(&routes, &format!("/tiles/streets/{rows}.mvt")).await;
    assert_eq!(turned.status, 404);
}

#[tokio::test]
async fn an_empty_tile_is_204_inside_and_404_outside_and_terrain_is_never_204() {
    let town = town();
    let routes = router(town.app.clone());
    // Between the two streets, in the box around both.
    let crs = Crs::from_code("EPSG:3014").unwrap();
    let set = TileMatrixSet::by_id("WebMercatorQuad").unwrap();
    let mercator = Transform::new(&crs, &set.crs).unwrap();
    let tile_at = |z, x: f64, y: f64| {
        let at = mercator.xy([EAST + x, NORTH + y]).unwrap();
        let tile = set.tile_at(z, at).unwrap();
        format!("{}/{}/{}", tile.z(), tile.x(), tile.y())
    };
    let between = get(
        &routes,
        &format!("/tiles/streets/{}.mvt", tile_at(21, 50., 35.)),
    )
    .await;
    assert_eq!(between.status, 204);
    assert!(between.body.is_empty());
    for path in [
        format!("/tiles/streets/{}.mvt", tile_at(15, 9000., 35.)),
        format!("/terrain/drone/{}.png", tile_at(15, 9000., 35.)),
        "/tiles/streets/0/1/0.mvt".to_owned(),
        "/tiles/streets/31/0/0.mvt".to_owned(),
        "/tiles/streets/-1/0/0.mvt".to_owned(),
        "/tiles/streets/Nowhere/0/0/0.mvt".to_owned(),
        "/tiles/streets/0/0/0.jpg".to_owned(),
        "/tiles/counts/0/0/0.mvt".to_owned(),
        "/tiles/drone/0/0/0.mvt".to_owned(),
    ] {
        let got = get(&routes, &path).await;
        assert_eq!(got.status, 404, "{path}");
        assert_eq!(got.json()["status"], 404);
    }
    // The whole world is one tile, most of it without data.
    for family in ["terrain", "hillshade"] {
        let got = get(&routes, &format!("/{family}/drone/0/0/0.png")).await;
        assert_eq!(got.status, 200, "{family}");
        assert!(got.body.starts_with(b"\x89PNG"));
    }
}

#[tokio::test]
async fn pages_follow_each_other_to_the_end_without_gaps() {
    let town = town();
    let routes = router(town.app.clone());
    let mut path = "/collections/signs/items?limit=10&f=json".to_owned();
    let mut ids = Vec::new();
    for page in 0.. {
        assert!(page < 10, "there is an end");
        let got = get(&routes, &path).await;
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
    let routes = router(town.app.clone());
    let crs = Crs::from_code("EPSG:3014").unwrap();
    let lonlat = Transform::new(&crs, &Crs::from_code("CRS84").unwrap()).unwrap();
    let [west, south] = lonlat.xy([EAST, NORTH + 50.0]).unwrap();
    let [east, north] = lonlat.xy([EAST + 100.0, NORTH + 70.0]).unwrap();
    let uri = "http://www.opengis.net/def/crs/EPSG/0/3014";
    for query in [
        format!("bbox={west},{south},{east},{north}"),
        format!("bbox={west},{south},0,{east},{north},100"),
        format!("bbox=150000,6500050,150100,6500070&bbox-crs={uri}"),
        format!("bbox=6500050,150000,6500070,150100&bbox-crs={uri}"),
        "bbox=6500050,150000,6500070,150100&bbox-crs=EPSG:3014".to_owned(),
        format!("bbox={south},{west},{north},{east}&bbox-crs=EPSG:4326"),
    ] {
        let got = get(&routes, &format!("/collections/streets/items?{query}")).await;
        let json = got.json();
        assert_eq!(json["numberMatched"], 1, "{query}: {json}");
        assert_eq!(json["features"][0]["properties"]["gatunamn"], "Åsgatan");
    }
    let far = get(&routes, "/collections/streets/items?bbox=0,0,1,1").await;
    assert_eq!(far.json()["numberMatched"], 0);
}

#[tokio::test]
async fn a_feature_goes_by_its_number_or_the_departments_key() {
    let town = town();
    let routes = router(town.app.clone());
    let by_key = get(&routes, "/collections/signs/items/S7").await.json();
    let number = by_key["id"].as_u64().unwrap();
    let by_number = get(&routes, &format!("/collections/signs/items/{number}")).await;
    assert_eq!(by_number.json(), by_key);
    assert_eq!(by_key["properties"]["typ"], "B2");
    let missing = get(&routes, "/collections/signs/items/nothing").await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn rings_wind_as_geojson_wants() {
    let town = town();
    let routes = router(town.app.clone());
    let json = get(&routes, "/collections/plans/items/1").await.json();
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

#[tokio::test]
async fn a_bad_parameter_is_named_with_its_value_and_what_is_allowed() {
    let town = town();
    let routes = router(town.app.clone());
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
        ("/collections/streets/items?datetime=2026-01-01", "datetime"),
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
        ("/identify?lon=1&lat=1&asof=2026-01-01", "asof"),
        ("/identify?lon=1&lat=1&datetime=2026-01-01", "datetime"),
        ("/identify", "lon"),
    ] {
        let got = get(&routes, path).await;
        assert_eq!(got.status, 400, "{path}: {}", got.text());
        assert_eq!(got.header("content-type"), "application/problem+json");
        let json = got.json();
        assert_eq!(json["parameter"], parameter, "{path}: {json}");
        assert_ne!(json["allowed"], "", "{path}: {json}");
    }
}

#[tokio::test]
async fn a_click_answers_nearest_first_with_heights_and_related_features() {
    let town = town();
    let routes = router(town.app.clone());
    let ([lon, lat], ..) = middle();
    let path = format!("/identify?lon={lon}&lat={lat}&radius=3");
    let json = get(&routes, &path).await.json();
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

    let staff = get_as_staff(&town, &routes, &path).await.json();
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
        "coords=150050,6500010&crs=EPSG:3014",
        "coords=6500010,150050&crs=EPSG:3014",
        &format!("coords={lon},{lat}&crs=CRS84"),
    ] {
        let path = format!("/identify?{query}&radius=3&collections=streets&geometry=false");
        let json = get(&routes, &path).await.json();
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
    let near = get(&routes, &(path.clone() + "20")).await.json();
    let far = get(&routes, &(path + "12")).await.json();
    assert_eq!(
        near["collections"][0]["features"].as_array().unwrap().len(),
        1
    );
    assert_eq!(
        far["collections"][0]["features"].as_array().unwrap().len(),
        2
    );
}

#[tokio::test]
async fn links_lead_to_where_the_caller_reaches_us() {
    let town = town();
    let routes = router(town.app.clone());
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
        let got = send(&routes, Method::GET, path, &headers).await;
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
    let got = send(
        &router(town.app.clone()),
        Method::GET,
        "/tiles/streets.json",
        &headers,
    )
    .await;
    let tiles = got.json()["tiles"][0].as_str().unwrap().to_owned();
    assert_eq!(
        tiles,
        "https://twin.example.se/tiles/streets/{z}/{x}/{y}.mvt"
    );
}

#[tokio::test]
async fn tilejson_tells_fields_bounds_and_levels() {
    let town = town();
    let routes = router(town.app.clone());
    let ([lon, lat], ..) = middle();
    let json = get(&routes, "/tiles/streets,signs.json").await.json();
    assert_eq!(json["tilejson"], "3.0.0");
    assert_eq!(json["vector_layers"][0]["id"], "streets");
    assert_eq!(
        json["vector_layers"][0]["fields"]["gatunamn"],
        "String: Gata"
    );
    assert_eq!(json["vector_layers"][1]["id"], "signs");
    let bounds: Vec<f64> = serde_json::from_value(json["bounds"].clone()).unwrap();
    assert!(bounds[0] < lon && lon < bounds[2], "{bounds:?}");
    assert!(bounds[1] < lat + 1e-6 && lat < bounds[3], "{bounds:?}");
    assert!(
        json["center"][2].as_f64().unwrap() >= 12.0,
        "{}",
        json["center"]
    );
    assert_eq!(json["minzoom"], 0);
    let whole = get(&routes, "/tiles.json").await.json();
    let ids: Vec<&str> = whole["vector_layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        ["plans", "signs", "streets"],
        "departments in order, tables left out"
    );
    let terrain = get(&routes, "/terrain/drone.json").await.json();
    assert_eq!(terrain["encoding"], "mapbox");
}

#[tokio::test]
async fn collections_tell_the_page_what_it_needs() {
    let town = town();
    let routes = router(town.app.clone());
    let json = get(&routes, "/collections").await.json();
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
    let schema = get(&routes, "/collections/streets/schema").await.json();
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
    let routes = router(town.app.clone());
    let style = get(&routes, "/styles/tvilling/style.json").await.json();
    assert_eq!(style["version"], 8);
    let sources = style["sources"].as_object().unwrap();
    for source in sources.values() {
        let url = source["url"]
            .as_str()
            .unwrap()
            .replace("http://localhost", "");
        assert_eq!(get(&routes, &url).await.status, 200, "{url}");
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
    assert_eq!(get(&routes, "/styles/other/style.json").await.status, 404);
}

#[tokio::test]
async fn the_api_document_lists_every_route_and_no_other() {
    let town = town();
    let routes = router(town.app.clone());
    let json = get(&routes, "/api").await.json();
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
async fn what_is_not_there_is_a_problem_document_with_the_headers_of_all_answers() {
    let town = town();
    let routes = router(town.app.clone());
    for (method, path, status) in [
        (Method::GET, "/nothing", 404),
        (Method::GET, "/collections/streets/nothing", 404),
        (Method::GET, "/collections/%ff", 404),
        (Method::GET, "/assets/../../secret", 404),
        (Method::GET, "/fonts/No%20Such/0-255.pbf", 404),
        (Method::POST, "/collections", 405),
        (Method::DELETE, "/collections/streets/items/1", 405),
    ] {
        let got = send(&routes, method, path, &[]).await;
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
    assert_eq!(get(&routes, &long).await.status, 414);
}

#[tokio::test]
async fn pages_of_other_hosts_may_ask_with_and_without_a_key() {
    let town = town();
    let routes = router(town.app.clone());
    let origin = ("origin", "https://annan.example");
    let open = send(&routes, Method::GET, "/collections", &[origin]).await;
    assert_eq!(open.header("access-control-allow-origin"), "*");
    let before = [origin, ("access-control-request-headers", "authorization")];
    let preflight = send(&routes, Method::OPTIONS, "/collections", &before).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), origin.1);
    assert!(
        preflight
            .header("access-control-allow-headers")
            .contains("Authorization")
    );
    let bearer = format!("Bearer {}", town.key);
    let with_key = [origin, ("authorization", bearer.as_str())];
    let staff = send(&routes, Method::GET, "/collections", &with_key).await;
    assert_eq!(staff.header("access-control-allow-origin"), origin.1);
    assert_eq!(staff.header("access-control-allow-credentials"), "true");
    assert!(staff.header("cache-control").starts_with("private"));
}

#[tokio::test]
async fn a_full_server_refuses_and_says_when_to_come_back() {
    let limits = Limits {
        requests: 0,
        ..Limits::default()
    };
    let town = town_with(limits, settings());
    let routes = router(town.app.clone());
    let got = get(&routes, "/collections").await;
    assert_eq!(got.status, 503);
    assert_eq!(got.header("retry-after"), "1");
    assert_eq!(got.json()["code"], "busy");
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(get(&routes, path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn metrics_count_requests_by_route_without_names_of_collections() {
    let town = town();
    let routes = router(town.app.clone());
    get_as_staff(&town, &routes, "/collections/secret_pipes").await;
    let got = get(&routes, "/metrics").await;
    let text = got.text();
    assert!(
        text.contains("tvilling_requests_total{route=\"/collections/{id}\""),
        "{text}"
    );
    assert!(text.contains("tvilling_request_seconds_bucket"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test]
async fn a_new_state_of_the_twin_is_served_at_once() {
    let town = town();
    let routes = router(town.app.clone());
    let (_, xyz, _) = middle();
    let path = format!("/tiles/streets/{xyz}.mvt");
    let before = get(&routes, &path).await;
    assert!(before.text().contains("Storgatan"));
    let twin = Twin::open(town._dir.path()).unwrap();
    let mut change = twin.begin().unwrap();
    let columns = ["link_id", "gatunamn", "data_origin"];
    let renamed = feature(
        1,
        line([0., 10.], [100., 10.]),
        &["L1", "Nygatan", "synthetic"],
    );
    let streets = collection("streets", "gata", GeometryKind::Line, &columns);
    change
        .put_features(streets, vec![renamed], PutMode::Replace, "{}")
        .unwrap();
    change.commit().unwrap();
    let after = get(&routes, &path).await;
    assert!(after.text().contains("Nygatan") && !after.text().contains("Storgatan"));
    assert_ne!(before.header("etag"), after.header("etag"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_lets_a_request_in_flight_finish() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let town = town();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let app = town.app.clone();
    // Every worker is taken, so that the request waits until one is given back.
    let workers = town.app.limits().workers;
    let (free, freed) = std::sync::mpsc::channel::<()>();
    let freed = std::sync::Arc::new(std::sync::Mutex::new(freed));
    let (busy, mut is_busy) = tokio::sync::mpsc::unbounded_channel::<()>();
    for _ in 0..workers {
        let (app, freed, busy) = (app.clone(), freed.clone(), busy.clone());
        tokio::spawn(async move {
            app.compute(move || {
                busy.send(()).unwrap();
                freed.lock().unwrap().recv().unwrap();
                Ok(())
            })
            .await
        });
    }
    let server = tokio::spawn(crate::serve(listener, app, async {
        stopped.await.unwrap();
    }));
    is_busy.recv().await.unwrap();
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = "GET /collections/streets/items HTTP/1.1\r\nHost: x\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    // In flight once it has taken its place.
    let all = town.app.limits().requests;
    while town.app.in_flight().available_permits() == all {
        tokio::task::yield_now().await;
    }
    stop.send(()).unwrap();
    for _ in 0..workers {
        free.send(()).unwrap();
    }
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("Storgatan"));
    server.await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

/// Whether the page was built or not, a browser gets one that loads nothing from elsewhere.
#[tokio::test]
async fn a_browser_gets_a_page() {
    let town = town();
    let routes = router(town.app.clone());
    let accept = [("accept", "text/html,*/*;q=0.8")];
    let page = send(&routes, Method::GET, "/?lon=1", &accept).await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.text().contains("<html"));
    assert!(
        !page.text().contains("<script>"),
        "the policy forbids scripts in the page"
    );
    let json = get(&routes, "/").await.json();
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
