//! The key an order was placed under stands in the order's own row, whose unique index lets it be used once: one row less to
//! write for every order. `idempotency_keys` keeps what other requests were asked under, and claims to carts.

use sea_orm_migration::{prelude::*, schema::binary_len_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

const SCOPE: &str = "key_scope";
const FINGERPRINT: &str = "key_fingerprint";
const ONCE: &str = "orders_key_once";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (column, length) in [(SCOPE, 16), (FINGERPRINT, 32)] {
            if !manager.has_column("orders", column).await? {
                let add = Table::alter().table("orders").add_column(binary_len_null(column, length)).to_owned();
                manager.alter_table(add).await?;
            }
        }
        // Of an order's keys its own is the one that was written with it; a claim to its cart has no fingerprint.
        let own = |column: &'static str| {
            let key = |name| Expr::col(("idempotency_keys", name));
            Query::select()
                .column(column)
                .from("idempotency_keys")
                .and_where(key("order_no").equals(("orders", "order_no")))
                .and_where(key("created_at").equals(("orders", "created_at")))
                .and_where(key("fingerprint").ne(vec![0_u8; 32]))
                .limit(1)
                .to_owned()
        };
        let mut copy = Query::update();
        copy.table("orders");
        for (column, from) in [(SCOPE, "scope"), (FINGERPRINT, "fingerprint")] {
            copy.value(column, SimpleExpr::SubQuery(None, Box::new(own(from).into())));
        }
        copy.and_where(Expr::col(SCOPE).is_null());
        manager.exec_stmt(copy).await?;
        if !manager.has_index("orders", ONCE).await? {
            let once = Index::create().name(ONCE).table("orders").col(SCOPE).unique().to_owned();
            manager.create_index(once).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.has_column("orders", SCOPE).await? {
            let known = Query::select().column("scope").from("idempotency_keys").to_owned();
            let kept = Query::select()
                .columns([SCOPE, "order_no", FINGERPRINT, "created_at"])
                .from("orders")
                .and_where(Expr::col(SCOPE).is_not_null())
                .and_where(Expr::col(SCOPE).not_in_subquery(known))
                .to_owned();
            let mut copy = Query::insert();
            copy.into_table("idempotency_keys").columns(["scope", "order_no", "fingerprint", "created_at"]);
            copy.select_from(kept).map_err(|error| DbErr::Custom(error.to_string()))?;
            manager.exec_stmt(copy).await?;
        }
        if manager.has_index("orders", ONCE).await? {
            manager.drop_index(Index::drop().name(ONCE).table("orders").to_owned()).await?;
        }
        for column in [SCOPE, FINGERPRINT] {
            if manager.has_column("orders", column).await? {
                manager.alter_table(Table::alter().table("orders").drop_column(column).to_owned()).await?;
            }
        }
        Ok(())
    }
}
