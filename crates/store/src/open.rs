//! Collections and surveys with their files open.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{
    Bounds, Collection, CollectionId, ColumnKind, DataOrigin, Feature, FeatureId, Schema, Value,
};

use crate::catalog::{self, CollectionEntry, SegmentFiles, SurveyEntry};
use crate::database::Reading;
use crate::files::{FileRef, Mapped};
use crate::heights::HeightMap;
use crate::log::{VersionState, Versioned};
use crate::overlay::{Edited, Overlay};
use crate::pyramids::OpenPyramid;
use crate::segment::{Position, Projection, Segment};
use crate::{Error, log};

/// A collection as it is: its segments and what changed since.
#[derive(Debug)]
pub(crate) struct OpenCollection {
    pub(crate) base: Arc<BaseCollection>,
    pub(crate) overlay: Overlay,
    /// What it is, with what changed since.
    pub(crate) meta: Collection,
    /// Changes when, and only when, its content does.
    pub(crate) version: u64,
}

/// The bit that tells the version of a state of before from those that were live.
const AS_OF: u64 = 1 << 63;

impl OpenCollection {
    /// A collection of which nothing has changed since its segments were written.
    pub(crate) fn unchanged(base: Arc<BaseCollection>) -> OpenCollection {
        OpenCollection {
            meta: base.entry.meta.clone(),
            version: base.entry.version,
            overlay: Overlay::default(),
            base,
        }
    }

    /// The same with more changes.
    pub(crate) fn with(&self, changes: Vec<Edited>) -> OpenCollection {
        let mut meta = self.meta.clone();
        for feature in changes.iter().filter_map(|edited| edited.feature.as_ref()) {
            let own = feature.geometry.as_ref().and_then(Bounds::of_geometry);
            let both = [meta.bounds, own].into_iter().flatten();
            meta.bounds = both.reduce(|a, b| a.union(&b));
            if meta.data_origin != origin(&meta.schema, feature) {
                meta.data_origin = None;
            }
        }
        let overlay = self.overlay.with(changes);
        let segments = self.base.entry.meta.feature_count;
        meta.feature_count = segments.saturating_add_signed(overlay.added);
        OpenCollection {
            base: Arc::clone(&self.base),
            version: self.version.max(overlay.last_change),
            overlay,
            meta,
        }
    }

    /// What it was after a change.
    pub(crate) fn at_change(
        &self,
        id: &CollectionId,
        number: u64,
        reading: &Reading<'_>,
    ) -> Result<Arc<OpenCollection>, Error> {
        let now = &self.base.entry.meta.schema;
        let collection = log::number_of(reading, id)?;
        let then = match collection {
            Some(collection) => log::schema_at(reading, collection, number)?,
            None => None,
        };
        let schema = match then {
            Some(text) => {
                let then = catalog::schema_of_text(&text)
                    .map_err(|what| Error::corrupt(reading.path(), what))?;
                readable(then, now)
            }
            None => now.clone(),
        };
        let versions = match collection {
            Some(collection) => {
                // What is not in the segments yet, and what came to be in them later.
                let after = number.min(self.base.entry.folded);
                log::as_of(reading, collection, number, after, &schema)?
            }
            None => Vec::new(),
        };
        let open = OpenCollection::unchanged(Arc::new(self.base.with_schema(schema)));
        let edited = open.edited(versions);
        let mut open = open.with(edited);
        open.version = AS_OF | number;
        Ok(Arc::new(open))
    }

    /// What features are by the log, with where the segments have them.
    pub(crate) fn edited(&self, versions: Vec<Versioned>) -> Vec<Edited> {
        let each = versions.into_iter().filter_map(|version| {
            let feature = match version.state {
                VersionState::Gone => None,
                VersionState::Here(feature) => Some(Arc::new(feature)),
                VersionState::InSegments => return None,
            };
            Some(self.edit(version.id, version.since, feature))
        });
        each.collect()
    }

    /// What a feature is from a change on.
    pub(crate) fn edit(&self, id: FeatureId, since: u64, feature: Option<Arc<Feature>>) -> Edited {
        let hides = self.base.find(id);
        let known = self.overlay.find(id).is_some();
        // What it was in the segments, unless a change before has told.
        let before = hides.filter(|_| !known);
        let before = before.and_then(|(segment, position)| self.base.bounds_at(segment, position));
        let after = feature.as_ref().and_then(|feature| {
            let geometry = feature.geometry.as_ref()?;
            Bounds::of_geometry(geometry)
        });
        Edited {
            touched: before.into_iter().chain(after).collect(),
            hides,
            id,
            since,
            feature,
        }
    }

