//! Features that a server gives page by page: OGC API Features (its `next` links) and
//! WFS 2.0 (`count` and `startIndex`).
//!
//! Any other file is one page. A page that fails is asked for again; the pages before it
//! are not. What a server says there is must be what came, or nothing of it is taken.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::Error;
use crate::kind::{self, Format};
use crate::layer::xml::{Step, Xml};

use super::http::{Answer, Http, refuse, without_secrets};

/// Pages of one source: ten million features at a hundred a page.
const MAX_PAGES: usize = 100_000;

/// Features that a WFS is asked for at a time; a server may give fewer.
const WFS_PAGE: u64 = 5_000;

/// What a page of features says beside them.
#[derive(Debug, Default, PartialEq)]
struct Page {
    /// Features on it.
    returned: u64,
    /// Features on all pages.
    matched: Option<u64>,
    /// The next page.
    next: Option<String>,
    /// Whether it is JSON.
    is_json: bool,
}

#[derive(Deserialize)]
struct JsonPage {
    #[serde(default)]
    features: Vec<IgnoredAny>,
    #[serde(default)]
    links: Vec<Link>,
    #[serde(rename = "numberMatched", default)]
    matched: serde_json::Value,
}

#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    rel: String,
    #[serde(default)]
    href: String,
    #[serde(rename = "type", default)]
    media_type: Option<String>,
}

/// Fetches all pages of an address into a folder of its own in `scratch`.
///
/// # Errors
///
/// [`Error`] as [`Http::fetch`]; if pages go in a circle, lead to another server, or are
/// fewer than the server said; or if coordinates come in another CRS than the usual one.
pub(super) fn fetch_all(
    url: &str,
    scratch: &Path,
    pause: &dyn Fn(Duration),
) -> Result<Vec<PathBuf>, Error> {
    let shown = without_secrets(url);
    let folder = tempfile::Builder::new()
        .tempdir_in(scratch)
        .map_err(|error| refuse(&shown, format!("cannot be put on disk: {error}")))?
        .keep();
    let mut http = Http::new(pause);
    let first_of_wfs = wfs_page(url, 0);
    // Whoever asks a WFS for some features of their own choice gets those.
    let chosen = asks_for_features(url) && first_of_wfs.is_none();
    let mut next = Some(first_of_wfs.unwrap_or_else(|| url.to_owned()));
    let mut asked = HashSet::new();
    let mut files = Vec::new();
    let mut total = 0;
    let mut matched = None;
    while let Some(address) = next {
        if asked.len() == MAX_PAGES || !asked.insert(address.clone()) {
            return Err(refuse(
                &shown,
                format!("has over {MAX_PAGES} pages, or a page that is followed by itself"),
            ));
        }
        let prefix = match files.len() {
            0 => String::new(),
            nth => format!("{:06}-", nth + 1),
        };
        let answer = http.fetch(&address, &folder, &prefix)?;
        let Some(page) = page_of(&answer) else {
            files.push(answer.path);
            break;
        };
        if page.is_json {
            check_crs(&answer).map_err(|what| refuse(&shown, what))?;
        }
        total += page.returned;
        matched = matched.or(page.matched);
        next =
            if chosen {
                None
            } else if let Some(link) = page.next {
                let next = resolve(&link, url);
                Some(next.ok_or_else(|| {
                    refuse(&shown, "links to pages on another server: ask that one")
                })?)
            } else if page.returned > 0 && matched.is_none_or(|all| total < all) {
                wfs_page(url, total)
            } else {
                None
            };
        files.push(answer.path);
    }
    match matched {
        Some(matched) if total < matched && !chosen => Err(refuse(
            &shown,
            format!("gave {total} of {matched} features: try again"),
        )),
        _ => Ok(files),
    }
}

/// What the file says as a page of features; nothing if it is any other file.
fn page_of(answer: &Answer) -> Option<Page> {
    let mut head = Vec::new();
    let open = || File::open(&answer.path).ok();
    open()?.take(4096).read_to_end(&mut head).ok()?;
    match kind::of_head(&head) {
        Ok(Format::GeoJson) => {
            // What is wrong with it, its reader will say.
            let page: JsonPage = serde_json::from_reader(BufReader::new(open()?)).ok()?;
            let is_json = |link: &&Link| {
                let media_type = link.media_type.as_deref();
                link.rel == "next"
                    && media_type.is_none_or(|media_type| media_type.contains("json"))
            };
            Some(Page {
                returned: page.features.len() as u64,
                matched: page.matched.as_u64(),
                next: page
                    .links
                    .iter()
                    .find(is_json)
                    .map(|link| link.href.clone()),
                is_json: true,
            })
        }
        Ok(Format::Gml) => {
            let mut xml = Xml::new(open()?).ok()?;
            let started = xml.step() == Ok(Step::Start);
            let is_wfs = started && xml.namespace().starts_with("http://www.opengis.net/wfs");
            let number = |name: &str| xml.attribute(name).and_then(|text| text.parse().ok());
            is_wfs.then(|| Page {
                returned: number("numberReturned").unwrap_or(0),
                matched: number("numberMatched"),
                next: xml.attribute("next").map(str::to_owned),
                is_json: false,
            })
        }
        _ => None,
    }
}

