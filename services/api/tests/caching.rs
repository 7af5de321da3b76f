//! ETag, If-None-Match and If-Match, in every form of RFC 9110.

use reqwest::{Response, StatusCode};
use serde_json::json;

use crate::running::{Running, problem};

const SHOWN: [&str; 8] = [
    "/api/v1/products?limit=3",
    "/api/v1/products/1",
    "/api/v1/activities",
    "/api/v1/activities/1",
    "/openapi.json",
    "/asyncapi.json",
    "/docs/",
    "/docs/swagger-initializer.js",
];

fn etag(response: &Response) -> String {
    response.headers()["etag"].to_str().unwrap().to_owned()
}

/// Asks again, with these values of If-None-Match, a line each.
async fn again(api: &Running, method: &str, path: &str, known: &[&str]) -> Response {
    let request = known.iter().fold(api.customer(method, path), |request, value| request.header("If-None-Match", *value));
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_client_has_already_is_not_sent_again() {
    let api = Running::demo().await;
    for path in SHOWN {
        let first = api.customer("GET", path).send().await.unwrap();
        let tag = etag(&first);
        assert!(first.status() == 200 && tag.starts_with('"') && tag.len() > 20, "{path}: {tag}");
        assert_eq!(first.headers()["cache-control"], "private, no-cache", "{path}");
        let weak = format!("W/{tag}");
        let list = format!("\"other\", {weak} ,\"a,b\"");
        for known in [&[tag.as_str()][..], &[&weak], &[&list], &["*"], &["\"other\"", &tag]] {
            for method in ["GET", "HEAD"] {
                let same = again(&api, method, path, known).await;
                assert_eq!((same.status(), etag(&same)), (StatusCode::NOT_MODIFIED, tag.clone()), "{path} {known:?}");
                assert!(!same.headers().contains_key("content-type"), "{path}");
                assert_eq!(same.headers()["cache-control"], "private, no-cache", "{path}");
                assert!(same.bytes().await.unwrap().is_empty(), "{path}");
            }
        }
        let unquoted = tag.trim_matches('"').to_owned();
        let strange = format!("w/{tag}");
        for other in ["\"other\"", "W/\"other\"", "", ",", "\"", "*x", "\"*\"", &unquoted, &strange, &tag.to_ascii_uppercase()] {
            let sent = again(&api, "GET", path, &[other]).await;
            assert_eq!((sent.status(), etag(&sent)), (StatusCode::OK, tag.clone()), "{path} {other}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_changes_with_what_is_shown() {
    let api = Running::demo().await;
    let path = "/api/v1/products/16";
    let before = etag(&api.customer("GET", path).send().await.unwrap());
    assert_eq!(api.order("k", "16").await.status(), 201);
    let after = again(&api, "GET", path, &[&before]).await;
    assert_eq!(after.status(), 200, "fewer units are usable");
    assert_ne!(etag(&after), before);
    // Refusals have no tag, and `*` is no success of what is not there.
    let none = again(&api, "GET", "/api/v1/products/999", &["*"]).await;
    assert!(!none.headers().contains_key("etag"));
    problem(none, 404, "not_found").await;
    let stranger = api.request("GET", path).header("If-None-Match", &before).send().await.unwrap();
    problem(stranger, 401, "unauthenticated").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_names_its_version_in_every_form() {
    let api = Running::demo().await;
    let path = "/api/v1/admin/products/1";
    let change = |values: &[&str]| {
        let request = values.iter().fold(api.staff("PATCH", path), |request, value| request.header("If-Match", *value));
        request.json(&json!({"title": "Tea"})).send()
    };
    let mut tag = etag(&api.staff("GET", path).send().await.unwrap());
    for form in 0..6 {
        let weak = format!("W/{tag}");
        let list = format!("\"other\",{weak}");
        let values: [&[&str]; 6] = [&[&tag], &[&weak], &["*"], &[&list], &["\"other\"", &tag], &["\"a,b\"", &weak]];
        let changed = change(values[form]).await.unwrap();
        assert_eq!(changed.status(), 200, "{:?}", values[form]);
        let present = etag(&changed);
        assert_ne!(present, tag);
        problem(change(&[&tag]).await.unwrap(), 412, "stale").await;
        tag = present;
    }
    let unquoted = tag.trim_matches('"').to_owned();
    for other in ["\"other\"", "", ",", "\"*\"", "*, *", &unquoted, &format!("w/{tag}"), &format!("{tag}x"), &"\"x\",".repeat(900)]
    {
        problem(change(&[other]).await.unwrap(), 412, "stale").await;
    }
    problem(change(&[]).await.unwrap(), 428, "if_match_required").await;
}
