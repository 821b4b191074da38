//! Links, and where the caller reaches the server, for links that work behind a proxy.
//!
//! In order: what the operator says (`public_url`), `Forwarded` (RFC 7239),
//! `X-Forwarded-Proto`, `-Host` and `-Prefix`, then `Host`. Only well-formed values
//! count; others are passed over, so that nothing can be smuggled into a link. A proxy
//! must overwrite these headers, or the operator sets `public_url`.

use axum::http::{HeaderMap, HeaderName, Uri, header};
use serde_json::{Value, json};

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// A link, as OGC API has them.
pub(crate) fn link(rel: &str, media_type: &str, href: String, title: &str) -> Value {
    json!({ "rel": rel, "type": media_type, "href": href, "title": title })
}

/// A link with places in braces to be filled in (RFC 6570).
pub(crate) fn template(rel: &str, media_type: &str, href: String, title: &str) -> Value {
    let mut link = link(rel, media_type, href, title);
    link["templated"] = json!(true);
    link
}

/// The address in front of every path, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base(String);

impl Base {
    /// Returns the address that this request came to.
    pub(crate) fn of_request(public_url: Option<&str>, uri: &Uri, headers: &HeaderMap) -> Base {
        if let Some(url) = public_url {
            return Base(url.trim_end_matches('/').to_owned());
        }
        let forwarded = header_text(headers, &header::FORWARDED);
        let said = |key: &str, x_name: &HeaderName| {
            forwarded
                .and_then(|text| forwarded_pair(text, key))
                .or_else(|| header_text(headers, x_name).map(first_of_list))
        };
        let proto = said("proto", &X_FORWARDED_PROTO)
            .map(str::to_ascii_lowercase)
            .filter(|proto| proto == "http" || proto == "https");
        let host = said("host", &X_FORWARDED_HOST)
            .filter(|host| is_host(host))
            .or_else(|| uri.authority().map(|a| a.as_str()).filter(|h| is_host(h)))
            .or_else(|| header_text(headers, &header::HOST).filter(|h| is_host(h)))
            .unwrap_or("localhost");
        let prefix = header_text(headers, &X_FORWARDED_PREFIX)
            .map(|prefix| first_of_list(prefix).trim_end_matches('/'))
            .filter(|prefix| is_prefix(prefix))
            .unwrap_or("");
        Base(format!(
            "{}://{host}{prefix}",
            proto.as_deref().unwrap_or("http")
        ))
    }

    /// Returns the absolute link to a path of ours, which starts with `/`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The first of a comma-separated list is what the client sent to the outermost proxy.
fn first_of_list(text: &str) -> &str {
    text.split(',').next().unwrap_or("").trim()
}

fn forwarded_pair<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    first_of_list(text).split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case(key)
            .then(|| value.trim().trim_matches('"'))
    })
}

/// A name or an address, with or without a port.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            let address_ok = !address.is_empty()
                && address
                    .bytes()
                    .all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.');
            if !address_ok {
                return false;
            }
            (
                "ipv6",
                rest.strip_prefix(':').or(rest.is_empty().then_some("0")),
            )
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, Some("0")),
        },
    };
    let host_ok = !host.is_empty()
        && host.len() <= 253
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    host_ok && port.is_some_and(|port| port.parse::<u16>().is_ok())
}

/// Empty, or a path such as `/karta/twin` without anything that needs escaping.
fn is_prefix(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    text.len() <= 200
        && (text.is_empty()
            || text.strip_prefix('/').is_some_and(|rest| {
                rest.split('/').all(|part| {
                    !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain)
                })
            }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(public_url: Option<&str>, headers: &[(&str, &str)], expected: &str) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().expect("a header name");
            map.insert(name, value.parse().expect("a header value"));
        }
        let base = Base::of_request(public_url, &Uri::from_static("/collections"), &map);
        assert_eq!(base.url("/x"), format!("{expected}/x"), "{headers:?}");
    }

    #[test]
    fn the_operators_word_comes_first_then_forwarded_then_x_forwarded_then_host() {
        let all = [
            ("host", "inside:8080"),
            ("x-forwarded-host", "x.example"),
            ("x-forwarded-proto", "https"),
            (
                "forwarded",
                "for=1.2.3.4;proto=https;host=\"f.example:8443\", host=other",
            ),
        ];
        check(
            Some("https://karta.example.se/"),
            &all,
            "https://karta.example.se",
        );
        check(None, &all, "https://f.example:8443");
        check(None, &all[..3], "https://x.example");
        check(None, &all[..1], "http://inside:8080");
        check(None, &[("host", "[::1]:80")], "http://[::1]:80");
        check(
            None,
            &[("host", "a"), ("x-forwarded-prefix", "/karta/")],
            "http://a/karta",
        );
    }

    #[test]
    fn a_value_that_is_no_host_scheme_or_path_is_passed_over() {
        for bad in [
            "evil.example/path",
            "a b",
            "user@evil",
            "evil\"><script>",
            "[::1",
            "host:99999",
            "",
        ] {
            check(
                None,
                &[("host", "good"), ("x-forwarded-host", bad)],
                "http://good",
            );
        }
        for bad in ["//evil.example", "/../x", "x", "/a?b", "/a//b"] {
            check(
                None,
                &[("host", "good"), ("x-forwarded-prefix", bad)],
                "http://good",
            );
        }
        check(
            None,
            &[("host", "good"), ("x-forwarded-proto", "javascript")],
            "http://good",
        );
    }
}
