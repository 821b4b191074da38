//! Edits, deliveries that are compared, and what the twin knew before.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use geo_types::point;
use jiff::Timestamp;
use model::{Access, Bounds, CollectionId, ColumnKind, Feature, Value};
use proptest::prelude::*;
use store::{
    ChangeKind, CollectionView, Differences, EditError, EditOutcome, EditRequest, Expected,
    FeatureEdit, PutMode, Twin, content_hash,
};

use crate::common::{NUMBER, by_id, collection, empty_twin, id, numbered, put, see};

fn name(name: &str) -> CollectionId {
    CollectionId::new(name).unwrap()
}

fn feature(number: u64, x: f64, value: i64) -> Feature {
    Feature {
        id: id(number),
        geometry: Some(point!(x: x, y: 0.0).into()),
        values: vec![Value::Integer(value)],
    }
}

fn one(number: u64, feature: Option<Feature>, expected: Expected) -> FeatureEdit {
    FeatureEdit {
        collection: name("things"),
        id: id(number),
        feature,
        expected,
    }
}

fn edit(twin: &Twin, edits: Vec<FeatureEdit>) -> Result<EditOutcome, EditError> {
    twin.edit(EditRequest {
        edits,
        who: "anna".to_owned(),
        kind: ChangeKind::Edit,
        note: "{}".to_owned(),
    })
}

fn sync(twin: &Twin, features: Vec<Feature>, percent: u8) -> Result<Differences, store::Error> {
    let mut change = twin.begin()?;
    let mode = PutMode::Sync {
        removed_max_percent: percent,
    };
    let differences = change.put_features(collection("things", &NUMBER), features, mode, "{}")?;
    change.commit()?;
    Ok(differences)
}

/// Reads a collection in every way and asserts that each gives these.
fn check_is(things: &CollectionView, expected: &BTreeMap<u64, Feature>) {
    let all: Vec<_> = expected.values().cloned().collect();
    assert_eq!(by_id(things), all);
    assert_eq!(things.meta().feature_count, all.len() as u64);
    let page = things.page(None, None, 1000).unwrap();
    assert_eq!(
        (page.features, page.matched, page.more),
        (all.clone(), all.len() as u64, false)
    );
    let half = all.len() / 2;
    if half > 0 {
        let after = Some(all[half - 1].id);
        assert_eq!(
            things.page(None, after, 1000).unwrap().features,
            all[half..]
        );
    }
    let bounds = Bounds::new(10.0, -1.0, 30.0, 1.0).unwrap();
    let inside = |feature: &&Feature| {
        let own = feature.geometry.as_ref().and_then(Bounds::of_geometry);
        own.is_some_and(|own| own.intersects(&bounds))
    };
    let inside: Vec<_> = all.iter().filter(inside).cloned().collect();
    let mut within: Vec<_> = things
        .within(&bounds)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    within.sort_by_key(|feature| feature.id);
    assert_eq!(within, inside);
    assert_eq!(
        things.page(Some(&bounds), None, 1000).unwrap().features,
        inside
    );
    for number in 0..60 {
        assert_eq!(
            things.get(id(number)).unwrap().as_ref(),
            expected.get(&number)
        );
    }
    let mut by_place = BTreeMap::new();
    let mut values = Vec::new();
    for place in things.places().unwrap() {
        let place = place.unwrap();
        let feature = things.feature_at(place).unwrap();
        assert_eq!(things.id_at(place).unwrap(), feature.id);
        assert_eq!(things.values_at(place, &mut values).unwrap(), feature.id);
        assert_eq!(values, feature.values);
        by_place.insert(feature.id.get(), feature);
    }
    assert!(by_place.values().all(|feature| feature.geometry.is_some()));
    let with_place = expected.iter().filter(|(_, f)| f.geometry.is_some());
    assert!(by_place.iter().eq(with_place));
    if let Some(own) = all
        .iter()
        .filter_map(|f| Bounds::of_geometry(f.geometry.as_ref()?))
        .reduce(|a, b| a.union(&b))
    {
        let told = things.meta().bounds.unwrap();
        assert_eq!(told.union(&own), told, "the box holds every feature");
    }
}

