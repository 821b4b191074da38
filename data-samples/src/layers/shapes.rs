//! Geometries of features, in the world and to the millimetre.

use geo_types::{Coord, Geometry, LineString, Point, Polygon};

use crate::formats::Record;
use crate::plane::{distance, left_of, unit};
use crate::terrain::Skerry;
use crate::town::Town;

pub(super) fn point(at: [f64; 2]) -> Geometry<f64> {
    Geometry::Point(Point(coord(at)))
}

pub(super) fn line(places: &[[f64; 2]]) -> Geometry<f64> {
    Geometry::LineString(line_string(places))
}

/// A polygon without holes; its outline is closed here.
pub(super) fn polygon(ring: &[[f64; 2]]) -> Geometry<f64> {
    polygon_with_holes(ring, &[])
}

pub(super) fn polygon_with_holes(ring: &[[f64; 2]], holes: &[Vec<[f64; 2]>]) -> Geometry<f64> {
    Geometry::Polygon(Polygon::new(
        line_string(ring),
        holes.iter().map(|hole| line_string(hole)).collect(),
    ))
}

/// A polygon of which nothing was drawn yet.
pub(super) fn empty_polygon() -> Geometry<f64> {
    polygon(&[])
}

/// A piece of the plan between west, south, east and north edges, bent into the world.
pub(super) fn quad(town: &Town, [west, south, east, north]: [f64; 4]) -> Geometry<f64> {
    let corners = [[west, south], [east, south], [east, north], [west, north]];
    let mut ring = Vec::new();
    for k in 0..4 {
        let (from, to) = (corners[k], corners[(k + 1) % 4]);
        let steps = (distance(from, to) / 10.0).ceil() as usize;
        for step in 0..steps {
            let t = step as f64 / steps as f64;
            ring.push(town.terrain.world_from_town([
                from[0] + (to[0] - from[0]) * t,
                from[1] + (to[1] - from[1]) * t,
            ]));
        }
    }
    polygon(&ring)
}

/// The strip on both sides of a line.
pub(super) fn buffer(line: &[[f64; 2]], half_width_m: f64) -> Geometry<f64> {
    let mut ring = offset(line, -half_width_m);
    let mut left = offset(line, half_width_m);
    left.reverse();
    ring.extend(left);
    polygon(&ring)
}

/// The line moved sideways, to the left where the distance is positive.
pub(super) fn offset(line: &[[f64; 2]], distance_m: f64) -> Vec<[f64; 2]> {
    let last = line.len() - 1;
    (0..=last)
        .map(|i| {
            let (before, after) = (line[i.saturating_sub(1)], line[(i + 1).min(last)]);
            let d = unit([after[0] - before[0], after[1] - before[1]]);
            left_of(line[i], d, distance_m)
        })
        .collect()
}

/// The outline of a skerry in the world, counter-clockwise where `turn` is 1 and
/// clockwise where it is -1.
pub(super) fn skerry_outline(town: &Town, skerry: &Skerry, turn: f64) -> Vec<[f64; 2]> {
    let [west, south] = town.terrain.origin;
    (0..48)
        .map(|k| {
            let angle = turn * f64::from(k) / 48.0 * 2.0 * std::f64::consts::PI;
            let d = [libm::cos(angle), libm::sin(angle)];
            [
                west + skerry.centre[0] + skerry.reach_m(d) * d[0],
                south + skerry.centre[1] + skerry.reach_m(d) * d[1],
            ]
        })
        .collect()
}

/// The mean of the corners.
pub(super) fn middle(ring: &[[f64; 2]]) -> [f64; 2] {
    let n = ring.len() as f64;
    [
        ring.iter().map(|c| c[0]).sum::<f64>() / n,
        ring.iter().map(|c| c[1]).sum::<f64>() / n,
    ]
}

/// The area within an outline.
pub(super) fn area_m2(ring: &[[f64; 2]]) -> f64 {
    let o = ring[0];
    let twice: f64 = (0..ring.len())
        .map(|i| {
            let (a, b) = (ring[i], ring[(i + 1) % ring.len()]);
            (a[0] - o[0]) * (b[1] - o[1]) - (b[0] - o[0]) * (a[1] - o[1])
        })
        .sum();
    (twice / 2.0).abs()
}

/// Swaps two corners of a polygon, so that its outline crosses itself.
pub(super) fn cross(record: &mut Record) {
    if let Some(Geometry::Polygon(polygon)) = &mut record.geometry {
        polygon.exterior_mut(|ring| {
            let other = ring.0.len() / 2;
            ring.0.swap(1, other);
        });
    }
}

fn line_string(places: &[[f64; 2]]) -> LineString<f64> {
    places.iter().copied().map(coord).collect()
}

fn coord([x, y]: [f64; 2]) -> Coord<f64> {
    Coord {
        x: millimetres(x),
        y: millimetres(y),
    }
}

/// Coordinates are delivered to the millimetre.
fn millimetres(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
