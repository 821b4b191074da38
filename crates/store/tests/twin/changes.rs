//! What changes do, and what they leave alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use geo_types::{Geometry, LineString, point};
use model::{
    Access, Bounds, ColumnKind, Cube, DataOrigin, Feature, Grid, PointBatch, Value, VoxelKey,
};
use store::{Error, PointLayout, PutMode, Twin};

use crate::common::{
    NUMBER, batch, by_id, collection, empty_twin, heights, id, layout, numbered, put, put_survey,
    see, survey, write_node,
};

/// Asserts that putting these is refused with a sentence that holds `word`, and that
/// nothing changes.
fn check_refused(
    twin: &Twin,
    name: &str,
    columns: &[(&str, ColumnKind)],
    features: Vec<Feature>,
    mode: PutMode,
    word: &str,
) {
    let before = contents(twin.dir());
    let mut change = twin.begin().unwrap();
    let result = change.put_features(collection(name, columns), features, mode, "{}");
    drop(change);
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
    assert!(error.to_string().contains(word), "{error}");
    assert!(contents(twin.dir()) == before, "the folder has changed");
}

/// Every file and folder with its bytes.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(dir).unwrap().display().to_string();
            // SQLite's notes on who reads and writes.
            if name == "catalog-shm" {
                continue;
            }
            if path.is_dir() {
                found.insert(name, Vec::new());
                folders.push(path);
            } else {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn a_reader_keeps_what_it_saw_while_it_is_replaced() {
    let (_dir, twin) = empty_twin();
    put(&twin, "things", numbered(0..500, 1), PutMode::Create);
    let old = see(&twin, "things");
    let mut reading = old.all().unwrap();
    reading.next().unwrap().unwrap();
    put(&twin, "things", numbered(0..20, 2), PutMode::Replace);
    assert_eq!(reading.map(Result::unwrap).count(), 499);
    assert_eq!(by_id(&old), numbered(0..500, 1));
    assert_eq!(old.report().unwrap(), "{}");
    assert_eq!(by_id(&see(&twin, "things")), numbered(0..20, 2));
    // The replaced files are gone from the folder all the same.
    assert_eq!(
        store::check(twin.dir()).unwrap().unreferenced,
        Vec::<std::path::PathBuf>::new()
    );
    assert_eq!(
        fs::read_dir(twin.dir().join("collections/things"))
            .unwrap()
            .count(),
        4
    );
}

#[test]
fn a_version_changes_with_the_content_and_only_then() {
    let (_dir, twin) = empty_twin();
    put(&twin, "a", numbered(0..9, 1), PutMode::Create);
    put(&twin, "b", numbered(0..9, 1), PutMode::Create);
    let (a, b) = (see(&twin, "a").version(), see(&twin, "b").version());
    let same = twin.snapshot().unwrap();
    assert!(std::sync::Arc::ptr_eq(&same, &twin.snapshot().unwrap()));
    // The same features in another order are the same content.
    let mut turned = numbered(0..9, 1);
    turned.reverse();
    put(&twin, "a", turned, PutMode::Replace);
    assert!(twin.snapshot().unwrap().version() > same.version());
    assert_eq!(see(&twin, "a").version(), a);
    put(&twin, "a", numbered(0..9, 2), PutMode::Replace);
    assert_ne!(see(&twin, "a").version(), a);
    assert_eq!(see(&twin, "b").version(), b);
    put(&twin, "b", Vec::new(), PutMode::Append);
    assert_eq!(see(&twin, "b").version(), b);
    put(&twin, "b", numbered(50..51, 1), PutMode::Append);
    assert_ne!(see(&twin, "b").version(), b);
    assert!(store::check(twin.dir()).unwrap().problems.is_empty());
}

#[test]
fn changes_in_quick_succession_are_all_seen() {
    let (dir, twin) = empty_twin();
    let other = Twin::open(dir.path()).unwrap();
    put(&twin, "things", numbered(0..2, 0), PutMode::Create);
    for number in 1..10 {
        put(&twin, "things", numbered(0..2, number), PutMode::Replace);
        for twin in [&twin, &other] {
            assert_eq!(by_id(&see(twin, "things")), numbered(0..2, number));
        }
    }
}

#[test]
fn equal_features_give_equal_bytes_in_whatever_order_they_come() {
    let segments = |features: Vec<Feature>| {
        let (dir, twin) = empty_twin();
        put(&twin, "things", features, PutMode::Create);
        let mut files = contents(dir.path());
        files.retain(|name, _| name.ends_with(".fgb") || name.ends_with(".ids"));
        assert_eq!(files.len(), 3);
        files
    };
    let features = numbered(0..300, 1);
    let mut turned = features.clone();
    turned.rotate_left(123);
    assert!(segments(features) == segments(turned));
}

#[test]
fn a_second_writer_is_refused_until_the_first_is_done() {
    let (dir, twin) = empty_twin();
    let first = twin.begin().unwrap();
    let other = Twin::open(dir.path()).unwrap();
    let error = other.begin().unwrap_err();
    assert!(matches!(error, Error::Twin { .. }));
    assert!(error.to_string().contains("another process"), "{error}");
    drop(first);
    other.begin().unwrap();
}

#[test]
fn a_change_that_is_dropped_leaves_nothing() {
    let (dir, twin) = empty_twin();
    put(&twin, "things", numbered(0..5, 1), PutMode::Create);
    let before = contents(dir.path());
    let mut change = twin.begin().unwrap();
    let features = numbered(0..50, 2);
    change
        .put_features(
            collection("others", &NUMBER),
            features,
            PutMode::Create,
            "{}",
        )
        .unwrap();
    let mut points = change.begin_survey(layout()).unwrap();
    write_node(&mut points, VoxelKey::ROOT, &batch(10));
    assert!(contents(dir.path()) != before);
    drop(change);
    drop(points);
    assert!(contents(dir.path()) == before, "the folder has changed");
}

#[test]
fn what_does_not_fit_is_refused_in_a_sentence() {
    let (_dir, twin) = empty_twin();
    put(&twin, "things", numbered(0..5, 1), PutMode::Create);
    put_survey(&twin, "flight", PutMode::Create);
    let one = || numbered(0..1, 1);
    let with = |geometry: Geometry<f64>| {
        vec![Feature {
            id: id(77),
            geometry: Some(geometry),
            values: vec![Value::Null],
        }]
    };
    let refused = |name, features, mode, word| {
        check_refused(&twin, name, &NUMBER, features, mode, word);
    };
    refused("things", one(), PutMode::Create, "exists");
    refused("flight", one(), PutMode::Replace, "is a survey");
    let twice = [numbered(3..4, 1), numbered(3..4, 2)].concat();
    refused("new", twice, PutMode::Create, "two features have the id 3");
    let nan = Geometry::Point(point!(x: f64::NAN, y: 0.0));
    refused(
        "new",
        with(nan),
        PutMode::Create,
        "feature 77: the coordinate NaN 0 is not finite",
    );
    let mut deep = Geometry::Point(point!(x: 0.0, y: 0.0));
    for _ in 0..10 {
        deep = Geometry::GeometryCollection(vec![deep].into());
    }
    refused("new", with(deep), PutMode::Create, "deep");
    let two = [("number", ColumnKind::Integer), ("more", ColumnKind::Text)];
    check_refused(
        &twin,
        "new",
        &two,
        one(),
        PutMode::Create,
        "1 values for 2 columns",
    );
    check_refused(
        &twin,
        "things",
        &two,
        one(),
        PutMode::Append,
        "1 values for 2 columns",
    );
    let text = [("number", ColumnKind::Text)];
    check_refused(
        &twin,
        "new",
        &text,
        one(),
        PutMode::Create,
        "does not fit column \"number\"",
    );
    let mut named = one();
    named[0].values = vec![Value::Text("x".to_owned())];
    check_refused(
        &twin,
        "things",
        &text,
        named,
        PutMode::Append,
        "\"number\" is Integer there",
    );
    let same = [("a", ColumnKind::Text), ("a", ColumnKind::Text)];
    check_refused(
        &twin,
        "new",
        &same,
        Vec::new(),
        PutMode::Create,
        "two columns",
    );
}

#[test]
fn an_empty_geometry_is_none() {
    let (_dir, twin) = empty_twin();
    let feature = Feature {
        id: id(1),
        geometry: Some(LineString::<f64>(Vec::new()).into()),
        values: vec![Value::Null],
    };
    put(&twin, "things", vec![feature], PutMode::Create);
    let things = see(&twin, "things");
    assert_eq!(things.get(id(1)).unwrap().unwrap().geometry, None);
    assert_eq!(things.meta().bounds, None);
    put(&twin, "nothing", Vec::new(), PutMode::Create);
    let nothing = see(&twin, "nothing");
    assert_eq!(nothing.all().unwrap().count(), 0);
    assert_eq!(nothing.get(id(1)).unwrap(), None);
    assert!(store::check(twin.dir()).unwrap().problems.is_empty());
}

#[test]
fn appended_features_may_bring_columns_and_make_whole_numbers_numbers() {
    let (_dir, twin) = empty_twin();
    put(&twin, "things", numbered(0..2, 1), PutMode::Create);
    let columns = [("namn", ColumnKind::Text), ("number", ColumnKind::Number)];
    let added = Feature {
        id: id(7),
        geometry: None,
        values: vec![Value::Text("å".to_owned()), Value::Number(0.5)],
    };
    let mut change = twin.begin().unwrap();
    change
        .put_features(
            collection("things", &columns),
            vec![added],
            PutMode::Append,
            "{}",
        )
        .unwrap();
    change.commit().unwrap();
    let things = see(&twin, "things");
    let names: Vec<_> = things
        .meta()
        .schema
        .columns
        .iter()
        .map(|c| c.name.clone())
        .collect();
    assert_eq!(names, ["number", "namn"]);
    let values: Vec<_> = by_id(&things)
        .into_iter()
        .map(|feature| feature.values)
        .collect();
    let text = Value::Text("å".to_owned());
    assert_eq!(
        values,
        [
            [Value::Number(1.0), Value::Null],
            [Value::Number(1.0), Value::Null],
            [Value::Number(0.5), text]
        ]
    );
    // The whole numbers that still come are numbers by now.
    put(&twin, "things", numbered(8..9, 4), PutMode::Append);
    let last = see(&twin, "things").get(id(8)).unwrap().unwrap();
    assert_eq!(last.values, [Value::Number(4.0), Value::Null]);
    assert!(store::check(twin.dir()).unwrap().problems.is_empty());
}

#[test]
fn many_deliveries_are_written_together_in_time() {
    let (dir, twin) = empty_twin();
    put(&twin, "things", Vec::new(), PutMode::Create);
    for n in 0..30 {
        put(
            &twin,
            "things",
            numbered(n * 10..n * 10 + 10, 1),
            PutMode::Append,
        );
    }
    assert_eq!(by_id(&see(&twin, "things")), numbered(0..300, 1));
    let files = fs::read_dir(dir.path().join("collections/things")).unwrap();
    assert!(files.count() <= 8 * 3 + 1);
    assert!(store::check(dir.path()).unwrap().problems.is_empty());
}

#[test]
fn data_origin_is_what_all_features_agree_on() {
    let (_dir, twin) = empty_twin();
    let columns = [(DataOrigin::ATTRIBUTE, ColumnKind::Text)];
    let feature = |n: u64, origin: DataOrigin| Feature {
        id: id(n),
        geometry: None,
        values: vec![Value::Text(origin.as_str().to_owned())],
    };
    let put = |features: Vec<Feature>, mode: PutMode| {
        let mut change = twin.begin().unwrap();
        change
            .put_features(collection("things", &columns), features, mode, "{}")
            .unwrap();
        change.commit().unwrap();
        see(&twin, "things").meta().data_origin
    };
    let (made, real) = (DataOrigin::Synthetic, DataOrigin::Real);
    assert_eq!(
        put(vec![feature(1, made), feature(2, made)], PutMode::Create),
        Some(made)
    );
    assert_eq!(put(vec![feature(3, made)], PutMode::Append), Some(made));
    assert_eq!(put(vec![feature(4, real)], PutMode::Append), None);
    assert_eq!(put(vec![feature(4, made)], PutMode::Append), Some(made));
}

#[test]
fn a_survey_is_created_once_replaced_but_not_appended_to() {
    let (_dir, twin) = empty_twin();
    put_survey(&twin, "flight", PutMode::Create);
    let grid = Grid::empty(0.0, 0.0, 1.0, 1, 1);
    for (name, mode, word) in [
        ("flight", PutMode::Create, "exists"),
        ("flight", PutMode::Append, "cannot be appended"),
    ] {
        let mut change = twin.begin().unwrap();
        let mut points = change.begin_survey(layout()).unwrap();
        write_node(&mut points, VoxelKey::ROOT, &batch(1));
        let heights = heights(&mut change, &grid);
        let result = change.put_survey(survey(name), points, heights, mode, "{}");
        assert!(result.unwrap_err().to_string().contains(word));
    }
    let mut change = twin.begin().unwrap();
    let points = change.begin_survey(layout()).unwrap();
    let heights = heights(&mut change, &grid);
    let result = change.put_survey(survey("other"), points, heights, PutMode::Create, "{}");
    assert!(result.unwrap_err().to_string().contains("no points"));
    drop(change);
    let old = twin.snapshot().unwrap().view(Access::Everything);
    put_survey(&twin, "flight", PutMode::Replace);
    let old = old.survey("flight").unwrap();
    let around = Bounds::new(150_000.0, 6_500_000.0, 150_001.0, 6_500_010.0).unwrap();
    assert!(old.window(store::HeightKind::Terrain, &around, 1.0).is_ok());
    assert!(old.points_copc().unwrap().starts_with(b"LASF"));
    assert!(store::check(twin.dir()).unwrap().problems.is_empty());
}

#[test]
fn points_that_cannot_be_kept_are_refused() {
    let (_dir, twin) = empty_twin();
    let mut change = twin.begin().unwrap();
    let zero = PointLayout {
        scale_m: [0.01, 0.0, 0.01],
        ..layout()
    };
    assert!(change.begin_survey(zero).is_err());
    let nowhere = PointLayout {
        offset_m: [f64::NAN, 0.0, 0.0],
        ..layout()
    };
    assert!(change.begin_survey(nowhere).is_err());
    let flat = PointLayout {
        cube: Cube {
            side_m: 0.0,
            ..layout().cube
        },
        ..layout()
    };
    assert!(change.begin_survey(flat).is_err());
    let mut points = change.begin_survey(layout()).unwrap();
    let encoder = points.encoder();
    let root = encoder.encode(VoxelKey::ROOT, &batch(1)).unwrap();
    points.write(root.clone()).unwrap();
    let twice = points.write(root).unwrap_err();
    assert!(twice.to_string().contains("second time"), "{twice}");
    let [.., far] = VoxelKey::ROOT.children();
    let outside = encoder.encode(far, &batch(1)).unwrap_err();
    assert!(outside.to_string().contains("outside"), "{outside}");
    let beyond = VoxelKey {
        x: 1,
        ..VoxelKey::ROOT
    };
    assert!(encoder.encode(beyond, &batch(1)).is_err());
    let broken: [fn(&mut PointBatch); 5] = [
        |batch| batch.extra.truncate(1),
        |batch| batch.x[0] = f64::NAN,
        |batch| batch.z[0] = f64::INFINITY,
        |batch| batch.x[0] = 1e12,
        |batch| batch.intensity.clear(),
    ];
    for break_it in broken {
        let mut one = batch(1);
        break_it(&mut one);
        let result = encoder.encode(VoxelKey::ROOT, &one);
        assert!(matches!(result, Err(Error::Refused(_))));
    }
}

#[test]
fn readers_never_see_half_a_change() {
    let (dir, twin) = empty_twin();
    put(&twin, "things", numbered(0..200, 0), PutMode::Create);
    let writing = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let twin = Twin::open(dir.path()).unwrap();
                while writing.load(std::sync::atomic::Ordering::Relaxed) {
                    let all = by_id(&see(&twin, "things"));
                    assert_eq!(all.len(), 200);
                    assert!(all.iter().all(|feature| feature.values == all[0].values));
                }
            });
        }
        for number in 1..40 {
            put(&twin, "things", numbered(0..200, number), PutMode::Replace);
        }
        writing.store(false, std::sync::atomic::Ordering::Relaxed);
    });
}
