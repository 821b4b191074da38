//! The hierarchy of a COPC file: pages of entries, each of which says where a node lies, or
//! where the page is that knows a part of the tree.
//!
//! ```text
//! entry    level, x, y, z     4 x i32
//!          offset             u64, of the chunk or the page; 0 if the node is empty
//!          length             i32, of the chunk or the page in bytes
//!          count              i32, of points; 0 for an empty node, -1 for a page
//! ```

use std::collections::{BTreeMap, HashMap, HashSet};

use model::{MAX_LEVEL, VoxelKey};

/// Bytes of an entry.
pub(super) const ENTRY_LEN: usize = 32;

/// The count of an entry that leads to another page.
const IS_PAGE: i32 = -1;

/// Most entries of a page when writing: 32 KiB, which is one request over HTTP. A page is
/// an eighth as large at least, unless it is the only one.
const PAGE_ENTRIES_MAX: usize = 1024;

/// Where the chunk of a node lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkPlace {
    pub(super) offset: u64,
    pub(super) len: i32,
    pub(super) points: i32,
}

/// An entry as a file has it: claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: VoxelKey,
    pub(super) offset: u64,
    pub(super) len: u32,
    pub(super) leads_to: LeadsTo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeadsTo {
    /// A node of so many points.
    Points(u32),
    Page,
}

