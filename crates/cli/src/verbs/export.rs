//! `tvilling export`: a survey of a twin to a file.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use model::Access;
use serde_json::json;

use crate::arguments::Export;
use crate::output;

/// How the name of a file of points ends.
const POINTS_SUFFIX: &str = ".copc.laz";

pub(crate) fn run(options: Export, json: bool) -> anyhow::Result<()> {
    let out = options.out.as_path();
    let name = out.file_name().map(|name| name.to_string_lossy());
    let name = name.unwrap_or_default();
    if !name.to_ascii_lowercase().ends_with(POINTS_SUFFIX) {
        bail!(
            "{}: only points of surveys can be exported so far: give the file a name that ends in {POINTS_SUFFIX}",
            out.display()
        );
    }
    let (twin, _) = super::open(&options.dir)?;
    let view = twin.snapshot()?.view(Access::Everything);
    let id = options.collection.as_str();
    let Some(survey) = view.survey(id) else {
        if view.collection(id).is_some() {
            bail!(
                "{id} is a collection of features, and only points of surveys can be exported so far"
            );
        }
        bail!(
            "{}: there is no survey {id}: `tvilling status` lists those there are",
            options.dir.display()
        );
    };
    if !options.force && out.exists() {
        bail!(
            "{} exists: name another file, or overwrite it with --force",
            out.display()
        );
    }
    // Beside it, so that it takes its place in one step.
    let next = out.with_file_name(format!(".{name}.{}.next", std::process::id()));
    let written = survey
        .copy_points(&next)
        .map_err(anyhow::Error::from)
        .and_then(|bytes| put_in_place(&next, out).map(|()| bytes));
    let bytes = match written {
        Ok(bytes) => bytes,
        Err(error) => {
            // What is left of it is of no use; that it cannot be removed says nothing new.
            let _ = fs::remove_file(&next);
            return Err(error);
        }
    };
    let points = survey.meta().point_count;
    let object = json!({
        "collection": id,
        "file": out,
        "points": points,
        "bytes": bytes,
    });
    let text = format!("{id}: {points} points in {}", out.display());
    output::print(json, &object, &text);
    Ok(())
}

fn put_in_place(next: &Path, out: &Path) -> anyhow::Result<()> {
    fs::rename(next, out).with_context(|| out.display().to_string())
}
