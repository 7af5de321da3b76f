//! The rules of the cart order, one by one: shelf, stock, required fields, totals, what is written, payment.

use serde_json::{Value, json};
use sluice_testkit::{Answer, Shopper, unique_name};

use crate::on_every_profile;
use crate::shelf::{PRICE, plain_product};
use crate::world::{Storefront, World};

fn lines(lines: &[(&str, i64)]) -> Value {
    let items: Vec<Value> = lines.iter().map(|(sku, quantity)| json!({"sku_id": sku, "quantity": quantity})).collect();
    json!({ "items": items })
}

fn whole_recipient() -> Value {
    json!({
        "name": "李雷", "phone": "13800000001", "id_card": "110101199001011234", "province": "浙江", "city": "杭州",
        "district": "西湖", "address": "文三路 1 号",
    })
}

async fn place_with(buyer: &Shopper, skus: &[(&str, i64)], recipient: &Value) -> Answer {
    let mut body = lines(skus);
    body["recipient"] = recipient.clone();
    buyer.place_body(&unique_name("key"), body).await
}

#[track_caller]
fn expect_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    for field in ["type", "title", "detail", "trace_id"] {
        assert!(answer.body[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {}", answer.body);
    }
    assert_eq!(answer.body["status"], json!(status));
}

async fn expect_no_orders(buyer: &Shopper) {
    let orders = buyer.get("/orders").await.expect_status(200);
    assert_eq!(orders.body["data"], json!([]), "a refused order was written");
}

async fn s2_rule_1_every_sku_is_on_the_shelf_of_the_store(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(5).await;
    let buyer = storefront.somebody();
    for (sku, what) in [("15", "not listed"), ("999999999", "unknown"), ("no-number", "unreadable"), ("01", "another spelling")] {
        let refused = buyer.place(&[(&product.sku, 1), (sku, 1)]).await;
        expect_problem(&refused, 409, "off_shelf");
        assert_eq!(refused.body["errors"][0]["pointer"], json!("/items/1"), "{what}: {}", refused.body);
    }
    let foreign = storefront.customer(2, &unique_name("buyer")).place(&[(&product.sku, 1)]).await;
    expect_problem(&foreign, 409, "off_shelf");
    expect_no_orders(&buyer).await;
    storefront.expect_stock(&product.sku, [5, 0, 0, 5]).await;
}

async fn change(storefront: &Storefront, path: &str, change: Value) -> Answer {
    let staff = storefront.staff();
    let etag = staff.get(path).await.expect_status(200).header("etag").unwrap().to_owned();
    staff.send("PATCH", &format!("/api/v1{path}"), &[("If-Match", &etag)], Some(change)).await.expect_status(200)
}

async fn s2_rule_1_what_leaves_the_shelf_cannot_be_ordered(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    for (path, leave) in [
        ("product", json!({"listed": false})),
        ("product", json!({"deleted": true})),
        ("sku", json!({"listed": false})),
        ("sku", json!({"deleted": true})),
    ] {
        let product = storefront.add_product(5).await;
        let _ = buyer.place(&[(&product.sku, 1)]).await.expect_status(201);
        let path =
            if path == "product" { format!("/admin/products/{}", product.id) } else { format!("/admin/skus/{}", product.sku) };
        change(&storefront, &path, leave.clone()).await;
        let refused = buyer.place(&[(&product.sku, 1)]).await;
        expect_problem(&refused, 409, "off_shelf");
        assert_eq!(storefront.staff().stock(&product.sku).await[0], [4, 1, 0, 5], "after {leave}");
    }
}

async fn s2_rule_2_every_short_sku_is_named_with_what_is_usable(world: &World) {
    let storefront = world.storefront();
    let (plenty, three, one) = (storefront.add_product(50).await, storefront.add_product(3).await, storefront.add_product(1).await);
    let buyer = storefront.somebody();
    let refused = buyer.place(&[(&plenty.sku, 2), (&three.sku, 4), (&one.sku, 2), (&three.sku, 1)]).await;
    expect_problem(&refused, 409, "insufficient_stock");
    let mut short: Vec<(String, String, i64)> = refused.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            assert_eq!(error["code"], json!("insufficient_stock"));
            assert!(error["detail"].is_string());
            let text = |name: &str| error[name].as_str().unwrap().to_owned();
            (text("pointer"), text("sku_id"), error["usable"].as_i64().unwrap())
        })
        .collect();
    short.sort();
    assert_eq!(short, [("/items/1".to_owned(), three.sku.clone(), 3), ("/items/2".to_owned(), one.sku.clone(), 1)]);

    // Lines of one SKU count together.
    let summed = buyer.place(&[(&three.sku, 2), (&three.sku, 2)]).await;
    expect_problem(&summed, 409, "insufficient_stock");
    assert_eq!((&summed.body["errors"][0]["pointer"], &summed.body["errors"][0]["usable"]), (&json!("/items/0"), &json!(3)));
    let empty = buyer.place(&[("18", 1)]).await;
    expect_problem(&empty, 409, "insufficient_stock");
    assert_eq!(empty.body["errors"][0]["usable"], json!(0));

    expect_no_orders(&buyer).await;
    storefront.expect_stock(&plenty.sku, [50, 0, 0, 50]).await;
    storefront.expect_stock(&three.sku, [3, 0, 0, 3]).await;
    storefront.expect_stock(&one.sku, [1, 0, 0, 1]).await;
    let taken = buyer.place(&[(&three.sku, 1), (&one.sku, 1), (&three.sku, 2)]).await.expect_status(201);
    assert_eq!(taken.body["items"].as_array().unwrap().len(), 2, "lines of one SKU are one item");
    storefront.expect_stock(&three.sku, [0, 3, 0, 3]).await;
}

