//! `/events`: what changes, as it changes (server-sent events, HTML Living Standard 9.2).
//!
//! An event is a change of features: its number, time and kind, and for each collection the
//! features, their box and the tiles that show another state now, level by level. Who comes
//! back says the last number that it has (`Last-Event-ID`) and is told what it missed, as far
//! as the log goes. The public hears of public collections only, and of nobody's name.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use geodesy::TileMatrixSet;
use model::{Bounds, CollectionId, Feature};
use serde_json::{Value as Json, json};
use store::{Change, ChangeKind, EditOutcome};
use tokio::sync::broadcast;

use crate::app::App;
use crate::caller::Caller;
use crate::params::Parameters;
use crate::problem::Problem;
use crate::tiles::{VECTOR_MAX_ZOOM, WEB_MERCATOR};

/// Events that a slow listener may be behind before it is told to ask anew.
const BEHIND_MAX: usize = 1024;

/// Most changes that are told again to who comes back.
const REPLAYED_MAX: usize = 1000;

/// Features that an event names; of larger changes it has the box alone.
const NAMED_MAX: usize = 100;

/// How often it is looked whether another process has changed the twin.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Sent when there is nothing to tell, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Tells listeners what changes.
#[derive(Debug)]
pub(crate) struct Announcer {
    sender: broadcast::Sender<Told>,
    /// Number of the last change that was announced.
    last: Mutex<u64>,
}

/// What listeners are told.
#[derive(Debug, Clone)]
enum Told {
    Change(Arc<Announced>),
    /// The server stops: whoever listens comes back to the next.
    Stop,
}

/// A change, and what of it concerns which collection.
#[derive(Debug, Clone)]
pub(crate) struct Announced {
    change: Change,
    /// None of a change that was read from the log: its note says what there is to say.
    collections: Option<BTreeMap<CollectionId, Json>>,
}

impl Announcer {
    /// Announces changes after this one.
    pub(crate) fn new(last: u64) -> Announcer {
        Announcer {
            sender: broadcast::Sender::new(BEHIND_MAX),
            last: Mutex::new(last),
        }
    }

    /// Tells of an edit that was made here.
    pub(crate) fn edited(&self, app: &App, outcome: &EditOutcome) {
        // Who listens hears changes in the order of their numbers, as far as they meet here.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.catch_up(app, &mut last, outcome.change.number - 1);
        *last = (*last).max(outcome.change.number);
        if self.sender.receiver_count() > 0 {
            // No listener is no error.
            let _ = self.sender.send(Told::Change(Arc::new(Announced {
                change: outcome.change.clone(),
                collections: Some(touched(app, outcome)),
            })));
        }
    }

    /// Ends all listening, so that the server can stop.
    pub(crate) fn stop(&self) {
        let _ = self.sender.send(Told::Stop);
    }

    /// Tells of what other processes have changed.
    fn look(&self, app: &App) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.catch_up(app, &mut last, u64::MAX);
    }

    fn catch_up(&self, app: &App, last: &mut u64, until: u64) {
        let changed = app.twin().snapshot().map(|now| now.version());
        if *last >= until || changed.is_ok_and(|version| version <= *last) {
            return;
        }
        let changes = match app.twin().changes(*last, REPLAYED_MAX) {
            Ok(changes) => changes,
            Err(error) => {
                tracing::warn!(%error, "changes cannot be read, and are not announced");
                return;
            }
        };
        for change in changes.into_iter().filter(|change| change.number <= until) {
            *last = change.number;
            let _ = self.sender.send(Told::Change(Arc::new(Announced {
                change,
                collections: None,
            })));
        }
    }
}

/// Looks every second whether another process has changed the twin, for as long as it runs.
pub(crate) async fn watch(app: App) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let own = app.clone();
        // A panic in it has been logged, and the next look may go better.
        let _ = tokio::task::spawn_blocking(move || own.announcer().look(&own)).await;
    }
}

/// `GET /events`.
pub(crate) async fn events(
    State(app): State<App>,
    caller: Caller,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let parameters = parameters.only(&["after"])?;
    let after = match parameters.parsed("after", "a number of a change")? {
        Some(after) => Some(after),
        None => headers
            .get("last-event-id")
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok()),
    };
    // Before the log is read, so that nothing falls between the two.
    let receiver = app.announcer().sender.subscribe();
    let missed = match after {
        None => Vec::new(),
        Some(after) => {
            let own = app.clone();
            app.compute(move || Ok(own.twin().changes(after, REPLAYED_MAX)?))
                .await?
        }
    };
    let missed = missed.into_iter().map(|change| Announced {
        change,
        collections: None,
    });
    let listener = Listener {
        missed: missed.collect::<Vec<_>>().into_iter(),
        receiver,
        caller,
        last: after.unwrap_or(0),
    };
    let stream = futures_util::stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    let mut response = Sse::new(stream)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Somebody who listens.
struct Listener {
    missed: std::vec::IntoIter<Announced>,
    receiver: broadcast::Receiver<Told>,
    caller: Caller,
    /// Number of the last change that it was told.
    last: u64,
}

