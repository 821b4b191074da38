//! The ground of Sampelstad, as a function.
//!
//! The town is planned in *town coordinates*: `along` runs along the shore and
//! `inland` away from it, both near enough metres, with the shore at `inland` = 0.
//! A smooth map bends them into the world, so that streets that are straight on
//! the plan follow the bay. Only `sin` is used beside the four operations and the
//! square root, from the `libm` crate, so that every machine gets the same bits.

use libm::{floor, sin};

use crate::ground::{DEPTH_M, Ground, Material, WIDTH_M};
use crate::plan::{
    COLUMN_STREETS, QUAY, ROW_STREETS, STREAM_GAP, StreetPlan, distance_to_breakwater_m,
    half_carriageway_m,
};
use crate::plane::unit;

/// Northing of the shore line, were it straight, above the south edge.
const SHORE_M: f64 = 205.0;
/// Half the width of the stream.
pub(crate) const STREAM_HALF_WIDTH_M: f64 = 3.2;
/// Distance between the nodes of the table that starts the inverse map.
const TABLE_STEP_M: f64 = 4.0;

const TURN: f64 = 2.0 * std::f64::consts::PI;

/// A skerry in the bay. Its outline is a circle that was pulled in two, three and
/// four directions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Skerry {
    pub(crate) centre: [f64; 2],
    pub(crate) radius_m: f64,
    pub(crate) top_m: f64,
    pub(crate) pulls: [f64; 3],
}

impl Skerry {
    /// Returns how far the outline is from the centre in the direction of a unit vector.
    pub(crate) fn reach_m(&self, [x, y]: [f64; 2]) -> f64 {
        // The pulls do not follow the axes of the map.
        let (c, s) = (0.8 * x - 0.6 * y, 0.6 * x + 0.8 * y);
        let (c2, s2) = (c * c - s * s, 2.0 * c * s);
        let s3 = s2 * c + c2 * s;
        let c4 = c2 * c2 - s2 * s2;
        self.radius_m * (1.0 + self.pulls[0] * c2 + self.pulls[1] * s3 + self.pulls[2] * c4)
    }
}

/// Skerries, relative to the south-west corner of the district.
pub(crate) const SKERRIES: [Skerry; 4] = [
    Skerry {
        centre: [238.0, 80.0],
        radius_m: 43.0,
        top_m: 6.5,
        pulls: [0.24, 0.12, -0.07],
    },
    Skerry {
        centre: [326.0, 46.0],
        radius_m: 17.0,
        top_m: 2.4,
        pulls: [0.2, -0.15, 0.08],
    },
    Skerry {
        centre: [152.0, 38.0],
        radius_m: 9.0,
        top_m: 1.2,
        pulls: [-0.15, 0.1, 0.05],
    },
    Skerry {
        centre: [985.0, 66.0],
        radius_m: 29.0,
        top_m: 3.8,
        pulls: [0.3, -0.1, 0.08],
    },
];

/// The shape of the ground of one district.
#[derive(Debug, Clone)]
pub(crate) struct Terrain {
    /// South-west corner in the world.
    pub(crate) origin: [f64; 2],
    pub(crate) streets: StreetPlan,
    table: Vec<[f64; 2]>,
    table_columns: usize,
}

impl Terrain {
    pub(crate) fn new(origin: [f64; 2], streets: StreetPlan) -> Terrain {
        let table_columns = (WIDTH_M / TABLE_STEP_M) as usize + 2;
        let table_rows = (DEPTH_M / TABLE_STEP_M) as usize + 2;
        let mut table = Vec::with_capacity(table_columns * table_rows);
        for row in 0..table_rows {
            for column in 0..table_columns {
                let local = [column as f64 * TABLE_STEP_M, row as f64 * TABLE_STEP_M];
                table.push(refined(local, [local[0], local[1] - SHORE_M], 12));
            }
        }
        Terrain {
            origin,
            streets,
            table,
            table_columns,
        }
    }

    /// Returns the world coordinates of town coordinates.
    pub(crate) fn world_from_town(&self, town: [f64; 2]) -> [f64; 2] {
        let local = local_from_town(town);
        [self.origin[0] + local[0], self.origin[1] + local[1]]
    }

