//! Räddning: the hydrants of the fire service.

use serde_json::json;

use super::shapes::point;
use super::{MADE_BY, ORIGIN, record, summer_day};
use crate::formats::Kind::{Date, Integer, Real, Text};
use crate::formats::{Attribute, Record};
use crate::plan::{Class, half_carriageway_m};
use crate::plane::left_of;
use crate::random::Random;
use crate::town::Town;

pub(crate) const HYDRANTS: &[Attribute] = &[
    ("id", Text),
    ("nummer", Integer),
    ("flode_l_min", Real),
    ("kontrollerad", Date),
    ORIGIN,
    MADE_BY,
];

pub(crate) fn hydrants(town: &Town) -> Vec<Record> {
    let mut random = Random::new(town.seed, "hydrants");
    let mut records = Vec::new();
    for link in town
        .links
        .iter()
        .filter(|link| link.class != Class::Path)
        .step_by(3)
    {
        let (at, d) = link.at(link.length_m() * random.between(0.2, 0.5));
        let off = half_carriageway_m(link.class) + 1.2;
        let flow = (random.between(600.0, 1850.0) / 2.5).round() * 2.5;
        let measured = !random.chance(0.06);
        let date = summer_day(&mut random, 2025);
        let number = records.len() + 1;
        records.push(record(
            point(left_of(at, d, off)),
            vec![
                json!(format!("{}BP-{number:03}", town.prefix)),
                json!(number),
                json!(measured.then_some(flow)),
                json!(measured.then_some(date)),
            ],
        ));
    }
    records
}
