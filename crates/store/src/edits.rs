//! Edits of single features: durable when acknowledged, seen by every later read.
//!
//! Whoever edits waits in a queue. The first who gets hold of the writer commits what all
//! have brought, with one sync of the disk, and lets the others know: a disk that syncs a
//! hundred times a second takes thousands of edits. They are served in the order in which
//! they came, readers wait for none of them, and each request happens wholly or not at all.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use model::{CollectionId, Feature, FeatureId, GeometryKind, Schema};

use crate::database::{Database, State, Writing};
use crate::log::{Change, ChangeKind, Writer, content_hash, last_at};
use crate::open::OpenCollection;
use crate::overlay::Edited;
use crate::snapshot::Snapshot;
use crate::{Error, Twin, segment};

/// Most requests that are committed together: some ten milliseconds of work, which the
/// last of them waits for.
const GROUP_MAX: usize = 256;

/// Most features of one request. Larger changes are deliveries.
pub const EDITS_MAX: usize = 10_000;

/// What to do to features, wholly or not at all.
#[derive(Debug, Clone)]
pub struct EditRequest {
    /// In this order; at most [`EDITS_MAX`].
    pub edits: Vec<FeatureEdit>,
    /// The name of the key that asks for it.
    pub who: String,
    /// What it is.
    pub kind: ChangeKind,
    /// More about it, as JSON text.
    pub note: String,
}

/// What to do to one feature.
#[derive(Debug, Clone)]
pub struct FeatureEdit {
    /// Whose feature it is.
    pub collection: CollectionId,
    /// Which feature.
    pub id: FeatureId,
    /// What it shall be, in the collection's schema; none if it shall be gone. Its own id is
    /// passed over.
    pub feature: Option<Feature>,
    /// What it must be now.
    pub expected: Expected,
}

/// What a feature must be for an edit to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It need not be.
    Anything,
    /// It must not be.
    Absent,
    /// It must be.
    Present,
    /// It must be what has this [`content_hash`].
    Content(u64),
}

/// What an edit has done.
#[derive(Debug, Clone)]
pub struct EditOutcome {
    /// Its number, time and author.
    pub change: Change,
    /// Each feature as it was and is.
    pub features: Vec<EditedFeature>,
}

/// A feature before and after an edit.
#[derive(Debug, Clone)]
pub struct EditedFeature {
    /// Whose feature it is.
    pub collection: CollectionId,
    /// Which feature.
    pub id: FeatureId,
    /// None if it was not.
    pub before: Option<Arc<Feature>>,
    /// None if it is gone.
    pub after: Option<Arc<Feature>>,
}

/// Why an edit did not happen.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// There is no such collection.
    #[error("there is no collection {0}")]
    NoCollection(CollectionId),
    /// There is no such feature.
    #[error("collection {collection} has no feature {id}")]
    NoFeature {
        /// Whose it should be.
        collection: CollectionId,
        /// Its id.
        id: FeatureId,
    },
    /// It is there already.
    #[error("collection {collection} has a feature {id} already")]
    Exists {
        /// Whose it is.
        collection: CollectionId,
        /// Its id.
        id: FeatureId,
    },
    /// It is not what it was expected to be.
    #[error("feature {id} of {collection} has changed meanwhile: read it again")]
    Changed {
        /// Whose it is.
        collection: CollectionId,
        /// Its id.
        id: FeatureId,
    },
    /// The feature does not fit its collection.
    #[error("{0}")]
    Refused(String),
    /// The twin could not be read or written.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Edits that wait to be committed.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<VecDeque<Arc<Waiting>>>,
    /// Held by who commits.
    writer: Mutex<Option<Database>>,
}

type Outcome = Result<EditOutcome, EditError>;

#[derive(Debug)]
struct Waiting {
    request: EditRequest,
    outcome: Mutex<Option<Outcome>>,
}

