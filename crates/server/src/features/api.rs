//! What the server conforms to, and its OpenAPI 3.0 document.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::caller::Caller;
use crate::content::{Caching, Content};
use crate::params::{Parameters, json_only};
use crate::problem::Problem;
use crate::surveys::{downloads, point_tiles};

/// Classes that hold. Features' core is not among them as long as `datetime` is refused.
const CONFORMANCE: [&str; 8] = [
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/landing-page",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/json",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/mvt",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/png",
    "http://www.opengis.net/spec/tms/2.0/conf/json-tilematrixset",
];

/// What each path answers: path, summary, media type, parameters of the query.
pub(crate) const OPERATIONS: [(&str, &str, &str, &[&str]); 68] = [
    ("/", "Landing page, or the map for a browser", JSON, &["f"]),
    ("/api", "This document", JSON, &["f"]),
    ("/conformance", "Conformance classes", JSON, &["f"]),
    ("/collections", "Collections and surveys", JSON, &["f"]),
    (
        "/collections/{id}",
        "One collection or survey",
        JSON,
        &["f"],
    ),
    (
        "/collections/{id}/schema",
        "JSON Schema of its features",
        "application/schema+json",
        &["f"],
    ),
    (
        "/collections/{id}/items",
        "Features, page by page",
        GEOJSON,
        &[
            "bbox", "bbox-crs", "limit", "after", "datetime", "asof", "f",
        ],
    ),
    (
        "/collections/{id}/items/{fid}",
        "One feature",
        GEOJSON,
        &["asof", "datetime", "f"],
    ),
    (
        "/collections/{id}/items/{fid}/history",
        "What a feature was and is, oldest first",
        JSON,
        &["asof", "f"],
    ),
    (
        "/collections/{id}/changes",
        "Features that are not the same at two moments",
        GEOJSON,
        &["from", "to", "f"],
    ),
    (
        "/changes",
        "Who changed features, when and how; for staff",
        JSON,
        &["after", "limit", "f"],
    ),
    (
        "/admin/sources",
        "How deliveries went that the server runs by itself; for staff",
        JSON,
        &["f"],
    ),
    (
        "/events",
        "Changes as they happen, as server-sent events",
        "text/event-stream",
        &["after"],
    ),
    ("/tileMatrixSets", "Tile matrix sets", JSON, &["f"]),
    ("/tileMatrixSets/{tms}", "One tile matrix set", JSON, &["f"]),
    (
        "/collections/{id}/tiles",
        "Tilesets of a collection",
        JSON,
        &["f"],
    ),
    ("/collections/{id}/tiles/{tms}", "One tileset", JSON, &["f"]),
    (
        "/collections/{id}/tiles/{tms}/{z}/{row}/{col}",
        "Vector tile as MVT or MLT, row before column",
        MVT,
        &["asof", "datetime", "f"],
    ),
    (
        "/collections/{id}/map/tiles",
        "Map tilesets of a survey",
        JSON,
        &["f"],
    ),
    (
        "/collections/{id}/map/tiles/{tms}",
        "One map tileset",
        JSON,
        &["f"],
    ),
    (
        "/collections/{id}/map/tiles/{tms}/{z}/{row}/{col}",
        "Shaded relief of a survey, row before column",
        "image/png",
        &["f", "style", "azimuth", "altitude"],
    ),
    (
        "/tiles.json",
        "TileJSON of all collections",
        JSON,
        &["f", "encoding"],
    ),
    (
        "/tiles/{file}",
        "TileJSON of ID[,ID…].json, or by range of bytes the archive of all tiles ID.pmtiles",
        JSON,
        &["f", "labels", "encoding"],
    ),
    (
        "/tiles/{id}/{file}",
        "All tiles of a collection in a tile matrix set, TMS.pmtiles, by range of bytes",
        store::PMTILES,
        &[],
    ),
    (
        "/tiles/{ids}/{z}/{x}/{file}",
        "Vector tile Y.mvt or Y.mlt of ID[,ID…]; Y alone is what Accept names",
        MVT,
        &["labels", "asof", "datetime"],
    ),
    (
        "/tiles/{ids}/{tms}/{z}/{x}/{file}",
        "Vector tile Y.mvt or Y.mlt in a tile matrix set",
        MVT,
        &["labels", "asof", "datetime"],
    ),
    (
        "/terrain/{file}",
        "TileJSON of terrain-RGB, SURVEY.json",
        JSON,
        &["f", "encoding"],
    ),
    (
        "/terrain/{survey}/layer.json",
        "Quantized mesh of the ground, for Cesium",
        JSON,
        &["f"],
    ),
    (
        "/terrain/{survey}/{z}/{x}/{file}",
        "Terrain-RGB tile Y.png or Y.webp, or quantized mesh Y.terrain with rows from the south",
        "image/png",
        &["encoding"],
    ),
    (
        "/terrain/{survey}/{tms}/{z}/{x}/{file}",
        "Terrain-RGB tile in a tile matrix set",
        "image/png",
        &["encoding"],
    ),
    (
        "/terrain/{survey}/height",
        "Ground and surface at a place, and the measured points behind them",
        JSON,
        &["lon", "lat", "coords", "crs", "radius", "f"],
    ),
    (
        "/terrain/{survey}/profile",
        "Ground, surface and points along a line, as JSON or as a picture (SVG)",
        JSON,
        &["coords", "crs", "step", "corridor", "lang", "f"],
    ),
    (
        "/terrain/{survey}/volume",
        "Cut and fill in a polygon, against a plane or another survey",
        JSON,
        &["polygon", "crs", "base", "against", "heights", "f"],
    ),
    (
        "/difference/{later}/{file}",
        "TileJSON of what rose and fell between two surveys, EARLIER.json, with a legend",
        JSON,
        &["heights", "f"],
    ),
    (
        "/difference/{later}/{earlier}/{z}/{x}/{file}",
        "What rose (blue) and fell (red) between two surveys, Y.png or Y.webp",
        "image/png",
        &["heights"],
    ),
    (
        "/difference/{later}/{earlier}/{tms}/{z}/{x}/{file}",
        "What rose and fell between two surveys in a tile matrix set",
        "image/png",
        &["heights"],
    ),
    (
        "/hillshade/{file}",
        "TileJSON of shaded relief, SURVEY.json",
        JSON,
        &["f", "style", "azimuth", "altitude"],
    ),
    (
        "/hillshade/{survey}/{z}/{x}/{file}",
        "Shaded relief tile, Y.png or Y.webp",
        "image/png",
        &["style", "azimuth", "altitude"],
    ),
    (
        "/hillshade/{survey}/{tms}/{z}/{x}/{file}",
        "Shaded relief tile in a tile matrix set",
        "image/png",
        &["style", "azimuth", "altitude"],
    ),
    (
        "/slope/{file}",
        "TileJSON of slope, with its legend, SURVEY.json",
        JSON,
        &["f"],
    ),
    (
        "/slope/{survey}/{z}/{x}/{file}",
        "Slope tile, Y.png or Y.webp",
        "image/png",
        &[],
    ),
    (
        "/slope/{survey}/{tms}/{z}/{x}/{file}",
        "Slope tile in a tile matrix set",
        "image/png",
        &[],
    ),
    (
        "/aspect/{file}",
        "TileJSON of aspect, with its legend, SURVEY.json",
        JSON,
        &["f"],
    ),
    (
        "/aspect/{survey}/{z}/{x}/{file}",
        "Aspect tile, Y.png or Y.webp",
        "image/png",
        &[],
    ),
    (
        "/aspect/{survey}/{tms}/{z}/{x}/{file}",
        "Aspect tile in a tile matrix set",
        "image/png",
        &[],
    ),
    (
        "/height/{file}",
        "TileJSON of height above ground, with its legend, SURVEY.json",
        JSON,
        &["f"],
    ),
    (
        "/height/{survey}/{z}/{x}/{file}",
        "Height above ground tile, Y.png or Y.webp",
        "image/png",
        &[],
    ),
    (
        "/height/{survey}/{tms}/{z}/{x}/{file}",
        "Height above ground tile in a tile matrix set",
        "image/png",
        &[],
    ),
    (
        "/surveys/{id}/points.copc.laz",
        "Points of a survey as COPC, whole or by range of bytes",
        downloads::COPC,
        &[],
    ),
    (
        "/surveys/{id}/ground.tif",
        "Ground of a survey as Cloud-Optimised GeoTIFF, whole or by range of bytes",
        downloads::COG,
        &[],
    ),
    (
        "/surveys/{id}/surface.tif",
        "Highest returns of a survey, likewise",
        downloads::COG,
        &[],
    ),
    (
        "/surveys/{id}/distance.tif",
        "Metres from the nearest measured ground, likewise: over zero was filled in",
        downloads::COG,
        &[],
    ),
    (
        "/surveys/{id}/height.tif",
        "Heights above ground of a survey, likewise",
        downloads::COG,
        &[],
    ),
    (
        "/3dtiles/{survey}/tileset.json",
        "Points of a survey as 3D Tiles 1.1",
        JSON,
        &point_tiles::PARAMETERS,
    ),
    (
        "/3dtiles/{survey}/subtrees/{level}/{x}/{y}/{file}",
        "Which tiles there are, Z.subtree",
        point_tiles::BINARY,
        &point_tiles::PARAMETERS,
    ),
    (
        "/3dtiles/{survey}/points/{level}/{x}/{y}/{file}",
        "Points of a tile, Z.glb",
        point_tiles::GLB,
        &point_tiles::PARAMETERS,
    ),
    (
        "/3dtiles/{survey}/1.0/tileset.json",
        "Points of a survey as 3D Tiles 1.0",
        JSON,
        &point_tiles::PARAMETERS,
    ),
    (
        "/3dtiles/{survey}/1.0/{level}/{x}/{y}/{file}",
        "Tiles below one, Z.json, or its points, Z.pnts",
        point_tiles::BINARY,
        &point_tiles::PARAMETERS,
    ),
    (
        "/identify",
        "Everything that is known about a place",
        JSON,
        &[
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
        ],
    ),
    ("/styles", "Styles", JSON, &["f"]),
    ("/styles/{name}/style.json", "MapLibre style", JSON, &["f"]),
    ("/sprites/{file}", "Sprites of the style", "image/png", &[]),
    (
        "/fonts/{stack}/{file}",
        "Glyphs of the style",
        "application/x-protobuf",
        &[],
    ),
    (
        "/assets/{path}",
        "Files of the map page",
        "text/javascript",
        &[],
    ),
    ("/icon.svg", "Icon of the map page", "image/svg+xml", &[]),
    ("/healthz", "Whether the process answers", JSON, &[]),
    ("/readyz", "Whether the twin can be read", JSON, &[]),
    ("/metrics", "Prometheus metrics", "text/plain", &[]),
];

