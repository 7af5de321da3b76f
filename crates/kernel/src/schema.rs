//! How the kernel's values stand in an OpenAPI document (feature `schema`): ids and times are strings, money is an object.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, OneOfBuilder, RefOr, SchemaFormat,
        schema::{AdditionalProperties, Schema, Type},
    },
};

use crate::{
    ActivityId, Amount, CampaignId, Money, OrderNo, PaymentId, Points, ProductId, Quantity, RefundId, SkuId, StoreId, Timestamp,
    UserId,
};

fn text(says: &str, example: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(says)).examples([example])
}

fn whole(says: &str, example: i64) -> ObjectBuilder {
    let format = SchemaFormat::KnownFormat(KnownFormat::Int64);
    ObjectBuilder::new().schema_type(Type::Integer).format(Some(format)).description(Some(says)).examples([example])
}

macro_rules! schemas {
    ($($kind:ident: $schema:expr;)+) => {$(
        impl PartialSchema for $kind {
            fn schema() -> RefOr<Schema> {
                $schema.into()
            }
        }

        impl ToSchema for $kind {}
    )+};
}

schemas! {
    StoreId: text("Id of a store", "1");
    ProductId: text("Id of a product", "4711");
    SkuId: text("Id of a SKU", "1001");
    ActivityId: text("Id of an activity", "900");
    CampaignId: text("Id of a campaign", "77");
    UserId: text("The `sub` of a token", "42").max_length(Some(64));
    PaymentId: text("Id of a payment: 128 random bits", "6f1c2ab09d3e4b58a7c61d2e3f405162");
    RefundId: text("Id of a refund", "0b9d3e4b58a7c61d2e3f4051626f1c2a");
    OrderNo: text("Number of an order: 20 digits, the last one a check digit", "12345678901234567894").pattern(Some("^[0-9]{20}$"));
    Timestamp: text("An instant, RFC 3339 in UTC with milliseconds", "2026-05-01T08:00:00.000Z")
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    Points: whole("Points of a user's account", 100);
    Quantity: whole("Units", 2).minimum(Some(1)).maximum(Some(9999));
    Money: ObjectBuilder::new()
        .description(Some("Money in minor units."))
        .property("amount", whole("Minor units (fen, cents).", 1999))
        .property("currency", text("ISO 4217.", "CNY").pattern(Some("^[A-Z]{3}$")))
        .required("amount")
        .required("currency");
    Amount: OneOfBuilder::new()
        .item(i64::schema())
        .item(given_money())
        .description(Some("Whole minor units, or money in the store's currency."))
        .examples([1999]);
}

/// Money in a request.
fn given_money() -> ObjectBuilder {
    let format = SchemaFormat::KnownFormat(KnownFormat::Int64);
    let amount =
        ObjectBuilder::new().schema_type(Type::Integer).format(Some(format)).description(Some("Minor units (fen, cents)."));
    let currency = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("ISO 4217, the store's."))
        .min_length(Some(3))
        .max_length(Some(3))
        .pattern(Some("^[A-Z]{3}$"));
    ObjectBuilder::new()
        .description(Some("Money in a request."))
        .property("amount", amount)
        .property("currency", currency)
        .required("amount")
        .required("currency")
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
}
