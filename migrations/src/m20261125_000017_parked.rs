//! Events that stepped aside wait in lanes, and a dead letter says what became of it.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, big_pk_auto, integer, small_integer, string_len, text},
    sea_orm::DbBackend,
};

use crate::table::{NewTable, drop_tables, medium_text};

#[derive(DeriveMigrationName)]
pub struct Migration;

const LETTERS: &str = "dead_letters";
const INDEXES: [(&str, &[&str]); 3] = [
    ("dead_letters_of_store", &["store_id", "id"]),
    ("dead_letters_of_store_by_topic", &["store_id", "topic", "id"]),
    // Of what was handled the oldest is found first; what is dead has a state of its own.
    ("dead_letters_by_state", &["state", "at"]),
];

fn columns() -> [(&'static str, ColumnDef); 4] {
    [
        // 0 dead, 1 tried again just now, 2 handled then.
        ("state", small_integer("state").default(0).take()),
        ("replays", integer("replays").default(0).take()),
        // The store that the payload names.
        ("store_id", big_integer_null("store_id")),
        // The event as it came, in JSON, where its parts did not fit the columns.
        ("original", ColumnDef::new("original").custom("mediumtext").null().take()),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, column) in columns() {
            if !manager.has_column(LETTERS, name).await? {
                manager.alter_table(Table::alter().table(LETTERS).add_column(column).to_owned()).await?;
            }
        }
        let connection = manager.get_connection();
        let store = if manager.get_database_backend() == DbBackend::Sqlite {
            "CASE WHEN json_type(data, '$.store_id') = 'integer' THEN json_extract(data, '$.store_id') END"
        } else {
            // A CAST of any other text is an error here, and anything may stand in an unreadable event.
            "CASE WHEN JSON_UNQUOTE(JSON_EXTRACT(data, '$.store_id')) REGEXP '^[0-9]{1,18}$' \
             THEN CAST(JSON_UNQUOTE(JSON_EXTRACT(data, '$.store_id')) AS SIGNED) END"
        };
        connection
            .execute_unprepared(&format!(
                "UPDATE dead_letters SET store_id = CASE WHEN JSON_VALID(data) THEN {store} ELSE NULL END WHERE store_id IS NULL"
            ))
            .await?;
        connection
            .execute_unprepared("UPDATE dead_letters SET state = 2, replays = 1 WHERE replayed_at IS NOT NULL AND state = 0")
            .await?;
        for (name, of) in INDEXES {
            if !manager.has_index(LETTERS, name).await? {
                let mut index = Index::create();
                index.name(name).table(LETTERS);
                for column in of {
                    index.col(*column);
                }
                manager.create_index(index).await?;
            }
        }
        create_parking(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["parked_events", "parked_lanes"]).await?;
        for (name, _) in INDEXES {
            if manager.has_index(LETTERS, name).await? {
                manager.drop_index(Index::drop().name(name).table(LETTERS).to_owned()).await?;
            }
        }
        for (name, _) in columns() {
            if manager.has_column(LETTERS, name).await? {
                manager.alter_table(Table::alter().table(LETTERS).drop_column(name).to_owned()).await?;
            }
        }
        Ok(())
    }
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
