//! Which points of a survey lie in which cube of its octree (COPC 1.0).
//!
//! 1. A node with at most [`LEAF_POINTS`] points keeps them all and has no children.
//! 2. Any other keeps one point for each voxel of a grid of [`VOXELS`] to its side, the one
//!    nearest to the middle of the voxel, and leaves the rest to its children.
//! 3. Every point is in one node, and lies in its cube by [`Cube::key_of`].
//!
//! So each level is an even thinning of the survey, and together with the levels above it
//! has a point wherever there is one.

use model::{Cube, MAX_LEVEL, VoxelKey};

/// Most points of a node that is not divided: some megabytes, and half a second over a slow line.
pub const LEAF_POINTS: usize = 100_000;

/// Voxels along a side of a node: as even ground fills 16,384 of them, nodes are some hundred
/// kilobytes.
pub const VOXELS: u32 = 128;

/// Where points are, column by column, all of one length.
#[derive(Debug, Clone, Copy)]
pub struct Positions<'a> {
    /// To the east.
    pub x: &'a [f64],
    /// To the north.
    pub y: &'a [f64],
    /// Elevation in metres.
    pub z: &'a [f64],
}

/// A cube of the octree and the points that it keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct OctreeNode {
    /// Which cube.
    pub key: VoxelKey,
    /// Which points, ascending.
    pub points: Vec<u32>,
    /// Whether cubes below it have points, too.
    pub has_children: bool,
}

impl Positions<'_> {
    fn of(&self, point: u32) -> [f64; 3] {
        let at = point as usize;
        [self.x[at], self.y[at], self.z[at]]
    }
}

/// Divides `points`, ascending, into those that a node with this cube keeps and the rest,
/// each ascending.
///
/// For each voxel that has points, the one nearest to its middle is kept; of several, the
/// first. Memory grows with the voxels that have points.
pub fn thin(positions: Positions, cube: &Cube, points: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let voxels_per_m = f64::from(VOXELS) / cube.side_m;
    let mut nearest = Nearest::new();
    for &point in points {
        let position = positions.of(point);
        let mut voxel = 0;
        let mut distance = 0.0;
        for (value, min) in position.into_iter().zip(cube.min) {
            let steps = (value - min) * voxels_per_m;
            // A cast of what is negative or too large saturates.
            let at = (steps as u32).min(VOXELS - 1);
            voxel = voxel * VOXELS + at;
            let off = steps - (f64::from(at) + 0.5);
            distance += off * off;
        }
        nearest.offer(voxel, point, distance);
    }
    let kept = nearest.points();
    let mut next = kept.iter().copied().peekable();
    let rest = points
        .iter()
        .copied()
        .filter(|point| next.next_if_eq(point).is_none())
        .collect();
    (kept, rest)
}

/// Divides all points among the nodes of `level` and below, of an octree with cube `root`.
///
/// Nodes come in the order of their keys within their level's subtree, parents before children.
pub fn subtrees(positions: Positions, root: &Cube, level: u8) -> Vec<OctreeNode> {
    let count = u32::try_from(positions.x.len()).expect("a block has fewer than 2³² points");
    let mut nodes = Vec::new();
    let mut tops: Vec<(VoxelKey, Vec<u32>)> = Vec::new();
    for point in 0..count {
        let key = root.key_of(level, positions.of(point));
        // There are a few, one above the other; neighbours are mostly in the same.
        match tops.iter_mut().rev().find(|(known, _)| *known == key) {
            Some((_, points)) => points.push(point),
            None => tops.push((key, vec![point])),
        }
    }
    tops.sort_unstable_by_key(|(key, _)| *key);
    for (key, points) in tops {
        divide(positions, root, key, points, &mut nodes);
    }
    nodes
}

fn divide(
    positions: Positions,
    root: &Cube,
    key: VoxelKey,
    points: Vec<u32>,
    nodes: &mut Vec<OctreeNode>,
) {
    if points.len() <= LEAF_POINTS || key.level >= MAX_LEVEL {
        nodes.push(OctreeNode {
            key,
            points,
            has_children: false,
        });
        return;
    }
    let (kept, rest) = thin(positions, &root.of(key), &points);
    drop(points);
    nodes.push(OctreeNode {
        key,
        points: kept,
        has_children: !rest.is_empty(),
    });
    let mut octants: [Vec<u32>; 8] = Default::default();
    for point in rest {
        let child = root.key_of(key.level + 1, positions.of(point));
        let octant = child.x & 1 | (child.y & 1) << 1 | (child.z & 1) << 2;
        octants[octant as usize].push(point);
    }
    for (child, points) in key.children().into_iter().zip(octants) {
        if !points.is_empty() {
            divide(positions, root, child, points, nodes);
        }
    }
}

/// The nearest point of each voxel: a hash table with open addresses, which grows.
///
/// Even ground fills one voxel in a hundred of a grid, so a table for all of them would cost
/// more to clear than to fill.
struct Nearest {
    slots: Vec<Slot>,
    filled: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    voxel: u32,
    point: u32,
    distance: f64,
}

impl Slot {
    /// No voxel has this number.
    const EMPTY: Slot = Slot {
        voxel: u32::MAX,
        point: 0,
        distance: f64::INFINITY,
    };
}

impl Nearest {
    fn new() -> Nearest {
        Nearest {
            slots: vec![Slot::EMPTY; 1 << 12],
            filled: 0,
        }
    }

