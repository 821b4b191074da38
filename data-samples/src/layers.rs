//! What each department keeps, feature by feature, with the oddities of real exports.

use geo_types::{Coord, Geometry, LineString, Point, Polygon};
use serde_json::{Value, json};

use crate::formats::{Attribute, Kind, Record};
use crate::ground::{INLAND_END_M, WIDTH_M};
use crate::plan::{
    BREAKWATER, COLUMN_STREETS, Class, JETTIES, QUAY, ROW_STREETS, Use, half_carriageway_m,
};
use crate::plane::{distance, left_of, round2, unit};
use crate::random::Random;
use crate::terrain::{SKERRIES, STREAM_HALF_WIDTH_M, stream_along_m};
use crate::town::{Link, Town};

const ORIGIN: Attribute = ("data_origin", Kind::Text);
const MADE_BY: Attribute = ("generator", Kind::Text);

use Kind::{Date, Integer, Real, Text};

pub(crate) const LINKS: &[Attribute] = &[
    ("link_id", Text),
    ("gatunamn", Text),
    ("klass", Text),
    ("bredd_m", Real),
    ("belaggning", Text),
    ("belagd_ar", Integer),
    ("tillstand", Real),
    ("inspekterad", Date),
    ("hastighet", Integer),
    ("langd_m", Real),
    ("fran_matt", Real),
    ("till_matt", Real),
    ("bro", Text),
    ("fran_nod", Text),
    ("till_nod", Text),
    ORIGIN,
    MADE_BY,
];
pub(crate) const INSPECTIONS: &[Attribute] = &[
    ("inspektion_id", Text),
    ("link_id", Text),
    ("datum", Date),
    ("tillstand", Real),
    ("anmarkning", Text),
    ORIGIN,
    MADE_BY,
];
pub(crate) const SIGNS: &[Attribute] = &[
    ("skylt_id", Text),
    ("link_id", Text),
    ("matt_m", Real),
    ("sida", Text),
    ("typ", Text),
    ("text", Text),
    ("uppsatt", Date),
    ORIGIN,
    MADE_BY,
];
pub(crate) const TRAFFIC: &[Attribute] = &[
    ("rad_id", Integer),
    ("matpunkt", Text),
    ("link_id", Text),
    ("dagtyp", Text),
    ("timme", Integer),
    ("fordon", Real),
    ORIGIN,
    MADE_BY,
];
pub(crate) const WORKS: &[Attribute] = &[
    ("arbete_id", Text),
    ("rubrik", Text),
    ("fran", Date),
    ("till", Date),
    ("skede", Text),
    ("entreprenor", Text),
    ("link_id", Text),
    ORIGIN,
    MADE_BY,
];
pub(crate) const WATER_PIPES: &[Attribute] = &[
    ("ledn_id", Text),
    ("material", Text),
    ("dim_mm", Integer),
    ("lagd_ar", Integer),
    ("status", Text),
    ORIGIN,
    MADE_BY,
];
pub(crate) const SEWER_PIPES: &[Attribute] = &[
    ("ledn_id", Text),
    ("material", Text),
    ("dim_mm", Integer),
    ("typ", Text),
    ("lagd_ar", Integer),
    ORIGIN,
    MADE_BY,
];
pub(crate) const PLANS: &[Attribute] = &[
    ("plan_id", Text),
    ("plannamn", Text),
    ("anvandning", Text),
    ("laga_kraft", Date),
    ("genomforandetid_ar", Integer),
    ORIGIN,
    MADE_BY,
];
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
pub(crate) const PLANNED_BUILDINGS: &[Attribute] = &[
    ("namn", Text),
    ("hojd_m", Real),
    ("vaningar", Integer),
    ("status", Text),
    ORIGIN,
    MADE_BY,
];
pub(crate) const PARCELS: &[Attribute] = &[
    ("objekt_id", Text),
    ("beteckning", Text),
    ("areal_m2", Integer),
    ("agartyp", Text),
    ORIGIN,
    MADE_BY,
];
pub(crate) const BUILDINGS: &[Attribute] = &[
    ("objekt_id", Text),
    ("andamal", Text),
    ("taktyp", Text),
    ("nockhojd_m", Real),
    ("takfotshojd_m", Real),
    ("markhojd_m", Real),
    ("vaningar", Integer),
    ("byggar", Integer),
    ("fastighet", Text),
    ORIGIN,
    MADE_BY,
];
pub(crate) const ADDRESSES: &[Attribute] = &[
    ("objekt_id", Text),
    ("adress", Text),
    ("postnr", Text),
    ("postort", Text),
    ("fastighet", Text),
    ORIGIN,
    MADE_BY,
];
pub(crate) const WATER_AREAS: &[Attribute] = &[
    ("objekt_id", Text),
    ("namn", Text),
    ("typ", Text),
    ORIGIN,
    MADE_BY,
];
pub(crate) const LAND_COVER: &[Attribute] = &[("objekt_id", Text), ("typ", Text), ORIGIN, MADE_BY];
pub(crate) const TREES: &[Attribute] = &[
    ("objekt_id", Text),
    ("art", Text),
    ("hojd_m", Real),
    ("krondiameter_m", Real),
    ORIGIN,
    MADE_BY,
];
pub(crate) const HYDRANTS: &[Attribute] = &[
    ("id", Text),
    ("nummer", Integer),
    ("flode_l_min", Real),
    ("kontrollerad", Date),
    ORIGIN,
    MADE_BY,
];
pub(crate) const SCHOOLS: &[Attribute] = &[
    ("id", Text),
    ("namn", Text),
    ("arskurser", Text),
    ("elever", Integer),
    ORIGIN,
    MADE_BY,
];
pub(crate) const CATCHMENTS: &[Attribute] = &[
    ("id", Text),
    ("namn", Text),
    ("skola", Text),
    ("lasar", Text),
    ORIGIN,
    MADE_BY,
];
pub(crate) const VENUES: &[Attribute] = &[
    ("id", Text),
    ("namn", Text),
    ("typ", Text),
    ("platser", Integer),
    ORIGIN,
    MADE_BY,
];

