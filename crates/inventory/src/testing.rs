//! Contract suites: what every adapter of this context's ports must do.

mod gate;
mod gate_races;

pub use gate::{
    GateFixture, adjustments_count_once, all_lines_or_none, listing_and_revision_decide, precedence_of_refusals, release_is_final,
    reserve_is_idempotent, restocks_count_once_per_refund, sell_is_final, short_names_every_short_sku, stores_are_apart,
};
pub use gate_races::{last_units_go_to_as_many, one_reservation_asked_at_once_holds_once, sell_and_release_race};

/// Runs every case of the stock gate's suite, each on SKUs and orders of its own. The numbers are fixed: run it once
/// per database or key prefix.
pub async fn gate_contract(fixture: &dyn GateFixture) {
    all_lines_or_none(fixture).await;
    short_names_every_short_sku(fixture).await;
    reserve_is_idempotent(fixture).await;
    sell_is_final(fixture).await;
    release_is_final(fixture).await;
    restocks_count_once_per_refund(fixture).await;
    adjustments_count_once(fixture).await;
    listing_and_revision_decide(fixture).await;
    precedence_of_refusals(fixture).await;
    stores_are_apart(fixture).await;
    last_units_go_to_as_many(fixture).await;
    one_reservation_asked_at_once_holds_once(fixture).await;
    sell_and_release_race(fixture).await;
}
