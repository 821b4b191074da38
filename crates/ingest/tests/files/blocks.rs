//! Surveys by place: partition, blocks and octree.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ingest::{Error, OctreeSummary, SurveyBlocks, SurveyOptions, SurveyReader};
use model::{PointBatch, VoxelKey};

use crate::common::{crs, made, shared, write};

const MEGABYTE: u64 = 1 << 20;

fn options() -> SurveyOptions {
    SurveyOptions {
        target: crs("EPSG:3006"),
        crs: Some(crs("EPSG:3006")),
        vertical: None,
        // Terrain is not what these tests are about.
        cell_size_m: Some(10_000_000.0),
    }
}

fn partition(paths: &[PathBuf], memory_bytes: u64) -> Result<SurveyBlocks, Error> {
    let scratch = tempfile::tempdir().unwrap();
    SurveyReader::open(paths, &options())?.partition(scratch.path(), memory_bytes, &mut |_| {})
}

/// The points in file order, as they are.
fn read(paths: &[PathBuf]) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    SurveyReader::open(paths, &options())
        .unwrap()
        .read::<Error>(&mut |batch| {
            rows.extend(rows_of(batch));
            Ok(())
        })
        .unwrap();
    rows
}

/// All that is known of each point, as bytes that can be compared.
fn rows_of(batch: &PointBatch) -> Vec<Vec<u8>> {
    let n = batch.len();
    let extra = batch.extra.len().checked_div(n).unwrap_or(0);
    (0..n)
        .map(|i| {
            let mut row = Vec::new();
            for value in [batch.x[i], batch.y[i], batch.z[i]] {
                row.extend(value.to_bits().to_le_bytes());
            }
            row.extend(batch.intensity[i].to_le_bytes());
            row.extend([
                batch.return_number[i],
                batch.number_of_returns[i],
                batch.classification[i],
                batch.flags[i],
                batch.user_data[i],
            ]);
            // Formats 0 to 5 have whole degrees, and become formats with steps of 0.006°.
            row.extend(((batch.scan_angle_deg[i] / 0.006).round() as i16).to_le_bytes());
            row.extend(batch.point_source_id[i].to_le_bytes());
            row.extend(batch.gps_time_s.get(i).unwrap_or(&0.0).to_le_bytes());
            row.extend(batch.rgb.get(i).unwrap_or(&[0; 3]).map(|c| c as u8));
            row.extend(batch.nir.get(i).unwrap_or(&0).to_le_bytes());
            row.extend(&batch.extra[i * extra..(i + 1) * extra]);
            row
        })
        .collect()
}

fn sorted(mut rows: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    rows.sort_unstable();
    rows
}

type Nodes = Vec<(VoxelKey, PointBatch)>;

fn octree(blocks: &SurveyBlocks) -> (Nodes, OctreeSummary) {
    let mut nodes = Vec::new();
    let summary = blocks
        .octree::<_, Error>(
            5.0,
            &|_| Ok(None),
            &|key, points| Ok((key, points.clone())),
            &mut |node| {
                nodes.push(node);
                Ok(())
            },
        )
        .unwrap();
    (nodes, summary)
}

/// Every point is in one node, every node within its cube and below its parent.
fn check(blocks: &SurveyBlocks, nodes: &Nodes, summary: &OctreeSummary, paths: &[PathBuf]) {
    let cube = blocks.cube();
    let keys: HashSet<VoxelKey> = nodes.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys.len(), nodes.len());
    assert_eq!(summary.nodes, nodes.len() as u64);
    assert_eq!(nodes.last().map(|(key, _)| *key), Some(VoxelKey::ROOT));
    for (key, points) in nodes {
        assert!(key.parent().is_none_or(|parent| keys.contains(&parent)));
        assert!(!points.is_empty() || key.children().iter().any(|child| keys.contains(child)));
        assert!(points.gps_time_s.is_sorted());
        for i in 0..points.len() {
            let point = [points.x[i], points.y[i], points.z[i]];
            assert_eq!(cube.key_of(key.level, point), *key);
            for axis in 0..3 {
                let upper = cube.min[axis] + cube.side_m;
                assert!((cube.min[axis]..upper).contains(&point[axis]));
            }
        }
    }
    let all: Vec<_> = nodes
        .iter()
        .flat_map(|(_, points)| rows_of(points))
        .collect();
    assert_eq!(all.len() as u64, summary.points);
    assert_eq!(summary.points, blocks.summary().report.kept);
    assert_eq!(summary.classes.as_slice(), blocks.class_counts());
    assert!(sorted(all) == sorted(read(paths)));
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

/// A LAS 1.4 file of format 6 with points scattered over a square by a fixed rule, on ground
/// that rolls and with some above it; without a library, since there are many.
fn scattered(path: &Path, points: u32, side_m: f64) {
    let mut bytes = header(points.into(), [0.0, 0.0, 0.0], [side_m, side_m, 40.0]);
    for i in 0..points {
        let x = (f64::from(i) * 0.754_877_666_246_692_7).fract() * side_m;
        let y = (f64::from(i) * 0.569_840_290_998_053_3).fract() * side_m;
        let above = if i % 5 == 0 {
            f64::from(i % 97) / 10.0
        } else {
            0.0
        };
        let z = 10.0 + 3.0 * (x / 40.0).sin() + 2.0 * (y / 60.0).cos() + above;
        bytes.extend(record([x, y, z], i));
    }
    std::fs::write(path, bytes).unwrap();
}

