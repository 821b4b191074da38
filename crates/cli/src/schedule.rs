//! Deliveries that a server runs by itself: `[[source]]` with `every` in `twin.toml`.
//!
//! One thread runs them one after the other, as `tvilling ingest --sync` would. What fails
//! changes nothing, is logged as an error, and is tried again after a minute, then two, then
//! four, up to its own interval. How each went is kept in the twin's folder, so that a server
//! that starts again goes on where it was, and `tvilling status` can tell.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use model::CollectionId;
use serde::{Deserialize, Serialize};
use server::{SourceBoard, SourceStatus};
use store::{PutMode, Twin};

use crate::configuration::{Configuration, Source};
use crate::verbs::ingest::{Delivery, deliver};

/// The file that says how deliveries went.
const FILE_NAME: &str = "sources.json";

/// The first wait after a failure.
const RETRY: SignedDuration = SignedDuration::from_mins(1);

/// Longest sleep between two looks at the clock, which may be set meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Longest file that is read back.
const MAX_BYTES: u64 = 16 << 20;

/// How a delivery went, as the file has it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) collection: String,
    pub(crate) path: String,
    pub(crate) last_success: Option<Timestamp>,
    pub(crate) last_try: Option<Timestamp>,
    pub(crate) next: Option<Timestamp>,
    pub(crate) failures: u32,
    pub(crate) error: Option<String>,
    pub(crate) report: Option<serde_json::Value>,
}

/// How deliveries went so far; none that is not known any more is told of.
pub(crate) fn runs(dir: &Path, sources: &[Source]) -> Vec<Run> {
    let path = dir.join(FILE_NAME);
    let is_short = std::fs::metadata(&path).is_ok_and(|found| found.len() <= MAX_BYTES);
    // A file that is not there or damaged costs no more than a delivery too many.
    let known: Vec<Run> = std::fs::read(&path)
        .ok()
        .filter(|_| is_short)
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let scheduled = sources.iter().filter(|source| source.every.is_some());
    let each = scheduled.map(|source| {
        let path = source.path.display().to_string();
        let is_of = |run: &&Run| run.collection == source.collection && run.path == path;
        known.iter().find(is_of).cloned().unwrap_or_else(|| Run {
            collection: source.collection.clone(),
            path,
            ..Run::default()
        })
    });
    each.collect()
}

/// Runs what is due for as long as the process lives; tells the board how it went.
///
/// # Errors
///
/// The thread cannot be started.
pub(crate) fn start(
    dir: &Path,
    configuration: &Configuration,
    board: SourceBoard,
) -> anyhow::Result<()> {
    let sources: Vec<Source> = configuration
        .sources
        .iter()
        .filter(|source| source.every.is_some())
        .cloned()
        .collect();
    let mut runs = runs(dir, &sources);
    tell(&board, &sources, &runs);
    if sources.is_empty() {
        return Ok(());
    }
    let (dir, geoid) = (dir.to_owned(), configuration.geoid.clone());
    let work = move || {
        loop {
            for (source, run) in sources.iter().zip(&mut runs) {
                if run.next.is_none_or(|next| next <= Timestamp::now()) {
                    attempt(&dir, source, geoid.clone(), run);
                }
            }
            if let Err(error) = keep(&dir, &runs) {
                tracing::warn!(%error, "how deliveries went cannot be kept");
            }
            tell(&board, &sources, &runs);
            std::thread::sleep(LOOK_EVERY);
            while runs
                .iter()
                .all(|run| run.next.is_some_and(|next| next > Timestamp::now()))
            {
                std::thread::sleep(LOOK_EVERY);
            }
        }
    };
    std::thread::Builder::new()
        .name("deliveries".to_owned())
        .spawn(work)?;
    Ok(())
}

/// Runs a delivery, and notes how it went and when it is due again.
fn attempt(dir: &Path, source: &Source, geoid: Option<PathBuf>, run: &mut Run) {
    let began = Timestamp::now();
    run.last_try = Some(began);
    let every = source.every.unwrap_or(RETRY);
    match run_once(dir, source, geoid) {
        Ok(report) => {
            tracing::info!(collection = source.collection, %report, "delivered");
            run.last_success = Some(began);
            run.failures = 0;
            run.error = None;
            run.report = Some(report);
            run.next = began.checked_add(every).ok();
        }
        Err(error) => {
            let error = format!("{error:#}");
            tracing::error!(
                collection = source.collection,
                path = %source.path.display(),
                error,
                "a delivery failed; the collection is as it was"
            );
            run.failures = run.failures.saturating_add(1);
            run.error = Some(error);
            let doublings = (run.failures - 1).min(16);
            let wait = RETRY.saturating_mul(1 << doublings).min(every);
            run.next = Timestamp::now().checked_add(wait).ok();
        }
    }
}

fn run_once(
    dir: &Path,
    source: &Source,
    geoid: Option<PathBuf>,
) -> anyhow::Result<serde_json::Value> {
    let twin = Twin::open(dir)?;
    let scratch = tempfile::tempdir()?;
    let is_address = source.path.to_string_lossy().contains("://");
    let path = if is_address {
        source.path.clone()
    } else {
        dir.join(&source.path)
    };
    let delivery = Delivery {
        sources: ingest::files_of(&path, scratch.path())?,
        collection: CollectionId::new(&source.collection)?,
        layer: source.layer.clone(),
        crs: source.crs.clone(),
        vertical: source.vertical.clone(),
        geoid,
        cell_size_m: None,
        title: source.title.clone(),
        department: source.department.clone(),
        id_property: source.id_property.clone(),
        join: None,
        trust_classification: false,
        mode: PutMode::Sync {
            removed_max_percent: source.max_removed,
        },
    };
    Ok(deliver(&twin, &delivery)?.0)
}

/// Writes how deliveries went, in one step.
fn keep(dir: &Path, runs: &[Run]) -> anyhow::Result<()> {
    let path = dir.join(FILE_NAME);
    let next = dir.join("sources.next");
    let bytes = serde_json::to_vec_pretty(runs)?;
    std::fs::write(&next, bytes).with_context(|| next.display().to_string())?;
    std::fs::rename(&next, &path).with_context(|| path.display().to_string())
}

fn tell(board: &SourceBoard, sources: &[Source], runs: &[Run]) {
    let each = sources.iter().zip(runs).map(|(source, run)| SourceStatus {
        collection: run.collection.clone(),
        path: run.path.clone(),
        every_s: source.every.map_or(0, |every| every.as_secs()),
        last_success: run.last_success,
        last_try: run.last_try,
        next: run.next,
        failures: run.failures,
        error: run.error.clone(),
        report: run.report.clone(),
    });
    board.put(each.collect());
}
