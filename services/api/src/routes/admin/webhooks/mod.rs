//! `/admin/webhooks`: which systems receive the store's order events.

pub mod deliveries;
pub mod get_one;
pub mod list;
pub mod patch;
pub mod ping;
pub mod post;
pub mod remove;

use sluice_partner::EventType;

use crate::endpoint::{Answer, Problem};

fn event_types(names: &[String]) -> Answer<Vec<EventType>> {
    let known = |(index, name): (usize, &String)| {
        let unknown =
            || Problem::invalid(format!("/event_types/{index}"), "order.paid, order.cancelled, order.refunded or referral");
        EventType::parse(name).ok_or_else(unknown)
    };
    names.iter().enumerate().map(known).collect()
}
