//! `/identify`: a click, and everything that is known about the place.

use std::time::Instant;

use axum::extract::State;
use axum::response::Response;
use geodesy::Transform;
use model::{CollectionId, Feature};
use query::{Answer, Click};

use crate::Settings;
use crate::app::App;
use crate::caller::Caller;
use crate::catalogue;
use crate::content::{Caching, Content};
use crate::geojson::{seven_decimals, write_json, write_members};
use crate::params::{Checked, Parameters};
use crate::problem::Problem;

/// How far a click reaches if the caller does not say: half a street.
const DEFAULT_RADIUS_M: f64 = 5.0;

/// The furthest that a click may reach. Beyond, it is a search.
const MAX_RADIUS_M: f64 = 1_000.0;

/// Nothing is drawn thinner than a finger is wide: a click reaches so many pixels.
const REACH_PX: f64 = 8.0;

/// Metres in a pixel at zoom 0 on the equator, for tiles of 512 pixels as MapLibre
/// counts zoom: the Earth's circumference through 512.
const METRES_PER_PIXEL_AT_0: f64 = 78_271.516_964;

/// Most features of one collection in an answer.
const FEATURES_PER_COLLECTION: usize = 20;

const IDENTIFY_PARAMETERS: [&str; 11] = [
    "lon",
    "lat",
    "coords",
    "crs",
    "zoom",
    "radius",
    "collections",
    "geometry",
    "datetime",
    "asof",
    "f",
];

/// `GET /identify?lon=&lat=` or `?coords=E,N&crs=EPSG:3006`.
pub(crate) async fn identify(
    State(app): State<App>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let began = Instant::now();
    let parameters = parameters.only(&IDENTIFY_PARAMETERS)?;
    parameters.format(&["json"])?;
    let (at, lonlat) = place_of(&app, &parameters)?;
    let click = Click {
        at,
        radius_m: radius_of(&parameters, lonlat[1])?,
        collections: collections_of(&caller, &parameters)?,
        limit: FEATURES_PER_COLLECTION,
    };
    let with_geometry = match parameters.text("geometry") {
        None | Some("true") => true,
        Some("false") => false,
        Some(other) => return Err(Problem::bad_parameter("geometry", other, "true or false")),
    };
    let view = caller.view.clone();
    let shared = app.clone();
    let content = app
        .compute(move || {
            let answer = query::identify(&view, shared.relations(), &click);
            for left in &answer.left_out {
                if let Some(detail) = &left.detail {
                    tracing::warn!(part = left.part, detail, "left out of a click's answer");
                }
            }
            let json = answer_json(
                &answer,
                &click,
                shared.twin_crs().code(),
                shared.settings(),
                shared.lonlat_from_twin(),
                with_geometry,
                began,
            )?;
            Ok(Content::new("application/json", json))
        })
        .await?;
    caller.answer(content, Caching::Never).await
}

