//! What features left in a pyramid: a hash of each, and the box that it touched. A later
//! build compares its own with them, and so knows which tiles have changed.
//!
//! As bytes, all numbers little-endian:
//!
//! ```text
//! "TVIMPRT2", asked u128, recipe u128, sources u32; for each source: features u64; for each
//! feature, by id: step from the id before (varint), content u64, west, south, east, north f32
//! ```

use model::FeatureId;

use crate::clip::ClipBox;

const MAGIC: &[u8; 8] = b"TVIMPRT2";

/// Bytes that an imprint takes at least.
const LEN_MIN: usize = 1 + 8 + 16;

/// What was left by all features, and by which recipe their tiles were made.
#[derive(Debug, Clone, PartialEq)]
pub struct Imprints {
    /// A hash of all that was asked for: who asks the same again has it.
    pub(super) asked: u128,
    /// A hash of all but the features that tiles depend on.
    pub(super) recipe: u128,
    /// For each source, in the order of ids.
    pub(super) sources: Vec<Vec<Imprint>>,
}

/// What one feature left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Imprint {
    pub(super) id: FeatureId,
    /// As the store has it.
    pub(super) content: u64,
    pub(super) around: Around,
}

/// A box in the CRS of the tile matrix set, rounded outwards: west, south, east, north. Of a
/// feature without a place there they are no numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around([f32; 4]);

impl PartialEq for Around {
    fn eq(&self, other: &Around) -> bool {
        self.0.map(f32::to_bits) == other.0.map(f32::to_bits)
    }
}

impl Around {
    pub(super) const NOWHERE: Around = Around([f32::NAN; 4]);

    pub(super) fn of(coordinates: &[[f64; 2]]) -> Around {
        if coordinates.is_empty() {
            return Around::NOWHERE;
        }
        let ClipBox { min, max } = ClipBox::around(coordinates);
        let down = |x: f64| {
            let near = x as f32;
            if f64::from(near) > x {
                near.next_down()
            } else {
                near
            }
        };
        let up = |x: f64| {
            let near = x as f32;
            if f64::from(near) < x {
                near.next_up()
            } else {
                near
            }
        };
        Around([down(min[0]), down(min[1]), up(max[0]), up(max[1])])
    }

    /// Its south-west and its north-east corner; none if it is nowhere.
    pub(super) fn corners(self) -> Option<[[f64; 2]; 2]> {
        let [west, south, east, north] = self.0.map(f64::from);
        (west <= east && south <= north).then_some([[west, south], [east, north]])
    }
}

impl Imprints {
    /// Of all sources, each in any order.
    pub(super) fn new([asked, recipe]: [u128; 2], mut sources: Vec<Vec<Imprint>>) -> Imprints {
        for source in &mut sources {
            source.sort_unstable_by_key(|imprint| imprint.id);
        }
        Imprints {
            asked,
            recipe,
            sources,
        }
    }

    /// How many features have no place in the set's CRS.
    pub(super) fn nowhere(&self) -> u64 {
        let all = self.sources.iter().flatten();
        all.filter(|imprint| imprint.around.corners().is_none())
            .count() as u64
    }

    /// As bytes, to be kept beside the pyramid.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.asked.to_le_bytes());
        bytes.extend(self.recipe.to_le_bytes());
        bytes.extend((self.sources.len() as u32).to_le_bytes());
        for source in &self.sources {
            bytes.extend((source.len() as u64).to_le_bytes());
            let mut before = 0;
            for imprint in source {
                let id = imprint.id.get();
                put_varint(id - before, &mut bytes);
                before = id;
                bytes.extend(imprint.content.to_le_bytes());
                bytes.extend(imprint.around.0.iter().flat_map(|edge| edge.to_le_bytes()));
            }
        }
        bytes
    }

    /// Reads what [`Imprints::to_bytes`] gave; none if the bytes are of another version or
    /// damaged.
    pub fn from_bytes(bytes: &[u8]) -> Option<Imprints> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let asked = u128::from_le_bytes(take(&mut rest)?);
        let recipe = u128::from_le_bytes(take(&mut rest)?);
        let count = u32::from_le_bytes(take(&mut rest)?);
        let mut sources = Vec::new();
        for _ in 0..count {
            let len = usize::try_from(u64::from_le_bytes(take(&mut rest)?)).ok()?;
            if len > rest.len() / LEN_MIN {
                return None;
            }
            let mut source: Vec<Imprint> = Vec::with_capacity(len);
            let mut id = 0_u64;
            for _ in 0..len {
                let step = take_varint(&mut rest)?;
                if step == 0 && !source.is_empty() {
                    return None;
                }
                id = id.checked_add(step)?;
                let content = u64::from_le_bytes(take(&mut rest)?);
                let mut edges = [0.0; 4];
                for edge in &mut edges {
                    *edge = f32::from_le_bytes(take(&mut rest)?);
                }
                source.push(Imprint {
                    id: FeatureId::new(id)?,
                    content,
                    around: Around(edges),
                });
            }
            sources.push(source);
        }
        rest.is_empty().then_some(Imprints {
            asked,
            recipe,
            sources,
        })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

fn put_varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = take(rest)?;
        let part = u64::from(byte & 0x7f);
        if part << shift >> shift != part {
            return None;
        }
        value |= part << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn imprint(id: u64, coordinates: &[[f64; 2]]) -> Imprint {
        Imprint {
            id: FeatureId::new(id).unwrap(),
            content: id.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            around: Around::of(coordinates),
        }
    }

    #[test]
    fn imprints_come_back_as_they_were_and_damaged_ones_do_not() {
        let imprints = Imprints {
            asked: 3,
            recipe: 7 << 100,
            sources: vec![
                vec![
                    imprint(0, &[[674_032.12, 6_580_821.0]]),
                    imprint(3, &[]),
                    imprint(1 << 52, &[[-1.0, 2.0], [1e7, -3.0]]),
                ],
                vec![],
            ],
        };
        let bytes = imprints.to_bytes();
        assert_eq!(Imprints::from_bytes(&bytes), Some(imprints));
        for len in 0..bytes.len() {
            assert_eq!(Imprints::from_bytes(&bytes[..len]), None);
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(Imprints::from_bytes(&longer), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let whole = [&MAGIC[..], &bytes].concat();
            if let Some(imprints) = Imprints::from_bytes(&whole) {
                prop_assert!(imprints.sources.len() <= bytes.len());
            }
        }

        #[test]
        fn a_box_holds_what_it_is_of(points in prop::collection::vec(prop::array::uniform2(-2e7..2e7), 1..9)) {
            let [low, high] = Around::of(&points).corners().unwrap();
            for point in points {
                prop_assert!((0..2).all(|i| low[i] <= point[i] && point[i] <= high[i]));
            }
        }
    }
}
