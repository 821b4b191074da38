//! What a ray of laser light meets on its way down to the town.

use libm::floor;

use crate::ground::{DEPTH_M, Ground, Material, WIDTH_M};
use crate::plan::JETTIES;
use crate::plane::distance;
use crate::random::Random;
use crate::town::Town;

/// Side of the cells in which objects are looked up.
const CELL_M: f64 = 6.0;
/// Steepest ray: metres sideways for each metre down.
pub(crate) const STEEPEST: f64 = 0.42;

/// ASPRS classes (LAS 1.4 R15, table 17) of the true classification.
pub(crate) mod class {
    pub(crate) const OTHER: u8 = 1;
    pub(crate) const GROUND: u8 = 2;
    pub(crate) const LOW_VEGETATION: u8 = 3;
    pub(crate) const MEDIUM_VEGETATION: u8 = 4;
    pub(crate) const HIGH_VEGETATION: u8 = 5;
    pub(crate) const BUILDING: u8 = 6;
    pub(crate) const LOW_NOISE: u8 = 7;
    pub(crate) const WATER: u8 = 9;
    pub(crate) const WIRE: u8 = 14;
    pub(crate) const TOWER: u8 = 15;
    pub(crate) const BRIDGE: u8 = 17;
    pub(crate) const HIGH_NOISE: u8 = 18;
}

/// One echo of a pulse.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Echo {
    pub(crate) elevation_m: f64,
    pub(crate) class: u8,
    /// Share of the light that comes back, 0 to 1.
    pub(crate) reflectance: f64,
    pub(crate) colour: [f64; 3],
}

/// A ray on its way down: at elevation z it is at `at_datum` + `slope` · z.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ray {
    pub(crate) at_datum: [f64; 2],
    pub(crate) slope: [f64; 2],
}

impl Ray {
    pub(crate) fn at(&self, elevation_m: f64) -> [f64; 2] {
        [
            self.at_datum[0] + self.slope[0] * elevation_m,
            self.at_datum[1] + self.slope[1] * elevation_m,
        ]
    }
}

#[derive(Debug, Clone, Copy)]
enum Object {
    Building(u32),
    Tree(u32),
    Car(u32),
    Span(u32),
    Mast(u32),
    Jetty(u32),
}

/// The town as it stood in one year, with a grid to find things by place.
pub(crate) struct Scene<'a> {
    town: &'a Town,
    cells: Vec<Vec<Object>>,
    columns: usize,
    rows: usize,
    /// How tall trees are beside what they are today.
    tree_growth: f64,
}

