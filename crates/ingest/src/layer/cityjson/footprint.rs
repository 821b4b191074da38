//! The footprint of an object: the land that it stands on or covers, seen from above.
//!
//! In this order: its ground surfaces, in the finest level of detail that names any; its
//! geometry of level 0; the undersides of its solids; all of its surfaces, laid flat. The
//! undersides of a solid cover its whole outline, overhangs too, whatever the slope; where a
//! solid has no floor, all of its surfaces are laid flat. What overlaps is dissolved later,
//! like that of any other layer.

use geo_types::{
    Coord, Geometry, LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon,
};

use super::{CityGeometry, Nested};

/// Steepest surface that still covers land, as the part of its area that is seen from
/// above: walls that are not quite upright would leave slivers.
const MIN_FLATNESS: f64 = 0.05;

/// How much more of a solid may face up than down, or down than up, before it is open: the
/// surfaces of a closed one balance.
const MAX_OPEN: f64 = 0.02;

/// Where the vertices of a document are.
pub(super) struct Vertices {
    at: Vec<[f64; 3]>,
    transform: Option<([f64; 3], [f64; 3])>,
}

/// What is drawn of an object.
pub(super) struct Shape {
    pub(super) geometry: Geometry<f64>,
    pub(super) lod: Option<String>,
    /// Lowest and highest vertex of the finest geometry, in the unit of the file.
    pub(super) z_range: Option<[f64; 2]>,
}

/// A ring, closed or not, in three dimensions.
type Ring = Vec<[f64; 3]>;

/// One flat surface of an object: its rings, and what it means.
struct Facet<'a> {
    rings: Vec<Ring>,
    kind: Option<&'a str>,
    /// Whether it bounds a solid, so that its order of vertices tells the outside.
    is_solid: bool,
}

impl Vertices {
    pub(super) fn new(at: Vec<[f64; 3]>, transform: Option<([f64; 3], [f64; 3])>) -> Vertices {
        Vertices { at, transform }
    }

    fn get(&self, index: usize) -> Result<[f64; 3], String> {
        let at = self
            .at
            .get(index)
            .ok_or_else(|| format!("vertex {index} of {}", self.at.len()))?;
        Ok(match self.transform {
            Some((scale, translate)) => {
                std::array::from_fn(|axis| at[axis] * scale[axis] + translate[axis])
            }
            None => *at,
        })
    }
}

/// Returns what is drawn of an object that has these geometries, if it has any.
pub(super) fn of(
    geometries: &[&CityGeometry],
    vertices: &Vertices,
) -> Result<Option<Shape>, String> {
    let mut finest_first: Vec<&CityGeometry> = geometries.to_vec();
    finest_first.sort_by(|a, b| level(b).total_cmp(&level(a)));
    let Some(finest) = finest_first.first() else {
        return Ok(None);
    };
    let mut z_range: Option<[f64; 2]> = None;
    let mut solids = Vec::new();
    for geometry in finest_first.iter().filter(|g| level(g) == level(finest)) {
        for_each_index(&geometry.boundaries, &mut |index| {
            let [_, _, z] = vertices.get(index)?;
            let [low, high] = z_range.unwrap_or([z, z]);
            z_range = Some([low.min(z), high.max(z)]);
            Ok(())
        })?;
    }
    let lod = |geometry: &CityGeometry| geometry.lod.as_ref().map(|lod| lod.0.clone());
    let shape = |polygons: Vec<Polygon<f64>>, of: &CityGeometry| {
        Some(Shape {
            geometry: Geometry::MultiPolygon(MultiPolygon(polygons)),
            lod: lod(of),
            z_range,
        })
    };
    // All geometries of one level belong together: those of a building and of its parts.
    for group in finest_first.chunk_by(|a, b| level(a) == level(b)) {
        let mut all = Vec::new();
        for geometry in group {
            facets(geometry, vertices, &mut all)?;
        }
        let ground: Vec<_> = all
            .iter()
            .filter(|facet| facet.kind == Some("GroundSurface"))
            .collect();
        if !ground.is_empty() {
            return Ok(shape(ground.into_iter().map(flat).collect(), group[0]));
        }
        solids.push((group, all));
    }
    // The coarsest level, if that is 0; else the finest.
    solids.sort_by_key(|(group, _)| level(group[0]) >= 1.0);
    for (group, facets) in &solids {
        let solids_are_closed = are_closed(facets);
        let covering: Vec<_> = facets
            .iter()
            .filter(|facet| {
                let [above, length] = seen_from_above(&facet.rings[0]);
                if facet.is_solid && solids_are_closed {
                    above < -MIN_FLATNESS * length
                } else {
                    above.abs() > MIN_FLATNESS * length
                }
            })
            .map(flat)
            .collect();
        if !covering.is_empty() {
            return Ok(shape(covering, group[0]));
        }
    }
    let geometry = points_or_lines(finest, vertices)?;
    Ok(geometry.map(|geometry| Shape {
        geometry,
        lod: lod(finest),
        z_range,
    }))
}

/// How fine a geometry is; -1 if it does not say.
fn level(geometry: &CityGeometry) -> f64 {
    let told = geometry.lod.as_ref().and_then(|lod| lod.0.parse().ok());
    told.filter(|level: &f64| level.is_finite()).unwrap_or(-1.0)
}

fn for_each_index(
    nested: &Nested,
    visit: &mut dyn FnMut(usize) -> Result<(), String>,
) -> Result<(), String> {
    match nested {
        Nested::None => Ok(()),
        Nested::Index(index) => visit(*index),
        Nested::List(list) => list.iter().try_for_each(|n| for_each_index(n, visit)),
    }
}