#[test]
fn an_edit_is_seen_at_once_by_this_twin_and_by_another_program() {
    let (dir, twin) = empty_twin();
    put(&twin, "things", numbered(0..9, 1), PutMode::Create);
    let other = Twin::open(dir.path()).unwrap();
    let old = see(&twin, "things");
    assert_eq!(see(&other, "things").version(), old.version());
    let outcome = edit(
        &twin,
        vec![
            one(3, Some(feature(3, 7.0, 33)), Expected::Present),
            one(4, None, Expected::Anything),
            one(70, Some(feature(70, 8.0, 70)), Expected::Absent),
        ],
    )
    .unwrap();
    assert_eq!(outcome.change.who, "anna");
    assert_eq!(
        outcome.features[0].before.as_deref(),
        Some(&numbered(3..4, 1)[0])
    );
    for twin in [&twin, &other] {
        let things = see(twin, "things");
        assert_eq!(things.version(), outcome.change.number);
        assert_eq!(things.get(id(3)).unwrap(), Some(feature(3, 7.0, 33)));
        assert_eq!(things.get(id(4)).unwrap(), None);
        assert_eq!(things.get(id(70)).unwrap(), Some(feature(70, 8.0, 70)));
        assert_eq!(things.meta().feature_count, 9);
    }
    assert_eq!(
        by_id(&old),
        numbered(0..9, 1),
        "who reads keeps what was there"
    );
    let report = store::check(dir.path()).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(report.versions, 5, "two of before, three of after");
}

#[test]
fn a_request_that_does_not_fit_changes_nothing_and_says_why() {
    let (_dir, twin) = empty_twin();
    put(&twin, "things", numbered(0..9, 1), PutMode::Create);
    let before = see(&twin, "things").version();
    let good = || one(50, Some(feature(50, 1.0, 1)), Expected::Absent);
    let check = |bad: FeatureEdit, sentence: &str| {
        let error = edit(&twin, vec![good(), bad]).unwrap_err();
        assert!(error.to_string().contains(sentence), "{error}");
        assert_eq!(see(&twin, "things").version(), before);
        assert_eq!(see(&twin, "things").get(id(50)).unwrap(), None);
    };
    check(
        one(3, Some(feature(3, 1.0, 1)), Expected::Absent),
        "has a feature 3 already",
    );
    check(
        one(99, Some(feature(99, 1.0, 1)), Expected::Present),
        "has no feature 99",
    );
    check(one(99, None, Expected::Anything), "has no feature 99");
    check(one(3, None, Expected::Content(1)), "has changed meanwhile");
    let mut elsewhere = good();
    elsewhere.collection = name("absent");
    check(elsewhere, "there is no collection absent");
    let text = Feature {
        values: vec![Value::Text("x".to_owned())],
        ..feature(3, 1.0, 1)
    };
    check(
        one(3, Some(text), Expected::Present),
        "does not fit column \"number\"",
    );
    let nan = Feature {
        geometry: Some(point!(x: f64::NAN, y: 0.0).into()),
        ..feature(3, 1.0, 1)
    };
    check(one(3, Some(nan), Expected::Present), "not finite");
    // What one edit of a request makes, the next one finds.
    edit(&twin, vec![good(), one(50, None, Expected::Present)]).unwrap();
    assert_eq!(see(&twin, "things").get(id(50)).unwrap(), None);
}

#[test]
fn of_two_who_read_the_same_one_is_told_to_read_again() {
    let (_dir, twin) = empty_twin();
    put(&twin, "things", numbered(0..9, 1), PutMode::Create);
    let read = see(&twin, "things").get(id(3)).unwrap().unwrap();
    let hash = content_hash(&read, &see(&twin, "things").meta().schema);
    let mine = one(3, Some(feature(3, 1.0, 5)), Expected::Content(hash));
    let yours = one(3, Some(feature(3, 2.0, 6)), Expected::Content(hash));
    edit(&twin, vec![mine]).unwrap();
    let error = edit(&twin, vec![yours]).unwrap_err();
    assert!(matches!(error, EditError::Changed { .. }), "{error}");
    assert_eq!(
        see(&twin, "things").get(id(3)).unwrap(),
        Some(feature(3, 1.0, 5))
    );
}

