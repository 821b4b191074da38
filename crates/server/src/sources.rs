//! `/admin/sources`: how the deliveries went that the server runs by itself. For staff.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::app::App;
use crate::caller::Caller;
use crate::content::{Caching, Content};
use crate::params::{Parameters, json_only};
use crate::problem::Problem;

/// How a delivery went, and when it is due.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceStatus {
    /// The collection that it goes to.
    pub collection: String,
    /// Where it comes from, as the operator wrote it.
    pub path: String,
    /// Seconds from one to the next.
    pub every_s: i64,
    /// When it last went well.
    pub last_success: Option<Timestamp>,
    /// When it was last tried.
    pub last_try: Option<Timestamp>,
    /// When it is tried next.
    pub next: Option<Timestamp>,
    /// How often in a row it has failed.
    pub failures: u32,
    /// Why it failed last; none if it did not.
    pub error: Option<String>,
    /// What it brought when it last went well.
    pub report: Option<Value>,
}

/// Where whoever runs deliveries tells how they went. Clones are one board.
#[derive(Debug, Clone, Default)]
pub struct SourceBoard(Arc<Mutex<Vec<SourceStatus>>>);

impl SourceBoard {
    /// Puts these in place of what was told before.
    pub fn put(&self, sources: Vec<SourceStatus>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sources;
    }

    fn all(&self) -> Vec<SourceStatus> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// `GET /admin/sources`.
pub(crate) async fn sources(
    State(app): State<App>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    caller.needs_key()?;
    json_only(parameters)?;
    let all = app.settings().sources.all();
    let objects = all.iter().map(|source| {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        json!({
            "collection": source.collection,
            "path": source.path,
            "every_s": source.every_s,
            "last_success": text(source.last_success),
            "last_try": text(source.last_try),
            "next": text(source.next),
            "failures": source.failures,
            "error": source.error,
            "report": source.report,
        })
    });
    let document = json!({ "sources": objects.collect::<Vec<_>>() });
    caller
        .answer(Content::json(&document), Caching::Never)
        .await
}
