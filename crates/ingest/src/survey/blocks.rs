//! A survey on disk, block by block, each with a halo of its neighbours' points.

use lidar::{Coverage, Heights};
use model::{Bounds, Cube, ExtraBytes, PointBatch};

use super::classes::Anew;
use super::extra;
use super::plan::{Plan, PlannedBlock};
use super::squares::Squares;
use super::{SurveyHeader, SurveySummary, records, threads};
use crate::error::Error;

/// Bytes that a point of a block takes while the block is worked on: its columns, a copy of
/// most of them, and what algorithms and encoders lay beside them.
const WORK_BYTES_PER_POINT: u64 = 200;

/// Bytes that a cell of terrain takes while it is worked on: sums, and some grids.
const WORK_BYTES_PER_CELL: f64 = 80.0;

/// A survey whose points lie by place in a temporary file, which goes with this.
#[derive(Debug)]
pub struct SurveyBlocks {
    header: SurveyHeader,
    summary: SurveySummary,
    classes: Box<[u64; 256]>,
    /// What finds new classes; none while those that were delivered stay.
    pub(super) anew: Option<Anew>,
    pub(super) squares: Squares,
    pub(super) plan: Plan,
    memory_bytes: u64,
}

/// Where the classes of a block's own points lie: in which run, and which of its points.
#[derive(Debug)]
pub(super) struct Origin {
    classes_at: u64,
    points: u32,
    own: Vec<u32>,
}

/// The points of a square, and those around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The block's own points first, then those of its halo; both always in the same order.
    pub points: PointBatch,
    /// How many are its own.
    pub core_count: usize,
    /// The square. A point on its south or west edge is its own, on the others its neighbour's.
    pub square: Bounds,
}

impl SurveyBlocks {
    pub(super) fn new(
        header: SurveyHeader,
        summary: SurveySummary,
        classes: [u64; 256],
        squares: Squares,
        plan: Plan,
        memory_bytes: u64,
    ) -> SurveyBlocks {
        SurveyBlocks {
            header,
            summary,
            classes: Box::new(classes),
            anew: None,
            squares,
            plan,
            memory_bytes,
        }
    }

    /// What the headers say.
    pub fn header(&self) -> &SurveyHeader {
        &self.header
    }

    /// What all points together say, exactly.
    pub fn summary(&self) -> &SurveySummary {
        &self.summary
    }

    /// Points of each class, as delivered.
    pub fn class_counts(&self) -> &[u64; 256] {
        &self.classes
    }

    /// The cube of the octree. Its corner is a whole multiple of the smallest possible block
    /// in x and y, and a whole metre in z; its side is a power of two.
    pub fn cube(&self) -> Cube {
        self.plan.cube
    }

    /// The squares of all blocks, in the order in which they are delivered. Sides are powers
    /// of two, at most 1024 m unless points are scattered beyond any country, and corners
    /// whole multiples of the smallest of them.
    pub fn squares(&self) -> impl ExactSizeIterator<Item = Bounds> {
        self.plan.blocks.iter().map(|block| self.square(block))
    }

    /// Where there are points, for [`lidar::cell_size`] to tell which cells suit them.
    pub fn coverage(&self) -> Coverage {
        let cells = self.squares.cells().count() as f64;
        Coverage {
            points: self.summary.report.kept,
            occupied_m2: cells * self.squares.cell_side().powi(2),
            bounds: self.summary.bounds,
        }
    }

    /// Bytes that the temporary file takes.
    pub fn temporary_bytes(&self) -> u64 {
        self.squares.scratch().len()
    }

    /// What follows the standard attributes of each point that [`SurveyBlocks::octree`]
    /// encodes.
    pub fn extra(&self) -> ExtraBytes {
        if self.keeps_delivered_class() {
            extra::with_delivered_class(&self.header.extra)
        } else {
            self.header.extra.clone()
        }
    }

    pub(super) fn keeps_delivered_class(&self) -> bool {
        self.anew.as_ref().is_some_and(|anew| anew.keeps_delivered)
    }

    /// Calls `work` with each block, with a halo of `halo_m` ≥ 0 around its square, several at
    /// once, and `sink` with the results, in the order of a Morton curve, on this thread.
    ///
    /// As many blocks are in work, or wait for their turn, as memory allows, at least one. What
    /// `work` gets does not depend on the number of threads.
    ///
    /// # Errors
    ///
    /// The first, in the order of the blocks, that `work` or `sink` returns, or [`Error`] if
    /// the temporary file cannot be read.
    pub fn for_each_block<T: Send, E: From<Error> + Send>(
        &self,
        halo_m: f64,
        work: &(dyn Fn(Block) -> Result<T, E> + Sync),
        sink: &mut dyn FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        threads::deliver_in_order(
            self.plan.blocks.len(),
            self.blocks_at_once(halo_m, 0),
            |number| work(self.load(&self.plan.blocks[number], halo_m)?.0),
            sink,
        )
    }

