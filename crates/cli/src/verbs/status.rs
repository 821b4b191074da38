//! `tvilling status`: what is in a twin.

use model::Access;
use serde_json::{Value, json};

use crate::arguments::TwinOnly;
use crate::output;

pub(crate) fn run(options: TwinOnly, json: bool) -> anyhow::Result<()> {
    let (twin, configuration) = super::open(&options.dir)?;
    let view = twin.snapshot()?.view(Access::Everything);
    let public = |id: &model::CollectionId| {
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
        collections.push(json!({
            "id": meta.id.as_str(),
            "title": meta.title,
            "department": meta.department,
            "features": meta.feature_count,
            "access": access,
            "files": meta.source.files,
            "delivered": meta.source.delivered.to_string(),
            "report": report(collection.report()?),
        }));
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
        surveys.push(json!({
            "id": meta.id.as_str(),
            "title": meta.title,
            "department": meta.department,
            "points": meta.point_count,
            "vertical": datum,
            "flown": meta.flown.map(|day| day.to_string()),
            "access": access,
            "files": meta.source.files,
            "delivered": meta.source.delivered.to_string(),
            "report": report(survey.report()?),
        }));
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

/// A stored report as an object again.
fn report(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}
