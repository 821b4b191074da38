//! What the coordinates of a file mean: CRS, vertical datum, unit of elevation.
//!
//! LAS says it in WKT (OGC 01-009) or in GeoTIFF keys (OGC 19-008r4), or not at all.

use geodesy::Crs;
use model::VerticalDatum;

use super::SurveyOptions;
use super::header::FileHeader;
use super::vertical::VerticalSource;

// Keys of GeoTIFF, by their names in OGC 19-008r4.
const MODEL_TYPE: u16 = 1024;
const GEODETIC_CRS: u16 = 2048;
const ELLIPSOID: u16 = 2056;
const PROJECTED_CRS: u16 = 3072;
const PROJ_METHOD: u16 = 3075;
const PROJ_LINEAR_UNITS: u16 = 3076;
const VERTICAL: u16 = 4096;
const VERTICAL_UNITS: u16 = 4099;

/// Height systems in feet, and the same in metres: what is kept is in metres, and so must be
/// what it is called.
const METRIC_TWINS: [(&str, &str); 5] = [
    ("EPSG:6360", "EPSG:5703"),
    ("EPSG:8228", "EPSG:5703"),
    ("EPSG:5702", "EPSG:7968"),
    ("EPSG:8050", "EPSG:5714"),
    ("EPSG:8052", "EPSG:5714"),
];

/// Values of the vertical key that older GeoTIFF wrote for heights above an ellipsoid.
const ELLIPSOID_HEIGHTS: std::ops::RangeInclusive<u16> = 5001..=5035;
/// Value of a key that means "described by other keys".
const USER_DEFINED: u16 = 32767;
/// Value of the model type for coordinates from the middle of the Earth.
const GEOCENTRIC: u16 = 3;

