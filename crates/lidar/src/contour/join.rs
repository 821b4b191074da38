//! Lines put together across the strips that they were found in.

use std::collections::BTreeMap;

use super::Contour;
use super::march::{Edge, Piece};

/// An unfinished line of more vertices is cut at the end of a strip, so that what waits for
/// the next strip stays small and no feature grows beyond use.
const VERTICES_MAX: usize = 50_000;

/// Which end of a line waits at an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    First,
    Last,
}

type Waiting = BTreeMap<(i64, Edge, End), Wait>;

/// What waits at an edge for its continuation.
#[derive(Debug, Clone, Copy)]
enum Wait {
    /// This line.
    Line(usize),
    /// One that was cut here and is done.
    Cut,
}

/// A line that may go on.
#[derive(Debug)]
struct Open {
    step: i64,
    line: Vec<[f64; 2]>,
    /// Part of a longer line that was cut: kept however short it is.
    is_cut: bool,
}

#[derive(Debug)]
pub(super) struct Joiner {
    min_length_m: f64,
    waiting: Waiting,
    /// None for one that has become part of another.
    open: Vec<Option<Open>>,
    /// Which line each has become part of; itself if of none.
    whole: Vec<usize>,
    left_out: u64,
}

impl Joiner {
    pub(super) fn new(min_length_m: f64) -> Joiner {
        Joiner {
            min_length_m,
            waiting: Waiting::new(),
            open: Vec::new(),
            whole: Vec::new(),
            left_out: 0,
        }
    }

    /// How many lines were left out so far because they were too short.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Takes the lines of a strip between two rows of the lattice, and returns those that
    /// cannot go on. `to_map` tells where a place of the lattice is.
    pub(super) fn add(
        &mut self,
        pieces: Vec<Piece>,
        columns: usize,
        [top, bottom]: [usize; 2],
        to_map: impl Fn([f64; 2]) -> [f64; 2],
    ) -> Vec<Contour> {
        let mut next = Waiting::new();
        for piece in pieces {
            let step = piece.step;
            let (first, last) = match (piece.line.first(), piece.line.last()) {
                (Some(first), Some(last)) => (first.edge, last.edge),
                _ => continue,
            };
            let is_ring = first == last;
            let mut line = self.open.len();
            self.open.push(Some(Open {
                step,
                line: piece.line.iter().map(|v| to_map(v.place)).collect(),
                is_cut: false,
            }));
            self.whole.push(line);
            if is_ring {
                continue;
            }
            if first.row(columns) == Some(top) {
                line = self.join((step, first, End::Last), line);
            }
            if last.row(columns) == Some(top) {
                line = self.join((step, last, End::First), line);
            }
            if first.row(columns) == Some(bottom) {
                next.insert((step, first, End::First), Wait::Line(line));
            }
            if last.row(columns) == Some(bottom) {
                next.insert((step, last, End::Last), Wait::Line(line));
            }
        }
        self.waiting = next;
        self.settle()
    }

    /// Everything that is left.
    pub(super) fn finish(&mut self) -> Vec<Contour> {
        self.waiting.clear();
        self.settle()
    }

    /// Joins a line to what waits for it, if anything does; returns which line it is now.
    fn join(&mut self, waits: (i64, Edge, End), line: usize) -> usize {
        let other = match self.waiting.remove(&waits) {
            None => return line,
            Some(Wait::Cut) => {
                if let Some(open) = &mut self.open[line] {
                    open.is_cut = true;
                }
                return line;
            }
            Some(Wait::Line(other)) => self.whole_of(other),
        };
        let (before, after) = match waits.2 {
            End::Last => (other, line),
            End::First => (line, other),
        };
        if before == after {
            // The ends of one line meet: a ring, whose last vertex is its first.
            return line;
        }
        let Some(tail) = self.open[after].take() else {
            return line;
        };
        if let Some(head) = &mut self.open[before] {
            head.line.extend(&tail.line[1..]);
            head.is_cut |= tail.is_cut;
        }
        self.whole[after] = before;
        before
    }

    fn whole_of(&self, mut line: usize) -> usize {
        while self.whole[line] != line {
            line = self.whole[line];
        }
        line
    }

    /// Takes out the lines that nothing waits for, and those that have grown too long.
    fn settle(&mut self) -> Vec<Contour> {
        let mut waits = vec![false; self.open.len()];
        let mut next = std::mem::take(&mut self.waiting);
        for wait in next.values_mut() {
            if let Wait::Line(line) = wait {
                *line = self.whole_of(*line);
                waits[*line] = true;
            }
        }
        let mut done = Vec::new();
        let mut open = Vec::new();
        let mut moved = vec![None; self.open.len()];
        for (number, line) in std::mem::take(&mut self.open).into_iter().enumerate() {
            let Some(mut line) = line else { continue };
            if !waits[number] {
                self.put(line, &mut done);
            } else if line.line.len() > VERTICES_MAX {
                line.is_cut = true;
                self.put(line, &mut done);
            } else {
                moved[number] = Some(open.len());
                open.push(Some(line));
            }
        }
        for wait in next.values_mut() {
            if let Wait::Line(line) = *wait {
                *wait = moved[line].map_or(Wait::Cut, Wait::Line);
            }
        }
        self.whole = (0..open.len()).collect();
        self.open = open;
        self.waiting = next;
        done
    }

    /// Puts a line with the finished ones, unless it is too short.
    fn put(&mut self, open: Open, done: &mut Vec<Contour>) {
        let length_m: f64 = open
            .line
            .windows(2)
            .map(|ends| (ends[1][0] - ends[0][0]).hypot(ends[1][1] - ends[0][1]))
            .sum();
        if length_m < self.min_length_m && !open.is_cut {
            self.left_out += 1;
        } else {
            done.push(Contour {
                step: open.step,
                line: open.line,
            });
        }
    }
}
