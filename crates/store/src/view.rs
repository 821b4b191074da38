//! What a caller may see of a snapshot: the only way to read a twin.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use model::{
    Access, Bounds, Collection, Cube, Feature, FeatureId, Grid, PointBatch, Survey, Value, VoxelKey,
};

use xxhash_rust::xxh3::Xxh3Default;

use crate::Error;
use crate::catalog::CollectionEntry;
use crate::files::Mapped;
use crate::heights::{HeightKind, HeightMap};
use crate::points::{OctreeNode, Points};
use crate::pyramids::{OpenPyramid, PyramidView};
use crate::segment::Position;
use crate::twin::{OpenCollection, OpenError, OpenSegment, OpenSurvey, Snapshot};

/// Bytes that are copied at a time.
const COPY_PIECE_LEN: usize = 1 << 20;

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
            .map(|(_, open)| CollectionView(Arc::clone(open)))
            .collect()
    }

    /// A visible collection.
    pub fn collection(&self, id: &str) -> Option<CollectionView> {
        let (id, open) = self.snapshot.collections.get_key_value(id)?;
        self.access
            .may_see(id)
            .then(|| CollectionView(Arc::clone(open)))
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

/// A visible collection of features.
#[derive(Debug, Clone)]
pub struct CollectionView(Arc<OpenCollection>);

/// Where a feature lies in a collection.
type Place<'a> = (&'a OpenSegment, Position);

impl CollectionView {
    pub(crate) fn new(open: Arc<OpenCollection>) -> CollectionView {
        CollectionView(open)
    }

    pub(crate) fn entry(&self) -> &CollectionEntry {
        &self.0.entry
    }

    /// The code of the CRS that all coordinates are in.
    pub fn crs_code(&self) -> &str {
        &self.0.crs_code
    }

    /// What it is.
    pub fn meta(&self) -> &Collection {
        &self.0.entry.meta
    }

    /// Changes when, and only when, the collection's content does.
    pub fn version(&self) -> u64 {
        self.0.entry.version
    }

