//! Clicks on a twin on disk, as the server and the command make them.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use geo_types::{Geometry, LineString, Point, polygon};
use model::{
    Access, Bounds, Collection, CollectionId, Column, ColumnKind, DataOrigin, Feature, FeatureId,
    GeometryKind, Grid, PointBatch, Schema, Source, Survey, Value, VerticalDatum,
};
use query::{Answer, Click, Relation, RelationBy, Relations, identify};
use store::{PointLayout, PutMode, Transaction, Twin};

const EAST: f64 = 150_000.0;
const NORTH: f64 = 6_500_000.0;

fn id(name: &str) -> CollectionId {
    CollectionId::new(name).unwrap()
}

fn collection(name: &str, columns: &[(&str, ColumnKind)]) -> Collection {
    Collection {
        id: id(name),
        title: name.to_uppercase(),
        department: Some("Gatukontoret".to_owned()),
        schema: Schema {
            columns: columns
                .iter()
                .map(|(name, kind)| Column {
                    name: (*name).to_owned(),
                    kind: *kind,
                })
                .collect(),
            geometry: GeometryKind::Mixed,
        },
        feature_count: 0,
        bounds: None,
        source: source("2026-11-21T12:00:00Z"),
        data_origin: None,
    }
}

fn source(delivered: &str) -> Source {
    Source {
        files: vec!["vägar.gpkg".to_owned()],
        delivered: delivered.parse().unwrap(),
    }
}