    /// Returns the town coordinates of world coordinates.
    pub(crate) fn town_from_world(&self, world: [f64; 2]) -> [f64; 2] {
        let local = [world[0] - self.origin[0], world[1] - self.origin[1]];
        let x = (local[0] / TABLE_STEP_M).clamp(0.0, (self.table_columns - 2) as f64);
        let rows = self.table.len() / self.table_columns;
        let y = (local[1] / TABLE_STEP_M).clamp(0.0, (rows - 2) as f64);
        let (column, row) = (floor(x) as usize, floor(y) as usize);
        let (column, row) = (column.min(self.table_columns - 2), row.min(rows - 2));
        let (fx, fy) = (x - column as f64, y - row as f64);
        let at = |c: usize, r: usize| self.table[r * self.table_columns + c];
        let mut guess = [0.0; 2];
        for (axis, value) in guess.iter_mut().enumerate() {
            let south = at(column, row)[axis] * (1.0 - fx) + at(column + 1, row)[axis] * fx;
            let north = at(column, row + 1)[axis] * (1.0 - fx) + at(column + 1, row + 1)[axis] * fx;
            *value = south * (1.0 - fy) + north * fy;
        }
        refined(local, guess, 8)
    }

    /// Returns the unit vector that points along the shore at a place, in the world.
    pub(crate) fn along_direction(&self, [along, inland]: [f64; 2]) -> [f64; 2] {
        let from = local_from_town([along - 1.0, inland]);
        let to = local_from_town([along + 1.0, inland]);
        unit([to[0] - from[0], to[1] - from[1]])
    }

    /// Returns the unit vector that points inland at a place, in the world.
    pub(crate) fn inland_direction(&self, [along, inland]: [f64; 2]) -> [f64; 2] {
        let from = local_from_town([along, inland - 1.0]);
        let to = local_from_town([along, inland + 1.0]);
        unit([to[0] - from[0], to[1] - from[1]])
    }

    /// Returns the ground at a place of the world.
    pub(crate) fn ground(&self, world: [f64; 2]) -> Ground {
        self.ground_at(world, self.town_from_world(world))
    }

    /// Returns the ground at a place of the world whose town coordinates are known.
    pub(crate) fn ground_at(&self, world: [f64; 2], town: [f64; 2]) -> Ground {
        let [along, inland] = town;
        if inland < 0.0 {
            return self.ground_at_sea(world, town);
        }
        let off_stream = (along - stream_along_m(inland)).abs();
        if off_stream < STREAM_HALF_WIDTH_M {
            return Ground {
                elevation_m: stream_level_m(inland),
                material: Material::Water,
            };
        }
        let natural = natural_m(town);
        let mut elevation_m = natural;
        let mut material = self.cover(town);

        // Streets are cut into the hills and carried over the hollows: level from
        // side to side, with slopes beside them.
        let mut weight = 0.0_f64;
        let mut level = 0.0;
        let near_stream = smoothstep((off_stream - 6.0) / 3.0);
        for (row, street) in ROW_STREETS.iter().enumerate() {
            let distance = (inland - street.at_m).abs();
            if distance < 18.0 && self.streets.row_has_street(row, along) {
                let half = half_carriageway_m(street.class);
                let w = (1.0 - smoothstep((distance - half - 1.8) / 8.0)) * near_stream;
                if w > weight {
                    weight = w;
                    level = smooth_m([along, street.at_m]);
                }
                if distance < half && near_stream > 0.5 {
                    material = Material::Asphalt;
                }
            }
        }
        for (column, street) in COLUMN_STREETS.iter().enumerate() {
            let distance = (along - street.at_m).abs();
            if distance < 18.0 && self.streets.column_has_street(column, inland) {
                let half = half_carriageway_m(street.class);
                let w = 1.0 - smoothstep((distance - half - 1.8) / 8.0);
                if w > weight {
                    weight = w;
                    level = smooth_m([street.at_m, inland]);
                }
                if distance < half {
                    material = Material::Asphalt;
                }
            }
        }
        elevation_m += (level - elevation_m) * weight;

        // The bed of the stream, with banks of some ten metres.
        let bank = smoothstep((off_stream - STREAM_HALF_WIDTH_M) / 9.0);
        let bottom = stream_level_m(inland);
        elevation_m = bottom + (elevation_m - bottom).max(0.05) * bank.max(0.02);
        Ground {
            elevation_m,
            material,
        }
    }