#[test]
fn many_writers_at_once_lose_nothing() {
    let (dir, twin) = empty_twin();
    put(&twin, "things", vec![feature(0, 0.0, 0)], PutMode::Create);
    let other = Twin::open(dir.path()).unwrap();
    let next = AtomicU64::new(1);
    let retried = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (twin, next, retried) = (
                if number % 2 == 0 { &twin } else { &other },
                &next,
                &retried,
            );
            scope.spawn(move || {
                for _ in 0..25 {
                    // One of its own, and one more in the counter that all share.
                    let own = next.fetch_add(1, Ordering::Relaxed);
                    loop {
                        let things = see(twin, "things");
                        let counter = things.get(id(0)).unwrap().unwrap();
                        let hash = content_hash(&counter, &things.meta().schema);
                        let Value::Integer(count) = counter.values[0] else {
                            panic!()
                        };
                        let both = vec![
                            one(own, Some(feature(own, 1.0, 1)), Expected::Absent),
                            one(0, Some(feature(0, 0.0, count + 1)), Expected::Content(hash)),
                        ];
                        match edit(twin, both) {
                            Ok(_) => break,
                            Err(EditError::Changed { .. }) => {
                                retried.fetch_add(1, Ordering::Relaxed)
                            }
                            Err(error) => panic!("{error}"),
                        };
                    }
                }
            });
        }
    });
    for twin in [&twin, &other] {
        let things = see(twin, "things");
        assert_eq!(things.meta().feature_count, 201);
        assert_eq!(things.get(id(0)).unwrap(), Some(feature(0, 0.0, 200)));
    }
    assert!(retried.load(Ordering::Relaxed) > 0, "they met");
    assert_eq!(
        store::check(dir.path()).unwrap().problems,
        Vec::<String>::new()
    );
}

#[test]
fn a_delivery_writes_differences_only_and_tells_them() {
    let (dir, twin) = empty_twin();
    put(&twin, "things", numbered(0..100, 1), PutMode::Create);
    let files = || {
        let folder = dir.path().join("collections/things");
        let all = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut all: Vec<_> = all
            .filter(|path| path.extension().unwrap() != "json")
            .collect();
        all.sort();
        all
    };
    let before = files();
    let version = see(&twin, "things").version();
    let none = sync(&twin, numbered(0..100, 1), 20).unwrap();
    assert_eq!(
        none,
        Differences {
            unchanged: 100,
            ..Differences::default()
        }
    );
    assert_eq!(see(&twin, "things").version(), version);
    let delivered = [
        numbered(5..99, 1),
        numbered(99..100, 7),
        numbered(200..203, 2),
    ]
    .concat();
    let differences = sync(&twin, delivered.clone(), 20).unwrap();
    let expected = Differences {
        added: 3,
        changed: 1,
        removed: 5,
        unchanged: 94,
    };
    assert_eq!(differences, expected);
    assert_eq!(by_id(&see(&twin, "things")), delivered);
    assert_eq!(files(), before, "nothing was written anew");
    // Half of it is another: that is written as a whole.
    let delivered = numbered(50..150, 1);
    let differences = sync(&twin, delivered.clone(), 100).unwrap();
    assert_eq!((differences.added, differences.removed), (50, 48));
    assert_eq!(by_id(&see(&twin, "things")), delivered);
    assert_ne!(files(), before);
    assert_eq!(
        store::check(dir.path()).unwrap().problems,
        Vec::<String>::new()
    );
}

#[test]
fn a_delivery_that_was_cut_short_empties_nothing() {
    let (_dir, twin) = empty_twin();
    put(&twin, "things", numbered(0..100, 1), PutMode::Create);
    let error = sync(&twin, numbered(0..79, 1), 20).unwrap_err();
    let sentence = error.to_string();
    assert!(
        sentence.contains("would remove 21 of 100 features of things"),
        "{sentence}"
    );
    assert!(sentence.contains("--max-removed"), "{sentence}");
    assert_eq!(see(&twin, "things").meta().feature_count, 100);
    assert_eq!(sync(&twin, numbered(0..80, 1), 20).unwrap().removed, 20);
}

