//! Whether every point of a file is what the file says.

use std::collections::HashSet;

use super::Points;
use super::read::{Node, steps_of};
use crate::Error;
use crate::files::Mapped;

/// Decodes every node and returns the number of points.
///
/// # Errors
///
/// [`Error::Corrupt`] if a node cannot be decoded, has points outside its cube, shares bytes
/// with another, or has no node above it, or if the points are not as many as the header says.
pub(crate) fn check(map: &Mapped) -> Result<u64, Error> {
    let points = Points::open(map)?;
    let corrupt = |what: String| Error::corrupt(map.path(), what);
    let nodes = points.nodes(|_| true)?;
    if let Some([one, other]) = overlapping(&nodes) {
        return Err(corrupt(format!(
            "the chunk of {:?} at byte {} lies over that of {:?} at byte {}, so that points would come twice",
            other.key, other.offset, one.key, one.offset
        )));
    }
    let keys: HashSet<_> = nodes.iter().map(|node| node.key).collect();
    let record_len = points.shape.record_len();
    let mut count = 0;
    for node in &nodes {
        if node
            .key
            .parent()
            .is_some_and(|above| !keys.contains(&above))
        {
            return Err(corrupt(format!(
                "{:?} has no node above it, so that no reader finds it",
                node.key
            )));
        }
        if node.points == 0 {
            continue;
        }
        let (mut min, mut max) = ([i32::MAX; 3], [i32::MIN; 3]);
        points.decode(node, |records| {
            for record in records.chunks_exact(record_len) {
                for (axis, step) in steps_of(record).into_iter().enumerate() {
                    min[axis] = min[axis].min(step);
                    max[axis] = max[axis].max(step);
                }
            }
        })?;
        if !points.shape.lies_in(&points.cube.of(node.key), min, max) {
            return Err(corrupt(format!(
                "a point of {:?} lies outside its cube",
                node.key
            )));
        }
        count += u64::from(node.points);
    }
    if count != points.point_count {
        return Err(corrupt(format!(
            "has {count} points where its header says {}",
            points.point_count
        )));
    }
    Ok(count)
}

/// Returns two nodes whose chunks have bytes in common, if there are any.
fn overlapping(nodes: &[Node]) -> Option<[Node; 2]> {
    let with_points = nodes.iter().filter(|node| node.points > 0);
    let mut by_place: Vec<Node> = with_points.copied().collect();
    by_place.sort_unstable_by_key(|node| node.offset);
    let mut pairs = by_place.array_windows();
    pairs
        .find(|[one, other]| other.offset - one.offset < u64::from(one.len))
        .copied()
}

#[cfg(test)]
mod tests {
    use model::{Cube, ExtraBytes, PointBatch, VoxelKey};

    use super::super::hierarchy::ENTRY_LEN;
    use super::super::{EVLR_HEADER_LEN, PointLayout, SurveyWriter};
    use super::*;

    /// A file of a root and a node below it, with as many points in one as in the other.
    fn file_of_two_nodes(path: &std::path::Path) {
        let layout = PointLayout {
            crs_wkt: String::new(),
            scale_m: [0.01; 3],
            offset_m: [0.0; 3],
            gps_time_is_adjusted_standard: false,
            has_rgb: false,
            has_nir: false,
            extra: ExtraBytes::default(),
            cube: Cube {
                min: [0.0; 3],
                side_m: 100.0,
            },
            spacing_m: 1.0,
        };
        let mut writer = SurveyWriter::new(path.to_owned(), layout).unwrap();
        for (key, x) in [(VoxelKey::ROOT, 70.0), (VoxelKey::ROOT.children()[0], 10.0)] {
            let points = PointBatch {
                x: vec![x; 5],
                y: vec![10.0; 5],
                z: vec![10.0; 5],
                intensity: vec![0; 5],
                return_number: vec![1; 5],
                number_of_returns: vec![1; 5],
                classification: vec![2; 5],
                flags: vec![0; 5],
                scan_angle_deg: vec![0.0; 5],
                user_data: vec![0; 5],
                point_source_id: vec![0; 5],
                ..PointBatch::default()
            };
            let node = writer.encoder().encode(key, &points).unwrap();
            writer.write(node).unwrap();
        }
        writer.finish().unwrap();
    }

    #[test]
    fn two_nodes_that_have_one_chunk_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("two.copc.laz");
        file_of_two_nodes(&path);
        assert_eq!(check(&Mapped::open(&path).unwrap()).unwrap(), 10);

        // The hierarchy comes last: its only page says where the root lies, and then where
        // the other does, which the root can take over without any other rule being broken.
        let mut bytes = std::fs::read(&path).unwrap();
        let page = bytes.len() - 2 * ENTRY_LEN;
        assert!(bytes[page - EVLR_HEADER_LEN..].starts_with(b"\0\0copc\0"));
        let child = page + ENTRY_LEN;
        bytes.copy_within(child + 16..child + ENTRY_LEN, page + 16);
        std::fs::write(&path, bytes).unwrap();
        let error = check(&Mapped::open(&path).unwrap())
            .unwrap_err()
            .to_string();
        assert!(error.contains("lies over that of"), "{error}");
        assert!(error.contains("two.copc.laz"), "{error}");
    }
}
