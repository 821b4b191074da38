//! Tiles from the twin's pyramids, and the archives themselves by range of bytes: clients of
//! PMTiles find tiles in them without us.

use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use bytes::Bytes;
use geodesy::TileMatrixSet;
use model::{Bounds, TileCoord};
use serde_json::{Value, json};
use store::{CollectionView, PMTILES, PyramidView};
use tiler::Polygons;

use crate::app::App;
use crate::caller::Caller;
use crate::content::Content;
use crate::links::{Base, link};
use crate::params::Parameters;
use crate::problem::{Path, Problem};
use crate::surveys::downloads;
use crate::tiles::encoding::MVT;
use crate::tiles::{MARGIN_OF_TILE, WEB_MERCATOR, drawable, sacrifices_header, set_of, tilejson};

/// How the name of an archive ends.
const SUFFIX: &str = ".pmtiles";

/// What a pyramid knows of a tile.
pub(crate) enum Known {
    /// Its bytes.
    Tile(Content),
    /// That it is empty, or outside.
    Nothing,
    /// Nothing: it must be made.
    Unknown,
}

/// Looks a tile up in the pyramid of the collection, if there is one that shows it as it is.
///
/// A tile of a pyramid made before later edits is as it was unless one of them touches it.
///
/// It is a search in memory and some pages of a file that were read lately, or will be read
/// ahead: less than handing the work to another thread costs.
pub(crate) fn look_up(
    app: &App,
    collections: &[CollectionView],
    tms: &TileMatrixSet,
    tile: TileCoord,
    polygons: Polygons,
) -> Known {
    let ([collection], Polygons::Areas) = (collections, polygons) else {
        return Known::Unknown;
    };
    let Some(pyramid) = collection.base_pyramid(&tms.id) else {
        return Known::Unknown;
    };
    if !pyramid.levels().contains(&tile.z()) {
        return Known::Unknown;
    }
    if collection.is_newer_than(&pyramid)
        && bounds_in_twin(app, tms, tile)
            .is_none_or(|bounds| collection.has_changed_since(&pyramid, &bounds))
    {
        metrics::counter!("tvilling_pyramid_tiles_outdated_total").increment(1);
        return Known::Unknown;
    }
    match pyramid.tile(tile) {
        Ok(Some(found)) => {
            metrics::counter!("tvilling_pyramid_tiles_total").increment(1);
            let header = sacrifices_header(&found.sacrifices);
            let mut content = Content::of_gzip(MVT, Bytes::from_owner(found));
            content.headers.extend(header);
            Known::Tile(content)
        }
        Ok(None) => Known::Nothing,
        Err(error) => {
            // What was drawn in advance can be drawn again: the tile is not lost.
            tracing::error!(%error, "a pyramid cannot be read: its tiles are made anew");
            Known::Unknown
        }
    }
}

/// The box around what a tile shows, with its margin, in the twin's CRS; none if there is
/// none.
fn bounds_in_twin(app: &App, tms: &TileMatrixSet, tile: TileCoord) -> Option<Bounds> {
    let bounds = tms.bounds(tile)?;
    let shown = bounds.expanded(bounds.width() * MARGIN_OF_TILE);
    let twin_from_set = app.transform_to_twin(&tms.crs).ok()?;
    twin_from_set.bounds(&shown).ok()
}

/// `GET /tiles/ID[,ID…].json`, or `GET /tiles/ID.pmtiles`.
pub(crate) async fn document(
    State(app): State<App>,
    caller: Caller,
    Path(file): Path<String>,
    method: Method,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Problem> {
    match file.strip_suffix(SUFFIX) {
        Some(id) => answer(
            &app,
            &caller,
            [id, WEB_MERCATOR],
            &method,
            &headers,
            parameters,
        ),
        None => tilejson(State(app), caller, Path(file), parameters).await,
    }
}

/// `GET /tiles/ID/TMS.pmtiles`.
pub(crate) async fn archive(
    State(app): State<App>,
    caller: Caller,
    Path((id, file)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let Some(tms) = file.strip_suffix(SUFFIX) else {
        return Err(Problem::no_such_page(&format!("/tiles/{id}/{file}")));
    };
    answer(&app, &caller, [&id, tms], &method, &headers, parameters)
}

fn answer(
    app: &App,
    caller: &Caller,
    [id, tms]: [&str; 2],
    method: &Method,
    headers: &HeaderMap,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let collections = drawable(caller, id)?;
    let tms = set_of(app, tms)?;
    parameters.only(&[])?;
    let pyramid = match collections.as_slice() {
        [collection] => collection.pyramid(&tms.id),
        _ => None,
    };
    let pyramid = pyramid.ok_or_else(|| {
        Problem::not_found(
            "archive of tiles of",
            id,
            &format!(
                "Nobody has built one in {} since the collection changed, or it is not one collection alone; \
                 tiles are made when they are asked for.",
                tms.id
            ),
        )
    })?;
    downloads::answer(
        caller,
        id,
        method,
        headers,
        downloads::File::Pyramid(pyramid),
    )
}

/// Links to the archives of a collection's pyramids, in all tile matrix sets or in one.
///
/// That in `WebMercatorQuad` goes by the relation that clients of PMTiles look for, which is
/// taken to mean Web Mercator; the others are downloads.
///
/// Source: <https://github.com/stac-extensions/web-map-links>.
pub(crate) fn archive_links(
    app: &App,
    base: &Base,
    collection: &CollectionView,
    tms: Option<&str>,
) -> Vec<Value> {
    let id = collection.meta().id.as_str();
    // An operator may have taken a set away since.
    let there = |tms: &str| app.settings().tile_matrix_sets.get(tms).is_some();
    let wanted = collection
        .pyramids()
        .filter(|pyramid| tms.is_none_or(|tms| tms == pyramid.tms()) && there(pyramid.tms()));
    let links = wanted.map(|pyramid| {
        let href = base.url(&archive_path(id, &pyramid));
        let title = format!("All vector tiles in {}, one archive", pyramid.tms());
        if pyramid.tms() != WEB_MERCATOR {
            return link("enclosure", PMTILES, href, &title);
        }
        let mut link = link("pmtiles", PMTILES, href, &title);
        link["pmtiles:layers"] = json!([id]);
        link
    });
    links.collect()
}

/// Where the archive of a pyramid is to be had.
pub(crate) fn archive_path(id: &str, pyramid: &PyramidView) -> String {
    match pyramid.tms() {
        WEB_MERCATOR => format!("/tiles/{id}{SUFFIX}"),
        tms => format!("/tiles/{id}/{tms}{SUFFIX}"),
    }
}
