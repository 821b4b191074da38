//! Small collections and surveys to put into twins.

use geo_types::{Geometry, point};
use model::{
    Access, Bounds, Collection, CollectionId, Column, ColumnKind, Cube, ExtraBytes, Feature,
    FeatureId, GeometryKind, Grid, PointBatch, Schema, Source, Survey, Value, VerticalDatum,
    VoxelKey,
};
use store::{
    CollectionView, HeightKind, HeightsWriter, PointLayout, PutMode, SurveyWriter, Transaction,
    Twin,
};

pub(crate) fn id(number: u64) -> FeatureId {
    FeatureId::new(number).unwrap()
}

pub(crate) fn source() -> Source {
    Source {
        files: vec!["vägar.gpkg".to_owned()],
        delivered: "2026-11-21T12:00:00Z".parse().unwrap(),
    }
}

pub(crate) fn collection(name: &str, columns: &[(&str, ColumnKind)]) -> Collection {
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

pub(crate) const EVERY_KIND: [(&str, ColumnKind); 7] = [
    ("öppen", ColumnKind::Boolean),
    ("antal", ColumnKind::Integer),
    ("bredd", ColumnKind::Number),
    ("namn", ColumnKind::Text),
    ("dag", ColumnKind::Date),
    ("stund", ColumnKind::Instant),
    ("mer", ColumnKind::Json),
];

pub(crate) fn every_value() -> Vec<Value> {
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

pub(crate) fn batch(n: usize) -> PointBatch {
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
        extra: (0..2 * n).map(|i| i as u8).collect(),
    }
}

pub(crate) fn layout() -> PointLayout {
    PointLayout {
        crs_wkt: "PROJCS[\"none\"]".to_owned(),
        scale_m: [0.01; 3],
        offset_m: [150_000.0, 6_500_000.0, 0.0],
        gps_time_is_adjusted_standard: true,
        has_rgb: true,
        has_nir: false,
        extra: ExtraBytes {
            len: 2,
            descriptors: Vec::new(),
        },
        cube: Cube {
            min: [150_000.0, 6_500_000.0, 0.0],
            side_m: 400.0,
        },
        spacing_m: 3.125,
    }
}

pub(crate) fn survey(name: &str) -> Survey {
    Survey {
        id: CollectionId::new(name).unwrap(),
        title: "Flygning".to_owned(),
        department: None,
        point_count: 0,
        bounds: Bounds::new(150_000.0, 6_500_000.0, 150_370.0, 6_500_099.0).unwrap(),
        elevation_range_m: [12.0, 12.06],
        vertical: VerticalDatum::Known {
            code: "EPSG:5613".to_owned(),
            name: "RH2000 height".to_owned(),
        },
        geoid: Some("se_lantmateriet_SWEN17_RH2000".to_owned()),
        flown: Some("2026-05-01".parse().unwrap()),
        source: source(),
        data_origin: None,
    }
}

/// A twin in a folder that goes when it does.
pub(crate) fn empty_twin() -> (tempfile::TempDir, Twin) {
    let dir = tempfile::tempdir().unwrap();
    let twin = Twin::create(dir.path(), "Sampelstad", "EPSG:3014").unwrap();
    (dir, twin)
}

/// Features on a grid of points with one whole number, and every tenth without geometry.
pub(crate) fn numbered(ids: impl IntoIterator<Item = u64>, number: i64) -> Vec<Feature> {
    let feature = |n: u64| Feature {
        id: id(n),
        geometry: (n % 10 != 9).then(|| {
            let (x, y) = ((n * 37 % 101) as f64, (n * 53 % 97) as f64);
            Geometry::Point(point!(x: x, y: y))
        }),
        values: vec![Value::Integer(number)],
    };
    ids.into_iter().map(feature).collect()
}

pub(crate) const NUMBER: [(&str, ColumnKind); 1] = [("number", ColumnKind::Integer)];

pub(crate) fn put(twin: &Twin, name: &str, features: Vec<Feature>, mode: PutMode) {
    let mut change = twin.begin().unwrap();
    change
        .put_features(collection(name, &NUMBER), features, mode, "{}")
        .unwrap();
    change.commit().unwrap();
}

pub(crate) fn put_survey(twin: &Twin, name: &str, mode: PutMode) {
    let mut grid = Grid::empty(150_000.0, 6_500_010.0, 1.0, 20, 10);
    grid.values[..150].fill(12.5);
    let mut change = twin.begin().unwrap();
    let heights = heights(&mut change, &grid);
    let mut points = change.begin_survey(layout()).unwrap();
    // The root, and a node two levels below it in its lowest corner.
    let [below, ..] = VoxelKey::ROOT.children();
    let [deep, ..] = below.children();
    write_node(&mut points, deep, &batch(50));
    write_node(&mut points, VoxelKey::ROOT, &batch(100));
    change
        .put_survey(survey(name), points, heights, mode, "{}")
        .unwrap();
    change.commit().unwrap();
}

/// Terrain, surface and distance that are all alike.
pub(crate) fn heights(change: &mut Transaction, grid: &Grid) -> HeightsWriter {
    let mut heights = change.begin_heights(grid.frame()).unwrap();
    for kind in HeightKind::ALL {
        heights.put(kind, grid).unwrap();
    }
    heights
}

pub(crate) fn write_node(writer: &mut SurveyWriter, key: VoxelKey, points: &PointBatch) {
    let node = writer.encoder().encode(key, points).unwrap();
    writer.write(node).unwrap();
}

/// What staff see of a collection now.
pub(crate) fn see(twin: &Twin, name: &str) -> CollectionView {
    let view = twin.snapshot().unwrap().view(Access::Everything);
    view.collection(name).unwrap()
}

/// All features by id.
pub(crate) fn by_id(collection: &CollectionView) -> Vec<Feature> {
    let mut all: Vec<_> = collection.all().unwrap().map(Result::unwrap).collect();
    all.sort_by_key(|feature| feature.id);
    all
}
