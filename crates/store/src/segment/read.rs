//! Reading a segment where it is mapped. No byte is trusted: what is wrong gives
//! [`Error::Corrupt`].

use std::path::Path;

use flatbuffers::InvalidFlatbuffer;
use flatgeobuf::{
    ColumnType, Feature as FeatureTable, GeometryType, size_prefixed_root_as_feature,
    size_prefixed_root_as_header,
};
use model::{Bounds, ColumnKind, Feature, FeatureId, Schema, Value};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::MAGIC;
use super::encode::{self, Target};
use super::geometry;
use super::ids::{Ids, Position};
use super::tree::{self, Tree};
use crate::Error;
use crate::files::Mapped;

/// An opened segment.
#[derive(Debug)]
pub(crate) struct Segment {
    places: Option<FgbFile>,
    rows: Option<FgbFile>,
    ids: Ids,
}

/// Where the values of a segment's columns go in the features of a collection.
#[derive(Debug)]
pub(crate) struct Projection {
    width: usize,
    places: Vec<(ColumnType, Option<Target>)>,
    rows: Vec<(ColumnType, Option<Target>)>,
}

impl Projection {
    fn of(&self, position: Position) -> &[(ColumnType, Option<Target>)] {
        if position.in_rows {
            &self.rows
        } else {
            &self.places
        }
    }
}

impl Segment {
    /// Opens a segment and verifies its headers.
    pub(crate) fn open(
        places: Option<Mapped>,
        rows: Option<Mapped>,
        ids: Mapped,
    ) -> Result<Segment, Error> {
        let segment = Segment {
            places: places.map(FgbFile::open).transpose()?,
            rows: rows.map(FgbFile::open).transpose()?,
            ids: Ids::open(ids)?,
        };
        if let Some(places) = &segment.places
            && places.tree.is_none()
        {
            return Err(Error::corrupt(places.map.path(), "has no spatial index"));
        }
        let in_files = [&segment.places, &segment.rows]
            .into_iter()
            .flatten()
            .map(|file| file.count)
            .sum::<u64>();
        let in_ids = segment.ids.entries().len() as u64;
        if in_files == in_ids {
            Ok(segment)
        } else {
            let what = format!("knows {in_ids} features where the segment has {in_files}");
            Err(Error::corrupt(segment.ids.path(), what))
        }
    }

    /// Computes once where each column goes in features of this schema.
    pub(crate) fn project(&self, schema: &Schema) -> Result<Projection, Error> {
        let of = |file: &Option<FgbFile>| match file {
            Some(file) => file.project(schema),
            None => Ok(Vec::new()),
        };
        Ok(Projection {
            width: schema.columns.len(),
            places: of(&self.places)?,
            rows: of(&self.rows)?,
        })
    }

    /// The same for a schema of before: columns that it does not have are left out.
    pub(crate) fn project_what_fits(&self, schema: &Schema) -> Projection {
        let of = |file: &Option<FgbFile>| {
            let columns = file.iter().flat_map(|file| file.columns.iter().enumerate());
            let each = columns.map(|(i, (name, kind))| {
                let place = if i == 0 { None } else { schema.position(name) };
                let target = place.map(|place| Target {
                    place,
                    kind: schema.columns[place].kind,
                });
                (*kind, target)
            });
            each.collect()
        };
        Projection {
            width: schema.columns.len(),
            places: of(&self.places),
            rows: of(&self.rows),
        }
    }

    /// Box around all geometries, as the header says.
    pub(crate) fn bounds(&self) -> Option<Bounds> {
        self.places.as_ref()?.bounds
    }

    /// Number of features.
    pub(crate) fn len(&self) -> u64 {
        self.ids.entries().len() as u64
    }

    /// Positions of the features whose boxes touch `bounds`, in the order of the file.
    pub(crate) fn within(&self, bounds: &Bounds) -> Result<Vec<Position>, Error> {
        let Some(places) = &self.places else {
            return Ok(Vec::new());
        };
        let offsets = places.search(bounds)?;
        Ok(offsets
            .into_iter()
            .map(|offset| Position {
                in_rows: false,
                offset,
            })
            .collect())
    }

