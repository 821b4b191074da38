//! Raster tiles of a survey: terrain-RGB for clients that draw in 3D, shaded relief, slope,
//! aspect and heights above ground. Never 204, and never 404 within a tile matrix set:
//! MapLibre wants a flat tile rather than none.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use geodesy::TileMatrixSet;
use model::TileCoord;
use serde_json::json;
use store::{HeightKind, SurveyView};
use tiler::{BEYOND_M, ElevationEncoding, ImageFormat};

use crate::app::App;
use crate::cache::{TileKey, content_hash};
use crate::caller::Caller;
use crate::catalogue;
use crate::content::{Caching, Content};
use crate::params::Parameters;
use crate::problem::{Path, Problem};
use crate::surveys::drawing::{Drawing, Family, legend, query_of};
use crate::surveys::quantized_mesh;
use crate::tiles::{WEB_MERCATOR, address_of, put_bounds, set_of, touches};

/// What XYZ clients expect of an address, and what WebMercatorQuad says.
pub(crate) const TILE_SIZE_PX: u32 = 256;

/// Most pixels along a side, whatever a set says: larger tiles are drawn coarser, rather than
/// let one request take a second of a core.
const SIDE_PX_MAX: u32 = 2048;

/// Deepest level that TileJSON promises: a pixel is 0.6 m in Sweden, about a cell.
pub(crate) const MAX_ZOOM: u8 = 17;

/// `GET /FAMILY/SURVEY.json`.
pub(crate) fn tilejson_of(family: Family) -> MethodRouter<App> {
    get(
        async move |State(app): State<App>,
                    caller: Caller,
                    Path(file): Path<String>,
                    parameters: Parameters| {
            tilejson(&app, &caller, family, &file, parameters).await
        },
    )
}

/// `GET /FAMILY/SURVEY/Z/X/Y.png|webp`, in WebMercatorQuad.
pub(crate) fn tiles_of(family: Family) -> MethodRouter<App> {
    get(
        async move |State(app): State<App>,
                    caller: Caller,
                    Path((id, z, x, file)): Path<(String, String, String, String)>,
                    parameters: Parameters| {
            if family == Family::Terrain && file.ends_with(quantized_mesh::ENDING) {
                parameters.only(&[])?;
                return quantized_mesh::tile(&app, &caller, [&id, &z, &x, &file]).await;
            }
            let address = [WEB_MERCATOR, &z, &x, &file];
            tile(&app, &caller, family, &id, address, parameters).await
        },
    )
}

/// `GET /collections/ID/map/tiles/TMS/Z/ROW/COL`: shaded relief, row before column.
pub(crate) async fn map_tile(
    State(app): State<App>,
    caller: Caller,
    Path((id, tms, z, row, col)): Path<(String, String, String, String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let survey = caller.survey(&id)?;
    let known = [&["f"], Family::Hillshade.parameters()].concat();
    let parameters = parameters.only(&known)?;
    let format = match parameters.format(&["png", "webp"])? {
        Some("webp") => ImageFormat::WebP,
        _ => ImageFormat::Png,
    };
    let drawing = Drawing::of(Family::Hillshade, &parameters)?;
    let address = [tms.as_str(), &z, &col, &row];
    draw(&app, &caller, survey, drawing, address, format).await
}

/// `GET /FAMILY/SURVEY/TMS/Z/X/Y.png|webp`.
pub(crate) fn tiles_in_sets_of(family: Family) -> MethodRouter<App> {
    get(
        async move |State(app): State<App>,
                    caller: Caller,
                    Path((id, tms, z, x, file)): Path<(String, String, String, String, String)>,
                    parameters: Parameters| {
            let address = [tms.as_str(), &z, &x, &file];
            tile(&app, &caller, family, &id, address, parameters).await
        },
    )
}

async fn tile(
    app: &App,
    caller: &Caller,
    family: Family,
    id: &str,
    [tms, z, x, file]: [&str; 4],
    parameters: Parameters,
) -> Result<Response, Problem> {
    let survey = caller.survey(id)?;
    let drawing = Drawing::of(family, &parameters.only(family.parameters())?)?;
    let (y, format) = row_and_format(file)?;
    draw(app, caller, survey, drawing, [tms, z, x, y], format).await
}

/// Reads the last part of an address, `Y.png` or `Y.webp`.
pub(crate) fn row_and_format(file: &str) -> Result<(&str, ImageFormat), Problem> {
    match file.rsplit_once('.') {
        Some((y, "png")) => Ok((y, ImageFormat::Png)),
        Some((y, "webp")) => Ok((y, ImageFormat::WebP)),
        _ => {
            let remedy = "These tiles end in .png or .webp.";
            Err(Problem::not_found("tile", file, remedy))
        }
    }
}

pub(crate) fn media_type(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "image/png",
        ImageFormat::WebP => "image/webp",
    }
}

