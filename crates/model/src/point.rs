//! Points of a survey, column by column.

/// Flags of a point, as bits (ASPRS LAS 1.4 R15, table 16).
pub struct PointFlags;

impl PointFlags {
    /// Made by other means than the scanner.
    pub const SYNTHETIC: u8 = 1;
    /// A key point, not to be thinned away.
    pub const KEY_POINT: u8 = 2;
    /// Not to be used: deleted in effect.
    pub const WITHHELD: u8 = 4;
    /// In the overlap of two swaths.
    pub const OVERLAP: u8 = 8;
}

/// Points, one column for each attribute, all of one length.
///
/// Names and meanings are those of ASPRS LAS 1.4. Classifications are those of
/// point formats 6 to 10: what older formats flag as class 12 is
/// [`PointFlags::OVERLAP`] here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PointBatch {
    /// To the east, in the CRS of whoever holds the batch.
    pub x: Vec<f64>,
    /// To the north.
    pub y: Vec<f64>,
    /// Elevation in metres.
    pub z: Vec<f64>,
    /// Strength of the return, without unit.
    pub intensity: Vec<u16>,
    /// 1 is the first return of a pulse.
    pub return_number: Vec<u8>,
    /// Returns of the pulse.
    pub number_of_returns: Vec<u8>,
    /// ASPRS class: 2 ground, 6 building, 7 low noise, 18 high noise…
    pub classification: Vec<u8>,
    /// [`PointFlags`] in the lower half; above them the scanner channel (2 bits), the scan
    /// direction and whether the point ends a flight line, as in point format 6.
    pub flags: Vec<u8>,
    /// Degrees from nadir, which is zero; left of the flight line is negative.
    pub scan_angle_deg: Vec<f32>,
    /// The department's own byte.
    pub user_data: Vec<u8>,
    /// Which swath or file the point came from.
    pub point_source_id: Vec<u16>,
    /// GPS time in seconds as the file counts it; empty if the format has none.
    pub gps_time_s: Vec<f64>,
    /// Red, green, blue; empty if the format has none.
    pub rgb: Vec<[u16; 3]>,
    /// Near infrared; empty if the format has none.
    pub nir: Vec<u16>,
    /// Extra bytes, point after point, as many for each as [`ExtraBytes`] says; empty if
    /// there are none.
    pub extra: Vec<u8>,
}

/// What follows the standard attributes of each point.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtraBytes {
    /// Bytes of each point.
    pub len: u16,
    /// The descriptors as the file has them, 192 bytes for each attribute (ASPRS LAS 1.4
    /// R15, table 24); empty if the file does not describe them.
    pub descriptors: Vec<u8>,
}

impl PointBatch {
    /// Number of points.
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Returns whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.x.is_empty()
    }
}
