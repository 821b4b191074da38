//! A MapLibre style made of what the caller sees: a calm base map of our own
//! collections and relief, and thematic layers in the colours of their departments.
//!
//! A layer's `metadata` says what the page needs to group and switch it:
//! `tvilling:collection`, `tvilling:department`, `tvilling:thematic`, `tvilling:role`
//! and `tvilling:ramp`.

use axum::extract::State;
use axum::response::Response;
use model::{GeometryKind, Schema};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::caller::Caller;
use crate::catalogue::{self, Entry, EntryKind};
use crate::content::{Caching, Content};
use crate::links::link;
use crate::page;
use crate::params::{Parameters, json_only};
use crate::problem::{Path, Problem};
use crate::surveys::drawing::OVERLAY_QUERY;
use crate::tiles::LABELS_QUERY;
use crate::{Ramp, Style};

/// The one style that there is. The page makes its dark theme out of it.
const NAME: &str = "tvilling";

const FONT: &str = "Noto Sans Regular";

/// Worst to best, even steps of lightness and safe for the colour-blind (from
/// ColorBrewer's PuOr, without its pale middle, which vanishes on a light map).
const RAMP_COLOURS: [&str; 5] = ["#b35806", "#e08214", "#b9a88c", "#8073ac", "#542788"];

/// Roles of the base map, in the order in which they lie on each other.
const ROLES: [&str; 5] = ["land", "green", "water", "building", "road"];

/// `GET /styles`.
pub(crate) async fn styles(
    State(app): State<App>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    json_only(parameters)?;
    let href = caller.base.url(&format!("/styles/{NAME}/style.json"));
    let media_type = "application/vnd.mapbox.style+json";
    let document = json!({
        "styles": [{
            "id": NAME,
            "title": app.settings().name,
            "links": [link("stylesheet", media_type, href, "MapLibre style")],
        }],
    });
    caller
        .answer(Content::json(&document), Caching::Revalidate)
        .await
}

/// `GET /styles/NAME/style.json`.
pub(crate) async fn style(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    if name != NAME {
        let remedy = "/styles lists those there are.";
        return Err(Problem::not_found("style", &name, remedy));
    }
    json_only(parameters)?;
    let entries = catalogue::entries(app.settings(), &caller.view);
    let mut sources = Map::new();
    for entry in &entries {
        let id = &entry.id;
        match &entry.kind {
            EntryKind::Survey(_) => {
                let url = caller
                    .base
                    .url(&format!("/hillshade/{id}.json{OVERLAY_QUERY}"));
                let source = json!({ "type": "raster", "url": url, "tileSize": 256 });
                sources.insert(hillshade_source(id.as_str()), source);
            }
            EntryKind::Features { .. } if entry.has_geometry() => {
                let url = caller.base.url(&format!("/tiles/{id}.json"));
                sources.insert(id.to_string(), json!({ "type": "vector", "url": url }));
                if let Some(labels) = label_source(entry) {
                    let url = caller.base.url(&format!("/tiles/{id}.json{LABELS_QUERY}"));
                    sources.insert(labels, json!({ "type": "vector", "url": url }));
                }
            }
            EntryKind::Features { .. } => {}
        }
    }
    let mut document = json!({
        "version": 8,
        "name": app.settings().name,
        "sources": sources,
        "layers": layers(&entries, page::has_folder("fonts/"), page::has_folder("sprites/")),
    });
    let bounds = entries
        .iter()
        .filter(|entry| matches!(entry.kind, EntryKind::Survey(_)))
        .chain(&entries)
        .find_map(|entry| catalogue::lonlat_bounds(&app, entry.bounds.as_ref()));
    if let Some(bounds) = bounds {
        let [lon, lat, zoom] = crate::tiles::center(bounds, crate::tiles::VECTOR_MAX_ZOOM);
        document["center"] = json!([lon, lat]);
        document["zoom"] = json!(zoom);
    }
    // Labels and icons need files that are there only if the page was built.
    if page::has_folder("fonts/") {
        let glyphs = caller.base.url("/fonts/{fontstack}/{range}.pbf");
        document["glyphs"] = json!(glyphs);
    }
    if page::has_folder("sprites/") {
        document["sprite"] = json!(caller.base.url("/sprites/tvilling"));
    }
    caller
        .answer(Content::json(&document), Caching::Revalidate)
        .await
}

