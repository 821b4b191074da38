//! The box of a tile in the CRS of a collection, and the ways between them.

use geodesy::{Crs, TileMatrixSet, Transform};
use model::{Bounds, TileCoord};
use store::CollectionView;

use crate::Error;
use crate::level::Level;

/// Returns the box that holds what a tile shows of a collection, in the collection's CRS; none
/// if they lie apart, or the set has no such tile.
pub(crate) fn in_collection(
    collection: &CollectionView,
    tms: &TileMatrixSet,
    tile: TileCoord,
) -> Result<Option<Bounds>, Error> {
    let level = Level::of(tms, tile.z());
    let bounds = level.as_ref().and_then(|l| l.bounds([tile.x(), tile.y()]));
    let (Some(level), Some(bounds), Some(all)) = (level, bounds, collection.meta().bounds) else {
        return Ok(None);
    };
    let ways = ways(collection.crs_code(), tms)?;
    Ok(touched(&all, &bounds, level.unit, ways.as_ref()))
}

/// Returns the part of a box in a collection's CRS to ask for, so that all that touches a
/// tile's box is found; none if they lie apart. `ways` lead to the set's CRS and back.
pub(crate) fn touched(
    all: &Bounds,
    tile: &Bounds,
    slack: f64,
    ways: Option<&(Transform, Transform)>,
) -> Option<Bounds> {
    let query = match ways {
        None => Some(*tile),
        Some((forward, back)) => query_box(all, tile, slack, forward, back),
    };
    query.filter(|query| query.intersects(all))
}

/// Returns the box, in a collection's CRS, of what a tile shows of it; none if they lie
/// apart.
///
/// A tile can be larger than the area for which that CRS is meant, up to
/// the whole world. So the tile's box is cut to the collection's before it is
/// transformed; and where even that fails, all of the collection is asked for.
///
/// There and back, coordinates change in their last digits: `slack`, in the set's
/// units, keeps what lies on the very edge.
fn query_box(
    all: &Bounds,
    tile: &Bounds,
    slack: f64,
    forward: &Transform,
    back: &Transform,
) -> Option<Bounds> {
    let Ok(all_in_tms) = forward.bounds(all) else {
        return Some(*all);
    };
    let all_in_tms = all_in_tms.expanded(slack);
    if !all_in_tms.intersects(tile) {
        return None;
    }
    let common = Bounds::new(
        tile.min_x().max(all_in_tms.min_x()),
        tile.min_y().max(all_in_tms.min_y()),
        tile.max_x().min(all_in_tms.max_x()),
        tile.max_y().min(all_in_tms.max_y()),
    );
    common
        .ok()
        .and_then(|common| back.bounds(&common).ok())
        .or(Some(*all))
}

/// The ways from a CRS to the set's, and back; none if they are the same.
pub(crate) fn ways(
    crs_code: &str,
    tms: &TileMatrixSet,
) -> Result<Option<(Transform, Transform)>, Error> {
    if crs_code == tms.crs.code() {
        return Ok(None);
    }
    let crs = Crs::from_code(crs_code)?;
    let forward = Transform::new(&crs, &tms.crs)?;
    if forward.is_identity() {
        return Ok(None);
    }
    let back = Transform::new(&tms.crs, &crs)?;
    Ok(Some((forward, back)))
}
