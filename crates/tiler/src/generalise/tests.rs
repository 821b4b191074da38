//! Levels of mixed collections.

use geo::{Area, CoordsIter, MapCoords, Validation};
use geo_types::{Coord, Geometry, LineString, MultiPolygon, Point, Polygon};
use model::{Column, ColumnKind, Feature, FeatureId, GeometryKind, Schema, Value};

use super::{Fate, Reason, Rules, Topology, generalise};

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
        ..Rules::default()
    };
    let fates = |rank_floor: f64| -> Vec<Fate> {
        let report = Topology::new(&all, rules.clone(), rank_floor).drafts(&[10.0])[0]
            .level(true)
            .report;
        report.fates.into_iter().map(|(_, fate)| fate).collect()
    };
    let (kept, dropped) = (Fate::Kept, Fate::Dropped);
    let (no_geometry, crowded) = (dropped(Reason::NoGeometry), dropped(Reason::Crowded));
    assert_eq!(
        fates(3.0),
        [crowded, dropped(Reason::BelowRank), no_geometry, kept]
    );
    assert_eq!(fates(0.0), [crowded, kept, no_geometry, kept]);
    let report = generalise(&all, &rules, 10.0).report;
    let explain = |id| report.explain(FeatureId::new(id).unwrap());
    assert_eq!(
        explain(1).as_deref(),
        Some("feature 1 gave way to a more important point nearby")
    );
    assert_eq!(explain(7), None);
}

#[test]
fn points_that_finer_levels_kept_are_enough_for_coarser_ones() {
    let all: Vec<Feature> = (0..900)
        .map(|i| {
            let at = Point::new((i * 7919 % 1000) as f64, (i * 104_729 % 1000) as f64);
            feature(i, Some(Geometry::Point(at)), (i % 5) as i64)
        })
        .collect();
    let rules = Rules {
        rank: Some(0),
        ..Rules::default()
    };
    let topology = Topology::new(&all, rules.clone(), f64::NEG_INFINITY);
    let pixels = [0.5, 1.0, 2.0, 4.0, 16.0, 64.0];
    for (draft, pixel_m) in topology.drafts(&pixels).iter().zip(pixels) {
        let alone = generalise(&all, &rules, pixel_m);
        assert_eq!(draft.level(true), alone);
        assert_eq!(draft.level(false).features, alone.features);
    }
}

#[test]
fn what_is_one_at_a_level_is_one_at_all_coarser_ones() {
    // Parcels of three sizes side by side, each row of a class of its own.
    let widths = [8.0, 20.0, 45.0];
    let mut all = Vec::new();
    for row in 0..24 {
        let mut x = 0.0;
        for column in 0..40 {
            let (y, width) = (f64::from(row) * 15.0, widths[(row + column) as usize % 3]);
            let corners = [(x, y), (x + width, y), (x + width, y + 15.0), (x, y + 15.0)];
            let ring: LineString<f64> = corners.to_vec().into();
            let parcel = Polygon::new(ring, vec![]);
            all.push(feature(
                all.len() as u64,
                Some(parcel.into()),
                i64::from(row % 2),
            ));
            x += width;
        }
    }
    let rules = Rules {
        class: vec![0],
        coverage: Some(true),
        ..Rules::default()
    };
    let topology = Topology::new(&all, rules, f64::NEG_INFINITY);
    let drafts = topology.drafts(&[10.0, 20.0, 40.0, 80.0]);
    let levels: Vec<_> = drafts.iter().map(|draft| draft.level(true)).collect();
    for pair in levels.windows(2) {
        let (finer, coarser) = (&pair[0], &pair[1]);
        assert!(coarser.features.len() < finer.features.len());
        for shown in &finer.features {
            let holds = |of: &&super::LevelFeature| of.members.contains(&shown.members[0]);
            let whole = coarser.features.iter().find(holds).expect("it is shown");
            assert!(shown.members.iter().all(|id| whole.members.contains(id)));
        }
    }
    for level in &levels {
        let members: usize = level.features.iter().map(|shown| shown.members.len()).sum();
        assert_eq!(members, all.len());
        assert_eq!(level.report.fates.len(), all.len());
        let polygons = level.features.iter().flat_map(|shown| {
            let MultiPolygon(polygons) = match shown.feature.geometry.clone().unwrap() {
                Geometry::Polygon(one) => one.into(),
                Geometry::MultiPolygon(many) => many,
                other => panic!("not polygons: {other:?}"),
            };
            polygons
        });
        let polygons: Vec<Polygon<f64>> = polygons.collect();
        let sum: f64 = polygons.iter().map(|polygon| polygon.unsigned_area()).sum();
        let union = geo::unary_union(&polygons);
        // Nothing overlaps, and no gap is left: only the outer border has moved.
        assert!((sum - union.unsigned_area()).abs() < 1e-6 * sum);
        assert_eq!((union.0.len(), union.0[0].interiors().len()), (1, 0));
        for shown in &level.features {
            assert!(
                shown
                    .feature
                    .geometry
                    .as_ref()
                    .is_some_and(|geometry| match geometry {
                        Geometry::Polygon(one) => one.is_valid(),
                        Geometry::MultiPolygon(many) => many.is_valid(),
                        _ => false,
                    })
            );
        }
    }
}

