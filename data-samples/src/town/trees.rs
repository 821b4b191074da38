//! Trees: avenues, gardens, parks and woods, where nothing else is in the way.

use crate::ground::Material;
use crate::plan::{COLUMN_STREETS, Class, ROW_STREETS, Use};
use crate::plane::{distance_to_segment, round2};
use crate::random::Random;
use crate::terrain::{SKERRIES, STREAM_HALF_WIDTH_M, stream_along_m};
use crate::town::Town;
use crate::town::buildings::distance_to_building;
use crate::town::power_line::POWER_LINE_ALONG_M;

/// A tree, with a round crown.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pub(crate) at: [f64; 2],
    pub(crate) height_m: f64,
    pub(crate) crown_radius_m: f64,
    pub(crate) is_conifer: bool,
    pub(crate) base_m: f64,
    pub(crate) species: &'static str,
}

impl Town {
    /// Plants avenues, then what each cover wants, then the wood of the largest skerry.
    pub(super) fn plant(&mut self) {
        let mut random = Random::new(self.seed, "trees");
        // Avenues.
        let mut planted: Vec<([f64; 2], f64, bool)> = Vec::new();
        let mut along = 340.0;
        while along < 880.0 {
            for off in [-6.4, 6.4] {
                if COLUMN_STREETS
                    .iter()
                    .all(|street| (street.at_m - along).abs() > 9.0)
                {
                    planted.push((
                        [along, ROW_STREETS[0].at_m + off],
                        random.between(8.0, 11.0),
                        false,
                    ));
                }
            }
            along += 11.0;
        }
        let mut inland = 60.0;
        while inland < 350.0 {
            for off in [-5.6, 5.6] {
                if ROW_STREETS
                    .iter()
                    .all(|street| (street.at_m - inland).abs() > 10.0)
                {
                    planted.push((
                        [COLUMN_STREETS[6].at_m + off, inland],
                        random.between(7.0, 10.0),
                        false,
                    ));
                }
            }
            inland += 12.0;
        }
        for cover in &self.covers {
            let [west, south, east, north] = cover.edges_m();
            let (spacing, margin, keep, conifer, low, high) = match (cover.used_for, cover.cover) {
                (Some(Use::Wood), _) | (None, "skog") => (5.6, 1.5, 0.86, 0.75, 9.0, 23.0),
                (Some(Use::Park), _) => (8.0, 3.5, 0.55, 0.15, 7.0, 19.0),
                (Some(Use::Church), _) => (11.0, 3.0, 0.4, 0.1, 9.0, 18.0),
                (Some(Use::Villas), _) => (9.5, 2.0, 0.30, 0.3, 3.5, 12.0),
                (Some(Use::Flats), _) => (10.0, 3.0, 0.3, 0.2, 4.0, 13.0),
                (Some(Use::Centre), _) => (10.0, 16.0, 0.35, 0.0, 5.0, 10.0),
                (Some(Use::School), _) => (10.0, 3.0, 0.2, 0.1, 6.0, 14.0),
                (Some(Use::Pitch), _) => (8.0, 1.0, 0.9, 0.0, 6.0, 11.0),
                (None, "grönområde") => (8.0, 1.5, 0.4, 0.4, 5.0, 14.0),
                _ => continue,
            };
            let mut b = south + margin;
            while b < north - margin {
                let mut a = west + margin;
                while a < east - margin {
                    let inner = (a - west).min(east - a).min(b - south).min(north - b);
                    let wanted = cover.used_for != Some(Use::Pitch) || inner < 6.0;
                    if random.chance(keep) && wanted {
                        let jitter = spacing * 0.38;
                        let place = [
                            a + random.between(-jitter, jitter),
                            b + random.between(-jitter, jitter),
                        ];
                        let height = random.between(low, high);
                        let is_conifer = random.chance(conifer);
                        planted.push((place, height, is_conifer));
                    }
                    a += spacing;
                }
                b += spacing;
            }
        }
        for (place, height, is_conifer) in planted {
            self.plant_tree(
                self.terrain.world_from_town(place),
                height,
                is_conifer,
                &mut random,
            );
        }
        for skerry in &SKERRIES[..1] {
            for _ in 0..46 {
                let at = [
                    self.terrain.origin[0]
                        + skerry.centre[0]
                        + random.between(-0.6, 0.6) * skerry.radius_m,
                    self.terrain.origin[1]
                        + skerry.centre[1]
                        + random.between(-0.6, 0.6) * skerry.radius_m,
                ];
                let height = random.between(5.0, 11.0);
                self.plant_tree(at, height, true, &mut random);
            }
        }
    }

    /// Plants a tree, unless something is in its way.
    fn plant_tree(&mut self, at: [f64; 2], height_m: f64, is_conifer: bool, random: &mut Random) {
        let species = if is_conifer {
            *random.pick(&["gran", "tall", "tall"])
        } else {
            *random.pick(&["lind", "lönn", "björk", "rönn", "ek", "oxel"])
        };
        let town = self.terrain.town_from_world(at);
        let ground = self.terrain.ground(at);
        let crown_radius_m = height_m * if is_conifer { 0.16 } else { 0.27 };
        let off_stream = (town[0] - stream_along_m(town[1])).abs();
        let in_the_way = ground.material == Material::Water
            || ground.material == Material::Asphalt
            || (town[1] > 0.0 && off_stream < STREAM_HALF_WIDTH_M + 2.0)
            || (town[0] - POWER_LINE_ALONG_M).abs() < 5.0 + crown_radius_m
                && town[1] < 640.0
                && town[1] > 40.0
            || self
                .buildings
                .iter()
                .any(|b| distance_to_building(b, at) < crown_radius_m.min(2.6) + 0.4)
            || self
                .links
                .iter()
                .filter(|link| link.class == Class::Path)
                .any(|link| {
                    link.line
                        .windows(2)
                        .any(|pair| distance_to_segment(at, pair[0], pair[1]) < 2.2)
                });
        if in_the_way {
            return;
        }
        self.trees.push(Tree {
            at: [round2(at[0]), round2(at[1])],
            height_m: round2(height_m),
            crown_radius_m: round2(crown_radius_m),
            is_conifer,
            base_m: ground.elevation_m,
            species,
        });
    }
}
