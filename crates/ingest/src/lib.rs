//! Survey files and department layers to batches of the model, with a report of
//! what was repaired or left out, and why.
//!
//! It knows nothing of the store.

mod error;
mod guard;
mod kind;
mod layer;
mod report;
mod source;
mod survey;
mod threads;

pub use error::Error;
pub use kind::{SourceKind, source_kind};
pub use layer::{GeoParquetWriter, Layer, LayerOptions, Partners, read_layer, read_layers};
pub use report::{Finding, Outcome, Report};
pub use source::files_of;
pub use survey::{
    Block, DEFAULT_MEMORY_BYTES, OctreeSummary, SurveyBlocks, SurveyHeader, SurveyOptions,
    SurveyReader, SurveySummary, VerticalSource,
};
pub use threads::limit_threads;
