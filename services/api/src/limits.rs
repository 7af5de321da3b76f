//! How many orders a user may place a second.

use std::{num::NonZeroU32, time::Duration};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};
use sluice_kernel::{StoreId, UserId};

use crate::{
    auth::Caller,
    problem::{Answer, Problem},
};

/// One bucket for each user of a store; empty ones are forgotten by [`OrderLimit::forget_idle`].
pub struct OrderLimit(Option<DefaultKeyedRateLimiter<(StoreId, UserId)>>);

impl OrderLimit {
    /// 0 turns the limit off.
    pub fn per_second(orders: u32) -> Self {
        Self(NonZeroU32::new(orders).map(|orders| RateLimiter::keyed(Quota::per_second(orders))))
    }

    pub fn check(&self, caller: &Caller) -> Answer<()> {
        let Some(limiter) = &self.0 else {
            return Ok(());
        };
        limiter.check_key(&(caller.store, caller.user.clone())).map_err(|early| {
            let wait: Duration = early.wait_time_from(limiter.clock().now());
            Problem::new("rate_limited", "This user places too many orders a second.").retry_after(wait)
        })
    }

    pub fn forget_idle(&self) {
        if let Some(limiter) = &self.0 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}
