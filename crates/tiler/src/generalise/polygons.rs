//! Polygons: brought together on the grid, dissolved where they get too small, simplified by
//! the borders that they share.

use std::collections::{BTreeSet, HashMap};

use geo_types::{Geometry, LineString, MultiPolygon, Polygon};
use model::Feature;
use rstar::{AABB, RTree};

use crate::generalise::apart::simplified_apart;
use crate::generalise::arcs::{Junctions, cut, direct};
use crate::generalise::coverage::{Group, dissolved, is_coverage};
use crate::generalise::faces::{Face, steps};
use crate::generalise::footprints::footprints;
use crate::generalise::grid::{self, Node, WELD, twice_area, weld};
use crate::generalise::report::{Fate, Fates, Reason};
use crate::generalise::rules::Rules;
use crate::generalise::united::{mended, united};
use crate::generalise::{LevelFeature, common_values, in_order, polygons_of};

/// Of each polygon its rings, the exterior first.
type Polygons = Vec<Vec<Vec<Node>>>;

/// A feature's polygons.
pub(crate) struct Shape<'a> {
    pub(crate) feature: &'a Feature,
    pub(crate) class: String,
    /// Of each polygon: its exterior, which turns to the left, and its holes, which turn to
    /// the right. None repeats its first place.
    pub(crate) polygons: Vec<Vec<Vec<Node>>>,
    /// In square units of the CRS.
    pub(crate) area: f64,
}

impl Shape<'_> {
    pub(crate) fn rings(&self) -> impl Iterator<Item = &[Node]> + Clone {
        self.polygons.iter().flatten().map(|ring| &ring[..])
    }

    /// West, south, east and north.
    pub(crate) fn bounds(&self) -> [Node; 2] {
        let start = [[i64::MAX; 2], [i64::MIN; 2]];
        self.rings().flatten().fold(start, |[low, high], node| {
            [
                [low[0].min(node[0]), low[1].min(node[1])],
                [high[0].max(node[0]), high[1].max(node[1])],
            ]
        })
    }

    /// The middle of its bounds.
    pub(crate) fn middle(&self) -> Node {
        let [low, high] = self.bounds();
        [0, 1].map(|i| (low[i] + high[i]).div_euclid(2))
    }
}

/// Dissolves and simplifies polygons.
pub(crate) fn simplify(
    polygons: &[(&Feature, Vec<Vec<Vec<Node>>>)],
    rules: &Rules,
    pixel_m: f64,
    shown: &mut Vec<LevelFeature>,
    fates: &mut Fates,
) {
    let shapes = shapes_of(polygons, rules, fates);
    let least = rules.polygons.min_area_px * pixel_m * pixel_m;
    let coverage = rules
        .polygons
        .coverage
        .unwrap_or_else(|| is_coverage(&shapes));
    let groups = if coverage {
        dissolved(&shapes, least, pixel_m)
    } else {
        (0..shapes.len()).map(Group::of_one).collect()
    };
    let reach = grid::steps(2.0 * pixel_m) as i64;
    let is_tiny = |group: &Group| {
        let [shape] = group.members[..] else {
            return false;
        };
        let [low, high] = shapes[shape].bounds();
        shapes[shape].area < least
            && !group.has_neighbours
            && (0..2).all(|i| high[i] - low[i] < reach)
    };
    let (tiny, large): (Vec<Group>, Vec<Group>) = groups.into_iter().partition(is_tiny);
    let tiny: Vec<&Shape> = tiny.iter().map(|group| &shapes[group.members[0]]).collect();
    footprints(&tiny, pixel_m, shown, fates);

    let faces: Vec<Vec<Face>> = large
        .iter()
        .map(|group| faces_of(group, &shapes, least))
        .collect();
    let tolerance = grid::steps(rules.tolerance_px * pixel_m);
    for (group, faces) in large.iter().zip(simplified_together(&faces, tolerance)) {
        shown.push(level_feature(group, &shapes, &faces, fates));
    }
}