fn hillshade_source(id: &str) -> String {
    format!("{id}-hillshade")
}

/// The source of the labels of areas, which would be labelled in every tile that cuts them.
fn label_source(entry: &Entry) -> Option<String> {
    match &entry.kind {
        EntryKind::Features { schema, .. }
            if schema.geometry == GeometryKind::Polygon && label_of(entry, schema).is_some() =>
        {
            Some(format!("{}-labels", entry.id))
        }
        _ => None,
    }
}

/// All layers, from the bottom up: paper, land, green, relief, water, buildings, roads,
/// then thematic areas, lines and points, then labels.
fn layers(entries: &[Entry], with_labels: bool, with_icons: bool) -> Vec<Value> {
    let mut layers = vec![json!({
        "id": "background",
        "type": "background",
        "paint": { "background-color": "#f3f1ec" },
    })];
    for role in ROLES {
        if role == "water" {
            layers.extend(relief(entries));
        }
        for (entry, schema) in with_role(entries, Some(role)) {
            layers.extend(base_layers(entry, schema, role));
        }
    }
    let thematic: Vec<_> = with_role(entries, None).collect();
    for (entry, schema) in &thematic {
        layers.extend(thematic_areas(entry, schema));
    }
    for (entry, schema) in &thematic {
        layers.extend(thematic_lines(entry, schema));
    }
    // A road of the base map with a ramp is thematic too: condition lies over asphalt.
    for (entry, schema) in with_role(entries, Some("road")) {
        layers.extend(
            entry
                .settings
                .style
                .ramp
                .as_ref()
                .map(|ramp| ramp_line(entry, schema, ramp)),
        );
    }
    for (entry, schema) in &thematic {
        layers.extend(thematic_points(entry, schema, with_icons));
    }
    if with_labels {
        for (entry, schema) in with_role(entries, Some("road")) {
            layers.extend(road_labels(entry, schema));
        }
        for (entry, schema) in &thematic {
            layers.extend(thematic_labels(entry, schema));
        }
    }
    layers
}

fn with_role<'a>(
    entries: &'a [Entry],
    role: Option<&'a str>,
) -> impl Iterator<Item = (&'a Entry, &'a Schema)> {
    entries.iter().filter_map(move |entry| {
        let EntryKind::Features { schema, .. } = &entry.kind else {
            return None;
        };
        // A role that the base map does not have makes a thematic layer.
        let own = entry.settings.style.role.as_deref();
        let own = own.filter(|own| ROLES.contains(own));
        (entry.has_geometry() && own == role).then_some((entry, schema))
    })
}

/// Shaded relief, stronger when zoomed out. The first survey's shows.
fn relief(entries: &[Entry]) -> Vec<Value> {
    entries
        .iter()
        .filter(|entry| matches!(entry.kind, EntryKind::Survey(_)))
        .enumerate()
        .map(|(i, entry)| {
            json!({
                "id": hillshade_source(entry.id.as_str()),
                "type": "raster",
                "source": hillshade_source(entry.id.as_str()),
                "layout": { "visibility": if i == 0 { "visible" } else { "none" } },
                "paint": {
                    "raster-opacity": ["interpolate", ["linear"], ["zoom"], 10, 0.9, 17, 0.6],
                    "raster-fade-duration": 150,
                },
                "metadata": metadata(entry, false, None),
            })
        })
        .collect()
}

