//! The points of a survey: an octree that others read as we do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use las::{BoundsSelection, CopcReader, LodSelection};
use model::{Access, Bounds, ExtraBytes, Grid, PointBatch, PointFlags, VoxelKey};
use store::{EncodedNode, NodeEncoder, PointLayout, PutMode, SurveyView, Twin};

use crate::common::{empty_twin, heights, layout, survey};

/// A root, two of its children and, under a child that is missing, two of theirs.
fn keys() -> Vec<VoxelKey> {
    let children = VoxelKey::ROOT.children();
    let mut keys = vec![VoxelKey::ROOT, children[0], children[3]];
    keys.extend([children[1].children()[2], children[0].children()[0]]);
    keys
}

/// Points in the cube of a key, which differ in everything.
fn points_of(layout: &PointLayout, key: VoxelKey, n: usize) -> PointBatch {
    let part = layout.cube.of(key);
    let place = |axis: usize, i: usize| {
        // On the lattice, as a file's own steps would give it.
        let within = part.side_m * ((i * (axis * 7 + 13)) % 997) as f64 / 997.0;
        let scale = layout.scale_m[axis];
        let steps = ((part.min[axis] + within - layout.offset_m[axis]) / scale).round();
        steps * scale + layout.offset_m[axis]
    };
    let seed = (key.level as usize) << 6 | (key.x << 4 | key.y << 2 | key.z) as usize;
    let column = |step: usize| (0..n).map(move |i| i * step + seed);
    PointBatch {
        x: (0..n).map(|i| place(0, i)).collect(),
        y: (0..n).map(|i| place(1, i)).collect(),
        z: (0..n).map(|i| place(2, i)).collect(),
        intensity: column(31).map(|v| v as u16).collect(),
        return_number: column(1).map(|v| (v % 16) as u8).collect(),
        number_of_returns: column(3).map(|v| (v % 16) as u8).collect(),
        // Without 12, which was once a class and is read as a flag by some.
        classification: column(5).map(|v| v as u8 | 16).collect(),
        flags: column(11).map(|v| v as u8).collect(),
        scan_angle_deg: column(7)
            .map(|v| (v % 60_000) as f32)
            .map(|v| (v - 30_000.0) * 0.006)
            .collect(),
        user_data: column(17).map(|v| v as u8).collect(),
        point_source_id: column(19).map(|v| v as u16).collect(),
        gps_time_s: column(1).map(|v| 331_234_567.75 + v as f64 / 3.0).collect(),
        rgb: if layout.has_rgb || layout.has_nir {
            column(23).map(|v| [v as u16, !(v as u16), 7]).collect()
        } else {
            Vec::new()
        },
        nir: if layout.has_nir {
            // Never zero, which some read as none.
            column(29).map(|v| v as u16 | 1).collect()
        } else {
            Vec::new()
        },
        extra: (0..n * usize::from(layout.extra.len))
            .map(|i| (i * 37 + seed) as u8)
            .collect(),
    }
}

/// Puts a survey of these nodes in place of what is there.
fn put(twin: &Twin, layout: PointLayout, nodes: impl FnOnce(&NodeEncoder) -> Vec<EncodedNode>) {
    let mut grid = Grid::empty(150_000.0, 6_500_010.0, 1.0, 20, 10);
    grid.values.fill(12.5);
    let mut change = twin.begin().unwrap();
    let heights = heights(&mut change, &grid);
    let mut points = change.begin_survey(layout).unwrap();
    for node in nodes(&points.encoder()) {
        points.write(node).unwrap();
    }
    change
        .put_survey(survey("flight"), points, heights, PutMode::Replace, "{}")
        .unwrap();
    change.commit().unwrap();
}

fn see(twin: &Twin) -> SurveyView {
    let view = twin.snapshot().unwrap().view(Access::Everything);
    view.survey("flight").unwrap()
}

fn file_of(dir: &Path) -> PathBuf {
    let entries = fs::read_dir(dir.join("surveys/flight")).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths
        .find(|path| path.to_str().unwrap().ends_with("-points.copc.laz"))
        .unwrap()
}