/// Refuses a page whose coordinates are in a CRS that was asked for: its axes would be in
/// an order that GeoJSON cannot tell.
fn check_crs(answer: &Answer) -> Result<(), String> {
    let crs = answer.headers.get("content-crs");
    match crs.and_then(|value| value.to_str().ok()) {
        Some(crs) if !crs.contains("CRS84") => Err(format!(
            "answers in {crs}: leave \"crs\" out of the address, so that it answers in longitude and latitude"
        )),
        _ => Ok(()),
    }
}

/// A parameter of an address, in small letters.
fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.to_ascii_lowercase())
}

/// Whether an address asks a WFS for features.
fn asks_for_features(url: &str) -> bool {
    parameter(url, "request").as_deref() == Some("getfeature")
}

/// The address of a page of a WFS 2.0; nothing if it is none, or if its page was chosen.
fn wfs_page(url: &str, start: u64) -> Option<String> {
    let version = parameter(url, "version");
    let is_version_2 = version.is_none_or(|version| version.starts_with('2'));
    let is_chosen = ["startindex", "count", "maxfeatures", "resulttype"]
        .iter()
        .any(|name| parameter(url, name).is_some());
    (asks_for_features(url) && is_version_2 && !is_chosen)
        .then(|| format!("{url}&count={WFS_PAGE}&startIndex={start}"))
}

