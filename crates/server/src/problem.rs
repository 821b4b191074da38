//! Failures as problem documents (RFC 9457): the one place for them.
//!
//! A problem says what the caller did and what to do instead. It says nothing of
//! paths, of other callers, or of what the caller may not see: something hidden and
//! something missing give the same bytes, apart from the name that was asked for.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::EditError;

/// Longest piece of a request that a problem repeats, in characters.
const LONGEST_QUOTE: usize = 100;

/// Why there is no better answer.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    parameter: Option<BadParameter>,
}

/// Which parameter is wrong, and what would be right.
#[derive(Debug, Clone, Serialize)]
struct BadParameter {
    parameter: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    allowed: String,
}

/// The document, with our own members `code`, `parameter`, `value` and `allowed`.
#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(flatten)]
    parameter: Option<&'a BadParameter>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            code,
            detail: detail.into(),
            parameter: None,
        }
    }

    /// There is nothing at this path.
    pub(crate) fn no_such_page(path: &str) -> Problem {
        let detail = format!(
            "There is nothing at {}. The landing page / links to what there is.",
            quote(path)
        );
        Problem::new(StatusCode::NOT_FOUND, "no-such-page", detail)
    }

    /// The caller sees no collection or survey of this name.
    pub(crate) fn no_collection(id: &str) -> Problem {
        let detail = format!(
            "There is no collection {}. /collections lists those there are.",
            quote(id)
        );
        Problem::new(StatusCode::NOT_FOUND, "no-such-collection", detail)
    }

    /// Something else that was named is not there.
    pub(crate) fn not_found(what: &str, name: &str, remedy: &str) -> Problem {
        let detail = format!("There is no {what} {}. {remedy}", quote(name));
        Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// A parameter has a value that means nothing.
    pub(crate) fn bad_parameter(
        name: &str,
        value: &str,
        allowed: impl Into<Cow<'static, str>>,
    ) -> Problem {
        let allowed = allowed.into();
        let mut problem = Problem::new(
            StatusCode::BAD_REQUEST,
            "bad-parameter",
            format!(
                "The parameter {} cannot be {}: use {allowed}.",
                quote(name),
                quote(value)
            ),
        );
        problem.parameter = Some(BadParameter {
            parameter: shortened(name),
            value: Some(shortened(value)),
            allowed: allowed.into_owned(),
        });
        problem
    }

    /// A parameter that this page does not have.
    pub(crate) fn unknown_parameter(name: &str, value: &str, known: &[&str]) -> Problem {
        let allowed = if known.is_empty() {
            "no parameters".to_owned()
        } else {
            known.join(", ")
        };
        let mut problem = Problem::new(
            StatusCode::BAD_REQUEST,
            "unknown-parameter",
            format!("There is no parameter {} here: use {allowed}.", quote(name)),
        );
        problem.parameter = Some(BadParameter {
            parameter: shortened(name),
            value: Some(shortened(value)),
            allowed,
        });
        problem
    }

    /// A parameter that must be given is not.
    pub(crate) fn missing_parameter(name: &str, allowed: &str) -> Problem {
        let mut problem = Problem::new(
            StatusCode::BAD_REQUEST,
            "missing-parameter",
            format!("The parameter {} is missing: use {allowed}.", quote(name)),
        );
        problem.parameter = Some(BadParameter {
            parameter: shortened(name),
            value: None,
            allowed: allowed.to_owned(),
        });
        problem
    }

    /// The key is not one of ours, or is not written as one.
    pub(crate) fn bad_key() -> Problem {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "bad-key",
            "The key is not valid here. Send a key as \"Authorization: Bearer KEY\", or no key to see what is public.",
        )
    }

    /// There is no key, and without one nobody may do this.
    pub(crate) fn key_needed() -> Problem {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "key-needed",
            "This is for staff. Send a key as \"Authorization: Bearer KEY\".",
        )
    }

    /// The key is good, but not for this.
    pub(crate) fn may_only_read() -> Problem {
        Problem::new(
            StatusCode::FORBIDDEN,
            "may-only-read",
            "The key may read, but not edit: ask the operator for one of role editor.",
        )
    }

    /// The body says something that cannot be done; why, in sentences.
    pub(crate) fn unprocessable(reasons: Vec<String>) -> Problem {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "unprocessable",
            reasons.join(" "),
        )
    }

    /// The feature is not what the caller takes it for.
    pub(crate) fn changed_meanwhile() -> Problem {
        Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "changed-meanwhile",
            "The feature has changed since it was read: read it again, and decide then.",
        )
    }

    /// The body is of a kind that is not read here.
    pub(crate) fn unsupported_type(given: &str, known: &[&str]) -> Problem {
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-type",
            format!(
                "A body of type {} is not read here: send {}.",
                quote(given),
                known.join(" or ")
            ),
        )
    }

    /// The page exists, but not for this method.
    pub(crate) fn method_not_allowed(method: &str) -> Problem {
        Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            format!(
                "{} is not possible here: /api tells which methods each address has.",
                quote(method)
            ),
        )
    }

    /// The address is over the limit.
    pub(crate) fn address_too_long() -> Problem {
        Problem::new(
            StatusCode::URI_TOO_LONG,
            "address-too-long",
            "The address is longer than 8 KiB: ask for fewer collections at once.",
        )
    }

    /// The request has a body over the limit.
    pub(crate) fn too_large(what: &str) -> Problem {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", what)
    }

    /// The range of bytes lies beyond the end of the file.
    pub(crate) fn no_such_bytes(len: usize) -> Problem {
        Problem::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "no-such-bytes",
            format!("The file has {len} bytes: ask for a range that begins before its end."),
        )
    }

    /// More requests are in flight than the server takes on.
    pub(crate) fn busy() -> Problem {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "The server has as much to do as it can. Try again in a second.",
        )
    }

    /// The answer took longer than any answer may.
    pub(crate) fn timed_out() -> Problem {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "timed-out",
            "The answer took too long. Ask for a smaller area or fewer collections, or try again.",
        )
    }

    /// Something failed on our side. `error` goes to the log, and nowhere else.
    pub(crate) fn internal(error: &dyn std::fmt::Display) -> Problem {
        tracing::error!(%error, "answering failed");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something failed in the server. The operator finds it in the log under the request id of this answer.",
        )
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Problem {
        Problem::internal(&error)
    }
}

