//! The land: parcels and land cover, cut along the streets and bent into the world.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{
    ALONG_ENDS_M, COLUMN_STREETS, INLAND_ENDS_M, QUAY, ROW_STREETS, Use, block_use, half_corridor_m,
};
use crate::random::Random;
use crate::town::Town;

/// A piece of the plan with straight edges in town coordinates.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) name: String,
    pub(crate) cover: &'static str,
    pub(crate) ring: Vec<[f64; 2]>,
    /// West, south, east and north edge in town decimetres.
    edges: [i64; 4],
    pub(crate) used_for: Option<Use>,
}

impl Piece {
    /// Returns the west, south, east and north edge in town coordinates.
    pub(crate) fn edges_m(&self) -> [f64; 4] {
        self.edges.map(|edge| edge as f64 / 10.0)
    }
}

/// Parcels and covers while the land is divided.
#[derive(Default)]
struct Division {
    parcels: Vec<Piece>,
    covers: Vec<Piece>,
    streets: u32,
    commons: u32,
}

impl Division {
    /// Adds a stretch of street, which is a parcel and a cover at once.
    fn add_street(&mut self, edges: [i64; 4]) {
        self.streets += 1;
        let name = format!("SAMPELSTAD GATAN 1:{}", self.streets);
        self.add_both(name, "gata", edges);
    }

    /// Adds a piece of the town's common land.
    fn add_common(&mut self, cover: &'static str, edges: [i64; 4]) {
        self.commons += 1;
        let name = format!("SAMPELSTAD ALLMÄNNINGEN 2:{}", self.commons);
        self.add_both(name, cover, edges);
    }

    fn add_both(&mut self, name: String, cover: &'static str, edges: [i64; 4]) {
        self.parcels.push(piece(name.clone(), cover, edges, None));
        self.covers.push(piece(name, cover, edges, None));
    }

    /// Adds a block: one cover, and the parcels that it is divided into.
    fn add_block(&mut self, block: &str, edges: [i64; 4], used_for: Use, random: &mut Random) {
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
        self.covers.push(piece(
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
        let split = |low: i64, high: i64, part: i64, parts: i64| low + (high - low) * part / parts;
        let mut number = 0;
        for v in 0..deep {
            for u in 0..across {
                number += 1;
                self.parcels.push(piece(
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

/// A piece that has no outline yet.
fn piece(name: String, cover: &'static str, edges: [i64; 4], used_for: Option<Use>) -> Piece {
    Piece {
        name,
        cover,
        ring: Vec::new(),
        edges,
        used_for,
    }
}

impl Town {
    /// Divides the land into parcels and covers that meet edge to edge: no gap, no overlap.
    pub(super) fn divide_land(&mut self) {
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
        let mut division = Division::default();
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
                        division.add_street(edges);
                        run = None;
                    }
                    if is_street {
                        continue;
                    }
                } else if is_street {
                    division.add_street(edges);
                    continue;
                }
                let is_block = i % 2 == 0
                    && j % 2 == 0
                    && (2..along.len() - 2).contains(&i)
                    && (2..inland.len() - 2).contains(&j);
                if !is_block {
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
                    division.add_common(cover, edges);
                    continue;
                }
                let (column, row) = (i / 2 - 1, j / 2 - 1);
                let used_for = block_use(column, row);
                let block = BLOCK_NAMES[block_count % BLOCK_NAMES.len()];
                block_count += 1;
                division.add_block(block, edges, used_for, &mut random);
            }
        }
        self.parcels = self.with_rings(division.parcels);
        self.covers = self.with_rings(division.covers);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parcels_and_covers_fill_the_land_without_gap_or_overlap() {
        let town = Town::new(crate::SEED, String::new(), crate::ORIGIN);
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
}
