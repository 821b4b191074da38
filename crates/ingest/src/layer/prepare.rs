//! Puts features in the twin's CRS and repairs them, on all cores.
//!
//! The one place of the layer side with threads: features are prepared in
//! chunks, each on its own, and come back in the order in which they went in.

use geo_types::{Coord, Geometry, LineString, Polygon};
use geodesy::Transform;
use rayon::prelude::*;

use super::ids;
use super::raw::{Notes, RawColumn, RawFeature, RawGeometry};
use super::repair::{self, Repairs};

/// Features prepared together: enough to outweigh the hand-over, few enough to
/// share out the work of the last.
const CHUNK_FEATURES: usize = 512;

/// What became of a feature's geometry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Prepared {
    /// There was none.
    Without,
    /// In the twin's CRS.
    With {
        geometry: Geometry<f64>,
        notes: Notes,
        repairs: Repairs,
    },
    /// Left out, under a short code and for a reason.
    LeftOut { code: &'static str, reason: String },
}

/// A feature on its way: its geometry prepared, and what identifies its content.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PreparedFeature {
    pub(crate) raw: RawFeature,
    pub(crate) geometry: Prepared,
    pub(crate) content: u128,
}

/// Prepares all features. The result does not depend on the number of threads.
pub(crate) fn prepare(
    features: Vec<RawFeature>,
    columns: &[RawColumn],
    source: Source<'_>,
) -> Vec<PreparedFeature> {
    features
        .into_par_iter()
        .with_min_len(CHUNK_FEATURES)
        .map(|feature| prepare_one(feature, columns, source))
        .collect()
}

/// Where the features come from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// From the file's CRS to the twin's; none if nothing has a geometry.
    pub(crate) transform: Option<&'a Transform>,
    /// Whether the file's CRS is in degrees.
    pub(crate) is_geographic: bool,
}

fn prepare_one(mut raw: RawFeature, columns: &[RawColumn], source: Source<'_>) -> PreparedFeature {
    let content = ids::content(&raw, columns);
    let geometry = match std::mem::replace(&mut raw.geometry, RawGeometry::None) {
        RawGeometry::None => Prepared::Without,
        RawGeometry::Unusable { code, reason } => Prepared::LeftOut { code, reason },
        RawGeometry::Some { geometry, notes } => prepare_geometry(geometry, notes, source),
    };
    PreparedFeature {
        raw,
        geometry,
        content,
    }
}

fn prepare_geometry(mut geometry: Geometry<f64>, notes: Notes, source: Source<'_>) -> Prepared {
    let moved = each_coord(&mut geometry, &mut |coord| {
        *coord = place(*coord, source)?;
        Ok(())
    });
    if let Err((code, reason)) = moved {
        return Prepared::LeftOut { code, reason };
    }
    match repair::repair(geometry) {
        Ok((geometry, repairs)) => Prepared::With {
            geometry,
            notes,
            repairs,
        },
        Err(fault) => Prepared::LeftOut {
            code: fault.code,
            reason: fault.reason,
        },
    }
}

/// Gives every position to `change`, up to the first that it refuses.
///
/// `geo`'s own way of doing so cannot be compiled for collections of collections
/// when the change may fail.
fn each_coord<E>(
    geometry: &mut Geometry<f64>,
    change: &mut dyn FnMut(&mut Coord<f64>) -> Result<(), E>,
) -> Result<(), E> {
    fn ring<E>(
        line: &mut LineString<f64>,
        change: &mut dyn FnMut(&mut Coord<f64>) -> Result<(), E>,
    ) -> Result<(), E> {
        line.0.iter_mut().try_for_each(change)
    }
    fn polygon<E>(
        polygon: &mut Polygon<f64>,
        change: &mut dyn FnMut(&mut Coord<f64>) -> Result<(), E>,
    ) -> Result<(), E> {
        polygon.try_exterior_mut(|line| ring(line, change))?;
        polygon.try_interiors_mut(|lines| lines.iter_mut().try_for_each(|line| ring(line, change)))
    }
    match geometry {
        Geometry::Point(point) => change(&mut point.0),
        Geometry::MultiPoint(points) => points.0.iter_mut().try_for_each(|p| change(&mut p.0)),
        Geometry::LineString(line) => ring(line, change),
        Geometry::MultiLineString(lines) => lines.0.iter_mut().try_for_each(|l| ring(l, change)),
        Geometry::Polygon(one) => polygon(one, change),
        Geometry::MultiPolygon(many) => many.0.iter_mut().try_for_each(|p| polygon(p, change)),
        Geometry::GeometryCollection(members) => {
            members.0.iter_mut().try_for_each(|g| each_coord(g, change))
        }
        // No reader makes these three.
        Geometry::Line(line) => {
            change(&mut line.start)?;
            change(&mut line.end)
        }
        Geometry::Rect(rect) => {
            *geometry = Geometry::Polygon(rect.to_polygon());
            each_coord(geometry, change)
        }
        Geometry::Triangle(triangle) => {
            *geometry = Geometry::Polygon(triangle.to_polygon());
            each_coord(geometry, change)
        }
    }
}

/// Returns where a position of the file lies in the twin's CRS.
fn place(at: Coord<f64>, source: Source<'_>) -> Result<Coord<f64>, (&'static str, String)> {
    if !at.x.is_finite() || !at.y.is_finite() {
        return Err(("not_finite", "a coordinate that is no number".to_owned()));
    }
    // A little over 180 is common where a layer crosses the antimeridian.
    if source.is_geographic && (at.x.abs() > 360.0 || at.y.abs() > 90.0) {
        return Err((
            OUT_OF_RANGE,
            format!("{}, {} are no longitude and latitude", at.x, at.y),
        ));
    }
    let Some(transform) = source.transform else {
        return Ok(at);
    };
    match transform.xy([at.x, at.y]) {
        Ok([x, y]) => Ok(Coord { x, y }),
        Err(error) => Err((OUT_OF_RANGE, error.to_string())),
    }
}

/// The code of coordinates that have no place in a CRS.
pub(crate) const OUT_OF_RANGE: &str = "out_of_range";
