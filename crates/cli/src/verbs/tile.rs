//! `tvilling tile`: every tile of collections in one tile matrix set, into the twin or into
//! one archive.

mod explain;

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use geodesy::{Crs, TileMatrixSet, TileMatrixSets, Transform};
use model::{Access, Bounds, GeometryKind};
use serde_json::{Value, json};
use store::{
    ArchiveFormat, CollectionView, PyramidDescription, PyramidSummary, PyramidWriter, Twin,
};
use tiler::{BuiltTile, Earlier, Imprints, PyramidLayer, PyramidOptions, VectorOptions};

use crate::arguments::Tile;
use crate::{output, tile_matrix_sets};

/// Memory that building may use beside what the twin's files take of the system's cache.
const MEMORY_BYTES: u64 = 1 << 30;

/// Formats by how the names of their files end.
const FORMATS: [(&str, ArchiveFormat); 2] = [
    (".pmtiles", ArchiveFormat::PmTiles),
    (".mbtiles", ArchiveFormat::MbTiles),
];

pub(crate) fn run(options: Tile, json: bool) -> anyhow::Result<()> {
    let out = options.out.as_deref().map(Out::of).transpose()?;
    let (twin, configuration) = super::open(&options.dir)?;
    let sets = tile_matrix_sets::read(&options.dir, &configuration.crs)?;
    let tms = set(&sets, &options.tms)?;
    let work = Work {
        tms,
        settings: &configuration.settings,
        options: &options,
    };
    if let Some(address) = options.explain {
        return explain::run(&work, &twin, address, json);
    }
    match out {
        Some(out) => into_file(&work, &twin, &out, json),
        None => into_twin(&work, &twin, json),
    }
}

/// Gives each collection a pyramid of its own.
fn into_twin(work: &Work, twin: &Twin, json: bool) -> anyhow::Result<()> {
    // Held for all of the work, so that no collection changes under it.
    let mut transaction = twin.begin()?;
    let scratch = transaction.scratch()?;
    let mut objects = Vec::new();
    let mut text = String::new();
    let mut left_out = Vec::new();
    let mut is_changed = false;
    for collection in &work.chosen(twin)? {
        let id = &collection.meta().id;
        let (version, parts) = (collection.version(), [collection.clone()]);
        let levels = work.levels(&parts)?;
        let description = work.describe(&parts, &levels)?;
        let earlier = work.earlier(collection);
        if let Some(earlier) = &earlier
            && let Some((object, line)) = work.same(&parts, &levels, &description, earlier)?
        {
            objects.push(object);
            text += &line;
            continue;
        }
        is_changed = true;
        let mut writer = transaction.begin_pyramid(id, description)?;
        let (made, imprints) =
            work.build(&parts, &levels, &scratch, earlier.as_ref(), &mut writer)?;
        if made.summary.tiles == 0 {
            left_out.push(id.to_string());
            continue;
        }
        let imprints = imprints.to_bytes();
        let written = transaction.put_pyramid(id, version, writer, Some(&imprints))?;
        let (object, line) = said(&parts, work.tms, &levels, &written, &made);
        objects.push(object);
        text += &line;
    }
    if objects.is_empty() {
        bail!(
            "none of {} shows anything in {}: choose more levels or another --tms",
            left_out.join(", "),
            work.tms.id
        );
    }
    for id in &left_out {
        text += &format!("{id}: nothing to see in {}, no pyramid made\n", work.tms.id);
    }
    if is_changed {
        transaction.commit()?;
    }
    let object = json!({ "pyramids": objects, "nothing_to_see": left_out });
    output::print(json, &object, &text);
    Ok(())
}

/// An archive to write beside the twin.
struct Out<'a> {
    path: &'a Path,
    format: ArchiveFormat,
}

