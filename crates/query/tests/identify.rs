//! Clicks on a twin on disk, as the server and the command make them.

use std::collections::BTreeSet;

use fixtures::{
    ORIGIN, Town, collection, feature, hectare, id, line, point, rectangle, survey, texts,
};
use model::{Access, ColumnKind, Survey, Value};
use query::{Answer, Click, Relation, RelationBy, Relations, identify};
use store::Twin;

/// Streets with signs by key and works by place; a secret water network; parcels.
fn town() -> Town {
    let town = Town::new("EPSG:3014");
    let street = |number, y, key, name: &str| {
        let name = Value::Text(name.to_owned());
        feature(number, line(&[[0., y], [100., y]]), vec![key, name])
    };
    town.put(
        collection(
            "streets",
            &[("link", ColumnKind::Integer), ("name", ColumnKind::Text)],
        ),
        [
            street(1, 10., Value::Integer(17), "Storgatan"),
            street(2, 13., Value::Integer(18), "Åsgatan"),
            street(3, 90., Value::Null, "Långt bort"),
        ],
    );
    town.put(
        collection("signs", &[("link_id", ColumnKind::Text)]),
        [
            feature(7, point(10., 11.), texts(&["17"])),
            feature(5, point(90., 11.), texts(&["17"])),
            feature(6, point(95., 9.), texts(&["17"])),
            feature(8, point(50., 13.), texts(&["18"])),
            feature(9, None, vec![Value::Null]),
        ],
    );
    town.put(
        collection("works", &[("stage", ColumnKind::Text)]),
        [
            feature(1, line(&[[40., 0.], [40., 8.]]), texts(&["dig"])),
            feature(2, line(&[[60., 0.], [60., 9.]]), texts(&["lay"])),
            feature(3, point(50., 40.), texts(&["elsewhere"])),
        ],
    );
    town.put_shapes("parcels", [rectangle(0., 0., 100., 100.)]);
    town.put(
        collection("water", &[("link_id", ColumnKind::Text)]),
        [feature(1, point(50., 10.), texts(&["17"]))],
    );
    town
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
        at: [ORIGIN[0] + x, ORIGIN[1] + y],
        radius_m,
        collections: None,
        limit: 10,
    }
}

fn ask(town: &Town, access: Access, relations: &Relations, click: &Click) -> Answer {
    identify(&town.view(access), relations, click)
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
    let town = town();
    let none = Relations::default();
    let answer = ask(&town, Access::Everything, &none, &click(50., 11., 5.0));
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

    let nothing = ask(&town, Access::Everything, &none, &click(-500., -500., 5.0));
    assert_eq!(outline(&nothing), Vec::<String>::new());
    let one = Click {
        limit: 1,
        ..click(50., 11., 5.0)
    };
    let answer = ask(&town, Access::Everything, &none, &one);
    assert!(answer.collections.iter().all(|found| found.hits.len() == 1));
}

#[test]
fn a_box_that_touches_is_not_yet_within_the_radius() {
    let town = town();
    // A corner of the radius's box, 7.07 m away, holds the sign; a circle of 6 m does not.
    let click = Click {
        collections: Some(vec![id("signs")]),
        ..click(5., 6., 6.0)
    };
    let answer = ask(&town, Access::Everything, &Relations::default(), &click);
    assert_eq!(outline(&answer), Vec::<String>::new());
    let wider = Click {
        radius_m: 7.1,
        ..click
    };
    let answer = ask(&town, Access::Everything, &Relations::default(), &wider);
    assert_eq!(answer.collections[0].hits[0].distance_m, 50_f64.sqrt());
}

#[test]
fn relations_by_key_and_by_place_lead_to_related_features() {
    let town = town();
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
    relations.warm(&town.view(Access::Everything));
    let only_streets = Click {
        collections: Some(vec![id("streets")]),
        ..click(50., 11., 1.5)
    };
    let answer = ask(&town, Access::Everything, &relations, &only_streets);
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
    let answer = ask(&town, Access::Everything, &relations, &null);
    let names: Vec<_> = answer.collections[0].hits[0]
        .related
        .iter()
        .map(|r| r.relation.as_str())
        .collect();
    assert_eq!(names, ["works", "beside"]);
}

