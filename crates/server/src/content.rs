//! Answers that are whole in memory: compressed once, with a strong ETag, and 304 to
//! those who have them already.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use xxhash_rust::xxh3::{xxh3_128, xxh3_128_with_seed};

use crate::layers::HEADERS;
use crate::problem::Problem;

/// Below this, gzip saves no packet.
const SMALLEST_TO_COMPRESS: usize = 1_000;

/// Above this, compressing takes long enough (about 1 ms) to leave the threads that
/// serve other callers.
const LARGEST_TO_COMPRESS_IN_PLACE: usize = 64 << 10;

/// So many bytes at the end of a gzip file stand for the whole of it.
const TELLING_END: usize = 1 << 10;

/// How long an answer may be kept by those who get it.
///
/// An answer to a key is always private to its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caching {
    /// Ask each time whether it has changed.
    Revalidate,
    /// A minute: a map moved to and fro asks for the same tiles.
    Minute,
    /// A day: fonts and sprites change with a release.
    Day,
    /// For ever: its address changes with its content.
    Immutable,
    /// Not at all.
    Never,
}

impl Caching {
    fn header(self, private: bool) -> HeaderValue {
        HeaderValue::from_static(match (self, private) {
            (Caching::Revalidate, false) => "public, no-cache",
            (Caching::Revalidate, true) => "private, no-cache",
            (Caching::Minute, false) => "public, max-age=60",
            (Caching::Minute, true) => "private, max-age=60",
            (Caching::Day, _) => "public, max-age=86400",
            (Caching::Immutable, _) => "public, max-age=31536000, immutable",
            (Caching::Never, _) => "no-store",
        })
    }
}

/// An answer that is whole in memory, ready to be sent many times.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    media_type: &'static str,
    plain: Option<Bytes>,
    gzipped: Option<Bytes>,
    tag: u128,
    /// Headers of its own.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Content {
    /// Returns an answer that is compressed for each caller, if it is worth it.
    pub(crate) fn new(media_type: &'static str, bytes: impl Into<Bytes>) -> Content {
        let plain = bytes.into();
        Content {
            media_type,
            tag: xxh3_128(&plain),
            plain: Some(plain),
            gzipped: None,
            headers: Vec::new(),
        }
    }

    /// Returns an answer that is compressed now, for all callers, and kept only so:
    /// a client that takes no gzip has it inflated.
    pub(crate) fn compressed_once(media_type: &'static str, bytes: &[u8]) -> Content {
        Content {
            media_type,
            tag: xxh3_128(bytes),
            plain: None,
            gzipped: Some(Bytes::from(tiler::gzip(bytes))),
            headers: Vec::new(),
        }
    }

    /// Returns an answer that was compressed with gzip long ago, and is not touched: a client
    /// that takes no gzip has it inflated.
    ///
    /// Its ETag is a hash of its length and its end, since hashing all of it was a seventh of
    /// what passing a tile on took. Gzip ends with the CRC-32 and the length of what is in it
    /// (RFC 1952, 2.3.1), and what comes before would have to be the same as well.
    pub(crate) fn of_gzip(media_type: &'static str, gzipped: Bytes) -> Content {
        let end = &gzipped[gzipped.len().saturating_sub(TELLING_END)..];
        Content {
            media_type,
            tag: xxh3_128_with_seed(end, gzipped.len() as u64),
            plain: None,
            gzipped: Some(gzipped),
            headers: Vec::new(),
        }
    }

    /// The same under another name: equal contents of its address have equal tags.
    pub(crate) fn tagged(self, tag: u128) -> Content {
        Content { tag, ..self }
    }

    /// Returns an answer of JSON.
    pub(crate) fn json(value: &impl serde::Serialize) -> Content {
        Content::json_as("application/json", value)
    }

    /// Returns an answer of some kind of JSON.
    pub(crate) fn json_as(media_type: &'static str, value: &impl serde::Serialize) -> Content {
        let bytes = serde_json::to_vec(value).expect("maps with text keys become JSON");
        Content::new(media_type, bytes)
    }

    /// What tells it from other contents of its kind: a name and a number for
    /// [`content_hash`](crate::cache::content_hash).
    pub(crate) fn version(&self) -> (&'static str, u64) {
        (self.media_type, self.tag as u64)
    }

    /// Its bytes without compression.
    pub(crate) fn plain(&self) -> Result<Bytes, Problem> {
        match (&self.plain, &self.gzipped) {
            (Some(plain), _) => Ok(plain.clone()),
            (None, Some(gzipped)) => inflate(gzipped).map_err(|e| Problem::internal(&e)),
            (None, None) => Ok(Bytes::new()),
        }
    }

    /// Bytes that it takes in a cache.
    pub(crate) fn size(&self) -> usize {
        let of = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        of(&self.plain) + of(&self.gzipped) + size_of::<Content>()
    }

    fn etag(&self, gzip: bool) -> HeaderValue {
        let suffix = if gzip { "-gz" } else { "" };
        HeaderValue::try_from(format!("\"{:032x}{suffix}\"", self.tag))
            .expect("hexadecimal digits in quotes make a header")
    }

    /// Images and the like gain nothing from gzip.
    fn is_worth_compressing(&self) -> bool {
        let packed = self.media_type.starts_with("image/") && self.media_type != "image/svg+xml";
        self.gzipped.is_some()
            || self
                .plain
                .as_ref()
                .is_some_and(|bytes| !packed && bytes.len() >= SMALLEST_TO_COMPRESS)
    }
}

