//! Activities, their products, campaigns, referrers and redemptions.

use reqwest::Response;
use serde_json::{Value, json};
use sluice_promotion::{Mode, OfferField, SalesStatus};

use crate::running::{Running, pointers, problem};

async fn json_of(response: Response) -> Value {
    response.json().await.unwrap()
}

const ACTIVITIES: &str = "/api/v1/admin/activities";
const PRODUCT: &str = "/api/v1/admin/activity-products/1";

#[tokio::test(flavor = "multi_thread")]
async fn customers_see_promotions_with_what_a_unit_costs() {
    let api = Running::start();
    let list = json_of(api.customer("GET", "/api/v1/activities?limit=1").send().await.unwrap()).await;
    assert_eq!((&list["has_more"], &list["next_cursor"]), (&json!(false), &Value::Null));
    let activity = json!({
        "id": "1", "title": "Sale", "starts_at": "2020-01-01T00:00:00.000Z", "ends_at": "2100-01-01T00:00:00.000Z", "status": "running",
        "products": [{
            "product_id": "1", "sku_id": "1", "title": "Tea", "pictures": [], "spec": "green", "receiving_way": 0,
            "order_form_items": ["id_card"], "mode": "cash", "discount": 0.8, "sales_status": 1,
            "price": {"amount": 1990, "currency": "CNY"}, "points": 5,
            "discounted_price": {"amount": 1592, "currency": "CNY"}, "discounted_points": 0,
            "per_user_limit": null, "usable": 7, "in_stock": true,
        }],
    });
    assert_eq!(list["data"], json!([activity]));
    let show = async || json_of(api.customer("GET", "/api/v1/activities/1").send().await.unwrap()).await;
    assert_eq!(show().await, activity);
    problem(api.customer("GET", "/api/v1/activities/2").send().await.unwrap(), 404, "not_found").await;

    let patch = |body: Value| api.staff("PATCH", PRODUCT).header("If-Match", "*").json(&body).send();
    assert_eq!(patch(json!({"sales_status": 2, "mode": "points"})).await.unwrap().status(), 200);
    let plain = show().await["products"][0].clone();
    assert_eq!((&plain["mode"], &plain["discount"], &plain["discounted_points"]), (&json!("points"), &json!(0.8), &json!(5)));
    assert_eq!(plain["discounted_price"]["amount"], 0);
    // Taken out, it is shown to staff alone.
    assert_eq!(patch(json!({"deleted": true})).await.unwrap().status(), 200);
    assert_eq!(show().await["products"], json!([]));
    let staff = json_of(api.staff("GET", &format!("{ACTIVITIES}/1")).send().await.unwrap()).await;
    assert_eq!((&staff["mode"], &staff["products"][0]["deleted"]), (&json!("cash"), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_names_the_version_it_was_made_from() {
    let api = Running::start();
    for (path, body) in [
        (format!("{ACTIVITIES}/1"), json!({"ends_at": "2030-01-01T00:00:00Z"})),
        (PRODUCT.to_owned(), json!({"per_user_limit": 3})),
        ("/api/v1/admin/campaigns/1".to_owned(), json!({"name": "Other"})),
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
    let api = Running::start();
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
    let api = Running::start();
    let body = json!({"title": "Ten o'clock", "mode": "points", "starts_at": "2026-11-22T10:00:00+08:00", "ends_at": "2099-11-22T10:00:00Z"});
    let created = api.staff("POST", ACTIVITIES).json(&body).send().await.unwrap();
    assert_eq!((created.status().as_u16(), created.headers()["location"].to_str().unwrap()), (201, "/api/v1/admin/activities/1"));
    let answer = json_of(created).await;
    assert_eq!((&answer["starts_at"], &answer["mode"]), (&json!("2026-11-22T02:00:00.000Z"), &json!("points")));

    let created = api.staff("POST", &format!("{ACTIVITIES}/1/products")).json(&product()).send().await.unwrap();
    assert_eq!((created.status().as_u16(), created.headers()["location"].to_str().unwrap()), (201, PRODUCT));
    let added = api.fakes.promotion.added.lock().unwrap()[0].clone();
    let (goods, terms) = (added.goods, added.terms);
    assert_eq!((goods.title.as_str(), goods.receiving_way.get(), goods.price.minor_units, goods.points), ("Tea", 3, 1990, 500));
    assert_eq!(goods.form, [OfferField::Recipients, OfferField::TotalAddress, OfferField::OwnForm]);
    assert_eq!((terms.mode, terms.sales_status, terms.per_user_limit), (Some(Mode::Points), SalesStatus::PlainSale, Some(4)));
    assert_eq!(terms.discount.to_string(), "0.3333");
    let elsewhere = api.staff("POST", &format!("{ACTIVITIES}/2/products")).json(&product()).send().await.unwrap();
    problem(elsewhere, 404, "not_found").await;
    let mut unknown = product();
    unknown["stock"] = json!(5);
    let refused = api.staff("POST", &format!("{ACTIVITIES}/1/products")).json(&unknown).send().await.unwrap();
    assert_eq!(pointers(&problem(refused, 400, "unknown_field").await), ["/stock"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_seal_referrers_and_see_redemptions() {
    let api = Running::start();
    let sealed = api.staff("POST", "/api/v1/admin/referrers").json(&json!({"promoter": "推广员"})).send().await.unwrap();
    assert_eq!(sealed.status(), 201);
    assert_eq!(json_of(sealed).await, json!({"referrer": "k.1-推广员"}));
    let list = json_of(api.staff("GET", "/api/v1/admin/redemptions").send().await.unwrap()).await;
    let redemption = &list["data"][0];
    assert_eq!((&redemption["promoter"], &redemption["total_profit"]), (&json!("p-7"), &json!(300)));
    assert_eq!((&redemption["cash"]["amount"], &redemption["refunded_at"]), (&json!(3184), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_rule_6_a_ratio_without_worth_is_refused() {
    let api = Running::start();
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
