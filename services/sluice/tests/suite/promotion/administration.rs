//! What staff set up and see: activities, offers, campaigns, referrers, redemptions.

use serde_json::json;
use sluice_testkit::{unique_name, wait_for};

use super::stage::{OPEN, expect_refused, plain_offer, take, with};
use crate::on_every_profile;
use crate::world::{SOON, World};

async fn customers_see_running_and_coming_promotions(world: &World) {
    let storefront = world.storefront();
    let coming = storefront.activity(1, "cash", ["2098-01-01T00:00:00Z", "2099-01-01T00:00:00Z"]).await;
    let over = storefront.activity(1, "cash", ["2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"]).await;
    let buyer = storefront.somebody();
    let mut seen = Vec::new();
    let mut path = "/activities?limit=2".to_owned();
    loop {
        let page = buyer.get(&path).await.expect_status(200);
        let ids = page.body["data"].as_array().unwrap().iter().map(|activity| activity["id"].as_str().unwrap().to_owned());
        seen.extend(ids);
        if page.body["has_more"] == json!(false) {
            break;
        }
        path = format!("/activities?limit=2&cursor={}", page.text("/next_cursor"));
    }
    assert!(seen.contains(&"1".to_owned()) && seen.contains(&coming), "{seen:?}");
    assert!(!seen.contains(&over) && !seen.contains(&"2".to_owned()) && !seen.contains(&"3".to_owned()), "{seen:?}");
    let demo = buyer.get("/activities/1").await.expect_status(200);
    let products: Vec<&str> =
        demo.body["products"].as_array().unwrap().iter().map(|product| product["product_id"].as_str().unwrap()).collect();
    assert_eq!(products, ["1001", "1002", "1003", "1004", "1005"]);
    for missing in ["3", "999999", "x"] {
        assert_eq!(buyer.get(&format!("/activities/{missing}")).await.status, 404);
    }
}

async fn a_bad_activity_or_offer_is_refused(world: &World) {
    let storefront = world.storefront();
    let staff = storefront.staff();
    let inverted = json!({"title": "x", "starts_at": OPEN[1], "ends_at": OPEN[0], "mode": "cash"});
    expect_refused(&staff.post("/admin/activities", inverted).await, 422, "invalid_field");
    let no_mode = json!({"title": "x", "starts_at": OPEN[0], "ends_at": OPEN[1], "mode": "barter"});
    expect_refused(&staff.post("/admin/activities", no_mode).await, 422, "invalid_field");
    let activity = storefront.activity(1, "cash", OPEN).await;
    let path = format!("/admin/activities/{activity}/products");
    for bad in [
        json!({"discount": 0}),
        json!({"discount": -0.5}),
        json!({"discount": 1.0001}),
        json!({"discount": 0.00001}),
        json!({"sales_status": 3}),
        json!({"mode": "barter"}),
        json!({"per_user_limit": 0}),
        json!({"price": -1}),
        json!({"points": 2_000_000_000_000_i64}),
        json!({"receiving_way": 5}),
    ] {
        let refused = staff.post(&path, with(plain_offer(), &bad)).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid_field"), "{bad}: {}", refused.body);
    }
    expect_refused(&staff.post(&path, with(plain_offer(), &json!({"stock": 5}))).await, 400, "unknown_field");
    expect_refused(&storefront.somebody().post(&path, plain_offer()).await, 403, "forbidden");
    let foreign = storefront.staff_of(2).post(&path, plain_offer()).await;
    assert_eq!(foreign.status, 404, "{}", foreign.body);
}

async fn a_change_names_the_version_it_was_made_from(world: &World) {
    let storefront = world.storefront();
    let staff = storefront.staff();
    let offer = storefront.offer("cash", json!({}), 1).await;
    for path in [format!("/admin/activities/{}", offer.activity), format!("/admin/activity-products/{}", offer.product)] {
        let full = format!("/api/v1{path}");
        let change = if path.contains("products") { json!({"discount": 0.5}) } else { json!({"title": "renamed"}) };
        let without = staff.send("PATCH", &full, &[], Some(change.clone())).await;
        expect_refused(&without, 428, "if_match_required");
        let etag = staff.get(&path).await.expect_status(200).header("etag").unwrap().to_owned();
        let done = staff.send("PATCH", &full, &[("If-Match", &etag)], Some(change.clone())).await;
        assert_eq!(done.status, 200, "{}", done.body);
        let stale = staff.send("PATCH", &full, &[("If-Match", &etag)], Some(change)).await;
        expect_refused(&stale, 412, "stale");
    }
}