/// One feature; where it comes from is added to its values.
fn record(geometry: impl Into<Option<Geometry<f64>>>, mut values: Vec<Value>) -> Record {
    values.push(json!(crate::DATA_ORIGIN));
    values.push(json!(crate::GENERATOR));
    Record {
        geometry: geometry.into(),
        values,
    }
}

pub(crate) fn links(town: &Town) -> Vec<Record> {
    let mut random = Random::new(town.seed, "conditions");
    town.links
        .iter()
        .enumerate()
        .map(|(i, link)| {
            let length = round2(link.length_m());
            let state = state(town, i);
            let speed = match link.class {
                Class::Main => 50,
                Class::Collector => 40,
                Class::Local => 30,
                Class::Path => 20,
            };
            // Some links have never been inspected.
            let inspected = !random.chance(0.03);
            record(
                line(&link.line),
                vec![
                    json!(link.id),
                    json!(link.name),
                    json!(link.class.word()),
                    json!(2.0 * half_carriageway_m(link.class)),
                    json!(state.surface),
                    json!(state.laid_year),
                    if inspected {
                        json!(state.condition)
                    } else {
                        Value::Null
                    },
                    if inspected {
                        json!(state.inspected)
                    } else {
                        Value::Null
                    },
                    json!(speed),
                    json!(length),
                    json!(0.0),
                    json!(length),
                    json!(if link.is_bridge { "ja" } else { "nej" }),
                    json!(node_id(town, link.nodes[0])),
                    json!(node_id(town, link.nodes[1])),
                ],
            )
        })
        .collect()
}

/// The key of a crossing, made of its place on the plan.
fn node_id(town: &Town, [along, inland]: [i64; 2]) -> String {
    format!("{}N{along:05}{inland:05}", town.prefix)
}

struct LinkState {
    surface: &'static str,
    laid_year: i32,
    condition: f64,
    inspected: String,
}

/// The state of a link: worse the longer ago it was laid.
fn state(town: &Town, index: usize) -> LinkState {
    let mut random = Random::new(town.seed.wrapping_add(index as u64), "state of a link");
    let link = &town.links[index];
    let surface = match link.class {
        Class::Path => *random.pick(&["grus", "grus", "asfalt"]),
        Class::Local => *random.pick(&["asfalt", "asfalt", "asfalt", "asfalt", "gatsten", "grus"]),
        _ => "asfalt",
    };
    let laid_year = 2025 - random.below(29) as i32;
    let wear = f64::from(2026 - laid_year) * 3.1;
    LinkState {
        surface,
        laid_year,
        condition: ((100.0 - wear + random.normal(6.0)).clamp(4.0, 99.0) * 10.0).round() / 10.0,
        inspected: format!(
            "2025-{:02}-{:02}",
            4 + random.below(6),
            1 + random.below(28)
        ),
    }
}

