//! The plan of the town in town coordinates: streets, and what each block is for.

use crate::ground::{INLAND_END_M, Material, WIDTH_M};
use crate::plane::distance_to_segment;
use crate::random::Random;

/// How important a street is, as the street department says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Main,
    Collector,
    Local,
    Path,
}

impl Class {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Class::Main => "huvudgata",
            Class::Collector => "uppsamlingsgata",
            Class::Local => "lokalgata",
            Class::Path => "gang_cykel",
        }
    }
}

/// Half the width of the carriageway.
pub(crate) fn half_carriageway_m(class: Class) -> f64 {
    match class {
        Class::Main => 4.5,
        Class::Collector => 3.75,
        Class::Local => 3.0,
        Class::Path => 1.5,
    }
}

/// Half the width of the strip that belongs to the street, pavements and verges included.
pub(crate) fn half_corridor_m(class: Class) -> f64 {
    match class {
        Class::Main => 8.0,
        Class::Collector => 7.0,
        Class::Local => 5.5,
        Class::Path => 2.5,
    }
}

/// A street that keeps one town coordinate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Street {
    pub(crate) name: &'static str,
    pub(crate) at_m: f64,
    pub(crate) class: Class,
}

const fn street(name: &'static str, at_m: f64, class: Class) -> Street {
    Street { name, at_m, class }
}

/// Streets along the shore; `at_m` is their `inland`.
pub(crate) const ROW_STREETS: [Street; 8] = [
    street("Strandvägen", 36.0, Class::Main),
    street("Storgatan", 114.0, Class::Collector),
    street("Kyrkogatan", 192.0, Class::Local),
    street("Skolgatan", 272.0, Class::Local),
    street("Ringvägen", 354.0, Class::Main),
    street("Bergsgatan", 438.0, Class::Local),
    street("Lingonstigen", 526.0, Class::Local),
    street("Utsiktsvägen", 614.0, Class::Local),
];

/// Streets from the shore; `at_m` is their `along`.
pub(crate) const COLUMN_STREETS: [Street; 14] = [
    street("Västra Infarten", 40.0, Class::Collector),
    street("Björkvägen", 125.0, Class::Local),
    street("Åvägen", 210.0, Class::Local),
    street("Östra Åvägen", 300.0, Class::Local),
    street("Färgaregatan", 385.0, Class::Local),
    street("Kvarngatan", 470.0, Class::Local),
    street("Drottninggatan", 555.0, Class::Collector),
    street("Rådhusgatan", 640.0, Class::Local),
    street("Hamngatan", 725.0, Class::Local),
    street("Sjömansgatan", 812.0, Class::Local),
    street("Östra Järnvägsgatan", 900.0, Class::Collector),
    street("Smedjegatan", 990.0, Class::Local),
    street("Hällvägen", 1080.0, Class::Local),
    street("Östra Infarten", 1160.0, Class::Collector),
];

/// The gap between two column streets in which the stream runs.
pub(crate) const STREAM_GAP: usize = 2;
/// Rows whose street crosses the stream on a bridge.
pub(crate) const BRIDGE_ROWS: [usize; 3] = [0, 2, 4];
/// From where to where the shore is a quay.
pub(crate) const QUAY: [f64; 2] = [452.0, 745.0];
/// The promenade's `inland`.
pub(crate) const PROMENADE_M: f64 = 12.0;

/// Corners of the breakwater's middle line.
pub(crate) const BREAKWATER: [[f64; 2]; 3] = [[796.0, 2.0], [788.0, -62.0], [716.0, -94.0]];
/// Jetties of the guest harbour: `along`, and how far they reach out.
pub(crate) const JETTIES: [[f64; 2]; 4] =
    [[650.0, 42.0], [676.0, 46.0], [702.0, 44.0], [728.0, 36.0]];

/// What a block is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Centre,
    Villas,
    Flats,
    Works,
    School,
    Church,
    Square,
    Park,
    Pitch,
    Wood,
}

