//! The hot path: the Swedish grids and Web Mercator in formulas of our own.
//!
//! Each of these CRSs is on the ellipsoid of GRS 80 or so near to it that PROJ treats
//! it so, and their datums (SWEREF 99, ETRS89, WGS 84) are one: PROJ shifts nothing
//! between them either, having no better than a metre to go by.
//!
//! A place between two CRSs is a [`Place`]: longitude, and the *tangent* of latitude,
//! since both projections can do with that and no arctangent.
//!
//! # Source
//!
//! C. F. F. Karney, "Transverse Mercator with an accuracy of a few nanometers",
//! Journal of Geodesy 85 (2011), equations 7 to 36: Krüger's series to order n⁶. The
//! series of the conformal latitude are equations A5 and A6 of his "On auxiliary
//! latitudes", Survey Review 56 (2024).
//!
//! The functions of the standard library are what costs time here, so that sines and
//! cosines of double angles are taken from tangents by algebra wherever that can be.

use std::f64::consts::{PI, TAU};
use std::sync::OnceLock;

/// Semi-major axis of GRS 80 and WGS 84, in metres.
const SEMI_MAJOR_M: f64 = 6_378_137.0;
/// Flattening of GRS 80. WGS 84 differs in the eleventh digit: 0.1 mm at the pole.
const FLATTENING: f64 = 1.0 / 298.257_222_101;

/// How far from the central meridian, as the η of Krüger's series, PROJ and we go.
/// At the equator that is about 81.5°; the series diverges at 90°.
const MAX_ETA: f64 = 2.623_395_162_778;
/// How near to a pole, in radians, Web Mercator ends, as in PROJ.
const POLE_MARGIN: f64 = 1e-10;

/// A CRS of the hot path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fast {
    /// Degrees of longitude and latitude.
    LonLat,
    /// EPSG:3857, spherical.
    WebMercator,
    /// Transverse Mercator on GRS 80.
    TransverseMercator(Grid),
}

/// What tells one of the Swedish grids from another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    central_meridian: f64,
    scale: f64,
    false_easting_m: f64,
}

/// Somewhere on the ellipsoid.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// In radians.
    longitude: f64,
    /// Tangent of the geographic latitude.
    tan_latitude: f64,
}

impl Fast {
    /// Returns the formulas for the CRS with this code, if it is one of ours.
    pub(crate) fn of(code: &str) -> Option<Fast> {
        if code == "OGC:CRS84" {
            return Some(Fast::LonLat);
        }
        let number: u32 = code.strip_prefix("EPSG:")?.parse().ok()?;
        match number {
            4326 | 4258 | 4619 => Some(Fast::LonLat),
            3857 => Some(Fast::WebMercator),
            3006 => Some(Fast::TransverseMercator(Grid {
                central_meridian: 15_f64.to_radians(),
                scale: 0.9996,
                false_easting_m: 500_000.0,
            })),
            3007..=3018 => {
                const MERIDIANS_DEG: [f64; 12] = [
                    12.0, 13.5, 15.0, 16.5, 18.0, 14.25, 15.75, 17.25, 18.75, 20.25, 21.75, 23.25,
                ];
                let zone = usize::try_from(number - 3007).ok()?;
                Some(Fast::TransverseMercator(Grid {
                    central_meridian: MERIDIANS_DEG[zone].to_radians(),
                    scale: 1.0,
                    false_easting_m: 150_000.0,
                }))
            }
            _ => None,
        }
    }

    /// Returns the point in `to`, or nothing if it has no place there.
    pub(crate) fn convert(self, to: Fast, point: [f64; 2]) -> Option<[f64; 2]> {
        let result = to.project(self.place(point)?)?;
        (result[0].is_finite() && result[1].is_finite()).then_some(result)
    }

    fn place(self, [x, y]: [f64; 2]) -> Option<Place> {
        match self {
            Fast::LonLat => (y.abs() <= 90.0).then(|| Place {
                longitude: around(x.to_radians()),
                tan_latitude: y.to_radians().tan(),
            }),
            Fast::WebMercator => Some(Place {
                longitude: around(x / SEMI_MAJOR_M),
                tan_latitude: (y / SEMI_MAJOR_M).sinh(),
            }),
            Fast::TransverseMercator(grid) => grid.place(x, y),
        }
    }

    fn project(self, place: Place) -> Option<[f64; 2]> {
        match self {
            Fast::LonLat => Some([
                place.longitude.to_degrees(),
                place.tan_latitude.atan().to_degrees(),
            ]),
            Fast::WebMercator => {
                let at_pole = place.tan_latitude.abs() >= 1.0 / POLE_MARGIN;
                (!at_pole).then(|| {
                    [
                        SEMI_MAJOR_M * place.longitude,
                        SEMI_MAJOR_M * asinh(place.tan_latitude),
                    ]
                })
            }
            Fast::TransverseMercator(grid) => grid.project(place),
        }
    }
}

