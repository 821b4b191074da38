//! Polygons: brought together on the grid, dissolved where they get too small, simplified by
//! the borders that they share.

use std::borrow::Cow;
use std::sync::Arc;

use geo_types::{Geometry, MultiPolygon};
use model::Feature;

use crate::generalise::apart::simplified_apart;
use crate::generalise::arcs::{Junctions, cut, direct};
use crate::generalise::classes::Classes;
use crate::generalise::coverage::{Border, Group, borders_of, dissolved, is_coverage};
use crate::generalise::faces::{Face, steps};
use crate::generalise::footprints::footprints;
use crate::generalise::grid::{self, Node, WELD, twice_area};
use crate::generalise::places::{Place, Places, weld};
use crate::generalise::report::{Fate, Fates, Reason};
use crate::generalise::rules::{Rules, Shaping};
use crate::generalise::shape::{Shape, to_geo};
use crate::generalise::strips::{Extent, Strips};
use crate::generalise::united::{mended, united};
use crate::generalise::{LevelFeature, common_values};

/// Of each polygon its rings, the exterior first.
pub(crate) type Rings = Vec<Vec<Vec<Node>>>;

/// Polygons brought together on the grid, as they were delivered or as a level keeps them.
#[derive(Clone)]
pub(crate) struct Polygons<'a> {
    places: Arc<Places>,
    shapes: Vec<Arc<Shape<'a>>>,
    borders: Arc<[Border]>,
    is_coverage: bool,
    without_area: Vec<&'a Feature>,
}

impl<'a> Polygons<'a> {
    pub(crate) fn new(polygons: Vec<(&'a Feature, Rings)>, rules: &Rules) -> Polygons<'a> {
        let mut new = Polygons::unjudged(polygons, rules);
        if rules.coverage != Some(false) {
            let borders = borders_of(&new.shapes, &new.places);
            let judged = || is_coverage(&new.shapes, &borders, &new.places);
            new.is_coverage = rules.coverage.unwrap_or_else(judged);
            new.borders = borders.into();
        }
        new
    }

    /// Whether polygons lie side by side, next to nowhere overlapping.
    pub(crate) fn are_coverage(polygons: Vec<(&'a Feature, Rings)>, rules: &Rules) -> bool {
        let Polygons { shapes, places, .. } = Polygons::unjudged(polygons, rules);
        is_coverage(&shapes, &borders_of(&shapes, &places), &places)
    }

    /// Returns what a level keeps of them, of which it is drawn and coarser ones are made: in a
    /// coverage, what is too small is dissolved.
    pub(crate) fn dissolved(&self, shaping: &Shaping, pixel_m: f64) -> Polygons<'a> {
        let least = shaping.min_area_px * pixel_m * pixel_m;
        let found = match self.is_coverage {
            true => dissolved(&self.shapes, &self.borders, least, pixel_m),
            false => None,
        };
        let Some((groups, borders)) = found else {
            return self.clone();
        };
        let mut places = Cow::Borrowed(&*self.places);
        let shapes = groups.iter().map(|group| match group.members[..] {
            [only] => Arc::clone(&self.shapes[only]),
            _ => Arc::new(joined(group, &self.shapes, least, &mut places)),
        });
        let shapes = shapes.collect();
        Polygons {
            shapes,
            places: match places {
                Cow::Borrowed(_) => Arc::clone(&self.places),
                Cow::Owned(with_crossings) => Arc::new(with_crossings),
            },
            borders: borders.into(),
            is_coverage: self.is_coverage,
            without_area: self.without_area.clone(),
        }
    }

    /// Draws them for a level: simplifies their borders, and shows as footprints what is tiny
    /// and has no neighbours.
    pub(crate) fn draw(
        &self,
        shaping: &Shaping,
        pixel_m: f64,
        shown: &mut Vec<LevelFeature>,
        fates: &mut Fates,
    ) {
        for feature in &self.without_area {
            fates.set(feature.id, Fate::Dropped(Reason::NoArea));
        }
        let least = shaping.min_area_px * pixel_m * pixel_m;
        let mut has_neighbours = vec![false; self.shapes.len()];
        if self.is_coverage {
            for border in self.borders.iter() {
                has_neighbours[border.one] = true;
            }
        }
        let reach = grid::steps(2.0 * pixel_m) as i64;
        let is_tiny = |(shape, has_neighbours): &(&Shape, bool)| {
            let [low, high] = shape.bounds;
            !has_neighbours
                && shape.members.len() == 1
                && shape.area < least
                && (0..2).all(|i| high[i] - low[i] < reach)
        };
        let all = self.shapes.iter().map(|shape| &**shape).zip(has_neighbours);
        let (tiny, large): (Vec<_>, Vec<_>) = all.partition(is_tiny);
        let tiny: Vec<&Shape> = tiny.into_iter().map(|(shape, _)| shape).collect();
        footprints(&tiny, &self.places, pixel_m, shown, fates);

        let large: Vec<&Shape> = large.into_iter().map(|(shape, _)| shape).collect();
        let faces: Vec<&[Face]> = large.iter().map(|shape| &shape.faces[..]).collect();
        let tolerance = grid::steps(shaping.tolerance_px * pixel_m);
        let simplified = simplified_together(&faces, &self.places, tolerance);
        for (shape, faces) in large.iter().zip(simplified) {
            let geometry = to_geo(&faces, &self.places);
            shown.push(level_feature(shape, geometry, fates));
        }
    }
}

fn level_feature(
    shape: &Shape,
    mut geometry: MultiPolygon<f64>,
    fates: &mut Fates,
) -> LevelFeature {
    let named_by = shape.named_by();
    let id = named_by[0].id;
    for member in &shape.members {
        let fate = if shape.members.len() == 1 {
            Fate::Kept
        } else {
            Fate::Merged(id)
        };
        fates.set(member.id, fate);
    }
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
            values: common_values(named_by.iter().copied()),
        },
        members: shape.members.iter().map(|member| member.id).collect(),
    }
}

