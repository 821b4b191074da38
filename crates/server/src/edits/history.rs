//! What features were: versions of one, differences of two moments, changes of the twin.

use axum::extract::State;
use axum::response::Response;
use geodesy::Transform;
use model::{Feature, FeatureId};
use serde_json::{Value as Json, json};
use store::{Change, CollectionView, FeatureVersion};

use super::{put_change, run};
use crate::app::App;
use crate::caller::Caller;
use crate::content::{Caching, Content};
use crate::features::collection_of;
use crate::geojson::{write_json, write_members};
use crate::links::link;
use crate::params::Parameters;
use crate::problem::{Path, Problem};

/// Changes on a page if the caller does not say.
const DEFAULT_LIMIT: usize = 100;

/// Most changes on a page.
const MAX_LIMIT: usize = 1000;

/// `GET /collections/ID/items/FID/history`: versions of a feature, oldest first.
pub(crate) async fn history(
    State(app): State<App>,
    caller: Caller,
    Path((id, fid)): Path<(String, String)>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let collection = collection_of(&caller, &id)?;
    parameters.only(&["asof", "f"])?.format(&["json"])?;
    let to_lonlat = app.lonlat_from_twin().clone();
    let (base, knows_names) = (caller.base.clone(), caller.is_staff());
    let content = app
        .compute(move || {
            let fid = FeatureId::from_key(&fid);
            let versions = collection.history(fid)?;
            if versions.is_empty() {
                let remedy = format!("/collections/{id}/items lists those there are.");
                return Err(Problem::not_found("feature", &fid.to_string(), &remedy));
            }
            let own = format!("/collections/{id}/items/{fid}");
            let links = [
                link(
                    "self",
                    "application/json",
                    base.url(&format!("{own}/history")),
                    "These versions",
                ),
                link(
                    "latest-version",
                    "application/geo+json",
                    base.url(&own),
                    "The feature as it is",
                ),
            ];
            let mut out = Vec::with_capacity(1024);
            out.extend_from_slice(b"{\"collection\":");
            write_json(&mut out, &id);
            out.extend_from_slice(b",\"id\":");
            write_json(&mut out, &fid.get());
            out.extend_from_slice(b",\"links\":");
            write_json(&mut out, &links);
            out.extend_from_slice(b",\"versions\":[");
            for (number, version) in versions.iter().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                write_version(&mut out, &collection, version, knows_names, &to_lonlat)?;
            }
            out.extend_from_slice(b"]}");
            Ok(Content::new("application/json", out))
        })
        .await?;
    caller.answer(content, Caching::Revalidate).await
}

