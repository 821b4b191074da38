//! Finished tiles, as many as fit.

use std::borrow::Cow;
use std::sync::Arc;

use model::TileCoord;
use moka::future::Cache;

use crate::class::Class;
use crate::content::Content;
use crate::problem::Problem;

/// What tells one tile from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TileKey {
    /// Rights are never shared, even where the bytes would be the same.
    pub(crate) class: Class,
    /// What is drawn, of which content: names and versions, see [`content_hash`].
    pub(crate) content: u128,
    /// Kind and format.
    pub(crate) kind: &'static str,
    /// Tile matrix set.
    pub(crate) tms: Cow<'static, str>,
    /// Address.
    pub(crate) tile: TileCoord,
}

/// A tile, or that there is nothing to show in it.
pub(crate) type Tile = Option<Content>;

/// Tiles by key, the least useful of them dropped when they take too many bytes.
///
/// Nothing is ever removed because it is old: a tile of old content has a key that
/// nobody asks for any more, and goes when its room is needed.
pub(crate) struct TileCache(Cache<TileKey, Arc<Tile>>);

impl TileCache {
    /// Returns a cache that holds at most so many bytes.
    pub(crate) fn new(bytes: u64) -> TileCache {
        let weigh = |key: &TileKey, tile: &Arc<Tile>| {
            let size = size_of::<TileKey>()
                + key.tms.len()
                + tile.as_ref().as_ref().map_or(0, Content::size);
            u32::try_from(size).unwrap_or(u32::MAX)
        };
        TileCache(Cache::builder().max_capacity(bytes).weigher(weigh).build())
    }

    /// Returns the tile, if it is there.
    pub(crate) async fn get(&self, key: &TileKey) -> Option<Arc<Tile>> {
        let tile = self.0.get(key).await?;
        metrics::counter!("tvilling_tile_cache_total", "result" => "hit").increment(1);
        Some(tile)
    }

    /// Returns the tile, made by `make` if it is not there. Callers who ask for the
    /// same tile at the same time wait for one of them to make it.
    pub(crate) async fn get_or_make(
        &self,
        key: TileKey,
        make: impl Future<Output = Result<Tile, Problem>>,
    ) -> Result<Arc<Tile>, Problem> {
        if let Some(tile) = self.get(&key).await {
            return Ok(tile);
        }
        metrics::counter!("tvilling_tile_cache_total", "result" => "miss").increment(1);
        self.0
            .try_get_with(key, async { make.await.map(Arc::new) })
            .await
            .map_err(|problem| problem.as_ref().clone())
    }
}

/// Names and versions of what a tile is made of, as a number.
pub(crate) fn content_hash<'a>(parts: impl IntoIterator<Item = (&'a str, u64)>) -> u128 {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    for (name, version) in parts {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(&version.to_le_bytes());
    }
    hasher.digest128()
}