fn base_layers(entry: &Entry, schema: &Schema, role: &str) -> Vec<Value> {
    let grow = |from: f64, to: f64| {
        json!([
            "interpolate",
            ["exponential", 1.6],
            ["zoom"],
            10,
            from,
            18,
            to
        ])
    };
    let line = |suffix: &str, paint: Value| {
        let mut layer = layer(entry, suffix, "line", paint, false);
        layer["layout"]["line-cap"] = json!("round");
        layer["layout"]["line-join"] = json!("round");
        layer
    };
    let fill = |paint: Value| layer(entry, "fill", "fill", paint, false);
    let areas = schema.geometry == GeometryKind::Polygon;
    match (role, areas) {
        ("land", true) => vec![fill(json!({ "fill-color": "#ece8df" }))],
        ("green", true) => vec![fill(json!({ "fill-color": "#d8e2c8" }))],
        ("green", false) if schema.geometry == GeometryKind::Point => {
            let radius = grow(0.4, 7.0);
            let paint = json!({ "circle-color": "#a9c08f", "circle-opacity": 0.7, "circle-radius": radius });
            let mut trees = layer(entry, "dot", "circle", paint, false);
            trees["minzoom"] = json!(entry.settings.style.min_zoom.unwrap_or(13));
            vec![trees]
        }
        ("green", false) => vec![line(
            "line",
            json!({ "line-color": "#b7c9a0", "line-width": grow(0.5, 3.0) }),
        )],
        ("water", true) => vec![fill(json!({ "fill-color": "#a9c6d6" }))],
        ("water", false) => vec![line(
            "line",
            json!({ "line-color": "#8fb3c7", "line-width": grow(0.6, 5.0) }),
        )],
        ("building", true) => {
            let mut layers = vec![fill(
                json!({ "fill-color": "#d3ccc0", "fill-outline-color": "#b5ac9c" }),
            )];
            for layer in &mut layers {
                layer["minzoom"] = json!(entry.settings.style.min_zoom.unwrap_or(12));
            }
            layers
        }
        ("road", false) => {
            let by_class = |factor: f64| {
                let widths = |zoom_width: f64| {
                    let width = zoom_width * factor;
                    if schema.position("klass").is_none() {
                        return json!(width);
                    }
                    json!([
                        "match",
                        ["get", "klass"],
                        "huvudgata",
                        width * 1.6,
                        "uppsamlingsgata",
                        width * 1.25,
                        "gang_cykel",
                        width * 0.5,
                        width
                    ])
                };
                json!([
                    "interpolate",
                    ["exponential", 1.6],
                    ["zoom"],
                    10,
                    widths(0.8),
                    14,
                    widths(3.0),
                    18,
                    widths(16.0)
                ])
            };
            vec![
                line(
                    "casing",
                    json!({ "line-color": "#b9b2a6", "line-width": by_class(1.3) }),
                ),
                line(
                    "fill",
                    json!({ "line-color": "#ffffff", "line-width": by_class(1.0) }),
                ),
            ]
        }
        ("road", true) => vec![fill(
            json!({ "fill-color": "#ffffff", "fill-outline-color": "#b9b2a6" }),
        )],
        _ => {
            let paint = json!({ "line-color": "#b5ac9c", "line-width": grow(0.5, 2.0) });
            vec![line("line", paint)]
        }
    }
}

fn thematic_areas(entry: &Entry, schema: &Schema) -> Vec<Value> {
    if !matches!(schema.geometry, GeometryKind::Polygon | GeometryKind::Mixed) {
        return Vec::new();
    }
    let colour = colour_of(entry);
    let mut fill = layer(
        entry,
        "fill",
        "fill",
        json!({ "fill-color": colour, "fill-opacity": 0.22 }),
        true,
    );
    let mut edge = layer(
        entry,
        "edge",
        "line",
        json!({
            "line-color": colour,
            "line-width": ["interpolate", ["linear"], ["zoom"], 10, 0.8, 18, 2.5],
        }),
        true,
    );
    for layer in [&mut fill, &mut edge] {
        layer["filter"] = json!(["==", ["geometry-type"], "Polygon"]);
    }
    vec![fill, edge]
}

