//! What happens around every request, whichever route it takes: an id and a log line,
//! metrics, shedding, a time limit, panics caught, and the headers that all answers have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use crate::app::App;
use crate::edits::MAX_BODY;
use crate::operation;
use crate::problem::Problem;

/// Longest path and query. The longest honest one names every collection of a tile.
const LONGEST_ADDRESS: usize = 8 << 10;

/// Longest polygon that somebody may ask about. Edits may be larger.
const LARGEST_QUESTION: usize = 64 << 10;

/// What browsers may load into our page: only what comes from here, and the worker that
/// MapLibre makes out of its own code.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; connect-src 'self' data: blob:; font-src 'self'; \
    worker-src 'self' blob:; child-src 'self' blob:; object-src 'none'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'self'";

const EXPOSED_HEADERS: &str = "ETag, Content-Length, Content-Range, Location, Retry-After, Tvilling-Change, \
     Tvilling-Sacrifices, X-Request-Id";

/// What may be asked with which method is told by 405.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Headers of most answers: a map that grows costs more than one that is large enough.
pub(crate) const HEADERS: usize = 16;

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Wraps the routes. All but the innermost is one layer, since a layer costs every request
/// some allocations, and a hot tile has little else to do.
pub(crate) fn around(router: Router<App>, app: &App) -> Router<App> {
    router
        .layer(CatchPanicLayer::custom(on_panic))
        .layer(from_fn_with_state(app.clone(), around_request))
}

async fn around_request(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = match request.extensions().get::<MatchedPath>() {
        Some(path) => path.as_str(),
        None => "none",
    };
    let watch = Watch::begin(Instant::now(), &request, route);
    let dress = Dress::of(&request);
    let mut response = if request.method() == Method::OPTIONS {
        options()
    } else {
        limit(&app, request, next)
            .instrument(watch.span.clone())
            .await
    };
    dress.put_on(response.headers_mut());
    watch.tell(&mut response);
    response
}

fn on_panic(panic: Box<dyn std::any::Any + Send>) -> Response {
    let what = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words");
    Problem::internal(&format_args!("a handler panicked: {what}")).into_response()
}

/// Gives the request an id, and tells log and metrics how it went.
///
/// The log has the path but not the query, which may say where somebody lives, and
/// never a header, which may be a key.
pub(crate) struct Watch {
    began: Instant,
    id: HeaderValue,
    method: Method,
    route: Arc<str>,
    span: tracing::Span,
}

impl Watch {
    /// Begins with a request that came then; the route is its template.
    pub(crate) fn begin<B>(began: Instant, request: &Request<B>, route: &str) -> Watch {
        let id = request_id(request.headers());
        let method = request.method().clone();
        let span = tracing::info_span!(
            "request",
            id = %id.to_str().unwrap_or(""),
            method = %method,
            path = request.uri().path(),
        );
        Watch {
            began,
            id,
            method,
            route: route.into(),
            span,
        }
    }

    /// Tells of the answer, and gives it the id.
    pub(crate) fn tell(self, response: &mut Response) {
        let took = self.began.elapsed();
        let status = response.status();
        operation::count_request(&self.method, self.route, status, took);
        self.span.in_scope(|| {
            tracing::info!(
                status = status.as_u16(),
                ms = took.as_secs_f64() * 1e3,
                "answered"
            );
        });
        response.headers_mut().insert(REQUEST_ID, self.id);
    }
}

/// The id that a proxy gave, if it is plain, or one of our own.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    match headers.get(REQUEST_ID) {
        Some(id) if id.len() <= 64 && !id.is_empty() && id.as_bytes().iter().all(plain) => {
            id.clone()
        }
        _ => HeaderValue::from(NEXT.fetch_add(1, Ordering::Relaxed)),
    }
}

fn options() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ALLOW, METHODS),
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Accept, Content-Crs, Content-Type, If-Match, If-None-Match, If-Range, \
             Last-Event-ID, Range",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The headers that every answer has.
///
/// Open data is for everybody's page (`*`). A page that sends a key gets its own origin
/// back, since browsers want that before they hand over an answer to a request with
/// credentials.
pub(crate) struct Dress {
    /// Where the page comes from that sends a key.
    origin_with_key: Option<HeaderValue>,
}

impl Dress {
    pub(crate) fn of<B>(request: &Request<B>) -> Dress {
        let headers = request.headers();
        let with_key = || {
            headers.contains_key(header::AUTHORIZATION)
                || headers
                    .get(header::ACCESS_CONTROL_REQUEST_HEADERS)
                    .and_then(|names| names.to_str().ok())
                    .is_some_and(|names| names.to_ascii_lowercase().contains("authorization"))
        };
        let origin = headers.get(header::ORIGIN);
        Dress {
            origin_with_key: origin.filter(|_| with_key()).cloned(),
        }
    }

    pub(crate) fn put_on(self, headers: &mut HeaderMap) {
        match self.origin_with_key {
            Some(origin) => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                headers.insert(
                    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                    HeaderValue::from_static("true"),
                );
            }
            None => {
                headers.insert(
                    header::ACCESS_CONTROL_ALLOW_ORIGIN,
                    HeaderValue::from_static("*"),
                );
            }
        }
        for (name, value) in [
            (header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS),
            (
                header::VARY,
                "Accept, Accept-Encoding, Authorization, Origin",
            ),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
            (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
            (CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// Refuses what is too large, sheds what is too much, and ends what takes too long.
async fn limit(app: &App, request: Request, next: Next) -> Response {
    let address = request
        .uri()
        .path_and_query()
        .map_or(0, |p| p.as_str().len());
    if address > LONGEST_ADDRESS {
        return Problem::address_too_long().into_response();
    }
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let path = request.uri().path();
    let is_edit = path.starts_with("/collections/") || path == "/transactions";
    let (largest, sentence) = if is_edit {
        (MAX_BODY, "The request has a body of more than 8 MiB.")
    } else {
        (
            LARGEST_QUESTION,
            "The request has a body of more than 64 KiB.",
        )
    };
    if announced.is_some_and(|length| length > largest) {
        return Problem::too_large(sentence).into_response();
    }
    // Bodies are whole in memory, so that a request is over once it is answered; but for
    // files of surveys, which are read piece by piece and cost a piece each.
    // Whoever looks after a busy server must still be able to look.
    let must_answer = matches!(request.uri().path(), "/healthz" | "/readyz" | "/metrics");
    let permit = Arc::clone(app.in_flight()).try_acquire_owned();
    if permit.is_err() && !must_answer {
        metrics::counter!("tvilling_requests_shed_total").increment(1);
        return Problem::busy().into_response();
    }
    match tokio::time::timeout(app.limits().request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::timed_out().into_response(),
    }
}
