//! The whole server without a port, on a small twin made here: what every route answers
//! to the public and to staff.
//!
//! Here are the twin, its settings and ways to ask; the tests lie beside it by subject.

mod access;
mod caching;
mod documents;
mod downloads;
mod edits;
mod encodings;
mod errors;
mod grids;
mod heights;
mod identify;
mod items;
mod operation;
mod pyramids;
mod spatial;
mod tiles;

use std::collections::BTreeMap;

use axum::body::to_bytes;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use fixtures::{ORIGIN, Town, feature, hectare, id, line, point, polygon, texts};
use geodesy::{Crs, TileMatrixSet, Transform};
use model::{
    Collection, ColumnKind, Feature, FeatureId, GeometryKind, Role, Survey, TileCoord,
    VerticalDatum,
};
use serde_json::Value as Json;
use tower::ServiceExt;

use crate::shortcut::Shortcut;
use crate::{
    App, AttributeSettings, CollectionSettings, Department, Limits, Settings, Style, Text, router,
};

const SIGNS: u64 = 25;

/// [`twin`] as it is served, and a key of its staff.
struct ServedTown {
    twin: Town,
    app: App,
    routes: Shortcut,
    key: String,
}

impl ServedTown {
    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Got {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(axum::body::Body::empty()).unwrap();
        self.answer_to(request).await
    }

    async fn answer_to(&self, request: Request<axum::body::Body>) -> Got {
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Got {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, 64 << 20).await.unwrap().to_vec(),
        }
    }

    /// Sends a body and no key.
    async fn post(&self, path: &str, body: &[u8]) -> Got {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("content-length", body.len())
            .body(axum::body::Body::from(body.to_vec()))
            .unwrap();
        self.answer_to(request).await
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

fn text(sv: &str, en: &str) -> Text {
    Text {
        sv: sv.to_owned(),
        en: en.to_owned(),
    }
}

/// A collection whose values are all text.
fn collection(
    name: &str,
    department: &str,
    geometry: GeometryKind,
    columns: &[&str],
) -> Collection {
    let columns: Vec<_> = columns
        .iter()
        .map(|name| (*name, ColumnKind::Text))
        .collect();
    let mut collection = fixtures::collection(name, &columns);
    collection.department = Some(department.to_owned());
    collection.schema.geometry = geometry;
    collection
}

/// The streets, of which the first has a name to be chosen.
fn put_streets(twin: &Town, first: &str) {
    let columns = ["link_id", "gatunamn", "data_origin"];
    let street = |number, y, key, name| {
        let shape = line(&[[0., y], [100., y]]);
        feature(number, shape, texts(&[key, name, "synthetic"]))
    };
    twin.put(
        collection("streets", "gata", GeometryKind::Line, &columns),
        [street(1, 10., "L1", first), street(2, 60., "L2", "Åsgatan")],
    );
}

/// Public streets, signs, counts, plans and a survey; a secret water network and survey.
fn twin() -> Town {
    let twin = Town::new("EPSG:3014");
    put_streets(&twin, "Storgatan");
    let signs = (1..=SIGNS).map(|n| Feature {
        id: FeatureId::from_key(&format!("S{n}")),
        ..feature(n, point(n as f64 * 4.0, 11.0), texts(&["L1", "B2"]))
    });
    twin.put(
        collection("signs", "gata", GeometryKind::Point, &["link_id", "typ"]),
        signs,
    );
    twin.put(
        collection("counts", "gata", GeometryKind::None, &["link_id"]),
        [feature(1, None, texts(&["L1"]))],
    );
    // Wound with the clock on purpose.
    let square = polygon(&[[0., 0.], [0., 100.], [100., 100.], [100., 0.]]);
    twin.put(
        collection("plans", "plan", GeometryKind::Polygon, &[]),
        [feature(1, square, vec![])],
    );
    let pipe = line(&[[0., 9.], [100., 9.]]);
    twin.put(
        collection("secret_pipes", "hemliga", GeometryKind::Line, &["link_id"]),
        [feature(1, pipe, texts(&["L1"]))],
    );
    let (terrain, surface) = (hectare(0.0, 12.5), hectare(0.0, 20.0));
    for name in ["drone", "secret_drone"] {
        let survey = Survey {
            department: Some("fastighet".to_owned()),
            vertical: VerticalDatum::Known {
                code: "EPSG:5613".to_owned(),
                name: "RH2000 height".to_owned(),
            },
            ..fixtures::survey(name, &terrain)
        };
        twin.put_survey(survey, &terrain, &surface);
    }
    twin
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
        sources: crate::SourceBoard::default(),
        geoid: None,
        tile_matrix_sets: geodesy::TileMatrixSets::default(),
    }
}

fn town_with(limits: Limits, settings: Settings) -> ServedTown {
    let twin = twin();
    let keys = store::keys::Keys::open(twin.path()).unwrap();
    let key = keys.add("test", Role::Reader).unwrap();
    let app = App::with_limits(twin.path(), settings, limits).unwrap();
    ServedTown {
        twin,
        routes: Shortcut::new(app.clone(), router(app.clone())),
        app,
        key,
    }
}

fn town() -> ServedTown {
    town_with(Limits::default(), settings())
}

/// A place, in metres from the origin, as longitude and latitude.
fn lonlat([x, y]: [f64; 2]) -> [f64; 2] {
    let twin = Crs::from_code("EPSG:3014").unwrap();
    let to_lonlat = Transform::new(&twin, &Crs::from_code("CRS84").unwrap()).unwrap();
    to_lonlat.xy([ORIGIN[0] + x, ORIGIN[1] + y]).unwrap()
}

/// The tile of a set over a place, in metres from the origin.
fn tile_at(set: &str, z: u8, [x, y]: [f64; 2]) -> TileCoord {
    let set = TileMatrixSet::by_id(set).unwrap();
    let twin = Crs::from_code("EPSG:3014").unwrap();
    let to_set = Transform::new(&twin, &set.crs).unwrap();
    let at = to_set.xy([ORIGIN[0] + x, ORIGIN[1] + y]).unwrap();
    set.tile_at(z, at).unwrap()
}

/// The middle of the town in degrees, and its tile at level 15 as z/x/y and as z/row/column.
fn middle() -> ([f64; 2], String, String) {
    let tile = tile_at("WebMercatorQuad", 15, [50.0, 10.0]);
    let (z, x, y) = (tile.z(), tile.x(), tile.y());
    let lonlat = lonlat([50.0, 10.0]);
    (lonlat, format!("{z}/{x}/{y}"), format!("{z}/{y}/{x}"))
}
