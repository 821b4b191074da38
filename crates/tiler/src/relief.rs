//! Slope, aspect and shading of windows of elevations: pure functions, of which tiles and
//! exported files are made alike.

use model::Grid;

/// Where the light comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lights {
    /// Four soft lights: the main one from the north-west, as people read relief, and three
    /// weaker ones that keep slopes along it from drowning. All are 45° over the horizon.
    Soft,
    /// One light, as `gdaldem hillshade` has it.
    One {
        /// Whence it comes, in degrees from the north of the twin's grid, clockwise.
        azimuth_deg: f32,
        /// How high it stands over the horizon, in degrees.
        altitude_deg: f32,
    },
    /// Lights from the south-west, west, north-west and north, each the stronger the more a
    /// slope turns to it or away from it (Mark, USGS Open-File Report 92-422), as
    /// `gdaldem hillshade -multidirectional` has it.
    Multi {
        /// How high they stand over the horizon, in degrees.
        altitude_deg: f32,
    },
}

impl Lights {
    /// Reads what somebody chose: [`Lights::Soft`] if nothing, one light if an azimuth or
    /// an altitude, and [`Lights::Multi`] if `multi`, at that altitude. An azimuth that is
    /// missing is 315°, an altitude 45°.
    ///
    /// # Errors
    ///
    /// A sentence, if an azimuth is not from 0 to 360 or an altitude not from 1 to 90.
    pub fn from_options(
        azimuth_deg: Option<f32>,
        altitude_deg: Option<f32>,
        multi: bool,
    ) -> Result<Lights, String> {
        if let Some(azimuth) = azimuth_deg
            && !(0.0..=360.0).contains(&azimuth)
        {
            return Err(format!("azimuth {azimuth}: give degrees from 0 to 360"));
        }
        let altitude = altitude_deg.unwrap_or(45.0);
        // One that grazes the ground would leave level ground black.
        if !(1.0..=90.0).contains(&altitude) {
            return Err(format!("altitude {altitude}: give degrees from 1 to 90"));
        }
        Ok(match (azimuth_deg, altitude_deg) {
            _ if multi => Lights::Multi {
                altitude_deg: altitude,
            },
            (None, None) => Lights::Soft,
            (azimuth, _) => Lights::One {
                azimuth_deg: azimuth.unwrap_or(315.0),
                altitude_deg: altitude,
            },
        })
    }
}

/// Azimuths and shares of [`Lights::Soft`].
const SOFT: [(f32, f32); 4] = [(315.0, 0.4), (270.0, 0.2), (0.0, 0.2), (225.0, 0.2)];

/// Height of each of those over the horizon, in degrees.
const SOFT_ALTITUDE_DEG: f32 = 45.0;

/// Azimuths of [`Lights::Multi`].
const MULTI_AZIMUTHS_DEG: [f32; 4] = [225.0, 270.0, 315.0, 0.0];

/// Rise to the east and to the north, in metres for each metre, cell by cell, as
/// [`for_each_row_of_slopes`] has it.
pub(crate) fn slopes(grid: &Grid) -> Vec<[f32; 2]> {
    let mut values = Vec::with_capacity(grid.values.len());
    for_each_row_of_slopes(grid, |_, to_east, to_north| {
        let both = to_east.iter().zip(to_north);
        values.extend(both.map(|(&to_east, &to_north)| [to_east, to_north]));
    });
    values
}

