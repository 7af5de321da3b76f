//! The one table from a code to its HTTP status (docs/errors.md is checked against it).

/// One code of the public table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    pub code: &'static str,
    pub status: u16,
    /// `title` of the problem: the same for every occurrence.
    pub title: &'static str,
}

const fn code(status: u16, code: &'static str, title: &'static str) -> Code {
    Code { code, status, title }
}

pub const CODES: &[Code] = &[
    code(400, "idempotency_key_missing", "This request needs an Idempotency-Key"),
    code(400, "malformed_json", "The body is not readable JSON"),
    code(400, "unknown_field", "A field is not known here"),
    code(400, "invalid_cursor", "The cursor was not made by this list"),
    code(400, "malformed_request", "The request is not readable"),
    code(401, "unauthenticated", "A valid bearer token is needed"),
    code(401, "signature_invalid", "The signature is not valid"),
    code(403, "forbidden", "The token's role does not allow this"),
    code(404, "not_found", "There is nothing of that name"),
    code(404, "activity_not_found", "The store has no such activity"),
    code(405, "method_not_allowed", "This resource does not know the method"),
    code(408, "request_timeout", "The request took too long to arrive"),
    code(409, "off_shelf", "Something is not on the shelf"),
    code(409, "insufficient_stock", "There is not enough stock"),
    code(409, "total_changed", "The order comes to another total now"),
    code(409, "activity_not_running", "The activity is not running"),
    code(409, "product_not_in_activity", "The activity does not offer this product"),
    code(409, "pay_type_mismatch", "The product is paid for in another way"),
    code(409, "store_setting_missing", "The store has not set what its points are worth"),
    code(409, "redemption_limit_reached", "The user may not take more of this product"),
    code(409, "too_many_unpaid", "Too much of this user's waits for its payment"),
    code(409, "order_not_cancellable", "Only an unpaid order can be cancelled"),
    code(409, "order_not_refundable", "The order cannot be refunded like that"),
    code(409, "refund_refused", "The payment provider refuses the refund"),
    code(409, "order_state_refused", "The order's state does not allow this"),
    code(409, "payment_closed", "The payment takes no money any more"),
    code(409, "points_refused", "The points account takes no such points"),
    code(409, "cart_already_ordered", "This cart was ordered already"),
    code(409, "request_in_progress", "The first request with this key is still running"),
    code(412, "stale", "It was changed meanwhile"),
    code(413, "body_too_large", "The body is larger than 64 KiB"),
    code(415, "unsupported_media_type", "The body's media type is not supported"),
    code(422, "invalid_field", "A field's value is not allowed"),
    code(422, "too_many_lines", "At most 100 lines"),
    code(422, "field_required", "A product requires more fields"),
    code(422, "verify_code_invalid", "The verification code is not valid"),
    code(422, "referrer_invalid", "The referrer is not valid here"),
    code(422, "idempotency_key_reused", "The key was used for another request"),
    code(422, "payment_mismatch", "The notification does not match the payment"),
    code(428, "if_match_required", "A change needs If-Match"),
    code(429, "rate_limited", "Too many requests"),
    code(500, "internal", "An unexpected error"),
    code(503, "stock_gate_closed", "The stock gate is closed for the moment"),
    code(503, "unavailable", "A part we depend on is away"),
    code(503, "overloaded", "Too much is running at the same time"),
];

/// The table's entry; a code that is not in it is a defect and answers as `internal`.
pub fn find(code: &str) -> Code {
    const INTERNAL: Code = self::code(500, "internal", "An unexpected error");
    CODES.iter().copied().find(|known| known.code == code).unwrap_or(INTERNAL)
}