/// Features of a GeoJSON file that lies beside the checkout, in SWEREF 99 TM; none if it is
/// not there.
fn features_of(file: &str) -> Option<Vec<Feature>> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(file);
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("SKIPPED: {} is not there", path.display());
        return None;
    };
    let all: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let [from, to] = ["CRS84", "EPSG:3006"].map(|code| geodesy::Crs::from_code(code).unwrap());
    let forward = geodesy::Transform::new(&from, &to).unwrap();
    let ring = |ring: &serde_json::Value| -> LineString<f64> {
        let number = |value: &serde_json::Value| value.as_f64().unwrap();
        let mut places: Vec<[f64; 2]> = ring
            .as_array()
            .unwrap()
            .iter()
            .map(|place| [number(&place[0]), number(&place[1])])
            .collect();
        forward.xy_in_place(&mut places).unwrap();
        places.into_iter().collect()
    };
    let polygon = |rings: &serde_json::Value| {
        let mut rings = rings.as_array().unwrap().iter().map(ring);
        Polygon::new(rings.next().unwrap(), rings.collect())
    };
    let features = (0..)
        .zip(all["features"].as_array().unwrap())
        .map(|(id, one)| {
            let coordinates = &one["geometry"]["coordinates"];
            let geometry = match one["geometry"]["type"].as_str().unwrap() {
                "Polygon" => Geometry::Polygon(polygon(coordinates)),
                "MultiPolygon" => Geometry::MultiPolygon(
                    coordinates
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(polygon)
                        .collect(),
                ),
                other => panic!("no test wants a {other}"),
            };
            feature(id, Some(geometry), 0)
        });
    Some(features.collect())
}

#[test]
fn the_municipalities_of_sweden_stay_side_by_side() {
    let Some(municipalities) = features_of("swedish/swedish_municipalities.geojson") else {
        return;
    };
    assert_eq!(municipalities.len(), 290);
    let polygons = |features: &[Feature]| -> Vec<Polygon<f64>> {
        let of = |feature: &Feature| match feature.geometry.clone().unwrap() {
            Geometry::Polygon(polygon) => vec![polygon],
            Geometry::MultiPolygon(polygons) => polygons.0,
            other => panic!("not polygons: {other:?}"),
        };
        features.iter().flat_map(of).collect()
    };
    let sums = |features: &[Feature]| {
        let all = polygons(features);
        let union = geo::unary_union(&all);
        let holes: usize = union.iter().map(|polygon| polygon.interiors().len()).sum();
        let sum: f64 = all.iter().map(Area::unsigned_area).sum();
        (sum, union.unsigned_area(), holes)
    };
    let (sum, union, holes) = sums(&municipalities);
    let corners = |features: &[Feature]| -> usize {
        polygons(features)
            .iter()
            .map(CoordsIter::coords_count)
            .sum()
    };
    for (pixel_m, least_gain) in [(500.0, 1.3), (2000.0, 1.8), (8000.0, 4.0)] {
        let level = generalise(&municipalities, &Rules::default(), pixel_m);
        let shown: Vec<Feature> = level.features.iter().map(|f| f.feature.clone()).collect();
        let (sum_after, union_after, holes_after) = sums(&shown);
        let twice = (sum - union).abs();
        eprintln!(
            "{pixel_m} m: {} features, {} corners of {}, area {sum_after:.0} of {sum:.0} m², \
             {:.0} m² twice, before {twice:.0}, {holes_after} holes, before {holes}",
            shown.len(),
            corners(&shown),
            corners(&municipalities),
            sum_after - union_after,
        );
        assert!((sum_after - union_after).abs() <= twice + 1e-9 * sum);
        // Gaps under a pixel are closed where what lies round them is dissolved.
        assert!(holes_after <= holes && holes_after + 2 >= holes);
        assert!((sum_after - sum).abs() < 0.002 * sum);
        assert!(corners(&shown) as f64 * least_gain < corners(&municipalities) as f64);
        assert!(polygons(&shown).iter().all(Validation::is_valid));
    }
}

