//! A survey on disk to the nodes of its octree.
//!
//! 1. Blocks are read, classified and divided into nodes. Nodes below the level of the block
//!    are final; what the node at its level keeps are candidates, which wait in the temporary
//!    file.
//! 2. From the deepest blocks to the root, each parent chooses among the candidates of its
//!    children. What it does not choose stays with the child, which is then final.

use std::collections::BTreeMap;

use lidar::{LEAF_POINTS, Positions};
use model::{Cube, PointBatch, VoxelKey};

use super::blocks::{Origin, SurveyBlocks};
use super::packed::{Layout, Run};
use super::plan::PlannedBlock;
use super::{records, threads};
use crate::error::Error;

/// What an octree came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OctreeSummary {
    /// Points in all nodes.
    pub points: u64,
    /// Nodes, among them those without points of their own.
    pub nodes: u64,
    /// Level of the smallest cubes.
    pub deepest_level: u8,
    /// Points of each class, as encoded.
    pub classes: Box<[u64; 256]>,
}

/// What a node may keep unless its parent chooses it.
struct Candidates {
    key: VoxelKey,
    run: Run,
    has_children: bool,
}

/// What becomes of a block or of the children of a node.
struct Divided<N> {
    nodes: Vec<Encoded<N>>,
    candidates: Vec<Waiting>,
    /// Classes of points that were met for the first time.
    classes: Vec<u8>,
    /// Where these lie, if they are new.
    origins: Vec<Origin>,
}

struct Encoded<N> {
    level: u8,
    points: u64,
    node: N,
}

/// Candidates on their way into the temporary file.
struct Waiting {
    key: VoxelKey,
    run: Run,
    bytes: Vec<u8>,
    has_children: bool,
}

/// How nodes are made.
struct Maker<'a, N, E> {
    blocks: &'a SurveyBlocks,
    cube: Cube,
    layout: Layout,
    encode: &'a (dyn Fn(VoxelKey, &PointBatch) -> Result<N, E> + Sync),
}

impl SurveyBlocks {
    /// Divides all points among the nodes of an octree with the cube [`SurveyBlocks::cube`].
    ///
    /// After [`SurveyBlocks::classify_anew`] points get new classes on the way, and have them
    /// from then on, for [`SurveyBlocks::heights`]. `encode` makes a node of its points, which
    /// are sorted by GPS time; a node without points of its own that has children comes with
    /// an empty batch. It is called on many threads. `write` gets the
    /// nodes one after another, on this thread, in an order that does not depend on the number
    /// of threads: children may come before their parents. The root comes last.
    ///
    /// Every point is in one node, whose cube it lies in.
    ///
    /// # Errors
    ///
    /// The first that `encode` or `write` returns, or [`Error`] if the temporary file cannot be
    /// read or written.
    pub fn octree<N: Send, E: From<Error> + Send>(
        &self,
        encode: &(dyn Fn(VoxelKey, &PointBatch) -> Result<N, E> + Sync),
        write: &mut dyn FnMut(N) -> Result<(), E>,
    ) -> Result<OctreeSummary, E> {
        let mut layout = self.squares.layout().clone();
        layout.columns.extra += u16::from(self.keeps_delivered_class());
        let maker = Maker {
            blocks: self,
            cube: self.cube(),
            layout,
            encode,
        };
        let mut summary = OctreeSummary {
            points: 0,
            nodes: 0,
            deepest_level: 0,
            classes: Box::new([0; 256]),
        };
        let mut levels: BTreeMap<u8, Vec<Candidates>> = BTreeMap::new();
        let mut take = |divided: Divided<N>, levels: &mut BTreeMap<u8, Vec<Candidates>>| {
            for encoded in divided.nodes {
                summary.points += encoded.points;
                summary.nodes += 1;
                summary.deepest_level = summary.deepest_level.max(encoded.level);
                write(encoded.node)?;
            }
            self.set_classes(&divided.origins, &divided.classes)?;
            for class in divided.classes {
                summary.classes[usize::from(class)] += 1;
            }
            for mut waiting in divided.candidates {
                waiting.run.at = self.squares.scratch().append(&waiting.bytes)?;
                levels
                    .entry(waiting.key.level)
                    .or_default()
                    .push(Candidates {
                        key: waiting.key,
                        run: waiting.run,
                        has_children: waiting.has_children,
                    });
            }
            Ok(())
        };
        threads::deliver_in_order(
            self.plan.blocks.len(),
            self.blocks_at_once(self.halo_m(), 0),
            |number| maker.divide_block(&self.plan.blocks[number]),
            |divided| take(divided, &mut levels),
        )?;
        while let Some((level, candidates)) = levels.pop_last() {
            let mut families: BTreeMap<Option<VoxelKey>, Vec<Candidates>> = BTreeMap::new();
            for child in candidates {
                families.entry(child.key.parent()).or_default().push(child);
            }
            let families: Vec<_> = families.into_iter().collect();
            threads::deliver_in_order(
                families.len(),
                threads::count() + 1,
                |number| match &families[number] {
                    (Some(parent), children) => maker.choose(*parent, children),
                    (None, roots) => maker.finish_root(roots),
                },
                |divided| take(divided, &mut levels),
            )?;
            if level == 0 {
                break;
            }
        }
        Ok(summary)
    }
}

