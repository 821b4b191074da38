//! A collection as a caller may see it: its segments, and over them what has changed since.

use std::path::Path;
use std::sync::Arc;

use model::{Bounds, Collection, Feature, FeatureId, Value};

use crate::Error;
use crate::catalog::CollectionEntry;
use crate::log::content_hash;
use crate::open::{OpenCollection, OpenSegment, text_of};
use crate::overlay::Slot;
use crate::pyramids::{OpenPyramid, PyramidView};
use crate::segment::Position;
use crate::snapshot::Snapshot;
use crate::valid::ValidIn;

/// A visible collection of features.
#[derive(Debug, Clone)]
pub struct CollectionView {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) open: Arc<OpenCollection>,
    /// Features of other times are not shown.
    valid: Option<ValidIn>,
}

/// Where a feature lies in a collection.
#[derive(Clone, Copy)]
enum Place<'a> {
    Segment(usize, &'a OpenSegment, Position),
    Edited(Slot, &'a Arc<Feature>),
}

impl CollectionView {
    pub(crate) fn new(snapshot: Arc<Snapshot>, open: Arc<OpenCollection>) -> CollectionView {
        CollectionView {
            snapshot,
            open,
            valid: None,
        }
    }

    /// The same with features only that are true at some time.
    pub(crate) fn showing(self, valid: Option<ValidIn>) -> CollectionView {
        CollectionView { valid, ..self }
    }

    /// Whether a feature is true at the time that is shown.
    fn shows(&self, place: Place<'_>) -> Result<bool, Error> {
        let Some(valid) = &self.valid else {
            return Ok(true);
        };
        match place {
            Place::Edited(_, feature) => Ok(valid.holds(&feature.values)),
            Place::Segment(_, open, position) => {
                let mut values = Vec::new();
                open.segment
                    .values_at(position, &open.projection, &mut values)?;
                Ok(valid.holds(&values))
            }
        }
    }

    /// Places that are shown, and errors.
    fn shown<'a>(
        &self,
        places: impl Iterator<Item = Result<Place<'a>, Error>>,
    ) -> impl Iterator<Item = Result<Place<'a>, Error>> {
        places.filter_map(|place| {
            let place = match place {
                Ok(place) => place,
                Err(error) => return Some(Err(error)),
            };
            match self.shows(place) {
                Ok(true) => Some(Ok(place)),
                Ok(false) => None,
                Err(error) => Some(Err(error)),
            }
        })
    }

    /// Another collection of the same twin.
    pub(crate) fn of_same_twin(&self, open: Arc<OpenCollection>) -> CollectionView {
        CollectionView::new(Arc::clone(&self.snapshot), open)
    }

    pub(crate) fn entry(&self) -> &CollectionEntry {
        &self.open.base.entry
    }

    /// The code of the CRS that all coordinates are in.
    pub fn crs_code(&self) -> &str {
        &self.open.base.crs_code
    }

    /// What it is.
    pub fn meta(&self) -> &Collection {
        &self.open.meta
    }

    /// Changes when, and only when, the collection's content does.
    pub fn version(&self) -> u64 {
        let version = self.open.version;
        self.valid.map_or(version, |valid| valid.version(version))
    }

    /// What was repaired or left out when it was ingested last, as JSON text.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn report(&self) -> Result<&str, Error> {
        text_of(&self.open.base.report)
    }

    /// Features whose boxes touch `bounds`, in the order of the file.
    ///
    /// The index is searched at once; each feature is read when the iterator comes to it.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`], here and for each feature.
    pub fn within(
        &self,
        bounds: &Bounds,
    ) -> Result<impl Iterator<Item = Result<Feature, Error>> + '_, Error> {
        let places = self.places_within(bounds)?;
        Ok(places.into_iter().map(read))
    }

    /// All features in the order of the file, those without geometry last.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`], here and for each feature. After a damaged one
    /// the rest of its file is left out.
    pub fn all(&self) -> Result<impl Iterator<Item = Result<Feature, Error>> + '_, Error> {
        let segments = self.segments()?;
        let edited = |in_rows| {
            let live = self.open.overlay.live(None);
            let of_kind = live.filter(move |(_, feature)| feature.geometry.is_none() == in_rows);
            of_kind.map(|(slot, feature)| Ok(Place::Edited(slot, feature)))
        };
        let places = self
            .places_in_segments(segments, false)
            .chain(edited(false));
        let rows = self.places_in_segments(segments, true).chain(edited(true));
        let shown = self.shown(places.chain(rows));
        Ok(shown.map(|place| place.and_then(read)))
    }

    /// Where all features with geometry lie, in the order of the file.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`], here and for each. After a damaged one the rest of
    /// its file is left out.
    pub fn places(&self) -> Result<impl Iterator<Item = Result<FeaturePlace, Error>> + '_, Error> {
        let segments = self.segments()?;
        let live = self.open.overlay.live(None);
        let edited = live.filter(|(_, feature)| feature.geometry.is_some());
        let edited = edited.map(|(slot, feature)| Ok(Place::Edited(slot, feature)));
        let places = self.places_in_segments(segments, false).chain(edited);
        Ok(self.shown(places).map(|place| FeaturePlace::of(place?)))
    }

    /// Where the segments have features with geometry, or those without, but for those that
    /// have changed since.
    fn places_in_segments<'a>(
        &'a self,
        segments: &'a [OpenSegment],
        in_rows: bool,
    ) -> impl Iterator<Item = Result<Place<'a>, Error>> {
        let overlay = &self.open.overlay;
        let numbered = segments.iter().enumerate();
        numbered.flat_map(move |(number, open)| {
            let positions = open.segment.all(in_rows);
            let shown = positions.filter(move |position| {
                let hidden = |position| overlay.hides(number, position);
                !position.as_ref().is_ok_and(|position| hidden(*position))
            });
            shown.map(move |position| Ok(Place::Segment(number, open, position?)))
        })
    }

    fn segments(&self) -> Result<&[OpenSegment], Error> {
        self.open.base.segments()
    }

    /// The feature at a place that [`CollectionView::places`] of this collection gave.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn feature_at(&self, place: FeaturePlace) -> Result<Feature, Error> {
        read(self.place_of(place)?)
    }

    /// A hash of the feature at a place: of its id, its geometry and its values. Of two of one
    /// schema that are alike, the hashes are.
    ///
    /// # Errors
    ///
    /// As [`CollectionView::feature_at`].
    pub fn content_at(&self, place: FeaturePlace) -> Result<u64, Error> {
        match self.place_of(place)? {
            Place::Segment(_, open, position) => open.segment.content_at(position),
            Place::Edited(_, feature) => Ok(content_hash(feature, &self.meta().schema)),
        }
    }

    /// The id of the feature at a place.
    ///
    /// # Errors
    ///
    /// As [`CollectionView::feature_at`].
    pub fn id_at(&self, place: FeaturePlace) -> Result<FeatureId, Error> {
        id_of(self.place_of(place)?)
    }

    /// A number that grows when, and only when, its segments are written anew: what is made
    /// of [`CollectionView::in_segments`] holds as long.
    pub fn segments_version(&self) -> u64 {
        let files = self.entry().segments.iter().map(|files| &files.ids.name);
        files
            .filter_map(|name| generation_of(name))
            .max()
            .unwrap_or(0)
    }

    /// Features as its segments have them, also those that have changed since or are not
    /// shown, in the order of the file.
    ///
    /// # Errors
    ///
    /// As [`CollectionView::all`].
    pub fn in_segments(&self) -> Result<impl Iterator<Item = Result<Feature, Error>> + '_, Error> {
        let segments = self.segments()?.iter().enumerate();
        Ok(segments.flat_map(|(number, open)| {
            let both = [false, true].into_iter();
            let positions = both.flat_map(|in_rows| open.segment.all(in_rows));
            positions.map(move |position| read(Place::Segment(number, open, position?)))
        }))
    }

    /// Features that have changed since its segments were written, as they are, by id.
    pub fn edited(&self) -> impl Iterator<Item = &Feature> {
        let live = self.open.overlay.live(None).map(|(_, feature)| &**feature);
        live.filter(|feature| self.is_true(feature))
    }

    /// Whether what is shown is not what its segments have.
    pub fn differs_from_segments(&self) -> bool {
        self.valid.is_some() || !self.open.overlay.is_empty()
    }

    /// The id of the feature at a place, and its values, which replace those in `values`.
    ///
    /// # Errors
    ///
    /// As [`CollectionView::feature_at`].
    pub fn values_at(
        &self,
        place: FeaturePlace,
        values: &mut Vec<Value>,
    ) -> Result<FeatureId, Error> {
        match self.place_of(place)? {
            Place::Segment(_, open, position) => {
                open.segment.values_at(position, &open.projection, values)
            }
            Place::Edited(_, feature) => {
                values.clone_from(&feature.values);
                Ok(feature.id)
            }
        }
    }

    fn place_of(&self, place: FeaturePlace) -> Result<Place<'_>, Error> {
        let number = usize::from(place.segment());
        let found = match self.segments()?.get(number) {
            Some(open) => Some(Place::Segment(number, open, place.position())),
            None => place.slot().and_then(|slot| {
                let feature = self.open.overlay.at(slot)?.feature.as_ref()?;
                Some(Place::Edited(slot, feature))
            }),
        };
        found.ok_or_else(|| {
            let path = Path::new(self.meta().id.as_str());
            Error::corrupt(
                path,
                "has no such segment: the place is another collection's",
            )
        })
    }

    /// The feature with this id.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn get(&self, id: FeatureId) -> Result<Option<Feature>, Error> {
        if let Some(edited) = self.open.overlay.find(id) {
            let feature = edited.feature.as_deref();
            return Ok(feature.filter(|feature| self.is_true(feature)).cloned());
        }
        for (number, open) in self.segments()?.iter().enumerate() {
            if let Some(position) = open.segment.find(id) {
                let feature = read(Place::Segment(number, open, position))?;
                if feature.id != id {
                    let what = format!("leads from {id} to feature {}", feature.id);
                    return Err(Error::corrupt(open.segment.ids_path(), what));
                }
                return Ok(Some(feature).filter(|feature| self.is_true(feature)));
            }
        }
        Ok(None)
    }

    fn is_true(&self, feature: &Feature) -> bool {
        let valid = self.valid.as_ref();
        valid.is_none_or(|valid| valid.holds(&feature.values))
    }

    /// Its pyramids that show the version that is live, by name of tile matrix set.
    pub fn pyramids(&self) -> impl Iterator<Item = PyramidView> + '_ {
        let live = |open: &&Arc<OpenPyramid>| open.entry.of_version == self.version();
        let all = self.open.base.pyramids.values().filter(live);
        all.map(|open| PyramidView(Arc::clone(open)))
    }

    /// Its pyramid in a tile matrix set, if there is one that shows the version that is live.
    pub fn pyramid(&self, tms: &str) -> Option<PyramidView> {
        let open = self.open.base.pyramids.get(tms)?;
        (open.entry.of_version == self.version()).then(|| PyramidView(Arc::clone(open)))
    }

    /// The pyramid in a tile matrix set of this version or of one before, if
    /// [`CollectionView::has_changed_since`] knows all that has changed since.
    pub fn base_pyramid(&self, tms: &str) -> Option<PyramidView> {
        let open = self.open.base.pyramids.get(tms)?;
        let entry = self.entry();
        let of_version = open.entry.of_version;
        let is_known = of_version >= entry.folded.max(entry.written);
        let is_now = self.valid.is_none() && self.snapshot.as_of.is_none();
        let is_fit = is_now && (is_known || of_version == self.version());
        is_fit.then(|| PyramidView(Arc::clone(open)))
    }

    /// Whether features that touch `bounds` are, or were, others than when a base pyramid was
    /// made.
    pub fn has_changed_since(&self, pyramid: &PyramidView, bounds: &Bounds) -> bool {
        self.is_newer_than(pyramid)
            && self
                .open
                .overlay
                .touches_since(pyramid.0.entry.of_version, bounds)
    }

    /// Whether anything has changed since a base pyramid was made.
    pub fn is_newer_than(&self, pyramid: &PyramidView) -> bool {
        pyramid.0.entry.of_version != self.version()
    }

    /// The pyramid in a tile matrix set that was made last, of this version or of one before.
    pub fn last_pyramid(&self, tms: &str) -> Option<PyramidView> {
        let open = self.open.base.pyramids.get(tms)?;
        Some(PyramidView(Arc::clone(open)))
    }

    /// Some `count` features, or all if there are fewer, evenly spread by id.
    ///
    /// Nothing is read but what is returned, and where it lies.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`], here and for each feature.
    pub fn sample(
        &self,
        count: usize,
    ) -> Result<impl Iterator<Item = Result<Feature, Error>> + '_, Error> {
        let segments = self.segments()?.iter().enumerate();
        let all = self.meta().feature_count as usize;
        let step = all.div_ceil(count.max(1)).max(1);
        let overlay = &self.open.overlay;
        let places = segments.flat_map(move |(number, open)| {
            let ids = open.segment.by_id(None).step_by(step);
            let shown = ids.filter(move |(_, position)| !overlay.hides(number, *position));
            shown.map(move |(_, position)| Place::Segment(number, open, position))
        });
        let edited = overlay.live(None).step_by(step);
        let edited = edited.map(|(slot, feature)| Place::Edited(slot, feature));
        let shown = self.shown(places.chain(edited).map(Ok));
        Ok(shown.map(|place| place.and_then(read)))
    }

    /// Up to `limit` features with ids over `after`, by id, that touch `bounds` if given.
    ///
    /// A feature touches `bounds` if its box does, as in [`CollectionView::within`].
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn page(
        &self,
        bounds: Option<&Bounds>,
        after: Option<FeatureId>,
        limit: usize,
    ) -> Result<Page, Error> {
        let (matched, mut places) = match bounds {
            Some(bounds) => self.page_within(bounds, after, limit)?,
            None => self.page_of_all(after, limit)?,
        };
        let more = places.len() > limit;
        places.truncate(limit);
        Ok(Page {
            features: places.into_iter().map(read).collect::<Result<_, _>>()?,
            matched,
            more,
        })
    }

    fn places_within(&self, bounds: &Bounds) -> Result<Vec<Place<'_>>, Error> {
        let mut places = Vec::new();
        let overlay = &self.open.overlay;
        for (number, open) in self.segments()?.iter().enumerate() {
            let mut positions = open.segment.within(bounds)?;
            if !overlay.is_empty() {
                positions.retain(|position| !overlay.hides(number, *position));
            }
            let found = positions.into_iter();
            places.extend(found.map(|position| Place::Segment(number, open, position)));
        }
        let edited = overlay.within(bounds).into_iter();
        let edited = edited.filter_map(|slot| {
            let feature = overlay.at(slot)?.feature.as_ref()?;
            Some(Place::Edited(slot, feature))
        });
        places.extend(edited);
        if self.valid.is_some() {
            return self.shown(places.into_iter().map(Ok)).collect();
        }
        Ok(places)
    }

    /// Number of all matches, and up to one over `limit` of them by id.
    fn page_within(
        &self,
        bounds: &Bounds,
        after: Option<FeatureId>,
        limit: usize,
    ) -> Result<(u64, Vec<Place<'_>>), Error> {
        let places = self.places_within(bounds)?;
        let matched = places.len() as u64;
        let mut by_id = Vec::with_capacity(places.len());
        for place in places {
            let id = id_of(place)?;
            if after.is_none_or(|after| id > after) {
                by_id.push((id, place));
            }
        }
        let wanted = limit.saturating_add(1);
        if by_id.len() > wanted {
            by_id.select_nth_unstable_by_key(wanted, |(id, _)| *id);
            by_id.truncate(wanted);
        }
        by_id.sort_unstable_by_key(|(id, _)| *id);
        let places = by_id.into_iter().map(|(_, place)| place);
        Ok((matched, places.collect()))
    }

    /// The same of all features.
    fn page_of_all(
        &self,
        after: Option<FeatureId>,
        limit: usize,
    ) -> Result<(u64, Vec<Place<'_>>), Error> {
        let wanted = limit.saturating_add(1);
        let places = self.places_by_id(after)?.map(|(_, place)| Ok(place));
        let places = self.shown(places).take(wanted).collect::<Result<_, _>>()?;
        let matched = match &self.valid {
            None => self.meta().feature_count,
            Some(_) => {
                let all = self.places_by_id(None)?.map(|(_, place)| Ok(place));
                let mut matched = 0;
                for place in self.shown(all) {
                    place?;
                    matched += 1;
                }
                matched
            }
        };
        Ok((matched, places))
    }

    /// Ids of all features, by id.
    pub(crate) fn ids(&self) -> Result<impl Iterator<Item = FeatureId> + '_, Error> {
        let places = self.places_by_id(None)?;
        Ok(places.filter_map(|(id, _)| FeatureId::new(id)))
    }

    /// Where all features lie, by id, from the first over `after`.
    fn places_by_id(
        &self,
        after: Option<FeatureId>,
    ) -> Result<impl Iterator<Item = (u64, Place<'_>)>, Error> {
        let overlay = &self.open.overlay;
        let mut sources: Vec<_> = self
            .segments()?
            .iter()
            .enumerate()
            .map(|(number, open)| {
                let ids = open.segment.by_id(after);
                let shown = ids.filter(move |(_, position)| !overlay.hides(number, *position));
                let places =
                    shown.map(move |(id, position)| (id, Place::Segment(number, open, position)));
                let places: Box<dyn Iterator<Item = (u64, Place<'_>)>> = Box::new(places);
                places.peekable()
            })
            .collect();
        let edited = overlay.live(after);
        let edited = edited.map(|(slot, feature)| (feature.id.get(), Place::Edited(slot, feature)));
        let edited: Box<dyn Iterator<Item = (u64, Place<'_>)>> = Box::new(edited);
        sources.push(edited.peekable());
        Ok(std::iter::from_fn(move || {
            // Segments are few: looking at all of their heads is as fast as a heap.
            let heads = sources.iter_mut().enumerate();
            let next = heads
                .filter_map(|(i, places)| places.peek().map(|(id, _)| (*id, i)))
                .min();
            sources[next?.1].next()
        }))
    }
}

/// Where a feature with geometry lies in a collection, of use while its view lives. Places
/// are in the order in which features come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeaturePlace(u64);

impl FeaturePlace {
    /// Bits of the offset in a file; those above number the segment.
    const OFFSET_BITS: u32 = 48;

    fn of(place: Place<'_>) -> Result<FeaturePlace, Error> {
        // Tiers of what has changed are numbered from the last number down.
        let (segment, offset) = match place {
            Place::Segment(number, _, position) => (number, position.offset),
            Place::Edited((tier, place), _) => {
                (usize::from(u16::MAX).saturating_sub(tier), place as u64)
            }
        };
        let segment = u64::try_from(segment).unwrap_or(u64::MAX);
        let fits = segment >> (64 - Self::OFFSET_BITS) == 0;
        if offset >> Self::OFFSET_BITS != 0 || !fits {
            let what = "256 terabytes and 65536 segments of one collection are the most";
            return Err(Error::corrupt(Path::new("collections"), what));
        }
        Ok(FeaturePlace(segment << Self::OFFSET_BITS | offset))
    }

    /// The place as a number, which [`FeaturePlace::from_bits`] takes back.
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// The place that a number stands for.
    pub fn from_bits(bits: u64) -> FeaturePlace {
        FeaturePlace(bits)
    }

    fn segment(self) -> u16 {
        (self.0 >> Self::OFFSET_BITS) as u16
    }

    /// Where it is if it has changed since the segments were written.
    fn slot(self) -> Option<Slot> {
        let tier = usize::from(u16::MAX - self.segment());
        Some((tier, usize::try_from(self.position().offset).ok()?))
    }

    fn position(self) -> Position {
        Position {
            in_rows: false,
            offset: self.0 & ((1 << Self::OFFSET_BITS) - 1),
        }
    }
}

/// The number in the name of a file, which is that of the commit that made it or of one
/// before.
fn generation_of(name: &str) -> Option<u64> {
    let file = name.rsplit('/').next()?;
    file.strip_prefix('g')?.split('-').next()?.parse().ok()
}

fn read(place: Place<'_>) -> Result<Feature, Error> {
    match place {
        Place::Segment(_, open, position) => open.segment.feature_at(position, &open.projection),
        Place::Edited(_, feature) => Ok(Feature::clone(feature)),
    }
}

fn id_of(place: Place<'_>) -> Result<FeatureId, Error> {
    match place {
        Place::Segment(_, open, position) => open.segment.id_at(position),
        Place::Edited(_, feature) => Ok(feature.id),
    }
}

/// Part of a collection, by id.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Up to the limit.
    pub features: Vec<Feature>,
    /// Features that match in all, on every page.
    pub matched: u64,
    /// Whether more follow.
    pub more: bool,
}
