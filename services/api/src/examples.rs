//! An example of every JSON body in the OpenAPI document, made from its schema: where a schema names an example that is
//! it, else its first word, its smallest number, or its own name.

use serde_json::{Map, Value, json};
use utoipa::openapi::{OpenApi, PathItem, RefOr, Response, path::Operation, request_body::RequestBody};

/// Every reference, choice, member and item is one level deeper; a page of orders has 16. What lies deeper would be null.
const MAX_DEPTH: usize = 24;

/// Adds an example to each JSON body.
pub fn add(document: &mut OpenApi) {
    let components = serde_json::to_value(&document.components).unwrap_or_default();
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            if let Some(RefOr::T(RequestBody { content, .. })) = &mut operation.request_body {
                for (kind, content) in content.iter_mut() {
                    illustrate(kind, content, &components);
                }
            }
            for response in operation.responses.responses.values_mut() {
                if let RefOr::T(Response { content, .. }) = response {
                    for (kind, content) in content.iter_mut() {
                        illustrate(kind, content, &components);
                    }
                }
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

fn illustrate(kind: &str, content: &mut RefOr<utoipa::openapi::Content>, components: &Value) {
    if let ("application/json", RefOr::T(content)) = (kind, content) {
        let schema = serde_json::to_value(&content.schema).unwrap_or_default();
        content.example = Some(example(&schema, components, "text", MAX_DEPTH));
    }
}

fn example(schema: &Value, components: &Value, name: &str, depth: usize) -> Value {
    let of = |schema: &Value, name: &str| example(schema, components, name, depth.saturating_sub(1));
    if depth == 0 {
        return Value::Null;
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let named = reference.strip_prefix("#/components").and_then(|pointer| components.pointer(pointer));
        return named.map_or(Value::Null, |named| of(named, name));
    }
    let mut given = ["/example", "/examples/0", "/enum/0", "/default"].into_iter().filter_map(|place| schema.pointer(place));
    if let Some(given) = given.find(|given| !given.is_null()) {
        return given.clone();
    }
    if let Some(choices) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        return choices.iter().find(|choice| choice["type"] != "null").map_or(Value::Null, |choice| of(choice, name));
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let parts = parts.iter().map(|part| of(part, name));
        let members = parts.filter_map(|part| part.as_object().cloned()).flatten();
        return Value::Object(members.collect());
    }
    let kinds = &schema["type"];
    let kind = kinds.as_str().or_else(|| kinds.as_array()?.iter().filter_map(Value::as_str).find(|kind| *kind != "null"));
    match kind {
        Some("string") => json!(name),
        Some("integer") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("number") => json!(0.8),
        Some("boolean") => json!(true),
        Some("array") => json!([of(&schema["items"], name)]),
        Some("object") => {
            let members = schema["properties"].as_object().into_iter().flatten();
            Value::Object(members.map(|(name, member)| (name.clone(), of(member, name))).collect::<Map<_, _>>())
        }
        _ => json!({}),
    }
}