fn header(points: u64, min: [f64; 3], max: [f64; 3]) -> Vec<u8> {
    let mut bytes = vec![0; 375];
    bytes[..4].copy_from_slice(b"LASF");
    bytes[24..26].copy_from_slice(&[1, 4]);
    bytes[94..96].copy_from_slice(&375_u16.to_le_bytes());
    bytes[96..100].copy_from_slice(&375_u32.to_le_bytes());
    bytes[104] = 6;
    bytes[105..107].copy_from_slice(&30_u16.to_le_bytes());
    let offset = [600_000.0, 6_600_000.0, 0.0];
    for axis in 0..3 {
        let mut put =
            |at: usize, value: f64| bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        put(131 + 8 * axis, 0.01);
        put(155 + 8 * axis, offset[axis]);
        put(179 + 16 * axis, max[axis] + offset[axis]);
        put(187 + 16 * axis, min[axis] + offset[axis]);
    }
    bytes[247..255].copy_from_slice(&points.to_le_bytes());
    bytes
}

fn record(position: [f64; 3], number: u32) -> [u8; 30] {
    let mut record = [0; 30];
    for axis in 0..3 {
        let steps = (position[axis] * 100.0) as i32;
        record[axis * 4..axis * 4 + 4].copy_from_slice(&steps.to_le_bytes());
    }
    record[12..14].copy_from_slice(&(number as u16).to_le_bytes());
    record[14] = 0x11;
    record[16] = 1 + (number % 5 != 0) as u8;
    record[22..30].copy_from_slice(&(3e8 + f64::from(number) * 1e-5).to_le_bytes());
    record
}

#[test]
fn points_come_back_bit_for_bit_each_in_one_node() {
    let Some(folder) = shared("lidar") else {
        return;
    };
    for name in [
        "autzen_trim.laz",
        "ellipsoid-1.4.laz",
        "1.2-with-color.las",
        "extrabytes.las",
        "Topography.laz",
        "lone-star.copc.laz",
        "sample_lareunion_epsg2975.laz",
    ] {
        let paths = [folder.join(name)];
        let blocks = partition(&paths, 64 * MEGABYTE).unwrap();
        let (nodes, summary) = octree(&blocks);
        check(&blocks, &nodes, &summary, &paths);
    }
}

#[test]
fn many_blocks_small_memory_and_any_number_of_threads_give_the_same_even_levels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scattered.las");
    scattered(&path, 1_500_000, 3000.0);
    let paths = [path];
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let blocks = partition(&paths, 16 * MEGABYTE).unwrap();
            let (nodes, summary) = octree(&blocks);
            (blocks, nodes, summary)
        })
    };
    let (blocks, nodes, summary) = on(1);
    let partitioned = blocks.temporary_bytes();
    let uncompressed = std::fs::metadata(&paths[0]).unwrap().len();
    println!(
        "{partitioned} temporary bytes for {uncompressed}, {} nodes",
        summary.nodes
    );
    assert!(blocks.squares().len() > 3);
    assert!(partitioned as f64 <= 1.5 * uncompressed as f64);
    check(&blocks, &nodes, &summary, &paths);
    check_levels(&blocks, &nodes);
    let (_, many, _) = on(3);
    assert!(nodes == many);
}

/// At each level above the deepest, seen together with those above it: nearly every column of
/// voxels that has a point shows one, and neighbours keep their distance.
fn check_levels(blocks: &SurveyBlocks, nodes: &Nodes) {
    let cube = blocks.cube();
    let leaves = nodes.iter().map(|(key, _)| key.level).max().unwrap();
    for level in 0..leaves {
        let voxel_m = cube.side_at(level) / f64::from(lidar::VOXELS);
        let column = |x: f64, y: f64| {
            (
                ((x - cube.min[0]) / voxel_m) as u32,
                ((y - cube.min[1]) / voxel_m) as u32,
            )
        };
        let mut all = HashSet::new();
        let mut shown = HashSet::new();
        let mut here: BTreeMap<(u32, u32), Vec<[f64; 3]>> = BTreeMap::new();
        for (key, points) in nodes {
            let has_children = nodes.iter().any(|(other, _)| other.parent() == Some(*key));
            for i in 0..points.len() {
                let at = column(points.x[i], points.y[i]);
                all.insert(at);
                if key.level <= level {
                    shown.insert(at);
                }
                // A leaf keeps all it has.
                if key.level == level && has_children {
                    here.entry(at)
                        .or_default()
                        .push([points.x[i], points.y[i], points.z[i]]);
                }
            }
        }
        let coverage = shown.len() as f64 / all.len() as f64;
        let mut spacing: Vec<f64> = Vec::new();
        for (&(column, row), points) in here.iter().step_by(7) {
            let around = (column.saturating_sub(1)..=column + 1)
                .flat_map(|c| (row.saturating_sub(1)..=row + 1).map(move |r| (c, r)))
                .filter_map(|at| here.get(&at))
                .flatten();
            let around: Vec<_> = around.collect();
            for point in points {
                let distance = |other: &&&[f64; 3]| {
                    (0..3)
                        .map(|axis| (point[axis] - other[axis]).powi(2))
                        .sum::<f64>()
                        .sqrt()
                };
                let others = around.iter().filter(|other| **other != point);
                spacing.push(
                    others
                        .map(|other| distance(&other))
                        .fold(f64::INFINITY, f64::min),
                );
            }
        }
        if spacing.is_empty() {
            continue;
        }
        spacing.sort_by(f64::total_cmp);
        let tenth = spacing[spacing.len() / 10] / voxel_m;
        println!("level {level}: {coverage:.3} covered, nine tenths over {tenth:.2} voxels apart");
        assert!(coverage > 0.95, "level {level}: {coverage}");
        assert!(tenth >= 0.4, "level {level}: {tenth}");
    }
}

