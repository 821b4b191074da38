//! Points: one for each cell that has any.

use geo_types::{Geometry, Point};
use model::Feature;

use crate::generalise::cells::{Cell, Cells};
use crate::generalise::report::{Fate, Fates, Reason};
use crate::generalise::rules::Rules;
use crate::generalise::{LevelFeature, as_it_is};
use crate::vector::chance;

/// Shows the most important point of each cell.
///
/// 1. Each cell with a point shows one, so that nothing is crowded and no neighbourhood
///    looks empty.
/// 2. What is shown at a level is shown at all deeper ones, since cells nest.
/// 3. Which one is shown depends on the points of its cell alone.
pub(crate) fn thin(
    points: &[(&Feature, Point<f64>)],
    rules: &Rules,
    pixel_m: f64,
    shown: &mut Vec<LevelFeature>,
    fates: &mut Fates,
) {
    let Some(cells) = cells_of(rules, pixel_m) else {
        shown.extend(points.iter().map(|(feature, _)| as_it_is(feature, fates)));
        return;
    };
    for_each_cell(points, &cells, |members| {
        let Some((best, _)) = most_important(members, rules) else {
            return;
        };
        if members.len() == 1 {
            shown.push(as_it_is(best, fates));
        } else if rules.shaping.cluster {
            shown.push(cluster(members, best, fates));
        } else {
            for (feature, _) in members {
                if feature.id != best.id {
                    fates.set(feature.id, Fate::Dropped(Reason::Crowded));
                }
            }
            shown.push(as_it_is(best, fates));
        }
    });
}

