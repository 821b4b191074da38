//! Surveys, point by point: real files, damaged files, and files that las-rs makes here.

use std::path::{Path, PathBuf};

use ingest::{Error, SurveyOptions, SurveyReader, SurveySummary, VerticalSource};
use model::{PointBatch, VerticalDatum};

use crate::common::{all_points, crs, in_order, made, says_wkt, shared, write};

fn options(target: &str, crs_code: Option<&str>) -> SurveyOptions {
    SurveyOptions {
        target: crs(target),
        crs: crs_code.map(crs),
        vertical: None,
        geoid: None,
    }
}

/// Reads files as they are, in a CRS that changes nothing.
fn read_as_is(paths: &[PathBuf]) -> Result<(PointBatch, SurveySummary), Error> {
    read(paths, &options("EPSG:3006", Some("EPSG:3006")))
}

fn read(paths: &[PathBuf], options: &SurveyOptions) -> Result<(PointBatch, SurveySummary), Error> {
    all_points(SurveyReader::open(paths, options)?)
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| {
            if path.is_dir() {
                files_in(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|e| e == "las" || e == "laz"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_real_survey_is_read_to_its_last_point() {
    let Some(folder) = shared("lidar") else {
        return;
    };
    for path in files_in(&folder) {
        let reader = SurveyReader::open(
            std::slice::from_ref(&path),
            &options("EPSG:3006", Some("EPSG:3006")),
        )
        .unwrap();
        let claimed = reader.header().claimed_points;
        drop(reader);
        match read_as_is(std::slice::from_ref(&path)) {
            Ok((points, summary)) => {
                let report = &summary.report;
                let left_out = report.findings.iter().find(|f| f.code == "out_of_reach");
                let left_out = left_out.map_or(0, |finding| finding.count);
                assert_eq!(report.kept + left_out, claimed, "{}", path.display());
                assert_eq!(points.len() as u64, report.kept);
                let oracle = las::Reader::from_path(&path);
                if let Ok(mut oracle) = oracle {
                    check_against_las_rs(&points, &mut oracle, &path);
                }
            }
            Err(e) => panic!("{e}"),
        }
    }
}

/// The columns must say what las-rs says of each point.
fn check_against_las_rs(points: &PointBatch, oracle: &mut las::Reader, path: &Path) {
    if path.to_string_lossy().ends_with(".copc.laz") {
        return;
    }
    let mut expected = PointBatch::default();
    for point in oracle.read_all().unwrap().points() {
        let point = point.unwrap();
        // Files made of random bits have points beyond any CRS.
        if [point.x, point.y, point.z].iter().any(|v| v.abs() > 1e9) {
            continue;
        }
        expected.x.push(point.x);
        expected.y.push(point.y);
        expected.z.push(point.z);
        expected.intensity.push(point.intensity);
        expected.return_number.push(point.return_number);
        expected.number_of_returns.push(point.number_of_returns);
        expected.classification.push(u8::from(point.classification));
        expected.flags.push(
            u8::from(point.is_synthetic)
                | u8::from(point.is_key_point) << 1
                | u8::from(point.is_withheld) << 2
                | u8::from(point.is_overlap) << 3
                | point.scanner_channel << 4
                | match point.scan_direction {
                    las::point::ScanDirection::RightToLeft => 0,
                    las::point::ScanDirection::LeftToRight => 1 << 6,
                }
                | u8::from(point.is_edge_of_flight_line) << 7,
        );
        expected.scan_angle_deg.push(point.scan_angle);
        expected.user_data.push(point.user_data);
        expected.point_source_id.push(point.point_source_id);
        expected.gps_time_s.extend(point.gps_time);
        let rgb = point.color.map(|c| [c.red, c.green, c.blue]);
        expected.rgb.extend(rgb);
        expected.nir.extend(point.nir);
    }
    let expected = in_order(&expected);
    assert_eq!(points.gps_time_s, expected.gps_time_s, "{}", path.display());
    assert_eq!(points.rgb, expected.rgb, "{}", path.display());
    // las-rs leaves the near infrared out of points without it in their colour.
    if !expected.nir.is_empty() {
        assert_eq!(points.nir, expected.nir, "{}", path.display());
    }
    for i in 0..points.len() {
        let at = format!("point {i} of {}", path.display());
        assert_eq!(points.x[i], expected.x[i], "{at}");
        assert_eq!(points.y[i], expected.y[i], "{at}");
        assert_eq!(points.z[i], expected.z[i], "{at}");
        assert_eq!(points.intensity[i], expected.intensity[i], "{at}");
        assert_eq!(points.return_number[i], expected.return_number[i], "{at}");
        assert_eq!(
            points.number_of_returns[i], expected.number_of_returns[i],
            "{at}"
        );
        // las-rs takes the reserved class 12 of new formats for overlap, too.
        if points.classification[i] != 12 {
            assert_eq!(points.classification[i], expected.classification[i], "{at}");
        }
        // And class 28 of old formats.
        if ![12, 28].contains(&points.classification[i]) {
            assert_eq!(points.flags[i], expected.flags[i], "{at}");
        }
        let turned = points.scan_angle_deg[i] - expected.scan_angle_deg[i];
        // Kept in steps of 0.006 degrees.
        assert!(turned.abs() < 3.1e-3, "{at}");
        assert_eq!(points.user_data[i], expected.user_data[i], "{at}");
        assert_eq!(
            points.point_source_id[i], expected.point_source_id[i],
            "{at}"
        );
    }
}

#[test]
fn las_and_laz_twins_give_the_same_points() {
    let Some(folder) = shared("lidar") else {
        return;
    };
    let mut twins: Vec<(PathBuf, PathBuf)> = files_in(&folder.join("las-laz-pairs"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "las"))
        .map(|las| (las.clone(), las.with_extension("laz")))
        .collect();
    twins.push((
        folder.join("autzen_trim.las"),
        folder.join("autzen_trim.laz"),
    ));
    for (las, laz) in twins {
        let (las_points, _) = read_as_is(std::slice::from_ref(&las)).unwrap();
        let (laz_points, _) = read_as_is(std::slice::from_ref(&laz)).unwrap();
        assert!(las_points == laz_points, "{}", las.display());
    }
}

#[test]
fn a_copc_file_has_the_points_of_the_file_it_was_made_of() {
    let Some(folder) = shared("lidar") else {
        return;
    };
    let of = |name: &str| {
        let (points, _) = read_as_is(&[folder.join(name)]).unwrap();
        let mut rows: Vec<_> = (0..points.len())
            .map(|i| {
                // Their offsets differ, and so may the last bit.
                let position =
                    [points.x[i], points.y[i], points.z[i]].map(|v| (v * 100.0).round() as i64);
                (
                    position,
                    points.intensity[i],
                    points.classification[i],
                    points.rgb[i],
                )
            })
            .collect();
        rows.sort_unstable();
        rows
    };
    assert!(of("ellipsoid.laz") == of("ellipsoid.copc.laz"));
}

#[test]
fn compressed_points_are_read_without_their_chunk_table() {
    let Some(folder) = shared("lidar") else {
        return;
    };
    let temporary = tempfile::tempdir().unwrap();
    for name in ["autzen_trim.laz", "ellipsoid-1.4.laz"] {
        let (whole, _) = read_as_is(&[folder.join(name)]).unwrap();
        let mut bytes = std::fs::read(folder.join(name)).unwrap();
        let points_at = u32::from_le_bytes(bytes[96..100].try_into().unwrap()) as usize;
        bytes[points_at..points_at + 8].copy_from_slice(&(-1_i64).to_le_bytes());
        bytes.extend([0; 8]);
        let path = write(temporary.path(), name, &bytes);
        let (streamed, _) = read_as_is(&[path]).unwrap();
        assert!(whole == streamed, "{name}");
    }
}

#[test]
fn one_thread_and_many_give_the_same_points_in_the_same_order() {
    let Some(folder) = shared("lidar") else {
        return;
    };
    let path = folder.join("ellipsoid-1.4.laz");
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| read_as_is(std::slice::from_ref(&path)).unwrap())
    };
    let (one, many) = (on(1), on(4));
    assert!(one.0 == many.0);
    assert_eq!(one.1.bounds, many.1.bounds);
    assert_eq!(one.1.report, many.1.report);
}

#[test]
fn damaged_files_are_refused_with_a_sentence_or_read_with_findings() {
    let Some(folder) = shared("lidar-bad") else {
        return;
    };
    let expected = std::fs::read_to_string(folder.join("made/EXPECT.tsv")).unwrap();
    for line in expected.lines().skip(1) {
        let mut fields = line.split('\t');
        let (file, expected) = (fields.next().unwrap(), fields.next().unwrap());
        let result = read_as_is(&[folder.join("made").join(file)]);
        let told = match &result {
            Ok((_, summary)) => format!(
                "{} points, {:?}",
                summary.report.kept, summary.report.findings
            ),
            Err(e) => e.what.clone(),
        };
        println!("{file}: {told}");
        let ok = match &result {
            Err(e) => expected.contains("reject") && !e.what.contains('\n'),
            Ok((_, summary)) => {
                let reported = !summary.report.findings.is_empty();
                !expected.starts_with("reject")
                    || expected.starts_with("reject or accept")
                    || (expected.contains("warn") && reported)
            }
        };
        assert!(ok, "{file}: expected {expected}, got {told}");
    }
}

#[test]
fn odd_files_from_the_wild_never_panic() {
    let Some(folder) = shared("lidar-bad/real") else {
        return;
    };
    let expected = [
        ("1.2-empty-geotiff-vlrs.las", Ok(43)),
        ("1.2-no-points.las", Err("1065 points")),
        ("1.2-with-color-clipped.las", Err("1065 points")),
        ("bad-geotiff-keys.las", Ok(10)),
        ("bad_vlr_count.las", Ok(10)),
        ("gps-time-nan.las", Ok(1)),
        ("lots_of_vlr.las", Ok(1)),
        ("no-points.las", Err("not one point")),
        ("spurious.las", Ok(1065)),
        ("test_epsg_4326_axis.las", Ok(10)),
    ];
    for (file, expected) in expected {
        let result = read_as_is(&[folder.join(file)]);
        match (&result, expected) {
            (Ok((points, _)), Ok(count)) => assert_eq!(points.len(), count, "{file}"),
            (Err(e), Err(part)) => assert!(e.what.contains(part), "{file}: {e}"),
            (result, expected) => {
                let told = result.as_ref().map(|(points, _)| points.len());
                panic!("{file}: expected {expected:?}, got {told:?}")
            }
        }
    }
}

/// Two files in a town whose delivered classes know the ground: the terrain by our classes,
/// which do not see those, must come close to the mean of the ground points of each cell.
#[test]
fn the_ground_of_delft_is_found_without_its_classification() {
    let Some(folder) = shared("demo-delft/lidar") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let options = options("EPSG:28992", Some("EPSG:28992"));
    let mut blocks = SurveyReader::open(&files_in(&folder), &options)
        .unwrap()
        .partition(scratch.path(), 1 << 30, &mut |_| {})
        .unwrap();
    let mut ground = std::collections::HashMap::<(i64, i64), (f64, f64)>::new();
    let gather = &mut |points: PointBatch| {
        for i in (0..points.len()).filter(|&i| points.classification[i] == 2) {
            let cell = ground
                .entry((points.x[i].floor() as i64, points.y[i].floor() as i64))
                .or_default();
            cell.0 += points.z[i];
            cell.1 += 1.0;
        }
        Ok(())
    };
    blocks
        .for_each_block::<_, Error>(0.0, &|block| Ok(block.points), gather)
        .unwrap();
    blocks.classify_anew(&mut |_| {}).unwrap();
    let summary = blocks
        .octree::<(), Error>(&|_, _| Ok(()), &mut |()| Ok(()))
        .unwrap();
    assert_eq!(summary.points, 848_942);
    assert_eq!(lidar::cell_size(&blocks.coverage(), None), Ok(0.5));
    let mut errors = Vec::new();
    blocks
        .heights::<Error>(1.0, &mut |heights| {
            let terrain = &heights.terrain;
            for (i, value) in terrain.values.iter().enumerate() {
                let [x, y] = terrain.centre_of(i % terrain.columns, i / terrain.columns);
                if let Some((sum, count)) = ground.get(&(x.floor() as i64, y.floor() as i64)) {
                    errors.push(f64::from(*value) - sum / count);
                }
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(errors.len(), ground.len());
    errors.sort_by(f64::total_cmp);
    let n = errors.len();
    let rmse = (errors.iter().map(|e| e * e).sum::<f64>() / n as f64).sqrt();
    let (median, low, high) = (errors[n / 2], errors[n / 40], errors[n - 1 - n / 40]);
    println!(
        "Delft, class 2 hidden, {n} cells of 1 m: RMSE {rmse:.3} m, median {median:.3}, 95 % between {low:.2} and {high:.2}"
    );
    // 0.032 m when this was written.
    assert!(rmse < 0.06, "{rmse}");
    assert!(median.abs() < 0.01, "{median}");
}

fn with_wkt(code: &str) -> Vec<u8> {
    made(6, true, 100, &says_wkt(&crs(code).wkt1().unwrap()))
}

/// GeoTIFF keys with short values.
fn with_keys(keys: &[(u16, u16)]) -> Vec<u8> {
    let mut words = vec![1, 1, 0, keys.len() as u16];
    words.extend(keys.iter().flat_map(|&(key, value)| [key, 0, 1, value]));
    made(1, false, 100, &|builder| {
        builder.vlrs.push(las::Vlr {
            user_id: "LASF_Projection".to_owned(),
            record_id: 34735,
            description: String::new(),
            data: words
                .iter()
                .flat_map(|word: &u16| word.to_le_bytes())
                .collect(),
        });
    })
}

#[test]
fn a_crs_that_is_told_without_heights_leaves_z_as_the_file_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "wkt.laz", &with_wkt("EPSG:5845"));
    let datum = |told: &str, vertical: Option<VerticalDatum>| {
        let options = SurveyOptions {
            vertical: vertical.map(VerticalSource::Datum),
            ..options("EPSG:3006", Some(told))
        };
        let reader = SurveyReader::open(std::slice::from_ref(&path), &options).unwrap();
        reader.header().vertical.clone()
    };
    assert!(matches!(
        datum("EPSG:3006", None),
        VerticalDatum::Known { code, .. } if code == "EPSG:5613"
    ));
    assert_eq!(
        datum("EPSG:3006", Some(VerticalDatum::Unknown)),
        VerticalDatum::Unknown
    );
}

#[test]
fn the_crs_and_datum_come_from_wkt_or_keys_and_coordinates_of_the_same_crs_are_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let wkt = write(folder.path(), "wkt.laz", &with_wkt("EPSG:5845"));
    let keys = write(
        folder.path(),
        "keys.las",
        &with_keys(&[(1024, 1), (3072, 3006), (4096, 5613)]),
    );
    for path in [wkt, keys] {
        let mut options = options("EPSG:3006", None);
        let reader = SurveyReader::open(std::slice::from_ref(&path), &options).unwrap();
        let VerticalDatum::Known { code, name } = reader.header().vertical.clone() else {
            panic!("the datum of {} was not found", path.display());
        };
        assert_eq!(
            (code.as_str(), name.as_str()),
            ("EPSG:5613", "RH2000 height")
        );
        assert_eq!(reader.header().scale_m, [0.01; 3]);
        let (points, summary) = read(std::slice::from_ref(&path), &options).unwrap();
        assert_eq!(
            points.x[3].to_bits(),
            (300.0 * 0.01 + 600_000.0_f64).to_bits()
        );
        assert_eq!(summary.report.findings, []);
        options.vertical = Some(VerticalSource::Datum(VerticalDatum::Unknown));
        let reader = SurveyReader::open(&[path], &options).unwrap();
        assert_eq!(reader.header().vertical, VerticalDatum::Unknown);
    }
}

#[test]
fn a_survey_in_another_crs_is_put_in_that_of_the_twin() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "a.laz", &with_wkt("EPSG:3006"));
    let options = options("EPSG:3014", None);
    let (points, summary) = read(&[path], &options).unwrap();
    let to_target = geodesy::Transform::new(&crs("EPSG:3006"), &crs("EPSG:3014")).unwrap();
    let [x, y] = to_target.xy([600_000.0, 6_600_000.0]).unwrap();
    // Points are kept in whole steps of a centimetre, and north is not up as before.
    let near = |i: usize| (points.x[i] - x).abs() < 0.0051 && (points.y[i] - y).abs() < 0.0051;
    assert!((0..points.len()).any(near));
    assert!(summary.bounds.expanded(0.01).contains([x, y]));
}