fn feature(number: u64, geometry: Option<Geometry<f64>>, values: Vec<Value>) -> Feature {
    Feature {
        id: FeatureId::new(number).unwrap(),
        geometry,
        values,
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn point(x: f64, y: f64) -> Option<Geometry<f64>> {
    Some(Point::new(EAST + x, NORTH + y).into())
}

fn line(from: [f64; 2], to: [f64; 2]) -> Option<Geometry<f64>> {
    let at = |[x, y]: [f64; 2]| (EAST + x, NORTH + y);
    Some(LineString::from(vec![at(from), at(to)]).into())
}

/// A square from (0, 0) to (100, 100).
fn square() -> Option<Geometry<f64>> {
    let (e, n) = (EAST, NORTH);
    Some(Geometry::Polygon(polygon![
        (x: e, y: n), (x: e + 100., y: n), (x: e + 100., y: n + 100.), (x: e, y: n + 100.)
    ]))
}

/// Streets with signs by key and works by place; a secret water network; parcels.
fn town(twin: &Twin) {
    let mut change = twin.begin().unwrap();
    let mut put = |collection, features| {
        change
            .put_features(collection, features, PutMode::Create, "{}")
            .unwrap();
    };
    put(
        collection(
            "streets",
            &[("link", ColumnKind::Integer), ("name", ColumnKind::Text)],
        ),
        vec![
            feature(
                1,
                line([0., 10.], [100., 10.]),
                vec![Value::Integer(17), text("Storgatan")],
            ),
            feature(
                2,
                line([0., 13.], [100., 13.]),
                vec![Value::Integer(18), text("Åsgatan")],
            ),
            feature(
                3,
                line([0., 90.], [100., 90.]),
                vec![Value::Null, text("Långt bort")],
            ),
        ],
    );
    put(
        collection("signs", &[("link_id", ColumnKind::Text)]),
        vec![
            feature(7, point(10., 11.), vec![text("17")]),
            feature(5, point(90., 11.), vec![text("17")]),
            feature(6, point(95., 9.), vec![text("17")]),
            feature(8, point(50., 13.), vec![text("18")]),
            feature(9, None, vec![Value::Null]),
        ],
    );
    put(
        collection("works", &[("stage", ColumnKind::Text)]),
        vec![
            feature(1, line([40., 0.], [40., 8.]), vec![text("dig")]),
            feature(2, line([60., 0.], [60., 9.]), vec![text("lay")]),
            feature(3, point(50., 40.), vec![text("elsewhere")]),
        ],
    );
    put(
        collection("parcels", &[]),
        vec![feature(1, square(), vec![])],
    );
    put(
        collection("water", &[("link_id", ColumnKind::Text)]),
        vec![feature(1, point(50., 10.), vec![text("17")])],
    );
    change.commit().unwrap();
}

fn relation(name: &str, from: &str, to: &str, by: RelationBy) -> Relation {
    Relation {
        name: name.to_owned(),
        from: id(from),
        to: id(to),
        by,
        limit: 2,
    }
}

fn by_key(from: &str, to: &str) -> RelationBy {
    RelationBy::Key {
        from: from.to_owned(),
        to: to.to_owned(),
    }
}

fn click(x: f64, y: f64, radius_m: f64) -> Click {
    Click {
        at: [EAST + x, NORTH + y],
        radius_m,
        collections: None,
        limit: 10,
    }
}

fn ask(twin: &Twin, access: Access, relations: &Relations, click: &Click) -> Answer {
    identify(&twin.snapshot().unwrap().view(access), relations, click)
}

/// `collection/feature@distance` in the order of the answer.
fn outline(answer: &Answer) -> Vec<String> {
    let of = |collection: &query::CollectionAnswer| {
        let hits = collection.hits.iter();
        hits.map(|hit| format!("{}/{}@{}", collection.id, hit.feature.id, hit.distance_m))
            .collect::<Vec<_>>()
    };
    answer.collections.iter().flat_map(of).collect()
}

fn left_out(answer: &Answer) -> Vec<(&str, &str)> {
    let parts = answer.left_out.iter();
    parts
        .map(|p| (p.part.as_str(), p.reason.as_str()))
        .collect()
}

#[test]
fn a_click_finds_the_nearest_of_every_collection_in_metres() {
    let dir = tempfile::tempdir().unwrap();
    let twin = Twin::create(dir.path(), "Sampelstad", "EPSG:3014").unwrap();
    town(&twin);
    let none = Relations::default();
    let answer = ask(&twin, Access::Everything, &none, &click(50., 11., 5.0));
    assert_eq!(
        outline(&answer),
        [
            "parcels/1@0",
            "streets/1@1",
            "streets/2@2",
            "water/1@1",
            "signs/8@2"
        ]
    );
    assert_eq!(left_out(&answer), []);
    let streets = &answer.collections[1];
    assert_eq!(streets.title, "STREETS");
    assert_eq!(streets.columns, ["link", "name"]);
    assert_eq!(streets.department.as_deref(), Some("Gatukontoret"));

    let nothing = ask(&twin, Access::Everything, &none, &click(-500., -500., 5.0));
    assert_eq!(outline(&nothing), Vec::<String>::new());
    let one = Click {
        limit: 1,
        ..click(50., 11., 5.0)
    };
    let answer = ask(&twin, Access::Everything, &none, &one);
    assert!(answer.collections.iter().all(|found| found.hits.len() == 1));
}

#[test]
fn a_box_that_touches_is_not_yet_within_the_radius() {
    let dir = tempfile::tempdir().unwrap();
    let twin = Twin::create(dir.path(), "Sampelstad", "EPSG:3014").unwrap();
    town(&twin);
    // A corner of the radius's box, 7.07 m away, holds the sign; a circle of 6 m does not.
    let click = Click {
        collections: Some(vec![id("signs")]),
        ..click(5., 6., 6.0)
    };
    let answer = ask(&twin, Access::Everything, &Relations::default(), &click);
    assert_eq!(outline(&answer), Vec::<String>::new());
    let wider = Click {
        radius_m: 7.1,
        ..click
    };
    let answer = ask(&twin, Access::Everything, &Relations::default(), &wider);
    assert_eq!(answer.collections[0].hits[0].distance_m, 50_f64.sqrt());
}

#[test]
fn relations_by_key_and_by_place_lead_to_related_features() {
    let dir = tempfile::tempdir().unwrap();
    let twin = Twin::create(dir.path(), "Sampelstad", "EPSG:3014").unwrap();
    town(&twin);
    let relations = Relations::new(vec![
        relation("signs", "streets", "signs", by_key("link", "link_id")),
        relation(
            "works",
            "streets",
            "works",
            RelationBy::Within { distance_m: 2.0 },
        ),
        relation(
            "beside",
            "streets",
            "streets",
            RelationBy::Within { distance_m: 3.0 },
        ),
        relation("gone", "streets", "nowhere", by_key("link", "x")),
        relation("broken", "streets", "signs", by_key("link", "missing")),
    ]);
    relations.warm(&twin.snapshot().unwrap().view(Access::Everything));
    let only_streets = Click {
        collections: Some(vec![id("streets")]),
        ..click(50., 11., 1.5)
    };
    let answer = ask(&twin, Access::Everything, &relations, &only_streets);
    assert_eq!(outline(&answer), ["streets/1@1"]);
    let related: Vec<_> = answer.collections[0].hits[0]
        .related
        .iter()
        .map(|related| {
            let ids: Vec<u64> = related.features.iter().map(|f| f.id.get()).collect();
            (related.relation.as_str(), ids, related.matched)
        })
        .collect();
    assert_eq!(
        related,
        [
            // A number there, a text here; two of three by the relation's limit.
            ("signs", vec![5, 6], 3),
            // The one a metre away before the one two metres away.
            ("works", vec![2, 1], 2),
            // Not itself.
            ("beside", vec![2], 1),
        ]
    );
    assert_eq!(
        left_out(&answer),
        [("broken", "signs has no attribute \"missing\"")]
    );

    // A null key has no relations, and no failure.
    let null = Click {
        collections: Some(vec![id("streets")]),
        ..click(50., 90., 1.0)
    };
    let answer = ask(&twin, Access::Everything, &relations, &null);
    let names: Vec<_> = answer.collections[0].hits[0]
        .related
        .iter()
        .map(|r| r.relation.as_str())
        .collect();
    assert_eq!(names, ["works", "beside"]);
}

#[test]
fn an_index_follows_its_collection() {
    let dir = tempfile::tempdir().unwrap();
    let twin = Twin::create(dir.path(), "Sampelstad", "EPSG:3014").unwrap();
    town(&twin);
    let relations = Relations::new(vec![relation(
        "signs",
        "streets",
        "signs",
        by_key("link", "link_id"),
    )]);
    let related = |view: &store::View| {
        let answer = identify(view, &relations, &click(50., 13.5, 1.0));
        let streets = answer
            .collections
            .iter()
            .find(|c| c.id.as_str() == "streets");
        let hit = &streets.unwrap().hits[0];
        hit.related[0]
            .features
            .iter()
            .map(|f| f.id.get())
            .collect::<Vec<_>>()
    };
    let before = twin.snapshot().unwrap().view(Access::Everything);
    assert_eq!(related(&before), [8]);
    let mut change = twin.begin().unwrap();
    change
        .put_features(
            collection("signs", &[("link_id", ColumnKind::Text)]),
            vec![
                feature(11, point(1., 1.), vec![text("18")]),
                feature(12, point(2., 1.), vec![text("18")]),
            ],
            PutMode::Replace,
            "{}",
        )
        .unwrap();
    change.commit().unwrap();
    let after = twin.snapshot().unwrap().view(Access::Everything);
    assert_eq!(related(&after), [11, 12]);
    // A reader of the older snapshot still sees what it saw, and spoils nothing.
    assert_eq!(related(&before), [8]);
    assert_eq!(related(&after), [11, 12]);
}

#[test]
fn what_is_not_visible_does_not_exist() {
    let dir = tempfile::tempdir().unwrap();
    let twin = Twin::create(dir.path(), "Sampelstad", "EPSG:3014").unwrap();
    town(&twin);
    let relations = Relations::new(vec![
        relation("pipes", "streets", "water", by_key("link", "link_id")),
        relation(
            "near",
            "streets",
            "water",
            RelationBy::Within { distance_m: 50.0 },
        ),
    ]);
    let public = Access::Only(BTreeSet::from([id("streets"), id("parcels")]));
    let answer = ask(&twin, public.clone(), &relations, &click(50., 11., 5.0));
    let ids: Vec<_> = answer.collections.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["parcels", "streets"]);
    assert!(
        answer.collections[1]
            .hits
            .iter()
            .all(|hit| hit.related.is_empty())
    );
    assert_eq!(left_out(&answer), []);

    // Asking for a hidden one is answered word for word as asking for none.
    let asking = |name: &str| {
        let click = Click {
            collections: Some(vec![id(name), id("streets")]),
            ..click(50., 11., 5.0)
        };
        let answer = ask(&twin, public.clone(), &relations, &click);
        assert_eq!(answer.left_out[0].part, name);
        (answer.collections, answer.left_out[0].reason.clone())
    };
    assert_eq!(asking("water"), asking("nonsense"));
    let staff = ask(&twin, Access::Everything, &relations, &click(50., 11., 5.0));
    let streets = staff
        .collections
        .iter()
        .find(|c| c.id.as_str() == "streets")
        .unwrap();
    assert_eq!(streets.hits[0].related.len(), 2);
}

#[test]
fn what_is_no_place_or_no_length_is_named_and_not_answered() {
    let dir = tempfile::tempdir().unwrap();
    let twin = Twin::create(dir.path(), "Sampelstad", "EPSG:3014").unwrap();
    town(&twin);
    for bad in [
        click(f64::NAN, 0., 5.0),
        click(0., f64::INFINITY, 5.0),
        click(0., 0., -1.0),
        click(0., 0., f64::NAN),
        click(0., 0., f64::INFINITY),
    ] {
        let answer = ask(&twin, Access::Everything, &Relations::default(), &bad);
        assert!(answer.collections.is_empty());
        assert_eq!(answer.left_out[0].part, "collections", "{bad:?}");
    }
}

#[test]
fn a_twin_in_degrees_says_that_it_has_no_metres() {
    let dir = tempfile::tempdir().unwrap();
    let twin = Twin::create(dir.path(), "World", "EPSG:4326").unwrap();
    let answer = ask(
        &twin,
        Access::Everything,
        &Relations::default(),
        &click(0., 0., 5.0),
    );
    assert_eq!(answer.left_out.len(), 1);
    assert!(answer.left_out[0].reason.contains("no metres"));
}

#[test]
fn a_damaged_collection_is_named_and_the_rest_answered() {
    let dir = tempfile::tempdir().unwrap();
    let twin = Twin::create(dir.path(), "Sampelstad", "EPSG:3014").unwrap();
    town(&twin);
    // Cut every file of the streets short.
    let mut folders = vec![dir.path().join("collections/streets")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                std::fs::write(&path, &bytes[..bytes.len() / 3]).unwrap();
            }
        }
    }
    let twin = Twin::open(dir.path()).unwrap();
    let answer = ask(
        &twin,
        Access::Everything,
        &Relations::default(),
        &click(50., 11., 5.0),
    );
    assert_eq!(
        left_out(&answer),
        [("streets", "some of its features could not be read")]
    );
    let path = dir.path().to_str().unwrap();
    assert!(answer.left_out[0].detail.as_ref().unwrap().contains(path));
    let ids: Vec<_> = answer.collections.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["parcels", "water", "signs"]);
}