fn read(survey: &SurveyView, bounds: Option<&Bounds>, spacing_m: Option<f64>) -> Vec<PointBatch> {
    let batches = survey.points(bounds, spacing_m).unwrap();
    batches.map(Result::unwrap).collect()
}

fn layouts() -> [(u8, PointLayout); 3] {
    // An unsigned short called "width", as LAS 1.4 describes extra bytes.
    let mut descriptor = vec![0; 192];
    descriptor[2] = 3;
    descriptor[4..9].copy_from_slice(b"width");
    let described = ExtraBytes {
        len: 2,
        descriptors: descriptor,
    };
    let unnamed = ExtraBytes {
        len: 5,
        descriptors: Vec::new(),
    };
    let with = |has_rgb: bool, has_nir: bool, extra: ExtraBytes| PointLayout {
        has_rgb,
        has_nir,
        extra,
        ..layout()
    };
    [
        (6, with(false, false, described)),
        (7, with(true, false, ExtraBytes::default())),
        (8, with(true, true, unnamed)),
    ]
}

#[test]
fn every_attribute_of_every_format_comes_back_bit_for_bit() {
    let (_dir, twin) = empty_twin();
    for (_, layout) in layouts() {
        let nodes: Vec<_> = keys()
            .into_iter()
            .map(|key| (key, points_of(&layout, key, 300)))
            .collect();
        put(&twin, layout, |encoder| {
            let encode =
                |(key, points): &(VoxelKey, PointBatch)| encoder.encode(*key, points).unwrap();
            nodes.iter().map(encode).collect()
        });
        let read = read(&see(&twin), None, None);
        assert_eq!(read.len(), nodes.len());
        for ((_, expected), got) in nodes.iter().zip(&read) {
            let bits = |column: &[f64]| column.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&got.x), bits(&expected.x));
            assert_eq!(got, expected);
        }
        let report = store::check(twin.dir()).unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
        assert_eq!(report.features, 1500);
    }
}