    /// Gives `sink` terrain, surface and distance of each block that has cells, of the classes
    /// that points have by now: those that [`SurveyBlocks::octree`] gave them, or the
    /// delivered ones.
    ///
    /// The order does not depend on the number of threads, and neither do the values.
    ///
    /// # Errors
    ///
    /// The first that `sink` returns, or [`Error`] if the temporary file cannot be read.
    ///
    /// # Panics
    ///
    /// If `cell_size_m` is not finite and over zero; [`lidar::cell_size`] gives one that is.
    pub fn heights<E: From<Error> + Send>(
        &self,
        cell_size_m: f64,
        sink: &mut dyn FnMut(Heights) -> Result<(), E>,
    ) -> Result<(), E> {
        let halo_m = lidar::HEIGHTS_HALO_M;
        let widest = self
            .squares()
            .map(|square| square.width())
            .fold(0.0, f64::max);
        let cells = ((widest + 2.0 * halo_m) / cell_size_m + 1.0).powi(2);
        threads::deliver_in_order(
            self.plan.blocks.len(),
            self.blocks_at_once(halo_m, (cells * WORK_BYTES_PER_CELL) as u64),
            |number| {
                let (block, _) = self.load(&self.plan.blocks[number], halo_m)?;
                Ok(lidar::heights(&block.points, &block.square, cell_size_m))
            },
            |heights| heights.map_or(Ok(()), &mut *sink),
        )
    }

    /// How many blocks may be in memory, which take so many bytes beside their points.
    pub(super) fn blocks_at_once(&self, halo_m: f64, bytes_beside: u64) -> usize {
        let most = self
            .plan
            .blocks
            .iter()
            .map(|block| self.squares.points_around(self.region(block, halo_m)))
            .max()
            .unwrap_or(0);
        let extra = u64::from(self.header.extra.len);
        let bytes = most * (WORK_BYTES_PER_POINT + 3 * extra) + bytes_beside;
        let fitting = self.memory_bytes.checked_div(bytes).unwrap_or(u64::MAX);
        // One more than threads, so that nobody waits for the sink.
        (fitting.max(1)).min(threads::count() as u64 + 1) as usize
    }

    /// Reads a block, and tells where its own points come from.
    pub(super) fn load(
        &self,
        planned: &PlannedBlock,
        halo_m: f64,
    ) -> Result<(Block, Vec<Origin>), Error> {
        let layout = self.squares.layout();
        let square = self.square(planned);
        let region @ [west, south, east, north] = self.region(planned, halo_m);
        let (mut points, mut halo) = (PointBatch::default(), PointBatch::default());
        let mut origins = Vec::new();
        let mut around = Vec::new();
        for run in self.squares.runs_around(region) {
            let bytes = self.squares.scratch().read(run.at, layout.run_len(run))?;
            let columns = layout.columns(run, &bytes);
            let mut own = Vec::new();
            around.clear();
            for i in 0..run.points {
                let [x, y] = columns.place(layout, i as usize);
                let key = self.plan.cube.key_of(planned.key.level, [x, y, 0.0]);
                if [key.x, key.y] == [planned.key.x, planned.key.y] {
                    own.push(i);
                } else if west <= x && x <= east && south <= y && y <= north && halo_m > 0.0 {
                    around.push(i);
                }
            }
            layout.unpack(&columns, &own, &mut points);
            layout.unpack(&columns, &around, &mut halo);
            if !own.is_empty() {
                origins.push(Origin {
                    classes_at: layout.classes_at(run),
                    points: run.points,
                    own,
                });
            }
        }
        let core_count = points.len();
        records::join(&mut points, &mut halo);
        let block = Block {
            points,
            core_count,
            square,
        };
        Ok((block, origins))
    }

    /// Puts new classes of a block's own points in the place of the old. Not to be called on
    /// two threads at once.
    ///
    /// Blocks that are read meanwhile see either; each point has one block that it is its
    /// own of, so that no new class is lost.
    pub(super) fn set_classes(&self, origins: &[Origin], classes: &[u8]) -> Result<(), Error> {
        let scratch = self.squares.scratch();
        let mut classes = classes.iter();
        for origin in origins {
            let mut column = scratch.read(origin.classes_at, origin.points as usize)?;
            for (&i, class) in origin.own.iter().zip(&mut classes) {
                column[i as usize] = *class;
            }
            scratch.overwrite(origin.classes_at, &column)?;
        }
        Ok(())
    }

    fn square(&self, planned: &PlannedBlock) -> Bounds {
        let cube = self.plan.cube.of(planned.key);
        let [x, y, _] = cube.min;
        Bounds::new(x, y, x + cube.side_m, y + cube.side_m)
            .expect("a cube of finite points has a finite plan")
    }

    /// West, south, east and north end of a block with its halo; a hair more, as a point
    /// within rounding of an edge may belong to either side of it.
    fn region(&self, planned: &PlannedBlock, halo_m: f64) -> [f64; 4] {
        let hair = self.squares.cell_side() / f64::from(1 << 20);
        self.square(planned).expanded(halo_m.max(hair)).to_array()
    }
}
