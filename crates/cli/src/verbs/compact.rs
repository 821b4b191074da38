//! `tvilling compact`: edits and differences of deliveries become part of new files.

use anyhow::bail;
use model::{Access, CollectionId};
use serde_json::json;

use crate::arguments::Compact;
use crate::output;

pub(crate) fn run(options: Compact, json: bool) -> anyhow::Result<()> {
    let (twin, _) = super::open(&options.dir)?;
    let view = twin.snapshot()?.view(Access::Everything);
    let ids: Vec<CollectionId> = match &options.collection {
        Some(id) => match view.collection(id) {
            Some(collection) => vec![collection.meta().id.clone()],
            None => bail!("there is no collection {id}"),
        },
        None => {
            let all = view.collections();
            all.iter().map(|c| c.meta().id.clone()).collect()
        }
    };
    let mut folded = Vec::new();
    let mut text = String::new();
    for id in ids {
        // One at a time, so that what is held in memory is one collection.
        let mut change = twin.begin()?;
        let features = change.compact(&id)?;
        change.commit()?;
        text += &format!("{id}: {features} changed features folded into its files\n");
        folded.push(json!({ "collection": id.as_str(), "folded": features }));
    }
    output::print(json, &json!({ "collections": folded }), &text);
    Ok(())
}