/// The address that a link of the page at `base` leads to, with the user and password that
/// were given; nothing if it is on another server.
fn resolve(link: &str, base: &str) -> Option<String> {
    let (scheme, rest) = base.split_once("://")?;
    let (authority, _) = rest.split_once(['/', '?']).unwrap_or((rest, ""));
    let host = |authority: &str| {
        let host = authority.rsplit('@').next().unwrap_or_default();
        host.to_ascii_lowercase()
    };
    match link.split_once("://") {
        Some((linked, rest)) if ["http", "https"].contains(&linked) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (other, path) = rest.split_at(end);
            // Servers behind a proxy may not know that they are reached by https.
            (host(other) == host(authority)).then(|| format!("{scheme}://{authority}{path}"))
        }
        Some(_) => None,
        None if link.starts_with('/') && !link.starts_with("//") => {
            Some(format!("{scheme}://{authority}{link}"))
        }
        None if link.starts_with('?') => {
            let page = base.split('?').next().unwrap_or_default();
            Some(format!("{page}{link}"))
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// An answer of a server, which puts in its name and the length of the body.
    fn answer(status: &str, headers: &str, body: &str) -> String {
        format!(
            "HTTP/1.1 {status}\r\nContent-Length: LENGTH\r\nConnection: close\r\n{headers}\r\n{body}"
        )
    }

    fn ok(body: &str) -> String {
        answer("200 OK", "", body)
    }

    /// Fetches `path` of a server that gives these answers; returns what came, what the
    /// server was asked, and how long was waited.
    fn fetch(
        path: &str,
        answers: Vec<String>,
    ) -> (Result<Vec<String>, String>, Vec<String>, Vec<u64>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let url = format!("http://me:hemligt@{host}{path}");
        let address = host.clone();
        let server = std::thread::spawn(move || {
            let mut asked = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    request.push(byte[0]);
                }
                asked.push(String::from_utf8(request).unwrap());
                let answer = answer.replace("HOST", &host);
                let body = answer.split_once("\r\n\r\n").unwrap().1;
                let answer = answer.replace("LENGTH", &body.len().to_string());
                stream.write_all(answer.as_bytes()).unwrap();
            }
            asked
        });
        let folder = tempfile::tempdir().unwrap();
        let waits = RefCell::new(Vec::new());
        let pause = |wait: Duration| waits.borrow_mut().push(wait.as_secs());
        let files = fetch_all(&url, folder.path(), &pause);
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
        let files = files
            .map(|files| files.into_iter().map(read).collect())
            .map_err(|error| error.to_string());
        // Whoever did not ask for all answers must not wait for ever.
        while !server.is_finished() {
            drop(TcpStream::connect(&address));
        }
        (files, server.join().unwrap(), waits.into_inner())
    }

    fn page(features: usize, matched: usize, next: &str) -> String {
        let features = vec!["{}"; features].join(",");
        let links = match next {
            "" => String::new(),
            next => format!(r#"{{"rel":"next","type":"application/geo+json","href":"{next}"}}"#),
        };
        format!(
            r#"{{"type":"FeatureCollection","features":[{features}],"numberMatched":{matched},"links":[{{"rel":"self","href":"x"}}{}{links}]}}"#,
            if links.is_empty() { "" } else { "," }
        )
    }

    #[test]
    fn a_file_is_fetched_whole_and_called_by_its_name() {
        let (files, asked, _) = fetch("/export/gator.csv?key=hemligt", vec![ok("a\n1\n")]);
        assert_eq!(files.unwrap(), ["a\n1\n"]);
        assert!(
            asked[0].starts_with("GET /export/gator.csv?key=hemligt "),
            "{asked:?}"
        );
        assert!(asked[0].contains("tvilling/"), "{asked:?}");
        // "me:hemligt" in base64.
        assert!(asked[0].contains("Basic bWU6aGVtbGlndA=="), "{asked:?}");
    }

    #[test]
    fn a_refusal_is_said_without_secrets_and_not_asked_for_again() {
        let (files, _, waits) = fetch("/a.csv?key=hemligt", vec![answer("404 Not Found", "", "")]);
        let said = files.unwrap_err();
        assert!(said.contains("404") && said.contains("/a.csv"), "{said}");
        assert!(!said.contains("hemligt") && waits.is_empty(), "{said}");
        let report = "<ows:ExceptionReport><ows:ExceptionText>No such type</ows:ExceptionText></ows:ExceptionReport>";
        let (files, ..) = fetch("/wfs", vec![answer("400 Bad Request", "", report)]);
        assert!(files.unwrap_err().contains("No such type"));
    }

    #[test]
    fn a_busy_server_is_given_the_time_that_it_asks_for() {
        let busy = answer("503 Service Unavailable", "Retry-After: 7\r\n", "");
        let cut =
            "HTTP/1.1 200 OK\r\nContent-Length: 40\r\nConnection: close\r\n\r\na\n".to_owned();
        let (files, _, waits) = fetch("/a.csv", vec![busy.clone(), cut, ok("a\n1\n")]);
        assert_eq!(
            (files.unwrap(), waits),
            (vec!["a\n1\n".to_owned()], vec![7, 2])
        );
        let (files, _, waits) = fetch("/a.csv", vec![busy; 5]);
        assert!(files.unwrap_err().contains("503"));
        assert_eq!(waits, [7; 4]);
        let closed = answer("429 Too Many Requests", "Retry-After: 86400\r\n", "");
        let (files, _, waits) = fetch("/a.csv", vec![closed]);
        assert!(files.unwrap_err().contains("429") && waits.is_empty());
    }

    #[test]
    fn links_to_next_pages_are_followed_on_the_same_server_only() {
        let (files, asked, _) = fetch(
            "/collections/a/items",
            vec![
                ok(&page(2, 5, "https://HOST/collections/a/items?offset=2")),
                answer("503 Busy", "Retry-After: 0\r\n", ""),
                ok(&page(2, 5, "/collections/a/items?offset=4")),
                ok(&page(1, 5, "")),
            ],
        );
        assert_eq!(files.unwrap().len(), 3);
        assert!(
            asked[3].starts_with("GET /collections/a/items?offset=4 "),
            "{asked:?}"
        );
        assert!(
            asked.iter().all(|asked| asked.contains("Basic ")),
            "{asked:?}"
        );
        let (files, ..) = fetch("/items", vec![ok(&page(1, 2, "http://example.com/items"))]);
        assert!(files.unwrap_err().contains("another server"));
        let (files, ..) = fetch(
            "/items",
            vec![ok(&page(1, 2, "/items?a")), ok(&page(1, 9, "/items?a"))],
        );
        assert!(files.unwrap_err().contains("by itself"));
        let (files, ..) = fetch("/items", vec![ok(&page(1, 2, ""))]);
        assert!(files.unwrap_err().contains("1 of 2"));
        let other = "Content-Crs: <http://www.opengis.net/def/crs/EPSG/0/3006>\r\n";
        let (files, ..) = fetch("/items", vec![answer("200 OK", other, &page(1, 1, ""))]);
        assert!(files.unwrap_err().contains("leave \"crs\" out"));
    }

    #[test]
    fn a_wfs_is_asked_page_by_page() {
        let page = |returned: u64, matched: &str, more: &str| {
            ok(&format!(
                r#"<wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs/2.0" numberReturned="{returned}" numberMatched="{matched}"{more}/>"#
            ))
        };
        let query = "/wfs?service=WFS&version=2.0.0&request=GetFeature&typeNames=gata";
        let (files, asked, _) = fetch(query, vec![page(3, "4", ""), page(1, "4", "")]);
        assert_eq!(files.unwrap().len(), 2);
        assert!(asked[0].contains("&count=5000&startIndex=0 "), "{asked:?}");
        assert!(asked[1].contains("&count=5000&startIndex=3 "), "{asked:?}");
        let next = r#" next="http://HOST/wfs?page=2&amp;of=9""#;
        let (files, asked, _) = fetch(
            query,
            vec![page(3, "unknown", next), page(0, "unknown", "")],
        );
        assert_eq!(files.unwrap().len(), 2);
        assert!(asked[1].starts_with("GET /wfs?page=2&of=9 "), "{asked:?}");
        let (files, ..) = fetch(query, vec![page(3, "9", ""), page(0, "9", "")]);
        assert!(files.unwrap_err().contains("3 of 9"));
        let (files, asked, _) = fetch(&format!("{query}&count=3"), vec![page(3, "9", "")]);
        assert_eq!(files.unwrap().len(), 1);
        assert!(asked[0].contains("&count=3 "), "{asked:?}");
    }
}
