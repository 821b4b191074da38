//! Writing a segment: sorted, packed, and the same bytes for the same features.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flatbuffers::{FlatBufferBuilder, WIPOffset};
use flatgeobuf::{
    Column, ColumnArgs, ColumnType, Crs, CrsArgs, Feature as FeatureTable, FeatureArgs,
    GeometryType, Header, HeaderArgs,
};
use geo_types::Geometry;
use model::{Bounds, Feature, FeatureId, Schema, Value};

use super::geometry::{self, normalise};
use super::ids::{self, Position};
use super::tree::{self, Tree};
use super::{MAGIC, encode};
use crate::Error;

/// How many bytes of text one feature may have: enough for any attribute table, and
/// far from the 2 GiB that a FlatBuffer can address.
pub(crate) const TEXT_BYTES_MAX: usize = 64 << 20;

/// How many columns a collection may have: FlatGeobuf numbers them with 16 bits, and
/// no table that a person fills has a tenth of this.
pub(crate) const COLUMNS_MAX: usize = 10_000;

/// What the files of a segment say of its features.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer<'a> {
    /// What GIS programs call it.
    pub(crate) name: &'a str,
    /// Columns of the features.
    pub(crate) schema: &'a Schema,
    /// CRS of the coordinates.
    pub(crate) crs_code: &'a str,
    /// Whether its files must outlive a loss of power.
    pub(crate) is_durable: bool,
}

impl Layer<'_> {
    fn settle(&self, file: &File) -> io::Result<()> {
        if self.is_durable {
            file.sync_all()?;
        }
        Ok(())
    }
}

/// The files of a segment that has been written, and what is in it.
#[derive(Debug)]
pub(crate) struct Written {
    /// Features with geometry; none if there are none.
    pub(crate) places: Option<PathBuf>,
    /// Features without; none if there are none.
    pub(crate) rows: Option<PathBuf>,
    /// The index by id.
    pub(crate) ids: PathBuf,
    /// Box around all geometries.
    pub(crate) bounds: Option<Bounds>,
}

/// Writes a segment of at least one feature to `STEM.fgb`, `STEM-rows.fgb` and
/// `STEM.ids`. `stem` is a path. Each file is named to `staged` before it is made.
///
/// # Errors
///
/// [`Error::Refused`] if two features have one id, or one exceeds a limit or does
/// not fit the schema; [`Error::Io`].
pub(crate) fn write(
    stem: &Path,
    layer: &Layer<'_>,
    features: Vec<Feature>,
    staged: &mut Vec<PathBuf>,
) -> Result<Written, Error> {
    let schema = layer.schema;
    if schema.columns.len() > COLUMNS_MAX {
        return Err(Error::Refused(format!(
            "{} columns are over the limit of {COLUMNS_MAX}",
            schema.columns.len()
        )));
    }
    let (places, rows) = sort(schema, features)?;
    let bounds = places.iter().map(|p| p.bounds).reduce(|a, b| a.union(&b));
    let name = |suffix: &str| {
        let mut name = stem.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let mut entries = Vec::with_capacity(places.len() + rows.len());

    let places_path = (!places.is_empty()).then(|| name(".fgb"));
    if let (Some(path), Some(bounds)) = (&places_path, bounds) {
        staged.push(path.clone());
        write_places(path, layer, &places, bounds, &mut entries).map_err(Error::io(path))?;
    }
    let rows_path = (!rows.is_empty()).then(|| name("-rows.fgb"));
    if let Some(path) = &rows_path {
        staged.push(path.clone());
        write_rows(path, layer, &rows, &mut entries).map_err(Error::io(path))?;
    }
    entries.sort_unstable_by_key(|(id, _)| *id);
    let ids_path = name(".ids");
    staged.push(ids_path.clone());
    let write_ids = || {
        let mut file = File::create_new(&ids_path)?;
        file.write_all(&ids::encode(&entries))?;
        layer.settle(&file)
    };
    write_ids().map_err(Error::io(&ids_path))?;
    Ok(Written {
        places: places_path,
        rows: rows_path,
        ids: ids_path,
        bounds,
    })
}

/// A feature with geometry, ready to be written.
struct Place {
    id: FeatureId,
    geometry: Geometry<f64>,
    values: Vec<Value>,
    bounds: Bounds,
}

/// A feature without.
struct Row {
    id: FeatureId,
    values: Vec<Value>,
}

fn sort(schema: &Schema, features: Vec<Feature>) -> Result<(Vec<Place>, Vec<Row>), Error> {
    let mut places = Vec::new();
    let mut rows = Vec::new();
    for feature in features {
        let Feature {
            id,
            geometry,
            values,
        } = checked(schema, feature)?;
        match geometry.as_ref().and_then(Bounds::of_geometry) {
            Some(bounds) => places.extend(geometry.map(|geometry| Place {
                id,
                geometry,
                values,
                bounds,
            })),
            None => rows.push(Row { id, values }),
        }
    }

    let mut ids: Vec<_> = places.iter().map(|p| p.id).collect();
    ids.extend(rows.iter().map(|r| r.id));
    ids.sort_unstable();
    if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::Refused(format!(
            "two features have the id {}: name the attribute that tells them apart",
            pair[0]
        )));
    }

    rows.sort_unstable_by_key(|row| row.id);
    if let Some(all) = places.iter().map(|p| p.bounds).reduce(|a, b| a.union(&b)) {
        places.sort_by_cached_key(|place| (tree::hilbert_position(&place.bounds, &all), place.id));
    }
    Ok((places, rows))
}

