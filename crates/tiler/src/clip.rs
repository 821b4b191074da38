//! Cutting lines and rings along a box.
//!
//! Rings are cut by one edge of the box after the other (Sutherland and Hodgman,
//! 1974): fast, but parts that should come apart stay joined by two edges over
//! each other along the box. [`crate::rings`] finds and takes them apart.

/// A box in tile units: x to the east, y to the south.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ClipBox {
    pub(crate) min: [f64; 2],
    pub(crate) max: [f64; 2],
}

impl ClipBox {
    /// The box around points; inverted if there are none.
    pub(crate) fn around(points: &[[f64; 2]]) -> ClipBox {
        let mut around = ClipBox {
            min: [f64::INFINITY; 2],
            max: [f64::NEG_INFINITY; 2],
        };
        for &[x, y] in points {
            around.min = [around.min[0].min(x), around.min[1].min(y)];
            around.max = [around.max[0].max(x), around.max[1].max(y)];
        }
        around
    }

    /// The box around this one and another.
    pub(crate) fn with(&self, other: &ClipBox) -> ClipBox {
        ClipBox {
            min: [0, 1].map(|axis| self.min[axis].min(other.min[axis])),
            max: [0, 1].map(|axis| self.max[axis].max(other.max[axis])),
        }
    }

    /// The box that is as long as this one along an axis, and without end along the other.
    pub(crate) fn along(&self, axis: usize) -> ClipBox {
        let mut strip = *self;
        strip.min[1 - axis] = f64::NEG_INFINITY;
        strip.max[1 - axis] = f64::INFINITY;
        strip
    }

    /// Returns whether the point lies inside or on the edge.
    pub(crate) fn contains(&self, p: [f64; 2]) -> bool {
        (0..2).all(|axis| self.min[axis] <= p[axis] && p[axis] <= self.max[axis])
    }

    /// Returns whether `other` lies wholly inside.
    pub(crate) fn covers(&self, other: &ClipBox) -> bool {
        self.contains(other.min) && self.contains(other.max)
    }
}

/// Cuts a ring, given without its first vertex repeated, in place. `spare` is room to work in.
pub(crate) fn clip_ring(ring: &mut Vec<[f64; 2]>, to: &ClipBox, spare: &mut Vec<[f64; 2]>) {
    let around = ClipBox::around(ring);
    for axis in 0..2 {
        if around.min[axis] < to.min[axis] {
            clip_ring_edge(ring, axis, to.min[axis], 1.0, spare);
        }
        if around.max[axis] > to.max[axis] {
            clip_ring_edge(ring, axis, to.max[axis], -1.0, spare);
        }
    }
}

/// Keeps what lies at `edge` or beyond it in the direction of `sign`.
fn clip_ring_edge(
    ring: &mut Vec<[f64; 2]>,
    axis: usize,
    edge: f64,
    sign: f64,
    spare: &mut Vec<[f64; 2]>,
) {
    spare.clear();
    let Some(&last) = ring.last() else { return };
    let mut before = last;
    let mut before_inside = (before[axis] - edge) * sign >= 0.0;
    for &point in ring.iter() {
        let inside = (point[axis] - edge) * sign >= 0.0;
        if inside != before_inside {
            spare.push(crossing(before, point, axis, edge));
        }
        if inside {
            spare.push(point);
        }
        (before, before_inside) = (point, inside);
    }
    std::mem::swap(ring, spare);
}

/// Where the segment crosses the edge; the same from either end, so that
/// neighbours which share the segment still share it when cut.
fn crossing(a: [f64; 2], b: [f64; 2], axis: usize, edge: f64) -> [f64; 2] {
    let (a, b) = if a[axis] <= b[axis] { (a, b) } else { (b, a) };
    let other = 1 - axis;
    let t = (edge - a[axis]) / (b[axis] - a[axis]);
    let mut at = [edge; 2];
    at[other] = a[other] + t * (b[other] - a[other]);
    at
}

/// Cuts a line and calls `emit` with each part of at least two points.
pub(crate) fn clip_line(
    line: &[[f64; 2]],
    to: &ClipBox,
    part: &mut Vec<[f64; 2]>,
    mut emit: impl FnMut(&[[f64; 2]]),
) {
    part.clear();
    let mut flush = |part: &mut Vec<[f64; 2]>| {
        if part.len() >= 2 {
            emit(part);
        }
        part.clear();
    };
    for ends in line.windows(2) {
        let Some([a, b]) = clip_segment(ends[0], ends[1], to) else {
            flush(part);
            continue;
        };
        if part.last() != Some(&a) {
            flush(part);
            part.push(a);
        }
        part.push(b);
        if b != ends[1] {
            flush(part);
        }
    }
    flush(part);
}

/// The part of a segment inside the box, in its direction.
fn clip_segment(a: [f64; 2], b: [f64; 2], to: &ClipBox) -> Option<[[f64; 2]; 2]> {
    let (mut a, mut b) = (a, b);
    for axis in 0..2 {
        if a[axis].max(b[axis]) < to.min[axis] || a[axis].min(b[axis]) > to.max[axis] {
            return None;
        }
        for (edge, sign) in [(to.min[axis], 1.0), (to.max[axis], -1.0)] {
            let a_out = (a[axis] - edge) * sign < 0.0;
            let b_out = (b[axis] - edge) * sign < 0.0;
            match (a_out, b_out) {
                (true, true) => return None,
                (true, false) => a = crossing(a, b, axis, edge),
                (false, true) => b = crossing(a, b, axis, edge),
                (false, false) => {}
            }
        }
    }
    Some([a, b])
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: ClipBox = ClipBox {
        min: [0.0, 0.0],
        max: [10.0, 10.0],
    };

    fn clipped(ring: &[[f64; 2]]) -> Vec<[f64; 2]> {
        let mut ring = ring.to_vec();
        clip_ring(&mut ring, &BOX, &mut Vec::new());
        ring
    }

    #[test]
    fn a_ring_around_the_box_becomes_the_box() {
        let ring = clipped(&[[-5.0, -5.0], [50.0, -5.0], [50.0, 50.0], [-5.0, 50.0]]);
        assert_eq!(ring.len(), 4);
        for corner in [[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]] {
            assert!(ring.contains(&corner));
        }
    }

    #[test]
    fn a_ring_beside_the_box_vanishes() {
        assert_eq!(
            clipped(&[[11.0, 0.0], [12.0, 0.0], [12.0, 5.0]]),
            [[0.0; 2]; 0]
        );
    }

    #[test]
    fn a_line_that_leaves_and_returns_becomes_two() {
        let mut parts = Vec::new();
        let line = [[5.0, 5.0], [15.0, 5.0], [15.0, 8.0], [5.0, 8.0], [5.0, 9.0]];
        clip_line(&line, &BOX, &mut Vec::new(), |part| {
            parts.push(part.to_vec())
        });
        assert_eq!(
            parts,
            [
                vec![[5.0, 5.0], [10.0, 5.0]],
                vec![[10.0, 8.0], [5.0, 8.0], [5.0, 9.0]]
            ]
        );
    }

    #[test]
    fn a_segment_past_the_corner_is_outside() {
        let mut parts = 0;
        clip_line(&[[-3.0, 5.0], [5.0, -4.0]], &BOX, &mut Vec::new(), |_| {
            parts += 1
        });
        assert_eq!(parts, 1);
        clip_line(&[[-6.0, 5.0], [5.0, -6.0]], &BOX, &mut Vec::new(), |_| {
            parts += 1
        });
        assert_eq!(parts, 1);
    }
}
