//! Every operation of the OpenAPI document has a case here, and is asked without a token and with too small a role.

use std::collections::BTreeSet;

use crate::running::{Running, problem};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Customer,
    Staff,
}
use Needs::{Customer, Nothing, Staff};

const CASES: &[(&str, &str, Needs)] = &[
    ("get", "/livez", Nothing),
    ("get", "/readyz", Nothing),
    ("get", "/metrics", Nothing),
    ("get", "/openapi.json", Nothing),
    ("get", "/asyncapi.json", Nothing),
    // By signature, and by the payment's random id.
    ("post", "/api/v1/payments/{provider}/callback", Nothing),
    ("get", "/pay/sandbox/{payment_id}", Nothing),
    ("post", "/pay/sandbox/{payment_id}", Nothing),
    ("get", "/api/v1/products", Customer),
    ("get", "/api/v1/products/{id}", Customer),
    ("get", "/api/v1/activities", Customer),
    ("get", "/api/v1/activities/{id}", Customer),
    ("get", "/api/v1/cart", Customer),
    ("delete", "/api/v1/cart", Customer),
    ("put", "/api/v1/cart/items/{sku_id}", Customer),
    ("delete", "/api/v1/cart/items/{sku_id}", Customer),
    ("post", "/api/v1/verification-codes", Customer),
    ("post", "/api/v1/orders", Customer),
    ("post", "/api/v1/orders/preview", Customer),
    ("get", "/api/v1/orders", Customer),
    ("get", "/api/v1/orders/{order_no}", Customer),
    ("get", "/api/v1/orders/{order_no}/events", Customer),
    ("post", "/api/v1/orders/{order_no}/events-ticket", Customer),
    ("post", "/api/v1/orders/{order_no}/cancel", Customer),
    ("post", "/api/v1/orders/{order_no}/payment", Customer),
    ("post", "/api/v1/activities/{id}/orders", Customer),
    ("get", "/api/v1/addresses", Customer),
    ("post", "/api/v1/addresses", Customer),
    ("put", "/api/v1/addresses/{id}", Customer),
    ("delete", "/api/v1/addresses/{id}", Customer),
    ("get", "/api/v1/third-party-accounts", Customer),
    ("put", "/api/v1/third-party-accounts/{provider}", Customer),
    ("get", "/api/v1/points", Customer),
    ("post", "/api/v1/admin/points/grants", Staff),
    ("get", "/api/v1/admin/products", Staff),
    ("post", "/api/v1/admin/products", Staff),
    ("get", "/api/v1/admin/products/{id}", Staff),
    ("patch", "/api/v1/admin/products/{id}", Staff),
    ("post", "/api/v1/admin/products/{id}/skus", Staff),
    ("get", "/api/v1/admin/skus/{id}", Staff),
    ("patch", "/api/v1/admin/skus/{id}", Staff),
    ("get", "/api/v1/admin/skus/{id}/stock", Staff),
    ("post", "/api/v1/admin/skus/{id}/stock-adjustments", Staff),
    ("get", "/api/v1/admin/skus/{id}/stock/trace", Staff),
    ("get", "/api/v1/admin/store-settings", Staff),
    ("put", "/api/v1/admin/store-settings", Staff),
    ("get", "/api/v1/admin/orders", Staff),
    ("get", "/api/v1/admin/orders.csv", Staff),
    ("get", "/api/v1/admin/orders/{order_no}", Staff),
    ("post", "/api/v1/admin/orders/{order_no}/cancel", Staff),
    ("post", "/api/v1/admin/orders/{order_no}/fulfil", Staff),
    ("post", "/api/v1/admin/orders/{order_no}/complete", Staff),
    ("post", "/api/v1/admin/orders/{order_no}/refunds", Staff),
    ("get", "/api/v1/admin/orders/{order_no}/refunds", Staff),
    ("get", "/api/v1/admin/activities", Staff),
    ("post", "/api/v1/admin/activities", Staff),
    ("get", "/api/v1/admin/activities/{id}", Staff),
    ("patch", "/api/v1/admin/activities/{id}", Staff),
    ("post", "/api/v1/admin/activities/{id}/products", Staff),
    ("get", "/api/v1/admin/activity-products/{id}", Staff),
    ("patch", "/api/v1/admin/activity-products/{id}", Staff),
    ("get", "/api/v1/admin/campaigns", Staff),
    ("post", "/api/v1/admin/campaigns", Staff),
    ("get", "/api/v1/admin/campaigns/{id}", Staff),
    ("patch", "/api/v1/admin/campaigns/{id}", Staff),
    ("post", "/api/v1/admin/referrers", Staff),
    ("get", "/api/v1/admin/redemptions", Staff),
    ("get", "/api/v1/admin/dead-letters", Staff),
    ("get", "/api/v1/admin/dead-letters/{id}", Staff),
    ("post", "/api/v1/admin/dead-letters/{id}/replay", Staff),
    ("get", "/api/v1/admin/outbox", Staff),
    ("get", "/api/v1/admin/exceptions", Staff),
    ("post", "/api/v1/admin/exceptions/{id}/resolve", Staff),
    ("get", "/api/v1/admin/refunds", Staff),
    ("get", "/api/v1/admin/orders/{order_no}/trace", Staff),
    ("get", "/api/v1/admin/webhooks", Staff),
    ("post", "/api/v1/admin/webhooks", Staff),
    ("get", "/api/v1/admin/webhooks/{id}", Staff),
    ("patch", "/api/v1/admin/webhooks/{id}", Staff),
    ("delete", "/api/v1/admin/webhooks/{id}", Staff),
    ("get", "/api/v1/admin/webhooks/{id}/deliveries", Staff),
    ("post", "/api/v1/admin/webhooks/{id}/ping", Staff),
    ("get", "/api/v1/admin/webhook-deliveries/{id}", Staff),
    ("post", "/api/v1/admin/webhook-deliveries/{id}/replay", Staff),
];

#[test]
fn every_operation_has_a_case() {
    let document = serde_json::to_value(sluice_api::openapi()).unwrap();
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        operations.extend(item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())));
    }
    let cases: BTreeSet<_> = CASES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(cases, operations);
    for (method, path, needs) in CASES {
        let security = &document["paths"][path][method]["security"];
        assert_eq!(security.is_array(), *needs != Nothing, "{method} {path}");
        assert_eq!(security[0]["bearer"][0] == "staff", *needs == Staff, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_roles_are_asked_for_before_anything_else() {
    let api = Running::demo().await;
    for (method, path, needs) in CASES {
        // Neither body nor headers: whoever is refused learns nothing about them.
        let (method, path) = (method.to_uppercase(), path.replace(['{', '}'], ""));
        let without = api.request(&method, &path).send().await.unwrap();
        match needs {
            Nothing => assert!(![401, 403].contains(&without.status().as_u16()) || path.contains("callback"), "{method} {path}"),
            Customer | Staff => {
                problem(without, 401, "unauthenticated").await;
            }
        }
        let customer = api.customer(&method, &path).send().await.unwrap();
        match needs {
            Staff => {
                problem(customer, 403, "forbidden").await;
            }
            Customer => assert!(![401, 403].contains(&customer.status().as_u16()), "{method} {path}"),
            Nothing => {}
        }
        if *needs == Staff {
            let staff = api.staff(&method, &path).send().await.unwrap();
            assert!(![401, 403].contains(&staff.status().as_u16()), "{method} {path}");
        }
    }
}
