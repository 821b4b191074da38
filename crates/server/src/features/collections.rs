//! `/collections`, and what each collection is.

use axum::extract::State;
use axum::response::Response;
use model::{ColumnKind, GeometryKind};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::caller::Caller;
use crate::catalogue::{self, Entry, EntryKind};
use crate::content::{Caching, Content};
use crate::links::link;
use crate::params::{Parameters, json_only};
use crate::problem::{Path, Problem};
use crate::{surveys, tiles};

/// Longitude and latitude, in that order: the CRS of all GeoJSON here.
pub(crate) const CRS84: &str = "http://www.opengis.net/def/crs/OGC/1.3/CRS84";

/// `GET /collections`: what the caller sees, in the order of the operator's departments.
pub(crate) async fn collections(
    State(app): State<App>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    json_only(parameters)?;
    let entries = catalogue::entries(app.settings(), &caller.view);
    let mut departments: Vec<Value> = Vec::new();
    for department in entries.iter().filter_map(|entry| entry.department.as_ref()) {
        let department = catalogue::department_json(department);
        if !departments.contains(&department) {
            departments.push(department);
        }
    }
    let list: Vec<Value> = entries
        .iter()
        .map(|entry| describe(&app, &caller, entry))
        .collect();
    let document = json!({
        "title": app.settings().name,
        "links": [
            link("self", "application/json", caller.base.url("/collections"), "Collections"),
            link("root", "application/json", caller.base.url("/"), "Landing page"),
            link("tilejson", "application/json", caller.base.url("/tiles.json"), "Vector tiles of all collections"),
        ],
        "collections": list,
        "tvilling:departments": departments,
    });
    caller
        .answer(Content::json(&document), Caching::Revalidate)
        .await
}

/// `GET /collections/ID`.
pub(crate) async fn collection(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let entry = catalogue::find(app.settings(), &caller.view, &id)
        .ok_or_else(|| Problem::no_collection(&id))?;
    json_only(parameters)?;
    let document = describe(&app, &caller, &entry);
    caller
        .answer(Content::json(&document), Caching::Revalidate)
        .await
}

/// `GET /collections/ID/schema`: JSON Schema of a feature (OGC API – Features part 5).
pub(crate) async fn schema(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let entry = catalogue::find(app.settings(), &caller.view, &id)
        .ok_or_else(|| Problem::no_collection(&id))?;
    json_only(parameters)?;
    let EntryKind::Features { schema, .. } = &entry.kind else {
        return Err(no_features(&id));
    };
    let mut properties = Map::new();
    for (column, attribute) in catalogue::columns_for_people(schema, &entry.settings) {
        let mut property = match column.kind {
            ColumnKind::Boolean => json!({ "type": "boolean" }),
            ColumnKind::Integer => json!({ "type": "integer" }),
            ColumnKind::Number => json!({ "type": "number" }),
            ColumnKind::Text => json!({ "type": "string" }),
            ColumnKind::Date => json!({ "type": "string", "format": "date" }),
            ColumnKind::Instant => json!({ "type": "string", "format": "date-time" }),
            ColumnKind::Json => json!({}),
        };
        property["x-ogc-propertySeq"] = json!(properties.len() + 1);
        if let Some(attribute) = attribute {
            property["title"] = json!(attribute.title.sv);
            property["tvilling:title"] = catalogue::text_json(&attribute.title);
            if let Some(unit) = attribute.unit.as_ref().filter(|unit| !unit.is_empty()) {
                property["x-ogc-unit"] = json!(unit);
            }
        }
        properties.insert(column.name.clone(), property);
    }
    let geometry = match schema.geometry {
        GeometryKind::None => None,
        GeometryKind::Point => Some("geometry-point-or-multipoint"),
        GeometryKind::Line => Some("geometry-linestring-or-multilinestring"),
        GeometryKind::Polygon => Some("geometry-polygon-or-multipolygon"),
        GeometryKind::Mixed => Some("geometry-any"),
    };
    if let Some(format) = geometry {
        // A column may have the name; the geometry then goes by another.
        let name = ["geometry", "_geometry"]
            .into_iter()
            .find(|name| !properties.contains_key(*name))
            .unwrap_or("_geometry_");
        let property = json!({ "x-ogc-role": "primary-geometry", "format": format });
        properties.insert(name.to_owned(), property);
    }
    let document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": caller.base.url(&format!("/collections/{id}/schema")),
        "title": entry.title.sv,
        "type": "object",
        "properties": properties,
        "tvilling:title": catalogue::text_json(&entry.title),
        "tvilling:label": entry.settings.label,
    });
    let content = Content::json_as("application/schema+json", &document);
    caller.answer(content, Caching::Revalidate).await
}

/// A survey was asked for features.
pub(crate) fn no_features(id: &str) -> Problem {
    Problem::not_found(
        "features in",
        id,
        "It is a survey, which has points, terrain and surface.",
    )
}

fn describe(app: &App, caller: &Caller, entry: &Entry) -> Value {
    let (id, base) = (&entry.id, &caller.base);
    let json_type = "application/json";
    let url = |rest: &str| base.url(&format!("/collections/{id}{rest}"));
    let mut links = vec![link("self", json_type, url(""), &entry.title.sv)];
    match &entry.kind {
        EntryKind::Features { .. } => {
            links.push(link(
                "items",
                "application/geo+json",
                url("/items"),
                "Features",
            ));
            let schema_rel = "http://www.opengis.net/def/rel/ogc/1.0/schema";
            links.push(link(
                schema_rel,
                "application/schema+json",
                url("/schema"),
                "Schema",
            ));
            if entry.has_geometry() {
                let tiles_rel = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector";
                links.push(link(tiles_rel, json_type, url("/tiles"), "Vector tiles"));
                let tilejson = base.url(&format!("/tiles/{id}.json"));
                links.push(link("tilejson", json_type, tilejson, "TileJSON"));
                if let Some(collection) = caller.view.collection(id.as_str()) {
                    links.extend(tiles::archive_links(app, base, &collection, None));
                }
            }
        }
        EntryKind::Survey(_) => links.extend(surveys::offers(base, id.as_str())),
    }
    let mut document = json!({
        "id": id.as_str(),
        "title": entry.title.sv,
        "links": links,
    });
    if let Some(bbox) = catalogue::lonlat_bounds(app, entry.bounds.as_ref()) {
        document["extent"] = json!({ "spatial": { "bbox": [bbox], "crs": CRS84 } });
    }
    if let EntryKind::Features { .. } = entry.kind {
        document["itemType"] = json!("feature");
        document["crs"] = json!([CRS84]);
    }
    document["storageCrs"] = json!(crs_uri(app.twin_crs().code()));
    if let Value::Object(members) = &mut document {
        members.extend(catalogue::own_members(entry));
    }
    document
}

/// The OGC's address for a code such as `EPSG:3006`.
pub(crate) fn crs_uri(code: &str) -> String {
    match code.split_once(':') {
        Some((authority, code)) => {
            format!("http://www.opengis.net/def/crs/{authority}/0/{code}")
        }
        None => code.to_owned(),
    }
}
