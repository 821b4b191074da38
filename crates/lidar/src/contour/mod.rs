//! Contours of a grid of elevations, strip by strip.
//!
//! Elevations are smoothed (`smooth`), not lines: all contours are then level lines of one
//! and the same ground. Lines are found by marching squares (`march`), thinned (`thin`), and
//! put together across strips (`join`).
//!
//! Contours neither cross nor touch, each other or themselves, since:
//!
//! 1. The middles of cells form a lattice. Along an edge of it elevation is linear, so that
//!    each level has one vertex there at most, and vertices lie in the order of their levels.
//!    A vertex never lies on a node: an elevation that equals a level counts as a little more.
//! 2. Between two edges of a square a line is straight. Which pairs of vertices a level joins
//!    depends on the corners alone (and where opposite corners are above and the others below,
//!    on their mean), and no two pairs interleave around the square, of one level or of two.
//! 3. Thinning replaces vertices by a straight line only if that passes the same edges, in the
//!    same order, and each within 0.45 of the interval from its own level. So the order of 1
//!    holds for the thinned lines too, and with it 2.
//!
//! Memory grows with the width of the grid and the rows of a strip, and with the lines that
//! cross from one strip to the next; those are cut when they grow too long.

mod join;
mod march;
mod smooth;
mod thin;

use model::{Grid, GridFrame};

use crate::contour::join::Joiner;

/// How contours are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContourOptions {
    /// Metres from one contour to the next; over zero.
    pub interval_m: f64,
    /// Standard deviation of the bell that elevations are smoothed with, in metres; 0 for none.
    pub smooth_m: f64,
    /// How far a thinned line may pass from its vertices, in metres along the edge of a cell;
    /// 0 to keep all.
    pub tolerance_m: f64,
    /// Shorter lines and rings are left out.
    pub min_length_m: f64,
}

/// One line of equal elevation, the higher ground on its left.
#[derive(Debug, Clone, PartialEq)]
pub struct Contour {
    /// Its elevation in intervals, counted from 0 m.
    pub step: i64,
    /// Vertices in the CRS of the grid; the last equals the first in a ring.
    pub line: Vec<[f64; 2]>,
}

impl Contour {
    /// Every fifth contour is drawn heavier, as on paper maps.
    pub fn is_index(&self) -> bool {
        self.step.rem_euclid(5) == 0
    }
}

/// A grid on its way to contours.
#[derive(Debug)]
pub struct Contours {
    frame: GridFrame,
    options: ContourOptions,
    kernel: Vec<f64>,
    /// The first row of the lattice that has not been done.
    next_row: usize,
    joiner: Joiner,
}

impl Contours {
    /// Starts the contours of a grid.
    pub fn new(frame: GridFrame, options: ContourOptions) -> Contours {
        Contours {
            frame,
            options,
            kernel: smooth::kernel(options.smooth_m / frame.cell_size_m),
            next_row: 0,
            joiner: Joiner::new(options.min_length_m),
        }
    }

    /// The rows of cells that [`Contours::add`] wants next, first and last, for a strip of so
    /// many rows (at least one); none when all is done. They may reach beyond the grid.
    pub fn rows_wanted(&self, strip_rows: usize) -> Option<[isize; 2]> {
        let last = self.last_row(strip_rows)?;
        let around = self.kernel.len() as isize - 1;
        Some([self.next_row as isize - around, last as isize + around])
    }

    /// The last row of the lattice in the next strip.
    fn last_row(&self, strip_rows: usize) -> Option<usize> {
        let end = self.frame.rows.saturating_sub(1);
        (self.next_row < end).then(|| end.min(self.next_row + strip_rows.max(1)))
    }

    /// Takes the next strip, and returns the contours that are finished with it.
    ///
    /// # Panics
    ///
    /// If `cells` are not those that [`Contours::rows_wanted`] told for this `strip_rows`, of
    /// all columns.
    pub fn add(&mut self, strip_rows: usize, cells: &Grid) -> Vec<Contour> {
        let Some(last) = self.last_row(strip_rows) else {
            return Vec::new();
        };
        let rows = last - self.next_row + 1;
        let around = self.kernel.len() - 1;
        assert!(
            cells.columns == self.frame.columns && cells.rows == rows + 2 * around,
            "whoever adds a strip asks which"
        );
        let strip = march::Strip {
            values: smooth::smoothed(cells, &self.kernel),
            columns: self.frame.columns,
            first_row: self.next_row,
            interval_m: self.options.interval_m,
        };
        let tolerance = self.options.tolerance_m / self.frame.cell_size_m;
        let pieces = march::pieces(&strip, |line| {
            thin::thinned(line, tolerance, self.options.interval_m)
        });
        let frame = self.frame;
        let done = self
            .joiner
            .add(pieces, strip.columns, [self.next_row, last], |place| {
                [
                    frame.west + (place[0] + 0.5) * frame.cell_size_m,
                    frame.north - (place[1] + 0.5) * frame.cell_size_m,
                ]
            });
        self.next_row = last;
        done
    }

    /// Returns the contours that the edge of the grid ends, and how many lines were left out
    /// in all because they were too short.
    pub fn finish(mut self) -> (Vec<Contour>, u64) {
        let rest = self.joiner.finish();
        (rest, self.joiner.left_out())
    }
}
