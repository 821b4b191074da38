//! What is put into a twin comes out of it: from outside, as the other crates see it.

#![expect(clippy::unwrap_used, reason = "tests")]

use geo_types::{Geometry, line_string, point, polygon};
use model::{
    Access, Bounds, Collection, CollectionId, Column, ColumnKind, Feature, FeatureId, GeometryKind,
    Grid, PointBatch, Schema, Source, Survey, Value, VerticalDatum,
};
use store::{HeightKind, PointLayout, PutMode, Twin};

fn id(number: u64) -> FeatureId {
    FeatureId::new(number).unwrap()
}

fn source() -> Source {
    Source {
        files: vec!["vägar.gpkg".to_owned()],
        delivered: "2026-11-21T12:00:00Z".parse().unwrap(),
    }
}

fn collection(name: &str, columns: &[(&str, ColumnKind)]) -> Collection {
    Collection {
        id: CollectionId::new(name).unwrap(),
        title: "Vägar".to_owned(),
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
        source: source(),
        data_origin: None,
    }
}

const EVERY_KIND: [(&str, ColumnKind); 7] = [
    ("öppen", ColumnKind::Boolean),
    ("antal", ColumnKind::Integer),
    ("bredd", ColumnKind::Number),
    ("namn", ColumnKind::Text),
    ("dag", ColumnKind::Date),
    ("stund", ColumnKind::Instant),
    ("mer", ColumnKind::Json),
];

