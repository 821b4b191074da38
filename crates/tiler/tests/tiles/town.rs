//! Twins for the tests.

use geo_types::{Geometry, LineString, Polygon};
use model::{
    Access, Bounds, Collection, CollectionId, Column, ColumnKind, Feature, FeatureId, GeometryKind,
    Grid, PointBatch, Schema, Source, Survey, Value, VerticalDatum,
};
use store::{CollectionView, PointLayout, PutMode, SurveyView, Twin};

/// A place in Sundsvall, in EPSG:3014.
pub(crate) const CENTRE: [f64; 2] = [153_000.0, 6_919_000.0];

fn source() -> Source {
    Source {
        files: vec!["byggnader.gpkg".to_owned()],
        delivered: "2026-11-21T12:00:00Z".parse().unwrap(),
    }
}

/// A twin that lives as long as this does.
pub(crate) struct Town {
    dir: tempfile::TempDir,
}

impl Town {
    pub(crate) fn new(crs_code: &str) -> Town {
        let dir = tempfile::tempdir().unwrap();
        Twin::create(dir.path(), "Sampelstad", crs_code).unwrap();
        Town { dir }
    }

    pub(crate) fn put(
        &self,
        name: &str,
        columns: &[(&str, ColumnKind)],
        features: impl IntoIterator<Item = (u64, Geometry<f64>, Vec<Value>)>,
    ) -> CollectionView {
        let twin = Twin::open(self.dir.path()).unwrap();
        let features = features.into_iter().map(|(id, geometry, values)| Feature {
            id: FeatureId::new(id).unwrap(),
            geometry: Some(geometry),
            values,
        });
        let columns = columns.iter().map(|(name, kind)| Column {
            name: (*name).to_owned(),
            kind: *kind,
        });
        let collection = Collection {
            id: CollectionId::new(name).unwrap(),
            title: name.to_owned(),
            department: None,
            schema: Schema {
                columns: columns.collect(),
                geometry: GeometryKind::Mixed,
            },
            feature_count: 0,
            bounds: None,
            source: source(),
            data_origin: None,
        };
        let mut change = twin.begin().unwrap();
        change
            .put_features(collection, features.collect(), PutMode::Replace, "{}")
            .unwrap();
        change.commit().unwrap();
        let view = twin.snapshot().unwrap().view(Access::Everything);
        view.collection(name).unwrap()
    }

    pub(crate) fn put_survey(&self, name: &str, terrain: &Grid) -> SurveyView {
        let twin = Twin::open(self.dir.path()).unwrap();
        let mut change = twin.begin().unwrap();
        let layout = PointLayout {
            crs_wkt: "PROJCS[\"none\"]".to_owned(),
            scale_m: [0.01; 3],
            has_rgb: false,
            has_nir: false,
        };
        let mut points = change.begin_survey(layout).unwrap();
        let bounds = terrain.bounds().unwrap();
        points
            .write(&PointBatch {
                x: vec![bounds.min_x(), bounds.max_x()],
                y: vec![bounds.min_y(), bounds.max_y()],
                z: vec![1.0; 2],
                intensity: vec![1; 2],
                return_number: vec![1; 2],
                number_of_returns: vec![1; 2],
                classification: vec![2; 2],
                flags: vec![0; 2],
                scan_angle_deg: vec![0.0; 2],
                user_data: vec![0; 2],
                point_source_id: vec![1; 2],
                gps_time_s: vec![1.0; 2],
                ..PointBatch::default()
            })
            .unwrap();
        let survey = Survey {
            id: CollectionId::new(name).unwrap(),
            title: name.to_owned(),
            department: None,
            point_count: 0,
            bounds: Bounds::new(
                bounds.min_x(),
                bounds.min_y(),
                bounds.max_x(),
                bounds.max_y(),
            )
            .unwrap(),
            elevation_range_m: [0.0, 100.0],
            vertical: VerticalDatum::Unknown,
            flown: None,
            source: source(),
            data_origin: None,
        };
        change
            .put_survey(survey, points, terrain, terrain, PutMode::Replace, "{}")
            .unwrap();
        change.commit().unwrap();
        let view = twin.snapshot().unwrap().view(Access::Everything);
        view.survey(name).unwrap()
    }
}

/// A polygon around [`CENTRE`], from offsets in metres.
pub(crate) fn polygon(offsets: &[[f64; 2]]) -> Geometry<f64> {
    Polygon::new(line_string(offsets), Vec::new()).into()
}

pub(crate) fn line_string(offsets: &[[f64; 2]]) -> LineString<f64> {
    offsets
        .iter()
        .map(|[x, y]| (CENTRE[0] + x, CENTRE[1] + y))
        .collect()
}

pub(crate) fn point(x: f64, y: f64) -> Geometry<f64> {
    geo_types::Point::new(CENTRE[0] + x, CENTRE[1] + y).into()
}

/// A rectangle.
pub(crate) fn house(x: f64, y: f64, width: f64, height: f64) -> Geometry<f64> {
    polygon(&[
        [x, y],
        [x + width, y],
        [x + width, y + height],
        [x, y + height],
    ])
}
