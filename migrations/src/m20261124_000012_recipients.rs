//! The recipient's snapshot moves into the order's own row: one row less to write for every order, one query less to
//! read it. No release has known the table it stood in, so that goes at once.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, string_len_null},
};

use crate::table::{NewTable, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

const ADDRESSES: &str = "order_addresses";
/// Name in `order_addresses`, name in `orders`, length.
const COLUMNS: [(&str, &str, u32); 7] = [
    ("name", "recipient_name", 64),
    ("phone", "recipient_phone", 32),
    ("id_card", "recipient_id_card", 32),
    ("province", "recipient_province", 64),
    ("city", "recipient_city", 64),
    ("district", "recipient_district", 64),
    ("address", "recipient_address", 200),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (_, column, length) in COLUMNS {
            if !manager.has_column("orders", column).await? {
                let add = Table::alter().table("orders").add_column(string_len_null(column, length)).to_owned();
                manager.alter_table(add).await?;
            }
        }
        if !manager.has_table(ADDRESSES).await? {
            return Ok(());
        }
        let of_order = |column: &'static str| {
            let matches = Expr::col((ADDRESSES, "main_no")).equals(("orders", "order_no"));
            Query::select().column(column).from(ADDRESSES).and_where(matches).to_owned()
        };
        let mut copy = Query::update();
        copy.table("orders");
        for (from, to, _) in COLUMNS {
            copy.value(to, SimpleExpr::SubQuery(None, Box::new(of_order(from).into())));
        }
        let with_address = Query::select().column("main_no").from(ADDRESSES).to_owned();
        copy.and_where(Expr::col("order_no").in_subquery(with_address));
        manager.exec_stmt(copy).await?;
        drop_tables(manager, &[ADDRESSES]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut columns = vec![big_integer("main_no").primary_key().take()];
        columns.extend(COLUMNS.map(|(name, _, length)| string_len_null(name, length)));
        NewTable::named(ADDRESSES).columns(columns).create(manager).await?;
        if manager.has_column("orders", COLUMNS[0].1).await? {
            let mut kept = Query::select();
            kept.column("order_no").columns(COLUMNS.map(|(_, column, _)| column)).from("orders");
            let mut names = vec!["main_no"];
            names.extend(COLUMNS.map(|(name, ..)| name));
            let mut copy = Query::insert();
            copy.into_table(ADDRESSES).columns(names);
            copy.select_from(kept).map_err(|error| DbErr::Custom(error.to_string()))?;
            manager.exec_stmt(copy).await?;
        }
        for (_, column, _) in COLUMNS {
            if manager.has_column("orders", column).await? {
                manager.alter_table(Table::alter().table("orders").drop_column(column).to_owned()).await?;
            }
        }
        Ok(())
    }
}
