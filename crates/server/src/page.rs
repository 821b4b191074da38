//! The landing page, and the files of the web page that are embedded in the binary:
//! script, fonts, sprites. The page asks no other host for anything.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use axum::extract::State;
use axum::response::Response;
use rust_embed::RustEmbed;
use serde_json::json;

use crate::app::App;
use crate::caller::Caller;
use crate::content::{Caching, Content};
use crate::links::link;
use crate::params::Parameters;
use crate::problem::{Path, Problem};

/// What `npm run build` made of `web/`; nothing if it was not run before this was built.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Web;

/// Shown where the page was not built.
const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Tvilling</title>
<h1>Tvilling</h1>
<p>The server runs, but its map page was not built into it.
Install <a href=\"https://nodejs.org\">Node</a>, run <code>npm ci &amp;&amp; npm run build</code> in the folder <code>web</code>, and build the server again.</p>
<p>Everything else is here: <a href=\"collections\">collections</a>, <a href=\"tiles.json\">tiles</a>, <a href=\"api\">the API</a>.</p>
</html>
";

/// Embedded files by path, each compressed when it is first asked for.
static FILES: LazyLock<HashMap<String, OnceLock<Option<Content>>>> = LazyLock::new(|| {
    Web::iter()
        .map(|path| (path.into_owned(), OnceLock::new()))
        .collect()
});

/// Returns an embedded file, if there is one.
pub(crate) fn file(path: &str) -> Option<Content> {
    FILES
        .get(path)?
        .get_or_init(|| {
            let data = Web::get(path)?.data;
            let media_type = media_type(path);
            Some(if media_type == "image/png" {
                Content::new(media_type, data.into_owned())
            } else {
                Content::compressed_once(media_type, &data)
            })
        })
        .clone()
}

/// Whether the map page was built into this binary.
pub fn has_map_page() -> bool {
    FILES.contains_key("index.html")
}

/// Whether any embedded file's path starts so.
pub(crate) fn has_folder(prefix: &str) -> bool {
    FILES.keys().any(|path| path.starts_with(prefix))
}

/// `GET /`: the map for a browser, links for everybody else.
pub(crate) async fn landing(
    State(app): State<App>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    // The page keeps its state in the query, so that other parameters are let through.
    let format = parameters.value("f");
    let html = match format.as_deref() {
        Some("html") => true,
        Some("json") => false,
        Some(other) => return Err(Problem::bad_parameter("f", other, "json or html")),
        None => caller.wants_html(),
    };
    if html {
        let page = file("index.html")
            .unwrap_or_else(|| Content::new("text/html; charset=utf-8", NOT_BUILT));
        return caller.answer(page, Caching::Revalidate).await;
    }
    let json_type = "application/json";
    let url = |path: &str| caller.base.url(path);
    let name = &app.settings().name;
    let document = json!({
        "title": name,
        "description": format!("{name}: a digital twin of collections, surveys, tiles and clicks"),
        "links": [
            link("self", json_type, url("/?f=json"), "This page"),
            link("alternate", "text/html", url("/?f=html"), "The map"),
            link("service-desc", "application/vnd.oai.openapi+json;version=3.0", url("/api"), "The API"),
            link("conformance", json_type, url("/conformance"), "What it conforms to"),
            link("data", json_type, url("/collections"), "Collections"),
            link("http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes", json_type, url("/tileMatrixSets"), "Tile matrix sets"),
            link("http://www.opengis.net/def/rel/ogc/1.0/styles", json_type, url("/styles"), "Styles"),
            link("tilejson", json_type, url("/tiles.json"), "Vector tiles of all collections"),
        ],
    });
    caller
        .answer(Content::json(&document), Caching::Revalidate)
        .await
}

/// `GET /assets/…`: their names change with their content.
pub(crate) async fn asset(caller: Caller, Path(path): Path<String>) -> Result<Response, Problem> {
    send(&caller, &format!("assets/{path}"), Caching::Immutable).await
}

/// `GET /icon.svg`.
pub(crate) async fn icon(caller: Caller) -> Result<Response, Problem> {
    send(&caller, "icon.svg", Caching::Day).await
}

/// `GET /sprites/tvilling[@2x].json|png`.
pub(crate) async fn sprite(caller: Caller, Path(name): Path<String>) -> Result<Response, Problem> {
    send(&caller, &format!("sprites/{name}"), Caching::Day).await
}

/// `GET /fonts/{stack}/{range}.pbf`. A stack with several names gets the first that
/// is there.
pub(crate) async fn glyphs(
    caller: Caller,
    Path((stack, range)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let found = stack
        .split(',')
        .map(|font| format!("fonts/{}/{range}", font.trim()))
        .find(|path| FILES.contains_key(path));
    match found {
        Some(path) => send(&caller, &path, Caching::Day).await,
        None => Err(Problem::no_such_page(&format!("/fonts/{stack}/{range}"))),
    }
}

async fn send(caller: &Caller, path: &str, caching: Caching) -> Result<Response, Problem> {
    let content = file(path).ok_or_else(|| Problem::no_such_page(&format!("/{path}")))?;
    caller.answer(content, caching).await
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("pbf") => "application/x-protobuf",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