impl Twin {
    /// Edits features; when this returns, the edit is durable, and every read that begins
    /// later sees it.
    ///
    /// # Errors
    ///
    /// [`EditError`]; nothing has changed then. Only of [`EditError::Store`] with
    /// [`Error::Io`] is it not known: the disk may have it, though nobody was told.
    pub fn edit(&self, request: EditRequest) -> Outcome {
        if request.edits.len() > EDITS_MAX {
            return Err(EditError::Refused(format!(
                "{} features are over the limit of {EDITS_MAX} for one change: deliver them",
                request.edits.len()
            )));
        }
        let own = Arc::new(Waiting {
            request,
            outcome: Mutex::new(None),
        });
        lock(&self.queue.waiting).push_back(Arc::clone(&own));
        let mut writer = lock(&self.queue.writer);
        loop {
            // Whoever had the writer before may have done it.
            if let Some(outcome) = lock(&own.outcome).take() {
                return outcome;
            }
            let group: Vec<_> = {
                let mut waiting = lock(&self.queue.waiting);
                let count = waiting.len().min(GROUP_MAX);
                waiting.drain(..count).collect()
            };
            if let Err(error) = self.commit_group(&mut writer, &group) {
                // Opened anew by the next: what is wrong may be wrong with the connection.
                *writer = None;
                let mut error = Some(error);
                for waiting in &group {
                    let mut outcome = lock(&waiting.outcome);
                    // Each is told in its own copy.
                    let told = error.as_ref().map(again);
                    let last = Arc::ptr_eq(waiting, &own).then(|| error.take()).flatten();
                    *outcome = last.or(told).map(|error| Err(error.into()));
                }
            }
        }
    }

    /// An id that no feature is likely to have: 53 random bits.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system gives no random bits.
    pub fn random_id(&self) -> Result<FeatureId, Error> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(|error| {
            let source = std::io::Error::other(error.to_string());
            Error::io(self.dir())(source)
        })?;
        let bits = u64::from_le_bytes(bytes) & FeatureId::MAX;
        Ok(FeatureId::new(bits).expect("the mask leaves 53 bits"))
    }

    fn commit_group(
        &self,
        writer: &mut Option<Database>,
        group: &[Arc<Waiting>],
    ) -> Result<(), Error> {
        let database = match writer {
            Some(database) => database,
            None => writer.insert(Database::open(self.dir())?),
        };
        let writing = database.write()?;
        let state = writing.state()?;
        // Nobody else can commit now: what is live stays so until this is over.
        let live = self.snapshot()?;
        if live.state != state {
            let path = Database::path(self.dir());
            return Err(Error::corrupt(&path, "changes without a commit"));
        }
        let mut commit = GroupCommit {
            at: last_at(&writing)?.max(Timestamp::now()),
            next: state.version() + 1,
            live: &live,
            writing: &writing,
            changed: HashMap::new(),
            edited: BTreeMap::new(),
        };
        let outcomes: Vec<Outcome> = group
            .iter()
            .map(|waiting| commit.apply(&waiting.request))
            .collect();
        // What could not be written takes the whole group with it.
        let mut told = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            match outcome {
                Err(EditError::Store(error)) => return Err(error),
                outcome => told.push(outcome),
            }
        }
        let (last, edited) = (commit.next - 1, commit.edited);
        writing.commit()?;
        if !edited.is_empty() {
            let mut collections = live.collections.clone();
            for (id, changes) in edited {
                if let Some(open) = collections.get_mut(&id) {
                    *open = Arc::new(open.with(changes));
                }
            }
            let state = State {
                last_change: last,
                ..state
            };
            self.publish(Arc::new(live.with(state, collections)));
        }
        for (waiting, outcome) in group.iter().zip(told) {
            *lock(&waiting.outcome) = Some(outcome);
        }
        Ok(())
    }
}

/// Requests that become one commit.
struct GroupCommit<'a> {
    at: Timestamp,
    /// Number of the next change.
    next: u64,
    live: &'a Arc<Snapshot>,
    writing: &'a Writing<'a>,
    /// What requests before in the group have made of features.
    changed: HashMap<(CollectionId, FeatureId), Option<Arc<Feature>>>,
    edited: BTreeMap<CollectionId, Vec<Edited>>,
}

