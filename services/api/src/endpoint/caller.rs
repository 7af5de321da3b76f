//! Who asks: [`Customer`] admits any valid token (staff may shop as well), [`Staff`] asks for the role. Stand first among a
//! handler's arguments, so that nobody learns anything before being known.

use std::{
    future::{Ready, ready},
    ops::Deref,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header};

use super::description::{Describes, Description};
use crate::{
    auth::{Caller, Role},
    problem::{Answer, Problem},
    state::Api,
};

/// Any valid token.
pub struct Customer(pub Caller);

/// A valid token with the role `staff`.
pub struct Staff(pub Caller);

fn caller(request: &HttpRequest) -> Answer<Caller> {
    let refused = || Problem::new("unauthenticated", "Send a valid token as Authorization: Bearer.");
    let api = Api::of(request).ok_or_else(refused)?;
    let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(refused)?;
    let (scheme, token) = value.split_once(' ').ok_or_else(refused)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(refused());
    }
    api.tokens.verify(token.trim(), api.shop.clock.now()).ok_or_else(refused)
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

impl Describes for Staff {
    fn describe(operation: &mut Description) {
        operation.needs_token(&["staff"]);
        operation.refuses(&["unauthenticated", "forbidden"]);
    }
}
