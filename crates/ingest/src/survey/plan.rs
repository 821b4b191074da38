//! Which cube a survey lies in, and which blocks its plan is cut into.
//!
//! A block is a column of the cube: a square of its plan, as wide as the cubes of some level.
//! Where points are dense, blocks are small.

use model::{Cube, VoxelKey};

use super::squares::Squares;

/// Most points of a block, if its side can be made small enough: with a halo around it and
/// what is made of it, some hundred megabytes.
const MAX_BLOCK_POINTS: u64 = 2_000_000;

/// Blocks are this wide at most, however few their points, lest grids laid over them grow.
const MAX_BLOCK_SIDE: f64 = 1024.0;

/// A cube, and blocks in the order of a Morton curve.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) cube: Cube,
    pub(super) blocks: Vec<PlannedBlock>,
}

/// A square of the plan that has points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlannedBlock {
    /// The lowest cube of its column.
    pub(super) key: VoxelKey,
    /// How many.
    pub(super) points: u64,
}

impl Plan {
    /// Plans for points with elevations between `low` and `high`; none if there are no points.
    pub(super) fn new(squares: &Squares, [low, high]: [f64; 2]) -> Option<Plan> {
        let cell_side = squares.cell_side();
        let (mut min, mut max) = ([i64::MAX; 2], [i64::MIN; 2]);
        for (cell, _) in squares.cells() {
            for axis in 0..2 {
                min[axis] = min[axis].min(cell[axis]);
                max[axis] = max[axis].max(cell[axis]);
            }
        }
        if min > max {
            return None;
        }
        let bottom = low.floor();
        let wide = (max[0] - min[0]).max(max[1] - min[1]) + 1;
        let tall = ((high - bottom) / cell_side).floor() as i64 + 1;
        let levels = wide.max(tall).unsigned_abs().next_power_of_two().ilog2() as u8;
        let cube = Cube {
            min: [min[0] as f64 * cell_side, min[1] as f64 * cell_side, bottom],
            side_m: cell_side * (1_u64 << levels) as f64,
        };
        let mut cells: Vec<(u64, u32)> = squares
            .cells()
            .map(|(cell, count)| (morton(cell[0] - min[0], cell[1] - min[1]), count))
            .collect();
        cells.sort_unstable();
        let mut plan = Plan {
            cube,
            blocks: Vec::new(),
        };
        plan.cut(&cells, levels, VoxelKey::ROOT);
        Some(plan)
    }

    /// Adds the blocks of the square of `key`, in which `cells` lie.
    fn cut(&mut self, cells: &[(u64, u32)], levels: u8, key: VoxelKey) {
        if cells.is_empty() {
            return;
        }
        let points = cells.iter().map(|(_, count)| u64::from(*count)).sum();
        let side = self.cube.side_at(key.level);
        if key.level == levels || (points <= MAX_BLOCK_POINTS && side <= MAX_BLOCK_SIDE) {
            self.blocks.push(PlannedBlock { key, points });
            return;
        }
        let shift = 2 * (levels - key.level - 1);
        let mut rest = cells;
        for (number, child) in key.children().into_iter().take(4).enumerate() {
            let end = rest.partition_point(|(code, _)| code >> shift & 3 <= number as u64);
            let (here, beyond) = rest.split_at(end);
            self.cut(here, levels, child);
            rest = beyond;
        }
    }
}

/// Interleaves the bits of a column and a row, neither negative.
fn morton(column: i64, row: i64) -> u64 {
    let spread = |value: i64| {
        (0..32).fold(0_u64, |bits, bit| {
            bits | (value as u64 >> bit & 1) << (2 * bit)
        })
    };
    spread(column) | spread(row) << 1
}