/// Writes what `/identify` and `tvilling query` answer, as JSON.
///
/// `crs_code` is the code of the twin's CRS, and `began` is when the question came, for
/// `took_ms`. With `with_geometry` unset every geometry is `null`.
///
/// # Errors
///
/// A coordinate has no longitude and latitude.
pub fn answer_json(
    answer: &Answer,
    click: &Click,
    crs_code: &str,
    settings: &Settings,
    lonlat_from_twin: &Transform,
    with_geometry: bool,
    began: Instant,
) -> Result<Vec<u8>, geodesy::Error> {
    let [lon, lat] = lonlat_from_twin.xy(click.at)?.map(seven_decimals);
    let millimetres = |v: f64| (v * 1e3).round() / 1e3;
    let mut out = Vec::with_capacity(4096);
    out.extend_from_slice(b"{\"at\":");
    write_json(
        &mut out,
        &serde_json::json!({
            "lon": lon,
            "lat": lat,
            "crs": crs_code,
            "coords": click.at.map(millimetres),
        }),
    );
    out.extend_from_slice(b",\"elevation\":");
    let centimetres = |v: Option<f32>| v.map(|v| (f64::from(v) * 100.0).round() / 100.0);
    let elevation = answer.elevation.as_ref().map(|elevation| {
        let above_ground_m = elevation
            .surface_m
            .zip(elevation.ground_m)
            .map(|(s, g)| s - g);
        serde_json::json!({
            "ground": centimetres(elevation.ground_m),
            "surface": centimetres(elevation.surface_m),
            "height_above_ground": centimetres(above_ground_m),
            "datum": catalogue::datum_text(&elevation.datum),
            "geoid": elevation.geoid,
            "survey": elevation.survey.as_str(),
            "flown": elevation.flown.map(|date| date.to_string()),
            "data_origin": elevation.data_origin.map(model::DataOrigin::as_str),
        })
    });
    write_json(&mut out, &elevation);
    out.extend_from_slice(b",\"collections\":[");
    for (i, collection) in answer.collections.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let title = settings
            .collections
            .get(&collection.id)
            .and_then(|own| own.title.as_ref())
            .map_or(&collection.title, |title| &title.sv);
        out.extend_from_slice(b"{\"id\":");
        write_json(&mut out, collection.id.as_str());
        out.extend_from_slice(b",\"title\":");
        write_json(&mut out, title);
        out.extend_from_slice(b",\"department\":");
        write_json(&mut out, &collection.department);
        out.extend_from_slice(b",\"features\":[");
        let source = collection.source.files.join(", ");
        let as_of = collection.source.delivered.to_string();
        for (i, hit) in collection.hits.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.push(b'{');
            let write = |out: &mut Vec<u8>, feature: &Feature, columns: &[String]| {
                let names = columns.iter().map(String::as_str);
                write_members(out, feature, names, lonlat_from_twin, with_geometry)
            };
            write(&mut out, &hit.feature, &collection.columns)?;
            out.extend_from_slice(b",\"distance_m\":");
            write_json(&mut out, &((hit.distance_m * 100.0).round() / 100.0));
            out.extend_from_slice(b",\"source\":");
            write_json(&mut out, &source);
            out.extend_from_slice(b",\"as_of\":");
            write_json(&mut out, &as_of);
            out.extend_from_slice(b",\"related\":{");
            for (i, related) in hit.related.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_json(&mut out, &related.relation);
                out.extend_from_slice(b":[");
                for (i, feature) in related.features.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(b"{\"collection\":");
                    write_json(&mut out, related.collection.as_str());
                    out.push(b',');
                    write(&mut out, feature, &related.columns)?;
                    out.push(b'}');
                }
                out.push(b']');
            }
            out.extend_from_slice(b"}}");
        }
        out.extend_from_slice(b"]}");
    }
    out.extend_from_slice(b"],\"left_out\":");
    let left_out: Vec<_> = answer
        .left_out
        .iter()
        .map(|left| serde_json::json!({ "part": left.part, "reason": left.reason }))
        .collect();
    write_json(&mut out, &left_out);
    out.extend_from_slice(b",\"took_ms\":");
    write_json(&mut out, &millimetres(began.elapsed().as_secs_f64() * 1e3));
    out.push(b'}');
    Ok(out)
}