async fn s2_rule_2_a_sum_over_9999_is_an_invalid_field(world: &World) {
    let buyer = world.storefront().somebody();
    let over = buyer.place(&[("1", 5000), ("1", 5000)]).await;
    expect_problem(&over, 422, "invalid_field");
    let most = buyer.place(&[("1", 5000), ("1", 4999)]).await.expect_status(201);
    assert_eq!(most.number("/items/0/quantity"), 9999);
    let _ = buyer.cancel(&most.order_no()).await.expect_status(200);
}

async fn expect_missing(buyer: &Shopper, sku: &str, recipient: &Value, pointers: &[&str]) {
    let refused = place_with(buyer, &[("1", 1), (sku, 1)], recipient).await;
    expect_problem(&refused, 422, "field_required");
    let errors = refused.body["errors"].as_array().unwrap();
    let mut seen: Vec<&str> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    seen.sort_unstable();
    let mut pointers = pointers.to_vec();
    pointers.sort_unstable();
    assert_eq!(seen, pointers, "{}", refused.body);
    for error in errors {
        assert_eq!(error["code"], json!("field_required"));
        let field = error["pointer"].as_str().unwrap().rsplit('/').next().unwrap();
        assert_eq!(error["field"], json!(field));
        assert_eq!(error["product_id"], json!(sku), "the product is named");
        assert!(error["detail"].as_str().unwrap().contains(sku));
    }
}

