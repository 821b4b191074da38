//! The catalog: what is live, as one text that is replaced in one step.
//!
//! It is one JSON object, in a row of the twin's database. The first line holds the format's number and the XXH3 of all
//! bytes after that line:
//!
//! ```text
//! {"tvilling_catalog": 3, "xxh3_128": "6f…",
//! "generation": 7, "crs": "EPSG:3014", "collections": [ … ], "surveys": [ … ]}
//! ```
//!
//! The structs here mirror the text and nothing else; the rest of the crate sees
//! [`Catalog`]. Bounds are decimal text, since readers of JSON may round the last digit
//! of a number, and a box that is too small by a hair loses features.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use model::{
    Bounds, Collection, CollectionId, Column, ColumnKind, DataOrigin, GeometryKind, Schema, Source,
    Survey, VerticalDatum,
};
use serde::{Deserialize, Serialize};

use crate::files::{FileRef, checksum};
use crate::heights::HeightKind;

const FORMAT: u32 = 3;

/// What is live.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Catalog {
    /// Grows by one with every commit.
    pub(crate) generation: u64,
    /// The twin's name for people.
    pub(crate) name: String,
    /// The CRS of all coordinates.
    pub(crate) crs_code: String,
    pub(crate) collections: BTreeMap<CollectionId, CollectionEntry>,
    pub(crate) surveys: BTreeMap<CollectionId, SurveyEntry>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CollectionEntry {
    pub(crate) meta: Collection,
    /// The commit that last changed its content, but for edits since `folded`.
    pub(crate) version: u64,
    /// The commit that made it: what its features without a version of their own are since.
    pub(crate) since: u64,
    /// Changes up to this number are in the segments; later ones lie over them.
    pub(crate) folded: u64,
    /// The commit that last put changes of its own into the segments.
    pub(crate) written: u64,
    /// No two hold the same id.
    pub(crate) segments: Vec<SegmentFiles>,
    /// By name of tile matrix set; each made of `version` or of one before.
    pub(crate) pyramids: BTreeMap<String, PyramidEntry>,
    pub(crate) report: FileRef,
}

/// All tiles of a collection in one tile matrix set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PyramidEntry {
    /// Name of the tile matrix set.
    pub(crate) tms: String,
    /// First and last level, by the set's numbers.
    pub(crate) levels: [u8; 2],
    /// By how many levels tiles are stored deeper.
    pub(crate) zoom_shift: u8,
    /// Tiles that are not empty.
    pub(crate) tiles: u64,
    /// The version of the collection that it was made of.
    pub(crate) of_version: u64,
    pub(crate) file: FileRef,
    /// By which whoever made it finds what has changed since.
    pub(crate) imprints: Option<FileRef>,
}

impl PyramidEntry {
    fn files(&self) -> impl Iterator<Item = &FileRef> {
        [&self.file].into_iter().chain(&self.imprints)
    }
}

/// The files of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentFiles {
    pub(crate) places: Option<FileRef>,
    pub(crate) rows: Option<FileRef>,
    pub(crate) ids: FileRef,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SurveyEntry {
    pub(crate) meta: Survey,
    /// The generation that last changed its content.
    pub(crate) version: u64,
    pub(crate) points: FileRef,
    pub(crate) terrain: FileRef,
    pub(crate) surface: FileRef,
    pub(crate) distance: FileRef,
    pub(crate) report: FileRef,
}

impl Catalog {
    /// Reads the text.
    ///
    /// # Errors
    ///
    /// A clause that says what is wrong with it.
    pub(crate) fn decode(text: &str) -> Result<Catalog, String> {
        decode(text)
    }

    /// The text.
    pub(crate) fn encode(&self) -> String {
        encode(self)
    }

    /// Gives it its number, and with it whatever has the number that stood for it until now.
    pub(crate) fn number(&mut self, number: u64) {
        let stood = std::mem::replace(&mut self.generation, number);
        let give = |place: &mut u64| {
            if *place == stood {
                *place = number;
            }
        };
        for entry in self.collections.values_mut() {
            give(&mut entry.version);
            give(&mut entry.since);
            give(&mut entry.written);
        }
        for entry in self.surveys.values_mut() {
            give(&mut entry.version);
        }
    }

