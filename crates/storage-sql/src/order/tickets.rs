//! Tickets for status streams: each row is deleted by who uses it.

use async_trait::async_trait;
use sea_orm::{ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, sea_query::ExprTrait as _};
use sluice_kernel::{OrderNo, PortResult, StoreId, UserId};
use sluice_order::{FollowTickets, KeptTicket};

use crate::{
    database::Database,
    error::{IntoPort as _, StoreResult},
    stored::Stored,
    table::follow_tickets::{Column, Entity, Model},
};

#[derive(Clone)]
pub struct SqlFollowTickets {
    database: Database,
}

impl SqlFollowTickets {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn write(&self, ticket: &KeptTicket) -> StoreResult<()> {
        let row = Model {
            digest: ticket.digest.clone(),
            store_id: ticket.store.0,
            order_no: Stored(ticket.order_no),
            user_id: ticket.user.0.clone(),
            expires_at: Stored(ticket.expires_at),
            stream_ends_at: Stored(ticket.stream_ends_at),
        };
        Entity::insert(row.into_active_model()).exec_without_returning(&self.database).await?;
        Ok(())
    }

    async fn use_up(&self, digest: &str, order: OrderNo) -> StoreResult<Option<KeptTicket>> {
        let wanted = || Column::Digest.eq(digest).and(Column::OrderNo.eq(Stored(order)));
        let Some(row) = Entity::find().filter(wanted()).one(&self.database).await? else { return Ok(None) };
        // Of several who have read it the one whose deletion found it has it.
        let deleted = Entity::delete_many().filter(wanted()).exec(&self.database).await?;
        Ok((deleted.rows_affected == 1).then_some(KeptTicket {
            digest: row.digest,
            store: StoreId(row.store_id),
            order_no: row.order_no.0,
            user: UserId(row.user_id),
            expires_at: row.expires_at.0,
            stream_ends_at: row.stream_ends_at.0,
        }))
    }
}

#[async_trait]
impl FollowTickets for SqlFollowTickets {
    async fn keep(&self, ticket: &KeptTicket) -> PortResult<()> {
        self.write(ticket).await.into_port("keeping a ticket")
    }

    async fn take(&self, digest: &str, order: OrderNo) -> PortResult<Option<KeptTicket>> {
        self.use_up(digest, order).await.into_port("using a ticket")
    }
}
