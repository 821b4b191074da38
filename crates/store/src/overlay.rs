//! Features that changed since a collection's segments were written, in memory.
//!
//! An [`Overlay`] is never changed: one with more changes shares all but a little with the
//! one before, so that readers keep what they hold and a change costs little. It is a list
//! of tiers, oldest first, each at least about twice the size of the next; a feature is what
//! the newest tier that knows it says. Each tier has its features by id and, under `rstar`,
//! by place. What the segments say of a feature that any tier knows is hidden.

use std::sync::Arc;

use model::{Bounds, Feature, FeatureId};
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

use crate::segment::Position;

/// A feature that changed, as it is now.
#[derive(Debug, Clone)]
pub(crate) struct Edited {
    pub(crate) id: FeatureId,
    /// Number of the change.
    pub(crate) since: u64,
    /// None if it is gone.
    pub(crate) feature: Option<Arc<Feature>>,
    /// Where the segments have it, if they do: number of the segment, and place in it.
    pub(crate) hides: Option<(usize, Position)>,
    /// Boxes that it had since the segments were written, also before it changed.
    pub(crate) touched: Vec<Bounds>,
}

/// Most boxes that are kept of one feature: of one that moves more often, the oldest are
/// taken together.
const TOUCHED_MAX: usize = 4;

impl Edited {
    /// The same after what was known before.
    fn after(mut self, before: &Edited) -> Edited {
        let own = std::mem::take(&mut self.touched);
        self.touched = before.touched.clone();
        self.touched.extend(own);
        self.touched.dedup();
        while self.touched.len() > TOUCHED_MAX {
            let oldest = self.touched.remove(0);
            self.touched[0] = self.touched[0].union(&oldest);
        }
        self
    }

    fn bounds(&self) -> Option<Bounds> {
        let geometry = self.feature.as_ref()?.geometry.as_ref()?;
        Bounds::of_geometry(geometry)
    }
}

/// What changed since the segments were written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overlay {
    tiers: Vec<Arc<Tier>>,
    /// Number of the last change; 0 if there is none.
    pub(crate) last_change: u64,
    /// How many more features there are than in the segments; fewer if negative.
    pub(crate) added: i64,
}

/// Where a feature is in an overlay: number of the tier, and place in it.
pub(crate) type Slot = (usize, usize);

