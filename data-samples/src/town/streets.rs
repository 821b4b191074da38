//! The street network: links from crossing to crossing, and bridges over the stream.

use crate::plan::{
    ALONG_ENDS_M, BRIDGE_ROWS, COLUMN_STREETS, Class, PARK_PATHS, PROMENADE_M, ROW_STREETS,
    STREAM_GAP, half_carriageway_m,
};
use crate::plane::distance;
use crate::terrain::{stream_along_m, street_level_m};
use crate::town::Town;

/// Columns whose street goes on to the promenade at the water.
const PROMENADE_COLUMNS: [usize; 6] = [3, 4, 5, 6, 7, 8];

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

impl Town {
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

    /// Lays the links of all streets and paths.
    pub(super) fn lay_links(&mut self) {
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
}

/// Town coordinates as whole decimetres, which can be compared.
fn decimetres([a, b]: [f64; 2]) -> [i64; 2] {
    [(a * 10.0).round() as i64, (b * 10.0).round() as i64]
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

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
}
