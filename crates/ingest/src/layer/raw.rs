//! What a format's reader hands on: features in the file's own CRS, before
//! anything is repaired, typed over the whole file or identified.

use std::collections::HashMap;

use geo_types::{Coord, Geometry, LineString};
use model::{ColumnKind, Value};

use crate::report::Report;

/// Features of one layer.
///
/// More than this would not fit the twin's in-memory ingest; a municipality's
/// largest layer (addresses, pipes) has well under a million.
pub(crate) const MAX_FEATURES: usize = 50_000_000;

/// Columns of one layer, as SQLite has it by default.
pub(crate) const MAX_COLUMNS: usize = 2_000;

/// Values of one layer, features times columns: about 6 GB of memory.
///
/// A small GeoJSON file whose features each name other attributes would
/// otherwise claim memory as the square of its size.
pub(crate) const MAX_VALUES: usize = 200_000_000;

/// The reason why a source is refused, without its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) String);

impl Refusal {
    pub(crate) fn new(what: impl Into<String>) -> Refusal {
        Refusal(what.into())
    }
}

/// A layer as its file has it.
#[derive(Debug, Default)]
pub(crate) struct RawLayer {
    pub(crate) columns: Vec<RawColumn>,
    pub(crate) features: Vec<RawFeature>,
    pub(crate) crs: FileCrs,
    /// Holds only findings; the counts are made when all is read.
    pub(crate) report: Report,
}

impl RawLayer {
    /// Appends a feature, or refuses the file if it has too many or too much.
    pub(crate) fn push(&mut self, feature: RawFeature) -> Result<(), Refusal> {
        let features = self.features.len() + 1;
        if features > MAX_FEATURES || features.saturating_mul(self.columns.len()) > MAX_VALUES {
            return Err(Refusal::new(format!(
                "feature {}: more than {MAX_FEATURES} features or {MAX_VALUES} attribute values; split the file",
                feature.number
            )));
        }
        self.features.push(feature);
        Ok(())
    }

    /// Appends a column and returns its place, or refuses the file.
    pub(crate) fn push_column(&mut self, column: RawColumn) -> Result<usize, Refusal> {
        if self.columns.len() == MAX_COLUMNS {
            return Err(Refusal::new(format!(
                "attribute {:?} would be column {}: at most {MAX_COLUMNS} are read; leave some out",
                column.name,
                MAX_COLUMNS + 1
            )));
        }
        self.columns.push(column);
        Ok(self.columns.len() - 1)
    }
}

/// Columns of a format without a table of them: each is made when its name first comes.
#[derive(Debug, Default)]
pub(crate) struct ColumnsByName(HashMap<String, usize>);

impl ColumnsByName {
    /// Returns the place of a column whose texts may turn out to be anything.
    pub(crate) fn place(&mut self, name: &str, layer: &mut RawLayer) -> Result<usize, Refusal> {
        if let Some(place) = self.0.get(name) {
            return Ok(*place);
        }
        let place = layer.push_column(RawColumn {
            name: name.to_owned(),
            declared: None,
            texts: Texts::Anything,
        })?;
        self.0.insert(name.to_owned(), place);
        Ok(place)
    }

    /// Puts a text among the values of a feature, unless it is empty.
    pub(crate) fn set(
        &mut self,
        name: &str,
        text: &str,
        values: &mut Vec<Value>,
        layer: &mut RawLayer,
    ) -> Result<(), Refusal> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        let place = self.place(name, layer)?;
        if values.len() <= place {
            values.resize(place + 1, Value::Null);
        }
        values[place] = Value::Text(text.to_owned());
        Ok(())
    }
}

/// What the file says of its CRS.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) enum FileCrs {
    /// Nothing.
    #[default]
    Unstated,
    /// A code such as `EPSG:3006` or a URN.
    Code(String),
    /// WKT, PROJJSON or a PROJ text.
    Definition(String),
    /// Something that names no CRS, as a noun phrase: "srs_id 99, which …".
    Unusable(String),
}

/// A column, before its kind is inferred.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RawColumn {
    pub(crate) name: String,
    /// The kind that the file declares; a value of another kind overrules it.
    pub(crate) declared: Option<ColumnKind>,
    pub(crate) texts: Texts,
}

/// What texts of a column may turn out to be; later ones more than those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Texts {
    /// Texts only: the format has types.
    Only,
    /// Dates and instants too: JSON has no types for them.
    Dates,
    /// Anything: CSV has no types. Numbers have a decimal point; a comma would
    /// stand between thousands.
    Anything,
    /// Anything, and numbers may have a decimal comma.
    AnythingDecimalComma,
}

/// A feature, before repair.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RawFeature {
    /// Place in the file, from 1.
    pub(crate) number: u64,
    /// The key that the file itself gives it.
    pub(crate) key: Option<String>,
    pub(crate) geometry: RawGeometry,
    /// May be shorter than the columns; the rest is null.
    pub(crate) values: Vec<Value>,
}

/// A geometry, before repair.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RawGeometry {
    /// There is none.
    None,
    /// In the file's CRS.
    Some {
        geometry: Geometry<f64>,
        /// What was already done to it.
        notes: Notes,
    },
    /// Of no use, under a short code and for a reason.
    Unusable { code: &'static str, reason: String },
}

impl RawGeometry {
    pub(crate) fn unusable(code: &'static str, reason: impl Into<String>) -> RawGeometry {
        RawGeometry::Unusable {
            code,
            reason: reason.into(),
        }
    }
}

/// What a reader did to a geometry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// Elevations or measures were dropped.
    pub(crate) flattened: bool,
    /// A ring was closed.
    pub(crate) closed_ring: bool,
}

impl Notes {
    /// Returns the ring, closed, and notes whether it was open.
    pub(crate) fn ring(&mut self, mut coords: Vec<Coord<f64>>) -> LineString<f64> {
        if let (Some(first), Some(last)) = (coords.first().copied(), coords.last())
            && first != *last
        {
            self.closed_ring = true;
            coords.push(first);
        }
        LineString(coords)
    }
}
