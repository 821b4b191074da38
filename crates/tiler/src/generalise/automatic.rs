//! Rules that suit a collection, found out from its features.

use std::collections::HashSet;

use geo_types::Geometry;
use model::{Column, ColumnKind, Feature, Schema};

use crate::generalise::grid::Node;
use crate::generalise::polygons::{Polygons, Rings};
use crate::generalise::rules::Rules;
use crate::generalise::{in_order, polygons_of};

/// Columns of numbers that say how important a feature is.
const RANK_COLUMNS: [&str; 6] = [
    "rank",
    "rang",
    "importance",
    "population",
    "befolkning",
    "folkmangd",
];

/// A column of more values than this tells features apart, and is no class.
const MOST_CLASSES: usize = 32;

/// Features that share a value of a class, on average.
const LEAST_OF_A_CLASS: usize = 8;

/// Whether a column tells kinds of features apart rather than features.
fn is_class(kind: ColumnKind, place: usize, features: &[Feature]) -> bool {
    if !matches!(
        kind,
        ColumnKind::Text | ColumnKind::Integer | ColumnKind::Boolean
    ) {
        return false;
    }
    let mut values: HashSet<String> = HashSet::new();
    for feature in features {
        values.insert(format!("{:?}", feature.values.get(place)));
        if values.len() > MOST_CLASSES {
            return false;
        }
    }
    values.len() > 1 && values.len() * LEAST_OF_A_CLASS <= features.len()
}

impl Rules {
    /// Returns rules that suit a collection, found out from all of its features:
    ///
    /// - columns of few values, each shared by many features, are classes;
    /// - a column of numbers by a usual name, such as `rang` or `befolkning`, is the rank;
    /// - polygons are a coverage if those around their middle lie side by side.
    ///
    /// To be found once, and then kept: a level made in parts needs the same for each.
    pub fn automatic(schema: &Schema, features: &[Feature]) -> Rules {
        let is_rank = |column: &Column| {
            matches!(column.kind, ColumnKind::Integer | ColumnKind::Number)
                && RANK_COLUMNS
                    .iter()
                    .any(|name| column.name.eq_ignore_ascii_case(name))
        };
        let mut rules = Rules {
            rank: schema.columns.iter().position(is_rank),
            ..Rules::default()
        };
        rules.class = (0..schema.columns.len())
            .filter(|&place| Some(place) != rules.rank)
            .filter(|&place| is_class(schema.columns[place].kind, place, features))
            .collect();
        rules.coverage = Some(are_coverage(features, &rules));
        rules
    }
}

/// Whether the polygons among features are a coverage, judged by those around their middle.
fn are_coverage(features: &[Feature], rules: &Rules) -> bool {
    /// Polygons that are looked at: enough to tell, few enough to cost nothing.
    const SAMPLE: usize = 2000;
    let mut polygons: Vec<(Node, &Feature, Rings)> = in_order(features)
        .into_iter()
        .filter_map(|feature| {
            let polygons = match feature.geometry.as_ref()? {
                Geometry::Polygon(one) => polygons_of([one])?,
                Geometry::MultiPolygon(many) => polygons_of(&many.0)?,
                _ => return None,
            };
            let corner = *polygons.first()?.first()?.first()?;
            Some((corner, feature, polygons))
        })
        .collect();
    if polygons.len() > SAMPLE {
        let middle = [0, 1].map(|i| {
            let mut along: Vec<i64> = polygons.iter().map(|(corner, ..)| corner[i]).collect();
            let half = along.len() / 2;
            *along.select_nth_unstable(half).1
        });
        let distance = |corner: &Node| {
            let apart = |i: usize| (corner[i].saturating_sub(middle[i])).saturating_abs();
            apart(0).max(apart(1))
        };
        polygons.select_nth_unstable_by_key(SAMPLE, |(corner, feature, _)| {
            (distance(corner), feature.id)
        });
        polygons.truncate(SAMPLE);
        polygons.sort_by_key(|(_, feature, _)| feature.id);
    }
    let polygons = polygons.into_iter().map(|(_, f, p)| (f, p)).collect();
    Polygons::are_coverage(polygons, rules)
}
