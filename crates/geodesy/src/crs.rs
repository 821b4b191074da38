//! Coordinate reference systems.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::pj::{self, Kind, Object};

/// Which axis a CRS officially writes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AxisOrder {
    /// Easting or longitude first.
    EastNorth,
    /// Northing or latitude first, as EPSG:3006 and EPSG:4326 have it.
    NorthEast,
}

/// What is wrong with a CRS, a transformation or a tile matrix set.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// No CRS goes by that code or definition.
    #[error("unknown CRS {0:?}: give an authority and code such as EPSG:3006")]
    UnknownCrs(String),
    /// The CRS exists, but places on a map have no coordinates in it.
    #[error("CRS {crs} cannot be used: {reason}")]
    Unusable {
        /// Its code or name.
        crs: String,
        /// Why, and what to do.
        reason: String,
    },
    /// PROJ has no way from one CRS to the other.
    #[error("no transformation from {from} to {to}: {reason}")]
    NoTransformation {
        /// Code or name of the one.
        from: String,
        /// Code or name of the other.
        to: String,
        /// What PROJ says.
        reason: String,
    },
    /// The point has no coordinates in the target CRS.
    #[error("{x}, {y} in {from} has no place in {to}")]
    OutOfDomain {
        /// To the east.
        x: f64,
        /// To the north.
        y: f64,
        /// Code or name of the CRS of the point.
        from: String,
        /// Code or name of the target CRS.
        to: String,
    },
    /// The tile matrix set is not one that tiles can be made in.
    #[error("tile matrix set {id}: {reason}")]
    BadTileMatrixSet {
        /// Its id, or what stands where the id should.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A geoid grid is missing or cannot be used.
    #[error("{}: {reason}", path.display())]
    Geoid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// PROJ cannot work on this machine.
    #[error("coordinates cannot be transformed here: {0}")]
    Proj(String),
}

/// The longest definition that is handed to PROJ.
///
/// The longest CRSs of the EPSG database take some 5 kB as WKT, and PROJ's parser
/// builds a tree many times the size of its input.
const MAX_DEFINITION_BYTES: usize = 64 * 1024;

/// Definitions that are remembered: reading one costs PROJ some milliseconds, and
/// requests name the same few. The database knows some ten thousand CRSs; whoever
/// asks for all of them waits, but does not fill the memory.
const MAX_REMEMBERED: usize = 1024;

/// How sure PROJ must be that a definition without a code is a CRS of its database,
/// in per cent.
///
/// At 70 and more PROJ has found both equivalent in datum, method and parameters,
/// and only the names differ.
const MIN_CONFIDENCE: i32 = 70;

/// A coordinate reference system: where on Earth two numbers are.
///
/// Most have an authority code. One that PROJ cannot identify keeps its definition,
/// and its [`Crs::code`] is then that definition as WKT 2 on one line, which
/// [`Crs::from_code`] takes back.
///
/// Two are equal if their codes, horizontal and vertical, are, and both or neither have
/// heights above the ellipsoid.
#[derive(Clone)]
pub struct Crs(Arc<Facts>);

struct Facts {
    code: String,
    name: String,
    axis_order: AxisOrder,
    /// As in the official order, such as N and E.
    axis_abbreviations: [String; 2],
    is_geographic: bool,
    unit_m: Option<f64>,
    vertical: Option<Vertical>,
    /// Metres in one unit of the third axis, if that counts from the ellipsoid.
    ellipsoidal_unit_m: Option<f64>,
}

struct Vertical {
    code: Option<String>,
    name: String,
    unit_m: f64,
    is_depth: bool,
}

impl Crs {
    /// Returns the CRS with this code: `EPSG:3006`, a bare `3006`, `CRS84`, or the
    /// URL or URN forms of OGC.
    ///
    /// Takes what [`Crs::code`] gives, so also the WKT of a CRS without a code. A
    /// compound code, such as `EPSG:5845` or `EPSG:3006+5613`, gives the horizontal
    /// CRS, which knows its vertical part.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownCrs`], or [`Error::Unusable`] for a CRS that has no map
    /// coordinates, such as the geocentric EPSG:4978.
    pub fn from_code(code: &str) -> Result<Crs, Error> {
        let unknown = || Error::UnknownCrs(shortened(code));
        let trimmed = code.trim();
        if trimmed.len() > MAX_DEFINITION_BYTES {
            return Err(unknown());
        }
        if is_definition(trimmed) {
            return Crs::from_definition(trimmed);
        }
        let plain = authority_and_code(trimmed).ok_or_else(unknown)?;
        Crs::remembered(&plain, code)
    }

