//! sluice-storage-sql
