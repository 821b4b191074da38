//! Features made of a collection's, in files of nobody else's: what a level of tiles shows.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{Feature, Schema};

use crate::Error;
use crate::collection_view::CollectionView;
use crate::files::{Mapped, remove_if_there};
use crate::open::{BaseCollection, OpenCollection, OpenError, OpenSegment};
use crate::segment::{self, Layer, Segment};

impl CollectionView {
    /// Returns a collection of this one's name with other features, of another schema and in
    /// another CRS; none if there are no features. It has neither report nor pyramids.
    ///
    /// Its files lie in `folder` without a name, and are gone when the last view of it is.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if two features have one id, or one exceeds a limit or does not fit
    /// the schema; [`Error::Io`].
    pub fn with_features(
        &self,
        features: Vec<Feature>,
        schema: &Schema,
        crs_code: &str,
        folder: &Path,
    ) -> Result<Option<CollectionView>, Error> {
        if features.is_empty() {
            return Ok(None);
        }
        static WRITTEN: AtomicU64 = AtomicU64::new(0);
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let stem = folder.join(format!("derived-{}-{number}", std::process::id()));
        let mut meta = self.meta().clone();
        meta.feature_count = features.len() as u64;
        meta.schema = schema.clone();
        let layer = Layer {
            name: meta.id.as_str(),
            schema,
            crs_code,
            is_durable: false,
        };
        let mut staged = Vec::new();
        let open = segment::write(&stem, &layer, features, &mut staged).and_then(|written| {
            let map = |path: Option<&Path>| path.map(Mapped::open).transpose();
            let (places, rows) = (written.places.as_deref(), written.rows.as_deref());
            let ids = Mapped::open(&written.ids)?;
            let segment = Segment::open(map(places)?, map(rows)?, ids)?;
            Ok((segment, written.bounds))
        });
        // What is mapped stays readable.
        for path in &staged {
            remove_if_there(path)?;
        }
        let (segment, bounds) = open?;
        meta.bounds = bounds;
        let mut entry = self.entry().clone();
        // What it is made of may have changed since its segments were written.
        entry.version = self.version();
        entry.meta = meta;
        entry.segments = Vec::new();
        entry.pyramids.clear();
        let segment = OpenSegment::of(segment, schema)?;
        let base = Arc::new(BaseCollection {
            crs_code: crs_code.into(),
            entry,
            segments: Ok(vec![segment]),
            pyramids: Default::default(),
            report: Arc::new(Err(OpenError::Other {
                path: stem,
                what: "features that were made of others have no report".to_owned(),
            })),
        });
        let open = Arc::new(OpenCollection::unchanged(base));
        Ok(Some(self.of_same_twin(open)))
    }
}
