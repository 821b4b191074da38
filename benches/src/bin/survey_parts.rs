//! The parts of a survey's way into a twin, each measured apart: reading into squares,
//! the octree with its encoding, classes, terrain and surface.
//!
//! Usage: `survey_parts CRS MEMORY_MB FILE…`; `survey_parts decode FILE`, which unpacks a LAZ
//! file with the `laz` crate and does nothing with what it gets; or `survey_parts make POINTS
//! FILE` for an uncompressed survey of 40 points per square metre on rolling ground with trees.
//!
//! Prints a line for each part: its name, points, wall seconds, processor seconds, and the
//! most memory in MB that the process has had by then, separated by tabs. Then the bytes of
//! the temporary file and of the finished one. What would mislead: parts read the temporary
//! file from the cache of the system, if it fits; and `octree` alone, with the delivered
//! classes, is no part of an ingest: it is there for converters to be set against.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use benches::cpu_s;
use geodesy::Crs;
use ingest::{OctreeSummary, SurveyBlocks, SurveyOptions, SurveyReader};
use laz::ParLasZipDecompressor;
use store::{HeightKind, PointLayout, Transaction, Twin};

const USAGE: &str = "usage: survey_parts CRS MEMORY_MB FILE… | survey_parts decode FILE | survey_parts make POINTS FILE";
/// Where a LAS header says at which byte its points begin.
const POINTS_BEGIN_AT: u64 = 96;
/// Points unpacked at once by `decode`, as many as an ingest takes.
const DECODE_POINTS: u64 = 1_000_000;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let crs = arguments.next().context(USAGE)?;
    if crs == "decode" {
        return decode(Path::new(&arguments.next().context(USAGE)?));
    }
    let number: u64 = arguments.next().context(USAGE)?.parse().context(USAGE)?;
    let paths: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    if crs == "make" {
        return make(number, paths.first().context(USAGE)?);
    }
    let crs = Crs::from_code(&crs)?;
    let options = SurveyOptions {
        target: crs.clone(),
        crs: Some(crs.clone()),
        vertical: None,
        geoid: None,
    };
    let folder = std::env::temp_dir().join(format!("tvilling-parts-{}", std::process::id()));
    let result = measure(&paths, &options, &crs, number << 20, &folder);
    std::fs::remove_dir_all(&folder)?;
    result
}

fn measure(
    paths: &[PathBuf],
    options: &SurveyOptions,
    crs: &Crs,
    memory_bytes: u64,
    folder: &Path,
) -> anyhow::Result<()> {
    let twin = Twin::create(folder, "Parts", crs.code())?;
    let mut clock = Clock::start()?;
    let mut blocks =
        SurveyReader::open(paths, options)?.partition(folder, memory_bytes, &mut |_| {})?;
    let points = blocks.summary().report.kept;
    clock.tell("partition", points)?;
    let partition_bytes = blocks.temporary_bytes();

    let mut change = twin.begin()?;
    write_octree(&mut change, &blocks, crs)?;
    clock.tell("octree", points)?;
    let octree_bytes = blocks.temporary_bytes();

    blocks.classify_anew(&mut |_| {})?;
    clock.tell("lowest returns", points)?;
    let (octree, copc_bytes) = write_octree(&mut change, &blocks, crs)?;
    clock.tell("classes and octree", points)?;

    let cell_size_m = lidar::cell_size(&blocks.coverage(), None)?;
    let mut heights = change.begin_heights(lidar::frame(&blocks.summary().bounds, cell_size_m))?;
    let mut cells = 0;
    blocks.heights::<anyhow::Error>(cell_size_m, &mut |of_block| {
        cells += of_block.terrain.values.len();
        heights.put(HeightKind::Terrain, &of_block.terrain)?;
        heights.put(HeightKind::Surface, &of_block.surface)?;
        Ok(heights.put(HeightKind::Distance, &of_block.distance)?)
    })?;
    clock.tell("heights", points)?;
    eprintln!(
        "{} blocks, {} nodes to level {}, {} points on the ground, {cells} cells of {cell_size_m} m; \
         bytes for each point: {:.1} after partition, {:.1} at the end, {:.1} in the file",
        blocks.squares().len(),
        octree.nodes,
        octree.deepest_level,
        octree.classes[2],
        partition_bytes as f64 / points as f64,
        // The first octree left candidates there that an ingest has once.
        (blocks.temporary_bytes() - (octree_bytes - partition_bytes)) as f64 / points as f64,
        copc_bytes as f64 / points as f64
    );
    Ok(())
}

/// Unpacks all points of a LAZ file, on all threads.
fn decode(path: &Path) -> anyhow::Result<()> {
    let header = las::Reader::from_path(path)?.header().clone();
    let vlr = header.laz_vlr().context("its points are not compressed")?;
    let record_len = vlr.items_size();
    let mut file = BufReader::new(File::open(path)?);
    let mut begin = [0; 4];
    file.seek(SeekFrom::Start(POINTS_BEGIN_AT))?;
    file.read_exact(&mut begin)?;
    file.seek(SeekFrom::Start(u32::from_le_bytes(begin).into()))?;

    let mut clock = Clock::start()?;
    let points = header.number_of_points();
    let mut unpack = ParLasZipDecompressor::new(file, vlr)?;
    let mut records = vec![0; (DECODE_POINTS * record_len) as usize];
    let mut left = points;
    while left > 0 {
        let now = left.min(DECODE_POINTS);
        unpack.decompress_many(&mut records[..(now * record_len) as usize])?;
        left -= now;
    }
    clock.tell("laz", points)
}

/// Divides the points among nodes and writes these; returns what came of it and its bytes.
fn write_octree(
    change: &mut Transaction,
    blocks: &SurveyBlocks,
    crs: &Crs,
) -> anyhow::Result<(OctreeSummary, u64)> {
    let header = blocks.header();
    let cube = blocks.cube();
    let mut writer = change.begin_survey(PointLayout {
        crs_wkt: crs.wkt1()?,
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
    let mut bytes = 0;
    let octree = blocks.octree::<_, anyhow::Error>(
        &|key, points| Ok(encoder.encode(key, points)?),
        &mut |node| {
            bytes += node.byte_count() as u64;
            Ok(writer.write(node)?)
        },
    )?;
    Ok((octree, bytes))
}

/// Times one part after another.
struct Clock {
    wall: Instant,
    cpu_s: f64,
}

impl Clock {
    fn start() -> anyhow::Result<Clock> {
        Ok(Clock {
            wall: Instant::now(),
            cpu_s: cpu_s()?,
        })
    }

    fn tell(&mut self, part: &str, points: u64) -> anyhow::Result<()> {
        let (wall_s, spent_s) = (self.wall.elapsed().as_secs_f64(), cpu_s()? - self.cpu_s);
        println!(
            "{part}\t{points}\t{wall_s:.2}\t{spent_s:.2}\t{:.0}",
            peak_memory_mb()
        );
        *self = Clock::start()?;
        Ok(())
    }
}

/// The most memory that this process has had, as Linux counts it; not a number elsewhere.
fn peak_memory_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    kilobytes.map_or(f64::NAN, |kilobytes: f64| kilobytes / 1024.0)
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
