//! The product as its users meet it: the real executable, real servers, real HTTP.
//!
//! One binary, so that servers and shops are started once. A module for each subject; the rules of the cart order run
//! on every profile (embedded; MariaDB and Kafka with either gate). Tests that measure or break something run alone,
//! see [`floor`].
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod bad_input;
mod bad_starts;
mod bus_faults;
mod callbacks;
mod cart;
mod clocks;
mod codes;
mod commands;
mod crashes;
mod crowd;
mod dead_letters;
mod files;
mod first_minute;
mod floor;
mod frozen;
mod gate_troubles;
mod keys;
mod lag;
mod late_money;
mod load;
mod many_workers;
mod money_waits;
mod odd_input;
mod outages;
mod promotion;
mod races;
mod refunds;
mod rules;
mod servers;
mod shares;
mod shelf;
mod tokens;
mod walk;
mod world;

/// Makes a test of each named function on each profile: `rules::mariadb::s2_rule_1_…`.
#[macro_export]
macro_rules! on_every_profile {
    ($($rule:ident),* $(,)?) => {
        $crate::on_every_profile!(@ embedded Embedded $($rule)*);
        $crate::on_every_profile!(@ mariadb MariaDb $($rule)*);
        $crate::on_every_profile!(@ redis Redis $($rule)*);
    };
    (@ $name:ident $profile:ident $($rule:ident)*) => {
        mod $name {
            $(
                #[tokio::test]
                async fn $rule() {
                    let _floor = $crate::floor::among_others().await;
                    super::$rule($crate::world::Profile::$profile.shared().await).await;
                }
            )*
        }
    };
}