pub(crate) fn inspections(town: &Town) -> Vec<Record> {
    let mut random = Random::new(town.seed, "inspections");
    let remarks = [
        "",
        "",
        "Tvärgående sprickor",
        "Potthål vid kantstenen",
        "Spårbildning",
        "Sättning vid brunn",
        "Krackelering, åtgärdas inom två år",
        "Ok",
    ];
    let mut records = Vec::new();
    for (i, link) in town.links.iter().enumerate() {
        let state = state(town, i);
        for (k, year) in [2019, 2022, 2025].into_iter().enumerate() {
            if year <= state.laid_year || !random.chance(0.8) {
                continue;
            }
            let condition = (state.condition + f64::from(2025 - year) * 3.1).min(99.5);
            let remark = *random.pick(&remarks);
            records.push(record(
                None,
                vec![
                    json!(format!("{}I{:04}-{}", town.prefix, i + 1, k + 1)),
                    json!(link.id),
                    if year == 2025 {
                        json!(state.inspected)
                    } else {
                        json!(format!(
                            "{year}-{:02}-{:02}",
                            4 + random.below(6),
                            1 + random.below(28)
                        ))
                    },
                    json!((condition * 10.0).round() / 10.0),
                    if remark.is_empty() {
                        Value::Null
                    } else {
                        json!(remark)
                    },
                ],
            ));
        }
    }
    records
}

pub(crate) fn signs(town: &Town) -> Vec<Record> {
    let mut random = Random::new(town.seed, "signs");
    let mut records = Vec::new();
    for link in &town.links {
        let length = link.length_m();
        if length < 20.0 {
            continue;
        }
        let mut planned: Vec<(f64, &str, &str, String)> = Vec::new();
        let (speed_type, speed) = match link.class {
            Class::Main => ("C31-5", "50"),
            Class::Collector => ("C31-4", "40"),
            Class::Local => ("C31-3", "30"),
            Class::Path => ("D6", "Gång- och cykelbana"),
        };
        if random.chance(0.5) {
            planned.push((12.0, "höger", speed_type, speed.to_owned()));
        }
        if random.chance(0.4) {
            planned.push((length - 12.0, "vänster", speed_type, speed.to_owned()));
        }
        if link.class == Class::Local && random.chance(0.6) {
            let (sign, text) = *random.pick(&[
                ("B1", "Väjningsplikt"),
                ("B2", "Stopp"),
                ("B1", "Väjningsplikt"),
            ]);
            planned.push((length - 9.0, "höger", sign, text.to_owned()));
        }
        if random.chance(0.25) {
            let (sign, text) = *random.pick(&[
                ("B3", "Övergångsställe"),
                ("E19", "Parkering"),
                ("C35", "Förbud mot att parkera"),
                ("A15", "Varning för barn"),
            ]);
            planned.push((
                random.between(0.3, 0.7) * length,
                "höger",
                sign,
                text.to_owned(),
            ));
        }
        for (measure, side, sign, text) in planned {
            let (at, d) = link.at(measure);
            let off =
                (half_carriageway_m(link.class) + 0.9) * if side == "höger" { -1.0 } else { 1.0 };
            let geometry = point(left_of(at, d, off));
            let year = 2003 + random.below(23);
            let uppsatt = format!(
                "{year}-{:02}-{:02}",
                1 + random.below(12),
                1 + random.below(28)
            );
            records.push(record(
                geometry,
                vec![
                    json!(format!("{}S{:05}", town.prefix, records.len() + 1)),
                    json!(link.id),
                    json!(round2(measure)),
                    json!(side),
                    json!(sign),
                    json!(text),
                    json!(uppsatt),
                ],
            ));
        }
    }
    if is_first(town) {
        // Oddities: signs without a place, one without a date, one key twice.
        records[17].geometry = None;
        records[80].geometry = None;
        records[33].values[6] = Value::Null;
        let twin = records[40].values[0].clone();
        records[41].values[0] = twin;
    }
    records
}

