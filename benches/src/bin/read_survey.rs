//! Reads a survey in its own CRS and does nothing with the points but the terrain, so that
//! reading can be set beside other readers. Prints the number of points.
//!
//! Usage: `read_survey CRS FILE…`

use std::path::PathBuf;

use anyhow::Context;
use geodesy::Crs;
use ingest::{SurveyOptions, SurveyReader};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let crs = Crs::from_code(&arguments.next().context("usage: read_survey CRS FILE…")?)?;
    let paths: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    let options = SurveyOptions {
        target: crs.clone(),
        crs: Some(crs),
        vertical: None,
        cell_size_m: None,
    };
    let mut points = 0;
    SurveyReader::open(&paths, &options)?.read::<anyhow::Error>(&mut |batch| {
        points += batch.len();
        Ok(())
    })?;
    println!("{points}");
    Ok(())
}
