//! Places in space: metres from the middle of the Earth.

/// Semi-major axis of WGS 84, in metres.
const SEMI_MAJOR_M: f64 = 6_378_137.0;
/// Square of the first eccentricity of WGS 84, whose flattening is 1/298.257223563.
const ECCENTRICITY_2: f64 = {
    let flattening = 1.0 / 298.257_223_563;
    flattening * (2.0 - flattening)
};

/// Returns a place as geocentric Cartesian coordinates (EPSG:4978), in metres.
///
/// `lonlat_deg` is longitude and latitude in degrees and `height_m` is above the ellipsoid
/// of WGS 84, which those of SWEREF 99 and ETRS89 equal to 0.1 mm.
///
/// # Source
///
/// IOGP Guidance Note 7-2, method 9602.
pub fn ecef_from_lonlat(lonlat_deg: [f64; 2], height_m: f64) -> [f64; 3] {
    let (sin_lon, cos_lon) = lonlat_deg[0].to_radians().sin_cos();
    let (sin_lat, cos_lat) = lonlat_deg[1].to_radians().sin_cos();
    let normal_m = SEMI_MAJOR_M / (1.0 - ECCENTRICITY_2 * sin_lat * sin_lat).sqrt();
    [
        (normal_m + height_m) * cos_lat * cos_lon,
        (normal_m + height_m) * cos_lat * sin_lon,
        (normal_m * (1.0 - ECCENTRICITY_2) + height_m) * sin_lat,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_guidance_note_comes_out() {
        let lat = 53.0 + 48.0 / 60.0 + 33.820 / 3600.0;
        let lon = 2.0 + 7.0 / 60.0 + 46.380 / 3600.0;
        let place = ecef_from_lonlat([lon, lat], 73.0);
        let published = [3_771_793.968, 140_253.342, 5_124_304.349];
        for (ours, theirs) in place.iter().zip(published) {
            assert!((ours - theirs).abs() < 0.001, "{place:?}");
        }
    }

    #[test]
    fn the_pole_and_the_equator_are_where_the_ellipsoid_has_them() {
        assert_eq!(ecef_from_lonlat([0.0, 0.0], 1.0), [6_378_138.0, 0.0, 0.0]);
        let [x, y, z] = ecef_from_lonlat([0.0, 90.0], 0.0);
        assert!(x.abs() < 1e-6 && y == 0.0 && (z - 6_356_752.314_245).abs() < 1e-6);
    }
}
