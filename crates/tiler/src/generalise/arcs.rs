//! Lines and borders cut at their junctions, so that what two features share is simplified
//! once and stays shared.

use std::collections::{HashMap, HashSet};

use crate::generalise::grid::Node;
use crate::simplify::Simplifier;

/// Places where lines meet, end or fork: they stay.
#[derive(Debug, Default)]
pub(crate) struct Junctions {
    around: HashMap<Node, Around>,
    fixed: HashSet<Node>,
}

/// The places next to a place.
#[derive(Debug, Clone, Copy)]
enum Around {
    One(Node),
    Two(Node, Node),
    Many,
}

impl Junctions {
    /// Adds a line. If it does not end where it starts, both ends stay.
    pub(crate) fn add_line(&mut self, line: &[Node]) {
        for pair in line.windows(2) {
            self.add_step(pair[0], pair[1]);
            self.add_step(pair[1], pair[0]);
        }
        if let (Some(first), Some(last)) = (line.first(), line.last())
            && first != last
        {
            self.fixed.extend([first, last]);
        }
    }

    fn add_step(&mut self, at: Node, next: Node) {
        let around = self.around.entry(at).or_insert(Around::One(next));
        *around = match *around {
            Around::One(a) if a != next => Around::Two(a, next),
            Around::Two(a, b) if a != next && b != next => Around::Many,
            same => same,
        };
    }

    /// Whether lines end, meet or fork here.
    pub(crate) fn has(&self, node: Node) -> bool {
        self.fixed.contains(&node) || matches!(self.around.get(&node), Some(Around::Many))
    }

    /// Whether nothing but one line reaches here, and ends.
    pub(crate) fn is_loose(&self, node: Node) -> bool {
        matches!(self.around.get(&node), Some(Around::One(_)))
    }
}

/// Cuts a line at junctions: pieces that begin and end at one or at the ends of the line. A
/// ring, whose last place is its first, is turned to start at a junction, or if it has none
/// at its least place.
pub(crate) fn cut(line: &[Node], junctions: &Junctions) -> Vec<Vec<Node>> {
    let mut turned;
    let mut line = line;
    if let [first, open @ ..] = line
        && open.len() > 1
        && open.last() == Some(first)
        && !junctions.has(*first)
    {
        let start = (0..open.len())
            .find(|&i| junctions.has(open[i]))
            .or_else(|| (0..open.len()).min_by_key(|&i| open[i]))
            .unwrap_or(0);
        turned = open.to_vec();
        turned.rotate_left(start);
        turned.push(turned[0]);
        line = &turned;
    }
    let mut pieces = Vec::new();
    let mut start = 0;
    for i in 1..line.len() {
        if i + 1 == line.len() || junctions.has(line[i]) {
            pieces.push(line[start..=i].to_vec());
            start = i;
        }
    }
    pieces
}

/// Turns an arc the way in which it is kept, whoever runs along it. Returns whether it was
/// turned round.
pub(crate) fn direct(arc: &mut [Node]) -> bool {
    let turns = arc.iter().rev().lt(arc.iter());
    if turns {
        arc.reverse();
    }
    turns
}

/// Returns the arc with vertices left out that lie within `tolerance`, in steps of the grid,
/// of it. Ends stay. One that ends where it starts keeps at least three corners.
pub(crate) fn simplified(arc: &[Node], tolerance: f64, simplifier: &mut Simplifier) -> Vec<Node> {
    let is_ring = arc.first() == arc.last();
    if arc.len() <= 2 || tolerance <= 0.0 || (is_ring && arc.len() <= 4) {
        return arc.to_vec();
    }
    // Counted from the first place, so that numbers stay small and squares exact enough.
    let origin = arc[0];
    let local = |node: &Node| [(node[0] - origin[0]) as f64, (node[1] - origin[1]) as f64];
    let line: Vec<[f64; 2]> = arc.iter().map(local).collect();
    let mut out = Vec::with_capacity(line.len());
    simplifier.line(&line, tolerance, &mut out);
    if is_ring && out.len() < 4 {
        return arc.to_vec();
    }
    out.iter()
        .map(|[x, y]| [origin[0] + *x as i64, origin[1] + *y as i64])
        .collect()
}
