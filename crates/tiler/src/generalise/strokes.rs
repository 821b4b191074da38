//! How far a line goes on beyond its ends, as the eye follows it across junctions.

use std::collections::HashMap;

use crate::generalise::grid::Node;
use crate::generalise::places::{Place, Places};

/// Cosine of the sharpest bend at which a line is seen to go on: 37°.
const STRAIGHT: f64 = 0.8;

/// Most lines that are followed from an end. Those asked about are short, and so may be the
/// ones that go on, but not forever.
const STEPS: usize = 32;

/// Lines by their ends.
pub(crate) struct Strokes {
    lines: Vec<Stroke>,
    ends: HashMap<Place, Vec<(usize, bool)>>,
}

/// A line as far as it matters here.
struct Stroke {
    /// In units of the CRS.
    length: f64,
    /// The first and the last place, and the ways from there into the line, of length 1.
    ends: [Place; 2],
    inward: [[f64; 2]; 2],
}

impl Strokes {
    pub(crate) fn new(lines: &[Vec<Place>], places: &Places) -> Strokes {
        let mut ends: HashMap<Place, Vec<(usize, bool)>> = HashMap::new();
        let mut strokes = Vec::new();
        for (i, line) in lines.iter().enumerate() {
            let n = line.len();
            let stroke = Stroke {
                length: places.length(line),
                ends: [line[0], line[n - 1]],
                inward: [
                    direction(places.at(line[0]), places.at(line[1])),
                    direction(places.at(line[n - 1]), places.at(line[n - 2])),
                ],
            };
            for is_last in [false, true] {
                let end = stroke.ends[usize::from(is_last)];
                ends.entry(end).or_default().push((i, is_last));
            }
            strokes.push(stroke);
        }
        Strokes {
            lines: strokes,
            ends,
        }
    }

    /// Whether a line, with what goes on at its ends, is at least `length` long, in units of
    /// the CRS. Looks no farther than that.
    pub(crate) fn is_part_of(&self, line: usize, length: f64) -> bool {
        let mut sum = self.lines[line].length;
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
                sum += self.lines[next.0].length;
                end = (next.0, !next.1);
            }
        }
        sum >= length
    }

    /// The end of another line that goes on straightest from an end.
    fn next(&self, (line, is_last): (usize, bool)) -> Option<(usize, bool)> {
        let stroke = &self.lines[line];
        let inward = stroke.inward[usize::from(is_last)];
        let place = stroke.ends[usize::from(is_last)];
        let others = self.ends.get(&place)?.iter().filter(|end| end.0 != line);
        others
            .map(|&(other, is_last)| {
                let onward = self.lines[other].inward[usize::from(is_last)];
                let cosine = -(inward[0] * onward[0] + inward[1] * onward[1]);
                (cosine, (other, is_last))
            })
            .filter(|(cosine, _)| *cosine >= STRAIGHT)
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
            .map(|(_, end)| end)
    }
}

/// The way from one place to the next, of length 1.
fn direction(from: Node, to: Node) -> [f64; 2] {
    let [dx, dy] = [0, 1].map(|i| (to[i] - from[i]) as f64);
    let length = dx.hypot(dy);
    [dx / length, dy / length]
}
