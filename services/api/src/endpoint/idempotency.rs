//! `Idempotency-Key`: reading it, and the fingerprint of the request it stands for.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sluice_order::IdempotencyKey;
use utoipa::openapi::{ObjectBuilder, path::ParameterIn, schema::Type};

use super::description::{Describes, Description};
use crate::{
    auth::Caller,
    problem::{Answer, Problem},
};

const NAME: &str = "idempotency-key";
const POINTER: &str = "/headers/Idempotency-Key";
const MAX_CHARACTERS: usize = 255;

/// The header of a request that needs it.
pub struct Key(pub String);

fn read(request: &HttpRequest) -> Answer<Option<String>> {
    let mut values = request.headers().get_all(NAME);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Problem::invalid(POINTER, "sent more than once"));
    }
    let bytes = value.as_bytes();
    let sound = (1..=MAX_CHARACTERS).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    let text = value.to_str().ok().filter(|_| sound);
    text.map(|text| Some(text.to_owned())).ok_or_else(|| Problem::invalid(POINTER, "1 to 255 visible ASCII characters"))
}

impl FromRequest for Key {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let missing = || Problem::new("idempotency_key_missing", "Send an Idempotency-Key of your choice, 1 to 255 characters.");
        ready(read(request).and_then(|key| key.map(Self).ok_or_else(missing)))
    }
}

impl Describes for Key {
    fn describe(operation: &mut Description) {
        let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(MAX_CHARACTERS));
        let says = "1 to 255 visible ASCII characters of the client's choice";
        operation.parameter("Idempotency-Key", ParameterIn::Header, true, says, schema.pattern(Some("^[!-~]+$")).into());
        operation.refuses(&["idempotency_key_missing", "invalid_field", "idempotency_key_reused"]);
    }
}

impl Key {
    /// `route` with its scope: the caller's store and user. The path is part of the fingerprint.
    pub fn for_request(self, route: &'static str, caller: &Caller, path: &str, body: &Value) -> IdempotencyKey {
        IdempotencyKey { route, store: caller.store, user: caller.user.clone(), key: self.0, fingerprint: fingerprint(path, body) }
    }

    /// Of a request about one order: its path belongs to the scope, so a key used for one order is free for another.
    pub fn for_order(self, route: &'static str, caller: &Caller, path: &str, body: &Value) -> IdempotencyKey {
        Self(format!("{path}\n{}", self.0)).for_request(route, caller, path, body)
    }

    /// 128 bits that follow from the key and the scope it is unique in.
    pub fn id_within(&self, scope: &str) -> String {
        let hash = Sha256::digest(format!("{scope}\n{}", self.0));
        hash.iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }
}

/// SHA-256 over the path and the body as a JSON value: neither the order of members nor white space counts.
fn fingerprint(path: &str, body: &Value) -> [u8; 32] {
    let mut text = String::with_capacity(256);
    text.push_str(path);
    text.push('\n');
    write_canonical(body, &mut text);
    Sha256::digest(text.as_bytes()).into()
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (name, member) in sorted {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(member, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(elements) => {
            out.push('[');
            for element in elements {
                write_canonical(element, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> [u8; 32] {
        fingerprint("/orders", &serde_json::from_str(text).unwrap())
    }

    #[test]
    fn the_fingerprint_is_of_json_values_and_of_the_path() {
        let one = of(r#"{"a":1,"b":[{"x":"1","y":null}]}"#);
        assert_eq!(one, of(r#" { "b" : [ {"y":null, "x":"1"} ], "a" : 1 } "#));
        for other in [r#"{"a":2,"b":[{"x":"1","y":null}]}"#, r#"{"a":1,"b":[{"x":1,"y":null}]}"#, r#"{"a":1}"#] {
            assert_ne!(one, of(other), "{other}");
        }
        let body = serde_json::json!({});
        assert_ne!(fingerprint("/orders/1/payment", &body), fingerprint("/orders/2/payment", &body));
    }
}
