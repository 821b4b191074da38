//! Douglas–Peucker simplification that is the same from wherever one starts.

/// Marks of the vertices to keep, and the work still to be done.
#[derive(Debug, Default)]
pub(crate) struct Simplifier {
    keep: Vec<bool>,
    spans: Vec<(usize, usize)>,
}

impl Simplifier {
    /// Appends to `out` the line with the vertices left out that lie within
    /// `tolerance` of it. The two ends stay.
    pub(crate) fn line(&mut self, line: &[[f64; 2]], tolerance: f64, out: &mut Vec<[f64; 2]>) {
        if line.len() <= 2 || tolerance <= 0.0 {
            out.extend_from_slice(line);
            return;
        }
        let keep = self.kept(line, tolerance);
        out.extend(line.iter().zip(keep).filter(|(_, k)| **k).map(|(p, _)| *p));
    }

    /// Returns of each vertex of a line, which has two or more, whether it stays: as
    /// [`Simplifier::line`] decides.
    pub(crate) fn kept(&mut self, line: &[[f64; 2]], tolerance: f64) -> &[bool] {
        self.mark(line, &[0, line.len() - 1], tolerance);
        &self.keep
    }

    /// Appends to `out` the ring with the vertices left out that lie within
    /// `tolerance` of it, neither given nor returned with its first vertex repeated.
    ///
    /// The result has the same vertices whichever of them the ring starts with,
    /// so that a border drawn twice differs little. A ring with four or more
    /// corners keeps at least four: a house never becomes a triangle or vanishes.
    pub(crate) fn ring(&mut self, ring: &[[f64; 2]], tolerance: f64, out: &mut Vec<[f64; 2]>) {
        if ring.len() <= 4 || tolerance <= 0.0 {
            out.extend_from_slice(ring);
            return;
        }
        // The westmost vertex and the one farthest from it stay.
        let by_place = |a: &usize, b: &usize| {
            let (a, b) = (ring[*a], ring[*b]);
            a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1]))
        };
        let first = (0..ring.len()).min_by(by_place).unwrap_or(0);
        let distance = |i: &usize| {
            let [dx, dy] = [ring[*i][0] - ring[first][0], ring[*i][1] - ring[first][1]];
            dx * dx + dy * dy
        };
        let farthest = (0..ring.len())
            .max_by(|a, b| distance(a).total_cmp(&distance(b)).then(by_place(a, b)))
            .unwrap_or(0);
        let n = ring.len();
        let mut turned: Vec<[f64; 2]> = Vec::with_capacity(n + 1);
        turned.extend((0..=n).map(|i| ring[(first + i) % n]));
        let middle = (farthest + n - first) % n;
        self.mark(&turned, &[0, middle, n], tolerance);
        if self.keep[..n].iter().filter(|k| **k).count() < 4 {
            out.extend_from_slice(ring);
        } else {
            out.extend(
                turned[..n]
                    .iter()
                    .zip(&self.keep)
                    .filter(|(_, k)| **k)
                    .map(|(p, _)| *p),
            );
        }
    }

    /// Marks the vertices to keep between `anchors`, which stay.
    fn mark(&mut self, line: &[[f64; 2]], anchors: &[usize], tolerance: f64) {
        self.keep.clear();
        self.keep.resize(line.len(), false);
        self.spans.clear();
        for &anchor in anchors {
            self.keep[anchor] = true;
        }
        self.spans.extend(anchors.windows(2).map(|w| (w[0], w[1])));
        let limit = tolerance * tolerance;
        while let Some((start, end)) = self.spans.pop() {
            let (mut worst, mut farthest) = (limit, 0);
            let segment = Segment::new(line[start], line[end]);
            for (i, &point) in line.iter().enumerate().take(end).skip(start + 1) {
                let distance = segment.distance_squared(point);
                if distance > worst {
                    (worst, farthest) = (distance, i);
                }
            }
            if farthest > 0 {
                self.keep[farthest] = true;
                self.spans.push((start, farthest));
                self.spans.push((farthest, end));
            }
        }
    }
}

struct Segment {
    a: [f64; 2],
    along: [f64; 2],
    /// One over the squared length; zero for a point.
    inverse: f64,
}

impl Segment {
    fn new(a: [f64; 2], b: [f64; 2]) -> Segment {
        let along = [b[0] - a[0], b[1] - a[1]];
        let squared = along[0] * along[0] + along[1] * along[1];
        let inverse = if squared > 0.0 { 1.0 / squared } else { 0.0 };
        Segment { a, along, inverse }
    }

    fn distance_squared(&self, p: [f64; 2]) -> f64 {
        let [dx, dy] = [p[0] - self.a[0], p[1] - self.a[1]];
        let t = ((dx * self.along[0] + dy * self.along[1]) * self.inverse).clamp(0.0, 1.0);
        let [ex, ey] = [dx - t * self.along[0], dy - t * self.along[1]];
        ex * ex + ey * ey
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vertex_within_the_tolerance_goes_and_one_beyond_stays() {
        let line = [
            [0.0, 0.0],
            [5.0, 0.9],
            [10.0, 0.0],
            [15.0, 1.1],
            [20.0, 0.0],
        ];
        let mut out = Vec::new();
        Simplifier::default().line(&line, 1.0, &mut out);
        assert_eq!(out, [[0.0, 0.0], [15.0, 1.1], [20.0, 0.0]]);
    }

    #[test]
    fn a_ring_is_simplified_alike_from_any_start_and_direction() {
        let ring: Vec<[f64; 2]> = (0..100)
            .map(|i| {
                let turn = f64::from(i) / 100.0 * std::f64::consts::TAU;
                let radius = 50.0 + f64::from(i * 7919 % 13);
                [radius * turn.cos(), radius * turn.sin()]
            })
            .collect();
        let simplified = |ring: &[[f64; 2]]| {
            let mut out = Vec::new();
            Simplifier::default().ring(ring, 4.0, &mut out);
            out.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
            out
        };
        let expected = simplified(&ring);
        assert!((8..90).contains(&expected.len()), "{}", expected.len());
        for start in [1, 50, 99] {
            let mut turned = ring.clone();
            turned.rotate_left(start);
            assert_eq!(simplified(&turned), expected);
            turned.reverse();
            assert_eq!(simplified(&turned), expected);
        }
    }

    #[test]
    fn a_small_house_keeps_its_corners() {
        let house = [[0.0, 0.0], [1.5, 0.0], [3.0, 0.0], [3.0, 2.0], [0.0, 2.0]];
        let mut out = Vec::new();
        Simplifier::default().ring(&house, 3.0, &mut out);
        assert_eq!(out, house);
    }
}
