//! Cut and fill in a polygon, between a survey and a plane or another survey.

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use geo_types::{LineString, MultiPolygon, Polygon};
use model::Survey;
use query::volume::{
    CELL_UNCERTAINTY_M, LEVEL_UNCERTAINTY_M, Reference, Volume, VolumeError, volume,
};
use serde_json::{Value, json};
use store::{HeightKind, SurveyView};

use crate::app::App;
use crate::caller::Caller;
use crate::content::{Caching, Content};
use crate::params::{Checked, Parameters};
use crate::problem::{Path, Problem};
use crate::surveys::answers::{about, height_kind, millimetres};
use crate::surveys::shapes;

/// Longest polygon that is taken in a body.
const MAX_BODY: usize = 64 << 10;

/// `GET /terrain/SURVEY/volume?polygon=WKT&base=` or `&against=SURVEY`.
pub(crate) async fn volume_of_text(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    const POLYGON: &str =
        "a polygon as WKT, such as POLYGON ((17.30 62.39, 17.31 62.39, 17.31 62.40, 17.30 62.39))";
    let survey = caller.survey(&id)?;
    let parameters = parameters.only(&["polygon", "crs", "base", "against", "heights", "f"])?;
    let Some(text) = parameters.text("polygon") else {
        return Err(Problem::missing_parameter("polygon", POLYGON));
    };
    let polygons =
        shapes::polygons(text).ok_or_else(|| Problem::bad_parameter("polygon", text, POLYGON))?;
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
    let survey = caller.survey(&id)?;
    let parameters = parameters.only(&["crs", "base", "against", "heights", "f"])?;
    let too_large = || Problem::too_large("The request has a body of more than 64 KiB.");
    let body = body.map_err(|_| too_large())?;
    if body.len() > MAX_BODY {
        return Err(too_large());
    }
    let polygons = shapes::geojson_polygons(&body)
        .ok_or_else(|| Problem::bad_parameter("body", &String::from_utf8_lossy(&body), POLYGON))?;
    answer_volume(&app, &caller, survey, &parameters, polygons).await
}

async fn answer_volume(
    app: &App,
    caller: &Caller,
    survey: SurveyView,
    parameters: &Checked,
    polygons: Vec<shapes::Rings>,
) -> Result<Response, Problem> {
    const BASE: &str = "an elevation in metres in the survey's own datum";
    parameters.format(&["json"])?;
    let kind = height_kind(parameters)?;
    let base = parameters.numbers::<1>("base", BASE)?;
    let against = parameters
        .text("against")
        .map(|id| caller.survey(id))
        .transpose()?;
    if base.is_some() == against.is_some() {
        let allowed = "either base, an elevation, or against, another survey";
        return Err(Problem::missing_parameter("base", allowed));
    }
    let crs = parameters.crs("crs")?;
    let bad = |what: String| Problem::bad_parameter("polygon", "the one given", what);
    let mut shape = Vec::with_capacity(polygons.len());
    for rings in polygons {
        let mut own = Vec::with_capacity(rings.len());
        for mut ring in rings {
            shapes::into_twin(app, crs.as_ref(), &mut ring)?
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
