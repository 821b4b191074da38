//! `tvilling status`: what is in a twin.

use anyhow::Context;
use model::{Access, CollectionId, Source};
use serde_json::{Value, json};

use crate::arguments::TwinOnly;
use crate::output;

pub(crate) fn run(options: TwinOnly, json: bool) -> anyhow::Result<()> {
    let (twin, configuration) = super::open(&options.dir)?;
    let view = twin.snapshot()?.view(Access::Everything);
    let public = |id: &CollectionId| {
        configuration
            .settings
            .collections
            .get(id)
            .is_some_and(|collection| collection.public)
    };
    let mut text = format!("{} in {}\n", configuration.settings.name, twin.crs_code());
    let mut collections = Vec::new();
    for collection in view.collections() {
        let meta = collection.meta();
        let access = if public(&meta.id) { "public" } else { "staff" };
        text += &format!(
            "{}: {} features, {access}, {} ({})\n",
            meta.id,
            meta.feature_count,
            meta.title,
            meta.source.files.join(", ")
        );
        let mut object = common(
            &meta.id,
            &meta.title,
            meta.department.as_deref(),
            &meta.source,
            access,
            collection.report()?,
        )?;
        object["features"] = json!(meta.feature_count);
        collections.push(object);
    }
    let mut surveys = Vec::new();
    for survey in view.surveys() {
        let meta = survey.meta();
        let access = if public(&meta.id) { "public" } else { "staff" };
        let datum = match &meta.vertical {
            model::VerticalDatum::Known { name, .. } => name.as_str(),
            model::VerticalDatum::Unknown => "unknown vertical datum",
        };
        text += &format!(
            "{}: {} points, {datum}, {access}, {} ({})\n",
            meta.id,
            meta.point_count,
            meta.title,
            meta.source.files.join(", ")
        );
        let mut object = common(
            &meta.id,
            &meta.title,
            meta.department.as_deref(),
            &meta.source,
            access,
            survey.report()?,
        )?;
        object["points"] = json!(meta.point_count);
        object["vertical"] = json!(datum);
        object["flown"] = json!(meta.flown.map(|day| day.to_string()));
        surveys.push(object);
    }
    let object = json!({
        "name": configuration.settings.name,
        "crs": twin.crs_code(),
        "collections": collections,
        "surveys": surveys,
    });
    output::print(json, &object, &text);
    Ok(())
}

/// What collections and surveys have in common; `report` is the text that the twin keeps.
fn common(
    id: &CollectionId,
    title: &str,
    department: Option<&str>,
    source: &Source,
    access: &str,
    report: &str,
) -> anyhow::Result<Value> {
    let report: Value = serde_json::from_str(report)
        .with_context(|| format!("the report that the twin keeps of {id} is damaged"))?;
    Ok(json!({
        "id": id.as_str(),
        "title": title,
        "department": department,
        "access": access,
        "files": source.files,
        "delivered": source.delivered.to_string(),
        "report": report,
    }))
}