impl GroupCommit<'_> {
    /// Checks a request against what is there, and then writes it: one that does not fit
    /// leaves nothing.
    fn apply(&mut self, request: &EditRequest) -> Outcome {
        let mut features: Vec<EditedFeature> = Vec::with_capacity(request.edits.len());
        let mut own: HashMap<(CollectionId, FeatureId), Option<Arc<Feature>>> = HashMap::new();
        for edit in &request.edits {
            let place = (edit.collection.clone(), edit.id);
            let open = self.open(&edit.collection)?;
            let before = match own.get(&place).or_else(|| self.changed.get(&place)) {
                Some(known) => known.clone(),
                None => self.view_of(open).get(edit.id)?.map(Arc::new),
            };
            check_expected(edit, before.as_deref(), &open.meta.schema)?;
            let after = match &edit.feature {
                None => None,
                Some(feature) => Some(Arc::new(checked(edit, feature, &open.meta.schema)?)),
            };
            own.insert(place, after.clone());
            features.push(EditedFeature {
                collection: edit.collection.clone(),
                id: edit.id,
                before,
                after,
            });
        }
        let change = Change {
            number: self.next,
            at: self.at,
            kind: request.kind,
            who: request.who.clone(),
            note: request.note.clone(),
        };
        self.write(&change, &features)?;
        self.next += 1;
        self.changed.extend(own);
        for feature in &features {
            let open = self.open(&feature.collection)?;
            let edited = open.edit(feature.id, change.number, feature.after.clone());
            let of_collection = self.edited.entry(feature.collection.clone());
            of_collection.or_default().push(edited);
        }
        Ok(EditOutcome { change, features })
    }

    fn write(&self, change: &Change, features: &[EditedFeature]) -> Result<(), EditError> {
        let writer = Writer::begin(self.writing, change)?;
        for feature in features {
            let open = self.open(&feature.collection)?;
            let schema = &open.meta.schema;
            let collection = writer.collection(&feature.collection)?;
            let before = || Ok(feature.before.as_deref().cloned());
            writer.was(
                collection,
                feature.id,
                open.base.entry.since,
                before,
                schema,
            )?;
            match &feature.after {
                Some(after) => writer.is(collection, after, schema)?,
                None => writer.is_gone(collection, feature.id)?,
            }
        }
        Ok(())
    }

    fn open(&self, id: &CollectionId) -> Result<&Arc<OpenCollection>, EditError> {
        let open = self.live.collections.get(id);
        open.ok_or_else(|| EditError::NoCollection(id.clone()))
    }

    fn view_of(&self, open: &Arc<OpenCollection>) -> crate::CollectionView {
        crate::CollectionView::new(Arc::clone(self.live), Arc::clone(open))
    }
}

fn check_expected(
    edit: &FeatureEdit,
    before: Option<&Feature>,
    schema: &Schema,
) -> Result<(), EditError> {
    let (collection, id) = (edit.collection.clone(), edit.id);
    match (edit.expected, before) {
        (Expected::Anything, Some(_)) | (Expected::Absent, None) | (Expected::Present, Some(_)) => {
            Ok(())
        }
        // What is not there cannot be taken away.
        (Expected::Anything, None) if edit.feature.is_some() => Ok(()),
        (Expected::Content(hash), Some(before)) if content_hash(before, schema) == hash => Ok(()),
        (Expected::Content(_), Some(_)) => Err(EditError::Changed { collection, id }),
        (Expected::Absent, Some(_)) => Err(EditError::Exists { collection, id }),
        (_, None) => Err(EditError::NoFeature { collection, id }),
    }
}

fn checked(edit: &FeatureEdit, feature: &Feature, schema: &Schema) -> Result<Feature, EditError> {
    let feature = Feature {
        id: edit.id,
        ..feature.clone()
    };
    let feature = segment::checked(schema, feature).map_err(|error| match error {
        Error::Refused(what) => EditError::Refused(what),
        other => other.into(),
    })?;
    let kind = feature.geometry.as_ref().map(GeometryKind::of);
    let fits = match (schema.geometry, kind) {
        (GeometryKind::Mixed, _) | (_, None) => true,
        (wanted, Some(kind)) => wanted == kind,
    };
    if !fits {
        return Err(EditError::Refused(format!(
            "feature {}: {:?} is no geometry of collection {}, which has {:?}",
            edit.id,
            kind.unwrap_or(GeometryKind::None),
            edit.collection,
            schema.geometry
        )));
    }
    Ok(feature)
}

/// An error once more, for another who waits.
fn again(error: &Error) -> Error {
    crate::open::OpenError::of(error).to_error()
}

/// Nothing is left half done when a thread panics with a lock held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
