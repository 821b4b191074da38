//! Department layers: any supported vector file to features in the twin's CRS.
//!
//! In order of reading: a format's reader gives features in the file's own CRS
//! ([`raw`]); [`prepare`] transforms and repairs them on all cores; [`schema`]
//! types their attributes over the whole file; [`ids`] identifies them.

mod archive;
mod cityjson;
mod csv;
mod dates;
mod flatgeobuf;
mod geojson;
mod geopackage;
mod gml;
mod gpx;
mod ids;
mod join;
mod kml;
mod parquet;
mod parquet_writer;
mod prepare;
pub(crate) mod raw;
mod repair;
mod schema;
mod several;
mod shapefile;
mod wkb;
pub(crate) mod xml;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use geo::{Distance, Haversine};
use geodesy::{Crs, Transform};
use model::{ColumnKind, Feature, GeometryKind, Schema, Value};

use crate::error::Error;
use crate::kind::{self, Format};
use crate::report::{Outcome, Report};

pub use join::Partners;
pub use parquet_writer::GeoParquetWriter;

use ids::Key;
use prepare::{OUT_OF_RANGE, Prepared, PreparedFeature, Source};
use raw::{FileCrs, RawGeometry, RawLayer, Refusal};
use several::Several;

/// How to read a layer.
#[derive(Debug, Clone)]
pub struct LayerOptions {
    /// The CRS to put it in: the twin's.
    pub target: Crs,
    /// The CRS of the file; over what the file says.
    pub crs: Option<Crs>,
    /// Which layer of a file that has several.
    pub layer: Option<String>,
    /// The attribute that identifies a feature.
    pub id_property: Option<String>,
}

/// A department layer, read and put in the twin's CRS.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Inferred over the whole file.
    pub schema: Schema,
    /// With ids unique in the layer.
    pub features: Vec<Feature>,
    /// What was repaired or left out.
    pub report: Report,
}

/// Reads a layer: GeoJSON, line-delimited GeoJSON, GeoPackage, Shapefile,
/// FlatGeobuf, GeoParquet, GML, KML, GPX, CityJSON or CSV, told apart by content.
///
/// # Errors
///
/// [`Error`] if the file cannot be read, is of a type that is not read, is
/// damaged, or has no CRS and none is given. Features that are of no use are no
/// error: they are left out and counted in the report.
pub fn read_layer(path: &Path, options: &LayerOptions) -> Result<Layer, Error> {
    let raw = read_file(path, options)?;
    finish(raw, options).map_err(|Refusal(what)| Error {
        path: path.to_owned(),
        what,
    })
}

/// Reads the files of one delivery as one layer, as [`read_layer`] reads one.
///
/// Its columns are those of all files, by name. Of features with one key the last wins,
/// whichever file it is in.
///
/// # Errors
///
/// As [`read_layer`]; and if files say that they are in different CRSs.
pub fn read_layers(paths: &[PathBuf], options: &LayerOptions) -> Result<Layer, Error> {
    if let [only] = paths {
        return read_layer(only, options);
    }
    let mut several = Several::default();
    for path in paths {
        let refuse = |Refusal(what)| Error {
            path: path.clone(),
            what,
        };
        let file = read_file(path, options)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        several.add(&name, file).map_err(refuse)?;
    }
    finish(several.finish(), options).map_err(|Refusal(what)| Error {
        path: paths.first().cloned().unwrap_or_default(),
        what: format!("and {} files more: {what}", paths.len().saturating_sub(1)),
    })
}

fn read_file(path: &Path, options: &LayerOptions) -> Result<RawLayer, Error> {
    let format = kind::format(path)?;
    let mut raw = read_raw(path, format, options).map_err(|Refusal(what)| Error {
        path: path.to_owned(),
        what,
    })?;
    let ending = kind::ending(path);
    if !format.fits_ending(&ending) {
        raw.report.count("other_type", Outcome::Noticed, || {
            format!("is called .{ending}, but was read as {}", format.name())
        });
    }
    Ok(raw)
}

