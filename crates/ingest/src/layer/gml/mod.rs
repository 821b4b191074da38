//! GML simple features (OGC 10-100r3): feature collections of GML 3.2, 3.1 and 2,
//! as files and as answers of a WFS.
//!
//! No application schema is read. An attribute is called as its element; one that
//! lies within an object, by the properties on the way to it (`adress_gata`), without
//! the objects. One that a feature has several times is a list. Numbers, days and
//! moments are known by all values of a column, as in CSV.
//!
//! In order of reading: this reads features and attributes, [`geometry`] what lies
//! inside a geometry, and [`frame`] what an `srsName` means.

mod frame;
mod geometry;

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use geodesy::Crs;
use model::{ColumnKind, Value};

use crate::report::Outcome;

use super::raw::{
    ColumnsByName, FileCrs, RawColumn, RawFeature, RawGeometry, RawLayer, Refusal, Texts,
};
use super::xml::{Step, Xml};

use frame::{Context, Frames};

/// What holds features within a collection: GML 3.2, 3.1, WFS 2.0.
const MEMBERS: [&str; 4] = ["featureMember", "featureMembers", "member", "members"];

/// Kinds of features that are told apart by name; a schema has tens.
const MAX_TYPES: usize = 1_000;

/// Reads GML: all features, or those of the type called `wanted`.
///
/// `crs` is over what the file says; the order of axes is still the file's.
pub(crate) fn read_gml(
    document: impl Read,
    wanted: Option<&str>,
    crs: Option<&Crs>,
) -> Result<RawLayer, Refusal> {
    let mut reading = Reading {
        xml: Xml::new(document)?,
        layer: RawLayer::default(),
        frames: Frames::new(crs),
        columns: ColumnsByName::default(),
        repeated: Vec::new(),
        wanted,
        types: BTreeMap::new(),
        number: 0,
        matched: None,
    };
    if reading.xml.step()? != Step::Start {
        return Err(Refusal::new("holds no element: fetch or export it again"));
    }
    reading.collection(&Context::default())?;
    reading.xml.step()?;
    reading.finish()
}

struct Reading<'a, R: Read> {
    xml: Xml<R>,
    layer: RawLayer,
    frames: Frames,
    columns: ColumnsByName,
    /// Columns that some feature has several times.
    repeated: Vec<usize>,
    wanted: Option<&'a str>,
    /// How many features there are of each type.
    types: BTreeMap<String, u64>,
    /// Features met, kept or not.
    number: u64,
    /// How many there are, if the server gave only some.
    matched: Option<u64>,
}

/// A feature as it is being read.
#[derive(Default)]
struct Feature {
    geometry: Option<RawGeometry>,
    values: Vec<Value>,
    /// Values of attributes that come several times, by column.
    lists: HashMap<usize, Vec<String>>,
}

/// Whether a namespace is GML's, of any version.
fn is_gml(namespace: &str) -> bool {
    namespace.starts_with("http://www.opengis.net/gml")
}

