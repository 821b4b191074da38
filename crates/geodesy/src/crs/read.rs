//! What PROJ says of a CRS.

use std::sync::Arc;

use super::codes::{is_definition, shortened};
use super::{AxisOrder, Crs, Error, Facts, Vertical};
use crate::pj::{self, Kind, Object};

/// How sure PROJ must be that a definition without a code is a CRS of its database,
/// in per cent.
///
/// At 70 and more PROJ has found both equivalent in datum, method and parameters,
/// and only the names differ.
const MIN_CONFIDENCE: i32 = 70;

/// Reads what there is to know of a CRS.
pub(super) fn read(object: Object<'_>, given: &str) -> Result<Crs, Error> {
    let unusable = |reason: &str| Error::Unusable {
        crs: shortened(given),
        reason: reason.to_owned(),
    };
    let mut object = object;
    let mut height = None;
    let mut ellipsoidal_unit_m = None;
    // A compound CRS wraps at most a bound one, which wraps a plain one with a height
    // axis: three layers. More would be a definition made to be unreasonable.
    for _ in 0..4 {
        let inner = match object.kind() {
            Kind::Compound => {
                height = object.part(1).map(|part| match part.kind() {
                    Kind::Bound => part
                        .source()
                        .as_ref()
                        .map_or_else(|| vertical(&part), vertical),
                    _ => vertical(&part),
                });
                object.part(0)
            }
            Kind::Bound => object.source(),
            Kind::Geographic3d | Kind::Projected if object.axes().len() > 2 => {
                ellipsoidal_unit_m = object.axes().get(2).map(|axis| axis.unit_factor);
                object.without_height()
            }
            _ => break,
        };
        object = inner.ok_or_else(|| unusable("its horizontal part cannot be read"))?;
    }
    let is_geographic = match object.kind() {
        Kind::Geographic2d => true,
        Kind::Projected => false,
        Kind::Geocentric => {
            return Err(unusable(
                "it is geocentric (X, Y, Z from the middle of the Earth); \
                 transform the data to a map projection such as EPSG:3006 first",
            ));
        }
        Kind::Vertical => {
            return Err(unusable(
                "it is a vertical CRS; give a horizontal one as well",
            ));
        }
        Kind::NotACrs => return Err(Error::UnknownCrs(shortened(given))),
        _ => return Err(unusable("it is not tied to a place on Earth")),
    };

    let axes = object.axes();
    let [first, second] = axes.as_slice() else {
        return Err(unusable("it does not have two axes"));
    };
    // Polar CRSs have both axes pointing south or north; their order is then that of
    // their names, easting first in all that EPSG lists as such.
    let axis_order = match (first.direction.as_str(), second.direction.as_str()) {
        ("east", _) => AxisOrder::EastNorth,
        ("north", "east" | "west") => AxisOrder::NorthEast,
        ("north" | "south", "north" | "south") if first.abbreviation.starts_with(['E', 'X']) => {
            AxisOrder::EastNorth
        }
        ("north" | "south", "north" | "south") => AxisOrder::NorthEast,
        _ => return Err(unusable("its axes do not point east and north")),
    };
    let without_third_axis = || ellipsoidal_unit_m.and_then(|_| namesake(&object));
    let known = object.id().or_else(|| identified(&object));
    let code = match known.or_else(without_third_axis) {
        Some(code) => code,
        None => object
            .wkt2()
            .map(settled)
            .ok_or_else(|| unusable("it has no code, and cannot be written as WKT"))?,
    };
    Ok(Crs(Arc::new(Facts {
        code,
        name: object.name().unwrap_or_else(|| "unnamed".to_owned()),
        axis_order,
        axis_abbreviations: [first.abbreviation.clone(), second.abbreviation.clone()],
        is_geographic,
        unit_m: (!is_geographic).then_some(first.unit_factor),
        vertical: height,
        ellipsoidal_unit_m,
    })))
}

/// Reads a vertical CRS.
pub(super) fn vertical(object: &Object<'_>) -> Vertical {
    let axes = object.axes();
    let axis = axes.first();
    Vertical {
        code: object.id().or_else(|| identified(object)),
        name: object.name().unwrap_or_else(|| "unnamed".to_owned()),
        unit_m: axis.map_or(1.0, |axis| axis.unit_factor),
        is_depth: axis.is_some_and(|axis| axis.direction == "down"),
    }
}

/// Returns what reading WKT 2 and writing it again leads to, so that a code that was
/// kept and one that was read back are the same text.
///
/// PROJ mends names and rounds numbers as it reads; it has nothing left to mend the
/// second or third time.
fn settled(wkt2: String) -> String {
    let mut text = wkt2;
    for _ in 0..4 {
        let next = pj::with_object(&text, |object| {
            let object = object?;
            object
                .id()
                .or_else(|| identified(&object))
                .or_else(|| object.wkt2())
        });
        match next {
            Ok(Some(next)) if next != text => text = next,
            _ => break,
        }
        if !is_definition(&text) {
            break;
        }
    }
    text
}

/// The code of the one CRS of the EPSG database that is equivalent to the object.
fn identified(object: &Object<'_>) -> Option<String> {
    let candidates = object.identify("EPSG");
    let best = candidates.iter().map(|(_, confidence)| *confidence).max()?;
    let mut best_ones = candidates
        .iter()
        .filter(|(_, confidence)| *confidence == best);
    let (code, _) = best_ones.next()?;
    (best >= MIN_CONFIDENCE && best_ones.next().is_none()).then(|| code.clone())
}

/// The code of the one CRS of the EPSG database that a CRS whose third axis was taken away
/// is, but for the order of its axes, which WKT 1 does not know.
fn namesake(object: &Object<'_>) -> Option<String> {
    let candidates = object.identify("EPSG");
    let [(code, confidence)] = candidates.as_slice() else {
        return None;
    };
    // At 50, PROJ has found all equivalent but the coordinate system.
    let crs = (*confidence >= 50).then(|| Crs::from_code(code).ok())??;
    let unit_m = object.axes().first().map(|axis| axis.unit_factor);
    (object.name().as_deref() == Some(crs.name()) && unit_m == crs.unit_m()).then(|| code.clone())
}
