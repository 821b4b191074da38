//! What an `srsName` means: which CRS, which axis is written first, and how many
//! numbers a position has.
//!
//! URNs and URLs of OGC stand for the CRS with the axes that its authority wrote
//! down (OGC 09-048r5); `EPSG:3006` and `…/epsg.xml#3006` are older than that rule,
//! and mean easting or longitude first. GDAL and GeoServer read them alike.

use std::collections::HashMap;
use std::rc::Rc;

use geodesy::{AxisOrder, Crs};

/// A CRS as an `srsName` tells of it.
#[derive(Debug)]
pub(super) struct Frame {
    /// The name of its horizontal part.
    pub(super) name: String,
    /// What names of one CRS have in common.
    pub(super) code: String,
    /// Whether northing or latitude is written first.
    pub(super) north_first: bool,
    /// Numbers of a position, if nothing else tells.
    pub(super) dimension: usize,
}

/// What geometries inherit from what encloses them.
#[derive(Debug, Clone, Default)]
pub(super) struct Context {
    pub(super) frame: Option<Rc<Frame>>,
    /// Numbers of a position, as somebody said.
    pub(super) dimension: Option<usize>,
}

/// All frames of a file.
pub(super) struct Frames {
    /// The CRS that an operator named, over all others.
    given: Option<Crs>,
    by_name: HashMap<String, Rc<Frame>>,
    used: Option<Rc<Frame>>,
}

/// Names of CRSs that are remembered: a file has one, perhaps in two spellings.
const MAX_NAMES: usize = 1_000;

impl Frames {
    pub(super) fn new(given: Option<&Crs>) -> Frames {
        Frames {
            given: given.cloned(),
            by_name: HashMap::new(),
            used: None,
        }
    }

    /// Returns what this `srsName` means.
    pub(super) fn named(&mut self, name: &str) -> Rc<Frame> {
        if let Some(frame) = self.by_name.get(name) {
            return Rc::clone(frame);
        }
        let frame = Rc::new(self.frame(name));
        if self.by_name.len() < MAX_NAMES {
            self.by_name.insert(name.to_owned(), Rc::clone(&frame));
        }
        frame
    }

    fn frame(&self, name: &str) -> Frame {
        let (horizontal, is_compound) = horizontal(name.trim());
        let crs = match &self.given {
            Some(crs) => Some(crs.clone()),
            None => Crs::from_code(&horizontal).ok(),
        };
        let official = is_official(&horizontal);
        let has_height = crs
            .as_ref()
            .is_some_and(|c| c.vertical_name().is_some() || c.ellipsoidal_unit_m().is_some());
        Frame {
            code: crs
                .as_ref()
                .map_or_else(|| horizontal.clone(), |crs| crs.code().to_owned()),
            north_first: official
                && crs
                    .as_ref()
                    .is_some_and(|c| c.axis_order() == AxisOrder::NorthEast),
            dimension: if is_compound || has_height { 3 } else { 2 },
            name: horizontal,
        }
    }

    /// Returns the frame for coordinates, or the codes of the file's and of this one
    /// if they are of different CRSs.
    pub(super) fn of_coordinates(
        &mut self,
        frame: Option<&Rc<Frame>>,
    ) -> Result<Option<Rc<Frame>>, (String, String)> {
        match (frame, &self.used) {
            (Some(frame), None) => self.used = Some(Rc::clone(frame)),
            (Some(frame), Some(used)) if frame.code != used.code => {
                return Err((used.code.clone(), frame.code.clone()));
            }
            // Who says nothing means what the others said.
            (None, _) => return Ok(self.used.clone()),
            _ => {}
        }
        Ok(frame.cloned())
    }

    /// The frame of the first coordinates that had one.
    pub(super) fn used(&self) -> Option<&Frame> {
        self.used.as_deref()
    }
}

/// Whether this way of naming a CRS stands for its official order of axes.
fn is_official(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.starts_with("urn:") || lower.contains("opengis.net/def/crs")
}

/// Cuts the vertical part off the name of a compound CRS; true if there was one.
///
/// `urn:ogc:def:crs,crs:EPSG::3006,crs:EPSG::5613` (OGC 07-092r3) and
/// `…/def/crs-compound?1=…/3006&2=…/5613` (OGC 11-135r2).
fn horizontal(name: &str) -> (String, bool) {
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("urn:ogc:def:crs,") {
        let parts: Vec<&str> = name.split(',').skip(1).collect();
        if let Some(first) = parts.first()
            && let Some((_, code)) = first.split_once(':')
        {
            return (format!("urn:ogc:def:crs:{code}"), parts.len() > 1);
        }
    }
    if let Some(at) = lower.find("crs-compound?") {
        let query = &name[at + "crs-compound?".len()..];
        if let Some(first) = query.split('&').find_map(|part| part.strip_prefix("1=")) {
            return (first.to_owned(), query.contains('&'));
        }
    }
    (name.to_owned(), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spelling_of_a_name_tells_which_axis_comes_first() {
        for (name, code, north_first, dimension) in [
            ("EPSG:3006", "EPSG:3006", false, 2),
            (
                "http://www.opengis.net/gml/srs/epsg.xml#3006",
                "EPSG:3006",
                false,
                2,
            ),
            ("urn:ogc:def:crs:EPSG::3006", "EPSG:3006", true, 2),
            (
                "http://www.opengis.net/def/crs/EPSG/0/3006",
                "EPSG:3006",
                true,
                2,
            ),
            ("urn:ogc:def:crs:EPSG::25833", "EPSG:25833", false, 2),
            ("urn:ogc:def:crs:OGC:1.3:CRS84", "OGC:CRS84", false, 2),
            ("urn:ogc:def:crs:EPSG::4326", "EPSG:4326", true, 2),
            (
                "urn:ogc:def:crs,crs:EPSG::3006,crs:EPSG::5613",
                "EPSG:3006",
                true,
                3,
            ),
            (
                "http://www.opengis.net/def/crs-compound?1=http://www.opengis.net/def/crs/EPSG/0/3006&2=http://www.opengis.net/def/crs/EPSG/0/5613",
                "EPSG:3006",
                true,
                3,
            ),
            ("urn:ogc:def:crs:EPSG::5845", "EPSG:3006", true, 3),
            ("local", "local", false, 2),
        ] {
            let frame = Frames::new(None).named(name);
            assert_eq!(frame.code, code, "{name}");
            assert_eq!(frame.north_first, north_first, "{name}");
            assert_eq!(frame.dimension, dimension, "{name}");
        }
    }
}
