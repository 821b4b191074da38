//! Cars, parked along the streets and in bays.

use crate::plan::{Class, Use, half_carriageway_m};
use crate::plane::left_of;
use crate::random::Random;
use crate::town::Town;
use crate::town::buildings::distance_to_building;

/// A parked car: a box.
#[derive(Debug, Clone)]
pub(crate) struct Car {
    pub(crate) at: [f64; 2],
    pub(crate) along: [f64; 2],
    pub(crate) half_length_m: f64,
    pub(crate) half_width_m: f64,
    pub(crate) height_m: f64,
    pub(crate) base_m: f64,
}

impl Town {
    /// Parks some cars at the kerbs, and some between the buildings of shops and works.
    pub(super) fn park_cars(&mut self) {
        let mut random = Random::new(self.seed, "cars");
        let links = std::mem::take(&mut self.links);
        for link in &links {
            if matches!(link.class, Class::Path | Class::Main) || link.is_bridge {
                continue;
            }
            let length = link.length_m();
            let mut measure = 14.0;
            while measure < length - 14.0 {
                if random.chance(0.22) {
                    let (place, d) = link.at(measure);
                    let side = if random.chance(0.5) { 1.0 } else { -1.0 };
                    let off = side * (half_carriageway_m(link.class) - 1.1);
                    self.add_car(left_of(place, d, off), d, &mut random);
                }
                measure += 6.5;
            }
        }
        self.links = links;
        // Parking bays at the square, the works and the flats.
        let parcels = std::mem::take(&mut self.parcels);
        for parcel in &parcels {
            if !matches!(parcel.used_for, Some(Use::Works | Use::Flats | Use::Square)) {
                continue;
            }
            let [west, south, east, north] = parcel.edges_m();
            let inland = (south + north) / 2.0 + 6.0 * if south < 60.0 { 1.0 } else { -1.0 };
            let mut along = west + 8.0;
            while along < east - 8.0 {
                if random.chance(0.55) {
                    let at = [along, inland];
                    let world = self.terrain.world_from_town(at);
                    let free = self
                        .buildings
                        .iter()
                        .all(|b| distance_to_building(b, world) > 3.0);
                    if free {
                        self.add_car(world, self.terrain.inland_direction(at), &mut random);
                    }
                }
                along += 2.6;
            }
        }
        self.parcels = parcels;
    }

    fn add_car(&mut self, at: [f64; 2], along: [f64; 2], random: &mut Random) {
        self.cars.push(Car {
            at,
            along,
            half_length_m: random.between(2.0, 2.5),
            half_width_m: random.between(0.85, 0.98),
            height_m: random.between(1.4, 1.9),
            base_m: self.terrain.ground(at).elevation_m,
        });
    }
}
