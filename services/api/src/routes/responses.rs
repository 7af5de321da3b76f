//! Refusals that many operations share, for the OpenAPI document.

use utoipa::IntoResponses;

use crate::problem::ProblemBody;

/// Refusals of a call that reads.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only describes")]
pub enum Refusals<'a> {
    /// malformed_request, invalid_cursor, unknown_field
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(ProblemBody<'a>),
    /// unauthenticated
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(ProblemBody<'a>),
    /// not_found
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemBody<'a>),
    /// invalid_field
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(ProblemBody<'a>),
    /// internal
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(ProblemBody<'a>),
    /// unavailable, overloaded, stock_gate_closed; with Retry-After
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody<'a>),
}

/// What comes on top where a body is sent.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only describes")]
pub enum BodyRefusals<'a> {
    /// malformed_json, unknown_field, idempotency_key_missing
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(ProblemBody<'a>),
    /// body_too_large
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemBody<'a>),
    /// unsupported_media_type
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(ProblemBody<'a>),
}

/// What comes on top where the state may refuse; the operation names the codes.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only describes")]
pub enum Conflict<'a> {
    /// The state refuses; see the code
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(ProblemBody<'a>),
}

/// What comes on top where a rate is limited.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only describes")]
pub enum Limited<'a> {
    /// rate_limited; with Retry-After
    #[response(status = 429, content_type = "application/problem+json")]
    Limited(ProblemBody<'a>),
}

/// What comes on top for staff.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only describes")]
pub enum StaffOnly<'a> {
    /// forbidden
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody<'a>),
}

/// What comes on top where a change names the version it was made from.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only describes")]
pub enum Preconditions<'a> {
    /// stale
    #[response(status = 412, content_type = "application/problem+json")]
    Stale(ProblemBody<'a>),
    /// if_match_required
    #[response(status = 428, content_type = "application/problem+json")]
    Required(ProblemBody<'a>),
}
