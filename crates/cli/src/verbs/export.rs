//! `tvilling export`: features of a collection, or points or rasters of a survey, to a file.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use geodesy::Crs;
use ingest::GeoParquetWriter;
use model::Access;
use serde_json::{Value, json};
use store::{CollectionView, HeightKind, SurveyView};
use tiler::Lights;

use crate::arguments::{Export, Product};
use crate::output;

/// How the name of a file of points ends.
const POINTS_SUFFIX: &str = ".copc.laz";

/// How the name of a raster ends.
const RASTER_SUFFIXES: [&str; 2] = [".tif", ".tiff"];

/// Sides of a raster's cell that make sense, as for `ingest`.
const CELL_SIZES_M: std::ops::RangeInclusive<f64> = 0.1..=100.0;

/// How the name of a file of features ends.
const FEATURES_SUFFIX: &str = ".parquet";

pub(crate) fn run(options: Export, json: bool) -> anyhow::Result<()> {
    let out = options.out.as_path();
    let name = out.file_name().map(|name| name.to_string_lossy());
    let name = name.unwrap_or_default().to_ascii_lowercase();
    let is_features = name.ends_with(FEATURES_SUFFIX);
    let raster = if name.ends_with(POINTS_SUFFIX) || is_features {
        None
    } else if RASTER_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
        Some(product(&options)?)
    } else {
        bail!(
            "{}: features, and points and rasters of surveys, can be exported so far: give the file a name that ends in {FEATURES_SUFFIX}, {POINTS_SUFFIX} or {}",
            out.display(),
            RASTER_SUFFIXES[0]
        );
    };
    if raster.is_none() {
        refuse_raster_options(&options)?;
    }
    let (twin, _) = super::open(&options.dir)?;
    let view = twin.snapshot()?.view(Access::Everything);
    let id = options.collection.as_str();
    let (survey, collection) = (view.survey(id), view.collection(id));
    if is_features && survey.is_some() {
        bail!("{id} is a survey: export it to a file that ends in {POINTS_SUFFIX}");
    }
    if !is_features && collection.is_some() {
        bail!(
            "{id} is a collection of features: export it to a file that ends in {FEATURES_SUFFIX}"
        );
    }
    if survey.is_none() && collection.is_none() {
        bail!(
            "{}: there is no {} {id}: `tvilling status` lists those there are",
            options.dir.display(),
            if is_features { "collection" } else { "survey" }
        );
    }
    if !options.force && out.exists() {
        bail!(
            "{} exists: name another file, or overwrite it with --force",
            out.display()
        );
    }
    // Beside it, so that it takes its place in one step.
    let next = out.with_file_name(format!(".{name}.{}.next", std::process::id()));
    let written = match (&survey, &collection) {
        (Some(survey), _) => match raster {
            None => write_points(survey, &next),
            Some(product) => write_raster(survey, product, options.cell_size, &next),
        },
        (None, Some(collection)) => write_features(collection, twin.crs_code(), &next),
        (None, None) => Err(anyhow!("there is nothing called {id}")),
    };
    let placed = written.and_then(|said| put_in_place(&next, out).map(|()| said));
    let (mut object, text) = match placed {
        Ok(said) => said,
        Err(error) => {
            // What is left of it is of no use; that it cannot be removed says nothing new.
            let _ = fs::remove_file(&next);
            return Err(error);
        }
    };
    object["collection"] = json!(id);
    object["file"] = json!(out);
    output::print(json, &object, &format!("{id}: {text} in {}", out.display()));
    Ok(())
}

/// What a raster shall show.
fn product(options: &Export) -> anyhow::Result<tiler::Product> {
    if let Some(metres) = options.cell_size
        && !CELL_SIZES_M.contains(&metres)
    {
        bail!(
            "--cell-size {metres}: give metres from {} to {}",
            CELL_SIZES_M.start(),
            CELL_SIZES_M.end()
        );
    }
    let product = options.product.unwrap_or(Product::Ground);
    let lit = options.azimuth.is_some() || options.altitude.is_some() || options.multidirectional;
    if lit && product != Product::Hillshade {
        bail!("--azimuth, --altitude and --multidirectional are for --product hillshade alone");
    }
    Ok(match product {
        Product::Ground => tiler::Product::Ground,
        Product::Surface => tiler::Product::Surface,
        Product::Height => tiler::Product::Height,
        Product::Distance => tiler::Product::Distance,
        Product::Slope => tiler::Product::Slope,
        Product::Aspect => tiler::Product::Aspect,
        Product::Hillshade => {
            let (azimuth, multi) = (options.azimuth, options.multidirectional);
            let lights = Lights::from_options(azimuth, options.altitude, multi);
            tiler::Product::Hillshade(lights.map_err(anyhow::Error::msg)?)
        }
    })
}

fn refuse_raster_options(options: &Export) -> anyhow::Result<()> {
    let given = options.product.is_some()
        || options.cell_size.is_some()
        || options.azimuth.is_some()
        || options.altitude.is_some()
        || options.multidirectional;
    if given {
        bail!(
            "{}: what a raster shows was told, but points are written to such a file: name one that ends in {}",
            options.out.display(),
            RASTER_SUFFIXES[0]
        );
    }
    Ok(())
}

fn write_points(survey: &SurveyView, next: &Path) -> anyhow::Result<(Value, String)> {
    let bytes = survey.copy_points(next)?;
    let points = survey.meta().point_count;
    let object = json!({ "points": points, "bytes": bytes });
    Ok((object, format!("{points} points")))
}

fn write_features(
    collection: &CollectionView,
    crs_code: &str,
    next: &Path,
) -> anyhow::Result<(Value, String)> {
    let schema = &collection.meta().schema;
    let mut writer = GeoParquetWriter::create(next, schema, &Crs::from_code(crs_code)?)?;
    for feature in collection.all()? {
        writer.add(feature?)?;
    }
    let features = writer.finish()?;
    let object = json!({ "features": features, "bytes": fs::metadata(next)?.len() });
    Ok((object, format!("{features} features")))
}

fn write_raster(
    survey: &SurveyView,
    product: tiler::Product,
    cell_size_m: Option<f64>,
    next: &Path,
) -> anyhow::Result<(Value, String)> {
    let own = survey.heights_frame(HeightKind::Terrain)?;
    let finer = own.cell_size_m / cell_size_m.unwrap_or(own.cell_size_m);
    let cells = (own.columns * own.rows) as f64 * finer * finer;
    let bar = output::progress(survey.meta().id.as_str(), cells as u64);
    let mut done = |cells| bar.inc(cells);
    let frame = tiler::write_raster(survey, product, cell_size_m, next, &mut done)?;
    bar.finish_and_clear();
    let object = json!({
        "columns": frame.columns,
        "rows": frame.rows,
        "cell_size_m": frame.cell_size_m,
        "bytes": fs::metadata(next)?.len(),
    });
    let text = format!(
        "{} × {} cells of {} m",
        frame.columns, frame.rows, frame.cell_size_m
    );
    Ok((object, text))
}

fn put_in_place(next: &Path, out: &Path) -> anyhow::Result<()> {
    fs::rename(next, out).with_context(|| out.display().to_string())
}
