//! Places held to PROJ, to published control points, and to themselves there and back.

use proptest::prelude::*;

use super::*;
use crate::testdata::{self, sweref_vectors};

fn transform(from: &str, to: &str) -> Transform {
    Transform::new(&Crs::from_code(from).unwrap(), &Crs::from_code(to).unwrap()).unwrap()
}

/// The same through PROJ, whatever we have formulas for.
fn by_proj(from: &str, to: &str) -> Transform {
    let mut transform = transform(from, to);
    transform.method = Method::Proj(pair_number(from, to));
    transform
}

#[track_caller]
fn check(transform: &Transform, from: [f64; 2], expected: [f64; 2], within: f64, what: &str) {
    let found = transform.xy(from).unwrap();
    let off = (found[0] - expected[0]).hypot(found[1] - expected[1]);
    assert!(
        off <= within,
        "{what}: {from:?} gives {found:?}, not {expected:?}: off by {off}"
    );
}

/// A millimetre, as degrees of latitude.
const MILLIMETRE_DEG: f64 = 0.001 / 111_412.0;

#[test]
fn control_points_hold_to_a_millimetre_in_all_grids_both_ways() {
    let Some(vectors) = sweref_vectors() else {
        return;
    };
    assert_eq!(vectors.len(), 160);
    for method in [transform, by_proj] {
        for (code, _) in &vectors[0].projected {
            let (there, back) = (method("EPSG:4619", code), method(code, "EPSG:4619"));
            for vector in &vectors {
                let (_, xy) = vector.projected.iter().find(|(c, _)| c == code).unwrap();
                let what = format!("{} in {code}", vector.name);
                check(&there, vector.lon_lat, *xy, 0.001, &what);
                // The table gives 0.1 mm, which far from the middle of Web Mercator
                // is less on the ground; longitude shrinks towards the pole.
                check(&back, *xy, vector.lon_lat, 2.5 * MILLIMETRE_DEG, &what);
            }
        }
    }
}

#[test]
fn every_pair_of_grids_agrees_through_the_table() {
    let Some(vectors) = sweref_vectors() else {
        return;
    };
    for (from, _) in &vectors[0].projected {
        for (to, _) in &vectors[0].projected {
            let transform = transform(from, to);
            for vector in vectors.iter().step_by(7) {
                let at = |code: &String| {
                    let found = vector.projected.iter().find(|(c, _)| c == code);
                    found.unwrap().1
                };
                let what = format!("{} from {from} to {to}", vector.name);
                // Web Mercator is stretched by up to three here.
                let within = if to == "EPSG:3857" { 0.002 } else { 0.001 };
                check(&transform, at(from), at(to), within, &what);
            }
        }
    }
}

#[test]
fn published_control_points_hold() {
    // Lantmäteriet's control points for SWEREF 99 TM and the zones.
    let degrees = |d: f64, m: f64, s: f64| d + m / 60.0 + s / 3600.0;
    let tm = transform("EPSG:4619", "EPSG:3006");
    for (lat, lon, north, east) in [
        (
            degrees(55.0, 0.0, 0.0),
            degrees(12.0, 45.0, 0.0),
            6_097_106.672,
            356_083.438,
        ),
        (
            degrees(55.0, 0.0, 0.0),
            degrees(14.0, 15.0, 0.0),
            6_095_048.642,
            452_024.069,
        ),
        (
            degrees(57.0, 0.0, 0.0),
            degrees(12.0, 45.0, 0.0),
            6_319_636.937,
            363_331.554,
        ),
        (
            degrees(57.0, 0.0, 0.0),
            degrees(19.0, 30.0, 0.0),
            6_326_392.707,
            773_251.054,
        ),
        (
            degrees(59.0, 0.0, 0.0),
            degrees(11.0, 15.0, 0.0),
            6_546_096.724,
            284_626.066,
        ),
        (
            degrees(59.0, 0.0, 0.0),
            degrees(19.0, 30.0, 0.0),
            6_548_757.206,
            758_410.519,
        ),
        (
            degrees(61.0, 0.0, 0.0),
            degrees(12.0, 45.0, 0.0),
            6_764_877.311,
            378_323.440,
        ),
        (
            degrees(61.0, 0.0, 0.0),
            degrees(18.45_f64.trunc(), 45.0, 0.0),
            6_768_593.345,
            702_745.127,
        ),
        (
            degrees(63.0, 0.0, 0.0),
            degrees(12.0, 0.0, 0.0),
            6_989_134.048,
            348_083.148,
        ),
        (
            degrees(63.0, 0.0, 0.0),
            degrees(19.0, 30.0, 0.0),
            6_993_565.630,
            727_798.671,
        ),
        (
            degrees(65.0, 0.0, 0.0),
            degrees(13.0, 30.0, 0.0),
            7_209_293.753,
            429_270.201,
        ),
        (
            degrees(65.0, 0.0, 0.0),
            degrees(21.0, 45.0, 0.0),
            7_225_449.115,
            817_833.405,
        ),
        (
            degrees(67.0, 0.0, 0.0),
            degrees(16.0, 30.0, 0.0),
            7_432_168.174,
            565_398.458,
        ),
        (
            degrees(67.0, 0.0, 0.0),
            degrees(24.0, 0.0, 0.0),
            7_459_745.672,
            891_298.142,
        ),
        (
            degrees(69.0, 0.0, 0.0),
            degrees(21.0, 0.0, 0.0),
            7_666_089.698,
            739_639.195,
        ),
    ] {
        check(&tm, [lon, lat], [east, north], 0.0011, "SWEREF 99 TM");
    }
}