    /// Positions of all features with geometry, or of all without, in the order of the file.
    pub(crate) fn all(&self, in_rows: bool) -> impl Iterator<Item = Result<Position, Error>> + '_ {
        let file = if in_rows { &self.rows } else { &self.places };
        let offsets = file.iter().flat_map(FgbFile::offsets);
        offsets.map(move |offset| {
            Ok(Position {
                in_rows,
                offset: offset?,
            })
        })
    }

    /// Position of the feature with this id.
    pub(crate) fn find(&self, id: FeatureId) -> Option<Position> {
        self.ids.find(id)
    }

    /// Ids and positions from the first id over `after`, by id.
    pub(crate) fn by_id(
        &self,
        after: Option<FeatureId>,
    ) -> impl ExactSizeIterator<Item = (u64, Position)> + '_ {
        self.ids.after(after)
    }

    /// The file with the index by id.
    pub(crate) fn ids_path(&self) -> &Path {
        self.ids.path()
    }

    /// Id of the feature at a position, without reading the rest of it.
    pub(crate) fn id_at(&self, position: Position) -> Result<FeatureId, Error> {
        let file = self.file(position)?;
        let table = file.table(position.offset)?;
        file.id_of(&table, position.offset)
    }

    /// The feature at a position.
    pub(crate) fn feature_at(
        &self,
        position: Position,
        projection: &Projection,
    ) -> Result<Feature, Error> {
        let columns = projection.of(position);
        self.file(position)?
            .feature(position.offset, columns, projection.width)
    }

    /// A hash of all that is written of the feature at a position. Equal hashes mean equal
    /// features of one schema.
    pub(crate) fn content_at(&self, position: Position) -> Result<u64, Error> {
        let file = self.file(position)?;
        let bytes = file.buffer(position.offset)?;
        Ok(xxh3_64_with_seed(bytes, file.meaning))
    }

    /// The id of the feature at a position, and its values, which replace those in `values`.
    pub(crate) fn values_at(
        &self,
        position: Position,
        projection: &Projection,
        values: &mut Vec<Value>,
    ) -> Result<FeatureId, Error> {
        let columns = projection.of(position);
        let file = self.file(position)?;
        let table = file.table(position.offset)?;
        file.values(&table, position.offset, columns, projection.width, values)
    }

    /// Compares the boxes in the index with the header and the geometries with their boxes,
    /// and calls `problem` with a sentence for each that disagrees.
    pub(crate) fn check_boxes(
        &self,
        projection: &Projection,
        problem: &mut dyn FnMut(String),
    ) -> Result<(), Error> {
        let Some(places) = &self.places else {
            return Ok(());
        };
        let header = places.bounds.map(|b| b.to_array());
        for (leaf, offset) in places.leaves() {
            let feature = places.feature(offset, &projection.places, projection.width)?;
            let bounds = feature.geometry.as_ref().and_then(Bounds::of_geometry);
            if bounds.map(|b| b.to_array()) != Some(leaf) {
                let what = format!(
                    "the index has another box than the geometry of feature {}",
                    feature.id
                );
                problem(Error::corrupt(places.map.path(), what).to_string());
            }
            let inside = header.is_some_and(|all| {
                all[0] <= leaf[0] && all[1] <= leaf[1] && leaf[2] <= all[2] && leaf[3] <= all[3]
            });
            if !inside {
                let what = format!("feature {} lies beyond the header's box", feature.id);
                problem(Error::corrupt(places.map.path(), what).to_string());
            }
        }
        Ok(())
    }

    fn file(&self, position: Position) -> Result<&FgbFile, Error> {
        let file = if position.in_rows {
            &self.rows
        } else {
            &self.places
        };
        file.as_ref().ok_or_else(|| {
            let what = "points into a file that the segment does not have";
            Error::corrupt(self.ids.path(), what)
        })
    }
}