/// Calls `tell` with the number of each row and the rise of its cells to the east and to the
/// north, in metres for each metre, after Horn (1981); NaN where there is no elevation.
///
/// Measured between the cells of the twin, whose CRS is true to the ground, so that no tile
/// matrix set stretches it. A neighbour without a value, or beyond the window, counts as
/// level.
pub(crate) fn for_each_row_of_slopes(grid: &Grid, mut tell: impl FnMut(usize, &[f32], &[f32])) {
    let columns = grid.columns;
    let scale = 1.0 / (8.0 * grid.cell_size_m as f32);
    // Three rows with a cell more at both ends, so that all cells are treated alike: several
    // at once, where the processor can.
    let mut lines = [const { Vec::new() }; 3];
    lines.fill(vec![f32::NAN; columns + 2]);
    let mut to_east = vec![0.0; columns];
    let mut to_north = vec![0.0; columns];
    for row in 0..=grid.rows {
        lines.rotate_left(1);
        match grid.values.get(row * columns..(row + 1) * columns) {
            Some(values) if row < grid.rows => lines[2][1..=columns].copy_from_slice(values),
            _ => lines[2].fill(f32::NAN),
        }
        let Some(done) = row.checked_sub(1) else {
            continue;
        };
        let around = lines
            .each_ref()
            .map(|line| [0, 1, 2].map(|by| &line[by..by + columns]));
        let [[a, b, c], [d, middle, f], [g, h, i]] = around;
        for at in 0..columns {
            let own = middle[at];
            // Differences from the middle lose no digits to the height above the sea.
            let over = |line: &[f32]| {
                let difference = line[at] - own;
                if difference.is_nan() { 0.0 } else { difference }
            };
            let (a, b, c) = (over(a), over(b), over(c));
            let (d, f) = (over(d), over(f));
            let (g, h, i) = (over(g), over(h), over(i));
            // Nothing, but for a cell that has no value.
            let unknown = if own.is_nan() { own } else { 0.0 };
            to_east[at] = ((c + 2.0 * f + i) - (a + 2.0 * d + g)) * scale + unknown;
            to_north[at] = ((a + 2.0 * b + c) - (g + 2.0 * h + i)) * scale + unknown;
        }
        tell(done, &to_east, &to_north);
    }
}

/// How steep a slope is, in degrees.
pub(crate) fn slope_deg([to_east, to_north]: [f32; 2]) -> f32 {
    to_east.hypot(to_north).atan().to_degrees()
}

/// Where a slope faces, downhill, in degrees from the north of the twin's grid, clockwise,
/// 0 to below 360; NaN where the ground is level.
pub(crate) fn aspect_deg([to_east, to_north]: [f32; 2]) -> f32 {
    if to_east == 0.0 && to_north == 0.0 {
        return f32::NAN;
    }
    let deg = (-to_east).atan2(-to_north).to_degrees().rem_euclid(360.0);
    // The remainder of a tiny negative number rounds up to all of it.
    if deg < 360.0 { deg } else { 0.0 }
}

/// How bright slopes are under some lights: Lambert's law, without shadows that slopes cast
/// on one another.
#[derive(Debug, Clone)]
pub(crate) struct Shader {
    lights: Vec<Light>,
    /// Whether a light's share depends on where the slope faces.
    by_aspect: bool,
    /// Brightness of level ground.
    level: f32,
}

/// A direction to the east and to the north, of length 1, and the share of the light.
#[derive(Debug, Clone, Copy)]
struct Light {
    east: f32,
    north: f32,
    share: f32,
}

impl Light {
    fn new(azimuth_deg: f32, share: f32) -> Light {
        let (east, north) = azimuth_deg.to_radians().sin_cos();
        Light { east, north, share }
    }
}

impl Shader {
    pub(crate) fn new(lights: Lights) -> Shader {
        let (lights, by_aspect, altitude_deg): (Vec<_>, _, _) = match lights {
            Lights::Soft => (
                SOFT.map(|(azimuth, share)| Light::new(azimuth, share))
                    .to_vec(),
                false,
                SOFT_ALTITUDE_DEG,
            ),
            Lights::One {
                azimuth_deg,
                altitude_deg,
            } => (vec![Light::new(azimuth_deg, 1.0)], false, altitude_deg),
            Lights::Multi { altitude_deg } => (
                // Squared cosines of four lights 45° apart sum to two.
                MULTI_AZIMUTHS_DEG.map(|a| Light::new(a, 0.5)).to_vec(),
                true,
                altitude_deg,
            ),
        };
        Shader {
            lights,
            by_aspect,
            level: altitude_deg.to_radians().sin(),
        }
    }

    /// From 0, in the shade, to 1, where the light falls straight; NaN for a slope that is.
    pub(crate) fn brightness(&self, slope: [f32; 2]) -> f32 {
        self.under(&self.lights, slope)
    }

