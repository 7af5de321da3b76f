//! Every request body of the OpenAPI document, sent as its example says it and in wrong shapes.

use reqwest::Response;
use serde_json::{Value, json};

use crate::running::Running;

/// A request with a JSON body.
struct Call {
    method: String,
    path: String,
    example: Value,
}

impl Call {
    async fn send(&self, api: &Running, key: usize, body: &Value) -> Response {
        let staff = self.path.contains("/admin/");
        let request = if staff { api.staff(&self.method, &self.path) } else { api.customer(&self.method, &self.path) };
        let request = request.header("Idempotency-Key", key.to_string()).header("If-Match", "*");
        request.json(body).send().await.unwrap()
    }
}

/// The demo's first entry for each parameter of a path.
fn with_ids(path: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        "{provider}" => "sandbox",
        part if part.starts_with('{') => "1",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

fn calls() -> Vec<Call> {
    let document = serde_json::to_value(sluice_api::openapi()).unwrap();
    let mut calls = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let content = &operation["requestBody"]["content"]["application/json"];
            if !content["example"].is_null() {
                let method = method.to_uppercase();
                calls.push(Call { method, path: with_ids(path), example: content["example"].clone() });
            }
        }
    }
    assert!(calls.len() > 20, "bodies have examples");
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shop_takes_every_example_of_its_document() {
    let api = Running::demo().await;
    for (key, call) in calls().iter().enumerate() {
        let answer = call.send(&api, key, &call.example).await;
        let status = answer.status().as_u16();
        let said = answer.text().await.unwrap();
        assert!(status != 400 && status != 422 && status < 500, "{} {} {}: {said}", call.method, call.path, call.example);
    }
}

/// A body with `value` in the place of each of its members, one after the other, and in the place of the whole.
fn spoiled(example: &Value, value: &Value) -> Vec<Value> {
    let mut bodies = vec![value.clone()];
    match example {
        Value::Object(members) => {
            for (name, member) in members {
                for inner in spoiled(member, value) {
                    let mut body = members.clone();
                    body[name] = inner;
                    bodies.push(Value::Object(body));
                }
            }
        }
        Value::Array(entries) => bodies.extend(entries.iter().flat_map(|entry| spoiled(entry, value)).map(|inner| json!([inner]))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    bodies
}

/// A word of Rust, or the name of a type: `PlaceOrder`.
fn tells_a_type(detail: &str) -> bool {
    let of_rust = ["struct", "enum", "variant", "tuple", "sequence", "map", "i64", "u8", "unit"];
    detail.split(|letter: char| !letter.is_alphanumeric()).any(|word| {
        let humps = word.as_bytes().windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
        of_rust.contains(&word) || humps
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn no_refusal_names_a_type_of_the_program() {
    let api = Running::demo().await;
    let (mut key, mut refused) = (0, 0);
    for call in calls() {
        for value in [json!([]), json!({}), json!("gold"), json!(-3), json!(1.5), json!(true), json!(null), json!([[1]])] {
            for body in spoiled(&call.example, &value) {
                key += 1;
                let answer = call.send(&api, key, &body).await;
                let status = answer.status().as_u16();
                assert!(status < 500, "{} {} {body}: {status}", call.method, call.path);
                if status != 400 && status != 422 {
                    continue;
                }
                refused += 1;
                let problem: Value = answer.json().await.unwrap();
                let details = problem["errors"].as_array().into_iter().flatten().map(|error| &error["detail"]);
                for detail in details.chain([&problem["detail"]]).filter_map(Value::as_str) {
                    assert!(!tells_a_type(detail), "{} {} {body}: {detail}", call.method, call.path);
                }
            }
        }
    }
    assert!(refused > 300, "wrong shapes are refused, {refused} were");
}
