//! Contract suites: what every adapter of this context's ports must do.

mod gate;
mod gate_races;
mod gate_terms;
mod gate_terms_races;

pub use gate::{
    GateFixture, adjustments_count_once, all_lines_or_none, listing_and_revision_decide, precedence_of_refusals, release_is_final,
    reserve_is_idempotent, restocks_count_once_per_refund, sell_is_final, short_names_every_short_sku, stores_are_apart,
};
pub use gate_races::{last_units_go_to_as_many, one_reservation_asked_at_once_holds_once, sell_and_release_race};
pub use gate_terms::{
    a_held_reservation_takes_its_limit_once, a_release_frees_the_limit_once, a_tombstone_keeps_the_limit_free,
    limits_bound_orders_and_units, precedence_of_terms, refusals_take_neither_stock_nor_limit, sold_units_stay_counted,
    the_window_includes_both_ends, usage_counts_where_nothing_bounds_it,
};
pub use gate_terms_races::{a_rush_of_taps_sells_to_as_many_users, concurrent_orders_of_one_user_keep_the_limit};

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
    the_window_includes_both_ends(fixture).await;
    limits_bound_orders_and_units(fixture).await;
    usage_counts_where_nothing_bounds_it(fixture).await;
    precedence_of_terms(fixture).await;
    refusals_take_neither_stock_nor_limit(fixture).await;
    a_held_reservation_takes_its_limit_once(fixture).await;
    a_release_frees_the_limit_once(fixture).await;
    sold_units_stay_counted(fixture).await;
    a_tombstone_keeps_the_limit_free(fixture).await;
    concurrent_orders_of_one_user_keep_the_limit(fixture).await;
    a_rush_of_taps_sells_to_as_many_users(fixture).await;
}
