//! The tables: a sea-orm entity each, which is the list of its columns and their reader by name, with the codes of the enums
//! that stand in them. Statements that are written by hand take their columns from here, by [`row`].

mod cart;
mod catalog;
mod inventory;
mod member;
mod messaging;
mod order;
mod partner;
mod pay;
mod points;
mod promotion;

use sea_orm::{QueryResult, Value};

use crate::error::StoreResult;

pub(crate) use cart::{cart_lines, carts};
pub(crate) use catalog::{products, skus, stores};
pub(crate) use inventory::{
    gate_effects, gate_state, limit_counters, reservation_outcomes, stock, stock_adjustments, stock_ledger,
};
pub(crate) use member::{address_books, addresses, code_tries, sent_codes, third_party_accounts};
pub(crate) use messaging::{dead_letters, inbox, node_leases, outbox, outbox_leases, parked_events, parked_lanes, seen_times};
pub(crate) use order::{
    follow_tickets, idempotency_keys, order_activities, order_children, order_items, order_refunds, order_settlements, orders,
};
pub(crate) use partner::{webhook_attempts, webhook_deliveries, webhook_subscriptions};
pub(crate) use pay::{payment_closures, payment_exceptions, payment_notices, payments, refunds, sandbox_channels};
pub(crate) use points::{points_accounts, points_ledger, points_tasks};
pub(crate) use promotion::{ModeWord, activities, activity_products, campaigns, redemptions};

