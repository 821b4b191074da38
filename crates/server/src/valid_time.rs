//! Which attributes of a collection say when its features are true.

use model::{ColumnKind, Schema};
use store::ValidTime;

/// Names by which departments tell from when to when, in Swedish and English.
const PAIRS: [(&str, &str); 9] = [
    ("valid_from", "valid_to"),
    ("giltig_fran", "giltig_till"),
    ("fran_datum", "till_datum"),
    ("startdatum", "slutdatum"),
    ("start_date", "end_date"),
    ("fran", "till"),
    ("start", "slut"),
    ("start", "end"),
    ("from", "to"),
];

/// The attributes that the operator names, or else a pair of usual names that holds dates or
/// instants; none if there are none.
pub(crate) fn valid_time(schema: &Schema, named: Option<&[String]>) -> Option<ValidTime> {
    let place = |name: &str| {
        let place = schema.position(name)?;
        let kind = schema.columns[place].kind;
        matches!(kind, ColumnKind::Date | ColumnKind::Instant).then_some(place)
    };
    match named {
        Some([]) => None,
        Some([moment]) => {
            let place = place(moment)?;
            Some(ValidTime {
                from: Some(place),
                to: Some(place),
            })
        }
        Some([from, to, ..]) => {
            let (from, to) = (place(from), place(to));
            (from.is_some() || to.is_some()).then_some(ValidTime { from, to })
        }
        None => PAIRS.iter().find_map(|(from, to)| {
            Some(ValidTime {
                from: Some(place(from)?),
                to: Some(place(to)?),
            })
        }),
    }
}
