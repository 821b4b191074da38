//! What is put into a twin comes out of it.

use geo_types::{Geometry, line_string, point, polygon};
use model::{Access, Bounds, Feature, Grid, Value, VoxelKey};
use store::{HeightKind, PutMode, Twin};

use crate::common::{
    EVERY_KIND, batch, collection, every_value, heights, id, layout, survey, write_node,
};

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
    let heights = heights(&mut change, &grid);
    let mut points = change.begin_survey(layout()).unwrap();
    let [below, ..] = VoxelKey::ROOT.children();
    write_node(&mut points, VoxelKey::ROOT, &batch(1000));
    write_node(&mut points, below, &batch(500));
    change
        .put_survey(
            survey("flight-2026"),
            points,
            heights,
            PutMode::Create,
            "{}",
        )
        .unwrap();
    change.commit().unwrap();

    let view = twin.snapshot().unwrap().view(Access::Everything);
    let flight = view.survey("flight-2026").unwrap();
    assert_eq!(flight.meta().point_count, 1500);
    for kind in HeightKind::ALL {
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
    assert_eq!((report.files, report.features), (6, 1500));
}
