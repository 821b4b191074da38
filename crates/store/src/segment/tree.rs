//! The packed Hilbert R-tree of FlatGeobuf, searched where it lies.
//!
//! Nodes have 40 bytes: `min_x`, `min_y`, `max_x`, `max_y` as 64-bit floats, then
//! a 64-bit number, all little-endian. The root comes first, then each level in turn, and
//! the leaves last, in the order of the features. The number is the place of the first
//! child among the nodes, or a leaf's offset from the first feature. Since the tree is
//! packed, the first child's place follows from the parent's, and is only checked.

use std::ops::Range;

use model::Bounds;

/// Children of a node, as every writer of FlatGeobuf has it.
pub(super) const NODE_SIZE: u16 = 16;

const NODE_BYTES: usize = 40;

/// Where the nodes of each level lie, leaves first.
#[derive(Debug)]
pub(super) struct Tree {
    levels: Vec<Range<usize>>,
}

impl Tree {
    /// The shape of a tree with this many leaves; none if they cannot be addressed.
    pub(super) fn with_leaves(leaves: u64) -> Option<Tree> {
        let leaves = usize::try_from(leaves).ok().filter(|&n| n > 0)?;
        let mut sizes = vec![leaves];
        let mut total = leaves;
        let mut size = leaves;
        loop {
            size = size.div_ceil(usize::from(NODE_SIZE));
            total = total.checked_add(size)?;
            sizes.push(size);
            if size == 1 {
                break;
            }
        }
        total.checked_mul(NODE_BYTES)?;
        let mut end = total;
        let levels = sizes
            .into_iter()
            .map(|size| {
                let level = end - size..end;
                end -= size;
                level
            })
            .collect();
        Some(Tree { levels })
    }

    /// Length of all nodes in bytes.
    pub(super) fn byte_len(&self) -> usize {
        self.levels[0].end * NODE_BYTES
    }

    /// Returns the bytes of the tree over these leaves, each a box and an offset.
    pub(super) fn pack(&self, leaves: &[(Bounds, u64)]) -> Vec<u8> {
        debug_assert_eq!(leaves.len(), self.levels[0].len());
        let mut levels = vec![leaves.to_vec()];
        for level in &self.levels[1..] {
            let below = &levels[levels.len() - 1];
            let first = self.levels[levels.len() - 1].start;
            let nodes = below.chunks(usize::from(NODE_SIZE)).enumerate();
            let nodes: Vec<_> = nodes
                .map(|(i, children)| {
                    let rest = children[1..].iter();
                    let bounds = rest.fold(children[0].0, |all, (one, _)| all.union(one));
                    (bounds, (first + i * usize::from(NODE_SIZE)) as u64)
                })
                .collect();
            debug_assert_eq!(nodes.len(), level.len());
            levels.push(nodes);
        }
        let mut bytes = Vec::with_capacity(self.byte_len());
        for (bounds, number) in levels.iter().rev().flatten() {
            for edge in bounds.to_array() {
                bytes.extend(edge.to_le_bytes());
            }
            bytes.extend(number.to_le_bytes());
        }
        bytes
    }

    /// Returns the offsets of the leaves whose boxes touch `bounds`, in the order of
    /// the file. `bytes` are all nodes.
    ///
    /// # Errors
    ///
    /// A clause that says what is wrong with the nodes.
    pub(super) fn search(&self, bytes: &[u8], bounds: &Bounds) -> Result<Vec<u64>, String> {
        let (nodes, _) = bytes.as_chunks::<NODE_BYTES>();
        let wanted = bounds.to_array();
        let mut found = Vec::new();
        let mut stack = vec![(self.levels.len() - 1, 0)];
        while let Some((level, index)) = stack.pop() {
            let node = nodes
                .get(index)
                .ok_or_else(|| format!("the index ends before node {index}"))?;
            if !touches(node, &wanted) {
                continue;
            }
            let number = word(node, 4);
            let Some(below) = level.checked_sub(1) else {
                found.push(number);
                continue;
            };
            let start = self.levels[below].start
                + (index - self.levels[level].start) * usize::from(NODE_SIZE);
            if number != start as u64 {
                return Err(format!(
                    "node {index} of the index points to {number}, not {start}"
                ));
            }
            let end = (start + usize::from(NODE_SIZE)).min(self.levels[below].end);
            // The last goes first, so that leaves come out in the order of the file.
            stack.extend((start..end).rev().map(|child| (below, child)));
        }
        Ok(found)
    }