fn thematic_lines(entry: &Entry, schema: &Schema) -> Vec<Value> {
    if !matches!(schema.geometry, GeometryKind::Line | GeometryKind::Mixed) {
        return Vec::new();
    }
    if let Some(ramp) = &entry.settings.style.ramp {
        return vec![ramp_line(entry, schema, ramp)];
    }
    let paint = json!({
        "line-color": colour_of(entry),
        "line-width": ["interpolate", ["exponential", 1.4], ["zoom"], 10, 1.0, 18, 5.0],
    });
    let mut line = layer(entry, "line", "line", paint, true);
    line["layout"]["line-cap"] = json!("round");
    line["layout"]["line-join"] = json!("round");
    line["filter"] = json!(["==", ["geometry-type"], "LineString"]);
    vec![line]
}

/// A line whose colour and width tell a number: the worse, the wider.
fn ramp_line(entry: &Entry, _schema: &Schema, ramp: &Ramp) -> Value {
    let widths = |base: f64| share_steps(ramp, [1.5, 1.3, 1.1, 1.0, 0.9].map(|f| json!(base * f)));
    let paint = json!({
        "line-color": with_fallback(ramp, share_steps(ramp, RAMP_COLOURS.map(|c| json!(c))), json!("#9a9a9a")),
        "line-width": ["interpolate", ["exponential", 1.5], ["zoom"],
            10, with_fallback(ramp, widths(1.0), json!(1.0)),
            18, with_fallback(ramp, widths(7.0), json!(5.0))],
    });
    let mut line = layer(entry, "ramp", "line", paint, true);
    line["layout"]["line-cap"] = json!("round");
    line["layout"]["line-join"] = json!("round");
    line
}

fn thematic_points(entry: &Entry, schema: &Schema, with_icons: bool) -> Vec<Value> {
    if !matches!(schema.geometry, GeometryKind::Point | GeometryKind::Mixed) {
        return Vec::new();
    }
    let size = json!([
        "interpolate",
        ["exponential", 1.4],
        ["zoom"],
        10,
        2.0,
        14,
        4.0,
        18,
        9.0
    ]);
    let mut circle = layer(
        entry,
        "dot",
        "circle",
        json!({
            "circle-color": colour_of(entry),
            "circle-radius": size,
            "circle-stroke-color": "#ffffff",
            "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], 10, 0.5, 16, 1.5],
        }),
        true,
    );
    circle["filter"] = json!(["==", ["geometry-type"], "Point"]);
    let icon = entry.settings.style.icon.as_ref().filter(|_| with_icons);
    let Some(icon) = icon else {
        return vec![circle];
    };
    let mut symbol = layer(entry, "icon", "symbol", json!({}), true);
    symbol["layout"]["icon-image"] = json!(["coalesce", ["image", icon], ["image", "default"]]);
    symbol["layout"]["icon-size"] = json!(["interpolate", ["linear"], ["zoom"], 13, 0.5, 18, 1.0]);
    symbol["layout"]["icon-allow-overlap"] = json!(true);
    symbol["filter"] = json!(["==", ["geometry-type"], "Point"]);
    let near = entry.settings.style.min_zoom.unwrap_or(0).max(14);
    symbol["minzoom"] = json!(near);
    circle["maxzoom"] = json!(near);
    vec![circle, symbol]
}

fn road_labels(entry: &Entry, schema: &Schema) -> Option<Value> {
    let label = label_of(entry, schema)?;
    let mut labels = text_layer(entry, label, false);
    labels["layout"]["symbol-placement"] = json!("line");
    labels["layout"]["symbol-spacing"] = json!(350);
    labels["minzoom"] = json!(entry.settings.style.min_zoom.unwrap_or(0).max(14));
    Some(labels)
}

fn thematic_labels(entry: &Entry, schema: &Schema) -> Option<Value> {
    let label = label_of(entry, schema)?;
    let mut labels = text_layer(entry, label, true);
    if schema.geometry == GeometryKind::Line {
        labels["layout"]["symbol-placement"] = json!("line");
    } else if schema.geometry == GeometryKind::Point {
        labels["layout"]["text-anchor"] = json!("top");
        labels["layout"]["text-offset"] = json!([0, 0.9]);
    }
    labels["minzoom"] = json!(entry.settings.style.min_zoom.unwrap_or(0).max(15));
    Some(labels)
}

