//! What is recorded of every request: its trace, its time, one log line where it matters; and panics end here.

use std::{convert::Infallible, panic::AssertUnwindSafe, time::Instant};

use actix_web::{
    Error, ResponseError as _,
    body::{BodySize, BodyStream, BoxBody, MessageBody},
    dev::{ResponseHead, ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        ConnectionType, Method,
        header::{self, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::Bytes,
};
use futures_util::{FutureExt as _, stream};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use sluice_kernel::TraceContext;
use tracing::Instrument as _;

use crate::{
    compression::compress,
    connection::Traffic,
    problem::Problem,
    request_body::{Holding, SharedBody},
    state::Api,
};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
const DURATION: &str = "http_request_duration_seconds";
/// Slower requests are logged.
const SLOW: std::time::Duration = std::time::Duration::from_secs(1);
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Installs the process's metrics recorder, with the buckets of request times; call it once, at the start.
pub fn install_metrics() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new().set_buckets_for_metric(Matcher::Full(DURATION.to_owned()), &BUCKETS)?.install_recorder()
}

/// The trace a request belongs to: the server's own span of the caller's trace, or a new trace.
fn trace_of(request: &ServiceRequest, token: &str) -> TraceContext {
    let fresh = TraceContext::start(token);
    let given = request.headers().get(&TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(TraceContext::parse);
    given.map_or(fresh, |caller| caller.under_span_of(fresh))
}

fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

pub async fn observe(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let begun = Instant::now();
    let api = Api::of(request.request()).cloned();
    let answering = request.conn_data::<Traffic>().map(Traffic::begin);
    let body = api.as_ref().and_then(|api| SharedBody::of(&mut request, api.read_timeout));
    let token = api.as_ref().map(|api| api.shop.ids.token()).unwrap_or_default();
    let context = trace_of(&request, &token);
    let method = method_name(&request);
    let sharing = api.as_ref().and_then(|api| api.origins.sharing(request.head()));
    let head_only = request.method() == Method::HEAD;
    if head_only {
        // A HEAD is a GET whose body stays here.
        request.head_mut().method = Method::GET;
    }
    metrics::gauge!("http_requests_in_flight").increment(1);
    let in_flight = InFlight;

    let span = tracing::info_span!("request", trace.id = context.id(), http.method = method);
    let handled = async {
        let outcome = AssertUnwindSafe(next.call(request)).catch_unwind().await;
        outcome.unwrap_or_else(|panic| Err(panicked(panic.as_ref(), &context)))
    };
    let response = TraceContext::within(Some(context), handled.instrument(span.clone())).await;
    drop(in_flight);
    let mut response = response?;
    let elapsed = begun.elapsed();

    let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let status = response.status().as_u16();
    metrics::histogram!(DURATION, "method" => method, "route" => route.clone(), "status" => status_class(status)).record(elapsed);
    span.in_scope(|| log(&route, status, elapsed));

    let unread = match body {
        Some(body) if !body.is_whole().await => Some(body),
        Some(_) | None => None,
    };
    let draining = api.is_some_and(|api| api.is_draining());
    let head = response.response_mut().head_mut();
    if draining || unread.is_some() {
        head.set_connection_type(ConnectionType::Close);
    }
    let headers = response.headers_mut();
    headers.insert(TRACEPARENT, header_value(&context.to_string()));
    headers.insert(TRACE_ID, header_value(&context.id()));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(sharing) = sharing {
        sharing.tell(response.status(), response.headers_mut());
    }
    let mut response = compress(response.map_into_boxed_body());
    if head_only {
        response = response.map_body(|head, answer| without_body(head, answer.size()));
    }
    Ok(response.map_body(|_, answer| Holding::new(answer, unread, answering)))
}

/// What answers a HEAD. actix-web goes by the request that it has read last, which is a later one where a client sends
/// several at once; so the length stands in the head, and the body is one that would be written as nothing.
fn without_body(head: &mut ResponseHead, answer: BodySize) -> BoxBody {
    if let BodySize::Sized(length) = answer {
        head.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    head.no_chunking(true);
    BodyStream::new(stream::empty::<Result<Bytes, Infallible>>()).boxed()
}

/// Counts a request as running until it is dropped, by whatever way.
struct InFlight;

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!("http_requests_in_flight").decrement(1);
    }
}

/// A label with few values, whatever is sent.
fn method_name(request: &ServiceRequest) -> &'static str {
    match request.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn status_class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

fn log(route: &str, status: u16, elapsed: std::time::Duration) {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    if status >= 500 || elapsed >= SLOW {
        tracing::info!(http.route = route, http.status = status, http.duration_ms = millis, "A request failed or was slow.");
    } else {
        tracing::debug!(http.route = route, http.status = status, http.duration_ms = millis, "A request was answered.");
    }
}

/// The answer is written here, inside the trace: the dispatcher would write it outside.
fn panicked(panic: &(dyn std::any::Any + Send), context: &TraceContext) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let cause = std::io::Error::other(text.unwrap_or("a panic without words").to_owned());
    let problem = Problem::internal(&cause);
    let mut response = problem.error_response();
    response.headers_mut().insert(TRACE_ID, header_value(&context.id()));
    InternalError::from_response(problem, response).into()
}
