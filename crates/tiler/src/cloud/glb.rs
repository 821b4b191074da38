//! Points as binary glTF 2.0: one primitive of mode POINTS, and class and intensity of each
//! point as `EXT_structural_metadata`, so that clients can style by them.
//!
//! ```text
//! header    "glTF", version 2, length of all
//! JSON      length, "JSON", text, spaces to a multiple of four
//! binary    length, "BIN", then one after the other
//!             places         3 x f32 a point
//!             colours        3 x u16 and 2 bytes of nothing, linear light
//!             classes        u8 and 3 bytes of nothing
//!             intensities    u16 and 2 bytes of nothing
//! ```
//!
//! glTF has y up, so that x, y, z of the survey's frame are x, -z, y here; clients of
//! 3D Tiles turn it back.

use serde_json::{Value, json};

use super::points::TilePoints;

/// Component types of an accessor (glTF 2.0, 3.6.2.2).
const UNSIGNED_BYTE: u32 = 5121;
const UNSIGNED_SHORT: u32 = 5123;
const FLOAT: u32 = 5126;
/// What a buffer view is for: attributes of vertices.
const ARRAY_BUFFER: u32 = 34962;

pub(super) fn write(points: &TilePoints) -> Vec<u8> {
    let count = points.places.len();
    let asset = json!({ "version": "2.0", "generator": "Tvilling" });
    if count == 0 {
        return file(&json!({ "asset": asset, "scene": 0, "scenes": [{}] }), &[]);
    }
    let mut binary = Vec::with_capacity(count * 28);
    let mut low = [f32::INFINITY; 3];
    let mut high = [f32::NEG_INFINITY; 3];
    for &[x, y, z] in &points.places {
        for (axis, value) in [x, z, -y].into_iter().enumerate() {
            low[axis] = low[axis].min(value);
            high[axis] = high[axis].max(value);
            binary.extend(value.to_le_bytes());
        }
    }
    let colours_at = binary.len();
    let linear = linear_from_srgb();
    for colour in &points.colours {
        for part in colour {
            binary.extend(linear[usize::from(*part)].to_le_bytes());
        }
        binary.extend([0; 2]);
    }
    let classes_at = binary.len();
    binary.extend(points.classes.iter().flat_map(|class| [*class, 0, 0, 0]));
    let intensities_at = binary.len();
    for intensity in &points.intensities {
        binary.extend(intensity.to_le_bytes());
        binary.extend([0; 2]);
    }
    let view = |from: usize, to: usize| {
        json!({
            "buffer": 0,
            "byteOffset": from,
            "byteLength": to - from,
            "byteStride": (to - from) / count,
            "target": ARRAY_BUFFER,
        })
    };
    let accessor = |view: u32, component: u32, kind: &str| {
        json!({
            "bufferView": view,
            "componentType": component,
            "count": count,
            "type": kind,
        })
    };
    let mut places = accessor(0, FLOAT, "VEC3");
    // Whole numbers of 32 bits become text and come back the same.
    places["min"] = json!(low.map(f64::from));
    places["max"] = json!(high.map(f64::from));
    let mut colours = accessor(1, UNSIGNED_SHORT, "VEC3");
    colours["normalized"] = json!(true);
    let [x, y, z] = points.middle;
    let document = json!({
        "asset": asset,
        "extensionsUsed": ["KHR_materials_unlit", "EXT_structural_metadata"],
        "extensions": { "EXT_structural_metadata": metadata() },
        "scene": 0,
        "scenes": [{ "nodes": [0] }],
        "nodes": [{ "mesh": 0, "translation": [x, z, -y] }],
        "meshes": [{
            "primitives": [{
                "mode": 0,
                "material": 0,
                "attributes": {
                    "POSITION": 0,
                    "COLOR_0": 1,
                    "_CLASSIFICATION": 2,
                    "_INTENSITY": 3,
                },
                "extensions": { "EXT_structural_metadata": { "propertyAttributes": [0] } },
            }],
        }],
        "materials": [{
            "extensions": { "KHR_materials_unlit": {} },
            "pbrMetallicRoughness": { "metallicFactor": 0.0, "roughnessFactor": 1.0 },
        }],
        "accessors": [
            places,
            colours,
            accessor(2, UNSIGNED_BYTE, "SCALAR"),
            accessor(3, UNSIGNED_SHORT, "SCALAR"),
        ],
        "bufferViews": [
            view(0, colours_at),
            view(colours_at, classes_at),
            view(classes_at, intensities_at),
            view(intensities_at, binary.len()),
        ],
        "buffers": [{ "byteLength": binary.len() }],
    });
    file(&document, &binary)
}

/// What class and intensity are, in the words of the 3D Metadata Specification.
fn metadata() -> Value {
    json!({
        "schema": {
            "id": "points",
            "classes": {
                "point": {
                    "properties": {
                        "classification": {
                            "type": "SCALAR",
                            "componentType": "UINT8",
                            "required": true,
                            "description": "Class (ASPRS LAS 1.4)",
                        },
                        "intensity": {
                            "type": "SCALAR",
                            "componentType": "UINT16",
                            "required": true,
                            "description": "Strength of the return, without unit",
                        },
                    },
                },
            },
        },
        "propertyAttributes": [{
            "class": "point",
            "properties": {
                "classification": { "attribute": "_CLASSIFICATION" },
                "intensity": { "attribute": "_INTENSITY" },
            },
        }],
    })
}

fn file(document: &Value, binary: &[u8]) -> Vec<u8> {
    let mut text = document.to_string().into_bytes();
    text.resize(text.len().next_multiple_of(4), b' ');
    let binary_len = match binary.len() {
        0 => 0,
        len => 8 + len,
    };
    let len = 12 + 8 + text.len() + binary_len;
    let mut out = Vec::with_capacity(len);
    let word = |out: &mut Vec<u8>, word: usize| out.extend((word as u32).to_le_bytes());
    out.extend(b"glTF");
    word(&mut out, 2);
    word(&mut out, len);
    word(&mut out, text.len());
    out.extend(b"JSON");
    out.extend(&text);
    if !binary.is_empty() {
        word(&mut out, binary.len());
        out.extend(b"BIN\0");
        out.extend(binary);
    }
    out
}

/// Linear light, of 65,535 at most, of each value of sRGB (IEC 61966-2-1): glTF has colours
/// of vertices so. In 8 bits the dark ones would run together.
fn linear_from_srgb() -> [u16; 256] {
    std::array::from_fn(|value| {
        let value = value as f64 / 255.0;
        let linear = if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        };
        (linear * 65_535.0).round() as u16
    })
}