/// Shapes of a coverage as one. Gaps under `least` between them are closed: no eye sees them,
/// and borders that do not quite agree leave many.
fn joined<'a>(
    group: &Group,
    shapes: &[Arc<Shape<'a>>],
    least: f64,
    places: &mut Cow<'_, Places>,
) -> Shape<'a> {
    let of_group = || group.members.iter().map(|&member| &*shapes[member]);
    let mut faces = united(of_group().flat_map(Shape::rings), places);
    for face in &mut faces {
        face.holes.retain(|hole| {
            let nodes: Vec<Node> = places.nodes(hole).collect();
            grid::area(twice_area(&nodes).abs()) >= least
        });
    }
    let mut members: Vec<&Feature> = of_group().flat_map(|shape| shape.members.clone()).collect();
    members.sort_unstable_by_key(|member| member.id);
    let largest = &shapes[group.largest];
    let corners = of_group().flat_map(|shape| shape.bounds);
    Shape {
        members,
        owners: group.has_owner.then(|| largest.named_by().to_vec()),
        class: largest.class,
        polygons: faces
            .iter()
            .map(|face| face.rings().cloned().collect())
            .collect(),
        faces,
        area: of_group().map(|shape| shape.area).sum(),
        bounds: grid::bounds(corners),
    }
}

