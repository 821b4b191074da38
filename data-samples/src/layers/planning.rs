//! Plan: detailed plans, building permits and what is to be built.

use serde_json::{Value, json};

use super::shapes::{cross, point, quad};
use super::{MADE_BY, ORIGIN, is_first, record, repeat_key};
use crate::formats::Kind::{Date, Integer, Real, Text};
use crate::formats::{Attribute, Record};
use crate::plan::{COLUMN_STREETS, QUAY, ROW_STREETS, Use};
use crate::random::Random;
use crate::town::{Piece, Town};

pub(crate) const PLANS: &[Attribute] = &[
    ("plan_id", Text),
    ("plannamn", Text),
    ("anvandning", Text),
    ("laga_kraft", Date),
    ("genomforandetid_ar", Integer),
    ORIGIN,
    MADE_BY,
];

pub(crate) fn detailed_plans(town: &Town) -> Vec<Record> {
    // Columns and rows of the streets at the edges, name, use, date of legal force.
    type Plan = (
        [usize; 2],
        [usize; 2],
        &'static str,
        &'static str,
        &'static str,
    );
    let plans: [Plan; 12] = [
        (
            [5, 9],
            [0, 2],
            "Innerstaden",
            "Centrum, bostäder och handel",
            "1987-11-02",
        ),
        ([6, 7], [1, 2], "Stora torget", "Torg", "2009-05-14"),
        (
            [5, 8],
            [2, 3],
            "Kyrkbacken",
            "Kyrka och bostäder",
            "1979-03-30",
        ),
        (
            [9, 11],
            [0, 1],
            "Hamnområdet",
            "Industri och hamn",
            "1994-09-19",
        ),
        (
            [11, 13],
            [0, 2],
            "Östra stranden",
            "Flerbostadshus",
            "2012-06-07",
        ),
        ([3, 5], [0, 2], "Färgaren", "Bostäder", "1998-02-25"),
        ([0, 2], [0, 3], "Västerängen", "Småhus", "1961-10-12"),
        ([0, 2], [3, 5], "Björkbacken", "Småhus", "1973-04-05"),
        (
            [3, 6],
            [3, 6],
            "Skolberget",
            "Småhus och skola",
            "1968-12-11",
        ),
        (
            [8, 9],
            [2, 4],
            "Stadsparken",
            "Park och idrott",
            "1954-08-23",
        ),
        ([9, 13], [2, 5], "Östermalm", "Småhus", "1982-01-28"),
        (
            [2, 3],
            [0, 7],
            "Åparken",
            "Park och vattenområde",
            "2003-11-27",
        ),
    ];
    let mut records: Vec<Record> = plans
        .into_iter()
        .enumerate()
        .map(|(k, (columns, rows, name, used_for, date))| {
            let edges = [
                COLUMN_STREETS[columns[0]].at_m,
                ROW_STREETS[rows[0]].at_m,
                COLUMN_STREETS[columns[1]].at_m,
                ROW_STREETS[rows[1]].at_m,
            ];
            record(
                quad(town, edges),
                vec![
                    json!(format!("{}DP{:03}", town.prefix, k + 1)),
                    json!(format!("Detaljplan för {name}")),
                    json!(used_for),
                    json!(date),
                    json!((date > "2000").then_some(15)),
                ],
            )
        })
        .collect();
    records.push(record(
        quad(town, [QUAY[0] + 10.0, 2.0, QUAY[1], 34.0]),
        vec![
            json!(format!("{}DP013", town.prefix)),
            json!("Detaljplan för Kajen med hotell"),
            json!("Hotell, kaj och allmän plats"),
            Value::Null,
            json!(10),
        ],
    ));
    if is_first(town) {
        cross(&mut records[4]);
        cross(&mut records[7]);
    }
    records
}

pub(crate) const PERMITS: &[Attribute] = &[
    ("diarienr", Text),
    ("arende", Text),
    ("status", Text),
    ("beslutsdatum", Date),
    ("fastighet", Text),
    ("avgift", Text),
    ORIGIN,
    MADE_BY,
];

pub(crate) fn permits(town: &Town) -> Vec<Record> {
    let mut random = Random::new(town.seed, "permits");
    let subjects = [
        "Nybyggnad av garage",
        "Tillbyggnad av enbostadshus",
        "Ändrad användning",
        "Fasadändring",
        "Solceller på tak",
        "Inglasning av balkonger",
        "Rivning",
        "Uppförande av plank",
        "Skylt",
    ];
    let owners: Vec<_> = town
        .parcels
        .iter()
        .filter(|p| matches!(p.used_for, Some(Use::Villas | Use::Centre | Use::Flats)))
        .collect();
    let mut records: Vec<Record> = Vec::new();
    for k in 0..64 {
        let parcel = owners[random.below(owners.len())];
        let year = 2024 + random.below(3);
        let status = *random.pick(&[
            "beviljat",
            "beviljat",
            "beviljat",
            "avslaget",
            "under handläggning",
            "överklagat",
        ]);
        let decided = status != "under handläggning";
        let subject = *random.pick(&subjects);
        let month = 1 + random.below(if year == 2026 { 4 } else { 12 });
        let date = format!("{year}-{month:02}-{:02}", 1 + random.below(28));
        let fee = 1200 + 150 * random.below(60);
        records.push(record(
            point(inside(parcel, town)),
            vec![
                json!(format!("{}BN {year}-{:04}", town.prefix, 100 + 7 * k)),
                json!(subject),
                json!(status),
                json!(decided.then_some(date)),
                json!(parcel.name),
                // Oddity: the fee is a number in most rows and a text in some.
                if random.chance(0.12) {
                    json!(format!("{fee} kr"))
                } else {
                    json!(fee)
                },
            ],
        ));
    }
    if is_first(town) {
        records[9].geometry = None;
        repeat_key(&mut records, 20);
        // Somebody typed a place in the next county.
        records[30].geometry = Some(point([
            town.terrain.origin[0] - 41_000.0,
            town.terrain.origin[1] + 1_500.0,
        ]));
    }
    records
}

pub(crate) const PLANNED_BUILDINGS: &[Attribute] = &[
    ("namn", Text),
    ("hojd_m", Real),
    ("vaningar", Integer),
    ("status", Text),
    ORIGIN,
    MADE_BY,
];

pub(crate) fn planned_buildings(town: &Town) -> Vec<Record> {
    vec![
        record(
            quad(town, [682.0, 15.5, 722.0, 27.0]),
            vec![
                json!("Hotell Kajen"),
                json!(27.5),
                json!(8),
                json!("detaljplan antagen"),
            ],
        ),
        record(
            quad(town, [1098.0, 11.0, 1136.0, 24.0]),
            vec![
                json!("Bostadshus Östra stranden"),
                json!(19.0),
                json!(6),
                json!("bygglov beviljat"),
            ],
        ),
        record(
            quad(town, [1170.0, 296.0, 1192.0, 316.0]),
            vec![
                json!("Förskolan Blåmusslan"),
                json!(7.5),
                json!(2),
                json!("planeras"),
            ],
        ),
    ]
}

/// The middle of a parcel on the plan, which lies inside it in the world.
fn inside(parcel: &Piece, town: &Town) -> [f64; 2] {
    let [west, south, east, north] = parcel.edges_m();
    town.terrain
        .world_from_town([(west + east) / 2.0, (south + north) / 2.0])
}
