//! Every real survey beside the checkout, through the command: taken in, found whole by
//! `check`, and given back to the last point; or refused in a sentence that says why.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::harness::{contents, new_twin, refuse, shared, succeed_json, text};

/// A survey: its files, the CRS of the twin that it is for, what an operator says of it, and
/// what becomes of it.
struct Case {
    files: &'static [&'static str],
    twin: &'static str,
    options: &'static [&'static str],
    /// A part of the sentence that refuses it without these options; empty if it does not
    /// need them.
    unaided: &'static str,
    expected: Expected,
}

enum Expected {
    Points(u64),
    /// Refused, with this in the sentence.
    Refused(&'static str),
}

use Expected::{Points, Refused};

/// A survey that says itself what it is.
const fn plain(files: &'static [&'static str], twin: &'static str, expected: Expected) -> Case {
    Case {
        files,
        twin,
        options: &[],
        unaided: "",
        expected,
    }
}

/// A survey of which somebody has to say more, and is told so.
const fn aided(
    files: &'static [&'static str],
    twin: &'static str,
    options: &'static [&'static str],
    unaided: &'static str,
    expected: Expected,
) -> Case {
    Case {
        files,
        twin,
        options,
        unaided,
        expected,
    }
}

const UTM_10: &str = "EPSG:26910";
/// Where a file says nothing, and that is said.
const NO_CRS: &str = "does not say in which CRS it is: say so with --crs";
/// The grid of Oregon, with elevations in feet. Of these files a thousand points are left
/// for a square kilometre: cells of half a metre would hold nothing.
const OREGON: &[&str] = &[
    "--crs",
    "EPSG:2994",
    "--vertical",
    "EPSG:8228",
    "--cell-size",
    "4",
];
/// The same with the classes that it was delivered with, which takes less time.
const OREGON_CLASSIFIED: &[&str] = &[
    "--crs",
    "EPSG:2994",
    "--vertical",
    "EPSG:8228",
    "--cell-size",
    "4",
    "--trust-classification",
];
const UTM_10_CLASSIFIED: &[&str] = &[
    "--crs",
    UTM_10,
    "--cell-size",
    "4",
    "--trust-classification",
];
const AS_IF_SWEDISH: &[&str] = &["--crs", "EPSG:3006"];

