//! Lists: `limit`, `cursor` and the filters a list knows. A parameter it does not know is refused.

use std::{
    fmt::Display,
    future::{Ready, ready},
    str::FromStr,
};

use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, body::BoxBody, dev::Payload, web};
use serde::{
    Serialize,
    de::value::{Error as ValueError, StrDeserializer},
};
use sluice_kernel::{Page, PageRequest, Timestamp, time::given};
use utoipa::{
    PartialSchema as _, ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder, RefOr,
        path::ParameterIn,
        schema::{Schema, SchemaType, Type},
    },
};

use super::description::{Describes, Description, json_content};
use crate::{
    fields,
    problem::{Answer, Problem},
};

/// A page of a list, newest first.
#[derive(Serialize)]
pub struct Paged<T> {
    data: Vec<T>,
    next_cursor: Option<String>,
    has_more: bool,
}

impl<T> Paged<T> {
    pub fn of<V>(page: Page<V>) -> Self
    where
        T: From<V>,
    {
        Self::from(page.map(T::from))
    }

    /// A list that is short by nature.
    pub fn whole<V>(entries: Vec<V>) -> Self
    where
        T: From<V>,
    {
        Self { data: entries.into_iter().map(T::from).collect(), next_cursor: None, has_more: false }
    }
}

impl<T> From<Page<T>> for Paged<T> {
    fn from(page: Page<T>) -> Self {
        Self { data: page.data, next_cursor: page.next_cursor, has_more: page.has_more }
    }
}

impl<T: Serialize> Responder for Paged<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().json(self)
    }
}

impl<T: ToSchema> Describes for Paged<T> {
    fn describe(operation: &mut Description) {
        let entry = operation.schema::<T>();
        let cursor = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some("Send it as `cursor` to go on; null at the end."));
        let list = ObjectBuilder::new()
            .property("data", ArrayBuilder::new().items(entry))
            .property("next_cursor", cursor)
            .property("has_more", bool::schema())
            .required("data")
            .required("next_cursor")
            .required("has_more");
        let schema = operation.named_schema(format!("{}List", T::name()), Schema::from(list.build()));
        operation.gives(200, "A page, newest first");
        operation.with_content("application/json", json_content(schema));
    }
}

/// What a list lets its caller choose, beyond the page.
pub trait Filter: Sized {
    fn take(query: &mut Query) -> Answer<Self>;
    fn describe(operation: &mut Description);
}

impl Filter for () {
    fn take(_: &mut Query) -> Answer<Self> {
        Ok(())
    }

    fn describe(_: &mut Description) {}
}

/// The page that is asked for, and of what.
pub struct PageParams<F = ()> {
    pub page: PageRequest,
    pub filter: F,
}

impl<F: Filter> FromRequest for PageParams<F> {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = |mut query: Query| {
            let filter = F::take(&mut query)?;
            Ok(Self { page: query.page()?, filter })
        };
        ready(Query::of(request).and_then(read))
    }
}

impl<F: Filter> Describes for PageParams<F> {
    fn describe(operation: &mut Description) {
        F::describe(operation);
        let limit = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(100)).default(Some(20.into()));
        operation.parameter("limit", ParameterIn::Query, false, "Entries of a page, 1 to 100", limit.into());
        let cursor = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^c[0-9a-f]{16}$"));
        operation.parameter("cursor", ParameterIn::Query, false, "next_cursor of the page before", cursor.into());
        operation.refuses(&["malformed_request", "invalid_cursor", "unknown_field", "invalid_field"]);
    }
}

/// The filters of what is not read page by page.
pub struct Filtered<F>(pub F);

impl<F: Filter> FromRequest for Filtered<F> {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = |mut query: Query| {
            let filter = F::take(&mut query)?;
            query.end().map(|()| Self(filter))
        };
        ready(Query::of(request).and_then(read))
    }
}

impl<F: Filter> Describes for Filtered<F> {
    fn describe(operation: &mut Description) {
        F::describe(operation);
        operation.refuses(&["malformed_request", "unknown_field", "invalid_field"]);
    }
}

/// The query's parameters; each is taken out by whoever knows it.
pub struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(request: &HttpRequest) -> Answer<Self> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        pairs.map(|pairs| Self(pairs.into_inner())).map_err(|_| Problem::new("malformed_request", "The query is not readable."))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(place).1)
    }

    /// A parameter that has only certain values; `reason` says what is wrong with any other.
    pub fn one_of<T>(&mut self, name: &str, read: impl Fn(&str) -> Option<T>, reason: &'static str) -> Answer<Option<T>> {
        let unknown = || Problem::invalid(format!("/query/{name}"), reason);
        self.take(name).map(|text| read(&text).ok_or_else(unknown)).transpose()
    }

    /// A text; what it may say is its service's to check.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.take(name)
    }

    /// Ids with commas between them; one that cannot be ours names nothing. How many there may be is their service's to check.
    pub fn ids<T: FromStr + Display>(&mut self, name: &str) -> Option<Vec<T>> {
        let text = self.take(name)?;
        Some(text.split(',').filter_map(|id| fields::id(id).ok()).collect())
    }

    /// A time between the years 2000 and 9000 (RFC 3339).
    pub fn time(&mut self, name: &str) -> Answer<Option<Timestamp>> {
        let read = |text: &str| given(StrDeserializer::<ValueError>::new(text)).ok();
        self.one_of(name, read, "a time between the years 2000 and 9000, as 2026-11-26T10:00:00Z")
    }

    /// What is left: `limit`, `cursor`, and nothing else.
    fn page(mut self) -> Answer<PageRequest> {
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
        self.end()?;
        Ok(PageRequest { limit, after })
    }

    /// Nothing is left that nobody knows.
    fn end(self) -> Answer<()> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(Problem::of_field("unknown_field", format!("/query/{name}"), "not known here")),
        }
    }
}

impl Description {
    /// A filter of a list.
    pub fn filter(&mut self, name: &str, says: &str, schema: RefOr<Schema>) {
        self.parameter(name, ParameterIn::Query, false, says, schema);
    }
}
