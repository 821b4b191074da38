//! The buildings of every parcel, and the addresses that they give it.

use std::collections::BTreeMap;

use crate::plan::{COLUMN_STREETS, ROW_STREETS, Use, half_corridor_m};
use crate::plane::round2;
use crate::random::Random;
use crate::roof::{Building, RoofShape};
use crate::town::Town;

/// An address: a house number at the street side of a parcel.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) at: [f64; 2],
    pub(crate) street: &'static str,
    pub(crate) number: u32,
    pub(crate) parcel: String,
}

/// What is built on a place, before it stands on the ground.
struct Design<'a> {
    /// Town coordinates of its middle.
    place: [f64; 2],
    /// 1 if it faces a street to the south, -1 if to the north.
    side: f64,
    half_length_m: f64,
    half_width_m: f64,
    wing_length_m: f64,
    shape: RoofShape,
    eaves_height_m: f64,
    slope: f64,
    storeys: u32,
    purpose: &'static str,
    built_year: i32,
    parcel: &'a str,
}

impl Default for Design<'_> {
    /// A house of one storey with a flat roof.
    fn default() -> Self {
        Design {
            place: [0.0; 2],
            side: 1.0,
            half_length_m: 0.0,
            half_width_m: 0.0,
            wing_length_m: 0.0,
            shape: RoofShape::Flat,
            eaves_height_m: 3.0,
            slope: 0.0,
            storeys: 1,
            purpose: "",
            built_year: 1950,
            parcel: "",
        }
    }
}

/// A parcel as its builder sees it, in town coordinates.
struct Site<'a> {
    parcel: &'a str,
    west: f64,
    south: f64,
    east: f64,
    north: f64,
    /// 1 where the street lies to the south, -1 where it lies to the north.
    side: f64,
    /// The edge at the street.
    front: f64,
}

impl Site<'_> {
    fn width(&self) -> f64 {
        self.east - self.west
    }

    /// Half way between its west and east edge.
    fn middle(&self) -> f64 {
        (self.west + self.east) / 2.0
    }

    /// The place so far into the parcel from the street.
    fn behind_front(&self, along: f64, depth_m: f64) -> [f64; 2] {
        [along, self.front + self.side * depth_m]
    }
}

impl Town {
    /// Builds on every parcel what its use asks for, and then the boathouses.
    pub(super) fn build(&mut self) {
        let mut random = Random::new(self.seed, "buildings");
        let parcels = std::mem::take(&mut self.parcels);
        let mut numbers: BTreeMap<&'static str, u32> = BTreeMap::new();
        for parcel in &parcels {
            let Some(used_for) = parcel.used_for else {
                continue;
            };
            let [west, south, east, north] = parcel.edges_m();
            let row = ROW_STREETS
                .iter()
                .filter(|street| street.at_m < south)
                .count();
            let block_south = row > 0 && south - ROW_STREETS[row - 1].at_m < 9.0;
            let street = if block_south {
                &ROW_STREETS[row - 1]
            } else {
                &ROW_STREETS[row.min(ROW_STREETS.len() - 1)]
            };
            let site = Site {
                parcel: &parcel.name,
                west,
                south,
                east,
                north,
                side: if block_south { 1.0 } else { -1.0 },
                front: if block_south { south } else { north },
            };
            let before = self.buildings.len();
            match used_for {
                Use::Villas => self.build_villa(&site, &mut random),
                Use::Centre => self.build_town_house(&site, &mut random),
                Use::Flats => self.build_flats(&site, &mut random),
                Use::Works => self.build_works(&site, &mut random),
                Use::School => self.build_school(&site),
                Use::Church => self.build_church(&site),
                Use::Square => self.build_town_hall(&site),
                Use::Pitch => self.build_stand(&site),
                Use::Park | Use::Wood => {}
            }
            if self.buildings.len() > before {
                let number = numbers.entry(street.name).or_insert(0);
                *number += 2;
                self.addresses.push(Address {
                    at: self
                        .terrain
                        .world_from_town(site.behind_front(site.middle(), 2.0)),
                    street: street.name,
                    number: if block_south { *number } else { *number - 1 },
                    parcel: parcel.name.clone(),
                });
            }
        }
        self.parcels = parcels;
        self.build_boathouses();
    }