/// What can be sent: path, method, summary, media type of the body (none without one), and
/// whether it needs a key that may edit.
const SENDS: [(&str, &str, &str, &str, bool); 7] = [
    (
        "/terrain/{survey}/volume",
        "post",
        "Cut and fill in the polygon or multipolygon that is sent",
        GEOJSON,
        false,
    ),
    (
        "/collections/{id}/items",
        "post",
        "Create a feature",
        GEOJSON,
        true,
    ),
    (
        "/collections/{id}/items/{fid}",
        "put",
        "Replace a feature; If-Match says which state of it",
        GEOJSON,
        true,
    ),
    (
        "/collections/{id}/items/{fid}",
        "patch",
        "Change what is sent of a feature (RFC 7396); If-Match says which state of it",
        "application/merge-patch+json",
        true,
    ),
    (
        "/collections/{id}/items/{fid}",
        "delete",
        "Delete a feature; If-Match says which state of it",
        "",
        true,
    ),
    (
        "/transactions",
        "post",
        "Edits of features of any collections, all or none",
        JSON,
        true,
    ),
    (
        "/changes/{number}/undo",
        "post",
        "Take a change back, as a change of its own",
        "",
        true,
    ),
];

const JSON: &str = "application/json";
const GEOJSON: &str = "application/geo+json";
const MVT: &str = crate::tiles::MVT;
const MLT: &str = crate::tiles::MLT;

