//! The AsyncAPI 3 document of the topics: what is published, under which key, with which payload.

use serde_json::{Map, Value, json};
use sluice_events::{Envelope, Topic};

/// A topic's message: its CloudEvents type, its summary, its key, who consumes it, and the payload's properties.
struct Message {
    topic: Topic,
    kind: &'static str,
    name: &'static str,
    summary: &'static str,
    key: &'static str,
    consumers: &'static str,
}

const MESSAGES: [Message; 7] = [
    Message {
        topic: Topic::OrderCreated,
        kind: "sluice.order.created.v1",
        name: "OrderCreated",
        summary: "An order was placed, with its lines.",
        key: "order number",
        consumers: "cart, member, promotion",
    },
    Message {
        topic: Topic::StockSync,
        kind: "sluice.stock.moved.v1",
        name: "StockMoved",
        summary: "One stock movement of one SKU: reserve, sell, release, restock or adjust.",
        key: "SKU id",
        consumers: "inventory",
    },
    Message {
        topic: Topic::AutoCancel,
        kind: "sluice.order.payment-window-closed.v1",
        name: "PaymentWindowClosed",
        summary: "The payment window of this order has closed.",
        key: "order number",
        consumers: "order",
    },
    Message {
        topic: Topic::PaymentSettled,
        kind: "sluice.payment.settled.v1",
        name: "PaymentSettled",
        summary: "A payment was paid or failed, or a refund was done.",
        key: "order number",
        consumers: "order",
    },
    Message {
        topic: Topic::OrderPaid,
        kind: "sluice.order.paid.v1",
        name: "OrderPaid",
        summary: "An order became paid.",
        key: "order number",
        consumers: "inventory, member, promotion, partner push",
    },
    Message {
        topic: Topic::OrderCancelled,
        kind: "sluice.order.cancelled.v1",
        name: "OrderCancelled",
        summary: "An order was cancelled, or failed.",
        key: "order number",
        consumers: "inventory, member, promotion, partner push",
    },
    Message {
        topic: Topic::OrderRefunded,
        kind: "sluice.order.refunded.v1",
        name: "OrderRefunded",
        summary: "A refund took effect on an order.",
        key: "order number",
        consumers: "inventory, member, promotion, partner push",
    },
];

/// Every topic and its dead letters.
pub fn asyncapi() -> Value {
    let mut channels = Map::new();
    let mut operations = Map::new();
    let mut messages = Map::new();
    for message in &MESSAGES {
        let topic = message.topic.name();
        channels.insert(topic.to_owned(), channel(topic, message, message.summary));
        let dead_letters = message.topic.dead_letter_name();
        let summary = format!("Events of {topic} that could not be handled, with their headers, offset, attempts and error code.");
        channels.insert(dead_letters.clone(), channel(&dead_letters, message, &summary));
        let operation = json!({
            "action": "send",
            "channel": {"$ref": format!("#/channels/{topic}")},
            "summary": message.summary,
            "description": format!("Consumed by {}; at least once, each consumer is idempotent by ce_id.", message.consumers),
        });
        operations.insert(format!("publish-{topic}"), operation);
        messages.insert(message.name.to_owned(), described(message));
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sluice events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "CloudEvents 1.0 in binary mode: attributes as ce_* headers, the payload as a JSON value. Delivery is at least once, in \
                order per key. Additive change keeps the version; a breaking one is a new type beside the old.",
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": "localhost:9092", "protocol": "kafka"}},
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas()},
    })
}

fn channel(address: &str, message: &Message, summary: &str) -> Value {
    let reference = json!({"$ref": format!("#/components/messages/{}", message.name)});
    json!({"address": address, "description": summary, "messages": {message.name: reference}})
}

fn described(message: &Message) -> Value {
    json!({
        "name": message.kind,
        "title": message.name,
        "summary": message.summary,
        "contentType": "application/json",
        "headers": headers(message.kind),
        "payload": {"$ref": format!("#/components/schemas/{}", message.name)},
        "bindings": {"kafka": {"key": {"type": "string", "description": message.key}}},
    })
}

fn headers(kind: &str) -> Value {
    json!({
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"],
        "properties": {
            "ce_specversion": {"const": Envelope::SPEC_VERSION},
            "ce_id": {"type": "string", "description": "The same however often the event is published."},
            "ce_source": {"const": Envelope::SOURCE},
            "ce_type": {"const": kind},
            "ce_time": {"type": "string", "format": "date-time", "description": "When it happened."},
            "traceparent": {"type": "string", "description": "W3C trace context of the request that caused it."},
        },
    })
}

