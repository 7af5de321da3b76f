//! Orders in SQL: the group commit that places them, reading, and transitions.
//!
//! Contract: one lock order everywhere (gate epoch → orders and their keys → carts → codes → reservation outcomes →
//! stock → limits). An order, its stock, its key and its outbox row commit together or not at all.

mod activity;
mod claims;
mod commit;
mod placement;
mod read;
mod repository;
mod rows;
mod scope;
mod search;
mod stored_money;
mod tickets;
mod transition;
mod writer;

pub use repository::SqlOrderRepository;
pub use tickets::SqlFollowTickets;
pub use writer::{SqlOrderWriter, WriterSettings};
