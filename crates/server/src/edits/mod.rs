//! Edits of features: OGC API – Features Part 4 (20-002), transactions over collections,
//! history, and taking changes back.
//!
//! An edit needs a key whose role is editor or admin. It is durable when it is acknowledged,
//! and every later answer has it. Who has read a feature sends its ETag as `If-Match`; a
//! feature that somebody else has changed meanwhile is then left alone (412).

mod events;
mod history;
mod incoming;
mod transactions;

pub(crate) use events::{Announcer, events, watch};
pub(crate) use history::{changes_of_collection, changes_of_twin, history, undo};
pub(crate) use transactions::transactions;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use geodesy::{Crs, Transform};
use model::{Feature, FeatureId};
use serde_json::Value as Json;
use store::{
    ChangeKind, CollectionView, EditError, EditOutcome, EditRequest, Expected, FeatureEdit,
    content_hash,
};

use crate::app::App;
use crate::caller::{Author, Caller};
use crate::content::{Caching, tags_of};
use crate::edits::incoming::Sent;
use crate::features::{collection_of, item_content, map_order};
use crate::params::Parameters;
use crate::problem::{Path, Problem};

/// Largest body of an edit: a polygon of a hundred thousand corners, or ten thousand
/// ordinary features.
pub(crate) const MAX_BODY: usize = 8 << 20;

/// How often a patch is tried again because somebody else has changed the feature.
const PATCH_TRIES_MAX: usize = 10;

/// The number of the change that an edit was.
const CHANGE: HeaderName = HeaderName::from_static("tvilling-change");

/// The CRS of a body (OGC 20-002, 9.1).
const CONTENT_CRS: HeaderName = HeaderName::from_static("content-crs");

/// `POST /collections/ID/items`: creates a feature.
///
/// It gets the id that it has, as a number or as the department's key, or one of ours.
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let collection = collection_of(&caller, &id)?;
    let author = caller.author()?;
    parameters.only(&[])?;
    let json = json_of(
        body,
        &["application/geo+json", "application/json"],
        &headers,
    )
    .await?;
    let frame = Frame::of(&app, &headers)?;
    let (outcome, fid) = run(&app, move |app| {
        let sent = Sent::read(json, &frame).map_err(Problem::unprocessable)?;
        let fid = match sent.id {
            Some(id) => id,
            None => app.twin().random_id()?,
        };
        let feature = sent
            .whole(fid, &collection.meta().schema)
            .map_err(Problem::unprocessable)?;
        let edit = edit_of(&collection, fid, Some(feature), Expected::Absent);
        Ok((commit(app, vec![edit], &author, ChangeKind::Edit)?, fid))
    })
    .await?;
    let location = caller.base.url(&format!("/collections/{id}/items/{fid}"));
    let mut response = answer_edited(&app, &caller, &outcome).await?;
    *response.status_mut() = StatusCode::CREATED;
    let location = HeaderValue::try_from(location).map_err(|e| Problem::internal(&e))?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// `PUT /collections/ID/items/FID`: puts a feature in place of the one that there is.
pub(crate) async fn replace(
    State(app): State<App>,
    caller: Caller,
    Path((id, fid)): Path<(String, String)>,
    parameters: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let collection = collection_of(&caller, &id)?;
    let author = caller.author()?;
    parameters.only(&[])?;
    let json = json_of(
        body,
        &["application/geo+json", "application/json"],
        &headers,
    )
    .await?;
    let frame = Frame::of(&app, &headers)?;
    let fid = FeatureId::from_key(&fid);
    let outcome = run(&app, move |app| {
        let expected = expected(&collection, fid, &headers)?;
        let sent = Sent::read(json, &frame).map_err(Problem::unprocessable)?;
        let feature = sent
            .whole(fid, &collection.meta().schema)
            .map_err(Problem::unprocessable)?;
        let edit = edit_of(&collection, fid, Some(feature), expected);
        commit(app, vec![edit], &author, ChangeKind::Edit)
    })
    .await?;
    answer_edited(&app, &caller, &outcome).await
}