/// Returns what the block between column streets `column`, `column` + 1 and row
/// streets `row`, `row` + 1 is for.
pub(crate) fn block_use(column: usize, row: usize) -> Use {
    match (column, row) {
        (STREAM_GAP, _) => Use::Park,
        (6, 1) => Use::Square,
        (5, 2) => Use::Church,
        (8, 2) => Use::Park,
        (8, 3) => Use::Pitch,
        (7, 3) | (1, 2) => Use::School,
        (9..=10, 0) => Use::Works,
        (4..=8, 0) | (4..=8, 1) | (6..=7, 2) => Use::Centre,
        (11..=12, 0) | (9..=11, 1) | (3, 1) | (4, 2) | (4..=5, 3) => Use::Flats,
        (9..=12, 5) if column >= 10 => Use::Wood,
        (8..=12, 6) | (0, 6) | (5..=6, 6) => Use::Wood,
        (12, 4) | (0, 5) => Use::Wood,
        _ => Use::Villas,
    }
}

/// Which stretches of the streets were built.
#[derive(Debug, Clone)]
pub(crate) struct StreetPlan {
    /// For each row street, whether the stretch west of each column, and at last
    /// the one east of the last column, is there.
    pub(crate) rows: Vec<[bool; COLUMN_STREETS.len() + 1]>,
    /// For each column street, whether the stretch north of each row but the last is there.
    pub(crate) columns: Vec<[bool; ROW_STREETS.len() - 1]>,
}

impl StreetPlan {
    /// Returns a plan with some stretches left out, in which one can still drive
    /// from everywhere to everywhere.
    pub(crate) fn new(seed: u64) -> StreetPlan {
        let mut plan = StreetPlan {
            rows: vec![[true; COLUMN_STREETS.len() + 1]; ROW_STREETS.len()],
            columns: vec![[true; ROW_STREETS.len() - 1]; COLUMN_STREETS.len()],
        };
        let last = COLUMN_STREETS.len();
        for (row, stretches) in plan.rows.iter_mut().enumerate() {
            let leaves_town = row == 0 || row == 4;
            stretches[0] = leaves_town;
            stretches[last] = leaves_town;
            if !BRIDGE_ROWS.contains(&row) {
                stretches[STREAM_GAP + 1] = false;
            }
        }
        // No street leads through a wood.
        let is_wood = |column: usize, row: usize| {
            column >= COLUMN_STREETS.len() - 1
                || row >= ROW_STREETS.len() - 1
                || block_use(column, row) == Use::Wood
        };
        for row in 1..ROW_STREETS.len() {
            for gap in 0..COLUMN_STREETS.len() - 1 {
                if is_wood(gap, row - 1) && is_wood(gap, row) {
                    plan.remove_unless_it_cuts(true, row, gap + 1);
                }
            }
        }
        for column in 0..COLUMN_STREETS.len() {
            for gap in 0..ROW_STREETS.len() - 1 {
                if (column == 0 || is_wood(column - 1, gap)) && is_wood(column, gap) {
                    plan.remove_unless_it_cuts(false, column, gap);
                }
            }
        }
        // The park and the pitch lie together.
        plan.remove_unless_it_cuts(true, 3, 9);
        let mut random = Random::new(seed, "missing streets");
        for _ in 0..26 {
            if random.chance(0.6) {
                let row = 5 + random.below(3);
                let stretch = 1 + random.below(COLUMN_STREETS.len() - 1);
                plan.remove_unless_it_cuts(true, row, stretch);
            } else {
                let column = 1 + random.below(COLUMN_STREETS.len() - 2);
                plan.remove_unless_it_cuts(false, column, 4 + random.below(3));
            }
        }
        plan
    }

    /// Returns whether the row street has a stretch at `along`.
    pub(crate) fn row_has_street(&self, row: usize, along: f64) -> bool {
        let stretch = COLUMN_STREETS
            .iter()
            .filter(|street| street.at_m <= along)
            .count();
        self.rows[row][stretch]
    }

    /// Returns whether the column street has a stretch at `inland`.
    pub(crate) fn column_has_street(&self, column: usize, inland: f64) -> bool {
        let reached = ROW_STREETS
            .iter()
            .filter(|street| street.at_m <= inland)
            .count();
        reached >= 1 && reached < ROW_STREETS.len() && self.columns[column][reached - 1]
    }