    /// Every file that it names.
    pub(crate) fn files(&self) -> impl Iterator<Item = &FileRef> {
        let of_collections = self.collections.values().flat_map(|entry| {
            let of_segments = entry.segments.iter().flat_map(SegmentFiles::files);
            let of_pyramids = entry.pyramids.values().flat_map(PyramidEntry::files);
            of_segments.chain(of_pyramids).chain([&entry.report])
        });
        let of_surveys = self.surveys.values().flat_map(SurveyEntry::files);
        of_collections.chain(of_surveys)
    }
}

impl SurveyEntry {
    pub(crate) fn heights(&self) -> [(HeightKind, &FileRef); 3] {
        [
            (HeightKind::Terrain, &self.terrain),
            (HeightKind::Surface, &self.surface),
            (HeightKind::Distance, &self.distance),
        ]
    }

    fn files(&self) -> impl Iterator<Item = &FileRef> {
        let heights = self.heights().map(|(_, file)| file);
        heights.into_iter().chain([&self.points, &self.report])
    }
}

impl SegmentFiles {
    pub(crate) fn files(&self) -> impl Iterator<Item = &FileRef> {
        self.places.iter().chain(&self.rows).chain([&self.ids])
    }
}

fn encode(catalog: &Catalog) -> String {
    let body = RawCatalog::from(catalog);
    let body = serde_json::to_string_pretty(&body)
        .expect("strings, numbers and lists of them always become JSON");
    // Without its opening brace, which stands on the first line.
    let rest = &body[1..];
    let sum = checksum(rest.as_bytes());
    format!("{{\"tvilling_catalog\": {FORMAT}, \"xxh3_128\": \"{sum:032x}\",{rest}")
}

fn decode(text: &str) -> Result<Catalog, String> {
    let (first, _) = text.split_once('\n').ok_or("has no second line")?;
    // The line break belongs to what is summed up.
    let rest = &text[first.len()..];
    let head: RawHead =
        serde_json::from_str(&format!("{}}}", first.strip_suffix(',').unwrap_or(first)))
            .map_err(|error| format!("its first line: {error}"))?;
    if head.tvilling_catalog != FORMAT {
        return Err(format!(
            "is of format {}, and this program reads format {FORMAT}: make a new twin and ingest again",
            head.tvilling_catalog
        ));
    }
    if head.xxh3_128 != format!("{:032x}", checksum(rest.as_bytes())) {
        return Err("is damaged: its checksum does not match".to_owned());
    }
    let raw: RawCatalog =
        serde_json::from_str(&format!("{{{rest}")).map_err(|error| error.to_string())?;
    Catalog::try_from(raw)
}

/// A schema as JSON text.
pub(crate) fn schema_text(schema: &Schema) -> String {
    let raw = RawSchema {
        geometry: word_of(&GEOMETRY_KINDS, &schema.geometry),
        columns: schema.columns.iter().map(RawColumn::from).collect(),
    };
    serde_json::to_string(&raw).expect("strings and lists of them always become JSON")
}

/// Reads what [`schema_text`] gave.
pub(crate) fn schema_of_text(text: &str) -> Result<Schema, String> {
    let raw: RawSchema = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let columns = raw.columns.into_iter().map(Column::try_from);
    Ok(Schema {
        columns: columns.collect::<Result<_, _>>()?,
        geometry: of_word(&GEOMETRY_KINDS, &raw.geometry)?,
    })
}

#[derive(Serialize, Deserialize)]
struct RawSchema {
    geometry: String,
    columns: Vec<RawColumn>,
}

#[derive(Deserialize)]
struct RawHead {
    tvilling_catalog: u32,
    xxh3_128: String,
}

#[derive(Serialize, Deserialize)]
struct RawCatalog {
    generation: u64,
    name: String,
    crs: String,
    collections: Vec<RawCollection>,
    surveys: Vec<RawSurvey>,
}

#[derive(Serialize, Deserialize)]
struct RawCollection {
    id: String,
    title: String,
    department: Option<String>,
    geometry: String,
    columns: Vec<RawColumn>,
    feature_count: u64,
    bounds: Option<RawBounds>,
    source: RawSource,
    data_origin: Option<String>,
    version: u64,
    since: u64,
    folded: u64,
    written: u64,
    segments: Vec<RawSegment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pyramids: Vec<RawPyramid>,
    report: RawFile,
}

#[derive(Serialize, Deserialize)]
struct RawPyramid {
    tms: String,
    levels: [u8; 2],
    zoom_shift: u8,
    tiles: u64,
    of_version: u64,
    file: RawFile,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    imprints: Option<RawFile>,
}

