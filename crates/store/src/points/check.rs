//! Whether every point of a file is what the file says.

use std::collections::HashSet;

use super::Points;
use super::read::steps_of;
use crate::Error;
use crate::files::Mapped;

/// Decodes every node and returns the number of points.
///
/// # Errors
///
/// [`Error::Corrupt`] if a node cannot be decoded, has points outside its cube, or has no
/// node above it, or if the points are not as many as the header says.
pub(crate) fn check(map: &Mapped) -> Result<u64, Error> {
    let points = Points::open(map)?;
    let corrupt = |what: String| Error::corrupt(map.path(), what);
    let nodes = points.nodes(|_| true)?;
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
