//! Vector tiles: OGC API – Tiles (z/row/column), XYZ (z/column/row) and TileJSON 3; and the
//! tile matrix sets and addresses that tiles of all kinds have in common.
//!
//! A tile that had to give something up to keep its byte limit says what in the header
//! `Tvilling-Sacrifices`, sentences with `; ` between them.

mod encoding;
pub(crate) mod pyramid;
mod sets;
mod tilejson;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use geodesy::TileMatrixSet;
use model::{GeometryKind, TileCoord};
use store::CollectionView;
use tiler::{Polygons, TileRules};

use crate::app::App;
use crate::cache::{TileKey, content_hash};
use crate::caller::Caller;
use crate::content::{Caching, Content};
use crate::params::{Checked, Parameters};
use crate::problem::{Path, Problem};

pub(crate) use encoding::{Encoding, MLT, MVT};
pub(crate) use pyramid::{archive, archive_links, document};
pub(crate) use sets::{TilesetKind, set, sets, tileset, tilesets};
pub(crate) use tilejson::{center, put_bounds, tilejson, tilejson_of_all};

/// The tile matrix set of XYZ addresses that name none.
pub(crate) const WEB_MERCATOR: &str = "WebMercatorQuad";

/// Deepest level that TileJSON promises: a step of the tile's grid is then under 10 cm
/// in Sweden, and clients enlarge from there. Deeper tiles are served to who asks.
pub(crate) const VECTOR_MAX_ZOOM: u8 = 16;

/// How far beyond its edge a tile shows features, in parts of its side: 64 of 4096 steps.
const MARGIN_OF_TILE: f64 = 1.0 / 64.0;

/// Most collections in one tile. A town has some tens.
const MAX_COLLECTIONS: usize = 100;

/// The route of a tile in it.
pub(crate) const XYZ_TILE: &str = "/tiles/{ids}/{z}/{x}/{file}";

const SACRIFICES: HeaderName = HeaderName::from_static("tvilling-sacrifices");

