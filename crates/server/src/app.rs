//! What all requests share: the twin, what the operator said, caches and limits.
//!
//! Work on the processor runs on blocking threads, at most one for each core, so that
//! the few threads that talk to callers are always free. See [`App::compute`].

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use geodesy::{Crs, TileMatrixSet, Transform};
use jiff::Timestamp;
use model::{Access, Bounds, Role};
use store::{EditError, EditOutcome, EditRequest, Interval};
use tokio::sync::Semaphore;

use crate::Settings;
use crate::cache::TileCache;
use crate::class::Class;
use crate::edits::Announcer;
use crate::problem::Problem;
use crate::valid_time::valid_time;

/// Limits on what the server takes on at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Requests in flight; more are refused with 503, so that those in flight finish.
    pub requests: usize,
    /// Open connections; more wait to be accepted.
    pub connections: usize,
    /// Longest time that a request may take.
    pub request_timeout: Duration,
    /// Longest time for requests in flight when the server is told to stop.
    pub shutdown_grace: Duration,
    /// Threads that compute; as many as there are cores.
    pub workers: usize,
    /// Bytes of finished tiles that are kept.
    pub tile_cache_bytes: u64,
    /// Most bytes of a vector tile before compression. 500 000 is what Mapbox and
    /// tippecanoe have settled on: beyond it a phone stutters.
    pub vector_tile_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            requests: 512,
            connections: 4096,
            request_timeout: Duration::from_secs(30),
            shutdown_grace: Duration::from_secs(20),
            workers: std::thread::available_parallelism().map_or(2, usize::from),
            tile_cache_bytes: 256 << 20,
            vector_tile_bytes: 500_000,
        }
    }
}

/// What boxes of the twin, by their corners, are in another CRS.
type BoundsKnown = HashMap<[u64; 4], Option<Bounds>>;

/// A twin, ready to be served. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

struct Shared {
    twin: store::Twin,
    keys: store::keys::Keys,
    settings: Settings,
    relations: query::Relations,
    limits: Limits,
    public: Access,
    live: Mutex<Option<Live>>,
    twin_crs: Crs,
    lonlat_from_twin: Transform,
    twin_from_lonlat: Transform,
    /// By code of the other CRS: from the twin's to that one.
    from_twin: Mutex<HashMap<String, Transform>>,
    /// By code of the other CRS: from that one to the twin's.
    to_twin: Mutex<HashMap<String, Transform>>,
    /// By code of the other CRS, and box in the twin's: the box in that one.
    bounds_in_sets: Mutex<HashMap<String, BoundsKnown>>,
    tiles: TileCache,
    announcer: Announcer,
    workers: Arc<Semaphore>,
    in_flight: Arc<Semaphore>,
}

/// The newest snapshot, as each class of callers sees it.
struct Live {
    snapshot: Arc<store::Snapshot>,
    public: Arc<store::View>,
    staff: Arc<store::View>,
}

/// The twin cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be opened.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Its CRS is unknown, or has no way to longitude and latitude.
    #[error(transparent)]
    Geodesy(#[from] geodesy::Error),
}

impl App {
    /// Opens the twin in the folder `dir`, with the usual limits.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the folder holds no twin that can be read.
    pub fn open(dir: &Path, settings: Settings) -> Result<App, OpenError> {
        App::with_limits(dir, settings, Limits::default())
    }

    /// Opens the twin in the folder `dir`.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the folder holds no twin that can be read.
    pub fn with_limits(dir: &Path, settings: Settings, limits: Limits) -> Result<App, OpenError> {
        let twin = store::Twin::open(dir)?;
        let announcer = Announcer::new(twin.snapshot()?.version());
        let twin_crs = Crs::from_code(twin.crs_code())?;
        let lonlat = Crs::from_code("CRS84")?;
        let public: BTreeSet<_> = settings
            .collections
            .iter()
            .filter(|(_, collection)| collection.public)
            .map(|(id, _)| id.clone())
            .collect();
        Ok(App(Arc::new(Shared {
            relations: query::Relations::new(settings.relations.clone()),
            keys: store::keys::Keys::open(dir)?,
            lonlat_from_twin: Transform::new(&twin_crs, &lonlat)?,
            twin_from_lonlat: Transform::new(&lonlat, &twin_crs)?,
            from_twin: Mutex::default(),
            to_twin: Mutex::default(),
            bounds_in_sets: Mutex::default(),
            twin_crs,
            twin,
            settings,
            public: Access::Only(public),
            live: Mutex::default(),
            tiles: TileCache::new(limits.tile_cache_bytes),
            announcer,
            workers: Arc::new(Semaphore::new(limits.workers.max(1))),
            in_flight: Arc::new(Semaphore::new(limits.requests)),
            limits,
        })))
    }

