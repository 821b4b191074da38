//! What stands in a district: links, parcels, buildings, trees, cars and lines.

use std::collections::{BTreeMap, BTreeSet};

use crate::ground::Material;
use crate::plan::{
    ALONG_ENDS_M, BRIDGE_ROWS, COLUMN_STREETS, Class, INLAND_ENDS_M, PARK_PATHS, PROMENADE_M, QUAY,
    ROW_STREETS, STREAM_GAP, StreetPlan, Use, block_use, half_carriageway_m, half_corridor_m,
};
use crate::plane::{distance, distance_to_segment, left_of, round2};
use crate::random::Random;
use crate::roof::{Building, RoofShape};
use crate::terrain::{SKERRIES, STREAM_HALF_WIDTH_M, Terrain, stream_along_m, street_level_m};

/// A link of the street network, from crossing to crossing.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) id: String,
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    /// Crossings at its ends, as whole decimetres of town coordinates.
    pub(crate) nodes: [[i64; 2]; 2],
    pub(crate) line: Vec<[f64; 2]>,
    pub(crate) is_bridge: bool,
}

impl Link {
    pub(crate) fn length_m(&self) -> f64 {
        self.line
            .windows(2)
            .map(|pair| distance(pair[0], pair[1]))
            .sum()
    }

    /// Returns the place at a measure and the direction of travel there.
    pub(crate) fn at(&self, measure_m: f64) -> ([f64; 2], [f64; 2]) {
        let mut left = measure_m;
        let last = self.line.len() - 2;
        for (i, pair) in self.line.windows(2).enumerate() {
            let length = distance(pair[0], pair[1]);
            if left <= length || i == last {
                let d = [
                    (pair[1][0] - pair[0][0]) / length,
                    (pair[1][1] - pair[0][1]) / length,
                ];
                return ([pair[0][0] + d[0] * left, pair[0][1] + d[1] * left], d);
            }
            left -= length;
        }
        (self.line[0], [1.0, 0.0])
    }
}

/// A piece of the plan with straight edges in town coordinates.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) name: String,
    pub(crate) cover: &'static str,
    pub(crate) ring: Vec<[f64; 2]>,
    /// West, south, east and north edge in town decimetres.
    pub(crate) edges: [i64; 4],
    pub(crate) used_for: Option<Use>,
}

#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pub(crate) at: [f64; 2],
    pub(crate) height_m: f64,
    pub(crate) crown_radius_m: f64,
    pub(crate) is_conifer: bool,
    pub(crate) base_m: f64,
    pub(crate) species: &'static str,
}

#[derive(Debug, Clone)]
pub(crate) struct Car {
    pub(crate) at: [f64; 2],
    pub(crate) along: [f64; 2],
    pub(crate) half_length_m: f64,
    pub(crate) half_width_m: f64,
    pub(crate) height_m: f64,
    pub(crate) base_m: f64,
}

/// An address: a house number at the street side of a parcel.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) at: [f64; 2],
    pub(crate) street: &'static str,
    pub(crate) number: u32,
    pub(crate) parcel: String,
}

/// A power line: masts and the wires between them.
#[derive(Debug, Clone)]
pub(crate) struct PowerLine {
    pub(crate) masts: Vec<[f64; 3]>,
    pub(crate) mast_height_m: f64,
    pub(crate) wire_offsets_m: [f64; 3],
    pub(crate) sag_m: f64,
}

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

/// Names of blocks, in the manner of Swedish towns.
const BLOCK_NAMES: [&str; 91] = [
    "ABBORREN",
    "ALMEN",
    "ANKARET",
    "ASPEN",
    "BAGAREN",
    "BERGUVEN",
    "BIKUPAN",
    "BJÖRKEN",
    "BLÅBÄRET",
    "BLÅKLOCKAN",
    "BOFINKEN",
    "BRYGGAREN",
    "BÅTSMANNEN",
    "BÄVERN",
    "DELFINEN",
    "DOMHERREN",
    "DRAKEN",
    "DUVAN",
    "EJDERN",
    "EKEN",
    "EKORREN",
    "ENEN",
    "FALKEN",
    "FISKMÅSEN",
    "FYREN",
    "FÄRGAREN",
    "FÄRJAN",
    "GARVAREN",
    "GJUTAREN",
    "GLADAN",
    "GRANEN",
    "GRÄVLINGEN",
    "GÄDDAN",
    "GÖKEN",
    "HAJEN",
    "HASSELN",
    "HAVSÖRNEN",
    "HERMELINEN",
    "HJORTEN",
    "HUMLAN",
    "HÄGGEN",
    "IGELKOTTEN",
    "JÄRVEN",
    "KAJAN",
    "KANTARELLEN",
    "KAPTENEN",
    "KASTANJEN",
    "KOMPASSEN",
    "KOPPARSLAGAREN",
    "KORPEN",
    "KRONAN",
    "KRÄFTAN",
    "KVARNEN",
    "LAXEN",
    "LINDEN",
    "LODJURET",
    "LOTSEN",
    "LÄRKAN",
    "LÖNNEN",
    "MAKRILLEN",
    "MASTEN",
    "MURAREN",
    "MÅRDEN",
    "MÄSTAREN",
    "NORNAN",
    "OXELN",
    "PILEN",
    "RENEN",
    "RODRET",
    "ROTTINGEN",
    "RÅDMANNEN",
    "RÄVEN",
    "RÖDHAKEN",
    "RÖNNEN",
    "SADELMAKAREN",
    "SALTAREN",
    "SEGLET",
    "SIKEN",
    "SJÖMANNEN",
    "SKATAN",
    "SKEPPAREN",
    "SMEDEN",
    "SNICKAREN",
    "STORKEN",
    "SVALAN",
    "TALLEN",
    "TÄRNAN",
    "UTTERN",
    "VARGEN",
    "VÅGEN",
    "ÖRNEN",
];

