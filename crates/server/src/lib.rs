//! The twin over HTTP.
//!
//! Read it in this order: `router` lists every route, `caller` turns a caller into a
//! view, `problem` turns failures into documents, `content` turns bytes into answers.
//! Each family of protocols has its own place: `features`, `edits`, `tiles` (vector), `surveys`
//! (heights, rasters, points), `identify`, `styles`, `page`, `operation`. What happens
//! around every request is in `layers`, the short way to hot tiles in `shortcut`, and
//! connections are in `serve`. Geometry is for other crates.

mod app;
mod cache;
mod caller;
mod catalogue;
mod class;
mod content;
mod edits;
mod features;
mod geojson;
mod identify;
mod layers;
mod links;
mod operation;
mod page;
mod params;
mod problem;
mod router;
mod serve;
mod shortcut;
mod sources;
mod styles;
mod surveys;
mod tiles;
mod valid_time;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use model::CollectionId;

pub use app::{App, Limits, OpenError};
pub use identify::answer_json;
pub use page::has_map_page;
pub use router::router;
pub use serve::serve;
pub use sources::{SourceBoard, SourceStatus};
pub use surveys::place::heights_json;

/// What an operator says in `twin.toml` about how the twin is shown and to whom.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Name of the twin, for people.
    pub name: String,
    /// Departments, in the order in which they are shown.
    pub departments: Vec<Department>,
    /// By collection or survey; what is not here is for staff, under its own title.
    pub collections: BTreeMap<CollectionId, CollectionSettings>,
    /// Ties between collections.
    pub relations: Vec<query::Relation>,
    /// Where the server is reached from outside, without a trailing slash; else
    /// taken from each request.
    pub public_url: Option<String>,
    /// Makes elevations ellipsoidal for clients that draw the Earth, such as Cesium;
    /// without it they get elevations as they are.
    pub geoid: Option<geodesy::Geoid>,
    /// How deliveries went that are run beside the server.
    pub sources: SourceBoard,
    /// In which tiles can be had.
    pub tile_matrix_sets: geodesy::TileMatrixSets,
}

/// Text in the two languages of the page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    /// Swedish.
    pub sv: String,
    /// English.
    pub en: String,
}

/// Who answers for collections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Department {
    /// As `tvilling ingest --department` names it.
    pub id: String,
    /// Name for people.
    pub title: Text,
    /// Its colour on the map, such as `#0072b2`.
    pub colour: Option<String>,
}

/// How one collection is shown, and to whom.
#[derive(Debug, Clone, Default)]
pub struct CollectionSettings {
    /// Whether everybody may see it.
    pub public: bool,
    /// Over the title given at ingest.
    pub title: Option<Text>,
    /// Attributes in the order in which people read them.
    pub attributes: Vec<AttributeSettings>,
    /// Attribute that names a feature for people.
    pub label: Option<String>,
    /// How it is drawn: MapLibre paint by hand is not needed for the common cases.
    pub style: Style,
    /// How its tiles are made.
    pub tiles: tiler::TileRules,
    /// Attributes that say from when to when a feature is true, or the one that says when it
    /// happens; empty if there are none. Without it, attributes of usual names are taken.
    pub time: Option<Vec<String>>,
}

/// How an attribute is shown.
#[derive(Debug, Clone, Default)]
pub struct AttributeSettings {
    /// Name in the collection's schema.
    pub name: String,
    /// Name for people.
    pub title: Text,
    /// Unit, such as `m` or `km/h`.
    pub unit: Option<String>,
}

/// How a collection is drawn.
#[derive(Debug, Clone, Default)]
pub struct Style {
    /// Part of the base map: `land`, `water`, `building`, `road`, `green`.
    pub role: Option<String>,
    /// Over the department's colour.
    pub colour: Option<String>,
    /// Whether it is shown at first; base map parts always are.
    pub shown: bool,
    /// Smallest zoom at which it shows.
    pub min_zoom: Option<u8>,
    /// Attribute with a number that colours the features, and its ends, worst to best.
    pub ramp: Option<Ramp>,
    /// Name of a sprite for points.
    pub icon: Option<String>,
}

/// Colours along a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Ramp {
    /// The attribute.
    pub attribute: String,
    /// The value that is worst.
    pub worst: f64,
    /// The value that is best.
    pub best: f64,
}