fn every_value() -> Vec<Value> {
    vec![
        Value::Boolean(true),
        Value::Integer(-7),
        Value::Number(3.25),
        Value::Text("Åsgatan".to_owned()),
        Value::Date("2026-02-28".parse().unwrap()),
        Value::Instant("2026-02-28T23:59:59.5Z".parse().unwrap()),
        Value::Json(r#"{"a":[1,2]}"#.to_owned()),
    ]
}

fn every_geometry() -> Vec<Option<Geometry<f64>>> {
    let square = polygon![
        exterior: [(x: 0., y: 0.), (x: 4., y: 0.), (x: 4., y: 4.), (x: 0., y: 4.)],
        interiors: [[(x: 1., y: 1.), (x: 1., y: 2.), (x: 2., y: 2.)]],
    ];
    let line = line_string![(x: 150_000.1, y: 6_500_000.2), (x: 150_010., y: 6_500_020.)];
    vec![
        Some(point!(x: 1.5, y: -2.5).into()),
        Some(line.clone().into()),
        Some(square.clone().into()),
        Some(geo_types::MultiPoint(vec![point!(x: 1., y: 2.), point!(x: 3., y: 4.)]).into()),
        Some(geo_types::MultiLineString(vec![line.clone()]).into()),
        Some(geo_types::MultiLineString(vec![line.clone(), line.clone()]).into()),
        Some(geo_types::MultiPolygon(vec![square.clone(), square.clone()]).into()),
        Some(Geometry::GeometryCollection(geo_types::GeometryCollection(
            vec![line.into(), square.into()],
        ))),
        None,
    ]
}

#[test]
fn every_kind_of_geometry_and_value_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let twin = Twin::create(dir.path(), "Sampelstad", "EPSG:3014").unwrap();
    let features: Vec<_> = (10..)
        .zip(every_geometry())
        .map(|(n, geometry)| Feature {
            id: id(n),
            geometry,
            values: if n % 2 == 0 {
                every_value()
            } else {
                vec![Value::Null; 7]
            },
        })
        .collect();
    let mut change = twin.begin().unwrap();
    change
        .put_features(
            collection("roads", &EVERY_KIND),
            features.clone(),
            PutMode::Create,
            r#"{"read":9}"#,
        )
        .unwrap();
    change.commit().unwrap();

    let view = twin.snapshot().unwrap().view(Access::Everything);
    let roads = view.collection("roads").unwrap();
    assert_eq!(roads.meta().feature_count, 9);
    assert_eq!(roads.report().unwrap(), r#"{"read":9}"#);
    for feature in &features {
        assert_eq!(roads.get(feature.id).unwrap().as_ref(), Some(feature));
    }
    assert_eq!(roads.get(id(9)).unwrap(), None);
    let mut all: Vec<_> = roads.all().unwrap().map(Result::unwrap).collect();
    assert_eq!(all.last().unwrap().geometry, None);
    all.sort_by_key(|feature| feature.id);
    assert_eq!(all, features);
    let around = Bounds::new(3.5, 3.5, 5.0, 5.0).unwrap();
    let mut found: Vec<_> = roads
        .within(&around)
        .unwrap()
        .map(|f| f.unwrap().id.get())
        .collect();
    found.sort_unstable();
    assert_eq!(found, [12, 16, 17]);
    let page = roads.page(None, Some(id(11)), 3).unwrap();
    let ids: Vec<_> = page.features.iter().map(|f| f.id.get()).collect();
    assert_eq!((ids, page.matched, page.more), (vec![12, 13, 14], 9, true));
    let page = roads.page(Some(&around), Some(id(12)), 3).unwrap();
    let ids: Vec<_> = page.features.iter().map(|f| f.id.get()).collect();
    assert_eq!((ids, page.matched, page.more), (vec![16, 17], 3, false));

    let report = store::check(dir.path()).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!((report.files, report.features), (5, 9));
    if let Some(keep) = std::env::var_os("KEEP_TWIN") {
        std::process::Command::new("cp")
            .arg("-r")
            .arg(dir.path())
            .arg(keep)
            .status()
            .unwrap();
    }
}

fn batch(n: usize) -> PointBatch {
    PointBatch {
        x: (0..n).map(|i| 150_000.0 + i as f64 * 0.37).collect(),
        y: (0..n).map(|i| 6_500_000.0 + (i % 100) as f64).collect(),
        z: (0..n).map(|i| 12.0 + (i % 7) as f64 * 0.01).collect(),
        intensity: vec![500; n],
        return_number: vec![1; n],
        number_of_returns: vec![2; n],
        classification: vec![2; n],
        flags: vec![8; n],
        scan_angle_deg: vec![-12.0; n],
        user_data: vec![1; n],
        point_source_id: vec![7; n],
        gps_time_s: vec![1.5; n],
        rgb: vec![[1, 2, 3]; n],
        nir: Vec::new(),
    }
}

#[test]
fn a_survey_comes_back_with_its_heights() {
    let dir = tempfile::tempdir().unwrap();
    let twin = Twin::create(dir.path(), "Sampelstad", "EPSG:3014").unwrap();
    let mut grid = Grid::empty(150_000.0, 6_500_600.0, 1.0, 700, 600);
    for row in 0..300 {
        for column in 0..700 {
            grid.values[row * 700 + column] = column as f32 + 1000.0 * row as f32;
        }
    }
    let mut change = twin.begin().unwrap();
    let layout = PointLayout {
        crs_wkt: "PROJCS[\"none\"]".to_owned(),
        scale_m: [0.01; 3],
        has_rgb: true,
        has_nir: false,
    };
    let mut points = change.begin_survey(layout).unwrap();
    points.write(&batch(1000)).unwrap();
    points.write(&batch(500)).unwrap();
    let survey = Survey {
        id: CollectionId::new("flight-2026").unwrap(),
        title: "Flygning".to_owned(),
        department: None,
        point_count: 0,
        bounds: Bounds::new(150_000.0, 6_500_000.0, 150_370.0, 6_500_099.0).unwrap(),
        elevation_range_m: [12.0, 12.06],
        vertical: VerticalDatum::Known {
            code: "EPSG:5613".to_owned(),
            name: "RH2000 height".to_owned(),
        },
        flown: Some("2026-05-01".parse().unwrap()),
        source: source(),
        data_origin: None,
    };
    change
        .put_survey(survey, points, &grid, &grid, PutMode::Create, "{}")
        .unwrap();
    change.commit().unwrap();

    let view = twin.snapshot().unwrap().view(Access::Everything);
    let flight = view.survey("flight-2026").unwrap();
    assert_eq!(flight.meta().point_count, 1500);
    for kind in [HeightKind::Terrain, HeightKind::Surface] {
        for point in [
            [150_000.5, 6_500_599.5],
            [150_255.9, 6_500_400.3],
            [150_256.1, 6_500_344.0],
            [150_699.9, 6_500_599.9],
            [150_300.0, 6_500_300.0],
        ] {
            let expected = Some(grid.sample(point)).filter(|v| !v.is_nan());
            assert_eq!(
                flight.elevation(kind, point).unwrap(),
                expected,
                "{point:?}"
            );
        }
        for outside in [[149_999.9, 6_500_500.0], [150_300.0, 6_500_100.0]] {
            assert_eq!(flight.elevation(kind, outside).unwrap(), None);
        }
    }
    let around = Bounds::new(149_998.0, 6_500_298.0, 150_301.0, 6_500_602.0).unwrap();
    let window = flight.window(HeightKind::Terrain, &around, 1.0).unwrap();
    assert_eq!((window.west, window.north), (149_998.0, 6_500_602.0));
    for (row, values) in window.values.chunks(window.columns).enumerate() {
        for (column, value) in values.iter().enumerate() {
            let expected = grid.get(column as isize - 2, row as isize - 2);
            assert_eq!(value.to_bits(), expected.to_bits(), "{column} {row}");
        }
    }
    let coarse = flight.window(HeightKind::Terrain, &around, 3.9).unwrap();
    assert_eq!(coarse.cell_size_m, 2.0);
    assert_eq!(coarse.get(1, 1), 500.5);
    let highest = flight.window(HeightKind::Surface, &around, 4.0).unwrap();
    assert_eq!(highest.cell_size_m, 4.0);
    assert_eq!(highest.get(1, 1), 3003.0);

    let report = store::check(dir.path()).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!((report.files, report.features), (5, 1500));
    if let Some(keep) = std::env::var_os("KEEP_TWIN") {
        std::process::Command::new("cp")
            .arg("-r")
            .arg(dir.path())
            .arg(keep)
            .status()
            .unwrap();
    }
}