async fn s2_rule_3_field_required_names_field_and_product(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    let whole = whole_recipient();
    let wanted: [(&str, &[&str]); 3] =
        [("11", &["name", "phone"]), ("12", &["name", "phone", "province", "city", "district", "address"]), ("13", &["id_card"])];
    for (sku, fields) in wanted {
        let all: Vec<String> = fields.iter().map(|field| format!("/recipient/{field}")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        expect_missing(&buyer, sku, &Value::Null, &all).await;
        for field in fields {
            let mut blank = whole.clone();
            blank[*field] = json!("   ");
            expect_missing(&buyer, sku, &blank, &[&format!("/recipient/{field}")]).await;
            let mut absent = whole.clone();
            absent.as_object_mut().unwrap().remove(*field);
            expect_missing(&buyer, sku, &absent, &[&format!("/recipient/{field}")]).await;
        }
        expect_no_orders(&buyer).await;
    }
    for (sku, fields) in wanted {
        let placed = place_with(&buyer, &[(sku, 1)], &whole).await.expect_status(201);
        for field in fields {
            assert_eq!(placed.body["recipient"][field], whole[field]);
        }
    }
    expect_missing(&buyer, "14", &whole, &["/verify_code"]).await;
}

async fn s2_rule_4_totals_come_from_the_servers_prices(world: &World) {
    let storefront = world.storefront();
    let mut dear = plain_product();
    dear["delivery_place"] = json!("3");
    dear["skus"][0]["price"] = json!({"amount": 333, "currency": "CNY"});
    dear["skus"][0]["points"] = json!(7);
    dear["skus"][0]["allotable_profit"] = json!(11);
    let product = storefront.add_product_like(dear, 100).await;
    let buyer = storefront.somebody();
    let order = buyer.place(&[("1", 2), ("17", 3), (&product.sku, 9), ("2", 1)]).await.expect_status(201);

    assert_eq!(order.body["total"], json!({"amount": 2 * PRICE + 3 * PRICE + 9 * 333 + PRICE, "currency": "CNY"}));
    assert_eq!(order.number("/points_total"), 2 * 5 + 3 * 5 + 9 * 7 + 5);
    let item =
        |sku: &str| order.body["items"].as_array().unwrap().iter().find(|item| item["sku_id"] == json!(sku)).unwrap().clone();
    let line = item(&product.sku);
    assert_eq!((&line["unit_price"]["amount"], &line["unit_points"]), (&json!(333), &json!(7)));
    assert_eq!((&line["line_total"]["amount"], &line["quantity"]), (&json!(9 * 333), &json!(9)));
    assert_eq!(line["product_id"], json!(product.id));

    let children = order.body["children"].as_array().unwrap();
    let mut places: Vec<(&str, i64, i64, usize)> = children
        .iter()
        .map(|child| {
            let number = |at: &str| child.pointer(at).and_then(Value::as_i64).unwrap();
            let items = child["items"].as_array().unwrap().len();
            (child["delivery_place"].as_str().unwrap(), number("/total/amount"), number("/points_total"), items)
        })
        .collect();
    places.sort_unstable();
    assert_eq!(places, [("1", 3 * PRICE, 15, 2), ("2", 3 * PRICE, 15, 1), ("3", 9 * 333, 63, 1)]);
    let mut numbers: Vec<&str> = children.iter().map(|child| child["order_no"].as_str().unwrap()).collect();
    numbers.push(order.body["order_no"].as_str().unwrap());
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 4, "main and child orders have numbers of their own");

    let staff = storefront.staff().get(&format!("/admin/orders/{}", order.order_no())).await.expect_status(200);
    assert_eq!(staff.number("/profit_total"), 6 * 150 + 9 * 11);

    let mut cheap = lines(&[("1", 1)]);
    cheap["items"][0]["price"] = json!(1);
    let refused = buyer.place_body(&unique_name("key"), cheap).await;
    expect_problem(&refused, 400, "unknown_field");
    assert_eq!(refused.body["errors"][0]["pointer"], json!("/items/0/price"));
}

