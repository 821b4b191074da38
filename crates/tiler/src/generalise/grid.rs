//! Coordinates in whole millimetres, on which topology is decided exactly.

use geo_types::LineString;

/// A place on the grid: east and north, in thousandths of the CRS's unit.
pub(crate) type Node = [i64; 2];

/// Grid steps in a unit of the CRS: millimetres in a metre, finer than anything that a
/// level shows and than what departments deliver.
const STEPS: f64 = 1000.0;

/// Places this close, in steps, are one: departments deliver centimetres, and the same corner
/// drawn twice may be rounded to either side.
pub(crate) const WELD: i64 = 10;

/// Coordinates beyond this have no place on the grid: past it, differences would not fit
/// the exact arithmetic. No projected CRS of the Earth reaches this far.
const LIMIT: f64 = (1_i64 << 40) as f64;

/// The grid's place for coordinates; none if they are not finite or beyond all maps.
pub(crate) fn node([x, y]: [f64; 2]) -> Option<Node> {
    let (x, y) = ((x * STEPS).round(), (y * STEPS).round());
    (x.abs() < LIMIT && y.abs() < LIMIT).then_some([x as i64, y as i64])
}

/// Coordinates of a place on the grid.
pub(crate) fn coordinates([x, y]: Node) -> [f64; 2] {
    [x as f64 / STEPS, y as f64 / STEPS]
}

/// A size of the CRS in steps of the grid.
pub(crate) fn steps(size: f64) -> f64 {
    size * STEPS
}

/// A line's places; none if any coordinate has none.
pub(crate) fn nodes(line: &LineString<f64>) -> Option<Vec<Node>> {
    line.0.iter().map(|c| node([c.x, c.y])).collect()
}

/// The distance between places, in units of the CRS.
pub(crate) fn length(nodes: &[Node]) -> f64 {
    nodes
        .windows(2)
        .map(|w| ((w[1][0] - w[0][0]) as f64).hypot((w[1][1] - w[0][1]) as f64))
        .sum::<f64>()
        / STEPS
}

/// Twice the area of the triangle; positive if it turns to the left.
pub(crate) fn turn(a: Node, b: Node, c: Node) -> i128 {
    let (ax, ay) = (i128::from(b[0] - a[0]), i128::from(b[1] - a[1]));
    let (bx, by) = (i128::from(c[0] - a[0]), i128::from(c[1] - a[1]));
    ax * by - ay * bx
}

/// Twice the area of a ring whose first node is not repeated; positive if it turns to the left.
pub(crate) fn twice_area(ring: &[Node]) -> i128 {
    let Some(&origin) = ring.first() else {
        return 0;
    };
    ring.windows(2).map(|w| turn(origin, w[0], w[1])).sum()
}

/// An area of the grid, doubled, in square units of the CRS.
pub(crate) fn area(twice: i128) -> f64 {
    twice as f64 / (2.0 * STEPS * STEPS)
}

/// The south-west and the north-east corner of the box around places.
pub(crate) fn bounds(nodes: impl Iterator<Item = Node>) -> [Node; 2] {
    nodes.fold([[i64::MAX; 2], [i64::MIN; 2]], |[low, high], node| {
        [
            [low[0].min(node[0]), low[1].min(node[1])],
            [high[0].max(node[0]), high[1].max(node[1])],
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_place_on_earth_has_none_on_the_grid() {
        assert_eq!(node([f64::NAN, 0.0]), None);
        assert_eq!(node([2e9, 0.0]), None);
        assert_eq!(
            node([674_032.123_4, 6_580_821.000_6]),
            Some([674_032_123, 6_580_821_001])
        );
    }
}
