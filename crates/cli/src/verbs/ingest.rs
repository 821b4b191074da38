//! `tvilling ingest`: a survey or a department's layer into a twin.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use geodesy::Crs;
use ingest::{
    DEFAULT_MEMORY_BYTES, LayerOptions, Partners, Report, SourceKind, SurveyBlocks, SurveyOptions,
    SurveyReader, VerticalSource,
};
use jiff::Timestamp;
use model::{Access, Collection, CollectionId, Source, Survey, VerticalDatum};
use serde_json::{Value, json};
use store::{
    Differences, HeightKind, HeightsWriter, PointLayout, PutMode, SurveyWriter, Transaction, Twin,
};

use crate::arguments::{Ingest, Join};
use crate::output;

/// Who delivers, in the log of changes.
const AUTHOR: &str = "tvilling ingest";

/// ASPRS class of ground.
const GROUND: u8 = 2;

/// Least share of ground among points whose delivered classes are trusted: with less, they
/// were not classified.
const MIN_GROUND_SHARE: f64 = 0.05;

pub(crate) fn run(options: Ingest, json: bool) -> anyhow::Result<()> {
    let (twin, configuration) = super::open(&options.dir)?;
    let mode = if options.replace {
        PutMode::Replace
    } else if options.append {
        PutMode::Append
    } else if options.sync {
        PutMode::Sync {
            removed_max_percent: options.max_removed,
        }
    } else {
        PutMode::Create
    };
    let scratch = tempfile::tempdir()?;
    let mut sources = Vec::new();
    for source in &options.source {
        sources.extend(ingest::files_of(source, scratch.path())?);
    }
    let delivery = Delivery {
        sources,
        collection: CollectionId::new(&options.collection)?,
        layer: options.layer,
        crs: options.crs,
        vertical: options.vertical,
        geoid: options.geoid.or(configuration.geoid),
        cell_size_m: options.cell_size,
        title: options.title,
        department: options.department,
        id_property: options.id_property,
        join: options.join,
        trust_classification: options.trust_classification,
        mode,
    };
    let (object, text) = deliver(&twin, &delivery)?;
    output::print(json, &object, &text);
    Ok(())
}

/// One source on its way into a twin.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) sources: Vec<PathBuf>,
    pub(crate) collection: CollectionId,
    pub(crate) layer: Option<String>,
    pub(crate) crs: Option<String>,
    pub(crate) vertical: Option<String>,
    pub(crate) geoid: Option<PathBuf>,
    pub(crate) cell_size_m: Option<f64>,
    pub(crate) title: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) id_property: Option<String>,
    pub(crate) join: Option<Join>,
    pub(crate) trust_classification: bool,
    pub(crate) mode: PutMode,
}

impl Delivery {
    /// Its files, as they were given.
    fn names(&self) -> String {
        let names: Vec<_> = self
            .sources
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        names.join(", ")
    }
}

/// Ingests a delivery; returns what happened as an object and as text.
pub(crate) fn deliver(twin: &Twin, delivery: &Delivery) -> anyhow::Result<(Value, String)> {
    let mut surveys = 0;
    for path in &delivery.sources {
        surveys += usize::from(ingest::source_kind(path)? == SourceKind::Survey);
    }
    if surveys == delivery.sources.len() {
        if delivery.join.is_some() {
            bail!("--join is for tables: points of a survey have their own places");
        }
        deliver_survey(twin, delivery)
    } else if surveys == 0 {
        deliver_layer(twin, delivery)
    } else {
        bail!("some of these files are surveys and some are layers: ingest them one kind at a time")
    }
}

fn deliver_layer(twin: &Twin, delivery: &Delivery) -> anyhow::Result<(Value, String)> {
    let options = LayerOptions {
        target: Crs::from_code(twin.crs_code())?,
        crs: delivery.crs.as_deref().map(Crs::from_code).transpose()?,
        layer: delivery.layer.clone(),
        id_property: delivery.id_property.clone(),
    };
    let mut layer = ingest::read_layers(&delivery.sources, &options)?;
    if let Some(join) = &delivery.join {
        let partners = partners(twin, join)?;
        layer = layer
            .join(&join.column, &partners)
            .map_err(|what| anyhow!("{}: {what}", delivery.names()))?;
    }
    let collection = Collection {
        id: delivery.collection.clone(),
        title: title(delivery),
        department: delivery.department.clone(),
        schema: layer.schema,
        feature_count: layer.features.len() as u64,
        bounds: None,
        source: source(delivery),
        data_origin: None,
    };
    let report = output::report_object(&layer.report);
    let mut transaction = twin.begin()?.by(AUTHOR);
    let differences = transaction.put_features(
        collection,
        layer.features,
        delivery.mode,
        &report.to_string(),
    )?;
    transaction.commit()?;
    let (mut object, text) = result(delivery, "features", &layer.report, report);
    let Differences {
        added,
        changed,
        removed,
        unchanged,
    } = differences;
    object["differences"] = json!({
        "added": added,
        "changed": changed,
        "removed": removed,
        "unchanged": unchanged,
    });
    let sentence =
        format!("{added} added, {changed} changed, {removed} removed, {unchanged} unchanged\n");
    Ok((object, text + &sentence))
}

