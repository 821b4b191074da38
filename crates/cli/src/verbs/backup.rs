//! `tvilling backup` and `restore`: a copy of a twin, and a twin of a copy.

use anyhow::bail;
use serde_json::json;

use crate::arguments::{Backup, Restore};
use crate::output;

pub(crate) fn backup(options: Backup, json: bool) -> anyhow::Result<()> {
    let (twin, _) = super::open(&options.dir)?;
    let summary = store::backup(&twin, &options.out)?;
    let object = json!({
        "copied": summary.copied,
        "kept": summary.kept,
        "removed": summary.removed,
        "bytes": summary.bytes,
    });
    let text = format!(
        "{} files copied ({} bytes), {} were there, {} removed that are no longer live\n",
        summary.copied, summary.bytes, summary.kept, summary.removed
    );
    output::print(json, &object, &text);
    Ok(())
}

pub(crate) fn restore(options: Restore, json: bool) -> anyhow::Result<()> {
    let report = store::restore(&options.copy, &options.dir)?;
    let object = json!({
        "whole": report.problems.is_empty(),
        "files": report.files,
        "features": report.features,
        "versions": report.versions,
        "problems": report.problems,
    });
    let text = format!(
        "{} files, {} features and points, {} versions of features read\nThe twin is whole.\n",
        report.files, report.features, report.versions
    );
    match report.problems.as_slice() {
        [] => output::print(json, &object, &text),
        problems => bail!("the copy is not whole: {}", problems.join("; ")),
    }
    Ok(())
}
