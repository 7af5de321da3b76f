//! GET /admin/dead-letters: newest first, of one topic and state or of all.

use sluice_events::{DeadLetterId, LetterQuery, LetterState, Topic};
use sluice_kernel::Page;

use crate::{
    endpoint::{Answer, Api, Description, Filter, PageParams, Paged, Query, Route, Staff},
    responses::{operations::DeadLetterAnswer, words},
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/dead-letters", dead_letters).named("adminDeadLetterList", "Lists events that could not be handled")
}

pub struct ByTopicAndState {
    topic: Option<Topic>,
    state: Option<LetterState>,
}

impl Filter for ByTopicAndState {
    fn take(query: &mut Query) -> Answer<Self> {
        let state = |name: &str| LetterState::ALL.into_iter().find(|state| state.as_str() == name);
        Ok(Self { topic: query.one_of("topic", Topic::parse, "not a topic")?, state: query.one_of("state", state, "not a state")? })
    }

    fn describe(operation: &mut Description) {
        let topic = operation.schema::<words::Topic>();
        operation.filter("topic", "Only of this topic", topic);
        let state = operation.schema::<words::LetterState>();
        operation.filter("state", "Only in this state", state);
    }
}

async fn dead_letters(staff: Staff, params: PageParams<ByTopicAndState>, api: Api) -> Answer<Paged<DeadLetterAnswer>> {
    let PageParams { page, filter: ByTopicAndState { topic, state } } = params;
    let query = LetterQuery {
        topic,
        store: Some(staff.store),
        state,
        after: page.after.map(DeadLetterId),
        limit: page.limit.saturating_add(1),
    };
    let found = api.call(|shop| async move { shop.dead_letters.list(query).await }).await?;
    Ok(Paged::of(Page::from_overfull(found, page.limit, |letter| letter.id.0)))
}