/// Geometries of the collection that rows of a table are joined to, by their key.
fn partners(twin: &Twin, join: &Join) -> anyhow::Result<Partners> {
    let Join {
        collection: id,
        key,
        ..
    } = join;
    let view = twin.snapshot()?.view(Access::Everything);
    let Some(collection) = view.collection(id) else {
        bail!("--join: there is no collection {id:?}: ingest it first");
    };
    let place = collection.meta().schema.position(key);
    if place.is_none() && key != "id" {
        bail!("--join: collection {id:?} has no attribute {key:?}");
    }
    let mut partners = Partners::new(format!("{id}.{key}"));
    for feature in collection.all()? {
        let feature = feature?;
        let key = match place {
            Some(place) => feature.values[place].clone(),
            None => model::Value::Text(feature.id.to_string()),
        };
        partners.add(&key, feature.geometry);
    }
    Ok(partners)
}

fn deliver_survey(twin: &Twin, delivery: &Delivery) -> anyhow::Result<(Value, String)> {
    let target = Crs::from_code(twin.crs_code())?;
    let vertical = delivery
        .vertical
        .as_deref()
        .map(|code| vertical(code, &target))
        .transpose()?;
    let options = SurveyOptions {
        target: target.clone(),
        crs: delivery.crs.as_deref().map(Crs::from_code).transpose()?,
        vertical,
        geoid: delivery.geoid.clone(),
    };
    let reader = SurveyReader::open(&delivery.sources, &options)?;
    let header = reader.header().clone();
    let crs_wkt = match &header.vertical {
        VerticalDatum::Known { code, .. } => Some(target.with_vertical(code)?),
        VerticalDatum::Unknown => None,
    };
    // What is kept is in metres: a datum in feet that has no metric twin is left out.
    let crs_wkt = crs_wkt
        .filter(|crs| crs.vertical_unit_m() == Some(1.0))
        .unwrap_or(target)
        .wkt1()?;
    // Held for all of the work: a second writer learns at once that it must wait.
    let mut transaction = twin.begin()?;
    let bar = output::progress(delivery.collection.as_str(), header.claimed_points);
    let mut blocks = reader.partition(twin.dir(), DEFAULT_MEMORY_BYTES, &mut |points| {
        bar.inc(points);
    })?;
    bar.finish_and_clear();
    let cell_size_m = lidar::cell_size(&blocks.coverage(), delivery.cell_size_m)
        .with_context(|| delivery.names())?;
    let (points, classes) = write_points(&mut transaction, &mut blocks, crs_wkt, delivery)?;
    check_ground(&classes, delivery)?;
    let heights = write_heights(&mut transaction, &blocks, cell_size_m)?;
    let summary = blocks.summary();
    let survey = Survey {
        id: delivery.collection.clone(),
        title: title(delivery),
        department: delivery.department.clone(),
        point_count: summary.report.kept,
        bounds: summary.bounds,
        elevation_range_m: summary.elevation_range_m,
        vertical: header.vertical.clone(),
        geoid: header.geoid.clone(),
        flown: summary.flown,
        source: source(delivery),
        data_origin: header.data_origin,
    };
    let report = output::report_object(&summary.report);
    transaction.put_survey(survey, points, heights, delivery.mode, &report.to_string())?;
    transaction.commit()?;
    let (mut object, text) = result(delivery, "points", &summary.report, report);
    let (classes, sentence) = if delivery.trust_classification {
        ("delivered", "classes as they were delivered")
    } else {
        (
            "computed",
            "classes computed; delivered ones, if any, are kept beside them",
        )
    };
    object["classification"] = json!(classes);
    let datum = match &header.vertical {
        VerticalDatum::Known { name, code } => {
            object["datum"] = json!(code);
            name.as_str()
        }
        VerticalDatum::Unknown => "an unknown vertical datum",
    };
    let by_grid = header.geoid.as_ref().map_or_else(String::new, |grid| {
        format!(", made of heights above the ellipsoid by {grid}")
    });
    object["geoid"] = json!(header.geoid);
    Ok((
        object,
        format!("{text}{sentence}\nelevations in {datum}{by_grid}\n"),
    ))
}

