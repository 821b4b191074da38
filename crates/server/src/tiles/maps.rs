//! Map tiles of surveys (OGC API – Tiles, 20-057): shaded relief, row before column.

use axum::extract::State;
use axum::response::Response;
use geodesy::TileMatrixSet;
use serde_json::{Value, json};
use tiler::ImageFormat;

use crate::app::App;
use crate::caller::Caller;
use crate::catalogue;
use crate::content::{Caching, Content};
use crate::features::{CRS84, crs_uri, link};
use crate::params::{Parameters, json_only};
use crate::problem::{Path, Problem};
use crate::surveys::drawing::{Drawing, RELIEF_PARAMETERS, relief};
use crate::surveys::raster_tiles;
use crate::tiles::{TILING_SCHEME, set_of};

/// `GET /collections/ID/map/tiles/TMS/Z/ROW/COL`.
pub(crate) async fn map_tile(
    State(app): State<App>,
    caller: Caller,
    Path((id, tms, z, row, col)): Path<(String, String, String, String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let survey = caller.survey(&id)?;
    let known = [&["f"], RELIEF_PARAMETERS].concat();
    let parameters = parameters.only(&known)?;
    let format = match parameters.format(&["png", "webp"])? {
        Some("webp") => ImageFormat::WebP,
        _ => ImageFormat::Png,
    };
    let drawing = Drawing::Hillshade(relief(&parameters)?);
    let address = [tms.as_str(), &z, &col, &row];
    raster_tiles::draw(&app, &caller, survey, drawing, address, format).await
}

/// `GET /collections/ID/map/tiles`.
pub(crate) async fn map_tilesets(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    caller.survey(&id)?;
    json_only(parameters)?;
    let sets = TileMatrixSet::all().iter();
    let list: Vec<Value> = sets.map(|set| describe(&app, &caller, &id, set)).collect();
    let here = caller.base.url(&format!("/collections/{id}/map/tiles"));
    let document = json!({
        "links": [link("self", "application/json", here, "Map tilesets")],
        "tilesets": list,
    });
    caller
        .answer(Content::json(&document), Caching::Revalidate)
        .await
}

/// `GET /collections/ID/map/tiles/TMS`.
pub(crate) async fn map_tileset(
    State(app): State<App>,
    caller: Caller,
    Path((id, tms)): Path<(String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let survey = caller.survey(&id)?;
    let set = set_of(&tms)?;
    json_only(parameters)?;
    let mut document = describe(&app, &caller, &id, set);
    let bounds = Some(&survey.meta().bounds);
    if let Some([west, south, east, north]) = catalogue::lonlat_bounds(&app, bounds) {
        document["boundingBox"] = json!({
            "lowerLeft": [west, south],
            "upperRight": [east, north],
            "crs": CRS84,
        });
    }
    caller
        .answer(Content::json(&document), Caching::Revalidate)
        .await
}

fn describe(app: &App, caller: &Caller, id: &str, set: &TileMatrixSet) -> Value {
    let base = &caller.base;
    let here = base.url(&format!("/collections/{id}/map/tiles/{}", set.id));
    let template = here.clone() + "/{tileMatrix}/{tileRow}/{tileCol}";
    let mut item = link("item", "image/png", template, "Shaded relief");
    item["templated"] = json!(true);
    let scheme = base.url(&format!("/tileMatrixSets/{}", set.id));
    json!({
        "title": format!("{} ({})", app.settings().name, set.title),
        "dataType": "map",
        "crs": crs_uri(set.crs.code()),
        "tileMatrixSetURI": set.uri,
        "links": [
            link("self", "application/json", here, "This tileset"),
            link(TILING_SCHEME, "application/json", scheme, &set.title),
            item,
        ],
    })
}
