//! What answers about heights have in common: the words that say which survey they are from,
//! and how numbers are rounded.

use model::Survey;
use serde_json::{Value, json};
use store::HeightKind;

use crate::catalogue;
use crate::params::Checked;
use crate::problem::Problem;

/// What every answer says of the survey behind it: which it is, when it was flown, and what
/// its elevations are counted from.
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

pub(crate) fn centimetres(metres: f32) -> f64 {
    (f64::from(metres) * 100.0).round() / 100.0
}

pub(crate) fn millimetres(metres: f64) -> f64 {
    (metres * 1e3).round() / 1e3
}