impl Entry {
    /// Reads an entry; none if no entry can be so.
    pub(super) fn parse(bytes: &[u8; ENTRY_LEN]) -> Option<Entry> {
        let word = |at: usize| -> i32 {
            i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let level = u8::try_from(word(0)).ok().filter(|&l| l <= MAX_LEVEL)?;
        let within = |at: usize| {
            let place = u32::try_from(word(at)).ok()?;
            (place < 1 << level).then_some(place)
        };
        let mut offset = [0; 8];
        offset.copy_from_slice(&bytes[16..24]);
        Some(Entry {
            key: VoxelKey {
                level,
                x: within(4)?,
                y: within(8)?,
                z: within(12)?,
            },
            offset: u64::from_le_bytes(offset),
            len: u32::try_from(word(24)).ok()?,
            leads_to: match word(28) {
                IS_PAGE => LeadsTo::Page,
                count => LeadsTo::Points(u32::try_from(count).ok()?),
            },
        })
    }
}

/// The pages of a hierarchy.
#[derive(Debug)]
pub(super) struct Pages {
    /// All pages, that of the root first.
    pub(super) bytes: Vec<u8>,
    /// Length of the page of the root.
    pub(super) root_len: u64,
}

/// Cuts the nodes into pages that begin at byte `at` of the file.
///
/// Nodes that are missing above others are put in, empty.
pub(super) fn pages(nodes: &BTreeMap<VoxelKey, ChunkPlace>, at: u64) -> Pages {
    let mut all = nodes.clone();
    let empty = ChunkPlace {
        offset: 0,
        len: 0,
        points: 0,
    };
    for key in nodes.keys() {
        let mut key = *key;
        while let Some(parent) = key.parent() {
            if all.contains_key(&parent) {
                break;
            }
            all.insert(parent, empty);
            key = parent;
        }
    }
    let starts = starts_of_pages(&all);
    // Keys sort by level: the root's page comes first, and any before those below it.
    let mut numbers: HashMap<VoxelKey, usize> = HashMap::new();
    let mut contents: Vec<Vec<VoxelKey>> = Vec::new();
    let mut page_of: HashMap<VoxelKey, usize> = HashMap::new();
    for &key in all.keys() {
        let above = key
            .parent()
            .and_then(|parent| page_of.get(&parent).copied());
        let page = match above {
            Some(page) if !starts.contains(&key) => page,
            above => {
                if let Some(above) = above {
                    contents[above].push(key);
                }
                contents.push(Vec::new());
                numbers.insert(key, contents.len() - 1);
                contents.len() - 1
            }
        };
        contents[page].push(key);
        page_of.insert(key, page);
    }
    let lengths = contents.iter().map(|keys| keys.len() * ENTRY_LEN);
    let mut offsets = Vec::with_capacity(contents.len());
    let mut end = at;
    for len in lengths {
        offsets.push(end);
        end += len as u64;
    }
    let mut bytes = Vec::with_capacity((end - at) as usize);
    for (page, keys) in contents.iter().enumerate() {
        for key in keys {
            let place = match numbers.get(key) {
                Some(&other) if other != page => ChunkPlace {
                    offset: offsets[other],
                    len: (contents[other].len() * ENTRY_LEN) as i32,
                    points: IS_PAGE,
                },
                _ => all[key],
            };
            let words = [u32::from(key.level), key.x, key.y, key.z];
            bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            bytes.extend(place.offset.to_le_bytes());
            bytes.extend(place.len.to_le_bytes());
            bytes.extend(place.points.to_le_bytes());
        }
    }
    Pages {
        bytes,
        root_len: contents.first().map_or(0, |keys| keys.len() * ENTRY_LEN) as u64,
    }
}

/// Chooses the nodes at which a page begins, other than the root: from the bottom, where
/// a node and what is below it grow too large for a page, the largest parts below it
/// become pages of their own.
fn starts_of_pages(all: &BTreeMap<VoxelKey, ChunkPlace>) -> HashSet<VoxelKey> {
    let mut starts = HashSet::new();
    // Entries that a node and what is below it take in the page of the node.
    let mut entries: HashMap<VoxelKey, usize> = HashMap::new();
    for &key in all.keys().rev() {
        let mut parts = Vec::new();
        if key.level < MAX_LEVEL {
            let children = key.children().into_iter();
            parts.extend(children.filter_map(|child| Some((entries.remove(&child)?, child))));
        }
        parts.sort_unstable();
        let mut sum = 1 + parts.iter().map(|(count, _)| count).sum::<usize>();
        while sum > PAGE_ENTRIES_MAX
            && let Some((count, child)) = parts.pop()
        {
            starts.insert(child);
            // It leaves one entry that leads to it.
            sum -= count - 1;
        }
        entries.insert(key, sum);
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows pages from the root as a reader does.
    fn walk(pages: &Pages, at: u64) -> (Vec<Entry>, usize) {
        let mut found = Vec::new();
        let mut open = vec![(at, pages.root_len)];
        let mut count = 0;
        while let Some((offset, len)) = open.pop() {
            count += 1;
            assert!(len as usize <= PAGE_ENTRIES_MAX * ENTRY_LEN);
            let from = (offset - at) as usize;
            for bytes in pages.bytes[from..from + len as usize].chunks_exact(ENTRY_LEN) {
                let entry = Entry::parse(bytes.try_into().unwrap()).unwrap();
                match entry.leads_to {
                    LeadsTo::Page => open.push((entry.offset, u64::from(entry.len))),
                    LeadsTo::Points(_) => found.push(entry),
                }
            }
        }
        (found, count)
    }

    #[test]
    fn a_large_tree_is_cut_into_pages_and_every_node_is_found_once() {
        let mut nodes = BTreeMap::new();
        for (i, xy) in (0..128 * 128).enumerate() {
            let key = VoxelKey {
                level: 7,
                x: xy % 128,
                y: xy / 128,
                z: 3,
            };
            let place = ChunkPlace {
                offset: 1000 + i as u64,
                len: 5,
                points: 6,
            };
            nodes.insert(key, place);
        }
        let pages = pages(&nodes, 777);
        let (found, count) = walk(&pages, 777);
        assert!(count > 10 && count < 200, "{count} pages");
        let keys: HashSet<_> = found.iter().map(|entry| entry.key).collect();
        assert_eq!(keys.len(), found.len());
        // 4^0 + … + 4^7, of which only the deepest have points.
        assert_eq!(found.len(), (4_usize.pow(8) - 1) / 3);
        for entry in found {
            let place = nodes.get(&entry.key);
            let expected = place.map_or((0, 0, 0), |p| (p.offset, p.len as u32, p.points as u32));
            let LeadsTo::Points(points) = entry.leads_to else {
                panic!("a page")
            };
            assert_eq!((entry.offset, entry.len, points), expected);
        }
    }

    #[test]
    fn a_small_tree_is_one_page() {
        let place = ChunkPlace {
            offset: 9,
            len: 9,
            points: 9,
        };
        let children = VoxelKey::ROOT.children().map(|key| (key, place));
        let pages = pages(&BTreeMap::from(children), 0);
        assert_eq!(pages.root_len as usize, pages.bytes.len());
        assert_eq!(walk(&pages, 0).0.len(), 9);
    }
}
