//! `tvilling ingest`: a survey or a department's layer into a twin.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use geodesy::Crs;
use ingest::{
    LayerOptions, Report, SourceKind, SurveyHeader, SurveyOptions, SurveyReader, SurveySummary,
};
use jiff::Timestamp;
use model::{Collection, CollectionId, ExtraBytes, PointBatch, Source, Survey, VerticalDatum};
use serde_json::{Value, json};
use store::{PointLayout, PutMode, SurveyWriter, Transaction, Twin};

use crate::arguments::Ingest;
use crate::{octree, output};

/// Sides of a terrain cell that make sense: finer than points lie, or coarser than a hill, is
/// a slip of the hand.
const CELL_SIZES_M: std::ops::RangeInclusive<f64> = 0.1..=100.0;

pub(crate) fn run(options: Ingest, json: bool) -> anyhow::Result<()> {
    if let Some(metres) = options.cell_size
        && !CELL_SIZES_M.contains(&metres)
    {
        bail!(
            "--cell-size {metres}: give metres from {} to {}",
            CELL_SIZES_M.start(),
            CELL_SIZES_M.end()
        );
    }
    let (twin, _) = super::open(&options.dir)?;
    let mode = match (options.replace, options.append) {
        (true, _) => PutMode::Replace,
        (_, true) => PutMode::Append,
        _ => PutMode::Create,
    };
    let delivery = Delivery {
        sources: options.source,
        collection: CollectionId::new(&options.collection)?,
        layer: options.layer,
        crs: options.crs,
        vertical: options.vertical,
        cell_size_m: options.cell_size,
        title: options.title,
        department: options.department,
        id_property: options.id_property,
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
    pub(crate) cell_size_m: Option<f64>,
    pub(crate) title: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) id_property: Option<String>,
    pub(crate) mode: PutMode,
}

/// Ingests a delivery; returns what happened as an object and as text.
pub(crate) fn deliver(twin: &Twin, delivery: &Delivery) -> anyhow::Result<(Value, String)> {
    let mut surveys = 0;
    for path in &delivery.sources {
        surveys += usize::from(ingest::source_kind(path)? == SourceKind::Survey);
    }
    if surveys == delivery.sources.len() {
        deliver_survey(twin, delivery)
    } else if surveys == 0 {
        deliver_layer(twin, delivery)
    } else {
        bail!("some of these files are surveys and some are layers: ingest them one kind at a time")
    }
}

fn deliver_layer(twin: &Twin, delivery: &Delivery) -> anyhow::Result<(Value, String)> {
    let [path] = delivery.sources.as_slice() else {
        bail!("a layer is ingested from one file at a time: give the others with --append")
    };
    let options = LayerOptions {
        target: Crs::from_code(twin.crs_code())?,
        crs: delivery.crs.as_deref().map(Crs::from_code).transpose()?,
        layer: delivery.layer.clone(),
        id_property: delivery.id_property.clone(),
    };
    let layer = ingest::read_layer(path, &options)?;
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
    let mut transaction = twin.begin()?;
    transaction.put_features(
        collection,
        layer.features,
        delivery.mode,
        &report.to_string(),
    )?;
    transaction.commit()?;
    Ok(result(delivery, "features", &layer.report, report))
}

fn deliver_survey(twin: &Twin, delivery: &Delivery) -> anyhow::Result<(Value, String)> {
    let target = Crs::from_code(twin.crs_code())?;
    let crs_wkt = target.wkt1()?;
    let vertical = delivery
        .vertical
        .as_deref()
        .map(|code| vertical(code, &target))
        .transpose()?;
    let options = SurveyOptions {
        target,
        crs: delivery.crs.as_deref().map(Crs::from_code).transpose()?,
        vertical,
        cell_size_m: delivery.cell_size_m,
    };
    let reader = SurveyReader::open(&delivery.sources, &options)?;
    let header = reader.header().clone();
    // Held for all of the work: a second writer learns at once that it must wait.
    let mut transaction = twin.begin()?;
    let mut points = PointBatch::default();
    let bar = output::progress(delivery.collection.as_str(), header.claimed_points);
    let summary = reader.read::<anyhow::Error>(&mut |batch| {
        bar.inc(batch.len() as u64);
        octree::append(&mut points, batch);
        Ok(())
    })?;
    bar.finish_and_clear();
    let points = write_points(&mut transaction, &header, &summary, crs_wkt, &points)?;
    let survey = Survey {
        id: delivery.collection.clone(),
        title: title(delivery),
        department: delivery.department.clone(),
        point_count: summary.report.kept,
        bounds: summary.bounds,
        elevation_range_m: summary.elevation_range_m,
        vertical: header.vertical,
        flown: summary.flown,
        source: source(delivery),
        data_origin: header.data_origin,
    };
    let report = output::report_object(&summary.report);
    transaction.put_survey(
        survey,
        points,
        &summary.heights.terrain,
        &summary.heights.surface,
        delivery.mode,
        &report.to_string(),
    )?;
    transaction.commit()?;
    Ok(result(delivery, "points", &summary.report, report))
}

/// Writes all points of a survey as an octree.
fn write_points(
    transaction: &mut Transaction,
    header: &SurveyHeader,
    summary: &SurveySummary,
    crs_wkt: String,
    points: &PointBatch,
) -> anyhow::Result<SurveyWriter> {
    let (cube, spacing_m) = octree::cube_around(&summary.bounds, summary.elevation_range_m);
    // Round kilometres keep stored coordinates exact multiples of the step.
    let round = |metres: f64| (metres / 1000.0).floor() * 1000.0;
    let mut writer = transaction.begin_survey(PointLayout {
        crs_wkt,
        scale_m: header.scale_m,
        offset_m: [
            round(summary.bounds.min_x()),
            round(summary.bounds.min_y()),
            0.0,
        ],
        has_rgb: header.has_rgb,
        has_nir: header.has_nir,
        extra: ExtraBytes::default(),
        cube,
        spacing_m,
    })?;
    octree::write(&mut writer, &cube, points)?;
    Ok(writer)
}

fn vertical(code: &str, target: &Crs) -> anyhow::Result<VerticalDatum> {
    if code == "unknown" {
        return Ok(VerticalDatum::Unknown);
    }
    let compound = target
        .with_vertical(code)
        .with_context(|| format!("--vertical {code}: give a code such as EPSG:5613, or unknown"))?;
    Ok(VerticalDatum::Known {
        code: compound.vertical_code().unwrap_or(code).to_owned(),
        name: compound.vertical_name().unwrap_or(code).to_owned(),
    })
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