    pub(crate) fn errors(&self) -> Vec<&OpenError> {
        self.base.errors()
    }
}

/// The columns of a schema of before, of kinds that what is written now can be read as.
fn readable(mut then: Schema, now: &Schema) -> Schema {
    for column in &mut then.columns {
        let kind = now
            .position(&column.name)
            .map(|place| now.columns[place].kind);
        column.kind = match (column.kind, kind) {
            (then, None) => then,
            (then, Some(now)) if then == now => then,
            (
                ColumnKind::Integer | ColumnKind::Number,
                Some(ColumnKind::Integer | ColumnKind::Number),
            ) => ColumnKind::Number,
            _ => ColumnKind::Text,
        };
    }
    then
}

/// What a feature says of its origin.
pub(crate) fn origin(schema: &Schema, feature: &Feature) -> Option<DataOrigin> {
    let place = schema.position(DataOrigin::ATTRIBUTE)?;
    let word = feature.values.get(place).and_then(Value::as_text);
    word.and_then(DataOrigin::from_word)
}

/// A collection's files, as the catalog has them.
#[derive(Debug)]
pub(crate) struct BaseCollection {
    pub(crate) crs_code: Arc<str>,
    pub(crate) entry: CollectionEntry,
    pub(crate) segments: Result<Vec<OpenSegment>, OpenError>,
    /// By name of tile matrix set.
    pub(crate) pyramids: BTreeMap<String, Arc<OpenPyramid>>,
    pub(crate) report: Arc<Result<Mapped, OpenError>>,
}

#[derive(Debug)]
pub(crate) struct OpenSegment {
    /// As the catalog names them; none of one that it does not know.
    files: Option<SegmentFiles>,
    pub(crate) segment: Arc<Segment>,
    pub(crate) projection: Projection,
}

impl OpenSegment {
    /// A segment that the catalog does not know.
    pub(crate) fn of(segment: Segment, schema: &Schema) -> Result<OpenSegment, Error> {
        Ok(OpenSegment {
            files: None,
            projection: segment.project(schema)?,
            segment: Arc::new(segment),
        })
    }
}

impl BaseCollection {
    pub(crate) fn open(
        dir: &Path,
        crs_code: &Arc<str>,
        entry: CollectionEntry,
        before: Option<&BaseCollection>,
    ) -> BaseCollection {
        let known = before.and_then(|before| before.segments.as_ref().ok());
        let segments = entry.segments.iter().map(|files| {
            let known = known
                .and_then(|known| known.iter().find(|open| open.files.as_ref() == Some(files)));
            let segment = match known {
                Some(open) => Arc::clone(&open.segment),
                None => Arc::new(open_segment(dir, files)?),
            };
            Ok(OpenSegment {
                files: Some(files.clone()),
                projection: segment.project(&entry.meta.schema)?,
                segment,
            })
        });
        let segments: Result<_, Error> = segments.collect();
        let pyramids = entry.pyramids.iter().map(|(tms, pyramid)| {
            let known = before.and_then(|before| before.pyramids.get(tms));
            let known = known.filter(|open| open.entry == *pyramid && open.archive.is_ok());
            let open = || Arc::new(OpenPyramid::open(dir, pyramid.clone()));
            (tms.clone(), known.map_or_else(open, Arc::clone))
        });
        BaseCollection {
            pyramids: pyramids.collect(),
            crs_code: Arc::clone(crs_code),
            segments: segments.map_err(OpenError::from),
            report: Arc::new(entry.report.map(dir).map_err(OpenError::from)),
            entry,
        }
    }

    /// The same with its features read by a schema of before. It has no pyramids.
    fn with_schema(&self, schema: Schema) -> BaseCollection {
        let segments = self.segments.as_ref().map_err(OpenError::clone);
        let segments = segments.map(|segments| {
            let read = segments.iter().map(|open| OpenSegment {
                files: open.files.clone(),
                projection: open.segment.project_what_fits(&schema),
                segment: Arc::clone(&open.segment),
            });
            read.collect()
        });
        let mut entry = self.entry.clone();
        entry.meta.schema = schema;
        BaseCollection {
            crs_code: Arc::clone(&self.crs_code),
            entry,
            segments,
            pyramids: BTreeMap::new(),
            report: Arc::clone(&self.report),
        }
    }

