//! GET /admin/dead-letters: newest first, of one topic or of all.

use actix_web::{HttpResponse, get, web};
use sluice_events::Topic;
use sluice_kernel::Page;

use super::belongs_to;
use crate::{
    answers::operations::DeadLetterAnswer,
    auth::Staff,
    list::{ListAnswer, ListQuery},
    problem::{Answer, Problem},
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Letters read at a time, and times read for one page: another store's letters are skipped within this bound.
const BATCH: u32 = 200;
const MOST_ROUNDS: usize = 25;

/// Lists events that could not be handled
#[utoipa::path(
    tag = "staff",
    params(
        ("topic" = Option<String>, Query, description = "Only of this topic"),
        ("limit" = Option<u32>, Query, description = "1 to 100", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before")
    ),
    responses((status = 200, description = "A page, newest first", body = ListAnswer<DeadLetterAnswer>), Refusals<'_>, StaffOnly<'_>),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/dead-letters")]
pub async fn dead_letters(Staff(caller): Staff, mut query: ListQuery, api: web::Data<Api>) -> Answer<HttpResponse> {
    let topic = query.text("topic").map(|name| Topic::parse(&name).ok_or_else(|| Problem::invalid("/query/topic", "not a topic")));
    let topic = topic.transpose()?;
    let page = query.page()?;
    let surplus = usize::try_from(page.limit).unwrap_or(usize::MAX).saturating_add(1);
    let mut found = Vec::new();
    let mut after = page.after;
    for _ in 0..MOST_ROUNDS {
        let letters = api.shop.dead_letters.clone();
        let batch = api.ask(async move { letters.list(topic, after, BATCH).await }).await?;
        let last = u32::try_from(batch.len()).is_ok_and(|length| length < BATCH);
        after = batch.last().map(|letter| letter.id.0);
        found.extend(batch.into_iter().filter(|letter| belongs_to(letter, caller.store)));
        if last || found.len() >= surplus {
            break;
        }
    }
    found.truncate(surplus);
    let page = Page::from_overfull(found, page.limit, |letter| letter.id.0);
    Ok(HttpResponse::Ok().json(ListAnswer::from(page.map(DeadLetterAnswer::from))))
}
