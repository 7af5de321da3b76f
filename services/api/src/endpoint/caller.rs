//! Who asks: [`Customer`] admits any valid token (staff may shop as well), [`Staff`] asks for the role. Stand first among a
//! handler's arguments, so that nobody learns anything before being known.

use std::{
    future::{Ready, ready},
    ops::Deref,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header};
use utoipa::{PartialSchema as _, openapi::path::ParameterIn};

use super::{
    description::{Describes, Description},
    page::Query,
};
use crate::{
    auth::{Caller, Role},
    problem::{Answer, Problem},
    state::Api,
};

/// Any valid token.
pub struct Customer(pub Caller);

/// A valid token with the role `staff`.
pub struct Staff(pub Caller);

/// A valid token, or the ticket in the query that stands for one.
pub enum Follower {
    Known(Caller),
    Ticket(String),
}

fn caller(request: &HttpRequest) -> Answer<Caller> {
    let api = Api::of(request).ok_or_else(Problem::unauthenticated)?;
    let value = request.headers().get(header::AUTHORIZATION).ok_or_else(Problem::unauthenticated)?;
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(Problem::unauthenticated)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::unauthenticated());
    }
    api.tokens.verify(token.trim(), api.shop.clock.now()).ok_or_else(Problem::invalid_token)
}

impl FromRequest for Customer {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller(request).map(Self))
    }
}

impl FromRequest for Staff {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller(request).and_then(|caller| match caller.role {
            Role::Staff => Ok(Self(caller)),
            Role::Customer => Err(Problem::new("forbidden", "This needs a token with the role staff.")),
        }))
    }
}

impl FromRequest for Follower {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let ticket = if request.headers().contains_key(header::AUTHORIZATION) { None } else { ticket(request) };
        ready(ticket.map_or_else(|| caller(request).map(Self::Known), |ticket| Ok(Self::Ticket(ticket))))
    }
}

fn ticket(request: &HttpRequest) -> Option<String> {
    Query::of(request).ok()?.text("ticket")
}

impl Deref for Customer {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl Deref for Staff {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl Describes for Customer {
    fn describe(operation: &mut Description) {
        operation.needs_token(&[]);
        operation.refuses(&["unauthenticated"]);
    }
}

impl Describes for Follower {
    fn describe(operation: &mut Description) {
        Customer::describe(operation);
        operation.token_may_be_left_out();
        let says = "In place of a token: what events-ticket gave for this order. It is for one use and a minute";
        operation.parameter("ticket", ParameterIn::Query, false, says, String::schema());
    }
}

impl Describes for Staff {
    fn describe(operation: &mut Description) {
        operation.needs_token(&["staff"]);
        operation.refuses(&["unauthenticated", "forbidden"]);
    }
}