#[test]
fn the_day_of_flight_comes_from_gps_time_or_else_from_the_header() {
    let folder = tempfile::tempdir().unwrap();
    let flown = |gps_time_type, format| {
        let bytes = made(format, false, 10, &|builder| {
            builder.gps_time_type = gps_time_type;
        });
        let path = write(folder.path(), "flown.las", &bytes);
        read_as_is(&[path]).unwrap().1.flown
    };
    // 1.3e9 seconds after the epoch of GPS.
    let by_points = flown(las::GpsTimeType::Standard, 6);
    assert_eq!(by_points, Some(jiff::civil::date(2021, 3, 17)));
    // Seconds of a week tell no day: then it is the header's, which is today or nothing.
    assert_ne!(flown(las::GpsTimeType::Week, 6), by_points);
}

#[test]
fn feet_become_metres_and_an_assumed_unit_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    // NAD83 / Oregon North (ft), international feet: elevations unstated, then in metres.
    let feet = write(
        folder.path(),
        "feet.las",
        &with_keys(&[(1024, 1), (3072, 2269)]),
    );
    let metres = write(
        folder.path(),
        "metres.las",
        &with_keys(&[(1024, 1), (3072, 2269), (4099, 9001)]),
    );
    let options = options("EPSG:26910", None);
    let (points, summary) = read(&[feet], &options).unwrap();
    let lowest = |points: &PointBatch| points.z.iter().copied().fold(f64::INFINITY, f64::min);
    // In whole steps of a hundredth of a foot.
    assert!((lowest(&points) - 20.0 * 0.3048).abs() < 0.0016);
    let codes: Vec<_> = summary.report.findings.iter().map(|f| f.code).collect();
    assert!(codes.contains(&"elevation_unit_assumed"), "{codes:?}");
    let (points, summary) = read(&[metres], &options).unwrap();
    assert_eq!(lowest(&points), 20.0);
    assert_eq!(summary.report.findings, []);
}

