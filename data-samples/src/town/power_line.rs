//! The power line through the park along the stream.

use crate::terrain::Terrain;

/// Where it runs.
pub(super) const POWER_LINE_ALONG_M: f64 = 286.0;

/// A power line: masts and the wires between them.
#[derive(Debug, Clone)]
pub(crate) struct PowerLine {
    pub(crate) masts: Vec<[f64; 3]>,
    pub(crate) mast_height_m: f64,
    pub(crate) wire_offsets_m: [f64; 3],
    pub(crate) sag_m: f64,
}

impl PowerLine {
    /// Raises the masts on the ground of a district.
    pub(super) fn new(terrain: &Terrain) -> PowerLine {
        let masts = (0..11)
            .map(|k| {
                let inland = 62.0 + 57.0 * f64::from(k);
                let at = terrain.world_from_town([POWER_LINE_ALONG_M, inland]);
                [at[0], at[1], terrain.ground(at).elevation_m]
            })
            .collect();
        PowerLine {
            masts,
            mast_height_m: 15.0,
            wire_offsets_m: [-1.6, 0.0, 1.6],
            sag_m: 1.8,
        }
    }
}
