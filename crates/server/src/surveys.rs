//! Files of a survey, whole or by range of bytes (RFC 9110, 14): clients of COPC read the
//! hierarchy and then the nodes that they draw.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use store::SurveyView;

use crate::caller::Caller;
use crate::content::Caching;
use crate::params::Parameters;
use crate::problem::{Path, Problem};

/// What the points are.
pub(crate) const COPC: &str = "application/vnd.laszip+copc";

/// Bytes that are read at a time: some milliseconds of a slow disk, and all that a download
/// holds in memory.
const PIECE_LEN: usize = 256 << 10;

/// `GET /surveys/ID/points.copc.laz`.
pub(crate) async fn points(
    caller: Caller,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let survey = caller.survey(&id)?;
    parameters.only(&[])?;
    let len = survey.points_copc()?.len();
    let etag = HeaderValue::try_from(format!("\"{:032x}\"", survey.points_checksum()))
        .expect("hexadecimal digits in quotes make a header");
    let known = caller.has(&etag);
    // Ranges mean something to GET only (RFC 9110, 14.2).
    let asked = (method == Method::GET).then(|| part_asked(&headers, &etag, len as u64));
    let (status, from, to) = match asked.unwrap_or(Part::Whole) {
        _ if known => (StatusCode::NOT_MODIFIED, 0, 0),
        Part::Whole => (StatusCode::OK, 0, len),
        Part::Bytes { first, last } => (
            StatusCode::PARTIAL_CONTENT,
            first as usize,
            last as usize + 1,
        ),
        Part::Beyond => {
            let mut response = Problem::no_such_bytes(len).into_response();
            put(
                &mut response,
                header::CONTENT_RANGE,
                &format!("bytes */{len}"),
            );
            return Ok(response);
        }
    };
    let mut response = if known {
        Response::new(Body::empty())
    } else {
        Response::new(pieces(Arc::new(survey), from, to))
    };
    *response.status_mut() = status;
    if !known {
        put(&mut response, header::CONTENT_TYPE, COPC);
        put(
            &mut response,
            header::CONTENT_LENGTH,
            &(to - from).to_string(),
        );
        // An id is letters, digits, _ and -.
        let name = format!("attachment; filename=\"{id}.copc.laz\"");
        put(&mut response, header::CONTENT_DISPOSITION, &name);
    }
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {from}-{}/{len}", to - 1);
        put(&mut response, header::CONTENT_RANGE, &range);
    }
    put(&mut response, header::ACCEPT_RANGES, "bytes");
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag);
    headers.insert(
        header::CACHE_CONTROL,
        caller.cache_control(Caching::Revalidate),
    );
    Ok(response)
}

fn put(response: &mut Response, name: header::HeaderName, value: &str) {
    let value = HeaderValue::try_from(value).expect("numbers and ids make a header");
    response.headers_mut().insert(name, value);
}

/// A body that is read piece by piece, as fast as the client takes it. The snapshot's file
/// stays readable to the end, whatever is committed meanwhile.
fn pieces(survey: Arc<SurveyView>, from: usize, to: usize) -> Body {
    Body::from_stream(futures_util::stream::try_unfold(from, move |at| {
        let survey = Arc::clone(&survey);
        async move {
            if at >= to {
                return Ok(None);
            }
            let end = to.min(at + PIECE_LEN);
            // Touching mapped bytes may wait for the disk, so other callers' threads do not.
            let piece = tokio::task::spawn_blocking(move || {
                let bytes = survey.points_copc()?;
                Ok(Bytes::copy_from_slice(&bytes[at..end]))
            });
            let piece = piece.await.map_err(std::io::Error::other)?;
            let piece = piece.map_err(|error: store::Error| std::io::Error::other(error))?;
            Ok::<_, std::io::Error>(Some((piece, end)))
        }
    }))
}

/// Which part of a file is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    /// From the first to the last, which is one of them.
    Bytes {
        first: u64,
        last: u64,
    },
    /// None that there is.
    Beyond,
}

/// Reads `Range`, unless `If-Range` names another state of the file.
fn part_asked(headers: &HeaderMap, etag: &HeaderValue, len: u64) -> Part {
    let mut ranges = headers.get_all(header::RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else {
        return Part::Whole;
    };
    // A date cannot name a state surely enough: two may have been made within a second.
    if headers.get(header::IF_RANGE).is_some_and(|tag| tag != etag) {
        return Part::Whole;
    }
    range
        .to_str()
        .ok()
        .and_then(|range| parse_range(range, len))
        .unwrap_or(Part::Whole)
}

/// Reads one range of bytes. None for several ranges and for what is no range: both may be
/// answered with the whole file.
fn parse_range(range: &str, len: u64) -> Option<Part> {
    let (unit, range) = range.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !unit.trim().eq_ignore_ascii_case("bytes") || !digits(first) || !digits(last) {
        return None;
    }
    // Numbers that do not fit are beyond any file.
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    let (first, last) = match (first, last) {
        ("", "") => return None,
        ("", count) if number(count) == 0 => return Some(Part::Beyond),
        ("", count) => (len.saturating_sub(number(count)), len.checked_sub(1)?),
        (first, "") => (number(first), len.checked_sub(1)?),
        (first, last) if number(first) > number(last) => return None,
        (first, last) => (number(first), number(last).min(len.checked_sub(1)?)),
    };
    if first >= len {
        return Some(Part::Beyond);
    }
    Some(Part::Bytes { first, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_has_them() {
        let some = |first, last| Some(Part::Bytes { first, last });
        for (range, expected) in [
            ("bytes=0-0", some(0, 0)),
            ("bytes=0-588", some(0, 99)),
            ("Bytes=10-", some(10, 99)),
            ("bytes=-5", some(95, 99)),
            ("bytes=-500", some(0, 99)),
            ("bytes=90-99999999999999999999999", some(90, 99)),
            ("bytes=100-", Some(Part::Beyond)),
            ("bytes=100-200", Some(Part::Beyond)),
            ("bytes=99999999999999999999999-", Some(Part::Beyond)),
            ("bytes=-0", Some(Part::Beyond)),
            ("bytes=5-4", None),
            ("bytes=0-1,4-5", None),
            ("bytes=-", None),
            ("bytes=a-b", None),
            ("bytes=+1-2", None),
            ("lines=1-2", None),
            ("bytes", None),
            ("", None),
        ] {
            assert_eq!(parse_range(range, 100), expected, "{range}");
        }
    }
}