/// What the coordinates of a file mean.
#[derive(Debug, Clone)]
pub(super) struct Meaning {
    /// CRS of x and y.
    pub(super) crs: Crs,
    /// What z is counted from.
    pub(super) vertical: VerticalSource,
    /// Metres in one unit of z.
    pub(super) z_unit_m: f64,
    /// What had to be assumed: short codes and explanations.
    pub(super) notes: Vec<(&'static str, String)>,
}

/// Returns what the coordinates of a file mean, by the options first and the file second.
///
/// # Errors
///
/// One sentence with the remedy, if neither names a CRS that can be used.
pub(super) fn meaning(header: &FileHeader, options: &SurveyOptions) -> Result<Meaning, String> {
    let mut notes = Vec::new();
    let stated = match &options.crs {
        Some(crs) => told(crs, header),
        None => stated(header, &mut notes)?,
    };
    let crs = stated.crs;
    let mut vertical = match &options.vertical {
        Some(vertical) => vertical.clone(),
        None if stated.ellipsoid_by_key => VerticalSource::Ellipsoid,
        None => stated.vertical.unwrap_or_else(|| vertical_of(&crs)),
    };
    let by_option = match &options.vertical {
        Some(VerticalSource::Datum(VerticalDatum::Known { code, .. })) => {
            crs.with_vertical(code).ok()
        }
        _ => None,
    };
    if let VerticalSource::Datum(VerticalDatum::Known { name, .. }) = &vertical
        && match &by_option {
            Some(crs) => crs.vertical_is_depth(),
            None => stated.counts_down || crs.vertical_is_depth(),
        }
    {
        return Err(format!(
            "its z counts downwards ({name}), and elevations count upwards: turn its sign, and say what it is counted from with --vertical, such as --vertical EPSG:5613"
        ));
    }
    let unit_by_option = by_option.and_then(|crs| crs.vertical_unit_m());
    let z_unit_m = unit_by_option
        .or_else(|| crs.vertical_unit_m())
        .or_else(|| crs.ellipsoidal_unit_m())
        .or(stated.z_unit_m)
        .unwrap_or_else(|| {
            let unit_m = crs.unit_m().unwrap_or(1.0);
            if unit_m != 1.0 {
                notes.push((
                    "elevation_unit_assumed",
                    format!(
                        "the file does not say in which unit elevations are; they were taken to be in that of {}, {unit_m} m, and put in metres",
                        crs.name()
                    ),
                ));
            }
            unit_m
        });
    if z_unit_m != 1.0
        && let VerticalSource::Datum(VerticalDatum::Known { code, name }) = &mut vertical
    {
        let twin = METRIC_TWINS.iter().find(|(feet, _)| feet == code);
        let metric = twin.and_then(|(_, metres)| crs.with_vertical(metres).ok());
        if let Some((metres, metric_name)) = metric
            .as_ref()
            .and_then(|crs| crs.vertical_code().zip(crs.vertical_name()))
        {
            notes.push((
                "elevations_in_feet",
                format!("elevations in {name} were put in metres, as {metric_name}"),
            ));
            *code = metres.to_owned();
            *name = metric_name.to_owned();
        } else {
            name.push_str(", in metres");
        }
    }
    Ok(Meaning {
        crs,
        vertical,
        z_unit_m,
        notes,
    })
}

/// A CRS, and the unit of elevation if it stands beside it.
struct Stated {
    crs: Crs,
    z_unit_m: Option<f64>,
    /// Whether a key of its own says that z is a height above the ellipsoid.
    ellipsoid_by_key: bool,
    /// What z is counted from, if that stands beside the CRS.
    vertical: Option<VerticalSource>,
    /// Whether that counts downwards.
    counts_down: bool,
}

/// Returns the CRS that was told, with what the file says of elevations where that CRS says
/// nothing: where points lie is one thing, and what their z is counted from another.
fn told(crs: &Crs, header: &FileHeader) -> Stated {
    let says_vertical = crs.vertical_code().is_some() || crs.ellipsoidal_unit_m().is_some();
    let of_file = match says_vertical {
        true => None,
        false => stated(header, &mut Vec::new()).ok(),
    };
    let of_file = of_file.filter(|of_file| {
        of_file.crs.vertical_code().is_some()
            || of_file.crs.ellipsoidal_unit_m().is_some()
            || of_file.ellipsoid_by_key
    });
    match of_file {
        Some(of_file) => Stated {
            crs: crs.clone(),
            z_unit_m: (of_file.crs.vertical_unit_m())
                .or_else(|| of_file.crs.ellipsoidal_unit_m())
                .or(of_file.z_unit_m),
            ellipsoid_by_key: of_file.ellipsoid_by_key,
            vertical: Some(vertical_of(&of_file.crs)),
            counts_down: of_file.crs.vertical_is_depth(),
        },
        None => Stated {
            crs: crs.clone(),
            z_unit_m: None,
            ellipsoid_by_key: false,
            vertical: None,
            counts_down: false,
        },
    }
}

fn stated(header: &FileHeader, notes: &mut Vec<(&'static str, String)>) -> Result<Stated, String> {
    let wkt = || {
        let text = header.wkt.as_deref()?;
        let crs = Crs::from_definition(text).map_err(|e| e.to_string());
        Some(crs.map(|crs| Stated {
            crs,
            z_unit_m: None,
            ellipsoid_by_key: false,
            vertical: None,
            counts_down: false,
        }))
    };
    let keys = || by_keys(header);
    let in_order: [&dyn Fn() -> Option<Result<Stated, String>>; 2] = if header.says_wkt {
        [&wkt, &keys]
    } else {
        [&keys, &wkt]
    };
    let mut refused: Option<String> = None;
    for read in in_order {
        match read() {
            Some(Ok(stated)) => {
                if let Some(reason) = refused {
                    notes.push((
                        "crs_in_part",
                        format!("one of the two descriptions of the CRS could not be used ({reason}); the other, {}, was", stated.crs.name()),
                    ));
                }
                return Ok(stated);
            }
            Some(Err(reason)) => refused = Some(reason),
            None => {}
        }
    }
    Err(match refused {
        Some(reason) => format!(
            "its CRS cannot be used ({reason}): say which it is with --crs, such as --crs EPSG:3006"
        ),
        None => {
            "does not say in which CRS it is: say so with --crs, such as --crs EPSG:3006".to_owned()
        }
    })
}

fn vertical_of(crs: &Crs) -> VerticalSource {
    if crs.ellipsoidal_unit_m().is_some() {
        return VerticalSource::Ellipsoid;
    }
    VerticalSource::Datum(match (crs.vertical_code(), crs.vertical_name()) {
        (Some(code), name) => VerticalDatum::Known {
            code: code.to_owned(),
            name: name.unwrap_or(code).to_owned(),
        },
        (None, _) => VerticalDatum::Unknown,
    })
}

/// Reads the GeoTIFF keys; none if they name no CRS.
fn by_keys(header: &FileHeader) -> Option<Result<Stated, String>> {
    let keys = GeoKeys::read(&header.geo_keys);
    if keys.short(MODEL_TYPE) == Some(GEOCENTRIC) {
        return Some(Err(
            "its coordinates are counted from the middle of the Earth, and maps need a projected or geographic CRS".to_owned(),
        ));
    }
    let named = |key| {
        keys.short(key)
            .filter(|value| (1024..USER_DEFINED).contains(value))
    };
    let crs = match (
        named(PROJECTED_CRS),
        keys.short(PROJECTED_CRS),
        named(GEODETIC_CRS),
    ) {
        (Some(code), ..) => Crs::from_code(&format!("EPSG:{code}")).map_err(|e| e.to_string()),
        (None, Some(USER_DEFINED), _) => keys
            .projection()
            .and_then(|text| Crs::from_definition(&text).map_err(|e| e.to_string())),
        (None, _, Some(code)) => Crs::from_code(&format!("EPSG:{code}")).map_err(|e| e.to_string()),
        _ => return None,
    };
    let z_unit = named(VERTICAL_UNITS);
    if let Some(code) = z_unit
        && unit_m(code).is_none()
    {
        return Some(Err(format!(
            "its elevations are in the unit EPSG:{code}, which is not known here: convert it to metres"
        )));
    }
    Some(crs.map(|crs| {
        let by_key = named(VERTICAL);
        let vertical = by_key.map(|code| match code {
            // Older GeoTIFF wrote datums here where EPSG has vertical CRSs.
            5102 => "EPSG:5702".to_owned(),
            5103 => "EPSG:5703".to_owned(),
            code => format!("EPSG:{code}"),
        });
        let crs = vertical
            .and_then(|code| crs.with_vertical(&code).ok())
            .unwrap_or(crs);
        Stated {
            crs,
            z_unit_m: z_unit.and_then(unit_m),
            ellipsoid_by_key: by_key.is_some_and(|code| ELLIPSOID_HEIGHTS.contains(&code)),
            vertical: None,
            counts_down: false,
        }
    }))
}

/// Metres in a linear unit of EPSG.
fn unit_m(code: u16) -> Option<f64> {
    match code {
        9001 => Some(1.0),
        9002 => Some(0.3048),
        9003 => Some(1200.0 / 3937.0),
        _ => None,
    }
}

/// Keys of a file with their values.
struct GeoKeys {
    shorts: Vec<(u16, u16)>,
    doubles: Vec<(u16, f64)>,
}

impl GeoKeys {
    /// Reads what can be read; keys that point outside their records are left out.
    fn read([directory, doubles, _]: &[Vec<u8>; 3]) -> GeoKeys {
        let words: Vec<u16> = directory
            .chunks_exact(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        let mut keys = GeoKeys {
            shorts: Vec::new(),
            doubles: Vec::new(),
        };
        let count = words.get(3).map_or(0, |&count| usize::from(count));
        for key in words.chunks_exact(4).skip(1).take(count) {
            match key[1] {
                0 => keys.shorts.push((key[0], key[3])),
                34736 => {
                    let at = 8 * usize::from(key[3]);
                    if let Some(bytes) = doubles.get(at..at + 8) {
                        let value = f64::from_le_bytes(bytes.try_into().expect("eight bytes"));
                        keys.doubles.push((key[0], value));
                    }
                }
                _ => {}
            }
        }
        keys
    }

    fn short(&self, key: u16) -> Option<u16> {
        self.shorts
            .iter()
            .find(|(k, _)| *k == key)
            .map(|(_, value)| *value)
    }

    /// The first of the keys that is there.
    fn double(&self, keys: &[u16]) -> Option<f64> {
        keys.iter().find_map(|key| {
            self.doubles
                .iter()
                .find(|(k, _)| k == key)
                .map(|(_, value)| *value)
        })
    }

    /// Returns a projection that is described by its parameters, as PROJ text.
    ///
    /// Knows the methods that national grids use: transverse Mercator, Lambert's conformal
    /// conic, Albers. Parameters are in degrees and in the projection's linear unit.
    fn projection(&self) -> Result<String, String> {
        let unit_m = match self.short(PROJ_LINEAR_UNITS) {
            None => 1.0,
            Some(code) => unit_m(code).ok_or_else(|| {
                format!("its projection is in the unit EPSG:{code}, which is not known here")
            })?,
        };
        let ellipsoid = match (self.short(ELLIPSOID), self.short(GEODETIC_CRS)) {
            (Some(7019), _) => "+ellps=GRS80",
            (Some(7030), _) => "+ellps=WGS84",
            (Some(7004), _) => "+ellps=bessel",
            (Some(7022), _) => "+ellps=intl",
            (_, Some(4326)) => "+datum=WGS84",
            (_, Some(4269 | 4152 | 4258 | 4619)) => "+ellps=GRS80",
            _ => {
                return Err(
                    "its projection is on an ellipsoid that its keys do not name".to_owned(),
                );
            }
        };
        let need = |keys: &[u16], what: &str| {
            self.double(keys)
                .ok_or_else(|| format!("its keys describe a projection without {what}"))
        };
        let lon = || need(&[3080, 3084, 3088], "central meridian");
        let lat = || need(&[3081, 3085, 3089], "latitude of origin");
        let shape = match self.short(PROJ_METHOD) {
            Some(1) => format!(
                "+proj=tmerc +lat_0={} +lon_0={} +k={}",
                lat()?,
                lon()?,
                self.double(&[3092, 3093]).unwrap_or(1.0)
            ),
            Some(9) => format!(
                "+proj=lcc +lat_1={0} +lat_0={0} +lon_0={1} +k_0={2}",
                lat()?,
                lon()?,
                self.double(&[3092, 3093]).unwrap_or(1.0)
            ),
            Some(method @ (8 | 11)) => format!(
                "+proj={} +lat_1={} +lat_2={} +lat_0={} +lon_0={}",
                if method == 8 { "lcc" } else { "aea" },
                need(&[3078], "first standard parallel")?,
                need(&[3079], "second standard parallel")?,
                lat()?,
                lon()?
            ),
            _ => {
                return Err(
                    "its keys describe a projection whose method is not known here".to_owned(),
                );
            }
        };
        let east_m = self.double(&[3082, 3086, 3090]).unwrap_or(0.0) * unit_m;
        let north_m = self.double(&[3083, 3087, 3091]).unwrap_or(0.0) * unit_m;
        Ok(format!(
            "{shape} +x_0={east_m} +y_0={north_m} {ellipsoid} +to_meter={unit_m} +no_defs +type=crs"
        ))
    }
}
