//! Links from a survey's page among the collections to all that it offers.

use serde_json::Value;

use crate::links::{Base, link, template};
use crate::surveys::downloads::{COG, COPC};
use crate::surveys::drawing::Family;

const JSON: &str = "application/json";

/// Everything that is served of a survey. Templates are filled in as RFC 6570 says.
pub(crate) fn offers(base: &Base, id: &str) -> Vec<Value> {
    let url = |path: &str| base.url(&path.replace("SURVEY", id));
    let mut links = Vec::new();
    for (path, title) in [
        (
            "/terrain/SURVEY/height{?lon,lat,coords,crs,radius}",
            "Ground and surface at a place",
        ),
        (
            "/terrain/SURVEY/profile{?coords,crs,step,corridor,lang,f}",
            "Ground, surface and points along a line",
        ),
        (
            "/terrain/SURVEY/volume{?polygon,crs,base,against,heights}",
            "Cut and fill in a polygon",
        ),
        (
            "/difference/SURVEY/{earlier}.json{?heights}",
            "TileJSON of what rose and fell since an earlier survey",
        ),
    ] {
        links.push(template("related", JSON, url(path), title));
    }
    for family in Family::ALL {
        let tilejson = url(&format!("/{}/SURVEY.json", family.name()));
        links.push(link("tilejson", JSON, tilejson, family.title()));
    }
    let maps = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-map";
    let tilesets = url("/collections/SURVEY/map/tiles");
    links.push(link(maps, JSON, tilesets, "Shaded relief"));
    for (path, title) in [
        ("/terrain/SURVEY/layer.json", "Terrain as quantized mesh"),
        ("/3dtiles/SURVEY/tileset.json", "Points as 3D Tiles 1.1"),
        ("/3dtiles/SURVEY/1.0/tileset.json", "Points as 3D Tiles 1.0"),
    ] {
        links.push(link("alternate", JSON, url(path), title));
    }
    for (file, media_type, title) in [
        ("points.copc.laz", COPC, "Points as COPC"),
        ("ground.tif", COG, "Ground as Cloud-Optimised GeoTIFF"),
        (
            "surface.tif",
            COG,
            "Highest returns as Cloud-Optimised GeoTIFF",
        ),
        (
            "distance.tif",
            COG,
            "Distance from measured ground as Cloud-Optimised GeoTIFF",
        ),
        (
            "height.tif",
            COG,
            "Heights above ground as Cloud-Optimised GeoTIFF",
        ),
    ] {
        let file = url(&format!("/surveys/SURVEY/{file}"));
        links.push(link("enclosure", media_type, file, title));
    }
    links
}