#[test]
fn an_index_follows_its_collection() {
    let town = town();
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
    let before = town.view(Access::Everything);
    assert_eq!(related(&before), [8]);
    town.put(
        collection("signs", &[("link_id", ColumnKind::Text)]),
        [
            feature(11, point(1., 1.), texts(&["18"])),
            feature(12, point(2., 1.), texts(&["18"])),
        ],
    );
    let after = town.view(Access::Everything);
    assert_eq!(related(&after), [11, 12]);
    // A reader of the older snapshot still sees what it saw, and spoils nothing.
    assert_eq!(related(&before), [8]);
    assert_eq!(related(&after), [11, 12]);
}

#[test]
fn what_is_not_visible_does_not_exist() {
    let town = town();
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
    let answer = ask(&town, public.clone(), &relations, &click(50., 11., 5.0));
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
        let answer = ask(&town, public.clone(), &relations, &click);
        assert_eq!(answer.left_out[0].part, name);
        (answer.collections, answer.left_out[0].reason.clone())
    };
    assert_eq!(asking("water"), asking("nonsense"));
    let staff = ask(&town, Access::Everything, &relations, &click(50., 11., 5.0));
    let streets = staff
        .collections
        .iter()
        .find(|c| c.id.as_str() == "streets")
        .unwrap();
    assert_eq!(streets.hits[0].related.len(), 2);
}

#[test]
fn what_is_no_place_or_no_length_is_named_and_not_answered() {
    let town = town();
    for bad in [
        click(f64::NAN, 0., 5.0),
        click(0., f64::INFINITY, 5.0),
        click(0., 0., -1.0),
        click(0., 0., f64::NAN),
        click(0., 0., f64::INFINITY),
    ] {
        let answer = ask(&town, Access::Everything, &Relations::default(), &bad);
        assert!(answer.collections.is_empty());
        assert_eq!(answer.left_out[0].part, "collections", "{bad:?}");
    }
}

#[test]
fn a_twin_in_degrees_says_that_it_has_no_metres() {
    let town = Town::new("EPSG:4326");
    let answer = ask(
        &town,
        Access::Everything,
        &Relations::default(),
        &click(0., 0., 5.0),
    );
    assert_eq!(answer.left_out.len(), 1);
    assert!(answer.left_out[0].reason.contains("no metres"));
}

#[test]
fn a_damaged_collection_is_named_and_the_rest_answered() {
    let town = town();
    // Cut every file of the streets short.
    let mut folders = vec![town.path().join("collections/streets")];
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
    let opened = Twin::open(town.path()).unwrap().snapshot().unwrap();
    let answer = identify(
        &opened.view(Access::Everything),
        &Relations::default(),
        &click(50., 11., 5.0),
    );
    assert_eq!(
        left_out(&answer),
        [("streets", "some of its features could not be read")]
    );
    let path = town.path().to_str().unwrap();
    assert!(answer.left_out[0].detail.as_ref().unwrap().contains(path));
    let ids: Vec<_> = answer.collections.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["parcels", "water", "signs"]);
}

#[test]
fn elevation_comes_from_the_newest_visible_survey_of_the_place() {
    let town = Town::new("EPSG:3014");
    for (name, flown, east_m, ground_m) in [
        ("newest", Some("2026-05-01"), 0.0, 30.0),
        ("older", Some("2020-05-01"), 0.0, 20.0),
        ("undated", None, -50.0, 10.0),
    ] {
        let (terrain, surface) = (hectare(east_m, ground_m), hectare(east_m, ground_m + 8.0));
        let flown = flown.map(|day| day.parse().unwrap());
        let survey = Survey {
            flown,
            ..survey(name, &terrain)
        };
        town.put_survey(survey, &terrain, &surface);
    }
    let none = Relations::default();
    let at = |access: Access, click: &Click| {
        let answer = ask(&town, access, &none, click);
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