/// What a caller asked for, apart from the address: which encodings it takes, what it
/// has already, and whether it showed a key.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    takes_gzip: bool,
    has: Option<String>,
    private: bool,
}

impl Asked {
    /// Reads it from the headers.
    pub(crate) fn of_headers(headers: &HeaderMap) -> Asked {
        Asked {
            takes_gzip: takes_gzip(headers),
            has: headers
                .get(header::IF_NONE_MATCH)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            private: headers.contains_key(header::AUTHORIZATION),
        }
    }

    /// The same of a caller who has nothing.
    pub(crate) fn without_conditions(&self) -> Asked {
        Asked {
            has: None,
            ..self.clone()
        }
    }

    /// Whether the caller has the state of the content that this tag names.
    pub(crate) fn has(&self, etag: &HeaderValue) -> bool {
        self.has.as_deref().is_some_and(|has| names(has, etag))
    }

    /// What the caller may do with an answer.
    pub(crate) fn cache_control(&self, caching: Caching) -> HeaderValue {
        caching.header(self.private)
    }

    /// Answers with the content, or with 304 if the caller has it.
    pub(crate) async fn answer(
        &self,
        content: Content,
        caching: Caching,
    ) -> Result<Response, Problem> {
        let gzip = self.takes_gzip && content.is_worth_compressing();
        let etag = content.etag(gzip);
        let body = if self.has(&etag) {
            None
        } else {
            Some(body_of(&content, gzip).await?)
        };
        Ok(self.respond(content, caching, gzip, etag, body))
    }

    /// Answers with content that is compressed already; none if it is not, or the caller
    /// takes no gzip.
    pub(crate) fn answer_at_once(&self, content: Content, caching: Caching) -> Option<Response> {
        let gzipped = content.gzipped.clone().filter(|_| self.takes_gzip)?;
        let etag = content.etag(true);
        let body = (!self.has(&etag)).then_some(gzipped);
        Some(self.respond(content, caching, true, etag, body))
    }

    /// Without a body the caller has the content already.
    fn respond(
        &self,
        content: Content,
        caching: Caching,
        gzip: bool,
        etag: HeaderValue,
        body: Option<Bytes>,
    ) -> Response {
        let known = body.is_none();
        let mut response = Response::new(Body::from(body.unwrap_or_default()));
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        headers.reserve(HEADERS);
        headers.insert(header::ETAG, etag);
        headers.insert(header::CACHE_CONTROL, self.cache_control(caching));
        for (name, value) in content.headers {
            headers.insert(name, value);
        }
        if !known {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static(content.media_type),
            );
            if gzip {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }
        response
    }