impl Overlay {
    /// Whether nothing has changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.tiers.is_empty()
    }

    /// Most features that it may know: some are counted more than once.
    pub(crate) fn len(&self) -> usize {
        self.tiers.iter().map(|tier| tier.entries.len()).sum()
    }

    /// The same with more changes. Of two of one feature in `changes`, the last counts.
    pub(crate) fn with(&self, changes: Vec<Edited>) -> Overlay {
        if changes.is_empty() {
            return self.clone();
        }
        let last_change = changes.iter().map(|change| change.since).max();
        let changes = latest_by_id(changes);
        let mut added = self.added;
        for change in &changes {
            let was = match self.find(change.id) {
                Some(known) => known.feature.is_some(),
                None => change.hides.is_some(),
            };
            added += i64::from(change.feature.is_some()) - i64::from(was);
        }
        let mut tiers = self.tiers.clone();
        let mut newest = changes;
        while let Some(below) = tiers.pop_if(|below| below.entries.len() < 2 * newest.len()) {
            let both = below.entries.iter().cloned().chain(newest);
            newest = latest_by_id(both.collect());
        }
        tiers.push(Arc::new(Tier::new(newest)));
        Overlay {
            tiers,
            last_change: self.last_change.max(last_change.unwrap_or_default()),
            added,
        }
    }

    /// What it knows of a feature.
    pub(crate) fn find(&self, id: FeatureId) -> Option<&Edited> {
        self.tiers.iter().rev().find_map(|tier| tier.find(id))
    }

    /// Whether what lies there in a segment is no longer so.
    pub(crate) fn hides(&self, segment: usize, position: Position) -> bool {
        let mut tiers = self.tiers.iter();
        tiers.any(|tier| tier.hidden.binary_search(&(segment, position)).is_ok())
    }

    /// Whether a feature that changed after a change touches `bounds`, or did before.
    pub(crate) fn touches_since(&self, change: u64, bounds: &Bounds) -> bool {
        let newer = self.tiers.iter().filter(|tier| tier.last_change > change);
        newer.flat_map(|tier| &tier.entries).any(|edited| {
            let mut boxes = edited.touched.iter();
            edited.since > change && boxes.any(|touched| touched.intersects(bounds))
        })
    }

    /// Features whose boxes touch `bounds`, by id.
    pub(crate) fn within(&self, bounds: &Bounds) -> Vec<Slot> {
        let [min_x, min_y, max_x, max_y] = bounds.to_array();
        let asked = AABB::from_corners([min_x, min_y], [max_x, max_y]);
        let mut slots = Vec::new();
        for (number, tier) in self.tiers.iter().enumerate() {
            let found = tier.tree.locate_in_envelope_intersecting(&asked);
            slots.extend(found.map(|leaf| (number, leaf.data as usize)));
        }
        slots.retain(|slot| self.is_newest(*slot));
        slots.sort_unstable_by_key(|slot| self.at(*slot).map(|edited| edited.id));
        slots
    }

    /// Features that there are, by id, from the first over `after`.
    pub(crate) fn live(
        &self,
        after: Option<FeatureId>,
    ) -> impl Iterator<Item = (Slot, &Arc<Feature>)> + '_ {
        let mut heads: Vec<usize> = self
            .tiers
            .iter()
            .map(|tier| {
                let is_before = |edited: &Edited| after.is_some_and(|after| edited.id <= after);
                tier.entries.partition_point(is_before)
            })
            .collect();
        std::iter::from_fn(move || {
            loop {
                let head = |number: usize| self.tiers[number].entries.get(heads[number]);
                let numbers = 0..self.tiers.len();
                let least = numbers.filter_map(|number| Some((head(number)?.id, number)));
                // Of those with one id the newest tier's is taken.
                let (id, number) = least.min_by_key(|(id, number)| (*id, usize::MAX - number))?;
                let slot = (number, heads[number]);
                for (tier, head) in self.tiers.iter().zip(&mut heads) {
                    *head += usize::from(tier.entries.get(*head).is_some_and(|e| e.id == id));
                }
                if let Some(feature) = self.at(slot).and_then(|edited| edited.feature.as_ref()) {
                    return Some((slot, feature));
                }
            }
        })
    }

    /// The feature in a slot.
    pub(crate) fn at(&self, (tier, place): Slot) -> Option<&Edited> {
        self.tiers.get(tier)?.entries.get(place)
    }

    fn is_newest(&self, (tier, place): Slot) -> bool {
        let id = self.tiers[tier].entries[place].id;
        let mut newer = self.tiers[tier + 1..].iter();
        !newer.any(|tier| tier.find(id).is_some())
    }
}

/// Some of the features that changed.
#[derive(Debug)]
struct Tier {
    /// By id.
    entries: Vec<Edited>,
    /// Those that have a place, with their place in `entries`.
    tree: RTree<Leaf>,
    /// What the segments have of them, sorted.
    hidden: Vec<(usize, Position)>,
    /// Number of the last change of any of them.
    last_change: u64,
}

type Leaf = GeomWithData<Rectangle<[f64; 2]>, u32>;

impl Tier {
    fn new(entries: Vec<Edited>) -> Tier {
        let leaves = (0_u32..).zip(&entries).filter_map(|(place, edited)| {
            let [min_x, min_y, max_x, max_y] = edited.bounds()?.to_array();
            let rectangle = Rectangle::from_corners([min_x, min_y], [max_x, max_y]);
            Some(GeomWithData::new(rectangle, place))
        });
        let mut hidden: Vec<_> = entries.iter().filter_map(|edited| edited.hides).collect();
        hidden.sort_unstable();
        Tier {
            tree: RTree::bulk_load(leaves.collect()),
            last_change: entries.iter().map(|edited| edited.since).max().unwrap_or(0),
            hidden,
            entries,
        }
    }

