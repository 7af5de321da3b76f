//! GET /activities: running and coming promotions of the store with their products, newest first.

use std::time::Duration;

use sluice_kernel::Page;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::shown;
use crate::{
    endpoint::{Answer, Api, Cacheable, OfStore, PageParams, Paged, Problem, Route, Visitor},
    responses::activity::ActivityAnswer,
};

/// Pages of activities that one process reads at the same time. A page has up to a thousand offers: more of them would take
/// the connections that orders are placed and paid over.
static PAGES: Semaphore = Semaphore::const_new(4);
/// How long a page waits for its permit.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(3);

pub fn route() -> Route {
    Route::get("/api/v1/activities", activities).named("activityList", "Lists the running and coming promotions")
}

async fn activities(visitor: Visitor, params: PageParams<OfStore>, api: Api) -> Answer<Cacheable<Paged<ActivityAnswer>>> {
    let permit = permit().await?;
    let found = api.call(|shop| async move {
        let _permit = permit;
        let found = shop.promotion.open_activities(visitor.store, params.page).await?;
        let data = shown(&shop, visitor.store, found.data).await?;
        Answer::Ok(Page { data, next_cursor: found.next_cursor, has_more: found.has_more })
    });
    found.await.map(Paged::from).map(Cacheable)
}

async fn permit() -> Answer<SemaphorePermit<'static>> {
    let overloaded = || Problem::new("overloaded", "Too many pages of promotions are being read; try again soon.");
    match tokio::time::timeout(PERMIT_TIMEOUT, PAGES.acquire()).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) | Err(_) => Err(overloaded()),
    }
}
