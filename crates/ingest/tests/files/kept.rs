//! What of a survey is kept on its way to an octree, and what happens to odd ones.

use std::path::PathBuf;

use ingest::{Error, SurveyOptions, SurveyReader};

use crate::common::{crs, made, write};
use crate::octrees::{
    MEGABYTE, check, header, is_empty, octree, options, partition, record, scattered,
};

#[test]
fn absurd_headers_cost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absurd.las");
    for (min, max) in [
        ([-1e300; 3], [1e300; 3]),
        ([f64::NAN; 3], [f64::NAN; 3]),
        ([5.0; 3], [5.0; 3]),
    ] {
        let mut bytes = header(1000, min, max);
        for i in 0..1000 {
            let position = [
                f64::from(i) * 20_000.0,
                f64::from(i % 10) * 1e6,
                f64::from(i),
            ];
            bytes.extend(record(position, i));
        }
        std::fs::write(&path, &bytes).unwrap();
        let paths = [path.clone()];
        let blocks = partition(&paths, MEGABYTE).unwrap();
        assert!(blocks.temporary_bytes() <= 45_000);
        let (nodes, summary) = octree(&blocks);
        check(&blocks, &nodes, &summary, &paths);
        // More points than there are: refused before anything is read.
        bytes[247..255].copy_from_slice(&u64::MAX.to_le_bytes());
        std::fs::write(&path, &bytes).unwrap();
        assert!(partition(&paths, MEGABYTE).is_err());
    }
}

#[test]
fn failures_pass_through_and_leave_no_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scattered.las");
    scattered(&path, 200_000, 50.0);
    let paths = [path];
    let scratch = tempfile::tempdir().unwrap();
    let failed = |what: &str| Error {
        path: PathBuf::new(),
        what: what.to_owned(),
    };
    let blocks = SurveyReader::open(&paths, &options())
        .unwrap()
        .partition(scratch.path(), MEGABYTE, &mut |_| {})
        .unwrap();
    let run = |encode: bool, write: bool| {
        let error = blocks
            .octree::<(), Error>(
                &|_, _| {
                    if encode {
                        Err(failed("encode"))
                    } else {
                        Ok(())
                    }
                },
                &mut |()| if write { Err(failed("write")) } else { Ok(()) },
            )
            .unwrap_err();
        error.what
    };
    assert_eq!(run(true, true), "encode");
    assert_eq!(run(false, true), "write");
    drop(blocks);
    assert!(is_empty(scratch.path()));
    let nowhere = folder.path().join("nowhere");
    let error = SurveyReader::open(&paths, &options())
        .unwrap()
        .partition(&nowhere, MEGABYTE, &mut |_| {})
        .unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}

/// A file with two extra bytes for each point, as the descriptor of one number names them.
fn with_extra(name: &'static str) -> Vec<u8> {
    made(6, true, 300, &move |builder| {
        builder.point_format.extra_bytes = 2;
        let mut descriptor = vec![0; 192];
        descriptor[2] = 3;
        descriptor[4..4 + name.len()].copy_from_slice(name.as_bytes());
        builder.vlrs.push(las::Vlr {
            user_id: "LASF_Spec".to_owned(),
            record_id: 4,
            description: String::new(),
            data: descriptor,
        });
    })
}

#[test]
fn extra_bytes_are_kept_where_all_files_have_the_same_and_else_reported() {
    let folder = tempfile::tempdir().unwrap();
    let one = write(folder.path(), "one.laz", &with_extra("width"));
    let same = write(folder.path(), "same.laz", &with_extra("width"));
    let other = write(folder.path(), "other.laz", &with_extra("amplitude"));
    let blocks = partition(&[one.clone(), same], MEGABYTE).unwrap();
    let extra = blocks.extra();
    assert_eq!((extra.len, extra.descriptors.len()), (2, 192));
    assert_eq!(blocks.summary().report.findings, []);
    let (nodes, _) = octree(&blocks);
    assert!(
        nodes
            .iter()
            .all(|(_, points)| points.extra.len() == 2 * points.len())
    );
    // Points 7 and 263 of each file have two bytes of 7.
    let mut extra: Vec<u8> = nodes
        .iter()
        .flat_map(|(_, points)| points.extra.clone())
        .collect();
    extra.sort_unstable();
    assert_eq!(extra.iter().filter(|&&byte| byte == 7).count(), 8);
    let blocks = partition(&[one, other], MEGABYTE).unwrap();
    assert_eq!(blocks.extra(), model::ExtraBytes::default());
    let codes: Vec<_> = blocks
        .summary()
        .report
        .findings
        .iter()
        .map(|f| (f.code, f.count))
        .collect();
    assert_eq!(codes, [("extra_bytes_left_out", 600)]);
}