    /// What was repaired or left out when it was ingested last, as JSON text.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn report(&self) -> Result<&str, Error> {
        text_of(&self.0.report)
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
        let segments = self.0.segments()?;
        let places = [false, true].into_iter().flat_map(move |in_rows| {
            segments
                .iter()
                .flat_map(move |open| open.segment.all(in_rows).map(move |p| Ok((open, p?))))
        });
        Ok(places.map(|place| place.and_then(read)))
    }

    /// Where all features with geometry lie, in the order of the file.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`], here and for each. After a damaged one the rest of
    /// its file is left out.
    pub fn places(&self) -> Result<impl Iterator<Item = Result<FeaturePlace, Error>> + '_, Error> {
        let segments = self.0.segments()?.iter().enumerate();
        Ok(segments.flat_map(|(number, open)| {
            let positions = open.segment.all(false);
            positions.map(move |position| FeaturePlace::new(number, position?))
        }))
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
        let (open, position) = self.place_of(place)?;
        open.segment.content_at(position)
    }

    /// The id of the feature at a place.
    ///
    /// # Errors
    ///
    /// As [`CollectionView::feature_at`].
    pub fn id_at(&self, place: FeaturePlace) -> Result<FeatureId, Error> {
        let (open, position) = self.place_of(place)?;
        open.segment.id_at(position)
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
        let (open, position) = self.place_of(place)?;
        open.segment.values_at(position, &open.projection, values)
    }

    fn place_of(&self, place: FeaturePlace) -> Result<Place<'_>, Error> {
        let segments = self.0.segments()?;
        let open = segments.get(usize::from(place.segment())).ok_or_else(|| {
            let path = Path::new(self.meta().id.as_str());
            Error::corrupt(
                path,
                "has no such segment: the place is another collection's",
            )
        })?;
        Ok((open, place.position()))
    }

    /// The feature with this id.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn get(&self, id: FeatureId) -> Result<Option<Feature>, Error> {
        for open in self.0.segments()? {
            if let Some(position) = open.segment.find(id) {
                let feature = read((open, position))?;
                if feature.id != id {
                    let what = format!("leads from {id} to feature {}", feature.id);
                    return Err(Error::corrupt(open.segment.ids_path(), what));
                }
                return Ok(Some(feature));
            }
        }
        Ok(None)
    }

    /// Its pyramids that show the version that is live, by name of tile matrix set.
    pub fn pyramids(&self) -> impl Iterator<Item = PyramidView> + '_ {
        let live = |open: &&Arc<OpenPyramid>| open.entry.of_version == self.version();
        let all = self.0.pyramids.values().filter(live);
        all.map(|open| PyramidView(Arc::clone(open)))
    }

    /// Its pyramid in a tile matrix set, if there is one that shows the version that is live.
    pub fn pyramid(&self, tms: &str) -> Option<PyramidView> {
        let open = self.0.pyramids.get(tms)?;
        (open.entry.of_version == self.version()).then(|| PyramidView(Arc::clone(open)))
    }

    /// The pyramid in a tile matrix set that was made last, of this version or of one before.
    pub fn last_pyramid(&self, tms: &str) -> Option<PyramidView> {
        let open = self.0.pyramids.get(tms)?;
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
        let segments = self.0.segments()?;
        let all = self.meta().feature_count as usize;
        let step = all.div_ceil(count.max(1)).max(1);
        let places = segments.iter().flat_map(move |open| {
            let ids = open.segment.by_id(None).step_by(step);
            ids.map(move |(_, position)| (open, position))
        });
        Ok(places.map(read))
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
        for open in self.0.segments()? {
            let positions = open.segment.within(bounds)?;
            places.extend(positions.into_iter().map(|position| (open, position)));
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
        for (open, position) in places {
            let id = open.segment.id_at(position)?;
            if after.is_none_or(|after| id > after) {
                by_id.push((id, (open, position)));
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
        let mut segments: Vec<_> = self
            .0
            .segments()?
            .iter()
            .map(|open| (open, open.segment.by_id(after).peekable()))
            .collect();
        let mut places = Vec::new();
        while places.len() <= limit {
            // Segments are few: looking at all of their heads is as fast as a heap.
            let heads = segments.iter_mut().enumerate();
            let next = heads
                .filter_map(|(i, (_, ids))| ids.peek().map(|(id, _)| (*id, i)))
                .min();
            let Some((_, i)) = next else { break };
            let (open, ids) = &mut segments[i];
            places.extend(ids.next().map(|(_, position)| (*open, position)));
        }
        Ok((self.meta().feature_count, places))
    }
}

/// Where a feature with geometry lies in a collection, of use while its view lives. Places
/// are in the order in which features come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeaturePlace(u64);

impl FeaturePlace {
    /// Bits of the offset in a file; those above number the segment.
    const OFFSET_BITS: u32 = 48;

    fn new(segment: usize, position: Position) -> Result<FeaturePlace, Error> {
        let segment = u64::try_from(segment).unwrap_or(u64::MAX);
        let fits = segment >> (64 - Self::OFFSET_BITS) == 0;
        if position.offset >> Self::OFFSET_BITS != 0 || !fits {
            let what = "256 terabytes and 65536 segments of one collection are the most";
            return Err(Error::corrupt(Path::new("collections"), what));
        }
        Ok(FeaturePlace(segment << Self::OFFSET_BITS | position.offset))
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

    fn position(self) -> Position {
        Position {
            in_rows: false,
            offset: self.0 & ((1 << Self::OFFSET_BITS) - 1),
        }
    }
}

fn read((open, position): Place<'_>) -> Result<Feature, Error> {
    open.segment.feature_at(position, &open.projection)
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

/// A visible survey.
#[derive(Debug, Clone)]
pub struct SurveyView(pub(crate) Arc<OpenSurvey>);

impl SurveyView {
    /// The code of the CRS that all coordinates are in.
    pub fn crs_code(&self) -> &str {
        &self.0.crs_code
    }

    /// What it is.
    pub fn meta(&self) -> &Survey {
        &self.0.entry.meta
    }

    /// Changes when, and only when, the survey's content does.
    pub fn version(&self) -> u64 {
        self.0.entry.version
    }

    /// What was repaired or left out when it was ingested, as JSON text.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn report(&self) -> Result<&str, Error> {
        text_of(&self.0.report)
    }

    /// The bytes of the points, as COPC.
    ///
    /// They are mapped, not read: reading them may wait for the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`] if the file could not be opened.
    pub fn points_copc(&self) -> Result<&[u8], Error> {
        Ok(self.points_file()?.bytes())
    }

    /// Writes the bytes of the points to a new file, durably, and returns how many there are.
    ///
    /// They are held against the catalog's checksum on the way. After an error there may be
    /// part of a file.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if they are damaged; [`Error::Io`], also if `out` exists.
    pub fn copy_points(&self, out: &Path) -> Result<u64, Error> {
        let map = self.points_file()?;
        let mut file = File::create_new(out).map_err(Error::io(out))?;
        let mut hasher = Xxh3Default::new();
        for piece in map.bytes().chunks(COPY_PIECE_LEN) {
            hasher.update(piece);
            file.write_all(piece).map_err(Error::io(out))?;
        }
        if hasher.digest128() != self.points_checksum() {
            let what = "its checksum does not match the catalog's: `tvilling check` tells more";
            return Err(Error::corrupt(map.path(), what));
        }
        file.sync_all().map_err(Error::io(out))?;
        Ok(map.bytes().len() as u64)
    }

    /// XXH3 of the bytes of the points, 128 bits, as the catalog has it.
    pub fn points_checksum(&self) -> u128 {
        self.0.entry.points.checksum
    }

    /// Points, node by node, in the order of the file.
    ///
    /// Levels are read down to the first whose points lie no farther apart than
    /// `deepest_spacing_m`, or all; of those, the points in `bounds`, or all. Places and
    /// attributes are as they were written, bit for bit. A batch is held in memory at a
    /// time: a node, of some hundred thousand points at most as a rule.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the spacing is no length; [`Error::Corrupt`], [`Error::Io`],
    /// here and for each node.
    pub fn points<'a>(
        &'a self,
        bounds: Option<&Bounds>,
        deepest_spacing_m: Option<f64>,
    ) -> Result<impl Iterator<Item = Result<PointBatch, Error>> + use<'a>, Error> {
        Points::open(self.points_file()?)?.batches(bounds.copied(), deepest_spacing_m)
    }

    /// The cube of the octree that the points lie in, and how far apart those of its root
    /// are, in metres: half as far at each level.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn octree(&self) -> Result<(Cube, f64), Error> {
        let points = Points::open(self.points_file()?)?;
        Ok((points.cube, points.spacing_m))
    }

    /// Deepest level of the octree; the whole hierarchy is read for it.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn deepest_level(&self) -> Result<u8, Error> {
        Points::open(self.points_file()?)?.deepest_level()
    }

    /// Nodes of the octree at and below `top`, so many levels with its own, by key.
    ///
    /// A node without points of its own is there if one below it has some.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn nodes_below(&self, top: VoxelKey, levels: u8) -> Result<Vec<OctreeNode>, Error> {
        Points::open(self.points_file()?)?.nodes_below(top, levels)
    }

    /// The points of one node of the octree, in the order of the file; none if there is no
    /// such node.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn node(&self, key: VoxelKey) -> Result<Option<PointBatch>, Error> {
        Points::open(self.points_file()?)?.node(key)
    }

    fn points_file(&self) -> Result<&Mapped, Error> {
        self.0.points.as_ref().map_err(OpenError::to_error)
    }

    /// The bytes of a grid, as GeoTIFF.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`] if the file could not be opened.
    pub fn heights_tiff(&self, kind: HeightKind) -> Result<&[u8], Error> {
        Ok(self.heights(kind)?.bytes())
    }

    /// Elevation at a point, bilinear; none beyond the survey.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`].
    pub fn elevation(&self, kind: HeightKind, point: [f64; 2]) -> Result<Option<f32>, Error> {
        self.heights(kind)?.sample(point)
    }

    /// The cells that cover `bounds`, from the coarsest overview whose cells are not
    /// larger than `cell_size_m`, or the finest there is. Cells beyond the survey are NaN.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if those are over 2²⁶ cells; [`Error::Corrupt`], [`Error::Io`].
    pub fn window(
        &self,
        kind: HeightKind,
        bounds: &Bounds,
        cell_size_m: f64,
    ) -> Result<Grid, Error> {
        self.heights(kind)?.window(bounds, cell_size_m)
    }

    pub(crate) fn heights(&self, kind: HeightKind) -> Result<&HeightMap, Error> {
        let opened = match kind {
            HeightKind::Terrain => &self.0.terrain,
            HeightKind::Surface => &self.0.surface,
            HeightKind::Distance => &self.0.distance,
        };
        match opened {
            Ok(heights) => Ok(heights),
            Err(error) => Err(error.to_error()),
        }
    }
}

fn text_of(report: &Result<Mapped, OpenError>) -> Result<&str, Error> {
    let map = match report {
        Ok(map) => map,
        Err(error) => return Err(error.to_error()),
    };
    std::str::from_utf8(map.bytes()).map_err(|_| Error::corrupt(map.path(), "is not UTF-8"))
}
