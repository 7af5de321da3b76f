//! Answers. A responder around another one changes its status or adds a header, in the response as in the document.

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use serde::Serialize;
use sluice_catalog::{Product, Sku, Store};
use sluice_partner::Subscription;
use sluice_promotion::Offer;
use utoipa::ToSchema;

use super::{
    body::Nothing,
    description::{Describes, Description, json_content},
};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

pub fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// Text of our own making always fits a header; if it did not, the header would stay out.
fn with_header(mut response: HttpResponse, name: HeaderName, value: &str) -> HttpResponse {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// 200 with a body.
pub struct Body<T>(pub T);

impl<T> Body<T> {
    pub fn of<V>(value: V) -> Self
    where
        T: From<V>,
    {
        Self(value.into())
    }
}

impl<T: Serialize> Responder for Body<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().json(self.0)
    }
}

impl<T: ToSchema> Describes for Body<T> {
    fn describe(operation: &mut Description) {
        operation.gives(200, "As it stands now");
        let schema = operation.schema::<T>();
        operation.with_content("application/json", json_content(schema));
    }
}

/// 200 with a body and its version as `ETag`.
pub struct Versioned<T>(pub i64, pub T);

/// What counts its changes.
pub trait Revised {
    fn version(&self) -> i64;
}

macro_rules! revised {
    ($($kind:ty),+) => {$(
        impl Revised for $kind {
            fn version(&self) -> i64 {
                self.version
            }
        }
    )+};
}

revised!(Product, Sku, Store, Subscription, Offer);

impl<T> Versioned<T> {
    pub fn of<V: Revised>(value: V) -> Self
    where
        T: From<V>,
    {
        Self(value.version(), value.into())
    }
}

impl<T: Serialize> Responder for Versioned<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        with_header(Body(self.1).respond_to(request), header::ETAG, &etag(self.0))
    }
}

impl<T: ToSchema> Describes for Versioned<T> {
    fn describe(operation: &mut Description) {
        Body::<T>::describe(operation);
        operation.with_header("ETag", "Its version, for If-Match");
    }
}

/// 201, and where to find it.
pub struct Created<T> {
    pub location: String,
    pub answer: T,
}

impl<T: Responder<Body = BoxBody>> Responder for Created<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        with_header(Performed(self.answer).respond_to(request), header::LOCATION, &self.location)
    }
}

impl<T: Describes> Describes for Created<T> {
    fn describe(operation: &mut Description) {
        Performed::<T>::describe(operation);
        operation.with_header("Location", "Where to find it");
    }
}

/// 201 for what leaves nothing behind that has an address.
pub struct Performed<T>(pub T);

impl<T: Responder<Body = BoxBody>> Responder for Performed<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let mut response = self.0.respond_to(request);
        if response.status() == StatusCode::OK {
            *response.status_mut() = StatusCode::CREATED;
        }
        response
    }
}

impl<T: Describes> Describes for Performed<T> {
    fn describe(operation: &mut Description) {
        T::describe(operation);
        operation.gives(201, "Created");
    }
}

/// The answer to an `Idempotency-Key`, which says whether the key was answered before.
pub struct Replayable<T> {
    pub replayed: bool,
    pub answer: T,
}

impl<T: Responder<Body = BoxBody>> Responder for Replayable<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let response = self.answer.respond_to(request);
        if self.replayed { with_header(response, REPLAYED, "true") } else { response }
    }
}

impl<T: Describes> Describes for Replayable<T> {
    fn describe(operation: &mut Description) {
        T::describe(operation);
        operation.with_header("Idempotent-Replayed", "`true` where the key was answered before, else left out");
    }
}

/// 202 with `{}`: it happens later.
pub struct Accepted;

impl Responder for Accepted {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Accepted().json(Nothing {})
    }
}

impl Describes for Accepted {
    fn describe(operation: &mut Description) {
        Body::<Nothing>::describe(operation);
        operation.gives(202, "It happens soon");
    }
}

/// 204.
pub struct NoContent;

impl Responder for NoContent {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::NoContent().finish()
    }
}

impl Describes for NoContent {
    fn describe(operation: &mut Description) {
        operation.gives(204, "Removed");
    }
}
