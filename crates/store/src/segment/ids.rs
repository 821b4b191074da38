//! Where each feature of a segment lies, by id.
//!
//! The file starts with the eight bytes `tvids\0\0\x01`, then has 16 bytes for each
//! feature, ids rising: the id, then the offset of the feature from the first feature
//! of its file, both as 64-bit little-endian numbers. The highest bit of the
//! offset is set for a feature in the file of those without geometry.

use model::FeatureId;

use crate::Error;
use crate::files::Mapped;

const MAGIC: [u8; 8] = *b"tvids\0\0\x01";
const IN_ROWS: u64 = 1 << 63;

/// Where a feature lies in its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// In the file of features without geometry.
    pub(crate) in_rows: bool,
    /// Bytes from the first feature.
    pub(crate) offset: u64,
}

/// Ids and positions, by id.
#[derive(Debug)]
pub(super) struct Ids {
    map: Mapped,
}

impl Ids {
    pub(super) fn open(map: Mapped) -> Result<Ids, Error> {
        let entries = map.bytes().strip_prefix(&MAGIC);
        if entries.is_some_and(|entries| entries.len().is_multiple_of(16)) {
            Ok(Ids { map })
        } else {
            Err(Error::corrupt(map.path(), "is no index of feature ids"))
        }
    }

    pub(super) fn path(&self) -> &std::path::Path {
        self.map.path()
    }

    /// Ids and positions, by id.
    pub(super) fn entries(&self) -> impl ExactSizeIterator<Item = (u64, Position)> + '_ {
        self.raw().iter().map(entry)
    }

    /// Ids and positions from the first id that is over `after`, by id.
    pub(super) fn after(
        &self,
        after: Option<FeatureId>,
    ) -> impl ExactSizeIterator<Item = (u64, Position)> + '_ {
        let raw = self.raw();
        let start = after.map_or(0, |after| {
            raw.partition_point(|bytes| entry(bytes).0 <= after.get())
        });
        raw[start..].iter().map(entry)
    }

    pub(super) fn find(&self, id: FeatureId) -> Option<Position> {
        let raw = self.raw();
        let index = raw
            .binary_search_by_key(&id.get(), |bytes| entry(bytes).0)
            .ok()?;
        Some(entry(&raw[index]).1)
    }

    fn raw(&self) -> &[[u8; 16]] {
        let entries = &self.map.bytes()[MAGIC.len()..];
        entries.as_chunks::<16>().0
    }
}

/// Returns the bytes of the file. `entries` must be by id.
pub(super) fn encode(entries: &[(FeatureId, Position)]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for (id, position) in entries {
        let flag = if position.in_rows { IN_ROWS } else { 0 };
        bytes.extend(id.get().to_le_bytes());
        bytes.extend((position.offset | flag).to_le_bytes());
    }
    bytes
}

fn entry(bytes: &[u8; 16]) -> (u64, Position) {
    let (words, _) = bytes.as_chunks::<8>();
    let number = u64::from_le_bytes(words[1]);
    let position = Position {
        in_rows: number & IN_ROWS != 0,
        offset: number & !IN_ROWS,
    };
    (u64::from_le_bytes(words[0]), position)
}
