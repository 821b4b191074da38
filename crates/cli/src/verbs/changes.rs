//! `tvilling changes`, `undo` and `forget`: what was done to features, taking it back, and
//! forgetting it.

use anyhow::{Context, bail};
use model::{CollectionId, FeatureId};
use serde_json::{Value, json};
use store::Change;

use crate::arguments::{Changes, Forget, Undo};
use crate::output;

/// Who takes back and forgets, in the log of changes.
const AUTHOR: &str = "tvilling";

pub(crate) fn changes(options: Changes, json: bool) -> anyhow::Result<()> {
    let (twin, _) = super::open(&options.dir)?;
    let changes = twin.changes(options.after, options.limit)?;
    let objects = changes.iter().map(object).collect::<Result<Vec<_>, _>>()?;
    let lines = changes.iter().map(|change| {
        let (number, at, kind) = (change.number, change.at, change.kind.as_str());
        format!("{number}  {at}  {kind}  {}  {}\n", change.who, change.note)
    });
    let text: String = lines.collect();
    output::print(json, &json!({ "changes": objects }), &text);
    Ok(())
}

pub(crate) fn undo(options: Undo, json: bool) -> anyhow::Result<()> {
    let (twin, _) = super::open(&options.dir)?;
    let outcome = twin.undo(options.number, AUTHOR)?;
    let count = outcome.features.len();
    let number = outcome.change.number;
    let object = json!({ "undone": options.number, "change": number, "features": count });
    let text = format!(
        "change {} is taken back: {count} features are what they were before, by change {number}\n",
        options.number
    );
    output::print(json, &object, &text);
    Ok(())
}

pub(crate) fn forget(options: Forget, json: bool) -> anyhow::Result<()> {
    let (twin, _) = super::open(&options.dir)?;
    let id = CollectionId::new(&options.collection)?;
    let feature = match options.feature.map(FeatureId::new) {
        None => None,
        Some(Some(feature)) => Some(feature),
        Some(None) => bail!("--feature is over the largest id, {}", FeatureId::MAX),
    };
    let before = twin.snapshot()?.version();
    let mut change = twin.begin()?.by(AUTHOR);
    change.forget(&id, feature, options.before)?;
    change.commit()?;
    let recorded = twin.changes(before, usize::MAX)?;
    let recorded = recorded
        .last()
        .context("what was forgotten was not recorded")?;
    let note = object(recorded)?["note"].clone();
    let text = format!(
        "{id}: {} versions forgotten; pyramids made before have gone, and copies made before \
         still have them\n",
        note["versions"]
    );
    output::print(json, &note, &text);
    Ok(())
}

fn object(change: &Change) -> anyhow::Result<Value> {
    let note: Value = serde_json::from_str(&change.note)
        .with_context(|| format!("the note of change {} is damaged", change.number))?;
    Ok(json!({
        "number": change.number,
        "at": change.at.to_string(),
        "kind": change.kind.as_str(),
        "who": change.who,
        "note": note,
    }))
}