/// Returns a feature as a segment has it, if it fits the schema and the limits.
///
/// # Errors
///
/// [`Error::Refused`] in a sentence that names the feature.
pub(crate) fn checked(schema: &Schema, feature: Feature) -> Result<Feature, Error> {
    let Feature {
        id,
        geometry,
        values,
    } = feature;
    let refused = |what: String| Error::Refused(format!("feature {id}: {what}"));
    check_values(schema, &values).map_err(refused)?;
    let geometry = match geometry {
        Some(geometry) => match normalise(&geometry).map_err(refused)? {
            Some(Cow::Borrowed(_)) => Some(geometry),
            Some(Cow::Owned(normal)) => Some(normal),
            None => None,
        },
        None => None,
    };
    Ok(Feature {
        id,
        geometry,
        values,
    })
}

fn check_values(schema: &Schema, values: &[Value]) -> Result<(), String> {
    if values.len() != schema.columns.len() {
        return Err(format!(
            "it has {} values for {} columns",
            values.len(),
            schema.columns.len()
        ));
    }
    let mut text_bytes = 0;
    for (column, value) in schema.columns.iter().zip(values) {
        if !encode::fits(value, column.kind) {
            return Err(format!(
                "{value:?} does not fit column {:?}, which is {:?}",
                column.name, column.kind
            ));
        }
        if let Value::Text(text) | Value::Json(text) = value {
            text_bytes += text.len();
        }
    }
    if text_bytes > TEXT_BYTES_MAX {
        return Err(format!(
            "its text has {text_bytes} bytes, over the limit of {TEXT_BYTES_MAX}"
        ));
    }
    Ok(())
}

fn write_places(
    path: &Path,
    layer: &Layer<'_>,
    places: &[Place],
    bounds: Bounds,
    entries: &mut Vec<(FeatureId, Position)>,
) -> io::Result<()> {
    let first_kind = geometry::kind(&places[0].geometry);
    let uniform = places
        .iter()
        .all(|place| geometry::kind(&place.geometry) == first_kind);
    let header = header(&HeaderOf {
        layer,
        geometry_type: if uniform {
            first_kind
        } else {
            GeometryType::Unknown
        },
        features_count: places.len() as u64,
        bounds: Some(bounds),
    });
    let tree = Tree::with_leaves(places.len() as u64).ok_or(io::ErrorKind::FileTooLarge)?;

    // The index comes before the features but needs their lengths: it is written
    // last, into the room that is left for it here.
    let mut file = BufWriter::new(File::create_new(path)?);
    file.write_all(&header)?;
    file.seek(SeekFrom::Current(tree.byte_len() as i64))?;
    let mut leaves = Vec::with_capacity(places.len());
    let mut offset = 0;
    let mut encoder = Encoder::default();
    for place in places {
        let bytes = encoder.encode(place.id, Some(&place.geometry), &place.values);
        file.write_all(bytes)?;
        leaves.push((place.bounds, offset));
        let in_rows = false;
        entries.push((place.id, Position { in_rows, offset }));
        offset += bytes.len() as u64;
    }
    file.seek(SeekFrom::Start(header.len() as u64))?;
    file.write_all(&tree.pack(&leaves))?;
    layer.settle(&file.into_inner()?)
}