#[test]
fn other_national_grids_go_through_proj() {
    // The middle of Rijksdriehoek, the tower of Amersfoort, as published by NSGI.
    let rd = transform("EPSG:28992", "EPSG:4258");
    check(
        &rd,
        [155_000.0, 463_000.0],
        [5.387_203_66, 52.155_172_90],
        1e-5,
        "RD",
    );
    // The false origin of Lambert-93 lies at 3° E, 46.5° N by definition.
    let lambert = transform("EPSG:2154", "EPSG:4258");
    check(
        &lambert,
        [700_000.0, 6_600_000.0],
        [3.0, 46.5],
        1e-9,
        "Lambert-93",
    );
    // ETRS89 / UTM 33 is the same grid as SWEREF 99 TM under another name.
    let utm = transform("EPSG:25833", "EPSG:3006");
    assert!(!utm.is_identity());
    check(
        &utm,
        [674_032.0, 6_580_822.0],
        [674_032.0, 6_580_822.0],
        0.001,
        "UTM 33",
    );
    // Stockholm in RT 90 2.5 gon V and SWEREF 99 TM, to what the seven parameters give.
    let rt90 = transform("EPSG:3021", "EPSG:3006");
    let back = transform("EPSG:3006", "EPSG:3021");
    let stockholm = rt90.xy([1_628_294.0, 6_580_994.0]).unwrap();
    check(&back, stockholm, [1_628_294.0, 6_580_994.0], 0.01, "RT 90");
    assert!((stockholm[0] - 674_032.0).abs() < 2_000.0, "{stockholm:?}");
    assert!(
        (stockholm[1] - 6_580_000.0).abs() < 2_000.0,
        "{stockholm:?}"
    );
}

#[test]
fn map_order_is_kept_whatever_the_official_order() {
    let stockholm = [18.068_6, 59.329_3];
    let merc = transform("EPSG:4326", "EPSG:3857").xy(stockholm).unwrap();
    assert_eq!(merc, transform("CRS84", "EPSG:3857").xy(stockholm).unwrap());
    assert!(merc[0] < merc[1]);
    let by_proj = by_proj("EPSG:4326", "EPSG:3857").xy(stockholm).unwrap();
    assert!((merc[0] - by_proj[0]).abs() < 1e-6 && (merc[1] - by_proj[1]).abs() < 1e-6);
    let tm = transform("EPSG:4326", "EPSG:3006").xy(stockholm).unwrap();
    assert!(tm[0] < 1e6 && tm[1] > 6e6);
}

#[test]
fn the_same_crs_is_an_identity_and_another_name_is_not() {
    assert!(transform("EPSG:3006", "urn:ogc:def:crs:EPSG::3006").is_identity());
    assert!(transform("EPSG:4326", "CRS84").is_identity());
    assert!(transform("EPSG:5845", "EPSG:3006").is_identity());
    assert!(!transform("EPSG:25833", "EPSG:3006").is_identity());
    assert!(!transform("EPSG:3006", "EPSG:3014").is_identity());
    assert!(
        transform("EPSG:3006", "EPSG:3006")
            .xy([f64::NAN, 0.0])
            .is_err()
    );
}

