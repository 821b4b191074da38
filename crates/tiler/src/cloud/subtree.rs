//! Subtree files of implicit tiling (OGC 22-025r4, 7.6): a bit for each tile that may be,
//! for each that has points, and for each subtree below.
//!
//! ```text
//! header    "subt", version 1, length of the JSON and of the binary part (u64): 24 bytes
//! JSON      filled up with spaces
//! binary    boxes of the tiles that there are, 12 x f64 each, then the bits
//! ```
//!
//! Every part is filled up to a multiple of eight bytes. Bits are numbered from the level
//! above, each level in Morton order with x in the lowest bit.

use model::VoxelKey;
use serde_json::{Value, json};
use store::SurveyView;

use super::frame::Frame;
use crate::Error;

/// Levels of a subtree file, and of a document of 3D Tiles 1.0. A survey of the ground
/// divides in four at each level: four levels are some 85 tiles, with their boxes 8 kB.
pub const SUBTREE_LEVELS: u8 = 4;

/// Children of an octree's cube.
const CHILDREN: usize = 8;

pub(super) fn write(
    survey: &SurveyView,
    frame: &Frame,
    top: VoxelKey,
) -> Result<Option<Vec<u8>>, Error> {
    let mut nodes = survey.nodes_below(top, SUBTREE_LEVELS + 1)?;
    if nodes.is_empty() {
        return Ok(None);
    }
    nodes.sort_unstable_by_key(|node| (node.key.level, morton(node.key, top)));
    let tiles_in_all = first_of_level(SUBTREE_LEVELS);
    let mut tiles = Bits::new(tiles_in_all);
    let mut contents = Bits::new(tiles_in_all);
    let mut children = Bits::new(CHILDREN.pow(u32::from(SUBTREE_LEVELS)));
    let mut binary = Vec::new();
    for node in nodes {
        let level = node.key.level - top.level;
        let place = morton(node.key, top);
        if level == SUBTREE_LEVELS {
            children.set(place);
            continue;
        }
        tiles.set(first_of_level(level) + place);
        if node.points > 0 {
            contents.set(first_of_level(level) + place);
        }
        let numbers = frame.box_of(node.key)?.numbers();
        binary.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    }
    let mut views = vec![json!({ "buffer": 0, "byteOffset": 0, "byteLength": binary.len() })];
    let tile_count = tiles.count;
    let available = [tiles, contents, children].map(|bits| bits.put(&mut binary, &mut views));
    let [tiles, contents, children] = available;
    let document = json!({
        "buffers": [{ "byteLength": binary.len() }],
        "bufferViews": views,
        "propertyTables": [{
            "class": "tile",
            "count": tile_count,
            "properties": { "boundingBox": { "values": 0 } },
        }],
        "tileAvailability": tiles,
        "contentAvailability": [contents],
        "childSubtreeAvailability": children,
        "tileMetadata": 0,
    });
    let mut text = document.to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut out = Vec::with_capacity(24 + text.len() + binary.len());
    out.extend(b"subt");
    out.extend(1_u32.to_le_bytes());
    out.extend((text.len() as u64).to_le_bytes());
    out.extend((binary.len() as u64).to_le_bytes());
    out.extend(text);
    out.extend(binary);
    Ok(Some(out))
}

/// What the tiles' boxes are called and how they lie (3D Metadata Semantic Reference).
pub(super) fn schema() -> Value {
    json!({
        "id": "tiles",
        "classes": {
            "tile": {
                "properties": {
                    "boundingBox": {
                        "type": "SCALAR",
                        "componentType": "FLOAT64",
                        "array": true,
                        "count": 12,
                        "required": true,
                        "semantic": "TILE_BOUNDING_BOX",
                    },
                },
            },
        },
    })
}

/// The number of a level's first tile: of all on the levels above it.
fn first_of_level(level: u8) -> usize {
    (CHILDREN.pow(u32::from(level)) - 1) / (CHILDREN - 1)
}

/// The place of a tile among those of its level below `top`, in Morton order.
fn morton(key: VoxelKey, top: VoxelKey) -> usize {
    let level = key.level - top.level;
    let within = |place: u32, top: u32| (place - (top << level)) as usize;
    let [x, y, z] = [
        within(key.x, top.x),
        within(key.y, top.y),
        within(key.z, top.z),
    ];
    (0..usize::from(level))
        .map(|bit| (x >> bit & 1 | (y >> bit & 1) << 1 | (z >> bit & 1) << 2) << (3 * bit))
        .sum()
}

/// A bit for each of some things.
struct Bits {
    bytes: Vec<u8>,
    len: usize,
    count: usize,
}

impl Bits {
    fn new(len: usize) -> Bits {
        Bits {
            bytes: vec![0; len.div_ceil(8)],
            len,
            count: 0,
        }
    }

    fn set(&mut self, bit: usize) {
        self.bytes[bit / 8] |= 1 << (bit % 8);
        self.count += 1;
    }

    /// Returns how a subtree says them; they go into the binary part unless all are alike.
    fn put(self, binary: &mut Vec<u8>, views: &mut Vec<Value>) -> Value {
        if self.count == 0 || self.count == self.len {
            return json!({ "constant": usize::from(self.count > 0) });
        }
        views.push(json!({
            "buffer": 0,
            "byteOffset": binary.len(),
            "byteLength": self.bytes.len(),
        }));
        binary.extend(self.bytes);
        binary.resize(binary.len().next_multiple_of(8), 0);
        json!({ "bitstream": views.len() - 1, "availableCount": self.count })
    }
}
