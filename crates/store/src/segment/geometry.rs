//! Geometries to and from FlatGeobuf's tables.

use std::borrow::Cow;

use flatbuffers::{FlatBufferBuilder, WIPOffset};
use flatgeobuf::{Geometry as Table, GeometryArgs, GeometryType};
use geo_types::{
    Coord, Geometry, GeometryCollection, LineString, MultiLineString, MultiPoint, MultiPolygon,
    Point, Polygon,
};

/// How deep geometry collections may lie in one another. GeoJSON advises against
/// nesting at all, and the verifier of FlatBuffers goes to 64 tables.
pub(crate) const NESTING_MAX: usize = 8;

/// How many polygons or collected geometries one feature may have: half of what the
/// verifier of FlatBuffers accepts in one buffer.
pub(crate) const PARTS_MAX: usize = 500_000;

/// How many positions one feature may have: 256 MiB of coordinates, an eighth of what
/// a FlatBuffer can address.
pub(crate) const POSITIONS_MAX: usize = 1 << 24;

/// Returns the geometry without empty parts, as one of the kinds that FlatGeobuf
/// has; nothing if nothing is left.
///
/// Lines, rectangles and triangles become line strings and polygons.
///
/// # Errors
///
/// A clause that says which limit is exceeded, or that a coordinate is not finite.
pub(crate) fn normalise(
    geometry: &Geometry<f64>,
) -> Result<Option<Cow<'_, Geometry<f64>>>, String> {
    let mut count = Count::default();
    count.add(geometry, 0)?;
    Ok(if count.has_empty || count.has_other {
        without_empty(geometry).map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(geometry))
    })
}

#[derive(Default)]
struct Count {
    positions: usize,
    parts: usize,
    has_empty: bool,
    has_other: bool,
}

impl Count {
    fn add(&mut self, geometry: &Geometry<f64>, depth: usize) -> Result<(), String> {
        if depth > NESTING_MAX {
            return Err(format!(
                "geometry collections are nested over {NESTING_MAX} deep"
            ));
        }
        match geometry {
            Geometry::Point(p) => self.coords(std::slice::from_ref(&p.0))?,
            Geometry::LineString(l) => self.coords(&l.0)?,
            Geometry::Polygon(p) => self.polygon(p)?,
            Geometry::MultiPoint(m) => {
                self.has_empty |= m.0.is_empty();
                m.0.iter()
                    .try_for_each(|p| self.coords(std::slice::from_ref(&p.0)))?;
            }
            Geometry::MultiLineString(m) => {
                self.has_empty |= m.0.is_empty();
                m.0.iter().try_for_each(|l| self.coords(&l.0))?;
            }
            Geometry::MultiPolygon(m) => {
                self.has_empty |= m.0.is_empty();
                self.parts += m.0.len();
                m.0.iter().try_for_each(|p| self.polygon(p))?;
            }
            Geometry::GeometryCollection(c) => {
                self.has_empty |= c.0.is_empty();
                self.parts += c.0.len();
                c.0.iter().try_for_each(|g| self.add(g, depth + 1))?;
            }
            Geometry::Line(l) => {
                self.has_other = true;
                self.coords(&[l.start, l.end])?;
            }
            Geometry::Rect(r) => {
                self.has_other = true;
                self.coords(&[r.min(), r.max()])?;
            }
            Geometry::Triangle(t) => {
                self.has_other = true;
                self.coords(&t.to_array())?;
            }
        }
        if self.parts > PARTS_MAX {
            return Err(format!("the geometry has over {PARTS_MAX} parts"));
        }
        if self.positions > POSITIONS_MAX {
            return Err(format!("the geometry has over {POSITIONS_MAX} positions"));
        }
        Ok(())
    }

    fn polygon(&mut self, polygon: &Polygon<f64>) -> Result<(), String> {
        self.coords(&polygon.exterior().0)?;
        polygon
            .interiors()
            .iter()
            .try_for_each(|ring| self.coords(&ring.0))
    }

    fn coords(&mut self, coords: &[Coord<f64>]) -> Result<(), String> {
        self.has_empty |= coords.is_empty();
        self.positions += coords.len();
        match coords
            .iter()
            .find(|c| !(c.x.is_finite() && c.y.is_finite()))
        {
            Some(c) => Err(format!("the coordinate {} {} is not finite", c.x, c.y)),
            None => Ok(()),
        }
    }
}

