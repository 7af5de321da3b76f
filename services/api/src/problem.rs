//! Refusals as `application/problem+json` (RFC 9457), and the way from every context's error to one.
//!
//! The client gets a code, a sentence and what it can act on; the cause is logged once, here.

use std::{borrow::Cow, error::Error, fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    body::BoxBody,
    http::{StatusCode, header},
};
use serde::Serialize;
use sluice_cart::CartError;
use sluice_catalog::CatalogError;
use sluice_inventory::InventoryError;
use sluice_kernel::{Bounds, Classified, ErrorKind, InvalidField, Money, Points, PortError, TraceContext};
use sluice_member::MemberError;
use sluice_order::OrderError;
use sluice_partner::PartnerError;
use sluice_pay::PayError;
use sluice_points::PointsError;
use sluice_promotion::PromotionError;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr,
        schema::{Schema, Type},
    },
};

use crate::error_codes;

/// One thing that is wrong with the request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// JSON pointer into the body; `/headers/NAME` and `/query/NAME` outside of it.
    pub pointer: String,
    #[schema(value_type = ErrorCode)]
    pub code: &'static str,
    pub detail: String,
    /// `invalid_field`: the bounds that `detail` speaks of, for a text of one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<Params>,
    /// `insufficient_stock`, `off_shelf`: the SKU as it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku_id: Option<String>,
    /// `insufficient_stock`: units that could be ordered now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usable: Option<i64>,
    /// `field_required`: the missing field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<&'static str>,
    /// `field_required`: the product that requires it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
}

/// What a value has to lie between: a number, the characters of a text, or the entries of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Params {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
}

#[derive(Debug, Clone)]
pub struct Problem {
    code: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<FieldProblem>,
    retry_after: Option<Duration>,
    allow: Option<String>,
    /// What the order comes to now.
    totals: Option<Box<(Money, Points)>>,
    /// A token was sent.
    has_token: bool,
}

/// A refusal (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// Where the code is explained, relative to this server.
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[schema(value_type = ErrorCode)]
    code: &'a str,
    trace_id: String,
    #[serde(skip_serializing_if = "<[FieldProblem]>::is_empty")]
    #[schema(value_type = Option<Vec<FieldProblem>>)]
    errors: &'a [FieldProblem],
    /// `total_changed`: what the order comes to now.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Money>,
    /// `total_changed`: what the order comes to now.
    #[serde(skip_serializing_if = "Option::is_none")]
    points_total: Option<Points>,
}

/// The codes of docs/errors.md.
#[derive(Debug)]
pub enum ErrorCode {}

impl PartialSchema for ErrorCode {
    fn schema() -> RefOr<Schema> {
        let codes = error_codes::CODES.iter().map(|known| known.code);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(codes))
            .description(Some("docs/errors.md says what each means."))
            .into()
    }
}

impl ToSchema for ErrorCode {}

pub type Answer<T> = Result<T, Problem>;

impl Problem {
    pub fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), retry_after: None, allow: None, totals: None, has_token: false }
    }

    /// `invalid_field` of one field.
    pub fn invalid(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::of_field("invalid_field", pointer, reason)
    }

    pub fn of_field(code: &'static str, pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        let (pointer, detail) = (pointer.into(), reason.into());
        let text = format!("{pointer}: {detail}");
        Self::new(code, text).with_errors(vec![FieldProblem { pointer, code, detail, ..FieldProblem::default() }])
    }

    /// Points at the field that its detail speaks of.
    fn with_field(self, pointer: &str) -> Self {
        let (pointer, detail) = (pointer.to_owned(), self.detail.clone().into_owned());
        let code = self.code;
        self.with_errors(vec![FieldProblem { pointer, code, detail, ..FieldProblem::default() }])
    }

    pub fn unauthenticated() -> Self {
        Self::new("unauthenticated", "Send a valid token as Authorization: Bearer.")
    }

    /// A token came that is not valid, whatever is wrong with it.
    pub fn invalid_token() -> Self {
        Self { has_token: true, ..Self::unauthenticated() }
    }

    /// What a client must send instead (RFC 6750, 3).
    fn challenge(&self) -> Option<&'static str> {
        match self.code {
            "unauthenticated" if self.has_token => Some("Bearer realm=\"sluice\", error=\"invalid_token\""),
            "unauthenticated" | "signature_invalid" => Some("Bearer realm=\"sluice\""),
            "forbidden" => Some("Bearer realm=\"sluice\", error=\"insufficient_scope\""),
            _ => None,
        }
    }

    pub fn not_found() -> Self {
        Self::new("not_found", "There is nothing of that name here.")
    }

    /// A defect: the cause is logged here, the client gets the trace id to quote.
    pub fn internal(cause: &dyn Error) -> Self {
        tracing::error!(error.detail = %chain(cause), "A request failed by a defect.");
        Self::new("internal", "An unexpected error; quote the trace_id.")
    }

    pub fn method_not_allowed(allow: String) -> Self {
        let detail = format!("This resource allows {allow}.");
        Self { allow: Some(allow), ..Self::new("method_not_allowed", detail) }
    }

    pub fn with_errors(self, errors: Vec<FieldProblem>) -> Self {
        Self { errors, ..self }
    }

    pub fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// What is wrong, as entries of their own: one for each field, or one for the request as a whole.
    pub fn into_entries(self) -> Vec<FieldProblem> {
        if !self.errors.is_empty() {
            return self.errors;
        }
        let (code, detail) = (self.code, self.detail.into_owned());
        vec![FieldProblem { code, detail, ..FieldProblem::default() }]
    }

    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The sentence for the client.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    fn from_classified(error: &impl Classified) -> Self {
        match error.kind() {
            ErrorKind::Internal => Self::internal(error),
            ErrorKind::Unavailable => {
                tracing::warn!(error.code = error.code(), error.detail = %chain(error), "A request met a part that is away.");
                Self::new(error.code(), "A part we depend on is away; try again soon.")
            }
            ErrorKind::Overloaded => Self::new(error.code(), "Too much is waiting; try again soon."),
            ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::RateLimited => {
                Self::new(error.code(), sentence(&error.to_string()))
            }
        }
    }
}