    fn find(&self, id: FeatureId) -> Option<&Edited> {
        let place = self.entries.binary_search_by_key(&id, |edited| edited.id);
        place.ok().map(|place| &self.entries[place])
    }
}

/// Sorts by id and keeps the last of each, with the boxes of those before.
fn latest_by_id(mut changes: Vec<Edited>) -> Vec<Edited> {
    // Stable, so that the last of one id stays the last.
    changes.sort_by_key(|change| change.id);
    let mut latest: Vec<Edited> = Vec::with_capacity(changes.len());
    for change in changes {
        match latest.last_mut() {
            Some(last) if last.id == change.id => *last = change.after(last),
            _ => latest.push(change),
        }
    }
    latest
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use geo_types::Point;
    use proptest::prelude::*;

    use super::*;

    fn feature(id: FeatureId, x: f64) -> Arc<Feature> {
        Arc::new(Feature {
            id,
            geometry: Some(Point::new(x, 0.0).into()),
            values: Vec::new(),
        })
    }

    proptest! {
        #[test]
        fn an_overlay_says_what_was_said_last(
            rounds in prop::collection::vec(
                prop::collection::vec((0_u64..40, prop::option::of(0_u32..100)), 1..8), 1..40),
            after in prop::option::of(0_u64..40),
            from in 0_u32..100,
        ) {
            // The segments have the even ids.
            let hides = |id: u64| {
                let position = Position { in_rows: false, offset: id };
                id.is_multiple_of(2).then_some((0, position))
            };
            let mut overlay = Overlay::default();
            let mut model: BTreeMap<u64, Option<u32>> = BTreeMap::new();
            let mut since = 0;
            for round in rounds {
                let changes = round.into_iter().map(|(id, x)| {
                    since += 1;
                    model.insert(id, x);
                    let id = FeatureId::new(id).unwrap();
                    Edited {
                        id,
                        since,
                        feature: x.map(|x| feature(id, f64::from(x))),
                        hides: hides(id.get()),
                        touched: Vec::new(),
                    }
                });
                overlay = overlay.with(changes.collect());
            }
            prop_assert_eq!(overlay.last_change, since);
            let ids = |slots: Vec<Slot>| -> Vec<u64> {
                slots.into_iter().map(|slot| overlay.at(slot).unwrap().id.get()).collect()
            };
            let live: Vec<u64> = model.iter().filter_map(|(id, x)| x.map(|_| *id)).collect();
            let later = |id: &&u64| after.is_none_or(|after| **id > after);
            let after = after.and_then(FeatureId::new);
            prop_assert_eq!(
                ids(overlay.live(after).map(|(slot, _)| slot).collect()),
                live.iter().filter(later).copied().collect::<Vec<_>>()
            );
            let bounds = Bounds::new(f64::from(from), -1.0, f64::from(from) + 20.0, 1.0).unwrap();
            let inside = model.iter().filter(|(_, x)| {
                x.is_some_and(|x| (from..=from + 20).contains(&x))
            });
            prop_assert_eq!(
                ids(overlay.within(&bounds)),
                inside.map(|(id, _)| *id).collect::<Vec<_>>()
            );
            for id in 0..40 {
                let position = Position { in_rows: false, offset: id };
                let known = model.contains_key(&id) && id.is_multiple_of(2);
                prop_assert_eq!(overlay.hides(0, position), known);
                let found = overlay.find(FeatureId::new(id).unwrap());
                prop_assert_eq!(found.map(|e| e.feature.is_some()), model.get(&id).map(Option::is_some));
            }
            let hidden = model.keys().filter(|id| id.is_multiple_of(2)).count() as i64;
            prop_assert_eq!(overlay.added, live.len() as i64 - hidden);
            prop_assert!(overlay.tiers.len() < 12);
        }
    }
}
