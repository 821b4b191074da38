//! Heights that one can sign for: held to the ground that the demo's generator knows, and
//! to the geoid grid of Lantmäteriet.

use geodesy::{Crs, Geoid, Transform};
use serde_json::Value;

use crate::demo::twin;
use crate::harness::{Server, new_twin, refuse, shared, succeed, succeed_json, text};

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn between(from: &str, to: &str) -> Transform {
    let crs = |code| Crs::from_code(code).expect("a CRS");
    Transform::new(&crs(from), &crs(to)).expect("a transformation")
}

/// The middle half of the drone survey, in the twin's CRS: west, south, east, north.
fn middle(server: &Server) -> [f64; 4] {
    let survey = server.get("/collections/drone_2026").json();
    let bbox = &survey["extent"]["spatial"]["bbox"][0];
    let way = between("CRS84", "EPSG:3014");
    let corner = |x: usize, y: usize| {
        way.xy([number(&bbox[x]), number(&bbox[y])])
            .expect("a place")
    };
    let ([west, south], [east, north]) = (corner(0, 1), corner(2, 3));
    let (wide, tall) = ((east - west) / 4.0, (north - south) / 4.0);
    [west + wide, south + tall, east - wide, north - tall]
}

#[test]
fn heights_with_measured_ground_around_them_are_the_true_ones() {
    let server = Server::start(twin());
    let [west, south, east, north] = middle(&server);
    let (mut measured, mut filled) = (Vec::new(), 0);
    for i in 0..8 {
        for j in 0..8 {
            let x = west + (east - west) * f64::from(i) / 7.0;
            let y = south + (north - south) * f64::from(j) / 7.0;
            let path = format!("/terrain/drone_2026/height?coords={x},{y}&crs=EPSG:3014");
            let answer = server.get(&path).json();
            assert_eq!(answer["datum"], "RH2000 height (EPSG:5613)");
            assert_eq!(answer["flown"], "2026-05-12");
            let ground = &answer["ground"];
            if ground["filled"] == true {
                filled += 1;
                assert_eq!(ground["points"], 0);
                continue;
            }
            let spread_m = ground["spread_m"].as_f64().unwrap_or(1.0);
            if number(&ground["points"]) >= 20.0 && spread_m < 0.1 {
                let truth = data_samples::truth::ground_elevation_m(x, y);
                measured.push((number(&ground["elevation_m"]) - truth).abs());
            }
            // The click says the same.
            let click = format!(
                "/identify?coords={x},{y}&crs=EPSG:3014&collections=drone_2026&geometry=false"
            );
            let click = server.get(&click).json();
            assert_eq!(click["elevation"]["ground"], ground["elevation_m"]);
            assert_eq!(
                click["elevation"]["height_above_ground"],
                answer["height_above_ground_m"]
            );
        }
    }
    measured.sort_by(f64::total_cmp);
    assert!(measured.len() > 25, "only {} places", measured.len());
    assert!(filled > 2, "houses cover some of the town");
    let p95 = measured[measured.len() * 95 / 100];
    eprintln!(
        "{} measured places, median {:.3} m off, 95 % under {p95:.3} m; {filled} filled",
        measured.len(),
        measured[measured.len() / 2]
    );
    assert!(p95 < 0.10, "{p95} m");
    assert!(server.stop());
}

