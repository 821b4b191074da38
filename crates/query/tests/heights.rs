//! Heights, sections and volumes of surveys on disk whose shapes a pencil can follow.

use fixtures::{ORIGIN, Town, hectare, points, survey};
use geo_types::{MultiPolygon, Polygon};
use model::{Grid, Survey, VerticalDatum};
use query::heights::heights_at;
use query::profile::{MAX_POINTS, ProfileError, ProfileQuestion, profile};
use query::volume::{Reference, VolumeError, volume};
use store::{HeightKind, SurveyView};

fn at(east: f64, north: f64) -> [f64; 2] {
    [ORIGIN[0] + east, ORIGIN[1] + north]
}

fn rh2000(name: &str, terrain: &Grid) -> Survey {
    Survey {
        vertical: VerticalDatum::Known {
            code: "EPSG:5613".to_owned(),
            name: "RH2000 height".to_owned(),
        },
        ..survey(name, terrain)
    }
}

/// A hectare at 10 m, with ground points every half metre that alternate 1 cm above and
/// below, but for a house of 20 m square and 6 m height in the middle, whose roof has points.
fn with_a_house(town: &Town) -> SurveyView {
    let terrain = hectare(0.0, 10.0);
    let mut surface = hectare(0.0, 10.0);
    let inside = |x: f64, y: f64| (40.0..60.0).contains(&x) && (40.0..60.0).contains(&y);
    for row in 0..100 {
        for column in 0..100 {
            let [x, y] = surface.centre_of(column, row);
            if inside(x - ORIGIN[0], y - ORIGIN[1]) {
                surface.values[row * 100 + column] = 16.0;
            }
        }
    }
    let all = (0..200_u32 * 200).map(|i| {
        let (column, row) = (i % 200, i / 200);
        let [x, y] = [column, row].map(|v| f64::from(v) * 0.5 + 0.25);
        let noise = if (column + row) % 2 == 0 { 0.01 } else { -0.01 };
        let [e, n] = at(x, y);
        if inside(x, y) {
            ([e, n, 16.0], 6)
        } else {
            ([e, n, 10.0 + noise], 2)
        }
    });
    town.put_survey_of(rh2000("house", &terrain), &points(all), &terrain, &surface)
}

#[test]
fn a_height_says_how_many_points_stand_behind_it_and_how_they_spread() {
    let town = Town::new("EPSG:3014");
    let survey = with_a_house(&town);
    let open = heights_at(&survey, at(20.0, 20.0), 2.0).unwrap();
    let ground = open.ground.clone().unwrap();
    assert_eq!(ground.elevation_m, 10.0);
    // Four points to the square metre in a circle of 12.6 m².
    assert!((44..=57).contains(&ground.points), "{}", ground.points);
    assert!((ground.spread_m.unwrap() - 0.01).abs() < 0.001);
    assert!(!ground.is_filled());
    assert_eq!(open.above_ground_m(), Some(0.0));

    let roof = heights_at(&survey, at(50.0, 50.0), 2.0).unwrap();
    let (ground, surface) = (roof.ground.clone().unwrap(), roof.surface.clone().unwrap());
    assert_eq!((ground.points, ground.spread_m), (0, None));
    assert!(ground.is_filled());
    assert!(!surface.is_filled());
    assert_eq!(surface.elevation_m, 16.0);
    assert!(surface.spread_m.unwrap() < 1e-6);
    assert_eq!(roof.above_ground_m(), Some(6.0));

    let outside = heights_at(&survey, at(-500.0, 0.0), 2.0).unwrap();
    assert_eq!((outside.ground, outside.surface), (None, None));
}

#[test]
fn a_section_through_a_house_shows_its_walls_where_they_are() {
    let town = Town::new("EPSG:3014");
    let survey = with_a_house(&town);
    let question = ProfileQuestion {
        line: vec![at(20.0, 50.0), at(80.0, 50.0)],
        step_m: Some(1.0),
        corridor_m: 1.0,
    };
    let section = profile(&survey, &question).unwrap();
    assert_eq!(section.length_m, 60.0);
    assert_eq!(section.samples.len(), 61);
    let high: Vec<f64> = section
        .samples
        .iter()
        .filter(|sample| sample.surface_m.unwrap() > 15.9)
        .map(|sample| sample.distance_m)
        .collect();
    assert_eq!((high[0], high[high.len() - 1]), (21.0, 39.0));
    assert!(section.samples.iter().all(|s| s.ground_m == Some(10.0)));
    assert_eq!(section.thinned_to_m, None);
    let roof = &section.points[&6];
    assert!(roof.iter().all(|p| (20.0..40.0).contains(&p.distance_m)));
    assert!(roof.iter().all(|p| p.offset_m.abs() <= 1.0));
    // Four rows of points, forty metres of them beside the house.
    assert_eq!(section.points[&2].len(), 4 * 80);
    assert_eq!(roof.len(), 4 * 40);
    assert!(roof.is_sorted_by(|a, b| a.distance_m <= b.distance_m));
    // The same points, whichever way the line runs.
    let back = ProfileQuestion {
        line: vec![at(80.0, 50.0), at(50.0, 50.0), at(20.0, 50.0)],
        ..question
    };
    let back = profile(&survey, &back).unwrap();
    assert_eq!(back.points[&6].len(), roof.len());
    assert_eq!(back.points[&2].len(), 4 * 80);
}

