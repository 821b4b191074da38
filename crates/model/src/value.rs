//! Attribute values and the schemas that type them.

use geo_types::Geometry;
use jiff::{Timestamp, civil::Date};

/// One attribute value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Unknown or not applicable.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number; always finite.
    Number(f64),
    /// Text.
    Text(String),
    /// A calendar day, without a time zone.
    Date(Date),
    /// A moment in time.
    Instant(Timestamp),
    /// A list or an object, as JSON text.
    Json(String),
}

impl Value {
    /// Returns whether there is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Returns the text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the number, if it is a whole or any other number.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Value::Integer(n) => Some(*n as f64),
            Value::Number(n) => Some(*n),
            _ => None,
        }
    }
}

/// What the values of a column are; each may also be [`Value::Null`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// [`Value::Boolean`].
    Boolean,
    /// [`Value::Integer`].
    Integer,
    /// [`Value::Number`].
    Number,
    /// [`Value::Text`].
    Text,
    /// [`Value::Date`].
    Date,
    /// [`Value::Instant`].
    Instant,
    /// [`Value::Json`].
    Json,
}

/// A named, typed attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name as the department delivered it; unique in its schema.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
}

/// Which geometries the features of a collection have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GeometryKind {
    /// None: a table.
    None,
    /// Points and multi-points.
    Point,
    /// Line strings and multi-line strings.
    Line,
    /// Polygons and multi-polygons.
    Polygon,
    /// More than one of these.
    Mixed,
}

impl GeometryKind {
    /// The kind of one geometry; a collection of geometries is mixed.
    pub fn of(geometry: &Geometry<f64>) -> GeometryKind {
        use Geometry as G;
        match geometry {
            G::Point(_) | G::MultiPoint(_) => GeometryKind::Point,
            G::Line(_) | G::LineString(_) | G::MultiLineString(_) => GeometryKind::Line,
            G::Polygon(_) | G::MultiPolygon(_) | G::Rect(_) | G::Triangle(_) => {
                GeometryKind::Polygon
            }
            G::GeometryCollection(_) => GeometryKind::Mixed,
        }
    }
}

/// The attributes and geometries that the features of a collection share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// In the order of every feature's values.
    pub columns: Vec<Column>,
    /// Which geometries there are.
    pub geometry: GeometryKind,
}

impl Schema {
    /// Returns the place of the column called `name` in every feature's values.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}
