//! Points as 3D Tiles 1.0 has them (OGC 18-053r2, 10.3).
//!
//! ```text
//! header           "pnts", version 1, length of all, and of the four parts below: 28 bytes
//! feature table    JSON, then places (3 x f32 a point) and colours (3 x u8, sRGB)
//! batch table      JSON, then intensities (u16) and classes (u8)
//! ```
//!
//! Every part is filled up to a multiple of eight bytes.

use serde_json::{Value, json};

use super::points::TilePoints;

/// Length of the header, in bytes.
const HEADER_LEN: usize = 28;

pub(super) fn write(points: &TilePoints) -> Vec<u8> {
    let count = points.places.len();
    let mut features = Vec::with_capacity(count * 15 + 8);
    features.extend(points.places.iter().flatten().flat_map(|v| v.to_le_bytes()));
    let colours_at = features.len();
    features.extend(points.colours.iter().flatten());
    pad(&mut features, 0, 0);
    let mut attributes = Vec::with_capacity(count * 3 + 8);
    attributes.extend(points.intensities.iter().flat_map(|v| v.to_le_bytes()));
    let classes_at = attributes.len();
    attributes.extend(&points.classes);
    pad(&mut attributes, 0, 0);

    let feature_table = json!({
        "POINTS_LENGTH": count,
        "RTC_CENTER": points.middle,
        "POSITION": { "byteOffset": 0 },
        "RGB": { "byteOffset": colours_at },
    });
    let property = |at: usize, component: &str| -> Value {
        json!({ "byteOffset": at, "componentType": component, "type": "SCALAR" })
    };
    let batch_table = json!({
        "Intensity": property(0, "UNSIGNED_SHORT"),
        "Classification": property(classes_at, "UNSIGNED_BYTE"),
    });
    let mut feature_text = feature_table.to_string().into_bytes();
    pad(&mut feature_text, HEADER_LEN, b' ');
    let mut batch_text = batch_table.to_string().into_bytes();
    pad(&mut batch_text, 0, b' ');

    let parts = [&feature_text, &features, &batch_text, &attributes];
    let len = HEADER_LEN + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut out = Vec::with_capacity(len);
    out.extend(b"pnts");
    let lengths = parts.iter().map(|part| part.len());
    for word in [1, len].into_iter().chain(lengths) {
        out.extend((word as u32).to_le_bytes());
    }
    for part in parts {
        out.extend(part);
    }
    out
}

/// Fills up to a multiple of eight bytes, counted from `before` bytes earlier.
fn pad(bytes: &mut Vec<u8>, before: usize, with: u8) {
    let len = (before + bytes.len()).next_multiple_of(8) - before;
    bytes.resize(len, with);
}