#[test]
fn an_edit_made_while_a_delivery_is_staged_is_not_lost() {
    for percent_changed in [1, 60] {
        let (dir, twin) = empty_twin();
        put(&twin, "things", numbered(0..100, 1), PutMode::Create);
        let mut change = twin.begin().unwrap();
        let mode = PutMode::Sync {
            removed_max_percent: 100,
        };
        let delivered = [
            numbered(0..percent_changed, 9),
            numbered(percent_changed..100, 1),
        ]
        .concat();
        change
            .put_features(collection("things", &NUMBER), delivered, mode, "{}")
            .unwrap();
        edit(
            &twin,
            vec![
                one(0, Some(feature(0, 1.0, 5)), Expected::Present),
                one(90, Some(feature(90, 2.0, 6)), Expected::Present),
                one(300, Some(feature(300, 3.0, 7)), Expected::Absent),
                one(91, None, Expected::Present),
            ],
        )
        .unwrap();
        change.commit().unwrap();
        let things = see(&twin, "things");
        let value = |number: u64| things.get(id(number)).unwrap().map(|f| f.values[0].clone());
        assert_eq!(value(0), Some(Value::Integer(9)), "the delivery came later");
        assert_eq!(
            value(90),
            Some(Value::Integer(6)),
            "of which the delivery said nothing new"
        );
        assert_eq!(value(300), Some(Value::Integer(7)));
        assert_eq!(value(91), None);
        assert_eq!(things.meta().feature_count, 100);
        assert_eq!(things.history(id(0)).unwrap().len(), 3);
        assert_eq!(
            store::check(dir.path()).unwrap().problems,
            Vec::<String>::new()
        );
    }
}

#[test]
fn a_column_that_came_later_was_not_there_before() {
    let (_dir, twin) = empty_twin();
    put(&twin, "things", numbered(0..4, 1), PutMode::Create);
    let then = Timestamp::now();
    let wider = [("number", ColumnKind::Text), ("new", ColumnKind::Text)];
    let features = numbered(0..4, 1).into_iter().map(|feature| Feature {
        values: vec![Value::Text("one".to_owned()), Value::Text("x".to_owned())],
        ..feature
    });
    let mut change = twin.begin().unwrap();
    change
        .put_features(
            collection("things", &wider),
            features.collect(),
            PutMode::Replace,
            "{}",
        )
        .unwrap();
    change.commit().unwrap();
    let earlier = twin.snapshot_as_of(then).unwrap().view(Access::Everything);
    let things = earlier.collection("things").unwrap();
    assert_eq!(things.meta().schema.columns.len(), 1);
    let first = things.get(id(0)).unwrap().unwrap();
    assert_eq!(
        first.values,
        [Value::Text("1".to_owned())],
        "of a kind that both can be read as"
    );
    assert_eq!(
        see(&twin, "things")
            .get(id(0))
            .unwrap()
            .unwrap()
            .values
            .len(),
        2
    );
}

