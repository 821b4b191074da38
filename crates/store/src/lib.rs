//! The twin on disk: immutable segments, surveys, a catalog, snapshots and views.
//!
//! ```text
//! catalog                                  what is live, and every change of a feature (see
//!                                          the modules `database`, `catalog` and `log`)
//! catalog-wal, catalog-shm                 SQLite's own, while the twin is open
//! collections/ID/gGENERATION-N.fgb         features with geometry, Hilbert-sorted
//! collections/ID/gGENERATION-N-rows.fgb    features without
//! collections/ID/gGENERATION-N.ids         where each feature lies, by id
//! collections/ID/gGENERATION-N-TMS.pmtiles all tiles in one tile matrix set (see `pyramids`)
//! surveys/ID/gGENERATION-N-points.copc.laz points as COPC (see the module `points`)
//! surveys/ID/gGENERATION-N-terrain.tif     bare ground; -surface.tif the highest returns;
//!                                          -distance.tif how far measured ground is
//! …/gGENERATION-N-report.json              what was repaired or left out at ingest
//! keys                                     who may do what (see [`keys`])
//! lock                                     held by the one writer
//! scratch/                                 what the one writer works in; gone when it ends
//! ```
//!
//! Deliveries stage files in a [`Transaction`] and commit them by replacing the catalog;
//! edits are rows of the log alone until they are folded into new files ([`Twin::edit`]).
//! Readers hold a [`Snapshot`], and read it only through a [`View`], which shows what
//! the caller may see. It knows nothing of formats that it did not choose itself, of
//! coordinate systems but for the code of its own, or of HTTP.

mod backup;
mod catalog;
mod check;
mod collection_view;
mod database;
mod delivery;
mod derived;
mod edits;
mod error;
mod files;
mod forget;
mod heights;
mod history;
pub mod keys;
mod log;
mod open;
mod overlay;
mod points;
mod pyramids;
mod rasters;
mod segment;
mod snapshot;
mod survey_view;
mod transaction;
mod twin;
mod valid;
mod view;

pub use backup::{BackupSummary, backup, restore};
pub use check::{CheckReport, check};
pub use collection_view::{CollectionView, FeaturePlace, Page};
pub use delivery::Differences;
pub use edits::{
    EDITS_MAX, EditError, EditOutcome, EditRequest, EditedFeature, Expected, FeatureEdit,
};
pub use error::Error;
pub use heights::{HeightKind, HeightsWriter, Overviews, RasterFormat, RasterWriter, Samples};
pub use history::{FeatureDifference, FeatureVersion};
pub use log::{Change, ChangeKind, content_hash};
pub use points::{EncodedNode, NodeEncoder, OctreeNode, PointLayout, SurveyWriter};
pub use pyramids::{
    ArchiveFormat, PMTILES, PyramidDescription, PyramidSummary, PyramidTile, PyramidView,
    PyramidWriter, ShownLevel,
};
pub use rasters::AboveGroundTiff;
pub use snapshot::Snapshot;
pub use survey_view::SurveyView;
pub use transaction::{PutMode, Transaction};
pub use twin::Twin;
pub use valid::{Interval, ValidTime};
pub use view::View;