/// `GET /conformance`.
pub(crate) async fn conformance(
    caller: Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    json_only(parameters)?;
    let document = json!({ "conformsTo": CONFORMANCE });
    caller
        .answer(Content::json(&document), Caching::Revalidate)
        .await
}

/// `GET /api`.
pub(crate) async fn api(
    State(app): State<App>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    json_only(parameters)?;
    let mut paths = Map::new();
    for (path, summary, media_type, query) in OPERATIONS {
        let in_path = path
            .split(['{', '}'])
            .skip(1)
            .step_by(2)
            .map(|name| parameter(name, "path", true));
        let in_query = query.iter().map(|&name| match name {
            "coords" if path.ends_with("/profile") => line_parameter(),
            "encoding" if path.starts_with("/tiles") => encoding_parameter(),
            name => parameter(name, "query", false),
        });
        let parameters: Vec<Value> = in_path.chain(in_query).collect();
        let mut content = json!({ media_type: {} });
        if media_type == MVT {
            content[MLT] = json!({});
        }
        let operation = json!({
            "summary": summary,
            "parameters": parameters,
            "responses": {
                "200": { "description": summary, "content": content },
                "default": {
                    "description": "What went wrong (RFC 9457)",
                    "content": { "application/problem+json": {} },
                },
            },
        });
        paths.insert(path.to_owned(), json!({ "get": operation }));
    }
    for (path, method, summary, body, needs_key) in SENDS {
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        methods[method] = sending(path, summary, body, needs_key);
    }
    let document = json!({
        "openapi": "3.0.3",
        "info": {
            "title": app.settings().name,
            "description": "Without a key the public sees what is public; staff show a key.",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{ "url": caller.base.url("") }],
        "security": [{}, { "key": [] }],
        "components": { "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } } },
        "paths": paths,
    });
    let content = Content::json_as("application/vnd.oai.openapi+json;version=3.0", &document);
    caller.answer(content, Caching::Revalidate).await
}

/// An operation that takes a body or changes something.
fn sending(path: &str, summary: &str, body: &str, needs_key: bool) -> Value {
    let in_path = path.split(['{', '}']).skip(1).step_by(2);
    let parameters: Vec<Value> = in_path.map(|name| parameter(name, "path", true)).collect();
    let problem = json!({
        "description": "What went wrong (RFC 9457)",
        "content": { "application/problem+json": {} },
    });
    let done = match summary.split(' ').next() {
        Some("Create") => "201",
        Some("Delete") => "204",
        _ => "200",
    };
    let mut operation = json!({
        "summary": summary,
        "parameters": parameters,
        "responses": { done: { "description": "Done" }, "default": problem },
    });
    if !body.is_empty() {
        operation["requestBody"] = json!({ "required": true, "content": { body: {} } });
    }
    if needs_key {
        operation["security"] = json!([{ "key": [] }]);
    }
    operation
}

/// A line is text; `coords` elsewhere is one place.
fn line_parameter() -> Value {
    json!({
        "name": "coords",
        "in": "query",
        "required": true,
        "schema": { "type": "string" },
        "example": "17.30,62.39;17.31,62.39",
    })
}

/// Of vector tiles; `encoding` elsewhere is of elevations.
fn encoding_parameter() -> Value {
    json!({
        "name": "encoding",
        "in": "query",
        "required": false,
        "schema": { "type": "string", "enum": ["mvt", "mlt"], "default": "mvt" },
    })
}

fn parameter(name: &str, place: &str, required: bool) -> Value {
    let schema = match name {
        "limit" => json!({ "type": "integer", "minimum": 1, "maximum": 10_000, "default": 100 }),
        "bbox" => {
            json!({ "type": "array", "items": { "type": "number" }, "minItems": 4, "maxItems": 6 })
        }
        "lon" | "lat" | "zoom" | "radius" | "step" | "corridor" | "base" => {
            json!({ "type": "number" })
        }
        "coords" => {
            json!({ "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 })
        }
        "z" | "x" | "row" | "col" | "after" => json!({ "type": "integer", "minimum": 0 }),
        "geometry" => json!({ "type": "boolean", "default": true }),
        "heights" => {
            json!({ "type": "string", "enum": ["terrain", "surface"], "default": "terrain" })
        }
        "lang" => json!({ "type": "string", "enum": ["sv", "en"] }),
        "labels" => json!({ "type": "boolean", "default": false }),
        "style" => {
            let styles = ["grey", "overlay", "multi", "multi-overlay"];
            json!({ "type": "string", "enum": styles, "default": "grey" })
        }
        "encoding" => {
            json!({ "type": "string", "enum": ["mapbox", "terrarium"], "default": "mapbox" })
        }
        "azimuth" => json!({ "type": "number", "minimum": 0, "maximum": 360 }),
        "altitude" => json!({ "type": "number", "minimum": 1, "maximum": 90, "default": 45 }),
        _ => json!({ "type": "string" }),
    };
    let mut parameter = json!({
        "name": name,
        "in": place,
        "required": required,
        "schema": schema,
    });
    if matches!(name, "bbox" | "coords") {
        parameter["style"] = json!("form");
        parameter["explode"] = json!(false);
    }
    parameter
}