    fn ground_at_sea(&self, world: [f64; 2], [along, inland]: [f64; 2]) -> Ground {
        let local = [world[0] - self.origin[0], world[1] - self.origin[1]];
        for skerry in &SKERRIES {
            let dx = local[0] - skerry.centre[0];
            let dy = local[1] - skerry.centre[1];
            let distance = (dx * dx + dy * dy).sqrt();
            if distance > 1.6 * skerry.radius_m {
                continue;
            }
            let reach = skerry.reach_m([dx / distance.max(1e-9), dy / distance.max(1e-9)]);
            let r2 = (distance / reach) * (distance / reach);
            if r2 < 1.0 {
                let bumps = 0.5 * sin(dx / 5.0) * sin(dy / 4.0) * (1.0 - r2);
                return Ground {
                    elevation_m: (skerry.top_m * (1.0 - r2) + bumps).max(0.05),
                    material: if r2 < 0.55 {
                        Material::Wood
                    } else {
                        Material::Rock
                    },
                };
            }
        }
        // The breakwater shelters the harbour.
        let off = distance_to_breakwater_m([along, inland]);
        if off < 5.0 {
            return Ground {
                elevation_m: 1.9 - 0.06 * off * off + 0.15 * sin(along * 1.7) * sin(inland * 1.3),
                material: Material::Rock,
            };
        }
        Ground {
            elevation_m: 0.0,
            material: Material::Water,
        }
    }

    fn cover(&self, town: [f64; 2]) -> Material {
        let [along, inland] = town;
        if inland < 26.0 {
            if (QUAY[0]..QUAY[1]).contains(&along) {
                return Material::Concrete;
            }
            if inland < 9.0 {
                return Material::Sand;
            }
        }
        self.streets.cover(town)
    }
}

/// Returns where the middle of the stream runs, `inland` metres from the shore.
pub(crate) fn stream_along_m(inland: f64) -> f64 {
    let middle = (COLUMN_STREETS[STREAM_GAP].at_m + COLUMN_STREETS[STREAM_GAP + 1].at_m) / 2.0;
    middle + 13.0 * sin(inland / 66.0) + 5.0 * sin(inland / 23.0)
}

/// Returns the elevation of the stream, which never rises towards the sea.
pub(crate) fn stream_level_m(inland: f64) -> f64 {
    (smooth_m([255.0, inland]) - 2.3).max(0.0)
}

/// Elevation of the surface of a street at a place on its middle line.
pub(crate) fn street_level_m(town: [f64; 2]) -> f64 {
    smooth_m(town)
}

fn local_from_town([along, inland]: [f64; 2]) -> [f64; 2] {
    [
        along + sideways_m(along, inland),
        SHORE_M + inland + northwards_m(along, inland),
    ]
}

/// Solves `local_from_town` by at most so many fixed-point steps; each gains about a digit.
fn refined(local: [f64; 2], guess: [f64; 2], steps: usize) -> [f64; 2] {
    let [mut along, mut inland] = guess;
    for _ in 0..steps {
        let before = [along, inland];
        inland = local[1] - SHORE_M - northwards_m(along, inland);
        along = local[0] - sideways_m(along, inland);
        if (along - before[0]).abs() + (inland - before[1]).abs() < 1e-5 {
            break;
        }
    }
    [along, inland]
}

/// The streets from the shore sway; at the edges of the district they do not.
fn sideways_m(along: f64, inland: f64) -> f64 {
    30.0 * sin(TURN * inland / 760.0) * sin(TURN * along / (2.0 * WIDTH_M))
}

/// The streets along the shore follow the bay, and further up the hills.
fn northwards_m(along: f64, inland: f64) -> f64 {
    shore_offset_m(along) * shore_influence(inland)
        + 13.0 * sin(2.0 * TURN * along / WIDTH_M + 1.3) * smoothstep((inland - 130.0) / 320.0)
}

