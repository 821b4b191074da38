//! Buildings with roofs whose every plane is known.

/// Shape of a roof, in the words of the property department.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoofShape {
    /// `platt`
    Flat,
    /// `sadel`
    Gable,
    /// `valm`
    Hip,
    /// `vinkel`: two wings at a right angle, hipped at the outer corner.
    Ell,
}

impl RoofShape {
    /// The word of the property department.
    pub fn word(self) -> &'static str {
        match self {
            RoofShape::Flat => "platt",
            RoofShape::Gable => "sadel",
            RoofShape::Hip => "valm",
            RoofShape::Ell => "vinkel",
        }
    }
}

/// A building: a rectangle, or two at a right angle, under one roof.
///
/// Its own coordinates are `along` the ridge and `across` it, from the middle of
/// the main wing. The second wing of an ell leaves the end of the main one
/// towards positive `across` and is as wide as it.
#[derive(Debug, Clone)]
pub struct Building {
    /// Key in the property department's layer.
    pub id: String,
    /// Middle of the main wing in the world.
    pub centre: [f64; 2],
    /// Unit vector along the ridge.
    pub along: [f64; 2],
    /// Unit vector across it.
    pub across: [f64; 2],
    /// Half the length of the main wing.
    pub half_length_m: f64,
    /// Half its width.
    pub half_width_m: f64,
    /// How far the second wing of an ell reaches beyond the main one.
    pub wing_length_m: f64,
    /// Shape of the roof.
    pub shape: RoofShape,
    /// Elevation of the ground at its foot in RH 2000.
    pub base_m: f64,
    /// Height of the eaves above the foot.
    pub eaves_height_m: f64,
    /// Rise of the roof for each metre inwards; 0 if flat.
    pub slope: f64,
    /// What it is for.
    pub purpose: &'static str,
    /// Number of storeys.
    pub storeys: u32,
    /// When it was built.
    pub built_year: i32,
    /// Name of the parcel it stands on.
    pub parcel: String,
}

impl Building {
    /// Height of the ridge above the foot.
    pub fn ridge_height_m(&self) -> f64 {
        let run = match self.shape {
            RoofShape::Flat => 0.0,
            RoofShape::Hip => self.half_width_m.min(self.half_length_m),
            RoofShape::Gable | RoofShape::Ell => self.half_width_m,
        };
        self.eaves_height_m + self.slope * run
    }

    /// Returns the place in the building's own coordinates.
    pub fn own_from_world(&self, world: [f64; 2]) -> [f64; 2] {
        let d = [world[0] - self.centre[0], world[1] - self.centre[1]];
        [
            d[0] * self.along[0] + d[1] * self.along[1],
            d[0] * self.across[0] + d[1] * self.across[1],
        ]
    }

    /// Returns the place in the world of own coordinates.
    pub fn world_from_own(&self, [p, q]: [f64; 2]) -> [f64; 2] {
        [
            self.centre[0] + p * self.along[0] + q * self.across[0],
            self.centre[1] + p * self.along[1] + q * self.across[1],
        ]
    }

    /// Returns the elevation of the roof above a place of the world; none beside the building.
    pub fn roof_elevation_m(&self, world: [f64; 2]) -> Option<f64> {
        let [p, q] = self.own_from_world(world);
        let (length, width) = (self.half_length_m, self.half_width_m);
        let in_main = p.abs() <= length && q.abs() <= width;
        let ridge_p = length - width;
        let in_wing = self.shape == RoofShape::Ell
            && (p - ridge_p).abs() <= width
            && (-width..=width + self.wing_length_m).contains(&q);
        if !in_main && !in_wing {
            return None;
        }
        let inwards = match self.shape {
            RoofShape::Flat => 0.0,
            RoofShape::Gable => width - q.abs(),
            RoofShape::Hip => (width - q.abs()).min(length - p.abs()),
            RoofShape::Ell => {
                let main = if in_main {
                    (width - q.abs()).min(length - p)
                } else {
                    0.0
                };
                let wing = if in_wing {
                    (width - (p - ridge_p).abs()).min(q + width)
                } else {
                    0.0
                };
                main.max(wing)
            }
        };
        Some(self.base_m + self.eaves_height_m + self.slope * inwards)
    }

    /// Returns the corners of the ground plan in the world, counter-clockwise, not closed.
    pub fn footprint(&self) -> Vec<[f64; 2]> {
        let (l, w, wing) = (self.half_length_m, self.half_width_m, self.wing_length_m);
        let own = if self.shape == RoofShape::Ell {
            vec![
                [-l, -w],
                [l, -w],
                [l, w + wing],
                [l - 2.0 * w, w + wing],
                [l - 2.0 * w, w],
                [-l, w],
            ]
        } else {
            vec![[-l, -w], [l, -w], [l, w], [-l, w]]
        };
        let mut ring: Vec<_> = own
            .into_iter()
            .map(|place| self.world_from_own(place))
            .collect();
        let turn = self.along[0] * self.across[1] - self.along[1] * self.across[0];
        if turn < 0.0 {
            ring.reverse();
        }
        ring
    }