#[test]
fn a_level_of_two_towns_is_the_levels_of_both() {
    // Far enough apart for no block or cell to hold both.
    let shift = |feature: &Feature, north: f64| Feature {
        id: FeatureId::new(feature.id.get() + 1_000_000).unwrap(),
        geometry: Some(feature.geometry.as_ref().unwrap().map_coords(|c| Coord {
            x: c.x,
            y: c.y + north,
        })),
        values: feature.values.clone(),
    };
    let side = |a: i64, b: i64| f64::from((a * 31 + b * 17).rem_euclid(23) as i32);
    let mut town = Vec::new();
    for i in 0..20_i64 {
        for j in 0..20_i64 {
            let place = |x: f64, y: f64| Coord {
                x: 600_000.0 + 50.0 * i as f64 + x,
                y: 6_500_000.0 + 50.0 * j as f64 + y,
            };
            let house = |size: f64| {
                let ring = vec![
                    place(5.0, 5.0),
                    place(5.0 + size, 5.0),
                    place(5.0 + size, 15.0),
                ];
                Geometry::Polygon(Polygon::new(LineString(ring), vec![]))
            };
            let street = LineString(vec![
                place(0.0, 0.0),
                place(20.0, side(i, j) / 4.0),
                place(50.0, 0.0),
            ]);
            let point = Geometry::Point(place(side(i, j), side(j, i)).into());
            let rank = (i * 7 + j) % 3;
            for geometry in [house(8.0 + side(i, j)), Geometry::LineString(street), point] {
                town.push(feature(town.len() as u64, Some(geometry), rank));
            }
        }
    }
    let other: Vec<Feature> = town.iter().map(|one| shift(one, 40_000.0)).collect();
    let mut rules = Rules {
        class: vec![0],
        ..Rules::default()
    };
    rules.coverage = Some(false);
    for pixel_m in [2.0, 15.0, 40.0] {
        let [one, two] = [&town, &other].map(|part| generalise(part, &rules, pixel_m));
        let all: Vec<Feature> = town.iter().chain(&other).cloned().collect();
        let together = generalise(&all, &rules, pixel_m);
        assert_eq!(together.features, [one.features, two.features].concat());
        assert_eq!(
            together.report.fates,
            [one.report.fates, two.report.fates].concat()
        );
    }
}

#[test]
fn rules_are_found_for_what_a_collection_holds() {
    let column = |name: &str, kind| Column {
        name: name.to_owned(),
        kind,
    };
    let schema = Schema {
        columns: vec![
            column("namn", ColumnKind::Text),
            column("typ", ColumnKind::Text),
            column("rang", ColumnKind::Integer),
            column("langd", ColumnKind::Number),
        ],
        geometry: GeometryKind::Polygon,
    };
    let parcel = |id: u64, gap: f64| {
        let x = 20.0 * id as f64;
        let ring = [
            [x, 0.0],
            [x + 20.0 - gap, 0.0],
            [x + 20.0 - gap, 30.0],
            [x, 30.0],
        ];
        Feature {
            id: FeatureId::new(id).unwrap(),
            geometry: Some(Geometry::Polygon(Polygon::new(
                ring.into_iter().collect(),
                vec![],
            ))),
            values: vec![
                Value::Text(format!("nr {id}")),
                Value::Text(["park", "tomt"][id as usize % 2].to_owned()),
                Value::Integer(id as i64),
                Value::Number(0.5),
            ],
        }
    };
    for (gap, coverage) in [(0.0, true), (4.0, false)] {
        let parcels: Vec<Feature> = (0..40).map(|id| parcel(id, gap)).collect();
        let rules = Rules::automatic(&schema, &parcels);
        assert_eq!(rules.class, [1], "names differ, and numbers are no classes");
        assert_eq!(rules.rank, Some(2));
        assert_eq!(rules.coverage, Some(coverage));
    }
}
