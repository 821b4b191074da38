//! What stands in a district, and where it stands.
//!
//! A district is filled in this order: the power line, streets, land, buildings, cars,
//! trees. Each kind has a file and random numbers of its own; what comes later makes
//! room for what came before. What the departments write about it is in `layers`, what
//! a ray of laser light meets in `scene`.

mod buildings;
mod cars;
mod land;
mod power_line;
mod streets;
mod trees;

use crate::plan::StreetPlan;
use crate::roof::Building;
use crate::terrain::Terrain;

pub(crate) use buildings::Address;
pub(crate) use cars::Car;
pub(crate) use land::Piece;
pub(crate) use power_line::PowerLine;
pub(crate) use streets::Link;
pub(crate) use trees::Tree;

/// One district with all that stands in it.
#[derive(Debug, Clone)]
pub(crate) struct Town {
    pub(crate) terrain: Terrain,
    pub(crate) seed: u64,
    /// Put before every key, so that districts do not share keys; empty for the first.
    pub(crate) prefix: String,
    pub(crate) links: Vec<Link>,
    pub(crate) parcels: Vec<Piece>,
    pub(crate) covers: Vec<Piece>,
    pub(crate) buildings: Vec<Building>,
    pub(crate) addresses: Vec<Address>,
    pub(crate) trees: Vec<Tree>,
    pub(crate) cars: Vec<Car>,
    pub(crate) power_line: PowerLine,
}

impl Town {
    pub(crate) fn new(seed: u64, prefix: String, origin: [f64; 2]) -> Town {
        let terrain = Terrain::new(origin, StreetPlan::new(seed));
        let mut town = Town {
            power_line: PowerLine::new(&terrain),
            terrain,
            seed,
            prefix,
            links: Vec::new(),
            parcels: Vec::new(),
            covers: Vec::new(),
            buildings: Vec::new(),
            addresses: Vec::new(),
            trees: Vec::new(),
            cars: Vec::new(),
        };
        town.lay_links();
        town.divide_land();
        town.build();
        town.park_cars();
        town.plant();
        town
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn districts_of_a_city_share_no_keys() {
        let first = Town::new(crate::SEED, String::new(), crate::ORIGIN);
        let second = Town::new(
            crate::SEED + 1,
            "D001-".to_owned(),
            [191_200.0, 6_920_000.0],
        );
        assert!(second.links.iter().all(|link| link.id.starts_with("D001-")));
        assert!(
            second
                .buildings
                .iter()
                .all(|b| !first.buildings.iter().any(|a| a.id == b.id))
        );
    }
}