fn without_empty(geometry: &Geometry<f64>) -> Option<Geometry<f64>> {
    let polygon = |polygon: &Polygon<f64>| {
        let holes = polygon.interiors().iter().filter(|ring| !ring.0.is_empty());
        (!polygon.exterior().0.is_empty())
            .then(|| Polygon::new(polygon.exterior().clone(), holes.cloned().collect()))
    };
    match geometry {
        Geometry::Point(_) => Some(geometry.clone()),
        Geometry::LineString(l) => (!l.0.is_empty()).then(|| geometry.clone()),
        Geometry::Polygon(p) => polygon(p).map(Geometry::from),
        Geometry::MultiPoint(m) => (!m.0.is_empty()).then(|| geometry.clone()),
        Geometry::MultiLineString(m) => {
            let lines: Vec<_> = m.0.iter().filter(|l| !l.0.is_empty()).cloned().collect();
            (!lines.is_empty()).then(|| MultiLineString(lines).into())
        }
        Geometry::MultiPolygon(m) => {
            let polygons: Vec<_> = m.0.iter().filter_map(polygon).collect();
            (!polygons.is_empty()).then(|| MultiPolygon(polygons).into())
        }
        Geometry::GeometryCollection(c) => {
            let parts: Vec<_> = c.0.iter().filter_map(without_empty).collect();
            (!parts.is_empty()).then_some(Geometry::GeometryCollection(GeometryCollection(parts)))
        }
        Geometry::Line(l) => Some(LineString(vec![l.start, l.end]).into()),
        Geometry::Rect(r) => Some(r.to_polygon().into()),
        Geometry::Triangle(t) => Some(t.to_polygon().into()),
    }
}

/// The kind of a normalised geometry.
pub(super) fn kind(geometry: &Geometry<f64>) -> GeometryType {
    match geometry {
        Geometry::Point(_) => GeometryType::Point,
        Geometry::LineString(_) | Geometry::Line(_) => GeometryType::LineString,
        Geometry::Polygon(_) | Geometry::Rect(_) | Geometry::Triangle(_) => GeometryType::Polygon,
        Geometry::MultiPoint(_) => GeometryType::MultiPoint,
        Geometry::MultiLineString(_) => GeometryType::MultiLineString,
        Geometry::MultiPolygon(_) => GeometryType::MultiPolygon,
        Geometry::GeometryCollection(_) => GeometryType::GeometryCollection,
    }
}

/// Puts a normalised geometry into a buffer. `xy` is room to work in.
pub(super) fn encode<'a>(
    buffer: &mut FlatBufferBuilder<'a>,
    geometry: &Geometry<f64>,
    xy: &mut Vec<f64>,
) -> WIPOffset<Table<'a>> {
    xy.clear();
    let mut ends = Vec::new();
    let mut parts = Vec::new();
    match geometry {
        Geometry::Point(p) => {
            push(xy, std::slice::from_ref(&p.0));
        }
        Geometry::LineString(l) => {
            push(xy, &l.0);
        }
        Geometry::Polygon(p) => return encode_polygon(buffer, p, xy),
        Geometry::MultiPoint(m) => {
            for p in &m.0 {
                push(xy, std::slice::from_ref(&p.0));
            }
        }
        Geometry::MultiLineString(m) => {
            for l in &m.0 {
                ends.push(push(xy, &l.0));
            }
        }
        Geometry::MultiPolygon(m) => {
            for p in &m.0 {
                parts.push(encode_polygon(buffer, p, xy));
            }
            xy.clear();
        }
        Geometry::GeometryCollection(c) => {
            for g in &c.0 {
                parts.push(encode(buffer, g, xy));
            }
            xy.clear();
        }
        Geometry::Line(_) | Geometry::Rect(_) | Geometry::Triangle(_) => {
            unreachable!("normalise leaves none of these")
        }
    }
    table(buffer, kind(geometry), xy, &ends, &parts)
}

fn encode_polygon<'a>(
    buffer: &mut FlatBufferBuilder<'a>,
    polygon: &Polygon<f64>,
    xy: &mut Vec<f64>,
) -> WIPOffset<Table<'a>> {
    xy.clear();
    let mut ends = vec![push(xy, &polygon.exterior().0)];
    ends.extend(polygon.interiors().iter().map(|ring| push(xy, &ring.0)));
    // FlatGeobuf leaves out the ends of a single ring.
    if ends.len() == 1 {
        ends.clear();
    }
    table(buffer, GeometryType::Polygon, xy, &ends, &[])
}