    fn offer(&mut self, voxel: u32, point: u32, distance: f64) {
        let at = self.find(voxel);
        let slot = &mut self.slots[at];
        let is_new = slot.voxel != voxel;
        if is_new || (distance, point) < (slot.distance, slot.point) {
            *slot = Slot {
                voxel,
                point,
                distance,
            };
        }
        if is_new {
            self.filled += 1;
            if self.filled * 2 > self.slots.len() {
                self.grow();
            }
        }
    }

    /// Returns where the voxel is, or the empty slot where it belongs.
    fn find(&self, voxel: u32) -> usize {
        let mask = self.slots.len() - 1;
        // The golden ratio spreads neighbouring numbers (Knuth, volume 3, section 6.4).
        let spread = voxel.wrapping_mul(0x9E37_79B1);
        let mut at = (spread >> (32 - self.slots.len().trailing_zeros())) as usize;
        while self.slots[at].voxel != voxel && self.slots[at].voxel != Slot::EMPTY.voxel {
            at = (at + 1) & mask;
        }
        at
    }

    fn grow(&mut self) {
        let larger = vec![Slot::EMPTY; self.slots.len() * 2];
        for slot in std::mem::replace(&mut self.slots, larger) {
            if slot.voxel != Slot::EMPTY.voxel {
                let at = self.find(slot.voxel);
                self.slots[at] = slot;
            }
        }
    }

    /// The points, ascending.
    fn points(self) -> Vec<u32> {
        let filled = self
            .slots
            .iter()
            .filter(|slot| slot.voxel != Slot::EMPTY.voxel);
        let mut points: Vec<u32> = filled.map(|slot| slot.point).collect();
        points.sort_unstable();
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points of a rolling plain, scattered by a fixed rule.
    fn plain(count: usize, side_m: f64) -> [Vec<f64>; 3] {
        let mut columns: [Vec<f64>; 3] = Default::default();
        for i in 0..count {
            let x = (i as f64 * 0.754_877_666_246_692_7).fract() * side_m;
            let y = (i as f64 * 0.569_840_290_998_053_3).fract() * side_m;
            columns[0].push(x);
            columns[1].push(y);
            columns[2].push(10.0 + 3.0 * (x / 40.0).sin() + 2.0 * (y / 60.0).cos());
        }
        columns
    }

    fn positions([x, y, z]: &[Vec<f64>; 3]) -> Positions<'_> {
        Positions { x, y, z }
    }

    const CUBE: Cube = Cube {
        min: [0.0; 3],
        side_m: 128.0,
    };

    #[test]
    fn a_voxel_keeps_the_point_nearest_to_its_middle_and_of_twins_the_first() {
        let columns = [
            vec![0.1, 0.6, 0.6, 5.5, 0.9],
            vec![0.5; 5],
            vec![0.5, 0.5, 0.5, 0.5, 1.5],
        ];
        let (kept, rest) = thin(positions(&columns), &CUBE, &[0, 1, 2, 3, 4]);
        assert_eq!(kept, [1, 3, 4]);
        assert_eq!(rest, [0, 2]);
    }

    #[test]
    fn every_point_is_in_one_node_and_in_its_cube() {
        let columns = plain(600_000, 128.0);
        let positions = positions(&columns);
        let nodes = subtrees(positions, &CUBE, 1);
        let mut seen = vec![false; 600_000];
        for node in &nodes {
            assert!(node.points.is_sorted());
            for &point in &node.points {
                assert!(!std::mem::replace(&mut seen[point as usize], true));
                assert_eq!(CUBE.key_of(node.key.level, positions.of(point)), node.key);
            }
            let child = |other: &OctreeNode| other.key.parent() == Some(node.key);
            assert_eq!(nodes.iter().any(child), node.has_children);
        }
        assert!(seen.into_iter().all(|there| there));
        assert!(nodes.iter().any(|node| node.key.level == 1));
    }

    #[test]
    fn each_level_is_an_even_thinning() {
        let columns = plain(1_000_000, 128.0);
        let positions = positions(&columns);
        let nodes = subtrees(positions, &CUBE, 0);
        let deepest = nodes.iter().map(|node| node.key.level).max();
        assert!(deepest >= Some(2), "{deepest:?}");
        for level in 0..2 {
            let voxel_m = CUBE.side_at(level) / f64::from(VOXELS);
            let column = |point: u32| {
                let [x, y, _] = positions.of(point);
                ((x / voxel_m) as u32, (y / voxel_m) as u32)
            };
            let shown: Vec<u32> = nodes
                .iter()
                .filter(|node| node.key.level <= level)
                .flat_map(|node| node.points.iter().copied())
                .collect();
            let all: std::collections::HashSet<_> = (0..1_000_000).map(column).collect();
            let covered: std::collections::HashSet<_> = shown.iter().copied().map(column).collect();
            assert_eq!(covered.len(), all.len(), "level {level}");
            // No crowds: a column of voxels shows a point or two of a surface.
            assert!(shown.len() < 2 * covered.len(), "level {level}");
        }
    }

    #[test]
    fn many_points_at_one_place_come_to_an_end() {
        let columns = [vec![1.0; 150_000], vec![1.0; 150_000], vec![1.0; 150_000]];
        let nodes = subtrees(positions(&columns), &CUBE, 0);
        let points: usize = nodes.iter().map(|node| node.points.len()).sum();
        assert_eq!(points, 150_000);
        assert_eq!(nodes.last().map(|node| node.key.level), Some(MAX_LEVEL));
    }
}
