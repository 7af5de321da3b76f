//! The documents: as committed, whole, and served.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;

use crate::running::Running;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn documents() -> [(&'static str, String); 2] {
    let asyncapi = serde_json::to_string_pretty(&sluice_api::asyncapi()).unwrap();
    [("openapi.json", sluice_api::openapi().to_pretty_json().unwrap() + "\n"), ("asyncapi.json", asyncapi + "\n")]
}

#[test]
fn the_committed_documents_are_the_served_ones() {
    for (name, text) in documents() {
        let committed = fs::read_to_string(file(name)).unwrap_or_default();
        assert!(committed == text, "{name} has changed: accept it with `just openapi`");
    }
}

#[test]
fn the_table_of_codes_is_whole() {
    let text = fs::read_to_string(file("../../docs/errors.md")).unwrap();
    let row = |line: &str| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let (status, code) = (cells.next()?.parse::<u16>().ok()?, cells.next()?.strip_prefix('`')?.strip_suffix('`')?);
        let whole =
            cells.next().is_some_and(|meaning| !meaning.is_empty()) && cells.next().is_some_and(|advice| !advice.is_empty());
        whole.then(|| (status, code.to_owned()))
    };
    let told: BTreeSet<_> = text.lines().filter_map(row).collect();
    let known: BTreeSet<_> = sluice_api::error_codes::CODES.iter().map(|code| (code.status, code.code.to_owned())).collect();
    assert_eq!(told, known);
}

#[test]
fn every_operation_is_described() {
    let document = serde_json::to_value(sluice_api::openapi()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let at = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{at} has no summary");
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{at} repeats an operationId");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{at}");
            let secured = operation["security"].is_array();
            assert_eq!(secured, responses.contains_key("401") && !path.contains("callback") && !path.starts_with("/pay/"), "{at}");
            for (status, response) in responses.iter().filter(|(status, _)| status.starts_with('4')) {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{at} {status}");
            }
        }
    }
    references(&document, &document);
}

#[test]
fn every_json_body_has_an_example() {
    let document = serde_json::to_value(sluice_api::openapi()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let bodies = operation["responses"].as_object().unwrap().values().chain(operation.get("requestBody"));
            for content in bodies.filter_map(|body| body["content"].get("application/json")) {
                assert!(content.get("example").is_some_and(|example| !example.is_null()), "{method} {path}");
            }
        }
    }
}

#[test]
fn webhooks_are_described_as_partners_are_sent_them() {
    let document = serde_json::to_value(sluice_api::openapi()).unwrap();
    references(&document["webhooks"], &document);
    let schema = |reference: &Value| document.pointer(reference["$ref"].as_str().unwrap().trim_start_matches('#')).unwrap();
    for sample in fs::read_dir(file("../../crates/partner/samples")).unwrap() {
        let sample: Value = serde_json::from_str(&fs::read_to_string(sample.unwrap().path()).unwrap()).unwrap();
        let kind = sample["type"].as_str().unwrap();
        let body = &document["webhooks"][kind]["post"]["requestBody"]["content"]["application/json"]["schema"];
        let data = &body["properties"]["data"];
        let choices: Vec<&Value> = data["oneOf"].as_array().map_or(vec![data], |choices| choices.iter().collect());
        let sent: BTreeSet<&str> = sample["data"].as_object().unwrap().keys().map(String::as_str).collect();
        let known = choices.iter().any(|choice| {
            let required = schema(choice)["required"].as_array().unwrap().iter();
            required.map(|name| name.as_str().unwrap()).collect::<BTreeSet<_>>() == sent
        });
        assert!(known, "{kind}: {sent:?}");
    }
}

/// Every reference leads somewhere.
fn references(value: &Value, document: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target} leads nowhere");
            }
            members.values().for_each(|member| references(member, document));
        }
        Value::Array(elements) => elements.iter().for_each(|element| references(element, document)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn asyncapi_knows_every_topic_and_its_dead_letters() {
    let document = sluice_api::asyncapi();
    references(&document, &document);
    for topic in sluice_events::Topic::ALL {
        assert!(document["channels"][topic.name()].is_object(), "{}", topic.name());
        assert!(document["channels"][topic.dead_letter_name()].is_object());
    }
    // One payload as it is really written, against the document's words.
    let moved = sluice_events::StockMoved {
        movement_id: "1-1".to_owned(),
        store_id: sluice_kernel::StoreId(1),
        sku_id: sluice_kernel::SkuId(1),
        kind: sluice_events::MovementKind::Reserve,
        quantity: 1,
        order_no: Some(sluice_kernel::OrderNo::from_id(1)),
        reason: Some("x".to_owned()),
        at: sluice_kernel::Timestamp::from_millis(0),
    };
    let written = serde_json::to_value(moved).unwrap();
    let written: BTreeSet<_> = written.as_object().unwrap().keys().cloned().collect();
    let told: BTreeSet<_> =
        document["components"]["schemas"]["StockMoved"]["properties"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(written, told);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_and_pages_are_served_without_a_network() {
    let api = Running::demo().await;
    let served: Value = api.request("GET", "/openapi.json").send().await.unwrap().json().await.unwrap();
    assert_eq!(served, serde_json::to_value(sluice_api::openapi()).unwrap());
    let served: Value = api.request("GET", "/asyncapi.json").send().await.unwrap().json().await.unwrap();
    assert_eq!(served["asyncapi"], "3.0.0");
    for (path, sign) in
        [("/", "/docs/"), ("/docs", "swagger-ui"), ("/docs/", "swagger-ui"), ("/docs/swagger-initializer.js", "/openapi.json")]
    {
        let page = api.request("GET", path).send().await.unwrap();
        assert_eq!(page.status(), 200, "{path}");
        assert!(page.headers().contains_key("content-security-policy"), "{path}");
        let text = page.text().await.unwrap();
        assert!(text.contains(sign) && !text.contains("src=\"http") && !text.contains("href=\"http"), "{path}: {text}");
    }
    assert_eq!(api.request("GET", "/assets/page.css").send().await.unwrap().status(), 200);
}
