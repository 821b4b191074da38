//! Answers about the heights of one survey: at a place, along a line, in a polygon. Each
//! says which survey it is from, when that was flown, and what its elevations are counted
//! from.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use bytes::Bytes;
use geo_types::{LineString, MultiPolygon, Polygon};
use geodesy::Transform;
use model::Survey;
use query::heights::{DEFAULT_RADIUS_M, MAX_RADIUS_M, PlaceHeight, PlaceHeights, heights_at};
use query::profile::{MAX_POINTS, Profile, ProfileError, ProfileQuestion, profile};
use query::volume::{
    CELL_UNCERTAINTY_M, LEVEL_UNCERTAINTY_M, Reference, Volume, VolumeError, volume,
};
use serde_json::{Value, json};
use store::{HeightKind, SurveyView};

use crate::app::App;
use crate::caller::Caller;
use crate::content::{Caching, Content};
use crate::features::crs_of;
use crate::geojson::seven_decimals;
use crate::identify::place_of;
use crate::params::{Checked, Parameters};
use crate::picture::{self, Language};
use crate::problem::{Path, Problem};
use crate::terrain::no_heights;
use crate::{catalogue, written};

/// How far beside a line points are shown, unless the caller says.
const DEFAULT_CORRIDOR_M: f64 = 1.0;

/// Longest polygon that is taken in a body.
const MAX_BODY: usize = 64 << 10;

const SVG: &str = "image/svg+xml";

/// `GET /terrain/SURVEY/height?lon=&lat=` or `?coords=E,N&crs=`.
pub(crate) async fn height(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    const RADIUS: &str = "metres over 0 and up to 25";
    let survey = survey_of(&caller, &id)?;
    let parameters = parameters.only(&["lon", "lat", "coords", "crs", "radius", "f"])?;
    parameters.format(&["json"])?;
    let (at, _) = place_of(&app, &parameters)?;
    let radius_m = match parameters.numbers::<1>("radius", RADIUS)? {
        None => DEFAULT_RADIUS_M,
        Some([radius]) if radius > 0.0 && radius <= MAX_RADIUS_M => radius,
        Some([radius]) => {
            return Err(Problem::bad_parameter(
                "radius",
                &radius.to_string(),
                RADIUS,
            ));
        }
    };
    let shared = app.clone();
    let content = app
        .compute(move || {
            let heights = heights_at(&survey, at, radius_m)?;
            let answer = heights_json(
                &heights,
                survey.meta(),
                at,
                shared.twin_crs().code(),
                shared.lonlat_from_twin(),
            )?;
            Ok(Content::json(&answer))
        })
        .await?;
    caller.answer(content, Caching::Never).await
}

/// Writes what `/terrain/SURVEY/height` and `tvilling query` answer.
///
/// # Errors
///
/// The place has no longitude and latitude.
pub fn heights_json(
    heights: &PlaceHeights,
    survey: &Survey,
    at: [f64; 2],
    crs_code: &str,
    lonlat_from_twin: &Transform,
) -> Result<Value, geodesy::Error> {
    let [lon, lat] = lonlat_from_twin.xy(at)?.map(seven_decimals);
    let height = |height: &PlaceHeight| {
        json!({
            "elevation_m": centimetres(height.elevation_m),
            "points": height.points,
            "spread_m": height.spread_m.map(millimetres),
            "filled": height.is_filled(),
        })
    };
    let mut answer = about(survey);
    answer["at"] = json!({
        "lon": lon, "lat": lat, "crs": crs_code, "coords": at.map(millimetres),
    });
    answer["radius_m"] = json!(heights.radius_m);
    answer["ground"] = json!(heights.ground.as_ref().map(height));
    answer["surface"] = json!(heights.surface.as_ref().map(height));
    answer["height_above_ground_m"] = json!(heights.above_ground_m().map(centimetres));
    Ok(answer)
}

