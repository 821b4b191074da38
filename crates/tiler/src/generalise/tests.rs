//! Levels of mixed collections.

#![expect(clippy::unwrap_used, reason = "tests")]

use geo_types::{Geometry, Point};
use model::{Column, ColumnKind, Feature, FeatureId, GeometryKind, Schema, Value};

use super::{Fate, RankFloor, Reason, Rules, UnknownColumn, generalise};

fn feature(id: u64, geometry: Option<Geometry<f64>>, rank: i64) -> Feature {
    Feature {
        id: FeatureId::new(id).unwrap(),
        geometry,
        values: vec![Value::Integer(rank)],
    }
}

#[test]
fn the_report_knows_every_feature_and_why_it_is_not_shown() {
    let at = |x: f64| Some(Geometry::Point(Point::new(x, 1.0)));
    let all = [
        feature(4, at(1.0), 9),
        feature(1, at(2.0), 5),
        feature(2, at(5000.0), 1),
        feature(3, None, 9),
    ];
    let rules = Rules {
        rank: Some(0),
        rank_floors: vec![RankFloor {
            above_pixel_m: 5.0,
            rank: 3.0,
        }],
        max_pixel_m: 100.0,
        ..Rules::default()
    };
    let fates = |pixel_m: f64| -> Vec<Fate> {
        let report = generalise(&all, &rules, pixel_m).report;
        report.fates.into_iter().map(|(_, fate)| fate).collect()
    };
    let (kept, dropped) = (Fate::Kept, Fate::Dropped);
    let (no_geometry, crowded) = (dropped(Reason::NoGeometry), dropped(Reason::Crowded));
    assert_eq!(
        fates(10.0),
        [crowded, dropped(Reason::BelowRank), no_geometry, kept]
    );
    assert_eq!(fates(5.0), [crowded, kept, no_geometry, kept]);
    assert_eq!(fates(101.0), [dropped(Reason::TooFarOut); 4]);
}

#[test]
fn a_rule_that_names_no_column_is_refused() {
    let schema = Schema {
        columns: vec![Column {
            name: "typ".to_owned(),
            kind: ColumnKind::Text,
        }],
        geometry: GeometryKind::Line,
    };
    let rules = Rules::by_columns(&schema, None, &["typ"]).unwrap();
    assert_eq!(rules.class, [0]);
    assert_eq!(
        Rules::by_columns(&schema, Some("rang"), &[]),
        Err(UnknownColumn("rang".to_owned()))
    );
}
