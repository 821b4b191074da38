//! The points of a survey, whole in memory, as an octree.

use std::collections::HashMap;

use model::{Bounds, Cube, MAX_LEVEL, PointBatch, VoxelKey};
use store::{Error, SurveyWriter};

/// At most so many points are left as they are.
const LEAF_POINTS: usize = 100_000;
/// A node that is split keeps one point for each voxel of a grid of so many to its side.
const VOXELS: f64 = 128.0;

/// The cube around points, and how far apart those of its root are.
pub(crate) fn cube_around(bounds: &Bounds, [low, high]: [f64; 2]) -> (Cube, f64) {
    // A point on the far side must lie in the cube when all is rounded.
    let side_m = bounds.width().max(bounds.height()).max(high - low).max(1.0) * 1.001;
    let cube = Cube {
        min: [bounds.min_x(), bounds.min_y(), low],
        side_m,
    };
    (cube, side_m / VOXELS)
}

/// Writes all points as an octree: a node keeps the point nearest to the middle of each
/// voxel, and leaves the rest to its children.
pub(crate) fn write(
    writer: &mut SurveyWriter,
    cube: &Cube,
    points: &PointBatch,
) -> Result<(), Error> {
    let encoder = writer.encoder();
    let mut open = vec![(VoxelKey::ROOT, (0..points.len()).collect::<Vec<_>>())];
    while let Some((key, members)) = open.pop() {
        let mut kept = members;
        if kept.len() > LEAF_POINTS && key.level < MAX_LEVEL {
            let part = cube.of(key);
            let mut nearest: HashMap<[u8; 3], (f64, usize)> = HashMap::new();
            for &i in &kept {
                let voxels = [points.x[i], points.y[i], points.z[i]];
                let voxels: [f64; 3] = std::array::from_fn(|axis| {
                    (voxels[axis] - part.min[axis]) / part.side_m * VOXELS
                });
                let off = voxels.map(|at| (at - at.floor() - 0.5).powi(2));
                let here = (off.iter().sum::<f64>(), i);
                let best = nearest.entry(voxels.map(|at| at as u8)).or_insert(here);
                if here.0 < best.0 {
                    *best = here;
                }
            }
            let mut children: HashMap<VoxelKey, Vec<usize>> = HashMap::new();
            let mut chosen: Vec<usize> = nearest.into_values().map(|(_, i)| i).collect();
            chosen.sort_unstable();
            for i in kept {
                if chosen.binary_search(&i).is_err() {
                    let place = [points.x[i], points.y[i], points.z[i]];
                    let child = cube.key_of(key.level + 1, place);
                    children.entry(child).or_default().push(i);
                }
            }
            kept = chosen;
            let below = key.children().into_iter();
            open.extend(below.filter_map(|child| Some((child, children.remove(&child)?))));
        }
        writer.write(encoder.encode(key, &pick(points, &kept))?)?;
    }
    Ok(())
}

/// Appends the points of `more`, which has the same columns.
pub(crate) fn append(all: &mut PointBatch, more: &PointBatch) {
    all.x.extend(&more.x);
    all.y.extend(&more.y);
    all.z.extend(&more.z);
    all.intensity.extend(&more.intensity);
    all.return_number.extend(&more.return_number);
    all.number_of_returns.extend(&more.number_of_returns);
    all.classification.extend(&more.classification);
    all.flags.extend(&more.flags);
    all.scan_angle_deg.extend(&more.scan_angle_deg);
    all.user_data.extend(&more.user_data);
    all.point_source_id.extend(&more.point_source_id);
    all.gps_time_s.extend(&more.gps_time_s);
    all.rgb.extend(&more.rgb);
    all.nir.extend(&more.nir);
    all.extra.extend(&more.extra);
}

/// The points with these numbers.
fn pick(points: &PointBatch, numbers: &[usize]) -> PointBatch {
    fn column<T: Copy>(values: &[T], numbers: &[usize]) -> Vec<T> {
        if values.is_empty() {
            return Vec::new();
        }
        numbers.iter().map(|&i| values[i]).collect()
    }
    let extra_len = points.extra.len() / points.len().max(1);
    let extra = numbers
        .iter()
        .flat_map(|&i| &points.extra[i * extra_len..(i + 1) * extra_len]);
    PointBatch {
        x: column(&points.x, numbers),
        y: column(&points.y, numbers),
        z: column(&points.z, numbers),
        intensity: column(&points.intensity, numbers),
        return_number: column(&points.return_number, numbers),
        number_of_returns: column(&points.number_of_returns, numbers),
        classification: column(&points.classification, numbers),
        flags: column(&points.flags, numbers),
        scan_angle_deg: column(&points.scan_angle_deg, numbers),
        user_data: column(&points.user_data, numbers),
        point_source_id: column(&points.point_source_id, numbers),
        gps_time_s: column(&points.gps_time_s, numbers),
        rgb: column(&points.rgb, numbers),
        nir: column(&points.nir, numbers),
        extra: extra.copied().collect(),
    }
}