impl Listener {
    /// The next event that concerns the caller.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let announced = match self.missed.next() {
                Some(announced) => Arc::new(announced),
                None => match self.receiver.recv().await {
                    Ok(Told::Change(announced)) => announced,
                    Ok(Told::Stop) => return None,
                    // The client reads all anew, which costs it less than what it missed.
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        return Some(Event::default().event("reset").data("{}"));
                    }
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
            };
            if announced.change.number <= self.last {
                continue;
            }
            self.last = announced.change.number;
            if let Some(data) = told_to(&self.caller, &announced) {
                let event = Event::default().id(self.last.to_string());
                let kind = announced.change.kind.as_str();
                return Some(event.event(kind).data(data.to_string()));
            }
        }
    }
}

/// What a caller is told of a change; none if it concerns nothing that it may see.
fn told_to(caller: &Caller, announced: &Announced) -> Option<Json> {
    let change = &announced.change;
    let sees = |id: &str| caller.collection(id).is_ok();
    let note: Json = serde_json::from_str(&change.note).unwrap_or_default();
    let collections: Vec<Json> = match &announced.collections {
        Some(touched) => {
            let seen = touched.iter().filter(|(id, _)| sees(id.as_str()));
            seen.map(|(_, about)| about.clone()).collect()
        }
        None => {
            let parts = match note["deliveries"].as_array() {
                Some(parts) => parts.clone(),
                None => vec![note.clone()],
            };
            let named = parts.into_iter().filter_map(|part| {
                let id = part["collection"].as_str()?;
                sees(id).then(|| json!({ "id": id }))
            });
            named.collect()
        }
    };
    // The log does not say which collections an edit of another process was of.
    let is_vague = announced.collections.is_none() && change.kind != ChangeKind::Delivery;
    if collections.is_empty() && !(is_vague && caller.is_staff()) {
        return None;
    }
    let mut told = json!({
        "number": change.number,
        "at": change.at.to_string(),
        "kind": change.kind.as_str(),
        "collections": collections,
    });
    if caller.is_staff() {
        told["who"] = json!(change.who);
    }
    Some(told)
}

/// What an edit touched of each collection.
fn touched(app: &App, outcome: &EditOutcome) -> BTreeMap<CollectionId, Json> {
    let mut by_collection: BTreeMap<CollectionId, (Vec<u64>, Option<Bounds>)> = BTreeMap::new();
    for edited in &outcome.features {
        let (ids, bounds) = by_collection.entry(edited.collection.clone()).or_default();
        ids.push(edited.id.get());
        let states = [&edited.before, &edited.after];
        let boxes = states.into_iter().flatten().filter_map(|f| box_of(f));
        *bounds = boxes.chain(*bounds).reduce(|a, b| a.union(&b));
    }
    let each = by_collection.into_iter().map(|(id, (mut ids, bounds))| {
        ids.truncate(NAMED_MAX);
        let lonlat = bounds.and_then(|bounds| app.lonlat_from_twin().bounds(&bounds).ok());
        let about = json!({
            "id": id.as_str(),
            "features": ids,
            "bbox": lonlat.map(|bounds| bounds.to_array()),
            "tiles": bounds.map(|bounds| tiles(app, &bounds)),
        });
        (id, about)
    });
    each.collect()
}

fn box_of(feature: &Feature) -> Option<Bounds> {
    Bounds::of_geometry(feature.geometry.as_ref()?)
}

/// The tiles of Web Mercator over a box of the twin: for each level, the first and the last
/// column and row.
fn tiles(app: &App, bounds: &Bounds) -> Json {
    let Some(set) = app.settings().tile_matrix_sets.get(WEB_MERCATOR) else {
        return Json::Null;
    };
    let Ok(Some(bounds)) = app.bounds_in_set(set, bounds) else {
        return Json::Null;
    };
    let levels = (0..=VECTOR_MAX_ZOOM).filter_map(|z| {
        let [first, last] = corners(set, z, &bounds)?;
        Some(json!({
            "z": z,
            "x": [first.x(), last.x()],
            "y": [first.y(), last.y()],
        }))
    });
    json!({ WEB_MERCATOR: levels.collect::<Vec<_>>() })
}

/// The tiles in the north-west and the south-east of a box, with the margin that tiles have.
fn corners(set: &TileMatrixSet, z: u8, bounds: &Bounds) -> Option<[model::TileCoord; 2]> {
    /// Tiles show what lies so near them, in parts of their side.
    const MARGIN_OF_TILE: f64 = 1.0 / 64.0;
    let middle = [
        (bounds.min_x() + bounds.max_x()) / 2.0,
        (bounds.min_y() + bounds.max_y()) / 2.0,
    ];
    let side = set.bounds(set.tile_at(z, middle)?)?.width();
    let wider = bounds.expanded(side * MARGIN_OF_TILE);
    let first = set.tile_at(z, [wider.min_x(), wider.max_y()])?;
    let last = set.tile_at(z, [wider.max_x(), wider.min_y()])?;
    Some([first, last])
}
