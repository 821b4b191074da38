//! A view asked a question: what is known about a place.
//!
//! [`identify()`] answers a click from every collection that the view shows, with what
//! declared [`Relations`] lead to. [`heights`], [`profile`] and [`volume`] answer from one
//! survey, or two. It knows nothing of HTTP, or of how bytes lie on disk.

mod distance;
pub mod heights;
mod identify;
pub mod profile;
mod relations;
mod shape;
pub mod volume;

pub use identify::identify;
pub use relations::Relations;
pub use shape::shape_in_twin;

use model::{CollectionId, DataOrigin, Feature, Source, VerticalDatum};

/// A declared tie between two collections.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// Its name in answers.
    pub name: String,
    /// Whose features have related ones.
    pub from: CollectionId,
    /// Whose features are related.
    pub to: CollectionId,
    /// What ties them.
    pub by: RelationBy,
    /// Most related features in an answer.
    pub limit: usize,
}

/// What ties two collections.
#[derive(Debug, Clone, PartialEq)]
pub enum RelationBy {
    /// Equal attribute values.
    Key {
        /// Attribute of the one asked about.
        from: String,
        /// Attribute of the related one.
        to: String,
    },
    /// Lying within this distance, 0 for touching.
    Within {
        /// In metres.
        distance_m: f64,
    },
}

/// A click.
#[derive(Debug, Clone, PartialEq)]
pub struct Click {
    /// In the twin's CRS.
    pub at: [f64; 2],
    /// Features no further than this answer.
    pub radius_m: f64,
    /// Only these collections, and elevation only from the surveys among them, if there
    /// are any; all visible ones if none are given.
    pub collections: Option<Vec<CollectionId>>,
    /// Most features of one collection.
    pub limit: usize,
}

/// Everything known about a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Ground and surface, from the newest visible survey that covers the place.
    pub elevation: Option<Elevation>,
    /// Collections that know something, nearest first.
    pub collections: Vec<CollectionAnswer>,
    /// Parts that failed or were withheld, and why; never silently dropped.
    pub left_out: Vec<LeftOut>,
}

/// Heights at a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Elevation {
    /// Of the ground, in metres.
    pub ground_m: Option<f32>,
    /// Of the highest thing there, in metres.
    pub surface_m: Option<f32>,
    /// What they are counted from.
    pub datum: VerticalDatum,
    /// Name of the geoid grid that made them of heights above the ellipsoid, if one did.
    pub geoid: Option<String>,
    /// Which survey they come from.
    pub survey: CollectionId,
    /// When it was flown, where known.
    pub flown: Option<jiff::civil::Date>,
    /// Whether it was observed or made up.
    pub data_origin: Option<DataOrigin>,
}

/// What one collection knows about a place.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectionAnswer {
    /// Which one.
    pub id: CollectionId,
    /// Its name for people.
    pub title: String,
    /// Who answers for it.
    pub department: Option<String>,
    /// Names of the values of its features.
    pub columns: Vec<String>,
    /// Where it came from, and when.
    pub source: Source,
    /// Nearest first.
    pub hits: Vec<Hit>,
}

/// A feature near the place.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The feature, in the twin's CRS.
    pub feature: Feature,
    /// Distance from the click, 0 inside a polygon.
    pub distance_m: f64,
    /// Related features by relation.
    pub related: Vec<RelatedAnswer>,
}

/// What a relation leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct RelatedAnswer {
    /// Name of the relation.
    pub relation: String,
    /// The collection that it leads to.
    pub collection: CollectionId,
    /// Names of the values of its features.
    pub columns: Vec<String>,
    /// Up to the relation's limit.
    pub features: Vec<Feature>,
    /// How many there are.
    pub matched: u64,
}

/// A part of the answer that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Collection, relation or "elevation".
    pub part: String,
    /// Why, in words that any caller may read.
    pub reason: String,
    /// The error behind it, for logs: it may name files of the server.
    pub detail: Option<String>,
}