pub(crate) fn traffic(town: &Town) -> Vec<Record> {
    let mut random = Random::new(town.seed, "traffic");
    let counted: Vec<&Link> = town
        .links
        .iter()
        .filter(|link| matches!(link.class, Class::Main | Class::Collector))
        .step_by(5)
        .take(12)
        .collect();
    let mut records = Vec::new();
    for (k, link) in counted.iter().enumerate() {
        let daily = random.between(900.0, 7200.0);
        for day in ["vardag", "helg"] {
            for hour in 0..24_u32 {
                let peak = |at: f64, width: f64| {
                    let d = (f64::from(hour) - at) / width;
                    1.0 / (1.0 + d * d)
                };
                let share = if day == "vardag" {
                    0.008
                        + 0.075 * peak(7.4, 1.2)
                        + 0.09 * peak(16.3, 1.6)
                        + 0.035 * peak(12.0, 3.0)
                } else {
                    0.010 + 0.055 * peak(13.5, 3.4)
                };
                let vehicles = (daily * share * random.between(0.93, 1.07) * 10.0).round() / 10.0;
                records.push(record(
                    None,
                    vec![
                        json!(records.len() + 1 + town_number(town) * 1000),
                        json!(format!("{}M{:02}", town.prefix, k + 1)),
                        json!(link.id),
                        json!(day),
                        json!(hour),
                        json!(vehicles),
                    ],
                ));
            }
        }
    }
    records
}

pub(crate) fn planned_works(town: &Town) -> Vec<Record> {
    // Link, from, to, heading, stage, contractor. The second of each pair overlaps the
    // first in time, on the same link or the next one.
    let plans: [(&str, usize, &str, &str, &str, &str, &str); 14] = [
        (
            "Storgatan",
            5,
            "2026-10-13",
            "2027-02-28",
            "Ny vattenledning",
            "pagar",
            "Sampelstads Rör AB",
        ),
        (
            "Storgatan",
            5,
            "2026-12-01",
            "2027-01-10",
            "Fiber till kvarteret",
            "beslutad",
            "Kustfiber AB",
        ),
        (
            "Storgatan",
            6,
            "2027-02-03",
            "2027-04-16",
            "Omläggning av gatsten",
            "planerad",
            "Bottenhavets Mark AB",
        ),
        (
            "Strandvägen",
            6,
            "2026-11-04",
            "2027-03-25",
            "Breddad kajpromenad",
            "pagar",
            "Bottenhavets Mark AB",
        ),
        (
            "Strandvägen",
            7,
            "2027-03-01",
            "2027-05-20",
            "Dagvattenmagasin",
            "planerad",
            "Sampelstads Rör AB",
        ),
        (
            "Strandvägen",
            2,
            "2027-02-17",
            "2027-06-04",
            "Reparation av Åbron",
            "beslutad",
            "Brobyggarna i Norr AB",
        ),
        (
            "Ringvägen",
            8,
            "2026-09-02",
            "2026-11-29",
            "Fjärrvärme",
            "pagar",
            "Sampelstads Energi",
        ),
        (
            "Ringvägen",
            8,
            "2026-11-18",
            "2026-12-18",
            "Ny beläggning",
            "beslutad",
            "Asfalt & Kantsten AB",
        ),
        (
            "Drottninggatan",
            1,
            "2027-01-06",
            "2027-02-14",
            "Byte av lindar",
            "planerad",
            "Parkförvaltningen",
        ),
        (
            "Drottninggatan",
            1,
            "2027-02-10",
            "2027-03-30",
            "Ny belysning",
            "planerad",
            "Sampelstads Energi",
        ),
        (
            "Skolgatan",
            7,
            "2026-12-15",
            "2027-02-07",
            "Trafiksäker skolväg",
            "beslutad",
            "Asfalt & Kantsten AB",
        ),
        (
            "Kyrkogatan",
            5,
            "2027-03-14",
            "2027-04-30",
            "Avlopp, relining",
            "planerad",
            "Sampelstads Rör AB",
        ),
        (
            "Bergsgatan",
            4,
            "2027-04-05",
            "2027-06-24",
            "Ny beläggning",
            "planerad",
            "Asfalt & Kantsten AB",
        ),
        (
            "Östra Infarten",
            3,
            "2026-11-11",
            "2026-11-22",
            "Sprängning för gångbana",
            "pagar",
            "Brobyggarna i Norr AB",
        ),
    ];
    let mut records: Vec<Record> = Vec::new();
    for (k, (street, stretch, from, to, heading, stage, contractor)) in
        plans.into_iter().enumerate()
    {
        let on_street: Vec<&Link> = town
            .links
            .iter()
            .filter(|link| link.name == street)
            .collect();
        let link = on_street[stretch.min(on_street.len() - 1)];
        records.push(record(
            corridor(link, half_carriageway_m(link.class) + 1.5),
            vec![
                json!(format!("{}A2026-{:03}", town.prefix, k + 1)),
                json!(heading),
                json!(from),
                json!(to),
                json!(stage),
                json!(contractor),
                json!(link.id),
            ],
        ));
    }
    if is_first(town) {
        // Oddities: an empty polygon, and one with two corners swapped so that it crosses itself.
        let mut empty = records[12].clone();
        empty.geometry = Some(Geometry::Polygon(Polygon::new(
            LineString(Vec::new()),
            Vec::new(),
        )));
        empty.values[0] = json!("A2026-015");
        empty.values[1] = json!("Ytan ritas senare");
        records.push(empty);
        cross(&mut records[13]);
    }
    records
}

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
                    json!(if date > "2000" {
                        json!(15)
                    } else {
                        Value::Null
                    }),
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
                if decided { json!(date) } else { Value::Null },
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
        let twin = records[20].values[0].clone();
        records[21].values[0] = twin;
        // Somebody typed a place in the next county.
        records[30].geometry = Some(point([
            town.terrain.origin[0] - 41_000.0,
            town.terrain.origin[1] + 1_500.0,
        ]));
    }
    records
}

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

