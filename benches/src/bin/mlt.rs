//! Makes every vector tile of a twin at some zoom levels of `WebMercatorQuad`, and a MapLibre
//! tile of each. Prints, for each collection, the number of tiles, the bytes of both encodings
//! raw and with gzip, and microseconds of making a MapLibre tile of an MVT tile.
//!
//! What would mislead: a sum over all levels weighs a tile by its bytes, not by how often
//! people ask for it; a debug build; and another machine's clock.
//!
//! Usage: `mlt TWIN MIN_Z MAX_Z`

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use geodesy::{Crs, TileMatrixSet, Transform};
use model::{Access, TileCoord};
use store::Twin;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, min_z, max_z] = arguments.as_slice() else {
        anyhow::bail!("usage: mlt TWIN MIN_Z MAX_Z")
    };
    let twin = Twin::open(Path::new(dir))?;
    let view = twin.snapshot()?.view(Access::Everything);
    let tms = TileMatrixSet::by_id("WebMercatorQuad").context("a built-in set")?;
    let forward = Transform::new(&Crs::from_code(twin.crs_code())?, &tms.crs)?;
    let levels = min_z.parse()?..=max_z.parse()?;
    let options = tiler::VectorOptions::default();
    let mut all = Sizes::default();
    println!("| collection | tiles | MVT | MLT | of it | MVT, gzip | MLT, gzip | of it | µs |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for collection in view.collections() {
        let Some(bounds) = &collection.meta().bounds else {
            continue;
        };
        let bounds = forward.bounds(bounds)?;
        let mut sizes = Sizes::default();
        let layers = [tiler::TileLayer::from(collection.clone())];
        for z in levels.clone() {
            let Some((columns, rows)) = tms.tiles_over(z, &bounds) else {
                continue;
            };
            for (x, y) in rows.flat_map(|y| columns.clone().map(move |x| (x, y))) {
                let tile = TileCoord::new(z, x, y)?;
                let mvt = tiler::vector_tile(&layers, tms, tile, &options)?.bytes;
                if !mvt.is_empty() {
                    sizes.add(&mvt)?;
                }
            }
        }
        sizes.print(collection.meta().id.as_str());
        all.join(&sizes);
    }
    all.print("all");
    Ok(())
}

/// What the tiles of a collection came to.
#[derive(Debug, Default)]
struct Sizes {
    tiles: u32,
    mvt: usize,
    mvt_gzip: usize,
    mlt: usize,
    mlt_gzip: usize,
    converting: Duration,
}

impl Sizes {
    fn add(&mut self, mvt: &[u8]) -> anyhow::Result<()> {
        let started = Instant::now();
        let mlt = tiler::mlt_of_mvt(mvt)?;
        self.converting += started.elapsed();
        self.tiles += 1;
        self.mvt += mvt.len();
        self.mvt_gzip += tiler::gzip(mvt).len();
        self.mlt += mlt.len();
        self.mlt_gzip += tiler::gzip(&mlt).len();
        Ok(())
    }

    fn join(&mut self, other: &Sizes) {
        self.tiles += other.tiles;
        self.mvt += other.mvt;
        self.mvt_gzip += other.mvt_gzip;
        self.mlt += other.mlt;
        self.mlt_gzip += other.mlt_gzip;
        self.converting += other.converting;
    }

    fn print(&self, name: &str) {
        let share = |of: usize, whole: usize| 100.0 * of as f64 / whole.max(1) as f64;
        println!(
            "| {name} | {} | {} | {} | {:.0} % | {} | {} | {:.0} % | {} |",
            self.tiles,
            self.mvt,
            self.mlt,
            share(self.mlt, self.mvt),
            self.mvt_gzip,
            self.mlt_gzip,
            share(self.mlt_gzip, self.mvt_gzip),
            (self.converting / self.tiles.max(1)).as_micros()
        );
    }
}
