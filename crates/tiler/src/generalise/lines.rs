//! Lines: merged from junction to junction, the short ones left out, simplified.

use std::collections::BTreeMap;

use geo_types::{Geometry, LineString, MultiLineString};
use model::{Feature, FeatureId};

use crate::generalise::arcs::{ArcSimplifier, Junctions, cut, direct};
use crate::generalise::chains::{Chain, Part, chains_of, run_through};
use crate::generalise::classes::Classes;
use crate::generalise::grid::{self, Node};
use crate::generalise::places::{Place, Places, weld};
use crate::generalise::report::{Fate, Fates, Reason};
use crate::generalise::rules::{Rules, Shaping};
use crate::generalise::sets::Sets;
use crate::generalise::strokes::Strokes;
use crate::generalise::{LevelFeature, common_values};

/// A connected line that is shorter than this, in pixels, leaves a gap too small to be seen.
const CONNECTING_PX: f64 = 1.0;

/// Lines merged as far as they may be, as all levels need them.
///
/// 1. Parts of one class are merged where two of their ends meet and no third one of the
///    class ends or passes.
/// 2. A merged line keeps the direction of its parts. Unless the rules say that direction
///    does not matter, parts that run against each other are not merged; if they say so, it
///    is the direction of the greater length.
pub(crate) struct Lines<'a> {
    places: Places,
    features: Vec<&'a Feature>,
    parts: Vec<Part>,
    merged: Vec<Merged>,
    strokes: Strokes,
}