fn write_rows(
    path: &Path,
    layer: &Layer<'_>,
    rows: &[Row],
    entries: &mut Vec<(FeatureId, Position)>,
) -> io::Result<()> {
    let header = header(&HeaderOf {
        layer,
        geometry_type: GeometryType::Unknown,
        features_count: rows.len() as u64,
        bounds: None,
    });
    let mut file = BufWriter::new(File::create_new(path)?);
    file.write_all(&header)?;
    let mut offset = 0;
    let mut encoder = Encoder::default();
    for row in rows {
        let bytes = encoder.encode(row.id, None, &row.values);
        file.write_all(bytes)?;
        let in_rows = true;
        entries.push((row.id, Position { in_rows, offset }));
        offset += bytes.len() as u64;
    }
    layer.settle(&file.into_inner()?)
}

/// Room to encode features in, one at a time.
#[derive(Default)]
struct Encoder {
    buffer: FlatBufferBuilder<'static>,
    xy: Vec<f64>,
    attributes: Vec<u8>,
}

impl Encoder {
    fn encode(
        &mut self,
        id: FeatureId,
        geometry: Option<&Geometry<f64>>,
        values: &[Value],
    ) -> &[u8] {
        self.buffer.reset();
        encode::encode(id, values, &mut self.attributes);
        let geometry = geometry.map(|g| geometry::encode(&mut self.buffer, g, &mut self.xy));
        let args = FeatureArgs {
            geometry,
            properties: Some(self.buffer.create_vector(&self.attributes)),
            columns: None,
        };
        let feature = FeatureTable::create(&mut self.buffer, &args);
        self.buffer.finish_size_prefixed(feature, None);
        self.buffer.finished_data()
    }
}

struct HeaderOf<'a> {
    layer: &'a Layer<'a>,
    geometry_type: GeometryType,
    features_count: u64,
    bounds: Option<Bounds>,
}

/// The first bytes of a file, up to its index or features.
fn header(of: &HeaderOf<'_>) -> Vec<u8> {
    let mut buffer = FlatBufferBuilder::new();
    let columns: Vec<_> = columns(&mut buffer, of.layer.schema);
    let args = HeaderArgs {
        name: Some(buffer.create_string(of.layer.name)),
        envelope: of.bounds.map(|b| buffer.create_vector(&b.to_array())),
        geometry_type: of.geometry_type,
        columns: Some(buffer.create_vector(&columns)),
        features_count: of.features_count,
        index_node_size: if of.bounds.is_some() {
            tree::NODE_SIZE
        } else {
            0
        },
        crs: Some(crs(&mut buffer, of.layer.crs_code)),
        ..HeaderArgs::default()
    };
    let header = Header::create(&mut buffer, &args);
    buffer.finish_size_prefixed(header, None);
    [&MAGIC, buffer.finished_data()].concat()
}

fn columns<'a>(buffer: &mut FlatBufferBuilder<'a>, schema: &Schema) -> Vec<WIPOffset<Column<'a>>> {
    let mut id_name = encode::ID_COLUMN.to_owned();
    let taken = |name: &str| {
        let mut names = schema.columns.iter().map(|column| &column.name);
        names.any(|other| other.eq_ignore_ascii_case(name))
    };
    while taken(&id_name) {
        id_name.insert(0, '_');
    }
    let args = ColumnArgs {
        name: Some(buffer.create_string(&id_name)),
        type_: ColumnType::Long,
        nullable: false,
        unique: true,
        primary_key: true,
        ..ColumnArgs::default()
    };
    let mut columns = vec![Column::create(buffer, &args)];
    for column in &schema.columns {
        let args = ColumnArgs {
            name: Some(buffer.create_string(&column.name)),
            type_: encode::column_type(column.kind),
            ..ColumnArgs::default()
        };
        columns.push(Column::create(buffer, &args));
    }
    columns
}

/// The CRS by authority and code; one that has none is given as WKT.
fn crs<'a>(buffer: &mut FlatBufferBuilder<'a>, code: &str) -> WIPOffset<Crs<'a>> {
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let mut args = CrsArgs::default();
    match code.split_once(':') {
        Some((authority, code)) if plain(authority) && plain(code) => {
            args.org = Some(buffer.create_string(authority));
            match code.parse() {
                Ok(number) => args.code = number,
                Err(_) => args.code_string = Some(buffer.create_string(code)),
            }
        }
        _ => args.wkt = Some(buffer.create_string(code)),
    }
    Crs::create(buffer, &args)
}
