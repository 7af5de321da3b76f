//! Entity tags (RFC 9110, 8.8.3): the ones that a client names, and answers that carry one of their content.

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::{self, BoxBody, MessageBody as _},
    http::{
        Method, StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    web::Bytes,
};
use sha2::{Digest as _, Sha256};
use utoipa::{
    PartialSchema as _,
    openapi::{Response, path::ParameterIn},
};

use super::description::{Describes, Description};

/// A cache asks each time whether what it has still stands.
const REVALIDATED: HeaderValue = HeaderValue::from_static("private, no-cache");

/// What `If-Match` or `If-None-Match` names.
#[derive(Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`
    Any,
    /// Opaque tags with their quotes. A weak one stands here like a strong one; what is no tag is left out.
    OneOf(Vec<String>),
}

impl Tags {
    /// `None` where the header was not sent. Several lines are one list.
    pub fn named(request: &HttpRequest, header: HeaderName) -> Option<Self> {
        let lines: Vec<&[u8]> = request.headers().get_all(header).map(HeaderValue::as_bytes).collect();
        (!lines.is_empty()).then(|| Self::read(&lines.join(&b","[..])))
    }

    fn read(list: &[u8]) -> Self {
        let list = String::from_utf8_lossy(list);
        if list.trim() == "*" {
            return Self::Any;
        }
        let mut tags = Vec::new();
        let mut rest = list.as_ref();
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return Self::OneOf(tags);
            }
            let (tag, after) = first_tag(rest);
            tags.extend(tag.map(str::to_owned));
            rest = after;
        }
    }

    /// By the weak comparison, in which only the opaque tags count.
    fn match_weakly(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|known| known == tag),
        }
    }
}

/// The tag that the list begins with, or `None` where it begins with something else; and what follows its comma.
fn first_tag(list: &str) -> (Option<&str>, &str) {
    let to_comma = || list.split_once(',').map_or("", |(_, rest)| rest);
    let opaque = list.strip_prefix("W/").unwrap_or(list);
    let Some((inner, after)) = opaque.strip_prefix('"').and_then(|inside| inside.split_once('"')) else {
        return (None, to_comma());
    };
    let after = after.trim_start_matches([' ', '\t']);
    let Some(rest) = after.strip_prefix(',').or_else(|| after.is_empty().then_some("")) else {
        return (None, to_comma());
    };
    let sound = inner.chars().all(|letter| letter > ' ' && letter != '\u{7f}');
    (opaque.get(..inner.len() + 2).filter(|_| sound), rest)
}

/// The tag of these bytes.
pub fn tag_of(content: &[u8]) -> String {
    let hash = Sha256::digest(content).iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    format!("\"{hash}\"")
}

/// The answer to a GET with its tag; 304 without content where the client names that tag.
pub fn unless_known(request: &HttpRequest, mut answer: HttpResponse, tag: &str) -> HttpResponse {
    if let Ok(value) = HeaderValue::from_str(tag) {
        answer.headers_mut().insert(header::ETAG, value);
    }
    if !answer.headers().contains_key(header::CACHE_CONTROL) {
        answer.headers_mut().insert(header::CACHE_CONTROL, REVALIDATED);
    }
    if !Tags::named(request, header::IF_NONE_MATCH).is_some_and(|known| known.match_weakly(tag)) {
        return answer;
    }
    *answer.status_mut() = StatusCode::NOT_MODIFIED;
    answer.headers_mut().remove(header::CONTENT_TYPE);
    answer.set_body(BoxBody::new(body::None::new()))
}

/// The answer with the tag of its content, where it is a success.
pub fn tagged(request: &HttpRequest, answer: HttpResponse) -> HttpResponse {
    if answer.status() != StatusCode::OK || request.method() != Method::GET {
        return answer;
    }
    let mut content = Bytes::new();
    let answer = answer.map_body(|_, body| match body.try_into_bytes() {
        Ok(bytes) => {
            content.clone_from(&bytes);
            BoxBody::new(bytes)
        }
        Err(streamed) => streamed,
    });
    if content.is_empty() { answer } else { unless_known(request, answer, &tag_of(&content)) }
}

/// An answer that a client may keep and ask for again by its tag.
pub struct Cacheable<T>(pub T);

impl<T: Responder<Body = BoxBody>> Responder for Cacheable<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        tagged(request, self.0.respond_to(request))
    }
}

impl<T: Describes> Describes for Cacheable<T> {
    fn describe(operation: &mut Description) {
        T::describe(operation);
        describe_tag(operation);
    }
}

/// What every cacheable answer says of itself.
pub fn describe_tag(operation: &mut Description) {
    let says = "ETags of what the client has; 304 where one of them is the present one";
    operation.parameter("If-None-Match", ParameterIn::Header, false, says, String::schema());
    operation.with_header("ETag", "Names this content, for If-None-Match");
    operation.also_gives(304, Response::new("The client has the present content"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_tags_is_read_as_rfc_9110_writes_it() {
        let one_of = |tags: &[&str]| Tags::OneOf(tags.iter().map(|tag| (*tag).to_owned()).collect());
        assert_eq!(Tags::read(b" * "), Tags::Any);
        for (list, tags) in [
            ("\"3\"", &["\"3\""][..]),
            ("\"3\", W/\"7\"", &["\"3\"", "\"7\""]),
            (",, \"3\" ,\t\"7\",", &["\"3\"", "\"7\""]),
            ("\"a,b\",\"\"", &["\"a,b\"", "\"\""]),
            ("\"xyzzy\",\"r2d2xxxx\", \"c3piozzzz\"", &["\"xyzzy\"", "\"r2d2xxxx\"", "\"c3piozzzz\""]),
            ("3, \"7\"", &["\"7\""]),
            ("\"3\"x, \"7\"", &["\"7\""]),
            ("w/\"3\"", &[]),
            ("W/ \"3\"", &[]),
            ("W/W/\"3\"", &[]),
            ("\"3", &[]),
            ("\"a b\"", &[]),
            ("*, \"3\"", &["\"3\""]),
            ("", &[]),
            (",", &[]),
        ] {
            assert_eq!(Tags::read(list.as_bytes()), one_of(tags), "{list}");
        }
        assert_eq!(Tags::read(b"\"\xff\", \"3\""), one_of(&["\"\u{fffd}\"", "\"3\""]));
    }
}