    /// Its segments, or why they could not be opened.
    pub(crate) fn segments(&self) -> Result<&[OpenSegment], Error> {
        match &self.segments {
            Ok(segments) => Ok(segments),
            Err(error) => Err(error.to_error()),
        }
    }

    /// The box of a feature of its segments; none if it has none, or is damaged.
    fn bounds_at(&self, segment: usize, position: Position) -> Option<Bounds> {
        let open = self.segments.as_ref().ok()?.get(segment)?;
        let feature = open.segment.feature_at(position, &open.projection).ok()?;
        Bounds::of_geometry(feature.geometry.as_ref()?)
    }

    /// Where its segments have a feature.
    fn find(&self, id: FeatureId) -> Option<(usize, Position)> {
        let segments = self.segments.as_ref().ok()?.iter().enumerate();
        segments
            .filter_map(|(number, open)| Some((number, open.segment.find(id)?)))
            .next()
    }

    pub(crate) fn errors(&self) -> Vec<&OpenError> {
        let both = [self.segments.as_ref().err(), (*self.report).as_ref().err()];
        let pyramids = self.pyramids.values();
        let pyramids = pyramids.filter_map(|pyramid| pyramid.archive.as_ref().err());
        both.into_iter().flatten().chain(pyramids).collect()
    }
}

pub(crate) fn open_segment(dir: &Path, files: &SegmentFiles) -> Result<Segment, Error> {
    let map = |file: &Option<FileRef>| file.as_ref().map(|file| file.map(dir)).transpose();
    Segment::open(map(&files.places)?, map(&files.rows)?, files.ids.map(dir)?)
}

/// A survey with its files.
#[derive(Debug)]
pub(crate) struct OpenSurvey {
    pub(crate) crs_code: Arc<str>,
    pub(crate) entry: SurveyEntry,
    pub(crate) points: Result<Mapped, OpenError>,
    pub(crate) terrain: Result<HeightMap, OpenError>,
    pub(crate) surface: Result<HeightMap, OpenError>,
    pub(crate) distance: Result<HeightMap, OpenError>,
    pub(crate) report: Result<Mapped, OpenError>,
}

impl OpenSurvey {
    pub(crate) fn open(dir: &Path, crs_code: &Arc<str>, entry: SurveyEntry) -> OpenSurvey {
        let heights = |file: &FileRef| {
            let opened = file.map(dir).and_then(HeightMap::open);
            opened.map_err(OpenError::from)
        };
        OpenSurvey {
            crs_code: Arc::clone(crs_code),
            points: entry.points.map(dir).map_err(OpenError::from),
            terrain: heights(&entry.terrain),
            surface: heights(&entry.surface),
            distance: heights(&entry.distance),
            report: entry.report.map(dir).map_err(OpenError::from),
            entry,
        }
    }

    pub(crate) fn errors(&self) -> Vec<&OpenError> {
        let heights = [&self.terrain, &self.surface, &self.distance];
        let heights = heights
            .into_iter()
            .filter_map(|opened| opened.as_ref().err());
        let others = [&self.points, &self.report];
        let others = others
            .into_iter()
            .filter_map(|opened| opened.as_ref().err());
        heights.chain(others).collect()
    }
}

/// Why a file could not be opened, to be told as often as it is asked for.
#[derive(Debug, Clone)]
pub(crate) enum OpenError {
    Io {
        path: PathBuf,
        kind: io::ErrorKind,
        what: String,
    },
    Other {
        path: PathBuf,
        what: String,
    },
}

impl OpenError {
    pub(crate) fn to_error(&self) -> Error {
        match self.clone() {
            OpenError::Io { path, kind, what } => Error::Io {
                path,
                source: io::Error::new(kind, what),
            },
            OpenError::Other { path, what } => Error::Corrupt { path, what },
        }
    }
}

impl OpenError {
    /// The same, to be told again.
    pub(crate) fn of(error: &Error) -> OpenError {
        match error {
            Error::Io { path, source } => OpenError::Io {
                path: path.clone(),
                kind: source.kind(),
                what: source.to_string(),
            },
            Error::Corrupt { path, what } | Error::Twin { path, what } => OpenError::Other {
                path: path.clone(),
                what: what.clone(),
            },
            Error::Refused(what) => OpenError::Other {
                path: PathBuf::new(),
                what: what.clone(),
            },
        }
    }
}

impl From<Error> for OpenError {
    fn from(error: Error) -> OpenError {
        OpenError::of(&error)
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