/// `GET /terrain/SURVEY/profile?coords=LON,LAT;LON,LAT`.
pub(crate) async fn section(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Problem> {
    const COORDS: &str = "a line such as 17.30,62.39;17.31,62.39 or LINESTRING (17.30 62.39, 17.31 62.39), inside the area of the CRS";
    let survey = survey_of(&caller, &id)?;
    let known = &["coords", "crs", "step", "corridor", "lang", "f"];
    let parameters = parameters.only(known)?;
    let format = parameters.format(&["json", "svg"])?;
    let Some(text) = parameters.text("coords") else {
        return Err(Problem::missing_parameter("coords", COORDS));
    };
    let bad = || Problem::bad_parameter("coords", text, COORDS);
    let mut line = written::line(text).ok_or_else(bad)?;
    let crs = crs_parameter(&parameters)?;
    written::into_twin(&app, crs.as_ref(), &mut line)?.ok_or_else(bad)?;
    let one = |name| Ok::<_, Problem>(parameters.numbers::<1>(name, "metres")?.map(|[m]| m));
    let question = ProfileQuestion {
        line,
        step_m: one("step")?,
        corridor_m: one("corridor")?.unwrap_or(DEFAULT_CORRIDOR_M),
    };
    let wants_svg = match format {
        Some(format) => format == "svg",
        None => prefers_svg(&headers),
    };
    let language = match parameters.text("lang") {
        Some("sv") => Language::Swedish,
        Some("en") => Language::English,
        Some(other) => return Err(Problem::bad_parameter("lang", other, "sv or en")),
        None => Language::of_headers(&headers),
    };
    let title = catalogue::find(app.settings(), &caller.view, &id)
        .map(|entry| entry.title)
        .ok_or_else(|| Problem::no_collection(&id))?;
    let coords = text.to_owned();
    let shared = app.clone();
    let content = app
        .compute(move || {
            let found = profile(&survey, &question).map_err(|error| match error {
                ProfileError::Limit { part, limit } => {
                    let (name, value) = match part {
                        "step" => ("step", number_text(question.step_m)),
                        "corridor" => ("corridor", question.corridor_m.to_string()),
                        _ => ("coords", coords),
                    };
                    Problem::bad_parameter(name, &value, limit)
                }
                ProfileError::Store(error) => Problem::internal(&error),
            })?;
            if wants_svg {
                let svg = picture::section(&found, &question, survey.meta(), &title, language);
                return Ok(Content::new(SVG, svg));
            }
            let json = profile_json(&found, &question, survey.meta(), shared.lonlat_from_twin())?;
            Ok(Content::json(&json))
        })
        .await?;
    caller.answer(content, Caching::Never).await
}

fn profile_json(
    found: &Profile,
    question: &ProfileQuestion,
    survey: &Survey,
    lonlat_from_twin: &Transform,
) -> Result<Value, geodesy::Error> {
    let mut places: Vec<[f64; 2]> = found.samples.iter().map(|sample| sample.at).collect();
    lonlat_from_twin.xy_in_place(&mut places)?;
    let places: Vec<[f64; 2]> = places.into_iter().map(|p| p.map(seven_decimals)).collect();
    let samples = &found.samples;
    let distances: Vec<f64> = samples.iter().map(|s| millimetres(s.distance_m)).collect();
    let ground: Vec<_> = samples
        .iter()
        .map(|s| s.ground_m.map(centimetres))
        .collect();
    let surface: Vec<_> = samples
        .iter()
        .map(|s| s.surface_m.map(centimetres))
        .collect();
    let classes = found.points.iter().map(|(class, points)| {
        let column = |of: fn(&query::profile::ProfilePoint) -> f64| -> Vec<f64> {
            points.iter().map(|point| millimetres(of(point))).collect()
        };
        json!({
            "class": class,
            "name": picture::class_name(*class, Language::English),
            "count": points.len(),
            "distance_m": column(|point| point.distance_m),
            "offset_m": column(|point| point.offset_m),
            "elevation_m": column(|point| point.elevation_m),
        })
    });
    let classes: Vec<Value> = classes.collect();
    let mut answer = about(survey);
    answer["length_m"] = json!(millimetres(found.length_m));
    answer["step_m"] = json!(found.step_m);
    answer["samples"] = json!({
        "distance_m": distances,
        "lonlat": places,
        "ground_m": ground,
        "surface_m": surface,
    });
    answer["corridor_m"] = json!(question.corridor_m);
    answer["points"] = json!({
        "most": MAX_POINTS,
        "thinned_to_m": found.thinned_to_m.map(millimetres),
        "classes": classes,
    });
    Ok(answer)
}

/// `GET /terrain/SURVEY/volume?polygon=WKT&base=` or `&against=SURVEY`.
pub(crate) async fn volume_of_text(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    const POLYGON: &str =
        "a polygon as WKT, such as POLYGON ((17.30 62.39, 17.31 62.39, 17.31 62.40, 17.30 62.39))";
    let survey = survey_of(&caller, &id)?;
    let parameters = parameters.only(&["polygon", "crs", "base", "against", "heights", "f"])?;
    let Some(text) = parameters.text("polygon") else {
        return Err(Problem::missing_parameter("polygon", POLYGON));
    };
    let polygons =
        written::polygons(text).ok_or_else(|| Problem::bad_parameter("polygon", text, POLYGON))?;
    answer_volume(&app, &caller, survey, &parameters, polygons).await
}

/// `POST /terrain/SURVEY/volume?base=` or `?against=SURVEY` with a polygon as GeoJSON.
pub(crate) async fn volume_of_body(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    parameters: Parameters,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, Problem> {
    const POLYGON: &str = "a polygon or multipolygon as GeoJSON, or a feature that has one";
    let survey = survey_of(&caller, &id)?;
    let parameters = parameters.only(&["crs", "base", "against", "heights", "f"])?;
    let too_large = || Problem::too_large("The request has a body of more than 64 KiB.");
    let body = body.map_err(|_| too_large())?;
    if body.len() > MAX_BODY {
        return Err(too_large());
    }
    let polygons = written::geojson_polygons(&body)
        .ok_or_else(|| Problem::bad_parameter("body", &String::from_utf8_lossy(&body), POLYGON))?;
    answer_volume(&app, &caller, survey, &parameters, polygons).await
}

async fn answer_volume(
    app: &App,
    caller: &Caller,
    survey: SurveyView,
    parameters: &Checked,
    polygons: Vec<written::Rings>,
) -> Result<Response, Problem> {
    const BASE: &str = "an elevation in metres in the survey's own datum";
    parameters.format(&["json"])?;
    let kind = height_kind(parameters)?;
    let base = parameters.numbers::<1>("base", BASE)?;
    let against = parameters
        .text("against")
        .map(|id| survey_of(caller, id))
        .transpose()?;
    if base.is_some() == against.is_some() {
        let allowed = "either base, an elevation, or against, another survey";
        return Err(Problem::missing_parameter("base", allowed));
    }
    let crs = crs_parameter(parameters)?;
    let bad = |what: String| Problem::bad_parameter("polygon", "the one given", what);
    let mut shape = Vec::with_capacity(polygons.len());
    for rings in polygons {
        let mut own = Vec::with_capacity(rings.len());
        for mut ring in rings {
            written::into_twin(app, crs.as_ref(), &mut ring)?
                .ok_or_else(|| bad("one inside the area of the CRS".to_owned()))?;
            own.push(LineString::from(ring));
        }
        let mut rings = own.into_iter();
        let outer = rings
            .next()
            .ok_or_else(|| bad("one with an outer ring".to_owned()))?;
        shape.push(Polygon::new(outer, rings.collect()));
    }
    let shape = MultiPolygon(shape);
    let content = app
        .compute(move || {
            let reference = match (&against, base) {
                (Some(other), _) => Reference::Survey(other),
                (None, base) => Reference::Plane(base.map_or(0.0, |[base]| base)),
            };
            let found =
                volume(&survey, kind, &reference, &shape).map_err(|error| match &error {
                    VolumeError::DatumsDiffer { other, .. } => {
                        let allowed =
                            format!("a survey in the same known vertical datum, since {error}");
                        Problem::bad_parameter("against", other, allowed)
                    }
                    VolumeError::BadPolygon(what) => bad(what.clone()),
                    VolumeError::Store(error) => Problem::internal(error),
                })?;
            Ok(Content::json(&volume_json(
                &found,
                kind,
                &reference,
                survey.meta(),
            )))
        })
        .await?;
    caller.answer(content, Caching::Never).await
}

fn volume_json(found: &Volume, kind: HeightKind, reference: &Reference, survey: &Survey) -> Value {
    let cubic = |m3: f64| (m3 * 10.0).round() / 10.0;
    let square = |m2: f64| (m2 * 100.0).round() / 100.0;
    let mut answer = about(survey);
    answer["heights"] = json!(kind.name());
    let surveys = match reference {
        Reference::Plane(base) => {
            answer["base_m"] = json!(base);
            "one survey"
        }
        Reference::Survey(other) => {
            answer["against"] = about(other.meta());
            "each of the two surveys"
        }
    };
    answer["fill_m3"] = json!(cubic(found.fill_m3));
    answer["cut_m3"] = json!(cubic(found.cut_m3));
    answer["net_m3"] = json!(cubic(found.net_m3()));
    answer["area_m2"] = json!(square(found.area_m2));
    answer["polygon_area_m2"] = json!(square(found.polygon_area_m2));
    answer["mean_difference_m"] = json!(found.mean_difference_m.map(millimetres));
    answer["cell_size_m"] = json!(found.cell_size_m);
    answer["cells"] = json!(found.cells);
    answer["cells_without_data"] = json!(found.cells_without_data);
    answer["uncertainty"] = json!({
        "net_m3": cubic(found.net_uncertainty_m3),
        "level": "one standard deviation",
        "statement": format!(
            "Assumed, not measured: {LEVEL_UNCERTAINTY_M} m for the level of {surveys}, which all cells share, \
             and {CELL_UNCERTAINTY_M} m for each cell by itself. Ground under roofs and trees is interpolated \
             and may be further off; cells without data are not counted; check points on the ground would tell more."
        ),
    });
    answer["meaning"] =
        json!("fill is where the survey lies above the reference, cut where it lies below");
    answer
}

/// What every answer says of the survey behind it.
pub(crate) fn about(survey: &Survey) -> Value {
    json!({
        "survey": survey.id.as_str(),
        "flown": survey.flown.map(|date| date.to_string()),
        "datum": catalogue::datum_text(&survey.vertical),
        "geoid": survey.geoid,
        "data_origin": survey.data_origin.map(model::DataOrigin::as_str),
    })
}

/// Which heights are asked for.
pub(crate) fn height_kind(parameters: &Checked) -> Result<HeightKind, Problem> {
    match parameters.text("heights") {
        None | Some("terrain") => Ok(HeightKind::Terrain),
        Some("surface") => Ok(HeightKind::Surface),
        Some(other) => Err(Problem::bad_parameter(
            "heights",
            other,
            "terrain or surface",
        )),
    }
}

pub(crate) fn survey_of(caller: &Caller, id: &str) -> Result<SurveyView, Problem> {
    caller
        .survey(id)
        .map_err(|problem| no_heights(caller, id, problem))
}

fn crs_parameter(parameters: &Checked) -> Result<Option<geodesy::Crs>, Problem> {
    parameters
        .text("crs")
        .map(|code| crs_of("crs", code))
        .transpose()
}

/// Whether a picture is wanted more than JSON.
fn prefers_svg(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    accept.is_some_and(|accept| {
        let first_of = |name: &str| accept.to_ascii_lowercase().find(name);
        match (first_of(SVG), first_of("application/json")) {
            (Some(svg), Some(json)) => svg < json,
            (svg, None) => svg.is_some(),
            (None, Some(_)) => false,
        }
    })
}

fn number_text(number: Option<f64>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

fn centimetres(metres: f32) -> f64 {
    (f64::from(metres) * 100.0).round() / 100.0
}

fn millimetres(metres: f64) -> f64 {
    (metres * 1e3).round() / 1e3
}
