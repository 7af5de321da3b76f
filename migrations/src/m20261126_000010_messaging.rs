//! The outbox, the inbox, events that stepped aside, dead letters.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, big_pk_auto, integer, small_integer, string_len, string_len_null, text},
};

use crate::table::{NewTable, drop_tables, medium_text};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_outbox(manager).await?;
        create_inbox(manager).await?;
        create_parking(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = ["parked_events", "parked_lanes", "dead_letters", "inbox", "outbox_leases", "outbox"];
        drop_tables(manager, &tables).await
    }
}

async fn create_outbox(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // No index by slice: the table holds the backlog alone and is read in the order of its ids.
    NewTable::named("outbox")
        .columns(vec![
            big_pk_auto("id"),
            small_integer("slice"),
            big_integer("available_at"),
            medium_text("payload"),
            string_len_null("traceparent", 64),
        ])
        .create(manager)
        .await?;

    NewTable::named("outbox_leases")
        .columns(vec![small_integer("slice").primary_key().take(), string_len("owner", 64), big_integer("until_at")])
        .create(manager)
        .await
}

async fn create_inbox(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    NewTable::named("inbox")
        .columns(vec![string_len("consumer", 32), string_len("event_id", 96), big_integer("at")])
        .key(&["consumer", "event_id"])
        .index("inbox_by_age", &["at"])
        .create(manager)
        .await?;

    // `state`: 0 dead, 1 tried again just now, 2 handled then. `store_id`: what the payload names. `original`: the event as it
    // came, in JSON, where its parts did not fit the columns.
    NewTable::named("dead_letters")
        .columns(vec![
            big_pk_auto("id"),
            string_len("consumer", 64),
            string_len("topic", 64),
            string_len("event_key", 64),
            string_len("event_id", 96),
            string_len("event_type", 96),
            big_integer("event_time"),
            string_len_null("traceparent", 64),
            medium_text("data"),
            integer("attempts"),
            string_len("error_code", 64),
            text("error_detail"),
            big_integer("at"),
            big_integer_null("replayed_at"),
            small_integer("state").default(0).take(),
            integer("replays").default(0).take(),
            big_integer_null("store_id"),
            ColumnDef::new("original").custom("mediumtext").null().take(),
        ])
        .unique("dead_letters_once", &["consumer", "event_id"])
        .index("dead_letters_by_topic", &["topic", "id"])
        .index("dead_letters_of_store", &["store_id", "id"])
        .index("dead_letters_of_store_by_topic", &["store_id", "topic", "id"])
        .index("dead_letters_by_state", &["state", "at"])
        .create(manager)
        .await
}

async fn create_parking(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // `owner` is a consumer, whose lanes are keys, or the relay, whose lanes are those of the bus.
    NewTable::named("parked_lanes")
        .columns(vec![
            big_pk_auto("id"),
            string_len("owner", 64),
            string_len("lane", 64),
            integer("tries"),
            big_integer("next_try_at"),
            text("error"),
        ])
        .unique("parked_lanes_once", &["owner", "lane"])
        .index("parked_lanes_due", &["owner", "next_try_at"])
        .create(manager)
        .await?;

    // `letter_id` is the dead letter that is replayed by this.
    NewTable::named("parked_events")
        .columns(vec![
            big_pk_auto("id"),
            big_integer("lane_id"),
            medium_text("envelope"),
            integer("attempts"),
            big_integer("parked_at"),
            big_integer_null("letter_id"),
        ])
        .index("parked_events_of_lane", &["lane_id", "id"])
        .create(manager)
        .await
}
