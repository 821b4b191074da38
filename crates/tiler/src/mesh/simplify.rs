//! As few nodes of a tile as keep all others within a tolerance.
//!
//! Edges first, each by its own heights alone (Douglas and Peucker, 1973), so that the tile
//! beside it keeps the same nodes. Then, round by round, the worst node in each triangle of
//! a Delaunay triangulation, until none is over the tolerance (greedy insertion: Garland
//! and Heckbert, 1995).

use std::collections::{BTreeSet, HashMap};

use spade::{DelaunayTriangulation, Point2, Triangulation};

use super::samples::Samples;
use super::{CELLS, Mesh};

/// A node of a tile, from the south-west.
type Node = [usize; 2];

pub(super) fn simplify(samples: &Samples, tolerance_m: f64, base_segments: usize) -> Mesh {
    let mut kept = first_nodes(samples, tolerance_m, base_segments);
    let mut surface = DelaunayTriangulation::<Point2<f64>>::new();
    let mut added: Vec<Node> = kept.iter().copied().collect();
    while !added.is_empty() {
        for [column, row] in added.drain(..) {
            surface
                .insert(Point2::new(column as f64, row as f64))
                .expect("whole numbers below 129 are good coordinates");
        }
        for face in surface.inner_faces() {
            let corners = face.positions().map(node_of);
            if let Some(worst) = worst_inside(samples, corners, tolerance_m)
                && kept.insert(worst)
            {
                added.push(worst);
            }
        }
    }
    // Vertices in the order of their first use, as the format's indices want them.
    let mut numbers: HashMap<Node, u32> = HashMap::new();
    let mut mesh = Mesh {
        vertices: Vec::new(),
        triangles: Vec::new(),
    };
    for face in surface.inner_faces() {
        mesh.triangles.push(face.positions().map(|position| {
            let node = node_of(position);
            *numbers.entry(node).or_insert_with(|| {
                mesh.vertices.push(node);
                mesh.vertices.len() as u32 - 1
            })
        }));
    }
    mesh
}

fn node_of(position: Point2<f64>) -> Node {
    [position.x as usize, position.y as usize]
}

/// A coarse lattice, and what the edges need.
fn first_nodes(samples: &Samples, tolerance_m: f64, base_segments: usize) -> BTreeSet<Node> {
    let step = CELLS / base_segments;
    let mut kept = BTreeSet::new();
    for column in (0..=CELLS).step_by(step) {
        for row in (0..=CELLS).step_by(step) {
            kept.insert([column, row]);
        }
    }
    let edges: [fn(usize) -> Node; 4] = [|i| [i, 0], |i| [i, CELLS], |i| [0, i], |i| [CELLS, i]];
    for edge in edges {
        let mut parts: Vec<(usize, usize)> = (0..base_segments)
            .map(|segment| (segment * step, (segment + 1) * step))
            .collect();
        while let Some((from, to)) = parts.pop() {
            let (low, high) = (samples.height_m(edge(from)), samples.height_m(edge(to)));
            let error = |i: usize| {
                let share = (i - from) as f64 / (to - from) as f64;
                (samples.height_m(edge(i)) - low - share * (high - low)).abs()
            };
            let worst = (from + 1..to).max_by(|&a, &b| error(a).total_cmp(&error(b)));
            if let Some(worst) = worst.filter(|&worst| error(worst) > tolerance_m) {
                kept.insert(edge(worst));
                parts.extend([(from, worst), (worst, to)]);
            }
        }
    }
    kept
}

/// The node that lies farthest from the plane of a triangle, if that is over the tolerance;
/// of those inside the triangle and not on the edge of the tile.
fn worst_inside(samples: &Samples, corners: [Node; 3], tolerance_m: f64) -> Option<Node> {
    let [a, b, c] = corners.map(|[x, y]| [x as i64, y as i64]);
    // Twice the area of the triangle with two corners and a node; over zero on the left.
    let side = |from: [i64; 2], to: [i64; 2], at: [i64; 2]| {
        (to[0] - from[0]) * (at[1] - from[1]) - (to[1] - from[1]) * (at[0] - from[0])
    };
    let area = side(a, b, c) as f64;
    let [ha, hb, hc] = corners.map(|corner| samples.height_m(corner));
    let range = |axis: usize| {
        let all = corners.map(|corner| corner[axis]);
        let low = all.into_iter().min().unwrap_or(0).max(1);
        let high = all.into_iter().max().unwrap_or(0).min(CELLS - 1);
        low..=high
    };
    let mut worst = None;
    let mut largest = tolerance_m;
    for row in range(1) {
        for column in range(0) {
            let at = [column as i64, row as i64];
            let (wa, wb, wc) = (side(b, c, at), side(c, a, at), side(a, b, at));
            if wa < 0 || wb < 0 || wc < 0 {
                continue;
            }
            let plane = (wa as f64 * ha + wb as f64 * hb + wc as f64 * hc) / area;
            let error = (samples.height_m([column, row]) - plane).abs();
            if error > largest {
                largest = error;
                worst = Some([column, row]);
            }
        }
    }
    worst
}