#[test]
fn an_independent_reader_finds_every_node_and_every_attribute() {
    let (dir, twin) = empty_twin();
    for (format, layout) in layouts() {
        let mut expected = BTreeMap::new();
        put(&twin, layout.clone(), |encoder| {
            let keys = keys().into_iter().rev();
            let nodes = keys.map(|key| {
                let points = points_of(&layout, key, 200);
                let node = encoder.encode(key, &points).unwrap();
                expected.insert(key, points);
                node
            });
            nodes.collect()
        });
        let path = file_of(dir.path());
        let plain = las::Reader::from_path(&path).unwrap().read_all().unwrap();
        assert_eq!(plain.len(), 1000);

        let mut reader = CopcReader::from_path(&path).unwrap();
        let header = reader.header();
        assert_eq!(header.version(), las::Version::new(1, 4));
        assert_eq!(header.point_format().to_u8().unwrap(), format);
        assert_eq!(header.point_format().extra_bytes, layout.extra.len);
        assert!(header.get_wkt_crs_bytes().unwrap().starts_with(b"PROJCS"));
        assert_eq!(header.number_of_points(), 1000);
        let first_returns = expected
            .values()
            .flat_map(|points| &points.return_number)
            .filter(|&&number| number == 1);
        assert_eq!(
            header.number_of_points_by_return(1),
            Some(first_returns.count() as u64)
        );
        let highest = expected.values().flat_map(|points| &points.z);
        let highest = highest.copied().fold(f64::MIN, f64::max);
        assert_eq!(header.bounds().max.z, highest);
        let described = header
            .vlrs()
            .iter()
            .any(|vlr| vlr.user_id == "LASF_Spec" && vlr.record_id == 4);
        assert_eq!(described, !layout.extra.descriptors.is_empty());

        for (key, points) in &expected {
            let theirs = las::copc::VoxelKey {
                l: key.level.into(),
                x: key.x as i32,
                y: key.y as i32,
                z: key.z as i32,
            };
            let entry = reader.hierarchy_entry(&theirs).unwrap();
            let read = reader.read_entry(&entry).unwrap();
            let read: Vec<_> = read.points().map(Result::unwrap).collect();
            assert_eq!(read.len(), points.len());
            for (i, point) in read.iter().enumerate() {
                assert_eq!(
                    [point.x, point.y, point.z],
                    [points.x[i], points.y[i], points.z[i]]
                );
                assert_eq!(point.intensity, points.intensity[i]);
                assert_eq!(point.return_number, points.return_number[i]);
                assert_eq!(point.number_of_returns, points.number_of_returns[i]);
                assert_eq!(u8::from(point.classification), points.classification[i]);
                let flags = [
                    (point.is_synthetic, PointFlags::SYNTHETIC),
                    (point.is_key_point, PointFlags::KEY_POINT),
                    (point.is_withheld, PointFlags::WITHHELD),
                    (point.is_overlap, PointFlags::OVERLAP),
                ];
                for (is_set, flag) in flags {
                    assert_eq!(is_set, points.flags[i] & flag != 0, "flag {flag}");
                }
                assert_eq!(point.scanner_channel, points.flags[i] >> 4 & 3);
                assert!((point.scan_angle - points.scan_angle_deg[i]).abs() < 1e-4);
                assert_eq!(point.user_data, points.user_data[i]);
                assert_eq!(point.point_source_id, points.point_source_id[i]);
                assert_eq!(point.gps_time, Some(points.gps_time_s[i]));
                let rgb = point.color.map(|c| [c.red, c.green, c.blue]);
                assert_eq!(rgb, points.rgb.get(i).copied());
                assert_eq!(point.nir, points.nir.get(i).copied());
                let extra = usize::from(layout.extra.len);
                assert_eq!(point.extra_bytes, points.extra[i * extra..(i + 1) * extra]);
            }
        }
        // Level by level, which goes through nodes that have no points of their own.
        let mut at_level = |level| {
            let points = reader.query(LodSelection::Level(level), BoundsSelection::All);
            points.unwrap().len()
        };
        assert_eq!([0, 1, 2, 3].map(&mut at_level), [200, 400, 400, 0]);
    }
}

#[test]
fn reading_by_box_and_level_gives_what_lies_there_and_no_more() {
    let (_dir, twin) = empty_twin();
    let layout = layout();
    let all: Vec<_> = keys()
        .into_iter()
        .map(|key| (key, points_of(&layout, key, 500)))
        .collect();
    put(&twin, layout.clone(), |encoder| {
        let encode = |(key, points): &(VoxelKey, PointBatch)| encoder.encode(*key, points).unwrap();
        all.iter().map(encode).collect()
    });
    let survey = see(&twin);
    let [west, south, _] = layout.cube.min;
    let corner = Bounds::new(west, south, west + 60.0, south + 45.0).unwrap();
    let side = Bounds::new(west + 130.0, south + 300.0, west + 170.0, south + 399.0).unwrap();
    let nowhere = Bounds::new(west - 9.0, south - 9.0, west - 1.0, south - 1.0).unwrap();
    for bounds in [None, Some(corner), Some(side), Some(nowhere)] {
        for (spacing_m, deepest) in [
            (None, 9),
            (Some(99.0), 0),
            (Some(3.125), 0),
            (Some(1.6), 1),
            (Some(0.1), 9),
        ] {
            let places = |points: &PointBatch| -> Vec<[u64; 3]> {
                let all = points.x.iter().zip(&points.y).zip(&points.z);
                all.filter(|((x, y), _)| bounds.is_none_or(|b| b.contains([**x, **y])))
                    .map(|((x, y), z)| [x.to_bits(), y.to_bits(), z.to_bits()])
                    .collect()
            };
            let mut expected: Vec<_> = all
                .iter()
                .filter(|(key, _)| key.level <= deepest)
                .flat_map(|(_, points)| places(points))
                .collect();
            let read = read(&survey, bounds.as_ref(), spacing_m);
            assert!(read.iter().all(|batch| !batch.is_empty()));
            let mut got: Vec<_> = read.iter().flat_map(places).collect();
            let count: usize = read.iter().map(PointBatch::len).sum();
            assert_eq!(count, got.len(), "nothing beyond the box");
            expected.sort_unstable();
            got.sort_unstable();
            assert_eq!(got, expected, "{bounds:?} {spacing_m:?}");
        }
    }
    assert_eq!(read(&survey, Some(&corner), Some(99.0)).len(), 1);
    for bad in [0.0, -1.0, f64::NAN] {
        assert!(survey.points(None, Some(bad)).is_err());
    }
}

