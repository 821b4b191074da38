//! Files of a survey, whole or by range of bytes (RFC 9110, 14): clients of COPC and of
//! Cloud-Optimised GeoTIFF read what comes before the data, and then what they draw.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use store::{AboveGroundTiff, HeightKind, PMTILES, PyramidView, SurveyView};

use crate::app::App;
use crate::caller::Caller;
use crate::content::Caching;
use crate::params::Parameters;
use crate::problem::{Path, Problem};

/// What the points are.
pub(crate) const COPC: &str = "application/vnd.laszip+copc";

/// What grids of heights are (OGC 21-026).
pub(crate) const COG: &str = "image/tiff; application=geotiff; profile=cloud-optimized";

/// Bytes that are read at a time: some milliseconds of a slow disk, and all that a download
/// holds in memory.
const PIECE_LEN: usize = 256 << 10;

/// A file of a survey, or an archive of tiles.
pub(crate) enum File {
    Points(SurveyView),
    Heights(SurveyView, HeightKind),
    AboveGround(AboveGroundTiff),
    Pyramid(PyramidView),
}

impl File {
    fn len(&self) -> Result<usize, store::Error> {
        Ok(match self {
            File::Points(survey) => survey.points_copc()?.len(),
            File::Heights(survey, kind) => survey.heights_tiff(*kind)?.len(),
            File::AboveGround(file) => file.len(),
            File::Pyramid(pyramid) => pyramid.pmtiles()?.len(),
        })
    }

    fn checksum(&self) -> u128 {
        match self {
            File::Points(survey) => survey.points_checksum(),
            File::Heights(survey, kind) => survey.heights_checksum(*kind),
            File::AboveGround(file) => file.checksum(),
            File::Pyramid(pyramid) => pyramid.checksum(),
        }
    }

    fn read(&self, from: usize, to: usize) -> Result<Bytes, store::Error> {
        Ok(match self {
            File::Points(survey) => Bytes::copy_from_slice(&survey.points_copc()?[from..to]),
            File::Heights(survey, kind) => {
                Bytes::copy_from_slice(&survey.heights_tiff(*kind)?[from..to])
            }
            File::AboveGround(file) => Bytes::from(file.read(from..to)?),
            File::Pyramid(pyramid) => Bytes::copy_from_slice(&pyramid.pmtiles()?[from..to]),
        })
    }

    fn media_type(&self) -> &'static str {
        match self {
            File::Points(_) => COPC,
            File::Heights(..) | File::AboveGround(_) => COG,
            File::Pyramid(_) => PMTILES,
        }
    }

    /// What a saved file is called after the id of its survey.
    fn name_end(&self) -> &'static str {
        match self {
            File::Points(_) => ".copc.laz",
            File::Heights(_, HeightKind::Terrain) => "-ground.tif",
            File::Heights(_, HeightKind::Surface) => "-surface.tif",
            File::Heights(_, HeightKind::Distance) => "-distance.tif",
            File::AboveGround(_) => "-height.tif",
            File::Pyramid(_) => ".pmtiles",
        }
    }
}

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
    answer(&caller, &id, &method, &headers, File::Points(survey))
}

/// `GET /surveys/ID/ground.tif` and its like: a grid of the survey as it is stored.
pub(crate) fn grid(kind: HeightKind) -> MethodRouter<App> {
    get(
        async move |caller: Caller,
                    Path(id): Path<String>,
                    method: Method,
                    headers: HeaderMap,
                    parameters: Parameters| {
            let file = File::Heights(caller.survey(&id)?, kind);
            parameters.only(&[])?;
            answer(&caller, &id, &method, &headers, file)
        },
    )
}

/// `GET /surveys/ID/height.tif`: heights above ground, computed where they are read.
pub(crate) async fn height(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let survey = caller.survey(&id)?;
    parameters.only(&[])?;
    let file = app
        .compute(move || Ok(File::AboveGround(survey.above_ground_tiff()?)))
        .await?;
    answer(&caller, &id, &method, &headers, file)
}

pub(crate) fn answer(
    caller: &Caller,
    id: &str,
    method: &Method,
    headers: &HeaderMap,
    file: File,
) -> Result<Response, Problem> {
    let len = file.len()?;
    let etag = HeaderValue::try_from(format!("\"{:032x}\"", file.checksum()))
        .expect("hexadecimal digits in quotes make a header");
    let known = caller.has(&etag);
    // Ranges mean something to GET only (RFC 9110, 14.2).
    let asked = (*method == Method::GET).then(|| part_asked(headers, &etag, len as u64));
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
    let (media_type, name_end) = (file.media_type(), file.name_end());
    let mut response = if known {
        Response::new(Body::empty())
    } else {
        Response::new(pieces(Arc::new(file), from, to))
    };
    *response.status_mut() = status;
    if !known {
        put(&mut response, header::CONTENT_TYPE, media_type);
        put(
            &mut response,
            header::CONTENT_LENGTH,
            &(to - from).to_string(),
        );
        // An id is letters, digits, _ and -.
        let name = format!("attachment; filename=\"{id}{name_end}\"");
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
fn pieces(file: Arc<File>, from: usize, to: usize) -> Body {
    Body::from_stream(futures_util::stream::try_unfold(from, move |at| {
        let file = Arc::clone(&file);
        async move {
            if at >= to {
                return Ok(None);
            }
            let end = to.min(at + PIECE_LEN);
            // Touching mapped bytes may wait for the disk, so other callers' threads do not.
            let piece = tokio::task::spawn_blocking(move || file.read(at, end));
            let piece = piece.await.map_err(std::io::Error::other)?;
            let piece = piece.map_err(std::io::Error::other)?;
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
