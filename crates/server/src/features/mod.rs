//! OGC API – Common and Features: what there is, and its features as GeoJSON.

pub(crate) mod api;
mod collections;
mod items;

pub(crate) use api::{api, conformance};
pub(crate) use collections::{CRS84, collection, collections, crs_uri, schema};
pub(crate) use items::{collection_of, item, item_content, items, map_order};
