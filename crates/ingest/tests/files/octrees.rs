//! What tests of surveys by place need: points that can be compared, whole octrees, and
//! files of many points.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use ingest::{Error, OctreeSummary, SurveyBlocks, SurveyOptions, SurveyReader};
use model::{PointBatch, VoxelKey};

use crate::common::{all_points, crs};

pub(crate) const MEGABYTE: u64 = 1 << 20;

pub(crate) fn options() -> SurveyOptions {
    SurveyOptions {
        target: crs("EPSG:3006"),
        crs: Some(crs("EPSG:3006")),
        vertical: None,
        geoid: None,
    }
}

pub(crate) fn partition(paths: &[PathBuf], memory_bytes: u64) -> Result<SurveyBlocks, Error> {
    let scratch = tempfile::tempdir().unwrap();
    SurveyReader::open(paths, &options())?.partition(scratch.path(), memory_bytes, &mut |_| {})
}

/// All that is known of each point, as bytes that can be compared.
pub(crate) fn rows_of(batch: &PointBatch) -> Vec<Vec<u8>> {
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

pub(crate) fn sorted(mut rows: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    rows.sort_unstable();
    rows
}

pub(crate) type Nodes = Vec<(VoxelKey, PointBatch)>;

pub(crate) fn octree(blocks: &SurveyBlocks) -> (Nodes, OctreeSummary) {
    let mut nodes = Vec::new();
    let summary = blocks
        .octree::<_, Error>(&|key, points| Ok((key, points.clone())), &mut |node| {
            nodes.push(node);
            Ok(())
        })
        .unwrap();
    (nodes, summary)
}

/// Every point is in one node, every node within its cube and below its parent.
pub(crate) fn check(
    blocks: &SurveyBlocks,
    nodes: &Nodes,
    summary: &OctreeSummary,
    paths: &[PathBuf],
) {
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
            for (min, value) in cube.min.into_iter().zip(point) {
                assert!((min..min + cube.side_m).contains(&value));
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
    let reader = SurveyReader::open(paths, &options()).unwrap();
    let (read, _) = all_points(reader).unwrap();
    assert!(sorted(all) == sorted(rows_of(&read)));
}

pub(crate) fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

/// A LAS 1.4 file of format 6 with points scattered over a square by a fixed rule, on ground
/// that rolls and with some above it; without a library, since there are many.
pub(crate) fn scattered(path: &Path, points: u32, side_m: f64) {
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

pub(crate) fn header(points: u64, min: [f64; 3], max: [f64; 3]) -> Vec<u8> {
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

pub(crate) fn record(position: [f64; 3], number: u32) -> [u8; 30] {
    let mut record = [0; 30];
    for axis in 0..3 {
        let steps = (position[axis] * 100.0) as i32;
        record[axis * 4..axis * 4 + 4].copy_from_slice(&steps.to_le_bytes());
    }
    record[12..14].copy_from_slice(&(number as u16).to_le_bytes());
    record[14] = 0x11;
    record[16] = 1 + u8::from(!number.is_multiple_of(5));
    record[22..30].copy_from_slice(&(3e8 + f64::from(number) * 1e-5).to_le_bytes());
    record
}