impl Out<'_> {
    fn of(path: &Path) -> anyhow::Result<Out<'_>> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_ascii_lowercase();
        let known = FORMATS.iter().find(|(end, _)| name.ends_with(end));
        match known {
            Some((_, format)) => Ok(Out {
                path,
                format: *format,
            }),
            None => bail!(
                "{}: give the archive a name that ends in {} or {}",
                path.display(),
                FORMATS[0].0,
                FORMATS[1].0
            ),
        }
    }

    /// Beside it, so that it takes its place in one step.
    fn next(&self) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let process = std::process::id();
        self.path.with_file_name(format!(".{name}.{process}.next"))
    }
}

/// Writes one archive of all collections, of one snapshot.
fn into_file(work: &Work, twin: &Twin, out: &Out, json: bool) -> anyhow::Result<()> {
    let collections = work.chosen(twin)?;
    let collections = collections.as_slice();
    if !work.options.force && out.path.exists() {
        bail!(
            "{} exists: name another file, or overwrite it with --force",
            out.path.display()
        );
    }
    let levels = work.levels(collections)?;
    let next = out.next();
    let folder = next.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    if !folder.is_dir() {
        bail!("{}: there is no such folder to write to", folder.display());
    }
    let write = || {
        let scratch = tempfile::Builder::new()
            .prefix(".tvilling-tile-")
            .tempdir_in(folder)
            .with_context(|| format!("{}: making a scratch folder", folder.display()))?;
        let description = work.describe(collections, &levels)?;
        let mut writer = PyramidWriter::create(&next, out.format, description)?;
        let (made, _) = work.build(collections, &levels, scratch.path(), None, &mut writer)?;
        let written = writer.finish()?;
        fs::rename(&next, out.path).with_context(|| out.path.display().to_string())?;
        Ok((made, written))
    };
    let (made, written) = match write() {
        Ok(done) => done,
        Err(error) => {
            // What is left of it is of no use; that it cannot be removed says nothing new.
            let _ = fs::remove_file(&next);
            return Err(error);
        }
    };
    let (mut object, line) = said(collections, work.tms, &levels, &written, &made);
    object["file"] = json!(out.path);
    let text = format!("{} in {}", line.trim_end(), out.path.display());
    output::print(json, &object, &text);
    Ok(())
}

/// What is the same for all pyramids of one run.
struct Work<'a> {
    tms: &'a TileMatrixSet,
    settings: &'a server::Settings,
    options: &'a Tile,
}

/// What came of building.
struct Made {
    summary: tiler::PyramidSummary,
    /// Whether all was there before, so that nothing was made.
    is_up_to_date: bool,
    with_sacrifices: u64,
    seconds: f64,
}

