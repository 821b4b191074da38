//! What an operator names as a source: files, folders, patterns and addresses.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::error::Error;
use crate::kind;

/// Bytes of one file from an address: a municipality's flight in one archive.
const MAX_DOWNLOAD_BYTES: u64 = 64 << 30;

/// How long a server may take to be reached, and to begin its answer: some make an export
/// while one waits.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
const ANSWER_LIMIT: Duration = Duration::from_secs(300);

/// How long a file may take altogether.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(6 * 3600);

/// What servers are told that asks.
const USER_AGENT: &str = concat!("tvilling/", env!("CARGO_PKG_VERSION"));

/// Returns the files that a source stands for, in the order of their names.
///
/// A folder stands for the files in it whose names end as those of a kind that is read; a
/// pattern (`delivery/*.gml`, with `*` and `?` in the last part) for those that match; and
/// an address (`https://…`) for what it answers, which is put into `scratch`.
///
/// # Errors
///
/// [`Error`] if it cannot be read or fetched, or if it stands for no file.
pub fn files_of(source: &Path, scratch: &Path) -> Result<Vec<PathBuf>, Error> {
    let refuse = |what: String| Error {
        path: source.to_owned(),
        what,
    };
    if let Some(url) = source.to_str().filter(|text| is_address(text)) {
        return Ok(vec![fetch(url, scratch)?]);
    }
    if source.is_dir() {
        let files = files_in(source, |name| kind::may_be_source(Path::new(name)))?;
        if files.is_empty() {
            return Err(refuse(
                "is a folder without a file that is read: name the files".to_owned(),
            ));
        }
        return Ok(files);
    }
    let pattern = source.file_name().and_then(|name| name.to_str());
    match pattern.filter(|name| name.contains(['*', '?'])) {
        Some(pattern) if !source.exists() => {
            let folder = match source.parent() {
                Some(folder) if folder != Path::new("") => folder,
                _ => Path::new("."),
            };
            let files = files_in(folder, |name| matches(pattern, name))?;
            if files.is_empty() {
                return Err(refuse("is a pattern that no file matches".to_owned()));
            }
            Ok(files)
        }
        _ => Ok(vec![source.to_owned()]),
    }
}

fn is_address(text: &str) -> bool {
    let scheme = text.split("://").next().unwrap_or_default();
    text.contains("://")
        && ["http", "https"]
            .iter()
            .any(|s| scheme.eq_ignore_ascii_case(s))
}

