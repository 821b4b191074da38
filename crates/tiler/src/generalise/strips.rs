//! What lies near a segment, found in strips that run from west to east.
//!
//! Boxes are a poor hull for lines: those of two long borders meet where the borders are
//! far apart. A strip knows of each segment only the part that lies in it, so that a long
//! one costs as many strips as it crosses, and meets what it passes.

use crate::generalise::grid::Node;

/// Parts that a strip has of each shape on average; more when shapes are taller than strips.
const PARTS_OF_A_SHAPE: i64 = 3;

/// What lies along a segment, or in a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// From one place to another.
    Segment(Node, Node),
    /// From its south-west corner to its north-east one.
    Box(Node, Node),
}

impl Extent {
    /// Its southernmost and its northernmost coordinate.
    fn height(&self) -> [i64; 2] {
        let (Extent::Segment(a, b) | Extent::Box(a, b)) = self;
        [a[1].min(b[1]), a[1].max(b[1])]
    }

    /// The westernmost and easternmost coordinate of what lies between two heights, or a
    /// little more.
    fn between(&self, south: i64, north: i64) -> [i64; 2] {
        let (Extent::Segment(a, b) | Extent::Box(a, b)) = self;
        let (west, east) = (a[0].min(b[0]), a[0].max(b[0]));
        let is_box = matches!(self, Extent::Box(..));
        let [low, high] = self.height();
        if is_box || (south <= low && high <= north) || low == high {
            return [west, east];
        }
        let slope = (b[0] - a[0]) as f64 / (b[1] - a[1]) as f64;
        let at = |y: i64| a[0] as f64 + (y.clamp(low, high) - a[1]) as f64 * slope;
        let (one, other) = (at(south), at(north));
        // Numbers are far from where they would lose whole steps; rounding is within one.
        let first = one.min(other).floor() as i64 - 1;
        let last = one.max(other).ceil() as i64 + 1;
        [first.max(west), last.min(east)]
    }
}

/// The part of a shape that lies in a strip.
#[derive(Debug, Clone, Copy)]
struct Part {
    west: i64,
    east: i64,
    /// The easternmost coordinate of this part and all before it in the strip.
    farthest_east: i64,
    shape: u32,
}

/// Shapes by where they lie.
#[derive(Debug)]
pub(crate) struct Strips {
    south: i64,
    height: i64,
    /// Where the parts of each strip begin, and where the last one's end.
    starts: Vec<usize>,
    /// Strip by strip, from west to east.
    parts: Vec<Part>,
}

impl Strips {
    /// Puts shapes, which are known by their places in the list, into strips.
    pub(crate) fn new(shapes: impl ExactSizeIterator<Item = Extent> + Clone) -> Strips {
        let count = shapes.len() as i64;
        let (mut south, mut north, mut heights) = (i64::MAX, i64::MIN, 0);
        let (mut west, mut east) = (i64::MAX, i64::MIN);
        for shape in shapes.clone() {
            let [low, high] = shape.height();
            (south, north) = (south.min(low), north.max(high));
            heights += high - low;
            let [first, last] = shape.between(low, high);
            (west, east) = (west.min(first), east.max(last));
        }
        if count == 0 {
            (south, north, west, east) = (0, 0, 0, 0);
        }
        // As high as shapes are apart, if they are spread evenly, unless most are higher.
        let apart = ((north - south) as f64 * (east - west) as f64 / count.max(1) as f64).sqrt();
        let height = (apart as i64).max(heights / (PARTS_OF_A_SHAPE * count.max(1)));
        let height = height.max((north - south) / count.max(1)).max(1);
        let mut strips = Strips {
            south,
            height,
            starts: vec![0; ((north - south) / height) as usize + 2],
            parts: Vec::new(),
        };
        let of = |shape: &Extent| {
            let [low, high] = shape.height();
            (low - south) / height..=(high - south) / height
        };
        for shape in shapes.clone() {
            for strip in of(&shape) {
                strips.starts[strip as usize + 1] += 1;
            }
        }
        for strip in 1..strips.starts.len() {
            strips.starts[strip] += strips.starts[strip - 1];
        }
        let nothing = Part {
            west: 0,
            east: 0,
            farthest_east: 0,
            shape: 0,
        };
        let mut ends = strips.starts.clone();
        strips.parts = vec![nothing; ends[ends.len() - 1]];
        for (number, shape) in shapes.enumerate() {
            for strip in of(&shape) {
                let low = south + strip * height;
                let [west, east] = shape.between(low, low + height);
                strips.parts[ends[strip as usize]] = Part {
                    west,
                    east,
                    farthest_east: east,
                    shape: number as u32,
                };
                ends[strip as usize] += 1;
            }
        }
        for pair in strips.starts.windows(2) {
            let parts = &mut strips.parts[pair[0]..pair[1]];
            parts.sort_unstable_by_key(|part| (part.west, part.shape));
            let mut farthest = i64::MIN;
            for part in parts {
                farthest = farthest.max(part.east);
                part.farthest_east = farthest;
            }
        }
        strips
    }