async fn s2_rule_5_the_order_keeps_what_it_was_placed_with(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(10).await;
    let buyer = storefront.somebody();
    let mut body = lines(&[(&product.sku, 1)]);
    body["recipient"] = json!({"name": "Han Meimei", "phone": "13900000000"});
    body["store_code"] = json!("SC-7");
    body["attribution"] = json!({"rq": "spring", "cookie_id": "c-1"});
    let order = buyer.place_body(&unique_name("key"), body).await.expect_status(201);
    assert_eq!((order.text("/kind"), order.text("/status")), ("cart".to_owned(), "unpaid".to_owned()));
    assert!(order.text("/created_at") < order.text("/expires_at"));
    assert!(order.text("/created_at").ends_with('Z'), "times are UTC");
    assert_eq!(order.text("/refund_status"), "none");

    change(&storefront, &format!("/admin/products/{}", product.id), json!({"title": "Renamed"})).await;
    change(&storefront, &format!("/admin/skus/{}", product.sku), json!({"price": {"amount": 5000, "currency": "CNY"}})).await;
    let later = buyer.order(&order.order_no()).await.expect_status(200);
    assert_eq!(later.body, order.body, "what is read later is what was answered");
    let dearer = buyer.place(&[(&product.sku, 1)]).await.expect_status(201);
    assert_eq!((dearer.number("/total/amount"), dearer.text("/items/0/title")), (5000, "Renamed".to_owned()));

    let list = buyer.get("/orders").await.expect_status(200);
    let listed: Vec<String> =
        list.body["data"].as_array().unwrap().iter().map(|o| o["order_no"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, [dearer.order_no(), order.order_no()], "newest first");
    let staff = storefront.staff().get(&format!("/admin/orders/{}", order.order_no())).await.expect_status(200);
    assert_eq!((staff.text("/store_code"), staff.body["attribution"]["rq"].clone()), ("SC-7".to_owned(), json!("spring")));
}

async fn s2_rule_7_the_payment_is_prepared_with_the_order(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    let order = buyer.place(&[("1", 1)]).await.expect_status(201);
    assert_eq!((order.text("/redirect_type"), order.text("/payment/provider")), ("2".to_owned(), "sandbox".to_owned()));
    assert!(order.text("/payment/url").starts_with(&storefront.base));
    assert!(order.text("/payment/expires_at") <= order.text("/expires_at"));
    let id = order.text("/payment/payment_id");
    assert!(id.len() >= 22, "128 random bits: {id}");

    let again = buyer.prepare_payment(&order.order_no()).await.expect_status(200);
    assert_eq!(again.body, order.body["payment"], "one live payment an order");
    let missing = buyer.post(&format!("/orders/{}/payment", order.order_no()), json!({})).await;
    expect_problem(&missing, 400, "idempotency_key_missing");
    let stranger = storefront.somebody().prepare_payment(&order.order_no()).await;
    expect_problem(&stranger, 404, "not_found");
}

async fn s2_refusals_come_in_the_order_of_the_rules(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    let phone = crate::codes::new_phone();
    let mut recipient = whole_recipient();
    recipient["phone"] = json!(phone);
    let body = |skus: &[(&str, i64)], recipient: &Value, code: &str| {
        let mut body = lines(skus);
        body["recipient"] = recipient.clone();
        body["verify_code"] = json!(code);
        body
    };
    let place = async |body: Value| buyer.place_body(&unique_name("key"), body).await;
    let all = [("15", 1), ("11", 1), ("14", 1), ("18", 1)];
    expect_problem(&place(body(&all, &Value::Null, "000000")).await, 409, "off_shelf");
    expect_problem(&place(body(&all[1..], &json!({"phone": phone}), "000000")).await, 422, "field_required");
    expect_problem(&place(body(&all[1..], &recipient, "000000")).await, 422, "verify_code_invalid");
    let _ = buyer.post("/verification-codes", json!({"phone": phone})).await.expect_status(202);
    let code = world.code_sent_to(&phone).await;
    expect_problem(&place(body(&all[1..], &recipient, &code)).await, 409, "insufficient_stock");
    let _ = place(body(&all[1..3], &recipient, &code)).await.expect_status(201);
}

on_every_profile!(
    s2_rule_1_every_sku_is_on_the_shelf_of_the_store,
    s2_rule_1_what_leaves_the_shelf_cannot_be_ordered,
    s2_rule_2_every_short_sku_is_named_with_what_is_usable,
    s2_rule_2_a_sum_over_9999_is_an_invalid_field,
    s2_rule_3_field_required_names_field_and_product,
    s2_rule_4_totals_come_from_the_servers_prices,
    s2_rule_5_the_order_keeps_what_it_was_placed_with,
    s2_rule_7_the_payment_is_prepared_with_the_order,
    s2_refusals_come_in_the_order_of_the_rules,
);
