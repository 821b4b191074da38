//! Surveys by place: partition, blocks and octree.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;

use ingest::{Error, SurveyBlocks};

use crate::common::shared;
use crate::octrees::{MEGABYTE, Nodes, check, octree, partition, scattered};

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
