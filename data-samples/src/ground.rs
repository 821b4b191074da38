//! How large a district is, and what the ground at one place of it can be.
//!
//! The plan of the town and the terrain both speak of it; what lies where is theirs.

/// Size of a district, west to east.
pub const WIDTH_M: f64 = 1200.0;
/// Size of a district, south to north.
pub const DEPTH_M: f64 = 930.0;
/// Largest `inland` that parcels and land cover reach.
pub(crate) const INLAND_END_M: f64 = 700.0;

/// What the ground is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Material {
    /// Sea or stream.
    Water,
    /// A street or a yard with asphalt.
    Asphalt,
    /// A path or yard with gravel.
    Gravel,
    /// The concrete of the quay.
    Concrete,
    /// Lawns and gardens.
    Grass,
    /// The floor of a wood.
    Wood,
    /// The beach.
    Sand,
    /// Bare rock of the skerries and the breakwater.
    Rock,
}

/// The ground at one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ground {
    /// Elevation of the bare earth, or of the water where there is water, in RH 2000.
    pub elevation_m: f64,
    /// What it is made of.
    pub material: Material,
}
