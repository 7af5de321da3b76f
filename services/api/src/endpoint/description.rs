//! An operation of the OpenAPI document, put together from the types its handler takes and gives.

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Content, ContentBuilder, Header, Ref, RefOr, Required, Response, ResponseBuilder, ResponsesBuilder,
        path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        request_body::{RequestBody, RequestBodyBuilder},
        schema::Schema,
        security::SecurityRequirement,
    },
};

use crate::{
    error_codes,
    problem::{Problem, ProblemBody},
    state::Api,
};

/// A type that says what it means for an operation.
pub trait Describes {
    fn describe(operation: &mut Description);
}

/// Schemas by the name they are referred to.
pub type Schemas = BTreeMap<String, RefOr<Schema>>;

/// The parts of one operation.
pub struct Description {
    path: &'static str,
    /// Any of them will do.
    security: Vec<SecurityRequirement>,
    parameters: Vec<Parameter>,
    body: Option<RequestBody>,
    status: u16,
    success: Response,
    others: BTreeMap<u16, Response>,
    /// Codes by status, in the order they were named.
    refusals: BTreeMap<u16, Vec<&'static str>>,
    schemas: Schemas,
}

pub fn json_content(schema: impl Into<RefOr<Schema>>) -> Content {
    Content::new(Some(schema))
}

fn header(says: &str) -> Header {
    let mut header = Header::new(String::schema());
    header.description = Some(says.to_owned());
    header
}

impl Description {
    pub fn new(path: &'static str) -> Self {
        Self {
            path,
            security: Vec::new(),
            parameters: Vec::new(),
            body: None,
            status: 200,
            success: Response::new("The answer"),
            others: BTreeMap::new(),
            refusals: BTreeMap::new(),
            schemas: Schemas::new(),
        }
    }

    /// A reference to the type's schema, which becomes a component of the document.
    pub fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let name = T::name().into_owned();
        let mut schemas = vec![(name.clone(), T::schema())];
        T::schemas(&mut schemas);
        self.schemas.extend(schemas);
        RefOr::Ref(Ref::from_schema_name(name))
    }

    /// A reference to a schema that no type stands for.
    pub fn named_schema(&mut self, name: String, schema: impl Into<RefOr<Schema>>) -> RefOr<Schema> {
        self.schemas.insert(name.clone(), schema.into());
        RefOr::Ref(Ref::from_schema_name(name))
    }

    /// Needs a bearer token with these roles.
    pub fn needs_token(&mut self, roles: &[&str]) {
        self.security = vec![SecurityRequirement::new("bearer", roles.iter().copied())];
    }

    /// Something else may stand for the token.
    pub fn token_may_be_left_out(&mut self) {
        self.security.push(SecurityRequirement::default());
    }

    /// The parameter in the path.
    pub fn path_parameter(&mut self, says: &str, schema: RefOr<Schema>) {
        let name = self.path.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("id", |(name, _)| name);
        self.parameter(name, ParameterIn::Path, true, says, schema);
    }

    pub fn parameter(&mut self, name: &str, place: ParameterIn, required: bool, says: &str, schema: RefOr<Schema>) {
        let required = if required { Required::True } else { Required::False };
        let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(required);
        self.parameters.push(parameter.description(Some(says)).schema(Some(schema)).build());
    }

    pub fn takes(&mut self, required: bool, says: Option<&str>, contents: Vec<(&str, Content)>) {
        let required = if required { Required::True } else { Required::False };
        let body = RequestBodyBuilder::new().required(Some(required)).description(says);
        self.body = Some(contents.into_iter().fold(body, |body, (kind, content)| body.content(kind, content)).build());
    }

    /// What a success is: the last word counts, so a responder around another one changes what that said.
    pub fn gives(&mut self, status: u16, says: &str) {
        self.status = status;
        says.clone_into(&mut self.success.description);
    }

    pub fn with_content(&mut self, kind: &str, content: Content) {
        self.success.content.insert(kind.to_owned(), content.into());
    }

    /// Another word for what a success means.
    pub fn success_means(&mut self, says: &str) {
        says.clone_into(&mut self.success.description);
    }

    /// A header of the success.
    pub fn with_header(&mut self, name: &str, says: &str) {
        self.success.headers.insert(name.to_owned(), header(says).into());
    }

    /// An answer that is neither the success nor a problem.
    pub fn also_gives(&mut self, status: u16, response: Response) {
        self.others.insert(status, response);
    }

    /// Codes it may refuse with; each is listed under its status.
    pub fn refuses(&mut self, codes: &[&'static str]) {
        for code in codes {
            let listed = self.refusals.entry(error_codes::find(code).status).or_default();
            if !listed.contains(code) {
                listed.push(code);
            }
        }
    }

    /// The operation, and the schemas it refers to.
    pub fn into_operation(mut self) -> (OperationBuilder, Schemas) {
        let problem = self.schema::<ProblemBody<'_>>();
        let mut responses = ResponsesBuilder::new().response(self.status.to_string(), self.success);
        for (status, codes) in &self.refusals {
            let content = ContentBuilder::new().schema(Some(problem.clone())).build();
            let mut refusal = ResponseBuilder::new().description(codes.join(", ")).content("application/problem+json", content);
            if matches!(status, 429 | 503) {
                refusal = refusal.header("Retry-After", header("Seconds after which to try again"));
            }
            responses = responses.response(status.to_string(), refusal.build());
        }
        for (status, response) in self.others {
            responses = responses.response(status.to_string(), response);
        }
        let parameters = Some(self.parameters).filter(|parameters| !parameters.is_empty());
        let operation = Operation::builder()
            .parameters(parameters)
            .request_body(self.body)
            .responses(responses.build())
            .securities(Some(self.security).filter(|security| !security.is_empty()));
        (operation, self.schemas)
    }
}

impl<T: Describes> Describes for Result<T, Problem> {
    fn describe(operation: &mut Description) {
        T::describe(operation);
        operation.refuses(&["internal", "unavailable", "overloaded", "stock_gate_closed"]);
    }
}

impl Describes for () {
    fn describe(_: &mut Description) {}
}

macro_rules! arguments {
    ($($argument:ident),+) => {
        impl<$($argument: Describes),+> Describes for ($($argument,)+) {
            fn describe(operation: &mut Description) {
                $($argument::describe(operation);)+
            }
        }
    };
}

arguments!(A);
arguments!(A, B);
arguments!(A, B, C);
arguments!(A, B, C, D);
arguments!(A, B, C, D, E);
arguments!(A, B, C, D, E, F);

impl Describes for HttpRequest {
    fn describe(_: &mut Description) {}
}

impl Describes for Api {
    fn describe(_: &mut Description) {}
}
