//! Who reads what a store shows to everybody: any valid token, or no token and the store in the query, where the store's
//! setting `public_catalog` allows it.

use std::time::Duration;

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header};
use futures_util::{FutureExt as _, future::LocalBoxFuture};
use sluice_catalog::CatalogError;
use sluice_kernel::StoreId;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::{PartialSchema as _, openapi::path::ParameterIn};

use super::{
    caller::Customer,
    description::{Describes, Description},
    page::{Filter, Query},
};
use crate::{
    problem::{Answer, Problem},
    state::Api,
};

/// The parameter that names the store.
const STORE: &str = "store_id";

/// Somebody who may read the catalog of this store.
pub struct Visitor {
    pub store: StoreId,
    /// Of those who read without a token: together they take a share of the database at most.
    _permit: Option<OwnedSemaphorePermit>,
}

/// How long somebody without a token waits for his turn.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(1);

fn named_store(request: &HttpRequest) -> Answer<Option<StoreId>> {
    let invalid = || Problem::invalid(format!("/query/{STORE}"), "the id of a store");
    let named = Query::of(request)?.text(STORE);
    named.map(|text| text.parse().ok().filter(|store: &StoreId| store.0 > 0).ok_or_else(invalid)).transpose()
}

async fn anybody(request: HttpRequest) -> Answer<Visitor> {
    let (Some(store), Some(api)) = (named_store(&request)?, Api::of(&request).cloned()) else {
        return Err(Problem::unauthenticated());
    };
    let turn = api.public_reads.clone().acquire_owned();
    let Ok(Ok(permit)) = tokio::time::timeout(PERMIT_TIMEOUT, turn).await else {
        return Err(Problem::new("overloaded", "Too many read without a token; try again soon."));
    };
    let found = api.call(|shop| async move {
        match shop.catalog.store(store).await {
            Ok(store) => Ok(store.settings.public_catalog),
            // Which stores there are is nobody's to find out.
            Err(CatalogError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    });
    if found.await? { Ok(Visitor { store, _permit: Some(permit) }) } else { Err(Problem::unauthenticated()) }
}

fn of_token(request: &HttpRequest, customer: &Customer) -> Answer<Visitor> {
    let store = customer.store;
    match named_store(request)? {
        Some(other) if other != store => Err(Problem::invalid(format!("/query/{STORE}"), "not the store of the token")),
        Some(_) | None => Ok(Visitor { store, _permit: None }),
    }
}

impl FromRequest for Visitor {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Answer<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        if !request.headers().contains_key(header::AUTHORIZATION) {
            return anybody(request).boxed_local();
        }
        let customer = Customer::from_request(&request, payload);
        async move { of_token(&request, &customer.await?) }.boxed_local()
    }
}

impl Describes for Visitor {
    fn describe(operation: &mut Description) {
        Customer::describe(operation);
        operation.token_may_be_left_out();
        let says = "In place of a token: a store whose setting `public_catalog` lets everybody read it";
        operation.parameter(STORE, ParameterIn::Query, false, says, StoreId::schema());
        operation.refuses(&["invalid_field"]);
    }
}

/// Filters of a list that [`Visitor`] reads its store of.
pub struct OfStore<F = ()>(pub F);

impl<F: Filter> Filter for OfStore<F> {
    fn take(query: &mut Query) -> Answer<Self> {
        query.text(STORE);
        F::take(query).map(Self)
    }

    fn describe(operation: &mut Description) {
        F::describe(operation);
    }
}
