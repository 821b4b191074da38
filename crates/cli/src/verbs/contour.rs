//! `tvilling contour`: contours of a survey's ground as a collection.
//!
//! A verb of its own, since `ingest` takes what departments deliver, and nobody delivers
//! these: they are drawn from what the twin has, and drawn again when that changes.

use anyhow::bail;
use geo_types::LineString;
use ingest::{Finding, Outcome, Report};
use jiff::Timestamp;
use lidar::{ContourOptions, Contours};
use model::{
    Access, Bounds, Collection, CollectionId, Column, ColumnKind, DataOrigin, Feature, FeatureId,
    GeometryKind, GridFrame, Schema, Source, Survey, Value, VerticalDatum,
};
use serde_json::json;
use store::{HeightKind, PutMode, SurveyView};

use crate::arguments::Contour;
use crate::output;

/// Intervals that make sense: below them contours show how points were measured, above them
/// a whole country has few.
const INTERVALS_M: std::ops::RangeInclusive<f64> = 0.1..=1000.0;

/// Sides of cells that make sense, as for `ingest`.
const CELL_SIZES_M: std::ops::RangeInclusive<f64> = 0.1..=100.0;

/// The widest bell: wider ones are for coarser cells.
const SMOOTH_MAX_M: f64 = 1000.0;

/// Cells of a strip: some hundred megabytes while it is worked on.
const STRIP_CELLS: usize = 1 << 21;

pub(crate) fn run(options: Contour, json: bool) -> anyhow::Result<()> {
    check(&options)?;
    let (twin, _) = super::open(&options.dir)?;
    let view = twin.snapshot()?.view(Access::Everything);
    let id = options.survey.as_str();
    let Some(survey) = view.survey(id) else {
        bail!(
            "{}: there is no survey {id}: `tvilling status` lists those there are",
            options.dir.display()
        );
    };
    let collection = CollectionId::new(&options.collection)?;
    if view.collection(collection.as_str()).is_some() && !options.replace {
        bail!("collection {collection} exists: --replace it, or choose another name");
    }
    // Held for all of the work: a second writer learns at once that it must wait.
    let mut transaction = twin.begin()?;
    let meta = survey.meta();
    let datum = match &meta.vertical {
        VerticalDatum::Known { name, .. } => Value::Text(name.clone()),
        VerticalDatum::Unknown => Value::Null,
    };
    let mut features = Vec::new();
    let left_out = draw(&survey, &options, &mut |contour| {
        let number = features.len() as u64 + 1;
        let id = FeatureId::new(number).expect("fewer contours than 2⁵³ fit in memory");
        features.push(Feature {
            id,
            geometry: Some(LineString::from(contour.line.clone()).into()),
            values: vec![
                Value::Number(elevation_m(contour.step, options.interval)),
                Value::Boolean(contour.is_index()),
                Value::Text(meta.id.to_string()),
                datum.clone(),
                Value::Text(origin(meta).as_str().to_owned()),
            ],
        });
    })?;
    let kept = features.len() as u64;
    let report = Report {
        read: kept + left_out,
        kept,
        findings: Vec::from_iter((left_out > 0).then(|| Finding {
            code: "too_short",
            outcome: Outcome::LeftOut,
            count: left_out,
            examples: Vec::new(),
        })),
    };
    let vertices: usize = features.iter().map(vertices).sum();
    let mut object = output::report_object(&report);
    transaction.put_features(
        described(collection, &options, meta),
        features,
        if options.replace {
            PutMode::Replace
        } else {
            PutMode::Create
        },
        &object.to_string(),
    )?;
    transaction.commit()?;
    let text = format!(
        "{}: {kept} contours of {id} with {vertices} vertices\n{}",
        options.collection,
        output::report_text(&report)
    );
    object["vertices"] = json!(vertices);
    let object = json!({
        "collection": options.collection,
        "survey": id,
        "kind": "features",
        "report": object,
    });
    output::print(json, &object, &text);
    Ok(())
}