const SURVEYS: &[Case] = &[
    aided(
        &[
            "demo-delft/lidar/ahn3_cropped_1.laz",
            "demo-delft/lidar/ahn3_cropped_2.laz",
        ],
        "EPSG:28992",
        &["--crs", "EPSG:28992", "--vertical", "EPSG:5709"],
        NO_CRS,
        Points(640_510 + 208_432),
    ),
    // Says that its metres are of UTM, and means feet of the grid of Oregon.
    aided(
        &["lidar/1.2-with-color.copc.laz"],
        UTM_10,
        OREGON_CLASSIFIED,
        "",
        Points(1065),
    ),
    aided(
        &["lidar/1.2-with-color.las"],
        UTM_10,
        OREGON_CLASSIFIED,
        NO_CRS,
        Points(1065),
    ),
    aided(&["lidar/simple.las"], UTM_10, OREGON, NO_CRS, Points(1065)),
    aided(
        &["lidar/simple1_1.las"],
        UTM_10,
        OREGON_CLASSIFIED,
        NO_CRS,
        Points(1065),
    ),
    aided(
        &["lidar/extrabytes.las"],
        UTM_10,
        OREGON_CLASSIFIED,
        NO_CRS,
        Points(1065),
    ),
    aided(
        &["lidar/interesting.las"],
        UTM_10,
        OREGON_CLASSIFIED,
        "its CRS cannot be used",
        Points(1065),
    ),
    aided(
        &["lidar/autzen-place/autzen-thin-srs.las"],
        UTM_10,
        OREGON,
        "its CRS cannot be used",
        Points(10_653),
    ),
    plain(&["lidar/autzen_trim.las"], UTM_10, Points(110_000)),
    plain(&["lidar/autzen_trim.laz"], UTM_10, Points(110_000)),
    // Nobody says where it is; it is in feet.
    aided(
        &["lidar/sample_c.las"],
        UTM_10,
        OREGON,
        NO_CRS,
        Points(14_408),
    ),
    plain(&["lidar/32-1-472-150-76.laz"], "EPSG:25832", Points(5658)),
    plain(&["lidar/4_6_crop.las"], "EPSG:26913", Points(23_875)),
    plain(&["lidar/test1_4.las"], "EPSG:26913", Points(1000)),
    plain(
        &["lidar/las-laz-pairs/1_4_w_evlr.las"],
        "EPSG:26913",
        Points(1000),
    ),
    plain(
        &["lidar/las-laz-pairs/1_4_w_evlr.laz"],
        "EPSG:26913",
        Points(1000),
    ),
    plain(&["lidar/Megaplot.laz"], "EPSG:26917", Points(81_590)),
    plain(&["lidar/Topography.laz"], "EPSG:2949", Points(73_403)),
    plain(&["lidar/ellipsoid.laz"], "EPSG:26918", Points(100_000)),
    plain(&["lidar/ellipsoid-1.4.laz"], "EPSG:26918", Points(100_000)),
    plain(&["lidar/ellipsoid.copc.laz"], "EPSG:26918", Points(100_000)),
    aided(
        &["lidar/epsg_4326.las"],
        "EPSG:26915",
        &["--cell-size", "8"],
        "",
        Points(5380),
    ),
    plain(
        &["lidar/file_with_both_wkt_and_geotiff_vlrs.las"],
        "EPSG:6879",
        Points(25_408),
    ),
    plain(
        &[
            "lidar/ign-770/test_data_77055_627755_LA93_IGN69.laz",
            "lidar/ign-770/test_data_77055_627760_LA93_IGN69.laz",
        ],
        "EPSG:2154",
        Points(72_770 + 60_653),
    ),
    plain(
        &["lidar/ign-0292_6833/test_semis_2023_0292_6833_LA93_IGN69.laz"],
        "EPSG:2154",
        Points(289_055),
    ),
    plain(
        &["lidar/sample_lareunion_epsg2975.laz"],
        "EPSG:2975",
        Points(59_712),
    ),
    // Says that it is geocentric, and lies in zone 12 of UTM.
    aided(
        &["lidar/lone-star.copc.laz"],
        "EPSG:26912",
        &["--crs", "EPSG:26912"],
        "it is geocentric",
        Points(518_862),
    ),
    // These two name a grid in metres, and are in feet of it. Of the second, one point in
    // thousands is left.
    aided(
        &["lidar/las-laz-pairs/point-version-1-point-wise.las"],
        "EPSG:32128",
        &["--crs", "EPSG:2271", "--vertical", "EPSG:6360"],
        "",
        Points(11_781),
    ),
    aided(
        &["lidar/las-laz-pairs/point-version-1-point-wise.laz"],
        "EPSG:32128",
        &["--crs", "EPSG:2271", "--vertical", "EPSG:6360"],
        "",
        Points(11_781),
    ),
    aided(
        &["lidar/mvk-thin.las"],
        "EPSG:26995",
        &[
            "--crs",
            "EPSG:2255",
            "--vertical",
            "EPSG:6360",
            "--cell-size",
            "8",
            "--trust-classification",
        ],
        "",
        Points(6280),
    ),
    aided(
        &["lidar/las-laz-pairs/point10.las"],
        UTM_10,
        UTM_10_CLASSIFIED,
        NO_CRS,
        Points(1065),
    ),
    aided(
        &["lidar/las-laz-pairs/point10.laz"],
        UTM_10,
        UTM_10_CLASSIFIED,
        NO_CRS,
        Points(1065),
    ),
    aided(
        &["lidar/las-laz-pairs/point-time.las"],
        UTM_10,
        UTM_10_CLASSIFIED,
        NO_CRS,
        Points(1065),
    ),
    aided(
        &["lidar/las-laz-pairs/point-time.laz"],
        UTM_10,
        UTM_10_CLASSIFIED,
        NO_CRS,
        Points(1065),
    ),
    aided(
        &["lidar/las-laz-pairs/point-color.las"],
        UTM_10,
        UTM_10_CLASSIFIED,
        NO_CRS,
        Points(1065),
    ),
    aided(
        &["lidar/las-laz-pairs/point-color.laz"],
        UTM_10,
        UTM_10_CLASSIFIED,
        NO_CRS,
        Points(1065),
    ),
    aided(
        &["lidar/las-laz-pairs/point-time-color.las"],
        UTM_10,
        UTM_10_CLASSIFIED,
        NO_CRS,
        Points(1065),
    ),
    aided(
        &["lidar/las-laz-pairs/point-time-color.laz"],
        UTM_10,
        UTM_10_CLASSIFIED,
        NO_CRS,
        Points(1065),
    ),
    aided(
        &["lidar/las-laz-pairs/pdrf5-1.3.las"],
        "EPSG:3006",
        AS_IF_SWEDISH,
        NO_CRS,
        Points(1024),
    ),
    aided(
        &["lidar/las-laz-pairs/pdrf5-1.3.laz"],
        "EPSG:3006",
        AS_IF_SWEDISH,
        NO_CRS,
        Points(1024),
    ),
    // Coordinates of random bits.
    aided(
        &["lidar/las-laz-pairs/pdrf6-1.4.las"],
        "EPSG:3006",
        AS_IF_SWEDISH,
        NO_CRS,
        Refused("which is no survey"),
    ),
    aided(
        &["lidar/las-laz-pairs/pdrf6-1.4.laz"],
        "EPSG:3006",
        AS_IF_SWEDISH,
        NO_CRS,
        Refused("which is no survey"),
    ),
    aided(
        &["lidar/las-laz-pairs/pdrf8-1.4.las"],
        "EPSG:3006",
        AS_IF_SWEDISH,
        NO_CRS,
        Refused("which is no survey"),
    ),
    aided(
        &["lidar/las-laz-pairs/pdrf8-1.4.laz"],
        "EPSG:3006",
        AS_IF_SWEDISH,
        NO_CRS,
        Refused("which is no survey"),
    ),
    plain(&["lidar/permutations/1.0_0.las"], "EPSG:26915", Points(1)),
    plain(&["lidar/permutations/1.0_1.las"], "EPSG:26915", Points(1)),
    plain(&["lidar/permutations/1.1_0.las"], "EPSG:26915", Points(1)),
    plain(&["lidar/permutations/1.1_1.las"], "EPSG:26915", Points(1)),
    plain(&["lidar/permutations/1.2_0.las"], "EPSG:26915", Points(1)),
    plain(&["lidar/permutations/1.2_1.las"], "EPSG:26915", Points(1)),
    plain(&["lidar/permutations/1.2_2.las"], "EPSG:26915", Points(1)),
    plain(&["lidar/permutations/1.2_3.las"], "EPSG:26915", Points(1)),
    // Odd ones from the wild.
    aided(
        &["lidar-bad/real/1.2-empty-geotiff-vlrs.las"],
        "EPSG:3006",
        AS_IF_SWEDISH,
        NO_CRS,
        Points(43),
    ),
    plain(
        &["lidar-bad/real/1.2-no-points.las"],
        "EPSG:3006",
        Refused("the header counts 1065 points"),
    ),
    plain(
        &["lidar-bad/real/1.2-with-color-clipped.las"],
        "EPSG:3006",
        Refused("the header counts 1065 points"),
    ),
    plain(
        &["lidar-bad/real/bad-geotiff-keys.las"],
        "EPSG:32617",
        Points(10),
    ),
    plain(
        &["lidar-bad/real/bad_vlr_count.las"],
        "EPSG:32617",
        Points(10),
    ),
    aided(
        &["lidar-bad/real/gps-time-nan.las"],
        "EPSG:3006",
        AS_IF_SWEDISH,
        NO_CRS,
        Points(1),
    ),
    plain(&["lidar-bad/real/lots_of_vlr.las"], "EPSG:3006", Points(1)),
    plain(
        &["lidar-bad/real/no-points.las"],
        "EPSG:3006",
        Refused("not one point"),
    ),
    aided(
        &["lidar-bad/real/spurious.las"],
        UTM_10,
        &["--cell-size", "4", "--trust-classification"],
        "",
        Points(1065),
    ),
    plain(
        &["lidar-bad/real/test_epsg_4326_axis.las"],
        "EPSG:3006",
        Points(10),
    ),
];

