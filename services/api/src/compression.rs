//! Answers over 1 KiB as gzip, for clients that ask for it.
//!
//! A compressed answer has other bytes, so its ETag becomes a weak one: `If-None-Match` and `If-Match` take that like the strong
//! one (`crate::endpoint::IfMatch`). Streams are left as they are: what is written shall arrive at once.

use actix_http::encoding::Encoder;
use actix_web::{
    HttpMessage as _, HttpRequest,
    body::{BodySize, BoxBody, MessageBody as _},
    dev::{ResponseHead, ServiceResponse},
    http::{
        StatusCode,
        header::{self, AcceptEncoding, ContentEncoding, Encoding, HeaderValue},
    },
};

/// Smaller answers fit a packet anyway.
const LEAST_BYTES: u64 = 1_024;

fn is_large_text(head: &ResponseHead, body: &BoxBody) -> bool {
    let kind = head.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let text = kind.starts_with("text/") || ["json", "javascript", "svg+xml"].iter().any(|name| kind.contains(name));
    let large = matches!(body.size(), BodySize::Sized(bytes) if bytes > LEAST_BYTES);
    text && large && head.status != StatusCode::NOT_MODIFIED && !head.headers().contains_key(header::CONTENT_ENCODING)
}

fn is_asked_for(request: &HttpRequest) -> bool {
    let accepted = request.get_header::<AcceptEncoding>();
    let chosen = accepted.and_then(|accepted| accepted.negotiate([Encoding::gzip(), Encoding::identity()].iter()));
    chosen == Some(Encoding::gzip())
}

/// Another body would be another answer under the same tag.
fn weaken_tag(head: &mut ResponseHead) {
    let strong = head.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok()).filter(|tag| tag.starts_with('"'));
    if let Some(Ok(weak)) = strong.map(|tag| HeaderValue::from_str(&format!("W/{tag}"))) {
        head.headers_mut().insert(header::ETAG, weak);
    }
}

/// The answer as its client asked for it.
pub fn compress(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    if !is_large_text(response.response().head(), response.response().body()) {
        return response;
    }
    let asked = is_asked_for(response.request());
    response.map_body(|head, body| {
        if !asked {
            head.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
            return body;
        }
        weaken_tag(head);
        Encoder::response(ContentEncoding::Gzip, head, body).boxed()
    })
}