fn read_raw(path: &Path, format: Format, options: &LayerOptions) -> Result<RawLayer, Refusal> {
    let layer = options.layer.as_deref();
    let open =
        || File::open(path).map_err(|error| Refusal::new(format!("cannot be read: {error}")));
    match format {
        Format::GeoJson => geojson::read_geojson(open()?),
        Format::Sqlite => geopackage::read_geopackage(path, layer),
        Format::Shapefile => shapefile::read_beside(path),
        Format::Zip => archive::read_archive(open()?, layer),
        Format::FlatGeobuf => flatgeobuf::read_flatgeobuf(BufReader::new(open()?)),
        Format::Gml => gml::read_gml(open()?, layer, options.crs.as_ref()),
        Format::CityJson => cityjson::read_cityjson(open()?),
        Format::Kml => kml::read_kml(open()?),
        Format::Gpx => gpx::read_gpx(open()?, layer),
        Format::Parquet => parquet::read_parquet(path),
        Format::Las => Err(Refusal::new(
            "is a LAS or LAZ point cloud, not a layer: ingest it as a survey",
        )),
        Format::Csv => {
            let bytes = std::fs::read(path)
                .map_err(|error| Refusal::new(format!("cannot be read: {error}")))?;
            csv::read_csv(&bytes)
        }
    }
}

/// Turns a layer as its file has it into one of the twin.
fn finish(raw: RawLayer, options: &LayerOptions) -> Result<Layer, Refusal> {
    let RawLayer {
        mut columns,
        features,
        crs,
        mut report,
    } = raw;
    let read = features.len() as u64;
    let unreadable: u64 = report
        .findings
        .iter()
        .filter(|f| f.code == "not_a_feature")
        .map(|f| f.count)
        .sum();

    let located = features
        .iter()
        .any(|f| matches!(f.geometry, RawGeometry::Some { .. }));
    let transform = if located {
        let from = source_crs(&crs, options)?;
        let transform = Transform::new(&from, &options.target)
            .map_err(|error| Refusal::new(format!("cannot be put in the twin's CRS: {error}")))?;
        Some((from, transform))
    } else {
        None
    };
    let source = Source {
        transform: transform.as_ref().map(|(_, t)| t),
        is_geographic: transform.as_ref().is_some_and(|(c, _)| c.is_geographic()),
    };
    if source.transform.is_some() && !source.is_geographic && look_like_degrees(&features) {
        report.count("looks_like_degrees", Outcome::Noticed, || {
            "every position is a possible longitude and latitude, though the CRS is in metres: --crs EPSG:4326 may be right".to_owned()
        });
    }
    let prepared = prepare::prepare(features, &columns, source);
    if let Some((from, _)) = &transform {
        refuse_if_out_of_range(&prepared, from)?;
    }

    let id_place = match &options.id_property {
        None => None,
        Some(name) => Some(
            columns
                .iter()
                .position(|c| c.name == *name)
                .ok_or_else(|| {
                    let names: Vec<_> = columns.iter().map(|c| c.name.as_str()).take(50).collect();
                    Refusal::new(format!(
                        "has no attribute {name:?} to identify features by; it has: {}",
                        names.join(", ")
                    ))
                })?,
        ),
    };

    let mut kept = settle_geometries(prepared, &mut report);
    if let Some((from, _)) = &transform {
        notice_far_away(&kept, from, &options.target, &mut report)?;
    }
    let keys = keys(&kept, id_place, &mut report);
    let assigned = ids::assign(&keys);
    for place in &assigned.collisions {
        report.count("id_collision", Outcome::Noticed, || {
            format!("{}: its id was taken by another key", who(&kept[*place].0))
        });
    }
    for (id, (feature, _)) in assigned.ids.iter().zip(&kept) {
        if id.is_none() {
            report.count("duplicate_id", Outcome::LeftOut, || {
                format!("{}: a later feature has the same id", who(feature))
            });
        }
    }
    keep_text_keys(&mut columns, &mut kept, &assigned.ids, id_place)?;

    let mut chosen: Vec<_> = kept
        .into_iter()
        .zip(assigned.ids)
        .filter_map(|((feature, geometry), id)| Some((id?, feature, geometry)))
        .collect();
    let mut rows: Vec<_> = chosen.iter_mut().map(|(_, f, _)| &mut f.raw).collect();
    let columns = schema::infer(columns, &mut rows, &mut report);
    let features: Vec<Feature> = chosen
        .into_iter()
        .map(|(id, feature, geometry)| Feature {
            id,
            geometry,
            values: feature.raw.values,
        })
        .collect();
    report.read = read + unreadable;
    report.kept = features.len() as u64;
    Ok(Layer {
        schema: Schema {
            geometry: geometry_kind(&features),
            columns,
        },
        features,
        report,
    })
}