    /// Returns the horizontal CRS that a WKT, PROJJSON or PROJ text describes,
    /// identified by its authority and code where PROJ can.
    ///
    /// A code that the definition states is believed. Without one, a CRS of the EPSG
    /// database that PROJ finds equivalent in all but name takes its place; if there
    /// is none, or more than one equally like it, the definition stands for itself.
    /// Parameters of a datum shift (`TOWGS84`) are left to PROJ's database, which
    /// knows them better.
    ///
    /// # Errors
    ///
    /// As [`Crs::from_code`].
    pub fn from_definition(text: &str) -> Result<Crs, Error> {
        let unknown = || Error::UnknownCrs(shortened(text));
        let trimmed = text.trim().trim_end_matches('\0').trim_end();
        if trimmed.len() > MAX_DEFINITION_BYTES {
            return Err(unknown());
        }
        if !is_definition(trimmed) {
            return Crs::from_code(trimmed);
        }
        if names_a_file(trimmed) {
            return Err(unknown());
        }
        // PROJ's old words for a code, which it takes only in a mode of its own.
        if let Some(code) = trimmed.strip_prefix("+init=") {
            let code = code.split_whitespace().next().unwrap_or_default();
            return Crs::from_code(code);
        }
        let definition = if trimmed.starts_with('+') && !trimmed.contains("+type=crs") {
            format!("{trimmed} +type=crs")
        } else {
            trimmed.to_owned()
        };
        Crs::remembered(&definition, text)
    }

    /// Returns the same horizontal CRS with heights in the vertical CRS called `code`,
    /// such as `EPSG:5613` for RH 2000.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownCrs`] if there is no vertical CRS with that code.
    pub fn with_vertical(&self, code: &str) -> Result<Crs, Error> {
        let unknown = || Error::UnknownCrs(shortened(code));
        let plain = authority_and_code(code.trim()).ok_or_else(unknown)?;
        let vertical = pj::with_object(&plain, |object| {
            object
                .filter(|object| object.kind() == Kind::Vertical)
                .map(|object| vertical(&object))
        })
        .map_err(Error::Proj)?
        .ok_or_else(unknown)?;
        let facts = &*self.0;
        Ok(Crs(Arc::new(Facts {
            code: facts.code.clone(),
            name: facts.name.clone(),
            axis_order: facts.axis_order,
            axis_abbreviations: facts.axis_abbreviations.clone(),
            is_geographic: facts.is_geographic,
            unit_m: facts.unit_m,
            vertical: Some(vertical),
            ellipsoidal_unit_m: None,
        })))
    }

    /// Authority and code, such as `EPSG:3006`; WKT 2 for a CRS that has none.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// Name for people, such as `SWEREF99 TM`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns whether [`Crs::code`] is an authority and code, and not a definition.
    pub fn has_authority_code(&self) -> bool {
        !is_definition(&self.0.code)
    }

    /// The URI that OGC standards name it by, such as
    /// `http://www.opengis.net/def/crs/EPSG/0/3006`; none without an authority code.
    pub fn uri(&self) -> Option<String> {
        if !self.has_authority_code() {
            return None;
        }
        let (authority, code) = self.0.code.split_once(':')?;
        let version = if authority == "OGC" { "1.3" } else { "0" };
        Some(format!(
            "http://www.opengis.net/def/crs/{authority}/{version}/{code}"
        ))
    }

    /// Which axis it officially writes first.
    pub fn axis_order(&self) -> AxisOrder {
        self.0.axis_order
    }

    /// Official abbreviations of its axes in the official order, such as `N` and `E`.
    pub fn axis_abbreviations(&self) -> [&str; 2] {
        let [first, second] = &self.0.axis_abbreviations;
        [first, second]
    }

    /// Returns whether its coordinates are degrees.
    pub fn is_geographic(&self) -> bool {
        self.0.is_geographic
    }

    /// Metres in one unit of its coordinates; none if they are degrees.
    pub fn unit_m(&self) -> Option<f64> {
        self.0.unit_m
    }

