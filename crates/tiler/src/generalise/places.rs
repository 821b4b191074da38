//! The places of a collection, each with a number: topology is then a matter of comparing
//! numbers and of looking things up in lists.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use geo_types::{Coord, LineString};

use crate::generalise::grid::{self, Node, WELD};

/// The number of a place.
pub(crate) type Place = u32;

/// Places on the grid, by their numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    nodes: Vec<Node>,
    /// How many came first: these are in ascending order, each once.
    sorted: usize,
    /// Numbers of the others.
    later: HashMap<Node, Place>,
}

impl Places {
    /// Numbers the places of lines, and returns the lines in numbers.
    ///
    /// Of two places, the one with the smaller number lies farther west, or south if none does.
    pub(crate) fn number(lines: &[Vec<Node>]) -> (Places, Vec<Vec<Place>>) {
        let mut vertices: Vec<(Node, u32)> = Vec::new();
        for node in lines.iter().flatten() {
            vertices.push((*node, vertices.len() as u32));
        }
        vertices.sort_unstable();
        let mut nodes: Vec<Node> = Vec::new();
        let mut numbers = vec![0; vertices.len()];
        for (node, vertex) in vertices {
            if nodes.last() != Some(&node) {
                nodes.push(node);
            }
            numbers[vertex as usize] = nodes.len() as Place - 1;
        }
        let mut numbers = &numbers[..];
        let mut take = |line: &Vec<Node>| {
            let (of_line, rest) = numbers.split_at(line.len());
            numbers = rest;
            of_line.to_vec()
        };
        let lines = lines.iter().map(&mut take).collect();
        let places = Places {
            sorted: nodes.len(),
            nodes,
            later: HashMap::new(),
        };
        (places, lines)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Where a place lies.
    pub(crate) fn at(&self, place: Place) -> Node {
        self.nodes[place as usize]
    }

    /// Where places lie.
    pub(crate) fn nodes<'a>(&'a self, places: &'a [Place]) -> impl Iterator<Item = Node> + 'a {
        places.iter().map(|&place| self.at(place))
    }

    /// The number of a place, which gets one if it has none.
    pub(crate) fn add(&mut self, node: Node) -> Place {
        if let Ok(place) = self.nodes[..self.sorted].binary_search(&node) {
            return place as Place;
        }
        *self.later.entry(node).or_insert_with(|| {
            self.nodes.push(node);
            self.nodes.len() as Place - 1
        })
    }

    /// The line through places, in coordinates.
    pub(crate) fn line(&self, places: &[Place]) -> LineString<f64> {
        self.nodes(places)
            .map(|node| Coord::from(grid::coordinates(node)))
            .collect()
    }

    /// The way along places, in units of the CRS.
    pub(crate) fn length(&self, places: &[Place]) -> f64 {
        let steps = places.windows(2);
        steps
            .map(|pair| grid::length(&[self.at(pair[0]), self.at(pair[1])]))
            .sum()
    }
}

/// Brings places within [`WELD`] of each other together, and leaves out repeated ones.
///
/// The westmost of a crowd stays, so that the result does not depend on the order of lines.
pub(crate) fn weld<'a>(lines: impl IntoIterator<Item = &'a mut Vec<Node>>) {
    let mut lines: Vec<&mut Vec<Node>> = lines.into_iter().collect();
    let mut all: Vec<Node> = lines.iter().flat_map(|line| line.iter().copied()).collect();
    all.sort_unstable();
    all.dedup();
    let moved = moved(&all);
    for line in &mut lines {
        if !moved.is_empty() {
            for node in line.iter_mut() {
                *node = moved.get(node).copied().unwrap_or(*node);
            }
        }
        line.dedup();
    }
}

/// The places that do not stay, and where each goes. `all` ascend.
fn moved(all: &[Node]) -> HashMap<Node, Node> {
    let mut moved: HashMap<Node, Node> = HashMap::new();
    // Those before a place with one easting, for each easting that is near enough.
    let mut columns: VecDeque<Range<usize>> = VecDeque::new();
    for (i, &node) in all.iter().enumerate() {
        while columns
            .front()
            .is_some_and(|column| all[column.start][0] < node[0] - WELD)
        {
            columns.pop_front();
        }
        let nearest = columns
            .iter()
            .flat_map(|column| {
                let column = &all[column.clone()];
                let first = column.partition_point(|other| other[1] < node[1] - WELD);
                let near = column[first..].iter();
                near.take_while(|other| other[1] <= node[1] + WELD)
            })
            .filter(|other| !moved.contains_key(*other))
            .map(|&other| {
                let (dx, dy) = (other[0] - node[0], other[1] - node[1]);
                (dx * dx + dy * dy, other)
            })
            .filter(|&(squared, _)| squared <= WELD * WELD)
            .min();
        if let Some((_, other)) = nearest {
            moved.insert(node, other);
        }
        match columns.back_mut() {
            Some(column) if all[column.start][0] == node[0] => column.end = i + 1,
            _ => columns.push_back(i..i + 1),
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_corner_drawn_twice_becomes_one() {
        let mut lines = [
            vec![[0, 0], [1000, 4]],
            vec![[1007, 0], [1000, 4], [0, 900]],
        ];
        weld(&mut lines);
        assert_eq!(lines[0], [[0, 0], [1000, 4]]);
        assert_eq!(lines[1], [[1000, 4], [0, 900]]);
    }

    #[test]
    fn a_place_has_one_number_wherever_it_comes_from() {
        let lines = [vec![[5, 5], [0, 0], [5, 5]], vec![], vec![[0, 0], [-3, 7]]];
        let (mut places, numbered) = Places::number(&lines);
        assert_eq!(numbered, [vec![2, 1, 2], vec![], vec![1, 0]]);
        assert_eq!(places.add([5, 5]), 2);
        assert_eq!((places.add([1, 1]), places.add([1, 1])), (3, 3));
        let back: Vec<Node> = places.nodes(&[3, 0]).collect();
        assert_eq!(back, [[1, 1], [-3, 7]]);
    }

    proptest! {
        #[test]
        fn what_stays_lies_apart_and_nothing_moves_farther_than_a_centimetre(
            nodes in prop::collection::vec(prop::array::uniform2(0..120_i64), 0..60),
        ) {
            let mut lines: Vec<Vec<Node>> = nodes.iter().map(|&node| vec![node]).collect();
            weld(&mut lines);
            let squared = |a: Node, b: Node| (a[0] - b[0]).pow(2) + (a[1] - b[1]).pow(2);
            let mut stay: Vec<Node> = lines.concat();
            for (from, to) in nodes.iter().zip(&stay) {
                prop_assert!(squared(*from, *to) <= WELD * WELD);
            }
            stay.sort_unstable();
            stay.dedup();
            for (i, &a) in stay.iter().enumerate() {
                for &b in &stay[..i] {
                    prop_assert!(squared(a, b) > WELD * WELD, "{a:?} {b:?}");
                }
            }
        }
    }
}