/// Returns whether every position could be a longitude and latitude.
fn look_like_degrees(features: &[raw::RawFeature]) -> bool {
    features.iter().all(|feature| match &feature.geometry {
        RawGeometry::Some { geometry, .. } => model::Bounds::of_geometry(geometry)
            .is_none_or(|b| b.to_array().iter().all(|v| v.abs() <= 180.0)),
        _ => true,
    })
}

fn source_crs(file: &FileCrs, options: &LayerOptions) -> Result<Crs, Refusal> {
    if let Some(crs) = &options.crs {
        return Ok(crs.clone());
    }
    let (named, crs) = match file {
        FileCrs::Unstated => {
            return Err(Refusal::new(
                "does not say which CRS its coordinates are in: name it with --crs, such as --crs EPSG:3006",
            ));
        }
        FileCrs::Unusable(what) => {
            return Err(Refusal::new(format!(
                "has {what}: name its CRS with --crs, such as --crs EPSG:3006"
            )));
        }
        FileCrs::Code(code) => (code, Crs::from_code(code)),
        FileCrs::Definition(text) => (text, Crs::from_definition(text)),
    };
    crs.map_err(|error| {
        let named: String = named.chars().take(80).collect();
        Refusal::new(format!(
            "says that its CRS is {named:?}, which cannot be used ({error}): name it with --crs"
        ))
    })
}

/// Refuses a layer most of whose features have no place in its CRS: that is a
/// wrong CRS, not some bad features.
fn refuse_if_out_of_range(prepared: &[PreparedFeature], crs: &Crs) -> Result<(), Refusal> {
    let located = prepared
        .iter()
        .filter(|f| f.geometry != Prepared::Without)
        .count();
    let out: Vec<_> = prepared
        .iter()
        .filter_map(|f| match &f.geometry {
            Prepared::LeftOut { code, reason } if *code == OUT_OF_RANGE => Some((f, reason)),
            _ => None,
        })
        .collect();
    match out.first() {
        Some((first, reason)) if out.len() * 2 > located => Err(Refusal::new(format!(
            "has {} of {located} features where {} has no place ({}: {reason}): name the right CRS with --crs",
            out.len(),
            crs.code(),
            who(first)
        ))),
        _ => Ok(()),
    }
}

/// How wrong a metre may be before a feature counts as outside the area of the
/// twin's CRS: no CRS that a municipality uses errs by a hundredth of this there.
const MAX_SCALE_ERROR: f64 = 0.05;

/// Notices features that lie where the twin's CRS measures wrongly, which is how
/// exchanged axes and wrong CRSs show themselves: such features are far away.
fn notice_far_away(
    kept: &[(PreparedFeature, Option<geo_types::Geometry<f64>>)],
    from: &Crs,
    target: &Crs,
    report: &mut Report,
) -> Result<(), Refusal> {
    let Some(unit_m) = target.unit_m() else {
        return Ok(());
    };
    let inverse = Crs::from_code("EPSG:4326")
        .and_then(|lonlat| Transform::new(target, &lonlat))
        .map_err(|error| Refusal::new(format!("cannot be checked against its CRS: {error}")))?;
    for (feature, geometry) in kept {
        let Some(bounds) = geometry.as_ref().and_then(model::Bounds::of_geometry) else {
            continue;
        };
        let [x, y] = bounds.centre();
        let side = 100.0 / unit_m;
        let measured_m = inverse.xy([x, y]).and_then(|a| {
            let b = inverse.xy([x + side, y])?;
            Ok(Haversine.distance(a.into(), b.into()))
        });
        if !measured_m.is_ok_and(|m| (m / 100.0 - 1.0).abs() < MAX_SCALE_ERROR) {
            report.count("far_away", Outcome::Noticed, || {
                format!(
                    "{}: lies far outside the area of {}; x and y may be exchanged, or {} may not be its CRS",
                    who(feature),
                    target.code(),
                    from.code()
                )
            });
        }
    }
    Ok(())
}

/// How reports call a feature: by its key in the file, or its place.
fn who(feature: &PreparedFeature) -> String {
    match &feature.raw.key {
        Some(key) => key.clone(),
        None => format!("feature {}", feature.raw.number),
    }
}

