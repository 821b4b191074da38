//! The documents of a tileset: where the survey lies, how coarse each level is, and where
//! the rest is to be had.

use std::collections::BTreeMap;

use model::VoxelKey;
use serde_json::{Value, json};
use store::SurveyView;

use super::frame::Frame;
use super::subtree::{SUBTREE_LEVELS, schema};
use crate::Error;

/// The geometric error of a level, in distances between its points. CesiumJS draws finer
/// levels until the error shows as 16 pixels, unless told otherwise: points then lie 4
/// pixels apart or nearer. Other makers of points do the same.
const ERROR_IN_SPACINGS: f64 = 4.0;

/// Where the parts of a tileset are to be had, as seen from its document: templates with
/// `{level}`, `{x}`, `{y}` and `{z}` in them.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Points of a tile.
    pub content: String,
    /// Subtree files; in 3D Tiles 1.0, the documents of the levels below.
    pub subtree: String,
}

/// What a tileset says of its heights, under `asset.extras`.
#[derive(Debug, Clone)]
pub struct HeightNote {
    /// The survey's vertical datum.
    pub datum: String,
    /// Name of the geoid by which heights were made ellipsoidal; none if they were not.
    pub geoid: Option<String>,
    /// The same in a sentence.
    pub note: String,
}

pub(super) fn implicit(
    survey: &SurveyView,
    frame: &Frame,
    addresses: &Addresses,
    heights: &HeightNote,
) -> Result<Vec<u8>, Error> {
    let root = frame.implicit_root()?;
    let document = json!({
        "asset": asset("1.1", survey, heights),
        "schema": schema(),
        "geometricError": root.diagonal_m(),
        "root": {
            "boundingVolume": { "box": root.numbers() },
            "transform": frame.world_from_frame(),
            "geometricError": error_of(frame, 0),
            "refine": "ADD",
            "content": { "uri": addresses.content },
            "implicitTiling": {
                "subdivisionScheme": "OCTREE",
                "subtreeLevels": SUBTREE_LEVELS,
                "availableLevels": survey.deepest_level()? + 1,
                "subtrees": { "uri": addresses.subtree },
            },
        },
    });
    Ok(document.to_string().into_bytes())
}

pub(super) fn explicit(
    survey: &SurveyView,
    frame: &Frame,
    top: VoxelKey,
    addresses: &Addresses,
    heights: &HeightNote,
) -> Result<Option<Vec<u8>>, Error> {
    let nodes = survey.nodes_below(top, SUBTREE_LEVELS + 1)?;
    if nodes.is_empty() {
        return Ok(None);
    }
    let mut tree = Tree {
        frame,
        addresses,
        points: nodes.iter().map(|node| (node.key, node.points)).collect(),
        top,
    };
    let mut root = tree.tile(top)?;
    // A document that another one leads to lies in that one's frame.
    if top == VoxelKey::ROOT {
        root["transform"] = json!(frame.world_from_frame());
    }
    let whole = match top.level {
        0 => frame.box_of(top)?.diagonal_m(),
        level => error_of(frame, level - 1),
    };
    let document = json!({
        "asset": asset("1.0", survey, heights),
        "geometricError": whole,
        "root": root,
    });
    Ok(Some(document.to_string().into_bytes()))
}

struct Tree<'a> {
    frame: &'a Frame<'a>,
    addresses: &'a Addresses,
    points: BTreeMap<VoxelKey, u32>,
    top: VoxelKey,
}

impl Tree<'_> {
    fn tile(&mut self, key: VoxelKey) -> Result<Value, Error> {
        let mut tile = json!({
            "boundingVolume": { "box": self.frame.box_of(key)?.numbers() },
            "geometricError": 0.0,
            "refine": "ADD",
        });
        if key.level - self.top.level == SUBTREE_LEVELS {
            // What it holds is in a document of its own, whose root is this node again.
            tile["geometricError"] = json!(error_of(self.frame, key.level));
            tile["content"] = json!({ "uri": fill(&self.addresses.subtree, key) });
            return Ok(tile);
        }
        if self.points.get(&key).is_some_and(|points| *points > 0) {
            tile["content"] = json!({ "uri": fill(&self.addresses.content, key) });
        }
        let mut children = Vec::new();
        for child in key.children() {
            if self.points.contains_key(&child) {
                children.push(self.tile(child)?);
            }
        }
        if !children.is_empty() {
            tile["geometricError"] = json!(error_of(self.frame, key.level));
            tile["children"] = json!(children);
        }
        Ok(tile)
    }
}

fn error_of(frame: &Frame, level: u8) -> f64 {
    ERROR_IN_SPACINGS * frame.spacing_m / 2_f64.powi(i32::from(level))
}

fn fill(template: &str, key: VoxelKey) -> String {
    template
        .replace("{level}", &key.level.to_string())
        .replace("{x}", &key.x.to_string())
        .replace("{y}", &key.y.to_string())
        .replace("{z}", &key.z.to_string())
}

fn asset(version: &str, survey: &SurveyView, heights: &HeightNote) -> Value {
    let meta = survey.meta();
    json!({
        "version": version,
        "extras": {
            "survey": meta.id.as_str(),
            "title": meta.title,
            "flown": meta.flown.map(|date| date.to_string()),
            "points": meta.point_count,
            "heights": {
                "kind": if heights.geoid.is_some() { "ellipsoidal" } else { "as delivered" },
                "datum": heights.datum,
                "geoid": heights.geoid,
                "note": heights.note,
            },
        },
    })
}
