//! One table with its keys and indexes, created where it does not stand yet.

use sea_orm_migration::{
    prelude::*,
    sea_orm::DbBackend,
    sea_query::{IndexCreateStatement, TableCreateStatement},
};

/// A table under construction.
pub struct NewTable {
    name: &'static str,
    create: TableCreateStatement,
    indexes: Vec<IndexCreateStatement>,
}

impl NewTable {
    pub fn named(name: &'static str) -> Self {
        let mut create = Table::create();
        create.table(name).if_not_exists();
        Self { name, create, indexes: Vec::new() }
    }

    pub fn columns(mut self, columns: impl IntoIterator<Item = ColumnDef>) -> Self {
        for column in columns {
            self.create.col(column);
        }
        self
    }

    /// A primary key of several columns.
    pub fn key(mut self, columns: &[&'static str]) -> Self {
        let mut key = Index::create();
        for column in columns {
            key.col(*column);
        }
        self.create.primary_key(&mut key);
        self
    }

    pub fn check(mut self, condition: SimpleExpr) -> Self {
        self.create.check(condition);
        self
    }

    pub fn unique(self, name: &'static str, columns: &[&'static str]) -> Self {
        self.indexed(name, columns, true)
    }

    pub fn index(self, name: &'static str, columns: &[&'static str]) -> Self {
        self.indexed(name, columns, false)
    }

    fn indexed(mut self, name: &'static str, columns: &[&'static str], unique: bool) -> Self {
        let mut index = Index::create();
        index.name(name).table(self.name);
        for column in columns {
            index.col(*column);
        }
        if unique {
            index.unique();
        }
        self.indexes.push(index);
        self
    }

    pub async fn create(mut self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::MySql {
            // Compares text byte by byte, as SQLite does: two keys that differ in case are two keys.
            self.create.engine("InnoDB").character_set("utf8mb4").collate("utf8mb4_bin");
        }
        manager.create_table(self.create).await?;
        for index in self.indexes {
            let name = index.get_index_spec().get_name().unwrap_or_default().to_owned();
            if !manager.has_index(self.name, &name).await? {
                manager.create_index(index).await?;
            }
        }
        Ok(())
    }
}

/// Table, name and columns of indexes that a table gets later; those that stand already are left.
pub async fn add_indexes(manager: &SchemaManager<'_>, indexes: &[(&str, &str, &[&str])]) -> Result<(), DbErr> {
    for (table, name, columns) in indexes {
        if manager.has_index(table, name).await? {
            continue;
        }
        let mut index = Index::create();
        index.name(*name).table(Alias::new(*table));
        for column in *columns {
            index.col(Alias::new(*column));
        }
        manager.create_index(index).await?;
    }
    Ok(())
}

/// Columns that a table gets later; those that stand already are left.
pub async fn add_columns(manager: &SchemaManager<'_>, table: &'static str, columns: Vec<ColumnDef>) -> Result<(), DbErr> {
    for column in columns {
        if !manager.has_column(table, column.get_column_name()).await? {
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
    }
    Ok(())
}

pub async fn drop_columns(manager: &SchemaManager<'_>, table: &'static str, columns: &[&'static str]) -> Result<(), DbErr> {
    for column in columns {
        if manager.has_column(table, *column).await? {
            manager.alter_table(Table::alter().table(table).drop_column(*column).to_owned()).await?;
        }
    }
    Ok(())
}

pub async fn drop_indexes(manager: &SchemaManager<'_>, indexes: &[(&str, &str, &[&str])]) -> Result<(), DbErr> {
    for (table, name, _) in indexes {
        if manager.has_index(table, name).await? {
            manager.drop_index(Index::drop().name(*name).table(Alias::new(*table)).to_owned()).await?;
        }
    }
    Ok(())
}

pub async fn drop_tables(manager: &SchemaManager<'_>, names: &[&'static str]) -> Result<(), DbErr> {
    for name in names {
        manager.drop_table(Table::drop().table(*name).if_exists().to_owned()).await?;
    }
    Ok(())
}

/// A whole number that never falls below zero.
pub fn not_negative(column: &'static str) -> SimpleExpr {
    Expr::col(column).gte(0)
}

/// TEXT ends at 64 KiB on MySQL; an order of 100 lines is longer than that as JSON.
pub fn medium_text(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).custom("mediumtext").not_null().take()
}
