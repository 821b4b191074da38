//! `tvilling check`: is every file whole, and every reference good.

use anyhow::bail;
use serde_json::json;

use crate::arguments::TwinOnly;
use crate::output;

pub(crate) fn run(options: TwinOnly, json: bool) -> anyhow::Result<()> {
    let report = store::check(&options.dir)?;
    let object = json!({
        "whole": report.problems.is_empty(),
        "files": report.files,
        "features": report.features,
        "versions": report.versions,
        "tiles": report.tiles,
        "problems": report.problems,
        "unreferenced": report.unreferenced,
    });
    let mut text = format!(
        "{} files, {} features and points read\n",
        report.files, report.features
    );
    if report.tiles > 0 {
        text += &format!("{} tiles of pyramids inflated\n", report.tiles);
    }
    if report.versions > 0 {
        text += &format!("{} versions of features read\n", report.versions);
    }
    for path in &report.unreferenced {
        text += &format!("{}: nothing refers to it; harmless\n", path.display());
    }
    if report.problems.is_empty() {
        text += "The twin is whole.";
    }
    output::print(json, &object, &text);
    match report.problems.as_slice() {
        [] => Ok(()),
        problems => bail!("the twin is not whole: {}", problems.join("; ")),
    }
}
