//! Utbildning: schools, and who goes to which.

use serde_json::json;

use super::shapes::{middle, point, quad};
use super::{MADE_BY, ORIGIN, record};
use crate::formats::Kind::{Integer, Text};
use crate::formats::{Attribute, Record};
use crate::ground::{INLAND_END_M, WIDTH_M};
use crate::plan::Use;
use crate::town::Town;

pub(crate) const SCHOOLS: &[Attribute] = &[
    ("id", Text),
    ("namn", Text),
    ("arskurser", Text),
    ("elever", Integer),
    ORIGIN,
    MADE_BY,
];

pub(crate) fn schools(town: &Town) -> Vec<Record> {
    let sites: Vec<_> = town
        .parcels
        .iter()
        .filter(|parcel| parcel.used_for == Some(Use::School))
        .collect();
    let mut records = Vec::new();
    for (k, (site, (name, years, pupils))) in sites
        .iter()
        .zip([
            ("Åskolan", "F–6", json!(286)),
            ("Bergsskolan", "F–9", json!(512)),
        ])
        .enumerate()
    {
        records.push(record(
            point(middle(&site.ring)),
            vec![
                json!(format!("{}SK{}", town.prefix, k + 1)),
                json!(name),
                json!(years),
                pupils,
            ],
        ));
    }
    for (k, (place, name)) in [
        ([1040.0, 400.0], "Förskolan Granen"),
        ([80.0, 320.0], "Förskolan Björken"),
        ([430.0, 400.0], "Förskolan Kotten"),
    ]
    .into_iter()
    .enumerate()
    {
        records.push(record(
            point(town.terrain.world_from_town(place)),
            vec![
                json!(format!("{}SK{}", town.prefix, k + 3)),
                json!(name),
                json!("förskola"),
                // Oddity: a number that somebody wrote as words.
                if k == 1 {
                    json!("ca 60")
                } else {
                    json!(54 + 9 * k)
                },
            ],
        ));
    }
    records
}

pub(crate) const CATCHMENTS: &[Attribute] = &[
    ("id", Text),
    ("namn", Text),
    ("skola", Text),
    ("lasar", Text),
    ORIGIN,
    MADE_BY,
];

pub(crate) fn catchments(town: &Town) -> Vec<Record> {
    [
        (
            [0.0, 0.0, 600.0, INLAND_END_M],
            "Västra upptagningsområdet",
            "SK1",
        ),
        (
            [600.0, 0.0, WIDTH_M, INLAND_END_M],
            "Östra upptagningsområdet",
            "SK2",
        ),
    ]
    .into_iter()
    .enumerate()
    .map(|(k, (edges, name, school))| {
        record(
            quad(town, edges),
            vec![
                json!(format!("{}UO{}", town.prefix, k + 1)),
                json!(name),
                json!(format!("{}{school}", town.prefix)),
                json!("2026/2027"),
            ],
        )
    })
    .collect()
}
