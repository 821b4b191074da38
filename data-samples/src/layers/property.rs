//! Fastighet: parcels, buildings and addresses, and the land, water and trees of the map.

use serde_json::{Value, json};

use super::shapes::{
    area_m2, buffer, cross, empty_polygon, point, polygon, polygon_with_holes, quad, skerry_outline,
};
use super::{MADE_BY, ORIGIN, is_first, record, repeat_key, town_number};
use crate::formats::Kind::{Integer, Real, Text};
use crate::formats::{Attribute, Record};
use crate::ground::{INLAND_END_M, WIDTH_M};
use crate::plan::{BREAKWATER, JETTIES, Use};
use crate::plane::round2;
use crate::terrain::{SKERRIES, STREAM_HALF_WIDTH_M, stream_along_m};
use crate::town::Town;

pub(crate) const PARCELS: &[Attribute] = &[
    ("objekt_id", Text),
    ("beteckning", Text),
    ("areal_m2", Integer),
    ("agartyp", Text),
    ORIGIN,
    MADE_BY,
];

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
        gone.geometry = Some(empty_polygon());
        gone.values[0] = json!("B90001");
        gone.values[1] = json!("riven");
        records.push(gone);
    }
    records
}

pub(crate) const ADDRESSES: &[Attribute] = &[
    ("objekt_id", Text),
    ("adress", Text),
    ("postnr", Text),
    ("postort", Text),
    ("fastighet", Text),
    ORIGIN,
    MADE_BY,
];

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
        repeat_key(&mut records, 90);
    }
    records
}

pub(crate) const WATER_AREAS: &[Attribute] = &[
    ("objekt_id", Text),
    ("namn", Text),
    ("typ", Text),
    ORIGIN,
    MADE_BY,
];

pub(crate) fn water_areas(town: &Town) -> Vec<Record> {
    let [west, south] = town.terrain.origin;
    let mut ring = vec![[west, south], [west + WIDTH_M, south]];
    let mut along = WIDTH_M;
    while along >= 0.0 {
        ring.push(town.terrain.world_from_town([along, 0.0]));
        along -= 8.0;
    }
    let holes = SKERRIES.map(|skerry| skerry_outline(town, &skerry, -1.0));
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
            polygon_with_holes(&ring, &holes),
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

pub(crate) const LAND_COVER: &[Attribute] = &[("objekt_id", Text), ("typ", Text), ORIGIN, MADE_BY];

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
    for skerry in &SKERRIES {
        add(polygon(&skerry_outline(town, skerry, 1.0)), "häll");
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

pub(crate) const TREES: &[Attribute] = &[
    ("objekt_id", Text),
    ("art", Text),
    ("hojd_m", Real),
    ("krondiameter_m", Real),
    ORIGIN,
    MADE_BY,
];

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