    /// The code of the vertical part, if it is a compound CRS (`EPSG:5845` has `EPSG:5613`).
    pub fn vertical_code(&self) -> Option<&str> {
        self.0.vertical.as_ref()?.code.as_deref()
    }

    /// The name of the vertical part, such as `RH2000 height`; it may have one without
    /// having a code.
    pub fn vertical_name(&self) -> Option<&str> {
        self.0.vertical.as_ref().map(|part| part.name.as_str())
    }

    /// Metres in one unit of the vertical part.
    pub fn vertical_unit_m(&self) -> Option<f64> {
        self.0.vertical.as_ref().map(|part| part.unit_m)
    }

    /// Whether its vertical part counts downwards, as depths do.
    pub fn vertical_is_depth(&self) -> bool {
        self.0.vertical.as_ref().is_some_and(|part| part.is_depth)
    }

    /// Metres in one unit of height above the ellipsoid, if the CRS was given with such a
    /// third axis, as EPSG:4979 has it. Its [`Crs::code`] is that of the two others.
    pub fn ellipsoidal_unit_m(&self) -> Option<f64> {
        self.0.ellipsoidal_unit_m
    }

    /// WKT 1 (GDAL flavour), which LAS and GeoTIFF readers know. It includes the
    /// vertical part where that has a code.
    ///
    /// # Errors
    ///
    /// [`Error::Unusable`] if WKT 1 has no words for it.
    pub fn wkt1(&self) -> Result<String, Error> {
        self.ask(|object| object.wkt1(), "WKT 1")
    }

    /// WKT 2 (ISO 19162:2019), with the vertical part where that has a code.
    ///
    /// # Errors
    ///
    /// [`Error::Unusable`] if PROJ cannot write it.
    pub fn wkt2(&self) -> Result<String, Error> {
        self.ask(|object| object.wkt2(), "WKT 2")
    }

    /// What errors call it: never a long definition.
    pub(crate) fn label(&self) -> &str {
        if self.has_authority_code() {
            &self.0.code
        } else {
            &self.0.name
        }
    }

    fn ask(
        &self,
        write: impl FnOnce(&Object<'_>) -> Option<String>,
        what: &str,
    ) -> Result<String, Error> {
        let definition = match self.vertical_code() {
            Some(vertical) if self.has_authority_code() => {
                format!("{}+{vertical}", self.0.code)
            }
            _ => self.0.code.clone(),
        };
        pj::with_object(&definition, |object| {
            object.and_then(|object| write(&object))
        })
        .map_err(Error::Proj)?
        .ok_or_else(|| Error::Unusable {
            crs: self.label().to_owned(),
            reason: format!("it cannot be written as {what}"),
        })
    }

    /// Reads a definition that PROJ understands, or remembers what it read before.
    fn remembered(definition: &str, given: &str) -> Result<Crs, Error> {
        static KNOWN: Mutex<Option<HashMap<String, Crs>>> = Mutex::new(None);
        let lock = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(crs) = lock().as_ref().and_then(|known| known.get(definition)) {
            return Ok(crs.clone());
        }
        let crs = pj::with_object(definition, |object| match object {
            Some(object) => read(object, given),
            None => Err(Error::UnknownCrs(shortened(given))),
        })
        .map_err(Error::Proj)??;
        let mut known = lock();
        let known = known.get_or_insert_default();
        if known.len() < MAX_REMEMBERED {
            known.insert(definition.to_owned(), crs.clone());
        }
        Ok(crs)
    }
}

impl PartialEq for Crs {
    fn eq(&self, other: &Crs) -> bool {
        self.code() == other.code()
            && self.vertical_code() == other.vertical_code()
            && self.vertical_name() == other.vertical_name()
            && self.ellipsoidal_unit_m() == other.ellipsoidal_unit_m()
    }
}

impl fmt::Debug for Crs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crs")
            .field("code", &self.0.code)
            .field("vertical_code", &self.vertical_code())
            .finish_non_exhaustive()
    }
}