impl Grid {
    fn project(self, place: Place) -> Option<[f64; 2]> {
        let series = Series::get();
        let (sin_lon, cos_lon) = around(place.longitude - self.central_meridian).sin_cos();
        let conformal = turned(place.tan_latitude, &series.conformal_from_geographic);
        // On the sphere: tan ξ = conformal / cos λ, and sinh η = sin λ / secant.
        let secant2 = conformal * conformal + cos_lon * cos_lon;
        let sinh_eta = sin_lon / secant2.sqrt();
        let eta = asinh(sinh_eta);
        if eta.is_nan() || eta.abs() > MAX_ETA {
            return None;
        }
        let xi = conformal.atan2(cos_lon);
        let (d_xi, d_eta) = sum_of_complex_sines(
            &series.ellipsoid_from_sphere,
            [
                2.0 * conformal * cos_lon / secant2,
                (cos_lon * cos_lon - conformal * conformal) / secant2,
            ],
            [
                2.0 * sinh_eta * (1.0 + sinh_eta * sinh_eta).sqrt(),
                1.0 + 2.0 * sinh_eta * sinh_eta,
            ],
        );
        let radius_m = self.scale * series.rectifying_radius_m;
        Some([
            self.false_easting_m + radius_m * (eta + d_eta),
            radius_m * (xi + d_xi),
        ])
    }

    fn place(self, x: f64, y: f64) -> Option<Place> {
        let series = Series::get();
        let radius_m = self.scale * series.rectifying_radius_m;
        let (xi, eta) = (y / radius_m, (x - self.false_easting_m) / radius_m);
        if eta.is_nan() || xi.is_nan() || eta.abs() > MAX_ETA || xi.abs() > PI {
            return None;
        }
        let (sin, cos) = (2.0 * xi).sin_cos();
        let exp = (2.0 * eta).exp();
        let (d_xi, d_eta) = sum_of_complex_sines(
            &series.sphere_from_ellipsoid,
            [sin, cos],
            [0.5 * (exp - 1.0 / exp), 0.5 * (exp + 1.0 / exp)],
        );
        let (sin_xi, cos_xi) = (xi + d_xi).sin_cos();
        let sinh_eta = (eta + d_eta).sinh();
        let conformal = sin_xi / (sinh_eta * sinh_eta + cos_xi * cos_xi).sqrt();
        Some(Place {
            longitude: around(self.central_meridian + sinh_eta.atan2(cos_xi)),
            tan_latitude: turned(conformal, &series.geographic_from_conformal),
        })
    }
}

/// Krüger's series for GRS 80. Each is the coefficients of sines of twice, four times …
/// twelve times an angle.
struct Series {
    /// Radius of the sphere whose meridians are as long as the ellipsoid's.
    rectifying_radius_m: f64,
    ellipsoid_from_sphere: [f64; 6],
    sphere_from_ellipsoid: [f64; 6],
    conformal_from_geographic: [f64; 6],
    geographic_from_conformal: [f64; 6],
}

