//! Features as GeoJSON (RFC 7946), written straight into bytes.
//!
//! Coordinates come out as longitude and latitude with seven decimals, which is one
//! centimetre, and rings wind as RFC 7946 wants: outer rings against the clock.

use geo_types::{Coord, Geometry, LineString, Polygon};
use geodesy::Transform;
use model::{Feature, Value};
use serde::Serialize;

/// Writes a feature's `"type"`, `"id"`, `"geometry"` and `"properties"` without the
/// braces around them, so that others can add members of their own.
///
/// `columns` are the names of the feature's values. With `with_geometry` unset the
/// geometry is `null`.
///
/// # Errors
///
/// A coordinate has no longitude and latitude.
pub(crate) fn write_members<'a>(
    out: &mut Vec<u8>,
    feature: &Feature,
    columns: impl Iterator<Item = &'a str>,
    lonlat_from_twin: &Transform,
    with_geometry: bool,
) -> Result<(), geodesy::Error> {
    out.extend_from_slice(b"\"type\":\"Feature\",\"id\":");
    write_json(out, &feature.id.get());
    out.extend_from_slice(b",\"geometry\":");
    match feature.geometry.as_ref().filter(|_| with_geometry) {
        Some(geometry) => write_geometry(out, geometry, lonlat_from_twin)?,
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"properties\":{");
    for (i, (name, value)) in columns.zip(&feature.values).enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_json(out, name);
        out.push(b':');
        write_value(out, value);
    }
    out.push(b'}');
    Ok(())
}

/// Writes any value that serde knows.
pub(crate) fn write_json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(out, value).expect("numbers and text become JSON in memory");
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Boolean(b) => write_json(out, b),
        Value::Integer(n) => write_json(out, n),
        Value::Number(n) => write_json(out, n),
        Value::Text(text) => write_json(out, text),
        Value::Date(date) => write_json(out, &date.to_string()),
        Value::Instant(instant) => write_json(out, &instant.to_string()),
        // It was checked when it came in; text is the way out if that ever fails.
        Value::Json(json) => match serde_json::from_str::<serde_json::Value>(json) {
            Ok(value) => write_json(out, &value),
            Err(_) => write_json(out, json),
        },
    }
}

fn write_geometry(
    out: &mut Vec<u8>,
    geometry: &Geometry<f64>,
    lonlat_from_twin: &Transform,
) -> Result<(), geodesy::Error> {
    let name = match geometry {
        Geometry::Point(_) => "Point",
        Geometry::Line(_) | Geometry::LineString(_) => "LineString",
        Geometry::Polygon(_) | Geometry::Rect(_) | Geometry::Triangle(_) => "Polygon",
        Geometry::MultiPoint(_) => "MultiPoint",
        Geometry::MultiLineString(_) => "MultiLineString",
        Geometry::MultiPolygon(_) => "MultiPolygon",
        Geometry::GeometryCollection(parts) => {
            out.extend_from_slice(b"{\"type\":\"GeometryCollection\",\"geometries\":[");
            for (i, part) in parts.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_geometry(out, part, lonlat_from_twin)?;
            }
            out.extend_from_slice(b"]}");
            return Ok(());
        }
    };
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\",\"coordinates\":");
    let to = lonlat_from_twin;
    match geometry {
        Geometry::Point(p) => {
            write_position(out, to.xy([p.x(), p.y()])?);
        }
        Geometry::Line(line) => write_line(out, &[line.start, line.end], to)?,
        Geometry::LineString(line) => write_line(out, &line.0, to)?,
        Geometry::Polygon(polygon) => write_polygon(out, polygon, to)?,
        Geometry::Rect(rect) => write_polygon(out, &rect.to_polygon(), to)?,
        Geometry::Triangle(triangle) => write_polygon(out, &triangle.to_polygon(), to)?,
        Geometry::MultiPoint(points) => {
            let coords: Vec<Coord<f64>> = points.iter().map(|p| p.0).collect();
            write_line(out, &coords, to)?;
        }
        Geometry::MultiLineString(lines) => {
            write_list(out, &lines.0, |out, line| write_line(out, &line.0, to))?;
        }
        Geometry::MultiPolygon(polygons) => {
            write_list(out, &polygons.0, |out, polygon| {
                write_polygon(out, polygon, to)
            })?;
        }
        Geometry::GeometryCollection(_) => {}
    }
    out.push(b'}');
    Ok(())
}

fn write_list<T>(
    out: &mut Vec<u8>,
    items: &[T],
    mut write: impl FnMut(&mut Vec<u8>, &T) -> Result<(), geodesy::Error>,
) -> Result<(), geodesy::Error> {
    out.push(b'[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(out, item)?;
    }
    out.push(b']');
    Ok(())
}

fn write_polygon(
    out: &mut Vec<u8>,
    polygon: &Polygon<f64>,
    to: &Transform,
) -> Result<(), geodesy::Error> {
    out.push(b'[');
    write_ring(out, polygon.exterior(), true, to)?;
    for ring in polygon.interiors() {
        out.push(b',');
        write_ring(out, ring, false, to)?;
    }
    out.push(b']');
    Ok(())
}

fn write_ring(
    out: &mut Vec<u8>,
    ring: &LineString<f64>,
    against_the_clock: bool,
    to: &Transform,
) -> Result<(), geodesy::Error> {
    if (twice_area(ring) > 0.0) == against_the_clock {
        write_line(out, &ring.0, to)
    } else {
        let turned: Vec<Coord<f64>> = ring.0.iter().rev().copied().collect();
        write_line(out, &turned, to)
    }
}

/// Twice the signed area; over zero if the ring winds against the clock. Counted from
/// the first corner, since coordinates of millions of metres would eat the digits.
fn twice_area(ring: &LineString<f64>) -> f64 {
    let Some(first) = ring.0.first() else {
        return 0.0;
    };
    ring.lines()
        .map(|line| {
            let (a, b) = (line.start - *first, line.end - *first);
            a.x * b.y - b.x * a.y
        })
        .sum()
}

fn write_line(
    out: &mut Vec<u8>,
    coords: &[Coord<f64>],
    to: &Transform,
) -> Result<(), geodesy::Error> {
    let mut points: Vec<[f64; 2]> = coords.iter().map(|c| [c.x, c.y]).collect();
    to.xy_in_place(&mut points)?;
    out.push(b'[');
    for (i, point) in points.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_position(out, point);
    }
    out.push(b']');
    Ok(())
}

fn write_position(out: &mut Vec<u8>, [lon_deg, lat_deg]: [f64; 2]) {
    out.push(b'[');
    write_json(out, &seven_decimals(lon_deg));
    out.push(b',');
    write_json(out, &seven_decimals(lat_deg));
    out.push(b']');
}

/// Rounds degrees to a centimetre.
pub(crate) fn seven_decimals(deg: f64) -> f64 {
    (deg * 1e7).round() / 1e7
}