/// The contexts write a clause; a problem's detail is a sentence.
fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(error_codes::find(self.code).status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let entry = error_codes::find(self.code);
        metrics::counter!("sluice_rejections_total", "code" => entry.code).increment(1);
        let body = ProblemBody {
            kind: format!("/docs/errors#{}", entry.code),
            title: entry.title,
            status: entry.status,
            detail: &self.detail,
            code: entry.code,
            trace_id: TraceContext::current().map_or_else(|| "0".repeat(32), |trace| trace.id()),
            errors: &self.errors,
            total: self.totals.as_ref().map(|totals| totals.0),
            points_total: self.totals.as_ref().map(|totals| totals.1),
        };
        let mut response = HttpResponse::build(self.status_code());
        response.content_type("application/problem+json");
        if let Some(allow) = &self.allow {
            response.insert_header((header::ALLOW, allow.as_str()));
        }
        if let Some(challenge) = self.challenge() {
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        if entry.status == 429 || entry.status == 503 {
            let wait = self.retry_after.unwrap_or(Duration::from_secs(1));
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.insert_header((header::RETRY_AFTER, seconds.max(1).to_string()));
        }
        response.body(serde_json::to_vec(&body).unwrap_or_default())
    }
}

impl From<InvalidField> for Problem {
    fn from(invalid: InvalidField) -> Self {
        let InvalidField { pointer, reason, bounds: Bounds { min, max } } = invalid;
        let mut problem = Self::invalid(pointer, reason);
        if min.or(max).is_some() {
            problem.errors.iter_mut().for_each(|field| field.params = Some(Params { min, max }));
        }
        problem
    }
}

impl From<PortError> for Problem {
    fn from(error: PortError) -> Self {
        Self::from_classified(&error)
    }
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        let problem = Self::from_classified(&error);
        let code = error.code();
        match error {
            OrderError::OffShelf { lines } => problem.with_errors(
                lines
                    .into_iter()
                    .map(|(line, sku)| FieldProblem {
                        pointer: format!("/items/{line}"),
                        code,
                        detail: "This SKU is not on the shelf.".to_owned(),
                        sku_id: Some(sku),
                        ..FieldProblem::default()
                    })
                    .collect(),
            ),
            OrderError::InsufficientStock { lines } => problem.with_errors(
                lines
                    .into_iter()
                    .map(|short| FieldProblem {
                        pointer: short.line.map_or_else(|| "/quantity".to_owned(), |line| format!("/items/{line}")),
                        code,
                        detail: format!("{} units are usable.", short.usable),
                        sku_id: Some(short.sku.to_string()),
                        usable: Some(short.usable),
                        ..FieldProblem::default()
                    })
                    .collect(),
            ),
            OrderError::FieldRequired { missing } => problem.with_errors(
                missing
                    .into_iter()
                    .map(|missing| FieldProblem {
                        pointer: missing.pointer.to_owned(),
                        code,
                        detail: format!("Product {} requires this field.", missing.product),
                        field: Some(missing.field),
                        product_id: Some(missing.product.to_string()),
                        ..FieldProblem::default()
                    })
                    .collect(),
            ),
            OrderError::TotalChanged { expected, total, points_total } => {
                let total_differs = expected.total.filter(|shown| *shown != total.amount);
                let points_differ = expected.points.filter(|shown| *shown != points_total.0);
                let of = |pointer: &str, detail: String| FieldProblem {
                    pointer: pointer.to_owned(),
                    code,
                    detail,
                    ..FieldProblem::default()
                };
                let total_now = |_| of("/expected_total", format!("It comes to {} minor units now.", total.amount));
                let points_now = |_| of("/expected_points", format!("It comes to {} points now.", points_total.0));
                let errors = total_differs.map(total_now).into_iter().chain(points_differ.map(points_now));
                Self { totals: Some(Box::new((total, points_total))), ..problem.with_errors(errors.collect()) }
            }
            OrderError::VerifyCodeInvalid => problem.with_field("/verify_code"),
            OrderError::InvalidField(invalid) => invalid.into(),
            OrderError::TooManyLines => Self::of_field(code, "/items", error.to_string()),
            OrderError::ProductNotInActivity => problem.with_field("/product_id"),
            OrderError::PayTypeMismatch => problem.with_field("/pay_type"),
            OrderError::ReferrerInvalid => problem.with_field("/referrer"),
            OrderError::NotFound
            | OrderError::RefundRefused(_)
            | OrderError::ActivityNotFound
            | OrderError::ActivityNotRunning
            | OrderError::StoreSettingMissing
            | OrderError::RedemptionLimitReached
            | OrderError::TooManyUnpaid
            | OrderError::KeyReused
            | OrderError::InProgress
            | OrderError::CartAlreadyOrdered
            | OrderError::NotCancellable
            | OrderError::PaymentClosed
            | OrderError::NotRefundable(_)
            | OrderError::WrongState(_)
            | OrderError::Ids(_)
            | OrderError::Port(_) => problem,
        }
    }
}

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::InvalidField(invalid) => invalid.into(),
            CatalogError::NotFound | CatalogError::Stale | CatalogError::Port(_) => Self::from_classified(&error),
        }
    }
}