/// Columns whose street goes on to the promenade at the water.
const PROMENADE_COLUMNS: [usize; 6] = [3, 4, 5, 6, 7, 8];

impl Town {
    pub(crate) fn new(seed: u64, prefix: String, origin: [f64; 2]) -> Town {
        let terrain = Terrain::new(origin, StreetPlan::new(seed));
        let mut town = Town {
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
            power_line: PowerLine {
                masts: Vec::new(),
                mast_height_m: 15.0,
                wire_offsets_m: [-1.6, 0.0, 1.6],
                sag_m: 1.8,
            },
        };
        town.lay_links();
        town.divide_land();
        town.build();
        town.park_cars();
        town.plant();
        town.raise_power_line();
        town
    }

    /// Returns the elevation of a bridge above a place, if there is one.
    pub(crate) fn bridge_elevation_m(&self, town: [f64; 2]) -> Option<f64> {
        let [along, inland] = town;
        if (along - stream_along_m(inland)).abs() > 9.5 {
            return None;
        }
        BRIDGE_ROWS
            .iter()
            .map(|&row| &ROW_STREETS[row])
            .find(|street| (inland - street.at_m).abs() < half_carriageway_m(street.class) + 1.8)
            .map(|street| street_level_m([along, street.at_m]))
    }

    fn lay_links(&mut self) {
        let mut planned: Vec<(&'static str, Class, [f64; 2], [f64; 2])> = Vec::new();
        for (row, street) in ROW_STREETS.iter().enumerate() {
            let mut ends = vec![ALONG_ENDS_M[0]];
            ends.extend(COLUMN_STREETS.iter().map(|column| column.at_m));
            ends.push(ALONG_ENDS_M[1]);
            for (stretch, pair) in ends.windows(2).enumerate() {
                if self.terrain.streets.rows[row][stretch] {
                    planned.push((
                        street.name,
                        street.class,
                        [pair[0], street.at_m],
                        [pair[1], street.at_m],
                    ));
                }
            }
        }
        for (column, street) in COLUMN_STREETS.iter().enumerate() {
            for (stretch, pair) in ROW_STREETS.windows(2).enumerate() {
                if self.terrain.streets.columns[column][stretch] {
                    planned.push((
                        street.name,
                        street.class,
                        [street.at_m, pair[0].at_m],
                        [street.at_m, pair[1].at_m],
                    ));
                }
            }
        }
        for column in PROMENADE_COLUMNS {
            let street = &COLUMN_STREETS[column];
            planned.push((
                "Kajgränd",
                Class::Path,
                [street.at_m, PROMENADE_M],
                [street.at_m, ROW_STREETS[0].at_m],
            ));
        }
        for pair in PROMENADE_COLUMNS.windows(2) {
            let (from, to) = (&COLUMN_STREETS[pair[0]], &COLUMN_STREETS[pair[1]]);
            planned.push((
                "Strandpromenaden",
                Class::Path,
                [from.at_m, PROMENADE_M],
                [to.at_m, PROMENADE_M],
            ));
        }
        for (from, to, name) in PARK_PATHS {
            planned.push((
                name,
                Class::Path,
                [COLUMN_STREETS[from[0]].at_m, ROW_STREETS[from[1]].at_m],
                [COLUMN_STREETS[to[0]].at_m, ROW_STREETS[to[1]].at_m],
            ));
        }
        for (i, (name, class, from, to)) in planned.into_iter().enumerate() {
            let steps = (distance(from, to) / 7.0).ceil().max(1.0);
            let is_path = from[0] != to[0] && from[1] != to[1];
            let line: Vec<[f64; 2]> = (0..=steps as usize)
                .map(|step| {
                    let t = step as f64 / steps;
                    // Paths through parks wind.
                    let wind = if is_path {
                        7.0 * libm::sin(t * 2.0 * std::f64::consts::PI)
                    } else {
                        0.0
                    };
                    self.terrain.world_from_town([
                        from[0] + (to[0] - from[0]) * t + wind,
                        from[1] + (to[1] - from[1]) * t - wind,
                    ])
                })
                .collect();
            let on_row = from[1] == to[1];
            let crosses = from[0] <= COLUMN_STREETS[STREAM_GAP].at_m
                && to[0] >= COLUMN_STREETS[STREAM_GAP + 1].at_m;
            self.links.push(Link {
                id: format!("{}L{:04}", self.prefix, i + 1),
                name,
                class,
                nodes: [decimetres(from), decimetres(to)],
                line,
                is_bridge: on_row && crosses && class != Class::Path,
            });
        }
    }

    /// Divides the land into parcels and covers that meet edge to edge: no gap, no overlap.
    fn divide_land(&mut self) {
        let along = bands(
            ALONG_ENDS_M,
            COLUMN_STREETS
                .iter()
                .map(|s| (s.at_m, half_corridor_m(s.class))),
        );
        let inland = bands(
            INLAND_ENDS_M,
            ROW_STREETS
                .iter()
                .map(|s| (s.at_m, half_corridor_m(s.class))),
        );
        let mut pieces: Vec<Piece> = Vec::new();
        let mut covers: Vec<Piece> = Vec::new();
        let piece = |name: String, cover, edges, used_for| Piece {
            name,
            cover,
            ring: Vec::new(),
            edges,
            used_for,
        };
        let mut street_count = 0;
        let mut park_count = 0;
        let mut block_count = 0;
        let mut random = Random::new(self.seed, "parcels");
        for j in 0..inland.len() - 1 {
            let mut run: Option<[i64; 4]> = None;
            for i in 0..along.len() - 1 {
                let edges = [along[i], inland[j], along[i + 1], inland[j + 1]];
                // Even bands lie between streets, odd ones are streets.
                let is_street = match (i % 2 == 1, j % 2 == 1) {
                    (true, true) => self.terrain.streets.has_crossing(i / 2, j / 2),
                    (false, true) => self.terrain.streets.rows[j / 2][i / 2],
                    (true, false) => {
                        j >= 2
                            && j / 2 < ROW_STREETS.len()
                            && self.terrain.streets.columns[i / 2][j / 2 - 1]
                    }
                    (false, false) => false,
                };
                if j % 2 == 1 {
                    if is_street {
                        run = Some(match run {
                            Some(open) => [open[0], open[1], edges[2], open[3]],
                            None => edges,
                        });
                    }
                    let ends = !is_street || i + 2 == along.len();
                    if let (true, Some(edges)) = (ends, run) {
                        street_count += 1;
                        let name = format!("SAMPELSTAD GATAN 1:{street_count}");
                        pieces.push(piece(name.clone(), "gata", edges, None));
                        covers.push(piece(name, "gata", edges, None));
                        run = None;
                    }
                    if is_street {
                        continue;
                    }
                } else if is_street {
                    street_count += 1;
                    let name = format!("SAMPELSTAD GATAN 1:{street_count}");
                    pieces.push(piece(name.clone(), "gata", edges, None));
                    covers.push(piece(name, "gata", edges, None));
                    continue;
                }
                let is_block = i % 2 == 0
                    && j % 2 == 0
                    && (2..along.len() - 2).contains(&i)
                    && (2..inland.len() - 2).contains(&j);
                if !is_block {
                    park_count += 1;
                    let middle = (edges[0] + edges[2]) as f64 / 20.0;
                    let cover = if j == 0 {
                        if (QUAY[0]..QUAY[1]).contains(&middle) {
                            "kaj"
                        } else {
                            "strand"
                        }
                    } else if j + 2 == inland.len() || borders_wood(i, j) {
                        "skog"
                    } else {
                        "grönområde"
                    };
                    let name = format!("SAMPELSTAD ALLMÄNNINGEN 2:{park_count}");
                    pieces.push(piece(name.clone(), cover, edges, None));
                    covers.push(piece(name, cover, edges, None));
                    continue;
                }
                let (column, row) = (i / 2 - 1, j / 2 - 1);
                let used_for = block_use(column, row);
                let block = BLOCK_NAMES[block_count % BLOCK_NAMES.len()];
                block_count += 1;
                let cover = match used_for {
                    Use::Centre => "kvarter",
                    Use::Villas => "trädgård",
                    Use::Flats => "bostadsgård",
                    Use::Works => "industri",
                    Use::School => "skolgård",
                    Use::Church => "kyrkogård",
                    Use::Square => "torg",
                    Use::Park => "park",
                    Use::Pitch => "idrottsplats",
                    Use::Wood => "skog",
                };
                covers.push(piece(
                    format!("SAMPELSTAD {block}"),
                    cover,
                    edges,
                    Some(used_for),
                ));
                let (across, deep) = match used_for {
                    Use::Villas => (4, 2),
                    Use::Centre => (3 + random.below(2) as i64, 2),
                    Use::Flats | Use::Works => (1, 2),
                    _ => (1, 1),
                };
                let mut number = 0;
                for v in 0..deep {
                    for u in 0..across {
                        number += 1;
                        let split = |low: i64, high: i64, part: i64, parts: i64| {
                            low + (high - low) * part / parts
                        };
                        pieces.push(piece(
                            format!("SAMPELSTAD {block} {number}"),
                            cover,
                            [
                                split(edges[0], edges[2], u, across),
                                split(edges[1], edges[3], v, deep),
                                split(edges[0], edges[2], u + 1, across),
                                split(edges[1], edges[3], v + 1, deep),
                            ],
                            Some(used_for),
                        ));
                    }
                }
            }
        }
        self.parcels = self.with_rings(pieces);
        self.covers = self.with_rings(covers);
    }

    /// Gives pieces their outlines. Every corner that lies on an edge of a neighbour is
    /// a corner of the neighbour too, so that the bent edges meet exactly.
    fn with_rings(&self, mut pieces: Vec<Piece>) -> Vec<Piece> {
        const STEP_DM: i64 = 100;
        let mut on_inland: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
        let mut on_along: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
        for piece in &pieces {
            let [west, south, east, north] = piece.edges;
            for inland in [south, north] {
                let knots = on_inland.entry(inland).or_default();
                knots.extend([west, east]);
                knots.extend((west / STEP_DM + 1..=east / STEP_DM).map(|k| k * STEP_DM));
            }
            for along in [west, east] {
                let knots = on_along.entry(along).or_default();
                knots.extend([south, north]);
                knots.extend((south / STEP_DM + 1..=north / STEP_DM).map(|k| k * STEP_DM));
            }
        }
        for piece in &mut pieces {
            let [west, south, east, north] = piece.edges;
            let mut corners: Vec<[i64; 2]> = Vec::new();
            corners.extend(on_inland[&south].range(west..east).map(|&a| [a, south]));
            corners.extend(on_along[&east].range(south..north).map(|&b| [east, b]));
            corners.extend(
                on_inland[&north]
                    .range(west + 1..=east)
                    .rev()
                    .map(|&a| [a, north]),
            );
            corners.extend(
                on_along[&west]
                    .range(south + 1..=north)
                    .rev()
                    .map(|&b| [west, b]),
            );
            piece.ring = corners
                .into_iter()
                .map(|[a, b]| {
                    self.terrain
                        .world_from_town([a as f64 / 10.0, b as f64 / 10.0])
                })
                .collect();
        }
        pieces
    }

    fn build(&mut self) {
        let mut random = Random::new(self.seed, "buildings");
        let parcels = std::mem::take(&mut self.parcels);
        let mut numbers: BTreeMap<&'static str, u32> = BTreeMap::new();
        for parcel in &parcels {
            let [west, south, east, north] = parcel.edges.map(|edge| edge as f64 / 10.0);
            let Some(used_for) = parcel.used_for else {
                continue;
            };
            let row = ROW_STREETS
                .iter()
                .filter(|street| street.at_m < south)
                .count();
            let block_south = row > 0 && south - ROW_STREETS[row - 1].at_m < 9.0;
            // 1 where the street lies to the south, -1 where it lies to the north.
            let side = if block_south { 1.0 } else { -1.0 };
            let front = if block_south { south } else { north };
            let street = if block_south {
                &ROW_STREETS[row - 1]
            } else {
                &ROW_STREETS[row.min(ROW_STREETS.len() - 1)]
            };
            let width = east - west;
            let middle = (west + east) / 2.0;
            let before = self.buildings.len();
            match used_for {
                Use::Villas => {
                    if random.chance(0.04) {
                        continue;
                    }
                    let half_length = random.between(5.2, 6.6);
                    let half_width = random.between(3.6, 4.6);
                    let setback = random.between(6.0, 8.0);
                    let place = [
                        middle + random.between(-1.5, 1.0),
                        front + side * (setback + half_width),
                    ];
                    let shape = *random.pick(&[
                        RoofShape::Gable,
                        RoofShape::Gable,
                        RoofShape::Gable,
                        RoofShape::Hip,
                        RoofShape::Flat,
                        RoofShape::Ell,
                    ]);
                    let storeys = 1 + random.below(2) as u32;
                    let slope = random.between(0.5, 0.95);
                    let mut house =
                        self.building(place, side, half_length, half_width, shape, &parcel.name);
                    house.wing_length_m = if shape == RoofShape::Ell { 3.2 } else { 0.0 };
                    if shape == RoofShape::Ell {
                        house.half_width_m = 3.4;
                    }
                    house.storeys = storeys;
                    house.eaves_height_m = round2(0.4 + 2.75 * f64::from(storeys));
                    house.slope = if shape == RoofShape::Flat {
                        0.0
                    } else {
                        round2(slope)
                    };
                    house.purpose = "småhus";
                    house.built_year = 1924 + random.below(99) as i32;
                    if random.chance(0.25) && shape != RoofShape::Ell {
                        // Gable to the street.
                        std::mem::swap(&mut house.along, &mut house.across);
                    }
                    self.add_building(house);
                    if random.chance(0.45) {
                        let at = [west + 3.2, front + side * random.between(20.0, 26.0)];
                        let shape = if random.chance(0.5) {
                            RoofShape::Flat
                        } else {
                            RoofShape::Gable
                        };
                        let mut garage = self.building(at, side, 3.1, 2.2, shape, &parcel.name);
                        garage.eaves_height_m = 2.4;
                        garage.slope = if shape == RoofShape::Flat { 0.0 } else { 0.45 };
                        garage.purpose = "komplementbyggnad";
                        garage.built_year = 1958 + random.below(66) as i32;
                        self.add_building(garage);
                    }
                }
                Use::Centre => {
                    let half_width = random.between(5.0, 6.0);
                    let is_west = self.is_block_end(west, true);
                    let is_east = self.is_block_end(east, false);
                    let storeys = 2 + random.below(3) as u32;
                    let place = [middle, front + side * (1.2 + half_width)];
                    let shape = if is_west || is_east {
                        RoofShape::Ell
                    } else {
                        *random.pick(&[
                            RoofShape::Gable,
                            RoofShape::Gable,
                            RoofShape::Flat,
                            RoofShape::Hip,
                        ])
                    };
                    let mut house = self.building(
                        place,
                        side,
                        width / 2.0 - 0.6,
                        half_width,
                        shape,
                        &parcel.name,
                    );
                    if shape == RoofShape::Ell {
                        house.wing_length_m = random.between(7.0, 11.0);
                        // The second wing stands along the side street.
                        if is_west {
                            house.along = [-house.along[0], -house.along[1]];
                        }
                    }
                    house.storeys = storeys;
                    house.eaves_height_m = round2(0.8 + 3.2 * f64::from(storeys));
                    house.slope = if shape == RoofShape::Flat {
                        0.0
                    } else {
                        round2(random.between(0.55, 0.85))
                    };
                    house.purpose =
                        *random.pick(&["flerbostadshus", "handel och bostäder", "kontor"]);
                    house.built_year = 1884 + random.below(136) as i32;
                    self.add_building(house);
                    if random.chance(0.5) {
                        let at = [middle, front + side * 27.0];
                        let mut shed =
                            self.building(at, side, 4.0, 2.6, RoofShape::Flat, &parcel.name);
                        shed.eaves_height_m = 3.0;
                        shed.purpose = "komplementbyggnad";
                        shed.built_year = 1970;
                        self.add_building(shed);
                    }
                }
                Use::Flats => {
                    let storeys = 3 + random.below(3) as u32;
                    let shape = if random.chance(0.6) {
                        RoofShape::Flat
                    } else {
                        RoofShape::Hip
                    };
                    let count = if random.chance(0.3) { 2 } else { 1 };
                    for k in 0..count {
                        let (at, half_length, half_width, storeys) = if count == 2 {
                            (
                                [
                                    west + width * (0.27 + 0.46 * f64::from(k)),
                                    front + side * 16.0,
                                ],
                                9.5,
                                9.5,
                                storeys + 3,
                            )
                        } else {
                            ([middle, front + side * 15.0], width * 0.4, 6.0, storeys)
                        };
                        let mut slab =
                            self.building(at, side, half_length, half_width, shape, &parcel.name);
                        slab.storeys = storeys;
                        slab.eaves_height_m = round2(0.6 + 2.9 * f64::from(storeys));
                        slab.slope = if shape == RoofShape::Flat { 0.0 } else { 0.35 };
                        slab.purpose = "flerbostadshus";
                        slab.built_year =
                            if random.chance(0.3) { 2014 } else { 1955 } + random.below(11) as i32;
                        self.add_building(slab);
                    }
                }
                Use::Works => {
                    let shape = if random.chance(0.5) {
                        RoofShape::Flat
                    } else {
                        RoofShape::Gable
                    };
                    let mut hall = self.building(
                        [middle - 4.0, front + side * 15.0],
                        side,
                        width * 0.36,
                        11.0,
                        shape,
                        &parcel.name,
                    );
                    hall.eaves_height_m = 7.2;
                    hall.slope = if shape == RoofShape::Flat { 0.0 } else { 0.18 };
                    hall.purpose = "industri";
                    hall.built_year = 1961 + random.below(50) as i32;
                    self.add_building(hall);
                }
                Use::School => {
                    let mut school = self.building(
                        [middle, south + 17.0],
                        1.0,
                        width * 0.36,
                        6.5,
                        RoofShape::Ell,
                        &parcel.name,
                    );
                    school.wing_length_m = 20.0;
                    school.eaves_height_m = 7.4;
                    school.storeys = 2;
                    school.slope = 0.5;
                    school.purpose = "skola";
                    school.built_year = 1937;
                    self.add_building(school);
                    let mut hall = self.building(
                        [west + 17.0, north - 16.0],
                        1.0,
                        11.0,
                        9.0,
                        RoofShape::Flat,
                        &parcel.name,
                    );
                    hall.eaves_height_m = 8.1;
                    hall.purpose = "idrottshall";
                    hall.built_year = 1974;
                    self.add_building(hall);
                }
                Use::Church => {
                    let centre = [middle + 4.0, (south + north) / 2.0];
                    let mut nave =
                        self.building(centre, 1.0, 16.0, 6.2, RoofShape::Gable, &parcel.name);
                    nave.eaves_height_m = 9.0;
                    nave.slope = 1.2;
                    nave.purpose = "kyrka";
                    nave.built_year = 1797;
                    let mut tower = nave.clone();
                    tower.half_length_m = 3.8;
                    tower.half_width_m = 3.8;
                    tower.centre = nave.world_from_own([-16.0 - 3.8, 0.0]);
                    tower.shape = RoofShape::Hip;
                    tower.eaves_height_m = 23.0;
                    tower.slope = 3.4;
                    let mut chancel = nave.clone();
                    chancel.centre = nave.world_from_own([16.0 + 4.0, 0.0]);
                    chancel.half_length_m = 4.0;
                    chancel.half_width_m = 4.4;
                    chancel.eaves_height_m = 7.5;
                    self.add_building(nave);
                    self.add_building(tower);
                    self.add_building(chancel);
                }
                Use::Square => {
                    let mut hall = self.building(
                        [middle, north - 8.5],
                        -1.0,
                        width * 0.36,
                        6.5,
                        RoofShape::Hip,
                        &parcel.name,
                    );
                    hall.eaves_height_m = 10.5;
                    hall.storeys = 3;
                    hall.slope = 0.8;
                    hall.purpose = "rådhus";
                    hall.built_year = 1868;
                    self.add_building(hall);
                    let mut kiosk = self.building(
                        [middle - 18.0, south + 14.0],
                        1.0,
                        2.5,
                        2.5,
                        RoofShape::Hip,
                        &parcel.name,
                    );
                    kiosk.eaves_height_m = 2.6;
                    kiosk.slope = 0.7;
                    kiosk.purpose = "kiosk";
                    kiosk.built_year = 1931;
                    self.add_building(kiosk);
                }
                Use::Pitch => {
                    let mut stand = self.building(
                        [middle, north - 5.0],
                        -1.0,
                        16.0,
                        2.6,
                        RoofShape::Flat,
                        &parcel.name,
                    );
                    stand.eaves_height_m = 5.0;
                    stand.purpose = "läktare";
                    stand.built_year = 1986;
                    self.add_building(stand);
                }
                Use::Park | Use::Wood => {}
            }
            if self.buildings.len() > before {
                let number = numbers.entry(street.name).or_insert(0);
                *number += 2;
                self.addresses.push(Address {
                    at: self.terrain.world_from_town([middle, front + side * 2.0]),
                    street: street.name,
                    number: if block_south { *number } else { *number - 1 },
                    parcel: parcel.name.clone(),
                });
            }
        }
        self.parcels = parcels;
        // Red boathouses between the beach and the quay, with a gap for the path.
        for k in (0..9).filter(|k| *k != 4) {
            let mut boathouse = self.building(
                [338.0 + 11.5 * f64::from(k), 22.0],
                1.0,
                3.2,
                2.4,
                RoofShape::Gable,
                "SAMPELSTAD STRANDEN 1:1",
            );
            std::mem::swap(&mut boathouse.along, &mut boathouse.across);
            boathouse.eaves_height_m = 2.5;
            boathouse.slope = 0.9;
            boathouse.purpose = "sjöbod";
            boathouse.built_year = 1906 + k;
            self.add_building(boathouse);
        }
    }

    fn is_block_end(&self, along: f64, west: bool) -> bool {
        COLUMN_STREETS.iter().any(|street| {
            let edge = if west {
                street.at_m + half_corridor_m(street.class)
            } else {
                street.at_m - half_corridor_m(street.class)
            };
            (edge - along).abs() < 0.2
        })
    }

    /// A building that faces a street to the south (`side` 1) or north (-1); the caller
    /// fills in what is not the same for all.
    fn building(
        &self,
        place: [f64; 2],
        side: f64,
        half_length_m: f64,
        half_width_m: f64,
        shape: RoofShape,
        parcel: &str,
    ) -> Building {
        let along = self.terrain.along_direction(place);
        let centre = self.terrain.world_from_town(place);
        Building {
            id: String::new(),
            centre: [round2(centre[0]), round2(centre[1])],
            along,
            across: [-along[1] * side, along[0] * side],
            half_length_m: round2(half_length_m),
            half_width_m: round2(half_width_m),
            wing_length_m: 0.0,
            shape,
            base_m: 0.0,
            eaves_height_m: 3.0,
            slope: 0.0,
            purpose: "",
            storeys: 1,
            built_year: 1950,
            parcel: parcel.to_owned(),
        }
    }

    fn add_building(&mut self, mut building: Building) {
        building.id = format!("{}B{:05}", self.prefix, self.buildings.len() + 1);
        let foot = building.footprint();
        let sum: f64 = foot
            .iter()
            .map(|&corner| self.terrain.ground(corner).elevation_m)
            .sum();
        building.base_m = round2(sum / foot.len() as f64);
        self.buildings.push(building);
    }

    fn park_cars(&mut self) {
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
            let [west, south, east, north] = parcel.edges.map(|edge| edge as f64 / 10.0);
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

    fn plant(&mut self) {
        let mut random = Random::new(self.seed, "trees");
        // Avenues.
        let mut planted: Vec<([f64; 2], f64, bool)> = Vec::new();
        let mut along = 340.0;
        while along < 880.0 {
            for off in [-6.4, 6.4] {
                if COLUMN_STREETS
                    .iter()
                    .all(|street| (street.at_m - along).abs() > 9.0)
                {
                    planted.push((
                        [along, ROW_STREETS[0].at_m + off],
                        random.between(8.0, 11.0),
                        false,
                    ));
                }
            }
            along += 11.0;
        }
        let mut inland = 60.0;
        while inland < 350.0 {
            for off in [-5.6, 5.6] {
                if ROW_STREETS
                    .iter()
                    .all(|street| (street.at_m - inland).abs() > 10.0)
                {
                    planted.push((
                        [COLUMN_STREETS[6].at_m + off, inland],
                        random.between(7.0, 10.0),
                        false,
                    ));
                }
            }
            inland += 12.0;
        }
        for cover in &self.covers {
            let [west, south, east, north] = cover.edges.map(|edge| edge as f64 / 10.0);
            let (spacing, margin, keep, conifer, low, high) = match (cover.used_for, cover.cover) {
                (Some(Use::Wood), _) | (None, "skog") => (5.6, 1.5, 0.86, 0.75, 9.0, 23.0),
                (Some(Use::Park), _) => (8.0, 3.5, 0.55, 0.15, 7.0, 19.0),
                (Some(Use::Church), _) => (11.0, 3.0, 0.4, 0.1, 9.0, 18.0),
                (Some(Use::Villas), _) => (9.5, 2.0, 0.30, 0.3, 3.5, 12.0),
                (Some(Use::Flats), _) => (10.0, 3.0, 0.3, 0.2, 4.0, 13.0),
                (Some(Use::Centre), _) => (10.0, 16.0, 0.35, 0.0, 5.0, 10.0),
                (Some(Use::School), _) => (10.0, 3.0, 0.2, 0.1, 6.0, 14.0),
                (Some(Use::Pitch), _) => (8.0, 1.0, 0.9, 0.0, 6.0, 11.0),
                (None, "grönområde") => (8.0, 1.5, 0.4, 0.4, 5.0, 14.0),
                _ => continue,
            };
            let mut b = south + margin;
            while b < north - margin {
                let mut a = west + margin;
                while a < east - margin {
                    let inner = (a - west).min(east - a).min(b - south).min(north - b);
                    let wanted = cover.used_for != Some(Use::Pitch) || inner < 6.0;
                    if random.chance(keep) && wanted {
                        let jitter = spacing * 0.38;
                        let place = [
                            a + random.between(-jitter, jitter),
                            b + random.between(-jitter, jitter),
                        ];
                        let height = random.between(low, high);
                        let is_conifer = random.chance(conifer);
                        planted.push((place, height, is_conifer));
                    }
                    a += spacing;
                }
                b += spacing;
            }
        }
        for (place, height, is_conifer) in planted {
            self.plant_tree(
                self.terrain.world_from_town(place),
                height,
                is_conifer,
                &mut random,
            );
        }
        for skerry in &SKERRIES[..1] {
            for _ in 0..46 {
                let at = [
                    self.terrain.origin[0]
                        + skerry.centre[0]
                        + random.between(-0.6, 0.6) * skerry.radius_m,
                    self.terrain.origin[1]
                        + skerry.centre[1]
                        + random.between(-0.6, 0.6) * skerry.radius_m,
                ];
                let height = random.between(5.0, 11.0);
                self.plant_tree(at, height, true, &mut random);
            }
        }
    }

    fn plant_tree(&mut self, at: [f64; 2], height_m: f64, is_conifer: bool, random: &mut Random) {
        let species = if is_conifer {
            *random.pick(&["gran", "tall", "tall"])
        } else {
            *random.pick(&["lind", "lönn", "björk", "rönn", "ek", "oxel"])
        };
        let town = self.terrain.town_from_world(at);
        let ground = self.terrain.ground(at);
        let crown_radius_m = height_m * if is_conifer { 0.16 } else { 0.27 };
        let off_stream = (town[0] - stream_along_m(town[1])).abs();
        let in_the_way = ground.material == Material::Water
            || ground.material == Material::Asphalt
            || (town[1] > 0.0 && off_stream < STREAM_HALF_WIDTH_M + 2.0)
            || (town[0] - POWER_LINE_ALONG_M).abs() < 5.0 + crown_radius_m
                && town[1] < 640.0
                && town[1] > 40.0
            || self
                .buildings
                .iter()
                .any(|b| distance_to_building(b, at) < crown_radius_m.min(2.6) + 0.4)
            || self
                .links
                .iter()
                .filter(|link| link.class == Class::Path)
                .any(|link| {
                    link.line
                        .windows(2)
                        .any(|pair| distance_to_segment(at, pair[0], pair[1]) < 2.2)
                });
        if in_the_way {
            return;
        }
        self.trees.push(Tree {
            at: [round2(at[0]), round2(at[1])],
            height_m: round2(height_m),
            crown_radius_m: round2(crown_radius_m),
            is_conifer,
            base_m: ground.elevation_m,
            species,
        });
    }

    fn raise_power_line(&mut self) {
        for k in 0..11 {
            let inland = 62.0 + 57.0 * f64::from(k);
            let at = self.terrain.world_from_town([POWER_LINE_ALONG_M, inland]);
            let base = self.terrain.ground(at).elevation_m;
            self.power_line.masts.push([at[0], at[1], base]);
        }
    }
}

/// Where the power line runs, in the park along the stream.
const POWER_LINE_ALONG_M: f64 = 286.0;

/// Returns how far a place is from a building's plan; 0 within. The ell counts as its hull.
pub(crate) fn distance_to_building(building: &Building, world: [f64; 2]) -> f64 {
    let reach = building.half_length_m + building.half_width_m + building.wing_length_m + 8.0;
    if (world[0] - building.centre[0]).abs() > reach
        || (world[1] - building.centre[1]).abs() > reach
    {
        return f64::INFINITY;
    }
    let [p, q] = building.own_from_world(world);
    let dp = (p.abs() - building.half_length_m).max(0.0);
    let dq = (q - building.half_width_m - building.wing_length_m)
        .max(-building.half_width_m - q)
        .max(0.0);
    (dp * dp + dq * dq).sqrt()
}

/// Returns whether a cell of the plan touches a block that is a wood.
fn borders_wood(i: usize, j: usize) -> bool {
    let mut neighbours = Vec::new();
    for i in [i.saturating_sub(1), i, i + 1] {
        for j in [j.saturating_sub(1), j, j + 1] {
            if i % 2 == 0 && j % 2 == 0 && i >= 2 && j >= 2 {
                neighbours.push((i / 2 - 1, j / 2 - 1));
            }
        }
    }
    neighbours.into_iter().any(|(column, row)| {
        column + 1 < COLUMN_STREETS.len()
            && row + 1 < ROW_STREETS.len()
            && block_use(column, row) == Use::Wood
    })
}

/// Edges of bands in decimetres: the ends, and both sides of every street between.
fn bands(ends: [f64; 2], streets: impl Iterator<Item = (f64, f64)>) -> Vec<i64> {
    let mut edges = vec![(ends[0] * 10.0) as i64];
    for (at, half) in streets {
        edges.push(((at - half) * 10.0).round() as i64);
        edges.push(((at + half) * 10.0).round() as i64);
    }
    edges.push((ends[1] * 10.0) as i64);
    edges
}

fn decimetres([a, b]: [f64; 2]) -> [i64; 2] {
    [(a * 10.0).round() as i64, (b * 10.0).round() as i64]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn town() -> Town {
        Town::new(crate::SEED, String::new(), crate::ORIGIN)
    }

    #[test]
    fn every_link_can_be_reached_from_every_other() {
        let town = town();
        assert!(
            (120..=200).contains(&town.links.len()),
            "{}",
            town.links.len()
        );
        let mut reached: BTreeSet<[i64; 2]> = BTreeSet::from([town.links[0].nodes[0]]);
        loop {
            let before = reached.len();
            for link in &town.links {
                if link.nodes.iter().any(|node| reached.contains(node)) {
                    reached.extend(link.nodes);
                }
            }
            if reached.len() == before {
                break;
            }
        }
        for link in &town.links {
            assert!(
                reached.contains(&link.nodes[0]),
                "{} {}",
                link.id,
                link.name
            );
        }
    }

    #[test]
    fn links_that_share_a_crossing_meet_to_the_millimetre() {
        let mut places: BTreeMap<[i64; 2], [f64; 2]> = BTreeMap::new();
        for link in town().links {
            for (node, place) in link
                .nodes
                .iter()
                .zip([link.line[0], *link.line.last().unwrap()])
            {
                let known = *places.entry(*node).or_insert(place);
                assert!(distance(known, place) < 1e-3, "{}", link.id);
            }
        }
    }

    #[test]
    fn parcels_and_covers_fill_the_land_without_gap_or_overlap() {
        let town = town();
        for pieces in [&town.parcels, &town.covers] {
            // Every edge inside the land belongs to two pieces, in opposite directions.
            let mut edges: BTreeMap<([i64; 2], [i64; 2]), u32> = BTreeMap::new();
            let key = |place: [f64; 2]| {
                [
                    (place[0] * 1e4).round() as i64,
                    (place[1] * 1e4).round() as i64,
                ]
            };
            for piece in pieces {
                for i in 0..piece.ring.len() {
                    let (a, b) = (
                        key(piece.ring[i]),
                        key(piece.ring[(i + 1) % piece.ring.len()]),
                    );
                    *edges.entry((a, b)).or_default() += 1;
                }
            }
            assert!(
                edges.values().all(|count| *count == 1),
                "an edge is there twice"
            );
            let outer = edges
                .keys()
                .filter(|(a, b)| !edges.contains_key(&(*b, *a)))
                .count();
            // The outline: 1200 m twice and 700 m twice, in steps of at most ten metres.
            assert!(
                (380..700).contains(&outer),
                "{outer} edges have one side only"
            );
        }
    }

    #[test]
    fn no_building_stands_on_another_or_in_a_carriageway() {
        let town = town();
        assert!(
            (400..=800).contains(&town.buildings.len()),
            "{}",
            town.buildings.len()
        );
        for building in &town.buildings {
            for other in &town.buildings {
                let overlaps =
                    building.id != other.id && other.roof_elevation_m(building.centre).is_some();
                assert!(!overlaps, "{} on {}", building.id, other.id);
            }
            let material = town.terrain.ground(building.centre).material;
            let place = town.terrain.town_from_world(building.centre);
            let on_street = ROW_STREETS
                .iter()
                .any(|street| (street.at_m - place[1]).abs() < 3.0)
                || COLUMN_STREETS
                    .iter()
                    .any(|street| (street.at_m - place[0]).abs() < 3.0);
            assert!(
                material != Material::Water && !on_street,
                "{} {material:?}",
                building.id
            );
        }
    }

    #[test]
    fn districts_of_a_city_share_no_keys() {
        let first = town();
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