/// Reads what there is to know of a CRS.
fn read(object: Object<'_>, given: &str) -> Result<Crs, Error> {
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

fn vertical(object: &Object<'_>) -> Vertical {
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

/// Returns whether a PROJ text names a file by its path, or by `+init=FILE:SECTION`.
///
/// PROJ would open it; a text that came with someone's data must not make it.
fn names_a_file(definition: &str) -> bool {
    let values = |key| {
        definition
            .split(key)
            .skip(1)
            .filter_map(|rest| rest.split([' ', '"', '\t', '\n']).next())
    };
    values("grids=").any(|value| value.contains(['/', '\\']))
        || values("init=").any(|value| !value.to_ascii_lowercase().starts_with("epsg:"))
}

/// Returns whether the text is a definition rather than a code.
fn is_definition(text: &str) -> bool {
    text.starts_with(['{', '+']) || (text.contains('[') && !text.starts_with('['))
}

/// Returns `AUTHORITY:CODE` for the ways in which codes are written.
///
/// Sources: OGC 09-048r5 (URNs), OGC 11-135r2 (URLs), OGC API – Common (safe CURIEs
/// in brackets), GML 3.1 (`epsg.xml#3006`).
fn authority_and_code(text: &str) -> Option<String> {
    let text = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text)
        .trim_end_matches('/');
    let lower = text.to_ascii_lowercase();
    let url = lower
        .strip_prefix("https://")
        .or_else(|| lower.strip_prefix("http://"));
    let parts: Vec<&str> = if let Some(url) = url {
        let path = url.strip_prefix("www.").unwrap_or(url);
        match path.strip_prefix("opengis.net/") {
            Some(path) => match path.strip_prefix("gml/srs/epsg.xml#") {
                Some(code) => vec!["epsg", code],
                None => {
                    let rest = path.strip_prefix("def/crs/")?;
                    // Authority, version, code.
                    match rest.split('/').collect::<Vec<_>>().as_slice() {
                        [authority, _, code] => vec![authority, code],
                        _ => return None,
                    }
                }
            },
            None => return None,
        }
    } else if let Some(rest) = lower
        .strip_prefix("urn:ogc:def:crs:")
        .or_else(|| lower.strip_prefix("urn:x-ogc:def:crs:"))
    {
        match rest.split(':').collect::<Vec<_>>().as_slice() {
            [authority, _, code] | [authority, code] => vec![authority, code],
            _ => return None,
        }
    } else {
        match lower.split(':').collect::<Vec<_>>().as_slice() {
            [code @ "crs84"] => vec!["ogc", code],
            [code] if code.bytes().all(|b| b.is_ascii_digit()) => vec!["epsg", code],
            [authority, code] => vec![authority, code],
            [authority, "", code] => vec![authority, code],
            // EPSG:3006+EPSG:5613, as PROJ and GDAL write a compound CRS.
            [a, b, c] if b.contains("+epsg") && *a == "epsg" && !c.is_empty() => {
                let horizontal = b.strip_suffix("+epsg")?;
                return plain_code(horizontal)
                    .zip(plain_code(c))
                    .map(|(h, v)| format!("EPSG:{h}+{v}"));
            }
            _ => return None,
        }
    };
    let [authority, code] = parts.as_slice() else {
        return None;
    };
    // The code that Web Mercator had before it got one.
    if *authority == "epsg" && *code == "900913" {
        return Some("EPSG:3857".to_owned());
    }
    let authority_is_plain = !authority.is_empty()
        && authority.len() <= 16
        && authority
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let code = match code.split_once('+') {
        Some((horizontal, vertical)) => {
            format!("{}+{}", plain_code(horizontal)?, plain_code(vertical)?)
        }
        None => plain_code(code)?.to_owned(),
    };
    authority_is_plain.then(|| format!("{}:{}", authority.to_uppercase(), code.to_uppercase()))
}

/// Returns the code if it is one to sixteen letters, digits, `_` or `-`.
fn plain_code(code: &str) -> Option<&str> {
    let ok = (1..=16).contains(&code.len())
        && code
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    ok.then_some(code)
}

/// The beginning of what was given, for errors.
fn shortened(text: &str) -> String {
    const MAX_CHARS: usize = 80;
    let text = text.trim();
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn crs(code: &str) -> Crs {
        Crs::from_code(code).unwrap()
    }

    #[test]
    fn every_way_to_write_a_code_is_the_same_crs() {
        for code in [
            "EPSG:3006",
            "epsg:3006",
            "3006",
            " 3006 ",
            "[EPSG:3006]",
            "EPSG::3006",
            "http://www.opengis.net/def/crs/EPSG/0/3006",
            "https://www.opengis.net/def/crs/EPSG/9.9.1/3006",
            "http://opengis.net/def/crs/epsg/0/3006/",
            "http://www.opengis.net/gml/srs/epsg.xml#3006",
            "urn:ogc:def:crs:EPSG::3006",
            "urn:ogc:def:crs:EPSG:9.9.1:3006",
            "urn:x-ogc:def:crs:EPSG:3006",
        ] {
            assert_eq!(crs(code).code(), "EPSG:3006", "{code}");
        }
        for code in [
            "CRS84",
            "crs84",
            "OGC:CRS84",
            "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
            "urn:ogc:def:crs:OGC:1.3:CRS84",
            "urn:ogc:def:crs:OGC::CRS84",
        ] {
            assert_eq!(crs(code).code(), "OGC:CRS84", "{code}");
        }
        assert_eq!(crs("EPSG:900913").code(), "EPSG:3857");
        assert_eq!(
            crs("3006").uri().unwrap(),
            "http://www.opengis.net/def/crs/EPSG/0/3006"
        );
        assert_eq!(
            crs("CRS84").uri().unwrap(),
            "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
        );
    }

    #[test]
    fn nonsense_is_an_unknown_crs() {
        let long = "9".repeat(100_000);
        for code in [
            "",
            " ",
            "EPSG:",
            ":3006",
            "EPSG:999999",
            "3006; drop",
            "EPSG:30 06",
            "a:b:c:d",
            "http://example.org/3006",
            "http://www.opengis.net/def/crs/EPSG/3006",
            "GEOGCS[",
            "{",
            "+proj=utm +zone=99",
            "+proj=",
            "EPSG:3006\0",
            "../../etc/passwd",
            &long,
            "+init=/etc/passwd:x",
            "+proj=longlat +nadgrids=/etc/passwd",
            "+proj=pipeline",
        ] {
            let found = Crs::from_code(code);
            assert!(
                matches!(found, Err(Error::UnknownCrs(_))),
                "{code:.40} {found:?}"
            );
            assert!(found.unwrap_err().to_string().len() < 300);
        }
    }

    #[test]
    fn a_damaged_or_endless_definition_is_an_error_and_no_crash() {
        let wkt = crs("EPSG:3006").wkt2().unwrap();
        for end in (1..wkt.len()).step_by(29) {
            assert!(
                Crs::from_definition(&wkt[..end]).is_err(),
                "{}",
                &wkt[..end]
            );
        }
        for word in [
            "PROJCS[",
            "PROJCS[\"a\",",
            "{\"base_crs\":",
            "{\"a\":[",
            "COMPD_CS[\"a\",",
        ] {
            let deep = word.repeat(MAX_DEFINITION_BYTES / word.len());
            assert!(Crs::from_definition(&deep).is_err(), "{word}");
            assert!(Crs::from_definition(&(deep + "more than may be read")).is_err());
        }
    }

    #[test]
    fn a_crs_that_is_no_map_is_refused_with_its_reason() {
        for (code, word) in [
            ("EPSG:4978", "geocentric"),
            ("EPSG:5613", "vertical"),
            ("EPSG:5801", "not tied to a place"),
        ] {
            let error = Crs::from_code(code).unwrap_err();
            if code == "EPSG:5801" && matches!(error, Error::UnknownCrs(_)) {
                continue;
            }
            assert!(error.to_string().contains(word), "{error}");
        }
        let local = r#"LOCAL_CS["drawing",UNIT["metre",1]]"#;
        assert!(Crs::from_definition(local).is_err());
    }

    #[test]
    fn official_order_unit_and_kind_are_those_of_the_registry() {
        let order = |code| crs(code).axis_order();
        assert_eq!(order("EPSG:3006"), AxisOrder::NorthEast);
        assert_eq!(order("EPSG:3014"), AxisOrder::NorthEast);
        assert_eq!(order("EPSG:4326"), AxisOrder::NorthEast);
        assert_eq!(order("EPSG:3021"), AxisOrder::NorthEast);
        for code in [
            "CRS84",
            "EPSG:3857",
            "EPSG:28992",
            "EPSG:25833",
            "EPSG:2154",
            "EPSG:32633",
        ] {
            assert_eq!(order(code), AxisOrder::EastNorth, "{code}");
        }
        assert_eq!(crs("3006").axis_abbreviations(), ["N", "E"]);
        assert_eq!(crs("3006").name(), "SWEREF99 TM");
        assert_eq!(crs("3006").unit_m(), Some(1.0));
        assert!(crs("4326").is_geographic());
        assert_eq!(crs("4326").unit_m(), None);
        assert!((crs("EPSG:2903").unit_m().unwrap() - 1200.0 / 3937.0).abs() < 1e-12);
    }

    #[test]
    fn a_compound_crs_is_its_horizontal_part_with_a_vertical_code() {
        for (code, horizontal, vertical) in [
            ("EPSG:5845", "EPSG:3006", "EPSG:5613"),
            ("EPSG:5850", "EPSG:3011", "EPSG:5613"),
            ("EPSG:3006+5613", "EPSG:3006", "EPSG:5613"),
            ("EPSG:3006+EPSG:5613", "EPSG:3006", "EPSG:5613"),
            ("EPSG:7415", "EPSG:28992", "EPSG:5709"),
        ] {
            let found = crs(code);
            assert_eq!(found.code(), horizontal, "{code}");
            assert_eq!(found.vertical_code(), Some(vertical), "{code}");
        }
        assert_eq!(crs("EPSG:5845").vertical_name(), Some("RH2000 height"));
        assert_eq!(crs("EPSG:3006").vertical_code(), None);
        assert_eq!(
            crs("EPSG:3006").with_vertical("EPSG:5613").unwrap(),
            crs("EPSG:5845")
        );
        assert!(crs("EPSG:3006").with_vertical("EPSG:4326").is_err());
        // A height above the ellipsoid is no vertical CRS.
        assert_eq!(crs("EPSG:4979").vertical_code(), None);
        assert_eq!(crs("EPSG:4979").code(), "EPSG:4326");
    }

    #[test]
    fn what_it_writes_as_wkt_it_reads_back() {
        for code in [
            "EPSG:3006",
            "EPSG:5845",
            "EPSG:3857",
            "EPSG:4326",
            "EPSG:28992",
            "EPSG:7415",
        ] {
            let crs = crs(code);
            for wkt in [crs.wkt1().unwrap(), crs.wkt2().unwrap()] {
                assert_eq!(Crs::from_definition(&wkt).unwrap(), crs, "{wkt}");
                assert!(!wkt.contains('\n'));
            }
        }
        assert!(
            crs("EPSG:3006")
                .wkt1()
                .unwrap()
                .starts_with("PROJCS[\"SWEREF99 TM\"")
        );
        assert!(crs("EPSG:5845").wkt1().unwrap().starts_with("COMPD_CS["));
    }

    #[test]
    fn definitions_without_a_code_are_identified() {
        // As ArcGIS writes the .prj of a shapefile.
        let esri = r#"PROJCS["SWEREF99_TM",GEOGCS["GCS_SWEREF99",DATUM["D_SWEREF99",SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",15.0],PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]"#;
        assert_eq!(Crs::from_definition(esri).unwrap().code(), "EPSG:3006");
        let zone = esri
            .replace("SWEREF99_TM", "SWEREF99_17_15")
            .replace("500000.0", "150000.0")
            .replace("15.0]", "17.25]")
            .replace("0.9996", "1.0");
        assert_eq!(Crs::from_definition(&zone).unwrap().code(), "EPSG:3014");
        let wgs84 = r#"GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]"#;
        assert_eq!(Crs::from_definition(wgs84).unwrap().code(), "EPSG:4326");
        let without_codes = crs("EPSG:28992").wkt2().unwrap();
        let without_codes = without_codes.replace(",ID[\"EPSG\",28992]", "");
        assert_eq!(
            Crs::from_definition(&without_codes).unwrap().code(),
            "EPSG:28992"
        );
        assert_eq!(
            Crs::from_definition("+init=epsg:3006").map(|crs| crs.code().to_owned()),
            Ok("EPSG:3006".to_owned())
        );
    }

    /// The header of the well-known survey of Autzen stadium.
    const AUTZEN: &str = r#"PROJCS["NAD_1983_HARN_Lambert_Conformal_Conic",GEOGCS["GCS_North_American_1983_HARN",DATUM["NAD83_High_Accuracy_Regional_Network",SPHEROID["GRS_1980",6378137,298.257222101,AUTHORITY["EPSG","7019"]],AUTHORITY["EPSG","6152"]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Lambert_Conformal_Conic_2SP"],PARAMETER["standard_parallel_1",43],PARAMETER["standard_parallel_2",45.5],PARAMETER["latitude_of_origin",41.75],PARAMETER["central_meridian",-120.5],PARAMETER["false_easting",1312335.958005249],PARAMETER["false_northing",0],UNIT["foot",0.3048,AUTHORITY["EPSG","9002"]]]"#;

    #[test]
    fn a_survey_in_feet_keeps_its_unit_and_finds_its_place() {
        let autzen = Crs::from_definition(AUTZEN).unwrap();
        assert!((autzen.unit_m().unwrap() - 0.3048).abs() < 1e-12);
        let to = Crs::from_code("EPSG:4326").unwrap();
        let lon_lat = crate::Transform::new(&autzen, &to).unwrap();
        let [lon, lat] = lon_lat.xy([636_600.0, 849_200.0]).unwrap();
        // Autzen stadium, Eugene, Oregon.
        assert!(
            (lon + 123.069).abs() < 0.01 && (lat - 44.058).abs() < 0.01,
            "{lon} {lat}"
        );
    }

    #[test]
    fn a_crs_without_a_code_is_known_by_its_definition() {
        let crs = Crs::from_definition(AUTZEN).unwrap();
        assert!(!crs.has_authority_code());
        assert_eq!(crs.uri(), None);
        assert_eq!(crs.name(), "NAD_1983_HARN_Lambert_Conformal_Conic");
        let again = Crs::from_code(crs.code()).unwrap();
        assert_eq!(again, crs);
        assert_eq!(again.code(), crs.code());
        assert!(!crs.code().contains('\n'));
        let to = Crs::from_code("EPSG:4326").unwrap();
        assert!(
            crate::Transform::new(&again, &to)
                .unwrap()
                .xy([636_600.0, 849_200.0])
                .is_ok()
        );
    }

    #[test]
    fn proj_reads_the_database_that_the_binary_carries_and_no_other() {
        crs("EPSG:3006");
        let ours = crate::database::folder().unwrap();
        assert_eq!(pj::database_path().unwrap(), ours.join("proj.db"));
        // The proj crate makes contexts of its own, which must follow.
        let proj = proj::Proj::new_known_crs("EPSG:3006", "EPSG:3857", None).unwrap();
        assert_eq!(proj.lib_info().unwrap().searchpath, ours.to_str().unwrap());
        assert!(!ours.to_str().unwrap().contains("proj-sys"));
    }

    #[test]
    fn heights_above_the_ellipsoid_are_told_from_elevations() {
        for (code, flat) in [("EPSG:4979", "EPSG:4326"), ("EPSG:4977", "EPSG:4619")] {
            let crs = Crs::from_code(code).unwrap();
            assert_eq!(crs.code(), flat);
            assert_eq!(crs.ellipsoidal_unit_m(), Some(1.0));
            assert_eq!(crs.vertical_code(), None);
            assert_ne!(crs, Crs::from_code(flat).unwrap());
            let with_elevations = crs.with_vertical("EPSG:5613").unwrap();
            assert_eq!(with_elevations.ellipsoidal_unit_m(), None);
        }
        for code in ["EPSG:3006", "EPSG:5845"] {
            assert_eq!(Crs::from_code(code).unwrap().ellipsoidal_unit_m(), None);
        }
        let depth = Crs::from_code("EPSG:3006").unwrap();
        assert!(
            !depth
                .with_vertical("EPSG:5613")
                .unwrap()
                .vertical_is_depth()
        );
        assert!(
            depth
                .with_vertical("EPSG:5715")
                .unwrap()
                .vertical_is_depth()
        );
        // How WKT 1 says it: a vertical datum of type 2002.
        let flat = Crs::from_code("EPSG:3006").unwrap().wkt1().unwrap();
        let wkt = format!(
            "COMPD_CS[\"a\",{flat},VERT_CS[\"Ellipsoid (metre)\",VERT_DATUM[\"Ellipsoid\",2002],UNIT[\"metre\",1]]]"
        );
        let crs = Crs::from_definition(&wkt).unwrap();
        assert_eq!(crs.ellipsoidal_unit_m(), Some(1.0), "{crs:?}");
        assert_eq!(crs.code(), "EPSG:3006");
    }
}
