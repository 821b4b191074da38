//! The octree as others hand it on: which nodes there are, and the points of one of them.

use model::{MAX_LEVEL, PointBatch, VoxelKey};

use super::read::{Points, append};
use crate::Error;

/// A node of the octree, without its points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OctreeNode {
    /// Which cube it is.
    pub key: VoxelKey,
    /// Points of its own; those of its children are not among them.
    pub points: u32,
}

impl Points<'_> {
    /// Nodes at and below `top`, so many levels with its own, by key.
    ///
    /// Pages of the hierarchy that know none of them are not read.
    pub(crate) fn nodes_below(&self, top: VoxelKey, levels: u8) -> Result<Vec<OctreeNode>, Error> {
        let end = top.level.saturating_add(levels);
        let nodes = self
            .nodes(|key| key.level < end && (key.is_at_or_below(top) || top.is_at_or_below(key)))?;
        let mut below: Vec<OctreeNode> = nodes
            .into_iter()
            .filter(|node| node.key.is_at_or_below(top))
            .map(|node| OctreeNode {
                key: node.key,
                points: node.points,
            })
            .collect();
        below.sort_unstable();
        Ok(below)
    }

    /// Deepest level of the octree.
    pub(crate) fn deepest_level(&self) -> Result<u8, Error> {
        let nodes = self.nodes(|key| key.level <= MAX_LEVEL)?;
        Ok(nodes.iter().map(|node| node.key.level).max().unwrap_or(0))
    }

    /// The points of one node, in the order of the file; none if there is no such node.
    pub(crate) fn node(&self, key: VoxelKey) -> Result<Option<PointBatch>, Error> {
        let nodes = self.nodes(|other| key.is_at_or_below(other))?;
        let Some(node) = nodes.into_iter().find(|node| node.key == key) else {
            return Ok(None);
        };
        let mut batch = PointBatch::default();
        if node.points > 0 {
            self.decode(&node, |records| {
                append(&mut batch, records, &self.shape, None);
            })?;
        }
        Ok(Some(batch))
    }
}
