//! Rows of a table that lie where features of another collection lie, by a key: traffic
//! counts on the links of a road network.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use geo_types::Geometry;
use model::Value;

use crate::report::Outcome;

use super::ids::key_of;
use super::{Layer, geometry_kind};

/// Geometries of a collection, by a key of its features.
#[derive(Debug)]
pub struct Partners {
    name: String,
    by_key: HashMap<String, Partner>,
}

#[derive(Debug)]
struct Partner {
    geometry: Option<Geometry<f64>>,
    /// How many features have the key.
    count: u64,
}

impl Partners {
    /// No geometries yet; `name` is what reports call the key, such as `roads.link_id`.
    pub fn new(name: impl Into<String>) -> Partners {
        Partners {
            name: name.into(),
            by_key: HashMap::new(),
        }
    }

    /// Adds a feature: its key, and where it is in the twin's CRS.
    ///
    /// One without a key is nobody's partner. Of several with one key the first counts.
    pub fn add(&mut self, key: &Value, geometry: Option<Geometry<f64>>) {
        let Some(key) = key_of(key) else { return };
        match self.by_key.entry(key) {
            Entry::Occupied(mut known) => known.get_mut().count += 1,
            Entry::Vacant(free) => {
                free.insert(Partner { geometry, count: 1 });
            }
        }
    }
}

impl Layer {
    /// Gives each row the geometry of the feature whose key is the row's value in `column`.
    ///
    /// Keys are compared as texts, so that the number 7 and the text "7" are one. A row
    /// without a partner stays without a geometry, and is counted.
    ///
    /// # Errors
    ///
    /// A sentence if there is no such column, if rows have geometries of their own, or if
    /// no row has a partner.
    pub fn join(mut self, column: &str, partners: &Partners) -> Result<Layer, String> {
        let Some(place) = self.schema.position(column) else {
            let names = self.schema.columns.iter().map(|c| c.name.as_str());
            let names: Vec<_> = names.take(50).collect();
            return Err(format!(
                "has no column {column:?} to join by; it has: {}",
                names.join(", ")
            ));
        };
        if self.features.iter().any(|row| row.geometry.is_some()) {
            return Err("has geometries of its own: leave out --join".to_owned());
        }
        let report = &mut self.report;
        let mut joined = 0_u64;
        for row in &mut self.features {
            let key = key_of(&row.values[place]);
            let partner = key.as_ref().and_then(|key| partners.by_key.get(key));
            let key = || key.as_deref().unwrap_or("(none)").to_owned();
            match partner {
                None => report.count("no_partner", Outcome::Noticed, || {
                    format!("{}: no {} is so", key(), partners.name)
                }),
                Some(partner) => {
                    joined += 1;
                    row.geometry = partner.geometry.clone();
                    if partner.geometry.is_none() {
                        report.count("partner_without_geometry", Outcome::Noticed, || {
                            format!("{}: its partner lies nowhere", key())
                        });
                    }
                    if partner.count > 1 {
                        report.count("several_partners", Outcome::Noticed, || {
                            format!("{}: the first of {}", key(), partner.count)
                        });
                    }
                }
            }
        }
        if joined == 0 && !self.features.is_empty() {
            return Err(format!(
                "has no row whose {column:?} is that of any {}: is it the right column?",
                partners.name
            ));
        }
        self.schema.geometry = geometry_kind(&self.features);
        Ok(self)
    }
}
