//! How deep a pyramid must go to show data as finely as they are.

use geo::CoordsIter;
use geo_types::Geometry;
use geodesy::TileMatrixSet;
use model::{Bounds, Feature};
use std::ops::RangeInclusive;
use store::CollectionView;

use crate::Error;
use crate::boxes::ways;
use crate::level::EXTENT;

/// Levels among which the deepest is chosen: below the first a map of a town is one tile,
/// beyond the last tiles multiply faster than they show more.
const LEVELS: RangeInclusive<u8> = 4..=16;

/// The distance between neighbours in tile units: places then are right to a sixteenth of it.
const UNITS_BETWEEN_NEIGHBOURS: f64 = 16.0;

/// Features that are looked at.
const SAMPLE: usize = 1024;

/// Points whose neighbours are looked for; each costs some searches.
const POINTS_SAMPLE: usize = 128;

/// Features that a search for a point's neighbour reads at most.
const SEARCH_MAX: usize = 64;

/// Returns the deepest level that a pyramid of a collection should have: the first on which
/// a tile unit (a 4096th of a tile) is at most a sixteenth of the median distance between
/// neighbouring vertices, or for points between neighbouring points; from 4 to 16, and one
/// that the set has.
///
/// It is found from some thousand features, evenly spread by id.
///
/// # Errors
///
/// Those of reading and transforming.
pub fn deepest_level(collection: &CollectionView, tms: &TileMatrixSet) -> Result<u8, Error> {
    let levels = tms.levels();
    let first = (*LEVELS.start()).clamp(*levels.start(), *levels.end());
    let last = (*LEVELS.end()).clamp(*levels.start(), *levels.end());
    let Some(bounds) = collection.meta().bounds else {
        return Ok(first);
    };
    let mut distances = distances(collection, &bounds)?;
    if distances.is_empty() {
        return Ok(first);
    }
    let middle = distances.len() / 2;
    let (_, median_m, _) = distances.select_nth_unstable_by(middle, f64::total_cmp);
    let finest = *median_m * units_in_a_metre(collection, tms, &bounds)? / UNITS_BETWEEN_NEIGHBOURS;
    let unit = |z: u8| tms.matrix(z).map(|m| m.tile_size() / f64::from(EXTENT));
    let fine_enough = |z: &u8| unit(*z).is_some_and(|unit| unit <= finest);
    Ok((first..=last).find(fine_enough).unwrap_or(last))
}

/// Distances between neighbours, in metres of the twin's CRS.
fn distances(collection: &CollectionView, bounds: &Bounds) -> Result<Vec<f64>, Error> {
    let mut distances = Vec::new();
    let mut points = Vec::new();
    for feature in collection.sample(SAMPLE)? {
        let Some(geometry) = feature?.geometry else {
            continue;
        };
        match point_of(&geometry) {
            Some(point) => points.push(point),
            None => add_edges(&geometry, &mut distances),
        }
    }
    // Where both are, lines and areas tell enough.
    if distances.is_empty() {
        let step = points.len().div_ceil(POINTS_SAMPLE).max(1);
        for point in points.into_iter().step_by(step) {
            distances.extend(nearest(collection, bounds, point)?);
        }
    }
    Ok(distances)
}

fn point_of(geometry: &Geometry<f64>) -> Option<[f64; 2]> {
    match geometry {
        Geometry::Point(point) => Some([point.x(), point.y()]),
        Geometry::MultiPoint(points) => points.0.first().map(|point| [point.x(), point.y()]),
        _ => None,
    }
}

fn add_edges(geometry: &Geometry<f64>, distances: &mut Vec<f64>) {
    let mut add = |line: &geo_types::LineString<f64>| {
        let lengths = line.lines().map(|l| l.dx().hypot(l.dy()));
        distances.extend(lengths.filter(|length| *length > 0.0));
    };
    match geometry {
        Geometry::LineString(line) => add(line),
        Geometry::MultiLineString(lines) => lines.0.iter().for_each(add),
        Geometry::Polygon(area) => {
            add(area.exterior());
            area.interiors().iter().for_each(add);
        }
        Geometry::MultiPolygon(areas) => {
            for area in &areas.0 {
                add(area.exterior());
                area.interiors().iter().for_each(&mut add);
            }
        }
        Geometry::GeometryCollection(parts) => {
            for part in &parts.0 {
                add_edges(part, distances);
            }
        }
        _ => {}
    }
}

/// How far the nearest other point lies, searched for in growing boxes.
fn nearest(
    collection: &CollectionView,
    bounds: &Bounds,
    [x, y]: [f64; 2],
) -> Result<Option<f64>, Error> {
    let Ok(at) = Bounds::new(x, y, x, y) else {
        return Ok(None);
    };
    let largest_m = bounds.width().max(bounds.height());
    let share = largest_m / (collection.meta().feature_count as f64).sqrt();
    let mut reach_m = (share / 4.0).max(largest_m * 1e-9);
    while reach_m > 0.0 && reach_m <= 2.0 * largest_m {
        let mut nearest_m = f64::INFINITY;
        for feature in collection.within(&at.expanded(reach_m))?.take(SEARCH_MAX) {
            nearest_m = nearest_m.min(distance_to(&feature?, [x, y]));
        }
        if nearest_m <= reach_m {
            return Ok(Some(nearest_m));
        }
        reach_m *= 2.0;
    }
    Ok(None)
}

/// Distance to the nearest vertex of a feature that is not at the place itself.
fn distance_to(feature: &Feature, [x, y]: [f64; 2]) -> f64 {
    let coords = feature.geometry.iter().flat_map(|g| g.coords_iter());
    let distances = coords.map(|c| (c.x - x).hypot(c.y - y));
    distances
        .filter(|distance| *distance > 0.0)
        .fold(f64::INFINITY, f64::min)
}

/// How long a metre in the middle of the collection is in the set's CRS.
pub(crate) fn units_in_a_metre(
    collection: &CollectionView,
    tms: &TileMatrixSet,
    bounds: &Bounds,
) -> Result<f64, Error> {
    /// Long enough for the digits of coordinates, short beside a zone.
    const BASE_M: f64 = 100.0;
    let Some((forward, _)) = ways(collection.crs_code(), tms)? else {
        return Ok(1.0);
    };
    let [x, y] = bounds.centre();
    let ends = [forward.xy([x, y])?, forward.xy([x + BASE_M, y])?];
    Ok((ends[1][0] - ends[0][0]).hypot(ends[1][1] - ends[0][1]) / BASE_M)
}