/// Classifies the points, unless their classes are trusted, and writes them as an octree.
fn write_points(
    transaction: &mut Transaction,
    blocks: &mut SurveyBlocks,
    crs_wkt: String,
    delivery: &Delivery,
) -> anyhow::Result<(SurveyWriter, Box<[u64; 256]>)> {
    let points = blocks.summary().report.kept;
    if !delivery.trust_classification {
        let bar = output::progress(delivery.collection.as_str(), points);
        blocks.classify_anew(&mut |points| bar.inc(points))?;
        bar.finish_and_clear();
    }
    let header = blocks.header();
    let cube = blocks.cube();
    let mut writer = transaction.begin_survey(PointLayout {
        crs_wkt,
        scale_m: header.scale_m,
        offset_m: header.offset_m,
        gps_time_is_adjusted_standard: header.gps_time_is_adjusted_standard,
        has_rgb: header.has_rgb,
        has_nir: header.has_nir,
        extra: blocks.extra(),
        cube,
        spacing_m: cube.side_m / f64::from(lidar::VOXELS),
    })?;
    let encoder = writer.encoder();
    let bar = output::progress(delivery.collection.as_str(), points);
    let octree = blocks.octree::<_, anyhow::Error>(
        &|key, points| {
            bar.inc(points.len() as u64);
            Ok(encoder.encode(key, points)?)
        },
        &mut |node| Ok(writer.write(node)?),
    )?;
    bar.finish_and_clear();
    Ok((writer, octree.classes))
}

/// Makes terrain and surface of the points by the classes that they have now.
fn write_heights(
    transaction: &mut Transaction,
    blocks: &SurveyBlocks,
    cell_size_m: f64,
) -> anyhow::Result<HeightsWriter> {
    let frame = lidar::frame(&blocks.summary().bounds, cell_size_m);
    let mut writer = transaction.begin_heights(frame)?;
    blocks.heights::<anyhow::Error>(cell_size_m, &mut |heights| {
        writer.put(HeightKind::Terrain, &heights.terrain)?;
        writer.put(HeightKind::Surface, &heights.surface)?;
        writer.put(HeightKind::Distance, &heights.distance)?;
        Ok(())
    })?;
    Ok(writer)
}

/// Refuses classes that were delivered and are to be trusted, but hardly know the ground.
fn check_ground(classes: &[u64; 256], delivery: &Delivery) -> anyhow::Result<()> {
    let all: u64 = classes.iter().sum();
    let ground = classes[usize::from(GROUND)];
    if delivery.trust_classification && (ground as f64) < MIN_GROUND_SHARE * all as f64 {
        bail!(
            "{}: {ground} of {all} points were delivered as ground, too few for a terrain: ingest without --trust-classification",
            delivery.names()
        );
    }
    Ok(())
}

fn vertical(code: &str, target: &Crs) -> anyhow::Result<VerticalSource> {
    if code == "unknown" {
        return Ok(VerticalSource::Datum(VerticalDatum::Unknown));
    }
    // A three-dimensional CRS, such as EPSG:4979, is another way to say it.
    let has_ellipsoidal = |crs: Crs| crs.ellipsoidal_unit_m().is_some();
    if code == "ellipsoidal" || Crs::from_code(code).is_ok_and(has_ellipsoidal) {
        return Ok(VerticalSource::Ellipsoid);
    }
    // What PROJ says of it is about the pair that it would make with the twin's CRS.
    let Ok(compound) = target.with_vertical(code) else {
        bail!(
            "--vertical {code}: is no vertical datum that is known here: give a code such as EPSG:5613, ellipsoidal, or unknown"
        );
    };
    Ok(VerticalSource::Datum(VerticalDatum::Known {
        code: compound.vertical_code().unwrap_or(code).to_owned(),
        name: compound.vertical_name().unwrap_or(code).to_owned(),
    }))
}

fn title(delivery: &Delivery) -> String {
    delivery
        .title
        .clone()
        .unwrap_or_else(|| delivery.collection.to_string())
}

fn source(delivery: &Delivery) -> Source {
    let name = |path: &PathBuf| file_name(path);
    Source {
        files: delivery.sources.iter().map(name).collect(),
        delivered: Timestamp::now(),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

fn result(delivery: &Delivery, what: &str, report: &Report, object: Value) -> (Value, String) {
    let id = delivery.collection.as_str();
    let text = format!(
        "{id}: {} of {} {what} kept\n{}",
        report.kept,
        report.read,
        output::report_text(report)
    );
    (
        json!({ "collection": id, "kind": what, "report": object }),
        text,
    )
}