/// The place asked about, in the twin's CRS and as longitude and latitude.
pub(crate) fn place_of(app: &App, parameters: &Checked) -> Result<([f64; 2], [f64; 2]), Problem> {
    const LON: &str = "degrees from -180 to 180";
    const LAT: &str = "degrees from -90 to 90";
    const COORDS: &str = "easting and northing with a comma between, inside the area of the CRS";
    let lonlat = match (
        parameters.numbers::<1>("lon", LON)?,
        parameters.numbers::<1>("lat", LAT)?,
        parameters.text("coords"),
    ) {
        (Some([lon]), Some([lat]), None) => {
            if let Some(crs) = parameters.text("crs") {
                return Err(Problem::bad_parameter(
                    "crs",
                    crs,
                    "it only together with coords",
                ));
            }
            if !(-180.0..=180.0).contains(&lon) {
                return Err(Problem::bad_parameter("lon", &lon.to_string(), LON));
            }
            if !(-90.0..=90.0).contains(&lat) {
                return Err(Problem::bad_parameter("lat", &lat.to_string(), LAT));
            }
            [lon, lat]
        }
        (None, None, Some(text)) => {
            let Some([first, second]) = parameters.numbers::<2>("coords", COORDS)? else {
                return Err(Problem::bad_parameter("coords", text, COORDS));
            };
            let Some(crs) = parameters.crs("crs")? else {
                let allowed = "the CRS of coords, such as EPSG:3006";
                return Err(Problem::missing_parameter("crs", allowed));
            };
            let point = east_first(&crs, [first, second]);
            let bad = |_| Problem::bad_parameter("coords", text, COORDS);
            let at = Transform::new(&crs, app.twin_crs())?
                .xy(point)
                .map_err(bad)?;
            let lonlat = app.lonlat_from_twin().xy(at).map_err(bad)?;
            return Ok((at, lonlat));
        }
        (None, None, None) => {
            let allowed = "lon and lat, or coords and crs";
            return Err(Problem::missing_parameter("lon", allowed));
        }
        (Some(_), None, None) => return Err(Problem::missing_parameter("lat", LAT)),
        (None, Some(_), None) => return Err(Problem::missing_parameter("lon", LON)),
        (_, _, Some(text)) => {
            let allowed = "either lon and lat or coords and crs, not both";
            return Err(Problem::bad_parameter("coords", text, allowed));
        }
    };
    let at = app.twin_from_lonlat().xy(lonlat).map_err(|_| {
        let allowed = "a place that the CRS of the twin covers";
        let text = format!("{},{}", lonlat[0], lonlat[1]);
        Problem::bad_parameter("lon,lat", &text, allowed)
    })?;
    Ok((at, lonlat))
}

/// `coords` are E,N; N,E is recognised where it can be nothing else, as in Sweden, where
/// northings are over 6 100 000 m and eastings under 1 000 000 m.
pub(crate) fn east_first(crs: &geodesy::Crs, [first, second]: [f64; 2]) -> [f64; 2] {
    const BETWEEN_M: f64 = 2_000_000.0;
    let swapped = crs.axis_order() == geodesy::AxisOrder::NorthEast
        && !crs.is_geographic()
        && first > BETWEEN_M
        && second < BETWEEN_M;
    if swapped {
        [second, first]
    } else {
        [first, second]
    }
}

fn radius_of(parameters: &Checked, lat_deg: f64) -> Result<f64, Problem> {
    const RADIUS: &str = "metres over 0 and up to 1000";
    const ZOOM: &str = "a zoom level from 0 to 30";
    match (
        parameters.numbers::<1>("radius", RADIUS)?,
        parameters.numbers::<1>("zoom", ZOOM)?,
    ) {
        (Some([radius]), None) if radius > 0.0 && radius <= MAX_RADIUS_M => Ok(radius),
        (Some([radius]), None) => Err(Problem::bad_parameter(
            "radius",
            &radius.to_string(),
            RADIUS,
        )),
        (None, Some([zoom])) if (0.0..=30.0).contains(&zoom) => {
            let pixel_m = METRES_PER_PIXEL_AT_0 * lat_deg.to_radians().cos() / zoom.exp2();
            Ok((REACH_PX * pixel_m).clamp(0.1, MAX_RADIUS_M))
        }
        (None, Some([zoom])) => Err(Problem::bad_parameter("zoom", &zoom.to_string(), ZOOM)),
        (None, None) => Ok(DEFAULT_RADIUS_M),
        (Some([radius]), Some(_)) => Err(Problem::bad_parameter(
            "radius",
            &radius.to_string(),
            "either radius or zoom, not both",
        )),
    }
}

fn collections_of(
    caller: &Caller,
    parameters: &Checked,
) -> Result<Option<Vec<CollectionId>>, Problem> {
    let Some(text) = parameters.text("collections") else {
        return Ok(None);
    };
    text.split(',')
        .map(|id| {
            if let Ok(collection) = caller.collection(id) {
                return Ok(collection.meta().id.clone());
            }
            caller.survey(id).map(|survey| survey.meta().id.clone())
        })
        .collect::<Result<Vec<_>, _>>()
        .map(Some)
}
