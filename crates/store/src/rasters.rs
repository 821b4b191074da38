//! Heights of a survey as files to give away, and heights above ground.

use std::ops::Range;

use model::{Bounds, Grid, GridFrame};

use crate::Error;
use crate::heights::{AboveGround, HeightKind, VirtualFile};
use crate::survey_view::SurveyView;

/// Names the way in which heights above ground are computed; part of their checksum.
const ABOVE_GROUND_VERSION: u128 = 1;

impl SurveyView {
    /// Where the cells of a grid lie: the same for all of them.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`] if the file could not be opened.
    pub fn heights_frame(&self, kind: HeightKind) -> Result<GridFrame, Error> {
        let frame = self.heights(kind)?.frame(0);
        Ok(frame.expect("an opened file has a level"))
    }

    /// XXH3 of the bytes of a grid, 128 bits, as the catalog has it.
    pub fn heights_checksum(&self, kind: HeightKind) -> u128 {
        match kind {
            HeightKind::Terrain => self.0.entry.terrain.checksum,
            HeightKind::Surface => self.0.entry.surface.checksum,
            HeightKind::Distance => self.0.entry.distance.checksum,
        }
    }

    /// Heights above ground, as [`SurveyView::window`] gives elevations: of the highest
    /// return over the terrain, in metres.
    ///
    /// A coarser cell has the largest of its cells' heights; from the fourth overview on,
    /// of those that can be told from grids of an eighth of its width.
    ///
    /// # Errors
    ///
    /// As [`SurveyView::window`].
    pub fn above_ground(&self, bounds: &Bounds, cell_size_m: f64) -> Result<Grid, Error> {
        self.above()?.window(bounds, cell_size_m)
    }

    /// Heights above ground as a Cloud-Optimised GeoTIFF, of which any part can be read.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn above_ground_tiff(&self) -> Result<AboveGroundTiff, Error> {
        Ok(AboveGroundTiff {
            file: VirtualFile::new(&self.above()?, self.crs_code())?,
            survey: self.clone(),
        })
    }

    fn above(&self) -> Result<AboveGround<'_>, Error> {
        AboveGround::new(
            self.heights(HeightKind::Terrain)?,
            self.heights(HeightKind::Surface)?,
        )
    }
}

/// A file of heights above ground that is computed where it is read.
#[derive(Debug)]
pub struct AboveGroundTiff {
    file: VirtualFile,
    survey: SurveyView,
}

#[expect(clippy::len_without_is_empty, reason = "no file is empty")]
impl AboveGroundTiff {
    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.file.len()
    }

    /// Changes when, and only when, its bytes can.
    pub fn checksum(&self) -> u128 {
        let of = |kind| self.survey.heights_checksum(kind);
        let [terrain, surface] = [HeightKind::Terrain, HeightKind::Surface].map(of);
        terrain.rotate_left(1) ^ surface ^ ABOVE_GROUND_VERSION
    }

    /// The bytes of a part; of what lies beyond its end there are none.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn read(&self, part: Range<usize>) -> Result<Vec<u8>, Error> {
        let end = part.end.min(self.len());
        let start = part.start.min(end);
        self.file.read(&self.survey.above()?, start..end)
    }
}