impl<'a> Polygons<'a> {
    /// The features with their rings turned the same way, and with a vertex wherever another
    /// one's corner lies on their border. What has no area is left out. Whether they are a
    /// coverage is not said yet.
    fn unjudged(mut polygons: Vec<(&'a Feature, Rings)>, rules: &Rules) -> Polygons<'a> {
        weld(
            polygons
                .iter_mut()
                .flat_map(|(_, polygons)| polygons.iter_mut().flatten()),
        );
        let mut rings: Vec<Vec<Node>> = Vec::new();
        // How many rings each polygon of a feature has.
        let mut counts: Vec<(&Feature, Vec<usize>)> = Vec::new();
        for (feature, of_feature) in polygons {
            let of_feature = mended(&of_feature).unwrap_or(of_feature);
            counts.push((feature, of_feature.iter().map(Vec::len).collect()));
            rings.extend(of_feature.into_iter().flatten());
        }
        let (mut places, rings) = Places::number(&rings);
        let corners = (0..places.count() as Place).map(|place| places.at(place));
        let corners: Vec<Node> = corners.collect();
        let corners = Strips::new(corners.iter().map(|&at| Extent::Segment(at, at)));
        let mut rings = rings.into_iter();
        let mut classes = Classes::default();
        let mut shapes = Vec::new();
        let mut without_area = Vec::new();
        for (feature, counts) in counts {
            let mut area = 0;
            let mut polygons = Vec::new();
            for count in counts {
                let (kept, twice) = turned(rings.by_ref().take(count), &corners, &places);
                area += twice;
                if !kept.is_empty() {
                    polygons.push(kept);
                }
            }
            if polygons.is_empty() {
                without_area.push(feature);
                continue;
            }
            let all = polygons.iter().flatten().flatten();
            let bounds = grid::bounds(all.map(|&place| places.at(place)));
            shapes.push(Shape {
                members: vec![feature],
                owners: None,
                class: classes.of(feature, rules),
                polygons,
                faces: Vec::new(),
                area: grid::area(area),
                bounds,
            });
        }
        let mut with_crossings = Cow::Borrowed(&places);
        let faces: Vec<Vec<Face>> = shapes
            .iter()
            .map(|shape| united(shape.rings(), &mut with_crossings))
            .collect();
        if let Cow::Owned(with_crossings) = with_crossings {
            places = with_crossings;
        }
        for (shape, faces) in shapes.iter_mut().zip(faces) {
            shape.faces = faces;
        }
        Polygons {
            places: Arc::new(places),
            shapes: shapes.into_iter().map(Arc::new).collect(),
            borders: Arc::from([]),
            is_coverage: false,
            without_area,
        }
    }
}

/// The rings of a polygon with the inside on their left, and twice its area. Holes without
/// an area are left out, and all if the exterior has none.
fn turned(
    mut rings: impl Iterator<Item = Vec<Place>>,
    corners: &Strips,
    places: &Places,
) -> (Vec<Vec<Place>>, i128) {
    let mut kept: Vec<Vec<Place>> = Vec::new();
    let mut area = 0;
    let mut nodes: Vec<Node> = Vec::new();
    while let Some(mut ring) = rings.next() {
        while ring.len() > 1 && ring.first() == ring.last() {
            ring.pop();
        }
        let mut ring = with_corners_of_others(&ring, corners, places);
        nodes.clear();
        nodes.extend(places.nodes(&ring));
        let twice = twice_area(&nodes);
        let is_exterior = kept.is_empty();
        if ring.len() < 3 || twice == 0 {
            if is_exterior {
                rings.by_ref().for_each(drop);
            }
            continue;
        }
        if (twice > 0) != is_exterior {
            ring.reverse();
        }
        area += if is_exterior {
            twice.abs()
        } else {
            -twice.abs()
        };
        kept.push(ring);
    }
    (kept, area)
}

/// The ring with vertices where others have corners on it.
fn with_corners_of_others(ring: &[Place], corners: &Strips, places: &Places) -> Vec<Place> {
    let mut out = Vec::with_capacity(ring.len());
    let mut on_the_way: Vec<(f64, Place)> = Vec::new();
    for (a, b) in steps(ring) {
        out.push(a);
        // The same for both who share the border.
        let (from, to) = (places.at(a.min(b)), places.at(a.max(b)));
        let along = [0, 1].map(|i| (to[i] - from[i]) as f64);
        let length = along[0].hypot(along[1]);
        let segment = Extent::Segment(from, to);
        on_the_way.clear();
        corners.each_near(segment, WELD, |corner| {
            let place = corner as Place;
            if place == a || place == b {
                return;
            }
            let node = places.at(place);
            let [dx, dy] = [0, 1].map(|i| (node[i] - from[i]) as f64);
            let ahead = (dx * along[0] + dy * along[1]) / length;
            let aside = (dx * along[1] - dy * along[0]) / length;
            if ahead > 0.0 && ahead < length && aside.abs() <= WELD as f64 {
                on_the_way.push((ahead, place));
            }
        });
        on_the_way.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        on_the_way.dedup();
        let passed = on_the_way.iter().map(|&(_, place)| place);
        if a < b {
            out.extend(passed);
        } else {
            out.extend(passed.rev());
        }
    }
    out
}

/// Arcs, each once.
struct Arcs {
    arcs: Vec<Vec<Place>>,
    /// By the first place of an arc: the last arc that was added, and for each the one before.
    last: Vec<Option<u32>>,
    before: Vec<Option<u32>>,
}

impl Arcs {
    fn among(places: usize) -> Arcs {
        Arcs {
            arcs: Vec::new(),
            last: vec![None; places],
            before: Vec::new(),
        }
    }

    /// The number of an arc.
    fn number(&mut self, arc: &[Place]) -> u32 {
        let last = &mut self.last[arc[0] as usize];
        let mut at = *last;
        while let Some(number) = at {
            if self.arcs[number as usize] == arc {
                return number;
            }
            at = self.before[number as usize];
        }
        let number = self.arcs.len() as u32;
        self.before.push(last.replace(number));
        self.arcs.push(arc.to_vec());
        number
    }
}

/// Simplifies the borders of all, each once for both sides of it.
fn simplified_together(all: &[&[Face]], places: &Places, tolerance: f64) -> Vec<Vec<Face>> {
    let rings = || {
        all.iter()
            .flat_map(|faces| faces.iter())
            .flat_map(Face::rings)
    };
    let mut junctions = Junctions::among(places.count());
    for ring in rings() {
        junctions.add_ring(ring);
    }
    let mut arcs = Arcs::among(places.count());
    // Rings as arcs, each with whether it is run through backwards, and where they end.
    let mut courses: Vec<(u32, bool)> = Vec::new();
    let mut ends: Vec<usize> = Vec::new();
    let (mut closed, mut arc): (Vec<Place>, Vec<Place>) = Default::default();
    for ring in rings() {
        closed.clear();
        closed.extend(ring);
        closed.extend(ring.first());
        cut(&closed, &junctions, places, |piece| {
            arc.clear();
            arc.extend(piece);
            let is_turned = direct(&mut arc, places);
            courses.push((arcs.number(&arc), is_turned));
        });
        ends.push(courses.len());
    }
    let simple = simplified_apart(&arcs.arcs, places, tolerance);
    let mut start = 0;
    let mut ends = ends.into_iter();
    let mut next = || {
        let end = ends.next().unwrap_or(start);
        let mut ring: Vec<Place> = Vec::new();
        for &(arc, is_turned) in &courses[start..end] {
            let arc = &simple[arc as usize];
            // Each arc ends where the next begins.
            if is_turned {
                ring.extend(arc[1..].iter().rev());
            } else {
                ring.extend(&arc[..arc.len() - 1]);
            }
        }
        start = end;
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
