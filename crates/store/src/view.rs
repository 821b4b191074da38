//! What a caller may see of a snapshot: the only way to read a twin.

use std::sync::Arc;

use model::Access;

use crate::Error;
use crate::collection_view::CollectionView;
use crate::files::Mapped;
use crate::open::OpenError;
use crate::survey_view::SurveyView;
use crate::twin::Snapshot;

/// A snapshot as a caller may see it: the only way to read a twin.
#[derive(Debug, Clone)]
pub struct View {
    snapshot: Arc<Snapshot>,
    access: Access,
}

impl View {
    pub(crate) fn new(snapshot: Arc<Snapshot>, access: Access) -> View {
        View { snapshot, access }
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

    /// Visible collections, by id.
    pub fn collections(&self) -> Vec<CollectionView> {
        let all = self.snapshot.collections.iter();
        all.filter(|(id, _)| self.access.may_see(id))
            .map(|(_, open)| CollectionView::new(Arc::clone(&self.snapshot), Arc::clone(open)))
            .collect()
    }

    /// A visible collection.
    pub fn collection(&self, id: &str) -> Option<CollectionView> {
        let (id, open) = self.snapshot.collections.get_key_value(id)?;
        self.access
            .may_see(id)
            .then(|| CollectionView::new(Arc::clone(&self.snapshot), Arc::clone(open)))
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

/// The text of a report.
pub(crate) fn text_of(report: &Result<Mapped, OpenError>) -> Result<&str, Error> {
    let map = match report {
        Ok(map) => map,
        Err(error) => return Err(error.to_error()),
    };
    std::str::from_utf8(map.bytes()).map_err(|_| Error::corrupt(map.path(), "is not UTF-8"))
}
