//! Reads a survey in its own CRS and puts its points by place in a temporary file, as every
//! ingest begins, so that reading can be set beside other readers. Prints the number of points.
//!
//! Usage: `read_survey CRS FILE…`

use std::path::PathBuf;

use anyhow::Context;
use geodesy::Crs;
use ingest::{DEFAULT_MEMORY_BYTES, SurveyOptions, SurveyReader};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let crs = Crs::from_code(&arguments.next().context("usage: read_survey CRS FILE…")?)?;
    let paths: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    let options = SurveyOptions {
        target: crs.clone(),
        crs: Some(crs),
        vertical: None,
        geoid: None,
    };
    let reader = SurveyReader::open(&paths, &options)?;
    let blocks = reader.partition(&std::env::temp_dir(), DEFAULT_MEMORY_BYTES, &mut |_| {})?;
    println!("{}", blocks.summary().report.kept);
    Ok(())
}