/// Appends the surfaces of a geometry; none if it is made of points or lines.
fn facets<'a>(
    geometry: &'a CityGeometry,
    vertices: &Vertices,
    into: &mut Vec<Facet<'a>>,
) -> Result<(), String> {
    // Lists around a surface: of surfaces, shells, solids.
    let (depth, is_solid) = match geometry.kind.as_str() {
        "MultiSurface" | "CompositeSurface" => (1, false),
        "Solid" => (2, true),
        "MultiSolid" | "CompositeSolid" => (3, true),
        _ => return Ok(()),
    };
    let semantics = geometry.semantics.as_ref();
    let mut walk = Walk {
        vertices,
        kinds: semantics
            .map(|s| s.surfaces.iter().map(|s| s.kind.as_str()).collect())
            .unwrap_or_default(),
        is_solid,
        into,
    };
    walk.down(&geometry.boundaries, semantics.map(|s| &s.values), depth)
}

struct Walk<'a, 'b> {
    vertices: &'b Vertices,
    kinds: Vec<&'a str>,
    is_solid: bool,
    into: &'b mut Vec<Facet<'a>>,
}

impl Walk<'_, '_> {
    fn down(
        &mut self,
        boundaries: &Nested,
        values: Option<&Nested>,
        depth: usize,
    ) -> Result<(), String> {
        let Nested::List(list) = boundaries else {
            return Err("boundaries that are no list".to_owned());
        };
        if depth == 0 {
            return self.facet(list, values);
        }
        for (place, member) in list.iter().enumerate() {
            let value = match values {
                Some(Nested::List(values)) => values.get(place),
                _ => None,
            };
            self.down(member, value, depth - 1)?;
        }
        Ok(())
    }

    fn facet(&mut self, rings: &[Nested], value: Option<&Nested>) -> Result<(), String> {
        let rings: Vec<Ring> = rings
            .iter()
            .map(|ring| path(ring, self.vertices))
            .collect::<Result<_, _>>()?;
        let kind = match value {
            Some(Nested::Index(index)) => self.kinds.get(*index).copied(),
            _ => None,
        };
        if rings.first().is_some_and(|ring| ring.len() >= 3) {
            self.into.push(Facet {
                rings,
                kind,
                is_solid: self.is_solid,
            });
        }
        Ok(())
    }
}

fn path(nested: &Nested, vertices: &Vertices) -> Result<Ring, String> {
    let Nested::List(list) = nested else {
        return Err("a ring or line that is no list".to_owned());
    };
    list.iter()
        .map(|index| match index {
            Nested::Index(index) => vertices.get(*index),
            _ => Err("a vertex that is no whole number".to_owned()),
        })
        .collect()
}

/// Whether as much of the solids' surfaces faces down as up: some programs leave out floors.
fn are_closed(facets: &[Facet<'_>]) -> bool {
    let seen = |facet: &Facet<'_>| -> f64 {
        // Holes run the other way round.
        facet
            .rings
            .iter()
            .map(|ring| seen_from_above(ring)[0])
            .sum()
    };
    let solid = facets.iter().filter(|facet| facet.is_solid).map(seen);
    let (sum, all) = solid.fold((0.0, 0.0), |(sum, all), seen| {
        (sum + seen, all + seen.abs())
    });
    sum.abs() <= MAX_OPEN * all
}

/// Twice the area of a ring, as seen from above (negative if that is its underside) and as
/// it is.
///
/// By Newell's formula, which also takes rings that are not quite flat.
fn seen_from_above(ring: &Ring) -> [f64; 2] {
    let mut normal = [0.0; 3];
    let origin = ring.first().copied().unwrap_or_default();
    let from = |p: [f64; 3]| [p[0] - origin[0], p[1] - origin[1], p[2] - origin[2]];
    for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
        let (a, b) = (from(*a), from(*b));
        normal[0] += (a[1] - b[1]) * (a[2] + b[2]);
        normal[1] += (a[2] - b[2]) * (a[0] + b[0]);
        normal[2] += (a[0] - b[0]) * (a[1] + b[1]);
    }
    [normal[2], normal.iter().map(|n| n * n).sum::<f64>().sqrt()]
}

/// A surface without its heights.
fn flat(facet: &Facet<'_>) -> Polygon<f64> {
    let mut rings = facet.rings.iter().map(|ring| {
        let mut coords: Vec<_> = ring
            .iter()
            .map(|[x, y, _]| Coord { x: *x, y: *y })
            .collect();
        coords.extend(coords.first().copied());
        LineString(coords)
    });
    let exterior = rings.next().unwrap_or_else(|| LineString(Vec::new()));
    Polygon::new(exterior, rings.collect())
}

/// The points or lines of a geometry that has no surfaces.
fn points_or_lines(
    geometry: &CityGeometry,
    vertices: &Vertices,
) -> Result<Option<Geometry<f64>>, String> {
    let xy = |[x, y, _]: [f64; 3]| Coord { x, y };
    Ok(match geometry.kind.as_str() {
        // A copy of a template stands at its one vertex.
        "MultiPoint" | "GeometryInstance" => {
            let points = path(&geometry.boundaries, vertices)?;
            Some(match points.as_slice() {
                [point] => Geometry::Point(Point(xy(*point))),
                _ => Geometry::MultiPoint(MultiPoint(
                    points.into_iter().map(|p| Point(xy(p))).collect(),
                )),
            })
        }
        "MultiLineString" => {
            let Nested::List(lines) = &geometry.boundaries else {
                return Err("boundaries that are no list".to_owned());
            };
            let lines = lines.iter().map(|line| {
                let line = path(line, vertices)?;
                Ok(LineString(line.into_iter().map(xy).collect()))
            });
            let lines: Result<Vec<_>, String> = lines.collect();
            Some(Geometry::MultiLineString(MultiLineString(lines?)))
        }
        _ => None,
    })
}