pub(crate) fn parcels(town: &Town) -> Vec<Record> {
    let mut records: Vec<Record> = town
        .parcels
        .iter()
        .enumerate()
        .map(|(i, parcel)| {
            let owner = match parcel.used_for {
                Some(Use::Villas) => "privat",
                Some(Use::Centre | Use::Flats) => {
                    if i % 3 == 0 {
                        "bostadsrättsförening"
                    } else {
                        "bolag"
                    }
                }
                Some(Use::Works) => "bolag",
                Some(Use::Church) => "församling",
                _ => "kommun",
            };
            record(
                polygon(&parcel.ring),
                vec![
                    json!(format!("{}F{:05}", town.prefix, i + 1)),
                    json!(parcel.name),
                    json!(area_m2(&parcel.ring).round() as i64),
                    json!(owner),
                ],
            )
        })
        .collect();
    if is_first(town) {
        // Oddity: a parcel delivered twice.
        records.push(records[57].clone());
    }
    records
}

pub(crate) fn buildings(town: &Town) -> Vec<Record> {
    let mut records: Vec<Record> = town
        .buildings
        .iter()
        .map(|building| {
            record(
                polygon(&building.footprint()),
                vec![
                    json!(building.id),
                    json!(building.purpose),
                    json!(building.shape.word()),
                    json!(round2(building.ridge_height_m())),
                    json!(round2(building.eaves_height_m)),
                    json!(building.base_m),
                    json!(building.storeys),
                    json!(building.built_year),
                    json!(building.parcel),
                ],
            )
        })
        .collect();
    if is_first(town) {
        // Oddities: a building whose corners were digitised in the wrong order, two
        // without a year, and one that has been demolished and kept its row.
        cross(&mut records[101]);
        records[12].values[7] = Value::Null;
        records[210].values[7] = Value::Null;
        let mut gone = records[300].clone();
        gone.geometry = Some(Geometry::Polygon(Polygon::new(
            LineString(Vec::new()),
            Vec::new(),
        )));
        gone.values[0] = json!("B90001");
        gone.values[1] = json!("riven");
        records.push(gone);
    }
    records
}

pub(crate) fn addresses(town: &Town) -> Vec<Record> {
    let mut records: Vec<Record> = town
        .addresses
        .iter()
        .enumerate()
        .map(|(i, address)| {
            record(
                point(address.at),
                vec![
                    json!(format!("{}AD{:05}", town.prefix, i + 1)),
                    json!(format!("{} {}", address.street, address.number)),
                    // A postcode that no place in Sweden has.
                    json!("000 26"),
                    json!("SAMPELSTAD"),
                    json!(address.parcel),
                ],
            )
        })
        .collect();
    if is_first(town) {
        records[70].geometry = None;
        records[71].geometry = None;
        records[72].values[4] = Value::Null;
        let twin = records[90].values[0].clone();
        records[91].values[0] = twin;
    }
    records
}