    /// Builds a house in a garden, often with a garage. Some gardens stay empty.
    fn build_villa(&mut self, site: &Site, random: &mut Random) {
        if random.chance(0.04) {
            return;
        }
        let half_length_m = random.between(5.2, 6.6);
        let half_width_m = random.between(3.6, 4.6);
        let setback = random.between(6.0, 8.0);
        let along = site.middle() + random.between(-1.5, 1.0);
        let shape = *random.pick(&[
            RoofShape::Gable,
            RoofShape::Gable,
            RoofShape::Gable,
            RoofShape::Hip,
            RoofShape::Flat,
            RoofShape::Ell,
        ]);
        let is_ell = shape == RoofShape::Ell;
        let storeys = 1 + random.below(2) as u32;
        let slope = random.between(0.5, 0.95);
        let mut house = self.designed(Design {
            place: site.behind_front(along, setback + half_width_m),
            side: site.side,
            half_length_m,
            half_width_m: if is_ell { 3.4 } else { half_width_m },
            wing_length_m: if is_ell { 3.2 } else { 0.0 },
            shape,
            eaves_height_m: round2(0.4 + 2.75 * f64::from(storeys)),
            slope: unless_flat(shape, round2(slope)),
            storeys,
            purpose: "småhus",
            built_year: 1924 + random.below(99) as i32,
            parcel: site.parcel,
        });
        if random.chance(0.25) && !is_ell {
            // Gable to the street.
            std::mem::swap(&mut house.along, &mut house.across);
        }
        self.add_building(house);
        if random.chance(0.45) {
            let place = site.behind_front(site.west + 3.2, random.between(20.0, 26.0));
            let shape = if random.chance(0.5) {
                RoofShape::Flat
            } else {
                RoofShape::Gable
            };
            self.add(Design {
                place,
                side: site.side,
                half_length_m: 3.1,
                half_width_m: 2.2,
                shape,
                eaves_height_m: 2.4,
                slope: unless_flat(shape, 0.45),
                purpose: "komplementbyggnad",
                built_year: 1958 + random.below(66) as i32,
                parcel: site.parcel,
                ..Design::default()
            });
        }
    }

    /// Builds a house that fills the width of its parcel at the street, and often a shed
    /// in the yard. At the corners of a block a second wing stands along the side street.
    fn build_town_house(&mut self, site: &Site, random: &mut Random) {
        let half_width_m = random.between(5.0, 6.0);
        let is_west = is_block_end(site.west, true);
        let is_east = is_block_end(site.east, false);
        let storeys = 2 + random.below(3) as u32;
        let shape = if is_west || is_east {
            RoofShape::Ell
        } else {
            *random.pick(&[
                RoofShape::Gable,
                RoofShape::Gable,
                RoofShape::Flat,
                RoofShape::Hip,
            ])
        };
        let wing_length_m = if shape == RoofShape::Ell {
            random.between(7.0, 11.0)
        } else {
            0.0
        };
        let slope = if shape == RoofShape::Flat {
            0.0
        } else {
            round2(random.between(0.55, 0.85))
        };
        let purpose = *random.pick(&["flerbostadshus", "handel och bostäder", "kontor"]);
        let mut house = self.designed(Design {
            place: site.behind_front(site.middle(), 1.2 + half_width_m),
            side: site.side,
            half_length_m: site.width() / 2.0 - 0.6,
            half_width_m,
            wing_length_m,
            shape,
            eaves_height_m: round2(0.8 + 3.2 * f64::from(storeys)),
            slope,
            storeys,
            purpose,
            built_year: 1884 + random.below(136) as i32,
            parcel: site.parcel,
        });
        if shape == RoofShape::Ell && is_west {
            house.along = [-house.along[0], -house.along[1]];
        }
        self.add_building(house);
        if random.chance(0.5) {
            self.add(Design {
                place: site.behind_front(site.middle(), 27.0),
                side: site.side,
                half_length_m: 4.0,
                half_width_m: 2.6,
                eaves_height_m: 3.0,
                purpose: "komplementbyggnad",
                built_year: 1970,
                parcel: site.parcel,
                ..Design::default()
            });
        }
    }

