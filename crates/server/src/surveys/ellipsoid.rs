//! Heights above the ellipsoid, for clients that draw the Earth.

use geodesy::Geoid;
use model::VerticalDatum;
use store::SurveyView;
use tiler::cloud::HeightNote;

use crate::catalogue;

/// What becomes of the heights of a survey for clients that take them to be above the
/// ellipsoid, and in which words they are told.
pub(crate) fn ellipsoidal_heights(geoid: Option<&Geoid>, survey: &SurveyView) -> HeightNote {
    let vertical = &survey.meta().vertical;
    let datum = catalogue::datum_text(vertical);
    let fits = |geoid: &&Geoid| matches!(vertical, VerticalDatum::Known { code, .. } if code == geoid.vertical_code());
    match geoid.filter(fits) {
        Some(geoid) => HeightNote {
            note: format!(
                "Heights are above the ellipsoid: elevations in {datum}, raised by the geoid {}.",
                geoid.name()
            ),
            datum,
            geoid: Some(geoid.name().to_owned()),
        },
        None => HeightNote {
            note: format!(
                "Heights are elevations as delivered (datum: {datum}), not above the ellipsoid as \
                 3D clients take them to be, since the server has no geoid grid for that datum: \
                 in Sweden all is drawn some tens of metres too low."
            ),
            datum,
            geoid: None,
        },
    }
}