/// Appends coordinates and returns how many positions there are now.
fn push(xy: &mut Vec<f64>, coords: &[Coord<f64>]) -> u32 {
    xy.extend(coords.iter().flat_map(|c| [c.x, c.y]));
    // Count::add holds a geometry's positions below 2²⁴.
    (xy.len() / 2) as u32
}

fn table<'a>(
    buffer: &mut FlatBufferBuilder<'a>,
    kind: GeometryType,
    xy: &[f64],
    ends: &[u32],
    parts: &[WIPOffset<Table<'a>>],
) -> WIPOffset<Table<'a>> {
    let args = GeometryArgs {
        ends: (!ends.is_empty()).then(|| buffer.create_vector(ends)),
        xy: (!xy.is_empty()).then(|| buffer.create_vector(xy)),
        parts: (!parts.is_empty()).then(|| buffer.create_vector(parts)),
        type_: kind,
        ..GeometryArgs::default()
    };
    Table::create(buffer, &args)
}

/// Reads a geometry. `kind` is what the header says, for a table that says nothing.
///
/// # Errors
///
/// A clause that says what is wrong.
pub(super) fn decode(
    table: &Table<'_>,
    kind: GeometryType,
    depth: usize,
) -> Result<Geometry<f64>, String> {
    if depth > NESTING_MAX {
        return Err("geometry collections are nested too deep".to_owned());
    }
    let kind = match table.type_() {
        GeometryType::Unknown => kind,
        own => own,
    };
    Ok(match kind {
        GeometryType::Point => match coords(table)?.as_slice() {
            [c] => Point(*c).into(),
            other => return Err(format!("a point has {} positions", other.len())),
        },
        GeometryType::LineString => LineString(coords(table)?).into(),
        GeometryType::Polygon => polygon(table)?.into(),
        GeometryType::MultiPoint => {
            MultiPoint(coords(table)?.into_iter().map(Point).collect()).into()
        }
        GeometryType::MultiLineString => MultiLineString(lines(table)?).into(),
        GeometryType::MultiPolygon => {
            let parts = table.parts().ok_or("a multi-polygon has no parts")?;
            let polygons: Result<_, String> = parts.iter().map(|p| polygon(&p)).collect();
            MultiPolygon(polygons?).into()
        }
        GeometryType::GeometryCollection => {
            let parts = table.parts().ok_or("a geometry collection has no parts")?;
            let parts: Result<_, String> = parts
                .iter()
                .map(|p| decode(&p, GeometryType::Unknown, depth + 1))
                .collect();
            Geometry::GeometryCollection(GeometryCollection(parts?))
        }
        GeometryType(other) => return Err(format!("a geometry is of kind {other}")),
    })
}

fn polygon(table: &Table<'_>) -> Result<Polygon<f64>, String> {
    let mut rings = lines(table)?.into_iter();
    let exterior = rings.next().ok_or("a polygon has no ring")?;
    Ok(Polygon::new(exterior, rings.collect()))
}

fn lines(table: &Table<'_>) -> Result<Vec<LineString<f64>>, String> {
    let all = coords(table)?;
    let Some(ends) = table.ends().filter(|ends| ends.len() > 1) else {
        return Ok(vec![LineString(all)]);
    };
    let mut start = 0;
    ends.iter()
        .map(|end| {
            let end = end as usize;
            let part = all.get(start..end).filter(|part| !part.is_empty());
            start = end;
            part.map(|part| LineString(part.to_vec()))
                .ok_or_else(|| "the ends of a geometry's parts are out of order".to_owned())
        })
        .collect()
}

fn coords(table: &Table<'_>) -> Result<Vec<Coord<f64>>, String> {
    let xy = table.xy().ok_or("a geometry has no positions")?;
    if xy.is_empty() || xy.len() % 2 != 0 {
        return Err(format!("a geometry has {} coordinates", xy.len()));
    }
    let (pairs, _) = xy.bytes().as_chunks::<16>();
    let number = |bytes: &[u8]| {
        let mut eight = [0; 8];
        eight.copy_from_slice(bytes);
        f64::from_le_bytes(eight)
    };
    pairs
        .iter()
        .map(|pair| {
            let (x, y) = (number(&pair[..8]), number(&pair[8..]));
            if x.is_finite() && y.is_finite() {
                Ok(Coord { x, y })
            } else {
                Err(format!("the coordinate {x} {y} is not finite"))
            }
        })
        .collect()
}
