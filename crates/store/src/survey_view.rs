//! A survey as a caller may see it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use model::{Bounds, Cube, Grid, PointBatch, Survey, VoxelKey};
use xxhash_rust::xxh3::Xxh3Default;

use crate::Error;
use crate::files::Mapped;
use crate::heights::{HeightKind, HeightMap};
use crate::open::{OpenError, OpenSurvey, text_of};
use crate::points::{OctreeNode, Points};

/// Bytes that are copied at a time.
const COPY_PIECE_LEN: usize = 1 << 20;

/// A visible survey.
#[derive(Debug, Clone)]
pub struct SurveyView(pub(crate) Arc<OpenSurvey>);

impl SurveyView {
    /// The code of the CRS that all coordinates are in.
    pub fn crs_code(&self) -> &str {
        &self.0.crs_code
    }

    /// What it is.
    pub fn meta(&self) -> &Survey {
        &self.0.entry.meta
    }

    /// Changes when, and only when, the survey's content does.
    pub fn version(&self) -> u64 {
        self.0.entry.version
    }

    /// What was repaired or left out when it was ingested, as JSON text.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn report(&self) -> Result<&str, Error> {
        text_of(&self.0.report)
    }

    /// The bytes of the points, as COPC.
    ///
    /// They are mapped, not read: reading them may wait for the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`] if the file could not be opened.
    pub fn points_copc(&self) -> Result<&[u8], Error> {
        Ok(self.points_file()?.bytes())
    }

    /// Writes the bytes of the points to a new file, durably, and returns how many there are.
    ///
    /// They are held against the catalog's checksum on the way. After an error there may be
    /// part of a file.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if they are damaged; [`Error::Io`], also if `out` exists.
    pub fn copy_points(&self, out: &Path) -> Result<u64, Error> {
        let map = self.points_file()?;
        let mut file = File::create_new(out).map_err(Error::io(out))?;
        let mut hasher = Xxh3Default::new();
        for piece in map.bytes().chunks(COPY_PIECE_LEN) {
            hasher.update(piece);
            file.write_all(piece).map_err(Error::io(out))?;
        }
        if hasher.digest128() != self.points_checksum() {
            let what = "its checksum does not match the catalog's: `tvilling check` tells more";
            return Err(Error::corrupt(map.path(), what));
        }
        file.sync_all().map_err(Error::io(out))?;
        Ok(map.bytes().len() as u64)
    }

    /// XXH3 of the bytes of the points, 128 bits, as the catalog has it.
    pub fn points_checksum(&self) -> u128 {
        self.0.entry.points.checksum
    }

    /// Points, node by node, in the order of the file.
    ///
    /// Levels are read down to the first whose points lie no farther apart than
    /// `deepest_spacing_m`, or all; of those, the points in `bounds`, or all. Places and
    /// attributes are as they were written, bit for bit. A batch is held in memory at a
    /// time: a node, of some hundred thousand points at most as a rule.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the spacing is no length; [`Error::Corrupt`], [`Error::Io`],
    /// here and for each node.
    pub fn points<'a>(
        &'a self,
        bounds: Option<&Bounds>,
        deepest_spacing_m: Option<f64>,
    ) -> Result<impl Iterator<Item = Result<PointBatch, Error>> + use<'a>, Error> {
        Points::open(self.points_file()?)?.batches(bounds.copied(), deepest_spacing_m)
    }

    /// The cube of the octree that the points lie in, and how far apart those of its root
    /// are, in metres: half as far at each level.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn octree(&self) -> Result<(Cube, f64), Error> {
        let points = Points::open(self.points_file()?)?;
        Ok((points.cube, points.spacing_m))
    }

    /// Deepest level of the octree; the whole hierarchy is read for it.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn deepest_level(&self) -> Result<u8, Error> {
        Points::open(self.points_file()?)?.deepest_level()
    }

    /// Nodes of the octree at and below `top`, so many levels with its own, by key.
    ///
    /// A node without points of its own is there if one below it has some.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn nodes_below(&self, top: VoxelKey, levels: u8) -> Result<Vec<OctreeNode>, Error> {
        Points::open(self.points_file()?)?.nodes_below(top, levels)
    }

    /// The points of one node of the octree, in the order of the file; none if there is no
    /// such node.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn node(&self, key: VoxelKey) -> Result<Option<PointBatch>, Error> {
        Points::open(self.points_file()?)?.node(key)
    }

    fn points_file(&self) -> Result<&Mapped, Error> {
        self.0.points.as_ref().map_err(OpenError::to_error)
    }

    /// The bytes of a grid, as GeoTIFF.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`] if the file could not be opened.
    pub fn heights_tiff(&self, kind: HeightKind) -> Result<&[u8], Error> {
        Ok(self.heights(kind)?.bytes())
    }

    /// Elevation at a point, bilinear; none beyond the survey.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn elevation(&self, kind: HeightKind, point: [f64; 2]) -> Result<Option<f32>, Error> {
        self.heights(kind)?.sample(point)
    }

    /// The cells that cover `bounds`, from the coarsest overview whose cells are not
    /// larger than `cell_size_m`, or the finest there is. Cells beyond the survey are NaN.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if those are over 2²⁶ cells; [`Error::Corrupt`], [`Error::Io`].
    pub fn window(
        &self,
        kind: HeightKind,
        bounds: &Bounds,
        cell_size_m: f64,
    ) -> Result<Grid, Error> {
        self.heights(kind)?.window(bounds, cell_size_m)
    }

    pub(crate) fn heights(&self, kind: HeightKind) -> Result<&HeightMap, Error> {
        let opened = match kind {
            HeightKind::Terrain => &self.0.terrain,
            HeightKind::Surface => &self.0.surface,
            HeightKind::Distance => &self.0.distance,
        };
        match opened {
            Ok(heights) => Ok(heights),
            Err(error) => Err(error.to_error()),
        }
    }
}
