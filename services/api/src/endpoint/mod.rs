//! What endpoints are made of. A handler's signature is its contract: extractors say what it takes and refuse by
//! themselves, responders say what it gives, and both describe themselves in the OpenAPI document.
//!
//! Extractors run in the order of the arguments, and the first refusal wins: who asks comes first, then headers, path and
//! query, then the body.

mod body;
mod caller;
mod description;
mod entity_tag;
mod id;
mod idempotency;
mod if_match;
mod json_words;
mod page;
mod responder;
mod route;
mod visitor;

pub use body::{Json, MAX_BYTES, NoFields, Nothing, RawBody, media_type, parse};
pub use caller::{Customer, Follower, Staff};
pub use description::{Describes, Description, json_content};
pub use entity_tag::{Cacheable, describe_tag, tag_of, tagged, unless_known};
pub use id::{Id, ProviderName};
pub use idempotency::Key;
pub use if_match::IfMatch;
pub use page::{Filter, Filtered, PageParams, Paged, Query};
pub use responder::{Accepted, Body, Created, NoContent, Performed, Replayable, Versioned};
pub use route::{Route, Routes};
pub use visitor::{OfStore, Visitor};

pub use crate::{
    auth::Caller,
    problem::{Answer, Problem},
    state::Api,
};