/// Answers with a tile; a flat one beyond the survey.
async fn draw(
    app: &App,
    caller: &Caller,
    survey: SurveyView,
    drawing: Drawing,
    [tms, z, x, y]: [&str; 4],
    format: ImageFormat,
) -> Result<Response, Problem> {
    let tms = set_of(app, tms)?;
    let tile = address_of(&tms, z, x, y)?;
    let size = side_px(&tms, tile);
    // Cells reach beyond the points in them.
    let cell_m = survey.heights_frame(HeightKind::Terrain)?.cell_size_m;
    let inside = touches(app, &tms, tile, &survey.meta().bounds.expanded(cell_m))?;
    let how = format!("{drawing:?}");
    let (content, place) = if inside {
        let id = survey.meta().id.as_str();
        let parts = [(id, survey.version()), (how.as_str(), 0)];
        (content_hash(parts), tile)
    } else {
        // One for all that lies beyond: nobody can fill the cache with them.
        (
            content_hash([(how.as_str(), u64::from(size))]),
            first_tile(),
        )
    };
    let key = TileKey {
        class: caller.class,
        content,
        kind: match format {
            ImageFormat::Png => "raster.png",
            ImageFormat::WebP => "raster.webp",
        },
        tms: tms.id.clone().into(),
        tile: place,
    };
    let make = app.compute(move || {
        let (tms, ground) = (tms.as_ref(), HeightKind::Terrain);
        let bytes = match drawing {
            Drawing::Terrain(encoding) => {
                tiler::terrain_rgb_tile(&survey, ground, tms, tile, size, format, encoding)
            }
            Drawing::Hillshade(relief) => {
                tiler::hillshade_tile(&survey, ground, tms, tile, size, format, relief)
            }
            Drawing::Themed(theme) => tiler::themed_tile(&survey, theme, tms, tile, size, format),
        }?;
        Ok(Some(Content::new(media_type(format), bytes)))
    });
    match app.tiles().get_or_make(key, make).await?.as_ref() {
        Some(content) => caller.answer(content.clone(), Caching::Minute).await,
        None => Err(Problem::internal(&"a raster tile came out as nothing")),
    }
}

/// Pixels along a side of a tile, as its set says.
pub(crate) fn side_px(tms: &TileMatrixSet, tile: TileCoord) -> u32 {
    let matrix = tms.matrix(tile.z());
    matrix.map_or(TILE_SIZE_PX, |m| m.tile_size_px.min(SIDE_PX_MAX))
}

/// The tile of which every set has one.
fn first_tile() -> TileCoord {
    TileCoord::new(0, 0, 0).expect("there is a first tile")
}

async fn tilejson(
    app: &App,
    caller: &Caller,
    family: Family,
    file: &str,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let name = family.name();
    let Some(id) = file.strip_suffix(".json") else {
        return Err(Problem::no_such_page(&format!("/{name}/{file}")));
    };
    let survey = caller.survey(id)?;
    let known = [&["f"], family.parameters()].concat();
    let parameters = parameters.only(&known)?;
    parameters.format(&["json"])?;
    let drawing = Drawing::of(family, &parameters)?;
    let entry = catalogue::find(app.settings(), &caller.view, id)
        .ok_or_else(|| Problem::no_collection(id))?;
    let query = query_of(family, &parameters);
    let tiles = caller
        .base
        .url(&format!("/{name}/{id}/{{z}}/{{x}}/{{y}}.png{query}"));
    let in_sets = caller.base.url(&format!(
        "/{name}/{id}/{{tms}}/{{z}}/{{x}}/{{y}}.png{query}"
    ));
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
        "tvilling:tile_matrix_sets": in_sets,
    });
    match drawing {
        Drawing::Terrain(encoding) => {
            document["encoding"] = json!(match encoding {
                ElevationEncoding::Mapbox => "mapbox",
                ElevationEncoding::Terrarium => "terrarium",
            });
            document["tvilling:beyond_m"] = json!(BEYOND_M);
        }
        Drawing::Themed(theme) => document["tvilling:legend"] = legend(theme),
        Drawing::Hillshade(_) => {}
    }
    put_bounds(app, &mut document, Some(&survey.meta().bounds), MAX_ZOOM);
    caller
        .answer(Content::json(&document), Caching::Revalidate)
        .await
}