    /// Builds one long slab, or two towers that are three storeys higher.
    fn build_flats(&mut self, site: &Site, random: &mut Random) {
        let storeys = 3 + random.below(3) as u32;
        let shape = if random.chance(0.6) {
            RoofShape::Flat
        } else {
            RoofShape::Hip
        };
        let count = if random.chance(0.3) { 2 } else { 1 };
        for k in 0..count {
            let (place, half_length_m, half_width_m, storeys) = if count == 2 {
                let along = site.west + site.width() * (0.27 + 0.46 * f64::from(k));
                (site.behind_front(along, 16.0), 9.5, 9.5, storeys + 3)
            } else {
                let place = site.behind_front(site.middle(), 15.0);
                (place, site.width() * 0.4, 6.0, storeys)
            };
            self.add(Design {
                place,
                side: site.side,
                half_length_m,
                half_width_m,
                shape,
                eaves_height_m: round2(0.6 + 2.9 * f64::from(storeys)),
                slope: unless_flat(shape, 0.35),
                storeys,
                purpose: "flerbostadshus",
                built_year: if random.chance(0.3) { 2014 } else { 1955 } + random.below(11) as i32,
                parcel: site.parcel,
                ..Design::default()
            });
        }
    }

    fn build_works(&mut self, site: &Site, random: &mut Random) {
        let shape = if random.chance(0.5) {
            RoofShape::Flat
        } else {
            RoofShape::Gable
        };
        self.add(Design {
            place: site.behind_front(site.middle() - 4.0, 15.0),
            side: site.side,
            half_length_m: site.width() * 0.36,
            half_width_m: 11.0,
            shape,
            eaves_height_m: 7.2,
            slope: unless_flat(shape, 0.18),
            purpose: "industri",
            built_year: 1961 + random.below(50) as i32,
            parcel: site.parcel,
            ..Design::default()
        });
    }

    fn build_school(&mut self, site: &Site) {
        self.add(Design {
            place: [site.middle(), site.south + 17.0],
            half_length_m: site.width() * 0.36,
            half_width_m: 6.5,
            wing_length_m: 20.0,
            shape: RoofShape::Ell,
            eaves_height_m: 7.4,
            slope: 0.5,
            storeys: 2,
            purpose: "skola",
            built_year: 1937,
            parcel: site.parcel,
            ..Design::default()
        });
        self.add(Design {
            place: [site.west + 17.0, site.north - 16.0],
            half_length_m: 11.0,
            half_width_m: 9.0,
            eaves_height_m: 8.1,
            purpose: "idrottshall",
            built_year: 1974,
            parcel: site.parcel,
            ..Design::default()
        });
    }

    /// Builds a nave with a tower to the west and a chancel to the east.
    fn build_church(&mut self, site: &Site) {
        let nave = self.designed(Design {
            place: [site.middle() + 4.0, (site.south + site.north) / 2.0],
            half_length_m: 16.0,
            half_width_m: 6.2,
            shape: RoofShape::Gable,
            eaves_height_m: 9.0,
            slope: 1.2,
            purpose: "kyrka",
            built_year: 1797,
            parcel: site.parcel,
            ..Design::default()
        });
        let tower = Building {
            centre: nave.world_from_own([-16.0 - 3.8, 0.0]),
            half_length_m: 3.8,
            half_width_m: 3.8,
            shape: RoofShape::Hip,
            eaves_height_m: 23.0,
            slope: 3.4,
            ..nave.clone()
        };
        let chancel = Building {
            centre: nave.world_from_own([16.0 + 4.0, 0.0]),
            half_length_m: 4.0,
            half_width_m: 4.4,
            eaves_height_m: 7.5,
            ..nave.clone()
        };
        self.add_building(nave);
        self.add_building(tower);
        self.add_building(chancel);
    }

    /// Builds the town hall at the north side of the square, and a kiosk.
    fn build_town_hall(&mut self, site: &Site) {
        self.add(Design {
            place: [site.middle(), site.north - 8.5],
            side: -1.0,
            half_length_m: site.width() * 0.36,
            half_width_m: 6.5,
            shape: RoofShape::Hip,
            eaves_height_m: 10.5,
            slope: 0.8,
            storeys: 3,
            purpose: "rådhus",
            built_year: 1868,
            parcel: site.parcel,
            ..Design::default()
        });
        self.add(Design {
            place: [site.middle() - 18.0, site.south + 14.0],
            half_length_m: 2.5,
            half_width_m: 2.5,
            shape: RoofShape::Hip,
            eaves_height_m: 2.6,
            slope: 0.7,
            purpose: "kiosk",
            built_year: 1931,
            parcel: site.parcel,
            ..Design::default()
        });
    }

    /// Builds the stand of the pitch.
    fn build_stand(&mut self, site: &Site) {
        self.add(Design {
            place: [site.middle(), site.north - 5.0],
            side: -1.0,
            half_length_m: 16.0,
            half_width_m: 2.6,
            eaves_height_m: 5.0,
            purpose: "läktare",
            built_year: 1986,
            parcel: site.parcel,
            ..Design::default()
        });
    }

