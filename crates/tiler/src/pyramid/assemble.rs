//! The pieces of each tile to its bytes.

use geodesy::TileMatrixSet;
use model::Value;

use super::order::Order;
use super::runs::{Merge, Runs, TilePieces};
use super::sources::Source;
use super::{BuiltTile, PyramidOptions, PyramidSummary, threads};
use crate::level::Level;
use crate::vector::{LayerBuilder, Place};
use crate::{Error, TileLayer, VectorTile, gzip, tile_within_limit};

/// Pieces that are written as tiles at once, in bytes and in tiles, for each thread: many
/// enough that nobody waits, few enough to fit into the cache of a small machine.
const BATCH_BYTES: usize = 4 << 20;
const BATCH_TILES: usize = 512;

/// What a pyramid is made of.
pub(super) struct Assembler<'a> {
    pub(super) sources: &'a [Source],
    pub(super) tms: &'a TileMatrixSet,
    pub(super) options: &'a PyramidOptions,
    pub(super) order: Order,
}

fn batch(merge: &mut Merge) -> Result<Vec<TilePieces>, Error> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while bytes < BATCH_BYTES * threads::count() && batch.len() < BATCH_TILES * threads::count() {
        let Some(pieces) = merge.next_tile()? else {
            break;
        };
        bytes += pieces.bytes();
        batch.push(pieces);
    }
    Ok(batch)
}

impl Assembler<'_> {
    /// Gives `sink` the tiles of all pieces, in their order.
    pub(super) fn all<E: From<Error> + Send>(
        &self,
        runs: Runs,
        summary: &mut PyramidSummary,
        sink: &mut dyn FnMut(BuiltTile) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut merge = runs.finish()?;
        let mut batch = batch(&mut merge)?;
        while !batch.is_empty() {
            let (made, next) = threads::overlap(
                || threads::map(batch, |pieces| self.tile(&pieces)),
                || self::batch(&mut merge),
            );
            for tile in made {
                if let Some((tile, features)) = tile? {
                    summary.tiles += 1;
                    summary.features += features;
                    sink(tile)?;
                }
            }
            batch = next?;
        }
        Ok(())
    }

    /// Returns a tile and how many pieces it is made of; none if it shows nothing.
    fn tile(&self, pieces: &TilePieces) -> Result<Option<(BuiltTile, u64)>, Error> {
        let Some(tile) = self.order.tile(pieces.tile) else {
            return Ok(None);
        };
        let limit = self.options.tile.byte_limit;
        let first = match pieces.is_overfull {
            true => None,
            false => Some(self.write(tile, pieces)?),
        };
        let VectorTile { bytes, sacrifices } = match first {
            Some(bytes) if bytes.len() <= limit => VectorTile {
                bytes,
                sacrifices: Vec::new(),
            },
            // What has to be given up is weighed in one place.
            first => {
                let layers = self.sources.iter().filter_map(|s| s.layer_at(tile.z()));
                let layers: Vec<TileLayer> = layers.cloned().collect();
                tile_within_limit(&layers, self.tms, tile, &self.options.tile, first)?
            }
        };
        Ok((!bytes.is_empty()).then(|| {
            let tile = BuiltTile {
                tile,
                gzip: gzip(&bytes),
                sacrifices,
            };
            (tile, pieces.len() as u64)
        }))
    }

    fn write(&self, tile: model::TileCoord, pieces: &TilePieces) -> Result<Vec<u8>, Error> {
        let level = Level::of(self.tms, tile.z()).ok_or_else(|| Error::NoSuchTile {
            tms: self.tms.id.clone(),
            tile,
        })?;
        let place = Place {
            forward: None,
            level: &level,
            tile: [tile.x(), tile.y()],
        };
        let mut bytes = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        let mut current: Option<(u16, LayerBuilder<'_>)> = None;
        for (key, geometry) in pieces.iter() {
            let source = &self.sources[usize::from(key.source)];
            let builder = match &mut current {
                Some((number, builder)) if *number == key.source => builder,
                _ => {
                    if let Some((_, builder)) = &current {
                        builder.write_all(&mut bytes);
                    }
                    let Some(layer) = source.layer_at(tile.z()) else {
                        continue;
                    };
                    let builder = LayerBuilder::new(layer, place, 0.0);
                    &mut current.insert((key.source, builder)).1
                }
            };
            let id = source.collection.values_at(key.place, &mut values)?;
            builder.push(id, key.kind, geometry, &values);
        }
        if let Some((_, builder)) = &current {
            builder.write_all(&mut bytes);
        }
        Ok(bytes)
    }
}
