//! Query parameters of lists.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use serde::Serialize;
use sluice_kernel::{Page, PageRequest};
use sluice_order::OrderStatus;
use utoipa::ToSchema;

use crate::problem::{Answer, Problem};

/// A page of a list, newest first.
#[derive(Serialize, ToSchema)]
pub struct ListAnswer<T> {
    pub data: Vec<T>,
    /// Send it as `cursor` to go on; null at the end.
    pub next_cursor: Option<String>,
    pub has_more: bool,
}

impl<T> From<Page<T>> for ListAnswer<T> {
    fn from(page: Page<T>) -> Self {
        Self { data: page.data, next_cursor: page.next_cursor, has_more: page.has_more }
    }
}

impl<T> ListAnswer<T> {
    /// A list that is short by nature.
    pub fn whole(data: Vec<T>) -> Self {
        Self { data, next_cursor: None, has_more: false }
    }
}

/// The query's parameters; each route takes the ones it knows, what is left is refused.
pub struct ListQuery(Vec<(String, String)>);

impl FromRequest for ListQuery {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        let unreadable = |_| Problem::new("malformed_request", "The query is not readable.");
        ready(pairs.map(|pairs| Self(pairs.into_inner())).map_err(unreadable))
    }
}

impl ListQuery {
    fn take(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(place).1)
    }

    /// `limit` and `cursor`; call it last.
    pub fn page(mut self) -> Answer<PageRequest> {
        let limit = match self.take("limit") {
            None => PageRequest::DEFAULT_LIMIT,
            Some(text) => {
                let limit = text.parse().ok().filter(|limit| (1..=PageRequest::MAX_LIMIT).contains(limit));
                limit.ok_or_else(|| Problem::invalid("/query/limit", "a whole number from 1 to 100"))?
            }
        };
        let after = match self.take("cursor") {
            None => None,
            Some(text) => {
                let cursor = PageRequest::parse_cursor(&text);
                Some(cursor.map_err(|_| Problem::new("invalid_cursor", "Send a next_cursor of this list, or none."))?)
            }
        };
        match self.0.first() {
            None => Ok(PageRequest { limit, after }),
            Some((name, _)) => Err(Problem::of_field("unknown_field", format!("/query/{name}"), "not known here")),
        }
    }

    pub fn status(&mut self) -> Answer<Option<OrderStatus>> {
        let Some(text) = self.take("status") else {
            return Ok(None);
        };
        let unknown = || Problem::invalid("/query/status", "not a status of orders");
        OrderStatus::parse(&text).map(Some).ok_or_else(unknown)
    }

    /// A parameter as text.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.take(name)
    }
}
