//! The one parameter of a path, as the id it is. What cannot be an id names nothing: 404.

use std::{
    future::{Ready, ready},
    ops::Deref,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use sluice_events::DeadLetterId;
use sluice_kernel::{ActivityId, CampaignId, OrderNo, PaymentId, ProductId, SkuId};
use sluice_member::AddressId;
use sluice_partner::{DeliveryId, SubscriptionId};
use utoipa::{
    PartialSchema,
    openapi::{
        ObjectBuilder, RefOr,
        schema::{Schema, Type},
    },
};

use super::description::{Describes, Description};
use crate::{
    fields,
    problem::{Answer, Problem},
};

pub struct Id<T>(pub T);

/// What may stand in a path.
pub trait PathId: Sized {
    /// What it names, for the document.
    const NAMES: &'static str;

    fn read(segment: &str) -> Answer<Self>;

    fn schema() -> RefOr<Schema> {
        <String as PartialSchema>::schema()
    }
}

impl<T> Deref for Id<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: PathId> FromRequest for Id<T> {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let segment = web::Path::<String>::from_request(request, payload).into_inner();
        ready(segment.map_err(|_| Problem::not_found()).and_then(|segment| T::read(&segment)).map(Self))
    }
}

impl<T: PathId> Describes for Id<T> {
    fn describe(operation: &mut Description) {
        operation.path_parameter(T::NAMES, T::schema());
        operation.refuses(&["not_found"]);
    }
}

macro_rules! numbers {
    ($($id:ident: $names:literal),+ $(,)?) => {$(
        impl PathId for $id {
            const NAMES: &'static str = $names;

            fn read(segment: &str) -> Answer<Self> {
                fields::id(segment).map($id)
            }
        }
    )+};
}

numbers! {
    ProductId: "Id of the product",
    SkuId: "Id of the SKU",
    ActivityId: "Id of the activity",
    CampaignId: "Id of the campaign",
    AddressId: "Id of the address",
    SubscriptionId: "Id of the subscription",
    DeadLetterId: "Id of the dead letter",
}

impl PathId for OrderNo {
    const NAMES: &'static str = "Number of the order";

    fn read(segment: &str) -> Answer<Self> {
        segment.parse().map_err(|_| Problem::not_found())
    }
}

impl PathId for PaymentId {
    const NAMES: &'static str = "Id of the payment";

    fn read(segment: &str) -> Answer<Self> {
        Ok(Self(segment.to_owned()))
    }
}

impl PathId for DeliveryId {
    const NAMES: &'static str = "Id of the delivery: the webhook-id";

    fn read(segment: &str) -> Answer<Self> {
        Ok(Self(segment.to_owned()))
    }
}

/// A payment provider, known or not.
pub struct ProviderName(pub String);

impl PathId for ProviderName {
    const NAMES: &'static str = "Name of the provider, for instance sandbox";

    fn read(segment: &str) -> Answer<Self> {
        Ok(Self(segment.to_owned()))
    }

    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).max_length(Some(32)).into()
    }
}

/// What has a number and no name of its own.
impl PathId for i64 {
    const NAMES: &'static str = "The number in the list";

    fn read(segment: &str) -> Answer<Self> {
        fields::id(segment)
    }
}

/// As a client writes it: whatever stands there.
impl PathId for String {
    const NAMES: &'static str = "The id";

    fn read(segment: &str) -> Answer<Self> {
        Ok(segment.to_owned())
    }
}