#[test]
fn what_has_no_place_is_an_error_and_never_a_number() {
    for (from, to, point) in [
        ("EPSG:4326", "EPSG:3857", [0.0, 90.0]),
        ("EPSG:4326", "EPSG:3857", [0.0, 91.0]),
        ("EPSG:4326", "EPSG:3006", [105.0, 0.0]),
        ("EPSG:4326", "EPSG:3006", [f64::NAN, 60.0]),
        ("EPSG:3006", "EPSG:4326", [1e9, 6.5e6]),
        ("EPSG:3006", "EPSG:4326", [5e5, 1e9]),
        ("EPSG:3006", "EPSG:4326", [f64::INFINITY, 6.5e6]),
        ("EPSG:4326", "EPSG:28992", [f64::INFINITY, 52.0]),
        ("EPSG:4326", "EPSG:28992", [5.0, f64::NAN]),
    ] {
        let found = transform(from, to).xy(point);
        assert!(
            matches!(found, Err(Error::OutOfDomain { .. })),
            "{from} {to} {point:?} {found:?}"
        );
    }
}

#[test]
fn threads_share_a_transform() {
    let transform = transform("EPSG:28992", "EPSG:3857");
    let here = transform.xy([85_000.0, 447_000.0]).unwrap();
    let there = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                let mut many = [[85_000.0, 447_000.0]; 3];
                transform.xy_in_place(&mut many).unwrap();
                many[2]
            })
            .join()
            .unwrap()
    });
    assert_eq!(here, there);
}

#[test]
fn the_box_of_a_curved_edge_holds_its_belly() {
    // A parallel bends to the north of its ends in a grid east of the meridian,
    // and the widest place of a box is not at a corner.
    for (from, to, bounds) in [
        ("EPSG:4326", "EPSG:3006", [10.0, 55.0, 24.5, 69.5]),
        (
            "EPSG:3006",
            "EPSG:4326",
            [-1_200_000.0, 4_305_696.0, 2_994_304.0, 8_500_000.0],
        ),
        (
            "EPSG:3857",
            "EPSG:3014",
            [1_200_000.0, 7_400_000.0, 2_700_000.0, 10_800_000.0],
        ),
        (
            "EPSG:3006",
            "EPSG:3857",
            [600_000.0, 6_500_000.0, 600_256.0, 6_500_256.0],
        ),
        (
            "EPSG:28992",
            "EPSG:3857",
            [10_000.0, 306_000.0, 280_000.0, 620_000.0],
        ),
    ] {
        let transform = transform(from, to);
        let [a, b, c, d] = bounds;
        let held = transform.bounds(&Bounds::new(a, b, c, d).unwrap()).unwrap();
        let mut tight: Option<Bounds> = None;
        for step in 0..=1000 {
            let t = f64::from(step) / 1000.0;
            for point in [
                [a + t * (c - a), b],
                [a + t * (c - a), d],
                [a, b + t * (d - b)],
                [c, b + t * (d - b)],
            ] {
                let [x, y] = transform.xy(point).unwrap();
                assert!(
                    held.contains([x, y]),
                    "{from} to {to}: {point:?} lies outside"
                );
                let here = Bounds::new(x, y, x, y).unwrap();
                tight = Some(tight.map_or(here, |all| all.union(&here)));
            }
        }
        let tight = tight.unwrap();
        assert!(
            held.width() <= tight.width() * 1.02,
            "{from} to {to} is too wide"
        );
        assert!(
            held.height() <= tight.height() * 1.02,
            "{from} to {to} is too high"
        );
    }
}

#[test]
fn a_box_around_the_pole_holds_all_longitudes() {
    let transform = transform("EPSG:3413", "EPSG:4326");
    let held = transform
        .bounds(&Bounds::new(-1e6, -9e5, 8e5, 1e6).unwrap())
        .unwrap();
    assert_eq!(
        [held.min_x(), held.max_x(), held.max_y()],
        [-180.0, 180.0, 90.0]
    );
    assert!(held.min_y() > 70.0);
}

