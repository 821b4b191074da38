//! Points by place: squares within squares, in one temporary file.
//!
//! 1. The whole is made of tops, squares on the lattice of whole multiples of their side. When
//!    there are too many of them, four become one of twice the side.
//! 2. A square that has taken [`SQUARE_POINTS`] points is quartered: those in memory move on,
//!    those already in the file stay with the square, and new ones go to its quarters. So no
//!    header is needed to know how fine squares must be, and no point is written twice.
//! 3. Memory for points has a budget. When it is used up, the fullest squares are written
//!    until half of it is free.
//! 4. Each top counts its points in [`CELLS`] × [`CELLS`] cells, exactly.
//!
//! All sides are powers of two, so that the arithmetic of borders is exact.

use std::collections::HashMap;

use super::packed::{Layout, Run};
use super::scratch::Scratch;
use crate::error::Error;

/// Points after which a square is quartered: some four megabytes, quick to read for a
/// neighbour that needs a few of them.
const SQUARE_POINTS: u32 = 1 << 17;

/// Squares are not quartered below this side.
const MIN_SIDE: f64 = 1.0;

/// Side of the tops at first. Counted cells are then 16 m wide, of which two and a half
/// thousand square kilometres fit within the limit on tops.
const TOP_SIDE: f64 = 1024.0;

/// Cells along a side of a top.
pub(super) const CELLS: i64 = 64;

/// Most tops: their counts take 40 MB.
const MAX_TOPS: usize = 2560;

/// Bytes that a square takes at first, when points come.
const FIRST_BYTES: usize = 4096;

/// All squares with their points.
#[derive(Debug)]
pub(super) struct Squares {
    layout: Layout,
    scratch: Scratch,
    squares: Vec<Square>,
    tops: Vec<Top>,
    top_at: HashMap<[i64; 2], usize>,
    top_side: f64,
    /// Bytes that rows in memory take, and may take.
    buffered: usize,
    budget: usize,
    /// The top and the square of the last point: the next is mostly in the same.
    last: Option<([i64; 2], usize, usize)>,
}

#[derive(Debug)]
struct Top {
    square: usize,
    counts: Box<[u32]>,
}

#[derive(Debug)]
struct Square {
    min: [f64; 2],
    side: f64,
    /// South-west, south-east, north-west and north-east quarter, where there are any.
    quarters: Option<[Option<usize>; 4]>,
    /// Points taken.
    points: u32,
    /// Packed points in memory.
    rows: Vec<u8>,
    runs: Vec<Run>,
}

impl Squares {
    /// Starts without squares. Points in memory take `budget` bytes at most.
    pub(super) fn new(layout: Layout, scratch: Scratch, budget: usize) -> Squares {
        Squares {
            layout,
            scratch,
            squares: Vec::new(),
            tops: Vec::new(),
            top_at: HashMap::new(),
            top_side: TOP_SIDE,
            buffered: 0,
            budget,
            last: None,
        }
    }

    /// Takes packed points, in order.
    pub(super) fn add(&mut self, rows: &[u8]) -> Result<(), Error> {
        for row in rows.chunks_exact(self.layout.row_len()) {
            let place = self.layout.place(row);
            let key = place.map(|v| (v / self.top_side).floor() as i64);
            let (top, square) = match self.last {
                Some((last, top, square)) if last == key => (top, square),
                _ => {
                    let top = self.top(key);
                    (top, self.tops[top].square)
                }
            };
            let cell_side = self.cell_side();
            let [column, row_of_cells] =
                [0, 1].map(|axis| (place[axis] / cell_side).floor() as i64 - key[axis] * CELLS);
            let count = &mut self.tops[top].counts[(row_of_cells * CELLS + column) as usize];
            *count = count.saturating_add(1);
            let from = if self.squares[square].contains(place) {
                square
            } else {
                self.tops[top].square
            };
            let square = self.push(from, place, row);
            self.last = Some((key, top, square));
            if self.tops.len() > MAX_TOPS {
                self.coarsen();
            }
        }
        if self.buffered > self.budget {
            self.write_fullest(self.budget / 2)?;
        }
        Ok(())
    }

