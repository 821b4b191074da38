//! Vector tiles: OGC API – Tiles (z/row/column), XYZ (z/column/row) and TileJSON 3; and the
//! tile matrix sets and addresses that tiles of all kinds have in common.
//!
//! A tile that had to give something up to keep its byte limit says what in the header
//! `Tvilling-Sacrifices`, sentences with `; ` between them.

mod pyramid;
mod sets;
mod tilejson;

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

pub(crate) use pyramid::{archive, document};
pub(crate) use sets::{TilesetKind, set, sets, tileset, tilesets};
pub(crate) use tilejson::{center, put_bounds, tilejson, tilejson_of_all};

/// Media type of a vector tile, registered with IANA.
pub(crate) const MVT: &str = "application/vnd.mapbox-vector-tile";

/// The tile matrix set of XYZ addresses that name none.
pub(crate) const WEB_MERCATOR: &str = "WebMercatorQuad";

/// Deepest level that TileJSON promises: a step of the tile's grid is then under 10 cm
/// in Sweden, and clients enlarge from there. Deeper tiles are served to who asks.
pub(crate) const VECTOR_MAX_ZOOM: u8 = 16;

/// Most collections in one tile. A town has some tens.
const MAX_COLLECTIONS: usize = 100;

const SACRIFICES: HeaderName = HeaderName::from_static("tvilling-sacrifices");

/// `GET /collections/ID/tiles/TMS/Z/ROW/COL`.
pub(crate) async fn ogc_tile(
    State(app): State<App>,
    caller: Caller,
    Path((id, tms, z, row, col)): Path<(String, String, String, String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let collections = drawable(&caller, &id)?;
    parameters.only(&["f"])?.format(&["mvt"])?;
    let address = (tms.as_str(), z.as_str(), col.as_str(), row.as_str());
    vector_tile(&app, &caller, collections, address, Polygons::Areas).await
}

/// `GET /tiles/ID[,ID…]/Z/X/Y.mvt`.
pub(crate) async fn xyz_tile(
    State(app): State<App>,
    caller: Caller,
    Path((ids, z, x, file)): Path<(String, String, String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let collections = drawable(&caller, &ids)?;
    let polygons = polygons(&parameters.only(&[LABELS])?)?;
    let y = vector_stem(&file)?;
    let address = (WEB_MERCATOR, z.as_str(), x.as_str(), y);
    vector_tile(&app, &caller, collections, address, polygons).await
}

/// `GET /tiles/ID[,ID…]/TMS/Z/X/Y.mvt`.
pub(crate) async fn xyz_tile_in(
    State(app): State<App>,
    caller: Caller,
    Path((ids, tms, z, x, file)): Path<(String, String, String, String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let collections = drawable(&caller, &ids)?;
    let polygons = polygons(&parameters.only(&[LABELS])?)?;
    let y = vector_stem(&file)?;
    let address = (tms.as_str(), z.as_str(), x.as_str(), y);
    vector_tile(&app, &caller, collections, address, polygons).await
}

/// The tile matrix set called `id`, if there is one.
pub(crate) fn set_of(id: &str) -> Result<&'static TileMatrixSet, Problem> {
    TileMatrixSet::by_id(id).ok_or_else(|| {
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
    const MARGIN_OF_TILE: f64 = 1.0 / 64.0;
    let Some(tile_bounds) = tms.bounds(tile) else {
        return Ok(false);
    };
    // A box that has no place in the set's CRS touches none of its tiles.
    let Ok(bounds) = app.transform_from_twin(&tms.crs)?.bounds(bounds) else {
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

fn vector_stem(file: &str) -> Result<&str, Problem> {
    file.strip_suffix(".mvt")
        .or_else(|| file.strip_suffix(".pbf"))
        .ok_or_else(|| Problem::not_found("tile", file, "Vector tiles end in .mvt."))
}

async fn vector_tile(
    app: &App,
    caller: &Caller,
    collections: Vec<CollectionView>,
    (tms, z, x, y): (&str, &str, &str, &str),
    polygons: Polygons,
) -> Result<Response, Problem> {
    let tms = set_of(tms)?;
    let tile = address_of(tms, z, x, y)?;
    let known = pyramid::look_up(&collections, tms, tile, polygons);
    if let pyramid::Known::Tile(content) = known {
        return caller.answer(content, Caching::Minute).await;
    }
    let mut inside = false;
    for collection in &collections {
        let bounds = collection.meta().bounds;
        inside |= match &bounds {
            Some(bounds) => touches(app, tms, tile, bounds)?,
            // A collection that is empty still is: nothing of it is everywhere.
            None => true,
        };
    }
    if !inside {
        return Err(Problem::not_found(
            "tile",
            &tile.to_string(),
            "It lies outside what these collections cover.",
        ));
    }
    if let pyramid::Known::Nothing = known {
        return Ok(caller.empty_tile());
    }
    let parts = collections
        .iter()
        .map(|c| (c.meta().id.as_str(), c.version()));
    let key = TileKey {
        class: caller.class,
        content: content_hash(parts),
        kind: match polygons {
            Polygons::Areas => "mvt",
            Polygons::LabelPoints => "labels.mvt",
        },
        tms: &tms.id,
        tile,
    };
    let options = tiler::VectorOptions {
        byte_limit: app.limits().vector_tile_bytes,
        polygons,
    };
    let rules = collections
        .iter()
        .map(|c| rules_of(app, c))
        .collect::<Vec<_>>();
    let make = app.compute(move || {
        let layers = rules.iter().zip(&collections);
        let layers = layers.filter_map(|(rules, c)| rules.layer_at(c, tms, tile.z()).transpose());
        let layers = layers.collect::<Result<Vec<_>, _>>()?;
        let made = tiler::vector_tile(&layers, tms, tile, &options)?;
        if made.bytes.is_empty() {
            return Ok(None);
        }
        let mut content = Content::compressed_once(MVT, &made.bytes);
        content.headers.extend(sacrifices_header(&made.sacrifices));
        Ok(Some(content))
    });
    match app.tiles().get_or_make(key, make).await?.as_ref() {
        Some(content) => caller.answer(content.clone(), Caching::Minute).await,
        None => Ok(caller.empty_tile()),
    }
}

/// What the operator says of a collection's tiles.
fn rules_of(app: &App, collection: &CollectionView) -> TileRules {
    let settings = app.settings().collections.get(&collection.meta().id);
    settings.map(|of| of.tiles.clone()).unwrap_or_default()
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
