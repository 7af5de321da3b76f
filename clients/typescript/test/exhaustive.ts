// Switches over every status and every code. They compile only while no case is missing, so a new status or code in the
// document must be given its place here.

import type { ErrorCode, OrderStatus } from "@sluice/client";

/** Nothing is left for the compiler. A shop that is newer than this client may say more: that is treated as `otherwise`. */
function nothingLeft<T>(_: never, otherwise: T): T {
  return otherwise;
}

/** Whether a buyer who waits for the payment can stop waiting. */
export function isSettled(status: OrderStatus): boolean {
  switch (status) {
    case "unpaid":
    case "confirming":
      return false;
    case "paid":
    case "fulfilled":
    case "completed":
    case "cancelled":
    case "failed":
    case "paid_after_close":
    case "refunded":
      return true;
    default:
      return nothingLeft(status, false);
  }
}

export type Advice = "repeat later" | "sign in" | "choose anew" | "read again" | "mend the program" | "ask staff";

/** What a shop's page does about a refusal. */
export function advice(code: ErrorCode): Advice {
  switch (code) {
    case "request_timeout":
    case "request_in_progress":
    case "rate_limited":
    case "internal":
    case "stock_gate_closed":
    case "unavailable":
    case "overloaded":
      return "repeat later";
    case "unauthenticated":
    case "forbidden":
      return "sign in";
    case "off_shelf":
    case "insufficient_stock":
    case "total_changed":
    case "activity_not_running":
    case "product_not_in_activity":
    case "pay_type_mismatch":
    case "redemption_limit_reached":
    case "too_many_unpaid":
    case "too_many_lines":
    case "field_required":
    case "verify_code_invalid":
    case "referrer_invalid":
      return "choose anew";
    case "not_found":
    case "activity_not_found":
    case "order_not_cancellable":
    case "order_not_refundable":
    case "order_state_refused":
    case "payment_closed":
    case "cart_already_ordered":
    case "stale":
      return "read again";
    case "idempotency_key_missing":
    case "idempotency_key_reused":
    case "malformed_json":
    case "malformed_request":
    case "unknown_field":
    case "invalid_cursor":
    case "invalid_field":
    case "method_not_allowed":
    case "body_too_large":
    case "unsupported_media_type":
    case "if_match_required":
    case "signature_invalid":
      return "mend the program";
    case "store_setting_missing":
    case "refund_refused":
    case "points_refused":
    case "payment_mismatch":
      return "ask staff";
    default:
      return nothingLeft(code, "repeat later");
  }
}

/** The other way round: a switch that forgets one status must not compile, or those above would prove nothing. */
export function forgetsRefunded(status: OrderStatus): boolean {
  switch (status) {
    case "unpaid":
    case "confirming":
    case "paid":
    case "fulfilled":
    case "completed":
    case "cancelled":
    case "failed":
    case "paid_after_close":
      return true;
    default:
      // @ts-expect-error refunded is left
      return nothingLeft(status, false);
  }
}

/** Nor one that names a code which is not in the document. */
export function inventsCode(code: ErrorCode): boolean {
  switch (code) {
    // @ts-expect-error there is no such code
    case "out_of_luck":
      return true;
    default:
      return false;
  }
}
