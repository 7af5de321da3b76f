//! Contract suites: what every adapter of this context's ports must do.

mod activities;
mod changing;
mod fixture;
mod placing;
mod placing_races;
mod reading;
mod tickets;

pub use activities::{
    a_limit_comes_back_once, a_limit_is_taken_with_the_stock, an_activity_order_reads_back_whole, deducted_and_refused_points_race,
    late_money_takes_the_limit_anew, precedence_of_activity_refusals, taps_of_many_users_leave_one_order_each,
    the_window_is_asked_at_the_commit,
};
pub use changing::{
    late_money_reserves_anew_or_finds_too_little, money_and_cancel_race, refunds_count_once, restocks_never_return_a_unit_twice,
};
pub use fixture::{OrderFixture, activity_order, new_order, plain_transition};
pub use placing::{
    a_cart_is_ordered_once, a_code_is_used_up_by_the_commit_alone, a_key_names_one_order, a_refused_order_leaves_nothing,
    all_lines_or_none, precedence_of_refusals,
};
pub use placing_races::{
    a_duplicate_fails_only_its_own_order, last_units_go_to_as_many, one_code_pays_for_one_order, one_key_at_once_makes_one_order,
};
pub use reading::{
    a_list_is_paged_and_filtered, a_placed_order_reads_back_whole, staff_find_orders_by_each_filter, the_deadline_stands_on_the_row,
};
pub use tickets::a_ticket_is_used_once_for_its_order;

/// Runs every case of the suite of [`crate::OrderWriter`] and [`crate::OrderRepository`], where the commit itself decides
/// over the stock. The numbers are fixed: run it once per database, on a runtime with several threads.
pub async fn order_contract(fixture: &dyn OrderFixture) {
    a_placed_order_reads_back_whole(fixture).await;
    a_list_is_paged_and_filtered(fixture).await;
    staff_find_orders_by_each_filter(fixture).await;
    the_deadline_stands_on_the_row(fixture).await;
    a_ticket_is_used_once_for_its_order(fixture).await;
    a_key_names_one_order(fixture).await;
    all_lines_or_none(fixture).await;
    precedence_of_refusals(fixture).await;
    a_refused_order_leaves_nothing(fixture).await;
    a_cart_is_ordered_once(fixture).await;
    a_code_is_used_up_by_the_commit_alone(fixture).await;
    last_units_go_to_as_many(fixture).await;
    one_key_at_once_makes_one_order(fixture).await;
    a_duplicate_fails_only_its_own_order(fixture).await;
    one_code_pays_for_one_order(fixture).await;
    money_and_cancel_race(fixture).await;
    late_money_reserves_anew_or_finds_too_little(fixture).await;
    restocks_never_return_a_unit_twice(fixture).await;
    refunds_count_once(fixture).await;
    an_activity_order_reads_back_whole(fixture).await;
    the_window_is_asked_at_the_commit(fixture).await;
    precedence_of_activity_refusals(fixture).await;
    a_limit_is_taken_with_the_stock(fixture).await;
    a_limit_comes_back_once(fixture).await;
    taps_of_many_users_leave_one_order_each(fixture).await;
    late_money_takes_the_limit_anew(fixture).await;
    deducted_and_refused_points_race(fixture).await;
}
