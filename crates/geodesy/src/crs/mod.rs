//! Coordinate reference systems: `codes` are the ways in which they are written, `read` asks
//! PROJ what one is.

mod codes;
mod read;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::pj::{self, Kind, Object};

use codes::{authority_and_code, is_definition, names_a_file, shortened};
use read::{read, vertical};

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

    /// PROJJSON, with the vertical part where that has a code.
    ///
    /// # Errors
    ///
    /// [`Error::Unusable`] if PROJ cannot write it.
    pub fn projjson(&self) -> Result<String, Error> {
        self.ask(|object| object.projjson(), "PROJJSON")
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