impl Series {
    fn get() -> &'static Series {
        static SERIES: OnceLock<Series> = OnceLock::new();
        SERIES.get_or_init(Series::new)
    }

    fn new() -> Series {
        let n = FLATTENING / (2.0 - FLATTENING);
        let [n2, n3, n4, n5, n6] = [2, 3, 4, 5, 6].map(|power| n.powi(power));
        Series {
            rectifying_radius_m: SEMI_MAJOR_M / (1.0 + n)
                * (1.0 + n2 / 4.0 + n4 / 64.0 + n6 / 256.0),
            ellipsoid_from_sphere: [
                n / 2.0 - 2.0 / 3.0 * n2 + 5.0 / 16.0 * n3 + 41.0 / 180.0 * n4 - 127.0 / 288.0 * n5
                    + 7891.0 / 37800.0 * n6,
                13.0 / 48.0 * n2 - 3.0 / 5.0 * n3 + 557.0 / 1440.0 * n4 + 281.0 / 630.0 * n5
                    - 1_983_433.0 / 1_935_360.0 * n6,
                61.0 / 240.0 * n3 - 103.0 / 140.0 * n4
                    + 15061.0 / 26880.0 * n5
                    + 167_603.0 / 181_440.0 * n6,
                49561.0 / 161_280.0 * n4 - 179.0 / 168.0 * n5 + 6_601_661.0 / 7_257_600.0 * n6,
                34729.0 / 80640.0 * n5 - 3_418_889.0 / 1_995_840.0 * n6,
                212_378_941.0 / 319_334_400.0 * n6,
            ],
            sphere_from_ellipsoid: [
                n / 2.0 - 2.0 / 3.0 * n2 + 37.0 / 96.0 * n3 - 1.0 / 360.0 * n4 - 81.0 / 512.0 * n5
                    + 96199.0 / 604_800.0 * n6,
                1.0 / 48.0 * n2 + 1.0 / 15.0 * n3 - 437.0 / 1440.0 * n4 + 46.0 / 105.0 * n5
                    - 1_118_711.0 / 3_870_720.0 * n6,
                17.0 / 480.0 * n3 - 37.0 / 840.0 * n4 - 209.0 / 4480.0 * n5 + 5569.0 / 90720.0 * n6,
                4397.0 / 161_280.0 * n4 - 11.0 / 504.0 * n5 - 830_251.0 / 7_257_600.0 * n6,
                4583.0 / 161_280.0 * n5 - 108_847.0 / 3_991_680.0 * n6,
                20_648_693.0 / 638_668_800.0 * n6,
            ]
            .map(|coefficient: f64| -coefficient),
            conformal_from_geographic: [
                -2.0 * n + 2.0 / 3.0 * n2 + 4.0 / 3.0 * n3 - 82.0 / 45.0 * n4
                    + 32.0 / 45.0 * n5
                    + 4642.0 / 4725.0 * n6,
                5.0 / 3.0 * n2 - 16.0 / 15.0 * n3 - 13.0 / 9.0 * n4 + 904.0 / 315.0 * n5
                    - 1522.0 / 945.0 * n6,
                -26.0 / 15.0 * n3 + 34.0 / 21.0 * n4 + 8.0 / 5.0 * n5 - 12686.0 / 2835.0 * n6,
                1237.0 / 630.0 * n4 - 12.0 / 5.0 * n5 - 24832.0 / 14175.0 * n6,
                -734.0 / 315.0 * n5 + 109_598.0 / 31185.0 * n6,
                444_337.0 / 155_925.0 * n6,
            ],
            geographic_from_conformal: [
                2.0 * n - 2.0 / 3.0 * n2 - 2.0 * n3 + 116.0 / 45.0 * n4 + 26.0 / 45.0 * n5
                    - 2854.0 / 675.0 * n6,
                7.0 / 3.0 * n2 - 8.0 / 5.0 * n3 - 227.0 / 45.0 * n4
                    + 2704.0 / 315.0 * n5
                    + 2323.0 / 945.0 * n6,
                56.0 / 15.0 * n3 - 136.0 / 35.0 * n4 - 1262.0 / 105.0 * n5 + 73814.0 / 2835.0 * n6,
                4279.0 / 630.0 * n4 - 332.0 / 35.0 * n5 - 399_572.0 / 14175.0 * n6,
                4174.0 / 315.0 * n5 - 144_838.0 / 6237.0 * n6,
                601_676.0 / 22275.0 * n6,
            ],
        }
    }
}

/// Returns tan(φ + δ) from tan φ, where δ = Σ cⱼ sin 2jφ is less than 0.004.
fn turned(tangent: f64, coefficients: &[f64; 6]) -> f64 {
    let secant2 = 1.0 + tangent * tangent;
    let sin = 2.0 * tangent / secant2;
    let cos = (1.0 - tangent * tangent) / secant2;
    let (mut one, mut two) = (0.0, 0.0);
    for coefficient in coefficients.iter().rev() {
        (two, one) = (one, 2.0 * cos * one - two + coefficient);
    }
    let delta = one * sin;
    // The next term of the tangent is 17/315 δ⁷, less than 1e-18.
    let delta2 = delta * delta;
    let tan_delta = delta * (1.0 + delta2 * (1.0 / 3.0 + delta2 * 2.0 / 15.0));
    (tangent + tan_delta) / (1.0 - tangent * tan_delta)
}

/// Returns the real and imaginary part of Σ cⱼ sin(2j(ξ + iη)), from sine and cosine of
/// 2ξ and the hyperbolic ones of 2η, by Clenshaw's method.
fn sum_of_complex_sines(
    coefficients: &[f64; 6],
    [sin, cos]: [f64; 2],
    [sinh, cosh]: [f64; 2],
) -> (f64, f64) {
    // 2 cos(2(ξ + iη)).
    let (re, im) = (2.0 * cos * cosh, -2.0 * sin * sinh);
    let (mut re1, mut im1, mut re2, mut im2) = (0.0, 0.0, 0.0, 0.0);
    for coefficient in coefficients.iter().rev() {
        let next_re = re * re1 - im * im1 - re2 + coefficient;
        let next_im = re * im1 + im * re1 - im2;
        (re2, im2, re1, im1) = (re1, im1, next_re, next_im);
    }
    // Times sin(2(ξ + iη)).
    let (sin_re, sin_im) = (sin * cosh, cos * sinh);
    (re1 * sin_re - im1 * sin_im, re1 * sin_im + im1 * sin_re)
}

/// As the standard library's, without its guard against overflow: arguments stay below
/// the tangent of a latitude.
fn asinh(x: f64) -> f64 {
    let a = x.abs();
    (a + a * a / (1.0 + (1.0 + a * a).sqrt()))
        .ln_1p()
        .copysign(x)
}

/// The same longitude between −180° and 180°.
fn around(longitude: f64) -> f64 {
    // Half the world and no more must stay what it is: the edge of Web Mercator, as its
    // own metres give it, is a rounding error over π.
    if longitude.abs() <= PI + 1e-12 {
        longitude
    } else {
        (longitude + PI).rem_euclid(TAU) - PI
    }
}
