//! How a vector tile is encoded, and how a caller says so: by the end of its address, by `f`,
//! or by `Accept`.

use crate::caller::Caller;
use crate::params::Checked;
use crate::problem::Problem;

/// Media type of an MVT tile, registered with IANA.
pub(crate) const MVT: &str = "application/vnd.mapbox-vector-tile";

/// Media type of a MapLibre tile, as MapLibre's clients ask for it.
pub(crate) const MLT: &str = "application/vnd.maplibre-tile";

/// How a vector tile is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Mapbox Vector Tile 2.1, which every client reads.
    Mvt,
    /// MapLibre Tile 1.
    Mlt,
}

/// The parameter by which a TileJSON is told of which tiles it shall tell.
pub(crate) const ENCODING: &str = "encoding";

/// Ends of addresses. Some clients know MVT as `pbf`, by the format below it.
const ENDINGS: [(&str, Encoding); 3] = [
    (".mvt", Encoding::Mvt),
    (".pbf", Encoding::Mvt),
    (".mlt", Encoding::Mlt),
];

impl Encoding {
    const NAMES: [&str; 2] = ["mvt", "mlt"];

    /// As parameters name it, and as MapLibre's styles do.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Encoding::Mvt => "mvt",
            Encoding::Mlt => "mlt",
        }
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Encoding::Mvt => MVT,
            Encoding::Mlt => MLT,
        }
    }

    /// Reads the last part of an address, `Y.mvt` or `Y.mlt`. A bare `Y` leaves it to `Accept`.
    pub(crate) fn of_file<'a>(
        file: &'a str,
        caller: &Caller,
    ) -> Result<(&'a str, Encoding), Problem> {
        let by_end = ENDINGS
            .iter()
            .find_map(|(end, encoding)| Some((file.strip_suffix(end)?, *encoding)));
        match by_end {
            Some(found) => Ok(found),
            None if !file.contains('.') => Ok((file, Encoding::accepted(caller))),
            None => {
                let remedy = "Vector tiles end in .mvt or .mlt.";
                Err(Problem::not_found("tile", file, remedy))
            }
        }
    }

    /// Reads `f`; without it `Accept` decides.
    pub(crate) fn of_format(parameters: &Checked, caller: &Caller) -> Result<Encoding, Problem> {
        let name = parameters.format(&Encoding::NAMES)?;
        Ok(name.map_or_else(|| Encoding::accepted(caller), Encoding::named))
    }

    /// Reads the parameter of a TileJSON; MVT without it.
    pub(crate) fn of_parameter(parameters: &Checked) -> Result<Encoding, Problem> {
        match parameters.text(ENCODING) {
            Some(name) if !Encoding::NAMES.contains(&name) => {
                let allowed = Encoding::NAMES.join(" or ");
                Err(Problem::bad_parameter(ENCODING, name, allowed))
            }
            name => Ok(name.map_or(Encoding::Mvt, Encoding::named)),
        }
    }

    fn named(name: &str) -> Encoding {
        if name == Encoding::Mlt.name() {
            Encoding::Mlt
        } else {
            Encoding::Mvt
        }
    }

    fn accepted(caller: &Caller) -> Encoding {
        if caller.wants_mlt() {
            Encoding::Mlt
        } else {
            Encoding::Mvt
        }
    }
}