    /// Builds red boathouses between the beach and the quay, with a gap for the path.
    fn build_boathouses(&mut self) {
        for k in (0..9).filter(|k| *k != 4) {
            let mut boathouse = self.designed(Design {
                place: [338.0 + 11.5 * f64::from(k), 22.0],
                half_length_m: 3.2,
                half_width_m: 2.4,
                shape: RoofShape::Gable,
                eaves_height_m: 2.5,
                slope: 0.9,
                purpose: "sjöbod",
                built_year: 1906 + k,
                parcel: "SAMPELSTAD STRANDEN 1:1",
                ..Design::default()
            });
            std::mem::swap(&mut boathouse.along, &mut boathouse.across);
            self.add_building(boathouse);
        }
    }

    /// Builds what needs no change after it was designed.
    fn add(&mut self, design: Design) {
        let building = self.designed(design);
        self.add_building(building);
    }

    /// Turns a design towards its street; it has no key and no elevation yet.
    fn designed(&self, design: Design) -> Building {
        let along = self.terrain.along_direction(design.place);
        let centre = self.terrain.world_from_town(design.place);
        Building {
            id: String::new(),
            centre: centre.map(round2),
            along,
            across: [-along[1] * design.side, along[0] * design.side],
            half_length_m: round2(design.half_length_m),
            half_width_m: round2(design.half_width_m),
            wing_length_m: design.wing_length_m,
            shape: design.shape,
            base_m: 0.0,
            eaves_height_m: design.eaves_height_m,
            slope: design.slope,
            purpose: design.purpose,
            storeys: design.storeys,
            built_year: design.built_year,
            parcel: design.parcel.to_owned(),
        }
    }

    /// Puts a building on the ground: its base is the mean elevation at its corners.
    fn add_building(&mut self, mut building: Building) {
        building.id = format!("{}B{:05}", self.prefix, self.buildings.len() + 1);
        let foot = building.footprint();
        let sum: f64 = foot
            .iter()
            .map(|&corner| self.terrain.ground(corner).elevation_m)
            .sum();
        building.base_m = round2(sum / foot.len() as f64);
        self.buildings.push(building);
    }
}

/// Returns the slope of a roof: none where it is flat.
fn unless_flat(shape: RoofShape, slope: f64) -> f64 {
    if shape == RoofShape::Flat { 0.0 } else { slope }
}

/// Returns whether a parcel's west or east edge is where the block meets a street.
fn is_block_end(along: f64, west: bool) -> bool {
    COLUMN_STREETS.iter().any(|street| {
        let edge = if west {
            street.at_m + half_corridor_m(street.class)
        } else {
            street.at_m - half_corridor_m(street.class)
        };
        (edge - along).abs() < 0.2
    })
}

/// Returns how far a place is from a building's plan; 0 within. The ell counts as its hull.
pub(super) fn distance_to_building(building: &Building, world: [f64; 2]) -> f64 {
    let reach = building.half_length_m + building.half_width_m + building.wing_length_m + 8.0;
    if (world[0] - building.centre[0]).abs() > reach
        || (world[1] - building.centre[1]).abs() > reach
    {
        return f64::INFINITY;
    }
    let [p, q] = building.own_from_world(world);
    let dp = (p.abs() - building.half_length_m).max(0.0);
    let dq = (q - building.half_width_m - building.wing_length_m)
        .max(-building.half_width_m - q)
        .max(0.0);
    (dp * dp + dq * dq).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::Material;

    #[test]
    fn no_building_stands_on_another_or_in_a_carriageway() {
        let town = Town::new(crate::SEED, String::new(), crate::ORIGIN);
        assert!(
            (400..=800).contains(&town.buildings.len()),
            "{}",
            town.buildings.len()
        );
        for building in &town.buildings {
            for other in &town.buildings {
                let overlaps =
                    building.id != other.id && other.roof_elevation_m(building.centre).is_some();
                assert!(!overlaps, "{} on {}", building.id, other.id);
            }
            let material = town.terrain.ground(building.centre).material;
            let place = town.terrain.town_from_world(building.centre);
            let on_street = ROW_STREETS
                .iter()
                .any(|street| (street.at_m - place[1]).abs() < 3.0)
                || COLUMN_STREETS
                    .iter()
                    .any(|street| (street.at_m - place[0]).abs() < 3.0);
            assert!(
                material != Material::Water && !on_street,
                "{} {material:?}",
                building.id
            );
        }
    }
}