/// Counts what was done to geometries, and leaves out features whose geometry is
/// of no use.
fn settle_geometries(
    prepared: Vec<PreparedFeature>,
    report: &mut Report,
) -> Vec<(PreparedFeature, Option<geo_types::Geometry<f64>>)> {
    let spatial = prepared.iter().any(|f| f.geometry != Prepared::Without);
    let mut kept = Vec::with_capacity(prepared.len());
    for mut feature in prepared {
        match std::mem::replace(&mut feature.geometry, Prepared::Without) {
            Prepared::Without => {
                if spatial {
                    report.count("no_geometry", Outcome::Noticed, || {
                        format!("{}: has attributes only", who(&feature))
                    });
                }
                kept.push((feature, None));
            }
            Prepared::LeftOut { code, reason } => {
                report.count(code, Outcome::LeftOut, || {
                    format!("{}: {reason}", who(&feature))
                });
            }
            Prepared::With {
                geometry,
                notes,
                repairs,
            } => {
                let done = [
                    (
                        notes.closed_ring,
                        "unclosed_ring",
                        Outcome::Repaired,
                        "an open ring was closed",
                    ),
                    (
                        notes.flattened,
                        "elevation_dropped",
                        Outcome::Noticed,
                        "elevations or measures are not kept",
                    ),
                    (
                        repairs.repeated_points,
                        "repeated_point",
                        Outcome::Repaired,
                        "repeated points were dropped",
                    ),
                    (
                        repairs.degenerate_parts,
                        "degenerate_part",
                        Outcome::Repaired,
                        "parts without length or area were dropped",
                    ),
                    (
                        repairs.self_intersection,
                        "self_intersection",
                        Outcome::Repaired,
                        "a polygon that crosses itself was untangled",
                    ),
                    (
                        repairs.overlapping_parts,
                        "overlapping_parts",
                        Outcome::Repaired,
                        "overlapping parts were dissolved",
                    ),
                ];
                for (_, code, outcome, reason) in done.into_iter().filter(|d| d.0) {
                    report.count(code, outcome, || format!("{}: {reason}", who(&feature)));
                }
                kept.push((feature, Some(geometry)));
            }
        }
    }
    kept
}

/// Returns what identifies each feature, as [`ids`] describes.
fn keys(
    kept: &[(PreparedFeature, Option<geo_types::Geometry<f64>>)],
    id_place: Option<usize>,
    report: &mut Report,
) -> Vec<Key> {
    let mut seen = std::collections::HashMap::new();
    kept.iter()
        .map(|(feature, _)| {
            let given = match id_place {
                Some(place) => feature.raw.values.get(place).and_then(ids::key_of),
                None => feature.raw.key.clone(),
            };
            if let Some(key) = given {
                return Key::Given(key);
            }
            if id_place.is_some() {
                report.count("no_id", Outcome::Noticed, || {
                    format!("{}: identified by its content", who(feature))
                });
            }
            let nth = seen.entry(feature.content).or_insert(0_u32);
            *nth += 1;
            Key::Content(feature.content, *nth - 1)
        })
        .collect()
}

/// Adds the file's own keys as attribute `id` where the ids cannot show them:
/// an id is a number, and a department asks by its key.
fn keep_text_keys(
    columns: &mut Vec<raw::RawColumn>,
    kept: &mut [(PreparedFeature, Option<geo_types::Geometry<f64>>)],
    ids: &[Option<model::FeatureId>],
    id_place: Option<usize>,
) -> Result<(), Refusal> {
    let shown = kept.iter().zip(ids).all(|((feature, _), id)| {
        let key = feature.raw.key.as_ref();
        key.is_none_or(|key| id.is_none_or(|id| id.to_string() == *key))
    });
    if shown
        || id_place.is_some()
        || columns.iter().any(|c| c.name == "id")
        || columns.len() >= raw::MAX_COLUMNS
    {
        return Ok(());
    }
    let place = columns.len();
    columns.push(raw::RawColumn {
        name: "id".to_owned(),
        declared: Some(ColumnKind::Text),
        texts: raw::Texts::Only,
    });
    for (feature, _) in kept {
        let key = feature.raw.key.clone();
        feature.raw.values.resize(place, Value::Null);
        feature
            .raw
            .values
            .push(key.map_or(Value::Null, Value::Text));
    }
    Ok(())
}

/// Returns which geometries there are; a table if there is none.
fn geometry_kind(features: &[Feature]) -> GeometryKind {
    features
        .iter()
        .filter_map(|f| f.geometry.as_ref().map(GeometryKind::of))
        .reduce(|a, b| if a == b { a } else { GeometryKind::Mixed })
        .unwrap_or(GeometryKind::None)
}