#[derive(Serialize, Deserialize)]
struct RawColumn {
    name: String,
    kind: String,
}

#[derive(Serialize, Deserialize)]
struct RawSource {
    files: Vec<String>,
    delivered: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct RawSegment {
    places: Option<RawFile>,
    rows: Option<RawFile>,
    ids: RawFile,
}

#[derive(Serialize, Deserialize)]
struct RawFile {
    name: String,
    len: u64,
    xxh3_128: String,
}

#[derive(Serialize, Deserialize)]
struct RawSurvey {
    id: String,
    title: String,
    department: Option<String>,
    point_count: u64,
    bounds: RawBounds,
    elevation_range_m: [String; 2],
    vertical: Option<RawVertical>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    geoid: Option<String>,
    flown: Option<Date>,
    source: RawSource,
    data_origin: Option<String>,
    version: u64,
    points: RawFile,
    terrain: RawFile,
    surface: RawFile,
    distance: RawFile,
    report: RawFile,
}

#[derive(Serialize, Deserialize)]
struct RawVertical {
    code: String,
    name: String,
}

/// `min_x`, `min_y`, `max_x`, `max_y`.
#[derive(Serialize, Deserialize)]
struct RawBounds([String; 4]);

const COLUMN_KINDS: [(ColumnKind, &str); 7] = [
    (ColumnKind::Boolean, "boolean"),
    (ColumnKind::Integer, "integer"),
    (ColumnKind::Number, "number"),
    (ColumnKind::Text, "text"),
    (ColumnKind::Date, "date"),
    (ColumnKind::Instant, "instant"),
    (ColumnKind::Json, "json"),
];

const GEOMETRY_KINDS: [(GeometryKind, &str); 5] = [
    (GeometryKind::None, "none"),
    (GeometryKind::Point, "point"),
    (GeometryKind::Line, "line"),
    (GeometryKind::Polygon, "polygon"),
    (GeometryKind::Mixed, "mixed"),
];

fn word_of<T: PartialEq>(words: &[(T, &str)], value: &T) -> String {
    let found = words.iter().find(|(other, _)| other == value);
    found.map_or_else(String::new, |(_, word)| (*word).to_owned())
}

fn of_word<T: Copy>(words: &[(T, &str)], word: &str) -> Result<T, String> {
    let found = words.iter().find(|(_, other)| *other == word);
    found
        .map(|(value, _)| *value)
        .ok_or_else(|| format!("{word:?} is a kind that this program does not know"))
}

impl From<&Catalog> for RawCatalog {
    fn from(catalog: &Catalog) -> RawCatalog {
        RawCatalog {
            generation: catalog.generation,
            name: catalog.name.clone(),
            crs: catalog.crs_code.clone(),
            collections: catalog
                .collections
                .values()
                .map(RawCollection::from)
                .collect(),
            surveys: catalog.surveys.values().map(RawSurvey::from).collect(),
        }
    }
}

impl TryFrom<RawCatalog> for Catalog {
    type Error = String;

    fn try_from(raw: RawCatalog) -> Result<Catalog, String> {
        let collections: Result<Vec<_>, _> = raw
            .collections
            .into_iter()
            .map(CollectionEntry::try_from)
            .collect();
        let surveys: Result<Vec<_>, _> =
            raw.surveys.into_iter().map(SurveyEntry::try_from).collect();
        let collections = collections?.into_iter();
        let surveys = surveys?.into_iter();
        Ok(Catalog {
            generation: raw.generation,
            name: raw.name,
            crs_code: raw.crs,
            collections: collections.map(|e| (e.meta.id.clone(), e)).collect(),
            surveys: surveys.map(|e| (e.meta.id.clone(), e)).collect(),
        })
    }
}

impl From<&CollectionEntry> for RawCollection {
    fn from(entry: &CollectionEntry) -> RawCollection {
        let meta = &entry.meta;
        RawCollection {
            id: meta.id.to_string(),
            title: meta.title.clone(),
            department: meta.department.clone(),
            geometry: word_of(&GEOMETRY_KINDS, &meta.schema.geometry),
            columns: meta.schema.columns.iter().map(RawColumn::from).collect(),
            feature_count: meta.feature_count,
            bounds: meta.bounds.as_ref().map(RawBounds::from),
            source: RawSource::from(&meta.source),
            data_origin: meta.data_origin.map(|origin| origin.as_str().to_owned()),
            version: entry.version,
            since: entry.since,
            folded: entry.folded,
            written: entry.written,
            segments: entry.segments.iter().map(RawSegment::from).collect(),
            pyramids: entry.pyramids.values().map(RawPyramid::from).collect(),
            report: RawFile::from(&entry.report),
        }
    }
}

impl TryFrom<RawCollection> for CollectionEntry {
    type Error = String;