#[test]
fn history_tells_who_and_when_and_can_be_taken_back_and_forgotten() {
    let (dir, twin) = empty_twin();
    put(&twin, "things", numbered(0..9, 1), PutMode::Create);
    let first = Timestamp::now();
    edit(
        &twin,
        vec![one(3, Some(feature(3, 7.0, 33)), Expected::Present)],
    )
    .unwrap();
    let second = Timestamp::now();
    let gone = edit(&twin, vec![one(3, None, Expected::Present)]).unwrap();
    let versions = see(&twin, "things").history(id(3)).unwrap();
    let told: Vec<_> = versions
        .iter()
        .map(|version| {
            (
                version.change.as_ref().unwrap().kind,
                version.feature.clone(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (ChangeKind::Delivery, Some(numbered(3..4, 1)[0].clone())),
            (ChangeKind::Edit, Some(feature(3, 7.0, 33))),
            (ChangeKind::Edit, None),
        ]
    );
    assert_eq!(versions[1].change.as_ref().unwrap().who, "anna");
    assert_eq!(
        versions[1].until,
        versions[2].change.as_ref().map(|change| change.at)
    );
    assert_eq!(see(&twin, "things").history(id(4)).unwrap().len(), 1);
    assert_eq!(see(&twin, "things").history(id(400)).unwrap(), []);

    let differences = see(&twin, "things").differences(first, second).unwrap();
    assert_eq!(differences.len(), 1);
    assert_eq!(differences[0].before, Some(numbered(3..4, 1)[0].clone()));
    assert_eq!(differences[0].after, Some(feature(3, 7.0, 33)));

    let error = twin.undo(gone.change.number - 1, "bo").unwrap_err();
    assert!(matches!(error, EditError::Changed { .. }), "{error}");
    let back = twin.undo(gone.change.number, "bo").unwrap();
    assert_eq!(back.change.kind, ChangeKind::Undo);
    assert_eq!(
        see(&twin, "things").get(id(3)).unwrap(),
        Some(feature(3, 7.0, 33))
    );
    assert_eq!(see(&twin, "things").history(id(3)).unwrap().len(), 4);

    let mut change = twin.begin().unwrap().by("cecilia");
    change
        .forget(&name("things"), Some(id(3)), Timestamp::now())
        .unwrap();
    change.commit().unwrap();
    let versions = see(&twin, "things").history(id(3)).unwrap();
    assert_eq!(versions.len(), 1, "what it is now stays");
    let earlier = twin
        .snapshot_as_of(second)
        .unwrap()
        .view(Access::Everything);
    assert_eq!(
        earlier.collection("things").unwrap().get(id(3)).unwrap(),
        None
    );
    let changes = twin.changes(0, 100).unwrap();
    let last = changes.last().unwrap();
    assert_eq!(
        (last.kind, last.who.as_str()),
        (ChangeKind::Purge, "cecilia")
    );
    assert!(last.note.contains("\"versions\":3"), "{}", last.note);
    assert_eq!(
        store::check(dir.path()).unwrap().problems,
        Vec::<String>::new()
    );
}

#[test]
fn what_is_forgotten_is_in_no_file() {
    let (dir, twin) = empty_twin();
    let columns = [("namn", ColumnKind::Text)];
    let secret = "Personnummer-19121212-1212";
    let named = |text: &str| Feature {
        values: vec![Value::Text(text.to_owned())],
        ..feature(1, 1.0, 1)
    };
    let mut change = twin.begin().unwrap();
    change
        .put_features(
            collection("things", &columns),
            vec![named(secret)],
            PutMode::Create,
            "{}",
        )
        .unwrap();
    change.commit().unwrap();
    edit(&twin, vec![one(1, Some(named("okänd")), Expected::Present)]).unwrap();
    let holds = || {
        let mut folders = vec![dir.path().to_owned()];
        let mut found = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = std::fs::read(&path).unwrap();
                    found +=
                        usize::from(bytes.windows(secret.len()).any(|w| w == secret.as_bytes()));
                }
            }
        }
        found
    };
    assert!(holds() >= 2, "in the segment and in the log");
    let mut change = twin.begin().unwrap();
    change
        .forget(&name("things"), None, Timestamp::now())
        .unwrap();
    change.commit().unwrap();
    assert_eq!(holds(), 0);
    assert_eq!(
        see(&twin, "things").get(id(1)).unwrap(),
        Some(named("okänd"))
    );
}

