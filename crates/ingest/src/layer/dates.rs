//! Dates and moments in time as texts of ISO 8601.

use jiff::{Timestamp, civil::Date, civil::DateTime, tz::TimeZone};

/// Returns the day that `2026-05-03` names, or `2026-05-03 00:00:00`, as databases
/// write a day where they have no type for it; no other form is taken for a day.
pub(crate) fn date(text: &str) -> Option<Date> {
    let text = match text.get(10..) {
        Some(" 00:00:00" | "T00:00:00") => &text[..10],
        _ => text,
    };
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 10
        && bytes
            .iter()
            .enumerate()
            .all(|(i, b)| matches!(i, 4 | 7) == (*b == b'-') && (*b == b'-' || b.is_ascii_digit()));
    if shaped { text.parse().ok() } else { None }
}

/// Returns the moment that `2026-05-03T07:00:00Z` or `…+02:00` names.
///
/// A time without an offset is no moment: nobody said which clock it is by.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    has_time(text).then(|| text.parse().ok())?
}

/// The same, with a time without an offset taken as UTC.
pub(crate) fn instant_in_utc(text: &str) -> Option<Timestamp> {
    instant(text).or_else(|| {
        let local: DateTime = has_time(text).then(|| text.parse().ok())??;
        local.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp())
    })
}

fn has_time(text: &str) -> bool {
    text.len() > 11
        && text.len() <= 40
        && text.get(..10).is_some_and(|day| date(day).is_some())
        && matches!(text.as_bytes()[10], b'T' | b't' | b' ')
}
