//! All points of a survey to squares in a temporary file: decoded once, and then by place.

use std::path::Path;

use jiff::civil::Date;
use model::Bounds;

use super::blocks::SurveyBlocks;
use super::decode::Batches;
use super::packed::Layout;
use super::plan::Plan;
use super::scratch::Scratch;
use super::squares::Squares;
use super::tally::Tally;
use super::{SurveyFile, SurveyReader, SurveySummary, refused, threads};
use crate::error::Error;
use crate::report::Report;

/// Memory that a survey may take by default, whatever its size: half of what the smallest
/// machine has that one would buy for this.
pub const DEFAULT_MEMORY_BYTES: u64 = 2 << 30;

/// Points wait in memory for their squares to be written in this part of it; batches on their
/// way, and the counts of squares, need some, too.
const BUFFER_SHARE: u64 = 4;

/// Most points of a block as small as blocks get: more at one place would not fit into memory.
const MAX_CROWD: u64 = 1 << 25;

impl SurveyReader {
    /// Puts all points, in the twin's CRS and in the steps of the header, into squares in a
    /// temporary file in `scratch`, to be worked on block by block.
    ///
    /// The file takes at most 1.5 times what the points take uncompressed, and goes with what
    /// this returns, or with the process. All work on the survey is to take about
    /// `memory_bytes`, or a quarter of a gigabyte if that is more. `progress` is told how many points more were
    /// read, some times a second.
    ///
    /// Points that lie too far from the offset for 32 bits are left out and counted.
    ///
    /// # Errors
    ///
    /// [`Error`] if a file turns out to be damaged, if no point is left, if more points lie at one place than
    /// memory may hold, or if the temporary file cannot be written.
    pub fn partition(
        mut self,
        scratch: &Path,
        memory_bytes: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<SurveyBlocks, Error> {
        let layout = Layout {
            columns: self.columns,
            scale: self.header.scale_m,
            offset: self.header.offset_m,
        };
        let budget = usize::try_from(memory_bytes / BUFFER_SHARE).unwrap_or(usize::MAX);
        let mut squares = Squares::new(layout.clone(), Scratch::new(scratch)?, budget);
        let mut gathered = Gathered::new(&mut self);
        for file in &self.files {
            let mut of_file = Tally::default();
            for_each_batch(file, &layout, |parts| {
                for part in parts {
                    of_file.add(&part.tally);
                    squares.add(&part.rows)?;
                    progress(part.tally.read);
                }
                Ok::<(), Error>(())
            })?;
            gathered.end(file, &of_file);
        }
        squares.finish()?;
        let (summary, tally) = gathered.finish(&self.files)?;
        let path = self.path();
        let plan = Plan::new(&squares, summary.elevation_range_m).ok_or_else(|| nothing(path))?;
        if let Some(crowd) = plan.blocks.iter().find(|block| block.points > MAX_CROWD) {
            let [x, y, _] = plan.cube.of(crowd.key).min;
            return Err(refused(
                path,
                format!(
                    "{} points lie within {} m of {x}, {y}, and at most {MAX_CROWD} can be worked on at once: thin them first",
                    crowd.points,
                    plan.cube.side_at(crowd.key.level)
                ),
            ));
        }
        Ok(SurveyBlocks::new(
            self.header,
            summary,
            tally.classes,
            squares,
            plan,
            memory_bytes,
        ))
    }

    fn path(&self) -> &Path {
        first_path(&self.files)
    }
}

/// Calls `take` with the points of a file, some at a time, while the next are decoded.
fn for_each_batch<E: From<Error>>(
    file: &SurveyFile,
    layout: &Layout,
    mut take: impl FnMut(Vec<super::decode::Decoded>) -> Result<(), E>,
) -> Result<(), E> {
    let refused = |what: String| refused(&file.path, what);
    let mut batches = Batches::open(file, layout).map_err(refused)?;
    let mut batch = batches.next().map_err(refused)?;
    while let Some(parts) = batch {
        let (next, taken) = threads::overlap(|| batches.next(), || take(parts));
        taken?;
        batch = next.map_err(refused)?;
    }
    Ok(())
}

/// What is gathered from all points on the way.
struct Gathered {
    tally: Tally,
    report: Report,
    flown: Option<Date>,
}

impl Gathered {
    fn new(reader: &mut SurveyReader) -> Gathered {
        Gathered {
            tally: Tally::default(),
            report: std::mem::take(&mut reader.report),
            flown: None,
        }
    }

    /// Takes what was found in a whole file.
    fn end(&mut self, file: &SurveyFile, tally: &Tally) {
        tally.report(&mut self.report, &file.path);
        self.flown = self.flown.into_iter().chain(file.flown(tally)).min();
        self.tally.add(tally);
    }

    fn finish(self, files: &[SurveyFile]) -> Result<(SurveySummary, Tally), Error> {
        let path = first_path(files);
        let [west, south, low] = self.tally.min;
        let [east, north, high] = self.tally.max;
        let bounds = Bounds::new(west, south, east, north).map_err(|_| {
            match files.first().and_then(|file| file.shift.as_ref()) {
                Some(shift) if self.tally.outside_geoid > 0 => refused(
                    path,
                    format!(
                        "has heights above the ellipsoid, and all of its {} points lie outside the geoid grid {}: give a grid for that place with --geoid FILE, or the right --crs",
                        self.tally.outside_geoid,
                        shift.grid()
                    ),
                ),
                _ => nothing(path),
            }
        })?;
        let summary = SurveySummary {
            bounds,
            elevation_range_m: [low, high],
            flown: self.flown,
            report: self.report,
        };
        Ok((summary, self.tally))
    }
}

fn first_path(files: &[SurveyFile]) -> &Path {
    files.first().map_or(Path::new(""), |file| &file.path)
}

fn nothing(path: &Path) -> Error {
    refused(
        path,
        "there is not one point to read: check that it is the right file".to_owned(),
    )
}