#[test]
fn a_copy_is_a_twin_and_brings_only_what_is_new() {
    let (dir, twin) = empty_twin();
    put(&twin, "things", numbered(0..50, 1), PutMode::Create);
    put(&twin, "others", numbered(0..50, 1), PutMode::Create);
    let room = tempfile::tempdir().unwrap();
    let out = room.path().join("copy");
    let first = store::backup(&twin, &out).unwrap();
    assert_eq!((first.kept, first.copied), (0, 8));
    edit(
        &twin,
        vec![one(3, Some(feature(3, 7.0, 33)), Expected::Present)],
    )
    .unwrap();
    put(&twin, "others", numbered(0..60, 2), PutMode::Replace);
    let second = store::backup(&twin, &out).unwrap();
    assert_eq!((second.kept, second.copied, second.removed), (4, 4, 4));
    assert_eq!(store::check(&out).unwrap().problems, Vec::<String>::new());
    assert_eq!(
        store::check(&out).unwrap().unreferenced,
        Vec::<std::path::PathBuf>::new()
    );
    let dir_again = room.path().join("again");
    let report = store::restore(&out, &dir_again).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    let again = Twin::open(&dir_again).unwrap();
    for id in ["things", "others"] {
        assert_eq!(by_id(&see(&again, id)), by_id(&see(&twin, id)));
    }
    assert_eq!(see(&again, "things").history(id(3)).unwrap().len(), 2);
    // It goes on from where the other was.
    edit(&again, vec![one(3, None, Expected::Present)]).unwrap();
    // A copy over something else, and of something damaged.
    assert!(store::backup(&twin, dir.path().parent().unwrap()).is_err());
    let file = std::fs::read_dir(dir.path().join("collections/things")).unwrap();
    let file = file
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().unwrap() == "fgb")
        .unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 5;
    bytes[last] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let error = store::backup(&twin, &room.path().join("third")).unwrap_err();
    assert!(
        error.to_string().contains(&file.display().to_string()),
        "{error}"
    );
}

#[derive(Debug, Clone)]
enum Step {
    Edit(Vec<(u64, Option<(u32, i64)>)>),
    Deliver(Vec<(u64, u32, i64)>, u8),
    Compact,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let edits = prop::collection::vec(
        (
            0_u64..60,
            prop::option::weighted(0.7, (0_u32..50, 0_i64..9)),
        ),
        1..6,
    );
    let delivered = prop::collection::vec((0_u64..60, 0_u32..50, 0_i64..3), 0..50);
    prop_oneof![
        4 => edits.prop_map(Step::Edit),
        2 => (delivered, 0_u8..3).prop_map(|(features, mode)| Step::Deliver(features, mode)),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_twin_is_what_a_plain_map_is_now_and_as_of_every_moment(steps in prop::collection::vec(step(), 1..14)) {
        let (dir, mut twin) = empty_twin();
        put(&twin, "things", numbered(0..30, 0), PutMode::Create);
        let mut model: BTreeMap<u64, Feature> =
            numbered(0..30, 0).into_iter().map(|feature| (feature.id.get(), feature)).collect();
        let mut moments = vec![(Timestamp::now(), model.clone())];
        for step in steps {
            match step {
                Step::Edit(edits) => {
                    for (number, what) in edits {
                        let to = what.map(|(x, value)| feature(number, f64::from(x), value));
                        let expected = if to.is_some() { Expected::Anything } else { Expected::Present };
                        let result = edit(&twin, vec![one(number, to.clone(), expected)]);
                        prop_assert_eq!(result.is_ok(), to.is_some() || model.contains_key(&number));
                        match to {
                            Some(to) => { model.insert(number, to); }
                            None => { model.remove(&number); }
                        }
                    }
                }
                Step::Deliver(features, mode) => {
                    let delivered: BTreeMap<u64, Feature> = features
                        .into_iter()
                        .map(|(number, x, value)| (number, feature(number, f64::from(x), value)))
                        .collect();
                    let mode = match mode {
                        0 => PutMode::Replace,
                        1 => PutMode::Append,
                        _ => PutMode::Sync { removed_max_percent: 100 },
                    };
                    put(&twin, "things", delivered.values().cloned().collect(), mode);
                    if mode != PutMode::Append {
                        model.clear();
                    }
                    model.extend(delivered);
                }
                Step::Compact => {
                    let mut change = twin.begin().unwrap();
                    let version = see(&twin, "things").version();
                    change.compact(&name("things")).unwrap();
                    change.commit().unwrap();
                    prop_assert_eq!(see(&twin, "things").version(), version);
                }
                Step::Reopen => twin = Twin::open(dir.path()).unwrap(),
            }
            check_is(&see(&twin, "things"), &model);
            moments.push((Timestamp::now(), model.clone()));
        }
        for (moment, model) in moments {
            let then = twin.snapshot_as_of(moment).unwrap().view(Access::Everything);
            check_is(&then.collection("things").unwrap(), &model);
        }
        prop_assert_eq!(store::check(dir.path()).unwrap().problems, Vec::<String>::new());
    }
}
