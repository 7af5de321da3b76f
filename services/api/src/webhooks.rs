//! `webhooks` of the OpenAPI document: what partners are sent (docs/partners.md). A test compares it with the samples of
//! `sluice-partner`, which writes the messages.

#![expect(dead_code, reason = "schemas: sluice-partner writes these messages")]

use sluice_kernel::{ActivityId, CampaignId, Money, OrderNo, Points, ProductId, RefundId, SkuId, StoreId, Timestamp, UserId};
use utoipa::{
    PartialSchema as _, ToSchema,
    openapi::{
        HttpMethod, ObjectBuilder, OneOfBuilder, OpenApi, PathItem, Paths, RefOr,
        path::ParameterIn,
        schema::{Schema, Type},
    },
};

use crate::{
    endpoint::{Description, json_content},
    responses::words,
};

/// Adds one webhook for each type of event.
pub fn describe(document: &mut OpenApi) {
    let mut paths = Paths::new();
    let mut add = |kind, summary, data: fn(&mut Description) -> RefOr<Schema>| {
        let (item, schemas) = webhook(kind, summary, data);
        paths.paths.insert(kind.to_owned(), item);
        document.components.get_or_insert_default().schemas.extend(schemas);
    };
    add("order.paid", "An order was paid, in money or points", |message| {
        let (activity, cart) = (message.schema::<ActivityOrderPaid>(), message.schema::<CartOrderPaid>());
        OneOfBuilder::new().item(activity).item(cart).into()
    });
    add(
        "order.cancelled",
        "An order was cancelled, or failed because its points were refused",
        Description::schema::<PartnerOrderCancelled>,
    );
    add("order.refunded", "Money or points went back, all or a part", Description::schema::<PartnerOrderRefunded>);
    add("referral", "For the promotion system: an activity order was paid, or all of it refunded", Description::schema::<Referral>);
    add("ping", "A test message that staff sent", Description::schema::<Ping>);
    document.webhooks = Some(paths);
}

fn webhook(
    kind: &'static str,
    summary: &'static str,
    data: fn(&mut Description) -> RefOr<Schema>,
) -> (PathItem, std::collections::BTreeMap<String, RefOr<Schema>>) {
    let mut message = Description::new("");
    for (name, says) in [
        ("webhook-id", "The same in every try and replay of a message"),
        ("webhook-timestamp", "Seconds since 1970; refuse what is more than five minutes away"),
        ("webhook-signature", "One or two signatures, `v1,` and base64 each (Standard Webhooks)"),
    ] {
        message.parameter(name, ParameterIn::Header, true, says, String::schema());
    }
    let data = data(&mut message);
    let body = ObjectBuilder::new()
        .property("type", ObjectBuilder::new().schema_type(Type::String).enum_values(Some([kind])))
        .property("timestamp", message.schema::<Timestamp>())
        .property("data", data)
        .required("type")
        .required("timestamp")
        .required("data");
    message.takes(true, None, vec![("application/json", json_content(body))]);
    message.gives(200, "Any status from 200 to 299 accepts the message; with any other it is sent again later");
    let (operation, schemas) = message.into_operation();
    (PathItem::new(HttpMethod::Post, operation.summary(Some(summary)).tag("partner")), schemas)
}

#[derive(ToSchema)]
enum ReceiverType {
    #[schema(rename = "physical")]
    Physical,
    #[schema(rename = "virtual")]
    Virtual,
}

#[derive(ToSchema)]
struct ActivityOrderPaid {
    store_id: StoreId,
    order_no: OrderNo,
    kind: words::OrderKind,
    user_id: UserId,
    activity_id: ActivityId,
    pay_type: words::PayType,
    /// Cash-equivalent price of one unit.
    unit_price: Money,
    /// Cash-equivalent price of all units.
    total: Money,
    pay_money: Money,
    points: Points,
    /// Always "0.00".
    freight: String,
    receiver_type: ReceiverType,
    recipient: PartnerRecipient,
    product_id: ProductId,
    title: String,
    #[schema(required)]
    customer_product_id: Option<String>,
    count: i64,
    paid_at: Timestamp,
}

#[derive(ToSchema)]
struct CartOrderPaid {
    store_id: StoreId,
    order_no: OrderNo,
    kind: words::OrderKind,
    user_id: UserId,
    total: Money,
    pay_money: Money,
    points: Points,
    /// Always "0.00".
    freight: String,
    receiver_type: ReceiverType,
    recipient: PartnerRecipient,
    items: Vec<PartnerItem>,
    paid_at: Timestamp,
}

#[derive(ToSchema)]
struct PartnerRecipient {
    #[schema(required)]
    name: Option<String>,
    #[schema(required)]
    phone: Option<String>,
    #[schema(required)]
    id_card: Option<String>,
    #[schema(required)]
    province: Option<String>,
    #[schema(required)]
    city: Option<String>,
    #[schema(required)]
    district: Option<String>,
    #[schema(required)]
    address: Option<String>,
}

#[derive(ToSchema)]
struct PartnerItem {
    sku_id: SkuId,
    product_id: ProductId,
    title: String,
    spec: String,
    #[schema(required)]
    customer_product_id: Option<String>,
    count: i64,
    unit_price: Money,
    total: Money,
}

#[derive(ToSchema)]
struct PartnerOrderCancelled {
    store_id: StoreId,
    order_no: OrderNo,
    kind: words::OrderKind,
    user_id: UserId,
    #[schema(required)]
    activity_id: Option<ActivityId>,
    /// `failed` where the points were refused.
    status: words::OrderStatus,
    #[schema(required)]
    reason: Option<String>,
    items: Vec<PartnerCount>,
    at: Timestamp,
}

#[derive(ToSchema)]
struct PartnerOrderRefunded {
    store_id: StoreId,
    order_no: OrderNo,
    kind: words::OrderKind,
    user_id: UserId,
    #[schema(required)]
    activity_id: Option<ActivityId>,
    status: words::OrderStatus,
    refund_status: words::RefundState,
    refund_id: RefundId,
    amount: Money,
    points: Points,
    restocked: Vec<PartnerCount>,
    at: Timestamp,
}

#[derive(ToSchema)]
struct PartnerCount {
    sku_id: SkuId,
    count: i64,
}

#[derive(ToSchema)]
enum ReferralState {
    #[schema(rename = "paid")]
    Paid,
    #[schema(rename = "refunded")]
    Refunded,
}

#[derive(ToSchema)]
struct Referral {
    store_id: StoreId,
    user_id: UserId,
    order_no: OrderNo,
    activity_id: ActivityId,
    #[schema(required)]
    campaign_id: Option<CampaignId>,
    product_id: ProductId,
    count: i64,
    cash: Money,
    points: Points,
    unit_profit: Money,
    total_profit: Money,
    #[schema(required)]
    promoter: Option<String>,
    state: ReferralState,
    time: Timestamp,
}

/// `data` of `ping`.
#[derive(ToSchema)]
struct Ping {
    store_id: StoreId,
    subscription_id: String,
}