/// Files of a folder, but hidden ones and those that are part of a Shapefile.
fn files_in(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Error> {
    let cannot = |error: io::Error| Error {
        path: folder.to_owned(),
        what: format!("cannot be read: {error}"),
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let takes = !name.starts_with('.') && wanted(&name);
        if takes && path.is_file() && !kind::is_shapefile_part(&path) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a name matches a pattern, where `*` stands for any letters and `?` for one.
///
/// Where it fails, it goes back to the last `*` only, so that the time is at most the
/// product of the lengths.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut last_star = None;
    while n < name.len() {
        if p < pattern.len() && pattern[p] == '*' {
            last_star = Some((p, n));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == name[n]) {
            p += 1;
            n += 1;
        } else if let Some((star, from)) = last_star {
            last_star = Some((star, from + 1));
            p = star + 1;
            n = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Fetches what an address answers into a file of the folder, called as the address ends.
fn fetch(url: &str, folder: &Path) -> Result<PathBuf, Error> {
    let shown = without_secrets(url);
    let refuse = |what: String| Error {
        path: PathBuf::from(&shown),
        what,
    };
    let answer = agent().get(url).call();
    let mut answer = answer.map_err(|error| refuse(explained(&error)))?;
    let folder = tempfile::Builder::new()
        .tempdir_in(folder)
        .map_err(|error| refuse(format!("cannot be put on disk: {error}")))?
        .keep();
    let path = folder.join(name_of(&shown));
    let mut file =
        File::create(&path).map_err(|error| refuse(format!("cannot be put on disk: {error}")))?;
    let body = answer.body_mut().with_config().limit(u64::MAX).reader();
    let copied = copy(body.take(MAX_DOWNLOAD_BYTES + 1), &mut file).map_err(|error| {
        refuse(format!(
            "broke off while it was fetched ({error}): try again"
        ))
    })?;
    if copied > MAX_DOWNLOAD_BYTES {
        return Err(refuse(format!(
            "answers more than {MAX_DOWNLOAD_BYTES} bytes: fetch it yourself, in parts"
        )));
    }
    Ok(path)
}

fn copy(mut from: impl Read, to: &mut File) -> io::Result<u64> {
    let copied = io::copy(&mut from, to)?;
    to.flush()?;
    Ok(copied)
}

fn agent() -> Agent {
    // Those of the system, among which an operator may have put the municipality's own.
    let trusted = rustls_native_certs::load_native_certs().certs;
    let trusted: Vec<_> = trusted
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(trusted)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .user_agent(USER_AGENT)
        .timeout_connect(Some(CONNECT_LIMIT))
        .timeout_recv_response(Some(ANSWER_LIMIT))
        .timeout_global(Some(DOWNLOAD_LIMIT))
        .build()
        .into()
}

fn explained(error: &ureq::Error) -> String {
    match error {
        ureq::Error::StatusCode(status @ (401 | 403)) => {
            format!("answers {status}: whoever asks has no right to it")
        }
        ureq::Error::StatusCode(status @ (404 | 410)) => {
            format!("answers {status}: nothing is there, check the address")
        }
        ureq::Error::StatusCode(status) => format!("answers {status}: try again later"),
        error => format!("cannot be fetched: {error}"),
    }
}

/// An address without user, password and query, which may hold a key.
fn without_secrets(url: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    match bare.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}/{path}")
        }
        None => bare.to_owned(),
    }
}

/// A name for a file, of the last part of an address.
fn name_of(shown: &str) -> String {
    let last = shown.rsplit('/').next().unwrap_or_default();
    let plain: String = last
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'))
        .take(100)
        .collect();
    match plain.trim_start_matches('.') {
        "" => "download".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::net::TcpListener;

    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, expected) in [
            ("*.gml", "a.gml", true),
            ("*.gml", "a.gml.bak", false),
            ("del?_*.csv", "del1_Å.csv", true),
            ("del?_*.csv", "del_1.csv", false),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("?", "å", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        assert!(!matches(&"*a".repeat(2_000), &"a".repeat(1_000)));
    }

    #[test]
    fn a_folder_and_a_pattern_are_their_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "b.csv",
            "a.csv",
            "c.shp",
            "c.dbf",
            "c.prj",
            "README.txt",
            ".x.csv",
        ] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("d.csv")).unwrap();
        let names = |source: &str| -> Result<Vec<String>, String> {
            let files = files_of(&folder.path().join(source), folder.path());
            let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
            files
                .map(|files| files.into_iter().map(name).collect())
                .map_err(|error| error.what)
        };
        assert_eq!(names("").unwrap(), ["a.csv", "b.csv", "c.shp"]);
        assert_eq!(names("?.csv").unwrap(), ["a.csv", "b.csv"]);
        assert_eq!(names("b.csv").unwrap(), ["b.csv"]);
        assert!(names("*.gml").unwrap_err().contains("no file"));
        assert!(names("d.csv").unwrap_err().contains("without a file"));
    }

    /// A server that gives one answer; returns its address and what it was asked.
    fn server(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                asked.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(asked).unwrap()
        });
        (
            format!("http://me:hemligt@{address}/export/gator.csv?key=hemligt"),
            asked,
        )
    }

    #[test]
    fn an_address_is_fetched_whole_or_refused_without_its_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let fetch = |answer| {
            let (url, asked) = server(answer);
            let files = files_of(Path::new(&url), folder.path());
            (files.map_err(|e| e.to_string()), asked.join().unwrap())
        };
        let (files, asked) = fetch("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na\n1\n");
        let path = files.unwrap().remove(0);
        assert!(path.ends_with("gator.csv"), "{}", path.display());
        assert_eq!(std::fs::read_to_string(path).unwrap(), "a\n1\n");
        assert!(asked.contains("tvilling/"), "{asked}");
        let (files, _) = fetch("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\na\n1\n");
        assert!(
            files.as_ref().unwrap_err().contains("broke off"),
            "{files:?}"
        );
        let (files, _) = fetch("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        let said = files.unwrap_err();
        assert!(said.contains("404") && said.contains("gator.csv"), "{said}");
        assert!(!said.contains("hemligt"), "{said}");
        let nobody = files_of(Path::new("http://127.0.0.1:1/a.csv"), folder.path());
        assert!(nobody.unwrap_err().what.contains("cannot be fetched"));
    }
}
