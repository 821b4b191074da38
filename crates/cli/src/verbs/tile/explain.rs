//! `tvilling tile --explain Z/X/Y`: why a tile of a pyramid shows what it shows.

use anyhow::ensure;
use model::{FeatureId, TileCoord};
use serde_json::{Value, json};
use store::Twin;
use tiler::generalise::{Fate, Reason};
use tiler::{Explained, Explanation, PyramidLayer, VectorOptions};

use super::Work;
use crate::output;

/// Features that are named in text; --json names all.
const NAMED_MAX: usize = 20;

pub(super) fn run(work: &Work, twin: &Twin, tile: TileCoord, json: bool) -> anyhow::Result<()> {
    let collections = work.chosen(twin)?;
    let mut layers = Vec::new();
    for collection in collections {
        // Each collection has a pyramid of its own, with levels of its own: those of the one
        // that is live, unless others are asked for.
        let of = std::slice::from_ref(&collection);
        let is_asked = work.options.min_zoom.or(work.options.max_zoom).is_some();
        let live = collection.pyramid(&work.tms.id).filter(|_| !is_asked);
        let levels = match live {
            Some(pyramid) => pyramid.levels(),
            None => work.levels(of)?,
        };
        layers.push((levels, work.layers(of)));
    }
    let deepest = layers.iter().map(|(levels, _)| *levels.end()).max();
    ensure!(
        deepest.is_some_and(|deepest| tile.z() <= deepest),
        "{} {tile}: the pyramids end at level {}; deeper tiles show features as they were delivered",
        work.tms.id,
        deepest.unwrap_or(0)
    );
    let scratch = tempfile::tempdir()?;
    let mut objects = Vec::new();
    let mut text = String::new();
    for (levels, layer) in &layers {
        if !levels.contains(&tile.z()) {
            continue;
        }
        let made = tiler::explain(
            layer,
            work.tms,
            levels,
            tile,
            &VectorOptions::default(),
            scratch.path(),
        )?;
        match &made.collections[..] {
            [explanation] => {
                objects.push(object(explanation, &made));
                text += &lines(explanation, &made);
            }
            _ => text += &hidden(layer),
        }
    }
    let object = json!({ "tms": work.tms.id, "tile": tile.to_string(), "collections": objects });
    output::print(json, &object, &format!("{} {tile}\n{text}", work.tms.id));
    Ok(())
}

fn hidden(layers: &[PyramidLayer]) -> String {
    let ids = layers
        .iter()
        .map(|layer| layer.collection.meta().id.as_str());
    let ids: Vec<&str> = ids.collect();
    format!("{}: hidden by min_zoom\n", ids.join(", "))
}

/// What a fate is called in JSON, and why.
fn words(fate: Fate) -> (&'static str, Option<&'static str>, Option<FeatureId>) {
    match fate {
        Fate::Kept => ("kept", None, None),
        Fate::Merged(into) => ("merged", None, Some(into)),
        Fate::Dropped(reason) => ("dropped", Some(reason.words()), None),
    }
}

fn object(explanation: &Explanation, made: &Explained) -> Value {
    let fates = explanation.fates.iter().map(|&(id, fate)| {
        let (what, why, into) = words(fate);
        let mut object = json!({ "id": id.get(), "fate": what });
        if let Some(why) = why {
            object["why"] = json!(why);
        }
        if let Some(into) = into {
            object["into"] = json!(into.get());
        }
        object
    });
    let level = explanation.level.as_ref().map(|level| {
        json!({
            "class": level.class,
            "rank": level.rank,
            "coverage": level.coverage,
            "pixel": level.pixel,
        })
    });
    json!({
        "collection": explanation.collection.as_str(),
        "zoom": explanation.zoom,
        "generalised": level,
        "touching": explanation.touching,
        "kept": explanation.counts.kept,
        "merged": explanation.counts.merged,
        "dropped": explanation.counts.dropped.values().sum::<usize>(),
        "features": fates.collect::<Vec<_>>(),
        "bytes": made.tile.bytes.len(),
        "byte_limit": made.byte_limit,
        "sacrifices": made.tile.sacrifices,
    })
}

fn lines(explanation: &Explanation, made: &Explained) -> String {
    let id = &explanation.collection;
    let mut text = format!(
        "{id}: {} bytes before compression, of {} at most; {} features touch the tile",
        made.tile.bytes.len(),
        made.byte_limit,
        explanation.touching
    );
    match &explanation.level {
        None => text += ", each drawn as it was delivered\n",
        Some(level) => {
            let counts = &explanation.counts;
            let dropped: usize = counts.dropped.values().sum();
            text += &format!(
                ": {} shown by themselves, {} as part of others, {dropped} left out\n",
                counts.kept, counts.merged
            );
            let mut rules = vec![format!("a pixel is {:.1} wide", level.pixel)];
            rules.push(match level.class.is_empty() {
                true => "no classes".to_owned(),
                false => format!("classes by {}", level.class.join(", ")),
            });
            rules.push(match &level.rank {
                Some(rank) => format!("ranked by {rank}"),
                None => "ranked by chance".to_owned(),
            });
            if level.coverage {
                rules.push("polygons lie side by side".to_owned());
            }
            text += &format!("  {}\n", rules.join("; "));
            let why =
                |(reason, count): (&Reason, &usize)| format!("  {count}: {}\n", reason.words());
            text.extend(counts.dropped.iter().map(why));
            let told = explanation.fates.iter().take(NAMED_MAX);
            text.extend(told.map(|&(id, fate)| match words(fate) {
                (_, Some(why), _) => format!("  feature {id} {why}\n"),
                (_, _, Some(into)) => format!("  feature {id} is part of feature {into}\n"),
                _ => format!("  feature {id} is shown\n"),
            }));
            let more = explanation.fates.len().saturating_sub(NAMED_MAX);
            if more > 0 {
                text += &format!("  and {more} more, which --json lists\n");
            }
        }
    }
    for sacrifice in &made.tile.sacrifices {
        text += &format!("  to stay small: {sacrifice}\n");
    }
    text
}