/// Parts one after the other.
struct Merged {
    chain: Chain,
    line: Vec<Place>,
    /// In units of the CRS.
    length: f64,
    /// Whether one of its ends is free, or it is a ring that touches nothing.
    is_loose: bool,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(lines: Vec<(&'a Feature, Vec<Vec<Node>>)>, rules: &Rules) -> Lines<'a> {
        let mut classes = Classes::default();
        let (mut features, mut whose, mut all) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (feature, of_feature)) in lines.into_iter().enumerate() {
            let class = classes.of(feature, rules);
            features.push(feature);
            whose.extend(of_feature.iter().map(|_| (number, class)));
            all.extend(of_feature);
        }
        weld(all.iter_mut());
        let (places, all) = Places::number(&all);
        let parts: Vec<Part> = whose
            .into_iter()
            .zip(all)
            .filter(|(_, line)| line.len() >= 2)
            .map(|((feature, class), line)| Part {
                feature,
                class,
                length: places.length(&line),
                line,
            })
            .collect();
        let chains = chains_of(&parts, !rules.shaping.undirected);
        let lines: Vec<Vec<Place>> = chains
            .iter()
            .map(|chain| run_through(chain, &parts))
            .collect();
        let mut junctions = Junctions::among(places.count());
        for line in &lines {
            junctions.add_line(line);
        }
        let strokes = Strokes::new(&lines, &places);
        let merged = chains
            .into_iter()
            .zip(lines)
            .map(|(chain, line)| {
                let ends = [line[0], line[line.len() - 1]];
                let is_loose = ends.into_iter().any(|end| junctions.is_loose(end))
                    || (ends[0] == ends[1] && !line.iter().any(|&place| junctions.has(place)));
                Merged {
                    length: places.length(&line),
                    chain,
                    line,
                    is_loose,
                }
            })
            .collect();
        Lines {
            places,
            features,
            parts,
            merged,
            strokes,
        }
    }

    /// Leaves out and simplifies them for a level: the short ones go, and places where
    /// lines end, meet or fork stay what they are.
    pub(crate) fn simplify(
        &self,
        shaping: &Shaping,
        pixel_m: f64,
        shown: &mut Vec<LevelFeature>,
        fates: &mut Fates,
    ) {
        let [longer, shorter] = [shaping.min_length_px, CONNECTING_PX].map(|px| px * pixel_m);
        let is_kept = |i: &usize| {
            let Merged {
                length, is_loose, ..
            } = self.merged[*i];
            // The blocks of a long street may be short, and yet none may be missing.
            length >= longer
                || (!is_loose && (length >= shorter || self.strokes.is_part_of(*i, longer)))
        };
        let kept: Vec<usize> = (0..self.merged.len()).filter(is_kept).collect();

        // Of what is left: a dead end that is not shown needs no vertex where it forked off.
        let mut junctions = Junctions::among(self.places.count());
        for &i in &kept {
            junctions.add_line(&self.merged[i].line);
        }
        let tolerance = grid::steps(shaping.tolerance_px * pixel_m);
        let mut simplifier = ArcSimplifier::default();
        let feature_of = |&(part, _): &(usize, bool)| self.parts[part].feature;

        // A feature of several parts may lie in several chains: these are one feature.
        let mut sets = Sets::new(self.features.len());
        for &i in &kept {
            for pair in self.merged[i].chain.windows(2) {
                sets.join(feature_of(&pair[0]), feature_of(&pair[1]));
            }
        }
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for &i in &kept {
            let of = sets.of(feature_of(&self.merged[i].chain[0]));
            groups.entry(of).or_default().push(i);
        }
        let mut is_shown = vec![false; self.features.len()];
        for of_group in groups.into_values() {
            let mut members: Vec<usize> = of_group
                .iter()
                .flat_map(|&i| self.merged[i].chain.iter().map(feature_of))
                .collect();
            members.sort_unstable();
            members.dedup();
            let simple: Vec<LineString<f64>> = of_group
                .iter()
                .map(|&i| {
                    let line = &self.merged[i].line;
                    let simple = self.simplified(line, &junctions, tolerance, &mut simplifier);
                    self.places.line(&simple)
                })
                .collect();
            let id = self.features[members[0]].id;
            for &member in &members {
                is_shown[member] = true;
                let fate = if members.len() == 1 {
                    Fate::Kept
                } else {
                    Fate::Merged(id)
                };
                fates.set(self.features[member].id, fate);
            }
            shown.push(self.level_feature(id, &members, simple));
        }
        for (feature, is_shown) in self.features.iter().zip(is_shown) {
            if !is_shown {
                fates.set(feature.id, Fate::Dropped(Reason::Short));
            }
        }
    }

    /// A line simplified arc by arc. A ring may start elsewhere afterwards.
    fn simplified(
        &self,
        line: &[Place],
        junctions: &Junctions,
        tolerance: f64,
        simplifier: &mut ArcSimplifier,
    ) -> Vec<Place> {
        let mut out: Vec<Place> = Vec::new();
        cut(line, junctions, &self.places, |piece| {
            let mut arc = piece.to_vec();
            let is_turned = direct(&mut arc, &self.places);
            let mut simple = simplifier.simplified(&arc, &self.places, tolerance);
            if is_turned {
                simple.reverse();
            }
            out.extend(simple.iter().skip(usize::from(!out.is_empty())));
        });
        out
    }

    fn level_feature(
        &self,
        id: FeatureId,
        members: &[usize],
        mut simple: Vec<LineString<f64>>,
    ) -> LevelFeature {
        let geometry = match simple.pop() {
            Some(only) if simple.is_empty() => Geometry::LineString(only),
            last => {
                simple.extend(last);
                Geometry::MultiLineString(MultiLineString(simple))
            }
        };
        LevelFeature {
            feature: Feature {
                id,
                geometry: Some(geometry),
                values: common_values(members.iter().map(|&member| self.features[member])),
            },
            members: members.iter().map(|&i| self.features[i].id).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::Value;
    use proptest::prelude::*;

    use super::*;
    use crate::generalise::{Level, generalise};

    fn feature(id: u64, class: i64, line: &[[f64; 2]]) -> Feature {
        let line: LineString<f64> = line.iter().copied().collect();
        Feature {
            id: FeatureId::new(id).unwrap(),
            geometry: Some(Geometry::LineString(line)),
            values: vec![Value::Integer(class), Value::Integer(id as i64)],
        }
    }

    fn by_class(directed: bool) -> Rules {
        let mut rules = Rules {
            class: vec![0],
            ..Rules::default()
        };
        rules.shaping.undirected = !directed;
        rules
    }

    fn lines_of(feature: &Feature) -> Vec<Vec<Node>> {
        match feature.geometry.as_ref().unwrap() {
            Geometry::LineString(line) => vec![grid::nodes(line).unwrap()],
            Geometry::MultiLineString(many) => {
                many.0.iter().map(|l| grid::nodes(l).unwrap()).collect()
            }
            other => panic!("not a line: {other:?}"),
        }
    }

    fn all_lines(level: &Level) -> Vec<Vec<Node>> {
        level
            .features
            .iter()
            .flat_map(|shown| lines_of(&shown.feature))
            .collect()
    }

    /// What the level shows of lines, as coordinates in metres.
    fn check(features: &[Feature], directed: bool, pixel_m: f64, expected: &[&[[f64; 2]]]) {
        let level = generalise(features, &by_class(directed), pixel_m);
        let mut shown: Vec<Vec<[f64; 2]>> = all_lines(&level)
            .iter()
            .map(|line| line.iter().map(|&node| grid::coordinates(node)).collect())
            .collect();
        shown.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(shown, expected);
    }

    #[test]
    fn pieces_of_a_street_become_one_and_those_of_another_class_do_not() {
        let street = [
            feature(1, 1, &[[0.0, 0.0], [100.0, 0.0]]),
            feature(2, 1, &[[100.0, 0.0], [200.0, 0.0]]),
            feature(3, 2, &[[200.0, 0.0], [300.0, 0.0]]),
        ];
        let level = generalise(&street, &by_class(true), 1.0);
        assert_eq!(level.features.len(), 2);
        let merged = &level.features[0];
        assert_eq!(merged.feature.id, street[0].id);
        assert_eq!(merged.members, [street[0].id, street[1].id]);
        assert_eq!(merged.feature.values, [Value::Integer(1), Value::Null]);
        assert_eq!(
            level.report.fate_of(street[1].id),
            Some(Fate::Merged(street[0].id))
        );
        assert_eq!(level.report.fate_of(street[2].id), Some(Fate::Kept));
        // Where the two meet, no vertex is needed.
        check(&street[..2], true, 1.0, &[&[[0.0, 0.0], [200.0, 0.0]]]);
    }

    #[test]
    fn nothing_is_merged_across_a_junction_of_three_or_past_one_that_passes() {
        let arm = |id, x: f64, y: f64| feature(id, 1, &[[0.0, 0.0], [x, y]]);
        let star = [arm(1, 50.0, 0.0), arm(2, -50.0, 0.0), arm(3, 0.0, 50.0)];
        assert_eq!(generalise(&star, &by_class(false), 1.0).features.len(), 3);
        let crossing = [
            arm(1, 50.0, 0.0),
            arm(2, -50.0, 0.0),
            feature(3, 1, &[[0.0, -50.0], [0.0, 0.0], [0.0, 50.0]]),
        ];
        let level = generalise(&crossing, &by_class(false), 1.0);
        assert_eq!(level.features.len(), 3);
        assert!(
            lines_of(&level.features[2].feature)[0].contains(&[0, 0]),
            "the crossing stays"
        );
    }

    #[test]
    fn direction_is_kept() {
        let (a, b, c) = ([0.0, 0.0], [100.0, 9.0], [300.0, 0.0]);
        let one_way = [feature(2, 1, &[b, a]), feature(1, 1, &[c, b])];
        check(&one_way, true, 1.0, &[&[c, b, a]]);
        check(&one_way, false, 1.0, &[&[c, b, a]]);
        let against = [feature(1, 1, &[a, b]), feature(2, 1, &[c, b])];
        check(&against, true, 1.0, &[&[a, b], &[c, b]]);
        check(&against, false, 1.0, &[&[c, b, a]]);
    }

    #[test]
    fn a_ring_of_pieces_becomes_a_ring() {
        let (a, b, c) = ([0.0, 0.0], [100.0, 0.0], [50.0, 80.0]);
        let ring = [
            feature(1, 1, &[b, c]),
            feature(2, 1, &[a, b]),
            feature(3, 1, &[c, a]),
        ];
        check(&ring, true, 1.0, &[&[a, b, c, a]]);
    }

    #[test]
    fn a_line_drawn_twice_does_not_turn_back() {
        let (a, b) = ([0.0, 0.0], [100.0, 0.0]);
        let twice = [feature(1, 1, &[a, b]), feature(2, 1, &[b, a])];
        check(&twice, true, 1.0, &[&[a, b], &[b, a]]);
    }

    #[test]
    fn short_dead_ends_go_and_short_connections_stay() {
        let all = [
            feature(1, 1, &[[0.0, 0.0], [200.0, 0.0]]),
            feature(2, 1, &[[200.0, 0.0], [400.0, 0.0]]),
            feature(3, 1, &[[200.0, 0.0], [200.0, 30.0]]),
            feature(4, 1, &[[400.0, 0.0], [430.0, 0.0]]),
            feature(5, 1, &[[430.0, 0.0], [430.0, 300.0]]),
            feature(6, 1, &[[430.0, 0.0], [630.0, 50.0]]),
            feature(7, 1, &[[400.0, 0.0], [400.0, -300.0]]),
        ];
        let level = generalise(&all, &by_class(false), 10.0);
        let fate = |id| level.report.fate_of(FeatureId::new(id).unwrap()).unwrap();
        assert_eq!(fate(3), Fate::Dropped(Reason::Short));
        assert_eq!(fate(4), Fate::Kept);
        assert_eq!(level.report.counts().dropped.len(), 1);
    }

    #[test]
    fn a_street_of_short_blocks_is_whole_and_a_short_link_between_streets_goes() {
        // A street with a side street every 8 m, and a link of 8 m aside.
        let mut all: Vec<Feature> = (0..20)
            .flat_map(|i| {
                let x = 8.0 * f64::from(i);
                let id = 2 * u64::from(i as u32);
                let block = feature(id, 1, &[[x, 0.0], [x + 8.0, 0.0]]);
                [block, feature(id + 1, 1, &[[x, 0.0], [x + 30.0, 100.0]])]
            })
            .collect();
        all.push(feature(40, 1, &[[160.0, 0.0], [200.0, -100.0]]));
        all.push(feature(41, 1, &[[160.0, 0.0], [160.0, 100.0]]));
        all.push(feature(42, 1, &[[30.0, 100.0], [23.0, 105.0]]));
        all.push(feature(43, 1, &[[23.0, 105.0], [23.0, 300.0]]));
        all.push(feature(44, 1, &[[23.0, 105.0], [-100.0, 0.0]]));
        all.push(feature(45, 1, &[[30.0, 100.0], [-100.0, 80.0]]));
        let level = generalise(&all, &by_class(false), 10.0);
        let dropped: Vec<u64> = (0..46)
            .filter(|&id| {
                let fate = level.report.fate_of(FeatureId::new(id).unwrap());
                fate == Some(Fate::Dropped(Reason::Short))
            })
            .collect();
        assert_eq!(dropped, [42]);
    }

    #[test]
    fn a_line_of_two_parts_stays_one_feature() {
        let part =
            |x: f64| -> LineString<f64> { [[x, 0.0], [x + 80.0, 0.0]].into_iter().collect() };
        let mut river = feature(1, 1, &[]);
        river.geometry = Some(Geometry::MultiLineString(MultiLineString(vec![
            part(0.0),
            part(200.0),
        ])));
        let bridge = feature(2, 1, &[[280.0, 0.0], [400.0, 0.0]]);
        let level = generalise(&[river, bridge], &by_class(true), 1.0);
        assert_eq!(level.features.len(), 1);
        assert_eq!(lines_of(&level.features[0].feature).len(), 2);
    }

    /// Streets of a town: steps between corners of a bent grid, some with a bend between,
    /// of two classes, in any direction.
    fn some_streets() -> impl Strategy<Value = Vec<Feature>> {
        let street = (
            0..7_i32,
            0..7_i32,
            any::<bool>(),
            any::<bool>(),
            0..2_i64,
            0..3_u8,
        );
        prop::collection::vec(street, 1..90).prop_map(|streets| {
            let corner = |i: i32, j: i32| {
                let bend = f64::from((i * 7 + j * 13) % 5);
                [
                    600_000.0 + f64::from(i) * 90.0 + bend,
                    6_500_000.0 + f64::from(j) * 70.0 - bend,
                ]
            };
            let mut list: Vec<Feature> = Vec::new();
            let mut seen = BTreeSet::new();
            for (i, j, north, turned, class, bends) in streets {
                if !seen.insert((i, j, north)) {
                    continue;
                }
                let (a, b) = (
                    corner(i, j),
                    if north {
                        corner(i, j + 1)
                    } else {
                        corner(i + 1, j)
                    },
                );
                let mut line = vec![a];
                for k in 1..=i32::from(bends) {
                    let t = f64::from(k) / f64::from(bends + 1);
                    let aside = f64::from(k * 3 % 4);
                    line.push([
                        a[0] + t * (b[0] - a[0]) + aside,
                        a[1] + t * (b[1] - a[1]) + aside,
                    ]);
                }
                line.push(b);
                if turned {
                    line.reverse();
                }
                list.push(feature(list.len() as u64, class, &line));
            }
            list
        })
    }

    fn ends(line: &[Node]) -> [Node; 2] {
        [line[0], line[line.len() - 1]]
    }

    proptest! {
        #[test]
        fn merging_keeps_all_that_there_is(streets in some_streets(), directed in any::<bool>()) {
            let mut rules = by_class(directed);
            rules.shaping.tolerance_px = 0.0;
            rules.shaping.min_length_px = 0.0;
            let level = generalise(&streets, &rules, 1.0);
            // Each step from vertex to vertex, once; forwards if direction matters.
            let steps = |lines: Vec<Vec<Node>>| -> Vec<(Node, Node)> {
                let mut steps: Vec<_> = lines.iter().flat_map(|line| line.windows(2)).map(|w| {
                    if directed || w[0] < w[1] { (w[0], w[1]) } else { (w[1], w[0]) }
                }).collect();
                steps.sort();
                steps
            };
            let before = streets.iter().flat_map(lines_of).collect();
            prop_assert_eq!(steps(all_lines(&level)), steps(before));
            let mut members: Vec<_> = level.features.iter().flat_map(|f| f.members.clone()).collect();
            members.sort();
            prop_assert_eq!(members, streets.iter().map(|f| f.id).collect::<Vec<_>>());
        }

        #[test]
        fn merged_lines_end_only_where_they_must(streets in some_streets()) {
            let level = generalise(&streets, &by_class(false), 1.0);
            for shown in &level.features {
                let class = &shown.feature.values[0];
                let meet = |node: Node| level.features.iter()
                    .filter(|other| &other.feature.values[0] == class)
                    .flat_map(|other| lines_of(&other.feature))
                    .flat_map(|line| ends(&line))
                    .filter(|end| *end == node).count();
                for line in lines_of(&shown.feature) {
                    let [first, last] = ends(&line);
                    if first != last {
                        prop_assert!(meet(first) != 2 && meet(last) != 2);
                    }
                }
            }
        }

        #[test]
        fn junctions_of_what_is_shown_stay_and_lines_move_by_less_than_half_a_pixel(
            streets in some_streets(),
            pixel_m in 1.0..30.0,
        ) {
            let mut exact = by_class(false);
            exact.shaping.tolerance_px = 0.0;
            let (whole, simple) = (
                generalise(&streets, &exact, pixel_m),
                generalise(&streets, &by_class(false), pixel_m),
            );
            prop_assert_eq!(&whole.report, &simple.report);
            let mut around: BTreeMap<Node, BTreeSet<Node>> = BTreeMap::new();
            for line in all_lines(&whole) {
                for w in line.windows(2) {
                    around.entry(w[0]).or_default().insert(w[1]);
                    around.entry(w[1]).or_default().insert(w[0]);
                }
            }
            let vertices: BTreeSet<Node> = all_lines(&simple).into_iter().flatten().collect();
            for (node, neighbours) in around {
                if neighbours.len() != 2 {
                    prop_assert!(vertices.contains(&node));
                }
            }
            for (whole, simple) in whole.features.iter().zip(&simple.features) {
                let to = simple.feature.geometry.clone().unwrap();
                for line in lines_of(&whole.feature) {
                    for node in line {
                        let from = geo::Point::from(grid::coordinates(node));
                        let moved = geo::Distance::distance(&geo::Euclidean, &from, &to);
                        prop_assert!(moved <= 0.375 * pixel_m + 1e-6, "by {moved}");
                    }
                }
            }
        }

        #[test]
        fn a_street_that_goes_changes_nothing_far_from_what_it_touched(
            streets in some_streets(),
            which in any::<prop::sample::Index>(),
            pixel_m in 2.0..40.0,
        ) {
            let rules = by_class(false);
            // As far as a street is followed over junctions, and a link too short to be seen.
            let reach = (rules.shaping.min_length_px + CONNECTING_PX) * pixel_m;
            let bounds = |feature: &Feature| {
                model::Bounds::of_geometry(feature.geometry.as_ref().unwrap()).unwrap()
            };
            let gone = bounds(which.get(&streets)).expanded(reach);
            let id = which.get(&streets).id;
            let before = generalise(&streets, &rules, pixel_m);
            let rest: Vec<Feature> = streets.into_iter().filter(|f| f.id != id).collect();
            let after = generalise(&rest, &rules, pixel_m);
            let far = |level: Level| -> Vec<LevelFeature> {
                let is_far = |shown: &LevelFeature| !bounds(&shown.feature).intersects(&gone);
                level.features.into_iter().filter(is_far).collect()
            };
            prop_assert_eq!(far(before), far(after));
        }

        #[test]
        fn the_order_of_lines_does_not_matter(streets in some_streets(), directed in any::<bool>()) {
            let forth = generalise(&streets, &by_class(directed), 10.0);
            let mut turned = streets;
            turned.reverse();
            prop_assert_eq!(generalise(&turned, &by_class(directed), 10.0), forth);
        }
    }
}