    /// Answers that the tile is there, and empty.
    pub(crate) fn empty(&self, caching: Caching) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, self.cache_control(caching));
        response
    }
}

/// The tags that a list of strong ETags of ours names, however they were compressed. Weak
/// ones name nothing (RFC 9110, 13.1.1).
pub(crate) fn tags_of(list: &str) -> impl Iterator<Item = u128> + '_ {
    list.split(',').filter_map(|etag| {
        let opaque = etag.trim().strip_prefix('"')?.strip_suffix('"')?;
        let digits = opaque.strip_suffix("-gz").unwrap_or(opaque);
        u128::from_str_radix(digits, 16).ok()
    })
}

async fn body_of(content: &Content, gzip: bool) -> Result<Bytes, Problem> {
    match (&content.plain, &content.gzipped, gzip) {
        (_, Some(gzipped), true) => Ok(gzipped.clone()),
        (_, _, false) => content.plain(),
        (Some(plain), None, true) if plain.len() <= LARGEST_TO_COMPRESS_IN_PLACE => deflate(plain),
        (Some(plain), None, true) => {
            let plain = plain.clone();
            tokio::task::spawn_blocking(move || deflate(&plain))
                .await
                .map_err(|e| Problem::internal(&e))?
        }
        (None, None, true) => Ok(Bytes::new()),
    }
}

fn deflate(bytes: &[u8]) -> Result<Bytes, Problem> {
    use std::io::Write;
    let out = Vec::with_capacity(bytes.len() / 4);
    let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .map(Bytes::from)
        .map_err(|e| Problem::internal(&e))
}

fn inflate(gzipped: &[u8]) -> std::io::Result<Bytes> {
    use std::io::Read;
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(gzipped).read_to_end(&mut out)?;
    Ok(Bytes::from(out))
}

/// Whether `Accept-Encoding` has gzip with a weight over zero (RFC 9110, 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    let mut by_name = None;
    let mut by_star = None;
    for value in headers.get_all(header::ACCEPT_ENCODING) {
        for part in value.to_str().unwrap_or("").split(',') {
            let (name, parameters) = part.split_once(';').unwrap_or((part, ""));
            let weight = parameters
                .trim()
                .strip_prefix("q=")
                .map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
            match name.trim() {
                n if n.eq_ignore_ascii_case("gzip") || n.eq_ignore_ascii_case("x-gzip") => {
                    by_name = Some(weight > 0.0);
                }
                "*" => by_star = Some(weight > 0.0),
                _ => {}
            }
        }
    }
    by_name.or(by_star).unwrap_or(false)
}

/// Whether an `If-None-Match` header names this tag, compared weakly (RFC 9110, 13.1.2).
fn names(if_none_match: &str, etag: &HeaderValue) -> bool {
    if_none_match.split(',').map(str::trim).any(|tag| {
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_take_it_only() {
        for (header, expected) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("*", true),
            ("gzip;q=0, *", false),
            ("br", false),
            ("identity", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::ACCEPT_ENCODING,
                HeaderValue::from_str(header).expect("a header"),
            );
            assert_eq!(takes_gzip(&headers), expected, "{header}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn what_was_compressed_long_ago_has_another_tag_when_one_letter_at_its_beginning_differs() {
        let tag_of = |text: &str| {
            let gzipped = Bytes::from(tiler::gzip(text.as_bytes()));
            assert!(gzipped.len() > TELLING_END, "there is more than is hashed");
            Content::of_gzip("text/plain", gzipped).etag(true)
        };
        let text: String = (0..5000).map(|n| format!("{} ", n * 7919)).collect();
        assert_eq!(tag_of(&text), tag_of(&text));
        assert_ne!(tag_of(&text), tag_of(&text.replacen('0', "1", 1)));
    }

    #[test]
    fn a_tag_is_found_in_a_list_and_behind_a_weak_mark() {
        let tag = HeaderValue::from_static("\"a\"");
        for (header, expected) in [
            ("\"a\"", true),
            ("\"b\", W/\"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
        ] {
            assert_eq!(names(header, &tag), expected, "{header}");
        }
    }
}
