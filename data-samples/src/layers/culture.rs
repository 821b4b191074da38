//! Kultur: places where people meet.

use serde_json::{Value, json};

use super::shapes::point;
use super::{MADE_BY, ORIGIN, record};
use crate::formats::Kind::{Integer, Text};
use crate::formats::{Attribute, Record};
use crate::town::Town;

pub(crate) const VENUES: &[Attribute] = &[
    ("id", Text),
    ("namn", Text),
    ("typ", Text),
    ("platser", Integer),
    ORIGIN,
    MADE_BY,
];

pub(crate) fn venues(town: &Town) -> Vec<Record> {
    let venues: [([f64; 2], &str, &str, Value); 9] = [
        ([512.0, 231.0], "Sampelstads kyrka", "kyrka", json!(340)),
        ([598.0, 172.0], "Rådhuset", "sammanträde", json!(80)),
        ([598.0, 140.0], "Stora torget", "torg", json!(1500)),
        ([428.0, 90.0], "Stadsbiblioteket", "bibliotek", json!(120)),
        ([680.0, 90.0], "Biograf Fyren", "biograf", json!(184)),
        ([770.0, 300.0], "Idrottsplatsen", "idrott", json!(900)),
        ([390.0, 22.0], "Båtmuseet", "museum", Value::Null),
        ([600.0, 12.0], "Kajscenen", "utomhusscen", json!(400)),
        ([255.0, 330.0], "Åparkens lekplats", "lekplats", Value::Null),
    ];
    venues
        .into_iter()
        .enumerate()
        .map(|(k, (place, name, kind, seats))| {
            record(
                point(town.terrain.world_from_town(place)),
                vec![
                    json!(format!("{}LO{}", town.prefix, k + 1)),
                    json!(name),
                    json!(kind),
                    seats,
                ],
            )
        })
        .collect()
}