    /// Writes all that is still in memory.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        self.write_fullest(0)
    }

    /// Side of a counted cell.
    pub(super) fn cell_side(&self) -> f64 {
        self.top_side / CELLS as f64
    }

    /// Column and row of each cell that has points, on the lattice of whole multiples of the
    /// side, with their number; in no order.
    pub(super) fn cells(&self) -> impl Iterator<Item = ([i64; 2], u32)> {
        self.top_at.iter().flat_map(|(key, &top)| {
            let counts = self.tops[top].counts.iter().enumerate();
            counts.filter(|(_, count)| **count > 0).map(|(i, &count)| {
                let (column, row) = (i as i64 % CELLS, i as i64 / CELLS);
                ([key[0] * CELLS + column, key[1] * CELLS + row], count)
            })
        })
    }

    /// Points in the cells that a box, from south-west to north-east, touches.
    pub(super) fn points_around(&self, [west, south, east, north]: [f64; 4]) -> u64 {
        let side = self.cell_side();
        let cell = |v: f64| (v / side).floor() as i64;
        let mut points = 0;
        for row in cell(south)..=cell(north) {
            for column in cell(west)..=cell(east) {
                let key = [column.div_euclid(CELLS), row.div_euclid(CELLS)];
                if let Some(&top) = self.top_at.get(&key) {
                    let at = row.rem_euclid(CELLS) * CELLS + column.rem_euclid(CELLS);
                    points += u64::from(self.tops[top].counts[at as usize]);
                }
            }
        }
        points
    }

    /// The runs that may have points in a closed box, from south-west to north-east, always
    /// in the same order.
    pub(super) fn runs_around(&self, ends: [f64; 4]) -> Vec<&Run> {
        let [west, south, east, north] = ends;
        let top = |v: f64| (v / self.top_side).floor() as i64;
        let mut runs = Vec::new();
        for row in top(south)..=top(north) {
            for column in top(west)..=top(east) {
                if let Some(&top) = self.top_at.get(&[column, row]) {
                    self.collect_runs(self.tops[top].square, ends, &mut runs);
                }
            }
        }
        runs
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    fn collect_runs<'a>(&'a self, square: usize, ends: [f64; 4], runs: &mut Vec<&'a Run>) {
        let square = &self.squares[square];
        let [min_x, min_y] = square.min;
        if !touch(
            ends,
            [min_x, min_y, min_x + square.side, min_y + square.side],
        ) {
            return;
        }
        let near = |run: &&Run| touch(ends, self.layout.ends(run));
        runs.extend(square.runs.iter().filter(near));
        for quarter in square.quarters.iter().flatten().flatten() {
            self.collect_runs(*quarter, ends, runs);
        }
    }

    fn top(&mut self, key: [i64; 2]) -> usize {
        if let Some(&top) = self.top_at.get(&key) {
            return top;
        }
        let square = self.new_square(key.map(|v| v as f64 * self.top_side), self.top_side);
        self.tops.push(Top {
            square,
            counts: vec![0; (CELLS * CELLS) as usize].into_boxed_slice(),
        });
        self.top_at.insert(key, self.tops.len() - 1);
        self.tops.len() - 1
    }

    fn new_square(&mut self, min: [f64; 2], side: f64) -> usize {
        self.squares.push(Square {
            min,
            side,
            quarters: None,
            points: 0,
            rows: Vec::new(),
            runs: Vec::new(),
        });
        self.squares.len() - 1
    }

    /// Adds a point to the square at `at` or below; returns to which.
    fn push(&mut self, mut at: usize, place: [f64; 2], row: &[u8]) -> usize {
        while self.squares[at].quarters.is_some() {
            at = self.quarter(at, place);
        }
        let square = &mut self.squares[at];
        if square.rows.len() + row.len() > square.rows.capacity() {
            let before = square.rows.capacity();
            square.rows.reserve_exact(before.max(FIRST_BYTES));
            self.buffered += square.rows.capacity() - before;
        }
        square.rows.extend_from_slice(row);
        square.points += 1;
        if square.points >= SQUARE_POINTS && square.side > MIN_SIDE {
            square.quarters = Some([None; 4]);
            let rows = std::mem::take(&mut square.rows);
            self.buffered -= rows.capacity();
            for row in rows.chunks_exact(row.len()) {
                let place = self.layout.place(row);
                self.push(at, place, row);
            }
        }
        at
    }

    /// Returns the quarter of a square where a place is, making it if there is none.
    fn quarter(&mut self, at: usize, place: [f64; 2]) -> usize {
        let Square { min, side, .. } = self.squares[at];
        let half = side / 2.0;
        let upper = [0, 1].map(|axis| place[axis] >= min[axis] + half);
        let number = usize::from(upper[0]) + 2 * usize::from(upper[1]);
        if let Some(quarter) = self.squares[at].quarters.and_then(|all| all[number]) {
            return quarter;
        }
        let min = [0, 1].map(|axis| min[axis] + if upper[axis] { half } else { 0.0 });
        let quarter = self.new_square(min, half);
        if let Some(quarters) = &mut self.squares[at].quarters {
            quarters[number] = Some(quarter);
        }
        quarter
    }

    /// Makes one top of four.
    fn coarsen(&mut self) {
        self.last = None;
        self.top_side *= 2.0;
        let mut tops = std::mem::take(&mut self.tops);
        // In the order in which they were made, so that runs are alike.
        let mut keys: Vec<_> = self.top_at.drain().collect();
        keys.sort_unstable_by_key(|&(_, at)| at);
        for (key, at) in keys {
            let parent = self.top(key.map(|v| v.div_euclid(2)));
            let upper = key.map(|v| v.rem_euclid(2));
            let square = self.tops[parent].square;
            let quarters = self.squares[square].quarters.get_or_insert([None; 4]);
            quarters[(upper[0] + 2 * upper[1]) as usize] = Some(tops[at].square);
            let from = std::mem::take(&mut tops[at].counts);
            for (i, count) in from.iter().enumerate() {
                let column = (upper[0] * CELLS + i as i64 % CELLS) / 2;
                let row = (upper[1] * CELLS + i as i64 / CELLS) / 2;
                let to = &mut self.tops[parent].counts[(row * CELLS + column) as usize];
                *to = to.saturating_add(*count);
            }
        }
    }

    /// Writes the fullest squares until rows in memory take at most `limit` bytes.
    fn write_fullest(&mut self, limit: usize) -> Result<(), Error> {
        let mut full: Vec<(usize, usize)> = (0..self.squares.len())
            .map(|at| (self.squares[at].rows.len(), at))
            .filter(|(len, _)| *len > 0)
            .collect();
        full.sort_unstable_by_key(|&(len, at)| (std::cmp::Reverse(len), at));
        for (_, at) in full {
            if self.buffered <= limit {
                break;
            }
            let rows = std::mem::take(&mut self.squares[at].rows);
            self.buffered -= rows.capacity();
            let (mut run, bytes) = self.layout.run(&rows);
            run.at = self.scratch.append(&bytes)?;
            self.squares[at].runs.push(run);
        }
        Ok(())
    }
}

impl Square {
    fn contains(&self, place: [f64; 2]) -> bool {
        (0..2).all(|axis| (self.min[axis]..self.min[axis] + self.side).contains(&place[axis]))
    }
}

/// Whether two closed boxes, from south-west to north-east, share a point.
fn touch(a: [f64; 4], b: [f64; 4]) -> bool {
    a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3]
}