impl<R: Read> Reading<'_, R> {
    /// Reads a collection that has just started, to its end.
    fn collection(&mut self, context: &Context) -> Result<(), Refusal> {
        if let Some(matched) = self.xml.attribute("numberMatched") {
            self.matched = matched.parse().ok();
        }
        let mut context = context.clone();
        while self.xml.step()? == Step::Start {
            match self.xml.name() {
                "boundedBy" => self.bounded_by(&mut context)?,
                "truncatedResponse" => {
                    return Err(Refusal::new(format!(
                        "was cut short by the server that it comes from (truncatedResponse at line {}): fetch it again",
                        self.xml.line()
                    )));
                }
                name if MEMBERS.contains(&name) => {
                    while self.xml.step()? == Step::Start {
                        if self.xml.name().ends_with("FeatureCollection") {
                            self.collection(&context)?;
                        } else {
                            self.feature(&context)?;
                        }
                    }
                }
                _ => self.xml.skip()?,
            }
        }
        Ok(())
    }

    /// Takes the CRS of an envelope as that of what it encloses.
    fn bounded_by(&mut self, context: &mut Context) -> Result<(), Refusal> {
        let depth = self.xml.depth();
        while self.xml.depth() >= depth {
            if self.xml.step()? == Step::Start
                && matches!(
                    self.xml.name(),
                    "Envelope" | "Box" | "EnvelopeWithTimePeriod"
                )
            {
                *context = self.context(context);
            }
        }
        Ok(())
    }

    /// What the attributes of the element that has just started change of the context.
    fn context(&mut self, outer: &Context) -> Context {
        let mut inner = outer.clone();
        if let Some(name) = self.xml.attribute("srsName") {
            inner.frame = Some(self.frames.named(name));
            inner.dimension = None;
        }
        let dimension = self
            .xml
            .attribute("srsDimension")
            .or_else(|| self.xml.attribute("dimension"));
        if let Some(dimension) = dimension {
            inner.dimension = dimension.trim().parse().ok();
        }
        inner
    }

    /// Reads a feature that has just started, to its end.
    fn feature(&mut self, context: &Context) -> Result<(), Refusal> {
        let name = self.xml.name().to_owned();
        if let Some(count) = self.types.get_mut(&name) {
            *count += 1;
        } else if self.types.len() < MAX_TYPES {
            self.types.insert(name.clone(), 1);
        }
        if self.wanted.is_some_and(|wanted| wanted != name) {
            return self.xml.skip();
        }
        self.number += 1;
        let key = self
            .xml
            .attribute("id")
            .or_else(|| self.xml.attribute("fid"))
            .map(str::to_owned);
        let mut context = context.clone();
        let mut feature = Feature::default();
        while self.xml.step()? == Step::Start {
            if self.xml.name() == "boundedBy" && is_gml(self.xml.namespace()) {
                self.bounded_by(&mut context)?;
            } else {
                let name = self.xml.name().to_owned();
                self.property(&name, &name, &context, &mut feature)?;
            }
        }
        for (place, texts) in feature.lists {
            if !self.repeated.contains(&place) {
                self.repeated.push(place);
            }
            feature.values[place] = list(texts);
        }
        self.layer.push(RawFeature {
            number: self.number,
            key,
            geometry: feature.geometry.unwrap_or(RawGeometry::None),
            values: feature.values,
        })
    }

    /// Reads what has just started within a feature, to its end.
    ///
    /// It is called `name` if it holds text, and what lies inside it starts with `path`.
    fn property(
        &mut self,
        name: &str,
        path: &str,
        context: &Context,
        feature: &mut Feature,
    ) -> Result<(), Refusal> {
        let unit = self.xml.attribute("uom").map(str::to_owned);
        let reference = self.xml.attribute("href").map(str::to_owned);
        let mut has_children = false;
        while self.xml.step()? == Step::Start {
            has_children = true;
            if is_gml(self.xml.namespace()) && geometry::is_geometry(self.xml.name()) {
                self.geometry(context, feature)?;
                continue;
            }
            let child = self.xml.name();
            let longer = format!("{path}_{child}");
            // Properties and objects take turns; only objects are in capitals.
            if child.starts_with(char::is_uppercase) {
                self.property(&longer, path, context, feature)?;
            } else {
                self.property(&longer, &longer, context, feature)?;
            }
        }
        if has_children {
            return Ok(());
        }
        let text = match (self.xml.text().trim(), reference) {
            ("", Some(reference)) => reference,
            (text, _) => text.to_owned(),
        };
        if !text.is_empty() {
            self.set(name, text, feature)?;
        }
        if let Some(unit) = unit {
            self.set(&format!("{name}_uom"), unit, feature)?;
        }
        Ok(())
    }

    /// Puts a text among the values of a feature; a second one makes a list.
    fn set(&mut self, name: &str, text: String, feature: &mut Feature) -> Result<(), Refusal> {
        let place = self.columns.place(name, &mut self.layer)?;
        if feature.values.len() <= place {
            feature.values.resize(place + 1, Value::Null);
        }
        if let Value::Text(first) = &feature.values[place] {
            let list = feature.lists.entry(place);
            list.or_insert_with(|| vec![first.clone()]).push(text);
        } else {
            feature.values[place] = Value::Text(text);
        }
        Ok(())
    }

    /// Reads a geometry that has just started as that of the feature.
    fn geometry(&mut self, context: &Context, feature: &mut Feature) -> Result<(), Refusal> {
        if feature.geometry.is_some() {
            let number = self.number;
            self.layer
                .report
                .count("second_geometry", Outcome::Noticed, || {
                    format!("feature {number}: has more than one geometry; the first is kept")
                });
            return self.xml.skip();
        }
        feature.geometry = Some(self.read_geometry(context)?);
        Ok(())
    }

    /// Turns all that was read into a layer.
    fn finish(mut self) -> Result<RawLayer, Refusal> {
        let names = || {
            let names: Vec<&str> = self.types.keys().map(String::as_str).take(50).collect();
            names.join(", ")
        };
        match self.wanted {
            Some(wanted) if !self.types.contains_key(wanted) => {
                return Err(Refusal::new(format!(
                    "has no features of type {wanted:?}; it has: {}",
                    names()
                )));
            }
            None if self.types.len() > 1 => {
                return Err(Refusal::new(format!(
                    "has features of {} types, choose one with --layer: {}",
                    self.types.len(),
                    names()
                )));
            }
            _ => {}
        }
        let met: u64 = self.types.values().sum();
        if let Some(matched) = self.matched.filter(|matched| *matched > met) {
            self.layer
                .report
                .count("more_matched", Outcome::Noticed, || {
                    format!("its server says that {matched} features match, and gave {met}")
                });
        }
        for place in self.repeated {
            self.layer.columns[place] = RawColumn {
                name: self.layer.columns[place].name.clone(),
                declared: Some(ColumnKind::Json),
                texts: Texts::Only,
            };
            for feature in &mut self.layer.features {
                if let Some(value) = feature.values.get_mut(place)
                    && let Value::Text(text) = value
                {
                    *value = list(vec![std::mem::take(text)]);
                }
            }
        }
        self.layer.crs = match self.frames.used() {
            Some(frame) => FileCrs::Code(frame.name.clone()),
            None => FileCrs::Unstated,
        };
        Ok(self.layer)
    }
}

fn list(texts: Vec<String>) -> Value {
    Value::Json(serde_json::Value::from(texts).to_string())
}