impl From<EditError> for Problem {
    fn from(error: EditError) -> Problem {
        match error {
            EditError::NoCollection(id) => Problem::no_collection(id.as_str()),
            EditError::NoFeature { collection, id } => Problem::not_found(
                "feature",
                &id.to_string(),
                &format!("/collections/{collection}/items lists those there are."),
            ),
            EditError::Exists { collection, id } => Problem::new(
                StatusCode::CONFLICT,
                "exists",
                format!(
                    "Collection {collection} has a feature {id} already: replace or update it."
                ),
            ),
            EditError::Changed { .. } => Problem::changed_meanwhile(),
            EditError::Refused(what) => Problem::unprocessable(vec![format!("{what}.")]),
            EditError::Store(error) => error.into(),
        }
    }
}

impl From<tiler::Error> for Problem {
    fn from(error: tiler::Error) -> Problem {
        match error {
            tiler::Error::NoSuchTile { tms, tile } => Problem::not_found(
                "tile",
                &tile.to_string(),
                &format!("/tileMatrixSets/{tms} tells which tiles there are."),
            ),
            error => Problem::internal(&error),
        }
    }
}

impl From<geodesy::Error> for Problem {
    fn from(error: geodesy::Error) -> Problem {
        Problem::internal(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            parameter: self.parameter.as_ref(),
        };
        let body = serde_json::to_vec(&document).expect("strings and numbers become JSON");
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"tvilling\", error=\"invalid_token\""),
                );
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

/// Parts of the path; a path that is no UTF-8 is a page that does not exist.
pub(crate) struct Path<T>(pub(crate) T);

impl<T, S> FromRequestParts<S> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(path) => Ok(Path(path.0)),
            Err(_) => Err(Problem::no_such_page(parts.uri.path())),
        }
    }
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST_QUOTE).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn quote(text: &str) -> String {
    format!("\"{}\"", shortened(text))
}
