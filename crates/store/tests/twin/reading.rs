//! Every way of reading agrees with looking at each feature.

use geo_types::{Geometry, LineString, Point};
use model::{Access, Bounds, Feature, FeatureId, Value};
use proptest::prelude::*;
use store::{CollectionView, PutMode};

use crate::common::{NUMBER, collection, empty_twin, id, numbered, put, see};

fn features() -> impl Strategy<Value = Vec<Feature>> {
    let coordinate = prop_oneof![-5_i8..5, any::<i8>()].prop_map(f64::from);
    let position = (coordinate.clone(), coordinate);
    let geometry = prop_oneof![
        4 => position.clone().prop_map(|xy| Some(Geometry::Point(Point::from(xy)))),
        3 => prop::collection::vec(position, 2..4).prop_map(|line| Some(Geometry::LineString(LineString::from(line)))),
        1 => Just(None),
    ];
    prop::collection::btree_map(0_u64..500, geometry, 0..120).prop_map(|features| {
        let features = features.into_iter();
        let feature = features.map(|(n, geometry)| Feature {
            id: id(n),
            geometry,
            values: vec![Value::Integer(n as i64)],
        });
        feature.collect()
    })
}

fn boxes() -> impl Strategy<Value = Bounds> {
    [any::<i8>(), any::<i8>(), any::<i8>(), any::<i8>()].prop_map(|[a, b, c, d]| {
        let [a, b, c, d] = [a, b, c, d].map(f64::from);
        Bounds::new(a.min(c), b.min(d), a.max(c), b.max(d)).unwrap()
    })
}

fn touches(feature: &Feature, bounds: &Bounds) -> bool {
    let own = feature.geometry.as_ref().and_then(Bounds::of_geometry);
    own.is_some_and(|own| own.intersects(bounds))
}

/// Walks all pages.
fn walk(collection: &CollectionView, bounds: Option<&Bounds>, limit: usize) -> Vec<Feature> {
    let mut walked: Vec<Feature> = Vec::new();
    loop {
        let after = walked.last().map(|feature| feature.id);
        let page = collection.page(bounds, after, limit).unwrap();
        assert!(page.features.len() <= limit);
        walked.extend(page.features);
        if !page.more {
            assert_eq!(page.matched, walked.len() as u64);
            return walked;
        }
        assert!(page.matched > walked.len() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn within_get_all_and_page_agree_with_looking_at_each_feature(
        first in features(),
        second in features(),
        searched in prop::collection::vec(boxes(), 4),
        limit in 1_usize..20,
    ) {
        let (_dir, twin) = empty_twin();
        put(&twin, "things", first.clone(), PutMode::Create);
        // Some of these have ids of the first, so that they replace them.
        put(&twin, "things", second.clone(), PutMode::Append);
        let mut expected = second.clone();
        let is_new = |feature: &&Feature| second.iter().all(|other| other.id != feature.id);
        expected.extend(first.iter().filter(is_new).cloned());
        expected.sort_by_key(|feature| feature.id);

        let things = see(&twin, "things");
        prop_assert_eq!(things.meta().feature_count, expected.len() as u64);
        prop_assert_eq!(&crate::common::by_id(&things), &expected);
        let all = expected.iter().filter_map(|f| f.geometry.as_ref().and_then(Bounds::of_geometry));
        prop_assert_eq!(things.meta().bounds, all.reduce(|a, b| a.union(&b)));
        for number in 0..500 {
            let found = things.get(id(number)).unwrap();
            let wanted = expected.iter().find(|feature| feature.id.get() == number);
            prop_assert_eq!(found.as_ref(), wanted);
        }
        prop_assert_eq!(&walk(&things, None, limit), &expected);
        for bounds in &searched {
            let wanted: Vec<_> = expected.iter().filter(|f| touches(f, bounds)).cloned().collect();
            let mut found: Vec<_> = things.within(bounds).unwrap().map(Result::unwrap).collect();
            found.sort_by_key(|feature| feature.id);
            prop_assert_eq!(&found, &wanted);
            prop_assert_eq!(&walk(&things, Some(bounds), limit), &wanted);
        }
    }
}

#[test]
fn a_large_collection_is_found_by_place_and_id() {
    let (_dir, twin) = empty_twin();
    // Three levels of the tree, with a last node that is not full.
    let features = numbered(0..5003, 1);
    put(&twin, "things", features.clone(), PutMode::Create);
    let things = see(&twin, "things");
    let bounds = Bounds::new(10.0, 20.0, 30.0, 40.0).unwrap();
    let found = things.within(&bounds).unwrap().count();
    assert_eq!(
        found,
        features.iter().filter(|f| touches(f, &bounds)).count()
    );
    assert_eq!(things.get(id(5002)).unwrap().unwrap(), features[5002]);
    assert_eq!(
        things.page(None, Some(id(5001)), 9).unwrap().features,
        features[5002..]
    );
    let none = things
        .page(None, FeatureId::new(FeatureId::MAX), 9)
        .unwrap();
    assert_eq!(
        (none.features.len(), none.matched, none.more),
        (0, 5003, false)
    );
    let nothing = things.page(None, None, 0).unwrap();
    assert_eq!((nothing.features.len(), nothing.more), (0, true));
}

#[test]
fn what_a_caller_may_not_see_is_not_there() {
    let (_dir, twin) = empty_twin();
    put(&twin, "roads", numbered(0..3, 1), PutMode::Create);
    put(&twin, "water", numbered(0..3, 1), PutMode::Create);
    crate::common::put_survey(&twin, "flight", PutMode::Create);
    let only = |name: &str| {
        let visible = collection(name, &NUMBER).id;
        Access::Only([visible].into_iter().collect())
    };
    let view = twin.snapshot().unwrap().view(only("roads"));
    let ids: Vec<_> = view
        .collections()
        .iter()
        .map(|c| c.meta().id.to_string())
        .collect();
    assert_eq!(ids, ["roads"]);
    assert!(view.collection("water").is_none());
    assert!(view.surveys().is_empty());
    assert!(view.survey("flight").is_none());
    let view = twin.snapshot().unwrap().view(only("flight"));
    assert!(view.collections().is_empty());
    assert!(view.survey("flight").is_some());
}
