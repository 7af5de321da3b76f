//! Which pages of other origins may use the API in a browser (CORS, as the Fetch Standard has it).
//!
//! An origin that is not listed gets the same answers without a word about sharing, so its browser keeps them from the
//! page. Credentials are never allowed: tokens travel in `Authorization`, which a page sets by itself.

use actix_web::{
    dev::RequestHead,
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderValue},
    },
};

const EXPOSED: HeaderValue = HeaderValue::from_static("Location, ETag, Idempotent-Replayed, Retry-After, X-Trace-Id");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, traceparent, tracestate",
);
/// Seconds for which a browser may remember the answer to a preflight.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
const ANY: HeaderValue = HeaderValue::from_static("*");

/// The origins that share in the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    Any,
    /// None where it is empty.
    Listed(Vec<HeaderValue>),
}

/// What one answer says about sharing.
pub struct Sharing {
    /// `Access-Control-Allow-Origin`, where the request's origin may read the answer.
    granted: Option<HeaderValue>,
    /// Another origin would get another answer.
    varies: bool,
    preflight: bool,
}

impl Origins {
    /// `*` stands for any origin.
    pub fn of(origins: &[String]) -> Self {
        if origins.iter().any(|origin| origin == "*") {
            return Self::Any;
        }
        Self::Listed(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect())
    }

    /// `None` where nobody shares in anything.
    pub fn sharing(&self, request: &RequestHead) -> Option<Sharing> {
        let mut sent = request.headers().get_all(header::ORIGIN);
        let origin = sent.next().filter(|_| sent.next().is_none());
        let (granted, varies) = match self {
            Self::Any => (origin.map(|_| ANY), false),
            Self::Listed(listed) if listed.is_empty() => return None,
            Self::Listed(listed) => (origin.filter(|origin| listed.contains(origin)).cloned(), true),
        };
        let preflight = request.method == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        Some(Sharing { granted, varies, preflight })
    }
}

impl Sharing {
    /// Adds the headers to an answer. A preflight is allowed the methods that its path knows.
    pub fn tell(self, status: StatusCode, headers: &mut HeaderMap) {
        if self.varies {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        let Some(origin) = self.granted else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if !self.preflight {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            return;
        }
        if let Some(methods) = headers.get(header::ALLOW).cloned().filter(|_| status == StatusCode::NO_CONTENT) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
    }
}
