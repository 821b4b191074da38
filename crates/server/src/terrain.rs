//! Raster tiles of a survey's ground: terrain-RGB for clients that draw in 3D, and
//! shaded relief for all. Never 204: MapLibre wants a flat tile rather than none.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;
use store::HeightKind;
use tiler::{ImageFormat, Lights, Relief, Shading};

use crate::app::App;
use crate::cache::{TileKey, content_hash};
use crate::caller::Caller;
use crate::catalogue;
use crate::content::{Caching, Content};
use crate::params::{Checked, Parameters, json_only};
use crate::problem::{Path, Problem};
use crate::tiles::{WEB_MERCATOR, address_of, put_bounds, set_of, touches};

/// What XYZ clients expect of an address, and what WebMercatorQuad says.
pub(crate) const TILE_SIZE_PX: u32 = 256;

/// Deepest level that TileJSON promises: a pixel is 0.6 m in Sweden, about a cell.
pub(crate) const MAX_ZOOM: u8 = 17;

/// What is drawn of a survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drawing {
    Terrain,
    Hillshade(Shading),
}

impl Drawing {
    fn name(self) -> &'static str {
        match self {
            Drawing::Terrain => "terrain",
            Drawing::Hillshade(_) => "hillshade",
        }
    }

    /// What its addresses end with.
    fn query(self) -> &'static str {
        match self {
            Drawing::Terrain | Drawing::Hillshade(Shading::Grey) => "",
            Drawing::Hillshade(Shading::Overlay) => OVERLAY_QUERY,
        }
    }
}

/// The parameter that chooses how relief is painted.
const STYLE: &str = "style";

/// What chooses relief that is clear where the ground is level.
pub(crate) const OVERLAY_QUERY: &str = "?style=overlay";

fn shading(parameters: &Checked) -> Result<Shading, Problem> {
    match parameters.text(STYLE) {
        None | Some("grey") => Ok(Shading::Grey),
        Some("overlay") => Ok(Shading::Overlay),
        Some(other) => Err(Problem::bad_parameter(STYLE, other, "grey or overlay")),
    }
}

/// `GET /terrain/SURVEY/Z/X/Y.png|webp`.
pub(crate) async fn terrain(
    State(app): State<App>,
    caller: Caller,
    Path(parts): Path<(String, String, String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.only(&[])?;
    tile(&app, &caller, Drawing::Terrain, parts).await
}

/// `GET /hillshade/SURVEY/Z/X/Y.png|webp`.
pub(crate) async fn hillshade(
    State(app): State<App>,
    caller: Caller,
    Path(parts): Path<(String, String, String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let drawing = Drawing::Hillshade(shading(&parameters.only(&[STYLE])?)?);
    tile(&app, &caller, drawing, parts).await
}

/// `GET /terrain/SURVEY.json`.
pub(crate) async fn terrain_tilejson(
    State(app): State<App>,
    caller: Caller,
    Path(file): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    json_only(parameters)?;
    tilejson(&app, &caller, Drawing::Terrain, &file).await
}

/// `GET /hillshade/SURVEY.json`.
pub(crate) async fn hillshade_tilejson(
    State(app): State<App>,
    caller: Caller,
    Path(file): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let parameters = parameters.only(&["f", STYLE])?;
    parameters.format(&["json"])?;
    let drawing = Drawing::Hillshade(shading(&parameters)?);
    tilejson(&app, &caller, drawing, &file).await
}

async fn tile(
    app: &App,
    caller: &Caller,
    drawing: Drawing,
    (id, z, x, file): (String, String, String, String),
) -> Result<Response, Problem> {
    let survey = caller
        .survey(&id)
        .map_err(|problem| no_heights(caller, &id, problem))?;
    let (y, format, media_type) = match file.rsplit_once('.') {
        Some((y, "png")) => (y, ImageFormat::Png, "image/png"),
        Some((y, "webp")) => (y, ImageFormat::WebP, "image/webp"),
        _ => {
            let remedy = "These tiles end in .png or .webp.";
            return Err(Problem::not_found("tile", &file, remedy));
        }
    };
    let tms = set_of(WEB_MERCATOR)?;
    let tile = address_of(tms, &z, &x, y)?;
    if !touches(app, tms, tile, &survey.meta().bounds)? {
        return Err(Problem::not_found(
            "tile",
            &tile.to_string(),
            "It lies outside what the survey covers.",
        ));
    }
    let key = TileKey {
        class: caller.class,
        content: content_hash([(id.as_str(), survey.version())]),
        kind: match (drawing, format) {
            (Drawing::Terrain, ImageFormat::Png) => "terrain.png",
            (Drawing::Terrain, ImageFormat::WebP) => "terrain.webp",
            (Drawing::Hillshade(Shading::Grey), ImageFormat::Png) => "hillshade.png",
            (Drawing::Hillshade(Shading::Grey), ImageFormat::WebP) => "hillshade.webp",
            (Drawing::Hillshade(Shading::Overlay), ImageFormat::Png) => "overlay.png",
            (Drawing::Hillshade(Shading::Overlay), ImageFormat::WebP) => "overlay.webp",
        },
        tms: &tms.id,
        tile,
    };
    let make = app.compute(move || {
        let (kind, size) = (HeightKind::Terrain, TILE_SIZE_PX);
        let bytes = match drawing {
            Drawing::Terrain => tiler::terrain_rgb_tile(&survey, kind, tms, tile, size, format),
            Drawing::Hillshade(shading) => {
                let lights = Lights::Soft;
                let relief = Relief { lights, shading };
                tiler::hillshade_tile(&survey, kind, tms, tile, size, format, relief)
            }
        }?;
        Ok(Some(Content::new(media_type, bytes)))
    });
    match app.tiles().get_or_make(key, make).await?.as_ref() {
        Some(content) => caller.answer(content.clone(), Caching::Minute).await,
        None => Err(Problem::internal(&"a raster tile came out as nothing")),
    }
}

async fn tilejson(
    app: &App,
    caller: &Caller,
    drawing: Drawing,
    file: &str,
) -> Result<Response, Problem> {
    let name = drawing.name();
    let Some(id) = file.strip_suffix(".json") else {
        return Err(Problem::no_such_page(&format!("/{name}/{file}")));
    };
    let survey = caller
        .survey(id)
        .map_err(|problem| no_heights(caller, id, problem))?;
    let entry = catalogue::find(app.settings(), &caller.view, id)
        .ok_or_else(|| Problem::no_collection(id))?;
    let query = drawing.query();
    let tiles = caller
        .base
        .url(&format!("/{name}/{id}/{{z}}/{{x}}/{{y}}.png{query}"));
    let mut document = json!({
        "tilejson": "3.0.0",
        "name": entry.title.sv,
        "attribution": app.settings().name,
        "scheme": "xyz",
        "tiles": [tiles],
        "minzoom": 0,
        "maxzoom": MAX_ZOOM,
        "tileSize": TILE_SIZE_PX,
        "tvilling:datum": catalogue::datum_text(&survey.meta().vertical),
        "tvilling:geoid": survey.meta().geoid,
    });
    if drawing == Drawing::Terrain {
        document["encoding"] = json!("mapbox");
    }
    put_bounds(app, &mut document, Some(&survey.meta().bounds), MAX_ZOOM);
    caller
        .answer(Content::json(&document), Caching::Revalidate)
        .await
}

/// A visible collection of features was asked for heights.
pub(crate) fn no_heights(caller: &Caller, id: &str, problem: Problem) -> Problem {
    match caller.collection(id) {
        Ok(_) => Problem::not_found("survey", id, "It is a collection of features."),
        Err(_) => problem,
    }
}
