//! Marching squares over a strip of a lattice.

use crate::threads::map_each;

/// Elevations beyond these are no ground: deeper than the sea and higher than mountains.
const ELEVATION_MAX_M: f32 = 20_000.0;

/// Most contours through one square. More would be a smear, and come of a fault.
const LEVELS_MAX: i64 = 1000;

/// An elevation that equals a level counts as this share of the interval more.
const NUDGE: f64 = 1e-4;

/// Rows of the lattice, with elevations at its nodes.
pub(super) struct Strip {
    pub(super) values: Vec<f32>,
    pub(super) columns: usize,
    /// Which row of the whole lattice the first is.
    pub(super) first_row: usize,
    pub(super) interval_m: f64,
}

/// Where a line passes an edge of the lattice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Vertex {
    /// Column and row, in the whole lattice.
    pub(super) place: [f64; 2],
    pub(super) edge: Edge,
    /// Metres that elevation changes along the edge; not negative.
    pub(super) rise_m: f64,
}

/// An edge of the lattice by its number: twice that of the node at its west or north end, and
/// one more if it runs to the south.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge(u64);

impl Edge {
    fn east_of(column: usize, row: usize, columns: usize) -> Edge {
        Edge((row as u64 * columns as u64 + column as u64) * 2)
    }

    fn south_of(column: usize, row: usize, columns: usize) -> Edge {
        Edge(Edge::east_of(column, row, columns).0 + 1)
    }

    pub(super) fn runs_south(self) -> bool {
        self.0 % 2 == 1
    }

    /// Column and row of its west or north end.
    fn node(self, columns: usize) -> [usize; 2] {
        let (node, columns) = (self.0 / 2, columns as u64);
        [(node % columns) as usize, (node / columns) as usize]
    }

    /// The row that it runs along, if it does.
    pub(super) fn row(self, columns: usize) -> Option<usize> {
        (!self.runs_south()).then(|| self.node(columns)[1])
    }
}

/// A line through the strip: a ring if its last vertex is its first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    pub(super) step: i64,
    pub(super) line: Vec<Vertex>,
}

/// A straight line through one square, the higher ground on its left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Segment {
    step: i64,
    from: Edge,
    to: Edge,
}

/// All lines of the strip, each as `thin` leaves it, in an order that is always the same.
pub(super) fn pieces(
    strip: &Strip,
    thin: impl Fn(Vec<Vertex>) -> Vec<Vertex> + Send + Sync,
) -> Vec<Piece> {
    let rows = (strip.values.len() / strip.columns).saturating_sub(1);
    let mut segments: Vec<Segment> = map_each(rows, |row| strip.row_of_squares(row)).concat();
    segments.sort_unstable();
    let chains = chains(&segments);
    map_each(chains.len(), |i| {
        let (step, edges) = &chains[i];
        let vertices = edges.iter().map(|edge| strip.vertex(*edge, *step));
        Piece {
            step: *step,
            line: thin(vertices.collect()),
        }
    })
}

/// Follows segments from edge to edge: first the lines that end somewhere, then rings.
fn chains(segments: &[Segment]) -> Vec<(i64, Vec<Edge>)> {
    let next: Vec<Option<usize>> = map_each(segments.len(), |i| {
        let wanted = (segments[i].step, segments[i].to);
        let place = segments.partition_point(|s| (s.step, s.from) < wanted);
        let found = segments.get(place)?;
        ((found.step, found.from) == wanted).then_some(place)
    });
    let mut is_first = vec![true; segments.len()];
    for next in next.iter().flatten() {
        is_first[*next] = false;
    }
    let mut seen = vec![false; segments.len()];
    let mut chains = Vec::new();
    for rings in [false, true] {
        for start in 0..segments.len() {
            if seen[start] || is_first[start] == rings {
                continue;
            }
            let mut edges = vec![segments[start].from];
            let mut at = Some(start);
            while let Some(here) = at.filter(|here| !seen[*here]) {
                seen[here] = true;
                edges.push(segments[here].to);
                at = next[here];
            }
            chains.push((segments[start].step, edges));
        }
    }
    chains
}