/// Returns the points that a level shows, unless it clusters them: what coarser levels show is
/// among them.
pub(crate) fn kept<'a>(
    points: &[(&'a Feature, Point<f64>)],
    rules: &Rules,
    pixel_m: f64,
) -> Vec<(&'a Feature, Point<f64>)> {
    let Some(cells) = cells_of(rules, pixel_m).filter(|_| !rules.shaping.cluster) else {
        return points.to_vec();
    };
    let mut kept = Vec::new();
    for_each_cell(points, &cells, |members| {
        kept.extend(most_important(members, rules));
    });
    kept
}

/// The cells of which one point is shown; none if all are.
fn cells_of(rules: &Rules, pixel_m: f64) -> Option<Cells> {
    let spacing = rules.shaping.spacing_px * pixel_m;
    (spacing > 0.0).then(|| Cells::at_least(spacing))
}

fn for_each_cell<'a>(
    points: &[(&'a Feature, Point<f64>)],
    cells: &Cells,
    mut see: impl FnMut(&[(&'a Feature, Point<f64>)]),
) {
    let cell = |point: &Point<f64>| cells.of([point.x(), point.y()]);
    let mut by_cell: Vec<(Cell, usize)> = points
        .iter()
        .map(|(_, point)| cell(point))
        .zip(0..)
        .collect();
    by_cell.sort_unstable();
    let mut members = Vec::new();
    for of_cell in by_cell.chunk_by(|a, b| a.0 == b.0) {
        members.clear();
        members.extend(of_cell.iter().map(|&(_, at)| points[at]));
        see(&members);
    }
}

fn most_important<'a>(
    members: &[(&'a Feature, Point<f64>)],
    rules: &Rules,
) -> Option<(&'a Feature, Point<f64>)> {
    members.iter().copied().max_by(|(a, _), (b, _)| {
        importance(a, rules)
            .partial_cmp(&importance(b, rules))
            .unwrap_or(
                // Ranks are finite or minus infinity, never without an order.
                std::cmp::Ordering::Equal,
            )
    })
}

/// Rank first; of equal ranks, the draw decides, and the id if that is equal, too.
fn importance(feature: &Feature, rules: &Rules) -> (f64, f64, u64) {
    let id = feature.id.get();
    (rules.rank_of(feature), chance(id), id)
}

/// A point amid those of a cell, with the id and values of the most important.
fn cluster(members: &[(&Feature, Point<f64>)], best: &Feature, fates: &mut Fates) -> LevelFeature {
    let mut sum = [0.0, 0.0];
    for (feature, point) in members {
        sum = [sum[0] + point.x(), sum[1] + point.y()];
        fates.set(feature.id, Fate::Merged(best.id));
    }
    let middle = sum.map(|sum| sum / members.len() as f64);
    LevelFeature {
        feature: Feature {
            geometry: Some(Geometry::Point(middle.into())),
            ..best.clone()
        },
        members: members.iter().map(|(feature, _)| feature.id).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use model::{FeatureId, Value};
    use proptest::prelude::*;

    use super::*;
    use crate::generalise::{Level, generalise};

    /// Points with ranks, whose ids are their places in the list.
    fn features(points: &[(f64, f64, i64)]) -> Vec<Feature> {
        (0..)
            .zip(points)
            .map(|(id, &(x, y, rank))| Feature {
                id: FeatureId::new(id).unwrap(),
                geometry: Some(Geometry::Point(Point::new(x, y))),
                values: vec![Value::Integer(rank)],
            })
            .collect()
    }

    fn ranked(cluster: bool) -> Rules {
        let mut rules = Rules {
            rank: Some(0),
            ..Rules::default()
        };
        rules.shaping.cluster = cluster;
        rules
    }

    fn ids(level: &Level) -> BTreeSet<FeatureId> {
        level.features.iter().map(|f| f.feature.id).collect()
    }

    /// Coordinates as SWEREF 99 TM has them, on both sides of a cell's border.
    fn some_points() -> impl Strategy<Value = Vec<(f64, f64, i64)>> {
        let point = (655_000.0..659_000.0, 6_550_000.0..6_554_000.0, 0..5_i64);
        prop::collection::vec(point, 0..400)
    }

    proptest! {
        #[test]
        fn each_cell_with_points_shows_the_most_important(points in some_points()) {
            let all = features(&points);
            let level = generalise(&all, &ranked(false), 20.0);
            let cells = Cells::at_least(8.0 * 20.0);
            let mut best: BTreeMap<_, i64> = BTreeMap::new();
            for &(x, y, rank) in &points {
                let of_cell = best.entry(cells.of([x, y])).or_insert(rank);
                *of_cell = rank.max(*of_cell);
            }
            let shown: Vec<_> = level.features.iter().map(|shown| {
                let (x, y, rank) = points[shown.feature.id.get() as usize];
                (cells.of([x, y]), rank)
            }).collect();
            prop_assert_eq!(shown.len(), best.len());
            prop_assert_eq!(shown.into_iter().collect::<BTreeMap<_, _>>(), best);
        }

        #[test]
        fn who_is_shown_is_shown_at_all_deeper_levels(
            points in some_points(),
            has_rank in any::<bool>(),
        ) {
            let all = features(&points);
            let rules = if has_rank { ranked(false) } else { Rules::default() };
            let mut before = BTreeSet::new();
            // The levels of two sets, of which one does not halve its pixels.
            for pixel_m in [5000.0, 1000.0, 611.5, 305.7, 100.0, 38.2, 9.55, 2.0, 0.1] {
                let here = ids(&generalise(&all, &rules, pixel_m));
                prop_assert!(before.is_subset(&here), "at {pixel_m}");
                before = here;
            }
        }

        #[test]
        fn clusters_count_every_point_once(points in some_points(), pixel_m in 1.0..500.0) {
            let all = features(&points);
            let level = generalise(&all, &ranked(true), pixel_m);
            let mut members: Vec<FeatureId> =
                level.features.iter().flat_map(|f| f.members.clone()).collect();
            members.sort();
            prop_assert_eq!(members, all.iter().map(|f| f.id).collect::<Vec<_>>());
        }

        #[test]
        fn the_order_of_points_does_not_matter(points in some_points(), cluster in any::<bool>()) {
            let mut all = features(&points);
            let forth = generalise(&all, &ranked(cluster), 50.0);
            all.reverse();
            prop_assert_eq!(generalise(&all, &ranked(cluster), 50.0), forth);
        }

        #[test]
        fn an_edit_changes_its_own_cell_alone(
            points in some_points(),
            edit in (655_000.0..659_000.0, 6_550_000.0..6_554_000.0, 0..5_i64),
        ) {
            let cells = Cells::at_least(8.0 * 20.0);
            let before = generalise(&features(&points), &ranked(false), 20.0);
            let mut more = points.clone();
            more.push(edit);
            let after = generalise(&features(&more), &ranked(false), 20.0);
            let elsewhere = |level: &Level| -> BTreeSet<FeatureId> {
                ids(level).into_iter().filter(|id| {
                    let (x, y, _) = more[id.get() as usize];
                    cells.of([x, y]) != cells.of([edit.0, edit.1])
                }).collect()
            };
            prop_assert_eq!(elsewhere(&before), elsewhere(&after));
        }
    }

    #[test]
    fn a_cluster_lies_amid_its_points_and_has_the_values_of_the_first_in_rank() {
        let all = features(&[(1.0, 1.0, 3), (2.0, 3.0, 7), (3.0, 2.0, 5)]);
        let level = generalise(&all, &ranked(true), 10.0);
        assert_eq!(level.features.len(), 1);
        let shown = &level.features[0];
        assert_eq!(shown.feature.id, all[1].id);
        assert_eq!(shown.feature.values, [Value::Integer(7)]);
        assert_eq!(
            shown.feature.geometry,
            Some(Geometry::Point((2.0, 2.0).into()))
        );
        assert_eq!(shown.members.len(), 3);
        assert_eq!(
            level.report.fate_of(all[0].id),
            Some(Fate::Merged(all[1].id))
        );
    }
}
