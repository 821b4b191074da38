//! A section along a line by one survey: ground, surface and the points beside it, as JSON
//! or as a picture.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use geodesy::Transform;
use model::Survey;
use query::profile::{MAX_POINTS, Profile, ProfileError, ProfileQuestion, profile};
use serde_json::{Value, json};

use crate::app::App;
use crate::caller::Caller;
use crate::catalogue;
use crate::content::{Caching, Content};
use crate::geojson::seven_decimals;
use crate::params::Parameters;
use crate::problem::{Path, Problem};
use crate::surveys::answers::{about, centimetres, millimetres};
use crate::surveys::language::{Language, class_name};
use crate::surveys::{profile_svg, shapes};

/// How far beside a line points are shown, unless the caller says.
const DEFAULT_CORRIDOR_M: f64 = 1.0;

const SVG: &str = "image/svg+xml";

/// `GET /terrain/SURVEY/profile?coords=LON,LAT;LON,LAT`.
pub(crate) async fn section(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Problem> {
    const COORDS: &str = "a line such as 17.30,62.39;17.31,62.39 or LINESTRING (17.30 62.39, 17.31 62.39), inside the area of the CRS";
    let survey = caller.survey(&id)?;
    let known = &["coords", "crs", "step", "corridor", "lang", "f"];
    let parameters = parameters.only(known)?;
    let format = parameters.format(&["json", "svg"])?;
    let Some(text) = parameters.text("coords") else {
        return Err(Problem::missing_parameter("coords", COORDS));
    };
    let bad = || Problem::bad_parameter("coords", text, COORDS);
    let mut line = shapes::line(text).ok_or_else(bad)?;
    let crs = parameters.crs("crs")?;
    shapes::into_twin(&app, crs.as_ref(), &mut line)?.ok_or_else(bad)?;
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
                let svg = profile_svg::draw(&found, &question, survey.meta(), &title, language);
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
            "name": class_name(*class, Language::English),
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