#[test]
fn files_without_a_crs_or_of_two_are_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let none = write(folder.path(), "none.las", &made(1, false, 10, &|_| {}));
    let one = write(folder.path(), "one.laz", &with_wkt("EPSG:3006"));
    let other = write(folder.path(), "other.laz", &with_wkt("EPSG:3014"));
    let refused = |paths: &[PathBuf]| {
        let error = SurveyReader::open(paths, &options("EPSG:3006", None)).unwrap_err();
        error.to_string()
    };
    let error = refused(&[none]);
    assert!(
        error.contains("none.las") && error.contains("--crs"),
        "{error}"
    );
    let error = refused(&[one.clone(), other]);
    assert!(
        error.contains("one.laz") && error.contains("other.laz"),
        "{error}"
    );
    let error = refused(&[one.clone(), one.clone()]);
    assert!(error.contains("twice"), "{error}");
    let error = refused(&[folder.path().join("missing.las")]);
    assert!(error.contains("missing.las"), "{error}");
    let geocentric = write(
        folder.path(),
        "geocentric.las",
        &with_keys(&[(1024, 3), (2048, 4978)]),
    );
    let error = refused(&[geocentric]);
    assert!(error.contains("middle of the Earth"), "{error}");
}

#[test]
fn real_surveys_find_their_own_crs_or_say_what_is_missing() {
    let Some(folder) = shared("lidar") else {
        return;
    };
    let place = |name: &str, target: &str| {
        let result = read(&[folder.join(name)], &options(target, None));
        result.map(|(points, summary)| {
            println!(
                "{name}: {:?} {:?} {:?}",
                summary.bounds, summary.flown, summary.report.findings
            );
            [points.x[0], points.y[0], points.z[0]]
        })
    };
    for (name, target) in [
        ("4_6_crop.las", "EPSG:26913"),
        ("autzen_trim.las", "EPSG:26910"),
        ("1.2-with-color.copc.laz", "EPSG:26910"),
        ("epsg_4326.las", "EPSG:26915"),
        ("Megaplot.laz", "EPSG:26917"),
        ("Topography.laz", "EPSG:2949"),
        ("32-1-472-150-76.laz", "EPSG:25832"),
        ("file_with_both_wkt_and_geotiff_vlrs.las", "EPSG:6880"),
        ("ellipsoid-1.4.laz", "EPSG:26918"),
        (
            "ign-0292_6833/test_semis_2023_0292_6833_LA93_IGN69.laz",
            "EPSG:2154",
        ),
        ("sample_lareunion_epsg2975.laz", "EPSG:2975"),
    ] {
        let at = place(name, target).unwrap();
        assert!(at.iter().all(|v| v.is_finite()), "{name}: {at:?}");
    }
    let error = place("lone-star.copc.laz", "EPSG:3006").unwrap_err();
    assert!(error.what.contains("--crs"), "{error}");
}