fn put_survey(change: &mut Transaction, name: &str, flown: Option<&str>, west: f64, ground: f32) {
    let layout = PointLayout {
        crs_wkt: String::new(),
        scale_m: [0.01; 3],
        has_rgb: false,
        has_nir: false,
    };
    let mut points = change.begin_survey(layout).unwrap();
    points
        .write(&PointBatch {
            x: vec![EAST + west],
            y: vec![NORTH],
            z: vec![f64::from(ground)],
            intensity: vec![0],
            return_number: vec![1],
            number_of_returns: vec![1],
            classification: vec![2],
            flags: vec![0],
            scan_angle_deg: vec![0.0],
            user_data: vec![0],
            point_source_id: vec![0],
            ..PointBatch::default()
        })
        .unwrap();
    let grid = |height: f32| {
        let mut grid = Grid::empty(EAST + west, NORTH + 100.0, 1.0, 100, 100);
        grid.values.fill(height);
        grid
    };
    let survey = Survey {
        id: id(name),
        title: name.to_owned(),
        department: None,
        point_count: 1,
        bounds: Bounds::new(EAST + west, NORTH, EAST + west + 100.0, NORTH + 100.0).unwrap(),
        elevation_range_m: [0.0, 100.0],
        vertical: VerticalDatum::Unknown,
        flown: flown.map(|day| day.parse().unwrap()),
        source: source("2026-11-21T12:00:00Z"),
        data_origin: Some(DataOrigin::Synthetic),
    };
    change
        .put_survey(
            survey,
            points,
            &grid(ground),
            &grid(ground + 8.0),
            PutMode::Create,
            "{}",
        )
        .unwrap();
}