/// One mapped FlatGeobuf file.
#[derive(Debug)]
struct FgbFile {
    map: Mapped,
    columns: Vec<(String, ColumnType)>,
    geometry_type: GeometryType,
    /// A hash of what the bytes of features mean: names and types.
    meaning: u64,
    bounds: Option<Bounds>,
    count: u64,
    tree: Option<Tree>,
    /// Where the index starts.
    tree_start: usize,
    /// Where the first feature starts.
    features_start: usize,
}

impl FgbFile {
    fn open(map: Mapped) -> Result<FgbFile, Error> {
        let corrupt = |what: &str| Error::corrupt(map.path(), what);
        let bytes = map.bytes();
        if !bytes.starts_with(&MAGIC) {
            return Err(corrupt("does not start as FlatGeobuf version 3 does"));
        }
        let buffer = sized(bytes, MAGIC.len()).ok_or_else(|| corrupt("its header is cut short"))?;
        let header = size_prefixed_root_as_header(buffer)
            .map_err(|error| corrupt(&format!("its header is damaged: {}", first_line(&error))))?;
        let columns = header.columns().into_iter().flatten();
        let columns: Vec<_> = columns
            .map(|column| (column.name().to_owned(), column.type_()))
            .collect();
        let bounds = match header.envelope() {
            None => None,
            Some(edges) if edges.len() == 4 => Some(
                Bounds::new(edges.get(0), edges.get(1), edges.get(2), edges.get(3))
                    .map_err(|error| corrupt(&format!("its header's box: {error}")))?,
            ),
            Some(_) => return Err(corrupt("its header's box has not four edges")),
        };
        let count = header.features_count();
        let geometry_type = header.geometry_type();
        let tree = match header.index_node_size() {
            0 => None,
            tree::NODE_SIZE => Some(Tree::with_leaves(count).ok_or_else(|| {
                corrupt(&format!("its header claims an index of {count} features"))
            })?),
            other => return Err(corrupt(&format!("its index has nodes of {other}"))),
        };
        let tree_start = MAGIC.len() + buffer.len();
        let features_start = tree_start + tree.as_ref().map_or(0, Tree::byte_len);
        if features_start > bytes.len() {
            return Err(corrupt("ends inside its index"));
        }
        let meaning = format!("{geometry_type:?} {columns:?}");
        Ok(FgbFile {
            meaning: xxh3_64(meaning.as_bytes()),
            columns,
            geometry_type,
            bounds,
            count,
            tree,
            tree_start,
            features_start,
            map,
        })
    }

    fn project(&self, schema: &Schema) -> Result<Vec<(ColumnType, Option<Target>)>, Error> {
        let mut projected = Vec::with_capacity(self.columns.len());
        for (i, (name, kind)) in self.columns.iter().enumerate() {
            let place = if i == 0 { None } else { schema.position(name) };
            let target = place.map(|place| Target {
                place,
                kind: schema.columns[place].kind,
            });
            let expected = match (i, target.map(|target| target.kind)) {
                (0, _) => *kind == ColumnType::Long,
                (_, Some(ColumnKind::Number)) => {
                    matches!(*kind, ColumnType::Long | ColumnType::Double)
                }
                (_, Some(target)) => *kind == encode::column_type(target),
                (_, None) => false,
            };
            if !expected {
                let what = format!("its column {name:?} is not as the catalog has it");
                return Err(Error::corrupt(self.map.path(), what));
            }
            projected.push((*kind, target));
        }
        Ok(projected)
    }

    fn search(&self, bounds: &Bounds) -> Result<Vec<u64>, Error> {
        let Some(tree) = &self.tree else {
            return Ok(Vec::new());
        };
        tree.search(self.tree_bytes(), bounds)
            .map_err(|what| Error::corrupt(self.map.path(), what))
    }