    /// What the operator said.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn relations(&self) -> &query::Relations {
        &self.0.relations
    }

    /// Makes the indexes that clicks need, so that the first caller does not wait.
    pub(crate) fn warm(&self) {
        if let Ok(view) = self.view(Class::Staff) {
            self.0.relations.warm(&view);
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn twin(&self) -> &store::Twin {
        &self.0.twin
    }

    pub(crate) fn announcer(&self) -> &Announcer {
        &self.0.announcer
    }

    /// Edits features, and tells those who listen.
    pub(crate) fn edit(&self, request: EditRequest) -> Result<EditOutcome, EditError> {
        let outcome = self.0.twin.edit(request)?;
        self.0.announcer.edited(self, &outcome);
        Ok(outcome)
    }

    /// Takes a change back, and tells those who listen.
    pub(crate) fn undo(&self, number: u64, who: &str) -> Result<EditOutcome, EditError> {
        let outcome = self.0.twin.undo(number, who)?;
        self.0.announcer.edited(self, &outcome);
        Ok(outcome)
    }

    pub(crate) fn tiles(&self) -> &TileCache {
        &self.0.tiles
    }

    pub(crate) fn in_flight(&self) -> &Arc<Semaphore> {
        &self.0.in_flight
    }

    pub(crate) fn twin_crs(&self) -> &Crs {
        &self.0.twin_crs
    }

    pub(crate) fn lonlat_from_twin(&self) -> &Transform {
        &self.0.lonlat_from_twin
    }

    pub(crate) fn twin_from_lonlat(&self) -> &Transform {
        &self.0.twin_from_lonlat
    }

    /// The transformation from the twin's CRS to `crs`, made once for each.
    pub(crate) fn transform_from_twin(&self, crs: &Crs) -> Result<Transform, geodesy::Error> {
        let mut known = self
            .0
            .from_twin
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(transform) = known.get(crs.code()) {
            return Ok(transform.clone());
        }
        let transform = Transform::new(&self.0.twin_crs, crs)?;
        // Only tile matrix sets come here, so that callers cannot fill the map.
        known.insert(crs.code().to_owned(), transform.clone());
        Ok(transform)
    }

    /// The transformation from the CRS of a tile matrix set to the twin's, made once for each.
    pub(crate) fn transform_to_twin(&self, crs: &Crs) -> Result<Transform, geodesy::Error> {
        let known = self.0.to_twin.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        if let Some(transform) = known.get(crs.code()) {
            return Ok(transform.clone());
        }
        let transform = Transform::new(crs, &self.0.twin_crs)?;
        known.insert(crs.code().to_owned(), transform.clone());
        Ok(transform)
    }

    /// A box of the twin in the CRS of a tile matrix set; none if it has no place there.
    ///
    /// Made once for each, since every tile asks for it and some hundred points go into it.
    pub(crate) fn bounds_in_set(
        &self,
        tms: &TileMatrixSet,
        bounds: &Bounds,
    ) -> Result<Option<Bounds>, geodesy::Error> {
        /// More than collections and surveys; those of old versions go with it.
        const MOST: usize = 10_000;
        let corners = [
            bounds.min_x(),
            bounds.min_y(),
            bounds.max_x(),
            bounds.max_y(),
        ];
        let corners = corners.map(f64::to_bits);
        let known = || {
            let known = self.0.bounds_in_sets.lock();
            known.unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(made) = known().get(tms.crs.code()).and_then(|of| of.get(&corners)) {
            return Ok(*made);
        }
        let made = self.transform_from_twin(&tms.crs)?.bounds(bounds).ok();
        let mut known = known();
        let of_crs = known.entry(tms.crs.code().to_owned()).or_default();
        if of_crs.len() >= MOST {
            of_crs.clear();
        }
        of_crs.insert(corners, made);
        Ok(made)
    }

    /// What callers of this class see of the twin as it is now.
    ///
    /// Asks the catalog each time, which costs a look at one file. If a newer state
    /// cannot be read, the last good one is served on, the log says why, and
    /// `/readyz` says that something is wrong.
    pub(crate) fn view(&self, class: Class) -> Result<Arc<store::View>, Problem> {
        let newest = self.0.twin.snapshot();
        let mut live = self.0.live.lock().unwrap_or_else(PoisonError::into_inner);
        match newest {
            Ok(snapshot) => {
                let known = live
                    .as_ref()
                    .is_some_and(|live| Arc::ptr_eq(&live.snapshot, &snapshot));
                if !known {
                    *live = Some(Live {
                        public: Arc::new(snapshot.view(self.0.public.clone())),
                        staff: Arc::new(snapshot.view(Access::Everything)),
                        snapshot,
                    });
                }
            }
            Err(error) if live.is_some() => {
                tracing::warn!(%error, "the newest state of the twin cannot be read; serving the last one");
            }
            Err(error) => return Err(Problem::internal(&error)),
        }
        let live = live.as_ref().expect("it was there or has just been made");
        Ok(match class {
            Class::Public => Arc::clone(&live.public),
            Class::Staff => Arc::clone(&live.staff),
        })
    }

    /// What callers of this class see of what the twin knew at a moment. May read much.
    pub(crate) fn view_as_of(
        &self,
        class: Class,
        at: Timestamp,
    ) -> Result<Arc<store::View>, Problem> {
        let access = match class {
            Class::Public => self.0.public.clone(),
            Class::Staff => Access::Everything,
        };
        Ok(Arc::new(self.0.twin.snapshot_as_of(at)?.view(access)))
    }

    /// The same view with features only that are true at some moment of a stretch of time.
    pub(crate) fn valid_in(&self, view: &store::View, interval: Interval) -> store::View {
        view.valid_in(interval, |meta| {
            let settings = self.settings().collections.get(&meta.id);
            let named = settings.and_then(|of| of.time.as_deref());
            valid_time(&meta.schema, named)
        })
    }

    /// Whether the newest state of the twin can be read.
    pub(crate) fn is_ready(&self) -> bool {
        self.0.twin.snapshot().is_ok()
    }

    /// Whose key this is and what they may do, if the twin has given it out and not revoked
    /// it.
    pub(crate) fn holder_of(&self, key: &str) -> Option<(String, Role)> {
        self.0.keys.verify(key)
    }

    /// Runs `work` on a thread of its own, when one of [`Limits::workers`] is free.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = Arc::clone(&self.0.workers)
            .acquire_owned()
            .await
            .map_err(|e| Problem::internal(&e))?;
        let span = tracing::Span::current();
        // The permit goes with the work: a caller who hangs up does not free the core.
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            span.in_scope(work)
        })
        .await
        .map_err(|e| Problem::internal(&e))?
    }
}
