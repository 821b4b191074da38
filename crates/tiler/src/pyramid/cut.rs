//! Features to pieces: what each tile of each level shows of them.

use store::FeaturePlace;

use super::order::Order;
use super::runs::{Key, Pieces};
use super::sources::Source;
use crate::parts::Parts;
use crate::shapes::Shaper;
use crate::vector::chance;
use crate::{Error, Polygons, label};

/// Cuts features into the tiles of some levels.
pub(super) struct Cutter {
    pub(super) polygons: Polygons,
    pub(super) order: Order,
}

impl Cutter {
    /// Returns the pieces of some features of a source, the one of this number.
    pub(super) fn cut(
        &self,
        number: u16,
        source: &Source,
        places: &[FeaturePlace],
    ) -> Result<Pieces, Error> {
        let (mut parts, mut shaper) = (Parts::default(), Shaper::default());
        let mut pieces = Pieces::default();
        for &place in places {
            let mut feature = source.collection.feature_at(place)?;
            if self.polygons == Polygons::LabelPoints {
                label::stand_in(&mut feature);
            }
            let Some(geometry) = &feature.geometry else {
                continue;
            };
            if parts.set(geometry, source.forward.as_ref()).is_err() {
                pieces.out_of_domain += 1;
                continue;
            }
            let chance = chance(feature.id.get());
            for of in &source.levels {
                let tiles = of.level.tiles();
                let detail = of.layer.detail(of.level.tolerance());
                shaper.shape(
                    &parts,
                    chance,
                    &of.level,
                    &tiles,
                    detail,
                    &mut |tile, shown, geometry| {
                        let Some(tile) = self.order.id(of.z, tile) else {
                            return;
                        };
                        let key = Key {
                            tile,
                            source: number,
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
