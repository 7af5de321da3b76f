//! `If-Match` over a version that counts changes.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header};
use sluice_kernel::Precondition;
use utoipa::{PartialSchema as _, openapi::path::ParameterIn};

use super::{
    description::{Describes, Description},
    entity_tag::Tags,
    responder::etag,
};
use crate::problem::{Answer, Problem};

/// The `If-Match` of a change.
pub struct IfMatch(pub Precondition);

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let missing = || Problem::new("if_match_required", "Send the ETag you read as If-Match.");
        ready(Tags::named(request, header::IF_MATCH).map(|tags| Self(precondition(&tags))).ok_or_else(missing))
    }
}

/// A tag that is none of ours names no version. A cache or a proxy that compresses an answer weakens its tag, so the weak form
/// of our own tag names the version, too.
fn precondition(tags: &Tags) -> Precondition {
    let Tags::OneOf(tags) = tags else {
        return Precondition::Any;
    };
    let version = |tag: &str| tag.trim_matches('"').parse::<i64>().ok().filter(|version| etag(*version) == tag);
    Precondition::OneOf(tags.iter().filter_map(|tag| version(tag)).collect())
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
    fn only_tags_of_ours_name_versions() {
        let one_of = |tags: &[&str]| precondition(&Tags::OneOf(tags.iter().map(|tag| (*tag).to_owned()).collect()));
        assert_eq!(precondition(&Tags::Any), Precondition::Any);
        assert_eq!(one_of(&["\"3\"", "\"x\"", "\"7\""]), Precondition::OneOf(vec![3, 7]));
        for foreign in ["\"03\"", "\"+3\"", "\"x\"", "\"\"", "\"9223372036854775808\""] {
            assert_eq!(one_of(&[foreign]), Precondition::OneOf(vec![]), "{foreign}");
        }
    }
}
