//! The whole server without a port, on a small twin made here: what every route answers
//! to the public and to staff.
//!
//! Here are the twin, its settings and ways to ask; the tests lie beside it by subject.

mod access;
mod caching;
mod documents;
mod errors;
mod identify;
mod items;
mod operation;
mod tiles;

use std::collections::BTreeMap;
use std::path::Path;

use axum::Router;
use axum::body::to_bytes;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use geo_types::{Geometry, LineString, Point, polygon};
use geodesy::{Crs, TileMatrixSet, Transform};
use model::{
    Collection, CollectionId, Column, ColumnKind, DataOrigin, Feature, FeatureId, GeometryKind,
    Grid, PointBatch, Role, Schema, Source, Survey, TileCoord, Value, VerticalDatum,
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
/// and survey, served; and a key of its staff.
struct Town {
    dir: tempfile::TempDir,
    app: App,
    routes: Router,
    key: String,
}

impl Town {
    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Got {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(axum::body::Body::empty()).unwrap();
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Got {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, 64 << 20).await.unwrap().to_vec(),
        }
    }

    async fn get(&self, path: &str) -> Got {
        self.send(Method::GET, path, &[]).await
    }

    async fn get_as_staff(&self, path: &str) -> Got {
        let bearer = format!("Bearer {}", self.key);
        self.send(Method::GET, path, &[("authorization", &bearer)])
            .await
    }
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
        dir,
        routes: router(app.clone()),
        app,
        key,
    }
}

fn town() -> Town {
    town_with(Limits::default(), settings())
}

/// A place, in metres from the town's corner, as longitude and latitude.
fn lonlat([x, y]: [f64; 2]) -> [f64; 2] {
    let twin = Crs::from_code("EPSG:3014").unwrap();
    let to_lonlat = Transform::new(&twin, &Crs::from_code("CRS84").unwrap()).unwrap();
    to_lonlat.xy([EAST + x, NORTH + y]).unwrap()
}

/// The tile of a set over a place, in metres from the town's corner.
fn tile_at(set: &str, z: u8, [x, y]: [f64; 2]) -> TileCoord {
    let set = TileMatrixSet::by_id(set).unwrap();
    let twin = Crs::from_code("EPSG:3014").unwrap();
    let to_set = Transform::new(&twin, &set.crs).unwrap();
    let at = to_set.xy([EAST + x, NORTH + y]).unwrap();
    set.tile_at(z, at).unwrap()
}

/// The middle of the town in degrees, and its tile at level 15 as z/x/y and as z/row/column.
fn middle() -> ([f64; 2], String, String) {
    let tile = tile_at("WebMercatorQuad", 15, [50.0, 10.0]);
    let (z, x, y) = (tile.z(), tile.x(), tile.y());
    let lonlat = lonlat([50.0, 10.0]);
    (lonlat, format!("{z}/{x}/{y}"), format!("{z}/{y}/{x}"))
}
