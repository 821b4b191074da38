//! How high a place is by one survey: ground, surface, and the measured points behind them.

use axum::extract::State;
use axum::response::Response;
use geodesy::Transform;
use model::Survey;
use query::heights::{DEFAULT_RADIUS_M, MAX_RADIUS_M, PlaceHeight, PlaceHeights, heights_at};
use serde_json::{Value, json};

use crate::app::App;
use crate::caller::Caller;
use crate::content::{Caching, Content};
use crate::geojson::seven_decimals;
use crate::identify::place_of;
use crate::params::Parameters;
use crate::problem::{Path, Problem};
use crate::surveys::answers::{about, centimetres, millimetres};

/// `GET /terrain/SURVEY/height?lon=&lat=` or `?coords=E,N&crs=`.
pub(crate) async fn height(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    const RADIUS: &str = "metres over 0 and up to 25";
    let survey = caller.survey(&id)?;
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
