//! `If-Match` over a version that counts changes.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header};
use utoipa::{PartialSchema as _, openapi::path::ParameterIn};

use super::{
    description::{Describes, Description},
    responder::etag,
};
use crate::problem::{Answer, Problem};

/// The `If-Match` of a change.
pub struct IfMatch(String);

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let value = request.headers().get(header::IF_MATCH).and_then(|value| value.to_str().ok());
        let missing = || Problem::new("if_match_required", "Send the ETag you read as If-Match.");
        ready(value.map(|value| Self(value.to_owned())).ok_or_else(missing))
    }
}

impl Describes for IfMatch {
    fn describe(operation: &mut Description) {
        let says = "The ETag the change was made from";
        operation.parameter("If-Match", ParameterIn::Header, true, says, String::schema());
        operation.refuses(&["if_match_required", "stale"]);
    }
}

impl IfMatch {
    /// The version to change from, if the present one is among those named. Weak tags never match (RFC 9110).
    pub fn admits(&self, present: i64) -> Answer<i64> {
        let tag = etag(present);
        let named = self.0.trim() == "*" || self.0.split(',').any(|given| given.trim() == tag);
        named.then_some(present).ok_or_else(|| Problem::new("stale", "It was changed meanwhile; read it again."))
    }
}