    fn try_from(raw: RawCollection) -> Result<CollectionEntry, String> {
        let columns: Result<_, _> = raw.columns.into_iter().map(Column::try_from).collect();
        let pyramids: Result<Vec<_>, _> = raw
            .pyramids
            .into_iter()
            .map(PyramidEntry::try_from)
            .collect();
        let pyramids = pyramids?.into_iter();
        let segments: Result<_, _> = raw
            .segments
            .into_iter()
            .map(SegmentFiles::try_from)
            .collect();
        Ok(CollectionEntry {
            meta: Collection {
                id: id(&raw.id)?,
                title: raw.title,
                department: raw.department,
                schema: Schema {
                    columns: columns?,
                    geometry: of_word(&GEOMETRY_KINDS, &raw.geometry)?,
                },
                feature_count: raw.feature_count,
                bounds: raw.bounds.map(Bounds::try_from).transpose()?,
                source: raw.source.into(),
                data_origin: origin(raw.data_origin)?,
            },
            version: raw.version,
            since: raw.since,
            folded: raw.folded,
            written: raw.written,
            segments: segments?,
            pyramids: pyramids.map(|p| (p.tms.clone(), p)).collect(),
            report: raw.report.try_into()?,
        })
    }
}

impl From<&PyramidEntry> for RawPyramid {
    fn from(entry: &PyramidEntry) -> RawPyramid {
        RawPyramid {
            tms: entry.tms.clone(),
            levels: entry.levels,
            zoom_shift: entry.zoom_shift,
            tiles: entry.tiles,
            of_version: entry.of_version,
            file: RawFile::from(&entry.file),
            imprints: entry.imprints.as_ref().map(RawFile::from),
        }
    }
}

impl TryFrom<RawPyramid> for PyramidEntry {
    type Error = String;

    fn try_from(raw: RawPyramid) -> Result<PyramidEntry, String> {
        Ok(PyramidEntry {
            tms: raw.tms,
            levels: raw.levels,
            zoom_shift: raw.zoom_shift,
            tiles: raw.tiles,
            of_version: raw.of_version,
            file: raw.file.try_into()?,
            imprints: raw.imprints.map(FileRef::try_from).transpose()?,
        })
    }
}

impl From<&SurveyEntry> for RawSurvey {
    fn from(entry: &SurveyEntry) -> RawSurvey {
        let meta = &entry.meta;
        RawSurvey {
            id: meta.id.to_string(),
            title: meta.title.clone(),
            department: meta.department.clone(),
            point_count: meta.point_count,
            bounds: RawBounds::from(&meta.bounds),
            elevation_range_m: meta.elevation_range_m.map(|m| m.to_string()),
            vertical: match &meta.vertical {
                VerticalDatum::Known { code, name } => Some(RawVertical {
                    code: code.clone(),
                    name: name.clone(),
                }),
                VerticalDatum::Unknown => None,
            },
            geoid: meta.geoid.clone(),
            flown: meta.flown,
            source: RawSource::from(&meta.source),
            data_origin: meta.data_origin.map(|origin| origin.as_str().to_owned()),
            version: entry.version,
            points: RawFile::from(&entry.points),
            terrain: RawFile::from(&entry.terrain),
            surface: RawFile::from(&entry.surface),
            distance: RawFile::from(&entry.distance),
            report: RawFile::from(&entry.report),
        }
    }
}

impl TryFrom<RawSurvey> for SurveyEntry {
    type Error = String;

