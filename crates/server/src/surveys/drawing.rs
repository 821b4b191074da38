//! What can be drawn of a survey, and the parameters that choose how.

use serde_json::{Value, json};
use tiler::{ElevationEncoding, Lights, Relief, Shading, Theme};

use crate::params::Checked;
use crate::problem::Problem;

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
    pub(crate) fn parameters(self) -> &'static [&'static str] {
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
    /// What a family draws, as the parameters say.
    pub(crate) fn of(family: Family, parameters: &Checked) -> Result<Drawing, Problem> {
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

const RELIEF_PARAMETERS: &[&str] = &[STYLE, AZIMUTH, ALTITUDE];

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
fn relief(parameters: &Checked) -> Result<Relief, Problem> {
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

/// What tiles must be asked for with, to be drawn as these parameters say. They have been
/// read as words and numbers, which need no escaping but for a plus, which says nothing.
pub(crate) fn query_of(family: Family, parameters: &Checked) -> String {
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
pub(crate) fn legend(theme: Theme) -> Value {
    let (stops, unit) = theme.legend();
    let stops = stops.iter().map(|(value, [r, g, b, a])| {
        json!({ "value": value, "colour": format!("#{r:02x}{g:02x}{b:02x}{a:02x}") })
    });
    json!({ "unit": unit, "stops": stops.collect::<Vec<_>>() })
}