#[test]
fn every_real_survey_is_given_back_to_the_last_point_or_refused_in_a_sentence() {
    let Some(lidar) = shared("lidar") else { return };
    let data = lidar.parent().expect("the shared data").to_owned();
    check_that_none_is_left_out(&data);
    let mut of_twin: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    for case in SURVEYS {
        of_twin.entry(case.twin).or_default().push(case);
    }
    // Each is a twin and processes of its own.
    let next = std::sync::Mutex::new(of_twin.into_iter());
    let work = || {
        let take = || next.lock().expect("the others go on").next();
        while let Some((crs, cases)) = take() {
            walk(&data, crs, &cases);
        }
    };
    std::thread::scope(|scope| {
        let others = scope.spawn(work);
        work();
        others.join().expect("its surveys too");
    });
}

/// Takes surveys into one twin, checks it, and gets them back.
fn walk(data: &Path, crs: &str, cases: &[&Case]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("twin");
    new_twin(&dir, crs);
    let mut kept = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let paths: Vec<PathBuf> = case.files.iter().map(|file| data.join(file)).collect();
        let id = format!("survey-{number}");
        let mut ingest = vec!["ingest", text(&dir)];
        ingest.extend(paths.iter().map(|path| text(path)));
        ingest.extend(["--collection", &id]);
        let refused = |arguments: &[&str], part: &str| {
            let before = contents(&dir);
            let said = refuse(arguments);
            assert!(said.contains(part), "{said}");
            assert!(said.contains(text(&paths[0])), "which file? {said}");
            assert!(
                contents(&dir) == before,
                "{}: the twin changed",
                text(&paths[0])
            );
        };
        if !case.unaided.is_empty() {
            refused(&ingest, case.unaided);
        }
        ingest.extend(case.options);
        match case.expected {
            Refused(part) => refused(&ingest, part),
            Points(points) => {
                let started = std::time::Instant::now();
                let said = succeed_json(&ingest);
                assert_eq!(said["report"]["kept"], points, "{said}");
                eprintln!(
                    "{:?}: {points} points in {:.1?}",
                    case.files,
                    started.elapsed()
                );
                kept.push((id, points));
            }
        }
    }
    let whole = succeed_json(&["check", text(&dir)]);
    assert_eq!(whole["whole"], true, "{crs}: {whole}");
    for (id, points) in kept {
        let out = folder.path().join("out.copc.laz");
        let said = succeed_json(&[
            "export",
            text(&dir),
            "--collection",
            &id,
            text(&out),
            "--force",
        ]);
        assert_eq!(said["points"], points, "{said}");
        // Read by another, which counts them one by one.
        let mut reader = las::Reader::from_path(&out).expect("a LAZ file");
        let read = reader.read_all().expect("all points").len();
        assert_eq!(read as u64, points, "{id} of {crs}");
    }
}

/// A new file of the shared data has to be told what becomes of it.
fn check_that_none_is_left_out(data: &Path) {
    let known: BTreeSet<PathBuf> = SURVEYS
        .iter()
        .flat_map(|case| case.files)
        .map(|file| data.join(file))
        .collect();
    let mut found = BTreeSet::new();
    let mut open = vec![data.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                // What was made to be bad is tried with other bad files.
                if !path.ends_with("lidar-bad/made") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "las" || e == "laz") {
                found.insert(path);
            }
        }
    }
    assert_eq!(found, known);
}
