//! A user's share of unpaid orders and of the units in them (docs/api.md, Conventions): one user cannot lock a whole stock for
//! the payment window.
//!
//! Placing is the hot path, so the database is not asked for every order. A process remembers what it counted for a user and
//! what it placed for them since; it asks again when half of what was left is used, and it never refuses without having
//! asked. So a user may exceed the share by what no process has counted yet: a fifth of the share in a process that has just
//! begun, and what other processes have in flight.

use std::{
    collections::HashMap,
    ops::{AddAssign, SubAssign},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sluice_kernel::{PortResult, StoreId, UserId};
use tokio::sync::Notify;

use crate::{ItemLine, NewOrder, OrderError, OrderRepository};

/// The most that a user's unpaid orders may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnpaidLimits {
    pub orders: i64,
    pub units: i64,
}

/// What a user's unpaid orders come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unpaid {
    pub orders: i64,
    pub units: i64,
}

impl Unpaid {
    fn of(order: &NewOrder) -> Self {
        Self::of_lines(&order.items)
    }

    /// One order of these lines.
    pub(super) fn of_lines(items: &[ItemLine]) -> Self {
        Self { orders: 1, units: items.iter().fold(0, |sum, item| item.quantity.get().saturating_add(sum)) }
    }

    fn plus(mut self, other: Self) -> Self {
        self += other;
        self
    }

    fn fits(self, limits: UnpaidLimits) -> bool {
        self.orders <= limits.orders && self.units <= limits.units
    }
}

impl AddAssign for Unpaid {
    fn add_assign(&mut self, other: Self) {
        self.orders = self.orders.saturating_add(other.orders);
        self.units = self.units.saturating_add(other.units);
    }
}

impl SubAssign for Unpaid {
    fn sub_assign(&mut self, other: Self) {
        self.orders = self.orders.saturating_sub(other.orders);
        self.units = self.units.saturating_sub(other.units);
    }
}

type User = (StoreId, UserId);

/// What this process knows of one user.
#[derive(Default)]
struct Known {
    /// What the database said; `None` before it was asked.
    counted: Option<Unpaid>,
    /// Placed here since.
    placed: Unpaid,
    in_flight: Unpaid,
    /// Somebody is asking the database: the others of this user wait for the answer.
    asking: bool,
    /// Notified when the answer is there, and when nothing is in flight any more.
    changed: Arc<Notify>,
}

impl Known {
    /// True where these may go on without asking.
    fn has_room(&self, new: Unpaid, limits: UnpaidLimits) -> bool {
        let free = match self.counted {
            None => UnpaidLimits { orders: limits.orders / 5, units: limits.units / 5 },
            Some(counted) => UnpaidLimits {
                orders: limits.orders.saturating_sub(counted.orders) / 2,
                units: limits.units.saturating_sub(counted.units) / 2,
            },
        };
        self.placed.plus(self.in_flight).plus(new).fits(free)
    }
}

/// Users that are remembered at most; beyond it those without a placement in flight are forgotten.
const MAX_USERS: usize = 50_000;
/// How often a placement waits for others of its user, and how long each time.
const MAX_WAITS: u32 = 20;
const WAIT: Duration = Duration::from_millis(500);

#[derive(Clone)]
pub(crate) struct UnpaidShares {
    limits: UnpaidLimits,
    users: Arc<Mutex<HashMap<User, Known>>>,
}

/// A place in the user's share, until the order is committed or given up.
pub(crate) struct Share {
    shares: UnpaidShares,
    user: User,
    amount: Unpaid,
    committed: bool,
}

impl UnpaidShares {
    pub(crate) fn new(limits: UnpaidLimits) -> Self {
        Self { limits, users: Arc::default() }
    }

    fn users(&self) -> MutexGuard<'_, HashMap<User, Known>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn share(&self, user: &User, amount: Unpaid, known: &mut Known) -> Share {
        known.in_flight += amount;
        Share { shares: self.clone(), user: user.clone(), amount, committed: false }
    }

    /// A place for this order in its user's share; `TooManyUnpaid` where there is none.
    pub(crate) async fn take(&self, orders: &dyn OrderRepository, order: &NewOrder) -> Result<Share, OrderError> {
        let (user, new) = ((order.store, order.user.clone()), Unpaid::of(order));
        if !new.fits(self.limits) {
            return Err(OrderError::TooManyUnpaid);
        }
        for _ in 0..MAX_WAITS {
            let (before, changed) = {
                let mut users = self.users();
                if users.len() >= MAX_USERS {
                    users.retain(|_, known| known.in_flight.orders > 0 || known.asking);
                }
                let known = users.entry(user.clone()).or_default();
                if known.has_room(new, self.limits) {
                    return Ok(self.share(&user, new, known));
                }
                let before = (!known.asking).then_some(known.placed);
                known.asking = true;
                (before, Arc::clone(&known.changed))
            };
            let coming = changed.notified();
            if let Some(before) = before
                && let Some(share) = self.ask(orders, &user, new, before).await?
            {
                return Ok(share);
            }
            // Somebody else asks, or it depends on what this user has in flight.
            if tokio::time::timeout(WAIT, coming).await.is_err()
                && let Some(known) = self.users().get_mut(&user)
            {
                // Whoever asked is slow, or ended half way: ask again.
                known.asking = false;
            }
        }
        Err(OrderError::TooManyUnpaid)
    }

    /// Whether this would fit beside what the database counts now. Takes nothing.
    pub(crate) async fn check(
        &self,
        orders: &dyn OrderRepository,
        store: StoreId,
        user: &UserId,
        new: Unpaid,
    ) -> Result<(), OrderError> {
        let counted = orders.unpaid_of(store, user).await?;
        if counted.plus(new).fits(self.limits) { Ok(()) } else { Err(OrderError::TooManyUnpaid) }
    }

    /// `None` where it depends on what is in flight.
    async fn ask(
        &self,
        orders: &dyn OrderRepository,
        user: &User,
        new: Unpaid,
        before: Unpaid,
    ) -> Result<Option<Share>, OrderError> {
        let counted: PortResult<Unpaid> = orders.unpaid_of(user.0, &user.1).await;
        let mut users = self.users();
        let known = users.entry(user.clone()).or_default();
        known.asking = false;
        known.changed.notify_waiters();
        let counted = counted?;
        known.counted = Some(counted);
        // The count holds what was placed before it was asked for.
        known.placed -= before;
        known.placed = Unpaid { orders: known.placed.orders.max(0), units: known.placed.units.max(0) };
        if !counted.plus(new).fits(self.limits) {
            return Err(OrderError::TooManyUnpaid);
        }
        let sure = known.in_flight == Unpaid::default() && known.placed == Unpaid::default();
        if sure || counted.plus(known.placed).plus(known.in_flight).plus(new).fits(self.limits) {
            return Ok(Some(self.share(user, new, known)));
        }
        Ok(None)
    }
}

impl Share {
    /// The order is written: it counts until the database is asked again.
    pub(crate) fn commit(mut self) {
        self.committed = true;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut users = self.shares.users();
        let Some(known) = users.get_mut(&self.user) else { return };
        known.in_flight -= self.amount;
        if self.committed {
            known.placed += self.amount;
        }
        if known.in_flight == Unpaid::default() {
            known.changed.notify_waiters();
        }
    }
}
