//! Tile matrix sets, and which of them a collection comes in (all).

use axum::extract::State;
use axum::response::Response;
use geodesy::TileMatrixSet;
use serde_json::{Value, json};

use crate::app::App;
use crate::caller::Caller;
use crate::catalogue;
use crate::content::{Caching, Content};
use crate::features::{CRS84, crs_uri, link};
use crate::links::Base;
use crate::params::{Parameters, json_only};
use crate::problem::{Path, Problem};
use crate::tiles::{MVT, drawable, set_of};

pub(crate) const TILING_SCHEME: &str = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme";

/// `GET /tileMatrixSets`.
pub(crate) async fn sets(caller: Caller, parameters: Parameters) -> Result<Response, Problem> {
    json_only(parameters)?;
    let list: Vec<Value> = TileMatrixSet::all()
        .iter()
        .map(|set| {
            let href = caller.base.url(&format!("/tileMatrixSets/{}", set.id));
            json!({
                "id": set.id,
                "title": set.title,
                "uri": set.uri,
                "crs": crs_uri(set.crs.code()),
                "links": [link("self", "application/json", href, &set.title)],
            })
        })
        .collect();
    let document = json!({ "tileMatrixSets": list });
    caller
        .answer(Content::json(&document), Caching::Revalidate)
        .await
}

/// `GET /tileMatrixSets/TMS`.
pub(crate) async fn set(
    caller: Caller,
    Path(tms): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let set = set_of(&tms)?;
    json_only(parameters)?;
    let content = Content::new("application/json", set.to_json());
    caller.answer(content, Caching::Revalidate).await
}

/// `GET /collections/ID/tiles`.
pub(crate) async fn tilesets(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    drawable(&caller, &id)?;
    json_only(parameters)?;
    let list: Vec<Value> = TileMatrixSet::all()
        .iter()
        .map(|set| describe(&app, &caller.base, &id, set))
        .collect();
    let here = caller.base.url(&format!("/collections/{id}/tiles"));
    let document = json!({
        "links": [link("self", "application/json", here, "Tilesets")],
        "tilesets": list,
    });
    caller
        .answer(Content::json(&document), Caching::Revalidate)
        .await
}

/// `GET /collections/ID/tiles/TMS`.
pub(crate) async fn tileset(
    State(app): State<App>,
    caller: Caller,
    Path((id, tms)): Path<(String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let collections = drawable(&caller, &id)?;
    let set = set_of(&tms)?;
    json_only(parameters)?;
    let mut document = describe(&app, &caller.base, &id, set);
    let bounds = collections.first().and_then(|c| c.meta().bounds);
    if let Some([west, south, east, north]) = catalogue::lonlat_bounds(&app, bounds.as_ref()) {
        document["boundingBox"] = json!({
            "lowerLeft": [west, south],
            "upperRight": [east, north],
            "crs": CRS84,
        });
    }
    document["layers"] = json!([{ "id": id, "dataType": "vector" }]);
    caller
        .answer(Content::json(&document), Caching::Revalidate)
        .await
}

fn describe(app: &App, base: &Base, id: &str, set: &TileMatrixSet) -> Value {
    let here = base.url(&format!("/collections/{id}/tiles/{}", set.id));
    let template = here.clone() + "/{tileMatrix}/{tileRow}/{tileCol}";
    let mut item = link("item", MVT, template, "Vector tiles");
    item["templated"] = json!(true);
    let scheme = base.url(&format!("/tileMatrixSets/{}", set.id));
    json!({
        "title": format!("{} ({})", app.settings().name, set.title),
        "dataType": "vector",
        "crs": crs_uri(set.crs.code()),
        "tileMatrixSetURI": set.uri,
        "links": [
            link("self", "application/json", here, "This tileset"),
            link(TILING_SCHEME, "application/json", scheme, &set.title),
            item,
        ],
    })
}
