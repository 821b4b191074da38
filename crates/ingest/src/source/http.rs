//! One address at a time into a file, politely: one request after the other, with a name,
//! with limits on size and time, and with as long a wait as the server asks for.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, StatusCode};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::error::Error;
use crate::kind;

/// Bytes of all that one source answers: a municipality's flight in one archive.
const MAX_DOWNLOAD_BYTES: u64 = 64 << 30;

/// How long a server may take to be reached, and to begin its answer: some make an export
/// while one waits.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
const ANSWER_LIMIT: Duration = Duration::from_secs(300);

/// How long one file may take altogether.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(6 * 3600);

/// What servers are told that asks.
const USER_AGENT: &str = concat!("tvilling/", env!("CARGO_PKG_VERSION"));

/// How often something is asked for, if the server is busy or the connection breaks.
const TRIES: u32 = 5;

/// Longest wait that a server may ask for before it is taken to be closed.
const MAX_WAIT: Duration = Duration::from_secs(600);

/// Asks servers for files.
pub(super) struct Http<'a> {
    agent: Agent,
    /// Waits; tests do not.
    pause: &'a dyn Fn(Duration),
    /// Bytes that may still come.
    left: u64,
}

/// What an address answered.
pub(super) struct Answer {
    pub(super) path: PathBuf,
    pub(super) headers: HeaderMap,
}

/// Why one try failed.
enum Failure {
    /// It may go better next time, after this long if the server says so.
    Passing(String, Option<Duration>),
    /// It will not.
    Lasting(String),
}

impl<'a> Http<'a> {
    pub(super) fn new(pause: &'a dyn Fn(Duration)) -> Http<'a> {
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
        let agent = Agent::config_builder()
            .tls_config(tls)
            .user_agent(USER_AGENT)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_LIMIT))
            .timeout_recv_response(Some(ANSWER_LIMIT))
            .timeout_global(Some(DOWNLOAD_LIMIT))
            .build()
            .into();
        Http {
            agent,
            pause,
            left: MAX_DOWNLOAD_BYTES,
        }
    }

    /// Puts what an address answers into a file of the folder, called as the address ends
    /// with `prefix` before it.
    ///
    /// # Errors
    ///
    /// [`Error`] if it is not there, or does not come whole in [`TRIES`] tries.
    pub(super) fn fetch(
        &mut self,
        url: &str,
        folder: &Path,
        prefix: &str,
    ) -> Result<Answer, Error> {
        let shown = without_secrets(url);
        let path = folder.join(format!("{prefix}{}", name_of(&shown)));
        let mut wait = Duration::from_secs(1);
        let mut last = String::new();
        for nth in 1..=TRIES {
            match self.try_once(url, &path) {
                Ok(headers) => return Ok(Answer { path, headers }),
                Err(Failure::Lasting(what)) => return Err(refuse(&shown, what)),
                Err(Failure::Passing(what, told)) => {
                    last = what;
                    if told.is_some_and(|told| told > MAX_WAIT) {
                        break;
                    }
                    if nth < TRIES {
                        (self.pause)(told.unwrap_or(wait));
                    }
                    wait *= 2;
                }
            }
        }
        Err(refuse(&shown, format!("{last}: try again later")))
    }

    fn try_once(&mut self, url: &str, path: &Path) -> Result<HeaderMap, Failure> {
        let mut answer = self.agent.get(url).call().map_err(|error| match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                Failure::Lasting(format!("is no address that can be asked ({error})"))
            }
            error => Failure::Passing(format!("cannot be fetched ({error})"), None),
        })?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        if !status.is_success() {
            let mut said = Vec::new();
            let body = answer.body_mut().as_reader();
            // What it says beside its status may help; if it cannot be had, the status must do.
            let _ = body.take(4096).read_to_end(&mut said);
            return Err(refused(status, &headers, &said));
        }
        let cannot = |error: io::Error| Failure::Lasting(format!("cannot be put on disk: {error}"));
        let mut file = File::create(path).map_err(cannot)?;
        let body = answer.body_mut().with_config().limit(u64::MAX).reader();
        let copied = io::copy(&mut body.take(self.left + 1), &mut file).map_err(|error| {
            Failure::Passing(format!("broke off while it was fetched ({error})"), None)
        })?;
        if copied > self.left {
            return Err(Failure::Lasting(format!(
                "answers more than {MAX_DOWNLOAD_BYTES} bytes: fetch it yourself, in parts"
            )));
        }
        self.left -= copied;
        Ok(headers)
    }
}

/// The refusal of an address, which is shown without its secrets.
pub(super) fn refuse(shown: &str, what: impl Into<String>) -> Error {
    Error {
        path: PathBuf::from(shown),
        what: what.into(),
    }
}

fn refused(status: StatusCode, headers: &HeaderMap, said: &[u8]) -> Failure {
    let code = status.as_u16();
    let told = headers
        .get("retry-after")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().parse().ok())
        .map(Duration::from_secs);
    match code {
        401 | 403 => Failure::Lasting(format!("answers {code}: whoever asks has no right to it")),
        404 | 410 => Failure::Lasting(format!(
            "answers {code}: nothing is there, check the address"
        )),
        408 | 429 | 500 | 502 | 503 | 504 => Failure::Passing(format!("answers {code}"), told),
        _ => match kind::of_head(said) {
            Err(what) if what.contains("error report") => {
                Failure::Lasting(format!("answers {code}, and {what}"))
            }
            _ => Failure::Lasting(format!("answers {code}: check the address")),
        },
    }
}

/// An address without user, password and query, which may hold a key.
pub(super) fn without_secrets(url: &str) -> String {
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