    /// What covers the ground at a place on land that is not street.
    pub(crate) fn cover(&self, [along, inland]: [f64; 2]) -> Material {
        let column = COLUMN_STREETS
            .iter()
            .filter(|street| street.at_m <= along)
            .count();
        let row = ROW_STREETS
            .iter()
            .filter(|street| street.at_m <= inland)
            .count();
        if row >= ROW_STREETS.len() {
            return Material::Wood;
        }
        if row == 0 || column == 0 || column >= COLUMN_STREETS.len() {
            return Material::Grass;
        }
        match block_use(column - 1, row - 1) {
            Use::Centre => Material::Gravel,
            Use::Square | Use::Works => Material::Asphalt,
            Use::Wood => Material::Wood,
            _ => Material::Grass,
        }
    }

    fn remove_unless_it_cuts(&mut self, is_row: bool, street: usize, stretch: usize) {
        let before = self.clone();
        if is_row {
            self.rows[street][stretch] = false;
        } else {
            self.columns[street][stretch] = false;
        }
        if !self.is_connected() {
            *self = before;
        }
    }

    /// Returns whether a street meets the crossing of a column and a row street.
    pub(crate) fn has_crossing(&self, column: usize, row: usize) -> bool {
        self.rows[row][column]
            || self.rows[row][column + 1]
            || (row > 0 && self.columns[column][row - 1])
            || (row + 1 < ROW_STREETS.len() && self.columns[column][row])
    }

    /// Returns whether every crossing can be reached from the first. Crossings that
    /// lost their streets do not count, unless a path ends there.
    fn is_connected(&self) -> bool {
        let (columns, rows) = (COLUMN_STREETS.len(), ROW_STREETS.len());
        let wanted = (0..columns * rows)
            .filter(|node| {
                let place = [node % columns, node / columns];
                let has_path = PARK_PATHS
                    .iter()
                    .any(|path| path.0 == place || path.1 == place);
                has_path || self.has_crossing(place[0], place[1])
            })
            .count();
        let mut seen = vec![false; columns * rows];
        let mut open = vec![0];
        seen[0] = true;
        let mut count = 1;
        while let Some(node) = open.pop() {
            let (column, row) = (node % columns, node / columns);
            let mut neighbours = Vec::new();
            if column > 0 && self.rows[row][column] {
                neighbours.push(node - 1);
            }
            if column + 1 < columns && self.rows[row][column + 1] {
                neighbours.push(node + 1);
            }
            if row > 0 && self.columns[column][row - 1] {
                neighbours.push(node - columns);
            }
            if row + 1 < rows && self.columns[column][row] {
                neighbours.push(node + columns);
            }
            for next in neighbours {
                if !seen[next] {
                    seen[next] = true;
                    count += 1;
                    open.push(next);
                }
            }
        }
        count == wanted
    }
}

/// Diagonal paths through parks, from crossing to crossing.
pub(crate) const PARK_PATHS: [([usize; 2], [usize; 2], &str); 4] = [
    ([8, 2], [9, 3], "Parkstigen"),
    ([6, 1], [7, 2], "Torggången"),
    ([2, 0], [3, 1], "Åstigen"),
    ([2, 5], [3, 6], "Övre Åstigen"),
];

/// Returns how far a place is from the middle line of the breakwater.
pub(crate) fn distance_to_breakwater_m(place: [f64; 2]) -> f64 {
    if !(700.0..815.0).contains(&place[0]) || place[1] < -110.0 {
        return f64::INFINITY;
    }
    BREAKWATER
        .windows(2)
        .map(|pair| distance_to_segment(place, pair[0], pair[1]))
        .fold(f64::INFINITY, f64::min)
}

/// Edges of the town's plan along the shore, from west to east.
pub(crate) const ALONG_ENDS_M: [f64; 2] = [0.0, WIDTH_M];
/// Edges of the town's plan away from the shore.
pub(crate) const INLAND_ENDS_M: [f64; 2] = [0.0, INLAND_END_M];