/// How far the shore swings north; the period is the width of a district, so
/// that the streets of neighbouring districts meet.
fn shore_offset_m(along: f64) -> f64 {
    58.0 * sin(TURN * along / WIDTH_M + 2.9) + 19.0 * sin(3.0 * TURN * along / WIDTH_M + 0.9)
}

fn shore_influence(inland: f64) -> f64 {
    1.0 - 0.72 * smoothstep(inland / 620.0)
}

/// The large shapes, which the streets follow.
fn smooth_m([along, inland]: [f64; 2]) -> f64 {
    let hill = |centre: [f64; 2], height: f64, radius: f64| {
        let dx = (along - centre[0]) / radius;
        let dy = (inland - centre[1]) / radius;
        let r2 = dx * dx + dy * dy;
        height / ((1.0 + r2) * (1.0 + r2))
    };
    let valley = (along - 255.0) / 55.0;
    2.0 + 0.017 * inland.max(0.0)
        + smoothstep((inland - 20.0) / 120.0)
            * (hill([965.0, 560.0], 30.0, 230.0)
                + hill([70.0, 600.0], 19.0, 170.0)
                + hill([512.0, 240.0], 6.0, 75.0)
                + hill([620.0, 690.0], 13.0, 150.0))
        - 2.4 * smoothstep((inland - 60.0) / 160.0) / (1.0 + valley * valley)
}

/// The ground before anything was built.
fn natural_m(town: [f64; 2]) -> f64 {
    let [along, inland] = town;
    let amplitude = 0.15 + 1.9 * smoothstep((inland - 190.0) / 300.0);
    let rough = amplitude
        * (0.6 * sin(along / 15.0 + 0.4 * sin(inland / 21.0)) * sin(inland / 13.0 + 1.1)
            + 0.5 * sin(along / 39.0 + inland / 33.0)
            + 0.12 * sin(along / 3.7) * sin(inland / 4.3));
    let beach = if (QUAY[0]..QUAY[1]).contains(&along) {
        1.0
    } else {
        0.06 + 0.94 * smoothstep(inland / 24.0)
    };
    (smooth_m(town) + rough) * beach
}

/// 0 below 0, 1 above 1, and a smooth way between.
pub(crate) fn smoothstep(t: f64) -> f64 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terrain() -> Terrain {
        Terrain::new(crate::ORIGIN, StreetPlan::new(crate::SEED))
    }

    #[test]
    fn town_and_world_coordinates_are_inverse_to_a_millimetre() {
        let terrain = terrain();
        for along in 0..24 {
            for inland in -3..14 {
                let town = [25.0 + 50.0 * f64::from(along), 50.0 * f64::from(inland)];
                let back = terrain.town_from_world(terrain.world_from_town(town));
                assert!((back[0] - town[0]).abs() < 1e-3, "{town:?} {back:?}");
                assert!((back[1] - town[1]).abs() < 1e-3, "{town:?} {back:?}");
            }
        }
    }

    #[test]
    fn the_sea_lies_at_zero_and_the_land_above() {
        let terrain = terrain();
        for along in 1..60 {
            let along = 20.0 * f64::from(along);
            let land = terrain.ground(terrain.world_from_town([along, 90.0]));
            assert!(land.elevation_m > 0.0, "{along}");
            let sea = terrain.ground(terrain.world_from_town([along, -12.0]));
            assert!(sea.elevation_m >= 0.0);
        }
        let bay = terrain.ground(terrain.world_from_town([500.0, -60.0]));
        assert_eq!(
            bay,
            Ground {
                elevation_m: 0.0,
                material: Material::Water
            }
        );
    }

    #[test]
    fn a_street_is_level_from_side_to_side_where_the_hill_is_not() {
        let terrain = terrain();
        // Ringvägen, half way between two crossings.
        let at = |inland: f64| {
            terrain
                .ground(terrain.world_from_town([855.0, inland]))
                .elevation_m
        };
        assert!((at(351.0) - at(357.0)).abs() < 0.01);
        assert!((at(330.0) - at(378.0)).abs() > 0.5);
    }

    #[test]
    fn the_stream_never_flows_uphill() {
        let mut last = 0.0;
        for inland in 0..700 {
            let level = stream_level_m(f64::from(inland));
            assert!(level >= last - 0.02, "at {inland} m: {level} below {last}");
            last = level;
        }
    }
}
