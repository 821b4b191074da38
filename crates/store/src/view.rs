//! What a caller may see of a snapshot: the only way to read a twin.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Access, Collection, CollectionId};

use crate::collection_view::CollectionView;
use crate::open::OpenCollection;
use crate::snapshot::Snapshot;
use crate::survey_view::SurveyView;
use crate::valid::{Interval, ValidIn, ValidTime};

/// A snapshot as a caller may see it: the only way to read a twin.
#[derive(Debug, Clone)]
pub struct View {
    snapshot: Arc<Snapshot>,
    access: Access,
    /// What is shown of collections that say when their features are true.
    valid: Arc<BTreeMap<CollectionId, ValidIn>>,
}

impl View {
    pub(crate) fn new(snapshot: Arc<Snapshot>, access: Access) -> View {
        View {
            snapshot,
            access,
            valid: Arc::default(),
        }
    }

    /// Which state of the twin this is.
    pub fn version(&self) -> u64 {
        self.snapshot.version()
    }

    /// The access that it was made for; caches are keyed by it.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The code of the CRS that all coordinates are in.
    pub fn crs_code(&self) -> &str {
        &self.snapshot.crs_code
    }

    /// The same with features only that are true at some moment of a stretch of time.
    /// `time_of` says which attributes of a collection tell; where it says none, all
    /// features are shown.
    #[must_use]
    pub fn valid_in(
        &self,
        interval: Interval,
        time_of: impl Fn(&Collection) -> Option<ValidTime>,
    ) -> View {
        let timed = self.collections().into_iter().filter_map(|collection| {
            let meta = collection.meta();
            let by = time_of(meta)?;
            Some((meta.id.clone(), ValidIn { interval, by }))
        });
        View {
            valid: Arc::new(timed.collect()),
            ..self.clone()
        }
    }

    fn show(&self, id: &CollectionId, open: &Arc<OpenCollection>) -> CollectionView {
        let valid = self.valid.get(id).copied();
        CollectionView::new(Arc::clone(&self.snapshot), Arc::clone(open)).showing(valid)
    }

    /// Visible collections, by id.
    pub fn collections(&self) -> Vec<CollectionView> {
        let all = self.snapshot.collections.iter();
        all.filter(|(id, _)| self.access.may_see(id))
            .map(|(id, open)| self.show(id, open))
            .collect()
    }

    /// A visible collection.
    pub fn collection(&self, id: &str) -> Option<CollectionView> {
        let (id, open) = self.snapshot.collections.get_key_value(id)?;
        self.access.may_see(id).then(|| self.show(id, open))
    }

    /// Visible surveys, by id.
    pub fn surveys(&self) -> Vec<SurveyView> {
        let all = self.snapshot.surveys.iter();
        all.filter(|(id, _)| self.access.may_see(id))
            .map(|(_, open)| SurveyView(Arc::clone(open)))
            .collect()
    }

    /// A visible survey.
    pub fn survey(&self, id: &str) -> Option<SurveyView> {
        let (id, open) = self.snapshot.surveys.get_key_value(id)?;
        self.access
            .may_see(id)
            .then(|| SurveyView(Arc::clone(open)))
    }
}