    /// Returns the planes of the roof, each a ring of corners `[x, y, z]` in the
    /// world with elevations in RH 2000, not closed.
    pub fn roof_planes(&self) -> Vec<Vec<[f64; 3]>> {
        let (l, w, wing) = (self.half_length_m, self.half_width_m, self.wing_length_m);
        let own: Vec<Vec<[f64; 2]>> = match self.shape {
            RoofShape::Flat => vec![vec![[-l, -w], [l, -w], [l, w], [-l, w]]],
            RoofShape::Gable => vec![
                vec![[-l, -w], [l, -w], [l, 0.0], [-l, 0.0]],
                vec![[-l, 0.0], [l, 0.0], [l, w], [-l, w]],
            ],
            RoofShape::Hip if l <= w => vec![
                vec![[-l, -w], [l, -w], [0.0, -w + l]],
                vec![[-l, w], [0.0, w - l], [l, w]],
                vec![[-l, -w], [0.0, -w + l], [0.0, w - l], [-l, w]],
                vec![[l, -w], [l, w], [0.0, w - l], [0.0, -w + l]],
            ],
            RoofShape::Hip => vec![
                vec![[-l, -w], [l, -w], [l - w, 0.0], [-l + w, 0.0]],
                vec![[-l, w], [-l + w, 0.0], [l - w, 0.0], [l, w]],
                vec![[-l, -w], [-l + w, 0.0], [-l, w]],
                vec![[l, -w], [l, w], [l - w, 0.0]],
            ],
            RoofShape::Ell => vec![
                vec![[-l, -w], [l, -w], [l - w, 0.0], [-l, 0.0]],
                vec![[l, -w], [l, w + wing], [l - w, w + wing], [l - w, 0.0]],
                vec![[-l, 0.0], [l - w, 0.0], [l - 2.0 * w, w], [-l, w]],
                vec![
                    [l - 2.0 * w, w],
                    [l - w, 0.0],
                    [l - w, w + wing],
                    [l - 2.0 * w, w + wing],
                ],
            ],
        };
        own.into_iter()
            .map(|mut ring| {
                // The ridge of a pyramid is a point.
                ring.dedup();
                ring.into_iter()
                    .map(|corner| self.roof_corner(corner))
                    .collect()
            })
            .collect()
    }

    /// A place of the roof in the world. It is looked up a hair inside the plan,
    /// where rounding cannot put it beside the building.
    fn roof_corner(&self, own: [f64; 2]) -> [f64; 3] {
        let world = self.world_from_own(own);
        let inside = self.world_from_own([
            own[0].clamp(-self.half_length_m + 1e-7, self.half_length_m - 1e-7),
            own[1].clamp(
                -self.half_width_m + 1e-7,
                self.half_width_m + self.wing_length_m - 1e-7,
            ),
        ]);
        let elevation = self
            .roof_elevation_m(inside)
            .or_else(|| {
                // The inner corner of an ell: a hair towards the main wing.
                self.roof_elevation_m(self.world_from_own([own[0] + 1e-7, own[1] - 1e-7]))
            })
            .unwrap_or(self.base_m + self.eaves_height_m);
        [world[0], world[1], elevation]
    }
}

#[cfg(test)]
mod tests {
    use crate::truth;

    #[test]
    fn no_ridge_is_below_its_eaves_and_only_flat_roofs_have_both_alike() {
        for building in truth::buildings() {
            let rise = building.ridge_height_m() - building.eaves_height_m;
            assert_eq!(rise > 0.0, building.slope > 0.0, "{}", building.id);
            assert!(building.eaves_height_m >= 2.0, "{}", building.id);
        }
    }

    #[test]
    fn the_planes_of_a_roof_are_flat_and_cover_the_plan_once() {
        for building in truth::buildings() {
            let mut covered = 0.0;
            for ring in building.roof_planes() {
                let normal = normal(ring[0], ring[1], ring[2]);
                for corner in &ring {
                    let off: f64 = (0..3).map(|k| normal[k] * (corner[k] - ring[0][k])).sum();
                    assert!(
                        off.abs() < 1e-3,
                        "{}: {off} m out of its plane",
                        building.id
                    );
                }
                covered += area(&ring.iter().map(|c| [c[0], c[1]]).collect::<Vec<_>>());
            }
            let plan = area(&building.footprint());
            assert!(
                (covered - plan).abs() < 0.01,
                "{}: {covered} of {plan}",
                building.id
            );
        }
    }

    #[test]
    fn the_highest_corner_of_the_planes_is_the_ridge() {
        for building in truth::buildings() {
            let top = building
                .roof_planes()
                .into_iter()
                .flatten()
                .map(|c| c[2])
                .fold(f64::MIN, f64::max);
            let ridge = building.base_m + building.ridge_height_m();
            assert!(
                (top - ridge).abs() < 1e-3,
                "{}: {top} for {ridge}",
                building.id
            );
        }
    }

    fn area(ring: &[[f64; 2]]) -> f64 {
        let o = ring[0];
        let twice: f64 = (0..ring.len())
            .map(|i| {
                let (a, b) = (ring[i], ring[(i + 1) % ring.len()]);
                (a[0] - o[0]) * (b[1] - o[1]) - (b[0] - o[0]) * (a[1] - o[1])
            })
            .sum();
        (twice / 2.0).abs()
    }

    fn normal(a: [f64; 3], b: [f64; 3], c: [f64; 3]) -> [f64; 3] {
        let (u, v) = (
            [0, 1, 2].map(|k| b[k] - a[k]),
            [0, 1, 2].map(|k| c[k] - a[k]),
        );
        let n = [
            u[1] * v[2] - u[2] * v[1],
            u[2] * v[0] - u[0] * v[2],
            u[0] * v[1] - u[1] * v[0],
        ];
        let length = (n[0] * n[0] + n[1] * n[1] + n[2] * n[2]).sqrt();
        n.map(|k| k / length)
    }
}