pub(crate) fn water_areas(town: &Town) -> Vec<Record> {
    let [west, south] = town.terrain.origin;
    let mut ring = vec![[west, south], [west + WIDTH_M, south]];
    let mut along = WIDTH_M;
    while along >= 0.0 {
        ring.push(town.terrain.world_from_town([along, 0.0]));
        along -= 8.0;
    }
    let holes = SKERRIES
        .iter()
        .map(|skerry| {
            let mut hole: Vec<Coord<f64>> = (0..48)
                .map(|k| {
                    let turn = -f64::from(k) / 48.0 * 2.0 * std::f64::consts::PI;
                    let d = [libm::cos(turn), libm::sin(turn)];
                    Coord {
                        x: millimetres(west + skerry.centre[0] + skerry.reach_m(d) * d[0]),
                        y: millimetres(south + skerry.centre[1] + skerry.reach_m(d) * d[1]),
                    }
                })
                .collect();
            hole.push(hole[0]);
            LineString(hole)
        })
        .collect();
    let Geometry::Polygon(sea) = polygon(&ring) else {
        unreachable!("polygon makes polygons")
    };
    let (sea, _) = sea.into_inner();
    let sea = Geometry::Polygon(Polygon::new(sea, holes));

    let mut stream = Vec::new();
    for side in [-1.0, 1.0] {
        let mut bank = Vec::new();
        let mut inland = 0.0;
        while inland < INLAND_END_M {
            bank.push(
                town.terrain
                    .world_from_town([stream_along_m(inland) + side * STREAM_HALF_WIDTH_M, inland]),
            );
            inland += 5.0;
        }
        if side > 0.0 {
            stream.extend(bank);
        } else {
            bank.reverse();
            stream.extend(bank);
        }
    }
    let number = town_number(town);
    vec![
        record(
            sea,
            vec![
                json!(format!("{}VA1", town.prefix)),
                json!(if number == 0 {
                    "Sampelfjärden"
                } else {
                    "Fjärden"
                }),
                json!("hav"),
            ],
        ),
        record(
            polygon(&stream),
            vec![
                json!(format!("{}VA2", town.prefix)),
                json!("Sampelån"),
                json!("vattendrag"),
            ],
        ),
    ]
}

pub(crate) fn land_cover(town: &Town) -> Vec<Record> {
    let mut records: Vec<Record> = town
        .covers
        .iter()
        .enumerate()
        .map(|(i, cover)| {
            record(
                polygon(&cover.ring),
                vec![
                    json!(format!("{}M{:04}", town.prefix, i + 1)),
                    json!(cover.cover),
                ],
            )
        })
        .collect();
    let mut add = |geometry, kind: &str| {
        let id = format!("{}M{:04}", town.prefix, records.len() + 1);
        records.push(record(geometry, vec![json!(id), json!(kind)]));
    };
    let [west, south] = town.terrain.origin;
    for skerry in &SKERRIES {
        let ring: Vec<[f64; 2]> = (0..48)
            .map(|k| {
                let turn = f64::from(k) / 48.0 * 2.0 * std::f64::consts::PI;
                let d = [libm::cos(turn), libm::sin(turn)];
                [
                    west + skerry.centre[0] + skerry.reach_m(d) * d[0],
                    south + skerry.centre[1] + skerry.reach_m(d) * d[1],
                ]
            })
            .collect();
        add(polygon(&ring), "häll");
    }
    let wall: Vec<[f64; 2]> = BREAKWATER
        .iter()
        .map(|&place| town.terrain.world_from_town(place))
        .collect();
    add(buffer(&wall, 5.0), "vågbrytare");
    for [along, reach] in JETTIES {
        add(
            quad(town, [along - 1.1, -reach, along + 1.1, 0.0]),
            "brygga",
        );
    }
    records
}

pub(crate) fn trees(town: &Town) -> Vec<Record> {
    town.trees
        .iter()
        .enumerate()
        .map(|(i, tree)| {
            record(
                point(tree.at),
                vec![
                    json!(format!("{}T{:05}", town.prefix, i + 1)),
                    json!(tree.species),
                    json!((tree.height_m * 10.0).round() / 10.0),
                    json!((tree.crown_radius_m * 20.0).round() / 10.0),
                ],
            )
        })
        .collect()
}

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
        let date = format!(
            "2025-{:02}-{:02}",
            4 + random.below(6),
            1 + random.below(28)
        );
        let number = records.len() + 1;
        records.push(record(
            point(left_of(at, d, off)),
            vec![
                json!(format!("{}BP-{number:03}", town.prefix)),
                json!(number),
                if measured { json!(flow) } else { Value::Null },
                if measured { json!(date) } else { Value::Null },
            ],
        ));
    }
    records
}

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

