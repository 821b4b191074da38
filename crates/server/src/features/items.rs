//! `/collections/ID/items`: features as GeoJSON, page by page.
//!
//! Pages follow the features' ids: a page goes on after the last id of the one before,
//! so that nothing is skipped or told twice when features come or go in between.

use axum::extract::State;
use axum::response::Response;
use geodesy::{AxisOrder, Crs, Transform};
use model::{Bounds, Feature, FeatureId};
use store::{CollectionView, content_hash};

use crate::app::App;
use crate::caller::Caller;
use crate::content::{Caching, Content};
use crate::features::collections::no_features;
use crate::geojson::{write_json, write_members};
use crate::links::{Base, link};
use crate::params::{Checked, Parameters};
use crate::problem::{Path, Problem};

/// Features on a page if the caller does not say.
const DEFAULT_LIMIT: usize = 100;

/// Most features on a page: about 10 MB of ordinary ones, a second or so to write.
const MAX_LIMIT: usize = 10_000;

const GEOJSON: &str = "application/geo+json";

const ITEMS_PARAMETERS: [&str; 7] = [
    "bbox", "bbox-crs", "limit", "after", "datetime", "asof", "f",
];

/// `GET /collections/ID/items`.
pub(crate) async fn items(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let collection = collection_of(&caller, &id)?;
    let parameters = parameters.only(&ITEMS_PARAMETERS)?;
    parameters.format(&["json", "geojson"])?;
    let limit = match parameters.parsed::<usize>("limit", "a whole number from 1 to 10000")? {
        Some(0) => {
            let allowed = "a whole number from 1 to 10000";
            return Err(Problem::bad_parameter("limit", "0", allowed));
        }
        // A larger limit is no error (OGC 17-069r4, /req/core/fc-limit-response-1).
        Some(limit) => limit.min(MAX_LIMIT),
        None => DEFAULT_LIMIT,
    };
    let after = match parameters.parsed::<u64>("after", "an id, as the next link has it")? {
        Some(number) => Some(FeatureId::new(number).ok_or_else(|| {
            Problem::bad_parameter("after", &number.to_string(), "an id below 2^53")
        })?),
        None => None,
    };
    let bounds = bounds_of(&app, &parameters)?;

    let base = caller.base.clone();
    let to_lonlat = app.lonlat_from_twin().clone();
    let content = app
        .compute(move || {
            let page = collection.page(bounds.as_ref(), after, limit)?;
            let columns = &collection.meta().schema.columns;
            let mut out = Vec::with_capacity(256 * page.features.len() + 512);
            out.extend_from_slice(b"{\"type\":\"FeatureCollection\",\"numberMatched\":");
            write_json(&mut out, &page.matched);
            out.extend_from_slice(b",\"numberReturned\":");
            write_json(&mut out, &page.features.len());
            out.extend_from_slice(b",\"links\":");
            let here = format!("/collections/{id}/items");
            let asked = query_of(&parameters, None);
            let mut links = vec![
                link(
                    "self",
                    GEOJSON,
                    base.url(&(here.clone() + &asked)),
                    "This page",
                ),
                link(
                    "collection",
                    "application/json",
                    base.url(&format!("/collections/{id}")),
                    "The collection",
                ),
            ];
            if let Some(last) = page.features.last().filter(|_| page.more) {
                let next = here + &query_of(&parameters, Some(last.id));
                links.push(link("next", GEOJSON, base.url(&next), "Next page"));
            }
            write_json(&mut out, &links);
            out.extend_from_slice(b",\"features\":[");
            for (i, feature) in page.features.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                out.push(b'{');
                let names = columns.iter().map(|column| column.name.as_str());
                write_members(&mut out, feature, names, &to_lonlat, true)?;
                out.push(b'}');
            }
            out.extend_from_slice(b"]}");
            Ok(Content::new(GEOJSON, out))
        })
        .await?;
    caller.answer(content, Caching::Revalidate).await
}

