//! What rose and what fell between two surveys, as raster tiles: `/difference/LATER/EARLIER`.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;
use store::{HeightKind, SurveyView};
use tiler::{CLEAR_BELOW_M, DIFFERENCE_CLASSES, ImageFormat};

use crate::app::App;
use crate::cache::{TileKey, content_hash};
use crate::caller::Caller;
use crate::catalogue;
use crate::content::{Caching, Content};
use crate::params::Parameters;
use crate::problem::{Path, Problem};
use crate::surveys::answers::{about, height_kind};
use crate::surveys::raster_tiles::{MAX_ZOOM, TILE_SIZE_PX, media_type, row_and_format, side_px};
use crate::tiles::{WEB_MERCATOR, address_of, put_bounds, set_of, touches};

/// The parameter that chooses terrain or surface.
const HEIGHTS: &str = "heights";

/// `GET /difference/LATER/EARLIER/Z/X/Y.png|webp`, in WebMercatorQuad.
pub(crate) async fn tile(
    State(app): State<App>,
    caller: Caller,
    Path((later, earlier, z, x, file)): Path<(String, String, String, String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let surveys = both(&caller, &later, &earlier)?;
    let address = [WEB_MERCATOR, &z, &x, &file];
    draw(&app, &caller, surveys, address, parameters).await
}

/// `GET /difference/LATER/EARLIER/TMS/Z/X/Y.png|webp`.
pub(crate) async fn tile_in_set(
    State(app): State<App>,
    caller: Caller,
    Path((later, earlier, tms, z, x, file)): Path<(String, String, String, String, String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let surveys = both(&caller, &later, &earlier)?;
    let address = [tms.as_str(), &z, &x, &file];
    draw(&app, &caller, surveys, address, parameters).await
}

async fn draw(
    app: &App,
    caller: &Caller,
    (later, earlier): (SurveyView, SurveyView),
    [tms, z, x, file]: [&str; 4],
    parameters: Parameters,
) -> Result<Response, Problem> {
    let kind = height_kind(&parameters.only(&[HEIGHTS])?)?;
    check_datums(&later, &earlier)?;
    let (y, format) = row_and_format(file)?;
    let tms = set_of(app, tms)?;
    let tile = address_of(&tms, z, x, y)?;
    for survey in [&later, &earlier] {
        if !touches(app, &tms, tile, &survey.meta().bounds)? {
            return Err(Problem::not_found(
                "tile",
                &tile.to_string(),
                "It lies outside what both surveys cover.",
            ));
        }
    }
    let parts = [&later, &earlier].map(|survey| (survey.meta().id.as_str(), survey.version()));
    let key = TileKey {
        class: caller.class,
        content: content_hash(parts),
        kind: match (kind, format) {
            (HeightKind::Terrain, ImageFormat::Png) => "difference.png",
            (HeightKind::Terrain, ImageFormat::WebP) => "difference.webp",
            (_, ImageFormat::Png) => "surface-difference.png",
            (_, ImageFormat::WebP) => "surface-difference.webp",
        },
        tms: tms.id.clone().into(),
        tile,
    };
    let make = app.compute(move || {
        let size = side_px(&tms, tile);
        let bytes = tiler::difference_tile(&later, &earlier, kind, &tms, tile, size, format)?;
        Ok(Some(Content::new(media_type(format), bytes)))
    });
    match app.tiles().get_or_make(key, make).await?.as_ref() {
        Some(content) => caller.answer(content.clone(), Caching::Minute).await,
        None => Err(Problem::internal(&"a raster tile came out as nothing")),
    }
}

/// `GET /difference/LATER/EARLIER.json`.
pub(crate) async fn tilejson(
    State(app): State<App>,
    caller: Caller,
    Path((later_id, file)): Path<(String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let Some(earlier_id) = file.strip_suffix(".json") else {
        return Err(Problem::no_such_page(&format!(
            "/difference/{later_id}/{file}"
        )));
    };
    let (later, earlier) = both(&caller, &later_id, earlier_id)?;
    let parameters = parameters.only(&["f", HEIGHTS])?;
    parameters.format(&["json"])?;
    let kind = height_kind(&parameters)?;
    check_datums(&later, &earlier)?;
    let title = |id: &str| {
        catalogue::find(app.settings(), &caller.view, id)
            .map(|entry| entry.title.sv)
            .ok_or_else(|| Problem::no_collection(id))
    };
    let heights_name = kind.name();
    let query = match kind {
        HeightKind::Terrain => String::new(),
        _ => format!("?heights={heights_name}"),
    };
    let tiles = caller.base.url(&format!(
        "/difference/{later_id}/{earlier_id}/{{z}}/{{x}}/{{y}}.png{query}"
    ));
    let in_sets = caller.base.url(&format!(
        "/difference/{later_id}/{earlier_id}/{{tms}}/{{z}}/{{x}}/{{y}}.png{query}"
    ));
    let ends = DIFFERENCE_CLASSES.iter().skip(1).map(|class| class.from_m);
    let classes = DIFFERENCE_CLASSES.iter().zip(ends.map(Some).chain([None]));
    let mut fell = Vec::new();
    let mut rose = Vec::new();
    for (class, to_m) in classes {
        let hex = |[r, g, b]: [u8; 3]| format!("#{r:02x}{g:02x}{b:02x}");
        rose.push(json!({ "from_m": class.from_m, "to_m": to_m, "colour": hex(class.rose) }));
        let to_m = to_m.map(|metres| -metres);
        fell.push(json!({ "from_m": to_m, "to_m": -class.from_m, "colour": hex(class.fell) }));
    }
    fell.reverse();
    let mut document = json!({
        "tilejson": "3.0.0",
        "name": format!("{} − {}", title(&later_id)?, title(earlier_id)?),
        "attribution": app.settings().name,
        "scheme": "xyz",
        "tiles": [tiles],
        "minzoom": 0,
        "maxzoom": MAX_ZOOM,
        "tileSize": TILE_SIZE_PX,
        "tvilling:tile_matrix_sets": in_sets,
        "tvilling:heights": heights_name,
        "tvilling:later": about(later.meta()),
        "tvilling:earlier": about(earlier.meta()),
        "tvilling:clear_below_m": CLEAR_BELOW_M,
        "tvilling:legend": { "unit": "m", "fell": fell, "rose": rose },
    });
    put_bounds(&app, &mut document, Some(&later.meta().bounds), MAX_ZOOM);
    caller
        .answer(Content::json(&document), Caching::Revalidate)
        .await
}

fn both(caller: &Caller, later: &str, earlier: &str) -> Result<(SurveyView, SurveyView), Problem> {
    Ok((caller.survey(later)?, caller.survey(earlier)?))
}

fn check_datums(later: &SurveyView, earlier: &SurveyView) -> Result<(), Problem> {
    query::volume::check_datums(later, earlier).map_err(|error| {
        Problem::bad_parameter(
            "survey",
            earlier.meta().id.as_str(),
            format!("a survey in the same known vertical datum, since {error}"),
        )
    })
}