fn check(options: &Contour) -> anyhow::Result<()> {
    for (name, metres, allowed) in [
        ("interval", options.interval, INTERVALS_M),
        ("cell-size", options.cell_size, CELL_SIZES_M),
        ("smooth", options.smooth, 0.0..=SMOOTH_MAX_M),
        (
            "tolerance",
            options.tolerance.unwrap_or(0.0),
            0.0..=SMOOTH_MAX_M,
        ),
        ("min-length", options.min_length, 0.0..=f64::MAX),
    ] {
        if !allowed.contains(&metres) {
            bail!(
                "--{name} {metres}: give metres from {} to {}",
                allowed.start(),
                allowed.end()
            );
        }
    }
    Ok(())
}

/// Draws strip by strip; returns how many lines were left out because they were too short.
fn draw(
    survey: &SurveyView,
    options: &Contour,
    take: &mut dyn FnMut(&lidar::Contour),
) -> anyhow::Result<u64> {
    let kind = HeightKind::Terrain;
    let own = survey.heights_frame(kind)?;
    let corner = Bounds::new(own.west, own.north, own.west, own.north)?;
    let cell_size_m = survey.window(kind, &corner, options.cell_size)?.cell_size_m;
    let cells = |cells: usize| (cells as f64 * own.cell_size_m / cell_size_m).ceil() as usize;
    let frame = GridFrame {
        cell_size_m,
        columns: cells(own.columns),
        rows: cells(own.rows),
        ..own
    };
    let tolerance_m = options.tolerance.unwrap_or(cell_size_m / 4.0);
    let mut contours = Contours::new(
        frame,
        ContourOptions {
            interval_m: options.interval,
            smooth_m: options.smooth,
            tolerance_m,
            min_length_m: options.min_length,
        },
    );
    let strip_rows = STRIP_CELLS.div_ceil(frame.columns);
    let bar = output::progress(&options.collection, frame.rows as u64);
    while let Some([first, last]) = contours.rows_wanted(strip_rows) {
        let y = |row: isize| frame.north - (row as f64 + 0.5) * cell_size_m;
        let x = |column: usize| frame.west + (column as f64 + 0.5) * cell_size_m;
        let strip = Bounds::new(x(0), y(last), x(frame.columns - 1), y(first))?;
        let cells = survey.window(kind, &strip, cell_size_m)?;
        contours.add(strip_rows, &cells).iter().for_each(&mut *take);
        bar.inc(strip_rows as u64);
    }
    bar.finish_and_clear();
    let (rest, left_out) = contours.finish();
    rest.iter().for_each(take);
    Ok(left_out)
}

/// The elevation of a contour, to a micrometre: 3 × 0.1 is 0.3.
fn elevation_m(step: i64, interval_m: f64) -> f64 {
    (step as f64 * interval_m * 1e6).round() / 1e6
}

fn vertices(feature: &Feature) -> usize {
    match &feature.geometry {
        Some(geo_types::Geometry::LineString(line)) => line.0.len(),
        _ => 0,
    }
}

fn origin(survey: &Survey) -> DataOrigin {
    match survey.data_origin {
        Some(DataOrigin::Synthetic) => DataOrigin::Synthetic,
        _ => DataOrigin::Derived,
    }
}

fn described(id: CollectionId, options: &Contour, survey: &Survey) -> Collection {
    let columns = [
        ("elevation", ColumnKind::Number),
        ("index", ColumnKind::Boolean),
        ("survey", ColumnKind::Text),
        ("datum", ColumnKind::Text),
        (DataOrigin::ATTRIBUTE, ColumnKind::Text),
    ];
    let department = options.department.as_ref().or(survey.department.as_ref());
    Collection {
        title: options.title.clone().unwrap_or_else(|| id.to_string()),
        id,
        department: department.cloned(),
        schema: Schema {
            columns: columns
                .map(|(name, kind)| Column {
                    name: name.to_owned(),
                    kind,
                })
                .to_vec(),
            geometry: GeometryKind::Line,
        },
        feature_count: 0,
        bounds: None,
        source: Source {
            files: vec![format!("contours of {}", survey.id)],
            delivered: Timestamp::now(),
        },
        data_origin: None,
    }
}