#[test]
fn elevation_comes_from_the_newest_visible_survey_of_the_place() {
    let dir = tempfile::tempdir().unwrap();
    let twin = Twin::create(dir.path(), "Sampelstad", "EPSG:3014").unwrap();
    let mut change = twin.begin().unwrap();
    put_survey(&mut change, "newest", Some("2026-05-01"), 0.0, 30.0);
    put_survey(&mut change, "older", Some("2020-05-01"), 0.0, 20.0);
    put_survey(&mut change, "undated", None, -50.0, 10.0);
    change.commit().unwrap();
    let none = Relations::default();
    let at = |access: Access, click: &Click| {
        let answer = ask(&twin, access, &none, click);
        assert_eq!(left_out(&answer), []);
        let found = answer.elevation?;
        Some((
            found.survey.as_str().to_owned(),
            found.ground_m?,
            found.surface_m?,
        ))
    };
    let place = click(20., 20., 1.0);
    assert_eq!(
        at(Access::Everything, &place),
        Some(("newest".to_owned(), 30.0, 38.0))
    );
    let public = Access::Only(BTreeSet::from([id("older"), id("undated")]));
    assert_eq!(at(public, &place), Some(("older".to_owned(), 20.0, 28.0)));
    let west = click(-20., 20., 1.0);
    assert_eq!(
        at(Access::Everything, &west),
        Some(("undated".to_owned(), 10.0, 18.0))
    );
    assert_eq!(at(Access::Everything, &click(500., 20., 1.0)), None);
    let named = Click {
        collections: Some(vec![id("older")]),
        ..place
    };
    assert_eq!(
        at(Access::Everything, &named),
        Some(("older".to_owned(), 20.0, 28.0))
    );
}
