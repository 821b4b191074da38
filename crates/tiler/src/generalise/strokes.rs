//! How far a line goes on beyond its ends, as the eye follows it across junctions.

use std::collections::HashMap;

use crate::generalise::grid::Node;
use crate::generalise::places::{Place, Places};

/// Cosine of the sharpest bend at which a line is seen to go on: 37°.
const STRAIGHT: f64 = 0.8;

/// Most lines that are followed from an end. Those that are short may have short ones go on
/// from them, but not forever.
const STEPS: usize = 32;

/// How long each line is with what goes on at its ends, in units of the CRS.
pub(crate) struct Strokes(Vec<f64>);

/// A line, and whether its last end is meant rather than its first.
type End = (usize, bool);

/// Lines by their ends.
struct Ends {
    lines: Vec<Stroke>,
    ends: HashMap<Place, Vec<End>>,
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
        let mut ends: HashMap<Place, Vec<End>> = HashMap::new();
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
        let ends = Ends {
            lines: strokes,
            ends,
        };
        let count = 0..ends.lines.len();
        let onward: Vec<[Option<End>; 2]> = count
            .clone()
            .map(|line| [false, true].map(|is_last| ends.next((line, is_last))))
            .collect();
        let followed = |line: usize| {
            let mut sum = ends.lines[line].length;
            for is_last in [false, true] {
                let mut end = (line, is_last);
                for _ in 0..STEPS {
                    let Some(next) = onward[end.0][usize::from(end.1)] else {
                        break;
                    };
                    if next.0 == line {
                        break;
                    }
                    sum += ends.lines[next.0].length;
                    end = (next.0, !next.1);
                }
            }
            sum
        };
        Strokes(count.map(followed).collect())
    }

    /// Whether a line, with what goes on at its ends, is at least `length` long, in units of
    /// the CRS.
    pub(crate) fn is_part_of(&self, line: usize, length: f64) -> bool {
        self.0[line] >= length
    }
}

impl Ends {
    /// The end of another line that goes on straightest from an end.
    fn next(&self, (line, is_last): End) -> Option<End> {
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
