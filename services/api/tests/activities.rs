//! Activities, their products, campaigns, referrers and redemptions.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_kernel::StoreId;
use sluice_testkit::wait_for;

use crate::running::{Running, json_of, pointers, problem};

const ACTIVITIES: &str = "/api/v1/admin/activities";
/// Costs 500 points, at a discount of 0.8.
const PRODUCT: &str = "/api/v1/admin/activity-products/1002";

#[tokio::test(flavor = "multi_thread")]
async fn customers_see_promotions_with_what_a_unit_costs() {
    let api = Running::demo().await;
    let list = json_of(api.customer("GET", "/api/v1/activities?limit=1").send().await.unwrap()).await;
    assert_eq!((&list["has_more"], &list["next_cursor"]), (&json!(false), &Value::Null));
    let show = async || json_of(api.customer("GET", "/api/v1/activities/1").send().await.unwrap()).await;
    let shown = show().await;
    assert_eq!(list["data"], json!([shown]));
    let products = json!({
        "product_id": "1002", "sku_id": "1002", "title": "Offer 1002", "pictures": ["/pictures/1002.png"], "spec": "standard",
        "receiving_way": 0, "order_form_items": [], "mode": "points", "discount": 0.8, "sales_status": 1,
        "price": {"amount": 0, "currency": "CNY"}, "points": 500,
        "discounted_price": {"amount": 0, "currency": "CNY"}, "discounted_points": 400,
        "per_user_limit": null, "usable": 100_000, "in_stock": true,
    });
    let offer = async |id: &str| {
        let shown = show().await;
        shown["products"].as_array().unwrap().iter().find(|product| product["product_id"] == id).cloned()
    };
    assert_eq!(offer("1002").await, Some(products));
    assert_eq!(offer("1001").await.unwrap()["discounted_price"], json!({"amount": 1592, "currency": "CNY"}));
    let activity = json!({
        "id": "1", "title": "Ten o'clock sale", "starts_at": shown["starts_at"], "ends_at": shown["ends_at"], "status": "running",
        "products": shown["products"],
    });
    assert_eq!(shown, activity);
    problem(api.customer("GET", "/api/v1/activities/404").send().await.unwrap(), 404, "not_found").await;

    let patch = |body: Value| api.staff("PATCH", PRODUCT).header("If-Match", "*").json(&body).send();
    assert_eq!(patch(json!({"sales_status": 2})).await.unwrap().status(), 200);
    let plain = offer("1002").await.unwrap();
    assert_eq!((&plain["mode"], &plain["discount"], &plain["discounted_points"]), (&json!("points"), &json!(0.8), &json!(500)));
    assert_eq!(plain["discounted_price"]["amount"], 0);
    // Taken out, it is shown to staff alone.
    assert_eq!(patch(json!({"deleted": true})).await.unwrap().status(), 200);
    assert_eq!(offer("1002").await, None);
    let staff = json_of(api.staff("GET", &format!("{ACTIVITIES}/1")).send().await.unwrap()).await;
    let deleted = staff["products"].as_array().unwrap().iter().find(|product| product["product_id"] == "1002").unwrap();
    assert_eq!((&staff["mode"], &deleted["deleted"]), (&json!("cash"), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_names_the_version_it_was_made_from() {
    let api = Running::demo().await;
    let campaign = json!({"name": "Autumn", "starts_at": "2026-11-22T10:00:00Z", "ends_at": "2099-11-22T10:00:00Z"});
    let campaign = api.staff("POST", "/api/v1/admin/campaigns").json(&campaign).send().await.unwrap();
    assert_eq!(campaign.status(), 201);
    let campaign = campaign.headers()["location"].to_str().unwrap().to_owned();
    for (path, body) in [
        (format!("{ACTIVITIES}/1"), json!({"ends_at": "2030-01-01T00:00:00Z"})),
        (PRODUCT.to_owned(), json!({"per_user_limit": 3})),
        (campaign, json!({"name": "Other"})),
    ] {
        let read = api.staff("GET", &path).send().await.unwrap();
        let etag = read.headers()["etag"].to_str().unwrap().to_owned();
        problem(api.staff("PATCH", &path).json(&body).send().await.unwrap(), 428, "if_match_required").await;
        let stale = api.staff("PATCH", &path).header("If-Match", "\"999\"").json(&body).send().await.unwrap();
        problem(stale, 412, "stale").await;
        let changed = api.staff("PATCH", &path).header("If-Match", &etag).json(&body).send().await.unwrap();
        assert_eq!(changed.status(), 200, "{path}");
        assert_ne!(changed.headers()["etag"].to_str().unwrap(), etag);
        let again = api.staff("PATCH", &path).header("If-Match", &etag).json(&body).send().await.unwrap();
        problem(again, 412, "stale").await;
    }
    let unknown = api.staff("PATCH", &format!("{ACTIVITIES}/9")).header("If-Match", "*").json(&json!({})).send().await.unwrap();
    problem(unknown, 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn null_takes_mode_and_limit_away_and_absent_leaves_them() {
    let api = Running::demo().await;
    let patch = |body: Value| api.staff("PATCH", PRODUCT).header("If-Match", "*").json(&body).send();
    let set = json_of(patch(json!({"mode": "points", "per_user_limit": 2})).await.unwrap()).await;
    assert_eq!((&set["mode"], &set["per_user_limit"]), (&json!("points"), &json!(2)));
    let kept = json_of(patch(json!({"discount": "0.25"})).await.unwrap()).await;
    assert_eq!((&kept["mode"], &kept["per_user_limit"], &kept["discount"]), (&json!("points"), &json!(2), &json!(0.25)));
    let gone = json_of(patch(json!({"mode": null, "per_user_limit": null})).await.unwrap()).await;
    assert_eq!((&gone["mode"], &gone["per_user_limit"]), (&Value::Null, &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_bad_input_of_staff_is_named() {
    let api = Running::demo().await;
    let inverted =
        json!({"title": "x", "mode": "cash", "starts_at": "2026-11-22T10:00:00.001Z", "ends_at": "2026-11-22T10:00:00Z"});
    let refused = problem(api.staff("POST", ACTIVITIES).json(&inverted).send().await.unwrap(), 422, "invalid_field").await;
    assert_eq!(pointers(&refused), ["/ends_at"]);
    let campaign = json!({"name": "x", "starts_at": "2026-11-22T10:00:00.001Z", "ends_at": "2026-11-22T10:00:00Z"});
    let refused = api.staff("POST", "/api/v1/admin/campaigns").json(&campaign).send().await.unwrap();
    assert_eq!(pointers(&problem(refused, 422, "invalid_field").await), ["/ends_at"]);
    for (field, value) in [
        ("discount", json!(0)),
        ("discount", json!(-0.5)),
        ("discount", json!(1.0001)),
        ("discount", json!(0.123_45)),
        ("discount", json!("eighty")),
        ("discount", json!(null)),
        ("discount", json!(1e-9)),
        ("sales_status", json!(3)),
        ("per_user_limit", json!(0)),
        ("receiving_way", json!(5)),
        ("price", json!(-1)),
        ("price", json!({"amount": 1, "currency": "JPY"})),
        ("points", json!(1_000_000_000_001_i64)),
        ("mode", json!("gold")),
        ("code", json!("")),
    ] {
        let mut body = product();
        body[field] = value.clone();
        let refused = api.staff("POST", &format!("{ACTIVITIES}/1/products")).json(&body).send().await.unwrap();
        assert_eq!(pointers(&problem(refused, 422, "invalid_field").await), [format!("/{field}")], "{value}");
    }
    for field in ["verify_code", "receiving_info", "shoe_size"] {
        let mut body = product();
        body["order_form_items"] = json!(["tel", field]);
        let refused = api.staff("POST", &format!("{ACTIVITIES}/1/products")).json(&body).send().await.unwrap();
        assert_eq!(pointers(&problem(refused, 422, "invalid_field").await), ["/order_form_items/1"]);
    }
    for discount in [json!(0), json!(1.5), json!("0.00001")] {
        let patch =
            api.staff("PATCH", "/api/v1/admin/activity-products/1001").header("If-Match", "*").json(&json!({"discount": discount}));
        assert_eq!(pointers(&problem(patch.send().await.unwrap(), 422, "invalid_field").await), ["/discount"]);
    }
    for (promoter, pointer) in [(json!(""), "/promoter"), (json!("p".repeat(65)), "/promoter")] {
        let post = api.staff("POST", "/api/v1/admin/referrers").json(&json!({"promoter": promoter}));
        assert_eq!(pointers(&problem(post.send().await.unwrap(), 422, "invalid_field").await), [pointer]);
    }
}

fn product() -> Value {
    json!({
        "title": "Tea", "pictures": ["/1.png"], "delivery_place": "1", "receiving_way": 3, "customer_product_id": "CP-1",
        "order_form_items": ["recipients", "total_address", "own_form"], "code": "A", "spec": "red", "price": 1990, "points": 500,
        "allotable_profit": 150, "supplier_price": 990, "mode": "points", "discount": 0.3333, "sales_status": 2, "per_user_limit": 4,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn activities_and_their_products_are_created() {
    let api = Running::demo().await;
    let body = json!({"title": "Ten o'clock", "mode": "points", "starts_at": "2026-11-22T10:00:00+08:00", "ends_at": "2099-11-22T10:00:00Z"});
    let created = api.staff("POST", ACTIVITIES).json(&body).send().await.unwrap();
    assert_eq!(created.status(), 201);
    let activity = created.headers()["location"].to_str().unwrap().to_owned();
    let answer = json_of(created).await;
    assert_eq!(activity, format!("{ACTIVITIES}/{}", answer["id"].as_str().unwrap()));
    assert_eq!((&answer["starts_at"], &answer["mode"]), (&json!("2026-11-22T02:00:00.000Z"), &json!("points")));

    let created = api.staff("POST", &format!("{activity}/products")).json(&product()).send().await.unwrap();
    assert_eq!(created.status(), 201);
    let location = created.headers()["location"].to_str().unwrap().to_owned();
    let made = json_of(created).await;
    assert_eq!(location, format!("/api/v1/admin/activity-products/{}", made["product_id"].as_str().unwrap()));
    let kept = json_of(api.staff("GET", &location).send().await.unwrap()).await;
    let goods = format!("/api/v1/admin/products/{}", made["product_id"].as_str().unwrap());
    let goods = json_of(api.staff("GET", &goods).send().await.unwrap()).await;
    let mut asked = product();
    asked["price"] = json!({"amount": 1990, "currency": "CNY"});
    for (name, value) in asked.as_object().unwrap() {
        let shown = [&kept, &goods, &goods["skus"][0]].into_iter().find_map(|place| place.get(name));
        assert_eq!(shown, Some(value), "{name}");
    }
    assert_eq!(kept["deleted"], json!(false));
    let elsewhere = api.staff("POST", &format!("{ACTIVITIES}/999/products")).json(&product()).send().await.unwrap();
    problem(elsewhere, 404, "not_found").await;
    let mut unknown = product();
    unknown["stock"] = json!(5);
    let refused = api.staff("POST", &format!("{ACTIVITIES}/1/products")).json(&unknown).send().await.unwrap();
    assert_eq!(pointers(&problem(refused, 400, "unknown_field").await), ["/stock"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_seal_referrers_and_see_redemptions() {
    let api = Running::at_work().await;
    let sealed = api.staff("POST", "/api/v1/admin/referrers").json(&json!({"promoter": "推广员"})).send().await.unwrap();
    assert_eq!(sealed.status(), 201);
    let referrer = json_of(sealed).await["referrer"].as_str().unwrap().to_owned();
    assert_eq!(api.shop.promotion.open_referrer(StoreId(1), &referrer).as_deref(), Some("推广员"));
    assert_eq!(api.shop.promotion.open_referrer(StoreId(2), &referrer), None);

    let taken = json!({"product_id": "1001", "quantity": 2, "pay_type": "cash", "referrer": referrer});
    let order = json_of(api.take("1", "k", &taken).await).await;
    api.pay(&order).await;
    let redemption = wait_for("the redemption is recorded", Duration::from_secs(10), async || {
        let list = json_of(api.staff("GET", "/api/v1/admin/redemptions").send().await.unwrap()).await;
        list["data"].get(0).cloned()
    })
    .await;
    assert_eq!((&redemption["promoter"], &redemption["total_profit"]), (&json!("推广员"), &json!(300)));
    assert_eq!((&redemption["cash"]["amount"], &redemption["refunded_at"]), (&json!(3184), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_rule_6_a_ratio_without_worth_is_refused() {
    let api = Running::demo().await;
    let put = |ratio: Value| {
        let body = json!({"points_to_cash_ratio": ratio});
        api.staff("PUT", "/api/v1/admin/store-settings").header("If-Match", "*").json(&body).send()
    };
    for ratio in [json!([1]), json!([1, 2, 3]), json!(["1", "100"]), json!([0.5, 1])] {
        let refused = problem(put(ratio.clone()).await.unwrap(), 422, "invalid_field").await;
        assert!(pointers(&refused)[0].starts_with("/points_to_cash_ratio"), "{ratio}");
    }
    assert_eq!(put(json!([1, 100])).await.unwrap().status(), 200);
}
