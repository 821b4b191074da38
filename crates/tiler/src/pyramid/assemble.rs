//! The pieces of each tile to its bytes.

use geodesy::TileMatrixSet;
use model::Value;

use super::order::Order;
use super::pieces::TilePieces;
use super::runs::{Merge, Runs};
use super::sources::Source;
use super::{BuiltTile, PyramidOptions, PyramidSummary, threads};
use crate::level::Level;
use crate::limit::within_limit;
use crate::vector::{LayerBuilder, Place};
use crate::{Error, VectorTile, gzip};

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
                || threads::map(batch, |pieces| self.tile(pieces)),
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
    fn tile(&self, mut pieces: TilePieces) -> Result<Option<(BuiltTile, u64)>, Error> {
        let Some(tile) = self.order.tile(pieces.tile) else {
            return Ok(None);
        };
        let level = Level::of(self.tms, tile.z()).ok_or_else(|| Error::NoSuchTile {
            tms: self.tms.id.clone(),
            tile,
        })?;
        let of_tile = self.sources.iter().filter_map(|s| s.layer_at(tile.z()));
        let byte_limit = self.options.tile.limit_of(of_tile);
        let count = pieces.count();
        let is_level = |source: u16| {
            let layer = self.sources[usize::from(source)].layer_at(tile.z());
            layer.is_some_and(|layer| layer.is_level)
        };
        let given_up = pieces.give_up(byte_limit, is_level);
        let place = Place {
            forward: None,
            level: &level,
            tile: [tile.x(), tile.y()],
        };
        let layers = self.layers(place, tile.z(), &pieces)?;
        let VectorTile { bytes, sacrifices } = within_limit(layers, given_up, byte_limit);
        Ok((!bytes.is_empty()).then(|| {
            let tile = BuiltTile {
                tile,
                gzip: gzip(&bytes),
                sacrifices,
            };
            (tile, count)
        }))
    }

    /// The layers of a tile, with the attributes of all pieces.
    fn layers<'s>(
        &'s self,
        place: Place<'s>,
        z: u8,
        pieces: &TilePieces,
    ) -> Result<Vec<LayerBuilder<'s>>, Error> {
        let mut layers = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        for (source, of_layer, left_out) in pieces.layers() {
            let source = &self.sources[usize::from(source)];
            let Some(layer) = source.layer_at(z) else {
                continue;
            };
            let mut builder = LayerBuilder::new(layer, place);
            builder.left_out = left_out;
            for piece in of_layer {
                let id = source.collection.values_at(piece.key.place, &mut values)?;
                let geometry = pieces.geometry(piece);
                builder.push(id, (piece.key.kind, piece.importance), geometry, &values);
            }
            layers.push(builder);
        }
        Ok(layers)
    }
}
