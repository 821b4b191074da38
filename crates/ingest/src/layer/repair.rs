//! Geometries that hold what maps and questions rely on: finite, without
//! degenerate parts, polygons simple and closed.
//!
//! A polygon is repaired only where that is safe: when the repaired polygon is
//! valid, and its area is within [`AREA_TOLERANCE`] of the area that the
//! even-odd rule gives the rings as they came. The repair takes every ring alone
//! by the even-odd rule, so that a bow tie becomes two triangles and a spike
//! vanishes, and then takes the holes out of the shell. Where the two disagree,
//! nobody can know what was meant, and the feature is left out.

use geo::algorithm::bool_ops::{BooleanOps, FillRule, OpType, unary_union};
use geo::algorithm::relate::Relate;
use geo::coordinate_position::CoordPos;
use geo::dimensions::Dimensions;
use geo::{Area, BoundingRect, Intersects};
use geo_types::{
    Coord, Geometry, GeometryCollection, Line, LineString, MultiLineString, MultiPoint,
    MultiPolygon, Polygon, Rect,
};

use crate::guard;

/// How far the area of a repaired polygon may lie from the even-odd area, as a
/// part of it: a sliver that a hole cuts off outside its shell, not a yard.
const AREA_TOLERANCE: f64 = 0.01;

/// What was repaired in one geometry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Repairs {
    pub(crate) repeated_points: bool,
    pub(crate) degenerate_parts: bool,
    pub(crate) self_intersection: bool,
    pub(crate) overlapping_parts: bool,
}

/// Why a geometry is of no use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unusable {
    pub(crate) code: &'static str,
    pub(crate) reason: String,
}

/// Returns the geometry, repaired where that was needed and safe.
pub(crate) fn repair(geometry: Geometry<f64>) -> Result<(Geometry<f64>, Repairs), Unusable> {
    let mut repairs = Repairs::default();
    let geometry = part(geometry, &mut repairs)?;
    Ok((geometry, repairs))
}

fn part(geometry: Geometry<f64>, repairs: &mut Repairs) -> Result<Geometry<f64>, Unusable> {
    match geometry {
        Geometry::Point(point) => Ok(Geometry::Point(point)),
        Geometry::MultiPoint(MultiPoint(points)) if points.is_empty() => Err(empty()),
        Geometry::MultiPoint(points) => Ok(Geometry::MultiPoint(points)),
        Geometry::Line(line) => part(
            Geometry::LineString(LineString(vec![line.start, line.end])),
            repairs,
        ),
        Geometry::LineString(line) if line.0.is_empty() => Err(empty()),
        Geometry::LineString(line) => tidy_line(line, repairs)
            .map(Geometry::LineString)
            .ok_or_else(|| too_few_points("a line of fewer than 2 distinct points")),
        Geometry::MultiLineString(lines) => {
            if lines.0.iter().all(|line| line.0.is_empty()) {
                return Err(empty());
            }
            let tidy = each(lines.0, repairs, tidy_line);
            if tidy.is_empty() {
                Err(too_few_points("lines of fewer than 2 distinct points"))
            } else {
                Ok(Geometry::MultiLineString(MultiLineString(tidy)))
            }
        }
        Geometry::Polygon(polygon) if polygon.exterior().0.is_empty() => Err(empty()),
        Geometry::Polygon(polygon) => {
            let polygon = tidy_polygon(polygon, repairs)
                .ok_or_else(|| too_few_points("a ring of fewer than 3 distinct points"))?;
            if is_valid(&polygon) {
                return Ok(Geometry::Polygon(polygon));
            }
            let mut polygons = untangle(&polygon)?;
            repairs.self_intersection = true;
            Ok(if polygons.0.len() == 1 {
                Geometry::Polygon(polygons.0.remove(0))
            } else {
                Geometry::MultiPolygon(polygons)
            })
        }
        Geometry::MultiPolygon(polygons) => multi_polygon(polygons, repairs),
        Geometry::GeometryCollection(GeometryCollection(members)) => {
            let mut kept = Vec::new();
            let mut first_fault = None;
            for member in members {
                match part(member, repairs) {
                    Ok(member) => kept.push(member),
                    Err(fault) => {
                        repairs.degenerate_parts |= fault.code != "empty_geometry";
                        first_fault.get_or_insert(fault);
                    }
                }
            }
            if kept.is_empty() {
                Err(first_fault.unwrap_or_else(empty))
            } else {
                Ok(Geometry::GeometryCollection(GeometryCollection(kept)))
            }
        }
        Geometry::Rect(rect) => part(Geometry::Polygon(rect.to_polygon()), repairs),
        Geometry::Triangle(triangle) => part(Geometry::Polygon(triangle.to_polygon()), repairs),
    }
}