impl Work<'_> {
    /// The collections that were named, or all that can be drawn.
    fn chosen(&self, twin: &Twin) -> anyhow::Result<Vec<CollectionView>> {
        let view = twin.snapshot()?.view(Access::Everything);
        let dir = twin.dir().display();
        if self.options.collection.is_empty() {
            let mut all = view.collections();
            all.retain(|collection| collection.meta().bounds.is_some());
            if all.is_empty() {
                bail!("{dir}: there is no collection with a feature to draw: ingest one first");
            }
            return Ok(all);
        }
        let mut found: Vec<CollectionView> = Vec::new();
        for id in &self.options.collection {
            let Some(collection) = view.collection(id) else {
                if view.survey(id).is_some() {
                    bail!(
                        "{id} is a survey: its tiles are made when they are asked for, and `tvilling export` writes its rasters"
                    );
                }
                bail!(
                    "{dir}: there is no collection {id}: `tvilling status` lists those there are"
                );
            };
            if collection.meta().schema.geometry == GeometryKind::None {
                bail!("collection {id} is a table without geometry: there is nothing to draw");
            }
            if collection.meta().bounds.is_none() {
                bail!("collection {id} has no feature to draw");
            }
            if found.iter().all(|other| other.meta().id.as_str() != id) {
                found.push(collection);
            }
        }
        Ok(found)
    }

    /// The levels to build: those that were asked for, or down to what the data need.
    fn levels(&self, collections: &[CollectionView]) -> anyhow::Result<RangeInclusive<u8>> {
        let there = self.tms.levels();
        for (option, level) in [
            ("--min-zoom", self.options.min_zoom),
            ("--max-zoom", self.options.max_zoom),
        ] {
            if let Some(level) = level.filter(|level| !there.contains(level)) {
                bail!(
                    "{option} {level}: {} has levels {} to {}",
                    self.tms.id,
                    there.start(),
                    there.end()
                );
            }
        }
        let first = self.options.min_zoom.unwrap_or(*there.start());
        if let Some(last) = self.options.max_zoom {
            if first > last {
                bail!("--min-zoom {first} is deeper than --max-zoom {last}");
            }
            return Ok(first..=last);
        }
        let mut last = first;
        for collection in collections {
            last = last.max(tiler::deepest_level(collection, self.tms)?);
        }
        Ok(first..=last)
    }

    /// The collections with what the operator says of their tiles.
    fn layers(&self, collections: &[CollectionView]) -> Vec<PyramidLayer> {
        let settings = &self.settings.collections;
        let of = |collection: &CollectionView| PyramidLayer {
            collection: collection.clone(),
            rules: settings
                .get(&collection.meta().id)
                .map(|of| of.tiles.clone())
                .unwrap_or_default(),
        };
        collections.iter().map(of).collect()
    }

    fn describe(
        &self,
        collections: &[CollectionView],
        levels: &RangeInclusive<u8>,
    ) -> anyhow::Result<PyramidDescription> {
        let bounds = collections.iter().filter_map(|c| c.meta().bounds);
        let bounds = bounds.reduce(|a, b| a.union(&b));
        let bounds = bounds.context("there is no feature with a place")?;
        let crs = collections.first().map_or("", |c| c.crs_code());
        let to_lonlat = Transform::new(&Crs::from_code(crs)?, &Crs::from_code("CRS84")?)?;
        let lonlat: Bounds = to_lonlat.bounds(&bounds)?;
        let mut described = PyramidDescription::new(
            collections,
            &self.tms.id,
            self.tms.quad_shift(),
            levels.clone(),
            lonlat.to_array(),
        );
        // Maps must show whose data they are.
        described.attribution = Some(self.settings.name.clone());
        Ok(described)
    }

    /// The pyramid that the twin has of a collection, to take from it what cannot have changed;
    /// none if there is none, or none is wanted.
    fn earlier(&self, collection: &CollectionView) -> Option<Earlier> {
        let pyramid = collection.last_pyramid(&self.tms.id);
        // A damaged one is as good as none: `check` tells of it.
        pyramid
            .filter(|_| !self.options.rebuild)
            .and_then(Earlier::of)
    }

    /// What is said of a pyramid that would be made again as it is; none if it would not.
    fn same(
        &self,
        collections: &[CollectionView],
        levels: &RangeInclusive<u8>,
        description: &PyramidDescription,
        earlier: &Earlier,
    ) -> anyhow::Result<Option<(Value, String)>> {
        let started = Instant::now();
        let pyramid = earlier.pyramid();
        let layers = self.layers(collections);
        if !earlier.is_of(&layers, self.tms, &self.pyramid_options(levels))
            || !pyramid.is_called(description)?
        {
            return Ok(None);
        }
        let made = Made {
            summary: tiler::PyramidSummary {
                tiles: pyramid.tiles(),
                unchanged_tiles: pyramid.tiles(),
                ..tiler::PyramidSummary::default()
            },
            is_up_to_date: true,
            with_sacrifices: pyramid.tiles_with_sacrifices()?,
            seconds: started.elapsed().as_secs_f64(),
        };
        let written = pyramid.summary()?;
        Ok(Some(said(collections, self.tms, levels, &written, &made)))
    }

    fn pyramid_options(&self, levels: &RangeInclusive<u8>) -> PyramidOptions {
        PyramidOptions {
            levels: levels.clone(),
            tile: VectorOptions::default(),
            memory_bytes: MEMORY_BYTES,
        }
    }

    fn build(
        &self,
        collections: &[CollectionView],
        levels: &RangeInclusive<u8>,
        scratch: &Path,
        earlier: Option<&Earlier>,
        writer: &mut PyramidWriter,
    ) -> anyhow::Result<(Made, Imprints)> {
        let started = Instant::now();
        let options = self.pyramid_options(levels);
        // First what each level shows is made, then all features are cut, and then all tiles
        // written, level by level.
        let features = collections.iter().map(|c| c.meta().feature_count).sum();
        let name = named(collections);
        let bar = output::progress(&format!("{name}, what levels show"), features);
        let mut with_sacrifices = 0;
        let mut level = None;
        let mut sink = |built: BuiltTile| {
            writer.add(built.tile, &built.gzip, &built.sacrifices)?;
            with_sacrifices += u64::from(!built.sacrifices.is_empty());
            if level != Some(built.tile.z()) {
                level = Some(built.tile.z());
                bar.set_message(format!("{name}, level {}", built.tile.z()));
            }
            Ok(())
        };
        let built = tiler::build_pyramid::<Failure>(
            &self.layers(collections),
            self.tms,
            &options,
            scratch,
            earlier,
            &mut |features| {
                bar.set_message(name.clone());
                bar.inc(features);
            },
            &mut sink,
        );
        bar.finish_and_clear();
        let built = built.map_err(|failure| failure.0)?;
        writer.describe_levels(built.shown);
        let made = Made {
            summary: built.summary,
            is_up_to_date: false,
            with_sacrifices,
            seconds: started.elapsed().as_secs_f64(),
        };
        Ok((made, built.imprints))
    }
}