#[test]
fn gps_time_of_the_week_and_adjusted_standard_time_are_not_mixed() {
    let folder = tempfile::tempdir().unwrap();
    let timed = |name: &str, kind: las::GpsTimeType, format: u8| {
        let bytes = made(format, true, 300, &|builder| builder.gps_time_type = kind);
        write(folder.path(), name, &bytes)
    };
    let week = timed("week.laz", las::GpsTimeType::Week, 6);
    let standard = timed("standard.laz", las::GpsTimeType::Standard, 6);
    // Points of format 0 have no time, and so no kind of it.
    let timeless = timed("timeless.laz", las::GpsTimeType::Week, 0);
    let open = |paths: &[&PathBuf]| {
        let paths: Vec<PathBuf> = paths.iter().copied().cloned().collect();
        SurveyReader::open(&paths, &options())
    };
    let adjusted = |paths: &[&PathBuf]| {
        let reader = open(paths).unwrap();
        reader.header().gps_time_is_adjusted_standard
    };
    assert!(adjusted(&[&standard]));
    assert!(adjusted(&[&timeless, &standard]));
    assert!(!adjusted(&[&week, &timeless]));
    assert!(!adjusted(&[&timeless]));
    let error = open(&[&timeless, &week, &standard])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("week.laz") && error.contains("standard.laz: says"),
        "{error}"
    );
}

#[test]
fn the_delivered_class_stays_beside_ours_unless_it_said_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scattered.las");
    scattered(&path, 5000, 50.0);
    let mut blocks = partition(std::slice::from_ref(&path), MEGABYTE).unwrap();
    assert_eq!(blocks.extra().len, 0);
    blocks.classify_anew(&mut |_| {}).unwrap();
    assert_eq!(blocks.extra().len, 1);
    let (mut delivered, mut encoded) = ([0; 256], [0; 256]);
    let summary = blocks
        .octree::<_, Error>(
            &|_, points| Ok((points.extra.clone(), points.classification.clone())),
            &mut |(extra, classes)| {
                for (was, is) in extra.into_iter().zip(classes) {
                    delivered[usize::from(was)] += 1;
                    encoded[usize::from(is)] += 1;
                }
                Ok(())
            },
        )
        .unwrap();
    assert_eq!(&delivered, blocks.class_counts());
    assert_eq!(summary.classes.as_slice(), encoded);
    assert_ne!(delivered, encoded);
    let silent = write(folder.path(), "silent.las", &made(6, false, 100, &|_| {}));
    let mut blocks = partition(&[silent], MEGABYTE).unwrap();
    blocks.classify_anew(&mut |_| {}).unwrap();
    assert_eq!(blocks.extra().len, 0);
}