impl Strip {
    /// The segments of the squares below a row of nodes.
    fn row_of_squares(&self, row: usize) -> Vec<Segment> {
        let line = |row: usize| &self.values[row * self.columns..(row + 1) * self.columns];
        let (north, south) = (line(row), line(row + 1));
        let mut segments = Vec::new();
        for column in 0..self.columns.saturating_sub(1) {
            // Clockwise from the north-west.
            let corners = [
                north[column],
                north[column + 1],
                south[column + 1],
                south[column],
            ];
            // What is not a number is not below the limit either.
            if !corners.iter().all(|v| v.abs() < ELEVATION_MAX_M) {
                continue;
            }
            let corners = corners.map(f64::from);
            let low = corners.iter().copied().fold(f64::INFINITY, f64::min);
            let high = corners.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let first = (low / self.interval_m).floor() as i64;
            let last = (high / self.interval_m).ceil() as i64;
            if last - first > LEVELS_MAX {
                continue;
            }
            for step in first..=last {
                self.square(corners, [column, self.first_row + row], step, &mut segments);
            }
        }
        segments
    }

    /// The segments of one level in one square.
    fn square(
        &self,
        corners: [f64; 4],
        [column, row]: [usize; 2],
        step: i64,
        segments: &mut Vec<Segment>,
    ) {
        let level = step as f64 * self.interval_m;
        let [nw, ne, se, sw] = corners.map(|corner| corner >= level);
        if nw == ne && ne == se && se == sw {
            return;
        }
        let north = Edge::east_of(column, row, self.columns);
        let south = Edge::east_of(column, row + 1, self.columns);
        let west = Edge::south_of(column, row, self.columns);
        let east = Edge::south_of(column + 1, row, self.columns);
        let mut cut = |from, to| segments.push(Segment { step, from, to });
        // Opposite corners are joined over the middle if that is above, too.
        let joined = || corners.iter().sum::<f64>() / 4.0 >= level;
        match (nw, ne, se, sw) {
            (true, false, false, false) => cut(west, north),
            (false, true, false, false) => cut(north, east),
            (false, false, true, false) => cut(east, south),
            (false, false, false, true) => cut(south, west),
            (false, true, true, true) => cut(north, west),
            (true, false, true, true) => cut(east, north),
            (true, true, false, true) => cut(south, east),
            (true, true, true, false) => cut(west, south),
            (true, true, false, false) => cut(west, east),
            (false, true, true, false) => cut(north, south),
            (false, false, true, true) => cut(east, west),
            (true, false, false, true) => cut(south, north),
            (true, false, true, false) if joined() => {
                cut(east, north);
                cut(west, south);
            }
            (true, false, true, false) => {
                cut(west, north);
                cut(east, south);
            }
            (false, true, false, true) if joined() => {
                cut(north, west);
                cut(south, east);
            }
            (false, true, false, true) => {
                cut(north, east);
                cut(south, west);
            }
            (true, true, true, true) | (false, false, false, false) => {}
        }
    }

    /// Where a level passes an edge.
    fn vertex(&self, edge: Edge, step: i64) -> Vertex {
        let level = step as f64 * self.interval_m;
        let [column, row] = edge.node(self.columns);
        let at = |column: usize, row: usize| {
            let value = self.values[(row - self.first_row) * self.columns + column];
            let value = f64::from(value);
            if value == level {
                level + NUDGE * self.interval_m
            } else {
                value
            }
        };
        let (here, there) = if edge.runs_south() {
            (at(column, row), at(column, row + 1))
        } else {
            (at(column, row), at(column + 1, row))
        };
        let share = (level - here) / (there - here);
        let place = if edge.runs_south() {
            [column as f64, row as f64 + share]
        } else {
            [column as f64 + share, row as f64]
        };
        Vertex {
            place,
            edge,
            rise_m: (there - here).abs(),
        }
    }
}
