//! Coverages: polygons side by side, such as parcels or land use, that leave no holes.

use std::sync::Arc;

use geo::{Area, unary_union};

use crate::generalise::cells::{Cell, Cells};
use crate::generalise::faces::{Face, steps};
use crate::generalise::grid;
use crate::generalise::places::{Place, Places};
use crate::generalise::sets::Sets;
use crate::generalise::shape::{Shape, to_geo};

/// Share of the borders that has a feature on both sides, from which polygons are taken for a
/// coverage. Blocks of parcels with streets between them have over a half, houses in rows a
/// tenth.
const SHARED: f64 = 0.3;

/// Share of the area that may be covered twice in a coverage, by mistakes in its data.
const OVERLAP: f64 = 0.005;

/// Sides of the cells within which small polygons are dissolved, in pixels, and up to twice
/// as many. It bounds how large they grow, and how far an edit reaches.
const CELL_PX: f64 = 4.0;

/// Shapes that a level shows as one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    /// Places of the shapes, ascending.
    pub(crate) members: Vec<usize>,
    /// The largest of them.
    pub(crate) largest: usize,
    /// Whether the largest took the others in; else they are all alike in that they were small.
    pub(crate) has_owner: bool,
}

/// Where one shape borders on another, or one set of them on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Border {
    pub(crate) one: usize,
    other: usize,
    /// In steps of the grid, as far as it parts shapes of one class, and all of it. Whole
    /// numbers, so that no order of adding them matters.
    alike: u64,
    whole: u64,
}

/// All borders between shapes, from both sides, in ascending order.
pub(crate) fn borders_of(shapes: &[Arc<Shape>], places: &Places) -> Vec<Border> {
    // Both directions of an edge side by side; of shapes that have the same, the last.
    let mut edges: Vec<([Place; 2], bool, u32)> = Vec::new();
    for (i, shape) in shapes.iter().enumerate() {
        let ways = shape.rings().flat_map(steps);
        edges.extend(ways.map(|(a, b)| ([a.min(b), a.max(b)], a < b, i as u32)));
    }
    edges.sort_unstable();
    let mut borders = Vec::new();
    for alike in edges.chunk_by(|a, b| a.0 == b.0) {
        let up = alike.partition_point(|(_, is_up, _)| !is_up);
        let (downwards, upwards) = alike.split_at(up);
        let (Some(last_down), Some(last_up)) = (downwards.last(), upwards.last()) else {
            continue;
        };
        let length = (places.length(&alike[0].0) * grid::steps(1.0)).round() as u64;
        for (own, opposite) in [(downwards, last_up), (upwards, last_down)] {
            for (_, _, i) in own {
                let (one, other) = (*i as usize, opposite.2 as usize);
                if one != other {
                    let is_alike = shapes[one].class == shapes[other].class;
                    borders.push(Border {
                        one,
                        other,
                        alike: if is_alike { length } else { 0 },
                        whole: length,
                    });
                }
            }
        }
    }
    summed(borders)
}

/// Borders in ascending order, those between the same two as one.
fn summed(mut borders: Vec<Border>) -> Vec<Border> {
    borders.sort_unstable();
    borders.dedup_by(|next, sum| {
        let is_same = (next.one, next.other) == (sum.one, sum.other);
        if is_same {
            sum.alike += next.alike;
            sum.whole += next.whole;
        }
        is_same
    });
    borders
}

/// Whether shapes share much of their borders, and overlap next to nowhere.
pub(crate) fn is_coverage(shapes: &[Arc<Shape>], borders: &[Border], places: &Places) -> bool {
    let shared: u64 = borders.iter().map(|border| border.whole).sum();
    let all: f64 = shapes
        .iter()
        .flat_map(|shape| shape.rings())
        .flat_map(steps)
        .map(|(a, b)| places.length(&[a, b]))
        .sum();
    // Both sums go round every shape, so that a border between two counts twice in each.
    if (shared as f64) < SHARED * grid::steps(all) || all == 0.0 {
        return false;
    }
    let polygons: Vec<_> = shapes
        .iter()
        .flat_map(|shape| &shape.polygons)
        .flat_map(|rings| {
            let face = Face {
                exterior: rings[0].clone(),
                holes: rings[1..].to_vec(),
            };
            to_geo(&[face], places)
        })
        .collect();
    let sum: f64 = shapes.iter().map(|shape| shape.area).sum();
    sum - unary_union(&polygons).unsigned_area() <= OVERLAP * sum
}