impl<N: Send, E: From<Error> + Send> Maker<'_, N, E> {
    /// Classifies a block and divides its points.
    fn divide_block(&self, planned: &PlannedBlock) -> Result<Divided<N>, E> {
        let (block, mut origins) = self.blocks.load(planned, self.blocks.halo_m())?;
        let classes = self.blocks.classes_of(&block)?;
        let mut points = block.points;
        records::truncate(&mut points, block.core_count);
        if self.blocks.keeps_delivered_class() {
            records::append_extra_byte(&mut points, |i, points| points.classification[i]);
        }
        if let Some(classes) = classes {
            points.classification = classes;
        } else {
            origins.clear();
        }
        let level = planned.key.level;
        let nodes = lidar::subtrees(positions(&points), &self.cube, level);
        let (tops, below): (Vec<_>, Vec<_>) =
            nodes.into_iter().partition(|node| node.key.level == level);
        let below =
            threads::map_in_order(below, |node| self.encode(node.key, &points, node.points));
        let candidates = tops
            .into_iter()
            .map(|node| self.wait(node.key, &points, &node.points, node.has_children));
        Ok(Divided {
            candidates: candidates.collect(),
            nodes: below.into_iter().collect::<Result<_, E>>()?,
            classes: std::mem::take(&mut points.classification),
            origins,
        })
    }

    /// Lets a parent choose among the candidates of its children, and finishes these.
    fn choose(&self, parent: VoxelKey, children: &[Candidates]) -> Result<Divided<N>, E> {
        let mut points = PointBatch::default();
        let mut ends = Vec::new();
        for child in children {
            self.load(child, &mut points)?;
            ends.push(points.len() as u32);
        }
        let all: Vec<u32> = (0..points.len() as u32).collect();
        if points.len() <= LEAF_POINTS && !children.iter().any(|child| child.has_children) {
            return Ok(Divided {
                nodes: Vec::new(),
                candidates: vec![self.wait(parent, &points, &all, false)],
                classes: Vec::new(),
                origins: Vec::new(),
            });
        }
        let (kept, rest) = lidar::thin(positions(&points), &self.cube.of(parent), &all);
        let mut left = rest.as_slice();
        let mut nodes = Vec::new();
        for (child, end) in children.iter().zip(ends) {
            let (own, beyond) = left.split_at(left.partition_point(|&point| point < end));
            left = beyond;
            if !own.is_empty() || child.has_children {
                nodes.push((child.key, own.to_vec()));
            }
        }
        let has_children = !nodes.is_empty();
        let nodes = threads::map_in_order(nodes, |(key, own)| self.encode(key, &points, own));
        Ok(Divided {
            nodes: nodes.into_iter().collect::<Result<_, E>>()?,
            candidates: vec![self.wait(parent, &points, &kept, has_children)],
            classes: Vec::new(),
            origins: Vec::new(),
        })
    }

    /// Finishes the root, which no parent takes anything from.
    fn finish_root(&self, roots: &[Candidates]) -> Result<Divided<N>, E> {
        let mut nodes = Vec::new();
        for root in roots {
            let mut points = PointBatch::default();
            self.load(root, &mut points)?;
            let all = (0..points.len() as u32).collect();
            nodes.push(self.encode(root.key, &points, all)?);
        }
        Ok(Divided {
            nodes,
            candidates: Vec::new(),
            classes: Vec::new(),
            origins: Vec::new(),
        })
    }

    /// Encodes some of the points, in the order in which they were measured: neighbours in
    /// time are alike, and compress well.
    fn encode(
        &self,
        key: VoxelKey,
        points: &PointBatch,
        mut which: Vec<u32>,
    ) -> Result<Encoded<N>, E> {
        if !points.gps_time_s.is_empty() {
            which.sort_by(|&a, &b| {
                points.gps_time_s[a as usize].total_cmp(&points.gps_time_s[b as usize])
            });
        }
        let node = (self.encode)(key, &records::pick(points, &which))?;
        Ok(Encoded {
            level: key.level,
            points: which.len() as u64,
            node,
        })
    }

    fn wait(
        &self,
        key: VoxelKey,
        points: &PointBatch,
        which: &[u32],
        has_children: bool,
    ) -> Waiting {
        let mut rows = Vec::with_capacity(which.len() * self.layout.row_len());
        for &i in which {
            self.layout.pack(points, i as usize, &mut rows);
        }
        let (run, bytes) = self.layout.run(&rows);
        Waiting {
            key,
            run,
            bytes,
            has_children,
        }
    }

    fn load(&self, candidates: &Candidates, points: &mut PointBatch) -> Result<(), Error> {
        let run = &candidates.run;
        let scratch = self.blocks.squares.scratch();
        let bytes = scratch.read(run.at, self.layout.run_len(run))?;
        let all: Vec<u32> = (0..run.points).collect();
        self.layout
            .unpack(&self.layout.columns(run, &bytes), &all, points);
        Ok(())
    }
}

fn positions(points: &PointBatch) -> Positions<'_> {
    Positions {
        x: &points.x,
        y: &points.y,
        z: &points.z,
    }
}