/// Whether the polygons among features are a coverage, judged by those around their middle.
pub(crate) fn are_coverage(features: &[Feature], rules: &Rules) -> bool {
    /// Polygons that are looked at: enough to tell, few enough to cost nothing.
    const SAMPLE: usize = 2000;
    let mut polygons: Vec<(Node, &Feature, Polygons)> = in_order(features)
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
    let polygons: Vec<_> = polygons.into_iter().map(|(_, f, p)| (f, p)).collect();
    is_coverage(&shapes_of(&polygons, rules, &mut Fates::default()))
}

fn level_feature(
    group: &Group,
    shapes: &[Shape],
    faces: &[Face],
    fates: &mut Fates,
) -> LevelFeature {
    let members = || group.members.iter().map(|&member| shapes[member].feature);
    let (id, values) = match group.owner {
        Some(owner) => (
            shapes[owner].feature.id,
            shapes[owner].feature.values.clone(),
        ),
        None => (
            shapes[group.members[0]].feature.id,
            common_values(members()),
        ),
    };
    for member in members() {
        let fate = if group.members.len() == 1 {
            Fate::Kept
        } else {
            Fate::Merged(id)
        };
        fates.set(member.id, fate);
    }
    let mut geometry = to_geo(faces);
    let geometry = match geometry.0.pop() {
        Some(only) if geometry.0.is_empty() => Geometry::Polygon(only),
        Some(last) => {
            geometry.0.push(last);
            Geometry::MultiPolygon(geometry)
        }
        None => Geometry::MultiPolygon(geometry),
    };
    LevelFeature {
        feature: Feature {
            id,
            geometry: Some(geometry),
            values,
        },
        members: members().map(|member| member.id).collect(),
    }
}

/// Polygons in the CRS.
pub(crate) fn to_geo(faces: &[Face]) -> MultiPolygon<f64> {
    let closed = |ring: &Vec<Node>| -> LineString<f64> {
        let mut line = grid::line(ring);
        line.close();
        line
    };
    let polygon = |face: &Face| {
        Polygon::new(
            closed(&face.exterior),
            face.holes.iter().map(closed).collect(),
        )
    };
    MultiPolygon(faces.iter().map(polygon).collect())
}

/// The features with their rings turned the same way, and with a vertex wherever another
/// one's corner lies on their border. What has no area is left out.
fn shapes_of<'a>(
    polygons: &[(&'a Feature, Vec<Vec<Vec<Node>>>)],
    rules: &Rules,
    fates: &mut Fates,
) -> Vec<Shape<'a>> {
    let mut polygons: Vec<(&Feature, Vec<Vec<Vec<Node>>>)> = polygons.to_vec();
    weld(
        polygons
            .iter_mut()
            .flat_map(|(_, polygons)| polygons.iter_mut().flatten()),
    );
    for (_, list) in &mut polygons {
        if let Some(mended) = mended(list) {
            *list = mended;
        }
    }
    let corners: BTreeSet<Node> = polygons
        .iter()
        .flat_map(|(_, polygons)| polygons.iter().flatten().flatten().copied())
        .collect();
    let corners = RTree::bulk_load(corners.iter().map(|node| node.map(|n| n as f64)).collect());
    let mut shapes = Vec::new();
    for (feature, list) in polygons {
        let mut twice = 0;
        let mut polygons = Vec::new();
        for rings in list {
            let mut kept: Vec<Vec<Node>> = Vec::new();
            for (i, mut ring) in rings.into_iter().enumerate() {
                while ring.len() > 1 && ring.first() == ring.last() {
                    ring.pop();
                }
                let mut ring = with_corners_of_others(&ring, &corners);
                let of_ring = twice_area(&ring);
                if ring.len() < 3 || of_ring == 0 {
                    if i == 0 {
                        break;
                    }
                    continue;
                }
                if (of_ring > 0) != (i == 0) {
                    ring.reverse();
                }
                twice += if i == 0 {
                    of_ring.abs()
                } else {
                    -of_ring.abs()
                };
                kept.push(ring);
            }
            if !kept.is_empty() {
                polygons.push(kept);
            }
        }
        if polygons.is_empty() {
            fates.set(feature.id, Fate::Dropped(Reason::NoArea));
        } else {
            shapes.push(Shape {
                feature,
                class: rules.class_of(feature),
                polygons,
                area: grid::area(twice),
            });
        }
    }
    shapes
}

