//! VA: the pipes of drinking water, waste water and rain.

use serde_json::{Value, json};

use super::shapes::{line, offset};
use super::{MADE_BY, ORIGIN, record};
use crate::formats::Kind::{Integer, Text};
use crate::formats::{Attribute, Record};
use crate::plan::Class;
use crate::random::Random;
use crate::town::Town;

pub(crate) const WATER_PIPES: &[Attribute] = &[
    ("ledn_id", Text),
    ("material", Text),
    ("dim_mm", Integer),
    ("lagd_ar", Integer),
    ("status", Text),
    ORIGIN,
    MADE_BY,
];

pub(crate) fn water_pipes(town: &Town) -> Vec<Record> {
    pipes(town, 1.6, "V", |random, class, id, year| {
        let material = if year < 1965 {
            "gjutjärn"
        } else if year < 1985 {
            "segjärn"
        } else {
            *random.pick(&["PE", "PE", "PVC"])
        };
        let diameter = if class == Class::Local {
            *random.pick(&[90, 110, 160])
        } else {
            *random.pick(&[200, 250, 300])
        };
        let status = if random.chance(0.03) {
            "ur drift, ersätts"
        } else {
            "i drift"
        };
        vec![
            json!(id),
            json!(material),
            json!(diameter),
            json!(year),
            json!(status),
        ]
    })
}

pub(crate) const SEWER_PIPES: &[Attribute] = &[
    ("ledn_id", Text),
    ("material", Text),
    ("dim_mm", Integer),
    ("typ", Text),
    ("lagd_ar", Integer),
    ORIGIN,
    MADE_BY,
];

pub(crate) fn sewer_pipes(town: &Town) -> Vec<Record> {
    let mut records = Vec::new();
    for (offset, letter, kind) in [(-1.4, "S", "spillvatten"), (-2.4, "D", "dagvatten")] {
        records.extend(pipes(town, offset, letter, |random, class, id, year| {
            let material = if year < 1975 {
                "betong"
            } else {
                *random.pick(&["PP", "PVC", "betong"])
            };
            let diameter = if class == Class::Local {
                *random.pick(&[200, 225, 300])
            } else {
                *random.pick(&[400, 500, 600])
            };
            vec![
                json!(id),
                json!(material),
                json!(diameter),
                json!(kind),
                json!(year),
            ]
        }));
    }
    records
}

/// Pipes beside the middle line of every street, from crossing to crossing.
fn pipes(
    town: &Town,
    offset_m: f64,
    letter: &str,
    mut values: impl FnMut(&mut Random, Class, String, i32) -> Vec<Value>,
) -> Vec<Record> {
    let mut random = Random::new(town.seed, letter);
    let mut records = Vec::new();
    for link in &town.links {
        if link.class == Class::Path || random.chance(0.06) {
            continue;
        }
        let mut places = vec![link.line[0]];
        places.extend(
            offset(&link.line, offset_m)[1..link.line.len() - 1]
                .iter()
                .copied(),
        );
        places.push(link.line[link.line.len() - 1]);
        let id = format!("{}{letter}{:04}", town.prefix, records.len() + 1);
        let year = 1934 + random.below(92) as i32;
        let values = values(&mut random, link.class, id, year);
        records.push(record(line(&places), values));
    }
    records
}
