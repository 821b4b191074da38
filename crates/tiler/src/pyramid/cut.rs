//! Features to pieces: what each tile of each level shows of them.

use model::FeatureId;
use store::FeaturePlace;

use super::changes::{Changes, ToCut};
use super::imprints::{Around, Imprint};
use super::order::Order;
use super::runs::{Key, Pieces};
use super::sources::Source;
use crate::parts::Parts;
use crate::shapes::Shaper;
use crate::vector::{chance, importance};
use crate::{Error, Polygons, label};

/// Cuts features into the tiles of some levels.
pub(super) struct Cutter<'a> {
    pub(super) polygons: Polygons,
    pub(super) order: Order,
    /// The tiles to make; all if not given.
    pub(super) changes: Option<&'a Changes>,
}

impl Cutter<'_> {
    /// Returns the pieces of some features of a source, the one of this number, and what the
    /// new ones among them leave.
    pub(super) fn cut(
        &self,
        number: u16,
        source: &Source,
        features: &[ToCut],
    ) -> Result<(Pieces, Vec<Imprint>), Error> {
        let (mut parts, mut shaper) = (Parts::default(), Shaper::default());
        let mut pieces = Pieces::default();
        let mut imprints = Vec::new();
        for &ToCut { place, is_new } in features {
            let (id, is_there) = self.set(&mut parts, source, place)?;
            if is_new {
                let content = source.collection.content_at(place)?;
                let around = match is_there {
                    true => Around::of(parts.coordinates()),
                    false => Around::NOWHERE,
                };
                imprints.push(Imprint {
                    id,
                    content,
                    around,
                });
            }
            if !is_there {
                continue;
            }
            let chance = chance(id.get());
            for (at, of) in source.levels.iter().enumerate() {
                let tiles = match self.changes {
                    Some(changes) => changes.spans[usize::from(number)][at].clone(),
                    None => of.level.tiles(),
                };
                let detail = of.layer.detail(&of.level);
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
                        if self.changes.is_some_and(|of| !of.tiles.contains(&tile)) {
                            return;
                        }
                        let key = Key {
                            tile,
                            source: number,
                            place,
                            kind: shown.kind,
                        };
                        pieces.push(key, importance(shown.pixels, chance), geometry);
                    },
                );
            }
        }
        Ok((pieces, imprints))
    }

    /// The box that a feature touches.
    pub(super) fn around(&self, source: &Source, place: FeaturePlace) -> Result<Around, Error> {
        let mut parts = Parts::default();
        let (_, is_there) = self.set(&mut parts, source, place)?;
        Ok(match is_there {
            true => Around::of(parts.coordinates()),
            false => Around::NOWHERE,
        })
    }

    /// Takes a feature apart as tiles show it; returns its id, and whether it has a place there.
    fn set(
        &self,
        parts: &mut Parts,
        source: &Source,
        place: FeaturePlace,
    ) -> Result<(FeatureId, bool), Error> {
        let mut feature = source.collection.feature_at(place)?;
        if self.polygons == Polygons::LabelPoints {
            label::stand_in(&mut feature);
        }
        let set = |geometry| parts.set(geometry, source.forward.as_ref()).is_ok();
        Ok((feature.id, feature.geometry.as_ref().is_some_and(set)))
    }
}
