//! Query parameters, checked once: an unknown one, a second one of a name, or a value
//! that means nothing is refused with its name, its value and what is allowed.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use geodesy::Crs;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use store::Interval;

use crate::problem::Problem;

/// The parameters of a request, before it is known which ones there may be.
pub(crate) struct Parameters(Vec<(String, String)>);

/// The parameters of a request, each known and given once.
pub(crate) struct Checked(BTreeMap<&'static str, String>);

impl Parameters {
    /// The value of one parameter, whatever else there is.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        let mut values = self.0.iter().filter(|(n, _)| n == name);
        values.next().map(|(_, value)| value.clone())
    }

    /// Refuses what is not in `known`.
    pub(crate) fn only(self, known: &[&'static str]) -> Result<Checked, Problem> {
        let mut checked = BTreeMap::new();
        for (name, value) in self.0 {
            let Some(known_name) = known.iter().find(|k| **k == name) else {
                return Err(Problem::unknown_parameter(&name, &value, known));
            };
            if checked.insert(*known_name, value.clone()).is_some() {
                return Err(Problem::bad_parameter(&name, &value, "it only once"));
            }
        }
        Ok(Checked(checked))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<Vec<(String, String)>>::from_request_parts(parts, state).await {
            Ok(query) => Ok(Parameters(query.0)),
            Err(_) => Err(Problem::bad_parameter(
                "?",
                parts.uri.query().unwrap_or(""),
                "name=value pairs",
            )),
        }
    }
}

impl Checked {
    /// The value, if the parameter was given.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value as a number and the like, if the parameter was given.
    pub(crate) fn parsed<T: FromStr>(
        &self,
        name: &str,
        allowed: &'static str,
    ) -> Result<Option<T>, Problem> {
        match self.text(name) {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(Problem::bad_parameter(name, text, allowed)),
            },
        }
    }

    /// `N` finite numbers with commas between, if the parameter was given.
    pub(crate) fn numbers<const N: usize>(
        &self,
        name: &str,
        allowed: &'static str,
    ) -> Result<Option<[f64; N]>, Problem> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let numbers: Option<Vec<f64>> = text
            .split(',')
            .map(|part| part.trim().parse().ok().filter(|n: &f64| n.is_finite()))
            .collect();
        match numbers.and_then(|numbers| numbers.try_into().ok()) {
            Some(numbers) => Ok(Some(numbers)),
            None => Err(Problem::bad_parameter(name, text, allowed)),
        }
    }

    /// The CRS that a parameter names, if it was given.
    pub(crate) fn crs(&self, name: &str) -> Result<Option<Crs>, Problem> {
        const ALLOWED: &str = "the code or OGC address of a CRS, such as EPSG:3006 or http://www.opengis.net/def/crs/OGC/1.3/CRS84";
        let read =
            |code| Crs::from_code(code).map_err(|_| Problem::bad_parameter(name, code, ALLOWED));
        self.text(name).map(read).transpose()
    }

    /// The moment that a parameter names, if it was given.
    pub(crate) fn instant(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        self.text(name).map(|text| instant(name, text)).transpose()
    }

    /// Refuses an `f` that is none of `formats`.
    pub(crate) fn format(&self, formats: &'static [&'static str]) -> Result<Option<&str>, Problem> {
        match self.text("f") {
            Some(f) if !formats.contains(&f) => {
                Err(Problem::bad_parameter("f", f, formats.join(" or ")))
            }
            f => Ok(f),
        }
    }
}

/// How a moment is written.
pub(crate) const INSTANT: &str =
    "an instant such as 2026-11-22T08:00:00Z, or a day such as 2026-11-22 for the end of it";

/// Reads a stretch of time: an instant, a day, or two of these with a slash between, of which
/// one may be open, `..` or nothing (OGC 17-069r4, 7.15.4).
pub(crate) fn interval(text: &str) -> Result<Interval, Problem> {
    const ALLOWED: &str = "an instant such as 2026-11-22T08:00:00Z, a day such as 2026-11-22, or two with a slash between, of which one may be ..";
    let bad = || Problem::bad_parameter("datetime", text, ALLOWED);
    let end = |part: &str, is_last: bool| match part {
        "" | ".." => Ok(None),
        part => match part.parse::<Date>() {
            // An instant has a date in front, too.
            Ok(day) if part.len() == "2026-11-22".len() => {
                let midnight = |day: Date| Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp());
                let moment = if is_last {
                    let next = day.tomorrow().ok().and_then(midnight);
                    next.and_then(|next| next.checked_sub(1.nanosecond()).ok())
                } else {
                    midnight(day)
                };
                moment.map(Some).ok_or_else(bad)
            }
            _ => instant("datetime", part).map(Some).map_err(|_| bad()),
        },
    };
    let (first, last) = text.split_once('/').unwrap_or((text, text));
    if last.contains('/') || (first == ".." && last == ".." && !text.contains('/')) {
        return Err(bad());
    }
    let interval = Interval {
        from: end(first, false)?,
        to: end(last, true)?,
    };
    match (interval.from, interval.to) {
        (Some(from), Some(to)) if from > to => Err(bad()),
        (None, None) if !text.contains('/') => Err(bad()),
        _ => Ok(interval),
    }
}

/// Reads a moment: an instant with its offset from UTC (RFC 3339), or a day for its last
/// moment in UTC.
pub(crate) fn instant(name: &str, text: &str) -> Result<Timestamp, Problem> {
    // A plus sign that nobody escaped comes as a blank.
    let written = text.replace(' ', "+");
    let of_day = || {
        let day: Date = written.parse().ok()?;
        let next = day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?;
        next.timestamp().checked_sub(1.nanosecond()).ok()
    };
    let read = written.parse().ok().or_else(of_day);
    read.ok_or_else(|| Problem::bad_parameter(name, text, INSTANT))
}

/// The parameters of a page that comes in JSON only.
pub(crate) fn json_only(parameters: Parameters) -> Result<(), Problem> {
    parameters.only(&["f"])?.format(&["json"]).map(drop)
}
