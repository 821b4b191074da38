//! What a level shows of a collection, decided once for the whole level.
//!
//! A tile at low zoom holds a city. What to show of it cannot be decided tile by tile:
//! neighbours would disagree. So a level is a collection of its own, made here from the
//! features and the size of a pixel, and cut into tiles like any other.
//! `docs/adr/0011-levels.md` says which rules hold and why.
//!
//! Modules, in reading order: `rules` (what one can ask for; `automatic` finds them), `report` (what was done with
//! each feature), `cells` (which make decisions local), `points`; then `grid`, `places` and
//! `arcs` (topology in whole numbers), `strips` (what lies near), `sets`, `classes`,
//! `chains`, `strokes`, `lines`; `shape`, `faces`, `united` and `apart` (polygons side by side),
//! `coverage`, `footprints` and `polygons`.
//!
//! What all levels have in common, such as which borders are shared, is found once: that is
//! a [`Topology`]. Of it [`Draft`]s are made, level by level, each of what the finer one kept
//! (`docs/adr/0013-levels-from-finer-ones.md`).
//!
//! All of it is pure: equal features give equal levels, in whatever order they come. It knows
//! neither tiles nor files, and starts no threads; drafts may be drawn side by side.

mod apart;
mod arcs;
mod automatic;
mod cells;
mod chains;
mod classes;
mod coverage;
mod faces;
mod footprints;
mod grid;
mod lines;
mod places;
mod points;
mod polygons;
mod report;
mod rules;
mod sets;
mod shape;
mod strips;
mod strokes;
#[cfg(test)]
mod tests;
mod united;

use geo_types::{Geometry, LineString, Point, Polygon};
use model::{Feature, FeatureId, Value};

use grid::Node;
use lines::Lines;
use polygons::Polygons;
use report::Fates;

pub use report::{Counts, Fate, Reason, Report};
pub use rules::{Rules, Shaping};

/// What a level shows of a collection.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Features of the level, in ascending order of their ids, which are unique.
    pub features: Vec<LevelFeature>,
    /// What became of each feature of the collection.
    pub report: Report,
}

/// A feature of a level, which stands for one or more of the collection.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelFeature {
    /// Its id is the smallest of `members`, but for points and for polygons that took
    /// others in, which keep their own. A value is that of all members; [`Value::Null`]
    /// where they differ. Points keep the values of the one that is shown.
    pub feature: Feature,
    /// Ids of the features that it stands for, ascending. Of a cluster of points, their
    /// number is what tiles call `point_count`.
    pub members: Vec<FeatureId>,
}

/// Returns what a level shows of all features.
#[cfg(test)]
pub(crate) fn generalise(features: &[Feature], rules: &Rules, pixel_m: f64) -> Level {
    Topology::new(features, rules.clone(), f64::NEG_INFINITY).drafts(&[pixel_m])[0].level(true)
}

/// Features brought to the grid, with what they share: levels are made of it.
pub struct Topology<'a> {
    rules: Rules,
    below_rank: Vec<&'a Feature>,
    without_geometry: Vec<&'a Feature>,
    off_the_map: Vec<&'a Feature>,
    /// Shown as they are.
    others: Vec<&'a Feature>,
    points: Vec<(&'a Feature, Point<f64>)>,
    lines: Lines<'a>,
    polygons: Polygons<'a>,
}

