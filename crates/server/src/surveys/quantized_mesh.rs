//! A survey's ground for CesiumJS: quantized-mesh 1.0 (`/terrain/SURVEY/layer.json` and
//! `/terrain/SURVEY/Z/X/Y.terrain`), rows counted from the south.

use axum::extract::State;
use axum::response::Response;
use model::TileCoord;
use serde_json::{Value, json};
use store::SurveyView;
use tiler::mesh::{self, GeodeticTile};

use crate::app::App;
use crate::cache::{TileKey, content_hash};
use crate::caller::Caller;
use crate::catalogue;
use crate::content::{Caching, Content};
use crate::params::{Parameters, json_only};
use crate::problem::{Path, Problem};
use crate::surveys::ellipsoid::ellipsoidal_heights;

/// Media type of a tile.
pub(crate) const QUANTIZED_MESH: &str = "application/vnd.quantized-mesh";

/// What the name of a tile ends with.
pub(crate) const ENDING: &str = ".terrain";

/// `GET /terrain/SURVEY/layer.json`.
pub(crate) async fn layer(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let survey = caller.survey(&id)?;
    json_only(parameters)?;
    let entry = catalogue::find(app.settings(), &caller.view, &id)
        .ok_or_else(|| Problem::no_collection(&id))?;
    let heights = ellipsoidal_heights(app.settings().geoid.as_ref(), &survey);
    let name = app.settings().name.clone();
    let document = app
        .compute(move || {
            let levels = mesh::levels(&survey)?;
            let available: Vec<Value> = levels
                .available
                .iter()
                .map(|[from_x, to_x, from_y, to_y]| {
                    json!([{ "startX": from_x, "endX": to_x, "startY": from_y, "endY": to_y }])
                })
                .collect();
            Ok(json!({
                "tilejson": "2.1.0",
                "name": entry.title.sv,
                "description": heights.note,
                "version": "1.0.0",
                "format": "quantized-mesh-1.0",
                "attribution": name,
                "scheme": "tms",
                "projection": "EPSG:4326",
                "tiles": ["{z}/{x}/{y}.terrain"],
                "extensions": ["octvertexnormals"],
                "bounds": levels.bounds_deg.to_array(),
                "minzoom": 0,
                "maxzoom": available.len() - 1,
                "available": available,
            }))
        })
        .await?;
    caller
        .answer(Content::json(&document), Caching::Revalidate)
        .await
}

/// `GET /terrain/SURVEY/Z/X/Y.terrain`. Beyond the survey the ground is flat, not missing.
pub(crate) async fn tile(
    app: &App,
    caller: &Caller,
    [id, z, x, file]: [&str; 4],
) -> Result<Response, Problem> {
    let survey = caller.survey(id)?;
    let wrong = || {
        let remedy = "layer.json tells which tiles there are.";
        Problem::not_found("tile", &format!("{z}/{x}/{file}"), remedy)
    };
    let y = file.strip_suffix(ENDING).ok_or_else(wrong)?;
    let (Ok(z), Ok(x), Ok(y)) = (z.parse(), x.parse(), y.parse()) else {
        return Err(wrong());
    };
    let (Some(address), Ok(tile)) = (GeodeticTile::new(z, x, y), TileCoord::new(z, x, y)) else {
        return Err(wrong());
    };
    let key = TileKey {
        class: caller.class,
        content: content_hash([(id, survey.version())]),
        kind: "terrain",
        tms: "quantized-mesh".into(),
        tile,
    };
    let geoid = app.settings().geoid.clone();
    let made = app.compute(move || mesh_of(&survey, address, geoid.as_ref()));
    match app.tiles().get_or_make(key, made).await?.as_ref() {
        Some(content) => caller.answer(content.clone(), Caching::Minute).await,
        None => Err(wrong()),
    }
}

fn mesh_of(
    survey: &SurveyView,
    address: GeodeticTile,
    geoid: Option<&geodesy::Geoid>,
) -> Result<Option<Content>, Problem> {
    let heights = ellipsoidal_heights(geoid, survey);
    let undulation = |lonlat: [f64; 2]| geoid?.separation_m(lonlat);
    let undulation = heights
        .geoid
        .is_some()
        .then_some(&undulation as &tiler::cloud::Undulation);
    let bytes = mesh::tile(survey, address, undulation)?;
    Ok(Some(Content::compressed_once(QUANTIZED_MESH, &bytes)))
}