/// `GET /collections/ID/tiles/TMS/Z/ROW/COL`.
pub(crate) async fn ogc_tile(
    State(app): State<App>,
    caller: Caller,
    Path((id, tms, z, row, col)): Path<(String, String, String, String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let collections = drawable(&caller, &id)?;
    let encoding = Encoding::of_format(&parameters.only(&["asof", "datetime", "f"])?, &caller)?;
    let address = [tms.as_str(), &z, &col, &row];
    let kind = (Polygons::Areas, encoding);
    vector_tile(&app, &caller, collections, address, kind).await
}

/// `GET /tiles/ID[,ID…]/Z/X/Y.mvt|mlt`.
pub(crate) async fn xyz_tile(
    State(app): State<App>,
    caller: Caller,
    Path((ids, z, x, file)): Path<(String, String, String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let collections = drawable(&caller, &ids)?;
    let polygons = polygons(&parameters.only(&[LABELS, "asof", "datetime"])?)?;
    let (y, encoding) = Encoding::of_file(&file, &caller)?;
    let address = [WEB_MERCATOR, &z, &x, y];
    vector_tile(&app, &caller, collections, address, (polygons, encoding)).await
}

/// `GET /tiles/ID[,ID…]/TMS/Z/X/Y.mvt|mlt`.
pub(crate) async fn xyz_tile_in(
    State(app): State<App>,
    caller: Caller,
    Path((ids, tms, z, x, file)): Path<(String, String, String, String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let collections = drawable(&caller, &ids)?;
    let polygons = polygons(&parameters.only(&[LABELS, "asof", "datetime"])?)?;
    let (y, encoding) = Encoding::of_file(&file, &caller)?;
    let address = [tms.as_str(), &z, &x, y];
    vector_tile(&app, &caller, collections, address, (polygons, encoding)).await
}

/// The tile matrix set called `id`, if there is one.
pub(crate) fn set_of(app: &App, id: &str) -> Result<Arc<TileMatrixSet>, Problem> {
    let set = app.settings().tile_matrix_sets.get(id);
    set.cloned().ok_or_else(|| {
        Problem::not_found(
            "tile matrix set",
            id,
            "/tileMatrixSets lists those there are.",
        )
    })
}

/// The address with these parts, if the set has such a tile. The level may carry the
/// set's name in front, as in `EPSG:3006:7`.
pub(crate) fn address_of(
    tms: &TileMatrixSet,
    z: &str,
    x: &str,
    y: &str,
) -> Result<TileCoord, Problem> {
    let level = z.rsplit(':').next().unwrap_or(z);
    let parse = || TileCoord::new(level.parse().ok()?, x.parse().ok()?, y.parse().ok()?).ok();
    parse()
        .filter(|tile| tms.bounds(*tile).is_some())
        .ok_or_else(|| {
            Problem::not_found(
                "tile",
                &format!("{z}/{x}/{y}"),
                &format!("/tileMatrixSets/{} tells which there are.", tms.id),
            )
        })
}

/// Whether the tile touches the box, which is in the twin's CRS, or nearly: symbols of
/// features just outside reach in.
pub(crate) fn touches(
    app: &App,
    tms: &TileMatrixSet,
    tile: TileCoord,
    bounds: &model::Bounds,
) -> Result<bool, Problem> {
    let Some(tile_bounds) = tms.bounds(tile) else {
        return Ok(false);
    };
    // A box that has no place in the set's CRS touches none of its tiles.
    let Some(bounds) = app.bounds_in_set(tms, bounds)? else {
        return Ok(false);
    };
    Ok(tile_bounds
        .expanded(tile_bounds.width() * MARGIN_OF_TILE)
        .intersects(&bounds))
}

/// The collections that a comma-separated list names, each visible and with geometry.
fn drawable(caller: &Caller, ids: &str) -> Result<Vec<CollectionView>, Problem> {
    let ids: Vec<&str> = ids.split(',').collect();
    if ids.len() > MAX_COLLECTIONS {
        return Err(Problem::bad_parameter(
            "ids",
            &ids.len().to_string(),
            "at most 100 collections in one tile",
        ));
    }
    let mut collections: Vec<CollectionView> = Vec::with_capacity(ids.len());
    for id in ids {
        if collections.iter().any(|c| c.meta().id.as_str() == id) {
            continue;
        }
        if caller.collection(id).is_err() && caller.survey(id).is_ok() {
            let remedy = format!("It is a survey: /terrain/{id}.json and /hillshade/{id}.json.");
            return Err(Problem::not_found("vector tiles of", id, &remedy));
        }
        let collection = caller.collection(id)?;
        if collection.meta().schema.geometry == GeometryKind::None {
            let remedy = format!("It is a table without geometry: /collections/{id}/items.");
            return Err(Problem::not_found("vector tiles of", id, &remedy));
        }
        collections.push(collection);
    }
    Ok(collections)
}

/// The parameter that asks for points to label instead of areas.
const LABELS: &str = "labels";

/// What asks for points to label instead of areas.
pub(crate) const LABELS_QUERY: &str = "?labels=true";

/// What shall stand for polygons.
pub(crate) fn polygons(parameters: &Checked) -> Result<Polygons, Problem> {
    match parameters.parsed(LABELS, "true or false")? {
        Some(true) => Ok(Polygons::LabelPoints),
        Some(false) | None => Ok(Polygons::Areas),
    }
}

/// Answers with a tile of what stands for polygons, encoded one way or the other.
///
/// A MapLibre tile is made of the MVT tile, wherever that comes from, and kept as tiles of
/// the store are.
async fn vector_tile(
    app: &App,
    caller: &Caller,
    collections: Vec<CollectionView>,
    [tms, z, x, y]: [&str; 4],
    (polygons, encoding): (Polygons, Encoding),
) -> Result<Response, Problem> {
    let tms = set_of(app, tms)?;
    let tile = address_of(&tms, z, x, y)?;
    let versions = collections
        .iter()
        .map(|c| (c.meta().id.as_str(), c.version()));
    let known = pyramid::look_up(app, &collections, &tms, tile, polygons);
    let is_nothing = matches!(known, pyramid::Known::Nothing);
    let (of_pyramid, content) = match known {
        pyramid::Known::Tile(found) if encoding == Encoding::Mvt => {
            return caller.answer(found, Caching::Minute).await;
        }
        pyramid::Known::Tile(found) => {
            let content = content_hash(versions.chain([found.version()]));
            (Some(found), content)
        }
        _ => (None, content_hash(versions)),
    };
    let key = TileKey {
        class: caller.class,
        content,
        kind: match (polygons, encoding) {
            (Polygons::Areas, Encoding::Mvt) => "mvt",
            (Polygons::LabelPoints, Encoding::Mvt) => "labels.mvt",
            (Polygons::Areas, Encoding::Mlt) => "mlt",
            (Polygons::LabelPoints, Encoding::Mlt) => "labels.mlt",
        },
        tms: tms.id.clone().into(),
        tile,
    };
    // What is kept was found to be inside when it was made.
    if let Some(kept) = app.tiles().get(&key).await {
        return answer(caller, &kept).await;
    }
    if of_pyramid.is_none() && !covers(app, &collections, &tms, tile)? {
        return Err(Problem::not_found(
            "tile",
            &tile.to_string(),
            "It lies outside what these collections cover.",
        ));
    }
    if is_nothing {
        return Ok(caller.empty_tile());
    }
    let options = tiler::VectorOptions {
        byte_limit: app.limits().vector_tile_bytes,
        polygons,
    };
    let rules = collections
        .iter()
        .map(|c| rules_of(app, c))
        .collect::<Vec<_>>();
    let make = app.compute(move || {
        let (mvt, headers) = match of_pyramid {
            Some(found) => (found.plain()?, found.headers),
            None => {
                let layers = rules.iter().zip(&collections);
                let layers =
                    layers.filter_map(|(rules, c)| rules.layer_at(c, &tms, tile.z()).transpose());
                let layers = layers.collect::<Result<Vec<_>, _>>()?;
                let made = tiler::vector_tile(&layers, &tms, tile, &options)?;
                let header = sacrifices_header(&made.sacrifices);
                (made.bytes.into(), header.into_iter().collect())
            }
        };
        if mvt.is_empty() {
            return Ok(None);
        }
        let media_type = encoding.media_type();
        let mut content = match encoding {
            Encoding::Mvt => Content::compressed_once(media_type, &mvt),
            Encoding::Mlt => Content::compressed_once(media_type, &tiler::mlt_of_mvt(&mvt)?),
        };
        content.headers = headers;
        Ok(Some(content))
    });
    let made = app.tiles().get_or_make(key, make).await?;
    answer(caller, &made).await
}

async fn answer(caller: &Caller, tile: &Option<Content>) -> Result<Response, Problem> {
    match tile {
        Some(content) => caller.answer(content.clone(), Caching::Minute).await,
        None => Ok(caller.empty_tile()),
    }
}

/// What the operator says of a collection's tiles.
fn rules_of(app: &App, collection: &CollectionView) -> TileRules {
    let settings = app.settings().collections.get(&collection.meta().id);
    settings.map(|of| of.tiles.clone()).unwrap_or_default()
}

/// Whether the tile touches what one of the collections covers, or nearly.
fn covers(
    app: &App,
    collections: &[CollectionView],
    tms: &TileMatrixSet,
    tile: TileCoord,
) -> Result<bool, Problem> {
    for collection in collections {
        let inside = match &collection.meta().bounds {
            Some(bounds) => touches(app, tms, tile, bounds)?,
            // A collection that is empty still is: nothing of it is everywhere.
            None => true,
        };
        if inside {
            return Ok(true);
        }
    }
    Ok(false)
}

fn sacrifices_header(sacrifices: &[String]) -> Option<(HeaderName, HeaderValue)> {
    if sacrifices.is_empty() {
        return None;
    }
    let text: String = sacrifices
        .join("; ")
        .chars()
        .map(|c| if (' '..='~').contains(&c) { c } else { '?' })
        .collect();
    let value = HeaderValue::try_from(text).ok()?;
    Some((SACRIFICES, value))
}
