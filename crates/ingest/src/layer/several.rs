//! Files of one delivery as one layer: its columns are those of all, by name.

use std::collections::HashMap;

use geodesy::Crs;
use model::Value;

use super::raw::{FileCrs, RawGeometry, RawLayer, Refusal};

/// Files that have been put together so far.
#[derive(Default)]
pub(crate) struct Several {
    whole: RawLayer,
    /// Place of each column, by its name and which of that name it is in its file.
    places: HashMap<(String, usize), usize>,
    /// Features met.
    number: u64,
    /// Whether a file with geometries has said what its CRS is.
    has_crs: bool,
}

impl Several {
    /// Adds a file, called `name` in reports.
    pub(crate) fn add(&mut self, name: &str, file: RawLayer) -> Result<(), Refusal> {
        let located = file
            .features
            .iter()
            .any(|f| matches!(f.geometry, RawGeometry::Some { .. }));
        if located {
            if self.has_crs && !is_same(&file.crs, &self.whole.crs) {
                return Err(Refusal::new(format!(
                    "is in {}, and the files before it in {}: ingest it on its own with --append",
                    shown(&file.crs),
                    shown(&self.whole.crs)
                )));
            }
            self.has_crs = true;
            self.whole.crs = file.crs;
        }
        let mut seen: HashMap<&str, usize> = HashMap::new();
        let mut places = Vec::with_capacity(file.columns.len());
        for column in &file.columns {
            let nth = seen.entry(&column.name).or_default();
            let key = (column.name.clone(), *nth);
            *nth += 1;
            let place = match self.places.get(&key) {
                Some(place) => {
                    let known = &mut self.whole.columns[*place];
                    if known.declared != column.declared {
                        known.declared = None;
                    }
                    if known.texts != column.texts {
                        known.texts = known.texts.max(column.texts);
                    }
                    *place
                }
                None => {
                    let place = self.whole.push_column(column.clone())?;
                    self.places.insert(key, place);
                    place
                }
            };
            places.push(place);
        }
        let in_order = places.iter().enumerate().all(|(from, to)| from == *to);
        for mut feature in file.features {
            self.number += 1;
            feature.number = self.number;
            if !in_order {
                let values = std::mem::take(&mut feature.values);
                let len = places.iter().max().map_or(0, |last| last + 1);
                feature.values = vec![Value::Null; len];
                for (value, place) in values.into_iter().zip(&places) {
                    feature.values[*place] = value;
                }
            }
            self.whole.push(feature)?;
        }
        self.whole.report.absorb(file.report, name);
        Ok(())
    }

    pub(crate) fn finish(mut self) -> RawLayer {
        // Each page of a server's answer has fewer features than there are; whoever
        // fetched them has counted.
        self.whole
            .report
            .findings
            .retain(|finding| finding.code != "more_matched");
        self.whole
    }
}

/// Whether two files mean one CRS, however they write it.
fn is_same(a: &FileCrs, b: &FileCrs) -> bool {
    match (a, b) {
        (FileCrs::Code(a), FileCrs::Code(b)) if a != b => {
            matches!((Crs::from_code(a), Crs::from_code(b)), (Ok(a), Ok(b)) if a == b)
        }
        (FileCrs::Definition(a), FileCrs::Definition(b)) if a != b => {
            matches!((Crs::from_definition(a), Crs::from_definition(b)), (Ok(a), Ok(b)) if a == b)
        }
        _ => a == b,
    }
}

fn shown(crs: &FileCrs) -> String {
    match crs {
        FileCrs::Unstated => "an unknown CRS".to_owned(),
        FileCrs::Code(text) | FileCrs::Definition(text) | FileCrs::Unusable(text) => {
            text.chars().take(80).collect()
        }
    }
}