impl From<CartError> for Problem {
    fn from(error: CartError) -> Self {
        match error {
            CartError::InvalidField(invalid) => invalid.into(),
            CartError::NotFound | CartError::OffShelf | CartError::TooManyLines | CartError::Port(_) => {
                Self::from_classified(&error)
            }
        }
    }
}

impl From<InventoryError> for Problem {
    fn from(error: InventoryError) -> Self {
        match error {
            InventoryError::InvalidField(invalid) => invalid.into(),
            InventoryError::InsufficientStock { usable } => {
                Self::new("insufficient_stock", format!("Only {usable} units are usable.")).with_errors(vec![FieldProblem {
                    pointer: "/delta".to_owned(),
                    code: "insufficient_stock",
                    detail: format!("{usable} units are usable."),
                    usable: Some(usable),
                    ..FieldProblem::default()
                }])
            }
            InventoryError::NotFound | InventoryError::KeyReused | InventoryError::Port(_) => Self::from_classified(&error),
        }
    }
}

impl From<MemberError> for Problem {
    fn from(error: MemberError) -> Self {
        match error {
            MemberError::InvalidField(invalid) => invalid.into(),
            MemberError::TooSoon { retry_after } => Self::from_classified(&error).retry_after(retry_after),
            MemberError::NotFound | MemberError::TooManyAddresses | MemberError::TooManyAccounts | MemberError::Port(_) => {
                Self::from_classified(&error)
            }
        }
    }
}

impl From<PointsError> for Problem {
    fn from(error: PointsError) -> Self {
        match error {
            PointsError::InvalidField(invalid) => invalid.into(),
            PointsError::KeyReused
            | PointsError::Refused
            | PointsError::NotDeducted
            | PointsError::RefundTooLarge { .. }
            | PointsError::Port(_) => Self::from_classified(&error),
        }
    }
}

impl From<PromotionError> for Problem {
    fn from(error: PromotionError) -> Self {
        match error {
            PromotionError::InvalidField(invalid) => invalid.into(),
            PromotionError::NotFound | PromotionError::Stale | PromotionError::Port(_) => Self::from_classified(&error),
        }
    }
}

impl From<PayError> for Problem {
    fn from(error: PayError) -> Self {
        match error {
            PayError::InvalidField(invalid) => invalid.into(),
            PayError::RefundTooLarge { left } => Self::invalid("/amount", format!("at most the {left} minor units that are left")),
            PayError::RestockTooLarge { .. } => Self::invalid("/restock_items", error.to_string()),
            PayError::NotFound
            | PayError::KeyReused
            | PayError::RefundRefused(_)
            | PayError::Closed
            | PayError::SignatureInvalid
            | PayError::Malformed(_)
            | PayError::Mismatch
            | PayError::Port(_) => Self::from_classified(&error),
        }
    }
}

impl From<PartnerError> for Problem {
    fn from(error: PartnerError) -> Self {
        match error {
            PartnerError::InvalidField(invalid) => invalid.into(),
            PartnerError::NotFound | PartnerError::Stale | PartnerError::Unwritable(_) | PartnerError::Port(_) => {
                Self::from_classified(&error)
            }
        }
    }
}
