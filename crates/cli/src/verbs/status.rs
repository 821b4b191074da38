//! `tvilling status`: what is in a twin.

use anyhow::Context;
use model::{Access, CollectionId, Source};
use serde_json::{Value, json};
use store::PyramidView;

use crate::arguments::TwinOnly;
use crate::output;
use crate::schedule::{self, Run};

pub(crate) fn run(options: TwinOnly, json: bool) -> anyhow::Result<()> {
    let (twin, configuration) = super::open(&options.dir)?;
    let view = twin.snapshot()?.view(Access::Everything);
    let mut text = format!("{} in {}\n", configuration.settings.name, twin.crs_code());
    let mut add = |kept: Kept, content: &str| {
        let settings = configuration.settings.collections.get(kept.id);
        let access = match settings {
            Some(collection) if collection.public => "public",
            _ => "staff",
        };
        text += &format!(
            "{}: {content}, {access}, {} ({})\n",
            kept.id,
            kept.title,
            kept.source.files.join(", ")
        );
        kept.object(access)
    };
    let mut collections = Vec::new();
    for collection in view.collections() {
        let meta = collection.meta();
        let kept = Kept {
            id: &meta.id,
            title: &meta.title,
            department: meta.department.as_deref(),
            source: &meta.source,
            report: collection.report()?,
        };
        let pyramids: Vec<Pyramid> = collection.pyramids().map(Pyramid).collect();
        let tiled: String = pyramids.iter().map(Pyramid::text).collect();
        let mut object = add(kept, &format!("{} features{tiled}", meta.feature_count))?;
        object["features"] = json!(meta.feature_count);
        object["pyramids"] = pyramids.iter().map(Pyramid::object).collect();
        collections.push(object);
    }
    let mut surveys = Vec::new();
    for survey in view.surveys() {
        let meta = survey.meta();
        let datum = match &meta.vertical {
            model::VerticalDatum::Known { name, .. } => name.as_str(),
            model::VerticalDatum::Unknown => "unknown vertical datum",
        };
        let kept = Kept {
            id: &meta.id,
            title: &meta.title,
            department: meta.department.as_deref(),
            source: &meta.source,
            report: survey.report()?,
        };
        let by_grid = meta
            .geoid
            .as_ref()
            .map_or_else(String::new, |grid| format!(" by {grid}"));
        let mut object = add(
            kept,
            &format!("{} points, {datum}{by_grid}", meta.point_count),
        )?;
        object["points"] = json!(meta.point_count);
        object["vertical"] = json!(datum);
        object["geoid"] = json!(meta.geoid);
        object["flown"] = json!(meta.flown.map(|day| day.to_string()));
        surveys.push(object);
    }
    let mut sources = Vec::new();
    for run in schedule::runs(&options.dir, &configuration.sources) {
        text += &source_text(&run);
        sources.push(serde_json::to_value(run)?);
    }
    let object = json!({
        "name": configuration.settings.name,
        "crs": twin.crs_code(),
        "collections": collections,
        "surveys": surveys,
        "sources": sources,
    });
    output::print(json, &object, &text);
    Ok(())
}

/// How a delivery went that a server runs by itself.
fn source_text(run: &Run) -> String {
    let told = |at: Option<jiff::Timestamp>| at.map_or("never".to_owned(), |at| at.to_string());
    let failed = run.error.as_ref().map_or_else(String::new, |error| {
        format!(", failed {} times since: {error}", run.failures)
    });
    format!(
        "{} from {}: delivered {}, next {}{failed}\n",
        run.collection,
        run.path,
        told(run.last_success),
        run.next.map_or("now".to_owned(), |at| at.to_string())
    )
}

/// A pyramid of a collection.
struct Pyramid(PyramidView);

impl Pyramid {
    fn text(&self) -> String {
        let levels = self.0.levels();
        format!(
            ", {} tiles of {} levels {} to {}",
            self.0.tiles(),
            self.0.tms(),
            levels.start(),
            levels.end()
        )
    }

    fn object(&self) -> Value {
        let levels = self.0.levels();
        json!({
            "tms": self.0.tms(),
            "levels": [levels.start(), levels.end()],
            "tiles": self.0.tiles(),
            "bytes": self.0.byte_len(),
        })
    }
}

/// What collections and surveys have in common; `report` is the text that the twin keeps.
struct Kept<'a> {
    id: &'a CollectionId,
    title: &'a str,
    department: Option<&'a str>,
    source: &'a Source,
    report: &'a str,
}

impl Kept<'_> {
    fn object(&self, access: &str) -> anyhow::Result<Value> {
        let report: Value = serde_json::from_str(self.report)
            .with_context(|| format!("the report that the twin keeps of {} is damaged", self.id))?;
        Ok(json!({
            "id": self.id.as_str(),
            "title": self.title,
            "department": self.department,
            "access": access,
            "files": self.source.files,
            "delivered": self.source.delivered.to_string(),
            "report": report,
        }))
    }
}
