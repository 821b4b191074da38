//! Features to pieces: what each tile of each level shows of them.

use geodesy::{TileMatrixSet, Transform};
use store::{CollectionView, FeaturePlace};

use super::PyramidOptions;
use super::order::Order;
use super::runs::{Key, Pieces};
use crate::level::Level;
use crate::parts::Parts;
use crate::shapes::Shaper;
use crate::vector::chance;
use crate::{Error, Polygons, label, ways};

/// Cuts features into the tiles of some levels.
pub(super) struct Cutter {
    forward: Option<Transform>,
    levels: Vec<(u8, Level)>,
    polygons: Polygons,
    order: Order,
}

impl Cutter {
    pub(super) fn new(
        collections: &[CollectionView],
        tms: &TileMatrixSet,
        options: &PyramidOptions,
        order: Order,
    ) -> Result<Cutter, Error> {
        let forward = match collections.first() {
            Some(first) => ways(first.crs_code(), tms)?.map(|(forward, _)| forward),
            None => None,
        };
        let levels = options.levels.clone().map(|z| {
            // Levels too deep for a number could be made, but found by nobody.
            let level = Level::of(tms, z)
                .filter(|_| order.id(z, [0, 0]).is_some())
                .ok_or_else(|| Error::NoSuchLevel {
                    tms: tms.id.clone(),
                    z,
                })?;
            Ok((z, level))
        });
        Ok(Cutter {
            forward,
            levels: levels.collect::<Result<_, Error>>()?,
            polygons: options.tile.polygons,
            order,
        })
    }

    /// Returns the pieces of some features of a collection, which is the layer of this number.
    pub(super) fn cut(
        &self,
        layer: u16,
        collection: &CollectionView,
        places: &[FeaturePlace],
    ) -> Result<Pieces, Error> {
        let (mut parts, mut shaper) = (Parts::default(), Shaper::default());
        let mut pieces = Pieces::default();
        for &place in places {
            let mut feature = collection.feature_at(place)?;
            if self.polygons == Polygons::LabelPoints {
                label::stand_in(&mut feature);
            }
            let Some(geometry) = &feature.geometry else {
                continue;
            };
            if parts.set(geometry, self.forward.as_ref()).is_err() {
                pieces.out_of_domain += 1;
                continue;
            }
            let chance = chance(feature.id.get());
            for (z, level) in &self.levels {
                let tiles = level.tiles();
                let tolerance = level.tolerance();
                shaper.shape(
                    &parts,
                    chance,
                    level,
                    &tiles,
                    tolerance,
                    &mut |tile, shown, geometry| {
                        let Some(tile) = self.order.id(*z, tile) else {
                            return;
                        };
                        let key = Key {
                            tile,
                            layer,
                            place,
                            kind: shown.kind,
                        };
                        pieces.push(key, geometry);
                    },
                );
            }
        }
        Ok(pieces)
    }
}
