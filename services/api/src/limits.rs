//! How often a user may ask for something in a second.

use std::{num::NonZeroU32, time::Duration};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};
use sluice_kernel::{StoreId, UserId};

use crate::{
    auth::Caller,
    problem::{Answer, Problem},
};

/// One bucket for each user of a store; empty ones are forgotten by [`UserLimit::forget_idle`].
pub struct UserLimit(Option<DefaultKeyedRateLimiter<(StoreId, UserId)>>);

impl UserLimit {
    /// 0 turns the limit off.
    pub fn per_second(requests: u32) -> Self {
        Self(NonZeroU32::new(requests).map(|requests| RateLimiter::keyed(Quota::per_second(requests))))
    }

    pub fn check(&self, caller: &Caller) -> Answer<()> {
        let Some(limiter) = &self.0 else {
            return Ok(());
        };
        limiter.check_key(&(caller.store, caller.user.clone())).map_err(|early| {
            let wait: Duration = early.wait_time_from(limiter.clock().now());
            Problem::new("rate_limited", "This user asks for this too often in a second.").retry_after(wait)
        })
    }

    pub fn forget_idle(&self) {
        if let Some(limiter) = &self.0 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}