    fn try_from(raw: RawSurvey) -> Result<SurveyEntry, String> {
        let [lowest, highest] = &raw.elevation_range_m;
        Ok(SurveyEntry {
            meta: Survey {
                id: id(&raw.id)?,
                title: raw.title,
                department: raw.department,
                point_count: raw.point_count,
                bounds: raw.bounds.try_into()?,
                elevation_range_m: [number(lowest)?, number(highest)?],
                vertical: match raw.vertical {
                    Some(RawVertical { code, name }) => VerticalDatum::Known { code, name },
                    None => VerticalDatum::Unknown,
                },
                geoid: raw.geoid,
                flown: raw.flown,
                source: raw.source.into(),
                data_origin: origin(raw.data_origin)?,
            },
            version: raw.version,
            points: raw.points.try_into()?,
            terrain: raw.terrain.try_into()?,
            surface: raw.surface.try_into()?,
            distance: raw.distance.try_into()?,
            report: raw.report.try_into()?,
        })
    }
}

impl From<&Column> for RawColumn {
    fn from(column: &Column) -> RawColumn {
        RawColumn {
            name: column.name.clone(),
            kind: word_of(&COLUMN_KINDS, &column.kind),
        }
    }
}

impl TryFrom<RawColumn> for Column {
    type Error = String;

    fn try_from(raw: RawColumn) -> Result<Column, String> {
        Ok(Column {
            kind: of_word(&COLUMN_KINDS, &raw.kind)?,
            name: raw.name,
        })
    }
}

impl From<&Source> for RawSource {
    fn from(source: &Source) -> RawSource {
        RawSource {
            files: source.files.clone(),
            delivered: source.delivered,
        }
    }
}

impl From<RawSource> for Source {
    fn from(raw: RawSource) -> Source {
        Source {
            files: raw.files,
            delivered: raw.delivered,
        }
    }
}

impl From<&SegmentFiles> for RawSegment {
    fn from(files: &SegmentFiles) -> RawSegment {
        RawSegment {
            places: files.places.as_ref().map(RawFile::from),
            rows: files.rows.as_ref().map(RawFile::from),
            ids: RawFile::from(&files.ids),
        }
    }
}

impl TryFrom<RawSegment> for SegmentFiles {
    type Error = String;

    fn try_from(raw: RawSegment) -> Result<SegmentFiles, String> {
        Ok(SegmentFiles {
            places: raw.places.map(FileRef::try_from).transpose()?,
            rows: raw.rows.map(FileRef::try_from).transpose()?,
            ids: raw.ids.try_into()?,
        })
    }
}

impl From<&FileRef> for RawFile {
    fn from(file: &FileRef) -> RawFile {
        RawFile {
            name: file.name.clone(),
            len: file.len,
            xxh3_128: format!("{:032x}", file.checksum),
        }
    }
}

impl TryFrom<RawFile> for FileRef {
    type Error = String;

    fn try_from(raw: RawFile) -> Result<FileRef, String> {
        // A catalog from elsewhere must not make us read or unlink beyond the twin.
        let parts: Vec<_> = raw.name.split('/').collect();
        let inside = match parts.as_slice() {
            ["collections" | "surveys", id, file] => {
                CollectionId::new(id).is_ok() && is_name_of_ours(file)
            }
            _ => false,
        };
        if !inside {
            return Err(format!("{:?} is no file of a twin", raw.name));
        }
        let checksum = u128::from_str_radix(&raw.xxh3_128, 16)
            .map_err(|_| format!("{:?} is no checksum", raw.xxh3_128))?;
        Ok(FileRef {
            name: raw.name,
            len: raw.len,
            checksum,
        })
    }
}

/// Returns whether the store may have given a file this name: the generation that made
/// it, then what tells it apart, such as a tile matrix set.
pub(crate) fn is_name_of_ours(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let digits =
        |text: &str| (8..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    name.strip_prefix('g')
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(generation, _)| digits(generation))
        && name.bytes().all(plain)
}

impl From<&Bounds> for RawBounds {
    fn from(bounds: &Bounds) -> RawBounds {
        RawBounds(bounds.to_array().map(|edge| edge.to_string()))
    }
}

impl TryFrom<RawBounds> for Bounds {
    type Error = String;

    fn try_from(RawBounds([min_x, min_y, max_x, max_y]): RawBounds) -> Result<Bounds, String> {
        Bounds::new(
            number(&min_x)?,
            number(&min_y)?,
            number(&max_x)?,
            number(&max_y)?,
        )
        .map_err(|error| error.to_string())
    }
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

fn id(text: &str) -> Result<CollectionId, String> {
    CollectionId::new(text).map_err(|error| error.to_string())
}

fn origin(word: Option<String>) -> Result<Option<DataOrigin>, String> {
    word.map(|word| {
        DataOrigin::from_word(&word).ok_or_else(|| format!("{word:?} is no origin of data"))
    })
    .transpose()
}