impl<'a> Scene<'a> {
    /// Returns the town as it stood in `year`: younger buildings are left out, trees
    /// were smaller, and the cars of today were elsewhere.
    pub(crate) fn new(town: &'a Town, year: i32) -> Scene<'a> {
        let columns = (WIDTH_M / CELL_M) as usize + 1;
        let rows = (DEPTH_M / CELL_M) as usize + 1;
        let mut scene = Scene {
            town,
            cells: vec![Vec::new(); columns * rows],
            columns,
            rows,
            tree_growth: (1.0 - 0.018 * f64::from(2026 - year)).max(0.3),
        };
        for (i, building) in town.buildings.iter().enumerate() {
            if building.built_year <= year {
                let reach = building.half_length_m + building.half_width_m + building.wing_length_m;
                scene.insert(building.centre, reach, Object::Building(i as u32));
            }
        }
        for (i, tree) in town.trees.iter().enumerate() {
            scene.insert(tree.at, tree.crown_radius_m, Object::Tree(i as u32));
        }
        if year == 2026 {
            for (i, car) in town.cars.iter().enumerate() {
                scene.insert(
                    car.at,
                    car.half_length_m + car.half_width_m,
                    Object::Car(i as u32),
                );
            }
        }
        let masts = &town.power_line.masts;
        for (i, mast) in masts.iter().enumerate() {
            scene.insert([mast[0], mast[1]], 2.5, Object::Mast(i as u32));
        }
        for (i, pair) in masts.windows(2).enumerate() {
            let half = distance([pair[0][0], pair[0][1]], [pair[1][0], pair[1][1]]) / 2.0;
            for step in 0..20 {
                let t = (f64::from(step) + 0.5) / 20.0;
                let at = [
                    pair[0][0] + (pair[1][0] - pair[0][0]) * t,
                    pair[0][1] + (pair[1][1] - pair[0][1]) * t,
                ];
                scene.insert(at, 2.0 + half / 20.0, Object::Span(i as u32));
            }
        }
        for (i, &[along, reach]) in JETTIES.iter().enumerate() {
            let mut out = 0.0;
            while out < reach {
                scene.insert(
                    town.terrain.world_from_town([along, -out]),
                    7.0,
                    Object::Jetty(i as u32),
                );
                out += CELL_M;
            }
        }
        scene
    }

    fn insert(&mut self, at: [f64; 2], reach: f64, object: Object) {
        let cell =
            |value: f64, most: usize| floor(value / CELL_M).clamp(0.0, (most - 1) as f64) as usize;
        let local = [
            at[0] - self.town.terrain.origin[0],
            at[1] - self.town.terrain.origin[1],
        ];
        for row in cell(local[1] - reach, self.rows)..=cell(local[1] + reach, self.rows) {
            for column in
                cell(local[0] - reach, self.columns)..=cell(local[0] + reach, self.columns)
            {
                let objects = &mut self.cells[row * self.columns + column];
                let known = objects.iter().any(|other| same(*other, object));
                if !known {
                    objects.push(object);
                }
            }
        }
    }

    /// Gives the echoes of a pulse, highest first, in `echoes`, which is emptied before.
    /// `ground` is where the ray meets the ground, and `town_place` the same in town coordinates.
    pub(crate) fn shoot(
        &self,
        ray: Ray,
        (ground, town_place): (Ground, [f64; 2]),
        random: &mut Random,
        echoes: &mut Vec<Echo>,
    ) {
        echoes.clear();
        if let Some(deck) = self.town.bridge_elevation_m(town_place) {
            echoes.push(Echo {
                elevation_m: deck + random.normal(0.015),
                class: class::BRIDGE,
                reflectance: 0.2,
                colour: [0.42, 0.42, 0.43],
            });
            return;
        }

        let mut hard: Option<Echo> = None;
        let mut crowns: Vec<(f64, f64, bool)> = Vec::new();
        let mut seen: Vec<Object> = Vec::new();
        let steps = 5;
        for step in 0..=steps {
            // Nothing but masts is taller than 36 m.
            let z = ground.elevation_m + 36.0 * f64::from(step) / f64::from(steps);
            for &object in self.objects_at(ray.at(z)) {
                if seen.iter().any(|other| same(*other, object)) {
                    continue;
                }
                seen.push(object);
                match object {
                    Object::Tree(i) => {
                        if let Some((top, bottom)) = self.crown(i as usize, ray) {
                            crowns.push((top, bottom, self.town.trees[i as usize].is_conifer));
                        }
                    }
                    _ => {
                        if let Some(echo) = self.solid(object, ray, ground.elevation_m, random)
                            && hard.is_none_or(|other| other.elevation_m < echo.elevation_m)
                        {
                            hard = Some(echo);
                        }
                    }
                }
            }
        }
        let stop = hard.map_or(ground.elevation_m, |echo| echo.elevation_m);
        // Light trickles through the crowns and comes back in parts.
        crowns.retain(|crown| crown.0 > stop);
        crowns.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut through = 1.0;
        for (top, bottom, is_conifer) in crowns {
            if echoes.len() >= 3 || through < 0.15 {
                break;
            }
            let thickness = top - bottom.max(stop + 0.3);
            if thickness <= 0.0 {
                continue;
            }
            let hits = [0.85, 0.45];
            let mut from = top;
            for probability in hits {
                if echoes.len() >= 3 || !random.chance(probability * through) {
                    break;
                }
                let depth = random.unit();
                let elevation_m = from - depth * depth * (from - (top - thickness)) * 0.8;
                let height = elevation_m - ground.elevation_m;
                let vegetation = if height < 0.5 {
                    class::LOW_VEGETATION
                } else if height < 2.0 {
                    class::MEDIUM_VEGETATION
                } else {
                    class::HIGH_VEGETATION
                };
                let shade = random.between(0.75, 1.1);
                let colour = if is_conifer {
                    [0.16, 0.30, 0.17]
                } else {
                    [0.28, 0.45, 0.18]
                };
                echoes.push(Echo {
                    elevation_m,
                    class: vegetation,
                    reflectance: random.between(0.18, 0.42) * through,
                    colour: colour.map(|c| c * shade),
                });
                from = elevation_m - 0.4;
                through *= 0.62;
            }
        }
        if through < 0.3 && random.chance(0.55) {
            return;
        }
        if let Some(mut echo) = hard {
            echo.reflectance *= through;
            echoes.push(echo);
            // A wire is thinner than the beam: the rest of the light goes on.
            if echo.class != class::WIRE {
                return;
            }
        }
        self.ground_echo(ground, through, random, echoes);
    }

    fn ground_echo(
        &self,
        ground: Ground,
        through: f64,
        random: &mut Random,
        echoes: &mut Vec<Echo>,
    ) {
        let mut echo = Echo {
            elevation_m: ground.elevation_m + random.normal(0.018),
            class: class::GROUND,
            reflectance: 0.3,
            colour: [0.5, 0.5, 0.5],
        };
        let shade = random.between(0.9, 1.08);
        match ground.material {
            Material::Water => {
                // Most of the light is mirrored away.
                if !random.chance(0.22) {
                    return;
                }
                echo.class = class::WATER;
                echo.reflectance = random.between(0.01, 0.06);
                echo.colour = [0.20, 0.33, 0.40];
            }
            Material::Asphalt => (echo.reflectance, echo.colour) = (0.13, [0.36, 0.36, 0.38]),
            Material::Gravel => (echo.reflectance, echo.colour) = (0.30, [0.62, 0.58, 0.50]),
            Material::Concrete => (echo.reflectance, echo.colour) = (0.26, [0.66, 0.65, 0.62]),
            Material::Sand => (echo.reflectance, echo.colour) = (0.40, [0.78, 0.72, 0.56]),
            Material::Rock => (echo.reflectance, echo.colour) = (0.33, [0.56, 0.53, 0.50]),
            Material::Grass => {
                (echo.reflectance, echo.colour) = (0.45, [0.40, 0.55, 0.26]);
                if random.chance(0.05) {
                    echo.elevation_m += random.between(0.08, 0.35);
                    echo.class = class::LOW_VEGETATION;
                }
            }
            Material::Wood => {
                (echo.reflectance, echo.colour) = (0.34, [0.30, 0.34, 0.20]);
                if random.chance(0.14) {
                    let height = random.between(0.1, 1.6);
                    echo.elevation_m += height;
                    echo.class = if height < 0.5 {
                        class::LOW_VEGETATION
                    } else {
                        class::MEDIUM_VEGETATION
                    };
                }
            }
        }
        echo.reflectance *= shade * through;
        echo.colour = echo.colour.map(|c| c * shade);
        echoes.push(echo);
    }

    fn objects_at(&self, world: [f64; 2]) -> &[Object] {
        let column = floor((world[0] - self.town.terrain.origin[0]) / CELL_M);
        let row = floor((world[1] - self.town.terrain.origin[1]) / CELL_M);
        if column < 0.0 || row < 0.0 || column >= self.columns as f64 || row >= self.rows as f64 {
            return &[];
        }
        &self.cells[row as usize * self.columns + column as usize]
    }

    /// Returns the elevations between which the ray is in the crown of a tree: an
    /// ellipsoid, or for a conifer the cone that has its height and radius.
    fn crown(&self, index: usize, ray: Ray) -> Option<(f64, f64)> {
        let tree = &self.town.trees[index];
        let height = tree.height_m * self.tree_growth;
        let radius = tree.crown_radius_m * self.tree_growth.sqrt();
        let (middle, half) = if tree.is_conifer {
            (tree.base_m + 0.55 * height, 0.45 * height)
        } else {
            (tree.base_m + 0.62 * height, 0.38 * height)
        };
        let start = ray.at(middle);
        let d = [start[0] - tree.at[0], start[1] - tree.at[1]];
        // In t = z - middle: |d + slope·t|² / radius² + t² / half² = 1.
        let a = (ray.slope[0] * ray.slope[0] + ray.slope[1] * ray.slope[1]) / (radius * radius)
            + 1.0 / (half * half);
        let b = 2.0 * (d[0] * ray.slope[0] + d[1] * ray.slope[1]) / (radius * radius);
        let r2 = (d[0] * d[0] + d[1] * d[1]) / (radius * radius);
        let discriminant = b * b - 4.0 * a * (r2 - 1.0);
        if discriminant <= 0.0 {
            return None;
        }
        let root = discriminant.sqrt();
        let (mut top, bottom) = (
            middle + (-b + root) / (2.0 * a),
            middle + (-b - root) / (2.0 * a),
        );
        if tree.is_conifer {
            // Off the stem the cone is lower than the ellipsoid.
            top = top.min(tree.base_m + height * (1.0 - 0.8 * r2.sqrt()));
        }
        (top > bottom).then_some((top, bottom))
    }

    fn solid(&self, object: Object, ray: Ray, ground_m: f64, random: &mut Random) -> Option<Echo> {
        match object {
            // Crowns are not solid.
            Object::Tree(_) => None,
            Object::Building(i) => {
                let building = &self.town.buildings[i as usize];
                let top = building.base_m + building.ridge_height_m() + 0.01;
                let roof = |z: f64| building.roof_elevation_m(ray.at(z));
                let z = highest_meeting(top, ground_m, roof)?;
                let tint = (i % 7) as f64 / 7.0;
                let is_roof = roof(z).is_some_and(|roof| (roof - z).abs() < 0.15);
                let colour = match (is_roof, building.purpose) {
                    (false, _) => [0.72, 0.68, 0.60],
                    (true, "sjöbod") => [0.45, 0.14, 0.11],
                    (true, "kyrka" | "rådhus") => [0.33, 0.45, 0.40],
                    (true, _) if building.slope == 0.0 => [0.40, 0.40, 0.41],
                    (true, _) => [0.58 - 0.2 * tint, 0.28 + 0.03 * tint, 0.20 + 0.06 * tint],
                };
                let shade = random.between(0.93, 1.06);
                Some(Echo {
                    elevation_m: z + random.normal(0.015),
                    class: class::BUILDING,
                    reflectance: (0.22 + 0.2 * tint) * shade,
                    colour: colour.map(|c| c * shade),
                })
            }
            Object::Car(i) => {
                let car = &self.town.cars[i as usize];
                let body = |z: f64| {
                    let at = ray.at(z);
                    let d = [at[0] - car.at[0], at[1] - car.at[1]];
                    let p = (d[0] * car.along[0] + d[1] * car.along[1]).abs();
                    let q = (d[1] * car.along[0] - d[0] * car.along[1]).abs();
                    (p <= car.half_length_m && q <= car.half_width_m).then(|| {
                        // The cabin is higher than bonnet and boot.
                        let height = if p < car.half_length_m * 0.55 {
                            car.height_m
                        } else {
                            0.62 * car.height_m
                        };
                        car.base_m + height
                    })
                };
                let z = highest_meeting(car.base_m + car.height_m + 0.01, ground_m, body)?;
                let paints = [
                    [0.75, 0.75, 0.77],
                    [0.15, 0.15, 0.17],
                    [0.55, 0.12, 0.12],
                    [0.16, 0.25, 0.45],
                ];
                Some(Echo {
                    elevation_m: z + random.normal(0.01),
                    class: class::OTHER,
                    reflectance: 0.5,
                    colour: paints[i as usize % 4],
                })
            }
            Object::Jetty(i) => {
                let [along, reach] = JETTIES[i as usize];
                let deck = |z: f64| {
                    let town = self.town.terrain.town_from_world(ray.at(z));
                    let off = (town[0] - along).abs();
                    let out = -town[1];
                    if off < 1.1 && (0.0..reach).contains(&out) {
                        return Some(0.9);
                    }
                    // Boats lie on both sides, some berths are empty.
                    let berth = floor(out / 3.6);
                    let middle = (berth + 0.5) * 3.6;
                    let taken =
                        ((berth as i64 * 7 + i64::from(i) * 3 + i64::from(town[0] > along)) % 5)
                            < 3;
                    let boat = taken
                        && out > 3.6
                        && out < reach - 1.0
                        && (1.6..7.0).contains(&off)
                        && (out - middle).abs() < 1.25 - 0.12 * (off - 1.6);
                    boat.then_some(if off < 4.6 { 1.3 } else { 0.8 })
                };
                let z = highest_meeting(1.5, 0.0, deck)?;
                Some(Echo {
                    elevation_m: z + random.normal(0.02),
                    class: class::OTHER,
                    reflectance: 0.35,
                    colour: if z > 1.0 {
                        [0.9, 0.9, 0.88]
                    } else {
                        [0.52, 0.44, 0.34]
                    },
                })
            }
            Object::Mast(i) => {
                let line = &self.town.power_line;
                let mast = line.masts[i as usize];
                let stem = |z: f64| {
                    let at = ray.at(z);
                    let d = [at[0] - mast[0], at[1] - mast[1]];
                    let height = z - mast[2];
                    let is_arm =
                        height > line.mast_height_m - 0.5 && d[0].abs() < 1.9 && d[1].abs() < 0.25;
                    let is_stem = d[0] * d[0] + d[1] * d[1] < 0.09;
                    (is_arm || is_stem).then_some(mast[2] + line.mast_height_m)
                };
                let z = highest_meeting(mast[2] + line.mast_height_m, ground_m, stem)?;
                Some(Echo {
                    elevation_m: z,
                    class: class::TOWER,
                    reflectance: 0.3,
                    colour: [0.45, 0.38, 0.30],
                })
            }
            Object::Span(i) => {
                let line = &self.town.power_line;
                let (from, to) = (line.masts[i as usize], line.masts[i as usize + 1]);
                let d = [to[0] - from[0], to[1] - from[1]];
                let length = (d[0] * d[0] + d[1] * d[1]).sqrt();
                let d = [d[0] / length, d[1] / length];
                let mut z = from[2] + line.mast_height_m;
                let mut place = (0.0, 0.0);
                for _ in 0..4 {
                    let at = ray.at(z);
                    let off = [at[0] - from[0], at[1] - from[1]];
                    place = (off[0] * d[0] + off[1] * d[1], off[1] * d[0] - off[0] * d[1]);
                    let t = place.0 / length;
                    // A parabola is close enough to the catenary of so taut a wire.
                    z = from[2] + (to[2] - from[2]) * t + line.mast_height_m
                        - 4.0 * line.sag_m * t * (1.0 - t);
                }
                let on_span = (0.0..length).contains(&place.0);
                let hits = line
                    .wire_offsets_m
                    .iter()
                    .any(|wire| (place.1 - wire).abs() < 0.09);
                (on_span && hits).then_some(Echo {
                    elevation_m: z + random.normal(0.02),
                    class: class::WIRE,
                    reflectance: 0.12,
                    colour: [0.25, 0.25, 0.25],
                })
            }
        }
    }
}

/// Returns the highest elevation at which the ray is not above `surface` any more:
/// on a roof or at a wall. `surface` is none beside the object.
fn highest_meeting(top_m: f64, bottom_m: f64, surface: impl Fn(f64) -> Option<f64>) -> Option<f64> {
    const STEP_M: f64 = 0.45;
    let meets = |z: f64| surface(z).is_some_and(|surface| surface >= z);
    let mut above = top_m;
    let mut z = top_m;
    while z > bottom_m {
        if meets(z) {
            let (mut free, mut within) = (above, z);
            for _ in 0..6 {
                let middle = (free + within) / 2.0;
                if meets(middle) {
                    within = middle
                } else {
                    free = middle
                }
            }
            return Some(within);
        }
        above = z;
        z -= STEP_M;
    }
    None
}

fn same(a: Object, b: Object) -> bool {
    match (a, b) {
        (Object::Building(a), Object::Building(b))
        | (Object::Tree(a), Object::Tree(b))
        | (Object::Car(a), Object::Car(b))
        | (Object::Span(a), Object::Span(b))
        | (Object::Mast(a), Object::Mast(b))
        | (Object::Jetty(a), Object::Jetty(b)) => a == b,
        _ => false,
    }
}