    /// [`Shader::brightness`] of each cell of a row.
    pub(crate) fn shade(&self, to_east: &[f32], to_north: &[f32], brightness: &mut [f32]) {
        // How many lights there are has to be known for several cells to be done at once.
        match *self.lights {
            [one] => self.shade_under(&[one], to_east, to_north, brightness),
            [a, b, c, d] => self.shade_under(&[a, b, c, d], to_east, to_north, brightness),
            _ => self.shade_under(&self.lights, to_east, to_north, brightness),
        }
    }

    #[inline(always)]
    fn shade_under(
        &self,
        lights: &[Light],
        to_east: &[f32],
        to_north: &[f32],
        brightness: &mut [f32],
    ) {
        let slopes = to_east.iter().zip(to_north);
        for (value, (&to_east, &to_north)) in brightness.iter_mut().zip(slopes) {
            *value = self.under(lights, [to_east, to_north]);
        }
    }

    #[inline(always)]
    fn under(&self, lights: &[Light], [to_east, to_north]: [f32; 2]) -> f32 {
        let up = self.level;
        let flat = (1.0 - up * up).max(0.0).sqrt();
        let steep = to_east * to_east + to_north * to_north;
        let inverse = 1.0 / (1.0 + steep).sqrt();
        let mut sum = 0.0;
        for light in lights {
            let rise = light.east * to_east + light.north * to_north;
            let share = if self.by_aspect {
                light.share * rise * rise / steep
            } else {
                light.share
            };
            let towards = (up - flat * rise) * inverse;
            // A maximum with zero would turn NaN into shade.
            sum += share * if towards < 0.0 { 0.0 } else { towards };
        }
        // Level ground faces nowhere.
        if steep == 0.0 { up } else { sum }
    }

    /// Brightness of level ground, over 0 and up to 1.
    pub(crate) fn level(&self) -> f32 {
        self.level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plane that rises so much to the east and to the north.
    fn plane(to_east: f64, to_north: f64) -> Grid {
        let mut grid = Grid::empty(0.0, 5.0, 0.5, 5, 5);
        for row in 0..5 {
            for column in 0..5 {
                let [x, y] = grid.centre_of(column, row);
                grid.values[row * 5 + column] = (800.0 + to_east * x + to_north * y) as f32;
            }
        }
        grid
    }

    #[test]
    fn a_plane_has_one_slope_and_faces_downhill() {
        for (to_east, to_north, slope, aspect) in [
            (1.0, 0.0, 45.0, 270.0),
            (-1.0, 0.0, 45.0, 90.0),
            (0.0, 1.0, 45.0, 180.0),
            (0.0, -1.0, 45.0, 0.0),
            (0.5, 0.5, 35.26439, 225.0),
        ] {
            let found = slopes(&plane(to_east, to_north))[12];
            assert!((slope_deg(found) - slope).abs() < 0.001, "{found:?}");
            assert!((aspect_deg(found) - aspect).abs() < 0.001, "{found:?}");
        }
        let level = slopes(&plane(0.0, 0.0))[12];
        assert_eq!(slope_deg(level), 0.0);
        assert!(aspect_deg(level).is_nan());
    }

    #[test]
    fn a_slope_that_faces_the_light_squarely_is_white_and_its_back_is_black() {
        let shader = Shader::new(Lights::One {
            azimuth_deg: 90.0,
            altitude_deg: 45.0,
        });
        assert!((shader.brightness([-1.0, 0.0]) - 1.0).abs() < 1e-6);
        assert!(shader.brightness([1.0, 0.0]) < 1e-6);
        assert!(shader.brightness([f32::NAN, 0.0]).is_nan());
    }

    #[test]
    fn level_ground_is_as_bright_under_all_lights_that_stand_as_high() {
        for lights in [
            Lights::Soft,
            Lights::One {
                azimuth_deg: 200.0,
                altitude_deg: 45.0,
            },
            Lights::Multi { altitude_deg: 45.0 },
        ] {
            let shader = Shader::new(lights);
            assert!((shader.brightness([0.0, 0.0]) - 0.5_f32.sqrt()).abs() < 1e-6);
            // And what is nearly level nearly so.
            assert!((shader.brightness([1e-4, -1e-4]) - 0.5_f32.sqrt()).abs() < 1e-3);
        }
    }
}