    /// Calls with each shape that may lie within `reach` of another, and maybe more than
    /// once, until the call returns true. Returns whether it did.
    pub(crate) fn any_near(
        &self,
        other: Extent,
        reach: i64,
        mut is_it: impl FnMut(usize) -> bool,
    ) -> bool {
        let [low, high] = other.height();
        let last = self.starts.len() as i64 - 2;
        let strip_of = |y: i64| (y - self.south).div_euclid(self.height);
        let first_strip = strip_of(low - reach).max(0);
        for strip in first_strip..=strip_of(high + reach).min(last) {
            let south = self.south + strip * self.height;
            let [west, east] = other.between(south - reach, south + self.height + reach);
            let strip = strip as usize;
            let parts = &self.parts[self.starts[strip]..self.starts[strip + 1]];
            let after = parts.partition_point(|part| part.west <= east + reach);
            for part in parts[..after].iter().rev() {
                if part.farthest_east < west - reach {
                    break;
                }
                if part.east >= west - reach && is_it(part.shape as usize) {
                    return true;
                }
            }
        }
        false
    }

    /// As [`Strips::any_near`], with all of them.
    pub(crate) fn each_near(&self, other: Extent, reach: i64, mut call: impl FnMut(usize)) {
        self.any_near(other, reach, |shape| {
            call(shape);
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use geo::{Distance, Euclidean};
    use proptest::prelude::*;

    use super::*;

    fn some_segments() -> impl Strategy<Value = Vec<(Node, Node)>> {
        let place = prop::array::uniform2(-400..400_i64);
        let step = prop_oneof![
            prop::array::uniform2(-20..20_i64),
            prop::array::uniform2(-400..400_i64),
            Just([0, 0]),
        ];
        let segment = (place, step).prop_map(|(a, by)| (a, [a[0] + by[0], a[1] + by[1]]));
        prop::collection::vec(segment, 0..60)
    }

    fn to_geo((a, b): (Node, Node)) -> geo::Line {
        let at = |[x, y]: Node| geo::coord! { x: x as f64, y: y as f64 };
        geo::Line::new(at(a), at(b))
    }

    proptest! {
        #[test]
        fn all_that_lies_near_is_found(segments in some_segments(), reach in 0..30_i64) {
            let shapes = segments.iter().map(|&(a, b)| Extent::Segment(a, b));
            let strips = Strips::new(shapes);
            for &(a, b) in &segments {
                let mut found = BTreeSet::new();
                strips.each_near(Extent::Segment(a, b), reach, |other| {
                    found.insert(other);
                });
                for (i, &other) in segments.iter().enumerate() {
                    let distance = Euclidean.distance(&to_geo((a, b)), &to_geo(other));
                    prop_assert!(distance > reach as f64 || found.contains(&i), "{i}");
                }
            }
        }

        #[test]
        fn all_boxes_that_meet_are_found(segments in some_segments()) {
            let boxes: Vec<[Node; 2]> = segments.iter().map(|(a, b)| {
                [[a[0].min(b[0]), a[1].min(b[1])], [a[0].max(b[0]), a[1].max(b[1])]]
            }).collect();
            let strips = Strips::new(boxes.iter().map(|&[low, high]| Extent::Box(low, high)));
            for &[low, high] in &boxes {
                let mut found = BTreeSet::new();
                strips.each_near(Extent::Box(low, high), 0, |other| {
                    found.insert(other);
                });
                let meeting: BTreeSet<usize> = (0..boxes.len()).filter(|&i| {
                    (0..2).all(|k| boxes[i][0][k] <= high[k] && boxes[i][1][k] >= low[k])
                }).collect();
                prop_assert!(found.is_superset(&meeting));
            }
        }
    }

    #[test]
    fn a_long_diagonal_does_not_meet_what_lies_in_its_box() {
        let far = [[900, 10], [950, 60], [20, 700]];
        let strips = Strips::new(far.iter().map(|&at| Extent::Segment(at, at)));
        let diagonal = Extent::Segment([0, 0], [1000, 1000]);
        assert!(!strips.any_near(diagonal, 5, |_| true));
        assert!(strips.any_near(Extent::Box([0, 0], [1000, 1000]), 0, |_| true));
    }
}
