//! Gata: the road links that others refer to, and what stands beside and happens on them.

use serde_json::{Value, json};

use super::shapes::{buffer, cross, empty_polygon, line, point};
use super::{MADE_BY, ORIGIN, is_first, record, repeat_key, summer_day, town_number};
use crate::formats::Kind::{Date, Integer, Real, Text};
use crate::formats::{Attribute, Record};
use crate::plan::{Class, half_carriageway_m};
use crate::plane::{left_of, round2};
use crate::random::Random;
use crate::town::{Link, Town};

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
                    json!(inspected.then_some(state.condition)),
                    json!(inspected.then_some(state.inspected)),
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
        inspected: summer_day(&mut random, 2025),
    }
}

pub(crate) const INSPECTIONS: &[Attribute] = &[
    ("inspektion_id", Text),
    ("link_id", Text),
    ("datum", Date),
    ("tillstand", Real),
    ("anmarkning", Text),
    ORIGIN,
    MADE_BY,
];

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
                        json!(summer_day(&mut random, year))
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
        repeat_key(&mut records, 40);
    }
    records
}

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
            buffer(&link.line, half_carriageway_m(link.class) + 1.5),
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
        empty.geometry = Some(empty_polygon());
        empty.values[0] = json!("A2026-015");
        empty.values[1] = json!("Ytan ritas senare");
        records.push(empty);
        cross(&mut records[13]);
    }
    records
}