#[test]
fn blocks_have_their_own_points_and_those_around_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scattered.las");
    scattered(&path, 400_000, 3000.0);
    let paths = [path];
    let blocks = partition(&paths, 64 * MEGABYTE).unwrap();
    let all = Mutex::new(Vec::new());
    let mut order = Vec::new();
    let halo_m = 40.0;
    blocks
        .for_each_block::<_, Error>(
            halo_m,
            &|block| {
                let with_halo = block.square.expanded(halo_m);
                for i in 0..block.points.len() {
                    let at = [block.points.x[i], block.points.y[i]];
                    assert!(with_halo.contains(at));
                    let own = (block.square.min_x()..block.square.max_x()).contains(&at[0])
                        && (block.square.min_y()..block.square.max_y()).contains(&at[1]);
                    assert_eq!(i < block.core_count, own);
                }
                all.lock()
                    .unwrap()
                    .push((block.square, block.core_count, block.points.len()));
                Ok(block.square)
            },
            &mut |square| {
                order.push(square);
                Ok(())
            },
        )
        .unwrap();
    assert!(order.into_iter().eq(blocks.squares()));
    let all = all.into_inner().unwrap();
    assert!(all.len() > 1);
    assert_eq!(all.iter().map(|(_, core, _)| core).sum::<usize>(), 400_000);
    // Points are even, so that a halo has as many as its area says.
    for (square, _, with_halo) in all {
        let inside = |v: f64| v.clamp(0.0, 3000.0);
        let halo = square.expanded(halo_m);
        let width = inside(halo.max_x() - 600_000.0) - inside(halo.min_x() - 600_000.0);
        let height = inside(halo.max_y() - 6_600_000.0) - inside(halo.min_y() - 6_600_000.0);
        let expected = width * height / 9e6 * 4e5;
        let share = with_halo as f64 / expected;
        assert!((0.99..1.01).contains(&share), "{square:?}: {share}");
    }
}

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
    let run = |classify: bool, encode: bool, write: bool| {
        let error = blocks
            .octree::<(), Error>(
                0.0,
                &|_| {
                    if classify {
                        Err(failed("classify"))
                    } else {
                        Ok(None)
                    }
                },
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
    assert_eq!(run(true, true, true), "classify");
    assert_eq!(run(false, true, true), "encode");
    assert_eq!(run(false, false, true), "write");
    let error = blocks
        .octree::<(), Error>(
            0.0,
            &|_| Ok(Some(vec![2])),
            &|_, _| Ok(()),
            &mut |()| Ok(()),
        )
        .unwrap_err();
    assert!(error.what.contains("1 classes"), "{error}");
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
fn the_delivered_class_stays_beside_ours_unless_it_said_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scattered.las");
    scattered(&path, 5000, 50.0);
    let mut blocks = partition(std::slice::from_ref(&path), MEGABYTE).unwrap();
    assert_eq!(blocks.extra().len, 0);
    blocks.keep_delivered_classes();
    assert_eq!(blocks.extra().len, 1);
    let mut delivered = [0; 256];
    let summary = blocks
        .octree::<_, Error>(
            0.0,
            &|block| Ok(Some(vec![6; block.core_count])),
            &|_, points| {
                assert!(points.classification.iter().all(|&class| class == 6));
                Ok(points.extra.clone())
            },
            &mut |extra| {
                for class in extra {
                    delivered[usize::from(class)] += 1;
                }
                Ok(())
            },
        )
        .unwrap();
    assert_eq!(&delivered, blocks.class_counts());
    assert_eq!(summary.classes[6], 5000);
    let silent = write(folder.path(), "silent.las", &made(6, false, 100, &|_| {}));
    let mut blocks = partition(&[silent], MEGABYTE).unwrap();
    blocks.keep_delivered_classes();
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
