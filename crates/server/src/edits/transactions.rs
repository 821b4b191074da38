//! `POST /transactions`: edits of many features in many collections, wholly or not at all.

use std::collections::HashMap;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::{CollectionId, Feature, FeatureId};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use store::{ChangeKind, EditOutcome, EditRequest, Expected, FeatureEdit, content_hash};

use super::{Frame, edit_of, json_of, put_change, run, there};
use crate::app::App;
use crate::caller::{Author, Caller};
use crate::content::{Caching, Content, tags_of};
use crate::edits::incoming::Sent;
use crate::features::collection_of;
use crate::params::Parameters;
use crate::problem::Problem;

/// The body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sheet {
    /// In this order.
    edits: Vec<Edit>,
    /// Why, for those who read the history.
    #[serde(default)]
    note: Option<String>,
}

/// One edit.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
enum Edit {
    Create {
        collection: String,
        feature: Json,
    },
    Replace {
        collection: String,
        id: Json,
        feature: Json,
        #[serde(default)]
        if_match: Option<String>,
    },
    Update {
        collection: String,
        id: Json,
        feature: Json,
        #[serde(default)]
        if_match: Option<String>,
    },
    Delete {
        collection: String,
        id: Json,
        #[serde(default)]
        if_match: Option<String>,
    },
}

/// `POST /transactions`.
pub(crate) async fn transactions(
    State(app): State<App>,
    caller: Caller,
    parameters: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let author = caller.author()?;
    parameters.only(&[])?;
    let json = json_of(body, &["application/json"], &headers).await?;
    let frame = Frame::of(&app, &headers)?;
    let sheet: Sheet = serde_json::from_value(json)
        .map_err(|error| Problem::unprocessable(vec![format!("The body: {error}.")]))?;
    let caller_for_work = caller.clone();
    let outcome = run(&app, move |app| {
        apply(app, &caller_for_work, sheet, &frame, &author)
    })
    .await?;
    let features = outcome.features.iter().map(|edited| {
        json!({
            "collection": edited.collection.as_str(),
            "id": edited.id.get(),
            "gone": edited.after.is_none(),
        })
    });
    let document = json!({
        "change": outcome.change.number,
        "at": outcome.change.at.to_string(),
        "features": features.collect::<Vec<_>>(),
    });
    let content = Content::json(&document);
    let mut response = caller.answer_anew(content, Caching::Never).await?;
    *response.status_mut() = StatusCode::OK;
    put_change(&mut response, &outcome);
    Ok(response)
}

fn apply(
    app: &App,
    caller: &Caller,
    sheet: Sheet,
    frame: &Frame,
    author: &Author,
) -> Result<EditOutcome, Problem> {
    let mut edits: Vec<FeatureEdit> = Vec::with_capacity(sheet.edits.len());
    // What edits before in the sheet have made of features.
    let mut made: HashMap<(CollectionId, FeatureId), Option<Feature>> = HashMap::new();
    for (number, edit) in sheet.edits.into_iter().enumerate() {
        let in_words = |reasons: Vec<String>| {
            let named = reasons
                .into_iter()
                .map(|r| format!("Edit {}: {r}", number + 1));
            Problem::unprocessable(named.collect())
        };
        let read = |json: Json| Sent::read(json, frame).map_err(in_words);
        let (name, id, sent, if_match, is_patch) = match edit {
            Edit::Create {
                collection,
                feature,
            } => {
                let view = collection_of(caller, &collection)?;
                let sent = read(feature)?;
                let id = match sent.id {
                    Some(id) => id,
                    None => app.twin().random_id()?,
                };
                let feature = sent.whole(id, &view.meta().schema).map_err(in_words)?;
                made.insert((view.meta().id.clone(), id), Some(feature.clone()));
                edits.push(edit_of(&view, id, Some(feature), Expected::Absent));
                continue;
            }
            Edit::Replace {
                collection,
                id,
                feature,
                if_match,
            } => (collection, id, Some(read(feature)?), if_match, false),
            Edit::Update {
                collection,
                id,
                feature,
                if_match,
            } => (collection, id, Some(read(feature)?), if_match, true),
            Edit::Delete {
                collection,
                id,
                if_match,
            } => (collection, id, None, if_match, false),
        };
        let view = collection_of(caller, &name)?;
        let schema = &view.meta().schema;
        let id = id_of(&id).ok_or_else(|| {
            in_words(vec![format!(
                "Its id {id} is neither text nor a whole number."
            )])
        })?;
        let place = (view.meta().id.clone(), id);
        let before = match made.get(&place) {
            Some(Some(known)) => known.clone(),
            Some(None) => return Err(in_words(vec![format!("Feature {id} is gone by then.")])),
            None => there(&view, id)?,
        };
        let hash = content_hash(&before, schema);
        let expected = match if_match.as_deref() {
            None if is_patch => Expected::Content(hash),
            None | Some("*") => Expected::Present,
            Some(tags) if tags_of(tags).any(|tag| tag == u128::from(hash)) => {
                Expected::Content(hash)
            }
            Some(_) => return Err(Problem::changed_meanwhile()),
        };
        let feature = match sent {
            None => None,
            Some(sent) if is_patch => Some(sent.over(before, schema).map_err(in_words)?),
            Some(sent) => Some(sent.whole(id, schema).map_err(in_words)?),
        };
        made.insert(place, feature.clone());
        edits.push(edit_of(&view, id, feature, expected));
    }
    if edits.is_empty() {
        let what = "There are no edits in it.".to_owned();
        return Err(Problem::unprocessable(vec![what]));
    }
    let note = match sheet.note {
        Some(note) => json!({ "note": note }),
        None => json!({}),
    };
    Ok(app.edit(EditRequest {
        edits,
        who: author.name.clone(),
        kind: ChangeKind::Edit,
        note: note.to_string(),
    })?)
}

fn id_of(json: &Json) -> Option<FeatureId> {
    match json {
        Json::String(key) => Some(FeatureId::from_key(key)),
        Json::Number(number) => number.as_u64().and_then(FeatureId::new),
        _ => None,
    }
}