    fn leaves(&self) -> impl Iterator<Item = ([f64; 4], u64)> + '_ {
        let leaves = self
            .tree
            .as_ref()
            .map(|tree| tree.leaves(self.tree_bytes()));
        leaves.into_iter().flatten()
    }

    fn tree_bytes(&self) -> &[u8] {
        &self.map.bytes()[self.tree_start..self.features_start]
    }

    /// Offsets of all features. Ends after the first that does not fit.
    fn offsets(&self) -> impl Iterator<Item = Result<u64, Error>> + '_ {
        let mut next = Some((0, 0));
        std::iter::from_fn(move || {
            let (index, offset) = next.take()?;
            if index == self.count {
                let left_over = self.features().len() as u64 > offset;
                return left_over.then(|| {
                    Err(Error::corrupt(
                        self.map.path(),
                        format!("has bytes after its {} features", self.count),
                    ))
                });
            }
            match self.buffer(offset) {
                Ok(buffer) => {
                    next = Some((index + 1, offset + buffer.len() as u64));
                    Some(Ok(offset))
                }
                Err(error) => Some(Err(error)),
            }
        })
    }

    fn features(&self) -> &[u8] {
        &self.map.bytes()[self.features_start..]
    }

    fn buffer(&self, offset: u64) -> Result<&[u8], Error> {
        usize::try_from(offset)
            .ok()
            .and_then(|start| sized(self.features(), start))
            .ok_or_else(|| self.corrupt(offset, "it is cut short"))
    }

    fn table(&self, offset: u64) -> Result<FeatureTable<'_>, Error> {
        size_prefixed_root_as_feature(self.buffer(offset)?)
            .map_err(|error| self.corrupt(offset, &first_line(&error)))
    }

    fn id_of(&self, table: &FeatureTable<'_>, offset: u64) -> Result<FeatureId, Error> {
        let attributes = table.properties().map(|bytes| bytes.bytes());
        encode::decode_id(attributes.unwrap_or_default())
            .map_err(|what| self.corrupt(offset, &what))
    }

    fn feature(
        &self,
        offset: u64,
        columns: &[(ColumnType, Option<Target>)],
        width: usize,
    ) -> Result<Feature, Error> {
        let table = self.table(offset)?;
        let mut values = Vec::new();
        let id = self.values(&table, offset, columns, width, &mut values)?;
        let geometry = match table.geometry() {
            Some(table) => Some(
                geometry::decode(&table, self.geometry_type, 0)
                    .map_err(|what| self.corrupt(offset, &what))?,
            ),
            None => None,
        };
        Ok(Feature {
            id,
            geometry,
            values,
        })
    }

    fn values(
        &self,
        table: &FeatureTable<'_>,
        offset: u64,
        columns: &[(ColumnType, Option<Target>)],
        width: usize,
        values: &mut Vec<Value>,
    ) -> Result<FeatureId, Error> {
        values.clear();
        values.resize(width, Value::Null);
        let attributes = table.properties().map(|bytes| bytes.bytes());
        encode::decode(attributes.unwrap_or_default(), columns, values)
            .map_err(|what| self.corrupt(offset, &what))?;
        self.id_of(table, offset)
    }

    fn corrupt(&self, offset: u64, what: &str) -> Error {
        // An offset that makes no sense is what is being reported.
        let at = (self.features_start as u64).saturating_add(offset);
        Error::corrupt(
            self.map.path(),
            format!("the feature at byte {at} is damaged: {what}"),
        )
    }
}

/// What the verifier found, without its trace through the tables.
fn first_line(error: &InvalidFlatbuffer) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

/// The buffer that starts at `start` with its own length; none if it is cut short.
fn sized(bytes: &[u8], start: usize) -> Option<&[u8]> {
    let rest = bytes.get(start..)?;
    let len = u32::from_le_bytes(*rest.first_chunk::<4>()?) as usize;
    rest.get(..len.checked_add(4)?)
}
