//! The order of tiles: that of the tile ids of PMTiles, level by level, along a Hilbert curve.
//!
//! PMTiles numbers 2ᶻ × 2ᶻ tiles at zoom z. A set that begins with more than one tile, such
//! as SWEREF99TM with 4 × 4, is numbered from the zoom that holds them.
//!
//! Source: <https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md>.

use geodesy::TileMatrixSet;
use model::TileCoord;

use crate::level::Tile;

/// How many zooms deeper than its level a tile is numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    shift: u8,
}

impl Order {
    /// Returns the order of a set: with the least shift at which all levels fit.
    pub(super) fn of(tms: &TileMatrixSet) -> Order {
        let needed = tms.matrices.iter().enumerate().map(|(z, matrix)| {
            let side = matrix.columns.max(matrix.rows).max(1).next_power_of_two();
            side.ilog2().saturating_sub(z as u32) as u8
        });
        Order {
            shift: needed.max().unwrap_or(0),
        }
    }

    /// Returns the number of a tile.
    pub(super) fn id(self, z: u8, [x, y]: Tile) -> u64 {
        first_of(z + self.shift) + along_curve(z + self.shift, x, y)
    }

    /// Returns the tile with a number.
    pub(super) fn tile(self, id: u64) -> Option<TileCoord> {
        let zoom = (0..32).rev().find(|&zoom| first_of(zoom) <= id)?;
        let (x, y) = at_curve(zoom, id - first_of(zoom));
        TileCoord::new(zoom.checked_sub(self.shift)?, x, y).ok()
    }
}

/// Number of the first tile at a zoom: so many are coarser.
fn first_of(zoom: u8) -> u64 {
    ((1_u64 << (2 * zoom)) - 1) / 3
}

/// Returns how far along the curve a tile lies.
fn along_curve(zoom: u8, mut x: u32, mut y: u32) -> u64 {
    let mut distance = 0;
    for bit in (0..zoom).rev() {
        let side = 1_u32 << bit;
        let (east, south) = (x & side != 0, y & side != 0);
        let quarter = (3 * u64::from(east)) ^ u64::from(south);
        distance += quarter << (2 * bit);
        turn(side, &mut x, &mut y, east, south);
    }
    distance
}

/// Returns the tile that lies so far along the curve.
fn at_curve(zoom: u8, distance: u64) -> (u32, u32) {
    let (mut x, mut y) = (0, 0);
    for bit in 0..zoom {
        let quarter = distance >> (2 * bit) & 3;
        let east = quarter & 2 != 0;
        let south = (quarter & 1 != 0) != east;
        let side = 1_u32 << bit;
        turn(side, &mut x, &mut y, east, south);
        x += side * u32::from(east);
        y += side * u32::from(south);
    }
    (x, y)
}

/// Turns a quarter so that the curve runs on from the one before it.
fn turn(side: u32, x: &mut u32, y: &mut u32, east: bool, south: bool) {
    let mask = side - 1;
    (*x, *y) = (*x & mask, *y & mask);
    if !south {
        if east {
            (*x, *y) = (mask - *x, mask - *y);
        }
        std::mem::swap(x, y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_have_the_ids_of_the_specification() {
        let order = Order { shift: 0 };
        let known = [
            (0, 0, 0, 0),
            (1, 0, 0, 1),
            (1, 0, 1, 2),
            (1, 1, 1, 3),
            (1, 1, 0, 4),
            (2, 0, 0, 5),
            (12, 3423, 1763, 19_078_479),
        ];
        for (z, x, y, id) in known {
            assert_eq!(order.id(z, [x, y]), id, "{z}/{x}/{y}");
        }
    }

    #[test]
    fn every_tile_has_one_id_and_comes_back_from_it() {
        let order = Order { shift: 0 };
        let mut next = 0;
        for z in 0..7 {
            let mut ids = Vec::new();
            for x in 0..1 << z {
                for y in 0..1 << z {
                    let id = order.id(z, [x, y]);
                    assert_eq!(order.tile(id), TileCoord::new(z, x, y).ok());
                    ids.push(id);
                }
            }
            ids.sort_unstable();
            for id in ids {
                assert_eq!(id, next);
                next += 1;
            }
        }
    }

    #[test]
    fn a_set_that_begins_with_more_tiles_is_numbered_deeper() {
        let tms = TileMatrixSet::by_id("SWEREF99TM").expect("a set");
        let order = Order::of(tms);
        assert_eq!(order.shift, 2);
        assert_eq!(
            order.tile(order.id(3, [31, 30])),
            TileCoord::new(3, 31, 30).ok()
        );
    }
}
