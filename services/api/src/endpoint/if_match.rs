//! `If-Match` over a version that counts changes.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header};
use sluice_kernel::Precondition;
use utoipa::{PartialSchema as _, openapi::path::ParameterIn};

use super::{
    description::{Describes, Description},
    responder::etag,
};
use crate::problem::{Answer, Problem};

/// The `If-Match` of a change.
pub struct IfMatch(pub Precondition);

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let value = request.headers().get(header::IF_MATCH).and_then(|value| value.to_str().ok());
        let missing = || Problem::new("if_match_required", "Send the ETag you read as If-Match.");
        ready(value.map(|value| Self(precondition(value))).ok_or_else(missing))
    }
}

/// A tag that is weak, or none of ours, names no version (RFC 9110).
fn precondition(value: &str) -> Precondition {
    if value.trim() == "*" {
        return Precondition::Any;
    }
    let version = |tag: &str| tag.strip_prefix('"')?.strip_suffix('"')?.parse::<i64>().ok().filter(|version| etag(*version) == tag);
    Precondition::OneOf(value.split(',').filter_map(|tag| version(tag.trim())).collect())
}

impl Describes for IfMatch {
    fn describe(operation: &mut Description) {
        let says = "The ETag the change was made from";
        operation.parameter("If-Match", ParameterIn::Header, true, says, String::schema());
        operation.refuses(&["if_match_required", "stale"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_strong_tags_of_ours_name_versions() {
        assert_eq!(precondition(" * "), Precondition::Any);
        assert_eq!(precondition("\"3\", \"7\""), Precondition::OneOf(vec![3, 7]));
        for foreign in ["", "W/\"3\"", "3", "\"03\"", "\"x\"", "\"\"", "\"9223372036854775808\""] {
            assert_eq!(precondition(foreign), Precondition::OneOf(vec![]), "{foreign}");
        }
    }
}