#[test]
fn a_tree_of_many_nodes_is_read_whole_by_us_and_by_others() {
    let (dir, twin) = empty_twin();
    let layout = layout();
    let root = [VoxelKey::ROOT];
    let mut levels = vec![root.to_vec()];
    for _ in 0..4 {
        let above = levels.last().unwrap();
        levels.push(above.iter().flat_map(|key| key.children()).collect());
    }
    let keys = levels.concat();
    put(&twin, layout.clone(), |encoder| {
        let node = |(i, &key): (usize, &VoxelKey)| {
            let points = points_of(&layout, key, if i % 100 == 0 { 2 } else { 0 });
            encoder.encode(key, &points).unwrap()
        };
        keys.iter().enumerate().map(node).collect()
    });
    let count: usize = read(&see(&twin), None, None)
        .iter()
        .map(PointBatch::len)
        .sum();
    assert_eq!(count, keys.len().div_ceil(100) * 2);
    assert_eq!(
        store::check(twin.dir()).unwrap().problems,
        Vec::<String>::new()
    );
    let mut reader = CopcReader::from_path(file_of(dir.path())).unwrap();
    let theirs = reader
        .query(LodSelection::All, BoundsSelection::All)
        .unwrap();
    assert_eq!(theirs.len(), count);
}

#[test]
fn nodes_encoded_on_many_threads_give_the_same_bytes() {
    let (dir, twin) = empty_twin();
    let layout = layout();
    let encode =
        |encoder: &NodeEncoder, key| encoder.encode(key, &points_of(&layout, key, 3000)).unwrap();
    put(&twin, layout.clone(), |encoder| {
        keys().into_iter().map(|key| encode(encoder, key)).collect()
    });
    let alone = fs::read(file_of(dir.path())).unwrap();
    put(&twin, layout.clone(), |encoder| {
        std::thread::scope(|scope| {
            let threads: Vec<_> = keys()
                .into_iter()
                .map(|key| scope.spawn(move || encode(&encoder.clone(), key)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        })
    });
    assert!(fs::read(file_of(dir.path())).unwrap() == alone);
}

#[test]
fn a_flipped_byte_in_the_points_is_an_error_or_other_points_but_no_panic_and_no_hang() {
    let (dir, twin) = empty_twin();
    let layout = layout();
    put(&twin, layout.clone(), |encoder| {
        let node = |key| encoder.encode(key, &points_of(&layout, key, 9)).unwrap();
        keys().into_iter().take(2).map(node).collect()
    });
    drop(twin);
    let path = file_of(dir.path());
    let whole = fs::read(&path).unwrap();
    let mut errors = 0;
    for at in (0..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] = if at % 2 == 0 { 0xFF } else { bytes[at] ^ 0x80 };
        fs::write(&path, &bytes).unwrap();
        let twin = Twin::open(dir.path()).unwrap();
        let survey = see(&twin);
        let batches = match survey.points(None, None) {
            Ok(batches) => batches.collect(),
            Err(error) => vec![Err(error)],
        };
        for error in batches.into_iter().filter_map(Result::err) {
            errors += 1;
            let said = error.to_string();
            assert!(said.contains("-points.copc.laz"), "{said}");
        }
    }
    assert!(errors > 40, "{errors} errors");
}
