//! Every route, on one page.
//!
//! OGC paths run z/row/column; XYZ templates run z/column/row.

use axum::Router;
use axum::http::{Method, Uri};
use axum::routing::{MethodRouter, get, post};
use store::HeightKind;

use crate::app::App;
use crate::problem::Problem;
use crate::surveys::drawing::Family;
use crate::surveys::point_tiles::Part;
use crate::surveys::{
    difference_tiles, downloads, place, point_tiles, profile, quantized_mesh, raster_tiles, volume,
};
use crate::tiles::TilesetKind;
use crate::{edits, features, identify, layers, operation, page, sources, styles, tiles};

/// Every path that there is, and who answers it.
pub(crate) fn routes() -> Vec<(&'static str, MethodRouter<App>)> {
    vec![
        // OGC API – Common (19-072), Features (17-069r4), and edits of them (20-002).
        ("/", get(page::landing)),
        ("/api", get(features::api)),
        ("/conformance", get(features::conformance)),
        ("/collections", get(features::collections)),
        ("/collections/{id}", get(features::collection)),
        ("/collections/{id}/schema", get(features::schema)),
        (
            "/collections/{id}/items",
            get(features::items).post(edits::create),
        ),
        (
            "/collections/{id}/items/{fid}",
            get(features::item)
                .put(edits::replace)
                .patch(edits::update)
                .delete(edits::delete),
        ),
        // What features were, who changed them, and what is being changed.
        ("/collections/{id}/items/{fid}/history", get(edits::history)),
        (
            "/collections/{id}/changes",
            get(edits::changes_of_collection),
        ),
        ("/transactions", post(edits::transactions)),
        ("/changes", get(edits::changes_of_twin)),
        ("/changes/{number}/undo", post(edits::undo)),
        ("/events", get(edits::events)),
        ("/admin/sources", get(sources::sources)),
        // OGC API – Tiles (20-057), vector.
        ("/tileMatrixSets", get(tiles::sets)),
        ("/tileMatrixSets/{tms}", get(tiles::set)),
        (
            "/collections/{id}/tiles",
            tiles::tilesets(TilesetKind::Vector),
        ),
        (
            "/collections/{id}/tiles/{tms}",
            tiles::tileset(TilesetKind::Vector),
        ),
        (
            "/collections/{id}/tiles/{tms}/{z}/{row}/{col}",
            get(tiles::ogc_tile),
        ),
        // And maps: shaded relief of surveys.
        (
            "/collections/{id}/map/tiles",
            tiles::tilesets(TilesetKind::Map),
        ),
        (
            "/collections/{id}/map/tiles/{tms}",
            tiles::tileset(TilesetKind::Map),
        ),
        (
            "/collections/{id}/map/tiles/{tms}/{z}/{row}/{col}",
            get(raster_tiles::map_tile),
        ),
        // XYZ, TileJSON 3 and archives, vector; {file} is Y.mvt, ID[,ID…].json, ID.pmtiles
        // or TMS.pmtiles.
        ("/tiles.json", get(tiles::tilejson_of_all)),
        ("/tiles/{file}", get(tiles::document)),
        ("/tiles/{id}/{file}", get(tiles::archive)),
        (tiles::XYZ_TILE, get(tiles::xyz_tile)),
        ("/tiles/{ids}/{tms}/{z}/{x}/{file}", get(tiles::xyz_tile_in)),
        // XYZ and TileJSON 3, raster; {file} is Y.png, Y.webp or SURVEY.json.
        (
            "/terrain/{file}",
            raster_tiles::tilejson_of(Family::Terrain),
        ),
        ("/terrain/{survey}/layer.json", get(quantized_mesh::layer)),
        (
            "/terrain/{survey}/{z}/{x}/{file}",
            raster_tiles::tiles_of(Family::Terrain),
        ),
        (
            "/terrain/{survey}/{tms}/{z}/{x}/{file}",
            raster_tiles::tiles_in_sets_of(Family::Terrain),
        ),
        // Heights of a survey at a place, along a line, in a polygon.
        ("/terrain/{survey}/height", get(place::height)),
        ("/terrain/{survey}/profile", get(profile::section)),
        (
            "/terrain/{survey}/volume",
            get(volume::volume_of_text).post(volume::volume_of_body),
        ),
        // What changed between two surveys; {file} is EARLIER.json or Y.png, Y.webp.
        (
            "/difference/{later}/{file}",
            get(difference_tiles::tilejson),
        ),
        (
            "/difference/{later}/{earlier}/{z}/{x}/{file}",
            get(difference_tiles::tile),
        ),
        (
            "/difference/{later}/{earlier}/{tms}/{z}/{x}/{file}",
            get(difference_tiles::tile_in_set),
        ),
        // Relief and other rasters of a survey.
        (
            "/hillshade/{file}",
            raster_tiles::tilejson_of(Family::Hillshade),
        ),
        (
            "/hillshade/{survey}/{z}/{x}/{file}",
            raster_tiles::tiles_of(Family::Hillshade),
        ),
        (
            "/hillshade/{survey}/{tms}/{z}/{x}/{file}",
            raster_tiles::tiles_in_sets_of(Family::Hillshade),
        ),
        ("/slope/{file}", raster_tiles::tilejson_of(Family::Slope)),
        (
            "/slope/{survey}/{z}/{x}/{file}",
            raster_tiles::tiles_of(Family::Slope),
        ),
        (
            "/slope/{survey}/{tms}/{z}/{x}/{file}",
            raster_tiles::tiles_in_sets_of(Family::Slope),
        ),
        ("/aspect/{file}", raster_tiles::tilejson_of(Family::Aspect)),
        (
            "/aspect/{survey}/{z}/{x}/{file}",
            raster_tiles::tiles_of(Family::Aspect),
        ),
        (
            "/aspect/{survey}/{tms}/{z}/{x}/{file}",
            raster_tiles::tiles_in_sets_of(Family::Aspect),
        ),
        ("/height/{file}", raster_tiles::tilejson_of(Family::Height)),
        (
            "/height/{survey}/{z}/{x}/{file}",
            raster_tiles::tiles_of(Family::Height),
        ),
        (
            "/height/{survey}/{tms}/{z}/{x}/{file}",
            raster_tiles::tiles_in_sets_of(Family::Height),
        ),
        // Files of surveys, by range.
        ("/surveys/{id}/points.copc.laz", get(downloads::points)),
        (
            "/surveys/{id}/ground.tif",
            downloads::grid(HeightKind::Terrain),
        ),
        (
            "/surveys/{id}/surface.tif",
            downloads::grid(HeightKind::Surface),
        ),
        (
            "/surveys/{id}/distance.tif",
            downloads::grid(HeightKind::Distance),
        ),
        ("/surveys/{id}/height.tif", get(downloads::height)),
        // 3D Tiles of a survey's points, 1.1 and 1.0 (OGC 22-025r4, 18-053r2).
        (
            "/3dtiles/{survey}/tileset.json",
            point_tiles::whole(Part::Tileset),
        ),
        (
            "/3dtiles/{survey}/subtrees/{level}/{x}/{y}/{file}",
            point_tiles::one_of(&[Part::Subtree]),
        ),
        (
            "/3dtiles/{survey}/points/{level}/{x}/{y}/{file}",
            point_tiles::one_of(&[Part::Glb]),
        ),
        (
            "/3dtiles/{survey}/1.0/tileset.json",
            point_tiles::whole(Part::Tileset1x0),
        ),
        (
            "/3dtiles/{survey}/1.0/{level}/{x}/{y}/{file}",
            point_tiles::one_of(&[Part::Below1x0, Part::Pnts]),
        ),
        // The click.
        ("/identify", get(identify::identify)),
        // How the map is drawn, and with what.
        ("/styles", get(styles::styles)),
        ("/styles/{name}/style.json", get(styles::style)),
        ("/sprites/{file}", get(page::sprite)),
        ("/fonts/{stack}/{file}", get(page::glyphs)),
        ("/assets/{*path}", get(page::asset)),
        ("/icon.svg", get(page::icon)),
        // For those who run it.
        ("/healthz", get(operation::healthz)),
        ("/readyz", get(operation::readyz)),
        ("/metrics", get(operation::metrics)),
    ]
}

/// Returns the whole server, without a port.
pub fn router(app: App) -> Router {
    operation::install_metrics();
    let mut router = Router::new();
    for (path, handlers) in routes() {
        router = router.route(path, handlers);
    }
    let router = router
        .fallback(|uri: Uri| async move { Problem::no_such_page(uri.path()) })
        .method_not_allowed_fallback(|method: Method| async move {
            Problem::method_not_allowed(method.as_str())
        });
    layers::around(router, &app).with_state(app)
}
