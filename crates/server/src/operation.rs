//! For those who run the server: is it alive, is it ready, how is it doing.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::json;

use crate::app::App;
use crate::problem::Problem;

/// Upper edges of the latency histogram, in seconds: a cached tile is under the first,
/// and the last is the time limit of a request.
const LATENCY_BUCKETS_S: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0,
];

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts counting, once for the process.
pub(crate) fn install_metrics() {
    METRICS.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(
                Matcher::Full("tvilling_request_seconds".to_owned()),
                &LATENCY_BUCKETS_S,
            )
            .expect("there are buckets");
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another part of the process counts already: /metrics stays empty");
        }
        metrics::describe_counter!("tvilling_requests_total", "Requests answered.");
        metrics::describe_counter!(
            "tvilling_requests_shed_total",
            "Requests refused when busy."
        );
        metrics::describe_histogram!("tvilling_request_seconds", "Time to answer.");
        metrics::describe_counter!(
            "tvilling_tile_cache_total",
            "Tiles found in the cache or not."
        );
        metrics::describe_counter!(
            "tvilling_pyramid_tiles_total",
            "Tiles passed through from pyramids."
        );
        handle
    });
}

/// Folds what was counted since the last time, so that memory stays bounded even if
/// nobody reads `/metrics`.
pub(crate) fn tidy_metrics() {
    if let Some(handle) = METRICS.get() {
        handle.run_upkeep();
    }
}

/// Counts an answer, by the route's template: names of collections stay out.
pub(crate) fn count_request(method: &Method, route: Arc<str>, status: StatusCode, took: Duration) {
    let method = match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    };
    metrics::counter!(
        "tvilling_requests_total",
        "route" => Arc::clone(&route),
        "method" => method,
        "status" => status.as_u16().to_string(),
    )
    .increment(1);
    metrics::histogram!("tvilling_request_seconds", "route" => route).record(took);
}

/// `GET /healthz`: the process answers.
pub(crate) async fn healthz() -> Response {
    plain_json(StatusCode::OK, &json!({ "status": "ok" }))
}

/// `GET /readyz`: the newest state of the twin can be read.
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    if app.is_ready() {
        plain_json(StatusCode::OK, &json!({ "status": "ready" }))
    } else {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut response = plain_json(
            status,
            &json!({ "status": "the newest state of the twin cannot be read; the log says why" }),
        );
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, header::HeaderValue::from_static("5"));
        response
    }
}

/// `GET /metrics`: Prometheus text.
pub(crate) async fn metrics() -> Result<Response, Problem> {
    let handle = METRICS
        .get()
        .ok_or_else(|| Problem::internal(&"metrics were not installed"))?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; version=0.0.4"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, handle.render()).into_response())
}

fn plain_json(status: StatusCode, body: &serde_json::Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body.to_string()).into_response()
}