#[test]
fn a_profile_follows_the_true_ground_and_can_be_drawn() {
    let server = Server::start(twin());
    let [west, south, east, north] = middle(&server);
    let line = format!("coords=LINESTRING({west}%20{south},{east}%20{north})&crs=EPSG:3014");
    let path = format!("/terrain/drone_2026/profile?{line}&step=2");
    let answer = server.get(&path).json();
    let samples = &answer["samples"];
    let length_m = (east - west).hypot(north - south);
    assert!((number(&answer["length_m"]) - length_m).abs() < 0.01);
    let mut errors: Vec<f64> = Vec::new();
    let grounds = samples["ground_m"].as_array().expect("heights");
    let distances = samples["distance_m"].as_array().expect("distances");
    for (ground, distance_m) in grounds.iter().zip(distances) {
        let share = number(distance_m) / length_m;
        let [x, y] = [
            west + (east - west) * share,
            south + (north - south) * share,
        ];
        let truth = data_samples::truth::ground_elevation_m(x, y);
        errors.push((number(ground) - truth).abs());
    }
    errors.sort_by(f64::total_cmp);
    assert!(errors.len() > 100);
    assert!(
        errors[errors.len() / 2] < 0.05,
        "{}",
        errors[errors.len() / 2]
    );
    let classes = answer["points"]["classes"].as_array().expect("classes");
    let of = |class: u64| classes.iter().find(|group| group["class"] == class);
    assert!(number(&of(2).expect("ground")["count"]) > 500.0);
    assert!(of(6).is_some(), "the line crosses houses");
    let picture = server.get(&format!("{path}&f=svg&lang=sv"));
    assert_eq!(picture.header("Content-Type"), "image/svg+xml");
    let svg = String::from_utf8(picture.body).expect("UTF-8");
    for word in ["Överhöjning", "RH2000 height", "2026-05-12", "byggnad"] {
        assert!(svg.contains(word), "{word}");
    }
    assert!(server.stop());
}

#[test]
fn volumes_agree_with_the_truth_within_their_uncertainty() {
    let server = Server::start(twin());
    let [west, south, east, north] = middle(&server);
    let ring = [
        [west, south],
        [east, south],
        [east, north],
        [west, north],
        [west, south],
    ];
    let ring: Vec<String> = ring.iter().map(|[x, y]| format!("{x}%20{y}")).collect();
    let area = format!("crs=EPSG:3014&polygon=POLYGON(({}))", ring.join(","));
    // The mean of the true ground, on a lattice of two metres.
    let steps = |from: f64, to: f64| ((to - from) / 2.0) as u32;
    let (mut sum, mut count) = (0.0, 0.0);
    for i in 0..steps(west, east) {
        for j in 0..steps(south, north) {
            let [x, y] = [
                west + 1.0 + 2.0 * f64::from(i),
                south + 1.0 + 2.0 * f64::from(j),
            ];
            sum += data_samples::truth::ground_elevation_m(x, y);
            count += 1.0;
        }
    }
    let area_m2 = (east - west) * (north - south);
    let base = (sum / count).floor();
    let truth_m3 = (sum / count - base) * area_m2;
    let path = format!("/terrain/drone_2026/volume?base={base}&{area}");
    let answer = server.get(&path).json();
    assert!((number(&answer["area_m2"]) / area_m2 - 1.0).abs() < 0.001);
    assert_eq!(answer["cells_without_data"], 0);
    let uncertainty_m3 = number(&answer["uncertainty"]["net_m3"]);
    let off_m3 = (number(&answer["net_m3"]) - truth_m3).abs();
    eprintln!("net volume {off_m3:.0} m³ off over {area_m2:.0} m², said ± {uncertainty_m3:.0} m³");
    assert!(off_m3 < 2.0 * uncertainty_m3, "{answer}");

    // The ground of the town has not moved since 2011.
    let path = format!("/terrain/drone_2026/volume?against=aerial_2011&{area}");
    let answer = server.get(&path).json();
    assert_eq!(answer["against"]["flown"], "2011-04-30");
    let mean_m = number(&answer["mean_difference_m"]);
    assert!(mean_m.abs() < 0.05, "{mean_m}");
    let legend = server.get("/difference/drone_2026/aerial_2011.json").json();
    assert_eq!(legend["tvilling:clear_below_m"], 0.15);
    assert!(server.stop());
}