/// `GET /collections/ID/items/FID`. The id may also be the department's own key.
pub(crate) async fn item(
    State(app): State<App>,
    caller: Caller,
    Path((id, fid)): Path<(String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let collection = collection_of(&caller, &id)?;
    parameters
        .only(&["asof", "datetime", "f"])?
        .format(&["json", "geojson"])?;
    let base = caller.base.clone();
    let shared = app.clone();
    let content = app
        .compute(move || {
            let feature = collection.get(FeatureId::from_key(&fid))?.ok_or_else(|| {
                let remedy = format!("/collections/{id}/items lists those there are.");
                Problem::not_found("feature", &fid, &remedy)
            })?;
            item_content(&shared, &base, &collection, &feature)
        })
        .await?;
    caller.answer(content, Caching::Revalidate).await
}

/// A feature with its links. Its ETag is that of its geometry and values, which an edit may
/// ask for (`If-Match`).
pub(crate) fn item_content(
    app: &App,
    base: &Base,
    collection: &CollectionView,
    feature: &Feature,
) -> Result<Content, Problem> {
    let schema = &collection.meta().schema;
    let mut out = vec![b'{'];
    let names = schema.columns.iter().map(|column| column.name.as_str());
    write_members(&mut out, feature, names, app.lonlat_from_twin(), true)?;
    out.extend_from_slice(b",\"links\":");
    let of_collection = format!("/collections/{}", collection.meta().id);
    let own = format!("{of_collection}/items/{}", feature.id);
    let links = [
        link("self", GEOJSON, base.url(&own), "This feature"),
        link(
            "collection",
            "application/json",
            base.url(&of_collection),
            "The collection",
        ),
        link(
            "version-history",
            "application/json",
            base.url(&format!("{own}/history")),
            "What it was before",
        ),
    ];
    write_json(&mut out, &links);
    out.push(b'}');
    let tag = u128::from(content_hash(feature, schema));
    Ok(Content::new(GEOJSON, out).tagged(tag))
}

/// The collection of features called `id`, as far as the caller may know.
pub(crate) fn collection_of(caller: &Caller, id: &str) -> Result<CollectionView, Problem> {
    match caller.collection(id) {
        Err(_) if caller.survey(id).is_ok() => Err(no_features(id)),
        found => found,
    }
}

/// The query of a link to this page, or to the one after `after`.
fn query_of(parameters: &Checked, after: Option<FeatureId>) -> String {
    let mut query = String::new();
    for name in ITEMS_PARAMETERS {
        let value = match (name, after) {
            ("after", Some(id)) => Some(id.to_string()),
            _ => parameters.text(name).map(str::to_owned),
        };
        if let Some(value) = value {
            query.push(if query.is_empty() { '?' } else { '&' });
            query.push_str(name);
            query.push('=');
            query.push_str(&percent_encoded(&value));
        }
    }
    query
}

/// Escapes all but the unreserved characters and the commas and colons of our values,
/// which a query may have (RFC 3986, 3.4).
fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~,:/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The `bbox` parameter in the twin's CRS.
fn bounds_of(app: &App, parameters: &Checked) -> Result<Option<Bounds>, Problem> {
    const ALLOWED: &str = "four numbers, west,south,east,north, each minimum at most its maximum, in the CRS of bbox-crs";
    let crs = match parameters.crs("bbox-crs")? {
        Some(crs) => crs,
        None => Crs::from_code("CRS84")?,
    };
    let Some(text) = parameters.text("bbox") else {
        return Ok(None);
    };
    // A box with heights has six numbers; the heights do not choose among features here.
    let numbers: [f64; 4] = match text.split(',').count() {
        6 => match parameters.numbers::<6>("bbox", ALLOWED)? {
            Some([west, south, _, east, north, _]) => [west, south, east, north],
            None => return Ok(None),
        },
        _ => match parameters.numbers::<4>("bbox", ALLOWED)? {
            Some(numbers) => numbers,
            None => return Ok(None),
        },
    };
    let [a, b, c, d] = numbers;
    let ([west, south], [east, north]) = (map_order(&crs, [a, b]), map_order(&crs, [c, d]));
    let bad = |_| Problem::bad_parameter("bbox", text, ALLOWED);
    let bounds = Bounds::new(west, south, east, north).map_err(|e| bad(e.to_string()))?;
    let twin_from_crs = Transform::new(&crs, app.twin_crs())?;
    twin_from_crs
        .bounds(&bounds)
        .map(Some)
        .map_err(|e| bad(e.to_string()))
}

/// A coordinate pair of a bbox in map order, x to the east first.
///
/// OGC writes the axes as the CRS does, N,E for the Swedish ones; many clients write
/// E,N all the same. In Sweden northings are over 6 100 000 m and eastings under
/// 1 000 000 m, so that either is recognised with certainty.
pub(crate) fn map_order(crs: &Crs, [first, second]: [f64; 2]) -> [f64; 2] {
    const BETWEEN_M: f64 = 2_000_000.0;
    if crs.axis_order() == AxisOrder::EastNorth {
        return [first, second];
    }
    let written_east_first = !crs.is_geographic() && first < BETWEEN_M && second > BETWEEN_M;
    if written_east_first {
        [first, second]
    } else {
        [second, first]
    }
}