fn is_first(town: &Town) -> bool {
    town.prefix.is_empty()
}

/// The number of a district: 0 for the town itself.
fn town_number(town: &Town) -> usize {
    town.prefix
        .trim_matches(|c: char| !c.is_ascii_digit())
        .parse()
        .unwrap_or(0)
}

/// Coordinates are delivered to the millimetre.
fn millimetres(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn coord([x, y]: [f64; 2]) -> Coord<f64> {
    Coord {
        x: millimetres(x),
        y: millimetres(y),
    }
}

fn point(at: [f64; 2]) -> Geometry<f64> {
    Geometry::Point(Point(coord(at)))
}

fn line(places: &[[f64; 2]]) -> Geometry<f64> {
    Geometry::LineString(places.iter().copied().map(coord).collect())
}

fn polygon(ring: &[[f64; 2]]) -> Geometry<f64> {
    Geometry::Polygon(Polygon::new(
        ring.iter().copied().map(coord).collect(),
        Vec::new(),
    ))
}

/// A piece of the plan between west, south, east and north edges, bent into the world.
fn quad(town: &Town, [west, south, east, north]: [f64; 4]) -> Geometry<f64> {
    let corners = [[west, south], [east, south], [east, north], [west, north]];
    let mut ring = Vec::new();
    for k in 0..4 {
        let (from, to) = (corners[k], corners[(k + 1) % 4]);
        let steps = (distance(from, to) / 10.0).ceil() as usize;
        for step in 0..steps {
            let t = step as f64 / steps as f64;
            ring.push(town.terrain.world_from_town([
                from[0] + (to[0] - from[0]) * t,
                from[1] + (to[1] - from[1]) * t,
            ]));
        }
    }
    polygon(&ring)
}

fn corridor(link: &Link, half_width_m: f64) -> Geometry<f64> {
    buffer(&link.line, half_width_m)
}

fn buffer(line: &[[f64; 2]], half_width_m: f64) -> Geometry<f64> {
    let mut ring = offset(line, -half_width_m);
    let mut left = offset(line, half_width_m);
    left.reverse();
    ring.extend(left);
    polygon(&ring)
}

/// The line moved sideways, to the left where the distance is positive.
fn offset(line: &[[f64; 2]], distance_m: f64) -> Vec<[f64; 2]> {
    let last = line.len() - 1;
    (0..=last)
        .map(|i| {
            let (before, after) = (line[i.saturating_sub(1)], line[(i + 1).min(last)]);
            let d = unit([after[0] - before[0], after[1] - before[1]]);
            left_of(line[i], d, distance_m)
        })
        .collect()
}

/// Swaps two corners of a polygon, so that its outline crosses itself.
fn cross(record: &mut Record) {
    if let Some(Geometry::Polygon(polygon)) = &mut record.geometry {
        polygon.exterior_mut(|ring| {
            let other = ring.0.len() / 2;
            ring.0.swap(1, other);
        });
    }
}

fn middle(ring: &[[f64; 2]]) -> [f64; 2] {
    let n = ring.len() as f64;
    [
        ring.iter().map(|c| c[0]).sum::<f64>() / n,
        ring.iter().map(|c| c[1]).sum::<f64>() / n,
    ]
}

fn inside(parcel: &crate::town::Piece, town: &Town) -> [f64; 2] {
    let [west, south, east, north] = parcel.edges.map(|edge| edge as f64 / 10.0);
    town.terrain
        .world_from_town([(west + east) / 2.0, (south + north) / 2.0])
}

fn area_m2(ring: &[[f64; 2]]) -> f64 {
    let o = ring[0];
    let twice: f64 = (0..ring.len())
        .map(|i| {
            let (a, b) = (ring[i], ring[(i + 1) % ring.len()]);
            (a[0] - o[0]) * (b[1] - o[1]) - (b[0] - o[0]) * (a[1] - o[1])
        })
        .sum();
    (twice / 2.0).abs()
}
