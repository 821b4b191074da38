//! Types of columns, inferred over all values of the whole file.
//!
//! A column is of the narrowest kind that holds everything: whole numbers and
//! numbers make numbers, and any other mixture makes text, which is reported.

use model::{Column, ColumnKind, Value};

use crate::report::{Outcome, Report};

use super::dates;
use super::ids::key_of;
use super::raw::{RawColumn, RawFeature, Texts};

/// Returns the columns, and makes every feature's values fit them.
pub(crate) fn infer(
    columns: Vec<RawColumn>,
    features: &mut [&mut RawFeature],
    report: &mut Report,
) -> Vec<Column> {
    let mut evidence: Vec<Evidence> = columns.iter().map(|_| Evidence::default()).collect();
    for feature in features.iter_mut() {
        feature.values.resize(columns.len(), Value::Null);
        for ((evidence, column), value) in
            evidence.iter_mut().zip(&columns).zip(&mut feature.values)
        {
            if matches!(value, Value::Number(n) if !n.is_finite()) {
                *value = Value::Null;
                report.count("not_finite_value", Outcome::LeftOut, || {
                    format!("column {:?}: a value that is no finite number", column.name)
                });
            }
            evidence.see(value, column.texts);
        }
    }
    let plans: Vec<Plan> = columns
        .iter()
        .zip(&evidence)
        .map(|(column, evidence)| evidence.plan(column, report))
        .collect();
    for feature in features.iter_mut() {
        for (plan, value) in plans.iter().zip(&mut feature.values) {
            plan.apply(value);
        }
    }
    let mut names = Names::default();
    columns
        .into_iter()
        .zip(plans)
        .map(|(column, plan)| Column {
            name: names.unique(column.name, report),
            kind: plan.kind,
        })
        .collect()
}

impl Texts {
    fn may_be_anything(self) -> bool {
        matches!(self, Texts::Anything | Texts::AnythingDecimalComma)
    }
}

/// What the values of a column have been so far.
#[derive(Default)]
struct Evidence {
    booleans: bool,
    integers: bool,
    numbers: bool,
    dates: bool,
    instants: bool,
    json: bool,
    texts: bool,
    /// Whether every text reads as each of these; false from the first that does not.
    not: NotReadAs,
}

#[derive(Default)]
struct NotReadAs {
    date: bool,
    instant: bool,
    boolean: bool,
    integer: bool,
    number: bool,
}

impl Evidence {
    fn see(&mut self, value: &Value, texts: Texts) {
        match value {
            Value::Null => {}
            Value::Boolean(_) => self.booleans = true,
            Value::Integer(_) => self.integers = true,
            Value::Number(_) => self.numbers = true,
            Value::Date(_) => self.dates = true,
            Value::Instant(_) => self.instants = true,
            Value::Json(_) => self.json = true,
            Value::Text(text) => {
                self.texts = true;
                let not = &mut self.not;
                if texts != Texts::Only {
                    not.date = not.date || dates::date(text).is_none();
                    not.instant = not.instant || dates::instant(text).is_none();
                }
                if texts.may_be_anything() {
                    not.boolean = not.boolean || boolean(text).is_none();
                    not.integer = not.integer || integer(text).is_none();
                    not.number = not.number
                        || number(text).is_none()
                        || (texts == Texts::Anything && text.contains(','));
                }
            }
        }
    }

    fn plan(&self, column: &RawColumn, report: &mut Report) -> Plan {
        use ColumnKind as K;
        let seen = [
            (self.booleans, K::Boolean),
            (self.integers, K::Integer),
            (self.numbers, K::Number),
            (self.dates, K::Date),
            (self.instants, K::Instant),
            (self.json, K::Json),
            (self.texts, K::Text),
        ];
        let kinds: Vec<K> = seen.into_iter().filter(|s| s.0).map(|s| s.1).collect();
        let kind = match kinds.as_slice() {
            [] => column.declared.unwrap_or(K::Text),
            [K::Text] => self.text_kind(column.texts),
            [K::Integer] if column.declared == Some(K::Number) => K::Number,
            [only] => *only,
            [K::Integer, K::Number] => K::Number,
            mixed => {
                report.count("mixed_types", Outcome::Noticed, || {
                    format!("column {:?}: {mixed:?} became Text", column.name)
                });
                K::Text
            }
        };
        Plan { kind }
    }

    fn text_kind(&self, texts: Texts) -> ColumnKind {
        let dates = texts != Texts::Only;
        let anything = texts.may_be_anything();
        if dates && !self.not.date {
            ColumnKind::Date
        } else if dates && !self.not.instant {
            ColumnKind::Instant
        } else if anything && !self.not.integer {
            ColumnKind::Integer
        } else if anything && !self.not.number {
            ColumnKind::Number
        } else if anything && !self.not.boolean {
            ColumnKind::Boolean
        } else {
            ColumnKind::Text
        }
    }
}

/// What a column becomes.
struct Plan {
    kind: ColumnKind,
}

impl Plan {
    fn apply(&self, value: &mut Value) {
        let old = std::mem::replace(value, Value::Null);
        *value = match (self.kind, old) {
            (_, Value::Null) => Value::Null,
            (ColumnKind::Number, Value::Integer(n)) => Value::Number(n as f64),
            (ColumnKind::Date, Value::Text(t)) => dates::date(&t).map_or(Value::Null, Value::Date),
            (ColumnKind::Instant, Value::Text(t)) => {
                dates::instant(&t).map_or(Value::Null, Value::Instant)
            }
            (ColumnKind::Boolean, Value::Text(t)) => {
                boolean(&t).map_or(Value::Null, Value::Boolean)
            }
            (ColumnKind::Integer, Value::Text(t)) => {
                integer(&t).map_or(Value::Null, Value::Integer)
            }
            (ColumnKind::Number, Value::Text(t)) => number(&t).map_or(Value::Null, Value::Number),
            (ColumnKind::Text, Value::Text(t)) => Value::Text(t),
            (ColumnKind::Text, other) => key_of(&other).map_or(Value::Null, Value::Text),
            (_, other) => other,
        };
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A whole number; a code such as `0123` or `+46` is none.
fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = digits == "0" || !digits.starts_with('0');
    let plain = canonical && digits.bytes().all(|b| b.is_ascii_digit());
    if plain && text != "-0" {
        text.parse().ok()
    } else {
        None
    }
}

/// A number with a decimal point or comma; a code such as `01.5` is none.
pub(crate) fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let first = *digits.as_bytes().first()?;
    let second = digits.as_bytes().get(1).copied();
    let code = first == b'0' && second.is_some_and(|b| b.is_ascii_digit());
    let plain = digits
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b',' | b'e' | b'E' | b'-' | b'+'));
    let marks = digits.bytes().filter(|b| matches!(b, b'.' | b',')).count();
    if code || !plain || marks > 1 || !(first.is_ascii_digit() || matches!(first, b'.' | b',')) {
        return None;
    }
    let n: f64 = text.replace(',', ".").parse().ok()?;
    n.is_finite().then_some(n)
}

/// Makes column names unique: a schema cannot hold one twice.
#[derive(Default)]
struct Names(std::collections::HashSet<String>);

impl Names {
    fn unique(&mut self, name: String, report: &mut Report) -> String {
        if self.0.insert(name.clone()) {
            return name;
        }
        let mut nth = 2;
        let other = loop {
            let other = format!("{name}_{nth}");
            if self.0.insert(other.clone()) {
                break other;
            }
            nth += 1;
        };
        report.count("duplicate_column", Outcome::Repaired, || {
            format!("column {name:?} was renamed to {other:?}")
        });
        other
    }
}
