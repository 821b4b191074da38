//! Raster tiles of a survey: terrain-RGB for clients that draw in 3D, shaded relief, slope,
//! aspect and heights above ground. Never 204, and never 404 within a tile matrix set:
//! MapLibre wants a flat tile rather than none.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use model::TileCoord;
use serde_json::{Value, json};
use store::{HeightKind, SurveyView};
use tiler::{BEYOND_M, ElevationEncoding, ImageFormat, Lights, Relief, Shading, Theme};

use crate::app::App;
use crate::cache::{TileKey, content_hash};
use crate::caller::Caller;
use crate::catalogue;
use crate::content::{Caching, Content};
use crate::mesh;
use crate::params::{Checked, Parameters};
use crate::problem::{Path, Problem};
use crate::tiles::{WEB_MERCATOR, address_of, put_bounds, set_of, touches};

/// What XYZ clients expect of an address, and what WebMercatorQuad says.
pub(crate) const TILE_SIZE_PX: u32 = 256;

/// Deepest level that TileJSON promises: a pixel is 0.6 m in Sweden, about a cell.
pub(crate) const MAX_ZOOM: u8 = 17;

/// A kind of raster tiles, and the first part of their addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Terrain,
    Hillshade,
    Slope,
    Aspect,
    Height,
}

impl Family {
    pub(crate) const ALL: [Family; 5] = [
        Family::Terrain,
        Family::Hillshade,
        Family::Slope,
        Family::Aspect,
        Family::Height,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Family::Terrain => "terrain",
            Family::Hillshade => "hillshade",
            Family::Slope => "slope",
            Family::Aspect => "aspect",
            Family::Height => "height",
        }
    }

    /// Its name for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Family::Terrain => "Terrain-RGB",
            Family::Hillshade => "Hillshade",
            Family::Slope => "Slope",
            Family::Aspect => "Aspect",
            Family::Height => "Height above ground",
        }
    }

    /// Parameters that choose how it is drawn.
    fn parameters(self) -> &'static [&'static str] {
        match self {
            Family::Terrain => &[ENCODING],
            Family::Hillshade => RELIEF_PARAMETERS,
            Family::Slope | Family::Aspect | Family::Height => &[],
        }
    }
}

/// What is drawn of a survey.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Drawing {
    Terrain(ElevationEncoding),
    Hillshade(Relief),
    Themed(Theme),
}

impl Drawing {
    fn of(family: Family, parameters: &Checked) -> Result<Drawing, Problem> {
        Ok(match family {
            Family::Terrain => Drawing::Terrain(encoding(parameters)?),
            Family::Hillshade => Drawing::Hillshade(relief(parameters)?),
            Family::Slope => Drawing::Themed(Theme::Slope),
            Family::Aspect => Drawing::Themed(Theme::Aspect),
            Family::Height => Drawing::Themed(Theme::Height),
        })
    }
}

/// The parameter that chooses how elevations are told.
const ENCODING: &str = "encoding";

/// The parameters that choose how relief is painted and lit.
const STYLE: &str = "style";
const AZIMUTH: &str = "azimuth";
const ALTITUDE: &str = "altitude";

pub(crate) const RELIEF_PARAMETERS: &[&str] = &[STYLE, AZIMUTH, ALTITUDE];

/// What chooses relief that is clear where the ground is level.
pub(crate) const OVERLAY_QUERY: &str = "?style=overlay";

fn encoding(parameters: &Checked) -> Result<ElevationEncoding, Problem> {
    match parameters.text(ENCODING) {
        None | Some("mapbox") => Ok(ElevationEncoding::Mapbox),
        Some("terrarium") => Ok(ElevationEncoding::Terrarium),
        Some(other) => Err(Problem::bad_parameter(
            ENCODING,
            other,
            "mapbox or terrarium",
        )),
    }
}

