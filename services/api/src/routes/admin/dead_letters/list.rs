//! GET /admin/dead-letters: newest first, of one topic and state or of all.

use actix_web::{HttpResponse, get, web};
use sluice_events::{DeadLetterId, LetterQuery, LetterState, Topic};
use sluice_kernel::Page;

use crate::{
    auth::Staff,
    list::{ListAnswer, ListQuery},
    problem::{Answer, Problem},
    responses::operations::DeadLetterAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Lists events that could not be handled
#[utoipa::path(
    tag = "staff",
    params(
        ("topic" = Option<String>, Query, description = "Only of this topic"),
        ("state" = Option<String>, Query, description = "Only in this state: dead, replaying or handled"),
        ("limit" = Option<u32>, Query, description = "1 to 100", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before", pattern = "^c[0-9a-f]{16}$")
    ),
    responses((status = 200, description = "A page, newest first", body = ListAnswer<DeadLetterAnswer>), Refusals<'_>, StaffOnly<'_>),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/dead-letters")]
pub async fn dead_letters(Staff(caller): Staff, mut query: ListQuery, api: web::Data<Api>) -> Answer<HttpResponse> {
    let topic = query.text("topic").map(|name| Topic::parse(&name).ok_or_else(|| Problem::invalid("/query/topic", "not a topic")));
    let topic = topic.transpose()?;
    let named = |name: String| LetterState::ALL.into_iter().find(|state| state.as_str() == name);
    let state = query.text("state").map(|name| named(name).ok_or_else(|| Problem::invalid("/query/state", "not a state")));
    let state = state.transpose()?;
    let page = query.page()?;
    let query = LetterQuery {
        topic,
        store: Some(caller.store),
        state,
        after: page.after.map(DeadLetterId),
        limit: page.limit.saturating_add(1),
    };
    let letters = api.shop.dead_letters.clone();
    let found = api.ask(async move { letters.list(query).await }).await?;
    let page = Page::from_overfull(found, page.limit, |letter| letter.id.0);
    Ok(HttpResponse::Ok().json(ListAnswer::from(page.map(DeadLetterAnswer::from))))
}
