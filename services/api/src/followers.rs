//! Who follows which order: one query for all followers of a process, and a bound for each user.
//!
//! The query asks for every followed order in one statement, so a thousand idle followers cost what a few do. It needs no
//! bus and gives the same result on every process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sluice_kernel::{OrderNo, StoreId, UserId};
use sluice_order::{OrderService, OrderStatus};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, watch},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::Caller,
    problem::{Answer, Problem},
};

const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// A user who follows too many orders may ask again after this.
const RETRY_AFTER: Duration = Duration::from_secs(10);

type User = (StoreId, UserId);

pub struct Followers {
    slots: Arc<Semaphore>,
    per_user: usize,
    users: Mutex<HashMap<User, usize>>,
    orders: Mutex<HashMap<OrderNo, watch::Sender<OrderStatus>>>,
    /// Notified when somebody begins to follow.
    begun: Notify,
}

/// One stream of a user; its slot is free again when this is dropped.
pub struct Slot {
    followers: Arc<Followers>,
    user: User,
    _permit: OwnedSemaphorePermit,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Followers {
    pub fn new(all: usize, per_user: usize) -> Arc<Self> {
        Arc::new(Self {
            slots: Arc::new(Semaphore::new(all)),
            per_user,
            users: Mutex::default(),
            orders: Mutex::default(),
            begun: Notify::new(),
        })
    }

    /// A slot for one more stream of this user, who is refused before the process is full for others.
    pub fn admit(self: &Arc<Self>, caller: &Caller) -> Answer<Slot> {
        let user = (caller.store, caller.user.clone());
        let mut users = locked(&self.users);
        let open = users.get(&user).copied().unwrap_or(0);
        if open >= self.per_user {
            return Err(Problem::new("rate_limited", "This user follows too many orders at once.").retry_after(RETRY_AFTER));
        }
        let full = |_| Problem::new("overloaded", "Too many orders are being followed; ask for the order instead.");
        let permit = self.slots.clone().try_acquire_owned().map_err(full)?;
        users.insert(user.clone(), open + 1);
        Ok(Slot { followers: self.clone(), user, _permit: permit })
    }

    /// The order's status from now on; `present` is what was read last.
    pub fn follow(&self, order: OrderNo, present: OrderStatus) -> watch::Receiver<OrderStatus> {
        if present.ends_stream() {
            return watch::channel(present).1;
        }
        let mut orders = locked(&self.orders);
        let sender = orders.entry(order).or_insert_with(|| watch::channel(present).0);
        self.begun.notify_one();
        sender.subscribe()
    }

    /// Orders that somebody follows; the others are forgotten.
    fn followed(&self) -> Vec<OrderNo> {
        let mut orders = locked(&self.orders);
        orders.retain(|_, sender| sender.receiver_count() > 0);
        orders.keys().copied().collect()
    }

    fn announce(&self, statuses: Vec<(OrderNo, OrderStatus)>) {
        let mut orders = locked(&self.orders);
        for (order, status) in statuses {
            let Some(sender) = orders.get(&order) else { continue };
            sender.send_if_modified(|known| std::mem::replace(known, status) != status);
            if status.ends_stream() {
                // No other status follows; receivers still see this one.
                orders.remove(&order);
            }
        }
    }

    /// Polls what is followed until `stop`.
    pub async fn poll(self: Arc<Self>, service: Arc<dyn OrderService>, stop: CancellationToken) {
        let mut ticks = interval(POLL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let followed = self.followed();
            if followed.is_empty() {
                if stop.run_until_cancelled(self.begun.notified()).await.is_none() {
                    return;
                }
                continue;
            }
            match service.statuses(&followed).await {
                Ok(statuses) => self.announce(statuses),
                Err(error) => tracing::debug!(error = %error, "Followed orders could not be read; they are read again soon."),
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut users = locked(&self.followers.users);
        if let Some(open) = users.get_mut(&self.user) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                users.remove(&self.user);
            }
        }
    }
}
