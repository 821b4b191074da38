//! The pieces of one tile, and what of them is given up before their attributes are read.

use std::ops::Range;

use super::runs::Key;
use crate::coarser::Coarsener;
use crate::limit::{GivenUp, hopeless};
use crate::mvt::LEAST_BESIDE_GEOMETRY;
use crate::vector::{FEATURE_LIMIT, Floor};

/// The pieces of one tile, layer by layer, in order of their keys.
#[derive(Debug, Default)]
pub(super) struct TilePieces {
    /// Number of the tile.
    pub(super) tile: u64,
    list: Vec<Piece>,
    geometry: Vec<u8>,
    /// Of the layer that was added to last: its first piece, and what is kept of it.
    start: usize,
    floor: Floor,
    /// By source: pieces that were too many to hold.
    left_out: Vec<(u16, usize)>,
}

/// A piece of a tile.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) key: Key,
    pub(super) importance: f32,
    geometry: Range<usize>,
}

impl TilePieces {
    pub(super) fn of(tile: u64) -> TilePieces {
        TilePieces {
            tile,
            ..TilePieces::default()
        }
    }

    /// Adds a piece, unless there are too many more important ones in its layer.
    pub(super) fn push(&mut self, key: Key, importance: f32, geometry: &[u8]) {
        if self
            .list
            .last()
            .is_none_or(|last| last.key.source != key.source)
        {
            self.start = self.list.len();
            self.floor = Floor::default();
        }
        if !self.floor.keeps(importance) {
            self.leave_out(key.source, 1);
            return;
        }
        let start = self.geometry.len();
        self.geometry.extend_from_slice(geometry);
        self.list.push(Piece {
            key,
            importance,
            geometry: start..self.geometry.len(),
        });
        if self.list.len() - self.start > FEATURE_LIMIT {
            let of_layer = &self.list[self.start..];
            self.floor
                .rise(of_layer.iter().map(|piece| piece.importance));
            let floor = self.floor;
            let before = self.list.len();
            self.retain(self.start, |importance| floor.keeps(importance));
            self.leave_out(key.source, before - self.list.len());
        }
    }

    fn leave_out(&mut self, source: u16, count: usize) {
        match self.left_out.last_mut() {
            Some((last, sum)) if *last == source => *sum += count,
            _ => self.left_out.push((source, count)),
        }
    }

    /// Removes the pieces from `start` on that are not kept.
    fn retain(&mut self, start: usize, keeps: impl Fn(f32) -> bool) {
        let mut end = self.list.get(start).map_or(0, |piece| piece.geometry.start);
        let mut kept = start;
        for at in start..self.list.len() {
            if keeps(self.list[at].importance) {
                let range = self.list[at].geometry.clone();
                let len = range.len();
                self.geometry.copy_within(range, end);
                self.list[kept] = Piece {
                    geometry: end..end + len,
                    ..self.list[at].clone()
                };
                kept += 1;
                end += len;
            }
        }
        self.list.truncate(kept);
        self.geometry.truncate(end);
    }

    /// Bytes that it takes, roughly.
    pub(super) fn bytes(&self) -> usize {
        self.geometry.len() + self.list.len() * size_of::<Piece>()
    }

    /// Number of its pieces, with those that were too many.
    pub(super) fn count(&self) -> u64 {
        let left_out: usize = self.left_out.iter().map(|(_, count)| count).sum();
        (self.list.len() + left_out) as u64
    }

    /// Its layers: the source, its pieces, and how many of them were left out.
    pub(super) fn layers(&self) -> impl Iterator<Item = (u16, &[Piece], usize)> {
        let layers = self.list.chunk_by(|a, b| a.key.source == b.key.source);
        layers.map(|pieces| {
            let source = pieces[0].key.source;
            let left_out = self.left_out.iter().find(|(of, _)| *of == source);
            (source, pieces, left_out.map_or(0, |(_, count)| *count))
        })
    }

    /// The geometry of a piece, as commands of MVT.
    pub(super) fn geometry(&self, piece: &Piece) -> &[u8] {
        &self.geometry[piece.geometry.clone()]
    }

    /// Gives up what must be if no attribute were shown at all: detail of what was delivered,
    /// and then features, as [`crate::limit`] would.
    pub(super) fn give_up(&mut self, byte_limit: usize, is_level: impl Fn(u16) -> bool) -> GivenUp {
        let weight = |piece: &Piece| {
            let least_len = piece.geometry.len() + LEAST_BESIDE_GEOMETRY;
            (piece.importance, least_len)
        };
        let least_len = |list: &[Piece]| list.iter().map(|piece| weight(piece).1).sum::<usize>();
        if least_len(&self.list) <= byte_limit {
            return GivenUp::default();
        }
        let mut given_up = GivenUp {
            detail: Some(self.coarsen(is_level)),
            features: None,
        };
        if let Some(step) = hopeless(self.list.iter().map(weight), byte_limit) {
            let before = self.list.len();
            let floor = step.floor();
            self.retain(0, |importance| importance >= floor);
            given_up.features = Some((step, before - self.list.len()));
        }
        given_up
    }

    /// Simplifies what was delivered; returns whether anything got shorter.
    fn coarsen(&mut self, is_level: impl Fn(u16) -> bool) -> bool {
        let mut coarsener = Coarsener::default();
        let mut geometry = Vec::with_capacity(self.geometry.len());
        let mut is_shorter = false;
        for piece in &mut self.list {
            let start = geometry.len();
            let before = &self.geometry[piece.geometry.clone()];
            if !is_level(piece.key.source)
                && coarsener.coarser(piece.key.kind, before, &mut geometry)
            {
                is_shorter = true;
            } else {
                geometry.extend_from_slice(before);
            }
            piece.geometry = start..geometry.len();
        }
        self.geometry = geometry;
        is_shorter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mvt::GeometryType;
    use store::FeaturePlace;

    fn key(source: u16, place: u64) -> Key {
        Key {
            tile: 7,
            source,
            place: FeaturePlace::from_bits(place),
            kind: GeometryType::Point,
        }
    }

    #[test]
    fn of_too_many_pieces_of_a_layer_the_most_important_are_held() {
        let count = FEATURE_LIMIT as u64 + 500;
        let mut pieces = TilePieces::of(7);
        pieces.push(key(0, 0), 0.5, b"first");
        for place in 0..count {
            let importance = if place % 4 == 0 { 3.0 } else { 40.0 };
            pieces.push(key(1, place), importance, &place.to_le_bytes());
        }
        pieces.push(key(2, 0), 0.25, b"last");
        assert_eq!(pieces.count(), count + 2);
        let layers: Vec<_> = pieces.layers().collect();
        assert_eq!(layers.len(), 3);
        let (source, held, left_out) = layers[1];
        assert_eq!((source, held.len() as u64), (1, count - count.div_ceil(4)));
        assert_eq!(left_out as u64, count.div_ceil(4));
        for piece in held {
            let place = piece.key.place.to_bits();
            assert_eq!(pieces.geometry(piece), place.to_le_bytes());
        }
        assert_eq!(pieces.geometry(&layers[0].1[0]), b"first");
        assert_eq!(pieces.geometry(&layers[2].1[0]), b"last");
    }
}
