//! Valid time: when what a feature says is true in the world, by two of its own attributes.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use model::Value;
use xxhash_rust::xxh3::Xxh3Default;

/// A stretch of time; none for an end that is open. Both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Its first moment.
    pub from: Option<Timestamp>,
    /// Its last moment.
    pub to: Option<Timestamp>,
}

/// Which attributes say from when to when a feature is true, by their place in its values.
/// One that happens at a moment has the same for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidTime {
    /// None if a feature always was.
    pub from: Option<usize>,
    /// None if a feature will always be.
    pub to: Option<usize>,
}

/// What shows features of a stretch of time only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ValidIn {
    pub(crate) interval: Interval,
    pub(crate) by: ValidTime,
}

/// The bit that tells the version of a stretch of time from that of the whole.
const OF_TIME: u64 = 1 << 62;

impl ValidIn {
    /// Whether a feature with these values is true at some moment of the stretch. A day lasts
    /// from midnight to midnight in UTC; what is not said has no end on that side.
    pub(crate) fn holds(&self, values: &[Value]) -> bool {
        let value = |place: Option<usize>| place.and_then(|place| values.get(place));
        let begins = value(self.by.from).and_then(first_moment);
        let ends = value(self.by.to).and_then(last_moment);
        let is_over = ends
            .zip(self.interval.from)
            .is_some_and(|(end, from)| end < from);
        let is_to_come = begins
            .zip(self.interval.to)
            .is_some_and(|(begin, to)| begin > to);
        !(is_over || is_to_come)
    }

    /// The version of what of a collection is true then.
    pub(crate) fn version(&self, version: u64) -> u64 {
        let mut hash = Xxh3Default::new();
        hash.update(&version.to_le_bytes());
        for end in [self.interval.from, self.interval.to] {
            let nanoseconds = end.map_or(i128::MIN, Timestamp::as_nanosecond);
            hash.update(&nanoseconds.to_le_bytes());
        }
        OF_TIME | hash.digest() >> 2
    }
}

fn first_moment(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Instant(instant) => Some(*instant),
        Value::Date(date) => midnight(*date),
        _ => None,
    }
}

fn last_moment(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Instant(instant) => Some(*instant),
        Value::Date(date) => {
            let next = midnight(date.tomorrow().ok()?)?;
            next.checked_sub(1.nanosecond()).ok()
        }
        _ => None,
    }
}

fn midnight(date: Date) -> Option<Timestamp> {
    let zoned = date.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<Timestamp> {
        text.parse().ok()
    }

    #[test]
    fn a_feature_is_shown_if_the_two_stretches_share_a_moment() {
        let by = ValidTime {
            from: Some(0),
            to: Some(1),
        };
        let day = |text: &str| text.parse().map_or(Value::Null, Value::Date);
        let instant = |text: &str| text.parse().map_or(Value::Null, Value::Instant);
        for (from, to, values, expected) in [
            (
                "2026-05-01T00:00:00Z",
                "2026-05-02T00:00:00Z",
                [day("2026-04-01"), day("2026-04-30")],
                false,
            ),
            (
                "2026-04-30T23:59:59Z",
                "2026-05-02T00:00:00Z",
                [day("2026-04-01"), day("2026-04-30")],
                true,
            ),
            (
                "2026-03-01T00:00:00Z",
                "2026-03-31T23:59:59Z",
                [day("2026-04-01"), day("2026-04-30")],
                false,
            ),
            (
                "2026-03-01T00:00:00Z",
                "2026-04-01T00:00:00Z",
                [day("2026-04-01"), day("2026-04-30")],
                true,
            ),
            (
                "",
                "2026-01-01T00:00:00Z",
                [Value::Null, day("2026-04-30")],
                true,
            ),
            (
                "2030-01-01T00:00:00Z",
                "",
                [day("2026-04-01"), Value::Null],
                true,
            ),
            (
                "2030-01-01T00:00:00Z",
                "",
                [day("2026-04-01"), day("2026-04-30")],
                false,
            ),
            (
                "2026-04-01T08:00:00Z",
                "2026-04-01T08:00:00Z",
                [
                    instant("2026-04-01T07:59:59Z"),
                    instant("2026-04-01T08:00:00Z"),
                ],
                true,
            ),
            (
                "2026-04-01T08:00:01Z",
                "2026-04-01T08:00:01Z",
                [
                    instant("2026-04-01T07:59:59Z"),
                    instant("2026-04-01T08:00:00Z"),
                ],
                false,
            ),
        ] {
            let interval = Interval {
                from: at(from),
                to: at(to),
            };
            let valid = ValidIn { interval, by };
            assert_eq!(valid.holds(&values), expected, "{from}/{to} {values:?}");
        }
    }
}
