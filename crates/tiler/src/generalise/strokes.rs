//! How far a line goes on beyond its ends, as the eye follows it across junctions.

use std::collections::HashMap;

use crate::generalise::grid::{self, Node};

/// Cosine of the sharpest bend at which a line is seen to go on: 37°.
const STRAIGHT: f64 = 0.8;

/// Most lines that are followed from an end. Those asked about are short, and so may be the
/// ones that go on, but not forever.
const STEPS: usize = 32;

/// The ends of lines, by their places.
pub(crate) struct Strokes<'a> {
    lines: &'a [Vec<Node>],
    ends: HashMap<Node, Vec<(usize, bool)>>,
}

impl<'a> Strokes<'a> {
    pub(crate) fn new(lines: &'a [Vec<Node>]) -> Strokes<'a> {
        let mut ends: HashMap<Node, Vec<(usize, bool)>> = HashMap::new();
        for (i, line) in lines.iter().enumerate() {
            for is_last in [false, true] {
                ends.entry(end_of(line, is_last))
                    .or_default()
                    .push((i, is_last));
            }
        }
        Strokes { lines, ends }
    }

    /// Whether a line, with what goes on at its ends, is at least `length` long, in units of
    /// the CRS. Looks no farther than that.
    pub(crate) fn is_part_of(&self, line: usize, length: f64) -> bool {
        let mut sum = grid::length(&self.lines[line]);
        for is_last in [false, true] {
            let mut end = (line, is_last);
            for _ in 0..STEPS {
                if sum >= length {
                    return true;
                }
                let Some(next) = self.next(end) else { break };
                if next.0 == line {
                    break;
                }
                sum += grid::length(&self.lines[next.0]);
                end = (next.0, !next.1);
            }
        }
        sum >= length
    }

    /// The end of another line that goes on straightest from an end.
    fn next(&self, (line, is_last): (usize, bool)) -> Option<(usize, bool)> {
        let inward = direction(&self.lines[line], is_last);
        let node = end_of(&self.lines[line], is_last);
        let others = self.ends.get(&node)?.iter().filter(|end| end.0 != line);
        others
            .map(|&(other, is_last)| {
                let onward = direction(&self.lines[other], is_last);
                let cosine = -(inward[0] * onward[0] + inward[1] * onward[1]);
                (cosine, (other, is_last))
            })
            .filter(|(cosine, _)| *cosine >= STRAIGHT)
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
            .map(|(_, end)| end)
    }
}

fn end_of(line: &[Node], is_last: bool) -> Node {
    line[if is_last { line.len() - 1 } else { 0 }]
}

/// The way from an end into the line, of length 1.
fn direction(line: &[Node], is_last: bool) -> [f64; 2] {
    let next = if is_last {
        line[line.len() - 2]
    } else {
        line[1]
    };
    let from = end_of(line, is_last);
    let [dx, dy] = [0, 1].map(|i| (next[i] - from[i]) as f64);
    let length = dx.hypot(dy);
    [dx / length, dy / length]
}
