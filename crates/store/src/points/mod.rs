//! The points of a survey as COPC 1.0 (<https://copc.io>): a LAZ file whose chunks are the
//! nodes of an octree, so that a reader gets part of it, or all of it coarsely, by reading
//! a part of the file.
//!
//! | module | does |
//! | --- | --- |
//! | `encode` | turns the points of a node into the bytes of a chunk, on any thread |
//! | `write` | puts chunks into a file, and finishes it |
//! | `hierarchy` | the pages that say where each node lies |
//! | `read` | finds nodes by box and level, and decodes them |
//! | `octree` | tells which nodes there are, and gives the points of one |
//! | `check` | decodes everything and holds it against what the file says |
//!
//! # Format
//!
//! ```text
//! 0      header of LAS 1.4, 375 bytes; point format 6, 7 or 8
//! 375    VLR copc/1: where the cube of the octree is, and where its hierarchy
//!        VLR laszip encoded/22204: variable chunks, layered
//!        VLR LASF_Projection/2112: WKT, if there is any
//!        VLR LASF_Spec/4: what the extra bytes are, if the survey says
//!        place of the chunk table, 8 bytes
//!        chunks, one for each node that has points, in the order in which they came
//!        chunk table
//!        EVLR copc/1000: pages of the hierarchy, that of the root first
//! ```
//!
//! Which points go into which node, others decide; who looks for ground, classes or even
//! thinning looks elsewhere.

mod check;
mod encode;
mod hierarchy;
mod octree;
mod read;
mod write;

use laz::laszip::{LazItem, LazItemRecordBuilder};
use model::{Cube, ExtraBytes};

use crate::Error;

pub(crate) use check::check;
pub use encode::{EncodedNode, NodeEncoder};
pub use octree::OctreeNode;
pub(crate) use read::Points;
pub use write::SurveyWriter;

/// Which columns the points of a survey have, how finely they are kept, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct PointLayout {
    /// WKT of the CRS; empty if there is none.
    pub crs_wkt: String,
    /// Steps in which coordinates are kept, in metres.
    pub scale_m: [f64; 3],
    /// Where those steps are counted from. With the scale and the offset that coordinates
    /// were computed with (`steps * scale + offset`), they come back bit for bit.
    pub offset_m: [f64; 3],
    /// Whether GPS time is adjusted standard time (seconds since 1980-01-06, less 10⁹) and
    /// not seconds of some week.
    pub gps_time_is_adjusted_standard: bool,
    /// Whether there is colour.
    pub has_rgb: bool,
    /// Whether there is near infrared.
    pub has_nir: bool,
    /// What follows the standard attributes.
    pub extra: ExtraBytes,
    /// The cube of the octree, which holds all points.
    pub cube: Cube,
    /// How far apart the points of the root are, in metres; half as far at each level.
    pub spacing_m: f64,
}

/// Most points of a node: as many as a grid of 128 to a side has voxels, twice. A reader
/// holds a node in memory, and a count in a file is a claim.
pub(crate) const NODE_POINTS_MAX: u32 = 1 << 22;

/// Length of the header of LAS 1.4, in bytes.
const HEADER_LEN: u16 = 375;
/// Length of the header of a VLR.
const VLR_HEADER_LEN: usize = 54;
/// Length of the header of an EVLR.
const EVLR_HEADER_LEN: usize = 60;
/// Length of the COPC info record.
const INFO_LEN: usize = 160;
/// Bit of the point format that says that points are compressed.
const COMPRESSED: u8 = 0x80;

/// How a point lies in bytes.
#[derive(Debug, Clone)]
struct Shape {
    /// 6 is bare, 7 has colour, 8 also near infrared (ASPRS LAS 1.4 R15, tables 14 to 18).
    format: u8,
    extra_len: u16,
    scale: [f64; 3],
    offset: [f64; 3],
}

impl Shape {
    /// Bytes of a point without its extra bytes.
    fn standard_len(&self) -> usize {
        match self.format {
            6 => 30,
            7 => 36,
            _ => 38,
        }
    }

    /// Bytes of a point.
    fn record_len(&self) -> usize {
        self.standard_len() + usize::from(self.extra_len)
    }

    /// What a codec is told of a point.
    fn items(&self) -> Result<Vec<LazItem>, Error> {
        LazItemRecordBuilder::default_for_point_format_id(self.format, self.extra_len)
            .map_err(|error| Error::Refused(format!("points of this kind: {error}")))
    }

    /// Layers of a chunk: nine of the bare point, then colour, near infrared, and one for
    /// each extra byte.
    fn layers(&self) -> usize {
        9 + usize::from(self.format - 6) + usize::from(self.extra_len)
    }

    fn coordinate(&self, axis: usize, steps: i32) -> f64 {
        f64::from(steps) * self.scale[axis] + self.offset[axis]
    }

    /// Returns whether what lies between two corners, in steps, lies in a cube. One step
    /// over its sides does too: the cube's own numbers are rounded.
    fn lies_in(&self, cube: &Cube, min: [i32; 3], max: [i32; 3]) -> bool {
        (0..3).all(|axis| {
            let step = self.scale[axis];
            self.coordinate(axis, min[axis]) >= cube.min[axis] - step
                && self.coordinate(axis, max[axis]) <= cube.min[axis] + cube.side_m + step
        })
    }
}