fn multi_polygon(
    polygons: MultiPolygon<f64>,
    repairs: &mut Repairs,
) -> Result<Geometry<f64>, Unusable> {
    if polygons.0.iter().all(|p| p.exterior().0.is_empty()) {
        return Err(empty());
    }
    let tidy = each(polygons.0, repairs, tidy_polygon);
    if tidy.is_empty() {
        return Err(too_few_points("rings of fewer than 3 distinct points"));
    }
    let mut valid = Vec::with_capacity(tidy.len());
    for polygon in tidy {
        if is_valid(&polygon) {
            valid.push(polygon);
        } else {
            valid.extend(untangle(&polygon)?.0);
            repairs.self_intersection = true;
        }
    }
    if parts_overlap(&valid) {
        let polygons: Vec<_> = valid.iter().map(ccw).collect();
        let dissolved = guarded(|| unary_union(&polygons))?;
        if dissolved.0.is_empty() || !dissolved.0.iter().all(is_valid) {
            return Err(Unusable {
                code: "unrepairable",
                reason: "overlapping parts that cannot be dissolved".to_owned(),
            });
        }
        repairs.overlapping_parts = true;
        valid = dissolved.0;
    }
    Ok(Geometry::MultiPolygon(MultiPolygon(valid)))
}

fn empty() -> Unusable {
    Unusable {
        code: "empty_geometry",
        reason: "an empty geometry".to_owned(),
    }
}

fn too_few_points(reason: &str) -> Unusable {
    Unusable {
        code: "too_few_points",
        reason: reason.to_owned(),
    }
}

/// Tidies every part and drops the degenerate ones.
fn each<T>(
    parts: Vec<T>,
    repairs: &mut Repairs,
    tidy: impl Fn(T, &mut Repairs) -> Option<T>,
) -> Vec<T> {
    let mut kept = Vec::with_capacity(parts.len());
    for part in parts {
        match tidy(part, repairs) {
            Some(part) => kept.push(part),
            None => repairs.degenerate_parts = true,
        }
    }
    kept
}

fn tidy_line(mut line: LineString<f64>, repairs: &mut Repairs) -> Option<LineString<f64>> {
    let before = line.0.len();
    line.0.dedup();
    if line.0.len() < 2 {
        return None;
    }
    repairs.repeated_points |= line.0.len() < before;
    Some(line)
}

/// A ring of at least three distinct points, closed, or nothing.
fn tidy_ring(mut ring: LineString<f64>, repairs: &mut Repairs) -> Option<LineString<f64>> {
    let before = ring.0.len();
    ring.0.dedup();
    let distinct = ring.0.len().saturating_sub(1);
    let third = ring
        .0
        .iter()
        .any(|c| *c != ring.0[0] && *c != ring.0[1 % ring.0.len()]);
    if distinct < 3 || !third {
        return None;
    }
    repairs.repeated_points |= ring.0.len() < before;
    Some(ring)
}

fn tidy_polygon(polygon: Polygon<f64>, repairs: &mut Repairs) -> Option<Polygon<f64>> {
    let (exterior, interiors) = polygon.into_inner();
    let exterior = tidy_ring(exterior, repairs)?;
    let interiors = each(interiors, repairs, tidy_ring);
    Some(Polygon::new(exterior, interiors))
}

/// Repairs an invalid polygon, or says why that is not safe.
fn untangle(polygon: &Polygon<f64>) -> Result<MultiPolygon<f64>, Unusable> {
    let none = MultiPolygon::<f64>(Vec::new());
    let even_odd = |polygon: &Polygon<f64>| {
        polygon.boolean_op_with_fill_rule(&none, OpType::Union, FillRule::EvenOdd)
    };
    let (repaired, expected) = guarded(|| {
        let shell = even_odd(&Polygon::new(polygon.exterior().clone(), Vec::new()));
        let repaired = polygon.interiors().iter().fold(shell, |shell, hole| {
            let hole = even_odd(&Polygon::new(hole.clone(), Vec::new()));
            shell.boolean_op_with_fill_rule(&hole, OpType::Difference, FillRule::EvenOdd)
        });
        (repaired, even_odd(polygon).unsigned_area())
    })?;
    let fault = |code, reason: &str| {
        Err(Unusable {
            code,
            reason: reason.to_owned(),
        })
    };
    if repaired.0.is_empty() || expected <= 0.0 {
        return fault("no_area", "a polygon without area");
    }
    if !repaired.0.iter().all(is_valid) || parts_overlap(&repaired.0) {
        return fault("unrepairable", "an invalid polygon that cannot be repaired");
    }
    if (repaired.unsigned_area() - expected).abs() > AREA_TOLERANCE * expected {
        return fault(
            "ambiguous_polygon",
            "an invalid polygon whose area depends on how it is read",
        );
    }
    Ok(repaired)
}