/// Joins shapes smaller than `least` (square units of the CRS) with what they border on.
///
/// 1. Small shapes of one class whose middles lie in one cell, and that border on each
///    other, become one.
/// 2. What is still small joins the neighbour of its class with which it shares the longest
///    border, or any neighbour if there is none of its class, until nothing small has a
///    neighbour.
///
/// Returns the groups, and the borders between them. None if there is nothing to join.
pub(crate) fn dissolved(
    shapes: &[Arc<Shape>],
    borders: &[Border],
    least: f64,
    pixel_m: f64,
) -> Option<(Vec<Group>, Vec<Border>)> {
    let cells = Cells::at_least(CELL_PX * pixel_m);
    let cell = |i: usize| -> Cell { cells.of(grid::coordinates(shapes[i].middle())) };
    let is_small = |i: usize| shapes[i].area < least;
    if !borders.iter().any(|border| is_small(border.one)) {
        return None;
    }
    let mut sets = Sets::new(shapes.len());
    for &Border { one, other, .. } in borders {
        let alike = one < other
            && is_small(one)
            && is_small(other)
            && shapes[one].class == shapes[other].class;
        if alike && cell(one) == cell(other) {
            sets.join(one, other);
        }
    }
    let mut between: Vec<Border> = borders.to_vec();
    let mut areas: Vec<f64> = vec![0.0; shapes.len()];
    loop {
        areas.fill(0.0);
        for (i, shape) in shapes.iter().enumerate() {
            areas[sets.of(i)] += shape.area;
        }
        between.retain_mut(|border| {
            (border.one, border.other) = (sets.of(border.one), sets.of(border.other));
            border.one != border.other
        });
        between = summed(between);
        let mut has_joined = false;
        for choices in between.chunk_by(|a, b| a.one == b.one) {
            let own = choices[0].one;
            if areas[own] >= least {
                continue;
            }
            // The first of those that are as long.
            let best = choices.iter().rev().max_by_key(|to| (to.alike, to.whole));
            if let Some(best) = best {
                sets.join(own, best.other);
                has_joined = true;
            }
        }
        if !has_joined {
            break;
        }
    }
    let mut by_set: Vec<(usize, usize)> = (0..shapes.len()).map(|i| (sets.of(i), i)).collect();
    by_set.sort_unstable();
    let mut numbers = vec![0; shapes.len()];
    let mut groups: Vec<Group> = Vec::new();
    for of_set in by_set.chunk_by(|a, b| a.0 == b.0) {
        numbers[of_set[0].0] = groups.len();
        let members: Vec<usize> = of_set.iter().map(|&(_, i)| i).collect();
        let largest = members
            .iter()
            .copied()
            .max_by(|&a, &b| shapes[a].area.total_cmp(&shapes[b].area).then(b.cmp(&a)));
        let largest = largest.unwrap_or(members[0]);
        groups.push(Group {
            has_owner: !is_small(largest) || members.len() == 1,
            largest,
            members,
        });
    }
    // Groups are in the order of their sets, so that borders still ascend.
    for border in &mut between {
        (border.one, border.other) = (numbers[border.one], numbers[border.other]);
        let class = |group: usize| shapes[groups[group].largest].class;
        let is_alike = class(border.one) == class(border.other);
        border.alike = if is_alike { border.whole } else { 0 };
    }
    Some((groups, between))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap, HashSet};

    use geo::{Validation, coord};
    use geo_types::{Coord, Geometry, LineString, MultiPolygon, Polygon};
    use model::{Feature, FeatureId, Value};
    use proptest::prelude::*;

    use super::*;
    use crate::generalise::grid::Node;
    use crate::generalise::{Fate, Level, Rules, generalise};

    const SOUTH_WEST: Coord<f64> = coord! { x: 600_000.0, y: 6_500_000.0 };

    fn feature(id: u64, class: i64, geometry: Geometry<f64>) -> Feature {
        Feature {
            id: FeatureId::new(id).unwrap(),
            geometry: Some(geometry),
            values: vec![Value::Integer(class), Value::Integer(id as i64)],
        }
    }

    fn by_class() -> Rules {
        Rules {
            class: vec![0],
            ..Rules::default()
        }
    }

    fn rectangle(x: f64, y: f64, width: f64, height: f64) -> Polygon<f64> {
        let at = |dx: f64, dy: f64| SOUTH_WEST + coord! { x: x + dx, y: y + dy };
        let ring = vec![
            at(0.0, 0.0),
            at(width, 0.0),
            at(width, height),
            at(0.0, height),
        ];
        Polygon::new(LineString(ring), vec![])
    }

    fn polygons_of(feature: &Feature) -> MultiPolygon<f64> {
        match feature.geometry.clone().unwrap() {
            Geometry::Polygon(polygon) => MultiPolygon(vec![polygon]),
            Geometry::MultiPolygon(polygons) => polygons,
            other => panic!("not polygons: {other:?}"),
        }
    }

    /// Parcels on a bent grid of 100 m, with borders that wind, some with an island of a
    /// parcel of its own. Coordinates are rounded to centimetres, one neighbour's to the
    /// other side now and then.
    fn parcels(seed: u64, side: i32, wind_m: f64, split: u64) -> Vec<Feature> {
        let draw = |a: i32, b: i32, c: i32| {
            let key = seed ^ ((a as u64) << 40) ^ ((b as u64) << 20) ^ (c as u64 & 0xfffff);
            crate::vector::chance(key) - 0.5
        };
        let corner = |i: i32, j: i32| {
            coord! {
                x: 100.0 * f64::from(i) + 20.0 * draw(i, j, 1),
                y: 100.0 * f64::from(j) + 20.0 * draw(i, j, 2),
            }
        };
        let border = |a: (i32, i32), b: (i32, i32)| -> Vec<Coord<f64>> {
            let (from, to) = (a.min(b), a.max(b));
            let (start, end) = (corner(from.0, from.1), corner(to.0, to.1));
            let along = end - start;
            let aside = coord! { x: -along.y, y: along.x } / 100.0;
            let mut line = vec![start];
            for k in 1..8 {
                // Straighter near the corners, lest borders cross there.
                let room = f64::from(k.min(8 - k)) / 4.0;
                let bow = wind_m * room * draw(from.0 * 64 + k, from.1, to.0 - from.0 + 5);
                line.push(start + along * (f64::from(k) / 8.0) + aside * bow);
            }
            line.push(end);
            if a != from {
                line.reverse();
            }
            line
        };
        let mut list = Vec::new();
        for i in 0..side {
            for j in 0..side {
                let corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1), (i, j)];
                let ring: Vec<Coord<f64>> = corners
                    .windows(2)
                    .flat_map(|pair| border(pair[0], pair[1])[..8].to_vec())
                    .map(|c| SOUTH_WEST + c)
                    .collect();
                let class = (draw(i, j, 3) > 0.0).into();
                let middle =
                    coord! { x: 100.0 * f64::from(i) + 50.0, y: 100.0 * f64::from(j) + 50.0 };
                let mut holes = Vec::new();
                if (draw(i, j, 4) + 0.5) * 10.0 < split as f64 {
                    let size = 4.0 + 10.0 * (draw(i, j, 5) + 0.5);
                    let island = rectangle(middle.x, middle.y, size, size / 2.0);
                    holes.push(island.exterior().clone());
                    list.push(feature(list.len() as u64, 2, Geometry::Polygon(island)));
                }
                let polygon = Polygon::new(LineString(ring), holes);
                list.push(feature(
                    list.len() as u64,
                    class,
                    Geometry::Polygon(polygon),
                ));
            }
        }
        for parcel in &mut list {
            let id = parcel.id.get();
            geo::MapCoordsInPlace::map_coords_in_place(parcel.geometry.as_mut().unwrap(), |c| {
                let off = if (id + (c.x as u64)).is_multiple_of(7) {
                    0.004
                } else {
                    0.0
                };
                coord! { x: (c.x * 100.0).round() / 100.0 + off, y: (c.y * 100.0).round() / 100.0 }
            });
        }
        list
    }

    fn area(features: &[Feature]) -> f64 {
        features
            .iter()
            .map(|feature| polygons_of(feature).unsigned_area())
            .sum()
    }

    /// Pairs of ids whose polygons have a segment in common.
    fn neighbours<'a>(features: impl Iterator<Item = &'a Feature>) -> BTreeSet<(u64, u64)> {
        let mut sides: HashMap<[Node; 2], Vec<u64>> = HashMap::new();
        for feature in features {
            for polygon in polygons_of(feature) {
                for ring in std::iter::once(polygon.exterior()).chain(polygon.interiors()) {
                    for pair in grid::nodes(ring).unwrap().windows(2) {
                        let side = [pair[0].min(pair[1]), pair[0].max(pair[1])];
                        sides.entry(side).or_default().push(feature.id.get());
                    }
                }
            }
        }
        let mut pairs = BTreeSet::new();
        for ids in sides.into_values() {
            assert!(ids.len() <= 2, "a border has two sides");
            if let [a, b] = ids[..]
                && a != b
            {
                pairs.insert((a.min(b), a.max(b)));
            }
        }
        pairs
    }

    /// That nothing overlaps or is left open, and who bordered on whom still does.
    fn check(before: &[Feature], level: &Level, tolerance_m: f64) {
        let shown: Vec<Feature> = level.features.iter().map(|f| f.feature.clone()).collect();
        for feature in &shown {
            let polygons = polygons_of(feature);
            assert!(polygons.is_valid(), "{:?}: {polygons:?}", feature.id);
        }
        let all: Vec<Polygon<f64>> = shown.iter().flat_map(|f| polygons_of(f).0).collect();
        let union = unary_union(&all);
        let (sum, covered) = (area(&shown), union.unsigned_area());
        assert!(
            (sum - covered).abs() < 1e-6 * sum,
            "sum {sum}, union {covered}"
        );
        let holes: usize = union.iter().map(|polygon| polygon.interiors().len()).sum();
        assert_eq!(holes, 0, "the union has holes");
        assert_eq!(union.0.len(), 1, "the union is whole");
        // Only the outer border can move.
        let perimeter = geo::Length::length(&geo::Euclidean, union.0[0].exterior());
        let (was, is) = (area(before), sum);
        assert!(
            (was - is).abs() <= 2.0 * perimeter * tolerance_m + 1.0,
            "{was} became {is}"
        );

        let shown_as = |id: u64| match level.report.fate_of(FeatureId::new(id).unwrap()).unwrap() {
            Fate::Kept => id,
            Fate::Merged(into) => into.get(),
            Fate::Dropped(reason) => panic!("{id} {}", reason.words()),
        };
        let whole = generalise(before, &whole(), 1.0);
        let after = neighbours(shown.iter());
        for (a, b) in neighbours(whole.features.iter().map(|f| &f.feature)) {
            let (a, b) = (shown_as(a), shown_as(b));
            assert!(
                a == b || after.contains(&(a.min(b), a.max(b))),
                "{a} and {b} came apart"
            );
        }
    }

    /// Rules that bring borders together and change nothing else.
    fn whole() -> Rules {
        let mut rules = by_class();
        rules.shaping.tolerance_px = 0.0;
        rules.shaping.min_area_px = 0.0;
        rules
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_coverage_stays_one(
            seed in any::<u64>(),
            side in 2..7_i32,
            wind_m in 0.0..24.0,
            split in 0..8_u64,
            pixel_m in 1.0..250.0,
        ) {
            let parcels = parcels(seed, side, wind_m, split);
            let level = generalise(&parcels, &by_class(), pixel_m);
            check(&parcels, &level, 0.375 * pixel_m);
            let mut members: Vec<_> = level.features.iter().flat_map(|f| f.members.clone()).collect();
            members.sort();
            prop_assert_eq!(members, parcels.iter().map(|f| f.id).collect::<Vec<_>>());
            if level.features.len() > 1 {
                let least = level.features.iter()
                    .map(|f| polygons_of(&f.feature).unsigned_area())
                    .fold(f64::INFINITY, f64::min);
                // Areas are weighed before borders are simplified.
                prop_assert!(least > 0.3 * pixel_m * pixel_m, "{least} of {}", pixel_m * pixel_m);
            }
        }

        #[test]
        fn the_order_of_parcels_does_not_matter(seed in any::<u64>(), pixel_m in 1.0..100.0) {
            let mut parcels = parcels(seed, 4, 12.0, 5);
            let forth = generalise(&parcels, &by_class(), pixel_m);
            parcels.reverse();
            prop_assert_eq!(generalise(&parcels, &by_class(), pixel_m), forth);
        }
    }

    #[test]
    fn borders_get_simpler() {
        let parcels = parcels(7, 6, 10.0, 3);
        let count = |level: &Level| -> usize {
            let all = level.features.iter().flat_map(|f| polygons_of(&f.feature));
            all.map(|polygon| geo::CoordsIter::coords_count(&polygon))
                .sum()
        };
        let [exact, coarse] = [0.1, 20.0].map(|pixel_m| generalise(&parcels, &by_class(), pixel_m));
        assert!(
            count(&coarse) * 2 < count(&exact),
            "{} of {}",
            count(&coarse),
            count(&exact)
        );
    }

    #[test]
    fn a_corner_on_a_neighbours_side_is_part_of_the_border() {
        // Two narrow parcels on top of a wide one, whose side has no vertex between them.
        let parcels = [
            rectangle(0.0, 0.0, 200.0, 50.0),
            rectangle(0.0, 50.0, 90.0, 50.0),
            rectangle(90.0, 50.0, 110.0, 50.0),
        ];
        let parcels: Vec<Feature> = (0..)
            .zip(parcels)
            .map(|(id, polygon)| feature(id, 0, Geometry::Polygon(polygon)))
            .collect();
        let level = generalise(&parcels, &by_class(), 1.0);
        let pairs = neighbours(level.features.iter().map(|f| &f.feature));
        assert_eq!(pairs, BTreeSet::from([(0, 1), (0, 2), (1, 2)]));
        check(&parcels, &level, 0.4);
    }

    #[test]
    fn small_parcels_join_their_class_first() {
        // A small one between a large one of its own class and one with a longer border.
        let parcels = [
            (0, rectangle(0.0, 0.0, 100.0, 100.0)),
            (1, rectangle(100.0, 0.0, 5.0, 40.0)),
            (1, rectangle(100.0, 40.0, 5.0, 60.0)),
            (1, rectangle(105.0, 0.0, 100.0, 10.0)),
            (0, rectangle(105.0, 10.0, 100.0, 90.0)),
        ];
        let parcels: Vec<Feature> = (0..)
            .zip(parcels)
            .map(|(id, (class, polygon))| feature(id, class, Geometry::Polygon(polygon)))
            .collect();
        let level = generalise(&parcels, &by_class(), 25.0);
        let fates: HashSet<Fate> = [1, 2, 3]
            .map(|id| level.report.fate_of(FeatureId::new(id).unwrap()).unwrap())
            .into();
        assert_eq!(
            fates,
            HashSet::from([Fate::Merged(FeatureId::new(3).unwrap())])
        );
        let merged = level
            .features
            .iter()
            .find(|f| f.members.len() == 3)
            .unwrap();
        assert_eq!(
            merged.feature.values[1],
            Value::Integer(3),
            "the large one's values"
        );
        check(&parcels, &level, 10.0);
    }

    #[test]
    fn a_coverage_is_told_from_houses_and_from_zones_that_overlap() {
        let is_coverage = |polygons: &[Polygon<f64>]| {
            // A polygon under a pixel joins its neighbours in a coverage alone.
            let features: Vec<Feature> = (0..)
                .zip(polygons)
                .map(|(id, polygon)| feature(id, 0, Geometry::Polygon(polygon.clone())))
                .collect();
            let mut rules = by_class();
            rules.shaping.min_area_px = 1e9;
            rules.shaping.tolerance_px = 0.0;
            generalise(&features, &rules, 1.0).features.len() == 1
        };
        let row =
            |gap: f64| (0..9).map(move |i| rectangle(f64::from(i) * 20.0, 0.0, 20.0 - gap, 15.0));
        assert!(is_coverage(&row(0.0).collect::<Vec<_>>()));
        assert!(!is_coverage(&row(3.0).collect::<Vec<_>>()));
        let zone = rectangle(5.0, -5.0, 100.0, 10.0);
        assert!(!is_coverage(&row(0.0).chain([zone]).collect::<Vec<_>>()));
    }
}