fn label_of<'a>(entry: &'a Entry, schema: &Schema) -> Option<&'a str> {
    let label = entry.settings.label.as_deref()?;
    schema.position(label).map(|_| label)
}

fn text_layer(entry: &Entry, label: &str, thematic: bool) -> Value {
    let paint = json!({
        "text-color": "#3c3a36",
        "text-halo-color": "#ffffff",
        "text-halo-width": 1.4,
    });
    let mut labels = layer(entry, "label", "symbol", paint, thematic);
    labels["layout"]["text-field"] = json!(["to-string", ["get", label]]);
    labels["layout"]["text-font"] = json!([FONT]);
    labels["layout"]["text-size"] = json!(["interpolate", ["linear"], ["zoom"], 13, 10, 18, 14]);
    if let Some(source) = label_source(entry) {
        labels["source"] = json!(source);
    }
    labels
}

/// A layer with what all have: source, visibility, smallest zoom and metadata.
fn layer(entry: &Entry, suffix: &str, kind: &str, paint: Value, thematic: bool) -> Value {
    let Style {
        shown,
        min_zoom,
        ramp,
        ..
    } = &entry.settings.style;
    let visible = *shown || !thematic;
    let mut layer = json!({
        "id": format!("{}-{suffix}", entry.id),
        "type": kind,
        "source": entry.id.as_str(),
        "source-layer": entry.id.as_str(),
        "layout": { "visibility": if visible { "visible" } else { "none" } },
        "paint": paint,
        "metadata": metadata(entry, thematic, ramp.as_ref().filter(|_| thematic)),
    });
    if let Some(min_zoom) = min_zoom {
        layer["minzoom"] = json!(min_zoom);
    }
    layer
}

fn metadata(entry: &Entry, thematic: bool, ramp: Option<&Ramp>) -> Value {
    let department = entry.department.as_ref().map(|d| d.id.as_str());
    let mut metadata = json!({
        "tvilling:collection": entry.id.as_str(),
        "tvilling:department": department,
        "tvilling:thematic": thematic,
    });
    if let Some(role) = entry.settings.style.role.as_ref().filter(|_| !thematic) {
        metadata["tvilling:role"] = json!(role);
    }
    if let Some(ramp) = ramp {
        metadata["tvilling:ramp"] = json!({
            "attribute": ramp.attribute,
            "worst": ramp.worst,
            "best": ramp.best,
            "colours": RAMP_COLOURS,
        });
    }
    metadata
}

fn colour_of(entry: &Entry) -> Value {
    match &entry.settings.style.ramp {
        Some(ramp) => {
            let steps = share_steps(ramp, RAMP_COLOURS.map(|c| json!(c)));
            with_fallback(ramp, steps, json!(entry.colour()))
        }
        None => json!(entry.colour()),
    }
}

/// Values at even steps from worst to best, in between by interpolation.
fn share_steps<const N: usize>(ramp: &Ramp, values: [Value; N]) -> Value {
    let span = ramp.best - ramp.worst;
    let value = json!(["to-number", ["get", ramp.attribute]]);
    // From 0 at the worst to 1 at the best, since stops must grow.
    let share = if span == 0.0 {
        json!(1.0)
    } else {
        json!(["/", ["-", value, ramp.worst], span])
    };
    let mut steps = vec![json!("interpolate"), json!(["linear"]), share];
    for (i, value) in values.into_iter().enumerate() {
        steps.push(json!(i as f64 / (N - 1) as f64));
        steps.push(value);
    }
    Value::Array(steps)
}

/// The steps for features that have the number, and something else for the others.
fn with_fallback(ramp: &Ramp, steps: Value, fallback: Value) -> Value {
    json!(["case", ["has", ramp.attribute], steps, fallback])
}