async fn s1_rule_6_a_ratio_has_two_numbers_above_zero(world: &World) {
    let staff = world.storefront().staff_of(2);
    let settings = staff.get("/admin/store-settings").await.expect_status(200);
    let etag = settings.header("etag").unwrap().to_owned();
    for ratio in [json!([0, 100]), json!([1, 0]), json!([-1, 100]), json!([1])] {
        let body = json!({"special": true, "points_to_cash_ratio": ratio});
        let refused = staff.send("PUT", "/api/v1/admin/store-settings", &[("If-Match", &etag)], Some(body)).await;
        expect_refused(&refused, 422, "invalid_field");
    }
}

async fn s1_rule_7_a_sealed_referrer_and_the_running_campaign_are_kept(world: &World) {
    let storefront = world.storefront();
    let staff = storefront.staff();
    let campaign = json!({"name": unique_name("Invite"), "starts_at": OPEN[0], "ends_at": OPEN[1]});
    let _ = staff.post("/admin/campaigns", campaign).await.expect_status(201);
    let offer = storefront.offer("cash", json!({"allotable_profit": 150}), 9).await;
    let buyer = storefront.somebody();
    let promoter = unique_name("promoter");
    let by_staff = staff.post("/admin/referrers", json!({"promoter": promoter})).await;
    assert!(matches!(by_staff.status, 200 | 201), "{}", by_staff.body);
    let by_hand = world.printed(&["referrer", "seal", "--store", "1", "--promoter", &promoter]);
    for sealed in [by_staff.text("/referrer"), by_hand.trim().to_owned()] {
        assert!(!sealed.contains(&promoter), "sealed, not shown: {sealed}");
        let order = offer.take_with(&buyer, 2, "cash", json!({"referrer": sealed})).await.expect_status(201);
        let _ = buyer.pay(&order).await.expect_status(200);
        buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
        let redemption = wait_for("the redemption is recorded", SOON, async || {
            let list = staff.get("/admin/redemptions?limit=100").await.expect_status(200);
            list.body["data"].as_array().unwrap().iter().find(|one| one["order_no"] == json!(order.order_no())).cloned()
        })
        .await;
        assert_eq!(redemption["promoter"], json!(promoter), "{redemption}");
        assert_eq!(redemption["total_profit"], json!(300), "{redemption}");
        assert!(redemption["campaign_id"].is_string(), "{redemption}");
    }
}

async fn a_forged_or_foreign_referrer_is_refused(world: &World) {
    let storefront = world.storefront();
    let offer = storefront.offer("cash", json!({}), 5).await;
    let buyer = storefront.somebody();
    let sealed = storefront.staff_of(2).post("/admin/referrers", json!({"promoter": "p-1"})).await.text("/referrer");
    let own = storefront.staff().post("/admin/referrers", json!({"promoter": "p-1"})).await.text("/referrer");
    let mut broken = own.clone();
    let last = if broken.pop() == Some('A') { 'B' } else { 'A' };
    broken.insert(broken.len() / 2, last);
    for forged in [sealed.as_str(), broken.as_str(), "p-1", "d.", ".", "d.AAAA", "\u{1f600}", &"x".repeat(512)] {
        let refused = offer.take_with(&buyer, 1, "cash", json!({"referrer": forged})).await;
        assert_eq!((refused.status, refused.code()), (422, "referrer_invalid"), "{forged}: {}", refused.body);
    }
    storefront.expect_stock(&offer.sku, [5, 0, 0, 5]).await;
    let _ = offer.take_with(&buyer, 1, "cash", json!({"referrer": own})).await.expect_status(201);
}

async fn the_trace_of_an_order_tells_its_points(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody_with_points(1, 400).await;
    let order = take(&buyer, "1", "1002", 1, "points", json!({})).await.expect_status(201);
    buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    // With the Redis gate the last movement follows by message.
    wait_for("the trace tells everything", SOON, async || {
        let trace = world.printed(&["trace", "order", &order.order_no()]);
        let words = ["activity", "points", "400", "reserve", "sell", "discount 0.8"];
        words.iter().all(|word| trace.contains(word)).then_some(())
    })
    .await;
}

on_every_profile!(
    customers_see_running_and_coming_promotions,
    a_bad_activity_or_offer_is_refused,
    a_change_names_the_version_it_was_made_from,
    s1_rule_6_a_ratio_has_two_numbers_above_zero,
    s1_rule_7_a_sealed_referrer_and_the_running_campaign_are_kept,
    a_forged_or_foreign_referrer_is_refused,
    the_trace_of_an_order_tells_its_points,
);
