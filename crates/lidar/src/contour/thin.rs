//! Lines with fewer vertices that pass the same edges.

use super::march::Vertex;

/// How far from its own level a thinned line may pass an edge, in intervals. Two neighbours
/// that both go as far as they may are still a tenth of the interval apart.
const BAND: f64 = 0.45;

/// How near to a node a thinned line may pass, in cells.
const NODE_MARGIN: f64 = 1e-6;

/// Leaves vertices out wherever the line between those that stay passes the same edges, at
/// most `tolerance_cells` from them (after Douglas and Peucker). Ends and rings stay.
pub(super) fn thinned(line: Vec<Vertex>, tolerance_cells: f64, interval_m: f64) -> Vec<Vertex> {
    if tolerance_cells <= 0.0 || line.len() < 3 {
        return line;
    }
    let mut keep = vec![false; line.len()];
    (keep[0], keep[line.len() - 1]) = (true, true);
    let mut spans = vec![(0, line.len() - 1)];
    while let Some((first, last)) = spans.pop() {
        if let Some(split) = farthest(&line[first..=last], tolerance_cells, interval_m) {
            keep[first + split] = true;
            spans.extend([(first, first + split), (first + split, last)]);
        }
    }
    let is_ring = line[0].edge == line[line.len() - 1].edge;
    let kept: Vec<Vertex> = (line.iter().zip(&keep))
        .filter(|(_, keep)| **keep)
        .map(|(vertex, _)| *vertex)
        .collect();
    // A ring needs three corners; one this small has few vertices to save anyway.
    if is_ring && kept.len() < 4 {
        line
    } else {
        kept
    }
}

/// The place of the vertex that must stay for the others to be told by straight lines; none
/// if those between the ends can all go.
fn farthest(line: &[Vertex], tolerance_cells: f64, interval_m: f64) -> Option<usize> {
    let inner = line.len() - 2;
    if inner == 0 {
        return None;
    }
    let (from, to) = (line[0].place, line[line.len() - 1].place);
    let (mut worst, mut at) = (0.0, 1 + inner / 2);
    let mut passes = crossings(from, to) == inner;
    for (i, vertex) in line.iter().enumerate().skip(1).take(inner) {
        // The axis on which the edge stands still, and the one along which it runs.
        let (fixed, along) = if vertex.edge.runs_south() {
            (0, 1)
        } else {
            (1, 0)
        };
        let share = (vertex.place[fixed] - from[fixed]) / (to[fixed] - from[fixed]);
        let cut = from[along] + share * (to[along] - from[along]);
        let start = vertex.place[along].floor();
        let within = (start + NODE_MARGIN..=start + 1.0 - NODE_MARGIN).contains(&cut);
        let off = (cut - vertex.place[along]).abs();
        // What is not a number, since the line runs beside the edge, is not within.
        passes &= share > 0.0
            && share < 1.0
            && within
            && off <= tolerance_cells
            && off * vertex.rise_m < BAND * interval_m;
        // Distance from the straight line, or from its ends where they are one.
        let away = distance(vertex.place, from, to);
        if away > worst {
            (worst, at) = (away, i);
        }
    }
    (!passes).then_some(at)
}

/// How many lines of the lattice lie between two places, across and along.
fn crossings(from: [f64; 2], to: [f64; 2]) -> usize {
    (0..2)
        .map(|axis| {
            let (low, high) = (from[axis].min(to[axis]), from[axis].max(to[axis]));
            (high.ceil() - low.floor() - 1.0).max(0.0) as usize
        })
        .sum()
}

fn distance(place: [f64; 2], from: [f64; 2], to: [f64; 2]) -> f64 {
    let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    let [px, py] = [place[0] - from[0], place[1] - from[1]];
    let length = dx.hypot(dy);
    if length == 0.0 {
        px.hypot(py)
    } else {
        (dx * py - dy * px).abs() / length
    }
}