/// Every file cut off at many places, and with single bits flipped: each is refused in one
/// sentence or read, and never with more points than it claims.
#[test]
fn mutilated_files_are_refused_or_read_but_never_break_the_reader() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mutilated.laz");
    let (mut refused, mut read) = (0, 0);
    for (format, compressed) in [(1, false), (3, true), (6, false), (7, true)] {
        let whole = made(format, compressed, 500, &|_| {});
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(
            read_as_is(std::slice::from_ref(&path)).unwrap().0.len(),
            500
        );
        let mut check = |bytes: &[u8], may_be_read: bool, what: String| {
            std::fs::write(&path, bytes).unwrap();
            match read_as_is(std::slice::from_ref(&path)) {
                Ok((points, _)) => {
                    assert!(
                        may_be_read,
                        "format {format}, {what}: read {}",
                        points.len()
                    );
                    read += 1;
                }
                Err(e) => {
                    assert!(!e.what.contains('\n') && e.what.len() > 20, "{e}");
                    refused += 1;
                }
            }
        };
        for i in 0..40 {
            let end = whole.len() * i / 40;
            check(&whole[..end], false, format!("cut off at {end}"));
        }
        for i in 0..120 {
            let at = if i < 80 {
                i * 5
            } else {
                whole.len() * (i - 80) / 40
            };
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (i % 8);
            check(&bytes, true, format!("bit {} of byte {at}", i % 8));
        }
    }
    assert!(refused > 160 && read > 40, "{refused} refused, {read} read");
}