#[test]
fn the_box_of_the_whole_world_holds_all_data_in_a_regional_grid() {
    let half = 20_037_508.342_789_244;
    let world = Bounds::new(-half, -half, half, half).unwrap();
    let quarter = Bounds::new(0.0, 0.0, half, half).unwrap();
    for (code, inside) in [
        ("EPSG:3006", [674_032.0, 6_580_822.0]),
        ("EPSG:3014", [150_000.0, 6_580_822.0]),
        ("EPSG:25832", [600_000.0, 6_600_000.0]),
        ("EPSG:28992", [85_000.0, 447_000.0]),
    ] {
        let transform = transform("EPSG:3857", code);
        for bounds in [&world, &quarter] {
            assert!(transform.bounds(bounds).unwrap().contains(inside), "{code}");
        }
    }
    let torn = Bounds::new(80.0, -20.0, 105.0, 20.0).unwrap();
    let held = transform("EPSG:4326", "EPSG:3006").bounds(&torn);
    assert!(held.is_ok_and(|held| held.width() > 4e7));
    let nowhere = Bounds::new(104.9, -0.1, 105.1, 0.1).unwrap();
    let found = transform("EPSG:4326", "EPSG:3006").bounds(&nowhere);
    assert!(matches!(found, Err(Error::OutOfDomain { .. })), "{found:?}");
}

/// One case of PROJ's own test files: what `accept` gives must be `expect`.
#[test]
fn the_series_holds_projs_own_cases_of_transverse_mercator() {
    let Some(path) = testdata::shared("conformance/proj-gie/builtins.gie") else {
        return;
    };
    // "etmerc" on GRS 80, whose scale is 0.9996 there, at lon_0 = 0, lat_0 = 0: the
    // grid SWEREF 99 TM, 15° to the west and 500 km shifted.
    let text = std::fs::read_to_string(path).unwrap();
    let block = text
        .split("operation")
        .find(|block| block.contains("+proj=etmerc") && block.contains("+ellps=GRS80"))
        .unwrap();
    let scale_is_one = !block.contains("k_0") && !block.contains("+k=");
    let code = if scale_is_one {
        "EPSG:3009"
    } else {
        "EPSG:3006"
    };
    let false_easting_m = if scale_is_one { 150_000.0 } else { 500_000.0 };
    let tm = transform("EPSG:4619", code);
    let mut accepted = None;
    let mut checked = 0;
    for line in block.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.first() == Some(&"direction") && words.get(1) == Some(&"inverse") {
            break;
        }
        let pair = || -> Option<[f64; 2]> {
            Some([words.get(1)?.parse().ok()?, words.get(2)?.parse().ok()?])
        };
        match (words.first(), pair()) {
            (Some(&"accept"), Some(point)) => accepted = Some(point),
            (Some(&"expect"), Some([x, y])) => {
                let Some([lon, lat]) = accepted else {
                    panic!("{line} has no accept");
                };
                let expected = [x + false_easting_m, y];
                check(&tm, [lon + 15.0, lat], expected, 1e-4, line);
                checked += 1;
            }
            _ => {}
        }
    }
    assert!(checked >= 2, "{checked}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn there_and_back_is_the_same_place(
        zone in 3006_u32..=3018,
        lon in 9.0..26.0_f64,
        lat in 54.0..70.0_f64,
    ) {
        let code = format!("EPSG:{zone}");
        let xy = transform("EPSG:4326", &code).xy([lon, lat]).unwrap();
        let back = transform(&code, "EPSG:4326").xy(xy).unwrap();
        prop_assert!((back[0] - lon).abs() < 1e-11 && (back[1] - lat).abs() < 1e-11);
        let merc = transform(&code, "EPSG:3857").xy(xy).unwrap();
        let back = transform("EPSG:3857", &code).xy(merc).unwrap();
        prop_assert!((back[0] - xy[0]).hypot(back[1] - xy[1]) < 1e-6);
    }

    #[test]
    fn the_series_and_proj_agree_over_a_third_of_the_world(
        zone in 3006_u32..=3018,
        lon in -45.0..75.0_f64,
        lat in -89.0..89.0_f64,
    ) {
        let code = format!("EPSG:{zone}");
        let ours = transform("EPSG:4619", &code).xy([lon, lat]).unwrap();
        let projs = by_proj("EPSG:4619", &code).xy([lon, lat]).unwrap();
        let off = (ours[0] - projs[0]).hypot(ours[1] - projs[1]);
        prop_assert!(off < 1e-4, "{:?} {:?} {}", ours, projs, off);
    }
}