#[test]
fn a_question_over_a_limit_is_refused_with_the_limit() {
    let town = Town::new("EPSG:3014");
    let survey = with_a_house(&town);
    let good = ProfileQuestion {
        line: vec![at(0.0, 0.0), at(60.0, 0.0)],
        step_m: None,
        corridor_m: 0.0,
    };
    assert!(profile(&survey, &good).unwrap().points.is_empty());
    let bad = [
        ProfileQuestion {
            line: vec![at(0.0, 0.0)],
            ..good.clone()
        },
        ProfileQuestion {
            line: vec![at(0.0, 0.0), at(0.0, 0.0)],
            ..good.clone()
        },
        ProfileQuestion {
            line: vec![at(0.0, 0.0), at(60_000.0, 0.0)],
            ..good.clone()
        },
        ProfileQuestion {
            step_m: Some(0.0),
            ..good.clone()
        },
        ProfileQuestion {
            step_m: Some(1e-6),
            ..good.clone()
        },
        ProfileQuestion {
            step_m: Some(f64::NAN),
            ..good.clone()
        },
        ProfileQuestion {
            corridor_m: -1.0,
            ..good.clone()
        },
        ProfileQuestion {
            corridor_m: 1e9,
            ..good.clone()
        },
    ];
    for question in bad {
        let answer = profile(&survey, &question);
        assert!(
            matches!(answer, Err(ProfileError::Limit { .. })),
            "{question:?}"
        );
    }
    // More points than an answer may have, and all of them in one node: refused.
    let wide = ProfileQuestion {
        line: vec![at(0.0, 50.0), at(100.0, 50.0)],
        corridor_m: 50.0,
        ..good
    };
    assert!(survey.meta().point_count > MAX_POINTS as u64);
    assert!(profile(&survey, &wide).is_err());
}

fn square(east: f64, north: f64, side: f64) -> MultiPolygon<f64> {
    let corner = |east, north| <(f64, f64)>::from(at(east, north));
    let ring = vec![
        corner(east, north),
        corner(east + side, north),
        corner(east + side, north + side),
        corner(east, north + side),
    ];
    MultiPolygon(vec![Polygon::new(ring.into(), vec![])])
}

#[test]
fn a_house_is_a_volume_over_a_plane_and_between_two_surveys() {
    let town = Town::new("EPSG:3014");
    let after = with_a_house(&town);
    let flat = hectare(0.0, 10.0);
    let before = town.put_survey(rh2000("before", &flat), &flat, &flat);
    let whole = square(10.0, 10.0, 80.0);
    for reference in [Reference::Plane(10.0), Reference::Survey(&before)] {
        let found = volume(&after, HeightKind::Surface, &reference, &whole).unwrap();
        assert!(
            (found.fill_m3 - 20.0 * 20.0 * 6.0).abs() < 1e-6,
            "{found:?}"
        );
        assert_eq!(found.cut_m3, 0.0);
        assert!((found.area_m2 - 6400.0).abs() < 1e-6);
        assert_eq!((found.cells, found.cells_without_data), (6400, 0));
        let none = volume(&after, HeightKind::Terrain, &reference, &whole).unwrap();
        assert_eq!(none.net_m3(), 0.0);
    }
    // The other way round, the house is what was cut.
    let reference = Reference::Survey(&after);
    let gone = volume(&before, HeightKind::Surface, &reference, &whole).unwrap();
    assert!((gone.cut_m3 - 2400.0).abs() < 1e-6);
    // Half of this square lies beyond the survey.
    let edge = square(90.0, 10.0, 20.0);
    let found = volume(&after, HeightKind::Terrain, &Reference::Plane(9.0), &edge).unwrap();
    assert!((found.polygon_area_m2 - 400.0).abs() < 1.0);
    assert!((found.area_m2 - 200.0).abs() < 1e-6, "{found:?}");
}

#[test]
fn elevations_in_different_or_unknown_datums_are_never_subtracted() {
    let town = Town::new("EPSG:3014");
    let after = with_a_house(&town);
    let flat = hectare(0.0, 10.0);
    let unknown = town.put_survey(survey("unknown", &flat), &flat, &flat);
    let whole = square(10.0, 10.0, 80.0);
    for (one, other) in [(&after, &unknown), (&unknown, &unknown)] {
        let error = volume(one, HeightKind::Terrain, &Reference::Survey(other), &whole);
        assert!(matches!(error, Err(VolumeError::DatumsDiffer { .. })));
    }
    assert!(
        volume(
            &unknown,
            HeightKind::Terrain,
            &Reference::Plane(10.0),
            &whole
        )
        .is_ok()
    );
}