    /// Returns the box and offset of each leaf, in the order of the file. An edge is
    /// what the bytes say, even if it is no number.
    pub(super) fn leaves<'a>(
        &self,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = ([f64; 4], u64)> + use<'a> {
        let (nodes, _) = bytes.as_chunks::<NODE_BYTES>();
        let leaves = nodes.get(self.levels[0].clone()).unwrap_or_default();
        leaves
            .iter()
            .map(|node| ([0, 1, 2, 3].map(|i| edge(node, i)), word(node, 4)))
    }
}

fn touches(node: &[u8; NODE_BYTES], wanted: &[f64; 4]) -> bool {
    edge(node, 0) <= wanted[2]
        && wanted[0] <= edge(node, 2)
        && edge(node, 1) <= wanted[3]
        && wanted[1] <= edge(node, 3)
}

fn edge(node: &[u8; NODE_BYTES], index: usize) -> f64 {
    f64::from_bits(word(node, index))
}

fn word(node: &[u8; NODE_BYTES], index: usize) -> u64 {
    let (words, _) = node.as_chunks::<8>();
    u64::from_le_bytes(words[index])
}

/// Returns how far along a Hilbert curve over `all` the middle of `bounds` lies.
pub(super) fn hilbert_position(bounds: &Bounds, all: &Bounds) -> u32 {
    let [x, y] = bounds.centre();
    let cell = |from_edge: f64, size: f64| {
        if size > 0.0 {
            (from_edge / size * f64::from(u16::MAX)) as u32
        } else {
            0
        }
    };
    hilbert(
        cell(x - all.min_x(), all.width()),
        cell(y - all.min_y(), all.height()),
    )
}

/// Returns how far along the Hilbert curve of order 16 a cell lies.
fn hilbert(mut x: u32, mut y: u32) -> u32 {
    let mut distance = 0;
    for bit in (0..16).rev() {
        let (right, upper) = ((x >> bit) & 1, (y >> bit) & 1);
        distance = (distance << 2) | ((3 * right) ^ upper);
        // The curve in each quarter is the whole curve, mirrored or turned over.
        if upper == 0 {
            if right == 1 {
                x = !x;
                y = !y;
            }
            std::mem::swap(&mut x, &mut y);
        }
    }
    distance
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_curve_visits_each_cell_once_and_goes_from_neighbour_to_neighbour() {
        // Order 16 starts like order 4, turned or not.
        let mut cells: Vec<_> = (0..16).flat_map(|x| (0..16).map(move |y| (x, y))).collect();
        cells.sort_by_key(|&(x, y)| hilbert(x, y));
        let distances: HashSet<_> = cells.iter().map(|&(x, y)| hilbert(x, y)).collect();
        assert_eq!(distances.len(), 256);
        for pair in cells.windows(2) {
            let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
            assert_eq!(x0.abs_diff(x1) + y0.abs_diff(y1), 1, "{pair:?}");
        }
    }

    fn leaves(count: u32) -> Vec<(Bounds, u64)> {
        let leaf = |i: u32| {
            let x = f64::from(i);
            (
                Bounds::new(x, -x, x + 0.5, -x + 0.5).unwrap(),
                u64::from(i) * 8,
            )
        };
        (0..count).map(leaf).collect()
    }

    #[test]
    fn a_tree_of_any_size_finds_what_touches() {
        for count in [1, 2, 15, 16, 17, 256, 257, 5000] {
            let tree = Tree::with_leaves(u64::from(count)).unwrap();
            let leaves = leaves(count);
            let bytes = tree.pack(&leaves);
            assert_eq!(bytes.len(), tree.byte_len());
            for search in [
                Bounds::new(0.5, -0.5, 3.0, 0.0).unwrap(),
                Bounds::new(-1e9, -1e9, 1e9, 1e9).unwrap(),
                Bounds::new(1.0, 1.0, 2.0, 2.0).unwrap(),
            ] {
                let touching = leaves
                    .iter()
                    .filter(|(bounds, _)| bounds.intersects(&search));
                let expected: Vec<_> = touching.map(|(_, offset)| *offset).collect();
                assert_eq!(tree.search(&bytes, &search), Ok(expected));
            }
        }
    }

    #[test]
    fn a_node_that_points_elsewhere_is_damage() {
        let tree = Tree::with_leaves(40).unwrap();
        let mut bytes = tree.pack(&leaves(40));
        let world = Bounds::new(-1e9, -1e9, 1e9, 1e9).unwrap();
        bytes[32] ^= 2;
        assert!(tree.search(&bytes, &world).is_err());
        bytes[32] ^= 2;
        bytes.truncate(200);
        assert!(tree.search(&bytes, &world).is_err());
    }

    #[test]
    fn a_count_that_no_file_can_have_makes_no_tree() {
        assert!(Tree::with_leaves(0).is_none());
        assert!(Tree::with_leaves(u64::MAX).is_none());
        assert!(Tree::with_leaves(u64::MAX / 40).is_none());
    }
}
