//! New classes for the points of a survey, in two looks at its blocks, or one if it has one.
//!
//! The first finds the lowest return of each cell, which is little, and puts it into the
//! temporary file. The second looks at a block with those of a wide surrounding, and so at
//! few points that are not its own.

use lidar::{ClassifyOptions, GROUND_HALO_M, HALO_M, LOWEST_HALO_M, Lowest};
use model::Bounds;

use super::blocks::{Block, SurveyBlocks};
use super::scratch::Scratch;
use super::threads;
use crate::error::Error;

/// Classes that say nothing: never classified, and unclassified.
const SILENT_CLASSES: usize = 2;

/// What classifying needs beside points.
#[derive(Debug)]
pub(super) struct Anew {
    options: ClassifyOptions,
    /// Of each block, in their order; none if one block is all there is, which is looked at
    /// once.
    lowest: Vec<LowestRun>,
    pub(super) keeps_delivered: bool,
}

/// The lowest returns of a block in the temporary file.
#[derive(Debug)]
struct LowestRun {
    at: u64,
    count: usize,
    /// The cell from which the places of all others are counted.
    corner: [i64; 2],
}

/// Bytes of a lowest return: column and row from the corner, place and elevation.
const LOWEST_BYTES: usize = 20;

impl LowestRun {
    fn write(scratch: &Scratch, lowest: &[Lowest]) -> Result<LowestRun, Error> {
        let least = |axis: usize| lowest.iter().map(|l| l.cell[axis]).min().unwrap_or(0);
        let corner = [least(0), least(1)];
        let mut bytes = Vec::with_capacity(lowest.len() * LOWEST_BYTES);
        for own in lowest {
            for (index, corner) in own.cell.into_iter().zip(corner) {
                // Grids have far fewer columns and rows than 32 bits tell.
                bytes.extend(((index - corner) as u32).to_le_bytes());
            }
            for metres in [own.place_m[0], own.place_m[1], own.z] {
                bytes.extend(metres.to_le_bytes());
            }
        }
        Ok(LowestRun {
            at: scratch.append(&bytes)?,
            count: lowest.len(),
            corner,
        })
    }

    fn read(&self, scratch: &Scratch, into: &mut Vec<Lowest>) -> Result<(), Error> {
        let bytes = scratch.read(self.at, self.count * LOWEST_BYTES)?;
        let (words, _) = bytes.as_chunks::<4>();
        into.extend(words.chunks_exact(LOWEST_BYTES / 4).map(|words| Lowest {
            cell: [0, 1].map(|axis| self.corner[axis] + i64::from(u32::from_le_bytes(words[axis]))),
            place_m: [2, 3].map(|i| f32::from_le_bytes(words[i])),
            z: f32::from_le_bytes(words[4]),
        }));
        Ok(())
    }
}

impl SurveyBlocks {
    /// Takes the first of two looks at all blocks, so that [`SurveyBlocks::octree`] takes the
    /// second and gives points classes of ours. If there is one block, the second is all.
    /// `progress` is told how many points more were looked at.
    ///
    /// The delivered class stays beside ours as an extra byte named `delivered_class`, unless
    /// all that was delivered was 0 or 1.
    ///
    /// # Errors
    ///
    /// [`Error`] if the temporary file cannot be read or written.
    pub fn classify_anew(&mut self, progress: &mut dyn FnMut(u64)) -> Result<(), Error> {
        let counts = self.squares.cells().map(|(_, count)| count).collect();
        let options = ClassifyOptions::for_counts(counts, self.squares.cell_side().powi(2));
        let mut lowest = Vec::with_capacity(self.plan.blocks.len());
        let is_seen_at_once = self.plan.blocks.len() == 1;
        if is_seen_at_once {
            progress(self.summary().report.kept);
        }
        threads::deliver_in_order(
            if is_seen_at_once {
                0
            } else {
                self.plan.blocks.len()
            },
            self.blocks_at_once(LOWEST_HALO_M, 0),
            |number| {
                let (block, _) = self.load(&self.plan.blocks[number], LOWEST_HALO_M)?;
                let found = lidar::lowest_returns(&block.points, block.core_count, options.cell_m);
                Ok((block.core_count as u64, found))
            },
            |(points, found)| {
                lowest.push(LowestRun::write(self.squares.scratch(), &found)?);
                progress(points);
                Ok::<(), Error>(())
            },
        )?;
        self.anew = Some(Anew {
            options,
            lowest,
            keeps_delivered: self.class_counts()[SILENT_CLASSES..]
                .iter()
                .any(|count| *count > 0),
        });
        Ok(())
    }

    /// How far around a block points are needed to encode it.
    pub(super) fn halo_m(&self) -> f64 {
        if self.anew.is_some() { HALO_M } else { 0.0 }
    }

    /// Returns new classes of a block's own points; none if the delivered ones stay.
    pub(super) fn classes_of(&self, block: &Block) -> Result<Option<Vec<u8>>, Error> {
        let Some(anew) = &self.anew else {
            return Ok(None);
        };
        if anew.lowest.is_empty() {
            return Ok(Some(lidar::classify_whole(&block.points, &anew.options)));
        }
        // Few enough to ask one after another: sixty thousand in a whole municipality.
        let reach: Bounds = block.square.expanded(GROUND_HALO_M);
        let mut lowest = Vec::new();
        for (square, run) in self.squares().zip(&anew.lowest) {
            if square.intersects(&reach) {
                run.read(self.squares.scratch(), &mut lowest)?;
            }
        }
        Ok(Some(lidar::classify(
            &block.points,
            block.core_count,
            &lowest,
            &anew.options,
        )))
    }
}