/// `PATCH /collections/ID/items/FID`: changes what is said of a feature (RFC 7396).
pub(crate) async fn update(
    State(app): State<App>,
    caller: Caller,
    Path((id, fid)): Path<(String, String)>,
    parameters: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    const TYPES: [&str; 3] = [
        "application/merge-patch+json",
        "application/geo+json",
        "application/json",
    ];
    let collection = collection_of(&caller, &id)?;
    let author = caller.author()?;
    parameters.only(&[])?;
    let json = json_of(body, &TYPES, &headers).await?;
    let frame = Frame::of(&app, &headers)?;
    let fid = FeatureId::from_key(&fid);
    let outcome = run(&app, move |app| {
        patch(app, collection, fid, &json, &frame, &headers, &author)
    })
    .await?;
    answer_edited(&app, &caller, &outcome).await
}

/// `DELETE /collections/ID/items/FID`.
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path((id, fid)): Path<(String, String)>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let collection = collection_of(&caller, &id)?;
    let author = caller.author()?;
    parameters.only(&[])?;
    let fid = FeatureId::from_key(&fid);
    let outcome = run(&app, move |app| {
        let expected = expected(&collection, fid, &headers)?;
        let edit = edit_of(&collection, fid, None, expected);
        commit(app, vec![edit], &author, ChangeKind::Edit)
    })
    .await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    put_change(&mut response, &outcome);
    Ok(response)
}

/// Reads, changes and writes a feature, again if somebody else did in between and the
/// caller did not say which state it shall be.
fn patch(
    app: &App,
    mut collection: CollectionView,
    fid: FeatureId,
    json: &Json,
    frame: &Frame,
    headers: &HeaderMap,
    author: &Author,
) -> Result<EditOutcome, Problem> {
    for _ in 0..PATCH_TRIES_MAX {
        let schema = &collection.meta().schema;
        let now = there(&collection, fid)?;
        let hash = content_hash(&now, schema);
        if let Expected::Content(wanted) = expected(&collection, fid, headers)?
            && wanted != hash
        {
            return Err(Problem::changed_meanwhile());
        }
        let sent = Sent::read(json.clone(), frame).map_err(Problem::unprocessable)?;
        let feature = sent.over(now, schema).map_err(Problem::unprocessable)?;
        let edit = edit_of(&collection, fid, Some(feature), Expected::Content(hash));
        match app.edit(request(vec![edit], author, ChangeKind::Edit)) {
            Err(EditError::Changed { .. }) if !headers.contains_key(header::IF_MATCH) => {
                let id = collection.meta().id.as_str().to_owned();
                let view = app.view(author.class)?;
                collection = view
                    .collection(&id)
                    .ok_or_else(|| Problem::no_collection(&id))?;
            }
            result => return Ok(result?),
        }
    }
    Err(Problem::busy())
}

/// The feature as it is.
fn there(collection: &CollectionView, fid: FeatureId) -> Result<Feature, Problem> {
    collection.get(fid)?.ok_or_else(|| {
        let id = &collection.meta().id;
        let remedy = format!("/collections/{id}/items lists those there are.");
        Problem::not_found("feature", &fid.to_string(), &remedy)
    })
}

/// What the caller says that the feature must be (RFC 9110, 13.1.1).
fn expected(
    collection: &CollectionView,
    fid: FeatureId,
    headers: &HeaderMap,
) -> Result<Expected, Problem> {
    let mut given = headers.get_all(header::IF_MATCH).iter().peekable();
    if given.peek().is_none() {
        return Ok(Expected::Present);
    }
    let now = content_hash(&there(collection, fid)?, &collection.meta().schema);
    for value in given {
        let text = value.to_str().unwrap_or_default();
        if text.trim() == "*" {
            return Ok(Expected::Present);
        }
        if tags_of(text).any(|tag| tag == u128::from(now)) {
            return Ok(Expected::Content(now));
        }
    }
    Err(Problem::changed_meanwhile())
}

