//! Makes every vector tile of a collection at some zoom levels straight from the store, one
//! after the other and without a cache. Prints the number of tiles, and bytes before compression.
//!
//! Usage: `tiles TWIN COLLECTION MIN_Z MAX_Z`

use std::path::Path;

use anyhow::Context;
use geodesy::{Crs, TileMatrixSet, Transform};
use model::{Access, TileCoord};
use store::Twin;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, id, min_z, max_z] = arguments.as_slice() else {
        anyhow::bail!("usage: tiles TWIN COLLECTION MIN_Z MAX_Z")
    };
    let twin = Twin::open(Path::new(dir))?;
    let view = twin.snapshot()?.view(Access::Everything);
    let collection = view.collection(id).context("no such collection")?;
    let tms = TileMatrixSet::by_id("WebMercatorQuad").context("a built-in set")?;
    let bounds = Transform::new(&Crs::from_code(twin.crs_code())?, &tms.crs)?
        .bounds(&collection.meta().bounds.context("no geometry")?)?;
    let layers = [tiler::TileLayer::from(collection)];
    let options = tiler::VectorOptions::default();
    let (mut tiles, mut bytes) = (0u64, 0u64);
    for z in min_z.parse()?..=max_z.parse()? {
        let Some((columns, rows)) = tms.tiles_over(z, &bounds) else {
            continue;
        };
        for y in rows {
            for x in columns.clone() {
                let tile = TileCoord::new(z, x, y)?;
                let made = tiler::vector_tile(&layers, tms, tile, &options)?;
                if !made.bytes.is_empty() {
                    tiles += 1;
                    bytes += tiler::gzip(&made.bytes).len() as u64;
                }
            }
        }
    }
    println!("{tiles} {bytes}");
    Ok(())
}
