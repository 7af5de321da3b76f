//! The cache-first stock gate on Redis: single server, Sentinel or Cluster.
//!
//! Contract: `sluice_inventory::StockGate`, the same suite as the database gate. One Lua call decides over all lines
//! of a reservation. The gate may be lost at any moment and never gives a wrong yes for it (promise P7):
//!
//! - Its epoch stands in the database ([`GateSource`](sluice_inventory::GateSource)), in the name of every key, in the
//!   first field of every store's stock and in the text of every script. Only EVALSHA is used: a server that was
//!   restarted or failed over has lost its scripts and answers NOSCRIPT; a server whose keys went answers that no
//!   epoch stands. Either closes the gate.
//! - A closed gate answers `GateClosed` until one process has raised the epoch, loaded what the database says and
//!   opened it again ([`RedisStockGate::keep_open`] runs in every process; the database decides who rebuilds).
//! - Redis out of reach is `Unavailable` within a bounded time. A reserve whose answer was lost is asked again by its id.
//!
//! All keys of a store share the hash tag `{s:STORE}`. Nothing here scans, locks or blocks on the path of an order,
//! and whatever takes long goes over connections of its own.

mod address;
mod bounds;
mod clearing;
mod core;
mod errors;
mod gate;
mod keys;
mod lease;
mod link;
mod long_work;
mod opening;
mod rebuild;
mod scripts;
mod server;
mod standing;
mod taken;
mod watched;

pub use gate::RedisStockGate;