/// The ring with vertices where others have corners on it.
fn with_corners_of_others(ring: &[Node], corners: &RTree<[f64; 2]>) -> Vec<Node> {
    let mut out = Vec::with_capacity(ring.len());
    for (a, b) in steps(ring) {
        out.push(a);
        // The same for both who share the border.
        let (from, to) = (a.min(b), a.max(b));
        let along = [0, 1].map(|i| (to[i] - from[i]) as f64);
        let length = along[0].hypot(along[1]);
        let reach = WELD as f64;
        let around = AABB::from_corners(
            [0, 1].map(|i| from[i].min(to[i]) as f64 - reach),
            [0, 1].map(|i| from[i].max(to[i]) as f64 + reach),
        );
        let mut on_the_way: Vec<(f64, Node)> = Vec::new();
        for corner in corners.locate_in_envelope(around) {
            let node = corner.map(|n| n as i64);
            let [dx, dy] = [0, 1].map(|i| (node[i] - from[i]) as f64);
            let ahead = (dx * along[0] + dy * along[1]) / length;
            let aside = (dx * along[1] - dy * along[0]) / length;
            if node != a && node != b && ahead > 0.0 && ahead < length && aside.abs() <= reach {
                on_the_way.push((ahead, node));
            }
        }
        on_the_way.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let nodes = on_the_way.iter().map(|&(_, node)| node);
        if a < b {
            out.extend(nodes);
        } else {
            out.extend(nodes.rev());
        }
    }
    out
}

/// What a group covers. Gaps under `least` between its members are closed: no eye sees them,
/// and borders that do not quite agree leave many.
fn faces_of(group: &Group, shapes: &[Shape], least: f64) -> Vec<Face> {
    let members = group.members.iter();
    let mut faces = united(members.flat_map(|&member| shapes[member].rings()));
    if group.members.len() > 1 {
        for face in &mut faces {
            face.holes
                .retain(|hole| grid::area(twice_area(hole).abs()) >= least);
        }
    }
    faces
}

/// A ring as arcs, and whether each is run through backwards.
type Course = Vec<(usize, bool)>;

/// Simplifies the borders of all, each once for both sides of it.
fn simplified_together(all: &[Vec<Face>], tolerance: f64) -> Vec<Vec<Face>> {
    let closed = |ring: &Vec<Node>| {
        let mut line = ring.clone();
        line.extend(ring.first());
        line
    };
    let rings = || {
        all.iter()
            .flatten()
            .flat_map(|face| std::iter::once(&face.exterior).chain(&face.holes))
    };
    let mut junctions = Junctions::default();
    for ring in rings() {
        junctions.add_line(&closed(ring));
    }
    let mut numbers: HashMap<Vec<Node>, usize> = HashMap::new();
    let mut arcs: Vec<Vec<Node>> = Vec::new();
    let mut courses: Vec<Course> = Vec::new();
    for ring in rings() {
        let mut course = Course::new();
        for mut arc in cut(&closed(ring), &junctions) {
            let is_turned = direct(&mut arc);
            let number = *numbers.entry(arc).or_insert_with_key(|arc| {
                arcs.push(arc.clone());
                arcs.len() - 1
            });
            course.push((number, is_turned));
        }
        courses.push(course);
    }
    drop(numbers);
    let simple = simplified_apart(&arcs, tolerance);
    let mut courses = courses.iter();
    let mut next = || {
        let mut ring: Vec<Node> = Vec::new();
        for &(arc, is_turned) in courses.next().into_iter().flatten() {
            let nodes = &simple[arc];
            // Each arc ends where the next begins.
            if is_turned {
                ring.extend(nodes[1..].iter().rev());
            } else {
                ring.extend(&nodes[..nodes.len() - 1]);
            }
        }
        ring
    };
    all.iter()
        .map(|faces| {
            faces
                .iter()
                .map(|face| Face {
                    exterior: next(),
                    holes: face.holes.iter().map(|_| next()).collect(),
                })
                .collect()
        })
        .collect()
}
