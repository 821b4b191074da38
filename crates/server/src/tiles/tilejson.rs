//! TileJSON 3.0.0 of vector tiles in WebMercatorQuad.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use model::{Bounds, ColumnKind, Schema};
use serde_json::{Map, Value, json};
use store::{CollectionView, PyramidView};
use tiler::{POINT_COUNT, Polygons, TileRules};

use crate::app::App;
use crate::caller::Caller;
use crate::catalogue::{self, EntryKind};
use crate::content::{Caching, Content};
use crate::params::Parameters;
use crate::problem::{Path, Problem};
use crate::tiles::encoding::{ENCODING, Encoding};
use crate::tiles::pyramid::archive_path;
use crate::tiles::{LABELS, LABELS_QUERY, VECTOR_MAX_ZOOM, WEB_MERCATOR, drawable, polygons};

/// `GET /tiles/ID[,ID…].json`.
pub(crate) async fn tilejson(
    State(app): State<App>,
    caller: Caller,
    Path(file): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let Some(ids) = file.strip_suffix(".json") else {
        return Err(Problem::no_such_page(&format!("/tiles/{file}")));
    };
    let collections = drawable(&caller, ids)?;
    let parameters = parameters.only(&["f", LABELS, ENCODING])?;
    parameters.format(&["json"])?;
    let kind = (polygons(&parameters)?, Encoding::of_parameter(&parameters)?);
    answer(&app, &caller, &collections, kind).await
}

/// `GET /tiles.json`: all that the caller sees and that can be drawn.
pub(crate) async fn tilejson_of_all(
    State(app): State<App>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let parameters = parameters.only(&["f", ENCODING])?;
    parameters.format(&["json"])?;
    let encoding = Encoding::of_parameter(&parameters)?;
    let entries = catalogue::entries(app.settings(), &caller.view);
    let drawable: Vec<CollectionView> = entries
        .iter()
        .filter(|entry| entry.has_geometry())
        .filter_map(|entry| caller.view.collection(entry.id.as_str()))
        .collect();
    answer(&app, &caller, &drawable, (Polygons::Areas, encoding)).await
}

async fn answer(
    app: &App,
    caller: &Caller,
    collections: &[CollectionView],
    (polygons, encoding): (Polygons, Encoding),
) -> Result<Response, Problem> {
    let mut layers = Vec::new();
    let mut titles = Vec::new();
    for collection in collections {
        let id = collection.meta().id.as_str();
        let Some(entry) = catalogue::find(app.settings(), &caller.view, id) else {
            continue;
        };
        let EntryKind::Features { schema, .. } = &entry.kind else {
            continue;
        };
        let rules = &entry.settings.tiles;
        let pyramid = pyramid_of(collections, polygons);
        let carried = carried(collection, schema, rules, pyramid.as_ref());
        let mut fields = Map::new();
        for (column, attribute) in catalogue::columns_for_people(schema, &entry.settings) {
            if !carried.contains(&column.name) {
                continue;
            }
            let kind = match column.kind {
                ColumnKind::Boolean => "Boolean",
                ColumnKind::Integer | ColumnKind::Number => "Number",
                _ => "String",
            };
            let text = match attribute.map(|a| a.title.sv.as_str()) {
                Some(title) if !title.is_empty() => format!("{kind}: {title}"),
                _ => kind.to_owned(),
            };
            fields.insert(column.name.clone(), Value::String(text));
        }
        if schema.position(POINT_COUNT).is_none() && carried.contains(POINT_COUNT) {
            fields.insert(POINT_COUNT.to_owned(), json!("Number"));
        }
        layers.push(json!({
            "id": id,
            "description": entry.title.sv,
            "minzoom": rules.min_zoom.unwrap_or(0),
            "maxzoom": VECTOR_MAX_ZOOM,
            "fields": fields,
        }));
        titles.push(entry.title.sv);
    }
    let ids: Vec<&str> = collections.iter().map(|c| c.meta().id.as_str()).collect();
    let ids = ids.join(",");
    let query = match polygons {
        Polygons::Areas => "",
        Polygons::LabelPoints => LABELS_QUERY,
    };
    let end = encoding.name();
    let tiles = caller
        .base
        .url(&format!("/tiles/{ids}/{{z}}/{{x}}/{{y}}.{end}{query}"));
    let bounds = collections
        .iter()
        .filter_map(|c| c.meta().bounds)
        .reduce(|a, b| a.union(&b));
    let mut document = json!({
        "tilejson": "3.0.0",
        "name": if titles.len() == 1 { titles[0].clone() } else { app.settings().name.clone() },
        "description": titles.join(", "),
        "attribution": app.settings().name,
        "scheme": "xyz",
        // MapLibre reads it here as in a style; TileJSON allows members of others.
        "encoding": end,
        "tiles": if collections.is_empty() { json!([]) } else { json!([tiles]) },
        "minzoom": 0,
        "maxzoom": VECTOR_MAX_ZOOM,
        "vector_layers": layers,
    });
    if let Some(pyramid) = pyramid_of(collections, polygons) {
        document["pmtiles"] = json!(caller.base.url(&archive_path(&ids, &pyramid)));
    }
    put_bounds(app, &mut document, bounds.as_ref(), VECTOR_MAX_ZOOM);
    caller
        .answer(Content::json(&document), Caching::Revalidate)
        .await
}

/// The pyramid that tiles come from, if one has them.
fn pyramid_of(collections: &[CollectionView], polygons: Polygons) -> Option<PyramidView> {
    match (collections, polygons) {
        ([collection], Polygons::Areas) => collection.pyramid(WEB_MERCATOR),
        _ => None,
    }
}

/// Names of the columns that tiles of any zoom carry: what the pyramid says of its levels,
/// and what the rules say of the others.
fn carried(
    collection: &CollectionView,
    schema: &Schema,
    rules: &TileRules,
    pyramid: Option<&PyramidView>,
) -> BTreeSet<String> {
    let in_pyramid = pyramid.and_then(|pyramid| {
        // Where it cannot be read, tiles are made without it, and the log tells.
        let fields = pyramid.fields_of(&collection.meta().id).ok()?;
        Some((pyramid.levels(), fields))
    });
    let (levels, fields) = in_pyramid.unzip();
    let others = (0..=VECTOR_MAX_ZOOM).filter(|zoom| !levels.iter().any(|of| of.contains(zoom)));
    let others = rules.carried(schema, others).into_iter().map(str::to_owned);
    fields.into_iter().flatten().chain(others).collect()
}

/// Adds `bounds` and `center`, where there is anything.
pub(crate) fn put_bounds(app: &App, document: &mut Value, bounds: Option<&Bounds>, max_zoom: u8) {
    if let Some(bounds) = catalogue::lonlat_bounds(app, bounds) {
        document["bounds"] = json!(bounds);
        document["center"] = json!(center(bounds, max_zoom));
    }
}

/// The middle of a box in longitude and latitude, and the zoom at which it fills
/// some 1000 pixels.
pub(crate) fn center([west, south, east, north]: [f64; 4], max_zoom: u8) -> [f64; 3] {
    const TILES_ACROSS: f64 = 4.0;
    let lat_deg = (south + north) / 2.0;
    let height_deg = (north - south) / lat_deg.to_radians().cos().max(0.01);
    let widest_deg = (east - west).max(height_deg).max(1e-6);
    let zoom = (360.0 * TILES_ACROSS / widest_deg).log2().floor() - 1.0;
    [
        crate::geojson::seven_decimals((west + east) / 2.0),
        crate::geojson::seven_decimals(lat_deg),
        zoom.clamp(0.0, f64::from(max_zoom)),
    ]
}