fn write_version(
    out: &mut Vec<u8>,
    collection: &CollectionView,
    version: &FeatureVersion,
    knows_names: bool,
    to_lonlat: &Transform,
) -> Result<(), Problem> {
    let change = version.change.as_ref();
    out.extend_from_slice(b"{\"since\":");
    write_json(out, &change.map(|change| change.at.to_string()));
    out.extend_from_slice(b",\"until\":");
    write_json(out, &version.until.map(|until| until.to_string()));
    out.extend_from_slice(b",\"change\":");
    let told = match change {
        Some(change) => object(change, knows_names)?,
        None => json!({ "number": version.since }),
    };
    write_json(out, &told);
    out.extend_from_slice(b",\"feature\":");
    match &version.feature {
        Some(feature) => write_feature(out, collection, feature, to_lonlat)?,
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
    Ok(())
}

fn write_feature(
    out: &mut Vec<u8>,
    collection: &CollectionView,
    feature: &Feature,
    to_lonlat: &Transform,
) -> Result<(), Problem> {
    let columns = &collection.meta().schema.columns;
    let names = columns.iter().map(|column| column.name.as_str());
    out.push(b'{');
    write_members(out, feature, names, to_lonlat, true)?;
    out.push(b'}');
    Ok(())
}

/// `GET /collections/ID/changes?from=&to=`: features that are not the same at two moments,
/// as they are at the second, or were at the first if they are gone.
pub(crate) async fn changes_of_collection(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    const INSTANT: &str = crate::params::INSTANT;
    let collection = collection_of(&caller, &id)?;
    let parameters = parameters.only(&["from", "to", "f"])?;
    parameters.format(&["json", "geojson"])?;
    let from = parameters.instant("from")?;
    let from = from.ok_or_else(|| Problem::missing_parameter("from", INSTANT))?;
    let to = parameters.instant("to")?.unwrap_or(jiff::Timestamp::MAX);
    let to_lonlat = app.lonlat_from_twin().clone();
    let content = app
        .compute(move || {
            let differences = collection.differences(from, to)?;
            let mut out = Vec::with_capacity(1024);
            out.extend_from_slice(b"{\"type\":\"FeatureCollection\",\"numberMatched\":");
            write_json(&mut out, &differences.len());
            out.extend_from_slice(b",\"numberReturned\":");
            write_json(&mut out, &differences.len());
            out.extend_from_slice(b",\"features\":[");
            for (number, difference) in differences.iter().enumerate() {
                let (what, feature) = match (&difference.before, &difference.after) {
                    (None, Some(after)) => ("added", after),
                    (Some(_), Some(after)) => ("changed", after),
                    (Some(before), None) => ("removed", before),
                    (None, None) => continue,
                };
                if number > 0 {
                    out.push(b',');
                }
                let columns = &collection.meta().schema.columns;
                let names = columns.iter().map(|column| column.name.as_str());
                out.push(b'{');
                write_members(&mut out, feature, names, &to_lonlat, true)?;
                out.extend_from_slice(b",\"change\":");
                write_json(&mut out, what);
                out.push(b'}');
            }
            out.extend_from_slice(b"]}");
            Ok(Content::new("application/geo+json", out))
        })
        .await?;
    caller.answer(content, Caching::Revalidate).await
}

/// `GET /changes?after=&limit=`: who changed features, when and how. For staff.
pub(crate) async fn changes_of_twin(
    State(app): State<App>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    caller.needs_key()?;
    let parameters = parameters.only(&["after", "limit", "f"])?;
    parameters.format(&["json"])?;
    let after = parameters.parsed("after", "a number of a change")?;
    let limit = parameters.parsed("limit", "a whole number from 1 to 1000")?;
    let limit: usize = limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let content = app
        .clone()
        .compute(move || {
            let changes = app.twin().changes(after.unwrap_or(0), limit)?;
            let objects: Result<Vec<_>, _> = changes.iter().map(|c| object(c, true)).collect();
            Ok(Content::json(&json!({ "changes": objects? })))
        })
        .await?;
    caller.answer(content, Caching::Never).await
}

/// `POST /changes/NUMBER/undo`: takes a change back, as a change of its own.
pub(crate) async fn undo(
    State(app): State<App>,
    caller: Caller,
    Path(number): Path<String>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let author = caller.author()?;
    parameters.only(&[])?;
    let number: u64 = number
        .parse()
        .map_err(|_| Problem::not_found("change", &number, "/changes lists those there are."))?;
    let outcome = run(&app, move |app| Ok(app.undo(number, &author.name)?)).await?;
    let document = json!({
        "undone": number,
        "change": outcome.change.number,
        "features": outcome.features.len(),
    });
    let mut response = caller
        .answer_anew(Content::json(&document), Caching::Never)
        .await?;
    put_change(&mut response, &outcome);
    Ok(response)
}

/// A change as JSON. Who made it is for staff.
pub(super) fn object(change: &Change, knows_names: bool) -> Result<Json, Problem> {
    let note: Json = serde_json::from_str(&change.note).map_err(|e| Problem::internal(&e))?;
    let mut object = json!({
        "number": change.number,
        "at": change.at.to_string(),
        "kind": change.kind.as_str(),
    });
    if knows_names {
        object["who"] = json!(change.who);
        object["note"] = note;
    }
    Ok(object)
}
