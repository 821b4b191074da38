//! Returns of nothing: birds, clouds and echoes of echoes.

use super::cells::Cells;
use super::class;

/// A return is noise if it is lower than nearly all around it by this much, in metres.
const LOW_M: f32 = 1.0;

/// How far "around" reaches, in metres.
const LOW_REACH_M: f32 = 3.0;

/// With fewer cells around it that have points, nothing can be said of a return.
const MIN_PRESENT: usize = 6;

/// A return is alone if at most [`FRIENDS`] others lie within this of it to each side, in
/// metres, and within [`ALONE_UP_M`] up and down. Wires keep each other company over such a
/// distance, and trees of this height have ground or branches so near.
const ALONE_M: f32 = 4.0;

/// See [`ALONE_M`].
const ALONE_UP_M: f32 = 8.0;

/// See [`ALONE_M`].
const FRIENDS: usize = 2;

/// How far away points may be that decide whether one is noise, in metres.
pub(super) const REACH_M: f64 = 6.0;

/// Gives noise its classes: 7 below the ground and 18 above.
pub(super) fn find(cells: &mut Cells) {
    let low = low(cells);
    for i in low {
        cells.members[i].class = class::LOW_NOISE;
    }
    let high = high(cells);
    for i in high {
        cells.members[i].class = class::HIGH_NOISE;
    }
}

/// Returns the members that lie under everything else.
fn low(cells: &Cells) -> Vec<usize> {
    let radius = cells.grid.cells_in(LOW_REACH_M);
    let mut found = Vec::new();
    for row in 0..cells.grid.rows {
        for column in 0..cells.grid.columns {
            let range = cells.range(cells.grid.at(column, row));
            for i in range.clone() {
                let limit = cells.members[i].z + LOW_M;
                // Two points that low keep each other from being noise if they share a cell.
                let mut as_low = usize::from(i + 1 < range.end && cells.members[i + 1].z < limit);
                let mut present = 0;
                let around = cells.grid.around(column, row, radius);
                for (c, r) in around.cells() {
                    if (c, r) != (column, row)
                        && let Some(lowest) = cells.of(cells.grid.at(c, r)).first()
                    {
                        present += 1;
                        as_low += usize::from(lowest.z < limit);
                        if as_low > 1 {
                            break;
                        }
                    }
                }
                if as_low > 1 || present < MIN_PRESENT {
                    break;
                }
                found.push(i);
            }
        }
    }
    found
}

/// Returns the members that hang alone above everything else.
fn high(cells: &Cells) -> Vec<usize> {
    let radius = cells.grid.cells_in(ALONE_M);
    let mut found = Vec::new();
    for row in 0..cells.grid.rows {
        for column in 0..cells.grid.columns {
            let range = cells.range(cells.grid.at(column, row));
            for i in range.clone().rev() {
                let z = cells.members[i].z;
                if cells.members[i].class != class::UNCLASSIFIED {
                    break;
                }
                // Nearly every point has a neighbour in its own cell.
                if i > range.start + FRIENDS && cells.members[i - FRIENDS - 1].z > z - ALONE_UP_M {
                    break;
                }
                let (mut friends, mut below) = (0, 0);
                'search: for (c, r) in cells.grid.around(column, row, radius).cells() {
                    let other = cells.range(cells.grid.at(c, r));
                    for j in other.rev() {
                        let gap = z - cells.members[j].z;
                        if gap > ALONE_UP_M {
                            below += 1;
                            break;
                        }
                        friends += usize::from(gap > -ALONE_UP_M && j != i);
                        if friends > FRIENDS {
                            break 'search;
                        }
                    }
                }
                if friends > FRIENDS || below < MIN_PRESENT {
                    break;
                }
                found.push(i);
            }
        }
    }
    found
}
