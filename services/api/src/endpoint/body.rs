//! Bodies: bounded, parsed once, and refused with the pointer of what is wrong.
//!
//! The order of refusals: media type (415), size (413, chunked bodies too), JSON (400), then fields (400 `unknown_field`,
//! 422 `invalid_field`).

use std::{future::Future, io, marker::PhantomData, pin::Pin};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    error::PayloadError,
    http::header,
    web::{Bytes, BytesMut},
};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use serde_path_to_error::{Path, Segment};
use sluice_kernel::json::{self, Strict};
use utoipa::{
    ToSchema,
    openapi::{
        ObjectBuilder, OneOfBuilder,
        schema::{Schema, Type},
    },
};

use super::{
    description::{Describes, Description, json_content},
    json_words::in_json_words,
};
use crate::problem::{Answer, Problem};

/// What reading any JSON body may be refused with.
const REFUSALS: &[&str] =
    &["malformed_json", "unknown_field", "invalid_field", "body_too_large", "unsupported_media_type", "request_timeout"];

/// docs/api.md, Limits.
pub const MAX_BYTES: usize = 64 * 1024;

/// A JSON body: the request as a type, and as the JSON value it came as (for fingerprints).
pub struct Json<T> {
    pub fields: T,
    pub value: Value,
}

/// A body without fields, that may be left out or be `null`.
pub struct NoFields {
    pub value: Value,
}

/// The bytes as they came; `D` describes them.
pub struct RawBody<D> {
    pub bytes: Bytes,
    described: PhantomData<D>,
}

/// A body without fields: `{}`.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

type Reading<T> = Pin<Box<dyn Future<Output = Answer<T>>>>;

async fn read_all(declared: Option<usize>, mut payload: Payload) -> Answer<Bytes> {
    let too_large = || Problem::new("body_too_large", "A body has at most 64 KiB.");
    if declared.is_some_and(|length| length > MAX_BYTES) {
        return Err(too_large());
    }
    let mut all = BytesMut::with_capacity(declared.unwrap_or(512));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| unreadable(&error))?;
        if all.len() + chunk.len() > MAX_BYTES {
            return Err(too_large());
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all.freeze())
}

fn unreadable(error: &PayloadError) -> Problem {
    if matches!(error, PayloadError::Io(cause) if cause.kind() == io::ErrorKind::TimedOut) {
        return Problem::new("request_timeout", "The body took too long to arrive.");
    }
    Problem::new("malformed_request", format!("The body could not be read: {error}."))
}

fn declared_length(request: &HttpRequest) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The media type without parameters, in lower case.
pub fn media_type(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn check_json(request: &HttpRequest) -> Answer<()> {
    let plain = request.headers().get(header::CONTENT_ENCODING).is_none_or(|coding| coding == "identity");
    let json = media_type(request).is_some_and(|kind| kind == "application/json" || kind.ends_with("+json"));
    if plain && json {
        return Ok(());
    }
    Err(Problem::new("unsupported_media_type", "Send the body as application/json, without a content coding."))
}

pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Answer<(T, Value)> {
    let value = json::parse(bytes).map_err(|error| Problem::new("malformed_json", format!("{error}.")))?;
    let fields = serde_path_to_error::deserialize(Strict(&value)).map_err(|error| refused(&error))?;
    Ok((fields, value))
}

/// JSON pointer (RFC 6901) of a path.
fn pointer(path: &Path) -> String {
    let mut text = String::new();
    for segment in path {
        let name = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => escaped(key),
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
        text.push('/');
        text.push_str(&name);
    }
    text
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// serde names what is wrong in words; the two that end at the parent are pointed at the field itself.
fn refused(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let reason = error.inner().to_string();
    let at = pointer(error.path());
    let named = |prefix: &str| reason.strip_prefix(prefix).and_then(|rest| rest.split('`').next()).map(escaped);
    let of_field = |name: &str| if at.ends_with(&format!("/{name}")) { at.clone() } else { format!("{at}/{name}") };
    if let Some(name) = named("unknown field `") {
        return Problem::of_field("unknown_field", of_field(&name), "not known here");
    }
    if let Some(name) = named("missing field `") {
        return Problem::invalid(format!("{at}/{name}"), "required");
    }
    Problem::invalid(at, in_json_words(&reason))
}

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let media = check_json(request);
        let (declared, payload) = (declared_length(request), payload.take());
        Box::pin(async move {
            media?;
            let (fields, value) = parse(&read_all(declared, payload).await?)?;
            Ok(Self { fields, value })
        })
    }
}

impl FromRequest for NoFields {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let media = check_json(request);
        let (declared, payload) = (declared_length(request), payload.take());
        Box::pin(async move {
            let bytes = read_all(declared, payload).await?;
            if bytes.is_empty() {
                return Ok(Self { value: Value::Null });
            }
            media?;
            parse::<Option<Nothing>>(&bytes).map(|(_, value)| Self { value })
        })
    }
}

impl<D: 'static> FromRequest for RawBody<D> {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (declared, payload) = (declared_length(request), payload.take());
        Box::pin(async move { read_all(declared, payload).await.map(|bytes| Self { bytes, described: PhantomData }) })
    }
}

impl<T: ToSchema> Describes for Json<T> {
    fn describe(operation: &mut Description) {
        let content = json_content(operation.schema::<T>());
        operation.takes(true, None, vec![("application/json", content)]);
        operation.refuses(REFUSALS);
    }
}

impl Describes for NoFields {
    fn describe(operation: &mut Description) {
        let null = ObjectBuilder::new().schema_type(Type::Null);
        let content = json_content(Schema::from(OneOfBuilder::new().item(null).item(operation.schema::<Nothing>()).build()));
        operation.takes(false, Some("May be left out"), vec![("application/json", content)]);
        operation.refuses(REFUSALS);
    }
}

impl<D: Describes> Describes for RawBody<D> {
    fn describe(operation: &mut Description) {
        D::describe(operation);
        operation.refuses(&["body_too_large", "request_timeout"]);
    }
}