#[test]
fn a_survey_above_the_ellipsoid_is_lowered_by_the_geoid_and_says_so() {
    let Some(grid) = shared("swedish/geoid/se_lantmateriet_SWEN17_RH2000.tif") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    new_twin(&dir, "EPSG:3014");
    let flight = twin().join("deliveries/lidar/dron_2026_tat.laz");
    let ingest = |id: &str, more: &[&str]| {
        let mut arguments = vec!["ingest", text(&dir), text(&flight), "--collection", id];
        arguments.extend(more);
        succeed_json(&arguments)
    };
    ingest("as_is", &["--vertical", "EPSG:5613"]);
    let said = ingest(
        "raised",
        &["--vertical", "ellipsoidal", "--geoid", text(&grid)],
    );
    assert_eq!(said["geoid"], "se_lantmateriet_SWEN17_RH2000");
    assert_eq!(said["datum"], "EPSG:5613");
    let status = succeed_json(&["status", text(&dir)]);
    assert_eq!(status["surveys"][0]["geoid"], Value::Null);
    assert_eq!(status["surveys"][1]["id"], "raised");
    assert_eq!(status["surveys"][1]["vertical"], "RH2000 height");
    assert_eq!(
        status["surveys"][1]["geoid"],
        "se_lantmateriet_SWEN17_RH2000"
    );
    // The path in twin.toml does as well as the option.
    crate::harness::configure(&dir, &format!("[heights]\ngeoid = {:?}", text(&grid)));
    ingest("again", &["--vertical", "EPSG:4979"]);

    let server = Server::start(&dir);
    let key = succeed(&["key", "add", text(&dir), "--name", "a", "--role", "reader"]);
    let key = format!("Bearer {}", key.trim());
    let staff = [("Authorization", key.as_str())];
    let survey = server.get_with("/collections/as_is", &staff).json();
    let bbox = &survey["extent"]["spatial"]["bbox"][0];
    let [lon, lat] = [0, 1].map(|i| f64::midpoint(number(&bbox[i]), number(&bbox[i + 2])));
    let height = |id: &str| {
        let path = format!("/terrain/{id}/height?lon={lon}&lat={lat}");
        server.get_with(&path, &staff).json()
    };
    let separation_m = Geoid::open(&grid)
        .expect("a grid")
        .separation_m([lon, lat])
        .expect("Sundsvall lies on the grid");
    let as_is = number(&height("as_is")["ground"]["elevation_m"]);
    for id in ["raised", "again"] {
        let answer = height(id);
        assert_eq!(answer["geoid"], "se_lantmateriet_SWEN17_RH2000");
        let lowered = as_is - number(&answer["ground"]["elevation_m"]);
        assert!(
            (lowered - separation_m).abs() < 0.011,
            "{lowered} {separation_m}"
        );
    }
    assert!(server.stop());
    assert_eq!(succeed_json(&["check", text(&dir)])["whole"], true);

    // Without a grid it is refused, and nothing is taken in.
    let error = refuse(&[
        "ingest",
        text(&dir),
        text(&flight),
        "--collection",
        "lost",
        "--vertical",
        "ellipsoidal",
        "--geoid",
        "no/such/grid.tif",
    ]);
    assert!(error.contains("dron_2026_tat.laz"), "{error}");
    assert!(error.contains("no/such/grid.tif"), "{error}");
}

#[test]
fn the_command_tells_how_well_points_support_a_height() {
    let server = Server::start(twin());
    let [west, south, east, north] = middle(&server);
    let at = format!(
        "{},{}",
        f64::midpoint(west, east),
        f64::midpoint(south, north)
    );
    let served = server
        .get(&format!(
            "/terrain/drone_2026/height?coords={at}&crs=EPSG:3014"
        ))
        .json();
    let printed = succeed_json(&[
        "query",
        text(twin()),
        "--at",
        &at,
        "--heights",
        "drone_2026",
    ]);
    assert_eq!(printed["heights"], served);
    let refused = refuse(&["query", text(twin()), "--at", &at, "--heights", "nothing"]);
    assert!(refused.contains("nothing"), "{refused}");
    assert!(server.stop());
}