impl<'a> Topology<'a> {
    /// Returns the topology of `features`, which are all of a collection or of a part of it
    /// that is whole in the sense of `docs/adr/0011-levels.md`, as far as their rank is
    /// `rank_floor` or over; the others are not shown. All of its levels follow `rules`.
    ///
    /// # Shape and units
    ///
    /// Coordinates are in the units of one projected CRS, metres for all that Sweden uses.
    /// Ids are unique. No feature's order matters.
    ///
    /// A feature without geometry is left out. One whose geometry mixes points, lines and
    /// polygons, or has several points, is shown as it is.
    pub fn new(features: &'a [Feature], rules: Rules, rank_floor: f64) -> Topology<'a> {
        let mut below_rank = Vec::new();
        let mut without_geometry = Vec::new();
        let mut off_the_map = Vec::new();
        let mut others = Vec::new();
        let mut points = Vec::new();
        let mut lines = Vec::new();
        let mut polygons = Vec::new();
        for feature in in_order(features) {
            if rules.rank_of(feature) < rank_floor {
                below_rank.push(feature);
                continue;
            }
            match &feature.geometry {
                None => without_geometry.push(feature),
                Some(Geometry::Point(point)) => points.push((feature, *point)),
                Some(Geometry::MultiPoint(many)) if many.0.len() == 1 => {
                    points.push((feature, many.0[0]));
                }
                Some(Geometry::LineString(line)) => {
                    put(feature, lines_of([line]), &mut lines, &mut off_the_map)
                }
                Some(Geometry::MultiLineString(many)) => {
                    put(feature, lines_of(&many.0), &mut lines, &mut off_the_map)
                }
                Some(Geometry::Polygon(one)) => {
                    put(feature, polygons_of([one]), &mut polygons, &mut off_the_map)
                }
                Some(Geometry::MultiPolygon(many)) => put(
                    feature,
                    polygons_of(&many.0),
                    &mut polygons,
                    &mut off_the_map,
                ),
                Some(_) => others.push(feature),
            }
        }
        Topology {
            below_rank,
            without_geometry,
            off_the_map,
            others,
            points,
            lines: Lines::new(lines, &rules),
            polygons: Polygons::new(polygons, &rules),
            rules,
        }
    }

    /// Returns what levels keep, given how wide their pixels are, in units of the CRS and over
    /// zero, from the finest to the coarsest.
    ///
    /// Each is made of what the one before it kept, so that what is one at a level is one at
    /// all coarser ones, and coarse levels cost as little as they show. Borders are not
    /// simplified yet: that is done from what was delivered for each level, and no error adds
    /// up.
    pub fn drafts(&self, pixels_m: &[f64]) -> Vec<Draft<'_, 'a>> {
        let Rules { shaping, .. } = &self.rules;
        let mut drafts: Vec<Draft<'_, 'a>> = Vec::new();
        for &pixel_m in pixels_m {
            let (points, polygons) = match drafts.last() {
                Some(finer) => (&finer.points, &finer.polygons),
                None => (&self.points, &self.polygons),
            };
            let draft = Draft {
                of: self,
                pixel_m,
                points: points::kept(points, &self.rules, pixel_m),
                polygons: polygons.dissolved(shaping, pixel_m),
            };
            drafts.push(draft);
        }
        drafts
    }
}

/// What a level keeps of a collection, before it is drawn.
pub struct Draft<'t, 'a> {
    of: &'t Topology<'a>,
    pixel_m: f64,
    points: Vec<(&'a Feature, Point<f64>)>,
    polygons: Polygons<'a>,
}

impl Draft<'_, '_> {
    /// Returns what the level shows, and, if it `is_asked`, what became of each feature.
    pub fn level(&self, is_asked: bool) -> Level {
        let Topology { rules, .. } = self.of;
        let mut fates = Fates::new(is_asked);
        let mut shown = Vec::new();
        let mut leave_out = |features: &[&Feature], reason: Reason| {
            for feature in features {
                fates.set(feature.id, Fate::Dropped(reason));
            }
        };
        leave_out(&self.of.below_rank, Reason::BelowRank);
        leave_out(&self.of.without_geometry, Reason::NoGeometry);
        leave_out(&self.of.off_the_map, Reason::OffTheMap);
        let others = self.of.others.iter();
        shown.extend(others.map(|other| as_it_is(other, &mut fates)));
        // Both give the same, but only one tells of those that finer levels left out.
        let points = if is_asked {
            &self.of.points
        } else {
            &self.points
        };
        points::thin(points, rules, self.pixel_m, &mut shown, &mut fates);
        let lines = &self.of.lines;
        lines.simplify(&rules.shaping, self.pixel_m, &mut shown, &mut fates);
        self.polygons
            .draw(&rules.shaping, self.pixel_m, &mut shown, &mut fates);
        finish(shown, fates, self.pixel_m)
    }
}

fn finish(mut features: Vec<LevelFeature>, fates: Fates, pixel_m: f64) -> Level {
    features.sort_by_key(|shown| shown.feature.id);
    Level {
        features,
        report: fates.report(pixel_m),
    }
}

/// The features in the order of their ids, so that nothing depends on how they came.
fn in_order(features: &[Feature]) -> Vec<&Feature> {
    let mut list: Vec<&Feature> = features.iter().collect();
    list.sort_by_key(|feature| feature.id);
    list
}

fn lines_of<'a>(lines: impl IntoIterator<Item = &'a LineString<f64>>) -> Option<Vec<Vec<Node>>> {
    lines.into_iter().map(grid::nodes).collect()
}

/// The rings of each polygon, the exterior first.
fn polygons_of<'a>(
    polygons: impl IntoIterator<Item = &'a Polygon<f64>>,
) -> Option<Vec<Vec<Vec<Node>>>> {
    let rings = |polygon: &'a Polygon<f64>| {
        let rings = std::iter::once(polygon.exterior()).chain(polygon.interiors());
        rings.map(grid::nodes).collect()
    };
    polygons.into_iter().map(rings).collect()
}

/// Puts a feature on a list with its geometry on the grid, or on that of those without.
fn put<'a, T>(
    feature: &'a Feature,
    on_grid: Option<T>,
    list: &mut Vec<(&'a Feature, T)>,
    off_the_map: &mut Vec<&'a Feature>,
) {
    match on_grid {
        Some(on_grid) => list.push((feature, on_grid)),
        None => off_the_map.push(feature),
    }
}

fn as_it_is(feature: &Feature, fates: &mut Fates) -> LevelFeature {
    fates.set(feature.id, Fate::Kept);
    LevelFeature {
        feature: feature.clone(),
        members: vec![feature.id],
    }
}

/// What `members` have in common: each value that they share, and null where they differ.
fn common_values<'a>(mut members: impl Iterator<Item = &'a Feature>) -> Vec<Value> {
    let mut values = members
        .next()
        .map(|first| first.values.clone())
        .unwrap_or_default();
    for member in members {
        for (value, other) in values.iter_mut().zip(&member.values) {
            if value != other {
                *value = Value::Null;
            }
        }
    }
    values
}
