//! What a store shows to everybody, and where it does not.

use serde_json::json;

use crate::running::{Running, json_of, pointers, problem};

const SHOWN: [&str; 4] = ["/api/v1/products", "/api/v1/products/1", "/api/v1/activities", "/api/v1/activities/1"];

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_shows_its_catalog_is_read_without_a_token() {
    let api = Running::demo().await;
    let nobody = async |path: &str| api.request("GET", path).send().await.unwrap();
    for path in SHOWN {
        let shown = nobody(&format!("{path}?store_id=1")).await;
        assert_eq!(shown.status(), 200, "{path}");
        let tag = shown.headers()["etag"].clone();
        let known = json_of(api.customer("GET", path).send().await.unwrap()).await;
        assert_eq!(json_of(shown).await, known, "{path}: as customers see it");
        let unchanged = api.request("GET", &format!("{path}?store_id=1")).header("If-None-Match", tag).send().await.unwrap();
        assert_eq!(unchanged.status(), 304, "{path}");
        assert_eq!(api.customer("GET", &format!("{path}?store_id=1")).send().await.unwrap().status(), 200, "{path}");

        problem(nobody(path).await, 401, "unauthenticated").await;
        problem(nobody(&format!("{path}?store_id=999")).await, 401, "unauthenticated").await;
        for wrong in ["0", "-1", "x", "", "1.0", "99999999999999999999"] {
            let refused = problem(nobody(&format!("{path}?store_id={wrong}")).await, 422, "invalid_field").await;
            assert_eq!(pointers(&refused), ["/query/store_id"], "{path} {wrong}");
        }
        let foreign = api.customer("GET", &format!("{path}?store_id=2")).send().await.unwrap();
        assert_eq!(pointers(&problem(foreign, 422, "invalid_field").await), ["/query/store_id"], "{path}");
        let forged = api.request("GET", &format!("{path}?store_id=1")).bearer_auth("forged").send().await.unwrap();
        problem(forged, 401, "unauthenticated").await;
    }
    let page = json_of(nobody("/api/v1/products?store_id=1&q=product&limit=2").await).await;
    assert_eq!((page["data"].as_array().unwrap().len(), &page["has_more"]), (2, &json!(true)));
    let next = format!("/api/v1/products?store_id=1&q=product&limit=2&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(nobody(&next).await.status(), 200);
    problem(nobody("/api/v1/products?store_id=1&word=x").await, 400, "unknown_field").await;
    for own in
        ["/api/v1/cart?store_id=1", "/api/v1/orders?store_id=1", "/api/v1/points?store_id=1", "/api/v1/admin/products?store_id=1"]
    {
        problem(nobody(own).await, 401, "unauthenticated").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_show_its_catalog_looks_like_one_that_is_not_there() {
    let api = Running::demo().await;
    let settings = "/api/v1/admin/store-settings";
    for shows in [false, true, false] {
        let body = json!({"public_catalog": shows});
        let changed = api.staff("PUT", settings).header("If-Match", "*").json(&body).send().await.unwrap();
        assert_eq!(json_of(changed).await["public_catalog"], json!(shows));
        for path in SHOWN {
            let [here, nowhere] = [1, 999].map(|store| api.request("GET", &format!("{path}?store_id={store}")).send());
            if shows {
                assert_eq!(here.await.unwrap().status(), 200, "{path}");
                continue;
            }
            let here = problem(here.await.unwrap(), 401, "unauthenticated").await;
            let nowhere = problem(nowhere.await.unwrap(), 401, "unauthenticated").await;
            assert_eq!(here["detail"], nowhere["detail"], "{path}");
            assert_eq!(api.customer("GET", path).send().await.unwrap().status(), 200, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_without_a_token_take_a_share_alone() {
    let api = Running::with(|settings| settings.max_public_reads = 0).await;
    problem(api.request("GET", "/api/v1/products?store_id=1").send().await.unwrap(), 503, "overloaded").await;
    assert_eq!(api.customer("GET", "/api/v1/products").send().await.unwrap().status(), 200);
}
