//! From EPSG:3014 to the other CRSs in which departments deliver.
//!
//! Krüger's series, as Lantmäteriet publishes it ("Gauss Conformal Projection
//! (Transverse Mercator), Krüger's Formulas"), to the fourth order in n: better
//! than a tenth of a millimetre within the zone. It is not taken from `geodesy`
//! on purpose: the truth must not come from the code that is judged by it.

use libm::{asin, atan, atan2, cos, cosh, exp, log, sin, sinh, sqrt, tan};

/// A transverse Mercator projection on GRS 80.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TransverseMercator {
    central_meridian_deg: f64,
    scale: f64,
    false_easting_m: f64,
}

/// SWEREF 99 17 15, the CRS of the town.
pub(crate) const EPSG_3014: TransverseMercator = TransverseMercator {
    central_meridian_deg: 17.25,
    scale: 1.0,
    false_easting_m: 150_000.0,
};

/// SWEREF 99 TM, the CRS of the whole country.
pub(crate) const EPSG_3006: TransverseMercator = TransverseMercator {
    central_meridian_deg: 15.0,
    scale: 0.9996,
    false_easting_m: 500_000.0,
};

const SEMI_MAJOR_M: f64 = 6_378_137.0;
const FLATTENING: f64 = 1.0 / 298.257_222_101;
const RADIANS_PER_DEGREE: f64 = std::f64::consts::PI / 180.0;

/// Third flattening n.
const N: f64 = FLATTENING / (2.0 - FLATTENING);
/// Radius of the rectifying sphere.
const RECTIFYING_RADIUS_M: f64 =
    SEMI_MAJOR_M / (1.0 + N) * (1.0 + N * N / 4.0 + N * N * N * N / 64.0);

impl TransverseMercator {
    /// Returns longitude and latitude in degrees of easting and northing in metres.
    pub(crate) fn lonlat_from_world(&self, [easting, northing]: [f64; 2]) -> [f64; 2] {
        let delta = [
            N / 2.0 - 2.0 / 3.0 * N * N + 37.0 / 96.0 * N * N * N - N * N * N * N / 360.0,
            N * N / 48.0 + N * N * N / 15.0 - 437.0 / 1440.0 * N * N * N * N,
            17.0 / 480.0 * N * N * N - 37.0 / 840.0 * N * N * N * N,
            4397.0 / 161_280.0 * N * N * N * N,
        ];
        let xi = northing / (self.scale * RECTIFYING_RADIUS_M);
        let eta = (easting - self.false_easting_m) / (self.scale * RECTIFYING_RADIUS_M);
        let (mut xi_sphere, mut eta_sphere) = (xi, eta);
        for (j, coefficient) in delta.iter().enumerate() {
            let k = 2.0 * (j as f64 + 1.0);
            xi_sphere -= coefficient * sin(k * xi) * cosh(k * eta);
            eta_sphere -= coefficient * cos(k * xi) * sinh(k * eta);
        }
        let conformal_lat = asin(sin(xi_sphere) / cosh(eta_sphere));
        let delta_lon = atan2(sinh(eta_sphere), cos(xi_sphere));
        // The latitude whose isometric latitude is that of the conformal sphere.
        let e = sqrt(FLATTENING * (2.0 - FLATTENING));
        let isometric = log(tan(std::f64::consts::FRAC_PI_4 + conformal_lat / 2.0));
        let mut lat = conformal_lat;
        for _ in 0..8 {
            let s = e * sin(lat);
            let t = isometric + e / 2.0 * log((1.0 + s) / (1.0 - s));
            lat = 2.0 * atan(exp(t)) - std::f64::consts::FRAC_PI_2;
        }
        [
            self.central_meridian_deg + delta_lon / RADIANS_PER_DEGREE,
            lat / RADIANS_PER_DEGREE,
        ]
    }

    /// Returns easting and northing in metres of longitude and latitude in degrees.
    pub(crate) fn world_from_lonlat(&self, [lon_deg, lat_deg]: [f64; 2]) -> [f64; 2] {
        let beta = [
            N / 2.0 - 2.0 / 3.0 * N * N + 5.0 / 16.0 * N * N * N + 41.0 / 180.0 * N * N * N * N,
            13.0 / 48.0 * N * N - 3.0 / 5.0 * N * N * N + 557.0 / 1440.0 * N * N * N * N,
            61.0 / 240.0 * N * N * N - 103.0 / 140.0 * N * N * N * N,
            49_561.0 / 161_280.0 * N * N * N * N,
        ];
        let lat = lat_deg * RADIANS_PER_DEGREE;
        let delta_lon = (lon_deg - self.central_meridian_deg) * RADIANS_PER_DEGREE;
        let e = sqrt(FLATTENING * (2.0 - FLATTENING));
        let s = e * sin(lat);
        let isometric = log(tan(std::f64::consts::FRAC_PI_4 + lat / 2.0))
            - e / 2.0 * log((1.0 + s) / (1.0 - s));
        let conformal_lat = 2.0 * atan(exp(isometric)) - std::f64::consts::FRAC_PI_2;
        let xi = atan2(tan(conformal_lat), cos(delta_lon));
        let t = cos(conformal_lat) * sin(delta_lon);
        let eta = 0.5 * log((1.0 + t) / (1.0 - t));
        let (mut northing, mut easting) = (xi, eta);
        for (j, coefficient) in beta.iter().enumerate() {
            let k = 2.0 * (j as f64 + 1.0);
            northing += coefficient * sin(k * xi) * cosh(k * eta);
            easting += coefficient * cos(k * xi) * sinh(k * eta);
        }
        [
            self.false_easting_m + self.scale * RECTIFYING_RADIUS_M * easting,
            self.scale * RECTIFYING_RADIUS_M * northing,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_of_the_town_lies_where_proj_puts_it() {
        // cs2cs 9.1.1, EPSG:3014 to EPSG:4326 and EPSG:3006.
        let world = [190_600.0, 6_920_450.0];
        let lonlat = EPSG_3014.lonlat_from_world(world);
        assert!((lonlat[0] - 18.034_855_309_47).abs() < 1e-9, "{lonlat:?}");
        assert!((lonlat[1] - 62.388_274_242_81).abs() < 1e-9, "{lonlat:?}");
        let tm = EPSG_3006.world_from_lonlat(lonlat);
        assert!((tm[0] - 656_889.026_250).abs() < 1e-4, "{tm:?}");
        assert!((tm[1] - 6_921_118.580_978).abs() < 1e-4, "{tm:?}");
    }
}
