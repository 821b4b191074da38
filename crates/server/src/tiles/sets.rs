//! Tile matrix sets, and the tilesets that collections and surveys have: one in each of them,
//! vector tiles of features and maps of surveys.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use geodesy::TileMatrixSet;
use model::Bounds;
use serde_json::{Value, json};

use crate::app::App;
use crate::caller::Caller;
use crate::catalogue;
use crate::content::{Caching, Content};
use crate::features::{CRS84, crs_uri};
use crate::links::{link, template};
use crate::params::{Parameters, json_only};
use crate::problem::{Path, Problem};
use crate::tiles::{Encoding, MLT, MVT, archive_links, drawable, set_of};

const TILING_SCHEME: &str = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme";

/// `GET /tileMatrixSets`.
pub(crate) async fn sets(
    State(app): State<App>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    json_only(parameters)?;
    let sets = app.settings().tile_matrix_sets.iter();
    let list: Vec<Value> = sets
        .map(|set| {
            let href = caller.base.url(&format!("/tileMatrixSets/{}", set.id));
            json!({
                "id": set.id,
                "title": set.title,
                "uri": set.uri,
                "crs": crs_uri(set.crs.code()),
                "links": [link("self", "application/json", href, &set.title)],
            })
        })
        .collect();
    let document = json!({ "tileMatrixSets": list });
    caller
        .answer(Content::json(&document), Caching::Revalidate)
        .await
}

/// `GET /tileMatrixSets/TMS`.
pub(crate) async fn set(
    State(app): State<App>,
    caller: Caller,
    Path(tms): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let set = set_of(&app, &tms)?;
    json_only(parameters)?;
    let content = Content::new("application/json", set.to_json());
    caller.answer(content, Caching::Revalidate).await
}

/// What the tiles of a tileset are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TilesetKind {
    /// Vector tiles of a collection of features.
    Vector,
    /// Maps of a survey: shaded relief.
    Map,
}

impl TilesetKind {
    /// Where they lie, after the address of the collection.
    fn path(self) -> &'static str {
        match self {
            TilesetKind::Vector => "tiles",
            TilesetKind::Map => "map/tiles",
        }
    }

    /// The word of OGC 20-057.
    fn data_type(self) -> &'static str {
        match self {
            TilesetKind::Vector => "vector",
            TilesetKind::Map => "map",
        }
    }

    /// Links to its tiles, whose address is `tiles`, first the one that most clients read.
    fn tile_links(self, tiles: String) -> Vec<Value> {
        match self {
            TilesetKind::Vector => {
                let of_maplibre = format!("{tiles}?f={}", Encoding::Mlt.name());
                vec![
                    template("item", MVT, tiles, "Vector tiles"),
                    template("item", MLT, of_maplibre, "Vector tiles as MapLibre tiles"),
                ]
            }
            TilesetKind::Map => vec![template("item", "image/png", tiles, "Shaded relief")],
        }
    }

    /// What the tiles cover, in the twin's CRS, if `id` names what has such tiles and the
    /// caller may see it.
    fn bounds_of(self, caller: &Caller, id: &str) -> Result<Option<Bounds>, Problem> {
        Ok(match self {
            TilesetKind::Vector => drawable(caller, id)?.first().and_then(|c| c.meta().bounds),
            TilesetKind::Map => Some(caller.survey(id)?.meta().bounds),
        })
    }
}

/// `GET /collections/ID/tiles` and `/collections/ID/map/tiles`.
pub(crate) fn tilesets(kind: TilesetKind) -> MethodRouter<App> {
    get(
        async move |State(app): State<App>,
                    caller: Caller,
                    Path(id): Path<String>,
                    parameters: Parameters| {
            kind.bounds_of(&caller, &id)?;
            json_only(parameters)?;
            let sets = app.settings().tile_matrix_sets.iter();
            let list: Vec<Value> = sets
                .map(|set| describe(&app, &caller, kind, &id, set))
                .collect();
            let here = format!("/collections/{id}/{}", kind.path());
            let document = json!({
                "links": [link("self", "application/json", caller.base.url(&here), "Tilesets")],
                "tilesets": list,
            });
            caller
                .answer(Content::json(&document), Caching::Revalidate)
                .await
        },
    )
}

/// `GET /collections/ID/tiles/TMS` and `/collections/ID/map/tiles/TMS`.
pub(crate) fn tileset(kind: TilesetKind) -> MethodRouter<App> {
    get(
        async move |State(app): State<App>,
                    caller: Caller,
                    Path((id, tms)): Path<(String, String)>,
                    parameters: Parameters| {
            let bounds = kind.bounds_of(&caller, &id)?;
            let set = set_of(&app, &tms)?;
            json_only(parameters)?;
            let mut document = describe(&app, &caller, kind, &id, &set);
            if let Some([west, south, east, north]) =
                catalogue::lonlat_bounds(&app, bounds.as_ref())
            {
                document["boundingBox"] = json!({
                    "lowerLeft": [west, south],
                    "upperRight": [east, north],
                    "crs": CRS84,
                });
            }
            if kind == TilesetKind::Vector {
                document["layers"] = json!([{ "id": id, "dataType": kind.data_type() }]);
            }
            caller
                .answer(Content::json(&document), Caching::Revalidate)
                .await
        },
    )
}

fn describe(app: &App, caller: &Caller, kind: TilesetKind, id: &str, set: &TileMatrixSet) -> Value {
    let base = &caller.base;
    let here = base.url(&format!("/collections/{id}/{}/{}", kind.path(), set.id));
    let tiles = here.clone() + "/{tileMatrix}/{tileRow}/{tileCol}";
    let scheme = base.url(&format!("/tileMatrixSets/{}", set.id));
    let mut links = vec![
        link("self", "application/json", here, "This tileset"),
        link(TILING_SCHEME, "application/json", scheme, &set.title),
    ];
    links.extend(kind.tile_links(tiles));
    if let (TilesetKind::Vector, Ok(collection)) = (kind, caller.collection(id)) {
        links.extend(archive_links(app, base, &collection, Some(&set.id)));
    }
    json!({
        "title": format!("{} ({})", app.settings().name, set.title),
        "dataType": kind.data_type(),
        "crs": crs_uri(set.crs.code()),
        "tileMatrixSetURI": set.uri,
        "links": links,
    })
}
