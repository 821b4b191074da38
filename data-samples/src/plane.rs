//! Small mathematics of the plane, in metres.

/// Returns the distance of two places.
pub(crate) fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    let d = [b[0] - a[0], b[1] - a[1]];
    (d[0] * d[0] + d[1] * d[1]).sqrt()
}

/// Returns the distance of a place from a line between two others.
pub(crate) fn distance_to_segment(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let d = [b[0] - a[0], b[1] - a[1]];
    let t = ((p[0] - a[0]) * d[0] + (p[1] - a[1]) * d[1]) / (d[0] * d[0] + d[1] * d[1]);
    let t = t.clamp(0.0, 1.0);
    let off = [p[0] - a[0] - t * d[0], p[1] - a[1] - t * d[1]];
    (off[0] * off[0] + off[1] * off[1]).sqrt()
}

/// Returns a vector of the same direction and length 1.
pub(crate) fn unit([x, y]: [f64; 2]) -> [f64; 2] {
    let length = (x * x + y * y).sqrt();
    [x / length, y / length]
}

/// Returns the place so far to the left of one who looks along the unit vector
/// `direction`; to the right where the distance is negative.
pub(crate) fn left_of(place: [f64; 2], direction: [f64; 2], distance_m: f64) -> [f64; 2] {
    [
        place[0] - direction[1] * distance_m,
        place[1] + direction[0] * distance_m,
    ]
}

/// Rounds to two decimals.
pub(crate) fn round2(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
