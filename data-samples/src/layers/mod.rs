//! What each department keeps, feature by feature, with the oddities of real exports.
//!
//! One file for each department. For every collection it has the attributes of the
//! delivery and a function that makes the features of one district from its town. Which
//! file and format they are delivered in is said in `delivery`.

pub(crate) mod culture;
pub(crate) mod education;
pub(crate) mod fire;
pub(crate) mod planning;
pub(crate) mod property;
mod shapes;
pub(crate) mod streets;
pub(crate) mod water;

use geo_types::Geometry;
use serde_json::{Value, json};

use crate::formats::{Attribute, Kind, Record};
use crate::random::Random;
use crate::town::Town;

/// The last but one attribute of every collection; [`record`] adds its value.
const ORIGIN: Attribute = ("data_origin", Kind::Text);
/// The last attribute of every collection; [`record`] adds its value.
const MADE_BY: Attribute = ("generator", Kind::Text);

/// One feature; where it comes from is added to its values.
fn record(geometry: impl Into<Option<Geometry<f64>>>, mut values: Vec<Value>) -> Record {
    values.push(json!(crate::DATA_ORIGIN));
    values.push(json!(crate::GENERATOR));
    Record {
        geometry: geometry.into(),
        values,
    }
}

/// Returns whether this is the town itself, and not a district that was added to it.
fn is_first(town: &Town) -> bool {
    town.prefix.is_empty()
}

/// The number of a district: 0 for the town itself.
fn town_number(town: &Town) -> usize {
    town.prefix
        .trim_matches(|c: char| !c.is_ascii_digit())
        .parse()
        .unwrap_or(0)
}

/// Gives the row after `first` the same key, as happens where two people type.
fn repeat_key(records: &mut [Record], first: usize) {
    let key = records[first].values[0].clone();
    records[first + 1].values[0] = key;
}

/// A day on which one can work outside.
fn summer_day(random: &mut Random, year: i32) -> String {
    let month = 4 + random.below(6);
    format!("{year}-{month:02}-{:02}", 1 + random.below(28))
}