fn object(required: &[&str], properties: &Value) -> Value {
    json!({"type": "object", "required": required, "properties": properties})
}

fn list_of(name: &str) -> Value {
    json!({"type": "array", "items": {"$ref": format!("#/components/schemas/{name}")}})
}

fn schemas() -> Value {
    let (text, whole, time) =
        (json!({"type": "string"}), json!({"type": "integer"}), json!({"type": "string", "format": "date-time"}));
    let money = json!({"$ref": "#/components/schemas/Money"});
    let kind = json!({"enum": ["cart", "activity"]});
    let activity = json!({"$ref": "#/components/schemas/ActivityOrder", "description": "Only where `kind` is activity."});
    let points = json!({"type": "integer", "description": "Only where the provider is points."});
    json!({
        "Money": object(&["amount", "currency"], &json!({
            "amount": {"type": "integer", "description": "Minor units."}, "currency": {"type": "string", "description": "ISO 4217."}})),
        "OrderLine": object(&["sku_id", "product_id", "quantity", "unit_price", "unit_points"], &json!({
            "sku_id": text, "product_id": text, "quantity": whole, "unit_price": money, "unit_points": whole})),
        "ActivityOrder": object(
            &["activity_id", "product_id", "pay_type", "discount", "quantity", "unit_profit", "total_profit"],
            &json!({"activity_id": text, "product_id": text, "campaign_id": text, "pay_type": {"enum": ["cash", "points"]},
                "discount": {"type": "string", "description": "Decimal, above 0 and at most 1."}, "quantity": whole,
                "promoter": text, "unit_profit": whole, "total_profit": whole})),
        "RestockLine": object(&["sku_id", "quantity"], &json!({"sku_id": text, "quantity": whole})),
        "OrderCreated": object(
            &["order_no", "kind", "store_id", "user_id", "total", "points_total", "lines", "created_at", "expires_at"],
            &json!({"order_no": text, "kind": kind, "store_id": text, "user_id": text, "total": money, "points_total": whole,
                "lines": list_of("OrderLine"), "activity": activity, "created_at": time, "expires_at": time})),
        "StockMoved": object(&["movement_id", "store_id", "sku_id", "kind", "quantity", "at"], &json!({
            "movement_id": {"type": "string", "description": "Reservation, refund or adjustment; with sku_id and kind unique."},
            "store_id": text, "sku_id": text, "kind": {"enum": ["reserve", "sell", "release", "restock", "adjust"]},
            "quantity": {"type": "integer", "description": "Negative only for an adjustment downwards."},
            "order_no": text, "reason": text, "at": time})),
        "PaymentWindowClosed": object(&["order_no", "store_id", "expires_at"], &json!({
            "order_no": text, "store_id": text, "expires_at": time})),
        "PaymentSettled": object(&["order_no", "store_id", "payment_id", "provider", "status", "amount", "at"], &json!({
            "order_no": text, "store_id": text, "payment_id": text, "provider": text,
            "status": {"enum": ["paid", "failed", "refunded"]}, "amount": money, "points": points, "refund_id": text,
            "restock": list_of("RestockLine"), "at": time})),
        "OrderPaid": object(
            &["order_no", "kind", "store_id", "user_id", "total", "points_total", "payment_id", "lines", "paid_at"],
            &json!({"order_no": text, "kind": kind, "store_id": text, "user_id": text, "total": money, "points_total": whole,
                "payment_id": text, "lines": list_of("OrderLine"), "activity": activity, "paid_at": time})),
        "OrderCancelled": object(&["order_no", "kind", "store_id", "user_id", "status", "lines", "at"], &json!({
            "order_no": text, "kind": kind, "store_id": text, "user_id": text, "status": {"enum": ["cancelled", "failed"]},
            "reason": text, "lines": list_of("OrderLine"), "activity": activity, "at": time})),
        "OrderRefunded": object(
            &["order_no", "kind", "store_id", "user_id", "status", "refund_status", "refund_id", "amount", "at"],
            &json!({"order_no": text, "kind": kind, "store_id": text, "user_id": text, "status": text,
                "refund_status": {"enum": ["partial", "full"]}, "refund_id": text, "amount": money,
                "restocked": list_of("RestockLine"), "points": whole, "activity": activity, "at": time})),
    })
}