fn edit_of(
    collection: &CollectionView,
    id: FeatureId,
    feature: Option<Feature>,
    expected: Expected,
) -> FeatureEdit {
    FeatureEdit {
        collection: collection.meta().id.clone(),
        id,
        feature,
        expected,
    }
}

fn request(edits: Vec<FeatureEdit>, author: &Author, kind: ChangeKind) -> EditRequest {
    EditRequest {
        edits,
        who: author.name.clone(),
        kind,
        note: "{}".to_owned(),
    }
}

fn commit(
    app: &App,
    edits: Vec<FeatureEdit>,
    author: &Author,
    kind: ChangeKind,
) -> Result<EditOutcome, Problem> {
    Ok(app.edit(request(edits, author, kind))?)
}

/// Runs an edit on a thread of its own. It may wait for the disk, and is done even if the
/// caller goes away.
async fn run<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&App) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let own = app.clone();
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(|| work(&own)))
        .await
        .map_err(|e| Problem::internal(&e))?
}

/// Answers with the one feature as it is now.
async fn answer_edited(
    app: &App,
    caller: &Caller,
    outcome: &EditOutcome,
) -> Result<Response, Problem> {
    let edited = outcome.features.first().and_then(|edited| {
        let feature = edited.after.as_ref()?;
        Some((edited.collection.clone(), Arc::clone(feature)))
    });
    let Some((id, feature)) = edited else {
        return Err(Problem::internal(&"an edit has no feature"));
    };
    let collection = caller.collection(id.as_str())?;
    let content = item_content(app, &caller.base, &collection, &feature)?;
    let mut response = caller.answer_anew(content, Caching::Revalidate).await?;
    put_change(&mut response, outcome);
    Ok(response)
}

fn put_change(response: &mut Response, outcome: &EditOutcome) {
    let number = HeaderValue::from(outcome.change.number);
    response.headers_mut().insert(CHANGE, number);
}

/// The JSON of a body of one of these media types; one without a type is taken for it.
async fn json_of(body: Body, types: &[&str], headers: &HeaderMap) -> Result<Json, Problem> {
    let given = headers.get(header::CONTENT_TYPE);
    let given = given.and_then(|value| value.to_str().ok());
    if let Some(given) = given {
        let name = given.split(';').next().unwrap_or_default().trim();
        if !types.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return Err(Problem::unsupported_type(name, types));
        }
    }
    let bytes = axum::body::to_bytes(body, MAX_BODY)
        .await
        .map_err(|_| Problem::too_large("The body is over 8 MiB, or was cut off."))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::unprocessable(vec![format!("The body is no JSON: {error}.")]))
}

/// How the coordinates of a body are to be read: the CRS that `Content-Crs` names, with axes
/// as it has them, or longitude and latitude.
struct Frame {
    crs: Crs,
    twin_from_crs: Transform,
}

impl Frame {
    fn of(app: &App, headers: &HeaderMap) -> Result<Frame, Problem> {
        const ALLOWED: &str = "the address of a CRS in angle brackets, such as <http://www.opengis.net/def/crs/EPSG/0/3006>";
        let Some(value) = headers.get(&CONTENT_CRS) else {
            return Ok(Frame {
                crs: Crs::from_code("CRS84")?,
                twin_from_crs: app.twin_from_lonlat().clone(),
            });
        };
        let text = value.to_str().unwrap_or_default();
        let code = text.trim().trim_start_matches('<').trim_end_matches('>');
        let crs = Crs::from_code(code)
            .map_err(|_| Problem::bad_parameter("Content-Crs", text, ALLOWED))?;
        Ok(Frame {
            twin_from_crs: Transform::new(&crs, app.twin_crs())?,
            crs,
        })
    }

    /// A shape of a body in the twin.
    fn shape(&self, shape: &geo_types::Geometry<f64>) -> Result<geo_types::Geometry<f64>, String> {
        let order = |position| map_order(&self.crs, position);
        query::shape_in_twin(shape, order, &self.twin_from_crs)
    }
}