/// An entity: `name = "name", key(column: type) { column: type, … }`; a key of one column is `generated` where the database may
/// choose it. `new` after it adds `New`, a row without that key, for whoever inserts rows whole.
macro_rules! table {
    (
        $(#[$doc:meta])* $name:ident = $text:literal, generated($key:ident: $key_type:ty), new
        { $($(#[$about:meta])* $column:ident: $type:ty,)* }
    ) => {
        table!(@entity $(#[$doc])* $name $text { #[sea_orm(primary_key)] $key: $key_type, $($(#[$about])* $column: $type,)* } {
            /// A row before the database has chosen its key.
            pub(crate) struct New {
                $(pub(crate) $column: $type,)*
            }

            impl $crate::table::Row for New {
                $crate::table::columns! { $text, $($column)* }
            }
        });
    };
    (
        $(#[$doc:meta])* $name:ident = $text:literal, generated($key:ident: $key_type:ty)
        { $($(#[$about:meta])* $column:ident: $type:ty,)* }
    ) => {
        table!(@entity $(#[$doc])* $name $text { #[sea_orm(primary_key)] $key: $key_type, $($(#[$about])* $column: $type,)* } {});
    };
    (
        $(#[$doc:meta])* $name:ident = $text:literal, key($($key:ident: $key_type:ty),+)
        { $($(#[$about:meta])* $column:ident: $type:ty,)* }
    ) => {
        table!(@entity $(#[$doc])* $name $text {
            $(#[sea_orm(primary_key, auto_increment = false)] $key: $key_type,)+
            $($(#[$about])* $column: $type,)*
        } {});
    };
    (@entity $(#[$doc:meta])* $name:ident $text:literal { $($(#[$about:meta])* $column:ident: $type:ty,)+ } { $($more:item)* }) => {
        $(#[$doc])*
        pub(crate) mod $name {
            use sea_orm::entity::prelude::*;

            #[allow(unused_imports, reason = "not every table keeps a type of the domain")]
            use super::*;

            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
            #[sea_orm(table_name = $text)]
            pub(crate) struct Model {
                $($(#[$about])* pub(crate) $column: $type,)+
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub(crate) enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}

            impl $crate::table::Row for Model {
                $crate::table::columns! { $text, $($column)+ }
            }

            $($more)*
        }
    };
}
use table;

/// Some columns of a table, read and written by their places in its own list.
pub(crate) trait Row: Sized {
    const TABLE: &'static str;
    const COLUMNS: &'static [&'static str];

    fn read_from(reader: &mut Places<'_>) -> StoreResult<Self>;

    /// The values, in the order of the columns.
    fn write_to(self, values: &mut Vec<Value>);

    fn read(row: &QueryResult) -> StoreResult<Self> {
        Self::read_from(&mut Places::of(row))
    }

    /// `SELECT a, b FROM t`
    fn select() -> String {
        format!("SELECT {} FROM {}", Self::COLUMNS.join(", "), Self::TABLE)
    }

    /// `t.a, t.b`, where `t` is what the table is called in a join.
    fn columns_of(alias: &str) -> String {
        Self::COLUMNS.iter().map(|column| format!("{alias}.{column}")).collect::<Vec<_>>().join(", ")
    }
}

/// The columns of a found row, one after the other.
pub(crate) struct Places<'a> {
    row: &'a QueryResult,
    next: usize,
}

impl<'a> Places<'a> {
    pub(crate) fn of(row: &'a QueryResult) -> Self {
        Self { row, next: 0 }
    }

    pub(crate) fn next<T: sea_orm::TryGetable>(&mut self) -> StoreResult<T> {
        let value = self.row.try_get_by_index(self.next)?;
        self.next += 1;
        Ok(value)
    }
}

/// What [`Row`] asks for, of these columns of a table.
macro_rules! columns {
    ($table:expr, $($column:ident)+) => {
        const TABLE: &'static str = $table;
        const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),+];

        fn read_from(places: &mut $crate::table::Places<'_>) -> $crate::error::StoreResult<Self> {
            Ok(Self { $($column: places.next()?,)+ })
        }

        fn write_to(self, values: &mut Vec<sea_orm::Value>) {
            values.extend([$(sea_orm::Value::from(self.$column)),+]);
        }
    };
}
pub(crate) use columns;

/// A [`Row`] of a table: `struct Name of table { column: type, … }`. Each column is one of the table's, of the same type.
macro_rules! row {
    ($(#[$doc:meta])* $visible:vis struct $name:ident of $table:ident { $($column:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        $visible struct $name {
            $($visible $column: $type,)+
        }

        impl $crate::table::Row for $name {
            $crate::table::columns! { stringify!($table), $($column)+ }
        }

        const _: fn(&$crate::table::$table::Model) = |model| {
            $(let _: &$type = &model.$column;)+
        };
    };
}
pub(crate) use row;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sea_orm::{EntityTrait, IdenStatic as _, Iterable as _};

    use super::*;
    use crate::{Database, DatabaseSettings};

    fn columns_of<E: EntityTrait>() -> (&'static str, BTreeSet<String>) {
        (E::default().table_name(), E::Column::iter().map(|column| column.as_str().to_owned()).collect())
    }

    /// What the migrations make, and no column more or less.
    #[tokio::test]
    async fn the_tables_are_those_of_the_migrations() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let database = Database::connect(&DatabaseSettings::new(url)).await.unwrap();
        database.migrate().await.unwrap();
        let tables = [
            columns_of::<stores::Entity>(),
            columns_of::<products::Entity>(),
            columns_of::<skus::Entity>(),
            columns_of::<activities::Entity>(),
            columns_of::<activity_products::Entity>(),
            columns_of::<campaigns::Entity>(),
            columns_of::<redemptions::Entity>(),
            columns_of::<webhook_subscriptions::Entity>(),
            columns_of::<webhook_deliveries::Entity>(),
            columns_of::<webhook_attempts::Entity>(),
            columns_of::<carts::Entity>(),
            columns_of::<cart_lines::Entity>(),
            columns_of::<address_books::Entity>(),
            columns_of::<addresses::Entity>(),
            columns_of::<third_party_accounts::Entity>(),
            columns_of::<sent_codes::Entity>(),
            columns_of::<code_tries::Entity>(),
            columns_of::<points_accounts::Entity>(),
            columns_of::<points_ledger::Entity>(),
            columns_of::<points_tasks::Entity>(),
            columns_of::<payments::Entity>(),
            columns_of::<payment_closures::Entity>(),
            columns_of::<payment_exceptions::Entity>(),
            columns_of::<payment_notices::Entity>(),
            columns_of::<refunds::Entity>(),
            columns_of::<sandbox_channels::Entity>(),
            columns_of::<orders::Entity>(),
            columns_of::<follow_tickets::Entity>(),
            columns_of::<order_activities::Entity>(),
            columns_of::<order_children::Entity>(),
            columns_of::<order_items::Entity>(),
            columns_of::<order_refunds::Entity>(),
            columns_of::<order_settlements::Entity>(),
            columns_of::<idempotency_keys::Entity>(),
            columns_of::<stock::Entity>(),
            columns_of::<stock_ledger::Entity>(),
            columns_of::<stock_adjustments::Entity>(),
            columns_of::<limit_counters::Entity>(),
            columns_of::<reservation_outcomes::Entity>(),
            columns_of::<gate_state::Entity>(),
            columns_of::<gate_effects::Entity>(),
            columns_of::<outbox::Entity>(),
            columns_of::<outbox_leases::Entity>(),
            columns_of::<inbox::Entity>(),
            columns_of::<dead_letters::Entity>(),
            columns_of::<parked_lanes::Entity>(),
            columns_of::<parked_events::Entity>(),
            columns_of::<node_leases::Entity>(),
            columns_of::<seen_times::Entity>(),
        ];
        for (table, columns) in tables {
            let found = database.rows(format!("SELECT name FROM pragma_table_info('{table}')"), vec![]).await.unwrap();
            let found: BTreeSet<String> = found.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
            assert_eq!(found, columns, "{table}");
        }
    }
}