/// What can go wrong while tiles are built and written.
struct Failure(anyhow::Error);

impl From<tiler::Error> for Failure {
    fn from(error: tiler::Error) -> Failure {
        Failure(error.into())
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Failure {
        Failure(error.into())
    }
}

/// What a progress bar says that the work is about.
fn named(collections: &[CollectionView]) -> String {
    match collections {
        [one] => one.meta().id.to_string(),
        several => format!("{} collections", several.len()),
    }
}

fn set<'a>(sets: &'a TileMatrixSets, id: &str) -> anyhow::Result<&'a TileMatrixSet> {
    let set = sets.get(id).with_context(|| {
        let known: Vec<&str> = sets.iter().map(|s| s.id.as_str()).collect();
        format!(
            "--tms {id}: there is no such tile matrix set; there are {}",
            known.join(", ")
        )
    })?;
    if !set.is_quad_tree() {
        bail!(
            "--tms {id}: its levels do not cut each tile into four, and archives of tiles hold no other sets: \
             its tiles are served without one, made when they are asked for"
        );
    }
    Ok(set)
}

/// A pyramid as an object, and as a line of text.
fn said(
    collections: &[CollectionView],
    tms: &TileMatrixSet,
    levels: &RangeInclusive<u8>,
    written: &PyramidSummary,
    made: &Made,
) -> (Value, String) {
    let ids: Vec<&str> = collections.iter().map(|c| c.meta().id.as_str()).collect();
    let object = json!({
        "collections": ids,
        "tms": tms.id,
        "levels": [levels.start(), levels.end()],
        "tiles": written.tiles,
        "unchanged_tiles": made.summary.unchanged_tiles,
        "distinct": written.contents,
        "bytes": written.bytes,
        "features": made.summary.features,
        "tiles_with_sacrifices": made.with_sacrifices,
        "up_to_date": made.is_up_to_date,
        "seconds": made.seconds,
    });
    let mut text = format!(
        "{}: {} tiles ({} distinct) of {} levels {} to {}, {} bytes",
        ids.join(", "),
        written.tiles,
        written.contents,
        tms.id,
        levels.start(),
        levels.end(),
        written.bytes,
    );
    if made.is_up_to_date {
        text += ", up to date: nothing was made";
    } else {
        let features = made.summary.features;
        text += &format!(", {:.1} s, {features} features in those made", made.seconds);
    }
    if !made.is_up_to_date && made.summary.unchanged_tiles > 0 {
        text += &format!("; {} as they were before", made.summary.unchanged_tiles);
    }
    if made.with_sacrifices > 0 {
        text += &format!(
            "; {} gave something up to stay small, and say what",
            made.with_sacrifices
        );
    }
    (object, text + "\n")
}
