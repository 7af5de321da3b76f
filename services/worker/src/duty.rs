//! Which loops run in this process, where several workers run.
//!
//! Contract: the live workers divide the slices of the outbox among themselves, each slice leased to one of them at a
//! time; the relay keeps those leases. A loop whose work must not be done by every worker is a duty: it runs in the
//! process that holds the slice its name falls into. So it costs no statement of its own, the duties are spread over the
//! workers, and a holder that died or froze is followed as soon as its lease has run out. Just after a change of hands
//! two processes may take one turn at the same time: turns are idempotent.

use sluice_events::slice_of;
use tokio::{sync::watch, time::Instant};

/// The slices this process holds, and until when it may believe so.
#[derive(Debug, Clone)]
struct Held {
    slices: Vec<u16>,
    until: Instant,
}

/// Told by the relay, followed by the duties of the same process.
#[derive(Debug, Clone)]
pub struct Shares(watch::Sender<Held>);

impl Default for Shares {
    /// Holds nothing.
    fn default() -> Self {
        Self(watch::Sender::new(Held { slices: Vec::new(), until: Instant::now() }))
    }
}

impl Shares {
    /// These slices and no others are held until `until`, reckoned from before they were asked for.
    pub fn hold(&self, slices: &[u16], until: Instant) {
        self.0.send_replace(Held { slices: slices.to_vec(), until });
    }

    pub fn give_up(&self) {
        self.hold(&[], Instant::now());
    }

    pub(crate) fn duty(&self, name: &str) -> Duty {
        Duty { slice: slice_of(name), held: self.0.subscribe() }
    }
}

/// One loop's view of the shares.
#[derive(Debug)]
pub(crate) struct Duty {
    slice: u16,
    held: watch::Receiver<Held>,
}

impl Duty {
    pub(crate) fn is_mine(&self) -> bool {
        is_held(&self.held.borrow(), self.slice)
    }

    /// Resolves when the duty falls to this process; never, once nobody tells of the shares any more.
    pub(crate) async fn falls_to_me(&mut self) {
        let slice = self.slice;
        if self.held.wait_for(|held| is_held(held, slice)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Resolves when the relay gives the duty away.
    pub(crate) async fn leaves_me(&mut self) {
        let slice = self.slice;
        if self.held.wait_for(|held| !held.slices.contains(&slice)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn is_held(held: &Held, slice: u16) -> bool {
    held.slices.contains(&slice) && Instant::now() < held.until
}
