//! Divides a survey among the nodes of an octree, without classifying or encoding, so that
//! this work can be seen apart. Prints points per second of both steps, what the temporary
//! file took, and the most memory that the process had.
//!
//! Usage: `octree_survey CRS MEMORY_MB FILE…`, or `octree_survey make POINTS FILE` for an
//! uncompressed survey of 40 points per square metre on rolling ground with trees.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use geodesy::Crs;
use ingest::{SurveyOptions, SurveyReader};

const USAGE: &str = "usage: octree_survey CRS MEMORY_MB FILE… | octree_survey make POINTS FILE";

/// Blocks see as much of their neighbours as ground filters need.
const HALO_M: f64 = 40.0;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let crs = arguments.next().context(USAGE)?;
    let number: u64 = arguments.next().context(USAGE)?.parse().context(USAGE)?;
    let paths: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    if crs == "make" {
        return make(number, paths.first().context(USAGE)?);
    }
    let crs = Crs::from_code(&crs)?;
    let options = SurveyOptions {
        target: crs.clone(),
        crs: Some(crs),
        vertical: None,
        geoid: None,
    };
    let start = Instant::now();
    let scratch = std::env::temp_dir();
    let blocks =
        SurveyReader::open(&paths, &options)?.partition(&scratch, number << 20, &mut |_| {})?;
    let partitioned = start.elapsed().as_secs_f64();
    let memory_after_partition = peak_memory();
    let partition_bytes = blocks.temporary_bytes();
    let start = Instant::now();
    let summary = blocks.octree::<_, ingest::Error>(
        HALO_M,
        &|_| Ok(None),
        &|_, points| Ok(points.len()),
        &mut |_| Ok(()),
    )?;
    let divided = start.elapsed().as_secs_f64();
    let points = summary.points as f64;
    println!(
        "{} points in {} blocks and {} nodes to level {}",
        summary.points,
        blocks.squares().len(),
        summary.nodes,
        summary.deepest_level
    );
    println!(
        "partition {partitioned:.2} s, {:.2} million points/s; {memory_after_partition}",
        points / partitioned / 1e6
    );
    println!(
        "octree {divided:.2} s, {:.2} million points/s; {}",
        points / divided / 1e6,
        peak_memory()
    );
    println!(
        "temporary {:.1} bytes for each point, then {:.1}",
        partition_bytes as f64 / points,
        blocks.temporary_bytes() as f64 / points
    );
    Ok(())
}

/// What the system says of the most memory that this process had.
fn peak_memory() -> String {
    std::fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or("peak memory not known")
        .to_owned()
}

/// Writes LAS 1.4, point format 6, without randomness.
fn make(points: u64, path: &PathBuf) -> anyhow::Result<()> {
    let side_m = (points as f64 / 40.0).sqrt();
    let mut header = vec![0_u8; 375];
    header[..4].copy_from_slice(b"LASF");
    header[24..26].copy_from_slice(&[1, 4]);
    header[94..96].copy_from_slice(&375_u16.to_le_bytes());
    header[96..100].copy_from_slice(&375_u32.to_le_bytes());
    header[104] = 6;
    header[105..107].copy_from_slice(&30_u16.to_le_bytes());
    let corner = [580_000.0, 6_280_000.0, 0.0];
    for (axis, offset) in corner.into_iter().enumerate() {
        let mut put =
            |at: usize, value: f64| header[at..at + 8].copy_from_slice(&value.to_le_bytes());
        put(131 + 8 * axis, 0.01);
        put(155 + 8 * axis, offset);
        put(
            179 + 16 * axis,
            offset + if axis == 2 { 60.0 } else { side_m },
        );
        put(187 + 16 * axis, offset);
    }
    header[247..255].copy_from_slice(&points.to_le_bytes());
    let mut out = BufWriter::new(File::create(path)?);
    out.write_all(&header)?;
    // Swaths of 150 m from south to north, each flown once.
    let swaths = (side_m / 150.0).ceil().max(1.0);
    for i in 0..points {
        let along = i as f64 / points as f64 * swaths;
        let across = (i as f64 * 0.754_877_666_246_692_7).fract();
        let x = (along.floor() + across) / swaths * side_m;
        let y = along.fract() * side_m;
        let tree = if i % 4 == 0 {
            (i * 7919 % 1500) as f64 / 100.0
        } else {
            0.0
        };
        let z = 20.0 + 8.0 * (x / 90.0).sin() + 6.0 * (y / 130.0).cos() + tree;
        let mut record = [0_u8; 30];
        for (axis, value) in [x, y, z].into_iter().enumerate() {
            let steps = (value * 100.0) as i32;
            record[axis * 4..axis * 4 + 4].copy_from_slice(&steps.to_le_bytes());
        }
        record[12..14].copy_from_slice(&((i * 31) as u16).to_le_bytes());
        record[14] = 0x11;
        record[16] = 1;
        record[22..30].copy_from_slice(&(3e8 + i as f64 * 1e-5).to_le_bytes());
        out.write_all(&record)?;
    }
    out.flush()?;
    Ok(())
}