/// Reads how relief shall be painted and lit.
pub(crate) fn relief(parameters: &Checked) -> Result<Relief, Problem> {
    let (shading, multi) = match parameters.text(STYLE) {
        None | Some("grey") => (Shading::Grey, false),
        Some("overlay") => (Shading::Overlay, false),
        Some("multi") => (Shading::Grey, true),
        Some("multi-overlay") => (Shading::Overlay, true),
        Some(other) => {
            let allowed = "grey, overlay, multi or multi-overlay";
            return Err(Problem::bad_parameter(STYLE, other, allowed));
        }
    };
    const AZIMUTHS: &str = "degrees from 0 to 360, or none with lights from several sides";
    const ALTITUDES: &str = "degrees from 1 to 90";
    let azimuth_deg = parameters.parsed(AZIMUTH, AZIMUTHS)?;
    let altitude_deg = parameters.parsed(ALTITUDE, ALTITUDES)?;
    // Either may be wrong; one at a time tells which.
    let wrong = |name, allowed: &'static str| {
        Problem::bad_parameter(name, parameters.text(name).unwrap_or_default(), allowed)
    };
    if multi && azimuth_deg.is_some() || Lights::from_options(azimuth_deg, None, multi).is_err() {
        return Err(wrong(AZIMUTH, AZIMUTHS));
    }
    let lights = Lights::from_options(azimuth_deg, altitude_deg, multi);
    let lights = lights.map_err(|_| wrong(ALTITUDE, ALTITUDES))?;
    Ok(Relief { lights, shading })
}

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
            if family == Family::Terrain && file.ends_with(mesh::ENDING) {
                parameters.only(&[])?;
                return mesh::tile(&app, &caller, [&id, &z, &x, &file]).await;
            }
            let address = [WEB_MERCATOR, &z, &x, &file];
            tile(&app, &caller, family, &id, address, parameters).await
        },
    )
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
    let survey = survey_of(caller, id)?;
    let drawing = Drawing::of(family, &parameters.only(family.parameters())?)?;
    let (y, format) = match file.rsplit_once('.') {
        Some((y, "png")) => (y, ImageFormat::Png),
        Some((y, "webp")) => (y, ImageFormat::WebP),
        _ => {
            let remedy = "These tiles end in .png or .webp.";
            return Err(Problem::not_found("tile", file, remedy));
        }
    };
    draw(app, caller, survey, drawing, [tms, z, x, y], format).await
}

/// Answers with a tile; a flat one beyond the survey.
pub(crate) async fn draw(
    app: &App,
    caller: &Caller,
    survey: SurveyView,
    drawing: Drawing,
    [tms, z, x, y]: [&str; 4],
    format: ImageFormat,
) -> Result<Response, Problem> {
    let tms = set_of(tms)?;
    let tile = address_of(tms, z, x, y)?;
    // Cells reach beyond the points in them.
    let cell_m = survey.heights_frame(HeightKind::Terrain)?.cell_size_m;
    let inside = touches(app, tms, tile, &survey.meta().bounds.expanded(cell_m))?;
    let how = format!("{drawing:?}");
    let (content, place) = if inside {
        let id = survey.meta().id.as_str();
        let parts = [(id, survey.version()), (how.as_str(), 0)];
        (content_hash(parts), tile)
    } else {
        // One for all that lies beyond: nobody can fill the cache with them.
        (content_hash([(how.as_str(), 1)]), first_tile())
    };
    let (kind, media_type) = match format {
        ImageFormat::Png => ("raster.png", "image/png"),
        ImageFormat::WebP => ("raster.webp", "image/webp"),
    };
    let key = TileKey {
        class: caller.class,
        content,
        kind,
        tms: &tms.id,
        tile: place,
    };
    let make = app.compute(move || {
        let (ground, size) = (HeightKind::Terrain, TILE_SIZE_PX);
        let bytes = match drawing {
            Drawing::Terrain(encoding) => {
                tiler::terrain_rgb_tile(&survey, ground, tms, tile, size, format, encoding)
            }
            Drawing::Hillshade(relief) => {
                tiler::hillshade_tile(&survey, ground, tms, tile, size, format, relief)
            }
            Drawing::Themed(theme) => tiler::themed_tile(&survey, theme, tms, tile, size, format),
        }?;
        Ok(Some(Content::new(media_type, bytes)))
    });
    match app.tiles().get_or_make(key, make).await?.as_ref() {
        Some(content) => caller.answer(content.clone(), Caching::Minute).await,
        None => Err(Problem::internal(&"a raster tile came out as nothing")),
    }
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
    let survey = survey_of(caller, id)?;
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

/// What tiles must be asked for with, to be drawn as these parameters say. They have been
/// read as words and numbers, which need no escaping but for a plus, which says nothing.
fn query_of(family: Family, parameters: &Checked) -> String {
    let given = family.parameters().iter().filter_map(|name| {
        let value = parameters.text(name)?;
        Some(format!("{name}={}", value.replace('+', "")))
    });
    let given: Vec<String> = given.collect();
    if given.is_empty() {
        String::new()
    } else {
        format!("?{}", given.join("&"))
    }
}

/// Values and their colours.
fn legend(theme: Theme) -> Value {
    let (stops, unit) = theme.legend();
    let stops = stops.iter().map(|(value, [r, g, b, a])| {
        json!({ "value": value, "colour": format!("#{r:02x}{g:02x}{b:02x}{a:02x}") })
    });
    json!({ "unit": unit, "stops": stops.collect::<Vec<_>>() })
}

/// The visible survey of this name.
pub(crate) fn survey_of(caller: &Caller, id: &str) -> Result<SurveyView, Problem> {
    caller
        .survey(id)
        .map_err(|problem| no_heights(caller, id, problem))
}

/// A visible collection of features was asked for heights.
pub(crate) fn no_heights(caller: &Caller, id: &str, problem: Problem) -> Problem {
    match caller.collection(id) {
        Ok(_) => Problem::not_found("survey", id, "It is a collection of features."),
        Err(_) => problem,
    }
}