/// Runs a boolean operation of a dependency, which may panic on input that
/// nobody foresaw: one feature must not end the whole reading.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Unusable> {
    guard::guarded(work).ok_or_else(|| Unusable {
        code: "unrepairable",
        reason: "an invalid polygon on which the repair itself failed".to_owned(),
    })
}

fn ccw(polygon: &Polygon<f64>) -> Polygon<f64> {
    use geo::orient::{Direction, Orient};
    polygon.orient(Direction::Default)
}

/// Returns whether the polygon's rings are simple, its holes inside the shell and
/// apart from each other; rings may touch in points.
///
/// The same rules as `geo::Validation`, whose search for self-intersections
/// takes time as the square of the number of points.
fn is_valid(polygon: &Polygon<f64>) -> bool {
    let rings = std::iter::once(polygon.exterior()).chain(polygon.interiors());
    if !rings.clone().all(is_simple) {
        return false;
    }
    if polygon.interiors().is_empty() {
        return true;
    }
    let alone = |ring: &LineString<f64>| Polygon::new(ring.clone(), Vec::new());
    let shell = alone(polygon.exterior());
    let holes: Vec<_> = polygon.interiors().iter().map(alone).collect();
    let inside = holes.iter().all(|hole| {
        let relation = shell.relate(hole);
        relation.is_contains()
            && relation.get(CoordPos::OnBoundary, CoordPos::OnBoundary)
                != Dimensions::OneDimensional
    });
    inside && !parts_overlap(&holes)
}

/// Returns whether two of the polygons share an area or an edge.
fn parts_overlap(polygons: &[Polygon<f64>]) -> bool {
    let boxes: Vec<_> = polygons.iter().map(|p| p.bounding_rect()).collect();
    let mut order: Vec<usize> = (0..polygons.len())
        .filter(|i| boxes[*i].is_some())
        .collect();
    let min_x = |i: usize| boxes[i].map_or(0.0, |b| b.min().x);
    order.sort_by(|a, b| min_x(*a).total_cmp(&min_x(*b)));
    for (place, &a) in order.iter().enumerate() {
        let Some(box_a) = boxes[a] else { continue };
        for &b in &order[place + 1..] {
            let Some(box_b) = boxes[b] else { continue };
            if box_b.min().x > box_a.max().x {
                break;
            }
            if !box_a.intersects(&box_b) {
                continue;
            }
            let relation = polygons[a].relate(&polygons[b]);
            if relation.get(CoordPos::Inside, CoordPos::Inside) == Dimensions::TwoDimensional
                || relation.get(CoordPos::OnBoundary, CoordPos::OnBoundary)
                    == Dimensions::OneDimensional
            {
                return true;
            }
        }
    }
    false
}

/// Returns whether a closed ring without repeated points neither crosses nor
/// touches itself, by sweeping over its segments from west to east.
fn is_simple(ring: &LineString<f64>) -> bool {
    let lines: Vec<Line<f64>> = ring.lines().collect();
    let count = lines.len();
    let boxes: Vec<Rect<f64>> = lines.iter().map(|l| Rect::new(l.start, l.end)).collect();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|a, b| boxes[*a].min().x.total_cmp(&boxes[*b].min().x));
    for (place, &a) in order.iter().enumerate() {
        for &b in &order[place + 1..] {
            if boxes[b].min().x > boxes[a].max().x {
                break;
            }
            let apart = boxes[b].min().y > boxes[a].max().y || boxes[b].max().y < boxes[a].min().y;
            if !apart && lines_clash(&lines, a, b) {
                return false;
            }
        }
    }
    true
}

/// Returns whether two segments of a ring share more than the vertex between them.
fn lines_clash(lines: &[Line<f64>], a: usize, b: usize) -> bool {
    let (first, second) = if (a + 1) % lines.len() == b {
        (lines[a], lines[b])
    } else if (b + 1) % lines.len() == a {
        (lines[b], lines[a])
    } else {
        return lines[a].intersects(&lines[b]);
    };
    // Neighbours share a vertex; they clash where one folds back over the other.
    let on = |point: Coord<f64>, line: Line<f64>| line.intersects(&point);
    on(second.end, first) || on(first.start, second)
}