#[test]
fn steps_are_the_files_own_or_round_kilometres_in_another_crs() {
    let folder = tempfile::tempdir().unwrap();
    let shifted = |offset: f64, scale: f64| {
        made(6, true, 100, &move |builder| {
            builder.transforms.x = las::Transform { scale, offset };
        })
    };
    let one = write(folder.path(), "one.laz", &shifted(599_999.5, 0.005));
    let two = write(folder.path(), "two.laz", &shifted(600_000.0, 0.002));
    let reader = SurveyReader::open(std::slice::from_ref(&one), &options()).unwrap();
    assert_eq!(reader.header().scale_m, [0.005, 0.01, 0.01]);
    assert_eq!(reader.header().offset_m, [599_999.5, 6_600_000.0, 0.0]);
    let reader = SurveyReader::open(&[one.clone(), two], &options()).unwrap();
    assert_eq!(reader.header().scale_m, [0.002, 0.01, 0.01]);
    assert_eq!(reader.header().offset_m, [600_000.0, 6_600_000.0, 0.0]);
    let in_another = SurveyOptions {
        target: crs("EPSG:3014"),
        ..options()
    };
    let reader = SurveyReader::open(&[one], &in_another).unwrap();
    let header = reader.header().clone();
    assert!(header.offset_m.iter().all(|offset| offset % 1000.0 == 0.0));
    let scratch = tempfile::tempdir().unwrap();
    let blocks = reader
        .partition(scratch.path(), MEGABYTE, &mut |_| {})
        .unwrap();
    let (nodes, summary) = octree(&blocks);
    assert_eq!(summary.points, 100);
    for x in nodes.iter().flat_map(|(_, points)| &points.x) {
        let steps = (x - header.offset_m[0]) / header.scale_m[0];
        assert!((steps - steps.round()).abs() < 1e-3);
    }
}

#[test]
fn points_that_steps_do_not_reach_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("far.las");
    let mut bytes = header(3, [0.0; 3], [10.0; 3]);
    // A scale unlike that of the other file makes the steps ours: 0.1 mm, 32 bits of which
    // end after 214 km.
    bytes[131..139].copy_from_slice(&0.0001_f64.to_le_bytes());
    let near = folder.path().join("near.las");
    for i in 0..3 {
        bytes.extend(record([1.0, 1.0, 1.0], i));
    }
    std::fs::write(&near, &bytes).unwrap();
    let mut bytes = header(3, [0.0; 3], [10.0; 3]);
    for x in [0.0, 5.0, 300_000.0] {
        bytes.extend(record([x, 1.0, 1.0], 0));
    }
    std::fs::write(&path, &bytes).unwrap();
    let blocks = partition(&[path, near], MEGABYTE).unwrap();
    let report = &blocks.summary().report;
    assert_eq!((report.read, report.kept), (6, 5));
    let finding = report
        .findings
        .iter()
        .find(|f| f.code == "out_of_reach")
        .unwrap();
    assert_eq!(finding.count, 1);
    assert_eq!(octree(&blocks).1.points, 5);
}

#[test]
fn a_file_of_bare_points_beside_one_with_colours_takes_no_more_room() {
    let folder = tempfile::tempdir().unwrap();
    let bare = write(folder.path(), "bare.las", &made(0, false, 50_000, &|_| {}));
    let rich = write(folder.path(), "rich.las", &made(8, false, 100, &|_| {}));
    let uncompressed: u64 = [&bare, &rich]
        .map(|path| std::fs::metadata(path).unwrap().len())
        .iter()
        .sum();
    let blocks = partition(&[bare, rich], 64 * MEGABYTE).unwrap();
    let bytes = blocks.temporary_bytes();
    assert!(
        bytes as f64 <= 1.5 * uncompressed as f64,
        "{bytes} of {uncompressed}"
    );
}

#[test]
fn waveforms_are_left_out_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    for format in [4, 9] {
        let mut bytes = header(10, [0.0; 3], [10.0; 3]);
        let len: u16 = if format == 4 { 57 } else { 59 };
        bytes[104] = format;
        bytes[105..107].copy_from_slice(&len.to_le_bytes());
        for i in 0..10 {
            bytes.extend(record([f64::from(i), 1.0, 1.0], i));
            bytes.resize(bytes.len() + usize::from(len) - 30, 1);
        }
        let path = write(folder.path(), "waves.las", &bytes);
        let blocks = partition(&[path], MEGABYTE).unwrap();
        let findings = &blocks.summary().report.findings;
        assert!(
            findings
                .iter()
                .any(|f| f.code == "waveforms_left_out" && f.count == 10)
        );
        assert_eq!(octree(&blocks).1.points, 10);
    }
}
